//! A backup, in the order that makes it safe to stop anywhere: data and a look at what
//! came of it, catalog, shards, and the manifest last.

mod check;
mod files;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::FutureExt;
use futures::stream::{self, StreamExt, TryStreamExt};
use sha2::{Digest, Sha256};
use tokio::sync::OnceCell;

use crate::heads::seen_by;
use crate::layout::PointName;
use crate::manifest::{
    EncodedShard, FileEntry, Grown, Manifest, ManifestHead, ObjectRef, encode_head, encode_shards,
};
use crate::open_uploads::OpenUploads;
use crate::points::{catalog_place, file_place};
use crate::progress::{self, Phase, Progress};
use crate::seal::{Kind, Place, key_store};
use crate::upload::{self, Payload, Stop};
use crate::{
    BackupError, BackupPlan, Bucket, CatalogSnapshot, Change, ManifestKey, Result, SkipReason,
};
use files::Sent;

/// A file that is not in the restore point with its present bytes.
#[derive(Clone, Debug)]
pub struct SkippedFile {
    pub relative_path: String,
    pub uid: String,
    pub reason: SkipReason,
    /// The restore point still has the revision before.
    pub earlier_kept: bool,
}

/// What a backup did.
#[derive(Clone, Debug)]
pub struct BackupOutcome {
    /// The manifest's object name (its key in the bucket).
    pub manifest: String,
    /// The restore point's id, as `--at` takes it.
    pub restore_point: String,
    pub generation: u64,
    /// False where nothing had changed: the last restore point stands for this run too.
    pub created: bool,
    pub uploaded_files: u64,
    /// Of files; the catalog and the manifest not counted.
    pub uploaded_bytes: u64,
    pub unchanged_files: u64,
    pub requests: u64,
    pub seconds: f64,
    /// Found while reading; names that could not be taken are in the plan.
    pub skipped: Vec<SkippedFile>,
    /// Names that this server does not take as a key. Their bytes are safe and
    /// restorable; only the directly readable copy is not there.
    pub without_plain_copy: Vec<String>,
    /// Files of the point that lie in the bucket in the clear although what is sent is
    /// sealed: their bytes are not here to be sent again.
    pub in_the_clear: u64,
    /// The restore point as read back: pass it to the next [`crate::plan_backup`].
    pub current: Manifest,
}

/// No honest upload takes this long; one that old was left by a run that was killed.
const STALE_UPLOAD: Duration = Duration::from_secs(7 * 24 * 3600);

/// Keep rules of another device delete a day after they marked. A run that took longer
/// than this looks once more for what it is about to claim. By the clock on the wall: a
/// machine may have slept in the middle.
const LOOK_AGAIN_AFTER: i64 = 12 * 3600;

/// Carries out a plan. After an error or a cancel there is no new restore
/// point. What was sent stays and is not sent again: whole objects always, parts
/// of large ones if the bucket keeps a journal (else those uploads are ended).
pub async fn run_backup(
    bucket: &Bucket,
    plan: &BackupPlan,
    snapshot: &CatalogSnapshot,
    key: &ManifestKey,
    device: &str,
    progress: Arc<dyn Progress>,
) -> Result<BackupOutcome> {
    run_backup_told(bucket, plan, snapshot, key, device, progress, &|_| {}).await
}

