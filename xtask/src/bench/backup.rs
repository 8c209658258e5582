//! Backups and restores against the same S3 server on this machine, side by side with rclone, s5cmd
//! and restic: one large file, many of a mebibyte, very many small ones; out and back; without and
//! with 40 ms of round trip. Time, the most memory held, and CPU seconds. And what a backup costs when
//! nothing changed.
//!
//! Everybody's files are synced to the disk and held against a checksum before the clock stops where
//! they come back, since ours are.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result, ensure};

use super::{
    Bench, data,
    measure::{self, Side, interleave},
    s3_peers::{Peers, Server},
    table::Row,
};
use crate::command;

/// Of the fastest peer's time, over all cells and in each.
const MEAN: f64 = 1.0;
const WORST: f64 = 1.15;
/// With a round trip, against rclone as it comes, on small files.
const OF_RCLONE: f64 = 1.0 / 1.5;
const MEMORY_MIB: f64 = 320.0;
const OF_S5CMD_CPU: f64 = 1.2;
const ROUND_TRIP: Duration = Duration::from_millis(40);
const UNCHANGED: u64 = 100_000;

#[derive(Clone, Copy)]
struct Load {
    files: u64,
    bytes: u64,
}

impl Load {
    fn name(self) -> String {
        let size = match self.bytes {
            n if n >= 1 << 30 => format!("{} GiB", n >> 30),
            n if n >= 1 << 20 => format!("{} MiB", n >> 20),
            n => format!("{} KiB", n >> 10),
        };
        format!("{} x {size}", self.files)
    }

    fn total(self) -> u64 {
        self.files * self.bytes
    }

    fn make(self, folder: &Path) -> Result<()> {
        fs::create_dir_all(folder)?;
        if self.files == 1 {
            return data::one_file(&folder.join("one.bin"), self.bytes, 7);
        }
        data::many_files(folder, self.files, self.bytes)
    }
}

/// `scale` is the share of the full loads, at most 1.
fn loads(scale: f64) -> [Load; 3] {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let share = |n: u64| ((n as f64 * scale) as u64).max(1);
    [
        Load {
            files: 1,
            bytes: (share(4096) << 20).max(32 << 20),
        },
        Load {
            files: share(1000).max(8),
            bytes: 1 << 20,
        },
        Load {
            files: share(10_000).max(50),
            bytes: 100 << 10,
        },
    ]
}

pub fn run(bench: &Bench<'_>) -> Result<Vec<Row>> {
    let peers = Peers::set_up(bench)?;
    let loads = loads(bench.options.scale);
    tell_time(bench, &loads, &peers);
    let (mut rows, mut ratios) = (Vec::new(), Vec::new());
    let mut most_memory = 0;
    for load in loads {
        let source = bench.scratch.join("source");
        remove(&source)?;
        load.make(&source)?;
        let home = bench.scratch.join("home");
        remove(&home)?;
        command::output(bench.redline(&home).args(["--json", "import"]).arg(&source))?;
        data::settle()?;
        for round_trip in [Duration::ZERO, ROUND_TRIP] {
            let cell = Cell {
                bench,
                peers: &peers,
                load,
                source: &source,
                home: &home,
                round_trip,
            };
            for (way, sides) in [("out", cell.out()?), ("back", cell.back()?)] {
                let (ours, others) = sides.split_first().context("a bench without sides")?;
                let fastest = others
                    .iter()
                    .min_by(|a, b| a.median.total_cmp(&b.median))
                    .context("a bench without peers")?;
                let what = format!("{} {way}, {} ms", load.name(), round_trip.as_millis());
                ratios.push(ours.median / fastest.median);
                most_memory = most_memory.max(ours.memory);
                rows.push(Row::seconds(
                    &what,
                    ours.median,
                    (&fastest.name, fastest.median),
                    Some(WORST),
                ));
                let rclone = others.iter().find(|side| side.name == "rclone");
                if let Some(rclone) =
                    rclone.filter(|_| !round_trip.is_zero() && load.bytes < 1 << 20)
                {
                    rows.push(Row::seconds(
                        format!("{what}, against rclone's defaults"),
                        ours.median,
                        ("rclone", rclone.median),
                        Some(OF_RCLONE),
                    ));
                }
                let s5cmd = others.iter().find(|side| side.name == "s5cmd");
                if let Some(s5cmd) = s5cmd.filter(|_| load.files == 1 && round_trip.is_zero()) {
                    rows.push(Row::seconds(
                        format!("{what}: CPU seconds"),
                        ours.cpu,
                        ("s5cmd", s5cmd.cpu),
                        Some(OF_S5CMD_CPU),
                    ));
                }
            }
        }
    }
    let mean = (ratios.iter().map(|r| r.ln()).sum::<f64>() / ratios.len() as f64).exp();
    rows.push(Row {
        what: "backup and restore: geometric mean against the fastest peer".into(),
        ours: format!("{mean:.2}"),
        peer: "1".into(),
        ratio: mean,
        at_most: Some(MEAN),
    });
    rows.push(Row::ceiling(
        "backup and restore: peak memory",
        (most_memory >> 20) as f64,
        MEMORY_MIB,
        "MiB",
    ));
    rows.extend(nothing_changed(bench)?);
    Ok(rows)
}

