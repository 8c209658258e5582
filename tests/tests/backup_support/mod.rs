//! A store made of plain data, a folder to restore into, and a bucket on the
//! test server: what the backup tests share.
#![allow(dead_code)] // Each test binary uses its own part of it.

pub mod sealed;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use redline_backup::{
    BackupOutcome, Bucket, BucketConfig, CatalogSnapshot, Manifest, ManifestKey, Phase, Progress,
    RestoreItem, RestoreOutcome, RestoreSink, RetryPolicy, SourceFile, Tuning, latest_manifest,
    plan_backup, plan_restore, run_backup, run_restore,
};
use redline_tests::s3::{ACCESS_KEY, Options, REGION, SECRET_KEY, TestS3};
use sha2::{Digest, Sha256};

pub const STORE: &str = "0123456789abcdef";
pub const MIB: usize = 1 << 20;

pub fn key() -> ManifestKey {
    ManifestKey::new([42; 32])
}

pub fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

pub fn server() -> TestS3 {
    TestS3::start(Options::default()).expect("the test server starts")
}

pub fn config(server: &TestS3) -> BucketConfig {
    BucketConfig::new(
        server.bucket(),
        REGION,
        Some(server.endpoint()),
        ACCESS_KEY,
        SECRET_KEY,
        STORE,
    )
}

/// Waits short enough for tests, attempts as in earnest.
pub fn tuning() -> Tuning {
    Tuning {
        retry: RetryPolicy {
            base: Duration::from_millis(5),
            cap: Duration::from_millis(50),
            ..RetryPolicy::default()
        },
        ..Tuning::default()
    }
}

pub fn bucket(server: &TestS3) -> Bucket {
    Bucket::connect_with(config(server), tuning()).expect("the settings are good")
}

/// Bytes that do not compress or repeat, the same for the same seed.
pub fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut out = Vec::with_capacity(len + 8);
    while out.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        out.extend_from_slice(&state.to_le_bytes());
    }
    out.truncate(len);
    out
}

/// Files in a folder, as a store would list them.
pub struct FakeStore {
    pub dir: tempfile::TempDir,
    pub files: Vec<SourceFile>,
    catalog: u64,
}

impl FakeStore {
    pub fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            files: Vec::new(),
            catalog: 0,
        }
    }

    /// Adds or replaces.
    pub fn put(&mut self, relative_path: &str, bytes: &[u8]) {
        self.files.retain(|f| f.relative_path != relative_path);
        // On disk under a number: the names under test may not suit this file system.
        let id = self.files.iter().map(|f| f.id).max().unwrap_or(0) + 1;
        let path = self
            .dir
            .path()
            .join(format!("file-{id}-{}", relative_path.len()));
        std::fs::write(&path, bytes).unwrap();
        self.files.push(SourceFile {
            id,
            uid: format!("01UID{id:021}"),
            relative_path: relative_path.to_owned(),
            size: bytes.len() as u64,
            sha256: sha256(bytes),
            path,
            mtime_ns: 1_700_000_000_123_456_789,
        });
    }

    /// For another process: what is in it, beside it.
    pub fn write_down(&self) {
        let files: Vec<_> = self
            .files
            .iter()
            .map(|f| {
                (
                    f.id,
                    &f.uid,
                    &f.relative_path,
                    f.size,
                    &f.sha256,
                    &f.path,
                    f.mtime_ns,
                )
            })
            .collect();
        let text = serde_json::to_vec(&(self.catalog, files)).unwrap();
        std::fs::write(self.dir.path().join("written-down"), text).unwrap();
    }

    /// What another process wrote down; its folder stays when this is dropped.
    pub fn at(folder: &Path) -> Self {
        let text = std::fs::read(folder.join("written-down")).unwrap();
        type Row = (i64, String, String, u64, String, PathBuf, i64);
        let (catalog, rows): (u64, Vec<Row>) = serde_json::from_slice(&text).unwrap();
        let files = rows
            .into_iter()
            .map(
                |(id, uid, relative_path, size, sha256, path, mtime_ns)| SourceFile {
                    id,
                    uid,
                    relative_path,
                    size,
                    sha256,
                    path,
                    mtime_ns,
                },
            )
            .collect();
        Self {
            dir: tempfile::tempdir().unwrap(),
            files,
            catalog,
        }
    }

    pub fn path(&self, relative_path: &str) -> PathBuf {
        self.files
            .iter()
            .find(|f| f.relative_path == relative_path)
            .unwrap()
            .path
            .clone()
    }

    pub fn touch_catalog(&mut self) {
        self.catalog += 1;
    }

    pub fn snapshot(&self) -> CatalogSnapshot {
        let bytes = noise(1000 + self.catalog, 20_000);
        let path = self.dir.path().join("catalog-snapshot");
        std::fs::write(&path, &bytes).unwrap();
        CatalogSnapshot {
            path,
            sha256: sha256(&bytes),
            size: bytes.len() as u64,
        }
    }

    pub async fn back_up_with(
        &self,
        bucket: &Bucket,
        previous: Option<&Manifest>,
        progress: Arc<dyn Progress>,
    ) -> redline_backup::Result<BackupOutcome> {
        let plan = plan_backup(bucket, &self.files, previous).await?;
        run_backup(bucket, &plan, &self.snapshot(), &key(), "laptop", progress).await
    }

    /// As a session would: the last restore point out of the bucket, then plan and run.
    pub async fn back_up(&self, bucket: &Bucket) -> redline_backup::Result<BackupOutcome> {
        let (previous, _) = latest_manifest(bucket, &key()).await?;
        self.back_up_with(bucket, previous.as_ref(), Arc::new(()))
            .await
    }

    pub fn contents(&self) -> BTreeMap<String, Vec<u8>> {
        self.files
            .iter()
            .map(|f| (f.relative_path.clone(), std::fs::read(&f.path).unwrap()))
            .collect()
    }
}

