//! Rows of a text table as Arrow batches: both cores take chunks, split and convert them,
//! and the batches come out in the order of the file. Never decides a type.

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::{Schema, SchemaRef};

use super::Shared;
use super::build::Builder;
use super::cells::{Block, Chunk, Splitter};
use super::index::{Feed, Index, Known, Span, next_known};
use super::whole::Gate;
use crate::error::{ConvertError, Result};
use crate::table::{BATCH_ROWS, Job, TableReader};

/// What became of a chunk.
struct Piece {
    batches: VecDeque<RecordBatch>,
    rows: u64,
    /// Bytes of the file gone through once this is out.
    position: u64,
    /// A place that was not known before.
    span: Option<Span>,
}

#[derive(Default)]
struct State {
    ready: BTreeMap<usize, Result<Piece>>,
    /// The chunk that is wanted next.
    next: usize,
    /// There is no chunk of this number.
    end: Option<usize>,
    stop: bool,
}

/// Pieces in order, not too many ahead.
struct Queue {
    state: Mutex<State>,
    changed: Condvar,
    ahead: usize,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// False once nobody wants more.
    fn push(&self, number: usize, piece: Result<Piece>) -> bool {
        let mut state = self.lock();
        while !state.stop && number >= state.next + self.ahead {
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        if state.stop {
            return false;
        }
        let failed = piece.is_err();
        state.ready.insert(number, piece);
        self.changed.notify_all();
        !failed
    }

    fn end(&self, number: usize) {
        let mut state = self.lock();
        state.end = Some(state.end.map_or(number, |e| e.min(number)));
        self.changed.notify_all();
    }

    fn pop(&self) -> Option<Result<Piece>> {
        let mut state = self.lock();
        loop {
            let next = state.next;
            if let Some(piece) = state.ready.remove(&next) {
                state.next += 1;
                self.changed.notify_all();
                return Some(piece);
            }
            if state.stop || state.end.is_some_and(|e| e <= next) {
                return None;
            }
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn stop(&self) {
        self.lock().stop = true;
        self.changed.notify_all();
    }
}

/// A worker that panics must not leave its reader waiting.
struct Alarm(Arc<Queue>);

impl Drop for Alarm {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let mut state = self.0.lock();
            let next = state.next;
            let detail = "an internal error; the log has more".to_owned();
            state
                .ready
                .insert(next, Err(ConvertError::Engine { detail }));
            self.0.changed.notify_all();
        }
    }
}

/// Where the chunks come from.
enum Chunks {
    Known(Mutex<Known>, File),
    /// Cut on the way: the next number and the feed.
    Cut(Mutex<Feed>),
}

pub(crate) struct Reader<'a> {
    shared: Arc<Shared>,
    schema: SchemaRef,
    queue: Arc<Queue>,
    workers: Vec<JoinHandle<()>>,
    current: VecDeque<RecordBatch>,
    /// Rows still to be passed over.
    skip: u64,
    position: u64,
    ended: bool,
    job: Job<'a>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(
        shared: &Arc<Shared>,
        columns: Option<&[usize]>,
        first: u64,
        job: Job<'a>,
    ) -> Result<Self> {
        let columns: Vec<usize> = match columns {
            Some(columns) => columns.to_vec(),
            None => (0..shared.kinds.len()).collect(),
        };
        let schema = Arc::new(Schema::new_with_metadata(
            columns
                .iter()
                .map(|i| shared.schema.field(*i).clone())
                .collect::<Vec<_>>(),
            shared.schema.metadata().clone(),
        ));
        let index = shared.index();
        let (from, before) = index.find(first);
        let skip = first.saturating_sub(before);
        let chunks = if shared.complete {
            let file = File::open(&shared.origin.path)?;
            let known = Known::new(&shared.origin, Arc::clone(&index), from)?;
            Chunks::Known(Mutex::new(known), file)
        } else {
            let offset = index
                .spans
                .get(from)
                .map(|s| s.offset)
                .or_else(|| index.end());
            let offset = offset.unwrap_or(shared.dialect.start);
            let feed = Feed::new(
                &shared.origin,
                offset,
                shared.dialect.end,
                from as u32,
                job.limits.memory_bytes,
            )?;
            Chunks::Cut(Mutex::new(feed))
        };
        let threads = job.limits.threads.clamp(1, 16);
        let queue = Arc::new(Queue {
            state: Mutex::new(State {
                next: from,
                ..State::default()
            }),
            changed: Condvar::new(),
            ahead: threads + 1,
        });
        let chunks = Arc::new(chunks);
        let empty = shared.kinds.is_empty() || (shared.complete && from >= index.spans.len());
        if empty {
            queue.end(from);
        }
        let workers = (0..if empty { 0 } else { threads })
            .map(|_| {
                let (shared, schema) = (Arc::clone(shared), Arc::clone(&schema));
                let (queue, chunks) = (Arc::clone(&queue), Arc::clone(&chunks));
                let columns = columns.clone();
                let work = move || {
                    let alarm = Alarm(Arc::clone(&queue));
                    work(&shared, &schema, &columns, &chunks, &queue);
                    drop(alarm);
                };
                std::thread::Builder::new()
                    .name("text reader".to_owned())
                    .spawn(work)
            })
            .collect::<std::io::Result<Vec<_>>>()?;
        Ok(Reader {
            shared: Arc::clone(shared),
            schema,
            queue,
            workers,
            current: VecDeque::new(),
            skip,
            position: shared.origin.bom,
            ended: false,
            job,
        })
    }
}

