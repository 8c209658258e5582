//! What is on its way in parts, written down on this machine: after a kill the
//! next run asks the server which parts it has and sends the gaps.
//!
//! A file of ours, one JSON value a line, appended as parts arrive. It is a memory,
//! not a promise: nothing is believed because it says so. The server lists its parts,
//! each part's checksum is compared with the file as it is now, and the whole must
//! have the SHA-256 that was promised before an object gets its name. So it is not
//! synced, a torn last line is dropped, and without it everything is sent again.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use crate::source::FileIdentity;

const FILE: &str = "uploads.jsonl";
const LOCK: &str = "uploads.lock";
/// As old as an upload that is swept from the bucket: longer than anyone waits.
const FORGOTTEN_AFTER: i64 = 8 * 24 * 3600;

/// An upload in parts that was begun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BegunUpload {
    /// Endpoint and bucket, so that a journal never speaks of another bucket.
    pub(crate) place: String,
    pub(crate) key: String,
    pub(crate) upload_id: String,
    /// The token in the object's metadata that says whose completion it was.
    pub(crate) operation: String,
    pub(crate) size: u64,
    pub(crate) sha256: String,
    pub(crate) part_size: u64,
    pub(crate) identity: FileIdentity,
    /// Seconds since 1970.
    pub(crate) begun: i64,
}

/// A part that the server confirmed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SentPart {
    pub(crate) number: i32,
    pub(crate) etag: Option<String>,
    /// Of the bytes that were sent, whatever the server checks with.
    pub(crate) crc64nvme: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
enum Line {
    Begun(BegunUpload),
    Part { upload_id: String, part: SentPart },
    Ended { upload_id: String },
}

/// An upload with the parts that are known to be there.
#[derive(Clone, Debug)]
pub(crate) struct Unfinished {
    pub(crate) begun: BegunUpload,
    pub(crate) parts: HashMap<i32, SentPart>,
}

/// One store's journal, held by one run of one process at a time.
#[derive(Clone)]
pub(crate) struct Journal(Arc<Inner>);

struct Inner {
    place: String,
    state: Mutex<State>,
    /// Held until the last clone is gone.
    _lock: File,
}

struct State {
    /// `None` after it could not be written: then nothing more is remembered.
    file: Option<File>,
    open: HashMap<String, Unfinished>,
}

impl Journal {
    /// `None` while another process holds it, or where it cannot be kept: the run
    /// goes on without.
    pub(crate) fn open(folder: &Path, place: String) -> Option<Self> {
        match Self::try_open(folder, place) {
            Ok(journal) => journal,
            Err(error) => {
                tracing::warn!(error = %error.kind(), "no journal of this transfer can be kept");
                None
            }
        }
    }

    fn try_open(folder: &Path, place: String) -> io::Result<Option<Self>> {
        fs::create_dir_all(folder)?;
        let lock = private_file(&folder.join(LOCK), false)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => return Ok(None),
            Err(fs::TryLockError::Error(error)) => return Err(error),
        }
        let path = folder.join(FILE);
        let mut open = replay(&path)?;
        let now = jiff::Timestamp::now().as_second();
        open.retain(|_, upload| now.saturating_sub(upload.begun.begun) < FORGOTTEN_AFTER);
        let file = rewrite(&path, &open)?;
        Ok(Some(Self(Arc::new(Inner {
            place,
            state: Mutex::new(State {
                file: Some(file),
                open,
            }),
            _lock: lock,
        }))))
    }

    pub(crate) fn place(&self) -> &str {
        &self.0.place
    }

    /// The newest unfinished upload of these bytes to this key.
    pub(crate) fn find(&self, key: &str, size: u64, sha256: &str) -> Option<Unfinished> {
        self.lock()
            .open
            .values()
            .filter(|upload| {
                let begun = &upload.begun;
                begun.place == self.0.place
                    && begun.key == key
                    && begun.size == size
                    && begun.sha256 == sha256
            })
            .max_by_key(|upload| upload.begun.begun)
            .cloned()
    }

    pub(crate) fn begin(&self, begun: BegunUpload) {
        let mut state = self.lock();
        state.append(&Line::Begun(begun.clone()));
        state.open.insert(
            begun.upload_id.clone(),
            Unfinished {
                begun,
                parts: HashMap::new(),
            },
        );
    }

    pub(crate) fn part(&self, upload_id: &str, part: SentPart) {
        let mut state = self.lock();
        state.append(&Line::Part {
            upload_id: upload_id.to_owned(),
            part: part.clone(),
        });
        if let Some(upload) = state.open.get_mut(upload_id) {
            upload.parts.insert(part.number, part);
        }
    }

    /// Completed, or ended, or gone from the server.
    pub(crate) fn end(&self, upload_id: &str) {
        let mut state = self.lock();
        if state.open.remove(upload_id).is_some() {
            state.append(&Line::Ended {
                upload_id: upload_id.to_owned(),
            });
        }
    }

    /// Ids of uploads to this place that a later run will go on with.
    pub(crate) fn ids(&self) -> Vec<String> {
        let state = self.lock();
        let ours = state
            .open
            .values()
            .filter(|u| u.begun.place == self.0.place);
        ours.map(|u| u.begun.upload_id.clone()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// One write for each line, so that a kill tears at most the last.
    fn append(&mut self, line: &Line) {
        let Some(file) = &mut self.file else { return };
        let written = line_of(line).and_then(|text| file.write_all(&text));
        if let Err(error) = written {
            tracing::warn!(error = %error.kind(), "what is sent is no longer written down; after a kill it is sent again");
            self.file = None;
        }
    }
}

fn line_of(line: &Line) -> io::Result<Vec<u8>> {
    let mut text = serde_json::to_vec(line)?;
    text.push(b'\n');
    Ok(text)
}

fn replay(path: &Path) -> io::Result<HashMap<String, Unfinished>> {
    let mut open = HashMap::new();
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(open),
        Err(error) => return Err(error),
    };
    for line in BufReader::new(file).split(b'\n') {
        // A torn or foreign line is one that was never written.
        match serde_json::from_slice(&line?) {
            Ok(Line::Begun(begun)) if begun.part_size > 0 => {
                open.insert(
                    begun.upload_id.clone(),
                    Unfinished {
                        begun,
                        parts: HashMap::new(),
                    },
                );
            }
            Ok(Line::Part { upload_id, part }) => {
                if let Some(upload) = open.get_mut(&upload_id) {
                    upload.parts.insert(part.number, part);
                }
            }
            Ok(Line::Ended { upload_id }) => {
                open.remove(&upload_id);
            }
            _ => {}
        }
    }
    Ok(open)
}

