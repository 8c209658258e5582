//! What happens to a conversion from outside (cancel, kill, a full disk, a source that
//! changes) leaves nothing behind, and nothing that claims success.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::common::Bench;
use redline_convert::*;

fn large(bench: &Bench) -> PathBuf {
    bench.parquet(
        "t.parquet",
        "SELECT range AS id, (range % 97713 / 100)::DECIMAL(9,2) AS price, DATE '2024-01-01' + (range % 366)::INT AS day,
                hash(range)::VARCHAR AS note FROM range(200000)",
    )
}

/// Formats that a conversion can end in while something happens to it.
const TARGETS: [Format; 2] = [Format::Parquet, Format::Feather];

/// Cancels after so long; remembers that it was asked.
struct Stop {
    after: Duration,
    begun: Instant,
    told: AtomicBool,
}

impl Stop {
    fn after(after: Duration) -> Self {
        Stop {
            after,
            begun: Instant::now(),
            told: AtomicBool::new(false),
        }
    }
}

impl Progress for Stop {
    fn phase(&self, _: &str) {}
    fn set_total(&self, _: u64) {}
    fn advance(&self, _: u64) {}
    fn is_cancelled(&self) -> bool {
        let now = self.begun.elapsed() >= self.after;
        self.told.fetch_or(now, Ordering::Relaxed);
        now
    }
}

#[test]
fn cancel_at_any_moment_leaves_nothing() {
    let bench = Bench::new();
    let source = large(&bench);
    let options = Options::parse([("filter", "id % 3 > 0"), ("duplicates", "drop")]).unwrap();
    let run = |to, progress: &dyn Progress| {
        let plan = plan(&Source::new(&source), to, &options, &bench.limits, progress)?;
        convert(&plan, &bench.path("out"), &bench.limits, progress)
    };
    for to in TARGETS {
        let begun = Instant::now();
        run(to, &()).unwrap();
        let whole = begun.elapsed();
        fs::remove_file(bench.path("out")).unwrap();
        let mut cancelled = 0;
        let mut latest = Duration::ZERO;
        for i in 0..12 {
            // Spread by the golden ratio, so that no phase is passed over.
            let share = (f64::from(i) * 0.618_034).fract();
            let stop = Stop::after(whole.mul_f64(share));
            match run(to, &stop) {
                Err(ConvertError::Cancelled) => {
                    cancelled += 1;
                    latest = latest.max(stop.begun.elapsed().saturating_sub(stop.after));
                    assert_eq!(bench.left(), ["t.parquet"]);
                }
                // Faster this time than the first: done before the moment came.
                Ok(_) => fs::remove_file(bench.path("out")).unwrap(),
                Err(other) => panic!("{other:?}"),
            }
        }
        // Some 100 ms on an idle machine; the bound leaves room for a busy one.
        eprintln!("{to:?}: longest wait after a cancel: {latest:?}");
        let bound = Duration::from_secs(2) + whole / 4;
        assert!(latest < bound, "{latest:?} after a cancel");
        assert!(cancelled >= 4, "only {cancelled} of 12 came in time");
    }
}

#[derive(Default)]
struct Record {
    phases: std::sync::Mutex<Vec<(String, u64, u64)>>,
}

impl Progress for Record {
    fn phase(&self, name: &str) {
        self.phases.lock().unwrap().push((name.to_owned(), 0, 0));
    }
    fn set_total(&self, bytes: u64) {
        self.phases.lock().unwrap().last_mut().unwrap().1 = bytes;
    }
    fn advance(&self, bytes: u64) {
        self.phases.lock().unwrap().last_mut().unwrap().2 += bytes;
    }
    fn is_cancelled(&self) -> bool {
        false
    }
}

#[test]
fn progress_adds_up() {
    let bench = Bench::new();
    let source = large(&bench);
    for (set, expected) in [
        (vec![], vec!["write", "prove"]),
        (vec![("prove", "no")], vec!["write"]),
        (
            vec![("filter", "id < 1000"), ("missing", "drop")],
            vec!["choose", "choose", "write", "prove"],
        ),
    ] {
        let record = Record::default();
        let options = Options::parse(set).unwrap();
        let plan = plan(
            &Source::new(&source),
            Format::Feather,
            &options,
            &bench.limits,
            &record,
        )
        .unwrap();
        let dest = bench.path("out.feather");
        convert(&plan, &dest, &bench.limits, &record).unwrap();
        fs::remove_file(dest).unwrap();
        let phases = record.phases.into_inner().unwrap();
        let names: Vec<_> = phases.iter().map(|p| p.0.as_str()).collect();
        assert_eq!(names, expected);
        for (name, total, done) in phases {
            assert!(total > 0 && total == done, "{name}: {done} of {total}");
        }
    }
}

