//! The data of a backup: each content once, then each of its names.

use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::Arc;

use tokio::task::{JoinError, JoinSet};

use super::{Run, SkippedFile};
use crate::manifest::{Changes, FileEntry};
use crate::plan::{Change, PlannedUpload};
use crate::progress::Progress;
use crate::seal::{Kind, Place};
use crate::upload::{self, Payload, Stop};
use crate::{BackupError, BackupPlan, Result, SkipReason};

/// Files on their way at once. What really limits is the byte budget and the pace.
const FILES_AT_ONCE: usize = 256;

/// What became of all files.
#[derive(Default)]
pub(super) struct Sent {
    pub(super) entries: Vec<FileEntry>,
    pub(super) files: u64,
    pub(super) bytes: u64,
    pub(super) contents: Vec<Crossed>,
    pub(super) changes: Changes,
    pub(super) skipped: Vec<SkippedFile>,
    pub(super) without_plain_copy: Vec<String>,
}

/// A content that was sent: where to, and how many bytes it has there and of its own.
pub(super) struct Crossed {
    pub(super) key: String,
    pub(super) stored: u64,
    pub(super) size: u64,
}

impl Crossed {
    fn of(place: &Place, planned: &PlannedUpload) -> Self {
        Self {
            key: place.key.clone(),
            stored: place.size,
            size: planned.file.size,
        }
    }
}

/// One content with all the names it goes by.
type Group = Vec<PlannedUpload>;

/// What became of one group.
struct GroupDone {
    group: Group,
    /// Per file, why it is not in; `None` if it is.
    skipped: Vec<Option<SkipReason>>,
    /// Per file, what its bytes are sealed with in the bucket.
    seals: Vec<Option<String>>,
    bytes: u64,
    /// Its content, if it crossed in this run.
    crossed: Option<Crossed>,
    without_plain_copy: Vec<String>,
}

impl Run {
    /// What lies at `marked` keys does not count as there.
    pub(super) async fn send_files(
        &self,
        plan: &BackupPlan,
        marked: &HashSet<String>,
    ) -> Result<Sent> {
        let mut sent = Sent::default();
        let mut tasks: JoinSet<Result<GroupDone>> = JoinSet::new();
        for mut group in by_content(&plan.upload) {
            if !marked.is_empty() && marked.contains(&self.place_of(&group[0])?.key) {
                for planned in &mut group {
                    planned.in_bucket = false;
                    planned.again = true;
                }
            }
            if tasks.len() >= FILES_AT_ONCE
                && let Some(done) = tasks.join_next().await
            {
                sent.take(done.map_err(torn)??);
            }
            let run = self.clone();
            tasks.spawn(async move { run.send_group(group).await });
        }
        while let Some(done) = tasks.join_next().await {
            sent.take(done.map_err(torn)??);
        }
        Ok(sent)
    }

