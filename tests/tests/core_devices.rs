//! One store on two machines: what each changed is kept, side by side where both did.

mod backup_home;

use backup_home::{Home, request};
use redline_core::{ConversionRequest, FileStatus, PresetView, RestoreRequest};
use redline_tests::s3::{Options as Server, Personality, TestS3};

fn everything() -> RestoreRequest {
    RestoreRequest::default()
}

/// What a machine that has nothing gets.
fn restored(server: &TestS3) -> Vec<(String, String)> {
    let there = Home::with_bucket(server);
    let report = there.session.restore_now(&everything()).unwrap();
    assert_eq!(report.failed, [], "{report:?}");
    there
        .files()
        .into_iter()
        .map(|file| {
            let bytes = there.read(&file.relative_path);
            (file.relative_path, String::from_utf8(bytes).unwrap())
        })
        .collect()
}

fn pairs(found: &[(String, String)]) -> Vec<(&str, &str)> {
    found
        .iter()
        .map(|(a, b)| (a.as_str(), b.as_str()))
        .collect()
}

#[test]
fn two_first_backups_at_once_are_both_kept() {
    // Whatever becomes of `If-None-Match`: looked at, ignored, refused.
    for personality in [Personality::AWS, Personality::GARAGE, Personality::B2] {
        let server = TestS3::start(Server {
            personality,
            ..Server::default()
        });
        first_backups(&server.unwrap());
    }
}

fn first_backups(server: &TestS3) {
    let (a, b) = (Home::with_bucket(server), Home::with_bucket(server));
    a.import(&[
        ("same.txt", b"same"),
        ("f.txt", b"of a"),
        ("a.csv", b"a\n1\n"),
    ]);
    b.import(&[
        ("same.txt", b"same"),
        ("f.txt", b"of b"),
        ("b.csv", b"b\n1\n"),
    ]);
    let csv = b.file("b.csv").id;
    b.session
        .convert_now(csv, &ConversionRequest::to("json"))
        .unwrap();
    b.session
        .save_preset(PresetView {
            name: "mine".into(),
            to: None,
            options: Default::default(),
        })
        .unwrap();
    // Neither knows of the other: both points are heads.
    a.session.backup_now().unwrap();
    let plan = b.session.plan_backup().unwrap();
    assert_eq!(plan.other_devices.len(), 1);
    let report = b.session.backup_now().unwrap();
    assert_eq!(report.merged_devices.len(), 1, "{report:?}");
    // Two files that share a name: both are kept, and it is said where.
    let shown: Vec<(&str, &str)> = report
        .conflicts
        .iter()
        .map(|conflict| (conflict.path.as_str(), conflict.kept_as.as_str()))
        .collect();
    assert_eq!(shown, [("f.txt", "f (2).txt")]);
    assert_eq!(report.conflicts[0].device, report.merged_devices[0]);
    assert_eq!(b.read("f.txt"), b"of b");
    let again = b.session.backup_now().unwrap();
    assert_eq!(again.conflicts, [], "said once");
    let points = a.session.restore_points().unwrap();
    assert_eq!(points.iter().filter(|p| p.head).count(), 1);

    let found = restored(server);
    let names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        ["a.csv", "b.csv", "b.json", "f (2).txt", "f.txt", "same.txt"]
    );
    let mut both: Vec<&str> = found
        .iter()
        .filter(|(name, _)| name.starts_with('f'))
        .map(|(_, text)| text.as_str())
        .collect();
    both.sort();
    assert_eq!(both, ["of a", "of b"]);

    // The first takes the second's rows in: files as cloud-only, history, presets.
    a.import(&[("new.txt", b"new")]);
    let report = a.session.backup_now().unwrap();
    assert_eq!(report.merged_devices.len(), 1, "{report:?}");
    assert_eq!(a.file("b.csv").status, FileStatus::CloudOnly);
    assert_eq!(a.file("f.txt").status, FileStatus::Stored);
    assert_eq!(a.read("f.txt"), b"of a", "what is here stays as it is");
    assert_eq!(a.session.history(10, 0).unwrap().len(), 1);
    assert!(a.session.preset("mine").is_ok());
    assert!(a.session.check_backup_now(true, None).unwrap().ok);
}

