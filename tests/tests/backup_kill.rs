//! `kill -9` of a backup at each of its steps: the run after it sends again at most
//! what was in flight, and no restore point is claimed before it is there.
#![cfg(unix)]

mod backup_support;

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use backup_support::sealed::keys;
use backup_support::*;
use redline_backup::{Bucket, BucketConfig, DataKey, DataKeys, latest_manifest, verify};
use redline_tests::s3::{ACCESS_KEY, Fault, FaultKind, Options, REGION, SECRET_KEY, TestS3};

const PART: usize = 16 * MIB;
/// Five whole parts and a short one.
const SIZE: usize = 5 * PART + 7;

fn store() -> FakeStore {
    let mut store = FakeStore::new();
    store.put("large.bin", &noise(9, SIZE));
    store.put("small.csv", b"a,b\n1,2\n");
    store
}

/// What the process that is killed runs; without its environment there is nothing to do.
#[test]
#[ignore = "the process that the other tests here start and kill"]
fn the_run_that_is_killed() {
    let Ok(folder) = std::env::var("REDLINE_TEST_STORE") else {
        return;
    };
    let value = |name: &str| std::env::var(name).unwrap();
    let config = BucketConfig::new(
        value("REDLINE_TEST_BUCKET"),
        REGION,
        Some(value("REDLINE_TEST_ENDPOINT")),
        ACCESS_KEY,
        SECRET_KEY,
        STORE,
    );
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let bucket = Bucket::connect_with(config, tuning()).unwrap();
        bucket.keep_journal_in(value("REDLINE_TEST_JOURNAL"));
        if let Ok(key) = std::env::var("REDLINE_TEST_DATA_KEY") {
            bucket.seal_with(DataKeys {
                keys: vec![DataKey::from_text(&key).unwrap()],
                wrapped: None,
            });
        }
        FakeStore::at(Path::new(&folder))
            .back_up(&bucket)
            .await
            .unwrap();
    });
}

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(server: &TestS3, store: &FakeStore, journal: &Path, keys: &DataKeys) -> Killed {
    store.write_down();
    let key = keys.keys.first().map(|key| {
        let name = "REDLINE_TEST_DATA_KEY".to_owned();
        (name, key.to_text().expose().to_owned())
    });
    let child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "the_run_that_is_killed",
            "--ignored",
            "--nocapture",
        ])
        .env("REDLINE_TEST_STORE", store.dir.path())
        .env("REDLINE_TEST_JOURNAL", journal)
        .env("REDLINE_TEST_BUCKET", server.bucket())
        .env("REDLINE_TEST_ENDPOINT", server.endpoint())
        .envs(key)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    Killed(child)
}

