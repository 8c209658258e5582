//! A table or view of a DuckDB file as a table.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::compute::concat;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};

use super::super::pump::{Pump, Pumped, Sink};
use super::database::{ATTACHED, Database};
use super::raw::{Connection, same};
use super::shapes::Shape;
use super::survey::{Ask, survey};
use crate::error::{ConvertError, Result};
use crate::format::Format;
use crate::options::Options;
use crate::profile::{Choice, ColumnProfile, Rejects, TableEntry, TableProfile};
use crate::sql;
use crate::table::{BATCH_BYTES, BATCH_ROWS, Depth, Job, Table, TableReader};
use crate::types;

/// Of a column's comment: the word for what its text is, where DuckDB has no such type.
pub(super) const COMMENT: &str = "redline:type=";
const BATCH_CELLS: usize = 1 << 20;

pub(super) struct DuckTable {
    database: Arc<Database>,
    /// `stored."schema"."table"`
    from: String,
    /// What to ask for each column, in the order of the schema.
    asks: Vec<String>,
    schema: SchemaRef,
    rows: u64,
    /// Row ids count up from 0 without a gap, so that reading can begin at one.
    counted: bool,
    profile: TableProfile,
}

struct Entry {
    schema: String,
    name: String,
    is_view: bool,
    rows: Option<u64>,
    columns: Option<u64>,
}

impl Entry {
    /// As people say it: with its schema where that is not the usual one.
    fn said(&self) -> String {
        if self.schema == "main" {
            self.name.clone()
        } else {
            format!("{}.{}", self.schema, self.name)
        }
    }

    fn from(&self) -> String {
        format!(
            "{ATTACHED}.{}.{}",
            sql::name(&self.schema),
            sql::name(&self.name)
        )
    }
}

impl DuckTable {
    pub(super) fn open(path: &Path, options: &Options, depth: Depth, job: Job<'_>) -> Result<Self> {
        let memory = options
            .number("memory")
            .map_or(job.limits.memory_bytes, |mib| mib.saturating_mul(1 << 20));
        let database = Arc::new(Database::read(path, memory, job)?);
        let connection = Arc::new(database.connect()?);
        let ask = |query: &str| -> Result<Vec<Vec<Option<String>>>> {
            watched(&connection, job, || connection.texts(query)).map_err(|said| match said {
                Some(said) => database.explain(&said),
                None => ConvertError::Cancelled,
            })
        };
        let entries = entries(&ask)?;
        let (index, chosen) = choose(&entries, options, &ask)?;
        let entry = &entries[index];
        let from = entry.from();

        job.phase("scan", database.size);
        let described = ask(&format!(
            "SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM {from})"
        ))?;
        let comments = ask(&format!(
            "SELECT column_name, comment FROM duckdb_columns() WHERE database_name = {} AND schema_name = {}
             AND table_name = {} AND comment IS NOT NULL",
            sql::literal(ATTACHED),
            sql::literal(&entry.schema),
            sql::literal(&entry.name)
        ))?;
        let columns: Vec<(String, String, Shape)> = described
            .into_iter()
            .filter_map(|row| {
                let [name, word] = <[Option<String>; 2]>::try_from(row).ok()?;
                let word = word?;
                let shape = Shape::of(&word);
                Some((name?, word, shape))
            })
            .collect();
        let survey = survey(&columns, &from, depth, &ask)?;
        job.progress.advance(database.size);

        let mut asks = Vec::new();
        let (mut fields, mut profiles) = (Vec::new(), Vec::new());
        let mut warnings: Vec<String> = database.said.iter().cloned().collect();
        let mut tags = Vec::new();
        for ((name, word, shape), found) in columns.iter().zip(&survey.columns) {
            let (expression, tag) = shape.ask(name, word, found.facts);
            asks.push(format!("{expression} AS {}", sql::name(name)));
            let comment = comments
                .iter()
                .find(|c| c[0].as_deref() == Some(name))
                .and_then(|c| c[1].as_deref()?.strip_prefix(COMMENT));
            if found.facts.infinite {
                warnings.push(format!(
                    "column {name:?} has infinite values, and is read as text for that"
                ));
            }
            tags.push(tag.or_else(|| comment.filter(|_| word == "VARCHAR").map(str::to_owned)));
        }
        // The engine says itself what the expressions come back as.
        let schema = watched(&connection, job, || {
            let mut none =
                connection.stream(&format!("SELECT {} FROM {from} LIMIT 0", asks.join(", ")))?;
            none.schema()
        })
        .map_err(|said| match said {
            Some(said) => database.explain(&said),
            None => ConvertError::Cancelled,
        })?;
        for (((name, word, _), found), (field, tag)) in columns
            .iter()
            .zip(&survey.columns)
            .zip(schema.fields().iter().zip(tags))
        {
            let field = Field::new(name, field.data_type().clone(), true);
            let mut field = types::plain(&usual(&field))?;
            if let Some(tag) = tag {
                field = types::tagged(field, &tag);
            }
            let mut profile = ColumnProfile::stated(name.clone(), types::name(&field));
            profile.nulls = found.nulls;
            profile.min.clone_from(&found.min);
            profile.max.clone_from(&found.max);
            if types::name(&field) != *word {
                profile.evidence = format!("{word} in the file");
            }
            profiles.push(profile);
            fields.push(field);
        }
        let mut tables: Vec<TableEntry> = entries
            .iter()
            .map(|e| TableEntry {
                name: e.said(),
                rows: e.rows,
                columns: e.columns,
            })
            .collect();
        tables[index].rows = Some(survey.rows);
        tables[index].columns = Some(columns.len() as u64);
        let profile = TableProfile {
            format: Format::Duckdb,
            compression: None,
            table: Some(entry.said()),
            tables,
            text: None,
            rows: survey.rows,
            columns: profiles,
            choices: chosen.into_iter().collect(),
            repairs: Vec::new(),
            rejects: Rejects::default(),
            warnings,
        };
        let counted = !entry.is_view
            && ask(&format!(
                "SELECT CAST(max(rowid) + 1 AS VARCHAR) FROM {from}"
            ))?
            .first()
            .and_then(|row| row[0].as_deref()?.parse().ok())
                == Some(survey.rows);
        Ok(DuckTable {
            from,
            asks,
            schema: Arc::new(Schema::new(fields)),
            rows: survey.rows,
            counted,
            profile,
            database,
        })
    }
}

