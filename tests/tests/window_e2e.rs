//! The main job in the real window, as a person does it: with a real keyring, real drags and
//! dialogs, a second launch, a restart, another key, a bucket.
#![cfg(target_os = "linux")]

mod window_support;

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use redline_tests::{
    s3::{Options, SECRET_KEY, TestS3},
    window::{Desktop, Keyring},
};
use serde_json::{Value, json};
use window_support::*;

#[tokio::test]
async fn files_arrive_by_drag_by_dialog_and_by_a_second_launch_and_stay() -> Result<()> {
    let desktop = Desktop::start()?;
    let home = desktop.scratch("my files")?;
    let key = new_key()?;
    let mut window = desktop.open().await?;
    wait_for_words(&window, "keyring-state", "The keyring is ready").await?;
    sign_in(&window, &key, "Research desk").await?;
    window.find("files-empty").await?;

    // Dragged out of another program's window: two files and a folder.
    let dragged = [
        put(&home, "sales 2026.csv", sales(500))?,
        put(&home, "notes.txt", "a line\n")?,
        home.join("folder"),
    ];
    put(&home, "folder/inner/deep.json", r#"[{"a":1}]"#)?;
    put(&home, "folder/empty.csv", "")?;
    window.drag_files(&dragged).await?;
    wait_for_total(&window, 4).await?;
    for name in ["sales 2026.csv", "notes.txt", "deep.json", "empty.csv"] {
        wait_for_row(&window, name).await?;
    }

    // Handed over by a second launch: a path of its own folder, one with a dash, one that is gone.
    put(&home, "handed over.csv", sales(20))?;
    put(&home, "-dash.csv", "a\n1\n")?;
    second_launch(
        &desktop,
        &home,
        &["handed over.csv", "no such file.csv", "--", "-dash.csv"],
    )?;
    wait_for_total(&window, 6).await?;
    wait_for_row(&window, "handed over.csv").await?;
    wait_for_row(&window, "-dash.csv").await?;
    wait_for_words(&window, "notice", "no such file.csv").await?;

    // Chosen in the system's dialog, which gives the page a token for the import command.
    let picked = put(&home, "picked.csv", sales(10))?;
    window.click("files-add").await?;
    answer_dialog(&desktop, "Add files", &picked).await?;
    wait_for_total(&window, 7).await?;
    wait_for_row(&window, "picked.csv").await?;

    // The same bytes once more are not stored twice, and it is said.
    window.drag_files(&[home.join("notes.txt")]).await?;
    wait_within(
        &window,
        WORK,
        "document.querySelector('[data-testid=tray]')?.innerText.includes('stored already')",
    )
    .await?;
    wait_for_total(&window, 7).await?;

    // Statistics.
    go(&window, "dashboard").await?;
    wait_for_words(&window, "stats-total-files", "7 files").await?;
    let stats = answer(&window, "stats", json!({})).await?;
    let on_disk: u64 = [
        "sales 2026.csv",
        "notes.txt",
        "folder/inner/deep.json",
        "handed over.csv",
        "-dash.csv",
        "picked.csv",
    ]
    .iter()
    .map(|name| fs::metadata(home.join(name)).map(|about| about.len()))
    .sum::<std::io::Result<u64>>()?;
    assert_eq!(stats["total_size_bytes"], json!(on_disk));

    // Delete, and undo.
    go(&window, "files").await?;
    click_row(&window, "notes.txt").await?;
    window.click("details-delete").await?;
    wait_for_no_row(&window, "notes.txt").await?;
    window.click("toast-undo").await?;
    wait_for_row(&window, "notes.txt").await?;

    // Still there after a restart, without signing in again; and after being killed.
    window.restart().await?;
    wait_for_words(&window, "nav-profile", "Research desk").await?;
    wait_for_total(&window, 7).await?;
    window.kill().await?;
    window.restart().await?;
    wait_for_total(&window, 7).await?;
    wait_for_row(&window, "sales 2026.csv").await?;
    let bytes = answer(&window, "verify_files", json!({ "ids": null })).await;
    ensure!(bytes.is_ok(), "{bytes:?}");
    wait_for_job(&window, "verify").await?;

    let places = [desktop.home().to_string_lossy().into_owned(), key];
    ensure_unseen(&window, &[&places[0], &places[1]]).await?;
    ensure!(!window.log().contains(&places[1]), "the log holds the key");
    window.quit().await
}

#[tokio::test]
async fn files_given_to_the_first_launch_wait_for_the_sign_in() -> Result<()> {
    let desktop = Desktop::start()?;
    let home = desktop.scratch("my files")?;
    put(&home, "early.csv", sales(5))?;
    let mut window = desktop.open().await?;
    window.find("signin-key").await?;
    second_launch(&desktop, &home, &["early.csv"])?;
    // Nobody is signed in: it is held, and stored for whoever signs in next.
    sign_in(&window, &new_key()?, "Early").await?;
    wait_for_total(&window, 1).await?;
    wait_for_row(&window, "early.csv").await?;
    window.quit().await
}

#[tokio::test]
async fn a_conversion_is_in_the_history_with_its_certificate() -> Result<()> {
    let desktop = Desktop::start()?;
    let home = desktop.scratch("my files")?;
    let csv = put(&home, "sales.csv", sales(2000))?;
    let mut window = desktop.open().await?;
    sign_in(&window, &new_key()?, "Converts").await?;
    window.drag_files(&[csv]).await?;
    click_row(&window, "sales.csv").await?;
    window.click("details-convert").await?;
    window.click("convert-to-parquet").await?;
    window.find_within("convert-plan", WORK).await?;
    window.click("convert-run").await?;
    window.find_within("certificate", WORK).await?;
    wait_for_job(&window, "convert").await?;

    let history = answer(&window, "history", json!({ "limit": 10, "offset": 0 })).await?;
    assert_eq!(history[0]["certificate"]["verdict"], "proved", "{history}");
    assert_eq!(
        (&history[0]["rows_in"], &history[0]["rows_out"]),
        (&json!(2000), &json!(2000))
    );
    assert!(
        history[0]["certificate"]["columns"]
            .as_array()
            .is_some_and(|columns| columns.len() == 6)
    );

    window.restart().await?;
    go(&window, "history").await?;
    window.click("history-row").await?;
    wait_for_words(&window, "certificate", "every hash equal").await?;
    go(&window, "files").await?;
    wait_for_row(&window, "sales.parquet").await?;
    // Any program reads the output where it lies.
    let parquet = find_file(&desktop.data_dir(), "sales.parquet")
        .context("the output is not in the store")?;
    assert!(fs::read(parquet)?.starts_with(b"PAR1"));
    window.quit().await
}

#[tokio::test]
async fn a_free_key_is_kept_in_the_keyring_and_its_kit_goes_to_a_private_file() -> Result<()> {
    let desktop = Desktop::start()?;
    let home = desktop.scratch("my files")?;
    let mut window = desktop.open().await?;
    window.click("signin-free").await?;
    window.find("kit-banner").await?;
    let kit = home.join("kit.txt");
    window.click("kit-save").await?;
    answer_dialog(&desktop, "Save the recovery kit", &kit).await?;
    wait_for_words(&window, "toast", "Recovery kit saved").await?;
    let text = fs::read_to_string(&kit)?;
    assert_eq!(fs::metadata(&kit)?.permissions().mode() & 0o777, 0o600);
    let key = text
        .split_whitespace()
        .find(|word| redline_license::LicenseKey::parse(word).is_ok())
        .context("the kit holds no key")?
        .to_owned();
    ensure_unseen(&window, &[&key]).await?;
    ensure!(
        !holds(desktop.home(), &key, &kit),
        "the key lies in a file besides the kit"
    );

    window.restart().await?;
    window.find("files-empty").await?;
    sign_out(&window).await?;
    // The same profile opens again out of the keyring, by a click.
    window.click("profile-open").await?;
    go(&window, "files").await?;
    window.find("files-empty").await?;
    window.quit().await
}

#[tokio::test]
async fn a_locked_keyring_is_said_and_a_passphrase_does_instead() -> Result<()> {
    let desktop = Desktop::start_with(Keyring::Locked, (1440, 900))?;
    let mut window = desktop.open().await?;
    wait_for_words(&window, "keyring-state", "The keyring is locked").await?;
    window.click("keyring-retry").await?;
    wait_for_words(&window, "keyring-state", "The keyring is locked").await?;

    let key = new_key()?;
    window.click("signin-keep-passphrase").await?;
    window
        .fill("signin-passphrase", "correct horse battery")
        .await?;
    window
        .fill("signin-passphrase-again", "correct horse battery")
        .await?;
    sign_in(&window, &key, "Behind a phrase").await?;
    window.find("files-empty").await?;

    window.restart().await?;
    window.click("profile-open").await?;
    window.fill("profile-passphrase", "not that one").await?;
    window.click("profile-passphrase-submit").await?;
    window.find_within("profile-error", WORK).await?;
    if window.count("profile-passphrase").await? == 0 {
        window.click("profile-open").await?;
    }
    window
        .fill("profile-passphrase", "correct horse battery")
        .await?;
    window.click("profile-passphrase-submit").await?;
    window.find_within("files-empty", WORK).await?;
    ensure!(
        !holds(desktop.home(), &key, &desktop.home().join("none")),
        "the key lies in a file in the clear"
    );
    window.quit().await
}

#[tokio::test]
async fn without_a_keyring_a_session_can_still_be_had_and_is_forgotten() -> Result<()> {
    let desktop = Desktop::start_with(Keyring::Absent, (1440, 900))?;
    let home = desktop.scratch("my files")?;
    let mut window = desktop.open().await?;
    wait_for_words(&window, "keyring-state", "No keyring").await?;
    let key = new_key()?;
    window.click("signin-keep-session").await?;
    sign_in(&window, &key, "For now").await?;
    window
        .drag_files(&[put(&home, "kept.csv", sales(3))?])
        .await?;
    wait_for_total(&window, 1).await?;

    window.restart().await?;
    // The key is forgotten, the store is not.
    window.find("signin-key").await?;
    window.click("signin-keep-session").await?;
    sign_in(&window, &key, "Again").await?;
    wait_for_total(&window, 1).await?;
    window.quit().await
}

#[tokio::test]
async fn another_key_sees_nothing_and_ids_of_the_first_are_not_found() -> Result<()> {
    let desktop = Desktop::start()?;
    let home = desktop.scratch("my files")?;
    let mut window = desktop.open().await?;
    let first = new_key()?;
    sign_in(&window, &first, "First").await?;
    window
        .drag_files(&[put(&home, "private.csv", sales(50))?])
        .await?;
    wait_for_total(&window, 1).await?;
    let id = id_of(&window, "private.csv").await?;
    sign_out(&window).await?;
    let refused = invoke(&window, "list_files", json!({ "query": {} })).await?;
    assert_eq!(refused.unwrap_err()["code"], "not_signed_in");

    sign_in(&window, &new_key()?, "Second").await?;
    window.find("files-empty").await?;
    assert!(listed(&window).await?.is_empty());
    let stats = answer(&window, "stats", json!({})).await?;
    assert_eq!(
        (&stats["total_files"], &stats["total_size_bytes"]),
        (&json!(0), &json!(0))
    );

    // The first key's id, and one that nobody has, answer the same.
    for id in [id, 987_654_321] {
        for (command, arguments) in [
            ("file_details", json!({ "id": id })),
            ("delete_files", json!({ "ids": [id] })),
            ("restore_from_trash", json!({ "ids": [id] })),
            (
                "plan_conversion",
                json!({ "id": id, "request": { "to": "parquet", "options": {} } }),
            ),
            ("inspect_file", json!({ "id": id, "options": {} })),
            ("open_grid", json!({ "of": { "file": id }, "options": {} })),
            ("add_table", json!({ "fileId": id, "name": null })),
        ] {
            let code = refused_with(&window, command, arguments).await?;
            assert_eq!(code, "not_found", "{command} of {id}");
        }
        // As jobs, they may be taken and then fail.
        for (command, arguments) in [
            (
                "convert_file",
                json!({ "id": id, "request": { "to": "parquet", "options": {} } }),
            ),
            ("verify_files", json!({ "ids": [id] })),
        ] {
            let error = match invoke(&window, command, arguments).await? {
                Ok(job) => ended_with(&window, job.as_str().unwrap_or_default()).await?,
                Err(error) => error,
            };
            assert_eq!(error["code"], "not_found", "{command} of {id}: {error}");
        }
    }
    let page = window
        .execute("return document.documentElement.outerHTML")
        .await?;
    assert!(!page.to_string().contains("private.csv"));

    // And the first finds everything as it was.
    sign_out(&window).await?;
    sign_in(&window, &first, "First").await?;
    wait_for_total(&window, 1).await?;
    wait_for_row(&window, "private.csv").await?;
    window.quit().await
}

#[tokio::test]
async fn a_backup_comes_back_on_an_empty_machine() -> Result<()> {
    let desktop = Desktop::start()?;
    let home = desktop.scratch("my files")?;
    let s3 = TestS3::start(Options::default())?;
    let key = new_key()?;
    let mut window = desktop.open().await?;
    sign_in(&window, &key, "Backed up").await?;
    let content = sales(3000);
    window
        .drag_files(&[
            put(&home, "precious.csv", &content)?,
            put(&home, "small.txt", "x")?,
        ])
        .await?;
    wait_for_total(&window, 2).await?;
    set_up_bucket(&window, &s3).await?;
    back_up(&window).await?;
    // Its objects are plain: the file's own name and bytes.
    let (name, _) = s3
        .objects()
        .into_iter()
        .find(|(name, _)| name.ends_with("/files/precious.csv"))
        .context("the bucket does not hold the file under its own name")?;
    assert_eq!(s3.object(&name).as_deref(), Some(content.as_bytes()));
    let places = [
        desktop.home().to_string_lossy().into_owned(),
        key.clone(),
        SECRET_KEY.to_owned(),
    ];
    ensure_unseen(&window, &[&places[0], &places[1], &places[2]]).await?;
    ensure!(
        !window.log().contains(SECRET_KEY),
        "the log holds the bucket's secret"
    );
    window.quit().await?;

    // Another machine: no store, no settings, the same key.
    let (store, config) = (
        desktop.home().join("elsewhere"),
        desktop.home().join("elsewhere-config"),
    );
    let place = |path: &std::path::Path| path.to_string_lossy().into_owned();
    let environment = [
        ("REDLINE_DATA_DIR", place(&store)),
        ("REDLINE_CONFIG_DIR", place(&config)),
    ];
    let environment: Vec<(&str, &str)> = environment
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let mut window = desktop.open_program(&app()?, &environment).await?;
    sign_in(&window, &key, "Came back").await?;
    window.find("files-empty").await?;
    set_up_bucket(&window, &s3).await?;
    ask_restore(&window).await?;
    wait_for_words(&window, "restore-new", "2").await?;
    window.click("restore-run").await?;
    wait_for_job(&window, "restore").await?;
    go(&window, "files").await?;
    wait_for_total(&window, 2).await?;
    wait_for_row(&window, "precious.csv").await?;
    let back = find_file(&store, "precious.csv").context("the file is not in the second store")?;
    assert_eq!(fs::read_to_string(back)?, content);
    go(&window, "backup").await?;
    window.find("backup-proven").await?;
    window.quit().await
}

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

async fn refused_with(
    window: &redline_tests::window::Window<'_>,
    command: &str,
    arguments: Value,
) -> Result<String> {
    match invoke(window, command, arguments).await? {
        Ok(answer) => anyhow::bail!("{command} answered {answer}"),
        Err(error) => Ok(error["code"]
            .as_str()
            .map_or(error.to_string(), str::to_owned)),
    }
}

/// The error of a job that has to fail.
async fn ended_with(window: &redline_tests::window::Window<'_>, job: &str) -> Result<Value> {
    for _ in 0..100 {
        let jobs = answer(window, "jobs", json!({})).await?;
        let ours = jobs
            .as_array()
            .into_iter()
            .flatten()
            .find(|it| it["id"] == job);
        if let Some(it) = ours.filter(|it| it["state"] != "running") {
            return Ok(it["error"].clone());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    anyhow::bail!("the job did not end")
}

/// A file of this name anywhere below a folder.
fn find_file(folder: &std::path::Path, name: &str) -> Option<std::path::PathBuf> {
    files_below(folder)
        .into_iter()
        .find(|path| path.file_name().is_some_and(|it| it == name))
}

fn files_below(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    entries
        .flatten()
        .flat_map(|entry| match entry.file_type() {
            Ok(kind) if kind.is_dir() => files_below(&entry.path()),
            Ok(kind) if kind.is_file() => vec![entry.path()],
            _ => Vec::new(),
        })
        .collect()
}

/// Whether a text lies in any file below a folder, but for one.
fn holds(folder: &std::path::Path, text: &str, except: &std::path::Path) -> bool {
    files_below(folder)
        .iter()
        .filter(|path| *path != except)
        .any(|path| {
            fs::read(path).is_ok_and(|bytes| {
                bytes
                    .windows(text.len())
                    .any(|window| window == text.as_bytes())
            })
        })
}
