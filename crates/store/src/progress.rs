//! How long work tells of itself and hears that it should stop. Injected, so
//! that the same work serves a window, a terminal and a test.

/// Progress of one piece of work. Calls are cheap and may be frequent: whoever
/// listens coalesces them.
pub trait Progress: Sync {
    fn phase(&self, name: &str);
    /// The amounts to reach; `None` while unknown.
    fn set_total(&self, bytes: Option<u64>, items: Option<u64>);
    fn advance(&self, bytes: u64, items: u64);
    /// Asked at least once a batch and once a buffer.
    fn is_cancelled(&self) -> bool;
}

/// Silent, and never cancelled.
impl Progress for () {
    fn phase(&self, _: &str) {}
    fn set_total(&self, _: Option<u64>, _: Option<u64>) {}
    fn advance(&self, _: u64, _: u64) {}
    fn is_cancelled(&self) -> bool {
        false
    }
}
