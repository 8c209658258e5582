//! The operating system's keyring, called so that it can never hold up its caller: each call
//! runs on a thread of its own, with a limit. It caches no connection and no failure, so
//! that a retry starts from nothing. What differs between systems is in `platform`.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Duration;

use keyring_core::api::CredentialStoreApi;
use keyring_core::{Entry, Error as StoreError};
use parking_lot::Mutex;
use zeroize::Zeroize;

use super::platform;
use super::{KeyringState, KeyringStatus, SecretError, SecretId, SecretStore, SecretStoreKind};
use crate::Secret;

/// Calls a keyring may leave unanswered before further ones are answered without asking it.
/// Each costs a parked thread until the keyring answers or goes away.
const MOST_UNANSWERED: usize = 8;

/// After this many calls timed out behind one prompt, that prompt is taken for lost
/// and the next call may show another.
const PROMPT_PATIENCE: u32 = 4;

/// How long a caller waits.
#[derive(Debug, Clone, Copy)]
pub struct KeyringTimeouts {
    /// For [`SecretStore::status`], which never prompts.
    pub probe: Duration,
    /// For reading and writing, where a person may first have to type a password.
    pub call: Duration,
}

impl Default for KeyringTimeouts {
    fn default() -> Self {
        Self {
            probe: Duration::from_secs(2),
            call: Duration::from_secs(20),
        }
    }
}

/// The keyring of the person's own session: the Secret Service on Linux (GNOME Keyring,
/// KWallet, KeePassXC), Keychain on macOS, Credential Manager on Windows.
pub struct OsKeyring {
    service: String,
    timeouts: KeyringTimeouts,
    turn: Mutex<Arc<Turn>>,
    unanswered: Arc<AtomicUsize>,
}

/// Calls that read or write go one at a time: two prompts at once would confuse, and
/// Windows does not keep the order of calls from several threads.
#[derive(Default)]
struct Turn {
    running: Mutex<()>,
    prompting: AtomicBool,
    gave_up: AtomicU32,
}

impl OsKeyring {
    /// `service` is the name all of the program's entries share. Touches nothing yet.
    pub fn new(service: &str) -> Self {
        Self::with_timeouts(service, KeyringTimeouts::default())
    }

    pub fn with_timeouts(service: &str, timeouts: KeyringTimeouts) -> Self {
        Self {
            service: service.to_owned(),
            timeouts,
            turn: Mutex::default(),
            unanswered: Arc::default(),
        }
    }

    /// Unlocks if need be, opens the keyring afresh, finds the entry and hands it to `work`.
    fn with_entry<T: Send + 'static>(
        &self,
        id: &SecretId,
        purpose: platform::Purpose,
        work: impl FnOnce(&Entry) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, SecretError> {
        let turn = Arc::clone(&self.turn.lock());
        let abandoned = Arc::new(AtomicBool::new(false));
        let service = self.service.clone();
        let id = id.clone();
        let job = {
            let turn = Arc::clone(&turn);
            let abandoned = Arc::clone(&abandoned);
            move || {
                let _running = turn.running.lock();
                // The caller has its answer by then: nothing may happen behind its back.
                let still_wanted = || {
                    if abandoned.load(Ordering::Acquire) {
                        return Err(SecretError::TimedOut {
                            detail: "given up".to_owned(),
                        });
                    }
                    Ok(())
                };
                still_wanted()?;
                platform::unlock(purpose, &|prompting| {
                    turn.prompting.store(prompting, Ordering::Release);
                })?;
                still_wanted()?;
                let entry = platform::open()
                    .and_then(|store| {
                        let label = format!("Redline: {} of {}", id.name.label(), id.profile);
                        build(&*store, &service, &id.to_string(), &label)
                    })
                    .map_err(platform::explain)?;
                work(&entry).map_err(platform::explain)
            }
        };

        let answer = self.on_its_own_thread(self.timeouts.call, job);
        if let Some(answer) = answer {
            turn.gave_up.store(0, Ordering::Relaxed);
            return answer;
        }
        abandoned.store(true, Ordering::Release);
        let seconds = self.timeouts.call.as_secs_f32();
        let prompting = turn.prompting.load(Ordering::Acquire);
        let gave_up = turn.gave_up.fetch_add(1, Ordering::Relaxed) + 1;
        if !prompting || gave_up >= PROMPT_PATIENCE {
            self.pass_turn_over(&turn);
        }
        if prompting {
            Err(SecretError::Locked {
                detail: "it is waiting for its password to be typed".to_owned(),
            })
        } else {
            Err(SecretError::TimedOut {
                detail: format!("the system keyring did not answer within {seconds:.0} s"),
            })
        }
    }

    /// Later calls no longer wait for the one that hangs.
    fn pass_turn_over(&self, hanging: &Arc<Turn>) {
        let mut turn = self.turn.lock();
        if Arc::ptr_eq(&turn, hanging) {
            *turn = Arc::default();
        }
    }

