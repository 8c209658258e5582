//! Puts the decisions together: encoding, syntax, frame, names; and says what was chosen.

use super::candidates::{self, Given};
use super::frame::{self, Frame, Told};
use super::header;
use super::rows::Grid;
use super::say::{self, choice, say_delimiter, say_edges, say_encoding, say_frame, say_tables};
use super::{Dialect, EndMark, Escape, Look, Syntax, before_end_mark, layout};
use crate::error::{ConvertError, Result};
use crate::format::Format;
use crate::options::Options;
use crate::profile::TableEntry;
use crate::text::encoding::{self, decoded};

/// Lines of a preamble or of footnotes that are kept as text, and bytes of each.
const LINES_KEPT: usize = 100;
const LINE_KEPT: usize = 1024;

/// Bytes that line ends are counted in.
const ENDS: usize = 1 << 20;

/// Bytes of a file's head that are taken apart where that is not all of it.
const BEGIN: usize = 4 << 20;

pub(super) fn settle(look: &Look<'_>, options: &Options) -> Result<Dialect> {
    let encoded = encoding::detect(look.head, look.whole, options.get("encoding"))?;
    let raw = &look.head[encoded.bom as usize..];
    let decoded_head = decoded(raw, &encoded, look.whole);
    let marked = before_end_mark(&decoded_head).filter(|_| look.whole);
    let text: &[u8] = marked.unwrap_or(&decoded_head);
    let mut dialect = Dialect {
        syntax: Syntax::default(),
        encoding: encoded.encoding,
        bom: encoded.bom,
        mixed: encoded.mixed,
        start: 0,
        start_line: 1,
        end: None,
        header_rows: 0,
        names: Vec::new(),
        said: Vec::new(),
        page_header: None,
        preamble: Vec::new(),
        footnotes: Vec::new(),
        end_mark: None,
        line_end: "LF",
        layout: None,
        tables: Vec::new(),
        choices: Vec::new(),
        warnings: Vec::new(),
        columns: Vec::new(),
    };
    say_encoding(&mut dialect, &encoded);
    let (line_end, cr_ends) = line_ends(&text[..text.len().min(ENDS)]);
    if marked.is_some() {
        let ended = text.is_empty() || text.ends_with(b"\n") || (cr_ends && text.ends_with(b"\r"));
        dialect.end_mark = Some(EndMark {
            at: text.len() as u64,
            line: Some(skip(text, None, cr_ends).1 + u64::from(ended)),
        });
        dialect.end = Some(text.len() as u64);
    }
    if text.iter().all(u8::is_ascii_whitespace) && options.get("delimiter").is_none() {
        dialect.start = text.len() as u64;
        dialect.warnings.push(if text.is_empty() {
            "The file is empty: a table without columns.".to_owned()
        } else {
            "The file holds only blank lines: a table without columns.".to_owned()
        });
        return Ok(dialect);
    }
    dialect.line_end = line_end;

    let (skipped, skipped_lines) = skip(text, Some(options.number("skip").unwrap_or(0)), cr_ends);
    if skipped == text.len() && skipped_lines > 0 {
        return Err(ConvertError::BadOption {
            key: "skip".to_owned(),
            value: options.get("skip").unwrap_or_default().to_owned(),
            expected: match look.whole {
                true => format!("fewer than the {skipped_lines} lines that the file has"),
                false => format!("fewer than {skipped_lines} lines"),
            },
        });
    }
    let body = &text[skipped..];
    let given = given(options, look.format)?;
    let mut found = candidates::choose(body, cr_ends, &given);
    found.syntax.width = found.width;
    // Of a larger file, its begin tells; further tables in it are found by who reads it.
    let body = if look.whole {
        body
    } else {
        &body[..body.len().min(BEGIN)]
    };
    let grid = Grid::new(body, look.whole, found.syntax.clone(), usize::MAX);
    if grid.rows.iter().any(|row| row.fields == u16::MAX) {
        return Err(ConvertError::Unreadable {
            what: "a table".to_owned(),
            seen: "text with more than 65,534 values in a row".to_owned(),
        });
    }
    let told = told(options)?;
    if look.whole
        && let Some(lines) = told.header
        && lines > grid.rows.len()
    {
        return Err(ConvertError::BadOption {
            key: "header".to_owned(),
            value: options.get("header").unwrap_or_default().to_owned(),
            expected: format!(
                "no more than the {} rows that the file has",
                grid.rows.len()
            ),
        });
    }
    let mut frames = frame::frames(&grid, told);
    let keeps = options.is("blank_rows", "keep");
    say_tables(&mut dialect, &grid, &frames);
    let Some(picked) = pick(&frames, options.get("table"), &dialect.tables)? else {
        dialect.start = text.len() as u64;
        return Ok(dialect);
    };
    // Below a table that goes on past this text there is nothing to tell yet.
    let ends_here = look.whole || picked + 1 < frames.len();
    let mut edges = frames[picked].edges(&grid, keeps, ends_here);
    let frame = &frames[picked];
    let width = header::width(&grid, frame);
    let names = header::names(&grid, frame, width);
    found.syntax.width = width;
    say_delimiter(&mut dialect, &found, &given);
    dialect.syntax = found.syntax;
    let at = |row: usize| grid.rows.get(row).map_or(body.len(), |r| r.start as usize);
    dialect.start = (skipped + at(frame.body.start.max(frame.header.end))) as u64;
    dialect.start_line = skipped_lines
        + grid
            .rows
            .get(frame.body.start.max(frame.header.end))
            .map_or_else(
                || memchr::memchr_iter(b'\n', body).count() as u64,
                |r| u64::from(r.line),
            )
        + 1;
    dialect.header_rows = frame.header.len() as u32;
    dialect.preamble = lines(text, 0, skipped, cr_ends);
    // What a table before this one holds is not its preamble.
    dialect.preamble.extend(rows(&grid, frame.preamble.clone()));
    dialect.footnotes = rows(&grid, frame.footnotes.clone());
    if frame.body.end < grid.rows.len() && ends_here {
        dialect.end = Some((skipped + at(frame.body.end)) as u64);
    }
    if frame.pages > 0 {
        dialect.page_header = frame
            .header
            .clone()
            .next_back()
            .map(|r| grid.record(r).to_vec());
    }
    dialect.columns = grid.shapes(frame.body.clone(), width, 2000);
    if dialect.columns.iter().all(|c| c.total() == 0) {
        dialect.columns = frame.shapes.clone();
        dialect.columns.resize_with(width, Default::default);
    }
    if !look.whole && dialect.end.is_none() {
        edges += tail(&mut dialect, look, &encoded, frame, keeps);
    }
    footnotes_told(&mut dialect, text, options, cr_ends, look.whole);
    if let Some(mark) = dialect.end_mark {
        dialect.end.get_or_insert(mark.at);
    }
    // No row stands above its names: those of nothing there cannot be kept.
    let above = match picked {
        0 => frame.empty_above(&grid),
        _ => 0,
    };
    if keeps {
        say::say_above(&mut dialect, above);
    } else {
        say_edges(&mut dialect, edges + above);
    }
    say_frame(&mut dialect, frame, &names, told);
    dialect.names = names.names;
    dialect.said = names.said;
    known_layout(&mut dialect, &grid, frame);
    Ok(dialect)
}

