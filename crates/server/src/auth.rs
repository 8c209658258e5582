//! Whose store a request is about: the key it carries, and whether it counts here.
//!
//! The key is looked for in `X-License-Key`, then `Authorization: Bearer`, then
//! `?license_key=`; a form field is the upload's own affair. It never logs a key, a
//! path with an ID in it, or a query string.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts, MatchedPath};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use redline_core::{Code, Session};

use crate::error::{ApiError, code_text};
use crate::state::{Shared, blocking};

/// Longer is no key, whatever it is.
const KEY_LIMIT: usize = 64;

/// Who asks: for the audit trail and the limiter.
#[derive(Debug, Clone)]
pub(crate) struct Peer {
    pub ip: IpAddr,
    method: String,
    /// The route's pattern, `/user-data/files/{id}`.
    route: String,
}

impl Peer {
    pub fn of(parts: &Parts) -> Self {
        let ip = parts.extensions.get::<ConnectInfo<SocketAddr>>().map_or(
            IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED),
            |ConnectInfo(address)| address.ip(),
        );
        let route = parts
            .extensions
            .get::<MatchedPath>()
            .map_or("?", MatchedPath::as_str)
            .to_owned();
        Self {
            ip,
            method: parts.method.to_string(),
            route,
        }
    }

    /// The audit trail of what was refused.
    pub fn audit(&self, status: StatusCode, code: &str) {
        tracing::warn!(
            target: "redline_server::audit",
            peer = %self.ip, method = %self.method, route = %self.route, status = status.as_u16(), code,
            "request refused"
        );
    }
}

/// The key of a request's head, as it was written.
pub(crate) fn key_of_head(headers: &HeaderMap, uri: &Uri) -> Option<String> {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).trim().to_owned();
    if let Some(value) = headers.get("x-license-key") {
        return Some(text(value));
    }
    if let Some(value) = headers.get(header::AUTHORIZATION).map(text)
        && let Some((scheme, token)) = value.split_once(' ')
        && scheme.eq_ignore_ascii_case("bearer")
    {
        return Some(token.trim().to_owned());
    }
    query(uri)
        .into_iter()
        .find(|(name, _)| name == "license_key")
        .map(|(_, value)| value.trim().to_owned())
}

/// The parameters of a query string; nothing where it is not one.
pub(crate) fn query(uri: &Uri) -> Vec<(String, String)> {
    uri.query()
        .and_then(|q| serde_urlencoded::from_str(q).ok())
        .unwrap_or_default()
}

/// The session of `key`, or why not. Failures are counted and audited.
pub(crate) async fn session_of(
    shared: &Shared,
    peer: &Peer,
    key: Option<String>,
) -> Result<Session, ApiError> {
    let key = key.filter(|key| !key.is_empty());
    if let Err(wait) = shared.limiter.admit(peer.ip, key.as_deref()) {
        let error = too_many(wait);
        peer.audit(error.status, &error.code);
        return Err(error);
    }
    let refused = match key {
        None => missing(),
        Some(key) if key.len() > KEY_LIMIT => malformed(),
        Some(key) => {
            let (redline, given) = (shared.redline.clone(), key.clone());
            match blocking(move || redline.session_for_key(&given)).await {
                Ok(session) => {
                    shared.limiter.worked(&key);
                    return Ok(session);
                }
                Err(error) => error,
            }
        }
    };
    // A busy store or a full disk is not the caller's mistake.
    if refused.status == StatusCode::UNAUTHORIZED {
        shared.limiter.failed(peer.ip);
        peer.audit(refused.status, &refused.code);
    }
    Err(refused)
}

fn missing() -> ApiError {
    ApiError::new(
        StatusCode::UNAUTHORIZED,
        &code_text(Code::NotSignedIn),
        "The request has no license key.",
        "Send it in the header X-License-Key.",
    )
}

fn malformed() -> ApiError {
    ApiError::new(
        StatusCode::UNAUTHORIZED,
        &code_text(Code::KeyMalformed),
        "The license key of the request is not one.",
        "A key looks like RL-XXXXXXXX-XXXXXXXX-XXXXXXXX.",
    )
}

fn too_many(wait: std::time::Duration) -> ApiError {
    let seconds = wait.as_secs_f64().ceil().max(1.0) as u64;
    let mut error = ApiError::new(
        StatusCode::TOO_MANY_REQUESTS,
        "too_many_failures",
        "Too many requests were refused; this one was not looked at.",
        format!("Check the license key, then try again in {seconds} s."),
    );
    error.retryable = true;
    error.with_header(header::RETRY_AFTER, HeaderValue::from(seconds))
}

/// A request that carries a key signed in on this machine, in its head.
pub(crate) struct Caller(pub Session);

impl FromRequestParts<Shared> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, shared: &Shared) -> Result<Self, ApiError> {
        let key = key_of_head(&parts.headers, &parts.uri);
        session_of(shared, &Peer::of(parts), key).await.map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(headers: &[(&'static str, &'static str)], uri: &'static str) -> Option<String> {
        let headers = headers
            .iter()
            .map(|(n, v)| {
                (
                    header::HeaderName::from_static(n),
                    HeaderValue::from_static(v),
                )
            })
            .collect();
        key_of_head(&headers, &Uri::from_static(uri))
    }

    #[test]
    fn the_key_is_found_in_each_place_the_header_first() {
        assert_eq!(
            found(&[("x-license-key", " A ")], "/x?license_key=C").as_deref(),
            Some("A")
        );
        assert_eq!(
            found(&[("authorization", "bearer B")], "/x?license_key=C").as_deref(),
            Some("B")
        );
        assert_eq!(
            found(&[("authorization", "Basic B")], "/x?a=b&license_key=RL%2DC").as_deref(),
            Some("RL-C")
        );
        assert_eq!(found(&[], "/x"), None);
        assert_eq!(
            found(&[("x-license-key", "")], "/x?license_key=C").as_deref(),
            Some("")
        );
    }
}
