//! Hostile names, and two processes at once.

mod support;

use std::collections::BTreeSet;
use std::process::Stdio;

use support::{Home, KEY_A, Ran, Running, sha256};

#[cfg(unix)]
#[test]
fn hostile_names_are_stored_safely_or_refused_clearly() {
    use std::os::unix::ffi::OsStrExt;
    let home = Home::new();
    let names: Vec<Vec<u8>> = vec![
        b"line\nbreak.csv".to_vec(),
        b"\x1b[2Jclear.csv".to_vec(),
        "gnp\u{202e}vsc.exe".into(),
        b"not-utf8-\xff\xfe.csv".to_vec(),
        "📈 ünï.csv".into(),
        "Ｚ\u{65}\u{301}.csv".into(),
        "\u{e9}.csv".into(),
        b"CON".to_vec(),
        b"nul.txt".to_vec(),
        b"trailing.".to_vec(),
        b" leading and trailing ".to_vec(),
        b"-rf".to_vec(),
        b"a:b|c<d>e?.csv".to_vec(),
        b"back\\slash.csv".to_vec(),
        b"case.csv".to_vec(),
        b"CASE.CSV".to_vec(),
        [b"long-".as_slice(), &[b'x'; 245], b".csv"].concat(),
    ];
    let folder = home.path().join("from");
    std::fs::create_dir(&folder).unwrap();
    let mut bytes = BTreeSet::new();
    for (n, name) in names.iter().enumerate() {
        let content = format!("content {n}");
        bytes.insert(sha256(content.as_bytes()));
        std::fs::write(folder.join(std::ffi::OsStr::from_bytes(name)), content).unwrap();
    }
    let ran = home.run(&["--json", "import", "from"]);
    let report = ran.object();
    let (imported, failed) = (
        report["imported"].as_array().unwrap(),
        report["failed"].as_array().unwrap(),
    );
    assert_eq!(
        imported.len() + failed.len(),
        names.len(),
        "each has its outcome"
    );
    assert_eq!(ran.status, if failed.is_empty() { 0 } else { 6 });
    for entry in failed {
        assert!(!entry["error"]["message"].as_str().unwrap().is_empty());
    }
    let stored: BTreeSet<String> = home.stored_bytes().iter().map(|b| sha256(b)).collect();
    let told: BTreeSet<String> = imported
        .iter()
        .map(|f| f["sha256"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(stored, told, "what was told is what is there");
    assert!(told.is_subset(&bytes));
    assert!(
        imported.len() >= 12,
        "only what cannot be kept is refused: {failed:?}"
    );

    // Neither list nor errors let a name steer the terminal.
    for arguments in [
        vec!["files"],
        vec!["import", "--on-duplicate", "skip", "from"],
    ] {
        let text = home.run(&arguments);
        for (what, text) in [("stdout", &text.stdout), ("stderr", &text.stderr)] {
            assert!(
                !text.chars().any(|c| c.is_control() && c != '\n'),
                "{arguments:?} {what}: {text:?}"
            );
            assert!(!text.contains('\u{202e}'));
        }
    }
    // Every one comes out again.
    for file in imported {
        let out = home.run(&["export", &file["id"].to_string(), "-"]);
        assert_eq!(
            sha256(out.stdout.as_bytes()),
            file["sha256"].as_str().unwrap()
        );
    }
}

#[cfg(unix)]
#[test]
fn links_and_special_files_are_not_followed() {
    let home = Home::new();
    let outside = home.file("outside/secret.txt", "outside");
    std::fs::create_dir(home.path().join("from")).unwrap();
    std::os::unix::fs::symlink(&outside, home.path().join("from/link.txt")).unwrap();
    std::os::unix::fs::symlink(home.path().join("outside"), home.path().join("from/folder"))
        .unwrap();
    home.file("from/real.txt", "real");
    let ran = home.run(&["--json", "import", "from"]);
    let report = ran.object();
    let names: Vec<_> = report["imported"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| f["filename"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["real.txt"]);
    assert!(home.stored_bytes().iter().all(|b| b != b"outside"));
}

#[test]
fn two_processes_import_into_one_store_at_once() {
    const EACH: usize = 200;
    let home = Home::new();
    home.json(&["stats"]);
    for n in 0..EACH {
        home.file(&format!("one/a{n}.txt"), format!("one {n}"));
        // The same names with other bytes from the other side.
        home.file(&format!("two/a{n}.txt"), format!("two {n}"));
    }
    let start = |folder: &str| {
        let child = home
            .with_key(KEY_A)
            .args(["--json", "import", folder])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        Running(child.expect("redline runs"))
    };
    let (one, two) = (start("one"), start("two"));
    let mut told = BTreeSet::new();
    for mut running in [one, two] {
        // Both pipes are read to the end before waiting.
        let (mut stdout, mut stderr) = (String::new(), String::new());
        std::io::Read::read_to_string(running.0.stdout.as_mut().unwrap(), &mut stdout).unwrap();
        std::io::Read::read_to_string(running.0.stderr.as_mut().unwrap(), &mut stderr).unwrap();
        assert_eq!(running.0.wait().unwrap().code(), Some(0), "{stderr}");
        let report: serde_json::Value = serde_json::from_str(&stdout).unwrap();
        assert_eq!(
            report["imported"].as_array().unwrap().len(),
            EACH,
            "{}",
            report["failed"]
        );
        told.extend(
            report["imported"]
                .as_array()
                .unwrap()
                .iter()
                .map(|f| f["id"].as_i64().unwrap()),
        );
    }
    assert_eq!(told.len(), 2 * EACH, "every ID once");
    let list = home.json(&["files"]);
    assert_eq!(list["total"], 2 * EACH);
    let paths: BTreeSet<_> = list["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| f["relative_path"].as_str().unwrap())
        .collect();
    assert_eq!(paths.len(), 2 * EACH, "every path once");
    assert_eq!(home.stored_bytes().len(), 2 * EACH);
    assert_eq!(home.json(&["verify"])["verify"]["ok"], 2 * EACH);
}

#[cfg(unix)]
#[test]
fn ctrl_c_keeps_what_is_stored_and_leaves_nothing_half_done() {
    use rustix::process::{Pid, Signal, kill_process};
    let home = Home::new();
    // Many files, then one whose copy is seen to begin before the signal is sent, so
    // that it comes in the middle however quick the machine and small its disk.
    for n in 0..50 {
        home.file(&format!("from/a{n:03}.txt"), format!("small {n}"));
    }
    let big = std::fs::File::create(home.path().join("from/z-big.bin")).unwrap();
    big.set_len(2 << 30).unwrap();
    let child = home
        .with_key(KEY_A)
        .args(["--json", "import", "from"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut running = Running(child);
    while !home.is_copying(64 << 20) {
        if running.0.try_wait().unwrap().is_some() {
            let mut stderr = String::new();
            let told = running.0.stderr.as_mut().unwrap();
            std::io::Read::read_to_string(told, &mut stderr).unwrap();
            panic!("the import ended before its copy was seen: {stderr}");
        }
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    kill_process(Pid::from_child(&running.0), Signal::INT).unwrap();
    let (mut stdout, mut stderr) = (String::new(), String::new());
    std::io::Read::read_to_string(running.0.stdout.as_mut().unwrap(), &mut stdout).unwrap();
    std::io::Read::read_to_string(running.0.stderr.as_mut().unwrap(), &mut stderr).unwrap();
    let ran = Ran {
        status: running.0.wait().unwrap().code().unwrap_or(-1),
        stdout,
        stderr,
    };
    assert_eq!(
        (ran.status, ran.error()["code"].as_str()),
        (1, Some("cancelled")),
        "{ran:?}"
    );
    assert!(
        ran.error()["message"].as_str().unwrap().contains("stored"),
        "{}",
        ran.stderr
    );
    let told = if ran.stdout.is_empty() {
        0
    } else {
        ran.object()["imported"].as_array().unwrap().len()
    };
    let list = home.json(&["files"]);
    assert!(
        list["total"].as_u64().unwrap() >= told as u64,
        "nothing acknowledged is lost"
    );
    assert!(
        list["files"]
            .as_array()
            .unwrap()
            .iter()
            .all(|f| f["filename"] != "z-big.bin")
    );
    assert_eq!(
        home.stored_bytes().len() as u64,
        list["total"].as_u64().unwrap()
    );
}