/// Keeps restored files in a folder, and remembers what it was handed.
pub struct FolderSink {
    pub dir: tempfile::TempDir,
    next: AtomicU64,
    pub placed: Mutex<BTreeMap<String, PathBuf>>,
    pub catalog: Mutex<Option<PathBuf>>,
}

impl FolderSink {
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            dir: tempfile::tempdir().unwrap(),
            next: AtomicU64::new(0),
            placed: Mutex::default(),
            catalog: Mutex::default(),
        })
    }

    fn temp(&self) -> PathBuf {
        self.dir.path().join(format!(
            "temp-{}",
            self.next.fetch_add(1, Ordering::Relaxed)
        ))
    }

    pub fn contents(&self) -> BTreeMap<String, Vec<u8>> {
        self.placed
            .lock()
            .unwrap()
            .iter()
            .map(|(name, path)| (name.clone(), std::fs::read(path).unwrap()))
            .collect()
    }

    /// Files left under a temporary name.
    pub fn leftovers(&self) -> usize {
        std::fs::read_dir(self.dir.path())
            .unwrap()
            .filter(|e| {
                e.as_ref()
                    .unwrap()
                    .file_name()
                    .to_string_lossy()
                    .starts_with("temp-")
            })
            .count()
    }
}

impl RestoreSink for FolderSink {
    fn begin(&self, _item: &RestoreItem) -> io::Result<PathBuf> {
        Ok(self.temp())
    }

    fn commit(&self, item: &RestoreItem, temp: PathBuf) -> io::Result<()> {
        let place = self.dir.path().join(format!(
            "file-{}",
            self.next.fetch_add(1, Ordering::Relaxed)
        ));
        std::fs::rename(temp, &place)?;
        assert!(
            self.placed
                .lock()
                .unwrap()
                .insert(item.relative_path.clone(), place)
                .is_none(),
            "handed over once"
        );
        Ok(())
    }

    fn begin_catalog(&self) -> io::Result<PathBuf> {
        Ok(self.temp())
    }

    fn catalog(&self, temp: PathBuf) -> io::Result<()> {
        let place = self.dir.path().join("catalog");
        std::fs::rename(temp, &place)?;
        *self.catalog.lock().unwrap() = Some(place);
        Ok(())
    }
}

/// Restores the newest trustworthy restore point onto an empty machine.
pub async fn restore_all(
    bucket: &Bucket,
    sink: &Arc<FolderSink>,
) -> redline_backup::Result<RestoreOutcome> {
    let plan = plan_restore(bucket, &key(), None, &[]).await?;
    run_restore(bucket, &plan, sink.clone(), Arc::new(())).await
}

