//! Runs programs against the clock: wall time, and the most memory the program ever held, as the
//! kernel counted it. Never samples.

use std::{
    fs::File,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};

use crate::command;

/// One run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sample {
    pub wall: Duration,
    /// Bytes; 0 where the platform does not tell.
    pub peak_memory: u64,
    /// User and system time; 0 where the platform does not tell.
    pub cpu: Duration,
}

/// Runs one program to its end, its output thrown away except for errors.
pub fn program(command: &mut Command) -> Result<Sample> {
    timed(command, Stdio::null())
}

/// The same, its output kept in a file.
pub fn program_into(command: &mut Command, output: &Path) -> Result<Sample> {
    let file =
        File::create(output).with_context(|| format!("could not create {}", output.display()))?;
    timed(command, file.into())
}

fn timed(command: &mut Command, output: Stdio) -> Result<Sample> {
    let started = Instant::now();
    let child = command
        .stdin(Stdio::null())
        .stdout(output)
        .spawn()
        .with_context(|| format!("could not start `{}`", command::line(command)))?;
    let (succeeded, peak_memory, cpu) = reap(child)?;
    let wall = started.elapsed();
    if !succeeded {
        bail!("`{}` failed", command::line(command));
    }
    Ok(Sample {
        wall,
        peak_memory,
        cpu,
    })
}

/// Several programs one after the other, as one run: `cp`, then `sync`.
pub fn in_turn(commands: &mut [Command]) -> Result<Sample> {
    let started = Instant::now();
    let (mut peak_memory, mut cpu) = (0, Duration::ZERO);
    for command in commands {
        let sample = program(command)?;
        peak_memory = peak_memory.max(sample.peak_memory);
        cpu += sample.cpu;
    }
    Ok(Sample {
        wall: started.elapsed(),
        peak_memory,
        cpu,
    })
}

#[cfg(unix)]
fn reap(child: std::process::Child) -> Result<(bool, u64, Duration)> {
    let pid = libc::pid_t::try_from(child.id())?;
    let mut status = 0;
    // SAFETY: an all-zero rusage is a valid value of this plain C struct.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    loop {
        // SAFETY: both pointers are to live locals, and `pid` is a child of ours that nobody else
        // waits for, since `child` was moved in here.
        let reaped = unsafe { libc::wait4(pid, &raw mut status, 0, &raw mut usage) };
        if reaped == pid {
            break;
        }
        let error = std::io::Error::last_os_error();
        ensure!(
            error.kind() == std::io::ErrorKind::Interrupted,
            "could not wait for process {pid}: {error}"
        );
    }
    // Kilobytes on Linux and the BSDs, bytes on macOS.
    let unit = if cfg!(target_os = "macos") { 1 } else { 1024 };
    let peak = u64::try_from(usage.ru_maxrss).unwrap_or(0) * unit;
    let time = |value: libc::timeval| {
        Duration::new(
            u64::try_from(value.tv_sec).unwrap_or(0),
            u32::try_from(value.tv_usec).unwrap_or(0) * 1000,
        )
    };
    Ok((
        libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0,
        peak,
        time(usage.ru_utime) + time(usage.ru_stime),
    ))
}

#[cfg(not(unix))]
fn reap(mut child: std::process::Child) -> Result<(bool, u64, Duration)> {
    Ok((child.wait()?.success(), 0, Duration::ZERO))
}

/// One side of a comparison.
pub struct Side<'a> {
    pub name: &'static str,
    pub run: Box<dyn FnMut() -> Result<Sample> + 'a>,
    pub samples: Vec<Sample>,
    /// Runs in the last round alone.
    once: bool,
}

impl<'a> Side<'a> {
    pub fn new(name: &'static str, run: impl FnMut() -> Result<Sample> + 'a) -> Self {
        Self {
            name,
            run: Box::new(run),
            samples: Vec::new(),
            once: false,
        }
    }

    /// For a peer that takes minutes: one run, in the last round.
    pub fn once(mut self) -> Self {
        self.once = true;
        self
    }

    /// The middle run, in seconds.
    pub fn median(&self) -> f64 {
        median(self.samples.iter().map(|sample| sample.wall.as_secs_f64()))
    }

    /// The most memory of any run, in bytes.
    pub fn peak_memory(&self) -> u64 {
        self.samples
            .iter()
            .map(|sample| sample.peak_memory)
            .max()
            .unwrap_or(0)
    }
}

/// A B C, B C A, …: each side once a round, but for those that run once at all. Whoever comes
/// first after a pause finds memory that the machine has to fetch anew, so each does in turn.
pub fn interleave(rounds: usize, sides: &mut [Side<'_>]) -> Result<()> {
    for round in 1..=rounds {
        for turn in 0..sides.len() {
            let next = (round - 1 + turn) % sides.len();
            let side = &mut sides[next];
            if side.once && round < rounds {
                continue;
            }
            let sample = (side.run)()?;
            println!(
                "  round {round}/{rounds}  {:>8.3} s  {:>5} MiB  {}",
                sample.wall.as_secs_f64(),
                sample.peak_memory >> 20,
                side.name
            );
            side.samples.push(sample);
        }
    }
    Ok(())
}

/// Of an even number, the middle between the two in the middle; `NaN` of none.
pub fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_by(f64::total_cmp);
    let half = sorted.len() / 2;
    match sorted.len() {
        0 => f64::NAN,
        odd if odd % 2 == 1 => sorted[half],
        _ => f64::midpoint(sorted[half - 1], sorted[half]),
    }
}

/// The nearest of the sorted values; `NaN` of none.
pub fn percentile(values: impl Iterator<Item = f64>, share: f64) -> f64 {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_by(f64::total_cmp);
    if sorted.is_empty() {
        return f64::NAN;
    }
    let last = sorted.len() - 1;
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss
    )]
    let at = (last as f64 * share).round() as usize;
    sorted[at.min(last)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_and_the_tail() {
        assert_eq!(median([3.0, 1.0, 2.0].into_iter()), 2.0);
        assert_eq!(median([4.0, 1.0].into_iter()), 2.5);
        assert_eq!(percentile((1..=100).map(f64::from), 0.95), 95.0);
        assert!(median(std::iter::empty()).is_nan());
    }

    #[test]
    fn each_begins_in_turn_and_who_runs_once_does_so_in_the_last_round() {
        let order = std::cell::RefCell::new(String::new());
        let side = |name: &'static str| {
            let order = &order;
            Side::new(name, move || {
                order.borrow_mut().push_str(name);
                Ok(Sample::default())
            })
        };
        interleave(3, &mut [side("a"), side("b").once(), side("c")]).unwrap();
        assert_eq!(*order.borrow(), "accacab");
    }

    #[cfg(unix)]
    #[test]
    fn memory_is_what_the_kernel_counted_and_failure_is_seen() {
        let sample = program(Command::new("sh").args(["-c", "exit 0"])).unwrap();
        assert!(sample.peak_memory > 100 << 10, "{sample:?}");
        assert!(program(Command::new("sh").args(["-c", "exit 3"])).is_err());
    }
}
