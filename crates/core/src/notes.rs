//! What is remembered of a store's backups, in a small file beside the catalog: writing
//! it into the catalog would make the catalog look changed after every backup.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::contract::{CheckKind, CheckNote, CheckSchedule, FreeRule, KeepRules};
use crate::encryption::Noted;
use crate::error::CoreError;
use crate::fsx::Durability;
use crate::kept::Kept;
use crate::session::Session;

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Notes {
    pub(crate) last_backup_at: Option<String>,
    /// When a restore, a deep check or a drill from the bucket last went well.
    pub(crate) last_proven_at: Option<String>,
    pub(crate) schedule: CheckSchedule,
    /// The newest of each kind.
    pub(crate) checks: Vec<CheckNote>,
    /// When a check that was due could not be made (offline, say), by kind.
    pub(crate) tried_at: Vec<(CheckKind, String)>,
    /// Contents (SHA-256) that a check found missing or damaged in the bucket: the next
    /// backup sends them again.
    pub(crate) damaged: BTreeSet<String>,
    pub(crate) retention: Option<KeepRules>,
    pub(crate) retention_ran_at: Option<String>,
    pub(crate) free_rule: Option<FreeRule>,
    pub(crate) encryption: Option<Noted>,
}

impl Notes {
    pub(crate) fn note_check(&mut self, note: CheckNote) {
        self.tried_at.retain(|(kind, _)| *kind != note.kind);
        self.checks.retain(|other| other.kind != note.kind);
        self.checks.push(note);
        self.checks.sort_by(|a, b| b.at.cmp(&a.at));
    }
}

impl Session {
    fn kept_notes(&self) -> Kept {
        Kept::new(
            &self.settings_dir(),
            "backup.json",
            Durability::Whole,
            "the notes of the backup",
        )
    }

    pub(crate) fn backup_notes(&self) -> Notes {
        self.kept_notes().read()
    }

    /// What is noted is never worth failing the work that it is about.
    pub(crate) fn note(&self, change: impl FnOnce(&mut Notes)) {
        if let Err(error) = self.change_notes(change) {
            tracing::warn!(code = ?error.code(), "a note about the backup could not be kept");
        }
    }

    /// As [`Session::note`], where keeping it is the point.
    pub(crate) fn change_notes(&self, change: impl FnOnce(&mut Notes)) -> Result<(), CoreError> {
        self.kept_notes().update(|notes: &mut Notes| {
            change(notes);
            Ok(())
        })
    }
}
