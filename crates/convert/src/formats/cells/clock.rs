//! Dates, times and decimals as text, for stores that have no type of their own for them.
//! What is written here is read back here to the same value, whatever its size, and what
//! is written otherwise is not read at all.

const DAY_SECONDS: i64 = 86_400;

/// Year, month and day of a day counted from 1970-01-01. (Days to civil, by eras of 400
/// years: exact for any i32.)
fn civil(days: i64) -> (i64, i64, i64) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let day = doy - (153 * mp + 2) / 5 + 1;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    (yoe + era * 400 + i64::from(month <= 2), month, day)
}

fn push_padded(out: &mut Vec<u8>, n: i64, width: usize) {
    let mut digits = itoa::Buffer::new();
    let digits = digits.format(n);
    out.resize(out.len() + width.saturating_sub(digits.len()), b'0');
    out.extend_from_slice(digits.as_bytes());
}

/// `2026-01-31`
pub(crate) fn push_date(out: &mut Vec<u8>, days: i64) {
    let (year, month, day) = civil(days);
    if year < 0 {
        out.push(b'-');
    }
    push_padded(out, year.abs(), 4);
    out.push(b'-');
    push_padded(out, month, 2);
    out.push(b'-');
    push_padded(out, day, 2);
}

/// `23:59:59.5`: no more digits of the second than it has. Hours may go past 24.
pub(crate) fn push_time(out: &mut Vec<u8>, micros: i64) {
    let seconds = micros / 1_000_000;
    push_padded(out, seconds / 3600, 2);
    out.push(b':');
    push_padded(out, seconds / 60 % 60, 2);
    out.push(b':');
    push_padded(out, seconds % 60, 2);
    let fraction = micros % 1_000_000;
    if fraction > 0 {
        out.push(b'.');
        push_padded(out, fraction, 6);
        while out.last() == Some(&b'0') {
            out.pop();
        }
    }
}

/// `2026-01-31`, `-0044-03-15`, `12026-01-01` as days since 1970.
pub(crate) fn date(text: &str) -> Option<i64> {
    let (negative, plain) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let mut parts = plain.splitn(3, '-');
    let mut number = |least: usize| {
        let part = parts.next()?;
        let fine =
            part.len() >= least && part.len() <= 9 && part.bytes().all(|b| b.is_ascii_digit());
        if fine { part.parse::<i64>().ok() } else { None }
    };
    let (year, month, day) = (number(4)?, number(2)?, number(2)?);
    let year = if negative { -year } else { year };
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // Civil to days, by eras of 400 years.
    let y = year - i64::from(month <= 2);
    let era = y.div_euclid(400);
    let yoe = y.rem_euclid(400);
    let doy = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    let days = era * 146_097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719_468;
    // The 31st of a month of 30 days lands elsewhere.
    let mut back = Vec::new();
    push_date(&mut back, days);
    (back == text.as_bytes()).then_some(days)
}

/// Seconds, and the fraction in nanoseconds, of `23:59:59.123456789`.
fn clock(text: &str) -> Option<(i64, i64)> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let mut parts = whole.split(':');
    let mut number = || {
        let part = parts.next()?;
        (part.len() >= 2 && part.bytes().all(|b| b.is_ascii_digit()))
            .then(|| part.parse::<i64>().ok())?
    };
    let (hours, minutes, seconds) = (number()?, number()?, number()?);
    if parts.next().is_some() || minutes > 59 || seconds > 59 || hours > 24 {
        return None;
    }
    if fraction.len() > 9 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let nanos: i64 = if fraction.is_empty() {
        0
    } else {
        format!("{fraction:0<9}").parse().ok()?
    };
    Some((hours * 3600 + minutes * 60 + seconds, nanos))
}

fn in_units(seconds: i64, nanos: i64, per_second: i64) -> Option<i64> {
    let unit = 1_000_000_000 / per_second;
    if nanos % unit != 0 {
        return None;
    }
    let n = i128::from(seconds) * i128::from(per_second) + i128::from(nanos / unit);
    i64::try_from(n).ok()
}

