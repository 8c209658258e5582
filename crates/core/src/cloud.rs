//! One file of the bucket at a time: a link to it, its local bytes given up once the
//! bucket has proved that it has them, and brought back when somebody uses it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::{Timestamp, ToSpan};
use redline_backup::{Bucket, FileEntry, StoredFile};
use redline_store::{Differing, FileId, FileRecord, RestoreFile, Status};

use crate::bucket::{BucketSettings, SharedProgress};
use crate::contract::{
    EncryptionState, Event, FailedFile, FetchReport, FreeReport, FreeRule, JobKind, JobResult,
    LinkView,
};
use crate::error::{Code, CoreError, Doing, store_error};
use crate::jobs::{Finish, Job};
use crate::progress::{Transferring, tell_outages};
use crate::session::{JobId, Session};
use crate::text;

/// An hour, where nothing else is asked for.
const LINK_LIVES: Duration = Duration::from_secs(3600);
/// Metadata of a file: when its bytes came back last.
const FETCHED_AT: &str = "fetched_at";

impl Session {
    /// A link to a backed-up file that anyone can open until it expires.
    ///
    /// # Errors
    /// [`Code::NotFound`] for a file that is not in the bucket as it is now.
    pub fn link_file(&self, id: i64, expires: Option<Duration>) -> Result<LinkView, CoreError> {
        let record = self.0.store.get(FileId(id))?;
        let (bucket, _) = self.connect()?;
        if self.encryption_state()? != EncryptionState::Off {
            return Err(CoreError::new(
                Code::Unsupported,
                format!(
                    "There is no link to \"{}\": this backup is encrypted, and a link would open nothing that can be read.",
                    record.filename
                ),
                "Save a copy of the file and hand that on.",
            ));
        }
        let file = of(&record);
        let lives = expires.unwrap_or(LINK_LIVES);
        let link = self
            .0
            .core
            .block_on(async move { redline_backup::link(&bucket, &file, lives).await })?
            .map_err(|error| not_there(error, &record.filename))?;
        self.0.store.audit(
            "link_made",
            serde_json::json!({ "uid": record.uid, "expires_at": link.expires_at.to_string() }),
        );
        Ok(LinkView {
            url: link.url.expose().to_owned(),
            expires_at: link.expires_at.to_string(),
            shortened: link.shortened,
        })
    }

    /// Starts making files cloud-only; the job's result is [`JobResult::Free`].
    pub fn free_files(&self, ids: Vec<i64>) -> Result<JobId, CoreError> {
        let (bucket, settings) = self.begin_sending()?;
        let records = self.records_of(&ids)?;
        let session = self.clone();
        self.0
            .jobs
            .spawn(JobKind::Free, free_title(&records), move |job| {
                session.run_free(&bucket, &settings, &records, job)
            })
    }

    /// The same on this thread.
    pub fn free_files_now(&self, ids: &[i64]) -> Result<FreeReport, CoreError> {
        let (bucket, settings) = self.begin_sending()?;
        let records = self.records_of(ids)?;
        self.free_now(&bucket, &settings, &records)
    }

    fn free_now(
        &self,
        bucket: &Bucket,
        settings: &BucketSettings,
        records: &[FileRecord],
    ) -> Result<FreeReport, CoreError> {
        let job = self.0.jobs.run(JobKind::Free, free_title(records), |job| {
            self.run_free(bucket, settings, records, job)
        });
        match job.result {
            Some(JobResult::Free(report)) if job.error.is_none() => Ok(report),
            _ => Err(crate::jobs::error_of(job)),
        }
    }

