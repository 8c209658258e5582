//! Parquet as a source: its types are stated, its values are fingerprinted, and what
//! would not come back from text is counted.

use std::path::Path;

use super::expressions::{is_nested, parquet_relation, positional, select_over_text};
use super::{Analysis, Column, ColumnProfile, Reader, Stamp, TableProfile, renamed};
use crate::certificate::{Fingerprint, Row};
use crate::engine::Engine;
use crate::error::{ConvertError, Result};
use crate::format::Format;
use crate::limits::{Limits, Progress};
use crate::text;

pub(super) fn analyse(
    path: &Path,
    stamp: Stamp,
    limits: &Limits,
    progress: &dyn Progress,
) -> Result<Analysis> {
    // Whatever the engine says while it reads is about the file.
    let about_file = |error: ConvertError| match error {
        ConvertError::Engine { detail } => ConvertError::Unreadable {
            what: "the Parquet file".to_owned(),
            seen: detail,
        },
        other => other,
    };
    let engine = Engine::open(path, None, limits, progress)?;
    engine.phase("check", stamp.size);
    let table = parquet_relation(&engine.source());
    let described = engine
        .rows(&format!(
            "SELECT column_name, column_type FROM (DESCRIBE FROM {table})"
        ))
        .map_err(about_file)?;
    let said = parquet_names(&engine).map_err(about_file)?;
    let mut columns: Vec<Column> = described
        .into_iter()
        .map(|mut field| {
            let sql_type = field.pop().flatten().unwrap_or_default();
            Column {
                name: field.pop().flatten().unwrap_or_default(),
                said: None,
                sql_type,
                empties: 0,
                non_finite: 0,
                trailing_zeros: 0,
                altered: 0,
            }
        })
        .collect();
    if said.len() == columns.len() {
        let (names, renames) = text::unique_names(&said);
        for (column, name) in columns.iter_mut().zip(names) {
            column.name = name;
        }
        for (at, original) in renames {
            columns[at].said = Some(original);
        }
    }
    let width = columns.len();
    let relation = format!("{table} {}", positional(width));
    let mut items = Fingerprint::items(width);
    let lengths: Vec<String> = (0..width)
        .map(|i| format!("coalesce(strlen(t{i}), 0)"))
        .collect();
    items.push(format!("CAST(max({}) AS VARCHAR)", lengths.join(" + ")));
    for (i, column) in columns.iter().enumerate() {
        items.extend(facts(i, &column.sql_type));
    }
    let types: Vec<&str> = columns.iter().map(|c| c.sql_type.as_str()).collect();
    let query = select_over_text(&items, &relation, &types);
    let mut row = Row::new(engine.aggregate(&query, stamp.size).map_err(about_file)?);
    let fingerprint = Fingerprint::take(width, &mut row)?;
    let longest_row = row.number()?;
    for column in &mut columns {
        column.altered = row.number()?;
        column.empties = row.number()?;
        column.non_finite = row.number()?;
        column.trailing_zeros = row.number()?;
    }
    let profiles = columns
        .iter()
        .zip(&fingerprint.columns)
        .map(|(column, print)| ColumnProfile {
            name: column.name.clone(),
            type_name: column.sql_type.clone(),
            evidence: "stated by the file".to_owned(),
            nulls: print.nulls,
        });
    let warnings = columns
        .iter()
        .enumerate()
        .filter_map(|(i, c)| c.said.as_ref().map(|said| renamed(i, said, &c.name)))
        .collect();
    let profile = TableProfile {
        format: Format::Parquet,
        encoding: None,
        delimiter: None,
        line_end: None,
        header: true,
        rows: fingerprint.rows,
        columns: profiles.collect(),
        warnings,
    };
    Ok(Analysis {
        source: path.to_owned(),
        stamp,
        format: Format::Parquet,
        reader: Reader::Parquet,
        columns,
        fingerprint,
        longest_row,
        profile,
    })
}

/// For column `i`: values that do not come back from their text, empty texts,
/// numbers that are not finite, and decimals that end in 0.
fn facts(i: usize, sql_type: &str) -> [String; 4] {
    let count = |on: bool, condition: String| {
        if on {
            format!("CAST(count(*) FILTER (WHERE {condition}) AS VARCHAR)")
        } else {
            "'0'".to_owned()
        }
    };
    let nested = is_nested(sql_type);
    let back = if nested {
        format!("TRY_CAST(TRY_CAST(t{i} AS JSON) AS {sql_type})")
    } else {
        format!("TRY_CAST(t{i} AS {sql_type})")
    };
    let text = sql_type == "VARCHAR";
    // These have one text for each value; trying it would be slow for wide decimals.
    let exact = |t: &str| {
        !nested
            && (t.ends_with("INT")
                || t.ends_with("INTEGER")
                || t.starts_with("DECIMAL")
                || matches!(t, "VARCHAR" | "JSON" | "BOOLEAN" | "UUID"))
    };
    let float = matches!(sql_type, "DOUBLE" | "FLOAT");
    let decimal = sql_type.starts_with("DECIMAL") && !nested;
    [
        count(!exact(sql_type), format!("{back} IS DISTINCT FROM c{i}")),
        count(text, format!("t{i} = ''")),
        count(float, format!("NOT isfinite(c{i})")),
        count(decimal, format!("contains(t{i}, '.') AND t{i} LIKE '%0'")),
    ]
}

/// The names of the top-level columns as the file has them: the engine's own
/// listing already has twins renamed.
fn parquet_names(engine: &Engine<'_>) -> Result<Vec<String>> {
    let nodes = engine.rows(&format!(
        "SELECT name, CAST(num_children AS VARCHAR) FROM parquet_schema({})",
        engine.source()
    ))?;
    let mut names = Vec::new();
    // The tree comes depth first; the root's children are its columns.
    let mut open: Vec<u64> = Vec::new();
    for mut node in nodes {
        let children = node
            .pop()
            .flatten()
            .and_then(|n| n.parse().ok())
            .unwrap_or(0);
        let name = node.pop().flatten().unwrap_or_default();
        if open.len() == 1 {
            names.push(name);
        }
        if let Some(left) = open.last_mut() {
            *left = left.saturating_sub(1);
        }
        if children > 0 {
            open.push(children);
        }
        while open.last() == Some(&0) {
            open.pop();
        }
    }
    Ok(names)
}
