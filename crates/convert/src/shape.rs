//! How a table leaves: for each column the type that the target has for it, its carrier,
//! and what that costs. What the target cannot hold is a loss; what it only writes in
//! another way is a note. Decides from types, and from counts where values decide; never
//! looks at a value itself, and never writes.

mod json;
mod others;
mod text;

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::cast::AsArray;
use arrow::array::{Array, ArrayRef, ListArray, MapArray, RecordBatch, StructArray};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef, TimeUnit};

use crate::certificate::{Crossing, Loss};
use crate::error::{ConvertError, Result};
use crate::facts::Facts;
use crate::format::Format;
use crate::profile::{ColumnProfile, TableProfile};
use crate::text as text_form;
use crate::types;

/// What is done to a column's arrays on their way to the writer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Step {
    Same,
    /// The exact text of each value.
    Text,
    /// The text that each value has in delimited text: as it stood there, where it came
    /// from such a file.
    Formed,
    /// To a type that holds every value of this one; checked as it is done.
    Cast,
    /// Within a nested value, leaves that the target lacks become text.
    Leaves,
}

/// One column of the output.
#[derive(Debug, Clone)]
pub(crate) struct Carrier {
    pub field: Field,
    pub step: Step,
    /// The type as the certificate says it, in the target's own words.
    pub shown: String,
}

impl Carrier {
    pub(crate) fn same(field: &Field) -> Self {
        let shown = types::name(field);
        Carrier {
            field: field.clone(),
            step: Step::Same,
            shown,
        }
    }

    /// As text, which keeps the source's word for its type.
    pub(crate) fn text(field: &Field) -> Self {
        let mut plain = Field::new(field.name(), DataType::Utf8, true);
        // As the text that it came from had it.
        let kept = field.metadata().iter();
        let kept =
            kept.filter(|(key, _)| [text_form::FORM, text_form::SAID].contains(&key.as_str()));
        plain.set_metadata(kept.map(|(k, v)| (k.clone(), v.clone())).collect());
        let step = if *field.data_type() == DataType::Utf8 {
            Step::Same
        } else {
            Step::Text
        };
        Carrier {
            field: types::tagged(plain, &types::name(field)),
            step,
            shown: "VARCHAR".to_owned(),
        }
    }

    pub(crate) fn cast(field: &Field, data_type: DataType) -> Self {
        let field = field.clone().with_data_type(data_type);
        Carrier {
            shown: types::name(&field),
            field,
            step: Step::Cast,
        }
    }

    pub(crate) fn shown(mut self, shown: &str) -> Self {
        shown.clone_into(&mut self.shown);
        self
    }
}

/// What is said of the crossing so far.
#[derive(Debug, Default)]
pub(crate) struct Said {
    pub losses: Vec<Loss>,
    /// Sentences; nothing in them is lost.
    pub notes: Vec<String>,
}

impl Said {
    pub(crate) fn loss(&mut self, column: &Field, kind: &str, detail: String, rows: u64) {
        self.losses.push(Loss {
            column: Some(column.name().clone()),
            kind: kind.to_owned(),
            detail,
            rows,
        });
    }
}

/// A column and what is known of it.
pub(crate) struct Column<'a> {
    pub field: &'a Field,
    /// None for a column that the source's profile does not have under this name.
    pub profile: Option<&'a ColumnProfile>,
    /// There where [`needs_facts`] asked for them.
    pub facts: Option<&'a Facts>,
    /// Rows of the table; none where they are not known.
    pub rows: Option<u64>,
}

impl Column<'_> {
    /// Values that are not null, as far as it is known; else 0.
    pub(crate) fn values(&self) -> u64 {
        match (self.facts, self.profile, self.rows) {
            (Some(facts), _, _) => facts.values,
            (None, Some(profile), Some(rows)) => rows.saturating_sub(profile.nulls),
            _ => 0,
        }
    }
}

