//! The way back: plan (what is new, same, replaced, kept), then fetch, verify
//! and hand over. Where files go on disk, and how durably, is the sink's to say.

use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::Arc;
use std::time::Instant;

use tokio::task::JoinSet;

use crate::download::{self, Wanted};
use crate::manifest::{FileEntry, Manifest, ManifestHead, ObjectRef};
use crate::points::{self, SkippedPoint};
use crate::progress::{self, Meter, Phase, Progress};
use crate::seal::{Kind, Place};
use crate::sink::{Handover, RestoreItem, RestoreSink};
use crate::{BackupError, Bucket, ManifestKey, NameProblem, Result, Selection, SourceFile, names};

/// Exactly what [`run_restore`] would do. Drop items from it, or the catalog,
/// to restore less.
#[derive(Debug)]
pub struct RestorePlan {
    /// The authenticated head of the restore point.
    pub point: ManifestHead,
    pub items: Vec<RestoreItem>,
    /// Files of the point that the selection has.
    pub chosen: u64,
    pub new: u64,
    /// Already here with the same bytes.
    pub same: u64,
    pub replaced: u64,
    /// Here and not in the restore point; they stay.
    pub kept: u64,
    /// To be fetched, the catalog included.
    pub bytes: u64,
    pub catalog: Option<ObjectRef>,
    /// Points of other devices that are restored together with `point`: their catalogs
    /// come after its own.
    pub others: Vec<ManifestHead>,
    /// All files of the point, chosen or not, in order of path.
    pub files: Vec<FileEntry>,
    /// Names in the restore point that are not acceptable. Never written.
    pub refused: Vec<(String, NameProblem)>,
    /// Newer restore points that were passed over because they cannot be trusted or read.
    pub skipped_points: Vec<SkippedPoint>,
}

/// A file that did not come back.
#[derive(Debug)]
pub struct RestoreFailure {
    pub relative_path: String,
    pub error: BackupError,
}

#[derive(Debug)]
pub struct RestoreOutcome {
    pub restored: u64,
    pub bytes: u64,
    pub catalog: bool,
    pub failed: Vec<RestoreFailure>,
    pub requests: u64,
    pub seconds: f64,
}

/// Files on their way at once.
const FILES_AT_ONCE: usize = 512;
/// For files that were on their way when a run had to stop.
const LAST_CALL: std::time::Duration = std::time::Duration::from_secs(2);
/// What the catalog is called among files.
pub(crate) const CATALOG: &str = "catalog";

/// [`plan_restore_of`] everything.
pub async fn plan_restore(
    bucket: &Bucket,
    key: &ManifestKey,
    at: Option<&str>,
    local: &[SourceFile],
) -> Result<RestorePlan> {
    plan_restore_of(bucket, key, at, local, &Selection::default()).await
}

/// Compares a restore point (`at`, or the newest that can be trusted) with what
/// is here, as far as it is chosen. Run again after an interruption, it leaves out
/// what came through.
pub async fn plan_restore_of(
    bucket: &Bucket,
    key: &ManifestKey,
    at: Option<&str>,
    local: &[SourceFile],
    selection: &Selection,
) -> Result<RestorePlan> {
    let (manifest, skipped_points) = choose(bucket, key, at).await?;
    let here: HashMap<&str, &SourceFile> = local
        .iter()
        .map(|f| (f.relative_path.as_str(), f))
        .collect();
    let Manifest {
        head,
        files,
        refused,
        others,
        conflicts: _,
    } = manifest;
    let there: HashSet<&str> = files.iter().map(|f| f.path.as_str()).collect();
    let kept = local
        .iter()
        .filter(|f| !there.contains(f.relative_path.as_str()))
        .count() as u64;

    let catalog = head.catalog.clone();
    let mut plan = RestorePlan {
        bytes: catalog.size,
        catalog: Some(catalog),
        others,
        files: Vec::new(),
        point: head,
        items: Vec::new(),
        chosen: 0,
        new: 0,
        same: 0,
        replaced: 0,
        kept,
        refused,
        skipped_points,
    };
    for file in files.iter().filter(|f| selection.has(&f.path)) {
        plan.chosen += 1;
        let local = here.get(file.path.as_str());
        match local {
            Some(l) if l.sha256 == file.sha256 && l.size == file.size => {
                plan.same += 1;
                continue;
            }
            Some(_) => plan.replaced += 1,
            None => plan.new += 1,
        }
        plan.bytes = plan.bytes.saturating_add(file.size);
        plan.items.push(item(file, local.is_some()));
    }
    plan.files = files;
    plan.refused.retain(|(path, _)| selection.has(path));
    if !selection.is_everything() {
        if plan.chosen == 0 && plan.refused.is_empty() {
            return Err(BackupError::NotFound {
                what: "A file like that".to_owned(),
            });
        }
        // Only the rows of what comes are wanted of it.
        if plan.items.is_empty()
            && let Some(catalog) = plan.catalog.take()
        {
            plan.bytes -= catalog.size;
        }
    }
    Ok(plan)
}