impl TableReader for Reader<'_> {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            self.job.check()?;
            while let Some(batch) = self.current.pop_front() {
                let rows = batch.num_rows() as u64;
                if self.skip >= rows {
                    self.skip -= rows;
                    continue;
                }
                let skip = std::mem::take(&mut self.skip) as usize;
                return Ok(Some(if skip == 0 {
                    batch
                } else {
                    batch.slice(skip, rows as usize - skip)
                }));
            }
            if self.ended {
                return Ok(None);
            }
            match self.queue.pop() {
                Some(piece) => {
                    let piece = piece?;
                    self.position = self.position.max(piece.position);
                    if let Some(span) = piece.span {
                        self.shared.learn(span);
                    }
                    if self.skip >= piece.rows && piece.batches.len() > 1 {
                        self.skip -= piece.rows;
                    } else {
                        self.current = piece.batches;
                    }
                }
                None => {
                    self.ended = true;
                    self.shared.stamp.holds(&self.shared.origin.path)?;
                }
            }
        }
    }

    fn position(&self) -> u64 {
        self.position
    }
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        self.queue.stop();
        for worker in self.workers.drain(..) {
            // A panic was reported through the queue.
            drop(worker.join());
        }
    }
}

fn work(shared: &Shared, schema: &SchemaRef, columns: &[usize], chunks: &Chunks, queue: &Queue) {
    let mut splitter = Splitter::new(&shared.dialect);
    let mut gate = Gate::new(&shared.asked, &shared.origin);
    let mut chunk = Chunk::default();
    let mut block = Block::default();
    loop {
        if queue.lock().stop {
            return;
        }
        let (number, offset, position) = match next(shared, chunks, &mut chunk) {
            Ok(Next::Chunk {
                number,
                offset,
                position,
            }) => (number, offset, position),
            Ok(Next::End(number)) => return queue.end(number),
            Err(error) => {
                // The chunks before it are still good.
                queue.push(chunk.number as usize, Err(error));
                return;
            }
        };
        splitter.begin();
        let made = piece(
            shared,
            schema,
            columns,
            &mut splitter,
            &mut gate,
            &mut chunk,
            &mut block,
        );
        let made = made.map(|(batches, rows)| Piece {
            batches,
            rows,
            position,
            span: offset.map(|offset| Span {
                offset,
                len: chunk.len,
                rows: rows as u32,
                lines: splitter.lines(),
                odd: chunk.odd.as_slice().into(),
            }),
        });
        if !queue.push(number, made) {
            return;
        }
    }
}

