//! `cargo xtask test`: every check there is, in one run. A step that fails does not keep the later
//! ones from being run, and no step is left out: the plan is fixed before the first one starts.
//! The last line is `N passed, N failed`, for people and for scripts.

use std::{
    fs,
    process::{Command, ExitCode},
    sync::Mutex,
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};

use crate::{
    command, contract,
    place::Place,
    runner,
    setup::{self, Engine, Purpose},
    steps::{Outcome, Steps, human},
    tally::Tally,
};

/// A check that is not part of setting up.
struct Check<'a> {
    what: &'static str,
    act: Box<dyn Fn() -> Result<Tally> + 'a>,
}

/// How one step ended.
struct Ended {
    what: String,
    took: Duration,
    tally: Tally,
    error: Option<anyhow::Error>,
}

pub fn test(place: &Place, engine: Engine, nextest: bool) -> Result<ExitCode> {
    let nextest = nextest && runner::has_nextest();
    let checks = checks(place, engine, nextest)?;
    let purpose = Purpose::Drive;
    let mut steps = Steps::of(setup::step_count(purpose, engine) + checks.len());
    let mut ended = Vec::new();

    if let Err(error) = setup::machine(place, &mut steps, purpose, engine) {
        // Nothing compiles without these, and hundreds of errors would hide the one that counts.
        return Ok(report(&steps, vec![failed_setup("Set-up", error)]));
    }
    for part in setup::parts(purpose) {
        if let Err(error) = steps.step(part.what, || (part.act)(place)) {
            ended.push(failed_setup(part.what, error));
        }
    }
    for check in checks {
        let mut tally = Tally::default();
        let mut took = Duration::ZERO;
        let started = steps.elapsed();
        let result = steps.step(check.what, || {
            tally = (check.act)()?;
            ensure!(tally.failed == 0, "{} failed", tally.failed);
            Ok(Outcome::Done)
        });
        took += steps.elapsed() - started;
        if result.is_err() && tally.failed == 0 {
            // It did not get as far as counting: it did not compile, or is no test runner.
            tally.failed = 1;
        }
        if let Err(error) = &result {
            eprintln!("  {error:#}");
        }
        ended.push(Ended {
            what: check.what.to_owned(),
            took,
            tally,
            error: result.err(),
        });
    }
    Ok(report(&steps, ended))
}

fn failed_setup(what: &str, error: anyhow::Error) -> Ended {
    eprintln!("  {error:#}");
    Ended {
        what: what.to_owned(),
        took: Duration::ZERO,
        tally: Tally {
            failed: 1,
            ..Tally::default()
        },
        error: Some(error),
    }
}

