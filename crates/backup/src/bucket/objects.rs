//! Whole objects: put, get, head, list, copy.

use aws_sdk_s3::Client;
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::MetadataDirective;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::{Bytes, BytesMut};
use md5::Digest as _;

use super::uploads::crc_text;
use super::{Bucket, Checksum, permission, pulse};
use crate::Result;
use crate::fault::{Fault, FaultKind};
use crate::seal::Place;

/// Object metadata of ours: the SHA-256 (hex) of the object's bytes.
pub(crate) const META_SHA256: &str = "sha256";
/// And a token of the upload that made it, which settles an answer that was lost.
pub(crate) const META_OPERATION: &str = "redline-op";

/// Server-side copies above this need parts (S3's limit is 5 GiB).
const MAX_SINGLE_COPY: u64 = 5 << 30;

/// What HEAD says.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub(crate) size: u64,
    pub(crate) sha256: Option<String>,
    pub(crate) operation: Option<String>,
    /// As in [`Listed`].
    pub(crate) modified: i64,
}

pub(crate) struct Listed {
    pub(crate) key: String,
    pub(crate) size: u64,
    /// When it was stored, by the server's clock, in seconds; the present where it does
    /// not say, so that nothing looks old by silence.
    pub(crate) modified: i64,
}

/// What a PUT said, for the probe.
pub(crate) struct PutDone {
    pub(crate) version_id: Option<String>,
}

pub(super) fn content_md5(body: &[u8]) -> String {
    BASE64.encode(md5::Md5::digest(body))
}

impl Bucket {
    /// One object in one request. `sha256` is the body's.
    pub(crate) async fn put(&self, key: &str, body: Bytes, sha256: &str) -> Result<PutDone> {
        self.put_as(key, body, sha256, Some(sha256)).await
    }

    /// The bytes of a content as they are to lie in `place`.
    pub(crate) async fn put_in(&self, place: &Place, body: Bytes) -> Result<PutDone> {
        let known = place.seal.is_none().then_some(place.label.as_str());
        self.put_as(&place.key, body, &place.label, known).await
    }

    /// `label` is what the object says of itself; `sha256`, where it is known, the body's.
    async fn put_as(
        &self,
        key: &str,
        body: Bytes,
        label: &str,
        sha256: Option<&str>,
    ) -> Result<PutDone> {
        let signs = self.signs_payload();
        let size = body.len() as u64;
        let crc64nvme = crc_fast::crc64_nvme(&body);
        let outcome = self
            .call_with_body(
                permission::PUT,
                size,
                sha256.filter(|_| signs),
                |client, checksum| {
                    let put = client
                        .put_object()
                        .bucket(self.name())
                        .key(key)
                        .set_server_side_encryption(self.sse())
                        .set_ssekms_key_id(self.kms_key())
                        .metadata(META_SHA256, label);
                    let put = match checksum {
                        Checksum::Crc64Nvme => put.checksum_crc64_nvme(crc_text(crc64nvme)),
                        Checksum::ContentMd5 => put.content_md5(content_md5(&body)),
                    };
                    let put = put.body(ByteStream::from(body.clone()));
                    async move {
                        let done = if signs {
                            put.send().await
                        } else {
                            put.customize().disable_payload_signing().send().await
                        }
                        .map_err(Fault::of_checksummed)?;
                        Ok(PutDone {
                            version_id: done.version_id,
                        })
                    }
                },
            )
            .await;
        let fault = match outcome {
            Ok(done) => return Ok(done),
            Err(fault) => fault,
        };
        // Our own success, answered into the void, can be what a second try runs into.
        if matches!(fault.status(), 409 | 412)
            && let Some(stored) = self.head(key).await?
            && stored.size == size
            && stored.sha256.as_deref() == Some(label)
        {
            return Ok(PutDone { version_id: None });
        }
        Err(self.name_fault(fault, permission::PUT, "The object"))
    }

    /// Only if nothing is there. `Ok(false)` if something is. For the probe: no
    /// step of a backup relies on it, since Garage ignores it and B2 refuses it.
    pub(crate) async fn put_if_absent(&self, key: &str, body: Bytes) -> Result<bool> {
        let outcome = self
            .call_for_fault(permission::PUT, body.len() as u64, |client, _| {
                let (bucket, key, body) = (self.name().to_owned(), key.to_owned(), body.clone());
                async move {
                    let put = client
                        .put_object()
                        .bucket(bucket)
                        .key(key)
                        .if_none_match("*");
                    put.content_md5(content_md5(&body))
                        .body(ByteStream::from(body))
                        .send()
                        .await?;
                    Ok(())
                }
            })
            .await;
        match outcome {
            Ok(()) => Ok(true),
            Err(fault)
                if fault.is("PreconditionFailed") || fault.is("ConditionalRequestConflict") =>
            {
                Ok(false)
            }
            Err(fault) => Err(self.name_fault(fault, permission::PUT, "The object")),
        }
    }

