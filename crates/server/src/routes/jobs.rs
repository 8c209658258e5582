//! Work that goes on after the answer.

use axum::Json;
use axum::extract::Path;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use redline_core::Code;
use serde_json::{Value, json};

use crate::auth::Caller;
use crate::error::ApiError;
use crate::state::blocking;

pub(crate) async fn backup(Caller(session): Caller) -> Result<Response, ApiError> {
    let job = blocking(move || {
        let id = session.backup()?;
        session.job(&id)
    })
    .await?;
    let place = HeaderValue::from_str(&format!("/user-data/jobs/{}", job.id))
        .map_err(|_| ApiError::internal())?;
    let mut response = (
        StatusCode::ACCEPTED,
        Json(json!({ "success": true, "job": job })),
    )
        .into_response();
    response.headers_mut().insert(header::LOCATION, place);
    Ok(response)
}

pub(crate) async fn job(
    Caller(session): Caller,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let job = tokio::task::spawn_blocking(move || session.job(&id))
        .await
        .map_err(|_| ApiError::internal())?
        .map_err(|error| {
            if error.code() == Code::NotFound {
                ApiError::no_job()
            } else {
                error.into()
            }
        })?;
    Ok(Json(json!({ "success": true, "job": job })))
}
