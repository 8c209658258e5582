//! Dates, times and timestamps in text: read in one form for a whole column. What is no day
//! of the calendar, or would not print back, is none.

pub(crate) use super::clock::{print_date, print_stamp, print_time};
pub(crate) use super::forms::{DateForm, Fraction, Order, StampForm, TimeForm, Zone};

/// Days from 1970-01-01 of a day that the calendar has.
#[inline(always)]
pub(crate) fn days(year: u32, month: u32, day: u32) -> Option<i32> {
    const LENGTH: [u8; 16] = [0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31, 0, 0, 0];
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let length = u32::from(LENGTH[(month & 15) as usize]);
    let fits = year >= 1
        && (1..=12).contains(&month)
        && day >= 1
        && day <= length
        && (month != 2 || day < 29 || leap);
    if !fits {
        return None;
    }
    // Years that begin in March, so that the leap day is the last of its year.
    let y = year - u32::from(month <= 2);
    let m = (month + 9) % 12;
    let of_year = (153 * m + 2) / 5 + day - 1;
    let total = y * 365 + y / 4 - y / 100 + y / 400 + of_year;
    Some(total as i32 - 719_468)
}

#[inline(always)]
fn digit(byte: u8) -> Option<u32> {
    let d = u32::from(byte.wrapping_sub(b'0'));
    (d < 10).then_some(d)
}

#[inline(always)]
fn two(text: &[u8]) -> Option<u32> {
    Some(digit(text[0])? * 10 + digit(text[1])?)
}

#[inline(always)]
fn four(text: &[u8]) -> Option<u32> {
    Some(two(&text[..2])? * 100 + two(&text[2..4])?)
}

/// `yyyy-mm-dd`
#[inline(always)]
pub(crate) fn iso_date(text: &[u8]) -> Option<i32> {
    if text.len() != 10 || text[4] != b'-' || text[7] != b'-' {
        return None;
    }
    days(four(&text[..4])?, two(&text[5..7])?, two(&text[8..10])?)
}

/// `yyyymmdd`
pub(crate) fn compact_date(text: &[u8]) -> Option<i32> {
    if text.len() != 8 {
        return None;
    }
    days(four(&text[..4])?, two(&text[4..6])?, two(&text[6..8])?)
}

/// The three numbers of a date with one mark between them, a year of four digits first or
/// last: the mark, the numbers as they stand, and how many digits the two short ones have.
pub(crate) struct Parts {
    pub mark: u8,
    pub year_first: bool,
    pub year: u32,
    /// The short ones, in the order in which they stand.
    pub short: [u32; 2],
    /// At least one of them is written `0x`.
    pub zero: bool,
    /// At least one of them is a single digit.
    pub single: bool,
}

pub(crate) fn date_parts(text: &[u8]) -> Option<Parts> {
    if !(8..=10).contains(&text.len()) {
        return None;
    }
    let at = text.iter().position(|b| !b.is_ascii_digit())?;
    let mark = text[at];
    if !matches!(mark, b'/' | b'.' | b'-') {
        return None;
    }
    let mut pieces = text.split(|b| *b == mark);
    let (a, b, c) = (pieces.next()?, pieces.next()?, pieces.next()?);
    if pieces.next().is_some() {
        return None;
    }
    let year_first = a.len() == 4;
    let (year, x, y) = if year_first { (a, b, c) } else { (c, a, b) };
    if year.len() != 4 {
        return None;
    }
    let short = |p: &[u8]| match p.len() {
        1 => digit(p[0]),
        2 => two(p),
        _ => None,
    };
    Some(Parts {
        mark,
        year_first,
        year: four(year)?,
        short: [short(x)?, short(y)?],
        zero: (x.len() == 2 && x[0] == b'0') || (y.len() == 2 && y[0] == b'0'),
        single: x.len() == 1 || y.len() == 1,
    })
}

impl Parts {
    pub(crate) fn days(&self, order: Order) -> Option<i32> {
        let [x, y] = self.short;
        match (order, self.year_first) {
            (Order::Dmy, false) => days(self.year, y, x),
            (Order::Mdy, false) | (Order::Ymd, true) => days(self.year, x, y),
            _ => None,
        }
    }
}

