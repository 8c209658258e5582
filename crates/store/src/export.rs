//! Getting files back out: reading, copying, and the path for engines.

use crate::copy::{CopyError, copy_hashed};
use crate::direct::Output;
use crate::open::Store;
use crate::record::{FileId, FileRecord, Status};
use crate::verify::Look;
use crate::{Progress, Result, StoreError, durable, layout};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

impl Store {
    /// Opens a stored file for reading.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for a foreign id or one in the trash;
    /// [`StoreError::SourceVanished`] if the bytes are gone;
    /// [`StoreError::LinkInStore`] if something planted a link there.
    pub fn open_file(&self, id: FileId) -> Result<(File, FileRecord)> {
        let record = self.get(id)?;
        if record.status == Status::Trashed {
            return Err(StoreError::NotFound);
        }
        let path = self.inner.layout.file(&record.relative_path)?;
        let file = durable::open_no_follow(&path).map_err(|e| {
            let name = record.filename.clone();
            if durable::is_link_error(&e) {
                StoreError::LinkInStore { name }
            } else if e.kind() == io::ErrorKind::NotFound {
                StoreError::SourceVanished { name }
            } else {
                StoreError::io(name, e)
            }
        })?;
        match file.metadata() {
            Ok(meta) if meta.is_file() => Ok((file, record)),
            Ok(_) => Err(StoreError::NotAFile {
                name: record.filename,
                kind: "something else",
            }),
            Err(e) => Err(StoreError::io(record.filename, e)),
        }
    }

    /// The path of a stored file, for an engine that opens files itself. Checked
    /// as [`Store::open_file`] does; it must not leave this process.
    pub fn path_of(&self, id: FileId) -> Result<PathBuf> {
        let (_, record) = self.open_file(id)?;
        self.inner.layout.file(&record.relative_path)
    }

    /// Saves a copy to a file, or into a folder under the stored name. Never
    /// replaces anything; the copy has its final name only when it is whole,
    /// durable, and proved equal to what is stored.
    ///
    /// # Errors
    /// [`StoreError::DestExists`], [`StoreError::DiskFull`],
    /// [`StoreError::SourceChanged`] if the stored file is edited meanwhile.
    pub fn export(&self, id: FileId, dest: &Path, progress: &dyn Progress) -> Result<u64> {
        let (mut source, record) = self.open_file(id)?;
        let target = if dest.is_dir() {
            dest.join(&record.filename)
        } else {
            dest.to_owned()
        };
        let name = layout::name_of(&target);
        if fs::symlink_metadata(&target).is_ok() {
            return Err(StoreError::DestExists { name });
        }
        let folder = match target.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        // `new/` names a folder, whatever else it could be taken for.
        if !dest.is_dir() && dest.as_os_str().as_encoded_bytes().ends_with(b"/") {
            return Err(StoreError::NoFolder {
                name: layout::name_of(dest),
            });
        }
        if self.inner.layout.is_in_a_store(&folder) {
            return Err(StoreError::PartOfAStore {
                name: layout::name_of(&folder),
            });
        }
        let free = || durable::free_space(&folder);
        let failed = |e: io::Error| match e.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => StoreError::NoFolder {
                name: layout::name_of(&folder),
            },
            io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
                StoreError::ReadOnly {
                    what: "the folder to save to".into(),
                }
            }
            _ => StoreError::writing(&name, record.size_bytes, free(), e),
        };
        if free() < record.size_bytes {
            return Err(failed(io::ErrorKind::StorageFull.into()));
        }
        let temp = folder.join(format!(".{}.redline-part", ulid::Ulid::new()));
        let result = (|| {
            let out = durable::private_new().open(&temp).map_err(failed)?;
            // Whoever saves a copy opens it next.
            let saved = Output::through_the_cache(&out);
            let copied = copy_hashed(&mut source, Some(record.size_bytes), Some(saved), progress)
                .map_err(|e| match e {
                CopyError::Cancelled => StoreError::Cancelled,
                CopyError::Read(e) => StoreError::io(record.filename.clone(), e),
                CopyError::Write(e) => failed(e),
            })?;
            if copied.sha256 != record.sha256 {
                // An edit in place is a revision; a change under our hands is not.
                match self.look_at(&record, &())? {
                    Look::Changed(now) if now.sha256 == copied.sha256 => {}
                    Look::Same if record.sha256.is_empty() => {}
                    _ => {
                        return Err(StoreError::SourceChanged {
                            name: record.filename.clone(),
                        });
                    }
                }
            }
            out.sync_all().map_err(failed)?;
            durable::rename_no_replace(&temp, &target).map_err(|e| {
                if e.kind() == io::ErrorKind::AlreadyExists {
                    StoreError::DestExists { name: name.clone() }
                } else {
                    failed(e)
                }
            })?;
            durable::sync_dir(&folder).map_err(failed)?;
            progress.advance(0, 1);
            Ok(copied.size)
        })();
        if result.is_err() {
            let _ = fs::remove_file(&temp);
        }
        result
    }
}
