//! `kill -9`, Ctrl-C and a full disk in the middle of a conversion.
#![cfg(target_os = "linux")]

mod survival_support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use rand::{Rng, SeedableRng, rngs::StdRng};
use serde_json::Value;
use survival_support::{trace, *};

/// The calls at which something becomes durable or gets its name.
const STEPS: &str =
    "fsync,fdatasync,syncfs,rename,renameat2,linkat,mkdir,unlink,unlinkat,ftruncate";

/// Text that compresses badly, some `rows` of it.
fn table(rows: u64) -> Vec<u8> {
    let mut text = String::from("id,amount,note\n");
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for row in 0..rows {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        text += &format!(
            "{row:08},{}.{:02},{state:016x}\n",
            state % 100_000,
            state % 97
        );
    }
    text.into_bytes()
}

/// A machine with one stored table, and its id.
fn with_table(rows: u64) -> (Machine, String) {
    let machine = Machine::new();
    let folder = machine.sources("in", [("table.csv", table(rows))]);
    let said = machine.import(&folder.join("table.csv"));
    assert_eq!(said.code(), 0, "{}", said.stderr);
    let id = said.json()["imported"][0]["id"].to_string();
    (machine, id)
}

/// What holds after any end: every row of the history has its output, every file is whole
/// and as it was hashed, and nothing is left over.
fn nothing_claims_what_is_not_there(machine: &Machine, when: &str) -> (usize, usize) {
    let files = machine.files();
    let disk = machine.on_disk();
    for file in &files {
        let path = file["relative_path"].as_str().unwrap();
        assert_eq!(
            disk.get(path).map(String::as_str),
            file["sha256"].as_str(),
            "{when}: {file}"
        );
    }
    assert_eq!(files.len(), disk.len(), "{when}: {disk:?}");
    let history = list(&machine.json(&["history"])["conversions"]);
    for row in &history {
        let output = files
            .iter()
            .find(|file| file["id"] == row["output_id"])
            .unwrap_or_else(|| panic!("{when}: {row} has no output"));
        assert_eq!(output["status"], "stored", "{when}: {output}");
        assert_eq!(row["certificate"]["verdict"], "proved", "{when}: {row}");
        assert_eq!(row["rows_in"], row["rows_out"], "{when}: {row}");
    }
    // Each output is a whole table, told by the program itself.
    for file in files.iter().filter(|file| file["format"] == "parquet") {
        let profile = machine.json(&["inspect", &file["id"].to_string()])["profile"].clone();
        assert!(profile["rows"].as_u64().unwrap() > 0, "{when}: {profile}");
    }
    nothing_is_left_over(machine, when);
    (files.len(), history.len())
}

fn convert(id: &str) -> [&str; 4] {
    ["convert", id, "--to", "parquet"]
}

#[test]
fn killed_at_every_step_of_a_conversion_no_row_claims_success_and_nothing_is_partial() {
    const ROWS: u64 = 20_000;
    let steps: Vec<(String, usize)> = {
        let (machine, id) = with_table(ROWS);
        let log = machine.dir.path().join("log");
        let said = trace::run(
            &machine,
            &["-e", &format!("trace={STEPS}")],
            &log,
            &convert(&id),
        );
        assert_eq!(said.code(), 0, "{}", said.stderr);
        let mut counts: BTreeMap<(u32, String), usize> = BTreeMap::new();
        let mut seen: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
        let mut calls = trace::read(&log);
        calls.sort_by_key(|call| call.start);
        for call in calls {
            let n = counts.entry((call.pid, call.name.clone())).or_default();
            *n += 1;
            seen.entry(call.name).or_default().insert(*n);
        }
        for needed in ["fsync", "renameat2"] {
            assert!(seen.contains_key(needed), "a conversion without {needed}");
        }
        seen.into_iter()
            .flat_map(|(name, numbers)| numbers.into_iter().map(move |n| (name.clone(), n)))
            .collect()
    };
    println!("{} steps", steps.len());
    let killed = Mutex::new(0);
    on_two_cores(steps, |(name, n)| {
        let when = format!("killed at {name} number {n}");
        let (machine, id) = with_table(ROWS);
        let said = trace::killed_at(&machine, &name, n, &convert(&id));
        if said.was_killed() {
            *killed.lock().unwrap() += 1;
        }
        let (files, history) = nothing_claims_what_is_not_there(&machine, &when);
        assert!(history <= 1 && files <= 2, "{when}: {files} {history}");
        if !said.was_killed() {
            assert_eq!((files, history), (2, 1), "{when}: {}", said.stderr);
        }
        // And it can be done again.
        let again = machine.json(&convert(&id))["conversion"].clone();
        assert_eq!(again["rows_out"], ROWS, "{when}");
        nothing_claims_what_is_not_there(&machine, &when);
    });
    assert!(*killed.lock().unwrap() > 3, "never killed");
}

