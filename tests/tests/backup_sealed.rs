//! Encryption before sending, as the backup crate does it, against a real server: what
//! lies in the bucket tells nothing, what was touched there is found, and what was sent
//! in the clear before stays restorable until keep rules drop it.

mod backup_support;

use std::path::Path;
use std::sync::Arc;

use backup_support::*;
use jiff::{SignedDuration, Timestamp};
use redline_backup::{
    BackupError, Bucket, DataKeys, KeepRules, ManifestKey, PointState, StoredFile,
    change_passphrase, fetch_file, latest_manifest, list_restore_points, new_data_key,
    plan_restore, plan_retention, point_changes, run_restore, run_retention, unlock_data_keys,
    verify,
};
use redline_tests::s3::{Fault, FaultKind, TestS3};

const PASSPHRASE: &str = "four plain words here";

async fn keys(server: &TestS3) -> DataKeys {
    new_data_key(&bucket(server), &key(), &PASSPHRASE.into())
        .await
        .unwrap()
}

fn sealed(server: &TestS3, keys: &DataKeys) -> Bucket {
    let bucket = bucket(server);
    bucket.seal_with(keys.clone());
    bucket
}

/// As on a machine that has nothing but the passphrase.
async fn unlocked(server: &TestS3, passphrase: &str) -> Bucket {
    let bucket = bucket(server);
    let keys = unlock_data_keys(&bucket, &key(), &passphrase.into())
        .await
        .unwrap();
    bucket.seal_with(keys);
    bucket
}

fn store() -> FakeStore {
    let mut store = FakeStore::new();
    store.put("payroll/salaries 2026.csv", &noise(31, 3 * MIB + 7));
    store.put("in parts.bin", &noise(32, 16 * MIB));
    store.put("one chunk.bin", &noise(33, MIB));
    store.put("small.txt", b"a sentence that nobody else is to read");
    store.put("empty.txt", b"");
    store.put("payroll/twice.bin", &noise(33, MIB));
    store
}

fn files_below(folder: &Path, all: &mut Vec<(String, Vec<u8>)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files_below(&path, all);
        } else {
            let bytes = std::fs::read(&path).unwrap();
            all.push((path.to_string_lossy().into_owned(), bytes));
        }
    }
}

/// What of the store can be read from the server's disk: bytes, names and hashes, in
/// what it keeps and in what it calls that.
fn told_by(server: &TestS3, store: &FakeStore) -> Vec<String> {
    let mut all = Vec::new();
    files_below(server.dir(), &mut all);
    all.extend(
        server
            .objects()
            .into_iter()
            .map(|(key, _)| (key, Vec::new())),
    );
    let snapshot = store.snapshot();
    let mut needles: Vec<(String, Vec<u8>)> = Vec::new();
    let mut hash_of = |what: &str, hash: &str| {
        needles.push((format!("hash of {what}"), hash.as_bytes().to_vec()));
        needles.push((format!("hash of {what}"), hex::decode(hash).unwrap()));
    };
    hash_of("the catalog", &snapshot.sha256);
    for file in &store.files {
        hash_of(&file.relative_path, &file.sha256);
    }
    for file in &store.files {
        let name = file.relative_path.rsplit('/').next().unwrap();
        needles.push((format!("name {name}"), name.as_bytes().to_vec()));
        let bytes = std::fs::read(&file.path).unwrap();
        for piece in [bytes.get(..24), bytes.get(bytes.len().saturating_sub(24)..)] {
            if let Some(piece) = piece.filter(|piece| piece.len() == 24) {
                needles.push((format!("bytes of {name}"), piece.to_vec()));
            }
        }
    }
    let catalog = std::fs::read(&snapshot.path).unwrap();
    needles.push(("bytes of the catalog".into(), catalog[..24].to_vec()));
    let mut told = Vec::new();
    for (path, bytes) in &all {
        for (what, needle) in &needles {
            let inside = |hay: &[u8]| memchr::memmem::find(hay, needle).is_some();
            if inside(bytes) || inside(path.as_bytes()) {
                told.push(format!("{what} in {path}"));
            }
        }
    }
    told
}

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

