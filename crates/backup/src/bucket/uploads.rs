//! Multipart uploads: create, parts, complete, abort, and what to make of an
//! answer that got lost.

use aws_sdk_s3::primitives::{ByteStream, DateTime};
use aws_sdk_s3::types::{ChecksumAlgorithm, ChecksumType, CompletedMultipartUpload, CompletedPart};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;

use super::objects::{META_OPERATION, META_SHA256, content_md5};
use super::{Bucket, Checksum, permission};
use crate::fault::{Fault, FaultKind};
use crate::{BackupError, Result};

/// A part that the server has.
#[derive(Clone, Debug)]
pub(crate) struct PartDone {
    pub(crate) number: i32,
    pub(crate) etag: Option<String>,
    /// As the server said it, where it checks with that.
    pub(crate) crc64nvme: Option<String>,
}

/// What a part carries, and what is known of it.
pub(crate) struct PartBody {
    pub(crate) bytes: Bytes,
    pub(crate) crc64nvme: u64,
    /// Hex; where it is not known and the payload is signed, the signer hashes it.
    pub(crate) sha256: Option<String>,
}

impl From<Bytes> for PartBody {
    fn from(bytes: Bytes) -> Self {
        Self {
            crc64nvme: crc_fast::crc64_nvme(&bytes),
            sha256: None,
            bytes,
        }
    }
}

/// A part as the server lists it.
pub(crate) struct ListedPart {
    pub(crate) number: i32,
    pub(crate) size: u64,
    pub(crate) etag: Option<String>,
    pub(crate) crc64nvme: Option<String>,
}

/// What an upload's parts are to become.
pub(crate) struct Composed<'a> {
    pub(crate) key: &'a str,
    pub(crate) upload_id: &'a str,
    pub(crate) parts: Vec<PartDone>,
    pub(crate) size: u64,
    pub(crate) sha256: &'a str,
    /// The token that the upload was begun with.
    pub(crate) operation: &'a str,
    /// Of the whole, for a server that checks with it.
    pub(crate) crc64nvme: Option<u64>,
}

/// As it stands in a header.
pub(crate) fn crc_text(crc64nvme: u64) -> String {
    BASE64.encode(crc64nvme.to_be_bytes())
}

/// An upload that was begun and not finished.
pub(crate) struct OpenUpload {
    pub(crate) key: String,
    pub(crate) upload_id: String,
    pub(crate) initiated: Option<DateTime>,
}

/// S3 copies at most 5 GiB a part.
const COPY_PART: u64 = 1 << 30;

impl Bucket {
    pub(crate) async fn create_upload(
        &self,
        key: &str,
        sha256: &str,
        operation: &str,
    ) -> Result<String> {
        let created = self
            .call(permission::PUT, "The object", 0, |client, checksum| {
                let (bucket, key) = (self.name().to_owned(), key.to_owned());
                let (sha256, operation) = (sha256.to_owned(), operation.to_owned());
                async move {
                    let mut create = client
                        .create_multipart_upload()
                        .bucket(bucket)
                        .key(key)
                        .set_server_side_encryption(self.sse())
                        .set_ssekms_key_id(self.kms_key());
                    if checksum == Checksum::Crc64Nvme {
                        create = create
                            .checksum_algorithm(ChecksumAlgorithm::Crc64Nvme)
                            .checksum_type(ChecksumType::FullObject);
                    }
                    create
                        .metadata(META_SHA256, sha256)
                        .metadata(META_OPERATION, operation)
                        .send()
                        .await
                        .map_err(Fault::of_checksummed)
                }
            })
            .await?;
        created
            .upload_id
            .filter(|id| !id.is_empty())
            .ok_or_else(|| BackupError::Service {
                operation: permission::PUT.into(),
                status: 200,
                message: "an upload without an id".into(),
            })
    }

    pub(crate) async fn upload_part(
        &self,
        key: &str,
        upload_id: &str,
        number: i32,
        body: impl Into<PartBody>,
    ) -> Result<PartDone> {
        let PartBody {
            bytes: body,
            crc64nvme,
            sha256,
        } = body.into();
        let signs = self.signs_payload();
        let size = body.len() as u64;
        self.call_with_body(
            permission::PUT,
            size,
            sha256.as_deref(),
            |client, checksum| {
                let (bucket, key, upload_id, body) = (
                    self.name().to_owned(),
                    key.to_owned(),
                    upload_id.to_owned(),
                    body.clone(),
                );
                async move {
                    let mut part = client
                        .upload_part()
                        .bucket(bucket)
                        .key(key)
                        .upload_id(upload_id)
                        .part_number(number);
                    part = match checksum {
                        Checksum::Crc64Nvme => part.checksum_crc64_nvme(crc_text(crc64nvme)),
                        Checksum::ContentMd5 => part.content_md5(content_md5(&body)),
                    };
                    let part = part.body(ByteStream::from(body));
                    let done = if signs {
                        part.send().await
                    } else {
                        part.customize().disable_payload_signing().send().await
                    }
                    .map_err(Fault::of_checksummed)?;
                    Ok(PartDone {
                        number,
                        etag: done.e_tag,
                        crc64nvme: done.checksum_crc64_nvme,
                    })
                }
            },
        )
        .await
        .map_err(|fault| self.name_fault(fault, permission::PUT, "The upload"))
    }

