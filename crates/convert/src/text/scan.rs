//! One pass over a whole delimited file: is it clean, and what is in it? Counts
//! records, and per column the bytes of text, nulls and quoted empties, so that the
//! engine's reading can be checked against an independent one.
//!
//! Refuses what the engine would take while changing it: spaces around quotes (it
//! drops them), mixed line ends, rows of another length, invalid UTF-8.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::LineEnd;
use crate::error::{ConvertError, Result};
use crate::limits::Progress;

const CHUNK: usize = 1 << 20;

#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct ColumnScan {
    /// Bytes of text in all values, quotes and their doubling taken away.
    pub bytes: u64,
    pub nulls: u64,
    pub empties: u64,
}

#[derive(Debug, Default, Clone)]
pub(crate) struct Scan {
    /// Records, without the header.
    pub rows: u64,
    pub columns: Vec<ColumnScan>,
    /// In bytes, its line end included.
    pub longest_record: u64,
    pub line_end: Option<LineEnd>,
    pub bom: bool,
    /// Empty lines in a table of several columns: not rows.
    pub blank_lines: u64,
    /// Line breaks inside quotes.
    pub quoted_breaks: u64,
    /// Quote characters in fields that do not begin with one; kept as text.
    pub bare_quotes: u64,
    pub nul_bytes: u64,
}

/// Reads all of `path`. Reports bytes to the phase that the caller began.
pub(crate) fn scan(
    path: &Path,
    delimiter: u8,
    header: bool,
    width: usize,
    progress: &dyn Progress,
) -> Result<Scan> {
    let mut file = File::open(path)?;
    let mut buffer = vec![0u8; CHUNK + 4];
    // The bytes of a character that a chunk's end cut in two wait at the front.
    let mut kept = 0usize;
    let mut scanner = Scanner::new(delimiter, header, width);
    let mut first = true;
    loop {
        if progress.is_cancelled() {
            return Err(ConvertError::Cancelled);
        }
        let read = read_full(&mut file, &mut buffer[kept..kept + CHUNK])?;
        let filled = kept + read;
        let mut from = 0;
        if first {
            first = false;
            if buffer[..filled].starts_with(b"\xEF\xBB\xBF") {
                scanner.out.bom = true;
                from = 3;
            }
        }
        let valid = match std::str::from_utf8(&buffer[from..filled]) {
            Ok(_) => filled,
            Err(e) if e.error_len().is_none() && read > 0 => from + e.valid_up_to(),
            Err(e) => {
                let at = from + e.valid_up_to();
                scanner.feed(&buffer[from..at])?;
                return Err(ConvertError::Unreadable {
                    what: "the text as UTF-8".to_owned(),
                    seen: format!(
                        "byte 0x{:02X} in line {}, field {}",
                        buffer[at],
                        scanner.line,
                        scanner.field + 1
                    ),
                });
            }
        };
        scanner.feed(&buffer[from..valid])?;
        progress.advance(read as u64);
        if read == 0 {
            return scanner.finish();
        }
        buffer.copy_within(valid..filled, 0);
        kept = filled - valid;
    }
}

/// As much as fits, unless the file ends: short reads would only cost calls.
fn read_full(file: &mut File, mut buffer: &mut [u8]) -> Result<usize> {
    let mut total = 0;
    while !buffer.is_empty() {
        match file.read(buffer) {
            Ok(0) => break,
            Ok(n) => {
                total += n;
                buffer = &mut buffer[n..];
            }
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e.into()),
        }
    }
    Ok(total)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing of the field yet.
    Start,
    Plain,
    Quoted,
    /// A quote inside quotes: the end, or the first half of a doubled one.
    Closing,
}

struct Scanner {
    delimiter: u8,
    header: bool,
    width: usize,
    /// Bytes that end a run of ordinary ones outside quotes.
    special: [bool; 256],
    state: State,
    /// A CR outside quotes whose next byte is not known yet.
    pending_cr: bool,
    /// Position in the file, for the length of records.
    offset: u64,
    record_start: u64,
    line: u64,
    record_line: u64,
    quote_line: u64,
    field: usize,
    field_bytes: u64,
    field_quoted: bool,
    /// Only spaces and tabs in the field so far.
    field_blank: bool,
    records: u64,
    out: Scan,
}

