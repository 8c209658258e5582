//! Types and edges, into every format that has been given a writer and back: no value
//! changes, and what a format cannot hold is listed.

use std::sync::Arc;

use crate::common::{Bench, cells, names};
use arrow::array::*;
use arrow::datatypes::*;
use redline_convert::*;

/// Formats with types, which give each value back as the type that it was.
const TYPED: &[(Format, &[(&str, &str)])] = &[
    (Format::Parquet, &[]),
    (Format::Parquet, &[("codec", "zstd")]),
    (Format::Parquet, &[("codec", "lz4")]),
    (Format::Parquet, &[("codec", "gzip")]),
    (Format::Parquet, &[("codec", "none"), ("row_group", "2")]),
    (Format::Feather, &[]),
    (Format::Feather, &[("codec", "zstd")]),
    (Format::Feather, &[("codec", "none")]),
    (Format::Feather, &[("stream", "yes")]),
];

fn column(name: &str, array: impl Array + 'static) -> (String, ArrayRef, bool) {
    (name.to_owned(), Arc::new(array), true)
}

fn decimal(values: Vec<Option<i128>>, p: u8, s: i8) -> Decimal128Array {
    Decimal128Array::from(values)
        .with_precision_and_scale(p, s)
        .unwrap()
}

/// One row of each edge, the last one null.
fn scalars() -> RecordBatch {
    scalars_up_to(i64::MAX)
}

/// In nanoseconds; DuckDB prints no moment in the last one of its range.
const DAY: i64 = 86_400_000_000_000;

/// Moments in nanoseconds go up to `most` and down to its opposite.
fn scalars_up_to(most: i64) -> RecordBatch {
    let wide: Vec<Option<i256>> = vec![
        Some(i256::from_string("123456789012345678901234567890123456789").unwrap()),
        Some(i256::from_string("-999999999999999999999999999999999999999").unwrap()),
        Some(i256::ZERO),
        None,
    ];
    let wide = Decimal256Array::from(wide)
        .with_precision_and_scale(39, 0)
        .unwrap();
    RecordBatch::try_from_iter_with_nullable([
        column(
            "bool",
            BooleanArray::from(vec![Some(true), Some(false), Some(true), None]),
        ),
        column(
            "i8",
            Int8Array::from(vec![Some(i8::MIN), Some(i8::MAX), Some(0), None]),
        ),
        column(
            "i16",
            Int16Array::from(vec![Some(i16::MIN), Some(i16::MAX), Some(0), None]),
        ),
        column(
            "i32",
            Int32Array::from(vec![Some(i32::MIN), Some(i32::MAX), Some(0), None]),
        ),
        column(
            "i64",
            Int64Array::from(vec![
                Some(i64::MIN),
                Some(i64::MAX),
                Some((1 << 53) + 1),
                None,
            ]),
        ),
        column(
            "u8",
            UInt8Array::from(vec![Some(u8::MAX), Some(1), Some(0), None]),
        ),
        column(
            "u32",
            UInt32Array::from(vec![Some(u32::MAX), Some(1), Some(0), None]),
        ),
        column(
            "u64",
            UInt64Array::from(vec![
                Some(u64::MAX),
                Some((1 << 53) - 1),
                Some(1 << 53),
                None,
            ]),
        ),
        column(
            "f32",
            Float32Array::from(vec![Some(0.1), Some(f32::NAN), Some(-0.0), None]),
        ),
        column(
            "f64",
            Float64Array::from(vec![Some(f64::INFINITY), Some(5e-324), Some(-0.0), None]),
        ),
        column(
            "nan",
            Float64Array::from(vec![Some(f64::NAN), Some(0.1), Some(1e300), None]),
        ),
        column(
            "price",
            decimal(vec![Some(150), Some(-5), Some(99_999_999), None], 9, 2),
        ),
        column(
            "dec38",
            decimal(
                vec![
                    Some(10i128.pow(38) - 1),
                    Some(-(10i128.pow(38)) + 1),
                    Some(0),
                    None,
                ],
                38,
                10,
            ),
        ),
        ("dec39".to_owned(), Arc::new(wide) as ArrayRef, true),
        column(
            "text",
            StringArray::from(vec![
                Some(""),
                Some("007"),
                Some("naïve 🦆\u{200d}\n\"q\",\t\0"),
                None,
            ]),
        ),
        column(
            "bytes",
            BinaryArray::from(vec![
                Some(b"".as_slice()),
                Some(b"\0\xFF\\x41"),
                Some(b"abc"),
                None,
            ]),
        ),
        column(
            "day",
            Date32Array::from(vec![Some(2_932_896), Some(-719_162), Some(0), None]),
        ),
        column(
            "clock",
            Time64MicrosecondArray::from(vec![Some(86_399_999_999), Some(0), Some(1), None]),
        ),
        column(
            "clock_ns",
            Time64NanosecondArray::from(vec![Some(86_399_999_999_999), Some(0), Some(1), None]),
        ),
        column(
            "clock_s",
            Time32SecondArray::from(vec![Some(86_399), Some(0), Some(1), None]),
        ),
        column(
            "at_s",
            TimestampSecondArray::from(vec![
                Some(253_402_300_799),
                Some(-62_135_596_800),
                Some(0),
                None,
            ]),
        ),
        column(
            "at_ms",
            TimestampMillisecondArray::from(vec![Some(-1), Some(1), Some(0), None]),
        ),
        column(
            "at",
            TimestampMicrosecondArray::from(vec![
                Some(253_402_300_799_999_999),
                Some(-1),
                Some(0),
                None,
            ]),
        ),
        column(
            "at_ns",
            TimestampNanosecondArray::from(vec![Some(most), Some(-most), Some(1), None]),
        ),
        column(
            "zoned",
            TimestampMicrosecondArray::from(vec![Some(1), Some(-1), Some(0), None])
                .with_timezone("Europe/Berlin"),
        ),
        column(
            "span",
            DurationNanosecondArray::from(vec![Some(-1), Some(i64::MAX), Some(0), None]),
        ),
        column(
            "interval",
            IntervalMonthDayNanoArray::from(vec![
                Some(IntervalMonthDayNano::new(-13, 40, 1)),
                Some(IntervalMonthDayNano::new(0, 0, 0)),
                Some(IntervalMonthDayNano::new(1, 1, 90_000_000_000_000)),
                None,
            ]),
        ),
        column("none", NullArray::new(4)),
    ])
    .unwrap()
}

