//! import: files and folders into the store, each told of as soon as it is durable.
//!
//! Nothing grows with the number of files: what is stored is written out at once,
//! what was skipped or failed waits in a spool that moves to disk.

use std::io::{self, Seek, Write};
use std::path::PathBuf;

use redline_core::{Code, FailedFile, FileView, ImportEvents, OnDuplicate, SkippedFile};
use serde_json::{Value, json};
use tempfile::SpooledTempFile;

use crate::app::App;
use crate::args::{Duplicate, Import};
use crate::failure::{Failure, Outcome, code_text, status};
use crate::interrupt::Interrupt;
use crate::out::Out;
use crate::progress::Bar;
use crate::words;

/// Of the files that went well, this many are named in the text.
const NAMED: u64 = 20;
/// A spool larger than this moves to a temporary file.
const SPOOL: usize = 1024 * 1024;

pub fn import(app: &App, a: Import) -> Outcome {
    let session = app.session()?;
    let interrupt = Interrupt::arm(&session)?;
    let mut bar = Bar::follow(&app.out, &session);
    let mut told = Told::new(&app.out, &bar, a.paths.clone());
    let on_duplicate = a.on_duplicate.map(|d| match d {
        Duplicate::Skip => OnDuplicate::Skip,
        Duplicate::Keep => OnDuplicate::Keep,
    });
    let result = session.import_now(a.paths, on_duplicate, &mut told);
    interrupt.end();
    let alone = result.is_ok() && told.counts.failed == 1 && !told.counts.stored_any();
    if !alone {
        told.release();
    }
    let Told {
        counts,
        skipped,
        failed,
        broken,
        ..
    } = told;
    bar.end();

    if app.out.json {
        // One that never began leaves only its error.
        if result.is_ok() || counts.any() {
            close_json(&app.out, &counts, skipped, failed).or_else(gone_is_fine)?;
        }
    } else if result.is_ok() && (counts.failed == 0 || counts.stored_any()) {
        // Otherwise the error says it all.
        app.out.summary(counts.sentence()).or_else(gone_is_fine)?;
    }
    if let Some(error) = broken {
        return Err(Failure::io(
            "The import went on, but its results could not all be written down",
            &error,
        ));
    }
    match result {
        Err(error) if error.code() == Code::Cancelled => Err(counts.cancelled(&error)),
        Err(error) => Err(error.into()),
        Ok(_) if counts.failed == 0 => Ok(status::DONE),
        Ok(_) if counts.stored_any() => Ok(status::IN_PART),
        Ok(_) => Err(counts.nothing_stored()),
    }
}

#[derive(Default)]
struct Counts {
    imported: u64,
    bytes: u64,
    skipped: u64,
    failed: u64,
    /// The first failure: with one file it is the whole story.
    first: Option<redline_core::ErrorReport>,
}

impl Counts {
    fn any(&self) -> bool {
        self.imported + self.skipped + self.failed > 0
    }

    /// Whether anything is in the store now that was to get there.
    fn stored_any(&self) -> bool {
        self.imported + self.skipped > 0
    }

    fn stored(&self) -> String {
        format!(
            "{} ({})",
            words::count(self.imported, "file", "files"),
            words::size(self.bytes)
        )
    }

    fn sentence(&self) -> String {
        if !self.any() {
            return "There was nothing to store.".to_owned();
        }
        let mut parts = Vec::new();
        if self.imported > 0 {
            parts.push(format!("Stored {}.", self.stored()));
        }
        if self.skipped > 0 {
            parts.push(format!(
                "Left out {}.",
                words::count(self.skipped, "file", "files")
            ));
        }
        if self.failed > 0 {
            parts.push(format!(
                "Failed: {}.",
                words::count(self.failed, "file", "files")
            ));
        }
        parts.join(" ")
    }

    fn cancelled(&self, error: &redline_core::CoreError) -> Failure {
        let kept = if self.imported > 0 {
            format!("{} stored before stay stored", self.stored())
        } else {
            "Nothing was stored".to_owned()
        };
        Failure::new(
            status::FAILED,
            &code_text(&error.code()),
            format!("The import was cancelled. {kept}; what was not finished left nothing behind."),
            "Run the same command again to store the rest.",
        )
    }

