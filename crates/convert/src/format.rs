//! Which format a file is in, told from its bytes; its name only breaks ties.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use encoding_rs::{UTF_16BE, UTF_16LE};
use serde::{Deserialize, Serialize};

use crate::text;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    Csv,
    Tsv,
    /// Delimited text under another delimiter, or a name that says no more.
    Txt,
    /// One JSON document.
    Json,
    /// A JSON object on each line.
    Ndjson,
    Parquet,
    /// Arrow IPC, file or stream.
    Feather,
    Xlsx,
    Duckdb,
    Sqlite,
    Npz,
    /// Stored like any file, but not a table that this crate knows.
    Other,
}

/// Every table can become every other format; what the target cannot hold of it is in
/// the plan.
pub fn can_convert(from: Format, to: Format) -> bool {
    from != Format::Other && to != Format::Other
}

impl Format {
    pub const ALL: [Format; 12] = [
        Format::Csv,
        Format::Tsv,
        Format::Txt,
        Format::Json,
        Format::Ndjson,
        Format::Parquet,
        Format::Feather,
        Format::Xlsx,
        Format::Duckdb,
        Format::Sqlite,
        Format::Npz,
        Format::Other,
    ];

    /// The name in commands, the catalog and the API.
    pub fn id(self) -> &'static str {
        match self {
            Format::Csv => "csv",
            Format::Tsv => "tsv",
            Format::Txt => "txt",
            Format::Json => "json",
            Format::Ndjson => "ndjson",
            Format::Parquet => "parquet",
            Format::Feather => "feather",
            Format::Xlsx => "xlsx",
            Format::Duckdb => "duckdb",
            Format::Sqlite => "sqlite",
            Format::Npz => "npz",
            Format::Other => "other",
        }
    }

    /// The name for people.
    pub fn label(self) -> &'static str {
        match self {
            Format::Csv => "CSV",
            Format::Tsv => "TSV",
            Format::Txt => "Text",
            Format::Json => "JSON",
            Format::Ndjson => "NDJSON",
            Format::Parquet => "Parquet",
            Format::Feather => "Feather",
            Format::Xlsx => "Excel",
            Format::Duckdb => "DuckDB",
            Format::Sqlite => "SQLite",
            Format::Npz => "NPZ",
            Format::Other => "Other",
        }
    }

    /// For a file of this format, without the dot. Empty for `Other`.
    pub fn extension(self) -> &'static str {
        match self {
            Format::Other => "",
            Format::Duckdb => "duckdb",
            other => other.id(),
        }
    }

    /// By id, or by an extension that is used for the format; without regard to case.
    pub fn from_id(id: &str) -> Option<Format> {
        Some(match id.to_ascii_lowercase().as_str() {
            "csv" => Format::Csv,
            "tsv" | "tab" => Format::Tsv,
            "txt" => Format::Txt,
            "json" => Format::Json,
            "ndjson" | "jsonl" => Format::Ndjson,
            "parquet" | "pq" => Format::Parquet,
            "feather" | "arrow" | "ipc" => Format::Feather,
            "xlsx" => Format::Xlsx,
            "duckdb" => Format::Duckdb,
            "sqlite" | "sqlite3" => Format::Sqlite,
            "npz" => Format::Npz,
            "other" => Format::Other,
            _ => return None,
        })
    }

    pub(crate) fn is_delimited(self) -> bool {
        matches!(self, Format::Csv | Format::Tsv | Format::Txt)
    }
}

/// What a file is, and what was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Detected {
    pub format: Format,
    /// A phrase, such as `comma-separated text` or `Parquet, but its end is missing`.
    pub detail: String,
    /// `gzip` or `zstd`, where the format is that of the text inside.
    pub compression: Option<String>,
}

const HEAD: usize = 64 << 10;
const TAIL: u64 = 4 << 10;

/// Reads the first 64 KiB and the last 4 KiB of `path`, no more.
pub fn detect(path: &Path) -> io::Result<Detected> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    detect_as(path, &name)
}

