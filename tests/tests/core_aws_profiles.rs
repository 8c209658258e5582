//! A bucket whose keys a profile of the AWS configuration has: set up, back up, restore,
//! and what becomes of it when the profile changes under it.

mod backup_home;

use std::fs;
use std::path::Path;
use std::time::Duration;

use backup_home::{Home, request, setup};
use jiff::{SignedDuration, Timestamp};
use redline_core::{BucketSetup, Code};
use redline_tests::s3::{
    ACCESS_KEY, Fault, FaultKind, NEXT_ACCESS_KEY, Options as Server, REGION, SECRET_KEY, TestS3,
};

const TOKEN: &str = "FwoGZXIvYXdzEXAMPLEtoken==";

/// Writes both files of the home's AWS configuration.
fn configure(home: &Home, config: &str, credentials: &str) {
    let folder = home.dir.path().join("aws");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("config"), config).unwrap();
    fs::write(folder.join("credentials"), credentials).unwrap();
}

fn keys(access_key: &str) -> String {
    format!("aws_access_key_id = {access_key}\naws_secret_access_key = {SECRET_KEY}\n")
}

fn with_profile(server: &TestS3, name: &str) -> BucketSetup {
    BucketSetup {
        access_key: None,
        secret_key: None,
        aws_profile: Some(name.into()),
        ..setup(server)
    }
}

/// Whether a file below `folder` has `text` in it.
fn is_in(folder: &Path, text: &str) -> bool {
    fs::read_dir(folder).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            return is_in(&path, text);
        }
        let bytes = fs::read(&path).unwrap_or_default();
        bytes.windows(text.len()).any(|w| w == text.as_bytes())
    })
}

#[test]
fn a_profile_with_static_keys_backs_up_and_restores_and_its_name_alone_is_kept() {
    let server = TestS3::start(Server::default()).unwrap();
    let home = Home::new();
    configure(
        &home,
        &format!(
            "[profile work]\nregion = {REGION}\nendpoint_url = {}\n",
            server.endpoint()
        ),
        &format!("[work]\n{}", keys(ACCESS_KEY)),
    );
    let listed = home.session.aws_profiles().unwrap();
    assert_eq!(
        (listed.len(), &*listed[0].name, listed[0].region.as_deref()),
        (1, "work", Some(REGION))
    );
    // Nothing but the bucket's name was typed.
    let view = home
        .session
        .set_bucket(BucketSetup {
            region: String::new(),
            endpoint_url: None,
            ..with_profile(&server, " work ")
        })
        .unwrap();
    assert_eq!(
        (view.aws_profile.as_deref(), view.has_secrets),
        (Some("work"), false)
    );
    assert_eq!(
        (&*view.region, view.endpoint_url),
        (REGION, Some(server.endpoint()))
    );
    home.import(&[("a.csv", b"a\n1\n"), ("b.bin", &[7; 300_000])]);
    home.backup();
    home.delete("a.csv");
    home.session.restore_now(&request("", &["a.csv"])).unwrap();
    assert_eq!(home.read("a.csv"), b"a\n1\n");
    for folder in ["data", "config"] {
        let folder = home.dir.path().join(folder);
        assert!(!is_in(&folder, SECRET_KEY) && !is_in(&folder, ACCESS_KEY));
    }
    assert!(is_in(&home.dir.path().join("config"), "\"work\""));
}

#[test]
fn temporary_keys_come_with_their_token() {
    let server = TestS3::start(Server::default()).unwrap();
    server.require_token(ACCESS_KEY, TOKEN);
    let home = Home::new();
    configure(&home, "", &format!("[temp]\n{}", keys(ACCESS_KEY)));
    let refused = home
        .session
        .set_bucket(with_profile(&server, "temp"))
        .unwrap();
    assert!(
        refused
            .checks
            .iter()
            .any(|check| check.required && !check.ok)
    );
    configure(
        &home,
        "",
        &format!("[temp]\n{}aws_session_token = {TOKEN}\n", keys(ACCESS_KEY)),
    );
    home.session
        .set_bucket(with_profile(&server, "temp"))
        .unwrap();
    home.import(&[("a.csv", b"a\n1\n")]);
    home.backup();
    home.delete("a.csv");
    home.session.restore_now(&request("", &[])).unwrap();
    assert_eq!(home.read("a.csv"), b"a\n1\n");
    assert!(!is_in(&home.dir.path().join("config"), TOKEN));
    assert!(!is_in(&home.dir.path().join("data"), TOKEN));
}

