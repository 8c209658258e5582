//! The bytes of a file, all or a part of them.

use std::io::SeekFrom;

use axum::body::Body;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use redline_core::FileView;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio_util::io::ReaderStream;

use super::files::{about_file, file_id, found};
use crate::auth::Caller;
use crate::error::ApiError;
use crate::range::{Wanted, matches_any, wanted};

/// Read and sent at a time.
const CHUNK: usize = 256 * 1024;

pub(crate) async fn download(
    Caller(session): Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let id = file_id(&id)?;
    found(&session, id).await?;
    let (file, view, size) = tokio::task::spawn_blocking(move || {
        let (file, view) = session.open_file(id).map_err(about_file)?;
        let size = file.metadata().map_err(|_| ApiError::internal())?.len();
        Ok::<_, ApiError>((file, view, size))
    })
    .await
    .map_err(|_| ApiError::internal())??;

    // A file that was edited in place and not checked since has no known hash.
    let etag = (view.sha256.len() == 64 && size == view.size_bytes)
        .then(|| format!("\"{}\"", view.sha256));
    let text = |name: header::HeaderName| headers.get(name).and_then(|v| v.to_str().ok());
    if let (Some(tag), Some(known)) = (&etag, text(header::IF_NONE_MATCH))
        && matches_any(known, tag)
    {
        let mut response = StatusCode::NOT_MODIFIED.into_response();
        insert(response.headers_mut(), header::ETAG, tag);
        return Ok(response);
    }
    // A part is of use only together with the rest of the same bytes.
    let same = text(header::IF_RANGE).is_none_or(|known| etag.as_deref() == Some(known.trim()));
    let range = if same { text(header::RANGE) } else { None };
    let (status, first, length) = match wanted(range, size) {
        Wanted::All => (StatusCode::OK, 0, size),
        Wanted::Part { first, last } => (StatusCode::PARTIAL_CONTENT, first, last - first + 1),
        Wanted::Outside => return Err(refused(size, "The file has no bytes in that range.")),
        Wanted::Several => return Err(refused(size, "Only one range a request is answered.")),
    };

    let mut file = tokio::fs::File::from_std(file);
    if first > 0 {
        file.seek(SeekFrom::Start(first))
            .await
            .map_err(|_| ApiError::internal())?;
    }
    let body = Body::from_stream(ReaderStream::with_capacity(file.take(length), CHUNK));
    let mut response = (status, body).into_response();
    let out = response.headers_mut();
    insert(out, header::CONTENT_TYPE, &content_type(&view));
    insert(out, header::CONTENT_LENGTH, &length.to_string());
    insert(
        out,
        header::CONTENT_DISPOSITION,
        &disposition(&view.filename),
    );
    out.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    // Private bytes: kept by the client at most, and asked for again.
    out.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("private, no-cache"),
    );
    if let Some(tag) = &etag {
        insert(out, header::ETAG, tag);
    }
    if status == StatusCode::PARTIAL_CONTENT {
        insert(
            out,
            header::CONTENT_RANGE,
            &format!("bytes {first}-{}/{size}", first + length - 1),
        );
    }
    Ok(response)
}

fn refused(size: u64, message: &str) -> ApiError {
    let error = ApiError::new(
        StatusCode::RANGE_NOT_SATISFIABLE,
        "range_refused",
        message,
        format!("The file has {size} bytes."),
    );
    match HeaderValue::from_str(&format!("bytes */{size}")) {
        Ok(value) => error.with_header(header::CONTENT_RANGE, value),
        Err(_) => error,
    }
}

fn insert(headers: &mut HeaderMap, name: header::HeaderName, value: &str) {
    // Every value here is ASCII by construction; one that is not is better left out.
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

fn content_type(view: &FileView) -> String {
    match view.format.as_str() {
        "parquet" => "application/vnd.apache.parquet".to_owned(),
        "feather" => "application/vnd.apache.arrow.file".to_owned(),
        "ndjson" => "application/x-ndjson".to_owned(),
        _ => mime_guess::from_path(&view.filename)
            .first_or_octet_stream()
            .to_string(),
    }
}

/// `attachment` with the name twice (RFC 6266): plain for old clients, and in full as
/// RFC 5987 has it. Nothing in a name can end the header or the quotes.
fn disposition(name: &str) -> String {
    let plain: String = name
        .chars()
        .map(|c| {
            if (c.is_ascii_graphic() || c == ' ') && !matches!(c, '"' | '\\' | '%' | '/') {
                c
            } else {
                '_'
            }
        })
        .collect();
    let mut full = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&byte) {
            full.push(char::from(byte));
        } else {
            full.push_str(&format!("%{byte:02X}"));
        }
    }
    format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{full}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_survive_and_cannot_break_out() {
        assert_eq!(
            disposition("q3.csv"),
            "attachment; filename=\"q3.csv\"; filename*=UTF-8''q3.csv"
        );
        assert_eq!(
            disposition("zürich 📈.csv"),
            "attachment; filename=\"z_rich _.csv\"; filename*=UTF-8''z%C3%BCrich%20%F0%9F%93%88.csv"
        );
        let hostile = disposition("a\"; filename=\"b\r\nX: y.csv");
        assert!(HeaderValue::from_str(&hostile).is_ok());
        assert_eq!(hostile.matches('"').count(), 2);
    }
}
