//! CSV to Parquet, profiled, converted, read back and proved, against the engine's bare `COPY` of
//! the same file, which takes types from a sample and proves nothing. There is no ceiling: the row
//! says what the proof costs.

use std::{fs, path::Path, process::Command};

use anyhow::{Context, Result, ensure};

use super::{
    Bench, data,
    measure::{self, Sample, Side, interleave},
    table::Row,
};
use crate::command;

pub fn run(bench: &Bench<'_>) -> Result<Vec<Row>> {
    let rows = bench.options.rows;
    let source = bench.scratch.join("table.csv");
    println!("  a CSV of {rows} rows");
    data::table(&source, rows)?;
    data::settle()?;

    let mut sides = [
        Side::new("DuckDB COPY", || copy(bench, &source)),
        Side::new("redline convert", || convert(bench, &source, rows)),
    ];
    interleave(bench.options.rounds, &mut sides)?;
    let [peer, ours] = &sides;
    Ok(vec![Row::seconds(
        format!("convert a CSV of {rows} rows to Parquet, with proof"),
        ours.median(),
        (&format!("{}, without proof", peer.name), peer.median()),
        None,
    )])
}

fn copy(bench: &Bench<'_>, source: &Path) -> Result<Sample> {
    let output = bench.scratch.join("copy.parquet");
    let _ = fs::remove_file(&output);
    data::settle()?;
    let mut peer = Command::new(bench.place.built("release", "redline_bench_copy"));
    command::scrub(&mut peer);
    measure::program(peer.arg(source).arg(&output))
}

/// In a fresh store each time, since a result that is stored already would not be written again.
fn convert(bench: &Bench<'_>, source: &Path, rows: u64) -> Result<Sample> {
    let home = bench.scratch.join("home");
    if home.exists() {
        fs::remove_dir_all(&home)?;
    }
    let imported = answer(bench.redline(&home).args(["--json", "import"]).arg(source))?;
    let id = imported["imported"][0]["id"]
        .as_i64()
        .context("`redline --json import` gave no id")?
        .to_string();
    data::settle()?;
    let sample = measure::program(
        bench
            .redline(&home)
            .args(["--json", "convert", &id, "--to", "parquet"]),
    )?;
    let history = answer(
        bench
            .redline(&home)
            .args(["--json", "history", "--limit", "1"]),
    )?;
    let done = &history["conversions"][0];
    ensure!(
        done["rows_out"].as_u64() == Some(rows),
        "the conversion does not stand in the history with {rows} rows: {done}"
    );
    Ok(sample)
}

fn answer(command: &mut Command) -> Result<serde_json::Value> {
    let shown = command::line(command);
    serde_json::from_str(&command::output(command)?)
        .with_context(|| format!("`{shown}` did not answer with JSON"))
}
