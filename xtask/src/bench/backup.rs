//! The first backup of a store to an S3 server on this machine, which writes what it is sent to the
//! same disk, against copying the same files there. There is no ceiling: the row says what parts,
//! checksums, catalog snapshot and manifest cost on top of the bytes.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use anyhow::{Context, Result, ensure};

use super::{
    Bench, data,
    measure::{self, Sample, Side, interleave},
    table::Row,
};
use crate::command;

/// A request for each file, so a tenth of what the import bench stores.
const SHARE: u64 = 10;

pub fn run(bench: &Bench<'_>) -> Result<Vec<Row>> {
    let (small, big) = (
        (bench.options.files / SHARE).max(1),
        (bench.options.size_mib / SHARE).max(1),
    );
    let source = bench.scratch.join("source");
    data::many_files(&source, small, 10 << 10)?;
    data::one_file(&source.join("big.bin"), big << 20, 3)?;
    data::settle()?;

    let copy = bench.scratch.join("copy");
    let mut sides = [
        Side::new("cp -r + sync", || {
            remove(&copy)?;
            data::settle()?;
            let mut cp = Command::new("cp");
            cp.arg("-r").arg(&source).arg(&copy);
            measure::in_turn(&mut [cp, data::sync_file_system(&bench.scratch)])
        }),
        Side::new("redline backup run", || back_up(bench, &source, small + 1)),
    ];
    interleave(bench.options.rounds, &mut sides)?;
    let [peer, ours] = &sides;
    Ok(vec![Row::seconds(
        format!("first backup of {small} files of 10 KiB and one of {big} MiB"),
        ours.median(),
        (peer.name, peer.median()),
        None,
    )])
}

/// A new store into a new bucket each time, since a second backup has next to nothing to send.
fn back_up(bench: &Bench<'_>, source: &Path, files: u64) -> Result<Sample> {
    let (home, bucket) = (bench.scratch.join("home"), bench.scratch.join("bucket"));
    remove(&home)?;
    remove(&bucket)?;
    fs::create_dir_all(&bucket)?;
    let server = Server::start(bench, &bucket)?;
    command::output(bench.redline(&home).args(["--json", "import"]).arg(source))?;
    command::output(server.known_to(bench.redline(&home).args(["--json", "backup", "setup"])))?;
    data::settle()?;
    let sample =
        measure::program(server.known_to(bench.redline(&home).args(["--json", "backup", "run"])))?;
    let points =
        command::output(server.known_to(bench.redline(&home).args(["--json", "backup", "list"])))?;
    let points: serde_json::Value = serde_json::from_str(&points)
        .context("`redline --json backup list` did not answer with JSON")?;
    let found = points["restore_points"][0]["files"].as_u64();
    ensure!(
        found == Some(files),
        "the restore point does not hold {files} files: {points}"
    );
    Ok(sample)
}

/// The tests' S3 server as a process of its own, ended when dropped.
struct Server {
    child: Child,
    ready: serde_json::Value,
}

impl Server {
    fn start(bench: &Bench<'_>, folder: &Path) -> Result<Self> {
        let mut command = Command::new(bench.place.built("release", "redline-test-s3"));
        command::scrub(&mut command);
        let mut child = command
            .arg("--dir")
            .arg(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("could not start the S3 test server")?;
        let stdout = child.stdout.take();
        let mut server = Self {
            child,
            ready: serde_json::Value::Null,
        };
        let mut line = String::new();
        BufReader::new(stdout.context("no stdout pipe")?).read_line(&mut line)?;
        server.ready = serde_json::from_str(&line).context("the S3 test server did not come up")?;
        Ok(server)
    }

    fn known_to<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        let value = |name: &str| self.ready[name].as_str().unwrap_or_default().to_owned();
        command
            .env("S3_BUCKET", value("bucket"))
            .env("S3_ACCESS_KEY", value("access_key"))
            .env("S3_SECRET_KEY", value("secret_key"))
            .env("S3_REGION", value("region"))
            .env("S3_ENDPOINT_URL", value("endpoint"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("could not remove {}", folder.display()))
        }
        _ => Ok(()),
    }
}
