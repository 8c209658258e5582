//! The S3 operations that a backup and its users' tools need, over [`Disk`].

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use s3s::dto::*;
use s3s::{S3, S3Request, S3Response, S3Result, s3_error};

use super::Personality;
use super::assemble::assemble;
use super::body::{Claims, internal, receive, send};
use super::disk::{Disk, Object as Stored, Part as StoredPart};
use super::parts::list_parts;
use super::settings::Settings;
use super::versions::list_versions;

pub(super) struct Service {
    pub(super) disk: Arc<Disk>,
    pub(super) personality: Personality,
    pub(super) settings: Arc<Settings>,
}

impl Service {
    fn bucket(&self, bucket: &str) -> S3Result {
        if self.disk.has_bucket(bucket) {
            Ok(())
        } else {
            Err(s3_error!(NoSuchBucket))
        }
    }

    fn object(&self, bucket: &str, key: &str) -> S3Result<Stored> {
        self.bucket(bucket)?;
        self.disk
            .get(bucket, key)
            .ok_or_else(|| s3_error!(NoSuchKey))
    }

    fn object_or_version(
        &self,
        bucket: &str,
        key: &str,
        version: Option<&str>,
    ) -> S3Result<Stored> {
        match version {
            Some(version) if self.personality.versions => {
                self.bucket(bucket)?;
                self.disk
                    .get_version(bucket, key, version)
                    .ok_or_else(|| s3_error!(NoSuchVersion))
            }
            // A server without versions gives what there is.
            _ => self.object(bucket, key),
        }
    }

    /// The version id that an answer carries.
    fn shown_version(&self, object: &Stored) -> Option<String> {
        if self.personality.fake_versions {
            return Some(format!("fake-{}", object.modified_ms));
        }
        object.version.clone()
    }

    pub(super) fn part_etag(&self, md5: &[u8; 16]) -> String {
        let mut tag = *md5;
        if self.personality.random_etags {
            // Of no use as a digest, and the same whenever it is asked for.
            tag.iter_mut().for_each(|byte| *byte ^= 0x5a);
        }
        hex::encode(tag)
    }

    fn source(&self, source: &CopySource) -> S3Result<(PathBuf, Stored)> {
        let CopySource::Bucket {
            bucket,
            key,
            version_id,
        } = source
        else {
            return Err(s3_error!(NotImplemented));
        };
        let object = self.object_or_version(bucket, key, version_id.as_deref())?;
        Ok((self.disk.path_of(bucket, &object), object))
    }

    fn refuse_checksums(&self, headers: &hyper::HeaderMap) -> S3Result {
        let refused = headers.keys().find(|n| {
            n.as_str().starts_with("x-amz-checksum-")
                || n.as_str().starts_with("x-amz-sdk-checksum-")
        });
        match refused {
            Some(name) if self.personality.refuses_checksums => Err(s3_error!(
                InvalidArgument,
                "Unsupported header '{}' received for this API call.",
                name
            )),
            _ => Ok(()),
        }
    }
}

fn checked_key(key: &str) -> S3Result {
    if key.len() > 1024 {
        Err(s3_error!(KeyTooLongError))
    } else {
        Ok(())
    }
}

#[async_trait::async_trait]
impl S3 for Service {
    async fn list_buckets(
        &self,
        _req: S3Request<ListBucketsInput>,
    ) -> S3Result<S3Response<ListBucketsOutput>> {
        let buckets = self
            .disk
            .buckets()
            .into_iter()
            .map(|name| Bucket {
                name: Some(name),
                ..Default::default()
            })
            .collect();
        Ok(S3Response::new(ListBucketsOutput {
            buckets: Some(buckets),
            ..Default::default()
        }))
    }

    async fn create_bucket(
        &self,
        req: S3Request<CreateBucketInput>,
    ) -> S3Result<S3Response<CreateBucketOutput>> {
        self.disk
            .create_bucket(&req.input.bucket)
            .map_err(internal)?;
        Ok(S3Response::new(CreateBucketOutput::default()))
    }

    async fn head_bucket(
        &self,
        req: S3Request<HeadBucketInput>,
    ) -> S3Result<S3Response<HeadBucketOutput>> {
        self.bucket(&req.input.bucket)?;
        Ok(S3Response::new(HeadBucketOutput::default()))
    }

    async fn get_bucket_location(
        &self,
        req: S3Request<GetBucketLocationInput>,
    ) -> S3Result<S3Response<GetBucketLocationOutput>> {
        self.bucket(&req.input.bucket)?;
        Ok(S3Response::new(GetBucketLocationOutput::default()))
    }

