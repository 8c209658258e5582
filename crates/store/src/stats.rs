//! Numbers about the store, straight from the catalog.

use crate::Result;
use crate::catalog::catalog_error;
use crate::list::{ListQuery, Sort};
use crate::open::Store;
use crate::record::FileRecord;
use std::collections::BTreeMap;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypeCount {
    pub file_type: String,
    pub files: u64,
    pub bytes: u64,
}

/// What was stored at the end of a day (UTC) on which something was added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrowthDay {
    /// `2026-11-21`
    pub day: String,
    pub by_type: Vec<TypeCount>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Stats {
    pub files: u64,
    pub bytes: u64,
    pub tables: u64,
    pub trash_files: u64,
    pub trash_bytes: u64,
    pub missing_files: u64,
    /// Files beyond the first with the same bytes, and their bytes.
    pub duplicate_files: u64,
    pub duplicate_bytes: u64,
    pub by_type: Vec<TypeCount>,
    pub largest: Vec<FileRecord>,
    pub growth: Vec<GrowthDay>,
}

impl Store {
    /// Reads every row of the catalog; answers the parts that are damaged, in words.
    ///
    /// # Errors
    /// Whatever else keeps the catalog from being read.
    pub fn damaged_parts(&self) -> Result<Vec<&'static str>> {
        const PARTS: [(&str, &str, &str); 3] = [
            ("user_files", "the list of files", "read the list of files"),
            ("converted_files", "the history", "read the history"),
            (
                "user_data_tables",
                "the data tables",
                "read the data tables",
            ),
        ];
        let mut damaged = Vec::new();
        for (table, part, what) in PARTS {
            let read = self.inner.catalog.read(|conn| {
                // Of all columns: a block that nobody needed yet is read, too.
                conn.query_row(
                    &format!("SELECT bit_xor(hash(t)) FROM {table} t"),
                    [],
                    |_| Ok(()),
                )
                .map_err(|e| catalog_error(what, &e))
            });
            match read {
                Err(e) if crate::catalog::is_damage(&e) => damaged.push(part),
                other => other?,
            }
        }
        Ok(damaged)
    }

    /// Files and bytes by type, most bytes first.
    pub fn counts_by_type(&self) -> Result<Vec<TypeCount>> {
        self.inner.catalog.read(|conn| {
            let run = || -> duckdb::Result<Vec<TypeCount>> {
                conn.prepare(
                    "SELECT file_type, count(*), coalesce(sum(size_bytes), 0)::BIGINT AS bytes
                     FROM user_files WHERE status <> 'trashed' GROUP BY file_type
                     ORDER BY bytes DESC, file_type",
                )?
                .query_map([], |r| {
                    Ok(TypeCount {
                        file_type: r.get::<_, Option<String>>(0)?.unwrap_or_default(),
                        files: r.get::<_, i64>(1)? as u64,
                        bytes: r.get::<_, i64>(2)? as u64,
                    })
                })?
                .collect()
            };
            run().map_err(|e| catalog_error("count the types", &e))
        })
    }

    pub fn stats(&self) -> Result<Stats> {
        let by_type = self.counts_by_type()?;
        let largest = self.list(&ListQuery {
            sort: Sort::Size,
            limit: Some(5),
            ..ListQuery::default()
        })?;
        self.inner.catalog.read(|conn| {
            let run = || -> duckdb::Result<Stats> {
                let pair = |sql: &str| -> duckdb::Result<(u64, u64)> {
                    conn.query_row(sql, [], |r| {
                        Ok((r.get::<_, i64>(0)? as u64, r.get::<_, i64>(1)? as u64))
                    })
                };
                let (trash_files, trash_bytes) = pair(
                    "SELECT count(*), coalesce(sum(size_bytes), 0)::BIGINT
                     FROM user_files WHERE status = 'trashed'",
                )?;
                let (missing_files, tables) = pair(
                    "SELECT (SELECT count(*) FROM user_files WHERE status = 'missing'),
                            (SELECT count(*) FROM user_data_tables)",
                )?;
                // Grouped by a 64-bit hash of the digest: a tenth of the memory.
                let (duplicate_files, duplicate_bytes) = pair(
                    "SELECT coalesce(sum(n - 1), 0)::BIGINT, coalesce(sum((n - 1) * size), 0)::BIGINT
                     FROM (SELECT count(*) AS n, any_value(size_bytes) AS size FROM user_files
                           WHERE status = 'stored' AND sha256 <> '' AND size_bytes > 0
                           GROUP BY hash(sha256) HAVING count(*) > 1)",
                )?;
                Ok(Stats {
                    files: by_type.iter().map(|t| t.files).sum(),
                    bytes: by_type.iter().map(|t| t.bytes).sum(),
                    tables,
                    trash_files,
                    trash_bytes,
                    missing_files,
                    duplicate_files,
                    duplicate_bytes,
                    growth: growth(conn)?,
                    by_type: by_type.clone(),
                    largest: largest.files.clone(),
                })
            };
            run().map_err(|e| catalog_error("gather the statistics", &e))
        })
    }
}

/// Sums by day and type, added up day after day.
fn growth(conn: &duckdb::Connection) -> duckdb::Result<Vec<GrowthDay>> {
    let mut statement = conn.prepare(
        "SELECT strftime(uploaded_at, '%Y-%m-%d') AS day, file_type, count(*),
                coalesce(sum(size_bytes), 0)::BIGINT
         FROM user_files WHERE status <> 'trashed' AND uploaded_at IS NOT NULL
         GROUP BY 1, 2 ORDER BY 1, 2",
    )?;
    let mut rows = statement.query([])?;
    let mut so_far: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    let mut days: Vec<GrowthDay> = Vec::new();
    while let Some(row) = rows.next()? {
        let day: String = row.get(0)?;
        let kind = row.get::<_, Option<String>>(1)?.unwrap_or_default();
        let sum = so_far.entry(kind).or_default();
        sum.0 += row.get::<_, i64>(2)? as u64;
        sum.1 += row.get::<_, i64>(3)? as u64;
        let by_type = so_far
            .iter()
            .map(|(kind, &(files, bytes))| TypeCount {
                file_type: kind.clone(),
                files,
                bytes,
            })
            .collect();
        match days.last_mut() {
            Some(last) if last.day == day => last.by_type = by_type,
            _ => days.push(GrowthDay { day, by_type }),
        }
    }
    Ok(days)
}
