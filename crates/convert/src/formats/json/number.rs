//! What the numbers of a column have in common, and so which type holds each of them
//! exactly. Never looks at a sample: every number is taken in.

use arrow::datatypes::DataType;

use super::token::Number;

/// Digits that any double keeps: a number with no more of them comes back.
const SAFE_DIGITS: usize = 15;

/// Most digits of a DECIMAL.
const DECIMAL_DIGITS: usize = 38;

/// All numbers of a column.
#[derive(Debug, Clone)]
pub(crate) struct Numbers {
    pub count: u64,
    /// Integers of up to 38 digits, -0 not among them.
    integers: u64,
    least: i128,
    most: i128,
    /// Numbers with a point and no exponent.
    fractions: u64,
    least_scale: usize,
    most_scale: usize,
    most_whole: usize,
    /// -0, -0.0 and the like: only a double has them.
    negative_zeros: u64,
    /// Infinity and NaN.
    pub words: u64,
    /// Numbers that a double would alter, and the first of them by place.
    altered: u64,
    altered_first: Option<(u64, String)>,
    /// Numbers with zeros at the end that a double does not print.
    padded: u64,
    padded_first: Option<(u64, String)>,
}

/// The type that holds every number, or why there is none.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Verdict {
    Typed(DataType),
    /// Kept as spelled; so many would be altered, such as this one.
    Spelled {
        altered: u64,
        example: String,
    },
}

impl Default for Numbers {
    fn default() -> Self {
        Numbers {
            count: 0,
            integers: 0,
            least: i128::MAX,
            most: i128::MIN,
            fractions: 0,
            least_scale: usize::MAX,
            most_scale: 0,
            most_whole: 0,
            negative_zeros: 0,
            words: 0,
            altered: 0,
            altered_first: None,
            padded: 0,
            padded_first: None,
        }
    }
}

impl Numbers {
    /// Takes in a number; `at` is its place in the file.
    #[inline]
    pub(crate) fn see(&mut self, number: &Number<'_>, at: u64) {
        self.count += 1;
        if number.is_integer() && number.whole <= 18 {
            let value = small_integer(number);
            if value == 0 && number.negative {
                self.negative_zeros += 1;
                return;
            }
            self.integers += 1;
            self.least = self.least.min(i128::from(value));
            self.most = self.most.max(i128::from(value));
            if number.whole > SAFE_DIGITS && !double_keeps(number) {
                self.alter(number, at);
            }
            return;
        }
        self.see_other(number, at);
    }

    fn see_other(&mut self, number: &Number<'_>, at: u64) {
        if !number.finite {
            self.words += 1;
            return;
        }
        if number.is_integer() && number.whole <= DECIMAL_DIGITS {
            let value: i128 = number.text().parse().unwrap_or_default();
            self.integers += 1;
            self.least = self.least.min(value);
            self.most = self.most.max(value);
        } else if !number.exponent && number.fraction > 0 {
            self.fractions += 1;
            self.least_scale = self.least_scale.min(number.fraction);
            self.most_scale = self.most_scale.max(number.fraction);
            self.most_whole = self.most_whole.max(number.whole);
            if number.negative && number.raw.iter().all(|b| matches!(b, b'-' | b'0' | b'.')) {
                self.negative_zeros += 1;
            }
            if number.fraction > 1 && number.raw.last() == Some(&b'0') {
                self.padded += 1;
                first(&mut self.padded_first, number.text(), at);
            }
        }
        let short = number.whole + number.fraction <= SAFE_DIGITS && !number.exponent;
        if !short && !double_keeps(number) {
            self.alter(number, at);
        }
    }

    fn alter(&mut self, number: &Number<'_>, at: u64) {
        self.altered += 1;
        first(&mut self.altered_first, number.text(), at);
    }

