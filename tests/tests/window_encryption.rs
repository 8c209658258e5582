//! Encryption before sending, in the real window: chosen at set-up, nothing in the clear in the
//! bucket, and the recovery passphrase as the only way in on another machine.
#![cfg(target_os = "linux")]

mod window_support;

use std::fs;

use anyhow::{Context, Result, ensure};
use redline_tests::{
    s3::{Options, TestS3},
    window::Desktop,
};
use serde_json::json;
use window_support::*;

const PASSPHRASE: &str = "four plain words for a test";
const NEXT: &str = "and five other words after that";

#[tokio::test]
async fn nothing_leaves_in_the_clear_and_the_passphrase_opens_it_elsewhere() -> Result<()> {
    let desktop = Desktop::start()?;
    let home = desktop.scratch("my files")?;
    let s3 = TestS3::start(Options::default())?;
    let key = new_key()?;
    let mut window = desktop.open().await?;
    sign_in(&window, &key, "Sealed").await?;
    nothing_by_itself(&window).await?;
    let content = sales(3000);
    window
        .drag_files(&[put(&home, "precious.csv", &content)?])
        .await?;
    wait_for_total(&window, 1).await?;

    // Too short, or typed two ways: nothing is saved.
    go(&window, "backup").await?;
    fill_bucket(&window, &s3).await?;
    choose_encryption(&window, "short").await?;
    window.find("backup-encrypt-costs").await?;
    ensure!(!window.find("backup-save").await?.is_enabled().await?);
    window.fill("passphrase", PASSPHRASE).await?;
    window.fill("passphrase-again", NEXT).await?;
    ensure!(!window.find("backup-save").await?.is_enabled().await?);
    window.fill("passphrase-again", PASSPHRASE).await?;
    click_enabled(&window, "backup-save").await?;
    window.find_within("backup-bucket", WORK).await?;
    back_up_again(&window, 1).await?;
    let status = answer(&window, "backup_status", json!({})).await?;
    assert_eq!(status["encryption"], "on");

    for (name, _) in s3.objects() {
        let bytes = s3.object(&name).unwrap_or_default();
        ensure!(
            !contains(&bytes, &content.as_bytes()[..200]),
            "{name} holds the file in the clear"
        );
    }
    // A link to it would open nothing.
    go(&window, "files").await?;
    click_row(&window, "precious.csv").await?;
    window.find_within("details-free", WORK).await?;
    assert_eq!(window.count("details-link").await?, 0);
    let id = id_of(&window, "precious.csv").await?;
    let link = json!({ "id": id, "expiresS": 3600 });
    assert_eq!(
        refused_with(&window, "link_file", link).await?,
        "unsupported"
    );

    // Another passphrase in the place of the first.
    show(&window, "bucket").await?;
    click_enabled(&window, "encryption-change").await?;
    window.fill("passphrase", NEXT).await?;
    window.fill("passphrase-again", NEXT).await?;
    click_enabled(&window, "encryption-confirm").await?;
    wait_within(
        &window,
        WORK,
        "!document.querySelector('[data-testid=encryption-dialog]')",
    )
    .await?;
    ensure_unseen(&window, &[PASSPHRASE, NEXT]).await?;
    ensure!(
        !window.log().contains(PASSPHRASE) && !window.log().contains(NEXT),
        "the log holds a passphrase"
    );
    window.quit().await?;

    let mut window = another_machine(&desktop, "elsewhere").await?;
    sign_in(&window, &key, "Came back").await?;
    nothing_by_itself(&window).await?;
    set_up_bucket(&window, &s3).await?;
    window.find_within("backup-locked", WORK).await?;
    wait_within(
        &window,
        WORK,
        "document.querySelector('[data-testid=restore-point]')?.dataset.state === 'locked'",
    )
    .await?;
    ensure!(!window.find("restore-latest").await?.is_enabled().await?);
    window.fill("unlock-passphrase", PASSPHRASE).await?;
    window.click("unlock-submit").await?;
    window.find_within("unlock-error", WORK).await?;
    window.fill("unlock-passphrase", NEXT).await?;
    window.click("unlock-submit").await?;
    wait_within(
        &window,
        WORK,
        "document.querySelector('[data-testid=restore-point]')?.dataset.state === 'ready'",
    )
    .await?;
    window.wait_gone("backup-locked").await?;
    ask_restore(&window).await?;
    window.click("restore-run").await?;
    wait_for_job(&window, "restore").await?;
    let back = find_file(&desktop.home().join("elsewhere"), "precious.csv")
        .context("the file is not in the second store")?;
    assert_eq!(fs::read_to_string(back)?, content);
    window.quit().await
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}
