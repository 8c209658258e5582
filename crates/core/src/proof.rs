//! Whether the backup can be restored: asked for (quick), read back (deep), or tried on
//! a sample in a fresh folder (drill). What proves it sets the headline.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;
use redline_backup::{Bucket, RestoreItem, RestorePlan, RestoreSink, VerifyReport};
use redline_store::{ScratchDir, SnapshotTable};

use crate::bucket::SharedProgress;
use crate::contract::{
    BackupCheckReport, CheckFinding, CheckKind, CheckNote, DrillReport, DrillTable, Event, JobKind,
    JobResult, RestoreRequest,
};
use crate::error::CoreError;
use crate::jobs::{Finish, Job};
use crate::progress::{Transferring, tell_outages};
use crate::session::{JobId, Session};
use crate::text;

/// Findings that a report lists.
const LISTED: usize = 500;
/// A drill fetches this many files at random, and no more than so many bytes of them.
const SAMPLE: usize = 8;
const SAMPLE_BYTES: u64 = 256 << 20;
/// What the catalog is called among files.
const CATALOG: &str = "catalog";

impl Session {
    /// Starts a check of a restore point, or of the newest; deep reads every byte. The
    /// job's result is [`JobResult::CheckBackup`].
    pub fn check_backup(&self, deep: bool, at: Option<&str>) -> Result<JobId, CoreError> {
        let (bucket, settings) = self.connect()?;
        let (session, at) = (self.clone(), at.map(str::to_owned));
        self.0.jobs.spawn(
            JobKind::CheckBackup,
            check_title(&settings.bucket, deep),
            move |job| session.run_check(&bucket, deep, at.as_deref(), job),
        )
    }

    /// The same on this thread.
    pub fn check_backup_now(
        &self,
        deep: bool,
        at: Option<&str>,
    ) -> Result<BackupCheckReport, CoreError> {
        let (bucket, settings) = self.connect()?;
        let title = check_title(&settings.bucket, deep);
        let job = self.0.jobs.run(JobKind::CheckBackup, title, |job| {
            self.run_check(&bucket, deep, at, job)
        });
        match job.result {
            Some(JobResult::CheckBackup(report)) => Ok(report),
            _ => Err(crate::jobs::error_of(job)),
        }
    }

    fn run_check(&self, bucket: &Bucket, deep: bool, at: Option<&str>, job: &Arc<Job>) -> Finish {
        tell_outages(job, bucket);
        job.phase("checking");
        let key = self.manifest_key();
        let progress: SharedProgress = Arc::new(Transferring(Arc::clone(job)));
        let found = self.0.core.block_on(async move {
            redline_backup::verify(bucket, &key, at, deep, progress).await
        });
        let report = match found {
            Ok(Ok(report)) => report,
            Ok(Err(error)) => return Finish::stopped(error.into(), None),
            Err(error) => return Finish::stopped(error, None),
        };
        let kind = if deep {
            CheckKind::Deep
        } else {
            CheckKind::Quick
        };
        // Of an older point it says nothing about the newest.
        if at.is_none() {
            self.note_outcome(kind, &report.point, report.ok, report.findings.len() as u64);
        }
        let damaged = report.damaged.clone();
        let deep_and_well = deep && report.ok && at.is_none();
        self.note(|notes| {
            if deep_and_well {
                notes.damaged.clear();
            }
            notes.damaged.extend(damaged);
        });
        self.0.store.audit(
            "backup_checked",
            serde_json::json!({ "point": report.point, "deep": deep, "findings": report.findings.len() }),
        );
        self.tell(Event::Backup);
        let ok = report.ok;
        let result = JobResult::CheckBackup(check_view(kind, report));
        if ok {
            Finish::done(result)
        } else {
            Finish::partial(result)
        }
    }

    fn note_outcome(&self, kind: CheckKind, point: &str, ok: bool, findings: u64) {
        let now = text::now();
        self.note(|notes| {
            // A quick look proves that things are there, not that they are whole.
            if ok && kind != CheckKind::Quick {
                notes.last_proven_at = Some(now.clone());
            }
            notes.note_check(CheckNote {
                kind,
                at: now,
                point: point.to_owned(),
                ok,
                findings,
                due: None,
            });
        });
    }

    /// Starts restoring a sample from the bucket alone into a fresh folder, and
    /// compares. The job's result is [`JobResult::Drill`].
    pub fn drill_backup(&self) -> Result<JobId, CoreError> {
        let (bucket, settings) = self.connect()?;
        let session = self.clone();
        self.0
            .jobs
            .spawn(JobKind::Drill, drill_title(&settings.bucket), move |job| {
                session.run_drill(&bucket, job)
            })
    }

    /// The same on this thread.
    pub fn drill_backup_now(&self) -> Result<DrillReport, CoreError> {
        let (bucket, settings) = self.connect()?;
        let job = self
            .0
            .jobs
            .run(JobKind::Drill, drill_title(&settings.bucket), |job| {
                self.run_drill(&bucket, job)
            });
        match job.result {
            Some(JobResult::Drill(report)) => Ok(report),
            _ => Err(crate::jobs::error_of(job)),
        }
    }

