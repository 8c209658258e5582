//! Files whose bytes are in the bucket only: giving the local bytes up, once whoever
//! calls has proved that the bucket has them.

use crate::aside::move_aside;
use crate::catalog::catalog_error;
use crate::import::hash_stored;
use crate::open::Store;
use crate::partial::ScratchDir;
use crate::record::{FileId, FileRecord, Status};
use crate::{Result, StoreError, durable};
use std::fs;

/// What has been done of giving up a file's bytes; tests step in there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Done {
    /// The row says that the file is in the bucket only; its bytes are in their place.
    Listed,
    /// The bytes have no name any more but one that is ours alone.
    MovedAside,
}

impl Store {
    /// Removes a stored file's local bytes and lists it as cloud-only. They are hashed
    /// first: what an edit in place made of them may be the only copy.
    ///
    /// # Errors
    /// [`StoreError::SourceChanged`] if they are not (or do not stay) those of `sha256`;
    /// [`StoreError::NotFound`]. The bytes are there then.
    pub fn give_up_bytes(&self, id: FileId, sha256: &str) -> Result<()> {
        self.give_up_in_steps(id, sha256, &|_| {})
    }

    fn give_up_in_steps(&self, id: FileId, sha256: &str, step: &dyn Fn(Done)) -> Result<()> {
        let record = self.get(id)?;
        let changed = || StoreError::SourceChanged {
            name: record.filename.clone(),
        };
        if record.status != Status::Stored || record.sha256 != sha256 {
            return Err(changed());
        }
        let path = self.inner.layout.file(&record.relative_path)?;
        let (hashed, mtime_ns) = hash_stored(&path, &record.filename, &())?;
        if hashed.sha256 != sha256 {
            return Err(changed());
        }
        let as_hashed = || {
            fs::symlink_metadata(&path).is_ok_and(|m| {
                m.is_file() && m.len() == hashed.size && durable::mtime_ns(&m) == mtime_ns
            })
        };
        // The row first: a crash in between leaves a file that the next look finds and
        // lists as stored again.
        self.inner.catalog.write(|conn| {
            if !as_hashed() {
                return Err(changed());
            }
            let rows = conn
                .execute(
                    "UPDATE user_files SET status = 'cloud_only' \
                     WHERE id = ? AND status = 'stored' AND sha256 = ?",
                    duckdb::params![id.0, sha256],
                )
                .map_err(|e| catalog_error("update a file", &e))?;
            if rows == 1 { Ok(()) } else { Err(changed()) }
        })?;
        step(Done::Listed);
        let failed = match self.remove_if_still(&record, step) {
            Ok(true) => return Ok(()),
            // Replaced or written to in this very moment.
            Ok(false)
            | Err(StoreError::SourceVanished { .. } | StoreError::SourceChanged { .. }) => {
                changed()
            }
            Err(error) => error,
        };
        // It stays, and is looked at as any edit is.
        self.look_at(&self.get(id)?, &())?;
        Err(failed)
    }

    /// Takes the file out of everybody's reach before the last look at it: a name that
    /// was looked at can be another file's by the time it is unlinked. `Ok(false)`: it
    /// was another one, and is back.
    fn remove_if_still(&self, record: &FileRecord, step: &dyn Fn(Done)) -> Result<bool> {
        let layout = &self.inner.layout;
        let folder = ScratchDir::create(layout)?;
        let moved = move_aside(layout, folder.path(), &record.relative_path)?;
        step(Done::MovedAside);
        let (now, _) = hash_stored(&moved, &record.filename, &())?;
        if now.sha256 != record.sha256 {
            return Ok(false);
        }
        // Not synced: what comes back with a power cut goes back to its place.
        fs::remove_file(&moved)
            .map(|()| true)
            .map_err(|e| StoreError::io(record.filename.clone(), e))
    }

