//! Manifests and shards: what a restore point says, how it is authenticated,
//! and how it is read back from a bucket that nobody has to trust.
//!
//! A manifest is a small JSON object: format, HMAC, and the head. The files are
//! in shards (JSON lines, zstd), which the head names by their SHA-256, so the
//! HMAC covers them too. A shard holds the files whose path hashes into it, so
//! one changed file rewrites one shard.

mod shards;

use std::collections::BTreeSet;
use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::heads::Conflict;
use crate::layout::PointName;
use crate::names::{self, NameProblem};
use crate::{BackupError, DataKey, DataKeys, ManifestKey, Result};

pub(crate) use shards::{EncodedShard, decode_shard, encode_shards, shard_of};

pub(crate) const FORMAT: &str = "redline-manifest";
/// In the clear, and sealed: whoever does not know of sealing takes it for what it is,
/// the format of a newer program.
const VERSION: u32 = 1;
const SEALED_VERSION: u32 = 2;
/// A head of 256 shards is 40 KiB. Anything far over that is not ours.
pub(crate) const MAX_MANIFEST: u64 = 4 << 20;
const MAX_SHARD: u64 = 256 << 20;
const MAX_SHARDS: usize = 256;

/// Bytes in the bucket by their hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectRef {
    pub sha256: String,
    pub size: u64,
    /// The id of the data key that it is sealed with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seal: Option<String>,
}

/// One shard as stored: compressed, and addressed by the hash of those bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShardRef {
    pub sha256: String,
    pub size: u64,
    /// Uncompressed.
    pub raw_size: u64,
    pub files: u64,
}

/// Against the restore point before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changes {
    pub new_files: u64,
    pub changed_files: u64,
    pub removed_files: u64,
    /// Bytes that crossed the network for it, catalog and shards not counted.
    pub uploaded_bytes: u64,
}

/// A file that a restore point made larger, new ones included.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grown {
    pub path: String,
    /// Bytes that it has more than in the point before.
    pub by: u64,
    pub size: u64,
}

/// The authenticated head of a restore point.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestHead {
    pub version: u32,
    /// The store's hash: a manifest moved to another store's prefix is refused.
    pub store: String,
    pub id: String,
    pub generation: u64,
    pub device: String,
    /// RFC 3339, UTC.
    pub created_at: String,
    /// Restore points this one builds on. Two devices' heads are those nobody names here.
    pub parents: Vec<String>,
    /// The newest point of each device that this one builds on, near or far: keep rules
    /// may drop points between.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub seen: Vec<String>,
    pub catalog: ObjectRef,
    pub shards: Vec<ShardRef>,
    pub files: u64,
    pub bytes: u64,
    pub changes: Changes,
    /// Those that grew most, the most first; a handful.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grew: Vec<Grown>,
    /// The id of the data key that this head and its lists are sealed with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encryption: Option<String>,
}

impl ManifestHead {
    pub(crate) fn version(sealing: Option<&str>) -> u32 {
        match sealing {
            None => VERSION,
            Some(_) => SEALED_VERSION,
        }
    }
}

/// What a sealed restore point says to everybody. All else is in `sealed`.
#[derive(Serialize, Deserialize)]
struct SealedHead {
    version: u32,
    store: String,
    id: String,
    encryption: String,
    /// Base64.
    sealed: String,
}

/// One file of a restore point.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    pub path: String,
    pub uid: String,
    pub id: i64,
    pub size: u64,
    pub sha256: String,
    pub mtime_ns: i64,
    /// The id of the data key that its bytes are sealed with in the bucket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seal: Option<String>,
}

/// A restore point, authenticated and read in full.
#[derive(Clone, Debug)]
pub struct Manifest {
    pub head: ManifestHead,
    /// In order of path. Only those with an acceptable name.
    pub files: Vec<FileEntry>,
    /// Names that were refused, and why.
    pub refused: Vec<(String, NameProblem)>,
    /// Where this is the merged view of several devices' points: the heads beside `head`.
    pub others: Vec<ManifestHead>,
    /// And what two of them had changed.
    pub conflicts: Vec<Conflict>,
}

#[derive(Serialize, Deserialize)]
struct Envelope<'a> {
    format: String,
    hmac: String,
    #[serde(borrow)]
    manifest: &'a RawValue,
}

