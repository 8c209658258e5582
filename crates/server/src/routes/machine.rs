//! health: whether anyone is there. No key needed, nothing told but the version.

use axum::Json;
use serde_json::{Value, json};

pub(crate) async fn health() -> Json<Value> {
    Json(json!({ "success": true, "status": "ok", "version": redline_core::version() }))
}
