//! inspect and preview: what is in a file, and some of its rows.

use redline_core::{ColumnProfileView, ProfileReport, Watch};
use serde_json::json;

use super::choices::{Given, pairs, present, source};
use super::rows::Rows;
use crate::app::App;
use crate::args::{Inspect, Preview};
use crate::failure::{Outcome, status};
use crate::interrupt::Interrupt;
use crate::progress::Alone;
use crate::table::{Align, Table, pairs as lines};
use crate::words;

pub fn inspect(app: &App, a: &Inspect) -> Outcome {
    let options = pairs(&a.reading.set)?;
    let watch = Alone::follow(&app.out, Interrupt::flag()?);
    let (profile, name) = match source(&a.source) {
        Given::Id(id) => {
            let session = app.session()?;
            let name = session.file(id)?.filename;
            (session.inspect(id, &options, &watch)?, name)
        }
        Given::Path(path) => {
            present(&path)?;
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let profile = redline_core::inspect_path(&path, &options, &watch)?;
            (profile, name.into_owned())
        }
    };
    drop(watch);
    if app.out.json {
        app.out.field("profile", &profile)?;
        return Ok(status::DONE);
    }
    describe(app, &name, &profile)?;
    Ok(status::DONE)
}

fn describe(app: &App, name: &str, profile: &ProfileReport) -> std::io::Result<()> {
    let format = match &profile.compression {
        Some(packed) => format!("{}, packed with {packed}", profile.format),
        None => profile.format.clone(),
    };
    let mut facts = vec![
        ("File", words::name(name)),
        ("Format", format),
        ("Rows", words::number(profile.rows)),
        ("Columns", words::number(profile.columns.len() as u64)),
    ];
    if let Some(table) = &profile.table {
        facts.push(("Table", words::name(table)));
    }
    if let Some(text) = &profile.text {
        let mark = if text.byte_order_mark {
            ", with a byte order mark"
        } else {
            ""
        };
        let shown = |text: &Option<String>| match text.as_deref() {
            None => "none".to_owned(),
            Some("\t") => "tab".to_owned(),
            Some(" ") => "space".to_owned(),
            Some(text) => words::name(text),
        };
        facts.push(("Encoding", format!("{}{mark}", text.encoding)));
        facts.push(("Delimiter", shown(&text.delimiter)));
        facts.push(("Quote", shown(&text.quote)));
        if text.escape != text.quote {
            facts.push(("Escape", shown(&text.escape)));
        }
        facts.push(("Line ends", text.line_end.clone()));
        facts.push((
            "Header",
            words::count(u64::from(text.header_rows), "line", "lines"),
        ));
        for (what, lines) in [("Before", &text.preamble), ("After", &text.footnotes)] {
            if !lines.is_empty() {
                facts.push((what, words::count(lines.len() as u64, "line", "lines")));
            }
        }
        if let Some(layout) = &text.layout {
            facts.push(("Layout", layout.clone()));
        }
    }
    app.out.write(|to| lines(&facts, to))?;
    if !profile.columns.is_empty() {
        app.out.line("")?;
        columns(app, &profile.columns)?;
    }
    tables(app, profile)?;
    notes(app, profile)
}

fn columns(app: &App, columns: &[ColumnProfileView]) -> std::io::Result<()> {
    let mut table = Table::new(
        &[
            ("COLUMN", Align::Left),
            ("TYPE", Align::Left),
            ("NULLS", Align::Right),
            ("DISTINCT", Align::Right),
            ("MIN", Align::Left),
            ("MAX", Align::Left),
            ("EVIDENCE", Align::Left),
        ],
        app.out.colour(),
    );
    app.out.write(|to| {
        for column in columns {
            let name = match &column.said {
                Some(said) => format!("{} (was \"{said}\")", column.name),
                None => column.name.clone(),
            };
            table.row(
                vec![
                    words::name(&name),
                    column.type_name.clone(),
                    words::number(column.nulls),
                    column.distinct.map(words::number).unwrap_or_default(),
                    short(column.min.as_deref()),
                    short(column.max.as_deref()),
                    words::name(&column.evidence),
                ],
                to,
            )?;
        }
        table.end(to)
    })
}

/// A bound is there to be glanced at; `--json` has all of it.
fn short(text: Option<&str>) -> String {
    const LONGEST: usize = 24;
    let text = words::name(text.unwrap_or_default());
    if text.chars().count() <= LONGEST {
        return text;
    }
    text.chars().take(LONGEST - 1).chain(['…']).collect()
}

