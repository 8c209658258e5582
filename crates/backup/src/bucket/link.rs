//! Links that anyone can open for a while, and single objects read back: what a person
//! does with one file of the bucket.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_sdk_s3::presigning::PresigningConfig;
use jiff::Timestamp;

use super::{Bucket, permission};
use crate::download::{self, Wanted};
use crate::progress::{Meter, Progress};
use crate::seal::{Kind, Place};
use crate::sink::make_private;
use crate::{BackupError, Result, SecretText};

/// A signed link. Whoever has it has the file, so it prints masked.
#[derive(Clone, Debug)]
pub struct Link {
    pub url: SecretText,
    pub expires_at: Timestamp,
    /// Why it expires earlier than was asked.
    pub shortened: Option<String>,
}

/// What a file is in the bucket.
#[derive(Clone, Copy, Debug)]
pub struct StoredFile<'a> {
    pub relative_path: &'a str,
    pub sha256: &'a str,
    pub size: u64,
    /// The id of the data key that the restore point says it is sealed with.
    pub seal: Option<&'a str>,
}

/// Signature version 4 ends there.
const LONGEST: Duration = Duration::from_secs(7 * 24 * 3600);

/// A link to a file, under its own name where the bucket has it there with these bytes,
/// else by its content.
///
/// # Errors
/// [`BackupError::NotFound`] if the bucket does not have it.
pub async fn link(bucket: &Bucket, file: &StoredFile<'_>, wanted: Duration) -> Result<Link> {
    if wanted.is_zero() {
        return Err(BackupError::BadConfig {
            what: "a link that expires at once".into(),
        });
    }
    let mut shortened = None;
    let lives = if wanted > LONGEST {
        shortened = Some("A signed link lives 7 days at most.".to_owned());
        LONGEST
    } else {
        wanted
    };
    let lives = match bucket.keys_expire_at() {
        Some(end) if SystemTime::now() + lives > end => {
            shortened =
                Some("The keys of the AWS profile end then, and the link with them.".into());
            let left = end.duration_since(SystemTime::now()).unwrap_or_default();
            Duration::from_secs(left.as_secs())
        }
        _ => lives,
    };
    if lives.is_zero() {
        return Err(BackupError::CredentialsExpired);
    }
    let keys = [
        bucket.layout().plain(file.relative_path),
        Some(bucket.layout().object(file.sha256)),
    ];
    for key in keys.into_iter().flatten() {
        let there = bucket.head(&key).await?;
        if there.is_some_and(|s| s.size == file.size && s.sha256.as_deref() == Some(file.sha256)) {
            let name = file.relative_path.rsplit('/').next().unwrap_or_default();
            let (url, expires_at) = bucket.presign(&key, name, lives).await?;
            return Ok(Link {
                url: url.into(),
                expires_at,
                shortened,
            });
        }
    }
    Err(BackupError::NotFound {
        what: format!("\"{}\"", file.relative_path),
    })
}

/// Reads a file's bytes back and hashes them, into `into` from wherever they are, or only to
/// know that they are whole where the restore point says.
///
/// # Errors
/// [`BackupError::NotFound`], [`BackupError::Damaged`].
pub async fn fetch_file(
    bucket: &Bucket,
    file: &StoredFile<'_>,
    into: Option<PathBuf>,
    progress: Arc<dyn Progress>,
) -> Result<()> {
    let (sha256, size) = (file.sha256, file.size);
    let what = format!("\"{}\"", file.relative_path);
    let meter = Meter::new(progress);
    let wanted = |places| Wanted {
        places,
        what: &what,
        size,
        sha256,
    };
    let Some(into) = into else {
        // To prove it only the object counts that no upload ever replaces.
        let object = bucket.place(Kind::Object, sha256, size, file.seal)?;
        return download::fetch(bucket, &wanted(vec![object]), None, &meter).await;
    };
    make_private(&into).map_err(|e| BackupError::io("write a restored file", e))?;
    let (sealed, mut clear): (Vec<Place>, Vec<Place>) = bucket
        .places(sha256, size)?
        .into_iter()
        .partition(|place| place.seal.is_some());
    let plain = bucket.layout().plain(file.relative_path);
    clear.extend(plain.map(|key| Place::clear(key, sha256, size)));
    if sealed.is_empty() {
        return download::fetch(bucket, &wanted(clear), Some(into), &meter).await;
    }
    match download::fetch(bucket, &wanted(sealed), Some(into.clone()), &meter).await {
        Err(BackupError::NotFound { .. }) => {
            // What is asked for is seen: a hash or a name only where it lies in the clear.
            let clear = bucket.listed_of(clear).await?;
            download::fetch(bucket, &wanted(clear), Some(into), &meter).await
        }
        outcome => outcome,
    }
}

impl Bucket {
    /// Signs a GET; sends nothing.
    async fn presign(&self, key: &str, name: &str, lives: Duration) -> Result<(String, Timestamp)> {
        let unusable = |what: String| BackupError::BadConfig { what };
        let begun = Timestamp::now();
        let config = PresigningConfig::builder()
            .start_time(begun.into())
            .expires_in(lives)
            .build()
            .map_err(|e| unusable(e.to_string()))?;
        let signed = self
            .0
            .modern
            .get_object()
            .bucket(self.name())
            .key(key)
            .response_content_disposition(attachment(name))
            .presigned(config)
            .await
            .map_err(|_| BackupError::AccessDenied {
                operation: permission::GET.to_owned(),
            })?;
        let expires_at = begun
            .checked_add(lives)
            .map_err(|e| unusable(e.to_string()))?;
        Ok((signed.uri().to_owned(), expires_at))
    }
}

/// RFC 6266: saved under its own name, whatever the key is.
fn attachment(name: &str) -> String {
    let mut encoded = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_') {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    format!("attachment; filename*=UTF-8''{encoded}")
}
