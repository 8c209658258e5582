//! Encryption before sending. A random data key of the store, known to its machines and,
//! wrapped by a passphrase, to its bucket ([`key_file`]); from it a key for each content
//! ([`chunks`]), and the names that contents have in the bucket.
//!
//! The same bytes always become the same sealed bytes: a run after a kill sends only the
//! gaps, and what several files have in common lies in the bucket once. A cipher that
//! stands a nonce used twice (AES-GCM-SIV) is what makes that safe. What somebody with
//! the bucket alone learns is how many objects there are, how large, and when they came.

pub(crate) mod chunks;
pub(crate) mod key_file;
pub(crate) mod key_store;
mod places;

use std::fmt;
use std::sync::Arc;

use aes_gcm_siv::aead::Aead;
use aes_gcm_siv::{Aes256GcmSiv, KeyInit, Nonce};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use rand::TryRngCore;
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::{BackupError, Result, SecretText};
use chunks::{Opening, Sealing};
pub use key_file::KeyFile;
pub use key_store::{change_passphrase, key_files, new_data_key, unlock_data_keys};
pub(crate) use places::{Kind, Place};

/// Hex digits of a key's id.
const ID_DIGITS: usize = 16;

/// What everything of one store is sealed with. Random, never derived from the license
/// key, which a license server knows. Prints masked and is wiped.
#[derive(Clone)]
pub struct DataKey(Arc<Inner>);

#[derive(Zeroize, ZeroizeOnDrop)]
struct Inner {
    secret: [u8; 32],
    /// Derived: makes names out of hashes.
    names: [u8; 32],
    #[zeroize(skip)]
    id: String,
}

impl DataKey {
    /// # Errors
    /// [`BackupError::Io`] where the system has no randomness.
    pub fn generate() -> Result<Self> {
        let mut secret = Zeroizing::new([0u8; 32]);
        random(&mut *secret)?;
        Ok(Self::of(&secret))
    }

    fn of(secret: &[u8; 32]) -> Self {
        let id = derive(secret, b"redline data key id v1", b"");
        Self(Arc::new(Inner {
            secret: *secret,
            names: *derive(secret, b"redline names v1", b""),
            id: hex::encode(&id[..ID_DIGITS / 2]),
        }))
    }

    /// Tells one key from another, and nothing of it: 16 hex digits.
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// As a keyring keeps it.
    pub fn to_text(&self) -> SecretText {
        SecretText::from(hex::encode(self.0.secret))
    }

    /// `None` for anything that [`DataKey::to_text`] has not written.
    pub fn from_text(text: &str) -> Option<Self> {
        let mut secret = Zeroizing::new([0u8; 32]);
        hex::decode_to_slice(text.trim(), &mut *secret).ok()?;
        Some(Self::of(&secret))
    }

    /// The name that a content has in the bucket, 64 hex digits. Of another kind of
    /// content, another name: a catalog that is also a file of the store is not shown as one.
    fn name(&self, kind: &str, sha256: &str) -> String {
        // HMAC takes a key of any length, so this cannot fail.
        #[allow(clippy::unwrap_used)]
        let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(&self.0.names).unwrap();
        mac.update(kind.as_bytes());
        mac.update(b"\0");
        mac.update(sha256.as_bytes());
        hex::encode(mac.finalize().into_bytes())
    }

    /// A short text of ours, for one place (`context`) that never holds another.
    pub(crate) fn seal_text(&self, context: &str, text: &[u8]) -> Result<Vec<u8>> {
        self.text_cipher(context)
            .encrypt(&Nonce::default(), text)
            .map_err(|_| BackupError::io("seal a list", std::io::Error::other("it is too long")))
    }

    /// `None` if it was sealed with another key, for another place, or is damaged.
    pub(crate) fn open_text(&self, context: &str, sealed: &[u8]) -> Option<Vec<u8>> {
        self.text_cipher(context)
            .decrypt(&Nonce::default(), sealed)
            .ok()
    }

    fn text_cipher(&self, context: &str) -> Aes256GcmSiv {
        let key = derive(&self.0.secret, b"redline text v1", context.as_bytes());
        Aes256GcmSiv::new((&*key).into())
    }
}

impl PartialEq for DataKey {
    fn eq(&self, other: &Self) -> bool {
        self.id() == other.id()
    }
}

impl Eq for DataKey {}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DataKey({}, [masked])", self.id())
    }
}

