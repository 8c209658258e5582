//! Several processes on one store: nobody gets a wrong answer, whoever dies.
#![cfg(target_os = "linux")]

mod survival_support;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use redline_store::{FileId, StoreError};
use serde_json::Value;
use survival_support::*;

fn folder(machine: &Machine, name: &str, seed: u64, files: u64) -> std::path::PathBuf {
    let files: Vec<(String, Vec<u8>)> = (0..files)
        .map(|i| (format!("{}/{i}.csv", i % 7), noise(seed + i, 3000)))
        .collect();
    machine.sources(name, files.iter().map(|(n, b)| (n.as_str(), b.clone())))
}

fn start(machine: &Machine, folder: &std::path::Path) -> std::process::Child {
    machine
        .command(&["import", folder.to_str().unwrap()])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("redline runs")
}

/// Lists until told to stop; each listing is right by itself. Returns how many.
fn listing_all_the_while(machine: &Machine, stop: &AtomicBool) -> usize {
    let mut listings = 0;
    let mut before: BTreeSet<String> = BTreeSet::new();
    while !stop.load(Ordering::Relaxed) {
        let said = machine.run(&["files"]);
        assert_eq!(said.code(), 0, "listing {listings}: {}", said.stderr);
        let files = list(&said.json()["files"]);
        let uids: BTreeSet<String> = files.iter().map(|f| f["uid"].to_string()).collect();
        let paths: BTreeSet<String> = files
            .iter()
            .map(|f| f["relative_path"].to_string())
            .collect();
        assert_eq!(uids.len(), files.len(), "listing {listings}: a file twice");
        assert_eq!(paths.len(), files.len(), "listing {listings}: a path twice");
        assert!(
            before.is_subset(&uids),
            "listing {listings}: a file that was listed is gone"
        );
        for file in &files {
            assert_eq!(file["status"], "stored", "listing {listings}: {file}");
            let path = machine
                .home()
                .join("files")
                .join(file["relative_path"].as_str().unwrap());
            let len = path.metadata().map(|m| m.len()).ok();
            assert_eq!(
                len,
                file["size_bytes"].as_u64(),
                "listing {listings}: {file}"
            );
        }
        before = uids;
        listings += 1;
    }
    listings
}

fn while_listing<T>(machine: &Machine, work: impl FnOnce() -> T) -> T {
    let stop = AtomicBool::new(false);
    std::thread::scope(|s| {
        let listing = s.spawn(|| listing_all_the_while(machine, &stop));
        let result = work();
        stop.store(true, Ordering::Relaxed);
        println!("{} listings", listing.join().unwrap());
        result
    })
}

#[test]
fn two_imports_at_once_both_succeed_while_a_third_lists() {
    let machine = Machine::new();
    let (a, b) = (
        folder(&machine, "a", 1000, 300),
        folder(&machine, "b", 5000, 300),
    );
    let told = while_listing(&machine, || {
        let (one, two) = (start(&machine, &a), start(&machine, &b));
        let mut told: Vec<Value> = Vec::new();
        for said in [finish(one, "a"), finish(two, "b")] {
            assert_eq!(said.code(), 0, "nobody waits that long: {}", said.stderr);
            told.extend(list(&said.json()["imported"]));
        }
        told
    });
    assert_eq!(told.len(), 600);
    let mut sources = hashes(&a);
    sources.extend(hashes(&b).into_iter().map(|(k, v)| (format!("b{k}"), v)));
    let listed = nothing_was_lost(&machine, &told, &sources, "two at once");
    assert_eq!(listed.len(), 600);
    verify_is_clean(&machine, 600, "two at once");
}

#[test]
fn two_imports_of_the_same_folder_store_each_file_once() {
    let machine = Machine::new();
    let a = folder(&machine, "a", 1000, 300);
    while_listing(&machine, || {
        let (one, two) = (start(&machine, &a), start(&machine, &a));
        let mut counts = (0, 0);
        for said in [finish(one, "one"), finish(two, "two")] {
            assert_eq!(said.code(), 0, "{}", said.stderr);
            counts.0 += list(&said.json()["imported"]).len();
            counts.1 += list(&said.json()["skipped"]).len();
        }
        assert_eq!(
            counts,
            (300, 300),
            "each file once, and the other time as known"
        );
    });
    importing_again_completes(&machine, &a, &hashes(&a), "the same folder");
    verify_is_clean(&machine, 300, "the same folder");
}

