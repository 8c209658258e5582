//! How files are built, and how they break.

use super::*;

#[test]
fn every_form_of_the_same_records_gives_the_same_table() {
    let utf16: Vec<u8> = "[{\"a\":1,\"b\":\"x\"},{\"a\":2,\"b\":\"é\"}]"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let lines = "{\"a\":1,\"b\":\"x\"}\n{\"a\":2,\"b\":\"é\"}";
    let forms: Vec<Vec<u8>> = vec![
        lines.into(),
        format!("{lines}\n").into(),
        format!("\u{FEFF}{lines}\n\n").into(),
        lines.replace('\n', "\r\n").into(),
        lines.replace('\n', "\n\n \n").into(),
        lines.replace('\n', "").into(),
        lines.replace('\n', " ").into(),
        "{\n \"a\": 1,\n \"b\": \"x\"\n}\n{\n \"a\": 2,\n \"b\": \"é\"\n}\n".into(),
        format!("[{}]", lines.replace('\n', ",")).into(),
        format!(" [\n{}\n] \n", lines.replace('\n', ",\n")).into(),
        format!("{{\"data\":[{}]}}", lines.replace('\n', ",")).into(),
        format!(
            "{{\"ok\":true,\"r\":{{\"data\":[ {} ]}},\"n\":[1]}}",
            lines.replace('\n', ",")
        )
        .into(),
        b"[[\"a\",\"b\"],[1,\"x\"],[2,\"\xC3\xA9\"]]".to_vec(),
        b"[\"a\",\"b\"]\n[1,\"x\"]\n[2,\"\xC3\xA9\"]\n".to_vec(),
        utf16,
        zstd::encode_all(lines.as_bytes(), 1).unwrap(),
    ];
    for text in forms {
        let read = read(&text);
        let shown = String::from_utf8_lossy(&text).into_owned();
        assert_eq!(read.names, ["a", "b"], "{shown}");
        assert_eq!(read.types, ["BIGINT", "VARCHAR"], "{shown}");
        assert_eq!(read.cells.len(), 2, "{shown}");
        assert_eq!(
            (read.row(0), read.row(1)),
            (vec!["1", "x"], vec!["2", "é"]),
            "{shown}"
        );
        assert_eq!(read.profile.rejects.count, 0, "{shown}");
    }
}

#[test]
fn the_array_in_a_document_is_a_choice() {
    let text = "{\"total\": 2, \"meta\": {\"v\": [1, 2]}, \"data\": [{\"a\": 1}, {\"a\": 2}], \"more\": [{\"b\": 1}]}";
    let data = read(text);
    assert_eq!(data.profile.table.as_deref(), Some("data"));
    let names: Vec<_> = data
        .profile
        .tables
        .iter()
        .map(|t| t.name.as_str())
        .collect();
    assert_eq!(names, ["data", "more", "document"]);
    assert_eq!(data.profile.choices[0].chosen, "the elements of \"data\"");
    assert_eq!(
        data.profile.choices[0].otherwise.as_deref(),
        Some("table=document")
    );
    let said = &data.profile.warnings[0];
    assert!(
        said.contains("\"total\": 2") && said.contains("\"meta\"") && said.contains("\"more\""),
        "{said}"
    );
    assert!(!said.contains("\"data\""), "{said}");

    let more = try_read(text, &[("table", "more")]).unwrap();
    assert_eq!(more.names, ["b"]);
    assert_eq!(try_read(text, &[("table", "2")]).unwrap().names, ["b"]);
    let whole = try_read(text, &[("table", "document")]).unwrap();
    assert_eq!(whole.names, ["total", "meta", "data", "more"]);
    assert_eq!(whole.cells.len(), 1);
    let error = try_read(text, &[("table", "none")]).unwrap_err();
    assert!(matches!(error, ConvertError::NoTable { .. }), "{error}");
}

#[test]
fn a_document_is_checked_around_its_table() {
    for (text, column) in [
        ("{\"data\":[{\"a\":1}],\"x\":01}", 23),
        ("{\"x\":tru,\"data\":[{\"a\":1}]}", 6),
        ("{\"data\":[{\"a\":1}],}", 19),
    ] {
        let padded = text.replace("{\"a\":1}", &["{\"a\":1}"; 300_000].join(","));
        let (line, at, _) = broken(&padded);
        let shift = if column > 16 {
            padded.len() - text.len()
        } else {
            0
        };
        assert_eq!((line, at), (1, (column + shift) as u64), "{text}");
        assert_eq!(broken(text).1, column as u64, "{text}");
    }
}

#[test]
fn a_large_document_is_read_in_pieces() {
    let rows: Vec<String> = (0..300_000)
        .map(|i| format!("{{\"a\":{i},\"s\":\"x]}}\\\"{i}\"}}"))
        .collect();
    let text = format!(
        "{{\n\"k\":\"]\",\n\"rows\":[\n{}\n],\"n\":300000}}",
        rows.join(",\n")
    );
    let read = read(&text);
    assert_eq!(read.cells.len(), 300_000);
    assert_eq!(read.row(299_999), ["299999", "x]}\"299999"]);
    assert!(
        read.profile.warnings[0].contains("\"n\": 300000"),
        "{:?}",
        read.profile.warnings
    );
}

