//! The listing: a copy of the catalog's rows in an order for looking at them.
//!
//! A column store adds up a million rows in a blink and is slow to hand out a
//! hundred that lie scattered, or the nine-hundred-thousandth in some order. So a
//! big store keeps a second form of its list beside the catalog, in
//! `.redline/cache/listing`: packed rows and four orders, read where they lie.
//!
//! It is disposable. It says which state of the catalog it was made from; any
//! other state, damage or absence, and it is made again. Nothing is ever read from
//! it but the list.

mod build;
mod file;
mod format;

pub(crate) use file::Listing;

use crate::catalog::{Catalog, Stamp};
use crate::{Result, StoreError, durable};
use format::Header;
use parking_lot::{Condvar, Mutex};
use std::fs;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

/// How often a listing is begun again because the catalog changed under it,
/// before the list is read from the catalog after all.
const ATTEMPTS: u32 = 3;

/// How long the catalog must have been left alone before a listing is begun ahead.
const QUIET: Duration = Duration::from_millis(300);

/// Bytes that a listing leaves free on the disk: what people bring in comes first.
const SPARE: u64 = 1 << 30;

/// Where a store's listing is, and the one that is in use.
pub(crate) struct Shelf {
    folder: PathBuf,
    state: Mutex<State>,
    made: Condvar,
    ahead: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Default)]
struct State {
    /// With the version of the catalog that it shows.
    current: Option<(u64, Arc<Listing>)>,
    /// The version for which the disk was last looked at.
    looked: u64,
    /// The version for which none could be made: not tried again before the next.
    failed: Option<u64>,
    making: bool,
}