enum Next {
    /// `offset` where the place is new.
    Chunk {
        number: usize,
        offset: Option<u64>,
        position: u64,
    },
    End(usize),
}

fn next(shared: &Shared, chunks: &Chunks, chunk: &mut Chunk) -> Result<Next> {
    match chunks {
        Chunks::Known(known, file) => {
            let index: Arc<Index> = shared.index();
            match next_known(known, file, &shared.origin, chunk)? {
                Some(number) => {
                    let span = &index.spans[number];
                    let text = shared.origin.bom + span.offset + span.len as u64;
                    let all = index.end().unwrap_or(0).max(1);
                    let position = if shared.origin.is_plain() {
                        text
                    } else {
                        // The share of the text that is through, of the file.
                        (u128::from(text) * u128::from(shared.stamp.size) / u128::from(all)) as u64
                    };
                    Ok(Next::Chunk {
                        number,
                        offset: None,
                        position: position.min(shared.stamp.size),
                    })
                }
                None => Ok(Next::End(index.spans.len())),
            }
        }
        Chunks::Cut(feed) => {
            let mut feed = feed.lock().unwrap_or_else(PoisonError::into_inner);
            // An error is told where this chunk would have stood.
            chunk.number = feed.number();
            Ok(match feed.next(chunk, &shared.dialect.syntax)? {
                Some(offset) => Next::Chunk {
                    number: chunk.number as usize,
                    offset: Some(offset),
                    position: feed.taken().min(shared.stamp.size),
                },
                None => Next::End(feed.number() as usize),
            })
        }
    }
}

/// The batches of a chunk, and its rows.
fn piece(
    shared: &Shared,
    schema: &SchemaRef,
    columns: &[usize],
    splitter: &mut Splitter<'_>,
    gate: &mut Gate,
    chunk: &mut Chunk,
    block: &mut Block,
) -> Result<(VecDeque<RecordBatch>, u64)> {
    let null = shared.terms.null.as_deref();
    let damaged = shared.damaged && !shared.lossy && gate.is_damaged(chunk);
    let mut batches = VecDeque::new();
    let mut all = 0;
    let mut rows = 0;
    let mut builders = builders(shared, columns);
    loop {
        let more = splitter.block(chunk, block);
        if more {
            if damaged || (shared.damaged && !gate.is_open()) {
                gate.pass(
                    chunk,
                    block,
                    damaged,
                    null,
                    |_, _, _, _| {},
                    |_, asked, text| {
                        asked.scalar == super::lenient::Scalar::Text || asked.read(text).is_some()
                    },
                );
            }
            for (builder, column) in builders.iter_mut().zip(columns) {
                builder.take(&chunk.text, block, *column, null)?;
            }
            rows += block.rows();
        }
        let full = rows + block.rows().max(1) > BATCH_ROWS;
        if rows > 0 && (!more || full) {
            let made = std::mem::replace(&mut builders, self::builders(shared, columns));
            let arrays = made
                .into_iter()
                .map(Builder::finish)
                .collect::<Result<Vec<_>>>()?;
            let options = RecordBatchOptions::new().with_row_count(Some(rows));
            let batch = RecordBatch::try_new_with_options(Arc::clone(schema), arrays, &options);
            batches.push_back(batch.map_err(|e| ConvertError::Engine {
                detail: e.to_string(),
            })?);
            all += rows as u64;
            rows = 0;
        }
        if !more {
            return Ok((batches, all));
        }
    }
}

fn builders(shared: &Shared, columns: &[usize]) -> Vec<Builder> {
    columns
        .iter()
        .map(|i| Builder::new(shared.kinds[*i], shared.lossy))
        .collect()
}
