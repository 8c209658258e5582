//! Conversions, with proof and without, against the programs that people use for them; profiling
//! against a whole reading by DuckDB; workbooks against openpyxl and pandas. Which of the peers
//! changed a value is part of what is shown.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};

use super::{
    Bench, data,
    measure::{self, Sample, Side, interleave},
    peers::Peers,
    table::Row,
};
use crate::command;

const MOST_MEMORY_MIB: f64 = 512.0;
/// What the first row's code is in the source. A program that reads it as a number loses its zeros.
const CODE: &str = "0000000";
const SHEET_ROWS: u64 = 1_000_000;

pub fn run(bench: &Bench<'_>) -> Result<Vec<Row>> {
    let peers = Peers::set_up(bench)?;
    let csv = bench.scratch.join("mixed.csv");
    let mib = bench.options.csv_mib;
    println!("  a CSV of {mib} MiB");
    let count = data::mixed(&csv, mib << 20)?;
    let parquet = bench.scratch.join("mixed.parquet");
    command::run(&mut peers.duckdb(&copy("csv", &csv, "parquet", &parquet)))?;
    data::settle()?;

    let mut rows = vec![profile(bench, &peers, &csv, mib)?];
    for (from, source, to) in [
        ("csv", &csv, "parquet"),
        ("parquet", &parquet, "csv"),
        ("csv", &csv, "ndjson"),
        ("csv", &csv, "feather"),
    ] {
        println!("  {from} to {to}, {count} rows");
        rows.extend(pair(bench, &peers, (from, source), to, count)?);
    }
    rows.extend(workbooks(bench, &peers)?);
    Ok(rows)
}

fn profile(bench: &Bench<'_>, peers: &Peers, csv: &Path, mib: u64) -> Result<Row> {
    println!("  profile of it");
    let count = format!(
        "SELECT count(*) FROM read_csv('{}', sample_size = -1)",
        csv.display()
    );
    let home = bench.scratch.join("home");
    let mut sides = [
        Side::new("duckdb CLI, count with sample_size=-1", || {
            measure::program(&mut peers.duckdb(&count))
        }),
        Side::new("redline inspect", || {
            measure::program(bench.redline(&home).args(["--json", "inspect"]).arg(csv))
        }),
    ];
    interleave(bench.options.rounds, &mut sides)?;
    let [peer, ours] = &sides;
    Ok(Row::seconds(
        format!("profile a CSV of {mib} MiB"),
        ours.median(),
        (peer.name, peer.median()),
        Some(0.5),
    ))
}

/// One pair of formats: every program that does it, and ours twice.
fn pair(
    bench: &Bench<'_>,
    peers: &Peers,
    (from, source): (&str, &Path),
    to: &'static str,
    count: u64,
) -> Result<Vec<Row>> {
    let out = |who: &str| bench.scratch.join(format!("{who}.{to}"));
    let mut sides = Vec::new();
    // DuckDB writes no Feather; its CSV to Parquet is what that pair is held against.
    let native = if to == "feather" { "parquet" } else { to };
    sides.push(Side::new(
        if to == "feather" {
            "duckdb CLI, to Parquet"
        } else {
            "duckdb CLI"
        },
        {
            let target = bench.scratch.join(format!("duckdb.{native}"));
            move || {
                clear(&target)?;
                measure::program(&mut peers.duckdb(&copy(from, source, native, &target)))
            }
        },
    ));
    for who in ["polars", "pyarrow", "pandas"] {
        if who == "pyarrow" && to == "ndjson" {
            continue; // It writes no JSON.
        }
        let target = out(who);
        sides.push(Side::new(who, move || {
            clear(&target)?;
            measure::program(&mut peers.python(&[who, from, to], &[source, &target]))
        }));
    }
    for (name, prove) in [("redline, prove=no", "no"), ("redline", "yes")] {
        let target = out(if prove == "no" { "unproved" } else { "proved" });
        sides.push(Side::new(name, move || {
            clear(&target)?;
            convert(bench, source, to, &target, prove, count)
        }));
    }
    interleave(bench.options.rounds, &mut sides)?;

    let duckdb = sides[0].median();
    let mut rows = Vec::new();
    for side in &sides[1..] {
        let most = match side.name {
            "redline, prove=no" => Some(1.05),
            "redline" => Some(2.0),
            _ => None,
        };
        let changed = match side.name {
            "polars" | "pyarrow" | "pandas" => {
                let seen = peers.first_value(to, &out(side.name), "code")?;
                if seen == CODE {
                    ""
                } else {
                    ", loses leading zeros"
                }
            }
            _ => "",
        };
        rows.push(Row::seconds(
            format!(
                "{from} to {to}: {}{changed} ({} MiB)",
                side.name,
                side.peak_memory() >> 20
            ),
            side.median(),
            (sides[0].name, duckdb),
            most,
        ));
    }
    let ours = &sides[sides.len() - 1];
    rows.push(Row::ceiling(
        format!("{from} to {to}: peak memory"),
        ours.peak_memory() as f64 / f64::from(1 << 20),
        MOST_MEMORY_MIB,
        "MiB",
    ));
    Ok(rows)
}