    /// A whole small object. More than `limit` bytes is an error, not a large allocation.
    pub(crate) async fn get_small(&self, key: &str, what: &str, limit: u64) -> Result<Bytes> {
        self.call(permission::GET, what, limit, |client, _| {
            let (bucket, key) = (self.name().to_owned(), key.to_owned());
            async move {
                let got = client.get_object().bucket(bucket).key(key).send().await?;
                collect(got, None, limit).await
            }
        })
        .await
    }

    /// An earlier version of an object, for the probe.
    pub(crate) async fn get_version(&self, key: &str, version: &str, limit: u64) -> Result<Bytes> {
        self.call(permission::GET, "The version", limit, |client, _| {
            let (bucket, key, version) =
                (self.name().to_owned(), key.to_owned(), version.to_owned());
            async move {
                let got = client
                    .get_object()
                    .bucket(bucket)
                    .key(key)
                    .version_id(version)
                    .send()
                    .await?;
                collect(got, None, limit).await
            }
        })
        .await
    }

    /// Exactly `length` bytes from `start`.
    pub(crate) async fn get_range(
        &self,
        key: &str,
        what: &str,
        start: u64,
        length: u64,
    ) -> Result<Bytes> {
        self.call(permission::GET, what, length, |client, _| {
            let (bucket, key) = (self.name().to_owned(), key.to_owned());
            async move {
                let range = format!("bytes={start}-{}", start + length - 1);
                let got = client
                    .get_object()
                    .bucket(bucket)
                    .key(key)
                    .range(range)
                    .send()
                    .await?;
                if whole_size(&got).is_some_and(|size| size < start + length) {
                    return Err(Fault::beyond_the_end());
                }
                collect(got, Some(length), length).await
            }
        })
        .await
    }

    /// `None` if nothing is there.
    pub(crate) async fn head(&self, key: &str) -> Result<Option<Stored>> {
        let outcome = self
            .call_for_fault(permission::GET, 0, |client, _| {
                let (bucket, key) = (self.name().to_owned(), key.to_owned());
                async move {
                    let head = client.head_object().bucket(bucket).key(key).send().await?;
                    let meta = |name: &str| head.metadata().and_then(|m| m.get(name)).cloned();
                    Ok(Stored {
                        size: head
                            .content_length()
                            .and_then(|n| u64::try_from(n).ok())
                            .unwrap_or(0),
                        sha256: meta(META_SHA256),
                        operation: meta(META_OPERATION),
                        modified: head.last_modified().map_or(i64::MAX, |at| at.secs()),
                    })
                }
            })
            .await;
        match outcome {
            Ok(stored) => Ok(Some(stored)),
            Err(fault) if fault.kind == FaultKind::NotFound => Ok(None),
            Err(fault) => Err(self.name_fault(fault, permission::GET, "The object")),
        }
    }

    /// Everything under a prefix, a thousand a request.
    pub(crate) async fn list(&self, prefix: &str) -> Result<Vec<Listed>> {
        let mut all = Vec::new();
        let mut token: Option<String> = None;
        loop {
            let page = self
                .call(permission::LIST, "The bucket", 0, |client: Client, _| {
                    let (bucket, prefix, token) =
                        (self.name().to_owned(), prefix.to_owned(), token.clone());
                    async move {
                        Ok(client
                            .list_objects_v2()
                            .bucket(bucket)
                            .prefix(prefix)
                            .set_continuation_token(token)
                            .send()
                            .await?)
                    }
                })
                .await?;
            for object in page.contents.unwrap_or_default() {
                if let Some(key) = object.key {
                    all.push(Listed {
                        key,
                        size: object.size.and_then(|n| u64::try_from(n).ok()).unwrap_or(0),
                        modified: object.last_modified.map_or(i64::MAX, |at| at.secs()),
                    });
                }
            }
            if page.is_truncated != Some(true) {
                return Ok(all);
            }
            // A server that says "more" without saying from where: half a list must not
            // pass for the whole, since what no listed point needs is deleted one day.
            match page.next_continuation_token {
                Some(next) if token.as_ref() != Some(&next) => token = Some(next),
                _ => {
                    return Err(crate::BackupError::Unsupported {
                        operation: "lists of more than a thousand objects".to_owned(),
                    });
                }
            }
        }
    }