    /// Lists files (by uid) that were in the bucket only as missing: it does not have them
    /// any more. Any others stay as they are.
    pub fn lost_in_bucket(&self, uids: &[String]) -> Result<()> {
        self.inner.catalog.write(|conn| {
            for uid in uids {
                conn.execute(
                    "UPDATE user_files SET status = 'missing' \
                     WHERE uid = ? AND status = 'cloud_only'",
                    [uid],
                )
                .map_err(|e| catalog_error("update a file", &e))?;
            }
            Ok(())
        })
    }

    /// Keeps one fact with a file.
    pub fn note_fact(&self, id: FileId, name: &str, value: &str) -> Result<()> {
        self.inner.catalog.write(|conn| {
            conn.execute(
                "UPDATE user_files SET metadata = \
                 json_merge_patch(coalesce(metadata, '{}'), json_object(?, ?)) WHERE id = ?",
                duckdb::params![name, value, id.0],
            )
            .map(drop)
            .map_err(|e| catalog_error("update a file", &e))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Identity, ListQuery, StoreOptions};
    use std::path::{Path, PathBuf};

    const OURS: &[u8] = b"proven in the bucket";
    const THEIRS: &[u8] = b"saved by an editor just now, and nowhere else";

    struct Fixture {
        root: tempfile::TempDir,
        store: Store,
        id: FileId,
        sha256: String,
    }

    fn open(root: &Path) -> Store {
        let identity = Identity::of_key("RL-AAAAAAAA-AAAAAAAA-AAAAAAAA");
        Store::create_or_open(root, &identity, StoreOptions::default())
            .unwrap()
            .0
    }

    impl Fixture {
        fn new() -> Self {
            let root = tempfile::tempdir().unwrap();
            let store = open(root.path());
            fs::write(store.inner.layout.file("f.txt").unwrap(), OURS).unwrap();
            store.reconcile(&()).unwrap();
            let record = store.list(&ListQuery::default()).unwrap().files.remove(0);
            Self {
                root,
                store,
                id: record.id,
                sha256: record.sha256,
            }
        }

        fn path(&self) -> PathBuf {
            self.store.inner.layout.file("f.txt").unwrap()
        }

        /// As editors save: a new file renamed over the name.
        fn save_over(&self) {
            let new = self.path().with_extension("swp");
            fs::write(&new, THEIRS).unwrap();
            fs::rename(new, self.path()).unwrap();
        }

        fn give_up(&self, step: impl Fn(Done)) -> Result<()> {
            self.store.give_up_in_steps(self.id, &self.sha256, &step)
        }
    }

    fn contents(store: &Store) -> Vec<(String, Vec<u8>, Status)> {
        store.reconcile(&()).unwrap();
        let mut found: Vec<_> = store
            .list(&ListQuery::default())
            .unwrap()
            .files
            .into_iter()
            .map(|f| {
                let path = store.inner.layout.file(&f.relative_path).unwrap();
                (
                    f.relative_path,
                    fs::read(path).unwrap_or_default(),
                    f.status,
                )
            })
            .collect();
        found.sort_by(|a, b| a.0.cmp(&b.0));
        found
    }

    fn stored(name: &str, bytes: &[u8]) -> (String, Vec<u8>, Status) {
        (name.into(), bytes.into(), Status::Stored)
    }

    fn partials(store: &Store) -> usize {
        fs::read_dir(store.inner.layout.partial())
            .unwrap()
            .filter(|e| {
                !e.as_ref()
                    .unwrap()
                    .file_name()
                    .to_string_lossy()
                    .starts_with('.')
            })
            .count()
    }

    #[test]
    fn bytes_that_are_proven_go_and_leave_nothing() {
        let f = Fixture::new();
        f.give_up(|_| {}).unwrap();
        assert!(!f.path().exists());
        assert_eq!(partials(&f.store), 0);
        assert_eq!(f.store.get(f.id).unwrap().status, Status::CloudOnly);
    }

    #[test]
    fn a_file_saved_over_the_name_before_it_is_removed_stays() {
        let f = Fixture::new();
        let refused = f.give_up(|done| {
            if done == Done::Listed {
                f.save_over();
            }
        });
        assert!(matches!(refused, Err(StoreError::SourceChanged { .. })));
        assert_eq!(contents(&f.store), [stored("f.txt", THEIRS)]);
        assert_eq!(partials(&f.store), 0);
    }

    #[test]
    fn what_comes_under_the_name_meanwhile_stays_whatever_was_moved_away() {
        // Ours was moved away: it goes, and the new file is nobody's to remove.
        let f = Fixture::new();
        f.give_up(|done| {
            if done == Done::MovedAside {
                f.save_over();
            }
        })
        .unwrap();
        assert_eq!(contents(&f.store), [stored("f.txt", THEIRS)]);
        // Another one was moved away, and a third has the name by now: both stay.
        let f = Fixture::new();
        let refused = f.give_up(|done| match done {
            Done::Listed => f.save_over(),
            Done::MovedAside => fs::write(f.path(), b"a third").unwrap(),
        });
        assert!(matches!(refused, Err(StoreError::SourceChanged { .. })));
        assert_eq!(
            contents(&f.store),
            [stored("f (2).txt", THEIRS), stored("f.txt", b"a third")]
        );
        assert_eq!(partials(&f.store), 0);
    }

    #[test]
    fn a_file_written_to_in_place_while_it_is_moved_stays() {
        let f = Fixture::new();
        let at = fs::metadata(f.path()).unwrap().modified().unwrap();
        let refused = f.give_up(|done| {
            if done == Done::Listed {
                // Same size and time: only a hash tells.
                let mut bytes = OURS.to_vec();
                bytes[0] ^= 1;
                fs::write(f.path(), bytes).unwrap();
                let file = fs::File::options().write(true).open(f.path()).unwrap();
                file.set_modified(at).unwrap();
            }
        });
        assert!(matches!(refused, Err(StoreError::SourceChanged { .. })));
        let now = contents(&f.store);
        assert_eq!((now.len(), now[0].2), (1, Status::Stored));
        assert_ne!(now[0].1, OURS);
    }

    /// A copy of everything at this moment, with nobody's locks on it: what a kill leaves.
    fn as_killed(root: &Path) -> tempfile::TempDir {
        let copy = tempfile::tempdir().unwrap();
        for entry in walkdir::WalkDir::new(root).into_iter().flatten() {
            let to = copy.path().join(entry.path().strip_prefix(root).unwrap());
            if entry.file_type().is_dir() {
                fs::create_dir_all(to).unwrap();
            } else {
                fs::copy(entry.path(), to).unwrap();
            }
        }
        copy
    }

    #[test]
    fn a_kill_at_any_step_leaves_the_file_and_the_next_open_has_it() {
        for at in [Done::Listed, Done::MovedAside] {
            for saved_over in [false, true] {
                let f = Fixture::new();
                let left = std::cell::RefCell::new(None);
                let _ = f.give_up(|done| {
                    if saved_over && done == Done::Listed {
                        f.save_over();
                    }
                    if done == at {
                        *left.borrow_mut() = Some(as_killed(f.root.path()));
                    }
                });
                let left = left.into_inner().unwrap();
                let expected = if saved_over { THEIRS } else { OURS };
                let store = open(left.path());
                assert_eq!(contents(&store), [stored("f.txt", expected)]);
                assert_eq!(partials(&store), 0);
            }
        }
    }

    #[test]
    fn a_panic_in_between_puts_the_file_back() {
        let f = Fixture::new();
        let torn = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            f.give_up(|done| assert!(done != Done::MovedAside, "torn on purpose"))
        }));
        assert!(torn.is_err());
        assert_eq!(contents(&f.store), [stored("f.txt", OURS)]);
    }
}
