//! What stands in front of the server: the log of requests, and the faults.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use futures::StreamExt;
use hyper::body::Incoming;
use hyper::header::HeaderValue;
use hyper::{Request, Response, StatusCode};
use s3s::{Body, HttpError};

/// One request as it came in.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The S3 operation's name: `PutObject`, `UploadPart`, …
    pub operation: &'static str,
    /// The path, percent-encoded as on the line.
    pub path: String,
    /// What it asked the server to encrypt with, and the key's name.
    pub encryption: Option<(String, Option<String>)>,
}

#[derive(Clone, Debug)]
pub enum FaultKind {
    /// Answers with an S3 error instead of doing the work.
    Error { status: u16, code: &'static str },
    /// Does the work and drops the connection before answering.
    LostResponse,
    /// Answers with half of the body and drops the connection.
    Truncated,
    /// Answers with one bit flipped in the body.
    FlippedBit,
    /// A list says that there is more, and not from where.
    HalfList,
    /// One bit flips on the way in: the server's own checks see it.
    FlippedOnTheWayIn,
    /// Does the work and answers with another ETag than the one it keeps.
    WrongEtag,
    /// Takes the request and never says anything again.
    Stall,
    /// Waits before doing anything.
    Slow(Duration),
}

impl FaultKind {
    pub const SLOW_DOWN: Self = Self::Error {
        status: 503,
        code: "SlowDown",
    };
    pub const INTERNAL: Self = Self::Error {
        status: 500,
        code: "InternalError",
    };
    pub const ACCESS_DENIED: Self = Self::Error {
        status: 403,
        code: "AccessDenied",
    };
}

/// A fault, the requests it hits, and how often.
#[derive(Clone, Debug)]
pub struct Fault {
    kind: FaultKind,
    operation: Option<&'static str>,
    path_part: Option<String>,
    after: usize,
    left: usize,
    first_wait: Duration,
}

impl Fault {
    /// Hits the next request, whatever it is.
    pub fn new(kind: FaultKind) -> Self {
        Self {
            kind,
            operation: None,
            path_part: None,
            after: 0,
            left: 1,
            first_wait: Duration::ZERO,
        }
    }

    /// Hits the next restore point that is made: the manifest is stored last.
    pub fn at_manifest(kind: FaultKind) -> Self {
        Self::new(kind).on("PutObject").path_contains("/manifests/")
    }

    pub fn on(mut self, operation: &'static str) -> Self {
        self.operation = Some(operation);
        self
    }

    pub fn path_contains(mut self, part: impl Into<String>) -> Self {
        self.path_part = Some(part.into());
        self
    }

    pub fn times(mut self, times: usize) -> Self {
        self.left = times;
        self
    }

    /// Lets this many matching requests through first.
    pub fn after(mut self, requests: usize) -> Self {
        self.after = requests;
        self
    }

    /// Waits before the fault, so that something else can happen meanwhile.
    pub fn slowly(mut self, time: Duration) -> Self {
        self.first_wait = time;
        self
    }

