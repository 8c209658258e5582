//! What the command line takes and never tells: keys of a bucket from a file, a profile of
//! the AWS configuration or the environment, and the passphrase of an encrypted backup.

mod cli_support;

use std::io::{BufRead, Read, Write};
use std::net::TcpStream;
use std::process::Stdio;

use cli_support::{KEY, Machine, walk};
use redline_tests::s3::{ACCESS_KEY, Options, SECRET_KEY, TestS3};
use serde_json::{Value, json};

#[test]
fn a_settings_file_is_read_once_and_wrong_secrets_are_said() {
    let s3 = TestS3::start(Options::default()).expect("a server");
    let mut machine = Machine::new(&s3);
    let text: String = machine
        .variables
        .drain(..)
        .map(|(name, value)| format!("{name}={value}\n"))
        .collect();
    let file = machine.dir.path().join("s3.env");
    std::fs::write(&file, text.replace(SECRET_KEY, "wrong-secret-of-no-use")).unwrap();
    let output = machine.run(&["backup", "setup", "--env", "s3.env"]);
    assert_eq!(output.status.code(), Some(1));
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(!said.contains("wrong-secret-of-no-use"), "{said}");
    assert_eq!(
        machine.json(&["backup", "status"])["backup_status"]["bucket"],
        Value::Null
    );

    std::fs::write(&file, text).unwrap();
    let output = machine.run(&["backup", "setup", "--env", "s3.env"]);
    assert_eq!(output.status.code(), Some(0));
    // The key of the environment is not kept, so neither are the secrets: that is said.
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("were not kept"),
        "{output:?}"
    );
    assert!(!String::from_utf8_lossy(&output.stdout).contains(SECRET_KEY));

    // A profile keeps them, behind its passphrase, for the commands that follow.
    let profile = |arguments: &[&str]| {
        let mut command = machine.command(arguments);
        command
            .env_remove("REDLINE_LICENSE_KEY")
            .env("REDLINE_PASSPHRASE", "correct horse battery staple");
        command
    };
    let mut login = profile(&["login", "--keep", "file"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    login
        .stdin
        .take()
        .unwrap()
        .write_all(KEY.as_bytes())
        .unwrap();
    assert!(login.wait().unwrap().success());
    let output = profile(&["backup", "setup", "--env", "s3.env"])
        .output()
        .unwrap();
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("Delete \"s3.env\""),
        "{output:?}"
    );
    std::fs::remove_file(&file).unwrap();
    let output = profile(&["--json", "backup", "run"]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    for path in walk(&machine.dir.path().join("config")) {
        let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
        assert!(
            !text.contains(SECRET_KEY) && !text.contains(KEY),
            "{} has a secret in the clear",
            path.display()
        );
    }
}

#[test]
fn an_encrypted_backup_asks_for_its_passphrase_and_never_among_the_arguments() {
    const WORDS: &str = "REDLINE_BACKUP_PASSPHRASE";
    let s3 = TestS3::start(Options::default()).expect("a server");
    let mut first = Machine::new(&s3);
    std::fs::create_dir_all(first.dir.path().join("from")).unwrap();
    std::fs::write(first.dir.path().join("from/salaries.csv"), "a\n007\n").unwrap();
    first.json(&["import", "from"]);

    let told = first.run(&["backup", "encrypt"]);
    let said = String::from_utf8_lossy(&told.stdout).into_owned();
    assert!(said.contains("nobody can open it"), "{said}");
    let short = first.typed(&["backup", "setup", "--encrypt"], "short");
    assert_eq!(short.status.code(), Some(2), "{short:?}");
    let passphrase = "four plain words here";
    let set = first.typed(&["backup", "setup", "--encrypt"], passphrase);
    assert!(set.status.success(), "{set:?}");
    // The key came from the environment, so that nothing is kept: what was on is locked,
    // and never goes on in the clear.
    let refused = first.run(&["--json", "backup", "run"]);
    let error = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(1), "{error}");
    assert!(
        error.contains("backup_locked") && error.contains("redline backup unlock"),
        "{error}"
    );
    let status = first.json(&["backup", "status"])["backup_status"].clone();
    assert_eq!(status["encryption"], "locked");
    let (code, answer) = post_backup(&first);
    assert_eq!((code, &answer["code"]), (409, &json!("backup_locked")));
    assert!(
        error.contains(answer["error"].as_str().unwrap()),
        "{answer}"
    );
    first.variables.push((WORDS.into(), passphrase.into()));
    assert_eq!(post_backup(&first).0, 202, "opened for the server, too");
    let backup = first.json(&["backup", "run"])["backup"].clone();
    assert_eq!(
        (&backup["left_out"], &backup["in_the_clear"]),
        (&json!([]), &Value::Null)
    );
    assert!(
        s3.objects()
            .iter()
            .all(|(key, _)| !key.contains("salaries"))
    );

    let mut second = Machine::new(&s3);
    second.json(&["backup", "setup"]);
    let points = second.json(&["backup", "list"])["restore_points"].clone();
    assert_eq!(
        (&points[0]["state"], &points[0]["encrypted"]),
        (&json!("locked"), &json!(true))
    );
    let locked = second.run(&["--json", "restore", "run"]);
    assert!(String::from_utf8_lossy(&locked.stderr).contains("backup_locked"));
    let wrong = second.typed(&["--json", "backup", "unlock"], "not those words");
    assert_eq!(wrong.status.code(), Some(3), "{wrong:?}");
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("wrong_passphrase"));
    let open = second.typed(&["--json", "backup", "unlock"], passphrase);
    let open: Value = serde_json::from_slice(&open.stdout).unwrap();
    assert_eq!(open["encryption"]["state"], "on");
    second.variables.push((WORDS.into(), passphrase.into()));
    let restored = second.json(&["restore", "run"])["restore"].clone();
    assert_eq!(restored["restored_files"], 1);
    let new = "quite another set of words";
    let changed = second.typed(&["backup", "passphrase"], new);
    assert!(changed.status.success(), "{changed:?}");
    let third = Machine::new(&s3);
    third.json(&["backup", "setup"]);
    let old = third.typed(&["--json", "backup", "unlock"], passphrase);
    assert!(String::from_utf8_lossy(&old.stderr).contains("wrong_passphrase"));
    let open = third.typed(&["--json", "backup", "unlock"], new);
    assert!(open.status.success(), "{open:?}");
}

