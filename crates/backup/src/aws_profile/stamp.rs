//! Whether something was done about a profile's keys since, told without reading a secret:
//! `aws sso login`, `aws configure` and their like all write a file.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::files::AwsFiles;

/// How the files lie from which keys come. Two that differ: try again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwsFilesStamp(Vec<(PathBuf, u64, Option<SystemTime>)>);

impl AwsFiles {
    /// Both files, and the tokens of single sign-ons in the home folder. Sizes and times
    /// alone; what cannot be looked at is as good as absent.
    pub fn stamp(&self) -> AwsFilesStamp {
        self.stamp_with(env::home_dir().as_deref())
    }

    fn stamp_with(&self, home: Option<&Path>) -> AwsFilesStamp {
        let tokens = home
            .and_then(|home| fs::read_dir(home.join(".aws/sso/cache")).ok())
            .into_iter()
            .flatten()
            .filter_map(|entry| Some(entry.ok()?.path()));
        let mut files: Vec<_> = [self.config.clone(), self.credentials.clone()]
            .into_iter()
            .chain(tokens)
            .filter_map(|path| {
                let about = fs::metadata(&path).ok()?;
                Some((path, about.len(), about.modified().ok()))
            })
            .collect();
        files.sort();
        AwsFilesStamp(files)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sign_in_and_new_keys_are_seen_and_nothing_is_not() {
        let home = tempfile::tempdir().unwrap();
        let at = |path: &str| home.path().join(path);
        let files = AwsFiles {
            config: at("config"),
            credentials: at("credentials"),
        };
        let mut before = files.stamp_with(Some(home.path()));
        assert_eq!(files.stamp_with(None), before);
        fs::create_dir_all(at(".aws/sso/cache")).unwrap();
        assert_eq!(files.stamp_with(Some(home.path())), before);
        let token = ".aws/sso/cache/ee0b.json";
        for (what, path, text) in [
            ("a first sign-in", token, "{}"),
            ("a renewed one", token, "{ }"),
            ("keys", "credentials", "[a]\n"),
            ("another setting", "config", "[profile a]\n"),
        ] {
            fs::write(at(path), text).unwrap();
            let after = files.stamp_with(Some(home.path()));
            assert_ne!(after, before, "{what}");
            assert_eq!(files.stamp_with(Some(home.path())), after);
            before = after;
        }
        // As long as before, and written later.
        let written = SystemTime::now() + std::time::Duration::from_secs(60);
        let file = fs::File::options().write(true).open(at("credentials"));
        file.unwrap().set_modified(written).unwrap();
        assert_ne!(files.stamp_with(Some(home.path())), before);
        fs::remove_file(at(token)).unwrap();
        assert_ne!(files.stamp_with(Some(home.path())), before);
    }
}
