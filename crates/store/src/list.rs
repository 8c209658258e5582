//! The list: filtered, searched, sorted, and quick at any depth.
//!
//! A page is two steps: the ids in order, then the rows of one page. The order
//! of a query that is paged deeply is kept (8 bytes a row) until the catalog
//! changes; rows never are.

use crate::catalog::{FILE_COLUMNS, catalog_error, file_from_row};
use crate::open::Store;
use crate::record::{FileId, FileRecord};
use crate::{Result, StoreError, names};
use duckdb::{Connection, params_from_iter};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

const DEFAULT_LIMIT: u64 = 100;
const MAX_LIMIT: u64 = 1000;
/// Up to this depth DuckDB's bounded sort beats sorting everything once.
const SHALLOW: u64 = 2_000;
/// From this many rows on, an order is made before it is needed.
const SORT_AHEAD: u64 = 50_000;
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

/// The orders of the last few queries that were searched or paged deeply.
#[derive(Default)]
pub(crate) struct ListCache(Mutex<Vec<Cached>>);

struct Cached {
    query: ListQuery,
    version: u64,
    ids: Arc<Vec<i64>>,
}

impl ListCache {
    /// Ids kept in all: 8 bytes each, so 48 MB at most.
    const KEPT: usize = 6_000_000;

    fn get(&self, query: &ListQuery, version: u64) -> Option<Arc<Vec<i64>>> {
        let mut cached = self.0.lock();
        cached.retain(|c| c.version == version);
        let at = cached.iter().position(|c| &c.query == query)?;
        // The last one asked for is the last one to go.
        let found = cached.remove(at);
        let ids = Arc::clone(&found.ids);
        cached.push(found);
        Some(ids)
    }

    fn put(&self, query: ListQuery, version: u64, ids: Arc<Vec<i64>>) {
        let mut cached = self.0.lock();
        cached.retain(|c| c.query != query);
        cached.push(Cached {
            query,
            version,
            ids,
        });
        while cached.len() > 1 && cached.iter().map(|c| c.ids.len()).sum::<usize>() > Self::KEPT {
            cached.remove(0);
        }
    }
}

impl Store {
    /// One page of the list.
    pub fn list(&self, query: &ListQuery) -> Result<Page> {
        let version = self.version();
        let limit = query.limit.unwrap_or(DEFAULT_LIMIT).min(MAX_LIMIT);
        let whole = query.whole();
        let shallow = query.after.is_some() || query.offset <= SHALLOW && !query.is_filtered();
        if let Some(ids) = self.inner.lists.get(&whole, version) {
            let files = self
                .inner
                .catalog
                .read(|conn| rows_of(conn, &query.window(&ids, limit)))?;
            return Ok(Page {
                files,
                total: ids.len() as u64,
                version,
            });
        }
        if shallow {
            let page = self.inner.catalog.read(|conn| {
                let ids = ordered_ids(conn, query, Some(limit))?;
                Ok(Page {
                    files: rows_of(conn, &ids)?,
                    total: count(conn, query)?,
                    version,
                })
            })?;
            if page.total > SORT_AHEAD && query.after.is_none() {
                self.sort_ahead(whole, version);
            }
            return Ok(page);
        }
        let ids = Arc::new(
            self.inner
                .catalog
                .read(|conn| ordered_ids(conn, &whole, None))?,
        );
        self.inner.lists.put(whole, version, Arc::clone(&ids));
        let files = self
            .inner
            .catalog
            .read(|conn| rows_of(conn, &query.window(&ids, limit)))?;
        Ok(Page {
            files,
            total: ids.len() as u64,
            version,
        })
    }

    /// Sorts a big list while its first page is being looked at, so that the
    /// first jump into its depth finds the order made.
    fn sort_ahead(&self, whole: ListQuery, version: u64) {
        let inner = Arc::downgrade(&self.inner);
        // Only a help: without it the jump itself sorts.
        let _ = std::thread::Builder::new()
            .name("list-order".into())
            .spawn(move || {
                let Some(inner) = inner.upgrade() else { return };
                if let Ok(ids) = inner.catalog.read(|conn| ordered_ids(conn, &whole, None)) {
                    inner.lists.put(whole, version, Arc::new(ids));
                }
            });
    }

    /// Every file that matches, in order, a few thousand in memory at a time.
    /// The callback may end it early; the catalog is free between chunks.
    pub fn for_each(
        &self,
        query: &ListQuery,
        f: &mut dyn FnMut(FileRecord) -> ControlFlow<()>,
    ) -> Result<()> {
        let whole = ListQuery {
            reverse: query.reverse,
            ..query.whole()
        };
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

    /// One file of this store, in any state.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for an id that is unknown or another store's alike.
    pub fn get(&self, id: FileId) -> Result<FileRecord> {
        self.inner.catalog.read(|conn| get_file(conn, id))
    }
}

impl ListQuery {
    /// The order this page belongs to. Reversed, it is the same read backwards.
    fn whole(&self) -> Self {
        Self {
            offset: 0,
            limit: None,
            after: None,
            reverse: false,
            ..self.clone()
        }
    }

    fn is_filtered(&self) -> bool {
        self.trash || self.file_type.is_some() || self.search.is_some()
    }

    /// This page's part of the whole order.
    fn window(&self, ids: &[i64], limit: u64) -> Vec<i64> {
        let mut start = usize::try_from(self.offset).unwrap_or(usize::MAX);
        if let Some(FileId(after)) = self.after {
            let at = ids.iter().position(|&id| id == after);
            start = at.map_or(0, |at| if self.reverse { ids.len() - at } else { at + 1 });
        }
        let limit = limit as usize;
        if self.reverse {
            ids.iter().rev().skip(start).take(limit).copied().collect()
        } else {
            ids.iter().skip(start).take(limit).copied().collect()
        }
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
        for word in self
            .search
            .as_deref()
            .unwrap_or_default()
            .split_whitespace()
        {
            clauses.push("contains(name_key, ?)");
            values.push(names::name_key(word));
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
        Some(limit) => format!("LIMIT {limit} OFFSET {}", query.offset),
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
