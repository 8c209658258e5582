//! The desktop app: starts the window and hands everything else on.
//!
//! This shell owns the window, the menu, native dialogs, drops and the adapters
//! between the page and `redline-core`. It holds no domain logic: what a file, a
//! store or a backup is, is decided below core. What it adds of its own is the
//! boundary: the page is given tokens and ids, never a path and never a secret.

#![cfg_attr(not(debug_assertions), windows_subsystem = "windows")]

mod arguments;
mod close;
mod commands;
mod dialogs;
mod drops;
mod events;
mod kit;
mod menu;
mod offered;
mod placement;
mod ready;
mod server;
mod shell;
mod window;

use std::process::ExitCode;

use tauri::Manager;

use crate::arguments::Launch;
use crate::ready::Ready;
use crate::shell::Shell;

fn main() -> ExitCode {
    let folder = std::env::current_dir().unwrap_or_default();
    let handed_over = match arguments::parse(std::env::args_os().skip(1), &folder) {
        Launch::Help => {
            print!("{}", arguments::HELP);
            return ExitCode::SUCCESS;
        }
        Launch::Version => {
            println!("redline-desktop {}", redline_core::version());
            return ExitCode::SUCCESS;
        }
        Launch::Unknown(option) => {
            eprint!("There is no option {option}.\n\n{}", arguments::HELP);
            return ExitCode::from(2);
        }
        Launch::Open(paths) => paths,
    };
    log_to_stderr();
    if !window::has_display() {
        eprintln!(
            "Could not open a window: there is no display.\n\
             hint: start Redline from a desktop session, or use the command line: redline --help"
        );
        return ExitCode::from(1);
    }
    match run(handed_over) {
        Ok(code) => end(code),
        Err(error) => {
            eprintln!("Could not open Redline's window: {error:#}");
            ExitCode::from(1)
        }
    }
}

/// Runs until the last window is closed; the process's exit code.
fn run(handed_over: Vec<std::path::PathBuf>) -> anyhow::Result<i32> {
    let mut single_instance =
        tauri_plugin_single_instance::Builder::new().callback(drops::second_launch);
    if let Some(name) = arguments::instance_name() {
        single_instance = single_instance.dbus_id(name);
    }
    let app = tauri::Builder::default()
        // Before the plugins: a second launch may call as soon as they are there.
        .manage(Shell::default())
        .manage(Ready::default())
        .manage(drops::Held::default())
        .manage(events::Ear::default())
        // First, so that a second launch ends before it touches a store.
        .plugin(single_instance.build())
        .plugin(tauri_plugin_dialog::init())
        .invoke_handler(commands::handler())
        .on_menu_event(|app, event| menu::chosen(app, event.id().as_ref()))
        .setup(move |app| {
            let shell = app.state::<Shell>();
            shell.open();
            events::forward(app.handle());
            shell.resume(app.handle());
            menu::attach(app.handle())?;
            window::create(app.handle(), shell.settings().theme)?;
            drops::accept(app.handle(), handed_over);
            Ok(())
        })
        .build(tauri::generate_context!())?;
    let handle = app.handle().clone();
    let code = app.run_return(|app, event| match event {
        tauri::RunEvent::WindowEvent { event, .. } => window::happened(app, &event),
        tauri::RunEvent::ExitRequested {
            code: None, api, ..
        } if close::must_ask(app) => {
            api.prevent_exit();
            close::ask(app);
        }
        #[cfg(target_os = "macos")]
        tauri::RunEvent::Opened { urls } => {
            drops::accept(
                app,
                urls.iter()
                    .filter_map(|url| url.to_file_path().ok())
                    .collect(),
            );
        }
        _ => {}
    });
    let shell = handle.state::<Shell>();
    shell.server().stop();
    if let Some(redline) = shell.core_now() {
        redline.release();
    }
    Ok(code)
}

/// Ends the process as it stands. Threads of the web view, of the graphics driver
/// and of DuckDB are still running; destructors of their libraries, which `exit`
/// runs beside them, now and then took a lock away under one of them and turned a
/// clean end into a crash. What is stored is on disk by then.
fn end(code: i32) -> ! {
    #[cfg(unix)]
    // SAFETY: _exit takes a number, touches no memory of ours, and does not return.
    unsafe {
        libc::_exit(code)
    }
    #[cfg(not(unix))]
    std::process::exit(code)
}

fn log_to_stderr() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("REDLINE_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
}
