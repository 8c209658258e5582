//! Keep rules through core: shown first, marked, and deleted a day later at the earliest.

mod backup_home;

use backup_home::{Home, request};
use jiff::{SignedDuration, Timestamp};
use redline_core::{Code, KeepRules, RestoreRequest};
use redline_tests::s3::{Fault, FaultKind, Options as Server, TestS3};

fn last(last: u32) -> KeepRules {
    KeepRules {
        last,
        daily: 0,
        weekly: 0,
        monthly: 0,
    }
}

fn in_hours(hours: i64) -> Timestamp {
    Timestamp::now() + SignedDuration::from_hours(hours)
}

/// Three restore points, of which the first two have bytes that the third has not.
fn home(server: &TestS3) -> (Home, Vec<String>) {
    let home = Home::with_bucket(server);
    home.import(&[("a.txt", b"first"), ("same.txt", b"same")]);
    let first = home.backup();
    home.edit("a.txt", b"second");
    let second = home.backup();
    home.edit("a.txt", b"third");
    let third = home.backup();
    (home, vec![first, second, third])
}

#[test]
fn what_rules_drop_is_shown_marked_and_deleted_a_day_later() {
    let server = TestS3::start(Server::default()).unwrap();
    let (home, points) = home(&server);
    assert_eq!(
        home.session
            .run_retention_now(in_hours(0))
            .unwrap_err()
            .code(),
        Code::BadRequest,
        "without rules nothing is dropped"
    );
    let before = server.objects();
    let plan = home.session.plan_retention(last(1)).unwrap();
    let dropped: Vec<&str> = plan.dropped.iter().map(|p| p.id.as_str()).collect();
    assert_eq!(dropped, [points[1].as_str(), points[0].as_str()]);
    assert_eq!((plan.kept_points, plan.refused.clone()), (1, None));
    assert!(plan.objects >= 4 && plan.bytes > 11, "{plan:?}");
    assert_eq!(server.objects(), before, "a plan changes nothing");

    home.session.set_retention(Some(last(1))).unwrap();
    let marked = home.session.run_retention_now(in_hours(0)).unwrap();
    assert_eq!((marked.marked_points, marked.deleted_objects), (2, 0));
    assert!(marked.collectable_at.is_some());
    let early = home.session.run_retention_now(in_hours(23)).unwrap();
    assert_eq!((early.marked_points, early.deleted_points), (0, 0));
    assert_eq!(home.session.restore_points().unwrap().len(), 3);

    let done = home.session.run_retention_now(in_hours(25)).unwrap();
    assert_eq!(done.deleted_points, 2, "{done:?}");
    assert_eq!(done.deleted_objects, marked.marked_objects);
    let left: Vec<String> = home
        .session
        .restore_points()
        .unwrap()
        .into_iter()
        .map(|p| p.id)
        .collect();
    assert_eq!(left, [points[2].clone()]);
    assert!(
        server
            .objects()
            .iter()
            .all(|(key, _)| !key.contains("/marks/"))
    );
    // What is left is whole, and the next backup builds on it.
    assert!(home.session.check_backup_now(true, None).unwrap().ok);
    home.import(&[("b.txt", b"first")]);
    assert_eq!(
        home.session.backup_now().unwrap().uploaded_files,
        1,
        "bytes that were deleted"
    );
    let there = Home::with_bucket(&server);
    let report = there
        .session
        .restore_now(&RestoreRequest::default())
        .unwrap();
    assert_eq!((report.restored_files, report.failed.len()), (3, 0));
    assert_eq!(there.read("b.txt"), b"first");
}

#[test]
fn what_became_needed_after_the_mark_stays() {
    let server = TestS3::start(Server::default()).unwrap();
    let (home, points) = home(&server);
    home.session.set_retention(Some(last(1))).unwrap();
    home.session.run_retention_now(in_hours(0)).unwrap();
    // The bytes of the first point are stored again, under another name.
    home.import(&[("again.txt", b"first")]);
    let fourth = home.backup();
    home.session.set_retention(Some(last(3))).unwrap();
    let done = home.session.run_retention_now(in_hours(25)).unwrap();
    assert_eq!(done.deleted_points, 1, "the rules of today count: {done:?}");
    let left: Vec<String> = home
        .session
        .restore_points()
        .unwrap()
        .into_iter()
        .map(|p| p.id)
        .collect();
    assert_eq!(left, [fourth.clone(), points[2].clone(), points[1].clone()]);
    for id in left {
        assert!(
            home.session.check_backup_now(true, Some(&id)).unwrap().ok,
            "{id}"
        );
    }
    let there = Home::with_bucket(&server);
    there
        .session
        .restore_now(&request(&points[1], &[]))
        .unwrap();
    assert_eq!(there.read("a.txt"), b"second");
}

#[test]
fn a_mark_that_a_stranger_planted_deletes_nothing() {
    let server = TestS3::start(Server::default()).unwrap();
    let (home, points) = home(&server);
    home.session.set_retention(Some(last(1))).unwrap();
    home.session.run_retention_now(in_hours(0)).unwrap();
    let (key, _) = server
        .objects()
        .into_iter()
        .find(|(key, _)| key.contains("/marks/"))
        .unwrap();
    let forged = String::from_utf8(server.object(&key).unwrap())
        .unwrap()
        .replace(&points[1], &points[2]);
    server.plant(&key, forged.as_bytes()).unwrap();
    let done = home.session.run_retention_now(in_hours(25)).unwrap();
    assert_eq!(
        (done.deleted_points, done.deleted_objects),
        (0, 0),
        "{done:?}"
    );
    assert_eq!(home.session.restore_points().unwrap().len(), 3);
}

