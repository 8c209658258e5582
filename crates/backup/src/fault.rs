//! One failed attempt, read from what the SDK says: what kind it is (which
//! decides whether to try again) and what to call it if that was the last.

use std::error::Error as _;

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

use crate::BackupError;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FaultKind {
    /// The server asks for fewer requests.
    Throttled,
    /// The server failed; the request may well work next time.
    Transient,
    /// No answer, or half of one.
    Transport,
    NotFound,
    /// Asking again would get the same answer.
    Refused,
}

#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) kind: FaultKind,
    pub(crate) code: String,
    status: u16,
    detail: String,
    region: Option<String>,
    /// The request carried a checksum header, so that it can have been refused for it.
    checksummed: bool,
    /// Why there are no keys to sign with any more, where that is what it came to.
    keys: Option<BackupError>,
}

impl Fault {
    pub(crate) fn transport(detail: impl Into<String>) -> Self {
        Self {
            kind: FaultKind::Transport,
            code: String::new(),
            status: 0,
            detail: detail.into(),
            region: None,
            checksummed: false,
            keys: None,
        }
    }

    /// The keys were refused, and where they come from gave no others.
    pub(crate) fn without_keys(error: BackupError) -> Self {
        let kind = if error.retryable() {
            FaultKind::Transport
        } else {
            FaultKind::Refused
        };
        Self {
            kind,
            keys: Some(error),
            ..Self::transport("")
        }
    }

    /// The line went dead: nothing moved for longer than a slow one would need.
    pub(crate) fn stalled() -> Self {
        Self::transport("nothing came or went for a while")
    }

    /// Something at the other end answered.
    pub(crate) fn is_answer(&self) -> bool {
        self.status != 0
    }

    /// Refused for the time it was signed at, as far as can be told: the answer to a
    /// HEAD has no words.
    pub(crate) fn may_be_skew(&self) -> bool {
        matches!(
            self.code.as_str(),
            "RequestTimeTooSkewed" | "RequestExpired"
        ) || (self.status == 403 && self.code.is_empty())
    }

    /// Refused for the keys it was signed with, which may have been renewed since.
    pub(crate) fn may_be_keys(&self) -> bool {
        matches!(
            self.code.as_str(),
            "ExpiredToken"
                | "TokenRefreshRequired"
                | "InvalidToken"
                | "InvalidAccessKeyId"
                | "SignatureDoesNotMatch"
        ) || (matches!(self.status, 400 | 403) && self.code.is_empty())
    }

    pub(crate) fn status(&self) -> u16 {
        self.status
    }

    pub(crate) fn refused(code: &str, detail: &str) -> Self {
        Self {
            kind: FaultKind::Refused,
            code: code.to_owned(),
            status: 0,
            detail: detail.to_owned(),
            region: None,
            checksummed: false,
            keys: None,
        }
    }

    /// The object is shorter than it should be: asking again does not make it longer.
    pub(crate) fn beyond_the_end() -> Self {
        Self {
            status: 416,
            ..Self::refused("InvalidRange", "the object is shorter than it should be")
        }
    }

    /// The server took exception to a checksum header or algorithm rather than to
    /// the request. Seen from B2 (`InvalidArgument`/`NotImplemented`: unsupported
    /// header), older MinIO and Ceph.
    pub(crate) fn is_checksum_refusal(&self) -> bool {
        let said = self.detail.to_ascii_lowercase();
        self.checksummed
            && matches!(self.kind, FaultKind::Refused)
            && matches!(
                self.code.as_str(),
                "NotImplemented"
                    | "InvalidArgument"
                    | "InvalidRequest"
                    | "XAmzContentChecksumMismatch"
            )
            && (said.contains("checksum") || said.contains("header"))
    }

    /// Of a request that carried a checksum header.
    pub(crate) fn of_checksummed(error: impl Into<Self>) -> Self {
        Self {
            checksummed: true,
            ..error.into()
        }
    }

    pub(crate) fn is(&self, code: &str) -> bool {
        self.code == code
    }

