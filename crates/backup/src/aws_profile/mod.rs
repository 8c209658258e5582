//! Keys by the name of a profile of the AWS configuration of this machine.
//!
//! It reads that configuration and asks whom a profile names for keys; it never writes
//! there, and never keeps a key. What a profile's own program or service says is not
//! passed on where it could hold a secret.

mod files;
mod keys;
mod problem;
mod process;
mod recipe;
mod stamp;
#[cfg(test)]
mod tests;

pub use files::{AwsFiles, AwsProfile, aws_profiles};
pub use keys::profile_keys;
pub use problem::ProfileProblem;
pub use stamp::AwsFilesStamp;
