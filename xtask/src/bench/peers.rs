//! The programs that conversions are held against: the DuckDB command line, Polars, PyArrow and
//! pandas, each in the pinned version, in a Python environment of its own in the cache.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use super::Bench;
use crate::command;

/// What is installed. Another list is another environment.
const PACKAGES: [&str; 6] = [
    "duckdb-cli==1.5.6",
    "polars==2.1.0",
    "pyarrow==26.0.1",
    "pandas==3.1.1",
    "openpyxl==3.1.5",
    "python-calamine==0.9.1",
];
const SCRIPT: &str = include_str!("peers.py");

pub struct Peers {
    environment: PathBuf,
    script: PathBuf,
}

impl Peers {
    /// Installs what is missing; a second call only looks.
    pub fn set_up(bench: &Bench<'_>) -> Result<Self> {
        let environment = bench.place.tools().join("bench-peers");
        let installed = environment.join("installed");
        let wanted = PACKAGES.join("\n");
        if fs::read_to_string(&installed).ok().as_deref() != Some(wanted.as_str()) {
            println!("  installing {}", PACKAGES.join(", "));
            command::run(
                Command::new("python3")
                    .args(["-m", "venv", "--clear"])
                    .arg(&environment),
            )?;
            command::run(
                Command::new(environment.join("bin/python"))
                    .args([
                        "-m",
                        "pip",
                        "install",
                        "--quiet",
                        "--disable-pip-version-check",
                    ])
                    .args(PACKAGES),
            )?;
            fs::write(&installed, wanted)
                .with_context(|| format!("could not write {}", installed.display()))?;
        }
        let script = bench.scratch.join("peers.py");
        fs::write(&script, SCRIPT)?;
        Ok(Self {
            environment,
            script,
        })
    }

    /// One statement in the DuckDB command line, with nothing else set.
    pub fn duckdb(&self, statement: &str) -> Command {
        let mut command = Command::new(self.environment.join("bin/duckdb"));
        command.args(["-no-init", "-c", statement]);
        command
    }

    /// `task` of the script beside this file: `polars csv parquet IN OUT` and the like.
    pub fn python(&self, task: &[&str], paths: &[&Path]) -> Command {
        let mut command = Command::new(self.environment.join("bin/python"));
        command.arg(&self.script).args(task).args(paths);
        command
    }

    /// The first value of a column in a file that some program wrote, as text.
    pub fn first_value(&self, format: &str, path: &Path, column: &str) -> Result<String> {
        let mut command = self.python(&["first", format, column], &[path]);
        Ok(command::output(&mut command)?.trim().to_owned())
    }
}
