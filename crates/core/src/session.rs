//! A signed-in key: its store, its jobs, its events. The capability that every use
//! case is a method of.
//!
//! What it does lives in the modules beside this one (files, import, convert,
//! backup); here is what a session is.

use std::collections::{HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use redline_license::{LicenseKey, SecretStore};
use redline_store::{OpenReport, Store};
use tokio::sync::broadcast;

use crate::backup::BackupState;
use crate::contract::{Event, JobView, KeptIn, OpenNotice, ProfileView, SessionView};
use crate::convert::PlanCache;
use crate::error::CoreError;
use crate::events::StoreEvents;
use crate::grids::Grids;
use crate::import::Offers;
use crate::jobs::Jobs;
use crate::stages::Stages;
use crate::transfer::Transfers;
use crate::{profiles, redline};

/// A job's id: a ULID.
pub type JobId = String;

/// One file or folder to import.
#[derive(Debug, Clone)]
pub struct SourcePath {
    pub path: PathBuf,
    /// What a window knows it by; comes back with results.
    pub token: Option<String>,
}

/// Through what a key came to this session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Owner {
    /// A profile of this machine, by name.
    Profile(String),
    Environment,
}

impl Owner {
    pub(crate) fn profile_name(&self) -> Option<&str> {
        match self {
            Self::Profile(name) => Some(name),
            Self::Environment => None,
        }
    }

    pub(crate) fn is_environment(&self) -> bool {
        *self == Self::Environment
    }
}

/// One key's session in this process. Cheap to clone; clones are the same.
#[derive(Clone)]
pub struct Session(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) core: Arc<redline::Inner>,
    pub(crate) key: LicenseKey,
    store_name: String,
    owner: Mutex<Owner>,
    new_key: AtomicBool,
    notice: OpenNotice,
    pub(crate) store: Store,
    pub(crate) jobs: Jobs,
    pub(crate) events: StoreEvents,
    /// Sources inside dropped folders that can be tried again.
    pub(crate) offers: Mutex<Offers>,
    pub(crate) plans: Mutex<PlanCache>,
    /// What stops the planning that runs, by the files that are planned for.
    pub(crate) planning: Mutex<HashMap<Vec<i64>, Arc<AtomicBool>>>,
    pub(crate) grids: Mutex<Grids>,
    pub(crate) stages: Mutex<Stages>,
    /// What stops the query that runs.
    pub(crate) querying: Mutex<Option<Arc<AtomicBool>>>,
    pub(crate) backup: BackupState,
    pub(crate) transfers: Transfers,
}

impl Session {
    pub(crate) fn new(
        core: Arc<redline::Inner>,
        key: LicenseKey,
        store_name: String,
        owner: Owner,
        store: Store,
        report: &OpenReport,
        notes: Vec<String>,
    ) -> Self {
        let events = core.events.for_store(store_name.clone());
        let jobs = Jobs::new(store.jobs_dir(), events.clone());
        let mut lines = notes;
        lines.extend(crate::notice::of_opening(report));
        let session = Self(Arc::new(Inner {
            core,
            key,
            store_name,
            owner: Mutex::new(owner),
            new_key: AtomicBool::new(false),
            notice: OpenNotice { lines },
            store,
            jobs,
            events,
            offers: Mutex::new(Offers(VecDeque::new())),
            plans: Mutex::default(),
            planning: Mutex::default(),
            grids: Mutex::default(),
            stages: Mutex::default(),
            querying: Mutex::default(),
            backup: BackupState::default(),
            transfers: Transfers::default(),
        }));
        crate::watch::follow_others(&session);
        crate::automatic::follow(&session);
        crate::schedule::keep_checking(&session);
        session
    }

    pub fn view(&self) -> SessionView {
        SessionView {
            profile: self.profile(),
            notice: self.0.notice.clone(),
            new_key: self.0.new_key.load(Ordering::Relaxed),
        }
    }

