//! Objects as files: the bytes in `{root}/{bucket}/data/{key}` where the file
//! system takes the name (in `long/{hash}` where it does not), what is known
//! about them in `meta/{hash}.json`. A restart finds them again.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use s3s::crypto::{Checksum as _, Md5};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Object {
    key: String,
    /// Below the bucket's folder.
    file: String,
    pub(super) size: u64,
    pub(super) etag: String,
    pub(super) metadata: HashMap<String, String>,
    pub(super) modified_ms: u64,
    /// `null` for one that was stored while versioning was off.
    #[serde(default)]
    pub(super) version: Option<String>,
}

impl Object {
    pub(super) fn version_id(&self) -> &str {
        self.version.as_deref().unwrap_or("null")
    }

    pub(super) fn modified(&self) -> SystemTime {
        UNIX_EPOCH + std::time::Duration::from_millis(self.modified_ms)
    }
}

#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) file: PathBuf,
    pub(super) size: u64,
    pub(super) md5: [u8; 16],
    pub(super) crc64nvme: Option<String>,
}

#[derive(Clone, Debug)]
pub(super) struct Upload {
    pub(super) key: String,
    pub(super) metadata: HashMap<String, String>,
    pub(super) begun: SystemTime,
    pub(super) parts: BTreeMap<i32, Part>,
}

type Objects = BTreeMap<String, Object>;

/// What was replaced or deleted under versioning.
#[derive(Clone, Debug)]
pub(super) enum Earlier {
    Object(Object),
    /// A delete marker.
    Marker {
        version: String,
        modified_ms: u64,
    },
}

impl Earlier {
    pub(super) fn version(&self) -> &str {
        match self {
            Self::Object(object) => object.version_id(),
            Self::Marker { version, .. } => version,
        }
    }
}

#[derive(Default)]
struct State {
    buckets: BTreeMap<String, Objects>,
    /// `Some(true)` on, `Some(false)` suspended.
    versioning: BTreeMap<String, Option<bool>>,
    /// By bucket and key, the oldest first. A restart does not find them again.
    earlier: BTreeMap<(String, String), Vec<Earlier>>,
    /// By bucket and id.
    uploads: BTreeMap<(String, String), Upload>,
}

pub(super) struct Disk {
    root: PathBuf,
    state: Mutex<State>,
    next: AtomicU64,
}

