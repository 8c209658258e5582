//! Signing in and out, and the profiles of this machine.

use redline_license::{KeptIn as Place, LicenseKey, Profile, Secret, SecretName};
use redline_store::{Identity, Store};

use crate::contract::{
    AppState, KeptIn, KeyringState, KeyringStatus, ProfileView, SignInRequest, Tier,
};
use crate::error::{Code, CoreError};
use crate::redline::Redline;
use crate::session::{Owner, Session};
use crate::text;

const ENVIRONMENT: &str = "environment";

impl Redline {
    /// Signs in with a pasted key, or with a new free one. The store is made if it is
    /// new, and the key kept where the request says, before this answers.
    ///
    /// # Errors
    /// [`Code::KeyMalformed`]; [`Code::KeyringLocked`], [`Code::KeyringAbsent`] or
    /// [`Code::KeyringDenied`], and then nothing was made; those of opening a store.
    pub fn sign_in(&self, mut request: SignInRequest) -> Result<Session, CoreError> {
        use zeroize::Zeroize;
        let given = request.key.take();
        let parsed = given
            .as_deref()
            .filter(|text| !text.trim().is_empty())
            .map(LicenseKey::parse)
            .transpose();
        if let Some(mut text) = given {
            text.zeroize();
        }
        let (key, is_new) = match parsed? {
            Some(key) => (key, false),
            None => (LicenseKey::generate()?, true),
        };
        let session = self.sign_in_with(&key, is_new, &request);
        request.passphrase.zeroize();
        session
    }

    fn sign_in_with(
        &self,
        key: &LicenseKey,
        is_new: bool,
        request: &SignInRequest,
    ) -> Result<Session, CoreError> {
        let kept_in = place_of(request.keep)?;
        let core = &self.0;
        let book = core.book()?;
        let store_hash = Identity::of_key(key.expose()).folder_name();
        let known = book.find_by_store(&store_hash)?;
        let label = request
            .label
            .as_deref()
            .map(str::trim)
            .filter(|label| !label.is_empty());
        let name = match &known {
            Some(profile) => profile.name.clone(),
            None => book.free_name(label.unwrap_or(default_label(is_new)))?,
        };

        // The key first: a store whose key is kept nowhere would be lost to a crash.
        if kept_in == Place::PassphraseFile {
            core.vault.make_file(&name, request.passphrase.as_deref())?;
        }
        let place = core.vault.place(&name, kept_in)?;
        core.vault
            .set(&*place, &name, SecretName::LicenseKey, &Secret::from(key))?;

        let entered = core.enter(key, Owner::Profile(name.clone()), true);
        let session = match entered {
            Ok(session) => session,
            Err(error) => {
                if known.is_none() {
                    let _ = core.vault.forget(&*place, &name);
                    if kept_in == Place::PassphraseFile {
                        let _ = core.vault.remove_file(&name);
                    }
                }
                return Err(error);
            }
        };
        let now = text::now();
        match &known {
            Some(before) => {
                self.move_secrets(before, kept_in);
                book.update(&name, |profile| {
                    profile.kept_in = kept_in;
                    profile.last_used_at.clone_from(&now);
                    if let Some(label) = label {
                        label.clone_into(&mut profile.label);
                    }
                })?;
            }
            None => book.upsert(Profile {
                name: name.clone(),
                label: label.unwrap_or(default_label(is_new)).to_owned(),
                masked_key: key.masked(),
                store_hash,
                tier: if is_new {
                    redline_license::Tier::Free
                } else {
                    redline_license::Tier::Standard
                },
                kept_in,
                created_at: now.clone(),
                last_used_at: now,
                backup: None,
            })?,
        }
        book.set_current(Some(&name))?;
        session.set_new_key(is_new);
        core.set_current(Some(&session));
        tracing::info!(profile = name, key = %key, "signed in");
        Ok(session)
    }

