//! Encryption before sending in the tests of the backup crate: a key in the bucket, who
//! has it and who has the passphrase alone, and what the bucket tells of a store.

use std::path::Path;

use redline_backup::{BackupError, Bucket, DataKeys, KeepRules, new_data_key, unlock_data_keys};
use redline_tests::s3::TestS3;

use super::*;

pub const PASSPHRASE: &str = "four plain words here";

pub async fn keys(server: &TestS3) -> DataKeys {
    new_data_key(&bucket(server), &key(), &PASSPHRASE.into())
        .await
        .unwrap()
}

pub fn sealed(server: &TestS3, keys: &DataKeys) -> Bucket {
    let bucket = bucket(server);
    bucket.seal_with(keys.clone());
    bucket
}

/// As on a machine that has nothing but the passphrase.
pub async fn unlocked(server: &TestS3, passphrase: &str) -> Bucket {
    let bucket = bucket(server);
    let keys = unlock_data_keys(&bucket, &key(), &passphrase.into())
        .await
        .unwrap();
    bucket.seal_with(keys);
    bucket
}

pub fn store() -> FakeStore {
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
pub fn told_by(server: &TestS3, store: &FakeStore) -> Vec<String> {
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

pub fn is_locked<T: std::fmt::Debug>(result: redline_backup::Result<T>, keys: &DataKeys) {
    match result {
        Err(BackupError::Locked { key, .. }) => assert_eq!(key, keys.keys[0].id()),
        other => panic!("{other:?}"),
    }
}

pub fn wrapped_keys(server: &TestS3) -> Vec<String> {
    let objects = server.objects().into_iter().map(|(key, _)| key);
    objects.filter(|key| key.contains("/keys/")).collect()
}

pub fn keep_last(last: u32) -> KeepRules {
    KeepRules {
        last,
        daily: 0,
        weekly: 0,
        monthly: 0,
    }
}
