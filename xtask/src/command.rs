//! How other programs are run: with a clean environment, their output on the terminal, and a
//! message that names the command when one fails. Never decides what to run.

use std::{
    env,
    ffi::OsString,
    io::{BufRead, BufReader, IsTerminal, Read, Write},
    path::Path,
    process::{Command, ExitStatus, Stdio},
    thread,
};

use anyhow::{Context, Result, bail};

use crate::place::Place;

/// A nested cargo in the clone, building into the shared folder against the prebuilt DuckDB.
pub fn cargo(place: &Place, subcommand: &[&str]) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(subcommand).current_dir(&place.root);
    scrub(&mut command);
    command
        .env("CARGO_TARGET_DIR", &place.target)
        // The same path from every clone. `.cargo/config.toml` names the link inside the clone,
        // and a path that differs would rebuild DuckDB's bindings and all above them each time.
        .env("DUCKDB_LIB_DIR", place.duckdb());
    if std::io::stdout().is_terminal() {
        command.env("CARGO_TERM_COLOR", "always");
    }
    command
}

/// npm, in a folder that has a package.json.
pub fn npm(folder: &Path) -> Command {
    let mut command = Command::new(if cfg!(windows) { "npm.cmd" } else { "npm" });
    command.current_dir(folder);
    scrub(&mut command);
    command
}

/// Takes out what the outer `cargo run` put in for this program alone: build scripts watch some of
/// it, and the library path would let a program find libraries that it will not find when started
/// by a person.
pub fn scrub(command: &mut Command) {
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        let ours = text.starts_with("CARGO_PKG_")
            || text.starts_with("CARGO_MANIFEST_")
            || matches!(&*text, "CARGO_BIN_NAME" | "CARGO_CRATE_NAME" | "OUT_DIR");
        if ours {
            command.env_remove(&name);
        }
    }
    if let Some(path) = env::var_os("LD_LIBRARY_PATH") {
        let kept: Vec<_> = env::split_paths(&path)
            .filter(|entry| !is_cargo_library_dir(entry))
            .collect();
        if kept.is_empty() {
            command.env_remove("LD_LIBRARY_PATH");
        } else if let Ok(joined) = env::join_paths(kept) {
            command.env("LD_LIBRARY_PATH", joined);
        }
    }
}

fn is_cargo_library_dir(entry: &Path) -> bool {
    let build_folder = env::current_exe()
        .ok()
        .and_then(|exe| exe.parent().map(Path::to_path_buf));
    build_folder.is_some_and(|folder| entry.starts_with(folder))
        || entry.iter().any(|part| part == "rustlib")
        || entry.iter().any(|part| part == "toolchains")
}

/// Runs with output on the terminal; an exit status other than 0 is an error.
pub fn run(command: &mut Command) -> Result<()> {
    let status = status(command)?;
    if !status.success() {
        bail!("`{}` failed ({status})", line(command));
    }
    Ok(())
}

pub fn status(command: &mut Command) -> Result<ExitStatus> {
    command
        .stdin(Stdio::null())
        .status()
        .with_context(|| format!("could not start `{}`", line(command)))
}

/// Standard output of a command that must succeed; its stderr goes to the terminal.
pub fn output(command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("could not start `{}`", line(command)))?;
    if !output.status.success() {
        bail!("`{}` failed ({})", line(command), output.status);
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Whether a quiet probe such as `sudo -n true` succeeds. A program that is not there is a no.
pub fn probe(program: &str, arguments: &[&str]) -> bool {
    Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Runs with both streams passed on to the terminal, every line shown to `each` as well.
pub fn watched(command: &mut Command, each: impl Fn(&str) + Sync) -> Result<ExitStatus> {
    let shown = line(command);
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("could not start `{shown}`"))?;
    let stdout = child.stdout.take().context("no stdout pipe")?;
    let stderr = child.stderr.take().context("no stderr pipe")?;
    thread::scope(|scope| {
        scope.spawn(|| pass_on(stderr, std::io::stderr(), &each));
        pass_on(stdout, std::io::stdout(), &each);
    });
    child
        .wait()
        .with_context(|| format!("could not wait for `{shown}`"))
}

fn pass_on(from: impl Read, mut to: impl Write, each: &(impl Fn(&str) + Sync)) {
    let mut reader = BufReader::new(from);
    let mut bytes = Vec::new();
    while reader.read_until(b'\n', &mut bytes).is_ok_and(|n| n > 0) {
        // A terminal that went away must not stop the count.
        let _ = to.write_all(&bytes).and_then(|()| to.flush());
        each(String::from_utf8_lossy(&bytes).trim_end());
        bytes.clear();
    }
}

/// The command as a person would type it.
pub fn line(command: &Command) -> String {
    let mut words = vec![command.get_program().to_os_string()];
    words.extend(command.get_args().map(OsString::from));
    words
        .iter()
        .map(|word| {
            let word = word.to_string_lossy();
            if word.is_empty()
                || word.contains(|c: char| c.is_whitespace() || "'\"|&;()".contains(c))
            {
                format!("'{word}'")
            } else {
                word.into_owned()
            }
        })
        .collect::<Vec<_>>()
        .join(" ")
}
