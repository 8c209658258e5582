//! A stored file in another format.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{FromRequestParts, Path, Request, State};
use axum::http::{HeaderMap, header};
use serde_json::{Map, Value, json};

use super::files::{about_file, file_id, found};
use crate::auth::{Peer, key_of_head, session_of};
use crate::error::ApiError;
use crate::state::Shared;

/// A request is a few words.
const BODY_LIMIT: usize = 64 * 1024;

pub(crate) async fn convert(
    State(shared): State<Shared>,
    request: Request,
) -> Result<Json<Value>, ApiError> {
    let (mut parts, body) = request.into_parts();
    let id = Path::<String>::from_request_parts(&mut parts, &shared)
        .await
        .map_err(|_| ApiError::no_file())?
        .0;
    let mut key = key_of_head(&parts.headers, &parts.uri);
    let peer = Peer::of(&parts);
    let body = axum::body::to_bytes(body, BODY_LIMIT).await.map_err(|_| {
        ApiError::bad_request(
            "The request is too long, or ended early.",
            "Send JSON such as {\"to\":\"parquet\"}.",
        )
    })?;
    // A key in the form counts, so the form is read before anyone is refused.
    let fields = fields(&parts.headers, &body);
    if let (None, Ok(fields)) = (&key, &fields) {
        key = fields
            .get("license_key")
            .and_then(Value::as_str)
            .map(str::to_owned);
    }
    let session = session_of(&shared, &peer, key).await?;
    let to = target(fields?)?;
    let id = file_id(&id)?;
    found(&session, id).await?;
    let conversion = tokio::task::spawn_blocking(move || session.convert_now(id, &to))
        .await
        .map_err(|_| ApiError::internal())?
        .map_err(about_file)?;
    Ok(Json(json!({ "success": true, "conversion": conversion })))
}

/// A small JSON object, or a form.
fn fields(headers: &HeaderMap, body: &Bytes) -> Result<Map<String, Value>, ApiError> {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|v| v.to_str().ok())
        .unwrap_or_default();
    let wrong = || {
        ApiError::bad_request(
            "The request is neither a JSON object nor a form.",
            "Send JSON such as {\"to\":\"parquet\"}.",
        )
    };
    if kind.starts_with("application/x-www-form-urlencoded") {
        let pairs: Vec<(String, String)> =
            serde_urlencoded::from_bytes(body).map_err(|_| wrong())?;
        return Ok(pairs
            .into_iter()
            .map(|(name, value)| (name, Value::String(value)))
            .collect());
    }
    if body.is_empty() {
        return Ok(Map::new());
    }
    serde_json::from_slice(body).map_err(|_| wrong())
}

/// An option that is not known is refused, not ignored: it was meant to change the result.
fn target(mut fields: Map<String, Value>) -> Result<String, ApiError> {
    fields.remove("license_key");
    let to = match fields.remove("to") {
        Some(Value::String(to)) if !to.trim().is_empty() => to.trim().to_owned(),
        _ => {
            return Err(ApiError::bad_request(
                "The request does not say which format to convert to.",
                "Send JSON such as {\"to\":\"parquet\"}.",
            ));
        }
    };
    if let Some(name) = fields.keys().next() {
        return Err(ApiError::bad_request(
            format!(
                "This version does not know the option \"{}\".",
                name.escape_debug()
            ),
            "Leave it out.",
        ));
    }
    Ok(to)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(kind: &'static str, body: &'static str) -> Result<String, ApiError> {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static(kind));
        fields(&headers, &Bytes::from_static(body.as_bytes())).and_then(target)
    }

    #[test]
    fn json_and_forms_say_the_same() {
        assert_eq!(
            read("application/json", r#"{"to":" parquet "}"#).unwrap(),
            "parquet"
        );
        assert_eq!(
            read("application/x-www-form-urlencoded", "to=csv&license_key=x").unwrap(),
            "csv"
        );
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for body in [
            "",
            "[]",
            "{}",
            "{\"to\":7}",
            "{\"to\":\"\"}",
            "to=csv",
            "{\"to\":\"csv\",\"on_reject\":\"report\"}",
        ] {
            assert_eq!(
                read("application/json", body).unwrap_err().code,
                "bad_request",
                "{body}"
            );
        }
    }
}
