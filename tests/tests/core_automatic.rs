//! Transfers as a session runs them: backups that nobody asks for, pauses, limits, what an
//! unchanged store costs, and a store that moves under the backup.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use redline_core::{
    BucketSetup, Code, FileStatus, FrontEnd, JobKind, JobState, KeptIn, Options, Redline, Session,
    Settings, SignInRequest,
};
use redline_tests::s3::{
    ACCESS_KEY, Fault, FaultKind, Options as Server, REGION, SECRET_KEY, TestS3,
};

const KEY: &str = "RL-CORE0000-AUTOMATI-CBACKUP0";

fn machine(home: &Path, front_end: FrontEnd) -> (Redline, Session) {
    let redline = Redline::open(Options {
        data_dir: Some(home.join("data")),
        config_dir: Some(home.join("config")),
        front_end,
        env_key: None,
        aws_files: None,
    })
    .unwrap();
    let request = SignInRequest {
        key: Some(KEY.into()),
        label: Some("Desk".into()),
        keep: KeptIn::SessionOnly,
        passphrase: None,
    };
    let session = redline.sign_in(request).unwrap();
    (redline, session)
}

fn setup(server: &TestS3) -> BucketSetup {
    BucketSetup {
        bucket: server.bucket().into(),
        region: REGION.into(),
        endpoint_url: Some(server.endpoint()),
        access_key: Some(ACCESS_KEY.into()),
        secret_key: Some(SECRET_KEY.into()),
        aws_profile: None,
        server_encryption: None,
        recovery_passphrase: None,
    }
}

fn import(session: &Session, dir: &Path, name: &str, bytes: &[u8]) {
    let path = dir.join(name);
    fs::write(&path, bytes).unwrap();
    let report = session.import_now(vec![path], None, &mut ()).unwrap();
    assert!(report.failed.is_empty(), "{report:?}");
}

fn manifests(server: &TestS3) -> usize {
    let objects = server.objects();
    objects
        .iter()
        .filter(|(key, _)| key.contains("/manifests/"))
        .count()
}

