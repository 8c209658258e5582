//! The prebuilt DuckDB library. Compiling DuckDB takes over 20 minutes on two cores; its makers
//! publish the library inside an npm package, which npm fetches and this module checks against
//! two pinned hashes: the package as fetched, and the library each time it is used.
//! Never trusts what is in the cache because it is there.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail, ensure};
use sha2::{Digest, Sha256, Sha512};

use crate::{
    command,
    place::Place,
    steps::Outcome::{self, AlreadyThere, Done},
};

/// The `duckdb` crate in Cargo.toml is pinned to the bindings of this version.
pub const VERSION: &str = "1.5.6";

const PACKAGE: &str = "@duckdb/node-bindings-linux-x64@1.5.6-r.1";
/// As npm states it: SHA-512 of the tarball, in base64.
const PACKAGE_INTEGRITY: &str =
    "IXcrZJE6kEqM0Z4wwdVnGBHX/frOS33VPNAwDXQ/Q+Fs84b058Qe94chrCCIcNJlG8Y3UHIUU4eBeCQxW5mN1Q==";
const LIBRARY: &str = "libduckdb.so";
const LIBRARY_SHA256: &str = "3f4962cdd266eab2b479a5b5a4a6d063d279b2954ae814ed00385d553b747633";

/// Fetches the library if it is not in the cache, and puts it where builds and programs look.
pub fn install(place: &Place) -> Result<Outcome> {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        bail!(
            "there is no prebuilt DuckDB {VERSION} for this platform ({} on {}).\n\
             hint: add --bundled to this command, which compiles DuckDB from source (a C++ \
             compiler is needed, and over 20 minutes).",
            std::env::consts::OS,
            std::env::consts::ARCH
        );
    }
    let mut outcome = AlreadyThere;
    let folder = place.duckdb();
    if !is_intact(&folder) {
        fetch(place, &folder)?;
        outcome = Done;
    }
    if link_into_clone(place, &folder)? {
        outcome = Done;
    }
    let own_target = place.root.join("target");
    for target in [&place.target, &own_target] {
        for profile in ["debug", "release"] {
            place_beside(&folder.join(LIBRARY), &target.join(profile))?;
        }
    }
    Ok(outcome)
}

/// The library to put into packages.
pub fn library(place: &Place) -> PathBuf {
    place.duckdb().join(LIBRARY)
}

fn is_intact(folder: &Path) -> bool {
    let library = folder.join(LIBRARY);
    match file_hash::<Sha256>(&library) {
        Ok(hash) if hex(&hash) == LIBRARY_SHA256 => true,
        Ok(_) => {
            println!("  the cached library is damaged; fetching it again");
            false
        }
        Err(_) => false,
    }
}

fn fetch(place: &Place, folder: &Path) -> Result<()> {
    let scratch = place
        .cache
        .join(format!("duckdb/.fetch-{}", std::process::id()));
    fs::create_dir_all(&scratch)
        .with_context(|| format!("could not create {}", scratch.display()))?;
    let result = fetch_into(&scratch, folder);
    let _ = fs::remove_dir_all(&scratch);
    result
}

fn fetch_into(scratch: &Path, folder: &Path) -> Result<()> {
    println!("  fetching {PACKAGE} (about 25 MB)");
    let listing = command::output(command::npm(scratch).args([
        "pack",
        PACKAGE,
        "--json",
        "--ignore-scripts",
        "--loglevel=error",
    ]))?;
    let listing: serde_json::Value =
        serde_json::from_str(&listing).context("npm pack did not answer with JSON")?;
    let name = packed_name(&listing).context("npm pack named no file")?;
    let tarball = scratch.join(name);

    let found = base64(&file_hash::<Sha512>(&tarball)?);
    ensure!(
        found == PACKAGE_INTEGRITY,
        "{PACKAGE} is not the package this project was built against: its SHA-512 is {found}, \
         expected {PACKAGE_INTEGRITY}. Nothing was unpacked."
    );

    command::run(
        Command::new("tar")
            .current_dir(scratch)
            .arg("-xzf")
            .arg(&tarball),
    )?;
    let unpacked = scratch.join("package");
    ensure!(
        is_intact(&unpacked),
        "{PACKAGE} holds another {LIBRARY} than expected"
    );

    let ready = scratch.join("ready");
    fs::create_dir(&ready)?;
    for file in [LIBRARY, "LICENSE"] {
        if unpacked.join(file).exists() {
            fs::rename(unpacked.join(file), ready.join(file))?;
        }
    }
    // A folder appears whole or not at all; one that is there but failed its check makes way.
    if folder.exists() {
        fs::rename(folder, scratch.join("damaged"))?;
    }
    match fs::rename(&ready, folder) {
        Ok(()) => Ok(()),
        // Another clone was quicker.
        Err(_) if is_intact(folder) => Ok(()),
        Err(error) => Err(error).with_context(|| format!("could not create {}", folder.display())),
    }
}

