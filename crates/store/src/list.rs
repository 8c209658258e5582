//! The list: filtered, searched, sorted, and quick at any depth.
//!
//! The catalog answers for a small store: the ids in order, then the rows of one page.
//! For a big one the [listing](crate::listing) does, once it is made.

use crate::catalog::{FILE_COLUMNS, catalog_error, file_from_row};
use crate::listing::Listing;
use crate::open::Store;
use crate::record::{FileId, FileRecord};
use crate::{Result, StoreError, names};
use duckdb::{Connection, params_from_iter};
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

const DEFAULT_LIMIT: u64 = 100;
const MAX_LIMIT: u64 = 1000;
/// Rows read at a time when everything is wanted.
const CHUNK: usize = 5_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum Sort {
    /// A to Z.
    Name,
    /// A to Z, by name within.
    Type,
    /// Large first.
    Size,
    /// Newest first.
    #[default]
    Added,
}

/// What to list. The default is every file, newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct ListQuery {
    pub file_type: Option<String>,
    /// Every word must occur in the relative path, any case.
    pub search: Option<String>,
    pub sort: Sort,
    /// Turns the sort's own direction around.
    pub reverse: bool,
    pub offset: u64,
    /// At most 1,000; 100 if absent.
    pub limit: Option<u64>,
    /// Start behind this file instead of at `offset`; newest first only.
    pub after: Option<FileId>,
    /// The trash instead of the files.
    pub trash: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    pub files: Vec<FileRecord>,
    /// Rows that match in all.
    pub total: u64,
    /// The catalog's version this page belongs to.
    pub version: u64,
}

impl Store {
    /// One page of the list.
    pub fn list(&self, query: &ListQuery) -> Result<Page> {
        let version = self.version();
        let limit = query.limit.unwrap_or(DEFAULT_LIMIT).min(MAX_LIMIT);
        if let Some(page) = self.listed_page(query, limit, version) {
            return Ok(page);
        }
        let catalog = &self.inner.catalog;
        let big = !query.trash && catalog.read(count_rows)? >= self.inner.options.listing_from;
        if big {
            // While this page is being looked at, so that the next finds it made.
            catalog.listing.make_ahead(catalog);
        }
        let page = catalog.read(|conn| {
            let ids = ordered_ids(conn, query, Some(limit))?;
            Ok(Page {
                files: rows_of(conn, &ids)?,
                total: count(conn, query)?,
                version,
            })
        });
        match page {
            // Deep down the catalog sorts everything, and may not have the memory.
            Err(StoreError::Catalog { .. }) if big && catalog.listing.make(catalog).is_some() => {
                self.listed_page(query, limit, catalog.version())
                    .map_or(page, Ok)
            }
            page => page,
        }
    }

    /// The page out of the listing, where there is one of this version.
    fn listed_page(&self, query: &ListQuery, limit: u64, version: u64) -> Option<Page> {
        let listing = self.listing(query, version)?;
        match listing.page(query, limit) {
            Ok(page) => page.map(|(files, total)| Page {
                files,
                total,
                version,
            }),
            Err(_) => {
                self.inner.catalog.listing.forget();
                None
            }
        }
    }

    fn listing(&self, query: &ListQuery, version: u64) -> Option<Arc<Listing>> {
        let catalog = &self.inner.catalog;
        // The trash is in no listing: it is seldom big, and never looked at for long.
        (!query.trash)
            .then(|| catalog.listing.get(version, catalog.stamp()))
            .flatten()
    }