/// As [`run_backup`]; `about_to_send` hears of the new restore point before its manifest
/// is sent. Whether it arrived is not known to a run that ends right there (killed, or
/// its answer lost): see [`crate::was_made`].
pub async fn run_backup_told(
    bucket: &Bucket,
    plan: &BackupPlan,
    snapshot: &CatalogSnapshot,
    key: &ManifestKey,
    device: &str,
    progress: Arc<dyn Progress>,
    about_to_send: &(dyn Fn(&Manifest) + Sync),
) -> Result<BackupOutcome> {
    let started = Instant::now();
    let now = bucket.tuning().clock;
    let begun_at = now().as_second();
    let requests_before = bucket.requests();
    let open = OpenUploads::new(bucket.journal().await);
    let run = Run {
        bucket: bucket.clone(),
        key: key.clone(),
        open: open.clone(),
        progress: progress.clone(),
        listed: Arc::default(),
    };
    let prepared =
        progress::until_cancelled(&progress, run.all_but_manifest(plan, snapshot, device)).await;
    let prepared = match prepared.and_then(|p| progress::check(&progress).map(|()| p)) {
        Ok(prepared) => prepared,
        Err(error) => {
            open.settle(bucket).await;
            return Err(error);
        }
    };
    let took = now().as_second().saturating_sub(begun_at);
    if prepared.created && took >= LOOK_AGAIN_AFTER {
        still_there(bucket, &prepared.manifest).await?;
    }
    // From here on a cancel comes too late: the request may have arrived, and a
    // restore point that exists must not be reported as cancelled.
    if prepared.created {
        let data_key = bucket.data_keys().current();
        let body = encode_head(&prepared.manifest.head, key, data_key)?;
        let sha256 = hex::encode(Sha256::digest(&body));
        about_to_send(&prepared.manifest);
        bucket
            .put(
                &bucket.layout().manifest(prepared.manifest.id()),
                Bytes::from(body),
                &sha256,
            )
            .await?;
    }
    tracing::info!(
        restore_point = prepared.manifest.id(),
        created = prepared.created,
        files = prepared.sent.files,
        bytes = prepared.sent.bytes,
        skipped = prepared.sent.skipped.len(),
        "backed up"
    );
    let clear = |file: &&FileEntry| bucket.sealing().is_some() && file.seal.is_none();
    Ok(BackupOutcome {
        in_the_clear: prepared.manifest.files.iter().filter(clear).count() as u64,
        manifest: bucket.layout().manifest(prepared.manifest.id()),
        restore_point: prepared.manifest.id().to_owned(),
        generation: prepared.manifest.head.generation,
        created: prepared.created,
        uploaded_files: prepared.sent.files,
        uploaded_bytes: prepared.sent.bytes,
        unchanged_files: plan.unchanged,
        requests: bucket.requests() - requests_before,
        seconds: started.elapsed().as_secs_f64(),
        skipped: prepared.sent.skipped,
        without_plain_copy: prepared.sent.without_plain_copy,
        current: prepared.manifest,
    })
}

/// An error where anything that the point names is gone; the next run sends it again.
async fn still_there(bucket: &Bucket, manifest: &Manifest) -> Result<()> {
    let head = &manifest.head;
    let objects = crate::plan::objects_there(bucket).await?;
    let mut contents = BTreeSet::new();
    for file in &manifest.files {
        let place = file_place(bucket, file)?;
        if objects.get(&place.key) != Some(&place.size) {
            contents.insert(file.sha256.clone());
        }
    }
    let catalog = catalog_place(bucket, &head.catalog)?;
    let whole = contents.is_empty()
        && crate::points::has_lists(bucket, head).await?
        && bucket.head(&catalog.key).await?.is_some();
    if whole {
        return Ok(());
    }
    Err(BackupError::TidiedAway { contents })
}

/// Ends unfinished uploads under this store's prefix that were begun more than
/// `older_than` ago, left by runs that were killed. Returns how many.
pub async fn abort_stale_uploads(bucket: &Bucket, older_than: Duration) -> Result<u64> {
    let now = jiff::Timestamp::now().as_second();
    let age = i64::try_from(older_than.as_secs()).unwrap_or(i64::MAX);
    let mut ended = 0;
    for upload in bucket.open_uploads(&bucket.layout().own_prefix()).await? {
        // One without a date may be in use right now.
        if upload
            .initiated
            .is_some_and(|begun| now.saturating_sub(begun.secs()) >= age)
        {
            bucket.abort_upload(&upload.key, &upload.upload_id).await?;
            ended += 1;
        }
    }
    Ok(ended)
}

/// Lists of files on their way at once.
const SHARDS_AT_ONCE: usize = 8;

/// As many files as a line in a list has room for.
const GREW: usize = 5;

fn grew_most(plan: &BackupPlan) -> Vec<Grown> {
    let mut grown: Vec<Grown> = plan
        .upload
        .iter()
        .filter_map(|planned| {
            if planned.change == Change::Sealed {
                return None;
            }
            let before = planned.was.as_ref().map_or(0, |was| was.size);
            let by = planned.file.size.checked_sub(before).filter(|by| *by > 0)?;
            Some(Grown {
                path: planned.file.relative_path.clone(),
                by,
                size: planned.file.size,
            })
        })
        .collect();
    grown.sort_by(|a, b| b.by.cmp(&a.by).then_with(|| a.path.cmp(&b.path)));
    grown.truncate(GREW);
    grown
}

