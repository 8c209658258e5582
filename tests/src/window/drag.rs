//! A real drag between two X11 windows: a small GTK program offers the files, xdotool moves the
//! pointer. The timing is what GTK's and WebKit's drag recognition were measured to need.

use std::{
    io::{BufRead, BufReader},
    path::PathBuf,
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};

use super::{Desktop, app::output, process::Group};

const SOURCE: &str = include_str!("drag_source.py");
/// Debian's interpreter, which has Debian's python3-gi; another one on the PATH may not.
const PYTHON: &str = "/usr/bin/python3";
const MOVES: i32 = 20;

/// Drags `paths` to a point on the screen and lets go there.
pub async fn drop_files(desktop: &Desktop, paths: &[PathBuf], to: (i32, i32)) -> Result<()> {
    let mut command = desktop.command(PYTHON);
    command
        .arg("-c")
        .arg(SOURCE)
        .args(paths)
        .stdout(Stdio::piped());
    let mut source = Group::spawn(&mut command)?;
    let stdout = source.child().stdout.take().context("no stdout pipe")?;
    let mut lines = BufReader::new(stdout).lines();
    let mut said = move || lines.next().and_then(Result::ok).unwrap_or_default();

    let place = said();
    let from = place
        .strip_prefix("at ")
        .and_then(|place| place.split_once(' '))
        .and_then(|(x, y)| Some((x.parse::<i32>().ok()?, y.parse::<i32>().ok()?)));
    let Some(from) = from else {
        bail!("the drag source did not come up; it said {place:?}");
    };

    let xdotool = |arguments: &[&str]| output(desktop.command("xdotool").args(arguments)).map(drop);
    let pause = |millis| tokio::time::sleep(Duration::from_millis(millis));
    xdotool(&["mousemove", &from.0.to_string(), &from.1.to_string()])?;
    pause(200).await;
    xdotool(&["mousedown", "1"])?;
    pause(300).await;
    for step in 1..=MOVES {
        let at = |from: i32, to: i32| from + (to - from) * step / MOVES;
        let (x, y) = (at(from.0, to.0), at(from.1, to.1));
        xdotool(&["mousemove", &x.to_string(), &y.to_string()])?;
        pause(50).await;
    }
    xdotool(&["mousemove_relative", "3", "3"])?;
    pause(500).await;
    xdotool(&["mouseup", "1"])?;

    // The source says how it ended, then ends by itself.
    let ending = tokio::task::spawn_blocking(said);
    let ending = tokio::time::timeout(Duration::from_secs(10), ending)
        .await
        .context("the drag did not end within 10 s")??;
    ensure!(ending == "dropped", "the window took no drop: {ending:?}");
    let deadline = Instant::now() + Duration::from_secs(2);
    while source.is_running() && Instant::now() < deadline {
        pause(20).await;
    }
    Ok(())
}

/// The middle of what `xdotool getwindowgeometry --shell` describes.
pub fn middle_of(geometry: &str) -> Result<(i32, i32)> {
    let number = |name| {
        field(geometry, name).with_context(|| format!("xdotool told no {name}: {geometry:?}"))
    };
    Ok((
        number("X")? + number("WIDTH")? / 2,
        number("Y")? + number("HEIGHT")? / 2,
    ))
}

pub fn area_of(geometry: &str) -> Option<i32> {
    Some(field(geometry, "WIDTH")? * field(geometry, "HEIGHT")?)
}

fn field(geometry: &str, name: &str) -> Option<i32> {
    geometry
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix('=')?.parse().ok())
}
