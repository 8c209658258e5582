//! No value changes: text in, Parquet, text out, with everything that other readers change.

use std::fmt::Write as _;
use std::fs;

use crate::common::{Bench, cells, names, types};
use redline_convert::*;

/// There and back; every value is the same, and both certificates say so.
fn round_trip(name: &str, bytes: impl AsRef<[u8]>) -> TableProfile {
    let bench = Bench::new();
    let source = bench.file(name, bytes);
    let plan = bench.plan(&source, Format::Parquet).unwrap();
    let (parquet, there) = bench.to(&source, Format::Parquet, "out.parquet").unwrap();
    assert_ne!(there.certificate.verdict, Verdict::Failed);
    assert_eq!(cells(&source), cells(&parquet), "{name}: there");
    let back = if name.ends_with(".tsv") {
        Format::Tsv
    } else {
        Format::Csv
    };
    let (text, again) = bench
        .to(&parquet, back, &format!("back.{}", back.extension()))
        .unwrap();
    assert_eq!(
        again.certificate.verdict,
        Verdict::Proved,
        "{:?}",
        again.certificate.losses
    );
    assert_eq!(cells(&source), cells(&text), "{name}: and back");
    assert_eq!(names(&parquet), names(&text), "{name}: names");
    assert!(
        plan.profile()
            .columns
            .iter()
            .map(|c| &c.name)
            .eq(&names(&parquet)),
        "{name}: names"
    );
    assert_eq!(again.rows_out, plan.profile().rows);
    plan.profile().clone()
}

/// One column `v` of these values.
fn column(values: &[&str]) -> String {
    let mut text = "id,v\n".to_owned();
    for (i, v) in values.iter().enumerate() {
        writeln!(text, "{i},{v}").unwrap();
    }
    text
}

fn type_of(values: &[&str]) -> String {
    round_trip("t.csv", column(values)).columns[1]
        .type_name
        .clone()
}

/// 30,000 rows, past any sample, of which one late one is different.
fn late(usual: &str, odd: &str) -> TableProfile {
    let mut values = vec![usual; 30_000];
    values[25_000] = odd;
    round_trip("t.csv", column(&values))
}

#[test]
fn a_late_leading_zero_keeps_a_column_text() {
    let profile = late("7", "007");
    assert_eq!(types(&profile), ["BIGINT", "VARCHAR"]);
    assert_eq!(profile.columns[0].evidence, "0 of 30,000 values altered");
    assert_eq!(
        profile.columns[1].evidence,
        "text: \"007\" in line 25,002 would become 7"
    );
}

#[test]
fn a_late_fraction_makes_a_column_double_and_no_integer_grows_a_point() {
    let profile = late("3", "3.7");
    assert_eq!(types(&profile), ["BIGINT", "DOUBLE"]);
    assert_eq!(profile.columns[1].evidence, "0 of 30,000 values altered");
}

#[test]
fn a_late_time_is_not_cut_off_a_date() {
    assert_eq!(
        types(&late("2024-01-31", "2024-01-31 23:59:59"))[1],
        "VARCHAR"
    );
    assert_eq!(
        types(&late("2024-01-31 00:00:00", "2024-01-31 23:59:59.123456"))[1],
        "TIMESTAMP"
    );
    assert_eq!(
        types(&late("2024-01-31 00:00:00", "2024-01-31 23:59:59.1234567"))[1],
        "TIMESTAMP_NS"
    );
}

#[test]
fn a_late_word_keeps_a_column_text() {
    assert_eq!(types(&late("true", "yes"))[1], "VARCHAR");
    assert_eq!(types(&late("1", "n/a"))[1], "VARCHAR");
    assert_eq!(types(&late("1", ""))[1], "BIGINT");
    let empty = late("1", "\"\"");
    assert_eq!(types(&empty)[1], "VARCHAR");
    assert_eq!(
        empty.columns[1].evidence,
        "text: \"\" in line 25,002 is an empty text, which is not null"
    );
}

