//! Which bytes of a file a request is after (RFC 9110, section 14).

/// What a Range header comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// No range, or none that this unit or syntax gives a meaning to.
    All,
    /// `first` to `last`, both included.
    Part { first: u64, last: u64 },
    /// Nothing of it lies in the file.
    Outside,
    /// More than one range: refused, since nobody needs it here.
    Several,
}

pub(crate) fn wanted(header: Option<&str>, size: u64) -> Wanted {
    let Some(set) = header.and_then(|h| h.trim().strip_prefix("bytes=")) else {
        return Wanted::All;
    };
    if set.contains(',') {
        return Wanted::Several;
    }
    let Some((first, last)) = set.trim().split_once('-') else {
        return Wanted::All;
    };
    let (first, last) = (first.trim(), last.trim());
    match (number(first), number(last)) {
        (Some(first), Some(last)) if first > last => Wanted::All,
        (Some(first), Some(last)) if first < size => Wanted::Part {
            first,
            last: last.min(size - 1),
        },
        (Some(first), None) if last.is_empty() && first < size => Wanted::Part {
            first,
            last: size - 1,
        },
        (Some(_), None) if !last.is_empty() => Wanted::All,
        (Some(_), _) => Wanted::Outside,
        (None, Some(suffix)) if first.is_empty() => match suffix.min(size) {
            0 => Wanted::Outside,
            n => Wanted::Part {
                first: size - n,
                last: size - 1,
            },
        },
        _ => Wanted::All,
    }
}

/// Digits only; what is too large for a file is the largest number.
fn number(text: &str) -> Option<u64> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Some(text.parse().unwrap_or(u64::MAX))
}

/// Whether `If-None-Match` has this tag (weak comparison).
pub(crate) fn matches_any(header: &str, etag: &str) -> bool {
    header.trim() == "*"
        || header
            .split(',')
            .any(|tag| tag.trim().trim_start_matches("W/") == etag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_the_rfc_says() {
        let part = |first, last| Wanted::Part { first, last };
        for (header, size, expected) in [
            ("bytes=0-0", 10, part(0, 0)),
            ("bytes=2-5", 10, part(2, 5)),
            ("bytes=2-", 10, part(2, 9)),
            ("bytes=2-99999999999999999999999", 10, part(2, 9)),
            ("bytes=-3", 10, part(7, 9)),
            ("bytes=-30", 10, part(0, 9)),
            ("bytes=-0", 10, Wanted::Outside),
            ("bytes=10-", 10, Wanted::Outside),
            ("bytes=99999999999999999999999-", 10, Wanted::Outside),
            ("bytes=0-", 0, Wanted::Outside),
            ("bytes=-1", 0, Wanted::Outside),
            ("bytes=0-1,3-4", 10, Wanted::Several),
            ("bytes=5-2", 10, Wanted::All),
            ("bytes=", 10, Wanted::All),
            ("bytes=-", 10, Wanted::All),
            ("bytes=a-b", 10, Wanted::All),
            ("bytes=1-b", 10, Wanted::All),
            ("bytes=+1-2", 10, Wanted::All),
            ("lines=1-2", 10, Wanted::All),
        ] {
            assert_eq!(wanted(Some(header), size), expected, "{header} of {size}");
        }
        assert_eq!(wanted(None, 10), Wanted::All);
    }

    #[test]
    fn tags_match_weakly_and_in_lists() {
        assert!(matches_any("\"a\", W/\"b\"", "\"b\""));
        assert!(matches_any("*", "\"b\""));
        assert!(!matches_any("\"a\"", "\"b\""));
    }
}
