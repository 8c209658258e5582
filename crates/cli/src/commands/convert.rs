//! convert and history: another format, and the proof of it.

use redline_core::{
    CertificateView, Code, ConversionPlanView, ConversionView, CoreError, LossView, Session,
};
use serde_json::{Value, json};

use super::json as to_json;
use crate::app::App;
use crate::args::{Convert, History};
use crate::failure::{Failure, Outcome, status};
use crate::interrupt::Interrupt;
use crate::progress::Bar;
use crate::table::{Align, Table};
use crate::words;

pub fn convert(app: &App, a: &Convert) -> Outcome {
    let ids = ids(&a.ids)?;
    let session = app.session()?;
    if a.plan {
        return plan(app, &session, &ids, &a.to);
    }
    let interrupt = Interrupt::arm(&session)?;
    let mut bar = Bar::follow(&app.out, &session);
    let mut done = Vec::new();
    let mut failed: Vec<(i64, CoreError)> = Vec::new();
    for id in &ids {
        if interrupt.pressed() {
            break;
        }
        match session.convert_now(*id, &a.to) {
            Ok(conversion) => {
                if !app.out.json {
                    bar.aside(|| describe(app, &conversion).and_then(|()| app.out.flush()))?;
                }
                done.push(conversion);
            }
            Err(error) => failed.push((*id, error)),
        }
    }
    interrupt.end();
    bar.end();
    // One file, one outcome: its error is the command's.
    if let (true, Some((_, error))) = (ids.len() == 1 || done.is_empty(), failed.first()) {
        if ids.len() > 1 {
            tell_failed(app, &failed)?;
        }
        return Err(Failure::from(error.clone()));
    }
    if app.out.json {
        match done.as_slice() {
            [one] if ids.len() == 1 => app.out.object([("conversion", to_json(one)?)])?,
            many => {
                let failed: Vec<Value> = failed
                    .iter()
                    .map(|(id, e)| json!({ "id": id, "error": e.report() }))
                    .collect();
                app.out.object([
                    ("conversions", to_json(&many)?),
                    ("failed", Value::Array(failed)),
                ])?;
            }
        }
    } else {
        tell_failed(app, &failed)?;
    }
    // The one that was under way, and those behind it.
    let mut rest: Vec<String> = failed
        .iter()
        .filter(|(_, error)| error.code() == Code::Cancelled)
        .map(|(id, _)| id.to_string())
        .collect();
    rest.extend(
        ids.iter()
            .skip(done.len() + failed.len())
            .map(ToString::to_string),
    );
    if interrupt.pressed() && !rest.is_empty() {
        return Err(Failure::new(
            status::FAILED,
            "cancelled",
            format!(
                "Cancelled. {} done before stay.",
                words::count(done.len() as u64, "conversion", "conversions")
            ),
            format!(
                "Convert the rest with: redline convert {} --to {}",
                rest.join(" "),
                words::name(&a.to)
            ),
        ));
    }
    Ok(if failed.is_empty() {
        status::DONE
    } else {
        status::IN_PART
    })
}

fn tell_failed(app: &App, failed: &[(i64, CoreError)]) -> std::io::Result<()> {
    if app.out.json {
        return Ok(());
    }
    for (id, error) in failed {
        app.out.line(format!(
            "{}  {id}  {}",
            app.out.red("failed"),
            words::name(&error.report().message)
        ))?;
    }
    Ok(())
}

fn ids(given: &[String]) -> Result<Vec<i64>, Failure> {
    given
        .iter()
        .map(|text| {
            text.parse().map_err(|_| {
                let shown = words::name(text);
                if std::path::Path::new(text).exists() {
                    Failure::usage(
                        format!("\"{shown}\" is a path; only stored files are converted."),
                        format!(
                            "Store it first, then convert it by its ID: redline import \"{shown}\""
                        ),
                    )
                } else {
                    Failure::usage(
                        format!("\"{shown}\" is not the ID of a stored file."),
                        "List them with `redline files`.",
                    )
                }
            })
        })
        .collect()
}

