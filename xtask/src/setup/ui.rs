//! The UI, built by Vite into `ui/dist`, which the app carries inside. Built again only when
//! something that goes into it has changed: its contents are hashed, since a fresh clone or a
//! branch switched back and forth says nothing useful in its times.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};

use super::duckdb::hex;
use crate::{
    command,
    place::Place,
    steps::Outcome::{self, AlreadyThere, Done},
};

/// Made from the rest, or by tools.
const NOT_INPUT: &[&str] = &[
    "node_modules",
    "dist",
    "dist-demo",
    "coverage",
    "test-results",
];

pub fn build(place: &Place) -> Result<Outcome> {
    let ui = place.ui();
    let wanted = hash_of_inputs(&ui)?;
    let stamp = ui.join("node_modules/.redline-built");
    let page = ui.join("dist/index.html");
    if page.exists() && fs::read_to_string(&stamp).is_ok_and(|found| found == wanted) {
        return Ok(AlreadyThere);
    }
    command::run(command::npm(&ui).args(["run", "build"]))?;
    ensure!(
        page.exists(),
        "the build of the UI ended well and left no {}",
        place.short(&page)
    );
    fs::write(&stamp, wanted).with_context(|| format!("could not write {}", stamp.display()))?;
    Ok(Done)
}

fn hash_of_inputs(ui: &Path) -> Result<String> {
    let mut hash = Sha256::new();
    for path in inputs(ui)? {
        let bytes =
            fs::read(&path).with_context(|| format!("could not read {}", path.display()))?;
        let name = path.strip_prefix(ui).unwrap_or(&path);
        hash.update(name.as_os_str().as_encoded_bytes());
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(&bytes);
    }
    Ok(hex(&hash.finalize()))
}

fn inputs(ui: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut open = vec![ui.to_path_buf()];
    while let Some(folder) = open.pop() {
        let listing = fs::read_dir(&folder)
            .with_context(|| format!("could not list {}", folder.display()))?;
        for entry in listing {
            let entry = entry?;
            let name = entry.file_name();
            let made = folder == ui
                && (NOT_INPUT.iter().any(|skip| name == *skip)
                    || name.to_string_lossy().starts_with('.'));
            if made {
                continue;
            }
            if entry.file_type()?.is_dir() {
                open.push(entry.path());
            } else {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    Ok(found)
}
