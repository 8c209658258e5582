//! One open window of the app, over WebDriver.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, bail};
use fantoccini::{Client, ClientBuilder, Locator, elements::Element, key::Key};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};

use super::{Desktop, drag, driver::Driver, process};

/// How long a window may take for anything, unless a test says otherwise.
pub const PATIENCE: Duration = Duration::from_secs(15);
const POLL: Duration = Duration::from_millis(40);

/// A window, found things by their `data-testid` in it.
#[derive(Debug)]
pub struct Window<'d> {
    desktop: &'d Desktop,
    driver: Driver,
    program: PathBuf,
    client: Option<Client>,
}

impl<'d> Window<'d> {
    pub(super) async fn open(desktop: &'d Desktop, driver: Driver, program: &Path) -> Result<Self> {
        let mut window = Self {
            desktop,
            driver,
            program: fs::canonicalize(program)
                .with_context(|| format!("could not find {}", program.display()))?,
            client: None,
        };
        window.connect().await?;
        Ok(window)
    }

    async fn connect(&mut self) -> Result<()> {
        let capabilities = json!({ "tauri:options": { "application": self.program } });
        let Value::Object(capabilities) = capabilities else {
            bail!("the capabilities are no object");
        };
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities)
            .connect(&self.driver.address())
            .await
            .map_err(|error| {
                anyhow!(
                    "could not open {}: {error}\nits output:\n{}",
                    self.program.display(),
                    self.driver.log()
                )
            })?;
        self.client = Some(client);
        Ok(())
    }

    /// The WebDriver session, for what this type has no word for.
    pub fn client(&self) -> Result<&Client> {
        self.client.as_ref().context("the window is closed")
    }

    // --- finding ---------------------------------------------------------------------------------

    /// The first visible element with this `data-testid`, waiting until there is one.
    pub async fn find(&self, id: &str) -> Result<Element> {
        self.find_within(id, PATIENCE).await
    }

    pub async fn find_within(&self, id: &str, patience: Duration) -> Result<Element> {
        let deadline = Instant::now() + patience;
        loop {
            for element in self.find_now(id).await? {
                if element.is_displayed().await.unwrap_or(false) {
                    return Ok(element);
                }
            }
            if Instant::now() > deadline {
                return Err(self.disappointed(&format!("{id:?} to be visible")).await);
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// What has this `data-testid` at this moment, visible or not.
    pub async fn find_now(&self, id: &str) -> Result<Vec<Element>> {
        let selector = format!("[data-testid=\"{id}\"]");
        Ok(self.client()?.find_all(Locator::Css(&selector)).await?)
    }

    pub async fn count(&self, id: &str) -> Result<usize> {
        Ok(self.find_now(id).await?.len())
    }

    /// Waits until nothing visible has this `data-testid`.
    pub async fn wait_gone(&self, id: &str) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let mut visible = false;
            for element in self.find_now(id).await? {
                visible |= element.is_displayed().await.unwrap_or(false);
            }
            if !visible {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(self.disappointed(&format!("{id:?} to go away")).await);
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Waits until the text of the first element with this id contains `wanted`; gives that text.
    pub async fn wait_for_text(&self, id: &str, wanted: &str) -> Result<String> {
        self.wait_for_text_within(id, wanted, PATIENCE).await
    }

    pub async fn wait_for_text_within(
        &self,
        id: &str,
        wanted: &str,
        patience: Duration,
    ) -> Result<String> {
        let deadline = Instant::now() + patience;
        loop {
            // An element may be replaced between being found and being read.
            if let Some(element) = self.find_now(id).await?.first()
                && let Ok(text) = element.text().await
                && text.contains(wanted)
            {
                return Ok(text);
            }
            if Instant::now() > deadline {
                let wish = format!("{id:?} to contain {wanted:?}");
                return Err(self.disappointed(&wish).await);
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Waits until a JavaScript expression is true.
    pub async fn wait_until(&self, expression: &str) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if self
                .execute(&format!("return Boolean({expression})"))
                .await?
                == json!(true)
            {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(self.disappointed(expression).await);
            }
            tokio::time::sleep(POLL).await;
        }
    }

    pub async fn text(&self, id: &str) -> Result<String> {
        Ok(self.find(id).await?.text().await?)
    }

    // --- acting ----------------------------------------------------------------------------------

    /// Clicks, waiting until there is something to click and nothing covers it.
    pub async fn click(&self, id: &str) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let error = match self.find(id).await?.click().await {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            if Instant::now() > deadline {
                let wish = format!("{id:?} to be clickable ({error})");
                return Err(self.disappointed(&wish).await);
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Types into a field, after what is there already.
    pub async fn type_text(&self, id: &str, text: &str) -> Result<()> {
        Ok(self.find(id).await?.send_keys(text).await?)
    }

    /// Replaces what a field holds.
    pub async fn fill(&self, id: &str, text: &str) -> Result<()> {
        let field = self.find(id).await?;
        field.clear().await?;
        Ok(field.send_keys(text).await?)
    }

    /// A key pressed on whatever has the focus.
    pub async fn press(&self, key: Key) -> Result<()> {
        let focused = self.client()?.active_element().await?;
        Ok(focused.send_keys(&String::from(char::from(key))).await?)
    }

    /// The body of a JavaScript function, run in the page; gives what it returns.
    pub async fn execute(&self, script: &str) -> Result<Value> {
        self.execute_with(script, Vec::new()).await
    }

    pub async fn execute_with(&self, script: &str, arguments: Vec<Value>) -> Result<Value> {
        self.client()?
            .execute(script, arguments)
            .await
            .with_context(|| format!("the page refused to run {script:?}"))
    }

    /// Writes a PNG of what the window shows.
    pub async fn screenshot(&self, path: &Path) -> Result<()> {
        let picture = self.client()?.screenshot().await?;
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(path, picture).with_context(|| format!("could not write {}", path.display()))
    }

    /// Resizes the content to `width` x `height` CSS pixels, and waits until the page has it.
    pub async fn resize(&self, width: u32, height: u32) -> Result<()> {
        let id = self.x11_window()?;
        // The window manager's frame, if any, lies outside the size that is asked for here.
        self.xdotool(&[
            "windowsize",
            "--sync",
            &id,
            &width.to_string(),
            &height.to_string(),
        ])?;
        self.wait_until(&format!("Math.abs(window.innerWidth - {width}) < 3"))
            .await
    }

    /// Drags files onto the middle of the window out of another X11 window, and drops them.
    pub async fn drag_files(&self, paths: &[PathBuf]) -> Result<()> {
        let target = self.x11_window()?;
        let geometry = self.xdotool(&["getwindowgeometry", "--shell", &target])?;
        let middle = drag::middle_of(&geometry)?;
        drag::drop_files(self.desktop, paths, middle).await
    }

    // --- the process -----------------------------------------------------------------------------

    /// The id of the app's main process.
    pub fn pid(&self) -> Result<u32> {
        match self.driver.group.members_running(&self.program)[..] {
            [pid] => Ok(pid),
            [] => bail!("the app is not running"),
            ref several => bail!("the app is running {} times", several.len()),
        }
    }

    /// What the app has written to stdout and stderr so far, over all its starts.
    pub fn log(&self) -> String {
        self.driver.log()
    }

    /// Closes the window and waits until its process is gone.
    pub async fn quit(&mut self) -> Result<()> {
        let pid = self.pid().ok();
        if let Some(client) = self.client.take() {
            client.close().await?;
        }
        match pid {
            Some(pid) => wait_for_end(pid).await,
            None => Ok(()),
        }
    }

    /// Kills the app where it stands.
    pub async fn kill(&mut self) -> Result<()> {
        let pid = self.pid()?;
        process::signal(pid, libc::SIGKILL)?;
        wait_for_end(pid).await?;
        if let Some(client) = self.client.take() {
            // The session went with the process; the driver must still be told.
            let _ = client.close().await;
        }
        Ok(())
    }

    /// Closes the app, if it is open, and opens it again on the same desktop.
    pub async fn restart(&mut self) -> Result<()> {
        self.quit().await?;
        self.connect().await
    }

    // --- within ----------------------------------------------------------------------------------

    /// The X11 id of the largest visible window of the app.
    fn x11_window(&self) -> Result<String> {
        let pid = self.pid()?.to_string();
        let deadline = Instant::now() + PATIENCE;
        loop {
            // Exits with 1 while there is none.
            let found = self
                .xdotool(&["search", "--onlyvisible", "--pid", &pid])
                .unwrap_or_default();
            let largest = found
                .lines()
                .filter_map(|id| {
                    let geometry = self.xdotool(&["getwindowgeometry", "--shell", id]).ok()?;
                    Some((drag::area_of(&geometry)?, id))
                })
                .max();
            if let Some((_, id)) = largest {
                return Ok(id.to_owned());
            }
            if Instant::now() > deadline {
                bail!("the app has no visible window on the display");
            }
            thread::sleep(POLL);
        }
    }

    fn xdotool(&self, arguments: &[&str]) -> Result<String> {
        output(self.desktop.command("xdotool").args(arguments))
    }

    /// Says what was waited for and what the window showed instead, and leaves a picture of it.
    async fn disappointed(&self, wish: &str) -> anyhow::Error {
        let text = self
            .execute("return document.body ? document.body.innerText : '(no page)'")
            .await
            .ok()
            .and_then(|text| Some(text.as_str()?.chars().take(2000).collect::<String>()))
            .unwrap_or_else(|| "(the page does not answer)".to_owned());
        let picture = std::env::temp_dir().join(format!(
            "redline-window-{}-{}.png",
            std::process::id(),
            super::driver::serial()
        ));
        let picture = match self.screenshot(&picture).await {
            Ok(()) => format!("a picture is in {}", picture.display()),
            Err(error) => format!("no picture could be taken: {error:#}"),
        };
        let log = self.driver.log();
        let tail: Vec<&str> = log.lines().rev().take(30).collect();
        let tail: Vec<&str> = tail.into_iter().rev().collect();
        anyhow!(
            "waited for {wish}, in vain; {picture}\nthe window shows:\n{text}\nthe app said:\n{}",
            tail.join("\n")
        )
    }
}

async fn wait_for_end(pid: u32) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while process::is_alive(pid) {
        if Instant::now() > deadline {
            bail!("the app did not end within {} s", PATIENCE.as_secs());
        }
        tokio::time::sleep(POLL).await;
    }
    Ok(())
}

pub(super) fn output(command: &mut Command) -> Result<String> {
    let output = command
        .output()
        .with_context(|| format!("could not start {:?}", command.get_program()))?;
    if !output.status.success() {
        bail!(
            "{command:?} failed ({}): {}",
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
