//! The TypeScript side of what crosses between Rust and the UI, generated from the Rust types and
//! committed. Nobody edits it by hand; `cargo xtask contract` writes it anew.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail, ensure};

use crate::{command, place::Place, runner};

fn committed(place: &Place) -> PathBuf {
    place.ui().join("src/lib/contract")
}

/// Fails, naming the files, if what is committed is not what the Rust types say today.
pub fn check(place: &Place, engine: crate::setup::Engine) -> Result<()> {
    let fresh = read_tree(&generate(place, engine)?)?;
    let stale = read_tree(&committed(place)).unwrap_or_default();
    let differing = differing(&fresh, &stale);
    if !differing.is_empty() {
        bail!(
            "the TypeScript contract is not what the Rust types say: {}\n\
             hint: run `cargo xtask contract` and commit the result",
            differing.join(", ")
        );
    }
    println!("  {} files, as committed", fresh.len());
    Ok(())
}

/// Replaces the committed files by what the Rust types say.
pub fn write(place: &Place, engine: crate::setup::Engine) -> Result<()> {
    let fresh = read_tree(&generate(place, engine)?)?;
    let folder = committed(place);
    for name in read_tree(&folder).unwrap_or_default().keys() {
        fs::remove_file(folder.join(name))?;
    }
    for (name, bytes) in &fresh {
        let path = folder.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(&path, bytes).with_context(|| format!("could not write {}", path.display()))?;
    }
    println!("{} files in {}", fresh.len(), place.short(&folder));
    Ok(())
}

fn generate(place: &Place, engine: crate::setup::Engine) -> Result<PathBuf> {
    let folder = place.output("contract");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder)?;
    // By cargo test and never nextest: types that share a file are merged within one process.
    command::run(
        runner::workspace(place, &["test"], engine)
            .args(["--lib", "--bins", "--quiet", "--", "export_bindings_"])
            .env("TS_RS_EXPORT_DIR", &folder),
    )?;
    ensure!(
        !read_tree(&folder)?.is_empty(),
        "no type is exported to TypeScript, so there is no contract to compare"
    );
    Ok(folder)
}

type Tree = BTreeMap<String, Vec<u8>>;

fn read_tree(root: &Path) -> Result<Tree> {
    let mut tree = Tree::new();
    let mut open = vec![root.to_path_buf()];
    while let Some(folder) = open.pop() {
        let listing = fs::read_dir(&folder)
            .with_context(|| format!("could not list {}", folder.display()))?;
        for entry in listing {
            let path = entry?.path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(root).unwrap_or(&path);
                let name = name.to_string_lossy().replace('\\', "/");
                tree.insert(name, fs::read(&path)?);
            }
        }
    }
    Ok(tree)
}

fn differing(fresh: &Tree, stale: &Tree) -> Vec<String> {
    let mut found = Vec::new();
    for (name, bytes) in fresh {
        match stale.get(name) {
            None => found.push(format!("{name} is missing")),
            Some(old) if old != bytes => found.push(format!("{name} has changed")),
            Some(_) => {}
        }
    }
    for name in stale.keys().filter(|name| !fresh.contains_key(*name)) {
        found.push(format!("{name} is no longer generated"));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_difference_is_named() {
        let tree = |files: &[(&str, &str)]| -> Tree {
            files
                .iter()
                .map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec()))
                .collect()
        };
        let fresh = tree(&[("a.ts", "1"), ("b.ts", "1"), ("c.ts", "1")]);
        let stale = tree(&[("a.ts", "1"), ("b.ts", "2"), ("d.ts", "1")]);
        assert_eq!(
            differing(&fresh, &stale),
            [
                "b.ts has changed",
                "c.ts is missing",
                "d.ts is no longer generated"
            ]
        );
    }
}
