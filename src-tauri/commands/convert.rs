//! The convert and history screens.

use redline_core::{ConversionPlanView, ConversionView};
use tauri::State;

use crate::shell::{Answer, Shell};

#[tauri::command]
pub async fn plan_conversion(
    shell: State<'_, Shell>,
    id: i64,
    to: String,
) -> Answer<ConversionPlanView> {
    shell
        .with_session(move |session| session.plan_conversion(id, &to))
        .await
}

#[tauri::command]
pub async fn convert_file(shell: State<'_, Shell>, id: i64, to: String) -> Answer<String> {
    shell
        .with_session(move |session| session.convert(id, &to))
        .await
}

#[tauri::command]
pub async fn history(
    shell: State<'_, Shell>,
    limit: u64,
    offset: u64,
) -> Answer<Vec<ConversionView>> {
    shell
        .with_session(move |session| session.history(limit, offset))
        .await
}
