//! Reading rows. The columns are shared out among threads, each of which goes through the
//! same rows in batches of the same size; so two processors are busy with any size of row
//! group, and only a few batches are ever in memory.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{Field, Schema, SchemaRef};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ParquetRecordBatchReaderBuilder};
use parquet::file::reader::Length;

use super::file::Positioned;
use super::open::{ParquetTable, guarded};
use super::{parquet_error, unreadable};
use crate::error::Result;
use crate::table::{BATCH_ROWS, Job, TableReader};
use crate::types;

/// Batches that a thread may be ahead.
const AHEAD: usize = 2;

pub(super) struct Reading<'a> {
    schema: SchemaRef,
    shares: Vec<Share>,
    /// For each column of the schema: which share has it, and at which place.
    places: Vec<(usize, usize)>,
    /// Rows still to come.
    left: u64,
    rows: u64,
    bytes: u64,
    job: Job<'a>,
}

/// Some columns, and the thread that decodes them.
struct Share {
    batches: Option<Receiver<Result<Vec<ArrayRef>>>>,
    thread: Option<JoinHandle<()>>,
    /// What is left of the last batch.
    pending: Vec<ArrayRef>,
}

/// What a thread needs; nothing in it is borrowed.
struct Task {
    file: Positioned,
    meta: ArrowReaderMetadata,
    columns: Vec<usize>,
    targets: Vec<Field>,
    groups: Vec<usize>,
    skip: usize,
    batch_rows: usize,
}

impl<'a> Reading<'a> {
    pub(super) fn begin(
        table: &'a ParquetTable,
        columns: &[usize],
        first: u64,
        threads: usize,
        job: Job<'a>,
    ) -> Result<Self> {
        let fields: Vec<_> = columns
            .iter()
            .map(|at| Arc::clone(&table.schema.fields()[*at]))
            .collect();
        let meta = table.meta.metadata();
        let rows = meta.file_metadata().num_rows().max(0) as u64;
        let (mut groups, mut skip) = (Vec::new(), first);
        for (at, group) in meta.row_groups().iter().enumerate() {
            let here = group.num_rows().max(0) as u64;
            if !groups.is_empty() || skip < here {
                groups.push(at);
            } else {
                skip -= here;
            }
        }
        let mut reading = Reading {
            schema: Arc::new(Schema::new(fields)),
            shares: Vec::new(),
            places: vec![(0, 0); columns.len()],
            left: rows.saturating_sub(first),
            rows,
            bytes: table.file.len(),
            job,
        };
        if reading.left == 0 || columns.is_empty() {
            return Ok(reading);
        }
        let batch_rows = table.batch_rows(columns);
        let mut asked: Vec<Vec<usize>> = vec![Vec::new(); table.fields.len()];
        for (at, column) in columns.iter().enumerate() {
            asked[*column].push(at);
        }
        for (share, columns_of) in shared_out(table, columns, threads * 2)
            .into_iter()
            .enumerate()
        {
            for (place, column) in columns_of.iter().enumerate() {
                for at in &asked[*column] {
                    reading.places[*at] = (share, place);
                }
            }
            let task = Task {
                file: table.file.clone(),
                meta: table.meta.clone(),
                targets: columns_of
                    .iter()
                    .map(|c| table.schema.field(*c).clone())
                    .collect(),
                columns: columns_of,
                groups: groups.clone(),
                skip: skip as usize,
                batch_rows,
            };
            let (sender, batches) = sync_channel(AHEAD);
            let thread = std::thread::Builder::new()
                .name("convert-parquet".to_owned())
                .spawn(move || decode(&task, &sender))?;
            reading.shares.push(Share {
                batches: Some(batches),
                thread: Some(thread),
                pending: Vec::new(),
            });
        }
        Ok(reading)
    }
}