    pub(crate) fn merge(&mut self, other: Numbers) {
        self.count += other.count;
        self.integers += other.integers;
        self.least = self.least.min(other.least);
        self.most = self.most.max(other.most);
        self.fractions += other.fractions;
        self.least_scale = self.least_scale.min(other.least_scale);
        self.most_scale = self.most_scale.max(other.most_scale);
        self.most_whole = self.most_whole.max(other.most_whole);
        self.negative_zeros += other.negative_zeros;
        self.words += other.words;
        self.altered += other.altered;
        self.padded += other.padded;
        for (mine, theirs) in [
            (&mut self.altered_first, other.altered_first),
            (&mut self.padded_first, other.padded_first),
        ] {
            if let Some((at, text)) = theirs {
                first(mine, &text, at);
            }
        }
    }

    /// The narrowest type that holds each number as it is.
    pub(crate) fn verdict(&self) -> Verdict {
        if self.integers == self.count {
            let fits = |least: i128, most: i128| self.least >= least && self.most <= most;
            let typed = if fits(i64::MIN.into(), i64::MAX.into()) {
                DataType::Int64
            } else if fits(0, u64::MAX.into()) {
                DataType::UInt64
            } else {
                DataType::Decimal128(DECIMAL_DIGITS as u8, 0)
            };
            return Verdict::Typed(typed);
        }
        let digits = self.most_whole + self.most_scale;
        let fixed = self.fractions == self.count
            && self.negative_zeros == 0
            && self.least_scale == self.most_scale
            && digits <= DECIMAL_DIGITS;
        if fixed {
            return Verdict::Typed(DataType::Decimal128(digits as u8, self.most_scale as i8));
        }
        if self.altered == 0 {
            return Verdict::Typed(DataType::Float64);
        }
        Verdict::Spelled {
            altered: self.altered,
            example: self.altered_first.clone().map(|f| f.1).unwrap_or_default(),
        }
    }

    /// The smallest and the largest, where all are integers of up to 38 digits.
    pub(crate) fn integer_ends(&self) -> Option<(i128, i128)> {
        (self.count > 0 && self.integers == self.count).then_some((self.least, self.most))
    }

    /// How many numbers a double spells shorter, and one of them.
    pub(crate) fn padded(&self) -> (u64, Option<&str>) {
        let example = self.padded_first.as_ref().map(|f| f.1.as_str());
        (self.padded, example)
    }
}

/// Keeps the earliest by place.
fn first(slot: &mut Option<(u64, String)>, text: &str, at: u64) {
    if slot.as_ref().is_none_or(|(seen, _)| at < *seen) {
        // Cut: an example is for reading.
        *slot = Some((at, text.chars().take(60).collect()));
    }
}

/// Quick for what is common; none for the rest.
#[inline]
pub(crate) fn integer_as_double(number: &Number<'_>) -> Option<f64> {
    let plain = number.is_integer() && number.whole <= 18;
    plain.then(|| small_integer(number) as f64)
}

#[inline]
fn small_integer(number: &Number<'_>) -> i64 {
    let digits = &number.raw[usize::from(number.negative)..];
    let value = digits
        .iter()
        .fold(0i64, |v, b| v * 10 + i64::from(b - b'0'));
    if number.negative { -value } else { value }
}

/// Whether the shortest text that reads back as the same double is the same number,
/// digit for digit: nothing lost, nothing invented.
pub(crate) fn double_keeps(number: &Number<'_>) -> bool {
    let value = number.double();
    if !value.is_finite() {
        return false;
    }
    let mut buffer = ryu::Buffer::new();
    match (decimal(number.text()), decimal(buffer.format_finite(value))) {
        (Some(said), Some(kept)) => said == kept,
        _ => false,
    }
}

/// The significant digits, and the power of ten of the last of them. The sign stays
/// out: both sides have it.
fn decimal(text: &str) -> Option<(String, i64)> {
    let (mantissa, power) = match text.find(['e', 'E']) {
        Some(at) => (&text[..at], text[at + 1..].parse::<i64>().ok()?),
        None => (text, 0),
    };
    let mantissa = mantissa.trim_start_matches('-');
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let mut digits = format!("{whole}{fraction}");
    let mut power = power.checked_sub(fraction.len() as i64)?;
    while digits.ends_with('0') {
        digits.pop();
        power = power.checked_add(1)?;
    }
    let digits = digits.trim_start_matches('0').to_owned();
    if digits.is_empty() {
        // Zero, whatever its exponent.
        power = 0;
    }
    Some((digits, power))
}

