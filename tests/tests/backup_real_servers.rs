//! The suite that the test server passes, against servers that others wrote. They are not there on
//! every machine, so nothing here runs by itself:
//!
//! ```text
//! python3 -m venv moto && moto/bin/pip install 'moto[server]'
//! cargo install garage --version 2.5.0 --no-default-features --features bundled-libs,sqlite --root garage
//! REDLINE_TEST_MOTO=moto/bin/moto_server REDLINE_TEST_GARAGE=garage/bin/garage \
//!     cargo nextest run -p redline-tests --test backup_real_servers --run-ignored only
//! ```
//!
//! A server whose variable is not set is left out, and the test says so.

mod backup_home;
mod backup_support;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use backup_home::{Home, request};
use backup_support::*;
use redline_backup::BucketConfig;
use redline_core::{BucketSetup, OwnRule, VersioningState};

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn program(variable: &str) -> Option<PathBuf> {
    let found = std::env::var_os(variable).map(|path| std::path::absolute(path).unwrap());
    if found.is_none() {
        eprintln!("left out: {variable} does not say where the program is");
    }
    found
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

fn start(command: &mut Command, port: u16) -> Running {
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let running = Running(child);
    let began = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(
            began.elapsed() < Duration::from_secs(60),
            "{command:?} never listened"
        );
        std::thread::sleep(Duration::from_millis(100));
    }
    running
}

fn config_of(port: u16, bucket: &str, region: &str, access: &str, secret: &str) -> BucketConfig {
    let endpoint = Some(format!("http://127.0.0.1:{port}"));
    BucketConfig::new(bucket, region, endpoint, access, secret, STORE)
}

fn start_moto(program: PathBuf) -> (Running, u16) {
    let port = free_port();
    let moto = start(
        Command::new(program).args(["-H", "127.0.0.1", "-p", &port.to_string()]),
        port,
    );
    // It asks nobody who they are.
    let mut socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
    write!(
        socket,
        "PUT /redline-test HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    (moto, port)
}

/// Versioning switched on from here, proven, and a store that goes there and comes back.
#[test]
#[ignore = "needs moto; the command is at the top of this file"]
fn moto_with_versions() {
    let Some(program) = program("REDLINE_TEST_MOTO") else {
        return;
    };
    let (_moto, port) = start_moto(program);
    let machine = || {
        let home = Home::new();
        let setup = BucketSetup {
            bucket: "redline-test".into(),
            region: "us-east-1".into(),
            endpoint_url: Some(format!("http://127.0.0.1:{port}")),
            access_key: Some("key".into()),
            secret_key: Some("secret".into()),
            aws_profile: None,
            server_encryption: None,
            recovery_passphrase: None,
        };
        let view = home.session.set_bucket(setup).unwrap();
        assert!(view.has_secrets, "{view:?}");
        home
    };
    let home = machine();
    let before = home.session.bucket_rules().unwrap();
    assert!(!before.versioning_proven, "{before:?}");
    let rules = home.session.set_versioning(true).unwrap();
    // Some of its releases answer with an element of another name: then the setting is
    // not known, and trying still tells.
    let known = rules.versioning != VersioningState::Unknown;
    assert!(
        !known || rules.versioning == VersioningState::On,
        "{rules:?}"
    );
    assert!(rules.versioning_proven, "{rules:?}");
    let rule = OwnRule {
        abort_uploads_days: Some(7),
        archive_versions_days: None,
        expire_versions_days: Some(90),
    };
    let rules = home.session.set_own_rule(Some(rule)).unwrap();
    assert_eq!(rules.own_rule, Some(rule));

    home.import(&[("a.csv", b"a\n1\n"), ("b.txt", b"b")]);
    let first = home.backup();
    home.edit("a.csv", b"a\n2\n");
    home.backup();
    for (at, expected) in [(first.as_str(), b"a\n1\n"), ("", b"a\n2\n")] {
        let there = machine();
        let restored = there.session.restore_now(&request(at, &[])).unwrap();
        assert_eq!(restored.failed, []);
        assert_eq!(there.read("a.csv"), expected);
    }
    let rules = home.session.set_versioning(false).unwrap();
    assert!(!known || rules.versioning == VersioningState::Suspended);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs moto; the command is at the top of this file"]
async fn moto() {
    let Some(program) = program("REDLINE_TEST_MOTO") else {
        return;
    };
    let (_moto, port) = start_moto(program);
    conformance(
        "moto",
        config_of(port, "redline-test", "us-east-1", "key", "secret"),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs garage; the command is at the top of this file"]
async fn garage() {
    let Some(program) = program("REDLINE_TEST_GARAGE") else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let (rpc, s3) = (free_port(), free_port());
    let settings = dir.path().join("garage.toml");
    let text = format!(
        "metadata_dir = {meta:?}\ndata_dir = {data:?}\ndb_engine = \"sqlite\"\nreplication_factor = 1\n\
         rpc_bind_addr = \"127.0.0.1:{rpc}\"\nrpc_public_addr = \"127.0.0.1:{rpc}\"\nrpc_secret = {secret:?}\n\
         [s3_api]\ns3_region = \"garage\"\napi_bind_addr = \"127.0.0.1:{s3}\"\nroot_domain = \".s3.localhost\"\n",
        meta = dir.path().join("meta"),
        data = dir.path().join("data"),
        secret = "5a".repeat(32),
    );
    std::fs::write(&settings, text).unwrap();
    let garage = |arguments: &[&str]| said(&program, &settings, arguments);
    let _garage = start(
        Command::new(&program)
            .arg("-c")
            .arg(&settings)
            .arg("server"),
        s3,
    );
    let id = garage(&["node", "id", "-q"]);
    let node = id.trim().split('@').next().unwrap();
    garage(&["layout", "assign", "-z", "here", "-c", "10G", node]);
    garage(&["layout", "apply", "--version", "1"]);
    garage(&["bucket", "create", "redline-test"]);
    let key = garage(&["key", "create", "redline"]);
    garage(&[
        "bucket",
        "allow",
        "--read",
        "--write",
        "--owner",
        "redline-test",
        "--key",
        "redline",
    ]);
    let value = |name: &str| {
        let line = key.lines().find(|line| line.starts_with(name));
        line.and_then(|line| line.split_whitespace().last())
            .unwrap_or_else(|| panic!("no {name}: {key}"))
            .to_owned()
    };
    let (access, secret) = (value("Key ID"), value("Secret key"));
    conformance(
        "garage",
        config_of(s3, "redline-test", "garage", &access, &secret),
    )
    .await;
}

fn said(program: &Path, settings: &Path, arguments: &[&str]) -> String {
    let output = Command::new(program)
        .arg("-c")
        .arg(settings)
        .args(arguments)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}