/// The columns in at most `most` parts of about the same size, each in the file's order.
fn shared_out(table: &ParquetTable, columns: &[usize], most: usize) -> Vec<Vec<usize>> {
    let meta = table.meta.metadata();
    let descriptor = meta.file_metadata().schema_descr();
    let mut sizes = vec![0u64; table.fields.len()];
    for group in meta.row_groups() {
        for (leaf, column) in group.columns().iter().enumerate() {
            let root = descriptor.get_column_root_idx(leaf);
            sizes[root] = sizes[root].saturating_add(column.uncompressed_size().max(0) as u64);
        }
    }
    let mut by_size = columns.to_vec();
    by_size.sort_unstable();
    by_size.dedup();
    by_size.sort_by_key(|c| std::cmp::Reverse(sizes[*c]));
    let count = most.clamp(1, by_size.len());
    let mut parts = vec![(0u64, Vec::new()); count];
    for column in by_size {
        if let Some(least) = parts
            .iter_mut()
            .min_by_key(|(size, part)| (*size, part.len()))
        {
            least.0 += sizes[column].max(1);
            least.1.push(column);
        }
    }
    parts
        .into_iter()
        .map(|(_, mut part)| {
            part.sort_unstable();
            part
        })
        .filter(|part| !part.is_empty())
        .collect()
}

/// Runs on a thread of its own until the rows end, or nobody listens.
fn decode(task: &Task, sender: &SyncSender<Result<Vec<ArrayRef>>>) {
    let outcome = guarded(|| {
        let mask = ProjectionMask::roots(task.meta.parquet_schema(), task.columns.iter().copied());
        let mut builder = ParquetRecordBatchReaderBuilder::new_with_metadata(
            task.file.clone(),
            task.meta.clone(),
        )
        .with_row_groups(task.groups.clone())
        .with_projection(mask)
        .with_batch_size(task.batch_rows);
        if task.skip > 0 {
            builder = builder.with_offset(task.skip);
        }
        for batch in builder.build().map_err(parquet_error)? {
            let batch = batch.map_err(|error| unreadable(error.to_string()))?;
            let arrays = batch
                .columns()
                .iter()
                .zip(&task.targets)
                .map(|(array, target)| types::to_plain(array, target))
                .collect::<Result<Vec<_>>>()?;
            if sender.send(Ok(arrays)).is_err() {
                break;
            }
        }
        Ok(())
    });
    if let Err(error) = outcome {
        let _ = sender.send(Err(error));
    }
}

impl Share {
    fn fill(&mut self) -> Result<usize> {
        if self.pending.first().is_none_or(|a| a.is_empty()) {
            let batches = self.batches.as_ref().and_then(|b| b.recv().ok());
            self.pending =
                batches.ok_or_else(|| unreadable("it has fewer rows than it says"))??;
        }
        Ok(self.pending.first().map_or(0, |a| a.len()))
    }

    /// The first `rows` of what is pending.
    fn take(&mut self, rows: usize) -> Vec<ArrayRef> {
        let taken = self.pending.iter().map(|a| a.slice(0, rows)).collect();
        for array in &mut self.pending {
            *array = array.slice(rows, array.len() - rows);
        }
        taken
    }
}

impl TableReader for Reading<'_> {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        self.job.check()?;
        if self.left == 0 {
            return Ok(None);
        }
        let mut rows = usize::try_from(self.left)
            .unwrap_or(BATCH_ROWS)
            .min(BATCH_ROWS);
        for share in &mut self.shares {
            rows = rows.min(share.fill()?);
        }
        if rows == 0 {
            return Err(unreadable("a batch without rows"));
        }
        let parts: Vec<Vec<ArrayRef>> = self.shares.iter_mut().map(|s| s.take(rows)).collect();
        let columns = self
            .places
            .iter()
            .filter(|_| !parts.is_empty())
            .map(|(share, place)| Arc::clone(&parts[*share][*place]));
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let batch = RecordBatch::try_new_with_options(
            Arc::clone(&self.schema),
            columns.collect(),
            &options,
        );
        self.left -= rows as u64;
        batch.map(Some).map_err(types::arrow_error)
    }

    fn position(&self) -> u64 {
        let done = self.rows - self.left;
        (u128::from(self.bytes) * u128::from(done) / u128::from(self.rows.max(1))) as u64
    }
}

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        // A thread that waits to send learns that nobody listens before it is waited for.
        for share in &mut self.shares {
            share.batches = None;
        }
        for share in &mut self.shares {
            if let Some(thread) = share.thread.take() {
                let _ = thread.join();
            }
        }
    }
}
