//! What stands around the page: the commands it may call and nothing else, closing while work
//! runs, and a process that says when it is ready and ends cleanly.
#![cfg(target_os = "linux")]

mod window_support;

use std::{
    fs,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use redline_tests::window::Desktop;
use serde_json::json;
use window_support::*;

#[tokio::test]
async fn the_page_can_call_the_apps_commands_and_nothing_else() -> Result<()> {
    let desktop = Desktop::start()?;
    let window = desktop.open().await?;
    window.find("signin-key").await?;
    for (command, arguments) in [
        ("plugin:dialog|open", json!({ "options": {} })),
        ("plugin:dialog|message", json!({ "message": "x" })),
        ("plugin:fs|read_text_file", json!({ "path": "/etc/passwd" })),
        ("plugin:shell|execute", json!({ "program": "id" })),
        ("plugin:window|close", json!({ "label": "main" })),
        (
            "plugin:webview|create_webview_window",
            json!({ "options": { "label": "x", "url": "https://example.org" } }),
        ),
        (
            "plugin:event|emit",
            json!({ "event": "redline://offered", "payload": [] }),
        ),
        ("plugin:path|resolve_directory", json!({ "directory": 1 })),
        ("plugin:app|name", json!({})),
        ("open_file", json!({ "id": 1 })),
        // Tauri's own event of a drop holds paths.
        (
            "plugin:event|listen",
            json!({ "event": "tauri://drag-drop", "target": { "kind": "Any" }, "handler": 1 }),
        ),
    ] {
        let answer = invoke(&window, command, arguments).await?;
        ensure!(answer.is_err(), "{command} answered {answer:?}");
    }
    // A path, or a guess, is no token.
    sign_in(&window, &new_key()?, "Curious").await?;
    let forged = json!({ "tokens": ["/etc/passwd"], "onDuplicate": null });
    assert_eq!(
        refused_with(&window, "import_offered", forged).await?,
        "not_found"
    );

    let page = window.execute("return location.href").await?;
    window
        .execute("const a = document.createElement('a'); a.href = 'https://example.org/'; document.body.append(a); a.click(); a.remove();")
        .await?;
    window
        .execute("location.href = 'file:///etc/passwd'")
        .await?;
    assert_eq!(
        window
            .execute("return window.open('https://example.org/') === null")
            .await?,
        json!(true)
    );
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(window.execute("return location.href").await?, page);
    assert_eq!(window.client()?.windows().await?.len(), 1);

    // No script but the app's own, nothing from elsewhere, no global handle.
    let tried = window
        .client()?
        .execute_async(
            "const done = arguments[0];\
             const script = document.createElement('script'); script.textContent = 'window.injected = 1'; document.head.append(script);\
             const held = { tauri: typeof window.__TAURI__, frozen: Object.isFrozen(Object.prototype), injected: window.injected ?? null };\
             fetch('http://127.0.0.1:9/').then(() => done({ ...held, fetched: true }), () => done({ ...held, fetched: false }));",
            vec![],
        )
        .await?;
    assert_eq!(
        tried,
        json!({ "tauri": "undefined", "frozen": true, "injected": null, "fetched": false })
    );
    Ok(())
}

#[tokio::test]
async fn closing_while_work_runs_asks_first() -> Result<()> {
    let desktop = Desktop::start()?;
    let home = desktop.scratch("my files")?;
    let mut window = desktop.open().await?;
    sign_in(&window, &new_key()?, "Busy").await?;
    let file = home.join("large.bin");
    fs::write(&file, "grows")?;
    window.drag_files(&[file]).await?;
    wait_for_row(&window, "large.bin").await?;
    // Grown in place, so that reading it lasts; sparse, so that it takes no room.
    let stored = find_file(&desktop.data_dir(), "large.bin").context("it is stored")?;
    fs::OpenOptions::new()
        .write(true)
        .open(&stored)?
        .set_len(64 << 30)?;
    answer(&window, "verify_files", json!({ "ids": null })).await?;
    window.find_within("job-cancel", WORK).await?;
    ask_to_close(&desktop, window.pid()?)?;
    let question = wait_for_dialog(&desktop, "Quit Redline").await?;
    xdotool(&desktop, &["windowactivate", "--sync", &question])?;
    xdotool(&desktop, &["key", "--window", "0", "Escape"])?;
    tokio::time::sleep(Duration::from_millis(500)).await;
    // Not torn: it is still there, and still at work or done with it.
    let jobs = answer(&window, "jobs", json!({})).await?;
    let verify = jobs
        .as_array()
        .and_then(|all| all.iter().find(|job| job["kind"] == json!("verify")));
    let state = verify.and_then(|job| job["state"].as_str());
    assert!(matches!(state, Some("running" | "done")), "{jobs}");
    window.quit().await
}

/// Without a driver in between: what the process itself says and how it ends.
#[tokio::test]
async fn the_app_says_when_it_is_ready_ends_cleanly_and_comes_back_where_it_was() -> Result<()> {
    let desktop = Desktop::start()?;
    let mut sizes = Vec::new();
    for turn in 0..3 {
        let log = desktop.home().join(format!("app-{turn}.log"));
        let mut command = desktop.command(app()?);
        command
            .env("REDLINE_REPORT_READY", "1")
            .stderr(fs::File::create(&log)?);
        let mut child = command.spawn()?;
        let ready = || fs::read_to_string(&log).is_ok_and(|said| said.contains("redline: ready\n"));
        let deadline = Instant::now() + WORK;
        while !ready() {
            ensure!(Instant::now() < deadline, "it never said that it was ready");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let id = main_window(&desktop, child.id())?;
        if turn == 0 {
            xdotool(&desktop, &["windowsize", "--sync", &id, "1000", "700"])?;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
        sizes.push(xdotool(&desktop, &["getwindowgeometry", &id])?);
        ask_to_close(&desktop, child.id())?;
        let ended = (0..100).find_map(|_| {
            std::thread::sleep(Duration::from_millis(100));
            child.try_wait().transpose()
        });
        if ended.is_none() {
            child.kill()?;
        }
        let status = ended.context("it did not end")??;
        ensure!(status.success(), "it ended with {status}");
    }
    assert!(
        sizes.iter().all(|size| size.contains("Geometry: 1000x700")),
        "{sizes:?}"
    );
    assert_eq!(sizes[1], sizes[2], "the window wanders");
    Ok(())
}
