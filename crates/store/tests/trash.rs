//! Deleting, and the way back.

mod common;

use common::*;
use redline_store::*;
use std::fs;

#[test]
fn deleting_has_a_way_back() {
    let fx = Fixture::new();
    let store = fx.open();
    let a = import(&store, &[&fx.source("f/a.csv", b"first")])
        .imported
        .remove(0);
    let trashed = store.trash(&[a.id]).unwrap();
    assert_eq!(trashed[0].status, Status::Trashed);
    assert!(trashed[0].metadata["deleted_at"].is_string());
    assert!(names(&store).is_empty());
    assert!(!fx.home().join("files/a.csv").exists());
    assert!(matches!(store.open_file(a.id), Err(StoreError::NotFound)));
    assert!(matches!(store.trash(&[a.id]), Err(StoreError::NotFound)));
    // The name was taken meanwhile.
    import(&store, &[&fx.source("a.csv", b"second")]);
    let back = store.untrash(&[a.id]).unwrap();
    assert_eq!(back[0].filename, "a (2).csv");
    assert_eq!(back[0].metadata.get("deleted_at"), None);
    assert_eq!(fs::read(store.path_of(a.id).unwrap()).unwrap(), b"first");
    store.trash(&[a.id]).unwrap();
    let page = store
        .list(&ListQuery {
            trash: true,
            ..ListQuery::default()
        })
        .unwrap();
    assert_eq!(page.total, 1);
    assert_eq!(store.empty_trash().unwrap(), Emptied { files: 1, bytes: 5 });
    assert!(matches!(store.get(a.id), Err(StoreError::NotFound)));
    assert_eq!(
        fs::read_dir(fx.home().join(".redline/trash"))
            .unwrap()
            .count(),
        0
    );
    assert_tidy(&fx, &store);
}

#[test]
fn one_foreign_id_stops_a_delete_before_it_starts() {
    let fx = Fixture::new();
    let store = fx.open();
    let a = import(&store, &[&fx.source("a.csv", b"1")])
        .imported
        .remove(0);
    assert!(matches!(
        store.trash(&[a.id, FileId(999)]),
        Err(StoreError::NotFound)
    ));
    assert_eq!(store.get(a.id).unwrap().status, Status::Stored);
    assert!(store.path_of(a.id).unwrap().exists());
}

/// Where a disk takes two names for one, what lies under the name of a file that is in the
/// bucket only is another's. A hard link makes it so here.
#[cfg(target_os = "linux")]
#[test]
fn deleting_what_is_in_the_bucket_only_moves_no_other_files_bytes() {
    let fx = Fixture::new();
    let store = fx.open();
    let ours = import(&store, &[&fx.source("data.csv", b"ours")])
        .imported
        .remove(0);
    let files = fx.home().join("files");
    // As another device had it, beside ours.
    fs::write(files.join("DATA.csv"), b"theirs").unwrap();
    store.reconcile(&()).unwrap();
    assert_eq!(names(&store).len(), 2, "{:?}", names(&store));
    let listed = store.list(&ListQuery::default()).unwrap().files;
    let theirs = listed.into_iter().find(|f| f.id != ours.id).unwrap();
    store.give_up_bytes(theirs.id, &theirs.sha256).unwrap();
    fs::hard_link(files.join("data.csv"), files.join("DATA.csv")).unwrap();

    let trashed = store.trash(&[theirs.id]).unwrap();
    assert_eq!(trashed[0].status, Status::Trashed);
    for name in ["data.csv", "DATA.csv"] {
        assert_eq!(fs::read(files.join(name)).unwrap(), b"ours", "{name}");
    }
    assert_eq!(store.get(ours.id).unwrap(), ours);
    let in_trash = fx.home().join(".redline/trash").join(&theirs.uid);
    assert!(!in_trash.exists());
    // Nor do they come with it when it comes back, or go with it for good.
    let back = store.untrash(&[theirs.id]).unwrap();
    assert_eq!(back[0].status, Status::CloudOnly);
    store.trash(&[theirs.id]).unwrap();
    assert_eq!(store.empty_trash().unwrap().files, 1);
    assert_eq!(fs::read(store.path_of(ours.id).unwrap()).unwrap(), b"ours");
}
