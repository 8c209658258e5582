//! Whether the bucket can be reached just now, for whoever shows a transfer: a wait that
//! is not told looks like one that hangs.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// A connection that breaks once is up again within this, and is no outage.
const TOLD_AFTER: Duration = Duration::from_secs(1);

/// Cheap to clone and to ask; clones are the same, and none keeps the bucket in use.
#[derive(Clone, Debug)]
pub struct Reach(Arc<State>);

#[derive(Debug)]
struct State {
    began: Instant,
    /// Milliseconds after `began`, and one; 0 while something moves.
    silent_since: AtomicU64,
}

impl Default for Reach {
    fn default() -> Self {
        Self(Arc::new(State {
            began: Instant::now(),
            silent_since: AtomicU64::new(0),
        }))
    }
}

impl Reach {
    /// Requests wait to be sent again, and for a second nothing has come or gone.
    pub fn is_waiting(&self) -> bool {
        let since = self.0.silent_since.load(Ordering::Relaxed);
        let least = u64::try_from(TOLD_AFTER.as_millis()).unwrap_or(u64::MAX);
        since > 0 && self.now().saturating_sub(since) >= least
    }

    /// An answer came, or a body flows.
    pub(super) fn moved(&self) {
        // Called for each piece: a store only where there is something to change.
        if self.0.silent_since.load(Ordering::Relaxed) != 0 {
            self.0.silent_since.store(0, Ordering::Relaxed);
        }
    }

    /// A request got no answer and will be sent again.
    pub(super) fn went_silent(&self) {
        let _ = self.0.silent_since.compare_exchange(
            0,
            self.now(),
            Ordering::Relaxed,
            Ordering::Relaxed,
        );
    }

    fn now(&self) -> u64 {
        let elapsed = self.0.began.elapsed().as_millis();
        u64::try_from(elapsed).unwrap_or(u64::MAX).saturating_add(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_silence_is_told_after_a_second_and_until_something_moves() {
        let reach = Reach::default();
        let seen = reach.clone();
        tokio::time::advance(Duration::from_secs(60)).await;
        assert!(!seen.is_waiting(), "nothing was asked");

        reach.went_silent();
        assert!(!seen.is_waiting(), "it may be one broken connection");
        tokio::time::advance(Duration::from_millis(600)).await;
        // The next request fails, too: the silence began with the first.
        reach.went_silent();
        tokio::time::advance(Duration::from_millis(600)).await;
        assert!(seen.is_waiting());

        reach.moved();
        assert!(!seen.is_waiting());
        reach.went_silent();
        assert!(
            !seen.is_waiting(),
            "the next silence counts from its own beginning"
        );
    }
}
