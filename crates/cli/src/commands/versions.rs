//! backup versions: what restore points have of a file beside what is here.

use redline_core::{FileStatus, FileVersionView, SkippedPointView};

use super::backup::tell_skipped;
use super::json as to_json;
use crate::app::App;
use crate::failure::{Outcome, status};
use crate::table::{Align, Table};
use crate::words;

pub fn versions(app: &App, id: i64) -> Outcome {
    let session = app.session()?;
    let file = session.file(id)?;
    // What is gone from here is a version to have back.
    let here = match file.status {
        FileStatus::Missing => Vec::new(),
        _ => vec![file.sha256],
    };
    let mut versions: Vec<FileVersionView> = Vec::new();
    let mut skipped: Vec<SkippedPointView> = Vec::new();
    let mut looked_at = 0;
    let mut next: Option<String> = None;
    loop {
        let told = versions.iter().map(|version| version.sha256.clone());
        let known: Vec<String> = here.iter().cloned().chain(told).collect();
        let found = session.file_versions(&file.relative_path, &known, next.as_deref())?;
        versions.extend(found.versions);
        skipped.extend(found.skipped_points);
        looked_at += found.looked_at;
        next = found.next;
        if next.is_none() {
            break;
        }
    }
    if app.out.json {
        app.out.object([
            ("versions", to_json(&versions)?),
            ("skipped_points", to_json(&skipped)?),
        ])?;
        return Ok(status::DONE);
    }
    tell_skipped(app, &skipped)?;
    if versions.is_empty() {
        app.out.summary(format!(
            "No other version of \"{}\" in {}.",
            words::name(&file.relative_path),
            words::count(looked_at, "restore point", "restore points")
        ))?;
        return Ok(status::DONE);
    }
    let columns = [
        ("WHEN", Align::Left),
        ("SIZE", Align::Right),
        ("DEVICE", Align::Left),
        ("RESTORE POINT", Align::Left),
    ];
    let mut table = Table::new(&columns, app.out.colour());
    app.out.write(|to| {
        for version in &versions {
            table.row(
                vec![
                    words::when(&version.created_at),
                    words::size(version.size_bytes),
                    words::name(&version.device),
                    words::name(&version.point),
                ],
                to,
            )?;
        }
        table.end(to)
    })?;
    Ok(status::DONE)
}
