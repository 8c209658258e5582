//! DuckDB files made by the engine itself, read back value by value; damage; what is written.

use std::path::{Path, PathBuf};

use arrow::array::{Array, RecordBatch};
use arrow::datatypes::DataType;
use duckdb::Connection;

use super::super::cells::samples::{self, comes_back, every_type, many, read, with_job};
use super::{create, holds, open};
use crate::error::ConvertError;
use crate::options::Options;
use crate::profile::TableProfile;
use crate::source::Source;
use crate::table::Depth;
use crate::types;

fn made(dir: &Path, sql: &str) -> PathBuf {
    let path = dir.join("it's a [db] *.duckdb");
    let _ = std::fs::remove_file(&path);
    Connection::open(&path).unwrap().execute_batch(sql).unwrap();
    path
}

fn texts(batch: &RecordBatch, column: &str) -> Vec<String> {
    let column = batch.column_by_name(column).unwrap();
    (0..batch.num_rows())
        .map(|row| {
            if column.is_null(row) {
                "NULL".to_owned()
            } else {
                types::text_of(column.as_ref(), row)
            }
        })
        .collect()
}

fn profile(path: &Path) -> TableProfile {
    with_job(|job| {
        open(&Source::new(path), &Options::default(), Depth::Whole, job)
            .unwrap()
            .profile()
            .clone()
    })
}

#[test]
fn every_type_comes_back_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    comes_back(
        open,
        create,
        &dir.path().join("x.duckdb"),
        &every_type(holds),
    );
}

#[test]
fn rows_can_be_read_from_anywhere() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.duckdb");
    comes_back(open, create, &path, &many(5_000));
    samples::reads_from_anywhere(open, &path);
}

#[test]
fn damage_is_an_error_and_never_a_panic() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.duckdb");
    samples::write(create, &path, &[many(2_000)]).unwrap();
    samples::survives_damage(open, &path);
}

#[test]
fn what_the_engine_would_change_on_its_way_out_comes_as_exact_text() {
    let dir = tempfile::tempdir().unwrap();
    let path = made(
        dir.path(),
        "CREATE TABLE t AS SELECT
            170141183460469231731687303715884105727::HUGEINT AS h,
            5::HUGEINT AS small,
            340282366920938463463374607431768211455::UHUGEINT AS u,
            'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::UUID AS uuid,
            'b'::ENUM('a', 'b') AS e,
            INTERVAL '1 year 2 days 03:04:05.000006' AS i,
            '12:00:00+05:30'::TIMETZ AS tz,
            '0101'::BIT AS bits,
            '123456789012345678901234567890123456789012345'::BIGNUM AS big,
            union_value(n := 3)::UNION(n INTEGER, s VARCHAR) AS un,
            MAP {'k': 1} AS m,
            {'a': 1, 'id': 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::UUID} AS s,
            [1, NULL, 3]::INTEGER[3] AS arr,
            '{\"a\": 1}'::JSON AS j,
            'infinity'::DATE AS d,
            ['-infinity'::TIMESTAMP] AS ld,
            '2026-01-31 10:00:00+02'::TIMESTAMPTZ AS z,
            '2026-01-31 10:00:00.123456789'::TIMESTAMP_NS AS ns,
            '\\xAA\\x00'::BLOB AS blob,
            12345678901234567890123456789012345.678::DECIMAL(38,3) AS dec;",
    );
    let batch = read(open, &path, &[]).unwrap();
    let one = |name: &str| texts(&batch, name).remove(0);
    assert_eq!(one("h"), "170141183460469231731687303715884105727");
    assert_eq!(one("u"), "340282366920938463463374607431768211455");
    assert_eq!(one("small"), "5");
    assert_eq!(
        batch.schema().field_with_name("small").unwrap().data_type(),
        &DataType::Decimal128(38, 0)
    );
    assert_eq!(one("uuid"), "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11");
    assert_eq!(one("e"), "b");
    assert_eq!(one("i"), "1 year 2 days 03:04:05.000006");
    assert_eq!(one("tz"), "12:00:00+05:30");
    assert_eq!(one("bits"), "0101");
    assert_eq!(one("big"), "123456789012345678901234567890123456789012345");
    assert_eq!(one("un"), "{\"n\":3}");
    assert_eq!(one("d"), "infinity");
    assert!(one("ld").contains("-infinity"));
    assert_eq!(one("z"), "2026-01-31 08:00:00+00");
    assert_eq!(one("ns"), "2026-01-31 10:00:00.123456789");
    assert_eq!(one("dec"), "12345678901234567890123456789012345.678");
    let schema = batch.schema();
    let tag = |name: &str| types::tag(schema.field_with_name(name).unwrap()).map(str::to_owned);
    assert_eq!(tag("h").as_deref(), Some("HUGEINT"));
    assert_eq!(tag("e").as_deref(), Some("ENUM('a', 'b')"));
    assert_eq!(tag("tz").as_deref(), Some("TIME WITH TIME ZONE"));
    assert_eq!(tag("j").as_deref(), Some("JSON"));
    assert!(matches!(
        schema.field_with_name("arr").unwrap().data_type(),
        DataType::List(_)
    ));
    assert!(matches!(
        schema.field_with_name("m").unwrap().data_type(),
        DataType::Map(..)
    ));
    let again = dir.path().join("again.duckdb");
    comes_back(open, create, &again, &batch);
}

