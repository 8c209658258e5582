//! Formats in, formats out, and the proof between. Owns: telling formats apart,
//! profiling, planning, converting, previewing. Never does: placing a result in a
//! store, keeping history, touching the network, or changing a value in silence.
//!
//! A conversion is two steps. [`plan`] reads the whole source, proves a type for each
//! column and lists what the target cannot hold. [`convert`] writes, reads the output
//! back, and compares; a destination exists only once it is proved and on disk.
//!
//! ```no_run
//! # use std::path::Path;
//! # use redline_convert::*;
//! # fn main() -> Result<(), ConvertError> {
//! let limits = Limits::default();
//! let plan = plan(Path::new("prices.csv"), None, Format::Parquet, &limits, &())?;
//! let done = convert(&plan, Path::new("prices.parquet"), &Options::default(), &limits, &())?;
//! assert_eq!(done.rows_in, done.rows_out);
//! # Ok(())
//! # }
//! ```

mod analysis;
mod certificate;
mod engine;
mod error;
mod format;
mod limits;
mod plan;
mod preview;
mod run;
mod sql;
mod text;
mod types;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

pub use analysis::{ColumnProfile, TableProfile};
pub use certificate::{Certificate, CertificateColumn, Loss, Verdict};
pub use error::ConvertError;
pub use format::{Detected, Format, SUPPORTED, can_convert, detect, detect_bytes};
pub use limits::{Limits, Progress};
pub use plan::ConversionPlan;
pub use preview::{Preview, PreviewColumn};
pub use run::{Conversion, Options, ParquetCodec};

/// Reads all of `path` and says what is in it. Phases: `scan` (text only), `check`.
pub fn profile(
    path: &Path,
    limits: &Limits,
    progress: &dyn Progress,
) -> Result<TableProfile, ConvertError> {
    guarded(|| analysis::analyse(path, None, limits, progress).map(|a| a.profile))
}

/// Reads all of `path` and says what a conversion to `to` would do and lose.
/// `from` overrides what the bytes say. Phases as for [`profile`].
pub fn plan(
    path: &Path,
    from: Option<Format>,
    to: Format,
    limits: &Limits,
    progress: &dyn Progress,
) -> Result<ConversionPlan, ConvertError> {
    guarded(|| plan::plan(path, from, to, limits, progress))
}

/// Runs a plan. `dest` must not exist and its folder must; a temporary file beside it
/// is gone again whatever happens. Phases: `write`, `prove`.
pub fn convert(
    plan: &ConversionPlan,
    dest: &Path,
    options: &Options,
    limits: &Limits,
    progress: &dyn Progress,
) -> Result<Conversion, ConvertError> {
    guarded(|| run::convert(plan, dest, options, limits, progress))
}

/// Rows `offset` to `offset + limit`, without reading the whole file. `format`
/// overrides what the bytes say.
pub fn preview(
    path: &Path,
    format: Option<Format>,
    limit: u64,
    offset: u64,
) -> Result<Preview, ConvertError> {
    guarded(|| preview::preview(path, format, limit, offset, &Limits::default()))
}

/// A panic here is a defect of ours, and must not take a caller's thread with it.
fn guarded<T>(work: impl FnOnce() -> Result<T, ConvertError>) -> Result<T, ConvertError> {
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
