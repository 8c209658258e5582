//! Excel's serial days as dates and times, and back; which number formats make a number
//! one. Owns both calendars, and the day 1900-02-29 that never was.

use super::super::cells::clock::{push_date, push_time};

/// What a cell's number format makes of its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Class {
    #[default]
    Number,
    Date,
    DateTime,
    Time,
    /// `[h]:mm:ss`: hours go past 24.
    Duration,
}

const DAY_MICROS: i64 = 86_400_000_000;
/// The last day of year 9999, the last that Excel has.
const LAST_1900: f64 = 2_958_466.0;
const LAST_1904: f64 = 2_957_004.0;
/// Days from 1970-01-01 to the day that has the serial number 0 (after 1900-02-28).
const ZERO_1900: i64 = -25_569;
const ZERO_1904: i64 = -24_107;

/// A number with a date's format.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Moment {
    /// Days since 1970-01-01.
    Date(i32),
    /// Microseconds since 1970-01-01, without a zone.
    DateTime(i64),
    /// Microseconds since midnight.
    Time(i64),
    /// Microseconds.
    Duration(i64),
    /// 1900-02-29 and 1900-01-00, which only Excel has: (day of that name, microseconds).
    NoSuchDay(&'static str, i64),
    /// No date that Excel would show.
    None,
}

/// Reads `serial` as a format of `class` shows it.
pub(super) fn moment(serial: f64, class: Class, is_1904: bool) -> Moment {
    if !serial.is_finite() || class == Class::Number {
        return Moment::None;
    }
    if class == Class::Duration {
        return match micros(serial) {
            Some((days, rest)) if days.abs() < 100_000_000 => {
                Moment::Duration(days * DAY_MICROS + rest)
            }
            _ => Moment::None,
        };
    }
    let last = if is_1904 { LAST_1904 } else { LAST_1900 };
    if !(0.0..last).contains(&serial) {
        return Moment::None;
    }
    let Some((days, rest)) = micros(serial) else {
        return Moment::None;
    };
    if class == Class::Time && days == 0 {
        return Moment::Time(rest);
    }
    let day = if is_1904 {
        ZERO_1904 + days
    } else {
        match days {
            0 => return Moment::NoSuchDay("1900-01-00", rest),
            60 => return Moment::NoSuchDay("1900-02-29", rest),
            1..60 => ZERO_1900 + days + 1,
            _ => ZERO_1900 + days,
        }
    };
    if class == Class::Date && rest == 0 {
        Moment::Date(day as i32)
    } else {
        Moment::DateTime(day * DAY_MICROS + rest)
    }
}

/// Whole days and microseconds of the next. A double has about a microsecond to give at
/// today's dates, and fifty in the year 9999, so what is that near to a whole millisecond
/// is that millisecond.
fn micros(serial: f64) -> Option<(i64, i64)> {
    if serial.abs() > 1e9 {
        return None;
    }
    let days = serial.floor();
    let exact = (serial - days) * DAY_MICROS as f64;
    let rounded = exact.round() as i64;
    let milli = (exact / 1000.0).round() as i64 * 1000;
    let near = (serial.abs() * f64::EPSILON * DAY_MICROS as f64).max(2.0);
    let rest = if (exact - milli as f64).abs() <= near {
        milli
    } else {
        rounded
    };
    // Rounding up may reach the next midnight.
    Some((days as i64 + rest / DAY_MICROS, rest % DAY_MICROS))
}

/// The serial number of a day, where Excel has it. In the 1900 system.
pub(super) fn from_days(days: i64) -> Option<i64> {
    let serial = days - ZERO_1900;
    // Before March 1900 Excel's calendar is a day off; it is left to text.
    (61..LAST_1900 as i64).contains(&serial).then_some(serial)
}

/// The serial number of microseconds since 1970, where reading it gives them back.
pub(super) fn from_micros(micros: i64) -> Option<f64> {
    let days = from_days(micros.div_euclid(DAY_MICROS))?;
    let rest = micros.rem_euclid(DAY_MICROS);
    let serial = days as f64 + rest as f64 / DAY_MICROS as f64;
    (moment(serial, Class::DateTime, false) == Moment::DateTime(micros)).then_some(serial)
}

/// The serial number of a time of day, where reading it gives it back.
pub(super) fn from_time(micros: i64) -> Option<f64> {
    let serial = micros as f64 / DAY_MICROS as f64;
    (moment(serial, Class::Time, false) == Moment::Time(micros)).then_some(serial)
}

/// What a person would read, in ISO order.
pub(super) fn push_moment(out: &mut Vec<u8>, moment: Moment) {
    match moment {
        Moment::Date(days) => push_date(out, i64::from(days)),
        Moment::DateTime(micros) => {
            push_date(out, micros.div_euclid(DAY_MICROS));
            out.push(b' ');
            push_time(out, micros.rem_euclid(DAY_MICROS));
        }
        Moment::Time(micros) => push_time(out, micros),
        Moment::Duration(micros) => {
            if micros < 0 {
                out.push(b'-');
            }
            push_time(out, micros.abs());
        }
        Moment::NoSuchDay(day, rest) => {
            out.extend_from_slice(day.as_bytes());
            if rest > 0 {
                out.push(b' ');
                push_time(out, rest);
            }
        }
        Moment::None => {}
    }
}

