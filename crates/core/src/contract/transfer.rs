//! Transfers to and from the bucket: what holds them back.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::*;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct TransferView {
    /// Backups begin by themselves after a change; the switch is in the settings.
    pub automatic: bool,
    pub paused: bool,
    /// Bytes a second, both directions together; null for as fast as it goes.
    #[ts(type = "number | null")]
    pub bandwidth_limit: Option<u64>,
    /// Why the last automatic backup did not go through; null when it did.
    pub problem: Option<ErrorReport>,
    /// When the next one is tried; null when none waits.
    pub next_at: Option<String>,
}
