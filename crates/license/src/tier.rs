//! What a key pays for. Never enforces anything: an over-quota user can always read,
//! export, restore and delete.

use serde::{Deserialize, Serialize};

/// 1 GB as S3 providers and disk makers count it.
const GB: u64 = 1_000_000_000;

/// A license's tier. Keys made here are Free; a pasted key counts as Standard until a license
/// server says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    Free,
    Standard,
    Pro,
    Enterprise,
}

impl Tier {
    pub fn label(self) -> &'static str {
        match self {
            Self::Free => "Free",
            Self::Standard => "Standard",
            Self::Pro => "Pro",
            Self::Enterprise => "Enterprise",
        }
    }

    /// How many bytes a store of this tier may hold; `None` is no limit.
    pub fn quota_bytes(self) -> Option<u64> {
        match self {
            Self::Free => Some(5 * GB),
            Self::Standard => Some(10 * GB),
            Self::Pro => Some(100 * GB),
            Self::Enterprise => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn higher_tiers_hold_more() {
        let tiers = [Tier::Free, Tier::Standard, Tier::Pro, Tier::Enterprise];
        let quotas = tiers.map(|tier| tier.quota_bytes().unwrap_or(u64::MAX));
        assert!(quotas.is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn written_in_snake_case() {
        assert_eq!(
            serde_json::to_string(&Tier::Enterprise).unwrap(),
            "\"enterprise\""
        );
        assert_eq!(
            serde_json::from_str::<Tier>("\"free\"").unwrap(),
            Tier::Free
        );
    }
}
