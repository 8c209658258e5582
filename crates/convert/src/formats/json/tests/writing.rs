//! What is written is JSON to others, and comes back the same to us.

use super::*;
use arrow::array::*;
use arrow::datatypes::{DataType, Field, Fields, Schema};
use arrow::datatypes::{Int32Type, i256};

/// Written in each form, and read back as what it was.
fn comes_back(schema: &SchemaRef, batches: &[RecordBatch]) -> String {
    let mut lines = String::new();
    for (format, codec) in [
        (Format::Json, "none"),
        (Format::Ndjson, "gzip"),
        (Format::Json, "zstd"),
        (Format::Ndjson, "none"),
    ] {
        let out = write(batches, schema, format, codec);
        let back = read_as(out.path(), schema).unwrap();
        let whole = |b: &[RecordBatch]| arrow::compute::concat_batches(schema, b).unwrap();
        assert_eq!(whole(&back), whole(batches), "{format:?} {codec}");
        if codec == "none" {
            lines = std::fs::read_to_string(out.path()).unwrap();
        }
    }
    lines
}

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, a)| (n, a, true)))
        .unwrap()
}

fn decimals(values: Vec<Option<i128>>, p: u8, s: i8) -> ArrayRef {
    let array = Decimal128Array::from(values)
        .with_precision_and_scale(p, s)
        .unwrap();
    std::sync::Arc::new(array)
}

#[test]
fn every_type_is_written_and_comes_back() {
    let a = |array: ArrayRef| array;
    let wide = Decimal256Array::from(vec![
        Some(i256::from_string(&"9".repeat(70)).unwrap()),
        None,
    ])
    .with_precision_and_scale(76, 4)
    .unwrap();
    let mut list = ListBuilder::new(StringBuilder::new());
    list.append_value([Some("a\"b"), None]);
    list.append_null();
    let mut map = MapBuilder::new(None, Int32Builder::new(), Float64Builder::new());
    map.keys().append_value(-7);
    map.values().append_value(0.5);
    map.append(true).unwrap();
    map.append(false).unwrap();
    let fields: Fields = vec![
        Field::new("d", DataType::Date32, true),
        Field::new("n", DataType::Int8, true),
    ]
    .into();
    let inner = StructArray::new(
        fields,
        vec![
            std::sync::Arc::new(Date32Array::from(vec![Some(-1), None])),
            std::sync::Arc::new(Int8Array::from(vec![Some(i8::MIN), None])),
        ],
        Some(vec![true, false].into()),
    );
    use std::sync::Arc as A;
    let one = batch(vec![
        (
            "bool",
            a(A::new(BooleanArray::from(vec![Some(true), None]))),
        ),
        ("i8", a(A::new(Int8Array::from(vec![Some(-128), None])))),
        (
            "u16",
            a(A::new(UInt16Array::from(vec![Some(65_535), None]))),
        ),
        (
            "i64",
            a(A::new(Int64Array::from(vec![
                Some(i64::MIN),
                Some(9_007_199_254_740_993),
            ]))),
        ),
        (
            "u64",
            a(A::new(UInt64Array::from(vec![Some(u64::MAX), None]))),
        ),
        ("f64", a(A::new(Float64Array::from(vec![-0.0, 5e-324])))),
        ("big", a(A::new(Float64Array::from(vec![1e300, 0.1 + 0.2])))),
        ("f32", a(A::new(Float32Array::from(vec![Some(0.1), None])))),
        ("dec", decimals(vec![Some(-150), None], 9, 2)),
        (
            "dec0",
            decimals(vec![Some(10i128.pow(38) - 1), Some(0)], 38, 0),
        ),
        ("wide", a(A::new(wide))),
        (
            "text",
            a(A::new(StringArray::from(vec!["", "\0\n\u{2028}😀"]))),
        ),
        (
            "date",
            a(A::new(Date32Array::from(vec![Some(20_783), None]))),
        ),
        (
            "stamp",
            a(A::new(TimestampNanosecondArray::from(vec![
                Some(1),
                Some(-1),
            ]))),
        ),
        (
            "zoned",
            a(A::new(
                TimestampMicrosecondArray::from(vec![1, -1]).with_timezone("UTC"),
            )),
        ),
        (
            "time",
            a(A::new(Time64MicrosecondArray::from(vec![
                86_399_999_999,
                0,
            ]))),
        ),
        ("list", a(A::new(list.finish()))),
        ("struct", a(A::new(inner))),
        ("map", a(A::new(map.finish()))),
        ("nul\0\"l", a(A::new(NullArray::new(2)))),
    ]);
    let lines = comes_back(&one.schema(), std::slice::from_ref(&one));
    let first: serde_json::Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    assert_eq!(first["i64"], i64::MIN);
    assert_eq!(first["dec"].to_string(), "-1.5");
    assert!(
        lines.contains("\"dec\":-1.50,") && lines.contains("\"f64\":-0.0,"),
        "{lines}"
    );
    assert_eq!(first["struct"]["d"], "1969-12-31");
    assert_eq!(first["map"]["-7"], 0.5);
    assert_eq!(first["zoned"], "1970-01-01 00:00:00.000001+00");
}

