//! The list, one file, and its way to the trash.

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::Path;
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use redline_core::{Code, CoreError, FilePage, FileQuery, FileStatus, FileView, Session};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use crate::auth::{Caller, query};
use crate::error::ApiError;
use crate::state::blocking;

/// Files fetched at a time. The catalog is free for others between two pages, however
/// slowly a client reads.
const PAGE: u64 = 1000;

/// The parameters of `GET /user-data/files`.
#[derive(Debug, PartialEq, Eq)]
struct Asked {
    query: FileQuery,
    limit: Option<u64>,
    after: Option<i64>,
}

fn asked(uri: &Uri) -> Result<Asked, ApiError> {
    let mut asked = Asked {
        query: FileQuery::default(),
        limit: None,
        after: None,
    };
    for (name, value) in query(uri) {
        let value = value.trim();
        if value.is_empty() {
            continue;
        }
        let wrong = || {
            ApiError::bad_request(
                format!("The parameter {name} has to be a whole number."),
                "Leave it out, or send 0 or more.",
            )
        };
        match name.as_str() {
            "type" => asked.query.file_type = Some(value.to_owned()),
            "search" => asked.query.search = Some(value.to_owned()),
            "limit" => asked.limit = Some(value.parse().map_err(|_| wrong())?),
            "after" => asked.after = Some(value.parse().map_err(|_| wrong())?),
            _ => {}
        }
    }
    Ok(asked)
}

pub(crate) async fn list(Caller(session): Caller, uri: Uri) -> Result<Response, ApiError> {
    let Asked {
        query,
        limit,
        after,
    } = asked(&uri)?;
    let size = limit.unwrap_or(PAGE).clamp(1, PAGE);
    let mut first = page(&session, &query, size, after).await?;
    if let Some(limit) = limit.filter(|limit| *limit <= PAGE) {
        first
            .files
            .truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        let count = first.files.len();
        return Ok(Json(
            json!({ "success": true, "files": first.files, "count": count, "total": first.total }),
        )
        .into_response());
    }
    let (out, pieces) = mpsc::channel::<Result<Bytes, std::io::Error>>(2);
    tokio::spawn(async move {
        let end = stream(&session, &query, first, limit.unwrap_or(u64::MAX), &out).await;
        if let Err(error) = end {
            tracing::error!(code = error.code, "a list ended early");
            // The connection breaks off, so half a list never looks whole.
            let _ = out
                .send(Err(std::io::Error::other("the list ended early")))
                .await;
        }
    });
    let mut response = Body::from_stream(ReceiverStream::new(pieces)).into_response();
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    Ok(response)
}

async fn page(
    session: &Session,
    query: &FileQuery,
    size: u64,
    after: Option<i64>,
) -> Result<FilePage, ApiError> {
    let (session, query) = (
        session.clone(),
        FileQuery {
            limit: Some(size),
            ..query.clone()
        },
    );
    blocking(move || session.list_after(&query, after)).await
}

/// Page after page, as fast as the client reads.
async fn stream(
    session: &Session,
    query: &FileQuery,
    first: FilePage,
    limit: u64,
    out: &mpsc::Sender<Result<Bytes, std::io::Error>>,
) -> Result<(), ApiError> {
    let total = first.total;
    let mut count = 0_u64;
    let mut current = first;
    let mut text = b"{\"success\":true,\"files\":[".to_vec();
    loop {
        let whole = current.files.len() as u64 >= PAGE;
        let last = current.files.last().map(|file| file.id);
        for file in current
            .files
            .iter()
            .take(usize::try_from(limit - count).unwrap_or(usize::MAX))
        {
            if count > 0 {
                text.push(b',');
            }
            serde_json::to_writer(&mut text, file).map_err(|_| ApiError::internal())?;
            count += 1;
        }
        if !whole || count >= limit {
            break;
        }
        if out
            .send(Ok(Bytes::from(std::mem::take(&mut text))))
            .await
            .is_err()
        {
            return Ok(()); // The client went away.
        }
        current = page(session, query, PAGE, last).await?;
    }
    text.extend_from_slice(format!("],\"count\":{count},\"total\":{total}}}").as_bytes());
    // A client that went away needs no end.
    let _ = out.send(Ok(Bytes::from(text))).await;
    Ok(())
}

/// An ID as it stands in a path. Nonsense is as unknown as any other.
pub(crate) fn file_id(text: &str) -> Result<i64, ApiError> {
    text.parse().map_err(|_| ApiError::no_file())
}

/// Core's error for one file: whatever is not there looks the same.
pub(crate) fn about_file(error: CoreError) -> ApiError {
    if error.code() == Code::NotFound {
        ApiError::no_file()
    } else {
        error.into()
    }
}

/// The file, if it is there and not in the trash.
pub(crate) async fn found(session: &Session, id: i64) -> Result<FileView, ApiError> {
    let session = session.clone();
    let file = tokio::task::spawn_blocking(move || session.file(id))
        .await
        .map_err(|_| ApiError::internal())?
        .map_err(about_file)?;
    if file.status == FileStatus::Trashed {
        Err(ApiError::no_file())
    } else {
        Ok(file)
    }
}

pub(crate) async fn info(
    Caller(session): Caller,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let file = found(&session, file_id(&id)?).await?;
    Ok(Json(json!({ "success": true, "file": file })))
}

pub(crate) async fn trash(
    Caller(session): Caller,
    Path(id): Path<String>,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    let id = file_id(&id)?;
    let file = found(&session, id).await?;
    let moved = session.clone();
    tokio::task::spawn_blocking(move || moved.delete(&[id]))
        .await
        .map_err(|_| ApiError::internal())?
        .map_err(about_file)?;
    let file = FileView {
        status: FileStatus::Trashed,
        ..file
    };
    Ok((
        StatusCode::OK,
        Json(json!({ "success": true, "file": file })),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_read_and_empty_ones_ignored() {
        let uri = Uri::from_static(
            "/user-data/files?type=csv&search=&limit=&after=7&license_key=x&other=1",
        );
        let expected = Asked {
            query: FileQuery {
                file_type: Some("csv".into()),
                ..FileQuery::default()
            },
            limit: None,
            after: Some(7),
        };
        assert_eq!(asked(&uri).unwrap(), expected);
        let error = asked(&Uri::from_static("/user-data/files?limit=ten")).unwrap_err();
        assert_eq!(error.status, StatusCode::BAD_REQUEST);
        assert!(asked(&Uri::from_static("/user-data/files?limit=-1")).is_err());
    }
}
