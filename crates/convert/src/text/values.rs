//! Values as delimited text writes them: whole numbers, decimals, doubles, dates, times.
//! Reads only what prints back to the same text, in the form that the column has, and
//! prints it so. Never trims, rounds or guesses: [`super::lenient`] does what was asked for.

/// Eight bytes from `at` on, the first the lowest; zeros past the end.
#[inline(always)]
pub(crate) fn load8(text: &[u8], at: usize) -> u64 {
    match text.get(at..).and_then(|t| t.first_chunk::<8>()) {
        Some(bytes) => u64::from_le_bytes(*bytes),
        None => load_end(text, at),
    }
}

#[cold]
fn load_end(text: &[u8], at: usize) -> u64 {
    let mut bytes = [0u8; 8];
    if let Some(rest) = text.get(at..) {
        let n = rest.len().min(8);
        bytes[..n].copy_from_slice(&rest[..n]);
    }
    u64::from_le_bytes(bytes)
}

/// The low `n` bytes of a word.
#[inline(always)]
pub(crate) fn low(word: u64, n: usize) -> u64 {
    if n >= 8 {
        word
    } else {
        word & ((1u64 << (8 * n)) - 1)
    }
}

/// The number that the low `n` bytes of `word` spell, `1 <= n <= 8`, if all are digits.
#[inline(always)]
fn digits8(word: u64, n: usize) -> Option<u64> {
    // The last digit goes to the top byte; what is free below becomes leading zeros.
    let aligned = if n == 8 {
        word
    } else {
        (word << (64 - 8 * n)) | (0x3030_3030_3030_3030 >> (8 * n))
    };
    let x = aligned ^ 0x3030_3030_3030_3030;
    // A byte over 9 sets its own top bit, or had it; a carry comes from such a byte only.
    if (x.wrapping_add(0x7676_7676_7676_7676) | x) & 0x8080_8080_8080_8080 != 0 {
        return None;
    }
    let pairs = x.wrapping_mul(10).wrapping_add(x >> 8);
    let even = (pairs & 0x0000_00FF_0000_00FF).wrapping_mul(0x000F_4240_0000_0064);
    let odd = ((pairs >> 16) & 0x0000_00FF_0000_00FF).wrapping_mul(0x0000_2710_0000_0001);
    Some(even.wrapping_add(odd) >> 32)
}

pub(crate) const TEN: [u64; 20] = {
    let mut powers = [1u64; 20];
    let mut i = 1;
    while i < 20 {
        powers[i] = powers[i - 1] * 10;
        i += 1;
    }
    powers
};

/// Up to 18 digits, leading zeros and all.
#[inline(always)]
fn digits(text: &[u8], at: usize, n: usize) -> Option<u64> {
    if n <= 8 {
        return digits8(load8(text, at), n);
    }
    let high = digits8(load8(text, at), 8)?;
    if n <= 16 {
        return Some(high * TEN[n - 8] + digits8(load8(text, at + 8), n - 8)?);
    }
    let middle = digits8(load8(text, at + 8), 8)?;
    let rest = digits8(load8(text, at + 16), n - 16)?;
    Some((high * 100_000_000 + middle) * TEN[n - 16] + rest)
}

/// A whole number of up to 18 digits, as it is printed: no `+`, no leading zeros, no `-0`.
#[inline(always)]
pub(crate) fn whole(text: &[u8], at: usize, len: usize) -> Option<i64> {
    let negative = usize::from(*text.get(at)? == b'-');
    let (at, n) = (at + negative, len - negative);
    if n == 0 || n > 18 || (text.get(at) == Some(&b'0') && n + negative > 1) {
        return None;
    }
    let value = digits(text, at, n)? as i64;
    Some(if negative == 1 { -value } else { value })
}

