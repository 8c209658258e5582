//! One whole reading of a source: what it holds, of which types, and its fingerprint.
//! A plan and a profile both come from it. Never writes.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::certificate::{Fingerprint, Row};
use crate::engine::Engine;
use crate::error::{ConvertError, Result};
use crate::format::{Format, detect};
use crate::limits::{Limits, Progress};
use crate::sql::{self, grouped};
use crate::text::{self, Dialect, Scan};
use crate::types;

/// One column, and why it has the type it has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnProfile {
    pub name: String,
    /// In the engine's words: `BIGINT`, `DECIMAL(9,2)`, `VARCHAR`, …
    pub type_name: String,
    /// `0 of 1,204,331 values altered`, or why it stays text.
    pub evidence: String,
    pub nulls: u64,
}

/// A table as the whole file shows it, not a sample.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableProfile {
    pub format: Format,
    /// `UTF-8` for text; none where the format has no say in it.
    pub encoding: Option<String>,
    pub delimiter: Option<String>,
    /// `LF`, `CRLF` or `CR`.
    pub line_end: Option<String>,
    pub header: bool,
    pub rows: u64,
    pub columns: Vec<ColumnProfile>,
    /// Sentences about what was ambiguous or odd, with the choice that was made.
    pub warnings: Vec<String>,
}

/// Tells a file that was touched from one that was not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub size: u64,
    modified: Option<SystemTime>,
    #[cfg(unix)]
    inode: (u64, u64),
}

impl Stamp {
    pub(crate) fn of(path: &Path) -> Result<Self> {
        let meta = fs::metadata(path)?;
        if !meta.is_file() {
            return Err(ConvertError::Unreadable {
                what: "a table".to_owned(),
                seen: "something that is not a regular file".to_owned(),
            });
        }
        #[cfg(unix)]
        use std::os::unix::fs::MetadataExt;
        Ok(Stamp {
            size: meta.len(),
            modified: meta.modified().ok(),
            #[cfg(unix)]
            inode: (meta.dev(), meta.ino()),
        })
    }

    /// The file at `path` must still be this one. A vanished file has changed, too.
    pub(crate) fn holds(&self, path: &Path) -> Result<()> {
        match Stamp::of(path) {
            Ok(now) if now == *self => Ok(()),
            _ => Err(ConvertError::SourceChanged),
        }
    }
}

/// How the engine reads the source.
#[derive(Debug, Clone)]
pub(crate) enum Reader {
    Text { dialect: Dialect, longest: u64, quoted_breaks: bool },
    Parquet,
}

#[derive(Debug, Clone)]
pub(crate) struct Column {
    pub name: String,
    /// The name in the source, where the engine needs another.
    pub said: Option<String>,
    pub sql_type: String,
    pub empties: u64,
    pub non_finite: u64,
    pub trailing_zeros: u64,
    /// Values that do not come back from their own text.
    pub altered: u64,
}

impl Column {
    pub(crate) fn is_nested(&self) -> bool {
        is_nested(&self.sql_type)
    }
}

pub(crate) fn is_nested(sql_type: &str) -> bool {
    sql_type.ends_with(']')
        || ["STRUCT(", "MAP(", "UNION("].iter().any(|p| sql_type.starts_with(p))
}

/// The text of column `c` of this type: what the fingerprint is taken of.
pub(crate) fn text_of(c: &str, sql_type: &str) -> String {
    if is_nested(sql_type) {
        format!("CAST(to_json({c}) AS VARCHAR)")
    } else if sql_type == "VARCHAR" {
        c.to_owned()
    } else {
        format!("CAST({c} AS VARCHAR)")
    }
}

/// `SELECT items FROM (the text of every column as t0, t1, … and the columns themselves)`.
pub(crate) fn select_over_text(items: &[String], relation: &str, types: &[&str]) -> String {
    let texts: Vec<String> = types
        .iter()
        .enumerate()
        .map(|(i, t)| format!("{} AS t{i}", text_of(&format!("c{i}"), t)))
        .collect();
    let items: Vec<String> =
        items.iter().enumerate().map(|(i, item)| format!("{item} AS r{i}")).collect();
    format!("SELECT {} FROM (SELECT *, {} FROM {relation})", items.join(", "), texts.join(", "))
}

/// `AS t(c0, c1, …)`: names of ours for columns by position.
pub(crate) fn positional(width: usize) -> String {
    let names: Vec<String> = (0..width).map(|i| format!("c{i}")).collect();
    format!("AS t({})", names.join(", "))
}

