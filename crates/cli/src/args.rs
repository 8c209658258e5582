//! What can be typed: every command, flag and help text.
//!
//! It owns the words of `--help`, the completions and the manual page, which are
//! all made from it. It never touches a store, and no license key is ever among
//! its arguments: other processes can read those.

mod backup;
mod convert;
mod files;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub use backup::*;
pub use convert::*;
pub use files::*;

const AFTER_HELP: &str = "\
Exit status:
  0  done
  1  failed
  2  wrong usage
  3  no license key, or the key is refused
  4  not found
  5  the store is busy
  6  done in part

Environment:
  REDLINE_LICENSE_KEY   the license key; counts as signed in, the keyring is not touched
  REDLINE_DATA_DIR      where stores are kept (also USER_STORAGE_BASE_PATH)
  REDLINE_CONFIG_DIR    where profiles and settings are kept
  REDLINE_PASSPHRASE    opens a profile whose key is kept in a passphrase file
  REDLINE_BACKUP_PASSPHRASE
                        the recovery passphrase of an encrypted backup
  REDLINE_LOG           what to log on stderr, for example: debug
  NO_COLOR              no colours

Examples:
  redline login                       paste a license key; it goes into the keyring
  redline import ~/data *.parquet     store files and whole folders
  redline files --type csv --search q3
  redline inspect q3.csv              what is in a file, and why
  redline convert 57 --to parquet     proved, stored, remembered
  redline export 57 .                 get a file back
  redline --json stats | jq .stats.total_size_bytes";

#[derive(Debug, Parser)]
#[command(
    name = "redline",
    version,
    about = "A private store for data files: keep, convert, look, back up, restore",
    long_about = "Redline keeps your data files in a private store, one for each license key: it stores \
                  them durably and checked by SHA-256, converts them without losing a value, and backs \
                  the whole store up to S3.\n\nThe license key comes from REDLINE_LICENSE_KEY, else from \
                  the profile that is signed in. It is never an argument, since other programs can read those.",
    after_long_help = AFTER_HELP,
    arg_required_else_help = true,
    disable_help_subcommand = false,
    max_term_width = 100
)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Clone, Args)]
pub struct Global {
    /// Keep stores in this folder instead of the usual one
    #[arg(long, global = true, value_name = "DIR", help_heading = "Everywhere")]
    pub data_dir: Option<PathBuf>,
    /// Work as this profile instead of the current one
    #[arg(long, global = true, value_name = "NAME", help_heading = "Everywhere")]
    pub profile: Option<String>,
    /// Write one JSON object to stdout; an error is one JSON object on stderr
    #[arg(long, global = true, help_heading = "Everywhere")]
    pub json: bool,
    /// No progress bar, no notes, no summaries
    #[arg(long, short, global = true, help_heading = "Everywhere")]
    pub quiet: bool,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Sign in with a license key, or make a free one
    #[command(after_long_help = "\
The key is asked for without showing it, or read from stdin. It goes into the
keyring of the operating system, or where --keep says.

Examples:
  redline login
  redline login --label \"Research desk\" < key.txt
  redline login --new --kit recovery.txt      make a free key and save its recovery kit
  redline login --keep file                   no keyring here: a file behind a passphrase")]
    Login(Login),
    /// Forget the key of a profile on this machine; its store stays
    #[command(after_long_help = "\
The store stays where it is and opens again with the same key. Save the recovery
kit first if the key is written down nowhere else: redline kit FILE

Examples:
  redline logout
  redline --profile research-desk logout --yes")]
    Logout(Confirm),
    /// List the profiles on this machine, or make one the current one
    #[command(after_long_help = "\
Examples:
  redline profiles
  redline profiles use research-desk")]
    Profiles(Profiles),
    /// Show whose store the other commands work on
    #[command(
        after_long_help = "Examples:\n  redline whoami\n  redline --json whoami | jq -r .profile.masked_key"
    )]
    Whoami,
    /// Save the recovery kit of the profile: a text file with its license key
    #[command(after_long_help = "\
The kit holds the license key in the clear: keep it where only you can read it.
An existing file is never overwritten; `-` writes to stdout.

Examples:
  redline kit recovery.txt")]
    Kit(Kit),

    /// Store files and whole folders
    #[command(after_long_help = "\
