//! The native menu, on macOS alone: there it is the bar at the top of the screen,
//! without which copy and paste would have no keys. Elsewhere it would be a second
//! row of what the page has in view already, and GTK gives a hidden menu no
//! shortcuts (tried), so there is none.

use redline_core::Redline;
use tauri::menu::{Menu, MenuItem, PredefinedMenuItem, Submenu};
use tauri::{AppHandle, Manager};

use crate::dialogs::{self, Pick};
use crate::shell::Shell;
use crate::{events, window};

const ADD: &str = "add-files";
const SIGN_OUT: &str = "sign-out";
const QUIT: &str = "quit";

pub fn attach(app: &AppHandle) -> tauri::Result<()> {
    if !cfg!(target_os = "macos") {
        return Ok(());
    }
    let file = Submenu::with_items(
        app,
        "File",
        true,
        &[
            &MenuItem::with_id(app, ADD, "Add Files…", true, Some("CmdOrCtrl+O"))?,
            &PredefinedMenuItem::separator(app)?,
            &MenuItem::with_id(app, SIGN_OUT, "Sign Out", true, None::<&str>)?,
            &MenuItem::with_id(app, QUIT, "Quit Redline", true, Some("CmdOrCtrl+Q"))?,
        ],
    )?;
    let edit = Submenu::with_items(
        app,
        "Edit",
        true,
        &[
            &PredefinedMenuItem::undo(app, None)?,
            &PredefinedMenuItem::redo(app, None)?,
            &PredefinedMenuItem::separator(app)?,
            &PredefinedMenuItem::cut(app, None)?,
            &PredefinedMenuItem::copy(app, None)?,
            &PredefinedMenuItem::paste(app, None)?,
            &PredefinedMenuItem::select_all(app, None)?,
        ],
    )?;
    app.set_menu(Menu::with_items(app, &[&file, &edit])?)?;
    Ok(())
}

/// A person chose an item, or pressed its keys.
pub fn chosen(app: &AppHandle, item: &str) {
    match item {
        ADD => {
            let app = app.clone();
            tauri::async_runtime::spawn(async move {
                let offers = dialogs::pick(&app, Pick::Files).await;
                if !offers.is_empty() {
                    events::say(&app, events::OFFERED, offers);
                }
            });
        }
        SIGN_OUT => {
            let shell = app.state::<Shell>().inner().clone();
            tauri::async_runtime::spawn_blocking(move || {
                shell.core_now().map(Redline::sign_out);
            });
        }
        QUIT => {
            if let Some(window) = app.get_webview_window(window::LABEL)
                && let Err(error) = window.close()
            {
                tracing::warn!(%error, "could not close the window");
            }
        }
        _ => {}
    }
}
