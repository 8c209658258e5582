//! Choices that do nothing, do too much or contradict the file are told, never passed over.

use redline_convert::*;

use crate::common::Bench;

fn refused(bench: &Bench, source: &std::path::Path, to: Format, set: &[(&str, &str)]) -> String {
    bench.plan_with(source, to, set).unwrap_err().to_string()
}

/// One text below another, on the way to CSV.
fn merged(bench: &Bench, one: &str, two: &str) -> ConversionPlan {
    let sources = [
        Source::new(bench.file("one.csv", one)),
        Source::new(bench.file("two.csv", two)),
    ];
    let (merge_by, options) = (Merge::default(), Options::default());
    merge(
        &sources,
        &merge_by,
        Format::Csv,
        &options,
        &bench.limits,
        &(),
    )
    .unwrap()
}

#[test]
fn a_choice_that_the_target_does_not_know_is_refused() {
    let bench = Bench::new();
    let source = bench.file("t.csv", "a,b\n1,2\n");
    assert_eq!(
        refused(&bench, &source, Format::Csv, &[("layout", "stooq")]),
        "layout=stooq is not a choice; expected a target that is Text"
    );
    assert!(refused(&bench, &source, Format::Txt, &[("layout", "stooq")]).contains("<TICKER>"));
    assert!(refused(&bench, &source, Format::Xlsx, &[("codec", "zstd")]).contains("Parquet"));
}

#[test]
fn a_choice_that_the_source_does_not_know_is_said() {
    let bench = Bench::new();
    let source = bench.parquet("t.parquet", "SELECT 1 AS a");
    let plan = bench
        .plan_with(&source, Format::Csv, &[("null", "NA"), ("skip", "3")])
        .unwrap();
    let idle: Vec<_> = plan
        .changes
        .iter()
        .filter(|c| c.contains("nothing here"))
        .collect();
    assert_eq!(idle.len(), 2, "{:?}", plan.changes);
}

#[test]
fn a_condition_is_one_condition() {
    let bench = Bench::new();
    let source = bench.file("t.csv", "v\n1\n2\n3\n");
    for broken in [
        "v > 1) OR (1=1",
        "v > 1; SELECT 1",
        "v > 1 THEN 1 END OR CASE WHEN 1=1",
        "v >",
    ] {
        let error = bench
            .plan_with(&source, Format::Feather, &[("filter", broken)])
            .unwrap_err();
        assert!(
            matches!(error, ConvertError::Filter { .. }),
            "{broken}: {error:?}"
        );
    }
    let kept = bench
        .plan_with(
            &source,
            Format::Feather,
            &[("filter", "(v > 1) OR (v = 0) -- said why")],
        )
        .unwrap();
    assert_eq!(kept.rows_out, Some(2));
}

#[test]
fn lines_to_skip_leave_a_table() {
    let bench = Bench::new();
    let source = bench.file("t.csv", "a,b\n1,2\n3,4\n");
    for lines in ["3", "99"] {
        assert_eq!(
            refused(&bench, &source, Format::Parquet, &[("skip", lines)]),
            format!(
                "skip={lines} is not a choice; expected fewer than the 3 lines that the file has"
            )
        );
    }
    let rest = bench
        .plan_with(&source, Format::Parquet, &[("skip", "2"), ("header", "no")])
        .unwrap();
    assert_eq!(rest.rows_out, Some(1));
}

#[test]
fn a_packed_line_without_an_end_is_refused_before_all_of_it_is_unpacked() {
    let bench = Bench::new();
    let path = bench.path("bomb.csv.gz");
    let file = std::fs::File::create(&path).unwrap();
    let mut pack = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
    std::io::Write::write_all(&mut pack, b"a,b\n1,").unwrap();
    for _ in 0..96 {
        std::io::Write::write_all(&mut pack, &vec![b'x'; 1 << 20]).unwrap();
    }
    pack.finish().unwrap();
    assert_eq!(
        refused(&bench, &path, Format::Parquet, &[]),
        "the work does not fit in 536870912 bytes of memory: the record at byte 4 of the text is \
         longer than 64 MiB; a delimiter, a quote or an encoding may be another one"
    );
    let more = bench.plan_with(&path, Format::Parquet, &[("memory", "1024")]);
    assert_eq!(more.unwrap().rows_out, Some(1));
}