#[test]
fn killed_at_random_moments_a_conversion_leaves_nothing_that_claims_success() {
    // Some end before they are killed, more of them the busier the machine was at first.
    const KILLED: usize = 15;
    const MOST: usize = 60;
    let seed: u64 = std::env::var("REDLINE_TEST_SEED")
        .ok()
        .and_then(|s| s.parse().ok())
        .unwrap_or_else(|| rand::rng().random());
    println!("REDLINE_TEST_SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let (machine, id) = with_table(200_000);
    let began = Instant::now();
    assert_eq!(machine.run(&convert(&id)).code(), 0);
    let takes = began.elapsed();
    let mut killed = 0;
    let mut round = 0;
    while killed < KILLED && round < MOST {
        round += 1;
        let when = format!("REDLINE_TEST_SEED={seed}, round {round}");
        let child = machine
            .command(&convert(&id))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        std::thread::sleep(takes.mul_f64(random.random_range(0.0..0.9)));
        kill(child.id());
        let said = finish(child, &when);
        if !said.was_killed() {
            continue;
        }
        killed += 1;
        nothing_claims_what_is_not_there(&machine, &when);
    }
    assert_eq!(killed, KILLED, "of {round}");
    nothing_claims_what_is_not_there(&machine, "in the end");
    let rest = verified(&machine);
    assert_eq!(rest, machine.files().len());
}

fn verified(machine: &Machine) -> usize {
    let verify = machine.json(&["verify"])["verify"].clone();
    assert_eq!(
        (
            list(&verify["changed"]).len(),
            list(&verify["missing"]).len()
        ),
        (0, 0),
        "{verify}"
    );
    verify["ok"].as_u64().unwrap() as usize
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_path_conversion_that_is_killed_or_interrupted_never_has_its_final_name() {
    let machine = Machine::new();
    let folder = machine.sources("in", [("table.csv", table(300_000))]);
    let out: PathBuf = folder.join("table.parquet");
    let arguments = [
        "convert",
        folder.join("table.csv").to_str().unwrap(),
        "--out",
        out.to_str().unwrap(),
    ]
    .map(str::to_owned);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let began = Instant::now();
    assert_eq!(machine.run(&arguments).code(), 0);
    let takes = began.elapsed();
    let whole = sha256_of(&out);
    let mut stopped = 0;
    for share in [0.1, 0.3, 0.5, 0.7, 0.8, 0.9] {
        for interrupted in [false, true] {
            let _ = std::fs::remove_file(&out);
            let when = format!("at {share}, interrupted {interrupted}");
            let child = machine
                .command(&arguments)
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            std::thread::sleep(takes.mul_f64(share).max(Duration::from_millis(150)));
            if interrupted {
                // SAFETY: kill(2) takes two integers; the child was not waited for.
                unsafe {
                    libc::kill(child.id() as i32, libc::SIGINT);
                }
            } else {
                kill(child.id());
            }
            let said = finish(child, &when);
            if out.exists() {
                assert_eq!(sha256_of(&out), whole, "{when}: a final name for a part");
            } else {
                stopped += 1;
            }
            if interrupted && !said.was_killed() && said.code() != 0 {
                assert_eq!(said.error()["code"], "cancelled", "{when}");
                let left = names(&folder);
                let partials = left.iter().filter(|n| n.contains(".partial")).count();
                // Those of the killed ones are the system's to keep; none is of this one.
                assert!(partials <= stopped, "{when}: {left:?}");
            }
        }
    }
    assert!(stopped > 3, "{stopped}");
    assert!(!machine.data.exists(), "no store was touched");
}

#[test]
fn a_disk_that_fills_up_under_a_conversion_loses_nothing() {
    where_mounting_is_allowed(
        "a_disk_that_fills_up_under_a_conversion_loses_nothing",
        || {
            let mount = Mount::tmpfs(48 * MIB);
            let machine = Machine::with_data(&mount.path.join("data"));
            let folder = machine.sources("in", [("table.csv", table(400_000))]);
            let said = machine.import(&folder.join("table.csv"));
            assert_eq!(said.code(), 0, "{}", said.stderr);
            let id = said.json()["imported"][0]["id"].to_string();
            let before = machine.files();
            for leave in [1_u64 << 16, 1 << 20, 4 << 20] {
                let when = format!("{leave} bytes left");
                let filler = mount.path.join("filler");
                let file = std::fs::File::create(&filler).unwrap();
                let len = mount.free().saturating_sub(leave).max(1);
                rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, len).unwrap();
                let all = [
                    "parquet", "csv", "ndjson", "json", "feather", "npz", "duckdb", "sqlite",
                    "xlsx",
                ];
                // Workbooks of so many rows take their time: once is enough.
                let formats = if leave == 1 << 20 {
                    &all[..]
                } else {
                    &all[..6]
                };
                for to in formats {
                    let said = machine.run(&["convert", &id, "--to", to]);
                    assert_eq!(said.code(), 1, "{when} {to}: {:?}", said.json_or_nothing());
                    let error: Value = said.error();
                    assert_eq!(error["code"], "disk_full", "{when} {to}: {error}");
                    assert_eq!(machine.files(), before, "{when} {to}");
                    nothing_is_left_over(&machine, &when);
                }
                std::fs::remove_file(&filler).unwrap();
            }
            assert_eq!(list(&machine.json(&["history"])["conversions"]).len(), 0);
            let said = machine.run(&convert(&id));
            assert_eq!(said.code(), 0, "with room again: {}", said.stderr);
            nothing_claims_what_is_not_there(&machine, "with room again");
        },
    );
}

#[test]
fn a_table_of_40_000_columns_is_converted_within_512_mib() {
    const LIMIT: i64 = 512 * 1024;
    let machine = Machine::new();
    let path = machine.dir.path().join("wide.csv");
    let mut text: String = (0..40_000).map(|c| format!(",column {c}")).collect();
    text.remove(0);
    for row in 0..20 {
        text += &(0..40_000).fold(String::from("\n"), |line, c| {
            let between = if c == 0 { "" } else { "," };
            line + between + &(c * 31 + row * 7).to_string()
        });
    }
    std::fs::write(&path, text).unwrap();
    let path = path.to_str().unwrap();
    let (peak, took) = peak_memory(&machine, &["inspect", path]);
    println!("inspect: {} MiB in {took:?}", peak / 1024);
    assert!(peak < LIMIT, "inspect: {peak} KiB");
    for to in ["csv", "parquet", "ndjson"] {
        let out = machine.dir.path().join(format!("out.{to}"));
        let out = out.to_str().unwrap();
        let (peak, took) = peak_memory(&machine, &["convert", path, "--to", to, "--out", out]);
        println!("{to}: {} MiB in {took:?}", peak / 1024);
        assert!(peak < LIMIT, "{to}: {peak} KiB");
    }
}