    async fn get_bucket_versioning(
        &self,
        req: S3Request<GetBucketVersioningInput>,
    ) -> S3Result<S3Response<GetBucketVersioningOutput>> {
        self.bucket(&req.input.bucket)?;
        let status = self.disk.versioning(&req.input.bucket).map(|on| {
            BucketVersioningStatus::from_static(if on { "Enabled" } else { "Suspended" })
        });
        Ok(S3Response::new(GetBucketVersioningOutput {
            status,
            ..Default::default()
        }))
    }

    async fn put_bucket_versioning(
        &self,
        req: S3Request<PutBucketVersioningInput>,
    ) -> S3Result<S3Response<PutBucketVersioningOutput>> {
        self.bucket(&req.input.bucket)?;
        if !self.personality.versions {
            return Err(s3_error!(NotImplemented));
        }
        let on = req
            .input
            .versioning_configuration
            .status
            .as_ref()
            .map(|s| s.as_str());
        self.disk
            .set_versioning(&req.input.bucket, on == Some("Enabled"));
        Ok(S3Response::new(PutBucketVersioningOutput::default()))
    }

    async fn list_object_versions(
        &self,
        req: S3Request<ListObjectVersionsInput>,
    ) -> S3Result<S3Response<ListObjectVersionsOutput>> {
        self.bucket(&req.input.bucket)?;
        if !self.personality.versions {
            return Err(s3_error!(NotImplemented));
        }
        Ok(S3Response::new(list_versions(&self.disk, req.input)))
    }

    async fn get_bucket_lifecycle_configuration(
        &self,
        req: S3Request<GetBucketLifecycleConfigurationInput>,
    ) -> S3Result<S3Response<GetBucketLifecycleConfigurationOutput>> {
        self.bucket(&req.input.bucket)?;
        Ok(S3Response::new(self.settings.lifecycle()?))
    }

    async fn put_bucket_lifecycle_configuration(
        &self,
        req: S3Request<PutBucketLifecycleConfigurationInput>,
    ) -> S3Result<S3Response<PutBucketLifecycleConfigurationOutput>> {
        self.bucket(&req.input.bucket)?;
        let rules = req.input.lifecycle_configuration.map(|all| all.rules);
        self.settings.set_lifecycle(rules);
        Ok(S3Response::new(
            PutBucketLifecycleConfigurationOutput::default(),
        ))
    }

    async fn delete_bucket_lifecycle(
        &self,
        req: S3Request<DeleteBucketLifecycleInput>,
    ) -> S3Result<S3Response<DeleteBucketLifecycleOutput>> {
        self.bucket(&req.input.bucket)?;
        self.settings.set_lifecycle(None);
        Ok(S3Response::new(DeleteBucketLifecycleOutput::default()))
    }

    async fn put_object(
        &self,
        req: S3Request<PutObjectInput>,
    ) -> S3Result<S3Response<PutObjectOutput>> {
        self.refuse_checksums(&req.headers)?;
        let input = req.input;
        self.bucket(&input.bucket)?;
        checked_key(&input.key)?;
        if input.if_none_match.is_some() && self.personality.refuses_conditions {
            return Err(s3_error!(NotImplemented));
        }
        let only_new = input.if_none_match.is_some() && !self.personality.ignores_conditions;
        if only_new && self.disk.get(&input.bucket, &input.key).is_some() {
            return Err(s3_error!(PreconditionFailed));
        }
        let claims = Claims {
            md5: input.content_md5,
            sums: Checksum {
                checksum_crc32: input.checksum_crc32,
                checksum_crc32c: input.checksum_crc32c,
                checksum_sha1: input.checksum_sha1,
                checksum_sha256: input.checksum_sha256,
                checksum_crc64nvme: input.checksum_crc64nvme.clone(),
                ..Default::default()
            },
        };
        let temp = self.disk.temp(&input.bucket);
        let md5 = receive(input.body, claims, &temp).await?;
        let etag = hex::encode(md5);
        let metadata = input.metadata.unwrap_or_default();
        let stored = self
            .disk
            .put(&input.bucket, &input.key, &temp, etag.clone(), metadata)
            .map_err(internal)?;
        Ok(S3Response::new(PutObjectOutput {
            version_id: self.shown_version(&stored),
            e_tag: Some(ETag::Strong(etag)),
            checksum_crc64nvme: input.checksum_crc64nvme,
            ..Default::default()
        }))
    }

