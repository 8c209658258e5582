//! A bucket whose owner made a rule that ends objects: what is gone is named, everything
//! else comes back, and the next backup sends again what it needs.

mod backup_home;

use backup_home::{Home, request};
use redline_core::{Code, RestoreReport};
use redline_tests::s3::{Options as Server, TestS3};

/// "a.csv" in two revisions, one for each point; the others in both.
fn two_points(server: &TestS3) -> (Home, String, String) {
    let home = Home::with_bucket(server);
    home.import(&[("a.csv", b"a\n1\n"), ("b.txt", b"bbbb"), ("c.txt", b"cccc")]);
    let first = home.backup();
    home.edit("a.csv", b"a\n2\n");
    let second = home.backup();
    (home, first, second)
}

fn key_ending(server: &TestS3, end: &str) -> String {
    let keys = server.objects().into_iter().map(|(key, _)| key);
    let mut found = keys.filter(|key| key.ends_with(end) && key.contains("/.redline/"));
    found
        .next()
        .unwrap_or_else(|| panic!("nothing ends with {end}"))
}

fn failed(report: &RestoreReport) -> Vec<(&str, Code)> {
    let mut failed: Vec<_> = report
        .failed
        .iter()
        .map(|file| (file.path.as_str(), file.error.code))
        .collect();
    failed.sort_by_key(|(path, _)| *path);
    failed
}

fn findings(home: &Home, at: Option<&str>) -> Vec<String> {
    let report = home.session.check_backup_now(false, at).unwrap();
    assert_eq!(report.ok, report.findings.is_empty());
    report.findings.into_iter().map(|f| f.path).collect()
}

#[test]
fn noncurrent_versions_are_nobodys_need() {
    let server = TestS3::start(Server::default()).unwrap();
    let home = Home::with_bucket(&server);
    home.session.set_versioning(true).unwrap();
    home.import(&[("a.csv", b"a\n1\n"), ("b.txt", b"bbbb")]);
    let first = home.backup();
    home.edit("a.csv", b"a\n2\n");
    let second = home.backup();
    assert!(server.expire_noncurrent() > 0, "nothing was ever replaced");
    for (id, expected) in [(&first, b"a\n1\n"), (&second, b"a\n2\n")] {
        let report = home.session.check_backup_now(true, Some(id)).unwrap();
        assert!(report.ok, "{report:?}");
        let there = Home::with_bucket(&server);
        let restored = there.session.restore_now(&request(id, &[])).unwrap();
        assert_eq!(restored.failed, []);
        assert_eq!(there.read("a.csv"), expected);
    }
}

#[test]
fn what_a_rule_ended_is_named_and_the_rest_comes_back() {
    let server = TestS3::start(Server::default()).unwrap();
    let (home, first, second) = two_points(&server);
    server.expire(&key_ending(&server, &sha256(b"a\n1\n")));
    server.expire(&key_ending(&server, &sha256(b"cccc")));
    // The copy under its own name would have stood in for it.
    for (key, _) in server.objects() {
        if key.ends_with("/files/c.txt") {
            server.expire(&key);
        }
    }

    // A check says it of each point by itself.
    assert_eq!(findings(&home, Some(&first)), ["a.csv", "c.txt"]);
    assert_eq!(findings(&home, Some(&second)), ["c.txt"]);
    // So does a restore, and the other files are there.
    let there = Home::with_bucket(&server);
    let report = there.session.restore_now(&request(&second, &[])).unwrap();
    assert_eq!(failed(&report), [("c.txt", Code::NotFound)]);
    assert!(
        report.failed[0].error.message.contains("not in the bucket"),
        "{report:?}"
    );
    assert_eq!(report.restored_files, 2);
    assert_eq!(there.read("a.csv"), b"a\n2\n");
    assert_eq!(there.read("b.txt"), b"bbbb");
    let old = Home::with_bucket(&server);
    let report = old.session.restore_now(&request(&first, &[])).unwrap();
    assert_eq!(
        failed(&report),
        [("a.csv", Code::NotFound), ("c.txt", Code::NotFound)]
    );
    assert_eq!(old.read("b.txt"), b"bbbb");

    // What is here is sent again, and the new point has all of it.
    assert_eq!(home.session.backup_now().unwrap().uploaded_files, 1);
    assert!(findings(&home, None).is_empty());
    let third = Home::with_bucket(&server);
    let report = third.session.restore_now(&request("", &[])).unwrap();
    assert_eq!(report.failed, []);
    assert_eq!(third.read("c.txt"), b"cccc");
    assert_eq!(
        findings(&home, Some(&first)),
        ["a.csv"],
        "nobody has that any more"
    );
}

#[test]
fn a_newest_point_that_is_gone_does_not_make_old_bytes_new() {
    // Its manifest expired, or the list it names.
    for part in ["/manifests/", "/shards/"] {
        let server = TestS3::start(Server::default()).unwrap();
        let home = Home::with_bucket(&server);
        home.import(&[("a.csv", b"a\n1\n"), ("b.txt", b"bbbb"), ("c.txt", b"cccc")]);
        let first = home.backup();
        let before: Vec<String> = server.objects().into_iter().map(|(key, _)| key).collect();
        home.edit("a.csv", b"a\n2\n");
        home.delete("b.txt");
        home.backup();
        for (key, _) in server.objects() {
            if key.contains(part) && !before.contains(&key) {
                server.expire(&key);
            }
        }
        // An older point falls in for it on another machine.
        let there = Home::with_bucket(&server);
        let plan = there.session.plan_restore(&request("", &[])).unwrap();
        assert_eq!(plan.point.id, first, "{part}");

        // Here the edit and the delete are this device's own, not another's to undo.
        let report = home.session.backup_now().unwrap();
        assert_eq!(
            (report.conflicts.len(), report.removed_files),
            (0, 1),
            "{part}: {report:?}"
        );
        assert_eq!(home.session.backup_status().unwrap().waiting_files, 0);
        let there = Home::with_bucket(&server);
        there.session.restore_now(&request("", &[])).unwrap();
        assert_eq!(there.read("a.csv"), b"a\n2\n", "{part}");
        assert_eq!(there.files().len(), 2, "{part}");
    }
}

fn sha256(bytes: &[u8]) -> String {
    use sha2::{Digest, Sha256};
    hex::encode(Sha256::digest(bytes))
}
