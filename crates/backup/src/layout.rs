//! Where everything is in the bucket. The only place that puts a key together.

use ulid::Ulid;

/// S3 takes keys of at most this many bytes of UTF-8.
const MAX_KEY: usize = 1024;

/// One store's keys, all under `users/{hash}/`.
#[derive(Clone, Debug)]
pub struct Layout {
    root: String,
}

impl Layout {
    pub fn new(prefix_hash: &str) -> Self {
        Self {
            root: format!("users/{prefix_hash}/"),
        }
    }

    /// The file under its own name, for any S3 client. `None` where the key would pass S3's 1,024 bytes.
    pub fn plain(&self, relative_path: &str) -> Option<String> {
        let key = format!("{}files/{relative_path}", self.root);
        (key.len() <= MAX_KEY).then_some(key)
    }

    /// Immutable bytes by their SHA-256 (hex): what restore points refer to.
    pub fn object(&self, sha256: &str) -> String {
        let aa = sha256.get(..2).unwrap_or("00");
        format!("{}.redline/objects/{aa}/{sha256}", self.root)
    }

    pub fn objects_prefix(&self) -> String {
        format!("{}.redline/objects/", self.root)
    }

    pub fn catalog(&self, sha256: &str) -> String {
        format!("{}.redline/db/{sha256}.duckdb", self.root)
    }

    pub fn latest_catalog(&self) -> String {
        format!("{}user_data.duckdb", self.root)
    }

    pub fn shard(&self, sha256: &str) -> String {
        format!("{}.redline/shards/{sha256}.jsonl.zst", self.root)
    }

    /// A sealed catalog; `name` is not its hash.
    pub(crate) fn sealed_catalog(&self, name: &str) -> String {
        format!("{}.redline/db/{name}.sealed", self.root)
    }

    pub(crate) fn sealed_shard(&self, name: &str) -> String {
        format!("{}.redline/shards/{name}.sealed", self.root)
    }

    /// A data key that the recovery passphrase opens.
    pub(crate) fn wrapped_key(&self, name: &str) -> String {
        format!("{}.redline/keys/{name}.json", self.root)
    }

    pub(crate) fn keys_prefix(&self) -> String {
        format!("{}.redline/keys/", self.root)
    }

    pub fn shards_prefix(&self) -> String {
        format!("{}.redline/shards/", self.root)
    }

    pub fn catalogs_prefix(&self) -> String {
        format!("{}.redline/db/", self.root)
    }

    pub fn manifest(&self, id: &str) -> String {
        format!("{}.redline/manifests/{id}.json", self.root)
    }

    pub fn manifests_prefix(&self) -> String {
        format!("{}.redline/manifests/", self.root)
    }

    /// Copies under the files' own names.
    pub fn plain_prefix(&self) -> String {
        format!("{}files/", self.root)
    }

    pub fn marks_prefix(&self) -> String {
        format!("{}.redline/marks/", self.root)
    }

    /// What keep rules dropped, until it is deleted.
    pub fn mark(&self, name: &str) -> String {
        format!("{}.redline/marks/{name}.json", self.root)
    }

    /// Where the probe writes.
    pub fn probe_prefix(&self) -> String {
        format!("{}.redline/probe/", self.root)
    }

    /// Everything of this store.
    pub fn store_prefix(&self) -> String {
        self.root.clone()
    }

    pub fn own_prefix(&self) -> String {
        format!("{}.redline/", self.root)
    }
}

/// A restore point's name: `{generation:016}-{device}-{ulid}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PointName {
    pub generation: u64,
    pub device: String,
    pub ulid: Ulid,
}

/// Sixteen digits.
const MAX_GENERATION: u64 = 9_999_999_999_999_999;

impl PointName {
    /// No honest bucket is this many backups ahead of the last one known.
    pub(crate) const PLAUSIBLE_GAP: u64 = 1_000_000_000;

    pub fn new(generation: u64, device: &str) -> Self {
        Self {
            generation: generation.min(MAX_GENERATION),
            device: device_name(device),
            ulid: Ulid::new(),
        }
    }

    pub fn id(&self) -> String {
        format!("{:016}-{}-{}", self.generation, self.device, self.ulid)
    }

    /// `None` for anything this crate would not have written, `/` and `..` included.
    pub fn parse(id: &str) -> Option<Self> {
        let (generation, rest) = id.split_once('-')?;
        let (device, ulid) = rest.rsplit_once('-')?;
        if generation.len() != 16
            || !generation.bytes().all(|b| b.is_ascii_digit())
            || device_name(device) != device
        {
            return None;
        }
        let name = Self {
            generation: generation.parse().ok()?,
            device: device.to_owned(),
            ulid: Ulid::from_string(ulid).ok()?,
        };
        (name.id() == id).then_some(name)
    }

    /// Newest last. The generation first; the time within one generation, which two devices can share.
    pub(crate) fn order(&self) -> (u64, Ulid) {
        (self.generation, self.ulid)
    }
}

/// A device's name as it can stand in a key: letters, digits, `_`, `-`; no more than 40.
fn device_name(name: &str) -> String {
    let mut out: String = name
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || matches!(c, '_' | '-') {
                c
            } else {
                '_'
            }
        })
        .take(40)
        .collect();
    if out.is_empty() {
        out.push_str("device");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip_and_sort_as_text() {
        let a = PointName::new(9, "Anna's laptop");
        let b = PointName::new(10, "anna-2");
        assert_eq!(PointName::parse(&a.id()), Some(a.clone()));
        assert_eq!(PointName::parse(&b.id()), Some(b.clone()));
        assert!(a.id() < b.id());
        assert!(a.order() < b.order());
    }

    #[test]
    fn foreign_names_are_not_restore_points() {
        let ulid = Ulid::new();
        for id in [
            String::new(),
            "readme".into(),
            format!("1-a-{ulid}"),
            format!("0000000000000001-../x-{ulid}"),
            format!("0000000000000001--{ulid}"),
            format!("+000000000000001-a-{ulid}"),
            "0000000000000001-a-notaulid".into(),
        ] {
            assert_eq!(PointName::parse(&id), None, "{id}");
        }
    }

    #[test]
    fn a_name_too_long_for_a_key_has_no_plain_copy() {
        let layout = Layout::new("0123456789abcdef");
        assert!(layout.plain(&"x".repeat(995)).is_some());
        assert!(layout.plain(&"x".repeat(996)).is_none());
        assert_eq!(
            layout.object(&"ab".repeat(32)),
            format!(
                "users/0123456789abcdef/.redline/objects/ab/{}",
                "ab".repeat(32)
            )
        );
    }
}
