//! Files in, listed, out and away.

use std::collections::BTreeSet;

use crate::support::{Api, KEY_A, sha256};
use serde_json::{Value, json};

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
