//! A full disk, and a folder that cannot be written to.
#![cfg(target_os = "linux")]

mod survival_support;

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use survival_support::*;

/// Everything that was stored before is listed and equal.
fn intact(machine: &Machine, before: &[serde_json::Value], when: &str) {
    let listed = machine.files();
    for file in before {
        assert!(
            listed.contains(file),
            "{when}: {file} is not listed as it was"
        );
        let path = machine
            .home()
            .join("files")
            .join(file["relative_path"].as_str().unwrap());
        assert_eq!(sha256_of(&path), file["sha256"].as_str().unwrap(), "{when}");
    }
}

fn ballast(mount: &Mount, leave: u64) -> std::path::PathBuf {
    let path = mount.path.join("ballast");
    let len = mount.free().saturating_sub(leave);
    let file = std::fs::File::create(&path).unwrap();
    rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, len.max(1)).unwrap();
    path
}

#[test]
fn a_file_too_big_for_the_disk_is_refused_with_the_numbers_and_leaves_nothing() {
    where_mounting_is_allowed(
        "a_file_too_big_for_the_disk_is_refused_with_the_numbers_and_leaves_nothing",
        || {
            let mount = Mount::tmpfs(24 * MIB);
            let machine = Machine::with_data(&mount.path.join("data"));
            let first = machine.sources("first", [("a", noise(1, 1000)), ("b", noise(2, 2 * MIB))]);
            machine.import(&first);
            let before = machine.files();
            assert_eq!(before.len(), 2);
            let free = mount.free();

            // One that reserves its space, and one that runs into the wall.
            for len in [40 * MIB, 15 * MIB] {
                let filler = (len < 20 * MIB).then(|| ballast(&mount, 8 << 20));
                let big = machine.dir.path().join("big.bin");
                std::fs::write(&big, noise(3, len)).unwrap();
                let said = machine.import(&big);
                let when = format!("{len} bytes");
                assert_eq!(said.code(), 1, "{when}: {}", said.stderr);
                let error = said.error();
                assert_eq!(error["code"], "disk_full", "{when}: {error}");
                let message = error["message"].as_str().unwrap();
                assert!(message.contains("big.bin"), "{when}: {message}");
                let said_numbers = message.matches(|c: char| c.is_ascii_digit()).count();
                assert!(
                    said_numbers >= 2 && message.contains("B"),
                    "{when}: what is needed and what is free: {message}"
                );
                assert!(
                    !error["hint"].as_str().unwrap().is_empty(),
                    "{when}: {error}"
                );
                intact(&machine, &before, &when);
                assert_eq!(machine.files().len(), 2, "{when}");
                nothing_is_left_over(&machine, &when);
                filler.map(std::fs::remove_file);
            }
            assert!(
                mount.free() + (MIB as u64) > free,
                "space leaked: {} of {free}",
                mount.free()
            );

            // Of several, those that fit are stored.
            let some = machine.sources(
                "some",
                [
                    ("1.csv", noise(11, 10)),
                    ("2.bin", noise(12, 30 * MIB)),
                    ("3.csv", noise(13, 10)),
                ],
            );
            let said = machine.import(&some);
            assert_eq!(said.code(), 6, "{}", said.stderr);
            let answer = said.json();
            assert_eq!(list(&answer["imported"]).len(), 2, "{answer}");
            let failed = list(&answer["failed"]);
            assert_eq!(failed[0]["error"]["code"], "disk_full", "{answer}");
            verify_is_clean(&machine, 4, "after a partial import");
        },
    );
}

