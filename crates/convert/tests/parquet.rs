//! Parquet as a source: every type it can hold, as text that proves equal.

mod common;

use common::{Bench, cells};
use redline_convert::*;

/// A Parquet file from SQL, made outside of the crate under test.
fn parquet(bench: &Bench, select: &str) -> std::path::PathBuf {
    let path = bench.path("made.parquet");
    let con = duckdb::Connection::open_in_memory().unwrap();
    con.execute_batch(&format!(
        "SET TimeZone = 'America/New_York'; COPY ({select}) TO '{}' (FORMAT parquet)",
        path.display()
    ))
    .unwrap();
    path
}

#[test]
fn scalars_are_proved() {
    let bench = Bench::new();
    let source = parquet(
        &bench,
        "SELECT * FROM (VALUES
            (9007199254740993::BIGINT, 18446744073709551615::UBIGINT, 1.50::DECIMAL(9,2), '-0.0'::DOUBLE,
             0.1::FLOAT, DATE '9999-12-31', TIMESTAMPTZ '2024-07-01 12:00:00+02', TIME '24:00:00',
             TIMESTAMP_NS '2024-01-01 10:00:00.123456789', uuid(), 'x'::VARCHAR, true, INTERVAL 3 DAYS),
            (NULL, 0, -0.01, 'nan', '-inf', DATE '0001-01-01', TIMESTAMPTZ '1969-12-31 23:59:59.999999+00', NULL,
             TIMESTAMP_NS '1970-01-01 00:00:00', uuid(), '', false, NULL)
        ) t(big, ubig, price, d, f, day, moment, clock, ns, id, note, flag, span)",
    );
    let (text, done) = bench.to(&source, Format::Csv, "t.csv").unwrap();
    assert_eq!(
        done.certificate.verdict,
        Verdict::Proved,
        "{:?}",
        done.certificate.losses
    );
    let rows = cells(&text);
    assert_eq!(rows, cells(&source));
    let at = |r: usize, c: usize| rows[r][c].as_deref();
    assert_eq!(at(0, 0), Some("9007199254740993"));
    assert_eq!(at(0, 2), Some("1.50"));
    assert_eq!(at(0, 3), Some("-0.0"));
    assert_eq!(
        at(0, 6),
        Some("2024-07-01 10:00:00+00"),
        "a zone must not shift a time"
    );
    assert_eq!(at(0, 8), Some("2024-01-01 10:00:00.123456789"));
    assert_eq!((at(1, 0), at(1, 10)), (None, Some("")));
    for to in [Format::Tsv, Format::Json, Format::Ndjson] {
        bench
            .to(&source, to, &format!("t.{}", to.extension()))
            .unwrap();
    }
}

