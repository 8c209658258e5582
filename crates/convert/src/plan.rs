//! What a conversion will do, and what it will lose, before it is run.

use std::collections::HashSet;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::datatypes::Field;
use serde::Serialize;

use crate::certificate::Loss;
use crate::changes::{self, Changed};
use crate::count;
use crate::error::{ConvertError, Result};
use crate::facts::{self, Facts};
use crate::format::{Format, can_convert, inner_name};
use crate::formats;
use crate::limits::{Limits, Progress};
use crate::merge::{self, Merge};
use crate::options::Options;
use crate::profile::{ColumnProfile, TableProfile};
use crate::shape::{self, Column, Shape};
use crate::source::Source;
use crate::stamp::Stamp;
use crate::table::{Depth, Job, Table};
use crate::text;

/// Made by [`crate::plan`] and [`crate::merge`], run by [`crate::convert`]. Holds the
/// sources open as they were found, so that one that changes in between is refused.
/// Serialises without any path.
#[derive(Debug, Clone, Serialize)]
pub struct ConversionPlan {
    pub from: Format,
    pub to: Format,
    /// Rows of the source, rejects included; none where only reading to the end would tell.
    pub rows_in: Option<u64>,
    /// Rows that will be written.
    pub rows_out: Option<u64>,
    /// Rows that do not fit, left out since `on_reject=report` asked for it.
    pub rows_rejected: u64,
    /// What will be different since it was asked for, in sentences.
    pub changes: Vec<String>,
    pub losses: Vec<Loss>,
    /// Sentences about how the target writes what it has no form of its own for.
    /// Nothing in them is lost.
    pub notes: Vec<String>,
    /// The columns of the output: name, type in the source, type in the output.
    pub columns: Vec<PlannedColumn>,
    #[serde(skip)]
    pub(crate) work: Arc<Work>,
}

/// One column of the output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlannedColumn {
    pub name: String,
    pub type_in: String,
    pub type_out: String,
}

/// What running a plan takes.
pub(crate) struct Work {
    /// As it was read, before any change; its profile is what the plan tells of the source.
    pub source: Arc<dyn Table>,
    pub table: Arc<dyn Table>,
    pub stamps: Vec<(PathBuf, Stamp)>,
    pub shape: Shape,
    pub options: Options,
    pub rejected: u64,
}

impl fmt::Debug for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Work")
            .field("shape", &self.shape)
            .finish_non_exhaustive()
    }
}

impl ConversionPlan {
    /// Of the source; of all that are put below each other, where there are several.
    pub fn profile(&self) -> &TableProfile {
        self.work.source.profile()
    }
}

impl Work {
    pub(crate) fn hold(&self) -> Result<()> {
        self.stamps
            .iter()
            .try_for_each(|(path, stamp)| stamp.holds(path))
    }

    /// Bytes of all sources, for progress.
    pub(crate) fn bytes(&self) -> u64 {
        self.stamps.iter().map(|(_, stamp)| stamp.size).sum()
    }
}

pub(crate) fn profile(
    source: &Source,
    options: &Options,
    limits: &Limits,
    progress: &dyn Progress,
) -> Result<TableProfile> {
    let limits = limits.with(options);
    let stamp = Stamp::of(&source.path)?;
    let table = formats::open(
        source,
        options,
        Depth::Whole,
        Job {
            limits: &limits,
            progress,
        },
    )?;
    let counted = table
        .profile()
        .columns
        .iter()
        .any(|c| c.distinct.is_some() || !c.examples.is_empty());
    let profile = match counted {
        true => table.profile().clone(),
        false => count::counted(
            table.as_ref(),
            stamp.size,
            Job {
                limits: &limits,
                progress,
            },
        )?,
    };
    stamp.holds(&source.path)?;
    Ok(profile)
}

pub(crate) fn plan(
    source: &Source,
    to: Format,
    options: &Options,
    limits: &Limits,
    progress: &dyn Progress,
) -> Result<ConversionPlan> {
    let limits = limits.with(options);
    let job = Job {
        limits: &limits,
        progress,
    };
    options.suit(to)?;
    let stamp = Stamp::of(&source.path)?;
    let from = formats::resolve(source)?;
    supported(from, to)?;
    let table = opened(source, options, job)?;
    stamp.holds(&source.path)?;
    let options = writing(source, table.as_ref(), to, options)?;
    settle(
        table,
        vec![(source.path.clone(), stamp)],
        from,
        to,
        &options,
        options.idle(&[from]),
        job,
    )
}