/// The restore point asked for, or the newest one that can be trusted. If there
/// are only ones that cannot, the reason of the newest is the error.
pub(crate) async fn choose(
    bucket: &Bucket,
    key: &ManifestKey,
    at: Option<&str>,
) -> Result<(Manifest, Vec<SkippedPoint>)> {
    if let Some(id) = at {
        return Ok((points::load_manifest(bucket, key, id).await?, Vec::new()));
    }
    let (manifest, mut skipped) = points::latest_manifest(bucket, key).await?;
    match manifest {
        Some(manifest) => Ok((manifest, skipped)),
        None if skipped.is_empty() => Err(BackupError::NotFound {
            what: "A restore point of this store".to_owned(),
        }),
        None => Err(skipped.swap_remove(0).reason),
    }
}

fn item(file: &FileEntry, replaces: bool) -> RestoreItem {
    RestoreItem {
        uid: file.uid.clone(),
        id: file.id,
        relative_path: file.path.clone(),
        size: file.size,
        sha256: file.sha256.clone(),
        mtime_ns: file.mtime_ns,
        replaces,
        seal: file.seal.clone(),
    }
}

/// The catalogs of these points, checked, each handed to the sink. What a backup needs
/// of other devices before it makes a point that builds on theirs.
pub async fn fetch_catalogs(
    bucket: &Bucket,
    heads: &[ManifestHead],
    sink: Arc<dyn RestoreSink>,
    progress: Arc<dyn Progress>,
) -> Result<Vec<RestoreFailure>> {
    let sink = Handover::new(sink);
    let mut failed = Vec::new();
    let work = async {
        for head in heads {
            match fetch_catalog(bucket, &head.catalog, &sink, &progress).await {
                Ok(()) => {}
                Err(error) if concerns_all(&error) => return Err(error),
                Err(error) => failed.push(RestoreFailure {
                    relative_path: CATALOG.to_owned(),
                    error,
                }),
            }
        }
        Ok(())
    };
    let outcome = progress::until_cancelled(&progress, work).await;
    sink.settle().await;
    bucket.settle_writers().await;
    outcome.map(|()| failed)
}

/// Carries out a plan: the catalog first, then the files. A file that is
/// damaged in the bucket is reported and the others come through; trouble that
/// concerns them all (credentials, network, a full disk) ends the run.
pub async fn run_restore(
    bucket: &Bucket,
    plan: &RestorePlan,
    sink: Arc<dyn RestoreSink>,
    progress: Arc<dyn Progress>,
) -> Result<RestoreOutcome> {
    let sink = Handover::new(sink);
    let outcome = progress::until_cancelled(&progress, run(bucket, plan, &sink, &progress)).await;
    // A commit that had begun is not torn off: when this returns, nothing moves any more.
    sink.settle().await;
    bucket.settle_writers().await;
    outcome
}

