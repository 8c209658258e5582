//! Archives as NumPy writes them, and as nobody should.

use std::io::Write as _;

use super::*;
use crate::error::ConvertError;
use crate::limits::Limits;
use crate::types::{name, text_of};
use arrow::array::*;
use proptest::prelude::*;
use zip::write::SimpleFileOptions;

mod writing;

fn limits() -> Limits {
    Limits {
        threads: 2,
        ..Limits::default()
    }
}

/// One array's file: NumPy's own words for type and shape.
fn npy(descr: &str, fortran: bool, shape: &str, data: &[u8]) -> Vec<u8> {
    let fortran = if fortran { "True" } else { "False" };
    let header = format!("{{'descr': {descr}, 'fortran_order': {fortran}, 'shape': {shape}, }}\n");
    let mut out = b"\x93NUMPY\x01\x00".to_vec();
    out.extend((header.len() as u16).to_le_bytes());
    out.extend(header.as_bytes());
    out.extend(data);
    out
}

fn archive(arrays: &[(&str, Vec<u8>)], packed: bool) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut zip = zip::ZipWriter::new(file.reopen().unwrap());
    for (name, bytes) in arrays {
        let method = match packed {
            true => zip::CompressionMethod::Deflated,
            false => zip::CompressionMethod::Stored,
        };
        let options = SimpleFileOptions::default().compression_method(method);
        zip.start_file(format!("{name}.npy"), options).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap();
    file
}

struct Opened {
    names: Vec<String>,
    types: Vec<String>,
    rows: Vec<Vec<Option<String>>>,
    profile: crate::profile::TableProfile,
}

fn try_read(path: &Path, pairs: &[(&str, &str)]) -> Result<Opened> {
    let options = Options::parse(pairs.iter().copied()).unwrap();
    let limits = limits();
    let job = Job {
        limits: &limits,
        progress: &(),
    };
    let table = open(&Source::new(path), &options, Depth::Whole, job)?;
    let batches = batches(table.as_ref(), 0)?;
    let mut rows = Vec::new();
    for batch in &batches {
        for row in 0..batch.num_rows() {
            let values = batch.columns().iter();
            rows.push(
                values
                    .map(|c| c.is_valid(row).then(|| text_of(c.as_ref(), row)))
                    .collect(),
            );
        }
    }
    assert_eq!(table.rows(), Some(rows.len() as u64));
    let schema = table.schema();
    Ok(Opened {
        names: schema.fields().iter().map(|f| f.name().clone()).collect(),
        types: schema.fields().iter().map(|f| name(f)).collect(),
        rows,
        profile: table.profile().clone(),
    })
}

fn batches(table: &dyn Table, first: u64) -> Result<Vec<RecordBatch>> {
    let limits = limits();
    let mut reader = table.read(
        None,
        first,
        Job {
            limits: &limits,
            progress: &(),
        },
    )?;
    let mut batches = Vec::new();
    while let Some(batch) = reader.next_batch()? {
        batches.push(batch);
    }
    Ok(batches)
}

fn read(arrays: &[(&str, Vec<u8>)]) -> Opened {
    let plain = try_read(archive(arrays, false).path(), &[]).unwrap();
    let packed = try_read(archive(arrays, true).path(), &[]).unwrap();
    assert_eq!(plain.rows, packed.rows);
    plain
}

impl Opened {
    fn column(&self, index: usize) -> Vec<&str> {
        self.rows
            .iter()
            .map(|row| row[index].as_deref().unwrap_or("∅"))
            .collect()
    }
}

fn refused(arrays: &[(&str, Vec<u8>)]) -> String {
    match try_read(archive(arrays, false).path(), &[]) {
        Err(error @ ConvertError::Unreadable { .. }) => error.to_string(),
        other => panic!("{:?}", other.map(|o| o.rows)),
    }
}

