//! jobs, stats, doctor: what goes on, how much there is, what is amiss.

use std::io;

use redline_core::{JobKind, JobState, JobView, StoreStats};
use serde_json::json;

use super::json as to_json;
use crate::app::App;
use crate::args::{Jobs, JobsAction};
use crate::failure::{Outcome, status};
use crate::table::{Align, Table, pairs};
use crate::words;

pub fn jobs(app: &App, a: Jobs) -> Outcome {
    let session = app.session()?;
    let jobs = match a.action {
        None => unfinished(session.jobs()),
        Some(JobsAction::List { all: true }) => session.jobs(),
        Some(JobsAction::List { all: false }) => unfinished(session.jobs()),
        Some(JobsAction::Cancel { id }) => {
            let before = session.job(&id)?;
            session.cancel_job(&id)?;
            let job = session.job(&id)?;
            if !app.out.json {
                let title = words::name(&job.title);
                app.out.summary(if before.state == JobState::Running {
                    format!("Asked \"{title}\" to stop.")
                } else {
                    format!("\"{title}\" is not running: {}.", state(&before))
                })?;
                return Ok(status::DONE);
            }
            vec![job]
        }
    };
    if app.out.json {
        app.out.object([("jobs", to_json(&jobs)?)])?;
        return Ok(status::DONE);
    }
    if jobs.is_empty() {
        app.out
            .summary("No work is running, and none was interrupted.")?;
        return Ok(status::DONE);
    }
    let columns = [
        ("ID", Align::Left),
        ("KIND", Align::Left),
        ("STATE", Align::Left),
        ("DONE", Align::Right),
        ("STARTED", Align::Left),
        ("WHAT", Align::Left),
    ];
    let mut table = Table::new(&columns, app.out.colour());
    app.out.write(|to| {
        for job in &jobs {
            table.row(
                vec![
                    job.id.clone(),
                    kind(job.kind).to_owned(),
                    state(job).to_owned(),
                    done(job),
                    words::when(&job.started_at),
                    words::name(&job.title),
                ],
                to,
            )?;
        }
        table.end(to)
    })?;
    Ok(status::DONE)
}

/// What is running here or elsewhere, and what was cut off.
fn unfinished(jobs: Vec<JobView>) -> Vec<JobView> {
    jobs.into_iter()
        .filter(|job| matches!(job.state, JobState::Running | JobState::Interrupted))
        .collect()
}

fn kind(kind: JobKind) -> &'static str {
    match kind {
        JobKind::Import => "import",
        JobKind::Verify => "verify",
        JobKind::Reconcile => "reconcile",
        JobKind::Export => "export",
        JobKind::Convert => "convert",
        JobKind::Backup => "backup",
        JobKind::Restore => "restore",
        JobKind::UndoRestore => "undo restore",
        JobKind::CheckBackup => "check backup",
        JobKind::Drill => "drill",
        JobKind::Retention => "retention",
        JobKind::Free => "free space",
        JobKind::Fetch => "fetch",
    }
}

fn state(job: &JobView) -> &'static str {
    match job.state {
        JobState::Running if job.elsewhere => "running elsewhere",
        JobState::Running => "running",
        JobState::Done => "done",
        JobState::Partial => "done in part",
        JobState::Failed => "failed",
        JobState::Cancelled => "cancelled",
        JobState::Interrupted => "interrupted",
    }
}

fn done(job: &JobView) -> String {
    match (job.bytes_total, job.items_total) {
        (Some(total), _) if total > 0 => format!(
            "{} %",
            (job.bytes_done.min(total) as f64 / total as f64 * 100.0).floor()
        ),
        (_, Some(total)) if total > 0 => format!(
            "{} of {}",
            words::number(job.items_done),
            words::number(total)
        ),
        _ if job.bytes_done > 0 => words::size(job.bytes_done),
        _ => String::new(),
    }
}

