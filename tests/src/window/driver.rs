//! tauri-driver, with WebKitWebDriver behind it, on free ports; and where the programs are.

use std::{
    env,
    fs::{self, File},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};

use super::process::Group;

/// A running driver. Dropping it ends it, and any app it still has open.
#[derive(Debug)]
pub struct Driver {
    pub group: Group,
    port: u16,
    log: PathBuf,
}

impl Driver {
    /// `command` is tauri-driver without arguments; its environment is what the app will get.
    pub fn start(mut command: Command, log: &Path) -> Result<Self> {
        let (port, native_port) = two_free_ports()?;
        let output = File::create(log)?;
        command
            .args(["--port", &port.to_string()])
            .args(["--native-port", &native_port.to_string()])
            .stdout(output.try_clone()?)
            .stderr(output);
        let mut driver = Self {
            group: Group::spawn(&mut command)?,
            port,
            log: log.to_path_buf(),
        };
        for port in [port, native_port] {
            driver.wait_for_port(port)?;
        }
        Ok(driver)
    }

    pub fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What the driver and the app have written to stdout and stderr so far.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    fn wait_for_port(&mut self, port: u16) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(10);
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        while TcpStream::connect(address).is_err() {
            ensure!(
                self.group.is_running(),
                "tauri-driver ended by itself; it said:\n{}",
                self.log()
            );
            if Instant::now() > deadline {
                bail!(
                    "tauri-driver was not ready within 10 s; it said:\n{}",
                    self.log()
                );
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

/// Both held at once, so that they differ.
fn two_free_ports() -> Result<(u16, u16)> {
    let one = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let other = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok((one.local_addr()?.port(), other.local_addr()?.port()))
}

/// A number that no other driver of this process has had.
pub fn serial() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// tauri-driver: REDLINE_TAURI_DRIVER, else where `cargo xtask setup` keeps it, else on the PATH.
pub fn program() -> Result<PathBuf> {
    if let Some(path) = env::var_os("REDLINE_TAURI_DRIVER") {
        return Ok(path.into());
    }
    let cache = env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| env::var_os("HOME").map(|home| Path::new(&home).join(".cache")))
        .context("neither XDG_CACHE_HOME nor HOME is set")?;
    let kept = cache.join("redline/tools/bin/tauri-driver");
    if kept.exists() {
        return Ok(kept);
    }
    let found = env::split_paths(&env::var_os("PATH").unwrap_or_default())
        .map(|folder| folder.join("tauri-driver"))
        .find(|path| path.exists());
    found.context("tauri-driver is not installed; `cargo xtask setup` does that")
}

/// The app: REDLINE_APP, else as built beside this test.
pub fn app() -> Result<PathBuf> {
    match env::var_os("REDLINE_APP") {
        Some(path) => Ok(path.into()),
        None => built("redline-desktop"),
    }
}

/// A program of the workspace as built beside this test; `examples/NAME` for an example.
pub fn built(name: &str) -> Result<PathBuf> {
    let test = env::current_exe()?;
    // {target}/debug/deps/window-0123456789abcdef
    let folder = test
        .parent()
        .and_then(Path::parent)
        .context("the test binary is in no build folder")?;
    let path = folder.join(name);
    ensure!(
        path.exists(),
        "{} is not built; `cargo build --workspace --all-targets` does that",
        path.display()
    );
    Ok(path)
}
