//! Delimited text from Arrow batches: both cores encode, and what they made goes into the
//! file in order. Quotes stand only where a reader needs them; null is nothing, and the
//! empty text `""`. Never syncs and never gives the file its name.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use arrow::array::{Array, RecordBatch};
use arrow::datatypes::SchemaRef;
use encoding_rs::UTF_8;

use super::dialect::{Dialect, Layout};
use super::encode::Encoder;
use super::kind::{HEADLESS, SAID};
use super::stooq;
use crate::error::{ConvertError, Result};
use crate::format::Format;
use crate::options::Options;
use crate::table::{Job, TableWriter};

/// How the text is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Codec {
    None,
    Gzip,
    Zstd,
}

/// Everything about the text that is not a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Style {
    pub delimiter: u8,
    /// The text for null, where it is not nothing.
    pub null: Option<Vec<u8>>,
    pub header: bool,
    /// Every value in quotes.
    pub quotes_all: bool,
    pub line_end: &'static [u8],
    pub bom: bool,
    pub codec: Codec,
    pub layout: Option<Layout>,
}

const BOM: &[u8] = b"\xEF\xBB\xBF";

impl Style {
    pub(crate) fn new(to: Format, schema: &SchemaRef, options: &Options) -> Result<Self> {
        let layout = layout(to, schema, options)?;
        let usual = if to == Format::Csv || layout.is_some() {
            b','
        } else {
            b'\t'
        };
        let delimiter = match options.get("out_delimiter") {
            None => usual,
            Some("tab") => b'\t',
            Some("space") => b' ',
            Some(said) => match *said.as_bytes() {
                [byte] if byte.is_ascii() && !matches!(byte, b'"' | b'\r' | b'\n' | 0) => byte,
                _ => {
                    return Err(ConvertError::BadOption {
                        key: "out_delimiter".to_owned(),
                        value: said.to_owned(),
                        expected: "one character, or tab or space".to_owned(),
                    });
                }
            },
        };
        let null = options.get("out_null").filter(|n| !n.is_empty());
        if let Some(null) = null
            && null
                .bytes()
                .any(|b| b == delimiter || matches!(b, b'"' | b'\r' | b'\n'))
        {
            return Err(ConvertError::BadOption {
                key: "out_null".to_owned(),
                value: null.to_owned(),
                expected: "a text without delimiter, quote or line end".to_owned(),
            });
        }
        Ok(Style {
            delimiter,
            null: null.map(|n| n.as_bytes().to_vec()),
            header: match options.get("out_header") {
                Some(said) => said != "no",
                None => !schema.metadata().contains_key(HEADLESS),
            },
            quotes_all: options.is("out_quote", "all"),
            line_end: if options.is("line_end", "crlf") {
                b"\r\n"
            } else {
                b"\n"
            },
            bom: options.is("bom", "yes"),
            codec: match options.get("codec") {
                Some("gzip") => Codec::Gzip,
                Some("zstd") => Codec::Zstd,
                None | Some("none") => Codec::None,
                Some(other) => {
                    return Err(ConvertError::BadOption {
                        key: "codec".to_owned(),
                        value: other.to_owned(),
                        expected: "gzip, zstd or none for text".to_owned(),
                    });
                }
            },
            layout,
        })
    }

    /// What stands before the first row.
    fn begin(&self, schema: &SchemaRef) -> Vec<u8> {
        let mut out = Vec::new();
        if self.bom {
            out.extend_from_slice(BOM);
        }
        if !self.header || schema.fields().is_empty() {
            return out;
        }
        let fixed: Option<&[&str]> = match self.layout {
            Some(Layout::Stooq) => Some(&stooq::FULL),
            _ => None,
        };
        for (i, field) in schema.fields().iter().enumerate() {
            if i > 0 {
                out.push(self.delimiter);
            }
            let said = field.metadata().get(SAID).unwrap_or(field.name());
            let name = fixed.and_then(|f| f.get(i)).map_or(said.as_str(), |n| n);
            // An empty line would name nothing.
            if !name.is_empty() || schema.fields().len() == 1 {
                super::encode::text(name.as_bytes(), self, &mut out);
            }
        }
        out.extend_from_slice(self.line_end);
        out
    }

