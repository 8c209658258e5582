//! What a look through the files notices, and what it goes by.

mod common;

use common::*;
use redline_store::*;
use std::fs::{self, File, FileTimes};
use std::path::Path;

/// Writes other bytes of the same length and puts the time back, as some tools do.
#[cfg(unix)]
fn edit_behind_its_back(path: &Path, bytes: &[u8]) {
    let before = fs::metadata(path).unwrap();
    assert_eq!(before.len(), bytes.len() as u64);
    fs::write(path, bytes).unwrap();
    put_back(path, &before);
}

fn put_back(path: &Path, before: &fs::Metadata) {
    let times = FileTimes::new().set_modified(before.modified().unwrap());
    let file = File::options().write(true).open(path).unwrap();
    file.set_times(times).unwrap();
}

fn with_two_files(fx: &Fixture) -> (Store, FileRecord) {
    let store = fx.open();
    let a = import(
        &store,
        &[&fx.source("a.csv", b"one"), &fx.source("b.csv", b"two")],
    )
    .named("a.csv");
    assert!(store.reconcile(&()).unwrap().is_quiet());
    (store, a)
}

#[cfg(unix)]
#[test]
fn other_bytes_under_the_same_size_and_time_are_found() {
    let fx = Fixture::new();
    let (store, a) = with_two_files(&fx);
    let path = fx.home().join("files/a.csv");
    edit_behind_its_back(&path, b"ONE");
    assert_eq!(store.reconcile(&()).unwrap().edited, 1);
    assert_ne!(store.get(a.id).unwrap().sha256, a.sha256);
    assert!(store.reconcile(&()).unwrap().is_quiet());

    // A file that took its place, as editors and synchronisers write.
    let before = fs::metadata(&path).unwrap();
    let beside = fx.home().join("files/.a.csv.new");
    fs::write(&beside, "EIN").unwrap();
    put_back(&beside, &before);
    fs::rename(&beside, &path).unwrap();
    assert_eq!(store.reconcile(&()).unwrap().edited, 1);
}

/// Writes to a file while it is being read, which makes it unreadable for now.
#[cfg(unix)]
struct Meddling<'a>(&'a Path);

#[cfg(unix)]
impl Progress for Meddling<'_> {
    fn phase(&self, _: &str) {}
    fn set_total(&self, _: Option<u64>, _: Option<u64>) {}
    fn advance(&self, bytes: u64, _: u64) {
        if bytes > 0 {
            let file = File::options().write(true).open(self.0).unwrap();
            file.set_times(FileTimes::new().set_modified(std::time::UNIX_EPOCH))
                .unwrap();
        }
    }
    fn is_cancelled(&self) -> bool {
        false
    }
}

#[cfg(unix)]
#[test]
fn what_could_not_be_read_differs_at_the_next_look_as_well() {
    let fx = Fixture::new();
    let (store, _) = with_two_files(&fx);
    let path = fx.home().join("files/a.csv");
    let before = fs::metadata(&path).unwrap();
    edit_behind_its_back(&path, b"ONE");
    let report = store.reconcile(&Meddling(&path)).unwrap();
    assert_eq!((report.unreadable, report.edited), (1, 0));
    put_back(&path, &before);
    assert_eq!(store.reconcile(&()).unwrap().edited, 1);
}

#[cfg(unix)]
#[test]
fn in_the_next_process_too() {
    let fx = Fixture::new();
    drop(with_two_files(&fx));
    edit_behind_its_back(&fx.home().join("files/b.csv"), b"TWO");
    let (_store, report) = fx.open_as(KEY_A);
    assert_eq!(report.reconciled.unwrap().edited, 1);
}

#[cfg(unix)]
#[test]
fn another_mode_is_no_edit() {
    use std::os::unix::fs::PermissionsExt;
    let fx = Fixture::new();
    let (store, a) = with_two_files(&fx);
    let path = fx.home().join("files/a.csv");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    assert!(store.reconcile(&()).unwrap().is_quiet());
    assert_eq!(store.get(a.id).unwrap(), a);
}

#[test]
fn nothing_is_told_without_the_last_look_but_what_the_catalog_knows() {
    let fx = Fixture::new();
    let (store, _) = with_two_files(&fx);
    let seen = fx.home().join(".redline/cache/seen");
    for damage in [None, Some("not what was kept")] {
        match damage {
            None => fs::remove_file(&seen).unwrap(),
            Some(text) => fs::write(&seen, text).unwrap(),
        }
        assert!(store.reconcile(&()).unwrap().is_quiet());
        assert!(fs::read(&seen).unwrap().starts_with(b"RLSEEN"));
    }
    fs::write(fx.home().join("files/a.csv"), "longer").unwrap();
    fs::remove_file(&seen).unwrap();
    assert_eq!(store.reconcile(&()).unwrap().edited, 1);
}

#[test]
fn very_many_that_are_gone_are_marked_at_once_and_come_back() {
    let fx = Fixture::new();
    let folder = fx.outside.path().join("many");
    fs::create_dir(&folder).unwrap();
    for n in 0..300 {
        fs::write(folder.join(format!("{n}.csv")), n.to_string()).unwrap();
    }
    let store = fx.open();
    import(&store, &[&folder]);
    let (files, away) = (fx.home().join("files"), fx.home().join("away"));
    fs::rename(&files, &away).unwrap();
    fs::create_dir(&files).unwrap();
    assert_eq!(store.reconcile(&()).unwrap().missing, 300);
    assert_eq!(store.files_for_backup().unwrap().len(), 300);
    fs::remove_dir(&files).unwrap();
    fs::rename(&away, &files).unwrap();
    let back = store.reconcile(&()).unwrap();
    assert_eq!((back.returned, back.edited, back.adopted), (300, 0, 0));
}

#[test]
fn a_mark_is_the_catalogs_state_in_every_process() {
    let fx = Fixture::new();
    let (store, a) = with_two_files(&fx);
    let mark = store.mark().unwrap();
    assert_eq!(store.mark().unwrap(), mark);
    store.list(&ListQuery::default()).unwrap();
    assert_eq!(store.mark().unwrap(), mark, "reading changes nothing");
    drop(store);
    let (store, _) = fx.open_as(KEY_A);
    assert_eq!(store.mark().unwrap(), mark, "nor does opening");
    store.trash(&[a.id]).unwrap();
    let after = store.mark().unwrap();
    assert_ne!(after, mark);
    drop(store);
    assert_eq!(fx.open().mark().unwrap(), after, "nor does closing");
}
