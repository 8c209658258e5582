//! The backup in the real window, against a real S3 server: there and back on an empty machine,
//! one file out of an older restore point, and a network that goes.
#![cfg(target_os = "linux")]

mod window_support;

use std::fs;

use anyhow::{Context, Result, ensure};
use redline_tests::{
    s3::{Options, SECRET_KEY, TestS3},
    window::{Desktop, Window},
};
use serde_json::json;
use window_support::*;

#[tokio::test]
async fn a_backup_comes_back_on_an_empty_machine() -> Result<()> {
    let desktop = Desktop::start()?;
    let home = desktop.scratch("my files")?;
    let s3 = TestS3::start(Options::default())?;
    let key = new_key()?;
    let mut window = desktop.open().await?;
    sign_in(&window, &key, "Backed up").await?;
    let content = sales(3000);
    window
        .drag_files(&[
            put(&home, "precious.csv", &content)?,
            put(&home, "small.txt", "x")?,
        ])
        .await?;
    wait_for_total(&window, 2).await?;
    set_up_bucket(&window, &s3).await?;
    back_up(&window).await?;
    // Its objects are plain: the file's own name and bytes.
    let (name, _) = s3
        .objects()
        .into_iter()
        .find(|(name, _)| name.ends_with("/files/precious.csv"))
        .context("the bucket does not hold the file under its own name")?;
    assert_eq!(s3.object(&name).as_deref(), Some(content.as_bytes()));
    let places = [
        desktop.home().to_string_lossy().into_owned(),
        key.clone(),
        SECRET_KEY.to_owned(),
    ];
    ensure_unseen(&window, &[&places[0], &places[1], &places[2]]).await?;
    ensure!(
        !window.log().contains(SECRET_KEY),
        "the log holds the bucket's secret"
    );
    window.quit().await?;

    let mut window = another_machine(&desktop, "elsewhere").await?;
    sign_in(&window, &key, "Came back").await?;
    window.find("files-empty").await?;
    set_up_bucket(&window, &s3).await?;
    ask_restore(&window).await?;
    wait_for_words(&window, "restore-new", "2").await?;
    window.click("restore-run").await?;
    wait_for_job(&window, "restore").await?;
    go(&window, "files").await?;
    wait_for_total(&window, 2).await?;
    wait_for_row(&window, "precious.csv").await?;
    // What came from the newest restore point is in it.
    wait_for_backup(&window, "precious.csv", "backed_up").await?;
    let store = desktop.home().join("elsewhere");
    let back = find_file(&store, "precious.csv").context("the file is not in the second store")?;
    assert_eq!(fs::read_to_string(back)?, content);
    go(&window, "backup").await?;
    window.find("backup-proven").await?;
    window.quit().await
}

#[tokio::test]
async fn one_file_comes_back_out_of_an_older_point_and_goes_again() -> Result<()> {
    let desktop = Desktop::start()?;
    let home = desktop.scratch("my files")?;
    let s3 = TestS3::start(Options::default())?;
    let mut window = desktop.open().await?;
    sign_in(&window, &new_key()?, "Restores").await?;
    nothing_by_itself(&window).await?;
    let (before, after) = (sales(40), sales(60));
    window
        .drag_files(&[
            put(&home, "prices.csv", &before)?,
            put(&home, "other.csv", "a\n1\n")?,
        ])
        .await?;
    wait_for_total(&window, 2).await?;
    set_up_bucket(&window, &s3).await?;
    back_up_again(&window, 1).await?;
    go(&window, "files").await?;
    wait_for_backup(&window, "prices.csv", "backed_up").await?;

    // Edited in place by another program, and noticed.
    let stored = find_file(&desktop.data_dir(), "prices.csv").context("it is stored")?;
    edit_stored(&window, &stored, "prices.csv", &after).await?;
    wait_for_backup(&window, "prices.csv", "changed").await?;
    wait_for_backup(&window, "other.csv", "backed_up").await?;
    back_up_again(&window, 2).await?;

    // The older point, and what is in it.
    let points = answer(&window, "restore_points", json!({})).await?;
    let older = points[1]["id"].as_str().context("there are two points")?;
    click_css(
        &window,
        &format!("[data-testid=restore-point][data-id=\"{older}\"]"),
    )
    .await?;
    click_css(
        &window,
        "[data-testid=point-restore-one][data-path=\"prices.csv\"]",
    )
    .await?;
    window.find_within("restore-plan", WORK).await?;
    wait_for_words(&window, "restore-differing", "1").await?;
    assert_eq!(fs::read_to_string(&stored)?, after, "only planned so far");
    click_enabled(&window, "restore-run").await?;
    wait_for_job(&window, "restore").await?;
    assert_eq!(fs::read_to_string(&stored)?, before);

    // And taken back.
    window.find_within("restore-undo", WORK).await?;
    click_enabled(&window, "restore-undo-run").await?;
    window.click("undo-confirm").await?;
    wait_for_job(&window, "undo_restore").await?;
    assert_eq!(fs::read_to_string(&stored)?, after);
    window.quit().await
}

#[tokio::test]
async fn a_file_leads_to_its_earlier_versions_and_back_to_one() -> Result<()> {
    let desktop = Desktop::start()?;
    let home = desktop.scratch("my files")?;
    let s3 = TestS3::start(Options::default())?;
    let mut window = desktop.open().await?;
    sign_in(&window, &new_key()?, "Versions").await?;
    nothing_by_itself(&window).await?;
    let (before, after) = (sales(40), sales(60));
    window
        .drag_files(&[put(&home, "prices.csv", &before)?])
        .await?;
    wait_for_total(&window, 1).await?;
    set_up_bucket(&window, &s3).await?;
    back_up_again(&window, 1).await?;
    let stored = find_file(&desktop.data_dir(), "prices.csv").context("it is stored")?;
    edit_stored(&window, &stored, "prices.csv", &after).await?;
    back_up_again(&window, 2).await?;

    go(&window, "files").await?;
    wait_for_backup(&window, "prices.csv", "backed_up").await?;
    click_row(&window, "prices.csv").await?;
    click_enabled(&window, "details-versions").await?;
    wait_for_words(&window, "versions-said", "All 2 restore points").await?;
    let points = answer(&window, "restore_points", json!({})).await?;
    let older = points[1]["id"].as_str().context("there are two points")?;
    click_css(
        &window,
        &format!("[data-testid=version][data-point=\"{older}\"] [data-testid=version-restore]"),
    )
    .await?;
    window.find_within("version-effect", WORK).await?;
    assert_eq!(fs::read_to_string(&stored)?, after, "only planned so far");
    click_enabled(&window, "version-run").await?;
    wait_for_job(&window, "restore").await?;
    assert_eq!(fs::read_to_string(&stored)?, before);
    window.quit().await
}

/// Waits until the list of files says so of one.
async fn wait_for_backup(window: &Window<'_>, name: &str, state: &str) -> Result<()> {
    go(window, "files").await?;
    wait_within(
        window,
        WORK,
        &format!(
            "document.querySelector('[data-testid=files-row][data-name=\"{name}\"]')?.dataset.backup === '{state}'"
        ),
    )
    .await
}
