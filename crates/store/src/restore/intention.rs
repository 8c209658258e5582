//! What a restore is about to do with a file, told before it is done.

use super::Restored;
use crate::{Result, StoreError};
use std::io;

/// Is told what is about to be done before the first file of it is renamed, and again where
/// a name turns out to be taken. If it fails, nothing more is renamed.
pub type Intend<'a> = &'a dyn Fn(&[Restored]) -> io::Result<()>;

/// What is about to be done with one file, and under which name that was told.
pub(super) struct Intention<'a> {
    pub(super) meant: Restored,
    pub(super) told: Option<String>,
    pub(super) intend: Intend<'a>,
}

impl Intention<'_> {
    pub(super) fn tell(&mut self, relative_path: &str) -> Result<()> {
        if self.told.as_deref() == Some(relative_path) {
            return Ok(());
        }
        relative_path.clone_into(&mut self.meant.relative_path);
        (self.intend)(std::slice::from_ref(&self.meant)).map_err(not_noted)?;
        self.told = Some(relative_path.to_owned());
        Ok(())
    }
}

pub(super) fn not_noted(error: io::Error) -> StoreError {
    StoreError::io("the notes of the restore", error)
}
