//! Types that a person asked for: `type.price=DOUBLE`. Takes every text that has a value
//! of the type without a loss of digits, `007` as 7 and `1.5` as DECIMAL(9,2) among them;
//! any other is a reject. Never used where the content alone decides.

use arrow::datatypes::{DataType, TimeUnit};

use super::times::{self, Order};
use super::values;
use crate::error::{ConvertError, Result};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scalar {
    Text,
    Bool,
    /// Signed, and bits.
    Int(bool, u8),
    Float,
    Double,
    Decimal(u8, u8),
    Date,
    Time,
    /// Digits behind the second: 0, 3, 6, 9.
    Stamp(u8),
    /// Microseconds in UTC; a text without an offset is taken as UTC.
    Zoned,
}

/// A type, and how its texts are to be understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Asked {
    pub scalar: Scalar,
    pub point: u8,
    pub order: Option<Order>,
}

/// A value of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Value {
    Bool(bool),
    /// Whole numbers; decimals with all their digits; days; units from midnight or 1970.
    Int(i128),
    Double(f64),
}

impl Scalar {
    /// SQL's words for a type. `key` is the option that said it.
    pub(crate) fn parse(key: &str, said: &str) -> Result<Self> {
        let refused = || ConvertError::BadOption {
            key: key.to_owned(),
            value: said.to_owned(),
            expected: "a type such as BIGINT, DOUBLE, DECIMAL(18,2), DATE, TIME, TIMESTAMP, \
                       TIMESTAMP WITH TIME ZONE, BOOLEAN or VARCHAR"
                .to_owned(),
        };
        let upper = said.trim().to_ascii_uppercase();
        Ok(match upper.as_str() {
            "VARCHAR" | "TEXT" | "STRING" => Scalar::Text,
            "BOOLEAN" | "BOOL" => Scalar::Bool,
            "TINYINT" => Scalar::Int(true, 8),
            "SMALLINT" => Scalar::Int(true, 16),
            "INTEGER" | "INT" => Scalar::Int(true, 32),
            "BIGINT" => Scalar::Int(true, 64),
            "UTINYINT" => Scalar::Int(false, 8),
            "USMALLINT" => Scalar::Int(false, 16),
            "UINTEGER" => Scalar::Int(false, 32),
            "UBIGINT" => Scalar::Int(false, 64),
            "HUGEINT" => Scalar::Decimal(38, 0),
            "FLOAT" | "REAL" => Scalar::Float,
            "DOUBLE" => Scalar::Double,
            "DATE" => Scalar::Date,
            "TIME" => Scalar::Time,
            "TIMESTAMP_S" => Scalar::Stamp(0),
            "TIMESTAMP_MS" => Scalar::Stamp(3),
            "TIMESTAMP" | "DATETIME" => Scalar::Stamp(6),
            "TIMESTAMP_NS" => Scalar::Stamp(9),
            "TIMESTAMP WITH TIME ZONE" | "TIMESTAMPTZ" => Scalar::Zoned,
            other => {
                let inner = other
                    .strip_prefix("DECIMAL(")
                    .or_else(|| other.strip_prefix("NUMERIC("))
                    .and_then(|rest| rest.strip_suffix(')'))
                    .ok_or_else(refused)?;
                let (precision, scale) = inner.split_once(',').unwrap_or((inner, "0"));
                let precision: u8 = precision.trim().parse().map_err(|_| refused())?;
                let scale: u8 = scale.trim().parse().map_err(|_| refused())?;
                if precision == 0 || precision > 38 || scale > precision {
                    return Err(refused());
                }
                Scalar::Decimal(precision, scale)
            }
        })
    }
}

impl Asked {
    pub(crate) fn data_type(self) -> DataType {
        match self.scalar {
            Scalar::Text => DataType::Utf8,
            Scalar::Bool => DataType::Boolean,
            Scalar::Int(true, 8) => DataType::Int8,
            Scalar::Int(true, 16) => DataType::Int16,
            Scalar::Int(true, 32) => DataType::Int32,
            Scalar::Int(true, _) => DataType::Int64,
            Scalar::Int(false, 8) => DataType::UInt8,
            Scalar::Int(false, 16) => DataType::UInt16,
            Scalar::Int(false, 32) => DataType::UInt32,
            Scalar::Int(false, _) => DataType::UInt64,
            Scalar::Float => DataType::Float32,
            Scalar::Double => DataType::Float64,
            Scalar::Decimal(precision, scale) => DataType::Decimal128(precision, scale as i8),
            Scalar::Date => DataType::Date32,
            Scalar::Time => DataType::Time64(TimeUnit::Microsecond),
            Scalar::Stamp(0) => DataType::Timestamp(TimeUnit::Second, None),
            Scalar::Stamp(3) => DataType::Timestamp(TimeUnit::Millisecond, None),
            Scalar::Stamp(9) => DataType::Timestamp(TimeUnit::Nanosecond, None),
            Scalar::Stamp(_) => DataType::Timestamp(TimeUnit::Microsecond, None),
            Scalar::Zoned => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        }
    }