    fn run_free(
        &self,
        bucket: &Bucket,
        settings: &BucketSettings,
        records: &[FileRecord],
        job: &Arc<Job>,
    ) -> Finish {
        tell_outages(job, bucket);
        job.phase("proving that the bucket has them");
        job.set_total(
            Some(records.iter().map(|r| r.size_bytes).sum()),
            Some(records.len() as u64),
        );
        let mut report = FreeReport::default();
        // Asked of the bucket: another device may have built a point on ours that no longer
        // has the file, and keep rules delete what no point needs.
        let in_point: HashMap<String, FileEntry> = match self.newest(bucket, settings) {
            Ok(newest) => newest
                .state
                .into_iter()
                .flat_map(|newest| newest.files)
                .map(|file| (file.path.clone(), file))
                .collect(),
            Err(error) => return Finish::stopped(error, None),
        };
        for record in records {
            if job.is_cancelled() {
                return Finish::stopped(crate::error::cancelled(), Some(JobResult::Free(report)));
            }
            match self.free_one(bucket, record, &in_point, job) {
                Ok(()) => {
                    report.freed_files += 1;
                    report.freed_bytes += record.size_bytes;
                }
                Err(error) => report.failed.push(failed(record, &error)),
            }
            job.advance(0, 1);
        }
        self.tell(Event::Files);
        finish(
            report.failed.is_empty(),
            report
                .failed
                .first()
                .filter(|_| report.freed_files == 0)
                .cloned(),
            JobResult::Free(report.clone()),
        )
    }

    /// The bucket's copy is read and hashed, and a restore point has it, before the local
    /// bytes go; those are hashed, too, since an edit in place would be the only copy.
    fn free_one(
        &self,
        bucket: &Bucket,
        record: &FileRecord,
        in_point: &HashMap<String, FileEntry>,
        job: &Arc<Job>,
    ) -> Result<(), CoreError> {
        if record.status != Status::Stored {
            return Err(CoreError::bad_request(
                format!("\"{}\" is not here.", record.filename),
                "Only a file whose bytes are here can give them up.",
            ));
        }
        let entry = in_point
            .get(&record.relative_path)
            .filter(|entry| entry.sha256 == record.sha256);
        let Some(entry) = entry else {
            return Err(CoreError::new(
                Code::BadRequest,
                format!(
                    "\"{}\" stays here: the newest restore point does not have it as it is now.",
                    record.filename
                ),
                "Back up first.",
            ));
        };
        let file = StoredFile {
            seal: entry.seal.as_deref(),
            ..of(record)
        };
        let progress: SharedProgress = Arc::new(Transferring(Arc::clone(job)));
        self.0
            .core
            .block_on(
                async move { redline_backup::fetch_file(bucket, &file, None, progress).await },
            )?
            .map_err(|error| {
                if matches!(
                    error,
                    redline_backup::BackupError::Damaged { .. }
                        | redline_backup::BackupError::NotFound { .. }
                ) {
                    let sha256 = record.sha256.clone();
                    self.note(|notes| {
                        notes.damaged.insert(sha256);
                    });
                }
                CoreError::from(error)
            })?;
        self.0.store.give_up_bytes(record.id, &record.sha256)?;
        self.0.store.audit(
            "made_cloud_only",
            serde_json::json!({ "uid": record.uid, "sha256": record.sha256 }),
        );
        Ok(())
    }

    /// Starts bringing cloud-only files back; the job's result is [`JobResult::Fetch`].
    pub fn fetch_files(&self, ids: Vec<i64>) -> Result<JobId, CoreError> {
        let (bucket, _) = self.begin_sending()?;
        let records = self.records_of(&ids)?;
        let session = self.clone();
        self.0
            .jobs
            .spawn(JobKind::Fetch, fetch_title(&records), move |job| {
                session.run_fetch(&bucket, &records, job)
            })
    }

    /// The same on this thread.
    pub fn fetch_files_now(&self, ids: &[i64]) -> Result<FetchReport, CoreError> {
        let (bucket, _) = self.begin_sending()?;
        let records = self.records_of(ids)?;
        let job = self
            .0
            .jobs
            .run(JobKind::Fetch, fetch_title(&records), |job| {
                self.run_fetch(&bucket, &records, job)
            });
        match job.result {
            Some(JobResult::Fetch(report)) if job.error.is_none() => Ok(report),
            _ => Err(crate::jobs::error_of(job)),
        }
    }

