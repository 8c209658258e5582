//! The parts of an unfinished upload.

use s3s::dto::*;

use super::disk::Upload;
use super::service::Service;

pub(super) fn list_parts(
    service: &Service,
    upload: Upload,
    input: ListPartsInput,
) -> ListPartsOutput {
    // A thousand at a time, as everywhere.
    let limit = input
        .max_parts
        .and_then(|n| usize::try_from(n).ok())
        .unwrap_or(1000)
        .min(1000);
    let after = input.part_number_marker.unwrap_or(0);
    let mut later = upload.parts.range(after.saturating_add(1)..);
    let parts: Vec<Part> = later
        .by_ref()
        .take(limit)
        .map(|(number, part)| Part {
            part_number: Some(*number),
            size: i64::try_from(part.size).ok(),
            e_tag: Some(ETag::Strong(service.part_etag(&part.md5))),
            checksum_crc64nvme: part.crc64nvme.clone(),
            ..Default::default()
        })
        .collect();
    let truncated = later.next().is_some();
    let last = parts.last().and_then(|part| part.part_number);
    ListPartsOutput {
        bucket: Some(input.bucket),
        key: Some(input.key),
        upload_id: Some(input.upload_id),
        next_part_number_marker: last.filter(|_| truncated),
        parts: Some(parts),
        is_truncated: Some(truncated),
        ..Default::default()
    }
}
