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

mod types;

type Rows = Vec<Vec<Option<String>>>;
/// The fields of a row: bytes, and whether they stood in quotes.
type Split = Vec<(Vec<u8>, bool)>;

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
        end_mark: None,
        line_end: "LF",
        layout: None,
        tables: Vec::new(),
        choices: Vec::new(),
        warnings: Vec::new(),
        syntax,
    }
}

/// Rows of a text by the fast way, its chunks about `size` bytes long, and their lines.
fn fast(path: &Path, dialect: &Dialect, size: usize) -> (Vec<Split>, Vec<u64>) {
    let origin = Origin {
        path: path.to_owned(),
        packing: None,
        encoding: encoding_rs::UTF_8,
        mixed: false,
        bom: 0,
    };
    let mut feed = Feed::new(&origin, 0, None, 0, 512 << 20)
        .unwrap()
        .sized(size);
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
fn careful(text: &[u8], dialect: &Dialect) -> Vec<Split> {
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
        prop_assume!(!null.contains(delimiter));
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

/// A record of 9 MiB below 6 MiB of others, where the job may hold 8, is told by the byte of the
/// file: packed, decoded, with a mark before it, and where a quote opens it.
#[test]
fn a_record_that_is_too_long_is_told_by_its_place_in_the_file() {
    let bench = Bench::new();
    let mut limits = limits();
    limits.memory_bytes = 64 << 20;
    let mut front = "id,name\n".to_owned();
    while front.len() < 6 << 20 {
        front += "12345,a name of some length\n";
    }
    let at = front.len();
    for open in ["1,", "1,\"", ""] {
        let text = format!("{front}{open}{}\n2,b\n", "x".repeat(9 << 20));
        for (name, bytes) in [
            ("t.csv", text.clone().into_bytes()),
            ("b.csv", format!("\u{FEFF}{text}").into_bytes()),
            ("t.csv.gz", packed(&text)),
        ] {
            let path = bench.file(name, &bytes);
            for depth in [Depth::Whole, Depth::Head] {
                let job = Job {
                    limits: &limits,
                    progress: &(),
                };
                let choices = options(&[("header", "1"), ("delimiter", ",")]);
                let found = open_at(&path, &choices, depth, job);
                let said = found.err().map(|e| e.to_string()).unwrap_or_default();
                assert!(
                    said.contains(&format!("byte {at} of")),
                    "{name} {open:?} {depth:?}: {said}"
                );
            }
        }
    }
}

fn packed(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut encoder, text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

/// Opened, and read to its end.
fn open_at(path: &Path, choices: &Options, depth: Depth, job: Job<'_>) -> Result<(), ConvertError> {
    let table = open(Format::Csv, &Source::new(path), choices, depth, job)?;
    let mut reader = table.read(None, 0, job)?;
    while reader.next_batch()?.is_some() {}
    Ok(())
}

#[test]
fn an_end_of_file_mark_is_no_row_and_is_told() {
    let bench = Bench::new();
    for (text, line) in [
        ("a,b\r\n1,2\r\n\x1A", 3),
        ("a,b\r\n1,2\x1A", 2),
        ("a,b\r\n1,2\r\n\x1A\x1A\x1A\r\n", 3),
    ] {
        let table = bench.table(text, &[]);
        assert_eq!(rows_from(table.as_ref(), 0).len(), 1, "{text:?}");
        assert_eq!(table.profile().columns[1].type_name, "BIGINT", "{text:?}");
        let repair = &table.profile().repairs[0];
        assert_eq!(repair.kind, "end-of-file mark");
        assert_eq!(
            (repair.count, repair.lines.as_slice()),
            (1, &[line][..]),
            "{text:?}"
        );
    }
    // Above more text it is text, as any other byte.
    let inside = bench.table("a,b\n\x1A,2\n3,4\n", &[]);
    assert_eq!(rows_from(inside.as_ref(), 0)[0][0].as_deref(), Some("\x1A"));
    assert!(inside.profile().repairs.is_empty());
    let alone = bench.table("\x1A", &[]);
    assert_eq!(rows_from(alone.as_ref(), 0).len(), 0);
    // Behind the part of a large file that is looked at first.
    let mut text = "a,b\n".to_owned();
    text += &"12345,a name of some length\n".repeat(700_000);
    text.push('\x1A');
    let large = bench.table(&text, &[]);
    assert_eq!(large.rows(), Some(700_000));
    assert_eq!(large.profile().repairs[0].kind, "end-of-file mark");
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
