//! What other processes do with the same store, told to this one's front end: the
//! command line imports while the window looks on.

use std::collections::HashMap;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crate::contract::Event;
use crate::session::Session;

/// One look costs a `stat` and a small directory listing.
const EVERY: Duration = Duration::from_secs(1);

/// Follows the store for as long as the session lives, in processes that stay.
pub(crate) fn follow_others(session: &Session) {
    if !session.0.core.front_end.stays() {
        return;
    }
    let watched = Arc::downgrade(&session.0);
    let started = thread::Builder::new()
        .name("store watch".into())
        .spawn(move || {
            let mut version = None;
            let mut seen = HashMap::new();
            while let Some(session) = watched.upgrade() {
                let now = session.store.version();
                if version.is_some_and(|before| before != now) {
                    session.events.send(Event::Files);
                    session.events.send(Event::History);
                }
                version = Some(now);
                for job in session.jobs.news_from_elsewhere(&mut seen) {
                    session.events.send(Event::Job(job));
                }
                drop(session);
                thread::sleep(EVERY);
            }
        });
    if started.is_err() {
        tracing::warn!("changes by other processes will not be shown by themselves");
    }
}
