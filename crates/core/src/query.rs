//! The SQL console: one SELECT over stored files and data tables by their names. What
//! SQL may do is decided in the conversion crate: read what is named, and nothing else.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use redline_convert::{Format, Limits, Options, QUERY_FORMAT, QueryDone, Relation, Source};
use redline_store::{FileId, FileRecord, ListQuery, ScratchDir, Sort, Status, TableRecord};

use crate::contract::{
    ConversionRequest, ConversionView, GridColumn, GridOpen, GridQuery, QueryRecord, QueryRelation,
    QueryView,
};
use crate::convert::{Recipe, limits};
use crate::error::{Code, CoreError, THE_QUERY, convert_error};
use crate::fsx::Durability;
use crate::kept::Kept;
use crate::progress::{Watch, Watching};
use crate::session::{JobId, Session};
use crate::text;

/// Rows of a result that the console shows.
const SHOWN: u64 = 10_000;
/// Queries that are remembered.
const REMEMBERED: usize = 200;
/// Bytes of a query.
const LONGEST: usize = 256 << 10;
/// Names that are offered to complete.
const OFFERED: u64 = 1_000;
/// Rows that are read at a time.
const CHUNK: u64 = 2_000;

/// Takes some rows of a result, each value as its exact text.
pub type EachRows<'a> = dyn FnMut(&[Vec<Option<String>>]) -> Result<(), CoreError> + 'a;

impl Session {
    /// Runs one SELECT; the grid holds its first 10,000 rows.
    pub fn run_query(&self, sql: &str) -> Result<QueryView, CoreError> {
        let began = Instant::now();
        let stop = self.begin_query();
        let outcome = (|| -> Result<GridOpen, CoreError> {
            let scratch = Arc::new(self.0.store.scratch_dir()?);
            let rows = scratch.path().join("rows");
            let limits = limits(scratch.path(), &BTreeMap::new());
            let done = self.query_into(sql, Some(SHOWN), &rows, &limits, &Watching(&*stop))?;
            let mut grid = self.grid_over(
                Source::new(&rows).as_format(QUERY_FORMAT),
                Options::default(),
                THE_QUERY.to_owned(),
                GridQuery::default(),
                scratch,
                None,
                &*stop,
            )?;
            grid.at_least = done.rows + u64::from(done.more);
            grid.rows = (!done.more).then_some(done.rows);
            Ok(grid)
        })();
        let millis = began.elapsed().as_millis() as u64;
        self.remember(sql, millis, &outcome.as_ref().map(|grid| grid.at_least));
        Ok(QueryView {
            grid: outcome?,
            millis,
        })
    }

    /// Runs one SELECT and hands out all of its rows, a few at a time; `each` ends it by
    /// answering an error.
    pub fn query_rows(
        &self,
        sql: &str,
        limit: Option<u64>,
        watch: &dyn Watch,
        columns: &mut dyn FnMut(&[GridColumn]) -> Result<(), CoreError>,
        each: &mut EachRows<'_>,
    ) -> Result<u64, CoreError> {
        let began = Instant::now();
        let outcome = (|| -> Result<(GridOpen, QueryDone), CoreError> {
            let scratch = Arc::new(self.0.store.scratch_dir()?);
            let rows = scratch.path().join("rows");
            let limits = limits(scratch.path(), &BTreeMap::new());
            let done = self.query_into(sql, limit, &rows, &limits, &Watching(watch))?;
            let open = self.grid_over(
                Source::new(&rows).as_format(QUERY_FORMAT),
                Options::default(),
                THE_QUERY.to_owned(),
                GridQuery::default(),
                scratch,
                None,
                watch,
            )?;
            Ok((open, done))
        })();
        let millis = began.elapsed().as_millis() as u64;
        self.remember(sql, millis, &outcome.as_ref().map(|(_, done)| done.rows));
        let (open, done) = outcome?;
        let handed = (|| -> Result<u64, CoreError> {
            columns(&open.columns)?;
            let mut first = 0;
            while first < done.rows {
                let page = self.grid_rows(&open.grid, first, CHUNK)?;
                if page.rows.is_empty() {
                    break;
                }
                first += page.rows.len() as u64;
                each(&page.rows)?;
            }
            Ok(done.rows)
        })();
        self.close_grid(&open.grid);
        handed
    }

    /// Starts storing a query's whole result as a file, named `name`.
    pub fn export_query(
        &self,
        sql: &str,
        request: &ConversionRequest,
        name: &str,
    ) -> Result<JobId, CoreError> {
        self.start(self.query_recipe(sql, request, name)?)
    }

