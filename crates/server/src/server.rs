//! Starting and stopping: on a runtime of its own for the window's switch and the
//! command line, or on the caller's.

use std::future::Future;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use redline_core::Redline;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::bind::{ServeError, bind};
use crate::router::router;
use crate::state::Shared;

/// What answers under way get before they are cut off.
const GRACE: Duration = Duration::from_secs(3);

/// A server on the caller's runtime; it ends when its `shutdown` does.
pub struct Bound {
    pub addrs: Vec<SocketAddr>,
    done: tokio::task::JoinHandle<()>,
}

impl Bound {
    /// Until the server has stopped.
    pub async fn finished(self) {
        // A server that panicked has stopped, too.
        let _ = self.done.await;
    }
}

/// Listens on `port` (0 for any free one) until `shutdown` is ready.
pub async fn serve(
    redline: Redline,
    port: u16,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<Bound, ServeError> {
    let listeners = bind(port)?;
    let addrs = addresses(&listeners)?;
    let closing = CancellationToken::new();
    let done = tokio::spawn(async move {
        let answering = answer(redline, listeners, closing.clone());
        tokio::pin!(answering);
        tokio::select! {
            () = &mut answering => {}
            () = shutdown => {
                closing.cancel();
                answering.await;
            }
        }
    });
    Ok(Bound { addrs, done })
}

/// A server on a thread and a runtime of its own; it stops when it is dropped.
pub struct Server {
    addrs: Vec<SocketAddr>,
    closing: CancellationToken,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Server {
    /// Listens on `port` of 127.0.0.1, and of ::1 where there is IPv6; 0 takes any free
    /// port. Returns once requests are accepted.
    pub fn start(redline: Redline, port: u16) -> Result<Self, ServeError> {
        let listeners = bind(port)?;
        let addrs = addresses(&listeners)?;
        let io = |e: std::io::Error| ServeError::Io {
            detail: e.to_string(),
        };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .max_blocking_threads(64)
            .thread_name("redline-api")
            .enable_all()
            .build()
            .map_err(io)?;
        let closing = CancellationToken::new();
        let closes = closing.clone();
        let thread = std::thread::Builder::new()
            .name("redline-server".to_owned())
            .spawn(move || {
                runtime.block_on(answer(redline, listeners, closes));
                // What did not end within the grace ends with the runtime.
                runtime.shutdown_timeout(Duration::from_secs(1));
            })
            .map_err(io)?;
        Ok(Self {
            addrs,
            closing,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// `http://127.0.0.1:8080`
    pub fn address(&self) -> String {
        // `bind` never gives an empty list.
        self.addrs
            .first()
            .map(|a| format!("http://{a}"))
            .unwrap_or_default()
    }

    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addrs
    }

    /// Whether it still answers.
    pub fn is_running(&self) -> bool {
        self.lock()
            .as_ref()
            .is_some_and(|thread| !thread.is_finished())
    }

    /// Stops listening, lets answers under way end for a few seconds, and returns
    /// when the port is free. Stopping twice is no error.
    pub fn stop(&self) {
        self.closing.cancel();
        if let Some(thread) = self.lock().take() {
            // A server that panicked has stopped, too.
            let _ = thread.join();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<JoinHandle<()>>> {
        self.thread.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server")
            .field("addrs", &self.addrs)
            .finish_non_exhaustive()
    }
}

fn addresses(listeners: &[TcpListener]) -> Result<Vec<SocketAddr>, ServeError> {
    listeners
        .iter()
        .map(|l| {
            l.local_addr().map_err(|e| ServeError::Io {
                detail: e.to_string(),
            })
        })
        .collect()
}

/// Until `closing` is cancelled, and then for the grace at most.
async fn answer(redline: Redline, listeners: Vec<TcpListener>, closing: CancellationToken) {
    let port = listeners
        .first()
        .and_then(|l| l.local_addr().ok())
        .map_or(0, |a| a.port());
    let router = router(Shared::new(redline, port, closing.clone()));
    let mut serving = JoinSet::new();
    for listener in listeners {
        let listener = match tokio::net::TcpListener::from_std(listener) {
            Ok(listener) => listener,
            Err(error) => {
                tracing::error!(%error, "a socket could not be used");
                continue;
            }
        };
        let service = router
            .clone()
            .into_make_service_with_connect_info::<SocketAddr>();
        let closed = closing.clone().cancelled_owned();
        serving.spawn(async move {
            if let Err(error) = axum::serve(listener, service)
                .with_graceful_shutdown(closed)
                .await
            {
                tracing::error!(%error, "the server stopped");
            }
        });
    }
    closing.cancelled().await;
    let all = async { while serving.join_next().await.is_some() {} };
    if tokio::time::timeout(GRACE, all).await.is_err() {
        serving.abort_all();
    }
}
