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
/// bytes go past the page cache, where they can into a file that has its size already.
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
        let size = file.metadata().ok().map(|about| about.len());
        let copied =
            copy_hashed(&mut file, size, None, &()).map_err(|e| self.explain(wanted, 0, e))?;
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
            let output = Output::past_the_cache(&dest);
            // Until it is synced, a file of its full length may hold nothing but zeros after
            // a crash. Nothing believes it: what lies here has no final name and no journal
            // line before its batch's sync (`commit.rs`), and without them the next
            // open sweeps it away unread.
            if self.reserve(name, &dest, expected, output.is_direct())? {
                output.of_set_size()
            } else {
                output
            }
        } else {
            Output::through_the_cache(&dest)
        };
        // Streams do not say.
        let said = (expected > 0).then_some(expected);
        let copied = copy_hashed(source, said, Some(output), progress)
            .map_err(|e| self.explain(name, expected, e))?;
        if copied.size < expected {
            // Shorter than it said: the tail, reserved or of zeros, is not part of it.
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

    /// Returns whether the file has its length from now on, which is asked for by `sized`.
    fn reserve(&self, name: &str, dest: &File, len: u64, sized: bool) -> Result<bool> {
        let full = || StoreError::DiskFull {
            name: name.to_owned(),
            needed: len,
            free: self.free(),
        };
        if self.free() < len {
            return Err(full());
        }
        durable::reserve(dest, len, sized).map_err(|_| full())
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
    let copied =
        copy_hashed(&mut file, Some(before.len()), None, progress).map_err(|e| match e {
            CopyError::Cancelled => StoreError::Cancelled,
            CopyError::Read(e) | CopyError::Write(e) => unreadable(name, e),
        })?;
    let after = file.metadata().map_err(|e| unreadable(name, e))?;
    if !holds_still(&before, &after) || copied.size != after.len() {
        return Err(StoreError::SourceChanged { name: name.into() });
    }
    Ok((copied, durable::mtime_ns(&after)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha2::{Digest, Sha256};

    const EXPECTED: u64 = RESERVE_FROM + (1 << 20);

    struct Fixture {
        _root: tempfile::TempDir,
        stager: Stager,
    }

    impl Fixture {
        fn new() -> Self {
            let root = tempfile::tempdir().unwrap();
            let layout = Layout::new(root.path(), "0123456789abcdef");
            layout.create().unwrap();
            Self {
                stager: Stager::new(&layout, &layout.partial(), |_, _| Classified::default()),
                _root: root,
            }
        }

        /// The bytes that are staged of those offered.
        fn write(&self, expected: u64, bytes: &[u8]) -> Vec<u8> {
            let partial = self.stager.new_partial();
            let copied = self
                .stager
                .write("x", &partial, expected, &mut &bytes[..], &())
                .unwrap();
            assert_eq!(copied.size, bytes.len() as u64);
            assert_eq!(copied.sha256, hex::encode(Sha256::digest(bytes)));
            fs::read(partial).unwrap()
        }
    }

    fn noise(len: u64) -> Vec<u8> {
        (0..len).map(|i| (i * 31 % 251) as u8).collect()
    }

    #[test]
    fn a_big_file_is_as_long_as_it_is_whatever_it_said() {
        let fixture = Fixture::new();
        let noise = noise(EXPECTED + (5 << 20) + 77);
        for len in [
            0,
            77,
            4096,
            1 << 20,
            RESERVE_FROM - 4096,
            RESERVE_FROM + 5,
            EXPECTED - 1,
            EXPECTED,
            EXPECTED + 1,
            EXPECTED + 4096,
            noise.len() as u64,
        ] {
            let bytes = &noise[..len as usize];
            assert!(fixture.write(EXPECTED, bytes) == bytes, "{len}");
        }
    }

    // Elsewhere nobody says how much is free.
    #[cfg(unix)]
    #[test]
    fn a_file_that_cannot_fit_is_refused_before_a_byte_is_read() {
        struct Untouched;
        impl Read for Untouched {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                panic!("it was read")
            }
        }
        let fixture = Fixture::new();
        let partial = fixture.stager.new_partial();
        let e = fixture
            .stager
            .write("big", &partial, u64::MAX - 1, &mut Untouched, &())
            .err()
            .unwrap();
        let StoreError::DiskFull { name, needed, .. } = &e else {
            panic!("{e}")
        };
        assert_eq!((&**name, *needed), ("big", u64::MAX - 1));
        discard(&partial, e);
        assert!(!partial.exists());
    }

    #[test]
    fn a_cancelled_big_file_leaves_nothing() {
        /// Cancelled once something was written.
        struct Once(std::sync::atomic::AtomicBool);
        impl Progress for Once {
            fn phase(&self, _: &str) {}
            fn set_total(&self, _: Option<u64>, _: Option<u64>) {}
            fn advance(&self, _: u64, _: u64) {
                self.0.store(true, Ordering::Relaxed);
            }
            fn is_cancelled(&self) -> bool {
                self.0.load(Ordering::Relaxed)
            }
        }
        let fixture = Fixture::new();
        let source = tempfile::NamedTempFile::new().unwrap();
        source.as_file().set_len(3 * EXPECTED).unwrap();
        let origin = Origin {
            path: source.path().to_owned(),
            token: None,
            wanted: "x".into(),
            shown: "x".into(),
            original: "x".into(),
            follow: true,
            place: 0,
        };
        let cancelled = fixture.stager.stage(&origin, &Once(false.into()));
        assert!(matches!(cancelled, Err(StoreError::Cancelled)));
        assert_eq!(fs::read_dir(&fixture.stager.dir).unwrap().count(), 0);
    }
}