#[test]
fn a_disk_that_fills_up_at_any_point_loses_nothing_and_the_store_opens_on_it() {
    where_mounting_is_allowed(
        "a_disk_that_fills_up_at_any_point_loses_nothing_and_the_store_opens_on_it",
        || {
            let mut outcomes = std::collections::BTreeMap::<String, usize>::new();
            let rooms: Vec<u64> = (0..24)
                .map(|i| i * 4096)
                .chain([28, 32, 40, 48, 64, 96, 128, 160, 200].map(|k| k << 12))
                .collect();
            for leave in rooms {
                let when = format!("{leave} bytes left");
                let mount = Mount::tmpfs(4 * MIB);
                let machine = Machine::with_data(&mount.path.join("data"));
                let first =
                    machine.sources("first", [("a", noise(1, 1000)), ("b/c", noise(2, 100_000))]);
                machine.import(&first);
                let before = machine.files();
                let many: Vec<(String, Vec<u8>)> = (0..30)
                    .map(|i| (format!("{i}.csv"), noise(100 + i, 1000)))
                    .collect();
                let many =
                    machine.sources("many", many.iter().map(|(n, b)| (n.as_str(), b.clone())));
                let mut sources = hashes(&first);
                sources.extend(hashes(&many));

                let filler = ballast(&mount, leave);
                let said = machine.import(&many);
                assert!(
                    [0, 1, 6].contains(&said.code()),
                    "{when}: {} {}",
                    said.code(),
                    said.stderr
                );
                let told = acknowledged(&said.stdout);
                match said.code() {
                    0 => assert_eq!(told.len(), 30, "{when}"),
                    1 => {
                        let error = said.error();
                        assert_eq!(error["code"], "disk_full", "{when}: {error}");
                        assert!(told.is_empty(), "{when}: nothing was stored, and {told:?}");
                    }
                    _ => {
                        let answer = said.json();
                        for failed in list(&answer["failed"]) {
                            assert_eq!(failed["error"]["code"], "disk_full", "{when}: {failed}");
                        }
                        assert_eq!(told.len() + list(&answer["failed"]).len(), 30, "{when}");
                    }
                }
                *outcomes.entry(format!("exit {}", said.code())).or_default() += 1;

                // On the disk as full as it is now.
                intact(&machine, &before, &when);
                nothing_was_lost(&machine, &told, &sources, &when);
                // Deleting on a full disk works or says why, and loses nothing.
                let id = before[0]["id"].to_string();
                let said = machine.run(&["delete", &id]);
                if said.code() == 0 {
                    machine.json(&["undelete", &id]);
                } else {
                    assert_eq!(said.error()["code"], "disk_full", "{when}: {}", said.stderr);
                    *outcomes.entry("delete refused".into()).or_default() += 1;
                }

                std::fs::remove_file(filler).unwrap();
                if said.code() != 0 {
                    // It said it failed: it must not have happened.
                    assert_eq!(
                        list(&machine.json(&["trash"])["files"]).len(),
                        0,
                        "{when}: deleted after all"
                    );
                }
                intact(&machine, &before, &when);
                let listed = nothing_was_lost(&machine, &told, &sources, &when);
                assert_eq!(machine.quarantined(), 0, "{when}: a full disk is no damage");
                verify_is_clean(&machine, listed.len(), &when);
                assert_eq!(machine.import(&many).code(), 0, "{when}");
                assert_eq!(
                    machine.files().len(),
                    before.len() + 30,
                    "{when}: the rest came in"
                );
            }
            println!("{outcomes:?}");
            assert!(
                outcomes.contains_key("exit 1"),
                "it was never full: {outcomes:?}"
            );
            assert!(
                outcomes.contains_key("exit 0"),
                "it was always full: {outcomes:?}"
            );
        },
    );
}

#[test]
fn a_copy_that_does_not_fit_is_refused_and_leaves_nothing() {
    where_mounting_is_allowed(
        "a_copy_that_does_not_fit_is_refused_and_leaves_nothing",
        || {
            let machine = Machine::new();
            machine.import(&machine.sources("first", [("big.bin", noise(1, 3 * MIB))]));
            let mount = Mount::tmpfs(MIB);
            let said = machine.run(&["export", "1", mount.path.to_str().unwrap()]);
            assert_eq!(said.code(), 1, "{}", said.stderr);
            assert_eq!(said.error()["code"], "disk_full", "{}", said.stderr);
            assert!(hashes(&mount.path).is_empty(), "{:?}", hashes(&mount.path));
            verify_is_clean(&machine, 1, "after a failed export");
        },
    );
}

