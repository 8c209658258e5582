//! The catalog: one DuckDB file, held as a lease.
//!
//! Opened when something asks, kept while there is work, closed about two
//! seconds after the last of it, and within one operation when another process
//! waits. Nothing but DuckDB opens the file while it is live: its lock is an
//! `fcntl` lock, which any close of the same inode by this process would drop.

mod repair;
mod rows;
mod schema;

pub(crate) use repair::{Repair, is_damage};
pub(crate) use rows::{FILE_COLUMNS, append_files, file_from_row, json_text, micros_value};
pub(crate) use schema::{check, create as create_tables};

use crate::layout::Layout;
use crate::lease::{Lease, LeaseFiles};
use crate::listing::Shelf;
use crate::{Result, StoreError, StoreOptions};
use duckdb::Connection;
use parking_lot::{Condvar, Mutex};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

/// How often the keeper looks whether the lease is idle or wanted.
const KEEPER_TICK: Duration = Duration::from_millis(100);

pub(crate) struct Catalog {
    layout: Layout,
    /// A second form of the list, for big stores.
    pub listing: Shelf,
    owner_hex: String,
    options: StoreOptions,
    lease: LeaseFiles,
    state: Mutex<State>,
    drained: Condvar,
    /// One writer of this process at a time: DuckDB would answer a second one
    /// with a conflict instead of waiting.
    writer: Mutex<()>,
    version: AtomicU64,
}

#[derive(Default)]
struct State {
    open: Option<OpenCatalog>,
    in_flight: u32,
    /// Set when the catalog must be closed as soon as nothing is in flight.
    draining: bool,
    last_used: Option<Instant>,
    let_go_at: Option<Instant>,
    /// How the files looked when we closed them, to notice others' changes.
    seen: Option<Stamp>,
    /// Journals whose rows are committed; removable once a checkpoint holds them.
    committed_journals: Vec<PathBuf>,
    repair: Repair,
}

// The connection is dropped before the lease: fields drop in order.
struct OpenCatalog {
    conn: Connection,
    _lease: Lease,
}

// `Connection` is `Send` but not `Sync`: it is only touched under the mutex of
// `state`, to be cloned, and each operation has a clone of its own.

/// How the catalog's files look from outside. While one process holds the lease, and
/// while none does, the same stamp means the same content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// Bytes.
    pub len: u64,
    /// Nanoseconds since 1970.
    pub mtime: i64,
    /// Bytes in the log.
    pub wal: u64,
}

impl Catalog {
    pub fn new(layout: Layout, owner_hex: String, options: StoreOptions) -> Arc<Self> {
        let lease = LeaseFiles::new(&layout.private(), &options.holder);
        let catalog = Arc::new(Self {
            listing: Shelf::new(layout.cache()),
            layout,
            owner_hex,
            options,
            lease,
            state: Mutex::default(),
            drained: Condvar::new(),
            writer: Mutex::new(()),
            version: AtomicU64::new(1),
        });
        let weak = Arc::downgrade(&catalog);
        // Without a keeper the lease would be held until the next operation; a
        // failure to start one only means exactly that.
        let _ = std::thread::Builder::new()
            .name("catalog-keeper".into())
            .spawn(move || keep(weak));
        catalog
    }

    /// Runs `f` on a connection of its own, opening the catalog if need be.
    pub fn read<T>(&self, f: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        let conn = self.enter()?;
        let result = f(&conn);
        drop(conn);
        self.leave(&result);
        result
    }

    /// Runs `f` in a transaction that is durable when this returns `Ok`.
    pub fn write<T>(&self, f: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        let _writer = self.writer.lock();
        let conn = self.enter()?;
        let result = conn
            .execute_batch("BEGIN")
            .map_err(|e| catalog_error("begin", &e))
            .and_then(|()| f(&conn))
            .and_then(|value| {
                conn.execute_batch("COMMIT")
                    .map_err(|e| catalog_error("commit", &e))?;
                Ok(value)
            });
        if result.is_err() {
            // After a failed commit there is nothing to roll back; either way
            // the connection is about to go.
            let _ = conn.execute_batch("ROLLBACK");
        }
        drop(conn);
        repair::keep_private(&self.layout);
        self.bump();
        self.leave(&result);
        result
    }

