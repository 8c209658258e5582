//! The keys that requests are signed with. They may expire in the middle of a run;
//! then they are read again from where they came from, once for all requests.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use aws_credential_types::provider::future;
use aws_sdk_s3::config::{Credentials, ProvideCredentials};

use crate::{Result, SecretText};

/// What a bucket is opened with. Prints masked.
#[derive(Clone, Debug)]
pub struct AccessKeys {
    pub access_key: SecretText,
    pub secret_key: SecretText,
    /// Of temporary keys.
    pub session_token: Option<SecretText>,
    /// When they end, where that is known.
    pub expires_at: Option<SystemTime>,
}

impl AccessKeys {
    fn same_as(&self, other: &Self) -> bool {
        let token = |keys: &Self| keys.session_token.as_ref().map(|t| t.expose().to_owned());
        self.access_key.expose() == other.access_key.expose()
            && self.secret_key.expose() == other.secret_key.expose()
            && token(self) == token(other)
    }
}

type Source = Arc<dyn Fn() -> Result<Option<AccessKeys>> + Send + Sync>;

#[derive(Clone)]
pub(super) struct HeldKeys(Arc<Held>);

struct Held {
    state: Mutex<State>,
    /// One who reads them anew; the others wait and find them.
    renewing: tokio::sync::Mutex<()>,
}

struct State {
    keys: AccessKeys,
    generation: u64,
    source: Option<Source>,
}

impl HeldKeys {
    pub(super) fn new(keys: AccessKeys) -> Self {
        Self(Arc::new(Held {
            state: Mutex::new(State {
                keys,
                generation: 0,
                source: None,
            }),
            renewing: tokio::sync::Mutex::default(),
        }))
    }

    pub(super) fn renew_with(&self, source: Source) {
        self.lock().source = Some(source);
    }

    /// Which keys a request is about to be signed with.
    pub(super) fn generation(&self) -> u64 {
        self.lock().generation
    }

    pub(super) fn expire_at(&self) -> Option<SystemTime> {
        self.lock().keys.expires_at
    }

    /// True if there are other keys than those of `generation` now.
    pub(super) async fn renew(&self, generation: u64) -> Result<bool> {
        let _turn = self.0.renewing.lock().await;
        let source = {
            let state = self.lock();
            if state.generation != generation {
                return Ok(true);
            }
            state.source.clone()
        };
        let Some(source) = source else {
            return Ok(false);
        };
        let read = tokio::task::spawn_blocking(move || source()).await;
        let Some(keys) = read.unwrap_or(Ok(None))? else {
            return Ok(false);
        };
        let mut state = self.lock();
        if state.keys.same_as(&keys) {
            return Ok(false);
        }
        tracing::info!("the bucket's keys were renewed");
        state.keys = keys;
        state.generation += 1;
        Ok(true)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ProvideCredentials for HeldKeys {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        let keys = self.lock().keys.clone();
        let token = keys.session_token.as_ref().map(|t| t.expose().to_owned());
        future::ProvideCredentials::ready(Ok(Credentials::new(
            keys.access_key.expose(),
            keys.secret_key.expose(),
            token,
            None,
            "redline",
        )))
    }
}

impl fmt::Debug for HeldKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HeldKeys([masked])")
    }
}
