//! What is asked to be different about a table before it is written: which columns, under
//! which names, which rows, what stands for null. A changed table is a table, so that all
//! that follows knows nothing of it.
//!
//! Rows are chosen once, when the table is changed, and remembered as one bit each. Where
//! SQL chooses (a filter, duplicates), only the numbers of rows come back from the
//! engine: values never pass through it.

mod rows;
mod table;

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, StringArray};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Field, Schema};

use crate::error::{ConvertError, Result};
use crate::names;
use crate::options::Options;
use crate::sql::grouped;
use crate::table::{Job, Table};
use crate::text;
use crate::types;
pub(crate) use rows::NUMBER;
use table::ChangedTable;

/// A table after the changes, and sentences that say what they are.
pub(crate) struct Changed {
    pub table: Arc<dyn Table>,
    pub said: Vec<String>,
}

pub(crate) fn apply(table: Arc<dyn Table>, options: &Options, job: Job<'_>) -> Result<Changed> {
    let mut said = Vec::new();
    let asked = |key: &str| options.get(key).is_some();
    let columns = selected(table.as_ref(), options, &mut said)?;
    let fills = fills(table.as_ref(), options, &mut said)?;
    let fields = named(table.as_ref(), &columns, options, &mut said)?;
    let same = columns.iter().copied().eq(0..table.schema().fields().len());
    let untouched = same
        && fills.iter().all(Option::is_none)
        && fields
            .iter()
            .zip(table.schema().fields())
            .all(|(new, old)| new == old.as_ref());
    let chooses =
        asked("filter") || options.is("missing", "drop") || options.is("duplicates", "drop");
    if untouched && !chooses {
        return Ok(Changed { table, said });
    }

    let mut kept = None;
    if let Some(condition) = options.get("filter") {
        let found = rows::filtered(table.as_ref(), condition, job)?;
        said.push(format!(
            "{} of {} rows are kept, for which: {condition}",
            grouped(found.count()),
            grouped(found.len())
        ));
        kept = Some(found);
    }
    let fills: Vec<Option<ArrayRef>> = columns.iter().map(|at| fills[*at].clone()).collect();
    let mut metadata = table.schema().metadata().clone();
    if options.by_column("rename.").next().is_some() || options.is("names", "tidy") {
        // Whoever names columns wants to see the names.
        metadata.remove(text::HEADLESS);
    }
    let schema = Arc::new(Schema::new_with_metadata(fields, metadata));
    let mut changed = ChangedTable::new(table, columns, fills, schema, kept);
    if options.is("missing", "drop") {
        let found = rows::complete(&changed, job)?;
        said.push(format!(
            "{} rows with a missing value are left out.",
            grouped(found.len() - found.count())
        ));
        changed = changed.keep(&found);
    }
    if options.is("duplicates", "drop") {
        let found = rows::first_of_each(&changed, job)?;
        said.push(format!(
            "{} rows that are equal to an earlier one are left out.",
            grouped(found.len() - found.count())
        ));
        changed = changed.keep(&found);
    }
    Ok(Changed {
        table: Arc::new(changed),
        said,
    })
}

/// Where a column is, by its name, or else by what its file calls it, or else without regard to
/// case.
pub(crate) fn place(table: &dyn Table, name: &str) -> Result<usize> {
    let schema = table.schema();
    let fields = schema.fields();
    let lower = name.to_lowercase();
    fields
        .iter()
        .position(|f| f.name() == name)
        .or_else(|| {
            let said = |f: &Arc<Field>| f.metadata().get(text::SAID).is_some_and(|s| s == name);
            fields.iter().position(said)
        })
        .or_else(|| fields.iter().position(|f| f.name().to_lowercase() == lower))
        .ok_or_else(|| ConvertError::NoColumn {
            column: name.to_owned(),
            columns: fields.iter().map(|f| f.name().clone()).collect(),
        })
}

