//! Where things are: the clone, the cache shared by every clone on this machine, the build folder.
//! Never creates anything.

use std::{
    env,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

/// The folders that every command works with, resolved once.
#[derive(Debug, Clone)]
pub struct Place {
    /// The clone this command was started in.
    pub root: PathBuf,
    /// `{cache}/redline`: what a second clone on this machine need not fetch or build again.
    pub cache: PathBuf,
    /// Where nested cargo runs build: the caller's CARGO_TARGET_DIR, else `{cache}/redline/target`.
    pub target: PathBuf,
}

impl Place {
    pub fn find() -> Result<Self> {
        // Cargo sets this at run time too. Asked for then, it names the clone that was run even
        // if the binary came out of a build folder that several clones share.
        let manifest_dir = env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root = manifest_dir
            .parent()
            .context("the xtask package has no folder above it")?
            .to_path_buf();
        let cache = platform_cache()?.join("redline");
        let target = match env::var_os("CARGO_TARGET_DIR").filter(|dir| !dir.is_empty()) {
            Some(dir) => env::current_dir()?.join(dir),
            None => cache.join("target"),
        };
        Ok(Self {
            root,
            cache,
            target,
        })
    }

    pub fn ui(&self) -> PathBuf {
        self.root.join("ui")
    }

    /// The prebuilt DuckDB library of the version the workspace is pinned to.
    pub fn duckdb(&self) -> PathBuf {
        self.cache
            .join("duckdb")
            .join(crate::setup::duckdb::VERSION)
    }

    /// Programs that the tests drive and the project does not ship.
    pub fn tools(&self) -> PathBuf {
        self.cache.join("tools")
    }

    /// Output for people (screenshots, benches, packages) stays in the clone.
    pub fn output(&self, name: &str) -> PathBuf {
        self.root.join("target").join(name)
    }

    /// A built program, `profile` being `debug` or `release`.
    pub fn built(&self, profile: &str, name: &str) -> PathBuf {
        self.target
            .join(profile)
            .join(format!("{name}{}", env::consts::EXE_SUFFIX))
    }

    /// A path as a person would type it from the clone.
    pub fn short(&self, path: &Path) -> String {
        path.strip_prefix(&self.root)
            .unwrap_or(path)
            .display()
            .to_string()
    }
}

fn platform_cache() -> Result<PathBuf> {
    let absolute = |name: &str| {
        env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let found = if cfg!(windows) {
        absolute("LOCALAPPDATA")
    } else if cfg!(target_os = "macos") {
        absolute("HOME").map(|home| home.join("Library/Caches"))
    } else {
        absolute("XDG_CACHE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".cache")))
    };
    found.context("no cache folder: set HOME (or XDG_CACHE_HOME) to an absolute path")
}
