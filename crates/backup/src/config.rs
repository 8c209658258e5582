//! What is needed to reach a bucket, and how hard to work it. Secrets in here
//! print masked and are wiped from memory when dropped.

use std::fmt;
use std::time::{Duration, SystemTime};

use hmac::{Hmac, Mac};
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::retry::RetryPolicy;
use crate::{BackupError, Result};

/// A secret string. `Debug` prints it masked; there is no `Display`.
#[derive(Clone, Default, Zeroize, ZeroizeOnDrop)]
pub struct SecretText(String);

impl SecretText {
    /// The secret itself: for the signer, never for a message or a log.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for SecretText {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for SecretText {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[masked]")
    }
}

/// Encryption at rest by the server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ServerEncryption {
    /// As the bucket is set.
    #[default]
    BucketDefault,
    SseS3,
    /// Without a key the account's own for S3.
    SseKms {
        key_id: Option<String>,
    },
}

/// Where one store's backup lives.
#[derive(Clone, Debug)]
pub struct BucketConfig {
    pub bucket: String,
    pub region: String,
    /// `None` for AWS itself; otherwise `http(s)://host[:port]`.
    pub endpoint_url: Option<String>,
    pub access_key: SecretText,
    pub secret_key: SecretText,
    /// Of temporary keys.
    pub session_token: Option<SecretText>,
    /// When they end, where that is known.
    pub keys_expire_at: Option<SystemTime>,
    /// The store's hash: 16 lower-case hex digits. Everything of ours is under `users/{prefix_hash}/`.
    pub prefix_hash: String,
    /// `https://host/bucket/key` rather than `https://bucket.host/key`.
    pub path_style: bool,
    pub encryption: ServerEncryption,
}

impl BucketConfig {
    /// Path style is on where an endpoint is given: most servers that are not AWS want it.
    pub fn new(
        bucket: impl Into<String>,
        region: impl Into<String>,
        endpoint_url: Option<String>,
        access_key: impl Into<SecretText>,
        secret_key: impl Into<SecretText>,
        prefix_hash: impl Into<String>,
    ) -> Self {
        let path_style = endpoint_url.is_some();
        Self {
            bucket: bucket.into(),
            region: region.into(),
            endpoint_url,
            access_key: access_key.into(),
            secret_key: secret_key.into(),
            session_token: None,
            keys_expire_at: None,
            prefix_hash: prefix_hash.into(),
            path_style,
            encryption: ServerEncryption::default(),
        }
    }

    pub(crate) fn check(&self) -> Result<()> {
        let bad = |what: &str| {
            Err(BackupError::BadConfig {
                what: what.to_owned(),
            })
        };
        if self.bucket.is_empty() || self.bucket.contains(['/', ' ', '\\', '\0']) {
            return bad("the bucket name is empty or has a space or a slash in it");
        }
        if self.region.trim().is_empty() {
            return bad(
                "the region is empty (\"auto\" or \"us-east-1\" suits most servers that are not AWS)",
            );
        }
        if self.access_key.expose().is_empty() || self.secret_key.expose().is_empty() {
            return bad("the access key or the secret key is empty");
        }
        if let Some(url) = &self.endpoint_url
            && !(url.starts_with("http://") || url.starts_with("https://"))
        {
            return bad("the endpoint does not start with http:// or https://");
        }
        let hash = &self.prefix_hash;
        if hash.len() != 16 || !hash.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return bad("the store's hash is not 16 hex digits");
        }
        Ok(())
    }

    /// Whether requests cross a network without TLS. What stays on this machine does not.
    pub(crate) fn in_the_clear(&self) -> bool {
        let Some(rest) = self
            .endpoint_url
            .as_deref()
            .and_then(|url| url.strip_prefix("http://"))
        else {
            return false;
        };
        let authority = rest.split('/').next().unwrap_or(rest);
        let host = match authority.strip_prefix('[') {
            Some(v6) => v6.split(']').next().unwrap_or(v6),
            None => authority.split(':').next().unwrap_or(authority),
        };
        let here = host == "localhost"
            || host
                .parse::<std::net::IpAddr>()
                .is_ok_and(|address| address.is_loopback());
        // What stands before an @ is a user's name, not a host.
        !here || authority.contains('@')
    }

    /// For messages: the endpoint, or AWS with its region.
    pub(crate) fn endpoint_name(&self) -> String {
        match &self.endpoint_url {
            Some(url) => url.clone(),
            None => format!("AWS S3 ({})", self.region),
        }
    }
}

/// Authenticates manifests (HMAC-SHA-256). Derived from the license key by the
/// caller; wiped on drop.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct ManifestKey([u8; 32]);

impl ManifestKey {
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Over the restore point's name as well as its body, so that an old
    /// manifest copied under a newer name is refused.
    fn mac(&self, id: &str, body: &[u8]) -> Hmac<Sha256> {
        // HMAC takes a key of any length, so this cannot fail.
        #[allow(clippy::unwrap_used)]
        let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(&self.0).unwrap();
        mac.update(b"redline manifest v1\0");
        mac.update(id.as_bytes());
        mac.update(b"\0");
        mac.update(body);
        mac
    }

    pub(crate) fn sign(&self, id: &str, body: &[u8]) -> String {
        hex::encode(self.mac(id, body).finalize().into_bytes())
    }

