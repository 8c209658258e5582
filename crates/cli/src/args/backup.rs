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

/// A bucket whose keys a profile of the AWS configuration has.
#[derive(Debug, Args)]
pub struct AwsBucket {
    /// Use the keys of this profile in ~/.aws
    #[arg(long, value_name = "NAME", conflicts_with = "env")]
    pub aws_profile: Option<String>,
    /// With --aws-profile: the bucket [default: S3_BUCKET, or asked for]
    #[arg(long, value_name = "NAME", requires = "aws_profile")]
    pub bucket: Option<String>,
    /// With --aws-profile: its region [default: S3_REGION, or the profile's]
    #[arg(long, value_name = "NAME", requires = "aws_profile")]
    pub region: Option<String>,
    /// With --aws-profile: the server's address [default: S3_ENDPOINT_URL, or the profile's]
    #[arg(long, value_name = "URL", requires = "aws_profile")]
    pub endpoint_url: Option<String>,
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

--encrypt encrypts everything on this machine before it is sent, from the first backup
on, and asks for a recovery passphrase (REDLINE_BACKUP_PASSPHRASE, a prompt, or stdin);
`redline backup encrypt` says what that costs. Where the backup is encrypted already,
the passphrase opens it.

With --aws-profile only the name of a profile in ~/.aws is kept, and its keys are
asked for anew by each backup: static ones, roles, a credential_process, single
sign-on. Its region and endpoint are taken where none are given. S3_BUCKET with
AWS_PROFILE and without keys says the same.

Examples:
  redline backup setup
  redline backup setup --env .env
  redline backup setup --encrypt
  redline backup setup --aws-profile work --bucket acme-redline")]
    Setup {
        /// Read the S3_… settings from this file, once
        #[arg(long, value_name = "FILE")]
        env: Option<PathBuf>,
        /// How the server encrypts what it stores: `bucket` (its own default), `s3`, `kms` or `kms:KEY`
        #[arg(long, value_name = "HOW")]
        sse: Option<String>,
        /// Encrypt everything before it is sent; asks for a recovery passphrase
        #[arg(long)]
        encrypt: bool,
        #[command(flatten)]
        aws: AwsBucket,
    },
    /// List the AWS profiles of this machine that `setup` can use
    AwsProfiles,
    /// Say what encrypting before sending costs and whether it is on, or switch it on
    #[command(after_long_help = "\
The recovery passphrase is read from REDLINE_BACKUP_PASSPHRASE, a prompt, or stdin; it
is never an argument. It cannot be switched off again.

Examples:
  redline backup encrypt
  redline backup encrypt --apply")]
    Encrypt {
        /// Switch it on
        #[arg(long)]
        apply: bool,
    },
    /// Open an encrypted backup on this machine, with its recovery passphrase
    Unlock,
    /// Choose another recovery passphrase
    #[command(after_long_help = "\
The earlier one is not asked for: any machine that has the key can choose a new one,
so that a forgotten passphrase is not the end. The new one is asked for, or read from
stdin; REDLINE_BACKUP_PASSPHRASE, if it is set, opens the backup for this command.")]
    Passphrase,
    /// Check what the bucket allows
    Probe,
    /// Show what a backup would send
    Plan,
    /// Back up now
    Run {
        /// Go on although a large part of the files was deleted since the last restore point
        #[arg(long)]
        confirm_removals: bool,
    },
    /// List the restore points
    List,
    /// Show what changed in a restore point
    Show {
        /// As `redline backup list` shows it
        #[arg(value_name = "ID")]
        id: String,
    },
    /// List the other versions of a file that restore points have
    #[command(after_long_help = "\
Each version once, with the newest restore point that has it. To have one back:
  redline restore run --at RESTORE_POINT --only NAME")]
    Versions {
        /// The ID that `redline files` shows
        #[arg(value_name = "ID")]
        id: i64,
    },
    /// Check that a restore point is whole in the bucket
    #[command(after_long_help = "\
Asks for every object: there, of the right size, with the right hash recorded.
With --deep every byte is read back and hashed. Whatever is missing or damaged is
sent again by the next backup, where the file is still here.")]
    Verify {
        /// Read every byte back
        #[arg(long)]
        deep: bool,
        /// A restore point [default: the latest]
        #[arg(long, value_name = "ID")]
        at: Option<String>,
        /// Make the checks that the schedule says are due, and only those
        #[arg(long, conflicts_with_all = ["deep", "at"])]
        due: bool,
    },
    /// Restore a sample into a fresh folder, from the bucket alone, and compare
    Drill,
    /// Show or change how often the backup is checked by itself
    #[command(after_long_help = "\
The checks run while the window is open or `redline serve` runs; `redline backup
verify --due` makes those that are due, for a timer of your own. 0 days is never.")]
    Schedule {
        #[arg(long, value_name = "DAYS")]
        quick: Option<u32>,
        #[arg(long, value_name = "DAYS")]
        deep: Option<u32>,
        #[arg(long, value_name = "DAYS")]
        drill: Option<u32>,
    },
    /// Show or change how long restore points stay
    #[command(after_long_help = "\
Rules are shown with exactly what they would drop; --apply keeps them. What is
dropped is marked first and deleted a day later, if still nothing needs it: by the
window, by `redline serve`, or by --run.

Examples:
  redline backup keep --last 10 --daily 14 --weekly 8 --monthly 12
  redline backup keep --last 10 --daily 14 --apply
  redline backup keep --run
  redline backup keep --all")]
    Keep {
        #[arg(long, value_name = "N")]
        last: Option<u32>,
        #[arg(long, value_name = "N")]
        daily: Option<u32>,
        #[arg(long, value_name = "N")]
        weekly: Option<u32>,
        #[arg(long, value_name = "N")]
        monthly: Option<u32>,
        /// Keep these rules from here on
        #[arg(long)]
        apply: bool,
        /// Mark what the rules drop, or delete what was marked a day ago
        #[arg(long, conflicts_with_all = ["last", "daily", "weekly", "monthly", "apply", "all"])]
        run: bool,
        /// No rules: keep every restore point
        #[arg(long, conflicts_with_all = ["last", "daily", "weekly", "monthly", "apply"])]
        all: bool,
    },
    /// Show the bucket's versioning, lifecycle and replication
    Rules,
    /// Switch the bucket's versioning on, or suspend it
    Versioning {
        #[arg(value_enum)]
        state: OnOff,
    },
    /// Put a lifecycle rule for this store beside the bucket's own
    #[command(after_long_help = "\
Shows what the rule would mean; --apply puts it in place. The bucket's other rules
stay as they are. Replaced versions are those of the directly readable copies:
what restore points name is never replaced.

Examples:
  redline backup rule --abort-uploads 7 --expire-versions 90
  redline backup rule --abort-uploads 7 --apply
  redline backup rule --remove --apply")]
    Rule {
        #[arg(long, value_name = "DAYS")]
        abort_uploads: Option<u32>,
        #[arg(long, value_name = "DAYS")]
        archive_versions: Option<u32>,
        #[arg(long, value_name = "DAYS")]
        expire_versions: Option<u32>,
        /// Take our rule away
        #[arg(long, conflicts_with_all = ["abort_uploads", "archive_versions", "expire_versions"])]
        remove: bool,
        #[arg(long)]
        apply: bool,
    },
    /// Print the least that an access key has to be allowed, as a policy to copy
    Policy {
        /// Another bucket than the one that is set up
        #[arg(long, value_name = "NAME")]
        bucket: Option<String>,
    },
    /// Show the bucket, the last backup and what waits for the next
    Status,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub enum OnOff {
    On,
    Off,
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
    Plan(What),
    /// Restore now
    #[command(after_long_help = "\
A local file with other bytes than the restored one goes to the trash, and
`redline restore undo` takes the whole restore back for seven days.

Examples:
  redline restore run
  redline restore run --only '*.csv' --only '2024/'
  redline restore run --at 0000000000000003-desk-01J9ZC3M5QK0Y6T4W8XN2VBDRE --only notes.txt")]
    Run(What),
    /// Take the last restore back
    Undo,
}

#[derive(Debug, Args)]
pub struct What {
    /// A restore point that `redline backup list` shows [default: the latest]
    #[arg(long, value_name = "ID")]
    pub at: Option<String>,
    /// Only files like this; may be given more than once
    #[arg(long, value_name = "GLOB")]
    pub only: Vec<String>,
}

#[derive(Debug, Args)]
pub struct Link {
    /// The ID that `redline files` shows
    pub id: i64,
    /// 30m, 12h, 7d; a week at most
    #[arg(long, value_name = "TIME", default_value = "1h")]
    pub expires: String,
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
