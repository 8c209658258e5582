//! What the conversion crate found, as front ends are told it.

use redline_convert::{
    Certificate, ConversionPlan, Grid, Loss, PreviewColumn, TableProfile, Verdict,
};

use crate::contract::{
    BucketCount, CertificateColumn, CertificateView, ChoiceView, ColumnProfileView, GridColumn,
    LossView, ProfileReport, RejectView, RejectsView, RepairView, TableEntryView, TextFormView,
};

pub(crate) fn loss(loss: &Loss) -> LossView {
    LossView {
        column: loss.column.clone(),
        kind: loss.kind.clone(),
        detail: loss.detail.clone(),
        rows: loss.rows,
    }
}

pub(crate) fn losses(plan: &ConversionPlan) -> Vec<LossView> {
    plan.losses.iter().map(loss).collect()
}

pub(crate) fn profile(profile: &TableProfile) -> ProfileReport {
    ProfileReport {
        format: profile.format.id().to_owned(),
        compression: profile.compression.clone(),
        table: profile.table.clone(),
        tables: profile
            .tables
            .iter()
            .map(|table| TableEntryView {
                name: table.name.clone(),
                rows: table.rows,
                columns: table.columns,
            })
            .collect(),
        text: profile.text.as_ref().map(|text| TextFormView {
            encoding: text.encoding.clone(),
            byte_order_mark: text.byte_order_mark,
            delimiter: text.delimiter.clone(),
            quote: text.quote.map(String::from),
            escape: text.escape.map(String::from),
            line_end: text.line_end.clone(),
            header_rows: text.header_rows,
            preamble: text.preamble.clone(),
            footnotes: text.footnotes.clone(),
            layout: text.layout.clone(),
        }),
        rows: profile.rows,
        columns: profile.columns.iter().map(column).collect(),
        choices: profile
            .choices
            .iter()
            .map(|choice| ChoiceView {
                what: choice.what.clone(),
                chosen: choice.chosen.clone(),
                why: choice.why.clone(),
                otherwise: choice.otherwise.clone(),
            })
            .collect(),
        repairs: repairs(profile),
        rejects: rejects(&profile.rejects),
        warnings: profile.warnings.clone(),
    }
}

fn column(column: &redline_convert::ColumnProfile) -> ColumnProfileView {
    ColumnProfileView {
        name: column.name.clone(),
        said: column.said.clone(),
        type_name: column.type_name.clone(),
        evidence: column.evidence.clone(),
        nulls: column.nulls,
        empties: column.empties,
        distinct: column.distinct,
        min: column.min.clone(),
        max: column.max.clone(),
        longest: column.longest,
        examples: column.examples.clone(),
        histogram: column
            .histogram
            .iter()
            .map(|bucket| BucketCount {
                low: bucket.low.clone(),
                high: bucket.high.clone(),
                count: bucket.count,
            })
            .collect(),
    }
}

pub(crate) fn repairs(profile: &TableProfile) -> Vec<RepairView> {
    profile
        .repairs
        .iter()
        .map(|repair| RepairView {
            kind: repair.kind.clone(),
            detail: repair.detail.clone(),
            count: repair.count,
            lines: repair.lines.clone(),
        })
        .collect()
}

pub(crate) fn rejects(rejects: &redline_convert::Rejects) -> RejectsView {
    RejectsView {
        count: rejects.count,
        examples: rejects
            .examples
            .iter()
            .map(|reject| RejectView {
                line: reject.line,
                column: reject.column,
                reason: reject.reason.clone(),
                text: reject.text.clone(),
            })
            .collect(),
    }
}

pub(crate) fn certificate(certificate: &Certificate) -> CertificateView {
    CertificateView {
        verdict: verdict(certificate.verdict).to_owned(),
        losses: certificate.losses.iter().map(loss).collect(),
        columns: certificate
            .columns
            .iter()
            .map(|column| CertificateColumn {
                name: column.name.clone(),
                type_in: column.type_in.clone(),
                type_out: column.type_out.clone(),
                nulls_in: column.nulls_in,
                nulls_out: column.nulls_out,
                hash_in: column.hash_in.clone(),
                hash_out: column.hash_out.clone(),
            })
            .collect(),
        rows_in: certificate.rows_in,
        rows_out: certificate.rows_out,
        row_hash_in: certificate.row_hash_in.clone(),
        row_hash_out: certificate.row_hash_out.clone(),
        changes: certificate.changes.clone(),
    }
}

fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Proved => "proved",
        Verdict::Lossy => "lossy",
        Verdict::Failed => "failed",
        Verdict::Unproved => "unproved",
    }
}

pub(crate) fn grid_columns(grid: &Grid) -> Vec<GridColumn> {
    grid.columns().into_iter().map(grid_column).collect()
}

fn grid_column(column: PreviewColumn) -> GridColumn {
    GridColumn {
        numeric: is_numeric(&column.type_name),
        name: column.name,
        type_name: column.type_name,
    }
}

/// Whether values of this type line up on the right.
pub(crate) fn is_numeric(type_name: &str) -> bool {
    type_name.starts_with("DECIMAL(") && !type_name.ends_with(']')
        || matches!(
            type_name,
            "TINYINT"
                | "SMALLINT"
                | "INTEGER"
                | "BIGINT"
                | "HUGEINT"
                | "UTINYINT"
                | "USMALLINT"
                | "UINTEGER"
                | "UBIGINT"
                | "UHUGEINT"
                | "FLOAT"
                | "DOUBLE"
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_line_up_and_lists_of_them_do_not() {
        for (type_name, numeric) in [
            ("BIGINT", true),
            ("DECIMAL(9,2)", true),
            ("DECIMAL(9,2)[]", false),
            ("VARCHAR", false),
            ("", false),
        ] {
            assert_eq!(is_numeric(type_name), numeric, "{type_name}");
        }
    }
}
