//! The catalog's log cut short, and with flipped bits: no file is lost, and what had
//! to be set aside is said.
#![cfg(target_os = "linux")]

mod survival_support;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use redline_store::{
    FailedSource, FileRecord, Identity, ImportOptions, ImportSink, ImportSource, SkippedSource,
    Store, StoreOptions,
};
use survival_support::*;

/// A store whose process died with its rows in the log alone: files in folders, one in
/// the trash, one brought back, one in the catalog proper.
struct Wreck {
    machine: Machine,
    told: Vec<serde_json::Value>,
    trashed: String,
}

fn wreck() -> Wreck {
    let alive = Machine::new();
    alive.import(&alive.sources("zero", [("checkpointed.csv", noise(7, 700))]));
    let wal = alive.home().join("user_data.duckdb.wal");
    assert!(!wal.exists(), "a command that ends folds its log in");
    // One process that never lets go: all that follows is in the log alone.
    let options = StoreOptions {
        idle_release: std::time::Duration::from_secs(3600),
        ..StoreOptions::default()
    };
    let (store, _) = Store::create_or_open(&alive.data, &Identity::of_key(KEY), options).unwrap();
    let bring_in = |name: &str, files: &[(String, Vec<u8>)]| {
        let folder = alive.sources(name, files.iter().map(|(n, b)| (n.as_str(), b.clone())));
        let source = ImportSource {
            path: folder,
            token: None,
        };
        let mut sink = Brought::default();
        store
            .import(vec![source], &ImportOptions::default(), &mut sink, &())
            .unwrap();
        assert_eq!(sink.0.len(), files.len());
        sink.0
    };
    let files: Vec<(String, Vec<u8>)> = (0..12)
        .map(|i| {
            (
                format!("{}/{i}.csv", i % 3),
                noise(100 + i, 300 * i as usize),
            )
        })
        .collect();
    let one = bring_in("one", &files);
    let two = bring_in(
        "two",
        &[
            ("a.csv".into(), noise(200, 5000)),
            ("b.csv".into(), noise(201, 1)),
        ],
    );
    let id = |files: &[FileRecord], name: &str| {
        let file = files.iter().find(|f| f.filename == name);
        file.expect("it was brought in").id
    };
    store.trash(&[id(&two, "b.csv")]).unwrap();
    let deleted = id(&one, "5.csv");
    store.trash(&[deleted]).unwrap();
    store.untrash(&[deleted]).unwrap();
    // And one whose rows are there, but not the end of its work.
    let unfinished = store.scratch_dir().unwrap();
    bring_in("three", &[("c.csv".into(), noise(300, 9000))]);
    // The machine as it would be found if the process died now.
    let machine = copy_of(&alive);
    drop(unfinished);
    let told = machine_files_without_opening(&machine);
    let wal = machine.home().join("user_data.duckdb.wal");
    assert!(
        wal.metadata().unwrap().len() > 1000,
        "the rows are in the log"
    );
    let trashed = sha256(&noise(201, 1));
    Wreck {
        machine,
        told,
        trashed,
    }
}

#[derive(Default)]
struct Brought(Vec<FileRecord>);

impl ImportSink for Brought {
    fn imported(&mut self, record: FileRecord) {
        self.0.push(record);
    }
    fn skipped(&mut self, skipped: SkippedSource) {
        panic!("{skipped:?}");
    }
    fn failed(&mut self, failed: FailedSource) {
        panic!("{failed:?}");
    }
}

/// What a copy of the wreck lists: the wreck itself is not to be mended.
fn machine_files_without_opening(machine: &Machine) -> Vec<serde_json::Value> {
    let twin = copy_of(machine);
    let files = twin.files();
    assert_eq!(
        files.len(),
        15,
        "14 were stored and listed, one died before it was told"
    );
    files
}

fn copy_of(machine: &Machine) -> Machine {
    let twin = Machine::new();
    copy_tree(&machine.data, &twin.data);
    twin
}

