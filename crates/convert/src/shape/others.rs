//! Columns on their way to the formats that have types: Parquet, Feather, Excel, DuckDB,
//! SQLite, NPZ.

use arrow::datatypes::{DataType, TimeUnit};

use super::{Carrier, Column, Said, Step, map_leaves, milliseconds};
use crate::error::{ConvertError, Result};
use crate::format::Format;
use crate::formats;
use crate::sql::grouped;
use crate::types;

/// Excel's own: <https://support.microsoft.com/office/1672b34d-7043-467e-8e27-269d656771c3>.
const SHEET_ROWS: u64 = 1_048_576;
const SHEET_COLUMNS: usize = 16_384;

/// Types of which the values decide how they can leave.
pub(super) fn depends(data_type: &DataType, to: Format) -> bool {
    match to {
        Format::Xlsx => {
            matches!(
                data_type,
                DataType::Int64
                    | DataType::UInt64
                    | DataType::Decimal128(..)
                    | DataType::Utf8
                    | DataType::Date32
                    | DataType::Timestamp(_, None)
            ) || data_type.is_floating()
        }
        Format::Sqlite => *data_type == DataType::UInt64 || data_type.is_floating(),
        _ => false,
    }
}

/// Refuses a table that is too large for the format.
pub(super) fn room(to: Format, rows: u64, columns: usize) -> Result<()> {
    let refuse = |limit: String, seen: String| {
        Err(ConvertError::NoRoom {
            to: to.id().to_owned(),
            limit,
            seen,
        })
    };
    let most_columns = match to {
        Format::Xlsx => SHEET_COLUMNS,
        // One array each.
        Format::Npz => formats::npz::COLUMNS,
        _ => return Ok(()),
    };
    if to == Format::Xlsx && rows >= SHEET_ROWS {
        return refuse(
            format!("{} rows below a header", grouped(SHEET_ROWS - 1)),
            format!("{} rows", grouped(rows)),
        );
    }
    if columns > most_columns {
        return refuse(
            format!("{} columns", grouped(most_columns as u64)),
            format!("{} columns", grouped(columns as u64)),
        );
    }
    Ok(())
}

pub(super) fn carrier(column: &Column<'_>, to: Format, said: &mut Said) -> Result<Carrier> {
    Ok(match to {
        Format::Parquet => parquet(column, said),
        Format::Xlsx => xlsx(column, said)?,
        Format::Sqlite => sqlite(column, said),
        Format::Duckdb => duckdb(column, said),
        Format::Npz => npz(column, said),
        _ => Carrier::same(column.field),
    })
}

/// What has a word of its own and no type in the target is text there.
fn note_words(column: &Column<'_>, said: &mut Said) {
    if let Some(word) = types::tag(column.field).filter(|w| *w != "NULL" && *w != "JSON") {
        let detail = format!("{word} becomes text, digit for digit.");
        said.loss(column.field, "type", detail, column.values());
    }
}

fn parquet(column: &Column<'_>, said: &mut Said) -> Carrier {
    note_words(column, said);
    match milliseconds(column.field.data_type()) {
        Some(data_type) => Carrier::cast(column.field, data_type),
        None => Carrier::same(column.field),
    }
}

fn becomes_text(column: &Column<'_>, why: &str, rows: u64, said: &mut Said) -> Carrier {
    let detail = format!("{} becomes text{why}.", types::name(column.field));
    said.loss(column.field, "type", detail, rows);
    Carrier::text(column.field)
}

fn xlsx(column: &Column<'_>, said: &mut Said) -> Result<Carrier> {
    let field = column.field;
    let unknown = crate::facts::Facts::default();
    let facts = column.facts.unwrap_or(&unknown);
    if facts.long > 0 {
        return Err(ConvertError::NoRoom {
            to: Format::Xlsx.id().to_owned(),
            limit: "32,767 characters in a cell".to_owned(),
            seen: format!(
                "{} longer values in {:?}",
                grouped(facts.long),
                field.name()
            ),
        });
    }
    let text = |why: &str, rows: u64, said: &mut Said| becomes_text(column, why, rows, said);
    Ok(match field.data_type() {
        DataType::Utf8 => {
            note_words(column, said);
            Carrier::same(field).shown("text")
        }
        DataType::Boolean => Carrier::same(field).shown("boolean"),
        DataType::Decimal128(_, scale) if *scale < 0 => text("", column.values(), said),
        t if t.is_integer() || matches!(t, DataType::Decimal128(..)) => {
            if facts.wide > 0 {
                text(
                    ", since Excel keeps 15 digits of a number",
                    facts.wide,
                    said,
                )
            } else {
                Carrier::same(field).shown("number")
            }
        }
        t if t.is_floating() => {
            if facts.not_finite > 0 {
                text(
                    ", since Excel has no infinity and no NaN",
                    facts.not_finite,
                    said,
                )
            } else {
                Carrier::same(field).shown("number")
            }
        }
        DataType::Date32 if facts.outside == 0 => Carrier::same(field).shown("date"),
        DataType::Timestamp(_, None) if facts.outside == 0 && facts.fine == 0 => {
            Carrier::same(field).shown("date and time")
        }
        DataType::Date32 | DataType::Timestamp(_, None) => {
            let why = ", since Excel's dates are whole milliseconds from 1900 to 9999";
            text(why, facts.outside.max(facts.fine), said)
        }
        _ => text("", column.values(), said),
    })
}

