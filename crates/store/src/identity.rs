//! Whose store it is: the SHA-256 of a license key, never the key itself.

use sha2::{Digest, Sha256};
use std::fmt;

/// The SHA-256 of a license key's canonical text.
///
/// Its first 16 hex digits name the store's folder; all 64 are kept in the
/// catalog and compared at every open, so a copied folder or a collision of the
/// short name is refused.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Identity([u8; 32]);

impl Identity {
    pub fn of_key(key: &str) -> Self {
        Self(Sha256::digest(key.as_bytes()).into())
    }

    /// 16 lower-case hex digits.
    pub fn folder_name(&self) -> String {
        hex::encode(&self.0[..8])
    }

    pub(crate) fn full_hex(&self) -> String {
        hex::encode(self.0)
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({}…)", &self.folder_name()[..4])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_is_the_first_sixteen_hex_digits_of_the_keys_sha256() {
        // printf %s RL-AAAAAAAA-BBBBBBBB-CCCCCCCC | sha256sum
        let id = Identity::of_key("RL-AAAAAAAA-BBBBBBBB-CCCCCCCC");
        assert_eq!(id.folder_name(), &id.full_hex()[..16]);
        assert_eq!(
            Identity::of_key("abc").full_hex(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn printing_shows_too_little_to_find_the_folder() {
        assert!(format!("{:?}", Identity::of_key("abc")).len() < 20);
    }
}
