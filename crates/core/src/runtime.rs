//! The one asynchronous runtime of core, for what talks to a bucket. Started at its
//! first use; callers see plain functions.

use std::future::Future;
use std::sync::OnceLock;

use tokio::runtime::{Builder, Runtime};

use crate::error::{Code, CoreError};
use crate::redline;

/// Bytes. Requests are deep in calls, and in a build for debugging deeper still.
const STACK: usize = 8 << 20;

#[derive(Default)]
pub(crate) struct Network(OnceLock<Option<Runtime>>);

impl redline::Inner {
    /// Runs `work` to its end. On a thread of its own, so that a caller that already
    /// is inside a runtime can call it, too.
    pub(crate) fn block_on<F>(&self, work: F) -> Result<F::Output, CoreError>
    where
        F: Future + Send,
        F::Output: Send,
    {
        let unavailable = || {
            CoreError::new(
                Code::Internal,
                "The system gave no thread for the network.",
                "Close other programs and try again.",
            )
        };
        let runtime = self.network.0.get_or_init(|| {
            Builder::new_multi_thread()
                .worker_threads(2)
                .thread_name("redline-net")
                .enable_all()
                .build()
                .ok()
        });
        let runtime = runtime.as_ref().ok_or_else(unavailable)?;
        std::thread::scope(|scope| {
            let running = std::thread::Builder::new()
                .name("redline-net-call".into())
                .stack_size(STACK)
                .spawn_scoped(scope, || runtime.block_on(work))
                .map_err(|_| unavailable())?;
            running
                .join()
                .map_err(|panic| std::panic::resume_unwind(panic))
        })
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        // The last owner may be a task's thread, where waiting for the runtime is forbidden.
        if let Some(Some(runtime)) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
