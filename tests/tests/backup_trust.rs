//! A bucket that nobody has to trust: forged manifests, hostile names, bytes
//! that rot. What is wrong is said, and never restored.

mod backup_support;

use std::sync::Arc;

use backup_support::*;
use hmac::{Hmac, Mac};
use redline_backup::{
    BackupError, ManifestKey, NameProblem, PointState, latest_manifest, list_restore_points,
    plan_restore, run_restore, verify,
};
use redline_tests::s3::TestS3;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

async fn two_backups(server: &TestS3) -> (FakeStore, String, String) {
    let bucket = bucket(server);
    let mut store = FakeStore::new();
    store.put("a.csv", b"first a");
    store.put("b.csv", b"first b");
    let first = store.back_up(&bucket).await.unwrap();
    store.put("a.csv", b"second a");
    store.touch_catalog();
    let second = store.back_up(&bucket).await.unwrap();
    (store, first.restore_point, second.restore_point)
}

fn manifest_key(id: &str) -> String {
    format!("users/{STORE}/.redline/manifests/{id}.json")
}

/// What someone with the license key, or a bug, could write.
fn sign(id: &str, body: &str, key: [u8; 32]) -> Vec<u8> {
    let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(&key).unwrap();
    for piece in [
        b"redline manifest v1\0".as_slice(),
        id.as_bytes(),
        b"\0",
        body.as_bytes(),
    ] {
        mac.update(piece);
    }
    let hmac = hex::encode(mac.finalize().into_bytes());
    format!("{{\"format\":\"redline-manifest\",\"hmac\":\"{hmac}\",\"manifest\":{body}}}")
        .into_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_manifest_is_said_and_passed_over() {
    let server = server();
    let bucket = bucket(&server);
    let (store, first, second) = two_backups(&server).await;
    let honest = server.object(&manifest_key(&second)).unwrap();

    // An attacker's own key; one byte changed; an old one under a newer name.
    let body = serde_json::from_slice::<Value>(&honest).unwrap()["manifest"].to_string();
    let newer = second.replacen("0000000000000002", "0000000000000009", 1);
    let text = String::from_utf8(honest.clone()).unwrap();
    for forged in [
        sign(&newer, &body, [13; 32]),
        text.replace("\"files\":2", "\"files\":1").into_bytes(),
        honest.clone(),
    ] {
        server.plant(&manifest_key(&newer), &forged).unwrap();
        let points = list_restore_points(&bucket, &key()).await.unwrap();
        assert_eq!(points.len(), 3);
        assert_eq!(
            (points[0].id.as_str(), points[0].authentic, points[0].state),
            (newer.as_str(), false, PointState::Forged)
        );
        assert!(points[1].authentic && points[2].authentic);
        let refused = plan_restore(&bucket, &key(), Some(&newer), &[])
            .await
            .unwrap_err();
        assert!(matches!(refused, BackupError::Forged { .. }), "{refused}");
        // The newest that can be trusted, and it is said that one was passed over.
        let plan = plan_restore(&bucket, &key(), None, &[]).await.unwrap();
        assert_eq!(plan.point.id, second);
        assert_eq!(plan.skipped_points.len(), 1);
        assert_eq!(plan.skipped_points[0].id, newer);
    }

    // With the wrong key nothing is authentic, and the reason is given.
    let stranger = ManifestKey::new([1; 32]);
    assert!(
        list_restore_points(&bucket, &stranger)
            .await
            .unwrap()
            .iter()
            .all(|p| !p.authentic)
    );
    assert!(matches!(
        plan_restore(&bucket, &stranger, None, &[]).await,
        Err(BackupError::Forged { .. })
    ));

    // The next backup does not build on it, nor follow its number into the sky.
    let absurd = newer.replacen("0000000000000009", "9999999999999999", 1);
    server.plant(&manifest_key(&absurd), b"{}").unwrap();
    let mut store = store;
    store.put("c.csv", b"c");
    let third = store.back_up(&bucket).await.unwrap();
    assert!(third.generation < 100, "{}", third.generation);
    assert_eq!(third.current.head.parents, [second]);
    let old = plan_restore(&bucket, &key(), Some(&first), &[])
        .await
        .unwrap();
    assert_eq!(old.items.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_names_in_an_authentic_manifest_are_refused_one_by_one() {
    let server = server();
    let bucket = bucket(&server);
    let mut store = FakeStore::new();
    store.put("honest.csv", b"honest");
    let outcome = store.back_up(&bucket).await.unwrap();

    let hash = sha256(b"honest");
    let line = |path: &str, sha256: &str| {
        json!({"path": path, "uid": "01A", "id": 1, "size": 6, "sha256": sha256, "mtime_ns": 0})
            .to_string()
    };
    let hostile = [
        "../../outside",
        "/etc/cron.d/x",
        "a/../../b",
        "nul\0byte",
        "back\\slash",
        "C:/x",
        "",
        "a//b",
        "honest.csv",
    ];
    let mut lines = vec![line("honest.csv", &hash)];
    lines.extend(hostile.iter().map(|p| line(p, &hash)));
    lines.push(line("bad-hash", "../../../manifests"));
    let raw = lines.join("\n") + "\n";
    let packed = zstd::encode_all(raw.as_bytes(), 3).unwrap();
    let shard = hex::encode(Sha256::digest(&packed));
    server
        .plant(
            &format!("users/{STORE}/.redline/shards/{shard}.jsonl.zst"),
            &packed,
        )
        .unwrap();

    let id = outcome
        .restore_point
        .replacen("0000000000000001", "0000000000000002", 1);
    let honest: Value = serde_json::from_slice(&server.object(&outcome.manifest).unwrap()).unwrap();
    let mut head = honest["manifest"].clone();
    head["id"] = json!(id);
    head["shards"] = json!([{"sha256": shard, "size": packed.len(), "raw_size": raw.len(), "files": lines.len()}]);
    server
        .plant(&manifest_key(&id), &sign(&id, &head.to_string(), [42; 32]))
        .unwrap();

    let plan = plan_restore(&bucket, &key(), None, &[]).await.unwrap();
    assert_eq!(plan.point.id, id);
    assert_eq!(
        plan.items
            .iter()
            .map(|i| i.relative_path.as_str())
            .collect::<Vec<_>>(),
        ["honest.csv"]
    );
    assert_eq!(plan.refused.len(), hostile.len() + 1);
    for (path, problem) in [
        ("../../outside", NameProblem::Dots),
        ("/etc/cron.d/x", NameProblem::Absolute),
        ("nul\0byte", NameProblem::Character),
        ("honest.csv", NameProblem::Repeated),
        ("bad-hash", NameProblem::Malformed),
    ] {
        assert!(
            plan.refused.contains(&(path.to_owned(), problem)),
            "{path:?} in {:?}",
            plan.refused
        );
    }
    // A caller that puts one back into the plan does not get it either.
    let mut meddled = plan_restore(&bucket, &key(), None, &[]).await.unwrap();
    let mut bad = meddled.items[0].clone();
    bad.relative_path = "../up".into();
    meddled.items.push(bad);
    let sink = FolderSink::new();
    let restored = run_restore(&bucket, &meddled, sink.clone(), Arc::new(()))
        .await
        .unwrap();
    assert_eq!((restored.restored, restored.failed.len()), (1, 1));
    assert_eq!(sink.contents().len(), 1);

    let report = verify(&bucket, &key(), None, false, Arc::new(()))
        .await
        .unwrap();
    assert!(!report.ok && report.findings.len() == hostile.len() + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn rot_is_found_by_deep_verify_and_never_restored() {
    let server = server();
    let bucket = bucket(&server);
    let mut store = FakeStore::new();
    store.put("good.csv", b"good");
    store.put("rotten.bin", &noise(8, 20 * MIB));
    store.back_up(&bucket).await.unwrap();
    let rotten = &store.files[1];
    server.rot(&object_key(&rotten.sha256), 17 * MIB).unwrap();

    // A quick look cannot see it; reading every byte does.
    assert!(
        verify(&bucket, &key(), None, false, Arc::new(()))
            .await
            .unwrap()
            .ok
    );
    let watcher = Arc::new(Watcher::default());
    let report = verify(&bucket, &key(), None, true, watcher.clone())
        .await
        .unwrap();
    assert!(!report.ok);
    assert_eq!(report.findings.len(), 1);
    assert_eq!(
        (report.findings[0].what.as_str(), report.findings[0].missing),
        ("rotten.bin", false)
    );
    use std::sync::atomic::Ordering;
    assert_eq!(
        watcher.bytes.load(Ordering::SeqCst),
        watcher.total_bytes.load(Ordering::SeqCst)
    );

    // The readable copy stands in for it.
    let sink = FolderSink::new();
    restore_all(&bucket, &sink).await.unwrap();
    assert_eq!(sink.contents(), store.contents());

    // Gone bad in different places, the two make one whole file: the SHA-256 decides.
    let plain = format!("users/{STORE}/files/rotten.bin");
    server.rot(&plain, 3).unwrap();
    let sink = FolderSink::new();
    restore_all(&bucket, &sink).await.unwrap();
    assert_eq!(sink.contents(), store.contents());

    // In the same place the file is reported, the other comes through, and no bad byte stays.
    server.rot(&plain, 17 * MIB).unwrap();
    let sink = FolderSink::new();
    let restored = restore_all(&bucket, &sink).await.unwrap();
    assert_eq!((restored.restored, restored.failed.len()), (1, 1));
    assert!(
        matches!(&restored.failed[0].error, BackupError::Damaged { what } if what.contains("rotten.bin"))
    );
    assert_eq!(sink.contents().keys().collect::<Vec<_>>(), ["good.csv"]);
    assert_eq!(sink.leftovers(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_object_is_found_by_a_quick_look() {
    let server = server();
    let bucket = bucket(&server);
    let (store, ..) = two_backups(&server).await;
    let healthy = verify(&bucket, &key(), None, false, Arc::new(()))
        .await
        .unwrap();
    assert!(healthy.ok);
    assert_eq!((healthy.files, healthy.objects), (2, 3));
    server.remove(&object_key(&store.files[0].sha256));
    let report = verify(&bucket, &key(), None, false, Arc::new(()))
        .await
        .unwrap();
    assert_eq!(report.findings.len(), 1);
    assert!(report.findings[0].missing && !report.ok);
    // Another object under its name is seen by its size.
    server
        .plant(
            &object_key(&store.files[0].sha256),
            b"something else altogether",
        )
        .unwrap();
    let report = verify(&bucket, &key(), None, false, Arc::new(()))
        .await
        .unwrap();
    assert_eq!(
        (report.findings.len(), report.findings[0].missing),
        (1, false)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_list_or_a_planted_catalog_is_not_believed() {
    let server = server();
    let bucket = bucket(&server);
    let (_, first, second) = two_backups(&server).await;
    let shard = {
        let head: Value =
            serde_json::from_slice(&server.object(&manifest_key(&second)).unwrap()).unwrap();
        head["manifest"]["shards"][0]["sha256"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    server
        .rot(
            &format!("users/{STORE}/.redline/shards/{shard}.jsonl.zst"),
            10,
        )
        .unwrap();
    let plan = plan_restore(&bucket, &key(), None, &[]).await.unwrap();
    assert_eq!(plan.point.id, first, "falls back to the one before");
    assert_eq!(
        plan.skipped_points
            .iter()
            .map(|p| p.id.as_str())
            .collect::<Vec<_>>(),
        [second.as_str()]
    );
    assert!(
        matches!(latest_manifest(&bucket, &key()).await.unwrap().0, Some(m) if m.id() == first)
    );

    // A catalog of the right size with other content, in both places.
    let catalog = &plan.point.catalog;
    let planted = vec![7u8; catalog.size as usize];
    server
        .plant(
            &format!("users/{STORE}/.redline/db/{}.duckdb", catalog.sha256),
            &planted,
        )
        .unwrap();
    server
        .plant(&format!("users/{STORE}/user_data.duckdb"), &planted)
        .unwrap();
    let sink = FolderSink::new();
    // The files come through; what the planted one says about them is not believed.
    let restored = run_restore(&bucket, &plan, sink.clone(), Arc::new(()))
        .await
        .unwrap();
    assert!(!restored.catalog);
    assert!(
        matches!(&restored.failed[..], [one] if matches!(&one.error, BackupError::Damaged { what } if what.contains("catalog"))),
        "{restored:?}"
    );
    assert_eq!(restored.restored, plan.items.len() as u64);
    assert!(sink.catalog.lock().unwrap().is_none());
    assert_eq!(sink.leftovers(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_format_stops_an_older_redline() {
    let server = server();
    let bucket = bucket(&server);
    let (store, _, second) = two_backups(&server).await;
    let id = second.replacen("0000000000000002", "0000000000000003", 1);
    server
        .plant(
            &manifest_key(&id),
            &sign(&id, "{\"version\":3,\"anything\":[]}", [42; 32]),
        )
        .unwrap();
    for error in [
        store.back_up(&bucket).await.map(|_| ()).unwrap_err(),
        plan_restore(&bucket, &key(), None, &[])
            .await
            .map(|_| ())
            .unwrap_err(),
    ] {
        assert!(
            matches!(error, BackupError::TooNew { version: 3, .. }),
            "{error}"
        );
    }
    let points = list_restore_points(&bucket, &key()).await.unwrap();
    assert_eq!(points[0].state, PointState::TooNew);
}
