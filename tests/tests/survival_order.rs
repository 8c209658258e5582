//! The order of system calls that power loss is survived by: data, journal, rename,
//! folder, rows, and only then a word about it.
#![cfg(target_os = "linux")]

mod survival_support;

use std::path::Path;

use survival_support::{
    trace::{self, Call},
    *,
};

const CALLS: &str = "trace=openat,write,writev,pwrite64,pwritev,fsync,fdatasync,syncfs,rename,\
                     renameat,renameat2,mkdir,mkdirat,fallocate,ftruncate,unlink,unlinkat,link,\
                     linkat,copy_file_range,sendfile,mmap";

fn traced(machine: &Machine, arguments: &[&str]) -> Vec<Call> {
    let log = machine.dir.path().join("log");
    let said = trace::run(machine, &["-e", CALLS, "-s", "8"], &log, arguments);
    assert_eq!(said.code(), 0, "{arguments:?}: {}", said.stderr);
    trace::read(&log)
}

fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

fn is_write(call: &Call) -> bool {
    matches!(
        &*call.name,
        "write" | "writev" | "pwrite64" | "pwritev" | "ftruncate" | "fallocate"
    )
}

/// The end of the first sync that covers all that was written to `path` before line
/// `before`: of the file itself, or of the whole file system.
fn synced(calls: &[Call], path: &str, before: usize) -> Option<usize> {
    let last = calls
        .iter()
        .filter(|c| c.start < before)
        .filter(|c| {
            (is_write(c) && c.fd_path() == path)
                || (c.name == "openat" && c.text.contains("O_CREAT") && c.quoted() == [path])
        })
        .map(|c| c.end)
        .max()?;
    calls
        .iter()
        .filter(|c| c.start > last && c.end < before)
        .find(|c| c.is_sync_of(path) || (c.name == "syncfs" && c.ok()))
        .map(|c| c.end)
}

/// When a folder's entries, as they were at line `after`, became durable.
fn folder_synced(calls: &[Call], folder: &str, after: usize) -> Option<usize> {
    calls
        .iter()
        .filter(|c| c.start > after)
        .find(|c| c.is_sync_of(folder) || (c.name == "syncfs" && c.ok()))
        .map(|c| c.end)
}

/// The commit of rows after line `after`: the first write to the catalog's log, and
/// the end of its sync.
fn committed(calls: &[Call], catalog: &str, after: usize) -> (usize, usize) {
    let wal = format!("{catalog}.wal");
    let write = calls
        .iter()
        .find(|c| c.start > after && is_write(c) && (c.fd_path() == wal || c.fd_path() == catalog))
        .unwrap_or_else(|| panic!("no row was written after line {after}"));
    let path = write.fd_path();
    let sync = calls
        .iter()
        .find(|c| c.start > write.end && c.is_sync_of(path))
        .unwrap_or_else(|| panic!("the rows written at line {} were not synced", write.start));
    (write.start, sync.end)
}

/// The first word to the caller.
fn told(calls: &[Call]) -> usize {
    calls
        .iter()
        .find(|c| is_write(c) && c.fd() == "1")
        .map(|c| c.start)
        .expect("something is told")
}

fn renames(calls: &[Call]) -> Vec<(usize, String, String)> {
    calls
        .iter()
        .filter(|c| c.name.starts_with("rename") && c.ok())
        .map(|c| {
            let paths = c.quoted();
            assert_eq!(paths.len(), 2, "{c:?}");
            (c.start, paths[0].to_owned(), paths[1].to_owned())
        })
        .collect()
}

/// Every folder made in the store is in its own folder for good before anything is told.
fn new_folders_are_durable(calls: &[Call], below: &Path) {
    let told = told(calls);
    let mut unsynced = Vec::new();
    for call in calls
        .iter()
        .filter(|c| c.name.starts_with("mkdir") && c.ok())
    {
        let path = call.quoted()[0];
        if !path.starts_with(below.to_str().unwrap()) || path.contains("/partial/") {
            continue;
        }
        // The data folder itself belongs to whoever named it.
        if path != below.to_str().unwrap()
            && folder_synced(calls, parent(path), call.end).is_none_or(|end| end > told)
        {
            unsynced.push(path.to_owned());
        }
    }
    assert!(
        unsynced.is_empty(),
        "folders whose entries were not synced before the answer: {unsynced:?}"
    );
}

