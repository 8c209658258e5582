//! A backup where nothing changed: told by the catalog's mark and one look at each file,
//! without reading the catalog or the lists of the last restore point.

use std::time::Instant;

use redline_backup::{Bucket, ManifestHead};
use serde::{Deserialize, Serialize};

use crate::bucket::BucketSettings;
use crate::contract::{BackupReport, Event, OpenNotice};
use crate::error::CoreError;
use crate::jobs::Job;
use crate::kept::Kept;
use crate::notice;
use crate::session::Session;

/// A restore point that had all there was, and how the store looked then.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Standing {
    /// [`BucketSettings::place`]
    place: String,
    /// [`redline_store::Store::mark`]
    mark: String,
    presets: String,
    /// The manifest's object name.
    manifest: String,
    head: Option<ManifestHead>,
}

/// How a store looks before a backup, as far as a restore point can tell.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Look {
    mark: String,
    presets: String,
}

impl Session {
    fn kept_standing(&self) -> Kept {
        Kept::new(
            &self.0.store.private_dir(),
            "standing-point.json",
            crate::fsx::Durability::Whole,
            "what the last backup saw",
        )
    }

    /// What other programs did to the files is in the catalog when this returns.
    pub(crate) fn look_at_files(&self, job: &Job) -> Result<(), CoreError> {
        let lines = notice::of_reconciling(&self.0.store.reconcile(job)?);
        if !lines.is_empty() {
            self.tell(Event::Files);
            self.tell(Event::Notice(OpenNotice { lines }));
        }
        Ok(())
    }

    /// What goes into the catalog's copy beside its rows.
    pub(crate) fn presets_text(&self) -> String {
        serde_json::to_string(&self.presets()).unwrap_or_default()
    }

    pub(crate) fn look(&self) -> Option<Look> {
        Some(Look {
            mark: self.0.store.mark()?,
            presets: self.presets_text(),
        })
    }

    /// The report of a backup for which there is nothing to do.
    pub(crate) fn nothing_new(
        &self,
        bucket: &Bucket,
        settings: &BucketSettings,
        look: Option<&Look>,
    ) -> Result<Option<BackupReport>, CoreError> {
        let (started, before) = (Instant::now(), bucket.requests());
        let standing: Standing = self.kept_standing().read();
        let (Some(look), Some(head)) = (look, standing.head) else {
            return Ok(None);
        };
        let as_it_was = standing.place == settings.place()
            && standing.mark == look.mark
            && standing.presets == look.presets
            && self.backup_notes().damaged.is_empty()
            && !self.has_pending()
            // Else what waits would go on being counted from another point, or from nothing.
            && self.goes_on_from(settings, &head);
        if !as_it_was {
            return Ok(None);
        }
        let (key, of) = (self.manifest_key(), &head);
        let stands = self
            .0
            .core
            .block_on(async move { redline_backup::stands(bucket, &key, of).await })??;
        Ok(stands.then(|| BackupReport {
            manifest: standing.manifest,
            generation: head.generation,
            requests: bucket.requests() - before,
            seconds: started.elapsed().as_secs_f64(),
            ..BackupReport::default()
        }))
    }

    /// Notes a restore point that has all there is. `look`: from before it was made.
    pub(crate) fn note_standing(
        &self,
        settings: &BucketSettings,
        look: Option<Look>,
        report: &BackupReport,
        head: ManifestHead,
    ) {
        // Where there is something to tell, it is told again.
        let is_told = report.left_out.is_empty()
            && report.skipped_points.is_empty()
            && report.in_the_clear.is_none();
        let Some(look) = look.filter(|_| is_told) else {
            return;
        };
        if self.0.store.mark().as_ref() != Some(&look.mark) {
            return;
        }
        let standing = Standing {
            place: settings.place(),
            mark: look.mark,
            presets: look.presets,
            manifest: report.manifest.clone(),
            head: Some(head),
        };
        let kept = self.kept_standing().update(|noted: &mut Standing| {
            *noted = standing;
            Ok(())
        });
        if let Err(error) = kept {
            tracing::info!(code = ?error.code(), "the next backup reads the whole catalog");
        }
    }
}
