//! A real server on a port of its own, over stores in a temporary folder.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;

use redline_core::{FrontEnd, KeptIn, Options, Redline, SignInRequest};
use redline_server::Server;
use reqwest::blocking::{Client, RequestBuilder, multipart};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// The key of the environment, signed in by being there.
pub const KEY_A: &str = "RL-TESTAAAA-AAAAAAAA-AAAAAAAA";
/// A profile of this machine.
pub const KEY_B: &str = "RL-TESTBBBB-BBBBBBBB-BBBBBBBB";
/// Well formed, never signed in here.
pub const KEY_C: &str = "RL-TESTCCCC-CCCCCCCC-CCCCCCCC";

pub struct Api {
    pub server: Server,
    pub redline: Redline,
    pub client: Client,
    pub dir: tempfile::TempDir,
}

impl Api {
    pub fn start() -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let redline = Redline::open(Options {
            data_dir: Some(dir.path().join("data")),
            config_dir: Some(dir.path().join("config")),
            front_end: FrontEnd::Server,
            env_key: Some(KEY_A.to_owned()),
            aws_files: None,
        })
        .expect("core opens");
        let request = SignInRequest {
            key: Some(KEY_B.to_owned()),
            label: None,
            keep: KeptIn::SessionOnly,
            passphrase: None,
        };
        redline.sign_in(request).expect("B signs in");
        let server = Server::start(redline.clone(), 0).expect("a free port");
        let client = Client::builder()
            .no_proxy()
            .timeout(std::time::Duration::from_secs(120))
            .build()
            .expect("a client");
        Self {
            server,
            redline,
            client,
            dir,
        }
    }

    pub fn port(&self) -> u16 {
        self.server.addresses()[0].port()
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.server.address())
    }

    pub fn get(&self, path: &str) -> RequestBuilder {
        self.client
            .get(self.url(path))
            .header("X-License-Key", KEY_A)
    }

    pub fn json(&self, path: &str) -> Value {
        let answer = self.get(path).send().expect("an answer");
        assert_eq!(answer.status(), 200, "{path}");
        let value: Value = answer.json().expect("JSON");
        assert_eq!(value["success"], true, "{value}");
        value
    }

    pub fn upload(&self, name: &str, bytes: impl Into<Vec<u8>>) -> Value {
        self.upload_as(KEY_A, name, bytes)
    }

    pub fn upload_as(&self, key: &str, name: &str, bytes: impl Into<Vec<u8>>) -> Value {
        let form = multipart::Form::new().part(
            "file",
            multipart::Part::bytes(bytes.into()).file_name(name.to_owned()),
        );
        let answer = self
            .client
            .post(self.url("/user-data/files/upload"))
            .header("X-License-Key", key)
            .multipart(form)
            .send()
            .expect("an answer");
        let status = answer.status();
        let value: Value = answer.json().expect("JSON");
        assert_eq!(status, 200, "{value}");
        value["file"].clone()
    }

    /// Bytes to the socket as they are; the answer as text.
    pub fn raw(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port())).expect("a connection");
        stream.write_all(request.as_bytes()).expect("sent");
        let mut answer = Vec::new();
        // A refused connection may end hard; what came before counts.
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// Every stored file's path and bytes, over all keys.
    pub fn stored(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut found = Vec::new();
        let mut folders = vec![self.dir.path().join("data")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.components().any(|c| c.as_os_str() == "files") {
                    let bytes = std::fs::read(&path).expect("readable");
                    found.push((path, bytes));
                }
            }
        }
        found
    }
}

pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
