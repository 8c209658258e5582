//! What the bucket does by itself: versioning, lifecycle and replication, told in
//! sentences; and the one lifecycle rule of ours, put beside the bucket's own.

use aws_sdk_s3::types::{
    AbortIncompleteMultipartUpload, BucketLifecycleConfiguration, BucketVersioningStatus,
    ExpirationStatus, LifecycleRule, LifecycleRuleFilter, NoncurrentVersionExpiration,
    NoncurrentVersionTransition, ReplicationRuleStatus, TransitionStorageClass,
    VersioningConfiguration,
};

use super::{Bucket, permission};
use crate::fault::Fault;
use crate::{BackupError, Result};

/// A rule that the bucket has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BucketRule {
    pub id: String,
    pub enabled: bool,
    /// Which keys it is about; empty for all.
    pub prefix: String,
    pub does: Vec<String>,
    /// It can take bytes away that restore points need.
    pub endangers_backup: bool,
    pub ours: bool,
}

/// Our own rule, about this store's keys alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OwnRule {
    pub abort_uploads_days: Option<u32>,
    pub archive_versions_days: Option<u32>,
    pub expire_versions_days: Option<u32>,
}

#[derive(Clone, Debug)]
pub struct BucketRules {
    /// `Enabled`, `Suspended`; `None` where it never was on.
    pub versioning: Option<String>,
    pub lifecycle: Vec<BucketRule>,
    pub replication: Vec<BucketRule>,
    pub own: Option<OwnRule>,
    /// What could not be asked, each with why.
    pub unknown: Vec<String>,
}

impl Bucket {
    /// Asks for all three. What may not be asked is in `unknown`, not an error.
    pub async fn rules(&self) -> BucketRules {
        let mut rules = BucketRules {
            versioning: None,
            lifecycle: Vec::new(),
            replication: Vec::new(),
            own: None,
            unknown: Vec::new(),
        };
        match self.versioning().await {
            Ok(state) => rules.versioning = state,
            Err(error) => rules.unknown.push(error.to_string()),
        }
        match self.lifecycle().await {
            Ok(found) => {
                rules.own = found.iter().find(|r| self.is_own(r)).map(read_own);
                rules.lifecycle = found.iter().map(|r| self.describe(r)).collect();
            }
            Err(error) => rules.unknown.push(error.to_string()),
        }
        match self.replication().await {
            Ok(found) => rules.replication = found,
            Err(error) => rules.unknown.push(error.to_string()),
        }
        rules
    }

    /// Switches versioning on, or suspends it: versions that exist stay.
    pub async fn set_versioning(&self, on: bool) -> Result<()> {
        self.call(permission::PUT_VERSIONING, "The bucket", 0, |client, _| {
            let bucket = self.name().to_owned();
            let status = if on {
                BucketVersioningStatus::Enabled
            } else {
                BucketVersioningStatus::Suspended
            };
            async move {
                let setting = VersioningConfiguration::builder().status(status).build();
                client
                    .put_bucket_versioning()
                    .bucket(bucket)
                    .versioning_configuration(setting)
                    .send()
                    .await?;
                Ok(())
            }
        })
        .await
    }

    /// The bucket's rules as they would be with ours (or, `None`, without it).
    pub async fn plan_own_rule(&self, rule: Option<&OwnRule>) -> Result<Vec<BucketRule>> {
        let merged = self.merged(rule).await?;
        Ok(merged.iter().map(|r| self.describe(r)).collect())
    }

