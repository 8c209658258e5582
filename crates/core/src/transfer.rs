//! How a session's transfers go: how fast they may, whether they pause, where they
//! write down what is on its way, and where keys come from when they expire under them.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use redline_backup::Bucket;

use crate::automatic::Automatic;
use crate::contract::{Event, TransferView};
use crate::fsx;
use crate::session::Session;

/// Below the store's private folder: what is on its way in parts, and what came so far.
const FOLDER: &str = "transfer";

#[derive(Default)]
pub(crate) struct Transfers {
    paused: AtomicBool,
    /// Set for this session alone, by a program that was asked to; wins over the settings.
    limit: Mutex<Option<u64>>,
    /// Buckets in use, to hear of a pause or another limit at once.
    buckets: Mutex<Vec<Bucket>>,
    pub(crate) automatic: Automatic,
}

impl Session {
    /// What transfers wait for, and how they are held back.
    pub fn transfer(&self) -> TransferView {
        let settings = self.0.core.settings();
        let (problem, next_at) = self.0.transfers.automatic.shown();
        TransferView {
            automatic: settings.auto_backup,
            paused: self.0.transfers.paused.load(Ordering::Relaxed),
            bandwidth_limit: self.bandwidth_limit(),
            problem,
            next_at,
        }
    }

    /// Holds transfers back, or lets them go on: nothing new is sent or fetched while
    /// paused, and nothing is lost. Also holds for those that begin later, and ends with
    /// the process.
    pub fn pause_transfers(&self, paused: bool) -> TransferView {
        let transfers = &self.0.transfers;
        transfers.paused.store(paused, Ordering::Relaxed);
        for bucket in &*transfers.buckets.lock() {
            bucket.pause(paused);
        }
        self.tell(Event::Backup);
        self.transfer()
    }

    /// No more than so many bytes a second in this process, whatever the settings say;
    /// `None` for what they say.
    pub fn limit_transfers(&self, bytes_per_second: Option<u64>) {
        *self.0.transfers.limit.lock() = bytes_per_second;
        self.apply_bandwidth_limit();
    }

    pub(crate) fn apply_bandwidth_limit(&self) {
        let limit = self.bandwidth_limit();
        for bucket in &*self.0.transfers.buckets.lock() {
            bucket.limit_bandwidth(limit);
        }
    }

    fn bandwidth_limit(&self) -> Option<u64> {
        let asked = *self.0.transfers.limit.lock();
        asked
            .or_else(|| self.0.core.settings().bandwidth_limit)
            .filter(|limit| *limit > 0)
    }

    pub(crate) fn transfer_dir(&self) -> PathBuf {
        self.0.store.private_dir().join(FOLDER)
    }

    /// Lets a bucket read its keys anew when they expire under it. Only for the bucket that
    /// is kept: one that is being tried would be found well with the keys of another.
    pub(crate) fn renew_keys_of(&self, bucket: &Bucket) {
        // Weak: the bucket is kept by the session.
        let session = std::sync::Arc::downgrade(&self.0);
        bucket.renew_keys_with(move || match session.upgrade() {
            Some(session) => Session(session).renewed_keys(),
            None => Ok(None),
        });
    }

    /// Makes a bucket this session's: limit, pause, journal.
    pub(crate) fn equip(&self, bucket: &Bucket) {
        bucket.limit_bandwidth(self.bandwidth_limit());
        bucket.pause(self.0.transfers.paused.load(Ordering::Relaxed));
        let folder = self.transfer_dir();
        // Where it cannot be made, the transfer goes without a journal.
        if fsx::private_dir(&folder).is_ok() {
            bucket.keep_journal_in(folder);
        }
        let mut buckets = self.0.transfers.buckets.lock();
        // Those that nobody else holds are done.
        buckets.retain(|bucket| !bucket.is_idle());
        buckets.push(bucket.clone());
    }
}

/// Smaller files are fetched again: one request.
const HALF_FROM: u64 = 16 << 20;
const HALF_KEPT: Duration = Duration::from_secs(7 * 24 * 3600);

/// Large files that are half fetched, each under its SHA-256: a restore that was killed
/// goes on with them.
pub(crate) struct Halves {
    folder: PathBuf,
    /// One run fetches the same bytes for two names at once.
    taken: Mutex<HashSet<String>>,
}

impl Halves {
    /// Throws away what nobody went on with for a week.
    pub(crate) fn open(transfer_dir: &Path) -> Self {
        let folder = transfer_dir.join("halves");
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let age = entry.metadata().and_then(|meta| meta.modified());
            let old = age.is_ok_and(|then| then.elapsed().is_ok_and(|age| age > HALF_KEPT));
            if old {
                let _ = fs::remove_file(entry.path());
            }
        }
        Self {
            folder,
            taken: Mutex::default(),
        }
    }

    /// `None` where it is not worth keeping, cannot be kept, or is being fetched already.
    pub(crate) fn begin(&self, sha256: &str, size: u64) -> Option<PathBuf> {
        // It becomes a name: nothing but a hash will do.
        let is_hash = sha256.len() == 64 && sha256.bytes().all(|b| b.is_ascii_hexdigit());
        if size <= HALF_FROM || !is_hash || !self.taken.lock().insert(sha256.to_owned()) {
            return None;
        }
        fsx::private_dir(&self.folder).ok()?;
        Some(self.folder.join(sha256))
    }

    pub(crate) fn keeps(&self, path: &Path) -> bool {
        path.starts_with(&self.folder)
    }
}
