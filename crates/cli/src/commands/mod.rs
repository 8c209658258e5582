//! One function for each command: ask core, print the answer.

mod aws_profiles;
mod backup;
mod choices;
mod cloud;
mod convert;
mod encryption;
mod export;
mod files;
mod history;
mod import;
mod inspect;
mod keep;
mod machine;
mod manual;
mod merge;
mod presets;
mod profiles;
mod proof;
mod query;
mod rows;
mod rules;
mod serve;
mod tables;
mod trash;
mod verify;
mod versions;

use redline_core::FrontEnd;
use serde::Serialize;
use serde_json::Value;

use crate::app::App;
use crate::args::{Cli, Command};
use crate::failure::{Failure, Outcome};

pub fn run(cli: Cli) -> Outcome {
    match cli.command {
        Command::Completions(a) => return manual::completions(a.shell),
        Command::Man(a) => return manual::man(&a),
        _ => {}
    }
    let front_end = if matches!(cli.command, Command::Serve(_)) {
        FrontEnd::Server
    } else {
        FrontEnd::CommandLine
    };
    let app = App::open(cli.global, front_end)?;
    let outcome = dispatch(&app, cli.command);
    // What was printed before a failure is wanted, too, and nobody waits for what follows.
    let flushed = app.out.flush();
    // The next command shall not pay for what this one leaves to be done.
    app.redline.finish();
    app.redline.release();
    let status = outcome?;
    flushed?;
    Ok(status)
}

fn dispatch(app: &App, command: Command) -> Outcome {
    match command {
        Command::Login(a) => profiles::login(app, a),
        Command::Logout(a) => profiles::logout(app, &a),
        Command::Profiles(a) => profiles::profiles(app, a),
        Command::Whoami => profiles::whoami(app),
        Command::Kit(a) => profiles::kit(app, &a),
        Command::Import(a) => import::import(app, a),
        Command::Files(a) => files::files(app, a),
        Command::Info(a) => files::info(app, a.id),
        Command::Link(a) => cloud::link(app, a.id, &a.expires),
        Command::Free(a) => cloud::free(app, &a.ids),
        Command::Fetch(a) => cloud::fetch(app, &a.ids),
        Command::Export(a) => export::export(app, &a),
        Command::Delete(a) => trash::delete(app, &a.ids),
        Command::Undelete(a) => trash::undelete(app, &a.ids),
        Command::Trash(a) => trash::trash(app, a),
        Command::DeleteAll(a) => trash::delete_all(app, &a),
        Command::Verify(a) => verify::verify(app, a),
        Command::Jobs(a) => machine::jobs(app, a),
        Command::Stats => machine::stats(app),
        Command::Tables(a) => tables::tables(app, a),
        Command::Inspect(a) => inspect::inspect(app, &a),
        Command::Preview(a) => inspect::preview(app, &a),
        Command::Convert(a) => convert::convert(app, &a),
        Command::Merge(a) => merge::merge(app, &a),
        Command::Query(a) => query::query(app, &a),
        Command::History(a) => history::history(app, &a),
        Command::Presets(a) => presets::presets(app, a),
        Command::Backup(a) => backup::backup(app, a.action, &a.line),
        Command::Restore(a) => backup::restore(app, a.action, &a.line),
        Command::Serve(a) => serve::serve(app, &a),
        Command::Doctor => machine::doctor(app),
        // Both were answered before core was opened.
        Command::Completions(a) => manual::completions(a.shell),
        Command::Man(a) => manual::man(&a),
    }
}

/// A contract type as JSON.
fn json(value: &impl Serialize) -> Result<Value, Failure> {
    serde_json::to_value(value).map_err(|e| Failure::from(std::io::Error::from(e)))
}
