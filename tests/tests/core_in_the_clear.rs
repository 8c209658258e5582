//! What a backup in the clear left in the bucket before it was stopped: told with the costs,
//! when encryption is switched on, and until keep rules have tidied it up.

mod backup_home;

use backup_home::Home;
use jiff::{Timestamp, ToSpan};
use redline_core::{Code, KeepRules};
use redline_tests::s3::{Fault, FaultKind, Options as Server, TestS3};

const PASSPHRASE: &str = "four plain words here";

/// Everything but the restore point arrives.
fn stopped_at_the_end(home: &Home, server: &TestS3) {
    server.inject(
        Fault::new(FaultKind::ACCESS_DENIED)
            .on("PutObject")
            .path_contains("/manifests/"),
    );
    let error = home.session.backup_now().unwrap_err();
    assert_eq!(error.code(), Code::BucketDenied);
    server.clear_faults();
}

fn told(home: &Home) -> Option<String> {
    home.session.encryption().unwrap().in_the_clear
}

fn readable(server: &TestS3) -> usize {
    let objects = server.objects();
    let is_copy = |key: &str| key.contains("/files/") || key.ends_with("/user_data.duckdb");
    objects.iter().filter(|(key, _)| is_copy(key)).count()
}

#[test]
fn copies_of_a_backup_that_was_stopped_are_told_until_they_are_gone() {
    let server = TestS3::start(Server::default()).unwrap();
    let home = Home::with_bucket(&server);
    let begun = || {
        let costs = home.session.encryption().unwrap().costs;
        costs.iter().any(|cost| cost.contains("sent once more"))
    };
    assert!(!begun());
    home.import(&[("a.csv", b"a\n1\n"), ("b.csv", b"b\n2\n")]);
    stopped_at_the_end(&home, &server);
    // Two files, and the catalog with all names.
    assert_eq!(readable(&server), 3);
    assert!(begun(), "no restore point, and yet something lies there");

    let said = home.session.turn_on_encryption(PASSPHRASE.into()).unwrap();
    let said = said.in_the_clear.expect("told when it is switched on");
    assert!(
        said.starts_with("3 readable copies are in the bucket, not encrypted"),
        "{said}"
    );
    let report = home.session.backup_now().unwrap();
    assert_eq!(
        report.in_the_clear,
        Some(said.clone()),
        "with the first backup"
    );
    home.import(&[("c.csv", b"c\n3\n")]);
    let next = home.session.backup_now().unwrap();
    assert_eq!(
        (next.uploaded_files, next.in_the_clear),
        (1, None),
        "not each time"
    );
    assert_eq!(told(&home), Some(said));

    let rules = KeepRules {
        last: 1,
        daily: 0,
        weekly: 0,
        monthly: 0,
    };
    home.session.set_retention(Some(rules)).unwrap();
    let later = Timestamp::now() + (8 * 24).hours();
    home.session.run_retention_now(later).unwrap();
    assert!(told(&home).is_some(), "marked, and still there");
    home.session.run_retention_now(later + 25.hours()).unwrap();
    assert_eq!((readable(&server), told(&home)), (0, None));
}

#[test]
fn a_file_that_was_given_up_is_told_as_that_and_not_twice() {
    let server = TestS3::start(Server::default()).unwrap();
    let home = Home::with_bucket(&server);
    home.import(&[("big.csv", b"a,b\n1,2\n"), ("small.txt", b"s")]);
    home.backup();
    let id = home.file("big.csv").id;
    home.session.free_files_now(&[id]).unwrap();
    home.session.turn_on_encryption(PASSPHRASE.into()).unwrap();
    home.session.backup_now().unwrap();
    let rules = KeepRules {
        last: 1,
        daily: 0,
        weekly: 0,
        monthly: 0,
    };
    home.session.set_retention(Some(rules)).unwrap();
    let later = Timestamp::now() + (8 * 24).hours();
    home.session.run_retention_now(later).unwrap();
    home.session.run_retention_now(later + 25.hours()).unwrap();
    assert_eq!(
        readable(&server),
        1,
        "the copy of the one that is only there"
    );
    let said = told(&home).unwrap();
    assert!(said.starts_with("1 file is in the bucket only"), "{said}");
}
