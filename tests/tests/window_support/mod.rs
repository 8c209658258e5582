//! Words for what a person does in the window, shared by the end-to-end tests and
//! the tour.
// Each test binary uses its share of them.
#![allow(dead_code, unused_imports)]

mod backup;
mod outside;

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use redline_tests::window::Window;
use serde_json::{Value, json};

pub use backup::*;
pub use outside::*;

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

/// The code that a command is refused with.
pub async fn refused_with(window: &Window<'_>, command: &str, arguments: Value) -> Result<String> {
    match invoke(window, command, arguments).await? {
        Ok(answer) => bail!("{command} answered {answer}"),
        Err(error) => Ok(error["code"]
            .as_str()
            .map_or(error.to_string(), str::to_owned)),
    }
}

/// The error of a job that has to fail.
pub async fn ended_with(window: &Window<'_>, job: &str) -> Result<Value> {
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
    bail!("the job did not end")
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

/// Clicks a button once it can be clicked: what needs the bucket waits for its answer.
pub async fn click_enabled(window: &Window<'_>, id: &str) -> Result<()> {
    let able = format!("document.querySelector('[data-testid=\"{id}\"]:not(:disabled)')");
    wait_within(window, WORK, &able).await?;
    window.click(id).await
}

/// Clicks what a selector finds, once it does: for what repeats.
pub async fn click_css(window: &Window<'_>, selector: &str) -> Result<()> {
    let there = format!("document.querySelector({})", json!(selector));
    wait_within(window, WORK, &there).await?;
    let found = window
        .client()?
        .find(fantoccini::Locator::Css(selector))
        .await?;
    Ok(found.click().await?)
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
        ("encryption", json!({})),
        (
            "file_backups",
            json!({ "files": [{ "relative_path": "a.csv", "sha256": "" }] }),
        ),
        ("transfer", json!({})),
        ("free_rule", json!({})),
        ("bucket_rules", json!({})),
        ("bucket_policy", json!({ "bucket": null })),
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
