//! The keys of an encrypted backup: without one it is locked, a passphrase opens it, and
//! what strangers put beside them is no key.

mod backup_support;

use std::sync::Arc;

use backup_support::sealed::*;
use backup_support::*;
use jiff::Timestamp;
use redline_backup::{
    BackupError, DataKeys, ManifestKey, PointState, change_passphrase, latest_manifest,
    list_restore_points, new_data_key, plan_restore, point_changes, run_restore, run_retention,
    unlock_data_keys, verify,
};
use redline_tests::s3::{Fault, FaultKind, TestS3};

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
    let rules = keep_last(1);
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

/// What anybody with the bucket can put beside the keys, each newer by its name than ours.
fn crowd(server: &TestS3, files: std::ops::Range<usize>) {
    for n in files {
        let name = format!("0123456789abcdef-7ZZZZZZZZZZZZZZZZZZZZZ{n:04}");
        let place = format!("users/{STORE}/.redline/keys/{name}.json");
        server.plant(&place, b"{}").unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_found_in_a_crowd_and_a_crowd_without_end_is_said_to_be_one() {
    let server = server();
    let keys = keys(&server).await;
    let store = store();
    store.back_up(&sealed(&server, &keys)).await.unwrap();
    crowd(&server, 0..40);
    let fresh = unlocked(&server, PASSPHRASE).await;
    let sink = FolderSink::new();
    restore_all(&fresh, &sink).await.unwrap();
    assert_eq!(sink.contents(), store.contents());
    // Nor is a second key begun beside one that is hidden in it, or the same put there anew.
    is_locked(
        new_data_key(&bucket(&server), &key(), &PASSPHRASE.into()).await,
        &keys,
    );
    let mut changed = FakeStore::new();
    changed.put("new.txt", b"new");
    changed.back_up(&sealed(&server, &keys)).await.unwrap();
    assert_eq!(wrapped_keys(&server).len(), 41);

    // Nobody's work has no end.
    crowd(&server, 40..1001);
    server.forget_requests();
    let crowded = unlock_data_keys(&bucket(&server), &key(), &PASSPHRASE.into()).await;
    let Err(error @ BackupError::CrowdedKeys { files: 1002 }) = crowded else {
        panic!("{crowded:?}")
    };
    assert!(error.hint().contains("who can write to this bucket"));
    assert_eq!(server.count("GetObject"), 0);
    let objects = server.objects();
    let begun = new_data_key(&bucket(&server), &key(), &PASSPHRASE.into()).await;
    assert!(
        matches!(begun, Err(BackupError::CrowdedKeys { .. })),
        "{begun:?}"
    );
    changed.put("more.txt", b"more");
    let sent = changed.back_up(&sealed(&server, &keys)).await;
    assert!(
        matches!(sent, Err(BackupError::CrowdedKeys { .. })),
        "{sent:?}"
    );
    assert_eq!(server.objects(), objects);
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
