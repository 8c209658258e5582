//! A file from a form into the store, streamed as it arrives.

use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::{FromRequest, Multipart, Request, State};
use axum::http::StatusCode;
use futures::StreamExt;
use redline_core::{FileView, Session};
use serde_json::{Value, json};

use super::spool::{Held, malformed, store};
use crate::auth::{Peer, key_of_head, session_of};
use crate::error::ApiError;
use crate::state::Shared;

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
            Some("file") => {
                let Some(name) = field
                    .file_name()
                    .map(str::to_owned)
                    .filter(|name| !name.is_empty())
                else {
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
            // `file_type` of older scripts: the type is recognised by the content.
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
    Ok(stored)
}

async fn short_text(mut field: axum::extract::multipart::Field<'_>) -> Result<String, ApiError> {
    let mut bytes = Vec::new();
    while let Some(data) = field.chunk().await.map_err(|e| malformed(&e))? {
        if bytes.len() + data.len() > FIELD_LIMIT {
            return Err(ApiError::bad_request(
                "A field of the form is too long.",
                "",
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