#[test]
fn numbers_get_the_narrowest_type_that_prints_them_back() {
    let cases: &[(&[&str], &str)] = &[
        (
            &["9007199254740991", "9007199254740992", "9007199254740993"],
            "BIGINT",
        ),
        (&["9223372036854775807", "-9223372036854775808"], "BIGINT"),
        (&["9223372036854775808", "1"], "DECIMAL(38,0)"),
        (&["99999999999999999999999999999999999999"], "DECIMAL(38,0)"),
        (&["123456789012345678901234567890123456789"], "VARCHAR"),
        (&["1.50", "-2.25", "0.10"], "DECIMAL(3,2)"),
        (&["1.50", "2.5"], "VARCHAR"),
        (&["1.5", "2.25"], "DOUBLE"),
        (&["0.1", "1e-07", "1e+20"], "DOUBLE"),
        (&["-0.0", "1.25"], "DOUBLE"),
        (&["-0"], "VARCHAR"),
        (&["nan", "inf", "-inf", "1.5"], "DOUBLE"),
        (&["nan", "inf"], "VARCHAR"),
        (&["NaN"], "VARCHAR"),
        (&["Infinity"], "VARCHAR"),
        (&["infinity"], "VARCHAR"),
        (&["1E400"], "VARCHAR"),
        (&["1e400"], "VARCHAR"),
        (&["5e-324", "1.7976931348623157e+308"], "DOUBLE"),
        (&["+1"], "VARCHAR"),
        (&["1_000"], "VARCHAR"),
        (&["\"1,000\""], "VARCHAR"),
        (&["0x10"], "VARCHAR"),
        (&["1."], "VARCHAR"),
        (&[".5"], "VARCHAR"),
        (&[" 1"], "VARCHAR"),
        (&["1 "], "VARCHAR"),
        (&["12345678901234567890.12"], "DECIMAL(22,2)"),
        (&["0.00000000000000000000000000000000000001"], "VARCHAR"),
        (&["", ""], "VARCHAR"),
    ];
    for (values, expected) in cases {
        assert_eq!(type_of(values), *expected, "{values:?}");
    }
}

#[test]
fn times_and_truth_values() {
    let cases: &[(&[&str], &str)] = &[
        (&["2024-02-29", "0001-01-01", "9999-12-31"], "DATE"),
        (&["2023-02-29"], "VARCHAR"),
        // The first settles the order of all; where none does, it stays text.
        (&["29/02/2024", "02/03/2024"], "DATE"),
        (&["02/03/2024", "03/04/2024"], "VARCHAR"),
        (&["2024-1-5"], "DATE"),
        (
            &["2024-01-01 10:00:00", "2024-01-01 10:00:00.5"],
            "TIMESTAMP",
        ),
        (&["2024-01-01T10:00:00"], "TIMESTAMP"),
        (&["2024-01-01 10:00:00+00"], "TIMESTAMP WITH TIME ZONE"),
        (&["2024-01-01 10:00:00+02"], "TIMESTAMP WITH TIME ZONE"),
        (
            &["2024-01-01 10:00:00+00", "2024-01-01 12:00:00+02"],
            "VARCHAR",
        ),
        (&["10:00:00", "23:59:59.25"], "TIME"),
        (&["10:00"], "TIME"),
        (&["true", "false"], "BOOLEAN"),
        (&["True"], "VARCHAR"),
        (&["t", "f"], "VARCHAR"),
        (&["NULL", "null", "NA"], "VARCHAR"),
    ];
    for (values, expected) in cases {
        assert_eq!(type_of(values), *expected, "{values:?}");
    }
}

#[test]
fn empty_is_not_null() {
    let bench = Bench::new();
    let source = bench.file("t.csv", "a,b\n\"\",\n,\"\"\n,\nx,\"y\"\n");
    let none = || None::<String>;
    let some = |s: &str| Some(s.to_owned());
    assert_eq!(
        cells(&source),
        [
            [some(""), none()],
            [none(), some("")],
            [none(), none()],
            [some("x"), some("y")]
        ]
    );
    round_trip("t.csv", fs::read(&source).unwrap());
    let plan = bench.to(&source, Format::Parquet, "p.parquet").unwrap().0;
    let plan = bench.plan(&plan, Format::Csv).unwrap();
    assert!(
        plan.notes.iter().any(|n| n.contains("Empty texts")),
        "{:?}",
        plan.notes
    );
}

#[test]
fn text_of_every_kind_comes_back() {
    let big = "x".repeat(3_000_000);
    for (name, text) in [
        (
            "quotes.csv",
            "a,b\n\"say \"\"hi\"\"\",\"x,y\"\n5\" pipe,\"\"\"\"\n".to_owned(),
        ),
        (
            "breaks.csv",
            "a,b\n\"one\ntwo\r\nthree\rfour\",1\n\"\n\",2\n".to_owned(),
        ),
        ("crlf.csv", "a,b\r\n1,x\r\n2,\"y\r\nz\"\r\n".to_owned()),
        ("cr.csv", "a,b\r1,x\r2,y\r".to_owned()),
        ("bom.csv", "\u{feff}a,b\n1,x\n".to_owned()),
        (
            "emoji.csv",
            "naïve,🦆\n😀,日本語\n\u{200d},e\u{301}\n".to_owned(),
        ),
        (
            "separators.csv",
            "a,b\nx\u{2028}y,z\u{85}\u{a0}\n".to_owned(),
        ),
        ("big.csv", format!("a,b\n1,{big}\n2,\"{big}\n\"\n3,z\n")),
        ("header.csv", "a,b,c\n".to_owned()),
        ("bare.csv", "a,b".to_owned()),
        ("no_end.csv", "a,b\n1,2".to_owned()),
        ("one.csv", "a\n1\n2\n".to_owned()),
        ("one_null.csv", "a\n1\n\n3\n\n".to_owned()),
        ("semicolon.csv", "a;b\n1,5;2\n".to_owned()),
        ("tab.tsv", "a\tb\nx, y\t\"p\tq\"\n".to_owned()),
        ("nul.csv", "a,b\nx\0y,\"\0\"\n".to_owned()),
        ("spaces.csv", "a,b\n x , y\t\n  ,\" \"\n".to_owned()),
        ("comment.csv", "#a,b\n#1,--2\n\\N,\\\"\n".to_owned()),
        (
            "names.csv",
            "select,\"a\"\"b\",\"x\ny\",'\n1,2,3,4\n".to_owned(),
        ),
    ] {
        round_trip(name, text);
    }
}

