//! From the start of the program to a window a person can use, against a bare Tauri window with
//! one line of text in it. Both say on stderr when their first useful frame has been painted.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use super::{
    Bench,
    measure::{Sample, Side, interleave},
    table::Row,
};
use crate::command;

const READY: &str = "redline: ready";
const PATIENCE: Duration = Duration::from_secs(60);

pub fn run(bench: &Bench<'_>) -> Result<Vec<Row>> {
    let display = Display::open()?;
    let home = bench.scratch.join("home");
    let bare_home = bench.scratch.join("bare");
    // The first start of either makes folders and fills the page cache; a person meets that once.
    open_app(bench, &display, &home)?;
    open_bare(bench, &display, &bare_home)?;
    let mut sides = [
        Side::new("bare Tauri window", || {
            open_bare(bench, &display, &bare_home)
        }),
        Side::new("redline", || open_app(bench, &display, &home)),
    ];
    interleave(bench.options.rounds, &mut sides)?;
    let [bare, ours] = &sides;
    Ok(vec![Row::seconds(
        "start to a usable window, signed in, empty store",
        ours.median(),
        (bare.name, bare.median()),
        Some(1.3),
    )])
}

/// Opens the app on the store under `home` and closes it once it can be used.
pub fn open_app(bench: &Bench<'_>, display: &Display, home: &Path) -> Result<Sample> {
    let mut app = Command::new(bench.place.built("release", "redline-desktop"));
    bench.at_home(&mut app, home);
    until_ready(
        display
            .prepare(&mut app, home)?
            .env("REDLINE_REPORT_READY", "1"),
    )
}

fn open_bare(bench: &Bench<'_>, display: &Display, home: &Path) -> Result<Sample> {
    let mut bare = Command::new(bench.place.target.join("release/examples/bare_window"));
    bench.at_home(&mut bare, home);
    until_ready(display.prepare(&mut bare, home)?)
}

fn until_ready(command: &mut Command) -> Result<Sample> {
    let shown = command::line(command);
    let started = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("could not start `{shown}`"))?;
    let stderr = child.stderr.take().context("no stderr pipe")?;
    let (tell, told) = mpsc::channel();
    let reader = thread::spawn(move || {
        let mut other = String::new();
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            if line.trim() == READY {
                let _ = tell.send(Instant::now());
            } else {
                other.push_str(&line);
                other.push('\n');
            }
        }
        other
    });
    let ready = told.recv_timeout(PATIENCE);
    child.kill().and_then(|()| child.wait().map(drop))?;
    let other = reader.join().unwrap_or_default();
    match ready {
        Ok(at) => Ok(Sample {
            wall: at - started,
            peak_memory: 0,
            cpu: Duration::ZERO,
        }),
        Err(_) => bail!("`{shown}` never said \"{READY}\"; it said:\n{other}"),
    }
}

/// A virtual display with a session bus, closed when dropped.
pub struct Display {
    name: String,
    bus: String,
    processes: Vec<Child>,
}

impl Display {
    pub fn open() -> Result<Self> {
        let mut display = Self {
            name: String::new(),
            bus: String::new(),
            processes: Vec::new(),
        };
        let number = display.start(Command::new("Xvfb").args([
            "-displayfd",
            "1",
            "-screen",
            "0",
            "1440x900x24",
            "-nolisten",
            "tcp",
        ]))?;
        display.name = format!(":{number}");
        display.bus = display.start(Command::new("dbus-daemon").args([
            "--session",
            "--nofork",
            "--print-address=1",
        ]))?;
        Ok(display)
    }

    /// Starts a server that prints where it can be reached as its first line.
    fn start(&mut self, command: &mut Command) -> Result<String> {
        let shown = command::line(command);
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("could not start `{shown}`"))?;
        let stdout = child.stdout.take();
        self.processes.push(child);
        let mut line = String::new();
        BufReader::new(stdout.context("no stdout pipe")?).read_line(&mut line)?;
        if line.trim().is_empty() {
            bail!("`{shown}` ended before it was ready");
        }
        Ok(line.trim().to_owned())
    }

    fn prepare<'c>(&self, command: &'c mut Command, home: &Path) -> Result<&'c mut Command> {
        let runtime = home.join("run");
        fs::create_dir_all(&runtime)?;
        command::scrub(command);
        Ok(command
            .env("DISPLAY", &self.name)
            .env_remove("WAYLAND_DISPLAY")
            .env("GDK_BACKEND", "x11")
            .env("LIBGL_ALWAYS_SOFTWARE", "1")
            .env("DBUS_SESSION_BUS_ADDRESS", &self.bus)
            .env("XDG_RUNTIME_DIR", runtime)
            .env("HOME", home))
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        for process in self.processes.iter_mut().rev() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}
