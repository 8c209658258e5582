//! What a versioned bucket has of its keys, past and present.

use s3s::dto::*;

use super::disk::{Disk, Earlier, Object as Stored};

pub(super) fn list_versions(
    disk: &Disk,
    input: ListObjectVersionsInput,
) -> ListObjectVersionsOutput {
    let prefix = input.prefix.clone().unwrap_or_default();
    let (mut versions, mut markers) = (Vec::new(), Vec::new());
    let of = |key: &str, object: &Stored, latest| ObjectVersion {
        key: Some(key.to_owned()),
        version_id: Some(object.version_id().to_owned()),
        is_latest: Some(latest),
        size: i64::try_from(object.size).ok(),
        e_tag: Some(ETag::Strong(object.etag.clone())),
        last_modified: Some(Timestamp::from(object.modified())),
        ..Default::default()
    };
    for (key, now, before) in disk.versions(&input.bucket, &prefix) {
        let none_now = now.is_none();
        versions.extend(now.map(|object| of(&key, &object, true)));
        for (index, earlier) in before.into_iter().enumerate() {
            let latest = none_now && index == 0;
            match earlier {
                Earlier::Object(object) => versions.push(of(&key, &object, latest)),
                Earlier::Marker {
                    version,
                    modified_ms,
                } => markers.push(DeleteMarkerEntry {
                    key: Some(key.clone()),
                    version_id: Some(version),
                    is_latest: Some(latest),
                    last_modified: Some(Timestamp::from(
                        std::time::UNIX_EPOCH + std::time::Duration::from_millis(modified_ms),
                    )),
                    ..Default::default()
                }),
            }
        }
    }
    ListObjectVersionsOutput {
        versions: Some(versions),
        delete_markers: Some(markers),
        is_truncated: Some(false),
        name: Some(input.bucket),
        prefix: input.prefix,
        ..Default::default()
    }
}