fn nested() -> RecordBatch {
    let mut lists = ListBuilder::new(Int64Builder::new());
    lists.append_value([Some(1), None, Some(i64::MAX)]);
    lists.append_value([]);
    lists.append_null();
    let mut deep = ListBuilder::new(ListBuilder::new(StringBuilder::new()));
    deep.values().append_value([Some("a"), None]);
    deep.values().append_value([Some("")]);
    deep.append(true);
    deep.append(true);
    deep.append(false);
    let mut map = MapBuilder::new(None, StringBuilder::new(), Float64Builder::new());
    map.keys().append_value("k");
    map.values().append_value(0.5);
    map.keys().append_value("");
    map.values().append_null();
    map.append(true).unwrap();
    map.append(true).unwrap();
    map.append(false).unwrap();
    let names: ArrayRef = Arc::new(StringArray::from(vec![Some("x"), None, Some("z")]));
    let days: ArrayRef = Arc::new(Date32Array::from(vec![Some(0), Some(1), None]));
    let records = StructArray::from((
        vec![
            (
                Arc::new(Field::new("name", DataType::Utf8, true)),
                Arc::clone(&names),
            ),
            (Arc::new(Field::new("a day", DataType::Date32, true)), days),
        ],
        arrow::buffer::Buffer::from([0b011u8]),
    ));
    RecordBatch::try_from_iter_with_nullable([
        column("lists", lists.finish()),
        column("deep", deep.finish()),
        column("map", map.finish()),
        column("records", records),
    ])
    .unwrap()
}

