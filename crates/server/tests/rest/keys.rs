//! Whose request it is: keys, strangers, other origins, and that nothing of one key is told to another.

use std::collections::BTreeSet;

use crate::support::{Api, KEY_A, KEY_B, KEY_C};
use reqwest::blocking::multipart::{Form, Part};
use serde_json::{Value, json};

#[test]
fn the_key_counts_in_each_of_its_places() {
    let api = Api::start();
    let files = api.url("/user-data/files");
    assert_eq!(
        api.client
            .get(&files)
            .header("Authorization", format!("Bearer {KEY_A}"))
            .send()
            .unwrap()
            .status(),
        200
    );
    assert_eq!(
        api.client
            .get(format!("{files}?license_key={KEY_A}"))
            .send()
            .unwrap()
            .status(),
        200
    );
    assert_eq!(
        api.client
            .get(&files)
            .header("X-License-Key", KEY_A.to_lowercase())
            .send()
            .unwrap()
            .status(),
        200
    );
    // The header goes before the rest.
    assert_eq!(
        api.client
            .get(format!("{files}?license_key={KEY_A}"))
            .header("X-License-Key", KEY_C)
            .send()
            .unwrap()
            .status(),
        401
    );

    let url = api.url("/user-data/files/upload");
    let part = || Part::bytes(b"a\n1\n".to_vec()).file_name("form.csv");
    let before = Form::new()
        .text("license_key", KEY_A)
        .text("file_type", "csv")
        .part("file", part());
    assert_eq!(
        api.client
            .post(&url)
            .multipart(before)
            .send()
            .unwrap()
            .status(),
        200
    );
    let after = Form::new().part("file", part()).text("license_key", KEY_A);
    let answer: Value = api
        .client
        .post(&url)
        .multipart(after)
        .send()
        .unwrap()
        .json()
        .unwrap();
    assert_eq!(
        (
            &answer["success"],
            &answer["file"]["filename"].as_str().is_some()
        ),
        (&json!(true), &true),
        "{answer}"
    );
    for form in [
        Form::new().part("file", part()),
        Form::new().part("file", part()).text("license_key", KEY_C),
        Form::new().text("license_key", KEY_C).part("file", part()),
        Form::new()
            .text("license_key", "nonsense")
            .part("file", part()),
        Form::new(),
    ] {
        assert_eq!(
            api.client
                .post(&url)
                .multipart(form)
                .send()
                .unwrap()
                .status(),
            401
        );
    }
    assert_eq!(api.json("/user-data/files")["total"], 2);
    let id = api.json("/user-data/files")["files"][0]["id"].clone();
    let answer = api
        .client
        .post(api.url(&format!("/user-data/files/{id}/convert")))
        .form(&[("to", "parquet"), ("license_key", KEY_A)])
        .send()
        .unwrap();
    assert_eq!(answer.status(), 200, "{}", answer.text().unwrap());
}

/// Every endpoint that needs a key.
const GUARDED: [(&str, &str); 14] = [
    ("GET", "/user-data/files"),
    ("POST", "/user-data/files/upload"),
    ("GET", "/user-data/files/1"),
    ("DELETE", "/user-data/files/1"),
    ("GET", "/user-data/files/1/download"),
    ("POST", "/user-data/files/1/convert"),
    ("GET", "/user-data/files/1/profile"),
    ("GET", "/user-data/files/1/preview"),
    ("GET", "/user-data/tables"),
    ("GET", "/user-data/stats"),
    ("GET", "/user-data/history"),
    ("POST", "/user-data/backup"),
    ("GET", "/user-data/jobs/01ARZ3NDEKTSV4RRFFQ69G5FAV"),
    ("GET", "/user-data/events"),
];

#[test]
fn without_a_key_of_this_machine_it_is_401_everywhere() {
    let api = Api::start();
    api.upload("a.csv", "a\n1\n");
    let users = || {
        std::fs::read_dir(api.dir.path().join("data/users"))
            .unwrap()
            .count()
    };
    let before = users();
    let long = "x".repeat(5000);
    for key in [
        None,
        Some(""),
        Some("nonsense"),
        Some("RL-SHORT"),
        Some(long.as_str()),
    ] {
        check_401(&api, &GUARDED[..4], key);
    }
    check_401(&api, &GUARDED, Some(KEY_C));
    check_401(&api, &GUARDED, None);
    assert_eq!(users(), before, "a request makes no store");
    assert_eq!(api.json("/user-data/files")["total"], 1);
}

fn check_401(api: &Api, endpoints: &[(&str, &str)], key: Option<&str>) {
    for (method, path) in endpoints {
        let mut request = api.client.request(method.parse().unwrap(), api.url(path));
        if let Some(key) = key {
            request = request.header("X-License-Key", key);
        }
        let answer = request.send().unwrap();
        assert_eq!(answer.status(), 401, "{method} {path} {key:?}");
        assert_eq!(
            answer.headers()["www-authenticate"],
            "Bearer realm=\"redline\""
        );
        let body: Value = answer.json().unwrap();
        assert_eq!(body["success"], false);
        for name in ["error", "code", "hint"] {
            assert!(body[name].is_string(), "{body}");
        }
        assert!(key.is_none_or(|k| k.is_empty() || !body.to_string().contains(k)));
    }
}

