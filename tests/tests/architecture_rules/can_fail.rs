//! The rules themselves, on input that breaks them.

use super::*;

fn house(packages: &[(&str, &[&str])]) -> Value {
    let packages: Vec<Value> = packages
        .iter()
        .map(|(name, dependencies)| {
            let dependencies: Vec<Value> = dependencies
                .iter()
                .map(|name| json!({ "name": name }))
                .collect();
            json!({ "name": name, "dependencies": dependencies })
        })
        .collect();
    json!({ "packages": packages })
}

#[test]
fn an_edge_against_the_direction_is_found() {
    let house = house(&[
        ("redline-store", &["redline-license", "serde"]),
        ("redline-license", &[]),
        ("redline-core", &["redline-store"]),
        ("xtask", &["redline-core"]),
        ("redline-sync", &[]),
    ]);
    assert_eq!(
        wrong_edges(&house),
        [
            "redline-store -> redline-license",
            "xtask -> redline-core",
            "redline-sync has no place in the house yet"
        ]
    );
}

#[test]
fn nobody_depends_on_the_window_and_the_bottom_depends_on_nobody() {
    for (name, allowed) in &DIRECTIONS {
        assert!(!allowed.contains(&SHELL), "{name}");
        assert_eq!(
            allowed.is_empty(),
            matches!(
                *name,
                "redline-store"
                    | "redline-convert"
                    | "redline-backup"
                    | "redline-license"
                    | "xtask"
            ),
            "{name}"
        );
    }
}

#[test]
fn a_second_owner_is_found() {
    for (name, dependency) in [
        ("redline-core", "tauri"),
        ("redline-tests", "tauri-build"),
        ("redline-core", "aws-sdk-s3"),
        ("redline-backup", "s3s-fs"),
        ("redline-core", "keyring-core"),
        ("redline", "zbus-secret-service-keyring-store"),
        ("redline-backup", "duckdb"),
        ("redline-desktop", "axum"),
        ("redline-store", "anyhow"),
    ] {
        let found = second_owners(&house(&[(name, &["serde", dependency])]));
        assert_eq!(found.len(), 1, "{name} -> {dependency}: {found:?}");
    }
    let allowed = house(&[
        (SHELL, &["tauri", "tauri-plugin-dialog"]),
        ("redline-backup", &["aws-sdk-s3"]),
    ]);
    assert_eq!(second_owners(&allowed), [""; 0]);
}

#[test]
fn a_package_with_lints_of_its_own_is_found() {
    assert!(without_lints("[package]\nname = \"x\"\n"));
    assert!(without_lints("[lints]\n[dependencies]\nworkspace = true\n"));
    assert!(!without_lints(
        "[package]\n\n[lints]\nworkspace = true\n\n[dependencies]\n"
    ));
}

#[test]
fn an_open_door_is_found() {
    let closed = json!({ "app": { "withGlobalTauri": false, "security": {
        "freezePrototype": true,
        "csp": { "default-src": "'none'", "script-src": "'self'", "style-src": "'self' 'unsafe-inline'" },
        "capabilities": [{ "identifier": "main", "permissions": ["core:window:allow-close"] }],
    } } });
    assert_eq!(open_doors(&closed), [""; 0]);
    for (place, value) in [
        ("/app/withGlobalTauri", json!(true)),
        ("/app/withGlobalTauri", Value::Null),
        ("/app/security/freezePrototype", json!(false)),
        ("/app/security/csp", Value::Null),
        (
            "/app/security/csp",
            json!("default-src 'self'; script-src 'self' 'unsafe-inline'"),
        ),
        ("/app/security/csp", json!("img-src 'self'")),
        ("/app/security/csp", json!("default-src *")),
        (
            "/app/security/csp/script-src",
            json!("'self' https://example.org"),
        ),
        (
            "/app/security/csp/script-src",
            json!(["'self'", "'unsafe-eval'"]),
        ),
        (
            "/app/security/capabilities/0/permissions/0",
            json!("fs:default"),
        ),
        (
            "/app/security/capabilities/0/permissions/0",
            json!("shell:allow-open"),
        ),
        (
            "/app/security/capabilities/0/permissions/0",
            json!({ "identifier": "http:default", "allow": [] }),
        ),
    ] {
        let mut opened = closed.clone();
        *opened
            .pointer_mut(place)
            .expect("a place of the configuration") = value.clone();
        assert_eq!(
            open_doors(&opened).len(),
            1,
            "{place} = {value}: {:?}",
            open_doors(&opened)
        );
    }
    let mut remote = closed;
    remote["app"]["security"]["capabilities"][0]["remote"] =
        json!({ "urls": ["https://example.org"] });
    assert_eq!(open_doors(&remote).len(), 1);
}

#[test]
fn a_screen_that_calls_the_shell_is_found() {
    let source = "import { invoke } from '@tauri-apps/api/core';";
    assert!(reaches_for_tauri(
        "ui/src/screens/files/Files.svelte",
        source
    ));
    assert!(reaches_for_tauri(
        "ui/src/main.ts",
        "window.__TAURI_INTERNALS__.invoke('x')"
    ));
    assert!(!reaches_for_tauri("ui/src/lib/tauri/index.ts", source));
    assert!(!reaches_for_tauri(
        "ui/src/main.ts",
        "// @tauri-apps is for lib/tauri alone"
    ));
}

#[test]
fn a_module_without_a_word_about_itself_is_found() {
    assert!(is_unintroduced(
        "crates/store/src/lib.rs",
        "use std::fs;\n//! Late."
    ));
    assert!(is_unintroduced("crates/store/src/lib.rs", ""));
    assert!(!is_unintroduced(
        "crates/store/src/lib.rs",
        "//! One store.\n"
    ));
    assert!(!is_unintroduced(
        "crates/core/src/jobs/tests.rs",
        "use super::*;"
    ));
}

#[test]
fn work_left_for_later_is_found() {
    assert!(is_unfinished(concat!("fn f() { todo", "!() }")));
    assert!(is_unfinished(concat!(
        "fn f() { unimplemented",
        "!(\"soon\") }"
    )));
    assert!(!is_unfinished("// the todo list of a person"));
}

#[test]
fn a_long_file_is_found_and_so_is_a_reason_without_one() {
    let files = [
        ("a.rs", LONGEST),
        ("b.rs", LONGEST + 1),
        ("c.rs", LONGEST + 1),
        ("d.rs", 3),
    ];
    let troubles = length_troubles(
        files.into_iter(),
        &[("c.rs", "a reason"), ("d.rs", "a reason")],
    );
    assert_eq!(troubles.len(), 2, "{troubles:?}");
    assert!(troubles[0].starts_with("b.rs has 601 lines"));
    assert!(troubles[1].starts_with("d.rs is listed"));
}