/// All of a table on its way to a format.
#[derive(Debug, Clone)]
pub(crate) struct Shape {
    to: Format,
    pub schema: SchemaRef,
    /// The columns as they come.
    sources: Vec<Field>,
    steps: Vec<Step>,
    pub crossings: Vec<Crossing>,
}

/// Whether what a column loses depends on its values, and its profile does not tell.
pub(crate) fn needs_facts(field: &Field, to: Format, profile: Option<&ColumnProfile>) -> bool {
    let open = match to {
        Format::Json | Format::Ndjson => json::depends(field.data_type()),
        _ => others::depends(field.data_type(), to),
    };
    open && !profile.is_some_and(|p| harmless(p, field.data_type()))
}

/// A float column whose least and greatest values are finite has no others: in a profile
/// made from every value, `nan` counts as the greatest.
fn harmless(profile: &ColumnProfile, data_type: &DataType) -> bool {
    let finite = |v: &Option<String>| {
        let parsed = v.as_ref().and_then(|v| v.parse::<f64>().ok());
        parsed.is_some_and(f64::is_finite)
    };
    data_type.is_floating() && finite(&profile.min) && finite(&profile.max)
}

/// Settles each column. `typed`: the text formats get types to print, not text; only a
/// conversion without proof takes that way, since there is then nothing to compare.
pub(crate) fn shape(
    columns: &[Column<'_>],
    metadata: &HashMap<String, String>,
    table: &TableProfile,
    to: Format,
    typed: bool,
) -> Result<(Shape, Said)> {
    let mut said = Said::default();
    let mut fields = Vec::with_capacity(columns.len());
    let mut steps = Vec::with_capacity(columns.len());
    let mut crossings = Vec::with_capacity(columns.len());
    let sources = columns.iter().map(|c| c.field.clone()).collect();
    if let Some(rows) = columns.first().and_then(|c| c.rows) {
        others::room(to, rows, columns.len())?;
    }
    for column in columns {
        zone(column, to, &mut said);
        let carrier = match to {
            Format::Csv | Format::Tsv | Format::Txt => text::carrier(column, typed, &mut said),
            Format::Json | Format::Ndjson => json::carrier(column, &mut said),
            _ => others::carrier(column, to, &mut said)?,
        };
        crossings.push(Crossing {
            name: column.field.name().clone(),
            type_in: types::name(column.field),
            type_out: carrier.shown,
        });
        fields.push(carrier.field.with_nullable(true));
        steps.push(carrier.step);
    }
    let mut metadata = metadata.clone();
    if to.is_delimited() {
        text::notes(columns, table, &mut said);
    } else {
        // What a header said, or that there was none, is for another text to say again.
        metadata.remove(text_form::HEADLESS);
        for field in &mut fields {
            field.metadata_mut().remove(text_form::SAID);
        }
    }
    let schema = Arc::new(Schema::new_with_metadata(fields, metadata));
    Ok((
        Shape {
            to,
            schema,
            sources,
            steps,
            crossings,
        },
        said,
    ))
}

/// Moments stay what they are; the place whose clock they were kept by is told only by formats
/// that carry Arrow's own types.
fn zone(column: &Column<'_>, to: Format, said: &mut Said) {
    let DataType::Timestamp(_, Some(zone)) = column.field.data_type() else {
        return;
    };
    // A text that was read from a text goes back as it stood there.
    let stands = to.is_delimited() && column.field.metadata().contains_key(text_form::FORM);
    let keeps = matches!(to, Format::Feather | Format::Parquet) || stands;
    if keeps || ["UTC", "Etc/UTC", "Z", "+00:00", "+00"].contains(&zone.as_ref()) {
        return;
    }
    let detail = format!("The time zone {zone:?} is not kept; the moments are written in UTC.");
    said.loss(column.field, "zone", detail, column.values());
}

impl Shape {
    /// The batch as it is written.
    pub(crate) fn apply(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let columns = batch
            .columns()
            .iter()
            .zip(&self.steps)
            .zip(self.schema.fields())
            .zip(&self.sources)
            .map(|(((array, step), field), source)| match step {
                Step::Same => Ok(Arc::clone(array)),
                Step::Text if field.metadata().contains_key(text_form::FORM) => {
                    text_form::formed(array, field)
                }
                Step::Text => types::to_text(array),
                Step::Formed => text_form::formed(array, source),
                Step::Cast => cast(array, field.data_type()).map_err(|_| ConvertError::NoRoom {
                    to: self.to.id().to_owned(),
                    limit: format!(
                        "values of the type {} in {:?}",
                        types::name(field),
                        field.name()
                    ),
                    seen: "values past its ends".to_owned(),
                }),
                Step::Leaves => leaves(array, field.data_type()),
            })
            .collect::<Result<Vec<_>>>()?;
        let options =
            arrow::array::RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)
            .map_err(types::arrow_error)
    }
}

