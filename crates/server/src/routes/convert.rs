//! A stored file in another format.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{FromRequestParts, Path, Request, State};
use axum::http::{HeaderMap, header};
use redline_core::ConversionRequest;
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
    let asked = asked(fields?)?;
    let id = file_id(&id)?;
    found(&session, id).await?;
    let conversions = tokio::task::spawn_blocking(move || session.convert_now(id, &asked))
        .await
        .map_err(|_| ApiError::internal())?
        .map_err(about_file)?;
    // Several only where each table of the file was asked for.
    let answer = match conversions.as_slice() {
        [one] => json!({ "success": true, "conversion": one }),
        many => json!({ "success": true, "conversion": many.first(), "conversions": many }),
    };
    Ok(Json(answer))
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

/// `{"to", "options": {…}}`; choices may also stand beside `to`, as a form has them. One
/// that core does not know is refused there, not ignored: it was meant to change the
/// result.
fn asked(mut fields: Map<String, Value>) -> Result<ConversionRequest, ApiError> {
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
    match fields.remove("options") {
        None | Some(Value::Null) => {}
        Some(Value::Object(options)) => fields.extend(options),
        Some(_) => {
            return Err(ApiError::bad_request(
                "The options of the request are not an object.",
                "Send JSON such as {\"to\":\"parquet\",\"options\":{\"codec\":\"zstd\"}}.",
            ));
        }
    }
    let options = fields
        .into_iter()
        .map(|(key, value)| {
            let value = match value {
                Value::String(text) => text,
                Value::Number(number) => number.to_string(),
                Value::Bool(true) => "yes".to_owned(),
                Value::Bool(false) => "no".to_owned(),
                _ => {
                    return Err(ApiError::bad_request(
                        format!(
                            "The option \"{}\" is neither a text nor a number.",
                            key.escape_debug()
                        ),
                        "Send it as a text.",
                    ));
                }
            };
            Ok((key, value))
        })
        .collect::<Result<_, _>>()?;
    Ok(ConversionRequest { to, options })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(kind: &'static str, body: &'static str) -> Result<ConversionRequest, ApiError> {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static(kind));
        fields(&headers, &Bytes::from_static(body.as_bytes())).and_then(asked)
    }

    #[test]
    fn json_and_forms_say_the_same() {
        let plain = read("application/json", r#"{"to":" parquet "}"#).unwrap();
        assert_eq!(plain, ConversionRequest::to("parquet"));
        let nested =
            r#"{"to":"csv","options":{"on_reject":"report","row_group":1000,"prove":false}}"#;
        let flat = "to=csv&on_reject=report&row_group=1000&prove=no&license_key=x";
        let read_back = read("application/json", nested).unwrap();
        assert_eq!(read_back.options["row_group"], "1000");
        assert_eq!(
            read_back,
            read("application/x-www-form-urlencoded", flat).unwrap()
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
            "{\"to\":\"csv\",\"options\":[]}",
            "{\"to\":\"csv\",\"options\":{\"select\":[\"a\"]}}",
        ] {
            assert_eq!(
                read("application/json", body).unwrap_err().code,
                "bad_request",
                "{body}"
            );
        }
    }
}
