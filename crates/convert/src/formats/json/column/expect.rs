//! Tokens where one kind is wanted.

use crate::formats::json::raw::unescape;
use crate::formats::json::token::{Cursor, FaultKind, Number, Parsed, fault};

#[cold]
pub(super) fn other<T>(at: usize, wanted: &str) -> Parsed<T> {
    fault(at, FaultKind::Type, format!("not {wanted}"))
}

#[inline]
pub(super) fn number<'a>(cursor: &mut Cursor<'a>, wanted: &str) -> Parsed<Number<'a>> {
    match cursor.peek() {
        Some(b'-' | b'0'..=b'9' | b'N' | b'I') => cursor.number(),
        Some(b'"' | b'{' | b'[' | b't' | b'f') => other(cursor.at, wanted),
        _ => cursor.unexpected("a value"),
    }
}

/// The value that `parse` makes of a string; the inner none where it makes none.
pub(super) fn string<T>(
    cursor: &mut Cursor<'_>,
    parse: impl Fn(&[u8]) -> Option<T>,
) -> Parsed<Option<T>> {
    if cursor.peek() != Some(b'"') {
        return Ok(None);
    }
    let text = cursor.string()?;
    if !text.escaped {
        return Ok(parse(text.raw));
    }
    let mut value = Vec::new();
    unescape(text.raw, &mut value);
    Ok(parse(&value))
}
