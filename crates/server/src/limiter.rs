//! How often a peer may be wrong.
//!
//! Each failed request takes a token from its peer's bucket; an empty bucket means 429
//! before a key is even looked at. Keys that worked before are let through, so that
//! one program's mistakes on this machine do not lock another's out. It never
//! remembers a key, only a keyed hash of it.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Failures in a row that a peer may have.
const BURST: f64 = 60.0;
/// Failures a second after that.
const REFILL: f64 = 1.0;
/// Loopback has few addresses, but 127.0.0.0/8 is large.
const PEERS: usize = 256;
/// Keys signed in on one machine are few.
const KEYS: usize = 1024;

pub(crate) struct Limiter {
    hasher: RandomState,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    buckets: HashMap<IpAddr, Bucket>,
    good: HashSet<u64>,
}

struct Bucket {
    tokens: f64,
    at: Instant,
}

impl Bucket {
    fn refill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.tokens = (self.tokens + passed * REFILL).min(BURST);
        self.at = now;
    }
}

impl Default for Limiter {
    fn default() -> Self {
        Self {
            hasher: RandomState::new(),
            inner: Mutex::default(),
        }
    }
}

impl Limiter {
    /// Whether a request of `peer` may be looked at; otherwise how long to wait.
    pub fn admit(&self, peer: IpAddr, key: Option<&str>) -> Result<(), Duration> {
        self.admit_at(peer, key, Instant::now())
    }

    fn admit_at(&self, peer: IpAddr, key: Option<&str>, now: Instant) -> Result<(), Duration> {
        let mut inner = self.lock();
        if key.is_some_and(|key| inner.good.contains(&self.hasher.hash_one(key))) {
            return Ok(());
        }
        match inner.buckets.get_mut(&peer) {
            None => Ok(()),
            Some(bucket) => {
                bucket.refill(now);
                if bucket.tokens >= 1.0 {
                    Ok(())
                } else {
                    Err(Duration::from_secs_f64((1.0 - bucket.tokens) / REFILL))
                }
            }
        }
    }

    pub fn failed(&self, peer: IpAddr) {
        self.failed_at(peer, Instant::now());
    }

    fn failed_at(&self, peer: IpAddr, now: Instant) {
        let mut inner = self.lock();
        if inner.buckets.len() >= PEERS && !inner.buckets.contains_key(&peer) {
            // The fullest bucket has the least to remember.
            let fullest = inner
                .buckets
                .iter()
                .max_by(|a, b| a.1.tokens.total_cmp(&b.1.tokens))
                .map(|(ip, _)| *ip);
            if let Some(ip) = fullest {
                inner.buckets.remove(&ip);
            }
        }
        let bucket = inner.buckets.entry(peer).or_insert(Bucket {
            tokens: BURST,
            at: now,
        });
        bucket.refill(now);
        bucket.tokens = (bucket.tokens - 1.0).max(0.0);
    }

    /// A key that works.
    pub fn worked(&self, key: &str) {
        let hash = self.hasher.hash_one(key);
        let mut inner = self.lock();
        if inner.good.len() < KEYS {
            inner.good.insert(hash);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[test]
    fn a_peer_runs_dry_and_recovers() {
        let limiter = Limiter::default();
        let now = Instant::now();
        for _ in 0..BURST as usize {
            assert!(limiter.admit_at(PEER, Some("wrong"), now).is_ok());
            limiter.failed_at(PEER, now);
        }
        let wait = limiter.admit_at(PEER, Some("wrong"), now).unwrap_err();
        assert!(wait > Duration::ZERO && wait <= Duration::from_secs(1));
        assert!(
            limiter
                .admit_at(PEER, None, now + Duration::from_secs(2))
                .is_ok()
        );
        let other = IpAddr::V6(std::net::Ipv6Addr::LOCALHOST);
        assert!(
            limiter.admit_at(other, None, now).is_ok(),
            "one peer's failures are not another's"
        );
    }

    #[test]
    fn a_key_that_worked_is_not_locked_out() {
        let limiter = Limiter::default();
        let now = Instant::now();
        limiter.worked("good");
        for _ in 0..200 {
            limiter.failed_at(PEER, now);
        }
        assert!(limiter.admit_at(PEER, Some("good"), now).is_ok());
        assert!(limiter.admit_at(PEER, Some("untried"), now).is_err());
    }

    #[test]
    fn the_memory_of_peers_is_bounded() {
        let limiter = Limiter::default();
        let now = Instant::now();
        for n in 0..10_000_u32 {
            limiter.failed_at(
                IpAddr::V4(std::net::Ipv4Addr::from_bits(0x7f00_0000 + n)),
                now,
            );
        }
        assert!(limiter.lock().buckets.len() <= PEERS);
    }
}
