//! When the page is up: what had to wait for that, and the line that tests and
//! the start benchmark wait for.

use parking_lot::Mutex;

type Task = Box<dyn FnOnce() + Send>;

/// What waits for the page; None once it is there.
pub struct Ready(Mutex<Option<Vec<Task>>>);

impl Default for Ready {
    fn default() -> Self {
        Self(Mutex::new(Some(Vec::new())))
    }
}

impl Ready {
    pub fn is_now(&self) -> bool {
        self.0.lock().is_none()
    }

    /// Runs the task now, or as soon as the page listens.
    pub fn then(&self, task: impl FnOnce() + Send + 'static) {
        let mut waiting = self.0.lock();
        match waiting.as_mut() {
            Some(tasks) => tasks.push(Box::new(task)),
            None => {
                drop(waiting);
                task();
            }
        }
    }

    /// The page has painted its data and listens.
    pub fn now(&self) {
        let Some(tasks) = self.0.lock().take() else {
            return;
        };
        if std::env::var_os("REDLINE_REPORT_READY").is_some_and(|value| value == "1") {
            eprintln!("redline: ready");
        }
        tasks.into_iter().for_each(|task| task());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn tasks_wait_for_the_page_in_order_and_then_run_at_once() {
        let ready = Ready::default();
        let done = Arc::new(Mutex::new(Vec::new()));
        let note = |n| {
            let done = done.clone();
            move || done.lock().push(n)
        };
        ready.then(note(1));
        ready.then(note(2));
        assert!(done.lock().is_empty() && !ready.is_now());
        ready.now();
        ready.now();
        ready.then(note(3));
        assert_eq!(*done.lock(), [1, 2, 3]);
    }
}