pub(crate) fn parquet(path: &str) -> String {
    format!("read_parquet({path}, hive_partitioning = false, union_by_name = false)")
}

#[derive(Debug, Clone)]
pub(crate) struct Analysis {
    pub source: PathBuf,
    pub stamp: Stamp,
    pub format: Format,
    pub reader: Reader,
    pub columns: Vec<Column>,
    pub fingerprint: Fingerprint,
    /// At most this many bytes of text in any row.
    pub longest_row: u64,
    pub profile: TableProfile,
}

impl Analysis {
    /// The source as a relation with columns `c0`, `c1`, ….
    pub(crate) fn relation(&self, engine: &Engine<'_>) -> String {
        match &self.reader {
            Reader::Text { dialect, longest, quoted_breaks } => {
                text::relation(&engine.source(), dialect, *longest, *quoted_breaks)
            }
            Reader::Parquet => {
                format!("{} {}", parquet(&engine.source()), positional(self.columns.len()))
            }
        }
    }
}

/// The format to read `path` as: the one stated, else what its bytes say.
pub(crate) fn resolve(path: &Path, stated: Option<Format>) -> Result<Format> {
    let seen = match stated {
        Some(format) => return Ok(format),
        None => detect(path)?,
    };
    if seen.format == Format::Other {
        return Err(ConvertError::Unreadable { what: "a table".to_owned(), seen: seen.detail });
    }
    Ok(seen.format)
}

pub(crate) fn analyse(
    path: &Path,
    stated: Option<Format>,
    limits: &Limits,
    progress: &dyn Progress,
) -> Result<Analysis> {
    let stamp = Stamp::of(path)?;
    let format = resolve(path, stated)?;
    let analysis = if format.is_delimited() {
        delimited(path, format, stamp, limits, progress)
    } else if format == Format::Parquet {
        parquet_file(path, stamp, limits, progress)
    } else {
        return Err(ConvertError::Unreadable {
            what: "a table".to_owned(),
            seen: format!("{}, which cannot be read yet", format.label()),
        });
    }?;
    analysis.stamp.holds(path)?;
    Ok(analysis)
}

fn delimited(
    path: &Path,
    format: Format,
    stamp: Stamp,
    limits: &Limits,
    progress: &dyn Progress,
) -> Result<Analysis> {
    let mut dialect = text::sniff(path, format == Format::Tsv, None)?;
    let width = dialect.names.len();
    progress.phase("scan");
    progress.set_total(stamp.size);
    let scan = text::scan(path, dialect.delimiter, dialect.header, width, progress)?;

    let engine = Engine::open(path, None, limits, progress)?;
    engine.phase("check", stamp.size);
    let quoted_breaks = scan.quoted_breaks > 0;
    let relation = text::relation(&engine.source(), &dialect, scan.longest_record, quoted_breaks);
    let types = vec!["VARCHAR"; width];

    let sample = format!("(SELECT * FROM {relation} LIMIT {})", types::SAMPLE_ROWS);
    let items: Vec<String> =
        (0..width).flat_map(|i| types::sample_items(&format!("t{i}"))).collect();
    let mut row = Row::new(engine.aggregate(&select_over_text(&items, &sample, &types), 0)?);
    let survivors =
        (0..width).map(|_| types::survivors(&mut row)).collect::<Result<Vec<_>>>()?;

    let mut items = Fingerprint::items(width);
    for (i, survivors) in survivors.iter().enumerate() {
        let t = format!("t{i}");
        items.push(format!("CAST(coalesce(sum(strlen({t})), 0) AS VARCHAR)"));
        items.extend(types::proof_items(&t, survivors));
    }
    let whole = select_over_text(&items, &relation, &types);
    let mut row = Row::new(engine.aggregate(&whole, stamp.size)?);
    let fingerprint = Fingerprint::take(width, &mut row)?;

    let mut columns = Vec::with_capacity(width);
    let mut profiles = Vec::with_capacity(width);
    for (i, survivors) in survivors.iter().enumerate() {
        let (print, seen) = (&fingerprint.columns[i], &scan.columns[i]);
        let bytes = row.number()?;
        // Two readings that share no code: where they differ, neither is believed.
        let agree = fingerprint.rows == scan.rows && print.nulls == seen.nulls && bytes == seen.bytes;
        if !agree {
            return Err(ConvertError::Unreadable {
                what: "the text without doubt".to_owned(),
                seen: format!(
                    "two ways of reading column {} that differ ({} rows, {} nulls, {bytes} bytes; or {}, {}, {})",
                    i + 1, fingerprint.rows, print.nulls, scan.rows, seen.nulls, seen.bytes
                ),
            });
        }
        let values = fingerprint.rows - print.nulls;
        let proven = types::proven(&mut row, survivors, values, seen.empties)?;
        profiles.push(ColumnProfile {
            name: dialect.names[i].clone(),
            type_name: proven.sql_type.clone(),
            evidence: proven.evidence,
            nulls: print.nulls,
        });
        let said = dialect.renamed.iter().find(|(at, _)| *at == i).map(|(_, said)| said.clone());
        columns.push(Column {
            name: dialect.names[i].clone(),
            said,
            sql_type: proven.sql_type,
            empties: seen.empties,
            non_finite: proven.non_finite,
            trailing_zeros: proven.trailing_zeros,
            altered: 0,
        });
    }
    let mut warnings = std::mem::take(&mut dialect.warnings);
    oddities(&scan, &columns, &mut warnings);
    let profile = TableProfile {
        format,
        encoding: Some("UTF-8".to_owned()),
        delimiter: Some(char::from(dialect.delimiter).to_string()),
        line_end: scan.line_end.map(|e| e.label().to_owned()),
        header: dialect.header,
        rows: fingerprint.rows,
        columns: profiles,
        warnings,
    };
    Ok(Analysis {
        source: path.to_owned(),
        stamp,
        format,
        longest_row: scan.longest_record,
        reader: Reader::Text { dialect, longest: scan.longest_record, quoted_breaks },
        columns,
        fingerprint,
        profile,
    })
}

