//! One line on what the figures were measured on.

use std::{fs, path::Path, process::Command, thread};

use anyhow::Result;

use crate::command;

pub fn line(dir: &Path, rounds: &str) -> Result<String> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let processor =
        field("/proc/cpuinfo", "model name").unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    let memory = field("/proc/meminfo", "MemTotal")
        .and_then(|text| text.split_whitespace().next()?.parse::<u64>().ok())
        .map_or_else(
            || "memory unknown".to_owned(),
            |kib| format!("{:.0} GiB memory", kib as f64 / f64::from(1 << 20)),
        );
    let file_system = command::output(Command::new("stat").args(["-f", "-c", "%T"]).arg(dir))
        .unwrap_or_else(|_| "unknown".to_owned());
    let kernel = command::output(Command::new("uname").arg("-sr")).unwrap_or_default();
    Ok(format!(
        "{cores} cores ({processor}), {memory}, {} file system, {}; medians of {rounds} interleaved runs.\n",
        file_system.trim(),
        kernel.trim()
    ))
}

fn field(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}
