//! Opening a catalog that may be new, the predecessor's, cut short, or damaged.
//!
//! Nothing is ever deleted here: what cannot be read is set aside in
//! `.redline/quarantine/`, and what was set aside is said.

use super::schema::{self, Found};
use super::{catalog_error, connect};
use crate::layout::Layout;
use crate::{Result, StoreError, StoreOptions, durable, migrate};
use duckdb::Connection;
use std::path::Path;

/// What had to be mended; all false on an ordinary day.
#[derive(Debug, Default, Clone)]
pub(crate) struct Repair {
    /// The catalog did not exist before.
    pub created: bool,
    /// A log was left by a process that died; journals must be replayed.
    pub had_wal: bool,
    pub wal_set_aside: bool,
    pub catalog_set_aside: bool,
    pub migrated: Option<migrate::Migrated>,
}

impl Repair {
    pub fn merge(&mut self, other: Repair) {
        self.created |= other.created;
        self.had_wal |= other.had_wal;
        self.wal_set_aside |= other.wal_set_aside;
        self.catalog_set_aside |= other.catalog_set_aside;
        self.migrated = other.migrated.or(self.migrated.take());
    }
}

pub(super) fn open_and_mend(
    layout: &Layout,
    owner_hex: &str,
    options: &StoreOptions,
) -> Result<(Connection, Repair)> {
    let mut repair = Repair {
        created: !layout.catalog().exists(),
        had_wal: layout.catalog_wal().exists(),
        ..Repair::default()
    };
    if repair.created && repair.had_wal {
        // A log without its catalog belongs to something that is gone.
        set_aside(layout, &layout.catalog_wal(), "wal")?;
        repair.wal_set_aside = true;
    }
    // At most: as it is, without its log, without the file itself.
    for _ in 0..3 {
        if !layout.catalog().exists() {
            make_new(layout, owner_hex, options)?;
        }
        match try_open(layout, owner_hex, options, &mut repair) {
            Ok(conn) => return Ok((conn, repair)),
            Err(Failure::Final(e)) => return Err(e),
            Err(Failure::Unreadable(detail)) => {
                tracing::error!(%detail, "the catalog could not be opened");
                if layout.catalog_wal().exists() {
                    set_aside(layout, &layout.catalog_wal(), "wal")?;
                    repair.wal_set_aside = true;
                } else {
                    set_aside(layout, &layout.catalog(), "duckdb")?;
                    repair.catalog_set_aside = true;
                }
            }
        }
    }
    Err(StoreError::Damaged {
        what: THE_CATALOG.into(),
        detail: "it could not be opened or made anew".into(),
    })
}

/// Makes a new catalog under another name first: cut short at any point, it is
/// no catalog, and nothing that looks like a damaged one.
fn make_new(layout: &Layout, owner_hex: &str, options: &StoreOptions) -> Result<()> {
    let catalog = layout.catalog();
    let temp = catalog.with_extension("duckdb.new");
    for left in [&temp, &catalog.with_extension("duckdb.new.wal")] {
        match std::fs::remove_file(left) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                return Err(StoreError::io("the store's folder", e));
            }
            _ => {}
        }
    }
    let conn = connect(&temp, options).map_err(|e| catalog_error("make the catalog", &e))?;
    schema::create(&conn, owner_hex)?;
    // Closing folds the log in.
    conn.close()
        .map_err(|(_, e)| catalog_error("make the catalog", &e))?;
    std::fs::File::options()
        .write(true)
        .open(&temp)
        .and_then(|f| f.sync_all())
        .and_then(|()| durable::rename_no_replace(&temp, &catalog))
        .and_then(|()| durable::sync_dir(&layout.home))
        .map_err(|e| StoreError::writing("the catalog", 0, durable::free_space(&layout.home), e))?;
    keep_private(layout);
    Ok(())
}

enum Failure {
    /// Setting a file aside would not help, or would be wrong.
    Final(StoreError),
    /// The bytes themselves are the trouble.
    Unreadable(String),
}

