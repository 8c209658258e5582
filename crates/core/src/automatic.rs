//! The backup that nobody asks for: some seconds after the store last changed, in
//! front ends that stay. Quiet: it waits for imports and conversions to end, tries
//! again for as long as it takes while the network is away, and leaves no failed job
//! behind for that. One switch in the settings stops it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use redline_backup::AwsFilesStamp;

use crate::contract::{ErrorReport, Event, JobKind, JobResult, JobState};
use crate::error::{Code, CoreError};
use crate::jobs::Finish;
use crate::left_out::LISTED;
use crate::session::Session;
use crate::text;

const LOOK: Duration = Duration::from_millis(500);
/// Files often come one after the other: the backup begins once it was quiet for this long…
const QUIET: Duration = Duration::from_secs(5);
/// …or so long after the first, if it never gets quiet.
const LONGEST: Duration = Duration::from_secs(5 * 60);
const FIRST_RETRY: Duration = Duration::from_secs(30);
const LONGEST_RETRY: Duration = Duration::from_secs(30 * 60);

/// Work that changes the store and is worth waiting for.
const WAITED_FOR: [JobKind; 5] = [
    JobKind::Import,
    JobKind::Convert,
    JobKind::Backup,
    JobKind::Restore,
    JobKind::Reconcile,
];

/// What a person is told of it.
#[derive(Default)]
pub(crate) struct Automatic {
    shown: Mutex<Shown>,
    nudged: AtomicBool,
}

#[derive(Default)]
struct Shown {
    problem: Option<ErrorReport>,
    next: Option<Instant>,
}

impl Automatic {
    /// Why the last try did not go through, and when the next is due.
    pub(crate) fn shown(&self) -> (Option<ErrorReport>, Option<String>) {
        let shown = self.shown.lock();
        let next = shown.next.map(|next| {
            let wait = next.saturating_duration_since(Instant::now());
            text::from_now(wait)
        });
        (shown.problem.clone(), next)
    }

    fn show(&self, problem: Option<ErrorReport>, next: Option<Instant>) {
        *self.shown.lock() = Shown { problem, next };
    }

    /// How things are sent has changed: what stood in the way may be gone, and what was
    /// sent before may be sent again.
    pub(crate) fn nudge(&self) {
        self.nudged.store(true, Ordering::Relaxed);
    }
}

/// When the next try is due. Time is handed in, so that tests need no clock.
#[derive(Debug, Default)]
struct Schedule {
    first_change: Option<Instant>,
    last_change: Option<Instant>,
    failures: u32,
    not_before: Option<Instant>,
    /// It would fail again until something is done about it.
    blocked: bool,
}

impl Schedule {
    fn changed(&mut self, now: Instant) {
        self.first_change.get_or_insert(now);
        self.last_change = Some(now);
    }

    fn due(&self) -> Option<Instant> {
        if self.blocked {
            return None;
        }
        let (first, last) = (self.first_change?, self.last_change?);
        let quiet = (last + QUIET).min(first + LONGEST);
        Some(self.not_before.map_or(quiet, |after| quiet.max(after)))
    }

    /// Whether to look: for a try, or for whether what blocks it is gone.
    fn is_due(&self, now: Instant) -> bool {
        let due = if self.blocked {
            self.not_before
        } else {
            self.due()
        };
        due.is_some_and(|due| due <= now)
    }

    fn look_again(&mut self, now: Instant) {
        self.not_before = Some(now + FIRST_RETRY);
    }

    fn went_well(&mut self) {
        *self = Self::default();
    }

    /// Waits longer each time, and never gives up.
    fn failed(&mut self, now: Instant, retryable: bool) {
        self.failures += 1;
        let wait = FIRST_RETRY
            .saturating_mul(1 << (self.failures - 1).min(10))
            .min(LONGEST_RETRY);
        // Machines that lost the same network come back one after the other.
        let jitter = wait.mul_f64(f64::from(self.failures * 7 % 10) / 40.0);
        self.not_before = Some(now + wait + jitter);
        self.blocked = !retryable;
    }

    /// What stood in the way may be gone: another bucket, other keys, a backup by hand.
    fn unblock(&mut self) {
        self.blocked = false;
        self.not_before = None;
        self.failures = 0;
    }
}

/// Follows the session's store for as long as it is open, in processes that stay.
pub(crate) fn follow(session: &Session) {
    if !session.0.core.front_end.stays() {
        return;
    }
    let followed = Arc::downgrade(&session.0);
    let started = thread::Builder::new()
        .name("automatic backup".into())
        .spawn(move || {
            let mut watcher = Watcher::default();
            while let Some(inner) = followed.upgrade() {
                watcher.look(&Session(inner));
                thread::sleep(LOOK);
            }
        });
    if started.is_err() {
        tracing::warn!("backups will not begin by themselves");
    }
}

#[derive(Default)]
struct Watcher {
    schedule: Schedule,
    /// The store's version that was last looked at.
    seen: Option<u64>,
    bucket: Option<String>,
    /// The AWS configuration as it was before the last try, where keys come from there.
    keys_from: Option<AwsFilesStamp>,
}

