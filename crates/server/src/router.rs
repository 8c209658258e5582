//! Which request is answered by what.

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, delete, get, post};

use crate::error::ApiError;
use crate::guard::guard;
use crate::routes::{
    convert, download, events, files, jobs, look, machine, openapi, overview, upload,
};
use crate::state::Shared;

pub(crate) struct Endpoint {
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "what the description is checked against")
    )]
    pub method: &'static str,
    pub path: &'static str,
    answer: MethodRouter<Shared>,
}

/// Every endpoint once; `openapi.json` is checked against this list.
pub(crate) fn endpoints() -> Vec<Endpoint> {
    let on = |method, path, answer| Endpoint {
        method,
        path,
        answer,
    };
    vec![
        on("get", "/user-data/files", get(files::list)),
        on(
            "post",
            "/user-data/files/upload",
            post(upload::upload).layer(DefaultBodyLimit::disable()),
        ),
        on("get", "/user-data/files/{id}", get(files::info)),
        on("delete", "/user-data/files/{id}", delete(files::trash)),
        on(
            "get",
            "/user-data/files/{id}/download",
            get(download::download),
        ),
        on(
            "post",
            "/user-data/files/{id}/convert",
            post(convert::convert),
        ),
        on("get", "/user-data/files/{id}/profile", get(look::profile)),
        on("get", "/user-data/files/{id}/preview", get(look::preview)),
        on("get", "/user-data/tables", get(overview::tables)),
        on("get", "/user-data/stats", get(overview::stats)),
        on("get", "/user-data/history", get(overview::history)),
        on("post", "/user-data/backup", post(jobs::backup)),
        on("get", "/user-data/jobs/{id}", get(jobs::job)),
        on("get", "/user-data/events", get(events::events)),
        on("get", "/openapi.json", get(openapi::openapi)),
        on("get", "/health", get(machine::health)),
    ]
}

pub(crate) fn router(shared: Shared) -> Router {
    let mut router = Router::new();
    for endpoint in endpoints() {
        router = router.route(endpoint.path, endpoint.answer);
    }
    router
        .fallback(|| async {
            ApiError::new(
                StatusCode::NOT_FOUND,
                "not_found",
                "There is no such address.",
                "The API is described at /openapi.json.",
            )
        })
        .method_not_allowed_fallback(|| async {
            ApiError::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "This address does not take that method.",
                "The API is described at /openapi.json.",
            )
        })
        .layer(from_fn_with_state(shared.clone(), guard))
        .with_state(shared)
}
