//! Stored files in another format: planned, run, proved, stored, remembered.
//!
//! The result is stored first, and only then is there a row in the history: a run that
//! ends in between, however it ends, leaves no row that claims success.

mod cache;
mod choices;
mod names;
mod path;
mod quote;
mod recipe;
mod run;
pub(crate) mod views;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use redline_convert::{Limits, Source};
use redline_store::{ConversionRecord, FileId, FileRecord, StoreError};
use serde::{Deserialize, Serialize};

pub(crate) use choices::{check_options, format};
pub use choices::{conversion_options, format_of_name, formats};
pub(crate) use names::stem;
pub use path::{PathConversion, PathPlan, convert_path, inspect_path, plan_path, preview_path};
pub(crate) use path::{convert_one_path, refuse_existing};
use recipe::Kind;
pub(crate) use recipe::Recipe;
pub(crate) use run::PlanCache;

use crate::contract::{
    CertificateView, ConversionPlanView, ConversionRequest, ConversionSource, ConversionView,
    JobKind, JobResult, MergeBy, PreviewView, ProfileReport, RejectsView, RepairView,
};
use crate::error::{Code, CoreError, convert_error};
use crate::jobs::Finish;
use crate::progress::{Watch, Watching};
use crate::session::{JobId, Session};
use crate::text;

/// What the history keeps of a conversion beside its row.
#[derive(Serialize, Deserialize)]
struct Details {
    from: String,
    rows_in: u64,
    rows_out: u64,
    rows_rejected: u64,
    #[serde(default)]
    rows_left_out: u64,
    certificate: CertificateView,
    /// Rows of the first version have none.
    #[serde(default)]
    recipe: Option<Recipe>,
    #[serde(default)]
    repairs: Vec<RepairView>,
    #[serde(default)]
    rejects: RejectsView,
    /// For the list, where no single file is the source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    source_name: Option<String>,
}

impl Session {
    /// Reads the whole file and says what a conversion would do and lose. Planning the
    /// same file again ends this one early, as cancelled.
    pub fn plan_conversion(
        &self,
        id: i64,
        request: &ConversionRequest,
    ) -> Result<ConversionPlanView, CoreError> {
        let record = self.0.store.get(FileId(id))?;
        self.plan_view(Recipe::convert(&record, request)?)
    }

    /// The same for one table out of several files.
    pub fn plan_merge(
        &self,
        ids: &[i64],
        request: &ConversionRequest,
        by: MergeBy,
        map: &[(String, String)],
    ) -> Result<ConversionPlanView, CoreError> {
        let records = self.records(ids)?;
        self.plan_view(Recipe::merge(&records, request, by, map)?)
    }

    /// Starts the conversion; the job's result is [`JobResult::Convert`], or
    /// [`JobResult::ConvertEach`] where each table becomes a file (`table=*`).
    pub fn convert(&self, id: i64, request: &ConversionRequest) -> Result<JobId, CoreError> {
        let record = self.0.store.get(FileId(id))?;
        self.start(Recipe::convert(&record, request)?)
    }

    /// The same on this thread; more than one only for `table=*`.
    pub fn convert_now(
        &self,
        id: i64,
        request: &ConversionRequest,
    ) -> Result<Vec<ConversionView>, CoreError> {
        let record = self.0.store.get(FileId(id))?;
        self.finish(Recipe::convert(&record, request)?)
    }

    /// Starts making one table out of several files.
    pub fn merge(
        &self,
        ids: &[i64],
        request: &ConversionRequest,
        by: MergeBy,
        map: &[(String, String)],
    ) -> Result<JobId, CoreError> {
        let records = self.records(ids)?;
        self.start(Recipe::merge(&records, request, by, map)?)
    }

    /// The same on this thread.
    pub fn merge_now(
        &self,
        ids: &[i64],
        request: &ConversionRequest,
        by: MergeBy,
        map: &[(String, String)],
    ) -> Result<ConversionView, CoreError> {
        let records = self.records(ids)?;
        self.finish_one(Recipe::merge(&records, request, by, map)?)
    }

    /// Starts what a row of the history did, once more.
    pub fn rerun(&self, conversion: i64) -> Result<JobId, CoreError> {
        self.start(self.recipe_of(conversion)?)
    }

