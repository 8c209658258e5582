//! What the last look through `files/` saw of each file: size, times and inode.
//!
//! The catalog has a file's size and time of modification, and whoever writes other bytes
//! can put both back. The time of the last change to the inode cannot be set, and a file
//! that took another's place has another inode, so a look compares these, too.
//!
//! Kept in `.redline/cache/seen`. It is disposable: without it, a look goes by size and
//! time of modification alone, and writes it anew. All numbers are little-endian but the
//! keys:
//!
//! | part    | content                                                                |
//! |---------|------------------------------------------------------------------------|
//! | header  | magic, checksum of all that follows, the catalog's stamp (3 x `u64`)   |
//! | records | 48 bytes a file, ascending by key: key, size, mtime, ctime, inode      |

use crate::catalog::Stamp;
use crate::durable;
use crate::layout::Layout;
use std::fs::{self, Metadata};
use std::io::{self, Write};
use std::path::PathBuf;
use xxhash_rust::xxh3::xxh3_64;

const MAGIC: &[u8; 8] = b"RLSEEN\x01\n";
const CHECKED_FROM: usize = 16;
const HEADER: usize = 40;
const KEY: usize = 16;
const RECORD: usize = 48;

/// How one file looks from outside. The same state means the same bytes, to whoever does
/// not read them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileState {
    /// Bytes.
    pub size: u64,
    /// Nanoseconds since 1970.
    pub mtime: i64,
    /// Of the last change to the inode, nanoseconds since 1970; 0 where there is none.
    pub ctime: i64,
    /// 0 where there is none.
    pub inode: u64,
}

impl FileState {
    pub fn of(meta: &Metadata) -> Self {
        #[cfg(unix)]
        let (ctime, inode) = {
            use std::os::unix::fs::MetadataExt;
            let ctime = meta.ctime().saturating_mul(1_000_000_000);
            (ctime.saturating_add(meta.ctime_nsec()), meta.ino())
        };
        #[cfg(not(unix))]
        let (ctime, inode) = (0, 0);
        Self {
            size: meta.len(),
            mtime: durable::mtime_ns(meta),
            ctime,
            inode,
        }
    }

    /// Nothing that the catalog has tells them apart, and yet they differ.
    pub fn was_touched(&self, since: &Self) -> bool {
        self != since && self.size == since.size && self.mtime == since.mtime
    }

    /// Only the number differs: a move of another file to this place would show in `ctime`.
    pub fn was_renumbered(&self, since: &Self) -> bool {
        self.was_touched(since) && self.ctime == since.ctime
    }
}

type Record = [u8; RECORD];

fn record(key: u128, state: &FileState) -> Record {
    let mut record = [0; RECORD];
    record[..KEY].copy_from_slice(&key.to_be_bytes());
    let parts = [
        state.size,
        state.mtime as u64,
        state.ctime as u64,
        state.inode,
    ];
    for (room, part) in record[KEY..].chunks_exact_mut(8).zip(parts) {
        room.copy_from_slice(&part.to_le_bytes());
    }
    record
}

fn number(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap_or_default())
}

/// All files as one look saw them, by the key of their path.
#[derive(Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// The catalog whose rows all these files were in line with, if it was at rest.
    pub stamp: Option<Stamp>,
    records: Vec<Record>,
}

impl Seen {
    /// Of the last look; nothing where none was kept, or not whole.
    pub fn read(layout: &Layout) -> Self {
        let whole = |bytes: Vec<u8>| {
            let checked = bytes.get(CHECKED_FROM..).filter(|rest| {
                bytes.starts_with(MAGIC)
                    && rest.len() >= HEADER - CHECKED_FROM
                    && number(&bytes, 8) == xxh3_64(rest)
            });
            checked?;
            let stamp = Stamp {
                len: number(&bytes, 16),
                mtime: number(&bytes, 24) as i64,
                wal: number(&bytes, 32),
            };
            Some(Self {
                stamp: (stamp != NEVER).then_some(stamp),
                records: bytes[HEADER..].as_chunks().0.to_vec(),
            })
        };
        let bytes = durable::open_no_follow(&path(layout)).and_then(|mut file| {
            let mut bytes = Vec::new();
            io::Read::read_to_end(&mut file, &mut bytes).map(|_| bytes)
        });
        bytes.ok().and_then(whole).unwrap_or_default()
    }

