//! Bytes as they cross: a request's pulse, which tells a dead line from a slow one,
//! and the limit on how fast they may.
//!
//! The pulse travels with the task that sends the request, so that no call has to
//! hand it on. A body beats when the connection takes a piece of it; an answer
//! beats with each piece that comes.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use aws_sdk_s3::error::BoxError;
use aws_sdk_s3::primitives::SdkBody;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Instant, Sleep};

use super::reach::Reach;

tokio::task_local! {
    pub(super) static PULSE: Arc<Pulse>;
}

/// What a system's socket may hold of a body that the other side has not seen.
const IN_SOCKETS: u64 = 4 << 20;
/// Before anything crossed, a line is taken to be no slower than this.
const UNKNOWN_SPEED: u64 = 32 << 10;
const SLOWEST: u64 = 8 << 10;
/// A server needs time to put an object of many parts, or a copy, together.
const SERVER_SPEED: u64 = 4 << 20;
/// In milliseconds: what a socket takes at once may go nowhere, and what it goes on
/// taking for so long goes somewhere.
const FLOWING: u64 = 500;
/// What a body gives at once.
const PIECE: usize = 256 << 10;

/// One attempt of one request.
pub(super) struct Pulse {
    began: Instant,
    /// Milliseconds after `began`.
    last: AtomicU64,
    sent: AtomicU64,
    /// When the first piece went, in milliseconds after `began`.
    first: AtomicU64,
    /// Waits for the bandwidth limit: silence of our own making.
    held: AtomicBool,
    line: Line,
    /// The body's SHA-256 in hex, where it is known: the signer need not hash it again.
    pub(super) body_sha256: Option<String>,
}

impl Pulse {
    pub(super) fn new(line: Line, body_sha256: Option<String>) -> Self {
        Self {
            began: Instant::now(),
            last: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            first: AtomicU64::new(0),
            held: AtomicBool::new(false),
            line,
            body_sha256,
        }
    }

    fn beat(&self) {
        let now = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last.store(now, Ordering::Relaxed);
    }

    /// The connection took a piece of the body.
    fn gave(&self, bytes: u64) {
        let before = self.sent.fetch_add(bytes, Ordering::Relaxed);
        self.beat();
        let now = self.last.load(Ordering::Relaxed);
        if before == 0 {
            self.first.store(now, Ordering::Relaxed);
        } else if now.saturating_sub(self.first.load(Ordering::Relaxed)) >= FLOWING {
            self.line.reach().moved();
        }
    }

    /// Resolves once nothing has moved for longer than can be honest: `quiet`, what is
    /// still in the socket at a quarter of the line's speed, and the time a server
    /// needs for `bytes`.
    pub(super) async fn stall(&self, quiet: Duration, bytes: u64) {
        loop {
            let sent = self.sent.load(Ordering::Relaxed);
            let in_sockets = sent.min(IN_SOCKETS);
            let allowed = quiet
                + Duration::from_secs_f64(in_sockets as f64 / self.line.floor() as f64)
                + Duration::from_secs_f64(bytes as f64 / SERVER_SPEED as f64);
            let last = Duration::from_millis(self.last.load(Ordering::Relaxed));
            let silent = self.began.elapsed().saturating_sub(last);
            if self.held.load(Ordering::Relaxed) {
                tokio::time::sleep(quiet).await;
            } else if silent >= allowed {
                return;
            } else {
                tokio::time::sleep((allowed - silent).max(Duration::from_millis(1))).await;
            }
        }
    }

    /// The attempt went well: so fast is the line, at least.
    pub(super) fn went_well(&self) {
        let sent = self.sent.load(Ordering::Relaxed);
        if sent >= 64 << 10 {
            self.line.note(sent, self.began.elapsed());
        }
    }
}

/// A piece of an answer came: waits as long as the limit says before the next is read.
pub(super) async fn received(bytes: usize) {
    let Ok(pulse) = PULSE.try_with(Arc::clone) else {
        return;
    };
    pulse.beat();
    pulse.line.reach().moved();
    if let Some(until) = pulse.line.reserve(bytes as u64) {
        pulse.held.store(true, Ordering::Relaxed);
        tokio::time::sleep_until(until).await;
        pulse.held.store(false, Ordering::Relaxed);
        pulse.beat();
    }
}

