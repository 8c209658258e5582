//! Tables with every type and every awkward value, and what a format has to do with them.
//! For tests.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow::array::*;
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};

use crate::error::Result;
use crate::limits::Limits;
use crate::options::Options;
use crate::source::Source;
use crate::table::{Depth, Job, Table, TableWriter};
use crate::types;

pub(crate) type Open = fn(&Source, &Options, Depth, Job<'_>) -> Result<Box<dyn Table>>;
pub(crate) type Create =
    for<'a> fn(&Path, SchemaRef, &Options, Job<'a>) -> Result<Box<dyn TableWriter + 'a>>;

pub(crate) fn with_job<T>(work: impl FnOnce(Job<'_>) -> T) -> T {
    let limits = Limits::default();
    work(Job {
        limits: &limits,
        progress: &(),
    })
}

/// All rows of the table that the options pick.
pub(crate) fn read(open: Open, path: &Path, options: &[(&str, &str)]) -> Result<RecordBatch> {
    let options = Options::parse(options.iter().copied())?;
    with_job(|job| {
        let table = open(&Source::new(path), &options, Depth::Whole, job)?;
        let all = collect(table.as_ref(), None, 0)?;
        assert_eq!(table.rows(), Some(all.num_rows() as u64));
        Ok(all)
    })
}

pub(crate) fn collect(
    table: &dyn Table,
    columns: Option<&[usize]>,
    first: u64,
) -> Result<RecordBatch> {
    with_job(|job| {
        let mut reader = table.read(columns, first, job)?;
        let mut batches = Vec::new();
        let mut position = 0;
        while let Some(batch) = reader.next_batch()? {
            assert!(batch.num_rows() > 0);
            assert!(reader.position() >= position);
            position = reader.position();
            batches.push(batch);
        }
        assert!(reader.next_batch()?.is_none());
        Ok(concat_batches(&reader.schema(), &batches).unwrap())
    })
}

pub(crate) fn write(create: Create, path: &Path, batches: &[RecordBatch]) -> Result<()> {
    File::create(path)?;
    with_job(|job| {
        let mut writer = create(path, batches[0].schema(), &Options::default(), job)?;
        for batch in batches {
            writer.write(batch.clone())?;
        }
        writer.finish()
    })
}

/// Writes, opens, and wants the very same back: the schema and each value.
pub(crate) fn comes_back(open: Open, create: Create, path: &Path, batch: &RecordBatch) {
    let half = batch.num_rows() / 2;
    let parts = [
        batch.slice(0, half),
        batch.slice(half, batch.num_rows() - half),
    ];
    write(create, path, &parts).unwrap();
    let back = read(open, path, &[]).unwrap();
    for (there, here) in batch.schema().fields().iter().zip(back.schema().fields()) {
        assert_eq!(there.data_type(), here.data_type(), "{}", there.name());
        assert_eq!(there.name(), here.name());
        assert_eq!(types::tag(there), types::tag(here), "{}", there.name());
    }
    assert_eq!(batch.num_rows(), back.num_rows());
    for (i, field) in batch.schema().fields().iter().enumerate() {
        for row in 0..batch.num_rows() {
            let (a, b) = (batch.column(i), back.column(i));
            assert_eq!(a.is_null(row), b.is_null(row), "{} row {row}", field.name());
            let there = types::text_of(a.as_ref(), row);
            assert_eq!(
                there,
                types::text_of(b.as_ref(), row),
                "{} row {row}",
                field.name()
            );
        }
    }
}

/// One column of each type that `holds` takes, a null in each, and the values at its edges.
pub(crate) fn every_type(holds: fn(&DataType) -> bool) -> RecordBatch {
    const DAY: i64 = 86_400_000_000;
    let mut columns: Vec<(Field, ArrayRef)> = Vec::new();
    let mut add = |name: &str, array: ArrayRef| {
        if holds(array.data_type()) {
            columns.push((Field::new(name, array.data_type().clone(), true), array));
        }
    };
    add(
        "bool",
        Arc::new(BooleanArray::from(vec![
            Some(true),
            Some(false),
            None,
            Some(true),
        ])),
    );
    add(
        "i8",
        Arc::new(Int8Array::from(vec![
            Some(i8::MIN),
            Some(i8::MAX),
            None,
            Some(0),
        ])),
    );
    add(
        "i16",
        Arc::new(Int16Array::from(vec![
            Some(i16::MIN),
            Some(i16::MAX),
            None,
            Some(0),
        ])),
    );
    add(
        "i32",
        Arc::new(Int32Array::from(vec![
            Some(i32::MIN),
            Some(i32::MAX),
            None,
            Some(1),
        ])),
    );
    add(
        "i64",
        Arc::new(Int64Array::from(vec![
            Some(i64::MIN),
            Some(i64::MAX),
            None,
            Some(9_007_199_254_740_993),
        ])),
    );
    add(
        "u8",
        Arc::new(UInt8Array::from(vec![
            Some(0),
            Some(u8::MAX),
            None,
            Some(1),
        ])),
    );
    add(
        "u16",
        Arc::new(UInt16Array::from(vec![
            Some(0),
            Some(u16::MAX),
            None,
            Some(1),
        ])),
    );
    add(
        "u32",
        Arc::new(UInt32Array::from(vec![
            Some(0),
            Some(u32::MAX),
            None,
            Some(1),
        ])),
    );
    add(
        "u64",
        Arc::new(UInt64Array::from(vec![
            Some(0),
            Some(u64::MAX),
            None,
            Some(1 << 63),
        ])),
    );
    add(
        "f32",
        Arc::new(Float32Array::from(vec![
            Some(0.1),
            Some(f32::MAX),
            None,
            Some(-0.0),
        ])),
    );
    add(
        "whole floats",
        Arc::new(Float64Array::from(vec![
            Some(1.0),
            Some(-2.0),
            None,
            Some(1e21),
        ])),
    );
    add(
        "f64",
        Arc::new(Float64Array::from(vec![
            Some(0.1 + 0.2),
            Some(f64::MAX),
            None,
            Some(5e-324),
        ])),
    );
    add(
        "odd f64",
        Arc::new(Float64Array::from(vec![
            Some(f64::NAN),
            Some(f64::NEG_INFINITY),
            None,
            Some(-0.0),
        ])),
    );
    let decimal = |values: Vec<Option<i128>>, p, s| -> ArrayRef {
        Arc::new(
            Decimal128Array::from(values)
                .with_precision_and_scale(p, s)
                .unwrap(),
        )
    };
    add(
        "dec",
        decimal(vec![Some(-1_250), Some(99_999), None, Some(0)], 5, 2),
    );
    add(
        "wide dec",
        decimal(
            vec![
                Some(10i128.pow(38) - 1),
                Some(1 - 10i128.pow(38)),
                None,
                Some(1),
            ],
            38,
            10,
        ),
    );
    add(
        "hugeint",
        decimal(
            vec![Some(10i128.pow(38) - 1), Some(-1), None, Some(0)],
            38,
            0,
        ),
    );
    add(
        "date",
        Arc::new(Date32Array::from(vec![
            Some(-25_509),
            Some(20_000),
            None,
            Some(2_932_896),
        ])),
    );
    add(
        "old date",
        Arc::new(Date32Array::from(vec![
            Some(-719_529),
            Some(4_000_000),
            None,
            Some(-25_508),
        ])),
    );
    add(
        "time",
        Arc::new(Time64MicrosecondArray::from(vec![
            Some(0),
            Some(DAY - 1),
            None,
            Some(45_296_789_000),
        ])),
    );
    add(
        "time s",
        Arc::new(Time32SecondArray::from(vec![
            Some(0),
            Some(86_399),
            None,
            Some(1),
        ])),
    );
    add(
        "time ms",
        Arc::new(Time32MillisecondArray::from(vec![
            Some(0),
            Some(86_399_999),
            None,
            Some(1),
        ])),
    );
    add(
        "time ns",
        Arc::new(Time64NanosecondArray::from(vec![
            Some(0),
            Some(86_399_999_999_999),
            None,
            Some(1),
        ])),
    );
    let stamps = [
        Some(1_577_881_800_000_000),
        Some(-2_203_891_200_000_001),
        None,
        Some(253_402_300_799_999_000),
    ];
    add(
        "stamp",
        Arc::new(TimestampMicrosecondArray::from(stamps.to_vec())),
    );
    add(
        "zoned",
        Arc::new(TimestampMicrosecondArray::from(stamps.to_vec()).with_timezone("UTC")),
    );
    add(
        "stamp s",
        Arc::new(TimestampSecondArray::from(vec![
            Some(0),
            Some(-1),
            None,
            Some(1_700_000_000),
        ])),
    );
    add(
        "stamp ms",
        Arc::new(TimestampMillisecondArray::from(vec![
            Some(0),
            Some(-1),
            None,
            Some(1_700_000_000_123),
        ])),
    );
    add(
        "stamp ns",
        Arc::new(TimestampNanosecondArray::from(vec![
            Some(1),
            Some(-1),
            None,
            Some(i64::MAX - 1),
        ])),
    );
    let texts = [
        Some("007"),
        Some(""),
        None,
        Some("=1+1 \"é\u{1F600}\" <&> _x000D_\r\n\t '; DROP TABLE \u{1}"),
    ];
    add("text", Arc::new(StringArray::from(texts.to_vec())));
    add(
        "nan text",
        Arc::new(StringArray::from(vec![
            Some("nan"),
            Some("NULL"),
            None,
            Some(" 1 "),
        ])),
    );
    add(
        "bytes",
        Arc::new(BinaryArray::from(vec![
            Some(&b"\0\xFF"[..]),
            Some(b""),
            None,
            Some(b"12"),
        ])),
    );
    let mut list = ListBuilder::new(Int32Builder::new());
    list.append_value([Some(1), None]);
    list.append_value([]);
    list.append_null();
    list.append_value([Some(3)]);
    add("list", Arc::new(list.finish()));
    let inner = StructArray::from(vec![
        (
            Arc::new(Field::new("a b", DataType::Int64, true)),
            Arc::new(Int64Array::from(vec![Some(1), None, None, Some(4)])) as ArrayRef,
        ),
        (
            Arc::new(Field::new("t", DataType::Utf8, true)),
            Arc::new(StringArray::from(vec![Some("x"), Some(""), None, None])) as ArrayRef,
        ),
    ]);
    let (fields, arrays, _) = inner.into_parts();
    let nulls = vec![true, true, false, true].into();
    add(
        "struct",
        Arc::new(StructArray::new(fields, arrays, Some(nulls))),
    );
    for (name, word, values) in [
        (
            "huge",
            "HUGEINT",
            ["170141183460469231731687303715884105727", "-1", "0"],
        ),
        (
            "uuid",
            "UUID",
            [
                "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
                "00000000-0000-0000-0000-000000000000",
                "ffffffff-ffff-ffff-ffff-ffffffffffff",
            ],
        ),
        (
            "bad uuid",
            "UUID",
            ["A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", "no", ""],
        ),
        (
            "span",
            "INTERVAL",
            [
                "1 year 2 months 3 days 04:05:06.789",
                "36:00:00",
                "00:00:00",
            ],
        ),
        ("json", "JSON", ["{\"a\": [1, 2]}", "null", "1e400"]),
        ("enum", "ENUM('a', 'b''c')", ["a", "b'c", "a"]),
        (
            "timetz",
            "TIME WITH TIME ZONE",
            ["12:00:00+02", "00:00:00+00", "23:59:59.999999-15:30:15"],
        ),
        ("other", "SOMETHING ELSE", ["x", "y", "z"]),
    ] {
        let array = StringArray::from(vec![
            Some(values[0]),
            Some(values[1]),
            None,
            Some(values[2]),
        ]);
        columns.push((
            types::tagged(Field::new(name, DataType::Utf8, true), word),
            Arc::new(array),
        ));
    }
    let (fields, arrays): (Vec<Field>, Vec<ArrayRef>) = columns.into_iter().unzip();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).unwrap()
}

