//! One table out of several, one below the other: columns matched by name or by position,
//! types reconciled so that no value changes.

mod reconcile;
mod table;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arrow::datatypes::{Field, Schema};
use serde::{Deserialize, Serialize};

use crate::error::{ConvertError, Result};
use crate::names;
use crate::profile::ColumnProfile;
use crate::table::Table;
use crate::text;
use crate::types;
use reconcile::{Fit, reconcile};
use table::{MergedTable, Part};

/// How the columns of several tables find each other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// By name; without regard to case where that leaves no doubt. A column that a table
    /// lacks is null there.
    #[default]
    Name,
    /// The first with the first, under the names of the first table.
    Position,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Merge {
    pub by: By,
    /// (name in a source, name in the result), before columns are matched.
    pub map: Vec<(String, String)>,
}

/// A table to merge: what people call it, and bytes of its file, for progress.
pub(crate) struct Input {
    pub name: String,
    pub table: Arc<dyn Table>,
    pub bytes: u64,
}

/// A column of the result while it is found.
struct Merged {
    field: Field,
    /// For each table: its column.
    places: Vec<Option<usize>>,
}

/// The merged table, and sentences about what was reconciled.
pub(crate) fn one_below_the_other(
    inputs: Vec<Input>,
    merge: &Merge,
) -> Result<(Arc<dyn Table>, Vec<String>)> {
    let mut said = vec![format!(
        "{} tables are put one below the other.",
        inputs.len()
    )];
    let named = inputs
        .iter()
        .map(|input| mapped(input, merge))
        .collect::<Result<Vec<_>>>()?;
    unused(&inputs, merge)?;
    let mut columns: Vec<Merged> = Vec::new();
    let mut by_name = Places::default();
    for (at, names) in named.iter().enumerate() {
        by_name.next_table(names);
        for (place, name) in names.iter().enumerate() {
            let found = match merge.by {
                By::Position => Some(place).filter(|place| *place < columns.len()),
                By::Name => by_name.find(name),
            };
            match found {
                Some(column) => {
                    columns[column].places[at] = Some(place);
                    let under = columns[column].field.name();
                    if under != name {
                        said.push(format!(
                            "{name:?} of {:?} goes under {under:?}.",
                            inputs[at].name
                        ));
                    }
                }
                None => {
                    let field = inputs[at]
                        .table
                        .schema()
                        .field(place)
                        .clone()
                        .with_name(name);
                    let mut places = vec![None; inputs.len()];
                    places[at] = Some(place);
                    by_name.insert(name, columns.len());
                    columns.push(Merged { field, places });
                }
            }
        }
    }
    let mut fits: Vec<Vec<Fit>> = vec![Vec::new(); inputs.len()];
    let profiles: Vec<_> = inputs.iter().map(|i| i.table.profile().by_name()).collect();
    for column in &mut columns {
        settle(column, &inputs, &profiles, &mut fits, &mut said);
    }
    drop(profiles);
    let wanted: Vec<String> = columns.iter().map(|c| c.field.name().clone()).collect();
    let (unique, _) = names::unique(&wanted);
    let fields: Vec<Field> = columns
        .iter()
        .zip(unique)
        .map(|(column, name)| {
            let said = column.field.name();
            let mut field = column.field.clone().with_name(&name).with_nullable(true);
            field.metadata_mut().remove(text::SAID);
            if *said != name {
                let said = said.clone();
                field.metadata_mut().insert(text::SAID.to_owned(), said);
            }
            field
        })
        .collect();
    let headless = |input: &Input| input.table.schema().metadata().contains_key(text::HEADLESS);
    let mut metadata = match inputs.iter().all(headless) && merge.map.is_empty() {
        true => HashMap::from([(text::HEADLESS.to_owned(), String::new())]),
        false => HashMap::new(),
    };
    let layout = |input: &Input| input.table.schema().metadata().get(text::LAYOUT).cloned();
    let mut layouts = inputs.iter().map(layout);
    if let Some(Some(first)) = layouts.next()
        && layouts.all(|other| other.as_ref() == Some(&first))
    {
        metadata.insert(text::LAYOUT.to_owned(), first);
    }
    let schema = Arc::new(Schema::new_with_metadata(fields, metadata));
    let parts = inputs
        .into_iter()
        .zip(fits)
        .enumerate()
        .map(|(at, (input, fits))| Part {
            table: input.table,
            bytes: input.bytes,
            places: columns.iter().map(|c| c.places[at]).collect(),
            fits,
        })
        .collect();
    Ok((Arc::new(MergedTable::new(schema, parts)), said))
}

/// Which column of the result a name of a table means: the one of just that name, the second of
/// twins for a second; else the only one that differs by case alone.
#[derive(Default)]
struct Places {
    exact: HashMap<(String, usize), usize>,
    lower: HashMap<String, Vec<usize>>,
    /// Of the table at hand: how often each name came, and the columns that it has taken.
    met: HashMap<String, usize>,
    taken: HashSet<usize>,
    /// And how many of its names are one without regard to case.
    in_lower: HashMap<String, usize>,
}

impl Places {
    fn next_table(&mut self, names: &[String]) {
        self.met.clear();
        self.taken.clear();
        self.in_lower.clear();
        for name in names {
            *self.in_lower.entry(name.to_lowercase()).or_default() += 1;
        }
    }

