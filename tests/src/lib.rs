//! What tests across crates share.

pub mod proxy;
pub mod s3;
#[cfg(target_os = "linux")]
pub mod window;
