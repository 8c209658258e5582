//! Rows below a table that are none of it, and those that are.

use arrow::array::RecordBatch;

use super::{made, one, profile, rows, texts};
use crate::formats::cells::samples::read;
use crate::formats::xlsx::open;

const TABLE: [&str; 4] = [
    "s:Region|s:2019|s:2020",
    "s:North|n:12|n:14",
    "s:South|n:9|n:11",
    "s:West|n:4|n:6",
];

fn with(below: &[&str]) -> String {
    let lines: Vec<&str> = TABLE.iter().chain(below).copied().collect();
    rows(&lines)
}

fn first_column(batch: &RecordBatch) -> Vec<String> {
    texts(batch, 0)
}

#[test]
fn notes_below_a_table_are_left_out_and_told() {
    let dir = tempfile::tempdir().unwrap();
    for below in [
        vec!["s:Source: office"],
        vec!["-", "s:Source: office"],
        vec![
            "-",
            "s:provisional",
            "s:Figures are rounded to the nearest ten.",
        ],
        vec!["s:Figures are rounded to the nearest ten."],
        vec!["-", "-", "s:* of the year before"],
    ] {
        let path = one(dir.path(), &with(&below));
        let batch = read(open, &path, &[]).unwrap();
        assert_eq!(
            first_column(&batch),
            ["North", "South", "West"],
            "{below:?}"
        );
        let found = profile(&path, &[]);
        assert_eq!(
            (found.rows, found.columns[1].type_name.as_str()),
            (3, "BIGINT")
        );
        assert!(
            !found.warnings.iter().any(|w| w.contains("null in every")),
            "{below:?}"
        );
        let choice = found
            .choices
            .iter()
            .find(|c| c.what == "rows below")
            .unwrap();
        assert_eq!(choice.otherwise.as_deref(), Some("footnotes=0"));
        let last = below.last().unwrap().strip_prefix("s:").unwrap();
        assert!(choice.why.contains(last), "{}", choice.why);
        // Told otherwise, they are rows, and so are the empty ones between.
        let all = read(open, &path, &[("footnotes", "0")]).unwrap();
        assert_eq!(all.num_rows(), 3 + below.len());
        assert!(
            profile(&path, &[("footnotes", "0")])
                .choices
                .iter()
                .all(|c| c.what != "rows below")
        );
    }
}

#[test]
fn rows_of_the_table_stay_whatever_they_lack() {
    let dir = tempfile::tempdir().unwrap();
    for below in [
        // A key without values, a total, a row below a gap.
        vec!["s:East"],
        vec!["s:Total|n:25|n:31"],
        vec!["-", "s:Isle of Note|n:1|n:2"],
        // What stands above more rows is no footnote.
        vec!["s:Source: office", "s:East|n:1|n:2"],
        vec!["n:2021"],
    ] {
        let path = one(dir.path(), &with(&below));
        let batch = read(open, &path, &[]).unwrap();
        assert_eq!(batch.num_rows(), 3 + below.len(), "{below:?}");
        assert!(
            profile(&path, &[])
                .choices
                .iter()
                .all(|c| c.what != "rows below"),
            "{below:?}"
        );
    }
    // Texts in one column, or in few of the rows' columns, are what the sheet holds.
    for lines in [
        &["s:name", "s:Ann Lee", "s:Source: office"][..],
        &[
            "s:a|s:b|s:c",
            "s:x y",
            "s:x z",
            "n:1|n:2|n:3",
            "s:z z",
            "s:y x",
        ][..],
    ] {
        let path = one(dir.path(), &rows(lines));
        assert_eq!(
            read(open, &path, &[]).unwrap().num_rows(),
            lines.len() - 1,
            "{lines:?}"
        );
    }
}

#[test]
fn so_many_rows_as_asked_are_left_out() {
    let dir = tempfile::tempdir().unwrap();
    let path = one(dir.path(), &with(&["s:East|n:1|n:2", "s:Sum|n:26|n:33"]));
    for (asked, left) in [("1", 4), ("2", 3), ("9", 0)] {
        let batch = read(open, &path, &[("footnotes", asked)]);
        assert_eq!(batch.unwrap().num_rows(), left, "{asked}");
    }
    assert!(read(open, &path, &[("footnotes", "5000")]).is_err());
    let two = made(
        dir.path(),
        &[("A", "visible", &with(&["s:Note: old"]), "")],
        "",
        "",
    );
    assert_eq!(profile(&two, &[]).tables[0].rows, Some(3));
}
