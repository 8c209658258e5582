//! Grids: a table held open and read where a person looks, whatever its size. Filtering
//! and sorting make a new one out of rows set aside on the disk; the first stays.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::{Mutex, RwLock};
use redline_convert::{Grid, Options, QUERY_FORMAT, Relation, Source, Staged};
use redline_store::{FileId, ScratchDir};

use crate::contract::{FilterOp, GridFilter, GridOpen, GridQuery, GridRows, GridTarget};
use crate::convert::{check_options, limits, views};
use crate::error::{Code, CoreError, convert_error};
use crate::progress::{Watch, Watching};
use crate::session::Session;

/// Grids that are held open; the oldest goes first.
const OPEN: usize = 8;
/// Rows that are handed out at a time.
const ROWS: u64 = 10_000;
/// The relation of a grid in the statement that refines it.
const ROWS_OF: &str = "rows";
/// Bytes of a file that is gone through while a person waits for its first rows.
const WHOLE: u64 = 32 << 20;
/// Rows that are looked for where nobody knows how many there are.
const PROBE: u64 = 1_000;

/// The open grids of one session. A handle is known to no other session.
#[derive(Default)]
pub(crate) struct Grids(VecDeque<(String, Arc<OpenGrid>)>);

pub(crate) struct OpenGrid {
    /// Opened by its head at first; by all of it once that was gone through.
    grid: RwLock<Arc<Grid>>,
    /// What it shows, for refining it.
    source: Source,
    options: Options,
    /// For messages.
    name: String,
    /// Where its rows lie if they were set aside; and where reading it may spill.
    scratch: Arc<ScratchDir>,
    /// What a refined grid was made from: refining it again begins there.
    base: Option<Arc<OpenGrid>>,
    /// The same as SQL can read it, once that was wanted.
    staged: Mutex<Option<Staged>>,
    /// Set when nobody looks any more.
    closed: Arc<AtomicBool>,
}

impl OpenGrid {
    fn now(&self) -> Arc<Grid> {
        Arc::clone(&self.grid.read())
    }
}

impl Drop for OpenGrid {
    fn drop(&mut self) {
        self.closed.store(true, Ordering::Relaxed);
    }
}

impl Grids {
    fn add(&mut self, grid: Arc<OpenGrid>) -> String {
        // The random part of two ULIDs: 160 bits.
        let handle = format!("{}{}", ulid::Ulid::new(), ulid::Ulid::new()).to_lowercase();
        self.0.push_back((handle.clone(), grid));
        if self.0.len() > OPEN {
            self.0.pop_front();
        }
        handle
    }

    fn get(&self, handle: &str) -> Result<Arc<OpenGrid>, CoreError> {
        self.0
            .iter()
            .find(|(other, _)| other == handle)
            .map(|(_, grid)| Arc::clone(grid))
            .ok_or_else(|| {
                CoreError::new(
                    Code::NotFound,
                    "This table is not open any more.",
                    "Open it again.",
                )
            })
    }

    fn close(&mut self, handle: &str) {
        self.0.retain(|(other, _)| other != handle);
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}

impl Session {
    /// Opens a stored file or a data table to look at.
    pub fn open_grid(
        &self,
        target: &GridTarget,
        options: &std::collections::BTreeMap<String, String>,
    ) -> Result<GridOpen, CoreError> {
        let mut chosen = options.clone();
        let id = match target {
            GridTarget::File(id) => FileId(*id),
            GridTarget::Table(name) => {
                let table = self.table(name)?;
                self.table_used(&table);
                for (key, value) in crate::query::options_of(&table) {
                    chosen.entry(key).or_insert(value);
                }
                crate::query::file_of(&table)?
            }
        };
        let record = self.0.store.get(id)?;
        self.grid_over(
            self.source(&record)?,
            check_options(&chosen)?,
            record.filename,
            GridQuery::default(),
            Arc::new(self.0.store.scratch_dir()?),
            None,
            &(),
        )
    }

    /// Rows of an open grid; at most 10,000 at a time.
    pub fn grid_rows(&self, grid: &str, first: u64, count: u64) -> Result<GridRows, CoreError> {
        let open = self.0.grids.lock().get(grid)?;
        let (now, count) = (open.now(), count.min(ROWS));
        let rows = now
            .rows(first, count, None)
            .map_err(|error| convert_error(error, &open.name))?;
        let read = rows.len() as u64;
        // Fewer than were asked for: the table ends there.
        let ends = (read < count && (read > 0 || first == 0)).then_some(first + read);
        Ok(GridRows {
            first,
            rows,
            total: now.row_count().or(ends),
        })
    }

