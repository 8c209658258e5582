//! Somebody who can write to the bucket hides that backups are encrypted, from a device that
//! never had the key: as long as something there still says so, it sends nothing in the clear.

mod backup_home;

use backup_home::Home;
use redline_core::{Code, CoreError, EncryptionState};
use redline_tests::s3::{Options as Server, TestS3};

const PASSPHRASE: &str = "four plain words here";

/// A backup in the clear, then one that is encrypted.
fn sealed_later(server: &TestS3) -> Home {
    let home = Home::with_bucket(server);
    home.import(&[("a.txt", b"first words of a")]);
    home.backup();
    home.session.turn_on_encryption(PASSPHRASE.into()).unwrap();
    home.session.backup_now().unwrap();
    home
}

fn keys_in(server: &TestS3, part: &str) -> Vec<String> {
    let objects = server.objects().into_iter().map(|(key, _)| key);
    objects.filter(|key| key.contains(part)).collect()
}

fn hide_wrapped_keys(server: &TestS3) {
    let keys = keys_in(server, "/keys/");
    assert!(!keys.is_empty());
    keys.iter().for_each(|key| server.remove(key));
}

/// Changes its signature.
fn damage_sealed_points(server: &TestS3) {
    let mut damaged = 0;
    for key in keys_in(server, "/manifests/") {
        let text = String::from_utf8(server.object(&key).unwrap()).unwrap();
        if text.contains("\"sealed\":") {
            server
                .rot(&key, text.find("\"hmac\":\"").unwrap() + 12)
                .unwrap();
            damaged += 1;
        }
    }
    assert_eq!(damaged, 1);
}

/// A backup that is refused for it, and that nothing came of.
fn refused(home: &Home, server: &TestS3) -> CoreError {
    let before = server.objects();
    let error = home
        .session
        .backup_now()
        .expect_err("nothing goes in the clear");
    assert_eq!(error.code(), Code::BackupLocked, "{error:?}");
    assert_eq!(server.objects(), before, "nothing was sent");
    error
}

#[test]
fn an_encrypted_point_is_enough() {
    let server = TestS3::start(Server::default()).unwrap();
    let _first = sealed_later(&server);
    hide_wrapped_keys(&server);
    let home = Home::with_bucket(&server);
    home.import(&[("mine.txt", b"only here")]);
    assert_eq!(
        home.session.backup_status().unwrap().encryption,
        EncryptionState::Off
    );
    refused(&home, &server);
    // And is remembered, whatever becomes of it there.
    damage_sealed_points(&server);
    assert_eq!(
        home.session.backup_status().unwrap().encryption,
        EncryptionState::Locked
    );
    refused(&home, &server);
}

#[test]
fn so_is_one_that_was_made_unreadable() {
    let server = TestS3::start(Server::default()).unwrap();
    let _first = sealed_later(&server);
    hide_wrapped_keys(&server);
    damage_sealed_points(&server);
    let home = Home::with_bucket(&server);
    home.import(&[("mine.txt", b"only here")]);
    let report = refused(&home, &server).report();
    assert!(
        report.message.contains("says that it is encrypted"),
        "{report:?}"
    );
    // Restores of what is in the clear go on.
    let restored = home.session.restore_now(&Default::default()).unwrap();
    assert_eq!(
        (restored.restored_files, restored.skipped_points.len()),
        (1, 1)
    );
}

#[test]
fn a_damaged_point_in_the_clear_stops_nobody() {
    let server = TestS3::start(Server::default()).unwrap();
    let first = Home::with_bucket(&server);
    first.import(&[("a.txt", b"a")]);
    first.backup();
    let key = keys_in(&server, "/manifests/").remove(0);
    server.rot(&key, 60).unwrap();
    let home = Home::with_bucket(&server);
    home.import(&[("mine.txt", b"only here")]);
    let report = home.session.backup_now().unwrap();
    assert_eq!((report.uploaded_files, report.skipped_points.len()), (1, 1));
}

#[test]
fn a_backup_that_only_takes_names_away_tells_none_in_the_clear() {
    let server = TestS3::start(Server::default()).unwrap();
    let (first, second) = (Home::with_bucket(&server), Home::with_bucket(&server));
    first.import(&[("a.txt", b"a"), ("b.txt", b"b"), ("c.txt", b"c")]);
    first.backup();
    second.session.backup_now().unwrap();
    second.session.restore_now(&Default::default()).unwrap();
    second.session.backup_now().unwrap();
    first.session.turn_on_encryption(PASSPHRASE.into()).unwrap();
    second.delete("a.txt");
    refused(&second, &server);
}
