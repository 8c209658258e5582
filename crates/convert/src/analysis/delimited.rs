//! Text as a source: scan, rule types out on a sample, prove the rest on the whole
//! file, and check the engine's reading against the scan's.

use std::path::Path;

use super::expressions::select_over_text;
use super::{Analysis, Column, ColumnProfile, Reader, Stamp, TableProfile, renamed};
use crate::certificate::{Fingerprint, Row};
use crate::engine::Engine;
use crate::error::{ConvertError, Result};
use crate::format::Format;
use crate::limits::{Limits, Progress};
use crate::sql::grouped;
use crate::text::{self, Scan};
use crate::types;

pub(super) fn analyse(
    path: &Path,
    format: Format,
    stamp: Stamp,
    limits: &Limits,
    progress: &dyn Progress,
) -> Result<Analysis> {
    let mut dialect = text::sniff(path, format == Format::Tsv, None)?;
    let width = dialect.names.len();
    progress.phase("scan");
    progress.set_total(stamp.size);
    let scan = text::scan(path, dialect.delimiter, dialect.header, width, progress)?;

    let engine = Engine::open(path, None, limits, progress)?;
    engine.phase("check", stamp.size);
    let quoted_breaks = scan.quoted_breaks > 0;
    let relation = text::relation(
        &engine.source(),
        &dialect,
        scan.longest_record,
        quoted_breaks,
    );
    let types = vec!["VARCHAR"; width];

    let sample = format!("(SELECT * FROM {relation} LIMIT {})", types::SAMPLE_ROWS);
    let items: Vec<String> = (0..width)
        .flat_map(|i| types::sample_items(&format!("t{i}")))
        .collect();
    let mut row = Row::new(engine.aggregate(&select_over_text(&items, &sample, &types), 0)?);
    let survivors = (0..width)
        .map(|_| types::survivors(&mut row))
        .collect::<Result<Vec<_>>>()?;

    let mut items = Fingerprint::items(width);
    for (i, survivors) in survivors.iter().enumerate() {
        let t = format!("t{i}");
        items.push(format!("CAST(coalesce(sum(strlen({t})), 0) AS VARCHAR)"));
        items.extend(types::proof_items(&t, survivors));
    }
    let whole = select_over_text(&items, &relation, &types);
    let mut row = Row::new(engine.aggregate(&whole, stamp.size)?);
    let fingerprint = Fingerprint::take(width, &mut row)?;

    let mut columns = Vec::with_capacity(width);
    let mut profiles = Vec::with_capacity(width);
    for (i, survivors) in survivors.iter().enumerate() {
        let (print, seen) = (&fingerprint.columns[i], &scan.columns[i]);
        let bytes = row.number()?;
        // Two readings that share no code: where they differ, neither is believed.
        let agree =
            fingerprint.rows == scan.rows && print.nulls == seen.nulls && bytes == seen.bytes;
        if !agree {
            return Err(ConvertError::Unreadable {
                what: "the text without doubt".to_owned(),
                seen: format!(
                    "two ways of reading column {} that differ ({} rows, {} nulls, {bytes} bytes; or {}, {}, {})",
                    i + 1,
                    fingerprint.rows,
                    print.nulls,
                    scan.rows,
                    seen.nulls,
                    seen.bytes
                ),
            });
        }
        let values = fingerprint.rows - print.nulls;
        let proven = types::proven(&mut row, survivors, values, seen.empties)?;
        profiles.push(ColumnProfile {
            name: dialect.names[i].clone(),
            type_name: proven.sql_type.clone(),
            evidence: proven.evidence,
            nulls: print.nulls,
        });
        let said = dialect
            .renamed
            .iter()
            .find(|(at, _)| *at == i)
            .map(|(_, said)| said.clone());
        columns.push(Column {
            name: dialect.names[i].clone(),
            said,
            sql_type: proven.sql_type,
            empties: seen.empties,
            non_finite: proven.non_finite,
            trailing_zeros: proven.trailing_zeros,
            altered: 0,
        });
    }
    let mut warnings = std::mem::take(&mut dialect.warnings);
    oddities(&scan, &columns, &mut warnings);
    let profile = TableProfile {
        format,
        encoding: Some("UTF-8".to_owned()),
        delimiter: Some(char::from(dialect.delimiter).to_string()),
        line_end: scan.line_end.map(|e| e.label().to_owned()),
        header: dialect.header,
        rows: fingerprint.rows,
        columns: profiles,
        warnings,
    };
    Ok(Analysis {
        source: path.to_owned(),
        stamp,
        format,
        longest_row: scan.longest_record,
        reader: Reader::Text {
            dialect,
            longest: scan.longest_record,
            quoted_breaks,
        },
        columns,
        fingerprint,
        profile,
    })
}

fn oddities(scan: &Scan, columns: &[Column], warnings: &mut Vec<String>) {
    let mut say = |count: u64, one: &str, many: &str| {
        if count == 1 {
            warnings.push(format!("1 {one}"));
        } else if count > 1 {
            warnings.push(format!("{} {many}", grouped(count)));
        }
    };
    say(
        scan.blank_lines,
        "empty line is not a row.",
        "empty lines are not rows.",
    );
    say(
        scan.bare_quotes,
        "quote character stands inside an unquoted field; it is kept as text.",
        "quote characters stand inside unquoted fields; they are kept as text.",
    );
    say(
        scan.nul_bytes,
        "NUL character is kept as text.",
        "NUL characters are kept as text.",
    );
    if scan.bom {
        warnings.push("The byte order mark at the start is not part of the data.".to_owned());
    }
    for (i, column) in columns.iter().enumerate() {
        if let Some(said) = &column.said {
            warnings.push(renamed(i, said, &column.name));
        }
    }
}