impl Disk {
    pub(super) fn open(root: &Path) -> io::Result<Self> {
        fs::create_dir_all(root)?;
        let mut state = State::default();
        for entry in fs::read_dir(root)? {
            let entry = entry?;
            let meta = entry.path().join("meta");
            if !meta.is_dir() {
                continue;
            }
            let mut objects = Objects::new();
            for file in fs::read_dir(meta)? {
                if let Ok(object) = serde_json::from_slice::<Object>(&fs::read(file?.path())?) {
                    objects.insert(object.key.clone(), object);
                }
            }
            state
                .buckets
                .insert(entry.file_name().to_string_lossy().into_owned(), objects);
        }
        Ok(Self {
            root: root.to_owned(),
            state: Mutex::new(state),
            next: AtomicU64::new(0),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn create_bucket(&self, bucket: &str) -> io::Result<()> {
        for folder in ["data", "long", "meta", "temp", "old"] {
            fs::create_dir_all(self.root.join(bucket).join(folder))?;
        }
        self.lock().buckets.entry(bucket.to_owned()).or_default();
        Ok(())
    }

    pub(super) fn buckets(&self) -> Vec<String> {
        self.lock().buckets.keys().cloned().collect()
    }

    pub(super) fn has_bucket(&self, bucket: &str) -> bool {
        self.lock().buckets.contains_key(bucket)
    }

    /// A fresh file for bytes on their way in.
    pub(super) fn temp(&self, bucket: &str) -> PathBuf {
        let n = self.next.fetch_add(1, Ordering::Relaxed);
        self.root
            .join(bucket)
            .join("temp")
            .join(format!("{}-{n}", std::process::id()))
    }

    pub(super) fn get(&self, bucket: &str, key: &str) -> Option<Object> {
        self.lock().buckets.get(bucket)?.get(key).cloned()
    }

    pub(super) fn path_of(&self, bucket: &str, object: &Object) -> PathBuf {
        self.root.join(bucket).join(&object.file)
    }

    pub(super) fn list(&self, bucket: &str, prefix: &str) -> Vec<(String, Object)> {
        let state = self.lock();
        let Some(objects) = state.buckets.get(bucket) else {
            return Vec::new();
        };
        objects
            .range(prefix.to_owned()..)
            .take_while(|(k, _)| k.starts_with(prefix))
            .map(|(k, o)| (k.clone(), o.clone()))
            .collect()
    }

    /// Takes `temp` over as the object's bytes, at once and whole.
    pub(super) fn put(
        &self,
        bucket: &str,
        key: &str,
        temp: &Path,
        etag: String,
        metadata: HashMap<String, String>,
    ) -> io::Result<Object> {
        let size = fs::metadata(temp)?.len();
        let hash = hex::encode(Sha256::digest(key.as_bytes()));
        let folder = self.root.join(bucket);
        // Under the lock, so that bytes and what is known of them change together.
        let mut state = self.lock();
        let versioned = state.versioning.get(bucket).copied().flatten();
        if versioned == Some(true) {
            self.keep_earlier(&mut state, bucket, key)?;
        }
        let file = match readable_place(&folder, key, temp) {
            Some(file) => file,
            None => {
                let file = format!("long/{hash}");
                fs::rename(temp, folder.join(&file))?;
                file
            }
        };
        let modified_ms = now_ms();
        let object = Object {
            key: key.to_owned(),
            file,
            size,
            etag,
            metadata,
            modified_ms,
            version: (versioned == Some(true)).then(|| self.version()),
        };
        let meta_temp = folder.join("temp").join(format!("meta-{hash}"));
        fs::write(&meta_temp, serde_json::to_vec(&object)?)?;
        fs::rename(meta_temp, folder.join("meta").join(format!("{hash}.json")))?;
        state
            .buckets
            .entry(bucket.to_owned())
            .or_default()
            .insert(key.to_owned(), object.clone());
        Ok(object)
    }

    pub(super) fn put_bytes(&self, bucket: &str, key: &str, bytes: &[u8]) -> io::Result<()> {
        let temp = self.temp(bucket);
        fs::write(&temp, bytes)?;
        self.put(
            bucket,
            key,
            &temp,
            hex::encode(Md5::checksum(bytes)),
            HashMap::new(),
        )
        .map(|_| ())
    }

    fn version(&self) -> String {
        format!("v{:08}", self.next.fetch_add(1, Ordering::Relaxed))
    }

    /// Moves the present object out of the way of the next.
    fn keep_earlier(&self, state: &mut State, bucket: &str, key: &str) -> io::Result<()> {
        let folder = self.root.join(bucket);
        let Some(mut object) = state.buckets.get_mut(bucket).and_then(|o| o.remove(key)) else {
            return Ok(());
        };
        let file = format!("old/{}", self.next.fetch_add(1, Ordering::Relaxed));
        fs::create_dir_all(folder.join("old"))?;
        fs::rename(folder.join(&object.file), folder.join(&file))?;
        object.file = file;
        let slot = (bucket.to_owned(), key.to_owned());
        let earlier = state.earlier.entry(slot).or_default();
        earlier.push(Earlier::Object(object));
        Ok(())
    }

    pub(super) fn versioning(&self, bucket: &str) -> Option<bool> {
        self.lock().versioning.get(bucket).copied().flatten()
    }

    pub(super) fn set_versioning(&self, bucket: &str, on: bool) {
        self.lock().versioning.insert(bucket.to_owned(), Some(on));
    }

    /// One version, the present one included.
    pub(super) fn get_version(&self, bucket: &str, key: &str, version: &str) -> Option<Object> {
        if let Some(object) = self.get(bucket, key)
            && object.version_id() == version
        {
            return Some(object);
        }
        let state = self.lock();
        let earlier = state.earlier.get(&(bucket.to_owned(), key.to_owned()))?;
        earlier.iter().find_map(|one| match one {
            Earlier::Object(object) if object.version_id() == version => Some(object.clone()),
            _ => None,
        })
    }

    /// Of each key the present object, if any, and what was before, the newest first.
    pub(super) fn versions(
        &self,
        bucket: &str,
        prefix: &str,
    ) -> Vec<(String, Option<Object>, Vec<Earlier>)> {
        let state = self.lock();
        let mut all: BTreeMap<String, (Option<Object>, Vec<Earlier>)> = BTreeMap::new();
        for (key, object) in state.buckets.get(bucket).into_iter().flatten() {
            if key.starts_with(prefix) {
                all.entry(key.clone()).or_default().0 = Some(object.clone());
            }
        }
        for ((of, key), earlier) in &state.earlier {
            if of == bucket && key.starts_with(prefix) {
                all.entry(key.clone()).or_default().1 = earlier.iter().rev().cloned().collect();
            }
        }
        all.into_iter()
            .map(|(key, (now, before))| (key, now, before))
            .collect()
    }

    /// As a DELETE does: a marker under versioning, for good with a version's id. The
    /// marker's or the version's id.
    pub(super) fn delete(&self, bucket: &str, key: &str, version: Option<&str>) -> Option<String> {
        let Some(version) = version else {
            if self.versioning(bucket) != Some(true) {
                self.remove(bucket, key);
                return None;
            }
            let marker = self.version();
            let mut state = self.lock();
            let _ = self.keep_earlier(&mut state, bucket, key);
            let slot = (bucket.to_owned(), key.to_owned());
            state
                .earlier
                .entry(slot)
                .or_default()
                .push(Earlier::Marker {
                    version: marker.clone(),
                    modified_ms: now_ms(),
                });
            return Some(marker);
        };
        if self
            .get(bucket, key)
            .is_some_and(|now| now.version_id() == version)
        {
            self.remove(bucket, key);
        }
        let mut state = self.lock();
        let slot = (bucket.to_owned(), key.to_owned());
        if let Some(earlier) = state.earlier.get_mut(&slot) {
            for gone in earlier.extract_if(.., |one| one.version() == version) {
                if let Earlier::Object(object) = gone {
                    let _ = fs::remove_file(self.root.join(bucket).join(&object.file));
                }
            }
            // Under the newest that is left, unless that is a marker.
            if let Some(Earlier::Object(_)) = earlier.last()
                && !state
                    .buckets
                    .get(bucket)
                    .is_some_and(|o| o.contains_key(key))
                && let Some(Earlier::Object(object)) =
                    state.earlier.get_mut(&slot).and_then(Vec::pop)
            {
                state
                    .buckets
                    .entry(bucket.to_owned())
                    .or_default()
                    .insert(key.to_owned(), object);
            }
        }
        Some(version.to_owned())
    }

    pub(super) fn remove_bucket(&self, bucket: &str) {
        let mut state = self.lock();
        state.buckets.remove(bucket);
        state.uploads.retain(|(of, _), _| of != bucket);
        let _ = fs::remove_dir_all(self.root.join(bucket));
    }

    pub(super) fn expire(&self, bucket: &str, key: &str) {
        self.remove(bucket, key);
        let slot = (bucket.to_owned(), key.to_owned());
        for earlier in self.lock().earlier.remove(&slot).into_iter().flatten() {
            if let Earlier::Object(object) = earlier {
                let _ = fs::remove_file(self.root.join(bucket).join(&object.file));
            }
        }
    }

    pub(super) fn expire_noncurrent(&self, bucket: &str) -> usize {
        let mut state = self.lock();
        let mut gone = 0;
        for ((of, _), earlier) in &mut state.earlier {
            if of != bucket {
                continue;
            }
            for one in earlier.drain(..) {
                gone += 1;
                if let Earlier::Object(object) = one {
                    let _ = fs::remove_file(self.root.join(bucket).join(&object.file));
                }
            }
        }
        gone
    }

    pub(super) fn remove(&self, bucket: &str, key: &str) {
        let mut state = self.lock();
        let Some(object) = state.buckets.get_mut(bucket).and_then(|o| o.remove(key)) else {
            return;
        };
        let folder = self.root.join(bucket);
        let _ = fs::remove_file(folder.join(&object.file));
        let _ = fs::remove_file(folder.join("meta").join(format!(
            "{}.json",
            hex::encode(Sha256::digest(key.as_bytes()))
        )));
    }

    pub(super) fn begin_upload(
        &self,
        bucket: &str,
        key: &str,
        metadata: HashMap<String, String>,
    ) -> String {
        let id = format!(
            "upload-{}-{}",
            std::process::id(),
            self.next.fetch_add(1, Ordering::Relaxed)
        );
        let upload = Upload {
            key: key.to_owned(),
            metadata,
            begun: SystemTime::now(),
            parts: BTreeMap::new(),
        };
        self.lock()
            .uploads
            .insert((bucket.to_owned(), id.clone()), upload);
        id
    }

    pub(super) fn upload(&self, bucket: &str, key: &str, id: &str) -> Option<Upload> {
        let upload = self
            .lock()
            .uploads
            .get(&(bucket.to_owned(), id.to_owned()))
            .cloned()?;
        (upload.key == key).then_some(upload)
    }

    pub(super) fn has_upload(&self, bucket: &str, key: &str, id: &str) -> bool {
        let state = self.lock();
        let upload = state.uploads.get(&(bucket.to_owned(), id.to_owned()));
        upload.is_some_and(|upload| upload.key == key)
    }

    pub(super) fn add_part(&self, bucket: &str, id: &str, number: i32, part: Part) -> bool {
        let mut state = self.lock();
        let Some(upload) = state.uploads.get_mut(&(bucket.to_owned(), id.to_owned())) else {
            return false;
        };
        if let Some(old) = upload.parts.insert(number, part) {
            let _ = fs::remove_file(old.file);
        }
        true
    }

    pub(super) fn end_upload(&self, bucket: &str, id: &str) -> bool {
        let Some(upload) = self
            .lock()
            .uploads
            .remove(&(bucket.to_owned(), id.to_owned()))
        else {
            return false;
        };
        for part in upload.parts.values() {
            let _ = fs::remove_file(&part.file);
        }
        true
    }

    pub(super) fn uploads(&self, bucket: &str) -> Vec<(String, Upload)> {
        self.lock()
            .uploads
            .iter()
            .filter(|((b, _), _)| b == bucket)
            .map(|((_, id), u)| (id.clone(), u.clone()))
            .collect()
    }
}

fn now_ms() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |d| d.as_millis() as u64)
}

/// Under the key's own name, if that is a name for this file system and no
/// folder is in the way (`a` and `a/b` are both keys).
fn readable_place(folder: &Path, key: &str, temp: &Path) -> Option<String> {
    let fits = key.split('/').all(|part| {
        !part.is_empty() && part != "." && part != ".." && part.len() <= 255 && !part.contains('\0')
    });
    if !fits {
        return None;
    }
    let file = format!("data/{key}");
    let path = folder.join(&file);
    fs::create_dir_all(path.parent()?).ok()?;
    fs::rename(temp, &path).ok()?;
    Some(file)
}