    fn profile(&self) -> ProfileView {
        let current = self.is_current();
        let owner = self.owner();
        let listed = owner
            .profile_name()
            .and_then(|name| self.0.core.book().ok()?.get(name).ok().flatten())
            .map(|profile| profiles::view(&profile, current));
        listed.unwrap_or_else(|| {
            let view = profiles::environment_view(&self.0.key, current);
            match owner {
                Owner::Environment => view,
                // Forgotten while in use, or not written down yet.
                Owner::Profile(name) => ProfileView {
                    label: name.clone(),
                    name,
                    kept_in: KeptIn::SessionOnly,
                    ..view
                },
            }
        })
    }

    fn is_current(&self) -> bool {
        self.0
            .core
            .current_session()
            .is_some_and(|current| Arc::ptr_eq(&current.0, &self.0))
    }

    /// `RL-0566····-····CC32`
    pub fn masked_key(&self) -> String {
        self.0.key.masked()
    }

    /// The text of the recovery kit. It holds the license key, in the clear: for a
    /// file that the person chose, readable by them alone, and for nothing else.
    pub fn recovery_kit(&self) -> String {
        self.0.new_key.store(false, Ordering::Relaxed);
        let bucket = self.bucket_settings().ok().flatten();
        crate::recovery::kit(
            &self.0.key,
            &self.profile().label,
            &self.0.store_name,
            bucket.as_ref(),
            self.encrypts(),
        )
    }

    /// What concerns this session, whoever is signed in in the process.
    pub fn events(&self) -> broadcast::Receiver<Event> {
        self.0.events.subscribe()
    }

    /// Where small files of ours beside the catalog are.
    pub(crate) fn settings_dir(&self) -> PathBuf {
        self.0.store.private_dir().join("settings")
    }

    /// Gives back what is held open for a person who looks: plans and grids.
    pub(crate) fn let_go(&self) {
        self.cancel_query();
        self.0.plans.lock().clear();
        self.0.grids.lock().clear();
        self.0.stages.lock().clear();
    }

    pub(crate) fn store_name(&self) -> &str {
        &self.0.store_name
    }

    pub(crate) fn owner(&self) -> Owner {
        self.0.owner.lock().clone()
    }

    pub(crate) fn set_owner(&self, owner: Owner) {
        *self.0.owner.lock() = owner;
    }

    pub(crate) fn set_new_key(&self, is_new: bool) {
        self.0.new_key.store(is_new, Ordering::Relaxed);
    }

    /// Compared whole: the folder's name is only a part of the key's hash.
    pub(crate) fn is_owned_by(&self, key: &LicenseKey) -> bool {
        self.0.key == *key
    }

    /// Where the secrets of this session are, and the name they have there.
    pub(crate) fn secrets(&self) -> Result<(Arc<dyn SecretStore>, String), CoreError> {
        let core = &self.0.core;
        match self.owner() {
            Owner::Environment => Ok((
                core.vault.memory(),
                format!("environment-{}", self.0.store_name),
            )),
            Owner::Profile(name) => {
                let kept_in = core.book()?.get(&name)?.map(|profile| profile.kept_in);
                let place = match kept_in {
                    Some(kept_in) => core.vault.place(&name, kept_in)?,
                    None => core.vault.memory(),
                };
                Ok((place, name))
            }
        }
    }

    pub(crate) fn tell(&self, event: Event) {
        self.0.events.send(event);
    }

    // --- jobs -------------------------------------------------------------------

    /// Running, finished and interrupted jobs of this store, the newest first; those
    /// of other Redline processes too.
    pub fn jobs(&self) -> Vec<JobView> {
        self.0.jobs.list()
    }

    pub fn job(&self, id: &str) -> Result<JobView, CoreError> {
        self.0.jobs.get(id)
    }

    /// Asks a job to stop, wherever it runs. One that is over stays as it is.
    pub fn cancel_job(&self, id: &str) -> Result<(), CoreError> {
        self.0.jobs.cancel(id)
    }

    /// Takes a job that is over off the list.
    pub fn dismiss_job(&self, id: &str) -> Result<(), CoreError> {
        self.0.jobs.dismiss(id)
    }

    /// Waits until the job is over, wherever it runs. An id that is no job's answers
    /// a failed one, whose error says so.
    pub fn wait(&self, id: &str) -> JobView {
        self.0
            .jobs
            .wait(id)
            .unwrap_or_else(|error| crate::jobs::never_was(id, &error))
    }
}
