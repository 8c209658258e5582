//! What opening finds and mends.

mod common;

use common::*;
use redline_store::*;
use std::fs;

fn reopen(fx: &Fixture) -> (Store, OpenReport) {
    Store::open(fx.root.path(), &Identity::of_key(KEY_A), options()).unwrap()
}

#[test]
fn a_file_put_there_by_hand_is_adopted_and_one_taken_away_is_missing() {
    let fx = Fixture::new();
    let store = fx.open();
    let a = import(
        &store,
        &[&fx.source("a.csv", b"1"), &fx.source("b.csv", b"2")],
    )
    .named("a.csv");
    drop(store);
    let files = fx.home().join("files");
    fs::create_dir(files.join("sub")).unwrap();
    fs::write(files.join("sub/new.csv"), "by hand").unwrap();
    fs::rename(files.join("a.csv"), fx.outside.path().join("taken.csv")).unwrap();
    let (store, report) = reopen(&fx);
    let swept = report.reconciled.unwrap();
    assert_eq!((swept.adopted, swept.missing), (1, 1));
    assert_eq!(names(&store), ["a.csv", "b.csv", "sub/new.csv"]);
    assert_eq!(store.get(a.id).unwrap().status, Status::Missing);
    assert!(matches!(
        store.open_file(a.id),
        Err(StoreError::SourceVanished { .. })
    ));
    // And back again: the same row, not a new one.
    fs::rename(fx.outside.path().join("taken.csv"), files.join("a.csv")).unwrap();
    let swept = store.reconcile(&()).unwrap();
    assert_eq!((swept.returned, swept.adopted, swept.edited), (1, 0, 0));
    assert_eq!(store.get(a.id).unwrap().status, Status::Stored);
    assert!(store.reconcile(&()).unwrap().is_quiet());
}

