//! The database that one query runs in: in memory, with the room of its job, and fenced
//! in to its tables and its result before any SQL from outside is seen.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use duckdb::Connection;

use super::{QueryDone, Relation};
use crate::error::{ConvertError, Result};
use crate::sql;
use crate::table::Job;

/// How often it is looked whether the query is to stop.
const POLL: Duration = Duration::from_millis(40);
/// The table of a result of which only the first rows are wanted.
const FIRST: &str = "\"the first rows\"";

/// Types that the result's format has no form of its own for, as words of SQL.
const AS_TEXT: [&str; 12] = [
    "HUGEINT",
    "UHUGEINT",
    "BIGNUM",
    "UUID",
    "INTERVAL",
    "TIME WITH TIME ZONE",
    "TIME_NS",
    "BIT",
    "ENUM",
    "UNION",
    "VARIANT",
    "GEOMETRY",
];

pub(super) fn run(
    sql: &str,
    relations: &[Relation],
    most: Option<u64>,
    dest: &Path,
    job: Job<'_>,
) -> Result<QueryDone> {
    let dir = tempfile::Builder::new()
        .prefix("redline-query-")
        .tempdir_in(&job.limits.temp_dir)?;
    let conn = Connection::open_in_memory().map_err(|e| ConvertError::Engine {
        detail: first_line(&e.to_string()),
    })?;
    let out = utf8(dir.path().join("result.parquet"))?;
    let run = Run {
        conn,
        job,
        hidden: format!("{}/", dir.path().display()),
    };
    job.phase("query", 0);
    let mut allowed = vec![sql::literal(&out)];
    let mut views = Vec::new();
    for (i, relation) in relations.iter().enumerate() {
        // A plain name: nothing of where files lie shows, and no character of it is a glob.
        let path = link(
            dir.path(),
            &format!("table{i}.parquet"),
            &relation.table.path,
        )?;
        allowed.push(sql::literal(&path));
        views.push(format!(
            "CREATE VIEW {} AS SELECT {} FROM read_parquet({})",
            sql::name(&relation.name),
            relation.table.select,
            sql::literal(&path)
        ));
    }
    // The order matters: what the fence lets through is named before it is closed, and
    // the lock comes last.
    for statement in [
        "SET autoinstall_known_extensions = false".to_owned(),
        "SET autoload_known_extensions = false".to_owned(),
        "SET GLOBAL TimeZone = 'UTC'".to_owned(),
        format!(
            "SET memory_limit = '{}B'",
            (job.limits.memory_bytes / 4 * 3).max(64 << 20)
        ),
        format!("SET threads = {}", job.limits.threads.max(1)),
        format!(
            "SET temp_directory = {}",
            sql::literal(&utf8(dir.path().join("spill"))?)
        ),
        format!("SET allowed_paths = [{}]", allowed.join(", ")),
        "SET enable_external_access = false".to_owned(),
        "SET lock_configuration = true".to_owned(),
    ] {
        run.ours(&statement)?;
    }
    for view in &views {
        run.ours(view)?;
    }
    let done = run.select(sql, most, &out)?;
    std::fs::rename(&out, dest)?;
    Ok(done)
}

struct Run<'a> {
    conn: Connection,
    job: Job<'a>,
    /// What no message says: the folder of the job.
    hidden: String,
}

