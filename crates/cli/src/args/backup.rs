//! The arguments of backups and restores.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Args)]
pub struct Backup {
    #[command(subcommand)]
    pub action: BackupAction,
}

#[derive(Debug, Subcommand)]
pub enum BackupAction {
    /// Say which bucket to use, check it, and keep its secrets in the keyring
    #[command(after_long_help = "\
Reads S3_BUCKET, S3_ACCESS_KEY, S3_SECRET_KEY, S3_REGION and S3_ENDPOINT_URL from
the file, or from the environment, or asks for them on a terminal. The secrets are
never arguments.

Examples:
  redline backup setup
  redline backup setup --env .env")]
    Setup {
        /// Read the S3_… settings from this file, once
        #[arg(long, value_name = "FILE")]
        env: Option<PathBuf>,
    },
    /// Check what the bucket allows
    Probe,
    /// Show what a backup would send
    Plan,
    /// Back up now
    Run,
    /// List the restore points
    List,
    /// Show the bucket, the last backup and what waits for the next
    Status,
}

#[derive(Debug, Args)]
pub struct Restore {
    #[command(subcommand)]
    pub action: RestoreAction,
}

#[derive(Debug, Subcommand)]
pub enum RestoreAction {
    /// Show exactly what a restore would do
    Plan(At),
    /// Restore now
    Run(At),
}

#[derive(Debug, Args)]
pub struct At {
    /// A restore point that `redline backup list` shows [default: the latest]
    #[arg(long, value_name = "ID")]
    pub at: Option<String>,
}
