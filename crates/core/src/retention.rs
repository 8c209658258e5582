//! How long restore points stay: rules are shown with what they would drop before they
//! are kept, and carried out in two steps, a day apart. See the backup crate.

use std::sync::Arc;

use jiff::Timestamp;
use redline_backup::RetentionPlan;

use crate::contract::{Event, JobKind, JobResult, KeepRules, RetentionPlanView, RetentionReport};
use crate::error::{Code, CoreError};
use crate::jobs::{Finish, Job};
use crate::restore::point_view;
use crate::session::{JobId, Session};

impl Session {
    /// Exactly what these rules would drop. Changes nothing.
    pub fn plan_retention(&self, rules: KeepRules) -> Result<RetentionPlanView, CoreError> {
        let (bucket, _) = self.connect()?;
        let key = self.manifest_key();
        let plan = self.0.core.block_on(async move {
            redline_backup::plan_retention(&bucket, &key, &below(rules), Timestamp::now()).await
        })??;
        Ok(plan_view(rules, plan))
    }

    /// Keeps rules, or (`None`) every restore point from here on.
    pub fn set_retention(&self, rules: Option<KeepRules>) -> Result<(), CoreError> {
        if let Some(rules) = rules
            && rules.last == 0
            && rules.daily == 0
            && rules.weekly == 0
            && rules.monthly == 0
        {
            return Err(CoreError::bad_request(
                "These rules keep nothing.",
                "Keep the last one at least.",
            ));
        }
        self.change_notes(|notes| notes.retention = rules)?;
        self.0
            .store
            .audit("retention_set", serde_json::json!({ "rules": rules }));
        self.tell(Event::Backup);
        Ok(())
    }

    /// Starts the step that is due: deletes what was marked a day ago, or marks. The
    /// job's result is [`JobResult::Retention`].
    ///
    /// # Errors
    /// [`Code::BadRequest`] while no rules are set.
    pub fn run_retention(&self) -> Result<JobId, CoreError> {
        let rules = self.retention_rules()?;
        self.refuse_while_transferring()?;
        let session = self.clone();
        self.0.jobs.spawn(JobKind::Retention, title(), move |job| {
            session.carry_out(rules, Timestamp::now(), job)
        })
    }

    /// The same on this thread, at a time of the caller's.
    pub fn run_retention_now(&self, now: Timestamp) -> Result<RetentionReport, CoreError> {
        let rules = self.retention_rules()?;
        self.refuse_while_transferring()?;
        let job = self.0.jobs.run(JobKind::Retention, title(), |job| {
            self.carry_out(rules, now, job)
        });
        match job.result {
            Some(JobResult::Retention(report)) if job.error.is_none() => Ok(report),
            _ => Err(crate::jobs::error_of(job)),
        }
    }

    fn retention_rules(&self) -> Result<KeepRules, CoreError> {
        self.backup_notes().retention.ok_or_else(|| {
            CoreError::new(
                Code::BadRequest,
                "Every restore point is kept: no rules are set.",
                "Set rules under Backup, or with `redline backup keep`.",
            )
        })
    }

    fn carry_out(&self, rules: KeepRules, now: Timestamp, job: &Arc<Job>) -> Finish {
        job.phase("looking at the restore points");
        let outcome = self.connect().and_then(|(bucket, _)| {
            crate::progress::tell_outages(job, &bucket);
            let key = self.manifest_key();
            Ok(self.0.core.block_on(async move {
                redline_backup::run_retention(&bucket, &key, &below(rules), now).await
            })??)
        });
        let outcome = match outcome {
            Ok(outcome) => outcome,
            Err(error) => return Finish::stopped(error, None),
        };
        self.note(|notes| notes.retention_ran_at = Some(now.to_string()));
        if outcome.deleted_points + outcome.deleted_objects > 0 {
            self.0.store.audit(
                "retention_collected",
                serde_json::json!({ "points": outcome.deleted_points, "objects": outcome.deleted_objects }),
            );
        }
        self.tell(Event::Backup);
        Finish::done(JobResult::Retention(RetentionReport {
            marked_points: outcome.marked_points,
            marked_objects: outcome.marked_objects,
            deleted_points: outcome.deleted_points,
            deleted_objects: outcome.deleted_objects,
            deleted_bytes: outcome.deleted_bytes,
            ended_uploads: outcome.ended_uploads,
            collectable_at: outcome.collectable_at.map(|at| at.to_string()),
        }))
    }
}

fn below(rules: KeepRules) -> redline_backup::KeepRules {
    redline_backup::KeepRules {
        last: rules.last,
        daily: rules.daily,
        weekly: rules.weekly,
        monthly: rules.monthly,
    }
}

fn plan_view(rules: KeepRules, plan: RetentionPlan) -> RetentionPlanView {
    let sum = |keys: &[(String, u64)]| keys.iter().map(|(_, size)| size).sum();
    RetentionPlanView {
        rules,
        kept_points: plan.kept,
        bytes: sum(&plan.unreferenced),
        objects: plan.unreferenced.len() as u64,
        collectable_objects: plan.collectable.len() as u64,
        collectable_at: plan.collectable_at.map(|at| at.to_string()),
        refused: plan.refused,
        dropped: plan.dropped.into_iter().map(point_view).collect(),
    }
}

fn title() -> String {
    "Tidying restore points".to_owned()
}