/// Rows of the usual kinds, many of them.
pub(crate) fn many(rows: usize) -> RecordBatch {
    let n = rows as i64;
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("id", Arc::new(Int64Array::from_iter_values(0..n))),
        (
            "price",
            Arc::new(Float64Array::from_iter_values(
                (0..n).map(|i| i as f64 / 8.0),
            )),
        ),
        (
            "name",
            Arc::new(StringArray::from_iter_values(
                (0..n).map(|i| format!("name {i}")),
            )),
        ),
        (
            "at",
            Arc::new(TimestampMicrosecondArray::from_iter_values(
                (0..n).map(|i| 1_700_000_000_000_000 + i * 1_000_000),
            )),
        ),
        (
            "flag",
            Arc::new(BooleanArray::from_iter(
                (0..n).map(|i| (i % 7 != 0).then_some(i % 2 == 0)),
            )),
        ),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}

/// Rows from anywhere, and columns in any order, are what a reading from the start has.
pub(crate) fn reads_from_anywhere(open: Open, path: &Path) {
    with_job(|job| {
        let table = open(&Source::new(path), &Options::default(), Depth::Whole, job).unwrap();
        let all = collect(table.as_ref(), None, 0).unwrap();
        let rows = all.num_rows();
        for first in [0, 1, rows / 2, rows - 1, rows, rows + 5] {
            let some = collect(table.as_ref(), Some(&[2, 0]), first as u64).unwrap();
            let from = first.min(rows);
            assert_eq!(
                some.column(0),
                &all.column(2).slice(from, rows - from),
                "from {first}"
            );
            assert_eq!(
                some.column(1),
                &all.column(0).slice(from, rows - from),
                "from {first}"
            );
        }
    });
}

