//! What is proved about a conversion, as data to show, keep and hand on. Never decides
//! anything: it puts side by side what went in and what was read back.

use serde::{Deserialize, Serialize};

use crate::fingerprint::Fingerprint;

/// What the target cannot hold. `rows` counts the values concerned, 0 where it is
/// the column itself (its name, its type).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loss {
    /// None for the whole table.
    pub column: Option<String>,
    /// `name`, `type`, `value` or `null`.
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
    /// It was asked not to look (`prove=no`).
    Unproved,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateColumn {
    pub name: String,
    pub type_in: String,
    pub type_out: String,
    pub nulls_in: u64,
    pub nulls_out: u64,
    /// 32 hex digits each; empty where nothing was proved.
    pub hash_in: String,
    pub hash_out: String,
}

/// Comparable only among the outputs of one version of this program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    pub verdict: Verdict,
    pub losses: Vec<Loss>,
    pub columns: Vec<CertificateColumn>,
    /// Rows of the table that went in, after what was asked to change in it.
    pub rows_in: u64,
    /// Rows that were read back.
    pub rows_out: u64,
    pub row_hash_in: String,
    pub row_hash_out: String,
    /// What was asked to change before writing, in sentences; what is proved is that
    /// the table after these changes is the output.
    pub changes: Vec<String>,
}

/// A column's name, its type in the source and its type in the output.
#[derive(Debug, Clone)]
pub(crate) struct Crossing {
    pub name: String,
    pub type_in: String,
    pub type_out: String,
}

impl Certificate {
    pub(crate) fn compare(
        source: &Fingerprint,
        output: &Fingerprint,
        columns: &[Crossing],
        losses: Vec<Loss>,
        changes: Vec<String>,
    ) -> Self {
        let verdict = if source != output {
            Verdict::Failed
        } else if losses.is_empty() {
            Verdict::Proved
        } else {
            Verdict::Lossy
        };
        let sides = source.columns.iter().zip(&output.columns);
        let columns = columns
            .iter()
            .zip(sides)
            .map(|(column, (a, b))| CertificateColumn {
                name: column.name.clone(),
                type_in: column.type_in.clone(),
                type_out: column.type_out.clone(),
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
            changes,
        }
    }

    /// For an output that nobody read back.
    pub(crate) fn unproved(
        rows: u64,
        columns: &[Crossing],
        losses: Vec<Loss>,
        changes: Vec<String>,
    ) -> Self {
        let columns = columns
            .iter()
            .map(|column| CertificateColumn {
                name: column.name.clone(),
                type_in: column.type_in.clone(),
                type_out: column.type_out.clone(),
                nulls_in: 0,
                nulls_out: 0,
                hash_in: String::new(),
                hash_out: String::new(),
            })
            .collect();
        Certificate {
            verdict: Verdict::Unproved,
            losses,
            columns,
            rows_in: rows,
            rows_out: rows,
            row_hash_in: String::new(),
            row_hash_out: String::new(),
            changes,
        }
    }
}

fn hex(sum: u128) -> String {
    hex::encode(sum.to_be_bytes())
}
