//! The S3 settings of older set-ups: variables of the environment, or a `.env`
//! file. Read once, handed on, wiped; nothing is written here.

use std::io::Read;
use std::path::Path;

use zeroize::{Zeroize, Zeroizing};

use crate::error::{Code, CoreError};

/// No settings file is larger; nobody means to hand in a data file.
const LARGEST: u64 = 1 << 20;
pub(crate) const DEFAULT_REGION: &str = "us-east-1";

#[derive(Default, Zeroize)]
pub(crate) struct S3Settings {
    pub(crate) bucket: String,
    pub(crate) region: String,
    pub(crate) endpoint_url: Option<String>,
    pub(crate) access_key: Option<String>,
    pub(crate) secret_key: Option<String>,
    /// Where no keys are given.
    pub(crate) aws_profile: Option<String>,
}

pub(crate) fn s3_from_environment() -> Result<S3Settings, CoreError> {
    settings("the environment", |name| std::env::var(name).ok())
}

pub(crate) fn read_env_file(path: &Path) -> Result<S3Settings, CoreError> {
    let name = path
        .file_name()
        .map_or_else(|| "The file".into(), |name| name.to_string_lossy());
    let unreadable = |error: std::io::Error| {
        let (code, why) = match error.kind() {
            std::io::ErrorKind::NotFound => (Code::SourceVanished, "it is not there".to_owned()),
            std::io::ErrorKind::IsADirectory => (Code::Unreadable, "it is a folder".to_owned()),
            std::io::ErrorKind::InvalidData => (Code::Unreadable, "it is not text".to_owned()),
            kind => (Code::Unreadable, kind.to_string()),
        };
        CoreError::new(
            code,
            format!("Could not read \"{name}\": {why}."),
            "Check that it is the file with the S3_ settings and that you may read it.",
        )
    };
    let mut text = Zeroizing::new(String::new());
    std::fs::File::open(path)
        .and_then(|file| file.take(LARGEST).read_to_string(&mut text))
        .map_err(unreadable)?;
    settings(&format!("\"{name}\""), |wanted| value_of(&text, wanted))
}

fn settings(place: &str, value: impl Fn(&str) -> Option<String>) -> Result<S3Settings, CoreError> {
    let value = |name: &str| {
        // Some of these are secrets: the untrimmed text is wiped.
        let text = Zeroizing::new(value(name)?);
        let text = text.trim();
        (!text.is_empty()).then(|| text.to_owned())
    };
    if let Some(switch) = value("USE_S3_STORAGE")
        && !matches!(
            switch.to_ascii_lowercase().as_str(),
            "1" | "true" | "yes" | "on"
        )
    {
        return Err(CoreError::bad_request(
            format!("S3 is switched off in {place} (USE_S3_STORAGE)."),
            "Set USE_S3_STORAGE to true, or remove that line.",
        ));
    }
    let bucket = value("S3_BUCKET").ok_or_else(|| {
        CoreError::bad_request(
            format!("There is no S3_BUCKET in {place}."),
            "It needs S3_BUCKET, S3_ACCESS_KEY and S3_SECRET_KEY (or AWS_PROFILE); S3_REGION and S3_ENDPOINT_URL where they differ.",
        )
    })?;
    let (access_key, secret_key) = (value("S3_ACCESS_KEY"), value("S3_SECRET_KEY"));
    let aws_profile = match (&access_key, &secret_key) {
        (None, None) => value("AWS_PROFILE"),
        _ => None,
    };
    let region = match (value("S3_REGION"), &aws_profile) {
        (Some(region), _) => region,
        // The profile may have one.
        (None, Some(_)) => String::new(),
        (None, None) => DEFAULT_REGION.to_owned(),
    };
    Ok(S3Settings {
        bucket,
        region,
        endpoint_url: value("S3_ENDPOINT_URL"),
        access_key,
        secret_key,
        aws_profile,
    })
}

/// The last `name=value` of a `.env` file: `export ` before it, quotes around the
/// value and a comment behind it are understood.
fn value_of(text: &str, wanted: &str) -> Option<String> {
    text.lines().rev().find_map(|line| {
        let line = line.trim_start_matches('\u{FEFF}').trim();
        let line = line.strip_prefix("export ").unwrap_or(line);
        let (name, value) = line.split_once('=')?;
        (name.trim() == wanted).then(|| unquoted(value.trim()))
    })
}

fn unquoted(value: &str) -> String {
    for quote in ['"', '\''] {
        if let Some(rest) = value.strip_prefix(quote)
            && let Some(end) = rest.find(quote)
        {
            return rest[..end].to_owned();
        }
    }
    // A `#` belongs to a value unless white space stands before it.
    let end = value
        .match_indices('#')
        .find(|(at, _)| *at == 0 || value[..*at].ends_with([' ', '\t']))
        .map(|(at, _)| at);
    value[..end.unwrap_or(value.len())].trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<S3Settings, CoreError> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s3.env");
        std::fs::write(&path, text).unwrap();
        read_env_file(&path)
    }

    #[test]
    fn a_common_file_is_read() {
        let found = read(
            "# storage\r\nUSE_S3_STORAGE=true\r\nexport S3_BUCKET=\"desk backups\" # ours\nS3_ACCESS_KEY=AKIA#1 # no\n\
             S3_SECRET_KEY='a/b+c=='\nS3_REGION=\nS3_ENDPOINT_URL = http://127.0.0.1:9000\nS3_BUCKET_OLD=no\n",
        )
        .unwrap();
        assert_eq!(found.bucket, "desk backups");
        assert_eq!(found.access_key.as_deref(), Some("AKIA#1"));
        assert_eq!(found.secret_key.as_deref(), Some("a/b+c=="));
        assert_eq!(found.region, "us-east-1");
        assert_eq!(found.endpoint_url.as_deref(), Some("http://127.0.0.1:9000"));
    }

    #[test]
    fn what_is_wrong_is_said_without_its_secrets() {
        for (text, code) in [
            ("S3_SECRET_KEY=hush-hush", Code::BadRequest),
            (
                "USE_S3_STORAGE=false\nS3_BUCKET=b\nS3_SECRET_KEY=hush-hush",
                Code::BadRequest,
            ),
        ] {
            let error = read(text).err().unwrap();
            assert_eq!(error.code(), code);
            assert!(!format!("{error:?}").contains("hush-hush"), "{error:?}");
        }
        let error = read_env_file(Path::new("/nowhere/at/all/s3.env"))
            .err()
            .unwrap();
        assert_eq!(
            error.report().message,
            "Could not read \"s3.env\": it is not there."
        );
    }
}