    fn run_drill(&self, bucket: &Bucket, job: &Arc<Job>) -> Finish {
        tell_outages(job, bucket);
        job.phase("choosing a sample");
        let report = match self.drill(bucket, job) {
            Ok(report) => report,
            Err(error) => return Finish::stopped(error, None),
        };
        self.note_outcome(
            CheckKind::Drill,
            &report.point,
            report.ok,
            report.findings.len() as u64,
        );
        self.0.store.audit(
            "backup_drill",
            serde_json::json!({ "point": report.point, "files": report.files, "findings": report.findings.len() }),
        );
        self.tell(Event::Backup);
        let ok = report.ok;
        let result = JobResult::Drill(report);
        if ok {
            Finish::done(result)
        } else {
            Finish::partial(result)
        }
    }

    fn drill(&self, bucket: &Bucket, job: &Arc<Job>) -> Result<DrillReport, CoreError> {
        let started = Instant::now();
        // As a machine that has nothing: the local store is not asked.
        let mut plan = self.plan_on_empty(bucket, &RestoreRequest::default())?;
        let all = std::mem::take(&mut plan.items);
        let refused: Vec<CheckFinding> = plan
            .refused
            .iter()
            .map(|(path, problem)| CheckFinding {
                path: path.clone(),
                missing: false,
                advice: text::sentence(&format!("its name cannot be accepted: {problem}.")),
            })
            .collect();
        let folder = Arc::new(FreshFolder {
            scratch: self.0.store.scratch_dir()?,
            come: Mutex::default(),
        });
        let mut findings = refused;
        findings.extend(self.fetch(bucket, &plan, &folder, job)?);
        let facts = match folder.catalog_path().exists() {
            true => match self.0.store.look_at_snapshot(&folder.catalog_path()) {
                Ok(facts) => Some(facts),
                Err(error) => {
                    findings.push(finding(CATALOG, &CoreError::from(error)));
                    None
                }
            },
            false => None,
        };
        let (sample, table) = choose(
            &all,
            facts.as_ref().map_or(&[], |facts| facts.tables.as_slice()),
        );
        let bytes: u64 = sample.iter().map(|item| item.size).sum();
        plan.items = sample;
        plan.catalog = None;
        findings.extend(self.fetch(bucket, &plan, &folder, job)?);

        job.phase("comparing");
        let come = std::mem::take(&mut *folder.come.lock());
        for (item, path) in &come {
            match hash_of(path) {
                Ok(sha256) if sha256 == item.sha256 => {}
                Ok(_) => findings.push(CheckFinding {
                    path: item.relative_path.clone(),
                    missing: false,
                    advice: HEAL.into(),
                }),
                Err(error) => findings.push(CheckFinding {
                    path: item.relative_path.clone(),
                    missing: false,
                    advice: format!("The restored copy could not be read: {}.", error.kind()),
                }),
            }
        }
        let table = table.and_then(|(item, recorded)| {
            let path = &come.iter().find(|(come, _)| come.uid == item.uid)?.1;
            match open_table(path, recorded) {
                Ok((rows, columns)) => Some(DrillTable {
                    path: item.relative_path,
                    rows,
                    columns,
                }),
                Err(why) => {
                    findings.push(CheckFinding {
                        path: item.relative_path,
                        missing: false,
                        advice: why,
                    });
                    None
                }
            }
        });
        findings.truncate(LISTED);
        Ok(DrillReport {
            point: plan.point.id.clone(),
            created_at: plan.point.created_at.clone(),
            ok: findings.is_empty(),
            files: come.len() as u64,
            bytes,
            sampled: come
                .iter()
                .map(|(item, _)| item.relative_path.clone())
                .collect(),
            table,
            catalog_files: facts.map_or(0, |facts| facts.files),
            findings,
            seconds: started.elapsed().as_secs_f64(),
        })
    }

    /// What did not come, each as a finding.
    fn fetch(
        &self,
        bucket: &Bucket,
        plan: &RestorePlan,
        folder: &Arc<FreshFolder>,
        job: &Arc<Job>,
    ) -> Result<Vec<CheckFinding>, CoreError> {
        let progress: SharedProgress = Arc::new(Transferring(Arc::clone(job)));
        let into = Arc::clone(folder) as Arc<dyn RestoreSink>;
        let outcome = self.0.core.block_on(async move {
            redline_backup::run_restore(bucket, plan, into, progress).await
        })??;
        Ok(outcome
            .failed
            .into_iter()
            .map(|failure| finding(&failure.relative_path, &CoreError::from(failure.error)))
            .collect())
    }
}

