//! What every request shares.

use std::sync::Arc;

use redline_core::{CoreError, Redline};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::error::ApiError;
use crate::limiter::Limiter;

/// Files that are taken in at a time; each holds a thread while its bytes arrive.
const UPLOADS: usize = 16;
/// Uploads at a time whose key comes only after the file.
const SPOOLED: usize = 2;

#[derive(Clone)]
pub(crate) struct Shared(Arc<Inner>);

pub(crate) struct Inner {
    pub redline: Redline,
    pub limiter: Limiter,
    /// The port of both sockets; an Origin has to name it.
    pub port: u16,
    /// Cancelled when the server stops: what would stream on for ever ends then.
    pub closing: CancellationToken,
    pub uploads: Semaphore,
    pub spooled: Semaphore,
}

impl Shared {
    pub fn new(redline: Redline, port: u16, closing: CancellationToken) -> Self {
        Self(Arc::new(Inner {
            redline,
            limiter: Limiter::default(),
            port,
            closing,
            uploads: Semaphore::new(UPLOADS),
            spooled: Semaphore::new(SPOOLED),
        }))
    }
}

impl std::ops::Deref for Shared {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

/// Core waits for disks and locks, so it runs where waiting is allowed.
pub(crate) async fn blocking<T: Send + 'static>(
    f: impl FnOnce() -> Result<T, CoreError> + Send + 'static,
) -> Result<T, ApiError> {
    match tokio::task::spawn_blocking(f).await {
        Ok(result) => result.map_err(ApiError::from),
        Err(error) => {
            tracing::error!(panicked = error.is_panic(), "a call to core did not end");
            Err(ApiError::internal())
        }
    }
}
