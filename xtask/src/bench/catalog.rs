//! A catalog with a million rows: pages of its list, warm and cold, and opening the app on it
//! against opening it on an empty store.

use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::{
    Bench,
    measure::{self, Side, interleave, percentile},
    start::{self, Display},
    table::Row,
};
use crate::command;

const WARM_MS: f64 = 100.0;
const COLD_MS: f64 = 250.0;

pub fn run(bench: &Bench<'_>) -> Result<Vec<Row>> {
    let count = bench.options.rows;
    let (full, empty) = (bench.scratch.join("full"), bench.scratch.join("empty"));
    println!("  filling a store with {count} files");
    command::run(
        helper(bench, &full)
            .arg("fill")
            .arg(full.join("data"))
            .arg(count.to_string()),
    )?;

    let mut rows = vec![warm(bench, &full)?, cold(bench, &full)?];

    let display = Display::open()?;
    for home in [&full, &empty] {
        start::open_app(bench, &display, home)?;
    }
    let mut sides = [
        Side::new("empty store", || start::open_app(bench, &display, &empty)),
        Side::new("full store", || start::open_app(bench, &display, &full)),
    ];
    interleave(bench.options.rounds, &mut sides)?;
    let [peer, ours] = &sides;
    rows.push(Row::seconds(
        format!("open the app on {count} rows"),
        ours.median(),
        (peer.name, peer.median()),
        Some(1.5),
    ));
    Ok(rows)
}

fn helper(bench: &Bench<'_>, home: &std::path::Path) -> Command {
    let mut command = Command::new(bench.place.built("release", "redline_bench_catalog"));
    command::scrub(&mut command);
    bench.at_home(&mut command, home);
    command
}

fn warm(bench: &Bench<'_>, home: &std::path::Path) -> Result<Row> {
    let answer = command::output(helper(bench, home).arg("page").arg(home.join("data")))?;
    let mut pages: Vec<(f64, &str)> = Vec::new();
    for line in answer.lines() {
        let (time, what) = line.split_once(' ').context("a line without a time")?;
        pages.push((time.parse()?, what));
    }
    ensure!(!pages.is_empty(), "no page was timed");
    pages.sort_by(|one, other| other.0.total_cmp(&one.0));
    println!("  {} pages; the slowest:", pages.len());
    for (time, what) in pages.iter().take(5) {
        println!("    {time:>8.1} ms  {what}");
    }
    Ok(Row::ceiling(
        format!(
            "a page of {} rows, warm, 95th percentile",
            bench.options.rows
        ),
        percentile(pages.iter().map(|page| page.0), 0.95),
        WARM_MS,
        "ms",
    ))
}

/// A new process for every page, from its start to its end.
fn cold(bench: &Bench<'_>, home: &std::path::Path) -> Result<Row> {
    let deep = (bench.options.rows / 10 * 9).to_string();
    let mut times = Vec::new();
    for sort in ["added", "name", "size", "type"] {
        for more in [
            &["--offset", "0"][..],
            &["--offset", &deep],
            &["--search", "prices"],
        ] {
            for _ in 0..bench.options.rounds {
                let mut page = bench.redline(home);
                page.args(["--json", "files", "--limit", "100", "--sort", sort]);
                let sample = measure::program(page.args(more))?;
                times.push(sample.wall.as_secs_f64() * 1000.0);
            }
        }
    }
    Ok(Row::ceiling(
        format!(
            "a page of {} rows, cold, 95th percentile",
            bench.options.rows
        ),
        percentile(times.into_iter(), 0.95),
        COLD_MS,
        "ms",
    ))
}
