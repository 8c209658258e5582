//! What a column becomes: its type, why it is no other, and what is said of its values.

use super::super::{create, open};
use super::{Bench, limits, opened, rows_from};
use crate::error::ConvertError;
use crate::format::Format;
use crate::options::Options;
use crate::source::Source;
use crate::table::{Depth, Job};

#[test]
fn each_type_is_the_narrowest_that_prints_back() {
    let bench = Bench::new();
    for (values, expected) in [
        ("true|false", "BOOLEAN"),
        ("True|False", "VARCHAR"),
        ("1|-5|0", "BIGINT"),
        ("9223372036854775807|-9223372036854775808", "BIGINT"),
        ("9223372036854775808|1", "DECIMAL(38,0)"),
        ("170141183460469231731687303715884105728", "VARCHAR"),
        ("007|1", "VARCHAR"),
        ("+1|2", "VARCHAR"),
        ("-0|2", "VARCHAR"),
        ("1.50|2.25", "DECIMAL(3,2)"),
        ("-0.01|12345678901234567890.12", "DECIMAL(22,2)"),
        ("1.5|2|0.125", "DOUBLE"),
        ("1.5|2.0|0.125", "DOUBLE"),
        ("1.5|2.0|2", "VARCHAR"),
        ("1.50|2.125", "VARCHAR"),
        ("1e+20|1.5", "DOUBLE"),
        ("1E20|1.5", "VARCHAR"),
        ("1E400", "VARCHAR"),
        ("-0.0|1.5", "DOUBLE"),
        ("nan|1.5|inf", "DOUBLE"),
        ("nan|nan", "VARCHAR"),
        ("9007199254740993|1.5", "VARCHAR"),
        ("2024-02-29|1999-12-31", "DATE"),
        ("2023-02-29", "VARCHAR"),
        ("13/02/2026|01/02/2026", "DATE"),
        ("02/13/2026|01/02/2026", "DATE"),
        ("01/02/2026|03/04/2026", "VARCHAR"),
        ("13/02/2026|02/13/2026", "VARCHAR"),
        ("13/02/2026|1/2/2026", "VARCHAR"),
        ("2026/1/2|2026/11/12", "DATE"),
        ("2024-01-01 00:00:00|2024-01-01 10:00:00.5", "TIMESTAMP"),
        (
            "2024-01-01T00:00:00Z|2024-01-01T10:00:00Z",
            "TIMESTAMP WITH TIME ZONE",
        ),
        ("2024-01-01T00:00:00Z|2024-01-01T10:00:00+01:00", "VARCHAR"),
        ("2024-01-01 00:00:00|2024-01-01T10:00:00", "VARCHAR"),
        (
            "2024-01-01 00:00:00.000|2024-01-01 10:00:00.500",
            "TIMESTAMP",
        ),
        ("2024-01-01 00:00:00.50|2024-01-01 10:00:00", "VARCHAR"),
        ("2024-01-01 00:00:00.123456789", "TIMESTAMP_NS"),
        ("9999-12-31 00:00:00.123456789", "VARCHAR"),
        ("10:00:00|23:59:59.5", "TIME"),
        ("24:00:00", "VARCHAR"),
        ("1|x", "VARCHAR"),
        ("1|2024-01-01", "VARCHAR"),
        ("\"\"|1", "VARCHAR"),
        ("\"1\"|\"2\"", "BIGINT"),
        ("|", "VARCHAR"),
    ] {
        let mut text = "k,v\n".to_owned();
        for value in values.split('|') {
            text += &format!("k,{value}\n");
        }
        let table = bench.table(&text, &[("header", "1")]);
        let column = &table.profile().columns[1];
        assert_eq!(column.type_name, expected, "{values}: {}", column.evidence);
        let proved = column.evidence.ends_with("values altered");
        assert_eq!(
            proved,
            expected != "VARCHAR",
            "{values}: {}",
            column.evidence
        );
    }
}

#[test]
fn forms_come_back_as_they_stood() {
    let bench = Bench::new();
    let text = "a,b,c,d\n\
        13/02/2026,1.5,2024-01-01T00:00:00.000Z,10:00\n\
        01/12/2026,2,2024-01-01T10:00:00.250Z,23:59\n";
    let table = bench.table(text, &[("header", "1")]);
    let types: Vec<_> = table
        .profile()
        .columns
        .iter()
        .map(|c| c.type_name.as_str())
        .collect();
    assert_eq!(
        types,
        ["DATE", "DOUBLE", "TIMESTAMP WITH TIME ZONE", "TIME"]
    );
    let limits = limits();
    let job = Job {
        limits: &limits,
        progress: &(),
    };
    let out = bench.file("out.csv", "");
    let mut writer = create(Format::Csv, &out, table.schema(), &Options::default(), job).unwrap();
    let mut reader = table.read(None, 0, job).unwrap();
    while let Some(batch) = reader.next_batch().unwrap() {
        writer.write(batch).unwrap();
    }
    writer.finish().unwrap();
    assert_eq!(std::fs::read_to_string(out).unwrap(), text);
}

