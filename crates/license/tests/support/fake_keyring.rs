//! A Secret Service on the session's bus that misbehaves on request, in the ways that a
//! real one cannot be made to without a person at the screen.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard};

use zbus::blocking::{Connection, connection::Builder};
use zbus::fdo;
use zbus::zvariant::{OwnedObjectPath, OwnedValue, Value};

const ROOT: &str = "/org/freedesktop/secrets";
const COLLECTION: &str = "/org/freedesktop/secrets/collection/fake";
const ITEM: &str = "/org/freedesktop/secrets/collection/fake/1";
const PROMPT: &str = "/org/freedesktop/secrets/prompt/1";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// Every call is an access error.
    Refuses,
    /// Unlocked, but it asks about each entry, and the answer is no.
    SaysNoToEntries,
    /// Takes calls and never answers.
    Hangs,
    /// Locked, with a prompt that nobody answers until [`FakeKeyring::type_password`].
    Prompts,
    /// Unlocked and empty.
    Empty,
}

pub struct FakeKeyring {
    connection: Connection,
    state: Arc<State>,
}

struct State {
    mood: Mutex<Mood>,
    prompts: AtomicUsize,
    items_made: AtomicUsize,
}

impl FakeKeyring {
    pub fn start(mood: Mood) -> Self {
        let state = Arc::new(State {
            mood: Mutex::new(mood),
            prompts: AtomicUsize::new(0),
            items_made: AtomicUsize::new(0),
        });
        let connection = Builder::session()
            .unwrap()
            .serve_at(ROOT, Service(state.clone()))
            .unwrap()
            .serve_at(COLLECTION, Collection(state.clone()))
            .unwrap()
            .serve_at(PROMPT, Prompt(state.clone()))
            .unwrap()
            .name("org.freedesktop.secrets")
            .unwrap()
            .build()
            .unwrap();
        Self { connection, state }
    }

    pub fn become_(&self, mood: Mood) {
        *self.state.mood() = mood;
    }

    /// As when its program ends: unanswered calls stay unanswered.
    pub fn stop(self) {
        self.connection.close().unwrap();
    }

    /// How often a prompt was shown.
    pub fn prompts(&self) -> usize {
        self.state.prompts.load(Ordering::SeqCst)
    }

    pub fn items_made(&self) -> usize {
        self.state.items_made.load(Ordering::SeqCst)
    }

    /// The person answers the prompt: the keyring is open, and says so.
    pub fn type_password(&self) {
        self.become_(Mood::Empty);
        let answer = (false, Value::from(""));
        self.connection
            .emit_signal(
                None::<&str>,
                PROMPT,
                "org.freedesktop.Secret.Prompt",
                "Completed",
                &answer,
            )
            .unwrap();
    }
}

impl State {
    fn mood(&self) -> MutexGuard<'_, Mood> {
        self.mood.lock().unwrap()
    }

    async fn react(&self) -> fdo::Result<Mood> {
        let mood = *self.mood();
        match mood {
            Mood::Refuses => Err(fdo::Error::AccessDenied("not for this program".to_owned())),
            Mood::Hangs => std::future::pending().await,
            other => Ok(other),
        }
    }
}

fn path(text: &str) -> OwnedObjectPath {
    OwnedObjectPath::try_from(text).unwrap()
}

struct Service(Arc<State>);

#[zbus::interface(name = "org.freedesktop.Secret.Service")]
impl Service {
    /// Any number will do for a public key: no secret is ever decrypted here.
    async fn open_session(
        &self,
        _algorithm: String,
        _input: OwnedValue,
    ) -> fdo::Result<(OwnedValue, OwnedObjectPath)> {
        self.0.react().await?;
        let public = OwnedValue::try_from(Value::from(vec![2u8; 128])).unwrap();
        Ok((public, path("/org/freedesktop/secrets/session/1")))
    }

    async fn read_alias(&self, name: String) -> fdo::Result<OwnedObjectPath> {
        self.0.react().await?;
        Ok(path(if name == "default" { COLLECTION } else { "/" }))
    }

    async fn search_items(
        &self,
        _attributes: HashMap<String, String>,
    ) -> fdo::Result<(Vec<OwnedObjectPath>, Vec<OwnedObjectPath>)> {
        Ok(match self.0.react().await? {
            Mood::SaysNoToEntries => (vec![], vec![path(ITEM)]),
            _ => (vec![], vec![]),
        })
    }

    async fn unlock(
        &self,
        objects: Vec<OwnedObjectPath>,
    ) -> fdo::Result<(Vec<OwnedObjectPath>, OwnedObjectPath)> {
        Ok(match self.0.react().await? {
            Mood::Empty => (objects, path("/")),
            _ => (vec![], path(PROMPT)),
        })
    }
}

struct Collection(Arc<State>);

#[zbus::interface(name = "org.freedesktop.Secret.Collection")]
impl Collection {
    #[zbus(property)]
    async fn locked(&self) -> fdo::Result<bool> {
        Ok(self.0.react().await? == Mood::Prompts)
    }

    async fn create_item(
        &self,
        _properties: HashMap<String, OwnedValue>,
        _secret: (OwnedObjectPath, Vec<u8>, Vec<u8>, String),
        _replace: bool,
    ) -> fdo::Result<(OwnedObjectPath, OwnedObjectPath)> {
        self.0.react().await?;
        self.0.items_made.fetch_add(1, Ordering::SeqCst);
        Ok((path(ITEM), path("/")))
    }
}

struct Prompt(Arc<State>);

#[zbus::interface(name = "org.freedesktop.Secret.Prompt")]
impl Prompt {
    async fn prompt(
        &self,
        _window: String,
        #[zbus(connection)] connection: &zbus::Connection,
    ) -> fdo::Result<()> {
        let mood = self.0.react().await?;
        self.0.prompts.fetch_add(1, Ordering::SeqCst);
        if mood == Mood::SaysNoToEntries {
            let answer = (true, Value::from(""));
            let interface = "org.freedesktop.Secret.Prompt";
            connection
                .emit_signal(None::<&str>, PROMPT, interface, "Completed", &answer)
                .await?;
        }
        Ok(())
    }
}
