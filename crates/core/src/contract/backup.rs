//! The bucket: backups and restores.

use std::fmt;

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::*;

/// Where to back up to. Secrets are `null` to keep the ones already held; they only ever travel in.
#[derive(Clone, Deserialize, TS)]
#[ts(export)]
pub struct BucketSetup {
    pub bucket: String,
    pub region: String,
    pub endpoint_url: Option<String>,
    pub access_key: Option<String>,
    pub secret_key: Option<String>,
}

impl fmt::Debug for BucketSetup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BucketSetup")
            .field("bucket", &self.bucket)
            .field("region", &self.region)
            .field("endpoint_url", &self.endpoint_url)
            .field("access_key", &masked(&self.access_key))
            .field("secret_key", &masked(&self.secret_key))
            .finish()
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct ProbeCheckView {
    pub name: String,
    pub ok: bool,
    /// Informational checks do not fail a bucket.
    pub required: bool,
    pub detail: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct BucketView {
    pub bucket: String,
    pub region: String,
    pub endpoint_url: Option<String>,
    /// Whether both secrets are held; never the secrets.
    pub has_secrets: bool,
    pub checks: Vec<ProbeCheckView>,
    pub checked_at: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct BackupStatus {
    /// Null until a bucket is set up.
    pub bucket: Option<BucketView>,
    pub last_backup_at: Option<String>,
    /// When a restore or a check from the bucket last succeeded; the headline.
    pub last_proven_at: Option<String>,
    #[ts(type = "number")]
    pub waiting_files: u64,
    #[ts(type = "number")]
    pub waiting_bytes: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct BackupPlanView {
    #[ts(type = "number")]
    pub upload_files: u64,
    #[ts(type = "number")]
    pub upload_bytes: u64,
    #[ts(type = "number")]
    pub unchanged_files: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct BackupReport {
    pub manifest: String,
    #[ts(type = "number")]
    pub generation: u64,
    #[ts(type = "number")]
    pub uploaded_files: u64,
    #[ts(type = "number")]
    pub uploaded_bytes: u64,
    #[ts(type = "number")]
    pub requests: u64,
    pub seconds: f64,
    /// Files that changed or vanished while they were read; not part of the restore point.
    pub left_out: Vec<FailedFile>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct RestorePointView {
    pub id: String,
    #[ts(type = "number")]
    pub generation: u64,
    pub device: String,
    pub created_at: String,
    #[ts(type = "number")]
    pub files: u64,
    #[ts(type = "number")]
    pub bytes: u64,
    #[ts(type = "number")]
    pub new_files: u64,
    #[ts(type = "number")]
    pub changed_files: u64,
    /// False when its signature is not this key's: shown, never restored.
    pub authentic: bool,
}

/// Exactly what a restore would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct RestorePlanView {
    pub point: RestorePointView,
    #[ts(type = "number")]
    pub new_files: u64,
    #[ts(type = "number")]
    pub same_files: u64,
    /// Same path, other bytes here: the restored one is kept beside the local one.
    #[ts(type = "number")]
    pub differing_files: u64,
    /// Only here; untouched.
    #[ts(type = "number")]
    pub kept_files: u64,
    #[ts(type = "number")]
    pub bytes: u64,
    #[ts(type = "number")]
    pub free_bytes: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct RestoreReport {
    pub point: String,
    #[ts(type = "number")]
    pub restored_files: u64,
    #[ts(type = "number")]
    pub restored_bytes: u64,
    #[ts(type = "number")]
    pub same_files: u64,
    pub failed: Vec<FailedFile>,
}
