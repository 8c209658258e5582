//! What Redline stands on, looked at one by one. It mends nothing; the one thing it
//! writes is a probe in the data folder, which it removes.

use redline_license::KeyringState;
use redline_store::Store;

use crate::contract::DoctorCheck;
use crate::fsx;
use crate::redline::{Inner, Redline};
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
    checks.extend(stores(core));
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

/// The store that is signed in, and the profiles whose store is not there.
fn stores(core: &Inner) -> Vec<DoctorCheck> {
    let mut checks = Vec::new();
    if let Some(session) = core.current_session() {
        let store: &Store = &session.0.store;
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
                let report = crate::error::CoreError::from(error).report();
                check("Store", false, report.message, &report.hint)
            }
        });
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
