//! How numbers and times are said in a sentence, the same everywhere.

use jiff::{Timestamp, Unit};

/// RFC 3339 in UTC, to the millisecond.
pub(crate) fn instant(time: Timestamp) -> String {
    time.round(Unit::Millisecond).unwrap_or(time).to_string()
}

pub(crate) fn now() -> String {
    instant(Timestamp::now())
}

/// The moment that is `wait` away.
pub(crate) fn from_now(wait: std::time::Duration) -> String {
    let wait = jiff::SignedDuration::try_from(wait).unwrap_or_default();
    let now = Timestamp::now();
    instant(now.checked_add(wait).unwrap_or(now))
}

/// `1.2 GB`, `300 MB`, `12 B`: decimal, as disks are sold; at most two digits
/// that matter after the first.
pub fn bytes(count: u64) -> String {
    const UNITS: [&str; 6] = ["kB", "MB", "GB", "TB", "PB", "EB"];
    if count < 1000 {
        return format!("{count} B");
    }
    let mut value = count as f64 / 1000.0;
    let mut unit = 0;
    // 999.5 would print as 1000.
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    let digits = usize::from(value < 99.95 && (value * 10.0).round() % 10.0 != 0.0);
    format!("{value:.digits$} {}", UNITS[unit])
}

/// `1 file`, `3 files`, `10,000 files`.
pub fn counted(count: u64, noun: &str) -> String {
    format!(
        "{} {noun}{}",
        grouped(count),
        if count == 1 { "" } else { "s" }
    )
}

/// `10,000`
pub fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// The system's words without its number: `Permission denied`, no `(os error 13)`.
pub(crate) fn plain(text: &str) -> String {
    const OPEN: &str = " (os error ";
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(OPEN) {
        let (before, after) = (&rest[..at], &rest[at + OPEN.len()..]);
        out.push_str(before);
        match after.split_once(')') {
            Some((number, after)) if number.parse::<i32>().is_ok() => rest = after,
            _ => {
                out.push_str(OPEN);
                rest = after;
            }
        }
    }
    out + rest
}

/// The first letter large: the crates below write their hints for the end of a line.
/// Never for what may begin with a name.
pub(crate) fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => first.to_uppercase().chain(chars).collect(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_well() {
        for (count, shown) in [
            (0, "0 B"),
            (1, "1 B"),
            (999, "999 B"),
            (999_499, "999 kB"),
            (999_500, "1 MB"),
            (1_000, "1 kB"),
            (1_234, "1.2 kB"),
            (300_000_000, "300 MB"),
            (1_200_000_000, "1.2 GB"),
            (999_990_000, "1 GB"),
            (12_345_678_901_234, "12.3 TB"),
            (u64::MAX, "18.4 EB"),
        ] {
            assert_eq!(bytes(count), shown);
        }
    }

    #[test]
    fn counts_read_well() {
        assert_eq!(counted(1, "file"), "1 file");
        assert_eq!(counted(10_000, "file"), "10,000 files");
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(sentence("free some space."), "Free some space.");
        assert_eq!(sentence(""), "");
    }

    #[test]
    fn the_systems_numbers_go() {
        assert_eq!(
            plain("Permission denied (os error 13)"),
            "Permission denied"
        );
        assert_eq!(plain("a (os error 2), b (os error -5)."), "a, b.");
        assert_eq!(plain("why (os error x) and"), "why (os error x) and");
        assert_eq!(plain("why (os error "), "why (os error ");
    }
}