#[cfg(test)]
mod tests {
    use super::super::token::Cursor;
    use super::*;

    fn verdict(texts: &[&str]) -> Verdict {
        let mut numbers = Numbers::default();
        for (i, text) in texts.iter().enumerate() {
            let number = Cursor::new(text.as_bytes()).number().unwrap();
            numbers.see(&number, i as u64);
        }
        numbers.verdict()
    }

    fn typed(texts: &[&str]) -> DataType {
        match verdict(texts) {
            Verdict::Typed(t) => t,
            other => panic!("{texts:?}: {other:?}"),
        }
    }

    fn spelled(texts: &[&str]) -> String {
        match verdict(texts) {
            Verdict::Spelled { example, .. } => example,
            other => panic!("{texts:?}: {other:?}"),
        }
    }

    #[test]
    fn integers_take_the_narrowest_type_that_holds_all() {
        assert_eq!(typed(&["0", "-1", "9007199254740993"]), DataType::Int64);
        assert_eq!(
            typed(&["9223372036854775807", "-9223372036854775808"]),
            DataType::Int64
        );
        assert_eq!(typed(&["9223372036854775808", "1"]), DataType::UInt64);
        assert_eq!(typed(&["18446744073709551615"]), DataType::UInt64);
        let wide = DataType::Decimal128(38, 0);
        assert_eq!(typed(&["18446744073709551616"]), wide);
        assert_eq!(typed(&["9223372036854775808", "-1"]), wide);
        assert_eq!(
            typed(&[&"9".repeat(38), &format!("-{}", "9".repeat(38))]),
            wide
        );
        assert_eq!(spelled(&[&"9".repeat(39), "1"]), "9".repeat(39));
    }

    #[test]
    fn a_fixed_scale_is_a_decimal() {
        assert_eq!(typed(&["1.50", "-20.25"]), DataType::Decimal128(4, 2));
        assert_eq!(typed(&["0.1"]), DataType::Decimal128(2, 1));
        let long = format!("{}.{}", "1".repeat(20), "2".repeat(18));
        assert_eq!(typed(&[&long]), DataType::Decimal128(38, 18));
        assert_eq!(spelled(&[&(long + "2")]).len(), 40);
    }

    #[test]
    fn a_double_must_keep_every_digit() {
        assert_eq!(typed(&["1", "2.5"]), DataType::Float64);
        assert_eq!(typed(&["1e-07", "1E+16", "0.1"]), DataType::Float64);
        assert_eq!(typed(&["0.30000000000000004", "1"]), DataType::Float64);
        assert_eq!(typed(&["9007199254740992", "0.5"]), DataType::Float64);
        assert_eq!(typed(&["-0", "1"]), DataType::Float64);
        assert_eq!(typed(&["-0.00"]), DataType::Float64);
        assert_eq!(typed(&["0e999999999999", "5e-324"]), DataType::Float64);
        assert_eq!(typed(&["NaN", "1"]), DataType::Float64);
        assert_eq!(spelled(&["1", "1E400"]), "1E400");
        assert_eq!(spelled(&["1", "1e-400"]), "1e-400");
        assert_eq!(spelled(&["9007199254740993", "0.5"]), "9007199254740993");
        assert_eq!(
            spelled(&["0.1000000000000000055", "1"]),
            "0.1000000000000000055"
        );
        assert_eq!(
            spelled(&["1e99999999999999999999", "1"]),
            "1e99999999999999999999"
        );
    }

    #[test]
    fn zeros_at_the_end_are_counted() {
        let mut numbers = Numbers::default();
        for (i, text) in ["1.0", "2.50", "3", "4.00"].iter().enumerate() {
            numbers.see(&Cursor::new(text.as_bytes()).number().unwrap(), i as u64);
        }
        assert_eq!(numbers.padded(), (2, Some("2.50")));
    }
}
