//! One object out of the bucket: ranges fetched ahead, written and hashed in
//! order, gone on with after a run that stopped. Nothing is believed until the
//! SHA-256 of the whole is right.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::PathBuf;

use bytes::Bytes;
use sha2::{Digest, Sha256};
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::task::AbortOnDropHandle;

use crate::progress::Meter;
use crate::{BackupError, Bucket, Result};

/// What is wanted, and from where: the first key that has it whole.
pub(crate) struct Wanted<'a> {
    pub(crate) keys: Vec<String>,
    /// For messages: `"q3.csv"`, or "The catalog".
    pub(crate) what: &'a str,
    pub(crate) size: u64,
    pub(crate) sha256: &'a str,
}

/// Ranges of one object under way at once.
const RANGES_AHEAD: usize = 4;

/// Fetches into `into` (`None` only checks). What is in that file already is taken for
/// the beginning of the same bytes, left by a run that stopped, and the rest is fetched;
/// the SHA-256 of the whole decides. A mismatch is fetched once more from the start,
/// since a bit can flip on the way, and then from the next key.
pub(crate) async fn fetch(
    bucket: &Bucket,
    wanted: &Wanted<'_>,
    into: Option<PathBuf>,
    meter: &Meter,
) -> Result<()> {
    let mut last = None;
    for key in &wanted.keys {
        for fresh in [false, true, true] {
            match fetch_once(bucket, key, wanted, into.clone(), fresh, meter).await {
                Ok(()) => return Ok(()),
                // A stand-in that has other bytes does not make what is gone damaged.
                Err(error @ BackupError::Damaged { .. }) => last = last.or(Some(error)),
                Err(error @ BackupError::NotFound { .. }) => {
                    last = last.or(Some(error));
                    break;
                }
                Err(error) => return Err(error),
            }
        }
    }
    Err(last.unwrap_or_else(|| BackupError::NotFound {
        what: wanted.what.to_owned(),
    }))
}

async fn fetch_once(
    bucket: &Bucket,
    key: &str,
    wanted: &Wanted<'_>,
    into: Option<PathBuf>,
    fresh: bool,
    meter: &Meter,
) -> Result<()> {
    let step = bucket.tuning().part_size(wanted.size);
    let keep = if fresh { 0 } else { wanted.size / step * step };
    let mut sink = blocking(move || Sink::open(into, keep, step)).await??;
    let resumed = sink.kept;
    if resumed > 0 {
        tracing::info!(
            bytes = resumed,
            "a file that was half fetched is gone on with"
        );
        meter.reach(resumed);
    }
    if wanted.size == 0 {
        let stored = bucket.head(key).await?;
        match stored {
            None => {
                return Err(BackupError::NotFound {
                    what: wanted.what.to_owned(),
                });
            }
            Some(s) if s.size != 0 => return Err(damaged(wanted)),
            Some(_) => {}
        }
    }
    let mut starts = (resumed..wanted.size)
        .step_by(usize::try_from(step).unwrap_or(usize::MAX))
        .peekable();
    let mut ahead: VecDeque<Range> = VecDeque::new();
    let mut across = resumed;
    loop {
        while let Some(&start) = starts.peek() {
            if ahead.len() >= RANGES_AHEAD {
                break;
            }
            let length = step.min(wanted.size - start);
            // Waits for its share only with empty hands: files that each held some
            // and waited for more could wait in a circle.
            let held = match bucket.budget().try_take(length) {
                Some(held) => held,
                None if ahead.is_empty() => bucket.budget().take(length).await,
                None => break,
            };
            starts.next();
            ahead.push_back(Range::fetch(bucket, key, wanted.what, start, length, held));
        }
        let Some(Range { task, held }) = ahead.pop_front() else {
            break;
        };
        let bytes = task
            .await
            .map_err(|e| BackupError::io("finish a transfer", io::Error::other(e)))?;
        let bytes = match bytes {
            Ok(bytes) => bytes,
            // The object is shorter than the manifest says.
            Err(BackupError::Service { status: 416, .. }) => return Err(damaged(wanted)),
            Err(error) => return Err(error),
        };
        across += bytes.len() as u64;
        sink = blocking(move || sink.write(bytes)).await??;
        drop(held);
        meter.reach(across);
    }
    let sha256 = blocking(move || sink.finish()).await??;
    if sha256 == wanted.sha256 {
        Ok(())
    } else {
        Err(damaged(wanted))
    }
}

/// A range under way; ended if nobody wants it any more.
struct Range {
    task: AbortOnDropHandle<Result<Bytes>>,
    held: OwnedSemaphorePermit,
}

impl Range {
    fn fetch(
        bucket: &Bucket,
        key: &str,
        what: &str,
        start: u64,
        length: u64,
        held: OwnedSemaphorePermit,
    ) -> Self {
        let (bucket, key, what) = (bucket.clone(), key.to_owned(), what.to_owned());
        let task = tokio::spawn(async move { bucket.get_range(&key, &what, start, length).await });
        Self {
            task: AbortOnDropHandle::new(task),
            held,
        }
    }
}

fn damaged(wanted: &Wanted<'_>) -> BackupError {
    BackupError::Damaged {
        what: wanted.what.to_owned(),
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|e| BackupError::io("finish a piece of work", io::Error::other(e)))
}

struct Sink {
    file: Option<File>,
    hasher: Sha256,
    /// Bytes that were there before.
    kept: u64,
}

impl Sink {
    /// Keeps at most `keep` bytes of what is there, in whole steps.
    fn open(path: Option<PathBuf>, keep: u64, step: u64) -> Result<Self> {
        let mut sink = Self {
            file: None,
            hasher: Sha256::new(),
            kept: 0,
        };
        if let Some(path) = path {
            let written = |e| BackupError::io("write a restored file", e);
            // Made when the restore of it began.
            let mut options = File::options();
            let mut file = options
                .read(true)
                .write(true)
                .open(&path)
                .map_err(written)?;
            let there = file.metadata().map_err(written)?.len();
            sink.kept = there.min(keep) / step * step;
            file.set_len(sink.kept).map_err(written)?;
            let read = io::copy(&mut (&mut file).take(sink.kept), &mut sink.hasher);
            if read.map_err(written)? != sink.kept {
                return Err(written(io::Error::from(io::ErrorKind::UnexpectedEof)));
            }
            sink.file = Some(file);
        }
        Ok(sink)
    }

    fn write(mut self, bytes: Bytes) -> Result<Self> {
        self.hasher.update(&bytes);
        if let Some(file) = &mut self.file {
            file.write_all(&bytes)
                .map_err(|e| BackupError::io("write a restored file", e))?;
        }
        Ok(self)
    }

    fn finish(self) -> Result<String> {
        if let Some(mut file) = self.file {
            file.flush()
                .map_err(|e| BackupError::io("write a restored file", e))?;
        }
        Ok(hex::encode(self.hasher.finalize()))
    }
}
