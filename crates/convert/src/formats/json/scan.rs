//! The pass over a whole file that sees every value: on all cores, each with a tree of
//! its own, put together at the end. Owns the counting of rows and rejects and the index
//! of chunks. What the values mean as types is for [`super::infer`].

use std::sync::{Arc, Mutex, PoisonError};

use super::input::{Input, Place};
use super::node::{Keys, Seen, TOP_KEYS};
use super::records::{Passed, Record, Visit, each, not_a, twice};
use super::split::{Chunk, Range, Splitter};
use super::token::{Cursor, Fault, FaultKind, Parsed, fault};
use super::walk::{PLACES, Walk};
use crate::error::{ConvertError, Result};
use crate::parallel::Pool;
use crate::profile::{Reject, Rejects};
use crate::table::Job;

/// Rejects that are shown.
const SHOWN: usize = 20;

/// Bytes of text that may be in flight, a single longer record apart.
pub(crate) const IN_FLIGHT: usize = 32 << 20;

/// All that the pass found.
#[derive(Debug, Default)]
pub(crate) struct Scanned {
    pub keys: Keys,
    pub rows: u64,
    pub rejects: Rejects,
    pub blank_lines: u64,
    /// Records with control characters in strings, by place; and how many in all.
    pub controls: (Vec<u64>, u64),
    /// NaN and Infinity, the same way.
    pub words: (Vec<u64>, u64),
    pub index: Vec<Entry>,
}

/// Where a chunk begins, and how many rows come before it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    pub at: u64,
    pub place: Place,
    pub number: u64,
    pub after_comma: bool,
    pub first_row: u64,
}

/// A tree and what is needed to fill it.
#[derive(Debug, Default)]
struct Tree {
    keys: Keys,
    walk: Walk,
}

/// Of one chunk.
struct Counted {
    entry: Entry,
    rows: u64,
    rejects: Rejects,
    passed: Passed,
    bytes: usize,
}

/// Goes through the first `most` bytes of the range, or all of it. `careful` is for a
/// file that has rejects: they then leave no trace in the types.
pub(crate) fn scan(
    input: &Input,
    range: &Range,
    record: Record,
    most: Option<u64>,
    job: Job<'_>,
) -> Result<Scanned> {
    let place = input.place(range.begin)?;
    match run(input, range, place, record, most, false, job)? {
        Some(scanned) => Ok(scanned),
        None => {
            run(input, range, place, record, most, true, job)?.ok_or_else(|| ConvertError::Engine {
                detail: "a careful reading gave up".to_owned(),
            })
        }
    }
}

/// None where the pass has to be made again, carefully.
fn run(
    input: &Input,
    range: &Range,
    place: Place,
    record: Record,
    most: Option<u64>,
    careful: bool,
    job: Job<'_>,
) -> Result<Option<Scanned>> {
    let trees: Arc<Mutex<Vec<Tree>>> = Arc::default();
    let shared = Arc::clone(&trees);
    let file = input.clone();
    let threads = job.limits.threads.clamp(1, 16);
    let mut pool = Pool::new("json-scan", threads, threads * 2, move |chunk: Chunk| {
        count(&file, &shared, &chunk, record, careful)
    })?;
    job.phase("scan", input.size);
    let mut splitter = Splitter::new(input, range, place, job.limits.memory_bytes)?;
    let mut found = Scanned::default();
    let mut in_flight = 0;
    let mut told = 0;
    let mut ended = false;
    let mut restart = false;
    loop {
        job.check()?;
        let enough = restart || most.is_some_and(|most| splitter.passed() > most);
        while !ended && !enough && !pool.is_full() && in_flight < IN_FLIGHT {
            match splitter.next(input)? {
                Some(chunk) => {
                    in_flight += chunk.bytes.len();
                    pool.submit(chunk);
                }
                None => ended = true,
            }
        }
        let Some(result) = pool.next() else { break };
        let counted = result?;
        in_flight -= counted.bytes;
        restart |= counted.rejects.count > 0 && !careful;
        found.take_in(counted);
        let passed = splitter.passed().min(input.size);
        job.progress.advance(passed - told);
        told = passed;
    }
    if restart {
        return Ok(None);
    }
    if let Some(broken) = splitter.broken() {
        return Err(input.malformed(broken.at, broken.detail));
    }
    job.progress.advance(input.size - told);
    drop(pool);
    let trees = std::mem::take(&mut *trees.lock().unwrap_or_else(PoisonError::into_inner));
    for tree in trees {
        found.grow(tree, record);
    }
    if record == Record::Object {
        found.keys.sort();
    }
    if found.keys.nodes.len() > TOP_KEYS {
        return Err(too_many_keys());
    }
    Ok(Some(found))
}

impl Scanned {
    fn take_in(&mut self, counted: Counted) {
        self.index.push(Entry {
            first_row: self.rows,
            ..counted.entry
        });
        self.rows += counted.rows;
        self.blank_lines += counted.passed.blank_lines;
        self.rejects.count += counted.rejects.count;
        let room = SHOWN.saturating_sub(self.rejects.examples.len());
        self.rejects
            .examples
            .extend(counted.rejects.examples.into_iter().take(room));
    }

