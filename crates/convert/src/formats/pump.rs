//! Batches that an engine makes on a thread of its own, handed over one at a time: the
//! reader can look at cancel while the engine works, and the engine works ahead.

use std::ops::Range;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use crate::error::{ConvertError, Result};
use crate::table::{Job, TableReader};

/// Batches that may wait for the reader.
const AHEAD: usize = 2;
/// How often cancel is looked at while the engine is silent.
const POLL: Duration = Duration::from_millis(40);

pub(crate) struct Pump {
    batches: Option<Receiver<Result<RecordBatch>>>,
    /// Ends whatever statement is running.
    interrupt: Box<dyn Fn() + Send>,
    thread: Option<JoinHandle<()>>,
}

/// Where the engine's thread leaves its batches.
pub(crate) struct Sink(SyncSender<Result<RecordBatch>>);

impl Sink {
    /// False once nobody reads any more.
    pub(crate) fn send(&self, batch: RecordBatch) -> bool {
        self.0.send(Ok(batch)).is_ok()
    }
}

impl Pump {
    /// Runs `work` on a thread of its own. `interrupt` may be called at any time until
    /// that thread has ended, from another.
    pub(crate) fn start(
        name: &str,
        interrupt: impl Fn() + Send + 'static,
        work: impl FnOnce(&Sink) -> Result<()> + Send + 'static,
    ) -> Result<Self> {
        let (send, batches) = sync_channel(AHEAD);
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                let sink = Sink(send);
                if let Err(e) = work(&sink) {
                    let _ = sink.0.send(Err(e));
                }
            })?;
        Ok(Pump {
            batches: Some(batches),
            interrupt: Box::new(interrupt),
            thread: Some(thread),
        })
    }

    pub(crate) fn next(&mut self, job: Job<'_>) -> Result<Option<RecordBatch>> {
        loop {
            job.check()?;
            let Some(batches) = &self.batches else {
                return Ok(None);
            };
            match batches.recv_timeout(POLL) {
                Ok(batch) => return batch.map(Some),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    self.batches = None;
                    let ended = self.thread.take().map(JoinHandle::join);
                    return match ended {
                        Some(Err(_)) => Err(ConvertError::Engine {
                            detail: "a reading thread ended too early".to_owned(),
                        }),
                        _ => Ok(None),
                    };
                }
            }
        }
    }
}

impl Drop for Pump {
    fn drop(&mut self) {
        self.batches = None;
        if let Some(thread) = self.thread.take() {
            // Again on each turn: an interrupt that comes between two steps is forgotten.
            while !thread.is_finished() {
                (self.interrupt)();
                std::thread::sleep(Duration::from_millis(1));
            }
            let _ = thread.join();
        }
    }
}

/// A table's rows out of a pump. Engines do not tell where in their files they are: the share of
/// the rows that is through stands for it.
pub(crate) struct Pumped<'a> {
    schema: SchemaRef,
    pump: Pump,
    done: u64,
    rows: u64,
    size: u64,
    position: u64,
    job: Job<'a>,
}

impl<'a> Pumped<'a> {
    /// `rows` from the first that comes to the table's end, in a file of `size` bytes.
    pub(crate) fn new(
        schema: SchemaRef,
        pump: Pump,
        rows: Range<u64>,
        size: u64,
        job: Job<'a>,
    ) -> Self {
        Pumped {
            schema,
            pump,
            done: rows.start,
            rows: rows.end.max(1),
            size,
            position: 0,
            job,
        }
    }
}

impl TableReader for Pumped<'_> {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        let batch = self.pump.next(self.job)?;
        match &batch {
            Some(batch) => {
                self.done += batch.num_rows() as u64;
                let share = u128::from(self.done.min(self.rows)) * u128::from(self.size)
                    / u128::from(self.rows);
                self.position = self.position.max(share as u64);
            }
            None => self.position = self.size,
        }
        Ok(batch)
    }

    fn position(&self) -> u64 {
        self.position
    }
}
