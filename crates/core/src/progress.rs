//! One job's counters, as each of the crates below wants to see them.

use std::sync::Arc;

use crate::jobs::Job;

impl redline_store::Progress for Job {
    fn phase(&self, name: &str) {
        Job::phase(self, name);
    }
    fn set_total(&self, bytes: Option<u64>, items: Option<u64>) {
        Job::set_total(self, bytes, items);
    }
    fn advance(&self, bytes: u64, items: u64) {
        Job::advance(self, bytes, items);
    }
    fn is_cancelled(&self) -> bool {
        Job::is_cancelled(self)
    }
}

/// One of several pieces of work of a job: it counts bytes and hears of cancelling,
/// and leaves phase, totals and items to whoever knows the whole.
pub(crate) struct Piece<'a>(pub(crate) &'a Job);

impl redline_store::Progress for Piece<'_> {
    fn phase(&self, _: &str) {}
    fn set_total(&self, _: Option<u64>, _: Option<u64>) {}
    fn advance(&self, bytes: u64, _: u64) {
        self.0.advance(bytes, 0);
    }
    fn is_cancelled(&self) -> bool {
        self.0.is_cancelled()
    }
}

/// The phases of the conversion crate as a person reads them.
fn phase_words(name: &str) -> &str {
    match name {
        "scan" | "read" => "reading",
        "check" => "checking every value",
        "write" => "writing",
        "prove" => "proving",
        other => other,
    }
}

/// Work that answers on the spot, without a job: hears what goes on, and says when to
/// stop. The default of everything is silence.
pub trait Watch: Sync {
    /// A phase begins; counting starts again at 0.
    fn phase(&self, _name: &str) {}
    /// The bytes that it will go through.
    fn set_total(&self, _bytes: u64) {}
    fn advance(&self, _bytes: u64) {}
    fn is_cancelled(&self) -> bool {
        false
    }
}

impl Watch for () {}

/// Tells nobody anything; stops once it is set.
impl Watch for std::sync::atomic::AtomicBool {
    fn is_cancelled(&self) -> bool {
        self.load(std::sync::atomic::Ordering::Relaxed)
    }
}

/// A [`Watch`] as the conversion crate wants to see it.
pub(crate) struct Watching<'a>(pub(crate) &'a dyn Watch);

impl redline_convert::Progress for Watching<'_> {
    fn phase(&self, name: &str) {
        self.0.phase(phase_words(name));
    }
    fn set_total(&self, bytes: u64) {
        self.0.set_total(bytes);
    }
    fn advance(&self, bytes: u64) {
        self.0.advance(bytes);
    }
    fn is_cancelled(&self) -> bool {
        self.0.is_cancelled()
    }
}

/// A conversion counts each phase from nothing.
pub(crate) struct Converting<'a>(pub(crate) &'a Job);

impl redline_convert::Progress for Converting<'_> {
    fn phase(&self, name: &str) {
        self.0.phase(phase_words(name));
        self.0.restart_counts();
    }
    fn set_total(&self, bytes: u64) {
        self.0.set_total(Some(bytes), None);
    }
    fn advance(&self, bytes: u64) {
        self.0.advance(bytes, 0);
    }
    fn is_cancelled(&self) -> bool {
        self.0.is_cancelled()
    }
}

/// The job says so while requests to `bucket` wait for an answer.
pub(crate) fn tell_outages(job: &Job, bucket: &redline_backup::Bucket) {
    let reach = bucket.reach();
    job.waits_when(move || reach.is_waiting());
}

/// Shared with the tasks of a transfer.
pub(crate) struct Transferring(pub(crate) Arc<Job>);

impl redline_backup::Progress for Transferring {
    fn phase(&self, phase: redline_backup::Phase) {
        self.0.phase(phase.as_str());
    }
    fn set_total(&self, bytes: u64, items: u64) {
        self.0.restart_counts();
        self.0.set_total(Some(bytes), Some(items));
    }
    fn advance(&self, bytes: u64, items: u64) {
        self.0.advance(bytes, items);
    }
    fn found(&self, bytes: u64, items: u64) {
        self.0.found(bytes, items);
    }
    fn is_cancelled(&self) -> bool {
        self.0.is_cancelled()
    }
}
