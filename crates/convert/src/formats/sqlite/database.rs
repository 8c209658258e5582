//! Opening a database so that nothing can be written, and saying what stands in the way.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, ErrorCode, OpenFlags};
use tempfile::TempDir;

use crate::error::{ConvertError, Result};
use crate::table::Job;

/// A file that can be opened for reading any number of times.
pub(super) struct Database {
    uri: String,
    /// A private copy, where SQLite left work to do beside the file.
    _copy: Option<TempDir>,
    /// A sentence about that.
    pub said: Option<String>,
    /// Bytes of the file.
    pub size: u64,
    pub memory: u64,
}

/// A table or a view.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub name: String,
    pub is_view: bool,
    pub without_rowid: bool,
    /// The names in its primary key, in the key's order.
    pub key: Vec<String>,
    pub sql: String,
}

/// A column as the schema declares it.
#[derive(Debug, Clone)]
pub(super) struct Declared {
    pub name: String,
    /// In capitals; empty where there is none.
    pub word: String,
}

impl Database {
    pub(super) fn open(path: &Path, memory: u64, job: Job<'_>) -> Result<Self> {
        let mut head = Vec::new();
        let file = fs::File::open(path)?;
        let size = file.metadata()?.len();
        file.take(100).read_to_end(&mut head)?;
        if !head.starts_with(b"SQLite format 3\0") {
            return Err(unreadable(if head.is_empty() {
                "an empty file"
            } else {
                "an encrypted database, or no SQLite database at all"
            }));
        }
        if head.len() < 100 {
            return Err(unreadable("a database that is cut off"));
        }
        let left = left_over(path)?;
        let (target, copy, said) = match left {
            None => (std::path::absolute(path)?, None, None),
            Some(beside) => {
                let dir = tempfile::Builder::new()
                    .prefix("redline-sqlite-")
                    .tempdir_in(&job.limits.temp_dir)?;
                let target = copy_both(path, &beside, dir.path(), job)?;
                let said = format!(
                    "{} beside the file holds changes that SQLite has not yet finished; what is committed was read from a copy",
                    beside.name
                );
                (target, Some(dir), Some(said))
            }
        };
        if copy.is_some() {
            // The copy is ours: opening it to write lets SQLite finish what it has to.
            let open = Connection::open_with_flags(
                &target,
                OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
            )
            .and_then(|c| {
                c.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
                c.pragma_update(None, "journal_mode", "DELETE").or(Ok(()))
            });
            open.map_err(explain)?;
        }
        let database = Database {
            uri: uri(&target),
            _copy: copy,
            said,
            size,
            memory,
        };
        database.connect()?;
        Ok(database)
    }

    /// A connection that can only read, and takes no lock: the file is taken as one that
    /// nobody changes. That nobody did is for the caller to see.
    pub(super) fn connect(&self) -> Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
            | OpenFlags::SQLITE_OPEN_URI
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.uri, flags).map_err(explain)?;
        // Values past this are refused by SQLite itself, before they are made.
        let longest = (self.memory / 8).clamp(1 << 20, 1_000_000_000);
        limit_length(&connection, longest as i32);
        let cache = -((self.memory / 16 / 1024).clamp(2_000, 32_000) as i64);
        connection
            .execute_batch(&format!(
                "PRAGMA query_only = ON; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;
                 PRAGMA mmap_size = 0; PRAGMA temp_store = MEMORY; PRAGMA cache_size = {cache};"
            ))
            .map_err(explain)?;
        connection
            .query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))
            .map_err(explain)?;
        Ok(connection)
    }
}

/// The longest text, bytes or statement that a connection makes or takes.
fn limit_length(connection: &Connection, longest: i32) {
    // SAFETY: the handle is that of an open connection, which this reference keeps open,
    // and no other thread uses it; the call changes a number inside it and nothing else.
    unsafe {
        rusqlite::ffi::sqlite3_limit(
            connection.handle(),
            rusqlite::ffi::SQLITE_LIMIT_LENGTH,
            longest,
        );
    }
}

struct Beside {
    path: PathBuf,
    name: String,
}

