//! Whether a restore point could be restored: asked of the bucket, object by
//! object, and answered from nothing else.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::stream::{self, StreamExt};

use crate::download::{self, Wanted};
use crate::manifest::Manifest;
use crate::points::{SkippedPoint, catalog_place};
use crate::progress::{self, Meter, Phase, Progress};
use crate::restore::{CATALOG, choose};
use crate::seal::{Kind, Place, key_store};
use crate::{BackupError, Bucket, ManifestKey, Result};

/// Something a restore would stumble over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifyFinding {
    /// A file's relative path, or "catalog".
    pub what: String,
    /// Not in the bucket at all; otherwise there with other bytes.
    pub missing: bool,
}

#[derive(Debug)]
pub struct VerifyReport {
    /// The restore point's id.
    pub point: String,
    pub created_at: String,
    pub deep: bool,
    pub files: u64,
    /// Distinct contents looked at, the catalog included.
    pub objects: u64,
    /// Read and hashed (deep), or vouched for by size and recorded hash (quick).
    pub bytes: u64,
    pub findings: Vec<VerifyFinding>,
    /// The contents (SHA-256) behind the findings, for a backup to send again.
    pub damaged: Vec<String>,
    /// Newer restore points that cannot be restored.
    pub skipped_points: Vec<SkippedPoint>,
    pub ok: bool,
}

/// What opens a sealed backup on another machine. The next backup puts it back.
const WRAPPED_KEY: &str = "recovery key";
const CHECKS_AT_ONCE: usize = 32;

struct Target {
    place: Place,
    sha256: String,
    size: u64,
    /// Everything that would be lost with it.
    names: Vec<String>,
}

/// Quick: a HEAD for each content, its size and recorded SHA-256 against the
/// manifest. Deep: every byte is read back and hashed. The manifest and its
/// lists are authenticated in both.
pub async fn verify(
    bucket: &Bucket,
    key: &ManifestKey,
    at: Option<&str>,
    deep: bool,
    progress: Arc<dyn Progress>,
) -> Result<VerifyReport> {
    progress::until_cancelled(&progress, run(bucket, key, at, deep, &progress)).await
}

async fn run(
    bucket: &Bucket,
    key: &ManifestKey,
    at: Option<&str>,
    deep: bool,
    progress: &Arc<dyn Progress>,
) -> Result<VerifyReport> {
    progress.phase(Phase::Verifying);
    let (manifest, skipped) = choose(bucket, key, at).await?;
    let targets = targets(bucket, &manifest)?;
    let mut report = VerifyReport {
        point: manifest.head.id.clone(),
        created_at: manifest.head.created_at.clone(),
        deep,
        files: manifest.head.files,
        objects: targets.len() as u64,
        bytes: targets.iter().map(|t| t.size).fold(0, u64::saturating_add),
        findings: manifest
            .refused
            .iter()
            .map(|(path, _)| VerifyFinding {
                what: path.clone(),
                missing: false,
            })
            .collect(),
        damaged: Vec::new(),
        skipped_points: skipped,
        ok: false,
    };
    if let Some(id) = &manifest.head.encryption
        && !key_store::has_wrapped(bucket, key, id).await?
    {
        report.findings.push(VerifyFinding {
            what: WRAPPED_KEY.to_owned(),
            missing: true,
        });
    }
    progress.set_total(report.bytes, report.objects);
    let mut checks = stream::iter(targets)
        .map(|target| async move {
            let verdict = if deep {
                check_deep(bucket, &target, progress).await
            } else {
                check_quick(bucket, &target, progress).await
            };
            progress.advance(0, 1);
            (target, verdict)
        })
        .buffer_unordered(CHECKS_AT_ONCE);
    while let Some((target, verdict)) = checks.next().await {
        if let Some(missing) = verdict? {
            report.damaged.push(target.sha256.clone());
            report.findings.extend(
                target
                    .names
                    .into_iter()
                    .map(|what| VerifyFinding { what, missing }),
            );
        }
    }
    report.findings.sort_by(|a, b| a.what.cmp(&b.what));
    report.ok = report.findings.is_empty();
    Ok(report)
}

/// Each content once, however many names it has.
fn targets(bucket: &Bucket, manifest: &Manifest) -> Result<Vec<Target>> {
    let mut by_hash: BTreeMap<(&str, u64, Option<&str>), Vec<String>> = BTreeMap::new();
    for file in &manifest.files {
        by_hash
            .entry((&file.sha256, file.size, file.seal.as_deref()))
            .or_default()
            .push(file.path.clone());
    }
    let catalog = &manifest.head.catalog;
    let mut all = Vec::with_capacity(by_hash.len() + 1);
    for catalog in [catalog]
        .into_iter()
        .chain(manifest.others.iter().map(|head| &head.catalog))
    {
        all.push(Target {
            place: catalog_place(bucket, catalog)?,
            sha256: catalog.sha256.clone(),
            size: catalog.size,
            names: vec![CATALOG.to_owned()],
        });
    }
    for ((sha256, size, seal), names) in by_hash {
        all.push(Target {
            place: bucket.place(Kind::Object, sha256, size, seal)?,
            sha256: sha256.to_owned(),
            size,
            names,
        });
    }
    Ok(all)
}

/// `None` if all is well, else whether it is missing.
async fn check_quick(
    bucket: &Bucket,
    target: &Target,
    progress: &Arc<dyn Progress>,
) -> Result<Option<bool>> {
    let place = &target.place;
    let stored = bucket.head(&place.key).await?;
    progress.advance(target.size, 0);
    Ok(match stored {
        None => Some(true),
        Some(s) if s.size == place.size && s.sha256.as_ref().is_none_or(|h| *h == place.label) => {
            None
        }
        Some(_) => Some(false),
    })
}

async fn check_deep(
    bucket: &Bucket,
    target: &Target,
    progress: &Arc<dyn Progress>,
) -> Result<Option<bool>> {
    let what = format!("\"{}\"", target.names[0]);
    let wanted = Wanted {
        places: vec![target.place.clone()],
        what: &what,
        size: target.size,
        sha256: &target.sha256,
    };
    match download::fetch(bucket, &wanted, None, &Meter::new(progress.clone())).await {
        Ok(()) => Ok(None),
        Err(BackupError::NotFound { .. }) => Ok(Some(true)),
        Err(BackupError::Damaged { .. }) => Ok(Some(false)),
        Err(error) => Err(error),
    }
}
