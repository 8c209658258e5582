//! What the survival tests share: a machine with a data folder of its own, the real
//! `redline` run on it, folders of known bytes, and the questions that every disaster
//! ends with.
#![allow(dead_code)] // Each test binary uses its own part of it.

pub mod trace;

use std::collections::BTreeMap;
use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use redline_store::{Identity, OpenReport, Store, StoreOptions};
use serde_json::Value;
use sha2::{Digest, Sha256};

pub const KEY: &str = "RL-TESTSURV-IVALAAAA-AAAAAAAA";
pub const MIB: usize = 1 << 20;

/// Relative path -> SHA-256.
pub type Hashes = BTreeMap<String, String>;

/// A data folder, a folder for sources beside it, and the key in the environment.
pub struct Machine {
    pub dir: tempfile::TempDir,
    pub data: PathBuf,
    /// More of its environment: a bucket, say.
    pub variables: Vec<(&'static str, String)>,
}

/// How a command ended, and what it said.
pub struct Said {
    pub status: ExitStatus,
    pub stdout: Vec<u8>,
    pub stderr: String,
}

impl Said {
    pub fn code(&self) -> i32 {
        self.status
            .code()
            .unwrap_or_else(|| panic!("{:?}: {}", self.status, self.stderr))
    }

    pub fn was_killed(&self) -> bool {
        self.status.signal() == Some(9) || self.status.code() == Some(128 + 9)
    }

    /// The one JSON object of stdout.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.stdout).unwrap_or_else(|e| {
            panic!(
                "{e}: {} {}",
                String::from_utf8_lossy(&self.stdout),
                self.stderr
            )
        })
    }

    /// What stdout has, for the message of a failed check.
    pub fn json_or_nothing(&self) -> Option<Value> {
        serde_json::from_slice(&self.stdout).ok()
    }

    /// The error object of stderr's last line.
    pub fn error(&self) -> Value {
        let line = self.stderr.lines().last().unwrap_or_default();
        let value: Value = serde_json::from_str(line)
            .unwrap_or_else(|e| panic!("{e}: {:?} {}", self.status, self.stderr));
        value["error"].clone()
    }
}

impl From<Output> for Said {
    fn from(o: Output) -> Self {
        Self {
            status: o.status,
            stdout: o.stdout,
            stderr: String::from_utf8_lossy(&o.stderr).into_owned(),
        }
    }
}

impl Machine {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        Self {
            data: dir.path().join("data"),
            dir,
            variables: Vec::new(),
        }
    }

    /// With its data in a folder that exists already, a mount say.
    pub fn with_data(data: &Path) -> Self {
        Self {
            dir: tempfile::tempdir().expect("a temporary folder"),
            data: data.to_owned(),
            variables: Vec::new(),
        }
    }

    /// The environment and arguments of `redline`, for whichever program starts it.
    pub fn dress(&self, command: &mut Command) {
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.dir.path())
            .env("REDLINE_DATA_DIR", &self.data)
            .env("REDLINE_CONFIG_DIR", self.dir.path().join("config"))
            .env("REDLINE_LICENSE_KEY", KEY)
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .current_dir(self.dir.path());
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(redline());
        self.dress(&mut command);
        command.arg("--json").args(arguments);
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Said {
        self.command(arguments)
            .output()
            .expect("redline runs")
            .into()
    }

    /// As text, for people.
    pub fn text(&self, arguments: &[&str]) -> Said {
        let mut command = Command::new(redline());
        self.dress(&mut command);
        command
            .args(arguments)
            .output()
            .expect("redline runs")
            .into()
    }

    pub fn json(&self, arguments: &[&str]) -> Value {
        let said = self.run(arguments);
        assert!(
            said.status.success(),
            "{arguments:?}: {:?} {}",
            said.status,
            said.stderr
        );
        said.json()
    }

    pub fn import(&self, path: &Path) -> Said {
        self.run(&["import", path.to_str().expect("a path of ours")])
    }

    pub fn files(&self) -> Vec<Value> {
        list(&self.json(&["files"])["files"])
    }

    pub fn home(&self) -> PathBuf {
        self.data
            .join("users")
            .join(Identity::of_key(KEY).folder_name())
    }

    pub fn private(&self) -> PathBuf {
        self.home().join(".redline")
    }

    /// The bytes that lie under their final names now.
    pub fn on_disk(&self) -> Hashes {
        hashes(&self.home().join("files"))
    }

    pub fn quarantined(&self) -> usize {
        std::fs::read_dir(self.private().join("quarantine")).map_or(0, Iterator::count)
    }

    /// In this process, past the command line.
    pub fn store(&self) -> (Store, OpenReport) {
        let options = StoreOptions {
            holder: "the test".into(),
            ..StoreOptions::default()
        };
        Store::create_or_open(&self.data, &Identity::of_key(KEY), options).expect("the store opens")
    }

    /// A folder `name` of sources: (relative path, bytes).
    pub fn sources<'a>(
        &self,
        name: &str,
        files: impl IntoIterator<Item = (&'a str, Vec<u8>)>,
    ) -> PathBuf {
        let folder = self.dir.path().join(name);
        std::fs::create_dir_all(&folder).expect("a folder of sources");
        for (path, bytes) in files {
            let path = folder.join(path);
            std::fs::create_dir_all(path.parent().expect("below the folder")).expect("a folder");
            std::fs::write(path, bytes).expect("a source");
        }
        folder
    }
}