/// With the items of lists under the name that Arrow has for them; DuckDB's is `l`.
fn usual(field: &Field) -> Field {
    let data_type = match field.data_type() {
        DataType::List(item) => DataType::List(Arc::new(usual(item).with_name("item"))),
        DataType::Struct(fields) => {
            DataType::Struct(fields.iter().map(|f| usual(f)).collect::<Vec<_>>().into())
        }
        DataType::Map(entries, sorted) => DataType::Map(Arc::new(usual(entries)), *sorted),
        other => other.clone(),
    };
    field.clone().with_data_type(data_type)
}

/// Runs a statement, and ends it when the caller cancels; none is said then.
fn watched<T: Send>(
    connection: &Arc<Connection>,
    job: Job<'_>,
    work: impl FnOnce() -> std::result::Result<T, String>,
) -> std::result::Result<T, Option<String>> {
    use std::sync::mpsc::{RecvTimeoutError, channel};
    let (done, finished) = channel::<()>();
    std::thread::scope(|scope| {
        let watcher = scope.spawn(move || {
            let mut cancelled = false;
            // Ends when `done` goes, however the work ends.
            while finished.recv_timeout(std::time::Duration::from_millis(40))
                == Err(RecvTimeoutError::Timeout)
            {
                if job.progress.is_cancelled() {
                    cancelled = true;
                    connection.interrupt();
                }
            }
            cancelled
        });
        let outcome = work();
        drop(done);
        match (outcome, watcher.join()) {
            (Ok(value), _) => Ok(value),
            (Err(_), Ok(true)) => Err(None),
            (Err(said), _) => Err(Some(said)),
        }
    })
}

/// Tables first, then views, each in the order of their making; those of `main` before others.
fn entries(ask: &Ask<'_>) -> Result<Vec<Entry>> {
    let attached = sql::literal(ATTACHED);
    let rows = ask(&format!(
        "SELECT schema_name, table_name, 'table', CAST(estimated_size AS VARCHAR), CAST(column_count AS VARCHAR)
         FROM (SELECT * FROM duckdb_tables() WHERE database_name = {attached} AND NOT internal
               ORDER BY schema_name <> 'main', schema_oid, table_oid)
         UNION ALL
         SELECT schema_name, view_name, 'view', NULL, CAST(column_count AS VARCHAR)
         FROM (SELECT * FROM duckdb_views() WHERE database_name = {attached} AND NOT internal
               ORDER BY schema_name <> 'main', schema_oid, view_oid)"
    ))?;
    let number = |text: &Option<String>| text.as_ref().and_then(|t| t.parse().ok());
    Ok(rows
        .into_iter()
        .map(|row| Entry {
            rows: number(&row[3]),
            columns: number(&row[4]),
            is_view: row[2].as_deref() == Some("view"),
            schema: row[0].clone().unwrap_or_default(),
            name: row[1].clone().unwrap_or_default(),
        })
        .collect())
}

