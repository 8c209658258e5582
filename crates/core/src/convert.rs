//! A stored file in another format: planned, run, proved, stored, remembered.

use std::sync::Arc;

use redline_convert::{
    Certificate, ConversionPlan, ConvertError, Format, Limits, Options, Verdict,
};
use redline_store::{ConversionRecord, FileId, FileRecord, NewConversion, NewOutput};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::contract::{
    CertificateColumn, CertificateView, ColumnProfileView, ConversionPlanView, ConversionView,
    Event, JobKind, JobResult, LossView, ProfileReport,
};
use crate::error::{CoreError, convert_error};
use crate::jobs::Job;
use crate::progress::Converting;
use crate::session::{JobId, Session};
use crate::text;

/// The last plan that was shown: to run what was seen, and not read the file twice
/// for it. A source that changed since is refused by the plan itself.
#[derive(Default)]
pub(crate) struct PlanCache(Option<(FileId, Format, ConversionPlan)>);

/// What the history keeps of a conversion beside its row.
#[derive(Serialize, Deserialize)]
struct Details {
    from: String,
    rows_in: u64,
    rows_out: u64,
    rows_rejected: u64,
    certificate: CertificateView,
}

impl Session {
    /// Reads the whole file and says what a conversion would do and lose.
    pub fn plan_conversion(&self, id: i64, to: &str) -> Result<ConversionPlanView, CoreError> {
        let to = format(to)?;
        let record = self.0.store.get(FileId(id))?;
        let plan = self.plan(&record, to, &())?;
        let view = ConversionPlanView {
            file_id: id,
            from: plan.from.id().to_owned(),
            to: plan.to.id().to_owned(),
            output_name: output_name(&record.filename, to),
            profile: profile_view(&plan),
            losses: plan.losses.iter().map(loss_view).collect(),
        };
        self.0.plans.lock().0 = Some((record.id, to, plan));
        Ok(view)
    }

    /// Starts the conversion; the job's result is [`JobResult::Convert`].
    pub fn convert(&self, id: i64, to: &str) -> Result<JobId, CoreError> {
        let to = format(to)?;
        let record = self.0.store.get(FileId(id))?;
        let session = self.clone();
        self.0
            .jobs
            .spawn(JobKind::Convert, title(&record, to), move |job| {
                session
                    .run_convert(&record, to, job)
                    .map(JobResult::Convert)
                    .into()
            })
    }

    /// The same on this thread.
    pub fn convert_now(&self, id: i64, to: &str) -> Result<ConversionView, CoreError> {
        let to = format(to)?;
        let record = self.0.store.get(FileId(id))?;
        let job = self
            .0
            .jobs
            .run(JobKind::Convert, title(&record, to), |job| {
                self.run_convert(&record, to, job)
                    .map(JobResult::Convert)
                    .into()
            });
        match job.result {
            Some(JobResult::Convert(conversion)) => Ok(conversion),
            _ => Err(crate::jobs::error_of(job)),
        }
    }

    /// Conversions of this store, the newest first.
    pub fn history(&self, limit: u64, offset: u64) -> Result<Vec<ConversionView>, CoreError> {
        Ok(self
            .0
            .store
            .conversions(limit, offset)?
            .into_iter()
            .map(conversion_view)
            .collect())
    }

    fn plan(
        &self,
        record: &FileRecord,
        to: Format,
        progress: &dyn redline_convert::Progress,
    ) -> Result<ConversionPlan, CoreError> {
        let path = self.0.store.path_of(record.id)?;
        let scratch = self.0.store.scratch_dir()?;
        let limits = Limits {
            temp_dir: scratch.path().to_owned(),
            ..Limits::default()
        };
        redline_convert::plan(&path, None, to, &limits, progress)
            .map_err(|error| convert_error(error, &record.filename))
    }

    fn run_convert(
        &self,
        record: &FileRecord,
        to: Format,
        job: &Arc<Job>,
    ) -> Result<ConversionView, CoreError> {
        let began = std::time::Instant::now();
        let progress = Converting(job);
        let scratch = self.0.store.scratch_dir()?;
        let limits = Limits {
            temp_dir: scratch.path().to_owned(),
            ..Limits::default()
        };
        let output = scratch.path().join(format!("output.{}", to.extension()));
        let planned = self
            .0
            .plans
            .lock()
            .0
            .take()
            .filter(|(id, format, _)| *id == record.id && *format == to);
        let was_planned = planned.is_some();
        let mut plan = match planned {
            Some((_, _, plan)) => plan,
            None => self.plan(record, to, &progress)?,
        };
        let mut done =
            redline_convert::convert(&plan, &output, &Options::default(), &limits, &progress);
        if was_planned && matches!(done, Err(ConvertError::SourceChanged)) {
            // Changed since it was shown, not while it was read: plan anew, once.
            plan = self.plan(record, to, &progress)?;
            done =
                redline_convert::convert(&plan, &output, &Options::default(), &limits, &progress);
        }
        let done = done.map_err(|error| convert_error(error, &record.filename))?;

        job.phase("storing");
        let stored = self.0.store.add_output(
            &output,
            &output_name(&record.relative_path, to),
            NewOutput {
                source: Some(record.id),
                metadata: json!({ "converted_from_name": record.filename }),
            },
        )?;
        self.tell(Event::Files);
        let details = Details {
            from: plan.from.id().to_owned(),
            rows_in: done.rows_in,
            rows_out: done.rows_out,
            rows_rejected: done.rows_rejected,
            certificate: certificate_view(&done.certificate),
        };
        let conversion = self.0.store.record_conversion(&NewConversion {
            source: Some(record.id),
            output: Some(stored.id),
            output_format: to.id().to_owned(),
            output_filename: stored.filename.clone(),
            size_bytes: stored.size_bytes,
            duration_ms: began.elapsed().as_millis() as u64,
            details: serde_json::to_value(&details).unwrap_or_default(),
        })?;
        self.tell(Event::History);
        Ok(conversion_view(conversion))
    }
}