    /// Takes the bucket's secrets along when a known profile is kept elsewhere now,
    /// and clears the old place. What does not work leaves them where they were.
    fn move_secrets(&self, before: &Profile, kept_in: Place) {
        if before.kept_in == kept_in {
            return;
        }
        let vault = &self.0.vault;
        let (Ok(from), Ok(to)) = (
            vault.place(&before.name, before.kept_in),
            vault.place(&before.name, kept_in),
        ) else {
            return;
        };
        let mut moved = true;
        for name in [
            SecretName::S3AccessKey,
            SecretName::S3SecretKey,
            SecretName::RecoveryKey,
            SecretName::DataKey,
        ] {
            if let Ok(Some(secret)) = vault.get(&*from, &before.name, name) {
                moved &= vault.set(&*to, &before.name, name, &secret).is_ok();
            }
        }
        if moved && vault.forget(&*from, &before.name).is_err() {
            tracing::warn!(
                profile = before.name,
                "the secrets could not be removed from where they were kept"
            );
        }
        if moved && before.kept_in == Place::PassphraseFile {
            let _ = vault.remove_file(&before.name);
        }
    }

    /// Signs in to a profile of this machine with the key it keeps.
    ///
    /// # Errors
    /// [`Code::PassphraseNeeded`] and [`Code::WrongPassphrase`] for one kept in a
    /// passphrase file; [`Code::NotSignedIn`] where the key is not kept any more.
    pub fn use_profile(&self, name: &str, passphrase: Option<&str>) -> Result<Session, CoreError> {
        let core = &self.0;
        if name == ENVIRONMENT && core.env_key().is_some() {
            return self.session_from_environment();
        }
        let book = core.book()?;
        let profile = book.get(name)?.ok_or_else(|| no_such_profile(name))?;
        if profile.kept_in == Place::PassphraseFile
            && let Some(passphrase) = passphrase.filter(|text| !text.is_empty())
        {
            core.vault.open_file(name, passphrase)?;
        }
        let session = self.open_profile(&profile)?;
        book.update(name, |profile| profile.last_used_at = text::now())?;
        book.set_current(Some(name))?;
        core.set_current(Some(&session));
        Ok(session)
    }

    fn open_profile(&self, profile: &Profile) -> Result<Session, CoreError> {
        let core = &self.0;
        let place = core.vault.place(&profile.name, profile.kept_in)?;
        let key = core
            .vault
            .license_key(&*place, &profile.name)?
            .ok_or_else(|| {
                CoreError::new(
                    Code::NotSignedIn,
                    match profile.kept_in {
                        Place::SessionOnly => format!(
                            "The key of \"{}\" was kept for one session only.",
                            profile.label
                        ),
                        _ => format!(
                            "The key of \"{}\" is not where it was kept any more.",
                            profile.label
                        ),
                    },
                    "Sign in again with the license key; the store is as it was.",
                )
            })?;
        // Its store was made when the profile was; a data folder that moved is told.
        let session = core.enter(&key, Owner::Profile(profile.name.clone()), false).map_err(|error| {
            if error.code() != Code::NotSignedInHere {
                return error;
            }
            CoreError::new(
                Code::NotSignedInHere,
                format!("The store of \"{}\" is not in the data folder.", profile.label),
                "Point --data-dir or REDLINE_DATA_DIR at the folder that has it, or sign in again to begin an empty one.",
            )
        })?;
        Ok(session)
    }

    fn session_from_environment(&self) -> Result<Session, CoreError> {
        let key = self.0.env_key().unwrap_or_else(|| Err(not_signed_in()))?;
        let session = self.0.enter(&key, Owner::Environment, true)?;
        self.0.set_current(Some(&session));
        Ok(session)
    }

