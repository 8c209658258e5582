//! Runs a plan: write beside the destination, fingerprint on the way, read back, compare,
//! and only then give the file its name. On any other end nothing is left behind.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use serde::{Deserialize, Serialize};

use crate::certificate::{Certificate, Verdict};
use crate::error::{ConvertError, Result};
use crate::fingerprint::Fingerprint;
use crate::formats;
use crate::limits::{Limits, Progress};
use crate::parallel::Pool;
use crate::plan::{ConversionPlan, Work};
use crate::table::{Job, Table};
use crate::types;

/// A conversion that was done: the destination exists, is on disk, and was proved, unless
/// the certificate says that it was not to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conversion {
    /// `rows_out + rows_rejected + rows_left_out`, always.
    pub rows_in: u64,
    pub rows_out: u64,
    /// Rows that could not be a row of the table.
    pub rows_rejected: u64,
    /// Rows that a filter or the like was asked to leave out.
    pub rows_left_out: u64,
    pub bytes_out: u64,
    pub certificate: Certificate,
}

/// What an output is called until it has its name.
const PREFIX: &str = ".redline-";
const SUFFIX: &str = ".partial";
/// An output that nobody has written to for so long is of a process that was killed.
const ABANDONED: Duration = Duration::from_secs(24 * 3600);

/// Removes what conversions that were killed have left in a folder.
pub(crate) fn sweep(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let ours = name
            .to_str()
            .is_some_and(|name| name.starts_with(PREFIX) && name.ends_with(SUFFIX));
        let old = || {
            let modified = entry.metadata().ok()?.modified().ok()?;
            modified.elapsed().ok().filter(|age| *age > ABANDONED)
        };
        if ours && old().is_some() {
            let _ = fs::remove_file(entry.path());
        }
    }
}

pub(crate) fn convert(
    plan: &ConversionPlan,
    dest: &Path,
    limits: &Limits,
    progress: &dyn Progress,
) -> Result<Conversion> {
    let work = plan.work.as_ref();
    let limits = limits.with(&work.options);
    let job = Job {
        limits: &limits,
        progress,
    };
    work.hold()?;
    if fs::symlink_metadata(dest).is_ok() {
        return Err(ConvertError::DestExists);
    }
    let folder = dest
        .parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    // Removed when it is dropped, which every early return below does.
    let partial = tempfile::Builder::new()
        .prefix(PREFIX)
        .suffix(SUFFIX)
        .tempfile_in(folder)
        .map_err(no_file)?
        .into_temp_path();

    // Guessed from the source: an output that grows past it is rare.
    let needed = work.bytes();
    let prove = !work.options.is("prove", "no");
    let source = write(plan, &partial, prove, job).map_err(|e| e.needing(needed))?;
    work.hold()?;

    let (losses, changes) = (plan.losses.clone(), plan.changes.clone());
    let columns = &work.shape.crossings;
    let certificate = if prove {
        // The disk works while the processors read back what is still in memory. Left to
        // itself where the proof ends early: the file is gone then.
        let path = partial.to_path_buf();
        let syncing = std::thread::spawn(move || synced(&path));
        let output = read_back(plan, &partial, job)?;
        if let Ok(Err(error)) = syncing.join() {
            return Err(ConvertError::from(error).needing(needed));
        }
        Certificate::compare(&source, &output, columns, losses, changes)
    } else {
        Certificate::unproved(source.rows, columns, losses, changes)
    };
    if certificate.verdict == Verdict::Failed {
        return Err(ConvertError::NotProved {
            certificate: Box::new(certificate),
        });
    }
    job.check()?;
    let bytes_out = fs::metadata(&partial)?.len();
    place(partial, dest, folder).map_err(|e| e.needing(needed))?;
    let rows_in = plan.rows_in.unwrap_or(source.rows + work.rejected);
    Ok(Conversion {
        rows_in,
        rows_out: source.rows,
        rows_rejected: work.rejected,
        rows_left_out: rows_in - work.rejected - source.rows,
        bytes_out,
        certificate,
    })
}

/// The name of a file that was to be there for a while tells nobody anything.
fn no_file(error: std::io::Error) -> ConvertError {
    match ConvertError::from(error) {
        ConvertError::Io(error) => {
            let kind = match error.kind() {
                // It is not the source that is missing.
                std::io::ErrorKind::NotFound => std::io::ErrorKind::Other,
                kind => kind,
            };
            let why = format!(
                "no file can be made in the folder of the result ({})",
                error.kind()
            );
            ConvertError::Io(std::io::Error::new(kind, why))
        }
        other => other,
    }
}

fn synced(path: &Path) -> std::io::Result<()> {
    fs::OpenOptions::new().write(true).open(path)?.sync_all()
}

/// To disk, then under its name without replacing, then the name to disk.
fn place(partial: tempfile::TempPath, dest: &Path, folder: &Path) -> Result<()> {
    synced(&partial)?;
    partial
        .persist_noclobber(dest)
        .map_err(|e| match e.error.kind() {
            std::io::ErrorKind::AlreadyExists => ConvertError::DestExists,
            _ => e.error.into(),
        })?;
    #[cfg(unix)]
    fs::File::open(folder)?.sync_all()?;
    #[cfg(not(unix))]
    let _ = folder;
    Ok(())
}

