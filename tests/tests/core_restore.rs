//! Restores through core: to any point, of some files, and taken back again.

mod backup_home;

use std::fs;

use backup_home::{Home, request};
use redline_core::{Code, ConversionRequest, FileBackup, FileContent, FileStatus, RestoreRequest};
use redline_tests::s3::{Options as Server, TestS3};

#[test]
fn a_restore_to_an_earlier_point_replaces_and_can_be_taken_back() {
    let server = TestS3::start(Server::default()).unwrap();
    let home = Home::with_bucket(&server);
    home.import(&[("a.csv", b"a\n1\n"), ("b.txt", b"first")]);
    let first = home.backup();
    home.edit("b.txt", b"second, and longer");
    home.delete("a.csv");
    home.import(&[("c.json", b"[]")]);
    home.backup();

    let plan = home.session.plan_restore(&request(&first, &[])).unwrap();
    assert_eq!(
        (
            plan.new_files,
            plan.same_files,
            plan.differing_files,
            plan.kept_files
        ),
        (1, 0, 1, 1)
    );
    assert_eq!(
        plan.items
            .iter()
            .map(|item| (item.path.as_str(), item.replaces))
            .collect::<Vec<_>>(),
        [("a.csv", false), ("b.txt", true)]
    );
    let before = home.files();
    let report = home.session.restore_now(&request(&first, &[])).unwrap();
    assert_eq!(
        (report.restored_files, report.replaced_files),
        (2, 1),
        "{report:?}"
    );
    assert_eq!(home.read("a.csv"), b"a\n1\n");
    assert_eq!(home.read("b.txt"), b"first", "in its place, not beside it");
    assert_eq!(home.read("c.json"), b"[]", "what only is here stays");
    let undo = home.session.backup_status().unwrap().undo.unwrap();
    assert_eq!(
        (undo.new_files, undo.replaced_files, &undo.point),
        (1, 1, &first)
    );
    assert_eq!(report.undo_until.as_ref(), Some(&undo.until));

    let undone = home.session.undo_restore_now().unwrap();
    assert_eq!(
        (undone.removed_files, undone.returned_files),
        (1, 1),
        "{undone:?}"
    );
    assert_eq!(home.files(), before, "ids, uids, names and bytes");
    assert_eq!(home.read("b.txt"), b"second, and longer");
    assert!(!home.path("a.csv").exists());
    assert_eq!(home.session.verify_now(None).unwrap().ok, 2);
    assert_eq!(
        home.session.undo_restore_now().unwrap_err().code(),
        Code::NotFound,
        "once"
    );
}

#[test]
fn a_restore_of_the_newest_point_is_gone_on_from_by_name_too_and_an_older_one_is_not() {
    let server = TestS3::start(Server::default()).unwrap();
    let home = Home::with_bucket(&server);
    home.import(&[("a.txt", b"one"), ("b.txt", b"one")]);
    let first = home.backup();
    home.edit("a.txt", b"two");
    let second = home.backup();
    let (backed_up, not_yet) = (FileBackup::BackedUp, FileBackup::NotYet);
    for (at, state) in [
        ("", backed_up),
        (second.as_str(), backed_up),
        (first.as_str(), not_yet),
    ] {
        let there = Home::with_bucket(&server);
        assert_eq!(
            there.session.plan_backup().unwrap().absent_files,
            0,
            "what never was here is not gone from here"
        );
        there.session.restore_now(&request(at, &[])).unwrap();
        let asked: Vec<FileContent> = there
            .files()
            .into_iter()
            .map(|file| FileContent {
                relative_path: file.relative_path,
                sha256: file.sha256,
            })
            .collect();
        let told = there.session.file_backups(&asked).unwrap().unwrap();
        assert_eq!(told.files, [state, state], "restored at \"{at}\"");
    }
}

#[test]
fn a_restore_that_was_taken_back_deletes_nothing_from_the_backup() {
    let server = TestS3::start(Server::default()).unwrap();
    let home = Home::with_bucket(&server);
    home.import(&[("a.txt", b"a"), ("b.txt", b"b"), ("c.txt", b"c")]);
    home.backup();
    let there = Home::with_bucket(&server);
    there.session.restore_now(&request("", &[])).unwrap();
    there.session.undo_restore_now().unwrap();
    assert!(there.files().is_empty());
    let plan = there.session.plan_backup().unwrap();
    assert_eq!((plan.removed_files, plan.mass_delete), (0, None));

    // A restore that a backup was made after is another matter: what goes then was here.
    there.session.restore_now(&request("", &[])).unwrap();
    there.import(&[("d.txt", b"d")]);
    there.backup();
    there.delete("a.txt");
    assert_eq!(there.session.plan_backup().unwrap().removed_files, 1);
}

