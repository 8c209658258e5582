//! A few rows of a table, each value as its exact text. Reads no more than it must, so
//! that it proves nothing: a text file's columns may all be text here.

use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::{Array, RecordBatch};
use serde::{Deserialize, Serialize};

use crate::changes;
use crate::error::{ConvertError, Result};
use crate::format::Format;
use crate::formats;
use crate::limits::{Limits, Progress};
use crate::options::Options;
use crate::profile::TableProfile;
use crate::source::Source;
use crate::stamp::Stamp;
use crate::table::{Depth, Job, Table};
use crate::text::{FORM, formed};
use crate::types::{self, Text};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviewColumn {
    pub name: String,
    /// In SQL's words.
    pub type_name: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preview {
    pub columns: Vec<PreviewColumn>,
    /// None is null; `Some("")` is an empty text.
    pub rows: Vec<Vec<Option<String>>>,
}

pub(crate) fn preview(
    source: &Source,
    options: &Options,
    limit: u64,
    offset: u64,
    limits: &Limits,
) -> Result<Preview> {
    let grid = Grid::open(source, options, false, limits, &())?;
    Ok(Preview {
        columns: grid.columns(),
        rows: grid.rows(offset, limit, None)?,
    })
}

/// A table held open, so that each window into it costs only its own rows. A file that
/// changes behind it is noticed at the next window.
pub struct Grid {
    table: Arc<dyn Table>,
    path: PathBuf,
    stamp: Stamp,
    limits: Limits,
}

impl Grid {
    pub(crate) fn open(
        source: &Source,
        options: &Options,
        whole: bool,
        limits: &Limits,
        progress: &dyn Progress,
    ) -> Result<Self> {
        let limits = limits.with(options);
        let stamp = Stamp::of(&source.path)?;
        // These know their rows and types from their index, and read a window at once.
        let indexed = matches!(formats::resolve(source)?, Format::Parquet | Format::Feather);
        let depth = if whole && !indexed {
            Depth::Whole
        } else {
            Depth::Head
        };
        let job = Job {
            limits: &limits,
            progress,
        };
        let table: Arc<dyn Table> = formats::open(source, options, depth, job)?.into();
        let table = changes::apply(table, options, job)?.table;
        stamp.holds(&source.path)?;
        Ok(Grid {
            table,
            path: source.path.clone(),
            stamp,
            limits,
        })
    }

    pub fn columns(&self) -> Vec<PreviewColumn> {
        let schema = self.table.schema();
        let column = |field: &Arc<arrow::datatypes::Field>| PreviewColumn {
            name: field.name().clone(),
            type_name: types::name(field),
        };
        schema.fields().iter().map(column).collect()
    }

    /// What opening found out; with `whole`, all of it.
    pub fn profile(&self) -> &TableProfile {
        self.table.profile()
    }

    /// None where only reading to the end would tell.
    pub fn row_count(&self) -> Option<u64> {
        self.table.rows()
    }

    /// At most `count` rows from `first` (counted from 0) on, of all columns or of those at
    /// the given places. Fewer where the table ends.
    pub fn rows(
        &self,
        first: u64,
        count: u64,
        columns: Option<&[usize]>,
    ) -> Result<Vec<Vec<Option<String>>>> {
        crate::guarded(|| {
            self.stamp.holds(&self.path)?;
            let width = self.table.schema().fields().len();
            if let Some(wrong) = columns.and_then(|c| c.iter().find(|at| **at >= width)) {
                return Err(ConvertError::NoColumn {
                    column: wrong.to_string(),
                    columns: self.columns().into_iter().map(|c| c.name).collect(),
                });
            }
            let job = Job {
                limits: &self.limits,
                progress: &(),
            };
            let mut rows = Vec::new();
            if count == 0 {
                return Ok(rows);
            }
            let mut reader = self.table.read(columns, first, job)?;
            while (rows.len() as u64) < count {
                let Some(batch) = reader.next_batch()? else {
                    break;
                };
                let left = count - rows.len() as u64;
                let take = batch
                    .num_rows()
                    .min(usize::try_from(left).unwrap_or(usize::MAX));
                rows.extend(cells(&batch.slice(0, take))?);
            }
            Ok(rows)
        })
    }
}

/// The exact text of every value, row by row: as it stands in a text, where it came from one.
pub(crate) fn cells(batch: &RecordBatch) -> Result<Vec<Vec<Option<String>>>> {
    let schema = batch.schema();
    let shown = batch
        .columns()
        .iter()
        .zip(schema.fields())
        .map(|(array, field)| match field.metadata().contains_key(FORM) {
            true => formed(array, field),
            false => Ok(Arc::clone(array)),
        })
        .collect::<Result<Vec<_>>>()?;
    let texts = shown
        .iter()
        .map(|array| Ok((array, Text::new(array.as_ref())?)))
        .collect::<Result<Vec<_>>>()?;
    let cell = |array: &dyn Array, text: &Text<'_>, row: usize| {
        array.is_valid(row).then(|| {
            let mut out = Vec::new();
            text.write(row, &mut out);
            String::from_utf8(out)
                .unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned())
        })
    };
    Ok((0..batch.num_rows())
        .map(|row| {
            texts
                .iter()
                .map(|(array, text)| cell(array.as_ref(), text, row))
                .collect()
        })
        .collect())
}
