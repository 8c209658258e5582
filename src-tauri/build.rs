//! Hands tauri.conf.json to Tauri. A bare clone has no built page yet; it gets one
//! that says how to make it, so that `cargo build` works before anything else.

use std::path::Path;

const PLACEHOLDER: &str = "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Redline</title></head>\n\
    <body><p>The window's page is not built yet. Run <code>cargo xtask run</code>.</p></body></html>\n";

fn main() {
    let page = Path::new("ui/dist/index.html");
    println!("cargo:rerun-if-changed=ui/dist");
    println!("cargo:rerun-if-changed=icons");
    if !page.exists() {
        let made =
            std::fs::create_dir_all("ui/dist").and_then(|()| std::fs::write(page, PLACEHOLDER));
        if let Err(error) = made {
            println!("cargo:warning=could not write {}: {error}", page.display());
        }
    }
    tauri_build::build();
}
