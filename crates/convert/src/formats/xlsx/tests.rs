//! Sheets as Excel and others write them, and as we do.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use arrow::array::cast::AsArray;
use arrow::array::{Array, RecordBatch};
use arrow::datatypes::{DataType, Float64Type, Int64Type, TimeUnit};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::super::cells::samples::{self, comes_back, every_type, many, micros, read, with_job};
use super::{create, holds, open};
use crate::error::ConvertError;
use crate::options::Options;
use crate::profile::TableProfile;
use crate::source::Source;
use crate::table::Depth;
use crate::types;

mod notes;
mod refused;

const STYLES: &str = r#"<styleSheet><numFmts count="2"><numFmt numFmtId="164" formatCode="yyyy\-mm\-dd\ hh:mm"/><numFmt numFmtId="165" formatCode="[h]:mm:ss"/></numFmts><cellStyleXfs><xf numFmtId="14"/></cellStyleXfs><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="164"/><xf numFmtId="21"/><xf numFmtId="165"/></cellXfs></styleSheet>"#;

/// A workbook of these sheets (name, state, what is in `sheetData`, what comes after it).
fn made(
    dir: &Path,
    sheets: &[(&str, &str, &str, &str)],
    shared: &str,
    properties: &str,
) -> PathBuf {
    let path = dir.join("made.xlsx");
    let mut zip = ZipWriter::new(File::create(&path).unwrap());
    let mut part = |name: &str, text: &str| {
        zip.start_file(name, SimpleFileOptions::default()).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    };
    let (mut list, mut links) = (String::new(), String::new());
    for (i, (name, state, data, after)) in sheets.iter().enumerate() {
        list += &format!(
            "<sheet name=\"{name}\" sheetId=\"{0}\" r:id=\"rId{0}\" state=\"{state}\"/>",
            i + 1
        );
        links += &format!(
            "<Relationship Id=\"rId{0}\" Type=\"http://x/worksheet\" Target=\"worksheets/s{0}.xml\"/>",
            i + 1
        );
        part(
            &format!("xl/worksheets/s{}.xml", i + 1),
            &format!(
                "<?xml version=\"1.0\"?><worksheet><sheetData>{data}</sheetData>{after}</worksheet>"
            ),
        );
    }
    part(
        "_rels/.rels",
        r#"<Relationships><Relationship Id="a" Type="http://x/officeDocument" Target="/xl/workbook.xml"/></Relationships>"#,
    );
    part(
        "xl/workbook.xml",
        &format!("<workbook>{properties}<sheets>{list}</sheets></workbook>"),
    );
    part(
        "xl/_rels/workbook.xml.rels",
        &format!("<Relationships>{links}</Relationships>"),
    );
    part("xl/styles.xml", STYLES);
    part("xl/sharedStrings.xml", &format!("<sst>{shared}</sst>"));
    zip.finish().unwrap();
    path
}

fn one(dir: &Path, data: &str) -> PathBuf {
    made(dir, &[("Sheet1", "visible", data, "")], "", "")
}

/// Rows of cells, each `kind:text` (n, s for text, b, e, or a style's number), `-` for none.
fn rows(lines: &[&str]) -> String {
    let mut out = String::new();
    for line in lines {
        out.push_str("<row>");
        for cell in line.split('|') {
            out += &match cell.split_once(':') {
                Some(("s", text)) => format!("<c t=\"inlineStr\"><is><t>{text}</t></is></c>"),
                Some(("b", v)) => format!("<c t=\"b\"><v>{v}</v></c>"),
                Some(("e", v)) => format!("<c t=\"e\"><v>{v}</v></c>"),
                Some(("n", v)) => format!("<c><v>{v}</v></c>"),
                Some((style, v)) => format!("<c s=\"{style}\"><v>{v}</v></c>"),
                None => "<c/>".to_owned(),
            };
        }
        out.push_str("</row>");
    }
    out
}

fn texts(batch: &RecordBatch, column: usize) -> Vec<String> {
    let column = batch.column(column);
    (0..batch.num_rows())
        .map(|row| {
            if column.is_null(row) {
                "NULL".to_owned()
            } else {
                types::text_of(column.as_ref(), row)
            }
        })
        .collect()
}

