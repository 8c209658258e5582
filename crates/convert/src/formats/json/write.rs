//! Batches into a JSON file: encoded on all cores, written in order.

use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use super::encode::{ELEMENTS, Keys, LINES, encode};
use crate::error::{ConvertError, Result};
use crate::format::Format;
use crate::options::Options;
use crate::parallel::Pool;
use crate::table::{Job, TableWriter};

/// Rows that are encoded at a time: a fair share for each core, and a bound on how much
/// text waits to be written.
const ROWS: usize = 8_192;

pub(crate) struct JsonWriter<'a> {
    pool: Pool<RecordBatch, Vec<u8>>,
    sink: Sink,
    /// None for NDJSON.
    array: bool,
    /// A row was written.
    begun: bool,
    job: Job<'a>,
}

enum Sink {
    Plain(File),
    Gzip(flate2::write::GzEncoder<File>),
    Zstd(zstd::stream::write::Encoder<'static, File>),
}

impl<'a> JsonWriter<'a> {
    pub(crate) fn new(
        path: &Path,
        format: Format,
        schema: &SchemaRef,
        options: &Options,
        job: Job<'a>,
    ) -> Result<Self> {
        let mut names = HashSet::new();
        if let Some(twice) = schema
            .fields()
            .iter()
            .find(|f| !names.insert(f.name().as_str()))
        {
            return Err(ConvertError::Engine {
                detail: format!("two columns are named {:?}", twice.name()),
            });
        }
        let file = OpenOptions::new().write(true).truncate(true).open(path)?;
        let sink = match options.get("codec") {
            None | Some("none") => Sink::Plain(file),
            Some("gzip") => Sink::Gzip(flate2::write::GzEncoder::new(
                file,
                flate2::Compression::default(),
            )),
            Some("zstd") => Sink::Zstd(zstd::stream::write::Encoder::new(file, 3)?),
            Some(other) => {
                return Err(ConvertError::BadOption {
                    key: "codec".to_owned(),
                    value: other.to_owned(),
                    expected: "gzip, zstd or none".to_owned(),
                });
            }
        };
        let array = format == Format::Json;
        let between = if array { ELEMENTS } else { LINES };
        let keys = Keys::new(schema);
        // What a row took last time, so that buffers seldom grow.
        let row_bytes = AtomicUsize::new(64);
        let threads = job.limits.threads.clamp(1, 16);
        let pool = Pool::new(
            "json-write",
            threads,
            threads * 2,
            move |batch: RecordBatch| {
                let rows = batch.num_rows();
                let room = row_bytes.load(Ordering::Relaxed) * rows;
                let mut out = Vec::with_capacity(room + room / 8);
                encode(&batch, &keys, between, &mut out)?;
                if !array {
                    out.push(b'\n');
                }
                row_bytes.store(out.len() / rows.max(1) + 1, Ordering::Relaxed);
                Ok(out)
            },
        )?;
        Ok(JsonWriter {
            pool,
            sink,
            array,
            begun: false,
            job,
        })
    }

    fn put(&mut self, rows: &[u8]) -> Result<()> {
        if self.array {
            self.sink
                .write(if self.begun { ELEMENTS } else { b"[\n" })?;
        }
        self.begun = true;
        self.sink.write(rows)?;
        Ok(())
    }
}

impl Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Sink::Plain(file) => file.write_all(bytes),
            Sink::Gzip(encoder) => encoder.write_all(bytes),
            Sink::Zstd(encoder) => encoder.write_all(bytes),
        }
    }

    fn finish(self) -> io::Result<()> {
        match self {
            Sink::Plain(mut file) => file.flush(),
            Sink::Gzip(encoder) => encoder.finish().map(|_| ()),
            Sink::Zstd(encoder) => encoder.finish().map(|_| ()),
        }
    }
}

impl TableWriter for JsonWriter<'_> {
    fn write(&mut self, batch: RecordBatch) -> Result<()> {
        let mut from = 0;
        while from < batch.num_rows() {
            self.job.check()?;
            let rows = ROWS.min(batch.num_rows() - from);
            while self.pool.is_full() {
                if let Some(encoded) = self.pool.next() {
                    self.put(&encoded?)?;
                }
            }
            self.pool.submit(batch.slice(from, rows));
            from += rows;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        while let Some(encoded) = self.pool.next() {
            self.job.check()?;
            self.put(&encoded?)?;
        }
        if self.array {
            self.sink
                .write(if self.begun { b"\n]\n" } else { b"[]\n" })?;
        }
        self.sink.finish()?;
        Ok(())
    }
}