fn try_open(
    layout: &Layout,
    owner_hex: &str,
    options: &StoreOptions,
    repair: &mut Repair,
) -> Result<Connection, Failure> {
    let conn = connect(&layout.catalog(), options).map_err(|e| classify(&e))?;
    match schema::inspect(&conn).map_err(|e| classify(&e))? {
        Found::Empty => {
            schema::create(&conn, owner_hex).map_err(Failure::Final)?;
            keep_private(layout);
            durable::sync_dir(&layout.home)
                .map_err(|e| Failure::Final(StoreError::io("the store's folder", e)))?;
            Ok(conn)
        }
        Found::Ours {
            version,
            owner_hex: found,
        } => {
            schema::check(version, &found, owner_hex).map_err(Failure::Final)?;
            Ok(conn)
        }
        Found::Predecessor => {
            // Opened once for writing, so that closing folds its log in.
            conn.close()
                .map_err(|(_, e)| Failure::Final(catalog_error("close", &e)))?;
            let migrated =
                migrate::from_predecessor(layout, owner_hex, options).map_err(Failure::Final)?;
            repair.migrated = Some(migrated);
            connect(&layout.catalog(), options).map_err(|e| classify(&e))
        }
    }
}

/// Tells a damaged file from a busy, forbidden, or newer one.
fn classify(e: &duckdb::Error) -> Failure {
    let text = e.to_string();
    let has = |words: &[&str]| words.iter().any(|w| text.contains(w));
    if has(&[
        "Could not set lock",
        "Conflicting lock",
        "is already open",
        "being used by another",
    ]) {
        return Failure::Final(StoreError::Busy {
            pid: pid_in(&text),
            holder: "another program".into(),
        });
    }
    if has(&[
        "newer version",
        "we can only read version",
        "newer DuckDB version",
    ]) {
        return Failure::Final(StoreError::TooNew {
            found: schema::SCHEMA_VERSION + 1,
            known: schema::SCHEMA_VERSION,
        });
    }
    if has(&[
        "No space left",
        "Permission denied",
        "Read-only file system",
        "Out of Memory",
        "Too many open files",
        "Cannot open file",
    ]) {
        return Failure::Final(catalog_error("open", e));
    }
    Failure::Unreadable(text)
}

/// What an error names when the damage is in the catalog itself.
pub(super) const THE_CATALOG: &str = "the catalog";

/// Whether DuckDB's words about a catalog that did open say that its bytes are
/// damaged.
pub(super) fn says_damage(detail: &str) -> bool {
    const WORDS: [&str; 6] = [
        "Could not read enough bytes",
        "Corrupt database file",
        "Serialization Error",
        "Failed to load metadata pointer",
        "does not match stored checksum",
        "has been invalidated because of a previous fatal error",
    ];
    WORDS.iter().any(|word| detail.contains(word))
}

/// Whether what failed was reading a catalog that did open.
pub(crate) fn is_damage(e: &StoreError) -> bool {
    matches!(e, StoreError::Damaged { what, .. } if what == THE_CATALOG)
}

/// The process in DuckDB's words: `Conflicting lock is held in … (PID 1234)`.
fn pid_in(text: &str) -> Option<u32> {
    let rest = &text[text.find("PID ")? + 4..];
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

/// Moves a file of the catalog into quarantine under a name that tells when.
pub(crate) fn set_aside(layout: &Layout, path: &Path, kind: &str) -> Result<()> {
    let to = layout
        .quarantine()
        .join(format!("user_data-{}.{kind}", ulid::Ulid::new()));
    durable::rename_no_replace(path, &to)
        .and_then(|()| durable::sync_dir(&layout.home))
        .map_err(|e| StoreError::io("the damaged catalog", e))
}

/// DuckDB makes its files with the process's umask. Nobody else can reach them
/// in a folder of mode 0700, but a copied or moved file should say so itself.
pub(super) fn keep_private(layout: &Layout) {
    #[cfg(unix)]
    for path in [layout.catalog(), layout.catalog_wal()] {
        use std::os::unix::fs::PermissionsExt;
        let _ = std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600));
    }
    #[cfg(not(unix))]
    let _ = layout;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pid_is_read_out_of_duckdbs_words() {
        assert_eq!(
            pid_in(
                "IO Error: Could not set lock on file \"x\": Conflicting lock is held in /usr/bin/python3.11 (PID 4711). See also"
            ),
            Some(4711)
        );
        assert_eq!(pid_in("no such thing"), None);
    }
}