#[test]
fn of_two_imports_one_is_killed_and_the_other_and_the_lists_go_on() {
    for round in 0..8u64 {
        let when = format!("round {round}");
        let machine = Machine::new();
        let (a, b) = (
            folder(&machine, "a", 1000, 300),
            folder(&machine, "b", 5000, 300),
        );
        let same = round % 2 == 1;
        let told = while_listing(&machine, || {
            let (victim, other) = (
                start(&machine, &a),
                start(&machine, if same { &a } else { &b }),
            );
            let pid = victim.id();
            std::thread::sleep(Duration::from_millis(60 + round * 60));
            kill(pid);
            let (victim, other) = (finish(victim, &when), finish(other, &when));
            assert_eq!(other.code(), 0, "{when}: {}", other.stderr);
            assert!(list(&other.json()["failed"]).is_empty(), "{when}");
            let mut told = acknowledged(&victim.stdout);
            told.extend(list(&other.json()["imported"]));
            told
        });
        let mut sources = hashes(&a);
        sources.extend(hashes(&b).into_iter().map(|(k, v)| (format!("b{k}"), v)));
        nothing_was_lost(&machine, &told, &sources, &when);
        machine.import(&a);
        machine.import(&b);
        verify_is_clean(&machine, 600, &when);
        nothing_was_lost(&machine, &told, &sources, &when);
    }
}

#[test]
fn a_program_that_holds_the_catalog_is_named_and_does_no_harm() {
    const HOLD: &str = "REDLINE_TEST_HOLD";
    if let Some(catalog) = std::env::var_os(HOLD) {
        // Another program with the catalog open, until its stdin ends.
        let connection = duckdb::Connection::open(catalog).expect("the catalog opens");
        let rows: i64 = connection
            .query_row("SELECT count(*) FROM user_files", [], |r| r.get(0))
            .unwrap();
        println!("\nheld {rows}");
        std::io::stdin().lines().for_each(drop);
        return;
    }
    let machine = Machine::new();
    machine.import(&folder(&machine, "a", 1000, 20));
    let before = machine.files();
    let mut holder = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "a_program_that_holds_the_catalog_is_named_and_does_no_harm",
            "--nocapture",
        ])
        .env(HOLD, machine.home().join("user_data.duckdb"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(holder.stdout.take().unwrap()).lines();
    assert!(
        lines.any(|l| l.unwrap().contains("held 20")),
        "the holder sees the rows"
    );

    let b = folder(&machine, "b", 5000, 20);
    let commands: [&[&str]; 2] = [&["files"], &["import", b.to_str().unwrap()]];
    for arguments in commands {
        let said = machine.run(arguments);
        assert_eq!(said.code(), 5, "{arguments:?}: {}", said.stderr);
        let error = said.error();
        assert_eq!(error["code"], "store_busy", "{error}");
        assert_eq!(error["retryable"], true, "{error}");
        let words = format!("{} {}", error["message"], error["hint"]);
        assert!(
            words.contains(&holder.id().to_string()),
            "it does not say who: {words}"
        );
        assert!(acknowledged(&said.stdout).is_empty());
    }
    assert_eq!(machine.quarantined(), 0, "a held catalog is no damaged one");
    drop(holder.stdin.take());
    assert!(holder.wait().unwrap().success());
    assert_eq!(machine.files(), before);
    assert_eq!(machine.import(&b).code(), 0);
    verify_is_clean(&machine, 40, "after another program had it");
}

#[test]
fn a_window_that_stays_open_lets_the_command_line_in() {
    // The store of this process stands for the window: open, and at work.
    let machine = Machine::new();
    let (store, _) = machine.store();
    let a = folder(&machine, "a", 1000, 50);
    let stop = AtomicBool::new(false);
    std::thread::scope(|s| {
        let busy = s.spawn(|| {
            let mut n = 0;
            while !stop.load(Ordering::Relaxed) {
                store
                    .meta_set("beat", &n.to_string())
                    .unwrap_or_else(|e| panic!("beat {n}: {e}"));
                n += 1;
                std::thread::sleep(Duration::from_millis(5));
            }
            n
        });
        let began = std::time::Instant::now();
        let said = machine.import(&a);
        let took = began.elapsed();
        assert_eq!(said.code(), 0, "{}", said.stderr);
        for _ in 0..5 {
            assert_eq!(machine.files().len(), 50);
        }
        stop.store(true, Ordering::Relaxed);
        println!("import in {took:?} beside {} writes", busy.join().unwrap());
    });
    // It sees what the other did, and a foreign id stays unknown.
    assert_eq!(store.stats().unwrap().files, 50);
    assert!(matches!(store.get(FileId(4711)), Err(StoreError::NotFound)));
}
