//! How fast a job is, and an honest range for the time it still needs.

use std::collections::VecDeque;
use std::time::Duration;

use crate::contract::TimeLeft;

/// The shown rate is the mean over this long.
const WINDOW: Duration = Duration::from_secs(5);
/// No rate before this much was seen.
const FIRST_RATE: Duration = Duration::from_millis(500);
/// The spread of the rates of these many slices makes the range.
const SLICES: usize = 12;
const SLICE: Duration = Duration::from_secs(1);
/// No range from fewer slices than this.
const EVIDENCE: usize = 3;

/// What is done at one moment, since the job began.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Done {
    pub(crate) bytes: u64,
    pub(crate) items: u64,
}

impl Done {
    pub(crate) fn without(self, found: Self) -> Self {
        Self {
            bytes: self.bytes.saturating_sub(found.bytes),
            items: self.items.saturating_sub(found.items),
        }
    }
}

/// Samples of a job's progress. Time is handed in, so that tests need no clock.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    recent: VecDeque<(Duration, Done)>,
    slice_start: Option<(Duration, Done)>,
    /// Bytes and items per second of each whole slice, oldest first.
    slices: VecDeque<(f64, f64)>,
}

impl Meter {
    /// A new phase has speeds of its own.
    pub(crate) fn restart(&mut self) {
        *self = Self::default();
    }

    pub(crate) fn sample(&mut self, at: Duration, done: Done) {
        self.recent.push_back((at, done));
        while self.recent.len() > 2
            && self
                .recent
                .front()
                .is_some_and(|(then, _)| at - *then > WINDOW)
        {
            self.recent.pop_front();
        }
        let (start, before) = *self.slice_start.get_or_insert((at, done));
        let took = at.saturating_sub(start);
        if took >= SLICE {
            let per_second =
                |now: u64, then: u64| now.saturating_sub(then) as f64 / took.as_secs_f64();
            self.slices.push_back((
                per_second(done.bytes, before.bytes),
                per_second(done.items, before.items),
            ));
            if self.slices.len() > SLICES {
                self.slices.pop_front();
            }
            self.slice_start = Some((at, done));
        }
    }

    /// Bytes a second over the last few seconds.
    pub(crate) fn rate(&self) -> Option<u64> {
        let (start, before) = self.recent.front()?;
        let (end, now) = self.recent.back()?;
        let took = end.saturating_sub(*start);
        let bytes = now.bytes.saturating_sub(before.bytes);
        (took >= FIRST_RATE && (bytes > 0 || took >= WINDOW))
            .then(|| (bytes as f64 / took.as_secs_f64()) as u64)
    }

    /// From the slowest and the fastest of the recent slices, in bytes and in items,
    /// whichever takes longer: ten thousand small files are not a matter of bytes.
    /// `None` until there is evidence, or while nothing moves.
    pub(crate) fn left(&self, bytes: Option<u64>, items: Option<u64>) -> Option<TimeLeft> {
        if self.slices.len() < EVIDENCE {
            return None;
        }
        let by_bytes = bytes.and_then(|left| self.range(left, |slice| slice.0));
        let by_items = items.and_then(|left| self.range(left, |slice| slice.1));
        let (low, high) = match (by_bytes, by_items) {
            (Some(a), Some(b)) => (a.0.min(b.0), a.1.max(b.1)),
            (Some(one), None) | (None, Some(one)) => one,
            (None, None) => return None,
        };
        let whole = |seconds: f64| seconds.clamp(0.0, f64::from(u32::MAX)) as u32;
        Some(TimeLeft {
            low_s: whole(low.floor()),
            high_s: whole(high.ceil()).max(1),
        })
    }

    fn range(&self, left: u64, of: fn(&(f64, f64)) -> f64) -> Option<(f64, f64)> {
        if left == 0 {
            return Some((0.0, 0.0));
        }
        let mut rates: Vec<f64> = self.slices.iter().map(of).collect();
        rates.sort_by(f64::total_cmp);
        // One odd slice of many says little; of few, each counts.
        let cut = rates.len() / 8;
        let (slow, fast) = (rates[cut], rates[rates.len() - 1 - cut]);
        if slow <= 0.0 {
            return None;
        }
        // The less was seen, the wider the range.
        let doubt = 1.0 + 0.5 / rates.len() as f64;
        Some((left as f64 / fast / doubt, left as f64 / slow * doubt))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(
        meter: &mut Meter,
        seconds: std::ops::Range<u64>,
        from: Done,
        step: impl Fn(u64) -> (u64, u64),
    ) -> Done {
        let mut done = from;
        for second in seconds {
            for tenth in 0..10 {
                meter.sample(Duration::from_millis(second * 1000 + tenth * 100), done);
                let (bytes, items) = step(second);
                done = Done {
                    bytes: done.bytes + bytes / 10,
                    items: done.items + items / 10,
                };
            }
        }
        done
    }

    #[test]
    fn a_steady_job_gets_a_narrow_range_around_the_truth() {
        let mut meter = Meter::default();
        run(&mut meter, 0..11, Done::default(), |_| (100_000_000, 0));
        assert_eq!(meter.rate(), Some(100_000_000));
        let left = meter.left(Some(6_000_000_000), None).unwrap();
        assert!(left.low_s <= 60 && left.low_s >= 50, "{left:?}");
        assert!(left.high_s >= 60 && left.high_s <= 70, "{left:?}");
    }

    #[test]
    fn nothing_is_promised_before_there_is_evidence() {
        let mut meter = Meter::default();
        assert_eq!((meter.rate(), meter.left(Some(1), None)), (None, None));
        run(&mut meter, 0..2, Done::default(), |_| (1000, 0));
        assert_eq!(meter.rate(), Some(1000));
        assert_eq!(meter.left(Some(1_000_000), None), None);
    }

    #[test]
    fn an_uneven_job_gets_a_wide_range() {
        let mut meter = Meter::default();
        run(&mut meter, 0..10, Done::default(), |second| {
            if second % 2 == 0 {
                (10_000, 0)
            } else {
                (1_000, 0)
            }
        });
        let left = meter.left(Some(100_000), None).unwrap();
        assert!(left.low_s <= 10 && left.high_s >= 100, "{left:?}");
    }

    #[test]
    fn many_small_files_count_by_the_item() {
        let mut meter = Meter::default();
        // The bytes left are nothing at this rate; a thousand items are not.
        run(&mut meter, 0..10, Done::default(), |_| (1_000_000, 10));
        let left = meter.left(Some(1_000), Some(1_000)).unwrap();
        assert!(left.high_s >= 100, "{left:?}");
    }

    #[test]
    fn a_stalled_job_promises_nothing() {
        let mut meter = Meter::default();
        let done = run(&mut meter, 0..4, Done::default(), |_| (1000, 0));
        run(&mut meter, 4..20, done, |_| (0, 0));
        assert_eq!(meter.left(Some(1000), None), None);
        assert_eq!(meter.rate(), Some(0));
    }

    #[test]
    fn a_new_phase_starts_from_nothing() {
        let mut meter = Meter::default();
        run(&mut meter, 0..10, Done::default(), |_| (1000, 0));
        meter.restart();
        assert_eq!((meter.rate(), meter.left(Some(1), None)), (None, None));
    }
}
