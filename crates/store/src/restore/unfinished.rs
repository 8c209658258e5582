//! What a restore was about to do when its process died, taken back as far as it came. The
//! disk and the trash tell how far that was; the catalog has been brought to agree with
//! them meanwhile, and knows nothing of the restore.

use super::{REPLACED_BY, Restored, is_there, one, row_of_uid};
use crate::open::Store;
use crate::record::{FileRecord, Status};
use crate::{Result, StoreError, names};
use duckdb::Connection;
use std::fs;

impl Store {
    /// Takes back what is there of a restored file that was only `meant` to come, as
    /// [`Store::take_back`] would: `by` is what the restore had as its mark. Expects that
    /// [`Store::reconcile`] went over the store since. Answers whether anything was there.
    ///
    /// # Errors
    /// [`StoreError::SourceChanged`] if other bytes lie where those that made room belong,
    /// or these are gone from the trash while the restored ones are in place; nothing is
    /// changed then.
    pub fn take_back_unfinished(&self, meant: &Restored, by: &str, mark: &str) -> Result<bool> {
        let (placed, aside) = self.inner.catalog.read(|conn| {
            let aside = match &meant.replaced {
                Some(uid) => row_of_uid(conn, uid)?.filter(|row| self.made_room(row, by)),
                None => None,
            };
            Ok((self.placed(conn, meant)?, aside))
        })?;
        match (placed, aside) {
            (Some(row), _) if row.uid == meant.uid => self.take_back(meant, mark).map(|()| true),
            // Found on disk without a row, and got a new one: its row goes with it.
            (Some(row), _) => {
                let found = Restored {
                    relative_path: row.relative_path,
                    uid: row.uid,
                    was: None,
                    ..meant.clone()
                };
                self.take_back(&found, mark).map(|()| true)
            }
            (None, Some(aside)) => self.return_unreplaced(meant, aside).map(|()| true),
            (None, None) => Ok(false),
        }
    }

    /// The row of the restored bytes, if they lie in their place.
    fn placed(&self, conn: &Connection, meant: &Restored) -> Result<Option<FileRecord>> {
        let there = |row: &FileRecord| {
            row.status == Status::Stored && row.sha256 == meant.sha256 && self.lies_there(row)
        };
        if let Some(row) = row_of_uid(conn, &meant.uid)?.filter(there) {
            return Ok(Some(row));
        }
        // What a person imports under this name is not the restore's, whatever its bytes.
        let found = one(
            conn,
            "status = 'stored' AND relative_path = ? AND sha256 = ? \
             AND (metadata ->> 'adopted') = 'true' ORDER BY id",
            &[&meant.relative_path, &meant.sha256],
        )?;
        Ok(found.filter(there))
    }

    /// Whether this lies in the trash because that restore put it there: what a person
    /// brought back and deleted again has another note beside it.
    fn made_room(&self, row: &FileRecord, by: &str) -> bool {
        let trash = self.inner.layout.trash();
        let noted = || {
            let text = fs::read(trash.join(format!("{}.json", row.uid))).ok()?;
            let noted: FileRecord = serde_json::from_slice(&text).ok()?;
            Some(noted.metadata.get(REPLACED_BY)? == by)
        };
        row.status == Status::Trashed && is_there(&trash.join(&row.uid)) && noted().unwrap_or(false)
    }

    /// Bytes that made room for a file that never came, back to their own place.
    fn return_unreplaced(&self, meant: &Restored, aside: FileRecord) -> Result<()> {
        let layout = &self.inner.layout;
        let uid = aside.uid.clone();
        // With a uid of its own in the trash, it is the bytes of the row that stayed.
        let stayed = meant
            .was
            .as_ref()
            .filter(|was| was.status == Status::Stored && was.sha256 == aside.sha256);
        let owner = stayed.unwrap_or(&aside).relative_path.clone();
        let changed = || StoreError::SourceChanged {
            name: names::filename_of(&owner).to_owned(),
        };
        self.changing_files(|conn, moved| {
            if fs::symlink_metadata(layout.file(&owner)?).is_ok() {
                return Err(changed());
            }
            // Another file may have the name since, wherever its bytes are.
            let holder = super::row_at(conn, &owner)?;
            if holder.is_some_and(|row| stayed.is_none_or(|was| was.uid != row.uid)) {
                return Err(changed());
            }
            if let Some(was) = stayed {
                let row = row_of_uid(conn, &was.uid)?.ok_or_else(changed)?;
                if row.status != Status::Missing || row.sha256 != was.sha256 {
                    return Err(changed());
                }
                super::write_row(conn, was)?;
            }
            self.bring_back(conn, stayed, aside, moved)
        })?;
        let _ = fs::remove_file(layout.trash().join(format!("{uid}.json")));
        Ok(())
    }
}
