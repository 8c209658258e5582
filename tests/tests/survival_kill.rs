//! `kill -9` at every step of an import and at random moments.
#![cfg(target_os = "linux")]

mod survival_support;

use std::collections::{BTreeMap, BTreeSet};
use std::process::Stdio;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use rand::{Rng, SeedableRng, rngs::StdRng};
use survival_support::{trace, *};

/// The calls that change something; reads cannot leave anything behind.
const STEPS: &str = "openat,write,pwrite64,fsync,fdatasync,syncfs,rename,renameat2,mkdir,unlink,\
                     unlinkat,ftruncate,fallocate,sync_file_range,flock,fchmodat,chmod";

/// More than 8 files, so that they are synced together; a folder; an empty file; one
/// big enough to be synced by itself; two that differ in case alone.
fn mixed(machine: &Machine) -> std::path::PathBuf {
    let mut files: Vec<(String, Vec<u8>)> = (0..9)
        .map(|i| (format!("small-{i}.csv"), noise(i, 700 * i as usize + 1)))
        .collect();
    files.push(("deep/er/empty.bin".into(), Vec::new()));
    files.push(("deep/Data.txt".into(), noise(50, 5000)));
    files.push(("deep/date.txt".into(), noise(51, 5000)));
    files.push(("deep/big.bin".into(), noise(99, 17 * MIB)));
    machine.sources(
        "mixed",
        files
            .iter()
            .map(|(name, bytes)| (name.as_str(), bytes.clone())),
    )
}

/// strace counts each thread's calls by themselves, so the numbers of interest are
/// those at which any thread touches the store.
fn steps() -> Vec<(String, usize)> {
    let machine = Machine::new();
    let folder = mixed(&machine);
    let log = machine.dir.path().join("log");
    let said = trace::run(
        &machine,
        &["-e", &format!("trace={STEPS}")],
        &log,
        &["import", folder.to_str().unwrap()],
    );
    assert_eq!(said.code(), 0, "{}", said.stderr);
    let home = machine.data.to_str().unwrap();
    let mut counts: BTreeMap<(u32, String), usize> = BTreeMap::new();
    let mut numbers: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
    let mut calls = trace::read(&log);
    calls.sort_by_key(|c| c.start);
    for call in calls {
        let n = counts.entry((call.pid, call.name.clone())).or_default();
        *n += 1;
        let stdout = call.name == "write" && call.fd() == "1";
        if call.text.contains(home) || stdout {
            numbers.entry(call.name).or_default().insert(*n);
        }
    }
    for needed in [
        "openat",
        "write",
        "fsync",
        "fdatasync",
        "syncfs",
        "renameat2",
        "mkdir",
    ] {
        assert!(
            numbers.contains_key(needed),
            "an import without {needed}: {numbers:?}"
        );
    }
    let mut steps = Vec::new();
    for (name, numbers) in numbers {
        // The big file's writes are all alike: past the first dozen, every fifth.
        let last = *numbers.last().unwrap();
        steps.extend(
            numbers
                .into_iter()
                .filter(|n| {
                    !matches!(name.as_str(), "write" | "pwrite64")
                        || *n <= 12
                        || n % 5 == 0
                        || n + 2 > last
                })
                // One more than was seen: threads share the work differently each time.
                .map(|n| (name.clone(), n)),
        );
        steps.push((name, last + 1));
    }
    steps
}

#[test]
fn killed_at_every_step_of_an_import_nothing_told_is_lost_and_nothing_is_partial() {
    let steps = steps();
    println!("{} steps", steps.len());
    let killed = Mutex::new(BTreeMap::<String, usize>::new());
    let shared = Machine::new();
    let folder = mixed(&shared);
    let sources = hashes(&folder);
    on_two_cores(steps, |(name, n)| {
        let when = format!("killed at {name} number {n}");
        let machine = Machine::new();
        let said = trace::killed_at(&machine, &name, n, &["import", folder.to_str().unwrap()]);
        if said.was_killed() {
            *killed.lock().unwrap().entry(name).or_default() += 1;
        } else {
            assert_eq!(said.code(), 0, "{when}: {}", said.stderr);
        }
        let told = acknowledged(&said.stdout);
        let listed = nothing_was_lost(&machine, &told, &sources, &when);
        assert_eq!(
            machine.quarantined(),
            0,
            "{when}: a plain kill damages nothing"
        );
        if n % 3 == 1 {
            verify_is_clean(&machine, listed.len(), &when);
        }
        importing_again_completes(&machine, &folder, &sources, &when);
        nothing_is_left_over(&machine, &when);
    });
    let killed = killed.into_inner().unwrap();
    println!("killed at {killed:?}");
    for name in [
        "openat",
        "write",
        "fsync",
        "fdatasync",
        "syncfs",
        "renameat2",
        "mkdir",
        "unlinkat",
    ] {
        assert!(
            killed.contains_key(name),
            "never killed at {name}: {killed:?}"
        );
    }
}

