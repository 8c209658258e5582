//! The one pass over a whole file: every core takes chunk after chunk, splits it, and
//! notes what it sees; the notes are put together at the end. Finds the rows, their
//! places, the types, what was mended and what is no row. Never keeps a row.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use memchr::memmem;

use super::cells::{Block, Chunk, Mends, Splitter, merge_mends};
use super::dialect::Dialect;
use super::index::{Feed, Index, Span};
use super::infer::{Column, Place, Terms};
use super::lenient::Asked;
use super::stooq::Expected;
use super::unpack::Origin;
use crate::error::Result;
use crate::profile::{Reject, Rejects};
use crate::table::Job;

/// What a text was turned into where its bytes were not of its encoding.
const REPLACED: &[u8] = "\u{FFFD}".as_bytes();

/// What one pass found.
pub(crate) struct Found {
    pub index: Index,
    pub columns: Vec<Column>,
    pub mends: Mends,
    pub rejects: Rejects,
    pub nul_bytes: u64,
    /// How many rows stand behind each row of the samples.
    pub sample_step: u64,
}

/// Bytes that one core's notes about a column take, of a table so wide that it matters.
const COLUMN_NOTES: usize = 2_048;

/// Rejects that are told with their text.
const TOLD: usize = 100;

struct Refused {
    at: Place,
    column: usize,
    reason: String,
    text: Vec<u8>,
}

/// Tells which rows of a block cannot be rows of the table.
pub(crate) struct Gate {
    asked: Vec<(usize, Asked)>,
    /// The text was decoded, so that bytes which are not of its encoding left a mark.
    decoded: bool,
    encoding: &'static str,
    out: Vec<bool>,
}

impl Gate {
    pub(crate) fn new(asked: &[Option<Asked>], origin: &Origin) -> Self {
        Gate {
            asked: asked
                .iter()
                .enumerate()
                .filter_map(|(i, a)| Some((i, (*a)?)))
                .collect(),
            decoded: origin.is_decoded(),
            encoding: origin.encoding.name(),
            out: Vec::new(),
        }
    }

    /// Whether a chunk holds bytes that are no text.
    pub(crate) fn is_damaged(&self, chunk: &Chunk) -> bool {
        let text = &chunk.text[..chunk.len];
        if self.decoded {
            memmem::find(text, REPLACED).is_some()
        } else {
            std::str::from_utf8(text).is_err()
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        self.asked.is_empty()
    }

    /// Takes rows out of a block that are none, and tells each: row, field, and whether
    /// its bytes (or else its type) are the reason.
    pub(crate) fn pass(
        &mut self,
        chunk: &Chunk,
        block: &mut Block,
        damaged: bool,
        null: Option<&[u8]>,
        mut told: impl FnMut(&Block, usize, usize, bool),
        mut value: impl FnMut(usize, Asked, &[u8]) -> bool,
    ) {
        if !damaged && self.asked.is_empty() {
            return;
        }
        self.out.clear();
        self.out.resize(block.rows(), false);
        let mut any = false;
        let width = block.width;
        for row in 0..block.rows() {
            let cells = &block.cells[row * width..(row + 1) * width];
            if damaged {
                let bad = cells.iter().position(|cell| {
                    let text = cell.of(&chunk.text);
                    if self.decoded {
                        memmem::find(text, REPLACED).is_some()
                    } else {
                        std::str::from_utf8(text).is_err()
                    }
                });
                if let Some(column) = bad {
                    told(block, row, column, true);
                    self.out[row] = true;
                    any = true;
                    continue;
                }
            }
            for (column, asked) in &self.asked {
                let cell = cells[*column];
                let text = cell.of(&chunk.text);
                if !cell.quoted() && (text.is_empty() || null == Some(text)) {
                    continue;
                }
                if !value(*column, *asked, text) {
                    told(block, row, *column, false);
                    self.out[row] = true;
                    any = true;
                    break;
                }
            }
        }
        if any {
            block.remove(&self.out);
        }
    }
}

/// One core's notes.
struct Notes<'d> {
    splitter: Splitter<'d>,
    columns: Vec<Column>,
    spans: Vec<(u32, Span)>,
    rejected: u64,
    refused: Vec<Refused>,
    nul_bytes: u64,
    /// Every `step`-th row is in the sample; twice as far apart once it is full.
    step: u64,
    since: u64,
    sampled: usize,
}