    fn find(&mut self, name: &str) -> Option<usize> {
        let twin = self.met.entry(name.to_owned()).or_default();
        let exact = self.exact.get(&(name.to_owned(), *twin)).copied();
        *twin += 1;
        let lower = name.to_lowercase();
        let found = exact.or_else(|| {
            let only = self.lower.get(&lower)?;
            let alone = self.in_lower.get(&lower) == Some(&1);
            match only.as_slice() {
                [one] if alone => Some(*one),
                _ => None,
            }
        })?;
        self.taken.insert(found).then_some(found)
    }

    fn insert(&mut self, name: &str, place: usize) {
        let twin = self.met.get(name).map_or(0, |met| met.saturating_sub(1));
        self.exact.insert((name.to_owned(), twin), place);
        self.lower
            .entry(name.to_lowercase())
            .or_default()
            .push(place);
        self.taken.insert(place);
    }
}

/// The names of a table's columns after the mapping.
fn mapped(input: &Input, merge: &Merge) -> Result<Vec<String>> {
    let map: HashMap<&str, &str> = merge
        .map
        .iter()
        .map(|(from, to)| (from.as_str(), to.as_str()))
        .collect();
    let schema = input.table.schema();
    // As the file calls them: two of its names may differ by case alone, or not at all.
    let said = |f: &Field| -> String {
        let said = f.metadata().get(text::SAID).filter(|s| !s.is_empty());
        said.unwrap_or(f.name()).clone()
    };
    let own: Vec<String> = schema.fields().iter().map(|f| said(f)).collect();
    let names: Vec<String> = schema
        .fields()
        .iter()
        .zip(&own)
        .map(|(f, own)| {
            let to = map.get(f.name().as_str()).or_else(|| map.get(own.as_str()));
            to.map_or_else(|| own.clone(), |to| (*to).to_owned())
        })
        .collect();
    for (from, to) in &merge.map {
        let lower = to.to_lowercase();
        let mapped = names
            .iter()
            .zip(&own)
            .any(|(name, own)| name == to && own != to);
        if mapped && names.iter().filter(|n| n.to_lowercase() == lower).count() > 1 {
            return Err(ConvertError::BadOption {
                key: "map".to_owned(),
                value: format!("{from}={to}"),
                expected: format!("a name that no other column of {:?} has", input.name),
            });
        }
    }
    Ok(names)
}

/// A mapping of a column that no table has is a slip of the pen.
fn unused(inputs: &[Input], merge: &Merge) -> Result<()> {
    for (from, _) in &merge.map {
        let there = |input: &Input| {
            let schema = input.table.schema();
            let called = |f: &Field| f.metadata().get(text::SAID) == Some(from);
            schema
                .fields()
                .iter()
                .any(|f| f.name() == from || called(f))
        };
        if !inputs.iter().any(there) {
            let all = inputs.iter().flat_map(|input| {
                let schema = input.table.schema();
                schema
                    .fields()
                    .iter()
                    .map(|f| f.name().clone())
                    .collect::<Vec<_>>()
            });
            return Err(ConvertError::NoColumn {
                column: from.clone(),
                columns: all.collect(),
            });
        }
    }
    Ok(())
}

/// Finds the type that holds the values of all tables, and how each gets there.
fn settle(
    column: &mut Merged,
    inputs: &[Input],
    profiles: &[HashMap<&str, &ColumnProfile>],
    fits: &mut [Vec<Fit>],
    said: &mut Vec<String>,
) {
    let mut target: Option<Field> = None;
    let mut kinds: Vec<String> = Vec::new();
    let mut sides = Vec::with_capacity(inputs.len());
    for ((input, profile), place) in inputs.iter().zip(profiles).zip(&column.places) {
        let Some(place) = place else {
            sides.push(None);
            continue;
        };
        let schema = input.table.schema();
        let field = schema.field(*place).clone();
        let profile = profile.get(field.name().as_str()).copied();
        let empty = nothing_in(&field, profile, input.table.rows());
        if !empty {
            let name = types::name(&field);
            if !kinds.contains(&name) {
                kinds.push(name);
            }
            target = Some(match target {
                Some(so_far) => reconcile(&so_far, &field, profile),
                None => field.clone(),
            });
        }
        sides.push(Some((field, empty)));
    }
    let target = target.unwrap_or_else(|| column.field.clone());
    // A wider type found late can ask more of an early table: so the way there comes last.
    for (side, fits) in sides.into_iter().zip(fits) {
        fits.push(match side {
            None => Fit::Missing,
            Some((_, true)) => Fit::Nulls,
            Some((field, false)) => Fit::between(&field, &target),
        });
    }
    let name = column.field.name().clone();
    column.field = target.with_name(&name);
    if kinds.len() > 1 {
        let becomes = types::name(&column.field);
        said.push(format!(
            "{name:?} is {} and becomes {becomes}.",
            kinds.join(" and ")
        ));
    }
    let lacking = column.places.iter().filter(|p| p.is_none()).count();
    if lacking > 0 {
        said.push(format!(
            "{name:?} is missing in {lacking} of the tables and is null there."
        ));
    }
}

/// A text column without a value says nothing of its type.
fn nothing_in(field: &Field, profile: Option<&ColumnProfile>, rows: Option<u64>) -> bool {
    types::tag(field) == Some("NULL")
        || (*field.data_type() == arrow::datatypes::DataType::Utf8
            && rows.is_some()
            && profile.map(|p| p.nulls) == rows)
}