A file counts as stored once it is durable and its SHA-256 is known. Folders keep
their structure. Files of the same name with other bytes are both kept. Ctrl-C
stops cleanly: what is stored stays, nothing is left half done.

Exit status 6 means that some files were stored and some were not.

Examples:
  redline import q3.csv
  redline import ~/data ~/more/*.parquet
  redline import --on-duplicate keep q3.csv
  redline --json import ~/data | jq -r '.failed[].path'")]
    Import(Import),
    /// List the stored files
    #[command(after_long_help = "\
Without --limit all of them, newest first.

Examples:
  redline files
  redline files --type csv --search \"q3 report\"
  redline files --sort size --limit 10
  redline --json files | jq '.files[] | select(.size_bytes > 1e9) | .id'")]
    Files(Files),
    /// Show one stored file
    #[command(
        after_long_help = "Examples:\n  redline info 57\n  redline --json info 57 | jq -r .file.sha256"
    )]
    Info(OneFile),
    /// Make a link to a backed-up file that anyone can open until it expires
    #[command(after_long_help = "\
Examples:
  redline link 57
  redline link 57 --expires 7d")]
    Link(Link),
    /// Give up a file's local bytes: it stays listed, and comes back when it is used
    #[command(after_long_help = "\
The file has to be in the newest restore point; its bytes are read back from the
bucket and compared right before the local ones go.

Examples:
  redline free 57
  redline free 57 58 59")]
    Free(FileIds),
    /// Bring the bytes of cloud-only files back
    #[command(after_long_help = "Examples:\n  redline fetch 57")]
    Fetch(FileIds),
    /// Save a copy of a stored file
    #[command(after_long_help = "\
DEST is a new file or an existing folder; nothing is ever overwritten. `-` writes
the bytes to stdout. The SHA-256 is checked on the way.

Examples:
  redline export 57 .
  redline export 57 /tmp/q3-copy.csv
  redline export 57 - | head")]
    Export(Export),
    /// Move stored files to the trash
    #[command(
        after_long_help = "Examples:\n  redline delete 57\n  redline delete 57 58 59\n  redline undelete 57      takes it back"
    )]
    Delete(FileIds),
    /// Take files back from the trash
    #[command(after_long_help = "Examples:\n  redline undelete 57")]
    Undelete(FileIds),
    /// List the trash, or delete what is in it for good
    #[command(
        after_long_help = "Examples:\n  redline trash\n  redline trash list\n  redline trash empty --yes"
    )]
    Trash(Trash),
    /// Delete this key's whole store from this machine
    #[command(after_long_help = "\
Files, trash, history and catalog go at once, and so do the key and the secrets that
this machine keeps for the profile. A backup in a bucket stays where it is.

Examples:
  redline delete-all
  redline delete-all --yes")]
    DeleteAll(Confirm),
    /// Check stored files against their SHA-256
    #[command(after_long_help = "\
Without an ID every file. A file that another program edited in place is kept as a
new revision and reported. Exit status 6 when a file is missing or cannot be read.

Examples:
  redline verify
  redline verify 57")]
    Verify(Verify),
    /// Show running and interrupted work, or cancel some
    #[command(
        after_long_help = "Examples:\n  redline jobs\n  redline jobs cancel 01JD8Y3V7Q6S2N4M5K9R0T1W2X"
    )]
    Jobs(Jobs),
    /// Show how much is stored, of what, and how it grew
    #[command(
        after_long_help = "Examples:\n  redline stats\n  redline --json stats | jq .stats.total_files"
    )]
    Stats,
    /// List the data tables, add one, or drop one
    #[command(after_long_help = "\
A data table is a name for a stored file, under which `redline query` knows it. Adding
one reads the whole file: rows, columns and their types, and the ticker where there is
one. Dropping one leaves the file alone. Tables of an earlier program are listed, too.

Examples:
  redline tables
  redline tables add 57 --name prices
  redline tables add 58 --set table=Sheet2
  redline tables drop prices
  redline --json tables | jq -r '.tables[].table_name'")]
    Tables(Tables),

    /// Say what is in a file: its form, its columns, the evidence for each type
    #[command(after_long_help = "\
Reads all of a stored file, by ID, or of any file, by path (no key is needed then).
What is not sure is said, with the choice that was made and how to make the other.

Examples:
  redline inspect 57
  redline inspect ~/data/q3.csv
  redline inspect book.xlsx --set table=Sheet2
  redline --json inspect q3.csv | jq '.profile.columns[] | {name, type_name, evidence}'")]
    Inspect(Inspect),
    /// Show rows of a file, every value exact
    #[command(after_long_help = "\
Reads no more than it must, so that the types of text are not proved here. NULL is
shown as NULL; an empty text as nothing. In JSON every value is text, or null.

Examples:
  redline preview 57
  redline preview big.parquet --offset 40000000 --limit 5
  redline preview book.xlsx --set table=2")]
    Preview(Preview),
    /// Convert files to another format, and prove that no value changed
    #[command(after_long_help = "\
The result is read back and compared with the source; its certificate says what was
proved. What the format cannot hold is listed, by --plan before anything is written.

The result of a stored file, given by ID, is stored beside it and goes into the
history; --out saves a copy, too. A file given by PATH needs --out: neither store nor
key is touched then.

A row that cannot be one of the table stops the conversion. With --on-reject report it
is left out, counted and listed, and the exit status is 6.

Some of the choices (--set KEY=VALUE; a form in the window has all of them):
  table=NAME        of a workbook or database, or `*` for each
  encoding= delimiter= quote= header= skip= null= date_order= decimal=
  types=text        leave every column text
  type.COLUMN=TYPE  read a column as BIGINT, DECIMAL(18,2), DATE…
  select=a,b        these columns, in this order
  rename.OLD=NEW    names=tidy    fill.COLUMN=0
  filter='price > 100'    duplicates=drop    missing=drop    blank_rows=keep
  codec=zstd        row_group=    out_delimiter=    out_header=no    layout=stooq
  prove=no          leave out the proof
  memory=MIB        what it may use; 512 otherwise

Examples:
  redline convert 57 --to parquet
  redline convert 57 --to csv --plan
  redline convert 57 58 59 --to parquet --set codec=zstd
  redline convert q3.csv.gz --to parquet --out q3.parquet
  redline convert 57 --to csv --set filter=\"city = 'Rome'\" --on-reject report")]
    Convert(Convert),
    /// Make one table out of several stored files
    #[command(after_long_help = "\
Rows are put one below the other, columns matched by their names, or by position. The
types are reconciled without loss; a column that a file lacks is null there.

Examples:
  redline merge 57 58 59 --to parquet
  redline merge 57 58 --to csv --by position
  redline merge 57 58 --to parquet --map \"Price (USD)=price\" --plan")]
    Merge(Merge),
    /// Run one SELECT over stored files and data tables
    #[command(after_long_help = "\
Data tables go by their names, stored files by theirs in double quotes. Nothing can be
written, attached or fetched: one SELECT at a time, over what is stored. `-` reads the
SQL from stdin.

With --out the whole result goes to a new file; with --to alone it is stored, with a
certificate, and is in the history.

Examples:
  redline query \"SELECT city, sum(amount) FROM prices GROUP BY city\"
  redline query 'SELECT count(*) FROM \"q3.csv\"'
  redline query \"FROM prices\" --out prices.xlsx
  redline query \"FROM prices\" --to parquet --name everything
  redline --json query - < report.sql | jq '.rows[]'")]
    Query(Query),
    /// List the conversions, show one with its certificate, or do one again
    #[command(after_long_help = "\
Examples:
  redline history
  redline history --limit 5
  redline history show 12             its choices, its certificate, its command line
  redline history rerun 12")]
    History(History),
    /// List saved choices of a conversion, save some, or delete some
    #[command(after_long_help = "\
Examples:
  redline presets
  redline presets save tidy --to parquet --set names=tidy --set codec=zstd
  redline convert 57 --preset tidy
  redline presets delete tidy")]
    Presets(Presets),

    /// Back the store up to an S3 bucket
    #[command(
        subcommand_required = true,
        arg_required_else_help = true,
        after_long_help = "\
Examples:
  redline backup setup --env .env     read S3_BUCKET, S3_ACCESS_KEY … once
  redline backup plan                 what would be sent
  redline backup run
  redline backup list                 the restore points"
    )]
    Backup(Backup),
    /// Get files back from the bucket
    #[command(
        subcommand_required = true,
        arg_required_else_help = true,
        after_long_help = "\
A restore never overwrites: a file that differs here is kept beside the restored one.

Examples:
  redline restore plan
  redline restore run
  redline restore run --at ID         a restore point of `redline backup list`"
    )]
    Restore(Restore),

    /// Answer the REST API on this machine only
    #[command(after_long_help = "\
Listens on 127.0.0.1 and ::1. Requests carry a key that was signed in on this
machine: `X-License-Key`, or `Authorization: Bearer`. The API is described at
/openapi.json. Ctrl-C stops it.

Examples:
  redline serve
  redline serve --port 0 --json       any free port; the first line tells which")]
    Serve(Serve),
    /// Check that this machine has what Redline needs
    #[command(after_long_help = "Examples:\n  redline doctor\n  redline --json doctor | jq .ok")]
    Doctor,
    /// Print completions for a shell
    #[command(after_long_help = "\
Examples:
  redline completions bash > ~/.local/share/bash-completion/completions/redline
  redline completions zsh  > ~/.zfunc/_redline
  redline completions fish > ~/.config/fish/completions/redline.fish")]
    Completions(Completions),
    /// Print the manual page
    #[command(after_long_help = "\
Examples:
  redline man | man -l -
  redline man import | man -l -
  redline man --dir /usr/local/share/man/man1")]
    Man(Man),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Keep {
    /// The keyring of the operating system
    Keyring,
    /// A file behind a passphrase
    File,
    /// Nowhere: only the fact that it was signed in is remembered
    Session,
}

#[derive(Debug, Args)]
pub struct Login {
    /// Make a new free key instead of asking for one
    #[arg(long)]
    pub new: bool,
    /// What to call the profile
    #[arg(long, value_name = "LABEL")]
    pub label: Option<String>,
    /// Where to keep the key
    #[arg(long, value_enum, default_value_t = Keep::Keyring)]
    pub keep: Keep,
    /// Save the recovery kit, which holds the key, to this new file
    #[arg(long, value_name = "FILE")]
    pub kit: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct Confirm {
    /// Do not ask
    #[arg(long, short)]
    pub yes: bool,
}

#[derive(Debug, Args)]
pub struct Profiles {
    #[command(subcommand)]
    pub action: Option<ProfilesAction>,
}

#[derive(Debug, Subcommand)]
pub enum ProfilesAction {
    /// List the profiles
    List,
    /// Make a profile the current one
    Use {
        /// A name that `redline profiles` shows
        name: String,
    },
}

#[derive(Debug, Args)]
pub struct Kit {
    /// A new file, or - for stdout
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}

#[derive(Debug, Args)]
pub struct Verify {
    /// Only these files
    #[arg(value_name = "ID")]
    pub ids: Vec<i64>,
}

#[derive(Debug, Args)]
pub struct Jobs {
    #[command(subcommand)]
    pub action: Option<JobsAction>,
}

#[derive(Debug, Subcommand)]
pub enum JobsAction {
    /// List running and interrupted work
    List {
        /// What is over, too
        #[arg(long)]
        all: bool,
    },
    /// Cancel a running job
    Cancel {
        /// The ID that `redline jobs` shows
        id: String,
    },
}

#[derive(Debug, Args)]
pub struct Serve {
    /// The port to listen on; 0 takes any free one [default: as in Settings, 8080]
    #[arg(long, value_name = "PORT")]
    pub port: Option<u16>,
}

#[derive(Debug, Args)]
pub struct Completions {
    /// The shell
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}

#[derive(Debug, Args)]
pub struct Man {
    /// The page of this command
    pub command: Option<String>,
    /// Write all pages into this folder
    #[arg(long, value_name = "DIR", conflicts_with = "command")]
    pub dir: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Cli;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_shows_an_example() {
        for command in Cli::command()
            .get_subcommands()
            .filter(|c| c.get_name() != "help")
        {
            let help = command
                .get_after_long_help()
                .map(ToString::to_string)
                .unwrap_or_default();
            assert!(
                help.contains("Examples:\n  redline "),
                "`{}` has no example in its long help",
                command.get_name()
            );
        }
    }
}
