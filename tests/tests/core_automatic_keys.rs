//! The automatic backup with the keys of an AWS profile that were over for a while: it goes on
//! by itself once somebody did something about them.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use redline_core::{
    AwsFiles, BucketSetup, Code, FrontEnd, KeptIn, Options, Redline, Session, SignInRequest,
};
use redline_tests::s3::{
    ACCESS_KEY, NEXT_ACCESS_KEY, Options as Server, REGION, SECRET_KEY, TestS3,
};

fn machine(home: &Path) -> (Redline, Session) {
    let redline = Redline::open(Options {
        data_dir: Some(home.join("data")),
        config_dir: Some(home.join("config")),
        front_end: FrontEnd::Window,
        env_key: None,
        aws_files: Some(AwsFiles {
            config: home.join("aws-config"),
            credentials: home.join("aws-credentials"),
        }),
    })
    .unwrap();
    let request = SignInRequest {
        key: Some("RL-CORE0000-AUTOMATI-CKEYSOF0".into()),
        label: Some("Desk".into()),
        keep: KeptIn::SessionOnly,
        passphrase: None,
    };
    let session = redline.sign_in(request).unwrap();
    (redline, session)
}

/// As whatever renews keys of a profile does.
fn sign_in(home: &Path, access_key: &str) {
    let text =
        format!("[work]\naws_access_key_id = {access_key}\naws_secret_access_key = {SECRET_KEY}\n");
    fs::write(home.join("aws-credentials"), text).unwrap();
}

fn import(session: &Session, home: &Path, name: &str) {
    let path = home.join(name);
    fs::write(&path, name).unwrap();
    let report = session.import_now(vec![path], None, &mut ()).unwrap();
    assert!(report.failed.is_empty(), "{report:?}");
}

fn within(seconds: u64, what: &str, mut happened: impl FnMut() -> bool) {
    let began = Instant::now();
    while !happened() {
        assert!(began.elapsed().as_secs() < seconds, "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn keys_that_were_renewed_are_tried_without_being_told() {
    let server = TestS3::start(Server::default()).unwrap();
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let (_redline, session) = machine(home);
    sign_in(home, ACCESS_KEY);
    let setup = BucketSetup {
        bucket: server.bucket().into(),
        region: REGION.into(),
        endpoint_url: Some(server.endpoint()),
        access_key: None,
        secret_key: None,
        aws_profile: Some("work".into()),
        server_encryption: None,
        recovery_passphrase: None,
    };
    session.set_bucket(setup).unwrap();
    server.expire_key(ACCESS_KEY);
    import(&session, home, "a.csv");
    within(30, "that the keys are over is shown", || {
        session.transfer().problem.is_some()
    });
    let view = session.transfer();
    assert_eq!(view.problem.unwrap().code, Code::BucketDenied);
    assert_eq!(view.next_at, None, "it waits for a person");
    // What is not a word about keys is no reason to ask with them again.
    import(&session, home, "b.csv");
    server.forget_requests();
    std::thread::sleep(Duration::from_secs(7));
    assert_eq!(server.requests().len(), 0);

    sign_in(home, NEXT_ACCESS_KEY);
    within(15, "a backup with the new ones", || {
        session.backup_status().unwrap().waiting_files == 0
    });
    within(5, "the trouble is over", || {
        session.transfer().problem.is_none()
    });
}
