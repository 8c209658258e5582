//! A restore that was cut off between two of its renames, taken back.

mod common;

use common::*;
use redline_store::*;
use std::fs;
use std::io;

const RESTORE: &str = "the restore";

/// A store with one local file, and what a restore of other bytes under its name was about
/// to do when it was cut off; nothing of it is done.
fn cut_off(fx: &Fixture, same_file: bool) -> (FileRecord, Restored) {
    let store = fx.open();
    let local = import(&store, &[&fx.source("a.csv", b"local")]).named("a.csv");
    let scratch = store.scratch_dir().unwrap();
    let temp = scratch.path().join("bytes");
    fs::write(&temp, "restored").unwrap();
    let told = std::cell::RefCell::new(Vec::new());
    let file = RestoreFile {
        temp: &temp,
        relative_path: "a.csv",
        uid: if same_file { &local.uid } else { "another" },
        sha256: &hex::encode(<sha2::Sha256 as sha2::Digest>::digest(b"restored")),
        size: 8,
        differing: Differing::MoveToTrash,
        mark: RESTORE,
    };
    let intend = |meant: &[Restored]| {
        told.borrow_mut().extend_from_slice(meant);
        Err(io::Error::other("cut off"))
    };
    assert!(store.restore_file(&file, &intend, &()).is_err());
    assert_eq!(fs::read(fx.home().join("files/a.csv")).unwrap(), b"local");
    let told = told.into_inner();
    assert_eq!(told.len(), 1, "before the first rename, and no further");
    (local, told.into_iter().next().unwrap())
}

/// What the first rename of a restore leaves, with the note that precedes it.
fn make_room(fx: &Fixture, local: &FileRecord, meant: &Restored) {
    let mut aside = local.clone();
    aside.uid = meant.replaced.clone().expect("local bytes make room");
    aside.status = Status::Trashed;
    aside.metadata = serde_json::json!({ "replaced_by_restore": RESTORE });
    let trash = fx.home().join(".redline/trash");
    let note = serde_json::to_vec(&aside).unwrap();
    fs::write(trash.join(format!("{}.json", aside.uid)), note).unwrap();
    fs::rename(fx.home().join("files/a.csv"), trash.join(&aside.uid)).unwrap();
}

#[test]
fn wherever_it_was_cut_off_the_local_file_is_back() {
    for same_file in [false, true] {
        for renames in 0..=2 {
            let when = format!("same file {same_file}, {renames} renames");
            let fx = Fixture::new();
            let (local, meant) = cut_off(&fx, same_file);
            if renames > 0 {
                make_room(&fx, &local, &meant);
            }
            let place = fx.home().join("files/a.csv");
            if renames > 1 {
                fs::write(&place, "restored").unwrap();
            }
            let store = fx.open();
            store.reconcile(&()).unwrap();
            let there = store.take_back_unfinished(&meant, RESTORE, "undo").unwrap();
            assert_eq!(there, renames > 0, "{when}");
            assert_eq!(fs::read(&place).unwrap(), b"local", "{when}");
            let now = store.get(local.id).unwrap();
            assert_eq!(
                (&now.uid, &now.sha256, now.status),
                (&local.uid, &local.sha256, Status::Stored),
                "{when}"
            );
            // What the look before took for an edit is told once, though it is undone.
            let verified = store.verify(None, &()).unwrap();
            let (ok, told) = (verified.ok, verified.changed.len() as u64);
            assert_eq!(ok + told, 1, "{when}: {verified:?}");
            assert_eq!(store.verify(None, &()).unwrap().ok, 1, "{when}");
            // Twice is once.
            let again = store.take_back_unfinished(&meant, RESTORE, "undo").unwrap();
            assert!(!again, "{when}");
        }
    }
}

#[test]
fn what_a_person_put_in_its_place_stays() {
    for same_file in [false, true] {
        let fx = Fixture::new();
        let (local, meant) = cut_off(&fx, same_file);
        make_room(&fx, &local, &meant);
        let place = fx.home().join("files/a.csv");
        fs::write(&place, "a person's").unwrap();
        let store = fx.open();
        store.reconcile(&()).unwrap();
        assert!(matches!(
            store.take_back_unfinished(&meant, RESTORE, "undo"),
            Err(StoreError::SourceChanged { .. })
        ));
        assert_eq!(fs::read(&place).unwrap(), b"a person's");
        let trash = fx.home().join(".redline/trash");
        let aside = trash.join(meant.replaced.unwrap());
        assert_eq!(fs::read(aside).unwrap(), b"local");
    }
}

#[test]
fn what_another_restore_put_aside_is_left_to_it() {
    let fx = Fixture::new();
    let (local, meant) = cut_off(&fx, false);
    make_room(&fx, &local, &meant);
    let store = fx.open();
    store.reconcile(&()).unwrap();
    let there = store
        .take_back_unfinished(&meant, "another", "undo")
        .unwrap();
    assert!(!there);
    assert!(!fx.home().join("files/a.csv").exists());
}
