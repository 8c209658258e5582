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
    began: Instant,
    shown: Mutex<Shown>,
    over: Condvar,
}

struct Shown {
    view: JobView,
    meter: Meter,
    /// The outcome is known; only its record is still to be written.
    ending: bool,
}

impl Job {
    pub(super) fn new(kind: JobKind, title: String) -> Self {
        Self {
            cancel: AtomicBool::new(false),
            bytes_done: AtomicU64::new(0),
            items_done: AtomicU64::new(0),
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
                ending: false,
            }),
            over: Condvar::new(),
        }
    }

    pub(crate) fn phase(&self, name: &str) {
        let mut shown = self.shown.lock();
        if shown.view.phase != name {
            name.clone_into(&mut shown.view.phase);
            shown.meter.restart();
        }
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

    /// Counts from nothing again: the next phase goes over the same things.
    pub(crate) fn restart_counts(&self) {
        self.bytes_done.store(0, Ordering::Relaxed);
        self.items_done.store(0, Ordering::Relaxed);
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
        let Shown { view, meter, .. } = &mut *shown;
        let done = Done {
            bytes: self.bytes_done.load(Ordering::Relaxed),
            items: self.items_done.load(Ordering::Relaxed),
        };
        let before = view.clone();
        view.bytes_done = done.bytes;
        view.items_done = done.items;
        meter.sample(self.began.elapsed(), done);
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
