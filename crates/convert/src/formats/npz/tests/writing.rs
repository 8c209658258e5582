//! What we write: it comes back the same, nulls too, or it is refused.

use std::sync::Arc;

use super::*;
use arrow::datatypes::{Field, Schema};

fn write(batches: &[RecordBatch], schema: SchemaRef) -> Result<tempfile::NamedTempFile> {
    let file = tempfile::NamedTempFile::new().unwrap();
    let limits = limits();
    let job = Job {
        limits: &limits,
        progress: &(),
    };
    let mut writer = create(file.path(), schema, &Options::default(), job)?;
    for batch in batches {
        writer.write(batch.clone())?;
    }
    writer.finish()?;
    Ok(file)
}

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, a)| (n, a, true)))
        .unwrap()
}

#[test]
fn what_is_written_comes_back_nulls_too() {
    let one = batch(vec![
        (
            "b",
            Arc::new(BooleanArray::from(vec![Some(true), None, Some(false)])),
        ),
        ("i8", Arc::new(Int8Array::from(vec![-128, 0, 127]))),
        (
            "i64",
            Arc::new(Int64Array::from(vec![Some(i64::MIN), None, Some(0)])),
        ),
        ("u64", Arc::new(UInt64Array::from(vec![u64::MAX, 0, 1]))),
        (
            "f32",
            Arc::new(Float32Array::from(vec![
                Some(0.1),
                None,
                Some(f32::INFINITY),
            ])),
        ),
        (
            "f64",
            Arc::new(Float64Array::from(vec![Some(-0.0), None, Some(5e-324)])),
        ),
        (
            "s",
            Arc::new(StringArray::from(vec![Some("é😀"), None, Some("")])),
        ),
        (
            "d",
            Arc::new(Date32Array::from(vec![
                Some(-719_162),
                None,
                Some(2_932_896),
            ])),
        ),
        (
            "ts",
            Arc::new(TimestampSecondArray::from(vec![Some(-1), None, Some(1)])),
        ),
        (
            "tn",
            Arc::new(TimestampNanosecondArray::from(vec![
                Some(-1),
                None,
                Some(1),
            ])),
        ),
    ]);
    let late = one.slice(0, 1);
    let parts = [late, one.clone()];
    let file = write(&parts, one.schema()).unwrap();
    let limits = limits();
    let job = Job {
        limits: &limits,
        progress: &(),
    };
    let table = open(
        &Source::new(file.path()),
        &Options::default(),
        Depth::Whole,
        job,
    )
    .unwrap();
    let back = batches(table.as_ref(), 0).unwrap();
    let whole = |b: &[RecordBatch]| arrow::compute::concat_batches(&one.schema(), b).unwrap();
    assert_eq!(whole(&back), whole(&parts));
    assert_eq!(table.profile().columns[0].nulls, 1);
    let mut zip = zip::ZipArchive::new(std::fs::File::open(file.path()).unwrap()).unwrap();
    let names: Vec<String> = (0..zip.len())
        .map(|i| zip.by_index(i).unwrap().name().unwrap().into_owned())
        .collect();
    assert!(
        names.contains(&"i64.null.npy".to_owned()) && !names.contains(&"d.null.npy".to_owned()),
        "{names:?}"
    );
    let empty = write(&[], one.schema()).unwrap();
    assert_eq!(try_read(empty.path(), &[]).unwrap().rows.len(), 0);
}

#[test]
fn what_would_not_come_back_is_refused() {
    let text =
        |values: Vec<&str>| batch(vec![("s", Arc::new(StringArray::from(values)) as ArrayRef)]);
    let nul = text(vec!["a", "b\0"]);
    let said = write(std::slice::from_ref(&nul), nul.schema())
        .map(|_| ())
        .unwrap_err();
    assert!(matches!(said, ConvertError::NoRoom { .. }), "{said}");
    let long = "x".repeat(100_000);
    let mut values = vec!["y"; 5_000];
    values[7] = &long;
    let uneven = text(values);
    let said = write(std::slice::from_ref(&uneven), uneven.schema())
        .map(|_| ())
        .unwrap_err();
    assert!(said.to_string().contains("longest"), "{said}");
    let twice: SchemaRef = Arc::new(Schema::new(vec![
        Field::new("a", arrow::datatypes::DataType::Int8, true),
        Field::new("a.null", arrow::datatypes::DataType::Boolean, true),
    ]));
    assert!(write(&[], twice).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn any_text_and_number_comes_back(
        rows in prop::collection::vec((any::<Option<i64>>(), any::<Option<f64>>(), any::<Option<String>>()), 0..40)
    ) {
        let text: Vec<Option<String>> = rows
            .iter()
            .map(|r| r.2.as_ref().map(|s| s.trim_end_matches('\0').to_owned()))
            .collect();
        let one = batch(vec![
            ("i", Arc::new(rows.iter().map(|r| r.0).collect::<Int64Array>())),
            ("f", Arc::new(rows.iter().map(|r| r.1).collect::<Float64Array>())),
            ("s", Arc::new(text.iter().cloned().collect::<StringArray>())),
        ]);
        let file = write(std::slice::from_ref(&one), one.schema()).unwrap();
        let back = try_read(file.path(), &[]).unwrap();
        prop_assert_eq!(back.rows.len(), rows.len());
        for (row, cells) in back.rows.iter().enumerate() {
            for (column, cell) in cells.iter().enumerate() {
                let array = one.column(column);
                let wanted = array.is_valid(row).then(|| text_of(array.as_ref(), row));
                prop_assert_eq!(cell, &wanted);
            }
        }
    }
}
