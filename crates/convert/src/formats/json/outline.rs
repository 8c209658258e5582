//! The outline of one large object: which of its members are arrays of objects, and where.
//! Streams, keeping what lies outside of those arrays, up to a limit. Never looks into
//! their elements.

use super::input::Input;
use super::raw::unescape;
use super::token::{Cursor, MAX_DEPTH, plain_run};
use crate::error::{ConvertError, Result};
use crate::table::Job;

/// Objects within objects in which arrays are looked for.
const LEVELS: usize = 4;

/// Most of the text outside of the arrays that is kept.
const OUTSIDE: usize = 16 << 20;

/// Longest key that can be part of a table's name.
const KEY: usize = 1 << 10;

/// An array of objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TableArray {
    /// Keys from the outermost object on, `.` between them.
    pub path: String,
    pub depth: usize,
    /// Of the text between its brackets.
    pub begin: u64,
    pub end: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Outline {
    pub arrays: Vec<TableArray>,
    /// Something stands behind the object's end: it is one of several.
    pub next: Option<u64>,
    /// The object goes over more than one line.
    pub spans_lines: bool,
    outside: Vec<u8>,
    /// For places in `outside`: from there on, the text is this much further on.
    shifts: Vec<(usize, u64)>,
    /// More lay outside than is kept.
    overflow: bool,
}

/// One object that is open.
#[derive(Default)]
struct Level {
    key: Vec<u8>,
    expects_key: bool,
}

struct Walk {
    outline: Outline,
    levels: Vec<Level>,
    /// Open brackets below the levels, the array's own included.
    inner: usize,
    in_string: bool,
    escaped: bool,
    /// The string that is open is a key.
    in_key: bool,
    /// The array that is open, until its first element shows what it is.
    array: Option<TableArray>,
    /// Its elements are objects: the text is not kept.
    skipping: bool,
    done: bool,
}

impl Outline {
    pub(crate) fn of(input: &Input, begin: u64, job: Job<'_>) -> Result<Self> {
        let mut stream = input.stream(begin)?;
        let mut walk = Walk {
            outline: Outline {
                shifts: vec![(0, begin)],
                ..Outline::default()
            },
            levels: Vec::new(),
            inner: 0,
            in_string: false,
            escaped: false,
            in_key: false,
            array: None,
            skipping: false,
            done: false,
        };
        let mut at = begin;
        let mut buffer = Vec::new();
        loop {
            job.check()?;
            buffer.clear();
            let got = stream
                .fill(&mut buffer, 1 << 20)
                .map_err(|e| input.broken(e))?;
            if got == 0 {
                break;
            }
            let went_on = walk
                .feed(&buffer, at)
                .map_err(|(place, what)| input.malformed(place, what))?;
            if !went_on {
                break;
            }
            at += got as u64;
        }
        if !walk.done {
            return Err(input.malformed(at, "the file ends within an object"));
        }
        Ok(walk.outline)
    }

    /// What lies outside of the arrays must be JSON: the elements of one are checked when
    /// they are read, the rest is checked here.
    pub(crate) fn rest_is_json(&self, input: &Input) -> Result<()> {
        if self.overflow {
            return Err(ConvertError::OutOfMemory {
                limit: OUTSIDE as u64,
                detail: "the document around the table is longer than 16 MiB".to_owned(),
            });
        }
        let mut cursor = Cursor::new(&self.outside);
        match cursor.skip() {
            Ok(_) => Ok(()),
            Err(fault) => {
                let found = self.shifts.iter().rev().find(|(from, _)| *from <= fault.at);
                let (from, to) = found.copied().unwrap_or_default();
                Err(input.malformed(to + (fault.at - from) as u64, fault.detail))
            }
        }
    }

    /// The members beside the table's, as `name: value`, the value cut.
    pub(crate) fn others(&self, path: &str) -> Vec<String> {
        let mut others = Vec::new();
        let mut cursor = Cursor::new(&self.outside);
        if !cursor.take(b'{') {
            return others;
        }
        while let Ok(key) = cursor.key() {
            let mut name = Vec::new();
            unescape(key.raw, &mut name);
            let name = String::from_utf8_lossy(&name).into_owned();
            cursor.space();
            let Ok(value) = cursor.skip() else { break };
            let within =
                path == name || path.strip_prefix(&name).is_some_and(|p| p.starts_with('.'));
            if !within {
                let text: String = String::from_utf8_lossy(&value[..value.len().min(200)])
                    .split_whitespace()
                    .collect::<Vec<_>>()
                    .join(" ");
                let cut: String = text.chars().take(60).collect();
                let more = if cut.len() < text.len() { "…" } else { "" };
                others.push(format!("{name:?}: {cut}{more}"));
            }
            if others.len() == 20 {
                others.push("…".to_owned());
                break;
            }
            if !cursor.take(b',') {
                break;
            }
        }
        others
    }
}