/// The class of a format that is built in. 27 to 36 and 50 to 58 are dates where the
/// program's language is Chinese, Japanese or Korean, and nothing anywhere else.
pub(super) fn built_in(id: u32) -> Class {
    match id {
        14..=17 | 27..=31 | 36 | 50..=54 | 57 | 58 => Class::Date,
        18..=21 | 32..=35 | 45 | 47 | 55 | 56 => Class::Time,
        22 => Class::DateTime,
        46 => Class::Duration,
        _ => Class::Number,
    }
}

/// The class of a format code, as `yyyy-mm-dd`, by its first section.
pub(super) fn of_code(code: &str) -> Class {
    let (mut date, mut time, mut minutes) = (false, false, false);
    let mut chars = code.chars().peekable();
    while let Some(c) = chars.next() {
        match c.to_ascii_lowercase() {
            ';' => break,
            '"' => while chars.next().is_some_and(|c| c != '"') {},
            '\\' | '_' | '*' => {
                chars.next();
            }
            '[' => {
                let mut inside = String::new();
                for c in chars.by_ref().take_while(|c| *c != ']') {
                    inside.push(c.to_ascii_lowercase());
                }
                // `[h]`, `[mm]`, `[s]`; colours, conditions and languages are longer or other.
                let unit = inside.chars().next();
                if matches!(unit, Some('h' | 'm' | 's')) && inside.chars().all(|c| Some(c) == unit)
                {
                    return Class::Duration;
                }
            }
            'g' if code.len() >= 7 && code.to_ascii_lowercase().starts_with("general") => {
                return Class::Number;
            }
            'y' | 'd' => date = true,
            'h' | 's' => time = true,
            'm' => minutes = true,
            // Digits belong to numbers, but for the fraction of a second.
            '#' | '?' => return Class::Number,
            '0' if !time => return Class::Number,
            _ => {}
        }
    }
    match (date, time) {
        (true, true) => Class::DateTime,
        (true, false) => Class::Date,
        (false, true) => Class::Time,
        (false, false) if minutes => Class::Date,
        _ => Class::Number,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(serial: f64, class: Class, is_1904: bool) -> String {
        let mut out = Vec::new();
        push_moment(&mut out, moment(serial, class, is_1904));
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn serial_days_are_what_excel_shows() {
        let cases = [
            (1.0, Class::Date, false, "1900-01-01"),
            (59.0, Class::Date, false, "1900-02-28"),
            (60.0, Class::Date, false, "1900-02-29"),
            (61.0, Class::Date, false, "1900-03-01"),
            (0.0, Class::Date, false, "1900-01-00"),
            (0.0, Class::Date, true, "1904-01-01"),
            (43_831.0, Class::Date, false, "2020-01-01"),
            (42_369.0, Class::Date, true, "2020-01-01"),
            (2_958_465.0, Class::Date, false, "9999-12-31"),
            (2_958_466.0, Class::Date, false, ""),
            (-1.0, Class::Date, false, ""),
            (0.5, Class::Time, false, "12:00:00"),
            (0.999_999_999_999, Class::Time, false, "1900-01-01 00:00:00"),
            (43_831.75, Class::Date, false, "2020-01-01 18:00:00"),
            (43_831.0, Class::DateTime, false, "2020-01-01 00:00:00"),
            (1.5, Class::Duration, false, "36:00:00"),
            (-0.25, Class::Duration, false, "-06:00:00"),
            (
                43_831.520_833_333_336,
                Class::DateTime,
                false,
                "2020-01-01 12:30:00",
            ),
        ];
        for (serial, class, is_1904, expected) in cases {
            assert_eq!(
                shown(serial, class, is_1904),
                expected,
                "{serial} {class:?}"
            );
        }
    }

    #[test]
    fn every_millisecond_comes_back() {
        for day in [-25_508i64, 0, 20_000, 2_932_896] {
            for milli in (0..86_400_000i64).step_by(86_399) {
                let micros = day * DAY_MICROS + milli * 1000;
                assert!(from_micros(micros).is_some(), "{day} {milli}");
                assert!(from_time(milli * 1000).is_some(), "{milli}");
            }
        }
        assert_eq!(from_days(-25_509), None);
        assert_eq!(from_days(-25_508), Some(61));
    }

    #[test]
    fn format_codes_are_told_apart() {
        let cases = [
            ("yyyy-mm-dd", Class::Date),
            ("[$-409]d\\-mmm\\-yy;@", Class::Date),
            ("mmmm", Class::Date),
            ("yyyy-mm-dd hh:mm:ss.000", Class::DateTime),
            ("h:mm AM/PM", Class::Time),
            ("mm:ss.0", Class::Time),
            ("[h]:mm:ss", Class::Duration),
            ("[Red]0.00", Class::Number),
            ("General", Class::Number),
            ("0.00\" days\"", Class::Number),
            ("#,##0\\d", Class::Number),
            ("0.00E+00", Class::Number),
            ("@", Class::Number),
            ("\"yes\";\"no\"", Class::Number),
            ("_-* #,##0.00\\ [$€-407]_-", Class::Number),
        ];
        for (code, expected) in cases {
            assert_eq!(of_code(code), expected, "{code}");
        }
    }
}
