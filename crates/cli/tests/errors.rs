//! How commands end that do not end well: the exit status, the words, and what must
//! never be told.

mod support;

use support::{Home, KEY_A, KEY_B, Ran};

#[test]
fn wrong_usage_is_2_and_json_if_asked_for() {
    let home = Home::new();
    for arguments in [
        vec!["nonsense"],
        vec!["info"],
        vec!["info", "x"],
        vec!["files", "--sort", "colour"],
        vec!["export", "1"],
        vec!["import"],
    ] {
        let mut all = vec!["--json"];
        all.extend(&arguments);
        let ran = home.run(&all);
        assert_eq!(ran.status, 2, "{arguments:?}");
        assert_eq!(ran.stdout, "");
        assert_eq!(ran.error()["code"], "usage");
        let text = home.run(&arguments);
        assert_eq!(
            (text.status, text.stdout.as_str()),
            (2, ""),
            "{arguments:?}"
        );
        assert!(
            text.stderr.starts_with("error: ") && text.stderr.contains("hint: "),
            "{}",
            text.stderr
        );
    }
    assert_eq!(home.run(&["--help"]).status, 0);
    assert_eq!(home.run(&["--version"]).status, 0);
    assert_eq!(home.run(&[]).status, 2);
}

#[test]
fn without_a_key_it_is_3_and_nothing_is_made() {
    let home = Home::new();
    for command in [
        vec!["files"],
        vec!["import", "x"],
        vec!["stats"],
        vec!["whoami"],
        vec!["trash"],
        vec!["jobs"],
        vec!["history"],
        vec!["verify"],
    ] {
        let ran = Ran::of(home.bare().arg("--json").args(&command));
        assert_eq!(ran.status, 3, "{command:?}: {}", ran.stderr);
        assert_eq!(ran.stdout, "");
        assert_eq!(ran.error()["code"], "not_signed_in");
        assert!(
            ran.error()["hint"]
                .as_str()
                .unwrap()
                .contains("redline login")
        );
    }
    assert!(!home.path().join("data/users").exists());
    let empty = Ran::with_input(home.bare().args(["--json", "login"]), "\n");
    assert_eq!(
        (empty.status, empty.error()["code"].as_str()),
        (3, Some("not_signed_in"))
    );
}

#[test]
fn a_malformed_key_is_3_and_never_repeated() {
    let home = Home::new();
    for key in [
        "nonsense-key-text",
        "RL-SHORT",
        "RL-TESTAAAA-AAAAAAAA-AAAAAAA!",
    ] {
        let ran = Ran::of(home.with_key(key).args(["--json", "files"]));
        assert_eq!(
            (ran.status, ran.error()["code"].as_str()),
            (3, Some("key_malformed"))
        );
        assert!(!ran.stderr.contains(key), "{}", ran.stderr);
        let ran = Ran::with_input(
            home.bare().args(["--json", "login", "--keep", "session"]),
            &format!("{key}\n"),
        );
        assert_eq!(
            (ran.status, ran.error()["code"].as_str()),
            (3, Some("key_malformed"))
        );
        assert!(!ran.stderr.contains(key), "{}", ran.stderr);
    }
    assert!(!home.path().join("data/users").exists());
}

#[test]
fn a_key_is_no_argument() {
    let home = Home::new();
    for arguments in [
        vec!["login", KEY_A],
        vec!["login", "--key", KEY_A],
        vec![KEY_A],
        vec!["--json", "login", KEY_A],
    ] {
        let ran = Ran::of(home.bare().args(&arguments));
        assert_eq!(ran.status, 2);
        assert!(
            ran.stderr.contains("license key cannot be an argument"),
            "{}",
            ran.stderr
        );
        assert!(!ran.stderr.contains(KEY_A));
    }
}

#[test]
fn a_new_key_that_nobody_would_have_is_not_made() {
    let home = Home::new();
    let login = ["--json", "login", "--new", "--keep", "session"];
    let ran = Ran::of(home.bare().args(login));
    assert_eq!(ran.status, 2, "{}", ran.stdout);
    let error = ran.error();
    assert!(
        error["hint"].as_str().unwrap().contains("--kit FILE"),
        "{error}"
    );
    assert!(!home.path().join("data").exists(), "no store was made");
    assert_eq!(
        Ran::of(home.bare().args(["--json", "profiles"])).object()["profiles"],
        serde_json::json!([])
    );
    // With its kit it is not lost.
    let kit = home.path().join("kit.txt");
    let ran = Ran::of(home.bare().args(login).args(["--kit", "kit.txt"]));
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    assert!(std::fs::read_to_string(kit).unwrap().contains("RL-"));
}