#[test]
fn scalars_are_a_column_and_arrays_are_rows() {
    let scalars = read("[1,2,null]");
    assert_eq!(
        (scalars.names[0].as_str(), scalars.column(0)),
        ("value", vec!["1", "2", "∅"])
    );
    assert_eq!(read("1\n2\n").column(0), ["1", "2"]);
    assert_eq!(read("\"x\"").column(0), ["x"]);
    let rows = read("[[1,\"a\"],[2],[3,\"b\",true]]");
    assert_eq!(rows.names, ["column1", "column2", "column3"]);
    assert_eq!(rows.row(1), ["2", "∅", "∅"]);
    assert_eq!(rows.row(2), ["3", "b", "true"]);
    let text = "[[\"a\",\"b\"],[\"1\",\"x\"]]";
    assert_eq!(read(text).cells.len(), 2);
    let named = try_read(text, &[("header", "yes")]).unwrap();
    assert_eq!(
        (named.names, named.cells.len()),
        (vec!["a".to_owned(), "b".to_owned()], 1)
    );
    let mixed = read("[1,{\"a\":2}]");
    assert_eq!(
        (mixed.types[0].as_str(), mixed.column(0)),
        ("JSON", vec!["1", "{\"a\":2}"])
    );
}

#[test]
fn a_record_of_another_kind_is_a_reject() {
    for text in [
        "[{\"a\":1},2,null,{\"a\":3}]",
        "{\"a\":1}\n2\nnull\n{\"a\":3}\n",
    ] {
        let read = read(text);
        assert_eq!(read.column(0), ["1", "3"]);
        assert_eq!(read.profile.rejects.count, 2);
        assert!(read.profile.rejects.examples[0].reason.contains("a number"));
    }
    assert_eq!(read("[null,{\"a\":1}]").profile.rejects.count, 1);
}

#[test]
fn a_broken_line_is_a_reject_and_the_rest_is_read() {
    let text = "{\"a\":1}\n{\"a\":2,}\n{\"a\":3}\n{\"a\":4} x\n{\"a\": // 5\n{\"a\":6}\n{\"a\":7";
    let read = read(text);
    assert_eq!(read.column(0), ["1", "3", "6"]);
    let rejects = &read.profile.rejects;
    let lines: Vec<u64> = rejects.examples.iter().map(|r| r.line).collect();
    assert_eq!(lines, [2, 4, 5, 7]);
    assert!(
        rejects.examples[0]
            .reason
            .contains("character 8: a comma with nothing"),
        "{rejects:?}"
    );
    assert!(
        rejects.examples[3].reason.contains("cut short"),
        "{rejects:?}"
    );
    assert_eq!(super::read("{\"a\":1,}\n{\"a\":2}\n").column(0), ["2"]);
    assert_eq!(
        super::read("{\"a\":1},\n{\"a\":2}\n").profile.rejects.count,
        1
    );
}

#[test]
fn what_breaks_an_array_is_located() {
    for (text, line, column, word) in [
        ("[\n{\"a\":1},\n]", 3, 1, "comma"),
        ("[{\"a\":1}\n{\"a\":2}]", 2, 1, "comma"),
        ("[{\"a\":1},,{\"a\":2}]", 1, 10, "two commas"),
        ("[{\"a\":1}", 1, 9, "ends"),
        ("[{\"a\":1},", 1, 10, "comma"),
        ("[{\"a\":\"é", 1, 7, "never closed"),
        ("[{\"a\":1}]]", 1, 10, "behind the end"),
        ("[{\"a\":1}] x", 1, 11, "behind"),
        ("[{\"a\":1}}]", 1, 9, "nothing opened"),
        ("[{\"a\":1},\n// x\n{\"a\":2}]", 2, 1, "comment"),
        ("[{'a':1}]", 1, 3, "single quote"),
        ("{\"a\":1,}", 1, 8, "comma"),
        ("{\"a\":1", 1, 7, "ends"),
        ("{\"a\":[1,2", 1, 10, "ends"),
        ("hello", 1, 1, "hello"),
        ("{\"a\":1} }", 1, 9, "behind"),
    ] {
        let (l, c, detail) = broken(text);
        assert_eq!((l, c), (line, column), "{text}: {detail}");
        assert!(detail.contains(word), "{text}: {detail}");
    }
}