#[test]
fn names_that_differ_by_case_are_told_where_they_meet() {
    let bench = Bench::new();
    let plan = merged(&bench, "id,v\n1,2\n", "ID,v\n3,4\n");
    assert!(
        plan.changes
            .contains(&"\"ID\" of \"two.csv\" goes under \"id\".".to_owned()),
        "{:?}",
        plan.changes
    );
}

#[test]
fn a_byte_that_is_not_of_the_encoding_is_located() {
    let bench = Bench::new();
    let source = bench.file("t.csv", b"a,b\n1,x\n2,caf\xE9\n3,y\n");
    let plan = bench.plan(&source, Format::Parquet).unwrap();
    assert!(
        plan.changes
            .iter()
            .any(|c| c.contains("windows-1252") && c.contains("line 3")),
        "{:?}",
        plan.changes
    );
}

#[test]
fn a_column_is_the_one_that_the_file_calls_so() {
    let bench = Bench::new();
    let source = bench.file("t.csv", "a,A,b\n1,x,5\n2,y,6\n1,x,5\n");
    let written = |set: &[(&str, &str)]| {
        let name = format!("{}.csv", bench.left().len());
        let (out, _) = bench.to_with(&source, Format::Csv, &name, set).unwrap();
        std::fs::read_to_string(out).unwrap()
    };
    assert_eq!(written(&[("select", "A,b")]), "A,b\nx,5\ny,6\nx,5\n");
    assert_eq!(
        written(&[("select", "b,A,a")]).lines().next(),
        Some("b,A,a")
    );
    assert_eq!(written(&[("rename.A", "Z")]).lines().next(), Some("a,Z,b"));
    let unclear = bench.plan_with(&source, Format::Csv, &[("filter", "\"A\" = 'y'")]);
    assert!(
        matches!(&unclear, Err(ConvertError::NoColumn { column, columns })
            if column == "A" && columns.contains(&"A_2".to_owned())),
        "{unclear:?}"
    );
    let kept = bench
        .plan_with(&source, Format::Csv, &[("filter", "A_2 = 'y' AND a = 2")])
        .unwrap();
    assert_eq!(kept.rows_out, Some(1));
}

#[test]
fn merged_columns_meet_by_the_names_of_their_files() {
    let bench = Bench::new();
    let text = |one: &str, two: &str| {
        let plan = merged(&bench, one, two);
        let name = format!("{}.csv", bench.left().len());
        std::fs::read_to_string(bench.run(&plan, &name).unwrap().0).unwrap()
    };
    assert_eq!(text("k,K\n1,2\n", "K,k\n3,4\n"), "k,K\n1,2\n4,3\n");
    assert_eq!(text("k,k\n1,2\n", "k,k\n3,4\n"), "k,k\n1,2\n3,4\n");
    assert_eq!(text("k,v\n1,2\n", "V,k\n3,4\n"), "k,v\n1,2\n4,3\n");
}

#[test]
fn a_number_with_more_digits_than_the_type_that_was_asked_for_is_a_reject() {
    let bench = Bench::new();
    let rejected = |value: &str, asked: &str| {
        let source = bench.file("t.csv", format!("x,y\n0.5,a\n{value},a\n"));
        let plan = bench.plan_with(&source, Format::Parquet, &[("type.x", asked)]);
        matches!(plan, Err(ConvertError::Rejected { .. }))
    };
    for value in ["9007199254740993", "0.12345678901234567890", "1E400"] {
        assert!(rejected(value, "DOUBLE"), "{value}");
    }
    for value in [
        "9007199254740992",
        "1.50",
        "-0",
        "1e5",
        "0.1",
        "100",
        "007",
        "1E-300",
    ] {
        assert!(!rejected(value, "DOUBLE"), "{value}");
    }
    assert!(rejected("16777217", "FLOAT"));
    assert!(!rejected("16777216", "FLOAT") && !rejected("0.1", "FLOAT"));
}

