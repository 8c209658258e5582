//! One build folder for every clone on this machine, without one clone's code ending up in
//! another's programs.
//!
//! Cargo names what it builds for a workspace member by the member's place within its workspace,
//! and calls it fresh when no source is newer. Two clones therefore take each other's results for
//! their own (measured: the older clone was given a program built from the newer one). What is
//! worth sharing are the hundreds of dependencies, which have no such trouble; so when the folder
//! was last used by another clone, what cargo remembers about the members is forgotten, and they
//! alone are built again.

use std::{fs, path::Path};

use anyhow::{Context, Result};

use crate::{command, place::Place};

const OWNER: &str = "redline-clone";

/// Makes the build folder this clone's.
pub fn build_folder(place: &Place) -> Result<()> {
    let stamp = place.target.join(OWNER);
    let us = place.root.to_string_lossy();
    if fs::read_to_string(&stamp).is_ok_and(|owner| owner == us) {
        return Ok(());
    }
    fs::create_dir_all(&place.target)
        .with_context(|| format!("could not create {}", place.target.display()))?;
    let members = members(place)?;
    for profile in ["debug", "release"] {
        forget(&place.target.join(profile).join(".fingerprint"), &members)?;
    }
    fs::write(&stamp, us.as_bytes()).with_context(|| format!("could not write {}", stamp.display()))
}

fn members(place: &Place) -> Result<Vec<String>> {
    let metadata = command::output(&mut command::cargo(
        place,
        &["metadata", "--no-deps", "--format-version=1", "--quiet"],
    ))?;
    let metadata: serde_json::Value =
        serde_json::from_str(&metadata).context("cargo metadata did not answer with JSON")?;
    Ok(metadata["packages"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|package| Some(package["name"].as_str()?.to_owned()))
        .collect())
}

/// Entries are called `{package}-{16 hex digits}`.
fn forget(fingerprints: &Path, members: &[String]) -> Result<()> {
    let Ok(entries) = fs::read_dir(fingerprints) else {
        return Ok(());
    };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let of_member = name
            .to_str()
            .and_then(|name| name.rsplit_once('-'))
            .is_some_and(|(package, _)| members.iter().any(|member| member == package));
        if of_member {
            fs::remove_dir_all(entry.path())
                .with_context(|| format!("could not remove {}", entry.path().display()))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_members_are_forgotten() -> Result<()> {
        let folder = std::env::temp_dir().join(format!("redline-claim-{}", std::process::id()));
        for name in [
            "redline-0123456789abcdef",
            "redline-store-0123456789abcdef",
            "serde-0123456789abcdef",
            "redline-other-0123456789abcdef",
        ] {
            fs::create_dir_all(folder.join(name))?;
        }
        forget(&folder, &["redline".to_owned(), "redline-store".to_owned()])?;
        let mut left: Vec<_> = fs::read_dir(&folder)?
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .collect();
        left.sort();
        fs::remove_dir_all(&folder)?;
        assert_eq!(
            left,
            ["redline-other-0123456789abcdef", "serde-0123456789abcdef"]
        );
        Ok(())
    }
}
