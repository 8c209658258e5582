//! The shape of the house as ARCHITECTURE.md draws it, held by tests: who may depend on whom, who
//! alone owns what, and what the window's configuration must never allow.

mod architecture_rules;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use architecture_rules::*;
use serde_json::Value;

/// The clone under test. Asked for at run time, since several clones may share a build folder.
fn root() -> PathBuf {
    let manifest = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
    manifest
        .parent()
        .expect("the tests are a folder of the workspace")
        .to_path_buf()
}

fn metadata() -> Value {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--offline", "--no-deps", "--format-version=1"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).expect("cargo metadata answers in JSON")
}

/// Every text file below `folders` with one of these extensions, by its path from the root.
fn sources(folders: &[&str], extensions: &[&str]) -> Vec<(String, String)> {
    const NOT_OURS: [&str; 4] = ["target", "node_modules", "dist", "dist-demo"];
    let root = root();
    let mut found = Vec::new();
    let mut waiting: Vec<PathBuf> = folders.iter().map(|folder| root.join(folder)).collect();
    while let Some(folder) = waiting.pop() {
        let entries = fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
        for path in entries.map(|entry| entry.expect("a readable folder").path()) {
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            if path.is_dir() {
                if !NOT_OURS.contains(&name.as_str()) {
                    waiting.push(path);
                }
            } else if extensions.iter().any(|extension| {
                Path::new(&name)
                    .extension()
                    .is_some_and(|e| e == *extension)
            }) {
                let source =
                    fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
                let short = path
                    .strip_prefix(&root)
                    .unwrap_or(&path)
                    .to_string_lossy()
                    .replace('\\', "/");
                found.push((short, source));
            }
        }
    }
    assert!(!found.is_empty(), "nothing to check in {folders:?}");
    found.sort();
    found
}

fn named(files: &[(String, String)], is_wrong: impl Fn(&str, &str) -> bool) -> Vec<&str> {
    files
        .iter()
        .filter(|(path, source)| is_wrong(path, source))
        .map(|(path, _)| path.as_str())
        .collect()
}

#[track_caller]
fn assert_none<T: std::fmt::Debug>(wrong: &[T]) {
    assert!(wrong.is_empty(), "see ARCHITECTURE.md:\n{wrong:#?}");
}

#[test]
fn packages_depend_on_each_other_in_the_directions_of_the_house_alone() {
    let metadata = metadata();
    assert_none(&wrong_edges(&metadata));
    let there: BTreeSet<&str> = array(&metadata["packages"])
        .map(|package| text(&package["name"]))
        .collect();
    let known: BTreeSet<&str> = DIRECTIONS.iter().map(|(name, _)| *name).collect();
    assert_eq!(there, known);
}

#[test]
fn what_brings_in_a_window_a_network_a_keyring_or_a_database_has_one_owner() {
    let metadata = metadata();
    assert_none(&second_owners(&metadata));
    // A door nobody uses would make the rule above say nothing.
    let used: BTreeSet<&str> = array(&metadata["packages"])
        .flat_map(|package| {
            array(&package["dependencies"]).map(|dependency| text(&dependency["name"]))
        })
        .collect();
    for owned in &OWNED {
        assert!(
            used.iter().any(|name| (owned.is)(name)),
            "no package names {}",
            owned.what
        );
    }
}

#[test]
fn every_package_takes_over_the_lints_of_the_workspace() {
    let metadata = metadata();
    let wrong: Vec<&str> = array(&metadata["packages"])
        .map(|package| text(&package["manifest_path"]))
        .filter(|path| without_lints(&fs::read_to_string(path).expect("a manifest")))
        .collect();
    assert_none(&wrong);
    let workspace = fs::read_to_string(root().join("Cargo.toml")).expect("the workspace");
    for lint in ["undocumented_unsafe_blocks = \"deny\"", "todo = \"deny\""] {
        assert!(workspace.contains(lint), "Cargo.toml does not say {lint}");
    }
}

#[test]
fn the_page_has_no_door_but_its_commands() {
    let read = |path: &Path| -> Value {
        let text = fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
    };
    assert_none(&open_doors(&read(&root().join("tauri.conf.json"))));
    // Capabilities stand in tauri.conf.json. Tauri would also take them from these folders.
    for folder in ["capabilities", "src-tauri/capabilities"] {
        let files: Vec<_> = fs::read_dir(root().join(folder))
            .into_iter()
            .flatten()
            .flatten()
            .map(|e| e.path())
            .collect();
        assert_none(&files);
    }
}

#[test]
fn one_folder_of_the_ui_knows_tauri() {
    let files = sources(&["ui/src"], &["ts", "js", "svelte", "html"]);
    assert_none(&named(&files, reaches_for_tauri));
    assert!(
        files
            .iter()
            .any(|(path, source)| path.starts_with("ui/src/lib/tauri/")
                && source.contains("@tauri-apps/"))
    );
}

#[test]
fn what_the_page_calls_the_shell_answers() {
    let read = |path: &str| fs::read_to_string(root().join(path)).expect(path);
    let handler = read("src-tauri/commands/mod.rs");
    let answered: BTreeSet<&str> = handler
        .lines()
        .filter_map(|line| line.trim().strip_suffix(',')?.split_once("::"))
        .map(|(_, command)| command)
        .collect();
    let door = read("ui/src/lib/tauri/index.ts");
    let called: BTreeSet<&str> = door
        .split("call<")
        .skip(1)
        .filter_map(|rest| rest.split_once(">('")?.1.split_once('\''))
        .map(|(command, _)| command)
        .collect();
    assert!(called.len() > 30, "{called:?}");
    assert_none(&called.difference(&answered).collect::<Vec<_>>());
    // What was agreed with the page for conversions, tables and queries.
    for command in [
        "formats",
        "conversion_options",
        "plan_conversion",
        "convert_file",
        "plan_merge",
        "merge_files",
        "rerun_conversion",
        "history",
        "save_certificate",
        "inspect_file",
        "open_grid",
        "grid_rows",
        "refine_grid",
        "close_grid",
        "run_query",
        "cancel_query",
        "export_query",
        "query_history",
        "query_relations",
        "data_tables",
        "add_table",
        "drop_table",
        "presets",
        "save_preset",
        "delete_preset",
    ] {
        assert!(answered.contains(command), "{command}");
    }
}

#[test]
fn every_module_says_what_it_is() {
    let files = sources(&["crates", "src-tauri", "tests/src", "xtask/src"], &["rs"]);
    let modules: Vec<_> = files
        .into_iter()
        .filter(|(path, _)| !path.starts_with("crates/") || path.contains("/src/"))
        .collect();
    assert_none(&named(&modules, is_unintroduced));
}

#[test]
fn nothing_is_left_for_later() {
    let files = sources(&["crates", "src-tauri", "tests", "xtask"], &["rs"]);
    assert_none(&named(&files, |_, source| is_unfinished(source)));
}

#[test]
fn files_fit_in_a_head() {
    let files = sources(&["crates"], &["rs"]);
    assert_none(&length_troubles(
        files
            .iter()
            .map(|(path, source)| (path.as_str(), source.lines().count())),
        &LONG,
    ));
}
