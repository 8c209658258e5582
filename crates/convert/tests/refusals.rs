//! What cannot be done faithfully is refused, with the place and what was seen,
//! and nothing is left behind.

mod common;

use std::fs;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use common::Bench;
use redline_convert::*;

fn refused(name: &str, bytes: impl AsRef<[u8]>) -> ConvertError {
    let bench = Bench::new();
    let source = bench.file(name, bytes);
    let error = bench
        .to(&source, Format::Parquet, "out.parquet")
        .unwrap_err();
    assert_eq!(bench.left(), [name], "{error}");
    error
}

fn place(bytes: impl AsRef<[u8]>) -> (u64, u64, String) {
    match refused("t.csv", bytes) {
        ConvertError::Malformed {
            line,
            column,
            detail,
        } => (line, column, detail),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_ragged_row_is_named_by_its_line() {
    let mut text = "a,b,c\n".to_owned() + &"1,2,3\n".repeat(30_000);
    text += "1,2\n";
    let (line, column, detail) = place(&text);
    assert_eq!((line, column), (30_002, 3));
    assert!(
        detail.contains("2 fields") && detail.contains('3'),
        "{detail}"
    );
    assert_eq!(place("a,b\n1,2\n1,2,3\n").0, 3);
    assert_eq!(place("a,b\n\"x\ny\",2\n\n1\n").0, 5);
}

#[test]
fn quotes_that_could_mean_two_things_are_refused() {
    assert_eq!(place("a,b\n1,\"x\n2,y\n").0, 2);
    assert_eq!(place("a,b\n1,\"x\"y\n").0, 2);
    assert_eq!(place("a,b\n1,\"x\" \n").0, 2);
    assert_eq!(place("a,b\n1, \"x\"\n").0, 2);
}

#[test]
fn mixed_line_ends_are_refused() {
    let (line, _, detail) = place("a,b\n1,2\n3,4\r\n5,6\n");
    assert_eq!(line, 3);
    assert!(detail.contains("CRLF") && detail.contains("LF"), "{detail}");
}

#[test]
fn encodings_other_than_utf8_are_named() {
    for (bytes, expected) in [
        (b"a,b\n1,caf\xE9\n".as_slice(), "0xE9 in line 2"),
        (b"\xFF\xFEa\0,\0b\0\n\0", "UTF-16"),
        (b"", "0 bytes"),
    ] {
        let error = refused("t.csv", bytes);
        assert!(matches!(error, ConvertError::Unreadable { .. }));
        assert!(error.to_string().contains(expected), "{error}");
    }
    let mut late = b"a,b\n".to_vec();
    late.extend(b"1,x\n".repeat(500_000));
    late.extend(b"1,\xFF\n");
    assert!(refused("t.csv", late).to_string().contains("line 500002"));
}

#[test]
fn formats_without_a_way_are_told_apart_from_unknown_ones() {
    let bench = Bench::new();
    let zip = bench.file("t.csv.gz", b"\x1F\x8B\x08\0\0\0\0\0");
    let error = bench.plan(&zip, Format::Parquet).unwrap_err();
    assert!(error.to_string().contains("gzip"), "{error}");
    let csv = bench.file("t.csv", "a,b\n1,2\n");
    let error = bench.plan(&csv, Format::Xlsx).unwrap_err();
    assert!(matches!(error, ConvertError::Unsupported { .. }), "{error}");
    assert!(matches!(
        bench.plan(&bench.path("none.csv"), Format::Parquet),
        Err(ConvertError::Io(_))
    ));
    assert!(bench.plan(bench.dir.path(), Format::Parquet).is_err());
}

#[test]
fn a_destination_is_never_replaced() {
    let bench = Bench::new();
    let source = bench.file("t.csv", "a,b\n1,2\n");
    let taken = bench.file("out.parquet", "mine");
    let error = bench
        .to(&source, Format::Parquet, "out.parquet")
        .unwrap_err();
    assert!(matches!(error, ConvertError::DestExists));
    assert_eq!(fs::read(taken).unwrap(), b"mine");
}

#[test]
fn a_source_that_changed_since_the_plan_is_refused() {
    let bench = Bench::new();
    let source = bench.file("t.csv", "a,b\n1,2\n");
    let plan = bench.plan(&source, Format::Parquet).unwrap();
    fs::write(&source, "a,b\n1,2\n3,4\n").unwrap();
    let dest = bench.path("out.parquet");
    let run = || convert(&plan, &dest, &Options::default(), &bench.limits, &());
    assert!(matches!(run(), Err(ConvertError::SourceChanged)));
    fs::remove_file(&source).unwrap();
    assert!(matches!(run(), Err(ConvertError::SourceChanged)));
    assert!(bench.left().is_empty());
}

#[test]
fn names_of_any_shape_can_be_converted() {
    let bench = Bench::new();
    for name in [
        "we*ird [1]?.csv",
        "it's \"quoted\".csv",
        "a;b=1.csv",
        "🦆.csv",
        "x=1.csv.gz",
    ] {
        let source = bench.file(name, "a,b\n1,2\n");
        let (out, done) = bench
            .to(&source, Format::Parquet, &format!("{name}.parquet"))
            .unwrap();
        assert_eq!(done.rows_out, 1);
        let (_, back) = bench
            .to(&out, Format::Csv, &format!("back {name}"))
            .unwrap();
        assert_eq!(back.certificate.verdict, Verdict::Proved);
    }
}

/// Cancels after so many questions or bytes; remembers how long the answer took.
struct Stop {
    after: Duration,
    begun: Instant,
    asked: AtomicU64,
    told: AtomicBool,
}

impl Progress for Stop {
    fn phase(&self, _: &str) {}
    fn set_total(&self, _: u64) {}
    fn advance(&self, _: u64) {}
    fn is_cancelled(&self) -> bool {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let now = self.begun.elapsed() >= self.after;
        self.told.fetch_or(now, Ordering::Relaxed);
        now
    }
}

fn large(bench: &Bench) -> std::path::PathBuf {
    use std::fmt::Write as _;
    let mut text = "id,price,day,note\n".to_owned();
    for i in 0..400_000u64 {
        writeln!(
            text,
            "{i},{}.{:02},2024-01-{:02},{:x}",
            i % 977,
            i % 100,
            i % 28 + 1,
            i * 2_654_435_761
        )
        .unwrap();
    }
    bench.file("t.csv", text)
}

#[test]
fn cancel_at_any_moment_leaves_nothing() {
    let bench = Bench::new();
    let source = large(&bench);
    let begun = Instant::now();
    let (out, _) = bench.to(&source, Format::Parquet, "out.parquet").unwrap();
    let whole = begun.elapsed();
    fs::remove_file(out).unwrap();

    let mut cancelled = 0;
    let mut latest = Duration::ZERO;
    for i in 0..24 {
        // Spread by the golden ratio, so that no phase is passed over.
        let share = (f64::from(i) * 0.618_034).fract();
        let stop = Stop {
            after: whole.mul_f64(share),
            begun: Instant::now(),
            asked: AtomicU64::new(0),
            told: AtomicBool::new(false),
        };
        let outcome = plan(&source, None, Format::Parquet, &bench.limits, &stop).and_then(|plan| {
            convert(
                &plan,
                &bench.path("out.parquet"),
                &Options::default(),
                &bench.limits,
                &stop,
            )
        });
        match outcome {
            Err(ConvertError::Cancelled) => {
                cancelled += 1;
                let late = stop.begun.elapsed().saturating_sub(stop.after);
                latest = latest.max(late);
                assert_eq!(bench.left(), ["t.csv"]);
            }
            // Faster this time than the first: done before the moment came.
            Ok(_) => fs::remove_file(bench.path("out.parquet")).unwrap(),
            Err(other) => panic!("{other:?}"),
        }
    }
    // Some 100 ms on an idle machine; the bound leaves room for a busy one.
    eprintln!("longest wait after a cancel: {latest:?}");
    assert!(
        latest < Duration::from_millis(1500),
        "{latest:?} after a cancel"
    );
    assert!(cancelled >= 12, "only {cancelled} of 24 came in time");
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
    let record = Record::default();
    let plan = plan(&source, None, Format::Parquet, &bench.limits, &record).unwrap();
    let dest = bench.path("out.parquet");
    convert(&plan, &dest, &Options::default(), &bench.limits, &record).unwrap();
    let phases = record.phases.into_inner().unwrap();
    let names: Vec<_> = phases.iter().map(|p| p.0.as_str()).collect();
    assert_eq!(names, ["scan", "check", "write", "prove"]);
    for (name, total, done) in phases {
        assert!(total > 0 && total == done, "{name}: {done} of {total}");
    }
}

#[test]
fn detection_reads_little_and_by_content() {
    let bench = Bench::new();
    let csv = bench.file("t.csv", "a,b\n1,2\n");
    let (out, _) = bench.to(&csv, Format::Parquet, "wrong.csv").unwrap();
    assert_eq!(detect(&out).unwrap().format, Format::Parquet);
    let cut = bench.file("cut", &fs::read(&out).unwrap()[..40]);
    assert_eq!(
        detect(&cut).unwrap().detail,
        "Parquet, but its end is missing"
    );
    assert_eq!(detect(&csv).unwrap().format, Format::Csv);
}

/// Needs the right to mount; the full-device test beside the engine needs none.
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
    let plan = bench.plan(&source, Format::Parquet).unwrap();
    let outcome = convert(
        &plan,
        &small.join("out.parquet"),
        &Options::default(),
        &bench.limits,
        &(),
    );
    let left = fs::read_dir(&small).unwrap().count();
    assert!(
        Command::new("umount")
            .arg(&small)
            .status()
            .unwrap()
            .success()
    );
    match outcome {
        Err(ConvertError::DiskFull { needed }) => assert!(needed > 0),
        other => panic!("{other:?}"),
    }
    assert_eq!(left, 0);
}
