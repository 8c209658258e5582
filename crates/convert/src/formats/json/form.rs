//! How a JSON file is built: where its records are and what they are. Looks at the head,
//! and goes through a whole document only where it is a single large object, in which the
//! table is one of the members. Never looks at values.

use super::input::Input;
use super::outline::{Outline, TableArray};
use super::records::Record;
use super::split::{Layout, Range};
use super::token::{Cursor, Fault};
use crate::error::{ConvertError, Result};
use crate::formats::pick;
use crate::options::Options;
use crate::profile::{Choice, TableEntry};
use crate::table::Job;

/// As much is looked at to tell one form from another.
const HEAD: usize = 4 << 20;

/// The name of the whole document as a table of one row.
const DOCUMENT: &str = "document";

#[derive(Debug)]
pub(crate) struct Form {
    pub range: Range,
    pub record: Record,
    /// Names of columns, where the first of the arrays holds them.
    pub header: Option<Vec<String>>,
    pub table: Option<String>,
    pub tables: Vec<TableEntry>,
    pub choices: Vec<Choice>,
    pub warnings: Vec<String>,
}

impl Form {
    fn of(layout: Layout, begin: u64, end: Option<u64>, record: Record) -> Self {
        Form {
            range: Range { layout, begin, end },
            record,
            header: None,
            table: None,
            tables: Vec::new(),
            choices: Vec::new(),
            warnings: Vec::new(),
        }
    }

    fn choose(
        &mut self,
        what: &str,
        chosen: impl Into<String>,
        why: &str,
        otherwise: Option<&str>,
    ) {
        self.choices.push(Choice {
            what: what.to_owned(),
            chosen: chosen.into(),
            why: why.to_owned(),
            otherwise: otherwise.map(str::to_owned),
            told: None,
        });
    }
}

/// `lines` says that the name or the caller calls it NDJSON, which settles a file of one
/// record.
pub(crate) fn form(input: &Input, options: &Options, lines: bool, job: Job<'_>) -> Result<Form> {
    let mut head = Vec::new();
    let read = input.stream(0)?.fill(&mut head, HEAD);
    let whole = read.map_err(|e| input.broken(e))? < HEAD;
    let begin = head.iter().position(|b| !b.is_ascii_whitespace());
    let Some(begin) = begin else {
        return Err(ConvertError::Unreadable {
            what: "JSON".to_owned(),
            seen: match head.len() {
                0 => "0 bytes".to_owned(),
                n => format!("{n} bytes of whitespace"),
            },
        });
    };
    let mut cursor = Cursor {
        bytes: &head,
        at: begin,
        lax: true,
    };
    let first = cursor.skip();
    let end = cursor.at;
    if first.is_ok() {
        cursor.space();
        if cursor.at < head.len() {
            return several(input, &head, begin, end, cursor.at, options);
        }
    }
    match head[begin] {
        b'[' => array(input, &head, begin, options),
        b'{' if first.is_err() && lines_after(&head, begin) => {
            Ok(Form::of(Layout::Lines, begin as u64, None, Record::Object))
        }
        b'{' if lines && first.is_ok() && !head[begin..end].contains(&b'\n') => {
            Ok(Form::of(Layout::Lines, begin as u64, None, Record::Object))
        }
        b'{' => {
            if let (Err(fault), true) = (&first, whole)
                && !cut_short(fault, &head)
            {
                return Err(input.malformed(fault.at as u64, fault.detail.clone()));
            }
            document(input, begin as u64, options, job)
        }
        _ => match first {
            Ok(_) => Ok(Form::of(Layout::Values, begin as u64, None, Record::Value)),
            Err(fault) => Err(input.malformed(fault.at as u64, fault.detail)),
        },
    }
}

fn cut_short(fault: &Fault, head: &[u8]) -> bool {
    fault.at >= head.len() || fault.detail.contains("never closed")
}