    /// On the server: the bytes do not travel again. `from` must be a key of
    /// plain ASCII (objects are), since the header it goes into is not encoded.
    pub(crate) async fn copy(&self, from: &str, to: &str, size: u64) -> Result<()> {
        if size > MAX_SINGLE_COPY {
            return self.copy_in_parts(from, to, size).await;
        }
        self.call(permission::PUT, "The object to copy", size, |client, _| {
            let (bucket, to, source) = (
                self.name().to_owned(),
                to.to_owned(),
                format!("{}/{from}", self.name()),
            );
            async move {
                let copy = client
                    .copy_object()
                    .bucket(bucket)
                    .key(to)
                    .set_server_side_encryption(self.sse())
                    .set_ssekms_key_id(self.kms_key())
                    .copy_source(source);
                copy.metadata_directive(MetadataDirective::Copy)
                    .send()
                    .await?;
                Ok(())
            }
        })
        .await
    }

    pub(crate) async fn versioning(&self) -> Result<Option<String>> {
        self.call(permission::VERSIONING, "The bucket", 0, |client, _| {
            let bucket = self.name().to_owned();
            async move {
                let answer = client.get_bucket_versioning().bucket(bucket).send().await?;
                Ok(answer.status.map(|s| s.as_str().to_owned()))
            }
        })
        .await
    }

    /// Deletes what keep rules dropped. A key outside of this store's backup is refused.
    pub(crate) async fn delete_collected(&self, key: &str) -> Result<()> {
        let layout = self.layout();
        let ours = [
            layout.objects_prefix(),
            layout.shards_prefix(),
            layout.catalogs_prefix(),
            layout.manifests_prefix(),
            layout.marks_prefix(),
            layout.plain_prefix(),
        ];
        let catalog = layout.latest_catalog();
        if key != catalog && !ours.iter().any(|prefix| key.starts_with(prefix)) {
            return Err(crate::BackupError::BadConfig {
                what: "only what belongs to this store's backup is ever deleted".into(),
            });
        }
        self.delete(key).await
    }

    /// Deletes a wrapping of the data key that another has taken the place of.
    pub(crate) async fn delete_replaced_key(&self, key: &str) -> Result<()> {
        if !key.starts_with(&self.layout().keys_prefix()) {
            return Err(crate::BackupError::BadConfig {
                what: "only a wrapped key is replaced".into(),
            });
        }
        self.delete(key).await
    }

    async fn delete(&self, key: &str) -> Result<()> {
        self.call(permission::DELETE, "The object", 0, |client, _| {
            let (bucket, key) = (self.name().to_owned(), key.to_owned());
            async move {
                client
                    .delete_object()
                    .bucket(bucket)
                    .key(key)
                    .send()
                    .await?;
                Ok(())
            }
        })
        .await
    }

    /// Deletes one of our own probe objects, and nothing else.
    pub(crate) async fn delete_probe(&self, key: &str, version: Option<String>) -> Result<()> {
        if !key.starts_with(&self.layout().probe_prefix()) {
            return Err(crate::BackupError::BadConfig {
                what: "only probe objects are ever deleted".into(),
            });
        }
        self.call(permission::DELETE, "The probe object", 0, |client, _| {
            let (bucket, key, version) = (self.name().to_owned(), key.to_owned(), version.clone());
            async move {
                client
                    .delete_object()
                    .bucket(bucket)
                    .key(key)
                    .set_version_id(version)
                    .send()
                    .await?;
                Ok(())
            }
        })
        .await
    }
}

/// How large the object is that a range was asked of.
fn whole_size(got: &GetObjectOutput) -> Option<u64> {
    let (_, size) = got.content_range.as_ref()?.rsplit_once('/')?;
    size.parse().ok()
}

/// Reads a body to its end, and no further than `limit`.
async fn collect(got: GetObjectOutput, exact: Option<u64>, limit: u64) -> Result<Bytes, Fault> {
    let expected = exact.or_else(|| got.content_length.and_then(|n| u64::try_from(n).ok()));
    if expected.is_some_and(|n| n > limit) {
        return Err(too_large());
    }
    let mut body = got.body;
    let mut bytes = BytesMut::with_capacity(usize::try_from(expected.unwrap_or(0)).unwrap_or(0));
    while let Some(chunk) = body.try_next().await? {
        if (bytes.len() + chunk.len()) as u64 > limit {
            return Err(too_large());
        }
        bytes.extend_from_slice(&chunk);
        pulse::received(chunk.len()).await;
    }
    match expected {
        Some(n) if n != bytes.len() as u64 => Err(Fault::transport("the answer was cut short")),
        _ => Ok(bytes.freeze()),
    }
}

fn too_large() -> Fault {
    Fault::refused("EntityTooLarge", "the object is larger than it can be")
}
