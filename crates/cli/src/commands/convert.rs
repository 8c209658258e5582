//! convert: another format, and the proof of it. Stored files by ID, others by path.

use std::fmt::Display;
use std::path::{Path, PathBuf};

use redline_core::{
    CertificateView, Code, ConversionPlanView, ConversionRequest, ConversionView, CoreError,
    LossView, PathConversion, PathPlan, ProfileReport, RejectsView, RepairView, Session,
};
use serde::Serialize;
use serde_json::{Value, json};

use super::choices::{Given, present, request, source};
use super::inspect;
use super::json as to_json;
use crate::app::App;
use crate::args::Convert;
use crate::failure::{Failure, Outcome, status};
use crate::interrupt::Interrupt;
use crate::progress::{Alone, Bar};
use crate::words;

pub fn convert(app: &App, a: &Convert) -> Outcome {
    let (mut ids, mut paths) = (Vec::new(), Vec::new());
    for given in &a.sources {
        match source(given) {
            Given::Id(id) => ids.push(id),
            Given::Path(path) => paths.push(path),
        }
    }
    if !ids.is_empty() && !paths.is_empty() {
        return Err(Failure::usage(
            "Stored files, by ID, and paths are not converted by one command.",
            "Run it once for the IDs and once for the paths. A file called 57 goes by ./57.",
        ));
    }
    if let Some(out) = a.out.as_deref().filter(|out| !out.is_dir())
        && a.sources.len() > 1
    {
        return Err(Failure::usage(
            format!(
                "Several results do not fit in \"{}\".",
                words::name(&out.to_string_lossy())
            ),
            "Name a folder that exists.",
        ));
    }
    if paths.is_empty() {
        return stored(app, a, &ids);
    }
    let request = request(app, None, a.to.as_deref(), a.out.as_deref(), &a.choices)?;
    if a.plan {
        return plan_paths(app, &paths, &request, a.out.as_deref());
    }
    let Some(out) = a.out.as_deref() else {
        let first = words::name(&paths[0].to_string_lossy());
        return Err(if paths[0].exists() {
            Failure::usage(
                format!("It is not said where the result of \"{first}\" goes."),
                format!(
                    "Say it with --out, or store the file first and convert it by its ID: redline import \"{first}\""
                ),
            )
        } else {
            Failure::usage(
                format!("\"{first}\" is neither the ID of a stored file nor a path."),
                "List the stored files with `redline files`; a path needs --out, too.",
            )
        });
    };
    from_paths(app, &paths, &request, out)
}

fn stored(app: &App, a: &Convert, ids: &[i64]) -> Outcome {
    let session = app.session()?;
    let request = request(
        app,
        Some(&session),
        a.to.as_deref(),
        a.out.as_deref(),
        &a.choices,
    )?;
    if a.plan {
        return plan(app, &session, ids, &request);
    }
    if let Some(out) = a.out.as_deref() {
        refuse_existing(out)?;
    }
    let interrupt = Interrupt::arm(&session)?;
    let mut bar = Bar::follow(&app.out, &session);
    let mut done = Vec::new();
    let mut failed: Vec<(i64, CoreError)> = Vec::new();
    let mut tried = 0;
    for id in ids {
        if interrupt.pressed() {
            break;
        }
        tried += 1;
        match session.convert_now(*id, &request) {
            Ok(conversions) => {
                for conversion in conversions {
                    if let Some(out) = a.out.as_deref() {
                        save_copy(&session, &conversion, out)?;
                    }
                    if !app.out.json {
                        bar.aside(|| describe(app, &conversion).and_then(|()| app.out.flush()))?;
                    }
                    done.push(conversion);
                }
            }
            Err(error) => failed.push((*id, error)),
        }
    }
    interrupt.end();
    bar.end();
    tell_outcomes(app, "id", ids.len(), &done, &failed)?;
    // The one that was under way, and those behind it.
    let mut rest: Vec<String> = failed
        .iter()
        .filter(|(_, error)| error.code() == Code::Cancelled)
        .map(|(id, _)| id.to_string())
        .collect();
    rest.extend(ids.iter().skip(tried).map(ToString::to_string));
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
                words::name(&request.to)
            ),
        ));
    }
    let rejected = done.iter().any(|conversion| conversion.rows_rejected > 0);
    Ok(if failed.is_empty() && !rejected {
        status::DONE
    } else {
        status::IN_PART
    })
}

/// Before an hour of work, not after it.
pub fn refuse_existing(out: &Path) -> Result<(), Failure> {
    if !out.is_dir() && out.symlink_metadata().is_ok() {
        let name = words::name(&out.file_name().unwrap_or_default().to_string_lossy());
        return Err(Failure::new(
            status::FAILED,
            "already_exists",
            format!("\"{name}\" exists already."),
            "Choose another name; nothing is ever overwritten.",
        ));
    }
    Ok(())
}

