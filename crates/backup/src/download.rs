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
use crate::seal::chunks::{NotSealed, Opening};
use crate::seal::{ObjectSeal, Place};
use crate::{BackupError, Bucket, Result};

/// What is wanted, and from where: the first place that has it whole.
pub(crate) struct Wanted<'a> {
    pub(crate) places: Vec<Place>,
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
/// since a bit can flip on the way, and then from the next place.
pub(crate) async fn fetch(
    bucket: &Bucket,
    wanted: &Wanted<'_>,
    into: Option<PathBuf>,
    meter: &Meter,
) -> Result<()> {
    let mut last = None;
    for place in &wanted.places {
        for fresh in [false, true, true] {
            match fetch_once(bucket, place, wanted, into.clone(), fresh, meter).await {
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
    place: &Place,
    wanted: &Wanted<'_>,
    into: Option<PathBuf>,
    fresh: bool,
    meter: &Meter,
) -> Result<()> {
    let key = place.key.as_str();
    let step = place.step(bucket.tuning().part_size(wanted.size));
    if (1..=step).contains(&wanted.size) {
        return fetch_at_once(bucket, place, wanted, into, meter).await;
    }
    let keep = if fresh { 0 } else { wanted.size / step * step };
    let seal = place.seal.clone();
    let mut sink = blocking(bucket, move || Sink::open(into, keep, step, seal)).await??;
    let resumed = sink.kept;
    if resumed > 0 {
        tracing::info!(
            bytes = resumed,
            "a file that was half fetched is gone on with"
        );
        meter.found(resumed);
    }
    if place.size == 0 {
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
    // Sealed, even nothing is something.
    let nothing = (wanted.size == 0 && place.size > 0).then_some(0);
    let mut starts = (resumed..wanted.size)
        .step_by(usize::try_from(step).unwrap_or(usize::MAX))
        .chain(nothing)
        .peekable();
    let mut ahead: VecDeque<Range> = VecDeque::new();
    let mut across = resumed;
    loop {
        while let Some(&start) = starts.peek() {
            if ahead.len() >= RANGES_AHEAD {
                break;
            }
            let (from, length) = place.range(start, step.min(wanted.size - start));
            // Waits for its share only with empty hands: files that each held some
            // and waited for more could wait in a circle.
            let held = match bucket.budget().try_take(length) {
                Some(held) => held,
                None if ahead.is_empty() => bucket.budget().take(length).await,
                None => break,
            };
            starts.next();
            ahead.push_back(Range::fetch(bucket, key, wanted.what, from, length, held));
        }
        let Some(Range { task, held }) = ahead.pop_front() else {
            break;
        };
        let bytes = task
            .await
            .map_err(|e| BackupError::io("finish a transfer", io::Error::other(e)))?;
        let bytes = bytes.map_err(|error| short(error, wanted))?;
        let (back, written) = blocking(bucket, move || sink.write(&bytes)).await??;
        let Some(written) = written else {
            return Err(damaged(wanted));
        };
        sink = back;
        across += written;
        drop(held);
        meter.reach(across);
    }
    let sha256 = blocking(bucket, move || sink.finish()).await??;
    if sha256 == wanted.sha256 {
        Ok(())
    } else {
        Err(damaged(wanted))
    }
}

/// What one request brings, written and hashed in one go.
async fn fetch_at_once(
    bucket: &Bucket,
    place: &Place,
    wanted: &Wanted<'_>,
    into: Option<PathBuf>,
    meter: &Meter,
) -> Result<()> {
    let (from, length) = place.range(0, wanted.size);
    let held = bucket.budget().take(length).await;
    let bytes = bucket
        .get_range(&place.key, wanted.what, from, length)
        .await
        .map_err(|error| short(error, wanted))?;
    let seal = place.seal.clone();
    let sha256 = blocking(bucket, move || {
        let (sink, written) = Sink::open(into, 0, 1, seal)?.write(&bytes)?;
        written.map(|_| sink.finish()).transpose()
    })
    .await??;
    drop(held);
    meter.reach(wanted.size);
    if sha256.as_deref() == Some(wanted.sha256) {
        Ok(())
    } else {
        Err(damaged(wanted))
    }
}

/// An object that is shorter than the manifest says has no such range.
fn short(error: BackupError, wanted: &Wanted<'_>) -> BackupError {
    match error {
        BackupError::Service { status: 416, .. } => damaged(wanted),
        other => other,
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

/// Work on a file of a restore, which waits for it before it is over, wanted or not.
async fn blocking<T: Send + 'static>(
    bucket: &Bucket,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T> {
    bucket
        .writers()
        .spawn_blocking(work)
        .await
        .map_err(|e| BackupError::io("finish a piece of work", io::Error::other(e)))
}

struct Sink {
    file: Option<File>,
    hasher: Sha256,
    /// Bytes that were there before.
    kept: u64,
    /// Bytes that are there now.
    at: u64,
    opening: Option<Opening>,
}

/// Pieces of this size are let go of as they are written.
const LARGE: u64 = 4 << 20;
/// So far behind, what was let go of is on the disk, and its memory is there for the next piece.
const BEHIND: u64 = 64 << 20;

/// Asks the kernel to write this range out now and to forget what is written. It was hashed
/// on its way, and nobody reads it again soon; kept, a file larger than memory would push out
/// everything else, and the sync at the end would have all of it to write. A hint: failures
/// do not matter.
#[cfg(target_os = "linux")]
fn let_go(file: &File, from: u64, to: u64) {
    use rustix::fs::{Advice, fadvise};
    let length = std::num::NonZeroU64::new(to.saturating_sub(from));
    let _ = fadvise(file, from, length, Advice::DontNeed);
}

#[cfg(not(target_os = "linux"))]
fn let_go(_: &File, _: u64, _: u64) {}

impl Sink {
    /// Keeps at most `keep` bytes of what is there, in whole steps.
    fn open(path: Option<PathBuf>, keep: u64, step: u64, seal: Option<ObjectSeal>) -> Result<Self> {
        let mut sink = Self {
            file: None,
            hasher: Sha256::new(),
            kept: 0,
            at: 0,
            opening: None,
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
            // Only where there is something to cut: some file systems write out at once what
            // was cut to nothing and filled again.
            if there > sink.kept {
                file.set_len(sink.kept).map_err(written)?;
            }
            let read = io::copy(&mut (&mut file).take(sink.kept), &mut sink.hasher);
            if read.map_err(written)? != sink.kept {
                return Err(written(io::Error::from(io::ErrorKind::UnexpectedEof)));
            }
            sink.file = Some(file);
        }
        sink.at = sink.kept;
        sink.opening = seal.map(|seal| seal.opening(sink.kept));
        Ok(sink)
    }

    /// Also answers how many bytes of the content that was; `None` for what does not open.
    fn write(mut self, bytes: &[u8]) -> Result<(Self, Option<u64>)> {
        let opened = match &mut self.opening {
            None => None,
            Some(opening) => match opening.open(bytes) {
                Ok(opened) => Some(opened),
                Err(NotSealed) => return Ok((self, None)),
            },
        };
        let bytes = opened.as_deref().unwrap_or(bytes);
        self.hasher.update(bytes);
        let written = bytes.len() as u64;
        if let Some(file) = &mut self.file {
            file.write_all(bytes)
                .map_err(|e| BackupError::io("write a restored file", e))?;
            if written >= LARGE {
                let_go(file, self.at.saturating_sub(BEHIND), self.at + written);
            }
        }
        self.at += written;
        Ok((self, Some(written)))
    }

    fn finish(self) -> Result<String> {
        if let Some(mut file) = self.file {
            file.flush()
                .map_err(|e| BackupError::io("write a restored file", e))?;
        }
        Ok(hex::encode(self.hasher.finalize()))
    }
}
