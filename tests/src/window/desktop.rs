//! A desktop for one test: display, window manager, session bus, keyring, home folder.
//! Never shares any of them with another test.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Write},
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use super::{
    app::Window,
    driver::{self, Driver},
    process::{self, Group},
};

/// Marks every process of a desktop, so that the last of them can be found and ended.
const MARK: &str = "REDLINE_TEST_DESKTOP";

/// What the session's keyring is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keyring {
    /// gnome-keyring is there and its login collection is open.
    Unlocked,
    /// gnome-keyring starts when asked for, and would have to prompt.
    Locked,
    /// There is a session bus with no secret service on it.
    Absent,
}

/// Everything a person's session is made of. Dropping it ends all of it.
#[derive(Debug)]
pub struct Desktop {
    // Dropped in this order: what was started last goes first, the lock last of all.
    processes: Vec<Group>,
    home: TempDir,
    display: String,
    bus: String,
    _turn: File,
}

impl Desktop {
    /// A screen of 1440 x 900 and a keyring that works. Waits until no other desktop is running,
    /// so a test that wants a second one drops the first before.
    pub fn start() -> Result<Self> {
        Self::start_with(Keyring::Unlocked, (1440, 900))
    }

    pub fn start_with(keyring: Keyring, (width, height): (u32, u32)) -> Result<Self> {
        let turn = take_turn()?;
        let home = tempfile::Builder::new()
            .prefix("redline-desktop-")
            .tempdir()?;
        for folder in ["run", "config", "data", "cache", "state", "store"] {
            fs::DirBuilder::new()
                .mode(0o700)
                .create(home.path().join(folder))?;
        }
        let mut desktop = Self {
            processes: Vec::new(),
            home,
            display: String::new(),
            bus: String::new(),
            _turn: turn,
        };
        desktop.display = desktop.start_display(width, height)?;
        desktop.bus = desktop.start_bus(keyring)?;
        let mut manager = desktop.command("openbox");
        manager.stdout(Stdio::null()).stderr(Stdio::null());
        desktop.processes.push(Group::spawn(&mut manager)?);
        if keyring == Keyring::Unlocked {
            desktop.unlock_keyring()?;
        }
        Ok(desktop)
    }

    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// REDLINE_DATA_DIR of everything on this desktop.
    pub fn data_dir(&self) -> PathBuf {
        self.home().join("store")
    }

    /// A folder that a test may fill with files to import.
    pub fn scratch(&self, name: &str) -> Result<PathBuf> {
        let folder = self.home().join(name);
        fs::create_dir_all(&folder)?;
        Ok(folder)
    }