#[test]
fn every_type_of_numpy_is_read_in_both_byte_orders() {
    let two = |a: &[u8], b: &[u8]| [a, b].concat();
    let le = |v: &[i64]| v.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>();
    let wide = |s: &str| {
        s.chars()
            .flat_map(|c| u32::from(c).to_be_bytes())
            .collect::<Vec<u8>>()
    };
    let cases: Vec<(&str, Vec<u8>, &str, [&str; 2])> = vec![
        ("'|b1'", vec![1, 0], "BOOLEAN", ["true", "false"]),
        ("'|i1'", vec![0x80, 1], "TINYINT", ["-128", "1"]),
        ("'>i2'", vec![0x80, 0, 0, 1], "SMALLINT", ["-32768", "1"]),
        (
            "'<u4'",
            two(&[255; 4], &[1, 0, 0, 0]),
            "UINTEGER",
            ["4294967295", "1"],
        ),
        (
            "'<i8'",
            le(&[i64::MIN, 1 << 53 | 1]),
            "BIGINT",
            ["-9223372036854775808", "9007199254740993"],
        ),
        (
            "'>u8'",
            two(&[255; 8], &[0; 8]),
            "UBIGINT",
            ["18446744073709551615", "0"],
        ),
        ("'<f2'", vec![0, 0x3C, 0, 0xFC], "FLOAT", ["1.0", "-inf"]),
        (
            "'>f4'",
            two(&0.1f32.to_be_bytes(), &f32::NAN.to_be_bytes()),
            "FLOAT",
            ["0.1", "nan"],
        ),
        (
            "'<f8'",
            two(&0.1f64.to_le_bytes(), &(-0.0f64).to_le_bytes()),
            "DOUBLE",
            ["0.1", "-0.0"],
        ),
        ("'|S3'", b"ab\0abc".to_vec(), "VARCHAR", ["ab", "abc"]),
        ("'|S2'", b"a\0\xFFb".to_vec(), "BLOB", ["a", "\\xFFb"]),
        ("'|V2'", b"a\0bc".to_vec(), "BLOB", ["a\\x00", "bc"]),
        ("'>U2'", wide("é\0😀x"), "VARCHAR", ["é", "😀x"]),
        (
            "'<M8[D]'",
            le(&[20_783, i64::MIN]),
            "DATE",
            ["2026-11-26", "∅"],
        ),
        (
            "'<M8[M]'",
            le(&[361, -1]),
            "DATE",
            ["2000-02-01", "1969-12-01"],
        ),
        (
            "'<M8[h]'",
            le(&[1, -1]),
            "TIMESTAMP_S",
            ["1970-01-01 01:00:00", "1969-12-31 23:00:00"],
        ),
        (
            "'<M8[ms]'",
            le(&[1, i64::MIN]),
            "TIMESTAMP_MS",
            ["1970-01-01 00:00:00.001", "∅"],
        ),
        (
            "'<M8[us]'",
            le(&[1, 0]),
            "TIMESTAMP",
            ["1970-01-01 00:00:00.000001", "1970-01-01 00:00:00"],
        ),
        (
            "'<M8[ns]'",
            le(&[1, 0]),
            "TIMESTAMP_NS",
            ["1970-01-01 00:00:00.000000001", "1970-01-01 00:00:00"],
        ),
        (
            "'<m8[m]'",
            le(&[2, i64::MIN]),
            "DURATION",
            ["00:02:00", "∅"],
        ),
    ];
    for (descr, data, word, cells) in cases {
        let opened = read(&[("x", npy(descr, false, "(2,)", &data))]);
        assert_eq!(
            (opened.types[0].as_str(), opened.column(0)),
            (word, cells.to_vec()),
            "{descr}"
        );
    }
}

#[test]
fn arrays_of_one_length_are_columns_and_others_are_tables() {
    let bytes = |n: usize| npy("'|u1'", false, &format!("({n},)"), &vec![7; n]);
    let same = read(&[("b", bytes(3)), ("a", bytes(3))]);
    assert_eq!(
        (same.names, same.rows.len()),
        (vec!["b".to_owned(), "a".to_owned()], 3)
    );
    assert!(same.profile.tables.is_empty());
    let file = archive(
        &[("none", bytes(0)), ("b", bytes(3)), ("a", bytes(2))],
        false,
    );
    let first = try_read(file.path(), &[]).unwrap();
    assert_eq!((first.names[0].as_str(), first.rows.len()), ("b", 3));
    assert_eq!(first.profile.tables.len(), 3);
    assert_eq!(first.profile.choices[0].chosen, "b");
    assert_eq!(
        try_read(file.path(), &[("table", "a")]).unwrap().rows.len(),
        2
    );
    assert_eq!(
        try_read(file.path(), &[("table", "3")]).unwrap().rows.len(),
        2
    );
    assert!(matches!(
        try_read(file.path(), &[("table", "z")]),
        Err(ConvertError::NoTable { .. })
    ));
}

