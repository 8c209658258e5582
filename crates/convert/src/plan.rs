//! What a conversion will do, and what it will lose, before it is run.

use std::path::Path;

use serde::Serialize;

use crate::analysis::{Analysis, Column, TableProfile, analyse, renamed};
use crate::certificate::Loss;
use crate::error::{ConvertError, Result};
use crate::format::{Format, can_convert};
use crate::limits::{Limits, Progress};
use crate::sql::grouped;

/// Made by [`crate::plan`], run by [`crate::convert`]. Holds the source's fingerprint,
/// so a source that changes in between is refused. Serialises without any path.
#[derive(Debug, Clone, Serialize)]
pub struct ConversionPlan {
    pub from: Format,
    pub to: Format,
    pub profile: TableProfile,
    pub losses: Vec<Loss>,
    /// Sentences about how the target writes what it has no form of its own for.
    /// Nothing in them is lost.
    pub notes: Vec<String>,
    #[serde(skip)]
    pub(crate) analysis: Analysis,
    /// How each column leaves, in the order of the columns.
    #[serde(skip)]
    pub(crate) outputs: Vec<Output>,
}

/// One column of the output.
#[derive(Debug, Clone)]
pub(crate) struct Output {
    /// Written to the file: an expression over `c0`, `c1`, ….
    pub expression: String,
    /// Its type when the output is read back.
    pub sql_type: String,
    /// What the certificate calls it.
    pub shown: String,
}

pub(crate) fn plan(
    path: &Path,
    from: Option<Format>,
    to: Format,
    limits: &Limits,
    progress: &dyn Progress,
) -> Result<ConversionPlan> {
    let from = crate::analysis::resolve(path, from)?;
    if !can_convert(from, to) {
        return Err(ConvertError::Unsupported {
            from: from.id().to_owned(),
            to: to.id().to_owned(),
        });
    }
    let analysis = analyse(path, Some(from), limits, progress)?;
    let mut losses = Vec::new();
    let mut notes = Vec::new();
    let mut outputs = Vec::new();
    for (i, column) in analysis.columns.iter().enumerate() {
        if let Some(said) = &column.said {
            losses.push(Loss {
                column: Some(column.name.clone()),
                kind: "name".to_owned(),
                detail: renamed(i, said, &column.name),
                rows: 0,
            });
        }
        let values = analysis.fingerprint.rows - analysis.fingerprint.columns[i].nulls;
        outputs.push(match to {
            Format::Parquet => parquet_output(i, column),
            Format::Json | Format::Ndjson => {
                json_output(i, column, analysis.format, &mut losses, &mut notes)
            }
            _ => text_output(i, column, analysis.format, values, &mut losses),
        });
    }
    if matches!(to, Format::Csv | Format::Tsv) {
        text_notes(&analysis, &mut notes);
    }
    Ok(ConversionPlan {
        from,
        to,
        profile: analysis.profile.clone(),
        losses,
        notes,
        analysis,
        outputs,
    })
}

/// From text; the type is proven to print back to the same text.
fn parquet_output(i: usize, column: &Column) -> Output {
    let expression = if column.sql_type == "VARCHAR" {
        format!("c{i}")
    } else {
        format!("CAST(c{i} AS {})", column.sql_type)
    };
    Output {
        expression,
        sql_type: column.sql_type.clone(),
        shown: column.sql_type.clone(),
    }
}

fn text_output(
    i: usize,
    column: &Column,
    from: Format,
    values: u64,
    losses: &mut Vec<Loss>,
) -> Output {
    let mut expression = format!("c{i}");
    if from == Format::Parquet {
        if column.is_nested() {
            expression = format!("CAST(to_json(c{i}) AS VARCHAR)");
            losses.push(Loss {
                column: Some(column.name.clone()),
                kind: "type".to_owned(),
                detail: format!("{} becomes JSON text.", column.sql_type),
                rows: values,
            });
        }
        if column.altered > 0 {
            losses.push(Loss {
                column: Some(column.name.clone()),
                kind: "value".to_owned(),
                detail: format!(
                    "{} values of type {} do not come back from their text.",
                    grouped(column.altered),
                    column.sql_type
                ),
                rows: column.altered,
            });
        }
    }
    Output {
        expression,
        sql_type: "VARCHAR".to_owned(),
        shown: "text".to_owned(),
    }
}