    fn run_fetch(&self, bucket: &Bucket, records: &[FileRecord], job: &Arc<Job>) -> Finish {
        tell_outages(job, bucket);
        job.phase("fetching");
        job.set_total(
            Some(records.iter().map(|r| r.size_bytes).sum()),
            Some(records.len() as u64),
        );
        let mut report = FetchReport::default();
        for record in records {
            if job.is_cancelled() {
                return Finish::stopped(crate::error::cancelled(), Some(JobResult::Fetch(report)));
            }
            let progress: SharedProgress = Arc::new(Transferring(Arc::clone(job)));
            match self.fetch_one(bucket, record, progress) {
                Ok(true) => {
                    report.fetched_files += 1;
                    report.fetched_bytes += record.size_bytes;
                }
                Ok(false) => {}
                Err(error) => report.failed.push(failed(record, &error)),
            }
            job.advance(0, 1);
        }
        self.tell(Event::Files);
        finish(
            report.failed.is_empty(),
            report
                .failed
                .first()
                .filter(|_| report.fetched_files == 0)
                .cloned(),
            JobResult::Fetch(report.clone()),
        )
    }

    /// `Ok(false)`: it was here already.
    fn fetch_one(
        &self,
        bucket: &Bucket,
        record: &FileRecord,
        progress: SharedProgress,
    ) -> Result<bool, CoreError> {
        if record.status == Status::Stored {
            return Ok(false);
        }
        let free = self.0.store.free_space();
        if record.size_bytes > free {
            return Err(CoreError::new(
                Code::DiskFull,
                format!(
                    "Could not fetch \"{}\": the disk is full (needs {}, {} free).",
                    record.filename,
                    text::bytes(record.size_bytes),
                    text::bytes(free)
                ),
                crate::error::FREE_SPACE,
            ));
        }
        let scratch = self.0.store.scratch_dir()?;
        let temp = scratch.path().join("bytes");
        let (file, into) = (of(record), temp.clone());
        self.0
            .core
            .block_on(async move {
                redline_backup::fetch_file(bucket, &file, Some(into), progress).await
            })?
            .map_err(|error| not_there(error, &record.filename))?;
        self.0
            .store
            .restore_file(
                &RestoreFile {
                    temp: &temp,
                    relative_path: &record.relative_path,
                    uid: &record.uid,
                    sha256: &record.sha256,
                    size: record.size_bytes,
                    differing: Differing::KeepBeside,
                    mark: FETCHED_AT,
                },
                // Nobody takes this back: where it is cut off, it is fetched again.
                &|_| Ok(()),
                &(),
            )
            .map_err(|error| store_error(error, Doing::Restoring))?;
        // A rule counts its days from here.
        let now = Timestamp::now().to_string();
        self.0.store.note_fact(record.id, FETCHED_AT, &now)?;
        Ok(true)
    }

    /// Brings a file's bytes here if they are in the bucket only: somebody is about to
    /// use it.
    pub(crate) fn bring_here(&self, record: &FileRecord) -> Result<(), CoreError> {
        if record.status != Status::CloudOnly {
            return Ok(());
        }
        let (bucket, _) = self.connect().map_err(|error| {
            if error.code() != Code::BucketMissing {
                return error;
            }
            CoreError::new(
                Code::BucketMissing,
                format!(
                    "\"{}\" is in the bucket only, and no bucket is set up here.",
                    record.filename
                ),
                "Set the bucket up under Backup.",
            )
        })?;
        self.refuse_while_locked()?;
        self.fetch_one(&bucket, record, Arc::new(()))?;
        self.tell(Event::Files);
        Ok(())
    }

    /// What the rule would make cloud-only at `now`; changes nothing.
    pub fn plan_free(&self, rule: FreeRule, now: Timestamp) -> Result<FreeReport, CoreError> {
        let records = self.freed_by(rule, now)?;
        Ok(FreeReport {
            freed_files: records.len() as u64,
            freed_bytes: records.iter().map(|r| r.size_bytes).sum(),
            failed: Vec::new(),
        })
    }

    /// [`Session::plan_free`] as of this moment.
    pub fn plan_free_now(&self, rule: FreeRule) -> Result<FreeReport, CoreError> {
        self.plan_free(rule, Timestamp::now())
    }