    /// Puts our rule beside the bucket's own, which stay as they are, or takes it away.
    pub async fn set_own_rule(&self, rule: Option<&OwnRule>) -> Result<()> {
        let merged = self.merged(rule).await?;
        if merged.is_empty() {
            return self
                .call(permission::PUT_LIFECYCLE, "The bucket", 0, |client, _| {
                    let bucket = self.name().to_owned();
                    async move {
                        client
                            .delete_bucket_lifecycle()
                            .bucket(bucket)
                            .send()
                            .await?;
                        Ok(())
                    }
                })
                .await;
        }
        let all = BucketLifecycleConfiguration::builder()
            .set_rules(Some(merged))
            .build()
            .map_err(unusable)?;
        self.call(permission::PUT_LIFECYCLE, "The bucket", 0, |client, _| {
            let (bucket, all) = (self.name().to_owned(), all.clone());
            async move {
                client
                    .put_bucket_lifecycle_configuration()
                    .bucket(bucket)
                    .lifecycle_configuration(all)
                    .send()
                    .await?;
                Ok(())
            }
        })
        .await
    }

    fn own_id(&self) -> String {
        format!("redline-{}", self.store_hash())
    }

    fn is_own(&self, rule: &LifecycleRule) -> bool {
        rule.id() == Some(&self.own_id())
    }

    async fn merged(&self, rule: Option<&OwnRule>) -> Result<Vec<LifecycleRule>> {
        let mut all: Vec<LifecycleRule> = self
            .lifecycle()
            .await?
            .into_iter()
            .filter(|r| !self.is_own(r))
            .collect();
        if let Some(rule) = rule {
            all.push(self.build_own(rule)?);
        }
        Ok(all)
    }

    fn build_own(&self, rule: &OwnRule) -> Result<LifecycleRule> {
        let days = |days: u32| {
            i32::try_from(days)
                .ok()
                .filter(|days| *days > 0)
                .ok_or_else(|| BackupError::BadConfig {
                    what: "a lifecycle rule counts at least one day".into(),
                })
        };
        let mut built = LifecycleRule::builder()
            .id(self.own_id())
            .status(ExpirationStatus::Enabled)
            .filter(
                LifecycleRuleFilter::builder()
                    .prefix(self.layout().store_prefix())
                    .build(),
            );
        if let Some(after) = rule.abort_uploads_days {
            built = built.abort_incomplete_multipart_upload(
                AbortIncompleteMultipartUpload::builder()
                    .days_after_initiation(days(after)?)
                    .build(),
            );
        }
        if let Some(after) = rule.archive_versions_days {
            built = built.noncurrent_version_transitions(
                NoncurrentVersionTransition::builder()
                    .noncurrent_days(days(after)?)
                    .storage_class(TransitionStorageClass::Glacier)
                    .build(),
            );
        }
        if let Some(after) = rule.expire_versions_days {
            built = built.noncurrent_version_expiration(
                NoncurrentVersionExpiration::builder()
                    .noncurrent_days(days(after)?)
                    .build(),
            );
        }
        built.build().map_err(unusable)
    }

    async fn lifecycle(&self) -> Result<Vec<LifecycleRule>> {
        let outcome = self
            .call_for_fault(permission::GET_LIFECYCLE, 0, |client, _| {
                let bucket = self.name().to_owned();
                async move {
                    let answer = client
                        .get_bucket_lifecycle_configuration()
                        .bucket(bucket)
                        .send()
                        .await?;
                    Ok(answer.rules.unwrap_or_default())
                }
            })
            .await;
        match outcome {
            Ok(rules) => Ok(rules),
            Err(fault) if fault.is("NoSuchLifecycleConfiguration") => Ok(Vec::new()),
            Err(fault) => Err(self.named(fault, permission::GET_LIFECYCLE)),
        }
    }

