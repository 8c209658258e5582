//! Conversions, with proof and without, against the programs that people use for them; profiling
//! against a whole reading by DuckDB; workbooks against openpyxl and pandas. Which of the peers
//! changed a value is part of what is shown. Nobody but Redline waits for the disk.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};

use super::{
    Bench, data,
    measure::{self, Sample, Side, interleave},
    peers::Peers,
    table::Row,
};
use crate::command;

/// What can be asked for alone: the profile, and conversions by what they write.
pub const PARTS: &[&str] = &["profile", "parquet", "csv", "ndjson", "feather", "xlsx"];

const MOST_MEMORY_MIB: f64 = 512.0;
const SHEET_ROWS: u64 = 1_000_000;

pub fn run(bench: &Bench<'_>) -> Result<Vec<Row>> {
    // NDJSON by everybody is the most that lies there at one time; workbooks take less than a GiB.
    let needed = (bench.options.csv_mib * 14).max(2048);
    data::ensure_space(bench, needed, "a smaller --csv-mib")?;
    let peers = Peers::set_up(bench)?;
    let parts = &bench.options.parts;
    let wanted = |part: &str| parts.is_empty() || parts.contains(&part);
    let mut rows = Vec::new();
    if PARTS.iter().any(|part| *part != "xlsx" && wanted(part)) {
        rows.extend(tables(bench, &peers, wanted)?);
    }
    if wanted("xlsx") {
        rows.extend(workbooks(bench, &peers)?);
    }
    Ok(rows)
}

fn tables(bench: &Bench<'_>, peers: &Peers, wanted: impl Fn(&str) -> bool) -> Result<Vec<Row>> {
    let csv = bench.scratch.join("mixed.csv");
    let mib = bench.options.csv_mib;
    println!("  a CSV of {mib} MiB");
    let count = data::mixed(&csv, mib << 20)?;
    let parquet = bench.scratch.join("mixed.parquet");
    if wanted("csv") {
        command::run(&mut peers.duckdb(&copy("csv", &csv, "parquet", &parquet)))?;
    }
    data::settle()?;
    let first = peers.first_row("csv", &csv)?;

    let mut rows = Vec::new();
    if wanted("profile") {
        rows.extend(profile(bench, peers, &csv, count)?);
    }
    for (from, source, to) in [
        ("csv", &csv, "parquet"),
        ("parquet", &parquet, "csv"),
        ("csv", &csv, "ndjson"),
        ("csv", &csv, "feather"),
    ] {
        if wanted(to) {
            println!("  {from} to {to}, {count} rows");
            rows.extend(pair(bench, peers, (from, source), to, count, &first)?);
        }
    }
    for made in [&csv, &parquet] {
        remove(made)?;
    }
    Ok(rows)
}

fn profile(bench: &Bench<'_>, peers: &Peers, csv: &Path, rows: u64) -> Result<Vec<Row>> {
    println!("  profile of it");
    let count = format!(
        "SELECT count(*) FROM read_csv('{}', sample_size = -1)",
        csv.display()
    );
    let mut sides = [
        Side::new("duckdb CLI, count with sample_size=-1", || {
            measure::program(&mut peers.duckdb(&count))
        }),
        Side::new("redline inspect", || {
            let mut ours = redline(bench);
            ours.args(["--json", "inspect"]).arg(csv);
            answered(bench, &mut ours, "/profile/rows", rows)
        }),
    ];
    interleave(bench.options.convert_rounds, &mut sides)?;
    let [peer, ours] = &sides;
    Ok(vec![
        Row::seconds(
            format!("profile a CSV of {} MiB", bench.options.csv_mib),
            ours.median(),
            (&named(peer, &[]), peer.median()),
            Some(0.5),
        ),
        memory("profile", &[ours]),
    ])
}