pub fn save_copy(
    session: &Session,
    conversion: &ConversionView,
    out: &Path,
) -> Result<(), Failure> {
    if let Some(id) = conversion.output_id {
        session.export_now(id, out)?;
    }
    Ok(())
}

fn from_paths(app: &App, paths: &[PathBuf], request: &ConversionRequest, out: &Path) -> Outcome {
    if let [only] = paths {
        present(only)?;
    }
    let watch = Alone::follow(&app.out, Interrupt::flag()?);
    let mut done = Vec::new();
    let mut failed: Vec<(String, CoreError)> = Vec::new();
    for path in paths {
        match redline_core::convert_path(path, request, out, &watch) {
            Ok(conversions) => {
                for conversion in conversions {
                    if !app.out.json {
                        watch.aside(|| {
                            describe_path(app, &conversion).and_then(|()| app.out.flush())
                        })?;
                    }
                    done.push(conversion);
                }
            }
            Err(error) if paths.len() == 1 || error.code() == Code::Cancelled => {
                return Err(error.into());
            }
            Err(error) => failed.push((path.to_string_lossy().into_owned(), error)),
        }
    }
    drop(watch);
    tell_outcomes(app, "path", paths.len(), &done, &failed)?;
    let rejected = done.iter().any(|conversion| conversion.rows_rejected > 0);
    Ok(if failed.is_empty() && !rejected {
        status::DONE
    } else {
        status::IN_PART
    })
}

/// What became of each source that was asked for; `key` is what a source goes by. An error where
/// there is nothing else to tell.
fn tell_outcomes(
    app: &App,
    key: &str,
    asked: usize,
    done: &[impl Serialize],
    failed: &[(impl Display + Serialize, CoreError)],
) -> Result<(), Failure> {
    // One source, one outcome: its error is the command's.
    if let (true, Some((_, error))) = (asked == 1 || done.is_empty(), failed.first()) {
        if asked > 1 {
            tell_failed(app, failed)?;
        }
        return Err(error.clone().into());
    }
    if !app.out.json {
        return Ok(tell_failed(app, failed)?);
    }
    match done {
        [one] if asked == 1 => app.out.field("conversion", one)?,
        many => {
            let failed: Vec<Value> = failed
                .iter()
                .map(|(which, e)| json!({ key: which, "error": e.report() }))
                .collect();
            app.out.object([
                ("conversions", to_json(&many)?),
                ("failed", Value::Array(failed)),
            ])?;
        }
    }
    Ok(())
}

fn tell_failed(app: &App, failed: &[(impl Display, CoreError)]) -> std::io::Result<()> {
    if app.out.json {
        return Ok(());
    }
    for (which, error) in failed {
        app.out.line(format!(
            "{}  {}  {}",
            app.out.red("failed"),
            words::name(&which.to_string()),
            words::name(&error.report().message)
        ))?;
    }
    Ok(())
}

fn plan(app: &App, session: &Session, ids: &[i64], request: &ConversionRequest) -> Outcome {
    let plans: Vec<ConversionPlanView> = ids
        .iter()
        .map(|id| session.plan_conversion(*id, request))
        .collect::<Result<_, _>>()?;
    if app.out.json {
        match plans.as_slice() {
            [one] => app.out.field("plan", one)?,
            many => app.out.field("plans", &many)?,
        }
        return Ok(status::DONE);
    }
    for (id, plan) in ids.iter().zip(&plans) {
        tell_plan(app, &id.to_string(), plan)?;
    }
    Ok(status::DONE)
}

pub fn tell_plan(app: &App, what: &str, plan: &ConversionPlanView) -> std::io::Result<()> {
    let ways = (plan.from.as_str(), plan.to.as_str());
    planned(
        app,
        what,
        ways,
        &plan.output_name,
        &plan.profile,
        &plan.losses,
        &plan.notes,
    )
}

fn plan_paths(
    app: &App,
    paths: &[PathBuf],
    request: &ConversionRequest,
    out: Option<&Path>,
) -> Outcome {
    paths.iter().try_for_each(|path| present(path))?;
    let watch = Alone::follow(&app.out, Interrupt::flag()?);
    let plans: Vec<PathPlan> = paths
        .iter()
        .map(|path| redline_core::plan_path(path, request, out, &watch))
        .collect::<Result<_, _>>()?;
    drop(watch);
    if app.out.json {
        match plans.as_slice() {
            [one] => app.out.field("plan", one)?,
            many => app.out.field("plans", &many)?,
        }
        return Ok(status::DONE);
    }
    for (path, plan) in paths.iter().zip(&plans) {
        planned(
            app,
            &words::name(&path.to_string_lossy()),
            (&plan.from, &plan.to),
            &plan.output_name,
            &plan.profile,
            &plan.losses,
            &plan.notes,
        )?;
    }
    Ok(status::DONE)
}