    /// The word for it once no attempt is left. `permission` is the one the request needs.
    pub(crate) fn into_error(self, permission: &str, at: &Place<'_>) -> BackupError {
        if let Some(error) = self.keys {
            return error;
        }
        let operation = permission.to_owned();
        match self.code.as_str() {
            "NoSuchBucket" => {
                return BackupError::NoSuchBucket {
                    bucket: at.bucket.to_owned(),
                    endpoint: at.endpoint.to_owned(),
                };
            }
            "InvalidAccessKeyId" | "SignatureDoesNotMatch" | "InvalidSecurity" | "NotSignedUp" => {
                return BackupError::WrongCredentials;
            }
            "ExpiredToken" | "TokenRefreshRequired" | "InvalidToken" => {
                return BackupError::CredentialsExpired;
            }
            "RequestTimeTooSkewed" | "RequestExpired" => {
                return BackupError::ClockSkew { seconds: at.skew };
            }
            "AuthorizationHeaderMalformed"
            | "PermanentRedirect"
            | "TemporaryRedirect"
            | "IllegalLocationConstraintException" => {
                return BackupError::WrongRegion {
                    expected: self.region,
                };
            }
            "NotImplemented" | "MethodNotAllowed" => return BackupError::Unsupported { operation },
            _ => {}
        }
        match (self.kind, self.status) {
            (FaultKind::Throttled, _) => BackupError::Throttled { operation },
            (FaultKind::Transport, _) => BackupError::Unreachable {
                endpoint: at.endpoint.to_owned(),
                detail: self.detail,
            },
            (FaultKind::NotFound, _) => BackupError::NotFound {
                what: at.what.to_owned(),
            },
            (_, 301 | 307) => BackupError::WrongRegion {
                expected: self.region,
            },
            (_, 401 | 403) => BackupError::AccessDenied { operation },
            (_, 501) => BackupError::Unsupported { operation },
            (_, status) => {
                let message = if self.detail.is_empty() {
                    format!("HTTP status {status}")
                } else {
                    self.detail
                };
                let message = message.trim_end_matches('.').to_owned();
                BackupError::Service {
                    operation,
                    status,
                    message,
                }
            }
        }
    }
}

/// Where a request went, for messages.
pub(crate) struct Place<'a> {
    pub(crate) bucket: &'a str,
    pub(crate) endpoint: &'a str,
    pub(crate) what: &'a str,
    pub(crate) skew: Option<i64>,
}

impl<E> From<SdkError<E, HttpResponse>> for Fault
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    fn from(error: SdkError<E, HttpResponse>) -> Self {
        match &error {
            SdkError::ServiceError(service) => {
                let status = service.raw().status().as_u16();
                let region = service
                    .raw()
                    .headers()
                    .get("x-amz-bucket-region")
                    .map(str::to_owned);
                let code = service.err().code().unwrap_or_default().to_owned();
                let detail = service
                    .err()
                    .message()
                    .map_or_else(|| code.clone(), str::to_owned);
                Self {
                    kind: kind_of(&code, status),
                    code,
                    status,
                    detail,
                    region,
                    checksummed: false,
                    keys: None,
                }
            }
            // An answer that is not S3's: a proxy's page, or a connection cut in the middle.
            SdkError::ResponseError(response) => {
                let status = response.raw().status().as_u16();
                let kind = if matches!(status, 429 | 503) {
                    FaultKind::Throttled
                } else {
                    FaultKind::Transport
                };
                Self {
                    kind,
                    code: String::new(),
                    status,
                    detail: root_cause(&error),
                    region: None,
                    checksummed: false,
                    keys: None,
                }
            }
            SdkError::ConstructionFailure(_) => Self {
                kind: FaultKind::Refused,
                code: String::new(),
                status: 0,
                detail: root_cause(&error),
                region: None,
                checksummed: false,
                keys: None,
            },
            SdkError::TimeoutError(_) => Self::transport("no answer in time"),
            _ => Self::transport(root_cause(&error)),
        }
    }
}