fn given(options: &Options, format: Format) -> Result<Given> {
    let one = |key: &str, value: &str| -> Result<Option<u8>> {
        match (value, value.as_bytes()) {
            ("none" | "", _) => Ok(None),
            (_, [byte]) => Ok(Some(*byte)),
            _ => Err(ConvertError::BadOption {
                key: key.to_owned(),
                value: value.to_owned(),
                expected: "one ASCII character, or none".to_owned(),
            }),
        }
    };
    let delimiter = match options.get("delimiter") {
        None => None,
        Some("tab" | "\\t") => Some(vec![b'\t']),
        Some("space") => Some(vec![b' ']),
        Some("none") => Some(Vec::new()),
        Some("comma") => Some(vec![b',']),
        Some("") => {
            return Err(ConvertError::BadOption {
                key: "delimiter".to_owned(),
                value: String::new(),
                expected: "one character or more, or tab, space or none".to_owned(),
            });
        }
        Some(other) => Some(other.as_bytes().to_vec()),
    };
    let quote = options.get("quote").map(|v| one("quote", v)).transpose()?;
    let escape = options
        .get("escape")
        .map(|v| one("escape", v))
        .transpose()?;
    let escape = match escape {
        None => None,
        Some(None) => Some(Escape::None),
        Some(Some(b'\\')) => Some(Escape::Backslash),
        Some(Some(byte)) if byte == quote.flatten().unwrap_or(b'"') || byte == b'"' => {
            Some(Escape::Doubled)
        }
        Some(Some(byte)) => {
            return Err(ConvertError::BadOption {
                key: "escape".to_owned(),
                value: char::from(byte).to_string(),
                expected: "the quote itself, a backslash, or none".to_owned(),
            });
        }
    };
    Ok(Given {
        delimiter,
        quote,
        escape,
        tabs: format == Format::Tsv,
    })
}

