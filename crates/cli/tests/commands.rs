//! Every command through the real binary, its `--json` parsed and checked.

mod support;

use serde_json::{Value, json};
use support::{Home, KEY_A, KEY_B, Ran, sha256};

const FILE_FIELDS: [&str; 12] = [
    "file_type",
    "filename",
    "format",
    "id",
    "metadata",
    "original_filename",
    "relative_path",
    "sha256",
    "size_bytes",
    "status",
    "uid",
    "uploaded_at",
];

fn assert_file(file: &Value) {
    let mut names: Vec<_> = file.as_object().expect("a file").keys().cloned().collect();
    names.sort();
    assert_eq!(names, FILE_FIELDS);
    assert!(file["id"].is_i64());
    assert_eq!(file["uid"].as_str().expect("uid").len(), 26);
    let at = file["uploaded_at"].as_str().expect("a time");
    assert!(at.ends_with('Z') && at.contains('T'), "{at}");
}

#[test]
fn a_file_goes_in_is_found_comes_out_and_goes_away() {
    let home = Home::new();
    let bytes = b"a,b\n1,2\n007,x\n";
    let path = home.file("from/q3.csv", bytes);

    let report = home.json(&["import", path.to_str().unwrap()]);
    assert_eq!(report["imported"].as_array().unwrap().len(), 1);
    assert_eq!(
        (&report["skipped"], &report["failed"]),
        (&json!([]), &json!([]))
    );
    let file = &report["imported"][0];
    assert_file(file);
    assert_eq!(file["filename"], "q3.csv");
    assert_eq!(file["file_type"], "csv");
    assert_eq!(file["size_bytes"], bytes.len());
    assert_eq!(file["sha256"], sha256(bytes));
    assert_eq!(file["status"], "stored");
    let id = file["id"].to_string();

    let list = home.json(&["files"]);
    assert_eq!((&list["count"], &list["total"]), (&json!(1), &json!(1)));
    assert_eq!(&list["files"][0], file);
    assert_eq!(&home.json(&["info", &id])["file"], file);

    let out = home.path().join("copy.csv");
    let exported = home.json(&["export", &id, out.to_str().unwrap()]);
    assert_eq!(&exported["file"], file);
    assert_eq!(exported["bytes"], bytes.len());
    assert_eq!(std::fs::read(&out).unwrap(), bytes);
    assert_eq!(home.run(&["export", &id, "-"]).stdout.as_bytes(), bytes);

    let folder = home.path().join("folder");
    std::fs::create_dir(&folder).unwrap();
    home.json(&["export", &id, folder.to_str().unwrap()]);
    assert_eq!(std::fs::read(folder.join("q3.csv")).unwrap(), bytes);

    assert_eq!(home.json(&["delete", &id])["file"]["status"], "trashed");
    assert_eq!(home.json(&["files"])["total"], 0);
    let trash = home.json(&["trash"]);
    assert_eq!(
        (&trash["total"], &trash["files"][0]["id"]),
        (&json!(1), &file["id"])
    );
    assert_eq!(home.json(&["undelete", &id])["file"]["status"], "stored");
    assert_eq!(home.json(&["trash", "list"])["files"], json!([]));
    assert_eq!(home.json(&["files"])["files"][0]["sha256"], file["sha256"]);

    home.json(&["delete", &id]);
    let emptied = home.json(&["trash", "empty"]);
    assert_eq!(
        emptied["emptied"],
        json!({ "files": 1, "bytes": bytes.len() })
    );
    assert_eq!(emptied["files"], json!([]));
    assert_eq!(Ran::of(home.with_key(KEY_A).args(["info", &id])).status, 4);
    assert!(home.stored_bytes().is_empty(), "deleted for good");
}

#[test]
fn a_copy_never_overwrites() {
    let home = Home::new();
    let id = home.import("a.csv", "a\n1\n").to_string();
    let there = home.file("there.csv", "mine");
    let ran = home.run(&["--json", "export", &id, there.to_str().unwrap()]);
    assert_eq!(ran.status, 1);
    assert_eq!(ran.error()["code"], "already_exists");
    assert_eq!(std::fs::read(there).unwrap(), b"mine");
}

