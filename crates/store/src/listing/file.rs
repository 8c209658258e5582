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
use crate::list::{ListQuery, Sort};
use crate::record::{FileId, FileRecord, Status};
use crate::{durable, names};
use jiff::Timestamp;
use memchr::memmem;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::OnceLock;
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

pub(super) const HEADER: usize = 192;
const MAGIC: &[u8; 8] = b"RLLIST\x01\n";
pub(super) const SECTIONS: usize = 8;
/// Behind each key. UTF-8 has no such byte, so no search reaches into the next key.
pub(super) const KEY_END: u8 = 0xFF;
/// Rows looked at in one read.
const CHUNK: usize = 32 << 10;

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

    fn unpack(self) -> FileRecord {
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

/// The start of the file. Its checksum makes a half-written one no listing at all.
pub(super) struct Header {
    pub rows: u64,
    /// Where each section begins; the last one ends with the file.
    pub starts: [u64; SECTIONS],
    /// Of each section's bytes. Rows have their own, since a page reads a few of many.
    pub checks: [u64; SECTIONS],
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
        put(&self.rows.to_le_bytes());
        self.starts.iter().for_each(|s| put(&s.to_le_bytes()));
        self.checks.iter().for_each(|c| put(&c.to_le_bytes()));
        put(&self.stamp.len.to_le_bytes());
        put(&self.stamp.mtime.to_le_bytes());
        put(&self.stamp.wal.to_le_bytes());
        let check = xxh3_64(&bytes[..HEADER - 8]);
        bytes[HEADER - 8..].copy_from_slice(&check.to_le_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8; HEADER]) -> Option<Self> {
        let number = |i: usize| {
            let part = bytes[i * 8..i * 8 + 8].try_into().unwrap_or_default();
            u64::from_le_bytes(part)
        };
        let last = HEADER / 8 - 1;
        if &bytes[..8] != MAGIC || number(last) != xxh3_64(&bytes[..HEADER - 8]) {
            return None;
        }
        Some(Self {
            rows: number(1),
            starts: std::array::from_fn(|i| number(2 + i)),
            checks: std::array::from_fn(|i| number(2 + SECTIONS + i)),
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

/// An open listing. Holds no rows: pages are read where they lie, from the page cache.
pub(crate) struct Listing {
    file: File,
    header: Header,
    /// The catalog's state that the file says it shows.
    stamp: Mutex<Stamp>,
    /// Whether a section is what was written: found out when it is first used.
    whole: [OnceLock<bool>; SECTIONS],
    kinds: Vec<String>,
}

/// The rows a query matches; None for all.
type Matches = Option<Vec<u64>>;

impl Listing {
    /// None where there is no listing that is whole.
    pub(super) fn open(path: &Path) -> Option<Self> {
        let file = durable::open_no_follow(path).ok()?;
        let mut bytes = [0; HEADER];
        read_at(&file, &mut bytes, 0).ok()?;
        let header = Header::from_bytes(&bytes)?;
        let end = header.starts[SECTIONS - 1] + header.rows * 16;
        if file.metadata().ok()?.len() != end {
            return None;
        }
        let mut listing = Self {
            file,
            stamp: Mutex::new(header.stamp),
            header,
            whole: Default::default(),
            kinds: Vec::new(),
        };
        let names = listing.bytes(Section::KindNames, 0, listing.len_of(Section::KindNames));
        listing.kinds = postcard::from_bytes(&names.ok()?).ok()?;
        Some(listing)
    }

    pub(super) fn stamp(&self) -> Stamp {
        *self.stamp.lock()
    }

    /// Says in the file at `path` that the same rows now have another stamp. The one
    /// there may be another process's by now; its stamp then differs from ours, and
    /// it is left alone.
    pub(super) fn restamp(&self, path: &Path, stamp: Stamp) -> io::Result<()> {
        let Some(there) = Listing::open(path).filter(|l| l.stamp() == self.stamp()) else {
            return Ok(());
        };
        let header = Header {
            stamp,
            ..there.header
        };
        let mut file = OpenOptions::new().write(true).open(path)?;
        file.write_all(&header.to_bytes())?;
        *self.stamp.lock() = stamp;
        Ok(())
    }

    /// One page, and how many rows match in all. None where `after` names no row
    /// of the list.
    pub(crate) fn page(
        &self,
        query: &ListQuery,
        limit: u64,
    ) -> io::Result<Option<(Vec<FileRecord>, u64)>> {
        let matches = self.matches(query)?;
        let total = match &matches {
            None => self.header.rows,
            Some(bits) => bits.iter().map(|b| u64::from(b.count_ones())).sum(),
        };
        let behind = match query.after {
            None => None,
            Some(id) => match self.row_of(id)? {
                None => return Ok(None),
                found => found,
            },
        };
        let mut page = Vec::new();
        let mut skip = if behind.is_some() { 0 } else { query.offset };
        let mut begun = behind.is_none();
        if begun && matches.is_none() {
            // Nothing to count: the page lies at its offset.
            let start = skip.min(total);
            let end = start.saturating_add(limit).min(total);
            page = self.order(query.sort, query.reverse, start, end)?;
        } else if limit > 0 {
            'walk: for start in (0..self.header.rows).step_by(CHUNK) {
                let end = (start + CHUNK as u64).min(self.header.rows);
                for row in self.order(query.sort, query.reverse, start, end)? {
                    if !begun {
                        begun = Some(row) == behind;
                    } else if matches.as_ref().is_none_or(|bits| has(bits, row)) {
                        if skip > 0 {
                            skip -= 1;
                        } else {
                            page.push(row);
                            if page.len() as u64 == limit {
                                break 'walk;
                            }
                        }
                    }
                }
            }
        }
        let files = page
            .into_iter()
            .map(|row| self.record(row))
            .collect::<io::Result<_>>()?;
        Ok(Some((files, total)))
    }

    /// The rows of a query in its order, 4 bytes each; [`Self::record`] has them.
    pub(crate) fn rows(&self, query: &ListQuery) -> io::Result<Vec<u32>> {
        let matches = self.matches(query)?;
        let mut rows = self.order(query.sort, query.reverse, 0, self.header.rows)?;
        if let Some(bits) = matches {
            rows.retain(|&row| has(&bits, row));
        }
        Ok(rows)
    }

    pub(crate) fn record(&self, row: u32) -> io::Result<FileRecord> {
        let (start, end) = self.span(Section::RowEnds, u64::from(row))?;
        let bytes = self.bytes(Section::Rows, start, end - start)?;
        let packed = bytes.len().checked_sub(4).map(|at| bytes.split_at(at));
        packed
            .filter(|(packed, check)| row_check(packed) == *check)
            .and_then(|(packed, _)| postcard::from_bytes::<Packed<'_>>(packed).ok())
            .map(Packed::unpack)
            .ok_or_else(damaged)
    }

    fn matches(&self, query: &ListQuery) -> io::Result<Matches> {
        let mut bits: Matches = None;
        if let Some(kind) = &query.file_type {
            let mut of_kind = self.none();
            if let Some(code) = self.kinds.iter().position(|k| k == kind) {
                let code = (code as u16).to_le_bytes();
                let kinds = self.bytes(Section::Kinds, 0, self.header.rows * 2)?;
                for (row, found) in kinds.chunks_exact(2).enumerate() {
                    if found == code {
                        of_kind[row / 64] |= 1 << (row % 64);
                    }
                }
            }
            bits = Some(of_kind);
        }
        for word in query
            .search
            .as_deref()
            .unwrap_or_default()
            .split_whitespace()
        {
            let found = self.containing(&names::name_key(word))?;
            bits = Some(match bits {
                None => found,
                Some(so_far) => so_far.iter().zip(&found).map(|(a, b)| a & b).collect(),
            });
        }
        Ok(bits)
    }

    /// The rows whose key contains `word`.
    fn containing(&self, word: &str) -> io::Result<Vec<u64>> {
        let finder = memmem::Finder::new(word);
        let mut bits = self.none();
        let mut from = 0;
        for first in (0..self.header.rows).step_by(CHUNK) {
            let count = (CHUNK as u64).min(self.header.rows - first);
            let ends = self.bytes(Section::KeyEnds, first * 8, count * 8)?;
            let ends: Vec<u64> = ends.chunks_exact(8).map(number).collect();
            let to = ends.last().copied().unwrap_or(from);
            let keys = self.bytes(
                Section::Keys,
                from,
                to.checked_sub(from).ok_or_else(damaged)?,
            )?;
            let mut row = 0;
            let mut at = 0;
            while let Some(found) = finder.find(&keys[at..]) {
                let place = from + (at + found) as u64;
                while ends[row] <= place {
                    row += 1;
                }
                let index = first as usize + row;
                bits[index / 64] |= 1 << (index % 64);
                // One find is enough for a row.
                at = (ends[row] - from) as usize;
            }
            from = to;
        }
        Ok(bits)
    }

    fn none(&self) -> Vec<u64> {
        vec![0; (self.header.rows as usize).div_ceil(64)]
    }

    /// Which row has this id: ids ascend.
    fn row_of(&self, id: FileId) -> io::Result<Option<u32>> {
        let (mut low, mut high) = (0, self.header.rows);
        while low < high {
            let middle = low + (high - low) / 2;
            let found = number(&self.bytes(Section::Ids, middle * 8, 8)?) as i64;
            match found.cmp(&id.0) {
                std::cmp::Ordering::Equal => return Ok(Some(middle as u32)),
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        Ok(None)
    }

    /// Rows `start` to `end` of an order, from its end if reversed.
    fn order(&self, sort: Sort, reverse: bool, start: u64, end: u64) -> io::Result<Vec<u32>> {
        let rows = self.header.rows;
        let from = order_slot(sort) * rows + if reverse { rows - end } else { start };
        let bytes = self.bytes(Section::Orders, from * 4, (end - start) * 4)?;
        let mut order: Vec<u32> = bytes
            .chunks_exact(4)
            .map(|b| u32::from_le_bytes(b.try_into().unwrap_or_default()))
            .collect();
        if order.iter().any(|&row| u64::from(row) >= rows) {
            return Err(damaged());
        }
        if reverse {
            order.reverse();
        }
        Ok(order)
    }

    fn span(&self, ends: Section, row: u64) -> io::Result<(u64, u64)> {
        let (start, end) = if row == 0 {
            (0, number(&self.bytes(ends, 0, 8)?))
        } else {
            let both = self.bytes(ends, (row - 1) * 8, 16)?;
            (number(&both[..8]), number(&both[8..]))
        };
        if start > end {
            return Err(damaged());
        }
        Ok((start, end))
    }

    fn len_of(&self, section: Section) -> u64 {
        let i = section as usize;
        let end = match self.header.starts.get(i + 1) {
            Some(next) => *next,
            None => self.header.starts[i] + self.header.rows * 16,
        };
        end.saturating_sub(self.header.starts[i])
    }

    fn bytes(&self, section: Section, offset: u64, len: u64) -> io::Result<Vec<u8>> {
        // Checked before anything is allocated for it.
        if offset
            .checked_add(len)
            .is_none_or(|end| end > self.len_of(section))
        {
            return Err(damaged());
        }
        let i = section as usize;
        if !*self.whole[i].get_or_init(|| self.is_whole(section)) {
            return Err(damaged());
        }
        let mut bytes = vec![0; len as usize];
        read_at(&self.file, &mut bytes, self.header.starts[i] + offset)?;
        Ok(bytes)
    }

    fn is_whole(&self, section: Section) -> bool {
        let i = section as usize;
        if i == Section::Rows as usize {
            return true;
        }
        let (start, len) = (self.header.starts[i], self.len_of(section));
        let mut check = Xxh3::new();
        let mut buffer = vec![0; len.min(1 << 20) as usize];
        let mut done = 0;
        while done < len {
            let part = (len - done).min(buffer.len() as u64) as usize;
            if read_at(&self.file, &mut buffer[..part], start + done).is_err() {
                return false;
            }
            check.update(&buffer[..part]);
            done += part as u64;
        }
        check.digest() == self.header.checks[i]
    }
}

fn has(bits: &[u64], row: u32) -> bool {
    bits[row as usize / 64] >> (row % 64) & 1 == 1
}

fn number(bytes: &[u8]) -> u64 {
    u64::from_le_bytes(bytes.try_into().unwrap_or_default())
}

fn damaged() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the listing is damaged")
}

fn read_at(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<()> {
    #[cfg(unix)]
    return std::os::unix::fs::FileExt::read_exact_at(file, bytes, offset);
    #[cfg(windows)]
    {
        let mut done = 0;
        while done < bytes.len() {
            use std::os::windows::fs::FileExt;
            match file.seek_read(&mut bytes[done..], offset + done as u64)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                n => done += n,
            }
        }
        Ok(())
    }
}
