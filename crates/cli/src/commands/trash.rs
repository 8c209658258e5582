//! delete, undelete, trash: away, back, and away for good.

use redline_core::{FileQuery, FileStatus, FileView, Session};
use serde_json::{Value, json};

use super::files;
use super::json as to_json;
use crate::app::App;
use crate::args::{Confirm, Trash, TrashAction};
use crate::failure::{Failure, Outcome, status};
use crate::words;

pub fn delete(app: &App, ids: &[i64]) -> Outcome {
    let session = app.session()?;
    let before = looked_up(&session, ids)?;
    session.delete(ids)?;
    let after: Vec<FileView> = before
        .into_iter()
        .map(|file| FileView {
            status: FileStatus::Trashed,
            ..file
        })
        .collect();
    if app.out.json {
        return done(app, &after);
    }
    app.out.summary(match after.as_slice() {
        [one] => format!(
            "Moved \"{}\" to the trash. Take it back with: redline undelete {}",
            words::name(&one.filename),
            one.id
        ),
        many => format!(
            "Moved {} to the trash.",
            words::count(many.len() as u64, "file", "files")
        ),
    })?;
    Ok(status::DONE)
}

pub fn undelete(app: &App, ids: &[i64]) -> Outcome {
    let session = app.session()?;
    looked_up(&session, ids)?;
    session.undelete(ids)?;
    // A file that was not in the trash is where it should be, too.
    let after = looked_up(&session, ids)?;
    if app.out.json {
        return done(app, &after);
    }
    app.out.summary(match after.as_slice() {
        [one] => format!(
            "Took \"{}\" back from the trash.",
            words::name(&one.relative_path)
        ),
        many => format!(
            "Took {} back from the trash.",
            words::count(many.len() as u64, "file", "files")
        ),
    })?;
    Ok(status::DONE)
}

/// All or nothing: one unknown ID and nothing is touched.
fn looked_up(session: &Session, ids: &[i64]) -> Result<Vec<FileView>, Failure> {
    ids.iter()
        .map(|id| session.file(*id).map_err(Failure::from))
        .collect()
}

fn done(app: &App, files: &[FileView]) -> Outcome {
    match files {
        [one] => app.out.object([("file", to_json(one)?)])?,
        many => app.out.object([("files", to_json(&many)?)])?,
    }
    Ok(status::DONE)
}

pub fn trash(app: &App, a: Trash) -> Outcome {
    match a.action {
        None | Some(TrashAction::List) => files::list(
            app,
            FileQuery {
                trash: true,
                ..FileQuery::default()
            },
        ),
        Some(TrashAction::Empty(confirm)) => {
            let session = app.session()?;
            let stats = session.stats()?;
            if stats.trash_files > 0 {
                let question = format!(
                    "Delete {} ({}) for good?",
                    words::count(stats.trash_files, "file", "files"),
                    words::size(stats.trash_bytes)
                );
                // What was deleted once already goes without a question in a script.
                if app.out.can_ask() && !app.confirm(confirm.yes, &question)? {
                    return Ok(status::FAILED);
                }
            }
            let (files, bytes) = session.empty_trash()?;
            if app.out.json {
                app.out.object([
                    ("files", Value::Array(Vec::new())),
                    ("emptied", json!({ "files": files, "bytes": bytes })),
                ])?;
            } else if files == 0 {
                app.out.summary("The trash was empty.")?;
            } else {
                app.out.summary(format!(
                    "Deleted {} for good and freed {}.",
                    words::count(files, "file", "files"),
                    words::size(bytes)
                ))?;
            }
            Ok(status::DONE)
        }
    }
}

pub fn delete_all(app: &App, confirm: &Confirm) -> Outcome {
    let session = app.session()?;
    let stats = session.stats()?;
    let question = format!(
        "Delete the whole store of {}, {} ({}), from this machine for good?",
        session.masked_key(),
        words::count(stats.total_files, "file", "files"),
        words::size(stats.total_size_bytes)
    );
    if !app.confirm(confirm.yes, &question)? {
        return Ok(status::FAILED);
    }
    app.redline.delete_account(session)?;
    if app.out.json {
        app.out.object([(
            "deleted",
            json!({ "files": stats.total_files, "bytes": stats.total_size_bytes }),
        )])?;
    } else {
        app.out.summary(format!(
            "Deleted the store: {} and {}.",
            words::count(stats.total_files, "file", "files"),
            words::count(stats.trash_files, "file in the trash", "files in the trash")
        ))?;
    }
    Ok(status::DONE)
}