    async fn get_object(
        &self,
        req: S3Request<GetObjectInput>,
    ) -> S3Result<S3Response<GetObjectOutput>> {
        let input = req.input;
        let object =
            self.object_or_version(&input.bucket, &input.key, input.version_id.as_deref())?;
        let path = self.disk.path_of(&input.bucket, &object);
        // What is on disk counts: a test may have cut it short.
        let size = std::fs::metadata(&path).map_err(internal)?.len();
        let (start, length, content_range) = match input.range {
            None => (0, size, None),
            Some(range) => {
                let range = range.check(size)?;
                let shown = format!(
                    "bytes {}-{}/{size}",
                    range.start,
                    range.end.saturating_sub(1)
                );
                (range.start, range.end - range.start, Some(shown))
            }
        };
        Ok(S3Response::new(GetObjectOutput {
            body: Some(send(&path, start, length)?),
            content_length: i64::try_from(length).ok(),
            content_range,
            e_tag: Some(ETag::Strong(object.etag.clone())),
            last_modified: Some(Timestamp::from(object.modified())),
            version_id: self.shown_version(&object),
            metadata: Some(object.metadata),
            ..Default::default()
        }))
    }

    async fn head_object(
        &self,
        req: S3Request<HeadObjectInput>,
    ) -> S3Result<S3Response<HeadObjectOutput>> {
        let input = req.input;
        let object =
            self.object_or_version(&input.bucket, &input.key, input.version_id.as_deref())?;
        Ok(S3Response::new(HeadObjectOutput {
            content_length: i64::try_from(object.size).ok(),
            e_tag: Some(ETag::Strong(object.etag.clone())),
            last_modified: Some(Timestamp::from(object.modified())),
            version_id: self.shown_version(&object),
            metadata: Some(object.metadata),
            ..Default::default()
        }))
    }

    async fn delete_object(
        &self,
        req: S3Request<DeleteObjectInput>,
    ) -> S3Result<S3Response<DeleteObjectOutput>> {
        let input = req.input;
        self.bucket(&input.bucket)?;
        let version = input.version_id.filter(|_| self.personality.versions);
        let marked = version.is_none();
        let version_id = self
            .disk
            .delete(&input.bucket, &input.key, version.as_deref());
        Ok(S3Response::new(DeleteObjectOutput {
            delete_marker: (marked && version_id.is_some()).then_some(true),
            version_id,
            ..Default::default()
        }))
    }

    async fn copy_object(
        &self,
        req: S3Request<CopyObjectInput>,
    ) -> S3Result<S3Response<CopyObjectOutput>> {
        if self.personality.refuses_copy {
            return Err(s3_error!(NotImplemented));
        }
        let input = req.input;
        self.bucket(&input.bucket)?;
        checked_key(&input.key)?;
        let (from, object) = self.source(&input.copy_source)?;
        let temp = self.disk.temp(&input.bucket);
        std::fs::copy(from, &temp).map_err(internal)?;
        let replace = input
            .metadata_directive
            .as_ref()
            .is_some_and(|d| d.as_str() == MetadataDirective::REPLACE);
        let metadata: HashMap<String, String> = if replace {
            input.metadata.unwrap_or_default()
        } else {
            object.metadata
        };
        let copied = self
            .disk
            .put(&input.bucket, &input.key, &temp, object.etag, metadata)
            .map_err(internal)?;
        let result = CopyObjectResult {
            e_tag: Some(ETag::Strong(copied.etag.clone())),
            last_modified: Some(Timestamp::from(copied.modified())),
            ..Default::default()
        };
        Ok(S3Response::new(CopyObjectOutput {
            copy_object_result: Some(result),
            ..Default::default()
        }))
    }

    async fn list_objects_v2(
        &self,
        req: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        let input = req.input;
        self.bucket(&input.bucket)?;
        let prefix = input.prefix.clone().unwrap_or_default();
        let limit = usize::try_from(input.max_keys.unwrap_or(1000))
            .unwrap_or(1000)
            .min(1000);
        let after = input
            .continuation_token
            .clone()
            .or_else(|| input.start_after.clone())
            .unwrap_or_default();
        // An empty one is none.
        let delimiter = input.delimiter.as_deref().filter(|d| !d.is_empty());
        let mut contents = Vec::new();
        let mut folders = BTreeSet::new();
        let mut last = None;
        let mut truncated = false;
        for (key, object) in self.disk.list(&input.bucket, &prefix) {
            let folder = delimiter.and_then(|d| {
                let end = key[prefix.len()..].find(d)? + prefix.len() + d.len();
                Some(key[..end].to_owned())
            });
            let shown = folder.clone().unwrap_or_else(|| key.clone());
            if shown <= after || folders.contains(&shown) {
                continue;
            }
            if contents.len() + folders.len() >= limit {
                truncated = true;
                break;
            }
            last = Some(shown);
            match folder {
                Some(folder) => {
                    folders.insert(folder);
                }
                None => contents.push(Object {
                    key: Some(key),
                    size: i64::try_from(object.size).ok(),
                    e_tag: Some(ETag::Strong(object.etag.clone())),
                    last_modified: Some(Timestamp::from(object.modified())),
                    ..Default::default()
                }),
            }
        }
        Ok(S3Response::new(ListObjectsV2Output {
            key_count: i32::try_from(contents.len() + folders.len()).ok(),
            contents: Some(contents),
            common_prefixes: Some(
                folders
                    .into_iter()
                    .map(|p| CommonPrefix { prefix: Some(p) })
                    .collect(),
            ),
            is_truncated: Some(truncated),
            next_continuation_token: last.filter(|_| truncated),
            max_keys: input.max_keys,
            name: Some(input.bucket),
            prefix: input.prefix,
            ..Default::default()
        }))
    }

