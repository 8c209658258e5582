//! One license key's store: its catalog (DuckDB), its files on disk, its trash.
//!
//! A [`Store`] is a capability. The only way to one is [`Store::create_or_open`]
//! (at sign-in) or [`Store::open`], both of which take the key's [`Identity`];
//! every operation is a method on it and takes a [`FileId`]. No path, hash or
//! folder name ever comes from a caller, so one key cannot name what belongs to
//! another.
//!
//! What this crate never does: read a keyring, know what a format means, talk to
//! a network, or delete a file that it was not told to delete.
//!
//! Layout on disk, below a root folder:
//!
//! ```text
//! users/{first 16 hex of SHA-256(key)}/
//!   user_data.duckdb        the catalog
//!   files/{relative path}   the bytes, under the user's names
//!   .redline/partial/       work in progress, one locked folder each
//!   .redline/trash/         deleted files, each with its row beside it
//!   .redline/journal/       what was about to become a row
//!   .redline/quarantine/    what could not be read, set aside, never deleted
//!   .redline/restores/      what the last restores did, to take them back; written by core
//!   .redline/jobs/          job records, written by core
//!   .redline/settings/      saved choices and past queries, written by core
//!   .redline/cache/         what can be made again
//! ```

mod aside;
mod audit;
mod backup;
mod blocks;
mod catalog;
mod cloud;
mod conversions;
mod copy;
mod direct;
mod durable;
mod error;
mod export;
mod identity;
mod import;
mod journal;
mod layout;
mod lease;
mod list;
mod listing;
mod merge;
mod migrate;
mod names;
mod open;
mod partial;
mod progress;
mod reconcile;
mod record;
mod restore;
mod seen;
mod stats;
mod tables;
mod trash;
mod verify;

pub use backup::{BackupFile, Snapshot};
pub use conversions::{ConversionRecord, NewConversion};
pub use error::{Result, StoreError};
pub use identity::Identity;
pub use import::{
    Classified, FailedSource, ImportOptions, ImportSink, ImportSource, ImportSummary, Imported,
    NewOutput, OnDuplicate, SkipReason, SkippedSource,
};
pub use list::{ListQuery, Page, Sort};
pub use merge::{CloudFile, MergeChoice, MergeReport, SnapshotFacts, SnapshotTable};
pub use names::sanitize_filename;
pub use open::{OpenReport, Store, StoreOptions};
pub use partial::ScratchDir;
pub use progress::Progress;
pub use reconcile::ReconcileReport;
pub use record::{FileId, FileRecord, Status};
pub use restore::{Differing, Intend, RestoreFile, Restored};
pub use stats::{GrowthDay, Stats, TypeCount};
pub use tables::{NewTable, TableFile, TableRecord};
pub use trash::Emptied;
pub use verify::VerifyOutcome;
