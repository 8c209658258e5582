//! What is asked to be different about a table is different, and nothing else is.

use crate::common::{Bench, cells, names};
use redline_convert::*;

fn made(bench: &Bench) -> std::path::PathBuf {
    bench.parquet(
        "t.parquet",
        "SELECT * FROM (VALUES
            (1, 'Rome', 1.50::DECIMAL(9,2), DATE '2024-01-01'),
            (2, NULL, NULL, DATE '2024-01-02'),
            (1, 'Rome', 1.50, DATE '2024-01-01'),
            (3, '', 0.00, NULL),
            (2, NULL, NULL, DATE '2024-01-02')
        ) t(\"Item ID\", city, \"unitPrice\", day)",
    )
}

fn changed(set: &[(&str, &str)]) -> (Vec<String>, Vec<Vec<Option<String>>>, Conversion) {
    let bench = Bench::new();
    let source = made(&bench);
    let plan = bench.plan_with(&source, Format::Feather, set).unwrap();
    let (there, done) = bench.run(&plan, "t.feather").unwrap();
    assert_eq!(plan.rows_out, Some(done.rows_out));
    assert_eq!(done.rows_in, 5);
    assert_eq!(done.certificate.rows_in, done.rows_out);
    (names(&there), cells(&there), done)
}

fn column(rows: &[Vec<Option<String>>], at: usize) -> Vec<&str> {
    rows.iter()
        .map(|r| r[at].as_deref().unwrap_or("null"))
        .collect()
}

#[test]
fn columns_are_chosen_ordered_and_named() {
    let (names, rows, done) = changed(&[
        ("select", "day,\"Item ID\""),
        ("rename.day", "the day"),
        ("names", "tidy"),
    ]);
    assert_eq!(names, ["the day", "item_id"]);
    assert_eq!(column(&rows, 1), ["1", "2", "1", "3", "2"]);
    assert_eq!(
        done.certificate.changes.len(),
        3,
        "{:?}",
        done.certificate.changes
    );
}

#[test]
fn rows_are_chosen_by_a_condition() {
    let (_, rows, done) = changed(&[("filter", "\"Item ID\" < 3 AND city IS NULL -- two")]);
    assert_eq!(column(&rows, 0), ["2", "2"]);
    assert_eq!((done.rows_out, done.rows_left_out), (2, 3));
    let bench = Bench::new();
    let source = made(&bench);
    for wrong in [
        "no_such_column = 1",
        "1; DROP TABLE x",
        "(",
        "city = 'Rome') OR (1 = 1; --",
    ] {
        let outcome = bench.plan_with(&source, Format::Feather, &[("filter", wrong)]);
        assert!(
            matches!(outcome, Err(ConvertError::Filter { .. })),
            "{wrong}: {outcome:?}"
        );
    }
}

#[test]
fn the_first_of_equal_rows_stays() {
    let (_, rows, done) = changed(&[("duplicates", "drop")]);
    assert_eq!(column(&rows, 0), ["1", "2", "3"]);
    assert_eq!(done.rows_left_out, 2);
    let (_, rows, _) = changed(&[("duplicates", "drop"), ("select", "city")]);
    assert_eq!(column(&rows, 0), ["Rome", "null", ""]);
}

#[test]
fn missing_values_are_filled_or_their_rows_left_out() {
    let (_, rows, _) = changed(&[("missing", "drop")]);
    assert_eq!(column(&rows, 0), ["1", "1"]);
    let (_, rows, done) = changed(&[
        ("fill.city", "unknown"),
        ("fill.unitPrice", "9.9"),
        ("missing", "drop"),
        ("duplicates", "drop"),
    ]);
    assert_eq!(column(&rows, 1), ["Rome", "unknown"]);
    assert_eq!(column(&rows, 2), ["1.50", "9.90"]);
    assert_eq!(done.rows_left_out, 3);
}

#[test]
fn what_cannot_be_done_is_said() {
    let bench = Bench::new();
    let source = made(&bench);
    let fails = |set: &[(&str, &str)]| bench.plan_with(&source, Format::Feather, set).unwrap_err();
    assert!(
        matches!(fails(&[("select", "nope")]), ConvertError::NoColumn { columns, .. } if columns.len() == 4)
    );
    assert!(matches!(
        fails(&[("select", "city,city")]),
        ConvertError::BadOption { .. }
    ));
    assert!(matches!(
        fails(&[("fill.day", "soon")]),
        ConvertError::BadOption { .. }
    ));
    assert!(matches!(
        fails(&[("rename.day", "City")]),
        ConvertError::BadOption { .. }
    ));
    assert_eq!(bench.left(), ["t.parquet"]);
}

#[test]
fn many_rows_are_chosen_in_order() {
    let bench = Bench::new();
    let source = bench.parquet(
        "t.parquet",
        "SELECT range AS n, (range * 7919) % 1000 AS k, '-0.0'::DOUBLE * (range % 2) AS z FROM range(300000)",
    );
    let (there, done) = bench
        .to_with(
            &source,
            Format::Parquet,
            "o.parquet",
            &[("filter", "k >= 500")],
        )
        .unwrap();
    assert_eq!(done.rows_out, 150_000);
    let kept: Vec<i64> = cells(&there)
        .iter()
        .map(|r| r[0].as_ref().unwrap().parse().unwrap())
        .collect();
    assert!(kept.windows(2).all(|w| w[0] < w[1]));
    assert!(kept.iter().all(|n| (n * 7919) % 1000 >= 500));
    let grid = open_grid(
        &Source::new(&there),
        &Options::default(),
        true,
        &bench.limits,
        &(),
    )
    .unwrap();
    assert_eq!(grid.rows(149_999, 5, None).unwrap().len(), 1);

    // Of each k the first row, and of z both zeros.
    let set = [("select", "k,z"), ("duplicates", "drop")];
    let (there, done) = bench
        .to_with(&source, Format::Parquet, "d.parquet", &set)
        .unwrap();
    assert_eq!(done.rows_out, 1_000);
    assert_eq!(
        cells(&there)[1],
        [Some("919".to_owned()), Some("-0.0".to_owned())]
    );
}
