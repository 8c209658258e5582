//! Words for what a person does in the window, shared by the end-to-end tests and
//! the tour.
// Each test binary uses its share of them.
#![allow(dead_code)]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use redline_tests::{
    s3::{ACCESS_KEY, REGION, SECRET_KEY, TestS3},
    window::{Desktop, Window},
};
use serde_json::{Value, json};

/// Work on files may take longer than a window does to answer.
pub const WORK: Duration = Duration::from_secs(60);

/// A key as a person would paste it. Free to make, so no key is ever written here.
pub fn new_key() -> Result<String> {
    Ok(redline_license::LicenseKey::generate()?.expose().to_owned())
}

// --- the session ----------------------------------------------------------------------------------

/// Signs in with a pasted key, from the sign-in screen, and shows the files.
pub async fn sign_in(window: &Window<'_>, key: &str, label: &str) -> Result<()> {
    window.fill("signin-key", key).await?;
    window.fill("signin-label", label).await?;
    window.click("signin-submit").await?;
    wait_for_words(window, "nav-profile", label).await?;
    go(window, "files").await
}

pub async fn sign_out(window: &Window<'_>) -> Result<()> {
    go(window, "settings").await?;
    window.click("settings-sign-out").await?;
    window.find("signin-key").await?;
    Ok(())
}

/// Shows a screen by its link.
pub async fn go(window: &Window<'_>, screen: &str) -> Result<()> {
    window.click(&format!("nav-{screen}")).await?;
    window
        .wait_until(&format!(
            "document.querySelector('[data-testid=nav-{screen}]')?.ariaCurrent === 'page' \
             || document.querySelector('[data-testid=nav-{screen}]')?.getAttribute('aria-current') === 'page'"
        ))
        .await
}

/// Waits until what has this `data-testid` says `words`, as the page lays it out.
pub async fn wait_for_words(window: &Window<'_>, id: &str, words: &str) -> Result<()> {
    let words = json!(words);
    window
        .wait_until(&format!(
            "[...document.querySelectorAll('[data-testid=\"{id}\"]')].some((it) => it.innerText.includes({words}))"
        ))
        .await
}

// --- the commands behind the page -----------------------------------------------------------------

/// Calls a command as the page's own code does: the answer, or the error it rejects with.
pub async fn invoke(
    window: &Window<'_>,
    command: &str,
    arguments: Value,
) -> Result<Result<Value, Value>> {
    let script = "const [command, given, done] = arguments;\
        window.__TAURI_INTERNALS__.invoke(command, given)\
        .then((ok) => done({ ok: ok ?? null }), (error) => done({ error: error?.message ? error : String(error) }));";
    let told = window
        .client()?
        .execute_async(script, vec![json!(command), arguments])
        .await
        .with_context(|| format!("the page could not call {command}"))?;
    match told.get("error") {
        Some(error) => Ok(Err(error.clone())),
        None => Ok(Ok(told["ok"].clone())),
    }
}

/// The answer of a command that has to succeed.
pub async fn answer(window: &Window<'_>, command: &str, arguments: Value) -> Result<Value> {
    match invoke(window, command, arguments).await? {
        Ok(answer) => Ok(answer),
        Err(error) => bail!("{command} was refused: {error}"),
    }
}

/// Everything the files screen would list.
pub async fn listed(window: &Window<'_>) -> Result<Vec<Value>> {
    let query = json!({ "query": { "limit": 1000 } });
    let page = answer(window, "list_files", query).await?;
    Ok(page["files"].as_array().cloned().unwrap_or_default())
}

pub async fn id_of(window: &Window<'_>, name: &str) -> Result<i64> {
    listed(window)
        .await?
        .iter()
        .find(|file| file["filename"] == name)
        .and_then(|file| file["id"].as_i64())
        .with_context(|| format!("no file is called {name}"))
}

// --- the files screen -----------------------------------------------------------------------------

/// Waits until a row with this name is in view.
pub async fn wait_for_row(window: &Window<'_>, name: &str) -> Result<()> {
    window
        .wait_until(&format!("document.querySelector('{}')", row(name)))
        .await
}

pub async fn wait_for_no_row(window: &Window<'_>, name: &str) -> Result<()> {
    window
        .wait_until(&format!("!document.querySelector('{}')", row(name)))
        .await
}

pub async fn click_row(window: &Window<'_>, name: &str) -> Result<()> {
    wait_for_row(window, name).await?;
    let selector = row(name);
    let found = window
        .client()?
        .find(fantoccini::Locator::Css(&selector))
        .await?;
    Ok(found.click().await?)
}

fn row(name: &str) -> String {
    format!("[data-testid=files-row][data-name=\"{name}\"]")
}

/// Waits until the files screen says that there are this many.
pub async fn wait_for_total(window: &Window<'_>, total: u64) -> Result<()> {
    wait_within(
        window,
        WORK,
        &format!(
            "document.querySelector('[data-testid=files-total]')?.dataset.total === '{total}'"
        ),
    )
    .await
}

