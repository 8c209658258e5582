//! A table as a DuckDB file of one table, in one transaction. Text that stands for a type
//! which DuckDB has becomes that type, but only where each value comes back as the same text.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{Field, Schema, SchemaRef};

use super::database::{ATTACHED, Database};
use super::raw::Connection;
use super::table::COMMENT;
use crate::error::{ConvertError, Result};
use crate::options::Options;
use crate::sql;
use crate::table::{Job, TableWriter};
use crate::types;

/// Rows that are handed to the engine between two looks at cancel.
const PORTION: usize = 16_384;

/// Bytes that the engine makes room for in each column: a vector of 2,048 values.
const COLUMN: u64 = 16 << 10;

pub(super) struct DuckWriter<'a> {
    connection: Connection,
    database: Database,
    schema: SchemaRef,
    table: String,
    job: Job<'a>,
}

impl<'a> DuckWriter<'a> {
    pub(super) fn create(
        path: &Path,
        schema: SchemaRef,
        options: &Options,
        job: Job<'a>,
    ) -> Result<Self> {
        if let Some(field) = schema
            .fields()
            .iter()
            .find(|f| !super::holds(f.data_type()))
        {
            return Err(ConvertError::Engine {
                detail: format!(
                    "the column {:?} is {}, which goes to DuckDB as text",
                    field.name(),
                    types::name(field)
                ),
            });
        }
        let memory = options
            .number("memory")
            .map_or(job.limits.memory_bytes, |mib| mib.saturating_mul(1 << 20));
        let needed = schema.fields().len() as u64 * COLUMN;
        if needed > memory / 2 {
            return Err(ConvertError::OutOfMemory {
                limit: memory,
                detail: format!(
                    "{} columns take {} MiB in the engine before there is a row",
                    sql::grouped(schema.fields().len() as u64),
                    needed >> 20
                ),
            });
        }
        // The new file is for the same eyes as the one that was there.
        let permissions = fs::metadata(path)?.permissions();
        fs::remove_file(path)?;
        let database = Database::write(path, memory, job)?;
        fs::set_permissions(path, permissions)?;
        let connection = database.connect()?;
        let table = match options.get("sheet").unwrap_or_default().replace('\0', "") {
            name if name.is_empty() => "data".to_owned(),
            name => name,
        };
        let columns: Vec<String> = schema
            .fields()
            .iter()
            .map(|f| format!("{} {}", sql::name(f.name()), column_type(f)))
            .collect();
        let create = format!(
            "CREATE TABLE {ATTACHED}.main.{} ({})",
            sql::name(&table),
            columns.join(", ")
        );
        for statement in ["BEGIN TRANSACTION", &create] {
            connection
                .run(statement)
                .map_err(|said| database.explain(&said))?;
        }
        Ok(DuckWriter {
            connection,
            database,
            schema,
            table,
            job,
        })
    }

    fn run(&self, statement: &str) -> Result<()> {
        self.connection
            .run(statement)
            .map_err(|said| self.database.explain(&said))
    }

    /// Makes the columns that are text for want of an Arrow type what they say they are.
    fn settle_types(&self) -> Result<()> {
        let table = format!("{ATTACHED}.main.{}", sql::name(&self.table));
        for field in self.schema.fields() {
            let Some(word) = types::tag(field) else {
                continue;
            };
            let column = sql::name(field.name());
            let known = is_known(word) && !field.data_type().is_nested();
            let altered = format!(
                "SELECT CAST(count(*) AS VARCHAR) FROM {table}
                 WHERE CAST(TRY_CAST({column} AS {word}) AS VARCHAR) IS DISTINCT FROM {column}"
            );
            let same = known
                && self
                    .connection
                    .texts(&altered)
                    .is_ok_and(|rows| rows.first().is_some_and(|r| r[0].as_deref() == Some("0")));
            if same {
                self.run(&format!("ALTER TABLE {table} ALTER {column} TYPE {word}"))?;
            } else {
                let comment = sql::literal(&format!("{COMMENT}{word}"));
                self.run(&format!("COMMENT ON COLUMN {table}.{column} IS {comment}"))?;
            }
            self.job.check()?;
        }
        Ok(())
    }
}

