//! Runs a test inside a desktop session of its own: its own message bus, HOME and runtime folder,
//! so that it never sees, locks or fills the keyring of whoever runs it.
//!
//! The test's program starts itself again inside the session; the outer half waits.

use std::collections::HashMap;
use std::env;
use std::fs;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use zbus::blocking::Connection;
use zbus::zvariant::{DynamicType, OwnedObjectPath, OwnedValue, Type, Value};

const INSIDE: &str = "REDLINE_TEST_INSIDE_SESSION";
const REACHED_END: &str = "reached-the-end";
const LIMIT: Duration = Duration::from_secs(150);

pub enum Bus {
    /// With the services installed on this machine, GNOME Keyring among them, which the
    /// bus starts, locked, when it is first asked for.
    WithServices,
    /// A bus that knows no service to start.
    Bare,
    Missing,
}

/// `test` is the name of the calling test function. Fails if `body`, in its session, does.
pub fn inside(test: &str, bus: Bus, body: impl FnOnce()) {
    if env::var(INSIDE).as_deref() == Ok(test) {
        body();
        fs::write(Path::new(&env::var("HOME").unwrap()).join(REACHED_END), "").unwrap();
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let home = dir.path().join("home");
    let runtime = dir.path().join("run");
    for folder in [&home, &runtime] {
        fs::create_dir(folder).unwrap();
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).unwrap();
    }

    let program = env::current_exe().unwrap();
    let mut command = match bus {
        Bus::Missing => Command::new(&program),
        Bus::WithServices | Bus::Bare => {
            let mut command = Command::new("dbus-run-session");
            if matches!(bus, Bus::Bare) {
                let config = dir.path().join("bus.conf");
                fs::write(&config, BARE_BUS).unwrap();
                command.arg("--config-file").arg(config);
            }
            command.arg("--").arg(&program);
            command
        }
    };
    // Nothing of the real session: no bus, no display on which a prompt could appear.
    command
        .env_clear()
        .env(INSIDE, test)
        .env("HOME", &home)
        .env("XDG_RUNTIME_DIR", &runtime);
    for name in ["PATH", "LD_LIBRARY_PATH", "TMPDIR", "RUST_BACKTRACE"] {
        if let Some(value) = env::var_os(name) {
            command.env(name, value);
        }
    }
    command.args([test, "--exact", "--nocapture", "--test-threads=1"]);
    // A group of its own, to be ended as a whole if it hangs.
    let mut child = command
        .process_group(0)
        .stdin(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("dbus-run-session: {}", explain(&error)));

    let give_up = Instant::now() + LIMIT;
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if Instant::now() > give_up {
            let group = format!("-{}", child.id());
            Command::new("kill")
                .args(["-KILL", "--", &group])
                .status()
                .unwrap();
            panic!("{test} hung for {LIMIT:?} in its session");
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    assert!(
        status.success(),
        "{test} failed in its session (its output is above)"
    );
    assert!(
        home.join(REACHED_END).exists(),
        "{test} never ran in its session"
    );
}

/// Starts GNOME Keyring with an unlocked login collection, as logging in with this password does.
pub fn log_in(password: &str) {
    let mut daemon = Command::new("gnome-keyring-daemon")
        .args(["--unlock", "--components=secrets"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("gnome-keyring-daemon: {}", explain(&error)));
    daemon
        .stdin
        .take()
        .unwrap()
        .write_all(password.as_bytes())
        .unwrap();
    assert!(
        daemon.wait().unwrap().success(),
        "gnome-keyring-daemon did not unlock"
    );
    // It returns a moment before it is on the bus.
    let bus = Connection::session().unwrap();
    let bus = zbus::blocking::fdo::DBusProxy::new(&bus).unwrap();
    let on_the_bus = || bus.name_has_owner(SECRETS.try_into().unwrap()).unwrap();
    let give_up = Instant::now() + Duration::from_secs(10);
    while !on_the_bus() {
        assert!(
            Instant::now() < give_up,
            "gnome-keyring-daemon never came to the bus"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Locks the login collection, as a screen saver or the person would.
pub fn lock_keyring() {
    let (locked, _): (Vec<OwnedObjectPath>, OwnedObjectPath) =
        call("org.freedesktop.Secret.Service", "Lock", &(vec![login()],));
    assert_eq!(locked.len(), 1);
}

/// What the person's answer to the prompt does in the daemon that runs: through the interface that
/// GNOME's own prompts use, since there is no screen here to type on.
pub fn type_password(password: &str) {
    // A session is its connection's own.
    let bus = Connection::session().unwrap();
    let plain = ("plain", Value::from(""));
    let (_, session): (OwnedValue, OwnedObjectPath) = call_on(
        &bus,
        "org.freedesktop.Secret.Service",
        "OpenSession",
        &plain,
    );
    let secret = (
        &session,
        Vec::<u8>::new(),
        password.as_bytes(),
        "text/plain",
    );
    let (default,): (OwnedObjectPath,) = call_on(
        &bus,
        "org.freedesktop.Secret.Service",
        "ReadAlias",
        &("default",),
    );
    if default.as_str() == "/" {
        let label = HashMap::from([(
            "org.freedesktop.Secret.Collection.Label",
            Value::from("Login"),
        )]);
        let (made,): (OwnedObjectPath,) = call_on(
            &bus,
            BEHIND_PROMPTS,
            "CreateWithMasterPassword",
            &(label, secret),
        );
        call_on::<()>(
            &bus,
            "org.freedesktop.Secret.Service",
            "SetAlias",
            &("default", made),
        );
    } else {
        call_on::<()>(
            &bus,
            BEHIND_PROMPTS,
            "UnlockWithMasterPassword",
            &(default, secret),
        );
    }
}

const SECRETS: &str = "org.freedesktop.secrets";
const BEHIND_PROMPTS: &str = "org.gnome.keyring.InternalUnsupportedGuiltRiddenInterface";

fn login() -> OwnedObjectPath {
    "/org/freedesktop/secrets/collection/login"
        .try_into()
        .unwrap()
}

fn call<R>(interface: &str, method: &str, body: &(impl serde::Serialize + DynamicType)) -> R
where
    R: serde::de::DeserializeOwned + Type,
{
    call_on(&Connection::session().unwrap(), interface, method, body)
}

fn call_on<R>(
    bus: &Connection,
    interface: &str,
    method: &str,
    body: &(impl serde::Serialize + DynamicType),
) -> R
where
    R: serde::de::DeserializeOwned + Type,
{
    bus.call_method(
        Some(SECRETS),
        "/org/freedesktop/secrets",
        Some(interface),
        method,
        body,
    )
    .and_then(|reply| reply.body().deserialize())
    .unwrap_or_else(|error| panic!("{method}: {error}"))
}

fn explain(error: &std::io::Error) -> String {
    if error.kind() == ErrorKind::NotFound {
        "not installed; run: sudo apt-get install -y dbus-x11 gnome-keyring".to_owned()
    } else {
        error.to_string()
    }
}

const BARE_BUS: &str = r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:tmpdir=/tmp</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"#;
