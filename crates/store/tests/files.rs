//! Files in, listed, out, deleted, brought back.

mod common;

use common::*;
use redline_store::*;
use std::fs;
use std::path::Path;

#[test]
fn a_file_comes_in_is_listed_and_comes_out_equal() {
    let fx = Fixture::new();
    let store = fx.open();
    let path = fx.source("q3.csv", b"a,b\n1,2\n");
    let sink = import(&store, &[&path]);
    let record = &sink.imported[0];
    assert_eq!(record.filename, "q3.csv");
    assert_eq!(record.file_type, "csv");
    assert_eq!(record.size_bytes, 8);
    assert_eq!(
        fs::read(fx.home().join("files/q3.csv")).unwrap(),
        b"a,b\n1,2\n"
    );
    assert_eq!(store.get(record.id).unwrap(), *record);
    assert_eq!(names(&store), ["q3.csv"]);

    let out = fx.outside.path().join("out");
    fs::create_dir(&out).unwrap();
    assert_eq!(store.export(record.id, &out, &()).unwrap(), 8);
    assert_eq!(fs::read(out.join("q3.csv")).unwrap(), b"a,b\n1,2\n");
    assert!(matches!(
        store.export(record.id, &out, &()),
        Err(StoreError::DestExists { .. })
    ));
    assert_eq!(fs::read_dir(&out).unwrap().count(), 1);
    assert_tidy(&fx, &store);
}

#[test]
fn folders_keep_their_shape_and_empty_files_are_files() {
    let fx = Fixture::new();
    let store = fx.open();
    fx.source("data/2024/a.csv", b"1");
    fx.source("data/2024/b.csv", b"1");
    fx.source("data/empty.txt", b"");
    fx.source("data/also-empty.txt", b"");
    let sink = import(&store, &[&fx.outside.path().join("data")]);
    assert_eq!(sink.imported.len(), 4, "{:?}", sink.skipped);
    assert_eq!(
        names(&store),
        [
            "data/2024/a.csv",
            "data/2024/b.csv",
            "data/also-empty.txt",
            "data/empty.txt"
        ]
    );
    assert_tidy(&fx, &store);
}

#[test]
fn the_same_bytes_again_are_offered_not_doubled() {
    let fx = Fixture::new();
    let store = fx.open();
    let a = fx.source("a.csv", b"same");
    let first = import(&store, &[&a]);
    let b = fx.source("b.csv", b"same");
    let sink = import(&store, &[&a, &b]);
    assert_eq!(sink.skipped.len(), 2);
    for skipped in &sink.skipped {
        assert_eq!(skipped.reason, SkipReason::AlreadyStored);
        assert_eq!(skipped.already.as_ref().unwrap().id, first.imported[0].id);
    }
    let keep = ImportOptions {
        on_duplicate: OnDuplicate::Keep,
    };
    let sink = import_with(&store, &[&a, &b], keep);
    assert_eq!(sink.imported.len(), 2);
    assert_eq!(names(&store), ["a (2).csv", "a.csv", "b.csv"]);
    let stats = store.stats().unwrap();
    assert_eq!((stats.duplicate_files, stats.duplicate_bytes), (2, 8));
    // What is in the trash is not "already stored".
    let all: Vec<FileId> = store
        .list(&ListQuery::default())
        .unwrap()
        .files
        .iter()
        .map(|f| f.id)
        .collect();
    store.trash(&all).unwrap();
    assert_eq!(import(&store, &[&a]).imported.len(), 1);
}

#[test]
fn the_same_name_with_other_bytes_keeps_both() {
    let fx = Fixture::new();
    let store = fx.open();
    for i in 0..12 {
        let path = fx.source("q3.csv", format!("{i}").as_bytes());
        assert_eq!(import(&store, &[&path]).imported.len(), 1);
    }
    let names = names(&store);
    assert_eq!(names.len(), 12);
    assert!(names.contains(&"q3 (12).csv".to_owned()), "{names:?}");
}

#[test]
fn hostile_names_are_stored_and_stay_inside() {
    let fx = Fixture::new();
    let store = fx.open();
    let dir = fx.outside.path().join("in");
    fs::create_dir(&dir).unwrap();
    let long = format!("{}.csv", "n".repeat(251));
    let hostile = [
        "..evil",
        "CON",
        "nul.csv",
        "trailing.csv.",
        "space .csv ",
        "😀.csv",
        "e\u{301}.csv",
        "\u{e9}.csv",
        "A.csv",
        "a.csv",
        "back\\slash.csv",
        "new\nline.csv",
        "-rf",
        long.as_str(),
    ];
    for (i, name) in hostile.iter().enumerate() {
        fs::write(dir.join(name), format!("{i}")).unwrap();
    }
    let sink = import(&store, &[&dir]);
    assert_eq!(sink.imported.len(), hostile.len(), "{:?}", sink.failed);
    for record in &sink.imported {
        let path = store.path_of(record.id).unwrap();
        assert!(path.starts_with(fx.home().join("files/in")), "{path:?}");
        let original = hostile
            .iter()
            .position(|h| *h == record.original_filename)
            .unwrap();
        assert_eq!(fs::read_to_string(path).unwrap(), original.to_string());
    }
    // The store's own checks agree with what it made.
    assert!(store.reconcile(&()).unwrap().is_quiet());
    let stream = store
        .import_stream(
            "../../up.csv",
            &mut &b"x"[..],
            &ImportOptions::default(),
            &(),
        )
        .unwrap();
    assert_eq!(stream.record.relative_path, ".._.._up.csv");
    assert_tidy(&fx, &store);
}

