//! The capability table: what a person dropped, picked or handed over, by token.
//!
//! The page gets the token and the name; the path stays here. A token stands for
//! one path, works until it is old or crowded out, and cannot be guessed. It
//! outlives its import, so that a file which failed can be tried again by it.

use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use redline_core::{Code, CoreError, OfferedPath, SourcePath};

/// How many offers are remembered; the oldest go first.
const MOST: usize = 100_000;
/// How long an offer stands.
const KEPT: Duration = Duration::from_secs(12 * 60 * 60);

pub struct Offered {
    table: Mutex<Table>,
    most: usize,
    kept: Duration,
}

#[derive(Default)]
struct Table {
    by_token: HashMap<String, (PathBuf, Instant)>,
    /// Tokens, oldest first.
    order: VecDeque<String>,
}

impl Default for Offered {
    fn default() -> Self {
        Self::limited(MOST, KEPT)
    }
}

impl Offered {
    fn limited(most: usize, kept: Duration) -> Self {
        Self {
            table: Mutex::default(),
            most,
            kept,
        }
    }

    /// Puts a path on offer; the error is the system's reason why it can't be seen.
    pub fn offer(&self, path: PathBuf) -> std::io::Result<OfferedPath> {
        let about = std::fs::metadata(&path)?;
        let token = new_token();
        let offered = OfferedPath {
            token: token.clone(),
            name: shown_name(&path),
            is_folder: about.is_dir(),
            size_bytes: about.is_file().then_some(about.len()),
        };
        let mut table = self.table.lock();
        table.order.push_back(token.clone());
        table.by_token.insert(token, (path, Instant::now()));
        table.drop_old(self.most, self.kept);
        Ok(offered)
    }

    /// What the tokens stand for, in order; all of them or an error. `elsewhere`
    /// knows tokens that were not given out here: core's, for single files of a
    /// dropped folder.
    pub fn redeem(
        &self,
        tokens: &[String],
        elsewhere: impl Fn(&str) -> Option<SourcePath>,
    ) -> Result<Vec<SourcePath>, CoreError> {
        if tokens.is_empty() {
            return Err(CoreError::bad_request(
                "No file was named to store.",
                "Drop files on the window, or choose them with Add.",
            ));
        }
        let mut table = self.table.lock();
        table.drop_old(self.most, self.kept);
        let find = |token: &String| match table.by_token.get(token) {
            Some((path, _)) => Some(SourcePath {
                path: path.clone(),
                token: Some(token.clone()),
            }),
            None => elsewhere(token),
        };
        let found: Option<Vec<SourcePath>> = tokens.iter().map(find).collect();
        found.ok_or_else(|| {
            CoreError::new(
                Code::NotFound,
                "What was added is no longer on offer.",
                "Drop the files on the window again, or choose them with Add.",
            )
        })
    }

    /// Takes back everything on offer.
    pub fn clear(&self) {
        *self.table.lock() = Table::default();
    }
}

impl Table {
    fn drop_old(&mut self, most: usize, kept: Duration) {
        while let Some(oldest) = self.order.front() {
            let expired = self
                .by_token
                .get(oldest)
                .is_none_or(|(_, offered_at)| offered_at.elapsed() >= kept);
            if self.order.len() <= most && !expired {
                break;
            }
            if let Some(token) = self.order.pop_front() {
                self.by_token.remove(&token);
            }
        }
    }
}

/// The last part of the path: what a person would call it.
pub fn shown_name(path: &Path) -> String {
    path.file_name().map_or_else(
        || "this folder".into(),
        |name| name.to_string_lossy().into_owned(),
    )
}

fn new_token() -> String {
    format!("{:032x}", rand::random::<u128>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nothing(_: &str) -> Option<SourcePath> {
        None
    }

    fn a_file(folder: &Path, name: &str) -> PathBuf {
        let path = folder.join(name);
        std::fs::write(&path, b"a,b\n1,2\n").unwrap();
        path
    }

    #[test]
    fn a_token_stands_for_its_path_and_says_nothing_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = a_file(folder.path(), "q 3.csv");
        let offered = Offered::default();
        let file = offered.offer(path.clone()).unwrap();
        let whole = offered.offer(folder.path().to_owned()).unwrap();
        assert_eq!(
            (file.name.as_str(), file.is_folder, file.size_bytes),
            ("q 3.csv", false, Some(8))
        );
        assert_eq!((whole.is_folder, whole.size_bytes), (true, None));
        let told = serde_json::to_string(&[&file, &whole]).unwrap();
        assert!(!told.contains(&*folder.path().parent().unwrap().to_string_lossy()));
        let sources = offered
            .redeem(std::slice::from_ref(&file.token), nothing)
            .unwrap();
        assert_eq!(sources[0].path, path);
        assert_eq!(sources[0].token.as_ref(), Some(&file.token));
        let again = offered.redeem(&["again-1".to_owned()], |token| {
            Some(SourcePath {
                path: "/elsewhere".into(),
                token: Some(token.to_owned()),
            })
        });
        assert_eq!(again.unwrap()[0].path, Path::new("/elsewhere"));
        // Not used up: a failed file can be tried again.
        assert!(offered.redeem(&[file.token], nothing).is_ok());
    }

    #[test]
    fn a_guess_is_refused_whole() {
        let folder = tempfile::tempdir().unwrap();
        let offered = Offered::default();
        let real = offered.offer(a_file(folder.path(), "a.csv")).unwrap().token;
        for guess in ["", "0", "/etc/passwd", &"0".repeat(32)] {
            let error = offered
                .redeem(&[real.clone(), guess.to_owned()], nothing)
                .unwrap_err();
            assert_eq!(error.code(), Code::NotFound);
        }
        assert_eq!(
            offered.redeem(&[], nothing).unwrap_err().code(),
            Code::BadRequest
        );
        assert!(offered.offer(folder.path().join("gone.csv")).is_err());
    }

    #[test]
    fn offers_end_by_number_by_age_and_at_sign_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = a_file(folder.path(), "a.csv");
        let few = Offered::limited(2, KEPT);
        let tokens: Vec<String> = (0..3)
            .map(|_| few.offer(path.clone()).unwrap().token)
            .collect();
        assert!(few.redeem(&tokens[..1], nothing).is_err());
        assert_eq!(few.redeem(&tokens[1..], nothing).unwrap().len(), 2);
        few.clear();
        assert!(few.redeem(&tokens[2..], nothing).is_err());
        let brief = Offered::limited(10, Duration::ZERO);
        let token = brief.offer(path).unwrap().token;
        assert!(brief.redeem(&[token], nothing).is_err());
    }

    #[test]
    fn tokens_do_not_repeat() {
        let tokens: std::collections::HashSet<String> = (0..10_000).map(|_| new_token()).collect();
        assert_eq!(tokens.len(), 10_000);
        assert!(tokens.iter().all(|token| token.len() == 32));
    }
}
