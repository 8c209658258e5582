//! Choices that do nothing, do too much or contradict the file are told, never passed over.

use redline_convert::*;

use crate::common::Bench;

fn refused(bench: &Bench, source: &std::path::Path, to: Format, set: &[(&str, &str)]) -> String {
    bench.plan_with(source, to, set).unwrap_err().to_string()
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
            matches!(error, ConvertError::Query { .. }),
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
    let sources = [
        Source::new(bench.file("one.csv", "id,v\n1,2\n")),
        Source::new(bench.file("two.csv", "ID,v\n3,4\n")),
    ];
    let plan = merge(
        &sources,
        &Merge::default(),
        Format::Csv,
        &Options::default(),
        &bench.limits,
        &(),
    )
    .unwrap();
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