/// Files cut off anywhere and with bytes turned over: an error or rows, never a panic. Files
/// with other checks than a reader makes may well come out with other values.
pub(crate) fn survives_damage(open: Open, path: &Path) {
    let whole = std::fs::read(path).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let broken = dir.path().join("broken");
    let mut state = 0x9E37_79B9_7F4A_7C15u64;
    let mut random = move |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    for turn in 0..160 {
        let mut bytes = whole.clone();
        if turn < 60 {
            bytes.truncate(turn * whole.len() / 60);
        } else {
            for _ in 0..=turn % 7 {
                let at = if turn % 2 == 0 {
                    random(bytes.len())
                } else {
                    random(bytes.len().min(4096))
                };
                bytes[at] ^= 1 << random(8);
            }
        }
        std::fs::write(&broken, &bytes).unwrap();
        let _ = read_leniently(open, &broken);
    }
}

fn read_leniently(open: Open, path: &Path) -> Result<usize> {
    with_job(|job| {
        let table = open(&Source::new(path), &Options::default(), Depth::Whole, job)?;
        let mut reader = table.read(None, 0, job)?;
        let mut rows = 0;
        while let Some(batch) = reader.next_batch()? {
            rows += batch.num_rows();
        }
        Ok(rows)
    })
}

/// The unit of a type, as a reader may give it back in another.
pub(crate) fn micros() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, None)
}
