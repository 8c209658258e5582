//! One pass over all rows: the type that every value of a column has. SQLite lets each
//! value have its own, whatever the schema declares.

use arrow::datatypes::{DataType, Field, TimeUnit};
use rusqlite::types::ValueRef;

use super::super::cells::{Value, clock, decimal, exact_float, push_float};
use super::database::Declared;
use super::hint::Hint;
use crate::profile::ColumnProfile;
use crate::sql::grouped;
use crate::types;

/// How the evidence begins of a column whose cells are of several kinds.
const MIXED: &str = "mixed: ";

const EXAMPLES: usize = 5;

/// What the values of a column are, counted.
pub(super) struct Evidence {
    /// What the schema declares, or our own hint says, until a value speaks against it.
    hint: Option<Field>,
    nulls: u64,
    ints: u64,
    wide_ints: u64,
    reals: u64,
    texts: u64,
    empties: u64,
    blobs: u64,
    /// Texts that are not UTF-8, and the row of the first, from 1.
    not_utf8: u64,
    first_not_utf8: u64,
    longest: u64,
    least: Option<f64>,
    most: Option<f64>,
    least_text: Option<String>,
    most_text: Option<String>,
    examples: Vec<String>,
}

impl Evidence {
    pub(super) fn new(declared: &Declared, hint: Option<&Hint>) -> Self {
        let hint = match hint {
            Some(hint) => hint.field(),
            None => by_word(&declared.word).map(|t| Field::new(&declared.name, t, true)),
        };
        Evidence {
            hint,
            nulls: 0,
            ints: 0,
            wide_ints: 0,
            reals: 0,
            texts: 0,
            empties: 0,
            blobs: 0,
            not_utf8: 0,
            first_not_utf8: 0,
            longest: 0,
            least: None,
            most: None,
            least_text: None,
            most_text: None,
            examples: Vec::new(),
        }
    }

    /// Takes in the value of `row`, from 1.
    #[inline]
    pub(super) fn add(&mut self, value: ValueRef<'_>, row: u64) {
        match value {
            ValueRef::Null => {
                self.nulls += 1;
                return;
            }
            ValueRef::Integer(n) => {
                self.ints += 1;
                self.wide_ints += u64::from(exact_float(n).is_none());
                self.number(n as f64);
            }
            ValueRef::Real(n) => {
                self.reals += 1;
                self.number(n);
            }
            ValueRef::Text(bytes) => {
                self.texts += 1;
                self.empties += u64::from(bytes.is_empty());
                self.longest = self.longest.max(bytes.len() as u64);
                match std::str::from_utf8(bytes) {
                    Ok(text) => self.text(text),
                    Err(_) => {
                        if self.not_utf8 == 0 {
                            self.first_not_utf8 = row;
                        }
                        self.not_utf8 += 1;
                    }
                }
            }
            ValueRef::Blob(bytes) => {
                self.blobs += 1;
                self.longest = self.longest.max(bytes.len() as u64);
            }
        }
        if let Some(hint) = &self.hint
            && !bears_out(hint.data_type(), value)
        {
            self.hint = None;
        }
        if self.examples.len() < EXAMPLES && row <= 64 {
            let text = shown(value);
            if !self.examples.contains(&text) {
                self.examples.push(text);
            }
        }
    }

    fn number(&mut self, n: f64) {
        self.least = Some(self.least.map_or(n, |least| least.min(n)));
        self.most = Some(self.most.map_or(n, |most| most.max(n)));
    }

    fn text(&mut self, text: &str) {
        let cut = || text.chars().take(200).collect::<String>();
        if self.least_text.as_deref().is_none_or(|least| text < least) {
            self.least_text = Some(cut());
        }
        if self.most_text.as_deref().is_none_or(|most| text > most) {
            self.most_text = Some(cut());
        }
    }

    fn values(&self) -> u64 {
        self.ints + self.reals + self.texts + self.blobs
    }

