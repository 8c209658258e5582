//! A first look at delimited text: delimiter, header, names. A guess is only made
//! here; the whole-file scan then proves or refuses it.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::{Dialect, unique_names};
use crate::error::{ConvertError, Result};

/// How much is looked at. A header longer than this is refused.
const HEAD: u64 = 1 << 20;
const SAMPLE_RECORDS: usize = 200;
const DELIMITERS: [u8; 4] = [b',', b'\t', b';', b'|'];

/// Looks at the head of `path`. `tab_hint` breaks a tie in favour of tabs;
/// `header` overrides the guess.
pub(crate) fn sniff(path: &Path, tab_hint: bool, header: Option<bool>) -> Result<Dialect> {
    let mut head = Vec::new();
    let file = File::open(path)?;
    file.take(HEAD).read_to_end(&mut head)?;
    let whole = (head.len() as u64) < HEAD;
    if head.is_empty() {
        return unreadable("an empty file (0 bytes)");
    }
    let mut text = head.as_slice();
    if text.starts_with(b"\xFF\xFE") || text.starts_with(b"\xFE\xFF") {
        return unreadable("UTF-16 text; only UTF-8 is read so far");
    }
    text = text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text);
    if text.is_empty() {
        return unreadable("a byte order mark and nothing else");
    }
    if looks_utf16(text) {
        return unreadable("UTF-16 text without a byte order mark; only UTF-8 is read so far");
    }
    let delimiter = pick_delimiter(text, whole, tab_hint);
    let sample = records(text, delimiter, whole, SAMPLE_RECORDS);
    let Some(first) = sample.first() else {
        return unreadable("a first row longer than 1 MiB");
    };
    let mut warnings = Vec::new();
    let header = header.unwrap_or_else(|| guess_header(&sample, &mut warnings));
    let said: Vec<String> = if header {
        first
            .iter()
            .map(|f| String::from_utf8_lossy(f).into_owned())
            .collect()
    } else {
        (1..=first.len()).map(|i| format!("column{i}")).collect()
    };
    let (names, renamed) = unique_names(&said);
    Ok(Dialect {
        delimiter,
        header,
        names,
        renamed,
        warnings,
    })
}

/// The first record of a file whose delimiter is known.
pub(crate) fn first_record(path: &Path, delimiter: u8) -> Result<Vec<String>> {
    let mut head = Vec::new();
    File::open(path)?.take(HEAD).read_to_end(&mut head)?;
    let whole = (head.len() as u64) < HEAD;
    let first = records(&head, delimiter, whole, 1)
        .pop()
        .unwrap_or_default();
    Ok(first
        .iter()
        .map(|f| String::from_utf8_lossy(f).into_owned())
        .collect())
}

fn unreadable<T>(seen: &str) -> Result<T> {
    Err(ConvertError::Unreadable {
        what: "a table of text".to_owned(),
        seen: seen.to_owned(),
    })
}

/// Every other byte NUL, over a stretch too long to be chance.
fn looks_utf16(text: &[u8]) -> bool {
    let text = &text[..text.len().min(512)];
    let nuls = |odd: usize| {
        text.iter()
            .skip(odd)
            .step_by(2)
            .filter(|b| **b == 0)
            .count()
    };
    text.len() >= 8 && nuls(0).max(nuls(1)) * 10 > text.len() * 4
}

/// The delimiter that gives (nearly) all records of a head the same count of two or
/// more fields, for telling delimited text from other text.
pub(crate) fn consistent_delimiter(head: &[u8], whole: bool) -> Option<u8> {
    let text = head.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(head);
    DELIMITERS
        .into_iter()
        .filter_map(|d| score(text, d, whole).map(|s| (s, d)))
        .filter(|((share, _), _)| *share >= 0.9)
        .max_by(|a, b| a.0.partial_cmp(&b.0).unwrap_or(std::cmp::Ordering::Equal))
        .map(|(_, d)| d)
}

fn pick_delimiter(text: &[u8], whole: bool, tab_hint: bool) -> u8 {
    let mut best = (if tab_hint { b'\t' } else { b',' }, (0.0, 1));
    for delimiter in DELIMITERS {
        let Some(found) = score(text, delimiter, whole) else {
            continue;
        };
        let (share, fields) = found;
        let hinted = tab_hint && delimiter == b'\t' && found >= best.1;
        if share > 0.5 && ((share, fields) > best.1 || hinted) {
            best = (delimiter, found);
        }
    }
    best.0
}

/// The share of records with the most usual count of fields, and that count.
fn score(text: &[u8], delimiter: u8, whole: bool) -> Option<(f64, usize)> {
    let records = records(text, delimiter, whole, SAMPLE_RECORDS);
    let mut counts = std::collections::HashMap::new();
    for record in &records {
        *counts.entry(record.len()).or_insert(0usize) += 1;
    }
    let (&fields, &times) = counts
        .iter()
        .filter(|(f, _)| **f > 1)
        .max_by_key(|(f, n)| (**n, **f))?;
    Some((times as f64 / records.len() as f64, fields))
}