/// A word that is a type of DuckDB's and no statement: it comes from a file.
fn is_known(word: &str) -> bool {
    match word {
        "HUGEINT"
        | "UHUGEINT"
        | "UUID"
        | "INTERVAL"
        | "TIME WITH TIME ZONE"
        | "BIT"
        | "BIGNUM"
        | "JSON" => true,
        _ => word
            .strip_prefix("ENUM(")
            .and_then(|rest| rest.strip_suffix(')'))
            .is_some_and(only_literals),
    }
}

/// `'a', 'b''c'` and nothing else.
fn only_literals(text: &str) -> bool {
    let mut rest = text.trim();
    loop {
        let Some(inside) = rest.strip_prefix('\'') else {
            return false;
        };
        let mut end = None;
        let mut chars = inside.char_indices().peekable();
        while let Some((i, c)) = chars.next() {
            if c == '\'' {
                if chars.peek().is_some_and(|(_, c)| *c == '\'') {
                    chars.next();
                } else {
                    end = Some(i);
                    break;
                }
            }
        }
        let Some(end) = end else {
            return false;
        };
        rest = inside[end + 1..].trim_start();
        if rest.is_empty() {
            return true;
        }
        match rest.strip_prefix(',') {
            Some(more) => rest = more.trim_start(),
            None => return false,
        }
    }
}

/// The type of a column while rows come in.
fn column_type(field: &Field) -> String {
    let bare = Field::new(field.name(), field.data_type().clone(), true);
    types::name(&untagged(&bare))
}

/// Without the source's words inside nested types, which are text there.
fn untagged(field: &Field) -> Field {
    use arrow::datatypes::DataType;
    let data_type = match field.data_type() {
        DataType::List(item) => DataType::List(Arc::new(untagged(item))),
        DataType::Struct(fields) => DataType::Struct(
            fields
                .iter()
                .map(|f| untagged(f))
                .collect::<Vec<_>>()
                .into(),
        ),
        DataType::Map(entries, sorted) => DataType::Map(Arc::new(untagged(entries)), *sorted),
        other => other.clone(),
    };
    Field::new(field.name(), data_type, field.is_nullable())
}

impl TableWriter for DuckWriter<'_> {
    fn write(&mut self, batch: RecordBatch) -> Result<()> {
        let bare: Vec<Field> = batch
            .schema()
            .fields()
            .iter()
            .map(|f| Field::new(f.name(), f.data_type().clone(), true))
            .collect();
        let explain = |said: String| self.database.explain(&said);
        let mut appender = self
            .connection
            .append(ATTACHED, &self.table, &Schema::new(bare))
            .map_err(explain)?;
        let mut from = 0;
        while from < batch.num_rows() {
            self.job.check()?;
            let rows = PORTION.min(batch.num_rows() - from);
            appender.push(&batch.slice(from, rows)).map_err(explain)?;
            from += rows;
        }
        appender.close().map_err(explain)
    }

    fn finish(self: Box<Self>) -> Result<()> {
        self.settle_types()?;
        self.run("COMMIT")?;
        self.run(&format!("CHECKPOINT {ATTACHED}"))?;
        self.run(&format!("DETACH {ATTACHED}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_from_a_file_is_a_type_or_it_is_nothing() {
        for word in ["UUID", "ENUM('a')", "ENUM('a', 'b''c, )')"] {
            assert!(is_known(word), "{word}");
        }
        for word in [
            "",
            "VARCHAR); DROP TABLE x",
            "ENUM('a'); DROP",
            "ENUM()",
            "ENUM('a' || 'b')",
            "ENUM('a',)",
        ] {
            assert!(!is_known(word), "{word}");
        }
    }
}
