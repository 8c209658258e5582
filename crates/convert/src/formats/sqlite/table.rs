//! A table or view of a database as a table.

use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::{DataType, Schema, SchemaRef};
use rusqlite::Connection;
use rusqlite::types::ValueRef;

use super::super::cells::{Column, Value};
use super::super::pump::{Pump, Pumped, Sink};
use super::database::{Database, Declared, Entry, declared, entries, explain, key};
use super::hint;
use super::survey::Evidence;
use super::write::NEGATIVE_ZERO;
use crate::error::{ConvertError, Result};
use crate::format::Format;
use crate::names;
use crate::options::Options;
use crate::profile::{Choice, Rejects, TableEntry, TableProfile};
use crate::sql;
use crate::table::{BATCH_BYTES, BATCH_ROWS, Depth, Job, Table, TableReader};

/// Rows that a preview goes by.
const HEAD_ROWS: u64 = 1_000;
/// Rows between two places that reading can begin at.
const MARK_EVERY: u64 = 16_384;
const BATCH_CELLS: usize = 1 << 20;

pub(super) struct SqliteTable {
    database: Arc<Database>,
    entry: Entry,
    /// What the table itself calls its columns, in the order of the schema.
    columns: Vec<String>,
    schema: SchemaRef,
    /// The name of the row's number, where the table has one.
    rowid: Option<&'static str>,
    /// That of every [`MARK_EVERY`]th row.
    marks: Vec<i64>,
    rows: Option<u64>,
    profile: TableProfile,
}

impl SqliteTable {
    pub(super) fn open(
        path: &std::path::Path,
        options: &Options,
        depth: Depth,
        job: Job<'_>,
    ) -> Result<Self> {
        let memory = options
            .number("memory")
            .map_or(job.limits.memory_bytes, |mib| mib.saturating_mul(1 << 20));
        let database = Arc::new(Database::open(path, memory, job)?);
        let connection = database.connect()?;
        let entries = entries(&connection)?;
        let (index, chosen) = choose(&connection, &entries, options)?;
        let mut entry = entries[index].clone();
        if entry.without_rowid {
            entry.key = key(&connection, &entry.name)?;
        }
        let columns = declared(&connection, &entry.name)?;
        if columns.is_empty() {
            return Err(ConvertError::Unreadable {
                what: format!("the table {:?}", entry.name),
                seen: "no columns".to_owned(),
            });
        }
        let rowid = rowid_of(&entry, &columns);
        let hints = hint::find(&entry.sql).filter(|hints| {
            hints.len() == columns.len()
                && hints.iter().zip(&columns).all(|(h, c)| h.name == c.name)
        });
        let mut evidence: Vec<Evidence> = columns
            .iter()
            .enumerate()
            .map(|(i, c)| Evidence::new(c, hints.as_ref().map(|h| &h[i])))
            .collect();

        job.phase("scan", database.size);
        let mut marks = Vec::new();
        let (rows, whole) = scan(
            &connection,
            &database,
            &entry,
            &columns,
            rowid,
            depth,
            job,
            &mut |row, current| {
                let first = usize::from(rowid.is_some());
                if rowid.is_some() && (row - 1).is_multiple_of(MARK_EVERY) {
                    marks.push(current.get(0).map_err(explain)?);
                }
                let mut bytes = 0;
                for (i, evidence) in evidence.iter_mut().enumerate() {
                    let value = current.get_ref(first + i).map_err(explain)?;
                    bytes += match value {
                        ValueRef::Text(b) | ValueRef::Blob(b) => b.len() as u64 + 2,
                        _ => 4,
                    };
                    evidence.add(value, row);
                }
                Ok(bytes)
            },
        )?;

        let mut tables: Vec<TableEntry> = entries
            .iter()
            .map(|e| TableEntry {
                name: e.name.clone(),
                rows: None,
                columns: None,
            })
            .collect();
        tables[index].columns = Some(columns.len() as u64);
        tables[index].rows = whole.then_some(rows);
        let mut warnings: Vec<String> = database.said.iter().cloned().collect();
        let as_text = depth == Depth::Head || options.is("types", "text");
        // Views may have two columns of one name, and names that differ by case alone.
        let declared_names: Vec<String> = columns.iter().map(|c| c.name.clone()).collect();
        let (names, _) = names::unique(&declared_names);
        let (mut fields, mut profiles) = (Vec::new(), Vec::new());
        for ((declared, evidence), name) in columns.iter().zip(&evidence).zip(names) {
            let (field, why) = evidence.settle(&name, as_text);
            if why.contains("not UTF-8") {
                warnings.push(format!("column {name:?}: {why}"));
            }
            let said = (name != declared.name).then(|| declared.name.clone());
            profiles.push(evidence.profile(&name, said, &field, why));
            fields.push(field);
        }
        let profile = TableProfile {
            format: Format::Sqlite,
            compression: None,
            table: Some(entry.name.clone()),
            tables,
            text: None,
            rows,
            columns: profiles,
            choices: chosen.into_iter().collect(),
            repairs: Vec::new(),
            rejects: Rejects::default(),
            warnings,
        };
        Ok(SqliteTable {
            database,
            entry,
            columns: columns.into_iter().map(|c| c.name).collect(),
            schema: Arc::new(Schema::new(fields)),
            rowid,
            marks,
            rows: whole.then_some(rows),
            profile,
        })
    }
}