/// Adds up what it is told; cancels at a phase or after so many bytes.
#[derive(Default)]
pub struct Watcher {
    pub bytes: AtomicU64,
    pub items: AtomicU64,
    pub total_bytes: AtomicU64,
    pub total_items: AtomicU64,
    /// Of the bytes, those that an earlier run had brought across.
    pub found: AtomicU64,
    /// What was counted and the total, of each count that is over.
    pub counted: Mutex<Vec<(u64, u64)>>,
    pub phases: Mutex<Vec<Phase>>,
    pub cancel_after_bytes: Option<u64>,
    pub cancel_at: Option<Phase>,
    pub cancelled: AtomicBool,
}

impl Progress for Watcher {
    fn phase(&self, phase: Phase) {
        self.phases.lock().unwrap().push(phase);
        if self.cancel_at == Some(phase) {
            self.cancelled.store(true, Ordering::SeqCst);
        }
    }

    fn set_total(&self, bytes: u64, items: u64) {
        let total = self.total_bytes.swap(bytes, Ordering::SeqCst);
        self.total_items.store(items, Ordering::SeqCst);
        let counted = self.bytes.swap(0, Ordering::SeqCst);
        self.counted.lock().unwrap().push((counted, total));
        self.items.store(0, Ordering::SeqCst);
    }

    fn advance(&self, bytes: u64, items: u64) {
        let so_far = self.bytes.fetch_add(bytes, Ordering::SeqCst) + bytes;
        self.items.fetch_add(items, Ordering::SeqCst);
        if self.cancel_after_bytes.is_some_and(|limit| so_far >= limit) {
            self.cancelled.store(true, Ordering::SeqCst);
        }
    }

    fn found(&self, bytes: u64, items: u64) {
        self.found.fetch_add(bytes, Ordering::SeqCst);
        self.advance(bytes, items);
    }

    fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::SeqCst)
    }
}

pub fn manifests(server: &TestS3) -> Vec<String> {
    server
        .objects()
        .into_iter()
        .map(|(k, _)| k)
        .filter(|k| k.contains("/.redline/manifests/"))
        .collect()
}

pub fn object_key(sha256: &str) -> String {
    format!("users/{STORE}/.redline/objects/{}/{sha256}", &sha256[..2])
}

pub fn exists(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

/// What every server must do for a backup to work on it. The bucket is empty.
pub async fn conformance(name: &str, config: BucketConfig) {
    let connect = || Bucket::connect_with(config.clone(), tuning()).unwrap();
    let probe = connect().probe().await;
    assert!(probe.ok, "{name}: {probe:?}");
    let mut store = FakeStore::new();
    store.put("empty.bin", b"");
    store.put("one part.bin", &noise(20, 16 * MIB));
    store.put("one byte more.bin", &noise(21, 16 * MIB + 1));
    store.put("e\u{301}.csv", b"decomposed");
    store.put("\u{e9}.csv", b"composed");
    store.put("A/a", b"upper");
    store.put("a/A", b"lower");
    store.put("q3 + 50% & #1.csv", b"odd");
    let long = [
        "x".repeat(250),
        "y".repeat(250),
        "z".repeat(250),
        "w".repeat(242),
    ];
    store.put(&long.join("/"), b"a key of 1,024 bytes");
    let outcome = store
        .back_up(&connect())
        .await
        .unwrap_or_else(|e| panic!("{name}: {e}"));
    assert_eq!(outcome.uploaded_files, 9, "{name}");
    assert!(
        outcome.without_plain_copy.is_empty(),
        "{name}: {:?}",
        outcome.without_plain_copy
    );
    store.put("one byte more.bin", &noise(22, 16 * MIB + 1));
    let outcome = store
        .back_up(&connect())
        .await
        .unwrap_or_else(|e| panic!("{name}: {e}"));
    assert_eq!(
        (outcome.uploaded_files, outcome.unchanged_files),
        (1, 8),
        "{name}"
    );
    let report = redline_backup::verify(&connect(), &key(), None, true, Arc::new(()))
        .await
        .unwrap();
    assert!(report.ok, "{name}: {report:?}");
    let sink = FolderSink::new();
    let restored = restore_all(&connect(), &sink).await.unwrap();
    assert!(restored.failed.is_empty(), "{name}: {:?}", restored.failed);
    assert_eq!(sink.contents(), store.contents(), "{name}");
}