    /// A grid of those rows that the query asks for; it can be cancelled like a query.
    pub fn refine_grid(&self, grid: &str, query: &GridQuery) -> Result<GridOpen, CoreError> {
        let open = self.0.grids.lock().get(grid)?;
        let base = open.base.clone().unwrap_or_else(|| Arc::clone(&open));
        let stop = self.begin_query();
        if query.filters.is_empty() && query.sort.is_none() {
            return self.grid_over(
                base.source.clone(),
                base.options.clone(),
                base.name.clone(),
                GridQuery::default(),
                Arc::clone(&base.scratch),
                None,
                &*stop,
            );
        }
        let names: Vec<String> = base.now().columns().into_iter().map(|c| c.name).collect();
        let known: Vec<&str> = names.iter().map(String::as_str).collect();
        let sql = statement(query, &known)?;
        let scratch = Arc::new(self.0.store.scratch_dir()?);
        let rows = scratch.path().join("rows");
        let limits = limits(scratch.path(), &Default::default());
        let progress = Watching(&*stop);
        let failed = |error| convert_error(error, &base.name);
        let table = {
            let mut staged = base.staged.lock();
            match &*staged {
                Some(table) => table.clone(),
                None => {
                    let dest = base.scratch.path().join("table");
                    let table = redline_convert::stage(
                        &base.source,
                        &base.options,
                        &dest,
                        &limits,
                        &progress,
                    )
                    .map_err(failed)?;
                    staged.insert(table).clone()
                }
            }
        };
        let relation = Relation {
            name: ROWS_OF.to_owned(),
            table,
        };
        redline_convert::query(&sql, &[relation], None, &rows, &limits, &progress)
            .map_err(failed)?;
        self.grid_over(
            Source::new(&rows).as_format(QUERY_FORMAT),
            Options::default(),
            base.name.clone(),
            query.clone(),
            scratch,
            Some(base),
            &*stop,
        )
    }

    /// Gives a grid back. One that is not open is closed already.
    pub fn close_grid(&self, grid: &str) {
        self.0.grids.lock().close(grid);
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "one caller for each kind of grid"
    )]
    pub(crate) fn grid_over(
        &self,
        source: Source,
        options: Options,
        name: String,
        query: GridQuery,
        scratch: Arc<ScratchDir>,
        base: Option<Arc<OpenGrid>>,
        watch: &dyn Watch,
    ) -> Result<GridOpen, CoreError> {
        let limits = limits(scratch.path(), &Default::default());
        let small = std::fs::metadata(&source.path).is_ok_and(|about| about.len() <= WHOLE);
        let mut grid =
            redline_convert::open_grid(&source, &options, false, &limits, &Watching(watch))
                .map_err(|error| convert_error(error, &name))?;
        let mut counted = grid.row_count().is_some();
        if !counted && small {
            // A file with something wrong in it can still be looked at.
            if let Ok(whole) =
                redline_convert::open_grid(&source, &options, true, &limits, &Watching(watch))
            {
                grid = whole;
                counted = true;
            }
        }
        let columns = views::grid_columns(&grid);
        let rows = grid.row_count();
        let at_least = match rows {
            Some(rows) => rows,
            None => grid
                .rows(0, PROBE, Some(&[]))
                .map_or(0, |rows| rows.len() as u64),
        };
        let sorted_by = query.sort.as_ref().map(|sort| sort.column.clone());
        let filtered = !query.filters.is_empty();
        let open = Arc::new(OpenGrid {
            grid: RwLock::new(Arc::new(grid)),
            source,
            options,
            name,
            scratch,
            base,
            staged: Mutex::default(),
            closed: Arc::default(),
        });
        if !counted {
            count_behind(&open, limits);
        }
        let handle = self.0.grids.lock().add(open);
        Ok(GridOpen {
            grid: handle,
            columns,
            rows,
            at_least,
            sorted_by,
            filtered,
        })
    }

    /// What stops the query that begins now. One that still runs is stopped.
    pub(crate) fn begin_query(&self) -> Arc<AtomicBool> {
        let stop = Arc::new(AtomicBool::new(false));
        if let Some(before) = self.0.querying.lock().replace(Arc::clone(&stop)) {
            before.store(true, Ordering::Relaxed);
        }
        stop
    }

    /// Stops the query, or the filtering or sorting of a grid, that runs now.
    pub fn cancel_query(&self) {
        if let Some(stop) = self.0.querying.lock().take() {
            stop.store(true, Ordering::Relaxed);
        }
    }
}

