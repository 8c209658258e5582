use proptest::prelude::*;

use super::*;
use crate::{KeptIn, Tier};

fn profile(name: &str, store: u64) -> Profile {
    Profile {
        name: name.to_owned(),
        label: "Research desk".to_owned(),
        masked_key: "RL-0566····-····CC32".to_owned(),
        store_hash: format!("{store:016x}"),
        tier: Tier::Standard,
        kept_in: KeptIn::Keyring,
        created_at: "2025-11-19T18:02:00Z".to_owned(),
        last_used_at: "2025-11-19T18:02:00Z".to_owned(),
        backup: None,
    }
}

fn book() -> (tempfile::TempDir, ProfileBook) {
    let dir = tempfile::tempdir().unwrap();
    let book = ProfileBook::open(dir.path()).unwrap();
    (dir, book)
}

fn names(book: &ProfileBook) -> Vec<String> {
    book.list()
        .unwrap()
        .into_iter()
        .map(|profile| profile.name)
        .collect()
}

#[test]
fn keeps_several_profiles_across_opens() {
    let (dir, book) = book();
    assert!(book.list().unwrap().is_empty());
    assert!(book.current().unwrap().is_none());
    let mut with_backup = profile("desk", 1);
    with_backup.backup = Some(serde_json::json!({"bucket": "b", "parts": [16]}));
    book.upsert(with_backup.clone()).unwrap();
    book.upsert(profile("archive", 2)).unwrap();
    book.set_current(Some("desk")).unwrap();

    let again = ProfileBook::open(dir.path()).unwrap();
    assert_eq!(names(&again), ["archive", "desk"]);
    assert_eq!(again.current().unwrap(), Some(with_backup.clone()));
    assert_eq!(again.get("desk").unwrap(), Some(with_backup));
    assert_eq!(again.get("nobody").unwrap(), None);
    assert_eq!(
        again
            .find_by_store("0000000000000002")
            .unwrap()
            .unwrap()
            .name,
        "archive"
    );
    assert_eq!(again.set_aside(), None);
}

#[test]
fn replaces_updates_and_forgets() {
    let (_dir, book) = book();
    book.upsert(profile("desk", 1)).unwrap();
    book.set_current(Some("desk")).unwrap();
    book.upsert(Profile {
        tier: Tier::Pro,
        ..profile("desk", 1)
    })
    .unwrap();
    let changed = book.update("desk", |p| {
        p.kept_in = KeptIn::SessionOnly;
        p.name = "elsewhere".to_owned();
    });
    assert_eq!(changed.unwrap(), book.get("desk").unwrap().unwrap());
    assert_eq!(book.get("desk").unwrap().unwrap().tier, Tier::Pro);

    assert_eq!(book.remove("desk").unwrap().kept_in, KeptIn::SessionOnly);
    assert!(book.current().unwrap().is_none());
    assert!(matches!(
        book.remove("desk"),
        Err(ProfileError::NotFound { .. })
    ));
    assert!(matches!(
        book.set_current(Some("desk")),
        Err(ProfileError::NotFound { .. })
    ));
    assert!(matches!(
        book.update("desk", |_| ()),
        Err(ProfileError::NotFound { .. })
    ));
}

#[test]
fn refuses_what_must_not_be_written() {
    let (dir, book) = book();
    book.upsert(profile("desk", 1)).unwrap();
    let twin = book.upsert(profile("other", 1)).unwrap_err();
    assert!(matches!(twin, ProfileError::SameKey { existing } if existing == "desk"));
    for name in [
        "",
        "Desk",
        "a b",
        "-a",
        "a--b",
        "a/b",
        "..",
        &"a".repeat(80),
    ] {
        let error = book.upsert(profile(name, 2)).unwrap_err();
        assert!(matches!(error, ProfileError::BadName { .. }), "{name}");
    }
    let key = "rl-0566abcd-efgh1234-xyz9cc32";
    for bad in [
        Profile {
            masked_key: key.to_owned(),
            ..profile("x", 3)
        },
        Profile {
            label: key.to_owned(),
            ..profile("x", 3)
        },
        Profile {
            store_hash: "ABCDEF0123456789".to_owned(),
            ..profile("x", 3)
        },
    ] {
        assert!(matches!(
            book.upsert(bad),
            Err(ProfileError::Incomplete { .. })
        ));
    }
    assert_eq!(names(&book), ["desk"]);
    let text = fs::read_to_string(dir.path().join(FILE_NAME)).unwrap();
    assert!(!text.to_lowercase().contains("0566abcd"));
}

