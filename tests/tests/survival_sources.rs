//! Sources that change, hostile names, edits by other programs, and memory.
#![cfg(target_os = "linux")]

mod survival_support;

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use redline_store::{ImportOptions, Status};
use survival_support::*;

const BLOCK: usize = 256 << 10;
const BLOCKS: usize = 64;

/// A generation's block: every block of every generation differs from all others.
fn block(generation: u64, n: usize) -> Vec<u8> {
    let mut bytes = vec![(generation % 251) as u8; BLOCK];
    bytes[..8].copy_from_slice(&generation.to_le_bytes());
    bytes[8..16].copy_from_slice(&(n as u64).to_le_bytes());
    bytes[BLOCK - 8..].copy_from_slice(&generation.to_le_bytes());
    bytes
}

/// The generation of each block, or what is wrong with it.
fn generations(bytes: &[u8]) -> Vec<u64> {
    bytes
        .chunks(BLOCK)
        .enumerate()
        .map(|(n, b)| {
            assert_eq!(b.len(), BLOCK, "a part of a block");
            let generation = u64::from_le_bytes(b[..8].try_into().unwrap());
            assert!(
                b == block(generation, n),
                "block {n} is a mix within itself"
            );
            generation
        })
        .collect()
}

/// Imports `path` again and again while `writer` is at work on it; gives the bytes
/// that were stored. Each import stores a whole or fails with `source_changed` or
/// `source_vanished`.
fn import_while(
    machine: &Machine,
    path: &Path,
    imports: usize,
    writer: impl Fn(&AtomicBool) + Sync,
) -> (Vec<Vec<u8>>, usize) {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let at_work = scope.spawn(|| writer(&stop));
        let mut stored = Vec::new();
        let mut refused = 0;
        for n in 0..imports {
            let when = format!("import {n}");
            let said = machine.import(path);
            if said.code() == 0 {
                let answer = said.json();
                for file in list(&answer["imported"]) {
                    let path = machine
                        .home()
                        .join("files")
                        .join(file["relative_path"].as_str().unwrap());
                    let bytes = std::fs::read(path).unwrap();
                    assert_eq!(file["sha256"], sha256(&bytes), "{when}: {file}");
                    stored.push(bytes);
                }
            } else {
                assert_eq!(said.code(), 1, "{when}: {}", said.stderr);
                let error = said.error();
                let code = error["code"].as_str().unwrap();
                assert!(
                    ["source_changed", "source_vanished"].contains(&code),
                    "{when}: {error}"
                );
                assert!(
                    error["message"].as_str().unwrap().contains("moving.bin"),
                    "{when}: {error}"
                );
                refused += 1;
            }
            nothing_is_left_over(machine, &when);
        }
        stop.store(true, Ordering::Relaxed);
        at_work.join().unwrap();
        verify_is_clean(machine, machine.files().len(), "after all imports");
        assert_eq!(
            machine.files().len(),
            stored.len(),
            "a refused file left a row"
        );
        assert_eq!(
            machine.on_disk().len(),
            stored.len(),
            "a refused file left bytes"
        );
        (stored, refused)
    })
}

fn whole(generation: u64) -> Vec<u8> {
    (0..BLOCKS).flat_map(|n| block(generation, n)).collect()
}

#[test]
fn a_source_rewritten_in_place_is_stored_as_it_was_at_one_moment_or_refused() {
    let machine = Machine::new();
    let path = machine.dir.path().join("moving.bin");
    std::fs::write(&path, whole(0)).unwrap();
    let (stored, refused) = import_while(&machine, &path, 25, |stop| {
        let file = File::options().write(true).open(&path).unwrap();
        for generation in 1.. {
            for n in 0..BLOCKS {
                file.write_all_at(&block(generation, n), (n * BLOCK) as u64)
                    .unwrap();
            }
            if stop.load(Ordering::Relaxed) {
                return;
            }
            // Pauses of all lengths, so that some imports fall into one.
            std::thread::sleep(Duration::from_millis(generation * 37 % 400));
        }
    });
    println!("{} stored, {refused} refused", stored.len());
    for bytes in stored {
        let found = generations(&bytes);
        assert_eq!(found.len(), BLOCKS, "cut short");
        // The writer goes from front to back: at each moment the file is at most two
        // generations, the newer in front.
        assert!(
            found.windows(2).all(|w| w[0] == w[1] || w[0] == w[1] + 1)
                && found[0] - found[BLOCKS - 1] <= 1,
            "a mix that never was: {found:?}"
        );
    }
    assert!(refused > 0, "the writer never got in the way");
}

