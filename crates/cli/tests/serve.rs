//! `redline serve` through the real binary.

mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Stdio;

use serde_json::Value;
use support::{Home, KEY_A, KEY_B, Ran, Running};

fn start(home: &Home, key: Option<&str>) -> (Running, String) {
    let mut command = match key {
        Some(key) => home.with_key(key),
        None => home.bare(),
    };
    let child = command
        .args(["serve", "--port", "0", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut running = Running(child);
    let mut line = String::new();
    BufReader::new(running.0.stdout.as_mut().unwrap())
        .read_line(&mut line)
        .unwrap();
    let first: Value = serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}"));
    let address = first["address"]
        .as_str()
        .unwrap()
        .strip_prefix("http://")
        .unwrap()
        .to_owned();
    assert!(address.starts_with("127.0.0.1:"), "{address}");
    (running, address)
}

fn get(address: &str, path: &str, key: Option<&str>) -> (u16, Value) {
    let mut stream = TcpStream::connect(address).unwrap();
    let key = key
        .map(|k| format!("X-License-Key: {k}\r\n"))
        .unwrap_or_default();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {address}\r\n{key}Connection: close\r\n\r\n"
    )
    .unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let status = text.split(' ').nth(1).unwrap().parse().unwrap();
    let body = text.split_once("\r\n\r\n").unwrap().1;
    (status, serde_json::from_str(body).unwrap_or(Value::Null))
}

#[test]
fn it_says_where_it_listens_answers_and_stops() {
    let home = Home::new();
    let (mut running, address) = start(&home, Some(KEY_A));
    assert_eq!(get(&address, "/health", None).0, 200);
    let (status, stats) = get(&address, "/user-data/stats", Some(KEY_A));
    assert_eq!(
        (status, &stats["stats"]["total_files"]),
        (200, &Value::from(0))
    );
    // The window, the command line and the server share one store.
    home.import("a.csv", "a\n1\n");
    assert_eq!(
        get(&address, "/user-data/stats", Some(KEY_A)).1["stats"]["total_files"],
        1
    );
    assert_eq!(get(&address, "/user-data/stats", Some(KEY_B)).0, 401);

    let port = address.rsplit(':').next().unwrap();
    let taken = home.run(&["--json", "serve", "--port", port]);
    assert_eq!(
        (taken.status, taken.error()["code"].as_str()),
        (1, Some("port_taken"))
    );
    assert!(taken.error()["message"].as_str().unwrap().contains(port));

    #[cfg(unix)]
    {
        use rustix::process::{Pid, Signal, kill_process};
        kill_process(Pid::from_child(&running.0), Signal::INT).unwrap();
        assert_eq!(running.0.wait().unwrap().code(), Some(0));
        assert!(TcpStream::connect(&address).is_err());
    }
    #[cfg(not(unix))]
    let _ = running.0.kill();
}

#[test]
fn a_key_that_was_signed_in_works_without_the_environment() {
    let home = Home::new();
    let login = Ran::with_input(home.bare().args(["login", "--keep", "session"]), KEY_B);
    assert_eq!(login.status, 0, "{}", login.stderr);
    let (_running, address) = start(&home, None);
    assert_eq!(
        get(&address, "/user-data/files?limit=10", Some(KEY_B)).1["total"],
        0
    );
    assert_eq!(get(&address, "/user-data/files", Some(KEY_A)).0, 401);
    let stores = std::fs::read_dir(home.path().join("data/users"))
        .unwrap()
        .count();
    assert_eq!(stores, 1, "a request makes no store");
}

#[test]
fn refusals_are_audited_without_key_or_query() {
    let home = Home::new();
    let (mut running, address) = start(&home, Some(KEY_A));
    assert_eq!(
        get(
            &address,
            &format!("/user-data/files?license_key={KEY_B}&search=private"),
            None
        )
        .0,
        401
    );
    running.0.kill().unwrap();
    let mut log = String::new();
    running
        .0
        .stderr
        .as_mut()
        .unwrap()
        .read_to_string(&mut log)
        .unwrap();
    assert!(
        log.contains("request refused") && log.contains("/user-data/files") && log.contains("401"),
        "{log}"
    );
    assert!(!log.contains(KEY_B) && !log.contains("private"), "{log}");
}