/// A date in a form; none where it would not print back.
#[inline(always)]
pub(crate) fn read_date(text: &[u8], form: DateForm) -> Option<i32> {
    match form {
        DateForm::Iso => iso_date(text),
        DateForm::Compact => compact_date(text),
        DateForm::Parts {
            order,
            mark,
            padded,
        } => {
            let parts = date_parts(text)?;
            let fits = parts.mark == mark && !(if padded { parts.single } else { parts.zero });
            if fits { parts.days(order) } else { None }
        }
    }
}

/// A time of day as it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TimeSeen {
    /// Nanoseconds from midnight.
    pub nanos: i64,
    pub seconds: bool,
    pub digits: u8,
}

/// `hh:mm[:ss[.f…]]`, and how many bytes of `text` that is.
#[inline(always)]
pub(crate) fn time_prefix(text: &[u8]) -> Option<(TimeSeen, usize)> {
    if text.len() < 5 || text[2] != b':' {
        return None;
    }
    let (h, m) = (two(&text[..2])?, two(&text[3..5])?);
    if h > 23 || m > 59 {
        return None;
    }
    let minutes = i64::from(h * 60 + m);
    if text.len() < 8 || text[5] != b':' {
        let nanos = minutes * 60_000_000_000;
        return Some((
            TimeSeen {
                nanos,
                seconds: false,
                digits: 0,
            },
            5,
        ));
    }
    let s = two(&text[6..8])?;
    if s > 59 {
        return None;
    }
    let mut nanos = (minutes * 60 + i64::from(s)) * 1_000_000_000;
    let mut at = 8;
    let mut digits = 0u8;
    if text.get(8) == Some(&b'.') {
        let mut unit = 100_000_000;
        at = 9;
        while let Some(d) = text.get(at).and_then(|b| digit(*b)) {
            if digits == 9 {
                return None;
            }
            nanos += i64::from(d) * unit;
            unit /= 10;
            digits += 1;
            at += 1;
        }
        if digits == 0 {
            return None;
        }
    }
    Some((
        TimeSeen {
            nanos,
            seconds: true,
            digits,
        },
        at,
    ))
}

/// A timestamp as it stands. The time is that of the clock there, not of UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StampSeen {
    pub days: i32,
    pub time: TimeSeen,
    pub between: u8,
    pub zone: Zone,
}

#[inline(always)]
pub(crate) fn stamp(text: &[u8]) -> Option<StampSeen> {
    if text.len() < 16 || !matches!(text[10], b' ' | b'T') {
        return None;
    }
    let days = iso_date(&text[..10])?;
    let (time, used) = time_prefix(&text[11..])?;
    let zone = zone(&text[11 + used..])?;
    Some(StampSeen {
        days,
        time,
        between: text[10],
        zone,
    })
}

#[inline(always)]
pub(super) fn zone(text: &[u8]) -> Option<Zone> {
    let Some(&sign) = text.first() else {
        return Some(Zone::None);
    };
    if sign == b'Z' && text.len() == 1 {
        return Some(Zone::Utc);
    }
    if !matches!(sign, b'+' | b'-') || text.len() < 3 {
        return None;
    }
    let hours = two(&text[1..3])?;
    let (minutes, make): (u32, fn(i16) -> Zone) = match text.len() {
        3 => (0, Zone::Hours),
        6 if text[3] == b':' => (two(&text[4..6])?, Zone::Colon),
        5 => (two(&text[3..5])?, Zone::Plain),
        _ => return None,
    };
    if hours > 14 || minutes > 59 {
        return None;
    }
    let total = (hours * 60 + minutes) as i16;
    match sign {
        // `-00:00` would come back as `+00:00`.
        b'-' if total == 0 => None,
        b'-' => Some(make(-total)),
        _ => Some(make(total)),
    }
}

impl StampSeen {
    /// From 1970-01-01 00:00:00 UTC, in nanoseconds.
    #[inline(always)]
    pub(crate) fn nanos(&self) -> i128 {
        i128::from(self.micros()) * 1000 + i128::from(self.time.nanos % 1000)
    }

