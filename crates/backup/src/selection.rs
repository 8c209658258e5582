//! Which files of a restore point are meant: by glob, by their very path, or all.

use std::collections::HashSet;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use crate::{BackupError, Result};

/// A choice of paths. The default is everything.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// `None`: everything.
    chosen: Option<Chosen>,
}

#[derive(Clone, Debug)]
struct Chosen {
    whole: GlobSet,
    /// Patterns without a `/`: compared with the file's name in any folder.
    name: GlobSet,
    paths: HashSet<String>,
}

impl Selection {
    /// Globs as a shell has them: `*` stays within a folder, `**` does not. One without
    /// a `/` is about names in any folder; one that ends in `/` is the whole folder.
    /// Nothing at all means everything.
    ///
    /// # Errors
    /// [`BackupError::BadConfig`] for a glob that is none.
    pub fn new(globs: &[String], paths: &[String]) -> Result<Self> {
        if globs.is_empty() && paths.is_empty() {
            return Ok(Self::default());
        }
        let (mut whole, mut name) = (GlobSetBuilder::new(), GlobSetBuilder::new());
        let unusable = |glob: &str, e: &globset::Error| BackupError::BadConfig {
            what: format!("\"{glob}\" is no glob: {}", e.kind()),
        };
        for glob in globs {
            let folder = glob.strip_suffix('/').map(|folder| format!("{folder}/**"));
            let text = folder.as_deref().unwrap_or(glob);
            // A leading one says that the store's own folder is meant.
            let built = GlobBuilder::new(text.trim_start_matches('/'))
                .literal_separator(true)
                .build()
                .map_err(|e| unusable(glob, &e))?;
            if text.contains('/') {
                whole.add(built);
            } else {
                name.add(built);
            }
        }
        let build = |set: GlobSetBuilder| set.build().map_err(|e| unusable("", &e));
        Ok(Self {
            chosen: Some(Chosen {
                whole: build(whole)?,
                name: build(name)?,
                paths: paths.iter().cloned().collect(),
            }),
        })
    }

    pub fn is_everything(&self) -> bool {
        self.chosen.is_none()
    }

    pub fn has(&self, path: &str) -> bool {
        let Some(chosen) = &self.chosen else {
            return true;
        };
        let name = path.rsplit('/').next().unwrap_or(path);
        chosen.paths.contains(path) || chosen.whole.is_match(path) || chosen.name.is_match(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(globs: &[&str], paths: &[&str]) -> Vec<&'static str> {
        let own = |all: &[&str]| all.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
        let selection = Selection::new(&own(globs), &own(paths)).unwrap();
        ["a.csv", "2024/a.csv", "2024/deep/b.csv", "2024/c [1].txt"]
            .into_iter()
            .filter(|path| selection.has(path))
            .collect()
    }

    #[test]
    fn globs_are_a_shells() {
        assert_eq!(chosen(&[], &[]).len(), 4);
        assert_eq!(chosen(&["*.csv"], &[]).len(), 3, "a name in any folder");
        assert_eq!(chosen(&["2024/*.csv"], &[]), ["2024/a.csv"]);
        assert_eq!(chosen(&["2024/"], &[]).len(), 3);
        assert_eq!(chosen(&["**/b.csv"], &[]), ["2024/deep/b.csv"]);
        assert_eq!(chosen(&["/a.csv"], &[]), ["a.csv"]);
        assert_eq!(chosen(&[], &["2024/c [1].txt"]), ["2024/c [1].txt"]);
        assert!(matches!(
            Selection::new(&["[".into()], &[]),
            Err(BackupError::BadConfig { .. })
        ));
    }
}
