//! The progress tray.

use redline_core::JobView;
use tauri::State;

use crate::shell::{Answer, Shell};

#[tauri::command]
pub async fn jobs(shell: State<'_, Shell>) -> Answer<Vec<JobView>> {
    shell.with_session(|session| Ok(session.jobs())).await
}

#[tauri::command]
pub async fn cancel_job(shell: State<'_, Shell>, id: String) -> Answer<()> {
    shell
        .with_session(move |session| session.cancel_job(&id))
        .await
}

#[tauri::command]
pub async fn dismiss_job(shell: State<'_, Shell>, id: String) -> Answer<()> {
    shell
        .with_session(move |session| session.dismiss_job(&id))
        .await
}
