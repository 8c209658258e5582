//! Formats in, formats out, and the proof between. Owns: telling formats apart,
//! profiling, planning, converting, merging, previewing. Never does: placing a result in
//! a store, keeping history, touching the network, or changing a value in silence.
//!
//! A conversion is two steps. [`plan`] reads the source as far as it takes to prove a type
//! for each column, and lists what the target cannot hold. [`convert`] writes, reads the
//! output back, and compares; a destination exists only once it is proved and on disk.
//!
//! ```no_run
//! # use std::path::Path;
//! # use redline_convert::*;
//! # fn main() -> Result<(), ConvertError> {
//! let (limits, options) = (Limits::default(), Options::default());
//! let source = Source::new("prices.csv");
//! let plan = plan(&source, Format::Parquet, &options, &limits, &())?;
//! let done = convert(&plan, Path::new("prices.parquet"), &limits, &())?;
//! assert_eq!(done.rows_in, done.rows_out);
//! # Ok(())
//! # }
//! ```

mod certificate;
mod changes;
mod count;
mod engine;
mod error;
mod facts;
mod fingerprint;
mod format;
mod formats;
mod limits;
mod merge;
mod names;
mod options;
mod parallel;
mod plan;
mod preview;
mod profile;
mod query;
mod run;
mod shape;
mod sketch;
mod source;
mod sql;
mod stamp;
mod table;
mod text;
mod types;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

pub use certificate::{Certificate, CertificateColumn, Loss, Verdict};
pub use error::ConvertError;
pub use format::{Detected, Format, can_convert, detect, detect_as, detect_bytes};
pub use limits::{Limits, Progress};
pub use merge::{By, Merge};
pub use options::{Group, Kind, Options, SPECS, Spec};
pub use plan::{ConversionPlan, PlannedColumn};
pub use preview::{Grid, Preview, PreviewColumn};
pub use profile::{
    Bucket, Choice, ColumnProfile, Reject, Rejects, Repair, TableEntry, TableProfile, TextForm,
};
pub use query::{QUERY_FORMAT, QueryDone, QueryNames, Relation, Staged, query, query_names, stage};
pub use run::Conversion;
pub use source::Source;

/// Reads all of a source and says what is in it. Phase: `scan`.
pub fn profile(
    source: &Source,
    options: &Options,
    limits: &Limits,
    progress: &dyn Progress,
) -> Result<TableProfile, ConvertError> {
    guarded(|| plan::profile(source, options, limits, progress))
}

/// Says what a conversion to `to` would do and lose. Phases: `scan`, then `choose` where
/// rows are chosen, then `check` where a loss depends on values.
pub fn plan(
    source: &Source,
    to: Format,
    options: &Options,
    limits: &Limits,
    progress: &dyn Progress,
) -> Result<ConversionPlan, ConvertError> {
    guarded(|| plan::plan(source, to, options, limits, progress))
}

/// As [`plan`], for one table made of several sources, one below the other.
pub fn merge(
    sources: &[Source],
    merge: &Merge,
    to: Format,
    options: &Options,
    limits: &Limits,
    progress: &dyn Progress,
) -> Result<ConversionPlan, ConvertError> {
    guarded(|| plan::merge(sources, merge, to, options, limits, progress))
}

/// Removes what conversions into a folder have left there if they were killed more than a day
/// ago. Looks at every name in it.
pub fn sweep(folder: &Path) {
    run::sweep(folder);
}

/// Runs a plan. `dest` must not exist and its folder must; a temporary file beside it
/// is gone again whatever happens. Phases: `write`, and `prove` unless `prove=no`.
pub fn convert(
    plan: &ConversionPlan,
    dest: &Path,
    limits: &Limits,
    progress: &dyn Progress,
) -> Result<Conversion, ConvertError> {
    guarded(|| run::convert(plan, dest, limits, progress))
}

/// Rows `offset` to `offset + limit`, without reading the whole file.
pub fn preview(
    source: &Source,
    options: &Options,
    limit: u64,
    offset: u64,
    limits: &Limits,
) -> Result<Preview, ConvertError> {
    guarded(|| preview::preview(source, options, limit, offset, limits))
}

/// Opens a table to look at in windows, each read as it is asked for. With `whole`, all of
/// the file is gone through first (phase `scan`): then types are proved, rows are counted,
/// and a far window is as near as the first.
pub fn open_grid(
    source: &Source,
    options: &Options,
    whole: bool,
    limits: &Limits,
    progress: &dyn Progress,
) -> Result<Grid, ConvertError> {
    guarded(|| Grid::open(source, options, whole, limits, progress))
}

/// A panic here is a defect of ours, and must not take a caller's thread with it.
pub(crate) fn guarded<T>(
    work: impl FnOnce() -> Result<T, ConvertError>,
) -> Result<T, ConvertError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let said = panic
            .downcast_ref::<&str>()
            .map(|s| (*s).to_owned())
            .or_else(|| panic.downcast_ref::<String>().cloned());
        tracing::error!(said, "a conversion panicked");
        Err(ConvertError::Engine {
            detail: "an internal error; the log has more".to_owned(),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_stays_inside() {
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(|_| {}));
        let outcome = guarded::<()>(|| panic!("a test of the guard"));
        std::panic::set_hook(hook);
        assert!(matches!(outcome, Err(ConvertError::Engine { .. })));
    }
}
