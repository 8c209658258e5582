//! link, free and fetch: one file and the bucket.

use std::time::Duration;

use redline_core::FailedFile;
use serde_json::json;

use super::backup::{failures, tell_failures};
use super::json as to_json;
use crate::app::App;
use crate::failure::{Failure, Outcome, status};
use crate::words;

pub fn link(app: &App, id: i64, expires: &str) -> Outcome {
    let link = app.session()?.link_file(id, Some(duration(expires)?))?;
    if app.out.json {
        app.out.object([
            ("url", json!(link.url)),
            ("expires_at", json!(link.expires_at)),
            ("shortened", json!(link.shortened)),
        ])?;
        return Ok(status::DONE);
    }
    app.out.line(&link.url)?;
    app.out.note(&format!(
        "Anyone who has this link can open the file until {}.{}",
        link.expires_at,
        link.shortened
            .map(|why| format!(" {why}"))
            .unwrap_or_default()
    ));
    Ok(status::DONE)
}

/// `90s`, `30m`, `12h`, `7d`
fn duration(text: &str) -> Result<Duration, Failure> {
    let unit = |unit: char| match unit {
        's' => Some(1),
        'm' => Some(60),
        'h' => Some(3600),
        'd' => Some(86_400),
        _ => None,
    };
    let parsed = text.chars().last().and_then(|last| {
        let number: u64 = text.strip_suffix(last)?.parse().ok()?;
        Some(Duration::from_secs(number.checked_mul(unit(last)?)?))
    });
    parsed.ok_or_else(|| {
        Failure::usage(
            format!("\"{}\" is no length of time.", words::name(text)),
            "Give a number with s, m, h or d, such as 12h.",
        )
    })
}

pub fn free(app: &App, ids: &[i64]) -> Outcome {
    let session = app.session()?;
    super::encryption::open_for_once(&session)?;
    let report = session.free_files_now(ids)?;
    tell(app, ids, &report.failed, "free", to_json(&report)?, |app| {
        app.out.summary(format!(
            "Made {} cloud-only ({} free now).",
            words::count(report.freed_files, "file", "files"),
            words::size(report.freed_bytes)
        ))
    })
}

pub fn fetch(app: &App, ids: &[i64]) -> Outcome {
    let session = app.session()?;
    super::encryption::open_for_once(&session)?;
    let report = session.fetch_files_now(ids)?;
    tell(
        app,
        ids,
        &report.failed,
        "fetch",
        to_json(&report)?,
        |app| {
            app.out.summary(format!(
                "Fetched {} ({}).",
                words::count(report.fetched_files, "file", "files"),
                words::size(report.fetched_bytes)
            ))
        },
    )
}

fn tell(
    app: &App,
    ids: &[i64],
    failed: &[FailedFile],
    name: &'static str,
    report: serde_json::Value,
    summary: impl FnOnce(&App) -> std::io::Result<()>,
) -> Outcome {
    let outcome = if failed.is_empty() {
        status::DONE
    } else {
        status::IN_PART
    };
    if app.out.json {
        let mut report = report;
        report["failed"] = failures(failed);
        match ids {
            [id] => {
                let file = to_json(&app.session()?.file(*id)?)?;
                app.out.object([(name, report), ("file", file)])?;
            }
            _ => app.out.object([(name, report)])?,
        }
        return Ok(outcome);
    }
    tell_failures(app, "failed", failed)?;
    summary(app)?;
    Ok(outcome)
}
