//! Whether a backup can be restored, told by the bucket: restore points and what changed
//! in them, checks, drills, what is damaged and sent again, and what is no delete.

mod backup_home;

use std::fs;

use backup_home::Home;
use redline_core::{
    CheckKind, CheckSchedule, Code, JobKind, JobResult, JobState, PointState, RestoreRequest,
};
use redline_tests::s3::{Options as Server, TestS3};

#[test]
fn restore_points_tell_what_changed_and_what_grew() {
    let server = TestS3::start(Server::default()).unwrap();
    let home = Home::with_bucket(&server);
    home.import(&[("a.csv", b"a\n1\n"), ("b.txt", b"b"), ("c.txt", b"c")]);
    let first = home.backup();
    home.edit("a.csv", &b"a\n".repeat(500));
    home.delete("b.txt");
    home.import(&[("d.bin", &[7; 300])]);
    let second = home.backup();

    let points = home.session.restore_points().unwrap();
    assert_eq!(
        points
            .iter()
            .map(|p| (
                p.new_files,
                p.changed_files,
                p.removed_files,
                p.head,
                p.state
            ))
            .collect::<Vec<_>>(),
        [
            (1, 1, 1, true, PointState::Ready),
            (3, 0, 0, false, PointState::Ready)
        ]
    );
    assert_eq!(
        points[0]
            .grew
            .iter()
            .map(|g| (g.path.as_str(), g.by_bytes, g.size_bytes))
            .collect::<Vec<_>>(),
        [("a.csv", 996, 1000), ("d.bin", 300, 300)]
    );
    let changes = home.session.point_changes(&second).unwrap();
    assert_eq!(changes.against.as_deref(), Some(first.as_str()));
    let named = |list: &[redline_core::PointChange]| {
        list.iter()
            .map(|c| (c.path.clone(), c.bytes_before, c.bytes_after))
            .collect::<Vec<_>>()
    };
    assert_eq!(named(&changes.new), [("d.bin".into(), None, Some(300))]);
    assert_eq!(
        named(&changes.changed),
        [("a.csv".into(), Some(4), Some(1000))]
    );
    assert_eq!(named(&changes.removed), [("b.txt".into(), Some(1), None)]);
    assert_eq!(home.session.point_changes(&first).unwrap().new_count, 3);
}

#[test]
fn a_point_whose_list_is_gone_is_named_and_passed_over() {
    let server = TestS3::start(Server::default()).unwrap();
    let home = Home::with_bucket(&server);
    home.import(&[("a.csv", b"a\n1\n")]);
    let first = home.backup();
    let before: Vec<String> = server.objects().into_iter().map(|(key, _)| key).collect();
    home.import(&[("b.csv", b"b\n1\n")]);
    let second = home.backup();
    for (key, _) in server.objects() {
        if key.contains("/shards/") && !before.contains(&key) {
            server.remove(&key);
        }
    }
    let points = home.session.restore_points().unwrap();
    assert_eq!(
        points
            .iter()
            .map(|p| (p.id.as_str(), p.state))
            .collect::<Vec<_>>(),
        [
            (second.as_str(), PointState::Damaged),
            (first.as_str(), PointState::Ready)
        ]
    );
    assert!(
        points[0]
            .problem
            .as_ref()
            .unwrap()
            .contains("list of files")
    );
    let there = Home::with_bucket(&server);
    let plan = there
        .session
        .plan_restore(&RestoreRequest::default())
        .unwrap();
    assert_eq!(plan.point.id, first);
    assert_eq!(plan.skipped_points[0].id, second);
    let restored = there
        .session
        .restore_now(&RestoreRequest::default())
        .unwrap();
    assert_eq!(
        (restored.restored_files, &restored.skipped_points[0].id),
        (1, &second)
    );
    // A backup falls back, says so, and makes a point that can be restored again.
    let report = home.session.backup_now().unwrap();
    assert_eq!(report.skipped_points[0].id, second);
    assert!(home.session.check_backup_now(true, None).unwrap().ok);
}