impl Shelf {
    pub fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            state: Mutex::default(),
            made: Condvar::new(),
            ahead: Mutex::default(),
        }
    }

    /// The listing of this version, if there is one.
    pub fn get(&self, version: u64, stamp: Option<Stamp>) -> Option<Arc<Listing>> {
        let mut state = self.state.lock();
        if let Some((of, listing)) = &state.current
            && *of == version
        {
            return Some(Arc::clone(listing));
        }
        if state.looked == version {
            return None;
        }
        state.looked = version;
        let there = self.is_ours().then(|| Listing::open(&self.path()));
        let listing = there.flatten().filter(|l| Some(l.stamp()) == stamp)?;
        let listing = Arc::new(listing);
        state.current = Some((version, Arc::clone(&listing)));
        Some(listing)
    }

    /// The listing proved unreadable: it is made anew when it is next wanted.
    pub fn forget(&self) {
        tracing::warn!("the listing could not be read and was dropped");
        self.state.lock().current = None;
        let _ = fs::remove_file(self.path());
    }

    /// Makes the listing, or waits for whoever is at it. None where it cannot be
    /// made now: the catalog keeps changing, or the folder cannot be written.
    pub fn make(&self, catalog: &Catalog) -> Option<Arc<Listing>> {
        let mut state = self.state.lock();
        while state.making {
            self.made.wait(&mut state);
        }
        let version = catalog.version();
        if let Some((of, listing)) = &state.current
            && *of == version
        {
            return Some(Arc::clone(listing));
        }
        if state.failed == Some(version) {
            return None;
        }
        state.making = true;
        drop(state);
        let mut found = None;
        let mut failed = None;
        for _ in 0..ATTEMPTS {
            match self.build(catalog) {
                Ok(Some(made)) => {
                    found = Some(made);
                    break;
                }
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!(%error, "the listing could not be made");
                    failed = Some(version);
                    break;
                }
            }
        }
        let mut state = self.state.lock();
        state.making = false;
        state.failed = failed;
        if let Some((version, listing)) = &found {
            state.current = Some((*version, Arc::clone(listing)));
        }
        self.made.notify_all();
        found.map(|(_, listing)| listing)
    }

    /// Makes it beside what the caller does next. Only a help: whoever needs the
    /// listing before it is there waits, or makes it.
    pub fn make_ahead(&self, catalog: &Arc<Catalog>) {
        let mut ahead = self.ahead.lock();
        if ahead.as_ref().is_some_and(|thread| !thread.is_finished()) {
            return;
        }
        let catalog = Arc::downgrade(catalog);
        *ahead = std::thread::Builder::new()
            .name("listing".into())
            .spawn(move || {
                // While an import adds batch after batch, none would be finished.
                let mut seen = None;
                while let Some(catalog) = catalog.upgrade() {
                    let now = Some(catalog.version());
                    if seen == now {
                        catalog.listing.make(&catalog);
                        return;
                    }
                    seen = now;
                    drop(catalog);
                    std::thread::sleep(QUIET);
                }
            })
            .ok();
    }

    /// Returns once what was begun ahead is there.
    pub fn wait(&self) {
        let thread = self.ahead.lock().take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }

    /// The catalog was closed, which gives the same rows another stamp.
    pub fn restamp(&self, version: u64, stamp: Option<Stamp>) {
        let state = self.state.lock();
        let (Some((of, listing)), Some(stamp)) = (&state.current, stamp) else {
            return;
        };
        if *of == version && listing.stamp() != stamp {
            // If it fails, the listing is made again by the next process.
            let _ = listing.restamp(&self.path(), stamp);
        }
    }

    fn build(&self, catalog: &Catalog) -> Result<Option<(u64, Arc<Listing>)>> {
        let failed = |e| StoreError::io("the listing", e);
        durable::create_private_dir(&self.folder).map_err(failed)?;
        if !self.is_ours() {
            return Err(StoreError::LinkInStore {
                name: crate::layout::name_of(&self.folder),
            });
        }
        // One process at a time; what a dead one left half-made goes.
        let lock = crate::lease::open_lock(&self.folder.join("listing.lock"))?;
        if lock.try_lock().is_err() {
            return Ok(None);
        }
        let partial = self.folder.join("listing.partial");
        let _ = fs::remove_file(&partial);
        // About twice the catalog, which packs better.
        let needed = catalog.stamp().map_or(0, |s| (s.len + s.wal) * 2) + SPARE;
        let free = durable::free_space(&self.folder);
        if free < needed {
            return Err(StoreError::DiskFull {
                name: "the listing".into(),
                needed,
                free,
            });
        }
        let made = self.write(catalog, &partial);
        if !matches!(made, Ok(Some(_))) {
            let _ = fs::remove_file(&partial);
        }
        made
    }

    fn write(&self, catalog: &Catalog, partial: &Path) -> Result<Option<(u64, Arc<Listing>)>> {
        let failed = |e| StoreError::io("the listing", e);
        let mut file = durable::private_new().open(partial).map_err(failed)?;
        let version = catalog.version();
        let unchanged = || catalog.version() == version;
        let Some(contents) = build::write(catalog, &file, &unchanged)? else {
            return Ok(None);
        };
        file.sync_all().map_err(failed)?;
        let mut name_it = |stamp: Stamp| -> Result<()> {
            let header = Header { contents, stamp };
            file.seek(SeekFrom::Start(0)).map_err(failed)?;
            file.write_all(&header.to_bytes()).map_err(failed)?;
            file.sync_all().map_err(failed)?;
            fs::rename(partial, self.path()).map_err(failed)
        };
        // While nothing can be written, so that the stamp is that of what was read.
        catalog.settled(|now, stamp| match stamp {
            Some(stamp) if now == version => name_it(stamp)
                .map(|()| Listing::open(&self.path()).map(|listing| (version, Arc::new(listing)))),
            _ => Ok(None),
        })
    }

    /// Not a link that somebody planted.
    fn is_ours(&self) -> bool {
        fs::symlink_metadata(&self.folder).is_ok_and(|m| m.is_dir())
    }

    fn path(&self) -> PathBuf {
        self.folder.join("listing")
    }
}
