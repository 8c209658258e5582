//! What is outside of the page: files on disk, other programs, the desktop's windows and dialogs.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use redline_tests::window::{Desktop, Window};
use serde_json::{Value, json};

use super::{answer, listed};

/// A table of sales, `rows` long, with what makes CSV hard: a leading zero, an empty and a quoted
/// value, an umlaut.
pub fn sales(rows: usize) -> String {
    let mut text = String::from("id,code,day,amount,city,note\n");
    for n in 0..rows {
        let city = ["Köln", "São Paulo", "Kraków", "Oslo"][n % 4];
        let note = if n % 3 == 0 {
            "\"said \"\"yes\"\", twice\""
        } else {
            ""
        };
        text.push_str(&format!(
            "{n},{:05},2026-{:02}-{:02},{}.{:02},{city},{note}\n",
            n * 7 % 100_000,
            n % 12 + 1,
            n % 28 + 1,
            n * 13 % 9000,
            n % 100
        ));
    }
    text
}

pub fn put(folder: &Path, name: &str, bytes: impl AsRef<[u8]>) -> Result<PathBuf> {
    let path = folder.join(name);
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::write(&path, bytes).with_context(|| format!("could not write {name}"))?;
    Ok(path)
}

/// Writes over a stored file, as another program does, and waits until the store knows its new
/// bytes.
pub async fn edit_stored(
    window: &Window<'_>,
    stored: &Path,
    name: &str,
    bytes: &str,
) -> Result<()> {
    let sha256 = |files: Vec<Value>| {
        files
            .into_iter()
            .find(|file| file["filename"] == name)
            .map(|file| file["sha256"].clone())
    };
    let before = sha256(listed(window).await?);
    fs::write(stored, bytes)?;
    answer(window, "verify_files", json!({ "ids": null })).await?;
    for _ in 0..300 {
        if sha256(listed(window).await?) != before {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    bail!("the edit of {name} was not noticed")
}

/// The app that was built, or that REDLINE_APP names.
pub fn app() -> Result<PathBuf> {
    match std::env::var_os("REDLINE_APP") {
        Some(path) => Ok(path.into()),
        None => redline_tests::window::built("redline-desktop"),
    }
}

/// The app as on another machine: neither a store nor settings, both below a folder of this name.
pub async fn another_machine<'a>(desktop: &'a Desktop, name: &str) -> Result<Window<'a>> {
    let place = |part: &str| {
        let path = desktop.home().join(name).join(part);
        path.to_string_lossy().into_owned()
    };
    let (store, config) = (place("store"), place("config"));
    let environment = [
        ("REDLINE_DATA_DIR", store.as_str()),
        ("REDLINE_CONFIG_DIR", config.as_str()),
    ];
    desktop.open_program(&app()?, &environment).await
}

/// Starts the app a second time with arguments, as a desktop does for "Open with"; waits until that
/// process has handed over and ended.
pub fn second_launch(desktop: &Desktop, folder: &Path, arguments: &[&str]) -> Result<()> {
    let mut command: Command = desktop.command(app()?);
    let mut child = command.current_dir(folder).args(arguments).spawn()?;
    let deadline = Instant::now() + Duration::from_secs(15);
    loop {
        if let Some(status) = child.try_wait()? {
            ensure!(status.success(), "the second launch ended with {status}");
            return Ok(());
        }
        if Instant::now() > deadline {
            child.kill()?;
            child.wait()?;
            bail!("the second launch opened a window of its own");
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// Answers a native file dialog, found by its title, with a path.
pub async fn answer_dialog(desktop: &Desktop, title: &str, path: &Path) -> Result<()> {
    let id = wait_for_dialog(desktop, title).await?;
    // A key that begins a path opens the dialog's field for one.
    xdotool(desktop, &["windowactivate", "--sync", &id])?;
    tokio::time::sleep(Duration::from_millis(400)).await;
    xdotool(desktop, &["key", "--window", "0", "ctrl+l"])?;
    tokio::time::sleep(Duration::from_millis(200)).await;
    xdotool(desktop, &["key", "--window", "0", "ctrl+a"])?;
    let text = path.to_str().context("a path of the test is not UTF-8")?;
    xdotool(desktop, &["type", "--delay", "8", text])?;
    tokio::time::sleep(Duration::from_millis(300)).await;
    xdotool(desktop, &["key", "--window", "0", "Return"])?;
    let deadline = Instant::now() + Duration::from_secs(10);
    while dialog(desktop, title).is_some() {
        ensure!(
            Instant::now() < deadline,
            "the dialog {title:?} stayed open"
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}

pub async fn wait_for_dialog(desktop: &Desktop, title: &str) -> Result<String> {
    let deadline = Instant::now() + Duration::from_secs(15);
    loop {
        if let Some(id) = dialog(desktop, title) {
            return Ok(id);
        }
        ensure!(Instant::now() < deadline, "no dialog {title:?} came up");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn dialog(desktop: &Desktop, title: &str) -> Option<String> {
    let found = xdotool(desktop, &["search", "--onlyvisible", "--name", title]).ok()?;
    found.lines().next_back().map(str::to_owned)
}

pub fn xdotool(desktop: &Desktop, arguments: &[&str]) -> Result<String> {
    let output = desktop.command("xdotool").args(arguments).output()?;
    ensure!(
        output.status.success(),
        "xdotool {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The X11 id of the window of a process.
pub fn main_window(desktop: &Desktop, pid: u32) -> Result<String> {
    let pid = pid.to_string();
    let search = [
        "search",
        "--onlyvisible",
        "--pid",
        &pid,
        "--name",
        "^Redline$",
    ];
    let found = xdotool(desktop, &search)?;
    let id = found
        .lines()
        .next()
        .context("no window is called Redline")?;
    Ok(id.to_owned())
}

/// Asks the window to close, as the button in its frame does.
pub fn ask_to_close(desktop: &Desktop, pid: u32) -> Result<()> {
    let id = main_window(desktop, pid)?;
    xdotool(desktop, &["windowactivate", "--sync", &id])?;
    xdotool(desktop, &["key", "alt+F4"])?;
    Ok(())
}

/// A file of this name anywhere below a folder.
pub fn find_file(folder: &Path, name: &str) -> Option<PathBuf> {
    files_below(folder)
        .into_iter()
        .find(|path| path.file_name().is_some_and(|it| it == name))
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    entries
        .flatten()
        .flat_map(|entry| match entry.file_type() {
            Ok(kind) if kind.is_dir() => files_below(&entry.path()),
            Ok(kind) if kind.is_file() => vec![entry.path()],
            _ => Vec::new(),
        })
        .collect()
}

/// Whether a text lies in any file below a folder, but for one.
pub fn holds(folder: &Path, text: &str, except: &Path) -> bool {
    files_below(folder)
        .iter()
        .filter(|path| *path != except)
        .any(|path| {
            fs::read(path).is_ok_and(|bytes| {
                bytes
                    .windows(text.len())
                    .any(|window| window == text.as_bytes())
            })
        })
}
