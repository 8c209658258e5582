//! The process: its folders, settings, profiles and sessions.
//!
//! A session comes from a key, and a key from one of three places: typed in by a
//! person, the secret store of a profile, or the environment. Nothing here opens a
//! store for a key that merely looks right: a store is made at sign-in alone.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;
use redline_backup::AwsFiles;
use redline_license::{LicenseKey, ProfileBook};
use redline_store::{Identity, Store};
use tokio::sync::broadcast;
use zeroize::Zeroize;

use crate::classify::classify;
use crate::contract::{AppState, Event, KeyringStatus, ProfileView, Settings};
use crate::error::{Code, CoreError, hide_root};
use crate::events::Events;
use crate::options::{FrontEnd, Options, default_config_dir, default_data_dir};
use crate::profiles;
use crate::runtime::Network;
use crate::secrets::Vault;
use crate::session::{Owner, Session};
use crate::settings::SettingsFile;

/// Core, as one process has it. Cheap to clone; clones are the same.
#[derive(Clone)]
pub struct Redline(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) data_dir: PathBuf,
    pub(crate) config_dir: PathBuf,
    pub(crate) front_end: FrontEnd,
    /// Where profiles of the AWS configuration are; none is read before one is asked for.
    pub(crate) aws_files: AwsFiles,
    env_key: Option<Result<LicenseKey, CoreError>>,
    settings: Mutex<SettingsFile>,
    /// What opening found, to be told with the first session.
    notes: Mutex<Vec<String>>,
    pub(crate) events: Events,
    pub(crate) vault: Vault,
    book: Result<ProfileBook, CoreError>,
    /// A store's slot is held while it opens, so that two who ask at once get one
    /// session; the map's lock never, so that a busy store keeps nobody else waiting.
    sessions: Mutex<HashMap<String, Arc<Mutex<Option<Session>>>>>,
    current: Mutex<Option<Session>>,
    pub(crate) network: Network,
}

impl Redline {
    /// Finds the folders and reads settings and profiles. Touches no keyring and no store.
    ///
    /// # Errors
    /// [`Code::BadRequest`] where the platform names no folder and none was given.
    pub fn open(mut options: Options) -> Result<Redline, CoreError> {
        let data_dir = options
            .data_dir
            .take()
            .or_else(default_data_dir)
            .ok_or_else(|| {
                CoreError::bad_request(
                    "There is no folder for the stores: this account has no home.",
                    "Set REDLINE_DATA_DIR.",
                )
            })?;
        let config_dir = options
            .config_dir
            .take()
            .or_else(default_config_dir)
            .ok_or_else(|| {
                CoreError::bad_request(
                    "There is no folder for the settings: this account has no home.",
                    "Set REDLINE_CONFIG_DIR.",
                )
            })?;
        let data_dir = std::path::absolute(&data_dir).unwrap_or(data_dir);
        let config_dir = std::path::absolute(&config_dir).unwrap_or(config_dir);
        for root in [
            Some(&data_dir),
            Some(&config_dir),
            std::env::home_dir().as_ref(),
        ]
        .into_iter()
        .flatten()
        {
            hide_root(root);
        }
        let env_key = options.env_key.take().map(|mut text| {
            let key = LicenseKey::parse(&text).map_err(CoreError::from);
            text.zeroize();
            key
        });
        let (settings, note) = SettingsFile::load(&config_dir);
        let mut notes: Vec<String> = note.into_iter().collect();
        // A key from the environment works without it; whoever needs it is told then.
        let book = ProfileBook::open(&config_dir).map_err(CoreError::from);
        if book.as_ref().is_ok_and(|book| book.set_aside().is_some()) {
            notes.push("The list of profiles was damaged. It is kept beside the new one; sign in again where one is missing.".into());
        }
        Ok(Self(Arc::new(Inner {
            vault: Vault::new(config_dir.clone()),
            data_dir,
            config_dir,
            front_end: options.front_end,
            aws_files: options
                .aws_files
                .take()
                .unwrap_or_else(AwsFiles::from_environment),
            env_key,
            settings: Mutex::new(settings),
            notes: Mutex::new(notes),
            events: Events::new(),
            book,
            sessions: Mutex::default(),
            current: Mutex::default(),
            network: Network::default(),
        })))
    }

