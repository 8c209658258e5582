//! The store into its bucket: what waits, what would be sent, sending it.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hkdf::Hkdf;
use parking_lot::Mutex;
use redline_backup::{
    BackupError, BackupOutcome, BackupPlan, Bucket, CatalogSnapshot, DataKey, Manifest,
    ManifestKey, SkipReason, SkippedFile, SkippedPoint, SourceFile,
};
use redline_store::{BackupFile, Status};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::bucket::{BucketSettings, Remembered, SharedProgress};
use crate::contract::{BackupPlanView, BackupReport, BackupStatus, Event, JobKind, JobResult};
use crate::error::{Code, CoreError};
use crate::file_backup::PointIndex;
use crate::jobs::{Finish, Job};
use crate::left_out::{self, LISTED, confirm_first, mass_delete};
use crate::newest::Newest;
use crate::others::label;
use crate::progress::{Transferring, tell_outages};
use crate::restore::skipped_points;
use crate::schedule::with_due;
use crate::session::{JobId, Session};
use crate::text;

/// Jobs that change the store together with its backup.
const TRANSFERS: &[JobKind] = &[
    JobKind::Backup,
    JobKind::Restore,
    JobKind::UndoRestore,
    JobKind::Retention,
    JobKind::Free,
    JobKind::Fetch,
];

/// What a session knows of its backups beside what is on disk.
#[derive(Default)]
pub(crate) struct BackupState {
    /// Set up for a key from the environment, which has no profile to keep it.
    pub(crate) bucket: Mutex<Option<BucketSettings>>,
    /// As the keyring has them; none until somebody asked.
    pub(crate) data_keys: Mutex<Option<Vec<DataKey>>>,
    remembered: Mutex<Remembered>,
    pub(crate) index: Mutex<Option<Arc<PointIndex>>>,
}

impl Session {
    /// Asks the bucket nothing.
    pub fn backup_status(&self) -> Result<BackupStatus, CoreError> {
        let notes = self.backup_notes();
        let settings = self.bucket_settings()?;
        let (waiting_files, waiting_bytes) = self.waiting(settings.as_ref())?;
        Ok(BackupStatus {
            bucket: self.bucket_view()?,
            last_backup_at: notes.last_backup_at.clone(),
            last_proven_at: notes.last_proven_at.clone(),
            waiting_files,
            waiting_bytes,
            checks: with_due(&notes),
            schedule: notes.schedule,
            undo: self.undoable_restore(),
            retention: notes.retention,
            encryption: self.encryption_state()?,
        })
    }

    /// Files that the last restore point does not have.
    pub(crate) fn waiting_files(&self) -> Result<u64, CoreError> {
        let settings = self.bucket_settings()?;
        Ok(self.waiting(settings.as_ref())?.0)
    }

    /// Files and bytes that the last restore point does not have.
    fn waiting(&self, settings: Option<&BucketSettings>) -> Result<(u64, u64), CoreError> {
        let last = settings.and_then(|settings| self.last_manifest(settings));
        let id = last
            .as_ref()
            .map(|last| last.head.id.clone())
            .unwrap_or_default();
        let version = self.0.store.version();
        let sealing = self.known_data_keys().unwrap_or_default();
        let sealing = sealing.first().map(DataKey::id);
        let id = format!("{id}|{}", sealing.unwrap_or(""));
        {
            let remembered = self.0.backup.remembered.lock();
            if remembered.of.as_ref() == Some(&(version, id.clone())) {
                return Ok(remembered.waiting);
            }
        }
        let there = last
            .as_ref()
            .map(|last| last.sent_as(sealing))
            .unwrap_or_default();
        let waiting = self
            .0
            .store
            .files_for_backup()?
            .iter()
            .filter(|file| file.status == Status::Stored)
            .filter(|file| there.get(&file.relative_path) != Some(&file.sha256))
            .fold((0, 0), |(files, bytes), file| {
                (files + 1, bytes + file.size_bytes)
            });
        *self.0.backup.remembered.lock() = Remembered {
            of: Some((version, id)),
            waiting,
        };
        Ok(waiting)
    }