fn import_keeps_its_order(machine: &Machine, folder: &Path, files: usize) {
    let calls = traced(machine, &["import", folder.to_str().unwrap()]);
    let home = machine.home();
    let files_folder = home.join("files").to_str().unwrap().to_owned();
    let journal_folder = home.join(".redline/journal").to_str().unwrap().to_owned();
    let catalog = home.join("user_data.duckdb").to_str().unwrap().to_owned();
    let told = told(&calls);

    let mut renamed = 0;
    for (at, from, to) in renames(&calls) {
        if !to.starts_with(&files_folder) {
            continue;
        }
        renamed += 1;
        assert!(from.contains("/.redline/partial/"), "{from} -> {to}");
        let data = synced(&calls, &from, at);
        let data = data.unwrap_or_else(|| panic!("{from} was renamed before its data was synced"));
        // Written down, for good, with its own folder entry, after the data and before the name.
        let journal = calls
            .iter()
            .filter(|c| is_write(c) && parent(c.fd_path()) == journal_folder)
            .filter(|c| c.fd_path().ends_with(".jsonl") && c.start > data && c.end < at)
            .find(|c| synced(&calls, c.fd_path(), at).is_some_and(|end| end > c.end));
        let journal =
            journal.unwrap_or_else(|| panic!("{to}: no journal line synced before the rename"));
        let made = calls
            .iter()
            .find(|c| c.name == "openat" && c.quoted() == [journal.fd_path()])
            .expect("the journal was made");
        assert!(
            folder_synced(&calls, &journal_folder, made.end).is_some_and(|end| end < at),
            "the journal's own name was not synced before the rename"
        );
        let folder = folder_synced(&calls, parent(&to), at);
        let folder = folder.unwrap_or_else(|| panic!("{to}: its folder was never synced"));
        let (rows, durable) = committed(&calls, &catalog, at);
        assert!(
            folder < rows,
            "{to}: the row was written before its folder was synced"
        );
        assert!(durable < told, "{to}: told before its row was durable");
    }
    assert_eq!(renamed, files);
    new_folders_are_durable(&calls, &machine.data);
    // Nothing gets a final name any other way.
    assert!(
        !calls.iter().any(|c| {
            (c.name == "openat" && c.text.contains("O_CREAT") || c.name.starts_with("link"))
                && c.quoted().iter().any(|p| p.starts_with(&files_folder))
        }),
        "a file was made in place"
    );
}

#[test]
fn many_files_are_synced_together_before_their_names_and_rows() {
    let machine = Machine::new();
    let mut files: Vec<(String, Vec<u8>)> = (0..12)
        .map(|i| (format!("{}/{i}.csv", i % 3), noise(i, 999 * i as usize)))
        .collect();
    // Two threads write it, and its last bytes take another way to the disk than the rest.
    files.push(("big.bin".into(), noise(77, 17 * MIB + 5)));
    let folder = machine.sources("many", files.iter().map(|(n, b)| (n.as_str(), b.clone())));
    import_keeps_its_order(&machine, &folder, 13);
}

#[test]
fn a_few_files_are_synced_one_by_one_before_their_names_and_rows() {
    let machine = Machine::new();
    // Where nothing is synced as a whole, the new store's own folders count.
    let folder = machine.sources("new", [("a", noise(4, 100))]);
    import_keeps_its_order(&machine, &folder, 1);
    let machine = Machine::new();
    machine.import(&machine.sources("first", [("x", noise(1, 10))]));
    let folder = machine.sources(
        "few",
        [
            ("a", noise(2, 3 * MIB)),
            ("b/c", vec![]),
            ("b/d", noise(3, 5)),
        ],
    );
    import_keeps_its_order(&machine, &folder, 3);
}

#[test]
fn folders_beyond_a_few_are_durable_before_their_rows_too() {
    let machine = Machine::new();
    let names: Vec<String> = (0..40).map(|i| format!("d{i}/e{i}/f.csv")).collect();
    let folder = machine.sources(
        "wide",
        names
            .iter()
            .zip(1..)
            .map(|(n, i)| (n.as_str(), noise(i, 100))),
    );
    import_keeps_its_order(&machine, &folder, 40);
}

