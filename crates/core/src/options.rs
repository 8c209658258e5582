//! Where a front end finds things, and which key it was given by its environment.

use std::env;
use std::path::PathBuf;

use redline_backup::AwsFiles;

/// Which front end this process is; others are told when they wait for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrontEnd {
    Window,
    CommandLine,
    Server,
}

impl FrontEnd {
    pub(crate) fn holder(self) -> &'static str {
        match self {
            Self::Window => "the Redline window",
            Self::CommandLine => "the redline command line",
            Self::Server => "redline serve",
        }
    }

    /// Whether it stays long enough for work in the background.
    pub(crate) fn stays(self) -> bool {
        self != Self::CommandLine
    }
}

/// How to open [`Redline`](crate::Redline). What is not given is the platform's.
#[derive(Clone)]
pub struct Options {
    /// The root of the stores.
    pub data_dir: Option<PathBuf>,
    /// Settings, profiles and passphrase files.
    pub config_dir: Option<PathBuf>,
    pub front_end: FrontEnd,
    /// The license key from REDLINE_LICENSE_KEY: counts as signed in.
    pub env_key: Option<String>,
    /// Where the profiles of the AWS configuration are.
    pub aws_files: Option<AwsFiles>,
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("front_end", &self.front_end)
            .field("env_key", &self.env_key.as_ref().map(|_| "••••"))
            .finish_non_exhaustive()
    }
}

impl Options {
    /// REDLINE_DATA_DIR or USER_STORAGE_BASE_PATH, REDLINE_CONFIG_DIR and
    /// REDLINE_LICENSE_KEY; an empty one counts as absent.
    pub fn from_env(front_end: FrontEnd) -> Self {
        let path = |name| {
            env::var_os(name)
                .filter(|value| !value.is_empty())
                .map(PathBuf::from)
        };
        Self {
            data_dir: path("REDLINE_DATA_DIR").or_else(|| path("USER_STORAGE_BASE_PATH")),
            config_dir: path("REDLINE_CONFIG_DIR"),
            front_end,
            env_key: env::var("REDLINE_LICENSE_KEY")
                .ok()
                .filter(|key| !key.trim().is_empty()),
            aws_files: None,
        }
    }
}

#[cfg(not(any(windows, target_os = "macos")))]
fn under_home(variable: &str, fallback: &str) -> Option<PathBuf> {
    // The XDG specification: a relative value is to be ignored.
    env::var_os(variable)
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
        .or_else(|| Some(env::home_dir()?.join(fallback)))
        .map(|path| path.join("redline"))
}

/// The platform's folder for the stores.
pub(crate) fn default_data_dir() -> Option<PathBuf> {
    #[cfg(windows)]
    return env::var_os("LOCALAPPDATA").map(|path| PathBuf::from(path).join("Redline"));
    #[cfg(target_os = "macos")]
    return Some(env::home_dir()?.join("Library/Application Support/Redline"));
    #[cfg(not(any(windows, target_os = "macos")))]
    under_home("XDG_DATA_HOME", ".local/share")
}

/// The platform's folder for settings and profiles.
pub(crate) fn default_config_dir() -> Option<PathBuf> {
    #[cfg(windows)]
    return env::var_os("APPDATA").map(|path| PathBuf::from(path).join("Redline"));
    #[cfg(target_os = "macos")]
    return Some(env::home_dir()?.join("Library/Application Support/Redline/config"));
    #[cfg(not(any(windows, target_os = "macos")))]
    under_home("XDG_CONFIG_HOME", ".config")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printing_options_shows_no_key() {
        let options = Options {
            data_dir: None,
            config_dir: None,
            front_end: FrontEnd::Server,
            env_key: Some("RL-05661234-ABCDEFGH-IJKLCC32".into()),
            aws_files: None,
        };
        let shown = format!("{options:?}");
        assert!(!shown.contains("0566") && shown.contains("••••"), "{shown}");
    }
}
