//! redline-backup: one store's backup in an S3 bucket, and the way back.
//!
//! Owns the layout in the bucket, the commit order, manifests and their
//! authentication, transfer (parts, retries, memory) and verification.
//! What leaves can be sealed first (`seal`).
//! Never opens a store or its catalog, never picks names on disk, and deletes in the
//! bucket only what keep rules dropped a day ago (`retention`). What it works on comes in as
//! plain data ([`SourceFile`], [`CatalogSnapshot`]) and goes out through a
//! [`RestoreSink`].
//!
//! The order that makes a backup safe to interrupt anywhere: data, catalog,
//! shards, manifest. A restore point exists once its manifest does.

mod aws_profile;
mod backup;
mod bucket;
mod budget;
mod changes;
mod config;
mod download;
mod error;
mod fault;
mod heads;
mod journal;
mod layout;
mod manifest;
mod names;
mod open_uploads;
mod plain_copies;
mod plan;
mod points;
mod probe;
mod progress;
mod restore;
mod retention;
mod retry;
mod seal;
mod selection;
mod sink;
mod source;
mod upload;
mod verify;
mod versions;

pub use aws_profile::{
    AwsFiles, AwsFilesStamp, AwsProfile, ProfileProblem, aws_profiles, profile_keys,
};
pub use backup::{BackupOutcome, SkippedFile, abort_stale_uploads, run_backup, run_backup_told};
pub use bucket::{
    AccessKeys, Bucket, BucketRule, BucketRules, Link, OwnRule, Reach, StoredFile, fetch_file, link,
};
pub use changes::{ChangedPath, PointChanges, point_changes};
pub use config::{BucketConfig, ManifestKey, SecretText, ServerEncryption, Tuning};
pub use error::BackupError;
pub use heads::{Conflict, stands};
pub use layout::{Layout, PointName};
pub use manifest::{Changes, FileEntry, Grown, Manifest, ManifestHead, ObjectRef, ShardRef};
pub use names::NameProblem;
pub use plain_copies::plain_copies;
pub use plan::{
    BackupPlan, Change, PlanHints, PlannedUpload, RefusedFile, plan_backup, plan_backup_with,
};
pub use points::{
    PointState, RestorePoint, SkippedPoint, is_newest, latest_manifest, latest_manifest_with,
    list_restore_points, says_sealed, was_made,
};
pub use probe::{ProbeCheck, ProbeReport};
pub use progress::{Phase, Progress};
pub use restore::{
    RestoreFailure, RestoreOutcome, RestorePlan, fetch_catalogs, plan_restore, plan_restore_of,
    run_restore,
};
pub use retention::{KeepRules, RetentionOutcome, RetentionPlan, plan_retention, run_retention};
pub use retry::RetryPolicy;
pub use seal::{
    DataKey, DataKeys, KeyFile, change_passphrase, key_files, new_data_key, unlock_data_keys,
};
pub use selection::Selection;
pub use sink::{RestoreItem, RestoreSink};
pub use source::{CatalogSnapshot, SkipReason, SourceFile};
pub use verify::{VerifyFinding, VerifyReport, verify};
pub use versions::{FileVersion, FileVersions, file_versions};

/// `Result` with this crate's error.
pub type Result<T, E = BackupError> = std::result::Result<T, E>;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn spawnable(_: impl Future + Send) {}

    /// Compiles only while a caller can spawn each of these on a runtime.
    #[allow(dead_code)]
    fn every_long_call_can_be_spawned(
        (selection, hints): (Selection, PlanHints),
        bucket: &Bucket,
        key: &ManifestKey,
        files: &[SourceFile],
        plan: (&BackupPlan, &RestorePlan),
        snapshot: &CatalogSnapshot,
        sink: Arc<dyn RestoreSink>,
    ) {
        spawnable(bucket.probe());
        spawnable(profile_keys(&AwsFiles::from_environment(), "default"));
        spawnable(latest_manifest(bucket, key));
        spawnable(point_changes(bucket, key, ""));
        spawnable(file_versions(bucket, key, "", None));
        spawnable(list_restore_points(bucket, key));
        spawnable(plan_backup(bucket, files, None));
        spawnable(plan_backup_with(bucket, files, None, &hints));
        spawnable(run_backup(
            bucket,
            plan.0,
            snapshot,
            key,
            "device",
            Arc::new(()),
        ));
        spawnable(plan_restore(bucket, key, None, files));
        spawnable(plan_restore_of(bucket, key, None, files, &selection));
        spawnable(run_restore(bucket, plan.1, sink, Arc::new(())));
        spawnable(verify(bucket, key, None, true, Arc::new(())));
        spawnable(abort_stale_uploads(bucket, std::time::Duration::ZERO));
    }
}
