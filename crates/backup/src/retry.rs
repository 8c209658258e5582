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
    /// Attempts in all while the server cannot be reached and never was: its address
    /// may be wrong.
    pub connect_attempts: u32,
    /// How long to go on while a server that did answer cannot be reached any more.
    pub outage_patience: Duration,
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
            outage_patience: Duration::from_secs(15 * 60),
            throttle_patience: Duration::from_secs(15 * 60),
        }
    }
}

impl RetryPolicy {
    /// For work that nobody waits for: hours.
    pub fn patient() -> Self {
        Self {
            cap: Duration::from_secs(60),
            attempts: 60,
            outage_patience: Duration::from_secs(6 * 3600),
            throttle_patience: Duration::from_secs(6 * 3600),
            ..Self::default()
        }
    }
}

/// One request's history of failures.
pub(crate) struct Retry<'a> {
    policy: &'a RetryPolicy,
    failures: u32,
    // Tokio's clock, so that a test can make hours pass at once.
    throttled_since: Option<tokio::time::Instant>,
    unreachable_since: Option<tokio::time::Instant>,
}

impl<'a> Retry<'a> {
    pub(crate) fn new(policy: &'a RetryPolicy) -> Self {
        Self {
            policy,
            failures: 0,
            throttled_since: None,
            unreachable_since: None,
        }
    }

    /// How long to wait before the next attempt, or `None` to give up. `known`: the
    /// server has answered before, to any request.
    pub(crate) fn after(&mut self, kind: &FaultKind, known: bool) -> Option<Duration> {
        self.failures += 1;
        let within = |since: &mut Option<tokio::time::Instant>, patience| {
            since
                .get_or_insert_with(tokio::time::Instant::now)
                .elapsed()
                < patience
        };
        let go_on = match kind {
            FaultKind::Throttled => {
                within(&mut self.throttled_since, self.policy.throttle_patience)
            }
            FaultKind::Transient => self.failures < self.policy.attempts,
            FaultKind::Transport if known => {
                within(&mut self.unreachable_since, self.policy.outage_patience)
            }
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
            let wait = retry.after(&FaultKind::Transient, true).unwrap();
            let full = policy.base.saturating_mul(1 << n.min(16)).min(policy.cap);
            assert!(wait >= full / 2 && wait <= full, "{n}: {wait:?}");
        }
        assert!(retry.after(&FaultKind::Transient, true).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn ten_minutes_of_slow_down_are_sat_out() {
        let policy = RetryPolicy::default();
        let mut retry = Retry::new(&policy);
        let start = tokio::time::Instant::now();
        while start.elapsed() < Duration::from_secs(600) {
            let wait = retry
                .after(&FaultKind::Throttled, true)
                .expect("still patient");
            tokio::time::sleep(wait).await;
        }
        while let Some(wait) = retry.after(&FaultKind::Throttled, true) {
            tokio::time::sleep(wait).await;
        }
        assert!(start.elapsed() < policy.throttle_patience + policy.cap * 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_network_that_was_there_is_waited_for_and_a_wrong_address_is_not() {
        let policy = RetryPolicy::patient();
        let mut retry = Retry::new(&policy);
        let start = tokio::time::Instant::now();
        while let Some(wait) = retry.after(&FaultKind::Transport, true) {
            tokio::time::sleep(wait).await;
        }
        let hours = start.elapsed().as_secs_f64() / 3600.0;
        assert!((6.0..6.1).contains(&hours), "{hours}");

        let mut retry = Retry::new(&policy);
        for _ in 1..policy.connect_attempts {
            assert!(retry.after(&FaultKind::Transport, false).is_some());
        }
        assert!(retry.after(&FaultKind::Transport, false).is_none());
    }

    #[test]
    fn a_refusal_is_final() {
        let policy = RetryPolicy::default();
        assert!(
            Retry::new(&policy)
                .after(&FaultKind::Refused, true)
                .is_none()
        );
        assert!(
            Retry::new(&policy)
                .after(&FaultKind::NotFound, true)
                .is_none()
        );
    }
}
