//! `cargo xtask …`: the commands of the repository. Each sets up whatever is missing first, so that
//! a fresh clone on a fresh machine needs Rust, Node.js and nothing else.

mod bench;
mod bundle;
mod claim;
mod command;
mod contract;
mod open;
mod place;
mod runner;
mod setup;
mod steps;
mod tally;
mod test;

use std::process::ExitCode;

use anyhow::Result;

use place::Place;
use setup::{Engine, Purpose};
use steps::Steps;

const USAGE: &str = "\
cargo xtask COMMAND [--bundled]

  setup      everything that a fresh machine lacks; the other commands do this by themselves
  run        builds and opens the app; without a display, does the tour on a virtual one
  test       every check: format, lints, unit, integration, real servers, UI, the real window
  tour       drives the window through the main job; screenshots in target/tour/
  bench      [import|convert|grid|backup|catalog|start] side by side with named peers, as ratios;
             of `convert` also parts: [profile|parquet|csv|ndjson|feather|xlsx]
             --rounds N (5), --size-mib N (2048), --files N (10000), --rows N (1000000),
             --csv-mib N (600), --grid-rows N (50000000), --grid-mib N (10240), --dir DIR,
             --scale SHARE of the loads of `backup` (1; all of it takes hours, 0.05 minutes)
  bundle     .deb and .rpm in target/bundle/
  contract   writes the TypeScript types of ui/src/lib/contract anew

  --bundled     compiles DuckDB from source into the binary (over 20 minutes on 2 cores)
  --no-nextest  for `test`: cargo test even where cargo-nextest is installed
";

fn main() -> ExitCode {
    match dispatch(std::env::args().skip(1).collect()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("\nerror: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(mut arguments: Vec<String>) -> Result<ExitCode> {
    let engine = if take_flag(&mut arguments, "--bundled") {
        Engine::Bundled
    } else {
        Engine::Prebuilt
    };
    let nextest = !take_flag(&mut arguments, "--no-nextest");
    let Some((name, rest)) = arguments.split_first() else {
        print!("{USAGE}");
        return Ok(ExitCode::from(2));
    };
    let place = Place::find()?;
    match (name.as_str(), rest) {
        ("setup", []) => {
            let mut steps = Steps::of(setup::step_count(Purpose::Drive, engine));
            setup::all(&place, &mut steps, Purpose::Drive, engine)?;
            Ok(ExitCode::SUCCESS)
        }
        ("run", rest) => open::run(&place, engine, rest),
        ("test", []) => test::test(&place, engine, nextest),
        ("tour", []) => open::tour(&place, engine),
        ("bench", rest) => bench::bench(&place, engine, rest),
        ("bundle", []) => bundle::bundle(&place, engine),
        ("contract", []) => {
            claim::build_folder(&place)?;
            contract::write(&place, engine)?;
            Ok(ExitCode::SUCCESS)
        }
        ("help" | "--help" | "-h", _) => {
            print!("{USAGE}");
            Ok(ExitCode::SUCCESS)
        }
        _ => {
            eprint!("unknown: {}\n\n{USAGE}", arguments.join(" "));
            Ok(ExitCode::from(2))
        }
    }
}

/// Takes `flag` out of the arguments, up to a `--` after which they belong to someone else.
fn take_flag(arguments: &mut Vec<String>, flag: &str) -> bool {
    let end = arguments
        .iter()
        .position(|argument| argument == "--")
        .unwrap_or(arguments.len());
    match arguments[..end]
        .iter()
        .position(|argument| argument == flag)
    {
        Some(at) => {
            arguments.remove(at);
            true
        }
        None => false,
    }
}
