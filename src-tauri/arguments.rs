//! What the app was started with: files to open, or a question about itself.

use std::ffi::OsString;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

pub const HELP: &str = "\
Redline: a private store for data files.

Usage: redline-desktop [FILE_OR_FOLDER]...

Opens the window and offers the files to it. If the window is open already, it
gets them. Everything else is on the command line: redline --help

Options:
  -h, --help      this text
  -V, --version   the version
";

#[derive(Debug, PartialEq, Eq)]
pub enum Launch {
    Open(Vec<PathBuf>),
    Help,
    Version,
    Unknown(String),
}

/// Reads the arguments that follow the program's name. Relative paths count from
/// `folder`, where the launch happened.
pub fn parse(arguments: impl IntoIterator<Item = OsString>, folder: &Path) -> Launch {
    let mut paths = Vec::new();
    let mut only_paths = false;
    for argument in arguments {
        let text = argument.to_string_lossy();
        if only_paths || !text.starts_with('-') || text == "-" {
            paths.push(to_path(&argument, folder));
            continue;
        }
        match text.as_ref() {
            "--" => only_paths = true,
            "-h" | "--help" => return Launch::Help,
            "-V" | "--version" => return Launch::Version,
            // macOS adds its own process number when started from the Finder.
            psn if psn.starts_with("-psn_") => {}
            _ => return Launch::Unknown(text.into_owned()),
        }
    }
    Launch::Open(paths)
}

/// A path, or a `file:` URL as desktops hand them over.
fn to_path(argument: &OsString, folder: &Path) -> PathBuf {
    argument
        .to_str()
        .filter(|text| text.starts_with("file://"))
        .and_then(|text| tauri::Url::parse(text).ok())
        .and_then(|url| url.to_file_path().ok())
        .unwrap_or_else(|| folder.join(argument))
}

/// What tells one running app from another: launches over the same store meet
/// under one name, and a launch over another store or key never hands its files
/// to a window that would keep them elsewhere. None for the usual places.
pub fn instance_name() -> Option<String> {
    const DECIDES_THE_STORE: [&str; 4] = [
        "REDLINE_DATA_DIR",
        "USER_STORAGE_BASE_PATH",
        "REDLINE_CONFIG_DIR",
        "REDLINE_LICENSE_KEY",
    ];
    let values = DECIDES_THE_STORE.map(std::env::var_os);
    if values.iter().all(Option::is_none) {
        return None;
    }
    let mut hasher = DefaultHasher::new();
    values.hash(&mut hasher);
    // A part of a D-Bus name may not begin with a digit.
    Some(format!("org.redline.desktop.s{:016x}", hasher.finish()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_in(folder: &str, arguments: &[&str]) -> Launch {
        parse(arguments.iter().map(OsString::from), Path::new(folder))
    }

    #[test]
    fn paths_count_from_the_folder_of_the_launch() {
        let Launch::Open(paths) = parse_in("/home/a", &["b.csv", "/c/d e.csv", "../f"]) else {
            panic!("paths expected");
        };
        assert_eq!(
            paths,
            [
                PathBuf::from("/home/a/b.csv"),
                PathBuf::from("/c/d e.csv"),
                PathBuf::from("/home/a/../f")
            ]
        );
    }

    #[cfg(unix)]
    #[test]
    fn file_urls_are_decoded_and_other_urls_are_names() {
        let Launch::Open(paths) = parse_in("/w", &["file:///tmp/q%203.csv", "http://x/y"]) else {
            panic!("paths expected");
        };
        assert_eq!(
            paths,
            [
                PathBuf::from("/tmp/q 3.csv"),
                PathBuf::from("/w/http://x/y")
            ]
        );
    }

    #[test]
    fn a_dash_is_an_option_until_two_dashes_say_otherwise() {
        assert_eq!(
            parse_in("/w", &["--colour"]),
            Launch::Unknown("--colour".into())
        );
        assert_eq!(
            parse_in("/w", &["--", "-h"]),
            Launch::Open(vec![PathBuf::from("/w/-h")])
        );
        assert_eq!(parse_in("/w", &["x", "--version"]), Launch::Version);
    }
}
