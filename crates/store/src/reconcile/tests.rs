//! What a look puts off, and what it makes of inode numbers.

use super::*;
use crate::{Identity, StoreOptions};
use std::fs::{File, FileTimes};

struct Fixture {
    _root: tempfile::TempDir,
    store: Store,
}

impl Fixture {
    /// Two files, both seen by a look.
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let identity = Identity::of_key("RL-AAAAAAAA-AAAAAAAA-AAAAAAAA");
        let (store, _) =
            Store::create_or_open(root.path(), &identity, StoreOptions::default()).unwrap();
        let fixture = Self { _root: root, store };
        for name in ["a.csv", "b.csv"] {
            fs::write(fixture.layout().files().join(name), name).unwrap();
        }
        assert_eq!(fixture.sweep(None).adopted, 2);
        assert!(fixture.sweep(None).is_quiet());
        fixture
    }

    fn layout(&self) -> &crate::layout::Layout {
        &self.store.inner.layout
    }

    fn sweep(&self, budget: Option<u64>) -> ReconcileReport {
        self.store.sweep(budget, &()).unwrap()
    }

    /// As if the last look had seen other inodes below these names.
    fn renumber(&self, names: &[&str]) {
        let seen = Seen::read(self.layout());
        let mut other = Seen::default();
        for name in ["a.csv", "b.csv"] {
            let mut state = seen.get(path_key(name)).unwrap();
            state.inode += u64::from(names.contains(&name));
            other.add(path_key(name), &state);
        }
        other.sort();
        other.keep(self.layout());
    }
}

#[cfg(unix)]
#[test]
fn what_is_put_off_is_found_again_by_the_next_look() {
    let fixture = Fixture::new();
    let path = fixture.layout().files().join("a.csv");
    let before = fs::metadata(&path).unwrap().modified().unwrap();
    fs::write(&path, "A.CSV").unwrap();
    let file = File::options().write(true).open(&path).unwrap();
    file.set_times(FileTimes::new().set_modified(before))
        .unwrap();
    for _ in 0..2 {
        let report = fixture.sweep(Some(0));
        assert_eq!((report.postponed, report.edited), (1, 0));
    }
    assert_eq!(fixture.sweep(None).edited, 1);
    assert!(fixture.sweep(Some(0)).is_quiet());
}

#[test]
fn a_file_system_that_numbers_its_files_anew_has_none_of_them_read() {
    let fixture = Fixture::new();
    fixture.renumber(&["a.csv", "b.csv"]);
    assert_eq!(fixture.sweep(Some(0)).postponed, 0);
    // One alone is another file.
    fixture.renumber(&["b.csv"]);
    assert_eq!(fixture.sweep(Some(0)).postponed, 1);
    assert!(fixture.sweep(None).is_quiet());
}
