//! What a job may use, and how it reports. Both are given by the caller, so that
//! a window, a command line and a test run the same code.

use std::path::PathBuf;

use crate::options::Options;

/// The room one job may take.
#[derive(Debug, Clone)]
pub struct Limits {
    /// For the engine's buffers, in bytes. Past it, work spills to `temp_dir`.
    pub memory_bytes: u64,
    pub threads: usize,
    /// An existing folder; each job makes, and removes, one of its own inside it.
    pub temp_dir: PathBuf,
}

impl Limits {
    /// What a job with these choices may use.
    pub(crate) fn with(&self, options: &Options) -> Self {
        let mut limits = self.clone();
        if let Some(mib) = options.number("memory") {
            limits.memory_bytes = mib.max(64).saturating_mul(1 << 20);
        }
        limits
    }
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            memory_bytes: 512 << 20,
            threads: std::thread::available_parallelism().map_or(2, usize::from),
            temp_dir: std::env::temp_dir(),
        }
    }
}

/// Receives what a job does, and tells it when to stop. Called from the job's
/// own threads, up to 20 times a second in each phase, so it must be quick.
pub trait Progress: Sync {
    /// A phase begins: `scan` (finding out what a file holds), `check` (what the target
    /// could not hold), `choose` (which rows stay), `write` or `prove`. Counting starts
    /// again at 0.
    fn phase(&self, name: &str);
    /// The bytes that the phase just begun will go through. Given once per phase.
    fn set_total(&self, bytes: u64);
    /// So many more of them are done. Never adds up to more than the total.
    fn advance(&self, bytes: u64);
    /// Asked at least every 100 ms.
    fn is_cancelled(&self) -> bool;
}

/// Silent, and never cancelled.
impl Progress for () {
    fn phase(&self, _: &str) {}
    fn set_total(&self, _: u64) {}
    fn advance(&self, _: u64) {}
    fn is_cancelled(&self) -> bool {
        false
    }
}
