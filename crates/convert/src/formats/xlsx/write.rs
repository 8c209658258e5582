//! A table as a workbook of one sheet, written as it comes: rows become XML on the
//! caller's thread and are packed on another. What Excel has no number for stands in its
//! cell as exact text, and the hint says which type it is of.

use std::fs::OpenOptions;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

use arrow::array::{Array, RecordBatch};
use arrow::datatypes::SchemaRef;
use flate2::Crc;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::encode::{Cells, push_text};
use super::hint::{self, Hint, HintColumn};
use super::parts::{self, Style};
use super::{MAX_COLUMNS, MAX_ROWS};
use crate::error::{ConvertError, Result};
use crate::formats::archive_file::ArchiveFile;
use crate::options::Options;
use crate::sql::grouped;
use crate::table::{Job, TableWriter};
use crate::types;

const BLOCK: usize = 256 << 10;
/// Blocks that may wait for the packing thread.
const WAITING: usize = 8;
/// Level 1 packs a sheet to about a tenth; level 6 takes four times as long for a fifth less.
const LEVEL: i64 = 1;
const SHEET: &str = "xl/worksheets/sheet1.xml";

pub(super) struct SheetWriter<'a> {
    schema: SchemaRef,
    out: Vec<u8>,
    /// `<c r="AB` for each column.
    openings: Vec<Vec<u8>>,
    nulls: Vec<u64>,
    /// Rows written, the header's among them.
    rows: u32,
    packer: Option<Packer>,
    job: Job<'a>,
}

struct Packer {
    blocks: SyncSender<Vec<u8>>,
    thread: JoinHandle<Result<Packed>>,
}

struct Packed {
    zip: ZipWriter<BufWriter<ArchiveFile>>,
    crc: u32,
    bytes: u64,
}

impl<'a> SheetWriter<'a> {
    pub(super) fn create(
        path: &Path,
        schema: SchemaRef,
        options: &Options,
        job: Job<'a>,
    ) -> Result<Self> {
        let width = schema.fields().len();
        if width > MAX_COLUMNS as usize {
            return Err(no_room(
                "16,384 columns",
                format!("{} columns", grouped(width as u64)),
            ));
        }
        if let Some(field) = schema
            .fields()
            .iter()
            .find(|f| !super::holds(f.data_type()))
        {
            return Err(ConvertError::Engine {
                detail: format!(
                    "the column {:?} is {}, which no cell holds",
                    field.name(),
                    types::name(field)
                ),
            });
        }
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .open(path)?;
        let sheet = sheet_name(options.get("sheet").unwrap_or("Sheet1"));
        let (blocks, waiting) = sync_channel::<Vec<u8>>(WAITING);
        let thread = std::thread::Builder::new()
            .name("pack sheet".to_owned())
            .spawn(move || {
                let mut zip =
                    ZipWriter::new(BufWriter::with_capacity(BLOCK, ArchiveFile::new(file)));
                add(&mut zip, "[Content_Types].xml", parts::CONTENT_TYPES)?;
                add(&mut zip, "_rels/.rels", parts::ROOT_LINKS)?;
                add(&mut zip, "xl/workbook.xml", &parts::workbook(&sheet))?;
                add(
                    &mut zip,
                    "xl/_rels/workbook.xml.rels",
                    parts::WORKBOOK_LINKS,
                )?;
                add(&mut zip, "xl/styles.xml", &parts::styles())?;
                // A sheet may pass 4 GiB, and its size stands before it.
                zip.start_file(SHEET, packing().large_file(true))
                    .map_err(zip_error)?;
                let mut crc = Crc::new();
                let mut bytes = 0;
                for block in waiting {
                    crc.update(&block);
                    bytes += block.len() as u64;
                    zip.write_all(&block)?;
                }
                Ok(Packed {
                    zip,
                    crc: crc.sum(),
                    bytes,
                })
            })?;
        let mut writer = SheetWriter {
            out: Vec::with_capacity(BLOCK + (64 << 10)),
            openings: (0..width)
                .map(|i| {
                    let mut opening = b"<c r=\"".to_vec();
                    push_letters(&mut opening, i);
                    opening
                })
                .collect(),
            nulls: vec![0; width],
            rows: 1,
            packer: Some(Packer { blocks, thread }),
            schema: schema.clone(),
            job,
        };
        writer.out.extend_from_slice(parts::SHEET_HEAD);
        writer.out.extend_from_slice(b"<row r=\"1\">");
        for (i, field) in schema.fields().iter().enumerate() {
            let opening = &writer.openings[i];
            push_text(&mut writer.out, opening, b"1", Style::Header, field.name())
                .map_err(|units| long_text(1, field.name(), units))?;
        }
        writer.out.extend_from_slice(b"</row>");
        Ok(writer)
    }

    fn flush(&mut self) -> Result<()> {
        let block = std::mem::replace(&mut self.out, Vec::with_capacity(BLOCK + (64 << 10)));
        match &self.packer {
            Some(packer) if packer.blocks.send(block).is_ok() => Ok(()),
            _ => Err(self.failed()),
        }
    }

    /// Why the packing thread ended before its time.
    fn failed(&mut self) -> ConvertError {
        match self.packer.take() {
            Some(Packer { blocks, thread }) => {
                drop(blocks);
                match thread.join() {
                    Ok(Err(e)) => e,
                    _ => broken(),
                }
            }
            None => broken(),
        }
    }
}

