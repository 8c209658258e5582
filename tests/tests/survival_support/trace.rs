//! System calls of a process, as `strace` writes them down.

use std::collections::HashMap;
use std::path::Path;
use std::process::Command;

use super::{Machine, Said, redline};

/// One call: what it was given, and when it began and ended, as line numbers.
#[derive(Debug, Clone)]
pub struct Call {
    pub pid: u32,
    pub name: String,
    /// Arguments and result as text, descriptors with their paths.
    pub text: String,
    pub start: usize,
    pub end: usize,
}

impl Call {
    /// The path behind the descriptor that is the first argument.
    pub fn fd_path(&self) -> &str {
        let Some((fd, rest)) = self.text.split_once('<') else {
            return "";
        };
        if fd.is_empty() || !fd.bytes().all(|b| b.is_ascii_digit()) {
            return "";
        }
        rest.split_once('>').map_or("", |(path, _)| path)
    }

    pub fn fd(&self) -> &str {
        self.text.split(['<', ',', ')']).next().unwrap_or_default()
    }

    /// The text arguments in quotes.
    pub fn quoted(&self) -> Vec<&str> {
        self.text.split('"').skip(1).step_by(2).collect()
    }

    pub fn ok(&self) -> bool {
        self.text
            .rsplit_once(" = ")
            .is_some_and(|(_, r)| !r.starts_with('-'))
    }

    pub fn is_sync_of(&self, path: &str) -> bool {
        self.ok() && matches!(&*self.name, "fsync" | "fdatasync") && self.fd_path() == path
    }
}

/// `redline` under `strace`, with these options of it.
pub fn command(machine: &Machine, options: &[&str], log: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new("strace");
    machine.dress(&mut command);
    command
        .args(["-f", "-qq", "-y", "-o"])
        .arg(log)
        .args(options)
        .arg(redline())
        .arg("--json");
    command.args(arguments);
    command
}

pub fn run(machine: &Machine, options: &[&str], log: &Path, arguments: &[&str]) -> Said {
    match command(machine, options, log, arguments).output() {
        Ok(output) => output.into(),
        Err(e) => panic!("strace does not run ({e}); `apt-get install strace` brings it"),
    }
}

/// Runs it to its end or to where it enters this system call for the `n`th time, which
/// kills it.
pub fn killed_at(machine: &Machine, call: &str, n: usize, arguments: &[&str]) -> Said {
    let options = [
        "-e",
        &format!("trace={call}"),
        "-e",
        &format!("inject={call}:signal=SIGKILL:when={n}"),
    ];
    run(machine, &options, "/dev/null".as_ref(), arguments)
}

/// All the calls of a log, ordered by their end.
pub fn read(log: &Path) -> Vec<Call> {
    let text = std::fs::read_to_string(log).expect("the log of strace");
    let mut begun: HashMap<(u32, String), (usize, String)> = HashMap::new();
    let mut calls = Vec::new();
    for (line_number, line) in text.lines().enumerate() {
        let Some((pid, rest)) = line.split_once(' ') else {
            continue;
        };
        let Ok(pid) = pid.parse::<u32>() else {
            continue;
        };
        let rest = rest.trim_start();
        if let Some(resumed) = rest.strip_prefix("<... ") {
            let Some((name, tail)) = resumed.split_once(" resumed>") else {
                continue;
            };
            let Some((start, head)) = begun.remove(&(pid, name.to_owned())) else {
                continue;
            };
            calls.push(Call {
                pid,
                name: name.into(),
                text: head + tail,
                start,
                end: line_number,
            });
            continue;
        }
        let Some((name, tail)) = rest.split_once('(') else {
            continue;
        };
        if let Some(head) = tail.strip_suffix(" <unfinished ...>") {
            begun.insert((pid, name.to_owned()), (line_number, head.to_owned()));
        } else {
            calls.push(Call {
                pid,
                name: name.into(),
                text: tail.into(),
                start: line_number,
                end: line_number,
            });
        }
    }
    calls
}