fn tables(app: &App, profile: &ProfileReport) -> std::io::Result<()> {
    if profile.tables.len() < 2 {
        return Ok(());
    }
    app.out.line("")?;
    let mut table = Table::new(
        &[
            ("TABLE", Align::Left),
            ("ROWS", Align::Right),
            ("COLUMNS", Align::Right),
        ],
        app.out.colour(),
    );
    app.out.write(|to| {
        for entry in &profile.tables {
            table.row(
                vec![
                    words::name(&entry.name),
                    entry.rows.map(words::number).unwrap_or_default(),
                    entry.columns.map(words::number).unwrap_or_default(),
                ],
                to,
            )?;
        }
        table.end(to)
    })?;
    app.out
        .summary(app.out.dim("Another one: --set table=NAME"))
}

/// Choices, repairs, rejects and warnings of a profile, a line each.
pub fn notes(app: &App, profile: &ProfileReport) -> std::io::Result<()> {
    let out = &app.out;
    for choice in &profile.choices {
        let otherwise = match &choice.otherwise {
            Some(set) => format!("; otherwise: --set {}", words::name(set)),
            None => String::new(),
        };
        out.line(format!(
            "  {}  {}: {} ({}){otherwise}",
            out.amber("chosen"),
            words::name(&choice.what),
            words::name(&choice.chosen),
            words::name(&choice.why)
        ))?;
    }
    for repair in &profile.repairs {
        let lines: Vec<String> = repair.lines.iter().map(|n| words::number(*n)).collect();
        let at = match (lines.is_empty(), lines.len() as u64 == repair.count) {
            (true, _) => String::new(),
            (false, true) => format!(" (line {})", lines.join(", ")),
            (false, false) => format!(" (line {}, …)", lines.join(", ")),
        };
        out.line(format!(
            "  {}  {} × {}: {}{at}",
            out.amber("repaired"),
            words::number(repair.count),
            words::name(&repair.kind),
            words::name(&repair.detail)
        ))?;
    }
    rejects(app, &profile.rejects)?;
    for warning in &profile.warnings {
        out.line(format!("  {}  {}", out.amber("note"), words::name(warning)))?;
    }
    Ok(())
}

pub fn rejects(app: &App, rejects: &redline_core::RejectsView) -> std::io::Result<()> {
    if rejects.count == 0 {
        return Ok(());
    }
    let out = &app.out;
    out.line(format!(
        "  {}  {}",
        out.red("rejected"),
        words::count(rejects.count, "row", "rows")
    ))?;
    for reject in &rejects.examples {
        let field = match reject.column {
            Some(column) => format!(", field {column}"),
            None => String::new(),
        };
        out.line(format!(
            "    line {}{field}: {}: {}",
            words::number(reject.line),
            words::name(&reject.reason),
            words::name(&reject.text)
        ))?;
    }
    Ok(())
}

pub fn preview(app: &App, a: &Preview) -> Outcome {
    let options = pairs(&a.reading.set)?;
    let preview = match source(&a.source) {
        Given::Id(id) => app.session()?.preview(id, &options, a.limit, a.offset)?,
        Given::Path(path) => {
            present(&path)?;
            redline_core::preview_path(&path, &options, a.limit, a.offset)?
        }
    };
    let mut rows = Rows::new(&app.out, &preview.columns)?;
    rows.add(&preview.rows)?;
    let shown = preview.rows.len() as u64;
    let summary = match (shown, preview.total) {
        (0, _) => "No rows here.".to_owned(),
        (shown, Some(total)) if shown < total => format!(
            "Rows {} to {} of {}",
            words::number(a.offset + 1),
            words::number(a.offset + shown),
            words::number(total)
        ),
        (shown, Some(_)) => words::count(shown, "row", "rows"),
        (shown, None) => format!(
            "Rows {} to {}",
            words::number(a.offset + 1),
            words::number(a.offset + shown)
        ),
    };
    rows.end(&format!(",\"total\":{}", json!(preview.total)), &summary)?;
    Ok(status::DONE)
}

/// For work whose only outcome is an answer.
pub fn watched<T>(
    app: &App,
    work: impl FnOnce(&dyn Watch) -> Result<T, redline_core::CoreError>,
) -> Result<T, crate::failure::Failure> {
    let watch = Alone::follow(&app.out, Interrupt::flag()?);
    Ok(work(&watch)?)
}
