//! The program of the interface page, unchanged but for its key and port.

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use support::{Api, KEY_B};

#[test]
fn the_program_of_the_guide_runs() {
    let api = Api::start();
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/python/guide.py");
    let guide = std::fs::read_to_string(guide).expect("the guide");
    assert_eq!(guide.matches("RL-XXXXXXXX-XXXXXXXX-XXXXXXXX").count(), 1);
    assert_eq!(guide.matches(":8080/").count(), 3);
    let program = guide
        .replace("RL-XXXXXXXX-XXXXXXXX-XXXXXXXX", KEY_B)
        .replace(":8080/", &format!(":{}/", api.port()));
    // What it ends with is looked at afterwards, so that the program stays as it is.
    let checks = "
assert response.status_code == 200, response.text
assert response.content == open('data.csv', 'rb').read(), response.content
assert files[0]['filename'] == 'data.csv' and len(files) == 1, files
print('done')
";
    std::fs::write(
        api.dir.path().join("data.csv"),
        "day,close\n2026-11-20,007\n",
    )
    .unwrap();
    std::fs::write(api.dir.path().join("program.py"), program + checks).unwrap();
    let mut python = Command::new("python3");
    python
        .arg("program.py")
        .current_dir(api.dir.path())
        .env("NO_PROXY", "*")
        .env("no_proxy", "*");
    if let Some(modules) = modules() {
        python.env("PYTHONPATH", modules);
    }
    let output = python.output().expect("python3 runs");
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(output.status.success() && text.contains("done"), "{text}");
}

/// Where `requests` is, if not where Python looks anyway: fetched once, then kept
/// beside the build.
fn modules() -> Option<PathBuf> {
    let has = |path: Option<&Path>| {
        let mut python = Command::new("python3");
        python.args(["-c", "import requests"]);
        if let Some(path) = path {
            python.env("PYTHONPATH", path);
        }
        python.output().is_ok_and(|o| o.status.success())
    };
    if has(None) {
        return None;
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("python-modules");
    if !has(Some(&folder)) {
        let fetched = Command::new("python3")
            .args(["-m", "pip", "install", "--quiet", "--target"])
            .arg(&folder)
            .arg("requests")
            .output();
        assert!(
            fetched.is_ok_and(|o| o.status.success()) && has(Some(&folder)),
            "python3 has no module `requests`, and pip could not fetch it: install python3-requests"
        );
    }
    Some(folder)
}