/// The status and the JSON that the REST API answers to a backup.
fn post_backup(machine: &Machine) -> (u16, Value) {
    let mut server = machine
        .command(&["--json", "serve", "--port", "0"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    std::io::BufReader::new(server.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let said: Value = serde_json::from_str(&line).unwrap();
    let address = said["address"].as_str().unwrap().replace("http://", "");
    let mut stream = TcpStream::connect(&address).unwrap();
    write!(
        stream,
        "POST /user-data/backup HTTP/1.1\r\nHost: {address}\r\nX-License-Key: {KEY}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let _ = server.kill();
    let _ = server.wait();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    let (from, to) = (answer.find('{').unwrap(), answer.rfind('}').unwrap());
    (status, serde_json::from_str(&answer[from..=to]).unwrap())
}

/// With a profile's name in the environment in place of keys.
fn machine_with_profile(s3: &TestS3, config: &str, credentials: &str) -> Machine {
    let mut machine = Machine::new(s3);
    machine
        .variables
        .retain(|(name, _)| !["S3_ACCESS_KEY", "S3_SECRET_KEY"].contains(&&**name));
    let aws = machine.dir.path().join("aws");
    std::fs::create_dir(&aws).unwrap();
    for (variable, name, text) in [
        ("AWS_CONFIG_FILE", "config", config),
        ("AWS_SHARED_CREDENTIALS_FILE", "credentials", credentials),
    ] {
        std::fs::write(aws.join(name), text).unwrap();
        let path = aws.join(name).to_string_lossy().into_owned();
        machine.variables.push((variable.to_owned(), path));
    }
    machine
}

#[test]
fn a_profile_of_the_aws_configuration_is_enough() {
    let s3 = TestS3::start(Options::default()).expect("a server");
    let credentials = format!(
        "[work]\naws_access_key_id = {ACCESS_KEY}\naws_secret_access_key = {SECRET_KEY}\naws_session_token = tok3n-of-work\n"
    );
    let config = "[profile work]\nregion = us-east-1\n[profile tool]\ncredential_process = echo hush-hush >&2; exit 3\n";
    let mut machine = machine_with_profile(&s3, config, &credentials);
    s3.require_token(ACCESS_KEY, "tok3n-of-work");
    let listed = machine.json(&["backup", "aws-profiles"])["aws_profiles"].clone();
    assert_eq!(
        listed,
        json!([
            {"name": "tool", "region": null, "endpoint_url": null},
            {"name": "work", "region": "us-east-1", "endpoint_url": null},
        ])
    );
    let bucket = machine.json(&["backup", "setup", "--aws-profile", "work"])["bucket"].clone();
    assert_eq!(
        (&bucket["aws_profile"], &bucket["has_secrets"]),
        (&json!("work"), &json!(false))
    );
    // What says it all says nothing that is secret.
    let mut said = String::new();
    machine
        .variables
        .push(("REDLINE_LOG".to_owned(), "trace".to_owned()));
    machine
        .variables
        .push(("AWS_PROFILE".to_owned(), "work".to_owned()));
    std::fs::write(machine.dir.path().join("a.csv"), "a\n1\n").unwrap();
    machine.json(&["import", "a.csv"]);
    let output = machine.run(&["backup", "run"]);
    said += &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let output = machine.run(&["backup", "setup", "--aws-profile", "tool"]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        stderr.contains("credential_process of the AWS profile \"tool\" failed: exit status: 3."),
        "{stderr}"
    );
    assert_eq!(output.status.code(), Some(1));
    said += &stderr;
    assert!(said.contains("TRACE"), "nothing was logged at all");
    for secret in [SECRET_KEY, "tok3n-of-work", "hush-hush"] {
        assert!(!said.contains(secret), "{secret} is logged");
    }
}

#[test]
fn a_profile_that_gives_no_keys_says_what_to_do() {
    let s3 = TestS3::start(Options::default()).expect("a server");
    let config = "[profile corp]\nsso_session = corp\nsso_account_id = 111122223333\nsso_role_name = backup\n\
         [sso-session corp]\nsso_region = us-east-1\nsso_start_url = https://corp.example/start\n";
    let machine = machine_with_profile(&s3, config, "");
    let tell = |profile: &str| {
        let output = machine.run(&["backup", "setup", "--aws-profile", profile]);
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    // Never signed in, and a sign-in that is over: without asking anybody.
    let said = tell("corp");
    assert!(said.contains("aws sso login --profile corp"), "{said}");
    let cache = machine.dir.path().join(".aws/sso/cache");
    std::fs::create_dir_all(&cache).unwrap();
    let token = r#"{"accessToken":"hush-hush","expiresAt":"2001-01-01T00:00:00Z","region":"us-east-1","startUrl":"https://corp.example/start"}"#;
    // The SHA-1 of "corp".
    std::fs::write(
        cache.join("ee0bfd2552fbd840c02cc48b6e823320543c450f.json"),
        token,
    )
    .unwrap();
    let said = tell("corp");
    assert!(
        said.contains("single sign-on of the AWS profile \"corp\" has ended")
            && said.contains("aws sso login --profile corp"),
        "{said}"
    );
    assert!(!said.contains("hush"), "{said}");
    let said = tell("nobody");
    assert!(
        said.contains("There is no AWS profile \"nobody\" on this machine; there is \"corp\"."),
        "{said}"
    );
}
