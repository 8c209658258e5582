//! The least a Tauri window can be: one page, one line of text. What `cargo xtask bench start`
//! holds Redline against, and what the window harness in `tests/` proves itself on.
//! Never gains a feature.

use tauri::{DragDropEvent, WebviewUrl, WebviewWindowBuilder, WindowEvent};

fn main() {
    tauri::Builder::default()
        .setup(|app| {
            WebviewWindowBuilder::new(app, "main", WebviewUrl::default())
                .title("Bare window")
                .inner_size(1180.0, 760.0)
                .on_document_title_changed(|window, title| {
                    // The page says so after its first frame.
                    if title == "painted" {
                        eprintln!("redline: ready");
                    }
                    let _ = window.set_title(&title);
                })
                .build()?;
            Ok(())
        })
        .on_window_event(|window, event| {
            use tauri::Manager;
            if let WindowEvent::DragDrop(DragDropEvent::Drop { paths, .. }) = event
                && let Some(webview) = window.get_webview_window("main")
                && let Ok(list) = serde_json::to_string(paths)
            {
                let _ = webview.eval(format!("window.dropped({list})"));
            }
        })
        .run(tauri::generate_context!(
            "src-tauri/examples/bare_window/tauri.conf.json"
        ))
        .unwrap_or_else(|error| {
            eprintln!("bare_window: {error}");
            std::process::exit(1);
        });
}