async fn run(
    bucket: &Bucket,
    plan: &RestorePlan,
    sink: &Handover,
    progress: &Arc<dyn Progress>,
) -> Result<RestoreOutcome> {
    let started = Instant::now();
    let requests_before = bucket.requests();
    let catalog_size = plan.catalog.as_ref().map_or(0, |c| c.size);
    let total = plan
        .items
        .iter()
        .map(|i| i.size)
        .fold(catalog_size, u64::saturating_add);
    progress.set_total(total, plan.items.len() as u64);
    progress.phase(Phase::Downloading);
    let mut outcome = RestoreOutcome {
        restored: 0,
        bytes: 0,
        catalog: false,
        failed: Vec::new(),
        requests: 0,
        seconds: 0.0,
    };
    if let Some(catalog) = &plan.catalog {
        outcome.catalog = true;
        for catalog in [catalog]
            .into_iter()
            .chain(plan.others.iter().map(|p| &p.catalog))
        {
            match fetch_catalog(bucket, catalog, sink, progress).await {
                Ok(()) => {}
                Err(error) if concerns_all(&error) => return Err(error),
                // The files are worth more than what is known about them.
                Err(error) => {
                    outcome.catalog = false;
                    outcome.failed.push(RestoreFailure {
                        relative_path: CATALOG.to_owned(),
                        error,
                    });
                }
            }
        }
    }
    let mut tasks: JoinSet<(RestoreItem, Result<()>)> = JoinSet::new();
    let mut items = plan.items.iter();
    loop {
        while tasks.len() < FILES_AT_ONCE
            && let Some(item) = items.next()
        {
            let (bucket, item, sink, progress) =
                (bucket.clone(), item.clone(), sink.clone(), progress.clone());
            let held = sink.clone();
            tasks.spawn(held.until_dropped(async move {
                let result = fetch_item(&bucket, &item, &sink, &progress).await;
                (item, result)
            }));
        }
        let Some(joined) = tasks.join_next().await else {
            break;
        };
        let (item, result) =
            joined.map_err(|e| BackupError::io("finish a transfer", io::Error::other(e)))?;
        progress.advance(0, 1);
        match result {
            Ok(()) => {
                outcome.restored += 1;
                outcome.bytes += item.size;
            }
            Err(error) if concerns_all(&error) => {
                // What has come through meanwhile is kept; nobody waits for the rest.
                let others = async { while tasks.join_next().await.is_some() {} };
                let _ = tokio::time::timeout(LAST_CALL, others).await;
                return Err(error);
            }
            Err(error) => outcome.failed.push(RestoreFailure {
                relative_path: item.relative_path,
                error,
            }),
        }
    }
    outcome.requests = bucket.requests() - requests_before;
    outcome.seconds = started.elapsed().as_secs_f64();
    tracing::info!(
        restored = outcome.restored,
        failed = outcome.failed.len(),
        "restored from the bucket"
    );
    Ok(outcome)
}

fn concerns_all(error: &BackupError) -> bool {
    match error {
        BackupError::Damaged { .. }
        | BackupError::NotFound { .. }
        | BackupError::BadName { .. }
        | BackupError::Locked { .. } => false,
        BackupError::Io { source, .. } => {
            matches!(
                source.kind(),
                io::ErrorKind::StorageFull
                    | io::ErrorKind::QuotaExceeded
                    | io::ErrorKind::ReadOnlyFilesystem
            )
        }
        _ => true,
    }
}

async fn fetch_catalog(
    bucket: &Bucket,
    catalog: &ObjectRef,
    sink: &Handover,
    progress: &Arc<dyn Progress>,
) -> Result<()> {
    let io_error = |e| BackupError::io("place the restored catalog", e);
    let begun = sink.begin(None).await?.map_err(io_error)?;
    let place = points::catalog_place(bucket, catalog)?;
    let latest = place.seal.is_none().then(|| {
        let key = bucket.layout().latest_catalog();
        Place::clear(key, &catalog.sha256, catalog.size)
    });
    let wanted = Wanted {
        places: [place].into_iter().chain(latest).collect(),
        what: "The catalog",
        size: catalog.size,
        sha256: &catalog.sha256,
    };
    download::fetch(bucket, &wanted, begun.path(), &Meter::new(progress.clone())).await?;
    let temp = begun.done();
    sink.call(move |sink| sink.catalog(temp))
        .await?
        .map_err(io_error)
}

async fn fetch_item(
    bucket: &Bucket,
    item: &RestoreItem,
    sink: &Handover,
    progress: &Arc<dyn Progress>,
) -> Result<()> {
    // Checked when the plan was made; the plan's items are open to the caller.
    let acceptable = names::check_path(&item.relative_path).and_then(|()| {
        if names::is_sha256(&item.sha256) {
            Ok(())
        } else {
            Err(NameProblem::Malformed)
        }
    });
    acceptable.map_err(|problem| BackupError::BadName {
        what: "A file in the restore point".to_owned(),
        problem,
    })?;
    let io_error = |e| BackupError::io(format!("place \"{}\"", item.relative_path), e);
    let begun = sink.begin(Some(item.clone())).await?.map_err(io_error)?;
    let what = format!("\"{}\"", item.relative_path);
    // The point itself could be read: it is this file that is locked.
    let named = |error| match error {
        BackupError::Locked { key, .. } => BackupError::Locked {
            what: what.clone(),
            key,
        },
        other => other,
    };
    let wanted = Wanted {
        places: places_of(bucket, item).map_err(named)?,
        what: &what,
        size: item.size,
        sha256: &item.sha256,
    };
    let fetched =
        download::fetch(bucket, &wanted, begun.path(), &Meter::new(progress.clone())).await;
    if let Err(error) = fetched {
        if !concerns_all(&error) {
            begun.discard();
        }
        return Err(error);
    }
    sink.commit(item.clone(), begun.done())
        .await?
        .map_err(io_error)
}

