//! Several tables seen as one.

use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions, new_null_array};
use arrow::datatypes::SchemaRef;

use super::reconcile::Fit;
use crate::error::Result;
use crate::profile::{ColumnProfile, Rejects, TableProfile};
use crate::table::{Job, Table, TableReader};
use crate::text;
use crate::types::{self, arrow_error};

/// One of the tables, and how its columns become those of the whole.
pub(super) struct Part {
    pub table: Arc<dyn Table>,
    pub bytes: u64,
    /// For each column of the whole, the table's own.
    pub places: Vec<Option<usize>>,
    pub fits: Vec<Fit>,
}

pub(super) struct MergedTable {
    schema: SchemaRef,
    parts: Vec<Part>,
    profile: TableProfile,
}

impl MergedTable {
    /// There is at least one part.
    pub(super) fn new(schema: SchemaRef, parts: Vec<Part>) -> Self {
        let first = parts[0].table.profile();
        let known: Vec<_> = parts
            .iter()
            .map(|part| (part.table.schema(), part.table.profile().by_name()))
            .collect();
        let columns = schema.fields().iter().enumerate().map(|(at, field)| {
            let mut column = ColumnProfile::stated(field.name().clone(), types::name(field));
            column.evidence = "reconciled from several tables".to_owned();
            column.said = field.metadata().get(text::SAID).cloned();
            for (part, (names, by_name)) in parts.iter().zip(&known) {
                let rows = part.table.rows().unwrap_or(0);
                let Some(place) = part.places[at] else {
                    column.nulls += rows;
                    continue;
                };
                if let Some(own) = by_name.get(names.field(place).name().as_str()) {
                    column.nulls += own.nulls;
                    column.empties += own.empties;
                    column.longest = column.longest.max(own.longest);
                }
            }
            column
        });
        let mut rejects = Rejects::default();
        for part in &parts {
            let own = &part.table.profile().rejects;
            rejects.count += own.count;
            rejects
                .examples
                .extend(own.examples.iter().take(5).cloned());
        }
        let mut profile = TableProfile {
            columns: columns.collect(),
            rows: parts.iter().map(|part| part.table.profile().rows).sum(),
            rejects,
            ..first.clone()
        };
        for part in &parts[1..] {
            profile
                .repairs
                .extend(part.table.profile().repairs.iter().cloned());
            profile
                .warnings
                .extend(part.table.profile().warnings.iter().cloned());
        }
        MergedTable {
            schema,
            parts,
            profile,
        }
    }
}

impl Table for MergedTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn profile(&self) -> &TableProfile {
        &self.profile
    }

    fn rows(&self) -> Option<u64> {
        self.parts.iter().map(|part| part.table.rows()).sum()
    }

    fn read<'a>(
        &'a self,
        columns: Option<&[usize]>,
        first: u64,
        job: Job<'a>,
    ) -> Result<Box<dyn TableReader + 'a>> {
        let all: Vec<usize> = (0..self.schema.fields().len()).collect();
        let columns = columns.unwrap_or(&all).to_vec();
        let schema = Arc::new(self.schema.project(&columns).map_err(arrow_error)?);
        let mut reading = Reading {
            of: self,
            columns,
            schema,
            part: 0,
            skip: first,
            reader: None,
            done: 0,
            job,
        };
        while let Some(part) = self.parts.get(reading.part) {
            match part.table.rows() {
                Some(rows) if rows <= reading.skip => {
                    reading.skip -= rows;
                    reading.done += part.bytes;
                    reading.part += 1;
                }
                _ => break,
            }
        }
        Ok(Box::new(reading))
    }
}

struct Reading<'a> {
    of: &'a MergedTable,
    columns: Vec<usize>,
    schema: SchemaRef,
    part: usize,
    /// Rows of that part which come before the first one asked for.
    skip: u64,
    reader: Option<Box<dyn TableReader + 'a>>,
    /// Bytes of the parts before.
    done: u64,
    job: Job<'a>,
}

impl<'a> Reading<'a> {
    /// The columns of the whole that this part has, as its own places.
    fn wanted(&self, part: &Part) -> Vec<usize> {
        let wanted: Vec<usize> = self
            .columns
            .iter()
            .filter_map(|at| part.places[*at])
            .collect();
        // A table is asked for one column at least, or it could not say how many rows it has.
        if wanted.is_empty() { vec![0] } else { wanted }
    }

    fn fitted(&self, part: &Part, batch: &RecordBatch) -> Result<RecordBatch> {
        let rows = batch.num_rows();
        let mut own = batch.columns().iter();
        let mut columns = Vec::with_capacity(self.columns.len());
        for (at, field) in self.columns.iter().zip(self.schema.fields()) {
            let array = part.places[*at].and_then(|_| own.next());
            columns.push(match array {
                Some(array) => part.fits[*at].apply(array, field.data_type())?,
                None => new_null_array(field.data_type(), rows),
            });
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)
            .map_err(arrow_error)
    }
}

impl TableReader for Reading<'_> {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            let Some(part) = self.of.parts.get(self.part) else {
                return Ok(None);
            };
            let reader = match &mut self.reader {
                Some(reader) => reader,
                None => {
                    let wanted = self.wanted(part);
                    let first = std::mem::take(&mut self.skip);
                    self.reader
                        .insert(part.table.read(Some(&wanted), first, self.job)?)
                }
            };
            if let Some(batch) = reader.next_batch()? {
                return self.fitted(part, &batch).map(Some);
            }
            self.reader = None;
            self.done += part.bytes;
            self.part += 1;
        }
    }

    fn position(&self) -> u64 {
        self.done + self.reader.as_ref().map_or(0, |r| r.position())
    }
}
