//! The readable copies that a backup in the clear makes for other programs.

use std::collections::HashSet;

use crate::{Bucket, Result};

/// How many lie there, the catalog's among them, beside those of the files `beside`.
/// Whether a restore point needs them is not asked.
pub async fn plain_copies(bucket: &Bucket, beside: &[String]) -> Result<u64> {
    let layout = bucket.layout();
    let beside: HashSet<String> = beside
        .iter()
        .filter_map(|path| layout.plain(path))
        .collect();
    let latest = layout.latest_catalog();
    let mut copies = 0;
    for prefix in [layout.plain_prefix(), latest.clone()] {
        let there = bucket.list(&prefix).await?;
        let is_copy = |key: &String| prefix != latest || *key == latest;
        copies += there
            .iter()
            .filter(|object| is_copy(&object.key) && !beside.contains(&object.key))
            .count() as u64;
    }
    Ok(copies)
}
