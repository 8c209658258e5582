//! Encryption before sending through core: switched on, locked on another machine, opened
//! there, and never half on.

mod backup_home;

use backup_home::sealed::{PASSPHRASE, everything, is_told, listed, locked, state};
use backup_home::{Home, request, setup};
use redline_core::{
    BucketSetup, Code, ConversionRequest, EncryptionState, FileStatus, KeepRules, PointState,
};
use redline_tests::s3::{Options as Server, TestS3};

fn server() -> TestS3 {
    TestS3::start(Server::default()).unwrap()
}

#[test]
fn encrypted_from_set_up_on_it_comes_back_on_an_empty_machine_with_the_passphrase() {
    let server = server();
    let home = Home::with_sealed_bucket(&server, PASSPHRASE);
    assert_eq!(state(&home), EncryptionState::On);
    home.import(&[
        ("payroll/salaries.csv", b"name,pay\nada,70000\nbob,60000\n"),
        ("notes.txt", b"remember the milk"),
    ]);
    let csv = home.file("payroll/salaries.csv").id;
    home.session
        .convert_now(csv, &ConversionRequest::to("parquet"))
        .unwrap();
    let report = home.session.backup_now().unwrap();
    assert_eq!(
        (report.uploaded_files, report.in_the_clear.clone()),
        (3, None),
        "{report:?}"
    );
    assert_eq!(home.session.backup_status().unwrap().waiting_files, 0);
    let hash = home.file("notes.txt").sha256;
    for told in [
        "salaries",
        "notes.txt",
        "ada,70000",
        "the milk",
        hash.as_str(),
    ] {
        assert!(!is_told(&server, told), "{told}");
    }
    assert!(is_told(&server, "argon2id"), "the scan finds what is there");
    let points = home.session.restore_points().unwrap();
    assert!(points[0].encrypted && points[0].state == PointState::Ready);
    let (files, history) = (listed(&home), home.session.history(10, 0).unwrap());

    let fresh = Home::with_bucket(&server);
    assert_eq!(state(&fresh), EncryptionState::Locked, "seen at set-up");
    fresh.import(&[("mine.txt", b"only here")]);
    let objects = server.objects();
    let session = &fresh.session;
    locked("backup", session.backup_now());
    locked("backup as a job", session.backup());
    locked("plan", session.plan_backup());
    locked("plan to restore", session.plan_restore(&everything()));
    locked("restore", session.restore_now(&everything()));
    locked("check", session.check_backup_now(true, None));
    locked("drill", session.drill_backup_now());
    let rules = KeepRules {
        last: 1,
        daily: 0,
        weekly: 0,
        monthly: 0,
    };
    locked("keep rules", session.plan_retention(rules));
    locked("changes", session.point_changes(&points[0].id));
    locked(
        "another passphrase",
        session.change_passphrase("another set of words".into()),
    );
    assert_eq!(server.objects(), objects, "nothing was sent or deleted");
    assert_eq!(
        session.restore_points().unwrap()[0].state,
        PointState::Locked
    );
    let view = session.encryption().unwrap();
    assert_eq!(view.state, EncryptionState::Locked);
    assert!(view.refused.is_some());
    locked(
        "a second key beside the first",
        session.turn_on_encryption(PASSPHRASE.into()),
    );

    for _ in 0..2 {
        let wrong = session
            .unlock_encryption("five plain words here".into())
            .unwrap_err();
        assert_eq!(wrong.code(), Code::WrongPassphrase);
        assert!(!format!("{wrong:?}").contains("plain words"));
    }
    let view = session.unlock_encryption(PASSPHRASE.into()).unwrap();
    assert_eq!((view.state, view.in_the_clear), (EncryptionState::On, None));
    let restored = session.restore_now(&everything()).unwrap();
    assert_eq!(
        (restored.restored_files, restored.failed.len()),
        (3, 0),
        "{restored:?}"
    );
    let mut came = listed(&fresh);
    came.retain(|(path, ..)| path != "mine.txt");
    assert_eq!(came, files);
    assert_eq!(session.history(10, 0).unwrap().len(), history.len());
    for proof in [
        session.check_backup_now(true, None).unwrap().ok,
        session.drill_backup_now().unwrap().ok,
    ] {
        assert!(proof);
    }
    // And back: the first machine takes in what the second added, all of it sealed.
    session.backup_now().unwrap();
    assert!(!is_told(&server, "only here") && !is_told(&server, "mine.txt"));
    home.import(&[("new.txt", b"new")]);
    home.session.backup_now().unwrap();
    assert_eq!(home.file("mine.txt").status, FileStatus::CloudOnly);
}

