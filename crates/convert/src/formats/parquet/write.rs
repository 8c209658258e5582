//! Writing: each row group is encoded by one of several threads, and they go into the file
//! in order.

use std::collections::HashSet;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::{ArrowColumnChunk, ArrowRowGroupWriterFactory, compute_leaves};
use parquet::basic::{Compression, GzipLevel, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::ColumnPath;

use crate::error::{ConvertError, Result};
use crate::fingerprint;
use crate::options::Options;
use crate::parallel::Pool;
use crate::profile::WIDE;
use crate::table::{Job, TableWriter};
use crate::types;

/// As most writers and all readers have it: enough to compress well, few enough to skip.
const GROUP_ROWS: u64 = 122_880;
/// A group of long values ends sooner.
const GROUP_BYTES: usize = 48 << 20;
/// Bytes of a column in a row group.
const SMALL: usize = 4_096;
/// Of so many values the share of different ones is told.
const SAMPLE: usize = 4_096;

struct ParquetWriter {
    /// Until the first rows are there, which say how they are best encoded.
    waiting: Option<File>,
    open: Option<Open>,
    schema: SchemaRef,
    /// As it was asked for.
    compression: Option<Compression>,
    threads: usize,
    group_rows: usize,
    held: Vec<RecordBatch>,
    held_rows: usize,
    held_bytes: usize,
    groups: usize,
}

struct Open {
    /// Dropped first, so that what is under way ends soon.
    _stop: Stop,
    file: SerializedFileWriter<BufWriter<File>>,
    pool: Pool<Group, Vec<ArrowColumnChunk>>,
}

/// Tells the threads of a writer that nobody wants their work any more.
struct Stop(Arc<AtomicBool>);

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Rows that make one row group, and its number.
struct Group {
    at: usize,
    batches: Vec<RecordBatch>,
}

pub(crate) fn create<'a>(
    path: &Path,
    schema: SchemaRef,
    options: &Options,
    job: Job<'a>,
) -> Result<Box<dyn TableWriter + 'a>> {
    let compression = match options.get("codec") {
        Some("zstd") => Some(Compression::ZSTD(ZstdLevel::default())),
        Some("lz4") => Some(Compression::LZ4_RAW),
        Some("gzip") => Some(Compression::GZIP(GzipLevel::default())),
        Some("none") => Some(Compression::UNCOMPRESSED),
        Some("snappy") => Some(Compression::SNAPPY),
        _ => None,
    };
    let file = File::options().write(true).open(path)?;
    let group_rows = options.number("row_group").unwrap_or(GROUP_ROWS);
    Ok(Box::new(ParquetWriter {
        waiting: Some(file),
        open: None,
        schema,
        compression,
        threads: job.limits.threads,
        group_rows: group_rows.clamp(1, 10_000_000) as usize,
        held: Vec::new(),
        held_rows: 0,
        held_bytes: 0,
        groups: 0,
    }))
}

/// What the library says while it writes is about the disk, or a defect.
fn write_error(error: ParquetError) -> ConvertError {
    match error {
        ParquetError::External(inner) => match inner.downcast::<std::io::Error>() {
            Ok(io) => (*io).into(),
            Err(other) => ConvertError::Engine {
                detail: other.to_string(),
            },
        },
        other => ConvertError::Engine {
            detail: other.to_string(),
        },
    }
}

/// Whether values repeat often enough that looking each one up pays.
fn repeats(array: &ArrayRef) -> bool {
    let Ok(hashes) = fingerprint::hashes(array.as_ref()) else {
        return true;
    };
    let step = (array.len() / SAMPLE).max(1);
    let sample: Vec<u64> = hashes.into_iter().step_by(step).collect();
    let count = sample.len();
    let different: HashSet<u64> = sample.into_iter().collect();
    different.len() * 2 <= count.max(2)
}