/// One pair of formats: every program that does it, and ours twice.
fn pair(
    bench: &Bench<'_>,
    peers: &Peers,
    (from, source): (&str, &Path),
    to: &'static str,
    count: u64,
    first: &[String],
) -> Result<Vec<Row>> {
    // DuckDB writes no Feather; its CSV to Parquet is what that pair is held against.
    let (duckdb, native) = match to {
        "feather" => ("duckdb CLI to Parquet", "parquet"),
        _ => ("duckdb CLI", to),
    };
    let mut written: Vec<(&str, PathBuf)> =
        vec![(native, bench.scratch.join(format!("duckdb.{native}")))];
    let statement = copy(from, source, native, &written[0].1);
    let target = written[0].1.clone();
    let mut sides = vec![Side::new(duckdb, move || {
        clear(&target)?;
        measure::program(&mut peers.duckdb(&statement))
    })];
    let mut ours = |name, prove| {
        let target = bench.scratch.join(format!("prove-{prove}.{to}"));
        written.push((to, target.clone()));
        Side::new(name, move || {
            clear(&target)?;
            convert(bench, source, to, &target, prove, count)
        })
    };
    sides.push(ours("redline, prove=no", "no"));
    sides.push(ours("redline", "yes"));
    for who in ["polars", "pyarrow", "pandas"] {
        if who == "pyarrow" && to == "ndjson" {
            continue; // It writes no JSON.
        }
        let target = bench.scratch.join(format!("{who}.{to}"));
        written.push((to, target.clone()));
        // No mark hangs on these, and pandas takes minutes.
        let side = Side::new(who, move || {
            clear(&target)?;
            measure::program(&mut peers.python(&[who, from, to], &[source, &target]))
        });
        sides.push(side.once());
    }
    interleave(bench.options.convert_rounds, &mut sides)?;

    let [duckdb, unproved, proved, others @ ..] = &sides[..] else {
        unreachable!("three sides were pushed");
    };
    let against = |side: &Side<'_>, at: usize| -> Result<String> {
        let (format, path) = &written[at];
        let changes = changes(first, &peers.first_row(format, path)?);
        Ok(named(side, &changes))
    };
    let what = format!("{from} to {to}");
    let peer = against(duckdb, 0)?;
    let mut rows = vec![
        Row::seconds(
            format!("{what}, without the proof"),
            unproved.median(),
            (&peer, duckdb.median()),
            Some(1.05),
        ),
        Row::seconds(
            what.clone(),
            proved.median(),
            (&peer, duckdb.median()),
            Some(2.0),
        ),
    ];
    for (at, other) in others.iter().enumerate() {
        rows.push(Row::seconds(
            what.clone(),
            proved.median(),
            (&against(other, at + 3)?, other.median()),
            None,
        ));
    }
    rows.push(memory(&what, &[unproved, proved]));
    for (_, path) in &written {
        remove(path)?;
    }
    Ok(rows)
}

/// What a peer made of the first row, in words.
fn changes(before: &[String], after: &[String]) -> Vec<&'static str> {
    [
        "loses leading zeros",
        "turns whole numbers beside gaps into fractions",
        "drops digits",
    ]
    .into_iter()
    .enumerate()
    .filter(|(at, _)| before.get(*at) != after.get(*at))
    .map(|(_, change)| change)
    .collect()
}

/// A peer with the memory it took, whether it ran only once, and what it did to the values.
fn named(peer: &Side<'_>, changes: &[&str]) -> String {
    let mut text = format!("{}, {} MiB", peer.name, peer.peak_memory() >> 20);
    if peer.samples.len() == 1 {
        text.push_str(", one run");
    }
    for change in changes {
        text.push_str(", ");
        text.push_str(change);
    }
    text
}

