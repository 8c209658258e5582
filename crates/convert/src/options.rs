//! Everything that can be chosen about a conversion, as `key=value`: one form for the
//! command line's `--set`, the window, presets, the API and the history. [`SPECS`] is
//! the list; a key or a value that is not in it is refused, never ignored.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::{ConvertError, Result};
use crate::format::Format;

/// Which part of the work a choice belongs to, and which formats it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Group {
    /// How the source is understood.
    Reading,
    /// Which columns and rows go on, and under which names.
    Table,
    /// How the output is written.
    Writing,
    /// How the job is run.
    Job,
}

/// What a value looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "is", content = "of")]
pub enum Kind {
    Choice(&'static [&'static str]),
    Text,
    /// A whole number, not negative.
    Number,
    /// Names of columns, `,` between them; a name with a comma in `"`.
    Columns,
    /// A condition in SQL over the columns.
    Condition,
}

/// One key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Spec {
    /// Ends in `.` where a column's name follows: `type.price`.
    pub key: &'static str,
    pub group: Group,
    pub kind: Kind,
    /// A short name, for a form.
    pub label: &'static str,
    /// What it does, in a sentence; says what is done without it.
    pub help: &'static str,
    /// The formats that it is for, of the source or of the target by its group; empty for all.
    pub formats: &'static [Format],
}

const TEXT: &[Format] = &[Format::Csv, Format::Tsv, Format::Txt];
const YES_NO: Kind = Kind::Choice(&["yes", "no"]);

const fn spec(
    key: &'static str,
    group: Group,
    kind: Kind,
    label: &'static str,
    help: &'static str,
    formats: &'static [Format],
) -> Spec {
    Spec {
        key,
        group,
        kind,
        label,
        help,
        formats,
    }
}

