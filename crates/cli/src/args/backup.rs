//! The arguments of backups and restores.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Args)]
pub struct Backup {
    #[command(subcommand)]
    pub action: BackupAction,
    #[command(flatten)]
    pub line: Line,
}

/// How fast a transfer may be.
#[derive(Debug, Args)]
pub struct Line {
    /// Take no more than this many bytes a second: 500k, 2M, 2MB, 1GiB [default: the settings']
    #[arg(long, value_name = "RATE", global = true, value_parser = rate)]
    pub limit: Option<u64>,
}

/// `500k`, `2M`, `2.5MB`, `1GiB`, each perhaps with `/s` behind it. Decimal but for the `i`.
fn rate(text: &str) -> Result<u64, String> {
    let wrong = || "a rate is a number with k, M or G behind it, such as 2M".to_owned();
    let lower = text.trim().to_ascii_lowercase();
    let lower = lower.strip_suffix("/s").unwrap_or(&lower);
    let lower = lower.strip_suffix('b').unwrap_or(lower);
    let (lower, step) = match lower.strip_suffix('i') {
        Some(rest) => (rest, 1024f64),
        None => (lower, 1000f64),
    };
    let (number, power) = match lower.chars().last() {
        Some('k') => (&lower[..lower.len() - 1], 1),
        Some('m') => (&lower[..lower.len() - 1], 2),
        Some('g') => (&lower[..lower.len() - 1], 3),
        _ => (lower, 0),
    };
    let number: f64 = number.trim().parse().map_err(|_| wrong())?;
    let bytes = number * step.powi(power);
    if bytes.is_finite() && (1000.0..1e15).contains(&bytes) {
        Ok(bytes as u64)
    } else {
        Err("a rate is at least 1 kB a second".to_owned())
    }
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
    #[command(flatten)]
    pub line: Line,
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

#[cfg(test)]
mod tests {
    use super::rate;

    #[test]
    fn rates_are_read_as_people_write_them() {
        for (text, bytes) in [
            ("500k", 500_000),
            ("2M", 2_000_000),
            ("2.5MB/s", 2_500_000),
            ("1GiB", 1 << 30),
            ("65536", 65_536),
        ] {
            assert_eq!(rate(text), Ok(bytes), "{text}");
        }
        for text in ["", "fast", "-1M", "0", "10", "1T", "M"] {
            assert!(rate(text).is_err(), "{text}");
        }
    }
}
