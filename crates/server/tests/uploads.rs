//! Uploads through real HTTP: names, types, what is no upload, and what breaks off.

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use reqwest::blocking::multipart::{Form, Part};
use serde_json::Value;
use support::{Api, KEY_A, KEY_C};

#[test]
fn hostile_names_stay_inside_or_are_refused() {
    let api = Api::start();
    let long = "x".repeat(300);
    let names = [
        "../../../escape.csv",
        "/etc/passwd",
        "..",
        ".",
        "C:\\Windows\\x.csv",
        "a/b/c.csv",
        "CON",
        "nul.txt",
        "dot.",
        "📈 zürich.csv",
        "q\"uote.csv",
        "per%22cent.csv",
        "semi;colon.csv",
        long.as_str(),
        "\u{202e}exe.csv",
        "<script>.html",
    ];
    for (n, name) in names.iter().enumerate() {
        let content = format!("content {n}");
        let form = Form::new().part(
            "file",
            Part::bytes(content.clone().into_bytes()).file_name((*name).to_owned()),
        );
        let answer = api
            .client
            .post(api.url("/user-data/files/upload"))
            .header("X-License-Key", KEY_A)
            .multipart(form)
            .send()
            .unwrap();
        let status = answer.status().as_u16();
        let body: Value = answer.json().unwrap();
        match status {
            200 => {
                let id = &body["file"]["id"];
                let got = api
                    .get(&format!("/user-data/files/{id}/download"))
                    .send()
                    .unwrap();
                assert!(got.headers().contains_key("content-disposition"), "{name}");
                assert_eq!(got.headers()["x-content-type-options"], "nosniff");
                assert_eq!(got.text().unwrap(), content, "{name}");
            }
            400 => assert_eq!(body["code"], "bad_name", "{name}: {body}"),
            other => panic!("{name}: {other} {body}"),
        }
    }
    let root = api.dir.path().canonicalize().unwrap();
    for (path, _) in api.stored() {
        assert!(
            path.canonicalize()
                .unwrap()
                .starts_with(root.join("data/users")),
            "{}",
            path.display()
        );
    }
    assert!(
        !root.join("escape.csv").exists()
            && !root.join("data/escape.csv").exists()
            && !root.join("data/users/escape.csv").exists()
    );
    let (zurich, _) = api
        .stored()
        .into_iter()
        .find(|(p, _)| p.to_string_lossy().contains("zürich"))
        .expect("unicode names stay");
    assert!(zurich.ends_with("📈 zürich.csv"));
}

#[test]
fn what_is_no_upload_says_so() {
    let api = Api::start();
    let url = api.url("/user-data/files/upload");
    let post = || api.client.post(&url).header("X-License-Key", KEY_A);
    assert_eq!(post().body("not a form").send().unwrap().status(), 415);
    assert_eq!(
        post()
            .multipart(Form::new().text("other", "x"))
            .send()
            .unwrap()
            .status(),
        400
    );
    assert_eq!(
        post()
            .multipart(Form::new().text("file", "no name"))
            .send()
            .unwrap()
            .status(),
        400
    );
    assert_eq!(api.json("/user-data/files")["total"], 0);
    // Several files in one form are all kept.
    let part = |name: &'static str| Part::bytes(name.as_bytes().to_vec()).file_name(name);
    let answer: Value = post()
        .multipart(
            Form::new()
                .part("file", part("a.txt"))
                .part("file", part("b.txt")),
        )
        .send()
        .unwrap()
        .json()
        .unwrap();
    assert_eq!(answer["files"].as_array().unwrap().len(), 2);
    assert_eq!(answer["file"]["filename"], "a.txt");
}

#[test]
fn an_upload_that_breaks_off_leaves_nothing() {
    let api = Api::start();
    let head = "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"cut.csv\"\r\n\r\n";
    let mut stream = TcpStream::connect(("127.0.0.1", api.port())).unwrap();
    write!(
        stream,
        "POST /user-data/files/upload HTTP/1.1\r\nHost: localhost\r\nX-License-Key: {KEY_A}\r\nContent-Type: multipart/form-data; boundary=x\r\nContent-Length: 5000000\r\n\r\n{head}"
    )
    .unwrap();
    stream.write_all(&[b'a'; 1_000_000]).unwrap();
    std::thread::sleep(Duration::from_millis(300));
    drop(stream);
    // One that ends as HTTP, but not as a form.
    let body = format!("{head}half a file");
    let answer = api.raw(&format!(
        "POST /user-data/files/upload HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX-License-Key: {KEY_A}\r\nContent-Type: multipart/form-data; boundary=x\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    ));
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    std::thread::sleep(Duration::from_millis(700));
    assert_eq!(api.json("/user-data/files")["total"], 0);
    assert_eq!(api.stored(), []);
    let partial = walk(api.dir.path())
        .into_iter()
        .filter(|p| p.contains("/partial/") && p.contains("cut"))
        .count();
    assert_eq!(partial, 0);
}

fn walk(folder: &std::path::Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            found.extend(walk(&entry.path()));
        } else {
            found.push(entry.path().to_string_lossy().into_owned());
        }
    }
    found
}