#[test]
fn killed_at_200_random_moments_nothing_told_is_lost_and_the_store_always_opens() {
    const ROUNDS: usize = 200;
    /// Kills that one store lives through.
    const LIVES: usize = 25;
    let seed: u64 = std::env::var("REDLINE_TEST_SEED")
        .ok()
        .and_then(|s| s.parse().ok())
        .unwrap_or_else(|| rand::rng().random());
    println!("REDLINE_TEST_SEED={seed}");

    let round_files = |machine: &Machine, round: u64| {
        let mut files: Vec<(String, Vec<u8>)> = (0..200)
            .map(|i| {
                (
                    format!("{i:03}.csv"),
                    noise(round * 1000 + i, (i * 37 % 4000) as usize + 8),
                )
            })
            .collect();
        files.push(("big.bin".into(), noise(round * 1000 + 999, 8 * MIB)));
        machine.sources(
            &format!("round-{round}"),
            files
                .iter()
                .map(|(name, bytes)| (name.as_str(), bytes.clone())),
        )
    };
    let shared = Machine::new();
    let folders: Vec<_> = (0..LIVES as u64)
        .map(|round| round_files(&shared, round))
        .map(|folder| (folder.clone(), hashes(&folder)))
        .collect();
    // Two at once slow each other down: measured the same way as they will run, and
    // again whenever one gets through, since a machine has other things to do too.
    let takes = Mutex::new(Duration::from_secs(3600));
    on_two_cores(vec![0, 1, 2, 3], |n| {
        let machine = Machine::new();
        let (folder, _) = &folders[n];
        let began = Instant::now();
        assert_eq!(machine.import(folder).code(), 0);
        let mut takes = takes.lock().unwrap();
        *takes = (*takes).min(began.elapsed());
    });
    println!("an import takes {:?}", takes.lock().unwrap());

    let tally = Mutex::new((0, 0, 0));
    on_two_cores((0..ROUNDS / LIVES).collect(), |life| {
        let mut random = StdRng::seed_from_u64(seed ^ life as u64);
        let machine = Machine::new();
        let mut sources = Hashes::new();
        let mut told = Vec::new();
        for (round, (folder, its)) in folders.iter().enumerate().take(LIVES) {
            let when = format!("REDLINE_TEST_SEED={seed}, life {life}, round {round}");
            let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
            for (path, hash) in its {
                sources.insert(format!("{name}/{path}"), hash.clone());
            }
            let wait = takes.lock().unwrap().mul_f64(random.random_range(0.0..1.1));
            let began = Instant::now();
            let child = machine
                .command(&["import", folder.to_str().unwrap()])
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .expect("redline runs");
            let pid = child.id();
            let said = std::thread::scope(|s| {
                let reader = s.spawn(|| finish(child, &when));
                while began.elapsed() < wait && !reader.is_finished() {
                    std::thread::sleep(Duration::from_micros(500));
                }
                if !reader.is_finished() {
                    kill(pid);
                }
                reader.join().unwrap()
            });
            if !said.was_killed() {
                assert_eq!(said.code(), 0, "{when}: {}", said.stderr);
                let mut takes = takes.lock().unwrap();
                *takes = (*takes * 3 + began.elapsed()) / 4;
            }
            let now = acknowledged(&said.stdout);
            {
                let mut tally = tally.lock().unwrap();
                tally.0 += usize::from(said.was_killed());
                tally.1 += now.len();
            }
            told.extend(now);
            // The store opens each time; every fifth time it is looked at in full.
            if round % 5 == 4 {
                let listed = nothing_was_lost(&machine, &told, &sources, &when);
                assert_eq!(
                    machine.quarantined(),
                    0,
                    "{when}: a plain kill damages nothing"
                );
                tally.lock().unwrap().2 += listed.len();
            } else {
                let listed: BTreeSet<String> = machine
                    .files()
                    .iter()
                    .map(|f| f["uid"].as_str().unwrap().to_owned())
                    .collect();
                for file in &told {
                    assert!(
                        listed.contains(file["uid"].as_str().unwrap()),
                        "{when}: lost {file}"
                    );
                }
                nothing_is_left_over(&machine, &when);
            }
        }
        let rows = machine.files().len();
        verify_is_clean(
            &machine,
            rows,
            &format!("REDLINE_TEST_SEED={seed}, life {life}"),
        );
        let journals = std::fs::read_dir(machine.private().join("journal"))
            .unwrap()
            .flatten()
            .filter(|e| e.path().extension().is_some_and(|x| x == "jsonl"))
            .count();
        assert!(
            journals <= 1,
            "life {life}: {journals} journals were never cleared away"
        );
    });
    let (killed, told, looked_at) = tally.into_inner().unwrap();
    println!(
        "an import takes {:?} in the end",
        takes.into_inner().unwrap()
    );
    println!("{killed} of {ROUNDS} were killed; {told} files told, {looked_at} looked at");
    assert!(
        killed >= ROUNDS / 2,
        "only {killed} of {ROUNDS} were killed in time"
    );
}

