//! The bucket's own settings: shown, versioning switched, our one lifecycle rule put
//! beside the bucket's own, and the least that an access key has to be allowed.

use redline_backup::{BucketRule, OwnRule as Below};
use serde_json::json;

use crate::contract::{
    BucketRuleView, BucketRulesView, Event, OwnRule, OwnRulePlanView, VersioningState,
};
use crate::error::CoreError;
use crate::session::Session;
use crate::text;

impl Session {
    /// Versioning, lifecycle and replication, as they are now. Whether versioning works
    /// is tried, not believed.
    pub fn bucket_rules(&self) -> Result<BucketRulesView, CoreError> {
        let (bucket, _) = self.connect()?;
        let (rules, asked, proven) = self.0.core.block_on(async move {
            let rules = bucket.rules().await;
            let refused = |why: &String| why.contains("GetBucketVersioning");
            let asked = !rules.unknown.iter().any(refused);
            // Where the setting cannot be read, trying still tells.
            let may_work = !asked || rules.versioning.as_deref() == Some("Enabled");
            let proven = may_work && bucket.prove_versioning().await.unwrap_or(false);
            (rules, asked, proven)
        })?;
        Ok(BucketRulesView {
            versioning: match rules.versioning.as_deref() {
                Some("Enabled") => VersioningState::On,
                Some("Suspended") => VersioningState::Suspended,
                None if asked => VersioningState::Off,
                _ => VersioningState::Unknown,
            },
            versioning_proven: proven,
            lifecycle: rules.lifecycle.into_iter().map(rule_view).collect(),
            replication: rules.replication.into_iter().map(rule_view).collect(),
            unknown: rules
                .unknown
                .iter()
                .map(|why| text::plain(&crate::error::scrub(why)))
                .collect(),
            own_rule: rules.own.map(|own| OwnRule {
                abort_uploads_days: own.abort_uploads_days,
                archive_versions_days: own.archive_versions_days,
                expire_versions_days: own.expire_versions_days,
            }),
        })
    }

    /// Switches the bucket's versioning on, or suspends it; answers what holds then.
    pub fn set_versioning(&self, on: bool) -> Result<BucketRulesView, CoreError> {
        let (bucket, _) = self.connect()?;
        self.0
            .core
            .block_on(async move { bucket.set_versioning(on).await })??;
        self.0.store.audit("bucket_versioning", json!({ "on": on }));
        self.tell(Event::Backup);
        self.bucket_rules()
    }

    /// What our rule would mean, restore points first; changes nothing. `None` takes it away.
    pub fn plan_own_rule(&self, rule: Option<OwnRule>) -> Result<OwnRulePlanView, CoreError> {
        check(rule)?;
        let (bucket, _) = self.connect()?;
        let below = rule.map(below);
        let after = self
            .0
            .core
            .block_on(async move { bucket.plan_own_rule(below.as_ref()).await })??;
        Ok(OwnRulePlanView {
            effects: effects(rule),
            after: after.into_iter().map(rule_view).collect(),
        })
    }

    /// Puts our rule beside the bucket's own, or (`None`) takes it away.
    pub fn set_own_rule(&self, rule: Option<OwnRule>) -> Result<BucketRulesView, CoreError> {
        check(rule)?;
        let (bucket, _) = self.connect()?;
        let below = rule.map(below);
        self.0
            .core
            .block_on(async move { bucket.set_own_rule(below.as_ref()).await })??;
        self.0.store.audit("bucket_rule", json!({ "rule": rule }));
        self.tell(Event::Backup);
        self.bucket_rules()
    }

