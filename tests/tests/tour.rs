//! The whole main job in the real window, with a picture of each screen in light and dark, and of
//! the files screen with no, few and many files in a narrow and a wide window. The pictures go to
//! REDLINE_TOUR_DIR, or to a folder of the system's for temporary files.
#![cfg(target_os = "linux")]

mod window_support;

use std::{
    env,
    fmt::Write as _,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use redline_tests::{
    s3::{Fault, FaultKind, Options, TestS3},
    window::{Desktop, Keyring, Window},
};
use serde_json::json;
use window_support::*;

/// Large enough that the window fits at its widest.
const SCREEN: (u32, u32) = (1700, 1000);
const THEMES: [&str; 2] = ["light", "dark"];

#[tokio::test]
#[ignore = "makes pictures for people; `cargo xtask tour` runs it"]
async fn tour() -> Result<()> {
    let pictures = Pictures::new();
    let desktop = Desktop::start_with(Keyring::Unlocked, SCREEN)?;
    let home = desktop.scratch("my files")?;
    let s3 = TestS3::start(Options {
        bucket: "acme-redline".into(),
        ..Options::default()
    })?;
    let key = new_key()?;
    let mut window = desktop.open().await?;

    // Sign in.
    window.find("signin-key").await?;
    window.resize(1280, 800).await?;
    pictures.take(&window, "01-sign-in").await?;
    sign_in(&window, &key, "Research desk").await?;
    window.find("files-empty").await?;
    pictures.take(&window, "02-files-none").await?;
    widths(&pictures, &window, "files-none").await?;

    // Drop three files.
    let three = [
        put(&home, "sales 2026.csv", sales(40_000))?,
        put(&home, "countries.json", countries())?,
        put(
            &home,
            "notes on the method.txt",
            "Codes keep their leading zeros.\n",
        )?,
    ];
    window.drag_files(&three).await?;
    wait_for_total(&window, 3).await?;
    wait_for_job(&window, "import").await?;
    pictures.take(&window, "03-files-three").await?;
    widths(&pictures, &window, "files-three").await?;
    click_row(&window, "sales 2026.csv").await?;
    window.find_within("profile-short", WORK).await?;
    pictures.take(&window, "04-details").await?;
    window.click("job-results").await?;
    window.find("import-results").await?;
    pictures.take(&window, "05-import-results").await?;
    window.click("import-results-close").await?;
    dismiss_jobs(&window).await?;

    // Convert.
    go(&window, "files").await?;
    click_row(&window, "sales 2026.csv").await?;
    window.click("details-convert").await?;
    window.click("convert-to-parquet").await?;
    window.find_within("convert-plan", WORK).await?;
    pictures.take(&window, "06-convert-plan").await?;
    window.click("convert-run").await?;
    window.find_within("certificate", WORK).await?;
    pictures.take(&window, "07-convert-proved").await?;
    go(&window, "history").await?;
    window.click("history-row").await?;
    window.find("history-details").await?;
    pictures.take(&window, "08-history").await?;

    // A table of it, and a query.
    go(&window, "tables").await?;
    window.find("tables-empty").await?;
    pictures.take(&window, "08a-tables-none").await?;
    window.click("tables-add").await?;
    window.fill("files-search", "sales 2026.csv").await?;
    window
        .wait_until("document.querySelectorAll('[data-testid=add-table-file]').length === 1")
        .await?;
    window.click("add-table-file").await?;
    window.find_within("profile-short", WORK).await?;
    pictures.take(&window, "08b-table-add").await?;
    window.click("add-table-submit").await?;
    window.find_within("grid-row", WORK).await?;
    pictures.take(&window, "08c-table").await?;
    window.click("grid-column").await?;
    window.find_within("histogram", WORK).await?;
    pictures.take(&window, "08d-table-column").await?;
    go(&window, "tables").await?;
    window.find("tables-row").await?;
    pictures.take(&window, "08e-tables").await?;
    window.click("tables-sql").await?;
    window
        .fill(
            "sql-editor",
            // As much as the editor shows without scrolling.
            "SELECT city, count(*), sum(amount) AS amount FROM sales_2026 GROUP BY city ORDER BY amount",
        )
        .await?;
    window.click("sql-run").await?;
    window.find_within("grid-row", WORK).await?;
    pictures.take(&window, "08f-query").await?;

    // Statistics.
    go(&window, "dashboard").await?;
    wait_for_words(&window, "stats-total-files", "4 files").await?;
    // The rest of the screen comes after the figures.
    window.find("stats-backup").await?;
    pictures.take(&window, "09-dashboard").await?;

    // Back up, and restore on an empty machine.
    go(&window, "backup").await?;
    window.find("backup-form").await?;
    pictures.take(&window, "10-backup-set-up").await?;
    set_up(&pictures, &window, &s3).await?;
    nothing_by_itself(&window).await?;
    back_up_again(&window, 1).await?;
    pictures.take(&window, "11-backup-done").await?;
    backup_pages(&pictures, &window, &desktop, &s3, &home).await?;
    go(&window, "settings").await?;
    window.find("settings-key").await?;
    pictures.take(&window, "12-settings").await?;

    // Ten thousand files.
    let many = home.join("archive");
    for n in 0..9_995 {
        let (kind, text) = match n % 4 {
            0 => ("csv", format!("n\n{n}\n")),
            1 => ("json", format!("{{\"n\":{n}}}")),
            2 => ("txt", format!("number {n}\n")),
            _ => ("tsv", format!("n\tsquare\n{n}\t{}\n", n * n)),
        };
        put(
            &many,
            &format!("{:02}/measurement {n:05}.{kind}", n / 250),
            text,
        )?;
    }
    go(&window, "files").await?;
    if window.count("details-close").await? > 0 {
        window.click("details-close").await?;
    }
    window.drag_files(&[many]).await?;
    wait_for_total(&window, 10_000).await?;
    wait_for_job(&window, "import").await?;
    dismiss_jobs(&window).await?;
    window.resize(1280, 800).await?;
    pictures.take(&window, "13-files-many").await?;
    widths(&pictures, &window, "files-many").await?;
    window.fill("files-search", "measurement 0423").await?;
    wait_for_words(&window, "files-total", "11 found").await?;
    pictures.take(&window, "14-search").await?;
    window.quit().await?;

    let elsewhere =
        ["store", "config"].map(|name| desktop.home().join("another machine").join(name));
    let [store, config] = elsewhere
        .each_ref()
        .map(|path| path.to_str().unwrap_or_default());
    let environment = [("REDLINE_DATA_DIR", store), ("REDLINE_CONFIG_DIR", config)];
    let mut window = desktop.open_program(&app()?, &environment).await?;
    window.resize(1280, 800).await?;
    sign_in(&window, &key, "New laptop").await?;
    set_up_bucket(&window, &s3).await?;
    ask_restore(&window).await?;
    pictures.take(&window, "15-restore-plan").await?;
    window.click("restore-run").await?;
    wait_for_job(&window, "restore").await?;
    pictures.take(&window, "16-restored").await?;
    go(&window, "files").await?;
    wait_for_total(&window, 5).await?;
    pictures.take(&window, "17-files-restored").await?;
    window.quit().await?;
    encrypted(&pictures, &desktop).await?;
    drop(desktop);

    // A machine without a keyring.
    let desktop = Desktop::start_with(Keyring::Locked, SCREEN)?;
    let mut window = desktop.open().await?;
    window.resize(1280, 800).await?;
    window.find("signin-keep-passphrase").await?;
    pictures.take(&window, "18-keyring-locked").await?;
    window.quit().await
}

/// By service, with keys that lack a right, and then with those that do.
async fn set_up(pictures: &Pictures, window: &Window<'_>, s3: &TestS3) -> Result<()> {
    window.click("backup-provider-r2").await?;
    window.find("backup-account").await?;
    pictures.take(window, "10a-backup-service").await?;
    fill_bucket(window, s3).await?;
    s3.inject(
        Fault::new(FaultKind::ACCESS_DENIED)
            .on("GetObject")
            .times(99),
    );
    window.click("backup-save").await?;
    window.find_within("backup-missing", WORK).await?;
    pictures.take(window, "10b-backup-doctor").await?;
    narrow(pictures, window, "10b-backup-doctor").await?;
    s3.clear_faults();
    set_up_bucket(window, s3).await
}

/// The timeline, what proves it, what is kept, and the bucket itself.
async fn backup_pages(
    pictures: &Pictures,
    window: &Window<'_>,
    desktop: &Desktop,
    s3: &TestS3,
    home: &Path,
) -> Result<()> {
    show(window, "proof").await?;
    for (kind, job) in [("quick", "check_backup"), ("drill", "drill")] {
        click_css(
            window,
            &format!(
                "[data-testid=proof][data-kind={kind}] [data-testid=proof-run]:not(:disabled)"
            ),
        )
        .await?;
        wait_for_job(window, job).await?;
    }
    dismiss_jobs(window).await?;
    pictures.take(window, "11a-proof").await?;
    narrow(pictures, window, "11a-proof").await?;

    // A second point, so that there is a timeline.
    go(window, "files").await?;
    window
        .drag_files(&[put(home, "prices.csv", sales(900))?])
        .await?;
    wait_for_total(window, 5).await?;
    back_up_again(window, 2).await?;
    dismiss_jobs(window).await?;
    pictures.take(window, "11b-timeline").await?;
    narrow(pictures, window, "11b-timeline").await?;
    click_css(window, "[data-testid=restore-point]").await?;
    window.find_within("point-restore-one", WORK).await?;
    pictures.take(window, "11c-point").await?;
    click_enabled(window, "restore-from").await?;
    window.find_within("restore-plan", WORK).await?;
    pictures.take(window, "11d-restore-plan").await?;
    narrow(pictures, window, "11d-restore-plan").await?;
    window.click("restore-cancel").await?;

    show(window, "keep").await?;
    window.click("retention-rules").await?;
    for (rule, kept) in [
        ("last", "1"),
        ("daily", "0"),
        ("weekly", "0"),
        ("monthly", "0"),
    ] {
        window.fill(&format!("retention-{rule}"), kept).await?;
    }
    wait_for_words(window, "retention-save", "drop 1").await?;
    pictures.take(window, "11e-keep-rules").await?;
    narrow(pictures, window, "11e-keep-rules").await?;

    s3.set_lifecycle(&[("expire-all", "", 365)]);
    show(window, "bucket").await?;
    window.find_within("bucket-versioning", WORK).await?;
    pictures.take(window, "11f-bucket").await?;
    narrow(pictures, window, "11f-bucket").await?;
    window
        .execute("document.querySelector('[data-testid=bucket-rules]').scrollIntoView()")
        .await?;
    pictures.take(window, "11g-bucket-rules").await?;
    s3.set_lifecycle(&[]);

    go(window, "files").await?;
    click_row(window, "sales 2026.csv").await?;
    window.find_within("details-backup", WORK).await?;
    pictures.take(window, "11h-file-backed-up").await?;

    // Another program writes over a file, and it is backed up as it is since.
    let stored = find_file(&desktop.data_dir(), "prices.csv").context("it is stored")?;
    edit_stored(window, &stored, "prices.csv", &sales(1200)).await?;
    back_up_again(window, 3).await?;
    dismiss_jobs(window).await?;
    go(window, "files").await?;
    click_row(window, "prices.csv").await?;
    click_enabled(window, "details-versions").await?;
    wait_for_words(window, "versions-said", "All 3 restore points").await?;
    pictures.take(window, "11i-versions").await?;
    narrow(pictures, window, "11i-versions").await?;
    window.click("version-restore").await?;
    window.find_within("version-effect", WORK).await?;
    pictures.take(window, "11j-version-plan").await?;
    window.click("version-back").await?;
    window.click("versions-close").await?;
    go(window, "backup").await
}

/// Another key's store, with the keys of an AWS profile and encrypted before it is sent, and the
/// same on a machine without its key.
async fn encrypted(pictures: &Pictures, desktop: &Desktop) -> Result<()> {
    const PASSPHRASE: &str = "four plain words for a tour";
    let home = desktop.scratch("sealed files")?;
    let s3 = TestS3::start(Options {
        bucket: "acme-sealed".into(),
        ..Options::default()
    })?;
    let key = new_key()?;
    let mut window = another_machine(desktop, "sealed").await?;
    window.resize(1280, 800).await?;
    sign_in(&window, &key, "Sealed").await?;
    nothing_by_itself(&window).await?;
    window
        .drag_files(&[put(&home, "salaries.csv", sales(400))?])
        .await?;
    wait_for_total(&window, 1).await?;
    dismiss_jobs(&window).await?;
    go(&window, "backup").await?;
    put_aws_profile(desktop, "work", &s3)?;
    window.fill("backup-bucket-name", s3.bucket()).await?;
    window.click("backup-keys-profile").await?;
    window.find_within("backup-profile", WORK).await?;
    choose_encryption(&window, PASSPHRASE).await?;
    window.find_within("backup-encrypt-costs", WORK).await?;
    window
        .execute("document.querySelector('[data-testid=backup-form]').scrollIntoView()")
        .await?;
    pictures.take(&window, "19-profile-at-set-up").await?;
    narrow(pictures, &window, "19-profile-at-set-up").await?;
    window
        .execute("document.querySelector('[data-testid=backup-encrypt-open]').scrollIntoView()")
        .await?;
    pictures.take(&window, "19-encrypt-at-set-up").await?;
    narrow(pictures, &window, "19-encrypt-at-set-up").await?;
    click_enabled(&window, "backup-save").await?;
    window.find_within("backup-bucket", WORK).await?;
    back_up_again(&window, 1).await?;
    window.quit().await?;

    let mut window = another_machine(desktop, "sealed elsewhere").await?;
    window.resize(1280, 800).await?;
    sign_in(&window, &key, "New laptop").await?;
    nothing_by_itself(&window).await?;
    set_up_bucket(&window, &s3).await?;
    window.find_within("backup-locked", WORK).await?;
    window.find_within("restore-point", WORK).await?;
    pictures.take(&window, "20-locked").await?;
    narrow(pictures, &window, "20-locked").await?;
    window.quit().await
}

struct Pictures {
    folder: PathBuf,
}

impl Pictures {
    fn new() -> Self {
        let folder = env::var_os("REDLINE_TOUR_DIR")
            .map_or_else(|| env::temp_dir().join("redline-tour"), PathBuf::from);
        println!("pictures go to {}", folder.display());
        Self { folder }
    }

    /// The window as it is, light and dark.
    async fn take(&self, window: &Window<'_>, name: &str) -> Result<()> {
        for theme in THEMES {
            self.set_theme(window, theme).await?;
            // Movements have ended and fonts are there.
            tokio::time::sleep(std::time::Duration::from_millis(350)).await;
            // A busy machine may not have drawn since: a picture shows the last frame, not the page.
            window
                .client()?
                .execute_async(
                    "const done = arguments[0], next = requestAnimationFrame; \
                     next(() => next(() => setTimeout(done, 60)));",
                    Vec::new(),
                )
                .await?;
            let path = self.folder.join(format!("{name}-{theme}.png"));
            window
                .screenshot(&path)
                .await
                .with_context(|| name.to_owned())?;
            println!("{name}-{theme}.png");
        }
        self.set_theme(window, THEMES[0]).await
    }

    /// Through the same command as the switch in Settings.
    async fn set_theme(&self, window: &Window<'_>, theme: &str) -> Result<()> {
        let mut settings = answer(window, "app_state", json!({})).await?["settings"].clone();
        settings["theme"] = json!(theme);
        answer(window, "save_settings", json!({ "settings": settings })).await?;
        window
            .wait_until(&format!(
                "document.documentElement.dataset.theme === '{theme}'"
            ))
            .await
    }
}

/// The same in a narrow window.
async fn narrow(pictures: &Pictures, window: &Window<'_>, name: &str) -> Result<()> {
    window.resize(900, 700).await?;
    pictures.take(window, &format!("{name}-900")).await?;
    window.resize(1280, 800).await
}

/// The same in a narrow and in a wide window.
async fn widths(pictures: &Pictures, window: &Window<'_>, name: &str) -> Result<()> {
    for (width, height) in [(900, 600), (1600, 900)] {
        window.resize(width, height).await?;
        pictures.take(window, &format!("{name}-{width}")).await?;
    }
    window.resize(1280, 800).await
}

/// Empties the tray, one ended job after the other.
async fn dismiss_jobs(window: &Window<'_>) -> Result<()> {
    for _ in 0..20 {
        if window.count("job-dismiss").await? == 0 {
            break;
        }
        window.click("job-dismiss").await?;
    }
    window.wait_gone("tray").await
}

fn countries() -> String {
    let mut text = String::from("[");
    for (n, name) in ["Austria", "Brazil", "Chad", "Denmark", "Ecuador"]
        .iter()
        .enumerate()
    {
        let comma = if n == 0 { "" } else { "," };
        // Writing to a String cannot fail.
        let _ = write!(text, "{comma}{{\"name\":\"{name}\",\"code\":\"{n:03}\"}}");
    }
    text + "]"
}
