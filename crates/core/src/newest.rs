//! What the bucket has of this store, beside what this device last knew of it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use redline_backup::{Bucket, Manifest, PlanHints, SkippedPoint};

use crate::bucket::BucketSettings;
use crate::contract::ConflictView;
use crate::error::CoreError;
use crate::jobs::Job;
use crate::last_manifest::LastManifest;
use crate::session::Session;

pub(crate) struct Newest {
    /// By all devices.
    pub(crate) state: Option<Manifest>,
    /// Points on the way to it that cannot be read.
    pub(crate) passed_over: Vec<SkippedPoint>,
    pub(crate) last: Option<LastManifest>,
}

impl Session {
    pub(crate) fn plan_hints(&self, known: &Newest) -> Result<PlanHints, CoreError> {
        let base = match (&known.last, &known.state) {
            (_, None) => None,
            (Some(last), Some(newest)) if newest.builds_on(&last.head.id) => Some(last.base()),
            // What was known here is lost, or its point is, and an older one stands for it:
            // what differs from this device's own last word is this device's change.
            (_, Some(newest))
                if newest.others.is_empty() && newest.head.device == self.device()? =>
            {
                None
            }
            // A first meeting: what differs was changed by both.
            (_, Some(_)) => Some(HashMap::new()),
        };
        Ok(PlanHints {
            deleted: Some(self.0.store.deleted_uids()?),
            damaged: self.backup_notes().damaged,
            base,
        })
    }

    /// What the bucket has by all devices, after what was being sent when a process ended
    /// is settled.
    pub(crate) fn newest(
        &self,
        bucket: &Bucket,
        settings: &BucketSettings,
    ) -> Result<Newest, CoreError> {
        self.settle_pending(bucket, settings)?;
        let last = self.last_manifest(settings);
        let (key, held) = (
            self.manifest_key(),
            last.as_ref().map(|last| last.manifest()),
        );
        let newest = self.0.core.block_on(async move {
            match held {
                Some(held) => redline_backup::latest_manifest_with(bucket, &key, held).await,
                None => redline_backup::latest_manifest(bucket, &key).await,
            }
        })?;
        let (state, passed_over) = self.heed(settings, newest)?;
        Ok(Newest {
            state,
            passed_over,
            last,
        })
    }

    /// Takes in what other devices backed up, and keeps both of what both changed.
    pub(crate) fn meet_others(
        &self,
        bucket: &Bucket,
        known: &Newest,
        job: &Arc<Job>,
    ) -> Result<(Vec<String>, Vec<ConflictView>), CoreError> {
        let Some(newest) = &known.state else {
            return Ok(Default::default());
        };
        let heads = self.heads_of_others(newest, known.last.as_ref())?;
        if heads.is_empty() {
            return Ok(Default::default());
        }
        let before = self.contents()?;
        let devices = self.take_in_others(bucket, newest, &heads, job)?;
        let files = self.listed_files()?;
        let hints = self.plan_hints(known)?;
        let namesakes = self.namesakes(newest, &files, &before)?;
        let plan = self.0.core.block_on(async move {
            redline_backup::plan_backup_with(bucket, &files, Some(newest), &hints).await
        })??;
        let mut conflicts = newest.conflicts.clone();
        conflicts.extend(plan.conflicts);
        conflicts.extend(namesakes);
        let shown = self.list_conflicts(newest, &conflicts)?;
        Ok((devices, shown))
    }

    /// SHA-256 of all files that are listed here.
    fn contents(&self) -> Result<HashSet<String>, CoreError> {
        let files = self.0.store.files_for_backup()?;
        Ok(files.into_iter().map(|file| file.sha256).collect())
    }
}
