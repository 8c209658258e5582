//! tauri-driver: stands between a WebDriver client and WebKitWebDriver, and starts the app under
//! automation. Built once for this machine and kept in the cache.

use std::{fs, path::PathBuf};

use anyhow::{Result, bail};

use crate::{
    command,
    place::Place,
    steps::Outcome::{self, AlreadyThere, Done},
};

const VERSION: &str = "2.1.0";

/// Where the program is once installed.
pub fn program(place: &Place) -> PathBuf {
    place
        .tools()
        .join("bin")
        .join(format!("tauri-driver{}", std::env::consts::EXE_SUFFIX))
}

pub fn install(place: &Place) -> Result<Outcome> {
    if cfg!(target_os = "macos") {
        bail!("macOS has no WebDriver for an app's own web view, so the window cannot be driven");
    }
    // It has no --version; cargo's record of what it installed has.
    let record = fs::read_to_string(place.tools().join(".crates.toml")).unwrap_or_default();
    if program(place).exists() && record.contains(&format!("\"tauri-driver {VERSION} ")) {
        return Ok(AlreadyThere);
    }
    fs::create_dir_all(place.tools())?;
    command::run(
        command::cargo(place, &["install"])
            // Not in the clone, whose flags for the linker are for the app.
            .current_dir(place.tools())
            .args(["tauri-driver", "--version", VERSION, "--locked", "--root"])
            .arg(place.tools()),
    )?;
    Ok(Done)
}
