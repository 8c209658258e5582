//! A backup of many hours: what it relied on can be tidied away before it is done. The
//! clock on the wall is the test's.

mod backup_support;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use backup_support::*;
use jiff::{SignedDuration, Timestamp};
use redline_backup::{
    BackupError, BackupOutcome, Bucket, Phase, PlanHints, Progress, Tuning, latest_manifest,
    plan_backup_with, run_backup, verify,
};
use redline_tests::s3::TestS3;

static HOURS: AtomicI64 = AtomicI64::new(0);

fn clock() -> Timestamp {
    Timestamp::now() + SignedDuration::from_hours(HOURS.load(Ordering::SeqCst))
}

fn slow_bucket(server: &TestS3) -> Bucket {
    let tuning = Tuning { clock, ..tuning() };
    Bucket::connect_with(config(server), tuning).unwrap()
}

/// Before the commit so many hours pass, and objects go.
struct Meanwhile<'a> {
    server: &'a TestS3,
    hours: i64,
    gone: Vec<String>,
}

struct Told {
    hours: i64,
    remove: Box<dyn Fn() + Send + Sync>,
}

impl Progress for Told {
    fn phase(&self, phase: Phase) {
        if phase == Phase::Committing {
            HOURS.fetch_add(self.hours, Ordering::SeqCst);
            (self.remove)();
        }
    }
}

impl Meanwhile<'_> {
    async fn back_up(
        self,
        store: &FakeStore,
        hints: &PlanHints,
    ) -> redline_backup::Result<BackupOutcome> {
        let bucket = slow_bucket(self.server);
        let (previous, _) = latest_manifest(&bucket, &key()).await?;
        let plan = plan_backup_with(&bucket, &store.files, previous.as_ref(), hints).await?;
        let remover = self.server.remover();
        let gone = self.gone;
        let told = Told {
            hours: self.hours,
            remove: Box::new(move || gone.iter().for_each(|key| remover(key))),
        };
        let (snapshot, key) = (store.snapshot(), key());
        run_backup(&bucket, &plan, &snapshot, &key, "laptop", Arc::new(told)).await
    }
}

async fn comes_back_whole(server: &TestS3, store: &FakeStore) {
    let report = verify(&bucket(server), &key(), None, true, Arc::new(()))
        .await
        .unwrap();
    assert!(report.ok, "{report:?}");
    let sink = FolderSink::new();
    restore_all(&bucket(server), &sink).await.unwrap();
    assert_eq!(sink.contents(), store.contents());
}

/// One test, since the clock is everybody's.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_tidied_away_within_13_hours_is_missed_and_sent_again() {
    let server = server();
    let mut store = FakeStore::new();
    store.put("old.csv", &noise(1, 5000));
    let meanwhile = |hours, gone: &[&str]| Meanwhile {
        server: &server,
        hours,
        gone: gone.iter().map(|sha| object_key(sha)).collect(),
    };
    let none = PlanHints::default();
    meanwhile(0, &[]).back_up(&store, &none).await.unwrap();

    // Of this run, and of the point it builds on: either is missed.
    store.put("new.csv", &noise(2, 5000));
    let (old, new) = (sha256(&noise(1, 5000)), sha256(&noise(2, 5000)));
    for gone in [
        vec![new.as_str()],
        vec![old.as_str()],
        vec![old.as_str(), new.as_str()],
    ] {
        let error = meanwhile(13, &gone)
            .back_up(&store, &none)
            .await
            .unwrap_err();
        let BackupError::TidiedAway { contents } = &error else {
            panic!("{error}");
        };
        let mut expected = gone.clone();
        expected.sort_unstable();
        assert_eq!(
            contents.iter().map(String::as_str).collect::<Vec<_>>(),
            expected
        );
        assert!(error.retryable());
        assert_eq!(manifests(&server).len(), 1, "no point without its object");

        // As core does: what is known to be gone is sent again.
        let hints = PlanHints {
            damaged: contents.clone(),
            ..PlanHints::default()
        };
        let outcome = meanwhile(13, &[]).back_up(&store, &hints).await.unwrap();
        assert!(outcome.created);
        comes_back_whole(&server, &store).await;
        // And back to one point for the next round.
        server.remove(&outcome.manifest);
    }

    // Looking costs requests, so that a run of minutes does without.
    server.forget_requests();
    store.touch_catalog();
    meanwhile(0, &[]).back_up(&store, &none).await.unwrap();
    let quick = server.count("ListObjectsV2");
    server.forget_requests();
    store.touch_catalog();
    meanwhile(13, &[]).back_up(&store, &none).await.unwrap();
    assert!(server.count("ListObjectsV2") > quick);
}
