//! One file into the scratch folder: whole, hashed, and known to have held
//! still while it was read.

use super::sources::unreadable;
use super::{Classified, Origin};
use crate::copy::{Copied, CopyError, copy_hashed};
use crate::direct::Output;
use crate::layout::Layout;
use crate::{Progress, Result, StoreError, durable, names};
use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// From this size on the space is reserved up front, so that a full disk is
/// noticed before gigabytes are written, and the file lies in one piece; and the
/// bytes go past the page cache.
const RESERVE_FROM: u64 = 16 << 20;

/// A file that lies complete in the scratch folder.
pub(crate) struct Staged {
    pub origin: Origin,
    pub partial: PathBuf,
    pub size: u64,
    pub sha256: String,
    pub mtime_ns: i64,
    pub classified: Classified,
    pub metadata: serde_json::Value,
}

pub(super) struct Stager {
    dir: PathBuf,
    classify: fn(&[u8], &str) -> Classified,
    next: AtomicU64,
    /// Catalogs and logs below the root, which must not be opened here even where a
    /// hard link gives them another name.
    #[cfg(unix)]
    catalogs: std::collections::HashSet<(u64, u64)>,
}

impl Stager {
    pub fn new(layout: &Layout, dir: &Path, classify: fn(&[u8], &str) -> Classified) -> Self {
        #[cfg(not(unix))]
        let _ = layout;
        Self {
            dir: dir.to_owned(),
            classify,
            next: AtomicU64::new(0),
            #[cfg(unix)]
            catalogs: layout.catalogs(),
        }
    }

    fn is_a_catalog(&self, path: &Path) -> bool {
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            fs::symlink_metadata(path).is_ok_and(|about| {
                about.nlink() > 1 && self.catalogs.contains(&(about.dev(), about.ino()))
            })
        }
        #[cfg(not(unix))]
        {
            let _ = path;
            false
        }
    }

    pub fn stage(&self, origin: &Origin, progress: &dyn Progress) -> Result<Staged> {
        let name = &origin.shown;
        let (mut source, before) = self.open_source(origin)?;
        let partial = self.new_partial();
        let result = self.write(name, &partial, before.len(), &mut source, progress);
        let copied = match result {
            Ok(copied) => copied,
            Err(e) => return Err(discard(&partial, e)),
        };
        // The descriptor still shows the bytes we read; the name may have moved on.
        match source.metadata() {
            Ok(after) if holds_still(&before, &after) && copied.size == before.len() => {}
            Ok(_) => {
                let e = StoreError::SourceChanged { name: name.clone() };
                return Err(discard(&partial, e));
            }
            Err(e) => return Err(discard(&partial, unreadable(name, e))),
        }
        self.finished(origin.clone(), partial, copied)
    }

    pub fn stage_stream(
        &self,
        name: &str,
        reader: &mut dyn Read,
        progress: &dyn Progress,
    ) -> Result<Staged> {
        let wanted = names::sanitize_filename(name);
        let partial = self.new_partial();
        match self.write(&wanted, &partial, 0, reader, progress) {
            Ok(copied) => self.finished(
                Origin {
                    path: PathBuf::new(),
                    token: None,
                    shown: wanted.clone(),
                    wanted,
                    original: name.to_owned(),
                    follow: false,
                    place: 0,
                },
                partial,
                copied,
            ),
            Err(e) => Err(discard(&partial, e)),
        }
    }

    /// Takes a finished file of ours as it is: moved, then hashed.
    pub fn adopt(&self, temp: &Path, wanted: &str) -> Result<Staged> {
        let partial = self.new_partial();
        durable::rename_no_replace(temp, &partial)
            .map_err(|e| StoreError::writing(wanted, 0, 0, e))?;
        let mut file =
            durable::open_no_follow(&partial).map_err(|e| StoreError::writing(wanted, 0, 0, e))?;
        let copied = copy_hashed(&mut file, None, &()).map_err(|e| self.explain(wanted, 0, e))?;
        let origin = Origin {
            path: PathBuf::new(),
            token: None,
            wanted: wanted.to_owned(),
            shown: wanted.to_owned(),
            original: names::filename_of(wanted).to_owned(),
            follow: false,
            place: 0,
        };
        self.finished(origin, partial, copied)
    }

    fn open_source(&self, origin: &Origin) -> Result<(File, Metadata)> {
        let name = &origin.shown;
        let path = if origin.follow {
            // What a person named may be a link; what lies in a folder may not.
            origin
                .path
                .canonicalize()
                .map_err(|e| unreadable(name, e))?
        } else {
            origin.path.clone()
        };
        if self.is_a_catalog(&path) {
            return Err(StoreError::PartOfAStore { name: name.clone() });
        }
        let file = durable::open_no_follow(&path).map_err(|e| {
            if durable::is_link_error(&e) {
                return StoreError::SourceChanged { name: name.clone() };
            }
            match fs::symlink_metadata(&path) {
                // A socket cannot even be opened.
                Ok(meta) if !meta.is_file() => StoreError::NotAFile {
                    name: name.clone(),
                    kind: kind_of(&meta),
                },
                _ => unreadable(name, e),
            }
        })?;
        let meta = file.metadata().map_err(|e| unreadable(name, e))?;
        if !meta.is_file() {
            return Err(StoreError::NotAFile {
                name: name.clone(),
                kind: kind_of(&meta),
            });
        }
        Ok((file, meta))
    }

    fn new_partial(&self) -> PathBuf {
        self.dir
            .join(self.next.fetch_add(1, Ordering::Relaxed).to_string())
    }

    fn write(
        &self,
        name: &str,
        partial: &Path,
        expected: u64,
        source: &mut dyn Read,
        progress: &dyn Progress,
    ) -> Result<Copied> {
        let dest = durable::private_new()
            .open(partial)
            .map_err(|e| StoreError::writing(name, expected, self.free(), e))?;
        let output = if expected >= RESERVE_FROM {
            self.reserve(name, &dest, expected)?;
            Output::past_the_cache(&dest)
        } else {
            Output::through_the_cache(&dest)
        };
        let copied = copy_hashed(source, Some(output), progress)
            .map_err(|e| self.explain(name, expected, e))?;
        if copied.size < expected {
            // Shorter than it said: the reserved tail is not part of it.
            dest.set_len(copied.size)
                .map_err(|e| StoreError::writing(name, expected, self.free(), e))?;
        }
        if copied.size >= RESERVE_FROM {
            // Big files do not wait for their batch's sync.
            dest.sync_all()
                .map_err(|e| StoreError::writing(name, copied.size, self.free(), e))?;
        }
        Ok(copied)
    }

    fn reserve(&self, name: &str, dest: &File, len: u64) -> Result<()> {
        let full = || StoreError::DiskFull {
            name: name.to_owned(),
            needed: len,
            free: self.free(),
        };
        if self.free() < len {
            return Err(full());
        }
        #[cfg(target_os = "linux")]
        {
            use rustix::fs::{FallocateFlags, fallocate};
            if let Err(rustix::io::Errno::NOSPC | rustix::io::Errno::DQUOT) =
                fallocate(dest, FallocateFlags::KEEP_SIZE, 0, len)
            {
                return Err(full());
            }
        }
        #[cfg(not(target_os = "linux"))]
        let _ = dest;
        Ok(())
    }

    fn finished(&self, origin: Origin, partial: PathBuf, copied: Copied) -> Result<Staged> {
        let meta = fs::symlink_metadata(&partial)
            .map_err(|e| StoreError::writing(&origin.shown, copied.size, self.free(), e))?;
        Ok(Staged {
            mtime_ns: durable::mtime_ns(&meta),
            classified: (self.classify)(&copied.head, &origin.original),
            size: copied.size,
            sha256: copied.sha256,
            origin,
            partial,
            metadata: serde_json::json!({}),
        })
    }

    fn explain(&self, name: &str, needed: u64, e: CopyError) -> StoreError {
        match e {
            CopyError::Cancelled => StoreError::Cancelled,
            CopyError::Read(e) => unreadable(name, e),
            CopyError::Write(e) => StoreError::writing(name, needed, self.free(), e),
        }
    }

    fn free(&self) -> u64 {
        durable::free_space(&self.dir)
    }
}

