//! Dates and times in the one form in which they are printed: what is written any other
//! way stays text. The proleptic Gregorian calendar, years 1 to 9999.

/// Days since 1970-01-01 of `YYYY-MM-DD`.
#[inline]
pub(crate) fn date(text: &[u8]) -> Option<i32> {
    if text.len() != 10 || text[4] != b'-' || text[7] != b'-' {
        return None;
    }
    let year = number(&text[..4])?;
    let month = number(&text[5..7])?;
    let day = number(&text[8..])?;
    if year == 0 || !(1..=12).contains(&month) || day == 0 || day > days_in(year, month) {
        return None;
    }
    Some(days(year, month, day))
}

/// Microseconds since 1970 of `YYYY-MM-DD HH:MM:SS`, with up to six digits of a
/// fraction and no zero at its end.
#[inline]
pub(crate) fn stamp(text: &[u8]) -> Option<i64> {
    instant(text, 6).map(|(micros, _)| micros)
}

/// The same with `scale` digits at most, in units of that scale; and how many digits
/// there were.
pub(crate) fn instant(text: &[u8], scale: usize) -> Option<(i64, usize)> {
    if text.len() < 19 || text[10] != b' ' {
        return None;
    }
    let day = i64::from(date(&text[..10])?);
    let (time, digits) = time(&text[11..], scale)?;
    let per_day = 86_400 * 10i64.pow(scale as u32);
    Some((day.checked_mul(per_day)?.checked_add(time)?, digits))
}

/// `HH:MM:SS` with a fraction, since midnight, in units of `scale` digits.
pub(crate) fn time(text: &[u8], scale: usize) -> Option<(i64, usize)> {
    if text.len() < 8 || text[2] != b':' || text[5] != b':' {
        return None;
    }
    let hour = number(&text[..2])?;
    let minute = number(&text[3..5])?;
    let second = number(&text[6..8])?;
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let fraction = match text.get(8) {
        None => &[][..],
        Some(b'.') if text.len() > 9 && text.len() - 9 <= scale => &text[9..],
        _ => return None,
    };
    if fraction.last() == Some(&b'0') {
        return None;
    }
    let part = match fraction {
        [] => 0,
        some => i64::from(number(some)?) * 10i64.pow((scale - some.len()) as u32),
    };
    let seconds = i64::from(hour * 3600 + minute * 60 + second);
    Some((seconds * 10i64.pow(scale as u32) + part, fraction.len()))
}

/// Up to nine digits.
#[inline]
fn number(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0u32, |n, b| {
        b.is_ascii_digit().then(|| n * 10 + u32::from(b - b'0'))
    })
}

fn days_in(year: u32, month: u32) -> u32 {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        4 | 6 | 9 | 11 => 30,
        2 => 28 + u32::from(leap),
        _ => 31,
    }
}

/// Days from 1970-01-01, counting years from March so that the leap day comes last.
fn days(year: u32, month: u32, day: u32) -> i32 {
    let year = year as i32 - i32::from(month <= 2);
    let month = (month as i32 + 9) % 12;
    let era = year.div_euclid(400);
    let in_era = year.rem_euclid(400);
    let in_year = (153 * month + 2) / 5 + day as i32 - 1;
    era * 146_097 + in_era * 365 + in_era / 4 - in_era / 100 + in_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_the_calendars() {
        for (text, day) in [
            ("1970-01-01", 0),
            ("1969-12-31", -1),
            ("2000-02-29", 11_016),
            ("2026-11-26", 20_783),
            ("9999-12-31", 2_932_896),
            ("0001-01-01", -719_162),
        ] {
            assert_eq!(date(text.as_bytes()), Some(day), "{text}");
        }
        for text in [
            "1900-02-29",
            "2026-13-01",
            "2026-00-01",
            "2026-01-00",
            "2026-1-1",
            "2026/01/01",
            "0000-01-01",
            "2026-01-01 ",
            "",
        ] {
            assert_eq!(date(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn only_the_printed_form_is_a_timestamp() {
        assert_eq!(stamp(b"1970-01-02 00:00:01"), Some(86_401_000_000));
        assert_eq!(stamp(b"1970-01-01 00:00:00.000001"), Some(1));
        assert_eq!(stamp(b"1969-12-31 23:59:59.5"), Some(-500_000));
        for text in [
            "1970-01-01T00:00:00",
            "1970-01-01 00:00:00.",
            "1970-01-01 00:00:00.50",
            "1970-01-01 00:00:00.1234567",
            "1970-01-01 24:00:00",
            "1970-01-01 23:59:60",
            "1970-01-01 00:00:00Z",
            "1970-01-01",
        ] {
            assert_eq!(stamp(text.as_bytes()), None, "{text}");
        }
    }
}
