//! Encryption before sending on several devices: keys of two, other passphrases, and what
//! a device does that has not heard of it yet.

mod backup_home;

use std::time::{Duration, Instant};

use backup_home::sealed::{PASSPHRASE, everything, is_told, listed, locked, state};
use backup_home::{Home, request, setup};
use redline_core::{BucketSetup, Code, EncryptionState, PointState};
use redline_tests::s3::{Fault, FaultKind, Options as Server, TestS3};

const SECOND: &str = "four words of another machine";

fn server() -> TestS3 {
    TestS3::start(Server::default()).unwrap()
}

#[test]
fn another_device_takes_part_once_it_is_opened() {
    let server = server();
    let (a, b) = (Home::with_bucket(&server), Home::with_bucket(&server));
    a.import(&[("of a.txt", b"a")]);
    b.import(&[("of b.txt", b"b")]);
    a.session.backup_now().unwrap();
    a.session.turn_on_encryption(PASSPHRASE.into()).unwrap();
    a.session.backup_now().unwrap();
    // Set up before anything was encrypted, it finds out when it looks.
    assert_eq!(state(&b), EncryptionState::Off);
    locked("a merge", b.session.backup_now());
    assert_eq!(state(&b), EncryptionState::Locked);
    b.session.unlock_encryption(PASSPHRASE.into()).unwrap();
    let report = b.session.backup_now().unwrap();
    assert_eq!(report.merged_devices.len(), 1, "{report:?}");
    let report = a.session.backup_now().unwrap();
    assert_eq!(report.merged_devices.len(), 1, "{report:?}");
    let fresh = Home::with_sealed_bucket(&server, PASSPHRASE);
    assert_eq!(state(&fresh), EncryptionState::On, "opened, not begun anew");
    fresh.session.restore_now(&everything()).unwrap();
    let names: Vec<String> = fresh.files().into_iter().map(|f| f.relative_path).collect();
    assert_eq!(names, ["of a.txt", "of b.txt"]);
}

#[test]
fn another_passphrase_and_another_bucket() {
    let server = server();
    let home = Home::with_sealed_bucket(&server, PASSPHRASE);
    home.import(&[("a.txt", b"words of a")]);
    home.backup();
    let new = "quite another set of words";
    home.session.change_passphrase(new.into()).unwrap();
    let fresh = Home::with_bucket(&server);
    let old = fresh.session.unlock_encryption(PASSPHRASE.into());
    assert_eq!(old.unwrap_err().code(), Code::WrongPassphrase);
    fresh.session.unlock_encryption(new.into()).unwrap();
    fresh.session.restore_now(&everything()).unwrap();
    assert_eq!(listed(&fresh), listed(&home));

    // It stays on in a bucket that knows nothing of it, which gets the wrapped key first.
    let second = TestS3::start(Server::default()).unwrap();
    let ignored = home.session.set_bucket(BucketSetup {
        recovery_passphrase: Some("a third set of words".into()),
        ..setup(&second)
    });
    assert_eq!(
        ignored.unwrap_err().code(),
        Code::BadRequest,
        "a passphrase that would open nothing is not taken in silence"
    );
    home.session.set_bucket(setup(&second)).unwrap();
    assert_eq!(state(&home), EncryptionState::On);
    home.session.backup_now().unwrap();
    assert!(!is_told(&second, "words of a"));
    let there = Home::with_bucket(&second);
    there.session.unlock_encryption(new.into()).unwrap();
    there.session.restore_now(&everything()).unwrap();
    assert_eq!(listed(&there), listed(&home));
}

/// A device whose ring has two keys: of its own, which sealed its first point, and of
/// another device that had switched encryption on in the same bucket. The point.
fn with_two_keys(server: &TestS3) -> (Home, String) {
    let other = Home::with_sealed_bucket(server, SECOND);
    assert_eq!(state(&other), EncryptionState::On);
    let elsewhere = self::server();
    let home = Home::with_sealed_bucket(&elsewhere, PASSPHRASE);
    home.session.set_bucket(setup(server)).unwrap();
    home.import(&[("big.csv", b"a,b\n1,2\n3,4\n"), ("small.txt", b"small")]);
    let first = home.backup();
    assert_eq!(key_files(server).len(), 2);
    (home, first)
}

fn key_files(server: &TestS3) -> Vec<String> {
    let keys = server.objects().into_iter().map(|(key, _)| key);
    keys.filter(|key| key.contains("/keys/")).collect()
}

#[test]
fn another_passphrase_is_one_for_every_key() {
    let server = server();
    let (home, first) = with_two_keys(&server);
    let before = key_files(&server);
    home.session.unlock_encryption(SECOND.into()).unwrap();
    home.edit("small.txt", b"small, and changed");
    let report = home.session.backup_now().unwrap();
    assert_eq!(report.uploaded_files, 2, "sealed with the other key now");
    let second = home.session.restore_points().unwrap()[0].id.clone();

    let new = "quite another set of words";
    home.session.change_passphrase(new.into()).unwrap();
    let after = key_files(&server);
    assert_eq!(after.len(), 2, "{after:?}");
    assert!(after.iter().all(|key| !before.contains(key)), "{after:?}");
    let fresh = Home::with_bucket(&server);
    for old in [PASSPHRASE, SECOND] {
        let refused = fresh.session.unlock_encryption(old.into()).unwrap_err();
        assert_eq!(refused.code(), Code::WrongPassphrase, "{old}");
        locked("restore", fresh.session.restore_now(&everything()));
    }
    fresh.session.unlock_encryption(new.into()).unwrap();
    let points = fresh.session.restore_points().unwrap();
    assert!(points.iter().all(|point| point.state == PointState::Ready));
    for (point, small) in [(&first, &b"small"[..]), (&second, b"small, and changed")] {
        let restored = fresh.session.restore_now(&request(point, &[])).unwrap();
        assert_eq!(restored.failed, [], "{point}");
        assert_eq!(fresh.read("small.txt"), small, "{point}");
        assert!(
            fresh
                .session
                .check_backup_now(true, Some(point))
                .unwrap()
                .ok
        );
    }
    assert_eq!(listed(&fresh), listed(&home));
    // Both go on with the same key: nothing is sealed anew.
    for device in [&fresh, &home] {
        assert_eq!(device.session.backup_now().unwrap().uploaded_files, 0);
    }
}

