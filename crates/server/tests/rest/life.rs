//! The server itself: starting, stopping, and what it says when nothing fits.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::support::{Api, KEY_A, KEY_B};
use serde_json::{Value, json};

#[test]
fn it_stops_soon_even_with_open_streams_and_frees_its_port() {
    let api = Api::start();
    let address = api.server.addresses()[0];
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "GET /user-data/events HTTP/1.1\r\nHost: localhost\r\nX-License-Key: {KEY_A}\r\n\r\n"
    )
    .unwrap();
    let mut byte = [0];
    stream.read_exact(&mut byte).unwrap();
    assert!(api.server.is_running());
    let began = Instant::now();
    api.server.stop();
    api.server.stop();
    assert!(
        began.elapsed() < Duration::from_secs(6),
        "{:?}",
        began.elapsed()
    );
    assert!(!api.server.is_running());
    assert!(TcpStream::connect(address).is_err());
    let again = redline_server::Server::start(api.redline.clone(), address.port())
        .expect("the port is free again");
    assert_eq!(again.addresses()[0], address);
}

#[test]
fn serve_runs_on_the_callers_runtime() {
    let api = Api::start();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let bound = redline_server::serve(api.redline.clone(), 0, async { drop(stopped.await) })
            .await
            .unwrap();
        let port = bound.addrs[0].port();
        let health = reqwest::Client::builder()
            .no_proxy()
            .build()
            .unwrap()
            .get(format!("http://127.0.0.1:{port}/health"))
            .send()
            .await
            .unwrap();
        assert_eq!(health.status(), 200);
        drop(stop);
        bound.finished().await;
        assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
    });
}

#[test]
fn a_taken_port_is_said() {
    let api = Api::start();
    let error = redline_server::Server::start(api.redline.clone(), api.port()).expect_err("taken");
    assert!(
        error.to_string().contains(&api.port().to_string()),
        "{error}"
    );
    assert!(error.hint().contains("another port"), "{}", error.hint());
    assert_eq!(error.code(), "port_taken");
}

#[test]
fn what_needs_no_key_and_what_does_not_exist() {
    let api = Api::start();
    let get = |path: &str| api.client.get(api.url(path)).send().unwrap();
    let health: Value = get("/health").json().unwrap();
    assert_eq!(
        (&health["success"], &health["status"]),
        (&json!(true), &json!("ok"))
    );
    let document: Value = get("/openapi.json").json().unwrap();
    assert_eq!(
        (&document["openapi"], &document["info"]["version"]),
        (&json!("3.1.0"), &json!(redline_core::version()))
    );
    for (path, method, status) in [
        ("/", "GET", 404),
        ("/user-data", "GET", 404),
        ("/user-data/files", "PUT", 405),
        ("/health", "POST", 405),
    ] {
        let answer = api
            .client
            .request(method.parse().unwrap(), api.url(path))
            .send()
            .unwrap();
        assert_eq!(answer.status(), status, "{method} {path}");
        assert_eq!(answer.json::<Value>().unwrap()["success"], false);
    }
}

#[test]
fn a_store_that_was_deleted_meanwhile_is_one_that_never_was() {
    let api = Api::start();
    api.upload("a.csv", b"a\n".to_vec());
    api.upload_as(KEY_B, "b.csv", b"b\n".to_vec());
    api.redline.release();
    let users = api.dir.path().join("data/users");
    for store in std::fs::read_dir(users).unwrap().flatten() {
        std::fs::remove_dir_all(store.path()).unwrap();
    }
    for path in ["/user-data/files", "/user-data/stats", "/user-data/tables"] {
        let answer = api
            .client
            .get(api.url(path))
            .header("X-License-Key", KEY_B)
            .send()
            .unwrap();
        assert_eq!(answer.status(), 401, "{path}");
        let error: Value = answer.json().unwrap();
        assert_eq!(error["code"], "not_signed_in_here", "{error}");
    }
    // A key of the environment counts as signed in: its store is made anew.
    assert_eq!(api.json("/user-data/files")["total"], 0);
    api.upload("again.csv", b"a\n".to_vec());
    assert_eq!(api.json("/user-data/files")["total"], 1);
}

#[test]
fn every_refusal_says_what_to_do() {
    let api = Api::start();
    for path in [
        "/user-data/files?limit=x",
        "/user-data/files?after=x",
        "/user-data/history?limit=-1",
        "/user-data/jobs/none",
        "/user-data/files/999",
        "/none",
    ] {
        let error: Value = api.get(path).send().unwrap().json().unwrap();
        assert_eq!(error["success"], false);
        assert!(
            !error["hint"].as_str().unwrap().is_empty(),
            "{path}: {error}"
        );
    }
}
