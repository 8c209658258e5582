//! A text made from a text has its header, its rows and its values, and says what else
//! stood in the file.

use std::fs;

use crate::common::Bench;
use redline_convert::*;

/// What a CSV becomes as a CSV, and what the certificate says was left out.
fn again(text: &str, set: &[(&str, &str)]) -> (String, Vec<String>) {
    let bench = Bench::new();
    let source = bench.file("t.csv", text);
    let (out, done) = bench.to_with(&source, Format::Csv, "o.csv", set).unwrap();
    assert_ne!(done.certificate.verdict, Verdict::Failed, "{text:?}");
    (fs::read_to_string(out).unwrap(), done.certificate.changes)
}

#[test]
fn nothing_is_invented_and_names_stay_as_they_were() {
    for text in [
        "",
        "a,b\n",
        "1,2\n3,4\n",
        "1\n2\n3\n",
        "a,a,,A\n1,2,3,4\n5,6,7,8\n",
        "id,price,when\n007,1.50,2024-01-31\n8,2.25,2024-02-01\n",
        "day,on\n13/02/2024,10:00\n01/02/2024,11:30\n",
        "v,w\n3,x\n3.7,y\n",
    ] {
        assert_eq!(again(text, &[]), (text.to_owned(), Vec::new()), "{text:?}");
    }
    let (renamed, _) = again("1,2\n3,4\n", &[("rename.column1", "a")]);
    assert_eq!(renamed, "a,column2\n1,2\n3,4\n");
    let (tidy, _) = again("A,a,\n1,2,3\n4,5,6\n", &[("names", "tidy")]);
    assert!(tidy.starts_with("a,a_"), "{tidy}");
}

#[test]
fn gaps_take_no_row_away() {
    for (text, wanted) in [
        ("a,b\n1,2\n\n\n3,4\n", "a,b\n1,2\n3,4\n"),
        ("a,b\n1,2\n\n\n3,4\n5,6\n", "a,b\n1,2\n3,4\n5,6\n"),
        ("id,v\na,2\n\n\nc,4\nd,5\n", "id,v\na,2\nc,4\nd,5\n"),
        (
            "name,age\nann,2\n\n\nbob,4\n\n\n\ncat,5\n",
            "name,age\nann,2\nbob,4\ncat,5\n",
        ),
        (
            "id,v\n1,2\n\n\n3,4\n5,6\n7,8\n9,1\n",
            "id,v\n1,2\n3,4\n5,6\n7,8\n9,1\n",
        ),
        ("a\n\n1\n", "a\n1\n"),
        ("a\n\n\n1\n2\n3\n", "a\n1\n2\n3\n"),
        ("h\n\"\"\n1\n", "h\n\"\"\n1\n"),
    ] {
        assert_eq!(again(text, &[]).0, wanted, "{text:?}");
    }
    let (whole, _) = again("a,b,c\n1,2,3\n,,\n\n4,5,6\n", &[]);
    assert_eq!(whole, "a,b,c\n1,2,3\n,,\n4,5,6\n");
}

#[test]
fn what_is_left_out_is_said_and_can_be_had() {
    let text = "Sales of the north\n\na,b,c\n1,2,3\n4,5,6\n7,8,9\n\nSource: the ministry\n";
    let (out, said) = again(text, &[]);
    assert_eq!(out, "a,b,c\n1,2,3\n4,5,6\n7,8,9\n");
    assert_eq!(
        said,
        [
            "1 line above the table left out, as no rows of it.",
            "1 line below the table left out, as no rows of it."
        ]
    );
    let (out, said) = again("a,b\n1,2\n,\n", &[]);
    assert_eq!((out.as_str(), said.len()), ("a,b\n1,2\n", 1), "{said:?}");
    let (out, said) = again("a,b\n1,2\n,\n", &[("blank_rows", "keep")]);
    assert_eq!((out.as_str(), said.len()), ("a,b\n1,2\n,\n", 0), "{said:?}");
    let (out, _) = again(
        "title,x\nn,y\n\n\n3,4\n",
        &[("skip", "0"), ("header", "yes")],
    );
    assert!(out.starts_with("title,x\nn,y\n"), "{out}");
}

#[test]
fn a_type_that_was_asked_for_takes_what_it_can() {
    let (out, said) = again(
        "a,b\nx,1\ny,007\n",
        &[("type.b", "VARCHAR"), ("type.a", "VARCHAR")],
    );
    assert_eq!(out, "a,b\nx,1\ny,007\n");
    assert_eq!(said.len(), 2, "{said:?}");
}

#[test]
fn rows_of_too_many_values_are_refused() {
    let bench = Bench::new();
    let wide = vec!["1"; 70_000].join(",");
    let source = bench.file("w.csv", format!("{wide}\n{wide}\n"));
    let refused = bench.plan(&source, Format::Parquet);
    assert!(
        matches!(refused, Err(ConvertError::Unreadable { .. })),
        "{refused:?}"
    );
}

#[test]
fn a_json_array_is_told_by_any_of_its_values() {
    let bench = Bench::new();
    for text in ["[null,{\"a\":1}]", "[true,false]", "[ null ]"] {
        let source = bench.file("t.json", text);
        assert_eq!(detect(&source).unwrap().format, Format::Json, "{text}");
    }
    let source = bench.file("t.csv", "[true cost],b\n1,2\n3,4\n");
    assert_eq!(detect(&source).unwrap().format, Format::Csv);
}
