//! The command line against a real S3 server of its own: set up, back up, restore on
//! an empty machine.

use std::io::{BufRead, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use redline_tests::s3::{ACCESS_KEY, Fault, FaultKind, Options, REGION, SECRET_KEY, TestS3};
use serde_json::{Value, json};

const KEY: &str = "RL-TESTCLIB-ACKUPAAA-AAAAAAAA";

/// A machine: folders of its own, the key in the environment.
struct Machine {
    dir: tempfile::TempDir,
    variables: Vec<(String, String)>,
}

impl Machine {
    fn new(s3: &TestS3) -> Self {
        let variables = [
            ("USE_S3_STORAGE", "true"),
            ("S3_BUCKET", s3.bucket()),
            ("S3_ACCESS_KEY", ACCESS_KEY),
            ("S3_SECRET_KEY", SECRET_KEY),
            ("S3_REGION", REGION),
            ("S3_ENDPOINT_URL", &s3.endpoint()),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self {
            dir: tempfile::tempdir().expect("a temporary folder"),
            variables: variables.into(),
        }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(redline());
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.dir.path())
            .env("REDLINE_DATA_DIR", self.dir.path().join("data"))
            .env("REDLINE_CONFIG_DIR", self.dir.path().join("config"))
            .env("REDLINE_LICENSE_KEY", KEY)
            .envs(self.variables.iter().cloned())
            .current_dir(self.dir.path())
            .args(arguments);
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("redline runs")
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let output = self.run(&[&["--json"], arguments].concat());
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {stderr}");
        let stdout = String::from_utf8_lossy(&output.stdout);
        assert!(
            !stdout.contains(SECRET_KEY) && !stderr.contains(SECRET_KEY),
            "{arguments:?} tells a secret"
        );
        serde_json::from_str(&stdout).unwrap_or_else(|e| panic!("{e}: {stdout}"))
    }
}

/// The program as built beside this test.
fn redline() -> PathBuf {
    let test = std::env::current_exe().expect("this test");
    let path = test
        .ancestors()
        .nth(2)
        .unwrap_or(Path::new(""))
        .join("redline");
    assert!(
        path.exists(),
        "{} is not built; `cargo build --workspace --all-targets` does that",
        path.display()
    );
    path
}

#[test]
fn a_store_goes_to_the_bucket_and_comes_back_on_an_empty_machine() {
    let s3 = TestS3::start(Options::default()).expect("a server");
    let first = Machine::new(&s3);
    std::fs::create_dir_all(first.dir.path().join("from/deep")).unwrap();
    std::fs::write(first.dir.path().join("from/a.csv"), "a\n007\n").unwrap();
    std::fs::write(first.dir.path().join("from/deep/b.bin"), vec![7; 300_000]).unwrap();
    first.json(&["import", "from"]);

    let bucket = first.json(&["backup", "setup"])["bucket"].clone();
    assert_eq!(
        (&bucket["bucket"], &bucket["has_secrets"]),
        (&json!(s3.bucket()), &json!(true))
    );
    assert!(
        bucket["checks"]
            .as_array()
            .unwrap()
            .iter()
            .all(|c| c["ok"] == true || c["required"] == false),
        "{bucket}"
    );
    let plan = first.json(&["backup", "plan"])["plan"].clone();
    assert_eq!(
        (&plan["upload_files"], &plan["upload_bytes"]),
        (&json!(2), &json!(300_006))
    );
    let backup = first.json(&["backup", "run"])["backup"].clone();
    assert_eq!(
        (&backup["uploaded_files"], &backup["left_out"]),
        (&json!(2), &json!([]))
    );
    assert!(
        backup["manifest"].as_str().unwrap().len() > 10 && backup["requests"].as_u64().unwrap() > 2
    );
    assert_eq!(
        first.json(&["backup", "run"])["backup"]["uploaded_files"],
        0,
        "nothing changed"
    );
    let points = first.json(&["backup", "list"])["restore_points"].clone();
    assert!(!points.as_array().unwrap().is_empty());
    assert_eq!(points[0]["authentic"], true);

    let second = Machine::new(&s3);
    second.json(&["backup", "setup"]);
    let plan = second.json(&["restore", "plan"])["plan"].clone();
    assert_eq!(
        (&plan["new_files"], &plan["differing_files"]),
        (&json!(2), &json!(0))
    );
    let restored = second.json(&["restore", "run"])["restore"].clone();
    assert_eq!(
        (&restored["restored_files"], &restored["failed"]),
        (&json!(2), &json!([]))
    );
    let (here, there) = (
        first.json(&["files", "--sort", "name"]),
        second.json(&["files", "--sort", "name"]),
    );
    let essence = |list: &Value| -> Vec<Value> {
        list["files"]
            .as_array()
            .unwrap()
            .iter()
            .map(|f| json!([f["uid"], f["relative_path"], f["sha256"], f["size_bytes"]]))
            .collect()
    };
    assert_eq!(essence(&here), essence(&there));
    assert_eq!(second.json(&["verify"])["verify"]["ok"], 2);
    assert_eq!(
        second.json(&["restore", "run"])["restore"]["restored_files"],
        0,
        "once is enough"
    );
}

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

fn walk(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            found.extend(walk(&entry.path()));
        } else {
            found.push(entry.path());
        }
    }
    found
}