#[test]
fn switched_on_later_it_says_what_stays_readable() {
    let server = server();
    let home = Home::with_bucket(&server);
    home.import(&[("a.txt", b"first words of a"), ("b.txt", b"those of b")]);
    let view = home.session.encryption().unwrap();
    assert_eq!(
        (view.state, view.refused, view.in_the_clear),
        (EncryptionState::Off, None, None)
    );
    let plain = home.backup();
    let link = home.file("a.txt").id;
    home.session.link_file(link, None).unwrap();
    let costs = home.session.encryption().unwrap().costs;
    assert!(costs.iter().any(|cost| cost.contains("sent once more")));
    for short in ["", "hunter2", "eleven char"] {
        let refused = home.session.turn_on_encryption(short.into()).unwrap_err();
        assert_eq!(refused.code(), Code::BadRequest);
    }
    assert_eq!(state(&home), EncryptionState::Off);
    let view = home.session.turn_on_encryption(PASSPHRASE.into()).unwrap();
    assert_eq!(view.state, EncryptionState::On);
    assert!(
        view.in_the_clear.unwrap().contains("1 restore point"),
        "said at once"
    );
    let status = home.session.backup_status().unwrap();
    assert_eq!(status.waiting_files, 2, "everything is to be sent again");
    let report = home.session.backup_now().unwrap();
    assert_eq!(report.uploaded_files, 2);
    let said = report.in_the_clear.expect("said with the result");
    assert!(said.contains("not encrypted"), "{said}");
    let next = home.session.backup_now().unwrap();
    assert_eq!((next.uploaded_files, next.in_the_clear), (0, None));
    let again = home.session.turn_on_encryption(PASSPHRASE.into());
    assert_eq!(again.unwrap_err().code(), Code::BadRequest);

    let refused = home.session.link_file(link, None).unwrap_err();
    assert_eq!(refused.code(), Code::Unsupported);
    assert!(refused.report().message.contains("encrypted"));
    // The point from before can be restored as ever, here and where nothing is open.
    let fresh = Home::with_bucket(&server);
    let restored = fresh.session.restore_now(&request(&plain, &[])).unwrap();
    assert_eq!((restored.restored_files, restored.failed.len()), (2, 0));
    assert_eq!(listed(&fresh), listed(&home));
}

/// The object that a content of so many bytes became.
fn sealed_object(server: &TestS3, size: u64) -> String {
    let mut objects = server.objects().into_iter();
    let is_it = |(key, there): &(String, u64)| key.contains("/objects/") && *there == size + 16;
    objects.find(is_it).expect("a sealed object").0
}

#[test]
fn cloud_only_files_are_proved_given_up_and_opened_again() {
    let server = server();
    let home = Home::with_sealed_bucket(&server, PASSPHRASE);
    home.import(&[("big.csv", b"a,b\n1,2\n3,4\n"), ("small.txt", b"s")]);
    home.backup();
    let id = home.file("big.csv").id;
    let freed = home.session.free_files_now(&[id]).unwrap();
    assert_eq!((freed.freed_files, freed.failed.len()), (1, 0), "{freed:?}");
    assert!(!home.path("big.csv").exists());
    assert_eq!(home.file("big.csv").status, FileStatus::CloudOnly);
    // It stays in the next point, and comes back when it is used.
    home.import(&[("more.txt", b"more")]);
    let report = home.session.backup_now().unwrap();
    assert_eq!((report.left_out.len(), report.in_the_clear), (0, None));
    let fetched = home.session.fetch_files_now(&[id]).unwrap();
    assert_eq!(fetched.fetched_files, 1, "{fetched:?}");
    assert_eq!(home.read("big.csv"), b"a,b\n1,2\n3,4\n");
    // Nor is it asked for by what it is, there or not.
    home.import(&[("gone.txt", b"gone before it was sent")]);
    let gone = home.file("gone.txt");
    std::fs::remove_file(home.path("gone.txt")).unwrap();
    home.session.backup_now().unwrap();
    let hash = home.file("big.csv").sha256;
    for seen in server.requests() {
        for told in ["big.csv", "gone.txt", &hash, &gone.sha256] {
            assert!(
                !seen.path.contains(told),
                "{} {}",
                seen.operation,
                seen.path
            );
        }
    }
    // One whose sealed bytes are damaged keeps its local ones.
    server.rot(&sealed_object(&server, 12), 3).unwrap();
    let refused = home.session.free_files_now(&[id]).unwrap_err();
    assert_eq!(refused.code(), Code::Damaged);
    assert!(home.path("big.csv").exists());
    // The next backup heals it.
    home.session.backup_now().unwrap();
    assert!(home.session.check_backup_now(true, None).unwrap().ok);
}

#[test]
fn a_file_that_was_given_up_in_the_clear_is_named_until_it_is_sealed() {
    let server = server();
    let home = Home::with_bucket(&server);
    home.import(&[("big.csv", b"a,b\n1,2\n3,4\n"), ("small.txt", b"s")]);
    home.backup();
    let id = home.file("big.csv").id;
    home.session.free_files_now(&[id]).unwrap();
    home.session.turn_on_encryption(PASSPHRASE.into()).unwrap();
    let report = home.session.backup_now().unwrap();
    assert_eq!(report.left_out, []);
    let said = report.in_the_clear.unwrap();
    assert!(said.contains("1 file is in the bucket only"), "{said}");
    home.session.fetch_files_now(&[id]).unwrap();
    assert_eq!(home.read("big.csv"), b"a,b\n1,2\n3,4\n");
    assert_eq!(home.session.backup_status().unwrap().waiting_files, 1);
    let report = home.session.backup_now().unwrap();
    assert_eq!((report.uploaded_files, report.in_the_clear), (1, None));
}

#[test]
fn a_short_passphrase_sets_up_no_bucket() {
    let server = server();
    let home = Home::new();
    let refused = home.session.set_bucket(BucketSetup {
        recovery_passphrase: Some("short".into()),
        ..setup(&server)
    });
    assert_eq!(refused.unwrap_err().code(), Code::BadRequest);
    assert!(home.session.backup_status().unwrap().bucket.is_none());
    assert_eq!(state(&home), EncryptionState::Off);
}
