//! The backup screen. The bucket's keys come in here and never go out.

use redline_core::{
    AwsProfileView, BackupPlanView, BackupStatus, BucketRulesView, BucketSetup, BucketView,
    CheckSchedule, EncryptionView, FileBackupsView, FileContent, FileVersionsView, FreeReport,
    FreeRule, KeepRules, LinkView, OwnRule, OwnRulePlanView, PointChangesView, RestorePlanView,
    RestorePointView, RestoreRequest, RetentionPlanView, TransferView,
};
use tauri::{AppHandle, State};

use crate::dialogs;
use crate::shell::{Answer, Shell};

#[tauri::command]
pub async fn backup_status(shell: State<'_, Shell>) -> Answer<BackupStatus> {
    shell.with_session(|session| session.backup_status()).await
}

/// What the last restore point has of the files of a page. Null without a bucket.
#[tauri::command]
pub async fn file_backups(
    shell: State<'_, Shell>,
    files: Vec<FileContent>,
) -> Answer<Option<FileBackupsView>> {
    shell
        .with_session(move |session| session.file_backups(&files))
        .await
}

/// What some restore points have of a file beside the contents that are known already.
#[tauri::command]
pub async fn file_versions(
    shell: State<'_, Shell>,
    relative_path: String,
    known: Vec<String>,
    older_than: Option<String>,
) -> Answer<FileVersionsView> {
    shell
        .with_session(move |session| {
            session.file_versions(&relative_path, &known, older_than.as_deref())
        })
        .await
}

#[tauri::command]
pub async fn set_bucket(shell: State<'_, Shell>, setup: BucketSetup) -> Answer<BucketView> {
    shell
        .with_session(|session| session.set_bucket(setup))
        .await
}

/// Their names, and where their buckets are: never a key.
#[tauri::command]
pub async fn aws_profiles(shell: State<'_, Shell>) -> Answer<Vec<AwsProfileView>> {
    shell.with_session(|session| session.aws_profiles()).await
}

/// Asks for a `.env` file and reads it once. Null when none was chosen.
#[tauri::command]
pub async fn set_bucket_from_env(
    app: AppHandle,
    shell: State<'_, Shell>,
    recovery_passphrase: Option<String>,
) -> Answer<Option<BucketView>> {
    let Some(file) = dialogs::one_file(&app, "Read the S3 settings of a .env file").await else {
        return Ok(None);
    };
    shell
        .with_session(move |session| {
            session
                .set_bucket_from_env_file(Some(file.as_path()), None, recovery_passphrase)
                .map(Some)
        })
        .await
}

#[tauri::command]
pub async fn probe_bucket(shell: State<'_, Shell>) -> Answer<BucketView> {
    shell.with_session(|session| session.probe_bucket()).await
}

#[tauri::command]
pub async fn clear_bucket(shell: State<'_, Shell>) -> Answer<()> {
    shell.with_session(|session| session.clear_bucket()).await
}

#[tauri::command]
pub async fn encryption(shell: State<'_, Shell>) -> Answer<EncryptionView> {
    shell.with_session(|session| session.encryption()).await
}

#[tauri::command]
pub async fn turn_on_encryption(
    shell: State<'_, Shell>,
    passphrase: String,
) -> Answer<EncryptionView> {
    shell
        .with_session(move |session| session.turn_on_encryption(passphrase))
        .await
}

#[tauri::command]
pub async fn unlock_encryption(
    shell: State<'_, Shell>,
    passphrase: String,
) -> Answer<EncryptionView> {
    shell
        .with_session(move |session| session.unlock_encryption(passphrase))
        .await
}

#[tauri::command]
pub async fn change_passphrase(
    shell: State<'_, Shell>,
    passphrase: String,
) -> Answer<EncryptionView> {
    shell
        .with_session(move |session| session.change_passphrase(passphrase))
        .await
}

#[tauri::command]
pub async fn plan_backup(shell: State<'_, Shell>) -> Answer<BackupPlanView> {
    shell.with_session(|session| session.plan_backup()).await
}

#[tauri::command]
pub async fn run_backup(shell: State<'_, Shell>, confirm_removals: Option<bool>) -> Answer<String> {
    shell
        .with_session(move |session| match confirm_removals {
            Some(true) => session.backup_confirmed(),
            _ => session.backup(),
        })
        .await
}

#[tauri::command]
pub async fn restore_points(shell: State<'_, Shell>) -> Answer<Vec<RestorePointView>> {
    shell.with_session(|session| session.restore_points()).await
}

#[tauri::command]
pub async fn plan_restore(
    shell: State<'_, Shell>,
    at: Option<String>,
    only: Option<Vec<String>>,
    paths: Option<Vec<String>>,
) -> Answer<RestorePlanView> {
    let request = wanted(at, only, paths);
    shell
        .with_session(move |session| session.plan_restore(&request))
        .await
}

#[tauri::command]
pub async fn run_restore(
    shell: State<'_, Shell>,
    at: Option<String>,
    only: Option<Vec<String>>,
    paths: Option<Vec<String>>,
) -> Answer<String> {
    let request = wanted(at, only, paths);
    shell
        .with_session(move |session| session.restore(request))
        .await
}

