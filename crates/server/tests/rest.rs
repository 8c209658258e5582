//! Every endpoint through real HTTP.

mod support;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use reqwest::blocking::multipart::{Form, Part};
use serde_json::{Value, json};
use support::{Api, KEY_A, KEY_B, KEY_C, sha256};

#[test]
fn a_file_goes_in_is_listed_comes_out_and_goes_away() {
    let api = Api::start();
    let bytes = b"a,b\n1,2\n".to_vec();
    let file = api.upload("q3.csv", bytes.clone());
    assert_eq!(
        (&file["filename"], &file["size"], &file["sha256"]),
        (&json!("q3.csv"), &json!(8), &json!(sha256(&bytes)))
    );
    assert_eq!(
        (&file["file_id"], &file["saved_at"]),
        (&file["id"], &file["uploaded_at"])
    );
    let id = file["id"].as_i64().unwrap();

    let list = api.json("/user-data/files");
    assert_eq!(
        (&list["count"], &list["total"], &list["files"][0]["id"]),
        (&json!(1), &json!(1), &json!(id))
    );
    let shown = api.json(&format!("/user-data/files/{id}"));
    assert_eq!(shown["file"], list["files"][0]);
    let answer = api
        .get(&format!("/user-data/files/{id}/download"))
        .send()
        .unwrap();
    assert_eq!(answer.bytes().unwrap(), bytes);

    let deleted: Value = api
        .client
        .delete(api.url(&format!("/user-data/files/{id}")))
        .header("X-License-Key", KEY_A)
        .send()
        .unwrap()
        .json()
        .unwrap();
    assert_eq!(
        (&deleted["success"], &deleted["file"]["status"]),
        (&json!(true), &json!("trashed"))
    );
    assert_eq!(api.json("/user-data/files")["total"], 0);
    for path in [
        format!("/user-data/files/{id}"),
        format!("/user-data/files/{id}/download"),
    ] {
        assert_eq!(api.get(&path).send().unwrap().status(), 404, "{path}");
    }
    assert_eq!(api.json("/user-data/stats")["stats"]["trash_files"], 1);
}

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
fn lists_are_filtered_paged_and_streamed_whole() {
    const MANY: usize = 2345;
    let api = Api::start();
    let folder = api.dir.path().join("from");
    std::fs::create_dir(&folder).unwrap();
    for n in 0..MANY {
        std::fs::write(folder.join(format!("f{n:05}.txt")), format!("text {n}")).unwrap();
    }
    let session = api.redline.session_for_key(KEY_A).unwrap();
    session.import_now(vec![folder], None, &mut ()).unwrap();
    let newest = api.upload("newest.csv", "a\n1\n")["id"].clone();

    let all = api.json("/user-data/files");
    let files = all["files"].as_array().unwrap();
    assert_eq!(
        (files.len(), &all["count"], &all["total"]),
        (MANY + 1, &json!(MANY + 1), &json!(MANY + 1))
    );
    assert_eq!(files[0]["id"], newest, "newest first");
    let ids: Vec<i64> = files.iter().map(|f| f["id"].as_i64().unwrap()).collect();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());

    let mut paged = Vec::new();
    let mut after = String::new();
    loop {
        let page = api.json(&format!("/user-data/files?limit=1000{after}"));
        let page = page["files"].as_array().unwrap();
        paged.extend(page.iter().map(|f| f["id"].as_i64().unwrap()));
        match page.last() {
            Some(last) => after = format!("&after={}", last["id"]),
            None => break,
        }
    }
    assert_eq!(paged, ids, "pages and stream agree");
    let large = api.json("/user-data/files?limit=1500");
    assert_eq!(
        (&large["count"], large["files"].as_array().unwrap().len()),
        (&json!(1500), 1500)
    );

    assert_eq!(api.json("/user-data/files?type=csv")["total"], 1);
    let found = api.json("/user-data/files?search=f00042&limit=5");
    assert_eq!(
        (&found["count"], &found["files"][0]["filename"]),
        (&json!(1), &json!("f00042.txt"))
    );
    let none = api.json("/user-data/files?limit=0");
    assert_eq!(
        (&none["files"], &none["count"], &none["total"]),
        (&json!([]), &json!(0), &json!(MANY + 1))
    );
    assert_eq!(
        api.get("/user-data/files?limit=many")
            .send()
            .unwrap()
            .status(),
        400
    );
}

