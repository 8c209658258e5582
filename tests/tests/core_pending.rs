//! A restore point whose manifest arrived while this device never heard of it: what was
//! put back afterwards is its own change, not another device's.

mod backup_home;

use backup_home::{Home, request};
use redline_tests::s3::{Fault, FaultKind, Options as Server, TestS3};

/// The manifest is stored, its answer lost, and every further try refused.
fn lose_the_answer(server: &TestS3) {
    let manifest = |kind| {
        Fault::new(kind)
            .on("PutObject")
            .path_contains("/manifests/")
    };
    server.inject(manifest(FaultKind::LostResponse));
    server.inject(manifest(FaultKind::ACCESS_DENIED).times(99));
}

fn restored(server: &TestS3, path: &str) -> Vec<u8> {
    let there = Home::with_bucket(server);
    there.session.restore_now(&request("", &[])).unwrap();
    there.read(path)
}

fn points(home: &Home) -> usize {
    home.session.restore_points().unwrap().len()
}

#[test]
fn a_file_put_back_after_a_lost_answer_is_backed_up_as_it_is_here() {
    let server = TestS3::start(Server::default()).unwrap();
    let home = Home::with_bucket(&server);
    home.import(&[("f.txt", b"first"), ("g.txt", b"g")]);
    home.backup();
    home.edit("f.txt", b"second");
    lose_the_answer(&server);
    home.session.backup_now().unwrap_err();
    server.clear_faults();
    assert_eq!(points(&home), 2, "it arrived");

    home.edit("f.txt", b"first");
    let report = home.session.backup_now().unwrap();
    assert_eq!(
        (report.conflicts.len(), report.uploaded_files),
        (0, 1),
        "{report:?}"
    );
    assert_eq!(restored(&server, "f.txt"), b"first");
    assert_eq!(home.session.backup_status().unwrap().waiting_files, 0);
}

#[test]
fn a_manifest_that_never_arrived_is_not_what_this_device_knows() {
    let server = TestS3::start(Server::default()).unwrap();
    let home = Home::with_bucket(&server);
    home.import(&[("f.txt", b"first"), ("g.txt", b"g")]);
    home.backup();
    home.edit("f.txt", b"second");
    let manifest = Fault::new(FaultKind::ACCESS_DENIED)
        .on("PutObject")
        .path_contains("/manifests/");
    server.inject(manifest);
    home.session.backup_now().unwrap_err();
    server.clear_faults();
    assert_eq!(points(&home), 1);
    let waiting = home.session.backup_status().unwrap().waiting_files;
    assert_eq!(waiting, 1, "nothing was backed up");

    // Another device changes the same file meanwhile: both are kept.
    let other = Home::with_bucket(&server);
    other.session.restore_now(&request("", &[])).unwrap();
    other.edit("f.txt", b"theirs");
    other.backup();
    let report = home.session.backup_now().unwrap();
    assert_eq!(report.conflicts.len(), 1, "{report:?}");
    assert_eq!(restored(&server, "f.txt"), b"second");
    assert_eq!(restored(&server, &report.conflicts[0].kept_as), b"theirs");
}

#[test]
fn what_another_device_built_on_it_settles_it_too() {
    let server = TestS3::start(Server::default()).unwrap();
    let home = Home::with_bucket(&server);
    home.import(&[("f.txt", b"first"), ("g.txt", b"g")]);
    home.backup();
    home.edit("f.txt", b"second");
    lose_the_answer(&server);
    home.session.backup_now().unwrap_err();
    server.clear_faults();
    // Another device builds on it, and keep rules drop it.
    let other = Home::with_bucket(&server);
    other.session.restore_now(&request("", &[])).unwrap();
    other.import(&[("new.txt", b"new")]);
    let newest = other.backup();
    let gone: Vec<String> = server
        .objects()
        .into_iter()
        .map(|(key, _)| key)
        .filter(|key| key.contains("/manifests/") && !key.contains(&newest))
        .collect();
    assert_eq!(gone.len(), 2);
    gone.iter().for_each(|key| server.remove(key));

    home.edit("f.txt", b"first");
    let report = home.session.backup_now().unwrap();
    assert_eq!(
        (report.conflicts.len(), report.uploaded_files),
        (0, 1),
        "{report:?}"
    );
    assert_eq!(restored(&server, "f.txt"), b"first");
    assert_eq!(restored(&server, "new.txt"), b"new");
}
