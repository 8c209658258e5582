//! login, logout, profiles, whoami, kit: who the other commands work for.

use std::io::{IsTerminal, Write};
use std::path::Path;

use redline_core::{KeptIn, ProfileView, Session, SignInRequest};

use super::json;
use crate::app::{self, App};
use crate::args::{Confirm, Keep, Kit, Login, Profiles, ProfilesAction};
use crate::failure::{Failure, Outcome, status};
use crate::table::{Align, Table, pairs};
use crate::words;

pub fn login(app: &App, a: Login) -> Outcome {
    if let Some(kit) = &a.kit {
        refuse_existing(kit)?;
    } else if a.new && a.keep == Keep::Session {
        // The session ends with this command, and the key would be nowhere.
        return Err(Failure::usage(
            "A new key that is not kept would be lost as soon as it is made.",
            "Save its recovery kit with --kit FILE, or keep the key with --keep keyring or --keep file.",
        ));
    }
    let session = match (a.new, read_key(app, a.new)?) {
        // Nothing was given, but the environment has a key: that counts as signed in.
        (false, None) => app.session()?,
        (_, key) => {
            let passphrase = (a.keep == Keep::File)
                .then(|| app.new_passphrase())
                .transpose()?;
            let label = a.label.or_else(|| app.global.profile.clone());
            let keep = match a.keep {
                Keep::Keyring => KeptIn::Keyring,
                Keep::File => KeptIn::PassphraseFile,
                Keep::Session => KeptIn::SessionOnly,
            };
            app.redline
                .sign_in(SignInRequest {
                    key,
                    label,
                    keep,
                    passphrase,
                })
                .map_err(app::with_ways_out)?
        }
    };
    let view = session.view();
    app.out.opened(&view.notice.lines);
    if let Some(kit) = &a.kit {
        write_kit(&session, kit)?;
    }
    if app.out.json {
        app.out.object([
            ("profile", json(&view.profile)?),
            ("new_key", view.new_key.into()),
        ])?;
        return Ok(status::DONE);
    }
    let ProfileView {
        name, masked_key, ..
    } = &view.profile;
    app.out.summary(format!(
        "Signed in as {} with {masked_key}.",
        app.out.bold(&words::name(name))
    ))?;
    if view.new_key && a.kit.is_none() {
        app.out.note(
            "The key is new and written down nowhere else. Save its recovery kit: redline kit FILE",
        );
    }
    if a.keep == Keep::Session {
        app.out
            .note("The key was not kept. Other commands need it in REDLINE_LICENSE_KEY.");
    } else if app.env_key {
        app.out
            .note("REDLINE_LICENSE_KEY is set and goes before the profile.");
    }
    Ok(status::DONE)
}

/// The key that was typed or piped in; nothing when the environment has to do.
fn read_key(app: &App, new: bool) -> Result<Option<String>, Failure> {
    if new {
        return Ok(None);
    }
    let key = if std::io::stdin().is_terminal() {
        app::hidden("License key: ")?
    } else {
        app::line_of_stdin()?
    };
    let key = key.trim().to_owned();
    if !key.is_empty() {
        return Ok(Some(key));
    }
    if app.env_key {
        return Ok(None);
    }
    Err(Failure::new(
        status::NO_KEY,
        "not_signed_in",
        "No license key was given.",
        "Paste it at the prompt of `redline login`, pipe it in, or make a free one: redline login --new",
    ))
}

pub fn logout(app: &App, a: &Confirm) -> Outcome {
    let profiles = app.redline.profiles();
    let chosen = match app.global.profile.as_deref() {
        Some(name) => profiles
            .iter()
            .find(|p| p.name == name && p.kept_in != KeptIn::Environment),
        None => profiles
            .iter()
            .find(|p| p.current && p.kept_in != KeptIn::Environment),
    };
    let Some(profile) = chosen else {
        return Err(match (&app.global.profile, app.env_key) {
            (Some(name), _) => Failure::new(
                4,
                "not_found",
                format!(
                    "There is no profile \"{}\" on this machine.",
                    words::name(name)
                ),
                "List them with `redline profiles`.",
            ),
            (None, true) => Failure::new(
                status::NO_KEY,
                "not_signed_in",
                "No profile is signed in; the key comes from REDLINE_LICENSE_KEY.",
                "Unset REDLINE_LICENSE_KEY to sign out.",
            ),
            (None, false) => Failure::new(
                status::NO_KEY,
                "not_signed_in",
                "No profile is signed in.",
                "",
            ),
        });
    };
    let question = format!(
        "Forget the key {} on this machine? The store stays, and opens again only with this key.",
        profile.masked_key
    );
    // A key can be typed in again, so a script is not kept from it.
    if app.out.can_ask() && !app.confirm(a.yes, &question)? {
        return Ok(status::FAILED);
    }
    let profile = profile.clone();
    let state = app.redline.forget_profile(&profile.name)?;
    if app.out.json {
        app.out.object([
            ("profile", json(&profile)?),
            ("profiles", json(&state.profiles)?),
        ])?;
    } else {
        app.out.summary(format!(
            "Signed out of {}. Its store stays on this machine.",
            words::name(&profile.name)
        ))?;
    }
    Ok(status::DONE)
}