fn names(batch: &RecordBatch) -> Vec<String> {
    batch
        .schema()
        .fields()
        .iter()
        .map(|f| f.name().clone())
        .collect()
}

fn profile(path: &Path, options: &[(&str, &str)]) -> TableProfile {
    let options = Options::parse(options.iter().copied()).unwrap();
    with_job(|job| {
        open(&Source::new(path), &options, Depth::Whole, job)
            .unwrap()
            .profile()
            .clone()
    })
}

#[test]
fn every_type_comes_back_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    comes_back(open, create, &dir.path().join("x.xlsx"), &every_type(holds));
}

#[test]
fn rows_can_be_read_from_anywhere() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.xlsx");
    comes_back(open, create, &path, &many(3_000));
    samples::reads_from_anywhere(open, &path);
}

#[test]
fn each_column_has_the_type_of_all_its_cells() {
    let dir = tempfile::tempdir().unwrap();
    let path = one(
        dir.path(),
        &rows(&[
            "s:int|s:wide|s:float|s:bool|s:date|s:stamp|s:time|s:span|s:text|s:mixed|s:error|s:none",
            "n:1|n:9007199254740993|n:0.1|b:1|1:45000|2:45000.5|3:0.25|4:1.5|s:007|n:1|n:1|-",
            "n:-5|n:1|n:1E-7|b:0|1:1|2:45001|3:0.5|4:0.5|s:|n:0.1|e:#N/A|-",
            "n:1000.0|-|n:3|-|-|-|-|-|-|s:x|-|-",
        ]),
    );
    let batch = read(open, &path, &[]).unwrap();
    let schema = batch.schema();
    let types: Vec<&DataType> = schema.fields().iter().map(|f| f.data_type()).collect();
    let stamp = micros();
    let time = DataType::Time64(TimeUnit::Microsecond);
    assert_eq!(
        types,
        [
            &DataType::Int64,
            &DataType::Int64,
            &DataType::Float64,
            &DataType::Boolean,
            &DataType::Date32,
            &stamp,
            &time,
            &DataType::Utf8,
            &DataType::Utf8,
            &DataType::Utf8,
            &DataType::Utf8,
            &DataType::Utf8,
        ]
    );
    assert_eq!(texts(&batch, 0), ["1", "-5", "1000"]);
    assert_eq!(texts(&batch, 1), ["9007199254740993", "1", "NULL"]);
    assert_eq!(
        batch.column(2).as_primitive::<Float64Type>().values(),
        &[0.1, 1e-7, 3.0]
    );
    assert_eq!(texts(&batch, 4), ["2023-03-15", "1900-01-01", "NULL"]);
    assert_eq!(
        texts(&batch, 5),
        ["2023-03-15 12:00:00", "2023-03-16 00:00:00", "NULL"]
    );
    assert_eq!(texts(&batch, 6), ["06:00:00", "12:00:00", "NULL"]);
    assert_eq!(texts(&batch, 7), ["36:00:00", "12:00:00", "NULL"]);
    assert_eq!(types::tag(schema.field(7)), Some("INTERVAL"));
    assert_eq!(texts(&batch, 8), ["007", "", "NULL"]);
    assert_eq!(texts(&batch, 9), ["1", "0.1", "x"]);
    assert_eq!(texts(&batch, 10), ["1", "#N/A", "NULL"]);
    let found = profile(&path, &[]);
    assert!(
        found.columns[9].evidence.contains("mixed"),
        "{}",
        found.columns[9].evidence
    );
    assert!(
        found.warnings.iter().any(|w| w.contains("#N/A")),
        "{:?}",
        found.warnings
    );
    assert_eq!((found.columns[8].empties, found.columns[8].nulls), (1, 1));
}

#[test]
fn both_calendars_are_read_and_the_day_that_never_was_stays_text() {
    let dir = tempfile::tempdir().unwrap();
    let data = rows(&["s:d", "1:59", "1:60", "1:61"]);
    let path = one(dir.path(), &data);
    let batch = read(open, &path, &[]).unwrap();
    assert_eq!(texts(&batch, 0), ["1900-02-28", "1900-02-29", "1900-03-01"]);
    assert_eq!(batch.schema().field(0).data_type(), &DataType::Utf8);
    assert!(
        profile(&path, &[])
            .warnings
            .iter()
            .any(|w| w.contains("1900-02-29"))
    );
    let path = made(
        dir.path(),
        &[("s", "visible", &data, "")],
        "",
        "<workbookPr date1904=\"1\"/>",
    );
    let batch = read(open, &path, &[]).unwrap();
    assert_eq!(texts(&batch, 0), ["1904-02-29", "1904-03-01", "1904-03-02"]);
    assert_eq!(batch.schema().field(0).data_type(), &DataType::Date32);
}

