//! How a run tells how far it is, and hears that it should stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::{BackupError, Result};

/// What a run is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Phase {
    /// Listing the bucket and comparing.
    Comparing,
    Uploading,
    /// Asking the bucket for what is said to be in it.
    Verifying,
    /// The catalog, the shards and last the manifest.
    Committing,
    Downloading,
}

impl Phase {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Comparing => "comparing",
            Self::Uploading => "uploading",
            Self::Committing => "committing",
            Self::Downloading => "downloading",
            Self::Verifying => "verifying",
        }
    }
}

/// Told from any thread. Keep it cheap: it is called for each part.
pub trait Progress: Send + Sync {
    fn phase(&self, _phase: Phase) {}
    /// Bytes that will cross the network, and items (files); counting begins again from
    /// nothing.
    fn set_total(&self, _bytes: u64, _items: u64) {}
    /// More bytes across, more items finished: increments, never more than the totals.
    fn advance(&self, _bytes: u64, _items: u64) {}
    /// As [`Progress::advance`], of what an earlier run brought across: it is done, and
    /// says nothing of the speed.
    fn found(&self, bytes: u64, items: u64) {
        self.advance(bytes, items);
    }
    /// Asked about ten times a second.
    fn is_cancelled(&self) -> bool {
        false
    }
}

/// Says nothing and never cancels.
impl Progress for () {}

/// Counts one item's bytes once, however often a part of it is fetched again.
pub(crate) struct Meter {
    progress: Arc<dyn Progress>,
    counted: AtomicU64,
}

impl Meter {
    pub(crate) fn new(progress: Arc<dyn Progress>) -> Self {
        Self {
            progress,
            counted: AtomicU64::new(0),
        }
    }

    /// `total` bytes of this item are across.
    pub(crate) fn reach(&self, total: u64) {
        let before = self.counted.fetch_max(total, Ordering::Relaxed);
        if total > before {
            self.progress.advance(total - before, 0);
        }
    }

    /// `total` bytes of this item were here before this run.
    pub(crate) fn found(&self, total: u64) {
        let before = self.counted.fetch_max(total, Ordering::Relaxed);
        if total > before {
            self.progress.found(total - before, 0);
        }
    }
}

const CANCEL_POLL: Duration = Duration::from_millis(100);

pub(crate) fn check(progress: &Arc<dyn Progress>) -> Result<()> {
    if progress.is_cancelled() {
        Err(BackupError::Cancelled)
    } else {
        Ok(())
    }
}

/// Resolves once the run was cancelled.
pub(crate) async fn cancelled(progress: &Arc<dyn Progress>) {
    while !progress.is_cancelled() {
        tokio::time::sleep(CANCEL_POLL).await;
    }
}

/// Runs `work`, dropping it as soon as the run is cancelled.
pub(crate) async fn until_cancelled<T>(
    progress: &Arc<dyn Progress>,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    tokio::select! {
        biased;
        done = work => done,
        () = cancelled(progress) => Err(BackupError::Cancelled),
    }
}