fn kind_of(code: &str, status: u16) -> FaultKind {
    match code {
        "SlowDown"
        | "Throttling"
        | "ThrottlingException"
        | "RequestLimitExceeded"
        | "TooManyRequests"
        | "BandwidthLimitExceeded"
        | "ServiceUnavailable"
        | "EC2ThrottledException" => FaultKind::Throttled,
        // 409 and BadDigest, too: another request was in the way, or a bit flipped on it.
        "InternalError"
        | "RequestTimeout"
        | "OperationAborted"
        | "IncompleteBody"
        | "BadDigest"
        | "ConditionalRequestConflict"
        | "XAmzContentSHA256Mismatch" => FaultKind::Transient,
        "NoSuchKey" | "NotFound" | "NoSuchUpload" | "NoSuchVersion" => FaultKind::NotFound,
        "NoSuchBucket" => FaultKind::Refused,
        _ => match status {
            429 | 503 => FaultKind::Throttled,
            // A 200 with an error body that names no code we know is a server's failure too.
            200..=299 | 500 | 502 | 504 | 408 => FaultKind::Transient,
            404 => FaultKind::NotFound,
            _ => FaultKind::Refused,
        },
    }
}

/// The innermost cause says it best ("Connection refused"). The SDK's outer layers say "dispatch failure".
fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    let text = cause.to_string();
    text.trim_end_matches('.').to_owned()
}

/// For body streams, whose errors carry no metadata.
impl From<aws_sdk_s3::primitives::ByteStreamError> for Fault {
    fn from(error: aws_sdk_s3::primitives::ByteStreamError) -> Self {
        let text = match error.source() {
            Some(source) => root_cause(source),
            None => error.to_string(),
        };
        Self::transport(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(code: &str, status: u16) -> Fault {
        Fault {
            kind: kind_of(code, status),
            code: code.into(),
            status,
            detail: String::new(),
            region: None,
            checksummed: false,
            keys: None,
        }
    }

    fn named(fault: Fault) -> BackupError {
        fault.into_error(
            "s3:PutObject",
            &Place {
                bucket: "b",
                endpoint: "http://e",
                what: "thing",
                skew: Some(1200),
            },
        )
    }

    #[test]
    fn answers_become_the_error_a_person_can_act_on() {
        assert!(matches!(
            named(fault("NoSuchBucket", 404)),
            BackupError::NoSuchBucket { .. }
        ));
        assert!(matches!(
            named(fault("SignatureDoesNotMatch", 403)),
            BackupError::WrongCredentials
        ));
        assert!(matches!(
            named(fault("ExpiredToken", 400)),
            BackupError::CredentialsExpired
        ));
        assert!(matches!(
            named(fault("RequestTimeTooSkewed", 403)),
            BackupError::ClockSkew {
                seconds: Some(1200)
            }
        ));
        assert!(matches!(
            named(fault("AuthorizationHeaderMalformed", 400)),
            BackupError::WrongRegion { .. }
        ));
        assert!(
            matches!(named(fault("AccessDenied", 403)), BackupError::AccessDenied { operation } if operation == "s3:PutObject")
        );
        assert!(matches!(
            named(fault("", 403)),
            BackupError::AccessDenied { .. }
        ));
        assert!(matches!(
            named(fault("", 404)),
            BackupError::NotFound { .. }
        ));
        assert!(matches!(
            named(fault("SlowDown", 503)),
            BackupError::Throttled { .. }
        ));
        assert!(matches!(
            named(Fault::transport("refused")),
            BackupError::Unreachable { .. }
        ));
    }

    #[test]
    fn only_a_request_with_a_checksum_can_be_refused_for_it() {
        let refused = || Fault {
            detail: "A header you provided implies functionality that is not implemented".into(),
            ..fault("NotImplemented", 501)
        };
        assert!(!refused().is_checksum_refusal());
        assert!(Fault::of_checksummed(refused()).is_checksum_refusal());
        assert!(!Fault::of_checksummed(fault("AccessDenied", 403)).is_checksum_refusal());
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        for (code, status, kind) in [
            ("SlowDown", 503, FaultKind::Throttled),
            ("", 503, FaultKind::Throttled),
            ("InternalError", 500, FaultKind::Transient),
            ("InternalError", 200, FaultKind::Transient),
            ("AccessDenied", 403, FaultKind::Refused),
            ("PreconditionFailed", 412, FaultKind::Refused),
            ("NoSuchKey", 404, FaultKind::NotFound),
        ] {
            assert_eq!(kind_of(code, status), kind, "{code} {status}");
        }
    }
}
