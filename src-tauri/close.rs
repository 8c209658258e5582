//! Closing while work runs. Nothing is lost either way, since every job survives
//! a kill; but a person should choose to stop a backup, not find it stopped.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use redline_core::{JobState, JobView, Session};
use tauri::{AppHandle, Manager};
use tauri_plugin_dialog::{DialogExt, MessageDialogButtons, MessageDialogKind};

use crate::shell::Shell;
use crate::window;

/// How long jobs may take to stop before the app ends without them.
const PATIENCE: Duration = Duration::from_secs(3);

/// A person was asked and has not answered, or has answered to quit.
static ASKED: AtomicBool = AtomicBool::new(false);
static DECIDED: AtomicBool = AtomicBool::new(false);

/// Whether closing now would stop work of this process.
pub fn must_ask(app: &AppHandle) -> bool {
    !DECIDED.load(Ordering::SeqCst)
        && app.get_webview_window(window::LABEL).is_some()
        && session(app).is_some_and(|session| !running(&session).is_empty())
}

/// Asks once, and quits if that is the answer.
pub fn ask(app: &AppHandle) {
    let Some(session) = session(app) else {
        return;
    };
    if ASKED.swap(true, Ordering::SeqCst) {
        return;
    }
    let question = question(&running(&session));
    let mut dialog = app
        .dialog()
        .message(question)
        .title("Quit Redline?")
        .kind(MessageDialogKind::Warning)
        .buttons(MessageDialogButtons::OkCancelCustom(
            "Stop and quit".into(),
            "Keep running".into(),
        ));
    if let Some(window) = app.get_webview_window(window::LABEL) {
        dialog = dialog.parent(&window);
    }
    let app = app.clone();
    // Answered on a thread of its own, which may wait for the jobs.
    dialog.show(move |quit| {
        if quit {
            stop(&session);
            DECIDED.store(true, Ordering::SeqCst);
            app.exit(0);
        }
        ASKED.store(false, Ordering::SeqCst);
    });
}

fn session(app: &AppHandle) -> Option<Session> {
    app.try_state::<Shell>()?.core_now()?.session().ok()
}

fn running(session: &Session) -> Vec<JobView> {
    let mut jobs = session.jobs();
    jobs.retain(|job| job.state == JobState::Running && !job.elsewhere);
    jobs
}

fn question(jobs: &[JobView]) -> String {
    const AFTER: &str =
        "What is stored already stays stored. The next backup sends only what is missing.";
    match jobs {
        [only] => format!("“{}” is running. Quit and stop it?\n\n{AFTER}", only.title),
        many => format!(
            "{} jobs are running. Quit and stop them?\n\n{AFTER}",
            many.len()
        ),
    }
}

fn stop(session: &Session) {
    for job in running(session) {
        if let Err(error) = session.cancel_job(&job.id) {
            tracing::warn!(%error, "could not stop a job; ending without it");
        }
    }
    let since = Instant::now();
    while !running(session).is_empty() && since.elapsed() < PATIENCE {
        std::thread::sleep(Duration::from_millis(50));
    }
}
