//! Numbers, sizes, times and names as a person reads them.
//!
//! Sizes are decimal (1 MB is a million bytes), as disks are sold; times are
//! relative within two days. Names come from outside, so what a terminal would act
//! on is shown as an escape.

use jiff::{Timestamp, tz::TimeZone};

/// `1,234,567`; `999 B`, `1.2 kB`, `34 MB`: as core says them in a sentence.
pub use redline_core::text::{bytes as size, grouped as number};

/// `1 file`, `3 files`
pub fn count(n: u64, one: &str, many: &str) -> String {
    format!("{} {}", number(n), if n == 1 { one } else { many })
}

/// An RFC 3339 time, seen from now.
pub fn when(time: &str) -> String {
    when_from(time, Timestamp::now(), &TimeZone::system())
}

fn when_from(time: &str, now: Timestamp, zone: &TimeZone) -> String {
    let Ok(then) = time.parse::<Timestamp>() else {
        return time.to_owned();
    };
    let seconds = now.as_second() - then.as_second();
    match seconds {
        // A clock that was set back a little is no reason to speak of the future.
        -60..60 => "just now".to_owned(),
        60..3600 => format!("{} min ago", seconds / 60),
        3600..86_400 => format!("{} h ago", seconds / 3600),
        86_400..172_800 => "yesterday".to_owned(),
        _ => then
            .to_zoned(zone.clone())
            .strftime("%-d %b %Y")
            .to_string(),
    }
}

/// `0.4 s`, `12 s`, `3 min 5 s`
pub fn duration(ms: u64) -> String {
    match ms {
        0..10_000 => format!("{}.{} s", ms / 1000, ms % 1000 / 100),
        10_000..60_000 => format!("{} s", ms / 1000),
        _ => format!("{} min {} s", ms / 60_000, ms % 60_000 / 1000),
    }
}

/// A name from outside: control characters and those that turn the direction of
/// text around are shown as escapes, everything else as it is.
pub fn name(raw: &str) -> String {
    let acts = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}')
    };
    if !raw.chars().any(acts) {
        return raw.to_owned();
    }
    raw.chars()
        .map(|c| {
            if acts(c) {
                c.escape_unicode().to_string()
            } else {
                c.to_string()
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_relative_within_two_days() {
        let now: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
        for (time, text) in [
            ("2026-11-22T11:59:30Z", "just now"),
            ("2026-11-22T12:00:30Z", "just now"),
            ("2026-11-22T11:55:00Z", "5 min ago"),
            ("2026-11-22T03:00:00Z", "9 h ago"),
            ("2026-11-21T11:00:00Z", "yesterday"),
            ("2026-11-20T11:00:00Z", "20 Nov 2026"),
            ("2027-01-02T00:00:00Z", "2 Jan 2027"),
            ("nonsense", "nonsense"),
        ] {
            assert_eq!(when_from(time, now, &TimeZone::UTC), text);
        }
    }

    #[test]
    fn names_cannot_steer_the_terminal() {
        assert_eq!(name("zürich 📈.csv"), "zürich 📈.csv");
        assert_eq!(name("a\u{1b}[2Jb"), "a\\u{1b}[2Jb");
        assert_eq!(name("gnp\u{202e}exe.csv"), "gnp\\u{202e}exe.csv");
        assert_eq!(name("a\nb"), "a\\u{a}b");
    }
}