#[test]
fn two_dimensions_and_structures_are_columns() {
    let rows = read(&[("m", npy("'|u1'", false, "(2, 3)", &[1, 2, 3, 4, 5, 6]))]);
    assert_eq!(rows.names, ["m_0", "m_1", "m_2"]);
    assert_eq!(
        (rows.column(0), rows.column(2)),
        (vec!["1", "4"], vec!["3", "6"])
    );
    let columns = read(&[("m", npy("'|u1'", true, "(2, 3)", &[1, 4, 2, 5, 3, 6]))]);
    assert_eq!(columns.rows, rows.rows);
    let descr =
        "[('a', '<i2'), ('', '|V2'), ('s', [('t', '|S2'), ('u', '|b1')]), ('v', '|u1', (2,))]";
    let item = |a: i16, t: &[u8; 2]| [&a.to_le_bytes()[..], &[9, 9], t, &[1, 7, 8]].concat();
    let data = [item(-5, b"x\0"), item(6, b"yz")].concat();
    let opened = read(&[("r", npy(descr, false, "(2,)", &data))]);
    assert_eq!(opened.names, ["a", "s.t", "s.u", "v_0", "v_1"]);
    assert_eq!(opened.column(0), ["-5", "6"]);
    assert_eq!(opened.column(1), ["x", "yz"]);
    assert_eq!(opened.column(4), ["8", "8"]);
    let scalar = read(&[("n", npy("'<i4'", false, "()", &[5, 0, 0, 0]))]);
    assert_eq!(scalar.column(0), ["5"]);
}

#[test]
fn what_no_column_can_be_is_refused_by_name() {
    for (descr, shape, data, word) in [
        ("'|O'", "(1,)", b"\x80\x04.".to_vec(), "unpickling"),
        ("[('a', '|O')]", "(1,)", vec![0; 8], "unpickling"),
        ("'<c16'", "(1,)", vec![0; 16], "complex"),
        ("'<f16'", "(1,)", vec![0; 16], "long doubles"),
        ("'<m8[Y]'", "(1,)", vec![0; 8], "months"),
        ("'<M8[ps]'", "(1,)", vec![0; 8], "finer"),
        ("'|u1'", "(1, 1, 1)", vec![0], "3 dimensions"),
        ("'|u1'", "(18446744073709551615,)", vec![0], "asks for"),
        ("'<u8'", "(18446744073709551615, 4)", vec![0], "counted"),
        ("'|u1'", "(5,)", vec![0], "asks for 5"),
        ("'|u1'", "(0, 99999999)", vec![], "columns"),
        ("'>U1'", "(1,)", vec![0, 0x11, 0, 0], "no character"),
        ("'>U1'", "(1,)", vec![0, 0, 0xD8, 0], "no character"),
        (
            "'<M8[D]'",
            "(1,)",
            i64::MAX.to_le_bytes().to_vec(),
            "out of range",
        ),
        (
            "'<M8[h]'",
            "(1,)",
            i64::MAX.to_le_bytes().to_vec(),
            "out of range",
        ),
        ("'nonsense'", "(1,)", vec![0], "type string"),
    ] {
        let said = refused(&[("bad", npy(descr, false, shape, &data))]);
        assert!(
            said.contains("bad") && said.contains(word),
            "{descr}: {said}"
        );
    }
    let deep = "(".repeat(60_000);
    assert!(refused(&[("bad", npy(&deep, false, "(1,)", &[]))]).contains("brackets"));
    assert!(refused(&[]).contains("no arrays"));
}

#[test]
fn an_array_that_is_refused_stops_all_unless_asked() {
    let good = npy("'|u1'", false, "(1,)", &[7]);
    let file = archive(
        &[("good", good), ("bad", npy("'|O'", false, "(1,)", b"."))],
        false,
    );
    assert!(try_read(file.path(), &[]).is_err());
    assert!(try_read(file.path(), &[("table", "bad")]).is_err());
    assert_eq!(
        try_read(file.path(), &[("table", "good")])
            .unwrap()
            .column(0),
        ["7"]
    );
    let left = try_read(file.path(), &[("on_reject", "report")]).unwrap();
    assert!(
        left.profile.warnings[0].contains("\"bad\""),
        "{:?}",
        left.profile.warnings
    );
}