#[test]
fn every_scalar_type_comes_back_from_every_typed_format() {
    let bench = Bench::new();
    let batch = scalars();
    let source = bench.feather("s.feather", &[batch.clone(), batch.slice(1, 2)]);
    let wanted = cells(&source);
    assert_eq!(wanted.len(), 6);
    for (i, (to, set)) in TYPED.iter().enumerate() {
        let there = format!("{i}.{}", to.extension());
        let (there, done) = bench.to_with(&source, *to, &there, set).unwrap();
        assert_eq!(cells(&there), wanted, "{to:?} {set:?}");
        assert_ne!(done.certificate.verdict, Verdict::Failed);
        let (back, _) = bench
            .to(&there, Format::Feather, &format!("{i}.back.feather"))
            .unwrap();
        assert_eq!(cells(&back), wanted, "{to:?} {set:?}, and back");
        assert_eq!(names(&back), names(&source));
    }
}

/// Formats in which a value is its text, or a number where every reader gets the same one.
const PLAIN: &[(Format, &[(&str, &str)])] = &[
    (Format::Json, &[]),
    (Format::Ndjson, &[]),
    (Format::Ndjson, &[("codec", "gzip")]),
    (Format::Json, &[("codec", "zstd")]),
    (Format::Csv, &[]),
    (Format::Csv, &[("prove", "no")]),
    (
        Format::Csv,
        &[("out_quote", "all"), ("line_end", "crlf"), ("bom", "yes")],
    ),
    (Format::Csv, &[("codec", "gzip"), ("out_null", "NULL")]),
    (Format::Tsv, &[]),
    (Format::Txt, &[("out_delimiter", ";")]),
    (Format::Duckdb, &[]),
    (Format::Sqlite, &[]),
    (Format::Xlsx, &[]),
];

/// Where null and the reading back of what stands for it are chosen alike; the last row
/// holds nothing but nulls.
fn reading(set: &[(&str, &str)]) -> Vec<(String, String)> {
    let null = set.iter().find(|(key, _)| *key == "out_null");
    null.map(|(_, value)| ("null".to_owned(), (*value).to_owned()))
        .into_iter()
        .chain([("blank_rows".to_owned(), "keep".to_owned())])
        .collect()
}

#[test]
fn every_scalar_type_has_the_same_text_in_every_plain_format() {
    let bench = Bench::new();
    let source = bench.feather("s.feather", &[scalars()]);
    let wanted = cells(&source);
    // The ends of the range are DuckDB's infinities: the proof refuses them there.
    let finite = bench.feather("f.feather", &[scalars_up_to(i64::MAX - DAY)]);
    let refused = bench.to(&source, Format::Duckdb, "refused.duckdb");
    assert!(matches!(refused, Err(ConvertError::NotProved { .. })));
    for (i, (to, set)) in PLAIN.iter().enumerate() {
        let name = format!("{i}.{}", to.extension());
        let (source, wanted) = match to {
            Format::Duckdb => (&finite, cells(&finite)),
            _ => (&source, wanted.clone()),
        };
        let (there, done) = bench.to_with(source, *to, &name, set).unwrap();
        assert_ne!(done.certificate.verdict, Verdict::Failed);
        let set_back = reading(set);
        let set_back: Vec<(&str, &str)> = set_back
            .iter()
            .map(|(k, v)| (k.as_str(), v.as_str()))
            .collect();
        let (back, _) = bench
            .to_with(&there, Format::Parquet, &format!("{i}.parquet"), &set_back)
            .unwrap();
        assert_eq!(cells(&back), wanted, "{to:?} {set:?}, and back");
    }
}

#[test]
fn nested_values_are_proved_in_every_plain_format() {
    let bench = Bench::new();
    let source = bench.feather("s.feather", &[nested()]);
    for (i, (to, set)) in PLAIN.iter().enumerate() {
        let name = format!("{i}.{}", to.extension());
        let (_, done) = bench.to_with(&source, *to, &name, set).unwrap();
        assert_ne!(done.certificate.verdict, Verdict::Failed, "{to:?} {set:?}");
    }
}

#[test]
fn nested_values_come_back_from_every_typed_format() {
    let bench = Bench::new();
    let source = bench.feather("s.feather", &[nested(), nested().slice(1, 1)]);
    let wanted = cells(&source);
    assert_eq!(wanted[0][1].as_deref(), Some("[[\"a\",null],[\"\"]]"));
    assert_eq!(
        wanted[0][3].as_deref(),
        Some("{\"name\":\"x\",\"a day\":\"1970-01-01\"}")
    );
    assert_eq!(wanted[2], [None, None, None, None]);
    for (i, (to, set)) in TYPED.iter().enumerate() {
        let (there, done) = bench
            .to_with(&source, *to, &format!("{i}.{}", to.extension()), set)
            .unwrap();
        assert_eq!(cells(&there), wanted, "{to:?} {set:?}");
        assert_eq!(done.certificate.verdict, Verdict::Proved);
    }
}