    async fn create_multipart_upload(
        &self,
        req: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        self.refuse_checksums(&req.headers)?;
        let input = req.input;
        if self.personality.refuses_checksums && input.checksum_algorithm.is_some() {
            return Err(s3_error!(
                InvalidArgument,
                "Unsupported header 'x-amz-checksum-algorithm' received for this API call."
            ));
        }
        self.bucket(&input.bucket)?;
        checked_key(&input.key)?;
        let id = self.disk.begin_upload(
            &input.bucket,
            &input.key,
            input.metadata.unwrap_or_default(),
        );
        Ok(S3Response::new(CreateMultipartUploadOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id: Some(id),
            ..Default::default()
        }))
    }

    async fn upload_part(
        &self,
        req: S3Request<UploadPartInput>,
    ) -> S3Result<S3Response<UploadPartOutput>> {
        self.refuse_checksums(&req.headers)?;
        let input = req.input;
        if !(1..=self.personality.most_parts).contains(&input.part_number) {
            return Err(s3_error!(InvalidArgument));
        }
        if !self
            .disk
            .has_upload(&input.bucket, &input.key, &input.upload_id)
        {
            return Err(s3_error!(NoSuchUpload));
        }
        let claims = Claims {
            md5: input.content_md5,
            sums: Checksum {
                checksum_crc32: input.checksum_crc32,
                checksum_crc32c: input.checksum_crc32c,
                checksum_sha1: input.checksum_sha1,
                checksum_sha256: input.checksum_sha256,
                checksum_crc64nvme: input.checksum_crc64nvme.clone(),
                ..Default::default()
            },
        };
        let temp = self.disk.temp(&input.bucket);
        let md5 = receive(input.body, claims, &temp).await?;
        let size = std::fs::metadata(&temp).map_err(internal)?.len();
        if !self.disk.add_part(
            &input.bucket,
            &input.upload_id,
            input.part_number,
            StoredPart {
                file: temp,
                size,
                md5,
                crc64nvme: input.checksum_crc64nvme.clone(),
            },
        ) {
            return Err(s3_error!(NoSuchUpload));
        }
        Ok(S3Response::new(UploadPartOutput {
            e_tag: Some(ETag::Strong(self.part_etag(&md5))),
            checksum_crc64nvme: input.checksum_crc64nvme,
            ..Default::default()
        }))
    }

    async fn complete_multipart_upload(
        &self,
        req: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        assemble(self, req.input)
    }

    async fn abort_multipart_upload(
        &self,
        req: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        if self
            .disk
            .end_upload(&req.input.bucket, &req.input.upload_id)
        {
            Ok(S3Response::new(AbortMultipartUploadOutput::default()))
        } else {
            Err(s3_error!(NoSuchUpload))
        }
    }

    async fn list_multipart_uploads(
        &self,
        req: S3Request<ListMultipartUploadsInput>,
    ) -> S3Result<S3Response<ListMultipartUploadsOutput>> {
        let input = req.input;
        self.bucket(&input.bucket)?;
        let prefix = input.prefix.clone().unwrap_or_default();
        let uploads = self
            .disk
            .uploads(&input.bucket)
            .into_iter()
            .filter(|(_, upload)| upload.key.starts_with(&prefix))
            .map(|(id, upload)| MultipartUpload {
                key: Some(upload.key),
                upload_id: Some(id),
                initiated: Some(Timestamp::from(upload.begun)),
                ..Default::default()
            })
            .collect();
        Ok(S3Response::new(ListMultipartUploadsOutput {
            bucket: Some(input.bucket),
            uploads: Some(uploads),
            is_truncated: Some(false),
            prefix: input.prefix,
            ..Default::default()
        }))
    }

    async fn list_parts(
        &self,
        req: S3Request<ListPartsInput>,
    ) -> S3Result<S3Response<ListPartsOutput>> {
        let input = req.input;
        let upload = self
            .disk
            .upload(&input.bucket, &input.key, &input.upload_id)
            .ok_or_else(|| s3_error!(NoSuchUpload))?;
        Ok(S3Response::new(list_parts(self, upload, input)))
    }
}
