//! `cargo xtask run` and `cargo xtask tour`: the window, for a person to use or to look at.

use std::{
    env, fs,
    process::{Command, ExitCode},
};

use anyhow::{Result, ensure};

use crate::{
    command,
    place::Place,
    runner,
    setup::{self, Engine, Purpose},
    steps::{Outcome, Steps},
};

/// Builds and opens the app. Without a display it is the tour that opens the window.
pub fn run(place: &Place, engine: Engine, arguments: &[String]) -> Result<ExitCode> {
    if !has_display() {
        println!("There is no display here, so the window opens on a virtual one, for the tour.");
        return tour(place, engine);
    }
    let mut steps = Steps::of(setup::step_count(Purpose::Open, engine) + 1);
    setup::all(place, &mut steps, Purpose::Open, engine)?;
    // What a person opens needs no tests.
    build(place, &mut steps, engine, "--bins")?;
    println!("\nRedline is open. This command ends when its window is closed.");
    let mut app = Command::new(place.built("debug", "redline-desktop"));
    command::scrub(&mut app);
    let status = command::status(app.args(arguments))?;
    Ok(if status.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Drives the real window through the main job and leaves a screenshot of each screen.
pub fn tour(place: &Place, engine: Engine) -> Result<ExitCode> {
    let mut steps = Steps::of(setup::step_count(Purpose::Drive, engine) + 2);
    setup::all(place, &mut steps, Purpose::Drive, engine)?;
    // As the tests have it: without their features, nearly all would be compiled again.
    build(place, &mut steps, engine, "--all-targets")?;
    let pictures = place.output("tour");
    steps.step("The tour of the window", || {
        let _ = fs::remove_dir_all(&pictures);
        fs::create_dir_all(&pictures)?;
        command::run(
            runner::workspace(place, &["test"], engine)
                .args(["--test", "tour", "--", "--include-ignored", "--nocapture"])
                .env("REDLINE_TOUR_DIR", &pictures)
                .env("REDLINE_TAURI_DRIVER", setup::tauri_driver(place)),
        )?;
        let mut taken: Vec<_> = fs::read_dir(&pictures)?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.extension().is_some_and(|extension| extension == "png"))
            .collect();
        taken.sort();
        ensure!(!taken.is_empty(), "the tour ended and left no screenshot");
        for picture in &taken {
            println!("  {}", place.short(picture));
        }
        Ok(Outcome::Done)
    })?;
    Ok(ExitCode::SUCCESS)
}

fn build(place: &Place, steps: &mut Steps, engine: Engine, targets: &str) -> Result<()> {
    steps.step("The app", || {
        command::run(runner::workspace(place, &["build"], engine).arg(targets))?;
        Ok(Outcome::Done)
    })?;
    Ok(())
}

fn has_display() -> bool {
    if !cfg!(target_os = "linux") {
        return true;
    }
    ["DISPLAY", "WAYLAND_DISPLAY"]
        .iter()
        .any(|name| env::var_os(name).is_some_and(|value| !value.is_empty()))
}
