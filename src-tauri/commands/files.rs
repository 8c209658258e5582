//! The files screen. Files come in by token and are named by id.

use redline_core::{
    FilePage, FileQuery, FileView, OfferedPath, OnDuplicate, StoreStats, TypeCount,
};
use tauri::{AppHandle, State};

use crate::dialogs::{self, Pick};
use crate::shell::{Answer, Shell};

#[tauri::command]
pub async fn list_files(shell: State<'_, Shell>, query: FileQuery) -> Answer<FilePage> {
    shell
        .with_session(move |session| session.list(&query))
        .await
}

#[tauri::command]
pub async fn file_counts(shell: State<'_, Shell>) -> Answer<Vec<TypeCount>> {
    shell.with_session(|session| session.counts()).await
}

#[tauri::command]
pub async fn file_details(shell: State<'_, Shell>, id: i64) -> Answer<FileView> {
    shell.with_session(move |session| session.file(id)).await
}

#[tauri::command]
pub async fn pick_files(app: AppHandle) -> Answer<Vec<OfferedPath>> {
    Ok(dialogs::pick(&app, Pick::Files).await)
}

#[tauri::command]
pub async fn pick_folders(app: AppHandle) -> Answer<Vec<OfferedPath>> {
    Ok(dialogs::pick(&app, Pick::Folders).await)
}

#[tauri::command]
pub async fn import_offered(
    shell: State<'_, Shell>,
    tokens: Vec<String>,
    on_duplicate: Option<OnDuplicate>,
) -> Answer<String> {
    let desk = shell.inner().clone();
    shell
        .with_session(move |session| {
            let known_to_core = |token: &str| session.source_of(token);
            let sources = desk.offered().redeem(&tokens, known_to_core)?;
            session.import(sources, on_duplicate)
        })
        .await
}

/// Asks where, and starts the job. Null when no folder was chosen.
#[tauri::command]
pub async fn save_copies(
    app: AppHandle,
    shell: State<'_, Shell>,
    ids: Vec<i64>,
) -> Answer<Option<String>> {
    let Some(folder) = dialogs::folder_for_copies(&app, ids.len()).await else {
        return Ok(None);
    };
    shell
        .with_session(move |session| session.export(&ids, &folder).map(Some))
        .await
}

#[tauri::command]
pub async fn delete_files(shell: State<'_, Shell>, ids: Vec<i64>) -> Answer<u64> {
    shell
        .with_session(move |session| session.delete(&ids))
        .await
}

/// How many came back.
#[tauri::command]
pub async fn restore_from_trash(shell: State<'_, Shell>, ids: Vec<i64>) -> Answer<usize> {
    shell
        .with_session(move |session| Ok(session.undelete(&ids)?.len()))
        .await
}

/// How many files were removed for good.
#[tauri::command]
pub async fn empty_trash(shell: State<'_, Shell>) -> Answer<u64> {
    shell
        .with_session(|session| session.empty_trash().map(|(files, _bytes)| files))
        .await
}

#[tauri::command]
pub async fn verify_files(shell: State<'_, Shell>, ids: Option<Vec<i64>>) -> Answer<String> {
    shell.with_session(move |session| session.verify(ids)).await
}

#[tauri::command]
pub async fn stats(shell: State<'_, Shell>) -> Answer<StoreStats> {
    shell.with_session(|session| session.stats()).await
}
