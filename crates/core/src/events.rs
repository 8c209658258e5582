//! What core tells a front end without being asked.
//!
//! Each session has a channel of its own, and the process has one; what belongs to
//! a session reaches the process's channel only while that session is the one
//! signed in there. So a window never hears of another key's files, even where its
//! REST server serves both.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::broadcast;

use crate::contract::Event;

/// A listener that falls this far behind loses the oldest; each event says the
/// whole state of its thing, so it has only to ask again.
const BACKLOG: usize = 512;

/// The process's channel, and whose session it follows.
#[derive(Clone)]
pub(crate) struct Events {
    all: broadcast::Sender<Event>,
    current: Arc<Mutex<Option<String>>>,
}

impl Events {
    pub(crate) fn new() -> Self {
        Self {
            all: broadcast::channel(BACKLOG).0,
            current: Arc::default(),
        }
    }

    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Event> {
        self.all.subscribe()
    }

    /// To every front end of the process. That nobody listens is no error.
    pub(crate) fn send(&self, event: Event) {
        let _ = self.all.send(event);
    }

    /// From now on the process's channel carries the events of this store.
    pub(crate) fn follow(&self, store: Option<String>) {
        *self.current.lock() = store;
    }

    pub(crate) fn for_store(&self, store: String) -> StoreEvents {
        StoreEvents {
            store,
            own: broadcast::channel(BACKLOG).0,
            process: self.clone(),
        }
    }
}

/// One session's events.
#[derive(Clone)]
pub(crate) struct StoreEvents {
    store: String,
    own: broadcast::Sender<Event>,
    process: Events,
}

impl StoreEvents {
    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Event> {
        self.own.subscribe()
    }

    pub(crate) fn send(&self, event: Event) {
        if self.process.current.lock().as_ref() == Some(&self.store) {
            self.process.send(event.clone());
        }
        let _ = self.own.send(event);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_hears_of_its_own_session_only() {
        let events = Events::new();
        let (a, b) = (events.for_store("a".into()), events.for_store("b".into()));
        let mut process = events.subscribe();
        let mut of_b = b.subscribe();
        a.send(Event::Files);
        assert!(process.try_recv().is_err(), "nobody is signed in");
        events.follow(Some("a".into()));
        b.send(Event::History);
        a.send(Event::Files);
        assert_eq!(process.try_recv().unwrap(), Event::Files);
        assert!(process.try_recv().is_err());
        assert_eq!(of_b.try_recv().unwrap(), Event::History);
        assert!(of_b.try_recv().is_err());
    }
}