#[test]
fn nothing_to_read_is_said() {
    for text in ["", "  \n", "[]", "[ ]", "{}", "[{}]", "\u{FEFF}"] {
        match try_read(text, &[]) {
            Err(ConvertError::Unreadable { .. }) => {}
            other => panic!("{text:?}: {other:?}"),
        }
    }
    match try_read("{\"a\":1,\"a\":2}\n{\"b\":1,\"b\":1}\n", &[]) {
        Err(ConvertError::Rejected { rejects }) => assert_eq!(rejects.count, 2),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_record_that_does_not_fit_is_refused() {
    let long = "x".repeat(70 << 20);
    for text in [
        format!("[{{\"a\":\"{long}\"}}]"),
        format!("{{\"a\":\"{long}\"}}\n{{\"a\":1}}\n"),
    ] {
        match try_read(text, &[]) {
            Err(ConvertError::OutOfMemory { detail, .. }) => {
                assert!(detail.contains("memory="), "{detail}");
            }
            other => panic!("{:?}", other.map(|o| o.names)),
        }
    }
}

#[test]
fn chunks_of_every_size_are_cut_between_records() {
    // Records of many lengths across several chunks, with everything that confuses.
    let mut rows = Vec::new();
    for i in 0..60_000u64 {
        let pad = "é]},{\\\"\\\\".repeat((i.wrapping_mul(2_654_435_761) % 23) as usize);
        rows.push(format!(
            "{{\"i\":{i},\"s\":\"{pad}\",\"l\":[{i},{{\"x\":\"}}\"}}]}}"
        ));
    }
    for text in [
        rows.join("\n"),
        format!("[{}]", rows.join(",")),
        rows.join(" "),
    ] {
        assert!(text.len() > 3 * super::super::split::CHUNK);
        let read = read(&text);
        assert_eq!(read.cells.len(), rows.len());
        for (i, row) in read.cells.iter().enumerate() {
            assert_eq!(row[0].as_deref(), Some(i.to_string().as_str()));
        }
        assert_eq!(read.types[2], "JSON");
    }
}

#[test]
fn reading_begins_at_any_row_and_takes_any_columns() {
    let rows: Vec<String> = (0..200_000)
        .map(|i| format!("{{\"a\":{i},\"b\":\"x{i}\",\"c\":{{\"d\":{i}}}}}"))
        .collect();
    for text in [rows.join("\n"), format!("[{}]", rows.join(",\n"))] {
        let packed = zstd::encode_all(text.as_bytes(), 1).unwrap();
        for bytes in [text.into_bytes(), packed] {
            let file = file(bytes);
            let table = table_of(file.path(), &options(&[]), Depth::Whole).unwrap();
            let limits = limits();
            for first in [0, 1, 65_535, 65_536, 123_456, 199_999, 200_000, 300_000] {
                let job = Job {
                    limits: &limits,
                    progress: &(),
                };
                let mut reader = table.read(Some(&[1, 0]), first, job).unwrap();
                match reader.next_batch().unwrap() {
                    Some(batch) => {
                        assert_eq!(text_of(batch.column(1), 0), first.to_string());
                        assert_eq!(text_of(batch.column(0), 0), format!("x{first}"));
                        assert_eq!(batch.num_columns(), 2);
                    }
                    None => assert!(first >= 200_000),
                }
            }
            let mut reader = table
                .read(
                    Some(&[]),
                    10,
                    Job {
                        limits: &limits,
                        progress: &(),
                    },
                )
                .unwrap();
            let mut rows = 0;
            while let Some(batch) = reader.next_batch().unwrap() {
                rows += batch.num_rows();
            }
            assert_eq!(rows, 199_990);
        }
    }
}

#[test]
fn a_look_at_the_head_takes_whatever_comes_later() {
    let mut text = "{\"a\":1,\"b\":[1]}\n".repeat(600_000);
    text += "{\"a\":\"x\",\"b\":{\"c\":null},\"late\":1}\n{\"a\":1,\"a\":2}\n";
    let file = file(&text);
    let table = table_of(file.path(), &options(&[]), Depth::Head).unwrap();
    assert_eq!(table.rows(), None);
    assert_eq!(table.profile().columns[0].type_name, "BIGINT");
    let batches = all(table.as_ref(), 600_000).unwrap();
    assert_eq!(
        cells(&batches),
        [vec![Some("x".to_owned()), Some("{\"c\":null}".to_owned())]]
    );
}

#[test]
fn cancel_is_heard() {
    struct Stop;
    impl crate::limits::Progress for Stop {
        fn phase(&self, _: &str) {}
        fn set_total(&self, _: u64) {}
        fn advance(&self, _: u64) {}
        fn is_cancelled(&self) -> bool {
            true
        }
    }
    let file = file("{\"a\":1}\n{\"a\":2}\n");
    let limits = limits();
    let job = Job {
        limits: &limits,
        progress: &Stop,
    };
    let outcome = open(
        Format::Json,
        &Source::new(file.path()),
        &options(&[]),
        Depth::Whole,
        job,
    );
    assert!(matches!(outcome.map(|_| ()), Err(ConvertError::Cancelled)));
}

#[test]
fn one_record_is_a_line_where_the_name_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("t.ndjson");
    std::fs::write(&path, "{\"id\":1,\"items\":[{\"k\":1},{\"k\":2}]}\n").unwrap();
    let limits = limits();
    let job = Job {
        limits: &limits,
        progress: &(),
    };
    let source = Source::new(&path);
    let table = open(Format::Ndjson, &source, &options(&[]), Depth::Whole, job).unwrap();
    assert_eq!(
        (table.rows(), table.schema().field(1).name().as_str()),
        (Some(1), "items")
    );
}
