//! One value of a cell, and its exact text.

use super::clock::{push_date, push_time};

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Value<'a> {
    Int(i64),
    Float(f64),
    Bool(bool),
    Text(&'a str),
    Bytes(&'a [u8]),
    /// Days since 1970-01-01.
    Date(i32),
    /// Microseconds since then, without a zone.
    DateTime(i64),
    /// Microseconds since midnight.
    Time(i64),
}

impl Value<'_> {
    /// The text of a value where the column is text: what a person would call the raw value.
    pub(crate) fn push_text(&self, out: &mut Vec<u8>) {
        match *self {
            Value::Int(int) => out.extend_from_slice(itoa::Buffer::new().format(int).as_bytes()),
            Value::Float(float) => push_float(out, float),
            Value::Bool(true) => out.extend_from_slice(b"TRUE"),
            Value::Bool(false) => out.extend_from_slice(b"FALSE"),
            Value::Text(text) => out.extend_from_slice(text.as_bytes()),
            Value::Bytes(bytes) => out.extend_from_slice(bytes),
            Value::Date(days) => push_date(out, i64::from(days)),
            Value::DateTime(micros) => {
                push_date(out, micros.div_euclid(86_400_000_000));
                out.push(b' ');
                push_time(out, micros.rem_euclid(86_400_000_000));
            }
            Value::Time(micros) => push_time(out, micros),
        }
    }
}

/// The shortest text that reads back as the same number: without an exponent from 1e-5
/// to 1e16, as spreadsheets write them.
pub(crate) fn push_float(out: &mut Vec<u8>, float: f64) {
    let size = float.abs();
    if float.is_nan() {
        out.extend_from_slice(b"nan");
    } else if float.is_infinite() {
        out.extend_from_slice(if float > 0.0 { b"inf" } else { b"-inf" });
    } else if (1e-5..1e16).contains(&size) {
        let text = format!("{float}");
        out.extend_from_slice(text.as_bytes());
    } else {
        out.extend_from_slice(ryu::Buffer::new().format_finite(float).as_bytes());
    }
}
