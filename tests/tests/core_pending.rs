//! A restore point whose manifest arrived while this device never heard of it: what was
//! put back afterwards is its own change, not another device's.

mod backup_home;

use std::time::{Duration, Instant};

use backup_home::{Home, request};
use redline_core::{BackupReport, CoreError};
use redline_tests::s3::{Fault, FaultKind, Options as Server, TestS3};

/// Backed up once, and edited since.
fn edited() -> (TestS3, Home) {
    let server = TestS3::start(Server::default()).unwrap();
    let home = Home::with_bucket(&server);
    home.import(&[("f.txt", b"first"), ("g.txt", b"g")]);
    home.backup();
    home.edit("f.txt", b"second");
    (server, home)
}

/// The manifest is stored, its answer lost, and every further try refused.
fn lose_the_answer(server: &TestS3) {
    server.inject(Fault::at_manifest(FaultKind::LostResponse));
    server.inject(Fault::at_manifest(FaultKind::ACCESS_DENIED).times(99));
}

fn restored(server: &TestS3, path: &str) -> Vec<u8> {
    let there = Home::with_bucket(server);
    there.session.restore_now(&request("", &[])).unwrap();
    there.read(path)
}

/// What it was before is this device's own change, and no conflict.
fn put_back(home: &Home, server: &TestS3) {
    home.edit("f.txt", b"first");
    let report = home.session.backup_now().unwrap();
    assert_eq!(
        (report.conflicts.len(), report.uploaded_files),
        (0, 1),
        "{report:?}"
    );
    assert_eq!(restored(server, "f.txt"), b"first");
}

fn points(home: &Home) -> usize {
    home.session.restore_points().unwrap().len()
}

#[test]
fn a_file_put_back_after_a_lost_answer_is_backed_up_as_it_is_here() {
    let (server, home) = edited();
    lose_the_answer(&server);
    home.session.backup_now().unwrap_err();
    server.clear_faults();
    assert_eq!(points(&home), 2, "it arrived");

    put_back(&home, &server);
    assert_eq!(home.session.backup_status().unwrap().waiting_files, 0);
}

#[test]
fn a_manifest_that_never_arrived_is_not_what_this_device_knows() {
    let (server, home) = edited();
    server.inject(Fault::at_manifest(FaultKind::ACCESS_DENIED));
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
    let (server, home) = edited();
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

    put_back(&home, &server);
    assert_eq!(restored(&server, "new.txt"), b"new");
}

/// Long enough for a plan, or for whatever is done while a manifest is on its way.
const ON_ITS_WAY: Duration = Duration::from_secs(3);

/// A backup whose manifest is on its way while `meanwhile` is done.
fn while_it_is_sent(
    home: &Home,
    server: &TestS3,
    meanwhile: impl FnOnce(),
) -> Result<BackupReport, CoreError> {
    server.forget_requests();
    let session = home.session.clone();
    let run = std::thread::spawn(move || session.backup_now());
    let began = Instant::now();
    while server.manifests_begun() == 0 {
        assert!(began.elapsed() < Duration::from_secs(60), "never sent");
        std::thread::sleep(Duration::from_millis(5));
    }
    let sent = Instant::now();
    meanwhile();
    assert!(
        sent.elapsed() < ON_ITS_WAY && !run.is_finished(),
        "too late"
    );
    run.join().unwrap()
}

#[test]
fn a_plan_beside_a_backup_leaves_its_note_alone() {
    let (server, home) = edited();
    server.inject(Fault::at_manifest(FaultKind::LostResponse).slowly(ON_ITS_WAY));
    server.inject(Fault::at_manifest(FaultKind::ACCESS_DENIED).times(99));
    let lost = while_it_is_sent(&home, &server, || {
        // It asks the bucket what came of the point that was being made: not there yet.
        assert_eq!(home.session.plan_backup().unwrap().upload_files, 1);
    });
    lost.unwrap_err();
    server.clear_faults();
    assert_eq!(points(&home), 2, "it arrived");

    put_back(&home, &server);
}

#[test]
fn a_note_that_is_gone_when_its_point_has_arrived_is_made_again() {
    let (server, home) = edited();
    server.inject(Fault::at_manifest(FaultKind::Slow(ON_ITS_WAY)));
    let made = while_it_is_sent(&home, &server, || {
        let note = home.private().join("pending-manifest.json");
        std::fs::remove_file(note).expect("noted before it is sent");
    });
    made.unwrap();
    assert_eq!(home.session.backup_status().unwrap().waiting_files, 0);
    put_back(&home, &server);
}