    /// What a backup would send, asked of the bucket.
    pub fn plan_backup(&self) -> Result<BackupPlanView, CoreError> {
        let (bucket, settings) = self.connect()?;
        let known = self.newest(&bucket, &settings)?;
        let files = self.listed_files()?;
        let hints = self.plan_hints(&known)?;
        // What never was here is not gone from here.
        let first_meeting = hints.base.as_ref().is_some_and(HashMap::is_empty);
        let newest = known.state;
        let (bucket, of) = (&bucket, newest.as_ref());
        let plan = self.0.core.block_on(async move {
            redline_backup::plan_backup_with(bucket, &files, of, &hints).await
        })??;
        let of = newest.as_ref().map_or(0, |point| point.files.len() as u64);
        let device = self.device()?;
        let mut other_devices: Vec<String> = newest
            .iter()
            .map(|newest| newest.head.device.as_str())
            .chain(plan.other_devices())
            .filter(|other| *other != device)
            .map(label)
            .collect();
        other_devices.sort();
        other_devices.dedup();
        Ok(BackupPlanView {
            upload_files: plan.upload.len() as u64,
            upload_bytes: plan.bytes,
            unchanged_files: plan.unchanged,
            removed_files: plan.removed.len() as u64,
            absent_files: if first_meeting { 0 } else { plan.absent },
            mass_delete: mass_delete(&plan.removed, of),
            other_devices,
        })
    }

    /// Starts a backup; the job's result is [`JobResult::Backup`].
    ///
    /// # Errors
    /// [`Code::BucketMissing`]; [`Code::StoreBusy`] while another one runs.
    pub fn backup(&self) -> Result<JobId, CoreError> {
        self.start_backup(false)
    }

    /// As [`Session::backup`], for a person who was shown that much was deleted and meant it.
    pub fn backup_confirmed(&self) -> Result<JobId, CoreError> {
        self.start_backup(true)
    }

    fn start_backup(&self, confirm_removals: bool) -> Result<JobId, CoreError> {
        let (bucket, settings) = self.begin_sending()?;
        let session = self.clone();
        self.0
            .jobs
            .spawn(JobKind::Backup, title(&settings), move |job| {
                session.run_backup(&bucket, &settings, confirm_removals, job)
            })
    }

    /// The same on this thread.
    pub fn backup_now(&self) -> Result<BackupReport, CoreError> {
        self.make_backup(false)
    }

    /// [`Session::backup_confirmed`] on this thread.
    pub fn backup_confirmed_now(&self) -> Result<BackupReport, CoreError> {
        self.make_backup(true)
    }

    fn make_backup(&self, confirm_removals: bool) -> Result<BackupReport, CoreError> {
        let (bucket, settings) = self.begin_sending()?;
        let job = self.0.jobs.run(JobKind::Backup, title(&settings), |job| {
            self.run_backup(&bucket, &settings, confirm_removals, job)
        });
        match job.result {
            Some(JobResult::Backup(report)) => Ok(report),
            _ => Err(crate::jobs::error_of(job)),
        }
    }

    /// One transfer of a store at a time, whichever process runs it.
    pub(crate) fn begin_transfer(&self) -> Result<(Bucket, BucketSettings), CoreError> {
        self.refuse_while_transferring()?;
        self.connect()
    }

    /// As [`Session::begin_transfer`], for what must not go in the clear by mistake.
    pub(crate) fn begin_sending(&self) -> Result<(Bucket, BucketSettings), CoreError> {
        self.refuse_while_transferring()?;
        self.refuse_while_locked()?;
        let connected = self.connect()?;
        // Keys of a profile may take a minute to come.
        self.refuse_while_transferring()?;
        Ok(connected)
    }

    /// Encryption may have been switched on since the bucket was opened, here or on another
    /// device: what would go in the clear then does not go.
    fn refuse_in_the_clear(
        &self,
        bucket: &Bucket,
        settings: &BucketSettings,
        passed_over: &[SkippedPoint],
    ) -> Result<(), CoreError> {
        if bucket.seals() {
            return Ok(());
        }
        self.learn_encryption(bucket, settings)?;
        self.refuse_while_locked()?;
        self.refuse_beside_sealed(bucket, passed_over)?;
        if self.encrypts() {
            return Err(CoreError::new(
                Code::StoreBusy,
                "Encryption was switched on while the backup began, so nothing was sent.",
                "Back up again.",
            ));
        }
        Ok(())
    }

    pub(crate) fn refuse_while_transferring(&self) -> Result<(), CoreError> {
        if let Some(job) = self.0.jobs.running(TRANSFERS) {
            return Err(CoreError::new(
                Code::StoreBusy,
                format!("\"{}\" is running already.", job.title),
                "Wait until it is done, or cancel it.",
            ));
        }
        Ok(())
    }