#[test]
fn every_way_to_write_text_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let data = "<row><c t=\"s\"><v>0</v></c></row><row><c t=\"s\"><v>1</v></c></row><row><c t=\"s\"><v>2</v></c></row>\
        <row><c t=\"str\"><f>\"a\"&amp;1</f><v>a_x000D_1</v></c></row>\
        <row><c t=\"inlineStr\"><is><r><t>one </t></r><r><rPr><b/></rPr><t xml:space=\"preserve\"> two&#10;</t></r><rPh><t>no</t></rPh></is></c></row>\
        <row><c t=\"str\"><f>x</f><v></v></c></row><row><c t=\"d\"><v>2026-01-31T10:00:00</v></c></row>";
    let shared = "<si><t>head</t></si><si><t>a&lt;b _x005F_x000D_</t><phoneticPr/></si><si/>";
    let path = made(dir.path(), &[("s", "visible", data, "")], shared, "");
    let batch = read(open, &path, &[]).unwrap();
    assert_eq!(names(&batch), ["head"]);
    assert_eq!(
        texts(&batch, 0),
        [
            "a<b _x000D_",
            "",
            "a\r1",
            "one  two\n",
            "",
            "2026-01-31 10:00:00"
        ]
    );
    assert!(
        profile(&path, &[])
            .warnings
            .iter()
            .any(|w| w.contains("formula"))
    );
    // A text that the workbook does not have is an error with its place.
    let path = made(
        dir.path(),
        &[("s", "visible", "<row><c t=\"s\"><v>9</v></c></row>", "")],
        shared,
        "",
    );
    assert!(matches!(
        read(open, &path, &[]),
        Err(ConvertError::Malformed {
            line: 1,
            column: 1,
            ..
        })
    ));
}