fn told(options: &Options) -> Result<Told> {
    let mut told = Told {
        at_top: options.get("skip").is_some(),
        at_end: options.number("footnotes") == Some(0),
        ..Told::default()
    };
    match options.get("header") {
        None => {}
        Some("yes") => told.some_header = true,
        Some("no") => told.header = Some(0),
        Some(number) => {
            told.header = Some(number.parse().ok().filter(|n| *n <= 64).ok_or_else(|| {
                ConvertError::BadOption {
                    key: "header".to_owned(),
                    value: number.to_owned(),
                    expected: "yes, no, or a number of lines up to 64".to_owned(),
                }
            })?);
        }
    }
    Ok(told)
}

/// The name for people of how lines end, and whether a CR alone ends one.
fn line_ends(text: &[u8]) -> (&'static str, bool) {
    let (mut lf, mut crlf, mut cr, mut inside) = (0usize, 0usize, 0usize, false);
    for (i, b) in text.iter().enumerate() {
        match b {
            b'"' => inside = !inside,
            b'\n' if i > 0 && text[i - 1] == b'\r' => crlf += 1,
            b'\n' => lf += 1,
            b'\r'
                if text.get(i + 1) != Some(&b'\n')
                    && text.get(i + 1) != Some(&b'\r')
                    && i + 1 < text.len() =>
            {
                cr += usize::from(!inside);
            }
            _ => {}
        }
    }
    if lf + crlf == 0 {
        // Quotes may not add up; with no other line end there is nothing to weigh.
        let any = text.contains(&b'\r');
        return (if any { "CR" } else { "LF" }, any);
    }
    let cr_ends = cr * 10 > lf + crlf;
    let name = match (lf > 0, crlf > 0, cr_ends) {
        (true, false, false) => "LF",
        (false, true, false) => "CRLF",
        _ => "mixed",
    };
    (name, cr_ends)
}

/// Past `lines` lines, or all: the byte, and how many there were.
fn skip(text: &[u8], lines: Option<u64>, cr_ends: bool) -> (usize, u64) {
    let syntax = Syntax {
        cr_ends,
        ..Syntax::default()
    };
    let (mut at, mut count) = (0, 0);
    while count < lines.unwrap_or(u64::MAX) && at < text.len() {
        at = crate::text::repair::line_end(text, at, true, &syntax).map_or(text.len(), |e| e.next);
        count += 1;
    }
    (at, count)
}

fn lines(text: &[u8], from: usize, to: usize, cr_ends: bool) -> Vec<String> {
    let syntax = Syntax {
        cr_ends,
        ..Syntax::default()
    };
    let mut out = Vec::new();
    let mut at = from;
    while at < to && out.len() < LINES_KEPT {
        let Some(end) = crate::text::repair::line_end(&text[..to], at, true, &syntax) else {
            break;
        };
        out.push(kept(&text[at..end.end]));
        at = end.next;
    }
    out
}

fn kept(line: &[u8]) -> String {
    let cut = &line[..line.len().min(LINE_KEPT)];
    String::from_utf8_lossy(cut).into_owned()
}

/// The records that are not blank, as they stand.
fn rows(grid: &Grid<'_>, range: std::ops::Range<usize>) -> Vec<String> {
    range
        .filter(|r| !grid.rows[*r].is_blank())
        .take(LINES_KEPT)
        .map(|r| kept(grid.record(r)))
        .collect()
}