impl TableWriter for SheetWriter<'_> {
    fn write(&mut self, batch: RecordBatch) -> Result<()> {
        let rows = batch.num_rows();
        if self.rows as usize + rows > MAX_ROWS as usize {
            return Err(no_room(
                "1,048,575 rows below its header",
                "more".to_owned(),
            ));
        }
        let columns = batch
            .columns()
            .iter()
            .map(|c| Cells::of(c.as_ref()))
            .collect::<Result<Vec<_>>>()?;
        for (nulls, column) in self.nulls.iter_mut().zip(batch.columns()) {
            *nulls += column.null_count() as u64;
        }
        let mut digits = itoa::Buffer::new();
        for row in 0..rows {
            self.rows += 1;
            let number = digits.format(self.rows).as_bytes();
            self.out.extend_from_slice(b"<row r=\"");
            self.out.extend_from_slice(number);
            self.out.extend_from_slice(b"\">");
            for (i, column) in columns.iter().enumerate() {
                column
                    .push(&mut self.out, &self.openings[i], number, row)
                    .map_err(|units| long_text(self.rows, self.schema.field(i).name(), units))?;
            }
            self.out.extend_from_slice(b"</row>");
            if self.out.len() >= BLOCK {
                self.flush()?;
                self.job.check()?;
            }
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        self.out.extend_from_slice(b"</sheetData></worksheet>");
        self.flush()?;
        let Some(Packer { blocks, thread }) = self.packer.take() else {
            return Err(broken());
        };
        drop(blocks);
        let Packed {
            mut zip,
            crc,
            bytes,
        } = thread.join().map_err(|_| broken())??;
        let hint = Hint {
            crc,
            bytes,
            rows: u64::from(self.rows - 1),
            columns: self
                .schema
                .fields()
                .iter()
                .zip(&self.nulls)
                .map(|(field, nulls)| HintColumn::new(field, *nulls))
                .collect(),
        };
        add(&mut zip, hint::PART, &hint.part())?;
        add(
            &mut zip,
            "customXml/_rels/item1.xml.rels",
            parts::CUSTOM_LINKS,
        )?;
        add(
            &mut zip,
            "customXml/itemProps1.xml",
            parts::CUSTOM_PROPERTIES,
        )?;
        let mut file = zip.finish().map_err(zip_error)?;
        file.flush()?;
        Ok(())
    }
}

fn add(zip: &mut ZipWriter<BufWriter<ArchiveFile>>, name: &str, text: &str) -> Result<()> {
    zip.start_file(name, packing()).map_err(zip_error)?;
    zip.write_all(text.as_bytes())?;
    Ok(())
}

fn packing() -> SimpleFileOptions {
    SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(LEVEL))
}

fn zip_error(error: zip::result::ZipError) -> ConvertError {
    match error {
        zip::result::ZipError::Io(e) => e.into(),
        other => ConvertError::Engine {
            detail: other.to_string(),
        },
    }
}

fn broken() -> ConvertError {
    ConvertError::Engine {
        detail: "packing the sheet ended too early".to_owned(),
    }
}

fn no_room(limit: &str, seen: String) -> ConvertError {
    ConvertError::NoRoom {
        to: "xlsx".to_owned(),
        limit: limit.to_owned(),
        seen,
    }
}

fn long_text(row: u32, column: &str, units: usize) -> ConvertError {
    no_room(
        "32,767 characters in a cell",
        format!("{} in row {row}, column {column:?}", grouped(units as u64)),
    )
}

/// `A`, `Z`, `AA`, … for columns from 0.
fn push_letters(out: &mut Vec<u8>, column: usize) {
    let mut letters = Vec::new();
    let mut n = column + 1;
    while n > 0 {
        letters.push(b'A' + ((n - 1) % 26) as u8);
        n = (n - 1) / 26;
    }
    out.extend(letters.iter().rev());
}

/// A name that Excel takes: 31 characters at most, and some of them not.
pub(crate) fn sheet_name(wanted: &str) -> String {
    let mut name: String = wanted
        .chars()
        .map(|c| {
            if matches!(c, '[' | ']' | ':' | '*' | '?' | '/' | '\\') || c.is_control() {
                '_'
            } else {
                c
            }
        })
        .collect();
    while name.encode_utf16().count() > 31 {
        name.pop();
    }
    let name = name.trim_matches('\'').trim();
    match name {
        "" => "Sheet1".to_owned(),
        name if name.eq_ignore_ascii_case("history") => format!("{name}_"),
        name => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_have_letters() {
        for (column, expected) in [
            (0, "A"),
            (25, "Z"),
            (26, "AA"),
            (701, "ZZ"),
            (702, "AAA"),
            (16_383, "XFD"),
        ] {
            let mut out = Vec::new();
            push_letters(&mut out, column);
            assert_eq!(out, expected.as_bytes());
        }
    }

    #[test]
    fn names_of_sheets_are_ones_that_excel_takes() {
        assert_eq!(sheet_name("a/b[1]"), "a_b_1_");
        assert_eq!(sheet_name("'x'"), "x");
        assert_eq!(sheet_name(""), "Sheet1");
        assert_eq!(sheet_name("History"), "History_");
        assert_eq!(sheet_name(&"x".repeat(40)).len(), 31);
    }
}
