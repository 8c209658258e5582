//! One profile: what is known of a signed-in key, and what may be written of it. Never the
//! key itself.

use serde::{Deserialize, Serialize};

use super::ProfileError;
use crate::{KeptIn, LicenseKey, Tier};

const LONGEST_NAME: usize = 48;

/// One signed-in key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    /// Unique on this machine, and what `--profile` takes: `research-desk`.
    pub name: String,
    /// As the person wrote it: `Research desk`.
    pub label: String,
    /// [`LicenseKey::masked`]; anything that reads as a whole key is refused.
    pub masked_key: String,
    /// The store's folder name: 16 lower-case hex digits.
    pub store_hash: String,
    pub tier: Tier,
    pub kept_in: KeptIn,
    /// RFC 3339, UTC.
    pub created_at: String,
    /// RFC 3339, UTC.
    pub last_used_at: String,
    /// The bucket's settings, as core writes them. No secret belongs here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup: Option<serde_json::Value>,
}

/// Whether the profile may be written: a name, a store, and nothing secret in sight.
pub(super) fn check(profile: &Profile) -> Result<(), ProfileError> {
    let name = &profile.name;
    if name.is_empty() || name.len() > LONGEST_NAME + 8 || *name != slug_of_any_length(name) {
        return Err(ProfileError::BadName { name: name.clone() });
    }
    let incomplete = |what| {
        Err(ProfileError::Incomplete {
            name: name.clone(),
            what,
        })
    };
    let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    if profile.store_hash.len() != 16 || !profile.store_hash.bytes().all(hex) {
        return incomplete("its store is not 16 hex digits");
    }
    // A caller's slip must not write a key into a plain file.
    if [&profile.masked_key, &profile.label]
        .into_iter()
        .any(|text| LicenseKey::parse(text).is_ok())
    {
        return incomplete("a whole license key stands where a masked one or a label belongs");
    }
    Ok(())
}

/// A name made of a label, without regard to who has it already.
pub(super) fn slug(label: &str) -> String {
    let mut name = slug_of_any_length(label);
    name.truncate(LONGEST_NAME);
    let name = name.trim_end_matches('-');
    // A label that is a key, or has nothing to make a name of.
    if name.is_empty() || LicenseKey::parse(label).is_ok() {
        return "profile".to_owned();
    }
    name.to_owned()
}

/// Lower-case ASCII letters and digits, with one dash for everything between.
fn slug_of_any_length(text: &str) -> String {
    let mut name = String::new();
    for c in text.chars() {
        if c.is_ascii_alphanumeric() {
            name.push(c.to_ascii_lowercase());
        } else if !name.is_empty() && !name.ends_with('-') {
            name.push('-');
        }
    }
    name.truncate(name.trim_end_matches('-').len());
    name
}
