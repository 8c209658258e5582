//! The state that commands share: the open core, what is on offer, the server.
//!
//! Core opens before the window does, which is quick. Resuming the last profile
//! may ask the keyring and open a store, so it happens beside the window's start;
//! commands wait for its end, and so the page's first look is the true one.

use std::sync::{Arc, OnceLock};

use parking_lot::{Condvar, Mutex};
use redline_core::{
    Code, CoreError, ErrorReport, FrontEnd, OpenNotice, Options, Redline, Session, Settings,
};
use tauri::AppHandle;

use crate::events;
use crate::offered::Offered;
use crate::server::Switch;

/// What a command answers.
pub type Answer<T> = Result<T, ErrorReport>;

/// Cheap to clone; all clones are the same shell.
#[derive(Clone, Default)]
pub struct Shell(Arc<Parts>);

#[derive(Default)]
struct Parts {
    core: OnceLock<Result<Redline, CoreError>>,
    resumed: (Mutex<bool>, Condvar),
    offered: Offered,
    server: Switch,
}

impl Shell {
    /// Opens core, once it is certain that this launch is the one that stays. An
    /// error is kept, for every command to answer with: the window can then show it.
    pub fn open(&self) {
        let opened = self
            .0
            .core
            .get_or_init(|| Redline::open(Options::from_env(FrontEnd::Window)));
        if let Err(error) = opened {
            tracing::error!(%error, "could not open the app's folders");
        }
    }

    /// Signs the last profile in again, on a thread of its own. Once, at the start.
    pub fn resume(&self, app: &AppHandle) {
        let (shell, app) = (self.clone(), app.clone());
        tauri::async_runtime::spawn_blocking(move || {
            if let Some(core) = shell.core_now()
                && let Some(Err(error)) = core.resume()
            {
                let report = error.report();
                let mut lines = vec![report.message, report.hint];
                lines.retain(|line| !line.is_empty());
                events::notice(&app, OpenNotice { lines });
            }
            let (done, wake) = &shell.0.resumed;
            *done.lock() = true;
            wake.notify_all();
        });
    }

    /// Core, once resuming is over. Blocks: not for the main thread.
    pub fn core(&self) -> Result<&Redline, CoreError> {
        let (done, wake) = &self.0.resumed;
        let mut done = done.lock();
        while !*done {
            wake.wait(&mut done);
        }
        match self.0.core.get() {
            Some(opened) => opened.as_ref().map_err(Clone::clone),
            None => Err(CoreError::new(
                Code::Internal,
                "Redline is still starting.",
                "Try again.",
            )),
        }
    }

    /// Core as it stands, without waiting.
    pub fn core_now(&self) -> Option<&Redline> {
        self.0.core.get()?.as_ref().ok()
    }

    pub fn settings(&self) -> Settings {
        self.core_now().map(Redline::settings).unwrap_or_default()
    }

    pub fn offered(&self) -> &Offered {
        &self.0.offered
    }

    pub fn server(&self) -> &Switch {
        &self.0.server
    }

    /// Runs something of core's on a thread that may block.
    pub async fn with_core<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Redline) -> Result<T, CoreError> + Send + 'static,
    ) -> Answer<T> {
        let shell = self.clone();
        blocking(move || work(shell.core()?)).await
    }

    /// The same with the session that is signed in.
    pub async fn with_session<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Session) -> Result<T, CoreError> + Send + 'static,
    ) -> Answer<T> {
        self.with_core(move |core| work(&core.session()?)).await
    }
}

/// Runs work that blocks away from the threads that answer the page.
pub async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, CoreError> + Send + 'static,
) -> Answer<T> {
    match tauri::async_runtime::spawn_blocking(work).await {
        Ok(done) => done.map_err(|error| error.report()),
        Err(error) => {
            tracing::error!(%error, "a command ended before it could answer");
            Err(CoreError::new(
                Code::Internal,
                "The action stopped before it was finished.",
                "Try it again. Files that were reported as stored are not affected.",
            )
            .report())
        }
    }
}