fn cast(array: &ArrayRef, target: &DataType) -> Result<ArrayRef> {
    let options = CastOptions {
        safe: false,
        ..CastOptions::default()
    };
    cast_with_options(array, target, &options).map_err(types::arrow_error)
}

/// A nested array whose leaves become what those of `target` are.
fn leaves(array: &ArrayRef, target: &DataType) -> Result<ArrayRef> {
    if array.data_type() == target {
        return Ok(Arc::clone(array));
    }
    let built: ArrayRef = match target {
        DataType::Utf8 => return types::to_text(array),
        DataType::List(item) => {
            let list = array.as_list::<i32>();
            let items = leaves(list.values(), item.data_type())?;
            let built = ListArray::try_new(
                Arc::clone(item),
                list.offsets().clone(),
                items,
                list.nulls().cloned(),
            );
            Arc::new(built.map_err(types::arrow_error)?)
        }
        DataType::Struct(fields) => {
            let of = array.as_struct();
            let columns = of
                .columns()
                .iter()
                .zip(fields)
                .map(|(column, field)| leaves(column, field.data_type()))
                .collect::<Result<_>>()?;
            let built = StructArray::try_new_with_length(
                fields.clone(),
                columns,
                of.nulls().cloned(),
                of.len(),
            );
            Arc::new(built.map_err(types::arrow_error)?)
        }
        DataType::Map(entries, sorted) => {
            let map = array.as_map();
            let pairs: ArrayRef = Arc::new(map.entries().clone());
            let pairs = leaves(&pairs, entries.data_type())?;
            let built = MapArray::try_new(
                Arc::clone(entries),
                map.offsets().clone(),
                pairs.as_struct().clone(),
                map.nulls().cloned(),
                *sorted,
            );
            Arc::new(built.map_err(types::arrow_error)?)
        }
        other => cast(array, other)?,
    };
    Ok(built)
}

/// A nested type with each leaf mapped; none of its names change.
fn map_leaves(data_type: &DataType, leaf: &impl Fn(&DataType) -> DataType) -> DataType {
    let field = |f: &FieldRef| {
        let of = map_leaves(f.data_type(), leaf);
        Arc::new(f.as_ref().clone().with_data_type(of))
    };
    match data_type {
        DataType::List(item) => DataType::List(field(item)),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(field).collect()),
        DataType::Map(entries, sorted) => DataType::Map(field(entries), *sorted),
        other => leaf(other),
    }
}

/// Types that count something in seconds, for formats whose finest common unit is the
/// millisecond: the type to write instead.
fn milliseconds(data_type: &DataType) -> Option<DataType> {
    match data_type {
        DataType::Timestamp(TimeUnit::Second, zone) => {
            Some(DataType::Timestamp(TimeUnit::Millisecond, zone.clone()))
        }
        DataType::Time32(TimeUnit::Second) => Some(DataType::Time32(TimeUnit::Millisecond)),
        _ => None,
    }
}