#[test]
fn what_is_damaged_at_rest_is_found_and_sent_again() {
    let server = TestS3::start(Server::default()).unwrap();
    let home = Home::with_bucket(&server);
    home.import(&[("a.csv", b"a\n1\n"), ("b.txt", b"bbbb"), ("c.txt", b"cccc")]);
    home.backup();
    let object = |path: &str| {
        let sha = home.file(path).sha256;
        server
            .objects()
            .into_iter()
            .map(|(key, _)| key)
            .find(|key| key.ends_with(&sha))
            .unwrap()
    };
    let (b, c) = (object("b.txt"), object("c.txt"));
    server.rot(&b, 1).unwrap();
    server.remove(&c);
    let quick = home.session.check_backup_now(false, None).unwrap();
    assert_eq!(
        quick
            .findings
            .iter()
            .map(|f| (f.path.as_str(), f.missing))
            .collect::<Vec<_>>(),
        [("c.txt", true)],
        "a look cannot see a flipped bit"
    );
    let deep = home.session.check_backup_now(true, None).unwrap();
    assert_eq!(
        deep.findings
            .iter()
            .map(|f| (f.path.as_str(), f.missing))
            .collect::<Vec<_>>(),
        [("b.txt", false), ("c.txt", true)]
    );
    assert!(
        home.session
            .backup_status()
            .unwrap()
            .last_proven_at
            .is_none()
    );
    // The files are here: the next backup mends it.
    let report = home.session.backup_now().unwrap();
    assert_eq!(report.uploaded_files, 2, "{report:?}");
    let id = home.session.check_backup(true, None).unwrap();
    let job = home.session.wait(&id);
    assert_eq!(
        (job.kind, job.state),
        (JobKind::CheckBackup, JobState::Done),
        "{job:?}"
    );
    let Some(JobResult::CheckBackup(report)) = job.result else {
        panic!("no report")
    };
    assert!(report.ok && report.kind == CheckKind::Deep);
    assert!(
        home.session
            .backup_status()
            .unwrap()
            .last_proven_at
            .is_some()
    );
    assert_eq!(home.session.backup_now().unwrap().uploaded_files, 0);
}

#[test]
fn a_drill_restores_a_sample_from_the_bucket_alone() {
    let server = TestS3::start(Server::default()).unwrap();
    let home = Home::with_bucket(&server);
    home.import(&[
        ("prices.csv", b"day,price\n1,2.5\n2,3.5\n"),
        ("notes.txt", b"remember"),
        ("deep/er.bin", &[1; 5000]),
    ]);
    assert_eq!(
        home.session.drill_backup_now().unwrap_err().code(),
        Code::NotFound,
        "nothing to try yet"
    );
    home.backup();
    // Not even the local files are needed.
    for path in ["prices.csv", "notes.txt", "deep/er.bin"] {
        fs::remove_file(home.path(path)).unwrap();
    }
    let report = home.session.drill_backup_now().unwrap();
    assert!(report.ok, "{report:?}");
    assert_eq!((report.files, report.catalog_files), (3, 3));
    let table = report.table.unwrap();
    assert_eq!(
        (table.path.as_str(), table.rows, table.columns),
        ("prices.csv", 2, 2)
    );
    let status = home.session.backup_status().unwrap();
    assert!(status.last_proven_at.is_some());
    assert_eq!(
        (status.checks[0].kind, status.checks[0].ok),
        (CheckKind::Drill, true)
    );
    assert!(
        !home.path("prices.csv").exists(),
        "the store is not touched"
    );

    for (key, _) in server.objects() {
        if key.contains("/objects/") || key.contains("/files/") {
            server.rot(&key, 0).unwrap();
        }
    }
    let proven = status.last_proven_at;
    let failed = home.session.drill_backup_now().unwrap();
    assert!(!failed.ok && failed.findings.len() == 3, "{failed:?}");
    let status = home.session.backup_status().unwrap();
    assert_eq!(
        status.last_proven_at, proven,
        "a drill that fails proves nothing"
    );
    assert_eq!((status.checks[0].ok, status.checks[0].findings), (false, 3));
}