fn within(time: Duration, what: &str, mut happened: impl FnMut() -> bool) {
    let began = Instant::now();
    while !happened() {
        assert!(began.elapsed() < time, "not within {time:?}: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_change_is_backed_up_by_itself_once_it_is_quiet_and_the_switch_stops_it() {
    let server = TestS3::start(Server::default()).unwrap();
    let home = tempfile::tempdir().unwrap();
    let (redline, session) = machine(home.path(), FrontEnd::Window);
    import(&session, home.path(), "a.csv", b"a\n1\n");
    session.set_bucket(setup(&server)).unwrap();
    within(Duration::from_secs(30), "the first backup", || {
        manifests(&server) == 1
    });
    within(Duration::from_secs(5), "its end", || {
        session.backup_status().unwrap().waiting_files == 0
    });

    // Several at once are one backup, and that backup is no change of its own.
    for n in 0..5 {
        import(
            &session,
            home.path(),
            &format!("{n}.csv"),
            format!("n\n{n}\n").as_bytes(),
        );
    }
    within(Duration::from_secs(30), "the second", || {
        manifests(&server) == 2
    });
    std::thread::sleep(Duration::from_secs(8));
    assert_eq!(manifests(&server), 2, "nothing changed since");

    redline
        .save_settings(Settings {
            auto_backup: false,
            ..Settings::default()
        })
        .unwrap();
    import(&session, home.path(), "off.csv", b"off\n");
    std::thread::sleep(Duration::from_secs(8));
    assert_eq!(manifests(&server), 2, "switched off");
    assert_eq!(session.backup_status().unwrap().waiting_files, 1);
    redline.save_settings(Settings::default()).unwrap();
    within(Duration::from_secs(30), "the third", || {
        manifests(&server) == 3
    });
}

#[test]
fn trouble_is_shown_and_leaves_no_row_of_failed_jobs() {
    let server = TestS3::start(Server::default()).unwrap();
    let home = tempfile::tempdir().unwrap();
    let (_redline, session) = machine(home.path(), FrontEnd::Server);
    session.set_bucket(setup(&server)).unwrap();
    import(&session, home.path(), "a.csv", b"a\n1\n");
    drop(server);
    within(Duration::from_secs(60), "the network's trouble", || {
        session.transfer().problem.is_some()
    });
    let view = session.transfer();
    assert_eq!(view.problem.unwrap().code, Code::Network);
    assert!(view.next_at.is_some(), "it will be tried again");
    let failed = session
        .jobs()
        .into_iter()
        .filter(|job| job.kind == JobKind::Backup && job.state == JobState::Failed);
    assert_eq!(failed.count(), 0);
}

#[test]
fn a_pause_holds_everything_and_lets_it_go_on() {
    let server = TestS3::start(Server::default()).unwrap();
    let home = tempfile::tempdir().unwrap();
    let (_redline, session) = machine(home.path(), FrontEnd::CommandLine);
    for n in 0..40 {
        import(
            &session,
            home.path(),
            &format!("{n}.csv"),
            format!("n\n{n}\n").as_bytes(),
        );
    }
    session.set_bucket(setup(&server)).unwrap();
    server.forget_requests();
    server.inject(Fault::new(FaultKind::Slow(Duration::from_millis(100))).times(500));
    let job = session.backup().unwrap();
    within(Duration::from_secs(20), "the first files", || {
        server.count("PutObject") > 3
    });
    assert!(session.pause_transfers(true).paused);
    // What was under way is finished.
    std::thread::sleep(Duration::from_millis(500));
    let before = server.requests().len();
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(server.requests().len(), before, "nothing new begins");
    assert_eq!(session.job(&job).unwrap().state, JobState::Running);
    server.clear_faults();
    assert!(!session.pause_transfers(false).paused);
    assert_eq!(session.wait(&job).state, JobState::Done);
    assert_eq!(manifests(&server), 1);
}

#[test]
fn a_limit_is_kept_and_can_be_lifted_in_the_middle() {
    let server = TestS3::start(Server::default()).unwrap();
    let home = tempfile::tempdir().unwrap();
    let (_redline, session) = machine(home.path(), FrontEnd::CommandLine);
    let bytes: Vec<u8> = (0..3_000_000u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect();
    import(&session, home.path(), "big.bin", &bytes);
    session.set_bucket(setup(&server)).unwrap();
    session.limit_transfers(Some(500_000));
    assert_eq!(session.transfer().bandwidth_limit, Some(500_000));
    let began = Instant::now();
    session.backup_now().unwrap();
    let took = began.elapsed().as_secs_f64();
    assert!((5.0..12.0).contains(&took), "{took}");
    session.limit_transfers(None);
    assert_eq!(session.transfer().bandwidth_limit, None);
}

#[test]
fn an_unchanged_store_costs_a_handful_of_requests() {
    let server = TestS3::start(Server::default()).unwrap();
    let home = tempfile::tempdir().unwrap();
    let (_redline, session) = machine(home.path(), FrontEnd::CommandLine);
    let folder = home.path().join("many");
    fs::create_dir(&folder).unwrap();
    for n in 0..300 {
        fs::write(folder.join(format!("{n}.csv")), format!("n\n{n}\n")).unwrap();
    }
    session.import_now(vec![folder], None, &mut ()).unwrap();
    session.set_bucket(setup(&server)).unwrap();
    session.backup_now().unwrap();
    server.forget_requests();
    let again = session.backup_now().unwrap();
    assert_eq!((again.uploaded_files, again.uploaded_bytes), (0, 0));
    assert!(
        again.requests <= 5 && server.requests().len() <= 5,
        "{:?}",
        server.requests()
    );
}

fn big(seed: u32, len: u32) -> Vec<u8> {
    let mut state = seed.wrapping_mul(747_796_405) | 1;
    (0..len)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state as u8
        })
        .collect()
}

#[test]
fn a_restore_that_stopped_goes_on_in_the_middle_of_a_file() {
    let server = TestS3::start(Server::default()).unwrap();
    let here = tempfile::tempdir().unwrap();
    let (_redline, session) = machine(here.path(), FrontEnd::CommandLine);
    // Six ranges.
    let bytes = big(1, 90 << 20);
    import(&session, here.path(), "big.bin", &bytes);
    session.set_bucket(setup(&server)).unwrap();
    session.backup_now().unwrap();

    let there = tempfile::tempdir().unwrap();
    let (_fresh_machine, fresh) = machine(there.path(), FrontEnd::CommandLine);
    fresh.set_bucket(setup(&server)).unwrap();
    server.inject(
        Fault::new(FaultKind::ACCESS_DENIED)
            .on("GetObject")
            .path_contains("/objects/")
            .after(4)
            .times(99),
    );
    let error = fresh.restore_now(&Default::default()).unwrap_err();
    assert_eq!(error.code(), Code::BucketDenied, "{:?}", error.report());
    // Its row came with the catalog; that it is here is not said before it is.
    let listed = fresh.list(&Default::default()).unwrap().files;
    assert!(
        listed.iter().all(|file| file.status != FileStatus::Stored),
        "{listed:?}"
    );
    server.clear_faults();
    server.forget_requests();
    let restored = fresh.restore_now(&Default::default()).unwrap();
    assert_eq!(restored.restored_files, 1);
    let ranges = server
        .requests()
        .iter()
        .filter(|r| r.operation == "GetObject" && r.path.contains("/objects/"))
        .count();
    // The first four were under way together, in whatever order they were answered.
    assert_eq!(ranges, 2, "of six ranges");
    let verified = fresh.verify_now(None).unwrap();
    assert_eq!((verified.ok, verified.changed.len()), (1, 0));
    // And what was half is gone.
    let halves = walk(&there.path().join("data"))
        .into_iter()
        .filter(|path| path.components().any(|part| part.as_os_str() == "halves"));
    assert_eq!(halves.count(), 0);
}

fn walk(dir: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            found.extend(walk(&entry.path()));
        } else {
            found.push(entry.path());
        }
    }
    found
}