#[test]
fn damage_is_an_error() {
    let data: Vec<u8> = (0..200_000u32)
        .flat_map(|i| i.wrapping_mul(2_654_435_761).to_le_bytes())
        .collect();
    let whole = archive(&[("x", npy("'<u4'", false, "(200000,)", &data))], true);
    let bytes = std::fs::read(whole.path()).unwrap();
    for cut in [
        0,
        1,
        30,
        100,
        bytes.len() / 2,
        bytes.len() - 30,
        bytes.len() - 1,
    ] {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), &bytes[..cut]).unwrap();
        assert!(
            matches!(
                try_read(file.path(), &[]),
                Err(ConvertError::Unreadable { .. })
            ),
            "{cut}"
        );
    }
    let stored = archive(&[("x", npy("'<u4'", false, "(200000,)", &data))], false);
    let mut bytes = std::fs::read(stored.path()).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(stored.path(), &bytes).unwrap();
    let said = try_read(stored.path(), &[])
        .map(|o| o.rows.len())
        .unwrap_err()
        .to_string();
    assert!(said.contains("checksum"), "{said}");
}

#[test]
fn a_bomb_is_only_as_large_as_its_batches() {
    // 128 MiB of zeros in little more than 128 KiB: read on, a batch at a time.
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut zip = zip::ZipWriter::new(file.reopen().unwrap());
    let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
    zip.start_file("x.npy", options).unwrap();
    zip.write_all(&npy("'|V134217728'", false, "(1,)", &[]))
        .unwrap();
    for _ in 0..128 {
        zip.write_all(&[0; 1 << 20]).unwrap();
    }
    zip.finish().unwrap();
    let outcome = try_read(file.path(), &[]).map(|o| o.rows.len());
    assert!(
        matches!(outcome, Err(ConvertError::OutOfMemory { .. })),
        "{outcome:?}"
    );
}

#[test]
fn a_single_array_is_read_too() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(
        file.path(),
        npy("'<i4'", false, "(2,)", &[1, 0, 0, 0, 2, 0, 0, 0]),
    )
    .unwrap();
    assert_eq!(try_read(file.path(), &[]).unwrap().column(0), ["1", "2"]);
}

#[test]
fn reading_begins_at_any_row() {
    let data: Vec<u8> = (0..100_000u32).flat_map(u32::to_le_bytes).collect();
    let twice: Vec<u8> = [data.clone(), data.clone()].concat();
    for packed in [false, true] {
        let arrays = [
            ("c", npy("'<u4'", false, "(100000,)", &data)),
            ("f", npy("'<u4'", true, "(100000, 2)", &twice)),
        ];
        let file = archive(&arrays, packed);
        let limits = limits();
        let job = Job {
            limits: &limits,
            progress: &(),
        };
        let table = open(
            &Source::new(file.path()),
            &Options::default(),
            Depth::Head,
            job,
        )
        .unwrap();
        for first in [0u64, 1, 99_999, 100_000, 200_000] {
            let batches = batches(table.as_ref(), first).unwrap();
            let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
            assert_eq!(rows as u64, 100_000u64.saturating_sub(first));
            if let Some(batch) = batches.first() {
                for column in batch.columns() {
                    assert_eq!(text_of(column, 0), first.to_string());
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn damage_is_never_a_panic(edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        let arrays = [
            ("a", npy("'<i4'", false, "(3,)", &[1; 12])),
            ("b", npy("[('x', '<M8[s]'), ('y', '<U1')]", false, "(3,)", &[0; 36])),
        ];
        let file = archive(&arrays, true);
        let mut bytes = std::fs::read(file.path()).unwrap();
        for (index, byte) in edits {
            let at = index.index(bytes.len());
            bytes[at] = byte;
        }
        std::fs::write(file.path(), &bytes).unwrap();
        let _ = try_read(file.path(), &[]);
    }
}
