//! The system's dialogs, opened from Rust alone: the page asks for one and gets
//! tokens or a yes, and never learns where a person keeps their files.

use std::path::PathBuf;

use redline_core::OfferedPath;
use tauri::{AppHandle, Manager};
use tauri_plugin_dialog::{DialogExt, FileDialogBuilder, FilePath};
use tokio::sync::oneshot;

use crate::shell::Shell;
use crate::window;

#[derive(Debug, Clone, Copy)]
pub enum Pick {
    Files,
    Folders,
}

/// Lets a person choose files or folders to add, and puts them on offer. Empty
/// when they changed their mind.
pub async fn pick(app: &AppHandle, what: Pick) -> Vec<OfferedPath> {
    let (answer, chosen) = oneshot::channel();
    let tell = move |paths: Option<Vec<FilePath>>| {
        // Nobody listens any more only when the window is gone.
        let _ = answer.send(paths.unwrap_or_default());
    };
    match what {
        Pick::Files => dialog(app).set_title("Add files").pick_files(tell),
        Pick::Folders => dialog(app).set_title("Add folders").pick_folders(tell),
    }
    let paths = to_paths(chosen.await.unwrap_or_default());
    let shell = app.state::<Shell>().inner().clone();
    let offering = tauri::async_runtime::spawn_blocking(move || {
        let offer = |path| shell.offered().offer(path).ok();
        paths.into_iter().filter_map(offer).collect()
    });
    offering.await.unwrap_or_default()
}

/// One file that core is to read and nobody to store. The page never learns its path.
pub async fn one_file(app: &AppHandle, title: &str) -> Option<PathBuf> {
    let (answer, chosen) = oneshot::channel();
    dialog(app).set_title(title).pick_file(move |path| {
        let _ = answer.send(path);
    });
    chosen.await.ok().flatten()?.into_path().ok()
}

/// Where to put copies of stored files. A folder, even for one file: a copy never
/// replaces what is there, so there is no name to ask for.
pub async fn folder_for_copies(app: &AppHandle, files: usize) -> Option<PathBuf> {
    let title = match files {
        1 => "Save a copy in".to_owned(),
        many => format!("Save {many} copies in"),
    };
    let (answer, chosen) = oneshot::channel();
    dialog(app).set_title(title).pick_folder(move |path| {
        let _ = answer.send(path);
    });
    chosen.await.ok().flatten()?.into_path().ok()
}

/// Where to save a text of ours; the system's dialog has asked before replacing.
pub async fn place_for(app: &AppHandle, title: &str, name: &str) -> Option<PathBuf> {
    let (answer, chosen) = oneshot::channel();
    let (kind, ending) = if name.ends_with(".json") {
        ("JSON", "json")
    } else {
        ("Text", "txt")
    };
    dialog(app)
        .set_title(title)
        .set_file_name(name)
        .add_filter(kind, &[ending])
        .save_file(move |path| {
            let _ = answer.send(path);
        });
    chosen.await.ok().flatten()?.into_path().ok()
}

fn dialog(app: &AppHandle) -> FileDialogBuilder<tauri::Wry> {
    let dialog = app.dialog().file();
    match app.get_webview_window(window::LABEL) {
        Some(window) => dialog.set_parent(&window),
        None => dialog,
    }
}

fn to_paths(chosen: Vec<FilePath>) -> Vec<PathBuf> {
    chosen
        .into_iter()
        .filter_map(|path| path.into_path().ok())
        .collect()
}