#[test]
fn tables_of_all_schemas_and_views_are_listed() {
    let dir = tempfile::tempdir().unwrap();
    let outside = dir.path().join("outside.csv");
    std::fs::write(&outside, "a\n1\n").unwrap();
    let path = made(
        dir.path(),
        &format!(
            "CREATE SCHEMA \"o'ther\"; CREATE TABLE \"o'ther\".b AS SELECT 2 AS x;
             CREATE TABLE \"a \"\"q\" (\"sel ect\" INTEGER); CREATE VIEW v AS SELECT 3 AS y;
             CREATE VIEW bad AS FROM read_csv('{}');",
            outside.display()
        ),
    );
    let found = profile(&path);
    let names: Vec<&str> = found.tables.iter().map(|t| t.name.as_str()).collect();
    assert_eq!(names[..2], ["a \"q", "o'ther.b"]);
    assert!(
        names[2..].contains(&"v") && names[2..].contains(&"bad"),
        "{names:?}"
    );
    assert_eq!(found.table.as_deref(), Some("o'ther.b"));
    assert_eq!(
        texts(&read(open, &path, &[("table", "v")]).unwrap(), "y"),
        ["3"]
    );
    assert_eq!(
        read(open, &path, &[("table", "a \"q")]).unwrap().num_rows(),
        0
    );
    assert!(read(open, &path, &[("table", "bad")]).is_err());
}

#[test]
fn a_log_beside_the_file_is_read_and_neither_is_touched() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("w.duckdb");
    let writer = Connection::open(&path).unwrap();
    writer
        .execute_batch("CREATE TABLE t AS SELECT 1 AS a; CHECKPOINT; PRAGMA disable_checkpoint_on_shutdown; INSERT INTO t VALUES (2);")
        .unwrap();
    drop(writer);
    let wal = dir.path().join("w.duckdb.wal");
    let before = (std::fs::read(&path).unwrap(), std::fs::read(&wal).unwrap());
    assert_eq!(texts(&read(open, &path, &[]).unwrap(), "a"), ["1", "2"]);
    assert!(profile(&path).warnings[0].contains(".wal"));
    assert_eq!(
        (std::fs::read(&path).unwrap(), std::fs::read(&wal).unwrap()),
        before
    );
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2);
}

#[test]
fn what_is_no_plain_database_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let path = made(dir.path(), "CREATE TABLE t AS SELECT 1 AS a;");
    let whole = std::fs::read(&path).unwrap();
    let mut newer = whole.clone();
    newer[12] = 0xF0;
    for (bytes, expected) in [
        (&b""[..], "an empty file"),
        (&[0u8; 8192][..], "no DuckDB database"),
        (&whole[..whole.len() / 2], "damaged"),
        (&newer[..], ""),
    ] {
        std::fs::write(&path, bytes).unwrap();
        match read(open, &path, &[]) {
            Err(ConvertError::Unreadable { seen, .. }) => {
                assert!(seen.contains(expected), "{seen}")
            }
            other => panic!("{expected}: {other:?}"),
        }
    }
}

#[test]
fn an_encrypted_database_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("e.duckdb");
    let attach = format!(
        "ATTACH '{}' AS e (ENCRYPTION_KEY 'secret'); CREATE TABLE e.t AS SELECT 1 AS a; DETACH e;",
        path.display()
    );
    if Connection::open_in_memory()
        .unwrap()
        .execute_batch(&attach)
        .is_err()
    {
        return;
    }
    match read(open, &path, &[]) {
        Err(ConvertError::Unreadable { seen, .. }) => assert!(seen.contains("encrypted"), "{seen}"),
        other => panic!("{other:?}"),
    }
}