    /// The same on this thread.
    pub fn export_query_now(
        &self,
        sql: &str,
        request: &ConversionRequest,
        name: &str,
    ) -> Result<ConversionView, CoreError> {
        self.finish_one(self.query_recipe(sql, request, name)?)
    }

    /// Writes a query's whole result to a path, past the store.
    pub fn query_to_path(
        &self,
        sql: &str,
        request: &ConversionRequest,
        out: &Path,
        watch: &dyn Watch,
    ) -> Result<crate::PathConversion, CoreError> {
        let recipe = self.query_recipe(sql, request, "")?;
        let target = if out.is_dir() {
            out.join(recipe.output_name(&[]))
        } else {
            out.to_owned()
        };
        crate::convert::refuse_existing(&target)?;
        let scratch = self.0.store.scratch_dir()?;
        let rows = scratch.path().join("query");
        let limits = limits(scratch.path(), &request.options);
        self.query_into(sql, None, &rows, &limits, &Watching(watch))?;
        let mut done = crate::convert::convert_one_path(&rows, request, &target, watch)?;
        done.source_name = THE_QUERY.to_owned();
        done.from = "query".to_owned();
        done.command = String::new();
        Ok(done)
    }

    fn query_recipe(
        &self,
        sql: &str,
        request: &ConversionRequest,
        name: &str,
    ) -> Result<Recipe, CoreError> {
        // What is wrong with it is said now, not by a job.
        self.known(sql)?;
        Recipe::query(sql, Some(name), request)
    }

    /// Queries that were run, the latest first.
    pub fn query_history(&self) -> Vec<QueryRecord> {
        self.kept_queries().read()
    }

    /// Names that may stand in SQL: tables first, then the newest files.
    pub fn query_relations(&self) -> Result<Vec<QueryRelation>, CoreError> {
        let tables = self.0.store.tables()?;
        let mut relations: Vec<QueryRelation> = tables
            .iter()
            .filter(|table| file_of(table).is_ok())
            .map(|table| QueryRelation {
                name: table.table_name.clone(),
                file_id: table.file.as_ref().map(|file| file.id.0),
                table: true,
            })
            .collect();
        let page = self.0.store.list(&ListQuery {
            sort: Sort::Added,
            limit: Some(OFFERED),
            ..ListQuery::default()
        })?;
        let readable = |file: &&FileRecord| {
            file.status == Status::Stored
                && Format::from_id(&file.format).is_some_and(|format| format != Format::Other)
        };
        let mut names: HashMap<String, usize> = HashMap::new();
        for taken in &relations {
            *names.entry(taken.name.to_lowercase()).or_default() += 1;
        }
        for file in &page.files {
            *names.entry(file.filename.to_lowercase()).or_default() += 1;
        }
        for file in page.files.iter().filter(readable) {
            let alone = names.get(&file.filename.to_lowercase()) == Some(&1);
            relations.push(QueryRelation {
                // Where names meet, the whole path tells them apart.
                name: if alone {
                    file.filename.clone()
                } else {
                    file.relative_path.clone()
                },
                file_id: Some(file.id.0),
                table: false,
            });
        }
        Ok(relations)
    }

    /// Writes a query's rows, at most `most`, into an Arrow file that must not exist.
    pub(crate) fn query_into(
        &self,
        sql: &str,
        most: Option<u64>,
        rows: &Path,
        limits: &Limits,
        progress: &dyn redline_convert::Progress,
    ) -> Result<QueryDone, CoreError> {
        let mut relations = Vec::new();
        // What they lie in stands until the query is done.
        let mut held: Vec<Arc<ScratchDir>> = Vec::new();
        for known in self.known(sql)? {
            let (table, scratch) = self.staged(&known.record, &known.options, progress)?;
            relations.push(Relation {
                name: known.name,
                table,
            });
            held.push(scratch);
        }
        redline_convert::query(sql, &relations, most, rows, limits, progress)
            .map_err(|error| convert_error(error, THE_QUERY))
    }

    /// What the names in `sql` stand for.
    fn known(&self, sql: &str) -> Result<Vec<Known>, CoreError> {
        if sql.len() > LONGEST {
            return Err(CoreError::bad_request(
                format!("The query is longer than {}.", text::bytes(LONGEST as u64)),
                "Make it shorter; lists of values can be a table of their own.",
            ));
        }
        let names =
            redline_convert::query_names(sql).map_err(|error| convert_error(error, THE_QUERY))?;
        let mut all = names
            .needed
            .iter()
            .map(|name| self.known_as(name))
            .collect::<Result<Vec<_>, _>>()?;
        // A name that the query gives itself may mean a table of ours in its own making.
        all.extend(names.own.iter().filter_map(|name| self.known_as(name).ok()));
        Ok(all)
    }

