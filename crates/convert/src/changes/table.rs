//! A table seen through its changes.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, RecordBatch, RecordBatchOptions, Scalar};
use arrow::compute::filter_record_batch;
use arrow::compute::kernels::zip::zip;
use arrow::datatypes::SchemaRef;

use super::rows::{Mask, Rows};
use crate::error::Result;
use crate::profile::TableProfile;
use crate::table::{Job, Table, TableReader};
use crate::types::arrow_error;

pub(super) struct ChangedTable {
    inner: Arc<dyn Table>,
    /// For each column, its place in the inner table.
    columns: Vec<usize>,
    fills: Vec<Option<ArrayRef>>,
    schema: SchemaRef,
    kept: Option<Rows>,
    mask: Option<Mask>,
    profile: TableProfile,
}

impl ChangedTable {
    pub(super) fn new(
        inner: Arc<dyn Table>,
        columns: Vec<usize>,
        fills: Vec<Option<ArrayRef>>,
        schema: SchemaRef,
        kept: Option<Rows>,
    ) -> Self {
        let mut profile = inner.profile().clone();
        profile.columns.clear();
        let about = inner.profile().by_name();
        let names = inner.schema();
        for ((at, field), fill) in columns.iter().zip(schema.fields()).zip(&fills) {
            if let Some(column) = about.get(names.field(*at).name().as_str()) {
                let mut column = (*column).clone();
                column.name.clone_from(field.name());
                if fill.is_some() {
                    (column.nulls, column.min, column.max) = (0, None, None);
                }
                profile.columns.push(column);
            }
        }
        if let Some(kept) = &kept {
            profile.rows = kept.count();
        }
        let mask = kept.as_ref().map(Rows::mask);
        ChangedTable {
            inner,
            columns,
            fills,
            schema,
            kept,
            mask,
            profile,
        }
    }

    /// Of the rows there are, only these.
    pub(super) fn keep(self, next: &Rows) -> Self {
        let kept = match &self.kept {
            Some(kept) => kept.and(next),
            None => next.clone(),
        };
        ChangedTable::new(
            self.inner,
            self.columns,
            self.fills,
            self.schema,
            Some(kept),
        )
    }
}

impl Table for ChangedTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn profile(&self) -> &TableProfile {
        &self.profile
    }

    fn rows(&self) -> Option<u64> {
        match &self.kept {
            Some(kept) => Some(kept.count()),
            None => self.inner.rows(),
        }
    }

    fn read<'a>(
        &'a self,
        columns: Option<&[usize]>,
        first: u64,
        job: Job<'a>,
    ) -> Result<Box<dyn TableReader + 'a>> {
        let all: Vec<usize> = (0..self.columns.len()).collect();
        let columns = columns.unwrap_or(&all);
        let inner: Vec<usize> = columns.iter().map(|at| self.columns[*at]).collect();
        let first = self.kept.as_ref().map_or(first, |kept| kept.place(first));
        let schema = Arc::new(self.schema.project(columns).map_err(arrow_error)?);
        Ok(Box::new(Reading {
            inner: self.inner.read(Some(&inner), first, job)?,
            schema,
            fills: columns.iter().map(|at| self.fills[*at].clone()).collect(),
            mask: self.mask.as_ref(),
            row: first,
        }))
    }
}

struct Reading<'a> {
    inner: Box<dyn TableReader + 'a>,
    schema: SchemaRef,
    fills: Vec<Option<ArrayRef>>,
    mask: Option<&'a Mask>,
    /// The inner table's next row.
    row: u64,
}

impl TableReader for Reading<'_> {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        while let Some(mut batch) = self.inner.next_batch()? {
            if let Some(mask) = self.mask {
                let part = mask.part(self.row, batch.num_rows());
                self.row += batch.num_rows() as u64;
                if part.count_set_bits() < batch.num_rows() {
                    batch = filter_record_batch(&batch, &BooleanArray::new(part, None))
                        .map_err(arrow_error)?;
                }
                if batch.num_rows() == 0 {
                    continue;
                }
            }
            let columns = batch
                .columns()
                .iter()
                .zip(&self.fills)
                .map(|(array, fill)| filled(array, fill.as_ref()))
                .collect::<Result<Vec<_>>>()?;
            let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
            let batch =
                RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options);
            return batch.map(Some).map_err(arrow_error);
        }
        Ok(None)
    }

    fn position(&self) -> u64 {
        self.inner.position()
    }
}

fn filled(array: &ArrayRef, fill: Option<&ArrayRef>) -> Result<ArrayRef> {
    match (fill, array.logical_nulls()) {
        (Some(fill), Some(nulls)) if nulls.null_count() > 0 => {
            let there = BooleanArray::new(nulls.into_inner(), None);
            zip(&there, array, &Scalar::new(Arc::clone(fill))).map_err(arrow_error)
        }
        _ => Ok(Arc::clone(array)),
    }
}
