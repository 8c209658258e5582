//! What a store could not do, in words.

use redline_store::StoreError;

use super::{Code, CoreError};
use crate::text;

/// What was being done to the file that an error names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Doing {
    Storing,
    Copying,
    Checking,
    Restoring,
}

impl Doing {
    fn to(self, name: &str) -> String {
        let what = if is_phrase(name) {
            name.to_owned()
        } else {
            format!("\"{name}\"")
        };
        match self {
            // The store's own things are not what is stored.
            Self::Storing if is_phrase(name) => format!("Could not write {what}"),
            Self::Storing => format!("Could not store {what}"),
            Self::Copying => format!("Could not save a copy of {what}"),
            Self::Checking => format!("Could not check {what}"),
            Self::Restoring => format!("Could not restore {what}"),
        }
    }
}

impl From<StoreError> for CoreError {
    fn from(error: StoreError) -> Self {
        store_error(error, Doing::Storing)
    }
}

pub(crate) fn store_error(error: StoreError, doing: Doing) -> CoreError {
    match error {
        StoreError::Busy { pid, holder } => {
            let holder = if holder.is_empty() {
                "another program"
            } else {
                &holder
            };
            let process = pid
                .map(|pid| format!(" (process {pid})"))
                .unwrap_or_default();
            CoreError::new(
                Code::StoreBusy,
                format!("The store is in use by {holder}{process}."),
                "Try again in a moment, or close the other program.",
            )
        }
        StoreError::NoStore => CoreError::new(
            Code::NotSignedInHere,
            "This license key was never signed in on this machine.",
            "Sign in with it in the window, or with `redline login`.",
        ),
        StoreError::WrongOwner => CoreError::new(
            Code::KeyRefused,
            "The folder of this store belongs to another license key.",
            "Sign in with the key that made it, or move the folder away.",
        ),
        StoreError::Gone => CoreError::new(
            Code::NotSignedInHere,
            "The store is not there any more: it was deleted on this machine.",
            "Sign in again to begin a new one; what was backed up can be restored into it.",
        ),
        StoreError::NotFound => CoreError::new(
            Code::NotFound,
            "There is no such file in this store.",
            "It may have been deleted; the list shows what there is.",
        ),
        StoreError::DiskFull { name, needed, free } => {
            let hint = match doing {
                Doing::Copying => "Free some space there, or choose another folder.",
                _ => super::FREE_SPACE,
            };
            let amounts = match needed {
                // Not known where the disk filled up under the work.
                0 => String::new(),
                _ => format!(
                    " (needs {}, {} free)",
                    text::bytes(needed),
                    text::bytes(free)
                ),
            };
            let what = if name.starts_with(COULD_NOT) {
                text::sentence(&name)
            } else {
                doing.to(&name)
            };
            CoreError::new(
                Code::DiskFull,
                format!("{what}: the disk is full{amounts}."),
                hint,
            )
        }
        StoreError::ReadOnly { what } => CoreError::new(
            Code::ReadOnly,
            format!("{} cannot be written to.", subject(&what)),
            "Check the permissions of the folder and of its disk.",
        ),
        StoreError::SourceVanished { name } if doing == Doing::Storing => CoreError::new(
            Code::SourceVanished,
            format!("{}: there is nothing at this path.", doing.to(&name)),
            "Check the path; if it was moved, add it from its new place.",
        ),
        StoreError::SourceVanished { name } => CoreError::new(
            Code::SourceVanished,
            format!("{}: it is not there any more.", doing.to(&name)),
            "If it was moved, add it from its new place.",
        ),
        StoreError::SourceChanged { name } => CoreError::new(
            Code::SourceChanged,
            format!("{}: it changed while it was read.", doing.to(&name)),
            "Try again once the program that writes it is done.",
        ),
        StoreError::SourceUnreadable { name, detail } => CoreError::new(
            Code::Unreadable,
            format!(
                "{}: it cannot be read ({}).",
                doing.to(&name),
                bare(&detail)
            ),
            "Check that you may read it, and that its disk is connected.",
        ),
        StoreError::NotAFile { name, kind } => CoreError::new(
            Code::Unsupported,
            format!("{}: it is {kind}, not a file.", doing.to(&name)),
            "Only files and folders can be stored.",
        ),
        StoreError::PartOfAStore { name } if doing == Doing::Copying => CoreError::new(
            Code::Unsupported,
            format!("Could not save a copy in \"{name}\": it is part of a store."),
            "Choose a folder outside the stores.",
        ),
        StoreError::PartOfAStore { name } => CoreError::new(
            Code::Unsupported,
            format!("{}: it is part of a store.", doing.to(&name)),
            "Copies of stored files come from an export, those of a whole store from a backup.",
        ),
        StoreError::BadName { name, why } => CoreError::new(
            Code::BadName,
            format!("\"{name}\" cannot be a name: {why}."),
            "Rename it and try again.",
        ),
        StoreError::DestExists { name } => CoreError::new(
            Code::AlreadyExists,
            format!("\"{name}\" exists already; nothing was overwritten."),
            "Choose another name or folder.",
        ),
        StoreError::NoFolder { name } => CoreError::new(
            Code::SourceVanished,
            format!("There is no folder \"{name}\" to save in."),
            "Make it first, or choose another.",
        ),
        StoreError::Damaged { what, detail } if what == "the catalog" => CoreError::new(
            Code::Damaged,
            format!("The catalog of the store is damaged: {}.", bare(&detail)),
            "Nothing was deleted, and the files are as they were. `redline doctor` names what is damaged. With user_data.duckdb moved \
             out of the store's folder it is made anew from the files; a restore brings the history back.",
        ),
        StoreError::Damaged { what, detail } => CoreError::new(
            Code::Damaged,
            format!("{} is damaged: {}.", subject(&what), bare(&detail)),
            "Nothing was deleted. Run `redline verify`, and restore from the backup what it names.",
        ),
        StoreError::LinkInStore { name } => CoreError::new(
            Code::Unreadable,
            format!("\"{name}\" in the store is a link, and links there are not followed."),
            "Remove the link, or put the file itself in its place.",
        ),
        StoreError::Cancelled => cancelled(),
        StoreError::TooNew { found, known } => CoreError::new(
            Code::TooNew,
            format!(
                "The store was written by a newer Redline (schema {found}; this one knows {known})."
            ),
            "Update Redline on this machine.",
        ),
        StoreError::Io { what, source } => CoreError::new(
            super::from_license::io_code(&source),
            format!(
                "{}: {}.",
                if what.starts_with(COULD_NOT) {
                    text::sentence(&what)
                } else {
                    format!("{} could not be used", subject(&what))
                },
                bare(&source.to_string())
            ),
            "Check the disk and the permissions of the data folder, then try again.",
        ),
        StoreError::Catalog { what, detail } => CoreError::new(
            Code::Internal,
            format!(
                "The catalog of the store failed: {what} ({}).",
                bare(&detail)
            ),
            "Try again; `redline doctor` shows the state of the store.",
        ),
    }
}

pub(crate) fn cancelled() -> CoreError {
    CoreError::new(
        Code::Cancelled,
        "Cancelled.",
        "What was done until then is kept.",
    )
}

/// A detail in the middle of a sentence: one line, no full stop of its own.
pub(super) fn bare(detail: &str) -> String {
    let line = text::plain(detail.lines().next().unwrap_or_default());
    line.trim().trim_end_matches('.').to_owned()
}

const COULD_NOT: &str = "could not ";

/// Whether the store wrote this itself (`the catalog`), or it is a file's name.
fn is_phrase(what: &str) -> bool {
    let own = ["the ", "a "].iter().any(|lead| what.starts_with(lead));
    // A name inside such a phrase is quoted; `the sums.csv` is a name.
    own && (what.contains('"') || !what.contains('.'))
}

/// At the beginning of a sentence. A name stays as it is, in quotes.
fn subject(what: &str) -> String {
    if is_phrase(what) {
        text::sentence(what)
    } else {
        format!("\"{what}\"")
    }
}