#[test]
fn the_header_is_where_a_careful_person_would_see_it() {
    let dir = tempfile::tempdir().unwrap();
    type Case<'a> = (&'a [&'a str], &'a [&'a str], usize);
    let cases: &[Case<'_>] = &[
        (&["s:a|s:b", "n:1|n:2"], &["a", "b"], 1),
        // A title and a note above.
        (
            &[
                "s:Report of May",
                "s:in EUR",
                "s:a|s:b|s:c",
                "n:1|n:2|n:3",
                "n:4|n:5|n:6",
            ],
            &["a", "b", "c"],
            2,
        ),
        // None at all.
        (&["n:1|s:x", "n:2|s:y"], &["column1", "column2"], 2),
        // Years.
        (
            &["s:Country|n:2019|n:2020", "s:IT|n:1|n:2", "s:FR|n:3|n:4"],
            &["Country", "2019", "2020"],
            2,
        ),
        // All text, and the first row unlike the others.
        (
            &["s:name|s:city", "s:Ada|s:Rome", "s:Bob|s:Oslo"],
            &["name", "city"],
            2,
        ),
        // Two rows of names.
        (
            &[
                "s:id|s:sales|-|s:costs|-",
                "s:key|s:q1|s:q2|s:q1|s:q2",
                "n:1|n:2|n:3|n:4|n:5",
                "n:1|n:2|n:3|n:4|n:5",
            ],
            &["id key", "sales q1", "sales q2", "costs q1", "costs q2"],
            2,
        ),
        // The same name twice, an empty one, and columns before the table.
        (
            &["-|s:a|s:A|-", "-|n:1|n:2|n:3"],
            &["a", "A_2", "column3"],
            1,
        ),
    ];
    for (lines, expected, count) in cases {
        let path = one(dir.path(), &rows(lines));
        let batch = read(open, &path, &[]).unwrap();
        assert_eq!(names(&batch), *expected, "{lines:?}");
        assert_eq!(batch.num_rows(), *count, "{lines:?}");
    }
    let path = one(dir.path(), &rows(&["s:a|s:b", "n:1|n:2"]));
    assert_eq!(
        names(&read(open, &path, &[("header", "no")]).unwrap()),
        ["column1", "column2"]
    );
    assert_eq!(
        names(&read(open, &path, &[("header", "2")]).unwrap()),
        ["a 1", "b 2"]
    );
    assert_eq!(
        names(&read(open, &path, &[("skip", "1")]).unwrap()),
        ["column1", "column2"]
    );
    assert_eq!(
        texts(&read(open, &path, &[("types", "text")]).unwrap(), 0),
        ["1"]
    );
    assert_eq!(
        profile(&path, &[]).choices[0].otherwise.as_deref(),
        Some("header=no")
    );
}

#[test]
fn all_sheets_are_listed_and_the_first_that_holds_anything_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let data = rows(&["s:a", "n:1"]);
    let merged = "<mergeCells><mergeCell ref=\"A1:B2\"/></mergeCells>";
    let sheets = [
        ("empty", "visible", "<row r=\"5\"><c s=\"1\"/></row>", ""),
        ("secret", "veryHidden", &*data, ""),
        ("data &amp; more", "visible", &*data, merged),
    ];
    let path = made(dir.path(), &sheets, "", "");
    let found = profile(&path, &[]);
    let listed: Vec<&str> = found.tables.iter().map(|t| t.name.as_str()).collect();
    assert_eq!(listed, ["empty", "secret", "data & more"]);
    assert_eq!(found.table.as_deref(), Some("data & more"));
    assert!(
        found.warnings.iter().any(|w| w.contains("\"secret\"")),
        "{:?}",
        found.warnings
    );
    assert!(
        found.warnings.iter().any(|w| w.contains("merged")),
        "{:?}",
        found.warnings
    );
    assert_eq!(read(open, &path, &[("table", "2")]).unwrap().num_rows(), 1);
    assert!(matches!(
        read(open, &path, &[("table", "x")]),
        Err(ConvertError::NoTable { .. })
    ));
    assert!(matches!(
        read(open, &path, &[("table", "empty")]),
        Err(ConvertError::Unreadable { .. })
    ));
}

#[test]
fn empty_rows_and_columns_keep_their_place() {
    let dir = tempfile::tempdir().unwrap();
    let data = "<row r=\"3\"><c r=\"C3\" t=\"inlineStr\"><is><t>a</t></is></c><c r=\"E3\" t=\"inlineStr\"><is><t>b</t></is></c></row>\
        <row r=\"4\"><c r=\"C4\"><v>1</v></c></row><row r=\"7\"><c r=\"E7\"><v>2</v></c></row><row r=\"9\" hidden=\"1\"/>";
    let path = one(dir.path(), data);
    let batch = read(open, &path, &[]).unwrap();
    assert_eq!(names(&batch), ["a", "column2", "b"]);
    assert_eq!(texts(&batch, 0), ["1", "NULL", "NULL", "NULL"]);
    assert_eq!(texts(&batch, 2), ["NULL", "NULL", "NULL", "2"]);
}

#[test]
fn an_edited_sheet_is_read_without_what_the_writer_left_for_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.xlsx");
    samples::write(create, &path, &[many(10)]).unwrap();
    let mut from = zip::ZipArchive::new(File::open(&path).unwrap()).unwrap();
    let edited = dir.path().join("edited.xlsx");
    let mut to = ZipWriter::new(File::create(&edited).unwrap());
    for i in 0..from.len() {
        let mut entry = from.by_index(i).unwrap();
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut entry, &mut bytes).unwrap();
        let name = entry.name().unwrap().into_owned();
        if name.ends_with("sheet1.xml") {
            bytes = String::from_utf8(bytes)
                .unwrap()
                .replace("<v>3</v>", "<v>3.5</v>")
                .into_bytes();
        }
        to.start_file(name, SimpleFileOptions::default()).unwrap();
        to.write_all(&bytes).unwrap();
    }
    to.finish().unwrap();
    let batch = read(open, &edited, &[]).unwrap();
    assert_eq!(batch.schema().field(0).data_type(), &DataType::Float64);
    assert_eq!(batch.num_rows(), 10);
    assert_eq!(
        read(open, &path, &[])
            .unwrap()
            .column(0)
            .as_primitive::<Int64Type>()
            .value(3),
        3
    );
}
