//! One object into the bucket from a file on disk, hashed as it is read. An
//! object whose bytes are not the ones that were promised never gets a name.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use crc_fast::CrcAlgorithm::Crc64Nvme;
use sha2::{Digest, Sha256};
use tokio::task::{JoinError, JoinSet};

use crate::bucket::{Composed, PartBody, PartDone};
use crate::journal::{BegunUpload, Journal, SentPart, Unfinished};
use crate::open_uploads::OpenUploads;
use crate::progress::{Meter, Progress};
use crate::seal::chunks::Sealing;
use crate::seal::{ObjectSeal, Place};
use crate::source::FileIdentity;
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

/// What is to be stored, and where. Size and hash are the content's; what they are in the
/// bucket is the place's.
pub(crate) struct Payload<'a> {
    pub(crate) place: &'a Place,
    pub(crate) path: &'a Path,
    pub(crate) size: u64,
    pub(crate) sha256: &'a str,
}

impl Payload<'_> {
    /// What opens the file, on a thread that may block.
    fn opener(&self) -> impl FnOnce() -> Result<Source, Stop> + Send + 'static {
        let (path, size, sha256) = (self.path.to_owned(), self.size, self.sha256.to_owned());
        let sealing = self.place.seal.as_ref().map(ObjectSeal::sealing);
        move || Source::open(&path, size, sha256, sealing)
    }
}

/// Stores one object; its bytes are counted on `progress` as the server takes them,
/// and those that it has from a run before as soon as it says so.
pub(crate) async fn store(
    bucket: &Bucket,
    payload: Payload<'_>,
    progress: &Arc<dyn Progress>,
    open: &OpenUploads,
) -> Result<(), Stop> {
    if payload.place.size <= bucket.tuning().part_size(payload.place.size) {
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
    let stored = payload.place.size;
    let _held = bucket.budget().take(stored).await;
    let open = payload.opener();
    let body = tokio::task::spawn_blocking(move || {
        let mut source = open()?;
        let body = source.read(stored)?;
        source.finish()?;
        Ok::<_, Stop>(body)
    })
    .await??;
    bucket.put_in(payload.place, body).await?;
    progress.advance(payload.size, 0);
    Ok(())
}

/// An upload on the server can go while it is being filled: swept by a rule, or by
/// another hand. Then the object is sent again from its start, this often.
const BEGINNINGS: usize = 3;

async fn store_in_parts(
    bucket: &Bucket,
    payload: Payload<'_>,
    progress: &Arc<dyn Progress>,
    open: &OpenUploads,
) -> Result<(), Stop> {
    let mut gone = None;
    // What is sent once more after that is not counted once more.
    let meter = Arc::new(Meter::new(progress.clone()));
    for _ in 0..BEGINNINGS {
        match store_in_parts_once(bucket, &payload, &meter, open).await {
            Err(Stop::Fatal(error @ BackupError::NotFound { .. })) => {
                tracing::info!("an upload in parts is gone from the server; it begins anew");
                gone = Some(Stop::Fatal(error));
            }
            outcome => return outcome,
        }
    }
    gone.map_or(Ok(()), Err)
}

async fn store_in_parts_once(
    bucket: &Bucket,
    payload: &Payload<'_>,
    meter: &Arc<Meter>,
    open: &OpenUploads,
) -> Result<(), Stop> {
    let source = tokio::task::spawn_blocking(payload.opener()).await??;
    let upload = match resume(bucket, payload, &source, open.journal()).await? {
        Some(upload) => {
            open.resumed(&payload.place.key, &upload.begun.upload_id);
            upload
        }
        None => begin(bucket, payload, &source, open).await?,
    };
    let upload_id = upload.begun.upload_id.clone();
    let sending = Sending {
        bucket,
        payload,
        upload: &upload.begun,
        meter,
        across: Arc::default(),
        journal: open.journal(),
    };
    let outcome = match sending.parts(source, &upload).await {
        Ok((parts, crc64nvme)) => bucket
            .complete_upload(Composed {
                key: &payload.place.key,
                upload_id: &upload_id,
                parts,
                size: payload.place.size,
                sha256: &payload.place.label,
                operation: &upload.begun.operation,
                crc64nvme: Some(crc64nvme),
            })
            .await
            .map_err(Stop::from),
        Err(stop) => Err(stop),
    };
    match &outcome {
        // The file's own trouble: end the upload here, the run goes on.
        Err(Stop::Skip(_)) => bucket.abort_upload(&payload.place.key, &upload_id).await?,
        Ok(()) | Err(Stop::Fatal(BackupError::NotFound { .. })) => {}
        // The run stops; what becomes of its uploads is decided there.
        Err(Stop::Fatal(_)) => return outcome,
    }
    open.end(&upload_id);
    outcome
}

async fn begin(
    bucket: &Bucket,
    payload: &Payload<'_>,
    source: &Source,
    open: &OpenUploads,
) -> Result<Unfinished, Stop> {
    let operation = ulid::Ulid::new().to_string();
    let ticket = open.begin(&payload.place.key);
    let created = bucket
        .create_upload(&payload.place.key, &payload.place.label, &operation)
        .await;
    let upload_id = match created {
        Ok(id) => id,
        Err(error) => {
            open.refused(ticket);
            return Err(error.into());
        }
    };
    let begun = BegunUpload {
        place: open
            .journal()
            .map(|journal| journal.place().to_owned())
            .unwrap_or_default(),
        key: payload.place.key.clone(),
        upload_id,
        operation,
        size: payload.place.size,
        sha256: payload.place.label.clone(),
        part_size: bucket.tuning().part_size(payload.place.size),
        identity: source.identity,
        begun: jiff::Timestamp::now().as_second(),
    };
    open.created(ticket, &begun);
    Ok(Unfinished {
        begun,
        parts: Default::default(),
    })
}

/// What an earlier run left of this very file, if the server still has it. The parts
/// in the answer are those that both the journal and the server know.
async fn resume(
    bucket: &Bucket,
    payload: &Payload<'_>,
    source: &Source,
    journal: Option<&Journal>,
) -> Result<Option<Unfinished>, Stop> {
    let Some((journal, mut left)) = journal.and_then(|journal| {
        let left = journal.find(&payload.place.key, payload.place.size, &payload.place.label)?;
        Some((journal, left))
    }) else {
        return Ok(None);
    };
    let upload_id = left.begun.upload_id.clone();
    if left.begun.identity != source.identity {
        // Another file under the same promise: its parts may be others, too.
        bucket.abort_upload(&payload.place.key, &upload_id).await?;
        journal.end(&upload_id);
        return Ok(None);
    }
    let listed = match bucket.list_parts(&payload.place.key, &upload_id).await {
        Ok(Some(listed)) => listed,
        Ok(None) => {
            journal.end(&upload_id);
            return Ok(None);
        }
        // Without that permission nothing can be resumed, and a backup does without.
        Err(BackupError::AccessDenied { .. } | BackupError::Unsupported { .. }) => {
            return Ok(None);
        }
        Err(error) => return Err(error.into()),
    };
    let expected = |number: i32| {
        let before = u64::try_from(number).ok()?.checked_sub(1)? * left.begun.part_size;
        Some(
            left.begun
                .part_size
                .min(payload.place.size.checked_sub(before)?),
        )
    };
    left.parts = listed
        .into_iter()
        .filter(|part| expected(part.number) == Some(part.size))
        .filter_map(|part| {
            let sent = left.parts.get(&part.number)?;
            // What the server can check with must agree with what was sent.
            let agrees = part
                .crc64nvme
                .as_ref()
                .is_none_or(|crc| *crc == crate::bucket::crc_text(sent.crc64nvme));
            agrees.then(|| {
                let etag = part.etag.or_else(|| sent.etag.clone());
                (
                    part.number,
                    SentPart {
                        etag,
                        ..sent.clone()
                    },
                )
            })
        })
        .collect();
    tracing::info!(
        parts = left.parts.len(),
        "an upload that was cut off is taken up again"
    );
    Ok(Some(left))
}

struct Sending<'a> {
    bucket: &'a Bucket,
    payload: &'a Payload<'a>,
    upload: &'a BegunUpload,
    meter: &'a Arc<Meter>,
    /// Bytes of the content that the server has by this beginning.
    across: Arc<AtomicU64>,
    journal: Option<&'a Journal>,
}

