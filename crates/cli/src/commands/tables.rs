//! tables: names for stored files, under which SQL knows them.

use redline_core::DataTableView;

use super::choices::pairs;
use super::inspect::watched;
use super::json as to_json;
use crate::app::App;
use crate::args::{Tables, TablesAction};
use crate::failure::{Outcome, status};
use crate::table::{Align, Table};
use crate::words;

pub fn tables(app: &App, a: Tables) -> Outcome {
    let session = app.session()?;
    match a.action {
        None | Some(TablesAction::List) => {
            let tables = session.data_tables()?;
            if app.out.json {
                app.out.object([("tables", to_json(&tables)?)])?;
            } else if tables.is_empty() {
                app.out
                    .summary("No data tables. Make one with: redline tables add ID")?;
            } else {
                list(app, &tables)?;
            }
        }
        Some(TablesAction::Add { id, name, reading }) => {
            let options = pairs(&reading.set)?;
            let table = watched(app, |watch| {
                session.add_table(id, name.as_deref(), &options, watch)
            })?;
            told(app, &session, &table, |table| {
                let ticker = match &table.ticker {
                    Some(ticker) => format!(" of {}", words::name(ticker)),
                    None => String::new(),
                };
                format!(
                    "Added \"{}\"{ticker}: {}, {}. Query it with: redline query 'FROM \"{}\"'",
                    words::name(&table.table_name),
                    words::count(table.row_count.unwrap_or(0), "row", "rows"),
                    words::count(table.columns.len() as u64, "column", "columns"),
                    words::name(&table.table_name),
                )
            })?;
        }
        Some(TablesAction::Drop { name }) => {
            let table = session.drop_table(&name)?;
            told(app, &session, &table, |table| match &table.file_name {
                Some(file) => format!(
                    "Dropped \"{}\"; \"{}\" stays.",
                    words::name(&table.table_name),
                    words::name(file)
                ),
                None => format!("Dropped \"{}\".", words::name(&table.table_name)),
            })?;
        }
    }
    Ok(status::DONE)
}

/// The table that was meant, and how the list looks now.
fn told(
    app: &App,
    session: &redline_core::Session,
    table: &DataTableView,
    words: impl FnOnce(&DataTableView) -> String,
) -> Result<(), crate::failure::Failure> {
    if app.out.json {
        let all = session.data_tables()?;
        app.out
            .object([("table", to_json(table)?), ("tables", to_json(&all)?)])?;
    } else {
        app.out.summary(words(table))?;
    }
    Ok(())
}

fn list(app: &App, tables: &[DataTableView]) -> std::io::Result<()> {
    let columns = [
        ("NAME", Align::Left),
        ("TICKER", Align::Left),
        ("FORMAT", Align::Left),
        ("ROWS", Align::Right),
        ("COLUMNS", Align::Right),
        ("MADE", Align::Left),
        ("USED", Align::Left),
        ("FILE", Align::Left),
    ];
    let mut table = Table::new(&columns, app.out.colour());
    app.out.write(|to| {
        for row in tables {
            let text = |text: &Option<String>| words::name(text.as_deref().unwrap_or_default());
            let when = |time: &Option<String>| time.as_deref().map(words::when);
            let file = match (&row.file_name, row.missing) {
                (Some(name), true) => format!("{}  {}", words::name(name), app.out.red("missing")),
                (Some(name), false) => words::name(name),
                (None, _) => app.out.red("missing"),
            };
            table.row(
                vec![
                    words::name(&row.table_name),
                    text(&row.ticker),
                    text(&row.format),
                    row.row_count.map(words::number).unwrap_or_default(),
                    words::number(row.columns.len() as u64),
                    when(&row.created_at).unwrap_or_default(),
                    when(&row.last_accessed).unwrap_or_default(),
                    file,
                ],
                to,
            )?;
        }
        table.end(to)
    })
}