/// The line to one bucket: how fast a request was on it lately, and how fast all of
/// them together may be. Cheap to clone; clones are the same.
#[derive(Clone, Default)]
pub(crate) struct Line(Arc<LineState>);

#[derive(Default)]
struct LineState {
    /// Bytes a second of one request; 0 while unknown.
    speed: AtomicU64,
    /// Bytes a second of all; 0 for no limit.
    limit: AtomicU64,
    /// When the bytes that were let through so far are due.
    due: Mutex<Option<Instant>>,
    reach: Reach,
}

impl Line {
    pub(super) fn reach(&self) -> &Reach {
        &self.0.reach
    }

    /// `None` for as fast as it goes.
    pub(crate) fn set_limit(&self, bytes_per_second: Option<u64>) {
        self.0
            .limit
            .store(bytes_per_second.unwrap_or(0), Ordering::Relaxed);
        *self.due() = None;
    }

    fn limit(&self) -> u64 {
        self.0.limit.load(Ordering::Relaxed)
    }

    /// Books `bytes`; answers when they may go, if not now.
    fn reserve(&self, bytes: u64) -> Option<Instant> {
        let limit = self.limit();
        if limit == 0 {
            return None;
        }
        let now = Instant::now();
        let mut due = self.due();
        let start = due.unwrap_or(now).max(now);
        *due = Some(start + Duration::from_secs_f64(bytes as f64 / limit as f64));
        (start > now).then_some(start)
    }

    fn due(&self) -> MutexGuard<'_, Option<Instant>> {
        self.0.due.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, bytes: u64, took: Duration) {
        let now = (bytes as f64 / took.as_secs_f64().max(0.001)) as u64;
        let before = self.0.speed.load(Ordering::Relaxed);
        let mean = if before == 0 {
            now
        } else {
            before / 4 * 3 + now / 4
        };
        self.0.speed.store(mean.max(1), Ordering::Relaxed);
    }

    /// No honest request is slower than this.
    fn floor(&self) -> u64 {
        match self.0.speed.load(Ordering::Relaxed) {
            0 => UNKNOWN_SPEED,
            speed => (speed / 4).max(SLOWEST),
        }
    }
}

/// `body` so that it beats and keeps to the limit, if it is in memory, as all of ours
/// are. What comes after this still sees its bytes: the SDK would take a body without
/// them for a stream, and wrap it in checksums of its own.
pub(super) fn metered(body: SdkBody, pulse: Arc<Pulse>) -> SdkBody {
    match body.bytes().map(<[u8]>::len) {
        Some(length @ 1..) => body.map_preserve_contents(move |inner| {
            SdkBody::from_body_1_x(Metered {
                inner,
                left: length as u64,
                rest: Bytes::new(),
                waiting: None,
                pulse: pulse.clone(),
            })
        }),
        _ => body,
    }
}

struct Metered {
    inner: SdkBody,
    /// Not yet given out.
    left: u64,
    /// What the inner body gave and this one has not.
    rest: Bytes,
    /// A piece whose time has not come.
    waiting: Option<(Pin<Box<Sleep>>, Bytes)>,
    pulse: Arc<Pulse>,
}

impl Metered {
    fn give(&mut self, piece: Bytes) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let length = piece.len() as u64;
        self.left = self.left.saturating_sub(length);
        self.pulse.gave(length);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn next_piece(&mut self) -> Bytes {
        // At most a tenth of a second in one piece, so that a low limit is no stutter.
        let most = match self.pulse.line.limit() {
            0 => PIECE,
            limit => PIECE.min(usize::try_from(limit / 10).unwrap_or(PIECE).max(1024)),
        };
        self.rest.split_to(most.min(self.rest.len()))
    }
}

