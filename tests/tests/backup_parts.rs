//! A file of more parts than a server takes, with small parts and a low limit so that it
//! fits a test (S3 takes 10,000, and 1,000 in a list).

mod backup_support;

use std::sync::Arc;

use backup_support::*;
use redline_backup::{BackupError, Bucket, Tuning, verify};
use redline_tests::s3::{Options, Personality, Seen, TestS3};

const SMALLEST: u64 = 1024;
/// As 9,000 are of S3's 10,000.
const OURS: u64 = 2_250;
const LIMIT: i32 = 2_500;
/// In parts of the smallest size over the server's limit.
const SIZE: usize = 2_600 * SMALLEST as usize + 7;

fn small_parts(server: &TestS3) -> Bucket {
    let tuning = Tuning {
        min_part: SMALLEST,
        most_parts: OURS,
        ..tuning()
    };
    Bucket::connect_with(config(server), tuning).unwrap()
}

/// Of the file; the catalog has its own.
fn sent(server: &TestS3, operation: &str) -> usize {
    let is_it = |r: &&Seen| r.operation == operation && r.path.contains("/objects/");
    server.requests().iter().filter(is_it).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn more_parts_than_s3_takes_become_larger_ones_and_are_resumed_in_the_middle() {
    let server = TestS3::start(Options {
        personality: Personality {
            smallest_part: 1,
            most_parts: LIMIT,
            ..Personality::AWS
        },
        ..Options::default()
    })
    .unwrap();
    let journal = tempfile::tempdir().unwrap();
    let mut store = FakeStore::new();
    store.put("large.bin", &noise(1, SIZE));

    let first = small_parts(&server);
    first.keep_journal_in(journal.path());
    let stops = Arc::new(Watcher {
        cancel_after_bytes: Some(SIZE as u64 * 95 / 100),
        ..Watcher::default()
    });
    let error = store.back_up_with(&first, None, stops).await.unwrap_err();
    assert!(matches!(error, BackupError::Cancelled), "{error}");
    assert_eq!(server.open_uploads(), 1);
    assert!(manifests(&server).is_empty());
    drop(first);

    let part = SIZE.div_ceil(OURS as usize);
    let parts = SIZE.div_ceil(part);
    let before = sent(&server, "UploadPart");
    assert!(before > 2000 && before <= parts, "{before} of {parts}");
    server.forget_requests();
    let second = small_parts(&server);
    second.keep_journal_in(journal.path());
    store.back_up(&second).await.unwrap();
    let again = sent(&server, "UploadPart");
    assert!(
        again < 300 && before + again >= parts,
        "{before}, then {again} of {parts}"
    );
    assert_eq!(sent(&server, "ListParts"), 3, "a thousand in each");
    assert_eq!(sent(&server, "CreateMultipartUpload"), 0);
    assert_eq!(server.open_uploads(), 0);

    let report = verify(&bucket(&server), &key(), None, true, Arc::new(()))
        .await
        .unwrap();
    assert!(report.ok, "{report:?}");
    let sink = FolderSink::new();
    restore_all(&bucket(&server), &sink).await.unwrap();
    assert_eq!(sink.contents(), store.contents());
}
