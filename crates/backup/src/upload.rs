//! One object into the bucket from a file on disk, hashed as it is read. An
//! object whose bytes are not the ones that were promised never gets a name.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use sha2::{Digest, Sha256};
use tokio::task::{JoinError, JoinSet};

use crate::bucket::PartDone;
use crate::progress::Progress;
use crate::{BackupError, Bucket, Result, SkipReason};

/// Why an object was not stored: this file's own trouble, or everybody's.
#[derive(Debug)]
pub(crate) enum Stop {
    Skip(SkipReason),
    Fatal(BackupError),
}

impl From<BackupError> for Stop {
    fn from(error: BackupError) -> Self {
        Self::Fatal(error)
    }
}

impl From<JoinError> for Stop {
    fn from(error: JoinError) -> Self {
        Self::Fatal(BackupError::io(
            "finish a transfer",
            io::Error::other(error),
        ))
    }
}

/// What is to be stored, and where.
pub(crate) struct Payload<'a> {
    pub(crate) key: &'a str,
    pub(crate) path: &'a Path,
    pub(crate) size: u64,
    pub(crate) sha256: &'a str,
}

/// Uploads in parts that are begun and not finished, so that a run that stops
/// can end them.
#[derive(Clone, Default)]
pub(crate) struct OpenUploads(Arc<OpenInner>);

#[derive(Default)]
struct OpenInner {
    next: AtomicU64,
    /// By ticket: the key, and the upload's id once the server has said it.
    open: Mutex<HashMap<u64, (String, Option<String>)>>,
}

impl OpenUploads {
    fn begin(&self, key: &str) -> u64 {
        let ticket = self.0.next.fetch_add(1, Ordering::Relaxed);
        self.lock().insert(ticket, (key.to_owned(), None));
        ticket
    }

    fn created(&self, ticket: u64, upload_id: &str) {
        if let Some((_, id)) = self.lock().get_mut(&ticket) {
            *id = Some(upload_id.to_owned());
        }
    }

