//! What the result of a conversion is called.

use std::collections::BTreeMap;

use redline_convert::Format;

use crate::error::CoreError;

/// Endings that name a way of packing, not a format.
const PACKED: [&str; 4] = ["gz", "gzip", "zst", "zstd"];
/// Endings of tables beside the formats' own.
const ALSO: [&str; 6] = ["dat", "asc", "prn", "db", "xls", "xlsm"];

/// `reports/q3.csv.gz` to Parquet becomes `reports/q3.parquet`.
pub(crate) fn of_file(name: &str, to: Format, options: &BTreeMap<String, String>) -> String {
    let (folder, stem) = stem(name);
    format!("{folder}{stem}{}", ending(to, options))
}

/// `q3.xlsx` and its sheet `May/June` become `q3 May_June.csv`.
pub(crate) fn of_table(
    name: &str,
    table: &str,
    to: Format,
    options: &BTreeMap<String, String>,
) -> String {
    let (folder, stem) = stem(name);
    let table: String = table
        .chars()
        .map(|c| {
            if c == '/' || c == '\\' || c.is_control() {
                '_'
            } else {
                c
            }
        })
        .collect();
    format!("{folder}{stem} {table}{}", ending(to, options))
}

/// `q1.csv` with two others becomes `q1 and 2 more.parquet`.
pub(crate) fn of_merge(names: &[&str], to: Format, options: &BTreeMap<String, String>) -> String {
    let Some((first, others)) = names.split_first() else {
        return format!("merged{}", ending(to, options));
    };
    let (folder, stem) = stem(first);
    format!(
        "{folder}{stem} and {} more{}",
        others.len(),
        ending(to, options)
    )
}

/// What was asked for, with the ending of the format where it has another.
pub(crate) fn of_query(asked: &str, to: Format, options: &BTreeMap<String, String>) -> String {
    let asked = asked.trim();
    if asked.is_empty() {
        return format!("query{}", ending(to, options));
    }
    let ending = ending(to, options);
    if asked.to_lowercase().ends_with(&ending) {
        return asked.to_owned();
    }
    let (folder, stem) = stem(asked);
    format!("{folder}{stem}{ending}")
}

/// The folder with its `/`, and the name without the endings that conversion replaces.
pub(crate) fn stem(name: &str) -> (&str, &str) {
    let at = name.rfind('/').map_or(0, |slash| slash + 1);
    let (folder, mut file) = name.split_at(at);
    if let Some((rest, ending)) = cut(file)
        && PACKED.contains(&ending.as_str())
    {
        file = rest;
    }
    if let Some((rest, ending)) = cut(file)
        && (Format::from_id(&ending).is_some() || ALSO.contains(&ending.as_str()))
    {
        file = rest;
    }
    (folder, file)
}

fn cut(file: &str) -> Option<(&str, String)> {
    let (rest, ending) = file.rsplit_once('.')?;
    (!rest.is_empty()).then(|| (rest, ending.to_ascii_lowercase()))
}

/// `.csv`, or `.csv.gz` where the choices pack text.
pub(crate) fn ending(to: Format, options: &BTreeMap<String, String>) -> String {
    let packs = matches!(
        to,
        Format::Csv | Format::Tsv | Format::Txt | Format::Json | Format::Ndjson
    );
    let packed = match options.get("codec").map(String::as_str) {
        Some("gzip") if packs => ".gz",
        Some("zstd") if packs => ".zst",
        _ => "",
    };
    format!(".{}{packed}", to.extension())
}

/// Whether a name that somebody chose says that the file is packed, and is right.
pub(crate) fn tells_packing(
    name: &str,
    to: Format,
    options: &BTreeMap<String, String>,
) -> Result<(), CoreError> {
    let made = ending(to, options);
    let packed = made.strip_prefix(&format!(".{}", to.extension()));
    let said = cut(name).map(|(_, ending)| ending);
    let says = said.filter(|ending| PACKED.contains(&ending.as_str()));
    match (packed.unwrap_or_default(), says) {
        ("", None) => Ok(()),
        ("", Some(says)) => Err(CoreError::bad_request(
            format!("\"{name}\" is the name of a packed file, and the result would not be packed."),
            match made.as_str() {
                ".csv" | ".tsv" | ".txt" | ".json" | ".ndjson" => format!(
                    "Add --set codec={}, or leave .{says} out.",
                    if says.starts_with('g') {
                        "gzip"
                    } else {
                        "zstd"
                    }
                ),
                _ => format!("Leave .{says} out."),
            },
        )),
        (".gz", Some(says)) if says.starts_with('g') => Ok(()),
        (".zst", Some(says)) if says.starts_with('z') => Ok(()),
        (packed, _) => Err(CoreError::bad_request(
            format!("The result would be packed, and \"{name}\" does not say so."),
            format!("Let the name end in {packed}, or leave codec out."),
        )),
    }
}

