//! A file's earlier versions, as restore points have them, and one of them brought back.

mod backup_home;

use backup_home::Home;
use redline_core::{Code, FileVersionsView, RestoreRequest};
use redline_tests::s3::{Options as Server, TestS3};

/// What the newest restore points have of `a.csv` beside what is here.
fn of_a(home: &Home) -> FileVersionsView {
    let here = home.file("a.csv").sha256;
    home.session.file_versions("a.csv", &[here], None).unwrap()
}

fn told(found: &FileVersionsView) -> Vec<(&str, u64)> {
    found
        .versions
        .iter()
        .map(|version| (version.point.as_str(), version.size_bytes))
        .collect()
}

/// Points of a store in which `a.csv` is 4, 4, 6 and 8 bytes long, the newest last.
fn four_points(home: &Home) -> [String; 4] {
    home.import(&[("a.csv", b"a\n1\n"), ("b.txt", b"b")]);
    let first = home.backup();
    home.import(&[("c.txt", b"c")]);
    let second = home.backup();
    home.edit("a.csv", b"a\n1\n2\n");
    let third = home.backup();
    home.edit("a.csv", b"a\n1\n2\n3\n");
    [first, second, third, home.backup()]
}

#[test]
fn each_version_is_told_once_in_the_newest_point_that_has_it_and_comes_back_alone() {
    let server = TestS3::start(Server::default()).unwrap();
    let home = Home::with_bucket(&server);
    let [_, second, third, _] = four_points(&home);
    server.forget_requests();
    let found = of_a(&home);
    assert_eq!(told(&found), [(third.as_str(), 6), (second.as_str(), 4)]);
    assert_eq!((found.looked_at, found.remaining), (4, 0));
    assert_eq!(found.next, None);
    // One list, four heads, and of each the one list of files that the path is in.
    assert!(server.requests().len() <= 9, "{:?}", server.requests());

    let request = RestoreRequest {
        at: Some(second),
        only: Vec::new(),
        paths: vec!["a.csv".into()],
    };
    let report = home.session.restore_now(&request).unwrap();
    assert_eq!((report.restored_files, report.replaced_files), (1, 1));
    assert_eq!(home.read("a.csv"), b"a\n1\n");
    assert_eq!(home.read("c.txt"), b"c");
}

#[test]
fn an_encrypted_backup_tells_them_too_and_a_machine_without_its_key_says_so() {
    let server = TestS3::start(Server::default()).unwrap();
    let home = Home::with_sealed_bucket(&server, "four plain words");
    let [_, second, third, _] = four_points(&home);
    assert_eq!(
        told(&of_a(&home)),
        [(third.as_str(), 6), (second.as_str(), 4)]
    );
    let locked = Home::with_bucket(&server);
    let found = locked.session.file_versions("a.csv", &[], None).unwrap();
    assert_eq!((found.versions.len(), found.skipped_points.len()), (0, 4));
}

#[test]
fn more_points_than_one_answer_has_are_asked_for_from_where_the_last_one_ended() {
    let server = TestS3::start(Server::default()).unwrap();
    let home = Home::with_bucket(&server);
    home.import(&[("a.csv", b"n\n")]);
    home.backup();
    for n in 0..18 {
        home.edit("a.csv", format!("n\n{n}\n").as_bytes());
        home.backup();
    }
    let first = of_a(&home);
    assert_eq!((first.looked_at, first.remaining), (16, 3));
    assert_eq!(first.versions.len(), 15, "not the one that is here");
    let known: Vec<String> = first.versions.iter().map(|v| v.sha256.clone()).collect();
    let rest = home
        .session
        .file_versions("a.csv", &known, first.next.as_deref())
        .unwrap();
    assert_eq!((rest.looked_at, rest.remaining), (3, 0));
    assert_eq!((rest.versions.len(), rest.next), (3, None));
    assert_eq!(rest.versions[2].size_bytes, 2, "the oldest comes last");
}

#[test]
fn a_point_that_cannot_be_read_is_named_and_the_others_are_told() {
    let server = TestS3::start(Server::default()).unwrap();
    let home = Home::with_bucket(&server);
    let keys = |part: &str| -> Vec<String> {
        let objects = server.objects().into_iter();
        objects
            .map(|(key, _)| key)
            .filter(|key| key.contains(part))
            .collect()
    };
    home.import(&[("a.csv", b"a\n1\n")]);
    let first = home.backup();
    home.edit("a.csv", b"a\n1\n2\n");
    let before = keys("/shards/");
    let second = home.backup();
    let of_second: Vec<String> = keys("/shards/")
        .into_iter()
        .filter(|key| !before.contains(key))
        .collect();
    home.edit("a.csv", b"a\n1\n2\n3\n");
    let third = home.backup();
    home.edit("a.csv", b"a\n");
    home.backup();
    for key in of_second {
        server.remove(&key);
    }
    for key in keys(&third) {
        server.rot(&key, 40).unwrap();
    }
    let found = of_a(&home);
    assert_eq!(told(&found), [(first.as_str(), 4)]);
    let mut skipped: Vec<&str> = found.skipped_points.iter().map(|p| p.id.as_str()).collect();
    skipped.sort_unstable();
    assert_eq!(skipped, [second.as_str(), third.as_str()]);
}

#[test]
fn what_is_no_restore_point_and_what_has_no_bucket_is_said() {
    let home = Home::new();
    let ask = |older_than| home.session.file_versions("a.csv", &[], older_than);
    assert_eq!(ask(None).unwrap_err().code(), Code::BucketMissing);
    let server = TestS3::start(Server::default()).unwrap();
    home.session
        .set_bucket(backup_home::setup(&server))
        .unwrap();
    assert_eq!(ask(Some("../x")).unwrap_err().code(), Code::NotFound);
    assert!(ask(None).unwrap().versions.is_empty(), "nothing sent yet");
}
