//! backup show, verify, drill and schedule: what a restore point is worth.

use redline_core::{CheckFinding, CheckKind, CheckNote, PointChange};

use super::backup::tell_skipped;
use super::json as to_json;
use crate::app::App;
use crate::failure::{Outcome, status};
use crate::interrupt::Interrupt;
use crate::progress::Bar;
use crate::table::pairs;
use crate::words;

pub fn show(app: &App, id: &str) -> Outcome {
    let changes = app.session()?.point_changes(id)?;
    if app.out.json {
        app.out.object([("changes", to_json(&changes)?)])?;
        return Ok(status::DONE);
    }
    app.out.line(format!(
        "{} of {}, {}",
        words::name(&changes.point.id),
        words::when(&changes.point.created_at),
        match &changes.against {
            Some(id) => format!("against {}", words::name(id)),
            None => "the first".to_owned(),
        }
    ))?;
    let size = |bytes: Option<u64>| bytes.map_or_else(|| "-".to_owned(), words::size);
    for (word, count, list) in [
        ("new", changes.new_count, &changes.new),
        ("changed", changes.changed_count, &changes.changed),
        ("removed", changes.removed_count, &changes.removed),
    ] {
        for PointChange {
            path,
            bytes_before,
            bytes_after,
        } in list
        {
            app.out.line(format!(
                "  {word:<8}  {} -> {}  {}",
                size(*bytes_before),
                size(*bytes_after),
                words::name(path)
            ))?;
        }
        let more = count - list.len() as u64;
        if more > 0 {
            app.out
                .line(format!("  {word:<8}  and {} more", words::number(more)))?;
        }
    }
    app.out.summary(format!(
        "{} new, {} changed, {} removed.",
        words::number(changes.new_count),
        words::number(changes.changed_count),
        words::number(changes.removed_count)
    ))?;
    Ok(status::DONE)
}

pub fn verify(app: &App, deep: bool, at: Option<&str>) -> Outcome {
    let session = app.session()?;
    let interrupt = Interrupt::arm(&session)?;
    let mut bar = Bar::follow(&app.out, &session);
    let result = session.check_backup_now(deep, at);
    interrupt.end();
    bar.end();
    let report = result?;
    let outcome = if report.ok {
        status::DONE
    } else {
        status::IN_PART
    };
    if app.out.json {
        app.out.object([("verify", to_json(&report)?)])?;
        return Ok(outcome);
    }
    tell_skipped(app, &report.skipped_points)?;
    tell_findings(app, &report.findings)?;
    app.out.summary(format!(
        "Restore point {}: {} in {} ({}) {}.",
        words::name(&report.point),
        words::count(report.files, "file", "files"),
        words::count(report.objects, "object", "objects"),
        words::size(report.bytes),
        match (report.ok, deep) {
            (false, _) => "cannot be restored whole",
            (true, true) => "were read back and are whole",
            (true, false) => "are there; their bytes were not read (--deep does that)",
        }
    ))?;
    Ok(outcome)
}

pub fn drill(app: &App) -> Outcome {
    let session = app.session()?;
    let interrupt = Interrupt::arm(&session)?;
    let mut bar = Bar::follow(&app.out, &session);
    let result = session.drill_backup_now();
    interrupt.end();
    bar.end();
    let report = result?;
    let outcome = if report.ok {
        status::DONE
    } else {
        status::IN_PART
    };
    if app.out.json {
        app.out.object([("drill", to_json(&report)?)])?;
        return Ok(outcome);
    }
    for path in &report.sampled {
        app.out.line(format!("  {}", words::name(path)))?;
    }
    if let Some(table) = &report.table {
        app.out.line(format!(
            "  opened {} as a table: {}, {}",
            words::name(&table.path),
            words::count(table.rows, "row", "rows"),
            words::count(table.columns, "column", "columns")
        ))?;
    }
    tell_findings(app, &report.findings)?;
    app.out.summary(format!(
        "Restored {} ({}) and a catalog of {} from the bucket alone: {}.",
        words::count(report.files, "file", "files"),
        words::size(report.bytes),
        words::count(report.catalog_files, "file", "files"),
        if report.ok {
            "all the same"
        } else {
            "not all of it is what it was"
        }
    ))?;
    Ok(outcome)
}

pub fn due(app: &App) -> Outcome {
    let session = app.session()?;
    let interrupt = Interrupt::arm(&session)?;
    let mut bar = Bar::follow(&app.out, &session);
    let result = session.run_due_checks(jiff::Timestamp::now());
    interrupt.end();
    bar.end();
    let made = result?;
    let outcome = if made.iter().all(|check| check.ok) {
        status::DONE
    } else {
        status::IN_PART
    };
    if app.out.json {
        app.out.object([("checks", to_json(&made)?)])?;
        return Ok(outcome);
    }
    if made.is_empty() {
        app.out.summary("No check is due.")?;
    }
    for check in &made {
        app.out.line(line_of(app, check))?;
    }
    Ok(outcome)
}

pub fn schedule(app: &App, days: [Option<u32>; 3]) -> Outcome {
    let session = app.session()?;
    let mut schedule = session.backup_status()?.schedule;
    let [quick, deep, drill] = days;
    if days.iter().any(Option::is_some) {
        schedule.quick_days = quick.unwrap_or(schedule.quick_days);
        schedule.deep_days = deep.unwrap_or(schedule.deep_days);
        schedule.drill_days = drill.unwrap_or(schedule.drill_days);
        session.set_check_schedule(schedule)?;
    }
    let checks = session.backup_status()?.checks;
    if app.out.json {
        app.out.object([
            ("schedule", to_json(&schedule)?),
            ("checks", to_json(&checks)?),
        ])?;
        return Ok(status::DONE);
    }
    let every = |days: u32| match days {
        0 => "never".to_owned(),
        1 => "every day".to_owned(),
        days => format!("every {days} days"),
    };
    app.out.write(|to| {
        pairs(
            &[
                ("Quick check", every(schedule.quick_days)),
                ("Drill", every(schedule.drill_days)),
                ("Deep check", every(schedule.deep_days)),
            ],
            to,
        )
    })?;
    for check in &checks {
        app.out.line(line_of(app, check))?;
    }
    Ok(status::DONE)
}

fn line_of(app: &App, check: &CheckNote) -> String {
    let kind = match check.kind {
        CheckKind::Quick => "quick check",
        CheckKind::Deep => "deep check",
        CheckKind::Drill => "drill",
    };
    let word = if check.ok {
        app.out.green("well")
    } else {
        app.out
            .red(&words::count(check.findings, "finding", "findings"))
    };
    format!("  {kind:<11}  {}  {word}", words::when(&check.at))
}

fn tell_findings(app: &App, findings: &[CheckFinding]) -> std::io::Result<()> {
    for found in findings {
        let word = if found.missing { "missing" } else { "damaged" };
        app.out.line(format!(
            "{}  {}  {}",
            app.out.red(word),
            words::name(&found.path),
            words::name(&found.advice)
        ))?;
    }
    Ok(())
}