#[cfg(unix)]
#[test]
fn a_link_in_the_store_is_never_followed() {
    let fx = Fixture::new();
    let store = fx.open();
    let record = import(
        &store,
        &[
            &fx.source("a/x.csv", b"mine"),
            &fx.source("b/y.csv", b"too"),
        ],
    )
    .named("x.csv");
    let secret = fx.source("secret.txt", b"not yours");
    let stored = fx.home().join("files").join(&record.relative_path);
    fs::remove_file(&stored).unwrap();
    std::os::unix::fs::symlink(&secret, &stored).unwrap();
    assert!(matches!(
        store.open_file(record.id),
        Err(StoreError::LinkInStore { .. })
    ));
    assert!(matches!(
        store.path_of(record.id),
        Err(StoreError::LinkInStore { .. })
    ));
    let out = fx.outside.path().join("out.csv");
    assert!(store.export(record.id, &out, &()).is_err());
    assert!(!out.exists());
    let report = store.reconcile(&()).unwrap();
    assert_eq!((report.links, report.adopted), (1, 0));

    // A planted folder: nothing is written through it.
    let elsewhere = fx.outside.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, fx.home().join("files/planted")).unwrap();
    fx.source("planted/new.csv", b"data");
    let sink = import(&store, &[&fx.outside.path().join("planted")]);
    assert_eq!(sink.failed.len(), 1);
    assert!(matches!(
        sink.failed[0].error,
        StoreError::LinkInStore { .. }
    ));
    assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 0);

    // The store's own folders.
    drop(store);
    let trash = fx.home().join(".redline/trash");
    fs::remove_dir_all(&trash).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &trash).unwrap();
    assert!(matches!(
        Store::open(fx.root.path(), &Identity::of_key(KEY_A), options()),
        Err(StoreError::LinkInStore { .. })
    ));
}

#[cfg(unix)]
#[test]
fn links_and_pipes_in_a_folder_are_reported_not_read() {
    let fx = Fixture::new();
    let store = fx.open();
    fx.source("in/real.csv", b"1");
    let dir = fx.outside.path().join("in");
    std::os::unix::fs::symlink("/etc/hostname", dir.join("link.csv")).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        dir.join("pipe.csv"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o600),
        0,
    )
    .unwrap();
    let sink = import(&store, &[&dir, Path::new("/nowhere/at/all.csv")]);
    assert_eq!(sink.imported.len(), 1);
    assert_eq!(sink.skipped[0].reason, SkipReason::Link);
    assert!(
        sink.failed
            .iter()
            .any(|f| matches!(f.error, StoreError::NotAFile { kind: "a pipe", .. }))
    );
    assert!(
        sink.failed
            .iter()
            .any(|f| matches!(f.error, StoreError::SourceVanished { .. }))
    );
    // A link that the person named is what they meant.
    let sink = import(&store, &[&dir.join("link.csv")]);
    assert_eq!(sink.imported.len(), 1);
}

#[test]
fn importing_the_data_folder_does_not_swallow_the_store() {
    let fx = Fixture::new();
    let store = fx.open();
    import(&store, &[&fx.source("a.csv", b"1")]);
    fs::write(fx.root.path().join("beside.csv"), b"2").unwrap();
    let sink = import(&store, &[fx.root.path()]);
    let shown: Vec<_> = sink.imported.iter().map(|r| r.filename.clone()).collect();
    assert_eq!(shown, ["beside.csv"]);
    assert_eq!(import(&store, &[&fx.home()]).failed.len(), 1);
}