    async fn replication(&self) -> Result<Vec<BucketRule>> {
        let outcome = self
            .call_for_fault(permission::GET_REPLICATION, 0, |client, _| {
                let bucket = self.name().to_owned();
                async move {
                    let answer = client
                        .get_bucket_replication()
                        .bucket(bucket)
                        .send()
                        .await?;
                    Ok(answer.replication_configuration)
                }
            })
            .await;
        let found = match outcome {
            Ok(found) => found,
            Err(fault) if fault.is("ReplicationConfigurationNotFoundError") => None,
            Err(fault) => return Err(self.named(fault, permission::GET_REPLICATION)),
        };
        let rules = found.map(|all| all.rules).unwrap_or_default();
        Ok(rules
            .iter()
            .map(|rule| BucketRule {
                id: rule.id().unwrap_or_default().to_owned(),
                enabled: *rule.status() == ReplicationRuleStatus::Enabled,
                prefix: rule
                    .filter()
                    .and_then(|f| f.prefix())
                    .unwrap_or_default()
                    .to_owned(),
                does: vec![format!(
                    "Copies objects to \"{}\".",
                    rule.destination()
                        .map_or("another bucket", |to| to.bucket())
                        .trim_start_matches("arn:aws:s3:::")
                )],
                endangers_backup: false,
                ours: false,
            })
            .collect())
    }

    fn named(&self, fault: Fault, permission: &'static str) -> BackupError {
        self.name_fault(fault, permission, "The bucket")
    }

    fn describe(&self, rule: &LifecycleRule) -> BucketRule {
        let prefix = rule
            .filter()
            .and_then(|f| f.prefix().or_else(|| f.and().and_then(|and| and.prefix())))
            .unwrap_or_default()
            .to_owned();
        let enabled = *rule.status() == ExpirationStatus::Enabled;
        let ours = self.layout().store_prefix();
        let meets = ours.starts_with(&prefix) || prefix.starts_with(&ours);
        let mut does = Vec::new();
        let mut takes = false;
        if let Some(expiration) = rule.expiration() {
            match (expiration.days(), expiration.date()) {
                (Some(days), _) => does.push(format!("Deletes objects {}.", after(days))),
                (None, Some(_)) => does.push("Deletes objects on a date.".to_owned()),
                (None, None) => {}
            }
            takes |= expiration.days().is_some() || expiration.date().is_some();
        }
        for transition in rule.transitions() {
            let class = transition
                .storage_class()
                .map_or("another class", TransitionStorageClass::as_str);
            does.push(format!(
                "Moves objects to {class} {}.",
                after(transition.days().unwrap_or(0))
            ));
            // From there nothing comes back at once.
            takes |= matches!(class, "GLACIER" | "DEEP_ARCHIVE");
        }
        if let Some(days) = rule
            .noncurrent_version_expiration()
            .and_then(|e| e.noncurrent_days())
        {
            does.push(format!("Deletes replaced versions {}.", after(days)));
        }
        for transition in rule.noncurrent_version_transitions() {
            does.push(format!(
                "Moves replaced versions to {} {}.",
                transition
                    .storage_class()
                    .map_or("another class", TransitionStorageClass::as_str),
                after(transition.noncurrent_days().unwrap_or(0))
            ));
        }
        if let Some(days) = rule
            .abort_incomplete_multipart_upload()
            .and_then(|a| a.days_after_initiation())
        {
            does.push(format!("Ends unfinished uploads {}.", after(days)));
        }
        BucketRule {
            id: rule.id().unwrap_or_default().to_owned(),
            enabled,
            endangers_backup: enabled && takes && meets,
            ours: self.is_own(rule),
            prefix,
            does,
        }
    }
}

fn read_own(rule: &LifecycleRule) -> OwnRule {
    let days = |days: Option<i32>| days.and_then(|days| u32::try_from(days).ok());
    OwnRule {
        abort_uploads_days: days(
            rule.abort_incomplete_multipart_upload()
                .and_then(|a| a.days_after_initiation()),
        ),
        archive_versions_days: days(
            rule.noncurrent_version_transitions()
                .first()
                .and_then(|t| t.noncurrent_days()),
        ),
        expire_versions_days: days(
            rule.noncurrent_version_expiration()
                .and_then(|e| e.noncurrent_days()),
        ),
    }
}

fn after(days: i32) -> String {
    match days {
        1 => "after 1 day".to_owned(),
        days => format!("after {days} days"),
    }
}

fn unusable(error: impl std::fmt::Display) -> BackupError {
    BackupError::BadConfig {
        what: error.to_string(),
    }
}