    /// Changes with each change of the catalog that this process made or saw.
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    pub fn bump(&self) {
        self.version.fetch_add(1, Ordering::AcqRel);
    }

    /// Looks whether another process changed the catalog while it was closed.
    pub fn refresh_version(&self) {
        let mut state = self.state.lock();
        if state.open.is_none() {
            let now = self.stamp();
            if state.seen.is_some() && state.seen != now {
                state.seen = now;
                self.bump();
            }
        }
    }

    /// Runs `f` with the version and the stamp that belongs to it: nothing of this
    /// process can write meanwhile.
    pub fn settled<T>(&self, f: impl FnOnce(u64, Option<Stamp>) -> T) -> T {
        let _writer = self.writer.lock();
        self.refresh_version();
        f(self.version(), self.stamp())
    }

    /// Remembers a journal whose rows are committed, to remove it after the
    /// next checkpoint.
    pub fn journal_is_committed(&self, path: PathBuf) {
        self.state.lock().committed_journals.push(path);
    }

    /// What opening had to mend since it was last asked.
    pub fn take_repair(&self) -> Repair {
        std::mem::take(&mut self.state.lock().repair)
    }

    /// Closes now, waiting for what is in flight. The next operation reopens.
    pub fn close(&self) {
        let mut state = self.state.lock();
        while state.in_flight > 0 {
            state.draining = true;
            self.drained.wait(&mut state);
        }
        self.shut(&mut state);
    }

    /// Puts the catalog and its log into quarantine; the next operation makes a
    /// new one. For damage that shows only when the rows are read.
    pub fn set_aside(&self) -> Result<()> {
        self.close();
        let _lease = self.lease.acquire(self.options.busy_wait)?;
        for (path, kind) in [
            (self.layout.catalog_wal(), "wal"),
            (self.layout.catalog(), "duckdb"),
        ] {
            if path.exists() {
                repair::set_aside(&self.layout, &path, kind)?;
            }
        }
        self.state.lock().repair.catalog_set_aside = true;
        Ok(())
    }

    fn enter(&self) -> Result<Connection> {
        let mut state = self.state.lock();
        loop {
            if state.draining {
                self.drained.wait(&mut state);
                continue;
            }
            if let Some(open) = &state.open {
                let conn = open
                    .conn
                    .try_clone()
                    .map_err(|e| catalog_error("connect", &e))?;
                state.in_flight += 1;
                return Ok(conn);
            }
            // Having just let go for someone, let them come first.
            if state
                .let_go_at
                .take()
                .is_some_and(|at| at.elapsed() < Duration::from_millis(200))
                && self.lease.is_wanted()
            {
                std::thread::sleep(Duration::from_millis(60));
            }
            let lease = self.lease.acquire(self.options.busy_wait)?;
            let now = self.stamp();
            if state.seen.is_some() && state.seen != now {
                self.bump();
            }
            let (conn, repair) = self.open_patiently()?;
            state.repair.merge(repair);
            state.open = Some(OpenCatalog {
                conn,
                _lease: lease,
            });
        }
    }

    /// Opens the file, waiting for a program that has it and knows nothing of our
    /// lease: a person's own Python.
    fn open_patiently(&self) -> Result<(Connection, Repair)> {
        let deadline = Instant::now() + self.options.busy_wait;
        let mut pause = Duration::from_millis(5);
        loop {
            match repair::open_and_mend(&self.layout, &self.owner_hex, &self.options) {
                Err(StoreError::Busy { .. }) if Instant::now() + pause < deadline => {
                    std::thread::sleep(pause);
                    pause = (pause * 2).min(Duration::from_millis(100));
                }
                other => return other,
            }
        }
    }