    /// The column's field, and why it is this type.
    pub(super) fn settle(&self, name: &str, as_text: bool) -> (Field, String) {
        let values = self.values();
        let field = |data_type| Field::new(name, data_type, true);
        let kinds: Vec<String> = [
            (self.ints, "integers"),
            (self.reals, "reals"),
            (self.texts, "texts"),
            (self.blobs, "blobs"),
        ]
        .iter()
        .filter(|(n, _)| *n > 0)
        .map(|(n, what)| format!("{} {what}", grouped(*n)))
        .collect();
        let mixed = kinds.join(" and ");
        if self.not_utf8 > 0 {
            return (
                field(DataType::Binary),
                format!(
                    "{} of {} texts are not UTF-8, the first in row {}; kept as bytes",
                    grouped(self.not_utf8),
                    grouped(self.texts),
                    grouped(self.first_not_utf8)
                ),
            );
        }
        if as_text {
            let data_type = if self.blobs > 0 {
                DataType::Binary
            } else {
                DataType::Utf8
            };
            return (field(data_type), "text, as asked".to_owned());
        }
        if let Some(hint) = &self.hint
            && (values > 0 || types::tag(hint).is_some() || hint.data_type() != &DataType::Utf8)
        {
            let evidence = match values {
                0 => "declared by the table, which has no values".to_owned(),
                n => format!("0 of {} values altered", grouped(n)),
            };
            return (hint.clone().with_name(name), evidence);
        }
        if values == 0 {
            return (field(DataType::Utf8), "no values".to_owned());
        }
        let proved = format!("0 of {} values altered", grouped(values));
        if self.ints == values {
            (field(DataType::Int64), proved)
        } else if self.reals == values {
            (field(DataType::Float64), proved)
        } else if self.texts == values {
            (field(DataType::Utf8), "text".to_owned())
        } else if self.blobs == values {
            (field(DataType::Binary), proved)
        } else if self.ints + self.reals == values && self.wide_ints == 0 {
            (
                field(DataType::Float64),
                format!("{proved}; mixed: {mixed}"),
            )
        } else if self.blobs > 0 {
            (
                field(DataType::Binary),
                format!("{MIXED}{mixed}; kept as bytes"),
            )
        } else {
            (
                field(DataType::Utf8),
                format!("{MIXED}{mixed}; kept as text"),
            )
        }
    }

    pub(super) fn profile(
        &self,
        name: &str,
        said: Option<String>,
        field: &Field,
        evidence: String,
    ) -> ColumnProfile {
        let number = |n: &Option<f64>| {
            let mut out = Vec::new();
            let n = (*n)?;
            match n {
                n if self.reals == 0 && n.abs() < 9e18 => {
                    out.extend_from_slice((n as i64).to_string().as_bytes());
                }
                n => push_float(&mut out, n),
            }
            String::from_utf8(out).ok()
        };
        let (min, max) = if self.texts == self.values() {
            (self.least_text.clone(), self.most_text.clone())
        } else if self.texts + self.blobs == 0 && self.wide_ints == 0 {
            (number(&self.least), number(&self.most))
        } else {
            (None, None)
        };
        ColumnProfile {
            name: name.to_owned(),
            said,
            type_name: types::name(field),
            mixed: evidence.starts_with(MIXED),
            evidence,
            nulls: self.nulls,
            empties: self.empties,
            distinct: None,
            min,
            max,
            longest: (self.texts + self.blobs > 0).then_some(self.longest),
            examples: self.examples.clone(),
            histogram: Vec::new(),
        }
    }
}

fn shown(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => String::new(),
        ValueRef::Integer(n) => n.to_string(),
        ValueRef::Real(n) => {
            let mut out = Vec::new();
            push_float(&mut out, n);
            String::from_utf8_lossy(&out).into_owned()
        }
        ValueRef::Text(bytes) => String::from_utf8_lossy(bytes).chars().take(200).collect(),
        ValueRef::Blob(bytes) => bytes
            .iter()
            .take(50)
            .map(|b| format!("\\x{b:02X}"))
            .collect(),
    }
}

