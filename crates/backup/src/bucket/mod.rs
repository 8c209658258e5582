//! One bucket: the client, its limits, and how a request is tried again.
//!
//! The only module (with its children) that talks to `aws-sdk-s3`. Every
//! request goes through [`Bucket::call`]; what is deleted are our own probe objects,
//! our own unfinished uploads, and what keep rules dropped.

mod keys;
mod link;
mod objects;
mod pulse;
mod reach;
mod rules;
#[cfg(test)]
mod tests;
mod uploads;
mod watch;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{
    BehaviorVersion, IdentityCache, Region, RequestChecksumCalculation, ResponseChecksumValidation,
    StalledStreamProtectionConfig,
};
use aws_sdk_s3::types::ServerSideEncryption;
use tokio::sync::watch as signal;
use tokio_util::task::TaskTracker;

pub use keys::AccessKeys;
use keys::HeldKeys;
pub use link::{Link, StoredFile, fetch_file, link};
pub use reach::Reach;
pub use rules::{BucketRule, BucketRules, OwnRule};
pub(crate) use uploads::{Composed, PartBody, PartDone, crc_text};

use crate::budget::{ByteBudget, Pace};
use crate::fault::{Fault, FaultKind, Place};
use crate::journal::Journal;
use crate::layout::Layout;
use crate::retry::Retry;
use crate::{BackupError, BucketConfig, DataKeys, Result, ServerEncryption, Tuning};
use pulse::{Line, PULSE, Pulse};
use watch::Watch;

/// A bucket and one store's place in it. Cheap to clone; all clones share the
/// limits and the request count.
#[derive(Clone)]
pub struct Bucket(Arc<Inner>);

struct Inner {
    config: BucketConfig,
    layout: Layout,
    tuning: Tuning,
    /// Sends CRC64NVME with everything.
    modern: Client,
    /// For servers that refuse checksum headers: Content-MD5 instead.
    classic: Client,
    checksums_refused: AtomicBool,
    copy_refused: AtomicBool,
    watch: Watch,
    keys: HeldKeys,
    budget: ByteBudget,
    pace: Pace,
    line: Line,
    /// It has answered a request of ours: the address and the keys were right.
    answered: AtomicBool,
    paused: signal::Sender<bool>,
    /// Work on files that come out of this bucket.
    writers: TaskTracker,
    /// Where to write down what is on its way in parts.
    journal: OnceLock<PathBuf>,
    /// What is sealed with, if anything is.
    data_keys: OnceLock<DataKeys>,
}

/// How a request proves its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Checksum {
    Crc64Nvme,
    ContentMd5,
}

/// Seconds; as in the SDK.
const SIGNED_BY_SERVER: u64 = 4 * 60;
/// How often one request may be signed with other keys.
const RENEWALS: u32 = 3;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

impl Bucket {
    /// Checks the settings and makes a client. Sends nothing: the first request does.
    pub fn connect(config: BucketConfig) -> Result<Self> {
        Self::connect_with(config, Tuning::default())
    }