pub(crate) fn time(text: &str, per_second: i64) -> Option<i64> {
    let (seconds, nanos) = clock(text)?;
    in_units(seconds, nanos, per_second)
}

/// With or without `+00` behind it.
pub(crate) fn timestamp(text: &str, per_second: i64) -> Option<i64> {
    let plain = text.strip_suffix("+00").unwrap_or(text);
    let (day, clock_text) = plain.rsplit_once(' ')?;
    let (seconds, nanos) = clock(clock_text)?;
    in_units(
        date(day)?.checked_mul(DAY_SECONDS)? + seconds,
        nanos,
        per_second,
    )
}

pub(crate) fn push_timestamp(out: &mut Vec<u8>, value: i64, per_second: i64) {
    let seconds = value.div_euclid(per_second);
    push_date(out, seconds.div_euclid(DAY_SECONDS));
    out.push(b' ');
    push_clock(
        out,
        seconds.rem_euclid(DAY_SECONDS),
        value.rem_euclid(per_second),
        per_second,
    );
}

pub(crate) fn push_clock(out: &mut Vec<u8>, seconds: i64, fraction: i64, per_second: i64) {
    push_time(out, seconds * 1_000_000);
    let nanos = fraction * (1_000_000_000 / per_second);
    if nanos > 0 {
        let digits = format!("{nanos:09}");
        out.push(b'.');
        out.extend_from_slice(digits.trim_end_matches('0').as_bytes());
    }
}

/// `-12.50` at scale 2 as -1250; none where digits would be lost.
pub(crate) fn decimal(text: &str, scale: i8) -> Option<i128> {
    let (negative, plain) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, fraction) = plain.split_once('.').unwrap_or((plain, ""));
    let scale = usize::try_from(scale).ok()?;
    if whole.is_empty() || fraction.len() > scale || whole.len() > 39 {
        return None;
    }
    let mut n = 0i128;
    let zeros = std::iter::repeat_n(b'0', scale - fraction.len());
    for b in whole.bytes().chain(fraction.bytes()).chain(zeros) {
        if !b.is_ascii_digit() {
            return None;
        }
        n = n.checked_mul(10)?.checked_add(i128::from(b - b'0'))?;
    }
    Some(if negative { -n } else { n })
}

/// All the digits of the scale, as `-12.50`.
pub(crate) fn push_decimal(out: &mut Vec<u8>, unscaled: i128, scale: i8) {
    if unscaled < 0 {
        out.push(b'-');
    }
    let scale = usize::try_from(scale).unwrap_or(0);
    let digits = format!("{:0>width$}", unscaled.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    out.extend_from_slice(whole.as_bytes());
    if scale > 0 {
        out.push(b'.');
        out.extend_from_slice(fraction.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn timestamps_come_back(value: i64, unit in 0u32..4) {
            let per_second = 1000i64.pow(unit);
            let value = if unit == 0 { value / 1_000_000 } else { value };
            let mut text = Vec::new();
            push_timestamp(&mut text, value, per_second);
            let text = String::from_utf8(text).unwrap();
            prop_assert_eq!(timestamp(&text, per_second), Some(value), "{}", text);
        }

        #[test]
        fn decimals_come_back(value in -(10i128.pow(38) - 1)..10i128.pow(38), scale in 0i8..=38) {
            let mut text = Vec::new();
            push_decimal(&mut text, value, scale);
            let text = String::from_utf8(text).unwrap();
            prop_assert_eq!(decimal(&text, scale), Some(value), "{}", text);
        }
    }

    #[test]
    fn days_that_are_not_are_refused() {
        for text in [
            "2026-02-29",
            "2026-13-01",
            "2026-1-1",
            "",
            "-",
            "x",
            "2026-01-01x",
        ] {
            assert_eq!(date(text), None, "{text}");
        }
        assert_eq!(date("1970-01-02"), Some(1));
        assert_eq!(decimal("1.234", 2), None);
        assert_eq!(decimal("", 2), None);
    }
}