    fn nothing_stored(&self) -> Failure {
        match (&self.first, self.failed) {
            (Some(report), 1) => Failure::reported(report.clone(), status::FAILED),
            (first, failed) => Failure::new(
                status::FAILED,
                &first
                    .as_ref()
                    .map_or_else(|| "unreadable".to_owned(), |report| code_text(&report.code)),
                match first {
                    Some(report) => format!(
                        "None of the {} could be stored. The first: {}",
                        words::count(failed, "file", "files"),
                        report.message
                    ),
                    None => format!(
                        "None of the {} could be stored.",
                        words::count(failed, "file", "files")
                    ),
                },
                first
                    .as_ref()
                    .map(|report| report.hint.clone())
                    .unwrap_or_default(),
            ),
        }
    }
}

/// What core tells of, on its way out.
struct Told<'a> {
    out: &'a Out,
    bar: &'a Bar,
    counts: Counts,
    skipped: SpooledTempFile,
    failed: SpooledTempFile,
    /// As given on the command line: what is wrong with one is said of it so.
    typed: Vec<PathBuf>,
    /// The line of a first failure that is not out yet: if it stays the only outcome,
    /// the command's own error says it.
    held: Option<String>,
    /// The reader of stdout went away: the import goes on without it.
    alone: bool,
    broken: Option<io::Error>,
}

impl<'a> Told<'a> {
    fn new(out: &'a Out, bar: &'a Bar, typed: Vec<PathBuf>) -> Self {
        Self {
            out,
            bar,
            counts: Counts::default(),
            skipped: SpooledTempFile::new(SPOOL),
            failed: SpooledTempFile::new(SPOOL),
            typed,
            held: None,
            alone: false,
            broken: None,
        }
    }

    fn release(&mut self) {
        if let Some(line) = self.held.take() {
            self.say(|out| out.line(line));
        }
    }

    fn say(&mut self, f: impl FnOnce(&Out) -> io::Result<()>) {
        if self.alone {
            return;
        }
        let out = self.out;
        // With a bar on the screen the line has to be out before the bar comes back.
        let said = self
            .bar
            .aside(|| f(out).and_then(|()| if out.json { Ok(()) } else { out.flush() }));
        match said {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => self.alone = true,
            Err(error) => {
                self.alone = true;
                self.broken.get_or_insert(error);
            }
        }
    }

    fn spool(&mut self, entry: &Value, failed: bool) {
        let spool = if failed {
            &mut self.failed
        } else {
            &mut self.skipped
        };
        let first = if failed {
            self.counts.failed
        } else {
            self.counts.skipped
        } == 0;
        let mut line = if first { String::new() } else { ",".to_owned() };
        line.push_str(&entry.to_string());
        if let Err(error) = spool.write_all(line.as_bytes()) {
            self.broken.get_or_insert(error);
        }
    }
}

impl ImportEvents for Told<'_> {
    fn imported(&mut self, file: FileView) {
        self.release();
        let n = self.counts.imported;
        self.say(|out| {
            if out.json {
                out.raw(if n == 0 { "{\"imported\":[" } else { "," })?;
                out.value(&file)
            } else if n < NAMED {
                let path = words::name(&file.relative_path);
                out.summary(format!(
                    "{:>6}  {path}  {}",
                    file.id,
                    out.dim(&words::size(file.size_bytes))
                ))
            } else if n == NAMED {
                out.summary("     …")
            } else {
                Ok(())
            }
        });
        self.counts.imported += 1;
        self.counts.bytes += file.size_bytes;
    }

    fn skipped(&mut self, file: SkippedFile) {
        self.release();
        if self.out.json {
            let entry =
                json!({ "path": file.path, "already": file.already, "reason": file.reason });
            self.spool(&entry, false);
        } else if self.counts.skipped < NAMED {
            let path = words::name(&file.path);
            let why = match &file.already {
                Some(known) => format!("already stored as {}", known.id),
                None => words::name(&file.reason),
            };
            self.say(|out| out.summary(format!("{:>6}  {path}  {}", "-", out.amber(&why))));
        } else if self.counts.skipped == NAMED {
            self.say(|out| out.summary("     …"));
        }
        self.counts.skipped += 1;
    }

    fn failed(&mut self, mut file: FailedFile) {
        self.release();
        if self.out.json {
            let entry = json!({ "path": file.path, "error": file.error });
            self.spool(&entry, true);
        } else {
            if let Some(typed) = as_typed(&self.typed, &file.path) {
                let (core, whole) = (format!("\"{}\"", file.path), format!("\"{typed}\""));
                file.error.message = file.error.message.replacen(&core, &whole, 1);
                file.path = typed;
            }
            let path = words::name(&file.path);
            let message = words::name(&file.error.message);
            let line = format!("{}  {path}  {message}", self.out.red("failed"));
            if self.counts.any() {
                self.say(|out| out.line(line));
            } else {
                self.held = Some(line);
            }
        }
        if self.counts.first.is_none() {
            self.counts.first = Some(file.error);
        }
        self.counts.failed += 1;
    }

    /// Whoever reads along learns of what is durable when it is, not when the object ends.
    fn batch_told(&mut self) {
        if self.out.json {
            self.say(Out::flush);
        }
    }
}