impl Watcher {
    fn look(&mut self, session: &Session) {
        let now = Instant::now();
        let version = session.0.store.version();
        match self.seen {
            // What was left waiting when the program last ended.
            None => self.schedule.changed(now),
            Some(seen) if seen != version => {
                self.schedule.changed(now);
            }
            Some(_) => {}
        }
        self.seen = Some(version);
        if session
            .0
            .transfers
            .automatic
            .nudged
            .swap(false, Ordering::Relaxed)
        {
            self.schedule.unblock();
            self.schedule.changed(now);
        }
        // `aws sso login` tells nobody, and what it was for should not wait.
        let signed_in = self.schedule.blocked
            && self
                .keys_from
                .as_ref()
                .is_some_and(|before| *before != session.0.core.aws_files.stamp());
        if signed_in {
            self.schedule.unblock();
        }
        let wanted = session.0.core.settings().auto_backup && !session.transfer().paused;
        if !wanted || !self.schedule.is_due(now) || session.0.jobs.running(&WAITED_FOR).is_some() {
            return;
        }
        // Signed out, and a job that is not over still holds it.
        if !session.0.core.holds(session) {
            return;
        }
        let Ok(Some(settings)) = session.bucket_settings() else {
            return;
        };
        let bucket = serde_json::to_string(&settings).unwrap_or_default();
        if self.bucket.as_ref() != Some(&bucket) {
            // Set up, or set up anew.
            self.bucket = Some(bucket);
            self.schedule.unblock();
        }
        match session.waiting_files() {
            // Somebody backed up by hand, or nothing that matters changed.
            Ok(0) => {
                self.schedule.went_well();
                session.0.transfers.automatic.show(None, None);
                return;
            }
            Ok(_) if self.schedule.blocked => {
                self.schedule.look_again(now);
                return;
            }
            Ok(_) => {}
            Err(error) => {
                tracing::debug!(%error, "what waits for a backup cannot be told");
                return;
            }
        }
        let of_profile = settings.aws_profile.is_some();
        self.keys_from = of_profile.then(|| session.0.core.aws_files.stamp());
        self.try_now(session);
        // What the run itself noted in the catalog is no change.
        self.seen = Some(session.0.store.version());
    }

    fn try_now(&mut self, session: &Session) {
        let shown = &session.0.transfers.automatic;
        let before = session.0.store.version();
        match session.back_up_quietly() {
            Ok(left_out) => {
                self.schedule.went_well();
                shown.show(None, None);
                // What came while it ran, and is in no restore point yet.
                let waits_on = || session.waiting_files().is_ok_and(|w| w > left_out);
                if session.0.store.version() != before && waits_on() {
                    self.schedule.changed(Instant::now());
                }
            }
            // Somebody stopped it: the next change counts.
            Err(error) if error.code() == Code::Cancelled => self.schedule.went_well(),
            Err(error) if error.code() == Code::StoreBusy => {
                self.schedule.look_again(Instant::now());
            }
            Err(error) => {
                let report = error.report();
                tracing::info!(%error, retryable = report.retryable, "the automatic backup did not go through");
                self.schedule.failed(Instant::now(), report.retryable);
                shown.show(Some(report), self.schedule.due());
            }
        }
        session.tell(Event::Backup);
    }
}

impl Session {
    /// As [`Session::backup_now`], but without a trace of tries that may go well later.
    /// Answers how many files were left out, which go on waiting.
    fn back_up_quietly(&self) -> Result<u64, CoreError> {
        let (bucket, settings) = self.begin_sending()?;
        let title = format!("Backing up to \"{}\" by itself", settings.bucket);
        let job = self.0.jobs.run(JobKind::Backup, title, |job| -> Finish {
            // A mass delete is a person's to confirm.
            self.run_backup(&bucket, &settings, false, job)
        });
        match job.result {
            // A list that is full says nothing of how many there are.
            Some(JobResult::Backup(report)) if report.left_out.len() >= LISTED => Ok(u64::MAX),
            Some(JobResult::Backup(report)) => Ok(report.left_out.len() as u64),
            _ => {
                let (id, state) = (job.id.clone(), job.state);
                let error = crate::jobs::error_of(job);
                if state == JobState::Failed && error.report().retryable {
                    let _ = self.dismiss_job(&id);
                }
                Err(error)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_begins_once_it_is_quiet_or_when_it_never_is() {
        let mut schedule = Schedule::default();
        let start = Instant::now();
        assert_eq!(schedule.due(), None);
        schedule.changed(start);
        schedule.changed(start + Duration::from_secs(3));
        assert_eq!(schedule.due(), Some(start + Duration::from_secs(3) + QUIET));
        for second in 0..1000 {
            schedule.changed(start + Duration::from_secs(second));
        }
        assert_eq!(schedule.due(), Some(start + LONGEST));
        schedule.went_well();
        assert_eq!(
            schedule.due(),
            None,
            "nothing to do until something changes"
        );
    }

    #[test]
    fn it_tries_for_hours_and_less_and_less_often() {
        let mut schedule = Schedule::default();
        let start = Instant::now();
        schedule.changed(start);
        let mut now = start;
        let mut tries = 0;
        while now < start + Duration::from_secs(24 * 3600) {
            now = schedule.due().expect("never given up");
            schedule.failed(now, true);
            tries += 1;
            let wait = schedule.due().unwrap() - now;
            assert!(
                wait >= FIRST_RETRY && wait <= LONGEST_RETRY.mul_f64(1.25),
                "{wait:?}"
            );
        }
        assert!((40..70).contains(&tries), "{tries} tries in a day");
    }

    #[test]
    fn what_would_fail_again_waits_until_something_was_done() {
        let mut schedule = Schedule::default();
        let start = Instant::now();
        schedule.changed(start);
        schedule.failed(start, false);
        assert_eq!(schedule.due(), None);
        schedule.changed(start + Duration::from_secs(1));
        assert_eq!(schedule.due(), None);
        assert!(!schedule.is_due(start) && schedule.is_due(start + LONGEST_RETRY));
        schedule.unblock();
        assert!(schedule.due().is_some());
    }
}