#[test]
fn what_was_changed_after_a_restore_is_not_taken_back() {
    let server = TestS3::start(Server::default()).unwrap();
    let home = Home::with_bucket(&server);
    home.import(&[("a.txt", b"one"), ("b.txt", b"one")]);
    let first = home.backup();
    home.edit("a.txt", b"two");
    home.edit("b.txt", b"two");
    home.session.restore_now(&request(&first, &[])).unwrap();
    home.edit("b.txt", b"three");
    let undone = home.session.undo_restore_now().unwrap();
    assert_eq!(
        (undone.returned_files, undone.failed.len()),
        (1, 1),
        "{undone:?}"
    );
    assert_eq!(undone.failed[0].path, "b.txt");
    assert_eq!(undone.failed[0].error.code, Code::SourceChanged);
    assert_eq!(
        (home.read("a.txt"), home.read("b.txt")),
        (b"two".to_vec(), b"three".to_vec())
    );
    // The bytes that made room are in the trash, not gone.
    assert!(home.trash().iter().any(|file| file.filename == "b.txt"));
}

#[test]
fn one_file_or_some_bring_nothing_else() {
    let server = TestS3::start(Server::default()).unwrap();
    let home = Home::with_bucket(&server);
    home.import(&[
        ("2024/a.csv", b"a\n1\n"),
        ("2024/b.txt", b"b"),
        ("c.csv", b"c\n1\n"),
        ("odd [1].csv", b"o\n"),
    ]);
    home.backup();
    let there = Home::with_bucket(&server);
    let report = there
        .session
        .restore_now(&request("", &["2024/*.csv"]))
        .unwrap();
    assert_eq!((report.restored_files, report.failed.len()), (1, 0));
    assert_eq!(
        there.files().len(),
        1,
        "no row of a file that was not asked for"
    );
    let one = RestoreRequest {
        paths: vec!["odd [1].csv".into()],
        ..RestoreRequest::default()
    };
    let plan = there.session.plan_restore(&one).unwrap();
    assert_eq!((plan.chosen_files, plan.new_files), (1, 1));
    there.session.restore_now(&one).unwrap();
    assert_eq!(there.read("odd [1].csv"), b"o\n");
    assert!(
        there
            .session
            .backup_status()
            .unwrap()
            .last_proven_at
            .is_none(),
        "a part proves nothing of the whole"
    );
    let none = there
        .session
        .restore_now(&request("", &["*.xlsx"]))
        .unwrap_err();
    assert_eq!(none.code(), Code::NotFound);
    let bad = there
        .session
        .plan_restore(&request("", &["["]))
        .unwrap_err();
    assert_eq!(bad.code(), Code::BadRequest, "{:?}", bad.report());
    // Ids and history come with them, from the machine that had them.
    let mut uids: Vec<_> = there.files().into_iter().map(|f| f.uid).collect();
    let mut from: Vec<_> = home
        .files()
        .into_iter()
        .filter(|f| ["2024/a.csv", "odd [1].csv"].contains(&f.relative_path.as_str()))
        .map(|f| f.uid)
        .collect();
    uids.sort();
    from.sort();
    assert_eq!(uids, from);
}

#[test]
fn beside_files_that_are_here_each_restored_one_has_an_id_of_its_own() {
    let server = TestS3::start(Server::default()).unwrap();
    let home = Home::with_bucket(&server);
    home.import(&[("a.csv", b"a\n1\n")]);
    home.import(&[("b.csv", b"b\n1\n2\n")]);
    for file in home.files() {
        home.session
            .convert_now(file.id, &ConversionRequest::to("json"))
            .unwrap();
    }
    home.backup();
    let there = Home::with_bucket(&server);
    there.import(&[("mine.csv", b"c\n1\n")]);
    let mine = there.files()[0].id;
    there
        .session
        .convert_now(mine, &ConversionRequest::to("json"))
        .unwrap();
    there
        .session
        .restore_now(&RestoreRequest::default())
        .unwrap();
    let mut ids: Vec<i64> = there.files().into_iter().map(|f| f.id).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 6, "{ids:?}");
    let history = there.session.history(10, 0).unwrap();
    let mut made: Vec<(i64, String)> = history.into_iter().map(|c| (c.id, c.source_name)).collect();
    made.sort();
    made.dedup_by_key(|(id, _)| *id);
    let mut of: Vec<&str> = made.iter().map(|(_, name)| name.as_str()).collect();
    of.sort();
    assert_eq!(of, ["a.csv", "b.csv", "mine.csv"], "{made:?}");
}

#[test]
fn a_catalog_that_is_damaged_does_not_keep_the_files_away() {
    let server = TestS3::start(Server::default()).unwrap();
    let home = Home::with_bucket(&server);
    home.import(&[("a.csv", b"a\n1\n")]);
    home.backup();
    for (key, _) in server.objects() {
        if key.ends_with(".duckdb") {
            server.rot(&key, 5000).unwrap();
        }
    }
    let there = Home::with_bucket(&server);
    let report = there
        .session
        .restore_now(&RestoreRequest::default())
        .unwrap();
    assert_eq!(report.restored_files, 1);
    assert_eq!(
        report
            .failed
            .iter()
            .map(|f| (f.path.as_str(), f.error.code))
            .collect::<Vec<_>>(),
        [("catalog", Code::Damaged)]
    );
    assert_eq!(there.files()[0].status, FileStatus::Stored);
    assert!(
        there
            .session
            .backup_status()
            .unwrap()
            .last_proven_at
            .is_none()
    );
    assert_eq!(fs::read(there.path("a.csv")).unwrap(), b"a\n1\n");
}
