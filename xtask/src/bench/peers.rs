//! The programs that conversions are held against: the DuckDB command line, Polars, PyArrow and
//! pandas, each in the pinned version, in a Python environment of its own in the cache.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};

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
    python: PathBuf,
    duckdb: PathBuf,
    script: PathBuf,
    /// Where they run, so that what they spill is removed with the rest.
    folder: PathBuf,
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
        let python = environment.join("bin/python");
        // The package's own `duckdb` is a Python script that starts the program: a tenth of a second
        // that is not DuckDB's.
        let duckdb = command::output(Command::new(&python).args([
            "-I",
            "-c",
            "import duckdb_cli; print(duckdb_cli.__path__[0])",
        ]))?;
        let duckdb = Path::new(duckdb.trim()).join("duckdb");
        ensure!(duckdb.is_file(), "there is no {}", duckdb.display());
        let script = bench.scratch.join("peers.py");
        fs::write(&script, SCRIPT)?;
        Ok(Self {
            python,
            duckdb,
            script,
            folder: bench.scratch.clone(),
        })
    }

    /// One statement in the DuckDB command line, with nothing else set.
    pub fn duckdb(&self, statement: &str) -> Command {
        let mut command = self.program(&self.duckdb);
        command.args(["-no-init", "-c", statement]);
        command
    }

    /// `task` of the script beside this file: `polars csv parquet IN OUT` and the like.
    pub fn python(&self, task: &[&str], paths: &[&Path]) -> Command {
        let mut command = self.program(&self.python);
        command.arg("-I").arg(&self.script).args(task).args(paths);
        command
    }

    /// What stands in the first row of a file that some program wrote, as text: the columns that
    /// the script compares.
    pub fn first_row(&self, format: &str, path: &Path) -> Result<Vec<String>> {
        let text = command::output(&mut self.python(&["first", format], &[path]))?;
        Ok(text.lines().map(str::to_owned).collect())
    }

    fn program(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command::scrub(&mut command);
        command.current_dir(&self.folder);
        command
    }
}