    /// A policy for an access key that allows this store's backup and no more, to copy.
    /// The bucket is the one that is set up, or `name`.
    pub fn bucket_policy(&self, name: Option<&str>) -> Result<String, CoreError> {
        let bucket = match name {
            Some(name) => name.to_owned(),
            None => {
                self.bucket_settings()?
                    .ok_or_else(crate::bucket::no_bucket)?
                    .bucket
            }
        };
        let prefix = format!("users/{}/", self.store_name());
        let arn = format!("arn:aws:s3:::{bucket}");
        let policy = json!({
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Sid": "FindWhatIsThere",
                    "Effect": "Allow",
                    "Action": ["s3:ListBucket", "s3:ListBucketMultipartUploads"],
                    "Resource": arn,
                    "Condition": { "StringLike": { "s3:prefix": format!("{prefix}*") } }
                },
                {
                    "Sid": "StoreAndReadBack",
                    "Effect": "Allow",
                    "Action": [
                        "s3:PutObject",
                        "s3:GetObject",
                        "s3:GetObjectVersion",
                        "s3:AbortMultipartUpload",
                        "s3:ListMultipartUploadParts"
                    ],
                    "Resource": format!("{arn}/{prefix}*")
                },
                {
                    "Sid": "RemoveProbesAndWhatKeepRulesDrop",
                    "Effect": "Allow",
                    "Action": ["s3:DeleteObject", "s3:DeleteObjectVersion"],
                    "Resource": format!("{arn}/{prefix}*")
                },
                {
                    "Sid": "LookAtTheBucketsSettings",
                    "Effect": "Allow",
                    "Action": [
                        "s3:GetBucketVersioning",
                        "s3:GetLifecycleConfiguration",
                        "s3:GetReplicationConfiguration"
                    ],
                    "Resource": arn
                }
            ]
        });
        Ok(serde_json::to_string_pretty(&policy).unwrap_or_default())
    }
}

fn check(rule: Option<OwnRule>) -> Result<(), CoreError> {
    let Some(rule) = rule else { return Ok(()) };
    let days = [
        rule.abort_uploads_days,
        rule.archive_versions_days,
        rule.expire_versions_days,
    ];
    if days.iter().all(Option::is_none) {
        return Err(CoreError::bad_request(
            "The rule does nothing.",
            "Give it days for one thing at least, or take it away.",
        ));
    }
    if days.contains(&Some(0)) {
        return Err(CoreError::bad_request(
            "A lifecycle rule counts at least one day.",
            "",
        ));
    }
    // An upload of many hours must not be ended under way.
    if rule.abort_uploads_days.is_some_and(|days| days < 2) {
        return Err(CoreError::bad_request(
            "Unfinished uploads need two days at least: a large one on a slow line takes its time.",
            "",
        ));
    }
    if let (Some(archive), Some(expire)) = (rule.archive_versions_days, rule.expire_versions_days)
        && archive >= expire
    {
        return Err(CoreError::bad_request(
            "Replaced versions would be deleted before they are archived.",
            "Let them expire later than they are archived.",
        ));
    }
    Ok(())
}

/// Restore points name their bytes by content, in objects that are never replaced.
fn effects(rule: Option<OwnRule>) -> Vec<String> {
    let Some(rule) = rule else {
        return vec!["No restore point changes. Unfinished uploads and replaced versions stay until somebody removes them.".into()];
    };
    let mut effects = vec![
        "No restore point loses anything: what they name is stored by its content and never replaced, and the rule is about replaced versions and unfinished uploads alone.".to_owned(),
    ];
    if let Some(days) = rule.expire_versions_days {
        effects.push(format!(
            "Earlier versions of the directly readable copies, and what keep rules deleted, are gone for good after {}.",
            text::counted(days.into(), "day")
        ));
    }
    if let Some(days) = rule.archive_versions_days {
        effects.push(format!(
            "Those versions move to archive storage after {}, from where they come back in hours and at a price.",
            text::counted(days.into(), "day")
        ));
    }
    if let Some(days) = rule.abort_uploads_days {
        effects.push(format!(
            "Uploads that were begun and not finished end after {}; an interrupted backup sends those parts again.",
            text::counted(days.into(), "day")
        ));
    }
    effects
}

fn below(rule: OwnRule) -> Below {
    Below {
        abort_uploads_days: rule.abort_uploads_days,
        archive_versions_days: rule.archive_versions_days,
        expire_versions_days: rule.expire_versions_days,
    }
}

fn rule_view(rule: BucketRule) -> BucketRuleView {
    BucketRuleView {
        id: rule.id,
        enabled: rule.enabled,
        prefix: rule.prefix,
        does: rule.does,
        endangers_backup: rule.endangers_backup,
        ours: rule.ours,
    }
}