/// What a person does with a backup beside making one.
#[test]
fn a_backup_is_proven_restored_in_part_taken_back_and_tidied() {
    let s3 = TestS3::start(Options::default()).expect("a server");
    let machine = Machine::new(&s3);
    std::fs::create_dir_all(machine.dir.path().join("from")).unwrap();
    for (name, text) in [("a.csv", "a,b\n1,2\n"), ("b.txt", "b")] {
        std::fs::write(machine.dir.path().join("from").join(name), text).unwrap();
    }
    machine.json(&["import", "from"]);
    machine.json(&["backup", "setup", "--sse", "s3"]);
    machine.json(&["backup", "run"]);
    let verify = machine.json(&["backup", "verify", "--deep"])["verify"].clone();
    assert_eq!((&verify["ok"], &verify["files"]), (&json!(true), &json!(2)));
    let drill = machine.json(&["backup", "drill"])["drill"].clone();
    assert_eq!(
        (&drill["ok"], &drill["table"]["rows"]),
        (&json!(true), &json!(1))
    );
    let status = machine.json(&["backup", "status"])["backup_status"].clone();
    assert!(status["last_proven_at"].is_string(), "{status}");
    let schedule = machine.json(&["backup", "schedule", "--deep", "30"])["schedule"].clone();
    assert_eq!(schedule["deep_days"], 30);
    let due = machine.json(&["backup", "verify", "--due"])["checks"].clone();
    assert_eq!(
        due.as_array().unwrap().len(),
        1,
        "the quick one alone: {due}"
    );

    let point = machine.json(&["backup", "list"])["restore_points"][0].clone();
    let shown = machine.json(&["backup", "show", point["id"].as_str().unwrap()]);
    assert_eq!(shown["changes"]["new_count"], 2);
    let files = machine.json(&["files"])["files"].clone();
    let id = |name: &str| {
        let all = files.as_array().unwrap();
        let file = all.iter().find(|f| f["filename"] == name).unwrap();
        file["id"].to_string()
    };
    let versions = machine.json(&["backup", "versions", &id("b.txt")]);
    assert_eq!(versions["versions"], json!([]), "only the one that is here");
    machine.json(&["delete", &id("b.txt")]);
    let restored = machine.json(&["restore", "run", "--only", "*.txt"])["restore"].clone();
    assert_eq!(restored["restored_files"], 1, "{restored}");
    let undone = machine.json(&["restore", "undo"])["restore"].clone();
    assert_eq!(undone["removed_files"], 1);
    let output = machine.run(&["restore", "undo"]);
    assert_eq!(
        output.status.code(),
        Some(4),
        "nothing is left to take back"
    );

    let link = machine.json(&["link", &id("a.csv"), "--expires", "10m"]);
    assert!(
        link["url"].as_str().unwrap().contains("X-Amz-Expires=600"),
        "{link}"
    );
    let freed = machine.json(&["free", &id("a.csv")]);
    assert_eq!(
        (&freed["free"]["freed_files"], &freed["file"]["status"]),
        (&json!(1), &json!("cloud_only"))
    );
    let fetched = machine.json(&["fetch", &id("a.csv")]);
    assert_eq!(fetched["file"]["status"], "stored");

    let plan = machine.json(&["backup", "keep", "--last", "1", "--apply"])["plan"].clone();
    assert_eq!(
        (&plan["kept_points"], &plan["refused"]),
        (&json!(1), &Value::Null)
    );
    let kept = machine.json(&["backup", "keep", "--run"])["retention"].clone();
    assert_eq!(
        kept["deleted_objects"], 0,
        "nothing before a day has passed"
    );
    let rules = machine.json(&["backup", "rules"])["rules"].clone();
    assert_eq!(rules["versioning"], "off");
    let policy = machine.json(&["backup", "policy"])["policy"].clone();
    assert!(policy.as_str().unwrap().contains("s3:PutObject"));
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
    let from_stdin = |machine: &Machine, arguments: &[&str], text: &str| {
        let mut child = machine
            .command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        writeln!(stdin, "{text}").unwrap();
        drop(stdin);
        child.wait_with_output().unwrap()
    };
    let short = from_stdin(&first, &["backup", "setup", "--encrypt"], "short");
    assert_eq!(short.status.code(), Some(2), "{short:?}");
    let passphrase = "four plain words here";
    let set = from_stdin(&first, &["backup", "setup", "--encrypt"], passphrase);
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
    let wrong = from_stdin(&second, &["--json", "backup", "unlock"], "not those words");
    assert_eq!(wrong.status.code(), Some(3), "{wrong:?}");
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("wrong_passphrase"));
    let open = from_stdin(&second, &["--json", "backup", "unlock"], passphrase);
    let open: Value = serde_json::from_slice(&open.stdout).unwrap();
    assert_eq!(open["encryption"]["state"], "on");
    second.variables.push((WORDS.into(), passphrase.into()));
    let restored = second.json(&["restore", "run"])["restore"].clone();
    assert_eq!(restored["restored_files"], 1);
    let new = "quite another set of words";
    let changed = from_stdin(&second, &["backup", "passphrase"], new);
    assert!(changed.status.success(), "{changed:?}");
    let third = Machine::new(&s3);
    third.json(&["backup", "setup"]);
    let old = from_stdin(&third, &["--json", "backup", "unlock"], passphrase);
    assert!(String::from_utf8_lossy(&old.stderr).contains("wrong_passphrase"));
    let open = from_stdin(&third, &["--json", "backup", "unlock"], new);
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

