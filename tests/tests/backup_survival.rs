//! What a backup must survive on the line and at the server: each case with real
//! sockets, the store whole afterwards, and nothing claimed that is not there.

mod backup_support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use backup_support::*;
use redline_backup::{
    AccessKeys, BackupError, Bucket, BucketConfig, Phase, Tuning, latest_manifest,
    list_restore_points, verify,
};
use redline_tests::proxy::Proxy;
use redline_tests::s3::{
    ACCESS_KEY, Fault, FaultKind, NEXT_ACCESS_KEY, Options, Personality, REGION, SECRET_KEY, TestS3,
};

const PART: usize = 16 * MIB;

fn large(seed: u64, size: usize) -> FakeStore {
    let mut store = FakeStore::new();
    store.put("large.bin", &noise(seed, size));
    store
}

fn behind(server: &TestS3, proxy: &Proxy, tuning: Tuning) -> Bucket {
    let config = BucketConfig::new(
        server.bucket(),
        REGION,
        Some(proxy.endpoint()),
        ACCESS_KEY,
        SECRET_KEY,
        STORE,
    );
    Bucket::connect_with(config, tuning).unwrap()
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

async fn nothing_claimed(server: &TestS3) {
    assert!(manifests(server).is_empty());
    let points = list_restore_points(&bucket(server), &key()).await.unwrap();
    assert!(points.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_line_is_noticed_and_the_rest_is_sent_once_it_is_back() {
    let server = server();
    let proxy = Arc::new(Proxy::start(&server.endpoint()).unwrap());
    let store = large(1, 4 * PART);
    let bucket = behind(
        &server,
        &proxy,
        Tuning {
            stall_after: Duration::from_millis(500),
            ..tuning()
        },
    );
    // So fast that what may still be in a socket is no excuse for long.
    large(2, 4 * PART).back_up(&bucket).await.unwrap();
    proxy.set_speed(Some(16 << 20));
    let back = {
        let proxy = proxy.clone();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(500)).await;
            proxy.set_dead(true);
            tokio::time::sleep(Duration::from_secs(5)).await;
            proxy.set_dead(false);
            proxy.set_speed(None);
        })
    };
    let before = proxy.connections();
    let began = Instant::now();
    store.back_up(&bucket).await.unwrap();
    back.await.unwrap();
    assert!(
        began.elapsed() > Duration::from_secs(5),
        "it was dead for that long"
    );
    assert!(proxy.connections() > before, "what hung was given up");
    whole(&server, &store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_is_told_while_it_lasts() {
    let server = server();
    let proxy = Proxy::start(&server.endpoint()).unwrap();
    let bucket = behind(
        &server,
        &proxy,
        Tuning {
            stall_after: Duration::from_millis(300),
            ..tuning()
        },
    );
    small(1).back_up(&bucket).await.unwrap();
    let reach = bucket.reach();
    assert!(!reach.is_waiting());
    proxy.set_dead(true);
    let told = async {
        let began = Instant::now();
        while !reach.is_waiting() {
            assert!(began.elapsed() < Duration::from_secs(20), "never told");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        proxy.set_dead(false);
    };
    let store = small(20);
    let (backed_up, ()) = tokio::join!(store.back_up(&bucket), told);
    backed_up.unwrap();
    assert!(!reach.is_waiting());
    whole(&server, &store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_line_is_no_stall() {
    let server = server();
    let proxy = Proxy::start(&server.endpoint()).unwrap();
    let mut store = FakeStore::new();
    store.put("slow.bin", &noise(3, 600_000));
    let bucket = behind(
        &server,
        &proxy,
        Tuning {
            // Far less than the transfer takes.
            stall_after: Duration::from_millis(700),
            ..tuning()
        },
    );
    proxy.set_speed(Some(100_000));
    let began = Instant::now();
    store.back_up(&bucket).await.unwrap();
    assert!(began.elapsed() > Duration::from_secs(4));
    let sent = server
        .requests()
        .iter()
        .filter(|r| r.operation == "PutObject" && r.path.contains("/objects/"))
        .count();
    assert_eq!(sent, 1, "never taken for dead");
    let sink = FolderSink::new();
    restore_all(&bucket, &sink).await.unwrap();
    assert_eq!(sink.contents(), store.contents());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_at_99_percent_costs_one_part() {
    let server = server();
    let proxy = Proxy::start(&server.endpoint()).unwrap();
    let store = large(4, 3 * PART);
    let bucket = behind(&server, &proxy, tuning());
    proxy.reset_after(PART as u64 * 99 / 100);
    store.back_up(&bucket).await.unwrap();
    assert_eq!(proxy.resets(), 1);
    assert_eq!(server.count("CreateMultipartUpload"), 1);
    assert!(server.count("UploadPart") <= 4);
    whole(&server, &store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_that_goes_is_waited_for() {
    let server = server();
    let store = large(5, 3 * PART);
    let bucket = bucket(&server);
    // The server is known; then every answer is cut off, far more often than an
    // address that may be wrong would be tried.
    store
        .back_up_with(
            &bucket,
            None,
            Arc::new(Watcher {
                cancel_at: Some(Phase::Uploading),
                ..Watcher::default()
            }),
        )
        .await
        .unwrap_err();
    server.inject(
        Fault::new(FaultKind::LostResponse)
            .on("CreateMultipartUpload")
            .times(25),
    );
    store.back_up(&bucket).await.unwrap();
    whole(&server, &store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn conflicts_after_our_own_success_are_settled_by_looking() {
    for (status, code) in [(409, "OperationAborted"), (412, "PreconditionFailed")] {
        let server = server();
        let mut store = large(6, 2 * PART);
        store.put("small.csv", b"a\n1\n");
        // Done, the answer lost, and the second try told that something is in the way.
        for operation in ["PutObject", "CompleteMultipartUpload"] {
            server.inject(
                Fault::new(FaultKind::LostResponse)
                    .on(operation)
                    .path_contains("/objects/"),
            );
            server.inject(
                Fault::new(FaultKind::Error { status, code })
                    .on(operation)
                    .path_contains("/objects/"),
            );
        }
        store
            .back_up(&bucket(&server))
            .await
            .unwrap_or_else(|e| panic!("{code}: {e}"));
        whole(&server, &store).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conflict_without_our_success_is_no_success() {
    let server = server();
    let store = small(1);
    server.inject(
        Fault::new(FaultKind::Error {
            status: 412,
            code: "PreconditionFailed",
        })
        .on("PutObject")
        .path_contains("/objects/")
        .times(99),
    );
    let error = store.back_up(&bucket(&server)).await.unwrap_err();
    assert!(
        matches!(error, BackupError::Service { status: 412, .. }),
        "{error}"
    );
    nothing_claimed(&server).await;
}

fn small(files: u64) -> FakeStore {
    let mut store = FakeStore::new();
    for n in 0..files {
        store.put(&format!("{n}.csv"), &noise(n, 1000));
    }
    store
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_tags_and_bits_flipped_on_the_way_in_are_put_right() {
    let server = server();
    let mut store = large(7, 2 * PART + 5);
    store.put("small.csv", &noise(8, 5000));
    server.inject(Fault::new(FaultKind::WrongEtag).on("UploadPart"));
    server.inject(Fault::new(FaultKind::FlippedOnTheWayIn).on("UploadPart"));
    server.inject(
        Fault::new(FaultKind::FlippedOnTheWayIn)
            .on("PutObject")
            .times(3),
    );
    store.back_up(&bucket(&server)).await.unwrap();
    whole(&server, &store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_in_a_200_of_complete_is_an_error() {
    let server = server();
    let store = large(9, 2 * PART);
    server.inject(
        Fault::new(FaultKind::Error {
            status: 200,
            code: "InternalError",
        })
        .on("CompleteMultipartUpload")
        .times(2),
    );
    store.back_up(&bucket(&server)).await.unwrap();
    whole(&server, &store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_expire_in_the_middle_are_read_again() {
    let server = Arc::new(server());
    let store = small(40);
    let bucket = bucket(&server);
    let asked = Arc::new(AtomicBool::new(false));
    let seen = asked.clone();
    bucket.renew_keys_with(move || {
        seen.store(true, Ordering::SeqCst);
        Ok(Some(AccessKeys {
            access_key: NEXT_ACCESS_KEY.into(),
            secret_key: SECRET_KEY.into(),
            session_token: None,
            expires_at: None,
        }))
    });
    let (over, of) = (server.clone(), server.clone());
    let expire = tokio::task::spawn_blocking(move || {
        while of.count("PutObject") < 10 {
            std::thread::sleep(Duration::from_millis(1));
        }
        over.expire_key(ACCESS_KEY);
    });
    server.inject(Fault::new(FaultKind::Slow(Duration::from_millis(30))).times(30));
    store.back_up(&bucket).await.unwrap();
    expire.await.unwrap();
    assert!(asked.load(Ordering::SeqCst));
    let sink = FolderSink::new();
    restore_all(&bucket, &sink).await.unwrap();
    assert_eq!(sink.contents(), store.contents());
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_expired_for_good_are_named_and_the_run_is_taken_up_later() {
    let server = server();
    let (store, journal) = (large(10, 4 * PART), tempfile::tempdir().unwrap());
    // One part at a time, so that what was answered is written down before the next.
    let one_by_one = Tuning {
        byte_budget: PART as u64,
        ..tuning()
    };
    let run = Bucket::connect_with(config(&server), one_by_one).unwrap();
    run.keep_journal_in(journal.path());
    server.inject(
        Fault::new(FaultKind::Error {
            status: 400,
            code: "ExpiredToken",
        })
        .on("UploadPart")
        .after(2)
        .times(99),
    );
    let error = store.back_up(&run).await.unwrap_err();
    assert!(matches!(error, BackupError::CredentialsExpired), "{error}");
    assert_eq!(
        error.to_string(),
        "The credentials for the bucket have expired."
    );
    nothing_claimed(&server).await;
    drop(run);
    server.clear_faults();
    server.forget_requests();
    let later = bucket(&server);
    later.keep_journal_in(journal.path());
    store.back_up(&later).await.unwrap();
    assert_eq!(server.count("CreateMultipartUpload"), 0);
    assert!(
        server.count("UploadPart") <= 2,
        "{}",
        server.count("UploadPart")
    );
    whole(&server, &store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_permission_missing_is_named_and_those_that_only_tidy_are_no_condition() {
    for (operation, permission) in [
        ("PutObject", "s3:PutObject"),
        ("UploadPart", "s3:PutObject"),
        ("CompleteMultipartUpload", "s3:PutObject"),
        ("HeadObject", "s3:GetObject"),
        ("ListObjectsV2", "s3:ListBucket"),
    ] {
        let server = server();
        let store = large(11, 2 * PART);
        server.inject(
            Fault::new(FaultKind::ACCESS_DENIED)
                .on(operation)
                .times(999),
        );
        let error = store.back_up(&bucket(&server)).await.unwrap_err();
        assert!(
            matches!(&error, BackupError::AccessDenied { operation } if operation == permission),
            "{operation}: {error}"
        );
        assert!(error.to_string().contains(permission), "{error}");
        server.clear_faults();
        nothing_claimed(&server).await;
    }
    for operation in [
        "ListMultipartUploads",
        "ListParts",
        "AbortMultipartUpload",
        "DeleteObject",
    ] {
        let server = server();
        let (store, journal) = (large(11, 2 * PART), tempfile::tempdir().unwrap());
        let bucket = bucket(&server);
        bucket.keep_journal_in(journal.path());
        server.inject(
            Fault::new(FaultKind::ACCESS_DENIED)
                .on(operation)
                .times(999),
        );
        store
            .back_up(&bucket)
            .await
            .unwrap_or_else(|e| panic!("{operation}: {e}"));
        whole(&server, &store).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_server_said_it_kept_is_looked_at_before_a_restore_point_claims_it() {
    for many in [3, 80] {
        let server = server();
        let store = small(many);
        let lost = Fault::new(FaultKind::Error {
            status: 404,
            code: "NoSuchKey",
        });
        server.inject(lost.on("HeadObject").path_contains("/objects/").times(1));
        let watcher = Arc::new(Watcher::default());
        let backed_up = store
            .back_up_with(&bucket(&server), None, watcher.clone())
            .await;
        let phases = watcher.phases.lock().unwrap().clone();
        let order = [Phase::Uploading, Phase::Verifying, Phase::Committing];
        if many <= 64 {
            let error = backed_up.unwrap_err();
            assert!(
                matches!(&error, BackupError::Service { status: 404, .. }),
                "{error}"
            );
            assert!(error.retryable());
            assert_eq!(phases, order[..2]);
            nothing_claimed(&server).await;
        } else {
            // So many are looked up in one list.
            backed_up.unwrap();
            assert_eq!(phases, order);
            let lists = server
                .requests()
                .iter()
                .filter(|r| r.operation == "ListObjectsV2")
                .count();
            assert_eq!(lists, 4, "two of the plan's, the marks, and one to check");
        }
        for (counted, total) in watcher.counted.lock().unwrap().iter() {
            assert!(counted <= total);
        }
        server.clear_faults();
        store.back_up(&bucket(&server)).await.unwrap();
        whole(&server, &store).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_is_gone_and_one_in_another_region_have_names() {
    let server = server();
    let store = small(3);
    store.back_up(&bucket(&server)).await.unwrap();
    server.move_to_region(Some("eu-central-1"));
    let error = latest_manifest(&bucket(&server), &key()).await.unwrap_err();
    assert!(matches!(error, BackupError::WrongRegion { .. }), "{error}");
    assert_eq!(error.hint(), "set the bucket's own region under Backup.");
    server.move_to_region(None);
    server.remove_bucket();
    let error = store.back_up(&bucket(&server)).await.unwrap_err();
    assert!(
        matches!(&error, BackupError::NoSuchBucket { bucket, .. } if bucket == server.bucket()),
        "{error}"
    );
    for file in &store.files {
        assert_eq!(sha256(&std::fs::read(&file.path).unwrap()), file.sha256);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_server_passes_the_same_suite() {
    for (name, personality) in Personality::ALL {
        let server = TestS3::start(Options {
            personality,
            ..Options::default()
        })
        .unwrap();
        conformance(name, config(&server)).await;
        assert_eq!(server.open_uploads(), 0, "{name}");
    }
}