#[test]
fn another_key_finds_nothing() {
    let fx = Fixture::new();
    let (a, _) = fx.open_as(KEY_A);
    let id = import(&a, &[&fx.source("a.csv", b"mine")]).imported[0].id;
    let (b, _) = fx.open_as(KEY_B);
    assert!(matches!(b.get(id), Err(StoreError::NotFound)));
    assert!(matches!(b.open_file(id), Err(StoreError::NotFound)));
    assert!(matches!(b.path_of(id), Err(StoreError::NotFound)));
    assert!(matches!(
        b.export(id, fx.outside.path(), &()),
        Err(StoreError::NotFound)
    ));
    assert!(matches!(b.trash(&[id]), Err(StoreError::NotFound)));
    assert!(matches!(b.untrash(&[id]), Err(StoreError::NotFound)));
    assert!(matches!(
        b.verify(Some(&[id]), &()),
        Err(StoreError::NotFound)
    ));
    assert_eq!(b.list(&ListQuery::default()).unwrap().total, 0);
    assert!(matches!(
        Store::open(
            fx.root.path(),
            &Identity::of_key("RL-CCCCCCCC-CCCCCCCC-CCCCCCCC"),
            options()
        ),
        Err(StoreError::NoStore)
    ));
    // A copied folder is refused: its catalog knows whose it is.
    a.release();
    b.release();
    let other = fx
        .root
        .path()
        .join("users")
        .join(Identity::of_key(KEY_B).folder_name());
    drop(b);
    fs::copy(
        fx.home().join("user_data.duckdb"),
        other.join("user_data.duckdb"),
    )
    .unwrap();
    assert!(matches!(
        Store::open(fx.root.path(), &Identity::of_key(KEY_B), options()),
        Err(StoreError::WrongOwner)
    ));
}

#[test]
fn the_list_filters_searches_sorts_and_pages() {
    let fx = Fixture::new();
    let store = fx.open();
    for i in 0..25 {
        let name = format!(
            "folder/{}-{i:02}.{}",
            if i % 2 == 0 { "Ärger" } else { "plain" },
            if i % 5 == 0 { "csv" } else { "bin" }
        );
        fx.source(&name, &vec![b'x'; i]);
    }
    import(&store, &[&fx.outside.path().join("folder")]);
    let q = |f: &dyn Fn(&mut ListQuery)| {
        let mut query = ListQuery::default();
        f(&mut query);
        store.list(&query).unwrap()
    };
    assert_eq!(q(&|q| q.file_type = Some("csv".into())).total, 5);
    assert_eq!(q(&|q| q.search = Some("ärg  FOLDER".into())).total, 13);
    assert_eq!(q(&|q| q.search = Some("100%_'".into())).total, 0);
    let sizes: Vec<u64> = q(&|q| {
        q.sort = Sort::Size;
        q.limit = Some(3)
    })
    .files
    .iter()
    .map(|f| f.size_bytes)
    .collect();
    assert_eq!(sizes, [24, 23, 22]);
    let all: Vec<i64> = q(&|q| {
        q.sort = Sort::Name;
        q.reverse = true;
        q.limit = Some(100)
    })
    .files
    .iter()
    .map(|f| f.id.0)
    .collect();
    let mut paged = Vec::new();
    for offset in (0..25).step_by(7) {
        paged.extend(
            q(&|q| {
                q.sort = Sort::Name;
                q.reverse = true;
                q.limit = Some(7);
                q.offset = offset
            })
            .files
            .iter()
            .map(|f| f.id.0),
        );
    }
    assert_eq!(paged, all);
    // Paging by key, newest first.
    let newest: Vec<i64> = q(&|q| q.limit = Some(100))
        .files
        .iter()
        .map(|f| f.id.0)
        .collect();
    let (mut by_key, mut after) = (Vec::new(), None);
    loop {
        let page = q(&|q| {
            q.limit = Some(4);
            q.after = after
        });
        let Some(last) = page.files.last() else { break };
        after = Some(last.id);
        by_key.extend(page.files.iter().map(|f| f.id.0));
    }
    assert_eq!(by_key, newest);
    let mut streamed = Vec::new();
    store
        .for_each(&ListQuery::default(), &mut |f| {
            streamed.push(f.id.0);
            std::ops::ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(streamed, newest);
}

#[test]
fn a_version_tells_that_something_changed() {
    let fx = Fixture::new();
    let store = fx.open();
    let before = store.version();
    assert_eq!(store.version(), before);
    import(&store, &[&fx.source("a.csv", b"1")]);
    assert_ne!(store.version(), before);
}

#[test]
fn deleting_the_whole_account_leaves_nothing_and_touches_no_other() {
    let fx = Fixture::new();
    let (a, _) = fx.open_as(KEY_A);
    import(&a, &[&fx.source("a.csv", b"mine")]);
    let (b, _) = fx.open_as(KEY_B);
    let theirs = import(&b, &[&fx.source("b.csv", b"theirs")]).imported[0].id;
    a.delete_account().unwrap();
    assert!(!fx.home().exists());
    assert!(matches!(
        Store::open(fx.root.path(), &Identity::of_key(KEY_A), options()),
        Err(StoreError::NoStore)
    ));
    assert!(b.path_of(theirs).unwrap().exists());
    // A deletion that a crash cut short is finished by the next sign-in.
    let half = fx.root.path().join("users/.deleted-half");
    fs::create_dir(&half).unwrap();
    fs::write(half.join("left.csv"), "x").unwrap();
    let (again, report) = fx.open_as(KEY_A);
    assert!(report.created && !half.exists());
    assert_eq!(again.list(&ListQuery::default()).unwrap().total, 0);
}
