//! history: what was converted, its certificate, and once more.

use redline_core::ConversionView;

use super::convert::{describe, losses, verdict};
use super::inspect::rejects;
use crate::app::App;
use crate::args::{History, HistoryAction};
use crate::failure::{Failure, Outcome, status};
use crate::interrupt::Interrupt;
use crate::progress::Bar;
use crate::table::{Align, Table, pairs};
use crate::words;

pub fn history(app: &App, a: &History) -> Outcome {
    let session = app.session()?;
    match a.action {
        None => {}
        Some(HistoryAction::Show { id }) => {
            let conversion = session.conversion(id)?;
            if app.out.json {
                app.out.field("conversion", &conversion)?;
            } else {
                show(app, &conversion)?;
            }
            return Ok(status::DONE);
        }
        Some(HistoryAction::Rerun { id }) => {
            let interrupt = Interrupt::arm(&session)?;
            let mut bar = Bar::follow(&app.out, &session);
            let conversion = session.rerun_now(id);
            interrupt.end();
            bar.end();
            let conversion = conversion?;
            if app.out.json {
                app.out.field("conversion", &conversion)?;
            } else {
                describe(app, &conversion)?;
            }
            return Ok(if conversion.rows_rejected > 0 {
                status::IN_PART
            } else {
                status::DONE
            });
        }
    }
    let conversions = session.history(a.limit, a.offset)?;
    if app.out.json {
        app.out.field("conversions", &conversions)?;
        return Ok(status::DONE);
    }
    if conversions.is_empty() {
        app.out
            .summary("Nothing was converted yet. Start with: redline convert ID --to parquet")?;
        return Ok(status::DONE);
    }
    list(app, &conversions)?;
    Ok(status::DONE)
}

fn list(app: &App, conversions: &[ConversionView]) -> std::io::Result<()> {
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
        for c in conversions {
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
    })
}

fn show(app: &App, c: &ConversionView) -> Result<(), Failure> {
    let certificate = &c.certificate;
    let sources: Vec<String> = c
        .sources
        .iter()
        .map(|source| match source.id {
            Some(id) => format!("{} ({id})", words::name(&source.name)),
            None => words::name(&source.name),
        })
        .collect();
    let output = match c.output_id {
        Some(id) => format!("{} ({id})", words::name(&c.output_name)),
        None => words::name(&c.output_name),
    };
    let mut facts = vec![
        ("Conversion", c.id.to_string()),
        (
            "When",
            format!("{} ({})", words::when(&c.converted_at), c.converted_at),
        ),
    ];
    if !sources.is_empty() {
        facts.push(("From", sources.join(", ")));
    }
    facts.extend([
        ("To", output),
        ("Formats", format!("{} → {}", c.from, c.to)),
        (
            "Rows",
            format!(
                "{} in, {} out, {} left out as asked, {} rejected",
                words::number(c.rows_in),
                words::number(c.rows_out),
                words::number(c.rows_left_out),
                words::number(c.rows_rejected)
            ),
        ),
        ("Size", words::size(c.size_bytes)),
        ("Took", words::duration(c.duration_ms)),
        ("Proof", verdict(app, certificate)),
    ]);
    if !certificate.row_hash_in.is_empty() {
        facts.push(("Rows hash", certificate.row_hash_in.clone()));
    }
    if !c.command.is_empty() {
        facts.push(("Again with", words::name(&c.command)));
    }
    app.out.write(|to| pairs(&facts, to))?;
    for change in &certificate.changes {
        app.out.line(format!(
            "  {}  {}",
            app.out.dim("changed"),
            words::name(change)
        ))?;
    }
    for repair in &c.repairs {
        app.out.line(format!(
            "  {}  {} × {}: {}",
            app.out.amber("repaired"),
            words::number(repair.count),
            words::name(&repair.kind),
            words::name(&repair.detail)
        ))?;
    }
    rejects(app, &c.rejects)?;
    losses(app, &certificate.losses)?;
    if certificate.columns.is_empty() {
        return Ok(());
    }
    app.out.line("")?;
    let columns = [
        ("COLUMN", Align::Left),
        ("TYPE IN", Align::Left),
        ("TYPE OUT", Align::Left),
        ("NULLS IN", Align::Right),
        ("NULLS OUT", Align::Right),
        ("HASH", Align::Left),
    ];
    let mut table = Table::new(&columns, app.out.colour());
    app.out.write(|to| {
        for column in &certificate.columns {
            let hash = match (column.hash_in == column.hash_out, column.hash_in.as_str()) {
                (true, "") => "not looked at".to_owned(),
                (true, hash) => format!("{hash} both"),
                (false, _) => format!("{} / {}", column.hash_in, column.hash_out),
            };
            table.row(
                vec![
                    words::name(&column.name),
                    column.type_in.clone(),
                    column.type_out.clone(),
                    words::number(column.nulls_in),
                    words::number(column.nulls_out),
                    hash,
                ],
                to,
            )?;
        }
        table.end(to)
    })?;
    Ok(())
}
