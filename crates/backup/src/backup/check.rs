//! Between the data and the restore point that claims it: is what this run sent there,
//! and whole? A server that said yes and kept nothing is found out now, not by a restore.

use std::collections::HashMap;
use std::io;

use tokio::task::JoinSet;

use super::Run;
use super::files::Crossed;
use crate::progress::Phase;
use crate::{BackupError, Result};

/// Up to so many contents are asked for one by one; more are looked up in a list, which
/// has a thousand a request.
const ONE_BY_ONE: usize = 64;

impl Run {
    /// `objects`: how many the bucket has, as far as is known.
    pub(super) async fn check_sent(&self, sent: &[Crossed], objects: u64) -> Result<()> {
        if sent.is_empty() {
            return Ok(());
        }
        self.progress.phase(Phase::Verifying);
        self.progress
            .set_total(sent.iter().map(|c| c.size).sum(), sent.len() as u64);
        let pages = usize::try_from(objects / 1000).unwrap_or(usize::MAX);
        if sent.len() <= ONE_BY_ONE.max(pages) {
            self.ask_for_each(sent).await
        } else {
            let there = crate::plan::objects_there(&self.bucket).await?;
            self.find_all(sent, &there)
        }
    }

    async fn ask_for_each(&self, sent: &[Crossed]) -> Result<()> {
        let mut asked: JoinSet<Result<u64>> = JoinSet::new();
        for content in sent {
            let (bucket, key) = (self.bucket.clone(), content.key.clone());
            let (stored, size) = (content.stored, content.size);
            asked.spawn(async move {
                match bucket.head(&key).await? {
                    Some(there) if there.size == stored => Ok(size),
                    _ => Err(not_kept()),
                }
            });
        }
        while let Some(answer) = asked.join_next().await {
            let torn = |e| BackupError::io("finish a check", io::Error::other(e));
            self.progress.advance(answer.map_err(torn)??, 1);
        }
        Ok(())
    }

    fn find_all(&self, sent: &[Crossed], there: &HashMap<String, u64>) -> Result<()> {
        for content in sent {
            if there.get(&content.key) != Some(&content.stored) {
                return Err(not_kept());
            }
            self.progress.advance(content.size, 1);
        }
        Ok(())
    }
}

fn not_kept() -> BackupError {
    BackupError::Service {
        operation: "a check of what was sent".to_owned(),
        status: 404,
        message: "the server said it had stored an object and does not have it whole".to_owned(),
    }
}