fn oddities(scan: &Scan, columns: &[Column], warnings: &mut Vec<String>) {
    let mut say = |count: u64, one: &str, many: &str| {
        if count == 1 {
            warnings.push(format!("1 {one}"));
        } else if count > 1 {
            warnings.push(format!("{} {many}", grouped(count)));
        }
    };
    say(scan.blank_lines, "empty line is not a row.", "empty lines are not rows.");
    say(
        scan.bare_quotes,
        "quote character stands inside an unquoted field; it is kept as text.",
        "quote characters stand inside unquoted fields; they are kept as text.",
    );
    say(scan.nul_bytes, "NUL character is kept as text.", "NUL characters are kept as text.");
    if scan.bom {
        warnings.push("The byte order mark at the start is not part of the data.".to_owned());
    }
    for (i, column) in columns.iter().enumerate() {
        if let Some(said) = &column.said {
            warnings.push(renamed(i, said, &column.name));
        }
    }
}

/// One sentence for a name that had to change.
pub(crate) fn renamed(position: usize, said: &str, name: &str) -> String {
    if said.is_empty() {
        format!("Column {} has no name and is called {name:?}.", position + 1)
    } else {
        format!("Column {} is called {name:?}, since {said:?} is taken or not allowed.", position + 1)
    }
}