/// Writes the output, and gives the fingerprint of what was handed to the writer. Without
/// `prove` only its rows are counted.
fn write(plan: &ConversionPlan, path: &Path, prove: bool, job: Job<'_>) -> Result<Fingerprint> {
    let work: &Arc<Work> = &plan.work;
    let shape = work.shape.clone();
    let width = shape.schema.fields().len();
    let bytes = work.bytes();
    job.phase("write", bytes);
    let mut meter = Meter::new(job, bytes);
    let mut writer = formats::create(plan.to, path, Arc::clone(&shape.schema), &work.options, job)?;
    let mut reader = work.table.read(None, 0, job)?;
    let mut pool = Pool::new(
        "shape",
        job.limits.threads,
        job.limits.threads + 1,
        move |batch: RecordBatch| {
            let shaped = shape.apply(&batch)?;
            let print = match prove {
                true => Fingerprint::of(&shaped)?,
                false => Fingerprint::counted(shaped.num_rows()),
            };
            Ok((shaped, print))
        },
    )?;
    let mut whole = Fingerprint::empty(width);
    loop {
        let batch = reader.next_batch()?;
        job.check()?;
        meter.at(reader.position());
        let ended = batch.is_none();
        if let Some(batch) = batch {
            pool.submit(batch);
        }
        while ended || pool.is_full() {
            let Some(shaped) = pool.next() else { break };
            let (shaped, print) = shaped?;
            whole.append(&print);
            writer.write(shaped)?;
            job.check()?;
        }
        if ended {
            break;
        }
    }
    writer.finish()?;
    meter.finish();
    Ok(whole)
}

/// The output's fingerprint, from its bytes.
fn read_back(plan: &ConversionPlan, path: &Path, job: Job<'_>) -> Result<Fingerprint> {
    let work = &plan.work;
    let bytes = fs::metadata(path)?.len();
    let schema = &work.shape.schema;
    job.phase("prove", bytes);
    let mut meter = Meter::new(job, bytes);
    let quiet = Job {
        limits: job.limits,
        progress: &OnlyCancel(job),
    };
    let table = formats::reopen(plan.to, path, Arc::clone(schema), &work.options, quiet)?;
    same_names(table.as_ref(), schema)?;
    let schema = Arc::clone(schema);
    let width = schema.fields().len();
    let mut reader = table.read(None, 0, quiet)?;
    if reader.schema().fields().len() != width {
        return Err(other_columns());
    }
    let threads = job.limits.threads;
    let mut pool = Pool::new("prove", threads, threads + 1, move |batch: RecordBatch| {
        let columns = batch
            .columns()
            .iter()
            .zip(schema.fields())
            .map(|(array, field)| types::conform(array, field.data_type()))
            .collect::<Result<Vec<_>>>()?;
        Fingerprint::of_columns(&columns, batch.num_rows())
    })?;
    let mut whole = Fingerprint::empty(width);
    while let Some(batch) = reader.next_batch()? {
        job.check()?;
        meter.at(reader.position());
        if pool.is_full()
            && let Some(print) = pool.next()
        {
            whole.append(&print?);
        }
        pool.submit(batch);
    }
    while let Some(print) = pool.next() {
        whole.append(&print?);
    }
    meter.finish();
    Ok(whole)
}

/// A fingerprint has no names in it.
fn same_names(table: &dyn Table, written: &arrow::datatypes::SchemaRef) -> Result<()> {
    let read = table.schema();
    let names = |schema: &arrow::datatypes::SchemaRef| -> Vec<String> {
        schema.fields().iter().map(|f| f.name().clone()).collect()
    };
    if names(&read) == names(written) {
        return Ok(());
    }
    Err(other_columns())
}

fn other_columns() -> ConvertError {
    ConvertError::Engine {
        detail: "the output names its columns differently from the plan".to_owned(),
    }
}

/// Turns positions, which come as they come, into steps that add up to the total.
pub(crate) struct Meter<'a> {
    job: Job<'a>,
    total: u64,
    told: u64,
}

impl<'a> Meter<'a> {
    pub(crate) fn new(job: Job<'a>, total: u64) -> Self {
        Meter {
            job,
            total,
            told: 0,
        }
    }

    pub(crate) fn at(&mut self, position: u64) {
        let position = position.min(self.total);
        if position > self.told {
            self.job.progress.advance(position - self.told);
            self.told = position;
        }
    }

    pub(crate) fn finish(mut self) {
        self.at(self.total);
    }
}

/// Opening a file for its proof is part of one phase, not phases of its own.
struct OnlyCancel<'a>(Job<'a>);

impl Progress for OnlyCancel<'_> {
    fn phase(&self, _: &str) {}
    fn set_total(&self, _: u64) {}
    fn advance(&self, _: u64) {}
    fn is_cancelled(&self) -> bool {
        self.0.progress.is_cancelled()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_old_outputs_without_a_name_are_swept() {
        let dir = tempfile::tempdir().unwrap();
        let made = |name: &str, age: Duration| {
            let path = dir.path().join(name);
            let file = fs::File::create(&path).unwrap();
            file.set_modified(std::time::SystemTime::now() - age)
                .unwrap();
            path
        };
        let hour = Duration::from_secs(3600);
        let gone = made(".redline-a.partial", 25 * hour);
        let stay = [
            made(".redline-b.partial", hour),
            made("c.partial", 50 * hour),
            made(".redline-d", 50 * hour),
        ];
        sweep(dir.path());
        assert!(!gone.exists() && stay.iter().all(|path| path.exists()));
    }
}