pub fn list(value: &Value) -> Vec<Value> {
    value
        .as_array()
        .unwrap_or_else(|| panic!("not a list: {value}"))
        .clone()
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

pub fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

pub fn sha256_of(path: &Path) -> String {
    let mut file = std::fs::File::open(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; MIB];
    loop {
        match file.read(&mut buffer).expect("the file can be read") {
            0 => return hex::encode(hasher.finalize()),
            n => hasher.update(&buffer[..n]),
        }
    }
}

/// Every regular file below a folder, which may not exist.
pub fn hashes(folder: &Path) -> Hashes {
    let mut found = Hashes::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).into_iter().flatten().flatten() {
            let path = entry.path();
            if entry.file_type().is_ok_and(|t| t.is_dir()) {
                folders.push(path);
            } else {
                let relative = path
                    .strip_prefix(folder)
                    .expect("below it")
                    .to_str()
                    .expect("text");
                found.insert(relative.to_owned(), sha256_of(&path));
            }
        }
    }
    found
}

/// Bytes that no other number gives: quick to make, and no two blocks alike.
pub fn noise(number: u64, len: usize) -> Vec<u8> {
    let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut block = Vec::with_capacity(4096);
    while block.len() < len.min(4096) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        block.extend_from_slice(&state.to_le_bytes());
    }
    let mut bytes = Vec::with_capacity(len + 4096);
    while bytes.len() < len {
        bytes.extend_from_slice(&block);
        let stamp = (bytes.len() as u64).to_le_bytes();
        block[..8].copy_from_slice(&stamp);
    }
    bytes.truncate(len);
    bytes
}

/// What a process that may have died in the middle of its answer had told as imported.
pub fn acknowledged(stdout: &[u8]) -> Vec<Value> {
    let Some(mut rest) = stdout.strip_prefix(b"{\"imported\":[") else {
        assert!(
            stdout.len() < 13,
            "an unknown answer: {}",
            String::from_utf8_lossy(stdout)
        );
        return Vec::new();
    };
    let mut told = Vec::new();
    while rest.first().is_some_and(|b| *b == b'{') {
        let mut values = serde_json::Deserializer::from_slice(rest).into_iter::<Value>();
        match values.next() {
            Some(Ok(value)) => told.push(value),
            _ => break,
        }
        rest = &rest[values.byte_offset()..];
        rest = rest.strip_prefix(b",").unwrap_or(rest);
    }
    told
}

/// What must hold after anything: the store opens, lists all that was told with equal
/// bytes, holds nothing that is not one of the sources as a whole, and no leftovers.
/// Returns what `files` listed.
pub fn nothing_was_lost(
    machine: &Machine,
    told: &[Value],
    sources: &Hashes,
    when: &str,
) -> Vec<Value> {
    let listed = machine.files();
    let disk = machine.on_disk();
    for file in told {
        let twin = listed.iter().find(|f| f["uid"] == file["uid"]);
        let twin = twin.unwrap_or_else(|| panic!("{when}: told but not listed: {file}"));
        for field in ["id", "relative_path", "sha256", "size_bytes", "status"] {
            assert_eq!(twin[field], file[field], "{when}: {field} of {file}");
        }
    }
    for file in &listed {
        let path = file["relative_path"].as_str().expect("a path");
        assert_eq!(file["status"], "stored", "{when}: {file}");
        assert_eq!(
            disk.get(path).map(String::as_str),
            file["sha256"].as_str(),
            "{when}: the bytes of {file}"
        );
    }
    let whole: std::collections::HashSet<&String> = sources.values().collect();
    for (path, hash) in &disk {
        assert!(
            whole.contains(hash),
            "{when}: {path} is none of the sources as a whole"
        );
    }
    assert_eq!(
        listed.len(),
        disk.len(),
        "{when}: a file without a row, or two rows for one"
    );
    nothing_is_left_over(machine, when);
    listed
}

/// `.redline/partial` holds nothing but its gate.
pub fn nothing_is_left_over(machine: &Machine, when: &str) {
    let left: Vec<_> = std::fs::read_dir(machine.private().join("partial"))
        .into_iter()
        .flatten()
        .flatten()
        .map(|e| e.file_name())
        .filter(|name| name != ".gate")
        .collect();
    assert!(left.is_empty(), "{when}: left in partial: {left:?}");
}

/// `verify` finds all of them well, and nothing else.
pub fn verify_is_clean(machine: &Machine, files: usize, when: &str) {
    let verify = machine.json(&["verify"])["verify"].clone();
    let well = serde_json::json!({ "ok": files, "changed": [], "missing": [], "unreadable": [] });
    assert_eq!(verify, well, "{when}");
}

