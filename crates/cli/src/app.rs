//! What every command has at hand: core, the way out, and who is meant.
//!
//! It owns the questions asked at the terminal (keys, passphrases, yes or no). It
//! never shows a secret.

use std::io::{self, BufRead, IsTerminal, Read, Write};

use redline_core::{Code, FrontEnd, Options, Redline, Session};

use crate::args::Global;
use crate::failure::{Failure, status};
use crate::out::Out;

const PASSPHRASE: &str = "REDLINE_PASSPHRASE";
/// No key and no passphrase is longer; nobody means to pipe a data file in here.
const LINE_LIMIT: u64 = 4096;

pub struct App {
    pub redline: Redline,
    pub out: Out,
    pub global: Global,
    pub env_key: bool,
}

impl App {
    pub fn open(global: Global, front_end: FrontEnd) -> Result<Self, Failure> {
        let mut options = Options::from_env(front_end);
        if let Some(dir) = &global.data_dir {
            options.data_dir = Some(dir.clone());
        }
        let env_key = options.env_key.is_some();
        let redline = Redline::open(options)?;
        Ok(Self {
            redline,
            out: Out::new(global.json, global.quiet),
            global,
            env_key,
        })
    }

    /// The store that this command works on.
    pub fn session(&self) -> Result<Session, Failure> {
        let profile = self.global.profile.as_deref();
        let session = match self.redline.session_for(profile) {
            Ok(session) => session,
            Err(error) if error.code() == Code::PassphraseNeeded => {
                let name = match profile {
                    Some(name) => name.to_owned(),
                    None => match self.redline.profiles().into_iter().find(|p| p.current) {
                        Some(current) => current.name,
                        None => return Err(error.into()),
                    },
                };
                let Some(passphrase) = self.passphrase_of(&name)? else {
                    return Err(Failure::from(error).with_hint(format!(
                        "Run the command in a terminal, or set {PASSPHRASE}."
                    )));
                };
                self.redline.use_profile(&name, Some(&passphrase))?
            }
            Err(error) => return Err(with_ways_out(error)),
        };
        self.out.opened(&session.view().notice.lines);
        Ok(session)
    }

    /// From REDLINE_PASSPHRASE, or asked for; nothing if nobody can be asked.
    pub fn passphrase_of(&self, profile: &str) -> Result<Option<String>, Failure> {
        match std::env::var(PASSPHRASE) {
            Ok(passphrase) if !passphrase.is_empty() => Ok(Some(passphrase)),
            _ if self.out.can_ask() => hidden(&format!("Passphrase of {profile}: ")).map(Some),
            _ => Ok(None),
        }
    }

    /// A passphrase to be set: asked for twice, or from REDLINE_PASSPHRASE or stdin.
    pub fn new_passphrase(&self) -> Result<String, Failure> {
        if let Ok(passphrase) = std::env::var(PASSPHRASE)
            && !passphrase.is_empty()
        {
            return Ok(passphrase);
        }
        let passphrase = if io::stdin().is_terminal() {
            let first = hidden("New passphrase: ")?;
            if hidden("The same again: ")? != first {
                return Err(Failure::usage(
                    "The two passphrases differ.",
                    "Run the command again.",
                ));
            }
            first
        } else {
            line_of_stdin()?
        };
        if passphrase.is_empty() {
            return Err(Failure::usage(
                "A passphrase file needs a passphrase.",
                format!("Run the command in a terminal, or set {PASSPHRASE}."),
            ));
        }
        Ok(passphrase)
    }

    /// Whether to go on with what cannot be taken back. Where nobody can be asked,
    /// only `--yes` is a yes.
    pub fn confirm(&self, yes: bool, question: &str) -> Result<bool, Failure> {
        if yes {
            return Ok(true);
        }
        if !self.out.can_ask() {
            return Err(Failure::usage(
                "This cannot be taken back, and nobody can be asked here.",
                "Run it again with --yes if you mean it.",
            ));
        }
        let mut stderr = io::stderr();
        write!(stderr, "{question} [y/N] ").and_then(|()| stderr.flush())?;
        let answer = line_of_stdin()?;
        Ok(matches!(
            answer.trim().to_ascii_lowercase().as_str(),
            "y" | "yes"
        ))
    }
}

/// The command line has ways out of keyring trouble that a window has not.
pub fn with_ways_out(error: redline_core::CoreError) -> Failure {
    let code = error.code();
    let failure = Failure::from(error);
    match code {
        Code::KeyringAbsent | Code::KeyringDenied => failure.with_hint(
            "Sign in with `redline login --keep file` to keep the key behind a passphrase instead, or set REDLINE_LICENSE_KEY.",
        ),
        Code::KeyringLocked => {
            failure.with_hint("Unlock the keyring and run the command again, or set REDLINE_LICENSE_KEY.")
        }
        // No store is open yet: what was not found is the profile.
        Code::NotFound => failure.with_hint("List the profiles with `redline profiles`."),
        Code::NotSignedIn => failure.with_hint("Run `redline login`, or set REDLINE_LICENSE_KEY."),
        _ => failure,
    }
}

/// Reads without echo.
pub fn hidden(prompt: &str) -> Result<String, Failure> {
    rpassword::prompt_password(prompt)
        .map_err(|e| Failure::io("Could not read from the terminal", &e))
}

pub fn line_of_stdin() -> Result<String, Failure> {
    let mut line = Vec::new();
    io::stdin()
        .lock()
        .take(LINE_LIMIT)
        .read_until(b'\n', &mut line)
        .map_err(|e| Failure::io("Could not read stdin", &e))?;
    match String::from_utf8(line) {
        Ok(text) => Ok(text.trim().to_owned()),
        Err(_) => Err(Failure::new(
            status::USAGE,
            "usage",
            "What stdin gave is not text.",
            "",
        )),
    }
}

/// A question that is answered in the open; the default on an empty line.
pub fn asked(prompt: &str, default: &str) -> Result<String, Failure> {
    let mut stderr = io::stderr();
    let shown = if default.is_empty() {
        String::new()
    } else {
        format!(" [{default}]")
    };
    write!(stderr, "{prompt}{shown}: ").and_then(|()| stderr.flush())?;
    let answer = line_of_stdin()?;
    Ok(if answer.is_empty() {
        default.to_owned()
    } else {
        answer
    })
}
