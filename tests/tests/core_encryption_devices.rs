//! Encryption before sending on several devices: keys of two, other passphrases, and what
//! a device does that has not heard of it yet.

mod backup_home;

use backup_home::sealed::{PASSPHRASE, everything, is_told, listed, locked, state};
use backup_home::{Home, setup};
use redline_core::{BucketSetup, Code, EncryptionState};
use redline_tests::s3::{Options as Server, TestS3};

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