/// Every key there is, in the order in which a form shows them.
#[rustfmt::skip]
pub const SPECS: &[Spec] = &[
    spec("table", Group::Reading, Kind::Text, "Table",
        "Which table or sheet of the file, by name or by number from 1; the first one with rows, otherwise. `*` takes each, one output for each.",
        &[Format::Xlsx, Format::Duckdb, Format::Sqlite, Format::Npz, Format::Json, Format::Csv, Format::Tsv, Format::Txt]),
    spec("encoding", Group::Reading, Kind::Text, "Encoding",
        "As UTF-8, UTF-16LE, UTF-16BE, windows-1252 or any name of the Encoding Standard; found out, otherwise.", TEXT),
    spec("delimiter", Group::Reading, Kind::Text, "Delimiter",
        "What stands between fields, one character or more; `tab`, `space`, `none` by name. Found out, otherwise.", TEXT),
    spec("quote", Group::Reading, Kind::Text, "Quote",
        "The character around fields, or `none`. Found out, otherwise.", TEXT),
    spec("escape", Group::Reading, Kind::Text, "Escape",
        "What stands before a quote inside quotes: the quote itself, or a backslash, or `none`. Found out, otherwise.", TEXT),
    spec("header", Group::Reading, Kind::Text, "Header",
        "`yes`, `no`, or the number of lines that name the columns. Found out, otherwise.",
        &[Format::Csv, Format::Tsv, Format::Txt, Format::Xlsx, Format::Json, Format::Ndjson]),
    spec("skip", Group::Reading, Kind::Number, "Lines to skip",
        "Lines before the table. Found out, otherwise.", &[Format::Csv, Format::Tsv, Format::Txt, Format::Xlsx]),
    spec("footnotes", Group::Reading, Kind::Number, "Lines after",
        "Lines after the table. Found out, otherwise.", &[Format::Csv, Format::Tsv, Format::Txt, Format::Xlsx]),
    spec("blank_rows", Group::Reading, Kind::Choice(&["drop", "keep"]), "Empty rows around the table",
        "`keep` takes rows of delimiters alone, above the first value or below the last, as rows of nulls. Left out and told, otherwise.", TEXT),
    spec("null", Group::Reading, Kind::Text, "Null is written",
        "A text that stands for null where it is a whole unquoted field, as NA. Only an empty field is, otherwise.", TEXT),
    spec("types", Group::Reading, Kind::Choice(&["proved", "text"]), "Types",
        "`text` leaves every column text. A column has a type where every value proves it, otherwise.",
        &[Format::Csv, Format::Tsv, Format::Txt, Format::Xlsx, Format::Sqlite]),
    spec("type.", Group::Reading, Kind::Text, "Type of a column",
        "Takes a column as this type, as BIGINT, DOUBLE, DECIMAL(18,2), DATE, TIMESTAMP or VARCHAR; a value that is not of it is a reject.", TEXT),
    spec("date_order", Group::Reading, Kind::Choice(&["dmy", "mdy", "ymd"]), "Date order",
        "How 01/02/2026 is read. Found out where a value settles it and left text where none does, otherwise.", TEXT),
    spec("decimal", Group::Reading, Kind::Choice(&[".", ","]), "Decimal mark",
        "Reads 1,5 as a number where it is `,`. Such columns stay text, otherwise.", TEXT),
    spec("on_reject", Group::Reading, Kind::Choice(&["stop", "report"]), "Rows that do not fit",
        "`report` leaves them out, counted and listed. Nothing is written, otherwise.", &[]),

    spec("select", Group::Table, Kind::Columns, "Columns",
        "These columns, in this order. All of them, otherwise.", &[]),
    spec("rename.", Group::Table, Kind::Text, "New name of a column",
        "Another name for a column.", &[]),
    spec("names", Group::Table, Kind::Choice(&["keep", "tidy"]), "Column names",
        "`tidy` makes them lower case with _ between words. Kept as they are, otherwise.", &[]),
    spec("filter", Group::Table, Kind::Condition, "Rows",
        "Only rows for which this holds, as: amount > 100 AND city = 'Rome'.", &[]),
    spec("duplicates", Group::Table, Kind::Choice(&["keep", "drop"]), "Duplicate rows",
        "`drop` keeps the first of rows that are equal in every column. Kept, otherwise.", &[]),
    spec("missing", Group::Table, Kind::Choice(&["keep", "drop"]), "Rows with missing values",
        "`drop` leaves out rows with a null in any column. Kept, otherwise.", &[]),
    spec("fill.", Group::Table, Kind::Text, "Fill missing values",
        "Takes this value for null in a column.", &[]),

    spec("codec", Group::Writing, Kind::Choice(&["snappy", "zstd", "lz4", "gzip", "none"]), "Compression",
        "Parquet takes all of them, and snappy otherwise; Feather takes lz4, zstd and none, and lz4 otherwise; text and JSON take gzip, zstd and none, and none otherwise.",
        &[Format::Parquet, Format::Feather, Format::Csv, Format::Tsv, Format::Txt, Format::Json, Format::Ndjson]),
    spec("row_group", Group::Writing, Kind::Number, "Rows in a group",
        "Rows in each row group; 122880, otherwise.", &[Format::Parquet]),
    spec("stream", Group::Writing, YES_NO, "Stream form",
        "`yes` writes the Arrow stream form. The file form, otherwise.", &[Format::Feather]),
    spec("out_delimiter", Group::Writing, Kind::Text, "Delimiter",
        "What stands between fields, one character; `tab` by name. A comma in CSV and a tab in TSV and TXT, otherwise.", TEXT),
    spec("out_quote", Group::Writing, Kind::Choice(&["needed", "all"]), "Quotes",
        "`all` puts every value in quotes, nulls apart. Only where they are needed, otherwise.", TEXT),
    spec("out_header", Group::Writing, YES_NO, "Header",
        "`no` leaves the line of names out.", TEXT),
    spec("out_null", Group::Writing, Kind::Text, "Null is written",
        "A text for null. Nothing, otherwise.", TEXT),
    spec("line_end", Group::Writing, Kind::Choice(&["lf", "crlf"]), "Line ends",
        "lf, otherwise.", TEXT),
    spec("bom", Group::Writing, YES_NO, "Byte order mark",
        "`yes` begins the file with one, which older Excel wants.", TEXT),
    spec("layout", Group::Writing, Kind::Choice(&["plain", "stooq", "stooq_short"]), "Layout",
        "`plain` writes a table that came in Stooq's layout as any other. It goes back out in that layout, otherwise; other tables have none.", &[Format::Txt]),
    spec("sheet", Group::Writing, Kind::Text, "Sheet or table",
        "The name of the sheet or table in the output; made from the file's name, otherwise.",
        &[Format::Xlsx, Format::Duckdb, Format::Sqlite]),

    spec("prove", Group::Job, YES_NO, "Proof",
        "`no` leaves out reading the output back, and the certificate with it.", &[]),
    spec("memory", Group::Job, Kind::Number, "Memory, in MiB",
        "What the job may use; 512, otherwise.", &[]),
];

/// Choices that were made; what is not in here is as [`SPECS`] says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Options(BTreeMap<String, String>);

impl Options {
    /// Takes each pair in; the first that is not in [`SPECS`] is the error.
    pub fn parse<K, V>(pairs: impl IntoIterator<Item = (K, V)>) -> Result<Self>
    where
        K: AsRef<str>,
        V: AsRef<str>,
    {
        let mut options = Options::default();
        for (key, value) in pairs {
            options.set(key.as_ref(), value.as_ref())?;
        }
        Ok(options)
    }

    pub fn set(&mut self, key: &str, value: &str) -> Result<()> {
        let refused = |expected: String| {
            Err(ConvertError::BadOption {
                key: key.to_owned(),
                value: value.to_owned(),
                expected,
            })
        };
        let Some(spec) = find(key) else {
            let known: Vec<&str> = SPECS.iter().map(|s| s.key).collect();
            return refused(format!("one of the keys {}", known.join(", ")));
        };
        match spec.kind {
            Kind::Choice(choices) if !choices.contains(&value) => {
                return refused(choices.join(" or "));
            }
            Kind::Number if value.parse::<u64>().is_err() => {
                return refused("a whole number".to_owned());
            }
            Kind::Number if value == "0" && ["row_group", "memory"].contains(&key) => {
                return refused("a whole number above 0".to_owned());
            }
            _ => {}
        }
        self.0.insert(key.to_owned(), value.to_owned());
        Ok(())
    }

    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    pub fn is(&self, key: &str, value: &str) -> bool {
        self.get(key) == Some(value)
    }