#[test]
fn a_point_that_cannot_be_read_stops_the_collecting() {
    let server = TestS3::start(Server::default()).unwrap();
    let (home, _) = home(&server);
    let shard = server
        .objects()
        .into_iter()
        .map(|(key, _)| key)
        .find(|key| key.contains("/shards/"))
        .unwrap();
    server.remove(&shard);
    let plan = home.session.plan_retention(last(1)).unwrap();
    assert!(plan.refused.unwrap().contains("cannot be read"));
    home.session.set_retention(Some(last(1))).unwrap();
    let before = server.objects();
    home.session.run_retention_now(in_hours(0)).unwrap();
    assert_eq!(server.objects(), before);
}

#[test]
fn one_flipped_bit_in_any_manifest_stops_the_collecting() {
    let server = TestS3::start(Server::default()).unwrap();
    let (home, points) = home(&server);
    home.session.set_retention(Some(last(1))).unwrap();
    home.session.run_retention_now(in_hours(0)).unwrap();
    for id in &points {
        let (key, size) = server
            .objects()
            .into_iter()
            .find(|(key, _)| key.contains("/manifests/") && key.contains(id))
            .unwrap();
        let size = usize::try_from(size).unwrap();
        // In the signature, in a brace, in a hash, in what closes it.
        for offset in [0, 2, size / 3, size / 2, size * 2 / 3, size - 1] {
            let before = server.object(&key).unwrap();
            server.rot(&key, offset).unwrap();
            let plan = home.session.plan_retention(last(1)).unwrap();
            let refused = plan.refused.unwrap_or_default();
            assert!(refused.contains(id.as_str()), "{id} at {offset}: {refused}");
            let objects = server.objects();
            let done = home.session.run_retention_now(in_hours(25)).unwrap();
            assert_eq!(
                (done.deleted_points, done.deleted_objects),
                (0, 0),
                "{done:?}"
            );
            assert_eq!(server.objects(), objects);
            server.rot(&key, offset).unwrap();
            assert_eq!(server.object(&key).unwrap(), before);
        }
    }
    // As they were, what was marked goes.
    let done = home.session.run_retention_now(in_hours(25)).unwrap();
    assert_eq!(done.deleted_points, 2, "{done:?}");
}

#[test]
fn what_a_backup_under_way_has_sent_is_not_collected() {
    let server = TestS3::start(Server::default()).unwrap();
    let (home, points) = home(&server);
    // Another machine is at its first backup: its bytes are there, its manifest is not.
    let sample = server
        .objects()
        .into_iter()
        .find(|(key, _)| key.contains("/objects/"))
        .unwrap()
        .0;
    let (folder, _) = sample.rsplit_once('/').unwrap();
    let (root, _) = folder.rsplit_once('/').unwrap();
    let sent = format!("{root}/ab/ab{}", "c".repeat(62));
    server.plant(&sent, b"on its way").unwrap();

    home.session.set_retention(Some(last(1))).unwrap();
    home.session.run_retention_now(in_hours(0)).unwrap();
    let done = home.session.run_retention_now(in_hours(25)).unwrap();
    assert_eq!(done.deleted_points, 2, "{done:?} of {points:?}");
    assert!(server.object(&sent).is_some(), "it was collected");

    // A week later nobody is at it any more.
    home.session.run_retention_now(in_hours(8 * 24)).unwrap();
    let done = home.session.run_retention_now(in_hours(10 * 24)).unwrap();
    assert_eq!(done.deleted_objects, 1, "{done:?}");
    assert!(server.object(&sent).is_none());
}

/// The points go first. What a mark names besides is still known when they are gone.
#[test]
fn what_a_collection_left_when_it_failed_in_the_middle_goes_with_the_next() {
    let server = TestS3::start(Server::default()).unwrap();
    let home = Home::with_bucket(&server);
    home.import(&[("kept.txt", b"kept"), ("gone.txt", b"deleted here")]);
    let first = home.backup();
    home.delete("gone.txt");
    let second = home.backup();
    let copy = |server: &TestS3| {
        let mut keys = server.objects().into_iter().map(|(key, _)| key);
        keys.find(|key| key.ends_with("/files/gone.txt"))
    };
    assert!(copy(&server).is_some(), "a readable copy");
    home.session.set_retention(Some(last(1))).unwrap();
    home.session.run_retention_now(in_hours(0)).unwrap();

    server.inject(
        Fault::new(FaultKind::ACCESS_DENIED)
            .on("DeleteObject")
            .path_contains("/files/gone.txt"),
    );
    let torn = home.session.run_retention_now(in_hours(25)).unwrap_err();
    assert_eq!(torn.code(), Code::BucketDenied, "{:?}", torn.report());
    let points = home.session.restore_points().unwrap();
    let left: Vec<&str> = points.iter().map(|p| p.id.as_str()).collect();
    assert_eq!(left, [&second], "{first} is gone already");
    assert!(copy(&server).is_some());

    let done = home.session.run_retention_now(in_hours(26)).unwrap();
    assert!(done.deleted_objects >= 1, "{done:?}");
    assert_eq!(copy(&server), None, "nothing names it any more");
    let marks = |(key, _): &(String, u64)| key.contains("/marks/");
    assert!(!server.objects().iter().any(marks));
    assert!(home.session.check_backup_now(true, None).unwrap().ok);
}