#[test]
fn edges_are_written_out_in_full() {
    let bench = Bench::new();
    let source = bench.feather("s.feather", &[scalars()]);
    let rows = cells(&source);
    let at = |row: usize, name: &str| {
        let column = names(&source).iter().position(|n| n == name).unwrap();
        rows[row][column].clone().unwrap()
    };
    assert_eq!(at(2, "i64"), "9007199254740993");
    assert_eq!(at(0, "u64"), "18446744073709551615");
    assert_eq!(at(2, "f64"), "-0.0");
    assert_eq!(at(0, "f64"), "inf");
    assert_eq!(at(0, "nan"), "nan");
    assert_eq!(at(0, "price"), "1.50");
    assert_eq!(at(0, "dec38"), "9999999999999999999999999999.9999999999");
    assert_eq!(at(1, "dec39"), "-999999999999999999999999999999999999999");
    assert_eq!(at(0, "day"), "9999-12-31");
    assert_eq!(at(1, "day"), "0001-01-01");
    assert_eq!(at(0, "at"), "9999-12-31 23:59:59.999999");
    assert_eq!(at(0, "at_ns"), "2262-04-11 23:47:16.854775807");
    assert_eq!(at(0, "zoned"), "1970-01-01 00:00:00.000001+00");
    assert_eq!(
        at(0, "interval"),
        "-1 year -1 month 40 days 00:00:00.000000001"
    );
    assert_eq!(at(1, "interval"), "00:00:00");
    assert_eq!(rows[3], vec![None; rows[3].len()]);
}

#[test]
fn other_encodings_of_arrow_are_the_same_values() {
    let dictionary: DictionaryArray<Int8Type> =
        vec![Some("a"), None, Some("a")].into_iter().collect();
    let runs = RunArray::<Int32Type>::try_new(
        &Int32Array::from(vec![1, 3]),
        &StringArray::from(vec!["x", "y"]),
    )
    .unwrap();
    let mut fixed = FixedSizeListBuilder::new(Int32Builder::new(), 2);
    for row in [[1, 2], [3, 4], [5, 6]] {
        fixed.values().append_slice(&row);
        fixed.append(true);
    }
    type F16 = <Float16Type as ArrowPrimitiveType>::Native;
    let halves = [1.5f32, -0.0, f32::NAN].map(F16::from_f32).to_vec();
    let batch = RecordBatch::try_from_iter_with_nullable([
        column("dictionary", dictionary),
        column("runs", runs),
        column(
            "large",
            LargeStringArray::from(vec![Some("l"), None, Some("")]),
        ),
        column(
            "view",
            StringViewArray::from(vec![
                Some("a text of more than twelve bytes"),
                None,
                Some(""),
            ]),
        ),
        column("fixed", fixed.finish()),
        column("half", Float16Array::from(halves)),
        column(
            "date64",
            Date64Array::from(vec![0, 86_400_000, -86_400_000]),
        ),
        column(
            "dec32",
            Decimal32Array::from(vec![150, -1, 0])
                .with_precision_and_scale(9, 2)
                .unwrap(),
        ),
    ])
    .unwrap();
    let bench = Bench::new();
    let source = bench.feather("s.feather", &[batch]);
    let wanted: Vec<Vec<Option<&str>>> = vec![
        vec![
            Some("a"),
            Some("x"),
            Some("l"),
            Some("a text of more than twelve bytes"),
            Some("[1,2]"),
            Some("1.5"),
            Some("1970-01-01"),
            Some("1.50"),
        ],
        vec![
            None,
            Some("y"),
            None,
            None,
            Some("[3,4]"),
            Some("-0.0"),
            Some("1970-01-02"),
            Some("-0.01"),
        ],
        vec![
            Some("a"),
            Some("y"),
            Some(""),
            Some(""),
            Some("[5,6]"),
            Some("nan"),
            Some("1969-12-31"),
            Some("0.00"),
        ],
    ];
    let shown = cells(&source);
    let shown: Vec<Vec<Option<&str>>> = shown
        .iter()
        .map(|r| r.iter().map(Option::as_deref).collect())
        .collect();
    assert_eq!(shown, wanted);
    for to in [Format::Parquet, Format::Feather] {
        let (there, _) = bench
            .to(&source, to, &format!("t.{}", to.extension()))
            .unwrap();
        assert_eq!(cells(&there), cells(&source), "{to:?}");
    }
}

