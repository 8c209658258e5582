//! Which tests there are and how they are started.
//!
//! cargo-nextest is used where it is installed: it runs every test in a process of its own, so
//! environment variables, file locks and a crash stay with the test that caused them, and it fills
//! both cores across test binaries. It is not installed where it is missing, because building it
//! takes longer than it saves in one run; `cargo test` runs the same tests, which are written to
//! stand that.

use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::{command, place::Place, setup::Engine};

/// Test binaries by what they need. The names are the convention: `tests/tests/window*.rs` drive
/// the real window, `tests/tests/tour.rs` makes the screenshots.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct TestBinaries {
    pub plain: Vec<String>,
    pub window: Vec<String>,
}

/// A nested cargo over the whole workspace. Always the whole: a different set of packages means
/// different features of shared dependencies, and everything would be compiled twice.
pub fn workspace(place: &Place, subcommand: &[&str], engine: Engine) -> Command {
    let mut command = command::cargo(place, subcommand);
    command.arg("--workspace");
    if engine == Engine::Bundled {
        command.args(["--features", "redline-desktop/bundled"]);
    }
    command
}

pub fn find(place: &Place) -> Result<TestBinaries> {
    let metadata = command::output(&mut command::cargo(
        place,
        &["metadata", "--no-deps", "--format-version=1", "--quiet"],
    ))?;
    let metadata: serde_json::Value =
        serde_json::from_str(&metadata).context("cargo metadata did not answer with JSON")?;
    Ok(sort(&metadata))
}

fn sort(metadata: &serde_json::Value) -> TestBinaries {
    let mut binaries = TestBinaries::default();
    let list = |value: &serde_json::Value| value.as_array().cloned().unwrap_or_default();
    for package in list(&metadata["packages"]) {
        for target in list(&package["targets"]) {
            let is_test = list(&target["kind"]).iter().any(|kind| kind == "test");
            let Some(name) = target["name"].as_str().filter(|_| is_test) else {
                continue;
            };
            if name.starts_with("window") {
                binaries.window.push(name.to_owned());
            } else if name != "tour" {
                binaries.plain.push(name.to_owned());
            }
        }
    }
    binaries
}

pub fn has_nextest() -> bool {
    command::probe("cargo-nextest", &["nextest", "--version"])
}

/// Unit and integration tests. Those that write the TypeScript contract are left to that check.
pub fn plain(place: &Place, engine: Engine, nextest: bool, tests: &TestBinaries) -> Command {
    if nextest {
        let mut command = workspace(place, &["nextest", "run"], engine);
        command.args(["--no-fail-fast", "-E"]);
        command.arg("not (binary(/^window/) or binary(=tour) or test(/export_bindings_/))");
        command
    } else {
        let mut command = workspace(place, &["test"], engine);
        command.args(["--no-fail-fast", "--lib", "--bins"]);
        for name in &tests.plain {
            command.args(["--test", name]);
        }
        command.args(["--", "--skip", "export_bindings_"]);
        command
    }
}

/// Tests in the real window, one at a time: each has a display and a session bus of its own, but
/// there are only so many cores, and a starved window misses deadlines that matter.
pub fn window(
    place: &Place,
    engine: Engine,
    nextest: bool,
    tests: &TestBinaries,
) -> Result<Command> {
    ensure!(
        !tests.window.is_empty(),
        "there is no tests/tests/window*.rs, so nothing would be tested in the real window"
    );
    Ok(if nextest {
        let mut command = workspace(place, &["nextest", "run"], engine);
        command.args([
            "--no-fail-fast",
            "--test-threads=1",
            "-E",
            "binary(/^window/)",
        ]);
        command
    } else {
        let mut command = workspace(place, &["test"], engine);
        command.arg("--no-fail-fast");
        for name in &tests.window {
            command.args(["--test", name]);
        }
        command.args(["--", "--test-threads=1"]);
        command
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_binaries_are_told_apart_by_name() {
        let metadata = serde_json::json!({"packages": [{"targets": [
            {"kind": ["lib"], "name": "window_lib"},
            {"kind": ["test"], "name": "window_files"},
            {"kind": ["test"], "name": "tour"},
            {"kind": ["test"], "name": "directions"},
        ]}]});
        assert_eq!(
            sort(&metadata),
            TestBinaries {
                plain: vec!["directions".into()],
                window: vec!["window_files".into()],
            }
        );
    }
}