fn planned(
    app: &App,
    what: &str,
    (from, to): (&str, &str),
    output: &str,
    profile: &ProfileReport,
    lost: &[LossView],
    notes: &[String],
) -> std::io::Result<()> {
    app.out.line(format!(
        "{what}  {from} to {to}, as \"{}\": {}, {}",
        words::name(output),
        words::count(profile.rows, "row", "rows"),
        words::count(profile.columns.len() as u64, "column", "columns"),
    ))?;
    inspect::notes(app, profile)?;
    for note in notes {
        app.out.line(format!(
            "  {}  {}",
            app.out.amber("note"),
            words::name(note)
        ))?;
    }
    losses(app, lost)?;
    if lost.is_empty() {
        app.out.line(format!(
            "  {}",
            app.out.green("Nothing of the table would be lost.")
        ))?;
    }
    Ok(())
}

pub fn losses(app: &App, losses: &[LossView]) -> std::io::Result<()> {
    for loss in losses {
        let column = loss
            .column
            .as_deref()
            .map(|c| format!("{}: ", words::name(c)))
            .unwrap_or_default();
        // A name or a type is lost for the column, not row by row.
        let rows = match loss.rows {
            0 => String::new(),
            n => format!(" ({})", words::count(n, "row", "rows")),
        };
        app.out.line(format!(
            "  {}  {column}{}{rows}",
            app.out.amber("loss"),
            words::name(&loss.detail),
        ))?;
    }
    Ok(())
}

/// What is told of every conversion, wherever its result went.
struct Told<'a> {
    head: String,
    rows_in: u64,
    rows_out: u64,
    size_bytes: u64,
    duration_ms: u64,
    certificate: &'a CertificateView,
    repairs: &'a [RepairView],
    rejects: &'a RejectsView,
    rows_rejected: u64,
    rows_left_out: u64,
}

pub fn describe(app: &App, c: &ConversionView) -> std::io::Result<()> {
    let id = c
        .output_id
        .map(|id| format!("{id:>6}  "))
        .unwrap_or_default();
    tell(
        app,
        &Told {
            head: format!("{id}{}", words::name(&c.output_name)),
            rows_in: c.rows_in,
            rows_out: c.rows_out,
            size_bytes: c.size_bytes,
            duration_ms: c.duration_ms,
            certificate: &c.certificate,
            repairs: &c.repairs,
            rejects: &c.rejects,
            rows_rejected: c.rows_rejected,
            rows_left_out: c.rows_left_out,
        },
    )
}

pub fn describe_path(app: &App, c: &PathConversion) -> std::io::Result<()> {
    tell(
        app,
        &Told {
            head: words::name(&c.output_name),
            rows_in: c.rows_in,
            rows_out: c.rows_out,
            size_bytes: c.size_bytes,
            duration_ms: c.duration_ms,
            certificate: &c.certificate,
            repairs: &c.repairs,
            rejects: &c.rejects,
            rows_rejected: c.rows_rejected,
            rows_left_out: c.rows_left_out,
        },
    )
}

fn tell(app: &App, t: &Told<'_>) -> std::io::Result<()> {
    if app.out.quiet {
        return Ok(());
    }
    app.out.line(format!(
        "{}  {}  {}  {}  {}",
        t.head,
        words::count(t.rows_out, "row", "rows"),
        words::size(t.size_bytes),
        words::duration(t.duration_ms),
        verdict(app, t.certificate),
    ))?;
    for change in &t.certificate.changes {
        app.out.line(format!(
            "  {}  {}",
            app.out.dim("changed"),
            words::name(change)
        ))?;
    }
    for repair in t.repairs {
        app.out.line(format!(
            "  {}  {} × {}",
            app.out.amber("repaired"),
            words::number(repair.count),
            words::name(&repair.kind)
        ))?;
    }
    if t.rows_rejected + t.rows_left_out > 0 {
        app.out.line(format!(
            "  {} in, {} out, {} left out as asked, {} rejected",
            words::number(t.rows_in),
            words::number(t.rows_out),
            words::number(t.rows_left_out),
            words::number(t.rows_rejected)
        ))?;
    }
    inspect::rejects(app, t.rejects)?;
    losses(app, &t.certificate.losses)
}

/// Never colour alone: the word is always there.
pub fn verdict(app: &App, certificate: &CertificateView) -> String {
    match certificate.verdict.as_str() {
        "proved" => app.out.green("proved"),
        "lossy" => app.out.amber("lossy"),
        "unproved" => app.out.dim("unproved"),
        other => app.out.red(other),
    }
}