    fn leave<T>(&self, result: &Result<T>) {
        let mut state = self.state.lock();
        state.in_flight -= 1;
        state.last_used = Some(Instant::now());
        // After damage DuckDB answers nothing more on what is open; a new opening
        // still reads all that is whole.
        let damaged = result.as_ref().is_err_and(is_damage);
        if !state.draining && (damaged || self.lease.is_wanted()) {
            state.draining = true;
        }
        if state.draining && state.in_flight == 0 {
            self.shut(&mut state);
            state.let_go_at = Some(Instant::now());
        }
    }

    /// Called by the keeper: closes an idle catalog, or one that is wanted.
    fn look_after(&self) {
        let mut state = self.state.lock();
        if state.open.is_none() || state.in_flight > 0 {
            return;
        }
        let idle = state
            .last_used
            .is_none_or(|at| at.elapsed() >= self.options.idle_release);
        if idle || self.lease.is_wanted() {
            self.shut(&mut state);
            state.let_go_at = Some(Instant::now());
        }
    }

    fn shut(&self, state: &mut State) {
        state.draining = false;
        if let Some(open) = state.open.take() {
            // Closing checkpoints; if that fails the WAL stays and is replayed.
            drop(open.conn);
            state.seen = self.stamp();
            self.listing.restamp(self.version(), state.seen);
            if !self.layout.catalog_wal().exists() {
                for journal in state.committed_journals.drain(..) {
                    let _ = std::fs::remove_file(journal);
                }
            }
            drop(open._lease);
        }
        self.drained.notify_all();
    }

    /// Size and time of the catalog's files, by `stat` alone.
    pub fn stamp(&self) -> Option<Stamp> {
        let meta = std::fs::metadata(self.layout.catalog()).ok()?;
        Some(Stamp {
            len: meta.len(),
            mtime: crate::durable::mtime_ns(&meta),
            wal: std::fs::metadata(self.layout.catalog_wal()).map_or(0, |m| m.len()),
        })
    }
}

impl Drop for Catalog {
    fn drop(&mut self) {
        // As every other close: what is known of the file afterwards is noted.
        let mut state = std::mem::take(self.state.get_mut());
        self.shut(&mut state);
    }
}

fn keep(catalog: Weak<Catalog>) {
    loop {
        std::thread::sleep(KEEPER_TICK);
        match catalog.upgrade() {
            Some(catalog) => catalog.look_after(),
            None => return,
        }
    }
}

/// Opens a DuckDB file the way every catalog is opened: no extension is ever
/// fetched, memory is bounded, and the file stays readable by DuckDB 1.2.
pub(crate) fn connect(
    path: &std::path::Path,
    options: &StoreOptions,
) -> duckdb::Result<Connection> {
    let config = duckdb::Config::default()
        .with("storage_compatibility_version", "v1.2.0")?
        .with("autoinstall_known_extensions", "false")?
        .with("autoload_known_extensions", "false")?
        .max_memory(&format!("{}B", options.catalog_memory))?
        .threads(2)?;
    Connection::open_with_flags(path, config)
}

pub(crate) fn catalog_error(what: &'static str, e: &duckdb::Error) -> StoreError {
    let detail = e.to_string();
    if detail.contains("No space left on device") {
        return StoreError::DiskFull {
            name: "the catalog".into(),
            needed: 0,
            free: 0,
        };
    }
    if detail.contains("Read-only file system") || detail.contains("Permission denied") {
        return StoreError::ReadOnly {
            what: "the store's folder".into(),
        };
    }
    if repair::says_damage(&detail) {
        tracing::error!(%detail, "the catalog is damaged");
        return StoreError::Damaged {
            what: repair::THE_CATALOG.into(),
            detail: format!("what it takes to {what} cannot be read"),
        };
    }
    StoreError::Catalog { what, detail }
}
