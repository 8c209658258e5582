//! Names come from outside: from other systems, from archives, from somebody
//! who means harm. The name of a file that is brought in is NFC, has no
//! separators, control characters or others that Windows forbids, is not reserved
//! there, fits 255 bytes, and does not differ from its neighbour by case alone, so
//! that a store can be restored on any platform. The name as it came in is kept in
//! the catalog. What lies in a store already, put there by hand or by the
//! predecessor, keeps the name that this system allows it.

use std::path::{Component, Path};
use unicode_normalization::UnicodeNormalization;

/// What file systems allow for one component, in bytes (ext4, APFS, NTFS: at least).
const MAX_BYTES: usize = 255;

/// Device names that Windows takes in any folder, with any extension.
const RESERVED: [&str; 28] = [
    "CON", "PRN", "AUX", "NUL", "COM1", "COM2", "COM3", "COM4", "COM5", "COM6", "COM7", "COM8",
    "COM9", "COM¹", "COM²", "COM³", "LPT1", "LPT2", "LPT3", "LPT4", "LPT5", "LPT6", "LPT7", "LPT8",
    "LPT9", "LPT¹", "LPT²", "LPT³",
];

/// One component out of any text that is safe here and possible everywhere.
pub fn sanitize_filename(raw: &str) -> String {
    component(raw, true)
}

/// `portable`: without what only Windows forbids, and in the form (NFC) and without the
/// ends that make two names one elsewhere.
fn component(raw: &str, portable: bool) -> String {
    let portable = portable || cfg!(windows);
    let form: String = if portable {
        raw.nfc().collect()
    } else {
        raw.to_owned()
    };
    let mut name: String = form
        .chars()
        .map(|c| match c {
            '/' | '\\' => '_',
            c if c.is_control() => '_',
            // Overrides that make a name read backwards ("exe.csv" for "vsc.exe").
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '_',
            '<' | '>' | ':' | '"' | '|' | '?' | '*' if portable => '_',
            c => c,
        })
        .collect();
    if portable {
        // Windows drops trailing dots and spaces, so two names would become one.
        name.truncate(name.trim_end_matches(['.', ' ']).len());
        name = name.trim_start().to_owned();
    }
    if matches!(name.as_str(), "" | "." | "..") {
        return "unnamed".into();
    }
    let stem = name.split('.').next().unwrap_or(&name).trim_end();
    let name = if RESERVED.iter().any(|r| r.eq_ignore_ascii_case(stem)) {
        format!("{stem}_{}", &name[stem.len()..])
    } else {
        name
    };
    shorten(&name, MAX_BYTES)
}

/// A relative path of portable components out of a path's normal components.
pub(crate) fn sanitize_relative(path: &Path) -> String {
    relative(path, true)
}

/// The same for what had its name in a store before: restored or migrated, it is
/// to come back under that name, so only what is unsafe here is replaced.
pub(crate) fn tame_relative(path: &Path) -> String {
    relative(path, false)
}

fn relative(path: &Path, portable: bool) -> String {
    let parts: Vec<String> = path
        .components()
        .filter_map(|c| match c {
            Component::Normal(part) => Some(component(&part.to_string_lossy(), portable)),
            _ => None,
        })
        .collect();
    if parts.is_empty() {
        "unnamed".into()
    } else {
        parts.join("/")
    }
}

/// What two names must differ in to lie side by side everywhere.
pub(crate) fn name_key(relative: &str) -> String {
    relative.nfc().flat_map(char::to_lowercase).nfc().collect()
}

/// `q3.csv` → `q3 (2).csv`, keeping the folder and the extension.
pub(crate) fn numbered(relative: &str, n: u32) -> String {
    let (folder, name) = match relative.rsplit_once('/') {
        Some((folder, name)) => (Some(folder), name),
        None => (None, relative),
    };
    let (stem, ext) = split_extension(name);
    let tail = format!(" ({n}){ext}");
    let name = format!("{}{tail}", shorten_plain(stem, MAX_BYTES - tail.len()));
    match folder {
        Some(folder) => format!("{folder}/{name}"),
        None => name,
    }
}

