//! A disk that fills up while a restore is under way (a real one, of a few megabytes), and
//! `kill -9` between what one batch of it does.
#![cfg(target_os = "linux")]

mod survival_support;

use redline_tests::s3::{ACCESS_KEY, Options, REGION, SECRET_KEY, TestS3};
use survival_support::{trace, *};

/// Small files, and one that is fetched in ranges and kept when it is cut off.
const SMALL: usize = 40;
const LARGE: usize = 18 * MIB;

fn with_bucket(mut machine: Machine, s3: &TestS3) -> Machine {
    machine.variables = vec![
        ("USE_S3_STORAGE", "true".into()),
        ("S3_BUCKET", s3.bucket().into()),
        ("S3_ACCESS_KEY", ACCESS_KEY.into()),
        ("S3_SECRET_KEY", SECRET_KEY.into()),
        ("S3_REGION", REGION.into()),
        ("S3_ENDPOINT_URL", s3.endpoint()),
    ];
    machine
}

fn ballast(mount: &Mount, leave: u64) -> std::path::PathBuf {
    let path = mount.path.join("ballast");
    let len = mount.free().saturating_sub(leave);
    let file = std::fs::File::create(&path).unwrap();
    rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, len.max(1)).unwrap();
    path
}

#[test]
fn a_disk_that_fills_up_in_a_restore_leaves_the_store_whole_and_it_goes_on_with_space() {
    where_mounting_is_allowed(
        "a_disk_that_fills_up_in_a_restore_leaves_the_store_whole_and_it_goes_on_with_space",
        || {
            let s3 = TestS3::start(Options::default()).unwrap();
            let first = with_bucket(Machine::new(), &s3);
            let mut files: Vec<(String, Vec<u8>)> = (0..SMALL)
                .map(|n| (format!("{n}.csv"), noise(n as u64, 50_000)))
                .collect();
            files.push(("large.bin".into(), noise(99, LARGE)));
            let folder = first.sources("some", files.iter().map(|(n, b)| (n.as_str(), b.clone())));
            assert_eq!(first.import(&folder).code(), 0);
            first.json(&["backup", "run"]);
            let expected = first.on_disk();
            assert_eq!(expected.len(), SMALL + 1);
            let bytes = (SMALL * 50_000 + LARGE) as u64;

            let mut full = 0;
            // From too little for the files to enough for everything around them.
            for more in [-1, 0, 1, 2, 4, 8, 12, 16, 24].map(|n| n * 128 * 1024_i64) {
                let when = format!("{more} bytes more than the files");
                let mount = Mount::tmpfs(64 * MIB);
                let machine = with_bucket(Machine::with_data(&mount.path.join("data")), &s3);
                // Something of its own, which no restore may harm.
                let own = machine.sources("own", [("own.txt", b"mine".to_vec())]);
                assert_eq!(machine.import(&own).code(), 0);
                let mine = machine.on_disk();

                let filler = ballast(&mount, bytes.saturating_add_signed(more));
                let said = machine.run(&["restore", "run"]);
                if said.code() != 0 {
                    full += 1;
                    assert_eq!(said.code(), 1, "{when}: {}", said.stderr);
                    let error = said.error();
                    assert_eq!(error["code"], "disk_full", "{when}: {error}");
                    assert!(!error["hint"].as_str().unwrap().is_empty(), "{when}");
                }
                // Whatever lies there is whole; nothing of ours is half.
                let now = machine.on_disk();
                for (path, sha256) in &now {
                    let known = expected.get(path).or_else(|| mine.get(path));
                    assert_eq!(known, Some(sha256), "{when}: {path}");
                }
                assert!(mine.keys().all(|path| now.contains_key(path)), "{when}");

                std::fs::remove_file(filler).unwrap();
                assert_eq!(machine.run(&["doctor"]).code(), 0, "{when}");
                let restored = machine.json(&["restore", "run"])["restore"].clone();
                assert_eq!(restored["failed"], serde_json::json!([]), "{when}");
                let now = machine.on_disk();
                assert_eq!(now.len(), expected.len() + 1, "{when}: {now:?}");
                assert!(
                    expected
                        .iter()
                        .all(|(path, sha)| now.get(path) == Some(sha))
                );
                nothing_is_left_over(&machine, &when);
                verify_is_clean(&machine, SMALL + 2, &when);
            }
            assert!(full >= 2, "the disk was never full in the middle");
        },
    );
}

/// Of each kind in one restore: without a local twin, and with one that has to make room.
const EACH: usize = 12;

fn kinds<'a>(bytes: u64, prefixes: &[&'a str]) -> Vec<(String, Vec<u8>)> {
    let named = |prefix: &&'a str| {
        let prefix = prefix.to_string();
        (0..EACH).map(move |n| {
            (
                format!("{prefix}-{n:02}.csv"),
                noise(bytes + n as u64, 3000),
            )
        })
    };
    prefixes.iter().flat_map(named).collect()
}

#[test]
fn killed_in_the_middle_of_a_batch_all_that_was_done_can_be_taken_back() {
    let s3 = TestS3::start(Options::default()).unwrap();
    let first = with_bucket(Machine::new(), &s3);
    let files = kinds(0, &["edited", "new"]);
    let folder = first.sources("some", files.iter().map(|(n, b)| (n.as_str(), b.clone())));
    assert_eq!(first.import(&folder).code(), 0);
    first.json(&["backup", "run"]);

    let mut placed_when_killed = 0;
    // Each makes room with one rename and gets its place with the next: killed before one
    // makes room, and between the two.
    for n in [1, 2, 3, 4, 5, 7, 9] {
        let when = format!("rename {n}");
        let machine = with_bucket(Machine::new(), &s3);
        let local = kinds(500, &["edited"]);
        let folder = machine.sources("some", local.iter().map(|(n, b)| (n.as_str(), b.clone())));
        assert_eq!(machine.import(&folder).code(), 0);
        let (before, listed) = (machine.on_disk(), machine.files());
        let edited = before
            .keys()
            .map(|path| machine.home().join("files").join(path));
        let edited: Vec<String> = edited
            .map(|path| path.to_str().unwrap().to_owned())
            .collect();
        let (inject, mut options) = (
            format!("inject=renameat2:signal=SIGKILL:when={n}"),
            vec!["-e", "trace=renameat2", "-e"],
        );
        options.push(&inject);
        for path in &edited {
            options.extend(["-P", path]);
        }
        let said = trace::run(
            &machine,
            &options,
            "/dev/null".as_ref(),
            &["restore", "run"],
        );
        assert!(
            said.was_killed(),
            "{when}: {:?} {}",
            said.status,
            said.stderr
        );
        let there = machine.on_disk();
        let new = there.keys().filter(|path| path.contains("/new-")).count();
        placed_when_killed += usize::from(new > 0);

        let undone = machine.run(&["restore", "undo"]);
        println!(
            "{when}: {new} new, undo {}",
            String::from_utf8_lossy(&undone.stdout)
        );
        assert_eq!(machine.on_disk(), before, "{when}: {}", undone.stderr);
        assert_eq!(machine.files(), listed, "{when}");
        nothing_is_left_over(&machine, &when);
        verify_is_clean(&machine, EACH, &when);
        // And the restore comes to its end as if nothing had been.
        let restored = machine.json(&["restore", "run"])["restore"].clone();
        assert_eq!(restored["failed"], serde_json::json!([]), "{when}");
        assert_eq!(machine.on_disk(), first.on_disk(), "{when}");
    }
    assert!(
        placed_when_killed >= 3,
        "too seldom in the middle: {placed_when_killed}"
    );
}