/// The type that a declared word stands for, where values can prove it. Others are told
/// by their values alone.
fn by_word(word: &str) -> Option<DataType> {
    let (name, inside) = match word.split_once('(') {
        Some((name, rest)) => (name.trim(), rest.split_once(')').map(|(inside, _)| inside)),
        None => (word, None),
    };
    Some(match name {
        "BOOLEAN" | "BOOL" => DataType::Boolean,
        "DATE" => DataType::Date32,
        "TIME" => DataType::Time64(TimeUnit::Microsecond),
        "DATETIME" | "TIMESTAMP" => DataType::Timestamp(TimeUnit::Microsecond, None),
        "TIMESTAMP WITH TIME ZONE" | "TIMESTAMPTZ" => {
            DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
        }
        "DECIMAL" | "NUMERIC" | "DECIMAL_TEXT" => {
            let (precision, scale) = inside?.split_once(',').unwrap_or((inside?, "0"));
            let (precision, scale): (u8, i8) =
                (precision.trim().parse().ok()?, scale.trim().parse().ok()?);
            if !(1..=38).contains(&precision) || scale < 0 || scale as u8 > precision {
                return None;
            }
            DataType::Decimal128(precision, scale)
        }
        _ => return None,
    })
}

/// Whether a value is one of this type, and written as that type writes it: then reading
/// it so alters nothing.
#[inline]
fn bears_out(data_type: &DataType, value: ValueRef<'_>) -> bool {
    let Some(value) = super::table::value(value, data_type) else {
        return false;
    };
    let mut back = Vec::new();
    match (data_type, value) {
        (DataType::Utf8, Value::Text(_)) | (DataType::Binary, Value::Bytes(_)) => true,
        (DataType::Boolean, Value::Int(0 | 1)) => true,
        (DataType::Date32, Value::Text(text)) => {
            clock::date(text).is_some_and(|days| i32::try_from(days).is_ok())
        }
        (DataType::Time32(unit) | DataType::Time64(unit), Value::Text(text)) => {
            let per_second = per_second(unit);
            clock::time(text, per_second).is_some_and(|n| {
                clock::push_clock(
                    &mut back,
                    n.div_euclid(per_second),
                    n.rem_euclid(per_second),
                    per_second,
                );
                back == text.as_bytes()
            })
        }
        (DataType::Timestamp(unit, zone), Value::Text(text)) => {
            let per_second = per_second(unit);
            clock::timestamp(text, per_second).is_some_and(|n| {
                clock::push_timestamp(&mut back, n, per_second);
                if zone.is_some() {
                    back.extend_from_slice(b"+00");
                }
                back == text.as_bytes()
            })
        }
        (DataType::Decimal128(precision, scale), Value::Text(text)) => clock::decimal(text, *scale)
            .is_some_and(|n| {
                clock::push_decimal(&mut back, n, *scale);
                back == text.as_bytes() && n.unsigned_abs() < 10u128.pow(u32::from(*precision))
            }),
        (DataType::Decimal128(precision, scale), Value::Int(_) | Value::Float(_)) => {
            decimal(&value, *precision, *scale).is_some()
        }
        (DataType::Float64, Value::Float(_)) => true,
        (DataType::Float64, Value::Int(n)) => exact_float(n).is_some(),
        (DataType::Float32, Value::Float(n)) => f64::from(n as f32) == n,
        (DataType::Float32, Value::Int(n)) => n.unsigned_abs() <= 1 << 24,
        (DataType::Float64 | DataType::Float32, Value::Text(text)) => text == "nan",
        (DataType::UInt64, Value::Int(n)) => n >= 0,
        (DataType::UInt64, Value::Text(text)) => {
            text.parse::<u64>().is_ok_and(|n| n.to_string() == text)
        }
        (DataType::Int64, Value::Int(_)) => true,
        (integer, Value::Int(n)) if integer.is_integer() => match integer {
            DataType::Int8 => i8::try_from(n).is_ok(),
            DataType::Int16 => i16::try_from(n).is_ok(),
            DataType::Int32 => i32::try_from(n).is_ok(),
            DataType::UInt8 => u8::try_from(n).is_ok(),
            DataType::UInt16 => u16::try_from(n).is_ok(),
            DataType::UInt32 => u32::try_from(n).is_ok(),
            _ => false,
        },
        _ => false,
    }
}

pub(super) fn per_second(unit: &TimeUnit) -> i64 {
    match unit {
        TimeUnit::Second => 1,
        TimeUnit::Millisecond => 1_000,
        TimeUnit::Microsecond => 1_000_000,
        TimeUnit::Nanosecond => 1_000_000_000,
    }
}