#[test]
fn several_files_are_deleted_all_or_none() {
    let home = Home::new();
    let (a, b) = (
        home.import("a.txt", "a").to_string(),
        home.import("b.txt", "b").to_string(),
    );
    let ran = home.run(&["--json", "delete", &a, "999999"]);
    assert_eq!(
        (ran.status, ran.error()["code"].as_str()),
        (4, Some("not_found"))
    );
    assert_eq!(home.json(&["files"])["total"], 2);
    assert_eq!(
        home.json(&["delete", &a, &b])["files"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    assert_eq!(home.json(&["files"])["total"], 0);
}

#[test]
fn a_folder_keeps_its_structure_and_the_same_bytes_are_told() {
    let home = Home::new();
    home.file("from/one.csv", "a\n1\n");
    home.file("from/deep/er/two.json", "{\"a\":1}");
    home.file("from/deep/empty.txt", "");
    let from = home.path().join("from");
    let report = home.json(&["import", from.to_str().unwrap()]);
    let mut paths: Vec<&str> = report["imported"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| f["relative_path"].as_str().unwrap())
        .collect();
    paths.sort_unstable();
    assert_eq!(paths.len(), 3);
    assert!(
        paths.iter().any(|p| p.ends_with("deep/er/two.json")),
        "{paths:?}"
    );

    let again = home.json(&["import", from.to_str().unwrap()]);
    assert_eq!(again["imported"], json!([]));
    let skipped = again["skipped"].as_array().unwrap();
    assert_eq!(skipped.len(), 3);
    for entry in skipped {
        let mut names: Vec<_> = entry.as_object().unwrap().keys().collect();
        names.sort();
        assert_eq!(names, ["already", "path", "reason"]);
        assert_file(&entry["already"]);
    }
    assert_eq!(home.json(&["files"])["total"], 3);

    let kept = home.json(&[
        "import",
        "--on-duplicate",
        "keep",
        from.join("one.csv").to_str().unwrap(),
    ]);
    assert_eq!(kept["imported"].as_array().unwrap().len(), 1);
    assert_eq!(home.json(&["files"])["total"], 4);
}

#[test]
fn the_list_is_filtered_sorted_and_paged() {
    let home = Home::new();
    home.import("b.csv", "b\n1\n");
    home.import("a.csv", "a\n1\n22\n");
    home.import("c.json", "[1]");
    let names = |arguments: &[&str]| -> Vec<String> {
        let mut all = vec!["files"];
        all.extend(arguments);
        home.json(&all)["files"]
            .as_array()
            .unwrap()
            .iter()
            .map(|f| f["filename"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(names(&[]), ["c.json", "a.csv", "b.csv"], "newest first");
    assert_eq!(names(&["--reverse"]), ["b.csv", "a.csv", "c.json"]);
    assert_eq!(names(&["--sort", "name"]), ["a.csv", "b.csv", "c.json"]);
    assert_eq!(names(&["--sort", "size"]), ["a.csv", "b.csv", "c.json"]);
    assert_eq!(names(&["--type", "csv"]), ["a.csv", "b.csv"]);
    assert_eq!(names(&["--search", "JSON"]), ["c.json"]);
    assert_eq!(names(&["--limit", "1"]), ["c.json"]);
    assert_eq!(names(&["--limit", "1", "--offset", "1"]), ["a.csv"]);
    assert_eq!(names(&["--offset", "2"]), ["b.csv"]);
    assert_eq!(
        names(&["--limit", "5000", "--offset", "1"]),
        ["a.csv", "b.csv"]
    );
    let page = home.json(&["files", "--limit", "1"]);
    assert_eq!((&page["count"], &page["total"]), (&json!(1), &json!(3)));
    let none = home.json(&["files", "--limit", "0"]);
    assert_eq!(
        (&none["files"], &none["count"], &none["total"]),
        (&json!([]), &json!(0), &json!(3))
    );
    let streamed = home.json(&["files", "--type", "csv"]);
    assert_eq!(
        (&streamed["count"], &streamed["total"]),
        (&json!(2), &json!(2))
    );
}

#[test]
fn verify_tells_edited_from_missing() {
    let home = Home::new();
    let good = home.import("good.txt", "good");
    let edited = home.import("edited.txt", "before");
    let gone = home.import("gone.txt", "gone");
    let fine = home.json(&["verify"]);
    assert_eq!(
        fine["verify"],
        json!({ "ok": 3, "changed": [], "missing": [], "unreadable": [] })
    );
    let only = home.json(&["verify", &good.to_string()]);
    assert_eq!(only["verify"]["ok"], 1);

    let store = std::fs::read_dir(home.path().join("data/users"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    std::fs::write(store.join("files/edited.txt"), "after!").unwrap();
    std::fs::remove_file(store.join("files/gone.txt")).unwrap();
    let ran = home.run(&["--json", "verify"]);
    assert_eq!(ran.status, 6, "{}", ran.stderr);
    let verify = ran.object()["verify"].clone();
    assert_eq!(verify["missing"][0]["id"], gone);
    assert_eq!(
        home.json(&["info", &gone.to_string()])["file"]["status"],
        "missing"
    );
    // Whoever saw the edit first, opening the store or verifying, keeps it as a new revision.
    let now = home.json(&["info", &edited.to_string()])["file"].clone();
    assert_eq!(
        (&now["sha256"], &now["size_bytes"]),
        (&json!(sha256(b"after!")), &json!(6))
    );
    assert_eq!(home.run(&["verify", "999999"]).status, 4);
}

#[test]
fn stats_jobs_and_doctor_answer() {
    let home = Home::new();
    home.import("a.csv", "a\n1\n");
    home.import("b.csv", "b\n1\n");
    let stats = home.json(&["stats"])["stats"].clone();
    assert_eq!(
        (
            &stats["total_files"],
            &stats["total_size_bytes"],
            &stats["total_tables"]
        ),
        (&json!(2), &json!(8), &json!(0))
    );
    assert!(stats["total_size_mb"].is_number());
    assert_eq!(stats["by_type"][0]["file_type"], "csv");

    assert_eq!(
        home.json(&["jobs"])["jobs"],
        json!([]),
        "nothing runs and nothing was cut off"
    );
    let all = home.json(&["jobs", "list", "--all"])["jobs"].clone();
    assert_eq!(all.as_array().unwrap().len(), 2);
    assert_eq!(
        (&all[0]["kind"], &all[0]["state"]),
        (&json!("import"), &json!("done"))
    );
    let ran = home.run(&["--json", "jobs", "cancel", "01ARZ3NDEKTSV4RRFFQ69G5FAV"]);
    assert_eq!(
        (ran.status, ran.error()["code"].as_str()),
        (4, Some("not_found"))
    );

    let doctor = home.json(&["doctor"]);
    assert_eq!(
        doctor["ok"],
        json!(
            doctor["checks"]
                .as_array()
                .unwrap()
                .iter()
                .all(|c| c["ok"] == true)
        )
    );
    assert!(doctor["checks"].as_array().unwrap().len() >= 3);
}

#[test]
fn profiles_come_and_go() {
    let home = Home::new();
    let login = |arguments: &[&str], input: &str| {
        let mut command = home.bare();
        command
            .args(["--json", "login"])
            .args(arguments)
            .env("REDLINE_PASSPHRASE", "correct horse battery staple");
        Ran::with_input(&mut command, input)
    };
    assert_eq!(Ran::of(home.bare().args(["--json", "whoami"])).status, 3);
    let ran = login(
        &["--keep", "file", "--label", "Research desk"],
        &format!("{KEY_B}\n"),
    );
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    let profile = ran.object()["profile"].clone();
    assert_eq!(profile["label"], "Research desk");
    assert_eq!(profile["kept_in"], "passphrase_file");
    assert!(!ran.stdout.contains(KEY_B) && !ran.stderr.contains(KEY_B));
    let name = profile["name"].as_str().unwrap().to_owned();

    let listed = Ran::of(home.bare().args(["--json", "profiles"])).object();
    assert_eq!(listed["profiles"][0]["name"], name.as_str());
    assert_eq!(listed["profiles"][0]["current"], true);

    // Without the passphrase the key cannot be had; with it the profile works.
    let locked = Ran::of(home.bare().args(["--json", "whoami"]));
    assert_eq!(
        (locked.status, locked.error()["code"].as_str()),
        (3, Some("passphrase_needed"))
    );
    let wrong = Ran::of(
        home.bare()
            .args(["--json", "whoami"])
            .env("REDLINE_PASSPHRASE", "wrong"),
    );
    assert_eq!(
        (wrong.status, wrong.error()["code"].as_str()),
        (3, Some("wrong_passphrase"))
    );
    let opened = Ran::of(
        home.bare()
            .args(["--json", "whoami"])
            .env("REDLINE_PASSPHRASE", "correct horse battery staple"),
    );
    assert_eq!(opened.object()["profile"]["name"], name.as_str());

    let unknown = Ran::of(
        home.bare()
            .args(["--json", "--profile", "nobody", "whoami"]),
    );
    assert_eq!(
        (unknown.status, unknown.error()["code"].as_str()),
        (4, Some("not_found"))
    );

    let out = Ran::of(home.bare().args(["--json", "logout", "--yes"])).object();
    assert_eq!(
        (&out["profile"]["name"], &out["profiles"]),
        (&json!(name), &json!([]))
    );
    assert_eq!(Ran::of(home.bare().args(["whoami"])).status, 3);
    assert!(
        home.path()
            .join("data/users")
            .read_dir()
            .unwrap()
            .next()
            .is_some(),
        "the store stays"
    );
}

#[test]
fn a_new_key_comes_with_its_kit() {
    let home = Home::new();
    let kit = home.path().join("kit.txt");
    let mut command = home.bare();
    command.args([
        "--json",
        "login",
        "--new",
        "--keep",
        "session",
        "--kit",
        kit.to_str().unwrap(),
    ]);
    let ran = Ran::of(&mut command);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    assert_eq!(ran.object()["new_key"], true);
    assert_eq!(ran.object()["profile"]["tier"], "free");
    let text = std::fs::read_to_string(&kit).unwrap();
    let key = text
        .split_whitespace()
        .find(|w| w.starts_with("RL-") && w.len() == 29)
        .expect("the kit has the key")
        .to_owned();
    assert!(!ran.stdout.contains(&key));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(kit.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
    // The key works, and a kit that exists is not overwritten.
    let mut again = home.with_key(&key);
    assert_eq!(Ran::of(again.args(["--json", "whoami"])).status, 0);
    let refused = Ran::of(
        home.with_key(&key)
            .args(["--json", "kit", kit.to_str().unwrap()]),
    );
    assert_eq!(
        (refused.status, refused.error()["code"].as_str()),
        (1, Some("already_exists"))
    );
    assert_eq!(std::fs::read_to_string(&kit).unwrap(), text);
}

#[test]
fn a_conversion_is_stored_proved_and_remembered() {
    let home = Home::new();
    let id = home
        .import("q3.csv", "id,name\n001,Ann\n002,Bob\n")
        .to_string();
    let plan = home.json(&["convert", &id, "--to", "parquet", "--plan"])["plan"].clone();
    assert_eq!(
        (&plan["to"], &plan["profile"]["rows"]),
        (&json!("parquet"), &json!(2))
    );
    assert_eq!(home.json(&["files"])["total"], 1, "a plan changes nothing");

    let conversion = home.json(&["convert", &id, "--to", "parquet"])["conversion"].clone();
    assert_eq!(
        (
            &conversion["rows_in"],
            &conversion["rows_out"],
            &conversion["rows_rejected"]
        ),
        (&json!(2), &json!(2), &json!(0))
    );
    assert_eq!(conversion["certificate"]["verdict"], "proved");
    let parquet = conversion["output_id"].to_string();
    let back = home.json(&["convert", &parquet, "--to", "csv"])["conversion"].clone();
    let text = home
        .run(&["export", &back["output_id"].to_string(), "-"])
        .stdout;
    assert!(
        text.contains("001") && text.contains("Bob"),
        "zeros in front survive: {text}"
    );

    let history = home.json(&["history"])["conversions"].clone();
    assert_eq!(history.as_array().unwrap().len(), 2);
    assert_eq!(history[0]["id"], back["id"], "newest first");
    assert_eq!(
        home.json(&["history", "--limit", "1"])["conversions"]
            .as_array()
            .unwrap()
            .len(),
        1
    );

    let several = home.run(&["--json", "convert", &id, "999999", "--to", "parquet"]);
    assert_eq!(several.status, 6);
    assert_eq!(several.object()["conversions"].as_array().unwrap().len(), 1);
    assert_eq!(several.object()["failed"][0]["error"]["code"], "not_found");
}

#[test]
fn what_is_not_converted_says_why() {
    let home = Home::new();
    let id = home.import("q3.csv", "a\n1\n").to_string();
    let ran = home.run(&["--json", "convert", &id, "--to", "nonsense"]);
    assert_ne!(ran.status, 0);
    assert!(
        ["unsupported", "bad_request"].contains(&ran.error()["code"].as_str().unwrap()),
        "{}",
        ran.stderr
    );
    let path = home.run(&["--json", "convert", "from/q3.csv", "--to", "parquet"]);
    assert_eq!(path.status, 2);
    assert!(path.error()["hint"].as_str().unwrap().contains("--out"));
    assert_eq!(home.json(&["history"])["conversions"], json!([]));
}

#[test]
fn a_backup_without_a_bucket_says_what_to_do() {
    let home = Home::new();
    home.import("a.csv", "a\n1\n");
    for arguments in [
        ["backup", "run"],
        ["backup", "plan"],
        ["backup", "list"],
        ["backup", "probe"],
        ["restore", "plan"],
        ["restore", "run"],
    ] {
        let ran = home.run(&["--json", arguments[0], arguments[1]]);
        assert_eq!(
            (ran.status, ran.error()["code"].as_str()),
            (1, Some("bucket_missing")),
            "{arguments:?}"
        );
        assert!(
            ran.error()["hint"].as_str().unwrap().len() > 10,
            "{arguments:?}"
        );
    }
    assert_eq!(
        home.json(&["backup", "status"])["backup_status"]["bucket"],
        Value::Null
    );
    let ran = home.run(&["--json", "backup", "setup", "--env", "missing.env"]);
    assert_eq!(
        (ran.status, ran.error()["code"].as_str()),
        (1, Some("source_vanished"))
    );
}

#[test]
fn completions_and_manual_need_no_store() {
    let home = Home::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let ran = Ran::of(home.bare().args(["completions", shell]));
        assert_eq!(ran.status, 0);
        assert!(
            ran.stdout.contains("redline") && ran.stdout.contains("undelete"),
            "{shell}"
        );
    }
    let page = Ran::of(home.bare().arg("man"));
    assert!(
        page.stdout.contains(".TH redline 1") && page.stdout.contains("Exit status"),
        "{}",
        page.stdout
    );
    assert!(
        Ran::of(home.bare().args(["man", "import"]))
            .stdout
            .contains("on\\-duplicate")
    );
    assert_eq!(Ran::of(home.bare().args(["man", "nonsense"])).status, 2);
    let dir = home.path().join("man");
    assert_eq!(
        Ran::of(home.bare().args(["man", "--dir", dir.to_str().unwrap()])).status,
        0
    );
    let mut pages: Vec<_> = std::fs::read_dir(&dir)
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    pages.sort();
    assert!(
        pages.contains(&"redline.1".to_owned()) && pages.contains(&"redline-backup.1".to_owned()),
        "{pages:?}"
    );
    assert!(!home.path().join("data").exists() && !home.path().join("config").exists());
}

#[test]
fn the_whole_store_goes_only_when_it_is_meant() {
    let home = Home::new();
    home.import("a.csv", "a\n1\n");
    // Not on a terminal, so nobody can be asked.
    assert_eq!(home.run(&["delete-all"]).status, 2);
    assert_eq!(home.json(&["files"])["total"], 1);
    let gone = home.json(&["delete-all", "--yes"]);
    assert_eq!(gone["deleted"]["files"], 1);
    assert_eq!(home.stored_bytes(), Vec::<Vec<u8>>::new());
    assert_eq!(home.json(&["files"])["total"], 0);
}