    /// In microseconds, the rest cut off.
    #[inline(always)]
    pub(crate) fn micros(&self) -> i64 {
        i64::from(self.days) * 86_400_000_000 + self.time.nanos / 1000
            - i64::from(self.zone.minutes()) * 60_000_000
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn printed(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn days_that_no_calendar_has_are_none() {
        for text in [
            "2023-02-29",
            "1900-02-29",
            "2024-13-01",
            "2024-00-10",
            "2024-01-00",
            "2024-04-31",
            "0000-01-01",
        ] {
            assert_eq!(iso_date(text.as_bytes()), None, "{text}");
        }
        assert_eq!(iso_date(b"1970-01-01"), Some(0));
        assert_eq!(iso_date(b"2000-02-29"), Some(11016));
        assert_eq!(iso_date(b"9999-12-31"), Some(2_932_896));
    }

    #[test]
    fn forms_are_told_and_read_by_their_patterns() {
        for (text, pattern) in [
            ("2026-01-02T03:04:05Z", Some("yyyy-mm-ddThh:mm:ss[.f]Z")),
            ("2026-01-02 03:04:05+00", None),
            ("2026-01-02 03:04:05.25", None),
            (
                "2026-01-02T03:04:05.000+02:00",
                Some("yyyy-mm-ddThh:mm:ss.fff+02:00"),
            ),
            ("2026-01-02 03:04", Some("yyyy-mm-dd hh:mm")),
            (
                "2026-01-02 03:04:05-0330",
                Some("yyyy-mm-dd hh:mm:ss[.f]-0330"),
            ),
        ] {
            let seen = stamp(text.as_bytes()).unwrap();
            let fraction = if pattern.is_some_and(|p| p.contains(".fff") || !p.contains("ss")) {
                Fraction::Fixed(seen.time.digits)
            } else {
                Fraction::Needed
            };
            let form = StampForm {
                between: seen.between,
                time: TimeForm {
                    compact: false,
                    seconds: seen.time.seconds,
                    fraction,
                },
                zone: seen.zone,
            };
            assert_eq!(form.pattern().as_deref(), pattern, "{text}");
            if let Some(pattern) = pattern {
                assert_eq!(StampForm::from_pattern(pattern), Some(form));
            }
            let nanos = seen.nanos();
            let seconds = nanos.div_euclid(1_000_000_000) as i64;
            let rest = nanos.rem_euclid(1_000_000_000) as u32;
            assert_eq!(printed(|o| print_stamp(seconds, rest, form, o)), text);
        }
        for text in [
            "2026-01-02 24:00:00",
            "2026-01-02 03:04:60",
            "2026-01-02 03:04:05-00:00",
            "2026-01-02 03:04:05.",
            "2026-01-02 03:04:05 Z",
            "2026-01-02x03:04:05",
        ] {
            assert_eq!(stamp(text.as_bytes()), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn dates_come_back_in_every_form(day in -719_162i32..=2_932_896) {
            let mut forms = vec![DateForm::Iso, DateForm::Compact];
            for order in [Order::Dmy, Order::Mdy, Order::Ymd] {
                for padded in [true, false] {
                    forms.push(DateForm::Parts { order, mark: b'/', padded });
                }
            }
            for form in forms {
                let text = printed(|o| print_date(day, form, o));
                prop_assert_eq!(read_date(text.as_bytes(), form), Some(day), "{}", text);
                prop_assert_eq!(form.pattern().map_or(Some(DateForm::Iso), |p| DateForm::from_pattern(&p)), Some(form));
            }
        }

        #[test]
        fn stamps_come_back(seconds in -62_135_596_800i64..253_402_300_799, nanos in 0u32..1_000_000_000) {
            let text = printed(|o| print_stamp(seconds, nanos, StampForm::PLAIN, o));
            let seen = stamp(text.as_bytes()).unwrap();
            prop_assert_eq!(seen.nanos(), i128::from(seconds) * 1_000_000_000 + i128::from(nanos));
        }
    }
}
