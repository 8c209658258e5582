//! Makes a listing out of the catalog.

use super::format::{Contents, HEADER, KEY_END, Packed, SECTIONS, Section, row_check};
use crate::catalog::{Catalog, FILE_COLUMNS, catalog_error, file_from_row};
use crate::record::FileRecord;
use crate::{Result, StoreError};
use duckdb::Connection;
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use xxhash_rust::xxh3::xxh3_64;

/// Rows read while the catalog is held; whoever waits for it comes in between.
const CHUNK: i64 = 20_000;

/// What the orders are made of. Some 90 bytes a row, gone when the listing is written.
#[derive(Default)]
struct Columns {
    ids: Vec<i64>,
    row_ends: Vec<u64>,
    keys: Vec<u8>,
    key_ends: Vec<u64>,
    kinds: Vec<u16>,
    kind_names: Vec<String>,
    kind_codes: HashMap<String, u16>,
    sizes: Vec<u64>,
    added: Vec<i64>,
}

/// Writes everything but the header, which says that the rest is whole and comes
/// last. The header's stamp is the caller's to fill in.
pub(super) fn write(
    catalog: &Catalog,
    file: &File,
    unchanged: &dyn Fn() -> bool,
) -> Result<Option<Contents>> {
    let failed = |e: io::Error| StoreError::io("the listing", e);
    let mut out = BufWriter::with_capacity(1 << 20, file);
    out.seek(SeekFrom::Start(HEADER as u64)).map_err(failed)?;

    let mut columns = Columns::default();
    let mut packed = Vec::new();
    let mut row_end = 0;
    loop {
        let last = columns.ids.last().copied().unwrap_or(i64::MIN);
        let rows = catalog.read(|conn| rows_behind(conn, last))?;
        if !unchanged() {
            return Ok(None);
        }
        if rows.is_empty() {
            break;
        }
        for (record, key) in &rows {
            packed.clear();
            packed = postcard::to_extend(&Packed::new(record), std::mem::take(&mut packed))
                .map_err(|e| failed(io::Error::other(e)))?;
            out.write_all(&packed).map_err(failed)?;
            out.write_all(&row_check(&packed)).map_err(failed)?;
            row_end += packed.len() as u64 + 4;
            columns.push(record, key, row_end)?;
        }
    }
    let mut starts = [HEADER as u64; SECTIONS];
    let mut checks = [0; SECTIONS];
    let mut at = HEADER as u64 + row_end;
    let mut section = |section: Section, bytes: &[u8]| -> Result<()> {
        starts[section as usize] = at;
        checks[section as usize] = xxh3_64(bytes);
        at += bytes.len() as u64;
        out.write_all(bytes).map_err(failed)
    };
    section(
        Section::RowEnds,
        &packed_numbers(&columns.row_ends, u64::to_le_bytes),
    )?;
    section(Section::Keys, &columns.keys)?;
    section(
        Section::KeyEnds,
        &packed_numbers(&columns.key_ends, u64::to_le_bytes),
    )?;
    section(
        Section::Ids,
        &packed_numbers(&columns.ids, i64::to_le_bytes),
    )?;
    section(
        Section::Kinds,
        &packed_numbers(&columns.kinds, u16::to_le_bytes),
    )?;
    let kind_names = postcard::to_stdvec(&columns.kind_names);
    section(
        Section::KindNames,
        &kind_names.map_err(|e| failed(io::Error::other(e)))?,
    )?;
    let orders = columns.orders().concat();
    section(Section::Orders, &packed_numbers(&orders, u32::to_le_bytes))?;
    out.flush().map_err(failed)?;
    Ok(Some(Contents {
        rows: columns.ids.len() as u64,
        starts,
        checks,
    }))
}

fn packed_numbers<T: Copy, const N: usize>(values: &[T], to_bytes: fn(T) -> [u8; N]) -> Vec<u8> {
    values.iter().flat_map(|&value| to_bytes(value)).collect()
}