/// The same of up to 38 digits.
pub(crate) fn whole_wide(value: &[u8]) -> Option<i128> {
    let digits = value.strip_prefix(b"-").unwrap_or(value);
    let negative = digits.len() < value.len();
    if digits.is_empty() || digits.len() > 38 || (digits[0] == b'0' && value.len() > 1) {
        return None;
    }
    let mut sum = 0i128;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        sum = sum * 10 + i128::from(digit - b'0');
    }
    Some(if negative { -sum } else { sum })
}

/// `-?digits point digits` as it is printed, of up to 18 digits: all of them as one number,
/// and how many stand behind the point. `-0.0` is none.
#[inline(always)]
pub(crate) fn decimal(text: &[u8], at: usize, len: usize, point: u8) -> Option<(i64, usize)> {
    let negative = usize::from(*text.get(at)? == b'-');
    let (at, n) = (at + negative, len - negative);
    if !(3..=19).contains(&n) {
        return None;
    }
    let first = load8(text, at);
    let found = position8(first, point);
    let (value, scale) = if n <= 8 {
        if found == 0 || found + 1 >= n {
            return None;
        }
        let joined = low(first, found) | ((first >> (8 * found) >> 8) << (8 * found));
        (digits8(joined, n - 1)?, n - 1 - found)
    } else {
        let dot = if found < 8 {
            found
        } else {
            let second = position8(load8(text, at + 8), point);
            8 + if second < 8 {
                second
            } else {
                8 + position8(load8(text, at + 16), point)
            }
        };
        if dot == 0 || dot + 1 >= n || n - 1 - dot > 18 || dot > 18 {
            return None;
        }
        let scale = n - 1 - dot;
        let high = digits(text, at, dot)?;
        (
            high * TEN[scale] + digits(text, at + dot + 1, scale)?,
            scale,
        )
    };
    if first as u8 == b'0' && n - 1 - scale != 1 {
        return None;
    }
    if negative == 1 {
        if value == 0 {
            return None;
        }
        return Some((-(value as i64), scale));
    }
    Some((value as i64, scale))
}

/// Where `byte` first stands in a word; 8 where it does not.
#[inline(always)]
fn position8(word: u64, byte: u8) -> usize {
    let x = word ^ (0x0101_0101_0101_0101 * u64::from(byte));
    let hit = x.wrapping_sub(0x0101_0101_0101_0101) & !x & 0x8080_8080_8080_8080;
    (hit.trailing_zeros() / 8) as usize
}

/// The same as [`decimal`], of up to 38 digits.
pub(crate) fn decimal_wide(value: &[u8], point: u8) -> Option<(i128, usize)> {
    let body = value.strip_prefix(b"-").unwrap_or(value);
    let dot = body.iter().position(|b| *b == point)?;
    let scale = body.len() - dot - 1;
    if dot == 0 || scale == 0 || dot + scale > 38 || (body[0] == b'0' && dot > 1) {
        return None;
    }
    let mut sum = 0i128;
    for digit in body[..dot].iter().chain(&body[dot + 1..]) {
        if !digit.is_ascii_digit() {
            return None;
        }
        sum = sum * 10 + i128::from(digit - b'0');
    }
    if body.len() < value.len() {
        if sum == 0 {
            return None;
        }
        sum = -sum;
    }
    Some((sum, scale))
}

/// Powers of ten that a double holds exactly.
const EXACT_TEN: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];

/// The double nearest to a decimal: one exact division where both sides are exact.
#[inline(always)]
pub(crate) fn to_double(value: i64, scale: usize) -> Option<f64> {
    (value.unsigned_abs() <= 1 << 53 && scale <= 22).then(|| value as f64 / EXACT_TEN[scale])
}

