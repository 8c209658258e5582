//! The bucket: where it is, what it can do, its own rules, and files that are only there.

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
    /// A profile of the AWS configuration of this machine, instead of keys. Its region and
    /// endpoint are taken where the ones above are empty.
    #[serde(default)]
    #[ts(optional = nullable)]
    pub aws_profile: Option<String>,
    /// How the server encrypts what it stores; null keeps what is set (at first: the bucket's own default).
    #[serde(default)]
    #[ts(optional = nullable)]
    pub server_encryption: Option<ServerEncryption>,
    /// Encrypts everything on this machine before it is sent, from the first backup on; null
    /// leaves that as it is. See [`EncryptionView`].
    #[serde(default)]
    #[ts(optional = nullable)]
    pub recovery_passphrase: Option<String>,
}

impl fmt::Debug for BucketSetup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BucketSetup")
            .field("bucket", &self.bucket)
            .field("region", &self.region)
            .field("endpoint_url", &self.endpoint_url)
            .field("access_key", &masked(&self.access_key))
            .field("secret_key", &masked(&self.secret_key))
            .field("aws_profile", &self.aws_profile)
            .field("server_encryption", &self.server_encryption)
            .field("recovery_passphrase", &masked(&self.recovery_passphrase))
            .finish()
    }
}

/// A profile of the AWS configuration of this machine that can be chosen; never its keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct AwsProfileView {
    pub name: String,
    pub region: Option<String>,
    pub endpoint_url: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct ProbeCheckView {
    pub name: String,
    pub ok: bool,
    /// Informational checks do not fail a bucket.
    pub required: bool,
    pub detail: String,
    /// The permission whose lack made it fail, as a policy names it: `s3:PutObject`.
    #[serde(default)]
    pub permission: Option<String>,
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
    /// Where the keys come from, if not from the two that are held.
    pub aws_profile: Option<String>,
    pub server_encryption: ServerEncryption,
}

/// Encryption at rest by the server, asked for with every object.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[ts(export)]
pub enum ServerEncryption {
    /// As the bucket is set.
    #[default]
    BucketDefault,
    /// SSE-S3: keys of the storage service.
    SseS3,
    /// SSE-KMS; without a key, the account's own for S3.
    SseKms { key_id: Option<String> },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum VersioningState {
    Off,
    On,
    Suspended,
    /// The server does not say, or these credentials may not ask.
    Unknown,
}

/// A rule that the bucket has, in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct BucketRuleView {
    pub id: String,
    pub enabled: bool,
    /// Which keys it is about; empty for all.
    pub prefix: String,
    /// "Deletes old versions 30 days after they were replaced."
    pub does: Vec<String>,
    /// It can take bytes away that restore points need.
    pub endangers_backup: bool,
    /// Redline made it.
    pub ours: bool,
}

/// Versioning, lifecycle and replication as the bucket has them now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct BucketRulesView {
    pub versioning: VersioningState,
    /// An overwritten version was read back, just now: a backup can rely on it.
    pub versioning_proven: bool,
    pub lifecycle: Vec<BucketRuleView>,
    pub replication: Vec<BucketRuleView>,
    /// What could not be asked, each in a sentence that names the permission.
    pub unknown: Vec<String>,
    /// Our own rule, if the bucket has it.
    pub own_rule: Option<OwnRule>,
}

/// The one lifecycle rule that Redline can put beside the bucket's own, for this store's prefix alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct OwnRule {
    /// Unfinished uploads end after this many days.
    pub abort_uploads_days: Option<u32>,
    /// Replaced versions go to archive storage after this many days.
    pub archive_versions_days: Option<u32>,
    /// Replaced versions are deleted after this many days.
    pub expire_versions_days: Option<u32>,
}

/// What putting the rule in place would mean.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct OwnRulePlanView {
    /// In sentences, restore points first.
    pub effects: Vec<String>,
    /// All of the bucket's rules afterwards; those of others are as they were.
    pub after: Vec<BucketRuleView>,
}

/// A link that anyone can open until it expires.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct LinkView {
    pub url: String,
    pub expires_at: String,
    /// Why it expires earlier than was asked; null when it does not.
    pub shortened: Option<String>,
}

/// The link itself is a secret of a kind: whoever reads it has the file.
impl fmt::Debug for LinkView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LinkView")
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

/// Encryption on this machine, before anything leaves it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum EncryptionState {
    #[default]
    Off,
    On,
    /// The backup is encrypted and its data key is not on this machine: the recovery passphrase opens it.
    Locked,
}

/// What encrypting on this machine means, before it is turned on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct EncryptionView {
    pub state: EncryptionState,
    /// What it costs, in sentences.
    pub costs: Vec<String>,
    /// Why it cannot be turned on now; null when it can, and when it is on.
    pub refused: Option<String>,
    /// What lies in the bucket that is not encrypted and stays there, in a sentence; null
    /// where nothing does.
    pub in_the_clear: Option<String>,
}

/// Files whose local bytes may go once the bucket has them for sure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct FreeRule {
    #[ts(type = "number")]
    pub larger_than_bytes: u64,
    /// Days since the file was stored or brought back.
    pub older_than_days: u32,
}

/// What making files cloud-only did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct FreeReport {
    #[ts(type = "number")]
    pub freed_files: u64,
    #[ts(type = "number")]
    pub freed_bytes: u64,
    /// Still here, each with why.
    pub failed: Vec<FailedFile>,
}

/// What bringing cloud-only files back did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct FetchReport {
    #[ts(type = "number")]
    pub fetched_files: u64,
    #[ts(type = "number")]
    pub fetched_bytes: u64,
    pub failed: Vec<FailedFile>,
}