#[test]
fn another_keys_file_is_as_unknown_as_none_byte_for_byte() {
    let api = Api::start();
    let id = api.upload("secret-plans.csv", "a\n1\n")["id"]
        .as_i64()
        .unwrap();
    let ask = |method: &str, path: String| {
        let answer = api
            .client
            .request(method.parse().unwrap(), api.url(&path))
            .header("X-License-Key", KEY_B)
            .header("Content-Type", "application/json")
            .body(if method == "POST" {
                "{\"to\":\"parquet\"}"
            } else {
                ""
            })
            .send()
            .unwrap();
        let headers: BTreeSet<(String, String)> = answer
            .headers()
            .iter()
            .filter(|(name, _)| *name != "date")
            .map(|(n, v)| (n.to_string(), v.to_str().unwrap().to_owned()))
            .collect();
        (answer.status().as_u16(), headers, answer.bytes().unwrap())
    };
    for (method, path) in [
        ("GET", ""),
        ("DELETE", ""),
        ("GET", "/download"),
        ("HEAD", "/download"),
        ("POST", "/convert"),
        ("GET", "/profile"),
        ("GET", "/preview"),
    ] {
        let foreign = ask(method, format!("/user-data/files/{id}{path}"));
        assert_eq!(foreign.0, 404, "{method} {path}");
        for other in ["999999", "-1", "nonsense", "99999999999999999999999"] {
            assert_eq!(
                foreign,
                ask(method, format!("/user-data/files/{other}{path}")),
                "{method} {path} {other}"
            );
        }
    }
    assert_eq!(
        api.json("/user-data/files")["total"],
        1,
        "nothing happened to it"
    );
    let b: Value = api
        .client
        .get(api.url("/user-data/files"))
        .header("X-License-Key", KEY_B)
        .send()
        .unwrap()
        .json()
        .unwrap();
    assert_eq!(b["files"], json!([]));
}

#[test]
fn web_pages_are_not_answered() {
    let api = Api::start();
    let port = api.port();
    let ask = |headers: &str| {
        api.raw(&format!("GET /user-data/stats HTTP/1.1\r\nX-License-Key: {KEY_A}\r\nConnection: close\r\n{headers}\r\n"))
    };
    let own = format!("Host: localhost:{port}\r\n");
    assert!(ask(&own).starts_with("HTTP/1.1 200"));
    assert!(ask(&format!("{own}Origin: http://localhost:{port}\r\n")).starts_with("HTTP/1.1 200"));
    for headers in [
        "Host: evil.example\r\n".to_owned(),
        format!("Host: evil.example:{port}\r\n"),
        "Host: localhost.evil.example\r\n".to_owned(),
        format!("{own}Origin: https://evil.example\r\n"),
        format!("{own}Origin: null\r\n"),
        format!("{own}Origin: http://localhost:3000\r\n"),
        format!("{own}Sec-Fetch-Site: cross-site\r\n"),
    ] {
        let answer = ask(&headers);
        assert!(answer.starts_with("HTTP/1.1 403"), "{headers}: {answer}");
        assert!(
            !answer.contains("total_files")
                && !answer.to_lowercase().contains("access-control-allow")
        );
    }
    let absolute = api.raw(&format!(
        "GET http://evil.example/health HTTP/1.1\r\n{own}Connection: close\r\n\r\n"
    ));
    assert!(absolute.starts_with("HTTP/1.1 403"), "{absolute}");
    let preflight = api.raw(&format!("OPTIONS /user-data/files HTTP/1.1\r\n{own}Origin: http://localhost:{port}\r\nAccess-Control-Request-Method: GET\r\nConnection: close\r\n\r\n"));
    assert!(
        !preflight.to_lowercase().contains("access-control-allow"),
        "{preflight}"
    );
}

#[test]
fn failures_are_limited_but_a_good_key_goes_on() {
    let api = Api::start();
    api.json("/user-data/stats");
    let mut limited = None;
    for n in 0..300 {
        let answer = api
            .client
            .get(api.url("/user-data/stats"))
            .header("X-License-Key", KEY_C)
            .send()
            .unwrap();
        match answer.status().as_u16() {
            401 => {}
            429 => {
                assert!(
                    answer.headers()["retry-after"]
                        .to_str()
                        .unwrap()
                        .parse::<u64>()
                        .unwrap()
                        >= 1
                );
                assert_eq!(answer.json::<Value>().unwrap()["code"], "too_many_failures");
                limited = Some(n);
                break;
            }
            other => panic!("{other}"),
        }
    }
    assert!(
        limited.is_some_and(|n| n >= 30),
        "after some, not at once: {limited:?}"
    );
    api.json("/user-data/stats");
    // A key that is not known to be good has to wait, right or wrong.
    let untried = api
        .client
        .get(api.url("/user-data/stats"))
        .header("X-License-Key", KEY_B)
        .send()
        .unwrap();
    assert_eq!(untried.status(), 429);
}

#[test]
fn answers_hold_no_absolute_path() {
    let api = Api::start();
    let id = api.upload("a.csv", "a\n1\n")["id"].clone();
    let root = api.dir.path().to_str().unwrap();
    for path in [
        "/user-data/files",
        "/user-data/stats",
        "/user-data/history",
        "/user-data/tables",
        &format!("/user-data/files/{id}"),
        &format!("/user-data/files/{id}/profile"),
        &format!("/user-data/files/{id}/preview"),
        &format!("/user-data/files/{id}/preview?table=none"),
    ] {
        let text = api.get(path).send().unwrap().text().unwrap();
        assert!(!text.contains(root) && !text.contains(KEY_A), "{path}");
    }
}
