//! A big store's list is read from a copy of the catalog's rows. It must say what
//! the catalog says, whatever is asked, and whatever becomes of the copy.

mod common;

use common::*;
use redline_store::*;
use std::fs;
use std::ops::ControlFlow;

/// Opens key A's store so that it always keeps a listing, or never.
fn open(fixture: &Fixture, listing: bool) -> Store {
    let options = StoreOptions {
        listing_from: if listing { 0 } else { u64::MAX },
        ..options()
    };
    Store::create_or_open(fixture.root.path(), &Identity::of_key(KEY_A), options)
        .unwrap()
        .0
}

fn fill(fixture: &Fixture, files: usize) {
    for i in 0..files {
        let word = ["Prices", "orders", "Ümlaut", "🚀 start"][i % 4];
        let ending = ["csv", "json", "txt"][i % 3];
        let folder = ["", "a/", "b/c/"][i % 3];
        fixture.source(
            &format!("in/{folder}{word} {}.{ending}", (i * 7919) % 100),
            &vec![b'x'; (i * 31) % 50],
        );
    }
    let store = open(fixture, false);
    import(&store, &[&fixture.outside.path().join("in")]);
    let some: Vec<FileId> = store
        .list(&ListQuery::default())
        .unwrap()
        .files
        .iter()
        .step_by(9)
        .map(|f| f.id)
        .collect();
    store.trash(&some).unwrap();
}

fn listing_file(fixture: &Fixture) -> std::path::PathBuf {
    fixture.home().join(".redline/cache/listing")
}

fn queries(some_id: FileId) -> Vec<ListQuery> {
    let mut queries = Vec::new();
    for search in [
        None,
        Some("prices"),
        Some("CSV 7"),
        Some("ü"),
        Some("🚀"),
        Some("b/c"),
        Some("none such"),
    ] {
        for file_type in [None, Some("csv"), Some("json"), Some("parquet")] {
            for sort in [Sort::Added, Sort::Name, Sort::Size, Sort::Type] {
                for reverse in [false, true] {
                    for (offset, limit) in [
                        (0, None),
                        (3, Some(5)),
                        (40, Some(1000)),
                        (5000, Some(2)),
                        (0, Some(0)),
                    ] {
                        queries.push(ListQuery {
                            search: search.map(str::to_owned),
                            file_type: file_type.map(str::to_owned),
                            sort,
                            reverse,
                            offset,
                            limit,
                            ..ListQuery::default()
                        });
                    }
                }
            }
            for reverse in [false, true] {
                queries.push(ListQuery {
                    search: search.map(str::to_owned),
                    after: Some(some_id),
                    reverse,
                    limit: Some(7),
                    ..ListQuery::default()
                });
            }
        }
    }
    queries
}

/// Every file of the store, as whoever asks for all of them is told.
fn told(store: &Store) -> Vec<FileRecord> {
    let mut told = Vec::new();
    store
        .for_each(&ListQuery::default(), &mut |file| {
            told.push(file);
            ControlFlow::Continue(())
        })
        .unwrap();
    told
}

fn rows(page: &Page) -> (Vec<FileRecord>, u64) {
    (page.files.clone(), page.total)
}

