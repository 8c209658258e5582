//! The backup screen. The bucket's keys come in here and never go out.

use redline_core::{
    BackupPlanView, BackupStatus, BucketSetup, BucketView, RestorePlanView, RestorePointView,
    TransferView,
};
use tauri::State;

use crate::shell::{Answer, Shell};

#[tauri::command]
pub async fn backup_status(shell: State<'_, Shell>) -> Answer<BackupStatus> {
    shell.with_session(|session| session.backup_status()).await
}

#[tauri::command]
pub async fn set_bucket(shell: State<'_, Shell>, setup: BucketSetup) -> Answer<BucketView> {
    shell
        .with_session(|session| session.set_bucket(setup))
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
pub async fn plan_backup(shell: State<'_, Shell>) -> Answer<BackupPlanView> {
    shell.with_session(|session| session.plan_backup()).await
}

#[tauri::command]
pub async fn run_backup(shell: State<'_, Shell>) -> Answer<String> {
    shell.with_session(|session| session.backup()).await
}

#[tauri::command]
pub async fn restore_points(shell: State<'_, Shell>) -> Answer<Vec<RestorePointView>> {
    shell.with_session(|session| session.restore_points()).await
}

#[tauri::command]
pub async fn plan_restore(shell: State<'_, Shell>, at: Option<String>) -> Answer<RestorePlanView> {
    shell
        .with_session(move |session| session.plan_restore(at.as_deref()))
        .await
}

#[tauri::command]
pub async fn run_restore(shell: State<'_, Shell>, at: Option<String>) -> Answer<String> {
    shell
        .with_session(move |session| session.restore(at.as_deref()))
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