fn workbooks(bench: &Bench<'_>, peers: &Peers) -> Result<Vec<Row>> {
    println!("  a workbook of {SHEET_ROWS} rows and 10 columns");
    let csv = bench.scratch.join("sheet.csv");
    data::sheet(&csv, SHEET_ROWS)?;
    let book = bench.scratch.join("book.xlsx");
    let written = |who: &str| bench.scratch.join(format!("{who}.xlsx"));
    convert(bench, &csv, "xlsx", &book, "no", SHEET_ROWS)?;
    let rounds = bench.options.rounds.min(3);

    let mut write = [
        Side::new("openpyxl", || {
            measure::program(&mut peers.python(&["openpyxl_write"], &[&csv, &written("openpyxl")]))
        }),
        Side::new("redline, prove=no", || {
            let target = written("ours");
            clear(&target)?;
            convert(bench, &csv, "xlsx", &target, "no", SHEET_ROWS)
        }),
    ];
    interleave(rounds, &mut write)?;
    let back = bench.scratch.join("book.parquet");
    let mut read = [
        Side::new("openpyxl", || {
            measure::program(&mut peers.python(&["openpyxl_read"], &[&book]))
        }),
        Side::new("pandas with calamine", || {
            measure::program(&mut peers.python(&["calamine_read"], &[&book]))
        }),
        Side::new("redline to Parquet, prove=no", || {
            clear(&back)?;
            convert(bench, &book, "parquet", &back, "no", SHEET_ROWS)
        }),
    ];
    interleave(rounds, &mut read)?;
    let memory = write[1].peak_memory().max(read[2].peak_memory());
    Ok(vec![
        Row::seconds(
            format!("write a workbook of {SHEET_ROWS} rows"),
            write[1].median(),
            (write[0].name, write[0].median()),
            Some(0.2),
        ),
        Row::seconds(
            format!("read a workbook of {SHEET_ROWS} rows"),
            read[2].median(),
            (read[0].name, read[0].median()),
            Some(0.2),
        ),
        Row::seconds(
            format!("read a workbook of {SHEET_ROWS} rows"),
            read[2].median(),
            (read[1].name, read[1].median()),
            Some(1.0),
        ),
        Row::ceiling(
            "workbooks: peak memory",
            memory as f64 / f64::from(1 << 20),
            MOST_MEMORY_MIB,
            "MiB",
        ),
    ])
}

/// DuckDB's own way from one file to another, nothing stated that a person would not state.
fn copy(from: &str, source: &Path, to: &str, target: &Path) -> String {
    let read = if from == "csv" {
        "read_csv"
    } else {
        "read_parquet"
    };
    let form = match to {
        "ndjson" => "FORMAT json",
        "csv" => "FORMAT csv, HEADER",
        _ => "FORMAT parquet",
    };
    format!(
        "COPY (FROM {read}('{}')) TO '{}' ({form})",
        source.display(),
        target.display()
    )
}

/// The command line over a path: no store, no key. The counts it answers with are checked.
fn convert(
    bench: &Bench<'_>,
    source: &Path,
    to: &str,
    target: &Path,
    prove: &str,
    rows: u64,
) -> Result<Sample> {
    let home = bench.scratch.join("home");
    let answer = bench.scratch.join("answer.json");
    let mut ours = bench.redline(&home);
    ours.args(["--json", "convert"])
        .arg(source)
        .args(["--to", to, "--set", &format!("prove={prove}"), "--out"])
        .arg(target);
    let sample = measure::program_into(&mut ours, &answer)?;
    let done: serde_json::Value = serde_json::from_slice(&fs::read(&answer)?)
        .with_context(|| format!("`{}` did not answer with JSON", command::line(&ours)))?;
    let out = done["conversion"]["rows_out"].as_u64();
    ensure!(
        out == Some(rows),
        "{rows} rows went in; the answer is {done}"
    );
    Ok(sample)
}

fn clear(path: &PathBuf) -> Result<()> {
    if path.exists() {
        fs::remove_file(path).with_context(|| format!("could not remove {}", path.display()))?;
    }
    data::settle()
}
