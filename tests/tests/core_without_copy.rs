//! A server that does not take a file's own name as a key: the bytes are safe, and that the
//! readable copy is missing is told.

mod backup_home;

use std::path::Path;
use std::process::{Command, Output};

use backup_home::{Home, request};
use redline_tests::s3::{
    ACCESS_KEY, Fault, FaultKind, Options as Server, Personality, REGION, SECRET_KEY, TestS3,
};

const NOT_TAKEN: FaultKind = FaultKind::Error {
    status: 400,
    code: "InvalidArgument",
};

/// Whenever a file is given its name in this way.
fn refuse_names(server: &TestS3, operation: &'static str) {
    server.inject(
        Fault::new(NOT_TAKEN)
            .on(operation)
            .path_contains("/files/")
            .times(usize::MAX),
    );
}

#[test]
fn a_name_that_is_not_taken_is_told_and_every_byte_comes_back() {
    for (refuses_copy, names) in [(false, "CopyObject"), (true, "PutObject")] {
        let server = TestS3::start(Server {
            personality: Personality {
                refuses_copy,
                ..Personality::AWS
            },
            ..Server::default()
        })
        .unwrap();
        let home = Home::with_bucket(&server);
        home.import(&[("a.csv", b"a\n1\n"), ("b.csv", b"b\n2\n")]);
        refuse_names(&server, names);
        let report = home.session.backup_now().unwrap();
        assert_eq!((report.uploaded_files, report.left_out), (2, vec![]));
        let without = report.without_copy.expect("told");
        assert_eq!(
            (without.files, without.paths),
            (2, vec!["a.csv".into(), "b.csv".into()])
        );
        assert!(
            without.note.starts_with("2 files, \"a.csv\" among them")
                && without.note.contains("restore"),
            "{}",
            without.note
        );
        assert!(
            server
                .objects()
                .iter()
                .all(|(key, _)| !key.contains("/files/"))
        );

        // Once, and of what was sent.
        server.clear_faults();
        home.import(&[("c.csv", b"c\n3\n")]);
        let report = home.session.backup_now().unwrap();
        assert_eq!((report.uploaded_files, report.without_copy), (1, None));

        let there = Home::with_bucket(&server);
        let restored = there.session.restore_now(&request("", &[])).unwrap();
        assert_eq!((restored.restored_files, restored.failed), (3, vec![]));
        assert_eq!(there.read("a.csv"), b"a\n1\n");
    }
}

#[test]
fn so_is_one_whose_object_had_to_be_sent_a_second_time() {
    let server = TestS3::start(Server::default()).unwrap();
    let home = Home::with_bucket(&server);
    home.import(&[("a.csv", b"a\n1\n")]);
    let gone = FaultKind::Error {
        status: 404,
        code: "NoSuchKey",
    };
    server.inject(Fault::new(gone).on("CopyObject").path_contains("/files/"));
    refuse_names(&server, "CopyObject");
    let report = home.session.backup_now().unwrap();
    assert_eq!((report.uploaded_files, report.left_out), (1, vec![]));
    assert_eq!(report.without_copy.unwrap().paths, ["a.csv"]);
}

#[test]
fn encrypted_no_file_has_one_and_nothing_is_told() {
    let server = TestS3::start(Server::default()).unwrap();
    let home = Home::with_sealed_bucket(&server, "four plain words here");
    home.import(&[("a.csv", b"a\n1\n")]);
    refuse_names(&server, "CopyObject");
    let report = home.session.backup_now().unwrap();
    assert_eq!((report.uploaded_files, report.without_copy), (1, None));
}

/// The program as built beside this test, on a machine of its own.
fn redline(machine: &Path, server: &TestS3, arguments: &[&str]) -> Output {
    let test = std::env::current_exe().unwrap();
    let program = test.ancestors().nth(2).unwrap().join("redline");
    Command::new(program)
        .env_clear()
        .env("HOME", machine)
        .env("REDLINE_DATA_DIR", machine.join("data"))
        .env("REDLINE_CONFIG_DIR", machine.join("config"))
        .env("REDLINE_LICENSE_KEY", "RL-TESTCLIN-OCOPYAAA-AAAAAAAA")
        .env("USE_S3_STORAGE", "true")
        .env("S3_BUCKET", server.bucket())
        .env("S3_ACCESS_KEY", ACCESS_KEY)
        .env("S3_SECRET_KEY", SECRET_KEY)
        .env("S3_REGION", REGION)
        .env("S3_ENDPOINT_URL", server.endpoint())
        .current_dir(machine)
        .args(arguments)
        .output()
        .expect("redline runs")
}

#[test]
fn the_command_line_tells_it_in_words_and_in_json_and_does_not_fail() {
    let server = TestS3::start(Server::default()).unwrap();
    let machine = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| {
        let output = redline(machine.path(), &server, arguments);
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "{arguments:?}: {stdout}{stderr}");
        (stdout, stderr)
    };
    for name in ["a.csv", "b.csv"] {
        std::fs::write(machine.path().join(name), name).unwrap();
    }
    run(&["import", "a.csv"]);
    run(&["backup", "setup"]);
    refuse_names(&server, "CopyObject");
    let (_, told) = run(&["backup", "run"]);
    assert!(
        told.contains("note: \"a.csv\" has no readable copy under its name"),
        "{told}"
    );
    run(&["import", "b.csv"]);
    let (json, told) = run(&["--json", "backup", "run"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let without = &json["backup"]["without_copy"];
    assert_eq!(without["files"], 1);
    assert_eq!(without["paths"], serde_json::json!(["b.csv"]));
    assert!(without["note"].as_str().unwrap().contains("b.csv"));
    assert_eq!(told, "");
}
