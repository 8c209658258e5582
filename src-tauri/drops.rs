//! Files that arrive without a dialog: dragged onto the window, given to the
//! first launch as arguments, or handed over by a second one. All three end in
//! [`accept`], which puts them on offer and tells the page, once it is up and
//! someone is signed in to store them for.

use std::path::{Path, PathBuf};

use parking_lot::Mutex;
use redline_core::{OfferedPath, OpenNotice};
use serde::Serialize;
use tauri::{AppHandle, DragDropEvent, Manager};

use crate::arguments::{self, Launch};
use crate::events;
use crate::offered::shown_name;
use crate::ready::Ready;
use crate::shell::Shell;
use crate::window;

/// How many unreadable names a notice lists.
const NAMED: usize = 3;

#[derive(Clone, Serialize)]
struct Drag {
    over: bool,
    count: usize,
}

/// A drag over the window, as the system tells it.
pub fn dragged(app: &AppHandle, event: &DragDropEvent) {
    let drag = |over, count| events::say(app, events::DRAG, Drag { over, count });
    match event {
        DragDropEvent::Enter { paths, .. } => drag(true, paths.len()),
        DragDropEvent::Drop { paths, .. } => {
            drag(false, 0);
            accept(app, paths.clone());
        }
        DragDropEvent::Leave => drag(false, 0),
        _ => {}
    }
}

/// Another launch over the same store ended, and left its arguments.
pub fn second_launch(app: &AppHandle, arguments: Vec<String>, folder: String) {
    window::bring_forward(app);
    let arguments = arguments.into_iter().skip(1).map(Into::into);
    if let Launch::Open(paths) = arguments::parse(arguments, Path::new(&folder)) {
        accept(app, paths);
    }
}

/// Offers that the page has not been told of.
#[derive(Default)]
pub struct Held(Mutex<Vec<OfferedPath>>);

impl Held {
    pub fn clear(&self) {
        self.0.lock().clear();
    }
}

/// Puts paths on offer and tells the page, away from the caller's thread: a
/// network folder may take its time to answer.
pub fn accept(app: &AppHandle, paths: Vec<PathBuf>) {
    if paths.is_empty() {
        return;
    }
    let app = app.clone();
    tauri::async_runtime::spawn_blocking(move || {
        let shell = app.state::<Shell>();
        let mut unseen = Vec::new();
        for path in paths {
            let name = shown_name(&path);
            match shell.offered().offer(path) {
                Ok(offer) => app.state::<Held>().0.lock().push(offer),
                Err(error) => unseen.push(format!("“{name}”: {}", reason(&error))),
            }
        }
        if !unseen.is_empty() {
            events::notice(&app, notice(unseen));
        }
        deliver(&app);
    });
}

/// Tells the page what is held, if it can take it now.
pub fn deliver(app: &AppHandle) {
    let shell = app.state::<Shell>();
    let signed_in = shell.core_now().is_some_and(|core| core.session().is_ok());
    if !signed_in || !app.state::<Ready>().is_now() {
        return;
    }
    let offers = std::mem::take(&mut *app.state::<Held>().0.lock());
    if !offers.is_empty() {
        events::say(app, events::OFFERED, offers);
    }
}

fn reason(error: &std::io::Error) -> &'static str {
    match error.kind() {
        std::io::ErrorKind::NotFound => "it is not there",
        std::io::ErrorKind::PermissionDenied => "reading it is not allowed",
        _ => "it could not be read",
    }
}

fn notice(unseen: Vec<String>) -> OpenNotice {
    let more = unseen.len().saturating_sub(NAMED);
    let mut lines: Vec<String> = unseen
        .into_iter()
        .take(NAMED)
        .map(|what| format!("Could not take {what}."))
        .collect();
    if more > 0 {
        lines.push(format!("{more} more could not be taken."));
    }
    OpenNotice { lines }
}