#[test]
fn deleting_writes_the_sidecar_then_moves_then_marks_the_row() {
    let machine = Machine::new();
    machine.import(&machine.sources("first", [("x", noise(1, 1000)), ("y/z", noise(2, 1000))]));
    let files = machine.files();
    let file = files.iter().find(|f| f["filename"] == "z").unwrap();
    let calls = traced(&machine, &["delete", &file["id"].to_string()]);
    let home = machine.home();
    let trash = home.join(".redline/trash").to_str().unwrap().to_owned();
    let sidecar = format!("{trash}/{}.json", file["uid"].as_str().unwrap());
    let catalog = home.join("user_data.duckdb").to_str().unwrap().to_owned();

    let moves: Vec<_> = renames(&calls)
        .into_iter()
        .filter(|(_, _, to)| to.starts_with(&trash))
        .collect();
    let [(at, from, _)] = &moves[..] else {
        panic!("{moves:?}")
    };
    assert!(from.ends_with("files/first/y/z"), "{from}");
    assert!(
        calls.iter().any(|c| is_write(c) && c.fd_path() == sidecar),
        "no sidecar was written"
    );
    let beside = synced(&calls, &sidecar, *at).expect("the sidecar is synced before the move");
    let made = calls
        .iter()
        .find(|c| c.name == "openat" && c.quoted() == [&sidecar])
        .unwrap();
    assert!(
        folder_synced(&calls, &trash, made.end).is_some_and(|end| end < *at),
        "the sidecar's name is not durable before the move (its bytes at line {beside})"
    );
    let (rows, durable) = committed(&calls, &catalog, *at);
    for folder in [trash.as_str(), parent(from)] {
        let synced =
            folder_synced(&calls, folder, *at).unwrap_or_else(|| panic!("{folder} not synced"));
        assert!(
            synced < rows,
            "the row was marked before {folder} was synced"
        );
    }
    assert!(durable < told(&calls), "told before the row was durable");

    // And back again: moved, both folders durable, then the row.
    let calls = traced(&machine, &["undelete", &file["id"].to_string()]);
    let moves: Vec<_> = renames(&calls)
        .into_iter()
        .filter(|(_, from, _)| from.starts_with(&trash))
        .collect();
    let [(at, _, to)] = &moves[..] else {
        panic!("{moves:?}")
    };
    let (rows, durable) = committed(&calls, &catalog, *at);
    for folder in [trash.as_str(), parent(to)] {
        let synced =
            folder_synced(&calls, folder, *at).unwrap_or_else(|| panic!("{folder} not synced"));
        assert!(
            synced < rows,
            "the row was marked before {folder} was synced"
        );
    }
    assert!(durable < told(&calls), "told before the row was durable");
    let unlinked = calls
        .iter()
        .filter(|c| c.name.starts_with("unlink") && c.ok());
    for gone in unlinked.filter(|c| c.text.contains(&sidecar)) {
        assert!(
            gone.start > durable,
            "the sidecar went before the row was durable"
        );
    }
}

#[test]
fn a_saved_copy_is_durable_under_its_name_before_it_is_told() {
    let machine = Machine::new();
    machine.import(&machine.sources("first", [("x.bin", noise(1, 5 * MIB))]));
    let out = machine.dir.path().join("out");
    std::fs::create_dir(&out).unwrap();
    let calls = traced(&machine, &["export", "1", out.to_str().unwrap()]);
    let target = out.join("x.bin");
    assert_eq!(sha256_of(&target), sha256(&noise(1, 5 * MIB)));
    let target = target.to_str().unwrap();
    let moves: Vec<_> = renames(&calls)
        .into_iter()
        .filter(|(_, _, to)| to == target)
        .collect();
    let [(at, from, _)] = &moves[..] else {
        panic!("{moves:?}")
    };
    assert!(
        synced(&calls, from, *at).is_some(),
        "renamed before its data was synced"
    );
    let folder = folder_synced(&calls, parent(target), *at).expect("the folder is synced");
    assert!(folder < told(&calls), "told before the folder was synced");
    assert!(
        calls
            .iter()
            .filter(|c| c.name == "renameat2")
            .any(|c| c.text.contains("RENAME_NOREPLACE")),
        "a copy could replace something"
    );
}