#[test]
fn a_source_appended_to_and_cut_is_never_stored_with_a_length_it_never_had() {
    let machine = Machine::new();
    let path = machine.dir.path().join("moving.bin");
    std::fs::write(&path, whole(0)).unwrap();
    let (stored, refused) = import_while(&machine, &path, 20, |stop| {
        let file = File::options().write(true).open(&path).unwrap();
        let mut n = BLOCKS;
        while !stop.load(Ordering::Relaxed) {
            file.write_all_at(&block(0, n), (n * BLOCK) as u64).unwrap();
            n += 1;
            if n > BLOCKS + 40 {
                n = BLOCKS / 2;
                file.set_len((n * BLOCK) as u64).unwrap();
            }
            std::thread::sleep(Duration::from_millis(if n.is_multiple_of(20) {
                250
            } else {
                3
            }));
        }
    });
    println!("{} stored, {refused} refused", stored.len());
    for bytes in stored {
        assert!(generations(&bytes).iter().all(|g| *g == 0) && bytes.len() >= BLOCK * BLOCKS / 2);
    }
    assert!(refused > 0, "the writer never got in the way");
}

#[test]
fn a_source_replaced_or_removed_is_stored_whole_or_refused() {
    let machine = Machine::new();
    let path = machine.dir.path().join("moving.bin");
    let next = machine.dir.path().join("next");
    std::fs::write(&path, whole(0)).unwrap();
    let (stored, refused) = import_while(&machine, &path, 20, |stop| {
        let mut generation = 1;
        while !stop.load(Ordering::Relaxed) {
            std::fs::write(&next, whole(generation)).unwrap();
            std::fs::rename(&next, &path).unwrap();
            if generation % 4 == 0 {
                std::fs::remove_file(&path).unwrap();
                std::thread::sleep(Duration::from_millis(120));
            }
            std::thread::sleep(Duration::from_millis(40));
            generation += 1;
        }
    });
    println!("{} stored, {refused} refused", stored.len());
    assert!(!stored.is_empty());
    for bytes in stored {
        let found = generations(&bytes);
        assert_eq!(found.len(), BLOCKS);
        assert!(
            found.iter().all(|g| *g == found[0]),
            "two files in one: {found:?}"
        );
    }
}

#[test]
fn a_folder_whose_files_vanish_under_way_stores_the_others() {
    let machine = Machine::new();
    let files: Vec<(String, Vec<u8>)> = (0..400)
        .map(|i| (format!("{i:03}"), noise(i, 20_000)))
        .collect();
    let folder = machine.sources("from", files.iter().map(|(n, b)| (n.as_str(), b.clone())));
    let sources = hashes(&folder);
    let child = machine
        .command(&["import", folder.to_str().unwrap()])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // From the back, while they are read from the front.
    for i in (0..400).rev() {
        let _ = std::fs::remove_file(folder.join(format!("{i:03}")));
    }
    let said = finish(child, "while files vanish");
    assert!([0, 1, 6].contains(&said.code()), "{}", said.stderr);
    let told = acknowledged(&said.stdout);
    if said.code() == 6 {
        for failed in list(&said.json()["failed"]) {
            assert_eq!(failed["error"]["code"], "source_vanished", "{failed}");
        }
    }
    nothing_was_lost(&machine, &told, &sources, "after files vanished");
}

