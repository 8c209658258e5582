//! `cargo xtask bench`: Redline beside named peers, on this machine, in one run. Every figure that
//! counts is a ratio of two medians whose runs were interleaved, so that a slow minute of the
//! machine hits both sides. Never compares with a number from another day.

mod backup;
mod catalog;
mod convert;
mod data;
mod grid;
mod import;
mod machine;
mod measure;
mod peers;
mod s3_peers;
mod start;
mod table;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use anyhow::{Context, Result, bail};

use crate::{
    command,
    place::Place,
    setup::{self, Engine, Purpose},
    steps::{Outcome, Steps},
};
use table::Row;

/// What the person asked for; the defaults are what the README's table was made with.
#[derive(Debug, Clone)]
pub struct Options {
    pub rounds: usize,
    /// Of conversions, whose peers take minutes.
    pub convert_rounds: usize,
    pub size_mib: u64,
    pub files: u64,
    pub rows: u64,
    /// The size of the CSV that conversions start from.
    pub csv_mib: u64,
    /// Of the tables that are only looked at: rows of the one, the size of the other.
    pub grid_rows: u64,
    pub grid_mib: u64,
    /// The share of the backup's loads, at most 1.
    pub scale: f64,
    /// Which of [`convert::PARTS`]; none are all of them.
    pub parts: Vec<&'static str>,
    /// Where stores and test data go. The file system is part of what is measured.
    pub dir: PathBuf,
}

/// What a bench gets to work with.
pub struct Bench<'a> {
    pub place: &'a Place,
    pub options: Options,
    /// Emptied before and removed after each bench.
    pub scratch: PathBuf,
}

const NAMES: &[&str] = &["import", "catalog", "start", "convert", "grid", "backup"];

