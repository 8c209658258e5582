//! `cargo xtask bundle`: a .deb and an .rpm with the window, the command line and the DuckDB library
//! beside them, by Tauri's own bundler, which needs no network for these two. What came out is
//! unpacked and started before it counts.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::json;

use crate::{
    command,
    place::Place,
    setup::{self, Engine, Purpose, duckdb},
    steps::{Outcome, Steps},
};

/// Where packages keep the library; the rpath in `.cargo/config.toml` points here from /usr/bin.
const LIBRARY_IN_PACKAGE: &str = "/usr/lib/redline/libduckdb.so";
const COMMAND_LINE_IN_PACKAGE: &str = "/usr/bin/redline";

pub fn bundle(place: &Place, engine: Engine) -> Result<ExitCode> {
    if !cfg!(target_os = "linux") {
        bail!(
            "packages are made on Linux so far.\n\
             hint: elsewhere `npx tauri build --features bundled` in the clone makes that platform's own"
        );
    }
    let mut steps = Steps::of(setup::step_count(Purpose::Open, engine) + 4);
    setup::all(place, &mut steps, Purpose::Open, engine)?;
    // Apart from the UI's packages, since nothing but this command needs it.
    let packaging = place.root.join("xtask/packaging");
    steps.step("Tauri's bundler, from the lock file", || {
        setup::npm_install(&packaging)
    })?;
    steps.step("The command line, for release", || {
        let mut build = command::cargo(place, &["build", "--release", "--package", "redline"]);
        if engine == Engine::Bundled {
            build.args(["--features", "bundled"]);
        }
        command::run(&mut build)?;
        Ok(Outcome::Done)
    })?;
    steps.step("The app for release, and the packages", || {
        command::run(&mut tauri_build(place, &packaging, engine))?;
        Ok(Outcome::Done)
    })?;
    let mut packages = Vec::new();
    steps.step("Unpack them and start what is inside", || {
        packages = collect(place)?;
        for package in &packages {
            if package
                .extension()
                .is_some_and(|extension| extension == "deb")
            {
                try_out(place, package, engine)?;
            }
        }
        Ok(Outcome::Done)
    })?;
    for package in &packages {
        let mib = fs::metadata(package)?.len() as f64 / f64::from(1 << 20);
        println!("{}  {mib:.1} MiB", place.short(package));
    }
    Ok(ExitCode::SUCCESS)
}

fn tauri_build(place: &Place, packaging: &Path, engine: Engine) -> Command {
    let mut files = serde_json::Map::new();
    files.insert(
        COMMAND_LINE_IN_PACKAGE.into(),
        json!(place.built("release", "redline")),
    );
    if engine == Engine::Prebuilt {
        files.insert(LIBRARY_IN_PACKAGE.into(), json!(duckdb::library(place)));
    }
    let config = json!({
        // The UI is built already, and Tauri must not start npm in the wrong folder.
        "build": { "beforeBuildCommand": "", "beforeBundleCommand": "" },
        "bundle": {
            "active": true,
            "linux": { "deb": { "files": files }, "rpm": { "files": files } },
        },
    });
    let mut command = Command::new(packaging.join("node_modules/.bin/tauri"));
    command::scrub(&mut command);
    command
        .current_dir(&place.root)
        .args(["build", "--ci", "--bundles", "deb,rpm", "--config"])
        .arg(config.to_string())
        .env("CARGO_TARGET_DIR", &place.target)
        .env("DUCKDB_LIB_DIR", place.duckdb());
    if engine == Engine::Bundled {
        command.args(["--features", "bundled"]);
    }
    command
}

/// Copies the newest package of each kind into the clone.
fn collect(place: &Place) -> Result<Vec<PathBuf>> {
    let out = place.output("bundle");
    let _ = fs::remove_dir_all(&out);
    fs::create_dir_all(&out)?;
    let mut found = Vec::new();
    for kind in ["deb", "rpm"] {
        let folder = place.target.join("release/bundle").join(kind);
        let newest = fs::read_dir(&folder)
            .with_context(|| format!("could not list {}", folder.display()))?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.extension().is_some_and(|extension| extension == kind))
            .max_by_key(|path| fs::metadata(path).and_then(|found| found.modified()).ok())
            .with_context(|| format!("the bundler left no .{kind} in {}", folder.display()))?;
        let copy = out.join(newest.file_name().context("a package without a name")?);
        fs::copy(&newest, &copy)?;
        found.push(copy);
    }
    Ok(found)
}

/// Unpacks a .deb into a folder and starts its programs from there, with nothing else in reach.
fn try_out(place: &Place, package: &Path, engine: Engine) -> Result<()> {
    let root = place.output("bundle").join("unpacked");
    command::run(Command::new("dpkg-deb").arg("-x").arg(package).arg(&root))?;
    if engine == Engine::Prebuilt {
        let library = root.join(LIBRARY_IN_PACKAGE.trim_start_matches('/'));
        ensure!(
            library.exists(),
            "{} holds no {LIBRARY_IN_PACKAGE}",
            place.short(package)
        );
    }
    for name in ["redline", "redline-desktop"] {
        let program = root.join("usr/bin").join(name);
        let libraries = command::output(
            Command::new("ldd")
                .arg(&program)
                .env_remove("LD_LIBRARY_PATH"),
        )?;
        let missing: Vec<&str> = libraries
            .lines()
            .filter(|line| line.contains("not found"))
            .map(str::trim)
            .collect();
        ensure!(
            missing.is_empty(),
            "{name} in {} lacks libraries: {}",
            place.short(package),
            missing.join(", ")
        );
    }
    let version = command::output(
        Command::new(root.join("usr/bin/redline"))
            .arg("--version")
            .env_remove("LD_LIBRARY_PATH"),
    )?;
    println!("  starts: {}", version.trim());
    let menu = root.join("usr/share/applications");
    ensure!(
        fs::read_dir(&menu).is_ok_and(|mut entries| entries.next().is_some()),
        "{} holds no desktop file",
        place.short(package)
    );
    fs::remove_dir_all(&root)?;
    Ok(())
}
