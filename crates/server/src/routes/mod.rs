//! One module for each group of endpoints: ask core, answer in JSON or bytes.

pub(crate) mod convert;
pub(crate) mod download;
pub(crate) mod events;
pub(crate) mod files;
pub(crate) mod jobs;
pub(crate) mod look;
pub(crate) mod machine;
pub(crate) mod openapi;
pub(crate) mod overview;
pub(crate) mod spool;
pub(crate) mod upload;