#[test]
fn a_destination_is_never_replaced() {
    let bench = Bench::new();
    let source = bench.parquet("t.parquet", "SELECT 1 AS a");
    let taken = bench.file("out.feather", "mine");
    let error = bench
        .to(&source, Format::Feather, "out.feather")
        .unwrap_err();
    assert!(matches!(error, ConvertError::DestExists));
    assert_eq!(fs::read(taken).unwrap(), b"mine");
    assert_eq!(bench.left(), ["out.feather", "t.parquet"]);
}

#[test]
fn a_source_that_changed_since_the_plan_is_refused() {
    let bench = Bench::new();
    let source = bench.parquet("t.parquet", "SELECT 1 AS a");
    let plan = bench.plan(&source, Format::Feather).unwrap();
    let bytes = fs::read(&source).unwrap();
    fs::write(&source, [&bytes[..], b"x"].concat()).unwrap();
    let run = || convert(&plan, &bench.path("out"), &bench.limits, &());
    assert!(matches!(run(), Err(ConvertError::SourceChanged)));
    fs::remove_file(&source).unwrap();
    assert!(matches!(run(), Err(ConvertError::SourceChanged)));
    assert!(bench.left().is_empty());
}

/// Replaces the source once writing has begun.
struct Swap {
    source: PathBuf,
    done: AtomicBool,
}

impl Progress for Swap {
    fn phase(&self, name: &str) {
        if name == "write" && !self.done.swap(true, Ordering::Relaxed) {
            let bytes = fs::read(&self.source).unwrap();
            fs::remove_file(&self.source).unwrap();
            fs::write(&self.source, bytes).unwrap();
        }
    }
    fn set_total(&self, _: u64) {}
    fn advance(&self, _: u64) {}
    fn is_cancelled(&self) -> bool {
        false
    }
}

#[test]
fn a_source_that_changes_during_the_run_is_noticed() {
    let bench = Bench::new();
    let source = large(&bench);
    let plan = bench.plan(&source, Format::Feather).unwrap();
    let swap = Swap {
        source,
        done: AtomicBool::new(false),
    };
    let outcome = convert(&plan, &bench.path("out"), &bench.limits, &swap);
    assert!(
        matches!(outcome, Err(ConvertError::SourceChanged)),
        "{outcome:?}"
    );
    assert_eq!(bench.left(), ["t.parquet"]);
}

#[test]
fn names_of_any_shape_can_be_converted() {
    let bench = Bench::new();
    let made = bench.parquet("made.parquet", "SELECT 1 AS a, 'x' AS b");
    for name in [
        "we*ird [1]?.parquet",
        "it's \"quoted\".parquet",
        "a;b=1.parquet",
        "🦆.parquet",
    ] {
        let source = bench.path(name);
        fs::copy(&made, &source).unwrap();
        let set = [("filter", "a = 1")];
        let (_, done) = bench
            .to_with(&source, Format::Feather, &format!("{name}.feather"), &set)
            .unwrap();
        assert_eq!(done.certificate.verdict, Verdict::Proved);
    }
}

#[test]
fn what_is_no_table_is_told_by_what_it_seems_to_be() {
    let bench = Bench::new();
    for (name, bytes, seems) in [
        ("a.csv", b"%PDF-1.7 ....".as_slice(), "PDF"),
        ("b.parquet", b"PAR1 and then nothing else", "end is missing"),
        ("c.bin", b"\0\x01\x02\x03\x04\x05\x06\x07\x10\x11", "binary"),
        ("d.csv", b"BZh91AY....", "bzip2"),
    ] {
        let path = bench.file(name, bytes);
        let error = bench.plan(&path, Format::Feather).unwrap_err();
        assert!(
            matches!(error, ConvertError::Unreadable { .. }),
            "{error:?}"
        );
        assert!(error.to_string().contains(seems), "{error}");
        fs::remove_file(path).unwrap();
    }
    assert!(matches!(
        bench.plan(&bench.path("none"), Format::Parquet),
        Err(ConvertError::Io(_))
    ));
    assert!(bench.plan(bench.dir.path(), Format::Parquet).is_err());
    let source = bench.parquet("t.parquet", "SELECT 1 AS a");
    assert!(matches!(
        bench.plan(&source, Format::Other),
        Err(ConvertError::Unsupported { .. })
    ));
}