#[test]
fn a_float_that_is_not_finite_is_an_error() {
    let odd = batch(vec![(
        "x",
        std::sync::Arc::new(Float64Array::from(vec![f64::NAN])) as ArrayRef,
    )]);
    let limits = limits();
    let job = Job {
        limits: &limits,
        progress: &(),
    };
    let out = file("");
    let mut writer = create(Format::Ndjson, out.path(), odd.schema(), &options(&[]), job).unwrap();
    let outcome = writer.write(odd).and_then(|()| writer.finish());
    assert!(outcome.unwrap_err().to_string().contains("not finite"));
}

#[test]
fn json_text_is_written_as_it_stands() {
    let mut field = Field::new("j", DataType::Utf8, true);
    field
        .metadata_mut()
        .insert(RAW_KEY.to_owned(), "yes".to_owned());
    let schema: SchemaRef = std::sync::Arc::new(Schema::new(vec![field]));
    let texts = vec![
        Some("1E400"),
        Some("{\"a\":[1,\"x y\"]}"),
        None,
        Some("\"s\""),
    ];
    let array: ArrayRef = std::sync::Arc::new(StringArray::from(texts));
    let one = RecordBatch::try_new(schema.clone(), vec![array]).unwrap();
    let lines = comes_back(&schema, &[one]);
    assert!(
        lines.starts_with("{\"j\":1E400}\n{\"j\":{\"a\":[1,\"x y\"]}}\n{\"j\":null}\n"),
        "{lines}"
    );
    let spaced: ArrayRef = std::sync::Arc::new(StringArray::from(vec!["[1, 2]"]));
    let one = RecordBatch::try_new(schema.clone(), vec![spaced]).unwrap();
    let limits = limits();
    let out = file("");
    let job = Job {
        limits: &limits,
        progress: &(),
    };
    let mut writer = create(Format::Ndjson, out.path(), schema, &options(&[]), job).unwrap();
    assert!(writer.write(one).and_then(|()| writer.finish()).is_err());
}

#[test]
fn many_batches_stay_in_order_and_no_rows_are_json_too() {
    let parts: Vec<RecordBatch> = (0..40)
        .map(|i| {
            let values: Int32Array = (i * 5_000..(i + 1) * 5_000).collect();
            batch(vec![("n", std::sync::Arc::new(values) as ArrayRef)])
        })
        .collect();
    let lines = comes_back(&parts[0].schema(), &parts);
    assert_eq!(lines.lines().count(), 200_000);
    let schema = parts[0].schema();
    let _ = parts[0]
        .column(0)
        .as_any()
        .downcast_ref::<PrimitiveArray<Int32Type>>()
        .unwrap();
    assert_eq!(
        std::fs::read(write(&[], &schema, Format::Json, "none")).unwrap(),
        b"[]\n"
    );
    assert_eq!(
        std::fs::read(write(&[], &schema, Format::Ndjson, "none")).unwrap(),
        b""
    );
    for format in [Format::Json, Format::Ndjson] {
        assert!(
            read_as(write(&[], &schema, format, "none").path(), &schema)
                .unwrap()
                .is_empty()
        );
    }
}

#[test]
fn a_value_of_another_type_than_stated_is_an_error() {
    let schema: SchemaRef = std::sync::Arc::new(Schema::new(vec![
        Field::new("a", DataType::Int8, true),
        Field::new("b", DataType::Decimal128(3, 1), true),
    ]));
    for text in [
        "{\"a\":128}",
        "{\"a\":1.0}",
        "{\"a\":\"1\"}",
        "{\"a\":-0}",
        "{\"b\":1.25}",
        "{\"b\":100.0}",
        "{\"b\":1e0}",
        "{\"c\":1}",
        "{\"a\":{}}",
    ] {
        let file = file(text);
        let outcome = read_as(file.path(), &schema);
        assert!(
            matches!(outcome, Err(ConvertError::Malformed { .. })),
            "{text}: {outcome:?}"
        );
    }
    let file = file("{\"b\":1,\"a\":127}\n{\"a\":-128}");
    assert_eq!(
        cells(&read_as(file.path(), &schema).unwrap())[0][1].as_deref(),
        Some("1.0")
    );
}
