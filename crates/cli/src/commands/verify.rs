//! verify: files against the SHA-256 they were stored with.

use redline_core::VerifyReport;
use serde_json::json;

use crate::app::App;
use crate::args::Verify;
use crate::failure::{Outcome, status};
use crate::interrupt::Interrupt;
use crate::progress::Bar;
use crate::words;

pub fn verify(app: &App, a: Verify) -> Outcome {
    let session = app.session()?;
    let ids = (!a.ids.is_empty()).then_some(a.ids);
    let interrupt = Interrupt::arm(&session)?;
    let mut bar = Bar::follow(&app.out, &session);
    let result = session.verify_now(ids);
    interrupt.end();
    bar.end();
    let report = result?;
    let outcome = if report.missing.is_empty() && report.unreadable.is_empty() {
        status::DONE
    } else {
        status::IN_PART
    };
    if app.out.json {
        let unreadable: Vec<_> = report
            .unreadable
            .iter()
            .map(|f| json!({ "path": f.path, "error": f.error }))
            .collect();
        app.out.object([(
            "verify",
            json!({ "ok": report.ok, "changed": report.changed, "missing": report.missing, "unreadable": unreadable }),
        )])?;
        return Ok(outcome);
    }
    describe(app, &report)?;
    Ok(outcome)
}

fn describe(app: &App, report: &VerifyReport) -> std::io::Result<()> {
    let out = &app.out;
    for file in &report.missing {
        out.line(format!(
            "{}  {:>6}  {}",
            out.red("missing"),
            file.id,
            words::name(&file.relative_path)
        ))?;
    }
    for file in &report.unreadable {
        out.line(format!(
            "{}  {}  {}",
            out.red("unreadable"),
            words::name(&file.path),
            words::name(&file.error.message)
        ))?;
    }
    for file in &report.changed {
        let what = "edited by another program; kept as a new revision";
        out.line(format!(
            "{}  {:>6}  {}  {what}",
            out.amber("changed"),
            file.id,
            words::name(&file.relative_path)
        ))?;
    }
    let ok = words::count(report.ok, "file is", "files are");
    let mut line = out.green(&format!("{ok} as stored."));
    for (n, what) in [
        (report.changed.len(), "changed"),
        (report.missing.len(), "missing"),
        (report.unreadable.len(), "unreadable"),
    ] {
        if n > 0 {
            line.push_str(&format!(" {} {what}.", words::number(n as u64)));
        }
    }
    out.summary(line)
}
