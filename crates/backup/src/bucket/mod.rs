//! One bucket: the client, its limits, and how a request is tried again.
//!
//! The only module (with its children) that talks to `aws-sdk-s3`. Every
//! request goes through [`Bucket::call`]; what is deleted are our own probe objects,
//! our own unfinished uploads, and what keep rules dropped.

mod link;
mod objects;
mod rules;
mod uploads;
mod watch;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{
    BehaviorVersion, Credentials, Region, RequestChecksumCalculation, ResponseChecksumValidation,
};
use aws_sdk_s3::types::ServerSideEncryption;

pub use link::{Link, StoredFile, fetch_file, link};
pub use rules::{BucketRule, BucketRules, OwnRule};
pub(crate) use uploads::PartDone;

use crate::budget::{ByteBudget, Pace};
use crate::fault::{Fault, FaultKind, Place};
use crate::layout::Layout;
use crate::retry::Retry;
use crate::{BackupError, BucketConfig, Result, ServerEncryption, Tuning};
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
    budget: ByteBudget,
    pace: Pace,
}

/// How a request proves its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Checksum {
    Crc64Nvme,
    ContentMd5,
}

/// A slow line is not a stall: a request may take this long, plus its bytes at this speed.
const PATIENCE: Duration = Duration::from_secs(60);
const SLOWEST_BYTES_PER_SECOND: u64 = 8 << 10;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

impl Bucket {
    /// Checks the settings and makes a client. Sends nothing: the first request does.
    pub fn connect(config: BucketConfig) -> Result<Self> {
        Self::connect_with(config, Tuning::default())
    }

    pub fn connect_with(config: BucketConfig, tuning: Tuning) -> Result<Self> {
        config.check()?;
        let watch = Watch::default();
        let credentials = Credentials::new(
            config.access_key.expose(),
            config.secret_key.expose(),
            None,
            None,
            "redline",
        );
        let mut builder = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new(config.region.clone()))
            .credentials_provider(credentials)
            .force_path_style(config.path_style)
            .retry_config(RetryConfig::disabled())
            .timeout_config(
                TimeoutConfig::builder()
                    .connect_timeout(CONNECT_TIMEOUT)
                    .build(),
            )
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
            budget: ByteBudget::new(tuning.byte_budget),
            pace: Pace::new(tuning.max_requests),
            config,
            tuning,
        })))
    }

    /// HTTP requests sent so far, retries included.
    pub fn requests(&self) -> u64 {
        self.0.watch.requests()
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

    /// The payload is signed only where nothing else protects it: over plain HTTP.
    fn signs_payload(&self) -> bool {
        self.0
            .config
            .endpoint_url
            .as_deref()
            .is_some_and(|url| url.starts_with("http://"))
    }

    /// Sends a request until it works, is refused, or patience ends.
    /// `permission` is the one it needs (for the message), `what` the thing it is about,
    /// `bytes` its body in either direction, for the time limit.
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
        let limit = PATIENCE + Duration::from_secs(bytes / SLOWEST_BYTES_PER_SECOND);
        let mut retry = Retry::new(&self.0.tuning.retry);
        loop {
            let checksum = self.checksum();
            let client = match checksum {
                Checksum::Crc64Nvme => self.0.modern.clone(),
                Checksum::ContentMd5 => self.0.classic.clone(),
            };
            let slot = self.0.pace.slot().await;
            let outcome = tokio::time::timeout(limit, attempt(client, checksum)).await;
            drop(slot);
            let fault = match outcome {
                Ok(Ok(value)) => {
                    self.0.pace.went_well();
                    return Ok(value);
                }
                Ok(Err(fault)) => fault,
                Err(_) => Fault::transport("no answer in time"),
            };
            // By what this attempt sent: requests side by side are all refused, not only the first.
            if checksum == Checksum::Crc64Nvme && fault.is_checksum_refusal() {
                tracing::info!(
                    permission,
                    code = fault.code,
                    "the server refuses checksum headers: Content-MD5 from here on"
                );
                self.0.checksums_refused.store(true, Ordering::Relaxed);
                continue;
            }
            if fault.kind == FaultKind::Throttled {
                self.0.pace.slow_down();
            }
            let Some(wait) = retry.after(&fault.kind) else {
                return Err(fault);
            };
            tracing::debug!(permission, kind = ?fault.kind, code = fault.code, ?wait, "trying again");
            tokio::time::sleep(wait).await;
        }
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
    pub(crate) const VERSIONING: &str = "s3:GetBucketVersioning";
    pub(crate) const PUT_VERSIONING: &str = "s3:PutBucketVersioning";
    pub(crate) const GET_LIFECYCLE: &str = "s3:GetLifecycleConfiguration";
    pub(crate) const PUT_LIFECYCLE: &str = "s3:PutLifecycleConfiguration";
    pub(crate) const GET_REPLICATION: &str = "s3:GetReplicationConfiguration";
}