/// The first line is broken, but the next is a record of its own: lines, one a reject.
fn lines_after(head: &[u8], begin: usize) -> bool {
    let Some(end) = memchr::memchr(b'\n', &head[begin..]) else {
        return false;
    };
    let rest = &head[begin + end + 1..];
    let line = rest.split(|b| *b == b'\n').next().unwrap_or_default();
    let mut cursor = Cursor {
        bytes: line,
        at: 0,
        lax: true,
    };
    line.trim_ascii_start().first() == Some(&b'{')
        && cursor.skip().is_ok()
        && line[cursor.at..].trim_ascii().is_empty()
}

/// More values than one: the first from `begin` to `end`, the second at `next`.
fn several(
    input: &Input,
    head: &[u8],
    begin: usize,
    end: usize,
    next: usize,
    options: &Options,
) -> Result<Form> {
    if !matches!(
        head[next],
        b'{' | b'[' | b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n' | b'N' | b'I'
    ) {
        let mut cursor = Cursor {
            bytes: head,
            at: next,
            lax: true,
        };
        let detail = match cursor.skip() {
            Err(fault) if matches!(head[next], b'/' | b'#') => fault.detail,
            _ => "something behind the end of the value".to_owned(),
        };
        // One line may be at fault while the rest are records.
        if !(head[begin] == b'{' && lines_after(head, begin)) {
            return Err(input.malformed(next as u64, detail));
        }
    }
    let line_between =
        head[end..next].contains(&b'\n') || head[begin] == b'{' && lines_after(head, begin);
    let spans_lines = head[begin..end].contains(&b'\n');
    let record = match head[begin] {
        b'{' => Record::Object,
        b'[' => Record::List,
        _ => Record::Value,
    };
    if line_between && !spans_lines {
        let mut form = Form::of(Layout::Lines, begin as u64, None, record);
        if record == Record::List {
            header(&mut form, input, head, options)?;
        }
        return Ok(form);
    }
    let mut form = Form::of(Layout::Values, begin as u64, None, record);
    form.choose(
        "records",
        "values one after another",
        "they are not one on each line",
        None,
    );
    if record == Record::List {
        header(&mut form, input, head, options)?;
    }
    Ok(form)
}

fn array(input: &Input, head: &[u8], begin: usize, options: &Options) -> Result<Form> {
    let mut cursor = Cursor {
        bytes: head,
        at: begin + 1,
        lax: true,
    };
    let inside = cursor.at as u64;
    cursor.space();
    // The first element that is not null says what the records are.
    while cursor.bytes[cursor.at..].starts_with(b"null") {
        cursor.at += 4;
        if !cursor.take(b',') {
            break;
        }
        cursor.space();
    }
    let record = match cursor.peek() {
        Some(b'{') => Record::Object,
        Some(b'[') => Record::List,
        Some(b']') if head[begin + 1..cursor.at].trim_ascii().is_empty() => {
            return Err(ConvertError::Unreadable {
                what: "a table".to_owned(),
                seen: "an empty array: there are no columns".to_owned(),
            });
        }
        _ => Record::Value,
    };
    let mut form = Form::of(Layout::Elements, inside, None, record);
    if record == Record::List {
        header(&mut form, input, head, options)?;
    }
    Ok(form)
}

/// Whether the first of the arrays names the columns: all of it different strings, and
/// another kind of value somewhere in the second.
fn header(form: &mut Form, input: &Input, head: &[u8], options: &Options) -> Result<()> {
    let begin = form.range.begin as usize;
    let mut cursor = Cursor {
        bytes: head,
        at: begin,
        lax: true,
    };
    let names = names(&mut cursor);
    let comma = form.range.layout == Layout::Elements;
    let after = cursor.clone();
    let follows = !comma || cursor.take(b',');
    cursor.space();
    let second = cursor.at;
    let differs = kinds(&mut cursor).is_some_and(|kinds| kinds.iter().any(|k| *k != b'"'));
    let asked = options.get("header");
    let chosen = match asked {
        Some("yes" | "1") => true,
        Some("no" | "0") => false,
        Some(other) => {
            return Err(ConvertError::BadOption {
                key: "header".to_owned(),
                value: other.to_owned(),
                expected: "yes or no".to_owned(),
            });
        }
        None => names.is_some() && follows && differs,
    };
    if !chosen {
        if names.is_some() && asked.is_none() {
            let why = "the second array holds only strings, too";
            form.choose("header", "no", why, Some("header=yes"));
        }
        return Ok(());
    }
    let Some(names) = names else {
        return Err(input.malformed(
            begin as u64,
            "no array of different names to take as a header",
        ));
    };
    form.range.begin = if follows && comma { second } else { after.at } as u64;
    form.header = Some(names);
    if asked.is_none() {
        let why = "the first array holds only strings, the second does not";
        form.choose("header", "yes", why, Some("header=no"));
    }
    Ok(())
}

