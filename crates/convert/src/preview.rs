//! A few rows of a table, each value as its exact text. Reads no more than it must,
//! so it proves nothing: a text file's columns are all shown as text.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::analysis::{parquet_relation, positional, resolve, text_of};
use crate::engine::Engine;
use crate::error::{ConvertError, Result};
use crate::format::Format;
use crate::limits::Limits;
use crate::text;

/// A longer record than this fails a preview, though not a conversion.
const LONGEST_RECORD: u64 = 16 << 20;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviewColumn {
    pub name: String,
    pub type_name: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preview {
    pub columns: Vec<PreviewColumn>,
    /// None is null; `Some("")` is an empty text.
    pub rows: Vec<Vec<Option<String>>>,
}

pub(crate) fn preview(
    path: &Path,
    format: Option<Format>,
    limit: u64,
    offset: u64,
    limits: &Limits,
) -> Result<Preview> {
    let format = resolve(path, format)?;
    let engine = Engine::open(path, None, limits, &())?;
    let (columns, relation) = if format.is_delimited() {
        let dialect = text::sniff(path, format == Format::Tsv, None)?;
        let relation = text::relation(&engine.source(), &dialect, LONGEST_RECORD, true);
        let columns = dialect
            .names
            .into_iter()
            .map(|name| PreviewColumn {
                name,
                type_name: "VARCHAR".to_owned(),
            })
            .collect::<Vec<_>>();
        (columns, relation)
    } else if format == Format::Parquet {
        let table = parquet_relation(&engine.source());
        let described = engine.rows(&format!(
            "SELECT column_name, column_type FROM (DESCRIBE FROM {table})"
        ));
        let described = described.map_err(|error| match error {
            ConvertError::Engine { detail } => ConvertError::Unreadable {
                what: "the Parquet file".to_owned(),
                seen: detail,
            },
            other => other,
        })?;
        let columns = described
            .into_iter()
            .map(|mut field| {
                let type_name = field.pop().flatten().unwrap_or_default();
                PreviewColumn {
                    name: field.pop().flatten().unwrap_or_default(),
                    type_name,
                }
            })
            .collect::<Vec<_>>();
        let relation = format!("{table} {}", positional(columns.len()));
        (columns, relation)
    } else {
        return Err(ConvertError::Unreadable {
            what: "a table".to_owned(),
            seen: format!("{}, which cannot be previewed yet", format.label()),
        });
    };
    let texts: Vec<String> = columns
        .iter()
        .enumerate()
        .map(|(i, c)| text_of(&format!("c{i}"), &c.type_name))
        .collect();
    let rows = engine.rows(&format!(
        "SELECT {} FROM (FROM {relation} LIMIT {limit} OFFSET {offset})",
        texts.join(", ")
    ))?;
    Ok(Preview { columns, rows })
}