/// `data_key` is the one that `head.encryption` names.
pub(crate) fn encode_head(
    head: &ManifestHead,
    key: &ManifestKey,
    data_key: Option<&DataKey>,
) -> Result<Vec<u8>> {
    let encode = |e: serde_json::Error| BackupError::io("write the manifest", io::Error::other(e));
    let body = match data_key {
        None => serde_json::value::to_raw_value(head),
        Some(data_key) => {
            let inner = serde_json::to_vec(head).map_err(encode)?;
            serde_json::value::to_raw_value(&SealedHead {
                version: SEALED_VERSION,
                store: head.store.clone(),
                id: head.id.clone(),
                encryption: data_key.id().to_owned(),
                sealed: BASE64.encode(data_key.seal_text(&sealed_as(&head.id), &inner)?),
            })
        }
    }
    .map_err(encode)?;
    let hmac = key.sign(&head.id, body.get().as_bytes());
    serde_json::to_vec(&Envelope {
        format: FORMAT.to_owned(),
        hmac,
        manifest: &body,
    })
    .map_err(encode)
}

/// A restore point's name is never given twice, so nothing else is sealed as this.
fn sealed_as(id: &str) -> String {
    format!("point/{id}")
}

/// Authenticates before it believes a word.
///
/// # Errors
/// [`BackupError::Locked`] for one that is authentic and sealed with a key that is not held.
pub(crate) fn decode_head(
    id: &str,
    bytes: &[u8],
    key: &ManifestKey,
    store: &str,
    data_keys: &DataKeys,
) -> Result<ManifestHead> {
    let what = || format!("The restore point {id}");
    let damaged = |_| BackupError::Damaged { what: what() };
    let envelope: Envelope<'_> = serde_json::from_slice(bytes).map_err(damaged)?;
    if envelope.format != FORMAT {
        return Err(BackupError::Damaged { what: what() });
    }
    let body = envelope.manifest.get();
    if !key.accepts(id, body.as_bytes(), &envelope.hmac) {
        return Err(BackupError::Forged { what: what() });
    }
    #[derive(Deserialize)]
    struct Versioned {
        version: u32,
    }
    let Versioned { version } = serde_json::from_str(body).map_err(damaged)?;
    if version > SEALED_VERSION {
        return Err(BackupError::TooNew {
            what: what(),
            version,
        });
    }
    let head: ManifestHead = if version == SEALED_VERSION {
        let sealed: SealedHead = serde_json::from_str(body).map_err(damaged)?;
        if sealed.id != id || sealed.store != store {
            return Err(BackupError::Forged { what: what() });
        }
        let Some(data_key) = data_keys.get(&sealed.encryption) else {
            return Err(BackupError::Locked {
                what: what(),
                key: sealed.encryption,
            });
        };
        let opened = BASE64
            .decode(&sealed.sealed)
            .ok()
            .and_then(|sealed| data_key.open_text(&sealed_as(id), &sealed));
        let head: ManifestHead = opened
            .and_then(|inner| serde_json::from_slice(&inner).ok())
            .ok_or_else(|| BackupError::Damaged { what: what() })?;
        if head.encryption.as_ref() != Some(&sealed.encryption) {
            return Err(BackupError::Forged { what: what() });
        }
        head
    } else {
        let head: ManifestHead = serde_json::from_str(body).map_err(damaged)?;
        // What lies in the clear cannot say that it is sealed.
        ManifestHead {
            encryption: None,
            ..head
        }
    };
    let hashes_ok = names::is_sha256(&head.catalog.sha256)
        && head.shards.iter().all(|s| names::is_sha256(&s.sha256));
    let sizes_ok = head.shards.len() <= MAX_SHARDS
        && head
            .shards
            .iter()
            .all(|s| s.size <= MAX_SHARD && s.raw_size <= MAX_SHARD);
    if head.id != id || head.store != store || !hashes_ok || !sizes_ok {
        return Err(BackupError::Forged { what: what() });
    }
    Ok(head)
}

