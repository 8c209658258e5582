//! Signing in and out, profiles, settings. Keys and passphrases come in here and
//! never go out.

use redline_core::{AppState, Code, CoreError, SessionView, Settings, SignInRequest};
use tauri::{AppHandle, State};
use zeroize::Zeroizing;

use crate::dialogs;
use crate::kit;
use crate::shell::{Answer, Shell, blocking};

#[tauri::command]
pub async fn app_state(shell: State<'_, Shell>) -> Answer<AppState> {
    shell.with_core(|core| Ok(core.app_state())).await
}

#[tauri::command]
pub async fn retry_keyring(shell: State<'_, Shell>) -> Answer<AppState> {
    shell.with_core(|core| Ok(core.retry_keyring())).await
}

#[tauri::command]
pub async fn sign_in(shell: State<'_, Shell>, request: SignInRequest) -> Answer<SessionView> {
    shell
        .with_core(|core| Ok(core.sign_in(request)?.view()))
        .await
}

#[tauri::command]
pub async fn use_profile(
    shell: State<'_, Shell>,
    name: String,
    passphrase: Option<String>,
) -> Answer<SessionView> {
    let passphrase = passphrase.map(Zeroizing::new);
    shell
        .with_core(move |core| {
            let passphrase = passphrase.as_ref().map(|phrase| phrase.as_str());
            Ok(core.use_profile(&name, passphrase)?.view())
        })
        .await
}

#[tauri::command]
pub async fn sign_out(shell: State<'_, Shell>) -> Answer<AppState> {
    shell.with_core(|core| Ok(core.sign_out())).await
}

#[tauri::command]
pub async fn forget_profile(shell: State<'_, Shell>, name: String) -> Answer<AppState> {
    shell
        .with_core(move |core| core.forget_profile(&name))
        .await
}

#[tauri::command]
pub async fn rename_profile(
    shell: State<'_, Shell>,
    name: String,
    label: String,
) -> Answer<AppState> {
    shell
        .with_core(move |core| core.rename_profile(&name, &label))
        .await
}

/// Asks where, and writes the kit there. False when no place was chosen.
#[tauri::command]
pub async fn save_recovery_kit(app: AppHandle, shell: State<'_, Shell>) -> Answer<bool> {
    // Before the dialog, so that nobody chooses a place for nothing.
    let kit = shell
        .with_session(|session| Ok(Zeroizing::new(session.recovery_kit())))
        .await?;
    let title = "Save the recovery kit";
    let Some(path) = dialogs::place_for(&app, title, "Redline recovery kit.txt").await else {
        return Ok(false);
    };
    blocking(move || {
        kit::write(&path, &kit).map_err(|error| {
            CoreError::new(
                Code::ReadOnly,
                format!("Could not save the recovery kit: {}.", error.kind()),
                "Choose another folder, on a disk with space that you may write to.",
            )
        })
    })
    .await?;
    Ok(true)
}

#[tauri::command]
pub async fn save_settings(shell: State<'_, Shell>, settings: Settings) -> Answer<Settings> {
    shell.with_core(|core| core.save_settings(settings)).await
}
