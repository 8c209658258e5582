//! How long restore points stay: keep rules, and the only way that anything of a backup
//! is ever deleted in the bucket.
//!
//! Two phases, at least a day apart. The first writes a signed mark that names the
//! points the rules drop and the objects that no kept point needs. The second deletes
//! what the mark names, as far as it is *still* dropped, unreferenced and not stored
//! again since: points first, so that none is ever claimed without its bytes. Whatever
//! another device does in between is seen, and a mark that is not authentic does nothing.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::Duration;

use bytes::Bytes;
use futures::stream::{self, StreamExt};
use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::backup::abort_stale_uploads;
use crate::heads::covers;
use crate::layout::PointName;
use crate::manifest::Manifest;
use crate::points::{self, RestorePoint};
use crate::{BackupError, Bucket, ManifestKey, PointState, Result};

/// Which restore points stay. A point stays when one of the rules keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeepRules {
    /// The newest so many; one at least.
    pub last: u32,
    /// The newest of each of the last so many days (UTC) that have one.
    pub daily: u32,
    pub weekly: u32,
    pub monthly: u32,
}

/// What is between marking and deleting, on both clocks: this machine's and the server's.
const WAIT_HOURS: i64 = 24;
/// Uploads of ours that were begun this long ago are nobody's any more.
const STALE_UPLOAD: Duration = Duration::from_secs(7 * 24 * 3600);
/// What no point names, nor did, is somebody's who is still at it, until it is this old.
const LEFT_BEHIND: Duration = Duration::from_secs(7 * 24 * 3600);
const DELETES_AT_ONCE: usize = 16;
const MAX_MARK: u64 = 256 << 20;

/// Exactly what the rules would do now.
#[derive(Debug)]
pub struct RetentionPlan {
    pub kept: u64,
    /// Newest first.
    pub dropped: Vec<RestorePoint>,
    /// Keys that no kept point needs, with their sizes.
    pub unreferenced: Vec<(String, u64)>,
    /// Keys that a mark names and that can be deleted now.
    pub collectable: Vec<(String, u64)>,
    /// Points that a mark names and that are still dropped; they go with the keys.
    pub collectable_points: Vec<String>,
    /// When what is marked can be deleted.
    pub collectable_at: Option<Timestamp>,
    /// Why nothing may be dropped now.
    pub refused: Option<String>,
    mark: Option<Mark>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RetentionOutcome {
    pub marked_points: u64,
    pub marked_objects: u64,
    pub deleted_points: u64,
    pub deleted_objects: u64,
    pub deleted_bytes: u64,
    pub ended_uploads: u64,
    pub collectable_at: Option<Timestamp>,
}

/// As it lies in the bucket, signed over its bytes.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct MarkBody {
    version: u32,
    store: String,
    marked_at: Timestamp,
    points: BTreeSet<String>,
    keys: BTreeSet<String>,
}

#[derive(Serialize, Deserialize)]
struct Envelope {
    hmac: String,
    mark: String,
}

#[derive(Debug)]
struct Mark {
    key: String,
    body: MarkBody,
    /// By the server's clock, seconds.
    stored_at: i64,
}

impl Mark {
    fn collectable_at(&self) -> Timestamp {
        let local = self.body.marked_at;
        let server = Timestamp::from_second(self.stored_at).unwrap_or(local);
        let later = local.max(server);
        later.checked_add(WAIT_HOURS.hours()).unwrap_or(later)
    }

    /// By this machine's clock (`now`) and by the server's, which is `skew` seconds behind:
    /// one that was set wrong is not a day that passed.
    fn is_ripe(&self, now: Timestamp, skew: Option<i64>) -> bool {
        let at = self.collectable_at().as_second();
        now.as_second() >= at && now.as_second() - skew.unwrap_or(0) >= at
    }
}