/// One side of one cell, when it is over.
struct Done {
    name: String,
    median: f64,
    memory: u64,
    cpu: f64,
}

struct Cell<'a> {
    bench: &'a Bench<'a>,
    peers: &'a Peers,
    load: Load,
    source: &'a Path,
    home: &'a Path,
    round_trip: Duration,
}

impl Cell<'_> {
    fn server(&self, name: &str) -> Result<Server> {
        let folder = self.bench.scratch.join("buckets").join(name);
        remove(&folder)?;
        fs::create_dir_all(&folder)?;
        Server::start(self.bench, &folder, self.round_trip)
    }

    /// Each into an empty bucket of its own.
    fn out(&self) -> Result<Vec<Done>> {
        println!(
            "  {} out, {} ms",
            self.load.name(),
            self.round_trip.as_millis()
        );
        let mut sides = vec![Side::new("redline", || {
            let server = self.server("redline")?;
            let redline = |arguments: &[&str]| {
                let mut command = self.bench.redline(self.home);
                server.known_to(command.args(arguments));
                command
            };
            command::output(&mut redline(&["--json", "backup", "setup"]))?;
            data::settle()?;
            let sample = measure::program(&mut redline(&["--json", "backup", "run"]))?;
            self.holds(&redline)?;
            Ok(sample)
        })];
        for peer in self.peers.all() {
            sides.push(Side::new(peer.name, move || {
                let server = self.server(peer.name)?;
                self.peers.prepare(peer, &server)?;
                data::settle()?;
                let sample = measure::program(&mut self.peers.out(peer, &server, self.source))?;
                let objects = count(&self.bench.scratch.join("buckets").join(peer.name))?;
                ensure!(
                    peer.packs || objects >= self.load.files,
                    "{} stored {objects} of {} files",
                    peer.name,
                    self.load.files
                );
                Ok(sample)
            }));
        }
        interleave(self.bench.options.rounds, &mut sides)?;
        Ok(sides.iter().map(done).collect())
    }

    /// Each out of the bucket that it filled, into an empty folder.
    fn back(&self) -> Result<Vec<Done>> {
        println!(
            "  {} back, {} ms",
            self.load.name(),
            self.round_trip.as_millis()
        );
        let full = |name: &str| {
            let folder = self.bench.scratch.join("buckets").join(name);
            Server::start(self.bench, &folder, self.round_trip)
        };
        let mut sides = vec![Side::new("redline", || {
            let server = full("redline")?;
            let home = self.bench.scratch.join("fresh");
            remove(&home)?;
            let redline = |arguments: &[&str]| {
                let mut command = self.bench.redline(&home);
                server.known_to(command.args(arguments));
                command
            };
            command::output(&mut redline(&["--json", "backup", "setup"]))?;
            data::settle()?;
            let sample = measure::program(&mut redline(&["--json", "restore", "run"]))?;
            let files = command::output(&mut redline(&["--json", "files", "--limit", "1"]))?;
            let files: serde_json::Value = serde_json::from_str(&files)?;
            ensure!(
                files["total"].as_u64() == Some(self.load.files),
                "the restore brought {} files back",
                files["total"]
            );
            Ok(sample)
        })];
        for peer in self.peers.all() {
            sides.push(Side::new(peer.name, move || {
                let server = full(peer.name)?;
                let into = self.bench.scratch.join("back");
                remove(&into)?;
                fs::create_dir_all(&into)?;
                data::settle()?;
                let mut steps = vec![self.peers.back(peer, &server, &into)];
                steps.extend(self.peers.check(peer, &into));
                steps.push(data::sync_file_system(&self.bench.scratch));
                let sample = measure::in_turn(&mut steps)?;
                let came = count(&into)?;
                ensure!(
                    came == self.load.files,
                    "{} brought {came} files back",
                    peer.name
                );
                Ok(sample)
            }));
        }
        interleave(self.bench.options.rounds, &mut sides)?;
        Ok(sides.iter().map(done).collect())
    }

    fn holds(&self, redline: &dyn Fn(&[&str]) -> Command) -> Result<()> {
        let points = command::output(&mut redline(&["--json", "backup", "list"]))?;
        let points: serde_json::Value = serde_json::from_str(&points)
            .context("`redline --json backup list` did not answer with JSON")?;
        ensure!(
            points["restore_points"][0]["files"].as_u64() == Some(self.load.files),
            "the restore point does not hold {} files: {points}",
            self.load.files
        );
        Ok(())
    }
}