/// The data keys that a machine has of a store. One, but where two machines switched
/// encryption on before they met.
#[derive(Clone, Debug, Default)]
pub struct DataKeys {
    /// The first seals; all of them open.
    pub keys: Vec<DataKey>,
    /// The first one, wrapped: a bucket that does not have it gets it before anything
    /// that it seals.
    pub wrapped: Option<KeyFile>,
}

impl DataKeys {
    pub(crate) fn current(&self) -> Option<&DataKey> {
        self.keys.first()
    }

    pub(crate) fn get(&self, id: &str) -> Option<&DataKey> {
        self.keys.iter().find(|key| key.id() == id)
    }
}

/// One content's own key.
#[derive(Clone)]
pub(crate) struct ObjectSeal {
    key: DataKey,
    sha256: String,
    /// Of the content itself.
    size: u64,
}

impl ObjectSeal {
    pub(crate) fn key_id(&self) -> &str {
        self.key.id()
    }

    fn cipher(&self) -> Aes256GcmSiv {
        let key = derive(
            &self.key.0.secret,
            b"redline object v1",
            self.sha256.as_bytes(),
        );
        Aes256GcmSiv::new((&*key).into())
    }

    /// From the content's first byte on.
    pub(crate) fn sealing(&self) -> Sealing {
        Sealing::new(self.cipher(), self.size)
    }

    /// A content that is in memory.
    pub(crate) fn seal_whole(&self, content: Vec<u8>) -> Vec<u8> {
        let (mut at, length) = (0, chunks::sealed_size(self.size));
        let sealed = self.sealing().take(length as usize, |length| {
            at += length;
            Ok::<_, std::convert::Infallible>(content[at - length..at].to_vec())
        });
        match sealed {
            Ok(sealed) => sealed,
            Err(never) => match never {},
        }
    }

    /// From the chunk on that has byte `from` of the content.
    pub(crate) fn opening(&self, from: u64) -> Opening {
        Opening::new(self.cipher(), self.size, from)
    }
}

impl fmt::Debug for ObjectSeal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ObjectSeal({})", self.key_id())
    }
}

fn derive(secret: &[u8; 32], label: &[u8], context: &[u8]) -> Zeroizing<[u8; 32]> {
    let mut out = Zeroizing::new([0u8; 32]);
    let kdf = Hkdf::<Sha256>::new(None, secret);
    if kdf
        .expand_multi_info(&[label, b"\0", context], &mut *out)
        .is_err()
    {
        // HKDF-SHA256 refuses only more than 8,160 bytes.
        unreachable!("32 bytes are within what HKDF can give");
    }
    out
}

fn random(into: &mut [u8]) -> Result<()> {
    rand::rngs::OsRng.try_fill_bytes(into).map_err(|_| {
        BackupError::io(
            "make a key",
            std::io::Error::other("the system has no randomness"),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_comes_back_from_its_text_and_prints_nothing_of_it() {
        let key = DataKey::generate().unwrap();
        let text = key.to_text();
        let back = DataKey::from_text(text.expose()).unwrap();
        assert_eq!((key.id(), key.0.secret), (back.id(), back.0.secret));
        assert_ne!(key.id(), DataKey::generate().unwrap().id());
        let shown = format!("{key:?} {text:?}");
        assert!(!shown.contains(text.expose()), "{shown}");
        assert!(!text.expose().contains(key.id()));
        assert!(DataKey::from_text("abc").is_none());
    }

    #[test]
    fn names_tell_nothing_and_are_each_kinds_own() {
        let (a, b) = (DataKey::of(&[1; 32]), DataKey::of(&[2; 32]));
        let hash = "ab".repeat(32);
        let name = a.name("object", &hash);
        assert_eq!(name, DataKey::of(&[1; 32]).name("object", &hash));
        assert!(crate::names::is_sha256(&name) && name != hash);
        assert_ne!(name, a.name("catalog", &hash));
        assert_ne!(name, b.name("object", &hash));
    }

    #[test]
    fn a_text_opens_in_its_place_only() {
        let key = DataKey::of(&[1; 32]);
        let mut sealed = key.seal_text("point 1", b"names").unwrap();
        assert_eq!(key.open_text("point 1", &sealed).unwrap(), b"names");
        assert!(key.open_text("point 2", &sealed).is_none());
        assert!(
            DataKey::of(&[2; 32])
                .open_text("point 1", &sealed)
                .is_none()
        );
        sealed[0] ^= 1;
        assert!(key.open_text("point 1", &sealed).is_none());
    }
}
