//! What is in a stored file: its profile, and some of its rows.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::Path;
use axum::http::Uri;
use serde_json::{Value, json};

use super::files::{about_file, file_id, found};
use crate::auth::{Caller, query};
use crate::error::ApiError;

/// Rows that are answered when nobody says how many, and at most.
const ROWS: u64 = 100;
const MOST: u64 = 10_000;

pub(crate) async fn profile(
    Caller(session): Caller,
    Path(id): Path<String>,
    uri: Uri,
) -> Result<Json<Value>, ApiError> {
    let id = file_id(&id)?;
    found(&session, id).await?;
    let options = options(&uri, &[]);
    let profile = tokio::task::spawn_blocking(move || session.inspect(id, &options, &()))
        .await
        .map_err(|_| ApiError::internal())?
        .map_err(about_file)?;
    Ok(Json(json!({ "success": true, "profile": profile })))
}

pub(crate) async fn preview(
    Caller(session): Caller,
    Path(id): Path<String>,
    uri: Uri,
) -> Result<Json<Value>, ApiError> {
    let id = file_id(&id)?;
    found(&session, id).await?;
    let (mut limit, mut offset) = (ROWS, 0);
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
    let options = options(&uri, &["limit", "offset"]);
    let limit = limit.min(MOST);
    let preview = tokio::task::spawn_blocking(move || session.preview(id, &options, limit, offset))
        .await
        .map_err(|_| ApiError::internal())?
        .map_err(about_file)?;
    Ok(Json(json!({
        "success": true,
        "columns": preview.columns,
        "rows": preview.rows,
        "count": preview.rows.len(),
        "total": preview.total,
    })))
}

/// How the file is read, such as `table=Sheet2`. An empty parameter counts as absent.
fn options(uri: &Uri, others: &[&str]) -> BTreeMap<String, String> {
    query(uri)
        .into_iter()
        .filter(|(name, value)| {
            name != "license_key" && !others.contains(&name.as_str()) && !value.is_empty()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_ours_is_a_choice_of_reading() {
        let uri = Uri::from_static("/x?limit=5&table=Sheet%202&license_key=k&header=");
        let expected = BTreeMap::from([("table".to_owned(), "Sheet 2".to_owned())]);
        assert_eq!(options(&uri, &["limit", "offset"]), expected);
    }
}