#[test]
fn twin_and_missing_names_are_listed() {
    let bench = Bench::new();
    let source = bench.file("t.csv", "a,A,,a\n1,2,3,4\n");
    let plan = bench.plan(&source, Format::Parquet).unwrap();
    let names: Vec<&str> = plan
        .profile()
        .columns
        .iter()
        .map(|c| c.name.as_str())
        .collect();
    assert_eq!(names, ["a", "A_2", "column3", "a_3"]);
    assert_eq!(plan.losses.iter().filter(|l| l.kind == "name").count(), 3);
    let (parquet, done) = bench.to(&source, Format::Parquet, "t.parquet").unwrap();
    assert_eq!(done.certificate.verdict, Verdict::Lossy);
    assert_eq!(cells(&source), cells(&parquet));
}

#[test]
fn a_file_without_a_header_keeps_its_first_row() {
    let bench = Bench::new();
    let source = bench.file("t.csv", "1,x\n2,y\n");
    let profile = bench.profile(&source).unwrap();
    assert_eq!(profile.text.as_ref().unwrap().header_rows, 0);
    assert_eq!(
        (profile.rows, types(&profile)),
        (2, vec!["BIGINT", "VARCHAR"])
    );
    let (parquet, _) = bench.to(&source, Format::Parquet, "t.parquet").unwrap();
    assert_eq!(cells(&parquet).len(), 2);
}

#[test]
fn quoted_line_breaks_survive_any_chunking() {
    // Larger than the engine's buffers, so that several readers meet inside quotes.
    let mut text = "id,note\n".to_owned();
    let note = "line one\nline, \"\"two\"\"\n".repeat(20);
    for i in 0..90_000 {
        writeln!(text, "{i},\"{note}\"").unwrap();
    }
    assert!(text.len() > 36_000_000);
    let bench = Bench::new();
    let source = bench.file("t.csv", text);
    let (parquet, done) = bench.to(&source, Format::Parquet, "t.parquet").unwrap();
    assert_eq!(done.rows_out, 90_000);
    let (back, _) = bench.to(&parquet, Format::Csv, "b.csv").unwrap();
    assert!(fs::read(&source).unwrap() == fs::read(back).unwrap());
}

#[test]
fn json_keeps_every_digit_and_says_what_it_writes_otherwise() {
    let bench = Bench::new();
    let text = "id,price,wide,ratio,odd,day,flag,note,zip\n\
        9007199254740993,1.25,12345678901234567890.12,0.1,nan,2024-01-01,true,\"a \"\"b\"\"\nc\",007\n\
        -1,1.50,0.00,1e+20,1.5,2024-12-31,false,\"\",\n";
    let source = bench.file("t.csv", text);
    let plan = bench.plan(&source, Format::Ndjson).unwrap();
    assert_eq!(plan.losses, []);
    assert!(plan.notes.len() >= 2, "{:?}", plan.notes);
    let (lines, done) = bench.run(&plan, "t.ndjson").unwrap();
    assert_eq!(done.certificate.verdict, Verdict::Proved);
    let text = fs::read_to_string(&lines).unwrap();
    let first = text.lines().next().unwrap();
    for part in [
        "\"id\":9007199254740993",
        "\"price\":1.25",
        "\"wide\":\"12345678901234567890.12\"",
        "\"odd\":\"nan\"",
        "\"day\":\"2024-01-01\"",
        "\"zip\":\"007\"",
        "\"flag\":true",
    ] {
        assert!(first.contains(part), "{part} in {first}");
    }
    let last: serde_json::Value = serde_json::from_str(text.lines().nth(1).unwrap()).unwrap();
    assert_eq!(
        (&last["note"], &last["zip"]),
        (&"".into(), &serde_json::Value::Null)
    );
    assert!(text.contains("\"price\":1.50"), "every digit");
}

#[test]
fn json_holds_large_and_no_rows() {
    let bench = Bench::new();
    let source = bench.file(
        "t.csv",
        format!("a,b\n1,{}\n", "\u{1}abc".repeat(1_500_000)),
    );
    bench.to(&source, Format::Ndjson, "t.ndjson").unwrap();
    let none = bench.file("n.csv", "a,b\n");
    assert_eq!(
        bench.to(&none, Format::Json, "n.json").unwrap().1.rows_out,
        0
    );
    assert_eq!(
        bench
            .to(&none, Format::Ndjson, "n.ndjson")
            .unwrap()
            .1
            .rows_out,
        0
    );
}