#[test]
fn it_says_what_the_catalog_says() {
    let fixture = Fixture::new();
    fill(&fixture, 90);
    let catalog = open(&fixture, false);
    let all = catalog.list(&ListQuery::default()).unwrap();
    let queries = queries(all.files[all.files.len() / 2].id);
    let expected: Vec<_> = queries
        .iter()
        .map(|q| rows(&catalog.list(q).unwrap()))
        .collect();
    let mut told = Vec::new();
    let by_size = ListQuery {
        sort: Sort::Size,
        reverse: true,
        ..ListQuery::default()
    };
    catalog
        .for_each(&by_size, &mut |f| {
            told.push(f);
            ControlFlow::Continue(())
        })
        .unwrap();
    drop(catalog);

    let store = open(&fixture, true);
    store.list(&ListQuery::default()).unwrap();
    store.finish();
    assert!(listing_file(&fixture).exists());
    assert!(!listing_file(&fixture).with_extension("partial").exists());
    for (query, expected) in queries.iter().zip(&expected) {
        assert_eq!(&rows(&store.list(query).unwrap()), expected, "{query:?}");
    }
    let mut listed = Vec::new();
    store
        .for_each(&by_size, &mut |f| {
            listed.push(f);
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(listed, told);
}

#[cfg(unix)]
#[test]
fn a_change_shows_at_once_and_the_next_process_finds_it_made() {
    let fixture = Fixture::new();
    fill(&fixture, 30);
    let store = open(&fixture, true);
    let before = store.list(&ListQuery::default()).unwrap();
    store.finish();
    store.trash(&[before.files[0].id]).unwrap();
    let after = store.list(&ListQuery::default()).unwrap();
    assert_eq!(after.total, before.total - 1);
    assert_ne!(after.version, before.version);
    store.finish();
    // Closing writes the log into the catalog: other bytes, the same rows.
    store.release();
    let made = which(&listing_file(&fixture));
    drop(store);

    let next = open(&fixture, true);
    assert_eq!(next.list(&ListQuery::default()).unwrap().files, after.files);
    next.finish();
    assert_eq!(which(&listing_file(&fixture)), made);

    // The end of a store is a close, too.
    next.trash(&[after.files[0].id]).unwrap();
    next.list(&ListQuery::default()).unwrap();
    next.finish();
    let made = which(&listing_file(&fixture));
    drop(next);
    let last = open(&fixture, true);
    last.list(&ListQuery::default()).unwrap();
    last.finish();
    assert_eq!(which(&listing_file(&fixture)), made);
}

/// Tells a file from another that took its name.
#[cfg(unix)]
fn which(path: &std::path::Path) -> u64 {
    std::os::unix::fs::MetadataExt::ino(&fs::metadata(path).unwrap())
}

#[test]
fn another_programs_change_is_seen() {
    let fixture = Fixture::new();
    fill(&fixture, 30);
    let store = open(&fixture, true);
    let before = store.list(&ListQuery::default()).unwrap();
    store.finish();
    store.release();
    {
        let foreign = duckdb::Connection::open(fixture.home().join("user_data.duckdb")).unwrap();
        foreign
            .execute_batch("DELETE FROM user_files WHERE id % 2 = 0")
            .unwrap();
    }
    let after = store.list(&ListQuery::default()).unwrap();
    assert!(after.total < before.total);
}

#[test]
fn a_damaged_one_is_never_believed() {
    let fixture = Fixture::new();
    fill(&fixture, 40);
    let store = open(&fixture, true);
    let right = store.list(&ListQuery::default()).unwrap();
    let by_name = ListQuery {
        sort: Sort::Name,
        ..ListQuery::default()
    };
    let search = ListQuery {
        search: Some("1".into()),
        file_type: Some("csv".into()),
        ..ListQuery::default()
    };
    let by_name_right = store.list(&by_name).unwrap().files;
    let search_right = store.list(&search).unwrap().files;
    store.finish();
    drop(store);
    let whole = fs::read(listing_file(&fixture)).unwrap();
    for at in (0..whole.len()).step_by(151) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x55;
        fs::write(listing_file(&fixture), &bytes).unwrap();
        let store = open(&fixture, true);
        assert_eq!(told(&store), right.files, "byte {at}");
        fs::write(listing_file(&fixture), &bytes).unwrap();
        drop(store);
        let store = open(&fixture, true);
        assert_eq!(
            store.list(&by_name).unwrap().files,
            by_name_right,
            "byte {at}"
        );
        assert_eq!(
            store.list(&search).unwrap().files,
            search_right,
            "byte {at}"
        );
        store.finish();
    }
    for length in [0, 1, 127, 128, whole.len() / 2, whole.len() - 1] {
        fs::write(listing_file(&fixture), &whole[..length]).unwrap();
        let store = open(&fixture, true);
        assert_eq!(
            store.list(&ListQuery::default()).unwrap().files,
            right.files
        );
        store.finish();
    }
}

#[cfg(unix)]
#[test]
fn where_it_cannot_be_written_the_catalog_answers() {
    let fixture = Fixture::new();
    fill(&fixture, 20);
    let elsewhere = fixture.outside.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    let _ = fs::remove_dir_all(fixture.home().join(".redline/cache"));
    std::os::unix::fs::symlink(&elsewhere, fixture.home().join(".redline/cache")).unwrap();
    let store = open(&fixture, true);
    assert!(store.list(&ListQuery::default()).unwrap().total > 0);
    store.finish();
    // A link that somebody planted leads nothing out of the store.
    assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 0);
}
