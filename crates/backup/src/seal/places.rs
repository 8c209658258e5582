//! Where a content lies in the bucket: under its hash, or sealed under a name that only
//! the data key makes.

use std::collections::HashSet;

use super::chunks::{CHUNK, plain_before, sealed_range, sealed_size};
use super::{DataKey, DataKeys, ObjectSeal};
use crate::{BackupError, Bucket, Result};

/// What is addressed by its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Object,
    Catalog,
    Shard,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Object => "object",
            Self::Catalog => "catalog",
            Self::Shard => "shard",
        }
    }
}

/// Where a content lies, and how.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) key: String,
    /// Bytes that it has there.
    pub(crate) size: u64,
    /// What the object says of itself in its metadata: the content's SHA-256, or its name.
    pub(crate) label: String,
    /// `None`: in the clear.
    pub(crate) seal: Option<ObjectSeal>,
}

impl Place {
    /// A copy in the clear under a file's own name.
    pub(crate) fn clear(key: String, sha256: &str, size: u64) -> Self {
        Self {
            key,
            size,
            label: sha256.to_owned(),
            seal: None,
        }
    }

    pub(crate) fn key_id(&self) -> Option<&str> {
        self.seal.as_ref().map(ObjectSeal::key_id)
    }

    /// As large a step as `step` at least that begins and ends where chunks do.
    pub(crate) fn step(&self, step: u64) -> u64 {
        match self.seal {
            None => step,
            Some(_) => step.div_ceil(CHUNK) * CHUNK,
        }
    }

    /// Where these bytes of the content are, as start and length. Whole steps, please.
    pub(crate) fn range(&self, start: u64, length: u64) -> (u64, u64) {
        match self.seal {
            None => (start, length),
            Some(_) => sealed_range(start, length),
        }
    }

    /// Bytes of the content in these of the object.
    pub(crate) fn plain_within(&self, start: u64, length: u64) -> u64 {
        match &self.seal {
            None => length,
            Some(seal) => plain_before(start + length, seal.size) - plain_before(start, seal.size),
        }
    }
}

impl Bucket {
    /// Whether what is sent from here is sealed.
    pub fn seals(&self) -> bool {
        self.sealing().is_some()
    }

    /// The id of the key that seals what is sent from here; `None` sends in the clear.
    pub(crate) fn sealing(&self) -> Option<&str> {
        self.data_keys().current().map(DataKey::id)
    }

    /// # Errors
    /// [`BackupError::Locked`] where that key is not held.
    pub(crate) fn data_key(&self, id: &str, what: &str) -> Result<&DataKey> {
        self.data_keys().get(id).ok_or_else(|| BackupError::Locked {
            what: what.to_owned(),
            key: id.to_owned(),
        })
    }

    /// Where a content of `size` bytes lies that is sealed with the key `seal`, or with none.
    pub(crate) fn place(
        &self,
        kind: Kind,
        sha256: &str,
        size: u64,
        seal: Option<&str>,
    ) -> Result<Place> {
        let layout = self.layout();
        let Some(id) = seal else {
            let key = match kind {
                Kind::Object => layout.object(sha256),
                Kind::Catalog => layout.catalog(sha256),
                Kind::Shard => layout.shard(sha256),
            };
            return Ok(Place::clear(key, sha256, size));
        };
        let key = self.data_key(id, "The backup")?;
        let label = key.name(kind.name(), sha256);
        Ok(Place {
            key: match kind {
                Kind::Object => layout.object(&label),
                Kind::Catalog => layout.sealed_catalog(&label),
                Kind::Shard => layout.sealed_shard(&label),
            },
            size: sealed_size(size),
            seal: Some(ObjectSeal {
                key: key.clone(),
                sha256: sha256.to_owned(),
                size,
            }),
            label,
        })
    }

    /// Those of a file's places that lists have, without asking for any of them by name.
    pub(crate) async fn listed_of(&self, mut places: Vec<Place>) -> Result<Vec<Place>> {
        let layout = self.layout();
        let mut there = HashSet::new();
        for prefix in [layout.objects_prefix(), layout.plain_prefix()] {
            if places.iter().any(|place| place.key.starts_with(&prefix)) {
                there.extend(self.list(&prefix).await?.into_iter().map(|o| o.key));
            }
        }
        places.retain(|place| there.contains(&place.key));
        Ok(places)
    }

    /// Everywhere that a file's content may lie, as far as keys are held: sealed first.
    pub(crate) fn places(&self, sha256: &str, size: u64) -> Result<Vec<Place>> {
        let DataKeys { keys, .. } = self.data_keys();
        keys.iter()
            .map(|key| Some(key.id()))
            .chain([None])
            .map(|seal| self.place(Kind::Object, sha256, size, seal))
            .collect()
    }
}