impl Notes<'_> {
    fn sample(&mut self, chunk: &Chunk, block: &Block, terms: &Terms) {
        if terms.sample == 0 {
            return;
        }
        let rows = block.rows() as u64;
        let mut row = self.since;
        while row < rows {
            let cells = &block.cells[row as usize * block.width..][..block.width];
            for (column, cell) in self.columns.iter_mut().zip(cells) {
                let text = cell.of(&chunk.text);
                let null =
                    !cell.quoted() && (text.is_empty() || terms.null.as_deref() == Some(text));
                column
                    .sample
                    .push((!null).then(|| text[..text.len().min(64)].into()));
            }
            self.sampled += 1;
            if self.sampled >= terms.sample {
                self.step *= 2;
                self.sampled = self.sampled.div_ceil(2);
                for column in &mut self.columns {
                    let mut at = 0;
                    column.sample.retain(|_| {
                        at += 1;
                        at % 2 == 1
                    });
                }
            }
            row += self.step;
        }
        self.since = row - rows;
    }
}

/// Goes through all of a text. Progress is told in the phase that the caller began.
pub(crate) fn pass(
    origin: &Origin,
    dialect: &Dialect,
    terms: &Terms,
    asked: &[Option<Asked>],
    expected: &[Option<Expected>],
    job: Job<'_>,
) -> Result<Found> {
    let memory = job.limits.memory_bytes;
    let feed = Mutex::new(Feed::new(origin, dialect.start, dialect.end, 0, memory)?);
    let stop = AtomicBool::new(false);
    let told = Mutex::new(origin.bom + if origin.is_plain() { dialect.start } else { 0 });
    // Each core has notes of its own about each column.
    let notes = (dialect.names.len().max(1) * COLUMN_NOTES) as u64;
    let most = usize::try_from(memory / 4 / notes).unwrap_or(usize::MAX);
    let threads = job.limits.threads.clamp(1, 16).min(most.max(1));
    let work = || -> Result<Notes<'_>> {
        let ended = StopOnDrop(&stop);
        let mut notes = Notes {
            splitter: Splitter::new(dialect),
            columns: asked
                .iter()
                .zip(expected)
                .map(|(a, e)| Column::new(terms, *a, *e))
                .collect(),
            spans: Vec::new(),
            rejected: 0,
            refused: Vec::new(),
            nul_bytes: 0,
            step: 1,
            since: 0,
            sampled: 0,
        };
        let mut gate = Gate::new(asked, origin);
        let mut chunk = Chunk::default();
        let mut block = Block::default();
        while !stop.load(Ordering::Relaxed) {
            job.check()?;
            let next = {
                let mut feed = feed.lock().unwrap_or_else(PoisonError::into_inner);
                let next = feed.next(&mut chunk, &dialect.syntax)?;
                let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
                let taken = feed.taken();
                job.progress.advance(taken.saturating_sub(*told));
                *told = taken.max(*told);
                next
            };
            let Some(offset) = next else {
                std::mem::forget(ended);
                return Ok(notes);
            };
            look(&mut notes, &mut gate, &mut chunk, &mut block, offset, terms);
        }
        Ok(notes)
    };
    let mut all: Vec<Result<Notes<'_>>> = std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let mut all = vec![work()];
        for other in others {
            all.push(
                other
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            );
        }
        all
    });
    // The first error is why the others stopped.
    if let Some(at) = all.iter().position(Result::is_err) {
        return Err(all
            .swap_remove(at)
            .err()
            .unwrap_or(crate::error::ConvertError::Cancelled));
    }
    Ok(together(all.into_iter().flatten().collect(), dialect))
}

struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn look(
    notes: &mut Notes<'_>,
    gate: &mut Gate,
    chunk: &mut Chunk,
    block: &mut Block,
    offset: u64,
    terms: &Terms,
) {
    let damaged = gate.is_damaged(chunk);
    if memchr::memchr(0, &chunk.text[..chunk.len]).is_some() {
        notes.nul_bytes += memchr::memchr_iter(0, &chunk.text[..chunk.len]).count() as u64;
    }
    notes.splitter.begin();
    let mut rows = 0;
    while notes.splitter.block(chunk, block) {
        let Notes {
            columns,
            refused,
            rejected,
            ..
        } = notes;
        let encoding = gate.encoding;
        gate.pass(
            chunk,
            block,
            damaged,
            terms.null.as_deref(),
            |block, row, column, bytes| {
                *rejected += 1;
                if refused.len() < TOLD {
                    let (from, to) = block.spans[row];
                    let text = &chunk.text[from as usize..to as usize];
                    refused.push(Refused {
                        at: (chunk.number, block.lines[row]),
                        column,
                        reason: if bytes {
                            format!("bytes that are not {encoding}")
                        } else {
                            "not a value of the type that was asked for".to_owned()
                        },
                        text: text[..text.len().min(1024)].to_vec(),
                    });
                }
            },
            |column, asked, value| columns[column].asked_value(asked, value),
        );
        rows += block.rows() as u32;
        for (i, column) in notes.columns.iter_mut().enumerate() {
            column.take(&chunk.text, block, i, chunk.number, terms);
        }
        notes.sample(chunk, block, terms);
    }
    let span = Span {
        offset,
        len: chunk.len,
        rows,
        lines: notes.splitter.lines(),
        odd: chunk.odd.as_slice().into(),
    };
    notes.spans.push((chunk.number, span));
}

fn together(all: Vec<Notes<'_>>, dialect: &Dialect) -> Found {
    let mut spans = Vec::new();
    let mut columns: Vec<Column> = Vec::new();
    let mut mends = Mends::new();
    let mut refused = Vec::new();
    let mut rejected = 0;
    let mut nul_bytes = 0;
    let step = all.iter().map(|n| n.step).max().unwrap_or(1);
    for mut notes in all {
        // Samples of one density; the two cores' share of the rows is as it fell out.
        let thin = (step / notes.step) as usize;
        for column in &mut notes.columns {
            let sample = std::mem::take(&mut column.sample);
            column.sample = sample.into_iter().step_by(thin).collect();
        }
        spans.append(&mut notes.spans);
        refused.append(&mut notes.refused);
        rejected += notes.rejected;
        nul_bytes += notes.nul_bytes;
        merge_mends(&mut mends, std::mem::take(&mut notes.splitter.mends));
        if columns.is_empty() {
            columns = notes.columns;
        } else {
            for (into, mut from) in columns.iter_mut().zip(notes.columns) {
                into.sample.append(&mut from.sample);
                into.merge(from);
            }
        }
    }
    let index = Index::new(spans, dialect.start_line);
    refused.sort_by_key(|r| r.at);
    refused.truncate(TOLD);
    let examples = refused.into_iter().map(|r| Reject {
        line: index.line(r.at.0, r.at.1),
        column: Some(r.column as u64 + 1),
        reason: r.reason,
        text: String::from_utf8_lossy(&r.text)
            .trim_end_matches(['\r', '\n'])
            .to_owned(),
    });
    let rejects = Rejects {
        count: rejected,
        examples: examples.collect(),
    };
    Found {
        index,
        columns,
        mends,
        rejects,
        nul_bytes,
        sample_step: step,
    }
}