impl Scanner {
    fn new(delimiter: u8, header: bool, width: usize) -> Self {
        let mut special = [false; 256];
        for b in [delimiter, b'"', b'\r', b'\n', 0] {
            special[usize::from(b)] = true;
        }
        Scanner {
            delimiter,
            header,
            width,
            special,
            state: State::Start,
            pending_cr: false,
            offset: 0,
            record_start: 0,
            line: 1,
            record_line: 1,
            quote_line: 1,
            field: 0,
            field_bytes: 0,
            field_quoted: false,
            field_blank: true,
            records: 0,
            out: Scan {
                columns: vec![ColumnScan::default(); width],
                ..Scan::default()
            },
        }
    }

    fn malformed<T>(&self, line: u64, detail: impl Into<String>) -> Result<T> {
        Err(ConvertError::Malformed {
            line,
            column: self.field as u64 + 1,
            detail: detail.into(),
        })
    }

    fn feed(&mut self, bytes: &[u8]) -> Result<()> {
        let base = self.offset;
        let mut i = 0;
        while i < bytes.len() {
            if self.pending_cr {
                self.pending_cr = false;
                let crlf = bytes[i] == b'\n';
                i += usize::from(crlf);
                self.offset = base + i as u64;
                self.end_line(if crlf { LineEnd::CrLf } else { LineEnd::Cr })?;
                continue;
            }
            if self.state == State::Quoted {
                i = self.quoted(bytes, i);
                continue;
            }
            if self.state == State::Closing {
                if bytes[i] == b'"' {
                    self.field_bytes += 1;
                    self.state = State::Quoted;
                    i += 1;
                    continue;
                }
                if bytes[i] != self.delimiter && bytes[i] != b'\r' && bytes[i] != b'\n' {
                    return self.malformed(self.line, "text follows a closing quote");
                }
            }
            let start = i;
            while i < bytes.len() && !self.special[usize::from(bytes[i])] {
                i += 1;
            }
            if i > start {
                self.state = State::Plain;
                self.field_bytes += (i - start) as u64;
                self.field_blank =
                    self.field_blank && bytes[start..i].iter().all(|b| matches!(b, b' ' | b'\t'));
            }
            let Some(&byte) = bytes.get(i) else { break };
            i += 1;
            match byte {
                b'\r' => self.pending_cr = true,
                b'\n' => {
                    self.offset = base + i as u64;
                    self.end_line(LineEnd::Lf)?;
                }
                b'"' if self.state == State::Start => {
                    self.state = State::Quoted;
                    self.field_quoted = true;
                    self.quote_line = self.line;
                }
                b'"' if self.field_blank => {
                    return self.malformed(
                        self.line,
                        "spaces stand before a quote, so it is open whether they belong to the value",
                    );
                }
                b'"' => {
                    self.out.bare_quotes += 1;
                    self.field_bytes += 1;
                }
                0 => {
                    self.out.nul_bytes += 1;
                    self.field_bytes += 1;
                    self.field_blank = false;
                    self.state = State::Plain;
                }
                _ => self.end_field(),
            }
        }
        self.offset = base + bytes.len() as u64;
        Ok(())
    }

    /// Runs to the next quote; gives the position after it.
    fn quoted(&mut self, bytes: &[u8], from: usize) -> usize {
        let mut i = from;
        while i < bytes.len() && bytes[i] != b'"' {
            match bytes[i] {
                b'\n' => {
                    self.line += 1;
                    self.out.quoted_breaks += 1;
                }
                b'\r' => self.out.quoted_breaks += 1,
                0 => self.out.nul_bytes += 1,
                _ => {}
            }
            i += 1;
        }
        self.field_bytes += (i - from) as u64;
        if i < bytes.len() {
            self.state = State::Closing;
            i += 1;
        }
        i
    }

    fn end_field(&mut self) {
        let counted = !(self.header && self.records == 0);
        if counted && let Some(column) = self.out.columns.get_mut(self.field) {
            column.bytes += self.field_bytes;
            if self.field_bytes == 0 {
                if self.field_quoted {
                    column.empties += 1;
                } else {
                    column.nulls += 1;
                }
            }
        }
        self.field += 1;
        self.field_bytes = 0;
        self.field_quoted = false;
        self.field_blank = true;
        self.state = State::Start;
    }

    fn end_line(&mut self, end: LineEnd) -> Result<()> {
        match self.out.line_end {
            None => self.out.line_end = Some(end),
            Some(usual) if usual != end => {
                let detail = format!(
                    "the line ends with {}, those before it with {}",
                    end.label(),
                    usual.label()
                );
                return self.malformed(self.line, detail);
            }
            Some(_) => {}
        }
        self.end_record()?;
        self.line += 1;
        self.record_line = self.line;
        Ok(())
    }