    pub(crate) fn name(self) -> String {
        match self.scalar {
            Scalar::Text => "VARCHAR".to_owned(),
            Scalar::Bool => "BOOLEAN".to_owned(),
            Scalar::Int(signed, bits) => {
                let word = match bits {
                    8 => "TINYINT",
                    16 => "SMALLINT",
                    32 => "INTEGER",
                    _ => "BIGINT",
                };
                format!("{}{word}", if signed { "" } else { "U" })
            }
            Scalar::Float => "FLOAT".to_owned(),
            Scalar::Double => "DOUBLE".to_owned(),
            Scalar::Decimal(precision, scale) => format!("DECIMAL({precision},{scale})"),
            Scalar::Date => "DATE".to_owned(),
            Scalar::Time => "TIME".to_owned(),
            Scalar::Stamp(0) => "TIMESTAMP_S".to_owned(),
            Scalar::Stamp(3) => "TIMESTAMP_MS".to_owned(),
            Scalar::Stamp(9) => "TIMESTAMP_NS".to_owned(),
            Scalar::Stamp(_) => "TIMESTAMP".to_owned(),
            Scalar::Zoned => "TIMESTAMP WITH TIME ZONE".to_owned(),
        }
    }

    /// Whether the shortest text of a double, or of a single, has the digits of this one.
    fn keeps_digits(self, text: &[u8], value: f64) -> bool {
        let mut printed = Vec::new();
        match self.scalar {
            Scalar::Float => values::print_single(value as f32, true, b'.', &mut printed),
            _ => values::print_double(value, true, b'.', &mut printed),
        }
        digits_of(text) == digits_of(&printed)
    }

    /// The value of a text; none where it has none of this type.
    pub(crate) fn read(self, text: &[u8]) -> Option<Value> {
        let text = text.trim_ascii();
        match self.scalar {
            Scalar::Text => None,
            Scalar::Bool => match text.to_ascii_lowercase().as_slice() {
                b"true" | b"t" | b"yes" | b"y" | b"1" => Some(Value::Bool(true)),
                b"false" | b"f" | b"no" | b"n" | b"0" => Some(Value::Bool(false)),
                _ => None,
            },
            Scalar::Int(signed, bits) => {
                let value = fixed(text, self.point, 0)?;
                let bits = u32::from(bits);
                let (least, most) = if signed {
                    (-(1i128 << (bits - 1)), (1i128 << (bits - 1)) - 1)
                } else {
                    (0, (1i128 << bits) - 1)
                };
                (least..=most).contains(&value).then_some(Value::Int(value))
            }
            Scalar::Decimal(precision, scale) => {
                let value = fixed(text, self.point, scale)?;
                let fits = value.unsigned_abs() < 10u128.pow(u32::from(precision));
                fits.then_some(Value::Int(value))
            }
            Scalar::Float | Scalar::Double => {
                let value = values::double(text, self.point).or_else(|| {
                    match text.to_ascii_lowercase().as_slice() {
                        b"nan" => Some(f64::NAN),
                        b"inf" | b"infinity" | b"+inf" => Some(f64::INFINITY),
                        b"-inf" | b"-infinity" => Some(f64::NEG_INFINITY),
                        _ => None,
                    }
                })?;
                // `1E400` is a number, but no double; and neither is one of 20 digits.
                let has_digits = text.iter().any(u8::is_ascii_digit);
                let lost = has_digits && !(value.is_finite() && self.keeps_digits(text, value));
                (!lost).then_some(Value::Double(value))
            }
            Scalar::Date => self.date(text).map(|d| Value::Int(i128::from(d))),
            Scalar::Time => {
                let (time, used) = times::time_prefix(text)?;
                let fits = used == text.len() && time.nanos % 1000 == 0;
                fits.then_some(Value::Int(i128::from(time.nanos / 1000)))
            }
            Scalar::Stamp(digits) => {
                let nanos = self.nanos(text, false)?;
                let unit = 10i128.pow(9 - u32::from(digits));
                let fits = nanos % unit == 0 && i64::try_from(nanos / unit).is_ok();
                fits.then_some(Value::Int(nanos / unit))
            }
            Scalar::Zoned => {
                let nanos = self.nanos(text, true)?;
                (nanos % 1000 == 0).then_some(Value::Int(nanos / 1000))
            }
        }
    }

