//! The command line against a real S3 server of its own: set up, back up, restore on
//! an empty machine.

mod cli_support;

use std::process::Stdio;
use std::time::{Duration, Instant};

use cli_support::Machine;
use redline_tests::s3::{Fault, FaultKind, Options, TestS3};
use serde_json::{Value, json};

#[test]
fn a_store_goes_to_the_bucket_and_comes_back_on_an_empty_machine() {
    let s3 = TestS3::start(Options::default()).expect("a server");
    let first = Machine::new(&s3);
    std::fs::create_dir_all(first.dir.path().join("from/deep")).unwrap();
    std::fs::write(first.dir.path().join("from/a.csv"), "a\n007\n").unwrap();
    std::fs::write(first.dir.path().join("from/deep/b.bin"), vec![7; 300_000]).unwrap();
    first.json(&["import", "from"]);

    let bucket = first.json(&["backup", "setup"])["bucket"].clone();
    assert_eq!(
        (&bucket["bucket"], &bucket["has_secrets"]),
        (&json!(s3.bucket()), &json!(true))
    );
    assert!(
        bucket["checks"]
            .as_array()
            .unwrap()
            .iter()
            .all(|c| c["ok"] == true || c["required"] == false),
        "{bucket}"
    );
    let plan = first.json(&["backup", "plan"])["plan"].clone();
    assert_eq!(
        (&plan["upload_files"], &plan["upload_bytes"]),
        (&json!(2), &json!(300_006))
    );
    let backup = first.json(&["backup", "run"])["backup"].clone();
    assert_eq!(
        (&backup["uploaded_files"], &backup["left_out"]),
        (&json!(2), &json!([]))
    );
    assert!(
        backup["manifest"].as_str().unwrap().len() > 10 && backup["requests"].as_u64().unwrap() > 2
    );
    assert_eq!(
        first.json(&["backup", "run"])["backup"]["uploaded_files"],
        0,
        "nothing changed"
    );
    let points = first.json(&["backup", "list"])["restore_points"].clone();
    assert!(!points.as_array().unwrap().is_empty());
    assert_eq!(points[0]["authentic"], true);

    let second = Machine::new(&s3);
    second.json(&["backup", "setup"]);
    let plan = second.json(&["restore", "plan"])["plan"].clone();
    assert_eq!(
        (&plan["new_files"], &plan["differing_files"]),
        (&json!(2), &json!(0))
    );
    let restored = second.json(&["restore", "run"])["restore"].clone();
    assert_eq!(
        (&restored["restored_files"], &restored["failed"]),
        (&json!(2), &json!([]))
    );
    let (here, there) = (
        first.json(&["files", "--sort", "name"]),
        second.json(&["files", "--sort", "name"]),
    );
    let essence = |list: &Value| -> Vec<Value> {
        list["files"]
            .as_array()
            .unwrap()
            .iter()
            .map(|f| json!([f["uid"], f["relative_path"], f["sha256"], f["size_bytes"]]))
            .collect()
    };
    assert_eq!(essence(&here), essence(&there));
    assert_eq!(second.json(&["verify"])["verify"]["ok"], 2);
    assert_eq!(
        second.json(&["restore", "run"])["restore"]["restored_files"],
        0,
        "once is enough"
    );
}

