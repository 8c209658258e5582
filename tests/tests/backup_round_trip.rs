//! Out and back over real HTTP: every size, odd names, and only what changed.

mod backup_support;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use backup_support::*;
use redline_backup::{
    Bucket, SkipReason, latest_manifest, list_restore_points, plan_backup, plan_restore,
    run_restore, verify,
};
use redline_tests::s3::{Options, Personality, TestS3};

#[tokio::test(flavor = "multi_thread")]
async fn every_size_comes_back_whole_on_an_empty_machine() {
    let server = server();
    let mut store = FakeStore::new();
    store.put("empty.bin", b"");
    store.put("small.csv", b"a,b\n1,2\n");
    store.put("one part.bin", &noise(1, 16 * MIB));
    store.put("one byte more.bin", &noise(2, 16 * MIB + 1));
    store.put("several.bin", &noise(3, 40 * MIB + 7));
    let watcher = Arc::new(Watcher::default());
    let outcome = store
        .back_up_with(&bucket(&server), None, watcher.clone())
        .await
        .unwrap();
    assert_eq!(
        (outcome.uploaded_files, outcome.generation, outcome.created),
        (5, 1, true)
    );
    assert_eq!(outcome.uploaded_bytes, 8 + (16 + 16 + 40) * MIB as u64 + 8);
    assert!(outcome.skipped.is_empty() && outcome.without_plain_copy.is_empty());
    assert_eq!(
        outcome.requests as usize,
        server.requests().len() - 2,
        "the plan's two lists come on top"
    );
    assert_eq!(
        watcher.bytes.load(Ordering::SeqCst),
        watcher.total_bytes.load(Ordering::SeqCst)
    );
    assert_eq!(watcher.items.load(Ordering::SeqCst), 5);

    // Exactly one part is one request; one byte more takes parts.
    assert_eq!(server.count("CreateMultipartUpload"), 2);
    assert_eq!(server.count("UploadPart"), 2 + 3);
    assert_eq!(server.open_uploads(), 0);

    // Nothing but the key and the bucket.
    let sink = FolderSink::new();
    let fresh = bucket(&server);
    let plan = plan_restore(&fresh, &key(), None, &[]).await.unwrap();
    assert_eq!(
        (plan.new, plan.same, plan.replaced, plan.kept),
        (5, 0, 0, 0)
    );
    let watcher = Arc::new(Watcher::default());
    let restored = run_restore(&fresh, &plan, sink.clone(), watcher.clone())
        .await
        .unwrap();
    assert_eq!(restored.restored, 5);
    assert!(restored.failed.is_empty());
    assert_eq!(sink.contents(), store.contents());
    assert_eq!(
        watcher.bytes.load(Ordering::SeqCst),
        watcher.total_bytes.load(Ordering::SeqCst)
    );
    let catalog = sink
        .catalog
        .lock()
        .unwrap()
        .clone()
        .expect("the catalog came along");
    assert_eq!(
        sha256(&std::fs::read(catalog).unwrap()),
        store.snapshot().sha256
    );
    assert_eq!(sink.leftovers(), 0);

    // Run again: what is here is left alone.
    let plan = plan_restore(&fresh, &key(), None, &store.files)
        .await
        .unwrap();
    assert_eq!((plan.new, plan.same, plan.items.len()), (0, 5, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bucket_is_laid_out_as_promised_and_the_manifest_is_last() {
    let server = server();
    let mut store = FakeStore::new();
    store.put("folder/data file.csv", b"x,y\n");
    let outcome = store.back_up(&bucket(&server)).await.unwrap();
    let catalog = store.snapshot().sha256;
    let hash = sha256(b"x,y\n");
    let keys: Vec<String> = server.objects().into_iter().map(|(k, _)| k).collect();
    for expected in [
        format!("users/{STORE}/files/folder/data file.csv"),
        format!("users/{STORE}/user_data.duckdb"),
        object_key(&hash),
        format!("users/{STORE}/.redline/db/{catalog}.duckdb"),
        outcome.manifest.clone(),
    ] {
        assert!(keys.contains(&expected), "{expected} in {keys:?}");
    }
    assert_eq!(keys.len(), 6, "one shard besides: {keys:?}");
    assert_eq!(
        server
            .object(&format!("users/{STORE}/files/folder/data file.csv"))
            .unwrap(),
        b"x,y\n"
    );
    assert!(outcome.manifest.starts_with(&format!(
        "users/{STORE}/.redline/manifests/0000000000000001-laptop-"
    )));

    let writes: Vec<_> = server
        .requests()
        .into_iter()
        .filter(|s| matches!(s.operation, "PutObject" | "CopyObject"))
        .collect();
    let at = |part: &str| {
        writes
            .iter()
            .position(|s| s.path.contains(part))
            .unwrap_or_else(|| panic!("{part} in {writes:?}"))
    };
    assert!(at("/objects/") < at("/files/"));
    assert!(at("/files/") < at("/.redline/db/"));
    assert!(at("/.redline/db/") < at("user_data.duckdb"));
    assert!(at("user_data.duckdb") < at("/shards/"));
    assert_eq!(at("/manifests/"), writes.len() - 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_run_sends_only_what_changed() {
    let server = server();
    let bucket = bucket(&server);
    let mut store = FakeStore::new();
    for n in 0..300 {
        store.put(&format!("f{n:03}.csv"), format!("row {n}\n").as_bytes());
    }
    let first = store.back_up(&bucket).await.unwrap();
    assert_eq!(first.uploaded_files, 300);

    // Nothing changed: the list, and whether the last restore point is still there.
    server.forget_requests();
    let again = store
        .back_up_with(&bucket, Some(&first.current), Arc::new(()))
        .await
        .unwrap();
    assert!(!again.created);
    assert_eq!(
        (
            again.uploaded_files,
            again.uploaded_bytes,
            again.unchanged_files
        ),
        (0, 0, 300)
    );
    assert_eq!(again.restore_point, first.restore_point);
    let requests: Vec<_> = server.requests().iter().map(|s| s.operation).collect();
    assert_eq!(requests, ["ListObjectsV2", "HeadObject"]);

    // One changed, one new with bytes that are there already, one gone.
    store.put("f007.csv", b"another row\n");
    store.put("copy of f008.csv", b"row 8\n");
    store.files.retain(|f| f.relative_path != "f009.csv");
    store.touch_catalog();
    server.forget_requests();
    let plan = plan_backup(&bucket, &store.files, Some(&again.current))
        .await
        .unwrap();
    assert_eq!(
        (plan.upload.len(), plan.unchanged, plan.bytes),
        (2, 298, 12)
    );
    assert_eq!(plan.removed, ["f009.csv"]);
    let second = store
        .back_up_with(&bucket, Some(&again.current), Arc::new(()))
        .await
        .unwrap();
    assert_eq!(
        (
            second.uploaded_files,
            second.uploaded_bytes,
            second.generation
        ),
        (2, 12, 2)
    );
    // Three lists; one object, two names, and a look at the object; the catalog twice; one
    // shard; the manifest.
    let requests = server.requests();
    assert_eq!(requests.len(), 3 + 4 + 2 + 1 + 1, "{requests:?}");
    assert_eq!(server.count("PutObject"), 4);

    let points = list_restore_points(&bucket, &key()).await.unwrap();
    assert_eq!(points.len(), 2);
    assert_eq!(
        (
            points[0].generation,
            points[0].new_files,
            points[0].changed_files,
            points[0].removed_files
        ),
        (2, 1, 1, 1)
    );
    assert_eq!(
        (points[1].generation, points[1].files, points[1].new_files),
        (1, 300, 300)
    );
    assert!(points.iter().all(|p| p.authentic));
    // A file that left the store left the newer restore point, and nothing else.
    assert!(
        server
            .object(&format!("users/{STORE}/files/f009.csv"))
            .is_some()
    );
    let old = plan_restore(&bucket, &key(), Some(&first.restore_point), &store.files)
        .await
        .unwrap();
    assert_eq!((old.new, old.same, old.replaced, old.kept), (1, 298, 1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_names_stay_apart_and_come_back_as_they_were() {
    let server = server();
    let bucket = bucket(&server);
    let mut store = FakeStore::new();
    let long = "n".repeat(255);
    let too_long_for_a_key = vec!["d".repeat(250); 4].join("/");
    let names = [
        "\u{e9}.csv",
        "e\u{301}.csv",
        "A",
        "a",
        "q + r.csv",
        "100%25.csv",
        "100%.csv",
        "x & y.csv",
        "no #1.csv",
        "what?.csv",
        "a=b&c.csv",
        " leading",
        "trailing ",
        "emoji \u{1f4be}.bin",
        "quote'\".csv",
        "semi;colon,comma",
        "dir/a",
        "dir.a",
        "...",
        "<tag>.xml",
        &long,
        &too_long_for_a_key,
    ];
    for (n, name) in names.iter().enumerate() {
        store.put(name, format!("content {n}").as_bytes());
    }
    let outcome = store.back_up(&bucket).await.unwrap();
    assert!(outcome.skipped.is_empty(), "{:?}", outcome.skipped);
    assert_eq!(
        outcome.without_plain_copy,
        std::slice::from_ref(&too_long_for_a_key)
    );
    for (n, name) in names
        .iter()
        .enumerate()
        .filter(|(_, name)| **name != too_long_for_a_key)
    {
        let plain = server.object(&format!("users/{STORE}/files/{name}"));
        assert_eq!(
            plain.as_deref(),
            Some(format!("content {n}").as_bytes()),
            "{name:?}"
        );
    }
    let sink = FolderSink::new();
    restore_all(&bucket, &sink).await.unwrap();
    assert_eq!(sink.contents(), store.contents());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_not_what_the_catalog_knows_is_reported_and_not_claimed() {
    let server = server();
    let bucket = bucket(&server);
    let mut store = FakeStore::new();
    store.put("stays.csv", b"1");
    store.put("edited.csv", b"old");
    let first = store.back_up(&bucket).await.unwrap();

    store.put("edited.csv", b"new");
    store.put("same size.csv", b"abcd");
    store.put("grown.bin", &noise(4, 20 * MIB));
    store.put("gone.csv", b"gone");
    // Behind the catalog's back.
    std::fs::write(store.path("edited.csv"), b"NEW").unwrap();
    std::fs::write(store.path("same size.csv"), b"abcX").unwrap();
    std::fs::write(store.path("grown.bin"), noise(5, 20 * MIB)).unwrap();
    std::fs::remove_file(store.path("gone.csv")).unwrap();
    store.touch_catalog();
    let outcome = store
        .back_up_with(&bucket, Some(&first.current), Arc::new(()))
        .await
        .unwrap();
    let mut skipped: Vec<_> = outcome
        .skipped
        .iter()
        .map(|s| (s.relative_path.as_str(), s.reason.clone(), s.earlier_kept))
        .collect();
    skipped.sort_by_key(|s| s.0);
    assert_eq!(
        skipped,
        [
            ("edited.csv", SkipReason::Changed, true),
            ("gone.csv", SkipReason::Missing, false),
            ("grown.bin", SkipReason::Changed, false),
            ("same size.csv", SkipReason::Changed, false),
        ]
    );
    assert_eq!(outcome.uploaded_files, 0);
    assert_eq!(
        server.open_uploads(),
        0,
        "the upload of a file that changed was ended"
    );
    assert!(
        server
            .object(&object_key(&sha256(&noise(5, 20 * MIB))))
            .is_none()
    );

    let sink = FolderSink::new();
    restore_all(&bucket, &sink).await.unwrap();
    let back = sink.contents();
    assert_eq!(back.keys().collect::<Vec<_>>(), ["edited.csv", "stays.csv"]);
    assert_eq!(back["edited.csv"], b"old");
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_missing_here_but_known_there_are_no_delete() {
    let server = server();
    let bucket = bucket(&server);
    let mut store = FakeStore::new();
    store.put("a.csv", b"a");
    store.put("b.csv", b"b");
    let first = store.back_up(&bucket).await.unwrap();
    std::fs::remove_file(store.path("a.csv")).unwrap();
    store.touch_catalog();
    let second = store
        .back_up_with(&bucket, Some(&first.current), Arc::new(()))
        .await
        .unwrap();
    assert!(second.created && second.skipped.is_empty());
    let (latest, _) = latest_manifest(&bucket, &key()).await.unwrap();
    assert_eq!(latest.unwrap().files.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_bytes_under_many_names_travel_once() {
    let server = server();
    let bucket = bucket(&server);
    let mut store = FakeStore::new();
    for n in 0..20 {
        store.put(&format!("twin {n}"), b"the same");
    }
    // The first that would be read is not there: another stands in.
    std::fs::remove_file(store.path("twin 0")).unwrap();
    let outcome = store.back_up(&bucket).await.unwrap();
    assert_eq!(
        (
            outcome.uploaded_files,
            outcome.uploaded_bytes,
            outcome.skipped.len()
        ),
        (19, 8, 1)
    );
    let puts = server
        .requests()
        .iter()
        .filter(|s| s.operation == "PutObject" && s.path.contains("/objects/"))
        .count();
    assert_eq!(puts, 1);
}

async fn odd_server(personality: Personality) {
    let server = TestS3::start(Options {
        personality,
        ..Options::default()
    })
    .unwrap();
    let bucket = bucket(&server);
    let mut store = FakeStore::new();
    store.put("small", b"small");
    store.put("large", &noise(6, 17 * MIB));
    store.back_up(&bucket).await.unwrap();
    assert_eq!(
        server
            .object(&format!("users/{STORE}/files/large"))
            .unwrap(),
        noise(6, 17 * MIB)
    );
    let sink = FolderSink::new();
    restore_all(&bucket, &sink).await.unwrap();
    assert_eq!(sink.contents(), store.contents());
    assert!(
        verify(&bucket, &key(), None, true, Arc::new(()))
            .await
            .unwrap()
            .ok
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_refuses_checksum_headers_gets_content_md5() {
    odd_server(Personality {
        refuses_checksums: true,
        ..Personality::default()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_copy_gets_the_bytes_twice() {
    odd_server(Personality {
        refuses_copy: true,
        ..Personality::default()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_longer_than_a_page_is_read_to_its_end() {
    let server = server();
    let bucket = bucket(&server);
    let mut store = FakeStore::new();
    for n in 0..1100 {
        store.put(&format!("n{n}"), format!("{n}").as_bytes());
    }
    store.back_up(&bucket).await.unwrap();
    for manifest in manifests(&server) {
        server.remove(&manifest);
    }
    // No restore point is left, but every object is: nothing is sent again.
    let plan = plan_backup(&bucket, &store.files, None).await.unwrap();
    assert_eq!((plan.upload.len(), plan.bytes), (1100, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_probe_tells_what_works_and_leaves_nothing_behind() {
    let server = server();
    let report = bucket(&server).probe().await;
    assert!(report.ok, "{report:?}");
    let names: Vec<_> = report.checks.iter().map(|c| (c.name, c.ok)).collect();
    for name in [
        "write",
        "read",
        "range",
        "list",
        "multipart",
        "copy",
        "conditional_put",
        "versioning",
        "clock",
        "delete",
    ] {
        assert!(names.contains(&(name, true)), "{name} in {names:?}");
    }
    assert!(
        report
            .checks
            .iter()
            .any(|c| c.name == "conditional_put" && c.detail == "honoured")
    );
    assert!(server.objects().is_empty() && server.open_uploads() == 0);

    let garage = TestS3::start(Options {
        personality: Personality {
            ignores_conditions: true,
            ..Personality::default()
        },
        ..Options::default()
    })
    .unwrap();
    let report = bucket(&garage).probe().await;
    assert!(report.ok);
    assert!(
        report
            .checks
            .iter()
            .any(|c| c.name == "conditional_put" && c.detail.starts_with("ignored"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restarted_server_still_has_everything() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options {
        dir: Some(dir.path().to_owned()),
        ..Options::default()
    };
    let mut store = FakeStore::new();
    store.put("a", b"a");
    let first = TestS3::start(options.clone()).unwrap();
    store.back_up(&bucket(&first)).await.unwrap();
    drop(first);
    let second = TestS3::start(options).unwrap();
    let reconnected: Bucket = bucket(&second);
    let sink = FolderSink::new();
    restore_all(&reconnected, &sink).await.unwrap();
    assert_eq!(sink.contents(), store.contents());
}
