//! Where the window was and how large, kept from one start to the next in a small
//! file of the app's own. A file that is missing, damaged or from another set of
//! screens costs nothing: the window opens as configured.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use tauri::{AppHandle, Manager, PhysicalPosition, PhysicalSize, WebviewWindow};

use crate::window;

/// Pixels of the window that must lie on a screen for its place to count.
const GRIP: i32 = 120;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Placement {
    x: i32,
    y: i32,
    width: u32,
    height: u32,
    maximized: bool,
}

impl Placement {
    /// Whether enough of it lies on a screen, given as position and size.
    fn is_within_reach(&self, screen: (i32, i32, u32, u32)) -> bool {
        let (left, top, width, height) = screen;
        let right = left.saturating_add_unsigned(width);
        let bottom = top.saturating_add_unsigned(height);
        self.x.saturating_add_unsigned(self.width) >= left.saturating_add(GRIP)
            && self.x.saturating_add(GRIP) <= right
            && self.y >= top
            && self.y.saturating_add(GRIP) <= bottom
            && self.width <= width
            && self.height <= height
    }
}

pub fn restore(app: &AppHandle, window: &WebviewWindow) {
    let Some(placement) = file(app)
        .and_then(|path| std::fs::read(path).ok())
        .and_then(|bytes| serde_json::from_slice::<Placement>(&bytes).ok())
    else {
        return;
    };
    let screens = window.available_monitors().unwrap_or_default();
    let fits = screens.iter().any(|screen| {
        let (at, size) = (screen.position(), screen.size());
        placement.is_within_reach((at.x, at.y, size.width, size.height))
    });
    if !fits {
        return;
    }
    let placed = window
        .set_size(PhysicalSize::new(placement.width, placement.height))
        .and_then(|()| window.set_position(PhysicalPosition::new(placement.x, placement.y)))
        .and_then(|()| {
            if placement.maximized {
                window.maximize()
            } else {
                Ok(())
            }
        });
    if let Err(error) = placed {
        tracing::debug!(%error, "could not put the window where it was");
    }
}

/// Writes down where the window is; the size it has when maximized is not its own.
pub fn remember(app: &AppHandle) {
    let Some(window) = app.get_webview_window(window::LABEL) else {
        return;
    };
    let (Ok(at), Ok(size), Some(path)) = (window.outer_position(), window.inner_size(), file(app))
    else {
        return;
    };
    let maximized = window.is_maximized().unwrap_or(false);
    if window.is_minimized().unwrap_or(false) || window.is_fullscreen().unwrap_or(false) {
        return;
    }
    let mut placement = Placement {
        x: at.x,
        y: at.y,
        width: size.width,
        height: size.height,
        maximized,
    };
    if maximized
        && let Some(known) = std::fs::read(&path)
            .ok()
            .and_then(|bytes| serde_json::from_slice::<Placement>(&bytes).ok())
    {
        placement = Placement { maximized, ..known };
    }
    let written = path
        .parent()
        .map_or(Ok(()), std::fs::create_dir_all)
        .and_then(|()| std::fs::write(&path, serde_json::to_vec(&placement)?));
    if let Err(error) = written {
        tracing::debug!(%error, "could not remember the window's place");
    }
}

/// Beside the settings, so that a folder given for those holds all of a start.
fn file(app: &AppHandle) -> Option<PathBuf> {
    std::env::var_os("REDLINE_CONFIG_DIR")
        .filter(|folder| !folder.is_empty())
        .map(PathBuf::from)
        .or_else(|| app.path().app_config_dir().ok())
        .map(|folder| folder.join("window.json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCREEN: (i32, i32, u32, u32) = (0, 0, 1440, 900);

    fn at(x: i32, y: i32, width: u32, height: u32) -> Placement {
        Placement {
            x,
            y,
            width,
            height,
            maximized: false,
        }
    }

    #[test]
    fn a_place_on_the_screen_counts_and_one_off_it_does_not() {
        assert!(at(80, 40, 1280, 800).is_within_reach(SCREEN));
        assert!(at(-1000, 0, 1280, 800).is_within_reach(SCREEN));
        assert!(!at(-1279, 0, 1280, 800).is_within_reach(SCREEN));
        assert!(!at(3000, 0, 1280, 800).is_within_reach(SCREEN));
        assert!(
            !at(0, -60, 1280, 800).is_within_reach(SCREEN),
            "its title could not be grabbed"
        );
        assert!(
            !at(0, 0, 2560, 1400).is_within_reach(SCREEN),
            "larger than the screen"
        );
        assert!(!at(i32::MAX, i32::MAX, u32::MAX, u32::MAX).is_within_reach(SCREEN));
    }
}
