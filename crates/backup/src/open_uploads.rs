//! The uploads in parts that a run has begun and not finished. When it stops they
//! stay for the next one, if a journal remembers them; else they are ended.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::journal::{BegunUpload, Journal};
use crate::{Bucket, Result};

#[derive(Clone, Default)]
pub(crate) struct OpenUploads(Arc<Inner>);

#[derive(Default)]
struct Inner {
    journal: Option<Journal>,
    next: AtomicU64,
    /// By ticket: the key, and the upload's id once the server has said it.
    open: Mutex<HashMap<u64, (String, Option<String>)>>,
}

impl OpenUploads {
    pub(crate) fn new(journal: Option<Journal>) -> Self {
        Self(Arc::new(Inner {
            journal,
            ..Inner::default()
        }))
    }

    pub(crate) fn journal(&self) -> Option<&Journal> {
        self.0.journal.as_ref()
    }

    pub(crate) fn begin(&self, key: &str) -> u64 {
        let ticket = self.0.next.fetch_add(1, Ordering::Relaxed);
        self.lock().insert(ticket, (key.to_owned(), None));
        ticket
    }

    pub(crate) fn created(&self, ticket: u64, begun: &BegunUpload) {
        if let Some((_, id)) = self.lock().get_mut(&ticket) {
            *id = Some(begun.upload_id.clone());
        }
        if let Some(journal) = self.journal() {
            journal.begin(begun.clone());
        }
    }

    /// The server made none.
    pub(crate) fn refused(&self, ticket: u64) {
        self.lock().remove(&ticket);
    }

    pub(crate) fn resumed(&self, key: &str, upload_id: &str) {
        let ticket = self.begin(key);
        if let Some((_, id)) = self.lock().get_mut(&ticket) {
            *id = Some(upload_id.to_owned());
        }
    }

    /// Completed, or ended, or gone.
    pub(crate) fn end(&self, upload_id: &str) {
        self.lock()
            .retain(|_, (_, id)| id.as_deref() != Some(upload_id));
        if let Some(journal) = self.journal() {
            journal.end(upload_id);
        }
    }

    /// Ends what a stopped run left open and no later one will take up. What cannot be
    /// ended now is swept by a later run, so a failure here is no failure of its own.
    pub(crate) async fn settle(&self, bucket: &Bucket) {
        let kept = self.journal().map(Journal::ids).unwrap_or_default();
        let open: Vec<_> = self.lock().drain().map(|(_, upload)| upload).collect();
        for (key, id) in open {
            let ended = match id {
                Some(id) if kept.contains(&id) => continue,
                Some(id) => bucket.abort_upload(&key, &id).await,
                // Stopped between the request and its answer: the server knows the id.
                None => abort_by_key(bucket, &key, &kept).await,
            };
            if let Err(error) = ended {
                tracing::warn!(%error, "an unfinished upload stays until a later run sweeps it");
                return;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, (String, Option<String>)>> {
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn abort_by_key(bucket: &Bucket, key: &str, kept: &[String]) -> Result<()> {
    for upload in bucket.open_uploads(key).await? {
        if upload.key == key && !kept.contains(&upload.upload_id) {
            bucket.abort_upload(&upload.key, &upload.upload_id).await?;
        }
    }
    Ok(())
}