/// A name for the row's number that no column hides.
fn rowid_of(entry: &Entry, columns: &[Declared]) -> Option<&'static str> {
    if entry.is_view || entry.without_rowid {
        return None;
    }
    ["rowid", "_rowid_", "oid"]
        .into_iter()
        .find(|name| !columns.iter().any(|c| c.name.eq_ignore_ascii_case(name)))
}

fn choose(
    connection: &Connection,
    entries: &[Entry],
    options: &Options,
) -> Result<(usize, Option<Choice>)> {
    let names: Vec<&str> = entries.iter().map(|e| e.name.as_str()).collect();
    if let Some(asked) = crate::formats::pick(&names, options)? {
        return Ok((asked, None));
    }
    match entries.len() {
        0 => {
            return Err(ConvertError::Unreadable {
                what: "a SQLite database".to_owned(),
                seen: "a database without a table".to_owned(),
            });
        }
        1 => return Ok((0, None)),
        _ => {}
    }
    let holds = |entry: &Entry| {
        connection
            .query_row(
                &format!("SELECT 1 FROM {} LIMIT 1", sql::name(&entry.name)),
                [],
                |_| Ok(()),
            )
            .is_ok()
    };
    // Tables before views, which may be slow, and show what the tables hold.
    let found = (0..entries.len())
        .find(|i| !entries[*i].is_view && holds(&entries[*i]))
        .or_else(|| (0..entries.len()).find(|i| entries[*i].is_view && holds(&entries[*i])));
    let index = found.unwrap_or(0);
    let why = match found {
        Some(_) => format!("it is the first of {} tables that has rows", entries.len()),
        None => format!("none of the {} tables has rows", entries.len()),
    };
    let choice = Choice {
        what: "table".to_owned(),
        chosen: entries[index].name.clone(),
        why,
        otherwise: Some("table=NAME".to_owned()),
        told: None,
    };
    Ok((index, Some(choice)))
}

/// Takes the row of this number, from 1; gives about how many bytes it is.
type Visit<'a> = dyn FnMut(u64, &rusqlite::Row<'_>) -> Result<u64> + 'a;