pub(crate) fn merge(
    sources: &[Source],
    merge: &Merge,
    to: Format,
    options: &Options,
    limits: &Limits,
    progress: &dyn Progress,
) -> Result<ConversionPlan> {
    let limits = limits.with(options);
    let job = Job {
        limits: &limits,
        progress,
    };
    options.suit(to)?;
    let mut stamps = Vec::with_capacity(sources.len());
    let mut tables = Vec::with_capacity(sources.len());
    let mut froms = Vec::with_capacity(sources.len());
    for source in sources {
        let stamp = Stamp::of(&source.path)?;
        let from = formats::resolve(source)?;
        supported(from, to)?;
        froms.push(from);
        tables.push(merge::Input {
            name: source.file_name(),
            table: opened(source, options, job)?,
            bytes: stamp.size,
        });
        stamp.holds(&source.path)?;
        stamps.push((source.path.clone(), stamp));
    }
    let Some(from) = froms.first().copied() else {
        return Err(ConvertError::Unreadable {
            what: "a table".to_owned(),
            seen: "no file at all".to_owned(),
        });
    };
    let (table, mut said) = merge::one_below_the_other(tables, merge)?;
    let options = match sources.first() {
        Some(first) => writing(first, table.as_ref(), to, options)?,
        None => options.clone(),
    };
    said.extend(options.idle(&froms));
    settle(table, stamps, from, to, &options, said, job)
}

/// The options of the run: a sheet or table of the output is called as the table that it is
/// made from, or else as the file, where nobody said otherwise.
fn writing(source: &Source, table: &dyn Table, to: Format, options: &Options) -> Result<Options> {
    let mut options = options.clone();
    let named = matches!(to, Format::Xlsx | Format::Duckdb | Format::Sqlite);
    if named && options.get("sheet").is_none() {
        let file = source.file_name();
        let stem = inner_name(&file).rsplit_once('.').map(|(stem, _)| stem);
        let of_table = table.profile().table.as_deref();
        let name = of_table.or(stem).unwrap_or(&file).trim();
        if !name.is_empty() {
            options.set("sheet", name)?;
        }
    }
    Ok(options)
}

fn supported(from: Format, to: Format) -> Result<()> {
    if can_convert(from, to) {
        return Ok(());
    }
    Err(ConvertError::Unsupported {
        from: from.id().to_owned(),
        to: to.id().to_owned(),
    })
}

/// A source gone through whole, whose rejects the options allow.
fn opened(source: &Source, options: &Options, job: Job<'_>) -> Result<Arc<dyn Table>> {
    let table: Arc<dyn Table> = formats::open(source, options, Depth::Whole, job)?.into();
    let rejects = &table.profile().rejects;
    if rejects.count > 0 && !options.is("on_reject", "report") {
        return Err(ConvertError::Rejected {
            rejects: Box::new(rejects.clone()),
        });
    }
    Ok(table)
}

