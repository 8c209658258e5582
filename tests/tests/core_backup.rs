//! The use cases of core against a real bucket: set up, back up, look, restore on
//! an empty machine, and what is said when the bucket does not play along.

use std::fs;
use std::path::Path;

use redline_core::{
    BucketSetup, Code, FileBackup, FileContent, FileQuery, FrontEnd, ImportReport, JobKind,
    JobResult, JobState, KeptIn, Options, Redline, RestoreRequest, Session, SignInRequest,
};
use redline_tests::s3::{ACCESS_KEY, Options as Server, REGION, SECRET_KEY, TestS3};

const KEY: &str = "RL-CORE0000-BACKUP00-ROUNDTRP";

fn machine(home: &Path, key: &str) -> (Redline, Session) {
    let redline = Redline::open(Options {
        data_dir: Some(home.join("data")),
        config_dir: Some(home.join("config")),
        front_end: FrontEnd::CommandLine,
        env_key: None,
        aws_files: None,
    })
    .unwrap();
    let request = SignInRequest {
        key: Some(key.into()),
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

fn import(session: &Session, dir: &Path, files: &[(&str, &[u8])]) -> ImportReport {
    let folder = dir.join("sources");
    for (name, bytes) in files {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    let paths = files.iter().map(|(name, _)| folder.join(name)).collect();
    session.import_now(paths, None, &mut ()).unwrap()
}

#[test]
fn a_store_comes_back_on_an_empty_machine_with_its_history() {
    let server = TestS3::start(Server::default()).unwrap();
    let here = tempfile::tempdir().unwrap();
    let (redline, session) = machine(here.path(), KEY);
    let report = import(
        &session,
        here.path(),
        &[("q3.csv", b"a,b\n1,2\n3,4\n"), ("notes.txt", b"remember\n")],
    );
    let csv = report
        .imported
        .iter()
        .find(|file| file.filename == "q3.csv")
        .unwrap();
    session
        .convert_now(csv.id, &redline_core::ConversionRequest::to("parquet"))
        .unwrap();

    let bucket = session.set_bucket(setup(&server)).unwrap();
    assert!(
        bucket.has_secrets
            && bucket
                .checks
                .iter()
                .all(|check| check.ok || !check.required),
        "{bucket:?}"
    );
    assert_eq!(session.backup_status().unwrap().waiting_files, 3);
    let plan = session.plan_backup().unwrap();
    assert_eq!((plan.upload_files, plan.unchanged_files), (3, 0));
    let done = session.backup_now().unwrap();
    assert_eq!(
        (done.generation, done.uploaded_files, done.left_out.len()),
        (1, 3, 0)
    );
    let status = session.backup_status().unwrap();
    assert_eq!((status.waiting_files, status.waiting_bytes), (0, 0));
    assert!(status.last_backup_at.is_some() && status.last_proven_at.is_none());
    assert!(session.recovery_kit().contains(server.bucket()));

    // One more file: only it is sent.
    import(&session, here.path(), &[("more.json", b"[{\"a\":1}]")]);
    assert_eq!(session.backup_status().unwrap().waiting_files, 1);
    server.forget_requests();
    let id = session.backup().unwrap();
    let job = session.wait(&id);
    assert_eq!(
        (job.kind, job.state),
        (JobKind::Backup, JobState::Done),
        "{job:?}"
    );
    let Some(JobResult::Backup(second)) = job.result else {
        panic!("no report")
    };
    assert_eq!((second.generation, second.uploaded_files), (2, 1));
    assert_eq!(second.uploaded_bytes, 9);
    let points = session.restore_points().unwrap();
    assert_eq!(
        points
            .iter()
            .map(|point| (point.generation, point.authentic))
            .collect::<Vec<_>>(),
        [(2, true), (1, true)]
    );
    let history = session.history(10, 0).unwrap();
    let mut listed = files(&session);

    let there = tempfile::tempdir().unwrap();
    let (_fresh_machine, fresh) = machine(there.path(), KEY);
    fresh.set_bucket(setup(&server)).unwrap();
    let plan = fresh.plan_restore(&RestoreRequest::default()).unwrap();
    assert_eq!(
        (
            plan.new_files,
            plan.same_files,
            plan.differing_files,
            plan.kept_files
        ),
        (4, 0, 0, 0)
    );
    assert!(plan.free_bytes > plan.bytes);
    let restored = fresh.restore_now(&RestoreRequest::default()).unwrap();
    assert_eq!(
        (restored.restored_files, restored.failed.len()),
        (4, 0),
        "{restored:?}"
    );
    let mut came = files(&fresh);
    listed.sort();
    came.sort();
    assert_eq!(came, listed, "names, bytes and ids");
    let verified = fresh.verify_now(None).unwrap();
    assert_eq!((verified.ok, verified.missing.len()), (4, 0));
    let back = fresh.history(10, 0).unwrap();
    assert_eq!(
        (back[0].source_name.clone(), &back[0].certificate),
        (history[0].source_name.clone(), &history[0].certificate)
    );
    assert!(fresh.backup_status().unwrap().last_proven_at.is_some());
    // Again: nothing left to do.
    let again = fresh.restore_now(&RestoreRequest::default()).unwrap();
    assert_eq!((again.restored_files, again.same_files), (0, 4));

    // An older point beside newer files: nothing is replaced.
    let kept = fresh
        .plan_restore(&RestoreRequest {
            at: Some(points[1].id.clone()),
            ..RestoreRequest::default()
        })
        .unwrap();
    assert_eq!(
        (kept.new_files, kept.same_files, kept.kept_files),
        (0, 3, 1)
    );
    drop(redline);
}

fn files(session: &Session) -> Vec<(i64, String, String, String)> {
    let page = session.list(&FileQuery::default()).unwrap();
    page.files
        .into_iter()
        .map(|file| (file.id, file.uid, file.relative_path, file.sha256))
        .collect()
}

#[test]
fn a_bucket_that_does_not_play_along_is_said_and_not_kept() {
    let server = TestS3::start(Server::default()).unwrap();
    let home = tempfile::tempdir().unwrap();
    let (_redline, session) = machine(home.path(), KEY);
    let wrong = BucketSetup {
        secret_key: Some("not-the-secret".into()),
        ..setup(&server)
    };
    let view = session.set_bucket(wrong).unwrap();
    assert!(
        view.checks.iter().any(|check| !check.ok && check.required),
        "{view:?}"
    );
    assert!(
        !serde_json::to_string(&view)
            .unwrap()
            .contains("not-the-secret")
    );
    assert_eq!(session.backup().unwrap_err().code(), Code::BucketMissing);
    let none = BucketSetup {
        access_key: None,
        secret_key: None,
        ..setup(&server)
    };
    assert_eq!(
        session.set_bucket(none).unwrap_err().code(),
        Code::BadRequest
    );
    let bad = BucketSetup {
        bucket: "a b".into(),
        ..setup(&server)
    };
    assert_eq!(
        session.set_bucket(bad).unwrap_err().code(),
        Code::BadRequest
    );

    let env = home.path().join("s3.env");
    fs::write(
        &env,
        format!(
            "USE_S3_STORAGE=true\nS3_BUCKET={}\nS3_ACCESS_KEY={ACCESS_KEY}\nS3_SECRET_KEY={SECRET_KEY}\nS3_ENDPOINT_URL={}\n",
            server.bucket(),
            server.endpoint()
        ),
    )
    .unwrap();
    assert!(
        session
            .set_bucket_from_env_file(Some(&env), None, None)
            .unwrap()
            .has_secrets
    );
    assert_eq!(
        session
            .restore_now(&RestoreRequest::default())
            .unwrap_err()
            .code(),
        Code::NotFound,
        "nothing was backed up yet"
    );
    import(&session, home.path(), &[("a.csv", b"a\n1\n")]);
    session.backup_now().unwrap();
    for entry in walk(home.path()) {
        if entry != env {
            let bytes = fs::read(&entry).unwrap();
            assert!(
                !bytes
                    .windows(SECRET_KEY.len())
                    .any(|w| w == SECRET_KEY.as_bytes()),
                "a secret lies in {}",
                entry.display()
            );
        }
    }
    // Another key in the same bucket sees none of it.
    let other = tempfile::tempdir().unwrap();
    let (_other_machine, stranger) = machine(other.path(), "RL-CORE0000-STRANGER-00000000");
    stranger.set_bucket(setup(&server)).unwrap();
    assert_eq!(stranger.restore_points().unwrap(), vec![]);

    let endpoint = server.endpoint();
    drop(server);
    let error = session.backup_now().unwrap_err();
    assert_eq!(
        error.code(),
        Code::Network,
        "{:?} at {endpoint}",
        error.report()
    );
    assert!(error.report().retryable);
    session.clear_bucket().unwrap();
    assert_eq!(session.backup_status().unwrap().bucket, None);
}

#[test]
fn a_key_from_the_environment_keeps_its_bucket_in_memory() {
    let server = TestS3::start(Server::default()).unwrap();
    let home = tempfile::tempdir().unwrap();
    let redline = Redline::open(Options {
        data_dir: Some(home.path().join("data")),
        config_dir: Some(home.path().join("config")),
        front_end: FrontEnd::CommandLine,
        env_key: Some(KEY.into()),
        aws_files: None,
    })
    .unwrap();
    let session = redline.session_for(None).unwrap();
    import(&session, home.path(), &[("a.csv", b"a\n1\n")]);
    session.set_bucket(setup(&server)).unwrap();
    assert_eq!(session.backup_now().unwrap().uploaded_files, 1);
    for entry in walk(home.path()) {
        let bytes = fs::read(&entry).unwrap();
        for secret in [SECRET_KEY, KEY] {
            assert!(
                !bytes.windows(secret.len()).any(|w| w == secret.as_bytes()),
                "a secret lies in {}",
                entry.display()
            );
        }
    }
}

fn walk(dir: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(walk(&path));
        } else {
            found.push(path);
        }
    }
    found
}

/// What was here already was not read from the bucket, so nothing is proved of it.
#[test]
fn a_restore_that_found_every_file_the_same_proves_nothing() {
    let server = TestS3::start(Server::default()).unwrap();
    let home = tempfile::tempdir().unwrap();
    let (_redline, session) = machine(home.path(), KEY);
    import(
        &session,
        home.path(),
        &[("a.csv", b"a\n1\n"), ("b.txt", b"b")],
    );
    session.set_bucket(setup(&server)).unwrap();
    session.backup_now().unwrap();
    let restored = session.restore_now(&RestoreRequest::default()).unwrap();
    assert_eq!((restored.restored_files, restored.same_files), (0, 2));
    assert_eq!(session.backup_status().unwrap().last_proven_at, None);
}

#[test]
fn each_file_says_what_the_last_restore_point_has_of_it() {
    let server = TestS3::start(Server::default()).unwrap();
    let home = tempfile::tempdir().unwrap();
    let (_redline, session) = machine(home.path(), KEY);
    import(
        &session,
        home.path(),
        &[("a.csv", b"a\n1\n"), ("b.csv", b"b\n1\n")],
    );
    let asked = |session: &Session| -> Vec<FileContent> {
        let mut files = session.list(&FileQuery::default()).unwrap().files;
        files.sort_by(|a, b| a.relative_path.cmp(&b.relative_path));
        files
            .into_iter()
            .map(|file| FileContent {
                relative_path: file.relative_path,
                sha256: file.sha256,
            })
            .collect()
    };
    assert_eq!(session.file_backups(&asked(&session)).unwrap(), None);

    session.set_bucket(setup(&server)).unwrap();
    let before = session.file_backups(&asked(&session)).unwrap().unwrap();
    assert_eq!((before.point, before.created_at), (None, None));
    assert_eq!(before.files, [FileBackup::NotYet; 2]);

    session.backup_now().unwrap();
    let id = session
        .list(&FileQuery::default())
        .unwrap()
        .files
        .into_iter()
        .find(|file| file.relative_path == "b.csv")
        .unwrap()
        .id;
    session.delete(&[id]).unwrap();
    import(
        &session,
        home.path(),
        &[("b.csv", b"b\n2\n"), ("c.csv", b"c\n1\n")],
    );
    let requests = server.requests().len();
    let then = session.file_backups(&asked(&session)).unwrap().unwrap();
    assert_eq!(
        then.files,
        [
            FileBackup::BackedUp,
            FileBackup::Changed,
            FileBackup::NotYet
        ]
    );
    assert_eq!(server.requests().len(), requests, "asks the bucket nothing");
    let point = session.restore_points().unwrap()[0].clone();
    assert_eq!(then.point, Some(point.id));
    assert_eq!(then.created_at, Some(point.created_at));

    // The next point is known as soon as it is there.
    session.backup_now().unwrap();
    let now = session.file_backups(&asked(&session)).unwrap().unwrap();
    assert_eq!(now.files, [FileBackup::BackedUp; 3]);
    let many = vec![asked(&session)[0].clone(); 1001];
    let error = session.file_backups(&many).unwrap_err();
    assert_eq!(error.code(), Code::BadRequest);
}
