//! The arguments of conversions, tables and queries.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OnReject {
    /// Write nothing, and say which row it is
    Stop,
    /// Leave such rows out, count and list them
    Report,
}

/// How files are read, changed and written.
#[derive(Debug, Clone, Default, Args)]
pub struct Choices {
    /// A choice, as key=value; can be given several times
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// What to do with a row that does not fit the table
    #[arg(long, value_enum, value_name = "WHAT")]
    pub on_reject: Option<OnReject>,
    /// Begin with the choices saved under this name
    #[arg(long, value_name = "NAME")]
    pub preset: Option<String>,
}

/// How a file is read, where nothing is written.
#[derive(Debug, Clone, Default, Args)]
pub struct Reading {
    /// A choice, as key=value; can be given several times
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
}

#[derive(Debug, Args)]
pub struct Inspect {
    /// The ID that `redline files` shows, or a path
    #[arg(value_name = "ID|PATH")]
    pub source: String,
    #[command(flatten)]
    pub reading: Reading,
}

#[derive(Debug, Args)]
pub struct Preview {
    /// The ID that `redline files` shows, or a path
    #[arg(value_name = "ID|PATH")]
    pub source: String,
    /// At most this many rows
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub limit: u64,
    /// Leave out this many first
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub offset: u64,
    #[command(flatten)]
    pub reading: Reading,
}

#[derive(Debug, Args)]
pub struct Convert {
    /// IDs that `redline files` shows, or paths
    #[arg(required = true, value_name = "ID|PATH")]
    pub sources: Vec<String>,
    /// The format to convert to: parquet, csv… [default: what --out or the preset says]
    #[arg(long, value_name = "FORMAT")]
    pub to: Option<String>,
    /// A new file for the result, or a folder
    #[arg(long, value_name = "DST")]
    pub out: Option<PathBuf>,
    #[command(flatten)]
    pub choices: Choices,
    /// Show what would happen, and what the format cannot hold, without converting
    #[arg(long)]
    pub plan: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum By {
    /// Columns of the same name
    Name,
    /// The first with the first, the second with the second…
    Position,
}

#[derive(Debug, Args)]
pub struct Merge {
    /// IDs that `redline files` shows, in the order of the rows
    #[arg(required = true, num_args = 1.., value_name = "ID")]
    pub ids: Vec<i64>,
    /// The format of the result [default: what --out or the preset says]
    #[arg(long, value_name = "FORMAT")]
    pub to: Option<String>,
    /// Which columns belong together
    #[arg(long, value_enum, default_value_t = By::Name)]
    pub by: By,
    /// Take a column under another name; can be given several times
    #[arg(long, value_name = "OLD=NEW")]
    pub map: Vec<String>,
    /// Save a copy of the result as a new file, or into a folder
    #[arg(long, value_name = "DST")]
    pub out: Option<PathBuf>,
    #[command(flatten)]
    pub choices: Choices,
    /// Show what would happen, and what the format cannot hold, without merging
    #[arg(long)]
    pub plan: bool,
}

#[derive(Debug, Args)]
pub struct Query {
    /// One SELECT, or - for stdin
    #[arg(value_name = "SQL")]
    pub sql: String,
    /// At most this many rows [default: all]
    #[arg(long, value_name = "N", conflicts_with_all = ["out", "to"])]
    pub limit: Option<u64>,
    /// A new file for the whole result, or a folder
    #[arg(long, value_name = "DST", conflicts_with = "name")]
    pub out: Option<PathBuf>,
    /// The format of the result [default: what --out says]
    #[arg(long, value_name = "FORMAT")]
    pub to: Option<String>,
    /// What to call the stored result
    #[arg(long, value_name = "NAME", requires = "to")]
    pub name: Option<String>,
    #[command(flatten)]
    pub choices: Choices,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct History {
    #[command(subcommand)]
    pub action: Option<HistoryAction>,
    /// At most this many
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub limit: u64,
    /// Leave out this many first
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub offset: u64,
}

#[derive(Debug, Clone, Copy, Subcommand)]
pub enum HistoryAction {
    /// Show one conversion: its choices, its certificate, its command line
    Show {
        /// The ID that `redline history` shows
        id: i64,
    },
    /// Do one again, with the same choices
    Rerun {
        /// The ID that `redline history` shows
        id: i64,
    },
}

#[derive(Debug, Args)]
pub struct Tables {
    #[command(subcommand)]
    pub action: Option<TablesAction>,
}

#[derive(Debug, Clone, Subcommand)]
pub enum TablesAction {
    /// List the data tables
    List,
    /// Make a stored file a data table
    Add {
        /// The ID that `redline files` shows
        id: i64,
        /// What to call it [default: made from the file's name]
        #[arg(long, value_name = "N")]
        name: Option<String>,
        #[command(flatten)]
        reading: Reading,
    },
    /// Take a data table's name away; its file stays
    Drop {
        /// The name that `redline tables` shows
        name: String,
    },
}

#[derive(Debug, Args)]
pub struct Presets {
    #[command(subcommand)]
    pub action: Option<PresetsAction>,
}

#[derive(Debug, Clone, Subcommand)]
pub enum PresetsAction {
    /// List the saved choices
    List,
    /// Save choices under a name, in the place of those it has
    Save {
        /// What to call them
        name: String,
        /// The format to convert to
        #[arg(long, value_name = "FORMAT")]
        to: Option<String>,
        /// A choice, as key=value; can be given several times
        #[arg(long = "set", value_name = "KEY=VALUE")]
        set: Vec<String>,
        /// What to do with a row that does not fit the table
        #[arg(long, value_enum, value_name = "WHAT")]
        on_reject: Option<OnReject>,
    },
    /// Delete saved choices
    Delete {
        /// The name that `redline presets` shows
        name: String,
    },
}