fn wait_for(what: &str, mut ready: impl FnMut() -> bool) {
    let began = Instant::now();
    while !ready() {
        assert!(began.elapsed() < Duration::from_secs(60), "never: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Kills a run that waits at `held`, once `reached`.
fn kill_at(
    server: &TestS3,
    store: &FakeStore,
    journal: &Path,
    held: Fault,
    reached: impl Fn(&TestS3) -> bool,
) {
    kill_sealing_at(server, store, journal, &DataKeys::default(), held, reached);
}

fn kill_sealing_at(
    server: &TestS3,
    store: &FakeStore,
    journal: &Path,
    keys: &DataKeys,
    held: Fault,
    reached: impl Fn(&TestS3) -> bool,
) {
    server.inject(held);
    let run = start(server, store, journal, keys);
    wait_for("the step to kill it at", || reached(server));
    // Let what was let through be answered and written down.
    std::thread::sleep(Duration::from_millis(300));
    drop(run);
    server.clear_faults();
}

/// Of the file's parts three are there and three are on their way.
fn kill_in_the_middle(server: &TestS3, store: &FakeStore, journal: &Path, keys: &DataKeys) {
    let held = Fault::new(FaultKind::Stall)
        .on("UploadPart")
        .after(3)
        .times(99);
    kill_sealing_at(server, store, journal, keys, held, |s| {
        s.count("UploadPart") >= 6
    });
}

async fn goes_on(server: &TestS3, store: &FakeStore, journal: &Path) {
    goes_on_sealing(server, store, journal, &DataKeys::default()).await;
}

async fn goes_on_sealing(server: &TestS3, store: &FakeStore, journal: &Path, keys: &DataKeys) {
    let bucket = bucket(server);
    bucket.seal_with(keys.clone());
    bucket.keep_journal_in(journal);
    store.back_up(&bucket).await.unwrap();
    assert_eq!(server.open_uploads(), 0);
    let report = verify(&bucket, &key(), None, true, Arc::new(()))
        .await
        .unwrap();
    assert!(report.ok, "{report:?}");
    let sink = FolderSink::new();
    let restored = restore_all(&bucket, &sink).await.unwrap();
    assert!(restored.failed.is_empty());
    assert_eq!(sink.contents(), store.contents());
}

async fn no_restore_point(server: &TestS3) {
    let (latest, skipped) = latest_manifest(&bucket(server), &key()).await.unwrap();
    assert!(latest.is_none() && skipped.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_before_the_upload_is_begun() {
    let (server, store, journal) = (server(), store(), tempfile::tempdir().unwrap());
    kill_at(
        &server,
        &store,
        journal.path(),
        Fault::new(FaultKind::Stall)
            .on("CreateMultipartUpload")
            .times(9),
        |s| s.count("CreateMultipartUpload") > 0,
    );
    no_restore_point(&server).await;
    server.forget_requests();
    goes_on(&server, &store, journal.path()).await;
    assert_eq!(server.count("UploadPart"), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_in_the_middle_of_parts_only_those_in_flight_are_sent_again() {
    let (server, store, journal) = (server(), store(), tempfile::tempdir().unwrap());
    kill_in_the_middle(&server, &store, journal.path(), &DataKeys::default());
    no_restore_point(&server).await;
    assert_eq!(server.open_uploads(), 1);
    server.forget_requests();
    goes_on(&server, &store, journal.path()).await;
    assert_eq!(server.count("CreateMultipartUpload"), 0);
    assert_eq!(server.count("ListParts"), 1);
    assert_eq!(
        server.count("UploadPart"),
        3,
        "the three that were in flight"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_that_are_there_are_done_from_the_start() {
    let (server, store, journal) = (server(), store(), tempfile::tempdir().unwrap());
    kill_in_the_middle(&server, &store, journal.path(), &DataKeys::default());
    let bucket = bucket(&server);
    bucket.keep_journal_in(journal.path());
    let watcher = Arc::new(Watcher::default());
    store
        .back_up_with(&bucket, None, watcher.clone())
        .await
        .unwrap();
    // Three parts, and one of them may be the short one.
    let found = watcher.found.load(Ordering::SeqCst);
    assert!(
        [3 * PART as u64, 2 * PART as u64 + 7].contains(&found),
        "{found}"
    );
    for (counted, total) in watcher.counted.lock().unwrap().iter() {
        assert_eq!(counted, total, "each byte once");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_in_the_middle_of_sealed_parts_only_those_in_flight_are_sent_again() {
    let (server, store, journal) = (server(), store(), tempfile::tempdir().unwrap());
    let keys = keys(&server).await;
    kill_in_the_middle(&server, &store, journal.path(), &keys);
    no_restore_point(&server).await;
    assert_eq!(server.open_uploads(), 1);
    let remembered = std::fs::read_to_string(journal.path().join("uploads.jsonl")).unwrap();
    assert!(!remembered.contains(keys.keys[0].to_text().expose()));
    server.forget_requests();
    goes_on_sealing(&server, &store, journal.path(), &keys).await;
    assert_eq!(server.count("CreateMultipartUpload"), 0);
    assert_eq!(
        server.count("UploadPart"),
        3,
        "the three that were in flight"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_before_a_sealed_manifest_nothing_is_sent_again() {
    let (server, store, journal) = (server(), store(), tempfile::tempdir().unwrap());
    let keys = keys(&server).await;
    kill_sealing_at(
        &server,
        &store,
        journal.path(),
        &keys,
        Fault::at_manifest(FaultKind::Stall).times(9),
        |s| s.manifests_begun() > 0,
    );
    server.forget_requests();
    goes_on_sealing(&server, &store, journal.path(), &keys).await;
    assert_eq!(
        server.count("UploadPart") + server.count("CreateMultipartUpload"),
        0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_after_the_last_part_nothing_is_sent_again() {
    let (server, store, journal) = (server(), store(), tempfile::tempdir().unwrap());
    kill_at(
        &server,
        &store,
        journal.path(),
        Fault::new(FaultKind::Stall)
            .on("CompleteMultipartUpload")
            .times(9),
        |s| s.count("CompleteMultipartUpload") > 0,
    );
    no_restore_point(&server).await;
    server.forget_requests();
    goes_on(&server, &store, journal.path()).await;
    assert_eq!(server.count("UploadPart"), 0);
    assert_eq!(server.count("CompleteMultipartUpload"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_after_complete_and_before_its_answer_the_object_is_found() {
    let (server, store, journal) = (server(), store(), tempfile::tempdir().unwrap());
    // The work is done, and every answer to it is lost until the process is gone.
    server.inject(
        Fault::new(FaultKind::Stall)
            .on("HeadObject")
            .path_contains("/objects/")
            .after(1)
            .times(99),
    );
    kill_at(
        &server,
        &store,
        journal.path(),
        Fault::new(FaultKind::LostResponse)
            .on("CompleteMultipartUpload")
            .times(1),
        |s| s.count("CompleteMultipartUpload") > 1,
    );
    no_restore_point(&server).await;
    assert!(server.object(&object_key(&store.files[0].sha256)).is_some());
    server.forget_requests();
    goes_on(&server, &store, journal.path()).await;
    assert_eq!(
        server.count("UploadPart") + server.count("CreateMultipartUpload"),
        0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_before_the_manifest_there_is_no_restore_point_and_nothing_is_sent_again() {
    let (server, store, journal) = (server(), store(), tempfile::tempdir().unwrap());
    kill_at(
        &server,
        &store,
        journal.path(),
        Fault::at_manifest(FaultKind::Stall).times(9),
        |s| s.manifests_begun() > 0,
    );
    no_restore_point(&server).await;
    server.forget_requests();
    goes_on(&server, &store, journal.path()).await;
    assert_eq!(server.count("UploadPart"), 0);
    assert_eq!(manifests(&server).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_after_the_manifest_the_restore_point_stands() {
    let (server, store, journal) = (server(), store(), tempfile::tempdir().unwrap());
    // The manifest is stored, its answer never comes, and the retry hangs.
    server.inject(Fault::at_manifest(FaultKind::LostResponse));
    kill_at(
        &server,
        &store,
        journal.path(),
        Fault::at_manifest(FaultKind::Stall).times(9),
        |s| manifests(s).len() == 1,
    );
    let sink = FolderSink::new();
    restore_all(&bucket(&server), &sink).await.unwrap();
    assert_eq!(sink.contents(), store.contents());
    server.forget_requests();
    let outcome = store.back_up(&bucket(&server)).await.unwrap();
    assert!(!outcome.created, "nothing had changed");
    assert_eq!(manifests(&server).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_journal_everything_is_sent_again_and_comes_out_whole() {
    let (server, store, journal) = (server(), store(), tempfile::tempdir().unwrap());
    kill_in_the_middle(&server, &store, journal.path(), &DataKeys::default());
    std::fs::remove_file(journal.path().join("uploads.jsonl")).unwrap();
    server.forget_requests();
    let bucket = bucket(&server);
    bucket.keep_journal_in(journal.path());
    store.back_up(&bucket).await.unwrap();
    assert_eq!(server.count("UploadPart"), 6);
    // The lost one is swept when it is old: it could be another device's.
    assert_eq!(server.open_uploads(), 1);
    let ended = redline_backup::abort_stale_uploads(&bucket, Duration::ZERO).await;
    assert_eq!(ended.unwrap(), 1);
    let sink = FolderSink::new();
    restore_all(&bucket, &sink).await.unwrap();
    assert_eq!(sink.contents(), store.contents());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_is_gone_from_the_server_begins_anew() {
    let (server, store, journal) = (server(), store(), tempfile::tempdir().unwrap());
    kill_in_the_middle(&server, &store, journal.path(), &DataKeys::default());
    assert_eq!(server.end_uploads(), 1);
    server.forget_requests();
    goes_on(&server, &store, journal.path()).await;
    assert_eq!(server.count("UploadPart"), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_was_replaced_meanwhile_is_not_mixed_with_the_old_parts() {
    let (server, mut store, journal) = (server(), store(), tempfile::tempdir().unwrap());
    kill_in_the_middle(&server, &store, journal.path(), &DataKeys::default());
    // The catalog knows the new bytes: another object altogether.
    store.put("large.bin", &noise(10, SIZE));
    server.forget_requests();
    let bucket = bucket(&server);
    bucket.keep_journal_in(journal.path());
    store.back_up(&bucket).await.unwrap();
    assert_eq!(server.count("UploadPart"), 6);
    assert_eq!(
        server
            .object(&object_key(&sha256(&noise(10, SIZE))))
            .unwrap(),
        noise(10, SIZE)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_bytes_in_another_file_begin_anew() {
    let (server, mut store, journal) = (server(), store(), tempfile::tempdir().unwrap());
    kill_in_the_middle(&server, &store, journal.path(), &DataKeys::default());
    store.put("large.bin", &noise(9, SIZE));
    server.forget_requests();
    goes_on(&server, &store, journal.path()).await;
    assert_eq!(server.count("UploadPart"), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_odd_tags_is_resumed_too() {
    let server = TestS3::start(Options {
        personality: redline_tests::s3::Personality::R2,
        ..Options::default()
    })
    .unwrap();
    let (store, journal) = (store(), tempfile::tempdir().unwrap());
    kill_in_the_middle(&server, &store, journal.path(), &DataKeys::default());
    server.forget_requests();
    goes_on(&server, &store, journal.path()).await;
    assert_eq!(server.count("UploadPart"), 3);
}
