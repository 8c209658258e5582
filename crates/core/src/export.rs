//! Copies of stored files, saved where a person chose. Never overwrites.

use std::path::Path;
use std::sync::Arc;

use redline_store::{FileId, FileRecord, StoreError};

use crate::contract::{ExportReport, FailedFile, JobKind, JobResult};
use crate::error::{CoreError, Doing, cancelled, store_error};
use crate::jobs::{Finish, Job};
use crate::progress::Piece;
use crate::session::{JobId, Session};
use crate::text;

impl Session {
    /// Starts copying files to `dest`: a folder, or for one file also a new name. The
    /// job's result is [`JobResult::Export`].
    pub fn export(&self, ids: &[i64], dest: &Path) -> Result<JobId, CoreError> {
        if ids.is_empty() {
            return Err(CoreError::bad_request(
                "No file was chosen.",
                "Choose at least one file.",
            ));
        }
        if ids.len() > 1 && !dest.is_dir() {
            return Err(CoreError::bad_request(
                "Several files need a folder to be saved in.",
                "Choose a folder that exists.",
            ));
        }
        let records: Vec<FileRecord> = ids
            .iter()
            .map(|id| self.0.store.get(FileId(*id)))
            .collect::<Result<_, StoreError>>()?;
        let (session, dest) = (self.clone(), dest.to_owned());
        self.0
            .jobs
            .spawn(JobKind::Export, title(&records), move |job| {
                session.run_export(&records, &dest, job)
            })
    }

    /// Copies one file on this thread; answers its bytes.
    pub fn export_now(&self, id: i64, dest: &Path) -> Result<u64, CoreError> {
        let record = self.0.store.get(FileId(id))?;
        let records = [record];
        let job = self.0.jobs.run(JobKind::Export, title(&records), |job| {
            self.run_export(&records, dest, job)
        });
        match &job.result {
            Some(JobResult::Export(report)) if job.error.is_none() => Ok(report.bytes),
            _ => Err(crate::jobs::error_of(job)),
        }
    }

    fn run_export(&self, records: &[FileRecord], dest: &Path, job: &Arc<Job>) -> Finish {
        job.phase("copying");
        job.set_total(
            Some(records.iter().map(|record| record.size_bytes).sum()),
            Some(records.len() as u64),
        );
        let mut report = ExportReport::default();
        for record in records {
            if let Err(error) = self.bring_here(record) {
                report.failed.push(FailedFile {
                    path: record.filename.clone(),
                    error: error.report(),
                    token: None,
                });
                continue;
            }
            let copied = match job.is_cancelled() {
                true => Err(StoreError::Cancelled),
                false => self.0.store.export(record.id, dest, &Piece(job)),
            };
            match copied {
                Ok(bytes) => {
                    report.files += 1;
                    report.bytes += bytes;
                    job.advance(0, 1);
                }
                Err(StoreError::Cancelled) => {
                    return Finish::stopped(cancelled(), Some(JobResult::Export(report)));
                }
                Err(error) => report.failed.push(FailedFile {
                    path: record.filename.clone(),
                    error: store_error(error, Doing::Copying).report(),
                    token: None,
                }),
            }
        }
        match report.failed.first() {
            None => Finish::done(JobResult::Export(report)),
            Some(first) if report.files == 0 => {
                Finish::stopped(first.error.clone().into(), Some(JobResult::Export(report)))
            }
            Some(_) => Finish::partial(JobResult::Export(report)),
        }
    }
}

fn title(records: &[FileRecord]) -> String {
    match records {
        [one] => format!("Saving a copy of \"{}\"", one.filename),
        many => format!(
            "Saving copies of {}",
            text::counted(many.len() as u64, "file")
        ),
    }
}