/// Only what is still open, under the same name in one step; answers it, to append to.
fn rewrite(path: &Path, open: &HashMap<String, Unfinished>) -> io::Result<File> {
    let mut fresh: PathBuf = path.to_owned();
    fresh.set_extension("new");
    let _ = fs::remove_file(&fresh);
    let mut file = private_file(&fresh, true)?;
    let mut text = Vec::new();
    for (upload_id, upload) in open {
        text.extend(line_of(&Line::Begun(upload.begun.clone()))?);
        for part in upload.parts.values() {
            text.extend(line_of(&Line::Part {
                upload_id: upload_id.clone(),
                part: part.clone(),
            })?);
        }
    }
    file.write_all(&text)?;
    fs::rename(&fresh, path)?;
    Ok(file)
}

fn private_file(path: &Path, append: bool) -> io::Result<File> {
    let mut options = File::options();
    options.read(true).write(true).create(true).append(append);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options.open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begun(key: &str, id: &str) -> BegunUpload {
        BegunUpload {
            place: "here".into(),
            key: key.into(),
            upload_id: id.into(),
            operation: "op".into(),
            size: 25,
            sha256: "aa".into(),
            part_size: 10,
            identity: FileIdentity::default(),
            begun: jiff::Timestamp::now().as_second(),
        }
    }

    fn part(number: i32) -> SentPart {
        SentPart {
            number,
            etag: Some(format!("e{number}")),
            crc64nvme: number as u64,
        }
    }

    fn open(folder: &Path) -> Journal {
        Journal::open(folder, "here".into()).expect("nobody else holds it")
    }

    #[test]
    fn what_was_sent_is_known_after_a_kill_and_what_ended_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let journal = open(dir.path());
        journal.begin(begun("a", "1"));
        journal.part("1", part(1));
        journal.part("1", part(3));
        journal.begin(begun("b", "2"));
        journal.end("2");
        drop(journal);
        // Killed in the middle of a line.
        let path = dir.path().join(FILE);
        let mut text = fs::read(&path).unwrap();
        text.extend(b"{\"is\":\"part\",\"upload_id\":\"1\",\"par");
        fs::write(&path, text).unwrap();

        let journal = open(dir.path());
        let found = journal.find("a", 25, "aa").unwrap();
        assert_eq!(found.parts.len(), 2);
        assert!(journal.find("b", 25, "aa").is_none());
        assert!(journal.find("a", 26, "aa").is_none());
        assert!(journal.find("a", 25, "bb").is_none());
        assert_eq!(journal.ids(), ["1"]);
    }

    #[test]
    fn another_bucket_s_uploads_are_kept_and_not_used() {
        let dir = tempfile::tempdir().unwrap();
        open(dir.path()).begin(begun("a", "1"));
        let there = Journal::open(dir.path(), "there".into()).unwrap();
        assert!(there.find("a", 25, "aa").is_none() && there.ids().is_empty());
        drop(there);
        assert!(open(dir.path()).find("a", 25, "aa").is_some());
    }

    #[test]
    fn one_run_at_a_time_and_the_old_is_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        let first = open(dir.path());
        assert!(Journal::open(dir.path(), "here".into()).is_none());
        first.begin(BegunUpload {
            begun: 0,
            ..begun("a", "1")
        });
        drop(first);
        assert!(open(dir.path()).find("a", 25, "aa").is_none());
    }

    #[test]
    fn damage_costs_only_what_it_hit() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(FILE), b"\xff\xfe garbage\n{}\n[1]\n").unwrap();
        let journal = open(dir.path());
        journal.begin(begun("a", "1"));
        assert!(journal.find("a", 25, "aa").is_some());
    }
}
