//! The real binary in a home of its own: no keyring, no network, nothing of the
//! machine's own settings.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use sha2::{Digest, Sha256};

pub const KEY_A: &str = "RL-TESTAAAA-AAAAAAAA-AAAAAAAA";
pub const KEY_B: &str = "RL-TESTBBBB-BBBBBBBB-BBBBBBBB";

/// A table that is converted and queried.
pub const PEOPLE: &str = "id,name,city\n001,Ann,Rome\n002,Bob,Oslo\n003,Cleo,Rome\n";

pub struct Home {
    pub dir: tempfile::TempDir,
}

impl Home {
    pub fn new() -> Self {
        Self {
            dir: tempfile::tempdir().expect("a temporary folder"),
        }
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// A file below the home, with its folders.
    pub fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
        std::fs::write(&path, bytes).expect("a file");
        path
    }

    /// `redline` without a key.
    pub fn bare(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_redline"));
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.path())
            .env("TZ", "UTC")
            .env("REDLINE_DATA_DIR", self.path().join("data"))
            .env("REDLINE_CONFIG_DIR", self.path().join("config"))
            .current_dir(self.path())
            .stdin(Stdio::null());
        command
    }

    pub fn with_key(&self, key: &str) -> Command {
        let mut command = self.bare();
        command.env("REDLINE_LICENSE_KEY", key);
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(self.with_key(KEY_A).args(arguments))
    }

    /// What `--json` printed, for a command that went well.
    pub fn json(&self, arguments: &[&str]) -> Value {
        let ran = Ran::of(self.with_key(KEY_A).arg("--json").args(arguments));
        assert_eq!(ran.status, 0, "{arguments:?}: {}", ran.stderr);
        assert_eq!(ran.stderr, "", "{arguments:?}");
        ran.object()
    }

    /// Stores one file and answers its ID.
    pub fn import(&self, name: &str, bytes: impl AsRef<[u8]>) -> i64 {
        let path = self.file(&format!("from/{name}"), bytes);
        let report = self.json(&["import", path.to_str().expect("text")]);
        report["imported"][0]["id"]
            .as_i64()
            .unwrap_or_else(|| panic!("nothing imported: {report}"))
    }

    /// Whether at least `bytes` of one unfinished file lie in a store.
    pub fn is_copying(&self, bytes: u64) -> bool {
        let mut folders = vec![self.path().join("data")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                // What is being worked on may be gone by the next look.
                let Ok(about) = entry.metadata() else {
                    continue;
                };
                let path = entry.path();
                if about.is_dir() {
                    folders.push(path);
                } else if about.len() >= bytes
                    && path.components().any(|c| c.as_os_str() == "partial")
                {
                    return true;
                }
            }
        }
        false
    }

    /// Every regular file in the stores, without the catalogs.
    pub fn stored_bytes(&self) -> Vec<Vec<u8>> {
        let mut found = Vec::new();
        let mut folders = vec![self.path().join("data")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.components().any(|c| c.as_os_str() == "files") {
                    found.push(std::fs::read(path).expect("readable"));
                }
            }
        }
        found
    }
}

#[derive(Debug)]
pub struct Ran {
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    pub fn of(command: &mut Command) -> Self {
        Self::from(command.output().expect("redline runs"))
    }

    pub fn with_input(command: &mut Command, input: &str) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("redline runs");
        child
            .stdin
            .take()
            .expect("stdin")
            .write_all(input.as_bytes())
            .expect("read");
        Self::from(child.wait_with_output().expect("redline ends"))
    }

    pub fn from(output: Output) -> Self {
        Self {
            status: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).expect("text"),
            stderr: String::from_utf8(output.stderr).expect("text"),
        }
    }

    /// stdout as the one JSON object that it is.
    pub fn object(&self) -> Value {
        let value: Value =
            serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("{e}: {}", self.stdout));
        assert!(value.is_object(), "{value}");
        assert_eq!(self.stdout.trim_end().lines().count(), 1, "one line");
        value
    }

    /// The error on stderr, with its four fields.
    pub fn error(&self) -> Value {
        let value: Value = serde_json::from_str(self.stderr.trim())
            .unwrap_or_else(|e| panic!("{e}: {}", self.stderr));
        let error = value["error"].as_object().expect("error").clone();
        let mut names: Vec<_> = error.keys().map(String::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["code", "hint", "message", "retryable"]);
        assert!(!error["message"].as_str().expect("text").is_empty());
        Value::Object(error)
    }
}

/// Ends what a test started, also when it fails.
pub struct Running(pub Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// An id as an argument.
pub fn text(id: &Value) -> String {
    id.to_string()
}

/// What was stored under this id, as text.
pub fn stored(home: &Home, id: &Value) -> String {
    home.run(&["export", &text(id), "-"]).stdout
}

pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
