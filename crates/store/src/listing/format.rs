//! The listing on disk: every row of the list, and its four orders.
//!
//! All numbers are little-endian. A header of 192 bytes, which holds a checksum of each
//! section but the first, then the sections:
//!
//! | section    | content                                                     |
//! |------------|-------------------------------------------------------------|
//! | rows       | each row, packed, with a checksum of four bytes behind it    |
//! | row_ends   | `u64` a row: where it ends in `rows`                         |
//! | keys       | each row's `name_key`, with a byte 0xFF behind it            |
//! | key_ends   | `u64` a row: where it ends in `keys`                         |
//! | ids        | `i64` a row, ascending                                       |
//! | kinds      | `u16` a row: which of the kind names                         |
//! | kind_names | the file types that occur, packed                            |
//! | orders     | `u32` a row, four times: by name, type, size, time of adding |

use crate::catalog::Stamp;
use crate::list::Sort;
use crate::names;
use crate::record::{FileId, FileRecord, Status};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

pub(super) const HEADER: usize = 192;
const MAGIC: &[u8; 8] = b"RLLIST\x01\n";
pub(super) const SECTIONS: usize = 8;
/// Behind each key. UTF-8 has no such byte, so no search reaches into the next key.
pub(super) const KEY_END: u8 = 0xFF;
#[derive(Clone, Copy)]
pub(super) enum Section {
    Rows,
    RowEnds,
    Keys,
    KeyEnds,
    Ids,
    Kinds,
    KindNames,
    Orders,
}

/// A row as it is packed: what [`FileRecord`] says, without what follows from it.
#[derive(Serialize, Deserialize)]
pub(super) struct Packed<'a> {
    id: i64,
    uid: &'a str,
    relative_path: &'a str,
    /// None where it is the last part of `relative_path`.
    original_filename: Option<&'a str>,
    file_type: &'a str,
    format: &'a str,
    size_bytes: u64,
    #[serde(borrow)]
    sha256: Hash<'a>,
    uploaded_at: i64,
    status: &'a str,
    /// None for an empty object.
    metadata: Option<String>,
    mtime_ns: i64,
}

#[derive(Serialize, Deserialize)]
enum Hash<'a> {
    Bytes([u8; 32]),
    Text(&'a str),
}

impl<'a> Packed<'a> {
    pub(super) fn new(record: &'a FileRecord) -> Self {
        let mut bytes = [0; 32];
        let exact = hex::decode_to_slice(&record.sha256, &mut bytes).is_ok()
            && !record.sha256.bytes().any(|b| b.is_ascii_uppercase());
        Self {
            id: record.id.0,
            uid: &record.uid,
            relative_path: &record.relative_path,
            original_filename: (record.original_filename != record.filename)
                .then_some(&record.original_filename),
            file_type: &record.file_type,
            format: &record.format,
            size_bytes: record.size_bytes,
            sha256: if exact {
                Hash::Bytes(bytes)
            } else {
                Hash::Text(&record.sha256)
            },
            uploaded_at: record.uploaded_at.as_microsecond(),
            status: record.status.as_str(),
            metadata: record
                .metadata
                .as_object()
                .is_none_or(|o| !o.is_empty())
                .then(|| record.metadata.to_string()),
            mtime_ns: record.mtime_ns,
        }
    }

    pub(super) fn unpack(self) -> FileRecord {
        let filename = names::filename_of(self.relative_path).to_owned();
        FileRecord {
            id: FileId(self.id),
            uid: self.uid.to_owned(),
            relative_path: self.relative_path.to_owned(),
            original_filename: self
                .original_filename
                .map_or_else(|| filename.clone(), str::to_owned),
            filename,
            file_type: self.file_type.to_owned(),
            format: self.format.to_owned(),
            size_bytes: self.size_bytes,
            sha256: match self.sha256 {
                Hash::Bytes(bytes) => hex::encode(bytes),
                Hash::Text(text) => text.to_owned(),
            },
            uploaded_at: Timestamp::from_microsecond(self.uploaded_at).unwrap_or_default(),
            status: Status::parse(self.status),
            metadata: self
                .metadata
                .and_then(|t| serde_json::from_str(&t).ok())
                .unwrap_or(serde_json::Value::Object(Default::default())),
            mtime_ns: self.mtime_ns,
        }
    }
}

/// What the header says of the sections.
#[derive(Clone, Copy)]
pub(super) struct Contents {
    pub rows: u64,
    /// Where each section begins; the last one ends with the file.
    pub starts: [u64; SECTIONS],
    /// Of each section's bytes. Rows have their own, since a page reads a few of many.
    pub checks: [u64; SECTIONS],
}

/// The start of the file. Its checksum makes a half-written one no listing at all.
pub(super) struct Header {
    pub contents: Contents,
    /// The catalog this listing was made from.
    pub stamp: Stamp,
}

impl Header {
    pub(super) fn to_bytes(&self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        let mut at = 0;
        let mut put = |part: &[u8]| {
            bytes[at..at + part.len()].copy_from_slice(part);
            at += part.len();
        };
        put(MAGIC);
        put(&self.contents.rows.to_le_bytes());
        self.contents
            .starts
            .iter()
            .for_each(|s| put(&s.to_le_bytes()));
        self.contents
            .checks
            .iter()
            .for_each(|c| put(&c.to_le_bytes()));
        put(&self.stamp.len.to_le_bytes());
        put(&self.stamp.mtime.to_le_bytes());
        put(&self.stamp.wal.to_le_bytes());
        let check = xxh3_64(&bytes[..HEADER - 8]);
        bytes[HEADER - 8..].copy_from_slice(&check.to_le_bytes());
        bytes
    }

    pub(super) fn from_bytes(bytes: &[u8; HEADER]) -> Option<Self> {
        let number = |i: usize| {
            let part = bytes[i * 8..i * 8 + 8].try_into().unwrap_or_default();
            u64::from_le_bytes(part)
        };
        let last = HEADER / 8 - 1;
        if &bytes[..8] != MAGIC || number(last) != xxh3_64(&bytes[..HEADER - 8]) {
            return None;
        }
        Some(Self {
            contents: Contents {
                rows: number(1),
                starts: std::array::from_fn(|i| number(2 + i)),
                checks: std::array::from_fn(|i| number(2 + SECTIONS + i)),
            },
            stamp: Stamp {
                len: number(2 + 2 * SECTIONS),
                mtime: number(3 + 2 * SECTIONS) as i64,
                wal: number(4 + 2 * SECTIONS),
            },
        })
    }
}

/// The checksum behind a packed row.
pub(super) fn row_check(packed: &[u8]) -> [u8; 4] {
    (xxh3_64(packed) as u32).to_le_bytes()
}

/// Where the order of a sort lies among the orders.
pub(super) fn order_slot(sort: Sort) -> u64 {
    match sort {
        Sort::Name => 0,
        Sort::Type => 1,
        Sort::Size => 2,
        Sort::Added => 3,
    }
}