/// Goes through the rows. Gives how many there were, and whether these were all.
#[allow(clippy::too_many_arguments)]
fn scan(
    connection: &Connection,
    database: &Database,
    entry: &Entry,
    columns: &[Declared],
    rowid: Option<&str>,
    depth: Depth,
    job: Job<'_>,
    visit: &mut Visit<'_>,
) -> Result<(u64, bool)> {
    let names: Vec<&str> = columns.iter().map(|c| c.name.as_str()).collect();
    let query = query(entry, &names, rowid, false);
    let mut statement = connection.prepare(&query).map_err(explain)?;
    // A view may work for long before its first row; cancel ends that as well.
    let interrupt = connection.get_interrupt_handle();
    let (done, finished) = std::sync::mpsc::channel::<()>();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let poll = std::time::Duration::from_millis(40);
            // Ends when `done` goes, however the work ends.
            while finished.recv_timeout(poll) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
                if job.progress.is_cancelled() {
                    interrupt.interrupt();
                }
            }
        });
        let outcome = (|| {
            let mut rows = statement.query([]).map_err(explain)?;
            let (mut row, mut reported) = (0u64, 0u64);
            let mut passed = 0u64;
            loop {
                if depth == Depth::Head && row >= HEAD_ROWS {
                    return Ok((row, false));
                }
                let Some(current) = rows.next().map_err(explain)? else {
                    job.progress.advance(database.size - reported);
                    return Ok((row, true));
                };
                row += 1;
                passed += visit(row, current)?;
                // By what the values take: a guess, and never more than there is.
                if row.is_multiple_of(8_192) {
                    job.check()?;
                    let now = passed.min(database.size);
                    job.progress.advance(now - reported);
                    reported = now;
                }
            }
        })();
        drop(done);
        outcome
    })
}

/// In the order of the table itself: an index that has all the columns wanted would
/// otherwise be read in its place, in an order of its own.
fn query(entry: &Entry, columns: &[&str], rowid: Option<&str>, from: bool) -> String {
    let mut wanted: Vec<String> = rowid.iter().map(|r| (*r).to_owned()).collect();
    wanted.extend(columns.iter().map(|c| sql::name(c)));
    if wanted.is_empty() {
        wanted.push("NULL".to_owned());
    }
    let hold = if entry.is_view { "" } else { " NOT INDEXED" };
    let place = match rowid {
        Some(rowid) if from => format!(" WHERE {rowid} >= ?1"),
        _ => String::new(),
    };
    // A table without row ids may be read by any of its indexes all the same.
    let order = match &entry.key[..] {
        [] => String::new(),
        key => {
            let key: Vec<String> = key.iter().map(|name| sql::name(name)).collect();
            format!(" ORDER BY {}", key.join(", "))
        }
    };
    format!(
        "SELECT {} FROM {}{hold}{place}{order}",
        wanted.join(", "),
        sql::name(&entry.name)
    )
}

/// A stored value as one for a column of this type, undoing what the writer does where
/// SQLite has no value of its own. None for what such a column cannot have.
#[inline]
pub(super) fn value<'a>(stored: ValueRef<'a>, data_type: &DataType) -> Option<Value<'a>> {
    Some(match stored {
        ValueRef::Null => return None,
        ValueRef::Integer(n) => Value::Int(n),
        ValueRef::Real(n) => Value::Float(n),
        ValueRef::Text(bytes) if *data_type == DataType::Binary => Value::Bytes(bytes),
        ValueRef::Text(bytes) => match std::str::from_utf8(bytes).ok()? {
            NEGATIVE_ZERO if data_type.is_floating() => Value::Float(-0.0),
            text => Value::Text(text),
        },
        ValueRef::Blob(bytes) => match data_type {
            DataType::Binary => Value::Bytes(bytes),
            DataType::UInt64 => Value::Text(std::str::from_utf8(bytes).ok()?),
            _ => return None,
        },
    })
}

