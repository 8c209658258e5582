//! A store that moves under its backup, a bucket that moves under its restore, and disks that
//! are full or not there: nothing is deleted, mixed up or claimed that is not so.

mod backup_support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use backup_support::*;
use redline_backup::{BackupError, Bucket, SkipReason, Tuning, plan_restore, run_restore, verify};
use redline_tests::s3::{Fault, FaultKind, TestS3};

const PART: usize = 16 * MIB;

fn large(seed: u64, size: usize) -> FakeStore {
    let mut store = FakeStore::new();
    store.put("large.bin", &noise(seed, size));
    store
}

fn small(files: u64) -> FakeStore {
    let mut store = FakeStore::new();
    for n in 0..files {
        store.put(&format!("{n}.csv"), &noise(n, 1000));
    }
    store
}

async fn whole(server: &TestS3, store: &FakeStore) {
    server.clear_faults();
    let bucket = bucket(server);
    let report = verify(&bucket, &key(), None, true, Arc::new(()))
        .await
        .unwrap();
    assert!(report.ok, "{report:?}");
    let sink = FolderSink::new();
    let restored = restore_all(&bucket, &sink).await.unwrap();
    assert!(restored.failed.is_empty(), "{:?}", restored.failed);
    assert_eq!(sink.contents(), store.contents());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_moves_while_it_is_read_is_left_out_and_said() {
    type Change = fn(&std::path::Path);
    let grows: Change = |path| {
        use std::io::Write;
        let mut file = std::fs::File::options().append(true).open(path).unwrap();
        file.write_all(b"more").unwrap();
    };
    let shrinks: Change = |path| {
        let file = std::fs::File::options().write(true).open(path).unwrap();
        file.set_len(PART as u64).unwrap();
    };
    let replaced: Change = |path| {
        let other = path.with_extension("other");
        std::fs::write(&other, noise(99, 4 * PART)).unwrap();
        std::fs::rename(other, path).unwrap();
    };
    for (name, change) in [
        ("grows", grows),
        ("shrinks", shrinks),
        ("replaced", replaced),
    ] {
        let server = Arc::new(server());
        let mut store = large(12, 4 * PART);
        store.put("other.csv", b"a\n1\n");
        let (path, seen) = (store.path("large.bin"), server.clone());
        // One part at a time, so that the change comes while it is being read.
        let bucket = Bucket::connect_with(
            config(&server),
            Tuning {
                byte_budget: PART as u64,
                ..tuning()
            },
        )
        .unwrap();
        server.inject(
            Fault::new(FaultKind::Slow(Duration::from_millis(300)))
                .on("UploadPart")
                .times(9),
        );
        let changing = tokio::task::spawn_blocking(move || {
            while seen.count("UploadPart") < 1 {
                std::thread::sleep(Duration::from_millis(1));
            }
            change(&path);
        });
        let outcome = store.back_up(&bucket).await.unwrap();
        changing.await.unwrap();
        assert_eq!(outcome.uploaded_files, 1, "{name}");
        assert_eq!(outcome.skipped.len(), 1, "{name}");
        assert_eq!(outcome.skipped[0].reason, SkipReason::Changed, "{name}");
        assert_eq!(server.open_uploads(), 0, "{name}");
        assert!(
            server
                .object(&object_key(&sha256(&noise(12, 4 * PART))))
                .is_none()
        );
        let sink = FolderSink::new();
        restore_all(&bucket, &sink).await.unwrap();
        assert_eq!(
            sink.contents().keys().collect::<Vec<_>>(),
            ["other.csv"],
            "{name}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_replaced_during_the_restore_is_never_handed_over() {
    let server = server();
    let store = large(13, 4 * PART);
    store.back_up(&bucket(&server)).await.unwrap();
    let object = object_key(&store.files[0].sha256);
    let good = server.object(&object).unwrap();
    server.inject(
        Fault::new(FaultKind::Slow(Duration::from_millis(2500)))
            .on("GetObject")
            .path_contains("/objects/")
            .times(9),
    );
    let bucket = bucket(&server);
    let sink = FolderSink::new();
    let plan = plan_restore(&bucket, &key(), None, &[]).await.unwrap();
    server.forget_requests();
    let other = noise(14, 4 * PART);
    let restoring = run_restore(&bucket, &plan, sink.clone(), Arc::new(()));
    let replacing = async {
        while server.count("GetObject") < 2 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        server.plant(&object, &other).unwrap();
        server.remove(&format!("users/{STORE}/files/large.bin"));
    };
    let (outcome, ()) = tokio::join!(restoring, replacing);
    let outcome = outcome.unwrap();
    assert_eq!(outcome.restored, 0);
    assert!(
        matches!(outcome.failed[0].error, BackupError::Damaged { .. }),
        "{outcome:?}"
    );
    assert!(sink.contents().is_empty());
    server.plant(&object, &good).unwrap();
    whole(&server, &store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_is_not_there_deletes_nothing() {
    let server = server();
    let store = small(5);
    let bucket = bucket(&server);
    store.back_up(&bucket).await.unwrap();
    server.forget_requests();
    let away = store.dir.path().join("unmounted");
    std::fs::create_dir(&away).unwrap();
    for file in &store.files {
        std::fs::rename(&file.path, away.join(file.path.file_name().unwrap())).unwrap();
    }
    store.back_up(&bucket).await.unwrap();
    assert_eq!(server.count("DeleteObject"), 0);
    for file in &store.files {
        std::fs::rename(away.join(file.path.file_name().unwrap()), &file.path).unwrap();
    }
    whole(&server, &store).await;
}

/// A sink on a disk that has no room for more than so many files.
struct FullDisk(Arc<FolderSink>, AtomicUsize);

const ROOM: usize = 20;

impl redline_backup::RestoreSink for FullDisk {
    fn begin(&self, item: &redline_backup::RestoreItem) -> std::io::Result<std::path::PathBuf> {
        if self.1.fetch_add(1, Ordering::SeqCst) < ROOM {
            return self.0.begin(item);
        }
        // Not before one is in its place, however many are under way at once.
        while self.0.placed.lock().unwrap().is_empty() {
            std::thread::sleep(Duration::from_millis(1));
        }
        Err(std::io::ErrorKind::StorageFull.into())
    }
    fn commit(
        &self,
        item: &redline_backup::RestoreItem,
        temp: std::path::PathBuf,
    ) -> std::io::Result<()> {
        self.0.commit(item, temp)
    }
    fn begin_catalog(&self) -> std::io::Result<std::path::PathBuf> {
        self.0.begin_catalog()
    }
    fn catalog(&self, temp: std::path::PathBuf) -> std::io::Result<()> {
        self.0.catalog(temp)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_fills_up_ends_the_restore_and_leaves_nothing_half() {
    let server = server();
    let store = small(100);
    let bucket = bucket(&server);
    store.back_up(&bucket).await.unwrap();
    let folder = FolderSink::new();
    let plan = plan_restore(&bucket, &key(), None, &[]).await.unwrap();
    let sink = Arc::new(FullDisk(folder.clone(), AtomicUsize::new(0)));
    let error = run_restore(&bucket, &plan, sink, Arc::new(()))
        .await
        .unwrap_err();
    assert!(
        matches!(&error, BackupError::Io { source, .. } if source.kind() == std::io::ErrorKind::StorageFull),
        "{error}"
    );
    assert_eq!(
        error.hint(),
        "check the free space and the permissions of the folder."
    );
    assert_eq!(folder.leftovers(), 0);
    let placed = folder.contents();
    assert!(!placed.is_empty() && placed.len() < 100);
    for (name, bytes) in placed {
        assert_eq!(store.contents()[&name], bytes);
    }
}

/// Keeps what was on its way when a run stopped, as a store does.
struct KeepsHalves(Arc<FolderSink>);

impl redline_backup::RestoreSink for KeepsHalves {
    fn begin(&self, item: &redline_backup::RestoreItem) -> std::io::Result<std::path::PathBuf> {
        Ok(self.0.dir.path().join(format!("half-{}", item.sha256)))
    }
    fn commit(
        &self,
        item: &redline_backup::RestoreItem,
        temp: std::path::PathBuf,
    ) -> std::io::Result<()> {
        self.0.commit(item, temp)
    }
    fn interrupted(&self, _: &redline_backup::RestoreItem, _: std::path::PathBuf) {}
    fn begin_catalog(&self) -> std::io::Result<std::path::PathBuf> {
        self.0.begin_catalog()
    }
    fn catalog(&self, temp: std::path::PathBuf) -> std::io::Result<()> {
        self.0.catalog(temp)
    }
}

fn lengths(folder: &std::path::Path) -> std::collections::BTreeMap<std::ffi::OsString, u64> {
    let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
    entries
        .map(|entry| (entry.file_name(), entry.metadata().unwrap().len()))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_that_was_cancelled_writes_nothing_later_and_leaves_nothing_temporary() {
    let server = server();
    let mut store = FakeStore::new();
    for n in 0..10 {
        store.put(&format!("{n}.bin"), &noise(70 + n, 12 * MIB));
    }
    store.put("in ranges.bin", &noise(90, 40 * MIB));
    let bucket = bucket(&server);
    store.back_up(&bucket).await.unwrap();
    let plan = plan_restore(&bucket, &key(), None, &[]).await.unwrap();
    let mut cut_off = 0;
    for after in [1, 13, 30, 60].map(|n| n * MIB as u64) {
        let cancelled = || {
            Arc::new(Watcher {
                cancel_after_bytes: Some(after),
                ..Watcher::default()
            })
        };
        let folder = FolderSink::new();
        let kept = Arc::new(KeepsHalves(folder.clone()));
        let outcome = run_restore(&bucket, &plan, kept.clone(), cancelled()).await;
        let now = lengths(folder.dir.path());
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(lengths(folder.dir.path()), now, "written after its end");
        if outcome.is_ok() {
            continue;
        }
        cut_off += 1;
        assert!(
            matches!(outcome, Err(BackupError::Cancelled)),
            "{outcome:?}"
        );
        // What was kept is gone on with, and what came through came through once.
        let mut rest = plan_restore(&bucket, &key(), None, &[]).await.unwrap();
        let placed = folder.contents();
        rest.items
            .retain(|item| !placed.contains_key(&item.relative_path));
        run_restore(&bucket, &rest, kept, Arc::new(()))
            .await
            .unwrap();
        assert_eq!(folder.contents(), store.contents());

        let folder = FolderSink::new();
        let _ = run_restore(&bucket, &plan, folder.clone(), cancelled()).await;
        assert_eq!(folder.leftovers(), 0);
    }
    assert!(cut_off >= 2, "cancelled in the middle {cut_off} times");
}
