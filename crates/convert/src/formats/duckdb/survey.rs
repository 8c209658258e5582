//! What the data says of each column before it is read: counts, extremes, and the facts
//! that types alone do not settle.

use arrow::datatypes::DataType;

use super::shapes::{Facts, Shape};
use crate::error::Result;
use crate::sql;
use crate::table::Depth;

/// Asks the engine for rows of text.
pub(super) type Ask<'a> = dyn Fn(&str) -> Result<Vec<Vec<Option<String>>>> + 'a;

#[derive(Default)]
pub(super) struct Found {
    pub facts: Facts,
    pub nulls: u64,
    pub min: Option<String>,
    pub max: Option<String>,
}

pub(super) struct Survey {
    pub rows: u64,
    pub columns: Vec<Found>,
}

/// Columns asked about in one statement: a table may have thousands.
const AT_ONCE: usize = 64;

/// Counts, and what the data says where types alone do not settle how to read a column.
pub(super) fn survey(
    columns: &[(String, String, Shape)],
    from: &str,
    depth: Depth,
    ask: &Ask<'_>,
) -> Result<Survey> {
    let mut rows = 0;
    let mut out = Vec::with_capacity(columns.len());
    for some in columns.chunks(AT_ONCE) {
        let mut items = vec!["CAST(count(*) AS VARCHAR)".to_owned()];
        for (name, word, shape) in some {
            let c = sql::name(name);
            items.push(if depth == Depth::Whole {
                format!("CAST(count({c}) AS VARCHAR)")
            } else {
                "NULL".to_owned()
            });
            items.push(match shape {
                Shape::Moment(DataType::Date32) => infinite(&format!("NOT isfinite({c})")),
                Shape::Moment(_) if word == "TIMESTAMP" || word == "TIMESTAMP WITH TIME ZONE" => {
                    infinite(&format!("NOT isfinite({c})"))
                }
                Shape::Moment(_) => infinite(&format!(
                    "CAST({c} AS VARCHAR) IN ('infinity', '-infinity')"
                )),
                nested if nested.is_nested() && nested.may_be_infinite() => {
                    infinite(&format!("contains(CAST({c} AS VARCHAR), 'infinity')"))
                }
                Shape::Huge => {
                    let most = "9".repeat(38);
                    let least = if word == "UHUGEINT" {
                        "0".to_owned()
                    } else {
                        format!("-{most}")
                    };
                    infinite(&format!(
                        "{c} NOT BETWEEN CAST('{least}' AS {word}) AND CAST('{most}' AS {word})"
                    ))
                }
                _ => "NULL".to_owned(),
            });
            let ordered = matches!(shape, Shape::Plain(t) if *t != DataType::Binary)
                || matches!(shape, Shape::Moment(_) | Shape::Huge);
            for extreme in ["min", "max"] {
                items.push(if ordered && depth == Depth::Whole {
                    format!("left(CAST({extreme}({c}) AS VARCHAR), 200)")
                } else {
                    "NULL".to_owned()
                });
            }
        }
        // A null's own type would be a number.
        let items: Vec<String> = items
            .iter()
            .map(|i| format!("CAST({i} AS VARCHAR)"))
            .collect();
        let row = ask(&format!("SELECT {} FROM {from}", items.join(", ")))?
            .pop()
            .unwrap_or_default();
        let mut row = row.into_iter();
        let mut next = || row.next().flatten();
        rows = next().and_then(|n| n.parse().ok()).unwrap_or(0);
        for (_, _, shape) in some {
            let values: Option<u64> = next().and_then(|n| n.parse().ok());
            let odd = next().and_then(|n| n.parse::<u64>().ok()).unwrap_or(0) > 0;
            out.push(Found {
                facts: Facts {
                    infinite: odd && *shape != Shape::Huge,
                    fits_decimal: !odd,
                },
                nulls: values.map_or(0, |v| rows - v),
                min: next(),
                max: next(),
            });
        }
    }
    Ok(Survey { rows, columns: out })
}

fn infinite(condition: &str) -> String {
    format!("CAST(count(*) FILTER (WHERE {condition}) AS VARCHAR)")
}