    pub(crate) fn run_backup(
        &self,
        bucket: &Bucket,
        settings: &BucketSettings,
        confirm_removals: bool,
        job: &Arc<Job>,
    ) -> Finish {
        tell_outages(job, bucket);
        let report = match self.send(bucket, settings, confirm_removals, job) {
            Ok(done) => done,
            Err(error) => return Finish::stopped(error, None),
        };
        // The restore point exists; what cannot be noted down about it does not undo it.
        self.note(|notes| notes.last_backup_at = Some(text::now()));
        self.0.store.audit(
            "backup",
            serde_json::json!({ "generation": report.generation }),
        );
        self.tell(Event::Backup);
        let complete = report.left_out.is_empty();
        let result = JobResult::Backup(report);
        if complete {
            Finish::done(result)
        } else {
            Finish::partial(result)
        }
    }

    fn send(
        &self,
        bucket: &Bucket,
        settings: &BucketSettings,
        confirm_removals: bool,
        job: &Arc<Job>,
    ) -> Result<BackupReport, CoreError> {
        job.phase("comparing");
        self.look_at_files(job)?;
        let look = self.look();
        if let Some(report) = self.nothing_new(bucket, settings, look.as_ref())? {
            return Ok(report);
        }
        let known = self.newest(bucket, settings)?;
        let (merged_devices, conflicts) = self.meet_others(bucket, &known, job)?;
        // Another device that was taken in changed it.
        let look = self.look();
        let settled = conflicts.is_empty();
        job.phase("copying the catalog");
        let scratch = self.0.store.scratch_dir()?;
        // Before the files are listed: a file that comes in between has no row in the
        // copy and is adopted by a restore; the other way round it would look missing.
        let copy = self.0.store.snapshot_with(
            &scratch.path().join("catalog.duckdb"),
            &[(crate::others::PRESETS, self.presets_text())],
        )?;
        let snapshot = CatalogSnapshot {
            path: copy.path,
            sha256: copy.sha256,
            size: copy.size_bytes,
        };
        let files = self.listed_files()?;
        let hints = self.plan_hints(&known)?;
        let Newest {
            state: newest,
            passed_over,
            ..
        } = known;
        let (key, device) = (self.manifest_key(), self.device()?);
        let progress: SharedProgress = Arc::new(Transferring(Arc::clone(job)));
        let (sent_again, before) = (hints.damaged.clone(), hints.base.clone());
        let local: HashMap<String, String> = files
            .iter()
            .map(|file| (file.relative_path.clone(), file.sha256.clone()))
            .collect();
        let was_sealed = newest.as_ref().map(|n| n.head.encryption.is_some());
        // Of what another device has the last word on, this one goes on knowing its own.
        let before = before.unwrap_or_default();
        let stale_of = |plan: &BackupPlan| -> HashMap<String, String> {
            let known = |path: &String| {
                let own = local.get(path).or_else(|| before.get(path));
                (path.clone(), own.cloned().unwrap_or_default())
            };
            let paths = plan.theirs.iter().chain(&plan.kept_edits);
            paths.map(known).collect()
        };
        let (stale_of, is_noted) = (&stale_of, &AtomicBool::new(false));
        let (known, compared) = (newest.as_ref(), progress.clone());
        let plan = self.0.core.block_on(async move {
            compared.phase(redline_backup::Phase::Comparing);
            redline_backup::plan_backup_with(bucket, &files, known, &hints).await
        })??;
        let of = newest.as_ref().map_or(0, |point| point.files.len() as u64);
        if let Some(mass) = mass_delete(&plan.removed, of).filter(|_| !confirm_removals) {
            return Err(confirm_first(&mass));
        }
        // The catalog tells names.
        let catalog = newest.as_ref().map(|n| &n.head.catalog.sha256);
        if !plan.upload.is_empty() || catalog != Some(&snapshot.sha256) {
            self.refuse_in_the_clear(bucket, settings, &passed_over)?;
        }
        let planned = &plan;
        let outcome = self.0.core.block_on(async move {
            let pending = |made: &Manifest| {
                let noted = self.note_pending(settings, made, &stale_of(planned));
                is_noted.store(noted, Ordering::Relaxed);
            };
            redline_backup::run_backup_told(
                bucket, planned, &snapshot, &key, &device, progress, &pending,
            )
            .await
            .map_err(|error| self.note_tidied(error))
        })??;
        let stale = stale_of(&plan);
        self.forget_healed(sent_again, &outcome);
        let in_the_clear = self.stays_in_the_clear(bucket, was_sealed, &outcome)?;
        self.note_lost(&outcome);
        let removed_files = plan.removed.len() as u64;
        let refused = plan.refused.into_iter().map(left_out::refused);
        let skipped = outcome.skipped.into_iter().map(left_out::skipped);
        let report = BackupReport {
            manifest: outcome.manifest,
            generation: outcome.generation,
            uploaded_files: outcome.uploaded_files,
            uploaded_bytes: outcome.uploaded_bytes,
            requests: outcome.requests,
            seconds: outcome.seconds,
            left_out: refused.chain(skipped).take(LISTED).collect(),
            removed_files,
            merged_devices,
            conflicts,
            skipped_points: skipped_points(passed_over),
            in_the_clear,
            without_copy: left_out::without_copy(outcome.without_plain_copy),
        };
        let standing = (settled && stale.is_empty()).then(|| outcome.current.head.clone());
        if !(is_noted.load(Ordering::Relaxed) && self.take_pending()) {
            self.keep_manifest(settings, outcome.current, stale);
        }
        // Last: where this stands, nothing of the above is done again.
        if let Some(head) = standing {
            self.note_standing(settings, look, &report, head);
        }
        Ok(report)
    }