impl Manifest {
    /// Puts the head and its shards' files together, refusing names one by one.
    pub(crate) fn assemble(head: ManifestHead, entries: Vec<FileEntry>) -> Self {
        let mut files = Vec::with_capacity(entries.len());
        let mut refused = Vec::new();
        let mut seen = BTreeSet::new();
        for entry in entries {
            match check_entry(&entry) {
                Ok(()) if !seen.insert(entry.path.clone()) => {
                    refused.push((entry.path, NameProblem::Repeated))
                }
                Ok(()) => files.push(entry),
                Err(problem) => refused.push((entry.path, problem)),
            }
        }
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Self {
            head,
            files,
            refused,
            others: Vec::new(),
            conflicts: Vec::new(),
        }
    }

    /// Whether this is the restore point `id`, or was made knowing it. One that is gone or
    /// cannot be read is not built on: what stands for it may be older.
    pub fn builds_on(&self, id: &str) -> bool {
        let Some(name) = PointName::parse(id) else {
            return false;
        };
        let mut heads = std::iter::once(&self.head).chain(&self.others);
        heads.any(|head| crate::heads::covers(head, &name))
    }

    /// The restore point's id, as `--at` takes it.
    pub fn id(&self) -> &str {
        &self.head.id
    }
}

pub(crate) fn check_entry(entry: &FileEntry) -> std::result::Result<(), NameProblem> {
    names::check_path(&entry.path)?;
    let uid_ok = entry.uid.len() <= 64
        && entry
            .uid
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if !names::is_sha256(&entry.sha256) || i64::try_from(entry.size).is_err() || !uid_ok {
        return Err(NameProblem::Malformed);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;

    const STORE: &str = "0123456789abcdef";

    fn entry(path: &str) -> FileEntry {
        FileEntry {
            path: path.into(),
            uid: "01J".into(),
            id: 1,
            size: 3,
            sha256: "ab".repeat(32),
            mtime_ns: -5,
            seal: None,
        }
    }

    fn head(id: &str) -> ManifestHead {
        ManifestHead {
            version: VERSION,
            store: STORE.into(),
            id: id.into(),
            generation: 1,
            device: "d".into(),
            created_at: "2026-01-01T00:00:00Z".into(),
            parents: vec![],
            seen: vec![],
            catalog: ObjectRef {
                sha256: "cd".repeat(32),
                size: 9,
                seal: None,
            },
            shards: vec![],
            files: 0,
            bytes: 0,
            changes: Changes::default(),
            grew: vec![],
            encryption: None,
        }
    }

    fn decode(id: &str, bytes: &[u8], key: &ManifestKey, store: &str) -> Result<ManifestHead> {
        decode_head(id, bytes, key, store, &DataKeys::default())
    }

    #[test]
    fn a_head_comes_back_only_with_its_key_name_and_store() {
        let key = ManifestKey::new([3; 32]);
        let bytes = encode_head(&head("a"), &key, None).unwrap();
        assert_eq!(decode("a", &bytes, &key, STORE).unwrap(), head("a"));
        let forged = |r: Result<ManifestHead>| matches!(r, Err(BackupError::Forged { .. }));
        assert!(forged(decode("b", &bytes, &key, STORE)));
        assert!(forged(decode(
            "a",
            &bytes,
            &ManifestKey::new([4; 32]),
            STORE
        )));
        assert!(forged(decode("a", &bytes, &key, "fedcba9876543210")));
        let text = String::from_utf8(bytes.clone())
            .unwrap()
            .replace("\"bytes\":0", "\"bytes\":1");
        assert!(forged(decode("a", text.as_bytes(), &key, STORE)));
        assert!(matches!(
            decode("a", &bytes[..20], &key, STORE),
            Err(BackupError::Damaged { .. })
        ));
    }

    #[test]
    fn a_newer_format_is_said_not_guessed() {
        let key = ManifestKey::new([3; 32]);
        let bytes = encode_head(
            &ManifestHead {
                version: 3,
                ..head("a")
            },
            &key,
            None,
        )
        .unwrap();
        assert!(matches!(
            decode("a", &bytes, &key, STORE),
            Err(BackupError::TooNew { version: 3, .. })
        ));
    }

    #[test]
    fn a_sealed_head_says_nothing_and_opens_with_its_data_key_alone() {
        let key = ManifestKey::new([3; 32]);
        let data_key = DataKey::generate().unwrap();
        let keys = |key: &DataKey| DataKeys {
            keys: vec![key.clone()],
            wrapped: None,
        };
        let head = ManifestHead {
            version: ManifestHead::version(Some(data_key.id())),
            grew: vec![Grown {
                path: "salaries.csv".into(),
                by: 1,
                size: 1,
            }],
            encryption: Some(data_key.id().to_owned()),
            ..head("a")
        };
        let bytes = encode_head(&head, &key, Some(&data_key)).unwrap();
        let text = String::from_utf8(bytes.clone()).unwrap();
        for told in ["salaries", "cdcd", "2026", "catalog", "files"] {
            assert!(!text.contains(told), "{told} in {text}");
        }
        let open = |id: &str, keys: &DataKeys| decode_head(id, &bytes, &key, STORE, keys);
        assert_eq!(open("a", &keys(&data_key)).unwrap(), head);
        let other = DataKey::generate().unwrap();
        for keys in [DataKeys::default(), keys(&other)] {
            assert!(
                matches!(open("a", &keys), Err(BackupError::Locked { key, .. }) if key == data_key.id())
            );
        }
        assert!(matches!(
            open("b", &keys(&data_key)),
            Err(BackupError::Forged { .. })
        ));
    }

    #[test]
    fn one_changed_file_rewrites_one_shard() {
        let mut files: Vec<_> = (0..20_000)
            .map(|n| entry(&format!("dir/{n}.csv")))
            .collect();
        let before = encode_shards(&files).unwrap();
        assert_eq!(before.len(), 8);
        files[777].size = 4;
        let after = encode_shards(&files).unwrap();
        let changed = before
            .iter()
            .zip(&after)
            .filter(|(a, b)| a.reference != b.reference)
            .count();
        assert_eq!(changed, 1);
        let mut back: Vec<FileEntry> = after
            .iter()
            .flat_map(|s| decode_shard(&s.reference, &s.bytes).unwrap())
            .collect();
        back.sort_by(|a, b| a.path.cmp(&b.path));
        files.sort_by(|a, b| a.path.cmp(&b.path));
        assert_eq!(back, files);
    }

    #[test]
    fn the_shard_of_a_path_is_told_without_reading_any() {
        let files: Vec<_> = (0..20_000)
            .map(|n| entry(&format!("dir/{n}.csv")))
            .collect();
        let shards = encode_shards(&files).unwrap();
        let mut head = ManifestHead {
            files: files.len() as u64,
            shards: shards.iter().map(|s| s.reference.clone()).collect(),
            ..head("a")
        };
        for path in ["dir/7.csv", "dir/19999.csv", "dir/4711.csv"] {
            let shard = &shards[shard_of(&head, path).unwrap()];
            let listed = decode_shard(&shard.reference, &shard.bytes).unwrap();
            assert!(listed.iter().any(|file| file.path == path), "{path}");
        }
        // One that was empty was left out: the numbers say nothing any more.
        head.shards.remove(3);
        assert_eq!(shard_of(&head, "dir/7.csv"), None);
        head.shards.clear();
        assert_eq!(shard_of(&head, "dir/7.csv"), None);
    }

    #[test]
    fn a_shard_that_differs_in_one_bit_is_refused() {
        let mut shard = encode_shards(&[entry("a")]).unwrap().remove(0);
        let last = shard.bytes.len() - 1;
        shard.bytes[last] ^= 1;
        assert!(matches!(
            decode_shard(&shard.reference, &shard.bytes),
            Err(BackupError::Damaged { .. })
        ));
    }

    #[test]
    fn a_shard_never_unpacks_to_more_than_was_said() {
        let bytes = zstd::encode_all(&vec![b'\n'; 1 << 20][..], 3).unwrap();
        let reference = ShardRef {
            sha256: hex::encode(Sha256::digest(&bytes)),
            size: bytes.len() as u64,
            raw_size: 100,
            files: 0,
        };
        assert!(matches!(
            decode_shard(&reference, &bytes),
            Err(BackupError::Damaged { .. })
        ));
    }

    #[test]
    fn hostile_entries_are_set_apart() {
        let mut bad_hash = entry("h");
        bad_hash.sha256 = "../../x".into();
        let manifest = Manifest::assemble(
            head("a"),
            vec![
                entry("ok"),
                entry("../out"),
                entry("/abs"),
                entry("ok"),
                bad_hash,
            ],
        );
        assert_eq!(manifest.files.len(), 1);
        assert_eq!(manifest.refused.len(), 4);
    }
}