    /// The keyring is as it was last seen; only the first call asks it.
    pub fn app_state(&self) -> AppState {
        AppState {
            version: crate::version().to_owned(),
            keyring: self.keyring(),
            profiles: self.profiles(),
            session: self.0.current_session().map(|session| session.view()),
            settings: self.settings(),
        }
    }

    /// Asks the keyring anew. May take its two seconds.
    pub fn retry_keyring(&self) -> AppState {
        let status = profiles::keyring_view(self.0.vault.look());
        self.0.events.send(Event::Keyring(status));
        self.app_state()
    }

    pub fn keyring(&self) -> KeyringStatus {
        profiles::keyring_view(self.0.vault.keyring())
    }

    /// By name; the key from the environment, where there is one, first.
    pub fn profiles(&self) -> Vec<ProfileView> {
        let mut views = Vec::new();
        let current = self.0.current_owner();
        if let Some(Ok(key)) = &self.0.env_key {
            let here = current.as_ref().is_none_or(Owner::is_environment);
            views.push(profiles::environment_view(
                key,
                here && (current.is_some() || !self.0.is_window()),
            ));
        }
        let Ok(book) = self.0.book() else {
            return views;
        };
        let marked = match &current {
            Some(owner) => owner.profile_name().map(str::to_owned),
            // A command line is signed in as whoever it would work for.
            None if !self.0.is_window() && self.0.env_key.is_none() => {
                book.current().ok().flatten().map(|profile| profile.name)
            }
            None => None,
        };
        let listed = book.list().unwrap_or_default();
        views.extend(
            listed
                .iter()
                .map(|profile| profiles::view(profile, marked.as_deref() == Some(&profile.name))),
        );
        views
    }

    pub fn settings(&self) -> Settings {
        self.0.settings.lock().get()
    }

    pub fn save_settings(&self, settings: Settings) -> Result<Settings, CoreError> {
        self.0.settings.lock().save(settings)?;
        let saved = self.settings();
        self.each_open(|session| session.apply_bandwidth_limit());
        self.0.events.send(Event::Settings(saved.clone()));
        Ok(saved)
    }

    /// What concerns the process and the session signed in in it. For one session
    /// among several, see [`Session::events`].
    pub fn events(&self) -> broadcast::Receiver<Event> {
        self.0.events.subscribe()
    }

    /// The session that is signed in in this process.
    pub fn session(&self) -> Result<Session, CoreError> {
        self.0
            .current
            .lock()
            .clone()
            .ok_or_else(profiles::not_signed_in)
    }

    /// Waits for what was begun beside the work that is done, for one that comes later:
    /// a big store's listing. A program that ends at once would throw it away.
    pub fn finish(&self) {
        self.each_open(|session| session.0.store.finish());
    }

    /// Closes the catalogs that this process has open, waiting for what is in flight:
    /// at the end of a program, so that the next to come need not replay and fold in
    /// what this one wrote. Whatever asks again opens them again.
    pub fn release(&self) {
        self.each_open(|session| {
            session.let_go();
            session.0.store.release();
        });
    }

    fn each_open(&self, act: impl Fn(&Session)) {
        let slots: Vec<_> = self.0.sessions.lock().values().cloned().collect();
        for slot in slots {
            // One that is still being opened has nothing to fold in.
            let session = slot.try_lock().and_then(|held| held.clone());
            if let Some(session) = session {
                act(&session);
            }
        }
    }

    /// Each thing that Redline stands on, looked at; nothing is changed.
    pub fn doctor(&self) -> Vec<crate::contract::DoctorCheck> {
        crate::doctor::examine(self)
    }
}

