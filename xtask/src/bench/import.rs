//! Import, durable and hashed and with its row in the catalog, against copying alone and hashing
//! alone on the same file system.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};

use super::{
    Bench, data,
    measure::{self, Sample, Side, interleave},
    table::Row,
};
use crate::command;

const SMALL: u64 = 10 << 10;
const MOST_MEMORY_MIB: f64 = 150.0;

pub fn run(bench: &Bench<'_>) -> Result<Vec<Row>> {
    let mut rows = one_big_file(bench)?;
    rows.extend(many_small_files(bench)?);
    Ok(rows)
}

fn one_big_file(bench: &Bench<'_>) -> Result<Vec<Row>> {
    let mib = bench.options.size_mib;
    let source = bench.scratch.join("big.bin");
    println!("  one file of {mib} MiB");
    data::one_file(&source, mib << 20, 1)?;
    data::settle()?;

    let copy = bench.scratch.join("copy.bin");
    let mut sides = [
        Side::new("cp + sync", || {
            clear(&copy)?;
            let mut cp = Command::new("cp");
            cp.arg(&source).arg(&copy);
            measure::in_turn(&mut [cp, data::sync_file_system(&bench.scratch)])
        }),
        Side::new("openssl dgst -sha256", || {
            data::settle()?;
            measure::program(
                Command::new("openssl")
                    .args(["dgst", "-sha256"])
                    .arg(&source),
            )
        }),
        Side::new("redline import", || import(bench, &source, 1)),
    ];
    interleave(bench.options.rounds, &mut sides)?;
    let [cp, hash, ours] = &sides;
    let slower = if cp.median() > hash.median() {
        cp
    } else {
        hash
    };
    let rows = vec![
        Row::seconds(
            format!("import one file of {mib} MiB"),
            ours.median(),
            (
                &format!(
                    "the slower of {} and {}: {}",
                    cp.name, hash.name, slower.name
                ),
                slower.median(),
            ),
            Some(1.15),
        ),
        memory(&format!("peak memory, one file of {mib} MiB"), ours),
    ];
    drop(sides);
    clear(&copy)?;
    clear(&source)?;
    Ok(rows)
}

fn many_small_files(bench: &Bench<'_>) -> Result<Vec<Row>> {
    let count = bench.options.files;
    let source = bench.scratch.join("many");
    println!("  {count} files of 10 KiB");
    data::many_files(&source, count, SMALL)?;
    data::settle()?;

    let copy = bench.scratch.join("copy");
    let mut sides = [
        Side::new("cp -r + sync", || {
            clear(&copy)?;
            let mut cp = Command::new("cp");
            cp.arg("-r").arg(&source).arg(&copy);
            measure::in_turn(&mut [cp, data::sync_file_system(&bench.scratch)])
        }),
        Side::new("redline import", || import(bench, &source, count)),
    ];
    interleave(bench.options.rounds, &mut sides)?;
    let [cp, ours] = &sides;
    Ok(vec![
        Row::seconds(
            format!("import {count} files of 10 KiB"),
            ours.median(),
            (cp.name, cp.median()),
            Some(2.0),
        ),
        memory(&format!("peak memory, {count} files of 10 KiB"), ours),
    ])
}

fn memory(what: &str, ours: &Side<'_>) -> Row {
    Row::ceiling(
        what,
        ours.peak_memory() as f64 / f64::from(1 << 20),
        MOST_MEMORY_MIB,
        "MiB",
    )
}

/// Into a store that is there and empty, as a person's is. The clock runs from the start of the
/// program to its end; that everything arrived is checked afterwards.
fn import(bench: &Bench<'_>, source: &Path, count: u64) -> Result<Sample> {
    let home = bench.scratch.join("home");
    clear(&home)?;
    fs::create_dir_all(&home)?;
    ensure!(
        stored(bench, &home)? == 0,
        "the store for the bench is not empty"
    );
    data::settle()?;
    let sample = measure::program(bench.redline(&home).args(["--json", "import"]).arg(source))?;
    let found = stored(bench, &home)?;
    ensure!(
        found == count,
        "{found} files are in the store, {count} were imported"
    );
    clear(&home)?;
    Ok(sample)
}

/// How many files a store holds, by its own account.
fn stored(bench: &Bench<'_>, home: &Path) -> Result<u64> {
    let answer = command::output(
        bench
            .redline(home)
            .args(["--json", "files", "--limit", "1"]),
    )?;
    let answer: serde_json::Value =
        serde_json::from_str(&answer).context("`redline --json files` did not answer with JSON")?;
    answer["total"]
        .as_u64()
        .context("`redline --json files` gave no total")
}

fn clear(path: &PathBuf) -> Result<()> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(_) => Ok(()),
    }
    .with_context(|| format!("could not remove {}", path.display()))?;
    data::settle()
}