fn selected(table: &dyn Table, options: &Options, said: &mut Vec<String>) -> Result<Vec<usize>> {
    let width = table.schema().fields().len();
    let Some(names) = options.columns("select") else {
        return Ok((0..width).collect());
    };
    let columns = names
        .iter()
        .map(|name| place(table, name))
        .collect::<Result<Vec<_>>>()?;
    let mut seen = std::collections::HashSet::new();
    if let Some(twice) = columns.iter().find(|at| !seen.insert(**at)) {
        return Err(ConvertError::BadOption {
            key: "select".to_owned(),
            value: options.get("select").unwrap_or_default().to_owned(),
            expected: format!(
                "each column once; {:?} is there twice",
                table.schema().field(*twice).name()
            ),
        });
    }
    said.push(format!(
        "{} of {} columns are kept: {}.",
        columns.len(),
        width,
        names.join(", ")
    ));
    Ok(columns)
}

/// For each column of the table, the value that stands for null in it, as one value of its
/// type.
fn fills(
    table: &dyn Table,
    options: &Options,
    said: &mut Vec<String>,
) -> Result<Vec<Option<ArrayRef>>> {
    let schema = table.schema();
    let mut fills = vec![None; schema.fields().len()];
    for (column, value) in options.by_column("fill.") {
        let at = place(table, column)?;
        let field = schema.field(at);
        fills[at] = Some(
            one_value(field, value).ok_or_else(|| ConvertError::BadOption {
                key: format!("fill.{column}"),
                value: value.to_owned(),
                expected: format!("a value of type {}", types::name(field)),
            })?,
        );
        let shown = fills[at]
            .as_ref()
            .map_or_else(String::new, |one| types::text_of(one.as_ref(), 0));
        said.push(format!("Nulls in {:?} become {shown:?}.", field.name()));
    }
    Ok(fills)
}

fn one_value(field: &Field, value: &str) -> Option<ArrayRef> {
    let text: ArrayRef = Arc::new(StringArray::from(vec![value]));
    if *field.data_type() == DataType::Utf8 {
        return Some(text);
    }
    let options = CastOptions {
        safe: true,
        ..CastOptions::default()
    };
    let cast = cast_with_options(&text, field.data_type(), &options).ok()?;
    cast.is_valid(0).then_some(cast)
}

/// The columns that are kept, under their new names.
fn named(
    table: &dyn Table,
    columns: &[usize],
    options: &Options,
    said: &mut Vec<String>,
) -> Result<Vec<Field>> {
    let schema = table.schema();
    let mut given = vec![None; schema.fields().len()];
    for (column, name) in options.by_column("rename.") {
        given[place(table, column)?] = Some(name.to_owned());
    }
    let tidy = options.is("names", "tidy");
    let wanted: Vec<String> = columns
        .iter()
        .map(|at| match &given[*at] {
            Some(name) => name.clone(),
            None if tidy => names::tidy(schema.field(*at).name()),
            None => schema.field(*at).name().clone(),
        })
        .collect();
    let (unique, clashes) = names::unique(&wanted);
    for (at, name) in &clashes {
        if given[columns[*at]].is_some() {
            return Err(ConvertError::BadOption {
                key: format!("rename.{}", schema.field(columns[*at]).name()),
                value: name.clone(),
                expected: "a name that no other column has".to_owned(),
            });
        }
    }
    let fields: Vec<Field> = columns
        .iter()
        .zip(&unique)
        .map(|(at, name)| {
            let mut field = schema.field(*at).clone();
            if tidy || name != field.name() {
                field.metadata_mut().remove(text::SAID);
            }
            field.with_name(name)
        })
        .collect();
    for (at, field) in columns.iter().zip(&fields) {
        let before = schema.field(*at).name();
        if before != field.name() {
            said.push(format!("{before:?} is called {:?}.", field.name()));
        }
    }
    Ok(fields)
}