/// Goes through all of a file that only its head was read of, and lets the grid have
/// what that gives: the number of rows, and a short way to each.
fn count_behind(open: &Arc<OpenGrid>, limits: redline_convert::Limits) {
    let (weak, closed) = (Arc::downgrade(open), Arc::clone(&open.closed));
    let (source, options) = (open.source.clone(), open.options.clone());
    // The folder that reading may spill to.
    let scratch = Arc::clone(&open.scratch);
    let started = std::thread::Builder::new()
        .name("grid".into())
        .spawn(move || {
            let whole =
                redline_convert::open_grid(&source, &options, true, &limits, &Watching(&*closed));
            match (whole, weak.upgrade()) {
                (Ok(whole), Some(open)) => *open.grid.write() = Arc::new(whole),
                (Err(error), Some(_)) => tracing::debug!(%error, "a grid stays as it was opened"),
                _ => {}
            }
            drop(scratch);
        });
    if let Err(error) = started {
        tracing::debug!(%error, "a grid stays as it was opened");
    }
}

/// The SELECT that a query of the form is.
fn statement(query: &GridQuery, columns: &[&str]) -> Result<String, CoreError> {
    let mut sql = format!("SELECT * FROM {ROWS_OF}");
    let conditions = query
        .filters
        .iter()
        .map(|filter| condition(filter, columns))
        .collect::<Result<Vec<_>, _>>()?;
    if !conditions.is_empty() {
        sql += " WHERE ";
        sql += &conditions.join(" AND ");
    }
    if let Some(sort) = &query.sort {
        let way = if sort.descending { "DESC" } else { "ASC" };
        sql += &format!(
            " ORDER BY {} {way} NULLS LAST",
            name(&sort.column, columns)?
        );
    }
    Ok(sql)
}

/// A text beside a column is read as the column's type, so that 9 comes before 10.
fn condition(filter: &GridFilter, columns: &[&str]) -> Result<String, CoreError> {
    let column = name(&filter.column, columns)?;
    let given = |value: &Option<String>| {
        value.as_deref().map(literal).ok_or_else(|| {
            CoreError::bad_request(
                format!("The filter of \"{}\" has no value.", filter.column),
                "Give one, or filter by null.",
            )
        })
    };
    let value = || given(&filter.value);
    let lower = || format!("lower(CAST({column} AS VARCHAR))");
    Ok(match filter.op {
        FilterOp::Is => format!("{column} = {}", value()?),
        FilterOp::IsNot => format!("{column} IS DISTINCT FROM {}", value()?),
        FilterOp::Contains => format!("contains({}, lower({}))", lower(), value()?),
        FilterOp::Starts => format!("starts_with({}, lower({}))", lower(), value()?),
        FilterOp::Less => format!("{column} < {}", value()?),
        FilterOp::More => format!("{column} > {}", value()?),
        FilterOp::Between => format!(
            "({column} >= {} AND {column} <= {})",
            value()?,
            given(&filter.value2)?
        ),
        FilterOp::Null => format!("{column} IS NULL"),
        FilterOp::NotNull => format!("{column} IS NOT NULL"),
    })
}

fn name(column: &str, columns: &[&str]) -> Result<String, CoreError> {
    if !columns.contains(&column) {
        return Err(CoreError::bad_request(
            format!("There is no column \"{column}\" in this table."),
            format!("It has: {}.", columns.join(", ")),
        ));
    }
    Ok(format!("\"{}\"", column.replace('"', "\"\"")))
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::GridSort;

    fn filter(column: &str, op: FilterOp, value: Option<&str>) -> GridFilter {
        GridFilter {
            column: column.into(),
            op,
            value: value.map(str::to_owned),
            value2: Some("9".into()),
        }
    }

    #[test]
    fn a_form_becomes_one_select() {
        let columns = ["a", "it's \"b\""];
        let query = GridQuery {
            filters: vec![
                filter("a", FilterOp::Between, Some("1")),
                filter("it's \"b\"", FilterOp::Contains, Some("O'Neil")),
                filter("a", FilterOp::NotNull, None),
            ],
            sort: Some(GridSort {
                column: "a".into(),
                descending: true,
            }),
        };
        assert_eq!(
            statement(&query, &columns).unwrap(),
            "SELECT * FROM rows WHERE (\"a\" >= '1' AND \"a\" <= '9') AND \
             contains(lower(CAST(\"it's \"\"b\"\"\" AS VARCHAR)), lower('O''Neil')) AND \"a\" IS NOT NULL \
             ORDER BY \"a\" DESC NULLS LAST"
        );
        for wrong in [
            filter("c", FilterOp::Null, None),
            filter("a", FilterOp::Is, None),
        ] {
            let query = GridQuery {
                filters: vec![wrong],
                sort: None,
            };
            assert_eq!(
                statement(&query, &columns).unwrap_err().code(),
                Code::BadRequest
            );
        }
    }
}