#[test]
fn the_value_in_the_way_of_a_type_is_named() {
    let bench = Bench::new();
    let mut text = "a,b\n".to_owned();
    for i in 0..25_000 {
        text += &format!("{i},{}.5\n", i);
    }
    text += "007,1.50\n";
    let table = bench.table(&text, &[("header", "1")]);
    let evidence: Vec<_> = table
        .profile()
        .columns
        .iter()
        .map(|c| c.evidence.as_str())
        .collect();
    assert_eq!(evidence[0], "text: \"007\" in line 25,002 would become 7");
    assert_eq!(
        evidence[1],
        "text: \"1.50\" in line 25,002 would become 1.5"
    );
}

#[test]
fn counts_extremes_and_samples_are_of_the_whole_file() {
    let bench = Bench::new();
    let mut text = "n,city\n".to_owned();
    for i in 0..60_000 {
        let city = ["Paris", "Rome", "", "\"\""][i % 4];
        text += &format!("{},{city}\n", (i as i64) - 30_000);
    }
    let table = bench.table(&text, &[("header", "1")]);
    let [n, city] = &table.profile().columns[..] else {
        panic!()
    };
    assert_eq!(
        (n.min.as_deref(), n.max.as_deref()),
        (Some("-30000"), Some("29999"))
    );
    let distinct = n.distinct.unwrap() as f64;
    assert!((distinct - 60_000.0).abs() < 3_000.0, "{distinct}");
    assert_eq!(
        (city.nulls, city.empties, city.distinct),
        (15_000, 15_000, Some(3))
    );
    assert_eq!(
        (city.min.as_deref(), city.max.as_deref(), city.longest),
        (Some(""), Some("Rome"), Some(5))
    );
    assert_eq!(n.histogram.len(), 20);
    let counted: u64 = n.histogram.iter().map(|b| b.count).sum();
    assert!((50_000..70_000).contains(&counted), "{counted}");
    assert_eq!(n.examples.len(), 5);
}

#[test]
fn what_was_asked_for_is_a_type_or_a_reject() {
    let bench = Bench::new();
    let text = "id,when\n007,2026-01-02\nx,2026-01-03\n8,never\n9,\n";
    let path = bench.file("t.csv", text);
    let asked = [
        ("type.id", "INTEGER"),
        ("type.when", "DATE"),
        ("header", "1"),
    ];
    match opened(&path, &asked) {
        Err(ConvertError::Rejected { rejects }) => {
            assert_eq!(rejects.count, 2);
            let places: Vec<_> = rejects
                .examples
                .iter()
                .map(|r| (r.line, r.column))
                .collect();
            assert_eq!(places, [(3, Some(1)), (4, Some(2))]);
            assert_eq!(rejects.examples[0].text, "x,2026-01-03");
        }
        other => panic!("{:?}", other.map(|t| t.rows())),
    }
    let reported = [asked.as_slice(), &[("on_reject", "report")]].concat();
    let table = opened(&path, &reported).unwrap();
    assert_eq!((table.rows(), table.profile().rejects.count), (Some(2), 2));
    let rows = rows_from(table.as_ref(), 0);
    assert_eq!(
        rows[0],
        [Some("7".to_owned()), Some("2026-01-02".to_owned())]
    );
    assert_eq!(rows[1], [Some("9".to_owned()), None]);
}

#[test]
fn stooq_tables_go_through_typed() {
    let bench = Bench::new();
    let text = "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>\n\
        AAPL.US,D,19840907,000000,0.0991,0.1003,0.0979,0.0991,99249600.96,0\n\
        AAPL.US,D,19840910,223000,0.0991,0.0993,0.0967,0.0985,77033012,0\n";
    let path = bench.file("aapl.us.txt", text);
    let limits = limits();
    let job = Job {
        limits: &limits,
        progress: &(),
    };
    let table = open(
        Format::Txt,
        &Source::new(&path),
        &Options::default(),
        Depth::Whole,
        job,
    )
    .unwrap();
    let types: Vec<_> = table
        .profile()
        .columns
        .iter()
        .map(|c| c.type_name.as_str())
        .collect();
    assert_eq!(types[2..4], ["DATE", "TIME"]);
    assert_eq!(
        table.profile().text.as_ref().unwrap().layout.as_deref(),
        Some("stooq")
    );
    let out = bench.file("out.txt", "");
    let mut writer = create(Format::Txt, &out, table.schema(), &Options::default(), job).unwrap();
    let mut reader = table.read(None, 0, job).unwrap();
    while let Some(batch) = reader.next_batch().unwrap() {
        writer.write(batch).unwrap();
    }
    writer.finish().unwrap();
    assert_eq!(std::fs::read_to_string(out).unwrap(), text);
}
