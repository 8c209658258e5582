//! Files in the real window, as a person brings them: real drags and dialogs, a second launch, a
//! restart, and a conversion that is proved.
#![cfg(target_os = "linux")]

mod window_support;

use std::fs;

use anyhow::{Context, Result, ensure};
use redline_tests::window::Desktop;
use serde_json::json;
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