    fn known_as(&self, name: &str) -> Result<Known, CoreError> {
        let of = |record: &FileRecord, options: BTreeMap<String, String>| Known {
            name: name.to_owned(),
            record: record.clone(),
            options,
        };
        match self.0.store.table(name) {
            Ok(table) => {
                let record = self.0.store.get(file_of(&table)?)?;
                self.table_used(&table);
                return Ok(of(&record, options_of(&table)));
            }
            Err(redline_store::StoreError::NotFound) => {}
            Err(error) => return Err(error.into()),
        }
        let found = self.files_called(name)?;
        match found.as_slice() {
            [one] => Ok(of(one, BTreeMap::new())),
            [] => Err(CoreError::bad_request(
                format!("There is no data table and no stored file \"{name}\"."),
                "Tables go by their names, files by theirs in double quotes, as in: SELECT * FROM \"q3.csv\".",
            )),
            several => {
                let paths: Vec<String> = several
                    .iter()
                    .take(3)
                    .map(|file| format!("\"{}\"", file.relative_path))
                    .collect();
                Err(CoreError::bad_request(
                    format!(
                        "\"{name}\" is the name of {}.",
                        text::counted(several.len() as u64, "stored file")
                    ),
                    format!("Say which, with its folder: {}.", paths.join(", ")),
                ))
            }
        }
    }

    /// The files with this name; a whole path or an exact name before one in another case.
    fn files_called(&self, name: &str) -> Result<Vec<FileRecord>, CoreError> {
        let page = self.0.store.list(&ListQuery {
            search: Some(name.to_owned()),
            sort: Sort::Added,
            limit: Some(OFFERED),
            ..ListQuery::default()
        })?;
        let folded = name.to_lowercase();
        let ways: [&dyn Fn(&FileRecord) -> bool; 3] = [
            &|file| file.relative_path == name,
            &|file| file.filename == name,
            &|file| {
                file.filename.to_lowercase() == folded
                    || file.relative_path.to_lowercase() == folded
            },
        ];
        Ok(ways
            .iter()
            .map(|is_it| {
                page.files
                    .iter()
                    .filter(|file| is_it(file))
                    .cloned()
                    .collect::<Vec<_>>()
            })
            .find(|found| !found.is_empty())
            .unwrap_or_default())
    }

    fn kept_queries(&self) -> Kept {
        Kept::new(
            &self.settings_dir(),
            "queries.json",
            Durability::Whole,
            "the past queries",
        )
    }

    /// A query that cannot be remembered was still run.
    fn remember(&self, sql: &str, millis: u64, outcome: &Result<u64, &CoreError>) {
        if sql.len() > LONGEST {
            return;
        }
        let record = QueryRecord {
            sql: sql.trim().to_owned(),
            ran_at: text::now(),
            rows: outcome.as_ref().ok().copied(),
            millis,
            error: outcome
                .as_ref()
                .err()
                .map(|error| error.report().message.clone()),
        };
        let kept = self
            .kept_queries()
            .update(|queries: &mut Vec<QueryRecord>| {
                queries.retain(|other| other.sql != record.sql);
                queries.insert(0, record);
                queries.truncate(REMEMBERED);
                Ok(())
            });
        if let Err(error) = kept {
            tracing::debug!(%error, "a query was not remembered");
        }
    }
}

/// A name in SQL, and the stored file that it means.
struct Known {
    name: String,
    record: FileRecord,
    options: BTreeMap<String, String>,
}

/// How the file of a table is read.
pub(crate) fn options_of(table: &TableRecord) -> BTreeMap<String, String> {
    table
        .metadata
        .get("options")
        .and_then(|options| serde_json::from_value(options.clone()).ok())
        .unwrap_or_default()
}

/// # Errors
/// [`Code::NotFound`] where its file is not there any more.
pub(crate) fn file_of(table: &TableRecord) -> Result<FileId, CoreError> {
    match &table.file {
        Some(file) if matches!(file.status, Status::Stored | Status::CloudOnly) => Ok(file.id),
        _ => Err(CoreError::new(
            Code::NotFound,
            format!(
                "The file of the data table \"{}\" is not there any more.",
                table.table_name
            ),
            "Take it back from the trash, restore it from a backup, or drop the table.",
        )),
    }
}
