//! What Redline stands on, looked at one by one. It makes no store and asks for no
//! passphrase; what it writes is a probe in the data folder, which it removes, and what
//! opening a store mends anyway.

use redline_license::KeyringState;
use redline_store::{Identity, Store};

use crate::contract::DoctorCheck;
use crate::error::CoreError;
use crate::fsx;
use crate::redline::{Inner, Redline};
use crate::session::Session;
use crate::text;

pub(crate) fn examine(redline: &Redline) -> Vec<DoctorCheck> {
    let core = &*redline.0;
    let mut checks = vec![
        check(
            "Version",
            true,
            format!("Redline {} on {}", crate::version(), std::env::consts::OS),
            "",
        ),
        data_folder(core),
        settings_folder(core),
        profiles(core),
        keyring(core),
    ];
    if let Some(key) = core.env_key() {
        checks.push(match key {
            Ok(key) => check("Key from the environment", true, key.masked(), ""),
            Err(error) => {
                let report = error.report();
                check(
                    "Key from the environment",
                    false,
                    report.message,
                    &report.hint,
                )
            }
        });
    }
    checks.extend(stores(redline));
    checks
}

fn check(name: &str, ok: bool, detail: impl Into<String>, hint: &str) -> DoctorCheck {
    DoctorCheck {
        name: name.to_owned(),
        ok,
        detail: detail.into(),
        hint: hint.to_owned(),
    }
}

fn data_folder(core: &Inner) -> DoctorCheck {
    const NAME: &str = "Data folder";
    if !core.data_dir.is_dir() {
        return check(NAME, true, "Not made yet; the first sign-in makes it.", "");
    }
    let probe = core
        .data_dir
        .join(format!(".redline-doctor-{}", ulid::Ulid::new()));
    match fsx::new_private_file(&probe) {
        Ok(_) => {
            let _ = std::fs::remove_file(&probe);
            check(NAME, true, "It can be written to.", "")
        }
        Err(error) => check(
            NAME,
            false,
            format!("It cannot be written to: {}.", error.kind()),
            "Check its permissions and the free space, or choose another with REDLINE_DATA_DIR.",
        ),
    }
}

fn settings_folder(core: &Inner) -> DoctorCheck {
    const NAME: &str = "Settings";
    match std::fs::metadata(&core.config_dir) {
        Ok(about) if about.permissions().readonly() => check(
            NAME,
            false,
            "The settings folder is read-only.",
            "Check its permissions, or choose another with REDLINE_CONFIG_DIR.",
        ),
        Ok(_) => check(NAME, true, "The settings folder is there.", ""),
        Err(_) => check(NAME, true, "None saved yet; the defaults are used.", ""),
    }
}

fn profiles(core: &Inner) -> DoctorCheck {
    const NAME: &str = "Profiles";
    let listed = core.book().and_then(|book| Ok(book.list()?));
    match listed {
        Ok(profiles) => check(
            NAME,
            true,
            text::counted(profiles.len() as u64, "profile"),
            "",
        ),
        Err(error) => {
            let report = error.report();
            check(NAME, false, report.message, &report.hint)
        }
    }
}

fn keyring(core: &Inner) -> DoctorCheck {
    let status = crate::profiles::keyring_view(core.vault.look());
    let hint = match core.vault.keyring().state {
        KeyringState::Ready => "",
        KeyringState::Locked => "Unlock it, then retry. A passphrase file works without it.",
        KeyringState::Absent => {
            "Start a keyring (GNOME Keyring, KWallet or KeePassXC), or keep the key in a passphrase file."
        }
        KeyringState::Denied => {
            "Allow Redline in the keyring's own settings, or keep the key in a passphrase file."
        }
    };
    check("Keyring", hint.is_empty(), status.detail, hint)
}

/// The session of this process; for a program that has none, the one that its next
/// command would work in, if it can be had without making a store or asking anybody.
fn session_here(redline: &Redline) -> Option<Result<Session, CoreError>> {
    let core = &redline.0;
    if let Some(session) = core.current_session() {
        return Some(Ok(session));
    }
    if core.is_window() {
        return None;
    }
    if let Some(key) = core.env_key() {
        let identity = Identity::of_key(key.ok()?.expose());
        return Store::exists(&core.data_dir, &identity).then(|| redline.session_for(None));
    }
    let profile = core.book().ok()?.current().ok()??;
    let asks_nobody = profile.kept_in == redline_license::KeptIn::Keyring
        && core.vault.keyring().state == KeyringState::Ready;
    asks_nobody.then(|| redline.session_for(None))
}

/// Whether the catalog can be read as a whole.
fn catalog(store: &Store) -> DoctorCheck {
    const NAME: &str = "Catalog";
    match store.damaged_parts() {
        Ok(parts) if parts.is_empty() => check(NAME, true, "Every row can be read.", ""),
        Ok(parts) => check(
            NAME,
            false,
            format!(
                "Damaged: {} cannot be read as a whole.",
                parts.join(" and ")
            ),
            "Nothing was deleted, and the files are as they were: `redline verify` proves them. With user_data.duckdb \
             moved out of the store's folder it is made anew from the files, and a restore brings the history back.",
        ),
        Err(error) => {
            let report = CoreError::from(error).report();
            check(NAME, false, report.message, &report.hint)
        }
    }
}

/// The store that is signed in, and the profiles whose store is not there.
fn stores(redline: &Redline) -> Vec<DoctorCheck> {
    let core = &redline.0;
    let mut checks = Vec::new();
    match session_here(redline) {
        None => {}
        Some(Err(error)) => {
            let report = error.report();
            checks.push(check("Store", false, report.message, &report.hint));
        }
        Some(Ok(session)) => {
            let store: &Store = &session.0.store;
            checks.push(catalog(store));
            checks.push(match store.stats() {
                Ok(stats) => check(
                    "Store",
                    stats.missing_files == 0,
                    format!(
                        "{}, {}; {} missing; {} free on its disk.",
                        text::counted(stats.files, "file"),
                        text::bytes(stats.bytes),
                        text::grouped(stats.missing_files),
                        text::bytes(store.free_space())
                    ),
                    if stats.missing_files == 0 {
                        ""
                    } else {
                        "Restore what is missing from the backup, or delete it from the list."
                    },
                ),
                Err(error) => {
                    let report = CoreError::from(error).report();
                    check("Store", false, report.message, &report.hint)
                }
            });
        }
    }
    let Ok(listed) = core.book().and_then(|book| Ok(book.list()?)) else {
        return checks;
    };
    for profile in listed {
        if !core
            .data_dir
            .join("users")
            .join(&profile.store_hash)
            .is_dir()
        {
            checks.push(check(
                &format!("Store of {}", profile.label),
                false,
                "It is not in this data folder.",
                "Point REDLINE_DATA_DIR at the folder that has it.",
            ));
        }
    }
    checks
}