    /// Keeps a rule by which files become cloud-only, or (`None`) none.
    pub fn set_free_rule(&self, rule: Option<FreeRule>) -> Result<(), CoreError> {
        self.change_notes(|notes| notes.free_rule = rule)?;
        self.tell(Event::Backup);
        Ok(())
    }

    pub fn free_rule(&self) -> Option<FreeRule> {
        self.backup_notes().free_rule
    }

    /// Makes cloud-only what the rule says, if there is one.
    pub fn free_by_rule_now(&self, now: Timestamp) -> Result<FreeReport, CoreError> {
        let Some(rule) = self.free_rule() else {
            return Ok(FreeReport::default());
        };
        let records = self.freed_by(rule, now)?;
        if records.is_empty() {
            return Ok(FreeReport::default());
        }
        let (bucket, settings) = self.begin_transfer()?;
        self.free_now(&bucket, &settings, &records)
    }

    fn freed_by(&self, rule: FreeRule, now: Timestamp) -> Result<Vec<FileRecord>, CoreError> {
        let before = now
            .checked_sub((24 * i64::from(rule.older_than_days)).hours())
            .unwrap_or(Timestamp::MIN);
        let in_point = self.newest_point_contents()?;
        let mut records = Vec::new();
        for file in self.0.store.files_for_backup()? {
            if file.status != Status::Stored || file.size_bytes <= rule.larger_than_bytes {
                continue;
            }
            let record = self.0.store.get(file.id)?;
            let fetched = record
                .metadata
                .get(FETCHED_AT)
                .and_then(|at| at.as_str()?.parse::<Timestamp>().ok());
            let since = fetched.map_or(record.uploaded_at, |at| at.max(record.uploaded_at));
            if since <= before && in_point.get(&record.relative_path) == Some(&record.sha256) {
                records.push(record);
            }
        }
        Ok(records)
    }

    /// Path to SHA-256 of this device's last restore point, which the next one builds on.
    fn newest_point_contents(&self) -> Result<HashMap<String, String>, CoreError> {
        let settings = self.bucket_settings()?;
        let last = settings.and_then(|settings| self.last_manifest(&settings));
        Ok(last
            .into_iter()
            .flat_map(|last| last.files)
            .map(|file| (file.path, file.sha256))
            .collect())
    }

    fn records_of(&self, ids: &[i64]) -> Result<Vec<FileRecord>, CoreError> {
        ids.iter()
            .map(|id| Ok(self.0.store.get(FileId(*id))?))
            .collect()
    }
}

fn of(record: &FileRecord) -> StoredFile<'_> {
    StoredFile {
        relative_path: &record.relative_path,
        sha256: &record.sha256,
        size: record.size_bytes,
        seal: None,
    }
}

fn not_there(error: redline_backup::BackupError, name: &str) -> CoreError {
    match error {
        redline_backup::BackupError::NotFound { .. } => CoreError::new(
            Code::NotFound,
            format!("\"{name}\" is not in the bucket as it is now."),
            "Back up first; a cloud-only file may be in a bucket that was set up before.",
        ),
        other => other.into(),
    }
}

fn failed(record: &FileRecord, error: &CoreError) -> FailedFile {
    FailedFile {
        path: record.relative_path.clone(),
        error: error.report(),
        token: None,
    }
}

/// `all_failed` is why nothing at all came through.
fn finish(whole: bool, all_failed: Option<FailedFile>, result: JobResult) -> Finish {
    match all_failed {
        _ if whole => Finish::done(result),
        Some(first) => Finish::stopped(first.error.into(), Some(result)),
        None => Finish::partial(result),
    }
}

fn free_title(records: &[FileRecord]) -> String {
    match records {
        [one] => format!("Making \"{}\" cloud-only", one.filename),
        many => format!(
            "Making {} cloud-only",
            text::counted(many.len() as u64, "file")
        ),
    }
}

fn fetch_title(records: &[FileRecord]) -> String {
    match records {
        [one] => format!("Fetching \"{}\"", one.filename),
        many => format!("Fetching {}", text::counted(many.len() as u64, "file")),
    }
}
