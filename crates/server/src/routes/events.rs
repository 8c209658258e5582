//! What happens in the caller's store, as server-sent events.
//!
//! Only events of the session itself: what another key does is never seen, not even
//! that it does something.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event as Sent, KeepAlive, Sse};
use futures::{Stream, StreamExt, future, stream};
use redline_core::{Event, JobState};
use tokio_stream::wrappers::BroadcastStream;

use crate::auth::Caller;
use crate::error::ApiError;
use crate::state::{Shared, blocking};

pub(crate) async fn events(
    State(shared): State<Shared>,
    Caller(session): Caller,
) -> Result<Sse<impl Stream<Item = Result<Sent, Infallible>>>, ApiError> {
    // Subscribed first, so that nothing falls between the jobs of now and the rest.
    let later = BroadcastStream::new(session.events());
    let now = blocking(move || Ok(session.jobs())).await?;
    let now = stream::iter(
        now.into_iter()
            .filter(|job| job.state == JobState::Running)
            .map(Event::Job),
    );
    // A client that fell behind lost some; each event says all there is about its thing.
    let later = later.filter_map(|event| future::ready(event.ok()));
    let told = now
        .chain(later)
        .filter_map(|event| future::ready(sent(&event)))
        .map(Ok)
        .take_until(shared.closing.clone().cancelled_owned());
    Ok(Sse::new(told).keep_alive(KeepAlive::new().interval(Duration::from_secs(15))))
}

/// `None` for what is the window's own affair.
fn sent(event: &Event) -> Option<Sent> {
    let (name, data) = match event {
        Event::Job(job) => ("job", serde_json::to_string(job).ok()?),
        Event::Files => ("files", "{}".to_owned()),
        Event::History => ("history", "{}".to_owned()),
        Event::Backup => ("backup", "{}".to_owned()),
        Event::Notice(notice) => ("notice", serde_json::to_string(notice).ok()?),
        Event::Session(_) | Event::Keyring(_) | Event::Settings(_) => return None,
    };
    Some(Sent::default().event(name).data(data))
}
