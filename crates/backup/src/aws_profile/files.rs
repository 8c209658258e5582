//! The two files, read as the AWS command line reads them.

use std::borrow::Cow;
use std::env;
use std::error::Error as _;
use std::io;
use std::path::{Path, PathBuf};

use aws_config::profile::{self, ProfileFileLoadError, ProfileSet};
use aws_runtime::env_config::file::{
    Builder as EnvConfigFilesBuilder, EnvConfigFileKind as Kind, EnvConfigFiles,
};
use aws_runtime::env_config::property::PropertiesKey;
use aws_types::os_shim_internal::{Env, Fs};

use crate::{BackupError, Result, SecretText};

/// Where the AWS configuration of this machine is.
#[derive(Clone, Debug)]
pub struct AwsFiles {
    pub config: PathBuf,
    pub credentials: PathBuf,
}

impl AwsFiles {
    /// AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE, else the two files in `~/.aws`.
    pub fn from_environment() -> Self {
        let path = |variable: &str, name: &str| match env::var_os(variable) {
            Some(path) if !path.is_empty() => under_home(PathBuf::from(path)),
            _ => under_home(Path::new("~/.aws").join(name)),
        };
        Self {
            config: path("AWS_CONFIG_FILE", "config"),
            credentials: path("AWS_SHARED_CREDENTIALS_FILE", "credentials"),
        }
    }
}

/// With the home folder for a `~` in front.
fn under_home(path: PathBuf) -> PathBuf {
    match (path.strip_prefix("~"), env::home_dir()) {
        (Ok(rest), Some(home)) => home.join(rest),
        _ => path,
    }
}

/// A profile that can be chosen. Never a key or a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwsProfile {
    pub name: String,
    pub region: Option<String>,
    /// Of S3 where the profile tells services apart, else of all of them.
    pub endpoint_url: Option<String>,
}

/// The profiles of this machine, by name; none where there are no files.
///
/// # Errors
/// [`BackupError::AwsFile`].
pub async fn aws_profiles(files: &AwsFiles) -> Result<Vec<AwsProfile>> {
    let sections = Sections::read(files, "default").await?;
    let mut profiles: Vec<_> = sections
        .names()
        .map(|name| sections.describe(name))
        .collect();
    profiles.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(profiles)
}

/// By this name the SDK is given the keys that are here already.
pub(super) const HANDED_IN: &str = "redline-handed-in";

/// Both files, with one profile selected.
pub(super) struct Sections {
    pub(super) set: ProfileSet,
    files: EnvConfigFilesBuilder,
}

impl Sections {
    pub(super) async fn read(files: &AwsFiles, selected: &str) -> Result<Self> {
        let mut both = EnvConfigFiles::builder();
        for (kind, path) in [
            (Kind::Config, &files.config),
            (Kind::Credentials, &files.credentials),
        ] {
            let text = read_text(path).await?;
            // Alone first: a mistake names no file otherwise.
            let alone = EnvConfigFiles::builder()
                .with_contents(kind, text.expose())
                .build();
            parse(&alone, selected)
                .await
                .map_err(|error| not_a_config(path, &error))?;
            both = both.with_contents(kind, text.expose());
        }
        let set = parse(&both.clone().build(), selected)
            .await
            .map_err(|error| not_a_config(&files.config, &error))?;
        Ok(Self { set, files: both })
    }

    pub(super) fn files(&self) -> EnvConfigFiles {
        self.files.clone().build()
    }

    /// The same, but for `taker` taking its role on with keys that are handed in rather
    /// than with those of the profile that it names.
    pub(super) fn files_for_handed_in(&self, taker: &str) -> EnvConfigFiles {
        let said = format!(
            "[{taker}]\nsource_profile = {HANDED_IN}\n[{HANDED_IN}]\ncredential_source = {HANDED_IN}\n"
        );
        // What comes later wins.
        let files = self.files.clone();
        files.with_contents(Kind::Credentials, said).build()
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.set.profiles()
    }

