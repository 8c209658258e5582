//! Whole conversions, through the crate's public door. One program, since linking takes
//! longer than most of what is in here.

mod asked;
mod changes;
#[path = "../common/mod.rs"]
mod common;
mod fidelity;
mod matrix;
mod merge;
mod parquet;
mod properties;
mod survival;
mod text_to_text;