/// Whether a name that somebody chose is not that of another kind of file: no program would
/// open it. One kind of text may well stand under the name of another.
pub(crate) fn tells_format(name: &str, to: Format) -> Result<(), CoreError> {
    let text = |format: Format| {
        matches!(
            format,
            Format::Csv | Format::Tsv | Format::Txt | Format::Json | Format::Ndjson
        )
    };
    let said = cut(name).and_then(|(_, ending)| Format::from_id(&ending));
    match said {
        Some(said) if said != to && !(text(said) && text(to)) => Err(CoreError::bad_request(
            format!(
                "\"{name}\" is the name of a {} file, and the result is {}.",
                said.label(),
                to.label()
            ),
            format!(
                "Let the name end in .{}, or choose the format {}.",
                to.extension(),
                said.id()
            ),
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_not_that_of_another_kind_of_file() {
        for (name, to, fits) in [
            ("x.csv", Format::Csv, true),
            ("x.txt", Format::Csv, true),
            ("x.json", Format::Ndjson, true),
            ("x", Format::Parquet, true),
            ("x.dat", Format::Parquet, true),
            ("x.arrow", Format::Feather, true),
            ("x.2026", Format::Csv, true),
            ("x.parquet", Format::Csv, false),
            ("x.csv", Format::Parquet, false),
            ("X.XLSX", Format::Feather, false),
        ] {
            let told = tells_format(name, to);
            assert_eq!(told.is_ok(), fits, "{name}: {told:?}");
        }
    }

    #[test]
    fn a_name_says_how_its_file_is_packed() {
        let with = |codec: &str| BTreeMap::from([("codec".to_owned(), codec.to_owned())]);
        for (name, to, codec, fits) in [
            ("x.csv", Format::Csv, "none", true),
            ("x.csv", Format::Csv, "zstd", false),
            ("x.csv.zst", Format::Csv, "zstd", true),
            ("x.csv.gz", Format::Csv, "zstd", false),
            ("x.csv.gz", Format::Csv, "none", false),
            ("x.json.GZ", Format::Json, "gzip", true),
            ("x.parquet", Format::Parquet, "zstd", true),
            ("x.parquet.zst", Format::Parquet, "zstd", false),
            ("x", Format::Csv, "none", true),
        ] {
            let told = tells_packing(name, to, &with(codec));
            assert_eq!(told.is_ok(), fits, "{name} {codec}: {told:?}");
        }
    }

    fn none() -> BTreeMap<String, String> {
        BTreeMap::new()
    }

    #[test]
    fn results_are_named_after_their_source() {
        for (name, to, expected) in [
            ("q3.csv", Format::Parquet, "q3.parquet"),
            (
                "reports/2026/q3.final.CSV",
                Format::Json,
                "reports/2026/q3.final.json",
            ),
            ("v1.2 numbers", Format::Csv, "v1.2 numbers.csv"),
            (".csv", Format::Tsv, ".csv.tsv"),
            ("prices.us.txt", Format::Parquet, "prices.us.parquet"),
            ("q3.csv.gz", Format::Parquet, "q3.parquet"),
            ("a.b/q3.CSV.ZST", Format::Ndjson, "a.b/q3.ndjson"),
            ("measures.dat", Format::Csv, "measures.csv"),
            ("notes.gz", Format::Csv, "notes.csv"),
        ] {
            assert_eq!(of_file(name, to, &none()), expected);
        }
        let packed = BTreeMap::from([("codec".to_owned(), "gzip".to_owned())]);
        assert_eq!(of_file("q3.parquet", Format::Csv, &packed), "q3.csv.gz");
        assert_eq!(of_file("q3.csv", Format::Parquet, &packed), "q3.parquet");
    }

    #[test]
    fn tables_merges_and_queries_have_names_too() {
        assert_eq!(
            of_table("in/q3.xlsx", "May/June", Format::Csv, &none()),
            "in/q3 May_June.csv"
        );
        assert_eq!(
            of_merge(&["in/q1.csv", "q2.csv", "q3.csv"], Format::Parquet, &none()),
            "in/q1 and 2 more.parquet"
        );
        assert_eq!(of_query(" ", Format::Csv, &none()), "query.csv");
        assert_eq!(of_query("best.csv", Format::Csv, &none()), "best.csv");
        assert_eq!(
            of_query("best.csv", Format::Parquet, &none()),
            "best.parquet"
        );
        assert_eq!(of_query("best", Format::Xlsx, &none()), "best.xlsx");
    }
}