/// The path as it was given, where core names only its last part and no other path
/// has the same.
fn as_typed(typed: &[PathBuf], shown: &str) -> Option<String> {
    let mut same = typed
        .iter()
        .filter(|path| path.file_name().is_some_and(|name| name == shown));
    match (same.next(), same.next()) {
        (Some(path), None) => Some(path.to_string_lossy().into_owned()),
        _ => None,
    }
}

fn close_json(
    out: &Out,
    counts: &Counts,
    skipped: SpooledTempFile,
    failed: SpooledTempFile,
) -> io::Result<()> {
    if counts.imported == 0 {
        out.raw("{\"imported\":[")?;
    }
    for (name, mut spool) in [("skipped", skipped), ("failed", failed)] {
        out.raw(&format!("],\"{name}\":["))?;
        spool.rewind()?;
        out.write(|to| io::copy(&mut spool, to).map(drop))?;
    }
    out.raw("]")?;
    if let Some(notice) = out.take_notice() {
        out.raw(",\"notice\":")?;
        out.value(&notice)?;
    }
    out.raw("}\n")
}

/// Storing was the point; that nobody reads on is no failure of it.
fn gone_is_fine(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::BrokenPipe {
        Ok(())
    } else {
        Err(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_says_what_happened_and_no_more() {
        let mut counts = Counts::default();
        assert_eq!(counts.sentence(), "There was nothing to store.");
        counts.imported = 10_000;
        counts.bytes = 97_700_000;
        assert_eq!(counts.sentence(), "Stored 10,000 files (97.7 MB).");
        counts.skipped = 1;
        counts.failed = 2;
        assert_eq!(
            counts.sentence(),
            "Stored 10,000 files (97.7 MB). Left out 1 file. Failed: 2 files."
        );
    }

    #[test]
    fn a_path_is_named_as_it_was_typed() {
        let typed = ["not/there.csv", "a/q3.csv", "b/q3.csv"].map(PathBuf::from);
        assert_eq!(as_typed(&typed, "there.csv").unwrap(), "not/there.csv");
        assert_eq!(as_typed(&typed, "q3.csv"), None, "which of the two?");
        assert_eq!(as_typed(&typed, "not/there.csv"), None);
    }

    #[test]
    fn one_failure_speaks_for_itself_and_many_together() {
        let report = redline_core::CoreError::new(
            Code::SourceVanished,
            "\"q3.csv\" is not there.",
            "Check the path.",
        )
        .report();
        let mut counts = Counts {
            failed: 1,
            first: Some(report),
            ..Counts::default()
        };
        let alone = counts.nothing_stored();
        assert_eq!(
            (alone.status, alone.report.code.as_str()),
            (1, "source_vanished")
        );
        assert_eq!(alone.report.message, "\"q3.csv\" is not there.");
        counts.failed = 3;
        let many = counts.nothing_stored();
        assert_eq!(
            many.report.message,
            "None of the 3 files could be stored. The first: \"q3.csv\" is not there."
        );
        assert_eq!(many.report.code, "source_vanished");
    }
}