fn format(id: &str) -> Result<Format, CoreError> {
    Format::from_id(id)
        .filter(|format| *format != Format::Other)
        .ok_or_else(|| {
            let known: Vec<&str> = Format::ALL
                .iter()
                .filter(|f| **f != Format::Other)
                .map(|f| f.id())
                .collect();
            CoreError::bad_request(
                format!("\"{id}\" is not a format."),
                format!("Use one of: {}.", known.join(", ")),
            )
        })
}

fn title(record: &FileRecord, to: Format) -> String {
    format!("Converting \"{}\" to {}", record.filename, to.label())
}

/// `reports/q3.csv` becomes `reports/q3.parquet`.
fn output_name(name: &str, to: Format) -> String {
    let (folder, file) = name
        .rsplit_once('/')
        .map_or(("", name), |(folder, file)| (folder, file));
    let stem = match file.rsplit_once('.') {
        Some((stem, extension)) if !stem.is_empty() && Format::from_id(extension).is_some() => stem,
        _ => file,
    };
    let slash = if folder.is_empty() { "" } else { "/" };
    format!("{folder}{slash}{stem}.{}", to.extension())
}

fn loss_view(loss: &redline_convert::Loss) -> LossView {
    LossView {
        column: loss.column.clone(),
        kind: loss.kind.clone(),
        detail: loss.detail.clone(),
        rows: loss.rows,
    }
}

fn profile_view(plan: &ConversionPlan) -> ProfileReport {
    let profile = &plan.profile;
    ProfileReport {
        format: profile.format.id().to_owned(),
        encoding: profile.encoding.clone().unwrap_or_default(),
        delimiter: profile.delimiter.clone(),
        rows: profile.rows,
        columns: profile
            .columns
            .iter()
            .map(|column| ColumnProfileView {
                name: column.name.clone(),
                type_name: column.type_name.clone(),
                evidence: column.evidence.clone(),
                nulls: column.nulls,
            })
            .collect(),
        warnings: profile
            .warnings
            .iter()
            .chain(&plan.notes)
            .cloned()
            .collect(),
    }
}

fn certificate_view(certificate: &Certificate) -> CertificateView {
    CertificateView {
        verdict: match certificate.verdict {
            Verdict::Proved => "proved",
            Verdict::Lossy => "lossy",
            Verdict::Failed => "failed",
        }
        .to_owned(),
        losses: certificate.losses.iter().map(loss_view).collect(),
        columns: certificate
            .columns
            .iter()
            .map(|column| CertificateColumn {
                name: column.name.clone(),
                type_in: column.type_in.clone(),
                type_out: column.type_out.clone(),
                nulls_in: column.nulls_in,
                nulls_out: column.nulls_out,
                hash_in: column.hash_in.clone(),
                hash_out: column.hash_out.clone(),
            })
            .collect(),
    }
}

/// A row of the predecessor has no details: its counts are 0 and it proves nothing.
fn conversion_view(record: ConversionRecord) -> ConversionView {
    let details: Option<Details> = serde_json::from_value(record.details).ok();
    let details = details.unwrap_or_else(|| Details {
        from: String::new(),
        rows_in: 0,
        rows_out: 0,
        rows_rejected: 0,
        certificate: CertificateView {
            verdict: "unknown".to_owned(),
            losses: Vec::new(),
            columns: Vec::new(),
        },
    });
    let command = match record.source {
        Some(id) => format!("redline convert {} --to {}", id.0, record.output_format),
        None => String::new(),
    };
    ConversionView {
        id: record.id,
        source_id: record.source.map(|id| id.0),
        source_name: record.source_name,
        output_id: record.output.map(|id| id.0),
        output_name: record.output_filename,
        from: details.from,
        to: record.output_format,
        size_bytes: record.size_bytes,
        rows_in: details.rows_in,
        rows_out: details.rows_out,
        rows_rejected: details.rows_rejected,
        duration_ms: record.duration_ms,
        converted_at: text::instant(record.converted_at),
        certificate: details.certificate,
        command,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Code;

    #[test]
    fn outputs_are_named_after_their_source() {
        for (name, to, expected) in [
            ("q3.csv", Format::Parquet, "q3.parquet"),
            (
                "reports/2026/q3.final.CSV",
                Format::Json,
                "reports/2026/q3.final.json",
            ),
            ("v1.2 numbers", Format::Csv, "v1.2 numbers.csv"),
            (".csv", Format::Tsv, ".csv.tsv"),
            ("prices.us.txt", Format::Parquet, "prices.us.parquet"),
        ] {
            assert_eq!(output_name(name, to), expected);
        }
    }

    #[test]
    fn an_unknown_format_is_the_callers_mistake() {
        assert_eq!(format("docx").unwrap_err().code(), Code::BadRequest);
        assert_eq!(format("other").unwrap_err().code(), Code::BadRequest);
        assert_eq!(format("PQ").unwrap(), Format::Parquet);
    }
}