#[test]
fn a_profile_that_is_gone_is_named_and_nothing_is_lost() {
    let server = TestS3::start(Server::default()).unwrap();
    let home = Home::new();
    configure(&home, "", &format!("[work]\n{}", keys(ACCESS_KEY)));
    home.session
        .set_bucket(with_profile(&server, "work"))
        .unwrap();
    home.import(&[("a.csv", b"a\n1\n")]);
    home.backup();
    configure(&home, "", &format!("[home]\n{}", keys(ACCESS_KEY)));
    home.import(&[("b.csv", b"b\n2\n")]);
    let error = home.session.backup_now().unwrap_err();
    let report = error.report();
    assert_eq!(error.code(), Code::BucketDenied);
    assert_eq!(
        report.message,
        "There is no AWS profile \"work\" on this machine; there is \"home\"."
    );
    assert_eq!(home.files().len(), 2);
    assert!(
        home.session.backup_status().unwrap().bucket.is_some(),
        "still set up"
    );
    configure(&home, "", &format!("[work]\n{}", keys(ACCESS_KEY)));
    let report = home.session.backup_now().unwrap();
    assert_eq!(report.uploaded_files, 1);
    // A file with a mistake is told as that.
    configure(&home, "", "[work]\noops\n");
    let error = home.session.backup_now().unwrap_err();
    assert_eq!(error.code(), Code::Unreadable);
    assert!(
        error.report().message.contains("\"credentials\""),
        "{:?}",
        error.report()
    );
}

#[test]
fn keys_that_were_entered_are_forgotten_for_a_profile() {
    let server = TestS3::start(Server::default()).unwrap();
    let home = Home::with_bucket(&server);
    configure(&home, "", &format!("[work]\n{}", keys(ACCESS_KEY)));
    let both = BucketSetup {
        aws_profile: Some("work".into()),
        ..setup(&server)
    };
    assert_eq!(
        home.session.set_bucket(both).unwrap_err().code(),
        Code::BadRequest
    );
    home.session
        .set_bucket(with_profile(&server, "work"))
        .unwrap();
    let held = BucketSetup {
        access_key: None,
        secret_key: None,
        ..setup(&server)
    };
    let error = home.session.set_bucket(held).unwrap_err();
    assert_eq!(error.code(), Code::BadRequest, "none are held any more");
    // And back.
    let view = home.session.set_bucket(setup(&server)).unwrap();
    assert_eq!((view.aws_profile, view.has_secrets), (None, true));
}

#[test]
fn a_bucket_is_tried_with_the_keys_that_were_given_and_no_others() {
    let server = TestS3::start(Server::default()).unwrap();
    let home = Home::with_bucket(&server);
    configure(
        &home,
        "",
        &format!("[other]\n{}", keys("NOBODYKNOWSTHISKEY")),
    );
    for given in [
        with_profile(&server, "other"),
        BucketSetup {
            access_key: Some("NOBODYKNOWSTHISKEY".into()),
            ..setup(&server)
        },
    ] {
        let view = home.session.set_bucket(given).unwrap();
        assert!(
            view.checks.iter().any(|check| check.required && !check.ok),
            "found well with the keys of before: {view:?}"
        );
    }
    // Those are still in use.
    home.import(&[("a.csv", b"a\n1\n")]);
    home.backup();
}

#[cfg(unix)]
mod processes {
    use super::*;

    /// A program that says what its answer file says, and notes that it was asked.
    fn process(home: &Home) -> String {
        let folder = home.dir.path().join("aws");
        fs::create_dir_all(&folder).unwrap();
        let script = folder.join("keys.sh");
        let (answer, calls) = (folder.join("answer.json"), folder.join("calls"));
        fs::write(
            &script,
            format!(
                "echo x >> '{}'\nexec cat '{}'\n",
                calls.display(),
                answer.display()
            ),
        )
        .unwrap();
        format!(
            "[profile tool]\ncredential_process = sh '{}'\n",
            script.display()
        )
    }

    fn answer(home: &Home, access_key: &str, lives: Duration) {
        let end = Timestamp::now() + SignedDuration::try_from(lives).unwrap();
        let text = format!(
            r#"{{"Version":1,"AccessKeyId":"{access_key}","SecretAccessKey":"{SECRET_KEY}","SessionToken":"{TOKEN}","Expiration":"{end}"}}"#
        );
        // Whole, whenever the program reads it.
        let folder = home.dir.path().join("aws");
        fs::write(folder.join("next"), text).unwrap();
        fs::rename(folder.join("next"), folder.join("answer.json")).unwrap();
    }