    /// What the server has of an upload; `None` if the upload is gone.
    pub(crate) async fn list_parts(
        &self,
        key: &str,
        upload_id: &str,
    ) -> Result<Option<Vec<ListedPart>>> {
        let mut all = Vec::new();
        let mut marker: Option<String> = None;
        loop {
            let page = self
                .call_for_fault(permission::LIST_PARTS, 0, |client, _| {
                    let list = client
                        .list_parts()
                        .bucket(self.name())
                        .key(key)
                        .upload_id(upload_id)
                        .set_part_number_marker(marker.clone());
                    async move { Ok(list.send().await?) }
                })
                .await;
            let page = match page {
                Ok(page) => page,
                Err(fault) if fault.kind == FaultKind::NotFound => return Ok(None),
                Err(fault) => {
                    return Err(self.name_fault(fault, permission::LIST_PARTS, "The upload"));
                }
            };
            for part in page.parts.unwrap_or_default() {
                let size = part.size.and_then(|n| u64::try_from(n).ok());
                if let (Some(number), Some(size)) = (part.part_number, size) {
                    all.push(ListedPart {
                        number,
                        size,
                        etag: part.e_tag,
                        crc64nvme: part.checksum_crc64_nvme,
                    });
                }
            }
            let next = page.next_part_number_marker;
            if page.is_truncated != Some(true) || next.is_none() || next == marker {
                return Ok(Some(all));
            }
            marker = next;
        }
    }

    /// Gives the object its name. However the answer turns out, the object itself says
    /// whether it was made: by the upload's operation token, or its size and SHA-256.
    pub(crate) async fn complete_upload(&self, mut composed: Composed<'_>) -> Result<()> {
        composed.parts.sort_by_key(|part| part.number);
        let Err(fault) = self.complete(&composed).await else {
            return Ok(());
        };
        if fault.is_answer() && self.made(&composed).await? {
            tracing::debug!(
                "an upload's completion was answered into the void; the object is there"
            );
            return Ok(());
        }
        // The server knows its parts by other tags than it answered with.
        if fault.is("InvalidPart")
            && let Some(listed) = self.list_parts(composed.key, composed.upload_id).await?
        {
            for part in &mut composed.parts {
                if let Some(known) = listed.iter().find(|known| known.number == part.number) {
                    part.etag.clone_from(&known.etag);
                }
            }
            let Err(again) = self.complete(&composed).await else {
                return Ok(());
            };
            if self.made(&composed).await? {
                return Ok(());
            }
            return Err(self.name_fault(again, permission::PUT, "The upload"));
        }
        Err(self.name_fault(fault, permission::PUT, "The upload"))
    }

    async fn made(&self, composed: &Composed<'_>) -> Result<bool> {
        let stored = self.head(composed.key).await?;
        Ok(stored.is_some_and(|stored| {
            stored.size == composed.size
                && (stored.operation.as_deref() == Some(composed.operation)
                    || stored.sha256.as_deref() == Some(composed.sha256))
        }))
    }

    async fn complete(&self, composed: &Composed<'_>) -> Result<(), Fault> {
        let parts = composed.parts.iter().map(|part| {
            CompletedPart::builder()
                .part_number(part.number)
                .set_e_tag(part.etag.clone())
                .set_checksum_crc64_nvme(part.crc64nvme.clone())
                .build()
        });
        let upload = CompletedMultipartUpload::builder()
            .set_parts(Some(parts.collect()))
            .build();
        self.call_for_fault(permission::PUT, composed.size, |client, checksum| {
            let mut complete = client
                .complete_multipart_upload()
                .bucket(self.name())
                .key(composed.key)
                .upload_id(composed.upload_id)
                .multipart_upload(upload.clone());
            if checksum == Checksum::Crc64Nvme
                && let Some(crc64nvme) = composed.crc64nvme
            {
                complete = complete
                    .checksum_type(ChecksumType::FullObject)
                    .checksum_crc64_nvme(crc_text(crc64nvme));
            }
            async move {
                complete.send().await.map_err(Fault::of_checksummed)?;
                Ok(())
            }
        })
        .await
    }