/// npm prints a list of packages, or since version 11 a map of them.
fn packed_name(listing: &serde_json::Value) -> Option<&str> {
    let package = match listing {
        serde_json::Value::Array(items) => items.first(),
        serde_json::Value::Object(map) => map.values().next(),
        _ => None,
    }?;
    package.get("filename")?.as_str()
}

/// Makes `third-party/duckdb`, which `.cargo/config.toml` names, so that plain cargo works too.
/// Answers whether anything had to be done.
fn link_into_clone(place: &Place, folder: &Path) -> Result<bool> {
    let link = place.root.join("third-party").join("duckdb");
    if fs::read_link(&link).is_ok_and(|target| target == folder) {
        return Ok(false);
    }
    fs::create_dir_all(place.root.join("third-party"))?;
    match fs::symlink_metadata(&link) {
        Ok(found) if found.is_symlink() => fs::remove_file(&link)?,
        // Somebody's own copy.
        Ok(_) if is_intact(&link) => return Ok(false),
        Ok(_) => bail!(
            "{} is in the way.\nhint: move it aside; a link to the library belongs there.",
            link.display()
        ),
        Err(_) => {}
    }
    link_folder(folder, &link)
        .with_context(|| format!("could not link {} into the clone", folder.display()))?;
    Ok(true)
}

#[cfg(unix)]
fn link_folder(folder: &Path, link: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(folder, link)
}

#[cfg(not(unix))]
fn link_folder(folder: &Path, link: &Path) -> io::Result<()> {
    fs::create_dir_all(link)?;
    fs::copy(folder.join(LIBRARY), link.join(LIBRARY)).map(drop)
}

/// Programs look for the library beside themselves. A hard link costs no space and no time.
fn place_beside(library: &Path, folder: &Path) -> Result<()> {
    let wanted = folder.join(LIBRARY);
    if is_same_file(library, &wanted) {
        return Ok(());
    }
    fs::create_dir_all(folder).with_context(|| format!("could not create {}", folder.display()))?;
    let fresh = folder.join(format!(".{LIBRARY}.{}", std::process::id()));
    let _ = fs::remove_file(&fresh);
    if fs::hard_link(library, &fresh).is_err() {
        fs::copy(library, &fresh)
            .with_context(|| format!("could not copy {LIBRARY} into {}", folder.display()))?;
    }
    fs::rename(&fresh, &wanted).with_context(|| format!("could not create {}", wanted.display()))
}

/// The same inode, or a copy as long and no older than the original.
fn is_same_file(one: &Path, other: &Path) -> bool {
    let (Ok(one), Ok(other)) = (fs::metadata(one), fs::metadata(other)) else {
        return false;
    };
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        if one.dev() == other.dev() {
            return one.ino() == other.ino();
        }
    }
    one.len() == other.len()
        && matches!((one.modified(), other.modified()), (Ok(source), Ok(copy)) if copy >= source)
}

fn file_hash<D: Digest + io::Write>(path: &Path) -> Result<Vec<u8>> {
    let mut file =
        fs::File::open(path).with_context(|| format!("could not open {}", path.display()))?;
    let mut hash = D::new();
    io::copy(&mut file, &mut hash).with_context(|| format!("could not read {}", path.display()))?;
    Ok(hash.finalize().to_vec())
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let group = chunk
            .iter()
            .chain([0u8; 2].iter())
            .take(3)
            .fold(0u32, |group, byte| (group << 8) | u32::from(*byte));
        for position in 0..4 {
            if position <= chunk.len() {
                let index = (group >> (18 - 6 * position)) & 63;
                text.push(char::from(ALPHABET[index as usize]));
            } else {
                text.push('=');
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_as_in_rfc_4648() {
        for (plain, coded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
        ] {
            assert_eq!(base64(plain.as_bytes()), coded);
        }
    }

    #[test]
    fn both_shapes_of_npm_pack_are_understood() {
        for listing in [
            r#"[{"filename":"a.tgz"}]"#,
            r#"{"@duckdb/x":{"filename":"a.tgz"}}"#,
        ] {
            let listing = serde_json::from_str(listing).unwrap();
            assert_eq!(packed_name(&listing), Some("a.tgz"));
        }
    }
}
