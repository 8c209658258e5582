//! The backup screen: a bucket set up, backups made, what a page of it says.

use anyhow::Result;
use redline_tests::{
    s3::{ACCESS_KEY, REGION, SECRET_KEY, TestS3},
    window::{Desktop, Window},
};
use serde_json::json;

use super::{WORK, answer, click_enabled, go, put, wait_for_job, wait_within};

/// Sets up the test server's bucket on the backup screen.
pub async fn set_up_bucket(window: &Window<'_>, s3: &TestS3) -> Result<()> {
    go(window, "backup").await?;
    fill_bucket(window, s3).await?;
    window.click("backup-save").await?;
    window.find_within("backup-bucket", WORK).await?;
    Ok(())
}

/// As [`set_up_bucket`], with everything encrypted before it is sent.
pub async fn set_up_encrypted(window: &Window<'_>, s3: &TestS3, passphrase: &str) -> Result<()> {
    go(window, "backup").await?;
    fill_bucket(window, s3).await?;
    choose_encryption(window, passphrase).await?;
    window.click("backup-save").await?;
    window.find_within("backup-bucket", WORK).await?;
    Ok(())
}

/// Fills in the form of the backup screen, which is shown.
pub async fn fill_bucket(window: &Window<'_>, s3: &TestS3) -> Result<()> {
    window.click("backup-provider-other").await?;
    window.fill("backup-bucket-name", s3.bucket()).await?;
    window.fill("backup-region", REGION).await?;
    window.fill("backup-endpoint", &s3.endpoint()).await?;
    window.fill("backup-access-key", ACCESS_KEY).await?;
    window.fill("backup-secret-key", SECRET_KEY).await
}

/// Gives this machine an AWS profile with the keys of the test server, and where that is.
pub fn put_aws_profile(desktop: &Desktop, name: &str, s3: &TestS3) -> Result<()> {
    let folder = desktop.home().join(".aws");
    let (endpoint, region) = (s3.endpoint(), REGION);
    put(
        &folder,
        "config",
        format!("[profile {name}]\nregion = {region}\nendpoint_url = {endpoint}\n"),
    )?;
    put(
        &folder,
        "credentials",
        format!(
            "[{name}]\naws_access_key_id = {ACCESS_KEY}\naws_secret_access_key = {SECRET_KEY}\n"
        ),
    )?;
    Ok(())
}

/// Opens the choice in that form, and types a passphrase twice.
pub async fn choose_encryption(window: &Window<'_>, passphrase: &str) -> Result<()> {
    window.click("backup-encrypt-open").await?;
    window.click("backup-encrypt-on").await?;
    window.fill("passphrase", passphrase).await?;
    window.fill("passphrase-again", passphrase).await
}

/// Neither backups nor checks begin by themselves: a test says when.
pub async fn nothing_by_itself(window: &Window<'_>) -> Result<()> {
    let mut settings = answer(window, "app_state", json!({})).await?["settings"].clone();
    settings["auto_backup"] = json!(false);
    answer(window, "save_settings", json!({ "settings": settings })).await?;
    let never = json!({ "quick_days": 0, "deep_days": 0, "drill_days": 0 });
    answer(window, "set_check_schedule", json!({ "schedule": never })).await?;
    Ok(())
}

pub async fn back_up(window: &Window<'_>) -> Result<()> {
    go(window, "backup").await?;
    window.click("backup-run").await?;
    window.find_within("restore-point", WORK).await?;
    wait_for_job(window, "backup").await
}

/// Backs up, after which there are so many restore points.
pub async fn back_up_again(window: &Window<'_>, points: usize) -> Result<()> {
    go(window, "backup").await?;
    click_enabled(window, "backup-run").await?;
    wait_within(
        window,
        WORK,
        &format!(
            "document.querySelector('[data-testid=restore-points]')?.dataset.total === '{points}'"
        ),
    )
    .await?;
    wait_for_job(window, "backup").await
}

/// Shows a page of the backup screen: overview, proof, keep, bucket.
pub async fn show(window: &Window<'_>, view: &str) -> Result<()> {
    go(window, "backup").await?;
    window.click(&format!("backup-view-{view}")).await
}

/// Asks for what a restore of the newest point would do.
pub async fn ask_restore(window: &Window<'_>) -> Result<()> {
    // The button works once the bucket has been listed.
    window.find_within("restore-point", WORK).await?;
    click_enabled(window, "restore-latest").await?;
    window.find_within("restore-new", WORK).await?;
    Ok(())
}
