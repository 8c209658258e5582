//! A recipe carried out: planned, or taken from the last plan that was shown; written
//! and proved beside the store; stored; and then, last, written into the history.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use redline_convert::{By, ConversionPlan, ConvertError, Merge, QUERY_FORMAT};
use redline_store::{FileRecord, NewConversion, NewOutput, ScratchDir};
use serde_json::json;

use super::{Details, Kind, Recipe, check_options, conversion_view, limits, names, views};
use crate::contract::{ConversionPlanView, ConversionView, Event, MergeBy};
use crate::error::{CoreError, convert_error};
use crate::jobs::Job;
use crate::progress::Converting;
use crate::session::Session;

/// Plans that are kept: a person compares a few.
const PLANS: usize = 8;

/// A plan, and the folder that what it needs lies in.
pub(crate) struct Planned {
    pub recipe: Recipe,
    pub plan: ConversionPlan,
    scratch: ScratchDir,
}

impl Planned {
    pub(crate) fn view(&self, records: &[FileRecord]) -> ConversionPlanView {
        let (recipe, plan) = (&self.recipe, &self.plan);
        ConversionPlanView {
            file_id: recipe.only().and_then(|source| source.id),
            from: plan.from.id().to_owned(),
            to: plan.to.id().to_owned(),
            output_name: file_name(&recipe.output_name(records)).to_owned(),
            options: recipe.options.clone(),
            profile: views::profile(plan.profile()),
            losses: views::losses(plan),
            notes: plan.notes.clone(),
        }
    }
}

/// The last plans that were shown: to run what was seen, and not read a file twice for
/// it. A source that changed since is refused by the plan itself.
#[derive(Default)]
pub(crate) struct PlanCache(VecDeque<Planned>);

impl PlanCache {
    pub(crate) fn keep(&mut self, planned: Planned) {
        self.0.retain(|other| other.recipe != planned.recipe);
        self.0.push_back(planned);
        if self.0.len() > PLANS {
            self.0.pop_front();
        }
    }

    fn take(&mut self, recipe: &Recipe) -> Option<Planned> {
        let at = self.0.iter().position(|other| other.recipe == *recipe)?;
        self.0.remove(at)
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}

impl Recipe {
    pub(crate) fn wants_each_table(&self) -> bool {
        self.kind == Kind::Convert && self.options.get("table").is_some_and(|table| table == "*")
    }
}

impl Session {
    /// One recipe for each table of the file, with its rows.
    pub(super) fn each_table(&self, recipe: &Recipe, job: &Job) -> Result<Vec<Recipe>, CoreError> {
        let mut first = recipe.clone();
        first.options.remove("table");
        let Some(id) = recipe.only().and_then(|source| source.id) else {
            return Ok(vec![first]);
        };
        let profile = self.inspect(id, &first.options, &JobWatch(job))?;
        if profile.tables.len() < 2 {
            return Ok(vec![first]);
        }
        Ok(profile
            .tables
            .iter()
            .map(|table| {
                let mut one = first.clone();
                one.options.insert("table".to_owned(), table.name.clone());
                one.name = Some(table.name.clone());
                one
            })
            .collect())
    }

    /// For a plan: of the tables that `table=*` takes, the first.
    pub(super) fn one_of_each(&self, mut recipe: Recipe) -> Result<Recipe, CoreError> {
        if recipe.wants_each_table() {
            recipe.options.remove("table");
        }
        Ok(recipe)
    }

