//! A table as a database of one table, in one transaction without a journal: the file is
//! a temporary one until it is whole.

use std::path::Path;
use std::sync::Arc;

use arrow::array::cast::AsArray;
use arrow::array::types::*;
use arrow::array::{Array, RecordBatch};
use arrow::datatypes::{DataType, Field, SchemaRef, TimeUnit};
use rusqlite::types::ToSqlOutput;
use rusqlite::types::{Value as Owned, ValueRef};
use rusqlite::{Connection, OpenFlags};

use super::super::cells::clock;
use super::database::explain;
use super::hint;
use crate::error::{ConvertError, Result};
use crate::options::Options;
use crate::sql;
use crate::table::{Job, TableWriter};
use crate::types;

/// Minus zero, which SQLite would store as zero: a text that no number looks like, and
/// that counts as zero in sums all the same.
pub(super) const NEGATIVE_ZERO: &str = "-0.0d";
/// SQLite as it is built here takes so many columns, and so many values in a statement.
const MAX_COLUMNS: usize = 2_000;
const CHECK_EVERY: usize = 4_096;

pub(super) struct SqliteWriter<'a> {
    connection: Connection,
    insert: String,
    job: Job<'a>,
}

impl<'a> SqliteWriter<'a> {
    pub(super) fn create(
        path: &Path,
        schema: SchemaRef,
        options: &Options,
        job: Job<'a>,
    ) -> Result<Self> {
        let width = schema.fields().len();
        if width > MAX_COLUMNS {
            return Err(ConvertError::NoRoom {
                to: "sqlite".to_owned(),
                limit: "2,000 columns".to_owned(),
                seen: format!("{} columns", sql::grouped(width as u64)),
            });
        }
        if let Some(field) = schema
            .fields()
            .iter()
            .find(|f| !super::holds(f.data_type()))
        {
            return Err(ConvertError::Engine {
                detail: format!(
                    "the column {:?} is {}, which SQLite does not hold",
                    field.name(),
                    types::name(field)
                ),
            });
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(explain)?;
        connection
            .execute_batch(
                "PRAGMA page_size = 8192; PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;
                 PRAGMA locking_mode = EXCLUSIVE; PRAGMA cache_size = -16000; PRAGMA temp_store = MEMORY;",
            )
            .map_err(explain)?;
        let table = table_name(options.get("sheet").unwrap_or("data"));
        let columns: Vec<String> = schema
            .fields()
            .iter()
            .map(|f| format!("{} {}", sql::name(f.name()), declared(f)))
            .collect();
        let create = format!(
            "CREATE TABLE {} ({} {})",
            sql::name(&table),
            columns.join(", "),
            hint::comment(&schema)
        );
        let marks: Vec<String> = (1..=width).map(|i| format!("?{i}")).collect();
        connection.execute_batch(&create).map_err(explain)?;
        connection.execute_batch("BEGIN").map_err(explain)?;
        Ok(SqliteWriter {
            connection,
            insert: format!(
                "INSERT INTO {} VALUES ({})",
                sql::name(&table),
                marks.join(", ")
            ),
            job,
        })
    }
}

/// What other programs see as the type. Words that would make SQLite turn a text into a
/// number are kept away from columns of exact text.
fn declared(field: &Field) -> String {
    match field.data_type() {
        DataType::Boolean => "BOOLEAN".to_owned(),
        t if t.is_integer() => "INTEGER".to_owned(),
        DataType::Float32 | DataType::Float64 => "REAL".to_owned(),
        DataType::Decimal128(p, s) => format!("DECIMAL_TEXT({p},{s})"),
        DataType::Date32 => "DATE".to_owned(),
        DataType::Time32(_) | DataType::Time64(_) => "TIME".to_owned(),
        DataType::Timestamp(_, None) => "TIMESTAMP".to_owned(),
        DataType::Timestamp(_, Some(_)) => "TIMESTAMP WITH TIME ZONE".to_owned(),
        DataType::Binary => "BLOB".to_owned(),
        _ => "TEXT".to_owned(),
    }
}

impl TableWriter for SqliteWriter<'_> {
    fn write(&mut self, batch: RecordBatch) -> Result<()> {
        let columns = batch
            .columns()
            .iter()
            .map(|c| values(Arc::as_ref(c)))
            .collect::<Result<Vec<_>>>()?;
        let mut insert = self.connection.prepare(&self.insert).map_err(explain)?;
        for row in 0..batch.num_rows() {
            for (i, (array, value)) in batch.columns().iter().zip(&columns).enumerate() {
                let value = if array.is_null(row) {
                    ToSqlOutput::Borrowed(ValueRef::Null)
                } else {
                    value(row)
                };
                insert.raw_bind_parameter(i + 1, value).map_err(explain)?;
            }
            insert.raw_execute().map_err(explain)?;
            if row.is_multiple_of(CHECK_EVERY) {
                self.job.check()?;
            }
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<()> {
        self.connection.execute_batch("COMMIT").map_err(explain)?;
        self.connection.close().map_err(|(_, e)| explain(e))
    }
}

type Values<'a> = Box<dyn Fn(usize) -> ToSqlOutput<'a> + 'a>;

fn integers<'a, T: ArrowPrimitiveType>(array: &'a dyn Array) -> Values<'a>
where
    T::Native: Into<i64>,
{
    let array = array.as_primitive::<T>();
    Box::new(move |row| ToSqlOutput::Borrowed(ValueRef::Integer(array.value(row).into())))
}

/// The values of a column that are not null, as SQLite is to have them.
fn values(array: &dyn Array) -> Result<Values<'_>> {
    fn text(write: impl FnOnce(&mut Vec<u8>)) -> ToSqlOutput<'static> {
        let mut out = Vec::with_capacity(32);
        write(&mut out);
        // What is written here is ASCII.
        ToSqlOutput::Owned(Owned::Text(String::from_utf8_lossy(&out).into_owned()))
    }
    fn counted<'a, T: ArrowPrimitiveType>(
        array: &'a dyn Array,
        write: impl Fn(&mut Vec<u8>, i64) + 'a,
    ) -> Values<'a>
    where
        T::Native: Into<i64>,
    {
        let array = array.as_primitive::<T>();
        Box::new(move |row| text(|out| write(out, array.value(row).into())))
    }
    fn float(n: f64) -> ToSqlOutput<'static> {
        if n.is_nan() {
            // SQLite would store null.
            ToSqlOutput::Borrowed(ValueRef::Text(b"nan"))
        } else if n == 0.0 && n.is_sign_negative() {
            ToSqlOutput::Borrowed(ValueRef::Text(NEGATIVE_ZERO.as_bytes()))
        } else {
            ToSqlOutput::Borrowed(ValueRef::Real(n))
        }
    }
    let clock = |per_second: i64| {
        move |out: &mut Vec<u8>, n: i64| {
            clock::push_clock(
                out,
                n.div_euclid(per_second),
                n.rem_euclid(per_second),
                per_second,
            );
        }
    };
    Ok(match array.data_type() {
        DataType::Boolean => {
            let array = array.as_boolean();
            Box::new(move |row| ToSqlOutput::Borrowed(ValueRef::Integer(array.value(row).into())))
        }
        DataType::Int8 => integers::<Int8Type>(array),
        DataType::Int16 => integers::<Int16Type>(array),
        DataType::Int32 => integers::<Int32Type>(array),
        DataType::Int64 => integers::<Int64Type>(array),
        DataType::UInt8 => integers::<UInt8Type>(array),
        DataType::UInt16 => integers::<UInt16Type>(array),
        DataType::UInt32 => integers::<UInt32Type>(array),
        DataType::UInt64 => {
            let array = array.as_primitive::<UInt64Type>();
            Box::new(move |row| {
                let n = array.value(row);
                match i64::try_from(n) {
                    Ok(n) => ToSqlOutput::Borrowed(ValueRef::Integer(n)),
                    // As text it would become a real, and lose digits.
                    Err(_) => ToSqlOutput::Owned(Owned::Blob(n.to_string().into_bytes())),
                }
            })
        }
        DataType::Float32 => {
            let array = array.as_primitive::<Float32Type>();
            Box::new(move |row| float(array.value(row).into()))
        }
        DataType::Float64 => {
            let array = array.as_primitive::<Float64Type>();
            Box::new(move |row| float(array.value(row)))
        }
        DataType::Decimal128(_, scale) => {
            let (array, scale) = (array.as_primitive::<Decimal128Type>(), *scale);
            Box::new(move |row| text(|out| clock::push_decimal(out, array.value(row), scale)))
        }
        DataType::Date32 => counted::<Date32Type>(array, clock::push_date),
        DataType::Time32(TimeUnit::Second) => counted::<Time32SecondType>(array, clock(1)),
        DataType::Time32(_) => counted::<Time32MillisecondType>(array, clock(1_000)),
        DataType::Time64(TimeUnit::Nanosecond) => {
            counted::<Time64NanosecondType>(array, clock(1_000_000_000))
        }
        DataType::Time64(_) => counted::<Time64MicrosecondType>(array, clock(1_000_000)),
        DataType::Timestamp(unit, zone) => {
            let zoned = zone.is_some();
            let stamp = move |per_second: i64| {
                move |out: &mut Vec<u8>, n: i64| {
                    clock::push_timestamp(out, n, per_second);
                    if zoned {
                        out.extend_from_slice(b"+00");
                    }
                }
            };
            match unit {
                TimeUnit::Second => counted::<TimestampSecondType>(array, stamp(1)),
                TimeUnit::Millisecond => counted::<TimestampMillisecondType>(array, stamp(1_000)),
                TimeUnit::Microsecond => {
                    counted::<TimestampMicrosecondType>(array, stamp(1_000_000))
                }
                TimeUnit::Nanosecond => {
                    counted::<TimestampNanosecondType>(array, stamp(1_000_000_000))
                }
            }
        }
        DataType::Utf8 => {
            let array = array.as_string::<i32>();
            Box::new(move |row| ToSqlOutput::Borrowed(ValueRef::Text(array.value(row).as_bytes())))
        }
        DataType::Binary => {
            let array = array.as_binary::<i32>();
            Box::new(move |row| ToSqlOutput::Borrowed(ValueRef::Blob(array.value(row))))
        }
        other => {
            return Err(ConvertError::Engine {
                detail: format!("SQLite does not hold {other}"),
            });
        }
    })
}
/// A name that SQLite takes.
pub(crate) fn table_name(wanted: &str) -> String {
    match wanted.replace('\0', "") {
        name if name.is_empty() => "data".to_owned(),
        // Names that begin so are SQLite's own.
        name if name.to_ascii_lowercase().starts_with("sqlite_") => format!("_{name}"),
        name => name,
    }
}