#[test]
fn long_and_late_values_keep_their_place() {
    let rows = 100_000usize;
    let text: Vec<Option<String>> = (0..rows)
        .map(|i| match i {
            25_000 => Some("007".to_owned()),
            50_000 => Some("x".repeat(3_000_000)),
            99_999 => None,
            _ => Some(i.to_string()),
        })
        .collect();
    let numbers: Int64Array = (0..rows as i64).collect();
    let batch = RecordBatch::try_from_iter_with_nullable([
        column("n", numbers),
        column("t", StringArray::from(text)),
    ])
    .unwrap();
    let bench = Bench::new();
    let source = bench.feather("s.feather", &[batch]);
    for (to, set) in TYPED {
        if set.contains(&("row_group", "2")) {
            continue;
        }
        let name = format!("t.{}", to.extension());
        let (there, done) = bench.to_with(&source, *to, &name, set).unwrap();
        assert_eq!(done.rows_out, rows as u64);
        let grid = open_grid(
            &Source::new(&there),
            &Options::default(),
            true,
            &bench.limits,
            &(),
        )
        .unwrap();
        assert_eq!(grid.row_count(), Some(rows as u64));
        let far = grid.rows(99_997, 10, Some(&[1, 0])).unwrap();
        let at = |r: usize, c: usize| far[r][c].as_deref();
        assert_eq!(
            (far.len(), at(0, 0), at(2, 0), at(2, 1)),
            (3, Some("99997"), None, Some("99999"))
        );
        let middle = grid.rows(50_000, 1, None).unwrap();
        assert_eq!(middle[0][1].as_ref().unwrap().len(), 3_000_000);
        std::fs::remove_file(there).unwrap();
    }
}

#[test]
fn what_a_map_a_zone_or_a_far_moment_loses_is_listed() {
    let bench = Bench::new();
    let mut maps = MapBuilder::new(None, StringBuilder::new(), Int64Builder::new());
    for key in ["a", "a"] {
        maps.keys().append_value(key);
        maps.values().append_value(1);
    }
    maps.append(true).unwrap();
    let rome = TimestampMicrosecondArray::from(vec![0]).with_timezone("Europe/Rome");
    let batch = RecordBatch::try_from_iter_with_nullable([
        column("map", maps.finish()),
        column("rome", rome),
    ])
    .unwrap();
    let source = bench.feather("t.feather", &[batch]);
    let lost = |to: Format| -> Vec<String> {
        let plan = bench.plan(&source, to).unwrap();
        plan.losses.into_iter().map(|l| l.kind).collect()
    };
    assert_eq!(lost(Format::Ndjson), ["keys", "zone"]);
    assert!(lost(Format::Csv).contains(&"zone".to_owned()));
    assert!(lost(Format::Parquet).is_empty());
    let (kept, _) = bench.to(&source, Format::Parquet, "kept.parquet").unwrap();
    let plan = bench.plan(&kept, Format::Ndjson).unwrap();
    assert!(
        plan.losses.iter().any(|l| l.detail.contains("Europe/Rome")),
        "{:?}",
        plan.losses
    );

    let far = TimestampSecondArray::from(vec![1 << 62]);
    let batch = RecordBatch::try_from_iter_with_nullable([column("far", far)]).unwrap();
    let source = bench.feather("far.feather", &[batch]);
    let refused = bench
        .to(&source, Format::Parquet, "far.parquet")
        .unwrap_err();
    assert!(
        matches!(refused, ConvertError::NoRoom { .. }),
        "{refused:?}"
    );
}