/// Files at random, and one that is a table: a data table by preference, with the rows
/// that are recorded of it.
fn choose(
    all: &[RestoreItem],
    tables: &[SnapshotTable],
) -> (Vec<RestoreItem>, Option<(RestoreItem, Option<u64>)>) {
    let mut order: Vec<&RestoreItem> = all.iter().collect();
    // Any order will do that nobody can know beforehand.
    let seed = ulid::Ulid::new().random();
    order.sort_by_key(|item| mix(seed, &item.uid));
    let recorded: HashMap<&str, Option<u64>> = tables
        .iter()
        .filter_map(|table| Some((table.file_uid.as_deref()?, table.rows)))
        .collect();
    let small = |item: &&&RestoreItem| item.size <= SAMPLE_BYTES;
    let table = order
        .iter()
        .filter(small)
        .find(|item| recorded.contains_key(item.uid.as_str()))
        .or_else(|| {
            order
                .iter()
                .filter(small)
                .find(|item| is_table(&item.relative_path))
        })
        .map(|item| (**item).clone());
    let mut sample: Vec<RestoreItem> = table.iter().cloned().collect();
    let mut bytes: u64 = sample.iter().map(|item| item.size).sum();
    for item in order {
        let more = bytes.saturating_add(item.size);
        if sample.len() >= SAMPLE {
            break;
        }
        if more <= SAMPLE_BYTES && sample.iter().all(|chosen| chosen.uid != item.uid) {
            bytes = more;
            sample.push(item.clone());
        }
    }
    // A store of nothing but huge files: the smallest of them, whatever it takes.
    if sample.is_empty() {
        sample.extend(all.iter().min_by_key(|item| item.size).cloned());
    }
    let table = table.map(|item| {
        let rows = recorded.get(item.uid.as_str()).copied().flatten();
        (item, rows)
    });
    (sample, table)
}

fn mix(seed: u128, uid: &str) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    (seed, uid).hash(&mut hasher);
    hasher.finish()
}

/// By its name: what a conversion can read is found out when it is opened.
fn is_table(path: &str) -> bool {
    let extension = path.rsplit('.').next().unwrap_or("").to_lowercase();
    matches!(
        extension.as_str(),
        "csv" | "tsv" | "parquet" | "feather" | "arrow" | "json" | "ndjson" | "jsonl" | "xlsx"
    )
}

/// Rows and columns of a restored table, or why it could not be opened.
fn open_table(path: &Path, recorded: Option<u64>) -> Result<(u64, u64), String> {
    let profile = crate::convert::inspect_path(path, &BTreeMap::new(), &())
        .map_err(|error| error.report().message)?;
    let (rows, columns) = (profile.rows, profile.columns.len() as u64);
    match recorded {
        Some(before) if before != rows => Err(format!(
            "The restored table has {rows} rows, and {before} are recorded of it."
        )),
        _ => Ok((rows, columns)),
    }
}

fn hash_of(path: &Path) -> io::Result<String> {
    use sha2::{Digest, Sha256};
    let mut hasher = Sha256::new();
    io::copy(&mut fs::File::open(path)?, &mut hasher)?;
    Ok(format!("{:x}", hasher.finalize()))
}

const HEAL: &str = "Back up again while the file is here: it is sent again.";

fn finding(path: &str, error: &CoreError) -> CheckFinding {
    let report = error.report();
    CheckFinding {
        path: path.to_owned(),
        missing: report.code == crate::error::Code::NotFound,
        advice: HEAL.into(),
    }
}

fn check_view(kind: CheckKind, report: VerifyReport) -> BackupCheckReport {
    BackupCheckReport {
        kind,
        point: report.point,
        created_at: report.created_at,
        ok: report.ok,
        files: report.files,
        objects: report.objects,
        bytes: report.bytes,
        findings: report
            .findings
            .into_iter()
            .take(LISTED)
            .map(|found| CheckFinding {
                path: found.what,
                missing: found.missing,
                advice: HEAL.into(),
            })
            .collect(),
        skipped_points: crate::restore::skipped_points(report.skipped_points),
    }
}

fn check_title(bucket: &str, deep: bool) -> String {
    if deep {
        format!("Reading the whole backup in \"{bucket}\"")
    } else {
        format!("Checking the backup in \"{bucket}\"")
    }
}

fn drill_title(bucket: &str) -> String {
    format!("Trying a restore from \"{bucket}\"")
}

/// Where a drill restores to: nothing of the store is in it, and nothing of it goes there.
struct FreshFolder {
    scratch: ScratchDir,
    come: Mutex<Vec<(RestoreItem, PathBuf)>>,
}

impl FreshFolder {
    fn catalog_path(&self) -> PathBuf {
        self.scratch.path().join("catalog.duckdb")
    }
}

impl RestoreSink for FreshFolder {
    fn begin(&self, item: &RestoreItem) -> io::Result<PathBuf> {
        // In a folder of its own, under its own name: a format is known by both.
        let dir = self.scratch.path().join(ulid::Ulid::new().to_string());
        fs::create_dir(&dir)?;
        let name = item.relative_path.rsplit('/').next().unwrap_or_default();
        Ok(dir.join(redline_store::sanitize_filename(name)))
    }

    fn commit(&self, item: &RestoreItem, temp: PathBuf) -> io::Result<()> {
        self.come.lock().push((item.clone(), temp));
        Ok(())
    }

    fn begin_catalog(&self) -> io::Result<PathBuf> {
        Ok(self.catalog_path())
    }

    fn catalog(&self, _: PathBuf) -> io::Result<()> {
        Ok(())
    }
}
