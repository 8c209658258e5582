//! A number's own digits as a value of a stated type; none where a digit would be lost.

use arrow::datatypes::i256;

use super::token::Number;

#[inline]
pub(super) fn integer(number: &Number<'_>) -> Option<i64> {
    if !number.is_integer() {
        return None;
    }
    if number.whole > 18 {
        return number.text().parse().ok();
    }
    let digits = &number.raw[usize::from(number.negative)..];
    let value = digits
        .iter()
        .fold(0i64, |v, b| v * 10 + i64::from(b - b'0'));
    match (number.negative, value) {
        // An integer has no -0.
        (true, 0) => None,
        (true, v) => Some(-v),
        (false, v) => Some(v),
    }
}

/// The digits without point, with `scale` of them behind it; none where one is lost.
fn digits(number: &Number<'_>, precision: u8, scale: u8) -> Option<String> {
    let scale = usize::from(scale);
    if number.exponent || !number.finite || number.fraction > scale {
        return None;
    }
    let mut digits: String = number.text().chars().filter(|c| *c != '.').collect();
    digits.extend(std::iter::repeat_n('0', scale - number.fraction));
    let significant = digits.trim_start_matches(['-', '0']).len();
    (significant <= usize::from(precision)).then_some(digits)
}

#[inline]
pub(super) fn decimal(number: &Number<'_>, precision: u8, scale: u8) -> Option<i128> {
    let short = number.whole + usize::from(scale) <= 18 && number.fraction == usize::from(scale);
    if !short || number.exponent || !number.finite {
        return digits(number, precision, scale)?.parse().ok();
    }
    let plain = number.raw.iter().filter(|b| b.is_ascii_digit());
    let value = plain.fold(0i64, |v, b| v * 10 + i64::from(b - b'0'));
    if value >= 10i64.pow(u32::from(precision.min(18))) {
        return None;
    }
    Some(i128::from(if number.negative { -value } else { value }))
}

pub(super) fn wide(number: &Number<'_>, precision: u8, scale: u8) -> Option<i256> {
    i256::from_string(&digits(number, precision, scale)?)
}
