//! What differs between operating systems about their keyring: opening it, asking for its
//! state without a prompt, unlocking it, and telling its errors apart. Each system's
//! module gives the same five items. Nothing here keeps a connection.

#[cfg(target_os = "linux")]
mod secret_service;
#[cfg(target_os = "linux")]
pub(super) use secret_service::{HAS_LABELS, explain, open, probe, unlock};

#[cfg(any(target_os = "macos", windows))]
mod native;
#[cfg(any(target_os = "macos", windows))]
pub(super) use native::{HAS_LABELS, explain, open, probe, unlock};

#[cfg(not(any(target_os = "linux", target_os = "macos", windows)))]
mod none;
#[cfg(not(any(target_os = "linux", target_os = "macos", windows)))]
pub(super) use none::{HAS_LABELS, explain, open, probe, unlock};

/// What a keyring is unlocked for. Only writing may make a first collection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Read,
    Write,
}