/// The same for a file that people know by another name than its path's.
pub fn detect_as(path: &Path, name: &str) -> io::Result<Detected> {
    let mut file = File::open(path)?;
    let mut head = Vec::with_capacity(HEAD);
    (&mut file).take(HEAD as u64).read_to_end(&mut head)?;
    let length = file.metadata()?.len();
    let mut tail = Vec::new();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
    file.take(TAIL).read_to_end(&mut tail)?;
    Ok(classify(
        &head,
        Some(&tail),
        name,
        head.len() as u64 >= length,
    ))
}

/// By the first bytes alone (4 KiB are plenty), for a caller that has them in memory.
pub fn detect_bytes(head: &[u8], name: &str) -> Format {
    classify(head, None, name, head.len() < 4096).format
}

fn classify(head: &[u8], tail: Option<&[u8]>, name: &str, whole: bool) -> Detected {
    if let Some((kind, inner, ends)) = unpacked(head) {
        let seen = classify_plain(&inner, None, inner_name(name), whole && ends);
        let readable = (ends || !inner.is_empty()) && is_text(seen.format);
        return Detected {
            format: if readable { seen.format } else { Format::Other },
            detail: format!(
                "{kind}-compressed {}",
                if readable { &seen.detail } else { "data" }
            ),
            compression: readable.then(|| if kind == "gzip" { "gzip" } else { "zstd" }.to_owned()),
        };
    }
    classify_plain(head, tail, name, whole)
}

fn is_text(format: Format) -> bool {
    format.is_delimited() || matches!(format, Format::Json | Format::Ndjson)
}

fn classify_plain(head: &[u8], tail: Option<&[u8]>, name: &str, whole: bool) -> Detected {
    let extension = Path::new(name)
        .extension()
        .map(|e| e.to_string_lossy().to_ascii_lowercase())
        .unwrap_or_default();
    let (format, detail) =
        magic(head, tail, &extension).unwrap_or_else(|| plain_text(head, &extension, whole));
    Detected {
        format,
        detail: detail.to_owned(),
        compression: None,
    }
}

/// What the head of a compressed file unpacks to, as far as it goes and at most as much
/// again as a head is; and whether that is all.
fn unpacked(head: &[u8]) -> Option<(&'static str, Vec<u8>, bool)> {
    fn read(mut from: impl Read) -> (Vec<u8>, bool) {
        let mut inner = vec![0; HEAD];
        let mut filled = 0;
        while filled < inner.len() {
            match from.read(&mut inner[filled..]) {
                Ok(0) => {
                    inner.truncate(filled);
                    return (inner, true);
                }
                Ok(n) => filled += n,
                // The head stops in the middle of a block.
                Err(_) => break,
            }
        }
        inner.truncate(filled);
        (inner, false)
    }
    if head.starts_with(b"\x1F\x8B") {
        let (inner, ends) = read(flate2::read::MultiGzDecoder::new(head));
        Some(("gzip", inner, ends))
    } else if head.starts_with(b"\x28\xB5\x2F\xFD") {
        let (inner, ends) = read(zstd::stream::read::Decoder::new(head).ok()?);
        Some(("Zstandard", inner, ends))
    } else {
        None
    }
}

/// `prices.csv.gz` holds `prices.csv`.
pub(crate) fn inner_name(name: &str) -> &str {
    let (stem, extension) = name.rsplit_once('.').unwrap_or((name, ""));
    match extension.to_ascii_lowercase().as_str() {
        "gz" | "gzip" | "zst" | "zstd" => stem,
        _ => name,
    }
}

fn contains(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len()).any(|w| w == needle)
}