    /// An upload that is already gone counts as aborted.
    pub(crate) async fn abort_upload(&self, key: &str, upload_id: &str) -> Result<()> {
        let outcome = self
            .call_for_fault(permission::ABORT, 0, |client, _| {
                let (bucket, key, upload_id) =
                    (self.name().to_owned(), key.to_owned(), upload_id.to_owned());
                async move {
                    client
                        .abort_multipart_upload()
                        .bucket(bucket)
                        .key(key)
                        .upload_id(upload_id)
                        .send()
                        .await?;
                    Ok(())
                }
            })
            .await;
        match outcome {
            Err(fault) if fault.kind != FaultKind::NotFound => {
                Err(self.name_fault(fault, permission::ABORT, "The upload"))
            }
            _ => Ok(()),
        }
    }

    /// Unfinished uploads under a prefix of ours.
    pub(crate) async fn open_uploads(&self, prefix: &str) -> Result<Vec<OpenUpload>> {
        let mut all = Vec::new();
        let mut marker: Option<(Option<String>, Option<String>)> = None;
        loop {
            let page = self
                .call(permission::LIST_UPLOADS, "The bucket", 0, |client, _| {
                    let (bucket, prefix) = (self.name().to_owned(), prefix.to_owned());
                    let (key_marker, id_marker) = marker.clone().unwrap_or_default();
                    async move {
                        let list = client
                            .list_multipart_uploads()
                            .bucket(bucket)
                            .prefix(prefix);
                        Ok(list
                            .set_key_marker(key_marker)
                            .set_upload_id_marker(id_marker)
                            .send()
                            .await?)
                    }
                })
                .await?;
            for upload in page.uploads.unwrap_or_default() {
                // Some servers ignore the prefix.
                if let (Some(key), Some(upload_id)) = (upload.key, upload.upload_id)
                    && key.starts_with(prefix)
                {
                    all.push(OpenUpload {
                        key,
                        upload_id,
                        initiated: upload.initiated,
                    });
                }
            }
            let next = Some((page.next_key_marker, page.next_upload_id_marker));
            if page.is_truncated != Some(true) || next == marker {
                return Ok(all);
            }
            marker = next;
        }
    }

    /// A server-side copy of an object over 5 GiB.
    pub(super) async fn copy_in_parts(&self, from: &str, to: &str, size: u64) -> Result<()> {
        let source = format!("{}/{from}", self.name());
        let operation = ulid::Ulid::new().to_string();
        let sha256 = from.rsplit('/').next().unwrap_or_default();
        let upload_id = self.create_upload(to, sha256, &operation).await?;
        let outcome = self
            .copy_parts(&source, to, &upload_id, size, sha256, &operation)
            .await;
        if outcome.is_err() {
            self.abort_upload(to, &upload_id).await?;
        }
        outcome
    }

    async fn copy_parts(
        &self,
        source: &str,
        to: &str,
        upload_id: &str,
        size: u64,
        sha256: &str,
        operation: &str,
    ) -> Result<()> {
        let mut parts = Vec::new();
        for (number, start) in (1i32..).zip((0..size).step_by(COPY_PART as usize)) {
            let end = (start + COPY_PART).min(size) - 1;
            let copied = self
                .call(
                    permission::PUT,
                    "The object to copy",
                    COPY_PART,
                    |client, _| {
                        let (bucket, to, upload_id, source) = (
                            self.name().to_owned(),
                            to.to_owned(),
                            upload_id.to_owned(),
                            source.to_owned(),
                        );
                        async move {
                            let copy = client
                                .upload_part_copy()
                                .bucket(bucket)
                                .key(to)
                                .upload_id(upload_id)
                                .part_number(number);
                            Ok(copy
                                .copy_source(source)
                                .copy_source_range(format!("bytes={start}-{end}"))
                                .send()
                                .await?)
                        }
                    },
                )
                .await?;
            let result = copied.copy_part_result;
            parts.push(PartDone {
                number,
                etag: result.as_ref().and_then(|r| r.e_tag.clone()),
                crc64nvme: result.and_then(|r| r.checksum_crc64_nvme),
            });
        }
        self.complete_upload(Composed {
            key: to,
            upload_id,
            parts,
            size,
            sha256,
            operation,
            crc64nvme: None,
        })
        .await
    }
}