    pub(super) fn describe(&self, name: &str) -> AwsProfile {
        let value = |key: &str| {
            let value = self.set.get_profile(name)?.get(key)?.trim();
            (!value.is_empty()).then(|| value.to_owned())
        };
        // `[services x]`, for a profile with `services = x`.
        let of_services = || {
            let url = PropertiesKey::builder()
                .section_key("services")
                .section_name(value("services")?)
                .property_name("s3")
                .sub_property_name("endpoint_url")
                .build()
                .ok()?;
            let url = self.set.other_sections().get(&url)?.trim();
            (!url.is_empty()).then(|| url.to_owned())
        };
        // `s3 =` with indented lines below it, in the profile itself.
        let of_s3 = || {
            let lines = value("s3")?;
            let (_, url) = lines
                .lines()
                .filter_map(|line| line.split_once('='))
                .find(|(key, _)| key.trim() == "endpoint_url")?;
            Some(url.trim().to_owned()).filter(|url| !url.is_empty())
        };
        let endpoint_url = || {
            of_services()
                .or_else(of_s3)
                .or_else(|| value("endpoint_url"))
        };
        let ignored = value("ignore_configured_endpoint_urls")
            .is_some_and(|ignored| ignored.eq_ignore_ascii_case("true"));
        AwsProfile {
            name: name.to_owned(),
            region: value("region"),
            endpoint_url: if ignored { None } else { endpoint_url() },
        }
    }
}

async fn parse(files: &EnvConfigFiles, selected: &str) -> Result<ProfileSet, ProfileFileLoadError> {
    // The texts are given: neither the file system nor the environment is looked at but
    // for AWS_PROFILE, over which `selected` wins.
    let selected = Cow::Owned(selected.to_owned());
    profile::load(&Fs::real(), &Env::real(), files, Some(selected)).await
}

/// The name by which a person knows a file: where it is may tell who they are.
fn shown(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    match path.parent().and_then(Path::file_name) {
        Some(folder) if folder == ".aws" => format!("~/.aws/{name}"),
        _ => name.into_owned(),
    }
}

fn not_a_config(path: &Path, error: &ProfileFileLoadError) -> BackupError {
    // "error parsing  on line 3:\n  Expected an '=' sign defining a property": never the line itself.
    let said = error.source().map(ToString::to_string).unwrap_or_default();
    let why = said
        .split_once("on line ")
        .and_then(|(_, said)| said.split_once(':'))
        .map_or_else(
            || "it is not written as an AWS configuration".to_owned(),
            |(line, what)| format!("line {line}: {}", lower_first(what.trim())),
        );
    BackupError::AwsFile {
        file: shown(path),
        why,
    }
}

fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| {
        first.to_lowercase().chain(chars).collect()
    })
}

/// Nobody's configuration is larger.
const LARGEST: u64 = 4 << 20;

/// Empty where there is no such file.
async fn read_text(path: &Path) -> Result<SecretText> {
    let unreadable = |why: String| BackupError::AwsFile {
        file: shown(path),
        why,
    };
    let bytes = match read(path).await {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(SecretText::default()),
        Err(error) => return Err(unreadable(error.kind().to_string())),
    };
    // Wiped with the rest of it, whatever is made of it.
    let text = SecretText::from(
        String::from_utf8(bytes).map_err(|_| unreadable("it is not UTF-8 text".to_owned()))?,
    );
    Ok(SecretText::from(plain(text.expose())))
}

async fn read(path: &Path) -> io::Result<Vec<u8>> {
    let about = tokio::fs::metadata(path).await?;
    // A pipe would keep us waiting for whoever writes into it.
    if !about.is_file() {
        return Err(io::Error::from(io::ErrorKind::InvalidInput));
    }
    if about.len() > LARGEST {
        return Err(io::Error::from(io::ErrorKind::FileTooLarge));
    }
    tokio::fs::read(path).await
}

/// As the SDK's parser wants it: no mark in front, and lines that are indented only where
/// they go on with the line before. The command line takes `  key = value` below a `[name]`
/// for a line of its own.
fn plain(text: &str) -> String {
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
    let mut out = String::with_capacity(text.len());
    // How far the line in which the current key stands is indented.
    let mut key_at = None;
    for line in text.lines() {
        let bare = line.trim_start_matches([' ', '\t']);
        let indent = line.len() - bare.len();
        let is_text = !bare.trim_end().is_empty() && !bare.starts_with(['#', ';']);
        let goes_on = is_text && key_at.is_some_and(|key_at| indent > key_at);
        if goes_on {
            out.push_str(line);
        } else {
            out.push_str(bare);
            if is_text {
                key_at = (!bare.starts_with('[')).then_some(indent);
            }
        }
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_moved_only_where_it_stands_for_itself() {
        assert_eq!(
            plain("\u{FEFF}[a]\r\n  x = 1\r\n  s3 =\r\n    y = 2\r\n  # no\r\n\tz=3\r\n"),
            "[a]\nx = 1\ns3 =\n    y = 2\n# no\nz=3\n"
        );
    }

    #[test]
    fn a_folder_of_a_person_is_not_named() {
        assert_eq!(shown(Path::new("/home/jo/.aws/config")), "~/.aws/config");
        assert_eq!(shown(Path::new("/home/jo/keys.ini")), "keys.ini");
    }
}