    /// How a text in this style is read.
    pub(crate) fn dialect(&self, schema: &SchemaRef) -> Dialect {
        let names: Vec<String> = schema.fields().iter().map(|f| f.name().clone()).collect();
        let bom = if self.bom { BOM.len() } else { 0 };
        let begin = self.begin(schema);
        let lines = memchr::memchr_iter(b'\n', &begin).count() as u64;
        Dialect {
            syntax: super::own_syntax(self.delimiter, names.len()),
            encoding: UTF_8,
            mixed: false,
            bom: bom as u64,
            start: (begin.len() - bom) as u64,
            start_line: 1 + lines,
            end: None,
            header_rows: u32::from(self.header),
            columns: names.iter().map(|_| Default::default()).collect(),
            names,
            said: Vec::new(),
            page_header: None,
            preamble: Vec::new(),
            footnotes: Vec::new(),
            end_mark: None,
            line_end: if self.line_end == b"\n" { "LF" } else { "CRLF" },
            layout: self.layout,
            tables: Vec::new(),
            choices: Vec::new(),
            warnings: Vec::new(),
        }
    }
}

/// The known layout that was asked for, or that the table came in.
pub(super) fn layout(to: Format, schema: &SchemaRef, options: &Options) -> Result<Option<Layout>> {
    if to != Format::Txt {
        return Ok(None);
    }
    let asked = options.get("layout");
    let came = schema.metadata().get(super::LAYOUT).map(String::as_str);
    let layout = match asked.or(came) {
        Some("stooq") => Layout::Stooq,
        Some("stooq_short") => Layout::StooqShort,
        _ => return Ok(None),
    };
    let names = || schema.fields().iter().map(|f| f.name());
    let fits = came == Some(stooq::name(layout))
        && match layout {
            Layout::Stooq => {
                names().count() == stooq::FULL.len()
                    && names()
                        .zip(stooq::FULL)
                        .all(|(name, full)| name.eq_ignore_ascii_case(full))
            }
            Layout::StooqShort => names().all(|name| {
                let known = |full: &&str| name.eq_ignore_ascii_case(full);
                stooq::FULL.iter().any(known)
            }),
        };
    match asked {
        _ if fits => Ok(Some(layout)),
        // Columns were chosen or renamed: it is a plain table now.
        None => Ok(None),
        // Dates and times of other tables have another form than Stooq's.
        Some(asked) => Err(ConvertError::BadOption {
            key: "layout".to_owned(),
            value: asked.to_owned(),
            expected: format!(
                "a table that was read in that layout and has its columns, {}",
                stooq::FULL.join(",")
            ),
        }),
    }
}

struct State {
    waiting: VecDeque<(u64, RecordBatch)>,
    /// The part that the file takes next.
    turn: u64,
    /// No more parts will come.
    closed: bool,
    /// The turn will not go on. Stays so once the error was handed out.
    failed: bool,
    error: Option<ConvertError>,
}

struct Line {
    state: Mutex<State>,
    changed: Condvar,
    file: File,
    style: Style,
    schema: SchemaRef,
}

impl Line {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fail(&self, error: ConvertError) {
        let mut state = self.lock();
        if !state.failed {
            state.error = Some(error);
        }
        state.failed = true;
        state.closed = true;
        state.waiting.clear();
        drop(state);
        self.changed.notify_all();
    }
}

pub(crate) struct Writer<'a> {
    line: Arc<Line>,
    workers: Vec<JoinHandle<()>>,
    next: u64,
    most: usize,
    job: Job<'a>,
}

/// Rows that one core takes at a time, and about as many bytes of values.
const PART_ROWS: usize = 16_384;
const PART_BYTES: usize = 4 << 20;

impl<'a> Writer<'a> {
    pub(crate) fn new(
        to: Format,
        path: &Path,
        schema: SchemaRef,
        options: &Options,
        job: Job<'a>,
    ) -> Result<Self> {
        let style = Style::new(to, &schema, options)?;
        let mut file = File::options().write(true).truncate(true).open(path)?;
        let begin = style.begin(&schema);
        file.write_all(&packed(&begin, style.codec)?)?;
        let state = State {
            waiting: VecDeque::new(),
            turn: 0,
            closed: false,
            failed: false,
            error: None,
        };
        let line = Arc::new(Line {
            state: Mutex::new(state),
            changed: Condvar::new(),
            file,
            style,
            schema,
        });
        let threads = job.limits.threads.clamp(1, 16);
        let workers = (0..threads)
            .map(|_| {
                let line = Arc::clone(&line);
                std::thread::Builder::new()
                    .name("text writer".to_owned())
                    .spawn(move || serve(&line))
            })
            .collect::<io::Result<Vec<_>>>()?;
        Ok(Writer {
            line,
            workers,
            next: 0,
            most: threads + 1,
            job,
        })
    }

