//! Parquet as others write it, and as it is when something happened to it.

use std::fs;

use crate::common::{Bench, cells, names};
use redline_convert::*;

#[test]
fn what_duckdb_writes_is_read() {
    let bench = Bench::new();
    let source = bench.parquet(
        "t.parquet",
        "SELECT * FROM (VALUES
            (9007199254740993::BIGINT, 18446744073709551615::UBIGINT, 1.50::DECIMAL(9,2), '-0.0'::DOUBLE,
             0.1::FLOAT, DATE '9999-12-31', TIMESTAMPTZ '2024-07-01 12:00:00+02', TIME '23:59:59.5',
             TIMESTAMP_NS '2024-01-01 10:00:00.123456789', 'f47ac10b-58cc-4372-a567-0e02b2c3d479'::UUID,
             'x'::VARCHAR, true, INTERVAL '14 months 3 days 1 hour', '{\"a\": 1}'::JSON, 'b'::ENUM('a','b'),
             '\\x00a'::BLOB),
            (NULL, 0, -0.01, 'nan', '-inf', DATE '0001-01-01', TIMESTAMPTZ '1969-12-31 23:59:59.999999+00', NULL,
             TIMESTAMP_NS '1970-01-01 00:00:00', NULL, '', false, NULL, NULL, NULL, NULL)
        ) t(big, ubig, price, d, f, day, moment, clock, ns, id, note, flag, span, doc, kind, bytes)",
    );
    let shown = preview(
        &Source::new(&source),
        &Options::default(),
        10,
        0,
        &bench.limits,
    )
    .unwrap();
    let first: Vec<(&str, &str, Option<&str>)> = shown
        .columns
        .iter()
        .zip(&shown.rows[0])
        .map(|(c, v)| (c.name.as_str(), c.type_name.as_str(), v.as_deref()))
        .collect();
    assert_eq!(
        first,
        [
            ("big", "BIGINT", Some("9007199254740993")),
            ("ubig", "UBIGINT", Some("18446744073709551615")),
            ("price", "DECIMAL(9,2)", Some("1.50")),
            ("d", "DOUBLE", Some("-0.0")),
            ("f", "FLOAT", Some("0.1")),
            ("day", "DATE", Some("9999-12-31")),
            (
                "moment",
                "TIMESTAMP WITH TIME ZONE",
                Some("2024-07-01 10:00:00+00")
            ),
            ("clock", "TIME", Some("23:59:59.5")),
            ("ns", "TIMESTAMP_NS", Some("2024-01-01 10:00:00.123456789")),
            ("id", "UUID", Some("f47ac10b-58cc-4372-a567-0e02b2c3d479")),
            ("note", "VARCHAR", Some("x")),
            ("flag", "BOOLEAN", Some("true")),
            ("span", "INTERVAL", Some("1 year 2 months 3 days 01:00:00")),
            ("doc", "JSON", Some("{\"a\": 1}")),
            ("kind", "VARCHAR", Some("b")),
            ("bytes", "BLOB", Some("\\x00a")),
        ]
    );
    assert_eq!(
        (shown.rows[1][0].as_deref(), shown.rows[1][10].as_deref()),
        (None, Some(""))
    );
    let (there, done) = bench.to(&source, Format::Feather, "t.feather").unwrap();
    assert_eq!(done.certificate.verdict, Verdict::Proved);
    assert_eq!(cells(&there), cells(&source));
    let (again, done) = bench.to(&source, Format::Parquet, "again.parquet").unwrap();
    assert_eq!(cells(&again), cells(&source));
    let words: Vec<&str> = done
        .certificate
        .losses
        .iter()
        .filter_map(|l| l.column.as_deref())
        .collect();
    assert_eq!(words, ["id", "span"], "UUID and INTERVAL are text in ours");
}

#[test]
fn nested_values_of_duckdb_are_read() {
    let bench = Bench::new();
    let source = bench.parquet(
        "t.parquet",
        "SELECT [1, NULL, 3] AS l, {'a': 'x', 'b': [1.5]} AS s, MAP {'k': 1} AS m, [uuid()] AS u
         UNION ALL SELECT NULL, NULL, NULL, []",
    );
    let rows = cells(&source);
    let at = |c: usize| rows[0][c].as_deref();
    assert_eq!(
        (at(0), at(1), at(2)),
        (
            Some("[1,null,3]"),
            Some("{\"a\":\"x\",\"b\":[1.5]}"),
            Some("{\"k\":1}")
        )
    );
    assert_eq!(rows[0][3].as_ref().unwrap().len(), 40);
    assert_eq!(rows[1][3].as_deref(), Some("[]"));
    for to in [Format::Feather, Format::Parquet] {
        let (there, _) = bench
            .to(&source, to, &format!("t2.{}", to.extension()))
            .unwrap();
        assert_eq!(cells(&there), rows);
    }
}