impl Body for Metered {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        loop {
            if let Some((wait, _)) = &mut this.waiting {
                ready!(wait.as_mut().poll(context));
                this.pulse.held.store(false, Ordering::Relaxed);
                let piece = this.waiting.take().map(|(_, piece)| piece);
                return this.give(piece.unwrap_or_default());
            }
            if this.rest.is_empty() {
                match ready!(Pin::new(&mut this.inner).poll_frame(context)) {
                    Some(Ok(frame)) => match frame.into_data() {
                        Ok(data) => this.rest = data,
                        Err(other) => return Poll::Ready(Some(Ok(other))),
                    },
                    end => return Poll::Ready(end),
                }
            }
            let piece = this.next_piece();
            match this.pulse.line.reserve(piece.len() as u64) {
                None => return this.give(piece),
                Some(until) => {
                    this.pulse.held.store(true, Ordering::Relaxed);
                    this.waiting = Some((Box::pin(tokio::time::sleep_until(until)), piece));
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[tokio::test(start_paused = true)]
    async fn silence_is_a_stall_and_a_slow_beat_is_not() {
        let line = Line::default();
        let quiet = Duration::from_secs(30);
        let dead = Pulse::new(line.clone(), None);
        let began = Instant::now();
        dead.stall(quiet, 0).await;
        assert!(began.elapsed() < quiet * 2);

        let slow = Arc::new(Pulse::new(line, None));
        let beating = slow.clone();
        let beats = tokio::spawn(async move {
            for _ in 0..60 {
                tokio::time::sleep(Duration::from_secs(20)).await;
                beating.sent.fetch_add(1024, Ordering::Relaxed);
                beating.beat();
            }
        });
        let began = Instant::now();
        slow.stall(quiet, 0).await;
        assert!(
            began.elapsed() > Duration::from_secs(1200),
            "not while it beat"
        );
        assert!(began.elapsed() < Duration::from_secs(1300));
        beats.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_in_the_socket_gets_the_time_that_the_line_needs() {
        let line = Line::default();
        let stalled_after = |line: &Line| {
            let pulse = Pulse::new(line.clone(), None);
            pulse.sent.store(16 * MIB, Ordering::Relaxed);
            async move {
                let began = Instant::now();
                pulse.stall(Duration::from_secs(30), 0).await;
                began.elapsed().as_secs()
            }
        };
        assert!(
            (150..170).contains(&stalled_after(&line).await),
            "not known yet"
        );
        line.note(8 * MIB, Duration::from_secs(1));
        assert!(
            (30..35).contains(&stalled_after(&line).await),
            "a fast line"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn the_limit_holds_over_all_requests() {
        let line = Line::default();
        line.set_limit(Some(MIB));
        let began = Instant::now();
        let mut waits = Vec::new();
        for _ in 0..40 {
            let line = line.clone();
            waits.push(tokio::spawn(async move {
                if let Some(until) = line.reserve(MIB / 4) {
                    tokio::time::sleep_until(until).await;
                }
            }));
        }
        for wait in waits {
            wait.await.unwrap();
        }
        let took = began.elapsed().as_secs_f64();
        assert!((9.7..10.1).contains(&took), "{took}");
        line.set_limit(None);
        assert!(line.reserve(1 << 40).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_held_body_comes_out_whole_and_is_no_stall() {
        let line = Line::default();
        line.set_limit(Some(100 << 10));
        let pulse = Arc::new(Pulse::new(line, None));
        let bytes: Vec<u8> = (0..MIB as usize).map(|n| (n / 7) as u8).collect();
        let mut body = Box::pin(metered(SdkBody::from(bytes.clone()), pulse.clone()));
        assert_eq!(body.size_hint().exact(), Some(MIB));
        let (began, mut came) = (Instant::now(), Vec::new());
        let read = async {
            while let Some(frame) = std::future::poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
                came.extend_from_slice(frame.unwrap().data_ref().unwrap());
            }
        };
        tokio::select! {
            () = read => {}
            () = pulse.stall(Duration::from_millis(500), 0) => panic!("held by the limit, not stalled"),
        }
        assert_eq!(came, bytes);
        assert!((9.0..11.0).contains(&began.elapsed().as_secs_f64()));
    }
}
