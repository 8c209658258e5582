//! What lies in the bucket unencrypted though backups are encrypted now, and in which words
//! that is told.

use redline_backup::{BackupOutcome, Bucket, PointState};

use crate::bucket::BucketSettings;
use crate::error::CoreError;
use crate::session::Session;
use crate::text;

/// What was found.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct InTheClear {
    /// Restore points of any kind.
    all_points: u64,
    /// Those that are not encrypted.
    points: u64,
    /// Files that are only in the bucket, in the clear.
    files: u64,
    /// Readable copies beside those of these files; where no point is in the clear, a run that
    /// was stopped left them.
    copies: u64,
}

impl Session {
    /// Asks the bucket.
    pub(crate) fn look_in_the_clear(
        &self,
        bucket: &Bucket,
        settings: &BucketSettings,
    ) -> Result<InTheClear, CoreError> {
        let (points, all_points) = self.points_in_the_clear(bucket)?;
        let last = self.last_manifest(settings);
        // A last point in the clear is one of those.
        let clear: Vec<String> = last
            .filter(|last| last.head.encryption.is_some())
            .map_or_else(Vec::new, |last| {
                let clear = last.files.into_iter().filter(|file| file.seal.is_none());
                clear.map(|file| file.path).collect()
            });
        Ok(InTheClear {
            all_points,
            points,
            files: clear.len() as u64,
            copies: self.copies_in_the_clear(bucket, clear)?,
        })
    }

    /// What a backup is to say of what it found. `before`: whether the restore point that it
    /// built on, if it built on one, was encrypted.
    pub(crate) fn stays_in_the_clear(
        &self,
        bucket: &Bucket,
        before: Option<bool>,
        outcome: &BackupOutcome,
    ) -> Result<Option<String>, CoreError> {
        let head = &outcome.current.head;
        if head.encryption.is_none() {
            return Ok(None);
        }
        let mut found = InTheClear {
            files: outcome.in_the_clear,
            ..InTheClear::default()
        };
        match before {
            Some(true) => {}
            Some(false) => found.points = self.points_in_the_clear(bucket)?.0,
            // Nothing was ever finished in the clear, but it may have been begun.
            None => {
                let clear = outcome.current.files.iter();
                let clear = clear.filter(|file| file.seal.is_none());
                let clear = clear.map(|file| file.path.clone()).collect();
                found.copies = self.copies_in_the_clear(bucket, clear)?;
            }
        }
        Ok(found.said())
    }

    /// How many restore points are not encrypted, and of how many.
    fn points_in_the_clear(&self, bucket: &Bucket) -> Result<(u64, u64), CoreError> {
        let key = self.manifest_key();
        let points = self
            .0
            .core
            .block_on(async move { redline_backup::list_restore_points(bucket, &key).await })??;
        let clear = points
            .iter()
            .filter(|point| !point.encrypted && point.state == PointState::Ready)
            .count();
        Ok((clear as u64, points.len() as u64))
    }

    /// Beside those of the files `beside`.
    fn copies_in_the_clear(&self, bucket: &Bucket, beside: Vec<String>) -> Result<u64, CoreError> {
        Ok(self
            .0
            .core
            .block_on(async move { redline_backup::plain_copies(bucket, &beside).await })??)
    }
}

impl InTheClear {
    /// Whether something was sent before, finished or not.
    pub(crate) fn is_begun(self) -> bool {
        self.all_points + self.copies > 0
    }

    /// In whole sentences; `None` where nothing lies there.
    pub(crate) fn said(self) -> Option<String> {
        let mut said = Vec::new();
        if self.points > 0 {
            let (points, them) = match self.points {
                1 => ("1 restore point from before is".to_owned(), "it"),
                n => (
                    format!("{} restore points from before are", text::grouped(n)),
                    "they",
                ),
            };
            said.push(format!("{points} not encrypted: {them} and the readable copies of the files stay in the bucket until keep rules drop them."));
        } else if self.copies > 0 {
            let (copies, them) = match self.copies {
                1 => ("1 readable copy is".to_owned(), "It stays"),
                n => (
                    format!("{} readable copies are", text::grouped(n)),
                    "They stay",
                ),
            };
            said.push(format!("{copies} in the bucket, not encrypted, left behind by an earlier backup. {them} until keep rules tidy up."));
        }
        if self.files > 0 {
            let (files, them) = match self.files {
                1 => ("1 file is".to_owned(), "it"),
                n => (format!("{} files are", text::grouped(n)), "them"),
            };
            said.push(format!(
                "{files} in the bucket only, and not encrypted: fetch {them}, then back up again."
            ));
        }
        (!said.is_empty()).then(|| said.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(points: u64, files: u64, copies: u64) -> Option<String> {
        let found = InTheClear {
            all_points: points,
            points,
            files,
            copies,
        };
        found.said()
    }

    #[test]
    fn what_stays_readable_is_said() {
        assert_eq!(said(0, 0, 0), None);
        insta::assert_snapshot!(said(1, 0, 0).unwrap(), @"1 restore point from before is not encrypted: it and the readable copies of the files stay in the bucket until keep rules drop them.");
        insta::assert_snapshot!(said(1_204, 1, 0).unwrap(), @"1,204 restore points from before are not encrypted: they and the readable copies of the files stay in the bucket until keep rules drop them. 1 file is in the bucket only, and not encrypted: fetch it, then back up again.");
        assert_eq!(
            said(1, 0, 7),
            said(1, 0, 0),
            "the copies are said with the points"
        );
        insta::assert_snapshot!(said(0, 0, 1).unwrap(), @"1 readable copy is in the bucket, not encrypted, left behind by an earlier backup. It stays until keep rules tidy up.");
        insta::assert_snapshot!(said(0, 2, 1_204).unwrap(), @"1,204 readable copies are in the bucket, not encrypted, left behind by an earlier backup. They stay until keep rules tidy up. 2 files are in the bucket only, and not encrypted: fetch them, then back up again.");
    }
}
