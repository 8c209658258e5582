//! What stands in front of the server: the log of requests, and the faults.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

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
        }
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
    clock_offset: AtomicI64,
}

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

    fn pick(&self, seen: &Seen) -> Option<FaultKind> {
        let mut faults = lock(&self.faults);
        let fault = faults.iter_mut().find(|f| f.matches(seen))?;
        if fault.after > 0 {
            fault.after -= 1;
            return None;
        }
        fault.left -= 1;
        Some(fault.kind.clone())
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
        let request = request.map(Body::from);
        let fault = self.pick(&seen);
        lock(&self.seen).push(seen);
        let mut response = match fault {
            None => service.call(request).await?,
            Some(FaultKind::Error { status, code }) => refuse(request, status, code).await,
            Some(FaultKind::LostResponse) => {
                let done = service.call(request).await?;
                drop(done);
                return Err(HttpError::new("the answer was lost on purpose".into()));
            }
            Some(FaultKind::Truncated) => truncate(service.call(request).await?).await,
            Some(FaultKind::FlippedBit) => flip(service.call(request).await?).await,
            Some(FaultKind::Slow(time)) => {
                tokio::time::sleep(time).await;
                service.call(request).await?
            }
        };
        let offset = self.clock_offset.load(Ordering::Relaxed);
        if offset != 0
            && let Some(date) = http_date(offset)
        {
            response.headers_mut().insert(hyper::header::DATE, date);
        }
        Ok(response)
    }
}

fn http_date(offset: i64) -> Option<HeaderValue> {
    let then = std::time::SystemTime::now();
    let step = Duration::from_secs(offset.unsigned_abs());
    let then = if offset < 0 { then - step } else { then + step };
    let mut text = Vec::new();
    s3s::dto::Timestamp::from(then)
        .format(s3s::dto::TimestampFormat::HttpDate, &mut text)
        .ok()?;
    HeaderValue::from_bytes(&text).ok()
}

/// Reads the request to its end first, as a server does that is not rude.
async fn refuse(request: Request<Body>, status: u16, code: &str) -> Response<Body> {
    let mut body = request.into_body();
    while body.next().await.is_some() {}
    let xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>{code}</Code><Message>{code} on purpose</Message></Error>"
    );
    let mut response = Response::new(Body::from(xml));
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
        ("GET", false) if has("lifecycle") => "GetBucketLifecycleConfiguration",
        ("GET", false) if has("list-type") => "ListObjectsV2",
        ("HEAD", false) => "HeadBucket",
        _ => "Other",
    }
}
