//! `redline`: the command line over redline-core.
//!
//! It owns arguments, text and JSON on stdout, errors on stderr and the exit
//! status. It never touches a store, a key or a bucket itself: every command is a
//! call to core and its answer, printed.

mod app;
mod args;
mod commands;
mod failure;
mod interrupt;
mod key_guard;
mod out;
mod progress;
mod table;
mod words;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

use args::Cli;
use failure::{Failure, Outcome, status};

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    // Known before anything is parsed, since wrong usage is reported in JSON too.
    let json = arguments
        .iter()
        .skip(1)
        .take_while(|a| *a != "--")
        .any(|a| a == "--json");
    log_if_asked(&arguments);
    // One object on stderr, whatever happens: a panic's own words go to the log.
    std::panic::set_hook(Box::new(
        |panic| tracing::error!(%panic, "an internal error"),
    ));
    let ended = std::panic::catch_unwind(|| run(&arguments)).unwrap_or_else(|_| {
        Err(Failure::new(
            status::FAILED,
            "internal",
            "An internal error ended the command.",
            "Run it again with REDLINE_LOG=error to see more, and report it.",
        ))
    });
    match ended {
        Ok(status) => ExitCode::from(status),
        Err(failure) => {
            out::tell(&failure, json);
            ExitCode::from(failure.status)
        }
    }
}

fn run(arguments: &[OsString]) -> Outcome {
    key_guard::check(arguments)?;
    match Cli::try_parse_from(arguments) {
        Ok(cli) => commands::run(cli),
        Err(error) if !error.use_stderr() => {
            // --help and --version are answers, not errors.
            error.print()?;
            Ok(status::DONE)
        }
        Err(error) => Err(usage(&error)),
    }
}

/// Clap's words, in our shape: what is wrong first, the way to the help after.
fn usage(error: &clap::Error) -> Failure {
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        // Nothing can be done about a stderr that is gone.
        let _ = error.print();
        let mut failure = Failure::usage("", "");
        failure.quiet = true;
        return failure;
    }
    let text = error.render().to_string();
    let mut paragraphs = text.trim().split("\n\n");
    let message = paragraphs
        .next()
        .unwrap_or_default()
        .trim_start_matches("error: ")
        .trim();
    let rest: Vec<&str> = paragraphs
        .map(str::trim)
        .filter(|p| !p.starts_with("For more information"))
        .collect();
    let tip = rest.iter().find_map(|p| p.strip_prefix("tip: "));
    let hint = tip.map_or_else(
        || "Try `redline --help`, or `--help` after a command.".to_owned(),
        str::to_owned,
    );
    let message = message
        .split('\n')
        .map(str::trim)
        .collect::<Vec<_>>()
        .join(" ");
    let usage = rest
        .iter()
        .find(|p| p.starts_with("Usage:"))
        .map(|p| format!("{hint}\n{p}"));
    Failure::usage(message, usage.unwrap_or(hint))
}

/// Logs go to stderr, and only when REDLINE_LOG says so: stderr is for errors. A
/// server says what it refused without being asked.
fn log_if_asked(arguments: &[OsString]) {
    use tracing_subscriber::EnvFilter;
    let filter = match std::env::var("REDLINE_LOG") {
        Ok(filter) if !filter.is_empty() => filter,
        _ if arguments.iter().any(|a| a == "serve") => "redline_server=warn".to_owned(),
        _ => return,
    };
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(filter))
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .init();
}