fn choose(entries: &[Entry], options: &Options, ask: &Ask<'_>) -> Result<(usize, Option<Choice>)> {
    let said: Vec<String> = entries.iter().map(Entry::said).collect();
    let names: Vec<&str> = said.iter().map(String::as_str).collect();
    if let Some(asked) = crate::formats::pick(&names, options)? {
        return Ok((asked, None));
    }
    match entries.len() {
        0 => {
            return Err(ConvertError::Unreadable {
                what: "a DuckDB database".to_owned(),
                seen: "a database without a table".to_owned(),
            });
        }
        1 => return Ok((0, None)),
        _ => {}
    }
    let holds = |entry: &Entry| {
        ask(&format!("SELECT '1' FROM {} LIMIT 1", entry.from())).map(|rows| !rows.is_empty())
    };
    let mut found = None;
    for (i, entry) in entries.iter().enumerate() {
        match holds(entry) {
            Ok(true) => {
                found = Some(i);
                break;
            }
            Ok(false) => {}
            Err(ConvertError::Cancelled) => return Err(ConvertError::Cancelled),
            // A view may look at what is not in the file; a table that cannot be read is damage.
            Err(_) if entry.is_view => {}
            Err(e) => return Err(e),
        }
    }
    let why = match found {
        Some(_) => format!("it is the first of {} tables that has rows", entries.len()),
        None => format!("none of the {} tables has rows", entries.len()),
    };
    let index = found.unwrap_or(0);
    let choice = Choice {
        what: "table".to_owned(),
        chosen: said[index].clone(),
        why,
        otherwise: Some("table=NAME".to_owned()),
        told: None,
    };
    Ok((index, Some(choice)))
}

impl Table for DuckTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn profile(&self) -> &TableProfile {
        &self.profile
    }

    fn rows(&self) -> Option<u64> {
        Some(self.rows)
    }

    fn read<'a>(
        &'a self,
        columns: Option<&[usize]>,
        first: u64,
        job: Job<'a>,
    ) -> Result<Box<dyn TableReader + 'a>> {
        let wanted: Vec<usize> = match columns {
            None => (0..self.asks.len()).collect(),
            Some(columns) => columns.to_vec(),
        };
        let schema = self
            .schema
            .project(&wanted)
            .map_err(|e| ConvertError::Engine {
                detail: e.to_string(),
            })?;
        let schema = Arc::new(schema);
        let mut asks: Vec<&str> = wanted.iter().map(|i| self.asks[*i].as_str()).collect();
        if asks.is_empty() {
            asks.push("1");
        }
        let place = match first {
            0 => String::new(),
            n if self.counted => format!(" WHERE rowid >= {n}"),
            n => format!(" OFFSET {n}"),
        };
        let query = format!("SELECT {} FROM {}{place}", asks.join(", "), self.from);
        let connection = Arc::new(self.database.connect()?);
        let (other, database, out) = (
            Arc::clone(&connection),
            Arc::clone(&self.database),
            Arc::clone(&schema),
        );
        let pump = Pump::start(
            "read DuckDB",
            move || connection.interrupt(),
            move |sink| match read(&other, &query, &out, sink) {
                Ok(()) => Ok(()),
                Err(Failed::Said(said)) => Err(database.explain(&said)),
                Err(Failed::Ours(e)) => Err(e),
            },
        )?;
        Ok(Box::new(Pumped::new(
            schema,
            pump,
            first..self.rows,
            self.database.size,
            job,
        )))
    }
}

enum Failed {
    Said(String),
    Ours(ConvertError),
}

/// The engine's portions, put together to batches.
fn read(
    connection: &Connection,
    query: &str,
    schema: &SchemaRef,
    sink: &Sink,
) -> std::result::Result<(), Failed> {
    let width = schema.fields().len().max(1);
    let batch_rows = (BATCH_CELLS / width).clamp(16, BATCH_ROWS);
    let mut stream = connection.stream(query).map_err(Failed::Said)?;
    let (mut held, mut rows, mut bytes) = (Vec::<RecordBatch>::new(), 0, 0);
    loop {
        let next = stream.next_batch().map_err(Failed::Said)?;
        let ended = next.is_none();
        if let Some(batch) = next {
            rows += batch.num_rows();
            bytes += batch.get_array_memory_size();
            held.push(batch);
        }
        // The next portion is to fit as well.
        if rows > 0 && (ended || rows + 2_048 > batch_rows || bytes > BATCH_BYTES) {
            let batch = together(&held, rows, schema).map_err(Failed::Ours)?;
            (held, rows, bytes) = (Vec::new(), 0, 0);
            if !sink.send(batch) {
                return Ok(());
            }
        }
        if ended {
            return Ok(());
        }
    }
}

fn together(batches: &[RecordBatch], rows: usize, schema: &SchemaRef) -> Result<RecordBatch> {
    let failed = |e: arrow::error::ArrowError| ConvertError::Engine {
        detail: e.to_string(),
    };
    let columns = schema
        .fields()
        .iter()
        .enumerate()
        .map(|(i, field)| -> Result<ArrayRef> {
            let parts: Vec<&dyn arrow::array::Array> =
                batches.iter().map(|b| b.column(i).as_ref()).collect();
            let array = match &parts[..] {
                [_] => Arc::clone(batches[0].column(i)),
                parts => concat(parts).map_err(failed)?,
            };
            let array = types::to_plain(&array, field)?;
            if array.data_type() == field.data_type() {
                return Ok(array);
            }
            if !same(array.data_type(), field.data_type()) {
                return Err(ConvertError::SourceChanged);
            }
            // Names inside nested types, which the engine may give anew.
            let data = array
                .to_data()
                .into_builder()
                .data_type(field.data_type().clone())
                .build();
            Ok(arrow::array::make_array(data.map_err(failed)?))
        })
        .collect::<Result<Vec<_>>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options).map_err(failed)
}