/// Ids of the points that stay.
pub(crate) fn kept_by(rules: &KeepRules, points: &[(PointName, Timestamp)]) -> HashSet<String> {
    let mut newest: Vec<&(PointName, Timestamp)> = points.iter().collect();
    newest.sort_by_key(|(name, _)| std::cmp::Reverse(name.order()));
    let last = usize::try_from(rules.last.max(1)).unwrap_or(usize::MAX);
    let mut kept: HashSet<String> = newest
        .iter()
        .take(last)
        .map(|(name, _)| name.id())
        .collect();
    let mut by_period = |many: u32, period: fn(Timestamp) -> String| {
        let mut seen: Vec<String> = Vec::new();
        for (name, at) in &newest {
            let period = period(*at);
            if seen.contains(&period) {
                continue;
            }
            if seen.len() >= usize::try_from(many).unwrap_or(usize::MAX) {
                break;
            }
            seen.push(period);
            kept.insert(name.id());
        }
    };
    by_period(rules.daily, |at| at.strftime("%Y-%m-%d").to_string());
    by_period(rules.weekly, |at| at.strftime("%G-%V").to_string());
    by_period(rules.monthly, |at| at.strftime("%Y-%m").to_string());
    kept
}

/// Reads every point's lists and the bucket's, and deletes nothing. `now` is this
/// machine's clock.
pub async fn plan_retention(
    bucket: &Bucket,
    key: &ManifestKey,
    rules: &KeepRules,
    now: Timestamp,
) -> Result<RetentionPlan> {
    let points = points::list_restore_points(bucket, key).await?;
    // Not what it needs, nor what it would drop, can be told of one that does not open.
    if let Some(locked) = points.iter().find(|p| p.state == PointState::Locked) {
        points::read_head(bucket, key, &locked.id).await?;
    }
    let mut plan = RetentionPlan {
        kept: 0,
        dropped: Vec::new(),
        unreferenced: Vec::new(),
        collectable: Vec::new(),
        collectable_points: Vec::new(),
        collectable_at: None,
        refused: None,
        mark: None,
    };
    // What cannot be read may need anything. One flipped bit makes a point of ours look
    // like a stranger's; at worst a stranger's stops the collecting.
    if let Some(unreadable) = points.iter().find(|p| p.state != PointState::Ready) {
        plan.refused = Some(format!(
            "Restore point {} cannot be read, so what it needs is not known.",
            unreadable.id
        ));
    }
    let ready: Vec<&RestorePoint> = points
        .iter()
        .filter(|p| p.state == PointState::Ready)
        .collect();
    let named: Vec<(PointName, Timestamp)> = ready
        .iter()
        .filter_map(|p| {
            let name = PointName::parse(&p.id)?;
            let at = p.created_at.parse().ok()?;
            Some((name, at))
        })
        .collect();
    let mut kept_ids = kept_by(rules, &named);
    let mut heads = Vec::new();
    for head in ready.iter().filter(|p| p.head) {
        heads.push(points::read_head(bucket, key, &head.id).await?);
    }
    // What devices that have not met yet have in common tells an edit from a delete.
    let mut shared = named.iter().map(|(name, _)| name).filter(|name| {
        heads.iter().all(|head| covers(head, name)) && heads.iter().all(|h| h.id != name.id())
    });
    if heads.len() > 1
        && let Some(newest) = shared.next()
    {
        kept_ids.insert(newest.id());
    }
    let mut in_the_clear = false;
    let mut needed = Needed::default();
    let mut once_needed = Needed::default();
    let mut once = Vec::new();
    for point in &ready {
        let manifest = points::load_manifest(bucket, key, &point.id).await?;
        // A head is the present of a device that has not met the others yet.
        if kept_ids.contains(&point.id) || point.head {
            plan.kept += 1;
            in_the_clear |= !point.encrypted;
            needed.add(bucket, &manifest)?;
        } else {
            once_needed.add(bucket, &manifest)?;
            once.push(manifest);
            plan.dropped.push((*point).clone());
        }
    }
    let mut there = things_there(bucket).await?;
    // The newest catalog in the clear is of no point any more once all that stay are sealed.
    if !in_the_clear && plan.kept > 0 {
        let latest = bucket.layout().latest_catalog();
        let mut listed = listed(bucket, &latest).await?;
        if let Some(thing) = listed.remove(&latest) {
            once_needed.keys.insert(latest.clone());
            there.insert(latest, thing);
        }
    }
    let mark = read_mark(bucket, key).await?;
    let plain_prefix = bucket.layout().plain_prefix();
    // Copies under a file's own name that a dropped point had, and no kept one has. The
    // mark still knows them if the points went and the rest did not.
    let marked = mark.iter().flat_map(|mark| &mark.body.keys);
    let plain: HashSet<String> = once
        .iter()
        .flat_map(|m| &m.files)
        .filter_map(|f| bucket.layout().plain(&f.path))
        .chain(marked.filter(|key| key.starts_with(&plain_prefix)).cloned())
        .filter(|key| !needed.keys.contains(key))
        .collect();
    // With everything sealed a copy in the clear is nobody's any more, whichever run left it.
    let all_sealed = !in_the_clear && plan.kept > 0;
    let plain_there = match plain.is_empty() && !all_sealed {
        true => HashMap::new(),
        false => listed(bucket, &plain_prefix).await?,
    };
    // What no point names may belong to one that is being made: a first backup can take days.
    let server_now = now.as_second() - bucket.clock_skew().unwrap_or(0);
    let left_behind = |key: &String, thing: &Thing| {
        once_needed.keys.contains(key)
            || thing.modified.saturating_add(LEFT_BEHIND.as_secs() as i64) <= server_now
    };
    let unneeded = there
        .iter()
        .filter(|(key, thing)| !needed.keys.contains(*key) && left_behind(key, thing))
        .chain(plain_there.iter().filter(|(key, thing)| {
            let nobodys = all_sealed && !needed.keys.contains(*key) && left_behind(key, thing);
            plain.contains(*key) || nobodys
        }));
    plan.unreferenced = unneeded
        .map(|(key, thing)| (key.clone(), thing.size))
        .collect();
    plan.unreferenced.sort();

    let Some(mark) = mark else {
        return Ok(plan);
    };
    plan.collectable_at = Some(mark.collectable_at());
    if mark.is_ripe(now, bucket.clock_skew()) && plan.refused.is_none() {
        let dropped: HashSet<&str> = plan.dropped.iter().map(|p| p.id.as_str()).collect();
        plan.collectable_points = mark
            .body
            .points
            .iter()
            .filter(|id| dropped.contains(id.as_str()))
            .cloned()
            .collect();
        let still: HashMap<&str, u64> = plan
            .unreferenced
            .iter()
            .map(|(key, size)| (key.as_str(), *size))
            .collect();
        plan.collectable = mark
            .body
            .keys
            .iter()
            .filter_map(|key| {
                let size = *still.get(key.as_str())?;
                let thing = there.get(key).or_else(|| plain_there.get(key))?;
                // Stored again since: somebody is about to need it.
                (thing.modified <= mark.stored_at).then(|| (key.clone(), size))
            })
            .collect();
    }
    plan.mark = Some(mark);
    Ok(plan)
}

