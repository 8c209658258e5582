//! What takes its time: conversions, jobs, and the stream of events.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::support::{Api, KEY_A, KEY_B};
use serde_json::{Value, json};

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
