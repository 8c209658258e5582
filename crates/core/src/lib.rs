//! The use cases of Redline, for every front end alike.
//!
//! The window, the command line and the REST server call [`Redline`] and
//! [`Session`] and nothing below them. Core joins the four crates at the bottom
//! (store, convert, backup, license), which do not know each other, and owns what
//! lies between: sessions and profiles, jobs, settings, events, and the one
//! mapping from every error to words. It never touches a window, a socket that
//! listens, or a terminal, and it hands out neither a secret nor a path.

pub mod contract;
pub mod error;
mod events;
mod fsx;
mod jobs;
mod redline;
mod session;
mod settings;
mod text;

pub use contract::*;
pub use error::{Code, CoreError};
pub use redline::{FrontEnd, Options, Redline};
pub use session::{ImportEvents, JobId, Session, SourcePath};

/// The version that every front end shows.
pub fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}