impl Run<'_> {
    fn select(&self, sql: &str, most: Option<u64>, out: &str) -> Result<QueryDone> {
        let sql = self.without_end(sql)?;
        let (mut from, mut more) = (format!("(\n{sql}\n)"), false);
        if let Some(most) = most {
            let most = most.min(i64::MAX as u64 - 1);
            // One row more than is wanted tells whether there are more.
            self.theirs(&format!(
                "CREATE TEMP TABLE {FIRST} AS SELECT * FROM {from} LIMIT {}",
                most + 1
            ))?;
            more = self.count(FIRST)? > most;
            from = format!("(SELECT * FROM {FIRST} LIMIT {most})");
        }
        let columns = self.columns(&from)?;
        let copy = |exact: bool| {
            let list: Vec<String> = columns
                .iter()
                .map(|(name, type_name)| carried(name, type_name, exact))
                .collect();
            let whole = columns
                .iter()
                .all(|(name, type_name)| carried(name, type_name, exact) == sql::name(name));
            let rows = if whole {
                format!("SELECT * FROM {from}")
            } else {
                format!("SELECT {} FROM {from}", list.join(", "))
            };
            format!(
                "COPY ({rows}) TO {} (FORMAT parquet, COMPRESSION lz4_raw, ROW_GROUP_SIZE 65536)",
                sql::literal(out)
            )
        };
        // Whole numbers of more than 64 bits are numbers where all of them have at most 38
        // digits; text otherwise.
        let rows = match self.copied(&copy(true)) {
            Err(ConvertError::Query { .. })
                if columns.iter().any(|(_, t)| t.ends_with("HUGEINT")) =>
            {
                let _ = std::fs::remove_file(out);
                self.copied(&copy(false))?
            }
            other => other?,
        };
        Ok(QueryDone { rows, more })
    }

    /// Without what stands behind the statement: it goes into parentheses.
    fn without_end(&self, sql: &str) -> Result<String> {
        let trimmed = sql.trim().trim_end_matches([';', ' ', '\t', '\r', '\n']);
        if !trimmed.contains(';') {
            return Ok(trimmed.to_owned());
        }
        // A semicolon may be anywhere in a comment or a text: the parser knows.
        self.conn
            .query_row(
                "SELECT json_deserialize_sql(json_serialize_sql(?::VARCHAR))",
                [sql],
                |row| row.get::<_, String>(0),
            )
            .map_err(|e| self.explain(&e.to_string()))
    }

    /// Names and types of what a relation gives.
    fn columns(&self, from: &str) -> Result<Vec<(String, String)>> {
        let failed = |e: duckdb::Error| self.explain(&e.to_string());
        let mut statement = self
            .conn
            .prepare(&format!("DESCRIBE SELECT * FROM {from}"))
            .map_err(failed)?;
        let rows = statement
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
            .map_err(failed)?;
        rows.collect::<duckdb::Result<_>>().map_err(failed)
    }

    fn count(&self, table: &str) -> Result<u64> {
        self.conn
            .query_row(&format!("SELECT count(*) FROM {table}"), [], |row| {
                row.get::<_, i64>(0)
            })
            .map(|n| n.max(0) as u64)
            .map_err(|e| self.explain(&e.to_string()))
    }

    /// A statement without anything from outside in it.
    fn ours(&self, statement: &str) -> Result<()> {
        self.conn.execute_batch(statement).map_err(|error| {
            let detail = self.shown(&error.to_string());
            tracing::error!(detail, "the engine refused to begin");
            match self.explain(&error.to_string()) {
                ConvertError::Query { detail } => ConvertError::Engine { detail },
                other => other,
            }
        })
    }

    /// A statement with SQL from outside in it.
    fn theirs(&self, statement: &str) -> Result<()> {
        self.watched(|| self.conn.execute_batch(statement))
    }

    /// Rows that a COPY wrote.
    fn copied(&self, statement: &str) -> Result<u64> {
        self.watched(|| self.conn.execute(statement, []))
            .map(|rows| rows as u64)
    }

    /// Interrupts the statement once the job is to stop.
    fn watched<T>(&self, work: impl FnOnce() -> duckdb::Result<T>) -> Result<T> {
        self.job.check()?;
        let over = AtomicBool::new(false);
        let interrupt = self.conn.interrupt_handle();
        let progress = self.job.progress;
        let outcome = std::thread::scope(|scope| {
            let watcher = scope.spawn(|| {
                while !over.load(Ordering::Acquire) {
                    std::thread::park_timeout(POLL);
                    // Again on each turn: an interrupt between two steps is forgotten.
                    if progress.is_cancelled() && !over.load(Ordering::Acquire) {
                        interrupt.interrupt();
                    }
                }
            });
            let outcome = work();
            over.store(true, Ordering::Release);
            watcher.thread().unpark();
            outcome
        });
        match outcome {
            Ok(value) => Ok(value),
            Err(_) if progress.is_cancelled() => Err(ConvertError::Cancelled),
            Err(error) => Err(self.explain(&error.to_string())),
        }
    }

    fn shown(&self, message: &str) -> String {
        first_line(message).replace(&self.hidden, "")
    }

    fn explain(&self, message: &str) -> ConvertError {
        let lower = message.to_ascii_lowercase();
        let detail = self.shown(message);
        if lower.contains("no space left") || lower.contains("disk quota") {
            ConvertError::DiskFull { needed: 0 }
        } else if lower.contains("out of memory") || lower.contains("could not allocate") {
            ConvertError::OutOfMemory {
                limit: self.job.limits.memory_bytes,
                detail,
            }
        } else if lower.contains("interrupt error") {
            ConvertError::Cancelled
        } else {
            ConvertError::Query { detail }
        }
    }
}