#[tauri::command]
pub async fn transfer(shell: State<'_, Shell>) -> Answer<TransferView> {
    shell.with_session(|session| Ok(session.transfer())).await
}

#[tauri::command]
pub async fn pause_transfers(shell: State<'_, Shell>, paused: bool) -> Answer<TransferView> {
    shell
        .with_session(move |session| Ok(session.pause_transfers(paused)))
        .await
}

#[tauri::command]
pub async fn undo_restore(shell: State<'_, Shell>) -> Answer<String> {
    shell.with_session(|session| session.undo_restore()).await
}

#[tauri::command]
pub async fn point_changes(shell: State<'_, Shell>, id: String) -> Answer<PointChangesView> {
    shell
        .with_session(move |session| session.point_changes(&id))
        .await
}

#[tauri::command]
pub async fn check_backup(
    shell: State<'_, Shell>,
    deep: bool,
    at: Option<String>,
) -> Answer<String> {
    shell
        .with_session(move |session| session.check_backup(deep, at.as_deref()))
        .await
}

#[tauri::command]
pub async fn drill_backup(shell: State<'_, Shell>) -> Answer<String> {
    shell.with_session(|session| session.drill_backup()).await
}

#[tauri::command]
pub async fn set_check_schedule(shell: State<'_, Shell>, schedule: CheckSchedule) -> Answer<()> {
    shell
        .with_session(move |session| session.set_check_schedule(schedule))
        .await
}

#[tauri::command]
pub async fn plan_retention(
    shell: State<'_, Shell>,
    rules: KeepRules,
) -> Answer<RetentionPlanView> {
    shell
        .with_session(move |session| session.plan_retention(rules))
        .await
}

#[tauri::command]
pub async fn set_retention(shell: State<'_, Shell>, rules: Option<KeepRules>) -> Answer<()> {
    shell
        .with_session(move |session| session.set_retention(rules))
        .await
}

#[tauri::command]
pub async fn run_retention(shell: State<'_, Shell>) -> Answer<String> {
    shell.with_session(|session| session.run_retention()).await
}

#[tauri::command]
pub async fn link_file(
    shell: State<'_, Shell>,
    id: i64,
    expires_s: Option<u64>,
) -> Answer<LinkView> {
    shell
        .with_session(move |session| {
            session.link_file(id, expires_s.map(std::time::Duration::from_secs))
        })
        .await
}

#[tauri::command]
pub async fn free_files(shell: State<'_, Shell>, ids: Vec<i64>) -> Answer<String> {
    shell
        .with_session(move |session| session.free_files(ids))
        .await
}

#[tauri::command]
pub async fn fetch_files(shell: State<'_, Shell>, ids: Vec<i64>) -> Answer<String> {
    shell
        .with_session(move |session| session.fetch_files(ids))
        .await
}

#[tauri::command]
pub async fn plan_free(shell: State<'_, Shell>, rule: FreeRule) -> Answer<FreeReport> {
    shell
        .with_session(move |session| session.plan_free_now(rule))
        .await
}

#[tauri::command]
pub async fn free_rule(shell: State<'_, Shell>) -> Answer<Option<FreeRule>> {
    shell.with_session(|session| Ok(session.free_rule())).await
}

#[tauri::command]
pub async fn set_free_rule(shell: State<'_, Shell>, rule: Option<FreeRule>) -> Answer<()> {
    shell
        .with_session(move |session| session.set_free_rule(rule))
        .await
}

#[tauri::command]
pub async fn bucket_rules(shell: State<'_, Shell>) -> Answer<BucketRulesView> {
    shell.with_session(|session| session.bucket_rules()).await
}

#[tauri::command]
pub async fn set_versioning(shell: State<'_, Shell>, on: bool) -> Answer<BucketRulesView> {
    shell
        .with_session(move |session| session.set_versioning(on))
        .await
}

#[tauri::command]
pub async fn plan_own_rule(
    shell: State<'_, Shell>,
    rule: Option<OwnRule>,
) -> Answer<OwnRulePlanView> {
    shell
        .with_session(move |session| session.plan_own_rule(rule))
        .await
}

#[tauri::command]
pub async fn set_own_rule(
    shell: State<'_, Shell>,
    rule: Option<OwnRule>,
) -> Answer<BucketRulesView> {
    shell
        .with_session(move |session| session.set_own_rule(rule))
        .await
}

#[tauri::command]
pub async fn bucket_policy(shell: State<'_, Shell>, bucket: Option<String>) -> Answer<String> {
    shell
        .with_session(move |session| session.bucket_policy(bucket.as_deref()))
        .await
}

fn wanted(
    at: Option<String>,
    only: Option<Vec<String>>,
    paths: Option<Vec<String>>,
) -> RestoreRequest {
    RestoreRequest {
        at,
        only: only.unwrap_or_default(),
        paths: paths.unwrap_or_default(),
    }
}