fn names(cursor: &mut Cursor<'_>) -> Option<Vec<String>> {
    cursor.space();
    let mut names = Vec::new();
    if !cursor.take(b'[') {
        return None;
    }
    loop {
        cursor.space();
        if cursor.peek() != Some(b'"') {
            return None;
        }
        let mut name = Vec::new();
        super::raw::unescape(cursor.string().ok()?.raw, &mut name);
        let name = String::from_utf8(name).ok()?;
        if name.trim().is_empty() || names.contains(&name) {
            return None;
        }
        names.push(name);
        if cursor.take(b']') {
            return Some(names);
        }
        if !cursor.take(b',') {
            return None;
        }
    }
}

/// The first byte of each element.
fn kinds(cursor: &mut Cursor<'_>) -> Option<Vec<u8>> {
    let mut kinds = Vec::new();
    if !cursor.take(b'[') || cursor.take(b']') {
        return None;
    }
    loop {
        cursor.space();
        kinds.push(cursor.peek()?);
        cursor.skip().ok()?;
        if cursor.take(b']') {
            return Some(kinds);
        }
        if !cursor.take(b',') {
            return None;
        }
    }
}

/// One object. Its records are the elements of one of its arrays, or it is one itself.
fn document(input: &Input, begin: u64, options: &Options, job: Job<'_>) -> Result<Form> {
    let outline = Outline::of(input, begin, job)?;
    if outline.next.is_some() {
        // A first record too long for the head.
        let layout = match outline.spans_lines {
            true => Layout::Values,
            false => Layout::Lines,
        };
        return Ok(Form::of(layout, begin, None, Record::Object));
    }
    let arrays: Vec<&TableArray> = outline.arrays.iter().collect();
    let mut names: Vec<String> = arrays.iter().map(|a| a.path.clone()).collect();
    names.push(DOCUMENT.to_owned());
    let listed: Vec<&str> = names.iter().map(String::as_str).collect();
    let asked = pick(&listed, options)?;
    let shallowest = arrays.iter().map(|a| a.depth).min();
    let automatic = arrays.iter().position(|a| Some(a.depth) == shallowest);
    let chosen = asked.or(automatic).unwrap_or(arrays.len());
    let mut form = match arrays.get(chosen) {
        Some(array) => {
            outline.rest_is_json(input)?;
            Form::of(
                Layout::Elements,
                array.begin,
                Some(array.end),
                Record::Object,
            )
        }
        None => Form::of(Layout::Values, begin, None, Record::Object),
    };
    if let Some(array) = arrays.get(chosen) {
        let why = match arrays.len() {
            1 => "it is the only array of objects in the document",
            _ => "it is the first array of objects in the document",
        };
        form.table = Some(array.path.clone());
        form.choose(
            "records",
            format!("the elements of {:?}", array.path),
            why,
            Some("table=document"),
        );
        let others = outline.others(&array.path);
        if !others.is_empty() {
            form.warnings.push(format!(
                "Members of the document that are not part of the table: {}.",
                others.join(", ")
            ));
        }
    } else {
        form.choose(
            "records",
            "the whole document, one row",
            "no array of objects was chosen in it",
            None,
        );
    }
    if !arrays.is_empty() {
        let entry = |name: String| TableEntry {
            name,
            rows: None,
            columns: None,
        };
        form.tables = names.into_iter().map(entry).collect();
    }
    Ok(form)
}
