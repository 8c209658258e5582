//! Values of stores whose cells have a type each (sheets, SQLite), on their way into
//! columns that have one. Knows no file format.

pub(crate) mod clock;
mod column;
mod value;

pub(crate) use column::{Column, decimal, exact_float, holds};
pub(crate) use value::{Value, push_float};

#[cfg(test)]
pub(crate) mod samples;
