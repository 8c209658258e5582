//! A file from a form into the store, streamed as it arrives.

use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::{FromRequest, Multipart, Request, State};
use axum::http::{StatusCode, header};
use futures::StreamExt;
use redline_core::{FileView, Session};
use serde_json::{Value, json};

use super::spool::{Held, malformed, store};
use crate::auth::{Peer, key_of_head, session_of};
use crate::error::ApiError;
use crate::state::{Shared, blocking};

/// A key or a type; anything longer is neither.
const FIELD_LIMIT: usize = 4096;
/// How long a refused upload is still read: a client that cannot send on does not
/// look at the answer.
const DRAIN: Duration = Duration::from_secs(5);

pub(crate) async fn upload(
    State(shared): State<Shared>,
    request: Request,
) -> Result<Json<Value>, ApiError> {
    let (parts, body) = request.into_parts();
    let peer = Peer::of(&parts);
    let session = match key_of_head(&parts.headers, &parts.uri) {
        None => None,
        Some(key) => match session_of(&shared, &peer, Some(key)).await {
            Ok(session) => Some(session),
            Err(error) => {
                drain(body).await;
                return Err(error);
            }
        },
    };
    let _place = shared
        .uploads
        .acquire()
        .await
        .map_err(|_| ApiError::internal())?;
    let request = Request::from_parts(parts, body);
    let mut form = match Multipart::from_request(request, &shared).await {
        Ok(form) => form,
        // Without a key it is the key that is missing, whatever else is wrong.
        Err(_) if session.is_none() => {
            return session_of(&shared, &peer, None)
                .await
                .map(|_| Json(Value::Null));
        }
        Err(_) => {
            return Err(ApiError::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "bad_request",
                "The upload is not a form.",
                "Send it as multipart/form-data with the field file.",
            ));
        }
    };
    let taken = take(&shared, &peer, session, &mut form).await;
    if taken.is_err() {
        let rest = async { while let Ok(Some(_)) = form.next_field().await {} };
        // Whether the rest came in time changes nothing.
        let _ = tokio::time::timeout(DRAIN, rest).await;
    }
    taken.map(|files| Json(answer(&files)))
}

async fn take(
    shared: &Shared,
    peer: &Peer,
    mut session: Option<Session>,
    form: &mut Multipart,
) -> Result<Vec<FileView>, ApiError> {
    let mut stored = Vec::new();
    let mut held: Option<(Held, _)> = None;
    let mut file_type: Option<String> = None;
    loop {
        let field = match form.next_field().await {
            Ok(Some(field)) => field,
            Ok(None) => break,
            // Without a key it is the key that is missing, whatever else is wrong.
            Err(_) if session.is_none() => {
                return session_of(shared, peer, None).await.map(|_| Vec::new());
            }
            Err(error) => return Err(malformed(&error)),
        };
        match field.name() {
            Some("license_key") => {
                let key = short_text(field).await?;
                if session.is_none() {
                    session = Some(session_of(shared, peer, Some(key)).await?);
                }
                if let (Some(session), Some((held, _place))) = (&session, held.take()) {
                    stored.push(held.store(session.clone()).await?);
                }
            }
            Some("file_type") => {
                let given = short_text(field).await?;
                if !given.is_empty() {
                    if let Err(error) = Session::check_file_type(&given) {
                        let mut error = ApiError::from(error);
                        if !stored.is_empty() {
                            error.message =
                                "The file was stored with the type that was recognised; \
                                             the one in file_type is not a type."
                                    .to_owned();
                        }
                        return Err(error);
                    }
                    file_type = Some(given);
                }
            }
            Some("file") => {
                let Some(name) = file_name(&field).filter(|name| !name.is_empty()) else {
                    return Err(ApiError::bad_request(
                        "The field file has no file name.",
                        "Send it as a file, with its name.",
                    ));
                };
                match &session {
                    Some(session) => stored.push(store(session.clone(), name, field).await?),
                    None if held.is_some() => {
                        return session_of(shared, peer, None).await.map(|_| Vec::new());
                    }
                    None => {
                        // Someone who may not even fail any more is not given disk space.
                        if shared.limiter.admit(peer.ip, None).is_err() {
                            return session_of(shared, peer, None).await.map(|_| Vec::new());
                        }
                        let place = shared
                            .spooled
                            .acquire()
                            .await
                            .map_err(|_| ApiError::internal())?;
                        held = Some((Held::take(name, field).await?, place));
                    }
                }
            }
            _ => {}
        }
    }
    if session.is_none() {
        return session_of(shared, peer, None).await.map(|_| Vec::new());
    }
    if stored.is_empty() {
        return Err(ApiError::bad_request(
            "The form has no field file.",
            "Send the file as the field file.",
        ));
    }
    // The field may stand before the file or after it.
    if let (Some(file_type), Some(session)) = (file_type, session) {
        stored = blocking(move || {
            stored
                .iter()
                .map(|file| session.set_file_type(file.id, &file_type))
                .collect()
        })
        .await?;
    }
    Ok(stored)
}

