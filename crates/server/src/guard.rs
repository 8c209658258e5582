//! Keeps web pages out: a request has to name this machine, and to come from it.
//!
//! A page whose name was made to lead here (DNS rebinding) still sends its own name
//! in Host; a page of another site sends its Origin, or says `cross-site`. Neither
//! is answered, whatever key it carries. No answer ever allows another origin.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::auth::Peer;
use crate::error::ApiError;
use crate::state::Shared;

pub(crate) async fn guard(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    let authority = request.uri().authority().map(|a| a.as_str().to_owned());
    let mut response = match check(request.headers(), authority.as_deref(), shared.port) {
        Ok(()) => next.run(request).await,
        Err(error) => {
            let (parts, _) = request.into_parts();
            Peer::of(&parts).audit(error.status, &error.code);
            error.into_response()
        }
    };
    let headers = response.headers_mut();
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers.insert(
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    );
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'; sandbox"),
    );
    headers.insert(
        "cross-origin-resource-policy",
        HeaderValue::from_static("same-origin"),
    );
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}

fn check(headers: &HeaderMap, authority: Option<&str>, port: u16) -> Result<(), ApiError> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let named = match (hosts.next(), hosts.next()) {
        (Some(host), None) => host
            .to_str()
            .ok()
            .and_then(split)
            .is_some_and(|(name, _)| is_loopback(name)),
        _ => false,
    };
    let asked = authority.is_none_or(|a| split(a).is_some_and(|(name, _)| is_loopback(name)));
    if !named || !asked {
        return Err(ApiError::new(
            StatusCode::FORBIDDEN,
            "host_refused",
            "The request does not name this machine.",
            "Ask for 127.0.0.1, localhost or [::1].",
        ));
    }
    let own = match headers.get(header::ORIGIN) {
        None => true,
        Some(origin) => origin
            .to_str()
            .ok()
            .and_then(|o| o.strip_prefix("http://"))
            .and_then(split)
            .is_some_and(|(name, p)| is_loopback(name) && p.unwrap_or(80) == port),
    };
    let site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
    if !own || !matches!(site, None | Some(b"same-origin" | b"none")) {
        return Err(ApiError::new(
            StatusCode::FORBIDDEN,
            "origin_refused",
            "Web pages are not answered.",
            "Call the API from a program on this machine.",
        ));
    }
    Ok(())
}

/// `name:port` into both; nothing where it is neither.
fn split(authority: &str) -> Option<(&str, Option<u16>)> {
    let (name, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let end = rest.find(']')?;
            (
                &authority[..end + 2],
                rest[end + 1..]
                    .strip_prefix(':')
                    .or((rest.len() == end + 1).then_some(""))?,
            )
        }
        None => authority.split_once(':').unwrap_or((authority, "")),
    };
    if port.is_empty() {
        return (!authority.ends_with(':')).then_some((name, None));
    }
    let digits = port.bytes().all(|b| b.is_ascii_digit());
    digits
        .then(|| port.parse().ok())
        .flatten()
        .map(|port| (name, Some(port)))
}

fn is_loopback(name: &str) -> bool {
    name.eq_ignore_ascii_case("localhost") || name == "127.0.0.1" || name == "[::1]"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(headers: &[(&'static str, &'static str)]) -> Option<String> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(
                header::HeaderName::from_static(name),
                HeaderValue::from_static(value),
            );
        }
        check(&map, None, 8080).err().map(|e| e.code)
    }

    #[test]
    fn only_names_of_this_machine_are_answered() {
        for host in [
            "localhost",
            "LOCALHOST:8080",
            "127.0.0.1:8080",
            "[::1]:8080",
            "[::1]",
            "localhost:9999",
        ] {
            assert_eq!(refused(&[("host", host)]), None, "{host}");
        }
        for host in [
            "",
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.nip.io",
            "localhost:",
            "localhost:x",
            "[::1",
            "[::1]x",
            "a@localhost",
            "localhost@evil.example",
            "127.0.0.2",
            "0.0.0.0",
            "localhost.",
            "127.1",
            "[::ffff:127.0.0.1]",
            "localhost:99999",
        ] {
            assert_eq!(
                refused(&[("host", host)]).as_deref(),
                Some("host_refused"),
                "{host}"
            );
        }
        assert_eq!(refused(&[]).as_deref(), Some("host_refused"));
        assert_eq!(
            refused(&[("host", "localhost"), ("host", "evil.example")]).as_deref(),
            Some("host_refused")
        );
    }

    #[test]
    fn an_absolute_target_has_to_name_this_machine_too() {
        let mut map = HeaderMap::new();
        map.insert(header::HOST, HeaderValue::from_static("localhost"));
        assert!(check(&map, Some("evil.example"), 8080).is_err());
        assert!(check(&map, Some("localhost:8080"), 8080).is_ok());
    }

    #[test]
    fn other_origins_are_refused() {
        let host = ("host", "localhost:8080");
        for origin in [
            "http://localhost:8080",
            "http://127.0.0.1:8080",
            "http://[::1]:8080",
        ] {
            assert_eq!(refused(&[host, ("origin", origin)]), None, "{origin}");
        }
        for origin in [
            "null",
            "https://localhost:8080",
            "http://localhost:3000",
            "http://localhost",
            "https://evil.example",
            "http://evil.example:8080",
        ] {
            assert_eq!(
                refused(&[host, ("origin", origin)]).as_deref(),
                Some("origin_refused"),
                "{origin}"
            );
        }
        assert_eq!(
            refused(&[host, ("sec-fetch-site", "cross-site")]).as_deref(),
            Some("origin_refused")
        );
        assert_eq!(
            refused(&[host, ("sec-fetch-site", "same-site")]).as_deref(),
            Some("origin_refused")
        );
        assert_eq!(refused(&[host, ("sec-fetch-site", "none")]), None);
    }
}
