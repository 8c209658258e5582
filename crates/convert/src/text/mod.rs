//! Delimited text: its dialect, and a whole-file pass of our own over it.
//! Never changes a byte and never guesses past the first look: what has no single
//! faithful reading is an error that names the line.

mod scan;
mod sniff;

pub(crate) use scan::{Scan, scan};
pub(crate) use sniff::{consistent_delimiter, first_record, sniff};

use crate::sql;

/// How lines end. One kind per file; a mixture is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LineEnd {
    Lf,
    CrLf,
    Cr,
}

impl LineEnd {
    pub(crate) fn label(self) -> &'static str {
        match self {
            LineEnd::Lf => "LF",
            LineEnd::CrLf => "CRLF",
            LineEnd::Cr => "CR",
        }
    }
}

/// How a delimited file is to be read. The quote is `"`, doubled to stand for itself.
#[derive(Debug, Clone)]
pub(crate) struct Dialect {
    pub delimiter: u8,
    pub header: bool,
    /// Unique, not empty, and without a NUL: fit to be SQL names.
    pub names: Vec<String>,
    /// What the header said, where it differs from `names`: (position, said).
    pub renamed: Vec<(usize, String)>,
    /// Choices that the content did not force.
    pub warnings: Vec<String>,
}

/// The engine's default, and the least it may be given.
const BUFFER_BYTES: u64 = 32_000_000;

/// `read_csv` with everything stated. Columns are called `c0`, `c1`, … and are all
/// VARCHAR; NULL is an empty field, `''` a quoted one.
pub(crate) fn relation(path: &str, dialect: &Dialect, longest: u64, quoted_breaks: bool) -> String {
    let columns: Vec<String> = (0..dialect.names.len())
        .map(|i| format!("'c{i}': 'VARCHAR'"))
        .collect();
    // Past its start a parallel read must guess whether it is inside quotes. Where
    // quotes hold line breaks, the guess can be wrong: one thread reads those.
    let line = longest.max(2_000_000) + 16;
    format!(
        "read_csv({path}, auto_detect = false, header = {}, columns = {{{}}}, delim = {}, \
         quote = '\"', escape = '\"', comment = '', nullstr = '', allow_quoted_nulls = false, \
         strict_mode = true, null_padding = false, ignore_errors = false, compression = 'none', \
         hive_partitioning = false, max_line_size = {line}, buffer_size = {}, parallel = {})",
        dialect.header,
        columns.join(", "),
        sql::literal(&char::from(dialect.delimiter).to_string()),
        BUFFER_BYTES.max(line * 2),
        !quoted_breaks,
    )
}

/// Makes names unique without regard to case (the engine has none), and never empty.
/// Gives the names, and what they were where that differs.
pub(crate) fn unique_names(said: &[String]) -> (Vec<String>, Vec<(usize, String)>) {
    let mut taken: std::collections::HashSet<String> =
        said.iter().map(|n| n.to_lowercase()).collect();
    let mut seen = std::collections::HashSet::new();
    let mut names = Vec::with_capacity(said.len());
    let mut renamed = Vec::new();
    for (i, original) in said.iter().enumerate() {
        let plain = original.replace('\0', "");
        let fits = !plain.is_empty() && plain == *original && seen.insert(plain.to_lowercase());
        if fits {
            names.push(plain);
            continue;
        }
        let base = if plain.is_empty() {
            format!("column{}", i + 1)
        } else {
            plain
        };
        let mut candidate = base.clone();
        let mut n = 2;
        while !taken.insert(candidate.to_lowercase()) {
            candidate = format!("{base}_{n}");
            n += 1;
        }
        seen.insert(candidate.to_lowercase());
        names.push(candidate);
        renamed.push((i, original.clone()));
    }
    (names, renamed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_unique_and_say_so() {
        let said: Vec<String> = ["a", "A", "", "a_2", "a", "x"].map(str::to_owned).into();
        let (names, renamed) = unique_names(&said);
        assert_eq!(names, ["a", "A_3", "column3", "a_2", "a_4", "x"]);
        assert_eq!(renamed.len(), 3);
        let lower: std::collections::HashSet<_> = names.iter().map(|n| n.to_lowercase()).collect();
        assert_eq!(lower.len(), names.len());
    }
}