fn magic(head: &[u8], tail: Option<&[u8]>, extension: &str) -> Option<(Format, &'static str)> {
    let starts = |magic: &[u8]| head.starts_with(magic);
    if starts(b"PAR1") {
        return Some(match tail {
            Some(t) if !t.ends_with(b"PAR1") => {
                (Format::Parquet, "Parquet, but its end is missing")
            }
            _ => (Format::Parquet, "Parquet"),
        });
    }
    if starts(b"ARROW1\0\0") {
        return Some((Format::Feather, "Arrow IPC file"));
    }
    if starts(b"FEA1") {
        return Some((Format::Feather, "Feather, version 1"));
    }
    if starts(b"\xFF\xFF\xFF\xFF") && head.len() > 8 && head[7] == 0 {
        return Some((Format::Feather, "Arrow IPC stream"));
    }
    if starts(b"SQLite format 3\0") {
        return Some((Format::Sqlite, "SQLite database"));
    }
    if head.get(8..12) == Some(b"DUCK") {
        return Some((Format::Duckdb, "DuckDB database"));
    }
    if starts(b"\x93NUMPY") {
        return Some((Format::Npz, "single NumPy array"));
    }
    if starts(b"PK\x03\x04") || starts(b"PK\x05\x06") {
        let holds = |n: &[u8]| contains(head, n) || tail.is_some_and(|t| contains(t, n));
        return Some(if holds(b"xl/") {
            (Format::Xlsx, "Excel workbook")
        } else if holds(b".npy") {
            (Format::Npz, "NumPy archive")
        } else if extension == "xlsx" && !holds(b"word/") && !holds(b"ppt/") {
            (Format::Xlsx, "Excel workbook, by its name")
        } else {
            (Format::Other, "ZIP archive")
        });
    }
    let other = [
        (b"BZh".as_slice(), "bzip2-compressed data"),
        (b"\xFD7zXZ\0", "xz-compressed data"),
        (b"PARE", "Parquet with an encrypted footer"),
        (b"%PDF-", "PDF document"),
        (b"\x89PNG", "PNG image"),
        (b"\xFF\xD8\xFF", "JPEG image"),
        (b"\xD0\xCF\x11\xE0", "older Microsoft Office file"),
        (b"\x89HDF", "HDF5 data"),
        (b"Obj\x01", "Avro data"),
        (b"ORC", "ORC data"),
        (b"\x7FELF", "program"),
    ];
    other
        .iter()
        .find(|(magic, _)| starts(magic))
        .map(|(_, detail)| (Format::Other, *detail))
}

fn plain_text(head: &[u8], extension: &str, whole: bool) -> (Format, &'static str) {
    let named = match Format::from_id(extension) {
        Some(f) if f.is_delimited() || matches!(f, Format::Json | Format::Ndjson) => Some(f),
        _ if matches!(extension, "dat" | "asc" | "prn") => Some(Format::Txt),
        _ => None,
    };
    if head.is_empty() {
        return (named.unwrap_or(Format::Other), "empty file");
    }
    // UTF-16 has a NUL beside every Latin letter: what it says is looked at, not its bytes.
    let wide = text::encoding::detect(head, whole, None)
        .ok()
        .filter(|found| [UTF_16LE, UTF_16BE].contains(&found.encoding));
    let unmarked = match &wide {
        Some(found) => text::encoding::decoded(&head[found.bom as usize..], found, whole),
        None => Cow::Borrowed(head),
    };
    if binary(&unmarked, named.is_some()) {
        return (Format::Other, "binary data of an unknown kind");
    }
    let body = unmarked.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&unmarked);
    if let Some(found) = json(body) {
        return found;
    }
    match (text::dialect::guess(head, "", whole), named) {
        (_, Some(Format::Txt)) => (Format::Txt, "text"),
        (Some(Format::Tsv), _) => (Format::Tsv, "tab-separated text"),
        (Some(Format::Csv), _) => (Format::Csv, "comma- or semicolon-separated text"),
        (Some(_), Some(named)) => (named, "delimited text"),
        (Some(_), None) => (Format::Txt, "delimited text"),
        (None, Some(Format::Json | Format::Ndjson)) => (Format::Other, "text that is not JSON"),
        (None, Some(named)) => (named, "text"),
        (None, None) => (Format::Other, "text"),
    }
}

/// Control characters that no text has. A few may be damage, not a format, and a
/// name that says text is believed a little longer.
fn binary(head: &[u8], named: bool) -> bool {
    let odd = |b: &&u8| matches!(b, 0..=8 | 14..=26 | 28..=31);
    let sample = &head[..head.len().min(4096)];
    let percent = if named { 30 } else { 2 };
    sample.iter().filter(odd).count() * 100 > sample.len() * percent
}

