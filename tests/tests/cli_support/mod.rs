//! A machine on which the real `redline` runs against a bucket, for the tests of backups
//! through the command line.
#![allow(dead_code)] // Each test binary uses its own part of it.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use redline_tests::s3::{ACCESS_KEY, REGION, SECRET_KEY, TestS3};
use serde_json::Value;

pub const KEY: &str = "RL-TESTCLIB-ACKUPAAA-AAAAAAAA";

/// A machine: folders of its own, the key in the environment.
pub struct Machine {
    pub dir: tempfile::TempDir,
    pub variables: Vec<(String, String)>,
}

impl Machine {
    pub fn new(s3: &TestS3) -> Self {
        let variables = [
            ("USE_S3_STORAGE", "true"),
            ("S3_BUCKET", s3.bucket()),
            ("S3_ACCESS_KEY", ACCESS_KEY),
            ("S3_SECRET_KEY", SECRET_KEY),
            ("S3_REGION", REGION),
            ("S3_ENDPOINT_URL", &s3.endpoint()),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self {
            dir: tempfile::tempdir().expect("a temporary folder"),
            variables: variables.into(),
        }
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(redline());
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.dir.path())
            .env("REDLINE_DATA_DIR", self.dir.path().join("data"))
            .env("REDLINE_CONFIG_DIR", self.dir.path().join("config"))
            .env("REDLINE_LICENSE_KEY", KEY)
            .envs(self.variables.iter().cloned())
            .current_dir(self.dir.path())
            .args(arguments);
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("redline runs")
    }

    pub fn json(&self, arguments: &[&str]) -> Value {
        let output = self.run(&[&["--json"], arguments].concat());
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {stderr}");
        let stdout = String::from_utf8_lossy(&output.stdout);
        assert!(
            !stdout.contains(SECRET_KEY) && !stderr.contains(SECRET_KEY),
            "{arguments:?} tells a secret"
        );
        serde_json::from_str(&stdout).unwrap_or_else(|e| panic!("{e}: {stdout}"))
    }

    /// With one line typed into it.
    pub fn typed(&self, arguments: &[&str], text: &str) -> Output {
        let mut child = self
            .command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("redline runs");
        let mut stdin = child.stdin.take().expect("a pipe");
        writeln!(stdin, "{text}").expect("it reads");
        drop(stdin);
        child.wait_with_output().expect("its answers")
    }

    /// Where the store keeps it.
    pub fn stored(&self, name: &str) -> PathBuf {
        let found = walk(&self.dir.path().join("data"));
        let is_it = |path: &&PathBuf| path.ends_with(Path::new("files").join(name));
        found.iter().find(is_it).expect("a stored file").clone()
    }
}

/// The program as built beside this test.
pub fn redline() -> PathBuf {
    let test = std::env::current_exe().expect("this test");
    let path = test
        .ancestors()
        .nth(2)
        .unwrap_or(Path::new(""))
        .join("redline");
    assert!(
        path.exists(),
        "{} is not built; `cargo build --workspace --all-targets` does that",
        path.display()
    );
    path
}

pub fn walk(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            found.extend(walk(&entry.path()));
        } else {
            found.push(entry.path());
        }
    }
    found
}