/// Waits until the newest job of a kind has ended, and has ended well.
pub async fn wait_for_job(window: &Window<'_>, kind: &str) -> Result<()> {
    let deadline = Instant::now() + WORK;
    loop {
        let jobs = answer(window, "jobs", json!({})).await?;
        let newest = jobs
            .as_array()
            .into_iter()
            .flatten()
            .filter(|job| job["kind"] == kind)
            .max_by_key(|job| job["started_at"].as_str().map(str::to_owned));
        match newest.map(|job| {
            (
                job["state"].as_str().unwrap_or_default().to_owned(),
                job.clone(),
            )
        }) {
            Some((state, _)) if state == "done" => return Ok(()),
            Some((state, job)) if state != "running" => bail!("the {kind} ended as {state}: {job}"),
            _ => {}
        }
        ensure!(
            Instant::now() < deadline,
            "no {kind} ended within {} s",
            WORK.as_secs()
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// `Window::wait_until` with a patience of its own.
pub async fn wait_within(window: &Window<'_>, patience: Duration, expression: &str) -> Result<()> {
    let deadline = Instant::now() + patience;
    loop {
        match window.wait_until(expression).await {
            Ok(()) => return Ok(()),
            Err(error) if Instant::now() > deadline => return Err(error),
            Err(_) => {}
        }
    }
}

// --- files from outside ---------------------------------------------------------------------------

/// A table of sales, `rows` long, with what makes CSV hard: a leading zero, an empty and a quoted
/// value, an umlaut.
pub fn sales(rows: usize) -> String {
    let mut text = String::from("id,code,day,amount,city,note\n");
    for n in 0..rows {
        let city = ["Köln", "São Paulo", "Kraków", "Oslo"][n % 4];
        let note = if n % 3 == 0 {
            "\"said \"\"yes\"\", twice\""
        } else {
            ""
        };
        text.push_str(&format!(
            "{n},{:05},2026-{:02}-{:02},{}.{:02},{city},{note}\n",
            n * 7 % 100_000,
            n % 12 + 1,
            n % 28 + 1,
            n * 13 % 9000,
            n % 100
        ));
    }
    text
}

pub fn put(folder: &Path, name: &str, bytes: impl AsRef<[u8]>) -> Result<PathBuf> {
    let path = folder.join(name);
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::write(&path, bytes).with_context(|| format!("could not write {name}"))?;
    Ok(path)
}

/// The app that was built, or that REDLINE_APP names.
pub fn app() -> Result<PathBuf> {
    match std::env::var_os("REDLINE_APP") {
        Some(path) => Ok(path.into()),
        None => redline_tests::window::built("redline-desktop"),
    }
}

/// Starts the app a second time with arguments, as a desktop does for "Open with"; waits until that
/// process has handed over and ended.
pub fn second_launch(desktop: &Desktop, folder: &Path, arguments: &[&str]) -> Result<()> {
    let mut command: Command = desktop.command(app()?);
    let mut child = command.current_dir(folder).args(arguments).spawn()?;
    let deadline = Instant::now() + Duration::from_secs(15);
    loop {
        if let Some(status) = child.try_wait()? {
            ensure!(status.success(), "the second launch ended with {status}");
            return Ok(());
        }
        if Instant::now() > deadline {
            child.kill()?;
            child.wait()?;
            bail!("the second launch opened a window of its own");
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// Answers a native file dialog, found by its title, with a path.
pub async fn answer_dialog(desktop: &Desktop, title: &str, path: &Path) -> Result<()> {
    let id = wait_for_dialog(desktop, title).await?;
    // A key that begins a path opens the dialog's field for one.
    xdotool(desktop, &["windowactivate", "--sync", &id])?;
    tokio::time::sleep(Duration::from_millis(400)).await;
    xdotool(desktop, &["key", "--window", "0", "ctrl+l"])?;
    tokio::time::sleep(Duration::from_millis(200)).await;
    xdotool(desktop, &["key", "--window", "0", "ctrl+a"])?;
    let text = path.to_str().context("a path of the test is not UTF-8")?;
    xdotool(desktop, &["type", "--delay", "8", text])?;
    tokio::time::sleep(Duration::from_millis(300)).await;
    xdotool(desktop, &["key", "--window", "0", "Return"])?;
    let deadline = Instant::now() + Duration::from_secs(10);
    while dialog(desktop, title).is_some() {
        ensure!(
            Instant::now() < deadline,
            "the dialog {title:?} stayed open"
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}

pub async fn wait_for_dialog(desktop: &Desktop, title: &str) -> Result<String> {
    let deadline = Instant::now() + Duration::from_secs(15);
    loop {
        if let Some(id) = dialog(desktop, title) {
            return Ok(id);
        }
        ensure!(Instant::now() < deadline, "no dialog {title:?} came up");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn dialog(desktop: &Desktop, title: &str) -> Option<String> {
    let found = xdotool(desktop, &["search", "--onlyvisible", "--name", title]).ok()?;
    found.lines().next_back().map(str::to_owned)
}

pub fn xdotool(desktop: &Desktop, arguments: &[&str]) -> Result<String> {
    let output = desktop.command("xdotool").args(arguments).output()?;
    ensure!(
        output.status.success(),
        "xdotool {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

// --- backup ---------------------------------------------------------------------------------------

/// Sets up the test server's bucket on the backup screen.
pub async fn set_up_bucket(window: &Window<'_>, s3: &TestS3) -> Result<()> {
    go(window, "backup").await?;
    window.click("backup-provider-other").await?;
    window.fill("backup-bucket-name", s3.bucket()).await?;
    window.fill("backup-region", REGION).await?;
    window.fill("backup-endpoint", &s3.endpoint()).await?;
    window.fill("backup-access-key", ACCESS_KEY).await?;
    window.fill("backup-secret-key", SECRET_KEY).await?;
    window.click("backup-save").await?;
    window.find_within("backup-bucket", WORK).await?;
    Ok(())
}

pub async fn back_up(window: &Window<'_>) -> Result<()> {
    go(window, "backup").await?;
    window.click("backup-run").await?;
    window.find_within("restore-point", WORK).await?;
    wait_for_job(window, "backup").await
}

/// Asks for what a restore of the newest point would do.
pub async fn ask_restore(window: &Window<'_>) -> Result<()> {
    // The button works once the bucket has been listed.
    window.find_within("restore-point", WORK).await?;
    window.click("restore-latest").await?;
    window.find_within("restore-new", WORK).await?;
    Ok(())
}

/// The X11 id of the window of a process.
pub fn main_window(desktop: &Desktop, pid: u32) -> Result<String> {
    let pid = pid.to_string();
    let search = [
        "search",
        "--onlyvisible",
        "--pid",
        &pid,
        "--name",
        "^Redline$",
    ];
    let found = xdotool(desktop, &search)?;
    let id = found
        .lines()
        .next()
        .context("no window is called Redline")?;
    Ok(id.to_owned())
}

/// Asks the window to close, as the button in its frame does.
pub fn ask_to_close(desktop: &Desktop, pid: u32) -> Result<()> {
    let id = main_window(desktop, pid)?;
    xdotool(desktop, &["windowactivate", "--sync", &id])?;
    xdotool(desktop, &["key", "alt+F4"])?;
    Ok(())
}

// --- what must not be seen ------------------------------------------------------------------------

/// Fails if the page or a command's answer holds one of these.
pub async fn ensure_unseen(window: &Window<'_>, secrets: &[&str]) -> Result<()> {
    let page = window
        .execute("return document.documentElement.outerHTML + JSON.stringify({ ...localStorage, ...sessionStorage }) + location.href;")
        .await?
        .to_string();
    let mut told = vec![("the page".to_owned(), page)];
    for (command, arguments) in questions(&listed(window).await?) {
        let answer = invoke(window, command, arguments).await?;
        told.push((command.to_owned(), format!("{answer:?}")));
    }
    for (where_, text) in &told {
        for secret in secrets {
            ensure!(!text.contains(secret), "{where_} holds {secret:?}");
        }
    }
    Ok(())
}

/// Every command that only answers.
fn questions(files: &[Value]) -> Vec<(&'static str, Value)> {
    let mut questions = vec![
        ("app_state", json!({})),
        ("retry_keyring", json!({})),
        ("list_files", json!({ "query": { "limit": 1000 } })),
        ("list_files", json!({ "query": { "trash": true } })),
        ("file_counts", json!({})),
        ("stats", json!({})),
        ("jobs", json!({})),
        ("history", json!({ "limit": 100, "offset": 0 })),
        ("backup_status", json!({})),
        ("plan_backup", json!({})),
        ("restore_points", json!({})),
        ("plan_restore", json!({ "at": null })),
        ("doctor", json!({})),
        ("formats", json!({})),
        (
            "conversion_options",
            json!({ "from": "csv", "to": "parquet" }),
        ),
        ("presets", json!({})),
        ("data_tables", json!({})),
        ("query_history", json!({})),
        ("query_relations", json!({})),
        (
            "grid_rows",
            json!({ "grid": "no such grid", "first": 0, "count": 10 }),
        ),
        ("server_status", json!({})),
        ("file_details", json!({ "id": 987_654_321 })),
        (
            "import_offered",
            json!({ "tokens": ["no such token"], "onDuplicate": null }),
        ),
    ];
    for file in files.iter().take(3) {
        questions.push(("file_details", json!({ "id": file["id"] })));
        questions.push((
            "plan_conversion",
            json!({ "id": file["id"], "request": { "to": "parquet", "options": {} } }),
        ));
    }
    questions
}