fn json(body: &[u8]) -> Option<(Format, &'static str)> {
    let text = body.trim_ascii_start();
    if text.starts_with(b"[") {
        let inner = text[1..].trim_ascii_start();
        let plausible = inner
            .first()
            .is_none_or(|b| matches!(b, b'{' | b'[' | b']' | b'"' | b'-' | b'0'..=b'9'))
            || ["null", "true", "false", "NaN", "Infinity"]
                .iter()
                .filter_map(|word| inner.strip_prefix(word.as_bytes()))
                .any(|rest| matches!(rest.trim_ascii_start().first(), None | Some(b',' | b']')));
        // `[1] a,b` is a table whose first name has brackets: JSON would go on with a comma.
        let closed = text
            .iter()
            .position(|b| *b == b']')
            .map(|i| text[i + 1..].trim_ascii_start());
        let goes_on = match closed.and_then(|rest| rest.first()) {
            None => true,
            Some(b) => {
                matches!(b, b',' | b']' | b'}')
                    || inner.starts_with(b"{")
                    || inner.starts_with(b"[")
            }
        };
        return (plausible && goes_on).then_some((Format::Json, "JSON array"));
    }
    if !text.starts_with(b"{") {
        return None;
    }
    let first = text.split(|b| *b == b'\n').next().unwrap_or_default();
    let object = serde_json::from_slice::<serde::de::IgnoredAny>(first.trim_ascii()).is_ok();
    let next = text[1..].trim_ascii_start().first();
    if object {
        Some((Format::Ndjson, "a JSON object on each line"))
    } else if matches!(next, Some(b'"' | b'}')) {
        let single = first.len() == text.len();
        // One long line that the head cut off is a record; several lines are one document.
        Some(if single {
            (Format::Ndjson, "a JSON object on each line")
        } else {
            (Format::Json, "JSON object")
        })
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_decides() {
        let cases: &[(&[u8], &str, Format)] = &[
            (b"PAR1....PAR1", "x.csv", Format::Parquet),
            (b"a,b\n1,2\n3,4\n", "x", Format::Csv),
            (b"a\tb\n1\t2\n", "x.csv", Format::Tsv),
            (b"a;b\n1;2\n", "x.csv", Format::Csv),
            (b"<TICKER>,<PER>\nA,D\n", "x.txt", Format::Txt),
            (b"just words\n", "x.csv", Format::Csv),
            (
                b"just words, and a comma\nno\nmore, or\nless\n",
                "readme.md",
                Format::Other,
            ),
            (b"{\"a\":1}\n{\"a\":2}\n", "x.json", Format::Ndjson),
            (b"{\n \"a\": 1\n}\n", "x", Format::Json),
            (b"[{\"a\":1}]", "x.csv", Format::Json),
            (b"SQLite format 3\0....", "x.db", Format::Sqlite),
            (b"........DUCK....", "x", Format::Duckdb),
            (
                b"PK\x03\x04......[Content_Types].xml...xl/workbook.xml",
                "x",
                Format::Xlsx,
            ),
            (
                b"PK\x03\x04......[Content_Types].xml...word/doc.xml",
                "x.xlsx",
                Format::Other,
            ),
            (b"PK\x03\x04......arr_0.npy", "x.npz", Format::Npz),
            (b"\x1F\x8B\x08", "x.csv", Format::Other),
            (
                b"\0\x01\x02\x03\x04\x05\x06\x07\x10\x11",
                "x.csv",
                Format::Other,
            ),
            (b"", "x.csv", Format::Csv),
            (b"", "x", Format::Other),
        ];
        for (bytes, name, format) in cases {
            assert_eq!(
                detect_bytes(bytes, name),
                *format,
                "{name}: {:?}",
                String::from_utf8_lossy(bytes)
            );
        }
    }

    #[test]
    fn ids_come_back() {
        for format in Format::ALL {
            assert_eq!(Format::from_id(format.id()), Some(format));
        }
    }
}