#[test]
fn downloads_answer_ranges_and_conditions() {
    let api = Api::start();
    let bytes: Vec<u8> = (0..1_000_000_u32).map(|n| (n % 251) as u8).collect();
    let file = api.upload("big.bin", bytes.clone());
    let path = format!("/user-data/files/{}/download", file["id"]);
    let etag = format!("\"{}\"", file["sha256"].as_str().unwrap());

    let whole = api.get(&path).send().unwrap();
    assert_eq!(
        (
            whole.status().as_u16(),
            whole.headers()["etag"].to_str().unwrap()
        ),
        (200, etag.as_str())
    );
    assert_eq!(whole.headers()["accept-ranges"], "bytes");
    assert_eq!(whole.headers()["content-length"], "1000000");
    assert_eq!(
        whole.headers()["content-disposition"],
        "attachment; filename=\"big.bin\"; filename*=UTF-8''big.bin"
    );
    assert_eq!(whole.bytes().unwrap(), bytes);

    let head = api
        .client
        .head(api.url(&path))
        .header("X-License-Key", KEY_A)
        .send()
        .unwrap();
    assert_eq!(
        (
            head.status().as_u16(),
            head.headers()["content-length"].to_str().unwrap()
        ),
        (200, "1000000")
    );
    assert_eq!(head.headers()["etag"], etag.as_str());

    for (range, first, last) in [
        ("bytes=0-99", 0, 99),
        ("bytes=999999-", 999_999, 999_999),
        ("bytes=-7", 999_993, 999_999),
        ("bytes=500000-5000000", 500_000, 999_999),
    ] {
        let part = api.get(&path).header("Range", range).send().unwrap();
        assert_eq!(part.status(), 206, "{range}");
        assert_eq!(
            part.headers()["content-range"].to_str().unwrap(),
            format!("bytes {first}-{last}/1000000")
        );
        assert_eq!(part.bytes().unwrap(), bytes[first..=last], "{range}");
    }
    for range in ["bytes=1000000-", "bytes=-0", "bytes=0-1,5-6"] {
        let refused = api.get(&path).header("Range", range).send().unwrap();
        assert_eq!(
            (
                refused.status().as_u16(),
                refused.headers()["content-range"].to_str().unwrap()
            ),
            (416, "bytes */1000000"),
            "{range}"
        );
        assert_eq!(refused.json::<Value>().unwrap()["code"], "range_refused");
    }
    for ignored in ["bytes=abc", "lines=1-2", "bytes=9-3"] {
        assert_eq!(
            api.get(&path)
                .header("Range", ignored)
                .send()
                .unwrap()
                .status(),
            200,
            "{ignored}"
        );
    }
    let same = api
        .get(&path)
        .header("Range", "bytes=0-1")
        .header("If-Range", &etag)
        .send()
        .unwrap();
    assert_eq!(same.status(), 206);
    for other in [
        "\"other\"",
        "Wed, 21 Oct 2026 07:28:00 GMT",
        &format!("W/{etag}"),
    ] {
        assert_eq!(
            api.get(&path)
                .header("Range", "bytes=0-1")
                .header("If-Range", other)
                .send()
                .unwrap()
                .status(),
            200,
            "{other}"
        );
    }
    let known = api
        .get(&path)
        .header("If-None-Match", &etag)
        .send()
        .unwrap();
    assert_eq!(
        (known.status().as_u16(), known.bytes().unwrap().len()),
        (304, 0)
    );

    let empty = api.upload("empty.txt", "");
    let path = format!("/user-data/files/{}/download", empty["id"]);
    let answer = api.get(&path).send().unwrap();
    assert_eq!(
        (
            answer.status().as_u16(),
            answer.headers()["content-length"].to_str().unwrap()
        ),
        (200, "0")
    );
    assert_eq!(
        api.get(&path)
            .header("Range", "bytes=0-")
            .send()
            .unwrap()
            .status(),
        416
    );
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
fn conversions_history_stats_and_tables() {
    let api = Api::start();
    let id = api.upload("q3.csv", "id,name\n001,Ann\n002,Bob\n")["id"].clone();
    let convert = |body: &str| {
        let answer = api
            .client
            .post(api.url(&format!("/user-data/files/{id}/convert")))
            .header("X-License-Key", KEY_A)
            .header("Content-Type", "application/json")
            .body(body.to_owned())
            .send()
            .unwrap();
        (answer.status().as_u16(), answer.json::<Value>().unwrap())
    };
    let (status, body) = convert("{\"to\":\"parquet\"}");
    assert_eq!(status, 200, "{body}");
    assert_eq!(
        (
            &body["conversion"]["rows_out"],
            &body["conversion"]["certificate"]["verdict"]
        ),
        (&json!(2), &json!("proved"))
    );
    for (body, expected) in [
        ("{\"to\":\"parquet\",\"on_rejects\":\"report\"}", vec![400]),
        (
            "{\"to\":\"parquet\",\"options\":{\"codec\":\"rar\"}}",
            vec![400],
        ),
        ("nonsense", vec![400]),
        ("{}", vec![400]),
        ("{\"to\":\"nonsense\"}", vec![400, 415]),
    ] {
        let (status, answer) = convert(body);
        assert!(expected.contains(&status), "{body}: {status} {answer}");
    }
    let history = api.json("/user-data/history")["history"].clone();
    assert_eq!(
        (history.as_array().unwrap().len(), &history[0]["id"]),
        (1, &body["conversion"]["id"])
    );
    assert_eq!(
        api.json("/user-data/history?limit=5&offset=1")["history"],
        json!([])
    );
    assert_eq!(api.json("/user-data/tables")["tables"], json!([]));
    let stats = api.json("/user-data/stats")["stats"].clone();
    for name in [
        "total_files",
        "total_size_bytes",
        "total_size_mb",
        "total_tables",
    ] {
        assert!(stats[name].is_number(), "{name}");
    }
    assert_eq!(stats["total_files"], 2);
}

#[test]
fn jobs_of_ones_own_only() {
    let api = Api::start();
    let path = "/user-data/jobs/01ARZ3NDEKTSV4RRFFQ69G5FAV";
    assert_eq!(api.get(path).send().unwrap().status(), 404);
    let no_bucket = api
        .client
        .post(api.url("/user-data/backup"))
        .header("X-License-Key", KEY_A)
        .send()
        .unwrap();
    assert!(matches!(no_bucket.status().as_u16(), 202 | 409));
    if no_bucket.status() == 409 {
        assert_eq!(no_bucket.json::<Value>().unwrap()["code"], "bucket_missing");
    }
    api.upload("a.txt", "a");
    let session = api.redline.session_for_key(KEY_A).unwrap();
    let job = session.verify(None).unwrap();
    session.wait(&job);
    let shown = api.json(&format!("/user-data/jobs/{job}"));
    assert_eq!(
        (&shown["job"]["kind"], &shown["job"]["state"]),
        (&json!("verify"), &json!("done"))
    );
    let foreign = api
        .client
        .get(api.url(&format!("/user-data/jobs/{job}")))
        .header("X-License-Key", KEY_B)
        .send()
        .unwrap();
    assert_eq!(foreign.status(), 404);
    assert_eq!(
        foreign.bytes().unwrap(),
        api.client
            .get(api.url(path))
            .header("X-License-Key", KEY_B)
            .send()
            .unwrap()
            .bytes()
            .unwrap()
    );
}

/// Names of events that arrive within `time`.
fn events(api: &Api, key: &str, time: Duration, act: impl FnOnce()) -> Vec<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", api.port())).unwrap();
    stream.set_read_timeout(Some(time)).unwrap();
    write!(
        stream,
        "GET /user-data/events HTTP/1.1\r\nHost: localhost\r\nX-License-Key: {key}\r\n\r\n"
    )
    .unwrap();
    let mut lines = BufReader::new(stream);
    let mut line = String::new();
    while line != "\r\n" {
        line.clear();
        lines.read_line(&mut line).unwrap();
    }
    act();
    let until = Instant::now() + time;
    let mut names = Vec::new();
    while Instant::now() < until {
        line.clear();
        match lines.read_line(&mut line) {
            Ok(n) if n > 0 => names.extend(line.trim().strip_prefix("event: ").map(str::to_owned)),
            _ => break,
        }
    }
    names
}

#[test]
fn events_are_of_ones_own_store_only() {
    let api = Api::start();
    let own = events(&api, KEY_A, Duration::from_secs(2), || {
        api.upload("a.csv", "a\n1\n");
    });
    assert!(own.iter().any(|name| name == "files"), "{own:?}");
    let other = events(&api, KEY_B, Duration::from_secs(2), || {
        api.upload("b.csv", "b\n1\n");
        let session = api.redline.session_for_key(KEY_A).unwrap();
        session.wait(&session.verify(None).unwrap());
    });
    assert_eq!(other, Vec::<String>::new());
}

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
