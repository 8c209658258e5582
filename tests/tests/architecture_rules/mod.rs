//! The rules of the house, each a function that lists what breaks it. Nothing here reads a file, so
//! that each can be proven on made-up input to be able to fail.

use std::collections::BTreeSet;

use serde_json::{Value, json};

const SHELL: &str = "redline-desktop";
const TESTS: &str = "redline-tests";

/// Every package of the workspace, and which of the others it may use, for whatever purpose. A new
/// package has to find its place here first.
pub const DIRECTIONS: [(&str, &[&str]); 10] = [
    (SHELL, &["redline-core", "redline-server"]),
    ("redline", &["redline-core", "redline-server"]),
    ("redline-server", &["redline-core"]),
    (
        "redline-core",
        &[
            "redline-store",
            "redline-convert",
            "redline-backup",
            "redline-license",
        ],
    ),
    ("redline-store", &[]),
    ("redline-convert", &[]),
    ("redline-backup", &[]),
    ("redline-license", &[]),
    (
        TESTS,
        &[
            "redline",
            "redline-server",
            "redline-core",
            "redline-store",
            "redline-convert",
            "redline-backup",
            "redline-license",
        ],
    ),
    ("xtask", &[]),
];

/// Packages from outside that only some of ours may name, so that what they bring in (a web view, a
/// network, a keyring, a database) stays behind one door.
pub struct Owned {
    pub what: &'static str,
    pub is: fn(&str) -> bool,
    pub owners: &'static [&'static str],
}

pub const OWNED: [Owned; 7] = [
    Owned {
        what: "the window",
        is: |name| matches!(name, "tauri" | "wry" | "tao") || name.starts_with("tauri-"),
        owners: &[SHELL],
    },
    Owned {
        what: "S3",
        is: |name| name.starts_with("aws-"),
        owners: &["redline-backup"],
    },
    Owned {
        what: "the S3 test server",
        is: |name| name.starts_with("s3s"),
        owners: &[TESTS],
    },
    Owned {
        what: "the keyring",
        is: |name| {
            name.starts_with("keyring")
                || name.ends_with("-keyring-store")
                || matches!(name, "secret-service" | "zbus" | "security-framework")
        },
        owners: &["redline-license"],
    },
    Owned {
        what: "the catalog's engine",
        is: |name| matches!(name, "duckdb" | "libduckdb-sys"),
        // The tests look at catalogs from outside, as a person with another program would.
        owners: &["redline-store", "redline-convert", TESTS],
    },
    Owned {
        what: "HTTP",
        is: |name| name.starts_with("axum"),
        owners: &["redline-server"],
    },
    Owned {
        // Below, an error is an enum with facts in it, which core turns into words.
        what: "errors without a type",
        is: |name| matches!(name, "anyhow" | "eyre" | "color-eyre"),
        owners: &[SHELL, "redline", TESTS, "xtask"],
    },
];

/// Longer than a head holds; each with the reason why it is one file all the same.
pub const LONG: [(&str, &str); 0] = [];
const LONGEST: usize = 600;