impl Table for SqliteTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn profile(&self) -> &TableProfile {
        &self.profile
    }

    fn rows(&self) -> Option<u64> {
        self.rows
    }

    fn read<'a>(
        &'a self,
        columns: Option<&[usize]>,
        first: u64,
        job: Job<'a>,
    ) -> Result<Box<dyn TableReader + 'a>> {
        let wanted: Vec<usize> = match columns {
            None => (0..self.columns.len()).collect(),
            Some(columns) => columns.to_vec(),
        };
        let schema = self
            .schema
            .project(&wanted)
            .map_err(|e| ConvertError::Engine {
                detail: e.to_string(),
            })?;
        let schema = Arc::new(schema);
        let names: Vec<&str> = wanted.iter().map(|i| self.columns[*i].as_str()).collect();
        // The nearest mark before the row, and from there by counting.
        let mark = usize::try_from(first / MARK_EVERY)
            .ok()
            .and_then(|i| Some((self.marks.get(i)?, i as u64)));
        let (from, skip) = match mark {
            Some((id, i)) if i > 0 => (Some(*id), first - i * MARK_EVERY),
            _ => (None, first),
        };
        let rowid = self.rowid.filter(|_| from.is_some());
        let query = query(&self.entry, &names, rowid, from.is_some());
        let connection = self.database.connect()?;
        let interrupt = connection.get_interrupt_handle();
        let (database, out) = (Arc::clone(&self.database), Arc::clone(&schema));
        let pump = Pump::start(
            "read SQLite",
            move || interrupt.interrupt(),
            move |sink| {
                let outcome = read(&connection, &query, from, skip, &out, sink);
                drop(database);
                outcome
            },
        )?;
        Ok(Box::new(Pumped::new(
            schema,
            pump,
            first..self.rows.unwrap_or(0),
            self.database.size,
            job,
        )))
    }
}

fn read(
    connection: &Connection,
    query: &str,
    from: Option<i64>,
    mut skip: u64,
    schema: &SchemaRef,
    sink: &Sink,
) -> Result<()> {
    let width = schema.fields().len();
    let batch_rows = (BATCH_CELLS / width.max(1)).clamp(16, BATCH_ROWS);
    let types: Vec<DataType> = schema
        .fields()
        .iter()
        .map(|f| f.data_type().clone())
        .collect();
    let mut columns: Vec<Column> = types
        .iter()
        .map(|t| Column::new(t, batch_rows.min(8192)))
        .collect();
    let mut statement = connection.prepare(query).map_err(explain)?;
    let mut rows = match from {
        Some(id) => statement.query([id]).map_err(explain)?,
        None => statement.query([]).map_err(explain)?,
    };
    let before = usize::from(from.is_some());
    let mut count = 0;
    loop {
        let row = rows.next().map_err(explain)?;
        if let Some(row) = row {
            if skip > 0 {
                skip -= 1;
                continue;
            }
            for (i, (column, data_type)) in columns.iter_mut().zip(&types).enumerate() {
                match row.get_ref(before + i).map_err(explain)? {
                    ValueRef::Null => column.null(),
                    stored => {
                        let fits = value(stored, data_type).is_some_and(|v| column.push(&v));
                        if !fits {
                            // What the survey saw is not what is there now.
                            return Err(ConvertError::SourceChanged);
                        }
                    }
                }
            }
            count += 1;
        }
        let full = count == batch_rows
            || (count.is_multiple_of(256)
                && columns.iter().map(Column::bytes).sum::<usize>() > BATCH_BYTES);
        let ended = row.is_none();
        if count > 0 && (ended || full) {
            let arrays = columns
                .iter_mut()
                .map(Column::finish)
                .collect::<Result<Vec<_>>>()?;
            let options = RecordBatchOptions::new().with_row_count(Some(count));
            let batch = RecordBatch::try_new_with_options(Arc::clone(schema), arrays, &options)
                .map_err(|e| ConvertError::Engine {
                    detail: e.to_string(),
                })?;
            if !sink.send(batch) {
                return Ok(());
            }
            count = 0;
        }
        if ended {
            return Ok(());
        }
    }
}
