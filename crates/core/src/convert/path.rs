//! The same for a file anywhere: no store, no key, no history. For the command line.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use redline_convert::{Limits, Source};
use serde::Serialize;

use super::{check_options, format, limits, names, quote, views};
use crate::contract::{
    CertificateView, ConversionRequest, LossView, PreviewView, ProfileReport, RejectsView,
    RepairView,
};
use crate::error::{Code, CoreError, convert_error};
use crate::progress::{Watch, Watching};

/// What a conversion from path to path would do.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PathPlan {
    pub from: String,
    pub to: String,
    pub output_name: String,
    pub options: BTreeMap<String, String>,
    pub profile: ProfileReport,
    pub losses: Vec<LossView>,
    pub notes: Vec<String>,
}

/// A conversion from path to path that was done.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PathConversion {
    pub source_name: String,
    pub output_name: String,
    pub from: String,
    pub to: String,
    pub options: BTreeMap<String, String>,
    pub size_bytes: u64,
    pub rows_in: u64,
    pub rows_out: u64,
    pub rows_rejected: u64,
    pub rows_left_out: u64,
    pub repairs: Vec<RepairView>,
    pub rejects: RejectsView,
    pub duration_ms: u64,
    pub certificate: CertificateView,
    /// Of this line, the names; paths are not repeated.
    pub command: String,
}

/// Reads all of a file and says what is in it.
pub fn inspect_path(
    path: &Path,
    options: &BTreeMap<String, String>,
    watch: &dyn Watch,
) -> Result<ProfileReport, CoreError> {
    let source = source(path)?;
    let chosen = check_options(options)?;
    let limits = limits(&std::env::temp_dir(), options);
    redline_convert::profile(&source, &chosen, &limits, &Watching(watch))
        .map(|profile| views::profile(&profile))
        .map_err(|error| convert_error(error, &shown(path)))
}

/// Some rows of a file, without reading all of it.
pub fn preview_path(
    path: &Path,
    options: &BTreeMap<String, String>,
    limit: u64,
    offset: u64,
) -> Result<PreviewView, CoreError> {
    let limits = limits(&std::env::temp_dir(), options);
    rows_of(
        &source(path)?,
        options,
        limit,
        offset,
        &limits,
        &shown(path),
    )
}

/// Opens a table only to read a few rows of it.
pub(super) fn rows_of(
    source: &Source,
    options: &BTreeMap<String, String>,
    limit: u64,
    offset: u64,
    limits: &Limits,
    name: &str,
) -> Result<PreviewView, CoreError> {
    let chosen = check_options(options)?;
    redline_convert::open_grid(source, &chosen, false, limits, &())
        .and_then(|grid| {
            Ok(PreviewView {
                columns: views::grid_columns(&grid),
                rows: grid.rows(offset, limit, None)?,
                total: grid.row_count(),
            })
        })
        .map_err(|error| convert_error(error, name))
}

/// Reads all of a file and says what a conversion would do and lose. `out` as for
/// [`convert_path`].
pub fn plan_path(
    path: &Path,
    request: &ConversionRequest,
    out: Option<&Path>,
    watch: &dyn Watch,
) -> Result<PathPlan, CoreError> {
    let (plan, _) = planned(path, request, watch)?;
    let name = file_name(path);
    let output = match out.filter(|out| !out.is_dir()) {
        Some(out) => shown(out),
        None => names::of_file(&name, plan.to, &request.options),
    };
    Ok(PathPlan {
        from: plan.from.id().to_owned(),
        to: plan.to.id().to_owned(),
        output_name: output,
        options: request.options.clone(),
        profile: views::profile(plan.profile()),
        losses: views::losses(&plan),
        notes: plan.notes.clone(),
    })
}

/// Converts a file into `out`: a new file, or a folder in which the result is named
/// after its source. Nothing is ever overwritten. More than one only for `table=*`, which
/// takes a folder.
pub fn convert_path(
    path: &Path,
    request: &ConversionRequest,
    out: &Path,
    watch: &dyn Watch,
) -> Result<Vec<PathConversion>, CoreError> {
    let to = format(&request.to)?;
    let name = file_name(path);
    if request
        .options
        .get("table")
        .is_none_or(|table| table != "*")
    {
        let target = if out.is_dir() {
            out.join(names::of_file(&name, to, &request.options))
        } else {
            out.to_owned()
        };
        return Ok(vec![convert_one_path(path, request, &target, watch)?]);
    }
    if !out.is_dir() {
        return Err(CoreError::bad_request(
            "table=* makes a file of each table, and --out names none of them.",
            "Name a folder that exists, or one table.",
        ));
    }
    let mut request = request.clone();
    request.options.remove("table");
    let tables = inspect_path(path, &request.options, watch)?.tables;
    if tables.len() < 2 {
        let target = out.join(names::of_file(&name, to, &request.options));
        return Ok(vec![convert_one_path(path, &request, &target, watch)?]);
    }
    tables
        .iter()
        .map(|table| {
            let target = out.join(names::of_table(&name, &table.name, to, &request.options));
            let mut one = request.clone();
            one.options.insert("table".to_owned(), table.name.clone());
            convert_one_path(path, &one, &target, watch)
        })
        .collect()
}