    /// At the start of a window: the key from the environment, else the last profile
    /// where the settings want it and nobody has to be asked. `None`: show sign-in.
    pub fn resume(&self) -> Option<Result<Session, CoreError>> {
        if self.0.env_key().is_some() {
            return Some(self.session_from_environment());
        }
        if !self.settings().sign_in_at_start {
            return None;
        }
        let profile = self.0.book().ok()?.current().ok()??;
        match profile.kept_in {
            Place::Keyring => Some(self.use_profile(&profile.name, None)),
            Place::PassphraseFile | Place::SessionOnly => None,
        }
    }

    /// For a command: the key from the environment (its store is made if it is new,
    /// and no keyring touched), else the named profile, else the current one.
    pub fn session_for(&self, profile: Option<&str>) -> Result<Session, CoreError> {
        let core = &self.0;
        if core.env_key().is_some() {
            return self.session_from_environment();
        }
        let book = core.book()?;
        let profile = match profile {
            Some(name) => book.get(name)?.ok_or_else(|| no_such_profile(name))?,
            None => book.current()?.ok_or_else(not_signed_in)?,
        };
        let session = self.open_profile(&profile)?;
        core.set_current(Some(&session));
        Ok(session)
    }

    /// For a request that carries a key: only one that was signed in on this machine,
    /// and only while it still is known here.
    ///
    /// # Errors
    /// [`Code::KeyMalformed`], [`Code::NotSignedInHere`]; nothing is made.
    pub fn session_for_key(&self, key: &str) -> Result<Session, CoreError> {
        let core = &self.0;
        let key = LicenseKey::parse(key)?;
        let identity = Identity::of_key(key.expose());
        let name = identity.folder_name();
        let owner = match core.env_key() {
            Some(Ok(from_environment)) if from_environment == key => Some(Owner::Environment),
            _ => core
                .book()?
                .find_by_store(&name)?
                .map(|profile| Owner::Profile(profile.name)),
        };
        let Some(owner) = owner else {
            return Err(redline_store::StoreError::NoStore.into());
        };
        let make = matches!(owner, Owner::Environment);
        if !make && !Store::exists(&core.data_dir, &identity) {
            return Err(redline_store::StoreError::NoStore.into());
        }
        core.enter(&key, owner, make)
    }

    /// Nobody is signed in any more. Profiles, their keys and their jobs stay; what was
    /// kept for this session only goes.
    pub fn sign_out(&self) -> AppState {
        let core = &self.0;
        if let Some(session) = core.current_session() {
            if let Owner::Profile(name) = session.owner()
                && let Ok(book) = core.book()
            {
                if let Ok(Some(profile)) = book.get(&name)
                    && profile.kept_in == Place::SessionOnly
                {
                    let _ = core.vault.forget(&*core.vault.memory(), &name);
                }
                core.vault.close_file(&name);
                if let Err(error) = book.set_current(None) {
                    tracing::warn!(%error, "the profile stays the one that opens at start");
                }
            }
            core.drop_session(session.store_name());
        }
        core.set_current(None);
        self.app_state()
    }

    /// Forgets a profile and its secrets on this machine. Its store stays.
    pub fn forget_profile(&self, name: &str) -> Result<AppState, CoreError> {
        let core = &self.0;
        let book = core.book()?;
        let profile = book.get(name)?.ok_or_else(|| no_such_profile(name))?;
        match profile.kept_in {
            Place::PassphraseFile => core.vault.remove_file(name)?,
            kept_in => {
                let place = core.vault.place(name, kept_in)?;
                core.vault.forget(&*place, name)?;
            }
        }
        book.remove(name)?;
        if core
            .current_session()
            .is_some_and(|session| session.store_name() == profile.store_hash)
        {
            core.set_current(None);
        }
        core.drop_session(&profile.store_hash);
        Ok(self.app_state())
    }

    /// Deletes the session's whole store from this machine, and its key and
    /// secrets with it: at once, completely, without a way back but a backup.
    pub fn delete_account(&self, session: Session) -> Result<AppState, CoreError> {
        session.0.store.clone().delete_account()?;
        match session.owner().profile_name() {
            Some(name) => self.forget_profile(name),
            None => {
                self.0.set_current(None);
                self.0.drop_session(session.store_name());
                Ok(self.app_state())
            }
        }
    }