    pub fn connect_with(config: BucketConfig, tuning: Tuning) -> Result<Self> {
        config.check()?;
        let watch = Watch::default();
        let keys = HeldKeys::new(AccessKeys {
            access_key: config.access_key.clone(),
            secret_key: config.secret_key.clone(),
            session_token: config.session_token.clone(),
            expires_at: config.keys_expire_at,
        });
        let mut builder = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new(config.region.clone()))
            .credentials_provider(keys.clone())
            // They may be replaced in the middle of a run.
            .identity_cache(IdentityCache::no_cache())
            .force_path_style(config.path_style)
            .retry_config(RetryConfig::disabled())
            .timeout_config(
                TimeoutConfig::builder()
                    .connect_timeout(CONNECT_TIMEOUT)
                    .build(),
            )
            // Ours knows what is still in a socket, and the bandwidth limit.
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            // Every byte that matters is checked against its SHA-256 here.
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
            .interceptor(watch.clone());
        if let Some(url) = &config.endpoint_url {
            builder = builder.endpoint_url(url.trim_end_matches('/'));
        }
        let base = builder.build();
        let with =
            |mode| Client::from_conf(base.to_builder().request_checksum_calculation(mode).build());
        Ok(Self(Arc::new(Inner {
            layout: Layout::new(&config.prefix_hash),
            modern: with(RequestChecksumCalculation::WhenSupported),
            classic: with(RequestChecksumCalculation::WhenRequired),
            checksums_refused: AtomicBool::new(false),
            copy_refused: AtomicBool::new(false),
            watch,
            keys,
            budget: ByteBudget::new(tuning.byte_budget),
            pace: Pace::new(tuning.max_requests),
            line: Line::default(),
            answered: AtomicBool::new(false),
            paused: signal::Sender::new(false),
            writers: TaskTracker::new(),
            journal: OnceLock::new(),
            data_keys: OnceLock::new(),
            config,
            tuning,
        })))
    }

    /// HTTP requests sent so far, retries included.
    pub fn requests(&self) -> u64 {
        self.0.watch.requests()
    }

    /// From now on no more than so many bytes a second, both directions together;
    /// `None` for as fast as it goes.
    pub fn limit_bandwidth(&self, bytes_per_second: Option<u64>) {
        self.0.line.set_limit(bytes_per_second);
    }

    /// Tells whether this bucket can be reached, while it is in use.
    pub fn reach(&self) -> Reach {
        self.0.line.reach().clone()
    }

    /// While paused no request begins; those under way are finished.
    pub fn pause(&self, paused: bool) {
        self.0.paused.send_replace(paused);
    }

    /// Where `read` gets the keys anew when the ones held are refused or have expired
    /// in the middle of a run; `None` where there are none now. Called from a thread that
    /// may block. Its error ends the request that asked.
    pub fn renew_keys_with(
        &self,
        read: impl Fn() -> Result<Option<AccessKeys>> + Send + Sync + 'static,
    ) {
        self.0.keys.renew_with(Arc::new(read));
    }

    /// When the keys that are held end, where that is known.
    pub(crate) fn keys_expire_at(&self) -> Option<SystemTime> {
        self.0.keys.expire_at()
    }

    /// A folder of ours on this machine for a journal of what is on its way in parts, so
    /// that a run after a kill sends only the gaps. The first call counts.
    pub fn keep_journal_in(&self, folder: impl Into<PathBuf>) {
        let _ = self.0.journal.set(folder.into());
    }

    /// From now on everything is sealed before it is sent, and what was sealed can be
    /// read. The first call counts: a bucket in use never begins to send in the clear.
    pub fn seal_with(&self, keys: DataKeys) {
        let _ = self.0.data_keys.set(keys);
    }

    pub(crate) fn data_keys(&self) -> &DataKeys {
        static NONE: DataKeys = DataKeys {
            keys: Vec::new(),
            wrapped: None,
        };
        self.0.data_keys.get().unwrap_or(&NONE)
    }

    /// `None` without a folder, or while another process holds it.
    pub(crate) async fn journal(&self) -> Option<Journal> {
        let folder = self.0.journal.get()?.clone();
        let config = &self.0.config;
        let place = format!("{}|{}", config.endpoint_name(), config.bucket);
        tokio::task::spawn_blocking(move || Journal::open(&folder, place))
            .await
            .ok()
            .flatten()
    }

    pub(crate) fn writers(&self) -> &TaskTracker {
        &self.0.writers
    }

    /// Waits until nothing is written any more of what came out of this bucket. Who was
    /// cancelled does not wait for its writing, and the next run may be about the same file.
    pub(crate) async fn settle_writers(&self) {
        self.0.writers.close();
        self.0.writers.wait().await;
        self.0.writers.reopen();
    }

    /// Nobody else holds this bucket any more.
    pub fn is_idle(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }

    pub fn layout(&self) -> &Layout {
        &self.0.layout
    }

    pub(crate) fn tuning(&self) -> &Tuning {
        &self.0.tuning
    }

    pub(crate) fn budget(&self) -> &ByteBudget {
        &self.0.budget
    }

    pub(crate) fn store_hash(&self) -> &str {
        &self.0.config.prefix_hash
    }

    pub(crate) fn name(&self) -> &str {
        &self.0.config.bucket
    }

    /// How the server is asked to encrypt, for requests that store something.
    pub(crate) fn sse(&self) -> Option<ServerSideEncryption> {
        match &self.0.config.encryption {
            ServerEncryption::BucketDefault => None,
            ServerEncryption::SseS3 => Some(ServerSideEncryption::Aes256),
            ServerEncryption::SseKms { .. } => Some(ServerSideEncryption::AwsKms),
        }
    }

    pub(crate) fn kms_key(&self) -> Option<String> {
        match &self.0.config.encryption {
            ServerEncryption::SseKms { key_id } => key_id.clone(),
            _ => None,
        }
    }

    /// Seconds that this machine's clock is ahead of the server's, from its last answer.
    pub(crate) fn clock_skew(&self) -> Option<i64> {
        self.0.watch.skew_seconds()
    }

    /// So far that the SDK signs by the server's.
    fn clock_is_off(&self) -> bool {
        self.clock_skew()
            .is_some_and(|skew| skew.unsigned_abs() > SIGNED_BY_SERVER)
    }

    fn checksum(&self) -> Checksum {
        if self.0.checksums_refused.load(Ordering::Relaxed) {
            Checksum::ContentMd5
        } else {
            Checksum::Crc64Nvme
        }
    }

    pub(crate) fn copies(&self) -> bool {
        !self.0.copy_refused.load(Ordering::Relaxed)
    }

    pub(crate) fn never_copy_again(&self) {
        self.0.copy_refused.store(true, Ordering::Relaxed);
    }

    /// Nothing but Content-MD5 is accepted.
    pub(crate) fn checks_with_md5(&self) -> bool {
        self.checksum() == Checksum::ContentMd5
    }

    /// The payload is signed only where nothing else protects it on the way.
    pub(crate) fn signs_payload(&self) -> bool {
        self.0.config.in_the_clear()
    }

    /// Sends a request until it works, is refused, or patience ends.
    /// `permission` is the one it needs (for the message), `what` the thing it is about,
    /// `bytes` what the server has to move for it, for how long a silence may be.
    async fn call<T, F, Fut>(
        &self,
        permission: &'static str,
        what: &str,
        bytes: u64,
        attempt: F,
    ) -> Result<T>
    where
        F: Fn(Client, Checksum) -> Fut,
        Fut: Future<Output = Result<T, Fault>>,
    {
        self.call_for_fault(permission, bytes, attempt)
            .await
            .map_err(|fault| self.name_fault(fault, permission, what))
    }

    fn name_fault(&self, fault: Fault, permission: &str, what: &str) -> BackupError {
        let endpoint = self.0.config.endpoint_name();
        let place = Place {
            bucket: &self.0.config.bucket,
            endpoint: &endpoint,
            what,
            skew: self.clock_skew(),
        };
        fault.into_error(permission, &place)
    }

    /// As [`Bucket::call`], for callers that settle some refusals themselves.
    async fn call_for_fault<T, F, Fut>(
        &self,
        permission: &'static str,
        bytes: u64,
        attempt: F,
    ) -> Result<T, Fault>
    where
        F: Fn(Client, Checksum) -> Fut,
        Fut: Future<Output = Result<T, Fault>>,
    {
        self.call_with_body(permission, bytes, None, attempt).await
    }

    /// `body_sha256` spares the signer hashing the body again.
    async fn call_with_body<T, F, Fut>(
        &self,
        permission: &'static str,
        bytes: u64,
        body_sha256: Option<&str>,
        attempt: F,
    ) -> Result<T, Fault>
    where
        F: Fn(Client, Checksum) -> Fut,
        Fut: Future<Output = Result<T, Fault>>,
    {
        let inner = &*self.0;
        let mut retry = Retry::new(&inner.tuning.retry);
        let mut resigned = false;
        let mut renewals = 0;
        loop {
            self.while_paused().await;
            let slot = inner.pace.slot().await;
            let checksum = self.checksum();
            let client = match checksum {
                Checksum::Crc64Nvme => inner.modern.clone(),
                Checksum::ContentMd5 => inner.classic.clone(),
            };
            let keys = inner.keys.generation();
            let pulse = Arc::new(Pulse::new(
                inner.line.clone(),
                body_sha256.map(str::to_owned),
            ));
            let outcome = tokio::select! {
                biased;
                outcome = PULSE.scope(pulse.clone(), attempt(client, checksum)) => outcome,
                () = pulse.stall(inner.tuning.stall_after, bytes) => Err(Fault::stalled()),
            };
            let epoch = slot.epoch();
            drop(slot);
            let mut fault = match outcome {
                Ok(value) => {
                    pulse.went_well();
                    inner.line.reach().moved();
                    inner.answered.store(true, Ordering::Relaxed);
                    inner.pace.went_well(bytes);
                    return Ok(value);
                }
                Err(fault) => fault,
            };
            if fault.is_answer() {
                inner.line.reach().moved();
            }
            if fault.is_answer() && fault.kind != FaultKind::Refused {
                inner.answered.store(true, Ordering::Relaxed);
            }
            // By what this attempt sent: requests side by side are all refused, not only the first.
            if checksum == Checksum::Crc64Nvme && fault.is_checksum_refusal() {
                tracing::info!(
                    permission,
                    code = fault.code,
                    "the server refuses checksum headers: Content-MD5 from here on"
                );
                inner.checksums_refused.store(true, Ordering::Relaxed);
                continue;
            }
            // The SDK has seen the server's clock in that answer, and signs by it from now on.
            if fault.may_be_skew() && self.clock_is_off() && !std::mem::replace(&mut resigned, true)
            {
                continue;
            }
            // Some sources have other keys each time: a refusal that is about something else
            // would be asked about for ever.
            if fault.may_be_keys() && renewals < RENEWALS {
                renewals += 1;
                match inner.keys.renew(keys).await {
                    Ok(true) => continue,
                    Ok(false) => {}
                    Err(error) => fault = Fault::without_keys(error),
                }
            }
            if fault.kind == FaultKind::Throttled {
                inner.pace.slow_down(epoch);
            }
            let known = inner.answered.load(Ordering::Relaxed);
            let Some(wait) = retry.after(&fault.kind, known) else {
                return Err(fault);
            };
            if fault.kind == FaultKind::Transport {
                inner.line.reach().went_silent();
            }
            tracing::debug!(permission, kind = ?fault.kind, code = fault.code, ?wait, "trying again");
            tokio::time::sleep(wait).await;
        }
    }

    async fn while_paused(&self) {
        let mut paused = self.0.paused.subscribe();
        // The sender lives as long as this bucket.
        let _ = paused.wait_for(|paused| !paused).await;
    }
}

impl std::fmt::Debug for Bucket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bucket")
            .field("config", &self.0.config)
            .finish_non_exhaustive()
    }
}

/// Names as IAM has them, so that a message can be pasted into a policy.
pub(crate) mod permission {
    pub(crate) const PUT: &str = "s3:PutObject";
    pub(crate) const GET: &str = "s3:GetObject";
    pub(crate) const LIST: &str = "s3:ListBucket";
    pub(crate) const DELETE: &str = "s3:DeleteObject";
    pub(crate) const ABORT: &str = "s3:AbortMultipartUpload";
    pub(crate) const LIST_UPLOADS: &str = "s3:ListBucketMultipartUploads";
    pub(crate) const LIST_PARTS: &str = "s3:ListMultipartUploadParts";
    pub(crate) const VERSIONING: &str = "s3:GetBucketVersioning";
    pub(crate) const PUT_VERSIONING: &str = "s3:PutBucketVersioning";
    pub(crate) const GET_LIFECYCLE: &str = "s3:GetLifecycleConfiguration";
    pub(crate) const PUT_LIFECYCLE: &str = "s3:PutLifecycleConfiguration";
    pub(crate) const GET_REPLICATION: &str = "s3:GetReplicationConfiguration";
}
