//! Several tables become one without a value changing.

use crate::common::{Bench, Outcome, cells, names};
use redline_convert::*;

/// The names, the rows, and how it was planned.
type Merged = (Vec<String>, Vec<Vec<Option<String>>>, ConversionPlan);

fn merged(bench: &Bench, selects: &[&str], how: &Merge) -> Outcome<Merged> {
    let sources: Vec<Source> = selects
        .iter()
        .enumerate()
        .map(|(i, select)| Source::new(bench.parquet(&format!("{i}.parquet"), select)))
        .collect();
    let plan = merge(
        &sources,
        how,
        Format::Parquet,
        &Options::default(),
        &bench.limits,
        &(),
    )?;
    let (there, done) = bench.run(&plan, "merged.parquet")?;
    assert_ne!(done.certificate.verdict, Verdict::Failed);
    let seen = (names(&there), cells(&there), plan);
    std::fs::remove_file(there).unwrap();
    Ok(seen)
}

fn row(values: &[&str]) -> Vec<Option<String>> {
    values
        .iter()
        .map(|v| (*v != "null").then(|| (*v).to_owned()))
        .collect()
}

#[test]
fn columns_find_each_other_by_name() {
    let bench = Bench::new();
    let how = Merge::default();
    let (names, rows, plan) = merged(
        &bench,
        &[
            "SELECT 1::INTEGER AS id, 'a' AS name",
            "SELECT 'b' AS NAME, 3000000000 AS id, true AS flag",
        ],
        &how,
    )
    .unwrap();
    assert_eq!(names, ["id", "name", "flag"]);
    assert_eq!(
        rows,
        [row(&["1", "a", "null"]), row(&["3000000000", "b", "true"])]
    );
    assert_eq!(plan.columns[0].type_in, "BIGINT");
    assert_eq!(plan.rows_in, Some(2));
    assert!(
        plan.changes
            .iter()
            .any(|c| c.contains("INTEGER and BIGINT")),
        "{:?}",
        plan.changes
    );
}

#[test]
fn columns_find_each_other_by_position_and_by_mapping() {
    let bench = Bench::new();
    let two = [
        "SELECT 1 AS id, 'a' AS name",
        "SELECT 2 AS nr, 'b' AS title",
    ];
    let how = Merge {
        by: By::Position,
        ..Merge::default()
    };
    let (found, rows, _) = merged(&bench, &two, &how).unwrap();
    assert_eq!(found, ["id", "name"]);
    assert_eq!(rows, [row(&["1", "a"]), row(&["2", "b"])]);
    let map = vec![
        ("nr".to_owned(), "id".to_owned()),
        ("title".to_owned(), "name".to_owned()),
    ];
    let how = Merge { by: By::Name, map };
    assert_eq!(merged(&bench, &two, &how).unwrap().1, rows);
    let how = Merge {
        by: By::Name,
        map: vec![("no".to_owned(), "id".to_owned())],
    };
    assert!(matches!(
        merged(&bench, &two, &how),
        Err(ConvertError::NoColumn { .. })
    ));
    let how = Merge {
        by: By::Name,
        map: vec![("nr".to_owned(), "title".to_owned())],
    };
    assert!(matches!(
        merged(&bench, &two, &how),
        Err(ConvertError::BadOption { .. })
    ));
}

#[test]
fn types_that_differ_meet_in_one_that_holds_both() {
    let bench = Bench::new();
    let (_, rows, plan) = merged(
        &bench,
        &[
            "SELECT 9007199254740993 AS a, 1.50::DECIMAL(9,2) AS b, '007' AS c, DATE '2024-01-01' AS d, 1::UBIGINT AS e",
            "SELECT 0.5::DOUBLE AS a, 7::BIGINT AS b, 7::INTEGER AS c, TIMESTAMP '2024-01-01 10:00:00' AS d, -1::BIGINT AS e",
        ],
        &Merge::default(),
    )
    .unwrap();
    let types: Vec<&str> = plan.columns.iter().map(|c| c.type_in.as_str()).collect();
    assert_eq!(
        types,
        [
            "VARCHAR",
            "DECIMAL(21,2)",
            "VARCHAR",
            "TIMESTAMP",
            "DECIMAL(20,0)"
        ]
    );
    assert_eq!(
        rows[0],
        row(&[
            "9007199254740993",
            "1.50",
            "007",
            "2024-01-01 00:00:00",
            "1"
        ])
    );
    assert_eq!(
        rows[1],
        row(&["0.5", "7.00", "7", "2024-01-01 10:00:00", "-1"])
    );
}

#[test]
fn nothing_to_merge_is_an_error() {
    let bench = Bench::new();
    assert!(merged(&bench, &[], &Merge::default()).is_err());
    let (_, rows, _) = merged(&bench, &["SELECT 1 AS a"], &Merge::default()).unwrap();
    assert_eq!(rows.len(), 1);
}

#[test]
fn changes_apply_to_the_merged_table() {
    let bench = Bench::new();
    let sources: Vec<Source> = [
        "SELECT range AS n FROM range(100000)",
        "SELECT range + 50000 AS n FROM range(100000)",
    ]
    .iter()
    .enumerate()
    .map(|(i, select)| Source::new(bench.parquet(&format!("{i}.parquet"), select)))
    .collect();
    let options = Options::parse([("duplicates", "drop"), ("rename.n", "m")]).unwrap();
    let plan = merge(
        &sources,
        &Merge::default(),
        Format::Feather,
        &options,
        &bench.limits,
        &(),
    )
    .unwrap();
    let (there, done) = bench.run(&plan, "m.feather").unwrap();
    assert_eq!(
        (done.rows_in, done.rows_out, done.rows_left_out),
        (200_000, 150_000, 50_000)
    );
    assert_eq!(names(&there), ["m"]);
}