#[test]
fn an_edit_in_place_is_a_new_revision_not_damage() {
    let fx = Fixture::new();
    let store = fx.open();
    let a = import(
        &store,
        &[&fx.source("a.csv", b"one"), &fx.source("b.csv", b"two")],
    )
    .named("a.csv");
    fs::write(fx.home().join("files/a.csv"), "edited").unwrap();
    let outcome = store.verify(None, &()).unwrap();
    assert_eq!(
        (outcome.ok, outcome.changed.len(), outcome.missing.len()),
        (1, 1, 0)
    );
    let now = store.get(a.id).unwrap();
    assert_eq!(now.size_bytes, 6);
    assert_ne!(now.sha256, a.sha256);
    assert_eq!(now.metadata["revisions"][0]["sha256"], a.sha256);
    assert_eq!(store.verify(None, &()).unwrap().ok, 2);
    // Exporting right after an unseen edit gives what is there, and notes it.
    fs::write(fx.home().join("files/a.csv"), "again!").unwrap();
    let out = fx.outside.path().join("out.csv");
    store.export(a.id, &out, &()).unwrap();
    assert_eq!(fs::read(&out).unwrap(), b"again!");
    assert_eq!(
        store.get(a.id).unwrap().metadata["revisions"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    // An edit that the next opening notices first is told by verifying, once.
    drop(store);
    fs::write(fx.home().join("files/a.csv"), "once more").unwrap();
    let (store, report) = reopen(&fx);
    assert_eq!(report.reconciled.unwrap().edited, 1);
    let outcome = store.verify(None, &()).unwrap();
    assert_eq!((outcome.ok, outcome.changed[0].id), (1, a.id));
    assert_eq!(store.verify(None, &()).unwrap().ok, 2);
    fs::remove_file(fx.home().join("files/a.csv")).unwrap();
    let outcome = store.verify(None, &()).unwrap();
    assert_eq!(outcome.missing[0].id, a.id);
}

#[test]
fn a_lost_catalog_is_rebuilt_from_the_files_and_the_trash() {
    let fx = Fixture::new();
    let store = fx.open();
    let records = import(
        &store,
        &[&fx.source("a.csv", b"1"), &fx.source("b.csv", b"2")],
    )
    .imported;
    let b = records.iter().find(|r| r.filename == "b.csv").unwrap();
    store.trash(&[b.id]).unwrap();
    store.release();
    drop(store);
    fs::write(fx.home().join("user_data.duckdb"), "this is no database").unwrap();
    let (store, report) = reopen(&fx);
    assert!(report.catalog_set_aside);
    assert_eq!(names(&store), ["a.csv"]);
    assert_eq!(
        store
            .list(&ListQuery {
                trash: true,
                ..ListQuery::default()
            })
            .unwrap()
            .total,
        1
    );
    let kept: Vec<_> = fs::read_dir(fx.home().join(".redline/quarantine"))
        .unwrap()
        .flatten()
        .collect();
    assert_eq!(fs::read(kept[0].path()).unwrap(), b"this is no database");
}

#[test]
fn the_predecessors_catalog_is_carried_over_beside_a_copy_of_it() {
    let fx = Fixture::new();
    let home = fx.home();
    fs::create_dir_all(home.join("files")).unwrap();
    fs::write(home.join("files/prices.csv"), "a\n1\n").unwrap();
    fs::write(home.join("files/norow.txt"), "x").unwrap();
    {
        let old = duckdb::Connection::open(home.join("user_data.duckdb")).unwrap();
        old.execute_batch(
            "CREATE TABLE user_files (id INTEGER PRIMARY KEY, filename VARCHAR NOT NULL, original_filename VARCHAR, \
                 file_type VARCHAR, format VARCHAR, size_bytes INTEGER, uploaded_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP, \
                 converted_from VARCHAR, metadata JSON);
             CREATE TABLE converted_files (id INTEGER PRIMARY KEY, original_file_id INTEGER, output_format VARCHAR NOT NULL, \
                 output_filename VARCHAR NOT NULL, size_bytes INTEGER, converted_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP, \
                 metadata JSON, FOREIGN KEY (original_file_id) REFERENCES user_files(id));
             CREATE TABLE user_data_tables (id INTEGER PRIMARY KEY, table_name VARCHAR UNIQUE NOT NULL, ticker VARCHAR, \
                 format VARCHAR, row_count INTEGER, columns TEXT[], created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP, \
                 last_accessed TIMESTAMP, metadata JSON);
             INSERT INTO user_files VALUES (7, 'prices.csv', 'Prices.csv', 'csv', 'csv', 4, '2024-03-01 12:00:00', NULL, '{\"k\": 1}');
             INSERT INTO user_files VALUES (9, 'gone.csv', 'gone.csv', 'csv', 'csv', 4, '2024-03-01 12:00:00', NULL, NULL);
             INSERT INTO converted_files VALUES (3, 7, 'parquet', 'prices.parquet', 10, '2024-03-02 00:00:00', NULL);
             INSERT INTO user_data_tables VALUES (5, 'aapl', 'AAPL', 'stooq', 10, ['date', 'close'], '2024-03-02 00:00:00', NULL, '{}');",
        )
        .unwrap();
    }
    let (store, report) = fx.open_as(KEY_A);
    assert_eq!(report.migrated, Some((2, 1, 1)));
    assert_eq!(names(&store), ["gone.csv", "norow.txt", "prices.csv"]);
    let prices = store.get(FileId(7)).unwrap();
    assert_eq!(prices.original_filename, "Prices.csv");
    assert_eq!(prices.metadata["k"], 1);
    assert_eq!(prices.status, Status::Stored);
    assert_eq!(prices.sha256.len(), 64);
    assert_eq!(store.get(FileId(9)).unwrap().status, Status::Missing);
    let history = store.conversions(10, 0).unwrap();
    assert_eq!((history[0].id, history[0].source), (3, Some(FileId(7))));
    assert_eq!(store.stats().unwrap().tables, 1);
    let tables = store.tables().unwrap();
    let [aapl] = tables.as_slice() else {
        panic!("{tables:?}")
    };
    assert_eq!((aapl.id, &*aapl.table_name), (5, "aapl"));
    assert_eq!(aapl.ticker.as_deref(), Some("AAPL"));
    assert_eq!(aapl.format.as_deref(), Some("stooq"));
    assert_eq!(aapl.row_count, Some(10));
    assert_eq!(aapl.columns, ["date", "close"]);
    assert!(aapl.created_at.is_some() && aapl.last_accessed.is_none());
    assert_eq!(
        (aapl.uid.len(), &aapl.metadata),
        (26, &serde_json::json!({}))
    );
    // New ids go on behind the old ones.
    let next = import(&store, &[&fx.source("new.csv", b"n")])
        .imported
        .remove(0);
    assert!(next.id.0 > 9);
    // The old file is kept, untouched, and the new one opens again as ours.
    assert!(
        fs::read_dir(home.join(".redline/quarantine"))
            .unwrap()
            .flatten()
            .any(|e| e.file_name().to_string_lossy().starts_with("predecessor-"))
    );
    drop(store);
    let (store, report) = reopen(&fx);
    assert_eq!(report.migrated, None);
    assert_eq!(names(&store).len(), 4);
}

#[test]
fn a_catalog_from_the_future_is_left_alone() {
    let fx = Fixture::new();
    let store = fx.open();
    store.meta_set("schema_version", "999").unwrap();
    store.release();
    drop(store);
    let bytes = fs::read(fx.home().join("user_data.duckdb")).unwrap();
    assert!(matches!(
        Store::open(fx.root.path(), &Identity::of_key(KEY_A), options()),
        Err(StoreError::TooNew { found: 999, .. })
    ));
    assert_eq!(fs::read(fx.home().join("user_data.duckdb")).unwrap(), bytes);
}

#[test]
fn a_snapshot_restores_into_an_empty_store_with_ids_history_and_hashes() {
    let fx = Fixture::new();
    let store = fx.open();
    let records = import(
        &store,
        &[
            &fx.source("x/a.csv", b"1"),
            &fx.source("x/sub/b.csv", b"22"),
            &fx.source("dropped.csv", b"333"),
        ],
    )
    .imported;
    let dropped = records
        .iter()
        .find(|r| r.filename == "dropped.csv")
        .unwrap();
    store.trash(&[dropped.id]).unwrap();
    let a = records.iter().find(|r| r.filename == "a.csv").unwrap();
    store
        .record_conversion(&NewConversion {
            source: Some(a.id),
            output: None,
            output_format: "parquet".into(),
            output_filename: "a.parquet".into(),
            size_bytes: 9,
            duration_ms: 5,
            details: serde_json::json!({"verdict": "proved"}),
        })
        .unwrap();
    let snap = store
        .snapshot(&fx.outside.path().join("snap.duckdb"))
        .unwrap();
    let files = store.files_for_backup().unwrap();
    assert_eq!(files.len(), 2);

    let other = tempfile::tempdir().unwrap();
    let (fresh, _) =
        Store::create_or_open(other.path(), &Identity::of_key(KEY_A), options()).unwrap();
    let merged = fresh
        .merge_catalog(&snap.path, &MergeChoice::default())
        .unwrap();
    assert_eq!((merged.files.len(), merged.conversions.len()), (2, 1));
    for file in &files {
        let row = fresh.get(file.id).unwrap();
        assert_eq!(
            (row.uid.as_str(), row.status),
            (file.uid.as_str(), Status::Missing)
        );
    }
    let scratch = fresh.scratch_dir().unwrap();
    for (i, file) in files.iter().enumerate() {
        let temp = scratch.path().join(i.to_string());
        fs::copy(&file.path, &temp).unwrap();
        let restored = fresh
            .restore_file(
                &RestoreFile {
                    temp: &temp,
                    relative_path: &file.relative_path,
                    uid: &file.uid,
                    sha256: &file.sha256,
                    size: file.size_bytes,
                    differing: Differing::MoveToTrash,
                    mark: "test",
                },
                &|_| Ok(()),
                &(),
            )
            .unwrap();
        assert_eq!(
            (restored.relative_path, restored.uid, restored.same),
            (file.relative_path.clone(), file.uid.clone(), false)
        );
    }
    assert_eq!(fresh.verify(None, &()).unwrap().ok, 2);
    for file in &files {
        assert_eq!(fresh.get(file.id).unwrap().status, Status::Stored);
    }
    assert_eq!(fresh.conversions(10, 0).unwrap()[0].source, Some(a.id));
    // Twice is once.
    assert_eq!(
        fresh
            .merge_catalog(&snap.path, &MergeChoice::default())
            .unwrap(),
        MergeReport::default()
    );
    // Wrong bytes are refused, and nothing is placed.
    let temp = scratch.path().join("bad");
    fs::write(&temp, "9").unwrap();
    let evil = RestoreFile {
        temp: &temp,
        relative_path: "evil.csv",
        uid: "x",
        sha256: &files[0].sha256,
        size: 1,
        differing: Differing::MoveToTrash,
        mark: "test",
    };
    assert!(matches!(
        fresh.restore_file(&evil, &|_| Ok(()), &()),
        Err(StoreError::Damaged { .. })
    ));
    // Other bytes under the same name: both are kept, in either way.
    let sha = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(b"other"));
    let temp = scratch.path().join("other");
    let differing = RestoreFile {
        temp: &temp,
        relative_path: &files[0].relative_path,
        uid: "another",
        sha256: &sha,
        size: 5,
        differing: Differing::KeepBeside,
        mark: "test",
    };
    fs::write(&temp, "other").unwrap();
    let restored = fresh.restore_file(&differing, &|_| Ok(()), &()).unwrap();
    assert_ne!(restored.relative_path, files[0].relative_path);
    assert_eq!(fresh.verify(None, &()).unwrap().ok, 3);
    fresh.take_back(&restored, "undo").unwrap();
    assert_eq!(fresh.verify(None, &()).unwrap().ok, 2);
    // Another key's catalog is refused.
    let (stranger, _) =
        Store::create_or_open(other.path(), &Identity::of_key(KEY_B), options()).unwrap();
    assert!(matches!(
        stranger.merge_catalog(&snap.path, &MergeChoice::default()),
        Err(StoreError::WrongOwner)
    ));
}

/// A store with a history, and the bytes of one of its entries flipped in the file.
fn with_a_damaged_history(fx: &Fixture) -> Store {
    let store = fx.open();
    let source = import(&store, &[&fx.source("a.csv", b"a\n1\n")]).imported[0].id;
    // Long enough that the catalog keeps them in blocks of their own.
    let entry = |n: u64| {
        let mut text = String::new();
        let mut state = n + 1;
        while text.len() < 20_000 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            text += &format!("{state:016x}");
        }
        text
    };
    for n in 0..60 {
        store
            .record_conversion(&NewConversion {
                source: Some(source),
                output: None,
                output_format: "parquet".into(),
                output_filename: format!("{n}.parquet"),
                size_bytes: 1,
                duration_ms: 1,
                details: serde_json::json!({ "note": entry(n) }),
            })
            .unwrap();
    }
    store.release();
    let catalog = fx.home().join("user_data.duckdb");
    let block: i64 = duckdb::Connection::open(&catalog)
        .unwrap()
        .query_row(
            "SELECT block FROM ( \
                 SELECT column_name = 'metadata' AS its, unnest(list_append(additional_block_ids, block_id)) AS block \
                 FROM pragma_storage_info('converted_files') \
                 UNION ALL SELECT false, unnest(list_append(additional_block_ids, block_id)) \
                 FROM pragma_storage_info('user_files') \
                 UNION ALL SELECT false, unnest(list_append(additional_block_ids, block_id)) \
                 FROM pragma_storage_info('redline_meta')) \
             WHERE block >= 0 GROUP BY block HAVING bool_and(its) ORDER BY block LIMIT 1",
            [],
            |r| r.get(0),
        )
        .unwrap();
    let mut bytes = fs::read(&catalog).unwrap();
    // Three headers of 4 KiB, then blocks of 256.
    bytes[3 * 4096 + block as usize * 262_144 + 5000] ^= 1;
    fs::write(&catalog, bytes).unwrap();
    store
}