    /// A program as this desktop's person would start it: the command line, or the app once more.
    /// Its standard input is empty.
    pub fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(program.as_ref());
        self.furnish(&mut command);
        command
    }

    /// Opens the app that was built.
    pub async fn open(&self) -> Result<Window<'_>> {
        self.open_program(&driver::app()?, &[]).await
    }

    /// Opens a program with `environment` on top of the desktop's own.
    pub async fn open_program(
        &self,
        program: &Path,
        environment: &[(&str, &str)],
    ) -> Result<Window<'_>> {
        let mut command = self.command(driver::program()?);
        command.envs(environment.iter().copied());
        let log = self.home().join(format!("driver-{}.log", driver::serial()));
        let driver = Driver::start(command, &log)?;
        Window::open(self, driver, program).await
    }

    fn furnish(&self, command: &mut Command) {
        let home = self.home();
        for name in [
            "WAYLAND_DISPLAY",
            "XAUTHORITY",
            "GNOME_KEYRING_CONTROL",
            "SSH_AUTH_SOCK",
            "REDLINE_LICENSE_KEY",
            "LICENSE_SERVER_URL",
            "USER_STORAGE_BASE_PATH",
            "USE_S3_STORAGE",
            // With either set, taking a screenshot hangs under a virtual display.
            "WEBKIT_DISABLE_COMPOSITING_MODE",
            "WEBKIT_DISABLE_DMABUF_RENDERER",
            // Cargo's, for the test binary alone: the app has to find its library by itself.
            "LD_LIBRARY_PATH",
        ] {
            command.env_remove(name);
        }
        command
            .stdin(Stdio::null())
            .current_dir(home)
            .env(MARK, home)
            .env("HOME", home)
            .env("XDG_RUNTIME_DIR", home.join("run"))
            .env("XDG_CONFIG_HOME", home.join("config"))
            .env("XDG_DATA_HOME", home.join("data"))
            .env("XDG_CACHE_HOME", home.join("cache"))
            .env("XDG_STATE_HOME", home.join("state"))
            .env("REDLINE_DATA_DIR", self.data_dir())
            .env("REDLINE_CONFIG_DIR", home.join("config/redline"))
            .env("LANG", "C.UTF-8")
            .env("GDK_BACKEND", "x11")
            .env("LIBGL_ALWAYS_SOFTWARE", "1")
            .env("NO_AT_BRIDGE", "1");
        if !self.display.is_empty() {
            command.env("DISPLAY", &self.display);
        }
        if !self.bus.is_empty() {
            command.env("DBUS_SESSION_BUS_ADDRESS", &self.bus);
        }
    }

    fn start_display(&mut self, width: u32, height: u32) -> Result<String> {
        let screen = format!("{width}x{height}x24");
        let mut command = self.command("Xvfb");
        command
            .args(["-displayfd", "1", "-screen", "0", &screen])
            // Without a client it would reset, and lose what openbox has set up.
            .args(["-noreset", "-nolisten", "tcp"]);
        Ok(format!(":{}", self.start_server(command)?))
    }

    fn start_bus(&mut self, keyring: Keyring) -> Result<String> {
        let mut command = self.command("dbus-daemon");
        command.args(["--nofork", "--print-address=1"]);
        if keyring == Keyring::Absent {
            // A bus that knows of no services to start.
            let config = self.home().join("bus.conf");
            fs::write(
                &config,
                "<busconfig><type>session</type><listen>unix:tmpdir=/tmp</listen>\
                 <policy context=\"default\"><allow send_destination=\"*\" eavesdrop=\"true\"/>\
                 <allow eavesdrop=\"true\"/><allow own=\"*\"/></policy></busconfig>",
            )?;
            command.arg(format!("--config-file={}", config.display()));
        } else {
            command.arg("--session");
        }
        self.start_server(command)
    }

    /// Starts a server that prints where it can be reached as its first line.
    fn start_server(&mut self, mut command: Command) -> Result<String> {
        let name = command.get_program().to_string_lossy().into_owned();
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        let mut group = Group::spawn(&mut command)?;
        let stdout = group.child().stdout.take().context("no stdout pipe")?;
        self.processes.push(group);
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        if line.trim().is_empty() {
            bail!("{name} ended before it was ready");
        }
        Ok(line.trim().to_owned())
    }

    fn unlock_keyring(&mut self) -> Result<()> {
        let mut command = self.command("gnome-keyring-daemon");
        command
            .args(["--foreground", "--unlock", "--components=secrets"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut group = Group::spawn(&mut command)?;
        // The password is an empty line. With nothing at all no collection would be made.
        let mut stdin = group.child().stdin.take().context("no stdin pipe")?;
        stdin.write_all(b"\n")?;
        drop(stdin);
        self.processes.push(group);

        let deadline = Instant::now() + Duration::from_secs(10);
        while !self.login_collection_is_open() {
            if Instant::now() > deadline {
                bail!("gnome-keyring-daemon did not open its login collection within 10 s");
            }
            thread::sleep(Duration::from_millis(30));
        }
        Ok(())
    }

    fn login_collection_is_open(&self) -> bool {
        // Asked for by name first: a call to the service itself would have the bus start another.
        let owned = self.ask_bus(&[
            "--dest=org.freedesktop.DBus",
            "/org/freedesktop/DBus",
            "org.freedesktop.DBus.NameHasOwner",
            "string:org.freedesktop.secrets",
        ]);
        owned.is_some_and(|answer| answer.contains("true"))
            && self
                .ask_bus(&[
                    "--dest=org.freedesktop.secrets",
                    "/org/freedesktop/secrets/collection/login",
                    "org.freedesktop.DBus.Properties.Get",
                    "string:org.freedesktop.Secret.Collection",
                    "string:Locked",
                ])
                .is_some_and(|answer| answer.contains("false"))
    }

    fn ask_bus(&self, arguments: &[&str]) -> Option<String> {
        let output = self
            .command("dbus-send")
            .args(["--session", "--print-reply", "--reply-timeout=2000"])
            .args(arguments)
            .output()
            .ok()?;
        output
            .status
            .success()
            .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

impl Drop for Desktop {
    fn drop(&mut self) {
        while let Some(group) = self.processes.pop() {
            drop(group);
        }
        // What the bus started at somebody's request, or what left its group.
        let mark = self.home().to_string_lossy().into_owned();
        for pid in process::with_variable(MARK, &mark) {
            let _ = process::signal(pid, libc::SIGKILL);
        }
    }
}

/// One desktop at a time on this machine; the lock goes with the process that holds it.
fn take_turn() -> Result<File> {
    let path = std::env::temp_dir().join("redline-window-tests.lock");
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .with_context(|| format!("could not open {}", path.display()))?;
    // Best effort: another account's file stays as it is, and could be opened after all.
    let _ = fs::set_permissions(&path, fs::Permissions::from_mode(0o666));
    file.lock()
        .with_context(|| format!("could not lock {}", path.display()))?;
    Ok(file)
}