    pub(super) fn make_plan(
        &self,
        recipe: Recipe,
        progress: &dyn redline_convert::Progress,
    ) -> Result<Planned, CoreError> {
        let scratch = self.0.store.scratch_dir()?;
        let limits = limits(scratch.path(), &recipe.options);
        let options = check_options(&recipe.options)?;
        let records = self.records(&recipe.ids())?;
        let subject = recipe.subject();
        let plan = match recipe.kind {
            Kind::Convert => {
                let record = records.first().ok_or(redline_store::StoreError::NotFound)?;
                redline_convert::plan(
                    &self.source(record)?,
                    recipe.to,
                    &options,
                    &limits,
                    progress,
                )
            }
            Kind::Merge => {
                let sources = records
                    .iter()
                    .map(|record| self.source(record))
                    .collect::<Result<Vec<_>, _>>()?;
                let merge = Merge {
                    by: match recipe.by {
                        MergeBy::Name => By::Name,
                        MergeBy::Position => By::Position,
                    },
                    map: recipe.map.clone(),
                };
                redline_convert::merge(&sources, &merge, recipe.to, &options, &limits, progress)
            }
            Kind::Query => {
                let rows = scratch.path().join("rows");
                let sql = recipe.sql.as_deref().unwrap_or_default();
                self.query_into(sql, None, &rows, &limits, progress)?;
                let source = redline_convert::Source::new(&rows).as_format(QUERY_FORMAT);
                redline_convert::plan(&source, recipe.to, &options, &limits, progress)
            }
        };
        let plan = plan.map_err(|error| convert_error(error, &subject))?;
        Ok(Planned {
            recipe,
            plan,
            scratch,
        })
    }

    pub(super) fn run_one(
        &self,
        recipe: &Recipe,
        job: &Arc<Job>,
    ) -> Result<ConversionView, CoreError> {
        let began = Instant::now();
        let progress = Converting(job);
        let records = self.records(&recipe.ids())?;
        let shown = self.0.plans.lock().take(recipe);
        let was_shown = shown.is_some();
        let mut planned = match shown {
            Some(planned) => planned,
            None => self.make_plan(recipe.clone(), &progress)?,
        };
        let attempt = |planned: &Planned| {
            let output = planned.scratch.path().join(format!(
                "output{}",
                names::ending(recipe.to, &recipe.options)
            ));
            let limits = limits(planned.scratch.path(), &recipe.options);
            redline_convert::convert(&planned.plan, &output, &limits, &progress)
                .map(|done| (done, output))
        };
        let mut done = attempt(&planned);
        if was_shown && matches!(done, Err(ConvertError::SourceChanged)) {
            // Changed since it was shown, not while it was read: plan anew, once.
            planned = self.make_plan(recipe.clone(), &progress)?;
            done = attempt(&planned);
        }
        let (done, output) = done.map_err(|error| convert_error(error, &recipe.subject()))?;

        job.phase("storing");
        let only = recipe.only().and_then(|_| records.first());
        let metadata = match recipe.kind {
            Kind::Convert => json!({ "converted_from_name": recipe.subject() }),
            Kind::Merge => {
                let names: Vec<&str> = recipe.sources.iter().map(|s| s.name.as_str()).collect();
                json!({ "merged_from": names })
            }
            Kind::Query => json!({ "query": recipe.sql }),
        };
        let stored = self.0.store.add_output(
            &output,
            &recipe.output_name(&records),
            NewOutput {
                source: only.map(|record| record.id),
                metadata,
            },
        )?;
        self.tell(Event::Files);
        let profile = planned.plan.profile();
        let details = Details {
            from: match recipe.kind {
                Kind::Query => "query".to_owned(),
                _ => planned.plan.from.id().to_owned(),
            },
            rows_in: done.rows_in,
            rows_out: done.rows_out,
            rows_rejected: done.rows_rejected,
            rows_left_out: done.rows_left_out,
            certificate: views::certificate(&done.certificate),
            recipe: Some(recipe.clone()),
            repairs: views::repairs(profile),
            rejects: views::rejects(&profile.rejects),
            source_name: only.is_none().then(|| recipe.subject()),
        };
        let conversion = self.0.store.record_conversion(&NewConversion {
            source: only.map(|record| record.id),
            output: Some(stored.id),
            output_format: recipe.to.id().to_owned(),
            output_filename: stored.filename.clone(),
            size_bytes: stored.size_bytes,
            duration_ms: began.elapsed().as_millis() as u64,
            details: serde_json::to_value(&details).unwrap_or_default(),
        })?;
        self.tell(Event::History);
        Ok(conversion_view(conversion))
    }
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// A job that only looks: it stops when the job is to.
struct JobWatch<'a>(&'a Job);

impl crate::progress::Watch for JobWatch<'_> {
    fn is_cancelled(&self) -> bool {
        self.0.is_cancelled()
    }
}