pub fn stats(app: &App) -> Outcome {
    let session = app.session()?;
    let stats = session.stats()?;
    if app.out.json {
        app.out.object([("stats", to_json(&stats)?)])?;
    } else {
        describe(app, &stats)?;
    }
    Ok(status::DONE)
}

fn describe(app: &App, stats: &StoreStats) -> io::Result<()> {
    let files = |n: u64, bytes: u64| {
        format!(
            "{}, {}",
            words::count(n, "file", "files"),
            words::size(bytes)
        )
    };
    let mut rows = vec![("Stored", files(stats.total_files, stats.total_size_bytes))];
    if let Some(quota) = stats.quota_bytes {
        let share = if quota == 0 {
            0.0
        } else {
            stats.total_size_bytes as f64 / quota as f64 * 100.0
        };
        rows.push(("Quota", format!("{share:.1} % of {}", words::size(quota))));
    }
    if stats.total_tables > 0 {
        rows.push(("Tables", words::number(stats.total_tables)));
    }
    if stats.duplicate_files > 0 {
        rows.push((
            "Twice or more",
            files(stats.duplicate_files, stats.duplicate_bytes),
        ));
    }
    if stats.trash_files > 0 {
        rows.push(("In the trash", files(stats.trash_files, stats.trash_bytes)));
    }
    if stats.missing_files > 0 {
        rows.push((
            "Missing",
            app.out
                .red(&words::count(stats.missing_files, "file", "files")),
        ));
    }
    app.out.write(|to| pairs(&rows, to))?;
    if !stats.by_type.is_empty() {
        let mut table = Table::new(
            &[
                ("TYPE", Align::Left),
                ("FILES", Align::Right),
                ("SIZE", Align::Right),
                ("SHARE", Align::Right),
            ],
            app.out.colour(),
        );
        app.out.line("")?;
        app.out.write(|to| {
            for t in &stats.by_type {
                let share = if stats.total_size_bytes == 0 {
                    0.0
                } else {
                    t.bytes as f64 / stats.total_size_bytes as f64 * 100.0
                };
                table.row(
                    vec![
                        t.file_type.clone(),
                        words::number(t.files),
                        words::size(t.bytes),
                        format!("{share:.1} %"),
                    ],
                    to,
                )?;
            }
            table.end(to)
        })?;
    }
    if !stats.largest.is_empty() {
        let mut table = Table::new(
            &[
                ("LARGEST", Align::Right),
                ("SIZE", Align::Right),
                ("NAME", Align::Left),
            ],
            app.out.colour(),
        );
        app.out.line("")?;
        app.out.write(|to| {
            for file in stats.largest.iter().take(5) {
                table.row(
                    vec![
                        file.id.to_string(),
                        words::size(file.size_bytes),
                        words::name(&file.relative_path),
                    ],
                    to,
                )?;
            }
            table.end(to)
        })?;
    }
    Ok(())
}

/// Findings are the answer, so the exit status is 0 either way; `ok` tells.
pub fn doctor(app: &App) -> Outcome {
    let checks = app.redline.doctor();
    let ok = checks.iter().all(|check| check.ok);
    if app.out.json {
        app.out
            .object([("checks", to_json(&checks)?), ("ok", json!(ok))])?;
        return Ok(status::DONE);
    }
    let width = checks
        .iter()
        .map(|check| check.name.chars().count())
        .max()
        .unwrap_or(0);
    for check in &checks {
        let word = if check.ok {
            app.out.green("ok   ")
        } else {
            app.out.amber("check")
        };
        let name = format!("{:<width$}", check.name);
        app.out.line(format!(
            "{word}  {}  {}",
            app.out.bold(&name),
            words::name(&check.detail)
        ))?;
        if !check.ok && !check.hint.is_empty() {
            app.out
                .line(format!("       hint: {}", words::name(&check.hint)))?;
        }
    }
    app.out.summary(if ok {
        "Everything is as it should be."
    } else {
        "Some things need a look."
    })?;
    Ok(status::DONE)
}