fn text_notes(analysis: &Analysis, notes: &mut Vec<String>) {
    let nulls: u64 = analysis.fingerprint.columns.iter().map(|c| c.nulls).sum();
    let empties: u64 = analysis.columns.iter().map(|c| c.empties).sum();
    if nulls > 0 && empties > 0 {
        notes.push(format!(
            "{} empty texts are written as \"\" and {} nulls as nothing; some programs read both alike.",
            grouped(empties),
            grouped(nulls)
        ));
    }
    if analysis.columns.len() == 1 && nulls > 0 {
        notes.push(format!(
            "{} rows hold only a null and become empty lines, which some programs skip.",
            grouped(nulls)
        ));
    }
    for column in analysis.columns.iter().filter(|c| c.sql_type == "BLOB") {
        notes.push(format!(
            "The bytes of {:?} are written as text, with \\xNN where needed.",
            column.name
        ));
    }
}

/// Numbers that JSON readers hold exactly stay numbers; everything else is text.
fn json_output(
    i: usize,
    column: &Column,
    from: Format,
    losses: &mut Vec<Loss>,
    notes: &mut Vec<String>,
) -> Output {
    let sql_type = column.sql_type.as_str();
    let native = if column.is_nested() {
        true
    } else if let Some(precision) = decimal_precision(sql_type) {
        if precision > 15 {
            notes.push(format!(
                "{:?} has more than 15 digits and is written as text, since most JSON readers would round it.",
                column.name
            ));
        } else if column.trailing_zeros > 0 {
            losses.push(Loss {
                column: Some(column.name.clone()),
                kind: "trailing_zeros".to_owned(),
                detail: "JSON numbers keep no zeros at the end: 1.50 is written 1.5.".to_owned(),
                rows: column.trailing_zeros,
            });
        }
        precision <= 15
    } else if matches!(sql_type, "DOUBLE" | "FLOAT") {
        if column.non_finite > 0 {
            notes.push(format!(
                "{:?} has {} values that are infinite or not a number, which JSON lacks; the column is written as text.",
                column.name,
                grouped(column.non_finite)
            ));
        }
        column.non_finite == 0
    } else {
        matches!(
            sql_type,
            "BOOLEAN"
                | "TINYINT"
                | "SMALLINT"
                | "INTEGER"
                | "BIGINT"
                | "UTINYINT"
                | "USMALLINT"
                | "UINTEGER"
                | "UBIGINT"
        )
    };
    let c = format!("c{i}");
    if native {
        let expression = match from {
            Format::Parquet => c,
            _ => format!("CAST({c} AS {sql_type})"),
        };
        return Output {
            expression,
            sql_type: sql_type.to_owned(),
            shown: shown_json(sql_type).to_owned(),
        };
    }
    let expression = match from {
        Format::Parquet => crate::analysis::text_of(&c, sql_type),
        _ => c,
    };
    Output {
        expression,
        sql_type: "VARCHAR".to_owned(),
        shown: "string".to_owned(),
    }
}

fn shown_json(sql_type: &str) -> &'static str {
    match sql_type {
        "BOOLEAN" => "boolean",
        t if t.ends_with(']') => "array",
        t if crate::analysis::is_nested(t) => "object",
        _ => "number",
    }
}

fn decimal_precision(sql_type: &str) -> Option<u32> {
    sql_type
        .strip_prefix("DECIMAL(")?
        .split(',')
        .next()?
        .parse()
        .ok()
}
