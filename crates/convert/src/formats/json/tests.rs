//! Whole files: read, written, damaged. What a value becomes is compared as text.

use std::io::Write as _;

use super::*;
use crate::error::ConvertError;
use crate::limits::Limits;
use crate::profile::TableProfile;
use crate::types::{name, text_of};
use arrow::array::RecordBatch;

mod edges;
mod forms;
mod properties;
mod writing;

/// A file of the test's own, gone with it.
fn file(bytes: impl AsRef<[u8]>) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes.as_ref()).unwrap();
    file
}

fn limits() -> Limits {
    Limits {
        threads: 2,
        ..Limits::default()
    }
}

fn options(pairs: &[(&str, &str)]) -> Options {
    Options::parse(pairs.iter().copied()).unwrap()
}

type Cells = Vec<Vec<Option<String>>>;

#[derive(Debug)]
struct Opened {
    names: Vec<String>,
    types: Vec<String>,
    cells: Cells,
    profile: TableProfile,
    batches: Vec<RecordBatch>,
}

impl Opened {
    /// The cells of a column, `∅` for null.
    fn column(&self, index: usize) -> Vec<&str> {
        self.cells
            .iter()
            .map(|row| row[index].as_deref().unwrap_or("∅"))
            .collect()
    }

    fn row(&self, index: usize) -> Vec<&str> {
        self.cells[index]
            .iter()
            .map(|c| c.as_deref().unwrap_or("∅"))
            .collect()
    }
}

fn cells(batches: &[RecordBatch]) -> Cells {
    let mut cells = Vec::new();
    for batch in batches {
        for row in 0..batch.num_rows() {
            let values = batch.columns().iter();
            cells.push(
                values
                    .map(|c| c.is_valid(row).then(|| text_of(c.as_ref(), row)))
                    .collect(),
            );
        }
    }
    cells
}

fn all(table: &dyn Table, first: u64) -> Result<Vec<RecordBatch>> {
    let limits = limits();
    let mut reader = table.read(
        None,
        first,
        Job {
            limits: &limits,
            progress: &(),
        },
    )?;
    let mut batches = Vec::new();
    while let Some(batch) = reader.next_batch()? {
        assert!(batch.num_rows() > 0);
        batches.push(batch);
    }
    assert_eq!(
        reader.position(),
        std::fs::metadata(SOURCE.with(|s| s.borrow().clone()))
            .unwrap()
            .len()
    );
    Ok(batches)
}

thread_local! {
    static SOURCE: std::cell::RefCell<std::path::PathBuf> = const { std::cell::RefCell::new(std::path::PathBuf::new()) };
}

fn table_of(path: &Path, options: &Options, depth: Depth) -> Result<Box<dyn Table>> {
    SOURCE.with(|s| *s.borrow_mut() = path.to_owned());
    let limits = limits();
    open(
        Format::Json,
        &Source::new(path),
        options,
        depth,
        Job {
            limits: &limits,
            progress: &(),
        },
    )
}

fn try_read(bytes: impl AsRef<[u8]>, chosen: &[(&str, &str)]) -> Result<Opened> {
    let file = file(bytes);
    let table = table_of(file.path(), &options(chosen), Depth::Whole)?;
    let batches = all(table.as_ref(), 0)?;
    let cells = cells(&batches);
    let profile = table.profile().clone();
    assert_eq!(table.rows(), Some(cells.len() as u64));
    assert_eq!(profile.rows, cells.len() as u64);
    for (i, column) in profile.columns.iter().enumerate() {
        let nulls = cells.iter().filter(|row| row[i].is_none()).count();
        assert_eq!(column.nulls, nulls as u64, "{}", column.name);
    }
    let schema = table.schema();
    Ok(Opened {
        names: schema.fields().iter().map(|f| f.name().clone()).collect(),
        types: schema.fields().iter().map(|f| name(f)).collect(),
        cells,
        profile,
        batches,
    })
}

fn read(bytes: impl AsRef<[u8]>) -> Opened {
    try_read(bytes, &[]).unwrap()
}

/// Line, column and detail of the place where a file is not JSON.
fn broken(bytes: impl AsRef<[u8]>) -> (u64, u64, String) {
    match try_read(bytes, &[]) {
        Err(ConvertError::Malformed {
            line,
            column,
            detail,
        }) => (line, column, detail),
        other => panic!("{other:?}"),
    }
}

fn write(
    batches: &[RecordBatch],
    schema: &SchemaRef,
    format: Format,
    codec: &str,
) -> tempfile::NamedTempFile {
    let out = file("");
    let limits = limits();
    let job = Job {
        limits: &limits,
        progress: &(),
    };
    let chosen = options(&[("codec", codec)]);
    let mut writer = create(format, out.path(), schema.clone(), &chosen, job).unwrap();
    for batch in batches {
        writer.write(batch.clone()).unwrap();
    }
    writer.finish().unwrap();
    out
}

fn read_as(path: &Path, schema: &SchemaRef) -> Result<Vec<RecordBatch>> {
    SOURCE.with(|s| *s.borrow_mut() = path.to_owned());
    let limits = limits();
    let job = Job {
        limits: &limits,
        progress: &(),
    };
    let table = reopen(Format::Json, path, schema.clone(), &Options::default(), job)?;
    all(table.as_ref(), 0)
}
