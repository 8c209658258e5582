//! What holds between the parts: fast and careful splitting agree, chunks may end
//! anywhere, a reading gives what the pass over the file promised, and what is written
//! comes back.

use std::path::Path;
use std::sync::Arc;

use arrow::array::cast::AsArray;
use arrow::array::{Array, ArrayRef, Float64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use proptest::prelude::*;

use super::cells::{Block, Chunk, Splitter};
use super::dialect::{Dialect, Escape, Syntax};
use super::index::Feed;
use super::unpack::Origin;
use super::{create, open, reopen, repair};
use crate::error::ConvertError;
use crate::format::Format;
use crate::limits::Limits;
use crate::options::Options;
use crate::source::Source;
use crate::table::{Depth, Job, Table};
use crate::types::text_of;

type Rows = Vec<Vec<Option<String>>>;

fn limits() -> Limits {
    Limits {
        threads: 2,
        ..Limits::default()
    }
}

fn options(pairs: &[(&str, &str)]) -> Options {
    Options::parse(pairs.iter().copied()).unwrap()
}

/// Opened as a whole.
fn opened(path: &Path, pairs: &[(&str, &str)]) -> Result<Box<dyn Table>, ConvertError> {
    let limits = limits();
    let job = Job {
        limits: &limits,
        progress: &(),
    };
    open(
        Format::Csv,
        &Source::new(path),
        &options(pairs),
        Depth::Whole,
        job,
    )
}

fn rows_from(table: &dyn Table, first: u64) -> Rows {
    let limits = limits();
    let job = Job {
        limits: &limits,
        progress: &(),
    };
    let mut reader = table.read(None, first, job).unwrap();
    let mut rows = Rows::new();
    while let Some(batch) = reader.next_batch().unwrap() {
        for row in 0..batch.num_rows() {
            let cell = |c: &ArrayRef| c.is_valid(row).then(|| text_of(c.as_ref(), row));
            rows.push(batch.columns().iter().map(cell).collect());
        }
    }
    rows
}

struct Bench(tempfile::TempDir);

impl Bench {
    fn new() -> Self {
        Bench(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> std::path::PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    fn table(&self, text: impl AsRef<[u8]>, pairs: &[(&str, &str)]) -> Box<dyn Table> {
        opened(&self.file("t.csv", text), pairs).unwrap()
    }
}

fn dialect(syntax: Syntax) -> Dialect {
    let names = (0..syntax.width)
        .map(|i| format!("c{i}"))
        .collect::<Vec<_>>();
    Dialect {
        encoding: encoding_rs::UTF_8,
        bom: 0,
        mixed: false,
        start: 0,
        start_line: 1,
        end: None,
        header_rows: 0,
        columns: names.iter().map(|_| Default::default()).collect(),
        names,
        said: Vec::new(),
        page_header: None,
        preamble: Vec::new(),
        footnotes: Vec::new(),
        line_end: "LF",
        layout: None,
        tables: Vec::new(),
        choices: Vec::new(),
        warnings: Vec::new(),
        syntax,
    }
}

/// Rows of a text by the fast way, its chunks about `size` bytes long, and their lines.
fn fast(path: &Path, dialect: &Dialect, size: usize) -> (Vec<Vec<(Vec<u8>, bool)>>, Vec<u64>) {
    let origin = Origin {
        path: path.to_owned(),
        packing: None,
        encoding: encoding_rs::UTF_8,
        mixed: false,
        bom: 0,
    };
    let mut feed = Feed::new(&origin, 0, None, 0).unwrap().sized(size);
    let mut splitter = Splitter::new(dialect);
    let (mut chunk, mut block) = (Chunk::default(), Block::default());
    let (mut rows, mut lines) = (Vec::new(), Vec::new());
    let mut line = 1;
    while feed.next(&mut chunk, &dialect.syntax).unwrap().is_some() {
        splitter.begin();
        while splitter.block(&mut chunk, &mut block) {
            for (row, at) in block.cells.chunks(block.width).zip(&block.lines) {
                rows.push(
                    row.iter()
                        .map(|c| (c.of(&chunk.text).to_vec(), c.quoted()))
                        .collect(),
                );
                lines.push(line + u64::from(*at));
            }
        }
        line += u64::from(splitter.lines());
    }
    (rows, lines)
}

/// The same by the careful way alone.
fn careful(text: &[u8], dialect: &Dialect) -> Vec<Vec<(Vec<u8>, bool)>> {
    let syntax = &dialect.syntax;
    let mut rows = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let end = repair::record_end(&text[at..], true, syntax).unwrap();
        let record = &text[at..at + end.end];
        at += end.next;
        let mut fields = Vec::new();
        repair::split(record, syntax, &mut fields);
        if syntax.width > 1 && record.iter().all(|b| *b == b' ') {
            continue;
        }
        if fields.len() != syntax.width {
            repair::fit(record, dialect, &mut fields);
        }
        rows.push(
            fields
                .into_iter()
                .map(|f| (f.text.into_owned(), f.quoted))
                .collect(),
        );
    }
    rows
}

fn syntaxes() -> impl Strategy<Value = Syntax> {
    let escape = prop_oneof![
        Just(Escape::Doubled),
        Just(Escape::Backslash),
        Just(Escape::None)
    ];
    (escape, any::<bool>(), 1usize..4, any::<bool>()).prop_map(
        |(escape, cr_ends, width, quotes)| Syntax {
            escape,
            cr_ends,
            width,
            quote: quotes.then_some(b'"'),
            delimiter: if width == 1 { Vec::new() } else { vec![b','] },
            ..Syntax::default()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn fast_and_careful_splitting_agree(
        text in "([ab,\"\n]|\r\n|\"\"|,\"a|b\",|\\\\\"| ){0,60}",
        syntax in syntaxes(),
    ) {
        let bench = Bench::new();
        let path = bench.file("t", &text);
        let dialect = dialect(syntax);
        let expected = careful(text.as_bytes(), &dialect);
        prop_assert_eq!(fast(&path, &dialect, 1 << 16).0, expected);
    }

    #[test]
    fn chunks_may_end_anywhere(
        text in "([ab,\n]|\r\n|\"a\"|\"b\"\"\nc\",|,\"\"|a\"|\"x,\n){0,60}",
        cr_ends in any::<bool>(),
        size in 1usize..40,
    ) {
        let bench = Bench::new();
        let path = bench.file("t", &text);
        let dialect = dialect(Syntax { width: 2, cr_ends, ..Syntax::default() });
        prop_assert_eq!(fast(&path, &dialect, size), fast(&path, &dialect, 1 << 16));
    }

    #[test]
    fn what_is_written_comes_back(
        values in prop::collection::vec(
            (prop::option::of("[ab,;\t\" \r\n\\\\é\u{0}]{0,6}"), prop::option::of(any::<f64>())), 1..40),
        delimiter in prop_oneof![Just(","), Just("tab"), Just(";"), Just("a"), Just(".")],
        null in prop_oneof![Just(""), Just("NA"), Just("1.0"), Just("a")],
        all in any::<bool>(),
        codec in prop_oneof![Just("none"), Just("gzip"), Just("zstd")],
    ) {
        prop_assume!(!(delimiter == "a" && null.contains('a')) && !(delimiter == "." && null == "1.0"));
        let (texts, numbers): (Vec<_>, Vec<_>) = values.iter().cloned().unzip();
        let schema = Arc::new(Schema::new(vec![
            Field::new("t,\"x", DataType::Utf8, true),
            Field::new("n", DataType::Float64, true),
        ]));
        let columns: Vec<ArrayRef> = vec![Arc::new(StringArray::from(texts)), Arc::new(Float64Array::from(numbers))];
        let batch = RecordBatch::try_new(Arc::clone(&schema), columns).unwrap();
        let bench = Bench::new();
        let path = bench.file("t.csv", "");
        let options = options(&[
            ("out_delimiter", delimiter), ("out_null", null), ("codec", codec),
            ("out_quote", if all { "all" } else { "needed" }),
        ]);
        let limits = limits();
        let job = Job { limits: &limits, progress: &() };
        let mut writer = create(Format::Csv, &path, Arc::clone(&schema), &options, job).unwrap();
        writer.write(batch.clone()).unwrap();
        writer.finish().unwrap();
        let back = reopen(Format::Csv, &path, schema, &options, job).unwrap();
        let back = rows_from(back.as_ref(), 0);
        let cell = |c: &ArrayRef, row| c.is_valid(row).then(|| text_of(c.as_ref(), row));
        for (row, seen) in back.iter().enumerate() {
            let expected: Vec<_> = batch.columns().iter().map(|c| cell(c, row)).collect();
            prop_assert_eq!(seen, &expected);
        }
        prop_assert_eq!(back.len(), batch.num_rows());
    }

    #[test]
    fn a_reading_gives_the_rows_of_the_profile(
        rows in prop::collection::vec((any::<i32>(), "[a-c]{0,3}", 0u32..100_000), 1..200),
        first in 0u64..220,
    ) {
        let mut text = "id,name,amount\n".to_owned();
        for (id, name, cents) in &rows {
            text += &format!("{id},{name},{}.{:02}\n", cents / 100, cents % 100);
        }
        let bench = Bench::new();
        let table = bench.table(&text, &[("header", "1")]);
        let all = rows_from(table.as_ref(), 0);
        prop_assert_eq!(table.rows(), Some(rows.len() as u64));
        prop_assert_eq!(all.len(), rows.len());
        for ((id, name, cents), row) in rows.iter().zip(&all) {
            prop_assert_eq!(row[0].clone(), Some(id.to_string()));
            prop_assert_eq!(row[1].clone(), (!name.is_empty()).then(|| name.clone()));
            prop_assert_eq!(row[2].clone(), Some(format!("{}.{:02}", cents / 100, cents % 100)));
        }
        let rest = all.get(first as usize..).unwrap_or_default();
        let seeked = rows_from(table.as_ref(), first);
        prop_assert_eq!(seeked.as_slice(), rest);
    }
}

#[test]
fn each_type_is_the_narrowest_that_prints_back() {
    let bench = Bench::new();
    for (values, expected) in [
        ("true|false", "BOOLEAN"),
        ("True|False", "VARCHAR"),
        ("1|-5|0", "BIGINT"),
        ("9223372036854775807|-9223372036854775808", "BIGINT"),
        ("9223372036854775808|1", "DECIMAL(38,0)"),
        ("170141183460469231731687303715884105728", "VARCHAR"),
        ("007|1", "VARCHAR"),
        ("+1|2", "VARCHAR"),
        ("-0|2", "VARCHAR"),
        ("1.50|2.25", "DECIMAL(3,2)"),
        ("-0.01|12345678901234567890.12", "DECIMAL(22,2)"),
        ("1.5|2|0.125", "DOUBLE"),
        ("1.5|2.0|0.125", "DOUBLE"),
        ("1.5|2.0|2", "VARCHAR"),
        ("1.50|2.125", "VARCHAR"),
        ("1e+20|1.5", "DOUBLE"),
        ("1E20|1.5", "VARCHAR"),
        ("1E400", "VARCHAR"),
        ("-0.0|1.5", "DOUBLE"),
        ("nan|1.5|inf", "DOUBLE"),
        ("nan|nan", "VARCHAR"),
        ("9007199254740993|1.5", "VARCHAR"),
        ("2024-02-29|1999-12-31", "DATE"),
        ("2023-02-29", "VARCHAR"),
        ("13/02/2026|01/02/2026", "DATE"),
        ("02/13/2026|01/02/2026", "DATE"),
        ("01/02/2026|03/04/2026", "VARCHAR"),
        ("13/02/2026|02/13/2026", "VARCHAR"),
        ("13/02/2026|1/2/2026", "VARCHAR"),
        ("2026/1/2|2026/11/12", "DATE"),
        ("2024-01-01 00:00:00|2024-01-01 10:00:00.5", "TIMESTAMP"),
        (
            "2024-01-01T00:00:00Z|2024-01-01T10:00:00Z",
            "TIMESTAMP WITH TIME ZONE",
        ),
        ("2024-01-01T00:00:00Z|2024-01-01T10:00:00+01:00", "VARCHAR"),
        ("2024-01-01 00:00:00|2024-01-01T10:00:00", "VARCHAR"),
        (
            "2024-01-01 00:00:00.000|2024-01-01 10:00:00.500",
            "TIMESTAMP",
        ),
        ("2024-01-01 00:00:00.50|2024-01-01 10:00:00", "VARCHAR"),
        ("2024-01-01 00:00:00.123456789", "TIMESTAMP_NS"),
        ("9999-12-31 00:00:00.123456789", "VARCHAR"),
        ("10:00:00|23:59:59.5", "TIME"),
        ("24:00:00", "VARCHAR"),
        ("1|x", "VARCHAR"),
        ("1|2024-01-01", "VARCHAR"),
        ("\"\"|1", "VARCHAR"),
        ("\"1\"|\"2\"", "BIGINT"),
        ("|", "VARCHAR"),
    ] {
        let mut text = "k,v\n".to_owned();
        for value in values.split('|') {
            text += &format!("k,{value}\n");
        }
        let table = bench.table(&text, &[("header", "1")]);
        let column = &table.profile().columns[1];
        assert_eq!(column.type_name, expected, "{values}: {}", column.evidence);
        let proved = column.evidence.ends_with("values altered");
        assert_eq!(
            proved,
            expected != "VARCHAR",
            "{values}: {}",
            column.evidence
        );
    }
}

#[test]
fn forms_come_back_as_they_stood() {
    let bench = Bench::new();
    let text = "a,b,c,d\n\
        13/02/2026,1.5,2024-01-01T00:00:00.000Z,10:00\n\
        01/12/2026,2,2024-01-01T10:00:00.250Z,23:59\n";
    let table = bench.table(text, &[("header", "1")]);
    let types: Vec<_> = table
        .profile()
        .columns
        .iter()
        .map(|c| c.type_name.as_str())
        .collect();
    assert_eq!(
        types,
        ["DATE", "DOUBLE", "TIMESTAMP WITH TIME ZONE", "TIME"]
    );
    let limits = limits();
    let job = Job {
        limits: &limits,
        progress: &(),
    };
    let out = bench.file("out.csv", "");
    let mut writer = create(Format::Csv, &out, table.schema(), &Options::default(), job).unwrap();
    let mut reader = table.read(None, 0, job).unwrap();
    while let Some(batch) = reader.next_batch().unwrap() {
        writer.write(batch).unwrap();
    }
    writer.finish().unwrap();
    assert_eq!(std::fs::read_to_string(out).unwrap(), text);
}

#[test]
fn the_value_in_the_way_of_a_type_is_named() {
    let bench = Bench::new();
    let mut text = "a,b\n".to_owned();
    for i in 0..25_000 {
        text += &format!("{i},{}.5\n", i);
    }
    text += "007,1.50\n";
    let table = bench.table(&text, &[("header", "1")]);
    let evidence: Vec<_> = table
        .profile()
        .columns
        .iter()
        .map(|c| c.evidence.as_str())
        .collect();
    assert_eq!(evidence[0], "text: \"007\" in line 25,002 would become 7");
    assert_eq!(
        evidence[1],
        "text: \"1.50\" in line 25,002 would become 1.5"
    );
}

#[test]
fn counts_extremes_and_samples_are_of_the_whole_file() {
    let bench = Bench::new();
    let mut text = "n,city\n".to_owned();
    for i in 0..60_000 {
        let city = ["Paris", "Rome", "", "\"\""][i % 4];
        text += &format!("{},{city}\n", (i as i64) - 30_000);
    }
    let table = bench.table(&text, &[("header", "1")]);
    let [n, city] = &table.profile().columns[..] else {
        panic!()
    };
    assert_eq!(
        (n.min.as_deref(), n.max.as_deref()),
        (Some("-30000"), Some("29999"))
    );
    let distinct = n.distinct.unwrap() as f64;
    assert!((distinct - 60_000.0).abs() < 3_000.0, "{distinct}");
    assert_eq!(
        (city.nulls, city.empties, city.distinct),
        (15_000, 15_000, Some(3))
    );
    assert_eq!(
        (city.min.as_deref(), city.max.as_deref(), city.longest),
        (Some(""), Some("Rome"), Some(5))
    );
    assert_eq!(n.histogram.len(), 20);
    let counted: u64 = n.histogram.iter().map(|b| b.count).sum();
    assert!((50_000..70_000).contains(&counted), "{counted}");
    assert_eq!(n.examples.len(), 5);
}

#[test]
fn what_was_asked_for_is_a_type_or_a_reject() {
    let bench = Bench::new();
    let text = "id,when\n007,2026-01-02\nx,2026-01-03\n8,never\n9,\n";
    let path = bench.file("t.csv", text);
    let asked = [
        ("type.id", "INTEGER"),
        ("type.when", "DATE"),
        ("header", "1"),
    ];
    match opened(&path, &asked) {
        Err(ConvertError::Rejected { rejects }) => {
            assert_eq!(rejects.count, 2);
            let places: Vec<_> = rejects
                .examples
                .iter()
                .map(|r| (r.line, r.column))
                .collect();
            assert_eq!(places, [(3, Some(1)), (4, Some(2))]);
            assert_eq!(rejects.examples[0].text, "x,2026-01-03");
        }
        other => panic!("{:?}", other.map(|t| t.rows())),
    }
    let reported = [asked.as_slice(), &[("on_reject", "report")]].concat();
    let table = opened(&path, &reported).unwrap();
    assert_eq!((table.rows(), table.profile().rejects.count), (Some(2), 2));
    let rows = rows_from(table.as_ref(), 0);
    assert_eq!(
        rows[0],
        [Some("7".to_owned()), Some("2026-01-02".to_owned())]
    );
    assert_eq!(rows[1], [Some("9".to_owned()), None]);
}

#[test]
fn a_source_that_changes_is_noticed() {
    let bench = Bench::new();
    let path = bench.file("t.csv", "a,b\n1,2\n3,4\n");
    let table = opened(&path, &[]).unwrap();
    std::fs::write(&path, "a,b\n1,2\n3,4\n5,6\n").unwrap();
    let limits = limits();
    let job = Job {
        limits: &limits,
        progress: &(),
    };
    assert!(matches!(
        table.read(None, 0, job).err(),
        Some(ConvertError::SourceChanged)
    ));
}

#[test]
fn stooq_tables_go_through_typed() {
    let bench = Bench::new();
    let text = "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>\n\
        AAPL.US,D,19840907,000000,0.0991,0.1003,0.0979,0.0991,99249600.96,0\n\
        AAPL.US,D,19840910,223000,0.0991,0.0993,0.0967,0.0985,77033012,0\n";
    let path = bench.file("aapl.us.txt", text);
    let limits = limits();
    let job = Job {
        limits: &limits,
        progress: &(),
    };
    let table = open(
        Format::Txt,
        &Source::new(&path),
        &Options::default(),
        Depth::Whole,
        job,
    )
    .unwrap();
    let types: Vec<_> = table
        .profile()
        .columns
        .iter()
        .map(|c| c.type_name.as_str())
        .collect();
    assert_eq!(types[2..4], ["DATE", "TIME"]);
    assert_eq!(
        table.profile().text.as_ref().unwrap().layout.as_deref(),
        Some("stooq")
    );
    let out = bench.file("out.txt", "");
    let mut writer = create(Format::Txt, &out, table.schema(), &Options::default(), job).unwrap();
    let mut reader = table.read(None, 0, job).unwrap();
    while let Some(batch) = reader.next_batch().unwrap() {
        writer.write(batch).unwrap();
    }
    writer.finish().unwrap();
    assert_eq!(std::fs::read_to_string(out).unwrap(), text);
}

#[test]
fn packed_and_encoded_text_reads_like_any() {
    use std::io::Write;
    let bench = Bench::new();
    let mut text = "id,name\n".to_owned();
    for i in 0..50_000 {
        text += &format!("{i},\"é {i}\nx\"\n");
    }
    let plain = rows_from(bench.table(&text, &[("header", "1")]).as_ref(), 0);
    assert_eq!(plain.len(), 50_000);
    let (front, back) = text.split_at(text.len() / 3 + 1);
    let member = |part: &str| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(part.as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    let gzip = [member(front), member(back)].concat();
    let zstd = zstd::encode_all(text.as_bytes(), 1).unwrap();
    let wide: Vec<u8> = [0xFEFF]
        .into_iter()
        .chain(text.encode_utf16())
        .flat_map(u16::to_le_bytes)
        .collect();
    for (name, bytes) in [("t.csv.gz", gzip), ("t.csv.zst", zstd), ("w.csv", wide)] {
        let path = bench.file(name, &bytes);
        let table = opened(&path, &[("header", "1")]).unwrap();
        assert_eq!(rows_from(table.as_ref(), 0), plain, "{name}");
        assert_eq!(rows_from(table.as_ref(), 49_990), plain[49_990..], "{name}");
    }
    let mut broken = member(front);
    broken.truncate(broken.len() / 2);
    let path = bench.file("b.csv.gz", &broken);
    assert!(matches!(
        opened(&path, &[]).err(),
        Some(ConvertError::Unreadable { .. })
    ));
}

#[test]
fn a_look_at_a_large_file_learns_where_rows_are() {
    let bench = Bench::new();
    let mut text = "id,name\n".to_owned();
    for i in 0..600_000 {
        text += &format!("{i},name {i}\n");
    }
    let path = bench.file("t.csv", &text);
    let limits = limits();
    let job = Job {
        limits: &limits,
        progress: &(),
    };
    let source = Source::new(&path);
    let table = open(
        Format::Csv,
        &source,
        &options(&[("header", "1")]),
        Depth::Head,
        job,
    )
    .unwrap();
    assert_eq!(table.rows(), None);
    assert_eq!(
        rows_from(table.as_ref(), 599_999),
        [[Some("599999".to_owned()), Some("name 599999".to_owned())]]
    );
    assert_eq!(rows_from(table.as_ref(), 400_000).len(), 200_000);
    assert!(rows_from(table.as_ref(), 600_000).is_empty());
}

#[test]
fn huge_fields_and_odd_bytes_pass() {
    let bench = Bench::new();
    let long = "x\"\"y,\n".repeat(600_000);
    let table = bench.table(
        format!("a,b\n1,\"{long}\"\n2,\0\n"),
        &[("header", "1"), ("delimiter", ",")],
    );
    let rows = rows_from(table.as_ref(), 0);
    assert_eq!(rows[0][1].as_ref().unwrap().len(), long.len() - 600_000);
    assert_eq!(rows[1][1].as_deref(), Some("\0"));
    let cr = bench.table("a,b\r1,2\r3,\"x\ry\"\r", &[("header", "1")]);
    assert_eq!(rows_from(cr.as_ref(), 0).len(), 2);
    assert_eq!(cr.profile().columns[0].type_name, "BIGINT");
    let wide: String = (0..60_000).map(|i| format!("column number {i},")).collect();
    let row: String = "1,".repeat(60_000);
    let wide = bench.table(
        format!("{wide}z\n{row}1\n"),
        &[("header", "1"), ("delimiter", ",")],
    );
    assert_eq!(wide.schema().fields().len(), 60_001);
    assert_eq!(rows_from(wide.as_ref(), 0).len(), 1);
}

#[test]
fn no_rows_are_no_error() {
    let bench = Bench::new();
    let table = bench.table("a,b\n", &[("header", "1")]);
    assert_eq!(
        (table.rows(), rows_from(table.as_ref(), 0).len()),
        (Some(0), 0)
    );
    let _ = table.schema().field(0).data_type() == &DataType::Utf8;
    assert!(table.schema().fields().len() == 2);
    let none = bench.table("", &[]);
    assert_eq!(rows_from(none.as_ref(), 0).len(), 0);
}

#[test]
fn invalid_bytes_are_located() {
    let bench = Bench::new();
    // Far behind the head that the encoding is told from.
    let mut text = b"a,b\n".to_vec();
    for i in 0..2_000_000 {
        text.extend_from_slice(format!("{i},plain text\n").as_bytes());
    }
    text.extend_from_slice(b"1,\xFF\xFE\n2,y\n");
    let path = bench.file("t.csv", &text);
    match opened(&path, &[("header", "1")]) {
        Err(ConvertError::Rejected { rejects }) => {
            assert_eq!((rejects.count, rejects.examples[0].line), (1, 2_000_002));
            assert_eq!(rejects.examples[0].column, Some(2));
        }
        other => panic!("{:?}", other.map(|t| t.profile().warnings.clone())),
    }
    let table = opened(&path, &[("header", "1"), ("on_reject", "report")]).unwrap();
    assert_eq!(table.rows(), Some(2_000_001));
    assert_eq!(
        rows_from(table.as_ref(), 2_000_000)[0][1].as_deref(),
        Some("y")
    );
}

#[test]
fn kept_columns_are_the_ones_read() {
    let bench = Bench::new();
    let table = bench.table("a,b,c\n1,x,2.5\n", &[("header", "1")]);
    let limits = limits();
    let job = Job {
        limits: &limits,
        progress: &(),
    };
    let mut reader = table.read(Some(&[2, 0]), 0, job).unwrap();
    let batch = reader.next_batch().unwrap().unwrap();
    assert_eq!(batch.schema().field(0).name(), "c");
    assert_eq!(text_of(batch.column(1).as_ref(), 0), "1");
    assert!(
        batch
            .column(0)
            .as_primitive_opt::<arrow::datatypes::Decimal128Type>()
            .is_some()
    );
}
