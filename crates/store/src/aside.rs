//! A stored file moved out of its place for a moment, into the folder of the work that
//! does it, with its place noted there first. Whatever ends that work before the file
//! was dealt with (an error, a panic, a kill), it goes back, and replaces nothing.

use crate::layout::Layout;
use crate::{Result, StoreError, durable, names};
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The file, and the text that says where it belongs.
const BYTES: &str = ".aside";
const PLACE: &str = ".aside.place";

/// Moves the file into `folder`; answers where it is now.
///
/// # Errors
/// [`StoreError::SourceVanished`] if there is none.
pub(crate) fn move_aside(layout: &Layout, folder: &Path, relative: &str) -> Result<PathBuf> {
    let failed = |e: io::Error| match e.kind() {
        io::ErrorKind::NotFound => StoreError::SourceVanished {
            name: names::filename_of(relative).to_owned(),
        },
        _ => StoreError::io(names::filename_of(relative), e),
    };
    let (from, to) = (layout.file(relative)?, folder.join(BYTES));
    let mut place = durable::private_new()
        .open(folder.join(PLACE))
        .map_err(failed)?;
    place
        .write_all(relative.as_bytes())
        .and_then(|()| place.sync_all())
        .and_then(|()| durable::sync_dir(folder))
        .and_then(|()| durable::sync_dir(&layout.partial()))
        .and_then(|()| durable::rename_no_replace(&from, &to))
        .map_err(failed)?;
    Ok(to)
}

/// Puts back what was moved into `folder` and is still there, under a free name where
/// somebody has taken its own. Answers whether there was anything.
pub(crate) fn put_back(layout: &Layout, folder: &Path) -> Result<bool> {
    let from = folder.join(BYTES);
    if fs::symlink_metadata(&from).is_err() {
        return Ok(false);
    }
    let failed = |e: io::Error| StoreError::io("a file that was on its way", e);
    let relative = fs::read_to_string(folder.join(PLACE)).map_err(failed)?;
    layout.make_folders(&relative)?;
    let mut number = 1;
    let mut name = relative.clone();
    loop {
        let to = layout.file(&name)?;
        match durable::rename_no_replace(&from, &to) {
            Ok(()) => {
                durable::sync_dir(to.parent().unwrap_or(&layout.home)).map_err(failed)?;
                return Ok(true);
            }
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
                number += 1;
                name = names::numbered(&relative, number);
            }
            Err(e) => return Err(failed(e)),
        }
    }
}