    fn matches(&self, seen: &Seen) -> bool {
        self.left > 0
            && self.operation.is_none_or(|o| o == seen.operation)
            && self
                .path_part
                .as_ref()
                .is_none_or(|p| seen.path.contains(p.as_str()))
    }
}

#[derive(Default)]
pub(super) struct Front {
    seen: Mutex<Vec<Seen>>,
    faults: Mutex<Vec<Fault>>,
    /// Seconds that the server's clock is ahead of this machine's.
    clock_offset: AtomicI64,
    /// Access keys that are over.
    expired: Mutex<Vec<String>>,
    /// Temporary access keys, each with the token that has to come along.
    tokens: Mutex<Vec<(String, String)>>,
    /// Where the bucket is, if not where everybody asks.
    region: Mutex<Option<String>>,
}

/// As AWS: a request signed further off than this is refused.
const MAX_SKEW: i64 = 15 * 60;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Front {
    pub(super) fn inject(&self, fault: Fault) {
        lock(&self.faults).push(fault);
    }

    pub(super) fn clear_faults(&self) {
        lock(&self.faults).clear();
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        lock(&self.seen).clone()
    }

    pub(super) fn forget(&self) {
        lock(&self.seen).clear();
    }

    pub(super) fn set_clock_offset(&self, seconds: i64) {
        self.clock_offset.store(seconds, Ordering::Relaxed);
    }

    pub(super) fn expire(&self, access_key: &str) {
        lock(&self.expired).push(access_key.to_owned());
    }

    pub(super) fn require_token(&self, access_key: &str, token: &str) {
        lock(&self.tokens).push((access_key.to_owned(), token.to_owned()));
    }

    pub(super) fn move_to_region(&self, region: Option<&str>) {
        *lock(&self.region) = region.map(str::to_owned);
    }

    /// What a server says before it looks at what is asked.
    fn refusal(&self, request: &Request<Body>) -> Option<(u16, &'static str, String)> {
        let header = |name: &str| request.headers().get(name)?.to_str().ok();
        let signed = header("authorization").unwrap_or_default();
        let mut scope = signed
            .split_once("Credential=")
            .map_or("", |(_, rest)| rest)
            .split([',', ' '])
            .next()
            .unwrap_or_default()
            .split('/');
        let (access_key, region) = (scope.next()?, scope.nth(1));
        if lock(&self.expired).iter().any(|key| key == access_key) {
            return Some((400, "ExpiredToken", String::new()));
        }
        let token = header("x-amz-security-token");
        if lock(&self.tokens)
            .iter()
            .any(|(key, wanted)| key == access_key && token != Some(wanted))
        {
            return Some((403, "InvalidToken", String::new()));
        }
        if let (Some(there), Some(region)) = (lock(&self.region).clone(), region)
            && there != region
        {
            let more = format!("<Region>{there}</Region>");
            return Some((400, "AuthorizationHeaderMalformed", more));
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_secs();
        let here = i64::try_from(now).ok()? + self.clock_offset.load(Ordering::Relaxed);
        let then = header("x-amz-date").and_then(amz_seconds)?;
        ((here - then).abs() > MAX_SKEW).then(|| (403, "RequestTimeTooSkewed", String::new()))
    }

    fn pick(&self, seen: &Seen) -> Option<(FaultKind, Duration)> {
        let mut faults = lock(&self.faults);
        let fault = faults.iter_mut().find(|f| f.matches(seen))?;
        if fault.after > 0 {
            fault.after -= 1;
            return None;
        }
        fault.left -= 1;
        Some((fault.kind.clone(), fault.first_wait))
    }

    pub(super) async fn answer(
        &self,
        request: Request<Incoming>,
        service: s3s::service::S3Service,
    ) -> Result<Response<Body>, HttpError> {
        let seen = Seen {
            operation: operation(&request),
            path: request.uri().path().to_owned(),
            encryption: encryption(&request),
        };
        let head = request.method() == hyper::Method::HEAD;
        let request = request.map(Body::from);
        let fault = self.pick(&seen);
        lock(&self.seen).push(seen);
        let offset = self.clock_offset.load(Ordering::Relaxed);
        if let Some((status, code, more)) = self.refusal(&request) {
            let mut response = refuse(request, status, code, &more, head).await;
            if let Some(date) = http_date(offset) {
                response.headers_mut().insert(hyper::header::DATE, date);
            }
            return Ok(response);
        }
        let fault = match fault {
            Some((kind, first_wait)) => {
                tokio::time::sleep(first_wait).await;
                Some(kind)
            }
            None => None,
        };
        let mut response = match fault {
            None => service.call(request).await?,
            Some(FaultKind::Error { status, code }) => {
                refuse(request, status, code, "", head).await
            }
            Some(FaultKind::Stall) => std::future::pending().await,
            Some(FaultKind::FlippedOnTheWayIn) => service.call(flip_request(request).await).await?,
            Some(FaultKind::WrongEtag) => {
                let mut response = service.call(request).await?;
                response.headers_mut().insert(
                    hyper::header::ETAG,
                    HeaderValue::from_static("\"00000000000000000000000000000bad\""),
                );
                response
            }
            Some(FaultKind::LostResponse) => {
                let done = service.call(request).await?;
                drop(done);
                return Err(HttpError::new("the answer was lost on purpose".into()));
            }
            Some(FaultKind::Truncated) => truncate(service.call(request).await?).await,
            Some(FaultKind::FlippedBit) => flip(service.call(request).await?).await,
            Some(FaultKind::HalfList) => half_list(service.call(request).await?).await,
            Some(FaultKind::Slow(time)) => {
                tokio::time::sleep(time).await;
                service.call(request).await?
            }
        };
        if offset != 0
            && let Some(date) = http_date(offset)
        {
            response.headers_mut().insert(hyper::header::DATE, date);
        }
        Ok(response)
    }
}

fn http_date(offset: i64) -> Option<HeaderValue> {
    let then = SystemTime::now();
    let step = Duration::from_secs(offset.unsigned_abs());
    let then = if offset < 0 { then - step } else { then + step };
    let mut text = Vec::new();
    s3s::dto::Timestamp::from(then)
        .format(s3s::dto::TimestampFormat::HttpDate, &mut text)
        .ok()?;
    HeaderValue::from_bytes(&text).ok()
}

/// Reads the request to its end first, as a server does that is not rude.
/// The answer to a HEAD has no words.
async fn refuse(
    request: Request<Body>,
    status: u16,
    code: &str,
    more: &str,
    head: bool,
) -> Response<Body> {
    let mut body = request.into_body();
    while body.next().await.is_some() {}
    let xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>{code}</Code><Message>{code} on purpose</Message>{more}</Error>"
    );
    let mut response = Response::new(if head { Body::empty() } else { Body::from(xml) });
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(
        hyper::header::CONTENT_TYPE,
        HeaderValue::from_static("application/xml"),
    );
    response
}

async fn collect(body: &mut Body) -> Vec<u8> {
    let mut bytes = Vec::new();
    while let Some(Ok(chunk)) = body.next().await {
        bytes.extend_from_slice(&chunk);
    }
    bytes
}

async fn truncate(response: Response<Body>) -> Response<Body> {
    let (mut parts, mut body) = response.into_parts();
    let bytes = collect(&mut body).await;
    // The length that was promised stays; the bytes stop half way.
    parts.headers.insert(
        hyper::header::CONTENT_LENGTH,
        HeaderValue::from(bytes.len()),
    );
    let half = Bytes::copy_from_slice(&bytes[..bytes.len() / 2]);
    let cut = futures::stream::iter([
        Ok(half),
        Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset)),
    ]);
    Response::from_parts(parts, Body::from(s3s::dto::StreamingBlob::wrap(cut)))
}

