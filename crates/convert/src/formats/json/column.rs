//! A column while it is filled from JSON values: a value of the stated type goes in as it
//! is, any other is a fault. Can be cut back to an earlier length, since a record may turn
//! out to be a reject after some of its values went in.

mod expect;
mod finish;

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, TimeUnit, i256};

use self::expect::{number, other, string};
use super::exact::{decimal, integer, wide};
use super::raw::{minify, unescape};
use super::token::{Cursor, FaultKind, Parsed, Text, fault};
use super::{RAW_KEY, time};
use crate::error::{ConvertError, Result};

#[derive(Debug)]
pub(crate) struct Column {
    field: FieldRef,
    valid: Vec<bool>,
    data: Data,
}

#[derive(Debug)]
enum Data {
    Null,
    Bool(Vec<bool>),
    /// Of any width up to 64 bits, with the ends of the type.
    Int(Vec<i64>, i64, i64),
    UInt(Vec<u64>, u64),
    Double(Vec<f64>),
    Single(Vec<f32>),
    Decimal(Vec<i128>, u8, u8),
    Wide(Vec<i256>, u8, u8),
    Text(Texts, Spelling),
    Date(Vec<i32>),
    /// Digits of a second, and whether `+00` stands behind.
    Stamp(Vec<i64>, usize, bool),
    Time(Vec<i64>, usize),
    Struct(Members),
    List(Vec<i32>, Box<Column>),
    Map(Vec<i32>, Box<Column>, Box<Column>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spelling {
    /// A string is its text; nothing else is one.
    Strings,
    /// Any value as JSON text without whitespace.
    Json,
    /// For a look at a file whose types are open: strings as text, all else as JSON.
    Loose,
}

#[derive(Debug)]
struct Texts {
    bytes: Vec<u8>,
    ends: Vec<i32>,
}

#[derive(Debug)]
struct Members {
    columns: Vec<Column>,
    by_name: HashMap<Vec<u8>, usize>,
}

impl Column {
    /// Fails for a type that JSON has no form of.
    pub(crate) fn new(field: &FieldRef, rows: usize) -> Result<Self> {
        Self::with(field, rows, false)
    }

    /// Of texts that take any value, for a preview.
    pub(crate) fn loose(name: &str, rows: usize) -> Result<Self> {
        Self::with(
            &Arc::new(Field::new(name, DataType::Utf8, true)),
            rows,
            true,
        )
    }

    fn with(field: &FieldRef, rows: usize, loose: bool) -> Result<Self> {
        let texts = |spelling| Data::Text(Texts::new(rows), spelling);
        let int = |low: i64, high: i64| Data::Int(Vec::with_capacity(rows), low, high);
        let uint = |high: u64| Data::UInt(Vec::with_capacity(rows), high);
        let data = match field.data_type() {
            DataType::Null => Data::Null,
            DataType::Boolean => Data::Bool(Vec::with_capacity(rows)),
            DataType::Int8 => int(i8::MIN.into(), i8::MAX.into()),
            DataType::Int16 => int(i16::MIN.into(), i16::MAX.into()),
            DataType::Int32 => int(i32::MIN.into(), i32::MAX.into()),
            DataType::Int64 => int(i64::MIN, i64::MAX),
            DataType::UInt8 => uint(u8::MAX.into()),
            DataType::UInt16 => uint(u16::MAX.into()),
            DataType::UInt32 => uint(u32::MAX.into()),
            DataType::UInt64 => uint(u64::MAX),
            DataType::Float64 => Data::Double(Vec::with_capacity(rows)),
            DataType::Float32 => Data::Single(Vec::with_capacity(rows)),
            DataType::Decimal128(p, s) if *s >= 0 => {
                Data::Decimal(Vec::with_capacity(rows), *p, *s as u8)
            }
            DataType::Decimal256(p, s) if *s >= 0 => Data::Wide(Vec::new(), *p, *s as u8),
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View if loose => {
                texts(Spelling::Loose)
            }
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
                texts(match field.metadata().contains_key(RAW_KEY) {
                    true => Spelling::Json,
                    false => Spelling::Strings,
                })
            }
            DataType::Date32 => Data::Date(Vec::with_capacity(rows)),
            DataType::Timestamp(unit, zone) => {
                Data::Stamp(Vec::new(), places(*unit), zone.is_some())
            }
            DataType::Time32(unit) | DataType::Time64(unit) => {
                Data::Time(Vec::new(), places(*unit))
            }
            DataType::Struct(fields) if !fields.is_empty() => {
                let columns = fields
                    .iter()
                    .map(|f| Column::new(f, rows))
                    .collect::<Result<Vec<_>>>()?;
                let names = fields.iter().enumerate();
                let by_name = names
                    .map(|(i, f)| (f.name().clone().into_bytes(), i))
                    .collect();
                Data::Struct(Members { columns, by_name })
            }
            DataType::List(item) => Data::List(vec![0], Box::new(Column::new(item, rows)?)),
            DataType::Map(entries, _) => match entries.data_type() {
                DataType::Struct(pair) if pair.len() == 2 && !pair[0].data_type().is_nested() => {
                    let (key, value) = (Column::new(&pair[0], 0)?, Column::new(&pair[1], 0)?);
                    Data::Map(vec![0], Box::new(key), Box::new(value))
                }
                _ => return unknown(field),
            },
            _ => return unknown(field),
        };
        Ok(Column {
            field: Arc::clone(field),
            valid: Vec::with_capacity(rows),
            data,
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.valid.len()
    }

    pub(crate) fn push_null(&mut self) {
        self.valid.push(false);
        match &mut self.data {
            Data::Null => {}
            Data::Bool(v) => v.push(false),
            Data::Int(v, ..) | Data::Stamp(v, ..) | Data::Time(v, ..) => v.push(0),
            Data::UInt(v, ..) => v.push(0),
            Data::Double(v) => v.push(0.0),
            Data::Single(v) => v.push(0.0),
            Data::Decimal(v, ..) => v.push(0),
            Data::Wide(v, ..) => v.push(i256::ZERO),
            Data::Text(v, _) => v.end(),
            Data::Date(v) => v.push(0),
            Data::Struct(members) => members.columns.iter_mut().for_each(Column::push_null),
            Data::List(ends, _) | Data::Map(ends, ..) => {
                ends.push(ends.last().copied().unwrap_or(0))
            }
        }
    }

    /// Takes the value at the cursor.
    #[inline]
    pub(crate) fn push(&mut self, cursor: &mut Cursor<'_>) -> Parsed<()> {
        cursor.space();
        if cursor.peek() == Some(b'n') {
            cursor.literal(b"null")?;
            self.push_null();
            return Ok(());
        }
        match &mut self.data {
            Data::Int(values, low, high) => {
                let begin = cursor.at;
                let number = number(cursor, "a whole number")?;
                let value = integer(&number).filter(|v| *low <= *v && *v <= *high);
                let Some(value) = value else {
                    return other(
                        begin,
                        &format!("a whole number of the type {}", self.field.data_type()),
                    );
                };
                values.push(value);
            }
            Data::Text(texts, Spelling::Strings) => {
                if cursor.peek() != Some(b'"') {
                    return other(cursor.at, "a string");
                }
                texts.push(cursor.string()?);
            }
            Data::Double(values) => values.push(number(cursor, "a number")?.double()),
            _ => self.push_other(cursor)?,
        }
        self.valid.push(true);
        Ok(())
    }

    fn push_other(&mut self, cursor: &mut Cursor<'_>) -> Parsed<()> {
        let begin = cursor.at;
        let no = |wanted: &str| other(begin, wanted);
        match &mut self.data {
            Data::Null => return no("null"),
            Data::Bool(values) => match cursor.peek() {
                Some(b't') => {
                    cursor.literal(b"true")?;
                    values.push(true);
                }
                Some(b'f') => {
                    cursor.literal(b"false")?;
                    values.push(false);
                }
                _ => return no("true or false"),
            },
            Data::UInt(values, high) => {
                let number = number(cursor, "a whole number")?;
                let value = number.text().parse::<u64>().ok().filter(|v| v <= high);
                let Some(value) = value.filter(|_| number.is_integer()) else {
                    return no("a whole number that is not negative");
                };
                values.push(value);
            }
            Data::Single(values) => {
                let number = number(cursor, "a number")?;
                let value = match number.finite {
                    true => number.text().parse().unwrap_or(f32::NAN),
                    false => number.double() as f32,
                };
                values.push(value);
            }
            Data::Decimal(values, precision, scale) => {
                let number = number(cursor, "a number")?;
                match decimal(&number, *precision, *scale) {
                    Some(value) => values.push(value),
                    None => return no(&format!("a DECIMAL({precision},{scale})")),
                }
            }
            Data::Wide(values, precision, scale) => {
                let number = number(cursor, "a number")?;
                match wide(&number, *precision, *scale) {
                    Some(value) => values.push(value),
                    None => return no(&format!("a DECIMAL({precision},{scale})")),
                }
            }
            Data::Text(texts, Spelling::Loose) if cursor.peek() == Some(b'"') => {
                texts.push(cursor.string()?);
            }
            Data::Text(texts, _) => {
                minify(cursor.skip()?, &mut texts.bytes);
                texts.end();
            }
            Data::Date(values) => match string(cursor, time::date)? {
                Some(day) => values.push(day),
                None => return no("a date as 2026-01-31"),
            },
            Data::Stamp(values, digits, zoned) => {
                let parse = |text: &[u8]| match zoned {
                    true => time::instant(text.strip_suffix(b"+00")?, *digits),
                    false => time::instant(text, *digits),
                };
                match string(cursor, parse)? {
                    Some((instant, _)) => values.push(instant),
                    None => return no("a timestamp as 2026-01-31 23:59:59"),
                }
            }
            Data::Time(values, digits) => match string(cursor, |t| time::time(t, *digits))? {
                Some((time, _)) => values.push(time),
                None => return no("a time as 23:59:59"),
            },
            Data::Struct(members) => {
                if cursor.peek() != Some(b'{') {
                    return no("an object");
                }
                members.push(cursor)?;
            }
            Data::List(ends, item) => {
                if cursor.peek() != Some(b'[') {
                    return no("an array");
                }
                cursor.at += 1;
                if !cursor.take(b']') {
                    loop {
                        item.push(cursor)?;
                        if cursor.take(b']') {
                            break;
                        }
                        if !cursor.take(b',') {
                            return cursor.unexpected("a comma or ]");
                        }
                    }
                }
                ends.push(item.len() as i32);
            }
            Data::Map(ends, keys, values) => {
                if cursor.peek() != Some(b'{') {
                    return no("an object");
                }
                cursor.at += 1;
                if !cursor.take(b'}') {
                    loop {
                        cursor.space();
                        let begin = cursor.at;
                        let key = cursor.key()?;
                        keys.push_key(key, &cursor.bytes[begin..])?;
                        values.push(cursor)?;
                        if cursor.take(b'}') {
                            break;
                        }
                        if !cursor.take(b',') {
                            return cursor.unexpected("a comma or }");
                        }
                    }
                }
                ends.push(keys.len() as i32);
            }
            Data::Int(..) | Data::Double(_) => return no("a number"),
        }
        Ok(())
    }

    /// A key is a string, whatever it stands for; `quoted` begins with its quote.
    fn push_key(&mut self, key: Text<'_>, quoted: &[u8]) -> Parsed<()> {
        let text = matches!(
            self.data,
            Data::Text(..) | Data::Date(_) | Data::Stamp(..) | Data::Time(..)
        );
        self.push(&mut Cursor::new(if text { quoted } else { key.raw }))
    }

    /// Cuts back to the first `rows`, all of which are whole. Behind them a fault may have
    /// left values without the mark that says whether they are null, or part of a value.
    pub(crate) fn roll_back(&mut self, rows: usize) {
        self.valid.truncate(rows);
        match &mut self.data {
            Data::Null => {}
            Data::Bool(v) => v.truncate(rows),
            Data::Int(v, ..) | Data::Stamp(v, ..) | Data::Time(v, ..) => v.truncate(rows),
            Data::UInt(v, ..) => v.truncate(rows),
            Data::Double(v) => v.truncate(rows),
            Data::Single(v) => v.truncate(rows),
            Data::Decimal(v, ..) => v.truncate(rows),
            Data::Wide(v, ..) => v.truncate(rows),
            Data::Text(texts, _) => {
                texts.ends.truncate(rows + 1);
                texts.bytes.truncate(texts.ends[rows] as usize);
            }
            Data::Date(v) => v.truncate(rows),
            Data::Struct(members) => members.columns.iter_mut().for_each(|c| c.roll_back(rows)),
            Data::List(ends, item) => {
                ends.truncate(rows + 1);
                item.roll_back(ends[rows] as usize);
            }
            Data::Map(ends, keys, values) => {
                ends.truncate(rows + 1);
                keys.roll_back(ends[rows] as usize);
                values.roll_back(ends[rows] as usize);
            }
        }
    }

    /// Bytes of values, about.
    pub(crate) fn bytes(&self) -> usize {
        match &self.data {
            Data::Text(texts, _) => texts.bytes.len() + texts.ends.len() * 4,
            Data::Struct(members) => members.columns.iter().map(Column::bytes).sum(),
            Data::List(ends, item) => ends.len() * 4 + item.bytes(),
            Data::Map(ends, keys, values) => ends.len() * 4 + keys.bytes() + values.bytes(),
            Data::Decimal(..) | Data::Wide(..) => self.len() * 16,
            _ => self.len() * 8,
        }
    }
}

impl Members {
    fn push(&mut self, cursor: &mut Cursor<'_>) -> Parsed<()> {
        let row = self.columns.first().map_or(0, Column::len);
        let mut next = 0;
        cursor.at += 1;
        if !cursor.take(b'}') {
            loop {
                cursor.space();
                let begin = cursor.at;
                let key = cursor.key()?;
                let expected = self
                    .columns
                    .get(next)
                    .is_some_and(|c| !key.escaped && c.field.name().as_bytes() == key.raw);
                let index = match expected {
                    true => next,
                    false => match find(&self.by_name, key) {
                        Some(index) => index,
                        None => {
                            return fault(
                                begin,
                                FaultKind::Type,
                                "a key that was not there before",
                            );
                        }
                    },
                };
                next = index + 1;
                if self.columns[index].len() > row {
                    return fault(
                        begin,
                        FaultKind::Type,
                        "a key that occurs twice in one object",
                    );
                }
                self.columns[index].push(cursor)?;
                if cursor.take(b'}') {
                    break;
                }
                if !cursor.take(b',') {
                    return cursor.unexpected("a comma or }");
                }
            }
        }
        for column in &mut self.columns {
            if column.len() == row {
                column.push_null();
            }
        }
        Ok(())
    }
}

/// By the key's value.
pub(crate) fn find(by_name: &HashMap<Vec<u8>, usize>, key: Text<'_>) -> Option<usize> {
    if !key.escaped {
        return by_name.get(key.raw).copied();
    }
    let mut name = Vec::new();
    unescape(key.raw, &mut name);
    by_name.get(&name).copied()
}

impl Texts {
    fn new(rows: usize) -> Self {
        let mut ends = Vec::with_capacity(rows + 1);
        ends.push(0);
        Texts {
            bytes: Vec::with_capacity(rows * 8),
            ends,
        }
    }

    #[inline]
    fn push(&mut self, text: Text<'_>) {
        if text.escaped {
            unescape(text.raw, &mut self.bytes);
        } else {
            self.bytes.extend_from_slice(text.raw);
        }
        self.end();
    }

    /// A batch has fewer bytes than an i32 counts: a record is capped far below.
    fn end(&mut self) {
        self.ends.push(self.bytes.len() as i32);
    }
}

fn places(unit: TimeUnit) -> usize {
    match unit {
        TimeUnit::Second => 0,
        TimeUnit::Millisecond => 3,
        TimeUnit::Microsecond => 6,
        TimeUnit::Nanosecond => 9,
    }
}

fn unknown<T>(field: &Field) -> Result<T> {
    Err(ConvertError::Engine {
        detail: format!(
            "JSON has no form for the type {} of {:?}",
            field.data_type(),
            field.name()
        ),
    })
}