#[test]
fn a_refused_large_upload_still_gets_its_answer() {
    let api = Api::start();
    let form = Form::new().part(
        "file",
        Part::bytes(vec![b'x'; 64 << 20]).file_name("large.bin"),
    );
    let answer = api
        .client
        .post(api.url("/user-data/files/upload"))
        .header("X-License-Key", KEY_C)
        .multipart(form)
        .send()
        .unwrap();
    assert_eq!(answer.status(), 401);
    assert_eq!(api.stored(), []);
}

#[cfg(target_os = "linux")]
#[test]
fn a_large_upload_and_download_need_little_memory() {
    const SIZE: u64 = 400 << 20;
    let api = Api::start();
    let peak = || -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find(|l| l.starts_with("VmHWM:")).unwrap();
        line.split_whitespace()
            .nth(1)
            .unwrap()
            .parse::<u64>()
            .unwrap()
            / 1024
    };
    api.upload("warm.bin", vec![1; 1 << 20]);
    let before = peak();
    let part = Part::reader_with_length(std::io::repeat(7).take(SIZE), SIZE).file_name("large.bin");
    let answer = api
        .client
        .post(api.url("/user-data/files/upload"))
        .header("X-License-Key", KEY_A)
        .multipart(Form::new().part("file", part))
        .send()
        .unwrap();
    assert_eq!(answer.status(), 200);
    let id = answer.json::<Value>().unwrap()["file"]["id"].clone();
    let mut answer = api
        .get(&format!("/user-data/files/{id}/download"))
        .send()
        .unwrap();
    assert_eq!(
        std::io::copy(&mut answer, &mut std::io::sink()).unwrap(),
        SIZE
    );
    // Client and server are one process here; both together stay far below the file.
    let grown = peak() - before;
    assert!(grown < 150, "grew by {grown} MiB");
}

#[test]
fn the_type_that_an_upload_names_is_the_files_type() {
    let api = Api::start();
    let post = |form: Form| {
        api.client
            .post(api.url("/user-data/files/upload"))
            .header("X-License-Key", KEY_A)
            .multipart(form)
            .send()
            .unwrap()
    };
    let part = || Part::bytes(b"a,b\n1,2\n".to_vec()).file_name("rates.dat");
    for form in [
        Form::new()
            .text("file_type", " Ticks ")
            .part("file", part()),
        Form::new().part("file", part()).text("file_type", "ticks"),
        Form::new()
            .part("file", part())
            .text("license_key", KEY_A)
            .text("file_type", "ticks"),
    ] {
        let file: Value = post(form).json().unwrap();
        let file = &file["file"];
        assert_eq!(file["file_type"], "ticks", "{file}");
        let shown = api.json(&format!("/user-data/files/{}", file["id"]));
        assert_eq!(shown["file"]["file_type"], "ticks");
    }
    assert_eq!(api.json("/user-data/files?type=ticks")["total"], 3);
    // Nothing said, nothing changed.
    let recognised = api.upload("rates.dat", b"a,b\n1,2\n".to_vec());
    let empty: Value = post(Form::new().text("file_type", "").part("file", part()))
        .json()
        .unwrap();
    assert_eq!(empty["file"]["file_type"], recognised["file_type"]);
    assert_ne!(recognised["file_type"], "ticks");

    let before = api.json("/user-data/files")["total"].clone();
    for nonsense in ["../../etc", "two words", "<b>", "ünïcode", &"x".repeat(33)] {
        let answer = post(
            Form::new()
                .text("file_type", nonsense.to_owned())
                .part("file", part()),
        );
        assert_eq!(answer.status(), 400, "{nonsense}");
        let error: Value = answer.json().unwrap();
        assert_eq!(error["code"], "bad_request");
        assert!(
            error["hint"].as_str().unwrap().contains("one word"),
            "{error}"
        );
    }
    assert_eq!(api.json("/user-data/files")["total"], before);
    // After the file it comes too late to keep it out, and that is said.
    let late = post(
        Form::new()
            .part("file", part())
            .text("file_type", "two words"),
    );
    assert_eq!(late.status(), 400);
    let late: Value = late.json().unwrap();
    assert!(
        late["error"].as_str().unwrap().contains("was stored"),
        "{late}"
    );
}

#[test]
fn a_name_may_come_in_its_extended_form_alone() {
    let api = Api::start();
    let body = "--x\r\nContent-Disposition: form-data; name=\"file\"; \
                filename*=UTF-8''%E2%82%AC%20rates.csv\r\n\r\na\r\n--x--\r\n";
    let answer: Value = api
        .client
        .post(api.url("/user-data/files/upload"))
        .header("X-License-Key", KEY_A)
        .header("Content-Type", "multipart/form-data; boundary=x")
        .body(body)
        .send()
        .unwrap()
        .json()
        .unwrap();
    assert_eq!(answer["file"]["filename"], "€ rates.csv", "{answer}");
}