fn sqlite(column: &Column<'_>, said: &mut Said) -> Carrier {
    let field = column.field;
    let facts = column.facts;
    match field.data_type() {
        DataType::Boolean | DataType::Utf8 | DataType::Binary => Carrier::same(field),
        DataType::UInt64 if facts.is_some_and(|f| f.past_i64 > 0) => {
            let rows = facts.map_or(0, |f| f.past_i64);
            becomes_text(
                column,
                ", since SQLite's integers end at 2^63 - 1",
                rows,
                said,
            )
        }
        t if t.is_integer() => Carrier::same(field),
        t if t.is_floating() && facts.is_some_and(|f| f.not_a_number > 0) => {
            let rows = facts.map_or(0, |f| f.not_a_number);
            becomes_text(column, ", since SQLite takes NaN for null", rows, said)
        }
        t if t.is_floating() => Carrier::same(field),
        t if types::is_nested(t) => {
            let detail = format!("{} becomes JSON text.", types::name(field));
            said.loss(field, "type", detail, column.values());
            Carrier::text(field)
        }
        // SQLite has no types for these; the column is declared with the word and holds exact
        // text, which our own reader takes back as what it was.
        t if formats::sqlite::holds(t) => {
            said.notes.push(format!(
                "{:?} is declared {} and holds exact text, since SQLite has no such values.",
                field.name(),
                types::name(field)
            ));
            Carrier::same(field)
        }
        _ => {
            said.notes.push(format!(
                "{:?} is declared {} and holds text, since SQLite has no such values.",
                field.name(),
                types::name(field)
            ));
            Carrier::text(field)
        }
    }
}

fn duckdb(column: &Column<'_>, said: &mut Said) -> Carrier {
    let field = column.field;
    let held = in_duckdb(field.data_type());
    if held == *field.data_type() {
        return Carrier::same(field);
    }
    if held == DataType::Utf8 {
        return becomes_text(
            column,
            ", since DuckDB has no such type",
            column.values(),
            said,
        );
    }
    if !types::is_nested(&held) {
        return Carrier::cast(field, held);
    }
    let carried = map_leaves(field.data_type(), &in_duckdb);
    if !formats::duckdb::holds(&carried) {
        return becomes_text(column, ", as JSON", column.values(), said);
    }
    let field = field.clone().with_data_type(carried);
    Carrier {
        shown: types::name(&field),
        field,
        step: Step::Leaves,
    }
}

/// The type that DuckDB has for these values; text where it has none.
fn in_duckdb(data_type: &DataType) -> DataType {
    let micros = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    match data_type {
        // A zone's name is not kept there; the moments are the same.
        DataType::Timestamp(unit, Some(_)) if *unit != TimeUnit::Nanosecond => micros,
        DataType::Time32(_) => DataType::Time64(TimeUnit::Microsecond),
        held if formats::duckdb::holds(held) => held.clone(),
        nested if nested.is_nested() => map_leaves(nested, &in_duckdb),
        _ => DataType::Utf8,
    }
}

fn npz(column: &Column<'_>, said: &mut Said) -> Carrier {
    let field = column.field;
    match field.data_type() {
        DataType::Boolean | DataType::Utf8 => Carrier::same(field),
        t if t.is_integer() || t.is_floating() => Carrier::same(field),
        DataType::Date32 | DataType::Timestamp(_, None) => Carrier::same(field),
        _ => becomes_text(
            column,
            ", since NumPy has no such type",
            column.values(),
            said,
        ),
    }
}