/// What a person does with a backup beside making one.
#[test]
fn a_backup_is_proven_restored_in_part_taken_back_and_tidied() {
    let s3 = TestS3::start(Options::default()).expect("a server");
    let machine = Machine::new(&s3);
    std::fs::create_dir_all(machine.dir.path().join("from")).unwrap();
    for (name, text) in [("a.csv", "a,b\n1,2\n"), ("b.txt", "b")] {
        std::fs::write(machine.dir.path().join("from").join(name), text).unwrap();
    }
    machine.json(&["import", "from"]);
    machine.json(&["backup", "setup", "--sse", "s3"]);
    machine.json(&["backup", "run"]);
    let verify = machine.json(&["backup", "verify", "--deep"])["verify"].clone();
    assert_eq!((&verify["ok"], &verify["files"]), (&json!(true), &json!(2)));
    let drill = machine.json(&["backup", "drill"])["drill"].clone();
    assert_eq!(
        (&drill["ok"], &drill["table"]["rows"]),
        (&json!(true), &json!(1))
    );
    let status = machine.json(&["backup", "status"])["backup_status"].clone();
    assert!(status["last_proven_at"].is_string(), "{status}");
    let schedule = machine.json(&["backup", "schedule", "--deep", "30"])["schedule"].clone();
    assert_eq!(schedule["deep_days"], 30);
    let due = machine.json(&["backup", "verify", "--due"])["checks"].clone();
    assert_eq!(
        due.as_array().unwrap().len(),
        1,
        "the quick one alone: {due}"
    );

    let point = machine.json(&["backup", "list"])["restore_points"][0].clone();
    let shown = machine.json(&["backup", "show", point["id"].as_str().unwrap()]);
    assert_eq!(shown["changes"]["new_count"], 2);
    let files = machine.json(&["files"])["files"].clone();
    let id = |name: &str| {
        let all = files.as_array().unwrap();
        let file = all.iter().find(|f| f["filename"] == name).unwrap();
        file["id"].to_string()
    };
    let versions = machine.json(&["backup", "versions", &id("b.txt")]);
    assert_eq!(versions["versions"], json!([]), "only the one that is here");
    machine.json(&["delete", &id("b.txt")]);
    let restored = machine.json(&["restore", "run", "--only", "*.txt"])["restore"].clone();
    assert_eq!(restored["restored_files"], 1, "{restored}");
    let undone = machine.json(&["restore", "undo"])["restore"].clone();
    assert_eq!(undone["removed_files"], 1);
    let output = machine.run(&["restore", "undo"]);
    assert_eq!(
        output.status.code(),
        Some(4),
        "nothing is left to take back"
    );

    let link = machine.json(&["link", &id("a.csv"), "--expires", "10m"]);
    assert!(
        link["url"].as_str().unwrap().contains("X-Amz-Expires=600"),
        "{link}"
    );
    let freed = machine.json(&["free", &id("a.csv")]);
    assert_eq!(
        (&freed["free"]["freed_files"], &freed["file"]["status"]),
        (&json!(1), &json!("cloud_only"))
    );
    let fetched = machine.json(&["fetch", &id("a.csv")]);
    assert_eq!(fetched["file"]["status"], "stored");

    let plan = machine.json(&["backup", "keep", "--last", "1", "--apply"])["plan"].clone();
    assert_eq!(
        (&plan["kept_points"], &plan["refused"]),
        (&json!(1), &Value::Null)
    );
    let kept = machine.json(&["backup", "keep", "--run"])["retention"].clone();
    assert_eq!(
        kept["deleted_objects"], 0,
        "nothing before a day has passed"
    );
    let rules = machine.json(&["backup", "rules"])["rules"].clone();
    assert_eq!(rules["versioning"], "off");
    let policy = machine.json(&["backup", "policy"])["policy"].clone();
    assert!(policy.as_str().unwrap().contains("s3:PutObject"));
}

#[test]
fn killed_between_the_manifest_and_its_note_a_file_put_back_is_this_devices_change() {
    let s3 = TestS3::start(Options::default()).expect("a server");
    let first = Machine::new(&s3);
    std::fs::write(first.dir.path().join("f.txt"), "first").unwrap();
    first.json(&["import", "f.txt"]);
    first.json(&["backup", "setup"]);
    first.json(&["backup", "run"]);
    std::fs::write(first.stored("f.txt"), "second").unwrap();
    first.json(&["verify"]);

    // The manifest is stored; its answer is lost, and the next try hangs until the kill.
    s3.inject(Fault::at_manifest(FaultKind::LostResponse));
    s3.inject(Fault::at_manifest(FaultKind::Stall).times(9));
    let manifests = || {
        let keys = s3.objects();
        keys.iter()
            .filter(|(key, _)| key.contains("/manifests/"))
            .count()
    };
    let mut run = first
        .command(&["backup", "run"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("redline runs");
    let began = Instant::now();
    while manifests() < 2 {
        assert!(
            began.elapsed() < Duration::from_secs(60),
            "no manifest came"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
    run.kill().unwrap();
    run.wait().unwrap();
    s3.clear_faults();

    std::fs::write(first.stored("f.txt"), "first").unwrap();
    first.json(&["verify"]);
    let backup = first.json(&["backup", "run"])["backup"].clone();
    assert_eq!(
        (&backup["uploaded_files"], &backup["conflicts"]),
        (&json!(1), &json!([])),
        "{backup}"
    );
    let second = Machine::new(&s3);
    second.json(&["backup", "setup"]);
    second.json(&["restore", "run"]);
    assert_eq!(
        std::fs::read_to_string(second.stored("f.txt")).unwrap(),
        "first"
    );
}
