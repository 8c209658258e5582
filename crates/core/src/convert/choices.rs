//! What can be chosen: formats and options, for forms; and the check of what was.

use std::collections::BTreeMap;

use redline_convert::{Format, Group, Kind, Options, SPECS};

use crate::contract::{FormatView, OptionView};
use crate::error::{CoreError, convert_error};

/// The formats that tables are read from or written to.
pub fn formats() -> Vec<FormatView> {
    known()
        .map(|format| FormatView {
            id: format.id().to_owned(),
            label: format.label().to_owned(),
            extension: format.extension().to_owned(),
            reads: true,
            writes: true,
        })
        .collect()
}

fn known() -> impl Iterator<Item = Format> {
    Format::ALL
        .into_iter()
        .filter(|format| *format != Format::Other)
}

/// The choices that a conversion between two formats has. An unknown one has those that
/// all have.
pub fn conversion_options(from: &str, to: &str) -> Vec<OptionView> {
    let (from, to) = (Format::from_id(from), Format::from_id(to));
    SPECS
        .iter()
        .filter(|spec| {
            let of = match spec.group {
                Group::Reading => from,
                Group::Writing => to,
                Group::Table | Group::Job => None,
            };
            spec.formats.is_empty() || of.is_some_and(|format| spec.formats.contains(&format))
        })
        .map(|spec| OptionView {
            key: spec.key.to_owned(),
            group: match spec.group {
                Group::Reading => "reading",
                Group::Table => "table",
                Group::Writing => "writing",
                Group::Job => "job",
            }
            .to_owned(),
            kind: match spec.kind {
                Kind::Choice(_) => "choice",
                Kind::Text => "text",
                Kind::Number => "number",
                Kind::Columns => "columns",
                Kind::Condition => "condition",
            }
            .to_owned(),
            choices: match spec.kind {
                Kind::Choice(choices) => choices.iter().map(|c| (*c).to_owned()).collect(),
                _ => Vec::new(),
            },
            label: spec.label.to_owned(),
            help: spec.help.to_owned(),
            per_column: spec.key.ends_with('.'),
        })
        .collect()
}

/// The format that the ending of a name says: of `q3.csv.gz`, csv.
pub fn format_of_name(name: &str) -> Option<String> {
    let (_, stem) = super::names::stem(name);
    let file = name.rsplit('/').next().unwrap_or(name);
    let ending = file.strip_prefix(stem)?.trim_start_matches('.');
    let format = Format::from_id(ending.split('.').next()?)?;
    (format != Format::Other).then(|| format.id().to_owned())
}

/// The format of this id.
///
/// # Errors
/// [`Code::BadRequest`](crate::Code::BadRequest), with those that there are.
pub(crate) fn format(id: &str) -> Result<Format, CoreError> {
    Format::from_id(id.trim())
        .filter(|format| *format != Format::Other)
        .ok_or_else(|| {
            let known: Vec<&str> = known().map(Format::id).collect();
            CoreError::bad_request(
                format!("\"{id}\" is not a format."),
                format!("Use one of: {}.", known.join(", ")),
            )
        })
}

/// # Errors
/// [`Code::BadRequest`](crate::Code::BadRequest) for the first key or value that is none.
pub(crate) fn check_options(options: &BTreeMap<String, String>) -> Result<Options, CoreError> {
    Options::parse(options).map_err(|error| convert_error(error, ""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Code;

    #[test]
    fn an_unknown_format_or_option_is_the_callers_mistake() {
        for id in ["docx", "other", ""] {
            assert_eq!(format(id).unwrap_err().code(), Code::BadRequest, "{id}");
        }
        assert_eq!(format("PQ").unwrap(), Format::Parquet);
        let wrong = |key: &str, value: &str| {
            let options = BTreeMap::from([(key.to_owned(), value.to_owned())]);
            check_options(&options).unwrap_err().report()
        };
        let report = wrong("delimeter", ",");
        assert_eq!(report.code, Code::BadRequest);
        assert!(report.message.contains("delimeter"), "{report:?}");
        assert!(wrong("codec", "rar").hint.contains("zstd"));
    }

    #[test]
    fn an_ending_says_a_format() {
        let of = |name: &str| format_of_name(name);
        assert_eq!(of("a/q3.csv.gz").as_deref(), Some("csv"));
        assert_eq!(of("q3.PQ").as_deref(), Some("parquet"));
        assert_eq!(of("v1.2 numbers"), None);
        assert_eq!(of("notes.gz"), None);
        assert_eq!(of(".csv"), None);
    }

    #[test]
    fn a_form_offers_what_fits_both_formats() {
        let keys = |from: &str, to: &str| -> Vec<String> {
            conversion_options(from, to)
                .into_iter()
                .map(|o| o.key)
                .collect()
        };
        let csv = keys("csv", "parquet");
        assert!(csv.contains(&"delimiter".to_owned()) && csv.contains(&"row_group".to_owned()));
        assert!(!csv.contains(&"out_header".to_owned()));
        let parquet = keys("parquet", "csv");
        assert!(!parquet.contains(&"delimiter".to_owned()));
        assert!(
            parquet.contains(&"out_header".to_owned()) && parquet.contains(&"filter".to_owned())
        );
        let all = conversion_options("csv", "csv");
        assert!(all.iter().any(|o| o.key == "rename." && o.per_column));
        assert!(
            all.iter()
                .all(|o| (o.kind == "choice") != o.choices.is_empty())
        );
    }
}