    fn grow(&mut self, tree: Tree, record: Record) {
        match record {
            Record::Object => self.keys.merge(tree.keys),
            _ => self.keys.merge_by_place(tree.keys),
        }
        for (mine, places, count) in [
            (
                &mut self.controls,
                tree.walk.controls,
                tree.walk.control_count,
            ),
            (&mut self.words, tree.walk.words, tree.walk.word_count),
        ] {
            mine.0.extend(places);
            mine.0.sort_unstable();
            mine.0.truncate(PLACES);
            mine.1 += count;
        }
    }
}

fn too_many_keys() -> ConvertError {
    ConvertError::Unreadable {
        what: "a table".to_owned(),
        seen: format!(
            "records with more than {TOP_KEYS} different keys: the keys seem to be values"
        ),
    }
}

fn count(
    input: &Input,
    trees: &Mutex<Vec<Tree>>,
    chunk: &Chunk,
    record: Record,
    careful: bool,
) -> Result<Counted> {
    let lock = || trees.lock().unwrap_or_else(PoisonError::into_inner);
    let mut tree = lock().pop().unwrap_or_default();
    tree.walk.base = chunk.at;
    let mut counter = Counter {
        tree,
        chunk,
        record,
        rows: 0,
        rejects: Rejects::default(),
    };
    let outcome = each(chunk, record, careful, &mut counter);
    let Counter {
        tree,
        rows,
        rejects,
        ..
    } = counter;
    lock().push(tree);
    let passed = outcome.map_err(|fault| fatal(input, chunk, *fault))?;
    let entry = Entry {
        at: chunk.at,
        place: chunk.place,
        number: chunk.number,
        after_comma: chunk.after_comma,
        first_row: 0,
    };
    Ok(Counted {
        entry,
        rows,
        rejects,
        passed,
        bytes: chunk.bytes.len(),
    })
}

/// The words for a fault that ends the reading.
pub(crate) fn fatal(input: &Input, chunk: &Chunk, fault: Fault) -> ConvertError {
    if fault.kind == FaultKind::Type && fault.detail.is_empty() {
        return too_many_keys();
    }
    let place = chunk
        .place
        .after(&chunk.bytes[..fault.at.min(chunk.bytes.len())]);
    let mut detail = fault.detail;
    if chunk.last && fault.kind == FaultKind::Syntax && fault.at >= chunk.bytes.len() {
        match chunk.stopped {
            Some(why) => why.clone_into(&mut detail),
            None => detail += &format!("; the file of {} bytes may be cut short", input.size),
        }
    }
    ConvertError::Malformed {
        line: place.line,
        column: place.column,
        detail,
    }
}

struct Counter<'a> {
    tree: Tree,
    chunk: &'a Chunk,
    record: Record,
    rows: u64,
    rejects: Rejects,
}

impl Visit for Counter<'_> {
    #[inline]
    fn record(&mut self, cursor: &mut Cursor<'_>) -> Parsed<()> {
        let Tree { keys, walk } = &mut self.tree;
        let begin = cursor.at;
        match self.record {
            Record::Object => {
                if cursor.peek() != Some(b'{') {
                    cursor.skip()?;
                    return not_a(begin, cursor.bytes, self.record);
                }
                match keys.see(cursor, walk, 1, TOP_KEYS, true)? {
                    Seen::Whole => Ok(()),
                    Seen::Doubled(at) => {
                        let mut key = Cursor {
                            at,
                            ..cursor.clone()
                        };
                        twice(at, key.string()?.raw)
                    }
                    Seen::TooMany => fault(begin, FaultKind::Type, ""),
                }
            }
            Record::List => {
                if cursor.peek() != Some(b'[') {
                    cursor.skip()?;
                    return not_a(begin, cursor.bytes, self.record);
                }
                let mut index = 0;
                cursor.at += 1;
                if cursor.take(b']') {
                    return Ok(());
                }
                loop {
                    let Some(node) = keys.at(index, walk.base + cursor.at as u64) else {
                        return fault(begin, FaultKind::Type, "");
                    };
                    node.see(cursor, walk, 1)?;
                    index += 1;
                    if cursor.take(b']') {
                        return Ok(());
                    }
                    if !cursor.take(b',') {
                        return cursor.unexpected("a comma or ]");
                    }
                }
            }
            Record::Value => match keys.at(0, walk.base + begin as u64) {
                Some(node) => node.see(cursor, walk, 1),
                None => Ok(()),
            },
        }
    }

    fn keep(&mut self) {
        self.rows += 1;
    }

    #[cold]
    fn reject(&mut self, begin: usize, end: usize, fault: Fault) {
        self.rejects.count += 1;
        if self.rejects.examples.len() >= SHOWN {
            return;
        }
        let bytes = &self.chunk.bytes;
        let place = self.chunk.place.after(&bytes[..fault.at.min(bytes.len())]);
        let end = end.min(begin + 1024);
        self.rejects.examples.push(Reject {
            line: place.line,
            column: None,
            reason: format!("character {}: {}", place.column, fault.detail),
            text: String::from_utf8_lossy(&bytes[begin..end]).into_owned(),
        });
    }
}
