//! backup keep: how long restore points stay.

use redline_core::KeepRules;

use super::json as to_json;
use crate::app::App;
use crate::failure::{Outcome, status};
use crate::words;

/// Shows what the rules drop: those given, or those that are on.
pub fn rules(app: &App, given: [Option<u32>; 4], apply: bool) -> Outcome {
    let session = app.session()?;
    let on = session.backup_status()?.retention;
    let rules = if given.iter().any(Option::is_some) {
        let [last, daily, weekly, monthly] = given.map(|n| n.unwrap_or(0));
        KeepRules {
            last,
            daily,
            weekly,
            monthly,
        }
    } else if let Some(on) = on {
        on
    } else {
        if app.out.json {
            app.out.object([("plan", serde_json::Value::Null)])?;
        } else {
            app.out.summary("Every restore point is kept.")?;
        }
        return Ok(status::DONE);
    };
    let plan = session.plan_retention(rules)?;
    if apply {
        session.set_retention(Some(rules))?;
    }
    if app.out.json {
        app.out.object([("plan", to_json(&plan)?)])?;
        return Ok(status::DONE);
    }
    for point in &plan.dropped {
        app.out.line(format!(
            "  {}  {}  {}",
            app.out.red(if apply { "drops" } else { "would drop" }),
            words::when(&point.created_at),
            words::name(&point.id)
        ))?;
    }
    if let Some(refused) = &plan.refused {
        app.out.line(app.out.red(&words::name(refused)))?;
    }
    app.out.summary(format!(
        "Keeps {}; drops {} and {} ({}) that nothing else needs.",
        words::count(plan.kept_points, "restore point", "restore points"),
        words::number(plan.dropped.len() as u64),
        words::count(plan.objects, "object", "objects"),
        words::size(plan.bytes),
    ))?;
    if apply {
        app.out
            .note("These rules are on. Nothing is deleted before it has been marked for a day.");
    }
    Ok(status::DONE)
}

pub fn all(app: &App) -> Outcome {
    app.session()?.set_retention(None)?;
    if app.out.json {
        app.out.object([("retention", serde_json::Value::Null)])?;
    } else {
        app.out
            .summary("Every restore point is kept from here on.")?;
    }
    Ok(status::DONE)
}

pub fn run(app: &App) -> Outcome {
    let report = app.session()?.run_retention_now(jiff::Timestamp::now())?;
    if app.out.json {
        app.out.object([("retention", to_json(&report)?)])?;
        return Ok(status::DONE);
    }
    app.out.summary(format!(
        "Marked {} and {}; deleted {} and {} ({}).",
        words::count(report.marked_points, "restore point", "restore points"),
        words::count(report.marked_objects, "object", "objects"),
        words::count(report.deleted_points, "restore point", "restore points"),
        words::count(report.deleted_objects, "object", "objects"),
        words::size(report.deleted_bytes),
    ))?;
    if let Some(at) = &report.collectable_at {
        app.out
            .note(&format!("What is marked can be deleted from {at} on."));
    }
    Ok(status::DONE)
}