    /// Keeps it for the next look. A failure costs that one only time.
    pub fn keep(&self, layout: &Layout) {
        if let Err(error) = self.write(layout) {
            tracing::info!(error = %error.kind(), "what was seen of the files is not kept");
        }
    }

    fn write(&self, layout: &Layout) -> io::Result<()> {
        let stamp = self.stamp.unwrap_or(NEVER);
        let mut bytes = Vec::with_capacity(HEADER + self.records.len() * RECORD);
        bytes.extend(MAGIC);
        bytes.extend([0; 8]);
        bytes.extend(stamp.len.to_le_bytes());
        bytes.extend(stamp.mtime.to_le_bytes());
        bytes.extend(stamp.wal.to_le_bytes());
        bytes.extend(self.records.as_flattened());
        let check = xxh3_64(&bytes[CHECKED_FROM..]);
        bytes[8..CHECKED_FROM].copy_from_slice(&check.to_le_bytes());

        let folder = layout.cache();
        durable::create_private_dir(&folder)?;
        if !fs::symlink_metadata(&folder)?.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        let partial = folder.join(format!("seen.{}.partial", ulid::Ulid::new()));
        let written = durable::private_new()
            .open(&partial)
            .and_then(|mut file| file.write_all(&bytes))
            .and_then(|()| fs::rename(&partial, path(layout)));
        if written.is_err() {
            let _ = fs::remove_file(&partial);
        }
        written
    }

    pub fn len(&self) -> usize {
        self.records.len()
    }

    pub fn get(&self, key: u128) -> Option<FileState> {
        let key = key.to_be_bytes();
        let at = self
            .records
            .binary_search_by(|record| record[..KEY].cmp(&key))
            .ok()?;
        let record = &self.records[at];
        Some(FileState {
            size: number(record, KEY),
            mtime: number(record, KEY + 8) as i64,
            ctime: number(record, KEY + 16) as i64,
            inode: number(record, KEY + 24),
        })
    }

    /// In any order; [`Seen::sort`] comes before the first question.
    pub fn add(&mut self, key: u128, state: &FileState) {
        self.records.push(record(key, state));
    }

    pub fn sort(&mut self) {
        self.records.sort_unstable();
    }
}

/// No catalog is empty, so this is none's.
const NEVER: Stamp = Stamp {
    len: 0,
    mtime: 0,
    wal: 0,
};

fn path(layout: &Layout) -> PathBuf {
    layout.cache().join("seen")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(n: u64) -> FileState {
        FileState {
            size: n,
            mtime: -5,
            ctime: n as i64,
            inode: u64::MAX - n,
        }
    }

    fn a_layout() -> (tempfile::TempDir, Layout) {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(dir.path(), "0123456789abcdef");
        layout.create().unwrap();
        (dir, layout)
    }

    #[test]
    fn what_was_seen_comes_back_as_it_was() {
        let (_dir, layout) = a_layout();
        assert_eq!(Seen::read(&layout).len(), 0);
        let mut seen = Seen {
            stamp: Some(Stamp {
                len: 12,
                mtime: 7,
                wal: 0,
            }),
            ..Seen::default()
        };
        for n in [3u64, 1 << 40, 2] {
            seen.add(u128::from(n) << 64, &state(n));
        }
        seen.sort();
        seen.keep(&layout);
        let back = Seen::read(&layout);
        assert!(back == seen);
        assert_eq!(back.get(2 << 64), Some(state(2)));
        assert_eq!(back.get(1 << 104), Some(state(1 << 40)));
        assert_eq!(back.get(4), None);
    }

    #[test]
    fn a_damaged_one_is_none_at_all() {
        let (_dir, layout) = a_layout();
        let mut seen = Seen::default();
        seen.add(1, &state(1));
        seen.keep(&layout);
        let whole = fs::read(path(&layout)).unwrap();
        assert_eq!(Seen::read(&layout).len(), 1);
        for len in [0, 7, HEADER - 1, whole.len() - 1] {
            fs::write(path(&layout), &whole[..len]).unwrap();
            assert_eq!(Seen::read(&layout).len(), 0, "cut to {len}");
        }
        for at in [0, 9, 20, HEADER + 3] {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            fs::write(path(&layout), bytes).unwrap();
            assert_eq!(Seen::read(&layout).len(), 0, "flipped at {at}");
        }
    }
}