async fn half_list(response: Response<Body>) -> Response<Body> {
    let (mut parts, mut body) = response.into_parts();
    let text = String::from_utf8_lossy(&collect(&mut body).await).into_owned();
    let token = ("<NextContinuationToken>", "</NextContinuationToken>");
    let text = match (text.find(token.0), text.find(token.1)) {
        (Some(from), Some(to)) => format!("{}{}", &text[..from], &text[to + token.1.len()..]),
        _ => text,
    };
    let text = text.replace(
        "<IsTruncated>false</IsTruncated>",
        "<IsTruncated>true</IsTruncated>",
    );
    parts.headers.remove(hyper::header::CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(text))
}

async fn flip_request(request: Request<Body>) -> Request<Body> {
    let (parts, mut body) = request.into_parts();
    let mut bytes = collect(&mut body).await;
    let middle = bytes.len() / 2;
    if let Some(byte) = bytes.get_mut(middle) {
        *byte ^= 1;
    }
    Request::from_parts(parts, Body::from(bytes))
}

/// `20261126T161126Z` in seconds since 1970.
fn amz_seconds(text: &str) -> Option<i64> {
    let number = |range: std::ops::Range<usize>| text.get(range)?.parse::<i64>().ok();
    let (year, month, day) = (number(0..4)?, number(4..6)?, number(6..8)?);
    // Days from the civil calendar, as Howard Hinnant's public-domain paper has it.
    let (y, m) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let (era, of_era) = (y.div_euclid(400), y.rem_euclid(400));
    let of_year = (153 * m + 2) / 5 + day - 1;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
    Some(days * 86_400 + number(9..11)? * 3600 + number(11..13)? * 60 + number(13..15)?)
}

async fn flip(response: Response<Body>) -> Response<Body> {
    let (parts, mut body) = response.into_parts();
    let mut bytes = collect(&mut body).await;
    let middle = bytes.len() / 2;
    if let Some(byte) = bytes.get_mut(middle) {
        *byte ^= 1;
    }
    Response::from_parts(parts, Body::from(bytes))
}

/// By method, path and query, as S3 tells them apart.
fn encryption(request: &Request<Incoming>) -> Option<(String, Option<String>)> {
    let header = |name: &str| {
        let value = request.headers().get(name)?;
        value.to_str().ok().map(str::to_owned)
    };
    let with = header("x-amz-server-side-encryption")?;
    Some((with, header("x-amz-server-side-encryption-aws-kms-key-id")))
}

fn operation(request: &Request<Incoming>) -> &'static str {
    let query = request.uri().query().unwrap_or_default();
    let has = |name: &str| query.split('&').any(|p| p.split('=').next() == Some(name));
    let copy = request.headers().contains_key("x-amz-copy-source");
    let on_object = request
        .uri()
        .path()
        .trim_start_matches('/')
        .split_once('/')
        .is_some_and(|(_, key)| !key.is_empty());
    match (request.method().as_str(), on_object) {
        ("PUT", true) if has("partNumber") => {
            if copy {
                "UploadPartCopy"
            } else {
                "UploadPart"
            }
        }
        ("PUT", true) if copy => "CopyObject",
        ("PUT", true) => "PutObject",
        ("POST", true) if has("uploads") => "CreateMultipartUpload",
        ("POST", true) if has("uploadId") => "CompleteMultipartUpload",
        ("DELETE", true) if has("uploadId") => "AbortMultipartUpload",
        ("DELETE", true) => "DeleteObject",
        ("GET", true) if has("uploadId") => "ListParts",
        ("GET", true) => "GetObject",
        ("HEAD", true) => "HeadObject",
        ("GET", false) if has("uploads") => "ListMultipartUploads",
        ("GET", false) if has("versioning") => "GetBucketVersioning",
        ("PUT", false) if has("versioning") => "PutBucketVersioning",
        ("GET", false) if has("versions") => "ListObjectVersions",
        ("GET", false) if has("lifecycle") => "GetBucketLifecycleConfiguration",
        ("GET", false) if has("list-type") => "ListObjectsV2",
        ("HEAD", false) => "HeadBucket",
        _ => "Other",
    }
}
