//! The one window: how it is made, what it may not do, and what happens to it.
//!
//! The page may load its own files and call its own commands. It may not go
//! elsewhere, open a window, download, or use a device.

use redline_core::Theme;
use tauri::webview::{NewWindowResponse, PermissionResponse};
use tauri::window::Color;
use tauri::{AppHandle, Manager, Url, WebviewWindow, WebviewWindowBuilder, WindowEvent};

use crate::{close, drops, placement};

pub const LABEL: &str = "main";

/// Makes the window that tauri.conf.json describes.
pub fn create(app: &AppHandle, theme: Theme) -> tauri::Result<()> {
    let config = app
        .config()
        .app
        .windows
        .first()
        .cloned()
        .ok_or(tauri::Error::WindowNotFound)?;
    let window = WebviewWindowBuilder::from_config(app, &config)?
        .theme(as_tauri(theme))
        .background_color(backdrop(theme == Theme::Dark))
        .on_navigation(is_own_page)
        .on_new_window(|url, _| {
            tracing::warn!(scheme = url.scheme(), "refused to open a window");
            NewWindowResponse::Deny
        })
        .on_permission_request(|_, _| PermissionResponse::Deny)
        .on_download(|_, _| false)
        .build()?;
    if theme == Theme::System {
        match_backdrop(&window);
    }
    placement::restore(app, &window);
    Ok(())
}

/// The app's own pages: `tauri://localhost`, and where the system has no schemes
/// of one's own, `http://tauri.localhost`.
fn is_own_page(url: &Url) -> bool {
    let own = match url.scheme() {
        "tauri" => url.host_str() == Some("localhost"),
        "http" | "https" if cfg!(any(windows, target_os = "android")) => {
            url.host_str() == Some("tauri.localhost")
        }
        _ => false,
    };
    if !own {
        tracing::warn!(scheme = url.scheme(), "refused to leave the app's own page");
    }
    own
}

/// What the window shows where the page has not painted yet, so that neither a
/// start nor a resize flashes. The page's own ground, see ui/src/tokens.css.
fn backdrop(dark: bool) -> Color {
    if dark {
        Color(0x13, 0x13, 0x12, 0xff)
    } else {
        Color(0xf7, 0xf6, 0xf3, 0xff)
    }
}

fn as_tauri(theme: Theme) -> Option<tauri::Theme> {
    match theme {
        Theme::System => None,
        Theme::Light => Some(tauri::Theme::Light),
        Theme::Dark => Some(tauri::Theme::Dark),
    }
}

pub fn set_theme(app: &AppHandle, theme: Theme) {
    let Some(window) = app.get_webview_window(LABEL) else {
        return;
    };
    if let Err(error) = window.set_theme(as_tauri(theme)) {
        tracing::warn!(%error, "could not change the window's theme");
    }
    match_backdrop(&window);
}

/// Puts the backdrop of the theme that the window has now behind the page.
fn match_backdrop(window: &WebviewWindow) {
    let dark = window
        .theme()
        .is_ok_and(|theme| theme == tauri::Theme::Dark);
    if let Err(error) = window.set_background_color(Some(backdrop(dark))) {
        tracing::debug!(%error, "could not change the window's backdrop");
    }
}

/// Shows the window to someone who just asked for it again.
pub fn bring_forward(app: &AppHandle) {
    let Some(window) = app.get_webview_window(LABEL) else {
        return;
    };
    for done in [window.unminimize(), window.show(), window.set_focus()] {
        if let Err(error) = done {
            tracing::debug!(%error, "could not bring the window forward");
        }
    }
}

/// Whether there is a screen to open a window on.
pub fn has_display() -> bool {
    let named = |variable| std::env::var_os(variable).is_some_and(|value| !value.is_empty());
    !cfg!(target_os = "linux") || named("DISPLAY") || named("WAYLAND_DISPLAY")
}

pub fn happened(app: &AppHandle, event: &WindowEvent) {
    match event {
        WindowEvent::DragDrop(drag) => drops::dragged(app, drag),
        WindowEvent::CloseRequested { api, .. } => {
            placement::remember(app);
            if close::must_ask(app) {
                api.prevent_close();
                close::ask(app);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_apps_own_page_is_a_place_to_go() {
        let goes = |url: &str| is_own_page(&Url::parse(url).unwrap());
        assert!(goes("tauri://localhost/index.html"));
        for elsewhere in [
            "https://example.org/",
            "http://127.0.0.1:8080/",
            "file:///etc/passwd",
            "tauri://elsewhere/",
            "data:text/html,x",
            "about:blank",
            "javascript:alert(1)",
            #[cfg(not(windows))]
            "http://tauri.localhost/",
        ] {
            assert!(!goes(elsewhere), "{elsewhere}");
        }
    }
}
