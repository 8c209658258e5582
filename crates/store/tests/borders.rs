//! What may not come in or go out, under which names, and what is told on the way.

mod common;

use common::*;
use redline_store::*;
use std::fs;
use std::path::Path;

#[test]
fn what_is_part_of_a_store_is_not_brought_in_by_path() {
    let fx = Fixture::new();
    let (other, _) = fx.open_as(KEY_B);
    import(&other, &[&fx.source("theirs.csv", b"theirs")]);
    let store = fx.open();
    import(&store, &[&fx.source("mine.csv", b"mine")]);
    let users = fx.home().parent().unwrap().to_owned();
    let theirs = users.join(Identity::of_key(KEY_B).folder_name());
    let link = fx.outside.path().join("shortcut.duckdb");
    let mut refused = vec![
        fx.home(),
        users.clone(),
        fx.home().join("user_data.duckdb"),
        fx.home().join("files/mine.csv"),
        theirs.join("user_data.duckdb"),
        theirs.join("files/theirs.csv"),
    ];
    #[cfg(unix)]
    {
        // Another name for the same file: closing it would drop DuckDB's lock as well.
        let hard = fx.outside.path().join("hard.duckdb");
        fs::hard_link(fx.home().join("user_data.duckdb"), &hard).unwrap();
        std::os::unix::fs::symlink(fx.home().join("user_data.duckdb"), &link).unwrap();
        refused.extend([hard, link]);
    }
    let paths: Vec<&Path> = refused.iter().map(|p| p.as_path()).collect();
    let keep = ImportOptions {
        on_duplicate: OnDuplicate::Keep,
    };
    let sink = import_with(&store, &paths, keep);
    assert_eq!(sink.failed.len(), refused.len(), "{:?}", sink.imported);
    for failed in &sink.failed {
        assert!(
            matches!(failed.error, StoreError::PartOfAStore { .. }),
            "{failed:?}"
        );
    }
    // A folder that holds the stores is brought in without them.
    fs::write(fx.root.path().join("beside.csv"), "beside").unwrap();
    let sink = import(&store, &[fx.root.path()]);
    assert_eq!(sink.imported.len(), 1, "{:?}", sink.imported);
    assert_eq!(sink.imported[0].filename, "beside.csv");
}

#[test]
fn a_copy_is_saved_into_a_folder_that_is_there_and_no_stores() {
    let fx = Fixture::new();
    let store = fx.open();
    let id = import(&store, &[&fx.source("a.csv", b"1")]).imported[0].id;
    for nowhere in ["none/a.csv", "none/", "a.csv/copy.csv"] {
        let error = store
            .export(id, &fx.outside.path().join(nowhere), &())
            .unwrap_err();
        assert!(
            matches!(&error, StoreError::NoFolder { name } if name == "none" || name == "a.csv"),
            "{nowhere}: {error:?}"
        );
    }
    for own in ["files/copy.csv", "user_data.duckdb.wal", ".redline/trash"] {
        store.release();
        let error = store.export(id, &fx.home().join(own), &()).unwrap_err();
        assert!(
            matches!(error, StoreError::PartOfAStore { .. }),
            "{own}: {error:?}"
        );
    }
    assert_eq!(names(&store), ["a.csv"]);
}

/// A folder that goes away under an import, as when another process deletes the store.
struct Deleting<'a>(&'a Path);

impl Progress for Deleting<'_> {
    fn phase(&self, _: &str) {}
    fn set_total(&self, _: Option<u64>, _: Option<u64>) {}
    fn is_cancelled(&self) -> bool {
        false
    }
    fn advance(&self, _: u64, _: u64) {
        let _ = fs::remove_dir_all(self.0);
    }
}

#[test]
fn a_store_that_was_deleted_meanwhile_is_said_to_be_gone() {
    let fx = Fixture::new();
    let store = fx.open();
    let home = fx.home();
    for i in 0..20 {
        fx.source(&format!("many/{i}.csv"), b"x");
    }
    let source = ImportSource {
        path: fx.outside.path().join("many"),
        token: None,
    };
    let mut sink = Sink::default();
    let ended = store.import(
        vec![source],
        &ImportOptions::default(),
        &mut sink,
        &Deleting(&home),
    );
    assert!(matches!(ended, Err(StoreError::Gone)), "{ended:?}");
    assert!(sink.imported.is_empty() && sink.failed.len() < 20);
    store.release();
    assert!(matches!(
        store.list(&ListQuery::default()),
        Err(StoreError::Gone)
    ));
    let stream = store.import_stream("a.csv", &mut &b"1"[..], &ImportOptions::default(), &());
    assert!(matches!(stream, Err(StoreError::Gone)), "{stream:?}");
}

