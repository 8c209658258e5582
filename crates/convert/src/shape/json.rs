//! Columns on their way to JSON, which has numbers, text, truth values, lists and objects.
//! A number stays one where every reader gets the same value from it; times, bytes and
//! all else is text.

use arrow::datatypes::DataType;

use super::{Carrier, Column, Said, Step, map_leaves};
use crate::sql::grouped;
use crate::types;

/// Most JSON readers have a double for every number, which holds this many digits.
const DIGITS: u8 = 15;

/// JSON has no infinity and no NaN, and its objects no key twice.
pub(super) fn depends(data_type: &DataType) -> bool {
    match data_type {
        DataType::List(item) => depends(item.data_type()),
        DataType::Struct(fields) => fields.iter().any(|f| depends(f.data_type())),
        DataType::Map(_, _) => true,
        other => other.is_floating(),
    }
}

fn native(data_type: &DataType, finite: bool) -> bool {
    match data_type {
        DataType::Boolean | DataType::Utf8 => true,
        DataType::Decimal128(precision, scale) => *precision <= DIGITS && *scale >= 0,
        other => other.is_integer() || (other.is_floating() && finite),
    }
}

pub(super) fn carrier(column: &Column<'_>, said: &mut Said) -> Carrier {
    let field = column.field;
    let data_type = field.data_type();
    let not_finite = column.facts.map_or(0, |f| f.not_finite);
    if not_finite > 0 {
        said.notes.push(format!(
            "{:?} has {} values that are infinite or not a number, which JSON lacks; its numbers are written as text.",
            field.name(),
            grouped(not_finite)
        ));
    }
    let twins = column.facts.map_or(0, |f| f.twin_keys);
    if twins > 0 {
        let detail = "Maps with a key twice are written with both; most JSON readers keep one.";
        said.loss(field, "keys", detail.to_owned(), twins);
    }
    let leaf = |of: &DataType| {
        if native(of, not_finite == 0) {
            of.clone()
        } else {
            DataType::Utf8
        }
    };
    if types::is_nested(data_type) {
        let carried = keys_as_text(&map_leaves(data_type, &leaf));
        let step = if carried == *data_type {
            Step::Same
        } else {
            Step::Leaves
        };
        let shown = if matches!(data_type, DataType::List(_)) {
            "array"
        } else {
            "object"
        };
        return Carrier {
            field: field.clone().with_data_type(carried),
            step,
            shown: shown.to_owned(),
        };
    }
    if matches!(
        data_type,
        DataType::Decimal128(..) | DataType::Decimal256(..)
    ) && !native(data_type, true)
    {
        said.notes.push(format!(
            "{:?} has more than {DIGITS} digits and is written as text, since most JSON readers would round it.",
            field.name()
        ));
    }
    if past_double(column) {
        said.notes.push(format!(
            "{:?} has numbers past 2^53, which are written in full; readers that have only doubles would round them.",
            field.name()
        ));
    }
    if native(data_type, not_finite == 0) {
        let shown = match data_type {
            DataType::Boolean => "boolean",
            DataType::Utf8 => "string",
            _ => "number",
        };
        return Carrier::same(field).shown(shown);
    }
    Carrier::text(field).shown("string")
}

/// Known only where the profile has seen every value.
fn past_double(column: &Column<'_>) -> bool {
    let past = |v: &Option<String>| {
        let v = v.as_ref().and_then(|v| v.parse::<i128>().ok());
        v.is_some_and(|v| v.unsigned_abs() > 1 << 53)
    };
    column.field.data_type().is_integer()
        && column.profile.is_some_and(|p| past(&p.min) || past(&p.max))
}

/// An object's names are text.
fn keys_as_text(data_type: &DataType) -> DataType {
    use std::sync::Arc;
    let again = |f: &arrow::datatypes::FieldRef| {
        Arc::new(
            f.as_ref()
                .clone()
                .with_data_type(keys_as_text(f.data_type())),
        )
    };
    match data_type {
        DataType::List(item) => DataType::List(again(item)),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(again).collect()),
        DataType::Map(entries, sorted) => {
            let DataType::Struct(pair) = entries.data_type() else {
                return data_type.clone();
            };
            let pair: Vec<_> = pair
                .iter()
                .enumerate()
                .map(|(i, f)| match i {
                    0 => Arc::new(f.as_ref().clone().with_data_type(DataType::Utf8)),
                    _ => again(f),
                })
                .collect();
            let entries = entries
                .as_ref()
                .clone()
                .with_data_type(DataType::Struct(pair.into()));
            DataType::Map(Arc::new(entries), *sorted)
        }
        other => other.clone(),
    }
}