#[test]
fn a_file_of_many_row_groups_is_read_from_any_row_on() {
    let bench = Bench::new();
    let source = bench.parquet(
        "t.parquet",
        "SELECT range AS n, 'v' || range AS t FROM range(500000)",
    );
    let grid = open_grid(
        &Source::new(&source),
        &Options::default(),
        true,
        &bench.limits,
        &(),
    )
    .unwrap();
    assert_eq!(grid.row_count(), Some(500_000));
    for first in [
        0u64, 1, 122_879, 122_880, 250_001, 499_999, 500_000, 600_000,
    ] {
        let rows = grid.rows(first, 3, Some(&[1])).unwrap();
        let wanted: Vec<Vec<Option<String>>> = (first..500_000)
            .take(3)
            .map(|n| vec![Some(format!("v{n}"))])
            .collect();
        assert_eq!(rows, wanted, "{first}");
    }
    assert!(matches!(
        grid.rows(0, 1, Some(&[2])),
        Err(ConvertError::NoColumn { .. })
    ));
    let (there, done) = bench.to(&source, Format::Parquet, "there.parquet").unwrap();
    assert_eq!((done.rows_in, done.rows_out), (500_000, 500_000));
    assert_eq!(cells(&there).len(), 500_000);
}

#[test]
fn a_changed_file_is_noticed_by_a_grid() {
    let bench = Bench::new();
    let source = bench.parquet("t.parquet", "SELECT range AS n FROM range(10)");
    let grid = open_grid(
        &Source::new(&source),
        &Options::default(),
        false,
        &bench.limits,
        &(),
    )
    .unwrap();
    fs::write(&source, "other").unwrap();
    assert!(matches!(
        grid.rows(0, 1, None),
        Err(ConvertError::SourceChanged)
    ));
}

#[test]
fn twins_among_names_are_told_apart_and_listed() {
    use arrow::array::{ArrayRef, Int32Array, RecordBatch};
    use arrow::datatypes::{DataType, Field, Schema};
    use std::sync::Arc;
    let bench = Bench::new();
    let fields: Vec<Field> = ["a", "A", "", "a"]
        .iter()
        .map(|n| Field::new(*n, DataType::Int32, true))
        .collect();
    let arrays: Vec<ArrayRef> = (0..4)
        .map(|i| Arc::new(Int32Array::from(vec![i])) as ArrayRef)
        .collect();
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).unwrap();
    let source = bench.feather("t.feather", &[batch]);
    assert_eq!(names(&source), ["a", "A_2", "column3", "a_3"]);
    let plan = bench.plan(&source, Format::Parquet).unwrap();
    assert_eq!(plan.losses.iter().filter(|l| l.kind == "name").count(), 3);
    let (there, done) = bench.run(&plan, "t.parquet").unwrap();
    assert_eq!(done.certificate.verdict, Verdict::Lossy);
    assert_eq!(cells(&there), cells(&source));
}

