//! One value at a time: what becomes of it, and that it comes back.

use super::*;

/// Type and cells of a column `v` with these values.
fn column(values: &[&str]) -> (String, Vec<String>) {
    let lines: Vec<String> = values.iter().map(|v| format!("{{\"v\":{v}}}")).collect();
    let read = read(lines.join("\n"));
    let array = super::read(format!("[{}]", lines.join(",")));
    assert_eq!((&read.types, &read.cells), (&array.types, &array.cells));
    (
        read.types[0].clone(),
        read.column(0).iter().map(|s| (*s).to_owned()).collect(),
    )
}

#[test]
fn every_value_keeps_its_text_under_the_narrowest_type() {
    let nines = "9".repeat(39);
    let cases: &[(&[&str], &str)] = &[
        (
            &["0", "-1", "9007199254740993", "9007199254740991"],
            "BIGINT",
        ),
        (&["9223372036854775807", "-9223372036854775808"], "BIGINT"),
        (&["18446744073709551615", "0"], "UBIGINT"),
        (&["18446744073709551616", "-5"], "DECIMAL(38,0)"),
        (&["99999999999999999999999999999999999999"], "DECIMAL(38,0)"),
        (&[&nines, "1"], "JSON"),
        (&["1.50", "0.25", "-3.00"], "DECIMAL(3,2)"),
        (&["0.1", "1e+20", "-0.0", "5e-324"], "DOUBLE"),
        (&["1E400", "1.5"], "JSON"),
        (&["0.1000000000000000055511151231257827", "1"], "JSON"),
        (&["true", "false"], "BOOLEAN"),
        (&["[1,2]", "[]", "[null]"], "BIGINT[]"),
        (
            &["{\"a\":1,\"b\":\"x\"}", "{\"a\":null,\"b\":\"y\"}"],
            "STRUCT(a BIGINT, b VARCHAR)",
        ),
        (
            &["[{\"a\":1.5},{\"a\":2.5}]", "[]"],
            "STRUCT(a DECIMAL(2,1))[]",
        ),
        (&["[[1],[2,3]]"], "BIGINT[][]"),
        (&["1", "\"1\""], "JSON"),
        (&["{}", "{}"], "JSON"),
        (&["{\"a\":1,\"a\":2}"], "JSON"),
        (&["{\"a\":1,\"A\":2}"], "JSON"),
    ];
    for (values, wanted) in cases {
        let (word, cells) = column(values);
        assert_eq!(word, *wanted, "{values:?}");
        assert_eq!(cells, *values, "{word}");
    }
}