#[test]
fn detection_reads_little_and_by_content() {
    let bench = Bench::new();
    let made = bench.parquet("wrong.csv", "SELECT 1 AS a");
    assert_eq!(detect(&made).unwrap().format, Format::Parquet);
    let cut = bench.file("cut", &fs::read(&made).unwrap()[..40]);
    assert_eq!(
        detect(&cut).unwrap().detail,
        "Parquet, but its end is missing"
    );
}

/// Needs the right to mount.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_named_and_left_clean() {
    use std::process::Command;
    let bench = Bench::new();
    let source = large(&bench);
    let small = bench.path("small");
    fs::create_dir(&small).unwrap();
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"])
        .arg(&small)
        .status()
        .is_ok_and(|s| s.success());
    if !mounted {
        eprintln!("not allowed to mount a small disk: left out");
        return;
    }
    let mut outcomes = Vec::new();
    for to in TARGETS {
        let plan = bench.plan(&source, to).unwrap();
        let outcome = convert(&plan, &small.join("out"), &bench.limits, &());
        outcomes.push((to, outcome, fs::read_dir(&small).unwrap().count()));
    }
    assert!(
        Command::new("umount")
            .arg(&small)
            .status()
            .unwrap()
            .success()
    );
    for (to, outcome, left) in outcomes {
        match outcome {
            Err(ConvertError::DiskFull { needed }) => assert!(needed > 0),
            other => panic!("{to:?}: {other:?}"),
        }
        assert_eq!(left, 0, "{to:?}");
    }
}

const CHILD: &str = "REDLINE_TEST_CONVERTS";

/// Does nothing by itself: it is the process that the next test kills.
#[test]
fn child_that_converts() {
    let Some(folder) = std::env::var_os(CHILD) else {
        return;
    };
    let folder = PathBuf::from(folder);
    let source = Source::new(folder.join("t.parquet"));
    let limits = Limits {
        temp_dir: folder.clone(),
        ..Limits::default()
    };
    let plan = plan(&source, Format::Parquet, &Options::default(), &limits, &()).unwrap();
    convert(&plan, &folder.join("out.parquet"), &limits, &()).unwrap();
}

#[test]
fn a_killed_conversion_leaves_nothing_under_its_name() {
    let bench = Bench::new();
    let source = large(&bench);
    let begun = Instant::now();
    let (out, _) = bench.to(&source, Format::Parquet, "out.parquet").unwrap();
    let whole = begun.elapsed();
    let size = fs::metadata(&out).unwrap().len();
    fs::remove_file(&out).unwrap();
    for i in 0..4 {
        let mut child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "survival::child_that_converts"])
            .env(CHILD, bench.dir.path())
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(whole.mul_f64(f64::from(i + 1) / 4.0));
        let _ = child.kill();
        child.wait().unwrap();
        // Either it was done, and whole, or it is not there.
        if out.exists() {
            assert_eq!(fs::metadata(&out).unwrap().len(), size);
            fs::remove_file(&out).unwrap();
        }
    }
}

/// Found by reading damaged files at random; each was told as a defect of ours.
#[test]
fn damage_is_told_as_what_it_is() {
    let bench = Bench::new();
    let places = bench.file(
        "places.parquet",
        include_bytes!("../damaged/negative-place.parquet"),
    );
    let schema = bench.path("schema.sqlite");
    rusqlite::Connection::open(&schema)
        .unwrap()
        .execute_batch(
            "CREATE TABLE t (a); INSERT INTO t VALUES (1); PRAGMA writable_schema = ON;
             UPDATE sqlite_schema SET sql = CAST(X'435245415445205441424C4520742028FF29' AS TEXT)",
        )
        .unwrap();
    let newer = bench.path("newer.sqlite");
    rusqlite::Connection::open(&newer)
        .unwrap()
        .execute_batch("CREATE TABLE t (a); INSERT INTO t VALUES (1)")
        .unwrap();
    let mut bytes = fs::read(&newer).unwrap();
    // The number of the schema's format, of which 4 is the last there is.
    bytes[44..48].copy_from_slice(&9u32.to_be_bytes());
    fs::write(&newer, bytes).unwrap();
    for (file, words) in [
        (places, "damaged in a way"),
        (schema, "not UTF-8"),
        (newer, "newer version"),
    ] {
        for error in [
            bench.profile(&file).unwrap_err(),
            bench.plan(&file, Format::Csv).unwrap_err(),
        ] {
            let told = error.to_string();
            assert!(
                matches!(error, ConvertError::Unreadable { .. }),
                "{error:?}"
            );
            assert!(told.contains(words), "{told}");
        }
    }
}
