//! What belongs to this machine rather than to a store.

use redline_core::{DoctorCheck, ServerStatus};
use tauri::ipc::Channel;
use tauri::{AppHandle, State};

use crate::drops;
use crate::events::{Ear, Said};
use crate::ready::Ready;
use crate::shell::{Answer, Shell};

#[tauri::command]
pub async fn doctor(shell: State<'_, Shell>) -> Answer<Vec<DoctorCheck>> {
    shell.with_core(|core| Ok(core.doctor())).await
}

#[tauri::command]
pub async fn server_status(shell: State<'_, Shell>) -> Answer<ServerStatus> {
    Ok(shell.server().status())
}

#[tauri::command]
pub async fn start_server(shell: State<'_, Shell>, port: u16) -> Answer<ServerStatus> {
    let switch = shell.inner().clone();
    shell
        .with_core(move |core| switch.server().start(core, port))
        .await
}

#[tauri::command]
pub async fn stop_server(shell: State<'_, Shell>) -> Answer<ServerStatus> {
    let switch = shell.inner().clone();
    shell.with_core(move |_| Ok(switch.server().stop())).await
}

/// The page listens here to what the app says without being asked.
#[tauri::command]
pub fn subscribe(ear: State<'_, Ear>, channel: Channel<Said>) {
    ear.lend(channel);
}

/// The page has painted its data and listens to events.
#[tauri::command]
pub async fn window_ready(app: AppHandle, ready: State<'_, Ready>) -> Answer<()> {
    ready.now();
    drops::deliver(&app);
    Ok(())
}