#[test]
fn without_a_keyring_login_says_how_else() {
    let home = Home::new();
    let ran = Ran::with_input(home.bare().args(["--json", "login"]), &format!("{KEY_A}\n"));
    assert_eq!(ran.status, 3, "{}", ran.stdout);
    assert!(
        ran.error()["code"]
            .as_str()
            .unwrap()
            .starts_with("keyring_"),
        "{}",
        ran.stderr
    );
    assert!(
        ran.error()["hint"]
            .as_str()
            .unwrap()
            .contains("--keep file"),
        "{}",
        ran.stderr
    );
}

/// Every command that takes an ID, with the ID put in.
fn about(id: &str) -> Vec<Vec<String>> {
    [
        vec!["info", id],
        vec!["export", id, "out"],
        vec!["export", id, "-"],
        vec!["delete", id],
        vec!["undelete", id],
        vec!["verify", id],
        vec!["convert", id, "--to", "parquet"],
        vec!["convert", id, "--to", "parquet", "--plan"],
    ]
    .into_iter()
    .map(|command| command.into_iter().map(str::to_owned).collect())
    .collect()
}

#[test]
fn another_keys_file_is_as_unknown_as_none() {
    let (home, empty) = (Home::new(), Home::new());
    let id = home.import("secret-plans.csv", "a\n1\n").to_string();
    for command in about(&id) {
        // The same ID, asked for where it is another key's, and where nobody has it.
        let json: Vec<String> = std::iter::once("--json".to_owned())
            .chain(command.clone())
            .collect();
        let flags = if command.last().is_some_and(|a| a == "-") {
            &command
        } else {
            &json
        };
        for arguments in [&command, flags] {
            let foreign = Ran::of(home.with_key(KEY_B).args(arguments));
            let unknown = Ran::of(empty.with_key(KEY_B).args(arguments));
            assert_eq!(foreign.status, 4, "{arguments:?}: {}", foreign.stderr);
            assert_eq!(
                (foreign.status, &foreign.stdout, &foreign.stderr),
                (unknown.status, &unknown.stdout, &unknown.stderr),
                "{arguments:?}"
            );
            assert!(!foreign.stderr.contains("secret-plans"));
        }
    }
    assert_eq!(home.json(&["files"])["total"], 1, "nothing happened to it");
    assert!(!home.path().join("out").exists());
}

#[test]
fn a_vanished_path_fails_alone_or_in_part() {
    let home = Home::new();
    let ran = home.run(&["--json", "import", "not/there.csv"]);
    assert_eq!(ran.status, 1);
    assert_eq!(ran.error()["code"], "source_vanished");
    assert_eq!(
        ran.object()["failed"][0]["error"]["code"],
        "source_vanished"
    );
    assert!(
        ran.object()["failed"][0]["path"]
            .as_str()
            .unwrap()
            .ends_with("there.csv")
    );

    let there = home.file("from/there.csv", "a\n1\n");
    let ran = home.run(&["--json", "import", "not/there.csv", there.to_str().unwrap()]);
    assert_eq!(ran.status, 6, "{}", ran.stderr);
    assert_eq!(ran.stderr, "");
    let report = ran.object();
    assert_eq!(
        (
            report["imported"].as_array().unwrap().len(),
            report["failed"].as_array().unwrap().len()
        ),
        (1, 1)
    );
    let entry = report["failed"][0].as_object().unwrap();
    assert_eq!(entry.keys().collect::<Vec<_>>(), ["error", "path"]);
}