fn memory(what: &str, ours: &[&Side<'_>]) -> Row {
    let most = ours.iter().map(|side| side.peak_memory()).max();
    Row::ceiling(
        format!("{what}: peak memory"),
        most.unwrap_or(0) as f64 / f64::from(1 << 20),
        MOST_MEMORY_MIB,
        "MiB",
    )
}

fn workbooks(bench: &Bench<'_>, peers: &Peers) -> Result<Vec<Row>> {
    println!("  a workbook of {SHEET_ROWS} rows and 10 columns");
    let csv = bench.scratch.join("sheet.csv");
    data::sheet(&csv, SHEET_ROWS)?;
    let book = bench.scratch.join("book.xlsx");
    convert(bench, &csv, "xlsx", &book, "no", SHEET_ROWS)?;
    let [theirs, ours, back] =
        ["openpyxl.xlsx", "ours.xlsx", "book.parquet"].map(|name| bench.scratch.join(name));
    let rounds = bench.options.convert_rounds;

    // openpyxl takes minutes, of which a second more or less would change nothing. Numbers made of
    // the text first would cost it the same.
    let mut write = [
        Side::new("openpyxl, all as text", || {
            clear(&theirs)?;
            measure::program(&mut peers.python(&["openpyxl_write"], &[&csv, &theirs]))
        })
        .once(),
        Side::new("redline, prove=no", || {
            clear(&ours)?;
            convert(bench, &csv, "xlsx", &ours, "no", SHEET_ROWS)
        }),
    ];
    interleave(rounds, &mut write)?;
    let mut read = [
        Side::new("openpyxl", || {
            data::settle()?;
            measure::program(&mut peers.python(&["openpyxl_read"], &[&book]))
        })
        .once(),
        Side::new("pandas with calamine", || {
            data::settle()?;
            measure::program(&mut peers.python(&["calamine_read"], &[&book]))
        }),
        Side::new("redline to Parquet, prove=no", || {
            clear(&back)?;
            convert(bench, &book, "parquet", &back, "no", SHEET_ROWS)
        }),
    ];
    interleave(rounds, &mut read)?;
    let row = |what: &str, ours: &Side<'_>, peer: &Side<'_>, most| {
        Row::seconds(
            format!("{what} a workbook of {SHEET_ROWS} rows"),
            ours.median(),
            (&named(peer, &[]), peer.median()),
            Some(most),
        )
    };
    Ok(vec![
        row("write", &write[1], &write[0], 0.2),
        row("read", &read[2], &read[0], 0.2),
        row("read", &read[2], &read[1], 1.0),
        memory("workbooks", &[&write[1], &read[2]]),
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

/// The command line over a path: no store, no key.
fn convert(
    bench: &Bench<'_>,
    source: &Path,
    to: &str,
    target: &Path,
    prove: &str,
    rows: u64,
) -> Result<Sample> {
    let mut ours = redline(bench);
    ours.args(["--json", "convert"])
        .arg(source)
        .args(["--to", to, "--set", &format!("prove={prove}"), "--out"])
        .arg(target);
    answered(bench, &mut ours, "/conversion/rows_out", rows)
}

/// What it spills goes where everything else goes.
fn redline(bench: &Bench<'_>) -> Command {
    let mut command = bench.redline(&bench.scratch.join("home"));
    command.env("TMPDIR", &bench.scratch);
    command
}

/// Runs it, and sees to it that the count in its answer is right.
fn answered(bench: &Bench<'_>, ours: &mut Command, count: &str, rows: u64) -> Result<Sample> {
    let answer = bench.scratch.join("answer.json");
    let sample = measure::program_into(ours, &answer)?;
    let done: serde_json::Value = serde_json::from_slice(&fs::read(&answer)?)
        .with_context(|| format!("`{}` did not answer with JSON", command::line(ours)))?;
    ensure!(
        done.pointer(count).and_then(serde_json::Value::as_u64) == Some(rows),
        "{rows} rows went in; the answer is {done}"
    );
    Ok(sample)
}

/// The file is gone, and what was written before is on the disk.
fn clear(path: &Path) -> Result<()> {
    remove(path)?;
    data::settle()
}

fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("could not remove {}", path.display()))
        }
        _ => Ok(()),
    }
}
