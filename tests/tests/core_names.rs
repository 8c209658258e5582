//! Odd names through a whole store: imported or laid in by hand, backed up, restored on
//! an empty machine, and backed up again from there.

mod backup_home;

use std::collections::BTreeMap;
use std::fs;

use backup_home::{Home, request};
use redline_tests::s3::{Options as Server, TestS3};

/// Name to bytes, and nothing that is not here.
fn contents(home: &Home) -> BTreeMap<String, Vec<u8>> {
    home.files()
        .into_iter()
        .map(|file| (file.relative_path.clone(), home.read(&file.relative_path)))
        .collect()
}

fn bytes(of: &BTreeMap<String, Vec<u8>>) -> Vec<Vec<u8>> {
    let mut all: Vec<_> = of.values().cloned().collect();
    all.sort();
    all
}

#[test]
fn odd_names_come_back_on_an_empty_machine_and_do_not_multiply() {
    let server = TestS3::start(Server::default()).unwrap();
    let home = Home::with_bucket(&server);
    let odd: Vec<(&str, &[u8])> = vec![
        ("A/a", b"upper"),
        ("q3 + 50% & #1.csv", b"a\n1\n"),
        ("\u{1f469}\u{200d}\u{1f467}.csv", b"a\n2\n"),
        ("empty.bin", b""),
        (" leading.txt", b"l"),
    ];
    home.import(&odd);
    // Laid in by hand, under names that an import would have changed.
    let twins: [(&str, &[u8]); 5] = [
        ("\u{e9}.csv", b"composed"),
        ("e\u{301}.csv", b"decomposed"),
        ("dots..", b"dots"),
        ("space ", b"space"),
        ("a/A", b"lower"),
    ];
    for (name, bytes) in twins {
        let path = home.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    home.look_through();
    let here = contents(&home);
    assert_eq!(here.len(), 10, "{:?}", here.keys());
    let report = home.session.backup_now().unwrap();
    assert_eq!((report.uploaded_files, report.left_out), (10, vec![]));

    let there = Home::with_bucket(&server);
    let restored = there.session.restore_now(&request("", &[])).unwrap();
    assert_eq!((restored.restored_files, restored.failed), (10, vec![]));
    assert_eq!(contents(&there), here);
    let again = there.session.restore_now(&request("", &[])).unwrap();
    assert_eq!(again.restored_files, 0);
    // A backup from there finds nothing of its own, and nothing of the other's gone.
    let report = there.session.backup_now().unwrap();
    assert_eq!(
        (
            report.uploaded_files,
            report.removed_files,
            report.conflicts.len()
        ),
        (0, 0, 0),
        "{report:?}"
    );
    let third = Home::with_bucket(&server);
    third.session.restore_now(&request("", &[])).unwrap();
    assert_eq!(bytes(&contents(&third)), bytes(&here));
    assert_eq!(contents(&third), here);
}
