//! From what was seen under a key to a column's type, with its evidence. A type is
//! given only where every value is of it and comes back as it was.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, TimeUnit};

use super::RAW_KEY;
use super::node::{Node, Object};
use super::number::Verdict;
use crate::profile::ColumnProfile;
use crate::sql::grouped;
use crate::types::{name, tagged};

/// A type, and why it is this one.
pub(crate) struct Inferred {
    pub field: Field,
    pub evidence: String,
}

/// The type of a column. A nested value has one only where all within has: otherwise the
/// whole of it stays JSON text, since nothing else could be told from a string in it.
pub(crate) fn infer(key: &str, node: &Node) -> Inferred {
    let values = node.values();
    let (field, evidence) = match typed(node) {
        Ok(DataType::Utf8) if values == 0 => (text(key), "no values".to_owned()),
        Ok(DataType::Utf8) => (text(key), "strings".to_owned()),
        Ok(data_type) => (
            Field::new(key, data_type, true),
            format!("0 of {} values altered", grouped(values)),
        ),
        Err(why) => (spelled(key), format!("kept as JSON text: {why}")),
    };
    Inferred { field, evidence }
}

fn text(key: &str) -> Field {
    Field::new(key, DataType::Utf8, true)
}

/// Kept as JSON text, and written as it stood.
fn spelled(key: &str) -> Field {
    let mut field = tagged(text(key), "JSON");
    field
        .metadata_mut()
        .insert(RAW_KEY.to_owned(), "yes".to_owned());
    field
}

/// The type that holds every value, or why there is none.
fn typed(node: &Node) -> Result<DataType, String> {
    let kinds = kinds(node);
    if kinds.len() > 1 {
        let seen: Vec<String> = kinds
            .iter()
            .map(|(what, n)| format!("{} {what}", grouped(*n)))
            .collect();
        return Err(format!("{} stand in one place", seen.join(" and ")));
    }
    if let Some(numbers) = &node.numbers {
        return match numbers.verdict() {
            Verdict::Typed(data_type) => Ok(data_type),
            Verdict::Spelled { altered, example } => Err(format!(
                "as DOUBLE, {} of {} numbers would be altered, such as {example}",
                grouped(altered),
                grouped(numbers.count)
            )),
        };
    }
    if let Some(strings) = &node.strings {
        return Ok(match (strings.dates, strings.stamps) {
            (true, _) => DataType::Date32,
            (_, true) => DataType::Timestamp(TimeUnit::Microsecond, None),
            _ => DataType::Utf8,
        });
    }
    if let Some(list) = &node.list {
        if let Some(why) = list.collapsed {
            return Err(why.to_owned());
        }
        let item = typed(&list.item)?;
        return Ok(DataType::List(Arc::new(Field::new("item", item, true))));
    }
    match &node.object {
        Some(object) => of_object(object),
        None if node.bools > 0 => Ok(DataType::Boolean),
        None => Ok(DataType::Utf8),
    }
}

fn of_object(object: &Object) -> Result<DataType, String> {
    if let Some(why) = object.collapsed {
        return Err(why.to_owned());
    }
    if object.doubled > 0 {
        return Err(format!(
            "{} objects have a key twice",
            grouped(object.doubled)
        ));
    }
    if object.keys.nodes.is_empty() {
        return Err("the objects are empty".to_owned());
    }
    // Every other format tells members apart without regard to case, or may.
    let mut folded = HashSet::new();
    let apart = object.keys.nodes.iter().all(|(name, _)| {
        !name.is_empty() && !name.contains('\0') && folded.insert(name.to_lowercase())
    });
    if !apart {
        return Err("its keys do not differ as names of columns must".to_owned());
    }
    let fields: Result<Vec<FieldRef>, String> = object
        .keys
        .nodes
        .iter()
        .map(|(name, node)| {
            let member = typed(node).map_err(|why| format!("in {name:?}, {why}"))?;
            Ok(Arc::new(Field::new(name, member, true)))
        })
        .collect();
    Ok(DataType::Struct(fields?.into()))
}

fn kinds(node: &Node) -> Vec<(&'static str, u64)> {
    let kinds = [
        ("true or false", node.bools),
        ("numbers", node.numbers.as_ref().map_or(0, |n| n.count)),
        ("strings", node.strings.as_ref().map_or(0, |s| s.count)),
        ("objects", node.object.as_ref().map_or(0, |o| o.count)),
        ("arrays", node.list.as_ref().map_or(0, |l| l.count)),
    ];
    kinds.into_iter().filter(|(_, n)| *n > 0).collect()
}

/// What is shown of a column; `rows` are those of the table.
pub(crate) fn profiled(inferred: &Inferred, node: &Node, rows: u64) -> ColumnProfile {
    let field = &inferred.field;
    let values = node.values();
    let mut profile = ColumnProfile {
        evidence: inferred.evidence.clone(),
        nulls: rows.saturating_sub(values),
        empties: node.strings.as_ref().map_or(0, |s| s.empties),
        ..ColumnProfile::stated(field.name().clone(), name(field))
    };
    if let Some(facts) = &node.facts {
        profile.distinct = Some(facts.distinct());
        profile.longest = (values > 0).then_some(facts.longest);
        profile.examples = facts.examples();
        (profile.min, profile.max) = match field.data_type() {
            DataType::Utf8 if kinds(node).len() == 1 && node.strings.is_some() => facts.text_ends(),
            DataType::Date32 | DataType::Timestamp(..) => facts.text_ends(),
            t if t.is_numeric() => match node.numbers.as_ref().and_then(|n| n.integer_ends()) {
                Some((low, high)) => (Some(low.to_string()), Some(high.to_string())),
                None => facts.number_ends(),
            },
            _ => (None, None),
        };
    }
    profile
}

/// Of all numbers below a node that becomes DOUBLE: how many lose zeros at the end, and one.
pub(crate) fn padded(node: &Node, field: &Field) -> (u64, Option<String>) {
    match field.data_type() {
        DataType::Float64 => match &node.numbers {
            Some(numbers) => {
                let (count, example) = numbers.padded();
                (count, example.map(str::to_owned))
            }
            None => (0, None),
        },
        DataType::List(item) => match &node.list {
            Some(list) => padded(&list.item, item),
            None => (0, None),
        },
        DataType::Struct(fields) => match &node.object {
            Some(object) => {
                let mut all = (0, None);
                for ((_, node), field) in object.keys.nodes.iter().zip(fields) {
                    let (count, example) = padded(node, field);
                    all = (all.0 + count, all.1.or(example));
                }
                all
            }
            None => (0, None),
        },
        _ => (0, None),
    }
}