impl Columns {
    fn push(&mut self, record: &FileRecord, key: &str, row_end: u64) -> Result<()> {
        let kind = match self.kind_codes.get(&record.file_type) {
            Some(code) => *code,
            None => {
                let code = u16::try_from(self.kind_names.len()).map_err(|_| {
                    StoreError::io("the listing", io::Error::other("too many file types"))
                })?;
                self.kind_names.push(record.file_type.clone());
                self.kind_codes.insert(record.file_type.clone(), code);
                code
            }
        };
        self.ids.push(record.id.0);
        self.row_ends.push(row_end);
        self.keys.extend_from_slice(key.as_bytes());
        self.keys.push(KEY_END);
        self.key_ends.push(self.keys.len() as u64);
        self.kinds.push(kind);
        self.sizes.push(record.size_bytes);
        self.added.push(record.uploaded_at.as_microsecond());
        Ok(())
    }

    fn key(&self, row: u32) -> &[u8] {
        let row = row as usize;
        let start = if row == 0 { 0 } else { self.key_ends[row - 1] };
        &self.keys[start as usize..self.key_ends[row] as usize - 1]
    }

    /// By name, type, size and time of adding, each as [`crate::ListQuery`] sorts it.
    /// Rows are in the order of their ids, so a row's number settles what is equal.
    fn orders(&self) -> [Vec<u32>; 4] {
        let rows = self.ids.len() as u32;
        // The first eight bytes settle most comparisons without a look at the key.
        let mut by_key: Vec<(u64, u32)> = (0..rows).map(|r| (prefix(self.key(r)), r)).collect();
        by_key.sort_unstable_by(|a, b| {
            a.0.cmp(&b.0)
                .then_with(|| self.key(a.1).cmp(self.key(b.1)))
                .then(a.1.cmp(&b.1))
        });
        let name: Vec<u32> = by_key.into_iter().map(|(_, row)| row).collect();

        let mut names: Vec<&String> = self.kind_names.iter().collect();
        // A file without a type comes last, as the catalog's NULL does.
        names.sort_by_key(|n| (n.is_empty(), n.as_str()));
        let ranks: HashMap<&str, usize> = names
            .iter()
            .enumerate()
            .map(|(i, n)| (n.as_str(), i))
            .collect();
        let rank: Vec<usize> = self.kind_names.iter().map(|n| ranks[n.as_str()]).collect();
        let mut kind = name.clone();
        // Stable: within a type the names stay in their order.
        kind.sort_by_key(|&row| rank[usize::from(self.kinds[row as usize])]);

        [name, kind, descending(&self.sizes), descending(&self.added)]
    }
}

/// Large first; of equals the last one.
fn descending<T: Ord>(values: &[T]) -> Vec<u32> {
    let mut order: Vec<u32> = (0..values.len() as u32).rev().collect();
    order.sort_by(|&a, &b| values[b as usize].cmp(&values[a as usize]));
    order
}

fn prefix(key: &[u8]) -> u64 {
    let mut bytes = [0; 8];
    let n = key.len().min(8);
    bytes[..n].copy_from_slice(&key[..n]);
    u64::from_be_bytes(bytes)
}

/// The next rows of the list, with their keys; none once there are no more. What is
/// in the trash is not listed. By a range of ids, since a LIMIT would have to sort.
fn rows_behind(conn: &Connection, last: i64) -> Result<Vec<(FileRecord, String)>> {
    let run = || -> duckdb::Result<Vec<(FileRecord, String)>> {
        let next: Option<i64> = conn.query_row(
            "SELECT min(id) FROM user_files WHERE id > ? AND status <> 'trashed'",
            [last],
            |r| r.get(0),
        )?;
        let Some(next) = next else {
            return Ok(Vec::new());
        };
        let sql = format!(
            "SELECT {FILE_COLUMNS}, name_key FROM user_files \
             WHERE id BETWEEN {next} AND {} AND status <> 'trashed'",
            next.saturating_add(CHUNK - 1)
        );
        conn.prepare(&sql)?
            .query_map([], |r| Ok((file_from_row(r)?, r.get(12)?)))?
            .collect()
    };
    let mut rows = run().map_err(|e| catalog_error("read the files", &e))?;
    rows.sort_unstable_by_key(|(record, _)| record.id.0);
    Ok(rows)
}