#[cfg(unix)]
#[test]
fn a_busy_store_is_5_and_says_who() {
    use rustix::fs::{FlockOperation, fcntl_lock};
    let home = Home::new();
    home.import("a.csv", "a\n1\n");
    let store = std::fs::read_dir(home.path().join("data/users"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    // What DuckDB holds while another program has the catalog open.
    let catalog = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(store.join("user_data.duckdb"))
        .unwrap();
    fcntl_lock(&catalog, FlockOperation::NonBlockingLockExclusive).unwrap();
    let ran = home.run(&["--json", "files"]);
    assert_eq!(
        (ran.status, ran.error()["code"].as_str()),
        (5, Some("store_busy")),
        "{}",
        ran.stderr
    );
    assert_eq!(ran.error()["retryable"], true);
    drop(catalog);
    assert_eq!(home.json(&["files"])["total"], 1);
}

#[cfg(unix)]
#[test]
fn a_reader_that_goes_away_ends_it_quietly() {
    use std::process::Stdio;
    let home = Home::new();
    for n in 0..300 {
        home.file(&format!("many/{n:04}.txt"), format!("file {n}"));
    }
    home.json(&["import", "many"]);
    for arguments in [
        vec!["files"],
        vec!["--json", "files"],
        vec!["man"],
        vec!["completions", "bash"],
    ] {
        let mut child = home
            .with_key(KEY_A)
            .args(&arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let ran = Ran::from(child.wait_with_output().unwrap());
        assert_eq!((ran.status, ran.stderr.as_str()), (0, ""), "{arguments:?}");
    }
    // An import goes on without its reader: storing was the point.
    home.file("late/late.txt", "late");
    let mut child = home
        .with_key(KEY_A)
        .args(["--json", "import", "late"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    assert_eq!(Ran::from(child.wait_with_output().unwrap()).status, 0);
    assert_eq!(home.json(&["files"])["total"], 301);
}

#[test]
fn nothing_says_a_key_or_an_absolute_path() {
    let home = Home::new();
    let id = home.import("a.csv", "a\n1\n").to_string();
    let root = home.path().to_str().unwrap();
    for arguments in [
        vec!["files"],
        vec!["info", &id],
        vec!["stats"],
        vec!["jobs"],
        vec!["doctor"],
        vec!["whoami"],
        vec!["profiles"],
        vec!["verify"],
    ] {
        for flags in [vec![], vec!["--json"]] {
            let ran = Ran::of(
                home.with_key(KEY_A)
                    .env("REDLINE_LOG", "trace")
                    .args(&flags)
                    .args(&arguments),
            );
            for text in [&ran.stdout, &ran.stderr] {
                assert!(!text.contains(KEY_A), "{arguments:?} tells the key");
            }
            assert!(
                !ran.stdout.contains(root),
                "{arguments:?} tells a path: {}",
                ran.stdout
            );
        }
    }
}

#[test]
fn a_command_leaves_no_log_behind_however_it_ends() {
    let home = Home::new();
    let log = || {
        let users = std::fs::read_dir(home.path().join("data/users")).unwrap();
        let store = users.flatten().next().unwrap().path();
        store.join("user_data.duckdb.wal").exists()
    };
    let good = home.file("from/a.csv", "a\n1\n");
    let none = home.path().join("from/none.csv");
    let ran = home.run(&["import", good.to_str().unwrap(), none.to_str().unwrap()]);
    assert_eq!((ran.status, log()), (6, false), "{}", ran.stderr);
    // An edit in place is a row to write for a command that then fails.
    let id = home.json(&["files"])["files"][0]["id"].to_string();
    let files = std::fs::read_dir(home.path().join("data/users")).unwrap();
    let store = files.flatten().next().unwrap().path();
    std::fs::write(store.join("files/a.csv"), "edited\n").unwrap();
    let there = home.file("there.csv", "mine");
    let ran = home.run(&["export", &id, there.to_str().unwrap()]);
    assert_eq!((ran.status, log()), (1, false), "{}", ran.stderr);
}

#[test]
fn a_copy_into_no_folder_and_settings_that_are_none_say_so() {
    let home = Home::new();
    let id = home.import("a.csv", "a\n1\n").to_string();
    let error = home
        .run(&["--json", "export", &id, "nowhere/a.csv"])
        .error();
    assert_eq!(
        error["message"],
        "There is no folder \"nowhere\" to save in."
    );
    assert_eq!(error["hint"], "Make it first, or choose another.");
    let users = std::fs::read_dir(home.path().join("data/users")).unwrap();
    let own = users
        .flatten()
        .next()
        .unwrap()
        .path()
        .join("files/copy.csv");
    let error = home
        .run(&["--json", "export", &id, own.to_str().unwrap()])
        .error();
    assert_eq!(
        error["message"],
        "Could not save a copy in \"files\": it is part of a store."
    );
    home.file("bytes.bin", [0xff, 0xfe, 0x00]);
    let error = home
        .run(&["--json", "backup", "setup", "--env", "bytes.bin"])
        .error();
    assert_eq!(
        error["message"],
        "Could not read \"bytes.bin\": it is not text."
    );
    home.file("in-the-way", "");
    let ran = Ran::of(
        home.with_key(KEY_A)
            .args(["--json", "--data-dir", "in-the-way", "files"]),
    );
    assert_eq!(
        ran.error()["message"],
        "The folder for the stores cannot be made: there is a file in its place."
    );
}
