//! The convert and history screens.

use std::collections::BTreeMap;

use redline_core::{
    Code, ConversionPlanView, ConversionRequest, ConversionView, CoreError, FormatView, MergeBy,
    OptionView, PresetView, ProfileReport,
};
use tauri::{AppHandle, State};

use crate::shell::{Answer, Shell, blocking};
use crate::{dialogs, kit};

#[tauri::command]
pub async fn formats() -> Answer<Vec<FormatView>> {
    Ok(redline_core::formats())
}

#[tauri::command]
pub async fn conversion_options(from: String, to: String) -> Answer<Vec<OptionView>> {
    Ok(redline_core::conversion_options(&from, &to))
}

#[tauri::command]
pub async fn plan_conversion(
    shell: State<'_, Shell>,
    id: i64,
    request: ConversionRequest,
) -> Answer<ConversionPlanView> {
    shell
        .with_session(move |session| session.plan_conversion(id, &request))
        .await
}

#[tauri::command]
pub async fn convert_file(
    shell: State<'_, Shell>,
    id: i64,
    request: ConversionRequest,
) -> Answer<String> {
    shell
        .with_session(move |session| session.convert(id, &request))
        .await
}

#[tauri::command]
pub async fn plan_merge(
    shell: State<'_, Shell>,
    ids: Vec<i64>,
    request: ConversionRequest,
    by: MergeBy,
    map: Vec<(String, String)>,
) -> Answer<ConversionPlanView> {
    shell
        .with_session(move |session| session.plan_merge(&ids, &request, by, &map))
        .await
}

#[tauri::command]
pub async fn merge_files(
    shell: State<'_, Shell>,
    ids: Vec<i64>,
    request: ConversionRequest,
    by: MergeBy,
    map: Vec<(String, String)>,
) -> Answer<String> {
    shell
        .with_session(move |session| session.merge(&ids, &request, by, &map))
        .await
}

#[tauri::command]
pub async fn rerun_conversion(shell: State<'_, Shell>, id: i64) -> Answer<String> {
    shell.with_session(move |session| session.rerun(id)).await
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

/// Asks where to, and whether to replace what is there. False when nothing was chosen.
#[tauri::command]
pub async fn save_certificate(
    app: AppHandle,
    shell: State<'_, Shell>,
    conversion_id: i64,
) -> Answer<bool> {
    let (name, text) = shell
        .with_session(move |session| {
            let conversion = session.conversion(conversion_id)?;
            let name = format!("{} certificate.json", conversion.output_name);
            Ok((name, session.certificate_text(conversion_id)?))
        })
        .await?;
    let Some(path) = dialogs::place_for(&app, "Save the certificate", &name).await else {
        return Ok(false);
    };
    blocking(move || {
        kit::write(&path, &text).map_err(|error| {
            CoreError::new(
                Code::ReadOnly,
                format!("Could not save the certificate: {}.", error.kind()),
                "Choose another place.",
            )
        })?;
        Ok(true)
    })
    .await
}

#[tauri::command]
pub async fn inspect_file(
    shell: State<'_, Shell>,
    id: i64,
    options: BTreeMap<String, String>,
) -> Answer<ProfileReport> {
    shell
        .with_session(move |session| session.inspect(id, &options, &()))
        .await
}

#[tauri::command]
pub async fn presets(shell: State<'_, Shell>) -> Answer<Vec<PresetView>> {
    shell.with_session(|session| Ok(session.presets())).await
}

#[tauri::command]
pub async fn save_preset(shell: State<'_, Shell>, preset: PresetView) -> Answer<Vec<PresetView>> {
    shell
        .with_session(move |session| session.save_preset(preset))
        .await
}

#[tauri::command]
pub async fn delete_preset(shell: State<'_, Shell>, name: String) -> Answer<Vec<PresetView>> {
    shell
        .with_session(move |session| session.delete_preset(&name))
        .await
}