pub(crate) fn filename_of(relative: &str) -> &str {
    relative.rsplit('/').next().unwrap_or(relative)
}

/// Stem and extension (with its dot, at most 16 bytes); a leading dot is no extension.
fn split_extension(name: &str) -> (&str, &str) {
    match name.rfind('.') {
        Some(at) if at > 0 && name.len() - at <= 16 => name.split_at(at),
        _ => (name, ""),
    }
}

/// Cuts the stem so that the whole fits, keeping the extension.
fn shorten(name: &str, max: usize) -> String {
    if name.len() <= max {
        return name.to_owned();
    }
    let (stem, ext) = split_extension(name);
    format!("{}{ext}", shorten_plain(stem, max - ext.len()))
}

fn shorten_plain(text: &str, max: usize) -> &str {
    let mut end = max.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].trim_end_matches(['.', ' '])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn hostile_names_become_harmless() {
        for (raw, safe) in [
            ("../../etc/passwd", ".._.._etc_passwd"),
            ("..", "unnamed"),
            (".", "unnamed"),
            ("", "unnamed"),
            ("a\0b", "a_b"),
            ("a\nb.csv", "a_b.csv"),
            ("CON", "CON_"),
            ("con.csv", "con_.csv"),
            ("COM1.tar.gz", "COM1_.tar.gz"),
            ("CONSOLE.csv", "CONSOLE.csv"),
            ("trailing.csv. .", "trailing.csv"),
            ("COM¹.csv", "COM¹_.csv"),
            ("C:\\x\\y.csv", "C__x_y.csv"),
            ("a<b>c:d\"e|f?g*h.csv", "a_b_c_d_e_f_g_h.csv"),
            (".env", ".env"),
            ("a\u{202e}vsc.exe", "a_vsc.exe"),
            ("e\u{301}.csv", "é.csv"),
            ("😀.csv", "😀.csv"),
        ] {
            assert_eq!(sanitize_filename(raw), safe, "{raw:?}");
        }
    }

    #[cfg(not(windows))]
    #[test]
    fn what_had_its_name_before_keeps_it() {
        let before = Path::new("10:30/why?.csv");
        assert_eq!(tame_relative(before), "10:30/why?.csv");
        assert_eq!(sanitize_relative(before), "10_30/why_.csv");
        assert_eq!(tame_relative(Path::new("a\n/CON")), "a_/CON_");
        for kept in ["e\u{301}.csv", "\u{e9}.csv", "dots..", " space ", "..."] {
            assert_eq!(tame_relative(Path::new(kept)), kept);
        }
        assert_eq!(tame_relative(Path::new("../a/./..")), "a");
    }

    #[test]
    fn long_names_keep_their_extension() {
        let name = sanitize_filename(&format!("{}.parquet", "ä".repeat(200)));
        assert!(name.len() <= 255 && name.ends_with("ä.parquet"));
        let again = numbered(&name, 1234);
        assert!(again.len() <= 255 && again.ends_with(" (1234).parquet"));
    }

    #[test]
    fn twins_share_a_key() {
        assert_eq!(name_key("É/A.csv"), name_key("e\u{301}/a.CSV"));
        assert_ne!(name_key("a.csv"), name_key("b.csv"));
        assert_eq!(numbered("x/y.csv", 2), "x/y (2).csv");
        assert_eq!(numbered(".env", 2), ".env (2)");
    }

    proptest! {
        #[test]
        fn any_text_gives_one_safe_component(raw in "\\PC{0,400}|[\\x00-\\x7f]{0,300}") {
            let name = sanitize_filename(&raw);
            prop_assert!(!name.is_empty() && name.len() <= 255);
            prop_assert!(!name.contains(['/', '\\', '\0', '<', '>', ':', '"', '|', '?', '*']));
            prop_assert!(name != "." && name != "..");
            prop_assert!(!name.ends_with('.') && !name.ends_with(' '));
            prop_assert_eq!(sanitize_filename(&name), name.clone());
            prop_assert_eq!(Path::new(&name).components().count(), 1);
        }
    }
}