/// The engine says what kind of error it is before it says what is wrong.
pub(super) fn first_line(message: &str) -> String {
    let line = message.lines().next().unwrap_or_default().trim();
    match line.split_once(" Error: ") {
        Some((kind, rest)) if kind.len() < 24 => rest.trim().to_owned(),
        _ => line.to_owned(),
    }
}

/// A column of the result in a type that its format holds.
fn carried(name: &str, type_name: &str, exact: bool) -> String {
    let column = sql::name(name);
    if matches!(type_name, "HUGEINT" | "UHUGEINT") && exact {
        return format!("CAST({column} AS DECIMAL(38, 0)) AS {column}");
    }
    let lacks = |word: &str| {
        type_name
            .split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ' '))
            .any(|part| part.trim() == word || part.trim().ends_with(&format!(" {word}")))
    };
    if AS_TEXT.iter().any(|word| lacks(word)) {
        return format!("CAST({column} AS VARCHAR) AS {column}");
    }
    match infinite(&column, type_name) {
        // The result's format has no infinity, and would make a day of it.
        Some(infinite) => {
            let said = sql::literal(&format!(
                "{column} holds infinite dates or times; CAST({column} AS VARCHAR) shows them"
            ));
            format!("CASE WHEN {infinite} THEN error({said}) ELSE {column} END AS {column}")
        }
        None => column,
    }
}

/// A condition under which a column has an infinite day or moment, where it could.
fn infinite(column: &str, type_name: &str) -> Option<String> {
    match type_name {
        "DATE" | "TIMESTAMP" | "TIMESTAMP WITH TIME ZONE" => {
            Some(format!("NOT isfinite({column})"))
        }
        other if other.contains("DATE") || other.contains("TIMESTAMP") => {
            Some(format!("contains(CAST({column} AS VARCHAR), 'infinity')"))
        }
        _ => None,
    }
}

#[cfg(unix)]
fn link(dir: &Path, name: &str, target: &Path) -> Result<String> {
    let link = dir.join(name);
    std::os::unix::fs::symlink(std::path::absolute(target)?, &link)?;
    utf8(link)
}

#[cfg(not(unix))]
fn link(_dir: &Path, _name: &str, target: &Path) -> Result<String> {
    utf8(std::path::absolute(target)?)
}

fn utf8(path: std::path::PathBuf) -> Result<String> {
    path.into_os_string()
        .into_string()
        .map_err(|_| ConvertError::Engine {
            detail: "the folder for temporary files has a name that is not text".to_owned(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_is_carried_by_what_its_format_has() {
        for (type_name, expected) in [
            ("BIGINT", "\"a\""),
            ("DECIMAL(38,0)", "\"a\""),
            (
                "DATE",
                "CASE WHEN NOT isfinite(\"a\") THEN error('\"a\" holds infinite dates or times; \
                 CAST(\"a\" AS VARCHAR) shows them') ELSE \"a\" END AS \"a\"",
            ),
            ("STRUCT(huge BIGINT, bits VARCHAR)", "\"a\""),
            ("UUID", "CAST(\"a\" AS VARCHAR) AS \"a\""),
            ("HUGEINT[]", "CAST(\"a\" AS VARCHAR) AS \"a\""),
            ("STRUCT(x INTERVAL)", "CAST(\"a\" AS VARCHAR) AS \"a\""),
            ("ENUM('a', 'b')", "CAST(\"a\" AS VARCHAR) AS \"a\""),
            ("HUGEINT", "CAST(\"a\" AS DECIMAL(38, 0)) AS \"a\""),
        ] {
            assert_eq!(carried("a", type_name, true), expected, "{type_name}");
        }
        assert_eq!(
            carried("a", "HUGEINT", false),
            "CAST(\"a\" AS VARCHAR) AS \"a\""
        );
    }

    #[test]
    fn messages_begin_with_what_is_wrong() {
        assert_eq!(
            first_line("Binder Error: Referenced column \"x\" not found\nLINE 1: x"),
            "Referenced column \"x\" not found"
        );
        assert_eq!(first_line("plain"), "plain");
    }
}