fn is_locked<T: std::fmt::Debug>(result: redline_backup::Result<T>, keys: &DataKeys) {
    match result {
        Err(BackupError::Locked { key, .. }) => assert_eq!(key, keys.keys[0].id()),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_key_a_sealed_backup_is_locked_and_not_passed_over() {
    let server = server();
    let mut store = store();
    // A point in the clear from before is no way around it.
    store.back_up(&bucket(&server)).await.unwrap();
    let keys = keys(&server).await;
    store.touch_catalog();
    let point = store.back_up(&sealed(&server, &keys)).await.unwrap();
    let (shut, k) = (bucket(&server), key());
    let objects = server.objects();
    is_locked(latest_manifest(&shut, &k).await, &keys);
    is_locked(store.back_up(&shut).await, &keys);
    is_locked(plan_restore(&shut, &k, None, &[]).await, &keys);
    is_locked(verify(&shut, &k, None, true, Arc::new(())).await, &keys);
    is_locked(point_changes(&shut, &k, &point.restore_point).await, &keys);
    let rules = KeepRules {
        last: 1,
        daily: 0,
        weekly: 0,
        monthly: 0,
    };
    is_locked(
        run_retention(&shut, &k, &rules, Timestamp::now()).await,
        &keys,
    );
    assert_eq!(server.objects(), objects, "nothing was sent or deleted");
    let points = list_restore_points(&shut, &k).await.unwrap();
    let seen: Vec<_> = points.iter().map(|p| (p.state, p.encrypted)).collect();
    assert_eq!(
        seen,
        [(PointState::Locked, true), (PointState::Ready, false)]
    );
    // What lies in the clear can be had all the same.
    let plan = plan_restore(&shut, &k, Some(&points[1].id), &[]).await;
    assert_eq!(plan.unwrap().items.len(), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_passphrase_is_said_to_be_wrong_as_often_as_it_is_tried() {
    let server = server();
    let bucket = bucket(&server);
    let nothing = unlock_data_keys(&bucket, &key(), &PASSPHRASE.into()).await;
    assert!(matches!(nothing, Err(BackupError::NotFound { .. })));
    let keys = keys(&server).await;
    for _ in 0..3 {
        let wrong = unlock_data_keys(&bucket, &key(), &"five plain words here".into()).await;
        assert!(matches!(wrong, Err(BackupError::WrongPassphrase)));
    }
    let open = unlock_data_keys(&bucket, &key(), &PASSPHRASE.into())
        .await
        .unwrap();
    assert_eq!(open.keys, keys.keys);
    // Another license key, or a stranger with the bucket, has nothing to open.
    let other = unlock_data_keys(&bucket, &ManifestKey::new([9; 32]), &PASSPHRASE.into()).await;
    assert!(matches!(other, Err(BackupError::NotFound { .. })));
    // A second machine does not begin a second encryption beside the first.
    is_locked(
        new_data_key(&bucket, &key(), &PASSPHRASE.into()).await,
        &keys,
    );
}

fn wrapped_keys(server: &TestS3) -> Vec<String> {
    let objects = server.objects().into_iter().map(|(key, _)| key);
    objects.filter(|key| key.contains("/keys/")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_planted_among_the_wrapped_keys_is_no_key() {
    let server = server();
    let keys = keys(&server).await;
    let name = wrapped_keys(&server).remove(0);
    let honest = server.object(&name).unwrap();
    let place = format!("users/{STORE}/.redline/keys");
    // Newer by their names than the honest one, and asked first.
    let text = String::from_utf8(honest.clone()).unwrap();
    let huge = text.replace("65536", "67108864");
    assert_ne!(text, huge);
    for (n, bytes) in [
        huge.as_bytes(),
        &honest,
        b"{}",
        b"",
        &honest[..40],
        &vec![b'7'; 3 << 20],
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("{place}/0123456789abcdef-7ZZZZZZZZZZZZZZZZZZZZZZZZ{n}.json");
        server.plant(&name, bytes).unwrap();
    }
    let begun = std::time::Instant::now();
    let open = unlock_data_keys(&bucket(&server), &key(), &PASSPHRASE.into())
        .await
        .unwrap();
    assert_eq!(open.keys, keys.keys);
    assert!(begun.elapsed().as_secs() < 20);
    // The honest one damaged: nothing to open, and nothing is guessed.
    server.rot(&name, 60).unwrap();
    let none = unlock_data_keys(&bucket(&server), &key(), &PASSPHRASE.into()).await;
    assert!(
        matches!(none, Err(BackupError::NotFound { .. })),
        "{none:?}"
    );
    // A machine that still has the key puts it back before it sends anything.
    let report = {
        let store = store();
        store.back_up(&sealed(&server, &keys)).await.unwrap();
        let fresh = unlocked(&server, PASSPHRASE).await;
        verify(&fresh, &key(), None, true, Arc::new(()))
            .await
            .unwrap()
    };
    assert!(report.ok, "{report:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_point_is_not_claimed_that_no_other_machine_could_open() {
    let server = server();
    let keys = keys(&server).await;
    let store = store();
    store.back_up(&sealed(&server, &keys)).await.unwrap();
    server.remove(&wrapped_keys(&server)[0]);
    let report = verify(&sealed(&server, &keys), &key(), None, false, Arc::new(()))
        .await
        .unwrap();
    let found: Vec<_> = report.findings.iter().map(|f| f.what.as_str()).collect();
    assert_eq!((report.ok, found), (false, vec!["recovery key"]));
    let without = DataKeys {
        wrapped: None,
        ..keys.clone()
    };
    let mut changed = FakeStore::new();
    changed.put("new.txt", b"new");
    let refused = changed.back_up(&sealed(&server, &without)).await;
    assert!(matches!(refused, Err(BackupError::NoWrappedKey)));
    assert_eq!(manifests(&server).len(), 1);
    changed.back_up(&sealed(&server, &keys)).await.unwrap();
    assert_eq!(wrapped_keys(&server).len(), 1);
    unlocked(&server, PASSPHRASE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_passphrase_opens_the_same_key_and_the_old_one_no_more() {
    let server = server();
    let keys = keys(&server).await;
    let store = store();
    store.back_up(&sealed(&server, &keys)).await.unwrap();
    let before = wrapped_keys(&server);
    let new = "quite another set of words";
    // The bucket keeps the old one: both open.
    server.inject(Fault::new(FaultKind::ACCESS_DENIED).on("DeleteObject"));
    let (_, removed) = change_passphrase(&bucket(&server), &key(), &keys.keys[0], &new.into())
        .await
        .unwrap();
    assert!(!removed && wrapped_keys(&server).len() == 2);
    for passphrase in [PASSPHRASE, new] {
        unlocked(&server, passphrase).await;
    }
    let (_, removed) = change_passphrase(&bucket(&server), &key(), &keys.keys[0], &new.into())
        .await
        .unwrap();
    let after = wrapped_keys(&server);
    assert!(removed && after.len() == 1 && after != before, "{after:?}");
    let old = unlock_data_keys(&bucket(&server), &key(), &PASSPHRASE.into()).await;
    assert!(matches!(old, Err(BackupError::WrongPassphrase)));
    let sink = FolderSink::new();
    let fresh = unlocked(&server, new).await;
    restore_all(&fresh, &sink).await.unwrap();
    assert_eq!(sink.contents(), store.contents());
    // One that cannot be read back is not relied on: the old one stays.
    server.inject(
        Fault::new(FaultKind::FlippedBit)
            .on("GetObject")
            .path_contains("/keys/")
            .after(1),
    );
    let torn = change_passphrase(&bucket(&server), &key(), &keys.keys[0], &PASSPHRASE.into()).await;
    assert!(matches!(torn, Err(BackupError::Damaged { .. })), "{torn:?}");
    assert!(wrapped_keys(&server).contains(&after[0]));
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
async fn switched_on_later_everything_is_sent_again_once_and_the_rest_goes_with_keep_rules() {
    let server = server();
    let mut store = store();
    let first = store.back_up(&bucket(&server)).await.unwrap();
    let keys = keys(&server).await;
    let bucket = sealed(&server, &keys);
    let second = store.back_up(&bucket).await.unwrap();
    assert!(second.created && second.uploaded_files == 6, "{second:?}");
    let changes = second.current.head.changes;
    assert_eq!((changes.new_files, changes.changed_files), (0, 0));
    assert!(second.current.head.grew.is_empty());
    let third = store.back_up(&bucket).await.unwrap();
    assert!(!third.created && third.uploaded_files == 0, "{third:?}");
    // The first point is as it was, and so are the readable copies.
    assert!(
        server
            .object(&format!("users/{STORE}/files/small.txt"))
            .is_some()
    );
    let sink = FolderSink::new();
    let plan = plan_restore(&bucket, &key(), Some(&first.restore_point), &[])
        .await
        .unwrap();
    run_restore(&bucket, &plan, sink.clone(), Arc::new(()))
        .await
        .unwrap();
    assert_eq!(sink.contents(), store.contents());

    store.touch_catalog();
    store.back_up(&bucket).await.unwrap();
    let rules = KeepRules {
        last: 1,
        daily: 0,
        weekly: 0,
        monthly: 0,
    };
    let now = Timestamp::now();
    let plan = plan_retention(&bucket, &key(), &rules, now).await.unwrap();
    assert_eq!((plan.kept, plan.dropped.len()), (1, 2), "{plan:?}");
    run_retention(&bucket, &key(), &rules, now).await.unwrap();
    let later = now + SignedDuration::from_hours(25);
    let done = run_retention(&bucket, &key(), &rules, later).await.unwrap();
    assert_eq!(done.deleted_points, 2, "{done:?}");
    assert_eq!(
        told_by(&server, &store),
        Vec::<String>::new(),
        "copies and the newest catalog went with the points"
    );
    let sink = FolderSink::new();
    restore_all(&unlocked(&server, PASSPHRASE).await, &sink)
        .await
        .unwrap();
    assert_eq!(sink.contents(), store.contents());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_sealed_backup_that_was_cut_off_does_not_send_again() {
    let server = server();
    let store = store();
    store.back_up(&bucket(&server)).await.unwrap();
    let keys = keys(&server).await;
    server.inject(
        Fault::new(FaultKind::ACCESS_DENIED)
            .on("PutObject")
            .path_contains("/manifests/"),
    );
    store.back_up(&sealed(&server, &keys)).await.unwrap_err();
    let again = store.back_up(&sealed(&server, &keys)).await.unwrap();
    assert_eq!(
        (again.created, again.uploaded_bytes),
        (true, 0),
        "{again:?}"
    );
    let sink = FolderSink::new();
    restore_all(&unlocked(&server, PASSPHRASE).await, &sink)
        .await
        .unwrap();
    assert_eq!(sink.contents(), store.contents());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_only_in_the_bucket_in_the_clear_stays_in_the_point_and_is_counted() {
    let server = server();
    let store = store();
    let contents = store.contents();
    store.back_up(&bucket(&server)).await.unwrap();
    // Its local bytes were given up.
    std::fs::remove_file(store.path("in parts.bin")).unwrap();
    let keys = keys(&server).await;
    let bucket = sealed(&server, &keys);
    let outcome = store.back_up(&bucket).await.unwrap();
    assert_eq!(
        (outcome.in_the_clear, outcome.skipped.len()),
        (1, 0),
        "{outcome:?}"
    );
    let rules = KeepRules {
        last: 1,
        daily: 0,
        weekly: 0,
        monthly: 0,
    };
    let now = Timestamp::now();
    run_retention(&bucket, &key(), &rules, now).await.unwrap();
    let later = now + SignedDuration::from_hours(25);
    run_retention(&bucket, &key(), &rules, later).await.unwrap();
    let sink = FolderSink::new();
    let restored = restore_all(&bucket, &sink).await.unwrap();
    assert!(restored.failed.is_empty(), "{restored:?}");
    assert_eq!(sink.contents(), contents, "keep rules left the only copy");
    // Brought back, it is sealed with the next.
    std::fs::write(store.path("in parts.bin"), &contents["in parts.bin"]).unwrap();
    let outcome = store.back_up(&bucket).await.unwrap();
    assert_eq!((outcome.in_the_clear, outcome.uploaded_files), (0, 1));
}

/// Both switched it on before either saw the other's key.
#[tokio::test(flavor = "multi_thread")]
async fn two_machines_with_a_key_each_end_with_one() {
    let server = server();
    let (one, elsewhere) = (keys(&server).await, backup_support::server());
    let two = keys(&elsewhere).await;
    let mut store = store();
    let first = store.back_up(&sealed(&server, &one)).await.unwrap();
    is_locked(store.back_up(&sealed(&server, &two)).await, &one);
    let both = DataKeys {
        keys: [&two.keys[..], &one.keys].concat(),
        wrapped: two.wrapped.clone(),
    };
    let second = store.back_up(&sealed(&server, &both)).await.unwrap();
    assert_eq!(
        (second.uploaded_files, second.in_the_clear),
        (6, 0),
        "{second:?}"
    );
    // The first machine sees a key that it does not have, and opens it.
    is_locked(store.back_up(&sealed(&server, &one)).await, &two);
    let open = unlock_data_keys(&bucket(&server), &key(), &PASSPHRASE.into())
        .await
        .unwrap();
    assert_eq!(open.keys, both.keys, "the one that was wrapped last seals");
    let fresh = unlocked(&server, PASSPHRASE).await;
    for at in [None, Some(first.restore_point.as_str())] {
        let sink = FolderSink::new();
        let plan = plan_restore(&fresh, &key(), at, &[]).await.unwrap();
        run_restore(&fresh, &plan, sink.clone(), Arc::new(()))
            .await
            .unwrap();
        assert_eq!(sink.contents(), store.contents(), "{at:?}");
    }
    store.touch_catalog();
    let third = store.back_up(&fresh).await.unwrap();
    assert_eq!((third.uploaded_files, third.unchanged_files), (0, 6));
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
