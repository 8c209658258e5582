//! Runs a plan: write beside the destination, read back, compare, and only then
//! give the file its name. On any other end nothing is left behind.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::analysis::{Column, parquet_relation, positional, select_over_text};
use crate::certificate::{Certificate, Fingerprint, Row, Verdict};
use crate::engine::{self, Engine};
use crate::error::{ConvertError, Result};
use crate::format::Format;
use crate::limits::{Limits, Progress};
use crate::plan::ConversionPlan;
use crate::sql;
use crate::text::{self, Dialect};

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ParquetCodec {
    #[default]
    Snappy,
    Zstd,
    Uncompressed,
}

/// Choices for the output.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Options {
    pub parquet_codec: ParquetCodec,
}

/// A conversion that was done: the destination exists, is on disk, and was proved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conversion {
    pub rows_in: u64,
    /// `rows_in - rows_rejected`, always.
    pub rows_out: u64,
    pub rows_rejected: u64,
    pub bytes_out: u64,
    pub certificate: Certificate,
}

pub(crate) fn convert(
    plan: &ConversionPlan,
    dest: &Path,
    options: &Options,
    limits: &Limits,
    progress: &dyn Progress,
) -> Result<Conversion> {
    let analysis = &plan.analysis;
    analysis.stamp.holds(&analysis.source)?;
    if fs::symlink_metadata(dest).is_ok() {
        return Err(ConvertError::DestExists);
    }
    let folder = dest
        .parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    // Removed when it is dropped, which every early return below does.
    let partial = tempfile::Builder::new()
        .prefix(".redline-")
        .suffix(".partial")
        .tempfile_in(folder)?
        .into_temp_path();

    // Guessed from the source: an output that grows past it is rare.
    let needed = analysis.stamp.size;
    let engine = Engine::open(&analysis.source, Some(&partial), limits, progress)?;
    engine.phase("write", analysis.stamp.size);
    engine
        .run(&copy_statement(plan, &engine, options), analysis.stamp.size)
        .map_err(|e| e.needing(needed))?;
    analysis.stamp.holds(&analysis.source)?;

    let output = read_back(plan, &engine, &partial, progress)?;
    let columns = analysis
        .columns
        .iter()
        .zip(&plan.outputs)
        .map(|(c, o)| (c.name.clone(), c.sql_type.clone(), o.shown.clone()))
        .collect();
    let certificate =
        Certificate::compare(&analysis.fingerprint, &output, columns, plan.losses.clone());
    if certificate.verdict == Verdict::Failed {
        return Err(ConvertError::NotProved {
            certificate: Box::new(certificate),
        });
    }
    drop(engine);
    if progress.is_cancelled() {
        return Err(ConvertError::Cancelled);
    }
    let bytes_out = engine::size(&partial);
    place(partial, dest, folder).map_err(|e| e.needing(needed))?;
    Ok(Conversion {
        rows_in: certificate.rows_in,
        rows_out: certificate.rows_out,
        rows_rejected: 0,
        bytes_out,
        certificate,
    })
}

/// To disk, then under its name without replacing, then the name to disk.
fn place(partial: tempfile::TempPath, dest: &Path, folder: &Path) -> Result<()> {
    fs::OpenOptions::new()
        .write(true)
        .open(&partial)?
        .sync_all()?;
    partial
        .persist_noclobber(dest)
        .map_err(|e| match e.error.kind() {
            std::io::ErrorKind::AlreadyExists => ConvertError::DestExists,
            _ => e.error.into(),
        })?;
    #[cfg(unix)]
    fs::File::open(folder)?.sync_all()?;
    #[cfg(not(unix))]
    let _ = folder;
    Ok(())
}

