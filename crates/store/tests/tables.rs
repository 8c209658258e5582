//! Data tables: named, listed, dropped, and there again after a crash.

mod common;

use common::*;
use redline_store::*;
use serde_json::json;

fn named(store: &Store, name: &str, file: FileId) -> Result<TableRecord> {
    store.add_table(&NewTable {
        table_name: name.into(),
        ticker: Some("AAPL.US".into()),
        format: "csv".into(),
        row_count: 1_204_331,
        columns: vec!["a".into(), "close, \"adjusted\"".into(), String::new()],
        file,
        metadata: json!({ "types": ["BIGINT"] }),
    })
}

fn one_file(fx: &Fixture, store: &Store) -> FileRecord {
    let path = fx.source("q3.csv", b"a,b\n1,2\n");
    import(store, &[&path]).imported[0].clone()
}

#[test]
fn a_table_is_a_name_for_a_file_until_it_is_dropped() {
    let fx = Fixture::new();
    let store = fx.open();
    let file = one_file(&fx, &store);
    let made = named(&store, "Prices", file.id).unwrap();
    assert_eq!(made.metadata["file_uid"], file.uid);
    assert_eq!(made.metadata["types"], json!(["BIGINT"]));
    assert_eq!(store.tables().unwrap(), std::slice::from_ref(&made));
    assert_eq!(store.table("pRICES").unwrap(), made);
    assert_eq!(store.stats().unwrap().tables, 1);
    // A name is taken in any case, as SQL sees it.
    assert!(matches!(
        named(&store, "prices", file.id),
        Err(StoreError::DestExists { name }) if name == "Prices"
    ));
    assert!(matches!(
        named(&store, "others", FileId(987_654)),
        Err(StoreError::NotFound)
    ));
    assert_eq!(store.drop_table("PRICES").unwrap().uid, made.uid);
    assert!(matches!(
        store.drop_table("prices"),
        Err(StoreError::NotFound)
    ));
    assert!(matches!(store.table(""), Err(StoreError::NotFound)));
    assert_eq!(store.tables().unwrap(), []);
    assert_eq!(store.get(file.id).unwrap(), file, "the file stays");
    assert_tidy(&fx, &store);
}

#[test]
fn a_table_outlives_its_file_and_says_what_became_of_it() {
    let fx = Fixture::new();
    let store = fx.open();
    let file = one_file(&fx, &store);
    named(&store, "prices", file.id).unwrap();
    store.trash(&[file.id]).unwrap();
    let of = || store.table("prices").unwrap().file;
    assert_eq!(of().unwrap().status, Status::Trashed);
    store.untrash(&[file.id]).unwrap();
    assert_eq!(of().unwrap().status, Status::Stored);
    store.trash(&[file.id]).unwrap();
    store.empty_trash().unwrap();
    assert_eq!(of(), None);
    assert_eq!(store.table("prices").unwrap().row_count, Some(1_204_331));
}

#[test]
fn what_the_catalogs_log_lost_comes_back_and_what_was_dropped_does_not() {
    let fx = Fixture::new();
    let store = fx.open();
    let file = one_file(&fx, &store);
    store.release();
    let home = fx.home();
    // As a process leaves things that is killed: rows in the log, lines in the journal.
    let kept = named(&store, "kept", file.id).unwrap();
    named(&store, "dropped", file.id).unwrap();
    store.drop_table("dropped").unwrap();
    let copy = tempfile::tempdir().unwrap();
    let status = std::process::Command::new("cp")
        .arg("-a")
        .arg(fx.root.path().join("users"))
        .arg(copy.path())
        .status()
        .unwrap();
    assert!(status.success());
    let elsewhere = copy.path().join("users").join(home.file_name().unwrap());
    let wal = elsewhere.join("user_data.duckdb.wal");
    assert!(wal.exists());
    std::fs::remove_file(&wal).unwrap();
    let (again, report) =
        Store::create_or_open(copy.path(), &Identity::of_key(KEY_A), options()).unwrap();
    assert_eq!(report.rows_recovered, 1, "{report:?}");
    assert_eq!(again.tables().unwrap(), [kept]);
    // Ids go on behind what came back.
    assert!(named(&again, "next", file.id).unwrap().id > 1);
}
