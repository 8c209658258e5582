//! What is proved about a conversion, and the hashing behind it.
//!
//! A value stands for its exact text, NULL apart from empty. Hashes are 64-bit, per
//! value and per row, and *summed* in 128 bits: a doubled row, or one column shifted
//! against another, changes a sum where XOR would cancel out. They say nothing to
//! an attacker, and are comparable only within one run.

use serde::{Deserialize, Serialize};

use crate::error::{ConvertError, Result};

/// What the target cannot hold. `rows` counts the values concerned, 0 where it is
/// the column itself (its name).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loss {
    /// None for the whole table.
    pub column: Option<String>,
    /// `name`, `type`, `value` or `trailing_zeros`.
    pub kind: String,
    pub detail: String,
    pub rows: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Every value came back, and nothing was listed as lost.
    Proved,
    /// Every value came back, apart from what `losses` lists.
    Lossy,
    /// The output differs. It was removed.
    Failed,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateColumn {
    pub name: String,
    pub type_in: String,
    pub type_out: String,
    pub nulls_in: u64,
    pub nulls_out: u64,
    /// 32 hex digits each.
    pub hash_in: String,
    pub hash_out: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    pub verdict: Verdict,
    pub losses: Vec<Loss>,
    pub columns: Vec<CertificateColumn>,
    pub rows_in: u64,
    pub rows_out: u64,
    pub row_hash_in: String,
    pub row_hash_out: String,
}

impl Certificate {
    /// `names_and_types`: name, type in the source, type in the output.
    pub(crate) fn compare(
        source: &Fingerprint,
        output: &Fingerprint,
        names_and_types: Vec<(String, String, String)>,
        losses: Vec<Loss>,
    ) -> Self {
        let verdict = if source != output {
            Verdict::Failed
        } else if losses.is_empty() {
            Verdict::Proved
        } else {
            Verdict::Lossy
        };
        let sides = source.columns.iter().zip(&output.columns);
        let columns = names_and_types
            .into_iter()
            .zip(sides)
            .map(|((name, type_in, type_out), (a, b))| CertificateColumn {
                name,
                type_in,
                type_out,
                nulls_in: a.nulls,
                nulls_out: b.nulls,
                hash_in: hex(a.hash),
                hash_out: hex(b.hash),
            })
            .collect();
        Certificate {
            verdict,
            losses,
            columns,
            rows_in: source.rows,
            rows_out: output.rows,
            row_hash_in: hex(source.row_hash),
            row_hash_out: hex(output.row_hash),
        }
    }
}

fn hex(sum: i128) -> String {
    hex::encode(sum.to_be_bytes())
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ColumnPrint {
    pub nulls: u64,
    pub hash: i128,
}

/// A table's content, in so many numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fingerprint {
    pub rows: u64,
    pub row_hash: i128,
    pub columns: Vec<ColumnPrint>,
}

impl Fingerprint {
    /// Aggregates over a relation whose columns `t0`, `t1`, … are the values' text.
    pub(crate) fn items(width: usize) -> Vec<String> {
        let all: Vec<String> = (0..width).map(|i| format!("t{i}")).collect();
        let mut items = vec![
            "CAST(count(*) AS VARCHAR)".to_owned(),
            format!(
                "CAST(coalesce(sum(hash({})), 0) AS VARCHAR)",
                all.join(", ")
            ),
        ];
        for t in &all {
            items.push(format!("CAST(count({t}) AS VARCHAR)"));
            items.push(format!("CAST(coalesce(sum(hash({t})), 0) AS VARCHAR)"));
        }
        items
    }

    /// Reads what `items` selected off the front of a result row.
    pub(crate) fn take(width: usize, row: &mut Row) -> Result<Self> {
        let rows = row.number()?;
        let row_hash = row.wide()?;
        let columns = (0..width)
            .map(|_| {
                Ok(ColumnPrint {
                    nulls: rows.saturating_sub(row.number()?),
                    hash: row.wide()?,
                })
            })
            .collect::<Result<_>>()?;
        Ok(Fingerprint {
            rows,
            row_hash,
            columns,
        })
    }
}

/// A row of VARCHAR results, taken from the front in the order it was selected.
pub(crate) struct Row(std::vec::IntoIter<Option<String>>);

impl Row {
    pub(crate) fn new(fields: Vec<Option<String>>) -> Self {
        Row(fields.into_iter())
    }

    /// NULL reads as nothing; so does a missing field.
    pub(crate) fn text(&mut self) -> Option<String> {
        self.0.next().flatten()
    }

    pub(crate) fn number(&mut self) -> Result<u64> {
        u64::try_from(self.wide()?).map_err(|_| unexpected())
    }

    pub(crate) fn wide(&mut self) -> Result<i128> {
        self.text()
            .unwrap_or_else(|| "0".to_owned())
            .parse()
            .map_err(|_| unexpected())
    }
}

fn unexpected() -> ConvertError {
    ConvertError::Engine {
        detail: "a count came back as something else".to_owned(),
    }
}