impl Inner {
    pub(crate) fn book(&self) -> Result<&ProfileBook, CoreError> {
        self.book.as_ref().map_err(Clone::clone)
    }

    pub(crate) fn is_window(&self) -> bool {
        self.front_end == FrontEnd::Window
    }

    pub(crate) fn env_key(&self) -> Option<Result<LicenseKey, CoreError>> {
        self.env_key.clone()
    }

    pub(crate) fn settings(&self) -> Settings {
        self.settings.lock().get()
    }

    fn current_owner(&self) -> Option<Owner> {
        self.current.lock().as_ref().map(Session::owner)
    }

    pub(crate) fn current_session(&self) -> Option<Session> {
        self.current.lock().clone()
    }

    /// Makes `session` the one that the process shows, or none.
    pub(crate) fn set_current(&self, session: Option<&Session>) {
        self.events
            .follow(session.map(|session| session.store_name().to_owned()));
        *self.current.lock() = session.cloned();
        self.events.send(Event::Session(session.map(Session::view)));
    }

    /// Whether this session is the one that is open for its key. After a sign-out a job
    /// may hold it a while longer; nothing begins by itself in it then.
    pub(crate) fn holds(&self, session: &Session) -> bool {
        let slot = self.sessions.lock().get(session.store_name()).cloned();
        slot.and_then(|slot| slot.try_lock()?.clone())
            .is_some_and(|open| Arc::ptr_eq(&open.0, &session.0))
    }

    pub(crate) fn drop_session(&self, store_name: &str) {
        let slot = self.sessions.lock().remove(store_name);
        // One that is still being opened holds nothing yet.
        if let Some(session) = slot.and_then(|slot| slot.try_lock()?.clone()) {
            session.let_go();
        }
    }

    /// The session of `key`, opening its store if this process has not yet. `make`
    /// allows a new store: at sign-in alone.
    pub(crate) fn enter(
        self: &Arc<Self>,
        key: &LicenseKey,
        owner: Owner,
        make: bool,
    ) -> Result<Session, CoreError> {
        let identity = Identity::of_key(key.expose());
        let name = identity.folder_name();
        let slot = self
            .sessions
            .lock()
            .entry(name.clone())
            .or_default()
            .clone();
        let mut held = slot.lock();
        // Deleted by another process meanwhile, it is made anew as for the first time.
        let deleted = make && !Store::exists(&self.data_dir, &identity);
        if let Some(session) = held.as_ref().filter(|_| !deleted) {
            if !session.is_owned_by(key) {
                return Err(redline_store::StoreError::WrongOwner.into());
            }
            session.set_owner(owner);
            return Ok(session.clone());
        }
        let options = redline_store::StoreOptions {
            holder: self.front_end.holder().to_owned(),
            classify,
            ..Default::default()
        };
        let (store, report) = if make {
            crate::fsx::private_dir(&self.data_dir).map_err(|error| {
                CoreError::new(
                    Code::ReadOnly,
                    match error.kind() {
                        std::io::ErrorKind::AlreadyExists | std::io::ErrorKind::NotADirectory => {
                            "The folder for the stores cannot be made: there is a file in its place.".to_owned()
                        }
                        kind => format!("The folder for the stores cannot be made: {kind}."),
                    },
                    "Check what is there and its permissions, or choose another with --data-dir or REDLINE_DATA_DIR.",
                )
            })?;
            Store::create_or_open(&self.data_dir, &identity, options)?
        } else {
            Store::open(&self.data_dir, &identity, options)?
        };
        let notes = std::mem::take(&mut *self.notes.lock());
        let session = Session::new(
            self.clone(),
            key.clone(),
            name.clone(),
            owner,
            store,
            &report,
            notes,
        );
        *held = Some(session.clone());
        drop(held);
        session.sweep_if_due(&report);
        Ok(session)
    }
}
