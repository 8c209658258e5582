//! The backup screen. The bucket's keys come in here and never go out.

use redline_core::{
    BackupPlanView, BackupStatus, BucketSetup, BucketView, CheckSchedule, PointChangesView,
    RestorePlanView, RestorePointView, RestoreRequest, TransferView,
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