/// The table that was asked for, else the first with rows: of a file with a much larger one
/// behind a few lines, that one.
fn pick(frames: &[Frame], told: Option<&str>, tables: &[TableEntry]) -> Result<Option<usize>> {
    if frames.is_empty() {
        return Ok(None);
    }
    if let Some(told) = told.filter(|t| *t != "*") {
        let by_name = tables.iter().position(|t| t.name == told);
        let by_number = told
            .parse::<usize>()
            .ok()
            .filter(|n| (1..=frames.len()).contains(n))
            .map(|n| n - 1);
        return match by_name.or(by_number) {
            Some(index) => Ok(Some(index)),
            None => Err(ConvertError::NoTable {
                table: told.to_owned(),
                tables: tables.iter().map(|t| t.name.clone()).collect(),
            }),
        };
    }
    let largest = (0..frames.len())
        .max_by_key(|i| (frames[*i].body.len(), frames.len() - i))
        .unwrap_or(0);
    let most = frames[largest].body.len();
    let first = (0..frames.len()).find(|i| {
        let rows = frames[*i].body.len();
        rows > 0 && (rows >= 3 || most < 6) && rows * 20 >= most
    });
    Ok(Some(first.unwrap_or(largest)))
}

/// Footnotes of a file whose end is not in its head; how many rows of nothing are below
/// the last value.
fn tail(
    dialect: &mut Dialect,
    look: &Look<'_>,
    encoded: &encoding::Found,
    frame: &Frame,
    keeps: bool,
) -> usize {
    // Only where a byte of the file is a byte of the text is it known where the tail begins.
    if encoded.encoding != encoding_rs::UTF_8 || encoded.mixed {
        return 0;
    }
    let Some(line) = crate::text::repair::line_end(look.tail, 0, true, &dialect.syntax) else {
        return 0;
    };
    let all = &look.tail[line.next..];
    let marked = before_end_mark(all);
    let text = marked.unwrap_or(all);
    let grid = Grid::new(text, true, dialect.syntax.clone(), usize::MAX);
    let (last, notes) = frame::footnotes_of(&grid, frame, &dialect.columns);
    let below = frame::empty_rows(&grid, last..grid.rows.len(), frame.width);
    let end = if keeps { below.end } else { last };
    let before = look.size - encoded.bom - all.len() as u64;
    if marked.is_some() {
        let at = before + text.len() as u64;
        dialect.end = Some(at);
        dialect.end_mark = Some(EndMark { at, line: None });
    }
    if end < grid.rows.len() && end > 0 {
        dialect.end = Some(before + u64::from(grid.rows[end].start));
        dialect.footnotes = rows(&grid, notes);
    }
    below
        .filter(|r| grid.rows[*r].fields > 1 || frame.width == 1)
        .count()
}

/// `footnotes=N`: exactly so many lines at the end.
fn footnotes_told(
    dialect: &mut Dialect,
    text: &[u8],
    options: &Options,
    cr_ends: bool,
    whole: bool,
) {
    let Some(count) = options.number("footnotes") else {
        return;
    };
    if !whole && count > 0 {
        dialect.warnings.push(
            "Lines after the table are counted from the end of files up to 16 MiB only.".to_owned(),
        );
        return;
    }
    dialect.end = None;
    dialect.footnotes.clear();
    if count == 0 {
        return;
    }
    let syntax = Syntax {
        cr_ends,
        ..Syntax::default()
    };
    let mut starts = Vec::new();
    let mut at = dialect.start as usize;
    while at < text.len() {
        starts.push(at);
        at = crate::text::repair::line_end(text, at, true, &syntax).map_or(text.len(), |e| e.next);
    }
    let first = starts
        .len()
        .saturating_sub(usize::try_from(count).unwrap_or(usize::MAX));
    if let Some(start) = starts.get(first) {
        dialect.end = Some(*start as u64);
        dialect.footnotes = lines(text, *start, text.len(), cr_ends);
    }
}

fn known_layout(dialect: &mut Dialect, grid: &Grid<'_>, frame: &Frame) {
    dialect.layout = layout::by_names(&dialect.names);
    let unnamed = dialect.header_rows == 0 && !frame.body.is_empty();
    if unnamed && dialect.syntax.width == layout::STOOQ.len() {
        let stooq = frame
            .body
            .clone()
            .take(20)
            .all(|r| grid.rows[r].is_blank() || layout::by_row(&grid.cells(r)));
        if stooq {
            dialect.layout = Some(super::Layout::Stooq);
            dialect.names = layout::STOOQ.map(str::to_owned).to_vec();
            dialect.choices.push(choice(
                "names",
                "Stooq's columns",
                "no line names the columns, and the rows are in Stooq's layout",
                None,
            ));
        }
    }
}
