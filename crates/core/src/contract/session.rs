//! Signing in, profiles, and the settings of this machine.

use std::fmt;

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::*;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum KeyringState {
    Ready,
    Locked,
    Absent,
    Denied,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct KeyringStatus {
    pub state: KeyringState,
    /// One sentence on what the keyring is doing.
    pub detail: String,
}

/// Where a profile's key and secrets are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum KeptIn {
    Keyring,
    PassphraseFile,
    SessionOnly,
    /// Given by REDLINE_LICENSE_KEY; kept nowhere by us.
    Environment,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum Tier {
    Free,
    Standard,
    Pro,
    Enterprise,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct ProfileView {
    /// Stable short name, unique on this machine: `research-desk`.
    pub name: String,
    /// What the person calls it.
    pub label: String,
    /// `RL-0566····-····CC32`; never the key.
    pub masked_key: String,
    pub tier: Tier,
    pub kept_in: KeptIn,
    /// The storage line of the tier in bytes; null without one.
    #[ts(type = "number | null")]
    pub quota_bytes: Option<u64>,
    pub last_used_at: Option<String>,
    /// Whether this is the one signed in now.
    pub current: bool,
}

/// How a key is handed in. The key itself goes one way only: in.
#[derive(Clone, Deserialize, TS)]
#[ts(export)]
pub struct SignInRequest {
    /// The pasted key; null makes a new free one.
    pub key: Option<String>,
    pub label: Option<String>,
    pub keep: KeptIn,
    /// For `passphrase_file` only.
    pub passphrase: Option<String>,
}

impl fmt::Debug for SignInRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignInRequest")
            .field("key", &masked(&self.key))
            .field("label", &self.label)
            .field("keep", &self.keep)
            .field("passphrase", &masked(&self.passphrase))
            .finish()
    }
}

/// What opening a store found and mended; shown once, never silent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct OpenNotice {
    /// One sentence each; empty when there is nothing to say.
    pub lines: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct SessionView {
    pub profile: ProfileView,
    pub notice: OpenNotice,
    /// True right after a free key was made: offer to save the recovery kit.
    pub new_key: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct AppState {
    pub version: String,
    pub keyring: KeyringStatus,
    pub profiles: Vec<ProfileView>,
    pub session: Option<SessionView>,
    pub settings: Settings,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum Theme {
    #[default]
    System,
    Light,
    Dark,
}

/// Settings of this machine; unknown fields in the file are kept as they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(default)]
#[ts(export)]
pub struct Settings {
    pub theme: Theme,
    /// What to do with bytes that are stored already.
    pub on_duplicate: OnDuplicate,
    /// Open the last profile at start when its key can be had without asking.
    pub sign_in_at_start: bool,
    pub api_port: u16,
    /// Back up by itself after a change, once a bucket is set up.
    pub auto_backup: bool,
    /// Bytes a second that transfers with a bucket may take; null for as fast as it goes.
    #[ts(type = "number | null")]
    pub bandwidth_limit: Option<u64>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            theme: Theme::System,
            on_duplicate: OnDuplicate::Skip,
            sign_in_at_start: true,
            api_port: 8080,
            auto_backup: true,
            bandwidth_limit: None,
        }
    }
}
