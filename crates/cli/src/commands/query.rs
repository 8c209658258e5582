//! query: one SELECT over what is stored; its rows, or its whole result as a file.

use std::cell::RefCell;
use std::io::Read;
use std::time::Instant;

use redline_core::{Code, CoreError};

use super::choices::request;
use super::convert::{describe, describe_path};
use super::json as to_json;
use super::rows::Rows;
use crate::app::App;
use crate::args::Query;
use crate::failure::{Failure, Outcome, status};
use crate::interrupt::Interrupt;
use crate::progress::{Alone, Bar};
use crate::words;

/// No query is longer.
const LONGEST: u64 = 1 << 20;

pub fn query(app: &App, a: &Query) -> Outcome {
    let sql = if a.sql == "-" {
        stdin()?
    } else {
        a.sql.clone()
    };
    if a.out.is_none() && a.to.is_none() {
        return shown(app, a, &sql);
    }
    let session = app.session()?;
    let request = request(
        app,
        Some(&session),
        a.to.as_deref(),
        a.out.as_deref(),
        &a.choices,
    )?;
    if let Some(out) = a.out.as_deref() {
        let watch = Alone::follow(&app.out, Interrupt::flag()?);
        let done = session.query_to_path(&sql, &request, out, &watch)?;
        drop(watch);
        if app.out.json {
            app.out.object([("conversion", to_json(&done)?)])?;
        } else {
            describe_path(app, &done)?;
        }
        return Ok(status::DONE);
    }
    let interrupt = Interrupt::arm(&session)?;
    let mut bar = Bar::follow(&app.out, &session);
    let name = a.name.as_deref().unwrap_or_default();
    let done = session.export_query_now(&sql, &request, name);
    interrupt.end();
    bar.end();
    let done = done?;
    if app.out.json {
        app.out.object([("conversion", to_json(&done)?)])?;
    } else {
        describe(app, &done)?;
    }
    Ok(status::DONE)
}

fn shown(app: &App, a: &Query, sql: &str) -> Outcome {
    let began = Instant::now();
    let session = app.session()?;
    let watch = Alone::follow(&app.out, Interrupt::flag()?);
    let rows: RefCell<Option<Rows<'_>>> = RefCell::default();
    // A reader that went away ends the query; how is told afterwards.
    let broken: RefCell<Option<std::io::Error>> = RefCell::default();
    let stopped = |error: std::io::Error| {
        *broken.borrow_mut() = Some(error);
        CoreError::new(Code::Cancelled, "Cancelled.", "")
    };
    let ran = session.query_rows(
        sql,
        a.limit,
        &watch,
        &mut |columns| {
            let head = watch
                .aside(|| Rows::new(&app.out, columns))
                .map_err(stopped)?;
            *rows.borrow_mut() = Some(head);
            Ok(())
        },
        &mut |page| match rows.borrow_mut().as_mut() {
            Some(rows) => watch.aside(|| rows.add(page)).map_err(stopped),
            None => Ok(()),
        },
    );
    drop(watch);
    if let Some(error) = broken.borrow_mut().take() {
        return Err(error.into());
    }
    let count = ran?;
    if let Some(rows) = rows.into_inner() {
        let took = began.elapsed().as_millis() as u64;
        rows.end(
            &format!(",\"millis\":{took}"),
            &format!(
                "{}, {}",
                words::count(count, "row", "rows"),
                words::duration(took)
            ),
        )?;
    }
    Ok(status::DONE)
}

fn stdin() -> Result<String, Failure> {
    let mut sql = String::new();
    std::io::stdin()
        .lock()
        .take(LONGEST)
        .read_to_string(&mut sql)
        .map_err(|e| Failure::io("Could not read the query from stdin", &e))?;
    Ok(sql)
}