impl Sending<'_> {
    /// Reads part after part while those before it travel, and leaves out what the
    /// server has. The last part is sent only after the whole file has proven to be
    /// what was promised. Also answers the checksum of the whole.
    async fn parts(
        &self,
        mut source: Source,
        before: &Unfinished,
    ) -> Result<(Vec<PartDone>, u64), Stop> {
        let (size, part_size) = (self.payload.place.size, self.upload.part_size);
        let mut in_flight: JoinSet<Result<PartDone>> = JoinSet::new();
        let mut done = Vec::new();
        let mut whole = 0;
        // All at once, before the first is read again: a bar that fills up as they are
        // read would show a speed that no line has.
        let found = self.found(before);
        self.across.store(found, Ordering::Relaxed);
        self.meter.found(found);
        let count = i32::try_from(size.div_ceil(part_size)).map_err(|_| too_large())?;
        for number in 1..=count {
            let start = (number as u64 - 1) * part_size;
            let length = part_size.min(size - start);
            let plain = self.payload.place.plain_within(start, length);
            let held = self.bucket.budget().take(length).await;
            while let Some(part) = in_flight.try_join_next() {
                done.push(part??);
            }
            let (last, signs) = (number == count, self.bucket.signs_payload());
            let (back, part) = tokio::task::spawn_blocking(move || {
                let mut part = PartBody::from(source.read(length)?);
                if signs {
                    part.sha256 = Some(hex::encode(Sha256::digest(&part.bytes)));
                }
                if last {
                    source.finish()?;
                }
                Ok::<_, Stop>((source, part))
            })
            .await??;
            source = back;
            whole = if number == 1 {
                part.crc64nvme
            } else {
                crc_fast::checksum_combine(Crc64Nvme, whole, part.crc64nvme, length)
            };
            match before.parts.get(&number) {
                Some(there) if there.crc64nvme == part.crc64nvme => {
                    done.push(PartDone {
                        number,
                        etag: there.etag.clone(),
                        crc64nvme: (!self.bucket.checks_with_md5())
                            .then(|| crate::bucket::crc_text(there.crc64nvme)),
                    });
                }
                there => {
                    // One that was sent otherwise has been counted.
                    let counts = if there.is_some() { 0 } else { plain };
                    let sent = self.send(number, part, counts, held);
                    in_flight.spawn(sent);
                }
            }
        }
        while let Some(part) = in_flight.join_next().await {
            done.push(part??);
        }
        Ok((done, whole))
    }

    /// Bytes of the content in the parts that the server has.
    fn found(&self, before: &Unfinished) -> u64 {
        let place = &self.payload.place;
        let (size, part_size) = (place.size, self.upload.part_size);
        before
            .parts
            .keys()
            .filter_map(|number| u64::try_from(*number).ok()?.checked_sub(1))
            .map(|earlier| {
                let start = earlier * part_size;
                place.plain_within(start, part_size.min(size.saturating_sub(start)))
            })
            .sum()
    }

    /// `counts`: bytes of the content to be counted once it is there.
    fn send(
        &self,
        number: i32,
        part: PartBody,
        counts: u64,
        held: tokio::sync::OwnedSemaphorePermit,
    ) -> impl Future<Output = Result<PartDone>> + Send + 'static {
        let (bucket, key, upload_id, meter, across, journal) = (
            self.bucket.clone(),
            self.payload.place.key.clone(),
            self.upload.upload_id.clone(),
            self.meter.clone(),
            self.across.clone(),
            self.journal.cloned(),
        );
        async move {
            let crc64nvme = part.crc64nvme;
            let done = bucket.upload_part(&key, &upload_id, number, part).await?;
            drop(held);
            if let Some(journal) = journal {
                let etag = done.etag.clone();
                let sent = SentPart {
                    number,
                    etag,
                    crc64nvme,
                };
                journal.part(&upload_id, sent);
            }
            meter.reach(across.fetch_add(counts, Ordering::Relaxed) + counts);
            Ok(done)
        }
    }
}

