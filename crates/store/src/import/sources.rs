//! What is to be brought in, found lazily: a folder of a million files is
//! walked while its first ones are being copied.

use super::{ImportSource, Origin};
use crate::layout::{Layout, name_of};
use crate::{Progress, StoreError, names};
use std::collections::VecDeque;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use walkdir::WalkDir;

pub(super) enum Found {
    File(Origin),
    /// A link inside a folder.
    Link(Origin),
    Unreadable(Origin, StoreError),
}

pub(super) struct Totals {
    pub files: u64,
    pub bytes: u64,
}

/// Counts without keeping; what cannot be read counts as nothing here and is
/// reported when its turn comes.
pub(super) fn count(sources: &[ImportSource], layout: &Layout, progress: &dyn Progress) -> Totals {
    let mut totals = Totals { files: 0, bytes: 0 };
    for source in sources {
        for entry in walk(&source.path, layout).flatten() {
            if progress.is_cancelled() {
                return totals;
            }
            if let Ok(meta) = entry.metadata()
                && !meta.is_dir()
            {
                totals.files += 1;
                totals.bytes += if meta.is_file() { meta.len() } else { 0 };
            }
        }
    }
    totals
}

/// Walks in name order, following nothing but the root, and never into the folder
/// of the stores: importing a folder that holds this one would not end, another
/// key's files are none of this one's, and no catalog may be opened behind DuckDB's
/// back.
fn walk(
    root: &Path,
    layout: &Layout,
) -> impl Iterator<Item = walkdir::Result<walkdir::DirEntry>> + use<> {
    let users = layout.home.parent().unwrap_or(&layout.home);
    let users = users.canonicalize().unwrap_or_else(|_| users.to_owned());
    WalkDir::new(root)
        .follow_root_links(true)
        .sort_by_file_name()
        .into_iter()
        .filter_entry(move |entry| {
            !(entry.file_type().is_dir()
                && entry.file_name() == users.file_name().unwrap_or_default()
                && entry.path().canonicalize().is_ok_and(|p| p == users))
        })
}

pub(super) struct Sources {
    waiting: VecDeque<ImportSource>,
    layout: Layout,
    current: Option<Walk>,
    found: u64,
}

struct Walk {
    root: PathBuf,
    name: String,
    token: Option<String>,
    entries: Box<dyn Iterator<Item = walkdir::Result<walkdir::DirEntry>> + Send>,
}

impl Sources {
    pub fn new(sources: Vec<ImportSource>, layout: &Layout) -> Self {
        Self {
            waiting: sources.into(),
            layout: layout.clone(),
            current: None,
            found: 0,
        }
    }

    pub fn next(&mut self) -> Option<Found> {
        let mut found = self.find()?;
        match &mut found {
            Found::File(origin) | Found::Link(origin) | Found::Unreadable(origin, _) => {
                origin.place = self.found;
            }
        }
        self.found += 1;
        Some(found)
    }

    fn find(&mut self) -> Option<Found> {
        loop {
            if let Some(walk) = &mut self.current {
                match walk.next() {
                    Some(found) => return Some(found),
                    None => self.current = None,
                }
            }
            let source = self.waiting.pop_front()?;
            let name = top_name(&source.path);
            let origin = Origin {
                wanted: names::sanitize_filename(&name),
                shown: name.clone(),
                original: name.clone(),
                path: source.path,
                token: source.token,
                follow: true,
                place: 0,
            };
            if self.layout.is_in_a_store(&origin.path) {
                let error = StoreError::PartOfAStore { name };
                return Some(Found::Unreadable(origin, error));
            }
            match fs::metadata(&origin.path) {
                Ok(meta) if meta.is_dir() => {
                    self.current = Some(Walk {
                        entries: Box::new(walk(&origin.path, &self.layout)),
                        root: origin.path,
                        name,
                        token: origin.token,
                    });
                }
                Ok(_) => return Some(Found::File(origin)),
                Err(e) => {
                    let error = unreadable(&name, e);
                    return Some(Found::Unreadable(origin, error));
                }
            }
        }
    }
}

impl Walk {
    fn next(&mut self) -> Option<Found> {
        loop {
            let entry = match self.entries.next()? {
                Ok(entry) => entry,
                Err(e) => {
                    let path = e.path().unwrap_or(&self.root).to_owned();
                    let origin = self.origin(&path);
                    let error = match e.into_io_error() {
                        Some(e) => unreadable(&origin.shown, e),
                        None => StoreError::SourceUnreadable {
                            name: origin.shown.clone(),
                            detail: "its folders go round in a circle".into(),
                        },
                    };
                    return Some(Found::Unreadable(origin, error));
                }
            };
            let kind = entry.file_type();
            if kind.is_dir() {
                continue;
            }
            let origin = self.origin(entry.path());
            return Some(if kind.is_symlink() {
                Found::Link(origin)
            } else {
                Found::File(origin)
            });
        }
    }

    fn origin(&self, path: &Path) -> Origin {
        let below = path.strip_prefix(&self.root).unwrap_or(Path::new(""));
        let relative = Path::new(&self.name).join(below);
        Origin {
            wanted: names::sanitize_relative(&relative),
            shown: relative.to_string_lossy().into_owned(),
            original: name_of(path),
            path: path.to_owned(),
            token: self.token.clone(),
            follow: false,
            place: 0,
        }
    }
}

/// What a person would call it: `.` and `..` have names too.
fn top_name(path: &Path) -> String {
    match path.file_name() {
        Some(name) => name.to_string_lossy().into_owned(),
        None => path
            .canonicalize()
            .map(|p| name_of(&p))
            .unwrap_or_else(|_| "unnamed".into()),
    }
}

pub(super) fn unreadable(name: &str, e: io::Error) -> StoreError {
    let name = name.to_owned();
    match e.kind() {
        io::ErrorKind::NotFound => StoreError::SourceVanished { name },
        io::ErrorKind::PermissionDenied => StoreError::SourceUnreadable {
            name,
            detail: "permission denied".into(),
        },
        _ => StoreError::SourceUnreadable {
            name,
            detail: e.to_string(),
        },
    }
}