impl Open {
    fn new(
        file: File,
        schema: &SchemaRef,
        compression: Option<Compression>,
        threads: usize,
        first: &[RecordBatch],
    ) -> Result<Self> {
        let columns = schema.fields().len();
        // Of a few values there is nothing to win, and in a wide table each column's compressor
        // would take more memory than its values.
        let bytes: usize = first.iter().map(types::batch_bytes).sum();
        let small = columns > WIDE && bytes / columns < SMALL;
        let compression = compression.unwrap_or(match small {
            true => Compression::UNCOMPRESSED,
            false => Compression::SNAPPY,
        });
        let mut properties = WriterProperties::builder()
            .set_compression(compression)
            .set_created_by("redline".to_owned())
            .set_statistics_enabled(EnabledStatistics::Chunk);
        // Looking values up costs more memory than it saves on disk there: each column begins
        // with tens of kilobytes for it.
        let wide = columns > WIDE;
        if wide {
            properties = properties.set_dictionary_enabled(false);
        }
        for (at, field) in schema.fields().iter().enumerate().filter(|_| !wide) {
            let flat = !field.data_type().is_nested();
            if flat
                && first
                    .first()
                    .is_some_and(|batch| !repeats(batch.column(at)))
            {
                let path = ColumnPath::new(vec![field.name().clone()]);
                properties = properties.set_column_dictionary_enabled(path, false);
            }
        }
        let file = BufWriter::with_capacity(1 << 20, file);
        let writer = ArrowWriter::try_new(file, Arc::clone(schema), Some(properties.build()));
        let (file, factory) = writer
            .and_then(ArrowWriter::into_serialized_writer)
            .map_err(write_error)?;
        let schema = Arc::clone(schema);
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let pool = Pool::new("parquet", threads, threads + 1, move |group: Group| {
            encode(&factory, &schema, group, &stopped)
        })?;
        Ok(Open {
            _stop: Stop(stop),
            file,
            pool,
        })
    }

    /// Puts the oldest group that is under way into the file.
    fn append(&mut self) -> Result<bool> {
        let Some(chunks) = self.pool.next() else {
            return Ok(false);
        };
        let mut group = self.file.next_row_group().map_err(write_error)?;
        for chunk in chunks? {
            chunk.append_to_row_group(&mut group).map_err(write_error)?;
        }
        group.close().map_err(write_error)?;
        Ok(true)
    }
}

fn encode(
    factory: &ArrowRowGroupWriterFactory,
    schema: &SchemaRef,
    group: Group,
    stopped: &AtomicBool,
) -> Result<Vec<ArrowColumnChunk>> {
    let mut writers = factory
        .create_column_writers(group.at)
        .map_err(write_error)?;
    // Column by column, so that one dictionary at a time is in the processor's cache.
    let mut next = 0;
    for (at, field) in schema.fields().iter().enumerate() {
        let mut leaves = 0;
        for batch in &group.batches {
            if stopped.load(Ordering::Relaxed) {
                return Err(ConvertError::Cancelled);
            }
            let of = compute_leaves(field, batch.column(at)).map_err(write_error)?;
            leaves = of.len();
            for (leaf, writer) in of.iter().zip(&mut writers[next..]) {
                writer.write(leaf).map_err(write_error)?;
            }
        }
        next += leaves;
    }
    writers
        .into_iter()
        .map(|writer| writer.close().map_err(write_error))
        .collect()
}

impl ParquetWriter {
    fn opened(&mut self, first: &[RecordBatch]) -> Result<&mut Open> {
        if let Some(file) = self.waiting.take() {
            let open = Open::new(file, &self.schema, self.compression, self.threads, first)?;
            self.open = Some(open);
        }
        self.open.as_mut().ok_or_else(|| ConvertError::Engine {
            detail: "a Parquet file that could not be begun is written to".to_owned(),
        })
    }

    fn end_group(&mut self) -> Result<()> {
        if self.held_rows == 0 {
            return Ok(());
        }
        let batches = std::mem::take(&mut self.held);
        (self.held_rows, self.held_bytes) = (0, 0);
        let at = self.groups;
        self.groups += 1;
        let open = self.opened(&batches)?;
        while open.pool.is_full() && open.append()? {}
        open.pool.submit(Group { at, batches });
        Ok(())
    }
}

impl TableWriter for ParquetWriter {
    fn write(&mut self, batch: RecordBatch) -> Result<()> {
        let mut batch = batch;
        while batch.num_rows() > 0 {
            let take = batch.num_rows().min(self.group_rows - self.held_rows);
            let part = batch.slice(0, take);
            self.held_bytes += types::batch_bytes(&part);
            self.held_rows += take;
            self.held.push(part);
            batch = batch.slice(take, batch.num_rows() - take);
            if self.held_rows >= self.group_rows || self.held_bytes >= GROUP_BYTES {
                self.end_group()?;
            }
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        self.end_group()?;
        let open = self.opened(&[])?;
        while open.append()? {}
        if let Some(open) = self.open.take() {
            let mut inner = open.file.into_inner().map_err(write_error)?;
            inner.flush()?;
        }
        Ok(())
    }
}
