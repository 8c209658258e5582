//! Where words go: results to stdout, notes and errors to stderr.
//!
//! It owns the choice between JSON and text, and colours (on a terminal, unless
//! NO_COLOR is set). It never decides what is said.

use std::cell::{Cell, RefCell};
use std::io::{self, BufWriter, IsTerminal, Stdout, Write};

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::failure::{Failure, Report};

pub struct Out {
    pub json: bool,
    pub quiet: bool,
    stdout: RefCell<BufWriter<Stdout>>,
    colour: bool,
    /// What opening the store found and mended: told once, in JSON as `notice`.
    notice: RefCell<Vec<String>>,
    noted: Cell<bool>,
}

/// Colours are for terminals, and only where nobody asked for none.
fn colours(terminal: bool) -> bool {
    let set = |name: &str| std::env::var_os(name).is_some_and(|v| !v.is_empty());
    terminal && !set("NO_COLOR") && std::env::var_os("TERM").is_none_or(|t| t != "dumb")
}

impl Out {
    pub fn new(json: bool, quiet: bool) -> Self {
        Self {
            json,
            quiet,
            stdout: RefCell::new(BufWriter::with_capacity(64 * 1024, io::stdout())),
            colour: colours(io::stdout().is_terminal()),
            notice: RefCell::default(),
            noted: Cell::new(false),
        }
    }

    /// Whether a progress bar has a place: a person at a terminal, nothing piped.
    pub fn has_room_for_a_bar(&self) -> bool {
        !self.json && !self.quiet && io::stdout().is_terminal() && io::stderr().is_terminal()
    }

    /// Whether a question can be asked and answered.
    pub fn can_ask(&self) -> bool {
        !self.json && io::stdin().is_terminal() && io::stderr().is_terminal()
    }

    pub fn colour(&self) -> bool {
        self.colour
    }

    pub fn bold(&self, text: &str) -> String {
        self.painted("1", text)
    }

    pub fn dim(&self, text: &str) -> String {
        self.painted("2", text)
    }

    /// Green means proven: a hash that matched, a certificate.
    pub fn green(&self, text: &str) -> String {
        self.painted("32", text)
    }

    pub fn amber(&self, text: &str) -> String {
        self.painted("33", text)
    }

    pub fn red(&self, text: &str) -> String {
        self.painted("31", text)
    }

    fn painted(&self, code: &str, text: &str) -> String {
        if self.colour {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }

    pub fn write(&self, f: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
        f(&mut *self.stdout.borrow_mut())
    }

    pub fn line(&self, text: impl AsRef<str>) -> io::Result<()> {
        writeln!(self.stdout.borrow_mut(), "{}", text.as_ref())
    }

    /// Text that says how it went, which --quiet leaves out.
    pub fn summary(&self, text: impl AsRef<str>) -> io::Result<()> {
        if self.quiet { Ok(()) } else { self.line(text) }
    }

    pub fn flush(&self) -> io::Result<()> {
        self.stdout.borrow_mut().flush()
    }

    /// The one JSON object of a command.
    pub fn object<const N: usize>(&self, fields: [(&str, Value); N]) -> io::Result<()> {
        let mut object: serde_json::Map<String, Value> = fields
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        if let Some(notice) = self.take_notice() {
            object.insert("notice".to_owned(), notice);
        }
        let mut stdout = self.stdout.borrow_mut();
        serde_json::to_writer(&mut *stdout, &object)?;
        writeln!(stdout)
    }

    /// One JSON object of one field, written as it goes: of a table with very many columns it is
    /// tens of megabytes, and ten times that as a tree of values.
    pub fn field(&self, name: &str, value: &impl Serialize) -> io::Result<()> {
        let notice = self.take_notice();
        let mut stdout = self.stdout.borrow_mut();
        let mut json = serde_json::Serializer::new(&mut *stdout);
        let mut object = json.serialize_map(None)?;
        object.serialize_entry(name, value)?;
        if let Some(notice) = notice {
            object.serialize_entry("notice", &notice)?;
        }
        object.end()?;
        writeln!(stdout)
    }

    /// One JSON value, as part of an object that is written bit by bit.
    pub fn value(&self, value: &impl Serialize) -> io::Result<()> {
        serde_json::to_writer(&mut *self.stdout.borrow_mut(), value).map_err(io::Error::from)
    }

    pub fn raw(&self, text: &str) -> io::Result<()> {
        self.stdout.borrow_mut().write_all(text.as_bytes())
    }

    /// Keeps what opening a store said; as text it goes to stderr at once.
    pub fn opened(&self, lines: &[String]) {
        if self.noted.replace(true) {
            return;
        }
        if self.json {
            self.notice.borrow_mut().extend_from_slice(lines);
        } else {
            for line in lines {
                self.note(line);
            }
        }
    }

    /// `,"notice":[…]` for an object written bit by bit, or nothing.
    pub fn take_notice(&self) -> Option<Value> {
        let lines = std::mem::take(&mut *self.notice.borrow_mut());
        (!lines.is_empty()).then(|| Value::from(lines))
    }

    /// Something to know that is not the result; stderr, text only.
    pub fn note(&self, text: &str) {
        if !self.json && !self.quiet {
            // Nothing can be done about a stderr that is gone.
            let _ = writeln!(io::stderr(), "note: {text}");
        }
    }
}

/// The last word of a command that failed, on stderr.
pub fn tell(failure: &Failure, json: bool) {
    if failure.quiet {
        return;
    }
    let mut stderr = io::stderr().lock();
    let Report { message, hint, .. } = &failure.report;
    // Nothing can be done about a stderr that is gone.
    let _ = if json {
        writeln!(stderr, "{}", serde_json::json!({ "error": failure.report }))
    } else {
        let (red, dim, off) = if colours(stderr.is_terminal()) {
            ("\u{1b}[1;31m", "\u{1b}[1m", "\u{1b}[0m")
        } else {
            ("", "", "")
        };
        writeln!(stderr, "{red}error:{off} {message}").and_then(|()| {
            if hint.is_empty() {
                Ok(())
            } else {
                writeln!(stderr, "{dim}hint:{off} {hint}")
            }
        })
    };
}
