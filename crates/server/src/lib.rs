//! The loopback REST API over redline-core.
//!
//! It owns sockets, routes, and who may ask: it listens on 127.0.0.1 and ::1 only,
//! answers requests that carry a key signed in on this machine, and refuses what a
//! web page could have sent. It never opens a store by itself, never logs a query
//! string or a key, and answers with neither an absolute path nor a secret.

mod auth;
mod bind;
mod error;
mod guard;
mod limiter;
mod range;
mod router;
mod routes;
mod server;
mod state;

pub use bind::ServeError;
pub use server::{Bound, Server, serve};

/// The description of the API, as `GET /openapi.json` answers it.
pub fn openapi() -> serde_json::Value {
    routes::openapi::document()
}