    pub fn rename_profile(&self, name: &str, label: &str) -> Result<AppState, CoreError> {
        let label = label.trim();
        if label.is_empty() || label.chars().count() > 80 || label.chars().any(char::is_control) {
            return Err(CoreError::new(
                Code::BadName,
                "A profile's name has 1 to 80 characters, all of them visible.",
                "Choose another name.",
            ));
        }
        self.0
            .book()?
            .update(name, |profile| label.clone_into(&mut profile.label))?;
        if let Some(session) = self.0.current_session() {
            self.0
                .events
                .send(crate::contract::Event::Session(Some(session.view())));
        }
        Ok(self.app_state())
    }
}

fn default_label(is_new: bool) -> &'static str {
    if is_new { "My store" } else { "Store" }
}

fn place_of(keep: KeptIn) -> Result<Place, CoreError> {
    match keep {
        KeptIn::Keyring => Ok(Place::Keyring),
        KeptIn::PassphraseFile => Ok(Place::PassphraseFile),
        KeptIn::SessionOnly => Ok(Place::SessionOnly),
        KeptIn::Environment => Err(CoreError::bad_request(
            "A key cannot be kept in the environment.",
            "Choose the keyring, a passphrase file, or this session only.",
        )),
    }
}

pub(crate) fn not_signed_in() -> CoreError {
    CoreError::new(
        Code::NotSignedIn,
        "Nobody is signed in.",
        "Sign in with a license key, or start with a free one.",
    )
}

fn no_such_profile(name: &str) -> CoreError {
    CoreError::new(
        Code::NotFound,
        format!("There is no profile \"{name}\" on this machine."),
        "The list of profiles shows what there is.",
    )
}

pub(crate) fn view(profile: &Profile, current: bool) -> ProfileView {
    ProfileView {
        name: profile.name.clone(),
        label: profile.label.clone(),
        masked_key: profile.masked_key.clone(),
        tier: tier_view(profile.tier),
        kept_in: match profile.kept_in {
            Place::Keyring => KeptIn::Keyring,
            Place::PassphraseFile => KeptIn::PassphraseFile,
            Place::SessionOnly => KeptIn::SessionOnly,
        },
        quota_bytes: profile.tier.quota_bytes(),
        last_used_at: Some(profile.last_used_at.clone()).filter(|time| !time.is_empty()),
        current,
    }
}

pub(crate) fn environment_view(key: &LicenseKey, current: bool) -> ProfileView {
    let tier = redline_license::Tier::Standard;
    ProfileView {
        name: ENVIRONMENT.to_owned(),
        label: "REDLINE_LICENSE_KEY".to_owned(),
        masked_key: key.masked(),
        tier: tier_view(tier),
        kept_in: KeptIn::Environment,
        quota_bytes: tier.quota_bytes(),
        last_used_at: None,
        current,
    }
}

fn tier_view(tier: redline_license::Tier) -> Tier {
    match tier {
        redline_license::Tier::Free => Tier::Free,
        redline_license::Tier::Standard => Tier::Standard,
        redline_license::Tier::Pro => Tier::Pro,
        redline_license::Tier::Enterprise => Tier::Enterprise,
    }
}

pub(crate) fn keyring_view(status: redline_license::KeyringStatus) -> KeyringStatus {
    KeyringStatus {
        state: match status.state {
            redline_license::KeyringState::Ready => KeyringState::Ready,
            redline_license::KeyringState::Locked => KeyringState::Locked,
            redline_license::KeyringState::Absent => KeyringState::Absent,
            redline_license::KeyringState::Denied => KeyringState::Denied,
        },
        detail: text::sentence(&crate::error::scrub(&status.detail)),
    }
}