#[test]
fn damage_where_nothing_was_read_yet_is_named_and_the_rest_still_answers() {
    let fx = Fixture::new();
    let store = with_a_damaged_history(&fx);
    for _ in 0..2 {
        let error = store.conversions(100, 0).unwrap_err();
        let StoreError::Damaged { what, detail } = &error else {
            panic!("{error:?}")
        };
        assert_eq!(what, "the catalog");
        assert_eq!(detail, "what it takes to read the history cannot be read");
        assert_eq!(names(&store), ["a.csv"]);
    }
    assert_eq!(store.damaged_parts().unwrap(), ["the history"]);
    assert_eq!(store.verify(None, &()).unwrap().ok, 1);
    // The way out that is offered: a new catalog from the files.
    drop(store);
    fs::rename(
        fx.home().join("user_data.duckdb"),
        fx.outside.path().join("damaged.duckdb"),
    )
    .unwrap();
    let (store, _) = reopen(&fx);
    assert_eq!(names(&store), ["a.csv"]);
    assert!(store.damaged_parts().unwrap().is_empty());
}

#[test]
fn a_file_whose_way_back_was_cut_short_is_where_its_bytes_are() {
    let fx = Fixture::new();
    let store = fx.open();
    let old = import(&store, &[&fx.source("a.csv", b"old")])
        .imported
        .remove(0);
    store.trash(&[old.id]).unwrap();
    import(&store, &[&fx.source("a.csv", b"newer")]);
    drop(store);
    // Noted, and renamed; the row did not follow.
    let trash = fx.home().join(".redline/trash");
    let sidecar = trash.join(format!("{}.json", old.uid));
    let mut row: serde_json::Value = serde_json::from_slice(&fs::read(&sidecar).unwrap()).unwrap();
    row["relative_path"] = "a (2).csv".into();
    fs::write(&sidecar, row.to_string()).unwrap();
    fs::rename(trash.join(&old.uid), fx.home().join("files/a (2).csv")).unwrap();
    let (store, report) = reopen(&fx);
    let swept = report.reconciled.unwrap();
    assert_eq!((swept.trash_recovered, swept.adopted), (1, 0));
    assert_eq!(names(&store), ["a (2).csv", "a.csv"]);
    let back = store.get(old.id).unwrap();
    assert_eq!((back.status, back.uid), (Status::Stored, old.uid));
    assert_eq!(store.verify(None, &()).unwrap().ok, 2);
    assert!(store.reconcile(&()).unwrap().is_quiet());
}