    fn end_record(&mut self) -> Result<()> {
        self.out.longest_record = self.out.longest_record.max(self.offset - self.record_start);
        self.record_start = self.offset;
        let blank = self.field == 0 && self.state == State::Start;
        if blank && self.records == 0 {
            return self.malformed(self.line, "an empty line stands before the first row");
        }
        if blank && self.width > 1 {
            self.out.blank_lines += 1;
            return Ok(());
        }
        self.end_field();
        if self.field != self.width {
            let (found, wanted) = (self.field, self.width);
            self.field = found.min(wanted);
            return self.malformed(
                self.record_line,
                format!("the row has {found} fields, the first row has {wanted}"),
            );
        }
        self.field = 0;
        self.records += 1;
        Ok(())
    }

    fn finish(mut self) -> Result<Scan> {
        if self.pending_cr {
            self.pending_cr = false;
            self.end_line(LineEnd::Cr)?;
        }
        if self.state == State::Quoted {
            return self.malformed(self.quote_line, "a quote is opened and never closed");
        }
        if self.field > 0 || self.state != State::Start {
            self.end_record()?;
        }
        self.out.rows = self.records - u64::from(self.header && self.records > 0);
        Ok(self.out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scanned(bytes: &[u8], width: usize) -> Result<Scan> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        scan(file.path(), b',', true, width, &())
    }

    fn refused(bytes: &[u8], width: usize) -> (u64, u64) {
        match scanned(bytes, width) {
            Err(ConvertError::Malformed { line, column, .. }) => (line, column),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn counts_text_nulls_and_empties() {
        let scan = scanned(b"a,b\n1,\"\"\n\"x\ny\"\"z\",\n", 2).unwrap();
        assert_eq!(scan.rows, 2);
        assert_eq!(
            scan.columns,
            [
                ColumnScan {
                    bytes: 6,
                    nulls: 0,
                    empties: 0
                },
                ColumnScan {
                    bytes: 0,
                    nulls: 1,
                    empties: 1
                },
            ]
        );
        assert_eq!(scan.quoted_breaks, 1);
        assert_eq!(scan.line_end, Some(LineEnd::Lf));
    }

    #[test]
    fn a_last_line_needs_no_end() {
        assert_eq!(scanned(b"a,b\n1,2", 2).unwrap().rows, 1);
        assert_eq!(scanned(b"a,b\r\n1,", 2).unwrap().rows, 1);
        assert_eq!(scanned(b"a,b", 2).unwrap().rows, 0);
        assert_eq!(scanned(b"a\r1\r2", 1).unwrap().rows, 2);
    }

    #[test]
    fn places_are_named() {
        assert_eq!(refused(b"a,b\n1,2\n3\n", 2), (3, 2));
        assert_eq!(refused(b"a,b\n\"x\n\ny\",2\n3,4,5\n", 2), (5, 3));
        assert_eq!(refused(b"a,b\n1,\"x\n3,4\n", 2), (2, 2));
        assert_eq!(refused(b"a,b\n1,\"x\" \n", 2), (2, 2));
        assert_eq!(refused(b"a,b\n1, \"x\"\n", 2), (2, 2));
        assert_eq!(refused(b"a,b\r\n1,2\n", 2), (2, 2));
        assert_eq!(refused(b"a,b\n1,2\rx,4\n", 2), (2, 2));
        assert_eq!(refused(b"\na,b\n", 2), (1, 1));
    }

    #[test]
    fn a_wrong_byte_is_placed() {
        let error = scanned(b"a,b\n1,caf\xE9\n", 2).unwrap_err().to_string();
        assert!(
            error.contains("0xE9") && error.contains("line 2, field 2"),
            "{error}"
        );
        assert!(scanned(b"a\nx\xC3", 1).is_err(), "cut short in a character");
    }

    #[test]
    fn chunks_meet_without_a_seam() {
        // Characters of three bytes, quotes and line ends fall on the seam in turn.
        for shift in 0..8 {
            let mut text = format!("{}\r\n", "h".repeat(CHUNK - 40 + shift));
            for _ in 0..30 {
                text.push_str("\"€\"\"\"\r\n");
            }
            let scan = scanned(text.as_bytes(), 1).unwrap();
            assert_eq!(scan.rows, 30, "{shift}");
            assert_eq!(scan.columns[0].bytes, 30 * 4, "{shift}");
        }
    }
}