/// `target` is the whole name of what is to be made.
pub(crate) fn convert_one_path(
    path: &Path,
    request: &ConversionRequest,
    target: &Path,
    watch: &dyn Watch,
) -> Result<PathConversion, CoreError> {
    let began = Instant::now();
    let to = format(&request.to)?;
    names::tells_format(&file_name(target), to)?;
    names::tells_packing(&file_name(target), to, &request.options)?;
    refuse_existing(target)?;
    let folder = target.parent().filter(|p| !p.as_os_str().is_empty());
    redline_convert::sweep(folder.unwrap_or(Path::new(".")));
    let (plan, limits) = planned(path, request, watch)?;
    let done = redline_convert::convert(&plan, target, &limits, &Watching(watch))
        .map_err(|error| not_there(convert_error(error, &shown(path))))?;
    Ok(PathConversion {
        source_name: file_name(path),
        output_name: file_name(target),
        from: plan.from.id().to_owned(),
        to: plan.to.id().to_owned(),
        options: request.options.clone(),
        size_bytes: done.bytes_out,
        rows_in: done.rows_in,
        rows_out: done.rows_out,
        rows_rejected: done.rows_rejected,
        rows_left_out: done.rows_left_out,
        repairs: views::repairs(plan.profile()),
        rejects: views::rejects(&plan.profile().rejects),
        duration_ms: began.elapsed().as_millis() as u64,
        certificate: views::certificate(&done.certificate),
        command: format!(
            "redline convert {}{} --out {}",
            quote::word(&file_name(path)),
            quote::choices(to.id(), &request.options),
            quote::word(&file_name(target))
        ),
    })
}

/// A disk that is full is that of the result here, not that of the store.
fn not_there(error: CoreError) -> CoreError {
    match error.code() {
        Code::DiskFull => CoreError::new(
            Code::DiskFull,
            error.to_string(),
            "Free some space there, or name a folder on another disk.",
        ),
        _ => error,
    }
}

/// Before an hour of work, not after it.
pub(crate) fn refuse_existing(target: &Path) -> Result<(), CoreError> {
    if std::fs::symlink_metadata(target).is_ok() {
        return Err(CoreError::new(
            Code::AlreadyExists,
            format!("\"{}\" exists already.", shown(target)),
            "Choose another name; nothing is ever overwritten.",
        ));
    }
    match target.parent().filter(|p| !p.as_os_str().is_empty()) {
        Some(folder) if !folder.is_dir() => Err(CoreError::new(
            Code::BadName,
            format!("There is no folder for \"{}\".", shown(target)),
            "Make the folder first, or choose another.",
        )),
        _ => Ok(()),
    }
}

fn planned(
    path: &Path,
    request: &ConversionRequest,
    watch: &dyn Watch,
) -> Result<(redline_convert::ConversionPlan, Limits), CoreError> {
    let to = format(&request.to)?;
    let mut options = request.options.clone();
    options.retain(|key, value| !(key == "table" && value == "*"));
    let chosen = check_options(&options)?;
    let limits = limits(&std::env::temp_dir(), &options);
    let plan = redline_convert::plan(&source(path)?, to, &chosen, &limits, &Watching(watch))
        .map_err(|error| convert_error(error, &shown(path)))?;
    Ok((plan, limits))
}

fn source(path: &Path) -> Result<Source, CoreError> {
    match std::fs::metadata(path) {
        Ok(about) if about.is_dir() => Err(CoreError::bad_request(
            format!("\"{}\" is a folder.", shown(path)),
            "Name the files in it.",
        )),
        Ok(about) if !about.is_file() => Err(CoreError::new(
            Code::Unreadable,
            format!("\"{}\" is not a file.", shown(path)),
            "Only files are read, since they are read more than once.",
        )),
        Ok(_) => Ok(Source::new(path)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(CoreError::new(
            Code::SourceVanished,
            format!("There is no file \"{}\".", shown(path)),
            "Check the path. A stored file goes by its ID: `redline files` lists them.",
        )),
        Err(error) => Err(CoreError::new(
            Code::Unreadable,
            format!("Could not read \"{}\": {}.", shown(path), error.kind()),
            "Check its permissions.",
        )),
    }
}

fn file_name(path: &Path) -> String {
    path.file_name()
        .unwrap_or(path.as_os_str())
        .to_string_lossy()
        .into_owned()
}

/// For messages: the name alone.
fn shown(path: &Path) -> String {
    file_name(path)
}