    /// What was removed from the bucket while a backup relied on it is sent again by the
    /// next one.
    fn note_tidied(&self, error: BackupError) -> CoreError {
        if let BackupError::TidiedAway { contents } = &error {
            self.note(|notes| notes.damaged.extend(contents.iter().cloned()));
        }
        error.into()
    }

    /// Files that were listed as being in the bucket, and are not.
    fn note_lost(&self, outcome: &BackupOutcome) {
        let gone = |file: &&SkippedFile| file.reason == SkipReason::Missing && !file.earlier_kept;
        let uids: Vec<String> = outcome
            .skipped
            .iter()
            .filter(gone)
            .map(|file| file.uid.clone())
            .collect();
        if uids.is_empty() {
            return;
        }
        match self.0.store.lost_in_bucket(&uids) {
            Ok(()) => self.tell(Event::Files),
            Err(error) => {
                tracing::warn!(code = ?CoreError::from(error).code(), "a file that the bucket lost is still listed as being there");
            }
        }
    }

    /// Of what was damaged in the bucket, what this run sent again.
    fn forget_healed(&self, sent_again: BTreeSet<String>, outcome: &BackupOutcome) {
        if sent_again.is_empty() {
            return;
        }
        let skipped: HashSet<&str> = outcome.skipped.iter().map(|s| s.uid.as_str()).collect();
        let whole: HashSet<String> = outcome
            .current
            .files
            .iter()
            .filter(|file| !skipped.contains(file.uid.as_str()))
            .map(|file| file.sha256.clone())
            .collect();
        self.note(|notes| {
            notes
                .damaged
                .retain(|sha256| !(sent_again.contains(sha256) && whole.contains(sha256)));
        });
    }

    /// What is here: files whose bytes are in the store's folder.
    pub(crate) fn local_files(&self) -> Result<Vec<SourceFile>, CoreError> {
        Ok(self
            .0
            .store
            .files_for_backup()?
            .into_iter()
            .filter(|file| file.status == Status::Stored)
            .map(source_file)
            .collect())
    }

    /// What a restore point has to have: those, and files that are only in the bucket
    /// or are missing here.
    pub(crate) fn listed_files(&self) -> Result<Vec<SourceFile>, CoreError> {
        let files = self.0.store.files_for_backup()?;
        Ok(files.into_iter().map(source_file).collect())
    }

    /// Signs restore points: whoever has the license key can check and make them, and
    /// the bucket's keys alone are not enough.
    pub(crate) fn manifest_key(&self) -> ManifestKey {
        let mut bytes = Zeroizing::new([0u8; 32]);
        let kdf = Hkdf::<Sha256>::new(Some(b"redline manifest"), self.0.key.expose().as_bytes());
        if kdf.expand(b"hmac-sha256 v1", &mut *bytes).is_err() {
            // HKDF-SHA256 refuses only more than 8,160 bytes.
            unreachable!("32 bytes are within what HKDF can give");
        }
        ManifestKey::new(*bytes)
    }
}

fn source_file(file: BackupFile) -> SourceFile {
    SourceFile {
        id: file.id.0,
        uid: file.uid,
        relative_path: file.relative_path,
        size: file.size_bytes,
        sha256: file.sha256,
        path: file.path,
        mtime_ns: file.mtime_ns,
    }
}

fn title(settings: &BucketSettings) -> String {
    format!("Backing up to \"{}\"", settings.bucket)
}

/// What this machine is called in the list of restore points.
pub(crate) fn machine_name() -> String {
    let named = std::env::var("COMPUTERNAME")
        .or_else(|_| std::env::var("HOSTNAME"))
        .ok();
    named
        .or_else(|| fs::read_to_string("/proc/sys/kernel/hostname").ok())
        .or_else(|| fs::read_to_string("/etc/hostname").ok())
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| "this-machine".to_owned())
}
