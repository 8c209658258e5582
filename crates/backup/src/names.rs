//! Whether a name out of a bucket (or into one) can be trusted to stay inside a
//! store. The store's own import rules come on top; this is the wall in front.

use std::fmt;

/// Why a name was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NameProblem {
    Empty,
    Absolute,
    /// `.` or `..` as a part of the path.
    Dots,
    /// An empty part, such as in `a//b`.
    EmptyPart,
    /// NUL, line breaks and the like, or a backslash.
    Character,
    /// A part over 255 bytes, or a path over 4,096.
    TooLong,
    /// The same path twice in one restore point.
    Repeated,
    /// A hash, size or id that cannot be one.
    Malformed,
}

impl fmt::Display for NameProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "it is empty",
            Self::Absolute => "it starts at the root of the disk",
            Self::Dots => "it leads out of its folder",
            Self::EmptyPart => "it has an empty part",
            Self::Character => "it has a control character or a backslash in it",
            Self::TooLong => "it is too long",
            Self::Repeated => "it is there twice",
            Self::Malformed => "its hash, size or id is malformed",
        })
    }
}

/// A relative path with `/` between its parts, safe to join below a folder.
pub(crate) fn check_path(path: &str) -> Result<(), NameProblem> {
    if path.is_empty() {
        return Err(NameProblem::Empty);
    }
    if path.len() > 4096 {
        return Err(NameProblem::TooLong);
    }
    let bytes = path.as_bytes();
    if path.starts_with('/')
        || (bytes.len() >= 2 && bytes[0].is_ascii_alphabetic() && bytes[1] == b':')
    {
        return Err(NameProblem::Absolute);
    }
    if path.chars().any(|c| c.is_control() || c == '\\') {
        return Err(NameProblem::Character);
    }
    for part in path.split('/') {
        match part {
            "" => return Err(NameProblem::EmptyPart),
            "." | ".." => return Err(NameProblem::Dots),
            _ if part.len() > 255 => return Err(NameProblem::TooLong),
            _ => {}
        }
    }
    Ok(())
}

/// 64 lower-case hex digits: the only hashes that may become part of a key.
pub(crate) fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_lead_out_are_refused() {
        for (path, problem) in [
            ("", NameProblem::Empty),
            ("/etc/passwd", NameProblem::Absolute),
            ("C:/x", NameProblem::Absolute),
            ("c:x", NameProblem::Absolute),
            ("../x", NameProblem::Dots),
            ("a/../../x", NameProblem::Dots),
            ("a/./x", NameProblem::Dots),
            ("a//x", NameProblem::EmptyPart),
            ("a/", NameProblem::EmptyPart),
            ("a\\..\\x", NameProblem::Character),
            ("a\0b", NameProblem::Character),
            ("a\nb", NameProblem::Character),
        ] {
            assert_eq!(check_path(path), Err(problem), "{path:?}");
        }
        assert_eq!(check_path(&"x".repeat(256)), Err(NameProblem::TooLong));
        assert_eq!(check_path(&"x/".repeat(3000)), Err(NameProblem::TooLong));
    }

    #[test]
    fn odd_but_honest_names_pass() {
        for path in [
            "a",
            "A/a",
            "q3 + 50% & #1.csv",
            "e\u{301}.csv",
            "\u{e9}.csv",
            "...",
            "a..b",
            "..a",
            "\u{1f600}.txt",
        ] {
            assert_eq!(check_path(path), Ok(()), "{path:?}");
        }
    }
}