    fn calls(home: &Home) -> usize {
        let calls = fs::read_to_string(home.dir.path().join("aws/calls")).unwrap();
        calls.lines().count()
    }

    const HOUR: Duration = Duration::from_secs(3600);

    /// A home whose bucket has its keys from that program.
    fn with_process(server: &TestS3) -> Home {
        let home = Home::new();
        let config = process(&home);
        configure(&home, &config, "");
        answer(&home, ACCESS_KEY, HOUR);
        let bucket = with_profile(server, "tool");
        home.session.set_bucket(bucket).unwrap();
        home
    }

    #[test]
    fn keys_of_a_program_that_expire_in_the_middle_are_asked_for_again() {
        let server = TestS3::start(Server::default()).unwrap();
        server.require_token(ACCESS_KEY, TOKEN);
        server.require_token(NEXT_ACCESS_KEY, TOKEN);
        let home = with_process(&server);
        let names: Vec<_> = (0..40).map(|n| format!("f{n:02}.bin")).collect();
        let bytes: Vec<_> = (0..40).map(|n| vec![n as u8; 1000 + n]).collect();
        let files: Vec<_> = names
            .iter()
            .zip(&bytes)
            .map(|(name, bytes)| (&**name, &**bytes))
            .collect();
        home.import(&files);
        server.forget_requests();
        server.inject(Fault::new(FaultKind::Slow(Duration::from_millis(30))).times(40));
        let before = calls(&home);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while server.count("PutObject") < 10 {
                    std::thread::sleep(Duration::from_millis(1));
                }
                answer(&home, NEXT_ACCESS_KEY, HOUR);
                server.expire_key(ACCESS_KEY);
            });
            home.backup();
        });
        // Once at the start, once for all requests that were refused, once for the list.
        assert!(calls(&home) - before <= 4, "{}", calls(&home) - before);
        for name in &names {
            home.delete(name);
        }
        home.session.restore_now(&request("", &[])).unwrap();
        for (name, bytes) in &files {
            assert_eq!(&home.read(name), bytes);
        }
        for folder in ["data", "config"] {
            let folder = home.dir.path().join(folder);
            assert!(!is_in(&folder, SECRET_KEY) && !is_in(&folder, TOKEN));
        }
    }

    #[test]
    fn a_program_that_fails_in_the_middle_stops_the_run_and_the_next_goes_on() {
        let server = TestS3::start(Server::default()).unwrap();
        let home = with_process(&server);
        home.import(&[("a.bin", &[1; 1000]), ("b.bin", &[2; 1000])]);
        server.expire_key(ACCESS_KEY);
        let script = home.dir.path().join("aws/keys.sh");
        let kept = fs::read_to_string(&script).unwrap();
        // The first answer is good, the next is a failure that tells too much.
        let once = home.dir.path().join("aws/once");
        fs::write(
            &script,
            format!(
                "[ -e '{0}' ] && {{ echo hush-hush >&2; exit 4; }}\ntouch '{0}'\n{kept}",
                once.display()
            ),
        )
        .unwrap();
        let error = home.session.backup_now().unwrap_err();
        let report = error.report();
        assert_eq!(
            report.message,
            "The credential_process of the AWS profile \"tool\" failed: exit status: 4."
        );
        assert!(!format!("{report:?}").contains("hush"));
        assert_eq!(error.code(), Code::BucketDenied);
        answer(&home, NEXT_ACCESS_KEY, HOUR);
        fs::write(&script, kept).unwrap();
        assert_eq!(home.session.backup_now().unwrap().uploaded_files, 2);
    }

    #[test]
    fn a_link_ends_with_the_keys_and_says_so() {
        let server = TestS3::start(Server::default()).unwrap();
        let home = with_process(&server);
        home.import(&[("a.csv", b"a\n1\n")]);
        home.backup();
        let id = home.files()[0].id;
        let link = home
            .session
            .link_file(id, Some(Duration::from_secs(12 * 3600)))
            .unwrap();
        let end: Timestamp = link.expires_at.parse().unwrap();
        let left = end.as_second() - Timestamp::now().as_second();
        assert!((3500..=3601).contains(&left), "{left}");
        assert!(link.shortened.unwrap().contains("AWS profile"));
        let short = home
            .session
            .link_file(id, Some(Duration::from_secs(60)))
            .unwrap();
        assert_eq!(short.shortened, None);
    }
}