#[cfg(unix)]
#[test]
fn the_file_is_the_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let (dir, book) = book();
    book.upsert(profile("desk", 1)).unwrap();
    for entry in fs::read_dir(dir.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{:?}", entry.path());
    }
}

#[test]
fn names_come_from_labels() {
    let (_dir, book) = book();
    assert_eq!(book.free_name("Research desk").unwrap(), "research-desk");
    assert_eq!(book.free_name("  Łódź / Q3 (new) ").unwrap(), "d-q3-new");
    assert_eq!(book.free_name("日本").unwrap(), "profile");
    assert_eq!(
        book.free_name("RL-0566ABCD-EFGH1234-XYZ9CC32").unwrap(),
        "profile"
    );
    book.upsert(profile("research-desk", 1)).unwrap();
    book.upsert(profile("research-desk-2", 2)).unwrap();
    assert_eq!(book.free_name("Research Desk!").unwrap(), "research-desk-3");
}

proptest! {
    #[test]
    fn any_label_gives_a_name_that_is_accepted(label in "\\PC{0,90}") {
        prop_assert!(check(&profile(&slug(&label), 1)).is_ok());
    }
}

#[test]
fn a_damaged_file_is_set_aside_whole_and_reported() {
    for garbage in [
        "",
        "{",
        "[]",
        "{\"version\":1}",
        "\u{0}\u{0}",
        "{\"version\":1,\"current\":null,\"profiles\":[{}]}",
    ] {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(FILE_NAME), garbage).unwrap();
        let book = ProfileBook::open(dir.path()).unwrap();
        let aside = book
            .set_aside()
            .unwrap_or_else(|| panic!("{garbage:?} passed"));
        assert_eq!(fs::read_to_string(aside).unwrap(), garbage);
        assert!(book.list().unwrap().is_empty());
        book.upsert(profile("desk", 1)).unwrap();
        let again = ProfileBook::open(dir.path()).unwrap();
        assert_eq!(
            (names(&again), again.set_aside()),
            (vec!["desk".to_owned()], None)
        );
    }
}

#[test]
fn what_a_damaged_file_still_holds_is_kept() {
    let (dir, book) = book();
    for (name, store) in [("a", 1), ("b", 2), ("c", 3)] {
        book.upsert(profile(name, store)).unwrap();
    }
    book.set_current(Some("c")).unwrap();
    let path = dir.path().join(FILE_NAME);
    let text = fs::read_to_string(&path)
        .unwrap()
        .replace("\"0000000000000002\"", "2");
    fs::write(&path, text).unwrap();
    // The book that is already open notices as well.
    assert_eq!(names(&book), ["a", "c"]);
    assert_eq!(book.current().unwrap().unwrap().name, "c");
    assert!(book.set_aside().unwrap().exists());
}

#[test]
fn a_newer_file_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(FILE_NAME);
    let newer = r#"{"version":2,"people":{}}"#;
    fs::write(&path, newer).unwrap();
    let error = ProfileBook::open(dir.path()).err().unwrap();
    assert!(
        matches!(error, ProfileError::Newer { found: 2, .. }),
        "{error}"
    );
    assert_eq!(fs::read_to_string(&path).unwrap(), newer);
}

#[test]
fn two_books_never_lose_each_others_profiles() {
    let (dir, first) = book();
    let second = ProfileBook::open(dir.path()).unwrap();
    std::thread::scope(|scope| {
        for (book, base) in [(&first, 100), (&second, 200)] {
            scope.spawn(move || {
                for n in base..base + 25 {
                    book.upsert(profile(&format!("p{n}"), n)).unwrap();
                }
            });
        }
    });
    assert_eq!(first.list().unwrap().len(), 50);
    assert_eq!(first.list().unwrap(), second.list().unwrap());
}

#[test]
fn a_held_lock_is_said_and_reading_goes_on() {
    let (dir, mut book) = book();
    book.upsert(profile("desk", 1)).unwrap();
    book.patience = Duration::from_millis(50);
    let _held = FileLock::acquire(&dir.path().join(FILE_NAME), files::LOCK_PATIENCE).unwrap();
    assert!(matches!(
        book.remove("desk"),
        Err(ProfileError::Busy { .. })
    ));
    assert_eq!(names(&book), ["desk"]);
}
