//! The one seam between formats: a table that can be read any number of times, and a
//! file that takes a table's batches. Every format implements one side or both, so
//! that each can become each, and every output can be read back to be proved.
//!
//! Values travel as Arrow arrays. What Arrow has no type for travels as text or as
//! bytes, with the source's own word for the type in the field's metadata
//! ([`crate::types`]).

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use crate::error::{ConvertError, Result};
use crate::limits::{Limits, Progress};
use crate::profile::TableProfile;

/// Most rows in a batch, and about as many bytes of values: what is in flight at any
/// time is a handful of these, whatever the size of the file.
pub(crate) const BATCH_ROWS: usize = 65_536;
pub(crate) const BATCH_BYTES: usize = 8 << 20;

/// What a job may use, and whom it reports to.
#[derive(Clone, Copy)]
pub(crate) struct Job<'a> {
    pub limits: &'a Limits,
    pub progress: &'a dyn Progress,
}

impl Job<'_> {
    /// Begins a phase that goes through `bytes` of a file.
    pub(crate) fn phase(&self, name: &str, bytes: u64) {
        tracing::debug!(phase = name, bytes);
        self.progress.phase(name);
        self.progress.set_total(bytes);
    }

    pub(crate) fn check(&self) -> Result<()> {
        if self.progress.is_cancelled() {
            return Err(ConvertError::Cancelled);
        }
        Ok(())
    }
}

/// How much of a file is looked at before its rows are handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Depth {
    /// The head, for a preview: types may still be open, and text stays text.
    Head,
    /// All of it. Types are proved, repairs and rejects are known.
    Whole,
}

/// One table of a file, whose schema is settled. Opening it decided everything there is
/// to decide, so that reading twice gives the same rows.
pub(crate) trait Table: Send + Sync {
    fn schema(&self) -> SchemaRef;

    /// What opening found out. With [`Depth::Whole`] of a text format, all of it.
    fn profile(&self) -> &TableProfile;

    /// Rows in all, rejects left out; none where only reading to the end would tell.
    fn rows(&self) -> Option<u64>;

    /// A reading of the rows from `first` (counted from 0) on, the columns in the order of
    /// `columns`, or all of them. Formats with an index seek; others read past.
    fn read<'a>(
        &'a self,
        columns: Option<&[usize]>,
        first: u64,
        job: Job<'a>,
    ) -> Result<Box<dyn TableReader + 'a>>;
}

/// Rows in order, once.
pub(crate) trait TableReader: Send {
    fn schema(&self) -> SchemaRef;

    /// At most [`BATCH_ROWS`] rows, at least one; none at the end. Looks at cancel.
    fn next_batch(&mut self) -> Result<Option<RecordBatch>>;

    /// Bytes of the source gone through, for progress. Never shrinks.
    fn position(&self) -> u64;
}

/// A file being written, at a path that is not its last: giving it its name is for
/// [`crate::run`]. Dropping a writer before `finish` leaves a file to be thrown away.
pub(crate) trait TableWriter: Send {
    /// Takes a batch of the schema that the writer was made with.
    fn write(&mut self, batch: RecordBatch) -> Result<()>;

    /// Writes what is held back. The file is whole after this, but not yet synced.
    fn finish(self: Box<Self>) -> Result<()>;
}