    fn put(&mut self, part: RecordBatch) -> Result<()> {
        let mut state = self.line.lock();
        while !state.failed && state.waiting.len() >= self.most {
            state = self
                .line
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        if state.failed {
            return Err(state.error.take().unwrap_or(ConvertError::Cancelled));
        }
        state.waiting.push_back((self.next, part));
        self.next += 1;
        drop(state);
        self.line.changed.notify_all();
        Ok(())
    }

    fn join(&mut self) {
        self.line.lock().closed = true;
        self.line.changed.notify_all();
        for worker in self.workers.drain(..) {
            if worker.join().is_err() {
                self.line.fail(ConvertError::Engine {
                    detail: "an internal error; the log has more".to_owned(),
                });
            }
        }
    }
}

impl TableWriter for Writer<'_> {
    fn write(&mut self, batch: RecordBatch) -> Result<()> {
        self.job.check()?;
        let rows = batch.num_rows();
        let bytes: usize = batch
            .columns()
            .iter()
            .map(|c| c.to_data().get_slice_memory_size().unwrap_or(0))
            .sum();
        let parts = rows
            .div_ceil(PART_ROWS)
            .max(bytes.div_ceil(PART_BYTES))
            .clamp(1, rows.max(1));
        let each = rows.div_ceil(parts).max(1);
        let mut from = 0;
        while from < rows {
            let n = each.min(rows - from);
            self.put(batch.slice(from, n))?;
            from += n;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        self.join();
        let error = self.line.lock().error.take();
        error.map_or(Ok(()), Err)
    }
}

impl Drop for Writer<'_> {
    fn drop(&mut self) {
        self.line.lock().waiting.clear();
        self.join();
    }
}

/// A worker that panics would leave the others waiting for its turn.
struct Alarm<'a>(&'a Line);

impl Drop for Alarm<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.fail(ConvertError::Engine {
                detail: "an internal error; the log has more".to_owned(),
            });
        }
    }
}

fn serve(line: &Line) {
    let _alarm = Alarm(line);
    let mut out = Vec::new();
    loop {
        let (number, part) = {
            let mut state = line.lock();
            loop {
                if let Some(next) = state.waiting.pop_front() {
                    break next;
                }
                if state.closed {
                    return;
                }
                state = line
                    .changed
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
            }
        };
        line.changed.notify_all();
        out.clear();
        let made = Encoder::new(&part, &line.schema, &line.style)
            .and_then(|encoder| encoder.write(&mut out))
            .and_then(|()| {
                Ok(if line.style.codec == Codec::None {
                    None
                } else {
                    Some(packed(&out, line.style.codec)?)
                })
            });
        let bytes = match &made {
            Ok(packed) => packed.as_deref().unwrap_or(&out),
            Err(_) => &[],
        };
        let mut state = line.lock();
        while state.turn != number && !state.failed {
            state = line
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        if state.failed {
            return;
        }
        drop(state);
        // Nobody else has the turn.
        let written = (&line.file).write_all(bytes);
        match (made, written) {
            (Err(error), _) => return line.fail(error),
            (_, Err(error)) => return line.fail(error.into()),
            _ => {}
        }
        line.lock().turn += 1;
        line.changed.notify_all();
        // One long row must not keep its room for good.
        if out.capacity() > 4 * PART_BYTES {
            out = Vec::new();
        }
    }
}

/// A whole gzip member or Zstandard frame; readers take any number of them as one text.
fn packed(text: &[u8], codec: Codec) -> Result<Vec<u8>> {
    Ok(match codec {
        Codec::None => text.to_vec(),
        _ if text.is_empty() => Vec::new(),
        Codec::Gzip => {
            let mut encoder =
                flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
            encoder.write_all(text)?;
            encoder.finish()?
        }
        Codec::Zstd => zstd::bulk::compress(text, 3)?,
    })
}