/// Does the phase that is due: deletes what was marked a day ago, or marks. Ends
/// unfinished uploads of ours in any case.
pub async fn run_retention(
    bucket: &Bucket,
    key: &ManifestKey,
    rules: &KeepRules,
    now: Timestamp,
) -> Result<RetentionOutcome> {
    let mut outcome = RetentionOutcome {
        ended_uploads: abort_stale_uploads(bucket, STALE_UPLOAD).await?,
        ..RetentionOutcome::default()
    };
    let plan = plan_retention(bucket, key, rules, now).await?;
    if plan.refused.is_some() {
        return Ok(outcome);
    }
    if let Some(mark) = &plan.mark {
        let nothing = plan.collectable.is_empty() && plan.collectable_points.is_empty();
        if nothing && !mark.is_ripe(now, bucket.clock_skew()) {
            outcome.collectable_at = Some(mark.collectable_at());
            return Ok(outcome);
        }
        for id in &plan.collectable_points {
            bucket
                .delete_collected(&bucket.layout().manifest(id))
                .await?;
            outcome.deleted_points += 1;
        }
        let stored_at = mark.stored_at;
        let mut deletes = stream::iter(plan.collectable.clone())
            .map(|(key, size)| async move {
                // The list is minutes old by now: whoever stored it again is about to need it.
                let there = bucket.head(&key).await?;
                if there.is_none_or(|stored| stored.modified > stored_at) {
                    return Ok(None);
                }
                bucket.delete_collected(&key).await.map(|()| Some(size))
            })
            .buffer_unordered(DELETES_AT_ONCE);
        while let Some(size) = deletes.next().await {
            if let Some(size) = size? {
                outcome.deleted_bytes += size;
                outcome.deleted_objects += 1;
            }
        }
        // Last: as long as it is there, what it names is left to be deleted.
        bucket.delete_collected(&mark.key).await?;
        return Ok(outcome);
    }
    if plan.dropped.is_empty() && plan.unreferenced.is_empty() {
        return Ok(outcome);
    }
    let body = MarkBody {
        version: 1,
        store: bucket.store_hash().to_owned(),
        marked_at: now,
        points: plan.dropped.iter().map(|p| p.id.clone()).collect(),
        keys: plan
            .unreferenced
            .iter()
            .map(|(key, _)| key.clone())
            .collect(),
    };
    outcome.marked_points = body.points.len() as u64;
    outcome.marked_objects = body.keys.len() as u64;
    write_mark(bucket, key, &body).await?;
    outcome.collectable_at = now.checked_add(WAIT_HOURS.hours()).ok();
    Ok(outcome)
}