/// As `cp -a`: the journal believes a file by its time.
fn copy_tree(from: &Path, to: &PathBuf) {
    let output = std::process::Command::new("cp")
        .arg("-a")
        .arg(from)
        .arg(to)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[derive(Clone, Debug)]
enum Damage {
    Cut(usize),
    Flip(usize, u8),
    Zero(usize, usize),
    Junk(usize),
    Garbage,
}

impl Damage {
    fn of(&self, bytes: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        match *self {
            Damage::Cut(len) => bytes.truncate(len),
            Damage::Flip(at, bit) => bytes[at] ^= 1 << bit,
            Damage::Zero(at, len) => {
                let end = (at + len).min(bytes.len());
                bytes[at..end].fill(0);
            }
            Damage::Junk(len) => bytes.extend(noise(5, len)),
            Damage::Garbage => bytes = noise(6, bytes.len()),
        }
        bytes
    }
}

fn survives(wreck: &Wreck, damaged: &str, damage: &Damage, heard: &Mutex<BTreeSet<&'static str>>) {
    let when = format!("{damaged} with {damage:?}");
    let machine = copy_of(&wreck.machine);
    let path = machine.home().join(damaged);
    let bytes = damage.of(&std::fs::read(&path).unwrap());
    std::fs::write(&path, bytes).unwrap();

    let said = machine.run(&["files"]);
    assert_eq!(said.code(), 0, "{when}: {}", said.stderr);
    let answer = said.json();
    let notice = answer["notice"].to_string();
    let listed = list(&answer["files"]);
    let disk = machine.on_disk();
    assert_eq!(disk.len(), wreck.told.len(), "{when}: a file went or came");
    assert_eq!(listed.len(), disk.len(), "{when}: {notice}");
    for file in &wreck.told {
        let path = file["relative_path"].as_str().unwrap();
        let twin = listed.iter().find(|f| f["relative_path"] == path);
        let twin = twin.unwrap_or_else(|| panic!("{when}: {path} is not listed; {notice}"));
        assert_eq!(twin["status"], "stored", "{when}: {path}");
        assert_eq!(twin["sha256"], file["sha256"], "{when}: {path}");
        assert_eq!(
            disk[path],
            file["sha256"].as_str().unwrap(),
            "{when}: {path}"
        );
    }
    let ids: BTreeSet<String> = listed.iter().map(|f| f["id"].to_string()).collect();
    assert_eq!(ids.len(), listed.len(), "{when}: two files with one id");
    if machine.quarantined() > 0 {
        assert!(
            notice.contains("set aside"),
            "{when}: set aside without a word: {notice}"
        );
        heard.lock().unwrap().insert("set aside");
    } else {
        heard.lock().unwrap().insert("replayed");
        assert!(!notice.contains("set aside"), "{when}: {notice}");
    }
    if notice.contains("brought back") {
        heard.lock().unwrap().insert("rows brought back");
    }
    let trash = list(&machine.json(&["trash"])["files"]);
    assert_eq!(trash.len(), 1, "{when}: the trash is {trash:?}");
    assert_eq!(trash[0]["sha256"], wreck.trashed.as_str(), "{when}");
    // What was mended can be worked with, and is mended for good.
    let more = machine.sources("more", [("new.csv", noise(400, 40))]);
    let again = machine.json(&["import", more.to_str().unwrap()]);
    assert!(
        again["notice"].is_null(),
        "{when}: said twice: {}",
        again["notice"]
    );
    assert_eq!(list(&again["imported"]).len(), 1, "{when}");
}

#[test]
fn a_log_cut_short_at_any_length_loses_no_file() {
    let wreck = wreck();
    let len = std::fs::read(wreck.machine.home().join("user_data.duckdb.wal"))
        .unwrap()
        .len();
    let step = (len / 16).max(1);
    let cuts = [0, 1, 7, 8, 9, len - 1, len - 4]
        .into_iter()
        .chain((1..16).map(|i| i * step));
    let heard = Mutex::default();
    on_two_cores(cuts.map(Damage::Cut).collect(), |damage| {
        survives(&wreck, "user_data.duckdb.wal", &damage, &heard);
    });
    let heard = heard.into_inner().unwrap();
    println!("of a log of {len} bytes: {heard:?}");
    assert!(heard.contains("rows brought back"), "{heard:?}");
}

#[test]
fn a_log_with_flipped_bits_loses_no_file_and_is_set_aside_aloud() {
    let wreck = wreck();
    let len = std::fs::read(wreck.machine.home().join("user_data.duckdb.wal"))
        .unwrap()
        .len();
    let mut damages: Vec<Damage> = (0..24).map(|at| Damage::Flip(at, (at % 8) as u8)).collect();
    // The lengths of entries are where a reader is led astray the most.
    let step = (len / 20).max(1);
    damages.extend((1..20).map(|i| Damage::Flip(i * step, (i % 8) as u8)));
    damages.extend([
        Damage::Flip(len - 1, 0),
        Damage::Zero(0, 64),
        Damage::Zero(len / 2, 512),
        Damage::Zero(len / 3, 8),
        Damage::Junk(100),
        Damage::Junk(100_000),
        Damage::Garbage,
    ]);
    let heard = Mutex::default();
    on_two_cores(damages, |damage| {
        survives(&wreck, "user_data.duckdb.wal", &damage, &heard)
    });
    let heard = heard.into_inner().unwrap();
    println!("{heard:?}");
    assert!(heard.contains("set aside"), "{heard:?}");
}

#[test]
fn a_damaged_catalog_loses_no_file_and_is_set_aside_aloud() {
    let wreck = wreck();
    let len = std::fs::read(wreck.machine.home().join("user_data.duckdb"))
        .unwrap()
        .len();
    let damages = [
        Damage::Cut(0),
        Damage::Cut(1),
        Damage::Cut(4096),
        Damage::Cut(len / 2),
        Damage::Cut(len - 1),
        Damage::Flip(0, 0),
        Damage::Flip(12, 5),
        Damage::Flip(5000, 3),
        Damage::Flip(9000, 1),
        Damage::Zero(0, len),
        Damage::Zero(4096, 8192),
        Damage::Garbage,
    ];
    let heard = Mutex::default();
    on_two_cores(damages.to_vec(), |damage| {
        survives(&wreck, "user_data.duckdb", &damage, &heard);
    });
    println!("{:?}", heard.into_inner().unwrap());
}

#[test]
fn as_text_what_a_damaged_log_needed_is_said_on_stderr() {
    let wreck = wreck();
    let path = wreck.machine.home().join("user_data.duckdb.wal");
    std::fs::write(&path, noise(8, 4000)).unwrap();
    let said = wreck.machine.text(&["files"]);
    assert_eq!(said.code(), 0, "{}", said.stderr);
    // DuckDB takes a log it cannot make sense of from the start for one that was never
    // finished; either way it is said, and the rows are there.
    let said_so = said.stderr.contains("set aside") || said.stderr.contains("brought back");
    assert!(said.stderr.contains("note:") && said_so, "{}", said.stderr);
    assert_eq!(machine_files_without_opening(&wreck.machine).len(), 15);
}