    /// In constant time.
    pub(crate) fn accepts(&self, id: &str, body: &[u8], hmac_hex: &str) -> bool {
        match hex::decode(hmac_hex) {
            Ok(tag) => self.mac(id, body).verify_slice(&tag).is_ok(),
            Err(_) => false,
        }
    }
}

impl From<[u8; 32]> for ManifestKey {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for ManifestKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ManifestKey([masked])")
    }
}

/// How hard to work the line and the memory. The defaults suit a desktop.
#[derive(Clone, Debug)]
pub struct Tuning {
    /// Bytes of parts held in memory at once, over all files.
    pub byte_budget: u64,
    /// The smallest part, and the largest single PUT. S3 takes no part under 5 MiB but the last.
    pub min_part: u64,
    /// Parts of one upload at most; larger files get larger parts. S3 takes 10,000.
    pub most_parts: u64,
    /// Requests in flight at most; it starts lower, grows while it helps and halves on SlowDown.
    pub max_requests: usize,
    /// A request on which nothing moved for this long (and what its bytes in the
    /// socket need on top) is ended and tried again.
    pub stall_after: Duration,
    pub retry: RetryPolicy,
    /// Tells how long a run has taken, a sleep of the machine included.
    pub clock: fn() -> jiff::Timestamp,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            byte_budget: 160 << 20,
            min_part: 16 << 20,
            most_parts: 9_000,
            max_requests: 256,
            stall_after: Duration::from_secs(30),
            retry: RetryPolicy::default(),
            clock: jiff::Timestamp::now,
        }
    }
}

impl Tuning {
    /// Parts of one constant size, so that every server takes them (R2 insists),
    /// and never over [`Tuning::most_parts`].
    pub(crate) fn part_size(&self, size: u64) -> u64 {
        let smallest = size.div_ceil(self.most_parts.max(1));
        self.min_part.max(smallest).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stays_on_this_machine_is_not_in_the_clear() {
        let clear = |url: &str| {
            let url = (!url.is_empty()).then(|| url.to_owned());
            BucketConfig::new("b", "r", url, "a", "s", "0123456789abcdef").in_the_clear()
        };
        for url in [
            "",
            "https://s3.example.com",
            "http://127.0.0.1:9000",
            "http://localhost/",
            "http://[::1]:9000",
            "http://127.8.9.1",
        ] {
            assert!(!clear(url), "{url}");
        }
        for url in [
            "http://s3.example.com",
            "http://192.168.0.4:9000",
            "http://localhost.example.com",
            "http://127.0.0.1@example.com",
            "http://127.0.0.1:80@example.com",
            "http://[fd00::1]:9000",
        ] {
            assert!(clear(url), "{url}");
        }
    }

    #[test]
    fn secrets_print_masked() {
        let config = BucketConfig::new(
            "b",
            "r",
            None,
            "AKIA-visible",
            "very-secret",
            "0123456789abcdef",
        );
        let shown = format!("{config:?} {:?}", ManifestKey::new([7; 32]));
        assert!(
            !shown.contains("AKIA") && !shown.contains("very-secret") && !shown.contains("7, 7"),
            "{shown}"
        );
        assert!(shown.contains("[masked]"));
    }

    #[test]
    fn path_style_follows_the_endpoint() {
        let make = |url: Option<&str>| {
            BucketConfig::new(
                "b",
                "r",
                url.map(str::to_owned),
                "a",
                "s",
                "0123456789abcdef",
            )
        };
        assert!(make(Some("http://127.0.0.1:1")).path_style);
        assert!(!make(None).path_style);
    }

    #[test]
    fn a_prefix_that_is_not_a_store_hash_is_refused() {
        for hash in [
            "",
            "0123",
            "../../../../etc/",
            "0123456789ABCDEF",
            "0123456789abcdef0",
        ] {
            let config = BucketConfig::new("b", "r", None, "a", "s", hash);
            assert!(
                matches!(config.check(), Err(BackupError::BadConfig { .. })),
                "{hash}"
            );
        }
    }

    #[test]
    fn parts_stay_under_the_limit_of_the_protocol() {
        let tuning = Tuning::default();
        assert_eq!(tuning.part_size(1), 16 << 20);
        // From just over what 10,000 parts of the smallest size hold.
        for size in [(160u64 << 30) + 1, 150 << 30, 1 << 40, 5 << 40] {
            let part = tuning.part_size(size);
            let parts = size.div_ceil(part);
            assert!(parts <= 9_000 && part >= 5 << 20, "{size}");
            assert_eq!((parts - 1) * part + (size - (parts - 1) * part), size);
        }
        assert_eq!((16u64 << 20).div_ceil(tuning.part_size(16 << 20)), 1);
    }

    #[test]
    fn a_manifest_is_bound_to_its_name_and_key() {
        let key = ManifestKey::new([1; 32]);
        let tag = key.sign("a", b"body");
        assert!(key.accepts("a", b"body", &tag));
        assert!(!key.accepts("b", b"body", &tag));
        assert!(!key.accepts("a", b"bodY", &tag));
        assert!(!ManifestKey::new([2; 32]).accepts("a", b"body", &tag));
        assert!(!key.accepts("a", b"body", "zz"));
    }
}
