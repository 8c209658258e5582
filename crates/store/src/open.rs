//! The door: the only ways to a [`Store`], and what happens on the way in.

use crate::catalog::{Catalog, Repair};
use crate::layout::Layout;
use crate::{
    Classified, FileId, Identity, ReconcileReport, Result, StoreError, durable, journal, partial,
};
use parking_lot::Mutex;
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Weak};
use std::time::Duration;

/// Up to this many files, opening looks at every one of them; a bigger store is
/// looked through in the background, so that opening does not wait for it.
const SWEEP_AT_OPEN: u64 = 20_000;
/// And up to this many bytes it reads what nobody has a hash of.
pub(crate) const HASH_AT_OPEN: u64 = 256 << 20;

#[derive(Clone)]
pub struct StoreOptions {
    /// Memory of the catalog's engine in bytes.
    pub catalog_memory: u64,
    /// How long the catalog stays open without work.
    pub idle_release: Duration,
    /// How long to wait for another process before [`StoreError::Busy`].
    pub busy_wait: Duration,
    /// Who we are, for others' messages: "window", "command line", "server".
    pub holder: String,
    /// From this many rows on the store keeps a listing beside its catalog; below,
    /// the catalog alone is quick enough.
    pub listing_from: u64,
    /// Names a file's type and format from its first bytes and its name.
    pub classify: fn(&[u8], &str) -> Classified,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            catalog_memory: 96 << 20,
            idle_release: Duration::from_secs(2),
            busy_wait: Duration::from_secs(10),
            holder: "another Redline".into(),
            listing_from: 20_000,
            classify: |_, _| Classified::default(),
        }
    }
}

/// What opening found and mended. All zero and false on an ordinary day.
#[derive(Debug, Clone, Default)]
pub struct OpenReport {
    /// The store is new.
    pub created: bool,
    /// Files, conversions and tables taken over from the predecessor's catalog.
    pub migrated: Option<(u64, u64, u64)>,
    /// Rows brought back from the journal after a crash.
    pub rows_recovered: u64,
    /// Unfinished files of a dead process, removed.
    pub partials_swept: u64,
    /// The catalog's log was unreadable and lies in quarantine.
    pub wal_set_aside: bool,
    /// The catalog itself was unreadable and lies in quarantine.
    pub catalog_set_aside: bool,
    /// The look through `files/`, where opening did one.
    pub reconciled: Option<ReconcileReport>,
    /// Too much to look through at once: call [`Store::reconcile`] in the background.
    pub sweep_due: bool,
}

/// One key's store. A capability: whoever has it may do everything with this
/// store and nothing with another. Cheap to clone; clones share one lease.
#[derive(Clone)]
pub struct Store {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub layout: Layout,
    pub catalog: Arc<Catalog>,
    pub options: StoreOptions,
    /// Edits in place that a look through the files recorded, until a
    /// verification has told of them.
    pub edits_seen: Mutex<HashSet<FileId>>,
    pub audit: crate::audit::AuditLog,
}

/// Stores that are open in this process, so that two sessions on one store share
/// its lease instead of waiting for each other. A store's own lock is held while it
/// opens; the map's only to find it, so that a busy store keeps nobody else waiting.
static OPEN: LazyLock<Mutex<HashMap<PathBuf, Arc<Place>>>> = LazyLock::new(Mutex::default);

type Place = Mutex<Weak<Inner>>;

fn place_of(home: PathBuf) -> Arc<Place> {
    let mut open = OPEN.lock();
    // Nobody has it open, and nobody is about to.
    open.retain(|_, place| {
        Arc::strong_count(place) > 1
            || place
                .try_lock()
                .is_none_or(|inner| inner.strong_count() > 0)
    });
    open.entry(home).or_default().clone()
}

impl Store {
    /// Whether this key has signed in here before.
    pub fn exists(root: &Path, identity: &Identity) -> bool {
        Layout::new(root, &identity.folder_name()).home.is_dir()
    }

    /// Opens the key's store, making it if it is new. For sign-in only.
    ///
    /// # Errors
    /// [`StoreError::Busy`], [`StoreError::WrongOwner`], [`StoreError::TooNew`],
    /// [`StoreError::LinkInStore`], [`StoreError::ReadOnly`], [`StoreError::DiskFull`].
    pub fn create_or_open(
        root: &Path,
        identity: &Identity,
        options: StoreOptions,
    ) -> Result<(Store, OpenReport)> {
        let layout = Layout::new(root, &identity.folder_name());
        layout.refuse_links()?;
        layout
            .create()
            .map_err(|e| StoreError::io("the store's folder", e))?;
        layout.remove_deleted();
        Self::enter(layout, identity, options)
    }

    /// Opens the store of a key that signed in before; never makes one.
    ///
    /// # Errors
    /// [`StoreError::NoStore`], and those of [`Store::create_or_open`].
    pub fn open(
        root: &Path,
        identity: &Identity,
        options: StoreOptions,
    ) -> Result<(Store, OpenReport)> {
        if !Self::exists(root, identity) {
            return Err(StoreError::NoStore);
        }
        Self::create_or_open(root, identity, options)
    }

    fn enter(
        layout: Layout,
        identity: &Identity,
        options: StoreOptions,
    ) -> Result<(Store, OpenReport)> {
        let place = layout
            .home
            .canonicalize()
            .map_err(|e| StoreError::io("the store's folder", e))
            .map(place_of)?;
        let mut open = place.lock();
        if let Some(inner) = open.upgrade() {
            return Ok((Store { inner }, OpenReport::default()));
        }
        let catalog = Catalog::new(layout.clone(), identity.full_hex(), options.clone());
        let inner = Arc::new(Inner {
            audit: crate::audit::AuditLog::new(layout.journal().join("audit.log")),
            layout,
            catalog,
            options,
            edits_seen: Mutex::default(),
        });
        let store = Store { inner };
        let report = store.come_in()?;
        *open = Arc::downgrade(&store.inner);
        Ok((store, report))
    }