#[test]
fn checks_come_round_by_their_schedule() {
    let server = TestS3::start(Server::default()).unwrap();
    let home = Home::with_bucket(&server);
    let day = |n: i64| jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24 * n);
    home.import(&[("a.csv", b"a\n1\n")]);
    assert!(home.session.run_due_checks(day(0)).unwrap().is_empty());
    home.backup();
    home.session
        .set_check_schedule(CheckSchedule {
            quick_days: 1,
            deep_days: 0,
            drill_days: 7,
        })
        .unwrap();
    let kinds = |day| -> Vec<CheckKind> {
        let made = home.session.run_due_checks(day).unwrap();
        assert!(made.iter().all(|check| check.ok));
        made.into_iter().map(|check| check.kind).collect()
    };
    assert_eq!(kinds(day(0)), [CheckKind::Quick, CheckKind::Drill]);
    assert_eq!(kinds(day(0)), []);
    assert_eq!(kinds(day(2)), [CheckKind::Quick]);
    assert_eq!(kinds(day(8)), [CheckKind::Quick, CheckKind::Drill]);
    let due = home.session.backup_status().unwrap().checks[0].due.clone();
    assert!(due.is_some());
}

#[test]
fn a_missing_file_is_no_delete_and_a_mass_delete_asks() {
    let server = TestS3::start(Server::default()).unwrap();
    let home = Home::with_bucket(&server);
    let names: Vec<String> = (0..12).map(|n| format!("{n:02}.txt")).collect();
    let files: Vec<(&str, &[u8])> = names.iter().map(|n| (n.as_str(), n.as_bytes())).collect();
    home.import(&files);
    home.backup();
    // As if the disk had not been mounted: nothing was deleted.
    for name in &names[..11] {
        fs::remove_file(home.path(name)).unwrap();
    }
    home.session.verify_now(None).unwrap();
    home.import(&[("new.txt", b"new")]);
    let report = home.session.backup_now().unwrap();
    assert_eq!(
        (report.removed_files, report.left_out.len()),
        (0, 0),
        "{report:?}"
    );
    let newest = &home.session.restore_points().unwrap()[0];
    assert_eq!((newest.files, newest.removed_files), (13, 0));

    let ids: Vec<i64> = names[..8].iter().map(|name| home.file(name).id).collect();
    home.session.delete(&ids).unwrap();
    home.session.empty_trash().unwrap();
    let plan = home.session.plan_backup().unwrap();
    assert_eq!((plan.removed_files, plan.absent_files), (8, 0));
    let mass = plan.mass_delete.unwrap();
    assert_eq!(
        (mass.removed_files, mass.of_files, mass.examples.len()),
        (8, 13, 5)
    );
    let before = server.objects();
    let error = home.session.backup_now().unwrap_err();
    assert_eq!(
        error.code(),
        Code::ConfirmationNeeded,
        "{:?}",
        error.report()
    );
    assert_eq!(server.objects(), before, "nothing was sent");
    let report = home.session.backup_confirmed_now().unwrap();
    assert_eq!(report.removed_files, 8);
    assert_eq!(home.session.restore_points().unwrap()[0].files, 5);
    // Every byte is still in the bucket, for the points before.
    assert!(before.iter().all(|(key, _)| {
        !key.contains("/.redline/") || server.objects().iter().any(|(k, _)| k == key)
    }));
    // One or two deletes are nobody's business.
    home.delete("11.txt");
    assert_eq!(home.session.backup_now().unwrap().removed_files, 1);
}
