//! A backup where nothing changed costs a look, and whatever did change is in the next one.

mod backup_home;

use std::fs::{self, File, FileTimes};

use backup_home::{Home, request};
use redline_core::{BackupReport, PresetView};
use redline_tests::s3::{Options, TestS3};

fn server() -> TestS3 {
    TestS3::start(Options::default()).unwrap()
}

fn points(home: &Home) -> usize {
    home.session.restore_points().unwrap().len()
}

fn back_up(home: &Home) -> BackupReport {
    home.session.backup_now().unwrap()
}

/// With one restore point that has all there is.
fn settled(server: &TestS3) -> (Home, BackupReport) {
    let home = Home::with_bucket(server);
    home.import(&[("a.csv", b"a\n1\n"), ("b.txt", b"b")]);
    let made = back_up(&home);
    (home, made)
}

#[test]
fn nothing_changed_is_three_requests_and_the_same_point() {
    let server = server();
    let (home, made) = settled(&server);
    for _ in 0..2 {
        let report = back_up(&home);
        assert_eq!(
            (report.manifest, report.generation),
            (made.manifest.clone(), made.generation)
        );
        assert_eq!((report.uploaded_files, report.requests), (0, 3));
    }
    assert_eq!(points(&home), 1);
}

#[cfg(unix)]
#[test]
fn an_edit_that_hides_its_time_is_in_the_next_point() {
    let server = server();
    let (home, _) = settled(&server);
    let path = home.path("a.csv");
    let time = fs::metadata(&path).unwrap().modified().unwrap();
    fs::write(&path, b"a\n2\n").unwrap();
    let file = File::options().write(true).open(&path).unwrap();
    file.set_times(FileTimes::new().set_modified(time)).unwrap();
    assert_eq!(back_up(&home).uploaded_files, 1);
    let there = Home::with_bucket(&server);
    there.session.restore_now(&request("", &[])).unwrap();
    assert_eq!(there.read("a.csv"), b"a\n2\n");
}

#[test]
fn what_was_laid_into_the_folder_or_taken_from_it_is_noticed() {
    let server = server();
    let (home, _) = settled(&server);
    fs::write(home.path("by-hand.csv"), "c").unwrap();
    assert_eq!(back_up(&home).uploaded_files, 1);
    fs::rename(home.path("b.txt"), home.dir.path().join("b.txt")).unwrap();
    let report = back_up(&home);
    assert_eq!((report.uploaded_files, report.removed_files), (0, 0));
    let there = Home::with_bucket(&server);
    there.session.restore_now(&request("", &[])).unwrap();
    assert_eq!(there.read("b.txt"), b"b", "missing is not deleted");
}

#[test]
fn what_is_kept_beside_the_rows_is_a_change_too() {
    let server = server();
    let (home, _) = settled(&server);
    home.delete("b.txt");
    back_up(&home);
    assert_eq!(points(&home), 2);
    let preset = PresetView {
        name: "Monthly".into(),
        to: Some("csv".into()),
        options: Default::default(),
    };
    home.session.save_preset(preset).unwrap();
    back_up(&home);
    assert_eq!(points(&home), 3);
    back_up(&home);
    assert_eq!(points(&home), 3);
}

#[test]
fn a_point_that_is_gone_from_the_bucket_stands_for_nothing() {
    let server = server();
    let (home, made) = settled(&server);
    server.remove(&made.manifest);
    let again = back_up(&home);
    assert_ne!(again.manifest, made.manifest);
    assert_eq!(points(&home), 1);
}

#[test]
fn what_another_device_did_is_met() {
    let server = server();
    let (home, _) = settled(&server);
    let other = Home::with_bucket(&server);
    other.import(&[("theirs.csv", b"t")]);
    back_up(&other);
    let report = back_up(&home);
    assert_eq!(report.merged_devices.len(), 1);
    assert_eq!(back_up(&home).requests, 3);
}