    /// Recovery; and once more with a new catalog, if the old one opened but
    /// could not be read.
    fn come_in(&self) -> Result<OpenReport> {
        match self.recover() {
            Err(e) if crate::catalog::is_damage(&e) => {
                tracing::error!(error = %e, "the catalog could not be read");
                self.inner.catalog.set_aside()?;
                self.recover()
            }
            other => other,
        }
    }

    /// Cheapest first: journals, orphaned partials, then the files.
    fn recover(&self) -> Result<OpenReport> {
        let Inner {
            layout, catalog, ..
        } = &*self.inner;
        let rows = catalog.read(crate::list::count_rows)?;
        let replayed = journal::replay(layout, catalog)?;
        if replayed.journals > 0 {
            // Folds the log in, so that these journals can go. A process that
            // ends without closing, as every command does and every killed one,
            // would otherwise leave one more for each open after it to replay.
            catalog.close();
        }
        let rows_recovered = replayed.rows;
        let partials_swept = partial::sweep(layout)?;
        let Repair {
            created,
            wal_set_aside,
            catalog_set_aside,
            migrated,
            ..
        } = catalog.take_repair();
        let mut report = OpenReport {
            created: created && !wal_set_aside && !catalog_set_aside,
            migrated: migrated.map(|m| (m.files, m.conversions, m.tables)),
            rows_recovered,
            partials_swept,
            wal_set_aside,
            catalog_set_aside,
            ..OpenReport::default()
        };
        if rows <= SWEEP_AT_OPEN && self.has_at_most(SWEEP_AT_OPEN) {
            let swept = self.sweep(Some(HASH_AT_OPEN), &())?;
            report.sweep_due = swept.postponed > 0;
            report.reconciled = Some(swept);
        } else {
            report.sweep_due = true;
        }
        Ok(report)
    }

    fn has_at_most(&self, limit: u64) -> bool {
        let limit = limit as usize;
        walkdir::WalkDir::new(self.inner.layout.files())
            .into_iter()
            .take(limit + 1)
            .count()
            <= limit
    }

    /// Changes whenever the catalog did, by this process or as far as it saw
    /// another's change.
    pub fn version(&self) -> u64 {
        self.inner.catalog.refresh_version();
        self.inner.catalog.version()
    }

    /// Deletes the whole store at once: catalog, files, trash, everything. There
    /// is no way back but a backup. The folder loses its name first, so that a
    /// crash in between leaves nothing that would open as a store.
    ///
    /// # Errors
    /// [`StoreError::Busy`] if another process holds the catalog: deleting under
    /// its hands would lose what it is about to write.
    pub fn delete_account(self) -> Result<()> {
        // Holding the catalog once proves that nobody else does.
        self.inner.catalog.read(|_| Ok(()))?;
        self.inner.catalog.close();
        let home = self.inner.layout.home.clone();
        let users = home.parent().unwrap_or(&home).to_owned();
        let nameless = users.join(format!(".deleted-{}", ulid::Ulid::new()));
        if let Ok(home) = home.canonicalize() {
            OPEN.lock().remove(&home);
        }
        std::fs::rename(&home, &nameless)
            .and_then(|()| durable::sync_dir(&users))
            .and_then(|()| std::fs::remove_dir_all(&nameless))
            .map_err(|e| StoreError::io("the store", e))
    }

    /// Returns once work that a listing began beside it is done: a process that is
    /// about to end would throw it away.
    pub fn finish(&self) {
        self.inner.catalog.listing.wait();
    }

    /// Closes the catalog now, so that another program can have it at once.
    pub fn release(&self) {
        self.inner.catalog.close();
    }

    /// A small fact kept in the catalog.
    pub fn meta_get(&self, key: &str) -> Result<Option<String>> {
        self.inner.catalog.read(|conn| {
            match conn.query_row("SELECT value FROM redline_meta WHERE key = ?", [key], |r| {
                r.get(0)
            }) {
                Ok(value) => Ok(Some(value)),
                Err(duckdb::Error::QueryReturnedNoRows) => Ok(None),
                Err(e) => Err(crate::catalog::catalog_error("read a setting", &e)),
            }
        })
    }

    pub fn meta_set(&self, key: &str, value: &str) -> Result<()> {
        self.inner.catalog.write(|conn| {
            conn.execute("DELETE FROM redline_meta WHERE key = ?", [key])
                .and_then(|_| conn.execute("INSERT INTO redline_meta VALUES (?, ?)", [key, value]))
                .map(|_| ())
                .map_err(|e| crate::catalog::catalog_error("keep a setting", &e))
        })
    }

    /// Where core keeps its job records.
    pub fn jobs_dir(&self) -> PathBuf {
        self.inner.layout.jobs()
    }

    /// Where core keeps small private files of this store (the last manifest).
    pub fn private_dir(&self) -> PathBuf {
        self.inner.layout.private()
    }

    /// Bytes free on the store's file system.
    pub fn free_space(&self) -> u64 {
        durable::free_space(&self.inner.layout.home)
    }

    /// A private folder for work in progress, on the store's file system.
    pub fn scratch_dir(&self) -> Result<partial::ScratchDir> {
        partial::ScratchDir::create(&self.inner.layout)
    }

    /// Notes an event in the store's audit log.
    pub fn audit(&self, event: &str, detail: serde_json::Value) {
        self.inner.audit.note(event, detail);
    }
}