#[test]
fn the_same_file_changed_on_both_is_kept_side_by_side() {
    let no_copy = Personality {
        refuses_copy: true,
        ..Personality::AWS
    };
    for personality in [
        Personality::AWS,
        no_copy,
        Personality::GARAGE,
        Personality::B2,
        Personality::R2,
    ] {
        let server = TestS3::start(Server {
            personality,
            ..Server::default()
        });
        changed_on_both(&server.unwrap());
    }
}

fn changed_on_both(server: &TestS3) {
    let a = Home::with_bucket(server);
    a.import(&[("f.txt", b"from the start"), ("g.txt", b"g")]);
    a.session.backup_now().unwrap();
    let b = Home::with_bucket(server);
    b.session.restore_now(&everything()).unwrap();

    a.edit("f.txt", b"edited on a");
    a.session.backup_now().unwrap();
    b.edit("f.txt", b"edited on b");
    let report = b.session.backup_now().unwrap();
    assert_eq!(report.conflicts.len(), 1, "{report:?}");
    assert_eq!(report.conflicts[0].path, "f.txt");
    let beside = report.conflicts[0].kept_as.clone();
    assert_eq!(b.read("f.txt"), b"edited on b");
    assert_eq!(b.file(&beside).status, FileStatus::CloudOnly);
    assert_eq!(
        pairs(&restored(server)),
        [
            (beside.as_str(), "edited on a"),
            ("f.txt", "edited on b"),
            ("g.txt", "g")
        ]
    );
    // Again with nothing new: it does not multiply.
    a.session.backup_now().unwrap();
    b.session.backup_now().unwrap();
    assert_eq!(restored(server).len(), 3);
}

#[test]
fn an_edit_on_one_side_alone_is_taken_and_beats_a_delete() {
    let server = TestS3::start(Server::default()).unwrap();
    let a = Home::with_bucket(&server);
    a.import(&[
        ("f.txt", b"start"),
        ("g.txt", b"start"),
        ("h.txt", b"start of h"),
    ]);
    a.session.backup_now().unwrap();
    let b = Home::with_bucket(&server);
    b.session.restore_now(&everything()).unwrap();

    a.edit("f.txt", b"edited on a");
    a.edit("g.txt", b"g edited on a");
    a.session.backup_now().unwrap();
    // Here f is as it was, and g was deleted before the edit was known.
    b.delete("g.txt");
    b.import(&[("new.txt", b"new")]);
    let report = b.session.backup_now().unwrap();
    assert_eq!(
        (report.removed_files, report.conflicts.len()),
        (0, 0),
        "{report:?}"
    );
    assert_eq!(b.read("f.txt"), b"start", "no backup changes what is here");
    assert_eq!(
        pairs(&restored(&server)),
        [
            ("f.txt", "edited on a"),
            ("g.txt", "g edited on a"),
            ("h.txt", "start of h"),
            ("new.txt", "new")
        ]
    );
    // And does not put the old bytes back with the next one.
    b.import(&[("more.txt", b"more")]);
    b.session.backup_now().unwrap();
    assert_eq!(restored(&server)[0].1, "edited on a");
    // A delete of what nobody changed is one.
    a.session.restore_now(&everything()).unwrap();
    a.delete("h.txt");
    assert_eq!(a.session.backup_now().unwrap().removed_files, 1);
    assert!(restored(&server).iter().all(|(name, _)| name != "h.txt"));
    // The other device's newest comes with a restore, in its place.
    b.session.restore_now(&request("", &["f.txt"])).unwrap();
    assert_eq!(b.read("f.txt"), b"edited on a");
}
