//! merge: one table out of several stored files.

use redline_core::MergeBy;

use super::choices::request;
use super::convert::{describe, refuse_existing, save_copy, tell_plan};
use crate::app::App;
use crate::args::{By, Merge};
use crate::failure::{Failure, Outcome, status};
use crate::interrupt::Interrupt;
use crate::progress::Bar;
use crate::words;

pub fn merge(app: &App, a: &Merge) -> Outcome {
    let map = map(&a.map)?;
    let by = match a.by {
        By::Name => MergeBy::Name,
        By::Position => MergeBy::Position,
    };
    let session = app.session()?;
    let request = request(
        app,
        Some(&session),
        a.to.as_deref(),
        a.out.as_deref(),
        &a.choices,
    )?;
    if a.plan {
        let plan = session.plan_merge(&a.ids, &request, by, &map)?;
        if app.out.json {
            app.out.field("plan", &plan)?;
        } else {
            let ids: Vec<String> = a.ids.iter().map(ToString::to_string).collect();
            tell_plan(app, &ids.join(" "), &plan)?;
        }
        return Ok(status::DONE);
    }
    if let Some(out) = a.out.as_deref() {
        refuse_existing(out)?;
    }
    let interrupt = Interrupt::arm(&session)?;
    let mut bar = Bar::follow(&app.out, &session);
    let merged = session.merge_now(&a.ids, &request, by, &map);
    interrupt.end();
    bar.end();
    let merged = merged?;
    if let Some(out) = a.out.as_deref() {
        save_copy(&session, &merged, out)?;
    }
    if app.out.json {
        app.out.field("conversion", &merged)?;
    } else {
        describe(app, &merged)?;
    }
    Ok(if merged.rows_rejected > 0 {
        status::IN_PART
    } else {
        status::DONE
    })
}

/// `old=new`; a name with `=` in it cannot be the old one here.
fn map(given: &[String]) -> Result<Vec<(String, String)>, Failure> {
    given
        .iter()
        .map(|pair| match pair.split_once('=') {
            Some((old, new)) if !old.is_empty() && !new.is_empty() => {
                Ok((old.to_owned(), new.to_owned()))
            }
            _ => Err(Failure::usage(
                format!(
                    "\"{}\" does not say which column is called what.",
                    words::name(pair)
                ),
                "Write it as --map OLD=NEW.",
            )),
        })
        .collect()
}
