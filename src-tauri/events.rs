//! Everything that is said to the page without being asked.
//!
//! Core speaks as often as it likes; the page hears at most ten times a second of
//! the same thing, and always the newest. Nothing is lost by that: events say
//! that something changed, or how a job stands now.

use std::time::Duration;

use parking_lot::Mutex;
use redline_core::{Event, OpenNotice, Redline};
use serde::Serialize;
use tauri::ipc::Channel;
use tauri::{AppHandle, Manager};
use tokio::sync::broadcast::error::RecvError;

use crate::ready::Ready;
use crate::shell::Shell;
use crate::{drops, window};

/// Core's own events.
pub const EVENT: &str = "redline://event";
/// Files are held over the window, or no longer.
pub const DRAG: &str = "redline://drag";
/// Files arrived; the page may import them by their tokens.
pub const OFFERED: &str = "redline://offered";

/// How long events are gathered after one was sent.
const GATHER: Duration = Duration::from_millis(100);

/// One thing said to the page.
#[derive(Clone, Serialize)]
pub struct Said {
    event: &'static str,
    payload: serde_json::Value,
}

/// The page's ear. A channel of ours rather than Tauri's events: a page that may
/// listen to those also hears Tauri's own drop event, which holds paths.
#[derive(Default)]
pub struct Ear(Mutex<Option<Channel<Said>>>);

impl Ear {
    /// From now on the page listens here; a page that was loaded again replaces its
    /// former ear.
    pub fn lend(&self, channel: Channel<Said>) {
        *self.0.lock() = Some(channel);
    }
}

/// Tells the page. Before it listens nothing is said: what it shows first is asked
/// for, and what it must not miss goes through [`notice`].
pub fn say(app: &AppHandle, event: &'static str, payload: impl Serialize) {
    let ear = app.state::<Ear>();
    let Some(channel) = ear.0.lock().clone() else {
        return;
    };
    let said = serde_json::to_value(payload)
        .map_err(tauri::Error::from)
        .and_then(|payload| channel.send(Said { event, payload }));
    if let Err(error) = said {
        tracing::warn!(%error, event, "could not tell the window");
    }
}

/// Tells the page something that it must not miss by not being up yet.
pub fn notice(app: &AppHandle, notice: OpenNotice) {
    let teller = app.clone();
    app.state::<Ready>()
        .then(move || say(&teller, EVENT, Event::Notice(notice)));
}

/// Passes core's events on for as long as the app runs.
pub fn forward(app: &AppHandle) {
    let shell = app.state::<Shell>().inner().clone();
    let Some(mut heard) = shell.core_now().map(Redline::events) else {
        return;
    };
    let app = app.clone();
    tauri::async_runtime::spawn(async move {
        let mut waiting = Gathered::default();
        loop {
            match heard.recv().await {
                Ok(event) => waiting.add(event),
                Err(RecvError::Lagged(missed)) => {
                    tracing::debug!(missed, "events came too fast; asking anew");
                    catch_up(&shell, &mut waiting);
                }
                Err(RecvError::Closed) => return,
            }
            tell(&app, &mut waiting);
            // The first was said at once; what follows closely is gathered.
            let pause = tokio::time::sleep(GATHER);
            tokio::pin!(pause);
            loop {
                tokio::select! {
                    () = &mut pause => break,
                    event = heard.recv() => match event {
                        Ok(event) => waiting.add(event),
                        Err(RecvError::Lagged(_)) => catch_up(&shell, &mut waiting),
                        Err(RecvError::Closed) => break,
                    },
                }
            }
            tell(&app, &mut waiting);
        }
    });
}

/// What may have been missed, said again as it stands now.
fn catch_up(shell: &Shell, waiting: &mut Gathered) {
    waiting.add(Event::Files);
    waiting.add(Event::History);
    waiting.add(Event::Backup);
    if let Some(session) = shell.core_now().and_then(|core| core.session().ok()) {
        session
            .jobs()
            .into_iter()
            .for_each(|job| waiting.add(Event::Job(job)));
    }
}

fn tell(app: &AppHandle, waiting: &mut Gathered) {
    for event in waiting.take() {
        match &event {
            Event::Settings(settings) => window::set_theme(app, settings.theme),
            // What one person dropped is not for the next who signs in.
            Event::Session(None) => {
                app.state::<Shell>().offered().clear();
                app.state::<drops::Held>().clear();
            }
            _ => {}
        }
        let signed_in = matches!(event, Event::Session(Some(_)));
        say(app, EVENT, event);
        if signed_in {
            drops::deliver(app);
        }
    }
}

/// Events in order of their first mention, each once, as it was said last.
#[derive(Default)]
struct Gathered(Vec<Event>);

impl Gathered {
    fn add(&mut self, event: Event) {
        match self.0.iter_mut().find(|known| same_matter(known, &event)) {
            Some(Event::Notice(known)) => {
                if let Event::Notice(more) = event {
                    known.lines.extend(more.lines);
                }
            }
            Some(known) => *known = event,
            None => self.0.push(event),
        }
    }

    fn take(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.0)
    }
}

fn same_matter(a: &Event, b: &Event) -> bool {
    match (a, b) {
        (Event::Job(a), Event::Job(b)) => a.id == b.id,
        _ => std::mem::discriminant(a) == std::mem::discriminant(b),
    }
}

#[cfg(test)]
mod tests {
    use redline_core::{JobKind, JobState, JobView};

    use super::*;

    fn job(id: &str, bytes_done: u64) -> Event {
        Event::Job(JobView {
            id: id.into(),
            kind: JobKind::Import,
            title: "Storing 2 files".into(),
            state: JobState::Running,
            phase: "copying".into(),
            bytes_done,
            bytes_total: None,
            items_done: 0,
            items_total: None,
            rate: None,
            left: None,
            started_at: "2026-01-01T00:00:00Z".into(),
            finished_at: None,
            can_cancel: true,
            elsewhere: false,
            error: None,
            result: None,
        })
    }

    #[test]
    fn the_newest_of_each_matter_is_kept_in_order() {
        let mut gathered = Gathered::default();
        for event in [
            job("a", 1),
            Event::Files,
            job("b", 1),
            job("a", 2),
            Event::Files,
            job("a", 3),
        ] {
            gathered.add(event);
        }
        assert_eq!(gathered.take(), [job("a", 3), Event::Files, job("b", 1)]);
        assert!(gathered.take().is_empty());
    }

    #[test]
    fn no_notice_swallows_another() {
        let mut gathered = Gathered::default();
        for line in ["one", "two"] {
            gathered.add(Event::Notice(OpenNotice {
                lines: vec![line.into()],
            }));
        }
        assert_eq!(
            gathered.take(),
            [Event::Notice(OpenNotice {
                lines: vec!["one".into(), "two".into()]
            })]
        );
    }
}