/// Not a test by itself: the other process of the one below.
#[cfg(target_os = "linux")]
#[test]
fn holds_a_catalog_where_it_is_told_to() {
    let Ok(path) = std::env::var("REDLINE_TEST_HOLD") else {
        return;
    };
    let file = fs::File::options()
        .read(true)
        .write(true)
        .open(path)
        .unwrap();
    rustix::fs::fcntl_lock(&file, rustix::fs::FlockOperation::LockExclusive).unwrap();
    println!("held");
    std::thread::sleep(std::time::Duration::from_millis(700));
}

/// A person's own Python has DuckDB's lock and knows nothing of our lease.
#[cfg(target_os = "linux")]
#[test]
fn another_program_that_has_the_catalog_is_waited_for() {
    use std::io::BufRead;
    let fx = Fixture::new();
    let store = fx.open();
    store.release();
    let mut other = std::process::Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "holds_a_catalog_where_it_is_told_to",
            "--nocapture",
        ])
        .env("REDLINE_TEST_HOLD", fx.home().join("user_data.duckdb"))
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let said = std::io::BufReader::new(other.stdout.take().unwrap());
    let mut lines = said.lines().map_while(Result::ok);
    lines
        .find(|line| line.contains("held"))
        .expect("it has the lock");
    assert_eq!(names(&store), Vec::<String>::new());
    assert_eq!(lines.filter(|line| line.contains("FAILED")).count(), 0);
    assert!(other.wait().unwrap().success());
}

#[test]
fn a_merge_into_a_store_that_was_opened_again_gives_no_id_twice() {
    let fx = Fixture::new();
    let store = fx.open();
    for name in ["a.csv", "b.csv", "c.csv", "d.csv"] {
        import(&store, &[&fx.source(name, name.as_bytes())]);
    }
    let snap = store
        .snapshot(&fx.outside.path().join("snap.duckdb"))
        .unwrap();

    let other = tempfile::tempdir().unwrap();
    let open = || {
        Store::create_or_open(other.path(), &Identity::of_key(KEY_A), options())
            .unwrap()
            .0
    };
    import(&open(), &[&fx.source("own.csv", b"mine")]);
    // The engine counts on from what it reads of the file.
    let store = open();
    store
        .merge_catalog(&snap.path, &MergeChoice::default())
        .unwrap();
    import(&store, &[&fx.source("next.csv", b"next")]);
    let mut ids: Vec<i64> = store
        .list(&ListQuery::default())
        .unwrap()
        .files
        .iter()
        .map(|file| file.id.0)
        .collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 6, "{ids:?}");
}