/// The name that a part gives its file. Some clients send what is not ASCII as
/// `filename*` alone (RFC 5987), and it goes before `filename` where both are there.
fn file_name(field: &axum::extract::multipart::Field<'_>) -> Option<String> {
    let disposition = field.headers().get(header::CONTENT_DISPOSITION)?;
    extended_name(disposition.as_bytes()).or_else(|| field.file_name().map(str::to_owned))
}

/// The value of `filename*=UTF-8''…`, where it stands outside quotes and is UTF-8.
fn extended_name(disposition: &[u8]) -> Option<String> {
    let mut quoted = false;
    let mut from = 0;
    let mut parameters = Vec::new();
    for (at, byte) in disposition.iter().enumerate() {
        match byte {
            b'"' if at == 0 || disposition[at - 1] != b'\\' => quoted = !quoted,
            b';' if !quoted => {
                parameters.push(&disposition[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    parameters.push(&disposition[from..]);
    parameters.into_iter().find_map(|parameter| {
        let text = std::str::from_utf8(parameter).ok()?.trim();
        let (name, value) = text.split_once('=')?;
        if !name.trim().eq_ignore_ascii_case("filename*") {
            return None;
        }
        let mut parts = value.trim().splitn(3, '\'');
        let (charset, _language, encoded) = (parts.next()?, parts.next()?, parts.next()?);
        if !charset.eq_ignore_ascii_case("utf-8") {
            return None;
        }
        percent_decoded(encoded)
    })
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        if first == b'%' {
            let digits = std::str::from_utf8(after.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &after[2..];
        } else {
            bytes.push(first);
            rest = after;
        }
    }
    String::from_utf8(bytes).ok()
}

async fn short_text(mut field: axum::extract::multipart::Field<'_>) -> Result<String, ApiError> {
    let mut bytes = Vec::new();
    while let Some(data) = field.chunk().await.map_err(|e| malformed(&e))? {
        if bytes.len() + data.len() > FIELD_LIMIT {
            return Err(ApiError::bad_request(
                "A field of the form is too long.",
                "license_key and file_type are short; send the file as the field file.",
            ));
        }
        bytes.extend_from_slice(&data);
    }
    Ok(String::from_utf8_lossy(&bytes).trim().to_owned())
}

/// Reads on for a moment what nobody wants.
async fn drain(body: Body) {
    let mut data = body.into_data_stream();
    let rest = async { while let Some(Ok(_)) = data.next().await {} };
    // Whether the rest came in time changes nothing.
    let _ = tokio::time::timeout(DRAIN, rest).await;
}

/// The file under the names of the old guide, too.
fn answer(files: &[FileView]) -> Value {
    let shown: Vec<Value> = files
        .iter()
        .map(|file| {
            let mut shown = json!(file);
            shown["file_id"] = json!(file.id);
            shown["size"] = json!(file.size_bytes);
            shown["saved_at"] = json!(file.uploaded_at);
            shown
        })
        .collect();
    match shown.as_slice() {
        [one] => json!({ "success": true, "file": one }),
        many => json!({ "success": true, "file": many.first(), "files": many }),
    }
}

#[cfg(test)]
mod tests {
    use super::extended_name;

    #[test]
    fn a_name_that_is_not_ascii_may_come_alone() {
        let name = |text: &str| extended_name(text.as_bytes());
        let euro = Some("€ rates.csv".to_owned());
        assert_eq!(
            name("form-data; name=\"file\"; filename*=UTF-8''%E2%82%AC%20rates.csv"),
            euro
        );
        assert_eq!(
            name(
                "form-data; name=\"file\"; filename=\"EUR.csv\"; filename*=utf-8'en'%e2%82%ac%20rates.csv"
            ),
            euro
        );
        for none in [
            "form-data; name=\"file\"; filename=\"a.csv\"",
            // Inside quotes it is part of a name.
            "form-data; filename=\"a; filename*=UTF-8''b.csv\"",
            "form-data; filename=\"a\\\"; filename*=UTF-8''b.csv\"",
            "form-data; filename*=latin-1''%E9.csv",
            "form-data; filename*=UTF-8''%E9.csv",
            "form-data; filename*=UTF-8''%4",
            "form-data; filename*=b.csv",
        ] {
            assert_eq!(name(none), None, "{none}");
        }
    }
}