/// Any number that has a text as a double; the mark is `point`.
pub(crate) fn double(value: &[u8], point: u8) -> Option<f64> {
    let odd = |b: &u8| !matches!(b, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
    if point == b'.' {
        if value.iter().any(odd) {
            return match value {
                b"nan" => Some(f64::NAN),
                b"inf" => Some(f64::INFINITY),
                b"-inf" => Some(f64::NEG_INFINITY),
                _ => None,
            };
        }
        return std::str::from_utf8(value).ok()?.parse().ok();
    }
    if value.contains(&b'.') || value.len() > 400 {
        return None;
    }
    let dotted: Vec<u8> = value
        .iter()
        .map(|b| if *b == point { b'.' } else { *b })
        .collect();
    double(&dotted, b'.')
}

/// The shortest text that reads back as the same double: plain from 1e-4 to below 1e16,
/// `1e+16`, `1e-05` otherwise, `nan`, `inf`. Whole numbers end in `.0` unless `short`.
pub(crate) fn print_double(value: f64, short: bool, point: u8, out: &mut Vec<u8>) {
    if !value.is_finite() {
        out.extend_from_slice(if value.is_nan() {
            b"nan"
        } else if value > 0.0 {
            b"inf"
        } else {
            b"-inf"
        });
        return;
    }
    let mut buffer = ryu::Buffer::new();
    let printed = buffer.format_finite(value);
    lay_out(printed, value.abs(), short, point, out);
}

/// As [`print_double`], with the digits that a single needs.
pub(crate) fn print_single(value: f32, short: bool, point: u8, out: &mut Vec<u8>) {
    if !value.is_finite() {
        return print_double(f64::from(value), short, point, out);
    }
    let mut buffer = ryu::Buffer::new();
    let printed = buffer.format_finite(value);
    lay_out(printed, f64::from(value).abs(), short, point, out);
}

fn lay_out(printed: &str, size: f64, short: bool, point: u8, out: &mut Vec<u8>) {
    let from = out.len();
    if !printed.contains('e') && (size == 0.0 || size >= 1e-4) {
        out.extend_from_slice(printed.as_bytes());
    } else {
        let (sign, body) = match printed.strip_prefix('-') {
            Some(body) => ("-", body),
            None => ("", printed),
        };
        let (mantissa, exponent) = body.split_once('e').unwrap_or((body, "0"));
        let (head, tail) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let exponent: i32 = exponent.parse().unwrap_or(0);
        let all = format!("{head}{}", tail.trim_end_matches('0'));
        let significant = all.trim_start_matches('0');
        let exponent = exponent + head.len() as i32 - 1 - (all.len() - significant.len()) as i32;
        let significant = significant.trim_end_matches('0');
        out.extend_from_slice(sign.as_bytes());
        out.extend_from_slice(&significant.as_bytes()[..1]);
        if significant.len() > 1 {
            out.push(b'.');
            out.extend_from_slice(&significant.as_bytes()[1..]);
        }
        let mark = if exponent < 0 { '-' } else { '+' };
        out.extend_from_slice(format!("e{mark}{:02}", exponent.abs()).as_bytes());
    }
    if short && out.ends_with(b".0") {
        out.truncate(out.len() - 2);
    }
    if point != b'.'
        && let Some(dot) = out[from..].iter().position(|b| *b == b'.')
    {
        out[from + dot] = point;
    }
}

/// All digits of a decimal, `scale` of them behind the point.
pub(crate) fn print_decimal(value: i128, scale: usize, point: u8, out: &mut Vec<u8>) {
    let mut buffer = itoa::Buffer::new();
    let digits = match u64::try_from(value.unsigned_abs()) {
        Ok(narrow) => buffer.format(narrow),
        Err(_) => buffer.format(value.unsigned_abs()),
    };
    if value < 0 {
        out.push(b'-');
    }
    let digits = digits.as_bytes();
    if scale == 0 {
        out.extend_from_slice(digits);
        return;
    }
    if digits.len() > scale {
        let (head, tail) = digits.split_at(digits.len() - scale);
        out.extend_from_slice(head);
        out.push(point);
        out.extend_from_slice(tail);
    } else {
        out.extend_from_slice(&[b'0', point]);
        out.resize(out.len() + scale - digits.len(), b'0');
        out.extend_from_slice(digits);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn double_text(value: f64) -> String {
        let mut out = Vec::new();
        print_double(value, false, b'.', &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn doubles_print_as_python_and_the_engine_do() {
        for (value, text) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (1.5e300, "1.5e+300"),
            (123456789012345680.0, "1.2345678901234568e+17"),
            (0.0001, "0.0001"),
            (0.00001234, "1.234e-05"),
            (0.00001, "1e-05"),
            (5e-324, "5e-324"),
            (f64::MAX, "1.7976931348623157e+308"),
            (f64::NAN, "nan"),
            (f64::NEG_INFINITY, "-inf"),
        ] {
            assert_eq!(double_text(value), text);
        }
    }

    #[test]
    fn only_printed_forms_are_numbers() {
        for text in [
            "",
            "-",
            "+1",
            "01",
            "-0",
            "1x",
            " 1",
            "1 ",
            "12345678x",
            "1234567890123456x",
        ] {
            assert!(
                text.is_empty() || whole(text.as_bytes(), 0, text.len()).is_none(),
                "{text}"
            );
            assert!(whole_wide(text.as_bytes()).is_none(), "{text}");
        }
        for text in [
            ".5",
            "5.",
            "-.5",
            "00.5",
            "-0.0",
            "1.2.3",
            "1,2",
            "12345678.9x",
            "1.5e3",
            "--1.5",
            "01.123456789",
        ] {
            assert!(
                decimal(text.as_bytes(), 0, text.len(), b'.').is_none(),
                "{text}"
            );
            assert!(decimal_wide(text.as_bytes(), b'.').is_none(), "{text}");
        }
        assert_eq!(decimal(b"-1,25", 0, 5, b','), Some((-125, 2)));
    }

    proptest! {
        #[test]
        fn whole_numbers_read_as_the_standard_library_reads(value in any::<i64>(), shift in 0u32..63) {
            let value = value >> shift;
            let text = value.to_string();
            if text.trim_start_matches('-').len() <= 18 {
                prop_assert_eq!(whole(text.as_bytes(), 0, text.len()), Some(value));
            }
            prop_assert_eq!(whole_wide(text.as_bytes()), Some(i128::from(value)));
        }

        #[test]
        fn decimals_come_back(value in -999_999_999_999_999_999i64..=999_999_999_999_999_999, shift in 0u32..59, scale in 1usize..18) {
            let value = value >> shift;
            let mut text = b"x".to_vec();
            print_decimal(i128::from(value), scale, b'.', &mut text);
            let len = text.len() - 1;
            if text[1..].iter().filter(|b| b.is_ascii_digit()).count() <= 18 {
                prop_assert_eq!(decimal(&text, 1, len, b'.'), Some((value, scale)));
            }
            prop_assert_eq!(decimal_wide(&text[1..], b'.'), Some((i128::from(value), scale)));
            if let Some(quick) = to_double(value, scale) {
                prop_assert_eq!(Some(quick), double(&text[1..], b'.'));
            }
        }

        #[test]
        fn doubles_come_back(bits in any::<u64>()) {
            let value = f64::from_bits(bits);
            let text = double_text(value);
            let back = double(text.as_bytes(), b'.').unwrap();
            prop_assert!(back.to_bits() == value.to_bits() || value.is_nan());
        }

        #[test]
        fn short_decimals_are_shortest_doubles(value in -999_999_999_999_999i64..=999_999_999_999_999, scale in 1usize..15) {
            // What the profiler relies on to prove a double without printing it.
            let mut text = Vec::new();
            print_decimal(i128::from(value), scale, b'.', &mut text);
            let small = value.unsigned_abs() < 10u64.pow((scale as u32).saturating_sub(4)) && value != 0;
            if value % 10 != 0 && !small {
                let number = double(&text, b'.').unwrap();
                prop_assert_eq!(double_text(number).into_bytes(), text);
            }
        }
    }
}
