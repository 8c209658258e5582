//! A table's rows on their way into the engine: read on a thread of their own, handed over
//! through the C stream interface as the engine asks for them.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Scope, ScopedJoinHandle};

use arrow::array::{ArrayRef, RecordBatch, RecordBatchReader, UInt64Array};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::ffi_stream::FFI_ArrowArrayStream;

use crate::changes::NUMBER;
use crate::error::{ConvertError, Result};
use crate::run::Meter;
use crate::shape::Shape;
use crate::table::{Job, Table};
use crate::types::arrow_error;

pub(super) struct Feed<'scope> {
    /// Boxed, since the engine keeps its address.
    stream: Box<FFI_ArrowArrayStream>,
    thread: ScopedJoinHandle<'scope, u64>,
    fault: Arc<Mutex<Option<ConvertError>>>,
}

impl<'scope> Feed<'scope> {
    pub(super) fn begin<'env>(
        scope: &'scope Scope<'scope, 'env>,
        table: &'env dyn Table,
        shape: Shape,
        rows: u64,
        job: Job<'env>,
    ) -> Result<Self> {
        let mut fields: Vec<Field> = shape
            .schema
            .fields()
            .iter()
            .map(|f| f.as_ref().clone())
            .collect();
        fields.push(Field::new(NUMBER, DataType::UInt64, false));
        // Their metadata is ours, not the engine's.
        let bare = fields
            .into_iter()
            .map(|f| f.with_metadata(Default::default()));
        let schema: SchemaRef = Arc::new(Schema::new(bare.collect::<Vec<_>>()));
        let (sender, batches) = sync_channel(2);
        let fault = Arc::new(Mutex::new(None));
        let thread = {
            let (schema, fault) = (Arc::clone(&schema), Arc::clone(&fault));
            scope.spawn(move || {
                let read = Reading {
                    table,
                    shape,
                    schema,
                    rows,
                    job,
                };
                crate::guarded(|| read.all(&sender)).unwrap_or_else(|error| {
                    *fault.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                    let stop = ArrowError::ExternalError("the rows stopped".into());
                    let _ = sender.send(Err(stop));
                    0
                })
            })
        };
        let source = Source { schema, batches };
        let stream = Box::new(FFI_ArrowArrayStream::new(Box::new(source)));
        Ok(Feed {
            stream,
            thread,
            fault,
        })
    }

    pub(super) fn stream(&mut self) -> *mut FFI_ArrowArrayStream {
        &raw mut *self.stream
    }

    /// Waits for the thread; gives how many rows went by. The error is why they stopped
    /// before their end.
    pub(super) fn end(self) -> Result<u64> {
        // The receiving end goes first, so that a waiting sender wakes.
        drop(self.stream);
        let rows = self.thread.join().unwrap_or(0);
        let fault = self
            .fault
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        fault.map_or(Ok(rows), Err)
    }
}

struct Reading<'env> {
    table: &'env dyn Table,
    shape: Shape,
    schema: SchemaRef,
    rows: u64,
    job: Job<'env>,
}

impl Reading<'_> {
    fn all(
        &self,
        sender: &SyncSender<std::result::Result<RecordBatch, ArrowError>>,
    ) -> Result<u64> {
        let mut meter = Meter::new(self.job, self.rows);
        let mut reader = self.table.read(None, 0, self.job)?;
        let mut row = 0u64;
        while let Some(batch) = reader.next_batch()? {
            let mut columns: Vec<ArrayRef> = self.shape.apply(&batch)?.columns().to_vec();
            let next = row + batch.num_rows() as u64;
            columns.push(Arc::new(UInt64Array::from_iter_values(row..next)));
            row = next;
            meter.at(row);
            let batch = RecordBatch::try_new(Arc::clone(&self.schema), columns);
            if sender.send(Ok(batch.map_err(arrow_error)?)).is_err() {
                return Ok(row);
            }
        }
        meter.finish();
        Ok(row)
    }
}

struct Source {
    schema: SchemaRef,
    batches: Receiver<std::result::Result<RecordBatch, ArrowError>>,
}

impl Iterator for Source {
    type Item = std::result::Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.batches.recv().ok()
    }
}

impl RecordBatchReader for Source {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}