fn checks<'a>(place: &'a Place, engine: Engine, nextest: bool) -> Result<Vec<Check<'a>>> {
    let scripts = ui_scripts(place)?;
    let mut checks: Vec<Check<'a>> = Vec::new();
    let mut add = |what, act: Box<dyn Fn() -> Result<Tally> + 'a>| checks.push(Check { what, act });

    add(
        "Format of the Rust code",
        Box::new(move || pass_or_fail(command::cargo(place, &["fmt", "--all", "--check"]))),
    );
    add(
        "Lints of the Rust code",
        Box::new(move || {
            let mut clippy = runner::workspace(place, &["clippy"], engine);
            clippy.args(["--all-targets", "--", "-D", "warnings"]);
            pass_or_fail(clippy)
        }),
    );
    add(
        "Build everything: app, command line, tests",
        Box::new(move || {
            let mut build = runner::workspace(place, &["build"], engine);
            build.arg("--all-targets");
            pass_or_fail(build)
        }),
    );
    add(
        if nextest {
            "Unit and integration tests (cargo nextest)"
        } else {
            "Unit and integration tests (cargo test)"
        },
        Box::new(move || {
            let tests = runner::find(place)?;
            counted(with_scratch_contract(
                place,
                runner::plain(place, engine, nextest, &tests),
            ))
        }),
    );
    add(
        "Examples in the documentation",
        Box::new(move || {
            let mut doc = runner::workspace(place, &["test"], engine);
            doc.arg("--doc");
            // rustdoc links without the workspace's search path for libraries.
            doc.env("LD_LIBRARY_PATH", place.duckdb());
            counted(doc)
        }),
    );
    add(
        "The TypeScript contract, generated again",
        Box::new(move || {
            contract::check(place, engine)?;
            Ok(one_passed())
        }),
    );
    add(
        "Types of the UI",
        Box::new(move || pass_or_fail(npm_run(place, "check"))),
    );
    if scripts.iter().any(|script| script == "lint") {
        add(
            "Lints of the UI",
            Box::new(move || pass_or_fail(npm_run(place, "lint"))),
        );
    }
    add(
        "Tests of the UI (Vitest)",
        Box::new(move || counted(npm_run(place, "test"))),
    );
    add(
        "Tests in the real window",
        Box::new(move || {
            let tests = runner::find(place)?;
            let mut window = runner::window(place, engine, nextest, &tests)?;
            window.env("REDLINE_TAURI_DRIVER", setup::tauri_driver(place));
            counted(with_scratch_contract(place, window))
        }),
    );
    Ok(checks)
}

fn npm_run(place: &Place, script: &str) -> Command {
    let mut command = command::npm(&place.ui());
    command.args(["run", "--silent", script]).env("CI", "true");
    command
}

fn ui_scripts(place: &Place) -> Result<Vec<String>> {
    let path = place.ui().join("package.json");
    let text =
        fs::read_to_string(&path).with_context(|| format!("could not read {}", path.display()))?;
    let package: serde_json::Value =
        serde_json::from_str(&text).with_context(|| format!("{} is not JSON", path.display()))?;
    Ok(package["scripts"]
        .as_object()
        .map(|scripts| scripts.keys().cloned().collect())
        .unwrap_or_default())
}

/// Tests that happen to export types must not repair the committed contract before it is checked.
fn with_scratch_contract(place: &Place, mut command: Command) -> Command {
    command.env("TS_RS_EXPORT_DIR", place.output("contract-of-tests"));
    command
}

fn pass_or_fail(mut command: Command) -> Result<Tally> {
    command::run(&mut command)?;
    Ok(one_passed())
}

fn one_passed() -> Tally {
    Tally {
        passed: 1,
        ..Tally::default()
    }
}

/// Runs a test runner and takes its totals from what it prints.
fn counted(mut command: Command) -> Result<Tally> {
    let tally = Mutex::new(Tally::default());
    let status = command::watched(&mut command, |line| {
        if let Ok(mut tally) = tally.lock() {
            tally.read(line);
        }
    })?;
    let mut tally = tally.into_inner().unwrap_or_default();
    let shown = command::line(&command);
    if tally.reports == 0 {
        bail!("`{shown}` ({status}) ended without saying what it tested");
    }
    if !status.success() && tally.failed == 0 {
        eprintln!("  `{shown}` failed ({status}) though no test did");
        tally.failed = 1;
    }
    Ok(tally)
}

fn report(steps: &Steps, ended: Vec<Ended>) -> ExitCode {
    println!("\n{:>12}  {:>6}  {:>6}  step", "time", "passed", "failed");
    let (mut passed, mut failed) = (0, 0);
    for step in &ended {
        println!(
            "{:>12}  {:>6}  {:>6}  {}",
            human(step.took),
            step.tally.passed,
            step.tally.failed,
            step.what
        );
        passed += step.tally.passed;
        failed += step.tally.failed;
    }
    for step in &ended {
        if let Some(error) = &step.error {
            println!("\nfailed: {}\n{error:#}", step.what);
        }
    }
    println!("\n{} in all", human(steps.elapsed()));
    println!("{passed} passed, {failed} failed");
    if failed == 0 && passed > 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