/// Under a number, since its name was taken meanwhile: the row has to find its bytes.
#[test]
fn killed_at_every_step_of_an_undelete_the_file_is_in_the_trash_or_back_never_both() {
    /// What an undelete does to the files; its row is a transaction of the catalog.
    const MOVES: &str = "rename,renameat,renameat2,unlink,unlinkat,fsync,fdatasync";
    let before = Machine::new();
    let old = before.sources("old", [("a.csv", noise(1, 900))]);
    let said = before.import(&old.join("a.csv"));
    let id = said.json()["imported"][0]["id"].to_string();
    before.json(&["delete", &id]);
    let new = before.sources("new", [("a.csv", noise(2, 700))]);
    assert_eq!(before.import(&new.join("a.csv")).code(), 0);
    let copy = || {
        let machine = Machine::new();
        let copied = std::process::Command::new("cp")
            .arg("-a")
            .args([&before.data, &machine.data])
            .status();
        assert!(copied.unwrap().success());
        machine
    };

    let machine = copy();
    let log = machine.dir.path().join("log");
    let trace_moves = format!("trace={MOVES}");
    let said = trace::run(&machine, &["-e", &trace_moves], &log, &["undelete", &id]);
    assert_eq!(said.code(), 0, "{}", said.stderr);
    let mut counts: BTreeMap<(u32, String), usize> = BTreeMap::new();
    for call in trace::read(&log) {
        *counts.entry((call.pid, call.name)).or_default() += 1;
    }
    let mut most: BTreeMap<String, usize> = BTreeMap::new();
    for ((_, name), count) in counts {
        let top = most.entry(name).or_default();
        *top = (*top).max(count);
    }
    let steps: Vec<(String, usize)> = most
        .into_iter()
        .flat_map(|(name, top)| (1..=top).map(move |n| (name.clone(), n)))
        .collect();
    println!("{} steps", steps.len());
    let killed = Mutex::new(0);
    on_two_cores(steps, |(name, n)| {
        let when = format!("killed at {name} number {n}");
        let machine = copy();
        let said = trace::killed_at(&machine, &name, n, &["undelete", &id]);
        *killed.lock().unwrap() += usize::from(said.was_killed());
        let listed = machine.files();
        let trash = list(&machine.json(&["trash"])["files"]);
        assert_eq!(
            listed.len() + trash.len(),
            2,
            "{when}: {listed:?} and in the trash {trash:?}"
        );
        if trash.is_empty() {
            let back = listed
                .iter()
                .find(|file| file["id"].as_i64() == id.parse().ok());
            let back = back.unwrap_or_else(|| panic!("{when}: {listed:?}"));
            assert_eq!(back["filename"], "a (2).csv", "{when}");
        } else {
            let back = machine.json(&["undelete", &id]);
            assert_eq!(back["file"]["status"], "stored", "{when}: {back}");
        }
        verify_is_clean(&machine, 2, &when);
    });
    let killed = killed.into_inner().unwrap();
    assert!(killed >= 5, "killed {killed} times only");
}
