//! What was chosen on the line: key=value pairs, presets, and whether a source is a
//! stored file or a path.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use redline_core::{ConversionRequest, Session};

use crate::app::App;
use crate::args::{Choices, OnReject};
use crate::failure::{Failure, status};
use crate::words;

/// A number is an ID; a file that is called like one goes by `./57`.
pub enum Given {
    Id(i64),
    Path(PathBuf),
}

pub fn source(text: &str) -> Given {
    match text.parse() {
        Ok(id) => Given::Id(id),
        Err(_) => Given::Path(PathBuf::from(text)),
    }
}

/// Refuses a path that nothing is at, as an ID that no file has.
pub fn present(path: &Path) -> Result<(), Failure> {
    match path.symlink_metadata() {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Err(Failure::new(
            status::NOT_FOUND,
            "not_found",
            format!(
                "There is no file \"{}\".",
                words::name(&path.to_string_lossy())
            ),
            "Check the path. Stored files go by their IDs; list them with `redline files`.",
        )),
        _ => Ok(()),
    }
}

/// `key=value` pairs; the last one of a key counts.
pub fn pairs(set: &[String]) -> Result<BTreeMap<String, String>, Failure> {
    set.iter()
        .map(|pair| match pair.split_once('=') {
            Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
            _ => Err(Failure::usage(
                format!("\"{}\" is not a choice.", words::name(pair)),
                "Write it as --set KEY=VALUE, for example --set codec=zstd.",
            )),
        })
        .collect()
}

pub fn with_on_reject(
    mut options: BTreeMap<String, String>,
    on_reject: Option<OnReject>,
) -> BTreeMap<String, String> {
    if let Some(what) = on_reject {
        let what = match what {
            OnReject::Stop => "stop",
            OnReject::Report => "report",
        };
        options.insert("on_reject".to_owned(), what.to_owned());
    }
    options
}

/// The preset first, then what the line says itself. The format comes from the line,
/// from the preset, or from the ending of `out`.
pub fn request(
    app: &App,
    session: Option<&Session>,
    to: Option<&str>,
    out: Option<&Path>,
    choices: &Choices,
) -> Result<ConversionRequest, Failure> {
    let mut options = BTreeMap::new();
    let mut to = to.map(str::to_owned);
    if let Some(name) = &choices.preset {
        let preset = match session {
            Some(session) => session.preset(name)?,
            None => app.session()?.preset(name)?,
        };
        options = preset.options;
        to = to.or(preset.to);
    }
    options.extend(pairs(&choices.set)?);
    let options = with_on_reject(options, choices.on_reject);
    let to = to.or_else(|| {
        let name = out?.file_name()?.to_string_lossy();
        redline_core::format_of_name(&name)
    });
    let Some(to) = to else {
        return Err(Failure::usage(
            "It is not said which format to convert to.",
            "Say it with --to, for example --to parquet.",
        ));
    };
    Ok(ConversionRequest { to, options })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_taken_apart_at_the_first_sign() {
        let set = ["filter=a = 1".to_owned(), "null=".to_owned()];
        let pairs = pairs(&set).unwrap();
        assert_eq!(pairs["filter"], "a = 1");
        assert_eq!(pairs["null"], "");
        for wrong in ["codec", "=zstd", ""] {
            assert_eq!(super::pairs(&[wrong.to_owned()]).unwrap_err().status, 2);
        }
    }

    #[test]
    fn a_number_is_an_id() {
        assert!(matches!(source("57"), Given::Id(57)));
        assert!(matches!(source("./57"), Given::Path(_)));
        assert!(matches!(source("57.csv"), Given::Path(_)));
    }
}