    /// The content once, then each name. If one file of several with the same
    /// bytes cannot be read, the next stands in for it.
    async fn send_group(&self, group: Group) -> Result<GroupDone> {
        let place = self.place_of(&group[0])?;
        let mut done = GroupDone {
            skipped: vec![None; group.len()],
            seals: vec![place.key_id().map(str::to_owned); group.len()],
            group,
            bytes: 0,
            crossed: None,
            without_plain_copy: Vec::new(),
        };
        let mut there =
            done.group[0].in_bucket || self.already_there(&place, &done.group[0]).await?;
        if there && !done.group[0].in_bucket {
            self.progress.found(done.group[0].file.size, 0);
        }
        // Its bytes are in the bucket and not here: given up for space, or another device's.
        let mut only_there = false;
        for index in 0..done.group.len() {
            let planned = done.group[index].clone();
            if !there {
                match self.send_object(&place, &planned, &self.progress).await {
                    Ok(()) => {
                        there = true;
                        done.crossed = Some(Crossed::of(&place, &planned));
                        done.bytes += planned.file.size;
                    }
                    Err(Stop::Skip(SkipReason::Missing)) if self.holds(&place).await? => {
                        there = true;
                        only_there = true;
                    }
                    Err(Stop::Skip(reason)) => {
                        // Not here, and in the bucket in another form: it stays in that.
                        if reason == SkipReason::Missing
                            && let Some(other) = self.held_otherwise(&place, &planned).await?
                        {
                            done.seals[index] = other.key_id().map(str::to_owned);
                            self.progress.advance(planned.file.size, 1);
                            continue;
                        }
                        done.skipped[index] = Some(reason);
                        self.progress.advance(0, 1);
                        continue;
                    }
                    Err(Stop::Fatal(error)) => return Err(error),
                }
            }
            match self.send_plain(&place, &planned).await {
                Ok(true) => {}
                Ok(false) => done
                    .without_plain_copy
                    .push(planned.file.relative_path.clone()),
                // The list of objects said it was there; it is not.
                Err(Stop::Fatal(BackupError::NotFound { .. })) => {
                    match self.resend(&place, &planned).await {
                        Ok(named) => {
                            if !named {
                                done.without_plain_copy
                                    .push(planned.file.relative_path.clone());
                            }
                            done.crossed = Some(Crossed::of(&place, &planned));
                            done.bytes += planned.file.size;
                        }
                        Err(Stop::Skip(reason)) => done.skipped[index] = Some(reason),
                        Err(Stop::Fatal(error)) => return Err(error),
                    }
                }
                // The server has no copy: the bytes are there under their hash, so the file
                // stays in the point.
                Err(Stop::Skip(SkipReason::Missing)) if planned.in_bucket || only_there => done
                    .without_plain_copy
                    .push(planned.file.relative_path.clone()),
                Err(Stop::Skip(reason)) => done.skipped[index] = Some(reason),
                Err(Stop::Fatal(error)) => return Err(error),
            }
            self.progress.advance(0, 1);
        }
        Ok(done)
    }

    fn place_of(&self, planned: &PlannedUpload) -> Result<Place> {
        let file = &planned.file;
        let seal = self.bucket.sealing();
        self.bucket
            .place(Kind::Object, &file.sha256, file.size, seal)
    }

    /// Whether the bucket has this content whole, whatever a list said.
    async fn holds(&self, place: &Place) -> Result<bool> {
        let stored = self.bucket.head(&place.key).await?;
        Ok(stored.is_some_and(|s| {
            s.size == place.size && s.sha256.as_deref() == Some(place.label.as_str())
        }))
    }

    /// Where else the bucket has it whole: in the clear, or sealed with an earlier key.
    async fn held_otherwise(
        &self,
        place: &Place,
        planned: &PlannedUpload,
    ) -> Result<Option<Place>> {
        if place.seal.is_none() {
            return Ok(None);
        }
        let file = &planned.file;
        for other in self.bucket.places(&file.sha256, file.size)? {
            // What is asked for is seen: a plain hash only where it lies in the clear.
            let seen = other.seal.is_some() || self.is_listed(&other.key).await?;
            if seen && other.key != place.key && self.holds(&other).await? {
                return Ok(Some(other));
            }
        }
        Ok(None)
    }

    /// Whether an object was in the bucket when this run first asked.
    async fn is_listed(&self, key: &str) -> Result<bool> {
        let list = || crate::plan::objects_there(&self.bucket);
        Ok(self.listed.get_or_try_init(list).await?.contains_key(key))
    }

    /// One request saves sending a large object again after a run that was cut off.
    async fn already_there(&self, place: &Place, planned: &PlannedUpload) -> Result<bool> {
        if planned.again || place.size <= self.bucket.tuning().part_size(place.size) {
            return Ok(false);
        }
        let there = self.holds(place).await?;
        if there
            && let Some(journal) = self.open.journal()
            && let Some(left) = journal.find(&place.key, place.size, &place.label)
        {
            // Completed, and killed before that was written down.
            journal.end(&left.begun.upload_id);
        }
        Ok(there)
    }

