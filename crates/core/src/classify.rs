//! What kind of thing a file is: the coarse type that lists are filtered by, and
//! its format. Formats are told by the convert crate; this adds the kinds that are
//! stored without being tables.

use redline_convert::Format;
use redline_store::Classified;

/// By the first bytes and the name.
pub(crate) fn classify(head: &[u8], name: &str) -> Classified {
    let format = redline_convert::detect_bytes(head, name);
    let file_type = match format {
        Format::Csv | Format::Tsv => "csv",
        Format::Txt => "text",
        Format::Json | Format::Ndjson => "json",
        Format::Parquet => "parquet",
        Format::Feather => "feather",
        Format::Xlsx => "excel",
        Format::Duckdb => "duckdb",
        Format::Sqlite => "sqlite",
        Format::Npz => "numpy",
        Format::Other => by_content(head).unwrap_or_else(|| by_name(name)),
    };
    Classified {
        file_type,
        format: format.id(),
    }
}

fn by_content(head: &[u8]) -> Option<&'static str> {
    const MAGIC: [(&[u8], &str); 9] = [
        (b"%PDF-", "pdf"),
        (b"\x89PNG\r\n\x1a\n", "image"),
        (b"\xFF\xD8\xFF", "image"),
        (b"GIF8", "image"),
        (b"\x93NUMPY", "numpy"),
        (b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", "office"),
        (b"\x1F\x8B", "archive"),
        (b"\x28\xB5\x2F\xFD", "archive"),
        (b"7z\xBC\xAF\x27\x1C", "archive"),
    ];
    if head.starts_with(b"RIFF") && head.get(8..12) == Some(b"WEBP") {
        return Some("image");
    }
    MAGIC
        .iter()
        .find(|(magic, _)| head.starts_with(magic))
        .map(|(_, kind)| *kind)
}

fn by_name(name: &str) -> &'static str {
    let extension = name
        .rsplit_once('.')
        .map(|(_, extension)| extension.to_ascii_lowercase());
    match extension.as_deref() {
        Some(
            "txt" | "md" | "log" | "xml" | "html" | "htm" | "yaml" | "yml" | "toml" | "ini" | "sql"
            | "py" | "r" | "ipynb",
        ) => "text",
        Some("png" | "jpg" | "jpeg" | "gif" | "webp" | "svg" | "tif" | "tiff" | "bmp" | "heic") => {
            "image"
        }
        Some("pdf") => "pdf",
        Some("doc" | "docx" | "ppt" | "pptx" | "odt" | "ods" | "odp") => "office",
        Some("xls" | "xlsb" | "xlsm") => "excel",
        Some("zip" | "gz" | "tgz" | "tar" | "bz2" | "xz" | "zst" | "7z" | "rar") => "archive",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_goes_before_the_name() {
        let seen = |head: &[u8], name: &str| {
            let Classified { file_type, format } = classify(head, name);
            (file_type, format)
        };
        assert_eq!(seen(b"a,b\n1,2\n", "q3.csv"), ("csv", "csv"));
        assert_eq!(
            seen(b"PAR1\x15\x04", "misnamed.csv"),
            ("parquet", "parquet")
        );
        assert_eq!(seen(b"SQLite format 3\0", "x"), ("sqlite", "sqlite"));
        assert_eq!(seen(b"%PDF-1.7", "q3.csv").0, "pdf");
        assert_eq!(
            seen(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "x.bin"),
            ("image", "other")
        );
        assert_eq!(
            seen(&[0, 1, 2, 3, 0, 255, 254, 0], "x.bin"),
            ("other", "other")
        );
        assert_eq!(
            seen(&[0, 1, 2, 3, 0, 255, 254, 0], "backup.tar").0,
            "archive"
        );
    }
}
