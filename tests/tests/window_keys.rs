//! Keys in the real window: a real keyring, one that is locked or absent, the recovery kit, and
//! another key that sees nothing.
#![cfg(target_os = "linux")]

mod window_support;

use std::{fs, os::unix::fs::PermissionsExt};

use anyhow::{Context, Result, ensure};
use redline_tests::window::{Desktop, Keyring};
use serde_json::json;
use window_support::*;

#[tokio::test]
async fn a_free_key_is_kept_in_the_keyring_and_its_kit_goes_to_a_private_file() -> Result<()> {
    let desktop = Desktop::start()?;
    let home = desktop.scratch("my files")?;
    let mut window = desktop.open().await?;
    window.click("signin-free").await?;
    window.find("kit-banner").await?;
    let kit = home.join("kit.txt");
    window.click("kit-save").await?;
    answer_dialog(&desktop, "Save the recovery kit", &kit).await?;
    wait_for_words(&window, "toast", "Recovery kit saved").await?;
    let text = fs::read_to_string(&kit)?;
    assert_eq!(fs::metadata(&kit)?.permissions().mode() & 0o777, 0o600);
    let key = text
        .split_whitespace()
        .find(|word| redline_license::LicenseKey::parse(word).is_ok())
        .context("the kit holds no key")?
        .to_owned();
    ensure_unseen(&window, &[&key]).await?;
    ensure!(
        !holds(desktop.home(), &key, &kit),
        "the key lies in a file besides the kit"
    );

    window.restart().await?;
    window.find("files-empty").await?;
    sign_out(&window).await?;
    // The same profile opens again out of the keyring, by a click.
    window.click("profile-open").await?;
    go(&window, "files").await?;
    window.find("files-empty").await?;
    window.quit().await
}

#[tokio::test]
async fn a_locked_keyring_is_said_and_a_passphrase_does_instead() -> Result<()> {
    let desktop = Desktop::start_with(Keyring::Locked, (1440, 900))?;
    let mut window = desktop.open().await?;
    wait_for_words(&window, "keyring-state", "The keyring is locked").await?;
    window.click("keyring-retry").await?;
    wait_for_words(&window, "keyring-state", "The keyring is locked").await?;

    let key = new_key()?;
    window.click("signin-keep-passphrase").await?;
    window
        .fill("signin-passphrase", "correct horse battery")
        .await?;
    window
        .fill("signin-passphrase-again", "correct horse battery")
        .await?;
    sign_in(&window, &key, "Behind a phrase").await?;
    window.find("files-empty").await?;

    window.restart().await?;
    window.click("profile-open").await?;
    window.fill("profile-passphrase", "not that one").await?;
    window.click("profile-passphrase-submit").await?;
    window.find_within("profile-error", WORK).await?;
    if window.count("profile-passphrase").await? == 0 {
        window.click("profile-open").await?;
    }
    window
        .fill("profile-passphrase", "correct horse battery")
        .await?;
    window.click("profile-passphrase-submit").await?;
    window.find_within("files-empty", WORK).await?;
    ensure!(
        !holds(desktop.home(), &key, &desktop.home().join("none")),
        "the key lies in a file in the clear"
    );
    window.quit().await
}

#[tokio::test]
async fn without_a_keyring_a_session_can_still_be_had_and_is_forgotten() -> Result<()> {
    let desktop = Desktop::start_with(Keyring::Absent, (1440, 900))?;
    let home = desktop.scratch("my files")?;
    let mut window = desktop.open().await?;
    wait_for_words(&window, "keyring-state", "No keyring").await?;
    let key = new_key()?;
    window.click("signin-keep-session").await?;
    sign_in(&window, &key, "For now").await?;
    window
        .drag_files(&[put(&home, "kept.csv", sales(3))?])
        .await?;
    wait_for_total(&window, 1).await?;

    window.restart().await?;
    // The key is forgotten, the store is not.
    window.find("signin-key").await?;
    window.click("signin-keep-session").await?;
    sign_in(&window, &key, "Again").await?;
    wait_for_total(&window, 1).await?;
    window.quit().await
}

#[tokio::test]
async fn another_key_sees_nothing_and_ids_of_the_first_are_not_found() -> Result<()> {
    let desktop = Desktop::start()?;
    let home = desktop.scratch("my files")?;
    let mut window = desktop.open().await?;
    let first = new_key()?;
    sign_in(&window, &first, "First").await?;
    window
        .drag_files(&[put(&home, "private.csv", sales(50))?])
        .await?;
    wait_for_total(&window, 1).await?;
    let id = id_of(&window, "private.csv").await?;
    sign_out(&window).await?;
    let refused = invoke(&window, "list_files", json!({ "query": {} })).await?;
    assert_eq!(refused.unwrap_err()["code"], "not_signed_in");

    sign_in(&window, &new_key()?, "Second").await?;
    window.find("files-empty").await?;
    assert!(listed(&window).await?.is_empty());
    let stats = answer(&window, "stats", json!({})).await?;
    assert_eq!(
        (&stats["total_files"], &stats["total_size_bytes"]),
        (&json!(0), &json!(0))
    );

    // The first key's id, and one that nobody has, answer the same.
    for id in [id, 987_654_321] {
        for (command, arguments) in [
            ("file_details", json!({ "id": id })),
            ("delete_files", json!({ "ids": [id] })),
            ("restore_from_trash", json!({ "ids": [id] })),
            (
                "plan_conversion",
                json!({ "id": id, "request": { "to": "parquet", "options": {} } }),
            ),
            ("inspect_file", json!({ "id": id, "options": {} })),
            ("open_grid", json!({ "of": { "file": id }, "options": {} })),
            ("add_table", json!({ "fileId": id, "name": null })),
        ] {
            let code = refused_with(&window, command, arguments).await?;
            assert_eq!(code, "not_found", "{command} of {id}");
        }
        // As jobs, they may be taken and then fail.
        for (command, arguments) in [
            (
                "convert_file",
                json!({ "id": id, "request": { "to": "parquet", "options": {} } }),
            ),
            ("verify_files", json!({ "ids": [id] })),
        ] {
            let error = match invoke(&window, command, arguments).await? {
                Ok(job) => ended_with(&window, job.as_str().unwrap_or_default()).await?,
                Err(error) => error,
            };
            assert_eq!(error["code"], "not_found", "{command} of {id}: {error}");
        }
    }
    let page = window
        .execute("return document.documentElement.outerHTML")
        .await?;
    assert!(!page.to_string().contains("private.csv"));

    // And the first finds everything as it was.
    sign_out(&window).await?;
    sign_in(&window, &first, "First").await?;
    wait_for_total(&window, 1).await?;
    wait_for_row(&window, "private.csv").await?;
    window.quit().await
}