    pub fn number(&self, key: &str) -> Option<u64> {
        self.get(key)?.parse().ok()
    }

    /// `rename.` and the like: (column, value) of each.
    pub fn by_column<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.0
            .iter()
            .filter_map(move |(k, v)| Some((k.strip_prefix(prefix)?, v.as_str())))
    }

    /// A value that lists columns, taken apart.
    pub fn columns(&self, key: &str) -> Option<Vec<String>> {
        self.get(key).map(split_names)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(k, v)| (k.as_str(), v.as_str()))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Refuses a choice about writing that `to` does not know: what was asked for would not be
    /// in the output.
    pub(crate) fn suit(&self, to: Format) -> Result<()> {
        for (key, value) in self.iter() {
            if let Some(spec) = find(key)
                && spec.group == Group::Writing
                && !spec.suits(to)
            {
                return Err(ConvertError::BadOption {
                    key: key.to_owned(),
                    value: value.to_owned(),
                    expected: format!("a target that is {}", spec.labels()),
                });
            }
        }
        Ok(())
    }

    /// Sentences about choices of how to read that none of the sources knows: several files of
    /// several formats may be read with one set of choices.
    pub(crate) fn idle(&self, from: &[Format]) -> Vec<String> {
        self.iter()
            .filter_map(|(key, value)| {
                let spec = find(key)?;
                let idle = spec.group == Group::Reading && !from.iter().any(|f| spec.suits(*f));
                idle.then(|| {
                    format!(
                        "{key}={value} is for {} and does nothing here.",
                        spec.labels()
                    )
                })
            })
            .collect()
    }
}

impl Spec {
    fn suits(&self, format: Format) -> bool {
        self.formats.is_empty() || self.formats.contains(&format)
    }

    fn labels(&self) -> String {
        let labels: Vec<&str> = self.formats.iter().map(|f| f.label()).collect();
        match labels.as_slice() {
            [rest @ .., last] if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
            _ => labels.concat(),
        }
    }
}

fn find(key: &str) -> Option<&'static Spec> {
    SPECS.iter().find(|spec| match spec.key.strip_suffix('.') {
        Some(_) => key.len() > spec.key.len() && key.starts_with(spec.key),
        None => key == spec.key,
    })
}

/// `a,"b,c",d` as three names; `""` inside quotes is a quote.
fn split_names(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut name = String::new();
    let mut quoted = false;
    let mut was_quoted = false;
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '"' if quoted && rest.peek() == Some(&'"') => {
                rest.next();
                name.push('"');
            }
            '"' if quoted => quoted = false,
            '"' if name.trim().is_empty() => {
                name.clear();
                quoted = true;
                was_quoted = true;
            }
            ',' if !quoted => {
                names.push(finished(&name, was_quoted));
                name.clear();
                was_quoted = false;
            }
            // Between a closing quote and the comma.
            space if was_quoted && !quoted && space.is_whitespace() => {}
            other => name.push(other),
        }
    }
    names.push(finished(&name, was_quoted));
    names
}

fn finished(name: &str, was_quoted: bool) -> String {
    if was_quoted {
        name.to_owned()
    } else {
        name.trim().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_in_the_list_is_refused() {
        let mut options = Options::default();
        assert!(options.set("delimeter", ",").is_err());
        assert!(options.set("codec", "rar").is_err());
        assert!(options.set("skip", "-1").is_err());
        assert!(options.set("type.", "BIGINT").is_err());
        options.set("type.a.b", "BIGINT").unwrap();
        assert_eq!(options.by_column("type.").next(), Some(("a.b", "BIGINT")));
    }

    #[test]
    fn a_choice_that_would_do_nothing_is_told() {
        let options = Options::parse([("codec", "zstd"), ("skip", "2")]).unwrap();
        assert!(options.suit(Format::Parquet).is_ok());
        assert_eq!(
            options.suit(Format::Xlsx).unwrap_err().to_string(),
            "codec=zstd is not a choice; expected a target that is Parquet, Feather, \
             CSV, TSV, Text, JSON or NDJSON"
        );
        assert!(options.idle(&[Format::Parquet, Format::Csv]).is_empty());
        assert_eq!(
            options.idle(&[Format::Parquet]),
            ["skip=2 is for CSV, TSV, Text or Excel and does nothing here."]
        );
    }

    #[test]
    fn lists_of_columns_come_apart() {
        let mut options = Options::default();
        options.set("select", r#"a, "b,c" ,"d""e""#).unwrap();
        assert_eq!(options.columns("select").unwrap(), ["a", "b,c", "d\"e"]);
    }
}