#[test]
fn words_where_values_should_be_are_a_row_and_no_second_header() {
    let bench = Bench::new();
    for word in [
        "suppressed",
        "unknown",
        "missing",
        "pending",
        "TBD",
        "high",
        "< 5",
    ] {
        let text = format!("site,value\nAbbey,{word}\nBarnet,1\nCamden,4\nDover,7\nEpsom,10\n");
        let source = bench.file("t.csv", &text);
        let plan = bench.plan(&source, Format::Csv).unwrap();
        assert_eq!(plan.rows_out, Some(5), "{word}");
    }
    let units = bench.file(
        "u.csv",
        "site,value,other\n(name),kg,m/s\nBarnet,1,2\nCamden,4,5\nDover,7,8\n",
    );
    let plan = bench.plan(&units, Format::Parquet).unwrap();
    assert_eq!(plan.rows_out, Some(3));
    assert!(
        plan.changes
            .iter()
            .any(|c| c == "2 lines name the columns."),
        "{:?}",
        plan.changes
    );
}

#[test]
fn two_files_put_one_behind_the_other_are_one_table() {
    let bench = Bench::new();
    let half =
        |from: usize| -> String { (from..from + 100).map(|i| format!("{i},v{i}\n")).collect() };
    let text = format!("id,v\n{}id,v\n{}", half(1), half(101));
    let source = bench.file("t.csv", text);
    let plan = bench.plan(&source, Format::Parquet).unwrap();
    assert_eq!(plan.rows_out, Some(200), "{:?}", plan.changes);
    assert_eq!(plan.profile().repairs[0].kind, "repeated header");
}

#[test]
fn header_lines_that_are_not_there_are_refused() {
    let bench = Bench::new();
    let source = bench.file("t.csv", "a,b\n1,2\n");
    assert!(
        refused(&bench, &source, Format::Csv, &[("header", "5")]).contains("no more than the 2")
    );
    assert!(refused(&bench, &source, Format::Parquet, &[("row_group", "0")]).contains("above 0"));
}

#[test]
fn a_sheet_or_table_that_is_called_otherwise_is_told() {
    let bench = Bench::new();
    let source = bench.file("t.csv", "a,b\n1,2\n");
    let note = |to, name: &str| {
        let plan = bench.plan_with(&source, to, &[("sheet", name)]).unwrap();
        plan.notes.into_iter().find(|note| note.contains("called"))
    };
    assert_eq!(note(Format::Xlsx, "May"), None);
    assert_eq!(note(Format::Duckdb, "May/June"), None);
    assert_eq!(
        note(Format::Xlsx, "May/June").unwrap(),
        "The sheet is called \"May_June\": Excel takes no name like \"May/June\"."
    );
    assert_eq!(
        note(Format::Sqlite, "sqlite_x").unwrap(),
        "The table is called \"_sqlite_x\": SQLite takes no name like \"sqlite_x\"."
    );
}

#[test]
fn a_table_wider_than_its_target_is_refused_before_a_row_is_written() {
    let bench = Bench::new();
    let row = |cell: &dyn Fn(usize) -> String| (0..40_000).map(cell).collect::<Vec<_>>().join(",");
    let text = format!(
        "{}\n{}\n",
        row(&|i| format!("c{i}")),
        row(&|i| i.to_string())
    );
    let source = bench.file("t.csv", text);
    for (to, limit) in [
        (Format::Npz, "16,384 columns"),
        (Format::Xlsx, "16,384 columns"),
    ] {
        assert!(refused(&bench, &source, to, &[]).contains(limit), "{to:?}");
    }
    let plan = bench.plan(&source, Format::Duckdb).unwrap();
    let error = convert(&plan, &bench.path("out"), &bench.limits, &()).unwrap_err();
    assert!(
        matches!(&error, ConvertError::OutOfMemory { detail, .. } if detail.contains("40,000 columns")),
        "{error:?}"
    );
    assert!(!bench.path("out").exists());
}