fn plan(app: &App, session: &Session, ids: &[i64], to: &str) -> Outcome {
    let plans: Vec<ConversionPlanView> = ids
        .iter()
        .map(|id| session.plan_conversion(*id, to))
        .collect::<Result<_, _>>()?;
    if app.out.json {
        match plans.as_slice() {
            [one] => app.out.object([("plan", to_json(one)?)])?,
            many => app.out.object([("plans", to_json(&many)?)])?,
        }
        return Ok(status::DONE);
    }
    for plan in &plans {
        let profile = &plan.profile;
        app.out.line(format!(
            "{}  {} to {}, as \"{}\": {}, {}",
            plan.file_id,
            plan.from,
            plan.to,
            words::name(&plan.output_name),
            words::count(profile.rows, "row", "rows"),
            words::count(profile.columns.len() as u64, "column", "columns"),
        ))?;
        for warning in &profile.warnings {
            app.out.line(format!(
                "  {}  {}",
                app.out.amber("note"),
                words::name(warning)
            ))?;
        }
        losses(app, &plan.losses)?;
        if plan.losses.is_empty() {
            app.out
                .line(format!("  {}", app.out.green("Nothing would be lost.")))?;
        }
    }
    Ok(status::DONE)
}

fn losses(app: &App, losses: &[LossView]) -> std::io::Result<()> {
    for loss in losses {
        let column = loss
            .column
            .as_deref()
            .map(|c| format!("{}: ", words::name(c)))
            .unwrap_or_default();
        app.out.line(format!(
            "  {}  {column}{} ({})",
            app.out.amber("loss"),
            words::name(&loss.detail),
            words::count(loss.rows, "row", "rows")
        ))?;
    }
    Ok(())
}

fn describe(app: &App, c: &ConversionView) -> std::io::Result<()> {
    let id = c
        .output_id
        .map(|id| format!("{id:>6}  "))
        .unwrap_or_default();
    app.out.line(format!(
        "{id}{}  {}  {}  {}  {}",
        words::name(&c.output_name),
        words::count(c.rows_out, "row", "rows"),
        words::size(c.size_bytes),
        words::duration(c.duration_ms),
        verdict(app, &c.certificate),
    ))?;
    if c.rows_rejected > 0 {
        app.out.line(format!(
            "  {}  {}",
            app.out.amber("rejected"),
            words::count(c.rows_rejected, "row", "rows")
        ))?;
    }
    losses(app, &c.certificate.losses)
}

/// Never colour alone: the word is always there.
fn verdict(app: &App, certificate: &CertificateView) -> String {
    match certificate.verdict.as_str() {
        "proved" => app.out.green("proved"),
        "lossy" => app.out.amber("lossy"),
        other => app.out.red(other),
    }
}

pub fn history(app: &App, a: &History) -> Outcome {
    let session = app.session()?;
    let conversions = session.history(a.limit, a.offset)?;
    if app.out.json {
        app.out.object([("conversions", to_json(&conversions)?)])?;
        return Ok(status::DONE);
    }
    if conversions.is_empty() {
        app.out
            .summary("Nothing was converted yet. Start with: redline convert ID --to parquet")?;
        return Ok(status::DONE);
    }
    let columns = [
        ("ID", Align::Right),
        ("WHEN", Align::Left),
        ("ROWS", Align::Right),
        ("SIZE", Align::Right),
        ("TOOK", Align::Right),
        ("PROOF", Align::Left),
        ("WHAT", Align::Left),
    ];
    let mut table = Table::new(&columns, app.out.colour());
    app.out.write(|to| {
        for c in &conversions {
            table.row(
                vec![
                    c.id.to_string(),
                    words::when(&c.converted_at),
                    words::number(c.rows_out),
                    words::size(c.size_bytes),
                    words::duration(c.duration_ms),
                    c.certificate.verdict.clone(),
                    format!(
                        "{} → {}",
                        words::name(&c.source_name),
                        words::name(&c.output_name)
                    ),
                ],
                to,
            )?;
        }
        table.end(to)
    })?;
    Ok(status::DONE)
}
