//! Encryption that is switched on later: what was sent in the clear before stays
//! restorable until keep rules drop it, and then nothing of it is left.

mod backup_support;

use std::sync::Arc;

use backup_support::sealed::*;
use backup_support::*;
use jiff::{SignedDuration, Timestamp};
use redline_backup::{plan_restore, plan_retention, run_restore, run_retention};
use redline_tests::s3::{Fault, FaultKind};

#[tokio::test(flavor = "multi_thread")]
async fn switched_on_later_everything_is_sent_again_once_and_the_rest_goes_with_keep_rules() {
    let server = server();
    let mut store = store();
    let first = store.back_up(&bucket(&server)).await.unwrap();
    let keys = keys(&server).await;
    let bucket = sealed(&server, &keys);
    let second = store.back_up(&bucket).await.unwrap();
    assert!(second.created && second.uploaded_files == 6, "{second:?}");
    let changes = second.current.head.changes;
    assert_eq!((changes.new_files, changes.changed_files), (0, 0));
    assert!(second.current.head.grew.is_empty());
    let third = store.back_up(&bucket).await.unwrap();
    assert!(!third.created && third.uploaded_files == 0, "{third:?}");
    // The first point is as it was, and so are the readable copies.
    assert!(
        server
            .object(&format!("users/{STORE}/files/small.txt"))
            .is_some()
    );
    let sink = FolderSink::new();
    let plan = plan_restore(&bucket, &key(), Some(&first.restore_point), &[])
        .await
        .unwrap();
    run_restore(&bucket, &plan, sink.clone(), Arc::new(()))
        .await
        .unwrap();
    assert_eq!(sink.contents(), store.contents());

    store.touch_catalog();
    store.back_up(&bucket).await.unwrap();
    let rules = keep_last(1);
    let now = Timestamp::now();
    let plan = plan_retention(&bucket, &key(), &rules, now).await.unwrap();
    assert_eq!((plan.kept, plan.dropped.len()), (1, 2), "{plan:?}");
    run_retention(&bucket, &key(), &rules, now).await.unwrap();
    let later = now + SignedDuration::from_hours(25);
    let done = run_retention(&bucket, &key(), &rules, later).await.unwrap();
    assert_eq!(done.deleted_points, 2, "{done:?}");
    assert_eq!(
        told_by(&server, &store),
        Vec::<String>::new(),
        "copies and the newest catalog went with the points"
    );
    let sink = FolderSink::new();
    restore_all(&unlocked(&server, PASSPHRASE).await, &sink)
        .await
        .unwrap();
    assert_eq!(sink.contents(), store.contents());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_sealed_backup_that_was_cut_off_does_not_send_again() {
    let server = server();
    let store = store();
    store.back_up(&bucket(&server)).await.unwrap();
    let keys = keys(&server).await;
    server.inject(Fault::at_manifest(FaultKind::ACCESS_DENIED));
    store.back_up(&sealed(&server, &keys)).await.unwrap_err();
    let again = store.back_up(&sealed(&server, &keys)).await.unwrap();
    assert_eq!(
        (again.created, again.uploaded_bytes),
        (true, 0),
        "{again:?}"
    );
    let sink = FolderSink::new();
    restore_all(&unlocked(&server, PASSPHRASE).await, &sink)
        .await
        .unwrap();
    assert_eq!(sink.contents(), store.contents());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_only_in_the_bucket_in_the_clear_stays_in_the_point_and_is_counted() {
    let server = server();
    let store = store();
    let contents = store.contents();
    store.back_up(&bucket(&server)).await.unwrap();
    // Its local bytes were given up.
    std::fs::remove_file(store.path("in parts.bin")).unwrap();
    let keys = keys(&server).await;
    let bucket = sealed(&server, &keys);
    let outcome = store.back_up(&bucket).await.unwrap();
    assert_eq!(
        (outcome.in_the_clear, outcome.skipped.len()),
        (1, 0),
        "{outcome:?}"
    );
    let rules = keep_last(1);
    let now = Timestamp::now();
    run_retention(&bucket, &key(), &rules, now).await.unwrap();
    let later = now + SignedDuration::from_hours(25);
    run_retention(&bucket, &key(), &rules, later).await.unwrap();
    let sink = FolderSink::new();
    let restored = restore_all(&bucket, &sink).await.unwrap();
    assert!(restored.failed.is_empty(), "{restored:?}");
    assert_eq!(sink.contents(), contents, "keep rules left the only copy");
    // Brought back, it is sealed with the next.
    std::fs::write(store.path("in parts.bin"), &contents["in parts.bin"]).unwrap();
    let outcome = store.back_up(&bucket).await.unwrap();
    assert_eq!((outcome.in_the_clear, outcome.uploaded_files), (0, 1));
}

/// A run in the clear that never came to its restore point leaves copies under the files'
/// own names that no point names.
#[tokio::test(flavor = "multi_thread")]
async fn copies_of_a_stopped_run_in_the_clear_go_once_everything_is_sealed() {
    let server = server();
    let mut store = store();
    store.back_up(&bucket(&server)).await.unwrap();
    store.put(
        "left behind.txt",
        b"a sentence that never came to its point",
    );
    server.inject(Fault::at_manifest(FaultKind::ACCESS_DENIED));
    store.back_up(&bucket(&server)).await.unwrap_err();
    let left = format!("users/{STORE}/files/left behind.txt");
    assert!(server.object(&left).is_some(), "{:?}", server.objects());
    let now = Timestamp::now();
    let in_days = |days: i64| now + SignedDuration::from_hours(24 * days);
    // Beside a point in the clear it may be anybody's.
    let plan = plan_retention(&bucket(&server), &key(), &keep_last(1), in_days(30))
        .await
        .unwrap();
    assert!(plan.unreferenced.iter().all(|(key, _)| *key != left));

    let keys = keys(&server).await;
    let bucket = sealed(&server, &keys);
    store.back_up(&bucket).await.unwrap();
    for days in [0, 2] {
        run_retention(&bucket, &key(), &keep_last(1), in_days(days))
            .await
            .unwrap();
    }
    assert_eq!(manifests(&server).len(), 1);
    assert!(
        server.object(&left).is_some(),
        "for a week somebody may be at it"
    );
    for days in [8, 10] {
        run_retention(&bucket, &key(), &keep_last(1), in_days(days))
            .await
            .unwrap();
    }
    assert!(server.object(&left).is_none());
    assert_eq!(told_by(&server, &store), Vec::<String>::new());
    let sink = FolderSink::new();
    restore_all(&unlocked(&server, PASSPHRASE).await, &sink)
        .await
        .unwrap();
    assert_eq!(sink.contents(), store.contents());
}