/// A write-ahead log or a rollback journal with something in it.
fn left_over(path: &Path) -> Result<Option<Beside>> {
    for ending in ["-wal", "-journal"] {
        let mut name = path.as_os_str().to_owned();
        name.push(ending);
        let beside = PathBuf::from(name);
        let mut head = Vec::new();
        match fs::File::open(&beside) {
            Ok(file) => {
                file.take(64).read_to_end(&mut head)?;
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => continue,
            Err(e) => return Err(e.into()),
        }
        // A log of 32 bytes is a header alone; a journal that is done begins with zeros.
        let holds = match ending {
            "-wal" => head.len() > 32,
            _ => head.iter().any(|b| *b != 0),
        };
        if holds {
            let name = beside
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            return Ok(Some(Beside { path: beside, name }));
        }
    }
    Ok(None)
}

/// Both files under names that belong together. Refused where either changed meanwhile:
/// two halves of different states are no database.
fn copy_both(path: &Path, beside: &Beside, dir: &Path, job: Job<'_>) -> Result<PathBuf> {
    let stamp = || -> std::io::Result<_> {
        let of = |p: &Path| fs::metadata(p).map(|m| (m.len(), m.modified().ok()));
        Ok((of(path)?, of(&beside.path)?))
    };
    let before = stamp()?;
    let target = dir.join("copy.db");
    let ending = beside.name.rsplit('-').next().unwrap_or("wal");
    let mut name = target.clone().into_os_string();
    name.push("-");
    name.push(ending);
    for (from, to) in [(path, target.as_path()), (&beside.path, Path::new(&name))] {
        let (mut from, mut to) = (fs::File::open(from)?, fs::File::create(to)?);
        loop {
            job.check()?;
            if std::io::copy(&mut (&mut from).take(16 << 20), &mut to)? == 0 {
                break;
            }
        }
    }
    if stamp()? != before {
        return Err(ConvertError::SourceChanged);
    }
    Ok(target)
}

/// `file:` with each byte that could mean something else written as `%XX`.
fn uri(path: &Path) -> String {
    let mut out = "file:".to_owned();
    #[cfg(unix)]
    let bytes = std::os::unix::ffi::OsStrExt::as_bytes(path.as_os_str()).to_vec();
    #[cfg(not(unix))]
    let bytes = path.to_string_lossy().replace('\\', "/").into_bytes();
    for byte in bytes {
        match byte {
            b'/' | b'-' | b'_' | b'.' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => {
                out.push(byte as char)
            }
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out.push_str("?mode=ro&immutable=1");
    out
}

/// All tables and views, in the order in which they were made; SQLite's own left out.
pub(super) fn entries(connection: &Connection) -> Result<Vec<Entry>> {
    let mut statement = connection
        .prepare(
            "SELECT s.name, t.type, t.wr, coalesce(s.sql, '')
             FROM sqlite_schema s JOIN pragma_table_list t ON t.schema = 'main' AND t.name = s.name
             WHERE s.type IN ('table', 'view') AND t.type <> 'shadow' AND s.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
             ORDER BY s.rowid",
        )
        .map_err(explain)?;
    let rows = statement
        .query_map([], |row| {
            let kind: String = row.get(1)?;
            Ok(Entry {
                name: row.get(0)?,
                is_view: kind != "table",
                without_rowid: row.get(2)?,
                key: Vec::new(),
                sql: row.get(3)?,
            })
        })
        .map_err(explain)?;
    rows.collect::<rusqlite::Result<_>>().map_err(explain)
}

/// The columns of a table's primary key, in the key's order.
pub(super) fn key(connection: &Connection, table: &str) -> Result<Vec<String>> {
    let mut statement = connection
        .prepare("SELECT name FROM pragma_table_xinfo(?1) WHERE pk > 0 ORDER BY pk")
        .map_err(explain)?;
    let rows = statement
        .query_map([table], |row| row.get::<_, String>(0))
        .map_err(explain)?;
    rows.collect::<rusqlite::Result<_>>().map_err(explain)
}

/// The columns of a table or view, generated ones among them.
pub(super) fn declared(connection: &Connection, table: &str) -> Result<Vec<Declared>> {
    let mut statement = connection
        .prepare("SELECT name, type FROM pragma_table_xinfo(?1) WHERE hidden <> 1 ORDER BY cid")
        .map_err(explain)?;
    let rows = statement
        .query_map([table], |row| {
            let word: Option<String> = row.get(1)?;
            Ok(Declared {
                name: row.get(0)?,
                word: word.unwrap_or_default().trim().to_ascii_uppercase(),
            })
        })
        .map_err(explain)?;
    rows.collect::<rusqlite::Result<_>>().map_err(explain)
}

fn unreadable(seen: impl Into<String>) -> ConvertError {
    ConvertError::Unreadable {
        what: "a SQLite database".to_owned(),
        seen: seen.into(),
    }
}

/// SQLite's reason as one of ours.
pub(super) fn explain(error: rusqlite::Error) -> ConvertError {
    tracing::debug!(%error, "SQLite refused");
    let Some(code) = error.sqlite_error_code() else {
        return match error {
            rusqlite::Error::Utf8Error(..) | rusqlite::Error::FromSqlConversionFailure(..) => {
                unreadable("a damaged database: its own description is not UTF-8")
            }
            error => ConvertError::Engine {
                detail: error.to_string(),
            },
        };
    };
    match code {
        ErrorCode::NotADatabase => unreadable("an encrypted database, or one with a damaged start"),
        ErrorCode::DatabaseCorrupt => unreadable("a damaged database"),
        ErrorCode::OperationInterrupted => ConvertError::Cancelled,
        ErrorCode::DiskFull => ConvertError::DiskFull { needed: 0 },
        ErrorCode::TooBig | ErrorCode::OutOfMemory => ConvertError::OutOfMemory {
            limit: 0,
            detail: "a single value is larger than the setting memory allows".to_owned(),
        },
        ErrorCode::SystemIoFailure => unreadable("a database that is cut off or cannot be read"),
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => {
            unreadable("a database that another program is using")
        }
        _ if error.to_string().contains("unsupported file format") => {
            unreadable("a database of a newer version of SQLite, or a damaged one")
        }
        _ => ConvertError::Engine {
            detail: error.to_string(),
        },
    }
}
