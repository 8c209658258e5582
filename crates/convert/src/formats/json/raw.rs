//! Values as the text they stand in: escapes undone, whitespace between tokens taken away.
//! Takes only what [`super::token`] has checked.

use super::token::{Cursor, hex4};

/// Appends the value of a string whose escapes were checked by [`Cursor::string`].
pub(crate) fn unescape(raw: &[u8], out: &mut Vec<u8>) {
    let mut rest = raw;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        out.extend_from_slice(&rest[..at]);
        let (byte, used) = match rest.get(at + 1) {
            Some(b'b') => (8, 2),
            Some(b'f') => (12, 2),
            Some(b'n') => (b'\n', 2),
            Some(b'r') => (b'\r', 2),
            Some(b't') => (b'\t', 2),
            Some(b'u') => {
                let unit = |at: usize| rest.get(at + 2..at + 6).and_then(hex4);
                let (first, second) = (unit(at).unwrap_or(0), unit(at + 6));
                let mut units = [first, 0].into_iter().take(1).chain(second);
                let c = char::decode_utf16(&mut units).next();
                let c = c.and_then(|c| c.ok()).unwrap_or('\u{FFFD}');
                out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                rest = &rest[(at + 6 * c.len_utf16()).min(rest.len())..];
                continue;
            }
            Some(other) => (*other, 2),
            None => (b'\\', 1),
        };
        out.push(byte);
        rest = &rest[at + used..];
    }
    out.extend_from_slice(rest);
}

/// Appends a value that was checked by [`Cursor::skip`], without the whitespace around
/// its tokens. Strings and numbers stay as they are spelled; the words that are no JSON
/// become strings.
pub(crate) fn minify(raw: &[u8], out: &mut Vec<u8>) {
    let mut at = 0;
    while let Some(b) = raw.get(at) {
        match b {
            b' ' | b'\n' | b'\r' | b'\t' => at += 1,
            b'"' => {
                let mut cursor = Cursor {
                    bytes: raw,
                    at,
                    lax: true,
                };
                if cursor.string().is_err() {
                    cursor.at = raw.len();
                }
                for b in &raw[at..cursor.at] {
                    match b {
                        // A line end inside a string would end a line of NDJSON.
                        0..=0x1F => out.extend_from_slice(format!("\\u{b:04x}").as_bytes()),
                        _ => out.push(*b),
                    }
                }
                at = cursor.at;
            }
            b'N' | b'I' => {
                let mut cursor = Cursor {
                    bytes: raw,
                    at,
                    lax: true,
                };
                let used = cursor.number().map_or(1, |n| n.raw.len());
                if out.last() == Some(&b'-') {
                    out.pop();
                    out.extend_from_slice(b"\"-");
                } else {
                    out.push(b'"');
                }
                out.extend_from_slice(&raw[at..at + used]);
                out.push(b'"');
                at += used;
            }
            _ => {
                out.push(*b);
                at += 1;
            }
        }
    }
}

/// Whether `text` is one JSON value that [`minify`] leaves as it is, and not null: what
/// may be written as it stands, and comes back the same.
pub(crate) fn is_minified(text: &str) -> bool {
    let mut cursor = Cursor::new(text.as_bytes());
    if cursor.skip().is_err() || cursor.at != text.len() || text == "null" {
        return false;
    }
    let mut out = Vec::with_capacity(text.len());
    minify(text.as_bytes(), &mut out);
    out == text.as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_become_what_they_stand_for() {
        let mut out = Vec::new();
        unescape(
            br#"a\"\\\/\b\f\n\r\t\u0000\u00e9\ud83d\ude00\u20ACz"#,
            &mut out,
        );
        let value = String::from_utf8(out).unwrap();
        assert_eq!(value, "a\"\\/\u{8}\u{c}\n\r\t\0é😀€z");
    }

    #[test]
    fn whitespace_goes_and_spelling_stays() {
        let mut out = Vec::new();
        minify(
            b"{ \"a b\" : [ 1.50 , -Infinity, NaN ],\n\"c\":\"\\u0041 \" }",
            &mut out,
        );
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text, r#"{"a b":[1.50,"-Infinity","NaN"],"c":"\u0041 "}"#);
        assert!(is_minified(&text));
        for text in ["null", " 1", "[1, 2]", "NaN", "1 2", "", "{"] {
            assert!(!is_minified(text), "{text}");
        }
    }
}
