//! What a refused or failed request is answered with.
//!
//! Core's errors keep their words; only what the API itself refuses is worded here.

use axum::Json;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use redline_core::{Code, CoreError, ErrorReport};
use serde_json::json;

#[derive(Debug)]
pub(crate) struct ApiError {
    pub status: StatusCode,
    pub code: String,
    pub message: String,
    pub hint: String,
    pub retryable: bool,
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

impl ApiError {
    pub fn new(
        status: StatusCode,
        code: &str,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self {
            status,
            code: code.to_owned(),
            message: message.into(),
            hint: hint.into(),
            retryable: false,
            headers: Vec::new(),
        }
    }

    pub fn bad_request(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", message, hint)
    }

    /// The same bytes for an unknown ID, another key's, one in the trash, and nonsense.
    pub fn no_file() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "not_found",
            "There is no such file in this store.",
            "List the files with GET /user-data/files.",
        )
    }

    pub fn no_job() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "not_found",
            "There is no such job in this store.",
            "It may have been dismissed; the answer that started a job has its ID.",
        )
    }

    pub fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "The request failed inside Redline.",
            "Try again; if it stays so, run `redline doctor`.",
        )
    }

    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    fn reported(report: ErrorReport, status: u16) -> Self {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self {
            status,
            code: code_text(report.code),
            message: report.message,
            hint: report.hint,
            retryable: report.retryable,
            headers: Vec::new(),
        }
    }
}

/// The snake_case text that a code has everywhere.
pub(crate) fn code_text(code: Code) -> String {
    match serde_json::to_value(code) {
        Ok(serde_json::Value::String(text)) => text,
        _ => "internal".to_owned(),
    }
}

impl From<CoreError> for ApiError {
    fn from(error: CoreError) -> Self {
        let mut answer = Self::reported(error.report(), error.http_status());
        if error.code() == Code::StoreBusy {
            answer = answer.with_header(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        answer
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = json!({
            "success": false,
            "error": self.message,
            "code": self.code,
            "hint": self.hint,
            "retryable": self.retryable,
        });
        let mut response = (self.status, Json(body)).into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer realm=\"redline\""),
            );
        }
        response.headers_mut().extend(self.headers);
        response
    }
}
