//! Two limits over all transfers of a bucket: bytes of parts in memory, and
//! requests in flight.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

const UNIT: u64 = 64 << 10;

/// Bytes of parts that may be in memory at once. A part larger than the whole
/// budget takes all of it, so that it still gets through, alone.
#[derive(Clone)]
pub(crate) struct ByteBudget {
    units: Arc<Semaphore>,
    total: u32,
}

impl ByteBudget {
    pub(crate) fn new(bytes: u64) -> Self {
        let total = u32::try_from(bytes.div_ceil(UNIT).max(1))
            .unwrap_or(u32::MAX >> 3)
            .min(u32::MAX >> 3);
        Self {
            units: Arc::new(Semaphore::new(total as usize)),
            total,
        }
    }

    fn units(&self, bytes: u64) -> u32 {
        u32::try_from(bytes.div_ceil(UNIT))
            .unwrap_or(u32::MAX)
            .clamp(1, self.total)
    }

    /// `None` if there is not enough right now, or others wait already.
    pub(crate) fn try_take(&self, bytes: u64) -> Option<OwnedSemaphorePermit> {
        self.units
            .clone()
            .try_acquire_many_owned(self.units(bytes))
            .ok()
    }

    /// Held until dropped.
    pub(crate) async fn take(&self, bytes: u64) -> OwnedSemaphorePermit {
        match self
            .units
            .clone()
            .acquire_many_owned(self.units(bytes))
            .await
        {
            Ok(permit) => permit,
            // The semaphore is private to this type and never closed.
            Err(_) => unreachable!("the byte budget is never closed"),
        }
    }
}

/// Requests in flight: one more for each full round that went well, half as
/// many when the server asks to slow down.
#[derive(Clone)]
pub(crate) struct Pace(Arc<PaceInner>);

struct PaceInner {
    state: Mutex<PaceState>,
    freed: Notify,
    max: usize,
}

struct PaceState {
    limit: usize,
    in_flight: usize,
    good: usize,
}

pub(crate) struct PaceSlot(Arc<PaceInner>);

impl Pace {
    pub(crate) fn new(max: usize) -> Self {
        let max = max.max(1);
        Self(Arc::new(PaceInner {
            state: Mutex::new(PaceState {
                limit: max.min(8),
                in_flight: 0,
                good: 0,
            }),
            freed: Notify::new(),
            max,
        }))
    }

    pub(crate) async fn slot(&self) -> PaceSlot {
        loop {
            let freed = self.0.freed.notified();
            {
                let mut state = self.0.lock();
                if state.in_flight < state.limit {
                    state.in_flight += 1;
                    return PaceSlot(self.0.clone());
                }
            }
            freed.await;
        }
    }

    pub(crate) fn went_well(&self) {
        let mut state = self.0.lock();
        state.good += 1;
        if state.good >= state.limit && state.limit < self.0.max {
            state.limit += 1;
            state.good = 0;
            drop(state);
            self.0.freed.notify_one();
        }
    }

    pub(crate) fn slow_down(&self) {
        let mut state = self.0.lock();
        state.limit = (state.limit / 2).max(1);
        state.good = 0;
    }

    #[cfg(test)]
    fn limit(&self) -> usize {
        self.0.lock().limit
    }
}

impl PaceInner {
    fn lock(&self) -> MutexGuard<'_, PaceState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for PaceSlot {
    fn drop(&mut self) {
        self.0.lock().in_flight -= 1;
        self.0.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test]
    async fn the_budget_holds_and_a_giant_still_passes() {
        let budget = ByteBudget::new(1 << 20);
        let half = budget.take(512 << 10).await;
        let other = budget.take(512 << 10).await;
        assert!(
            tokio::time::timeout(Duration::from_millis(30), budget.take(1))
                .await
                .is_err()
        );
        drop(half);
        drop(other);
        let giant = tokio::time::timeout(Duration::from_secs(1), budget.take(1 << 40)).await;
        assert!(giant.is_ok());
    }

    #[tokio::test]
    async fn slow_down_halves_and_success_grows() {
        let pace = Pace::new(16);
        assert_eq!(pace.limit(), 8);
        pace.slow_down();
        pace.slow_down();
        assert_eq!(pace.limit(), 2);
        for _ in 0..2 {
            pace.went_well();
        }
        assert_eq!(pace.limit(), 3);
        for _ in 0..10 {
            pace.slow_down();
        }
        assert_eq!(pace.limit(), 1);
        let slot = pace.slot().await;
        assert!(
            tokio::time::timeout(Duration::from_millis(30), pace.slot())
                .await
                .is_err()
        );
        drop(slot);
        assert!(
            tokio::time::timeout(Duration::from_secs(1), pace.slot())
                .await
                .is_ok()
        );
    }
}
