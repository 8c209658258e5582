//! The progress bar: core's job events, drawn on a terminal's stderr.
//!
//! Without a terminal, with --json or --quiet there is none. It never changes what
//! a job does.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use redline_core::{Event, JobState, JobView, Session, TimeLeft};
use tokio::sync::broadcast::error::TryRecvError;

use crate::out::Out;
use crate::words;

/// Core tells at most ten times a second; so do we look.
const LOOK: Duration = Duration::from_millis(100);

pub struct Bar {
    bar: Option<ProgressBar>,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Bar {
    /// Follows the jobs of `session` that this process runs.
    pub fn follow(out: &Out, session: &Session) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        if !out.has_room_for_a_bar() {
            return Self {
                bar: None,
                over,
                thread: None,
            };
        }
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(10));
        bar.set_style(ProgressStyle::default_spinner());
        let mut events = session.events();
        let (drawn, stop) = (bar.clone(), over.clone());
        let thread = std::thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                let mut latest = None;
                loop {
                    match events.try_recv() {
                        Ok(Event::Job(job)) if !job.elsewhere => latest = Some(job),
                        Ok(_) | Err(TryRecvError::Lagged(_)) => {}
                        Err(TryRecvError::Empty) => break,
                        Err(TryRecvError::Closed) => return,
                    }
                }
                if let Some(job) = latest.filter(|job| job.state == JobState::Running) {
                    draw(&drawn, &job);
                } else {
                    drawn.tick();
                }
                std::thread::sleep(LOOK);
            }
        });
        Self {
            bar: Some(bar),
            over,
            thread: Some(thread),
        }
    }

    /// Writes to stdout without tearing the bar.
    pub fn aside<T>(&self, f: impl FnOnce() -> T) -> T {
        match &self.bar {
            Some(bar) => bar.suspend(f),
            None => f(),
        }
    }

    pub fn end(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A bar that broke is no reason to fail the work.
            let _ = thread.join();
        }
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.end();
    }
}

/// Work without a job: a bar of its own, and Ctrl-C as the word to stop.
pub struct Alone {
    bar: Option<ProgressBar>,
    pressed: Arc<AtomicBool>,
}

impl Alone {
    pub fn follow(out: &Out, pressed: Arc<AtomicBool>) -> Self {
        let bar = out.has_room_for_a_bar().then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(10));
            bar.set_style(ProgressStyle::default_spinner());
            bar
        });
        Self { bar, pressed }
    }

    /// Writes to stdout without tearing the bar.
    pub fn aside<T>(&self, f: impl FnOnce() -> T) -> T {
        match &self.bar {
            Some(bar) => bar.suspend(f),
            None => f(),
        }
    }
}

impl redline_core::Watch for Alone {
    fn phase(&self, name: &str) {
        if let Some(bar) = &self.bar {
            bar.set_position(0);
            bar.set_message(name.to_owned());
        }
    }

    fn set_total(&self, bytes: u64) {
        let (Some(bar), true) = (&self.bar, bytes > 0) else {
            return;
        };
        bar.set_length(bytes);
        const LINE: &str =
            "{bar:24} {percent:>3}%  {msg}  {bytes} of {total_bytes}  {bytes_per_sec}";
        if let Ok(style) = ProgressStyle::with_template(LINE) {
            bar.set_style(style.progress_chars("━╸─"));
        }
    }

    fn advance(&self, bytes: u64) {
        if let Some(bar) = &self.bar {
            bar.inc(bytes);
        }
    }

    fn is_cancelled(&self) -> bool {
        self.pressed.load(Ordering::Relaxed)
    }
}

impl Drop for Alone {
    fn drop(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

fn draw(bar: &ProgressBar, job: &JobView) {
    let template = match (job.bytes_total, job.items_total) {
        (Some(total), _) if total > 0 => {
            bar.set_length(total);
            bar.set_position(job.bytes_done.min(total));
            "{bar:24} {percent:>3}%  {wide_msg}"
        }
        (_, Some(total)) if total > 0 => {
            bar.set_length(total);
            bar.set_position(job.items_done.min(total));
            "{bar:24} {percent:>3}%  {wide_msg}"
        }
        _ => "{spinner} {wide_msg}",
    };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("━╸─"));
    }
    bar.set_message(describe(job));
}

/// `copying  1.2 GB of 2 GB  3 of 10 files  340 MB/s  2–4 s left`
fn describe(job: &JobView) -> String {
    let mut parts = vec![if job.phase.is_empty() {
        job.title.clone()
    } else {
        job.phase.clone()
    }];
    match job.bytes_total {
        Some(total) if total > 0 => parts.push(format!(
            "{} of {}",
            words::size(job.bytes_done),
            words::size(total)
        )),
        _ if job.bytes_done > 0 => parts.push(words::size(job.bytes_done)),
        _ => {}
    }
    match job.items_total {
        Some(total) if total > 1 => parts.push(format!(
            "{} of {}",
            words::number(job.items_done),
            words::count(total, "file", "files")
        )),
        _ => {}
    }
    if let Some(rate) = job.rate.filter(|rate| *rate > 0) {
        parts.push(format!("{}/s", words::size(rate)));
    }
    if let Some(left) = job.left {
        parts.push(describe_left(left));
    }
    parts.join("  ")
}

fn describe_left(TimeLeft { low_s, high_s }: TimeLeft) -> String {
    let (low, high) = (low_s.min(high_s), low_s.max(high_s));
    match high {
        0..120 if low == high => format!("{high} s left"),
        0..120 => format!("{low}–{high} s left"),
        _ => {
            let (low, high) = (low / 60, high.div_ceil(60));
            if low == high {
                format!("{high} min left")
            } else {
                format!("{low}–{high} min left")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use redline_core::JobKind;

    use super::*;

    #[test]
    fn a_job_is_described_by_what_is_known() {
        let mut job = JobView {
            id: "01J".into(),
            kind: JobKind::Import,
            title: "Storing 10 files".into(),
            state: JobState::Running,
            phase: "copying".into(),
            bytes_done: 1_200_000_000,
            bytes_total: Some(2_000_000_000),
            items_done: 3,
            items_total: Some(10),
            rate: Some(340_000_000),
            left: Some(TimeLeft {
                low_s: 2,
                high_s: 4,
            }),
            started_at: String::new(),
            finished_at: None,
            can_cancel: true,
            elsewhere: false,
            error: None,
            result: None,
        };
        assert_eq!(
            describe(&job),
            "copying  1.2 GB of 2 GB  3 of 10 files  340 MB/s  2–4 s left"
        );
        job.bytes_total = None;
        job.items_total = None;
        job.rate = None;
        job.left = Some(TimeLeft {
            low_s: 100,
            high_s: 400,
        });
        assert_eq!(describe(&job), "copying  1.2 GB  1–7 min left");
    }
}
