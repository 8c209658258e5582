//! Ctrl-C: the first one cancels the work cleanly, the second ends the process.
//!
//! It owns the signal handler. It never removes anything; cancelling is core's.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use redline_core::{JobState, Session};

use crate::failure::{Failure, status};

/// How often a job that is not yet listed is looked for.
const AGAIN: Duration = Duration::from_millis(100);

#[derive(Clone)]
pub struct Interrupt {
    pressed: Arc<AtomicBool>,
    over: Arc<AtomicBool>,
}

impl Interrupt {
    /// From now on Ctrl-C cancels what this process runs in `session`.
    pub fn arm(session: &Session) -> Result<Self, Failure> {
        let interrupt = Self {
            pressed: Arc::default(),
            over: Arc::default(),
        };
        let signals = Signals::listen()?;
        let (mine, session) = (interrupt.clone(), session.clone());
        std::thread::spawn(move || {
            signals.wait();
            mine.pressed.store(true, Ordering::SeqCst);
            let watched = mine.clone();
            std::thread::spawn(move || {
                // The job may not be listed yet, so ask until the command is over.
                while !watched.over.load(Ordering::SeqCst) {
                    for job in session.jobs() {
                        if job.state == JobState::Running && !job.elsewhere {
                            // One that just ended needs no cancelling.
                            let _ = session.cancel_job(&job.id);
                        }
                    }
                    std::thread::sleep(AGAIN);
                }
            });
            signals.wait();
            std::process::exit(i32::from(status::FAILED));
        });
        Ok(interrupt)
    }

    /// The same for work without a store: the flag that Ctrl-C sets.
    pub fn flag() -> Result<Arc<AtomicBool>, Failure> {
        let pressed: Arc<AtomicBool> = Arc::default();
        let (signals, mine) = (Signals::listen()?, Arc::clone(&pressed));
        std::thread::spawn(move || {
            signals.wait();
            mine.store(true, Ordering::SeqCst);
            signals.wait();
            std::process::exit(i32::from(status::FAILED));
        });
        Ok(pressed)
    }

    pub fn pressed(&self) -> bool {
        self.pressed.load(Ordering::SeqCst)
    }
}

impl Interrupt {
    pub fn end(&self) {
        self.over.store(true, Ordering::SeqCst);
    }
}

/// Blocks until Ctrl-C, or being asked to end in the system's own way.
pub struct Signals {
    runtime: tokio::runtime::Runtime,
    next: std::sync::Mutex<tokio::sync::mpsc::UnboundedReceiver<()>>,
}

impl Signals {
    pub fn listen() -> Result<Self, Failure> {
        let failed = |e: std::io::Error| Failure::io("Could not listen for Ctrl-C", &e);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .map_err(failed)?;
        let (pressed, next) = tokio::sync::mpsc::unbounded_channel();
        let _guard = runtime.enter();
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            for kind in [SignalKind::interrupt(), SignalKind::terminate()] {
                let (mut stream, pressed) = (signal(kind).map_err(failed)?, pressed.clone());
                runtime.spawn(async move {
                    while stream.recv().await.is_some() && pressed.send(()).is_ok() {}
                });
            }
        }
        #[cfg(not(unix))]
        runtime.spawn(async move {
            while tokio::signal::ctrl_c().await.is_ok() && pressed.send(()).is_ok() {}
        });
        drop(_guard);
        Ok(Self {
            runtime,
            next: std::sync::Mutex::new(next),
        })
    }

    pub fn wait(&self) {
        let mut next = self
            .next
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        self.runtime.block_on(next.recv());
    }
}