type Fed = std::result::Result<bool, (u64, &'static str)>;

impl Walk {
    /// Goes through the next bytes, which begin at `base`; false once all is known.
    fn feed(&mut self, bytes: &[u8], base: u64) -> Fed {
        let mut at = 0;
        while at < bytes.len() {
            let place = base + at as u64;
            if self.done {
                if !bytes[at].is_ascii_whitespace() {
                    self.outline.next = Some(place);
                    return Ok(false);
                }
                at += 1;
                continue;
            }
            if self.in_string {
                let run = if self.escaped {
                    0
                } else {
                    plain_run(&bytes[at..])
                };
                let take = (run + 1).min(bytes.len() - at);
                self.string(&bytes[at..at + take], run);
                at += take;
                continue;
            }
            self.byte(bytes[at], place)?;
            at += 1;
        }
        Ok(true)
    }

    /// `run` bytes of a string, and perhaps the one that ended the run.
    fn string(&mut self, bytes: &[u8], run: usize) {
        self.keep(bytes);
        if let (true, Some(level)) = (self.in_key, self.levels.last_mut())
            && level.key.len() < KEY
        {
            level.key.extend_from_slice(bytes);
        }
        let Some(end) = bytes.get(run) else { return };
        if self.escaped {
            self.escaped = false;
        } else if *end == b'\\' {
            self.escaped = true;
        } else if *end == b'"' {
            self.in_string = false;
            self.in_key = false;
        }
    }

    fn byte(&mut self, byte: u8, place: u64) -> std::result::Result<(), (u64, &'static str)> {
        if byte == b'\n' {
            self.outline.spans_lines = true;
        }
        if self.array.is_some() && self.inner == 1 && !self.skipping && !byte.is_ascii_whitespace()
        {
            // The first byte inside the array tells.
            if byte == b'{' {
                self.skipping = true;
            } else {
                self.array = None;
            }
        }
        match byte {
            b'{' | b'[' => self.open(byte, place)?,
            b'}' | b']' => self.close(byte, place)?,
            b'"' => {
                self.in_string = true;
                if self.inner == 0
                    && let Some(level) = self.levels.last_mut()
                    && level.expects_key
                {
                    level.key.clear();
                    level.expects_key = false;
                    self.in_key = true;
                }
                self.keep(&[byte]);
            }
            b',' => {
                if self.inner == 0
                    && let Some(level) = self.levels.last_mut()
                {
                    level.expects_key = true;
                }
                self.keep(&[byte]);
            }
            _ => self.keep(&[byte]),
        }
        Ok(())
    }

    fn open(&mut self, byte: u8, place: u64) -> std::result::Result<(), (u64, &'static str)> {
        self.keep(&[byte]);
        if self.inner > 0 || byte == b'[' || self.levels.len() == LEVELS {
            self.inner += 1;
            if self.inner + self.levels.len() > MAX_DEPTH {
                return Err((place, "nested deeper than 1000 levels"));
            }
            if self.inner == 1 && byte == b'[' {
                self.array = Some(TableArray {
                    path: self.path(),
                    depth: self.levels.len(),
                    begin: place + 1,
                    end: 0,
                });
            }
        } else {
            self.levels.push(Level {
                key: Vec::new(),
                expects_key: true,
            });
        }
        Ok(())
    }

    fn close(&mut self, byte: u8, place: u64) -> std::result::Result<(), (u64, &'static str)> {
        if self.inner > 0 {
            self.inner -= 1;
            if self.inner == 0
                && let Some(mut array) = self.array.take()
                && self.skipping
            {
                self.skipping = false;
                array.end = place;
                self.outline
                    .shifts
                    .push((self.outline.outside.len(), place));
                self.outline.arrays.push(array);
            }
        } else if self.levels.pop().is_some() {
            self.done = self.levels.is_empty();
        } else {
            return Err((place, "a closing bracket that nothing opened"));
        }
        self.keep(&[byte]);
        Ok(())
    }

    fn keep(&mut self, bytes: &[u8]) {
        if self.skipping {
            return;
        }
        if self.outline.outside.len() + bytes.len() > OUTSIDE {
            self.outline.overflow = true;
            return;
        }
        self.outline.outside.extend_from_slice(bytes);
    }

    fn path(&self) -> String {
        let name = |level: &Level| {
            let mut name = Vec::new();
            let raw = level.key.strip_suffix(b"\"").unwrap_or(&level.key);
            unescape(raw, &mut name);
            String::from_utf8_lossy(&name).into_owned()
        };
        self.levels.iter().map(name).collect::<Vec<_>>().join(".")
    }
}
