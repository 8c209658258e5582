//! Every endpoint through real HTTP.

mod files;
mod jobs;
mod keys;
mod life;
#[path = "../support/mod.rs"]
mod support;
