//! Encryption before sending, as the backup crate does it, against a real server: what
//! lies in the bucket tells nothing, and what was touched there is found.

mod backup_support;

use std::sync::Arc;

use backup_support::sealed::*;
use backup_support::*;
use redline_backup::{StoredFile, fetch_file, plan_restore, point_changes, run_restore, verify};

#[tokio::test(flavor = "multi_thread")]
async fn nothing_in_the_bucket_tells_what_it_is_and_all_of_it_comes_back() {
    let server = server();
    let keys = keys(&server).await;
    let mut store = store();
    let outcome = store.back_up(&sealed(&server, &keys)).await.unwrap();
    assert_eq!(
        (outcome.uploaded_files, outcome.in_the_clear),
        (6, 0),
        "{outcome:?}"
    );
    assert_eq!(told_by(&server, &store), Vec::<String>::new());
    let open_to_all = server.objects().into_iter().filter(|(key, _)| {
        key.contains("/files/") || key.ends_with(".duckdb") || key.ends_with(".zst")
    });
    assert_eq!(open_to_all.count(), 0);
    assert_eq!(
        server
            .objects()
            .iter()
            .filter(|(key, _)| key.contains("/objects/"))
            .count(),
        5,
        "the same bytes lie there once"
    );

    let fresh = unlocked(&server, PASSPHRASE).await;
    for deep in [false, true] {
        let report = verify(&fresh, &key(), None, deep, Arc::new(()))
            .await
            .unwrap();
        assert!(report.ok && report.objects == 6, "{report:?}");
    }
    let sink = FolderSink::new();
    let restored = restore_all(&fresh, &sink).await.unwrap();
    assert!(
        restored.catalog && restored.failed.is_empty(),
        "{restored:?}"
    );
    assert_eq!(sink.contents(), store.contents());
    let catalog = sink.catalog.lock().unwrap().clone().unwrap();
    let snapshot = store.snapshot();
    assert_eq!(sha256(&std::fs::read(catalog).unwrap()), snapshot.sha256);

    // Unchanged, nothing is sent; one change sends one file.
    let again = store.back_up(&fresh).await.unwrap();
    assert!(!again.created && again.uploaded_bytes == 0, "{again:?}");
    store.put("small.txt", b"another sentence, and as private as that one");
    let third = store.back_up(&fresh).await.unwrap();
    assert_eq!((third.uploaded_files, third.unchanged_files), (1, 5));
    let changes = point_changes(&fresh, &key(), &third.restore_point)
        .await
        .unwrap();
    assert_eq!(changes.changed.len(), 1);
    assert_eq!(told_by(&server, &store), Vec::<String>::new());
}

/// The scan above finds what it looks for.
#[tokio::test(flavor = "multi_thread")]
async fn in_the_clear_all_of_it_is_told() {
    let server = server();
    let store = store();
    store.back_up(&bucket(&server)).await.unwrap();
    let told = told_by(&server, &store).join("\n");
    for part in [
        "hash of small.txt",
        "hash of the catalog",
        "name small.txt",
        "bytes of small.txt",
        "bytes of the catalog",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_touched_in_the_bucket_is_found_and_never_handed_over() {
    let server = server();
    let keys = keys(&server).await;
    let mut store = FakeStore::new();
    let content = noise(41, 4 * MIB + 100);
    store.put("big.bin", &content);
    store.put("other.bin", &noise(42, 4 * MIB + 100));
    store.back_up(&sealed(&server, &keys)).await.unwrap();
    let chunk = MIB + 16;
    let mut objects = server.objects();
    objects.retain(|(key, size)| key.contains("/objects/") && *size as usize > 4 * chunk);
    let [(one, _), (two, _)] = &objects[..] else {
        panic!("{objects:?}")
    };
    let honest = server.object(one).unwrap();
    let swapped = [
        &honest[chunk..2 * chunk],
        &honest[..chunk],
        &honest[2 * chunk..],
    ]
    .concat();
    let mut flipped = honest.clone();
    flipped[3 * chunk + 5] ^= 1;
    for (what, bytes) in [
        ("chunks swapped", swapped),
        ("a bit flipped", flipped),
        ("cut at a chunk", honest[..2 * chunk].to_vec()),
        ("cut within one", honest[..honest.len() - 7].to_vec()),
        ("another object", server.object(two).unwrap()),
    ] {
        server.plant(one, &bytes).unwrap();
        let bucket = sealed(&server, &keys);
        let report = verify(&bucket, &key(), None, true, Arc::new(()))
            .await
            .unwrap();
        assert_eq!(report.findings.len(), 1, "{what}: {report:?}");
        let sink = FolderSink::new();
        let plan = plan_restore(&bucket, &key(), None, &[]).await.unwrap();
        let restored = run_restore(&bucket, &plan, sink.clone(), Arc::new(()))
            .await
            .unwrap();
        assert_eq!(
            (restored.failed.len(), restored.restored),
            (1, 1),
            "{what}: {restored:?}"
        );
        assert_eq!(sink.leftovers(), 0, "{what}");
    }
    server.plant(one, &honest).unwrap();
    let sink = FolderSink::new();
    restore_all(&sealed(&server, &keys), &sink).await.unwrap();
    assert_eq!(sink.contents(), store.contents());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_half_fetched_file_is_gone_on_with_in_the_middle() {
    let server = server();
    let keys = keys(&server).await;
    let mut store = FakeStore::new();
    let content = noise(51, 40 * MIB + 3);
    store.put("large.bin", &content);
    store.back_up(&sealed(&server, &keys)).await.unwrap();
    let bucket = sealed(&server, &keys);
    let folder = tempfile::tempdir().unwrap();
    let half = folder.path().join("half");
    let file = StoredFile {
        relative_path: "large.bin",
        sha256: &store.files[0].sha256,
        size: content.len() as u64,
        seal: Some(keys.keys[0].id()),
    };
    std::fs::write(&half, &content[..20 * MIB]).unwrap();
    server.forget_requests();
    fetch_file(&bucket, &file, Some(half.clone()), Arc::new(()))
        .await
        .unwrap();
    assert_eq!(std::fs::read(&half).unwrap(), content);
    assert_eq!(server.count("GetObject"), 2, "the first 16 MiB were there");
    // What was there is not believed: it has to be the beginning of the same bytes.
    std::fs::write(&half, vec![1; 20 * MIB]).unwrap();
    fetch_file(&bucket, &file, Some(half.clone()), Arc::new(()))
        .await
        .unwrap();
    assert_eq!(std::fs::read(&half).unwrap(), content);
}