fn stored(machine: &Machine, name: &str) -> PathBuf {
    let found = walk(&machine.dir.path().join("data"));
    let is_it = |path: &&PathBuf| path.ends_with(Path::new("files").join(name));
    found.iter().find(is_it).expect("a stored file").clone()
}

#[test]
fn killed_between_the_manifest_and_its_note_a_file_put_back_is_this_devices_change() {
    let s3 = TestS3::start(Options::default()).expect("a server");
    let first = Machine::new(&s3);
    std::fs::write(first.dir.path().join("f.txt"), "first").unwrap();
    first.json(&["import", "f.txt"]);
    first.json(&["backup", "setup"]);
    first.json(&["backup", "run"]);
    std::fs::write(stored(&first, "f.txt"), "second").unwrap();
    first.json(&["verify"]);

    // The manifest is stored; its answer is lost, and the next try hangs until the kill.
    let manifest = |kind| {
        Fault::new(kind)
            .on("PutObject")
            .path_contains("/manifests/")
    };
    s3.inject(manifest(FaultKind::LostResponse));
    s3.inject(manifest(FaultKind::Stall).times(9));
    let manifests = || {
        let keys = s3.objects();
        keys.iter()
            .filter(|(key, _)| key.contains("/manifests/"))
            .count()
    };
    let mut run = first
        .command(&["backup", "run"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("redline runs");
    let began = Instant::now();
    while manifests() < 2 {
        assert!(
            began.elapsed() < Duration::from_secs(60),
            "no manifest came"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
    run.kill().unwrap();
    run.wait().unwrap();
    s3.clear_faults();

    std::fs::write(stored(&first, "f.txt"), "first").unwrap();
    first.json(&["verify"]);
    let backup = first.json(&["backup", "run"])["backup"].clone();
    assert_eq!(
        (&backup["uploaded_files"], &backup["conflicts"]),
        (&json!(1), &json!([])),
        "{backup}"
    );
    let second = Machine::new(&s3);
    second.json(&["backup", "setup"]);
    second.json(&["restore", "run"]);
    assert_eq!(
        std::fs::read_to_string(stored(&second, "f.txt")).unwrap(),
        "first"
    );
}
