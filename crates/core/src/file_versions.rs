//! What a file was before: the bytes that restore points have under its path, newest
//! first, a few points at a time. Bringing one back is a restore of that path alone.

use std::collections::HashSet;

use redline_backup::FileVersions;

use crate::contract::{FileVersionView, FileVersionsView};
use crate::error::CoreError;
use crate::others::label;
use crate::restore::skipped_points;
use crate::session::Session;

impl Session {
    /// What the newest restore points, or those older than `older_than`, have under this
    /// path, apart from the contents in `known`: what is here, and what earlier answers told.
    ///
    /// # Errors
    /// [`Code::BucketMissing`](crate::Code::BucketMissing),
    /// [`Code::NotFound`](crate::Code::NotFound) for what is no restore point's id, and
    /// those of the bucket.
    pub fn file_versions(
        &self,
        relative_path: &str,
        known: &[String],
        older_than: Option<&str>,
    ) -> Result<FileVersionsView, CoreError> {
        let (bucket, settings) = self.connect()?;
        let key = self.manifest_key();
        let found = self.0.core.block_on(async move {
            redline_backup::file_versions(&bucket, &key, relative_path, older_than).await
        })?;
        Ok(view(self.heed(&settings, found)?, known))
    }
}

fn view(found: FileVersions, known: &[String]) -> FileVersionsView {
    let mut told: HashSet<String> = known.iter().cloned().collect();
    FileVersionsView {
        versions: found
            .found
            .into_iter()
            .filter(|version| told.insert(version.sha256.clone()))
            .map(|version| FileVersionView {
                point: version.point,
                created_at: version.created_at,
                device: label(&version.device),
                size_bytes: version.size,
                sha256: version.sha256,
            })
            .collect(),
        looked_at: found.looked_at,
        remaining: found.remaining,
        next: found.next,
        skipped_points: skipped_points(found.skipped),
    }
}

#[cfg(test)]
mod tests {
    use redline_backup::FileVersion;

    use super::*;

    #[test]
    fn each_content_is_told_once_in_its_newest_point_and_what_is_known_is_not() {
        let version = |point: &str, sha256: &str| FileVersion {
            point: point.into(),
            created_at: "2026-11-21T09:00:00Z".into(),
            device: "desk".into(),
            size: 1,
            sha256: sha256.into(),
        };
        let found = FileVersions {
            found: ["5-here", "4-b", "3-b", "2-here", "1-a"]
                .map(|at| version(at, at.split_once('-').unwrap().1))
                .into(),
            looked_at: 6,
            remaining: 2,
            next: Some("0".into()),
            skipped: Vec::new(),
        };
        let told = view(found, &["here".to_owned()]);
        let points: Vec<&str> = told.versions.iter().map(|v| v.point.as_str()).collect();
        assert_eq!(points, ["4-b", "1-a"]);
        assert_eq!((told.looked_at, told.remaining), (6, 2));
    }
}