#[derive(Clone)]
struct Run {
    bucket: Bucket,
    key: ManifestKey,
    open: OpenUploads,
    progress: Arc<dyn Progress>,
    /// The bucket's objects with their sizes, once somebody had to know.
    listed: Arc<OnceCell<HashMap<String, u64>>>,
}

struct Prepared {
    manifest: Manifest,
    created: bool,
    sent: Sent,
}

impl Run {
    async fn all_but_manifest(
        &self,
        plan: &BackupPlan,
        snapshot: &CatalogSnapshot,
        device: &str,
    ) -> Result<Prepared> {
        self.progress
            .set_total(plan.bytes, plan.upload.len() as u64);
        self.progress.phase(Phase::Uploading);
        let ensured = async {
            match plan.upload.is_empty() {
                true => Ok(()),
                false => key_store::ensure(&self.bucket, &self.key).await,
            }
        };
        let ((), marked, ()) = tokio::try_join!(
            self.sweep(plan).map(Ok).boxed(),
            self.marked(plan).boxed(),
            ensured.boxed()
        )?;
        let mut sent = self.send_files(plan, &marked).await?;

        let known = plan.carried.len() + plan.upload.len();
        self.check_sent(&sent.contents, known as u64).await?;

        self.progress.phase(Phase::Committing);
        self.progress
            .set_total(snapshot.size, plan.upload.len() as u64);
        self.progress.found(0, plan.upload.len() as u64);
        let mut files = plan.carried.clone();
        files.append(&mut sent.entries);
        files.sort_by(|a, b| a.path.cmp(&b.path));
        let for_shards = files.clone();
        let shards = tokio::task::spawn_blocking(move || encode_shards(&for_shards))
            .await
            .map_err(|e| BackupError::io("write the list of files", std::io::Error::other(e)))??;
        if let Some(manifest) = self.nothing_new(plan, snapshot, &shards, &files).await? {
            self.progress.found(snapshot.size, 0);
            return Ok(Prepared {
                manifest,
                created: false,
                sent,
            });
        }
        if plan.upload.is_empty() {
            key_store::ensure(&self.bucket, &self.key).await?;
        }
        let seal = self.bucket.sealing().map(str::to_owned);
        let catalog = ObjectRef {
            sha256: snapshot.sha256.clone(),
            size: snapshot.size,
            seal: seal.clone(),
        };
        self.send_catalog(plan, snapshot, &catalog).await?;
        let head_shards = self.send_shards(plan, shards).await?;

        let name = PointName::new(plan.generation, device);
        sent.changes.removed_files = plan.removed.len() as u64;
        sent.changes.uploaded_bytes = sent.bytes;
        let head = ManifestHead {
            version: ManifestHead::version(seal.as_deref()),
            store: self.bucket.store_hash().to_owned(),
            id: name.id(),
            generation: name.generation,
            device: name.device.clone(),
            created_at: jiff::Timestamp::now().to_string(),
            parents: plan.heads().map(|p| p.id.clone()).collect(),
            seen: seen_by(&plan.heads().collect::<Vec<_>>()),
            catalog,
            shards: head_shards,
            files: files.len() as u64,
            bytes: files.iter().map(|f| f.size).sum(),
            changes: sent.changes,
            grew: grew_most(plan),
            encryption: seal,
        };
        Ok(Prepared {
            manifest: Manifest {
                head,
                files,
                refused: Vec::new(),
                others: Vec::new(),
                conflicts: Vec::new(),
            },
            created: true,
            sent,
        })
    }

    /// What keep rules are about to delete is sent again rather than found.
    async fn marked(&self, plan: &BackupPlan) -> Result<HashSet<String>> {
        if plan.upload.is_empty() {
            return Ok(HashSet::new());
        }
        crate::retention::marked_keys(&self.bucket, &self.key).await
    }