fn done(side: &Side<'_>) -> Done {
    Done {
        name: side.name.to_owned(),
        median: side.median(),
        memory: side.peak_memory(),
        cpu: measure::median(side.samples.iter().map(|sample| sample.cpu.as_secs_f64())),
    }
}

/// Very many files and not one that changed: a look at the bucket and at the catalog.
fn nothing_changed(bench: &Bench<'_>) -> Result<Vec<Row>> {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let files = ((UNCHANGED as f64 * bench.options.scale) as u64).max(500);
    println!("  nothing changed, {files} files");
    let (source, home) = (bench.scratch.join("tiny"), bench.scratch.join("tiny-home"));
    data::many_files(&source, files, 64)?;
    let bucket = bench.scratch.join("buckets").join("unchanged");
    fs::create_dir_all(&bucket)?;
    let server = Server::start(bench, &bucket, Duration::ZERO)?;
    let redline = |arguments: &[&str]| {
        let mut command = bench.redline(&home);
        server.known_to(command.args(arguments));
        command
    };
    command::output(redline(&["--json", "import"]).arg(&source))?;
    command::output(&mut redline(&["--json", "backup", "setup"]))?;
    command::output(&mut redline(&["--json", "backup", "run"]))?;
    let (mut seconds, mut requests): (Vec<f64>, u64) = (Vec::new(), 0);
    for round in 1..=bench.options.rounds {
        data::settle()?;
        let output: PathBuf = bench.scratch.join("unchanged.json");
        let sample = measure::program_into(&mut redline(&["--json", "backup", "run"]), &output)?;
        let report: serde_json::Value = serde_json::from_slice(&fs::read(&output)?)?;
        let report = &report["backup"];
        ensure!(
            report["uploaded_files"].as_u64() == Some(0),
            "something was sent: {report}"
        );
        requests = requests.max(
            report["requests"]
                .as_u64()
                .context("no count of requests")?,
        );
        seconds.push(sample.wall.as_secs_f64());
        println!(
            "  round {round}  {:.3} s  {requests} requests",
            sample.wall.as_secs_f64()
        );
    }
    let middle = measure::median(seconds.into_iter());
    Ok(vec![
        Row::ceiling(
            format!("nothing changed, {files} files: milliseconds"),
            middle * 1000.0,
            1000.0,
            "ms",
        ),
        Row::ceiling(
            format!("nothing changed, {files} files: requests"),
            requests as f64,
            5.0,
            "requests",
        ),
    ])
}

/// So that one knows what one is in for.
fn tell_time(bench: &Bench<'_>, loads: &[Load], peers: &Peers) {
    let sides = peers.all().len() as u64 + 1;
    // Bytes at 150 MB/s out and back, with and without a round trip; requests at 4 ms; a 40 ms round
    // trip for each small file over the four that rclone has under way.
    let seconds: u64 = loads
        .iter()
        .map(|load| {
            sides * (4 * load.total() / 150_000_000 + load.files / 60)
                + 2 * load.files * 2 * 40 / 4 / 1000
        })
        .sum();
    let rounds = bench.options.rounds as u64;
    println!(
        "  about {} min for {rounds} rounds at scale {}; `--scale 0.05 --rounds 1` is a look",
        (seconds * rounds / 60).max(1),
        bench.options.scale
    );
}

fn count(folder: &Path) -> Result<u64> {
    let mut files = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            // What the server keeps about its objects is none of them.
            let own = matches!(entry.file_name().to_str(), Some("meta" | "temp" | "old"));
            if !own {
                files += count(&entry.path())?;
            }
        } else {
            files += 1;
        }
    }
    Ok(files)
}

fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("could not remove {}", folder.display()))
        }
        _ => Ok(()),
    }
}
