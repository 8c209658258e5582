//! The grammar, token by token.

use super::*;

fn skipped(text: &str) -> Result<usize, (usize, FaultKind, String)> {
    let mut cursor = Cursor::new(text.as_bytes());
    cursor
        .skip()
        .map(<[u8]>::len)
        .map_err(|f| (f.at, f.kind, f.detail))
}

#[test]
fn whole_values_are_passed_over() {
    for text in [
        "{}",
        "[]",
        "0",
        "-0",
        "-0.0e-1",
        "1E400",
        "\"\"",
        "\"\\u0000\\ud83d\\ude00\"",
        "{\"a\":[1,{\"b\":null},[[]],true,false]}",
        " [ 1 , 2 ] ",
        "NaN",
        "-Infinity",
        "\"a\tb\"",
    ] {
        assert_eq!(skipped(text), Ok(text.trim_end().len()), "{text}");
    }
}

#[test]
fn what_is_not_json_is_named_where_it_stands() {
    for (text, at, word) in [
        ("[1,2,]", 5, "comma"),
        ("{\"a\":1,}", 7, "comma"),
        ("[1,,2]", 3, "two commas"),
        ("[1 // x\n]", 3, "comment"),
        ("[1 /* x */]", 3, "comment"),
        ("{'a':1}", 1, "single quote"),
        ("{a:1}", 1, "key in quotes"),
        ("{\"a\" 1}", 5, "colon"),
        ("{\"a\":01}", 5, "begins with 0"),
        ("[1.]", 1, "point"),
        ("[.5]", 1, "value"),
        ("[+1]", 1, "value"),
        ("[1e]", 1, "exponent"),
        ("[0x10]", 1, "behind it"),
        ("[1-2]", 1, "behind it"),
        ("[None]", 1, "null"),
        ("[tru]", 1, "value"),
        ("\"abc", 0, "never closed"),
        ("\"\\x41\"", 1, "escape"),
        ("\"\\u12\"", 1, "hexadecimal"),
        ("\"\\", 1, "ends"),
        ("[1", 2, "ends"),
        ("{", 1, "ends"),
        ("", 0, "ends"),
        ("[1}", 2, "]"),
    ] {
        let (seen, kind, detail) = skipped(text).unwrap_err();
        assert_eq!((seen, kind), (at, FaultKind::Syntax), "{text}: {detail}");
        assert!(detail.contains(word), "{text}: {detail}");
    }
}

#[test]
fn half_a_character_is_a_reject_and_not_a_break() {
    for text in [
        r#""\ud800""#,
        r#""\udc00x""#,
        r#""\ud800\u0041""#,
        r#""\ud800\n""#,
    ] {
        assert_eq!(skipped(text).unwrap_err().1, FaultKind::Value, "{text}");
    }
}

#[test]
fn depth_is_counted() {
    let deep = |n: usize| "[".repeat(n) + &"]".repeat(n);
    assert!(skipped(&deep(MAX_DEPTH)).is_ok());
    assert!(
        skipped(&deep(MAX_DEPTH + 1))
            .unwrap_err()
            .2
            .contains("deeper")
    );
    assert!(skipped(&"[".repeat(1_000_000)).is_err());
}

#[test]
fn a_run_ends_at_the_first_byte_that_matters() {
    for n in 0..40 {
        for stop in [b'"', b'\\', 0, 0x1F, b'\n'] {
            let mut bytes = vec![b'x'; n];
            bytes.extend_from_slice("é\u{7f}€".as_bytes());
            let run = bytes.len();
            bytes.push(stop);
            bytes.extend_from_slice(b"!!!!\"!!!!!!!!");
            assert_eq!(plain_run(&bytes), run);
        }
    }
    assert_eq!(plain_run(&[0x7F, 0x80, 0xFF, 0x21, 0x20]), 5);
}