/// Keys that a mark names: a backup does not rely on finding what lies there.
pub(crate) async fn marked_keys(bucket: &Bucket, key: &ManifestKey) -> Result<HashSet<String>> {
    let mark = read_mark(bucket, key).await?;
    Ok(mark.into_iter().flat_map(|mark| mark.body.keys).collect())
}

struct Thing {
    size: u64,
    modified: i64,
}

async fn listed(bucket: &Bucket, prefix: &str) -> Result<HashMap<String, Thing>> {
    let all = bucket.list(prefix).await?;
    Ok(all
        .into_iter()
        .map(|o| {
            (
                o.key,
                Thing {
                    size: o.size,
                    modified: o.modified,
                },
            )
        })
        .collect())
}

/// Everything of a backup that is addressed by its content.
async fn things_there(bucket: &Bucket) -> Result<HashMap<String, Thing>> {
    let layout = bucket.layout();
    let mut there = listed(bucket, &layout.objects_prefix()).await?;
    there.extend(listed(bucket, &layout.shards_prefix()).await?);
    there.extend(listed(bucket, &layout.catalogs_prefix()).await?);
    Ok(there)
}

#[derive(Default)]
struct Needed {
    keys: HashSet<String>,
}

impl Needed {
    fn add(&mut self, bucket: &Bucket, manifest: &Manifest) -> Result<()> {
        let layout = bucket.layout();
        let head = &manifest.head;
        self.keys
            .insert(points::catalog_place(bucket, &head.catalog)?.key);
        for shard in &head.shards {
            self.keys
                .insert(points::shard_place(bucket, head, shard)?.key);
        }
        for file in &manifest.files {
            self.keys.insert(points::file_place(bucket, file)?.key);
            if file.seal.is_none() {
                self.keys.extend(layout.plain(&file.path));
            }
        }
        // Names that are refused still have bytes that somebody may come for.
        self.keys.extend(
            manifest
                .refused
                .iter()
                .filter_map(|(path, _)| layout.plain(path)),
        );
        Ok(())
    }
}

async fn write_mark(bucket: &Bucket, key: &ManifestKey, body: &MarkBody) -> Result<()> {
    let encode = |e: serde_json::Error| BackupError::io("write the mark", std::io::Error::other(e));
    let name = format!("mark-{}", ulid::Ulid::new());
    let text = serde_json::to_string(body).map_err(encode)?;
    let bytes = serde_json::to_vec(&Envelope {
        hmac: key.sign(&name, text.as_bytes()),
        mark: text,
    })
    .map_err(encode)?;
    let sha256 = hex::encode(Sha256::digest(&bytes));
    bucket
        .put(&bucket.layout().mark(&name), Bytes::from(bytes), &sha256)
        .await
        .map(drop)
}

