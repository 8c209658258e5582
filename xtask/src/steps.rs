//! Says which step of how many is running, what it does and how long it took.
//! Never runs anything itself.

use std::time::{Duration, Instant};

use anyhow::Result;

/// What a step found to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Done,
    AlreadyThere,
}

/// A counter for a run of known length.
#[derive(Debug)]
pub struct Steps {
    total: usize,
    begun: usize,
    started: Instant,
}

impl Steps {
    pub fn of(total: usize) -> Self {
        Self {
            total,
            begun: 0,
            started: Instant::now(),
        }
    }

    /// Announces the next step, does it, and says how it ended.
    pub fn step(&mut self, what: &str, act: impl FnOnce() -> Result<Outcome>) -> Result<Duration> {
        self.begun += 1;
        let head = format!("[{}/{}]", self.begun, self.total);
        println!("\n{head} {what}");
        let started = Instant::now();
        let result = act();
        let took = started.elapsed();
        match &result {
            Ok(Outcome::Done) => println!("{head} done in {}", human(took)),
            Ok(Outcome::AlreadyThere) => println!("{head} already there ({})", human(took)),
            Err(_) => println!("{head} failed after {}", human(took)),
        }
        result.map(|_| took)
    }

    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }
}

/// `0.4 s`, `12.0 s`, `3 min 20 s`.
pub fn human(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    if seconds < 60.0 {
        format!("{seconds:.1} s")
    } else {
        let whole = duration.as_secs();
        format!("{} min {} s", whole / 60, whole % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_naturally() {
        assert_eq!(human(Duration::from_millis(430)), "0.4 s");
        assert_eq!(human(Duration::from_secs(200)), "3 min 20 s");
    }
}