    /// A run that sends parts looks for parts that were left lying; others save the request.
    async fn sweep(&self, plan: &BackupPlan) {
        let in_parts = |size| size > self.bucket.tuning().part_size(size);
        if !plan
            .upload
            .iter()
            .any(|p| !p.in_bucket && in_parts(p.file.size))
        {
            return;
        }
        // Tidying, not a condition: the permission for it may be missing.
        if let Err(error) = abort_stale_uploads(&self.bucket, STALE_UPLOAD).await {
            tracing::info!(%error, "unfinished uploads could not be looked for");
        }
    }

    /// If not one byte of the restore point would differ, and the last one is
    /// still there (one request), it stands.
    async fn nothing_new(
        &self,
        plan: &BackupPlan,
        snapshot: &CatalogSnapshot,
        shards: &[EncodedShard],
        files: &[FileEntry],
    ) -> Result<Option<Manifest>> {
        let Some(previous) = &plan.previous else {
            return Ok(None);
        };
        let same = plan.others.is_empty()
            && previous.encryption.as_deref() == self.bucket.sealing()
            && previous.catalog.sha256 == snapshot.sha256
            && previous.shards.len() == shards.len()
            && previous
                .shards
                .iter()
                .zip(shards)
                .all(|(a, b)| *a == b.reference);
        if !same
            || self
                .bucket
                .head(&self.bucket.layout().manifest(&previous.id))
                .await?
                .is_none()
        {
            return Ok(None);
        }
        Ok(Some(Manifest {
            head: previous.clone(),
            files: files.to_vec(),
            refused: Vec::new(),
            others: Vec::new(),
            conflicts: Vec::new(),
        }))
    }

    async fn send_catalog(
        &self,
        plan: &BackupPlan,
        snapshot: &CatalogSnapshot,
        catalog: &ObjectRef,
    ) -> Result<()> {
        if plan
            .previous
            .as_ref()
            .is_some_and(|p| p.catalog == *catalog)
        {
            self.progress.found(snapshot.size, 0);
            return Ok(());
        }
        let place = catalog_place(&self.bucket, catalog)?;
        let send = |place: Place, progress: Arc<dyn Progress>| async move {
            let payload = Payload {
                place: &place,
                path: &snapshot.path,
                size: snapshot.size,
                sha256: &snapshot.sha256,
            };
            upload::store(&self.bucket, payload, &progress, &self.open)
                .await
                .map_err(|stop| match stop {
                    Stop::Fatal(error) => error,
                    Stop::Skip(_) => BackupError::SourceChanged {
                        path: "the catalog's snapshot".to_owned(),
                    },
                })
        };
        send(place.clone(), self.progress.clone()).await?;
        if place.seal.is_some() {
            return Ok(());
        }
        let latest = self.bucket.layout().latest_catalog();
        if !self.name_object(&place.key, &latest, snapshot.size).await? {
            let latest = Place::clear(latest, &snapshot.sha256, snapshot.size);
            send(latest, Arc::new(())).await?;
        }
        Ok(())
    }

    /// Those that the last restore point does not have already.
    async fn send_shards(
        &self,
        plan: &BackupPlan,
        shards: Vec<EncodedShard>,
    ) -> Result<Vec<crate::ShardRef>> {
        let there: &HashSet<&str> = &plan
            .previous
            .iter()
            .filter(|p| p.encryption.as_deref() == self.bucket.sealing())
            .flat_map(|p| p.shards.iter().map(|s| s.sha256.as_str()))
            .collect();
        stream::iter(shards)
            .map(|shard| async move {
                if !there.contains(shard.reference.sha256.as_str()) {
                    self.send_shard(&shard.reference, shard.bytes).await?;
                }
                Ok(shard.reference)
            })
            .buffered(SHARDS_AT_ONCE)
            .try_collect()
            .await
    }

    async fn send_shard(&self, shard: &crate::ShardRef, bytes: Vec<u8>) -> Result<()> {
        let (sha256, seal) = (&shard.sha256, self.bucket.sealing());
        let place = self.bucket.place(Kind::Shard, sha256, shard.size, seal)?;
        let body = match &place.seal {
            None => bytes,
            Some(seal) => seal.seal_whole(bytes),
        };
        self.bucket
            .put_in(&place, Bytes::from(body))
            .await
            .map(drop)
    }
}