fn copy_statement(plan: &ConversionPlan, engine: &Engine<'_>, options: &Options) -> String {
    let columns: Vec<String> = plan
        .analysis
        .columns
        .iter()
        .zip(&plan.outputs)
        .map(|(column, output)| crate::analysis::named(&output.expression, &column.name))
        .collect();
    let form = match plan.to {
        Format::Parquet => {
            let codec = match options.parquet_codec {
                ParquetCodec::Snappy => "snappy",
                ParquetCodec::Zstd => "zstd",
                ParquetCodec::Uncompressed => "uncompressed",
            };
            format!("FORMAT parquet, COMPRESSION {codec}")
        }
        Format::Ndjson => "FORMAT json, ARRAY false, COMPRESSION uncompressed".to_owned(),
        Format::Json => "FORMAT json, ARRAY true, COMPRESSION uncompressed".to_owned(),
        _ => format!(
            "FORMAT csv, HEADER true, DELIMITER {}, QUOTE '\"', ESCAPE '\"', NULLSTR '', COMPRESSION none",
            sql::literal(&char::from(delimiter(plan.to)).to_string())
        ),
    };
    format!(
        "COPY (SELECT {} FROM {}) TO {} ({form}, USE_TMP_FILE false)",
        columns.join(", "),
        plan.analysis.relation(engine),
        engine.output(),
    )
}

fn delimiter(to: Format) -> u8 {
    if to == Format::Tsv { b'\t' } else { b',' }
}

/// A fingerprint has no names in it; JSON needs no check, since its values are
/// found by name.
fn same_names(columns: &[Column], written: &[String]) -> Result<()> {
    if columns.iter().map(|c| &c.name).eq(written) {
        return Ok(());
    }
    Err(ConvertError::Engine {
        detail: "the output names its columns differently from the plan".to_owned(),
    })
}

/// The output's fingerprint, from its bytes on disk.
fn read_back(
    plan: &ConversionPlan,
    engine: &Engine<'_>,
    partial: &Path,
    progress: &dyn Progress,
) -> Result<Fingerprint> {
    let size = engine::size(partial);
    let columns = &plan.analysis.columns;
    let width = columns.len();
    let path = engine.output();
    let relation = match plan.to {
        Format::Parquet => {
            engine.phase("prove", size);
            let described = engine.rows(&format!(
                "SELECT column_name FROM (DESCRIBE FROM {})",
                parquet_relation(&path)
            ))?;
            let names = described
                .into_iter()
                .flatten()
                .map(Option::unwrap_or_default);
            same_names(columns, &names.collect::<Vec<_>>())?;
            format!("{} {}", parquet_relation(&path), positional(width))
        }
        Format::Json | Format::Ndjson => {
            engine.phase("prove", size);
            let schema: Vec<String> = columns
                .iter()
                .zip(&plan.outputs)
                .map(|(c, o)| format!("{}: {}", sql::literal(&c.name), sql::literal(&o.sql_type)))
                .collect();
            let form = if plan.to == Format::Json {
                "array"
            } else {
                "newline_delimited"
            };
            // Escapes take up to six bytes for one; the names come with every row.
            let names: u64 = columns.iter().map(|c| c.name.len() as u64 * 6 + 16).sum();
            let most = (plan.analysis.longest_row * 6 + names).max(16 << 20);
            format!(
                "read_json({path}, format = '{form}', compression = 'uncompressed', hive_partitioning = false, \
                 maximum_object_size = {most}, columns = {{{}}}) {}",
                schema.join(", "),
                positional(width)
            )
        }
        _ => {
            engine.phase("prove", size * 2);
            same_names(columns, &text::first_record(partial, delimiter(plan.to))?)?;
            let scan = text::scan(partial, delimiter(plan.to), true, width, progress)?;
            let dialect = Dialect {
                delimiter: delimiter(plan.to),
                header: true,
                names: columns.iter().map(|c| c.name.clone()).collect(),
                renamed: Vec::new(),
                warnings: Vec::new(),
            };
            text::relation(&path, &dialect, scan.longest_record, scan.quoted_breaks > 0)
        }
    };
    let types: Vec<&str> = plan.outputs.iter().map(|o| o.sql_type.as_str()).collect();
    let query = select_over_text(&Fingerprint::items(width), &relation, &types);
    let mut row = Row::new(engine.aggregate(&query, size)?);
    Fingerprint::take(width, &mut row)
}