    fn date(self, text: &[u8]) -> Option<i32> {
        times::iso_date(text)
            .or_else(|| times::compact_date(text))
            .or_else(|| {
                let parts = times::date_parts(text)?;
                let order = match self.order {
                    Some(order) => order,
                    None if parts.year_first => Order::Ymd,
                    // A day over 12 leaves one order.
                    None => match (parts.days(Order::Dmy), parts.days(Order::Mdy)) {
                        (Some(_), None) => Order::Dmy,
                        (None, Some(_)) => Order::Mdy,
                        _ => return None,
                    },
                };
                parts.days(order)
            })
    }

    fn nanos(self, text: &[u8], zoned: bool) -> Option<i128> {
        if let Some(seen) = times::stamp(text) {
            let fits = zoned || seen.zone == times::Zone::None;
            return fits.then(|| seen.nanos());
        }
        const DAY: i128 = 86_400_000_000_000;
        if let Some(at) = text.iter().position(|b| matches!(b, b' ' | b'T')) {
            let days = self.date(&text[..at])?;
            let (time, used) = times::time_prefix(&text[at + 1..])?;
            let whole = used == text.len() - at - 1;
            return whole.then(|| i128::from(days) * DAY + i128::from(time.nanos));
        }
        self.date(text).map(|days| i128::from(days) * DAY)
    }
}

/// A number with up to `scale` digits behind the mark, as that many; zeros further on are
/// no loss.
fn fixed(text: &[u8], point: u8, scale: u8) -> Option<i128> {
    let body = text
        .strip_prefix(b"-")
        .or_else(|| text.strip_prefix(b"+"))
        .unwrap_or(text);
    let (head, tail) = match body.iter().position(|b| *b == point) {
        Some(dot) => (&body[..dot], &body[dot + 1..]),
        None => (body, &[][..]),
    };
    if head.is_empty() && tail.is_empty() {
        return None;
    }
    let scale = usize::from(scale);
    let mut sum = 0i128;
    for i in 0..head.len() + scale.max(tail.len()) {
        let digit = if i < head.len() {
            head[i]
        } else {
            *tail.get(i - head.len()).unwrap_or(&b'0')
        };
        if !digit.is_ascii_digit() {
            return None;
        }
        if i >= head.len() + scale {
            if digit != b'0' {
                return None;
            }
            continue;
        }
        sum = sum.checked_mul(10)?.checked_add(i128::from(digit - b'0'))?;
    }
    Some(if text.starts_with(b"-") { -sum } else { sum })
}

/// What `date_order` says.
pub(crate) fn order(said: Option<&str>) -> Option<Order> {
    Some(match said? {
        "dmy" => Order::Dmy,
        "mdy" => Order::Mdy,
        _ => Order::Ymd,
    })
}

/// The digits of a number from the first to the last that is not 0; its exponent apart.
fn digits_of(text: &[u8]) -> Vec<u8> {
    let end = text.iter().position(|b| matches!(b, b'e' | b'E'));
    let digits = text[..end.unwrap_or(text.len())]
        .iter()
        .copied()
        .filter(u8::is_ascii_digit)
        .skip_while(|b| *b == b'0');
    let mut digits: Vec<u8> = digits.collect();
    while digits.last() == Some(&b'0') {
        digits.pop();
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(said: &str, text: &str) -> Option<Value> {
        let scalar = Scalar::parse("type.a", said).unwrap();
        Asked {
            scalar,
            point: b'.',
            order: None,
        }
        .read(text.as_bytes())
    }

    #[test]
    fn what_was_asked_for_is_taken_without_a_loss_or_not_at_all() {
        assert_eq!(read("BIGINT", "007"), Some(Value::Int(7)));
        assert_eq!(read("bigint", "+7.00"), Some(Value::Int(7)));
        assert_eq!(read("BIGINT", "7.5"), None);
        assert_eq!(read("TINYINT", "128"), None);
        assert_eq!(
            read("UBIGINT", "18446744073709551615"),
            Some(Value::Int(u64::MAX.into()))
        );
        assert_eq!(read("DECIMAL(4,2)", "1.5"), Some(Value::Int(150)));
        assert_eq!(read("DECIMAL(4,2)", "1.555"), None);
        assert_eq!(read("DECIMAL(4,2)", "100"), None);
        assert_eq!(read("DOUBLE", "1E400"), None);
        assert_eq!(read("DATE", "13/02/1970"), Some(Value::Int(43)));
        assert_eq!(read("DATE", "03/02/1970"), None);
        assert_eq!(
            read("TIMESTAMP", "1970-01-02"),
            Some(Value::Int(86_400_000_000))
        );
        assert_eq!(read("TIMESTAMP", "1970-01-01 00:00:00.0000001"), None);
        assert_eq!(
            read("TIMESTAMPTZ", "1970-01-01T01:00:00+01:00"),
            Some(Value::Int(0))
        );
        assert!(Scalar::parse("type.a", "DECIMAL(39,2)").is_err());
    }
}
