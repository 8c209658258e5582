//! What the commands about stored files take.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::Confirm;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Duplicate {
    /// Bytes that are stored already are not stored again
    Skip,
    /// Store them again
    Keep,
}

#[derive(Debug, Args)]
pub struct Import {
    /// Files and folders
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// What to do with bytes that are stored already [default: as in Settings]
    #[arg(long, value_enum, value_name = "WHAT")]
    pub on_duplicate: Option<Duplicate>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Sort {
    /// A to Z
    Name,
    /// A to Z
    Type,
    /// Large first
    Size,
    /// Newest first
    Added,
}

#[derive(Debug, Args)]
pub struct Files {
    /// Only files of this type: csv, parquet, json, excel, text…
    #[arg(long = "type", value_name = "TYPE")]
    pub file_type: Option<String>,
    /// Only files whose name or folder has all of these words
    #[arg(long, value_name = "WORDS")]
    pub search: Option<String>,
    /// Order
    #[arg(long, value_enum, default_value_t = Sort::Added, value_name = "KEY")]
    pub sort: Sort,
    /// Turn the order around
    #[arg(long)]
    pub reverse: bool,
    /// At most this many [default: all]
    #[arg(long, value_name = "N")]
    pub limit: Option<u64>,
    /// Leave out this many first
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub offset: u64,
}

#[derive(Debug, Args)]
pub struct OneFile {
    /// The ID that `redline files` shows
    pub id: i64,
}

#[derive(Debug, Args)]
pub struct Export {
    /// The ID that `redline files` shows
    pub id: i64,
    /// A new file, an existing folder, or - for stdout
    pub dest: PathBuf,
}

#[derive(Debug, Args)]
pub struct FileIds {
    /// IDs that `redline files` shows
    #[arg(required = true, value_name = "ID")]
    pub ids: Vec<i64>,
}

#[derive(Debug, Args)]
pub struct Trash {
    #[command(subcommand)]
    pub action: Option<TrashAction>,
}

#[derive(Debug, Subcommand)]
pub enum TrashAction {
    /// List what is in the trash
    List,
    /// Delete what is in the trash for good
    Empty(Confirm),
}
