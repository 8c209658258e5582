//! Wrapped data keys in the bucket: put there and read back before anything is sealed with
//! them, opened on another machine, wrapped anew under another passphrase.

use bytes::Bytes;
use futures::stream::{self, StreamExt};
use sha2::{Digest, Sha256};

use super::key_file::MAX_KEY_FILE;
use super::{DataKey, DataKeys, KeyFile};
use crate::{BackupError, Bucket, ManifestKey, Result, SecretText};

/// A store has one or two. Of more than these none costs a passphrase its time.
const MOST: usize = 16;
/// Files that are looked through for them: what is planted besides is not read without end.
const LOOKED_THROUGH: usize = 1000;
const AT_ONCE: usize = 16;

/// A wrapped key, and its name in the bucket.
struct Found {
    key: String,
    file: KeyFile,
}

/// The wrapped keys that this store's license key has signed, the newest first.
pub async fn key_files(bucket: &Bucket, key: &ManifestKey) -> Result<Vec<KeyFile>> {
    Ok(found(bucket, key)
        .await?
        .into_iter()
        .map(|f| f.file)
        .collect())
}

/// When a wrapped key was made, which is what its name ends with; `None` for what is not
/// called like one.
fn made(key: &str, prefix: &str) -> Option<ulid::Ulid> {
    let name = key.strip_prefix(prefix)?.strip_suffix(".json")?;
    let (id, made) = name.split_once('-')?;
    let is_id = id.len() == 16 && id.bytes().all(|b| b.is_ascii_hexdigit());
    ulid::Ulid::from_string(made).ok().filter(|_| is_id)
}

/// The newest that this store's license key has signed, among whatever else lies there.
async fn found(bucket: &Bucket, key: &ManifestKey) -> Result<Vec<Found>> {
    let prefix = bucket.layout().keys_prefix();
    let mut listed = bucket.list(&prefix).await?;
    listed.retain(|object| made(&object.key, &prefix).is_some() && object.size <= MAX_KEY_FILE);
    if listed.len() > LOOKED_THROUGH {
        // With a part of them looked at, what is encrypted could pass for what is not.
        return Err(BackupError::CrowdedKeys {
            files: listed.len(),
        });
    }
    listed.sort_by_key(|object| std::cmp::Reverse(made(&object.key, &prefix)));
    let prefix = prefix.as_str();
    let mut files = stream::iter(listed)
        .map(|object| async move {
            let name = object.key[prefix.len()..].trim_end_matches(".json");
            let read = bucket.get_small(&object.key, "The backup's wrapped key", MAX_KEY_FILE);
            let file = match read.await {
                Ok(bytes) => KeyFile::decode(name, &bytes, key, bucket.store_hash()),
                Err(BackupError::NotFound { .. } | BackupError::Damaged { .. }) => None,
                Err(error) => return Err(error),
            };
            Ok(file.map(|file| Found {
                key: object.key,
                file,
            }))
        })
        .buffered(AT_ONCE);
    let mut all = Vec::new();
    while let Some(file) = files.next().await {
        all.extend(file?);
        if all.len() == MOST {
            break;
        }
    }
    Ok(all)
}

/// A new data key, wrapped under `passphrase` in the bucket, and read back from there.
///
/// # Errors
/// [`BackupError::Locked`] where the bucket has a data key of this store already.
pub async fn new_data_key(
    bucket: &Bucket,
    key: &ManifestKey,
    passphrase: &SecretText,
) -> Result<DataKeys> {
    if let Some(there) = found(bucket, key).await?.into_iter().next() {
        return Err(BackupError::Locked {
            what: "This backup".to_owned(),
            key: there.file.key().to_owned(),
        });
    }
    let data_key = DataKey::generate()?;
    let wrapped = wrap(bucket, &data_key, passphrase).await?;
    put(bucket, key, &wrapped).await?;
    Ok(DataKeys {
        keys: vec![data_key],
        wrapped: Some(wrapped),
    })
}

