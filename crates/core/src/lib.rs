//! The use cases of Redline, for every front end alike.
//!
//! The window, the command line and the REST server call [`Redline`] and
//! [`Session`] and nothing below them. Core joins the four crates at the bottom
//! (store, convert, backup, license), which do not know each other, and owns what
//! lies between: sessions and profiles, jobs, settings, events, and the one
//! mapping from every error to words. It never touches a window, a socket that
//! listens, or a terminal, and it hands out neither a secret nor a path.

mod automatic;
mod aws_profiles;
mod backup;
mod bucket;
mod bucket_rules;
mod classify;
mod cloud;
pub mod contract;
mod convert;
mod doctor;
mod encryption;
mod env_file;
pub mod error;
mod events;
mod export;
mod file_backup;
mod file_versions;
mod files;
mod fsx;
mod grids;
mod import;
mod in_the_clear;
mod jobs;
mod kept;
mod last_manifest;
mod left_out;
mod newest;
mod notes;
mod notice;
mod options;
mod others;
mod presets;
mod profiles;
mod progress;
mod proof;
mod query;
mod recovery;
mod redline;
mod restore;
mod retention;
mod runtime;
mod schedule;
mod secrets;
mod session;
mod settings;
mod stages;
mod standing;
mod tables;
pub mod text;
mod transfer;
mod undo;
mod verify;
mod watch;

pub use contract::*;
pub use convert::{
    PathConversion, PathPlan, conversion_options, convert_path, format_of_name, formats,
    inspect_path, plan_path, preview_path,
};
pub use error::{Code, CoreError};
pub use import::ImportEvents;
pub use options::{FrontEnd, Options};
pub use progress::Watch;
pub use redline::Redline;
pub use redline_backup::AwsFiles;
pub use session::{JobId, Session, SourcePath};

/// The version that every front end shows.
pub fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}
