//! Parts put together into an object, as strictly as AWS does it.

use std::fs::File;
use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use s3s::crypto::{Checksum as _, Crc64Nvme, Md5};
use s3s::dto::*;
use s3s::{S3Response, S3Result, s3_error};

use super::body::internal;
use super::service::Service;

pub(super) fn assemble(
    service: &Service,
    input: CompleteMultipartUploadInput,
) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
    let upload = service
        .disk
        .upload(&input.bucket, &input.key, &input.upload_id)
        .ok_or_else(|| s3_error!(NoSuchUpload))?;
    let named = input
        .multipart_upload
        .and_then(|u| u.parts)
        .unwrap_or_default();
    if named.is_empty() {
        return Err(s3_error!(InvalidPart));
    }
    let sizes: Vec<u64> = named
        .iter()
        .filter_map(|part| Some(upload.parts.get(&part.part_number?)?.size))
        .collect();
    if service.personality.equal_parts
        && let Some((last, others)) = sizes.split_last()
        && others.iter().any(|size| *size != others[0] || size < last)
    {
        return Err(s3_error!(
            InvalidPart,
            "All non-trailing parts must have the same length."
        ));
    }
    let temp = service.disk.temp(&input.bucket);
    let mut whole = File::create(&temp).map_err(internal)?;
    let mut of_parts = Md5::new();
    let mut before = 0;
    for (index, part) in named.iter().enumerate() {
        let number = part.part_number.unwrap_or(0);
        if number <= before {
            return Err(s3_error!(InvalidPartOrder));
        }
        before = number;
        let stored = upload
            .parts
            .get(&number)
            .ok_or_else(|| s3_error!(InvalidPart))?;
        if part.e_tag.as_ref().map(ETag::value) != Some(service.part_etag(&stored.md5).as_str()) {
            return Err(s3_error!(InvalidPart));
        }
        if index + 1 < named.len() && stored.size < service.personality.smallest_part {
            return Err(s3_error!(EntityTooSmall));
        }
        of_parts.update(&stored.md5);
        io::copy(&mut File::open(&stored.file).map_err(internal)?, &mut whole).map_err(internal)?;
    }
    if let Some(claimed) = &input.checksum_crc64nvme {
        let bytes = std::fs::read(&temp).map_err(internal)?;
        if *claimed != BASE64.encode(Crc64Nvme::checksum(&bytes)) {
            let _ = std::fs::remove_file(&temp);
            return Err(s3_error!(BadDigest));
        }
    }
    let etag = format!("{}-{}", hex::encode(of_parts.finalize()), named.len());
    service
        .disk
        .put(
            &input.bucket,
            &input.key,
            &temp,
            etag.clone(),
            upload.metadata,
        )
        .map_err(internal)?;
    service.disk.end_upload(&input.bucket, &input.upload_id);
    Ok(S3Response::new(CompleteMultipartUploadOutput {
        bucket: Some(input.bucket),
        key: Some(input.key),
        e_tag: Some(ETag::Strong(etag)),
        ..Default::default()
    }))
}