fn settle(
    table: Arc<dyn Table>,
    stamps: Vec<(PathBuf, Stamp)>,
    from: Format,
    to: Format,
    options: &Options,
    mut said: Vec<String>,
    job: Job<'_>,
) -> Result<ConversionPlan> {
    let source = table;
    let profile = source.profile();
    let rejected = profile.rejects.count;
    let rows_in = source.rows().map(|rows| rows + rejected);
    said.extend(left_out(profile, options));
    let Changed {
        table,
        said: changed,
    } = changes::apply(Arc::clone(&source), options, job)?;
    said.extend(changed);
    let options = options.clone();

    let schema = table.schema();
    let bytes = stamps.iter().map(|(_, stamp)| stamp.size).sum();
    let known: Vec<Option<&ColumnProfile>> = {
        let by_name = table.profile().by_name();
        let names = schema.fields().iter().map(|f| f.name().as_str());
        names.map(|name| by_name.get(name).copied()).collect()
    };
    let asked: Vec<usize> = (0..known.len())
        .filter(|at| shape::needs_facts(schema.field(*at), to, known[*at]))
        .collect();
    let gathered = match asked.is_empty() {
        true => Vec::new(),
        false => facts::gather(table.as_ref(), &asked, bytes, job)?,
    };
    let facts_of =
        |at: usize| -> Option<&Facts> { asked.iter().position(|a| *a == at).map(|i| &gathered[i]) };
    let rows = table.rows();
    let columns: Vec<Column<'_>> = schema
        .fields()
        .iter()
        .enumerate()
        .map(|(at, field): (usize, &Arc<Field>)| Column {
            field,
            profile: known[at],
            facts: facts_of(at),
            rows,
        })
        .collect();
    let typed = options.is("prove", "no");
    let (shape, mut crossing) =
        shape::shape(&columns, schema.metadata(), table.profile(), to, typed)?;
    if to.is_delimited() {
        text::suits(to, &shape.schema, &options)?;
    }
    crossing.notes.extend(formats::renamed_table(to, &options));
    let mut losses = renames(profile, &columns, to);
    losses.append(&mut crossing.losses);
    let planned = shape.crossings.iter().map(|c| PlannedColumn {
        name: c.name.clone(),
        type_in: c.type_in.clone(),
        type_out: c.type_out.clone(),
    });
    Ok(ConversionPlan {
        from,
        to,
        rows_in,
        rows_out: rows,
        rows_rejected: rejected,
        changes: said,
        losses,
        notes: crossing.notes,
        columns: planned.collect(),
        work: Arc::new(Work {
            source,
            table,
            stamps,
            shape,
            options,
            rejected,
        }),
    })
}

/// What the file holds beside the table, in sentences: whoever converts it does not get that.
fn left_out(profile: &TableProfile, options: &Options) -> Vec<String> {
    let mut said = Vec::new();
    if profile.tables.len() > 1 && options.get("table").is_none() {
        said.push(format!(
            "The file holds {} tables; one of them is taken.",
            profile.tables.len()
        ));
    }
    let lines = |n: usize| match n {
        1 => "1 line".to_owned(),
        n => format!("{n} lines"),
    };
    if let Some(text) = &profile.text {
        if !text.preamble.is_empty() {
            let n = lines(text.preamble.len());
            said.push(format!("{n} above the table left out, as no rows of it."));
        }
        if !text.footnotes.is_empty() {
            let n = lines(text.footnotes.len());
            said.push(format!("{n} below the table left out, as no rows of it."));
        }
    }
    said.extend(profile.choices.iter().filter_map(|c| c.told.clone()));
    if let Some(text) = profile.text.as_ref().filter(|t| t.header_rows > 1) {
        said.push(format!("{} lines name the columns.", text.header_rows));
    }
    for column in &profile.columns {
        if column.mixed {
            said.push(format!(
                "{:?} is read as {}: {}.",
                column.name, column.type_name, column.evidence
            ));
        }
    }
    for (column, asked) in options.by_column("type.") {
        said.push(format!("{column:?} is read as {asked}, as asked."));
    }
    if let Some(null) = options.get("null") {
        said.push(format!("{null:?} stands for null, as asked."));
    }
    said
}

/// Names that a reader had to change, for being twins, empty or not allowed; a text that is
/// made from a text says again what its header said.
fn renames(profile: &TableProfile, columns: &[Column<'_>], to: Format) -> Vec<Loss> {
    let says_again = |field: &Field| to.is_delimited() && field.metadata().contains_key(text::SAID);
    let kept: HashSet<&str> = columns
        .iter()
        .filter(|c| !says_again(c.field))
        .map(|c| c.field.name().as_str())
        .collect();
    let mut losses = Vec::new();
    for (at, column) in profile.columns.iter().enumerate() {
        let Some(said) = column
            .said
            .as_ref()
            .filter(|_| kept.contains(column.name.as_str()))
        else {
            continue;
        };
        let name = &column.name;
        let detail = if said.is_empty() {
            format!("Column {} has no name and is called {name:?}.", at + 1)
        } else {
            format!(
                "Column {} is called {name:?}, since {said:?} is taken or not allowed.",
                at + 1
            )
        };
        losses.push(Loss {
            column: Some(name.clone()),
            kind: "name".to_owned(),
            detail,
            rows: 0,
        });
    }
    losses
}
