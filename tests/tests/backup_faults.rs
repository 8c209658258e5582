//! A bucket that misbehaves: every fault is either sat out or said, and no
//! restore point is claimed that is not there.

mod backup_support;

use std::sync::Arc;
use std::time::Duration;

use backup_support::*;
use redline_backup::{
    BackupError, Bucket, Phase, abort_stale_uploads, latest_manifest, list_restore_points,
    plan_backup, plan_restore, run_backup, run_restore, verify,
};
use redline_tests::s3::{Fault, FaultKind};

fn small_store() -> FakeStore {
    let mut store = FakeStore::new();
    for n in 0..20 {
        store.put(&format!("{n}.csv"), &noise(n, 1000));
    }
    store
}

async fn comes_back_whole(server: &redline_tests::s3::TestS3, store: &FakeStore) {
    server.clear_faults();
    let sink = FolderSink::new();
    let restored = restore_all(&bucket(server), &sink).await.unwrap();
    assert!(restored.failed.is_empty(), "{:?}", restored.failed);
    assert_eq!(sink.contents(), store.contents());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_of_slow_down_is_sat_out() {
    let server = server();
    let store = small_store();
    server.inject(Fault::new(FaultKind::SLOW_DOWN).on("PutObject").times(60));
    let outcome = store.back_up(&bucket(&server)).await.unwrap();
    assert_eq!(outcome.uploaded_files, 20);
    assert!(outcome.requests >= 60);
    comes_back_whole(&server, &store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn server_errors_and_lost_answers_are_tried_again() {
    for kind in [FaultKind::INTERNAL, FaultKind::LostResponse] {
        for operation in ["PutObject", "CopyObject", "ListObjectsV2"] {
            let server = server();
            let store = small_store();
            server.inject(Fault::new(kind.clone()).on(operation).times(3));
            store
                .back_up(&bucket(&server))
                .await
                .unwrap_or_else(|e| panic!("{kind:?} on {operation}: {e}"));
            assert_eq!(manifests(&server).len(), 1);
            comes_back_whole(&server, &store).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_answers_200_with_an_error_inside_is_tried_again() {
    let server = server();
    let store = small_store();
    server.inject(
        Fault::new(FaultKind::Error {
            status: 200,
            code: "InternalError",
        })
        .on("CopyObject")
        .times(2),
    );
    store.back_up(&bucket(&server)).await.unwrap();
    for file in &store.files {
        assert!(
            server
                .object(&format!("users/{STORE}/files/{}", file.relative_path))
                .is_some()
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_upload_survives_faults_on_every_step() {
    for operation in [
        "CreateMultipartUpload",
        "UploadPart",
        "CompleteMultipartUpload",
    ] {
        for kind in [
            FaultKind::SLOW_DOWN,
            FaultKind::INTERNAL,
            FaultKind::LostResponse,
        ] {
            let server = server();
            let mut store = FakeStore::new();
            store.put("large.bin", &noise(9, 33 * MIB));
            server.inject(Fault::new(kind.clone()).on(operation).times(2));
            let outcome = store
                .back_up(&bucket(&server))
                .await
                .unwrap_or_else(|e| panic!("{kind:?} on {operation}: {e}"));
            assert_eq!(outcome.uploaded_files, 1);
            assert_eq!(
                server.object(&object_key(&store.files[0].sha256)).unwrap(),
                noise(9, 33 * MIB),
                "{kind:?} on {operation}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_on_the_way_back_never_reach_the_disk() {
    let server = server();
    let mut store = small_store();
    store.put("large.bin", &noise(9, 33 * MIB));
    store.back_up(&bucket(&server)).await.unwrap();
    for kind in [
        FaultKind::Truncated,
        FaultKind::FlippedBit,
        FaultKind::INTERNAL,
        FaultKind::SLOW_DOWN,
        FaultKind::LostResponse,
    ] {
        server.inject(
            Fault::new(kind.clone())
                .on("GetObject")
                .path_contains("/objects/")
                .times(1),
        );
        server.inject(
            Fault::new(kind.clone())
                .on("GetObject")
                .path_contains("/db/")
                .times(1),
        );
        let sink = FolderSink::new();
        let restored = restore_all(&bucket(&server), &sink)
            .await
            .unwrap_or_else(|e| panic!("{kind:?}: {e}"));
        assert!(
            restored.failed.is_empty(),
            "{kind:?}: {:?}",
            restored.failed
        );
        assert_eq!(sink.contents(), store.contents(), "{kind:?}");
        server.clear_faults();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_before_the_manifest_leaves_no_restore_point_and_no_open_upload() {
    let server = server();
    let bucket = bucket(&server);
    let mut store = small_store();
    store.put("large.bin", &noise(9, 80 * MIB));
    // In the middle of the large file: parts are in flight and stay slow.
    server.inject(
        Fault::new(FaultKind::Slow(Duration::from_millis(500)))
            .on("UploadPart")
            .after(2)
            .times(100),
    );
    let watcher = Arc::new(Watcher {
        cancel_after_bytes: Some(17 * MIB as u64),
        ..Watcher::default()
    });
    let error = store
        .back_up_with(&bucket, None, watcher)
        .await
        .unwrap_err();
    assert!(matches!(error, BackupError::Cancelled), "{error}");
    assert!(manifests(&server).is_empty());
    assert_eq!(server.open_uploads(), 0);
    server.clear_faults();

    // And just before the end, when everything but the manifest is there.
    let watcher = Arc::new(Watcher {
        cancel_at: Some(Phase::Committing),
        ..Watcher::default()
    });
    let error = store
        .back_up_with(&bucket, None, watcher)
        .await
        .unwrap_err();
    assert!(matches!(error, BackupError::Cancelled), "{error}");
    assert!(manifests(&server).is_empty());
    assert!(
        list_restore_points(&bucket, &key())
            .await
            .unwrap()
            .is_empty()
    );
    assert!(matches!(
        plan_restore(&bucket, &key(), None, &[]).await,
        Err(BackupError::NotFound { .. })
    ));

    // What was sent is not sent again.
    server.forget_requests();
    let outcome = store.back_up(&bucket).await.unwrap();
    assert_eq!((outcome.uploaded_files, outcome.uploaded_bytes), (21, 0));
    assert_eq!(server.count("UploadPart"), 0);
    comes_back_whole(&server, &store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_manifest_a_backup_does_not_exist() {
    let server = server();
    let bucket = bucket(&server);
    let mut store = small_store();
    let first = store.back_up(&bucket).await.unwrap();
    store.put("late.csv", b"late");
    store.touch_catalog();
    server.inject(Fault::at_manifest(FaultKind::ACCESS_DENIED));
    let error = store.back_up(&bucket).await.unwrap_err();
    assert!(
        matches!(&error, BackupError::AccessDenied { operation } if operation == "s3:PutObject"),
        "{error}"
    );
    let points = list_restore_points(&bucket, &key()).await.unwrap();
    assert_eq!(
        points.iter().map(|p| p.id.as_str()).collect::<Vec<_>>(),
        [first.restore_point.as_str()]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_permission_is_named() {
    let server = server();
    let bucket = bucket(&server);
    let store = small_store();
    for (operation, permission) in [
        ("PutObject", "s3:PutObject"),
        ("ListObjectsV2", "s3:ListBucket"),
    ] {
        server.inject(
            Fault::new(FaultKind::ACCESS_DENIED)
                .on(operation)
                .times(1000),
        );
        let error = store.back_up(&bucket).await.unwrap_err();
        assert!(
            matches!(&error, BackupError::AccessDenied { operation } if operation == permission),
            "{operation}: {error}"
        );
        let report = bucket.probe().await;
        assert!(!report.ok);
        assert!(
            report
                .checks
                .iter()
                .any(|c| !c.ok && c.detail.contains(permission)),
            "{report:?}"
        );
        server.clear_faults();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn trouble_gets_its_own_name_and_never_shows_a_secret() {
    let server = server();
    let unreachable = redline_backup::BucketConfig::new(
        "b",
        "r",
        Some("http://127.0.0.1:9".into()),
        "AK",
        "verysecret",
        STORE,
    );
    let mut wrong_key = config(&server);
    wrong_key.secret_key = "verysecret".into();
    let mut no_bucket = config(&server);
    no_bucket.bucket = "nobody-made-this".into();
    let list = |config| async move {
        let bucket = Bucket::connect_with(config, tuning()).unwrap();
        list_restore_points(&bucket, &key()).await.unwrap_err()
    };
    let errors = [
        list(unreachable).await,
        list(wrong_key).await,
        list(no_bucket).await,
    ];
    assert!(
        matches!(&errors[0], BackupError::Unreachable { endpoint, .. } if endpoint == "http://127.0.0.1:9"),
        "{}",
        errors[0]
    );
    assert!(
        matches!(errors[1], BackupError::WrongCredentials),
        "{}",
        errors[1]
    );
    assert!(
        matches!(&errors[2], BackupError::NoSuchBucket { bucket, .. } if bucket == "nobody-made-this"),
        "{}",
        errors[2]
    );
    for error in &errors {
        assert!(!format!("{error} {error:?}").contains("verysecret"));
        assert!(!error.hint().is_empty());
    }
    for (code, status) in [
        // Said by a server whose clock agrees with ours: nothing to set right.
        ("RequestTimeTooSkewed", 403),
        ("ExpiredToken", 400),
        ("AuthorizationHeaderMalformed", 400),
    ] {
        server.inject(Fault::new(FaultKind::Error { status, code }));
        let error = list(config(&server)).await;
        let named = match code {
            "RequestTimeTooSkewed" => matches!(error, BackupError::ClockSkew { .. }),
            "ExpiredToken" => matches!(error, BackupError::CredentialsExpired),
            _ => matches!(error, BackupError::WrongRegion { .. }),
        };
        assert!(named, "{code}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_off_is_named_by_the_probe_and_set_right_for_the_backup() {
    for (offset, words) in [
        (-20 * 60, "20 min ahead of"),
        (20 * 60, "20 min behind"),
        (-86_400, "24 h ahead of"),
        (86_400, "24 h behind"),
    ] {
        let server = server();
        let store = small_store();
        server.set_clock_offset(offset);
        let bucket = bucket(&server);
        // Many at once: all are refused, and each is sent again.
        let outcome = store.back_up(&bucket).await.unwrap();
        assert_eq!(outcome.uploaded_files, 20, "{offset}");
        let report = bucket.probe().await;
        assert!(report.ok, "{report:?}");
        let clock = report.checks.iter().find(|c| c.name == "clock").unwrap();
        assert!(!clock.ok && clock.detail.contains(words), "{clock:?}");
        comes_back_whole(&server, &store).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_lost_an_object_it_listed_gets_it_again() {
    let server = server();
    let bucket = bucket(&server);
    let store = small_store();
    // Planned against a listing, then the object goes.
    store.back_up(&bucket).await.unwrap();
    for manifest in manifests(&server) {
        server.remove(&manifest);
    }
    let plan = plan_backup(&bucket, &store.files, None).await.unwrap();
    assert_eq!(plan.bytes, 0);
    server.remove(&object_key(&store.files[3].sha256));
    run_backup(
        &bucket,
        &plan,
        &store.snapshot(),
        &key(),
        "laptop",
        Arc::new(()),
    )
    .await
    .unwrap();
    assert!(
        verify(&bucket, &key(), None, true, Arc::new(()))
            .await
            .unwrap()
            .ok
    );
    comes_back_whole(&server, &store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_restore_goes_on_where_it_stopped() {
    let server = server();
    let bucket = bucket(&server);
    let store = small_store();
    store.back_up(&bucket).await.unwrap();
    let sink = FolderSink::new();
    let plan = plan_restore(&bucket, &key(), None, &[]).await.unwrap();
    server.inject(
        Fault::new(FaultKind::ACCESS_DENIED)
            .on("GetObject")
            .path_contains("/objects/")
            .after(12)
            .times(1000),
    );
    let error = run_restore(&bucket, &plan, sink.clone(), Arc::new(()))
        .await
        .unwrap_err();
    assert!(matches!(error, BackupError::AccessDenied { .. }), "{error}");
    server.clear_faults();

    let placed = sink.placed.lock().unwrap().clone();
    assert!(!placed.is_empty() && placed.len() < 20, "{}", placed.len());
    let here: Vec<_> = store
        .files
        .iter()
        .filter(|f| placed.contains_key(&f.relative_path))
        .cloned()
        .collect();
    let rest = plan_restore(&bucket, &key(), None, &here).await.unwrap();
    assert_eq!(
        (rest.same as usize, rest.items.len()),
        (placed.len(), 20 - placed.len())
    );
    run_restore(&bucket, &rest, sink.clone(), Arc::new(()))
        .await
        .unwrap();
    assert_eq!(sink.contents(), store.contents());
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_left_by_a_killed_run_are_swept() {
    let server = server();
    let bucket = bucket(&server);
    let mut store = FakeStore::new();
    store.put("large.bin", &noise(9, 33 * MIB));
    // Killed: the run is dropped in the middle and nothing gets to tidy up.
    server.inject(
        Fault::new(FaultKind::Slow(Duration::from_secs(60)))
            .on("UploadPart")
            .times(100),
    );
    let run = store.back_up(&bucket);
    assert!(
        tokio::time::timeout(Duration::from_secs(4), run)
            .await
            .is_err()
    );
    assert_eq!(server.open_uploads(), 1);
    assert_eq!(
        abort_stale_uploads(&bucket, Duration::from_secs(3600))
            .await
            .unwrap(),
        0,
        "may be in use"
    );
    assert_eq!(
        abort_stale_uploads(&bucket, Duration::ZERO).await.unwrap(),
        1
    );
    assert_eq!(server.open_uploads(), 0);
    assert!(latest_manifest(&bucket, &key()).await.unwrap().0.is_none());
}
