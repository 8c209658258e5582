//! One job that runs in this process: its counters, and what it looks like now.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::Finish;
use super::meter::{Done, Meter};
use crate::contract::{JobKind, JobState, JobView};
use crate::error::CoreError;
use crate::text;

/// A running job. Counting is cheap and from any thread; who shows it looks ten
/// times a second, so nothing is sent for each chunk.
pub(crate) struct Job {
    cancel: AtomicBool,
    bytes_done: AtomicU64,
    items_done: AtomicU64,
    /// Of both, what was done before this job: no part of its speed.
    bytes_found: AtomicU64,
    items_found: AtomicU64,
    began: Instant,
    shown: Mutex<Shown>,
    over: Condvar,
}

/// What a job says it is doing while it waits for an answer.
const WAITING: &str = "waiting for the network";

/// Asked ten times a second whether the work waits for the network.
type Waits = Box<dyn Fn() -> bool + Send>;

struct Shown {
    view: JobView,
    meter: Meter,
    /// What the work says it is doing, which it goes on with after a wait.
    phase: String,
    waits: Option<Waits>,
    /// The outcome is known; only its record is still to be written.
    ending: bool,
}

impl Job {
    pub(super) fn new(kind: JobKind, title: String) -> Self {
        Self {
            cancel: AtomicBool::new(false),
            bytes_done: AtomicU64::new(0),
            items_done: AtomicU64::new(0),
            bytes_found: AtomicU64::new(0),
            items_found: AtomicU64::new(0),
            began: Instant::now(),
            shown: Mutex::new(Shown {
                view: JobView {
                    id: ulid::Ulid::new().to_string(),
                    kind,
                    title,
                    state: JobState::Running,
                    phase: String::new(),
                    bytes_done: 0,
                    bytes_total: None,
                    items_done: 0,
                    items_total: None,
                    rate: None,
                    left: None,
                    started_at: text::now(),
                    finished_at: None,
                    can_cancel: true,
                    elsewhere: false,
                    error: None,
                    result: None,
                },
                meter: Meter::default(),
                phase: String::new(),
                waits: None,
                ending: false,
            }),
            over: Condvar::new(),
        }
    }

    pub(crate) fn phase(&self, name: &str) {
        let mut shown = self.shown.lock();
        if shown.phase != name {
            name.clone_into(&mut shown.phase);
            name.clone_into(&mut shown.view.phase);
            shown.meter.restart();
        }
    }

    /// Where to ask whether the work waits for the network; that is a phase of its own
    /// for as long as it does.
    pub(crate) fn waits_when(&self, waits: impl Fn() -> bool + Send + 'static) {
        self.shown.lock().waits = Some(Box::new(waits));
    }

    pub(crate) fn set_total(&self, bytes: Option<u64>, items: Option<u64>) {
        let mut shown = self.shown.lock();
        shown.view.bytes_total = bytes;
        shown.view.items_total = items;
    }

    pub(crate) fn advance(&self, bytes: u64, items: u64) {
        self.bytes_done.fetch_add(bytes, Ordering::Relaxed);
        self.items_done.fetch_add(items, Ordering::Relaxed);
    }

    /// As [`Job::advance`], of what was done before this job.
    pub(crate) fn found(&self, bytes: u64, items: u64) {
        self.bytes_found.fetch_add(bytes, Ordering::Relaxed);
        self.items_found.fetch_add(items, Ordering::Relaxed);
        self.advance(bytes, items);
    }

    /// Counts from nothing again: the next phase goes over the same things.
    pub(crate) fn restart_counts(&self) {
        for count in [
            &self.bytes_done,
            &self.items_done,
            &self.bytes_found,
            &self.items_found,
        ] {
            count.store(0, Ordering::Relaxed);
        }
        self.shown.lock().meter.restart();
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.cancel.load(Ordering::Relaxed)
    }

    /// Asks it to stop; it does so at its next safe place.
    pub(crate) fn cancel(&self) {
        self.cancel.store(true, Ordering::Relaxed);
        self.shown.lock().view.can_cancel = false;
    }

    pub(super) fn is_over(&self) -> bool {
        self.shown.lock().view.state != JobState::Running
    }

    /// As last shown.
    pub(crate) fn view(&self) -> JobView {
        self.shown.lock().view.clone()
    }

    /// Brings what is shown up to date; answers it if anything changed.
    pub(super) fn refresh(&self) -> Option<JobView> {
        let mut shown = self.shown.lock();
        if shown.ending {
            return None;
        }
        let Shown {
            view,
            meter,
            phase,
            waits,
            ..
        } = &mut *shown;
        let done = Done {
            bytes: self.bytes_done.load(Ordering::Relaxed),
            items: self.items_done.load(Ordering::Relaxed),
        };
        let before = view.clone();
        let waiting = waits.as_ref().is_some_and(|waits| waits());
        let phase = if waiting { WAITING } else { phase.as_str() };
        if view.phase != phase {
            phase.clone_into(&mut view.phase);
            // A speed from before an outage says nothing of the time after it.
            meter.restart();
        }
        view.bytes_done = done.bytes;
        view.items_done = done.items;
        let found = Done {
            bytes: self.bytes_found.load(Ordering::Relaxed),
            items: self.items_found.load(Ordering::Relaxed),
        };
        meter.sample(self.began.elapsed(), done.without(found));
        view.rate = meter.rate();
        let left = |total: Option<u64>, done: u64| total.map(|total| total.saturating_sub(done));
        view.left = meter.left(
            left(view.bytes_total, done.bytes),
            left(view.items_total, done.items),
        );
        (*view != before).then(|| view.clone())
    }

    /// Writes the outcome in and ends the watch; whoever waits for the job goes on
    /// only at [`Job::release`], when its record is written, too.
    pub(super) fn finish(&self, finish: Finish) -> JobView {
        self.refresh();
        let mut shown = self.shown.lock();
        shown.ending = true;
        shown.waits = None;
        self.over.notify_all();
        let view = &mut shown.view;
        view.phase.clear();
        view.rate = None;
        view.left = None;
        view.can_cancel = false;
        view.finished_at = Some(text::now());
        view.error = finish.error.as_ref().map(CoreError::report);
        view.result = finish.result;
        let mut over = view.clone();
        over.state = finish.state;
        over
    }

    /// The job is over, and its record is written.
    pub(super) fn release(&self, state: JobState) {
        self.shown.lock().view.state = state;
        self.over.notify_all();
    }

    /// Waits until the job is over.
    pub(super) fn wait(&self) {
        let mut shown = self.shown.lock();
        while shown.view.state == JobState::Running {
            self.over.wait(&mut shown);
        }
    }

    /// Waits for one look's time; answers whether there is nothing more to look at.
    pub(super) fn tick(&self, time: Duration) -> bool {
        let mut shown = self.shown.lock();
        if !shown.ending {
            self.over.wait_for(&mut shown, time);
        }
        shown.ending
    }
}
