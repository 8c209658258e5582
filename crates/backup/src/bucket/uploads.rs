//! Multipart uploads: create, parts, complete, abort, and what to make of an
//! answer that got lost.

use aws_sdk_s3::primitives::{ByteStream, DateTime};
use aws_sdk_s3::types::{ChecksumAlgorithm, ChecksumType, CompletedMultipartUpload, CompletedPart};
use bytes::Bytes;

use super::objects::{META_OPERATION, META_SHA256, content_md5};
use super::{Bucket, Checksum, permission};
use crate::fault::{Fault, FaultKind};
use crate::{BackupError, Result};

/// A part that the server has.
#[derive(Clone, Debug)]
pub(crate) struct PartDone {
    pub(crate) number: i32,
    etag: Option<String>,
    crc64nvme: Option<String>,
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
        body: Bytes,
    ) -> Result<PartDone> {
        let signs = self.signs_payload();
        self.call(
            permission::PUT,
            "The upload",
            body.len() as u64,
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
                        Checksum::Crc64Nvme => {
                            part.checksum_algorithm(ChecksumAlgorithm::Crc64Nvme)
                        }
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
    }

    /// If the answer was lost and the upload is gone on the second try, the object
    /// itself says whether it was made: by its operation token and its size.
    pub(crate) async fn complete_upload(
        &self,
        key: &str,
        upload_id: &str,
        mut parts: Vec<PartDone>,
        size: u64,
        operation: &str,
    ) -> Result<()> {
        parts.sort_by_key(|part| part.number);
        let completed: Vec<CompletedPart> = parts
            .into_iter()
            .map(|part| {
                CompletedPart::builder()
                    .part_number(part.number)
                    .set_e_tag(part.etag)
                    .set_checksum_crc64_nvme(part.crc64nvme)
                    .build()
            })
            .collect();
        let upload = CompletedMultipartUpload::builder()
            .set_parts(Some(completed))
            .build();
        let outcome = self
            .call_for_fault(permission::PUT, 0, |client, _| {
                let (bucket, key, upload_id, upload) = (
                    self.name().to_owned(),
                    key.to_owned(),
                    upload_id.to_owned(),
                    upload.clone(),
                );
                async move {
                    let complete = client
                        .complete_multipart_upload()
                        .bucket(bucket)
                        .key(key)
                        .upload_id(upload_id);
                    complete.multipart_upload(upload).send().await?;
                    Ok(())
                }
            })
            .await;
        let Err(fault) = outcome else { return Ok(()) };
        if fault.kind == FaultKind::NotFound || fault.is("InvalidPart") {
            let made = self.head(key).await?;
            if made.is_some_and(|m| m.size == size && m.operation.as_deref() == Some(operation)) {
                tracing::debug!(
                    "an upload's completion was answered into the void; the object is there"
                );
                return Ok(());
            }
        }
        Err(self.name_fault(fault, permission::PUT, "The upload"))
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
            .copy_parts(&source, to, &upload_id, size, &operation)
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
        self.complete_upload(to, upload_id, parts, size, operation)
            .await
    }
}
