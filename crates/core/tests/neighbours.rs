//! Core beside others: the next command, another process in the same store, another
//! store in the same process.

use std::fs;
use std::path::{Path, PathBuf};

use redline_core::*;

const OTHER: &str = "RL-AAAAAAAA-BBBBBBBB-CCCCCCCC";

struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn options(&self, front_end: FrontEnd) -> Options {
        Options {
            data_dir: Some(self.path().join("data")),
            config_dir: Some(self.path().join("config")),
            front_end,
            env_key: None,
            aws_files: None,
        }
    }

    fn open(&self) -> Redline {
        Redline::open(self.options(FrontEnd::CommandLine)).unwrap()
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

fn for_this_session(key: Option<&str>) -> SignInRequest {
    SignInRequest {
        key: key.map(str::to_owned),
        label: None,
        keep: KeptIn::SessionOnly,
        passphrase: None,
    }
}

fn store_of(home: &Home) -> PathBuf {
    let mut stores = fs::read_dir(home.path().join("data/users")).unwrap();
    stores.next().unwrap().unwrap().path()
}

#[test]
fn a_program_that_ends_leaves_nothing_to_fold_in() {
    let home = Home::new();
    let redline = home.open();
    let session = redline.sign_in(for_this_session(None)).unwrap();
    let report = session
        .import_now(vec![home.file("a.csv", b"a\n1\n")], None, &mut ())
        .unwrap();
    assert_eq!(report.imported_count, 1);
    let log = store_of(&home).join("user_data.duckdb.wal");
    assert!(log.exists(), "rows are in the log at first");
    redline.release();
    assert!(!log.exists());
    // It opens again for whoever asks.
    assert_eq!(session.list(&FileQuery::default()).unwrap().total, 1);
}

#[test]
fn a_store_that_is_busy_keeps_no_other_waiting() {
    let home = Home::new();
    const BUSY: &str = "RL-BUSYBUSY-BUSYBUSY-BUSYBUSY";
    let before = Home::new();
    let other = before.open();
    other.sign_in(for_this_session(Some(BUSY))).unwrap();
    other.release();
    // Under another root it is one that this process has not open yet.
    let moved = std::process::Command::new("cp")
        .arg("-a")
        .args([before.path().join("data"), home.path().join("data")])
        .status();
    assert!(moved.unwrap().success());
    let busy = store_of(&home);
    let redline = home.open();
    // Another Redline works in it.
    let lease = fs::File::options()
        .write(true)
        .open(busy.join(".redline/lease"))
        .unwrap();
    std::thread::scope(|scope| {
        lease.lock().unwrap();
        let waiting = scope.spawn({
            let redline = redline.clone();
            move || redline.sign_in(for_this_session(Some(BUSY))).map(|_| ())
        });
        std::thread::sleep(std::time::Duration::from_millis(300));
        let began = std::time::Instant::now();
        redline.sign_in(for_this_session(Some(OTHER))).unwrap();
        assert!(
            began.elapsed().as_secs() < 5 && !waiting.is_finished(),
            "it took {:?}",
            began.elapsed()
        );
        lease.unlock().unwrap();
        waiting.join().unwrap().unwrap();
    });
}

#[test]
fn a_store_deleted_by_another_process_is_gone_until_the_next_sign_in() {
    let home = Home::new();
    let (here, there) = (home.open(), home.open());
    let session = here.sign_in(for_this_session(Some(OTHER))).unwrap();
    session
        .import_now(vec![home.file("a.csv", b"1")], None, &mut ())
        .unwrap();
    here.release();
    fs::remove_dir_all(store_of(&home)).unwrap();
    drop(there);
    let error = session.list(&FileQuery::default()).unwrap_err();
    assert_eq!(error.code(), Code::NotSignedInHere, "{error:?}");
    assert!(error.report().message.contains("deleted"), "{error}");
    let again = here.sign_in(for_this_session(Some(OTHER))).unwrap();
    assert_eq!(again.list(&FileQuery::default()).unwrap().total, 0);
}

#[test]
fn doctor_reads_the_store_that_the_next_command_would_and_makes_none() {
    let home = Home::new();
    let mut options = home.options(FrontEnd::CommandLine);
    options.env_key = Some(OTHER.to_owned());
    let redline = Redline::open(options).unwrap();
    let named = |redline: &Redline, name: &str| {
        let checks = redline.doctor();
        checks.into_iter().find(|check| check.name == name)
    };
    assert_eq!(named(&redline, "Catalog"), None);
    assert!(!home.path().join("data/users").exists());
    redline.session_for(None).unwrap();
    redline.release();
    let mut options = home.options(FrontEnd::CommandLine);
    options.env_key = Some(OTHER.to_owned());
    let redline = Redline::open(options).unwrap();
    let check = named(&redline, "Catalog").expect("it is looked at");
    assert!(check.ok, "{check:?}");
    assert!(named(&redline, "Store").expect("it too").ok);
}