#[test]
fn strings_stay_text_unless_all_are_dates_as_we_print_them() {
    for (values, wanted) in [
        (vec!["2026-01-01", "1900-02-28", "9999-12-31"], "DATE"),
        (vec!["2026-01-01", "2026-1-1"], "VARCHAR"),
        (vec!["2026-02-29"], "VARCHAR"),
        (
            vec!["2026-01-01 00:00:00", "1969-12-31 23:59:59.999999"],
            "TIMESTAMP",
        ),
        (vec!["2026-01-01T00:00:00"], "VARCHAR"),
        (vec!["2026-01-01 00:00:00.10"], "VARCHAR"),
        (vec!["2026-01-01 00:00:00.123456789"], "VARCHAR"),
        (vec!["2026-01-01", ""], "VARCHAR"),
        (
            vec!["007", "1", "1e3", "nan", "null", "", " ", "😀"],
            "VARCHAR",
        ),
    ] {
        let quoted: Vec<String> = values.iter().map(|v| format!("\"{v}\"")).collect();
        let (word, cells) = column(&quoted.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(
            (word.as_str(), cells),
            (wanted, values.iter().map(|v| v.to_string()).collect())
        );
    }
}

#[test]
fn escapes_are_undone_and_long_strings_kept() {
    let (_, cells) = column(&[r#""\u0000\"\\\/\n\u00e9\ud83d\ude00""#]);
    assert_eq!(cells, ["\0\"\\/\né😀"]);
    let long = "x€".repeat(1_000_000);
    let read = read(format!("[{{\"v\":\"{long}\"}},{{\"v\":\"y\"}}]"));
    assert_eq!(read.column(0), [long.as_str(), "y"]);
    assert_eq!(read.profile.columns[0].longest, Some(4_000_000));
}

#[test]
fn empty_null_and_missing_are_told_apart_and_said() {
    let read = read("{\"a\":\"\",\"b\":1}\n{\"a\":null}\n{\"b\":null}\n{}\n");
    assert_eq!(read.names, ["a", "b"]);
    assert_eq!(read.column(0), ["", "∅", "∅", "∅"]);
    let column = &read.profile.columns[0];
    assert_eq!((column.nulls, column.empties), (3, 1));
    let said = read.profile.warnings.join("\n");
    assert!(
        said.contains("\"a\" is null in 1 records and not there in 2"),
        "{said}"
    );
}

#[test]
fn late_keys_are_columns() {
    let mut text = "{\"a\":1}\n".repeat(400_000);
    text += "{\"late\":\"x\",\"a\":2.5}\n";
    let read = read(&text);
    assert_eq!(read.names, ["a", "late"]);
    assert_eq!(read.types, ["DOUBLE", "VARCHAR"]);
    assert_eq!(read.row(400_000), ["2.5", "x"]);
    assert_eq!(read.profile.columns[1].nulls, 400_000);
}

#[test]
fn keys_come_in_the_order_in_which_they_first_appear() {
    let read = read("{\"z\":1}\n{\"b\":1,\"z\":2,\"a\":3}\n{\"a\":1,\"\\u0062\":7,\"c\":1}\n");
    assert_eq!(read.names, ["z", "b", "a", "c"]);
    assert_eq!(read.row(2), ["∅", "7", "1", "1"]);
}

#[test]
fn names_that_cannot_stand_side_by_side_are_changed_and_said() {
    let read = read("{\"a\":1,\"A\":2,\"\":3,\"n\\u0000\":4}");
    assert_eq!(read.names, ["a", "A_2", "column3", "n"]);
    assert_eq!(read.row(0), ["1", "2", "3", "4"]);
    let said: Vec<_> = read
        .profile
        .columns
        .iter()
        .map(|c| c.said.as_deref())
        .collect();
    assert_eq!(said, [None, Some("A"), Some(""), Some("n\0")]);
}

#[test]
fn a_key_twice_in_a_record_is_a_reject_with_its_place() {
    let lines = "{\"a\":1,\"b\":\"x\"}\n{\"a\":\"s\",\"c\":1,\"a\":2}\n{\"a\":3}\n";
    let array = format!("[{}]", lines.trim_end().replace('\n', ",\n"));
    for text in [lines.to_owned(), array] {
        let read = read(&text);
        // What was rejected leaves no trace in the types.
        assert_eq!(read.names, ["a", "b"]);
        assert_eq!(read.types, ["BIGINT", "VARCHAR"]);
        assert_eq!(read.column(0), ["1", "3"]);
        let rejects = &read.profile.rejects;
        assert_eq!((rejects.count, rejects.examples[0].line), (1, 2));
        assert!(
            rejects.examples[0].reason.contains("\"a\" occurs twice"),
            "{rejects:?}"
        );
        assert!(rejects.examples[0].text.starts_with("{\"a\":\"s\""));
    }
}

#[test]
fn halves_of_characters_and_other_bytes_are_rejects() {
    let lines = b"{\"a\":\"x\"}\n{\"a\":\"\\ud800\"}\n{\"a\":\"\xFF\"}\n{\"a\":[\"\\udc00\"]}\n{\"a\":\"y\"}\n";
    let mut array = b"[".to_vec();
    array.extend(lines[..lines.len() - 1].iter().flat_map(|b| match b {
        b'\n' => b",\n".to_vec(),
        b => vec![*b],
    }));
    array.push(b']');
    for text in [lines.to_vec(), array] {
        let read = read(&text);
        assert_eq!(read.types, ["VARCHAR"]);
        assert_eq!(read.column(0), ["x", "y"]);
        let rejects = &read.profile.rejects;
        assert_eq!(
            rejects.examples.iter().map(|r| r.line).collect::<Vec<_>>(),
            [2, 3, 4]
        );
        assert!(
            rejects.examples[0].reason.contains("half of a character"),
            "{rejects:?}"
        );
        assert!(
            rejects.examples[1]
                .reason
                .starts_with("character 7: the byte 0xFF"),
            "{rejects:?}"
        );
    }
}

#[test]
fn words_that_are_no_json_are_taken_and_said() {
    let read = read("[{\"v\":1.5},{\"v\":NaN},{\"v\":-Infinity}]");
    assert_eq!(read.types, ["DOUBLE"]);
    assert_eq!(read.column(0), ["1.5", "nan", "-inf"]);
    let repair = &read.profile.repairs[0];
    assert_eq!(
        (repair.kind.as_str(), repair.count, &repair.lines),
        ("not a number", 2, &vec![1, 1])
    );
    let (word, cells) = column(&["NaN", "\"x\""]);
    assert_eq!(
        (word.as_str(), cells),
        ("JSON", vec!["\"NaN\"".to_owned(), "\"x\"".to_owned()])
    );
}

#[test]
fn control_characters_in_strings_are_kept_and_said() {
    let read = read("{\"v\":\"a\tb\"}\n{\"v\":\"c\"}\n");
    assert_eq!(read.column(0), ["a\tb", "c"]);
    assert_eq!(read.profile.repairs[0].kind, "control character");
    let broken_lines = super::read("[{\"v\":\"a\nb\"}]");
    assert_eq!(broken_lines.column(0), ["a\nb"]);
}

#[test]
fn zeros_that_a_double_drops_are_said() {
    let read =
        read("{\"v\":1.50}\n{\"v\":2}\n{\"v\":{\"x\":1}}\n".replace("{\"v\":{\"x\":1}}\n", ""));
    assert_eq!(read.types, ["DOUBLE"]);
    assert!(
        read.profile.warnings[0].contains("such as 1.50"),
        "{:?}",
        read.profile.warnings
    );
}

#[test]
fn deep_values_stay_text_and_deeper_ones_are_refused() {
    let nest = |n: usize| format!("{{\"v\":{}1{}}}", "[".repeat(n), "]".repeat(n));
    assert_eq!(
        read(nest(60)).types[0],
        "BIGINT".to_owned() + &"[]".repeat(60)
    );
    let deep = read(nest(300));
    assert_eq!(deep.types, ["JSON"]);
    assert_eq!(deep.column(0)[0], &nest(300)[5..606]);
    let (_, _, detail) = broken(nest(100_000));
    assert!(detail.contains("deeper"), "{detail}");
    let (_, _, detail) = broken("[".repeat(10_000_000));
    assert!(
        detail.contains("deeper") || detail.contains("ends"),
        "{detail}"
    );
    let objects = format!("{}1{}", "{\"a\":".repeat(100_000), "}".repeat(100_000));
    assert!(broken(objects).2.contains("deeper"));
    let listed = format!("[{},{}]", nest(3), nest(100_000));
    assert_eq!(broken(listed).2, "nested deeper than 1000 levels");
}

#[test]
fn keys_that_are_values_are_not_columns() {
    let inner: Vec<String> = (0..2_000).map(|i| format!("\"k{i}\":{i}")).collect();
    let read = read(format!("{{\"v\":{{{}}}}}", inner.join(",")));
    assert_eq!(read.types, ["JSON"]);
    assert!(read.profile.columns[0].evidence.contains("too many"));
    let outer: Vec<String> = (0..20_000).map(|i| format!("\"k{i}\":{i}")).collect();
    let error = try_read(format!("{{{}}}", outer.join(",")), &[]).unwrap_err();
    assert!(error.to_string().contains("different keys"), "{error}");
}

#[test]
fn a_column_knows_its_ends_and_examples() {
    let read = read("{\"n\":3,\"s\":\"b\"}\n{\"n\":-10,\"s\":\"a\"}\n{\"n\":20,\"s\":\"b\"}\n");
    let [n, s] = read.profile.columns.as_slice() else {
        panic!()
    };
    assert_eq!(
        (n.min.as_deref(), n.max.as_deref(), n.distinct),
        (Some("-10"), Some("20"), Some(3))
    );
    assert_eq!(
        (s.min.as_deref(), s.max.as_deref(), s.distinct),
        (Some("a"), Some("b"), Some(2))
    );
    assert_eq!(s.examples, ["b", "a"]);
    assert_eq!(n.evidence, "0 of 3 values altered");
}