fn discard(partial: &Path, e: StoreError) -> StoreError {
    // At worst it stays in the scratch folder, which goes as a whole.
    let _ = fs::remove_file(partial);
    e
}

fn kind_of(meta: &Metadata) -> &'static str {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        let kind = meta.file_type();
        if kind.is_fifo() {
            return "a pipe";
        }
        if kind.is_socket() {
            return "a socket";
        }
        if kind.is_block_device() || kind.is_char_device() {
            return "a device";
        }
    }
    if meta.is_dir() {
        "a folder"
    } else {
        "something else"
    }
}

fn holds_still(before: &Metadata, after: &Metadata) -> bool {
    before.len() == after.len() && durable::mtime_ns(before) == durable::mtime_ns(after)
}

/// Reads a stored file to know its hash, size, head and time; fails if it
/// changes meanwhile.
pub(crate) fn hash_stored(
    path: &Path,
    name: &str,
    progress: &dyn Progress,
) -> Result<(Copied, i64)> {
    let mut file = durable::open_no_follow(path).map_err(|e| {
        if durable::is_link_error(&e) {
            StoreError::LinkInStore { name: name.into() }
        } else if e.kind() == io::ErrorKind::NotFound {
            StoreError::SourceVanished { name: name.into() }
        } else {
            unreadable(name, e)
        }
    })?;
    let before = file.metadata().map_err(|e| unreadable(name, e))?;
    if !before.is_file() {
        return Err(StoreError::NotAFile {
            name: name.into(),
            kind: kind_of(&before),
        });
    }
    let copied = copy_hashed(&mut file, None, progress).map_err(|e| match e {
        CopyError::Cancelled => StoreError::Cancelled,
        CopyError::Read(e) | CopyError::Write(e) => unreadable(name, e),
    })?;
    let after = file.metadata().map_err(|e| unreadable(name, e))?;
    if !holds_still(&before, &after) || copied.size != after.len() {
        return Err(StoreError::SourceChanged { name: name.into() });
    }
    Ok((copied, durable::mtime_ns(&after)))
}