fn too_large() -> Stop {
    Stop::Skip(SkipReason::Unreadable {
        detail: "it is larger than S3 can hold".to_owned(),
    })
}

/// A file being read for upload.
struct Source {
    file: File,
    path: PathBuf,
    hasher: Sha256,
    identity: FileIdentity,
    sha256: String,
    /// `None`: its bytes go as they are.
    sealing: Option<Sealing>,
}

impl Source {
    fn open(
        path: &Path,
        size: u64,
        sha256: String,
        sealing: Option<Sealing>,
    ) -> Result<Self, Stop> {
        let file = File::open(path).map_err(skip_io)?;
        let meta = file.metadata().map_err(skip_io)?;
        if !meta.is_file() || meta.len() != size {
            return Err(Stop::Skip(SkipReason::Changed));
        }
        Ok(Self {
            file,
            path: path.to_owned(),
            hasher: Sha256::new(),
            identity: FileIdentity::of(&meta),
            sha256,
            sealing,
        })
    }

    /// The next `length` bytes as they are to lie in the bucket.
    fn read(&mut self, length: u64) -> Result<Bytes, Stop> {
        let length = usize::try_from(length).map_err(|_| too_large())?;
        let body = match self.sealing.take() {
            None => self.read_plain(length)?,
            Some(mut sealing) => {
                let body = sealing.take(length, |length| self.read_plain(length))?;
                self.sealing = Some(sealing);
                body
            }
        };
        Ok(Bytes::from(body))
    }

    fn read_plain(&mut self, length: usize) -> Result<Vec<u8>, Stop> {
        let mut body = Vec::with_capacity(length);
        (&mut self.file)
            .take(length as u64)
            .read_to_end(&mut body)
            .map_err(skip_io)?;
        if body.len() != length {
            return Err(Stop::Skip(SkipReason::Changed));
        }
        self.hasher.update(&body);
        Ok(body)
    }

    /// Nothing more to read, the hash is the promised one, and the file that has the
    /// name is still the one that was read.
    fn finish(&mut self) -> Result<(), Stop> {
        let more = (&mut self.file)
            .take(1)
            .read_to_end(&mut Vec::new())
            .map_err(skip_io)?;
        let hash = hex::encode(std::mem::take(&mut self.hasher).finalize());
        let now = std::fs::metadata(&self.path).map_err(skip_io)?;
        let replaced = FileIdentity::of(&now).inode != self.identity.inode;
        if more > 0 || hash != self.sha256 || replaced {
            tracing::debug!(
                size = self.identity.size,
                "a file is not what the catalog knows"
            );
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
