//! Everything a fresh machine lacks, fetched and built once, in the order in which the parts need
//! each other. Never touches what is already right, and never asks anything.

mod driver;
pub mod duckdb;
mod node;
mod system;
mod ui;

use anyhow::Result;

use crate::{
    claim,
    place::Place,
    steps::{Outcome, Steps},
};

pub use driver::program as tauri_driver;
pub use node::install as npm_install;

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
    for part in parts(purpose) {
        steps.step(part.what, || (part.act)(place))?;
    }
    Ok(())
}

/// The part without which nothing can even compile.
pub fn machine(place: &Place, steps: &mut Steps, purpose: Purpose, engine: Engine) -> Result<()> {
    claim::build_folder(place)?;
    steps.step("System packages", || system::install(purpose))?;
    if engine == Engine::Prebuilt {
        steps.step(
            &format!("DuckDB {}, the prebuilt library", duckdb::VERSION),
            || duckdb::install(place),
        )?;
    }
    Ok(())
}

/// One of the rest.
pub struct Part {
    pub what: &'static str,
    pub act: fn(&Place) -> Result<Outcome>,
}

/// The rest, for a command that wants to go on after one of them has failed.
pub fn parts(purpose: Purpose) -> Vec<Part> {
    let mut parts = vec![
        Part {
            what: "npm packages of the UI, from the lock file",
            act: |place| node::install(&place.ui()),
        },
        Part {
            what: "The UI, built into ui/dist",
            act: ui::build,
        },
    ];
    if purpose == Purpose::Drive {
        parts.push(Part {
            what: "tauri-driver, which drives the window",
            act: driver::install,
        });
    }
    parts
}