    /// `None` when the answer did not come in time; the thread then ends by itself, once
    /// the keyring answers or goes away, and its result is dropped.
    fn on_its_own_thread<T: Send + 'static>(
        &self,
        limit: Duration,
        job: impl FnOnce() -> Result<T, SecretError> + Send + 'static,
    ) -> Option<Result<T, SecretError>> {
        if self.unanswered.load(Ordering::Acquire) >= MOST_UNANSWERED {
            return Some(Err(SecretError::TimedOut {
                detail: format!(
                    "the system keyring left {MOST_UNANSWERED} earlier calls unanswered"
                ),
            }));
        }
        let counted = Counted::new(&self.unanswered);
        let (answer, waiting) = sync_channel(1);
        let spawned = std::thread::Builder::new()
            .name("redline-keyring".to_owned())
            .spawn(move || {
                let _counted = counted;
                // Nobody listens any more after the limit.
                let _ = answer.send(job());
            });
        if let Err(error) = spawned {
            return Some(Err(SecretError::Other {
                detail: format!("no thread for the keyring: {error}"),
            }));
        }
        match waiting.recv_timeout(limit) {
            Ok(answer) => Some(answer),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => Some(Err(SecretError::Other {
                detail: "the keyring's client library stopped unexpectedly".to_owned(),
            })),
        }
    }
}

struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::AcqRel);
        Self(Arc::clone(count))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

fn build(
    store: &(dyn CredentialStoreApi + Send + Sync),
    service: &str,
    account: &str,
    label: &str,
) -> Result<Entry, StoreError> {
    if platform::HAS_LABELS {
        store.build(service, account, Some(&HashMap::from([("label", label)])))
    } else {
        store.build(service, account, None)
    }
}

/// Two programs that first keep a secret in the same moment can leave two entries. The
/// first one counts.
fn read(entry: &Entry) -> Result<Option<Secret>, StoreError> {
    let text = match entry.get_password() {
        Ok(text) => text,
        Err(StoreError::NoEntry) => return Ok(None),
        Err(StoreError::Ambiguous(entries)) => match entries.first() {
            Some(first) => first.get_password()?,
            None => return Ok(None),
        },
        Err(StoreError::BadEncoding(mut bytes)) => {
            bytes.zeroize();
            return Err(StoreError::BadEncoding(Vec::new()));
        }
        Err(error) => return Err(error),
    };
    Ok(Some(Secret::from(text)))
}

fn write(entry: &Entry, secret: &Secret) -> Result<(), StoreError> {
    match entry.set_password(secret.expose()) {
        Err(StoreError::Ambiguous(entries)) => {
            let mut entries = entries.iter();
            if let Some(first) = entries.next() {
                first.set_password(secret.expose())?;
            }
            entries.try_for_each(Entry::delete_credential)
        }
        other => other,
    }
}

fn remove(entry: &Entry) -> Result<(), StoreError> {
    match entry.delete_credential() {
        Err(StoreError::NoEntry) => Ok(()),
        Err(StoreError::Ambiguous(entries)) => {
            entries.iter().try_for_each(Entry::delete_credential)
        }
        other => other,
    }
}

impl SecretStore for OsKeyring {
    fn status(&self) -> KeyringStatus {
        let limit = self.timeouts.probe;
        let service = self.service.clone();
        match self.on_its_own_thread(limit, move || platform::probe(&service, limit)) {
            Some(Ok(status)) => status,
            Some(Err(error)) => status_of(&error),
            None => KeyringStatus::new(
                KeyringState::Locked,
                format!(
                    "the system keyring did not answer within {:.0} s",
                    limit.as_secs_f32()
                ),
            ),
        }
    }

    fn get(&self, id: &SecretId) -> Result<Option<Secret>, SecretError> {
        self.with_entry(id, platform::Purpose::Read, read)
    }

    fn set(&self, id: &SecretId, secret: &Secret) -> Result<(), SecretError> {
        let secret = secret.clone();
        self.with_entry(id, platform::Purpose::Write, move |entry| {
            write(entry, &secret)
        })
    }

    fn delete(&self, id: &SecretId) -> Result<(), SecretError> {
        self.with_entry(id, platform::Purpose::Read, remove)
    }

    fn kind(&self) -> SecretStoreKind {
        SecretStoreKind::Keyring
    }
}

/// A probe that failed still says which of the four states the person is looking at.
fn status_of(error: &SecretError) -> KeyringStatus {
    let (state, detail) = match error {
        SecretError::Denied { detail } => (KeyringState::Denied, detail.clone()),
        SecretError::Locked { detail } | SecretError::TimedOut { detail } => {
            (KeyringState::Locked, detail.clone())
        }
        SecretError::Absent { detail } | SecretError::Other { detail } => {
            (KeyringState::Absent, detail.clone())
        }
        other => (KeyringState::Absent, other.to_string()),
    };
    KeyringStatus::new(state, detail)
}
