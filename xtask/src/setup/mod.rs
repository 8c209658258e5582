//! Everything a fresh machine lacks, fetched and built once, in the order in which the parts need
//! each other. Never touches what is already right, and never asks anything.

mod driver;
pub mod duckdb;
mod node;
mod system;
mod ui;

use anyhow::Result;

use crate::{place::Place, steps::Steps};

pub use driver::program as tauri_driver;

/// What a command is about to do, which decides what has to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Build the app and open it on the display of whoever asked.
    Open,
    /// Also drive the window on a virtual display.
    Drive,
}

/// Whether DuckDB is the prebuilt shared library or compiled from source into the binary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    Prebuilt,
    Bundled,
}

/// How many steps [`all`] announces.
pub fn step_count(purpose: Purpose, engine: Engine) -> usize {
    3 + usize::from(engine == Engine::Prebuilt) + usize::from(purpose == Purpose::Drive)
}

/// Sets up whatever is missing; stops at the first thing that cannot be.
pub fn all(place: &Place, steps: &mut Steps, purpose: Purpose, engine: Engine) -> Result<()> {
    machine(place, steps, purpose, engine)?;
    for (_, result) in project(place, steps, purpose) {
        result?;
    }
    Ok(())
}

/// The part without which nothing can even compile.
pub fn machine(place: &Place, steps: &mut Steps, purpose: Purpose, engine: Engine) -> Result<()> {
    steps.step("System packages", || system::install(purpose))?;
    if engine == Engine::Prebuilt {
        steps.step(
            &format!("DuckDB {}, the prebuilt library", duckdb::VERSION),
            || duckdb::install(place),
        )?;
    }
    Ok(())
}

/// The rest. Each part is tried whatever became of the one before, so that a run of all checks
/// can go on and show everything that is wrong at once.
pub fn project(
    place: &Place,
    steps: &mut Steps,
    purpose: Purpose,
) -> Vec<(&'static str, Result<()>)> {
    let mut results = Vec::new();
    let mut part = |what: &'static str, act: &mut dyn FnMut() -> Result<crate::steps::Outcome>| {
        results.push((what, steps.step(what, act).map(drop)));
    };
    part("npm packages of the UI, from the lock file", &mut || {
        node::install(&place.ui())
    });
    part("The UI, built into ui/dist", &mut || ui::build(place));
    if purpose == Purpose::Drive {
        part("tauri-driver, which drives the window", &mut || {
            driver::install(place)
        });
    }
    results
}