    /// The same on this thread.
    pub fn rerun_now(&self, conversion: i64) -> Result<ConversionView, CoreError> {
        self.finish_one(self.recipe_of(conversion)?)
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

    /// One row of the history.
    pub fn conversion(&self, id: i64) -> Result<ConversionView, CoreError> {
        let record = self.0.store.conversion(id).map_err(no_conversion)?;
        Ok(conversion_view(record))
    }

    /// The certificate of a conversion with all that belongs to it, as a text to keep:
    /// JSON, for people and programs alike.
    pub fn certificate_text(&self, id: i64) -> Result<String, CoreError> {
        let conversion = self.conversion(id)?;
        let text = serde_json::json!({
            "made_by": format!("Redline {}", crate::version()),
            "conversion": conversion,
        });
        Ok(serde_json::to_string_pretty(&text).unwrap_or_default() + "\n")
    }

    /// What is in a stored file; known already, where it was looked at so before.
    pub fn inspect(
        &self,
        id: i64,
        options: &BTreeMap<String, String>,
        watch: &dyn Watch,
    ) -> Result<ProfileReport, CoreError> {
        let record = self.0.store.get(FileId(id))?;
        let chosen = check_options(options)?;
        let cache = self.profile_cache();
        let key = self.profile_key(&record, options)?;
        if let Some(known) = key.as_deref().and_then(|key| cache.get(key)) {
            return Ok(known);
        }
        let scratch = self.0.store.scratch_dir()?;
        let limits = limits(scratch.path(), options);
        let profile =
            redline_convert::profile(&self.source(&record)?, &chosen, &limits, &Watching(watch))
                .map_err(|error| convert_error(error, &record.filename))?;
        let report = views::profile(&profile);
        if let Some(key) = key {
            cache.put(&key, &report);
        }
        Ok(report)
    }

    /// Some rows of a stored file, without reading all of it.
    pub fn preview(
        &self,
        id: i64,
        options: &BTreeMap<String, String>,
        limit: u64,
        offset: u64,
    ) -> Result<PreviewView, CoreError> {
        let record = self.0.store.get(FileId(id))?;
        let scratch = self.0.store.scratch_dir()?;
        let limits = limits(scratch.path(), options);
        let source = self.source(&record)?;
        path::rows_of(&source, options, limit, offset, &limits, &record.filename)
    }

    // --- how ----------------------------------------------------------------------

    /// A stored file as the conversion crate reads it.
    pub(crate) fn source(&self, record: &FileRecord) -> Result<Source, CoreError> {
        self.bring_here(record)?;
        let path = self.0.store.path_of(record.id)?;
        Ok(Source::new(path).named(&record.filename))
    }

    fn records(&self, ids: &[i64]) -> Result<Vec<FileRecord>, CoreError> {
        let records: Result<_, StoreError> =
            ids.iter().map(|id| self.0.store.get(FileId(*id))).collect();
        Ok(records?)
    }

    fn recipe_of(&self, conversion: i64) -> Result<Recipe, CoreError> {
        let record = self.0.store.conversion(conversion).map_err(no_conversion)?;
        let details: Option<Details> = serde_json::from_value(record.details.clone()).ok();
        if let Some(recipe) = details.and_then(|details| details.recipe) {
            return Ok(recipe);
        }
        let Some(source) = record.source else {
            return Err(CoreError::bad_request(
                "What this conversion did is not known, so it cannot be done again.",
                "Convert the file anew.",
            ));
        };
        let source = self.0.store.get(source)?;
        Recipe::convert(&source, &ConversionRequest::to(record.output_format))
    }

    fn plan_view(&self, recipe: Recipe) -> Result<ConversionPlanView, CoreError> {
        let recipe = self.one_of_each(recipe)?;
        let stop = Arc::new(AtomicBool::new(false));
        let ids = recipe.ids();
        if let Some(before) = self
            .0
            .planning
            .lock()
            .insert(ids.clone(), Arc::clone(&stop))
        {
            before.store(true, Ordering::Relaxed);
        }
        let planned = self.make_plan(recipe, &Watching(&*stop));
        let mut planning = self.0.planning.lock();
        if planning
            .get(&ids)
            .is_some_and(|current| Arc::ptr_eq(current, &stop))
        {
            planning.remove(&ids);
        }
        drop(planning);
        let planned = planned?;
        let view = planned.view(&self.records(&ids)?);
        self.0.plans.lock().keep(planned);
        Ok(view)
    }

    pub(crate) fn start(&self, recipe: Recipe) -> Result<JobId, CoreError> {
        let session = self.clone();
        self.0
            .jobs
            .spawn(JobKind::Convert, recipe.title(), move |job| {
                session.run(&recipe, job)
            })
    }

    pub(crate) fn finish(&self, recipe: Recipe) -> Result<Vec<ConversionView>, CoreError> {
        let job = self.0.jobs.run(JobKind::Convert, recipe.title(), |job| {
            self.run(&recipe, job)
        });
        match job.result {
            Some(JobResult::Convert(conversion)) => Ok(vec![*conversion]),
            Some(JobResult::ConvertEach(all)) if job.error.is_none() => Ok(all),
            _ => Err(crate::jobs::error_of(job)),
        }
    }

    pub(crate) fn finish_one(&self, recipe: Recipe) -> Result<ConversionView, CoreError> {
        let mut all = self.finish(recipe)?;
        all.pop()
            .ok_or_else(|| CoreError::new(Code::Internal, "Nothing was converted.", "Try again."))
    }

    fn run(&self, recipe: &Recipe, job: &Arc<crate::jobs::Job>) -> Finish {
        if !recipe.wants_each_table() {
            return self
                .run_one(recipe, job)
                .map(|made| JobResult::Convert(Box::new(made)))
                .into();
        }
        let mut done = Vec::new();
        let recipes = match self.each_table(recipe, job) {
            Ok(recipes) => recipes,
            Err(error) => return Finish::stopped(error, None),
        };
        for recipe in recipes {
            match self.run_one(&recipe, job) {
                Ok(conversion) => done.push(conversion),
                // What is stored already stays, and is told.
                Err(error) => {
                    return Finish::stopped(error, Some(JobResult::ConvertEach(done)));
                }
            }
        }
        Finish::done(JobResult::ConvertEach(done))
    }
}

/// `scratch` is there for as long as the work is.
pub(crate) fn limits(scratch: &std::path::Path, options: &BTreeMap<String, String>) -> Limits {
    let mut limits = Limits {
        temp_dir: scratch.to_owned(),
        ..Limits::default()
    };
    if let Some(mib) = options
        .get("memory")
        .and_then(|text| text.parse::<u64>().ok())
    {
        limits.memory_bytes = mib.saturating_mul(1 << 20);
    }
    limits
}

fn no_conversion(error: StoreError) -> CoreError {
    match error {
        StoreError::NotFound => CoreError::new(
            Code::NotFound,
            "There is no such conversion in this store.",
            "The history shows what there is.",
        ),
        other => other.into(),
    }
}

/// A row of the predecessor has no details: its counts are 0 and it proves nothing.
pub(crate) fn conversion_view(record: ConversionRecord) -> ConversionView {
    let details: Option<Details> = serde_json::from_value(record.details).ok();
    let details = details.unwrap_or_else(|| Details {
        from: String::new(),
        rows_in: 0,
        rows_out: 0,
        rows_rejected: 0,
        rows_left_out: 0,
        certificate: CertificateView {
            verdict: "unknown".to_owned(),
            ..CertificateView::default()
        },
        recipe: None,
        repairs: Vec::new(),
        rejects: RejectsView::default(),
        source_name: None,
    });
    let sources = match &details.recipe {
        Some(recipe) => recipe.sources.clone(),
        None if record.source.is_none() && record.source_name.is_empty() => Vec::new(),
        None => vec![ConversionSource {
            id: record.source.map(|id| id.0),
            name: record.source_name.clone(),
        }],
    };
    let command = match (&details.recipe, record.source) {
        (Some(recipe), _) => recipe.command(),
        (None, Some(id)) => format!("redline convert {} --to {}", id.0, record.output_format),
        (None, None) => String::new(),
    };
    let source_name = match details.source_name {
        Some(name) if record.source.is_none() => name,
        _ => record.source_name,
    };
    let recipe = details.recipe;
    ConversionView {
        id: record.id,
        kind: recipe
            .as_ref()
            .map_or(Kind::Convert, |recipe| recipe.kind)
            .as_str()
            .to_owned(),
        source_id: record.source.map(|id| id.0),
        source_name,
        sources,
        output_id: record.output.map(|id| id.0),
        output_name: record.output_filename,
        from: details.from,
        to: record.output_format,
        options: recipe.map(|recipe| recipe.options).unwrap_or_default(),
        size_bytes: record.size_bytes,
        rows_in: details.rows_in,
        rows_out: details.rows_out,
        rows_rejected: details.rows_rejected,
        rows_left_out: details.rows_left_out,
        repairs: details.repairs,
        rejects: details.rejects,
        duration_ms: record.duration_ms,
        converted_at: text::instant(record.converted_at),
        certificate: details.certificate,
        command,
    }
}
