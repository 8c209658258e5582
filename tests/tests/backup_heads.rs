//! Two devices that have not met: what they have in common is kept for the day they do,
//! and nothing older stands in for it.

mod backup_support;

use std::collections::BTreeSet;
use std::sync::Arc;

use backup_support::*;
use jiff::{SignedDuration, Timestamp};
use redline_backup::{
    BackupOutcome, KeepRules, Manifest, latest_manifest, list_restore_points, plan_backup,
    plan_retention, run_backup, run_retention,
};
use redline_tests::s3::TestS3;

const RULES: KeepRules = KeepRules {
    last: 1,
    daily: 0,
    weekly: 0,
    monthly: 0,
};

async fn back_up(
    server: &TestS3,
    store: &FakeStore,
    device: &str,
    previous: Option<&Manifest>,
) -> BackupOutcome {
    let bucket = bucket(server);
    let plan = plan_backup(&bucket, &store.files, previous).await.unwrap();
    let (snapshot, key) = (store.snapshot(), key());
    run_backup(&bucket, &plan, &snapshot, &key, device, Arc::new(()))
        .await
        .unwrap()
}

/// The oldest point, the one both devices build on, and a head of each.
///
/// - `undone.txt`: "1", then "2", then "1" again on the laptop; untouched on the desk.
/// - `gone.txt`: deleted on the desk, untouched on the laptop.
struct Met {
    server: TestS3,
    oldest: BackupOutcome,
    common: BackupOutcome,
    heads: [BackupOutcome; 2],
}

async fn two_heads() -> Met {
    let server = server();
    let mut store = FakeStore::new();
    store.put("undone.txt", b"1");
    store.put("gone.txt", b"gone");
    let oldest = back_up(&server, &store, "laptop", None).await;
    store.put("undone.txt", b"2");
    let common = back_up(&server, &store, "laptop", Some(&oldest.current)).await;
    let both = Some(&common.current);

    let mut desk = FakeStore::new();
    desk.put("undone.txt", b"2");
    desk.put("desk.txt", b"of the desk");
    desk.touch_catalog();
    store.put("undone.txt", b"1");
    let heads = [
        back_up(&server, &store, "laptop", both).await,
        back_up(&server, &desk, "desk", both).await,
    ];
    let points = list_restore_points(&bucket(&server), &key()).await.unwrap();
    assert_eq!(points.iter().filter(|p| p.head).count(), 2);
    Met {
        server,
        oldest,
        common,
        heads,
    }
}

async fn merged(server: &TestS3) -> BTreeSet<(String, String)> {
    let (newest, _) = latest_manifest(&bucket(server), &key()).await.unwrap();
    newest
        .unwrap()
        .files
        .into_iter()
        .map(|file| (file.path, file.sha256))
        .collect()
}

fn files(expected: &[(&str, &[u8])]) -> BTreeSet<(String, String)> {
    expected
        .iter()
        .map(|(path, bytes)| ((*path).to_owned(), sha256(bytes)))
        .collect()
}

/// With what they have in common known: the undoing counts, and so does the delete.
fn as_meant() -> BTreeSet<(String, String)> {
    files(&[("undone.txt", b"1"), ("desk.txt", b"of the desk")])
}

#[tokio::test(flavor = "multi_thread")]
async fn keep_rules_keep_what_devices_that_have_not_met_have_in_common() {
    let met = two_heads().await;
    assert_eq!(merged(&met.server).await, as_meant());
    let (bucket, key, now) = (bucket(&met.server), key(), Timestamp::now());
    let plan = plan_retention(&bucket, &key, &RULES, now).await.unwrap();
    let dropped: Vec<&str> = plan.dropped.iter().map(|p| p.id.as_str()).collect();
    assert_eq!(dropped, [met.oldest.restore_point.as_str()]);
    run_retention(&bucket, &key, &RULES, now).await.unwrap();
    let later = now + SignedDuration::from_hours(25);
    let done = run_retention(&bucket, &key, &RULES, later).await.unwrap();
    assert_eq!(done.deleted_points, 1);
    let left = manifests(&met.server);
    let is_left = |point: &BackupOutcome| left.contains(&point.manifest);
    assert!(is_left(&met.common) && met.heads.iter().all(is_left) && !is_left(&met.oldest));
    assert_eq!(merged(&met.server).await, as_meant());
    for point in [&met.common, &met.heads[0], &met.heads[1]] {
        let report = redline_backup::verify(
            &bucket,
            &key,
            Some(&point.restore_point),
            true,
            Arc::new(()),
        )
        .await
        .unwrap();
        assert!(report.ok, "{report:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_older_point_stands_in_for_one_that_cannot_be_read() {
    // By the oldest point the laptop would have changed nothing, and its undoing be lost.
    let kept_apart = files(&[
        ("undone.txt", b"2"),
        ("undone (laptop).txt", b"1"),
        ("gone.txt", b"gone"),
        ("desk.txt", b"of the desk"),
    ]);
    let shard_of = |point: &BackupOutcome| {
        let sha256 = &point.current.head.shards[0].sha256;
        format!("users/{STORE}/.redline/shards/{sha256}.jsonl.zst")
    };
    for damage in ["flipped", "list gone", "gone"] {
        let met = two_heads().await;
        match damage {
            "flipped" => met.server.rot(&met.common.manifest, 300).unwrap(),
            "gone" => met.server.remove(&met.common.manifest),
            _ => met.server.remove(&shard_of(&met.common)),
        }
        let found = merged(&met.server).await;
        let contents = |of: &BTreeSet<(String, String)>| -> BTreeSet<String> {
            of.iter().map(|(_, sha256)| sha256.clone()).collect()
        };
        assert_eq!(
            contents(&found),
            contents(&kept_apart),
            "{damage}: {found:?}"
        );
        assert_eq!(found.len(), 4, "{damage}: {found:?}");
        // And nothing is collected while it is there and cannot be read.
        let (bucket, key, now) = (bucket(&met.server), key(), Timestamp::now());
        let plan = plan_retention(&bucket, &key, &RULES, now).await.unwrap();
        assert_eq!(plan.refused.is_some(), damage != "gone", "{damage}");
    }
}