#[test]
fn a_read_only_folder_is_said_to_be_one() {
    where_mounting_is_allowed("a_read_only_folder_is_said_to_be_one", || {
        let mount = Mount::tmpfs(24 * MIB);
        let machine = Machine::with_data(&mount.path.join("data"));
        let folder = machine.sources("first", [("a", noise(1, 1000))]);
        machine.import(&folder);
        let before = machine.files();
        let more = machine.sources("more", [("b", noise(2, 1000))]);
        mount.remount("ro");
        let commands: [&[&str]; 2] = [&["import", more.to_str().unwrap()], &["delete", "1"]];
        for arguments in commands {
            let said = machine.run(arguments);
            assert_eq!(said.code(), 1, "{arguments:?}: {}", said.stderr);
            let error = said.error();
            assert_eq!(error["code"], "read_only", "{arguments:?}: {error}");
            assert!(!error["hint"].as_str().unwrap().is_empty(), "{error}");
            assert!(acknowledged(&said.stdout).is_empty());
        }
        mount.remount("rw");
        intact(&machine, &before, "after a time as read-only");
        assert_eq!(machine.quarantined(), 0, "a read-only folder is no damage");
        assert_eq!(machine.import(&more).code(), 0);
        verify_is_clean(&machine, 2, "after a time as read-only");
    });
}

/// `redline` without the power of root over other people's permissions.
fn without_privileges(machine: &Machine, arguments: &[&str]) -> Said {
    let mut command = Command::new("setpriv");
    machine.dress(&mut command);
    if rustix::process::getuid().is_root() {
        let minus = "-dac_override,-dac_read_search,-fowner";
        command.args(["--bounding-set", minus, "--inh-caps", minus]);
    }
    command.arg(redline()).arg("--json").args(arguments);
    command.output().expect("setpriv runs").into()
}

#[test]
fn a_folder_we_may_not_write_to_is_said_to_be_one() {
    let machine = Machine::new();
    machine.import(&machine.sources("first", [("a", noise(1, 1000))]));
    let before = machine.files();
    let more = machine.sources("more", [("b", noise(2, 1000))]);
    let closed =
        ["", "files", ".redline/partial", ".redline/journal"].map(|f| machine.home().join(f));
    for folder in &closed {
        let when = folder.file_name().unwrap().to_string_lossy().into_owned();
        std::fs::set_permissions(folder, Permissions::from_mode(0o500)).unwrap();
        // Something to do in each of them: a name that is not there yet.
        let said = without_privileges(&machine, &["import", more.join("b").to_str().unwrap()]);
        std::fs::set_permissions(folder, Permissions::from_mode(0o700)).unwrap();
        if said.code() == 0 {
            // The top folder is only written to when the log is new.
            assert_eq!(
                folder,
                &closed[0],
                "{when}: {}",
                String::from_utf8_lossy(&said.stdout)
            );
            continue;
        }
        assert_eq!(said.code(), 1, "{when}: {}", said.stderr);
        assert_eq!(said.error()["code"], "read_only", "{when}: {}", said.stderr);
        intact(&machine, &before, &when);
    }
    assert_eq!(machine.quarantined(), 0, "a closed folder is no damage");
    assert_eq!(machine.import(&more).code(), 0);
}

#[test]
fn a_source_we_may_not_read_fails_alone() {
    let machine = Machine::new();
    let folder = machine.sources(
        "from",
        [
            ("a.csv", noise(1, 100)),
            ("closed.csv", noise(2, 100)),
            ("shut/in.csv", noise(3, 100)),
            ("z.csv", noise(4, 100)),
        ],
    );
    std::fs::set_permissions(folder.join("closed.csv"), Permissions::from_mode(0o000)).unwrap();
    std::fs::set_permissions(folder.join("shut"), Permissions::from_mode(0o000)).unwrap();
    let said = without_privileges(&machine, &["import", folder.to_str().unwrap()]);
    assert_eq!(said.code(), 6, "{}", said.stderr);
    let answer = said.json();
    assert_eq!(list(&answer["imported"]).len(), 2, "{answer}");
    let mut failed: Vec<String> = list(&answer["failed"])
        .iter()
        .map(|f| f["path"].to_string())
        .collect();
    failed.sort();
    assert_eq!(failed, ["\"from/closed.csv\"", "\"from/shut\""], "{answer}");
    for failure in list(&answer["failed"]) {
        let message = failure["error"]["message"].as_str().unwrap();
        assert!(
            message.to_lowercase().contains("permission") || message.contains("may not"),
            "{failure}"
        );
    }
    let said = without_privileges(&machine, &["import", folder.join("shut").to_str().unwrap()]);
    assert_eq!(
        said.code(),
        1,
        "a folder without permission: {}",
        said.stderr
    );
    std::fs::set_permissions(folder.join("shut"), Permissions::from_mode(0o700)).unwrap();
    nothing_is_left_over(&machine, "after unreadable sources");
}
