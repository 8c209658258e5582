//! Any tree of JSON, and any damage to it.

use super::*;
use proptest::prelude::*;
use serde_json::Value;

/// Values that JSON can hold; text of all kinds, numbers as they come.
fn value() -> impl Strategy<Value = String> {
    let text = any::<String>().prop_map(|s| Value::String(s).to_string());
    let leaf = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|b| b.to_string()),
        any::<i64>().prop_map(|n| n.to_string()),
        any::<i128>().prop_map(|n| n.to_string()),
        "-?(0|[1-9][0-9]{0,3})(\\.[0-9]{1,3})?([eE][+-]?[0-9]{1,3})?",
        text,
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(|v| format!("[{}]", v.join(","))),
            prop::collection::btree_map("[a-cA\"é]{0,2}", inner, 0..5).prop_map(|m| {
                let members: Vec<String> = m
                    .into_iter()
                    .map(|(k, v)| format!("{}:{v}", Value::String(k)))
                    .collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

fn records() -> impl Strategy<Value = Vec<String>> {
    let record = prop::collection::btree_map("[abc]", value(), 1..4).prop_map(|m| {
        let members: Vec<String> = m.into_iter().map(|(k, v)| format!("\"{k}\":{v}")).collect();
        format!("{{{}}}", members.join(","))
    });
    prop::collection::vec(record, 2..12)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// Read, written and read again is the same table, in both forms; and a second
    /// writing is the same file.
    #[test]
    fn what_was_read_is_written_and_comes_back(records in records(), array: bool) {
        let text = match array {
            true => format!("[{}]", records.join(",")),
            false => records.join("\n"),
        };
        let first = read(&text);
        prop_assert_eq!(first.cells.len(), records.len());
        let schema = first.batches[0].schema();
        // A double that is spelled in words is for whoever shapes a table to carry as text.
        let format = if array { Format::Json } else { Format::Ndjson };
        let out = write(&first.batches, &schema, format, "none");
        let back = read_as(out.path(), &schema).unwrap();
        prop_assert_eq!(&cells(&back), &first.cells);
        let again = read(std::fs::read(out.path()).unwrap());
        for (name, column) in first.names.iter().zip(0..) {
            // A key that was only ever null is a column all the same.
            let at = again.names.iter().position(|n| n == name).unwrap();
            prop_assert_eq!(again.cells.len(), first.cells.len());
            if again.types[at] == first.types[column] {
                prop_assert_eq!(again.column(at), first.column(column));
            }
        }
    }

    /// Every value that is kept as text is the same JSON as it was.
    #[test]
    fn text_that_is_kept_is_the_same_json(value in value()) {
        let text = format!("{{\"v\":{value}}}\n{{\"v\":\"x\"}}\n{{\"v\":1}}\n{{\"v\":[]}}\n");
        let read = read(&text);
        prop_assert_eq!(&read.types[0], "JSON");
        let kept = read.cells[0][0].clone().unwrap_or_else(|| "null".to_owned());
        prop_assert_eq!(kept, value);
    }

    /// Damage anywhere is an error or a table, and never a panic.
    #[test]
    fn damage_is_never_a_panic(
        records in records(),
        array: bool,
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..4u8), 1..4),
    ) {
        let mut bytes = match array {
            true => format!("[{}]", records.join(",")),
            false => records.join("\n"),
        }
        .into_bytes();
        for (index, byte, kind) in edits {
            if bytes.is_empty() {
                break;
            }
            let at = index.index(bytes.len());
            match kind {
                0 => bytes[at] = byte,
                1 => bytes.truncate(at),
                2 => bytes.insert(at, b"{}[],:\"\\\n-e0"[usize::from(byte) % 12]),
                _ => {
                    bytes.remove(at);
                }
            }
        }
        if let Err(error) = try_read(&bytes, &[]) {
            prop_assert!(!matches!(error, ConvertError::Engine { .. } | ConvertError::Io(_)), "{}", error);
        }
    }

    #[test]
    fn any_bytes_are_never_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Err(error) = try_read(&bytes, &[]) {
            prop_assert!(!matches!(error, ConvertError::Engine { .. }), "{}", error);
        }
    }
}
