//! Reading rows: batches are unpacked on several threads, as many at a time as fit in the
//! memory that the job has, and handed on in order, in pieces.

use std::collections::VecDeque;
use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::{Field, Schema, SchemaRef};
use arrow::ipc::reader::FileDecoder;

use super::index::{Index, Part, checked};
use super::open::{ArrowTable, guarded};
use super::unreadable;
use crate::error::{ConvertError, Result};
use crate::parallel::Pool;
use crate::table::{BATCH_BYTES, BATCH_ROWS, Job, TableReader};
use crate::types;

pub(super) struct Reading<'a> {
    index: Arc<Index>,
    schema: SchemaRef,
    /// The columns that are decoded, in the file's order, each once.
    wanted: Vec<usize>,
    pool: Pool<Task, Vec<RecordBatch>>,
    /// The next part to be begun.
    next: usize,
    /// Rows of it that come before the first one asked for.
    skip: u64,
    /// The dictionaries that hold from here on.
    decoder: Option<Arc<FileDecoder>>,
    /// Bytes of each part under way, and where it ends in the file.
    under_way: VecDeque<(u64, u64)>,
    ready: VecDeque<RecordBatch>,
    position: u64,
    job: Job<'a>,
}

struct Task {
    index: Arc<Index>,
    decoder: Arc<FileDecoder>,
    part: Part,
    skip: usize,
}

impl<'a> Reading<'a> {
    pub(super) fn begin(
        table: &'a ArrowTable,
        columns: &[usize],
        first: u64,
        threads: usize,
        job: Job<'a>,
    ) -> Result<Self> {
        let fields: Vec<Field> = columns
            .iter()
            .map(|at| table.schema.field(*at).clone())
            .collect();
        let schema: SchemaRef = Arc::new(Schema::new(fields));
        let mut wanted = columns.to_vec();
        wanted.sort_unstable();
        wanted.dedup();
        let places: Vec<usize> = columns
            .iter()
            .filter_map(|c| wanted.binary_search(c).ok())
            .collect();
        let mut skip = first;
        let mut next = 0;
        while let Some(part) = table.index.parts.get(next).filter(|part| part.rows <= skip) {
            skip -= part.rows;
            next += 1;
        }
        let target = Arc::clone(&schema);
        let pool = Pool::new("arrow", threads, threads + 1, move |task: Task| {
            decode(&task, &places, &target)
        })?;
        Ok(Reading {
            index: Arc::clone(&table.index),
            schema,
            wanted,
            pool,
            next,
            skip,
            decoder: None,
            under_way: VecDeque::new(),
            ready: VecDeque::new(),
            position: 0,
            job,
        })
    }

    /// Begins as many parts as threads and memory allow.
    fn begin_parts(&mut self) -> Result<()> {
        while !self.pool.is_full() {
            let Some(part) = self.index.parts.get(self.next).copied() else {
                return Ok(());
            };
            if part.dictionary {
                // What is under way goes on with the dictionaries it began with.
                self.decoder = None;
                self.next += 1;
                continue;
            }
            let weight = self.index.unpacked(&part)?;
            let limit = self.job.limits.memory_bytes;
            if weight > limit / 4 * 3 {
                return Err(ConvertError::OutOfMemory {
                    limit,
                    detail: format!(
                        "one batch of the file takes {weight} bytes; memory= in MiB allows more"
                    ),
                });
            }
            let others: u64 = self.under_way.iter().map(|(weight, _)| weight).sum();
            if others > 0 && others + weight > limit / 4 {
                return Ok(());
            }
            let decoder = match &self.decoder {
                Some(decoder) => Arc::clone(decoder),
                None => Arc::clone(self.decoder.insert(Arc::new(self.decoder_here()?))),
            };
            let skip = std::mem::take(&mut self.skip) as usize;
            self.pool.submit(Task {
                index: Arc::clone(&self.index),
                decoder,
                part,
                skip,
            });
            self.under_way
                .push_back((weight, part.block.offset() as u64 + part.length()));
            self.next += 1;
        }
        Ok(())
    }

    /// With the dictionaries as they are where the next part begins.
    fn decoder_here(&self) -> Result<FileDecoder> {
        guarded(|| {
            let mut decoder = FileDecoder::new(Arc::clone(&self.index.schema), self.index.version);
            // The library looks each column up in the list: of all of very many that is long.
            if self.wanted.len() < self.index.schema.fields().len() {
                decoder = decoder.with_projection(self.wanted.clone());
            }
            for part in self.index.parts[..self.next]
                .iter()
                .filter(|part| part.dictionary)
            {
                let weight = self.index.unpacked(part)?;
                if weight > self.job.limits.memory_bytes / 2 {
                    return Err(ConvertError::OutOfMemory {
                        limit: self.job.limits.memory_bytes,
                        detail: format!(
                            "a dictionary of the file takes {weight} bytes; memory= in MiB allows more"
                        ),
                    });
                }
                let buffer = self
                    .index
                    .bytes(part.block.offset() as u64, part.length())?;
                checked(decoder.read_dictionary(&part.block, &buffer))?;
            }
            Ok(decoder)
        })
    }
}

fn decode(task: &Task, places: &[usize], target: &SchemaRef) -> Result<Vec<RecordBatch>> {
    guarded(|| {
        let part = &task.part;
        let buffer = task
            .index
            .bytes(part.block.offset() as u64, part.length())?;
        let batch = checked(task.decoder.read_record_batch(&part.block, &buffer))?
            .ok_or_else(|| unreadable("a message without a batch"))?;
        if batch.num_rows() as u64 != part.rows {
            return Err(unreadable(
                "a batch with another count of rows than it says",
            ));
        }
        let each = types::batch_bytes(&batch) / batch.num_rows().max(1);
        let most = (BATCH_BYTES / each.max(1)).clamp(1, BATCH_ROWS);
        let mut pieces = Vec::new();
        let mut at = task.skip;
        while at < batch.num_rows() {
            let take = most.min(batch.num_rows() - at);
            let piece = batch.slice(at, take);
            let columns = places
                .iter()
                .zip(target.fields())
                .map(|(place, field)| types::to_plain(piece.column(*place), field))
                .collect::<Result<Vec<_>>>()?;
            let options = RecordBatchOptions::new().with_row_count(Some(take));
            pieces.push(checked(RecordBatch::try_new_with_options(
                Arc::clone(target),
                columns,
                &options,
            ))?);
            at += take;
        }
        Ok(pieces)
    })
}

impl TableReader for Reading<'_> {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            self.job.check()?;
            if let Some(batch) = self.ready.pop_front() {
                return Ok(Some(batch));
            }
            self.begin_parts()?;
            let Some(pieces) = self.pool.next() else {
                return Ok(None);
            };
            self.ready.extend(pieces?);
            if let Some((_, end)) = self.under_way.pop_front() {
                self.position = end;
            }
        }
    }

    fn position(&self) -> u64 {
        self.position
    }
}