/// The first records of a text, unquoted. A last one that is cut off is left out.
fn records(text: &[u8], delimiter: u8, whole: bool, most: usize) -> Vec<Vec<Vec<u8>>> {
    let mut out = Vec::new();
    let mut record: Vec<Vec<u8>> = Vec::new();
    let mut field = Vec::new();
    let mut quoted = false;
    let mut i = 0;
    while i < text.len() && out.len() < most {
        let b = text[i];
        i += 1;
        if quoted {
            if b != b'"' {
                field.push(b);
            } else if text.get(i) == Some(&b'"') {
                field.push(b'"');
                i += 1;
            } else {
                quoted = false;
            }
        } else if b == b'"' && field.is_empty() {
            quoted = true;
        } else if b == delimiter {
            record.push(std::mem::take(&mut field));
        } else if b == b'\n' || b == b'\r' {
            if b == b'\r' && text.get(i) == Some(&b'\n') {
                i += 1;
            }
            record.push(std::mem::take(&mut field));
            let blank = record.len() == 1 && record[0].is_empty();
            let done = std::mem::take(&mut record);
            if !blank {
                out.push(done);
            }
        } else {
            field.push(b);
        }
    }
    if whole && out.len() < most && (!record.is_empty() || !field.is_empty()) {
        record.push(field);
        out.push(record);
    }
    out
}

#[derive(PartialEq, Eq, Clone, Copy)]
enum Kind {
    Empty,
    /// A number, or digits with the marks of a date or a time between them.
    Digits,
    Text,
}

fn kind(field: &[u8]) -> Kind {
    let field = field.trim_ascii();
    if field.is_empty() {
        return Kind::Empty;
    }
    let digits = field.iter().any(u8::is_ascii_digit);
    let marks = |b: &u8| b.is_ascii_digit() || b"+-.,:/ TZeE%$".contains(b);
    if digits && field.iter().all(marks) {
        Kind::Digits
    } else {
        Kind::Text
    }
}

/// Whether the first record names the columns: it does where it has text above
/// digits; it does not where it has digits above digits and nothing speaks for it.
fn guess_header(sample: &[Vec<Vec<u8>>], warnings: &mut Vec<String>) -> bool {
    let Some((first, rest)) = sample.split_first() else {
        return true;
    };
    let (mut pro, mut contra) = (0, 0);
    for (i, cell) in first.iter().enumerate() {
        let kinds: Vec<Kind> = rest
            .iter()
            .filter_map(|r| r.get(i))
            .map(|c| kind(c))
            .filter(|k| *k != Kind::Empty)
            .collect();
        let digits_below = !kinds.is_empty() && kinds.iter().all(|k| *k == Kind::Digits);
        match kind(cell) {
            Kind::Text if digits_below => pro += 1,
            Kind::Digits if digits_below || rest.is_empty() => contra += 1,
            Kind::Text if rest.iter().any(|r| r.get(i) == Some(cell)) => contra += 1,
            _ => {}
        }
    }
    let header = pro > 0 || contra == 0 || (!rest.is_empty() && years(first));
    if pro == 0 && !rest.is_empty() {
        warnings.push(if header {
            "The first row was taken as column names; nothing in the rows below settles it."
                .to_owned()
        } else {
            "The first row looks like data, so the columns are named column1, column2, …."
                .to_owned()
        });
    } else if !header {
        warnings.push(
            "The only row looks like data, so the columns are named column1, column2, …."
                .to_owned(),
        );
    }
    header
}

/// `country,2019,2020,2021`: a word, and years that rise or fall.
fn years(first: &[Vec<u8>]) -> bool {
    let digits: Vec<Option<u16>> = first
        .iter()
        .filter(|c| kind(c) == Kind::Digits)
        .map(|c| {
            std::str::from_utf8(c)
                .ok()?
                .trim()
                .parse()
                .ok()
                .filter(|y| (1500..=2200).contains(y))
        })
        .collect();
    let rises = digits.windows(2).all(|w| w[0] < w[1]);
    let falls = digits.windows(2).all(|w| w[0] > w[1]);
    digits.len() >= 2
        && digits.len() < first.len()
        && digits.iter().all(Option::is_some)
        && (rises || falls)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sniffed(text: &str) -> Dialect {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        sniff(file.path(), false, None).unwrap()
    }

    #[test]
    fn delimiters_are_found() {
        assert_eq!(sniffed("a;b\n1,5;2\n").delimiter, b';');
        assert_eq!(sniffed("a\tb\nx, y\t2\n").delimiter, b'\t');
        assert_eq!(sniffed("a|b|c\n1|2|3\n").delimiter, b'|');
        assert_eq!(sniffed("a,b\n\"x;y;z\",2\n").delimiter, b',');
        assert_eq!(sniffed("just\none\ncolumn\n").names, ["just"]);
    }

    #[test]
    fn headers_are_told_from_data() {
        assert!(sniffed("id,name\n1,x\n").header);
        assert!(sniffed("country,2019,2020\nFR,1,2\n").header);
        assert!(!sniffed("1,x\n2,y\n").header);
        assert!(!sniffed("ann,30,40\nbob,1,2\n").header);
        assert!(sniffed("a,b\n").header);
        assert!(!sniffed("1,2\n").header);
        let open = sniffed("name,city\nAnn,Rome\n");
        assert!(open.header && open.warnings.len() == 1);
    }

    #[test]
    fn encodings_that_cannot_be_read_are_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for bytes in [
            b"\xFF\xFEa\0,\0b\0\n\0".as_slice(),
            b"a\0,\0b\0\n\x001\0,\x002\0",
        ] {
            std::fs::write(file.path(), bytes).unwrap();
            let error = sniff(file.path(), false, None).unwrap_err().to_string();
            assert!(error.contains("UTF-16"), "{error}");
        }
    }
}
