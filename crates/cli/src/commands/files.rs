//! files and info: what is stored.

use std::io;
use std::ops::ControlFlow;

use redline_core::{FilePage, FileQuery, FileStatus, FileView, SortKey};
use serde_json::json;

use super::json as to_json;
use crate::app::App;
use crate::args::{Files, Sort};
use crate::failure::{Failure, Outcome, status};
use crate::out::Out;
use crate::table::{Align, Table, pairs};
use crate::words;

/// Core's limit of one page; anything longer is streamed.
const PAGE: u64 = 1000;

pub fn files(app: &App, a: Files) -> Outcome {
    let query = FileQuery {
        file_type: a.file_type,
        search: a.search.filter(|s| !s.trim().is_empty()),
        sort: match a.sort {
            Sort::Name => SortKey::Name,
            Sort::Type => SortKey::Type,
            Sort::Size => SortKey::Size,
            Sort::Added => SortKey::Added,
        },
        reverse: a.reverse,
        offset: a.offset,
        limit: a.limit,
        trash: false,
    };
    list(app, query)
}

/// Prints what `query` finds, as it is read; without a limit all of it.
pub fn list(app: &App, query: FileQuery) -> Outcome {
    let session = app.session()?;
    let trash = query.trash;
    let mut listing = Listing::new(&app.out, trash);
    let total = match query.limit {
        Some(limit) if limit <= PAGE => {
            // A page of nothing still says how much there is.
            let page = session.list(&FileQuery {
                limit: Some(limit.max(1)),
                ..query
            })?;
            for file in page.files.iter().take(limit as usize) {
                listing.add(file)?;
            }
            page.total
        }
        limit => {
            let FilePage { total, .. } = session.list(&FileQuery {
                limit: Some(1),
                offset: 0,
                ..query.clone()
            })?;
            let mut skip = query.offset;
            let mut left = limit.unwrap_or(u64::MAX);
            let mut broken = None;
            session.for_each_file(
                &FileQuery {
                    limit: None,
                    offset: 0,
                    ..query
                },
                &mut |file| {
                    if skip > 0 {
                        skip -= 1;
                        return ControlFlow::Continue(());
                    }
                    if left == 0 {
                        return ControlFlow::Break(());
                    }
                    left -= 1;
                    match listing.add(&file) {
                        Ok(()) => ControlFlow::Continue(()),
                        Err(error) => {
                            broken = Some(error);
                            ControlFlow::Break(())
                        }
                    }
                },
            )?;
            if let Some(error) = broken {
                return Err(error.into());
            }
            total
        }
    };
    listing.end(total)?;
    Ok(status::DONE)
}

/// A list of files on its way out.
struct Listing<'a> {
    out: &'a Out,
    table: Table,
    trash: bool,
    count: u64,
    bytes: u64,
}

impl<'a> Listing<'a> {
    fn new(out: &'a Out, trash: bool) -> Self {
        let columns = [
            ("ID", Align::Right),
            ("TYPE", Align::Left),
            ("SIZE", Align::Right),
            ("ADDED", Align::Left),
            ("NAME", Align::Left),
        ];
        Self {
            out,
            table: Table::new(&columns, out.colour()),
            trash,
            count: 0,
            bytes: 0,
        }
    }

    fn add(&mut self, file: &FileView) -> io::Result<()> {
        if self.out.json {
            self.out
                .raw(if self.count == 0 { "{\"files\":[" } else { "," })?;
            self.out.value(file)?;
        } else {
            let cells = vec![
                file.id.to_string(),
                file.file_type.clone(),
                words::size(file.size_bytes),
                words::when(&file.uploaded_at),
                shown_name(self.out, file, self.trash),
            ];
            self.out.write(|to| self.table.row(cells, to))?;
        }
        self.count += 1;
        self.bytes += file.size_bytes;
        Ok(())
    }

    fn end(&mut self, total: u64) -> io::Result<()> {
        if self.out.json {
            if self.count == 0 {
                self.out.raw("{\"files\":[")?;
            }
            self.out
                .raw(&format!("],\"count\":{},\"total\":{total}", self.count))?;
            if let Some(notice) = self.out.take_notice() {
                self.out.raw(",\"notice\":")?;
                self.out.value(&notice)?;
            }
            return self.out.raw("}\n");
        }
        self.out.write(|to| self.table.end(to))?;
        let all = words::count(total, "file", "files");
        let line = match (self.count, total) {
            (0, 0) if self.trash => "The trash is empty.".to_owned(),
            (0, 0) => "No files.".to_owned(),
            (count, total) if count >= total => format!("{all}, {}", words::size(self.bytes)),
            (count, _) => format!("{} of {all}", words::number(count)),
        };
        self.out.summary(self.out.dim(&line))
    }
}

/// The path below the store, with what is wrong with the file behind it.
fn shown_name(out: &Out, file: &FileView, trash: bool) -> String {
    let path = words::name(&file.relative_path);
    match file.status {
        FileStatus::Missing => format!("{path}  {}", out.red("missing")),
        FileStatus::CloudOnly => format!("{path}  {}", out.dim("cloud only")),
        FileStatus::Trashed if !trash => format!("{path}  {}", out.dim("in the trash")),
        FileStatus::Stored | FileStatus::Trashed => path,
    }
}

pub fn info(app: &App, id: i64) -> Outcome {
    let session = app.session()?;
    let file = session.file(id)?;
    if app.out.json {
        app.out.object([("file", to_json(&file)?)])?;
        return Ok(status::DONE);
    }
    describe(app, &file)?;
    Ok(status::DONE)
}

fn describe(app: &App, file: &FileView) -> Result<(), Failure> {
    let mut rows = vec![
        ("ID", file.id.to_string()),
        ("Name", words::name(&file.filename)),
        ("Path", words::name(&file.relative_path)),
    ];
    if file.original_filename != file.filename {
        rows.push(("Original name", words::name(&file.original_filename)));
    }
    rows.extend([
        ("Type", file.file_type.clone()),
        ("Format", file.format.clone()),
        (
            "Size",
            format!(
                "{} ({} bytes)",
                words::size(file.size_bytes),
                words::number(file.size_bytes)
            ),
        ),
        (
            "SHA-256",
            if file.sha256.is_empty() {
                "not known yet".to_owned()
            } else {
                file.sha256.clone()
            },
        ),
        (
            "Added",
            format!("{} ({})", words::when(&file.uploaded_at), file.uploaded_at),
        ),
        ("Status", status_words(app, file.status)),
        ("UID", file.uid.clone()),
    ]);
    if file.metadata.as_object().is_some_and(|m| !m.is_empty()) {
        rows.push(("Metadata", words::name(&json!(file.metadata).to_string())));
    }
    app.out.write(|to| pairs(&rows, to))?;
    Ok(())
}

fn status_words(app: &App, status: FileStatus) -> String {
    match status {
        FileStatus::Stored => "stored".to_owned(),
        FileStatus::Missing => app.out.red("missing: its bytes are gone from the folder"),
        FileStatus::Trashed => "in the trash".to_owned(),
        FileStatus::CloudOnly => "in the bucket only".to_owned(),
    }
}
