//! Opening: the index, the types that are handed on, and what the file says of itself.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arrow::datatypes::{Field, Schema, SchemaRef};

use super::index::Index;
use super::read::Reading;
use super::unreadable;
use crate::error::Result;
use crate::format::Format;
use crate::names;
use crate::options::Options;
use crate::profile::{ColumnProfile, Rejects, TableProfile};
use crate::source::Source;
use crate::table::{Depth, Job, Table, TableReader};
use crate::types;

pub(super) struct ArrowTable {
    pub index: Arc<Index>,
    /// As they are handed on.
    pub schema: SchemaRef,
    profile: TableProfile,
    depth: Depth,
}

pub(crate) fn open(
    source: &Source,
    _options: &Options,
    depth: Depth,
    job: Job<'_>,
) -> Result<Box<dyn Table>> {
    let index = guarded(|| Index::of(&source.path, job))?;
    if index.schema.fields().is_empty() {
        return Err(unreadable("a file without columns"));
    }
    let said: Vec<String> = index
        .schema
        .fields()
        .iter()
        .map(|f| f.name().clone())
        .collect();
    let (unique, renamed) = names::unique(&said);
    let fields = index
        .schema
        .fields()
        .iter()
        .zip(&unique)
        .map(|(field, name)| Ok(types::plain(field)?.with_name(name).with_nullable(true)))
        .collect::<Result<Vec<Field>>>()?;
    let schema = Arc::new(Schema::new(fields));
    let columns = schema.fields().iter().enumerate().map(|(at, field)| {
        let mut column = ColumnProfile::stated(field.name().clone(), types::name(field));
        column.said = renamed
            .iter()
            .find(|(i, _)| *i == at)
            .map(|(_, said)| said.clone());
        column.nulls = index.nulls[at];
        column
    });
    let profile = TableProfile {
        format: Format::Feather,
        compression: None,
        table: None,
        tables: Vec::new(),
        text: None,
        rows: index.rows,
        columns: columns.collect(),
        choices: Vec::new(),
        repairs: Vec::new(),
        rejects: Rejects::default(),
        warnings: Vec::new(),
    };
    Ok(Box::new(ArrowTable {
        index: Arc::new(index),
        schema,
        profile,
        depth,
    }))
}

/// Malformed files can make the library panic; that is a fact about the file.
pub(super) fn guarded<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        Err(unreadable(
            "it is damaged in a way that cannot be read past",
        ))
    })
}

impl Table for ArrowTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn profile(&self) -> &TableProfile {
        &self.profile
    }

    fn rows(&self) -> Option<u64> {
        Some(self.index.rows)
    }

    fn read<'a>(
        &'a self,
        columns: Option<&[usize]>,
        first: u64,
        job: Job<'a>,
    ) -> Result<Box<dyn TableReader + 'a>> {
        let all: Vec<usize> = (0..self.schema.fields().len()).collect();
        let threads = match self.depth {
            Depth::Whole => job.limits.threads,
            Depth::Head => 1,
        };
        Ok(Box::new(Reading::begin(
            self,
            columns.unwrap_or(&all),
            first,
            threads,
            job,
        )?))
    }
}
