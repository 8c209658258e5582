//! backup encrypt, unlock and passphrase. A recovery passphrase is read from the
//! environment, a hidden prompt or stdin; it is never an argument and never shown.

use std::io::IsTerminal;

use redline_core::{EncryptionState, EncryptionView, KeptIn, Session};

use super::json as to_json;
use crate::app::{App, hidden, line_of_stdin};
use crate::failure::{Failure, Outcome, status};

const PASSPHRASE: &str = "REDLINE_BACKUP_PASSPHRASE";

/// Shows what it costs; with `apply` switches it on.
pub fn encrypt(app: &App, apply: bool) -> Outcome {
    let session = app.session()?;
    if !apply {
        return show(app, &session);
    }
    tell_costs(app, &session)?;
    let view = session.turn_on_encryption(new_passphrase()?)?;
    if !app.out.json {
        app.out
            .summary("Everything is encrypted before it is sent, from the next backup on.")?;
    }
    tell_where_the_key_is(app, &session);
    done(app, &view)
}

pub fn unlock(app: &App) -> Outcome {
    let session = app.session()?;
    let view = session.unlock_encryption(passphrase()?)?;
    if !app.out.json {
        app.out.summary("The backup is open on this machine.")?;
    }
    tell_where_the_key_is(app, &session);
    done(app, &view)
}

pub fn change(app: &App) -> Outcome {
    let session = app.session()?;
    // What is in the environment opens the backup; the new one comes from elsewhere.
    let view = session.change_passphrase(typed_twice()?)?;
    if !app.out.json {
        app.out.summary(
            "From now on the new passphrase opens the backup, and the old one does not.",
        )?;
    }
    done(app, &view)
}

fn tell_where_the_key_is(app: &App, session: &Session) {
    if matches!(
        session.view().profile.kept_in,
        KeptIn::Environment | KeptIn::SessionOnly
    ) {
        app.out.note(&format!(
            "The backup's key was not kept, since the license key is not either. Other commands need {PASSPHRASE} in the environment; `redline login` keeps both."
        ));
    }
}

/// A key from the environment keeps nothing: with the passphrase there, too, an encrypted
/// backup is opened for this one command.
pub fn open_for_once(session: &Session) -> Result<(), Failure> {
    if let Some(passphrase) = from_environment()
        && session.backup_status()?.encryption == EncryptionState::Locked
    {
        session.unlock_encryption(passphrase)?;
    }
    Ok(())
}

fn done(app: &App, view: &EncryptionView) -> Outcome {
    if app.out.json {
        app.out.object([("encryption", to_json(view)?)])?;
    } else if let Some(clear) = &view.in_the_clear {
        app.out.note(clear);
    }
    Ok(status::DONE)
}

fn show(app: &App, session: &Session) -> Outcome {
    let view = &session.encryption()?;
    if app.out.json {
        return done(app, view);
    }
    match view.state {
        EncryptionState::On => {
            app.out
                .line("On: everything is encrypted before it is sent.")?;
        }
        EncryptionState::Locked => {
            app.out.line(
                app.out
                    .red("Locked: the backup is encrypted, and its key is not on this machine."),
            )?;
            app.out
                .note("`redline backup unlock` opens it with the recovery passphrase.");
        }
        EncryptionState::Off => {
            app.out.line(
                "Off: files lie in the bucket as they are, readable by any program with its keys.",
            )?;
            tell_costs(app, session)?;
            match &view.refused {
                Some(why) => app.out.line(app.out.red(why))?,
                None => app
                    .out
                    .note("`redline backup encrypt --apply` switches it on."),
            }
        }
    }
    done(app, view)
}

/// The passphrase of a set-up that is to be encrypted, after saying what that costs.
pub fn asked_for(app: &App, session: &Session, encrypt: bool) -> Result<Option<String>, Failure> {
    if !encrypt {
        return Ok(None);
    }
    tell_costs(app, session)?;
    new_passphrase().map(Some)
}

/// Before a passphrase is chosen, and only where somebody reads.
fn tell_costs(app: &App, session: &Session) -> Result<(), Failure> {
    if app.out.json || session.backup_status()?.encryption != EncryptionState::Off {
        return Ok(());
    }
    app.out.line("What encrypting before sending costs:")?;
    for cost in session.encryption_costs() {
        app.out.line(format!("  - {cost}"))?;
    }
    Ok(())
}

fn from_environment() -> Option<String> {
    std::env::var(PASSPHRASE)
        .ok()
        .filter(|text| !text.is_empty())
}

fn passphrase() -> Result<String, Failure> {
    match from_environment() {
        Some(passphrase) => Ok(passphrase),
        None if std::io::stdin().is_terminal() => hidden("Recovery passphrase: "),
        None => given(line_of_stdin()?),
    }
}

/// Asked for twice where somebody types it.
fn new_passphrase() -> Result<String, Failure> {
    if let Some(passphrase) = from_environment() {
        return Ok(passphrase);
    }
    typed_twice()
}

fn typed_twice() -> Result<String, Failure> {
    if !std::io::stdin().is_terminal() {
        return given(line_of_stdin()?);
    }
    let first = hidden("New recovery passphrase: ")?;
    if hidden("The same again: ")? == first {
        Ok(first)
    } else {
        Err(Failure::usage(
            "The two passphrases differ.",
            "Run the command again.",
        ))
    }
}

fn given(text: String) -> Result<String, Failure> {
    if text.is_empty() {
        return Err(Failure::usage(
            "An encrypted backup needs its recovery passphrase.",
            format!("Run the command in a terminal, give it on stdin, or set {PASSPHRASE}."),
        ));
    }
    Ok(text)
}
