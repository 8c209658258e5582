//! Tables, statistics, history.

use axum::Json;
use axum::http::Uri;
use serde_json::{Value, json};

use crate::auth::{Caller, query};
use crate::error::ApiError;
use crate::state::blocking;

/// Conversions that are answered when nobody says how many.
const HISTORY: u64 = 100;

pub(crate) async fn stats(Caller(session): Caller) -> Result<Json<Value>, ApiError> {
    let stats = blocking(move || session.stats()).await?;
    Ok(Json(json!({ "success": true, "stats": stats })))
}

pub(crate) async fn history(Caller(session): Caller, uri: Uri) -> Result<Json<Value>, ApiError> {
    let (mut limit, mut offset) = (HISTORY, 0);
    for (name, value) in query(&uri) {
        let number = || {
            value.trim().parse().map_err(|_| {
                ApiError::bad_request(
                    format!("The parameter {name} has to be a whole number."),
                    "Leave it out, or send 0 or more.",
                )
            })
        };
        match name.as_str() {
            "limit" if !value.is_empty() => limit = number()?,
            "offset" if !value.is_empty() => offset = number()?,
            _ => {}
        }
    }
    let history = blocking(move || session.history(limit, offset)).await?;
    Ok(Json(json!({ "success": true, "history": history })))
}

pub(crate) async fn tables(Caller(session): Caller) -> Result<Json<Value>, ApiError> {
    let tables = blocking(move || session.data_tables()).await?;
    Ok(Json(json!({ "success": true, "tables": tables })))
}
