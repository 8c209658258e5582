//! System packages: asks dpkg what is missing and lets apt install that, as root or through a
//! sudo that needs no password. Otherwise prints the line to type. Never runs apt for nothing.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use super::Purpose;
use crate::{
    command,
    steps::Outcome::{self, AlreadyThere, Done},
};

/// To compile and link the window.
const BUILD: &[&str] = &[
    "build-essential",
    "pkg-config",
    "libwebkit2gtk-4.1-dev",
    "librsvg2-dev",
    "libxdo-dev",
    "libayatana-appindicator3-dev",
];

/// To drive the window on a virtual display, with a keyring of its own, and to watch system calls.
const DRIVE: &[&str] = &[
    "webkit2gtk-driver",
    "xvfb",
    "xauth",
    "xdotool",
    "openbox",
    "python3",
    "python3-gi",
    "gir1.2-gtk-3.0",
    "dbus",
    "dbus-x11",
    "gnome-keyring",
    "strace",
    "python3-requests",
    // A peer in the benches.
    "openssl",
];

pub fn install(purpose: Purpose) -> Result<Outcome> {
    if !cfg!(target_os = "linux") {
        return Ok(AlreadyThere);
    }
    let mut wanted = BUILD.to_vec();
    if purpose == Purpose::Drive {
        wanted.extend(DRIVE);
    }
    let Some(missing) = missing(&wanted)? else {
        println!(
            "  dpkg is not on this machine, so nothing was checked. Needed, under their Debian \
             names: {}",
            wanted.join(" ")
        );
        return Ok(AlreadyThere);
    };
    if missing.is_empty() {
        return Ok(AlreadyThere);
    }
    println!("  missing: {}", missing.join(" "));
    let as_root = is_root();
    if !as_root && !command::probe("sudo", &["-n", "true"]) {
        bail!(
            "{} system packages are missing, and installing them needs root.\n\
             hint: type this, then start again:\n\n    \
             sudo apt-get update && sudo apt-get install -y --no-install-recommends {}\n",
            missing.len(),
            missing.join(" ")
        );
    }
    command::run(apt(as_root).arg("update"))?;
    command::run(
        apt(as_root)
            .args(["install", "-y", "--no-install-recommends"])
            .args(&missing),
    )?;
    Ok(Done)
}

fn apt(as_root: bool) -> Command {
    let mut command = Command::new(if as_root { "env" } else { "sudo" });
    if !as_root {
        command.args(["-n", "env"]);
    }
    command.args(["DEBIAN_FRONTEND=noninteractive", "apt-get", "-q"]);
    command
}

/// Those of `wanted` that dpkg does not have installed; `None` where there is no dpkg.
fn missing(wanted: &[&'static str]) -> Result<Option<Vec<&'static str>>> {
    if !command::probe("dpkg-query", &["--version"]) {
        return Ok(None);
    }
    // Exits with 1 when it has never heard of one of them, and still lists the others.
    let output = Command::new("dpkg-query")
        .args(["-W", "-f", "${db:Status-Status} ${Package}\n"])
        .args(wanted)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .context("could not start dpkg-query")?;
    Ok(Some(not_listed(
        wanted,
        &String::from_utf8_lossy(&output.stdout),
    )))
}

fn not_listed(wanted: &[&'static str], listing: &str) -> Vec<&'static str> {
    let installed: Vec<&str> = listing
        .lines()
        .filter_map(|line| line.strip_prefix("installed "))
        .collect();
    wanted
        .iter()
        .copied()
        .filter(|name| !installed.contains(name))
        .collect()
}

#[cfg(unix)]
fn is_root() -> bool {
    // SAFETY: geteuid has no preconditions and cannot fail.
    unsafe { libc::geteuid() == 0 }
}

#[cfg(not(unix))]
fn is_root() -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removed_and_unknown_packages_are_missing() {
        let listing = "installed xvfb\nconfig-files openbox\n";
        assert_eq!(
            not_listed(&["xvfb", "openbox", "strace"], listing),
            ["openbox", "strace"]
        );
    }
}