pub fn bench(place: &Place, engine: Engine, arguments: &[String]) -> Result<ExitCode> {
    let (chosen, options) = parse(place, arguments)?;
    let mut steps = Steps::of(setup::step_count(Purpose::Drive, engine) + 1 + chosen.len());
    setup::all(place, &mut steps, Purpose::Drive, engine)?;
    steps.step("Build for release", || {
        // All of the workspace: chosen packages would have other features of their dependencies,
        // and each choice would build those again.
        let mut build = command::cargo(
            place,
            &["build", "--release", "--workspace", "--bins", "--examples"],
        );
        if engine == Engine::Bundled {
            build.args(["--features", "redline-core/bundled"]);
        }
        command::run(&mut build)?;
        Ok(Outcome::Done)
    })?;

    sweep(&options.dir);
    let mut rows = Vec::new();
    for name in &chosen {
        steps.step(&format!("Bench: {name}"), || {
            let scratch = options
                .dir
                .join(format!("redline-bench-{}-{name}", std::process::id()));
            fs::create_dir_all(&scratch)
                .with_context(|| format!("could not create {}", scratch.display()))?;
            let bench = Bench {
                place,
                options: options.clone(),
                scratch: scratch.clone(),
            };
            let result = match *name {
                "import" => import::run(&bench),
                "catalog" => catalog::run(&bench),
                "convert" => convert::run(&bench),
                "grid" => grid::run(&bench),
                "backup" => backup::run(&bench),
                _ => start::run(&bench),
            };
            let _ = fs::remove_dir_all(&scratch);
            rows.extend(result?);
            Ok(Outcome::Done)
        })?;
    }

    let rounds = match (chosen.contains(&"convert"), chosen.len()) {
        (true, 1) => options.convert_rounds.to_string(),
        (true, _) if options.convert_rounds != options.rounds => {
            format!(
                "{} (conversions: {})",
                options.rounds, options.convert_rounds
            )
        }
        _ => options.rounds.to_string(),
    };
    let report = format!(
        "{}\n{}\n",
        machine::line(&options.dir, &rounds)?,
        table::markdown(&rows)
    );
    let folder = place.output("bench");
    fs::create_dir_all(&folder)?;
    let file = folder.join("report.md");
    fs::write(&file, &report).with_context(|| format!("could not write {}", file.display()))?;
    println!("\n{report}\nAlso in {}", place.short(&file));
    Ok(if rows.iter().any(Row::misses) {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// Removes what runs that were killed left behind: gigabytes each.
fn sweep(dir: &Path) {
    if !cfg!(target_os = "linux") {
        return;
    }
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let process = name
            .to_str()
            .and_then(|name| name.strip_prefix("redline-bench-"))
            .and_then(|rest| rest.split('-').next()?.parse::<u32>().ok());
        if process.is_some_and(|process| !Path::new(&format!("/proc/{process}")).exists()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn parse(place: &Place, arguments: &[String]) -> Result<(Vec<&'static str>, Options)> {
    let mut options = Options {
        rounds: 5,
        convert_rounds: 3,
        size_mib: 2048,
        files: 10_000,
        rows: 1_000_000,
        csv_mib: 600,
        grid_rows: 50_000_000,
        grid_mib: 10_240,
        scale: 1.0,
        parts: Vec::new(),
        dir: place.output("bench"),
    };
    let mut chosen = Vec::new();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        if let Some(name) = NAMES.iter().find(|name| *name == argument) {
            chosen.push(*name);
            continue;
        }
        if let Some(part) = convert::PARTS.iter().find(|part| *part == argument) {
            options.parts.push(*part);
            continue;
        }
        let value = rest
            .next()
            .with_context(|| format!("unknown bench, or an option without a value: {argument}"))?;
        let number = || {
            value
                .parse::<u64>()
                .ok()
                .filter(|number| *number > 0)
                .with_context(|| format!("{argument} takes a whole number above 0, not {value:?}"))
        };
        match argument.as_str() {
            "--rounds" => {
                options.rounds = usize::try_from(number()?)?;
                options.convert_rounds = options.rounds;
            }
            "--size-mib" => options.size_mib = number()?,
            "--files" => options.files = number()?,
            "--rows" => options.rows = number()?,
            "--csv-mib" => options.csv_mib = number()?,
            "--grid-rows" => options.grid_rows = number()?,
            "--grid-mib" => options.grid_mib = number()?,
            "--scale" => {
                options.scale = value
                    .parse()
                    .ok()
                    .filter(|scale| *scale > 0.0 && *scale <= 1.0)
                    .with_context(|| format!("--scale takes a share up to 1, not {value:?}"))?;
            }
            "--dir" => options.dir = Path::new(value).to_path_buf(),
            _ => bail!("bench does not know {argument}; see `cargo xtask help`"),
        }
    }
    if !options.parts.is_empty() && !chosen.contains(&"convert") {
        chosen.push("convert");
    }
    if chosen.is_empty() {
        chosen = NAMES.to_vec();
    }
    fs::create_dir_all(&options.dir)
        .with_context(|| format!("could not create {}", options.dir.display()))?;
    options.dir = options.dir.canonicalize()?;
    Ok((chosen, options))
}

impl Bench<'_> {
    /// The release command line, on a store of its own in `folder`, away from the person's profiles.
    pub fn redline(&self, folder: &Path) -> Command {
        let mut command = Command::new(self.place.built("release", "redline"));
        command::scrub(&mut command);
        self.at_home(&mut command, folder);
        command
    }

    /// Points a program of ours at a store under `folder`.
    pub fn at_home(&self, command: &mut Command, folder: &Path) {
        command
            .env("REDLINE_LICENSE_KEY", "RL-BENCH000-00000000-00000001")
            .env("REDLINE_DATA_DIR", folder.join("data"))
            .env("REDLINE_CONFIG_DIR", folder.join("config"))
            .env("XDG_CONFIG_HOME", folder.join("config"))
            .env("XDG_DATA_HOME", folder.join("share"))
            .env("XDG_CACHE_HOME", folder.join("cache"))
            .env_remove("LICENSE_SERVER_URL")
            .env_remove("RUST_LOG");
    }
}