#[test]
fn nested_types_become_json_text_and_are_listed() {
    let bench = Bench::new();
    let source = parquet(
        &bench,
        "SELECT [1, NULL, 3] AS l, {'a': 'x', 'b': [1.5]} AS s, MAP {'k': 1} AS m
         UNION ALL SELECT NULL, NULL, NULL",
    );
    let plan = bench.plan(&source, Format::Csv).unwrap();
    let kinds: Vec<_> = plan
        .losses
        .iter()
        .map(|l| (l.kind.as_str(), l.rows))
        .collect();
    assert_eq!(kinds, [("type", 1), ("type", 1), ("type", 1)]);
    let (text, done) = bench.to(&source, Format::Csv, "t.csv").unwrap();
    assert_eq!(done.certificate.verdict, Verdict::Lossy);
    let row = &cells(&text)[0];
    assert_eq!(row[0].as_deref(), Some("[1,null,3]"));
    assert_eq!(row[1].as_deref(), Some(r#"{"a":"x","b":[1.5]}"#));
    assert_eq!(row[2].as_deref(), Some(r#"{"k":1}"#));
    let (_, done) = bench.to(&source, Format::Ndjson, "t.ndjson").unwrap();
    assert_eq!(done.certificate.verdict, Verdict::Proved);
}

#[test]
fn bytes_are_kept_as_text() {
    let bench = Bench::new();
    let source = parquet(&bench, r"SELECT '\x00\xFF\x5C,\x22a'::BLOB AS b");
    for to in [Format::Csv, Format::Ndjson] {
        let (_, done) = bench
            .to(&source, to, &format!("t.{}", to.extension()))
            .unwrap();
        assert_eq!(done.certificate.verdict, Verdict::Proved);
    }
}

#[test]
fn text_that_looks_like_syntax_survives() {
    let bench = Bench::new();
    let source = parquet(
        &bench,
        r#"SELECT unnest(['a,b', '"', ' "x" ', e'\r', e'\n', e'\r\n', '', NULL, 'NULL', '#', e'\t', '007', e'a\\', chr(0), ';', '🦆']) AS v"#,
    );
    let (csv, done) = bench.to(&source, Format::Csv, "t.csv").unwrap();
    assert_eq!(done.certificate.verdict, Verdict::Proved);
    assert_eq!(done.rows_out, 16);
    assert_eq!(cells(&csv), cells(&source));
    let (tsv, _) = bench.to(&source, Format::Tsv, "t.tsv").unwrap();
    assert_eq!(cells(&tsv), cells(&source));
}

#[test]
fn twin_names_in_a_file_are_listed() {
    let bench = Bench::new();
    let source = parquet(&bench, "SELECT 1 AS twin_1, [3] AS list, 2 AS twin_2");
    // No writer at hand makes such a file; the names are of one length, so a patch does.
    let mut bytes = std::fs::read(&source).unwrap();
    for i in 0..bytes.len() - 6 {
        if &bytes[i..i + 6] == b"twin_2" {
            bytes[i + 5] = b'1';
        }
    }
    let twins = bench.file("twins.parquet", bytes);
    let plan = bench.plan(&twins, Format::Tsv).unwrap();
    let names: Vec<_> = plan
        .profile
        .columns
        .iter()
        .map(|c| c.name.as_str())
        .collect();
    assert_eq!(names, ["twin_1", "list", "twin_1_2"]);
    assert_eq!(plan.profile.warnings.len(), 1);
    assert!(
        plan.losses
            .iter()
            .any(|l| l.kind == "name" && l.detail.contains("twin_1"))
    );
    let (text, _) = bench.to(&twins, Format::Tsv, "t.tsv").unwrap();
    assert_eq!(
        std::fs::read_to_string(text).unwrap(),
        "twin_1\tlist\ttwin_1_2\n1\t[3]\t2\n"
    );
}

#[test]
fn damage_is_an_error_and_never_a_crash() {
    let bench = Bench::new();
    let source = parquet(
        &bench,
        "SELECT range AS a, hash(range)::VARCHAR AS b FROM range(5000)",
    );
    let good = std::fs::read(&source).unwrap();
    let n = good.len();
    let cuts = [4, 5, 12, n / 2, n - 9, n - 8, n - 4, n - 1];
    let mut broken: Vec<Vec<u8>> = cuts.iter().map(|c| good[..*c].to_vec()).collect();
    // The middle missing, with both ends in place; then single flipped bytes throughout.
    broken.push([&good[..n / 4], &good[n / 2..]].concat());
    for i in (4..n - 8).step_by(n / 40) {
        let mut copy = good.clone();
        copy[i] ^= 0x5A;
        broken.push(copy);
    }
    let mut refused = 0;
    for bytes in broken {
        let path = bench.file("broken.parquet", &bytes);
        match bench.to(&path, Format::Csv, "out.csv") {
            Err(ConvertError::Unreadable { seen, .. }) => {
                refused += 1;
                assert!(
                    !seen.is_empty() && !seen.contains("redline-convert-"),
                    "{seen}"
                );
            }
            Err(ConvertError::OutOfMemory { .. }) => refused += 1,
            Err(other) => panic!("{other:?}"),
            // A flipped value is a value: without a checksum in the file, nothing shows.
            Ok((out, _)) => std::fs::remove_file(out).unwrap(),
        }
        assert!(!bench.path("out.csv").exists());
    }
    assert!(refused >= 9, "{refused}");
}