/// Every data key of this store in the bucket that `passphrase` opens; the first is the
/// one that was wrapped last.
///
/// # Errors
/// [`BackupError::NotFound`] where nothing is encrypted, [`BackupError::WrongPassphrase`].
pub async fn unlock_data_keys(
    bucket: &Bucket,
    key: &ManifestKey,
    passphrase: &SecretText,
) -> Result<DataKeys> {
    let mut open = DataKeys::default();
    let mut refused = None;
    for Found { file, .. } in found(bucket, key).await? {
        if open.get(file.key()).is_some() {
            continue;
        }
        let (wrapped, passphrase) = (file.clone(), passphrase.clone());
        match blocking(move || wrapped.unwrap_key(&passphrase)).await {
            Ok(data_key) => {
                open.keys.push(data_key);
                open.wrapped.get_or_insert(file);
            }
            // Of several reasons the passphrase is the one that a person can do something about.
            Err(error @ BackupError::WrongPassphrase) => refused = Some(error),
            Err(error) => {
                refused.get_or_insert(error);
            }
        }
    }
    if open.keys.is_empty() {
        return Err(refused.unwrap_or_else(|| BackupError::NotFound {
            what: "An encrypted backup of this store".to_owned(),
        }));
    }
    Ok(open)
}

/// Wraps the same data key under another passphrase. The earlier one stays in the bucket
/// until the new one was read back. `false`: the bucket does not let it be removed, so the
/// earlier passphrase still opens the backup.
pub async fn change_passphrase(
    bucket: &Bucket,
    key: &ManifestKey,
    data_key: &DataKey,
    passphrase: &SecretText,
) -> Result<(KeyFile, bool)> {
    let before = found(bucket, key).await?;
    let wrapped = wrap(bucket, data_key, passphrase).await?;
    put(bucket, key, &wrapped).await?;
    let mut removed = true;
    for earlier in before {
        if earlier.file.key() == data_key.id()
            && let Err(error) = bucket.delete_replaced_key(&earlier.key).await
        {
            tracing::warn!(%error, "an earlier wrapping of the backup's key stays in the bucket");
            removed = false;
        }
    }
    Ok((wrapped, removed))
}

/// Sees to it that the bucket has the key that seals, wrapped, before anything needs it.
pub(crate) async fn ensure(bucket: &Bucket, key: &ManifestKey) -> Result<()> {
    let DataKeys { wrapped, .. } = bucket.data_keys();
    let Some(id) = bucket.sealing() else {
        return Ok(());
    };
    if has_wrapped(bucket, key, id).await? {
        return Ok(());
    }
    match wrapped {
        Some(wrapped) if wrapped.key() == id => put(bucket, key, wrapped).await,
        _ => Err(BackupError::NoWrappedKey),
    }
}

/// Whether another machine could open what is sealed with this key.
pub(crate) async fn has_wrapped(bucket: &Bucket, key: &ManifestKey, id: &str) -> Result<bool> {
    let there = found(bucket, key).await?;
    Ok(there.iter().any(|found| found.file.key() == id))
}

async fn wrap(bucket: &Bucket, key: &DataKey, passphrase: &SecretText) -> Result<KeyFile> {
    let (key, passphrase, store) = (
        key.clone(),
        passphrase.clone(),
        bucket.store_hash().to_owned(),
    );
    blocking(move || KeyFile::wrap(&key, &passphrase, &store)).await
}

/// Under a new name, so that nothing is replaced; read back before anybody relies on it.
async fn put(bucket: &Bucket, key: &ManifestKey, file: &KeyFile) -> Result<()> {
    let name = format!("{}-{}", file.key(), ulid::Ulid::new());
    let place = bucket.layout().wrapped_key(&name);
    let body = file.encode(&name, key)?;
    let sha256 = hex::encode(Sha256::digest(&body));
    bucket
        .put(&place, Bytes::from(body.clone()), &sha256)
        .await?;
    let back = bucket
        .get_small(&place, "The backup's wrapped key", MAX_KEY_FILE)
        .await?;
    if back == body {
        Ok(())
    } else {
        Err(BackupError::Damaged {
            what: "The backup's wrapped key".to_owned(),
        })
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|e| BackupError::io("derive a key", std::io::Error::other(e)))?
}
