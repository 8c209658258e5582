//! A machine with a store and a bucket, for the tests of backups through core.

#![allow(dead_code)] // each test uses what it needs

pub mod sealed;

use std::fs;
use std::path::PathBuf;

use redline_core::{
    AwsFiles, BucketSetup, FileQuery, FileView, FrontEnd, KeptIn, Options, Redline, RestoreRequest,
    Session, SignInRequest,
};
use redline_store::{Identity, Store, StoreOptions};
use redline_tests::s3::{ACCESS_KEY, REGION, SECRET_KEY, TestS3};

pub const KEY: &str = "RL-CORE0000-BACKUP00-FEATURES";

pub struct Home {
    pub dir: tempfile::TempDir,
    pub redline: Redline,
    pub session: Session,
}

impl Home {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let redline = Redline::open(Options {
            data_dir: Some(dir.path().join("data")),
            config_dir: Some(dir.path().join("config")),
            front_end: FrontEnd::CommandLine,
            env_key: None,
            aws_files: Some(AwsFiles {
                config: dir.path().join("aws/config"),
                credentials: dir.path().join("aws/credentials"),
            }),
        })
        .unwrap();
        let session = redline
            .sign_in(SignInRequest {
                key: Some(KEY.into()),
                label: Some("Desk".into()),
                keep: KeptIn::SessionOnly,
                passphrase: None,
            })
            .unwrap();
        Self {
            dir,
            redline,
            session,
        }
    }

    /// Notices what was laid into the store by hand, as opening it does.
    pub fn look_through(&self) {
        let data = self.dir.path().join("data");
        let identity = Identity::of_key(KEY);
        let (store, _) = Store::open(&data, &identity, StoreOptions::default()).unwrap();
        store.reconcile(&()).unwrap();
    }

    pub fn with_bucket(server: &TestS3) -> Self {
        let home = Self::new();
        home.session.set_bucket(setup(server)).unwrap();
        home
    }

    /// Encrypts before it sends, from the first backup on.
    pub fn with_sealed_bucket(server: &TestS3, passphrase: &str) -> Self {
        let home = Self::new();
        home.session
            .set_bucket(BucketSetup {
                recovery_passphrase: Some(passphrase.into()),
                ..setup(server)
            })
            .unwrap();
        home
    }

    pub fn import(&self, files: &[(&str, &[u8])]) {
        // A folder is imported, so that folders within come along.
        let folder = tempfile::tempdir_in(self.dir.path()).unwrap();
        for (name, bytes) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        let sources = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        let report = self.session.import_now(sources, None, &mut ()).unwrap();
        assert_eq!(report.imported_count, files.len() as u64, "{report:?}");
    }

    /// The restore point's id.
    pub fn backup(&self) -> String {
        self.session.backup_now().unwrap();
        self.session.restore_points().unwrap()[0].id.clone()
    }

    pub fn files(&self) -> Vec<FileView> {
        let mut files = self.session.list(&FileQuery::default()).unwrap().files;
        files.sort_by(|a, b| a.relative_path.cmp(&b.relative_path));
        files
    }

    pub fn trash(&self) -> Vec<FileView> {
        let query = FileQuery {
            trash: true,
            ..FileQuery::default()
        };
        self.session.list(&query).unwrap().files
    }

    pub fn file(&self, path: &str) -> FileView {
        self.files()
            .into_iter()
            .find(|file| file.relative_path == path)
            .unwrap_or_else(|| panic!("no {path}"))
    }

    fn store_dir(&self) -> PathBuf {
        let users = self.dir.path().join("data/users");
        fs::read_dir(users).unwrap().next().unwrap().unwrap().path()
    }

    /// Where the store keeps it.
    pub fn path(&self, path: &str) -> PathBuf {
        self.store_dir().join("files").join(path)
    }

    /// The store's private folder.
    pub fn private(&self) -> PathBuf {
        self.store_dir().join(".redline")
    }

    pub fn read(&self, path: &str) -> Vec<u8> {
        fs::read(self.path(path)).unwrap()
    }

    /// As another program edits a stored file in place, noticed by the store.
    pub fn edit(&self, path: &str, bytes: &[u8]) {
        fs::write(self.path(path), bytes).unwrap();
        let id = self.file(path).id;
        self.session.verify_now(Some(vec![id])).unwrap();
    }

    pub fn delete(&self, path: &str) {
        let id = self.file(path).id;
        self.session.delete(&[id]).unwrap();
    }
}

pub fn setup(server: &TestS3) -> BucketSetup {
    BucketSetup {
        bucket: server.bucket().into(),
        region: REGION.into(),
        endpoint_url: Some(server.endpoint()),
        access_key: Some(ACCESS_KEY.into()),
        secret_key: Some(SECRET_KEY.into()),
        aws_profile: None,
        server_encryption: None,
        recovery_passphrase: None,
    }
}

/// An empty `at` is the newest.
pub fn request(at: &str, only: &[&str]) -> RestoreRequest {
    RestoreRequest {
        at: (!at.is_empty()).then(|| at.to_owned()),
        only: only.iter().map(|glob| (*glob).to_owned()).collect(),
        paths: Vec::new(),
    }
}
