//! What keeps a backup honest, in the real window: checks and drills whose outcome is the headline,
//! keep rules, and the bucket's own.
#![cfg(target_os = "linux")]

mod window_support;

use anyhow::{Result, ensure};
use redline_tests::{
    s3::{Options, TestS3},
    window::{Desktop, Window},
};
use serde_json::json;
use window_support::*;

/// A store of two files with one restore point, and nothing that begins by itself.
async fn backed_up(desktop: &Desktop, window: &Window<'_>, s3: &TestS3) -> Result<()> {
    let home = desktop.scratch("my files")?;
    sign_in(window, &new_key()?, "Research desk").await?;
    nothing_by_itself(window).await?;
    window
        .drag_files(&[
            put(&home, "sales.csv", sales(500))?,
            put(&home, "notes.txt", "a line\n")?,
        ])
        .await?;
    wait_for_total(window, 2).await?;
    set_up_bucket(window, s3).await?;
    back_up_again(window, 1).await
}

async fn run_check(window: &Window<'_>, kind: &str, job: &str) -> Result<()> {
    click_css(
        window,
        &format!("[data-testid=proof][data-kind={kind}] [data-testid=proof-run]:not(:disabled)"),
    )
    .await?;
    wait_for_job(window, job).await?;
    wait_within(
        window,
        WORK,
        &format!(
            "document.querySelector('[data-testid=proof][data-kind={kind}] [data-testid=proof-last]')?.dataset.ok === 'true'"
        ),
    )
    .await
}

#[tokio::test]
async fn a_check_says_that_all_is_there_and_a_drill_becomes_the_headline() -> Result<()> {
    let desktop = Desktop::start()?;
    let s3 = TestS3::start(Options::default())?;
    let mut window = desktop.open().await?;
    backed_up(&desktop, &window, &s3).await?;
    wait_for_words(&window, "backup-headline", "not proven yet").await?;

    show(&window, "proof").await?;
    window.find("proof").await?;
    run_check(&window, "quick", "check_backup").await?;
    // That objects are there proves nothing of what is in them.
    show(&window, "overview").await?;
    wait_for_words(&window, "backup-headline", "not proven yet").await?;

    show(&window, "proof").await?;
    run_check(&window, "drill", "drill").await?;
    show(&window, "overview").await?;
    wait_for_words(&window, "backup-proven", "Proven restorable").await?;

    // An object that is gone is found, and the headline says so.
    let object = s3
        .objects()
        .into_iter()
        .map(|(key, _)| key)
        .find(|key| key.contains("/.redline/objects/"))
        .expect("a backup has objects");
    s3.remove(&object);
    show(&window, "proof").await?;
    click_css(
        &window,
        "[data-testid=proof][data-kind=quick] [data-testid=proof-run]:not(:disabled)",
    )
    .await?;
    wait_within(
        &window,
        WORK,
        "document.querySelector('[data-testid=proof][data-kind=quick] [data-testid=proof-last]')?.dataset.ok === 'false'",
    )
    .await?;
    show(&window, "overview").await?;
    wait_for_words(&window, "backup-headline", "Not restorable in full").await?;
    window.quit().await
}

#[tokio::test]
async fn keep_rules_show_what_they_would_drop_before_they_are_in_force() -> Result<()> {
    let desktop = Desktop::start()?;
    let s3 = TestS3::start(Options::default())?;
    let mut window = desktop.open().await?;
    backed_up(&desktop, &window, &s3).await?;
    go(&window, "files").await?;
    let home = desktop.scratch("my files")?;
    window
        .drag_files(&[put(&home, "later.csv", sales(20))?])
        .await?;
    wait_for_total(&window, 3).await?;
    back_up_again(&window, 2).await?;

    show(&window, "keep").await?;
    window.click("retention-rules").await?;
    for (rule, kept) in [
        ("last", "1"),
        ("daily", "0"),
        ("weekly", "0"),
        ("monthly", "0"),
    ] {
        window.fill(&format!("retention-{rule}"), kept).await?;
    }
    wait_within(
        &window,
        WORK,
        "document.querySelector('[data-testid=retention-plan]')?.dataset.dropped === '1'",
    )
    .await?;
    wait_for_words(&window, "retention-save", "drop 1").await?;
    let status = answer(&window, "backup_status", json!({})).await?;
    assert_eq!(status["retention"], json!(null), "only planned so far");

    click_enabled(&window, "retention-save").await?;
    wait_for_words(&window, "toast", "keep rules are in force").await?;
    let status = answer(&window, "backup_status", json!({})).await?;
    assert_eq!(
        status["retention"],
        json!({ "last": 1, "daily": 0, "weekly": 0, "monthly": 0 })
    );

    // Marked first; both points stay until a day has passed.
    click_enabled(&window, "retention-run").await?;
    wait_for_job(&window, "retention").await?;
    let marks = s3
        .objects()
        .iter()
        .filter(|(key, _)| key.contains("/.redline/marks/"))
        .count();
    ensure!(marks > 0, "nothing was marked");
    let points = answer(&window, "restore_points", json!({})).await?;
    assert_eq!(points.as_array().map(Vec::len), Some(2));
    window.quit().await
}

#[tokio::test]
async fn versions_are_switched_on_and_a_rule_is_merged_into_the_buckets_own() -> Result<()> {
    let desktop = Desktop::start()?;
    let s3 = TestS3::start(Options::default())?;
    let mut window = desktop.open().await?;
    backed_up(&desktop, &window, &s3).await?;
    show(&window, "bucket").await?;
    wait_for_versioning(&window, "off").await?;
    click_enabled(&window, "versioning-on").await?;
    window.click("versioning-confirm").await?;
    wait_for_versioning(&window, "on").await?;
    wait_for_words(&window, "bucket-versioning", "Proven").await?;
    let rules = answer(&window, "bucket_rules", json!({})).await?;
    assert_eq!(
        (&rules["versioning"], &rules["versioning_proven"]),
        (&json!("on"), &json!(true)),
        "{rules}"
    );

    // Its effects are said before it is there.
    click_enabled(&window, "own-rule-open").await?;
    window.find_within("own-rule-effects", WORK).await?;
    let before = answer(&window, "bucket_rules", json!({})).await?;
    assert_eq!(before["own_rule"], json!(null));
    click_enabled(&window, "own-rule-save").await?;
    wait_within(
        &window,
        WORK,
        "document.querySelector('[data-testid=bucket-rule][data-ours=true]')",
    )
    .await?;
    let after = answer(&window, "bucket_rules", json!({})).await?;
    assert_eq!(after["own_rule"]["abort_uploads_days"], json!(7), "{after}");
    window.quit().await
}

async fn wait_for_versioning(window: &Window<'_>, state: &str) -> Result<()> {
    wait_within(
        window,
        WORK,
        &format!(
            "document.querySelector('[data-testid=bucket-versioning]')?.dataset.state === '{state}'"
        ),
    )
    .await
}