#[test]
fn hostile_names_are_stored_listed_and_saved_again() {
    let machine = Machine::new();
    let long_emoji = "🦀".repeat(63);
    let names = [
        "A",
        "a",
        "ä.csv",
        "a\u{308}.csv",
        "CON",
        "con.txt",
        "NUL.csv",
        "COM1",
        "trailing.",
        "trailing ",
        " leading",
        "..hidden",
        "...",
        ".hidden",
        "-rf",
        "--json",
        "new\nline",
        "tab\tbed",
        "bell\u{7}",
        "esc\u{1b}[31mred",
        "back\\slash",
        "colon:star*?",
        "quote\"'`$(x)",
        "<pipe|>",
        "😀.csv",
        &long_emoji,
        "\u{202e}gpj.exe",
        "zero\u{200b}width",
        "%00%2e%2e",
        "e\u{301}",
        "é",
        "ß",
        "SS",
        "İ",
        "i",
        "user_data.duckdb",
        ".redline",
        "name (2)",
        "name",
    ];
    let mut files: Vec<(String, Vec<u8>)> = names
        .iter()
        .zip(0..)
        .map(|(n, i)| ((*n).to_owned(), noise(i, 100 + i as usize)))
        .collect();
    files.push(("n".repeat(255), noise(900, 10)));
    files.push((format!("{}.csv", "é".repeat(125)), noise(901, 10)));
    // 300 bytes and more, of folders.
    files.push((
        format!("{}/{}/x", "d".repeat(200), "e".repeat(200)),
        noise(902, 10),
    ));
    let folder = machine.sources("from", files.iter().map(|(n, b)| (n.as_str(), b.clone())));
    // A name that is no text at all.
    let raw = <std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(b"\xff\xfe.bin");
    std::fs::write(folder.join(raw), noise(903, 10)).unwrap();
    let expected: std::collections::BTreeSet<String> = files
        .iter()
        .map(|(_, b)| sha256(b))
        .chain([sha256(&noise(903, 10))])
        .collect();

    let said = machine.import(&folder);
    assert_eq!(
        said.code(),
        0,
        "{} {}",
        said.stderr,
        String::from_utf8_lossy(&said.stdout)
    );
    let listed = machine.files();
    let stored: std::collections::BTreeSet<String> = listed
        .iter()
        .map(|f| f["sha256"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(listed.len(), expected.len());
    assert_eq!(stored, expected);
    let mut keys = std::collections::BTreeSet::new();
    for file in &listed {
        let path = file["relative_path"].as_str().unwrap();
        for part in path.split('/') {
            assert!(
                !part.is_empty() && part != "." && part != ".." && part.len() <= 255,
                "{path:?}"
            );
            assert!(
                !part
                    .chars()
                    .any(|c| c.is_control() || c == '\\' || c == '\u{202e}'),
                "{path:?}"
            );
            assert!(!part.ends_with(['.', ' ']), "{path:?}");
            let stem = part.split('.').next().unwrap().to_ascii_uppercase();
            assert!(
                !["CON", "NUL", "COM1", "PRN", "AUX"].contains(&&*stem),
                "{path:?}"
            );
        }
        assert!(
            keys.insert(path.to_lowercase()),
            "two files differ in case alone: {path:?}"
        );
    }
    for (n, file) in listed.iter().enumerate() {
        let dest = machine.dir.path().join(format!("saved-{n}"));
        if n % 5 == 0 {
            machine.json(&["export", &file["id"].to_string(), dest.to_str().unwrap()]);
            assert_eq!(sha256_of(&dest), file["sha256"].as_str().unwrap(), "{file}");
        }
    }
    // Into a folder, under their own names.
    let out = machine.dir.path().join("out");
    std::fs::create_dir(&out).unwrap();
    let (store, report) = machine.store();
    assert_eq!(
        report.reconciled.map(|r| r.is_quiet()),
        Some(true),
        "the second look is quiet"
    );
    for file in &listed {
        let id = redline_store::FileId(file["id"].as_i64().unwrap());
        let to = out.join(file["id"].to_string());
        std::fs::create_dir(&to).unwrap();
        store
            .export(id, &to, &())
            .unwrap_or_else(|e| panic!("{file}: {e}"));
        assert_eq!(
            hashes(&to).into_values().collect::<Vec<_>>(),
            [file["sha256"].as_str().unwrap()]
        );
    }
    store.release();
    drop(store);
    verify_is_clean(&machine, expected.len(), "hostile names");
    let said = machine.import(&folder);
    assert_eq!(
        list(&said.json()["imported"]).len(),
        0,
        "again: {}",
        said.json()["imported"]
    );
    assert_eq!(said.code(), 0);
}

#[test]
fn hostile_names_of_streams_stay_in_the_store() {
    let machine = Machine::new();
    let (store, _) = machine.store();
    let names = [
        "../../../etc/passwd",
        "/etc/passwd",
        "a\0b.csv",
        "\0",
        "..",
        ".",
        "",
        "/",
        "C:\\Windows\\x",
        "\\\\host\\share",
        "x/../../y",
        "con",
        "a/b/c.csv",
        "\u{feff}bom",
        "trailing. . .",
        "~root",
        "$HOME",
        "....//....//x",
    ];
    let long = [
        "n".repeat(300),
        "é".repeat(300),
        format!("{}.parquet", "x".repeat(300)),
        "🦀".repeat(300),
    ];
    let outside = || {
        hashes(machine.dir.path())
            .into_keys()
            .filter(|p| !p.starts_with("data/"))
            .count()
    };
    let before = outside();
    let mut taken = std::collections::BTreeSet::new();
    for (name, i) in names
        .iter()
        .copied()
        .chain(long.iter().map(String::as_str))
        .zip(0u64..)
    {
        let bytes = noise(i, 500);
        let stored = store.import_stream(name, &mut &bytes[..], &ImportOptions::default(), &());
        let record = stored.unwrap_or_else(|e| panic!("{name:?}: {e}")).record;
        assert_eq!(record.status, Status::Stored);
        assert!(
            !record.relative_path.contains(['/', '\\', '\0']),
            "{name:?}: {record:?}"
        );
        assert!(
            record.filename.len() <= 255 && !record.filename.is_empty(),
            "{name:?}"
        );
        assert!(
            taken.insert(record.relative_path.to_lowercase()),
            "{name:?}: {record:?}"
        );
        assert_eq!(
            sha256_of(&machine.home().join("files").join(&record.relative_path)),
            sha256(&bytes)
        );
    }
    assert!(
        taken.iter().any(|n| n.ends_with(".parquet")),
        "a name cut short keeps its ending: {taken:?}"
    );
    store.release();
    assert_eq!(machine.on_disk().len(), taken.len());
    assert_eq!(
        outside(),
        before,
        "something was written outside of the store"
    );
    drop(store);
    verify_is_clean(&machine, taken.len(), "hostile streams");
}

#[test]
fn a_file_edited_in_place_is_told_as_changed_once_and_then_is_the_file() {
    let machine = Machine::new();
    machine.import(&machine.sources(
        "from",
        [
            ("a.csv", b"x,y\n1,2\n".to_vec()),
            ("b.csv", noise(2, 50)),
            ("c.csv", noise(3, 50)),
        ],
    ));
    let before = machine.files();
    let path = |name: &str| machine.home().join("files/from").join(name);
    // Longer, as an editor does; and the same length with the old time, as nobody should.
    std::fs::write(path("a.csv"), "x,y\n1,2\n3,4\n").unwrap();
    let sly = path("b.csv");
    let time = sly.metadata().unwrap().modified().unwrap();
    std::fs::write(&sly, noise(22, 50)).unwrap();
    File::options()
        .write(true)
        .open(&sly)
        .unwrap()
        .set_modified(time)
        .unwrap();

    let said = machine.run(&["verify"]);
    assert_eq!(said.code(), 0, "an edit is no failure: {}", said.stderr);
    let answer = said.json();
    let mut changed: Vec<String> = list(&answer["verify"]["changed"])
        .iter()
        .map(|f| f["filename"].as_str().unwrap().to_owned())
        .collect();
    changed.sort();
    // What opening found is said by opening, what verify found by verify: nothing twice,
    // nothing in silence.
    let notice = answer["notice"].to_string();
    if changed == ["b.csv"] {
        assert!(
            notice.contains("1 file was edited"),
            "a.csv changed in silence: {answer}"
        );
    } else {
        assert_eq!(changed, ["a.csv", "b.csv"], "{answer}");
    }
    verify_is_clean(&machine, 3, "the second time");
    let after = machine.files();
    for old in &before {
        let new = after
            .iter()
            .find(|f| f["id"] == old["id"])
            .expect("it keeps its id");
        assert_eq!(new["uid"], old["uid"]);
        if old["filename"] == "c.csv" {
            assert_eq!(new, old);
        } else {
            assert_ne!(new["sha256"], old["sha256"]);
            assert_eq!(
                new["metadata"]["revisions"][0]["sha256"], old["sha256"],
                "{new}"
            );
        }
    }
    // Gone is missing, and that is a failure.
    std::fs::remove_file(path("c.csv")).unwrap();
    let said = machine.run(&["verify"]);
    assert_eq!(said.code(), 6, "{}", said.stderr);
    assert_eq!(
        list(&said.json()["verify"]["missing"]).len(),
        1,
        "{}",
        said.json()
    );
}

#[test]
fn an_import_of_any_size_stays_under_150_mib_of_memory() {
    const LIMIT: i64 = 150 * 1024;
    let machine = Machine::new();
    let big = machine.dir.path().join("big.bin");
    File::create(&big).unwrap().set_len(1 << 30).unwrap();
    let (peak, took) = peak_memory(&machine, &["import", big.to_str().unwrap()]);
    println!("1 GiB: {} MiB in {took:?}", peak / 1024);
    assert!(peak < LIMIT, "1 GiB in one file: {peak} KiB");
    std::fs::remove_file(&big).unwrap();

    let machine = Machine::new();
    let files: Vec<(String, Vec<u8>)> = (0..5000)
        .map(|i| (format!("{}/{i}.csv", i % 50), noise(i, 2000)))
        .collect();
    let folder = machine.sources("many", files.iter().map(|(n, b)| (n.as_str(), b.clone())));
    let (peak, took) = peak_memory(&machine, &["import", folder.to_str().unwrap()]);
    println!("5,000 files: {} MiB in {took:?}", peak / 1024);
    assert!(peak < LIMIT, "5,000 files: {peak} KiB");
    let (peak, took) = peak_memory(&machine, &["files"]);
    println!("listing them: {} MiB in {took:?}", peak / 1024);
    assert!(peak < LIMIT, "listing 5,000 files: {peak} KiB");
    assert_eq!(machine.files().len(), 5000);
}
