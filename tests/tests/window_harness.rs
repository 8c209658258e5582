//! The harness itself, on a bare window: what it promises the tests that rely on it.
#![cfg(target_os = "linux")]

use std::{fs, path::PathBuf};

use anyhow::Result;
use redline_tests::window::{Desktop, Keyring, built};

fn bare_window() -> Result<PathBuf> {
    built("examples/bare_window")
}

#[tokio::test]
async fn a_window_is_read_clicked_typed_into_photographed_and_restarted() -> Result<()> {
    let desktop = Desktop::start()?;
    let mut window = desktop.open_program(&bare_window()?, &[]).await?;
    window.wait_for_text("greeting", "A bare window").await?;

    window.fill("name", "Ada").await?;
    window.click("greet").await?;
    window.wait_for_text("greeting", "Hello, Ada").await?;

    let picture = desktop.home().join("picture.png");
    window.screenshot(&picture).await?;
    let bytes = fs::read(&picture)?;
    assert!(bytes.starts_with(b"\x89PNG"), "{} bytes", bytes.len());

    window.resize(900, 700).await?;

    let first = window.pid()?;
    window.restart().await?;
    assert_ne!(window.pid()?, first);
    window.wait_for_text("greeting", "A bare window").await?;

    window.kill().await?;
    window.restart().await?;
    window.wait_for_text("greeting", "A bare window").await?;
    window.quit().await?;
    assert!(window.pid().is_err());
    Ok(())
}

#[tokio::test]
async fn a_drag_out_of_another_window_arrives_with_every_path() -> Result<()> {
    let desktop = Desktop::start()?;
    let folder = desktop.scratch("to drag")?;
    let paths = ["one.csv", "two with a space.csv", "drei-ü.csv"].map(|name| folder.join(name));
    for path in &paths {
        fs::write(path, "a,b\n1,2\n")?;
    }
    let window = desktop.open_program(&bare_window()?, &[]).await?;
    window.wait_for_text("greeting", "A bare window").await?;

    window.drag_files(&paths).await?;
    for path in &paths {
        let path = path.to_string_lossy();
        window.wait_for_text("dropped", &path).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_wait_in_vain_tells_what_the_window_showed() -> Result<()> {
    let desktop = Desktop::start()?;
    let window = desktop.open_program(&bare_window()?, &[]).await?;
    let patience = std::time::Duration::from_millis(300);
    let error = window
        .wait_for_text_within("greeting", "never said", patience)
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("never said"), "{error}");
    assert!(error.contains("A bare window"), "{error}");
    let picture = error
        .lines()
        .next()
        .and_then(|line| line.split_once("a picture is in "))
        .map(|(_, path)| PathBuf::from(path));
    let picture = picture.expect("no picture was named");
    assert!(picture.exists());
    fs::remove_file(picture)?;
    Ok(())
}

#[test]
fn each_state_of_the_keyring_is_real() -> Result<()> {
    let unlocked = Desktop::start()?;
    assert_eq!(secret_service(&unlocked)?, "open");
    drop(unlocked);

    let locked = Desktop::start_with(Keyring::Locked, (800, 600))?;
    assert_eq!(secret_service(&locked)?, "no open collection");
    drop(locked);

    let absent = Desktop::start_with(Keyring::Absent, (800, 600))?;
    assert_eq!(secret_service(&absent)?, "no service");
    Ok(())
}

/// Asks the session's secret service for its login collection, as any program would.
fn secret_service(desktop: &Desktop) -> Result<&'static str> {
    let output = desktop
        .command("dbus-send")
        .args([
            "--session",
            "--print-reply",
            "--dest=org.freedesktop.secrets",
            "/org/freedesktop/secrets/collection/login",
            "org.freedesktop.DBus.Properties.Get",
            "string:org.freedesktop.Secret.Collection",
            "string:Locked",
        ])
        .output()?;
    let answer = String::from_utf8_lossy(&output.stdout);
    let error = String::from_utf8_lossy(&output.stderr);
    Ok(if answer.contains("boolean false") {
        "open"
    } else if error.contains("ServiceUnknown") {
        "no service"
    } else {
        "no open collection"
    })
}

#[test]
fn nothing_is_left_running() -> Result<()> {
    let desktop = Desktop::start()?;
    let home = desktop.home().to_path_buf();
    assert!(!running_at(&home).is_empty());
    drop(desktop);
    assert!(!home.exists());
    let left = running_at(&home);
    assert!(left.is_empty(), "still running: {left:?}");
    Ok(())
}

/// Names of the processes whose environment names `home`.
fn running_at(home: &std::path::Path) -> Vec<String> {
    let wanted = home.to_string_lossy().into_owned();
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .filter_map(|entry| {
            let folder = entry.ok()?.path();
            let environment = fs::read(folder.join("environ")).ok()?;
            let found = String::from_utf8_lossy(&environment).contains(&wanted);
            found.then(|| fs::read_to_string(folder.join("comm")).unwrap_or_default())
        })
        .collect()
}