fn parquet_file(
    path: &Path,
    stamp: Stamp,
    limits: &Limits,
    progress: &dyn Progress,
) -> Result<Analysis> {
    // Whatever the engine says while it reads is about the file.
    let about_file = |error: ConvertError| match error {
        ConvertError::Engine { detail } => ConvertError::Unreadable {
            what: "the Parquet file".to_owned(),
            seen: detail,
        },
        other => other,
    };
    let engine = Engine::open(path, None, limits, progress)?;
    engine.phase("check", stamp.size);
    let table = parquet(&engine.source());
    let described = engine
        .rows(&format!("SELECT column_name, column_type FROM (DESCRIBE FROM {table})"))
        .map_err(about_file)?;
    let said = parquet_names(&engine).map_err(about_file)?;
    let mut columns: Vec<Column> = described
        .into_iter()
        .map(|mut field| {
            let sql_type = field.pop().flatten().unwrap_or_default();
            Column {
                name: field.pop().flatten().unwrap_or_default(),
                said: None,
                sql_type,
                empties: 0,
                non_finite: 0,
                trailing_zeros: 0,
                altered: 0,
            }
        })
        .collect();
    if said.len() == columns.len() {
        let (names, renames) = text::unique_names(&said);
        for (column, name) in columns.iter_mut().zip(names) {
            column.name = name;
        }
        for (at, original) in renames {
            columns[at].said = Some(original);
        }
    }
    let width = columns.len();
    let relation = format!("{table} {}", positional(width));
    let mut items = Fingerprint::items(width);
    let lengths: Vec<String> = (0..width).map(|i| format!("coalesce(strlen(t{i}), 0)")).collect();
    items.push(format!("CAST(max({}) AS VARCHAR)", lengths.join(" + ")));
    for (i, column) in columns.iter().enumerate() {
        items.extend(facts(i, &column.sql_type));
    }
    let types: Vec<&str> = columns.iter().map(|c| c.sql_type.as_str()).collect();
    let query = select_over_text(&items, &relation, &types);
    let mut row = Row::new(engine.aggregate(&query, stamp.size).map_err(about_file)?);
    let fingerprint = Fingerprint::take(width, &mut row)?;
    let longest_row = row.number()?;
    for column in &mut columns {
        column.altered = row.number()?;
        column.empties = row.number()?;
        column.non_finite = row.number()?;
        column.trailing_zeros = row.number()?;
    }
    let profiles = columns.iter().zip(&fingerprint.columns).map(|(column, print)| ColumnProfile {
        name: column.name.clone(),
        type_name: column.sql_type.clone(),
        evidence: "stated by the file".to_owned(),
        nulls: print.nulls,
    });
    let warnings = columns
        .iter()
        .enumerate()
        .filter_map(|(i, c)| c.said.as_ref().map(|said| renamed(i, said, &c.name)))
        .collect();
    let profile = TableProfile {
        format: Format::Parquet,
        encoding: None,
        delimiter: None,
        line_end: None,
        header: true,
        rows: fingerprint.rows,
        columns: profiles.collect(),
        warnings,
    };
    Ok(Analysis {
        source: path.to_owned(),
        stamp,
        format: Format::Parquet,
        reader: Reader::Parquet,
        columns,
        fingerprint,
        longest_row,
        profile,
    })
}

/// For column `i`: values that do not come back from their text, empty texts,
/// numbers that are not finite, and decimals that end in 0.
fn facts(i: usize, sql_type: &str) -> [String; 4] {
    let count = |on: bool, condition: String| {
        if on {
            format!("CAST(count(*) FILTER (WHERE {condition}) AS VARCHAR)")
        } else {
            "'0'".to_owned()
        }
    };
    let nested = is_nested(sql_type);
    let back = if nested {
        format!("TRY_CAST(TRY_CAST(t{i} AS JSON) AS {sql_type})")
    } else {
        format!("TRY_CAST(t{i} AS {sql_type})")
    };
    let text = sql_type == "VARCHAR";
    // These have one text for each value; trying it would be slow for wide decimals.
    let exact = |t: &str| {
        !nested
            && (t.ends_with("INT")
                || t.ends_with("INTEGER")
                || t.starts_with("DECIMAL")
                || matches!(t, "VARCHAR" | "JSON" | "BOOLEAN" | "UUID"))
    };
    let float = matches!(sql_type, "DOUBLE" | "FLOAT");
    let decimal = sql_type.starts_with("DECIMAL") && !nested;
    [
        count(!exact(sql_type), format!("{back} IS DISTINCT FROM c{i}")),
        count(text, format!("t{i} = ''")),
        count(float, format!("NOT isfinite(c{i})")),
        count(decimal, format!("contains(t{i}, '.') AND t{i} LIKE '%0'")),
    ]
}

/// The names of the top-level columns as the file has them: the engine's own
/// listing already has twins renamed.
fn parquet_names(engine: &Engine<'_>) -> Result<Vec<String>> {
    let nodes = engine.rows(&format!(
        "SELECT name, CAST(num_children AS VARCHAR) FROM parquet_schema({})",
        engine.source()
    ))?;
    let mut names = Vec::new();
    // The tree comes depth first; the root's children are its columns.
    let mut open: Vec<u64> = Vec::new();
    for mut node in nodes {
        let children = node.pop().flatten().and_then(|n| n.parse().ok()).unwrap_or(0);
        let name = node.pop().flatten().unwrap_or_default();
        if open.len() == 1 {
            names.push(name);
        }
        if let Some(left) = open.last_mut() {
            *left = left.saturating_sub(1);
        }
        if children > 0 {
            open.push(children);
        }
        while open.last() == Some(&0) {
            open.pop();
        }
    }
    Ok(names)
}

/// Quoted names for a statement's output.
pub(crate) fn named(expression: &str, name: &str) -> String {
    format!("{expression} AS {}", sql::name(name))
}
