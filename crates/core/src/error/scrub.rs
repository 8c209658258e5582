//! The last gate of every text that leaves: absolute paths become their last
//! component, license keys their masked form. It never adds anything.

use std::path::Path;

use parking_lot::RwLock;

/// Folders whose very names are private (the data folder, the home folder): cut
/// out first, since a path with spaces in it has no end that text alone can show.
static ROOTS: RwLock<Vec<String>> = RwLock::new(Vec::new());

/// From now on the texts of this process do not name `root`.
pub(crate) fn hide_root(root: &Path) {
    let text = root
        .to_string_lossy()
        .trim_end_matches(['/', '\\'])
        .to_owned();
    if text.len() < 2 {
        return;
    }
    let mut roots = ROOTS.write();
    if !roots.contains(&text) {
        roots.push(text);
        // The longest first, so that a folder inside another is cut whole.
        roots.sort_by_key(|root| std::cmp::Reverse(root.len()));
    }
}

/// `text` without absolute paths and without license keys.
pub fn scrub(text: &str) -> String {
    let mut text = text.to_owned();
    for root in ROOTS.read().iter() {
        if text.contains(root.as_str()) {
            text = cut_root(&text, root);
        }
    }
    mask_keys(&cut_paths(&text))
}

/// Replaces `root` by `…` where it stands as a whole folder.
fn cut_root(text: &str, root: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(root) {
        let after = &rest[at + root.len()..];
        out.push_str(&rest[..at]);
        if after
            .chars()
            .next()
            .is_none_or(|next| !next.is_alphanumeric())
        {
            out.push('…');
        } else {
            out.push_str(root);
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

/// Whether a path may begin after `before`.
fn opens(before: Option<char>) -> bool {
    before.is_none_or(|c| c.is_whitespace() || "\"'`([{<=,;:|“‘«".contains(c))
}

fn closing_quote(before: Option<char>) -> Option<char> {
    match before? {
        c @ ('"' | '\'' | '`') => Some(c),
        '“' => Some('”'),
        '‘' => Some('’'),
        '«' => Some('»'),
        '<' => Some('>'),
        _ => None,
    }
}

/// Length in bytes of what makes the text at hand an absolute path, if it is one.
fn root_len(text: &str, before: Option<char>) -> Option<usize> {
    let bytes = text.as_bytes();
    if text
        .get(..7)
        .is_some_and(|scheme| scheme.eq_ignore_ascii_case("file://"))
    {
        return Some(7);
    }
    match bytes {
        // `http://host` has its own two slashes; a lone slash is no path.
        [b'/', b'/', ..] if before == Some(':') => None,
        [b'/', next, ..] if !next.is_ascii_whitespace() => Some(1),
        [b'\\', b'\\', ..] => Some(2),
        [drive, b':', b'/' | b'\\', ..] if drive.is_ascii_alphabetic() => {
            (bytes.get(3) != Some(&b'/')).then_some(3)
        }
        _ => None,
    }
}

fn cut_paths(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut before = None;
    let mut at = 0;
    while let Some(here) = text[at..].chars().next() {
        let rest = &text[at..];
        let Some(root) = opens(before).then(|| root_len(rest, before)).flatten() else {
            out.push(here);
            before = Some(here);
            at += here.len_utf8();
            continue;
        };
        let quote = closing_quote(before);
        let quoted = quote.and_then(|quote| rest.find(quote));
        let len = quoted.unwrap_or_else(|| {
            rest.find(|c: char| c.is_whitespace() || "\"'`)]}>,;|".contains(c))
                .unwrap_or(rest.len())
        });
        let path = &rest[root.min(len)..len];
        // A sentence's full stop or colon is not part of the path.
        let bare = path.trim_end_matches(['.', ':', '!', '?']);
        let last = bare.rsplit(['/', '\\']).find(|part| !part.is_empty());
        out.push_str(last.unwrap_or("…"));
        out.push_str(&path[bare.len()..]);
        before = out.chars().next_back();
        at += len.max(root);
    }
    out
}

/// `RL-XXXXXXXX-XXXXXXXX-XXXXXXXX`, in any case, becomes `RL-XXXX····-····XXXX`.
fn mask_keys(text: &str) -> String {
    const KEY: usize = 29;
    let bytes = text.as_bytes();
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    let mut at = 0;
    while at + KEY <= bytes.len() {
        if is_key(&bytes[at..at + KEY]) {
            // All 29 bytes are ASCII, so these are character boundaries.
            out.push_str(&text[from..at + 7]);
            out.push_str("····-····");
            out.push_str(&text[at + KEY - 4..at + KEY]);
            at += KEY;
            from = at;
        } else {
            at += 1;
        }
    }
    out.push_str(&text[from..]);
    out
}

fn is_key(bytes: &[u8]) -> bool {
    bytes.iter().enumerate().all(|(at, byte)| match at {
        0 => byte.eq_ignore_ascii_case(&b'R'),
        1 => byte.eq_ignore_ascii_case(&b'L'),
        2 | 11 | 20 => *byte == b'-',
        _ => byte.is_ascii_alphanumeric(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_their_last_part() {
        for (given, expected) in [
            (
                "Cannot open \"/home/ann lee/data/q3.csv\": no",
                "Cannot open \"q3.csv\": no",
            ),
            ("open /srv/x/q3.csv.", "open q3.csv."),
            ("IO Error: file=/a/b/c, gone", "IO Error: file=c, gone"),
            (r"open C:\Users\ann\q3.csv failed", "open q3.csv failed"),
            (r"on \\server\share\q3.csv", "on q3.csv"),
            ("see file:///etc/passwd now", "see passwd now"),
            (
                "http://127.0.0.1:9000/bucket/key answered",
                "http://127.0.0.1:9000/bucket/key answered",
            ),
            ("12 MB/s and/or 1 / 2", "12 MB/s and/or 1 / 2"),
            ("reports/q3.csv", "reports/q3.csv"),
            ("ünïcödé /é/ö.csv ✓", "ünïcödé ö.csv ✓"),
        ] {
            assert_eq!(scrub(given), expected);
        }
    }

    #[test]
    fn keys_are_masked_wherever_they_stand() {
        assert_eq!(
            scrub("key RL-05661234-ABCDEFGH-IJKLCC32 is é"),
            "key RL-0566····-····CC32 is é"
        );
        assert_eq!(
            scrub("xrl-05661234-abcdefgh-ijklcc32x"),
            "xrl-0566····-····cc32x"
        );
    }

    #[test]
    fn a_hidden_root_with_spaces_goes_whole() {
        hide_root(Path::new("/tmp/ann lee's redline data"));
        assert_eq!(
            scrub("in /tmp/ann lee's redline data/users/ab/files/x.csv"),
            "in …/users/ab/files/x.csv"
        );
    }
}
