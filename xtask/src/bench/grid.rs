//! Looking at tables that do not fit in memory: a Parquet file of 50 million rows and a CSV of
//! 10 GB, window by window, anywhere in them.

use std::{fs, path::Path, process::Command};

use anyhow::{Context, Result, ensure};

use super::{
    Bench, data,
    measure::{self, percentile},
    peers::Peers,
    table::Row,
};
use crate::command;

const PAGE_MS: f64 = 100.0;
const MOST_MEMORY_MIB: f64 = 512.0;

pub fn run(bench: &Bench<'_>) -> Result<Vec<Row>> {
    // The larger of the two; the engine sorts nothing and spills nothing.
    let needed = ((bench.options.grid_rows * 40) >> 20).max(bench.options.grid_mib) + 1024;
    data::ensure_space(bench, needed, "fewer --grid-rows, a smaller --grid-mib")?;
    let peers = Peers::set_up(bench)?;
    let rows = bench.options.grid_rows;
    let table = format!(
        "SELECT i AS id, (i * 7919) % 1000003 / 100.0 AS price, 'T' || (i % 500) AS ticker, \
         DATE '2000-01-01' + CAST(i % 9000 AS INTEGER) AS day, hash(i) AS code, \
         lpad((i % 1000000)::VARCHAR, 7, '0') AS account, \
         'a note of some length on row ' || i AS note, i % 3 = 0 AS active, sqrt(i) AS measured \
         FROM range({rows}) t(i)"
    );
    let mut found = Vec::new();
    for (format, form) in [("parquet", "FORMAT parquet"), ("csv", "FORMAT csv, HEADER")] {
        let path = bench.scratch.join(format!("large.{format}"));
        let limit = match format {
            "csv" => format!("{table} LIMIT {}", csv_rows(bench)),
            _ => table.clone(),
        };
        println!("  making a {format} file");
        command::run(
            &mut peers.duckdb(&format!("COPY ({limit}) TO '{}' ({form})", path.display())),
        )?;
        data::settle()?;
        let bytes = fs::metadata(&path)?.len();
        found.extend(file(bench, format, &path, bytes)?);
        fs::remove_file(&path)?;
    }
    Ok(found)
}

/// A row of this table takes about this many bytes of CSV.
fn csv_rows(bench: &Bench<'_>) -> u64 {
    bench
        .options
        .grid_rows
        .min((bench.options.grid_mib << 20) / 118)
}

fn file(bench: &Bench<'_>, format: &str, path: &Path, bytes: u64) -> Result<Vec<Row>> {
    let answer = bench.scratch.join("pages");
    let mut grid = Command::new(bench.place.built("release", "examples/grid"));
    command::scrub(&mut grid);
    let sample = measure::program_into(grid.arg(path), &answer)?;
    let text = fs::read_to_string(&answer)?;
    let times = |what: &str| -> Result<Vec<f64>> {
        text.lines()
            .filter_map(|line| line.strip_prefix(what)?.strip_prefix(' '))
            .map(|time| time.parse().context("a time that is no number"))
            .collect()
    };
    let (rows, first, whole) = (times("rows")?, times("first")?, times("whole")?);
    ensure!(
        rows.first().is_some_and(|rows| *rows > 0.0),
        "the grid found no rows"
    );
    let what = format!("{format}, {:.1} GB, {} rows", bytes as f64 / 1e9, rows[0]);
    println!(
        "  {what}: first rows after {:.0} ms, gone through in {:.1} s",
        first[0],
        whole[0] / 1000.0
    );
    let page = |how: &str, name: &str| -> Result<Row> {
        Ok(Row::ceiling(
            format!("100 rows of it, {name}, 95th percentile ({what})"),
            percentile(times(how)?.into_iter(), 0.95),
            PAGE_MS,
            "ms",
        ))
    };
    Ok(vec![
        Row::ceiling(
            format!("the first rows on the screen ({what})"),
            first[0],
            1000.0,
            "ms",
        ),
        page("jump", "anywhere")?,
        page("scroll", "one after another")?,
        Row::ceiling(
            format!("peak memory of the grid ({what})"),
            sample.peak_memory as f64 / f64::from(1 << 20),
            MOST_MEMORY_MIB,
            "MiB",
        ),
    ])
}