#[test]
fn a_file_whose_key_is_not_here_keeps_no_other_from_coming_back() {
    let server = server();
    let (home, _) = with_two_keys(&server);
    // Its only copy stays sealed with the key of before.
    let id = home.file("big.csv").id;
    home.session.free_files_now(&[id]).unwrap();
    home.session.unlock_encryption(SECOND.into()).unwrap();
    home.import(&[("new.txt", b"new")]);
    home.backup();

    let fresh = Home::with_bucket(&server);
    fresh.session.unlock_encryption(SECOND.into()).unwrap();
    let restored = fresh.session.restore_now(&everything()).unwrap();
    assert_eq!(restored.restored_files, 2, "{restored:?}");
    assert_eq!(fresh.read("small.txt"), b"small");
    assert_eq!(fresh.read("new.txt"), b"new");
    let [failed] = &restored.failed[..] else {
        panic!("{restored:?}")
    };
    assert_eq!(
        (failed.path.as_str(), failed.error.code),
        ("big.csv", Code::BackupLocked)
    );
    assert!(failed.error.message.contains("\"big.csv\""), "{failed:?}");
    assert!(failed.error.message.contains("is encrypted"), "{failed:?}");
    assert!(failed.error.hint.contains("backup unlock"), "{failed:?}");
    assert!(!fresh.path("big.csv").exists());
    let status = fresh.session.backup_status().unwrap();
    assert_eq!(status.last_proven_at, None, "not with one left out");

    // Done as it says, the rest comes.
    fresh.session.unlock_encryption(PASSPHRASE.into()).unwrap();
    let restored = fresh.session.restore_now(&everything()).unwrap();
    assert_eq!(restored.failed, []);
    assert_eq!(fresh.read("big.csv"), b"a,b\n1,2\n3,4\n");
}

/// What lies in the bucket and was not planted as a key.
fn sent(server: &TestS3) -> Vec<(String, u64)> {
    let objects = server.objects().into_iter();
    objects.filter(|(key, _)| !key.contains("/keys/")).collect()
}

#[test]
fn what_another_device_just_encrypted_is_not_gone_on_with_in_the_clear() {
    let server = server();
    let (a, b) = (Home::with_bucket(&server), Home::with_bucket(&server));
    a.import(&[("of a.txt", b"words of a")]);
    a.backup();
    b.session.restore_now(&everything()).unwrap();
    b.import(&[("of b.txt", b"words of b")]);
    // No point is encrypted yet that would tell the other device.
    a.session.turn_on_encryption(PASSPHRASE.into()).unwrap();
    assert_eq!(state(&b), EncryptionState::Off, "it has not looked");
    let before = sent(&server);
    locked("backup", b.session.backup_now());
    assert_eq!(sent(&server), before);
    assert!(!is_told(&server, "words of b") && !is_told(&server, "of b.txt"));
    assert_eq!(state(&b), EncryptionState::Locked);
    assert_eq!(b.session.backup_status().unwrap().waiting_files, 1);

    b.session.unlock_encryption(PASSPHRASE.into()).unwrap();
    b.session.backup_now().unwrap();
    assert!(!is_told(&server, "words of b") && !is_told(&server, "of b.txt"));
    let fresh = Home::with_sealed_bucket(&server, PASSPHRASE);
    fresh.session.restore_now(&everything()).unwrap();
    assert_eq!(listed(&fresh), listed(&b));
}

#[test]
fn a_backup_that_began_in_the_clear_sends_nothing_once_encryption_is_on() {
    let server = server();
    let (a, b) = (Home::with_bucket(&server), Home::with_bucket(&server));
    b.import(&[("of b.txt", b"words of b")]);
    a.session.turn_on_encryption(PASSPHRASE.into()).unwrap();
    let before = sent(&server);
    // Connected without a key, it waits for its first answer.
    let wait = Duration::from_secs(4);
    server.inject(Fault::new(FaultKind::Slow(wait)).on("ListObjectsV2"));
    server.forget_requests();
    let session = b.session.clone();
    let run = std::thread::spawn(move || session.backup_now());
    let began = Instant::now();
    while server.count("ListObjectsV2") == 0 {
        assert!(began.elapsed() < Duration::from_secs(60), "never asked");
        std::thread::sleep(Duration::from_millis(5));
    }
    // Meanwhile a person opens the backup on this very machine.
    b.session.unlock_encryption(PASSPHRASE.into()).unwrap();
    assert!(!run.is_finished(), "too late");
    let refused = run.join().unwrap().unwrap_err();
    assert_eq!(refused.code(), Code::StoreBusy, "{:?}", refused.report());
    let report = refused.report();
    assert!(report.message.contains("nothing was sent"), "{report:?}");
    assert_eq!(report.hint, "Back up again.");
    assert_eq!(sent(&server), before);

    assert_eq!(b.session.backup_now().unwrap().uploaded_files, 1);
    assert!(!is_told(&server, "words of b") && !is_told(&server, "of b.txt"));
}
