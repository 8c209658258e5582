//! What a person reads, as snapshots: the words are product.

mod support;

use support::{Home, KEY_A, Ran};

/// What differs from run to run.
fn settings(home: &Home) -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(&regex_escape(home.path().to_str().unwrap()), "[HOME]");
    settings.add_filter(r"\b[0-9A-HJKMNP-TV-Z]{26}\b", "[ULID]");
    settings.add_filter(r"\d{4}-\d\d-\d\dT[\d:.]+Z", "[TIME]");
    settings.add_filter(r"\b[0-9a-f]{64}\b", "[SHA-256]");
    settings.add_filter(r"\b\d+\.\d s\b", "[SECONDS]");
    settings.set_prepend_module_to_snapshot(false);
    settings
}

fn regex_escape(text: &str) -> String {
    text.chars()
        .map(|c| {
            if c.is_alphanumeric() || c == '/' {
                c.to_string()
            } else {
                format!("\\{c}")
            }
        })
        .collect()
}

fn shown(ran: &Ran) -> String {
    format!("{}{}[exit {}]", ran.stdout, ran.stderr, ran.status)
}

#[test]
fn a_first_hour() {
    let home = Home::new();
    home.file("from/q3.csv", "id,name\n001,Ann\n002,Bob\n");
    home.file("from/notes/read me.txt", "hello");
    home.file("from/big.json", format!("[{}]", "1,".repeat(2000) + "1"));
    let mut said = String::new();
    for line in [
        "files",
        "import from",
        "import from/q3.csv not/there.csv",
        "import not/there.csv",
        "files",
        "files --type csv",
        "files --limit 1",
        "info 1",
        "stats",
        "verify",
        "delete 1",
        "trash",
        "trash empty",
        "undelete 1",
        "trash empty",
        "whoami",
        "profiles",
        "backup run",
        "backup status",
        "history",
        "info 999999",
        "convert x --to parquet",
        "files --sort colour",
    ] {
        let arguments: Vec<&str> = line.split(' ').collect();
        let ran = Ran::of(home.with_key(KEY_A).args(&arguments));
        said.push_str(&format!("$ redline {line}\n{}\n\n", shown(&ran)));
    }
    settings(&home).bind(|| insta::assert_snapshot!("a_first_hour", said));
}

#[test]
fn without_a_key() {
    let home = Home::new();
    let mut said = String::new();
    for line in [
        "files",
        "whoami",
        "profiles",
        "logout",
        "serve --port 80000",
    ] {
        let arguments: Vec<&str> = line.split(' ').collect();
        said.push_str(&format!(
            "$ redline {line}\n{}\n\n",
            shown(&Ran::of(home.bare().args(&arguments)))
        ));
    }
    settings(&home).bind(|| insta::assert_snapshot!("without_a_key", said));
}

#[test]
fn the_help() {
    let home = Home::new();
    let mut said = String::new();
    for line in [
        "--help",
        "-h",
        "import --help",
        "login --help",
        "backup --help",
        "serve --help",
        "convert --help",
        "query --help",
    ] {
        let arguments: Vec<&str> = line.split(' ').collect();
        let ran = Ran::of(home.bare().env("COLUMNS", "100").args(&arguments));
        said.push_str(&format!("$ redline {line}\n{}\n\n", shown(&ran)));
    }
    settings(&home).bind(|| insta::assert_snapshot!("the_help", said));
}

#[test]
fn quiet_says_only_results() {
    let home = Home::new();
    home.file("from/a.csv", "a\n1\n");
    let ran = Ran::of(home.with_key(KEY_A).args(["--quiet", "import", "from"]));
    assert_eq!(
        (ran.status, ran.stdout.as_str(), ran.stderr.as_str()),
        (0, "", "")
    );
    let ran = Ran::of(home.with_key(KEY_A).args(["--quiet", "files"]));
    assert_eq!(
        ran.stdout.lines().count(),
        2,
        "a header and a file: {}",
        ran.stdout
    );
}

#[test]
fn a_pipe_gets_no_colours_and_no_bar() {
    let home = Home::new();
    home.file("from/a.csv", "a\n1\n");
    for arguments in [
        vec!["import", "from"],
        vec!["files"],
        vec!["stats"],
        vec!["doctor"],
        vec!["verify"],
        vec!["info", "999"],
    ] {
        let ran = Ran::of(home.with_key(KEY_A).args(&arguments));
        assert!(
            !ran.stdout.contains('\u{1b}') && !ran.stderr.contains('\u{1b}'),
            "{arguments:?}"
        );
        assert!(!ran.stderr.contains('\r'));
    }
}
