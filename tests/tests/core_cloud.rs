//! One file and the bucket: links, local bytes given up and brought back.

mod backup_home;

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use backup_home::Home;
use jiff::{SignedDuration, Timestamp};
use redline_core::{Code, FileStatus, FreeRule};
use redline_tests::s3::{Options as Server, TestS3};

/// A plain GET, as any program would do it: status line, headers and body.
fn get(url: &str) -> (String, String) {
    let rest = url.strip_prefix("http://").unwrap();
    let (host, path) = rest.split_once('/').unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    write!(
        stream,
        "GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}

#[test]
fn a_link_opens_the_file_and_says_when_it_expires() {
    let server = TestS3::start(Server::default()).unwrap();
    let home = Home::with_bucket(&server);
    home.import(&[("dir/q3 \u{e4}.csv", b"a,b\n1,2\n")]);
    let id = home.files()[0].id;
    let early = home.session.link_file(id, None).unwrap_err();
    assert_eq!(early.code(), Code::NotFound, "{:?}", early.report());
    home.backup();
    let before = Timestamp::now();
    let link = home
        .session
        .link_file(id, Some(Duration::from_secs(600)))
        .unwrap();
    let expires: Timestamp = link.expires_at.parse().unwrap();
    let lives = expires.as_second() - before.as_second();
    assert!(
        (599..=602).contains(&lives) && link.shortened.is_none(),
        "{lives}"
    );
    assert!(link.url.contains("X-Amz-Expires=600"), "{}", link.url);
    let (head, body) = get(&link.url);
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert!(body.contains("a,b\n1,2\n"), "{body}");
    assert!(!format!("{link:?}").contains("X-Amz-Signature"));
    // Longer than a signature can live.
    let long = home
        .session
        .link_file(id, Some(Duration::from_secs(30 * 86_400)))
        .unwrap();
    assert!(long.shortened.is_some() && long.url.contains("X-Amz-Expires=604800"));
    // Tampered with, it opens nothing.
    let (head, _) = get(&link.url.replace("X-Amz-Expires=600", "X-Amz-Expires=601"));
    assert!(head.starts_with("HTTP/1.1 403"), "{head}");
    // Changed since: the link would be to other bytes.
    home.edit("dir/q3 \u{e4}.csv", b"a,b\n9,9\n");
    assert_eq!(
        home.session.link_file(id, None).unwrap_err().code(),
        Code::NotFound
    );
}

#[test]
fn a_file_gives_up_its_bytes_and_comes_back_when_used() {
    let server = TestS3::start(Server::default()).unwrap();
    let home = Home::with_bucket(&server);
    home.import(&[("big.csv", b"a,b\n1,2\n3,4\n"), ("small.txt", b"s")]);
    let id = home.file("big.csv").id;
    let early = home.session.free_files_now(&[id]).unwrap_err();
    assert_eq!(
        early.code(),
        Code::BadRequest,
        "not backed up: {:?}",
        early.report()
    );
    home.backup();
    let report = home.session.free_files_now(&[id]).unwrap();
    assert_eq!((report.freed_files, report.freed_bytes), (1, 12));
    assert!(!home.path("big.csv").exists());
    assert_eq!(home.file("big.csv").status, FileStatus::CloudOnly);
    // It is no delete, no missing file, and stays in every restore point.
    home.import(&[("more.txt", b"m")]);
    let backup = home.session.backup_now().unwrap();
    assert_eq!(
        (backup.removed_files, backup.left_out.len()),
        (0, 0),
        "{backup:?}"
    );
    assert_eq!(home.session.restore_points().unwrap()[0].files, 3);
    assert_eq!(home.session.verify_now(None).unwrap().missing.len(), 0);

    let preview = home
        .session
        .preview(id, &Default::default(), 10, 0)
        .unwrap();
    assert_eq!(preview.rows.len(), 2);
    assert_eq!(home.file("big.csv").status, FileStatus::Stored);
    assert_eq!(home.read("big.csv"), b"a,b\n1,2\n3,4\n");
    assert_eq!(home.file("big.csv").id, id);

    home.session.free_files_now(&[id]).unwrap();
    let mut opened = String::new();
    home.session
        .open_file(id)
        .unwrap()
        .0
        .read_to_string(&mut opened)
        .unwrap();
    assert_eq!(opened.len(), 12);
    home.session.free_files_now(&[id]).unwrap();
    let saved = home.dir.path().join("copy.csv");
    home.session.export_now(id, &saved).unwrap();
    assert_eq!(fs::read(saved).unwrap().len(), 12);
    home.session.free_files_now(&[id]).unwrap();
    let fetched = home.session.fetch_files_now(&[id]).unwrap();
    assert_eq!((fetched.fetched_files, fetched.fetched_bytes), (1, 12));
    // On a machine that has nothing it comes with everything else.
    home.session.free_files_now(&[id]).unwrap();
    home.backup();
    let there = Home::with_bucket(&server);
    there.session.restore_now(&Default::default()).unwrap();
    assert_eq!(there.read("big.csv").len(), 12);
}

#[test]
fn the_only_copy_is_never_given_up() {
    let server = TestS3::start(Server::default()).unwrap();
    let home = Home::with_bucket(&server);
    home.import(&[("a.csv", b"a\n1\n"), ("b.csv", b"b\n1\n")]);
    home.backup();
    // Damaged at rest, under the same name and size.
    let sha = home.file("a.csv").sha256;
    let (key, _) = server
        .objects()
        .into_iter()
        .find(|(key, _)| key.ends_with(&sha))
        .unwrap();
    server.rot(&key, 0).unwrap();
    let id = home.file("a.csv").id;
    let error = home.session.free_files_now(&[id]).unwrap_err();
    assert_eq!(error.code(), Code::Damaged, "{:?}", error.report());
    assert_eq!(home.read("a.csv"), b"a\n1\n");
    assert_eq!(home.file("a.csv").status, FileStatus::Stored);
    // The next backup mends it, and then it can go.
    assert_eq!(home.session.backup_now().unwrap().uploaded_files, 1);
    home.session.free_files_now(&[id]).unwrap();
    // Edited in place, same size and time: only its hash tells.
    let path = home.path("b.csv");
    let at = fs::metadata(&path).unwrap().modified().unwrap();
    fs::write(&path, b"b\n9\n").unwrap();
    fs::File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_modified(at)
        .unwrap();
    let error = home
        .session
        .free_files_now(&[home.file("b.csv").id])
        .unwrap_err();
    assert_eq!(error.code(), Code::SourceChanged, "{:?}", error.report());
    assert_eq!(home.read("b.csv"), b"b\n9\n");
}

#[test]
fn what_another_device_deleted_keeps_its_bytes_here() {
    let server = TestS3::start(Server::default()).unwrap();
    let a = Home::with_bucket(&server);
    a.import(&[("big.csv", b"a\n1\n"), ("kept.txt", b"k")]);
    a.backup();
    let b = Home::with_bucket(&server);
    b.session.restore_now(&Default::default()).unwrap();
    b.backup();
    let id = b.file("big.csv").id;

    a.delete("big.csv");
    assert_eq!(a.session.backup_now().unwrap().removed_files, 1);
    // This one has not heard of it: its own last point still has the file.
    let report = b.session.free_files_now(&[id]).unwrap_err();
    assert_eq!(report.code(), Code::BadRequest, "{:?}", report.report());
    assert_eq!(b.read("big.csv"), b"a\n1\n");
    assert_eq!(b.file("big.csv").status, FileStatus::Stored);

    // Whatever keep rules collect afterwards, the bytes are somewhere.
    a.session
        .set_retention(Some(redline_core::KeepRules {
            last: 1,
            daily: 0,
            weekly: 0,
            monthly: 0,
        }))
        .unwrap();
    let in_hours = |hours| Timestamp::now() + SignedDuration::from_hours(hours);
    a.session.run_retention_now(in_hours(0)).unwrap();
    a.session.run_retention_now(in_hours(25)).unwrap();
    b.session.backup_now().unwrap();
    let there = Home::with_bucket(&server);
    let restored = there.session.restore_now(&Default::default()).unwrap();
    assert_eq!(restored.failed, []);
    assert_eq!(there.read("big.csv"), b"a\n1\n");
    assert_eq!(there.read("kept.txt"), b"k");
}

#[test]
fn a_cloud_only_file_that_was_deleted_is_cloud_only_again() {
    let server = TestS3::start(Server::default()).unwrap();
    let home = Home::with_bucket(&server);
    home.import(&[
        ("big.csv", b"a\n1\n"),
        ("gone.csv", b"a\n2\n"),
        ("k.txt", b"k"),
    ]);
    home.backup();
    let ids = [home.file("big.csv").id, home.file("gone.csv").id];
    let lost = home.file("gone.csv").sha256;
    home.session.free_files_now(&ids).unwrap();
    home.session.delete(&ids).unwrap();
    home.session.backup_confirmed_now().unwrap();
    assert_eq!(home.session.restore_points().unwrap()[0].files, 1);

    home.session.undelete(&ids).unwrap();
    assert_eq!(home.file("big.csv").status, FileStatus::CloudOnly);
    home.session.fetch_files_now(&ids[..1]).unwrap();
    assert_eq!(home.read("big.csv"), b"a\n1\n");
    // The other one went from the bucket meanwhile: the next backup says so.
    for (key, _) in server.objects() {
        if key.ends_with(&lost) || key.ends_with("/gone.csv") {
            server.remove(&key);
        }
    }
    assert_eq!(home.file("gone.csv").status, FileStatus::CloudOnly);
    let report = home.session.backup_now().unwrap();
    let left_out: Vec<&str> = report.left_out.iter().map(|f| f.path.as_str()).collect();
    assert_eq!(left_out, ["gone.csv"]);
    assert_eq!(home.file("gone.csv").status, FileStatus::Missing);
    assert_eq!(home.session.restore_points().unwrap()[0].files, 2);
    assert!(home.session.check_backup_now(true, None).unwrap().ok);
    // One that was here when it was deleted has its bytes, and no such state.
    let id = [home.file("big.csv").id];
    home.session.delete(&id).unwrap();
    home.session.undelete(&id).unwrap();
    assert_eq!(home.file("big.csv").status, FileStatus::Stored);
}

#[test]
fn a_rule_frees_what_is_large_and_old() {
    let server = TestS3::start(Server::default()).unwrap();
    let home = Home::with_bucket(&server);
    home.import(&[("big.bin", &[7; 5000]), ("small.txt", b"s")]);
    home.backup();
    let rule = FreeRule {
        larger_than_bytes: 1000,
        older_than_days: 30,
    };
    let now = Timestamp::now();
    let later = now + SignedDuration::from_hours(24 * 31);
    assert_eq!(home.session.plan_free(rule, now).unwrap().freed_files, 0);
    let plan = home.session.plan_free(rule, later).unwrap();
    assert_eq!((plan.freed_files, plan.freed_bytes), (1, 5000));
    assert_eq!(
        home.session.free_by_rule_now(later).unwrap().freed_files,
        0,
        "no rule is on"
    );
    home.session.set_free_rule(Some(rule)).unwrap();
    assert_eq!(home.session.free_by_rule_now(later).unwrap().freed_files, 1);
    assert_eq!(home.file("big.bin").status, FileStatus::CloudOnly);
    assert_eq!(home.file("small.txt").status, FileStatus::Stored);
}
