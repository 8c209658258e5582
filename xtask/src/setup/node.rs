//! npm packages, exactly those of a lock file. Never resolves versions anew.

use std::{fs, path::Path, process::Command};

use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};

use super::duckdb::hex;
use crate::{
    command,
    steps::Outcome::{self, AlreadyThere, Done},
};

const OLDEST_NODE: u32 = 20;

/// Installs what `folder/package-lock.json` lists, unless that was done for this very lock file.
pub fn install(folder: &Path) -> Result<Outcome> {
    require_node()?;
    let mut hash = Sha256::new();
    for name in ["package.json", "package-lock.json"] {
        let path = folder.join(name);
        hash.update(fs::read(&path).with_context(|| format!("could not read {}", path.display()))?);
    }
    let wanted = hex(&hash.finalize());
    // npm removes the folder first, and with it the stamp of an install that was cut short.
    let stamp = folder.join("node_modules/.redline-installed");
    if fs::read_to_string(&stamp).is_ok_and(|found| found == wanted) {
        return Ok(AlreadyThere);
    }
    command::run(command::npm(folder).args([
        "ci",
        "--no-audit",
        "--no-fund",
        "--prefer-offline",
        "--loglevel=error",
    ]))?;
    fs::create_dir_all(folder.join("node_modules"))?;
    fs::write(&stamp, wanted).with_context(|| format!("could not write {}", stamp.display()))?;
    Ok(Done)
}

fn require_node() -> Result<()> {
    let version = command::output(Command::new("node").arg("--version"))
        .context("Node.js is needed to build the UI.\nhint: install version 20 or newer")?;
    let found = major(&version).with_context(|| format!("node says its version is {version:?}"))?;
    ensure!(
        found >= OLDEST_NODE,
        "Node.js {} is too old for the UI.\nhint: install version {OLDEST_NODE} or newer",
        version.trim()
    );
    Ok(())
}

fn major(version: &str) -> Option<u32> {
    version
        .trim()
        .trim_start_matches('v')
        .split('.')
        .next()?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn node_versions() {
        assert_eq!(major("v20.11.1\n"), Some(20));
        assert_eq!(major("nonsense"), None);
    }
}
