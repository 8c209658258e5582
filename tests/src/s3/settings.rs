//! What a bucket's owner can set beside versioning: lifecycle rules, kept in memory.

use std::sync::Mutex;

use s3s::dto::*;
use s3s::{S3Result, s3_error};

#[derive(Default)]
pub(super) struct Settings {
    lifecycle: Mutex<Option<Vec<LifecycleRule>>>,
}

impl Settings {
    pub(super) fn lifecycle(&self) -> S3Result<GetBucketLifecycleConfigurationOutput> {
        let rules = self.lifecycle.lock().unwrap().clone();
        match rules {
            Some(rules) => Ok(GetBucketLifecycleConfigurationOutput {
                rules: Some(rules),
                ..Default::default()
            }),
            None => Err(s3_error!(NoSuchLifecycleConfiguration)),
        }
    }

    /// Rules that delete objects: id, prefix, days.
    pub(super) fn make_rules(&self, rules: &[(&str, &str, i32)]) {
        let rules = rules
            .iter()
            .map(|(id, prefix, days)| LifecycleRule {
                id: Some((*id).to_owned()),
                filter: Some(LifecycleRuleFilter {
                    prefix: Some((*prefix).to_owned()),
                    ..Default::default()
                }),
                expiration: Some(LifecycleExpiration {
                    days: Some(*days),
                    ..Default::default()
                }),
                status: ExpirationStatus::from_static(ExpirationStatus::ENABLED),
                abort_incomplete_multipart_upload: None,
                noncurrent_version_expiration: None,
                noncurrent_version_transitions: None,
                prefix: None,
                transitions: None,
            })
            .collect();
        self.set_lifecycle(Some(rules));
    }

    pub(super) fn set_lifecycle(&self, rules: Option<Vec<LifecycleRule>>) {
        *self.lifecycle.lock().unwrap() = rules;
    }
}