#[test]
fn other_bytes_of_the_same_size_and_time_are_found_by_the_deep_scan() {
    let server = TestS3::start(Server::default()).unwrap();
    let home = tempfile::tempdir().unwrap();
    let (_redline, session) = machine(home.path(), FrontEnd::CommandLine);
    import(&session, home.path(), "a.csv", b"a\n1\n");
    session.set_bucket(setup(&server)).unwrap();
    session.backup_now().unwrap();
    let stored = walk(&home.path().join("data"))
        .into_iter()
        .find(|path| path.ends_with("files/a.csv"))
        .unwrap();
    let time = fs::metadata(&stored).unwrap().modified().unwrap();
    fs::write(&stored, b"a\n2\n").unwrap();
    let file = fs::File::options().write(true).open(&stored).unwrap();
    file.set_modified(time).unwrap();
    drop(file);
    // Only what the last look saw of its inode would tell.
    let seen = walk(&home.path().join("data"))
        .into_iter()
        .find(|path| path.ends_with(".redline/cache/seen"));
    fs::remove_file(seen.unwrap()).unwrap();
    assert_eq!(
        session.backup_now().unwrap().uploaded_files,
        0,
        "nothing tells"
    );
    let verified = session.verify_now(None).unwrap();
    assert_eq!(verified.changed.len(), 1);
    assert_eq!(session.backup_now().unwrap().uploaded_files, 1);
}

#[test]
fn a_catalog_that_is_written_all_the_while_gives_points_that_can_be_restored() {
    let server = TestS3::start(Server::default()).unwrap();
    let home = tempfile::tempdir().unwrap();
    let (_redline, session) = machine(home.path(), FrontEnd::CommandLine);
    import(&session, home.path(), "first.csv", b"first\n");
    session.set_bucket(setup(&server)).unwrap();
    let stop = std::sync::atomic::AtomicBool::new(false);
    let written = std::thread::scope(|scope| {
        let writing = scope.spawn(|| {
            let mut n = 0;
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                import(
                    &session,
                    home.path(),
                    &format!("{n}.csv"),
                    format!("n\n{n}\n").as_bytes(),
                );
                n += 1;
            }
            n
        });
        for _ in 0..4 {
            session.backup_now().unwrap();
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        writing.join().unwrap()
    });
    assert!(written > 4, "{written} while four backups ran");
    for point in session.restore_points().unwrap() {
        let there = tempfile::tempdir().unwrap();
        let (_fresh_machine, fresh) = machine(there.path(), FrontEnd::CommandLine);
        fresh.set_bucket(setup(&server)).unwrap();
        let wanted = redline_core::RestoreRequest {
            at: Some(point.id.clone()),
            ..Default::default()
        };
        let restored = fresh.restore_now(&wanted).unwrap();
        assert_eq!(
            (restored.restored_files, restored.failed.len()),
            (point.files, 0)
        );
        let verified = fresh.verify_now(None).unwrap();
        assert_eq!((verified.ok, verified.missing.len()), (point.files, 0));
    }
}