fn seen(error: &ConvertError) -> String {
    match error {
        ConvertError::Unreadable { what, seen } => format!("{what}: {seen}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn damaged_files_are_an_error_and_never_more() {
    let bench = Bench::new();
    let whole = {
        let made = bench.parquet(
            "t.parquet",
            "SELECT range AS n, 'text ' || range AS t, [range] AS l FROM range(5000)",
        );
        fs::read(made).unwrap()
    };
    for cut in [
        0,
        3,
        11,
        12,
        100,
        whole.len() / 2,
        whole.len() - 5,
        whole.len() - 1,
    ] {
        let path = bench.file("cut.parquet", &whole[..cut]);
        let error = bench.to(&path, Format::Feather, "out.feather").unwrap_err();
        assert!(
            matches!(error, ConvertError::Unreadable { .. }),
            "{cut}: {error:?}"
        );
    }
    let path = bench.file("cut.parquet", &whole[..whole.len() / 2]);
    assert!(seen(&bench.plan(&path, Format::Feather).unwrap_err()).contains("cut off"));
    let mut sealed = whole.clone();
    let at = sealed.len() - 4;
    sealed[at..].copy_from_slice(b"PARE");
    let path = bench.file("sealed.parquet", &sealed);
    assert!(seen(&bench.plan(&path, Format::Feather).unwrap_err()).contains("encrypted"));

    // Bytes at many places, one at a time. Some change a value, which nobody can tell;
    // none may do anything else.
    let step = whole.len() / 150;
    for at in (4..whole.len() - 8).step_by(step.max(1)) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0xFF;
        let path = bench.file("bent.parquet", &bytes);
        match bench.to(&path, Format::Feather, "out.feather") {
            Ok((out, _)) => fs::remove_file(out).unwrap(),
            Err(ConvertError::Unreadable { .. } | ConvertError::OutOfMemory { .. }) => {}
            Err(other) => panic!("byte {at}: {other:?}"),
        }
        assert!(!bench.path("out.feather").exists());
    }
}

#[test]
fn damaged_arrow_files_are_an_error_and_never_more() {
    let bench = Bench::new();
    let made = bench.parquet(
        "t.parquet",
        "SELECT range AS n, 'text ' || range AS t, [range] AS l FROM range(5000)",
    );
    for (name, set) in [
        ("t.feather", &[][..]),
        ("s.feather", &[("stream", "yes")][..]),
    ] {
        let (there, _) = bench.to_with(&made, Format::Feather, name, set).unwrap();
        let whole = fs::read(there).unwrap();
        for cut in [0, 3, 8, 100, whole.len() / 2, whole.len() - 11] {
            let path = bench.file("cut.feather", &whole[..cut]);
            let source = Source::new(&path).as_format(Format::Feather);
            let error = plan(
                &source,
                Format::Parquet,
                &Options::default(),
                &bench.limits,
                &(),
            )
            .unwrap_err();
            assert!(
                matches!(error, ConvertError::Unreadable { .. }),
                "{name} {cut}: {error:?}"
            );
        }
        for at in (0..whole.len()).step_by((whole.len() / 150).max(1)) {
            let mut bytes = whole.clone();
            bytes[at] ^= 0xFF;
            let path = bench.file("bent.feather", &bytes);
            let source = Source::new(&path).as_format(Format::Feather);
            let outcome = plan(
                &source,
                Format::Parquet,
                &Options::default(),
                &bench.limits,
                &(),
            )
            .and_then(|plan| bench.run(&plan, "out.parquet"));
            match outcome {
                Ok((out, _)) => fs::remove_file(out).unwrap(),
                Err(ConvertError::Unreadable { .. } | ConvertError::OutOfMemory { .. }) => {}
                Err(other) => panic!("{name}, byte {at}: {other:?}"),
            }
        }
    }
    let old = bench.file("old.feather", b"FEA1....................FEA1");
    assert!(seen(&bench.plan(&old, Format::Parquet).unwrap_err()).contains("version 1"));
}

#[test]
fn times_of_96_bits_reach_as_far_as_they_say() {
    use parquet::data_type::{Int96, Int96Type};
    use parquet::file::properties::WriterProperties;
    use parquet::file::writer::SerializedFileWriter;
    use parquet::schema::parser::parse_message_type;
    use std::sync::Arc;
    let bench = Bench::new();
    let made = |name: &str, values: &[(u32, u64)]| {
        let path = bench.path(name);
        let schema = Arc::new(parse_message_type("message m { required int96 t; }").unwrap());
        let file = fs::File::create(&path).unwrap();
        let mut writer =
            SerializedFileWriter::new(file, schema, Arc::new(WriterProperties::default())).unwrap();
        let mut group = writer.next_row_group().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        let values: Vec<Int96> = values
            .iter()
            .map(|(day, nanos)| Int96::from(vec![*nanos as u32, (*nanos >> 32) as u32, *day]))
            .collect();
        column
            .typed::<Int96Type>()
            .write_batch(&values, None, None)
            .unwrap();
        column.close().unwrap();
        group.close().unwrap();
        writer.close().unwrap();
        path
    };
    let far = made(
        "far.parquet",
        &[(5_373_484, 86_399_999_999_000), (2_440_588, 0)],
    );
    let (there, _) = bench.to(&far, Format::Feather, "far.feather").unwrap();
    assert_eq!(
        cells(&there)[0][0].as_deref(),
        Some("9999-12-31 23:59:59.999999")
    );
    let fine = made("fine.parquet", &[(2_440_589, 1)]);
    let (there, _) = bench.to(&fine, Format::Feather, "fine.feather").unwrap();
    assert_eq!(
        cells(&there)[0][0].as_deref(),
        Some("1970-01-02 00:00:00.000000001")
    );
    let both = made("both.parquet", &[(5_373_484, 0), (2_440_589, 1)]);
    assert!(matches!(
        bench.plan(&both, Format::Feather),
        Err(ConvertError::Unreadable { .. })
    ));
}
