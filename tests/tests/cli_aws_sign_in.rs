//! Keys of a single sign-on, as the command line has them: a token that `aws sso login` left
//! in the home folder, and the service that gives keys for it. Through the program itself,
//! since the home folder is the process's.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};

use redline_tests::s3::{ACCESS_KEY, Options, REGION, SECRET_KEY, TestS3};
use serde_json::{Value, json};

/// What the cached tokens of `corp` and of its start page are called: their SHA-1.
const OF_SESSION: &str = "ee0bfd2552fbd840c02cc48b6e823320543c450f.json";
const OF_START_URL: &str = "f7c9b39d0b4c7a7d82c79307585f77e1c5e74378.json";
const SIGNED_IN: &str = "token-of-the-sign-in";
const SESSION_TOKEN: &str = "FwoGZXIvYXdzEXAMPLEtoken==";

/// The service that gives keys to whoever has signed in, and what it was asked.
fn portal() -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&asked);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            // A GET has a head alone.
            let head: Vec<String> = BufReader::new(&stream)
                .lines()
                .map_while(Result::ok)
                .take_while(|line| !line.is_empty())
                .collect();
            let head = head.join("\n");
            let (status, kind, body) = if head.contains(SIGNED_IN) {
                let keys = json!({ "roleCredentials": {
                    "accessKeyId": ACCESS_KEY,
                    "secretAccessKey": SECRET_KEY,
                    "sessionToken": SESSION_TOKEN,
                    "expiration": 32_472_144_000_000_u64,
                }});
                ("200 OK", "", keys)
            } else {
                let refused = json!({ "message": "Session token not found or invalid" });
                (
                    "401 Unauthorized",
                    "x-amzn-ErrorType: UnauthorizedException\r\n",
                    refused,
                )
            };
            seen.lock().unwrap().push(head);
            let body = body.to_string();
            let _ = write!(
                stream,
                "HTTP/1.1 {status}\r\n{kind}Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            );
        }
    });
    (address, asked)
}

/// As `aws configure sso` writes it, with services on this machine.
fn configure(home: &Path, portal: &str, server: &TestS3) {
    let config = format!(
        "[profile work]\nsso_session = corp\nsso_account_id = 111122223333\nsso_role_name = Backup\nregion = {REGION}\nservices = here\n\
         [profile old]\nsso_start_url = https://corp.example/start\nsso_region = {REGION}\nsso_account_id = 111122223333\nsso_role_name = Backup\nservices = here\n\
         [sso-session corp]\nsso_region = {REGION}\nsso_start_url = https://corp.example/start\nsso_registration_scopes = sso:account:access\n\
         [services here]\nsso =\n  endpoint_url = {portal}\ns3 =\n  endpoint_url = {}\n",
        server.endpoint()
    );
    fs::create_dir_all(home.join(".aws/sso/cache")).unwrap();
    fs::write(home.join(".aws/config"), config).unwrap();
}

fn sign_in(home: &Path, name: &str, token: &str, until: &str) {
    let token = json!({
        "startUrl": "https://corp.example/start",
        "region": REGION,
        "accessToken": token,
        "expiresAt": until,
    });
    fs::write(home.join(".aws/sso/cache").join(name), token.to_string()).unwrap();
}

fn redline(home: &Path, arguments: &[&str]) -> Output {
    let test = std::env::current_exe().unwrap();
    let program = test.ancestors().nth(2).unwrap().join("redline");
    let output = Command::new(program)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", home)
        .env("USERPROFILE", home)
        .env("REDLINE_DATA_DIR", home.join("data"))
        .env("REDLINE_CONFIG_DIR", home.join("config"))
        .env("REDLINE_LICENSE_KEY", "RL-TESTCLIS-IGNINAAA-AAAAAAAA")
        .current_dir(home)
        .arg("--json")
        .args(arguments)
        .output()
        .expect("redline runs");
    for bytes in [&output.stdout, &output.stderr] {
        let told = String::from_utf8_lossy(bytes);
        for secret in [SECRET_KEY, SESSION_TOKEN, SIGNED_IN] {
            assert!(!told.contains(secret), "{told}");
        }
    }
    output
}

fn set_up(home: &Path, profile: &str, server: &TestS3) -> Output {
    let bucket = server.bucket();
    redline(
        home,
        &[
            "backup",
            "setup",
            "--aws-profile",
            profile,
            "--bucket",
            bucket,
        ],
    )
}

#[test]
fn a_cached_sign_in_gives_keys_for_the_bucket_that_the_profile_names() {
    let server = TestS3::start(Options::default()).unwrap();
    server.require_token(ACCESS_KEY, SESSION_TOKEN);
    let (address, asked) = portal();
    for (profile, token) in [("work", OF_SESSION), ("old", OF_START_URL)] {
        let home = tempfile::tempdir().unwrap();
        configure(home.path(), &address, &server);
        sign_in(home.path(), token, SIGNED_IN, "2999-01-01T00:00:00Z");
        asked.lock().unwrap().clear();
        let output = set_up(home.path(), profile, &server);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{profile}: {stderr}");
        let view: Value = serde_json::from_slice(&output.stdout).unwrap();
        // Nobody typed where it is.
        assert_eq!(view["bucket"]["endpoint_url"], json!(server.endpoint()));
        let asked = asked.lock().unwrap().clone();
        assert!(!asked.is_empty());
        for head in asked {
            for part in [
                "GET /federation/credentials?",
                "role_name=Backup",
                "account_id=111122223333",
                &format!("x-amz-sso_bearer_token: {SIGNED_IN}"),
            ] {
                assert!(head.contains(part), "{head}");
            }
        }
    }
    assert!(
        server.count("PutObject") > 0,
        "the bucket was tried with them"
    );
}

#[test]
fn a_sign_in_that_has_ended_says_so_and_a_new_one_is_seen_at_once() {
    let server = TestS3::start(Options::default()).unwrap();
    let (address, _) = portal();
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    configure(home, &address, &server);
    let ended = |why: &str| {
        let output = set_up(home, "work", &server);
        assert!(!output.status.success(), "{why}");
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        for part in [
            "The single sign-on of the AWS profile \\\"work\\\" has ended.",
            "aws sso login --profile work",
        ] {
            assert!(told.contains(part), "{why}: {told}");
        }
    };
    ended("nobody ever signed in");
    sign_in(home, OF_SESSION, SIGNED_IN, "2001-01-01T00:00:00Z");
    ended("the token is over");
    sign_in(home, OF_SESSION, "another", "2999-01-01T00:00:00Z");
    ended("the service does not know it any more");
    assert_eq!(server.requests().len(), 0, "without keys nothing is asked");
    sign_in(home, OF_SESSION, SIGNED_IN, "2999-01-01T00:00:00Z");
    assert!(set_up(home, "work", &server).status.success());
}