pub fn profiles(app: &App, a: Profiles) -> Outcome {
    match a.action {
        None | Some(ProfilesAction::List) => list(app),
        Some(ProfilesAction::Use { name }) => {
            let session = match app.redline.use_profile(&name, None) {
                Err(error) if error.code() == redline_core::Code::PassphraseNeeded => {
                    let passphrase = app.passphrase_of(&name)?;
                    app.redline.use_profile(&name, passphrase.as_deref())
                }
                other => other,
            }
            .map_err(app::with_ways_out)?;
            let view = session.view();
            app.out.opened(&view.notice.lines);
            if app.out.json {
                app.out.object([("profile", json(&view.profile)?)])?;
            } else {
                app.out.summary(format!(
                    "The current profile is {}.",
                    app.out.bold(&words::name(&view.profile.name))
                ))?;
            }
            Ok(status::DONE)
        }
    }
}

fn list(app: &App) -> Outcome {
    let profiles = app.redline.profiles();
    if app.out.json {
        app.out.object([("profiles", json(&profiles)?)])?;
        return Ok(status::DONE);
    }
    if profiles.is_empty() {
        app.out
            .summary("No profile on this machine yet. Start with: redline login")?;
        return Ok(status::DONE);
    }
    let mut table = Table::new(
        &[
            ("", Align::Left),
            ("PROFILE", Align::Left),
            ("KEY", Align::Left),
            ("TIER", Align::Left),
            ("KEPT IN", Align::Left),
            ("USED", Align::Left),
            ("LABEL", Align::Left),
        ],
        app.out.colour(),
    );
    app.out.write(|to| {
        for p in &profiles {
            table.row(
                vec![
                    if p.current { "*".into() } else { String::new() },
                    words::name(&p.name),
                    p.masked_key.clone(),
                    tier(p).to_owned(),
                    kept_in(p.kept_in).to_owned(),
                    p.last_used_at
                        .as_deref()
                        .map(words::when)
                        .unwrap_or_default(),
                    words::name(&p.label),
                ],
                to,
            )?;
        }
        table.end(to)
    })?;
    Ok(status::DONE)
}

pub fn whoami(app: &App) -> Outcome {
    let session = app.session()?;
    let profile = session.view().profile;
    if app.out.json {
        app.out.object([("profile", json(&profile)?)])?;
        return Ok(status::DONE);
    }
    app.out.write(|to| {
        pairs(
            &[
                ("Profile", words::name(&profile.name)),
                ("Label", words::name(&profile.label)),
                ("Key", profile.masked_key.clone()),
                ("Tier", tier(&profile).to_owned()),
                ("Kept in", kept_in(profile.kept_in).to_owned()),
                (
                    "Quota",
                    profile
                        .quota_bytes
                        .map_or_else(|| "none".to_owned(), words::size),
                ),
            ],
            to,
        )
    })?;
    Ok(status::DONE)
}

pub fn kit(app: &App, a: &Kit) -> Outcome {
    if a.file == Path::new("-") {
        if app.out.json {
            return Err(Failure::usage(
                "The kit is text and does not go into JSON.",
                "Give a file, or leave out --json.",
            ));
        }
        let session = app.session()?;
        app.out.raw(&session.recovery_kit())?;
        return Ok(status::DONE);
    }
    refuse_existing(&a.file)?;
    let session = app.session()?;
    write_kit(&session, &a.file)?;
    let profile = session.view().profile;
    if app.out.json {
        app.out.object([("profile", json(&profile)?)])?;
    } else {
        app.out.summary(format!(
            "Saved the recovery kit of {} to \"{}\". It holds the license key: keep it where only you can read it.",
            words::name(&profile.name),
            words::name(&a.file.to_string_lossy())
        ))?;
    }
    Ok(status::DONE)
}

fn refuse_existing(file: &Path) -> Result<(), Failure> {
    // Also for a link that leads nowhere.
    if file.symlink_metadata().is_ok() {
        return Err(Failure::new(
            status::FAILED,
            "already_exists",
            format!(
                "\"{}\" exists already.",
                words::name(&file.to_string_lossy())
            ),
            "Choose another name; nothing is overwritten.",
        ));
    }
    Ok(())
}

/// Readable by its owner alone, durable, and never over another file.
fn write_kit(session: &Session, file: &Path) -> Result<(), Failure> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let shown = words::name(&file.to_string_lossy());
    options
        .open(file)
        .and_then(|mut f| {
            f.write_all(session.recovery_kit().as_bytes())
                .and_then(|()| f.sync_all())
        })
        .map_err(|e| {
            Failure::io(
                &format!("Could not write the recovery kit to \"{shown}\""),
                &e,
            )
        })
}

fn tier(profile: &ProfileView) -> &'static str {
    match profile.tier {
        redline_core::Tier::Free => "free",
        redline_core::Tier::Standard => "standard",
        redline_core::Tier::Pro => "pro",
        redline_core::Tier::Enterprise => "enterprise",
    }
}

fn kept_in(place: KeptIn) -> &'static str {
    match place {
        KeptIn::Keyring => "keyring",
        KeptIn::PassphraseFile => "passphrase file",
        KeptIn::SessionOnly => "nowhere",
        KeptIn::Environment => "REDLINE_LICENSE_KEY",
    }
}
