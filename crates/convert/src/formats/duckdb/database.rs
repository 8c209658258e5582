//! A file attached to an engine that can touch it and nothing else.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::TempDir;

use super::raw::{Connection, Engine};
use crate::error::{ConvertError, Result};
use crate::sql;
use crate::table::Job;

/// The name under which the file is attached.
pub(super) const ATTACHED: &str = "stored";
/// The storage that every DuckDB since 1.2.0 reads.
const STORAGE: &str = "v1.2.0";

pub(super) struct Database {
    pub engine: Arc<Engine>,
    /// Bytes of the file.
    pub size: u64,
    /// A sentence about what stands beside the file.
    pub said: Option<String>,
    memory: u64,
    // Dropped after the engine, which may spill into it.
    dir: TempDir,
}

impl Database {
    /// Attaches a file that exists, for reading.
    pub(super) fn read(path: &Path, memory: u64, job: Job<'_>) -> Result<Self> {
        let mut head = Vec::new();
        let file = fs::File::open(path)?;
        let size = file.metadata()?.len();
        file.take(4096).read_to_end(&mut head)?;
        if head.get(8..12) != Some(b"DUCK") {
            return Err(unreadable(if head.is_empty() {
                "an empty file"
            } else {
                "a file that is no DuckDB database"
            }));
        }
        let mut wal = path.as_os_str().to_owned();
        wal.push(".wal");
        let wal = PathBuf::from(wal);
        let left = match fs::metadata(&wal) {
            Ok(found) => found.len() > 0,
            Err(_) => false,
        };
        let beside = left.then_some(wal.as_path());
        let mut database = Self::fenced(path, beside, memory, job)?;
        database.size = size;
        if left {
            database.said = Some(
                "changes in the .wal file beside the database, not yet part of it, were read as well".to_owned(),
            );
        }
        let attach = format!("ATTACH {} AS {ATTACHED} (READ_ONLY)", database.name());
        database
            .connect()?
            .run(&attach)
            .map_err(|said| database.explain(&said))?;
        Ok(database)
    }

    /// Makes a file where none is, and attaches it.
    pub(super) fn write(path: &Path, memory: u64, job: Job<'_>) -> Result<Self> {
        let database = Self::fenced(path, None, memory, job)?;
        let attach = format!(
            "ATTACH {} AS {ATTACHED} (READ_WRITE, STORAGE_VERSION '{STORAGE}')",
            database.name()
        );
        database
            .connect()?
            .run(&attach)
            .map_err(|said| database.explain(&said))?;
        Ok(database)
    }

    fn fenced(path: &Path, wal: Option<&Path>, memory: u64, job: Job<'_>) -> Result<Self> {
        let dir = tempfile::Builder::new()
            .prefix("redline-duckdb-")
            .tempdir_in(&job.limits.temp_dir)?;
        alias(&dir, "file", path)?;
        if let Some(wal) = wal {
            alias(&dir, "file.wal", wal)?;
        }
        let engine = Engine::open().map_err(engine_error)?;
        let database = Database {
            engine,
            size: 0,
            said: None,
            memory,
            dir,
        };
        let inside = |name: &str| -> Result<String> {
            let path = database
                .dir
                .path()
                .join(name)
                .into_os_string()
                .into_string();
            path.map(|p| sql::literal(&p))
                .map_err(|_| ConvertError::Unreadable {
                    what: "the folder for temporary files".to_owned(),
                    seen: "a path that is not UTF-8".to_owned(),
                })
        };
        // What the engine keeps beside a file, it looks for beside the link and past it.
        const BESIDE: [&str; 4] = ["", ".wal", ".wal.checkpoint", ".wal.recovery"];
        let mut allowed = Vec::new();
        for ending in BESIDE {
            allowed.push(inside(&format!("file{ending}"))?);
        }
        if let Some(real) = std::path::absolute(path)?.to_str() {
            for ending in BESIDE {
                allowed.push(sql::literal(&format!("{real}{ending}")));
            }
        }
        let connection = database.connect()?;
        // The order matters: what the fence lets through is named before it is closed, and
        // the lock comes last.
        for statement in [
            "SET autoinstall_known_extensions = false".to_owned(),
            "SET autoload_known_extensions = false".to_owned(),
            "SET GLOBAL TimeZone = 'UTC'".to_owned(),
            // The rest is for batches, and for what the engine does not count.
            format!("SET memory_limit = '{}B'", (memory / 8 * 5).max(64 << 20)),
            format!("SET threads = {}", job.limits.threads.max(1)),
            format!("SET temp_directory = {}", inside("spill")?),
            format!("SET allowed_paths = [{}]", allowed.join(", ")),
            "SET enable_external_access = false".to_owned(),
            "SET lock_configuration = true".to_owned(),
        ] {
            connection.run(&statement).map_err(engine_error)?;
        }
        drop(connection);
        Ok(database)
    }

    fn name(&self) -> String {
        sql::literal(&self.dir.path().join("file").to_string_lossy())
    }

    pub(super) fn connect(&self) -> Result<Connection> {
        self.engine.connect().map_err(engine_error)
    }

    /// The engine's words as one of our errors, without the folder of the job.
    pub(super) fn explain(&self, said: &str) -> ConvertError {
        let folder = format!("{}/", self.dir.path().display());
        explain(&said.replace(&folder, ""), self.memory)
    }
}

/// A name in the job's folder, which holds no byte that the engine could take for more.
#[cfg(unix)]
fn alias(dir: &TempDir, name: &str, target: &Path) -> Result<()> {
    Ok(std::os::unix::fs::symlink(
        std::path::absolute(target)?,
        dir.path().join(name),
    )?)
}

/// Links need a privilege on Windows; a copy does as well, where the file exists.
#[cfg(not(unix))]
fn alias(dir: &TempDir, name: &str, target: &Path) -> Result<()> {
    if target.exists() {
        fs::copy(target, dir.path().join(name))?;
    }
    Ok(())
}

fn engine_error(detail: String) -> ConvertError {
    ConvertError::Engine { detail }
}

fn unreadable(seen: impl Into<String>) -> ConvertError {
    ConvertError::Unreadable {
        what: "a DuckDB database".to_owned(),
        seen: seen.into(),
    }
}

fn explain(said: &str, memory: u64) -> ConvertError {
    tracing::debug!(said, "DuckDB refused");
    let first = said.lines().next().unwrap_or_default().trim();
    let low = said.to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|w| low.contains(w));
    if has(&["no space left", "disk quota"]) {
        ConvertError::DiskFull { needed: 0 }
    } else if has(&["interrupt error", "interrupted!"]) {
        ConvertError::Cancelled
    } else if has(&["out of memory", "could not allocate", "failed to allocate"]) {
        ConvertError::OutOfMemory {
            limit: memory,
            detail: first.to_owned(),
        }
    } else if has(&["set lock on", "conflicting lock"]) {
        unreadable("a database that another program has open")
    } else if has(&["encrypt"]) {
        unreadable("an encrypted database")
    } else if has(&[
        "newer version",
        "older version",
        "version number",
        "storage version",
    ]) {
        unreadable("a database of another version of DuckDB than this one reads")
    } else if has(&[
        "not a valid duckdb",
        "corrupt",
        "checksum",
        "could not read",
        "read from file",
        "serialization error",
        "deserializ",
        "internal error",
        "fatal error",
        "invalidated",
        "failed to load metadata",
    ]) {
        unreadable("a damaged database, or one that is cut off")
    } else {
        ConvertError::Engine {
            detail: first.to_owned(),
        }
    }
}