    fn end(&self, ticket: u64) {
        self.lock().remove(&ticket);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<u64, (String, Option<String>)>> {
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends what a stopped run left open. What cannot be ended now is swept by a
    /// later run, so a failure here is no failure of its own.
    pub(crate) async fn abort_all(&self, bucket: &Bucket) {
        let open: Vec<_> = self.lock().drain().map(|(_, upload)| upload).collect();
        for (key, id) in open {
            let ended = match id {
                Some(id) => bucket.abort_upload(&key, &id).await,
                // Stopped between the request and its answer: the server knows the id.
                None => abort_by_key(bucket, &key).await,
            };
            if let Err(error) = ended {
                tracing::warn!(%error, "an unfinished upload stays until a later run sweeps it");
                return;
            }
        }
    }
}

async fn abort_by_key(bucket: &Bucket, key: &str) -> Result<()> {
    for upload in bucket
        .open_uploads(key)
        .await?
        .into_iter()
        .filter(|u| u.key == key)
    {
        bucket.abort_upload(&upload.key, &upload.upload_id).await?;
    }
    Ok(())
}

/// Stores one object; its bytes are counted on `progress` as the server takes them.
pub(crate) async fn store(
    bucket: &Bucket,
    payload: Payload<'_>,
    progress: &Arc<dyn Progress>,
    open: &OpenUploads,
) -> Result<(), Stop> {
    if payload.size <= bucket.tuning().part_size(payload.size) {
        store_whole(bucket, payload, progress).await
    } else {
        store_in_parts(bucket, payload, progress, open).await
    }
}

async fn store_whole(
    bucket: &Bucket,
    payload: Payload<'_>,
    progress: &Arc<dyn Progress>,
) -> Result<(), Stop> {
    let _held = bucket.budget().take(payload.size).await;
    let (path, size, sha256) = (
        payload.path.to_owned(),
        payload.size,
        payload.sha256.to_owned(),
    );
    let body = tokio::task::spawn_blocking(move || {
        let mut reader = Source::open(path, size, sha256)?;
        let body = reader.read(size)?;
        reader.finish()?;
        Ok::<_, Stop>(body)
    })
    .await??;
    bucket.put(payload.key, body, payload.sha256).await?;
    progress.advance(payload.size, 0);
    Ok(())
}

async fn store_in_parts(
    bucket: &Bucket,
    payload: Payload<'_>,
    progress: &Arc<dyn Progress>,
    open: &OpenUploads,
) -> Result<(), Stop> {
    let operation = ulid::Ulid::new().to_string();
    let ticket = open.begin(payload.key);
    let upload_id = match bucket
        .create_upload(payload.key, payload.sha256, &operation)
        .await
    {
        Ok(id) => id,
        Err(error) => {
            open.end(ticket);
            return Err(error.into());
        }
    };
    open.created(ticket, &upload_id);
    let outcome = match send_parts(bucket, &payload, &upload_id, progress).await {
        Ok(parts) => bucket
            .complete_upload(payload.key, &upload_id, parts, payload.size, &operation)
            .await
            .map_err(Stop::from),
        Err(stop) => Err(stop),
    };
    match &outcome {
        // The file's own trouble: end the upload here, the run goes on.
        Err(Stop::Skip(_)) => bucket.abort_upload(payload.key, &upload_id).await?,
        // The run stops, and ends all that is open.
        Err(Stop::Fatal(_)) => return outcome,
        Ok(()) => {}
    }
    open.end(ticket);
    outcome
}

/// Reads part after part while those before it travel. The last part is sent
/// only after the whole file has proven to be what was promised.
async fn send_parts(
    bucket: &Bucket,
    payload: &Payload<'_>,
    upload_id: &str,
    progress: &Arc<dyn Progress>,
) -> Result<Vec<PartDone>, Stop> {
    let part_size = bucket.tuning().part_size(payload.size);
    let (path, size, sha256) = (
        payload.path.to_owned(),
        payload.size,
        payload.sha256.to_owned(),
    );
    let mut source =
        tokio::task::spawn_blocking(move || Source::open(path, size, sha256)).await??;
    let mut in_flight: JoinSet<Result<PartDone>> = JoinSet::new();
    let mut done = Vec::new();
    let count = i32::try_from(size.div_ceil(part_size)).map_err(|_| too_many_parts())?;
    for number in 1..=count {
        let start = (number as u64 - 1) * part_size;
        let length = part_size.min(size - start);
        let held = bucket.budget().take(length).await;
        while let Some(part) = in_flight.try_join_next() {
            done.push(part??);
        }
        let last = number == count;
        let (back, body) = tokio::task::spawn_blocking(move || {
            let body = source.read(length)?;
            if last {
                source.finish()?;
            }
            Ok::<_, Stop>((source, body))
        })
        .await??;
        source = back;
        let (bucket, key, upload_id, progress) = (
            bucket.clone(),
            payload.key.to_owned(),
            upload_id.to_owned(),
            progress.clone(),
        );
        in_flight.spawn(async move {
            let part = bucket.upload_part(&key, &upload_id, number, body).await?;
            drop(held);
            progress.advance(length, 0);
            Ok(part)
        });
    }
    while let Some(part) = in_flight.join_next().await {
        done.push(part??);
    }
    Ok(done)
}

fn too_many_parts() -> Stop {
    Stop::Skip(SkipReason::Unreadable {
        detail: "it is larger than S3 can hold".to_owned(),
    })
}

/// A file being read for upload.
struct Source {
    file: File,
    hasher: Sha256,
    size: u64,
    sha256: String,
}

impl Source {
    fn open(path: PathBuf, size: u64, sha256: String) -> Result<Self, Stop> {
        let file = File::open(path).map_err(skip_io)?;
        let meta = file.metadata().map_err(skip_io)?;
        if !meta.is_file() || meta.len() != size {
            return Err(Stop::Skip(SkipReason::Changed));
        }
        Ok(Self {
            file,
            hasher: Sha256::new(),
            size,
            sha256,
        })
    }

    fn read(&mut self, length: u64) -> Result<Bytes, Stop> {
        let mut body = Vec::with_capacity(usize::try_from(length).map_err(|_| too_many_parts())?);
        (&mut self.file)
            .take(length)
            .read_to_end(&mut body)
            .map_err(skip_io)?;
        if body.len() as u64 != length {
            return Err(Stop::Skip(SkipReason::Changed));
        }
        self.hasher.update(&body);
        Ok(Bytes::from(body))
    }

    /// Nothing more to read, and the hash is the promised one.
    fn finish(&mut self) -> Result<(), Stop> {
        let more = (&mut self.file)
            .take(1)
            .read_to_end(&mut Vec::new())
            .map_err(skip_io)?;
        let hash = hex::encode(std::mem::take(&mut self.hasher).finalize());
        if more > 0 || hash != self.sha256 {
            tracing::debug!(size = self.size, "a file is not what the catalog knows");
            return Err(Stop::Skip(SkipReason::Changed));
        }
        Ok(())
    }
}

/// Told without the path, which may say more than it should.
fn skip_io(error: io::Error) -> Stop {
    Stop::Skip(match error.kind() {
        io::ErrorKind::NotFound => SkipReason::Missing,
        _ => SkipReason::Unreadable {
            detail: error.to_string(),
        },
    })
}