fn places_of(bucket: &Bucket, item: &RestoreItem) -> Result<Vec<Place>> {
    let (sha256, size) = (&item.sha256, item.size);
    let place = bucket.place(Kind::Object, sha256, size, item.seal.as_deref())?;
    let plain = match place.seal {
        Some(_) => None,
        None => bucket.layout().plain(&item.relative_path),
    };
    let plain = plain.map(|key| Place::clear(key, sha256, size));
    Ok([place].into_iter().chain(plain).collect())
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;
    use crate::manifest::Changes;
    use crate::{BucketConfig, Tuning};

    struct Cancelled;

    impl Progress for Cancelled {
        fn is_cancelled(&self) -> bool {
            true
        }
    }

    struct InFolder(PathBuf);

    impl RestoreSink for InFolder {
        fn begin(&self, _: &RestoreItem) -> io::Result<PathBuf> {
            Ok(self.0.join("temp"))
        }
        fn commit(&self, _: &RestoreItem, _: PathBuf) -> io::Result<()> {
            Err(io::ErrorKind::Unsupported.into())
        }
        fn begin_catalog(&self) -> io::Result<PathBuf> {
            Err(io::ErrorKind::Unsupported.into())
        }
        fn catalog(&self, _: PathBuf) -> io::Result<()> {
            Err(io::ErrorKind::Unsupported.into())
        }
    }

    fn plan() -> RestorePlan {
        let catalog = ObjectRef {
            sha256: "cd".repeat(32),
            size: 9,
            seal: None,
        };
        let point = ManifestHead {
            version: 1,
            store: "0123456789abcdef".into(),
            id: "a".into(),
            generation: 1,
            device: "d".into(),
            created_at: "2026-01-01T00:00:00Z".into(),
            parents: vec![],
            seen: vec![],
            catalog,
            shards: vec![],
            files: 1,
            bytes: 3,
            changes: Changes::default(),
            grew: vec![],
            encryption: None,
        };
        let wanted = RestoreItem {
            uid: "01J".into(),
            id: 1,
            relative_path: "a.csv".into(),
            size: 3,
            sha256: "ab".repeat(32),
            mtime_ns: 0,
            replaces: false,
            seal: None,
        };
        RestorePlan {
            point,
            items: vec![wanted],
            chosen: 1,
            new: 1,
            same: 0,
            replaced: 0,
            kept: 0,
            bytes: 3,
            catalog: None,
            others: vec![],
            files: vec![],
            refused: vec![],
            skipped_points: vec![],
        }
    }

    /// A bucket whose server takes every request and answers none.
    async fn silent() -> (Bucket, tokio::net::TcpListener) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let config = BucketConfig::new(
            "b",
            "r",
            Some(format!("http://{}", listener.local_addr().unwrap())),
            "AKIDEXAMPLE",
            "a-secret",
            "0123456789abcdef",
        );
        let bucket = Bucket::connect_with(config, Tuning::default()).unwrap();
        (bucket, listener)
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_cancelled_run_is_over_when_nothing_is_written_any_more() {
        let (bucket, _listener) = silent().await;
        let (release, held) = mpsc::channel::<()>();
        let written = Arc::new(AtomicBool::new(false));
        // As one does whose run was dropped under it, in the middle of its writing.
        let told = Arc::clone(&written);
        bucket.writers().spawn_blocking(move || {
            held.recv().unwrap();
            told.store(true, Ordering::SeqCst);
        });
        let folder = tempfile::tempdir().unwrap();
        let sink = Arc::new(InFolder(folder.path().to_owned()));
        let of = bucket.clone();
        let run =
            tokio::spawn(async move { run_restore(&of, &plan(), sink, Arc::new(Cancelled)).await });
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert!(!run.is_finished(), "somebody still writes");
        release.send(()).unwrap();
        let outcome = run.await.unwrap();
        assert!(written.load(Ordering::SeqCst));
        assert!(
            matches!(outcome, Err(BackupError::Cancelled)),
            "{outcome:?}"
        );
        assert_eq!(folder.path().read_dir().unwrap().count(), 0);

        // The bucket's next run is not kept from writing.
        bucket.writers().spawn_blocking(|| ()).await.unwrap();
    }
}
