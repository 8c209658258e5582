//! Shared by the tests of the store: a fresh root, a key, a sink that remembers.
#![allow(dead_code)] // each test file uses a part

use redline_store::*;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub const KEY_A: &str = "RL-AAAAAAAA-AAAAAAAA-AAAAAAAA";
pub const KEY_B: &str = "RL-BBBBBBBB-BBBBBBBB-BBBBBBBB";

pub struct Fixture {
    pub root: tempfile::TempDir,
    pub outside: tempfile::TempDir,
}

impl Default for Fixture {
    fn default() -> Self {
        Self::new()
    }
}

impl Fixture {
    pub fn new() -> Self {
        Self {
            root: tempfile::tempdir().unwrap(),
            outside: tempfile::tempdir().unwrap(),
        }
    }

    pub fn open(&self) -> Store {
        self.open_as(KEY_A).0
    }

    pub fn open_as(&self, key: &str) -> (Store, OpenReport) {
        Store::create_or_open(self.root.path(), &Identity::of_key(key), options()).unwrap()
    }

    /// The folder of key A's store.
    pub fn home(&self) -> PathBuf {
        self.root
            .path()
            .join("users")
            .join(Identity::of_key(KEY_A).folder_name())
    }

    pub fn source(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.outside.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    }
}

pub fn options() -> StoreOptions {
    StoreOptions {
        busy_wait: Duration::from_secs(5),
        holder: "test".into(),
        classify: |head, name| Classified {
            file_type: if name.ends_with(".csv") {
                "csv"
            } else {
                "other"
            },
            format: if head.starts_with(b"PAR1") {
                "parquet"
            } else {
                "other"
            },
        },
        ..StoreOptions::default()
    }
}

impl Sink {
    /// The stored file of this name; two workers store in no fixed order.
    pub fn named(&self, filename: &str) -> FileRecord {
        self.imported
            .iter()
            .find(|r| r.filename == filename)
            .unwrap()
            .clone()
    }
}

#[derive(Default)]
pub struct Sink {
    pub imported: Vec<FileRecord>,
    pub skipped: Vec<SkippedSource>,
    pub failed: Vec<FailedSource>,
}

impl ImportSink for Sink {
    fn imported(&mut self, record: FileRecord) {
        self.imported.push(record);
    }
    fn skipped(&mut self, skipped: SkippedSource) {
        self.skipped.push(skipped);
    }
    fn failed(&mut self, failed: FailedSource) {
        self.failed.push(failed);
    }
}

pub fn import(store: &Store, paths: &[&Path]) -> Sink {
    import_with(store, paths, ImportOptions::default())
}

pub fn import_with(store: &Store, paths: &[&Path], options: ImportOptions) -> Sink {
    let mut sink = Sink::default();
    let sources = paths
        .iter()
        .map(|p| ImportSource {
            path: p.to_path_buf(),
            token: None,
        })
        .collect();
    let summary = store.import(sources, &options, &mut sink, &()).unwrap();
    assert_eq!(summary.imported as usize, sink.imported.len());
    assert_eq!(summary.skipped as usize, sink.skipped.len());
    assert_eq!(summary.failed as usize, sink.failed.len());
    sink
}

pub fn names(store: &Store) -> Vec<String> {
    let page = store
        .list(&ListQuery {
            sort: Sort::Name,
            limit: Some(1000),
            ..ListQuery::default()
        })
        .unwrap();
    assert_eq!(page.total as usize, page.files.len());
    page.files.into_iter().map(|f| f.relative_path).collect()
}

/// Nothing may be left over: no partial, no journal once the catalog is closed.
pub fn assert_tidy(fixture: &Fixture, store: &Store) {
    store.release();
    let private = fixture.home().join(".redline");
    let left = |dir: &str| -> Vec<String> {
        fs::read_dir(private.join(dir))
            .unwrap()
            .flatten()
            .map(|e| e.file_name().to_string_lossy().into_owned())
            .filter(|n| !n.starts_with('.') && n != "audit.log")
            .collect()
    };
    assert_eq!(left("partial"), Vec::<String>::new());
    assert_eq!(left("journal"), Vec::<String>::new());
}
