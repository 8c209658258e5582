//! Reads pages out of a listing, where they lie.

use super::format::{Contents, HEADER, Header, Packed, SECTIONS, Section, order_slot, row_check};
use crate::catalog::Stamp;
use crate::durable;
use crate::list::{ListQuery, Sort};
use crate::record::{FileId, FileRecord};
use memchr::memmem;
use parking_lot::Mutex;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::OnceLock;
use xxhash_rust::xxh3::Xxh3;

/// Bytes of the orders for each row.
const ORDERS: u64 = 4 * 4;
/// Rows looked at in one read.
const CHUNK: usize = 32 << 10;

/// An open listing. Holds no rows: pages are read where they lie, from the page cache.
pub(crate) struct Listing {
    file: File,
    contents: Contents,
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
        let Contents { rows, starts, .. } = header.contents;
        let end = starts[SECTIONS - 1].checked_add(rows.checked_mul(ORDERS)?)?;
        if file.metadata().ok()?.len() != end {
            return None;
        }
        let mut listing = Self {
            file,
            stamp: Mutex::new(header.stamp),
            contents: header.contents,
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
            contents: there.contents,
            stamp,
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
            None => self.contents.rows,
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
            'walk: for start in (0..self.contents.rows).step_by(CHUNK) {
                let end = (start + CHUNK as u64).min(self.contents.rows);
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
        let mut rows = self.order(query.sort, query.reverse, 0, self.contents.rows)?;
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

    /// Whose row it is; for a row that cannot be read.
    pub(crate) fn id(&self, row: u32) -> io::Result<FileId> {
        let bytes = self.bytes(Section::Ids, u64::from(row) * 8, 8)?;
        Ok(FileId(number(&bytes) as i64))
    }

    fn matches(&self, query: &ListQuery) -> io::Result<Matches> {
        let mut bits: Matches = None;
        if let Some(kind) = &query.file_type {
            let mut of_kind = self.none();
            if let Some(code) = self.kinds.iter().position(|k| k == kind) {
                let code = (code as u16).to_le_bytes();
                let kinds = self.bytes(Section::Kinds, 0, self.contents.rows * 2)?;
                for (row, found) in kinds.chunks_exact(2).enumerate() {
                    if found == code {
                        of_kind[row / 64] |= 1 << (row % 64);
                    }
                }
            }
            bits = Some(of_kind);
        }
        for word in query.words() {
            let found = self.containing(&word)?;
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
        for first in (0..self.contents.rows).step_by(CHUNK) {
            let count = (CHUNK as u64).min(self.contents.rows - first);
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
        vec![0; (self.contents.rows as usize).div_ceil(64)]
    }

    /// Which row has this id: ids ascend.
    fn row_of(&self, id: FileId) -> io::Result<Option<u32>> {
        let (mut low, mut high) = (0, self.contents.rows);
        while low < high {
            let middle = low + (high - low) / 2;
            match self.id(middle as u32)?.cmp(&id) {
                std::cmp::Ordering::Equal => return Ok(Some(middle as u32)),
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        Ok(None)
    }

    /// Rows `start` to `end` of an order, from its end if reversed.
    fn order(&self, sort: Sort, reverse: bool, start: u64, end: u64) -> io::Result<Vec<u32>> {
        let rows = self.contents.rows;
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
        let end = match self.contents.starts.get(i + 1) {
            Some(next) => *next,
            None => self.contents.starts[i] + self.contents.rows * ORDERS,
        };
        end.saturating_sub(self.contents.starts[i])
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
        read_at(&self.file, &mut bytes, self.contents.starts[i] + offset)?;
        Ok(bytes)
    }

    fn is_whole(&self, section: Section) -> bool {
        let i = section as usize;
        if i == Section::Rows as usize {
            return true;
        }
        let (start, len) = (self.contents.starts[i], self.len_of(section));
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
        check.digest() == self.contents.checks[i]
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
