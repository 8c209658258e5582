//! A server that says "there is more" and not from where: half a list is an error
//! wherever a list decides something, and nothing is done on the strength of it.

mod backup_support;

use std::sync::Arc;

use backup_support::*;
use jiff::{SignedDuration, Timestamp};
use redline_backup::{
    BackupError, KeepRules, Manifest, Result, latest_manifest, list_restore_points, plan_backup,
    plan_restore, plan_retention, run_retention, verify, was_made,
};
use redline_tests::s3::{Fault, FaultKind, TestS3};

const RULES: KeepRules = KeepRules {
    last: 1,
    daily: 0,
    weekly: 0,
    monthly: 0,
};

fn tomorrow() -> Timestamp {
    Timestamp::now() + SignedDuration::from_hours(25)
}

#[derive(Clone, Copy, Debug)]
enum Work {
    Newest,
    Points,
    PlanBackup,
    PlanFirstBackup,
    BackUp,
    PlanRestore,
    Verify,
    PlanRetention,
    Retention,
    WasMade,
}

impl Work {
    const ALL: [Self; 10] = [
        Self::Newest,
        Self::Points,
        Self::PlanBackup,
        Self::PlanFirstBackup,
        Self::BackUp,
        Self::PlanRestore,
        Self::Verify,
        Self::PlanRetention,
        Self::Retention,
        Self::WasMade,
    ];

    async fn run(self, server: &TestS3, store: &FakeStore, previous: &Manifest) -> Result<()> {
        let (bucket, key) = (bucket(server), key());
        match self {
            Self::Newest => latest_manifest(&bucket, &key).await.map(drop),
            Self::Points => list_restore_points(&bucket, &key).await.map(drop),
            Self::PlanBackup => plan_backup(&bucket, &store.files, Some(previous))
                .await
                .map(drop),
            Self::PlanFirstBackup => plan_backup(&bucket, &store.files, None).await.map(drop),
            Self::BackUp => store.back_up(&bucket).await.map(drop),
            Self::PlanRestore => plan_restore(&bucket, &key, None, &[]).await.map(drop),
            Self::Verify => verify(&bucket, &key, None, false, Arc::new(()))
                .await
                .map(drop),
            Self::PlanRetention => plan_retention(&bucket, &key, &RULES, tomorrow())
                .await
                .map(drop),
            Self::Retention => run_retention(&bucket, &key, &RULES, tomorrow())
                .await
                .map(drop),
            Self::WasMade => was_made(&bucket, &key, previous.id()).await.map(drop),
        }
    }
}

/// Two points, the first marked a day ago, and something new to send.
async fn prepared() -> (TestS3, FakeStore, Manifest) {
    let server = server();
    let mut store = FakeStore::new();
    store.put("a.csv", b"first");
    store.put("b.csv", b"b");
    store.back_up(&bucket(&server)).await.unwrap();
    store.put("a.csv", b"second");
    let outcome = store.back_up(&bucket(&server)).await.unwrap();
    let marked = run_retention(&bucket(&server), &key(), &RULES, Timestamp::now())
        .await
        .unwrap();
    assert_eq!(marked.marked_points, 1);
    store.put("c.csv", b"new");
    (server, store, outcome.current)
}

#[tokio::test(flavor = "multi_thread")]
async fn half_a_list_decides_nothing() {
    for work in Work::ALL {
        // How many lists it asks for, where all goes well.
        let (server, store, previous) = prepared().await;
        server.forget_requests();
        work.run(&server, &store, &previous).await.unwrap();
        let lists = server.count("ListObjectsV2");
        assert!(lists > 0, "{work:?} asks for no list");

        let (server, store, previous) = prepared().await;
        for nth in 0..lists {
            let before = (server.objects(), manifests(&server));
            server.inject(
                Fault::new(FaultKind::HalfList)
                    .on("ListObjectsV2")
                    .after(nth),
            );
            let error = match work.run(&server, &store, &previous).await {
                Err(error) => error,
                Ok(()) => panic!("{work:?} takes half of list {nth} of {lists} for the whole"),
            };
            assert!(
                matches!(error, BackupError::Unsupported { .. }),
                "{work:?}, list {nth}: {error}"
            );
            server.clear_faults();
            let kept = |key: &str| server.object(key).is_some();
            assert!(
                before.0.iter().all(|(key, _)| kept(key)),
                "{work:?}, list {nth}"
            );
            assert_eq!(manifests(&server), before.1, "{work:?}, list {nth}");
        }
    }
}