/// The oldest mark that is authentic and this store's. Others are left alone.
async fn read_mark(bucket: &Bucket, key: &ManifestKey) -> Result<Option<Mark>> {
    let prefix = bucket.layout().marks_prefix();
    let mut marks = bucket.list(&prefix).await?;
    marks.sort_by(|a, b| a.key.cmp(&b.key));
    for listed in marks {
        let Some(name) = listed
            .key
            .strip_prefix(&prefix)
            .and_then(|name| name.strip_suffix(".json"))
        else {
            continue;
        };
        let bytes = match bucket.get_small(&listed.key, "The mark", MAX_MARK).await {
            Ok(bytes) => bytes,
            Err(BackupError::NotFound { .. } | BackupError::Damaged { .. }) => continue,
            Err(error) => return Err(error),
        };
        let Ok(envelope) = serde_json::from_slice::<Envelope>(&bytes) else {
            continue;
        };
        if !key.accepts(name, envelope.mark.as_bytes(), &envelope.hmac) {
            continue;
        }
        let Ok(body) = serde_json::from_str::<MarkBody>(&envelope.mark) else {
            continue;
        };
        if body.version == 1 && body.store == bucket.store_hash() {
            return Ok(Some(Mark {
                key: listed.key,
                body,
                stored_at: listed.modified,
            }));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(rules: KeepRules, times: &[&str]) -> Vec<usize> {
        let points: Vec<(PointName, Timestamp)> = times
            .iter()
            .enumerate()
            .map(|(n, at)| (PointName::new(n as u64 + 1, "d"), at.parse().unwrap()))
            .collect();
        let ids = kept_by(&rules, &points);
        (0..times.len())
            .filter(|n| ids.contains(&points[*n].0.id()))
            .collect()
    }

    #[test]
    fn a_mark_is_ripe_when_both_clocks_say_that_a_day_has_passed() {
        let marked_at: Timestamp = "2026-03-01T12:00:00Z".parse().unwrap();
        let mark = Mark {
            key: String::new(),
            body: MarkBody {
                version: 1,
                store: String::new(),
                marked_at,
                points: BTreeSet::new(),
                keys: BTreeSet::new(),
            },
            stored_at: marked_at.as_second(),
        };
        let day = 24 * 3600;
        let at = |seconds: i64| Timestamp::from_second(marked_at.as_second() + seconds).unwrap();
        assert!(!mark.is_ripe(at(day - 1), Some(0)));
        assert!(mark.is_ripe(at(day), Some(0)) && mark.is_ripe(at(day), None));
        assert!(
            !mark.is_ripe(at(0), Some(-2 * day)),
            "the server's clock ran ahead"
        );
        assert!(
            !mark.is_ripe(at(2 * day), Some(2 * day)),
            "this machine's did"
        );
    }

    #[test]
    fn rules_keep_the_newest_of_each_period() {
        let times = [
            "2026-01-05T08:00:00Z",
            "2026-01-31T08:00:00Z",
            "2026-02-02T08:00:00Z",
            "2026-02-03T08:00:00Z",
            "2026-02-03T20:00:00Z",
            "2026-02-04T09:00:00Z",
        ];
        let rules = |last, daily, weekly, monthly| KeepRules {
            last,
            daily,
            weekly,
            monthly,
        };
        assert_eq!(kept(rules(0, 0, 0, 0), &times), [5], "one always stays");
        assert_eq!(kept(rules(2, 0, 0, 0), &times), [4, 5]);
        assert_eq!(kept(rules(1, 2, 0, 0), &times), [4, 5]);
        assert_eq!(kept(rules(1, 3, 0, 0), &times), [2, 4, 5]);
        assert_eq!(kept(rules(1, 0, 2, 0), &times), [1, 5]);
        assert_eq!(kept(rules(1, 0, 0, 12), &times), [1, 5]);
        assert_eq!(kept(rules(9, 0, 0, 0), &times).len(), 6);
        assert_eq!(kept(rules(1, 0, 9, 0), &times), [0, 1, 5]);
    }
}
