//! When to try a request again, and how long to wait first. The SDK's own
//! retries are off: these know about throttling for minutes and about cancel.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use crate::fault::FaultKind;

/// How patient to be. Waits are random between half and all of
/// `base * 2^n`, at most `cap`.
#[derive(Clone, Debug)]
pub struct RetryPolicy {
    pub base: Duration,
    pub cap: Duration,
    /// Attempts in all after a server error or a broken answer.
    pub attempts: u32,
    /// Attempts in all while the server cannot be reached.
    pub connect_attempts: u32,
    /// How long to go on while the server asks to slow down.
    pub throttle_patience: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            base: Duration::from_millis(200),
            cap: Duration::from_secs(20),
            attempts: 8,
            connect_attempts: 5,
            throttle_patience: Duration::from_secs(15 * 60),
        }
    }
}

/// One request's history of failures.
pub(crate) struct Retry<'a> {
    policy: &'a RetryPolicy,
    failures: u32,
    throttled_since: Option<tokio::time::Instant>,
}

impl<'a> Retry<'a> {
    pub(crate) fn new(policy: &'a RetryPolicy) -> Self {
        Self {
            policy,
            failures: 0,
            throttled_since: None,
        }
    }

    /// How long to wait before the next attempt, or `None` to give up.
    pub(crate) fn after(&mut self, kind: &FaultKind) -> Option<Duration> {
        self.failures += 1;
        let go_on = match kind {
            FaultKind::Throttled => {
                // Tokio's clock, so that a test can make ten minutes pass at once.
                let since = *self
                    .throttled_since
                    .get_or_insert_with(tokio::time::Instant::now);
                since.elapsed() < self.policy.throttle_patience
            }
            FaultKind::Transient => self.failures < self.policy.attempts,
            FaultKind::Transport => self.failures < self.policy.connect_attempts,
            FaultKind::Refused | FaultKind::NotFound => false,
        };
        go_on.then(|| self.wait())
    }

    fn wait(&self) -> Duration {
        let exponent = (self.failures - 1).min(16);
        let full = self
            .policy
            .base
            .saturating_mul(1 << exponent)
            .min(self.policy.cap);
        full / 2 + full.mul_f64(random_unit() / 2.0)
    }
}

/// In 0..1. Jitter needs to differ between clients, not to be unguessable.
fn random_unit() -> f64 {
    let bits = RandomState::new().hash_one(0u8) >> 11;
    bits as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_stay_under_the_cap() {
        let policy = RetryPolicy {
            attempts: 40,
            ..RetryPolicy::default()
        };
        let mut retry = Retry::new(&policy);
        for n in 0..39 {
            let wait = retry.after(&FaultKind::Transient).unwrap();
            let full = policy.base.saturating_mul(1 << n.min(16)).min(policy.cap);
            assert!(wait >= full / 2 && wait <= full, "{n}: {wait:?}");
        }
        assert!(retry.after(&FaultKind::Transient).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn ten_minutes_of_slow_down_are_sat_out() {
        let policy = RetryPolicy::default();
        let mut retry = Retry::new(&policy);
        let start = tokio::time::Instant::now();
        while start.elapsed() < Duration::from_secs(600) {
            let wait = retry.after(&FaultKind::Throttled).expect("still patient");
            tokio::time::sleep(wait).await;
        }
        while let Some(wait) = retry.after(&FaultKind::Throttled) {
            tokio::time::sleep(wait).await;
        }
        assert!(start.elapsed() < policy.throttle_patience + policy.cap * 2);
    }

    #[test]
    fn a_refusal_is_final() {
        let policy = RetryPolicy::default();
        assert!(Retry::new(&policy).after(&FaultKind::Refused).is_none());
        assert!(Retry::new(&policy).after(&FaultKind::NotFound).is_none());
    }
}
