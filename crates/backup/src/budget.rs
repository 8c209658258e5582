//! Two limits over all transfers of a bucket: bytes of parts in memory, and
//! requests in flight.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

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

/// Requests in flight: more while more helps, half as many when the server asks to
/// slow down.
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
    /// Goes up with each halving: who was under way then is not asked twice.
    epoch: u64,
    round: Round,
    /// The limit before the last step up, and how fast it was there.
    before: Option<(usize, f64)>,
    /// Rounds to go through before the next step up is tried.
    rest: u32,
    /// Nothing held it back yet: twice as many with each round.
    doubling: bool,
}

/// What was done since the limit last changed.
struct Round {
    since: Instant,
    requests: usize,
    work: u64,
}

impl Round {
    fn new() -> Self {
        Self {
            since: Instant::now(),
            requests: 0,
            work: 0,
        }
    }
}

/// A request costs something besides its bytes.
const REQUEST_WORK: u64 = 64 << 10;
/// A step up that brings less than this was none.
const WORTH_IT: f64 = 1.04;
/// And twice as many that bring less than this were too many at once.
const WORTH_DOUBLING: f64 = 1.5;
const SHORTEST_ROUND: Duration = Duration::from_millis(50);
const REST_ROUNDS: u32 = 8;
const START: usize = 16;

pub(crate) struct PaceSlot {
    pace: Arc<PaceInner>,
    epoch: u64,
}

impl Pace {
    pub(crate) fn new(max: usize) -> Self {
        let max = max.max(1);
        Self(Arc::new(PaceInner {
            state: Mutex::new(PaceState {
                limit: max.min(START),
                in_flight: 0,
                epoch: 0,
                round: Round::new(),
                before: None,
                rest: 0,
                doubling: true,
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
                    return PaceSlot {
                        pace: self.0.clone(),
                        epoch: state.epoch,
                    };
                }
            }
            freed.await;
        }
    }

    pub(crate) fn went_well(&self, bytes: u64) {
        let mut state = self.0.lock();
        state.round.requests += 1;
        state.round.work += bytes + REQUEST_WORK;
        let took = state.round.since.elapsed();
        if state.round.requests < state.limit || took < SHORTEST_ROUND {
            return;
        }
        let speed = state.round.work as f64 / took.as_secs_f64();
        let more = state.judge(speed, self.0.max);
        tracing::debug!(
            requests = state.limit,
            work_per_second = speed,
            "requests in flight"
        );
        state.round = Round::new();
        drop(state);
        for _ in 0..more {
            self.0.freed.notify_one();
        }
    }

    pub(crate) fn slow_down(&self, slot_epoch: u64) {
        let mut state = self.0.lock();
        if state.epoch != slot_epoch {
            return;
        }
        state.epoch += 1;
        state.limit = (state.limit / 2).max(1);
        state.before = None;
        state.rest = 1;
        state.doubling = false;
        state.round = Round::new();
    }

    #[cfg(test)]
    fn limit(&self) -> usize {
        self.0.lock().limit
    }
}

impl PaceState {
    /// After a round at `speed`: how many more may go at once from now on.
    fn judge(&mut self, speed: f64, max: usize) -> usize {
        if self.rest > 0 {
            self.rest -= 1;
            return 0;
        }
        let enough = if self.doubling {
            WORTH_DOUBLING
        } else {
            WORTH_IT
        };
        if let Some((limit, was)) = self.before
            && speed < was * enough
        {
            // Not worth it: back, and the next try in a while, when the line may be another.
            self.limit = limit;
            self.before = None;
            // After a doubling, smaller steps may be: they begin at once.
            self.rest = if self.doubling { 1 } else { REST_ROUNDS };
            self.doubling = false;
            return 0;
        }
        let step = if self.doubling {
            self.limit
        } else {
            (self.limit / 4).max(1)
        };
        let step = step.min(max - self.limit.min(max));
        if step > 0 {
            self.before = Some((self.limit, speed));
            self.limit += step;
        }
        step
    }
}

impl PaceSlot {
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch
    }
}

impl PaceInner {
    fn lock(&self) -> MutexGuard<'_, PaceState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for PaceSlot {
    fn drop(&mut self) {
        self.pace.lock().in_flight -= 1;
        self.pace.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

    /// Rounds of `took` each, with as many requests as may go at once.
    async fn rounds(pace: &Pace, rounds: usize, took: impl Fn(usize) -> Duration) {
        for _ in 0..rounds {
            let limit = pace.limit();
            tokio::time::sleep(took(limit)).await;
            for _ in 0..limit {
                pace.went_well(0);
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn it_grows_while_that_helps_and_no_further() {
        let pace = Pace::new(200);
        // A line with latency and room: twice as many take no longer.
        rounds(&pace, 40, |_| Duration::from_millis(100)).await;
        assert_eq!(pace.limit(), 200);
        // A server that does 40 at a time: more only wait longer.
        let pace = Pace::new(200);
        rounds(&pace, 40, |limit| {
            Duration::from_millis(100).mul_f64((limit as f64 / 40.0).max(1.0))
        })
        .await;
        assert!((30..60).contains(&pace.limit()), "{}", pace.limit());
    }

    #[tokio::test(start_paused = true)]
    async fn a_line_with_room_is_full_after_a_handful_of_rounds() {
        let pace = Pace::new(256);
        rounds(&pace, 4, |_| Duration::from_millis(100)).await;
        assert_eq!(pace.limit(), 256);
        // Asked to slow down, it comes back in small steps.
        let epoch = pace.slot().await.epoch();
        pace.slow_down(epoch);
        rounds(&pace, 2, |_| Duration::from_millis(100)).await;
        assert_eq!(pace.limit(), 160);
    }

    #[tokio::test(start_paused = true)]
    async fn slow_down_halves_once_for_all_that_were_under_way() {
        let pace = Pace::new(16);
        let mut slots = Vec::new();
        for _ in 0..16 {
            slots.push(pace.slot().await);
        }
        let epochs: Vec<_> = slots.iter().map(PaceSlot::epoch).collect();
        drop(slots);
        for epoch in epochs {
            pace.slow_down(epoch);
        }
        assert_eq!(pace.limit(), 8);
        for _ in 0..10 {
            let epoch = pace.slot().await.epoch();
            pace.slow_down(epoch);
        }
        assert_eq!(pace.limit(), 1);
        let slot = pace.slot().await;
        let second = tokio::time::timeout(Duration::from_millis(30), pace.slot()).await;
        assert!(second.is_err());
        drop(slot);
        let next = tokio::time::timeout(Duration::from_secs(1), pace.slot()).await;
        assert!(next.is_ok());
        rounds(&pace, 40, |_| Duration::from_millis(100)).await;
        assert_eq!(pace.limit(), 16, "it comes back");
    }
}