/// The import of the same folder again completes the set, each file once.
pub fn importing_again_completes(machine: &Machine, folder: &Path, sources: &Hashes, when: &str) {
    let said = machine.import(folder);
    assert_eq!(said.code(), 0, "{when}: {}", said.stderr);
    assert!(
        list(&said.json()["failed"]).is_empty(),
        "{when}: {}",
        said.json()
    );
    let name = folder
        .file_name()
        .and_then(|n| n.to_str())
        .expect("a name of ours");
    let expected: Hashes = sources
        .iter()
        .map(|(path, hash)| (format!("{name}/{path}"), hash.clone()))
        .collect();
    assert_eq!(
        machine.on_disk(),
        expected,
        "{when}: after the second import"
    );
    assert_eq!(
        machine.files().len(),
        expected.len(),
        "{when}: rows after the second import"
    );
}

/// Waits for a child with its answers, and kills it if it takes too long to be alive.
pub fn finish(child: Child, when: &str) -> Said {
    let pid = child.id();
    let watch = std::thread::spawn(move || child.wait_with_output());
    let deadline = std::time::Instant::now() + Duration::from_secs(90);
    while !watch.is_finished() {
        if std::time::Instant::now() > deadline {
            kill(pid);
            panic!("{when}: did not end within 90 seconds");
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    watch
        .join()
        .expect("the waiting thread")
        .expect("the answers")
        .into()
}

pub fn kill(pid: u32) {
    // SAFETY: kill(2) takes two integers; the pid is of a child that was not waited for.
    unsafe {
        libc::kill(pid as i32, libc::SIGKILL);
    }
}

/// Runs `work` for each item on two threads; the first panic is the test's.
pub fn on_two_cores<T: Send>(items: Vec<T>, work: impl Fn(T) + Sync) {
    let queue = std::sync::Mutex::new(items.into_iter());
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    loop {
                        let next = queue.lock().unwrap_or_else(|e| e.into_inner()).next();
                        match next {
                            Some(item) => work(item),
                            None => return,
                        }
                    }
                })
            })
            .collect();
        for worker in workers {
            if let Err(panic) = worker.join() {
                std::panic::resume_unwind(panic);
            }
        }
    });
}

/// A small file system of its own, gone with the test.
pub struct Mount {
    pub path: PathBuf,
    _dir: tempfile::TempDir,
}

impl Mount {
    pub fn tmpfs(bytes: usize) -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let path = dir.path().to_owned();
        run(
            "mount",
            &[
                "-t",
                "tmpfs",
                "-o",
                &format!("size={bytes}"),
                "tmpfs",
                path.to_str().expect("text"),
            ],
        );
        Self { path, _dir: dir }
    }

    pub fn remount(&self, options: &str) {
        run(
            "mount",
            &[
                "-o",
                &format!("remount,{options}"),
                self.path.to_str().expect("text"),
            ],
        );
    }

    pub fn free(&self) -> u64 {
        let s = rustix::fs::statvfs(&self.path).expect("statvfs");
        s.f_bavail * s.f_frsize
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // Lazily: a child that still dies may hold it for a moment.
        let _ = Command::new("umount").arg("-l").arg(&self.path).output();
    }
}

fn run(program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).output();
    let output = output.unwrap_or_else(|e| panic!("{program}: {e}"));
    assert!(
        output.status.success(),
        "{program} {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Runs `body` where file systems may be mounted: here if we may, else in a name space
/// of our own, as this same test in a process of its own.
pub fn where_mounting_is_allowed(test: &str, body: impl FnOnce()) {
    const INSIDE: &str = "REDLINE_TEST_IN_NAMESPACE";
    let probe = tempfile::tempdir().expect("a temporary folder");
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=64k", "tmpfs"])
        .arg(probe.path())
        .output()
        .expect("mount runs");
    if mounted.status.success() {
        run("umount", &[probe.path().to_str().expect("text")]);
        return body();
    }
    let why = String::from_utf8_lossy(&mounted.stderr).into_owned();
    assert!(
        std::env::var_os(INSIDE).is_none(),
        "nothing can be mounted even in a name space: {why}"
    );
    let output = Command::new("unshare")
        .arg("-rm")
        .arg(std::env::current_exe().expect("this test"))
        .args(["--exact", test, "--nocapture"])
        .env(INSIDE, "1")
        .output()
        .expect("unshare runs");
    assert!(
        output.status.success(),
        "mounting is not permitted ({why}), and in a name space of its own the test says: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// The most memory, in KiB, that a command held at once: of the program itself, since
/// what `wait4` tells counts this test's own before it became the program.
pub fn peak_memory(machine: &Machine, arguments: &[&str]) -> (i64, Duration) {
    let began = Instant::now();
    let mut child = machine
        .command(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    let ended = loop {
        if let Some(ended) = child.try_wait().unwrap() {
            break ended;
        }
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let high = text
            .lines()
            .find_map(|l| l.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
        if text.starts_with("Name:\tredline\n") {
            peak = peak.max(high.and_then(|n| n.parse().ok()).unwrap_or(0));
        }
        std::thread::sleep(Duration::from_millis(1));
    };
    assert!(ended.success(), "{arguments:?}");
    assert!(peak > 1000, "the memory of {arguments:?} was never seen");
    (peak, began.elapsed())
}