    /// Every file that matches, in order, a few thousand in memory at a time.
    /// The callback may end it early; the catalog is free between chunks.
    pub fn for_each(
        &self,
        query: &ListQuery,
        f: &mut dyn FnMut(FileRecord) -> ControlFlow<()>,
    ) -> Result<()> {
        let whole = query.whole();
        if let Some(listing) = self.listing(&whole, self.version()) {
            match listing.rows(&whole) {
                Ok(rows) => return self.for_each_listed(&listing, &rows, f),
                Err(_) => self.inner.catalog.listing.forget(),
            }
        }
        let ids = self
            .inner
            .catalog
            .read(|conn| ordered_ids(conn, &whole, None))?;
        for chunk in ids.chunks(CHUNK) {
            for record in self.inner.catalog.read(|conn| rows_of(conn, chunk))? {
                if f(record).is_break() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn for_each_listed(
        &self,
        listing: &Listing,
        rows: &[u32],
        f: &mut dyn FnMut(FileRecord) -> ControlFlow<()>,
    ) -> Result<()> {
        let mut damaged = false;
        for &row in rows {
            let record = match listing.record(row) {
                Ok(record) => record,
                Err(_) => {
                    if !std::mem::replace(&mut damaged, true) {
                        self.inner.catalog.listing.forget();
                    }
                    // The catalog has what the listing lost.
                    let id = listing.id(row);
                    match self.get(id.map_err(|e| StoreError::io("the listing", e))?) {
                        // Gone meanwhile.
                        Err(StoreError::NotFound) => continue,
                        found => found?,
                    }
                }
            };
            if f(record).is_break() {
                break;
            }
        }
        Ok(())
    }

    /// One file of this store, in any state.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for an id that is unknown or another store's alike.
    pub fn get(&self, id: FileId) -> Result<FileRecord> {
        self.inner.catalog.read(|conn| get_file(conn, id))
    }
}

impl ListQuery {
    /// All of this query's pages.
    fn whole(&self) -> Self {
        Self {
            offset: 0,
            limit: None,
            after: None,
            ..self.clone()
        }
    }

    /// What must occur in a row's `name_key`.
    pub(crate) fn words(&self) -> impl Iterator<Item = String> {
        let search = self.search.as_deref().unwrap_or_default();
        search.split_whitespace().map(names::name_key)
    }

    fn filter(&self) -> (String, Vec<String>) {
        let mut clauses = vec![if self.trash {
            "status = 'trashed'"
        } else {
            "status <> 'trashed'"
        }];
        let mut values = Vec::new();
        if let Some(kind) = &self.file_type {
            clauses.push("file_type = ?");
            values.push(kind.clone());
        }
        for word in self.words() {
            clauses.push("contains(name_key, ?)");
            values.push(word);
        }
        (clauses.join(" AND "), values)
    }

    fn order(&self) -> &'static str {
        match (self.sort, self.reverse) {
            (Sort::Name, false) => "name_key, id",
            (Sort::Name, true) => "name_key DESC, id DESC",
            (Sort::Type, false) => "file_type, name_key, id",
            (Sort::Type, true) => "file_type DESC, name_key DESC, id DESC",
            (Sort::Size, false) => "size_bytes DESC, id DESC",
            (Sort::Size, true) => "size_bytes, id",
            (Sort::Added, false) => "uploaded_at DESC, id DESC",
            (Sort::Added, true) => "uploaded_at, id",
        }
    }
}

/// Ids in order; the window of the query applies only with a limit.
fn ordered_ids(conn: &Connection, query: &ListQuery, limit: Option<u64>) -> Result<Vec<i64>> {
    let (mut filter, values) = query.filter();
    if let Some(FileId(id)) = query.after {
        let then = if query.reverse { ">" } else { "<" };
        filter.push_str(&format!(
            " AND (uploaded_at, id) {then} (SELECT (uploaded_at, id) FROM user_files WHERE id = {id})"
        ));
    }
    let window = match limit {
        Some(limit) => {
            // The engine counts in signed numbers, and no list is longer.
            let [limit, offset] = [limit, query.offset].map(|n| n.min(i64::MAX as u64));
            format!("LIMIT {limit} OFFSET {offset}")
        }
        None => String::new(),
    };
    let sql = format!(
        "SELECT id FROM user_files WHERE {filter} ORDER BY {} {window}",
        query.order()
    );
    let run = || -> duckdb::Result<Vec<i64>> {
        conn.prepare(&sql)?
            .query_map(params_from_iter(values.iter()), |r| r.get(0))?
            .collect()
    };
    run().map_err(|e| catalog_error("list the files", &e))
}

fn count(conn: &Connection, query: &ListQuery) -> Result<u64> {
    let (filter, values) = query.filter();
    conn.query_row(
        &format!("SELECT count(*) FROM user_files WHERE {filter}"),
        params_from_iter(values.iter()),
        |r| r.get::<_, i64>(0),
    )
    .map(|n| n as u64)
    .map_err(|e| catalog_error("count the files", &e))
}

/// The rows of these ids, in their order; ids that went meanwhile are left out.
pub(crate) fn rows_of(conn: &Connection, ids: &[i64]) -> Result<Vec<FileRecord>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let list: Vec<String> = ids.iter().map(i64::to_string).collect();
    // The bounds let whole row groups be passed over.
    let (low, high) = (
        ids.iter().min().copied().unwrap_or(0),
        ids.iter().max().copied().unwrap_or(0),
    );
    let sql = format!(
        "SELECT {FILE_COLUMNS} FROM user_files WHERE id BETWEEN {low} AND {high} AND id IN ({})",
        list.join(",")
    );
    let run = || -> duckdb::Result<HashMap<i64, FileRecord>> {
        conn.prepare(&sql)?
            .query_map([], |r| file_from_row(r).map(|f| (f.id.0, f)))?
            .collect()
    };
    let mut found = run().map_err(|e| catalog_error("read the files", &e))?;
    Ok(ids.iter().filter_map(|id| found.remove(id)).collect())
}

pub(crate) fn get_file(conn: &Connection, id: FileId) -> Result<FileRecord> {
    rows_of(conn, &[id.0])?.pop().ok_or(StoreError::NotFound)
}

/// Rows of any state; the first thing asked of a catalog that was just opened.
pub(crate) fn count_rows(conn: &Connection) -> Result<u64> {
    conn.query_row("SELECT count(*) FROM user_files", [], |r| {
        r.get::<_, i64>(0)
    })
    .map(|n| n as u64)
    .map_err(|e| catalog_error("count the files", &e))
}