#[test]
fn names_that_windows_forbids_are_replaced_where_a_file_is_brought_in() {
    let fx = Fixture::new();
    let store = fx.open();
    let raw = "10:30 <why?>.csv";
    let record = import(&store, &[&fx.source(raw, b"1")]).imported.remove(0);
    assert_eq!(
        (&*record.filename, &*record.original_filename),
        ("10_30 _why__.csv", raw)
    );
    // What somebody put into the store by hand keeps its name.
    fs::write(fx.home().join("files").join(raw), "2").unwrap();
    assert_eq!(store.reconcile(&()).unwrap().adopted, 1);
    assert_eq!(names(&store), [raw, "10_30 _why__.csv"]);
}

#[test]
fn every_batch_ends_with_a_word() {
    #[derive(Default)]
    struct Batches(Vec<usize>, usize);
    impl ImportSink for Batches {
        fn imported(&mut self, _: FileRecord) {
            self.1 += 1;
        }
        fn skipped(&mut self, _: SkippedSource) {}
        fn failed(&mut self, _: FailedSource) {}
        fn batch_told(&mut self) {
            self.0.push(self.1);
        }
    }
    let fx = Fixture::new();
    let store = fx.open();
    for i in 0..4100 {
        fx.source(&format!("many/{i}.csv"), format!("{i}").as_bytes());
    }
    let source = ImportSource {
        path: fx.outside.path().join("many"),
        token: None,
    };
    let mut told = Batches::default();
    store
        .import(vec![source], &ImportOptions::default(), &mut told, &())
        .unwrap();
    assert!(told.0.len() >= 2, "{:?}", told.0);
    assert_eq!(told.0.last(), Some(&4100));
}

#[cfg(unix)]
#[test]
fn a_socket_is_called_one_and_folders_are_their_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let fx = Fixture::new();
    let store = fx.open();
    let path = fx.outside.path().join("socket");
    let _socket = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let sink = import(&store, &[&path]);
    assert!(
        matches!(&sink.failed[0].error, StoreError::NotAFile { kind, .. } if *kind == "a socket"),
        "{:?}",
        sink.failed
    );
    for folder in [fx.home().parent().unwrap(), &fx.home()] {
        assert_eq!(
            fs::metadata(folder).unwrap().permissions().mode() & 0o777,
            0o700
        );
    }
}

#[test]
fn a_type_that_was_given_is_kept() {
    let fx = Fixture::new();
    let store = fx.open();
    let record = import(&store, &[&fx.source("a.bin", b"1")])
        .imported
        .remove(0);
    let typed = store.set_file_type(record.id, "ticks").unwrap();
    assert_eq!((&*typed.file_type, &*typed.format), ("ticks", "other"));
    assert_eq!(store.get(record.id).unwrap(), typed);
    assert!(matches!(
        store.set_file_type(FileId(999), "csv"),
        Err(StoreError::NotFound)
    ));
}

#[test]
fn a_page_may_be_asked_for_beyond_any_number() {
    let fx = Fixture::new();
    let store = fx.open();
    store
        .record_conversion(&NewConversion {
            source: None,
            output: None,
            output_format: "csv".into(),
            output_filename: "a.csv".into(),
            size_bytes: 1,
            duration_ms: 1,
            details: serde_json::json!({}),
        })
        .unwrap();
    import(&store, &[&fx.source("a.csv", b"1")]);
    assert_eq!(store.conversions(u64::MAX, 0).unwrap().len(), 1);
    assert!(store.conversions(1, u64::MAX).unwrap().is_empty());
    let page = |limit, offset| {
        let query = ListQuery {
            limit: Some(limit),
            offset,
            ..ListQuery::default()
        };
        store.list(&query).unwrap().files.len()
    };
    assert_eq!((page(u64::MAX, 0), page(1, u64::MAX)), (1, 0));
}