pub fn array(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Edges between our own packages that DIRECTIONS does not allow.
pub fn wrong_edges(metadata: &Value) -> Vec<String> {
    let packages: Vec<&Value> = array(&metadata["packages"]).collect();
    let ours: BTreeSet<&str> = packages
        .iter()
        .map(|package| text(&package["name"]))
        .collect();
    let mut wrong = Vec::new();
    for package in &packages {
        let name = text(&package["name"]);
        let Some((_, allowed)) = DIRECTIONS.iter().find(|(known, _)| *known == name) else {
            wrong.push(format!("{name} has no place in the house yet"));
            continue;
        };
        for dependency in array(&package["dependencies"]) {
            let other = text(&dependency["name"]);
            if ours.contains(other) && !allowed.contains(&other) {
                wrong.push(format!("{name} -> {other}"));
            }
        }
    }
    wrong
}

/// Packages of ours that name what is another's to name.
pub fn second_owners(metadata: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    for package in array(&metadata["packages"]) {
        let name = text(&package["name"]);
        for dependency in array(&package["dependencies"]) {
            let other = text(&dependency["name"]);
            for owned in OWNED.iter().filter(|owned| (owned.is)(other)) {
                if !owned.owners.contains(&name) {
                    wrong.push(format!(
                        "{name} names {other}; {} belongs to {:?}",
                        owned.what, owned.owners
                    ));
                }
            }
        }
    }
    wrong
}

/// Packages whose manifest does not take over the workspace's lints, `unsafe` without a SAFETY
/// comment among them. A line-by-line look will do: cargo refuses any other way to write it.
pub fn without_lints(manifest: &str) -> bool {
    let mut lines = manifest
        .lines()
        .map(str::trim)
        .skip_while(|line| *line != "[lints]")
        .skip(1);
    !lines
        .by_ref()
        .take_while(|line| !line.starts_with('['))
        .any(|line| line == "workspace = true")
}

/// What tauri.conf.json allows and must not.
pub fn open_doors(config: &Value) -> Vec<String> {
    let mut open = Vec::new();
    let app = &config["app"];
    let security = &app["security"];
    if app["withGlobalTauri"] != json!(false) {
        open.push("app.withGlobalTauri is not false".to_owned());
    }
    if security["freezePrototype"] != json!(true) {
        open.push("app.security.freezePrototype is not true".to_owned());
    }
    if !matches!(
        &security["dangerousDisableAssetCspModification"],
        Value::Null | Value::Bool(false)
    ) {
        open.push("app.security.dangerousDisableAssetCspModification is set".to_owned());
    }
    if security["assetProtocol"]["enable"] == json!(true) {
        open.push("app.security.assetProtocol serves files by their path".to_owned());
    }
    if security["csp"].is_null() {
        open.push("app.security.csp is missing".to_owned());
    }
    for name in ["csp", "devCsp"] {
        if !security[name].is_null() {
            open.extend(
                loose_scripts(&security[name])
                    .into_iter()
                    .map(|why| format!("app.security.{name}: {why}")),
            );
        }
    }
    for capability in array(&security["capabilities"]).filter(|capability| capability.is_object()) {
        open.extend(broad_permissions(capability));
    }
    open
}

/// Why scripts other than our own could run under this policy.
fn loose_scripts(csp: &Value) -> Vec<String> {
    let directive = |wanted: &str| -> Option<Vec<String>> {
        let words = |text: &str| {
            text.split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        match csp {
            Value::String(policy) => policy.split(';').map(words).find_map(|mut parts| {
                (parts.first().is_some_and(|name| name == wanted)).then(|| parts.split_off(1))
            }),
            Value::Object(policy) => match policy.get(wanted)? {
                Value::Array(sources) => Some(
                    sources
                        .iter()
                        .map(|source| text(source).to_owned())
                        .collect(),
                ),
                sources => Some(words(text(sources))),
            },
            _ => None,
        }
    };
    let mut loose = Vec::new();
    for name in ["script-src", "script-src-elem", "script-src-attr"] {
        let sources = match directive(name) {
            Some(sources) => sources,
            None if name == "script-src" => match directive("default-src") {
                Some(sources) => sources,
                None => {
                    loose.push("neither script-src nor default-src is there".to_owned());
                    continue;
                }
            },
            None => continue,
        };
        for source in sources {
            if !matches!(source.as_str(), "'self'" | "'none'") {
                loose.push(format!("{name} allows {source}"));
            }
        }
    }
    loose
}

/// Permissions of one capability that would give the page files, programs or the network.
fn broad_permissions(capability: &Value) -> Vec<String> {
    const CLOSED: [&str; 8] = [
        "fs",
        "shell",
        "http",
        "opener",
        "process",
        "websocket",
        "upload",
        "sql",
    ];
    let name = text(&capability["identifier"]);
    let mut broad: Vec<String> = array(&capability["permissions"])
        // Either the name itself or an object with scopes that holds it.
        .map(|permission| {
            permission
                .as_str()
                .unwrap_or_else(|| text(&permission["identifier"]))
        })
        .filter(|permission| {
            permission
                .split(':')
                .next()
                .is_some_and(|plugin| CLOSED.contains(&plugin))
        })
        .map(|permission| format!("capability {name} allows {permission}"))
        .collect();
    if !capability["remote"].is_null() {
        broad.push(format!(
            "capability {name} is given to pages from elsewhere"
        ));
    }
    broad
}

/// Whether a file of the UI reaches for the shell by itself.
pub fn reaches_for_tauri(path: &str, source: &str) -> bool {
    const DOOR: &str = "ui/src/lib/tauri/";
    let reaches = [
        "'@tauri-apps/",
        "\"@tauri-apps/",
        "`@tauri-apps/",
        "__TAURI",
    ];
    !path.starts_with(DOOR) && reaches.iter().any(|word| source.contains(word))
}

/// Whether a module starts by saying what it is. Test modules are introduced by what they test.
pub fn is_unintroduced(path: &str, source: &str) -> bool {
    !path.ends_with("/tests.rs") && !source.starts_with("//! ")
}

pub fn is_unfinished(source: &str) -> bool {
    // Put together here, so that this file does not find itself.
    [concat!("todo", "!("), concat!("unimplemented", "!(")]
        .iter()
        .any(|word| source.contains(word))
}

/// Files over the limit that are not listed, and listed ones that are not over it any more.
pub fn length_troubles<'a>(
    files: impl Iterator<Item = (&'a str, usize)>,
    long: &[(&str, &str)],
) -> Vec<String> {
    let mut stale: BTreeSet<&str> = long.iter().map(|(path, _)| *path).collect();
    let mut troubles = Vec::new();
    for (path, lines) in files.filter(|(_, lines)| *lines > LONGEST) {
        if !stale.remove(path) {
            troubles.push(format!(
                "{path} has {lines} lines; split it, or list it with a reason"
            ));
        }
    }
    troubles.extend(
        stale
            .iter()
            .map(|path| format!("{path} is listed as long and is not")),
    );
    troubles
}

#[cfg(test)]
mod can_fail;