    async fn send_object(
        &self,
        place: &Place,
        planned: &PlannedUpload,
        progress: &Arc<dyn Progress>,
    ) -> Result<(), Stop> {
        let file = &planned.file;
        let payload = Payload {
            place,
            path: &file.path,
            size: file.size,
            sha256: &file.sha256,
        };
        upload::store(&self.bucket, payload, progress, &self.open).await
    }

    /// As [`Run::send_plain`], with the object before it.
    async fn resend(&self, place: &Place, planned: &PlannedUpload) -> Result<bool, Stop> {
        // Not among the planned bytes, so not counted against them.
        let silent: Arc<dyn Progress> = Arc::new(());
        self.send_object(place, planned, &silent).await?;
        self.send_plain(place, planned).await
    }

    /// The directly readable copy, which what is sealed has not. `Ok(false)`: this server
    /// takes no such key.
    async fn send_plain(&self, place: &Place, planned: &PlannedUpload) -> Result<bool, Stop> {
        if place.seal.is_some() {
            return Ok(true);
        }
        let Some(plain) = self.bucket.layout().plain(&planned.file.relative_path) else {
            return Ok(false);
        };
        let named = self.name_object(&place.key, &plain, planned.file.size);
        let sent = match named.await {
            Ok(true) => Ok(()),
            Ok(false) => {
                let silent: Arc<dyn Progress> = Arc::new(());
                let plain = Place::clear(plain, &planned.file.sha256, planned.file.size);
                self.send_object(&plain, planned, &silent).await
            }
            Err(error) => Err(error.into()),
        };
        match sent {
            Ok(()) => Ok(true),
            Err(Stop::Fatal(BackupError::Service {
                status: 400,
                message,
                ..
            })) => {
                tracing::warn!(message, "the server does not take a file's name as a key");
                Ok(false)
            }
            Err(stop) => Err(stop),
        }
    }

    /// A copy on the server. `Ok(false)` where it has none.
    pub(super) async fn name_object(&self, from: &str, to: &str, size: u64) -> Result<bool> {
        if !self.bucket.copies() {
            return Ok(false);
        }
        match self.bucket.copy(from, to, size).await {
            Ok(()) => Ok(true),
            Err(BackupError::Unsupported { .. }) => {
                tracing::info!("this server has no copy: files are sent again under their names");
                self.bucket.never_copy_again();
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }
}

fn torn(error: JoinError) -> BackupError {
    BackupError::io("finish a transfer", io::Error::other(error))
}

fn by_content(upload: &[PlannedUpload]) -> Vec<Group> {
    let mut at: HashMap<(&str, u64), usize> = HashMap::new();
    let mut groups: Vec<Group> = Vec::new();
    for planned in upload {
        let index = *at
            .entry((planned.file.sha256.as_str(), planned.file.size))
            .or_insert_with(|| {
                groups.push(Vec::new());
                groups.len() - 1
            });
        groups[index].push(planned.clone());
    }
    groups
}

impl Sent {
    fn take(&mut self, done: GroupDone) {
        self.bytes += done.bytes;
        self.contents.extend(done.crossed);
        self.without_plain_copy.extend(done.without_plain_copy);
        let fates = done.skipped.into_iter().zip(done.seals);
        for (planned, (skipped, seal)) in done.group.into_iter().zip(fates) {
            match skipped {
                None => {
                    self.files += 1;
                    match planned.change {
                        Change::New => self.changes.new_files += 1,
                        Change::Changed => self.changes.changed_files += 1,
                        Change::Sealed => {}
                    }
                    self.entries.push(planned.file.entry(seal));
                }
                // Not claimed. What the last restore point had stays claimed: it is still there.
                Some(reason) => {
                    self.skipped.push(SkippedFile {
                        relative_path: planned.file.relative_path,
                        uid: planned.file.uid,
                        reason,
                        earlier_kept: planned.was.is_some(),
                    });
                    self.entries.extend(planned.was);
                }
            }
        }
    }
}
