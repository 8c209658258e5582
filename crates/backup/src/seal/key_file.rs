//! A data key that a passphrase opens, as it lies in the bucket: a small JSON object,
//! signed like a restore point, so that nobody with the bucket alone can put another in
//! its place. What it asks of this machine (memory, time) is bounded all the same.

use aes_gcm_siv::aead::{Aead, Payload};
use aes_gcm_siv::{Aes256GcmSiv, KeyInit, Nonce};
use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

use super::{DataKey, random};
use crate::{BackupError, ManifestKey, Result, SecretText};

const FORMAT: &str = "redline-key";
const VERSION: u32 = 1;
/// A file of ours has under 1 KiB.
pub(crate) const MAX_KEY_FILE: u64 = 16 << 10;

/// What a passphrase costs to try: 64 MiB and three passes, about a quarter of a second.
const MEMORY_KIB: u32 = 64 << 10;
const PASSES: u32 = 3;
/// More is not ours: memory in KiB, passes, lanes.
const MOST: (u32, u32, u32) = (512 << 10, 16, 8);

/// A wrapped data key. Nothing in it is secret to who does not have the passphrase; who
/// has it can try passphrases.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyFile {
    format: String,
    version: u32,
    /// The store's hash.
    store: String,
    /// The data key's id.
    key: String,
    kdf: Kdf,
    /// Base64, like the two after it.
    salt: String,
    nonce: String,
    sealed: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Kdf {
    algorithm: String,
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

#[derive(Serialize, Deserialize)]
struct Envelope {
    hmac: String,
    key_file: String,
}

impl KeyFile {
    /// Takes about a quarter of a second.
    pub(crate) fn wrap(key: &DataKey, passphrase: &SecretText, store: &str) -> Result<Self> {
        let (mut salt, mut nonce) = ([0u8; 16], [0u8; 12]);
        random(&mut salt)?;
        random(&mut nonce)?;
        let mut file = Self {
            format: FORMAT.to_owned(),
            version: VERSION,
            store: store.to_owned(),
            key: key.id().to_owned(),
            kdf: Kdf {
                algorithm: "argon2id".to_owned(),
                memory_kib: MEMORY_KIB,
                passes: PASSES,
                lanes: 1,
            },
            salt: BASE64.encode(salt),
            nonce: BASE64.encode(nonce),
            sealed: String::new(),
        };
        let about = file.about();
        let payload = Payload {
            msg: &key.0.secret,
            aad: about.as_bytes(),
        };
        let sealed = file
            .cipher(passphrase, &salt)
            .ok_or_else(damaged)?
            .encrypt(&Nonce::from(nonce), payload)
            .map_err(|_| damaged())?;
        file.sealed = BASE64.encode(sealed);
        Ok(file)
    }

    /// The data key's id.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Takes as long as wrapping it took.
    ///
    /// # Errors
    /// [`BackupError::WrongPassphrase`]; [`BackupError::TooNew`] and
    /// [`BackupError::Damaged`] for a file that is not to be tried at all.
    pub(crate) fn unwrap_key(&self, passphrase: &SecretText) -> Result<DataKey> {
        self.check()?;
        let bytes = |text: &str| BASE64.decode(text).map_err(|_| damaged());
        let salt = bytes(&self.salt)?;
        let nonce: [u8; 12] = bytes(&self.nonce)?.try_into().map_err(|_| damaged())?;
        let sealed = bytes(&self.sealed)?;
        let about = self.about();
        let payload = Payload {
            msg: &sealed,
            aad: about.as_bytes(),
        };
        let opened = self
            .cipher(passphrase, &salt)
            .ok_or_else(damaged)?
            .decrypt(&Nonce::from(nonce), payload)
            .map(Zeroizing::new)
            .map_err(|_| BackupError::WrongPassphrase)?;
        let mut secret = Zeroizing::new([0u8; 32]);
        if opened.len() != secret.len() {
            return Err(damaged());
        }
        secret.copy_from_slice(&opened);
        let key = DataKey::of(&secret);
        if key.id() == self.key {
            Ok(key)
        } else {
            Err(damaged())
        }
    }

    /// What a bucket says is tried only within bounds: it could ask for all memory there is.
    fn check(&self) -> Result<()> {
        if self.version > VERSION {
            return Err(BackupError::TooNew {
                what: WHAT.to_owned(),
                version: self.version,
            });
        }
        let kdf = &self.kdf;
        let within = kdf.memory_kib <= MOST.0 && kdf.passes <= MOST.1 && kdf.lanes <= MOST.2;
        if self.format == FORMAT && kdf.algorithm == "argon2id" && within {
            Ok(())
        } else {
            Err(damaged())
        }
    }

    /// What the sealed key is bound to.
    fn about(&self) -> String {
        format!("{FORMAT} v{VERSION}|{}|{}", self.store, self.key)
    }

    /// `None` for parameters that Argon2 does not take.
    fn cipher(&self, passphrase: &SecretText, salt: &[u8]) -> Option<Aes256GcmSiv> {
        // The same letters, however a keyboard or a clipboard put them together.
        let text: Zeroizing<String> = Zeroizing::new(passphrase.expose().nfc().collect());
        let mut key = Zeroizing::new([0u8; 32]);
        let Kdf {
            memory_kib,
            passes,
            lanes,
            ..
        } = self.kdf;
        let params = Params::new(memory_kib, passes, lanes, Some(key.len())).ok()?;
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(text.as_bytes(), salt, &mut *key)
            .ok()?;
        Some(Aes256GcmSiv::new((&*key).into()))
    }

    /// As it lies in the bucket under `name`.
    pub(crate) fn encode(&self, name: &str, key: &ManifestKey) -> Result<Vec<u8>> {
        let encode =
            |e: serde_json::Error| BackupError::io("write the key", std::io::Error::other(e));
        let text = serde_json::to_string(self).map_err(encode)?;
        serde_json::to_vec(&Envelope {
            hmac: key.sign(&signed_as(name), text.as_bytes()),
            key_file: text,
        })
        .map_err(encode)
    }

    /// `None` for anything that this store's license key has not signed under this name.
    pub(crate) fn decode(name: &str, bytes: &[u8], key: &ManifestKey, store: &str) -> Option<Self> {
        let envelope: Envelope = serde_json::from_slice(bytes).ok()?;
        if !key.accepts(
            &signed_as(name),
            envelope.key_file.as_bytes(),
            &envelope.hmac,
        ) {
            return None;
        }
        let file: Self = serde_json::from_str(&envelope.key_file).ok()?;
        (file.store == store).then_some(file)
    }
}

/// Nothing that is signed for another use has such a name.
fn signed_as(name: &str) -> String {
    format!("key/{name}")
}

const WHAT: &str = "The backup's wrapped key";

fn damaged() -> BackupError {
    BackupError::Damaged {
        what: WHAT.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STORE: &str = "0123456789abcdef";

    fn text(text: &str) -> SecretText {
        SecretText::from(text)
    }

    #[test]
    fn a_passphrase_opens_what_it_wrapped_and_no_other_does() {
        let key = DataKey::generate().unwrap();
        let file = KeyFile::wrap(&key, &text("caf\u{e9} au lait"), STORE).unwrap();
        let back = file.unwrap_key(&text("cafe\u{301} au lait")).unwrap();
        assert_eq!(back.0.secret, key.0.secret, "composed or decomposed");
        assert!(matches!(
            file.unwrap_key(&text("Caf\u{e9} au lait")),
            Err(BackupError::WrongPassphrase)
        ));
        let said = serde_json::to_string(&file).unwrap();
        assert!(!said.contains(key.to_text().expose()), "{said}");
        let again = KeyFile::wrap(&key, &text("caf\u{e9} au lait"), STORE).unwrap();
        assert_ne!((&file.salt, &file.sealed), (&again.salt, &again.sealed));
    }

    #[test]
    fn what_asks_for_too_much_or_is_damaged_is_not_tried() {
        let key = DataKey::generate().unwrap();
        let file = KeyFile::wrap(&key, &text("four plain words"), STORE).unwrap();
        let try_it = |change: &dyn Fn(&mut KeyFile)| {
            let mut file = file.clone();
            change(&mut file);
            let begun = std::time::Instant::now();
            let error = file.unwrap_key(&text("four plain words")).unwrap_err();
            (error, begun.elapsed())
        };
        let huge: [&dyn Fn(&mut KeyFile); 4] = [
            &|f| f.kdf.memory_kib = 64 << 20,
            &|f| f.kdf.passes = u32::MAX,
            &|f| f.kdf.lanes = 1 << 20,
            &|f| f.kdf.algorithm = "none".into(),
        ];
        for change in huge {
            let (error, took) = try_it(change);
            assert!(matches!(error, BackupError::Damaged { .. }), "{error}");
            assert!(took.as_millis() < 50, "nothing was tried");
        }
        assert!(matches!(
            try_it(&|f| f.version = 2).0,
            BackupError::TooNew { version: 2, .. }
        ));
        for change in [
            &(|f: &mut KeyFile| f.salt = "?".into()) as &dyn Fn(&mut KeyFile),
            &|f| f.nonce.clear(),
            &|f| f.sealed = "????".into(),
            &|f| f.kdf.memory_kib = 0,
        ] {
            let error = try_it(change).0;
            assert!(matches!(error, BackupError::Damaged { .. }), "{error}");
        }
        assert!(
            matches!(
                try_it(&|f| f.store = "fedcba9876543210".into()).0,
                BackupError::WrongPassphrase
            ),
            "another store's"
        );
    }

    #[test]
    fn only_the_license_key_of_the_store_makes_one() {
        let key = DataKey::generate().unwrap();
        let file = KeyFile::wrap(&key, &text("four plain words"), STORE).unwrap();
        let (ours, theirs) = (ManifestKey::new([1; 32]), ManifestKey::new([2; 32]));
        let bytes = file.encode("a", &ours).unwrap();
        assert!((bytes.len() as u64) < MAX_KEY_FILE);
        assert_eq!(KeyFile::decode("a", &bytes, &ours, STORE), Some(file));
        assert_eq!(KeyFile::decode("a", &bytes, &theirs, STORE), None);
        assert_eq!(KeyFile::decode("b", &bytes, &ours, STORE), None);
        assert_eq!(
            KeyFile::decode("a", &bytes, &ours, "fedcba9876543210"),
            None
        );
        assert_eq!(KeyFile::decode("a", b"{}", &ours, STORE), None);
    }
}
