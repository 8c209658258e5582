//! The bucket of a session: its settings with the profile, its secrets with the
//! profile's secrets, and what the last probe found. It never sends a secret
//! anywhere but to the bucket.

use std::path::Path;
use std::sync::Arc;

use redline_backup::{AccessKeys, BackupError, Bucket, BucketConfig, ProbeReport};
use redline_license::{Secret, SecretName};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

use crate::contract::{BucketSetup, BucketView, Event, ProbeCheckView, ServerEncryption};
use crate::env_file::{DEFAULT_REGION, S3Settings, read_env_file, s3_from_environment};
use crate::error::{Code, CoreError};
use crate::session::{Owner, Session};
use crate::text;

/// As kept with the profile; no secret belongs here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BucketSettings {
    pub(crate) bucket: String,
    pub(crate) region: String,
    pub(crate) endpoint_url: Option<String>,
    /// Where the keys come from, if not from the two that are held. A name and nothing else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) aws_profile: Option<String>,
    #[serde(default)]
    pub(crate) server_encryption: ServerEncryption,
    #[serde(default)]
    pub(crate) checks: Vec<ProbeCheckView>,
    #[serde(default)]
    pub(crate) checked_at: Option<String>,
}

impl BucketSettings {
    /// Tells one bucket from another, for what is remembered of it.
    pub(crate) fn place(&self) -> String {
        format!(
            "{}|{}",
            self.endpoint_url.as_deref().unwrap_or(""),
            self.bucket
        )
    }

    fn view(&self, has_secrets: bool) -> BucketView {
        BucketView {
            bucket: self.bucket.clone(),
            region: self.region.clone(),
            endpoint_url: self.endpoint_url.clone(),
            has_secrets: has_secrets && self.aws_profile.is_none(),
            checks: self.checks.clone(),
            checked_at: self.checked_at.clone(),
            aws_profile: self.aws_profile.clone(),
            server_encryption: self.server_encryption.clone(),
        }
    }
}

/// The two keys of a bucket.
struct BucketSecrets {
    access_key: Secret,
    secret_key: Secret,
}

impl BucketSecrets {
    fn signing(&self) -> AccessKeys {
        AccessKeys {
            access_key: self.access_key.expose().into(),
            secret_key: self.secret_key.expose().into(),
            session_token: None,
            expires_at: None,
        }
    }
}

impl Session {
    /// Probes a bucket and, when every required check passed, keeps it. Secrets that
    /// are not given are the ones already held. A check that failed is in the answer,
    /// not an error.
    pub fn set_bucket(&self, mut setup: BucketSetup) -> Result<BucketView, CoreError> {
        // What was handed in is wiped here; the one copy that stays wipes itself.
        let given = |secret: &mut Option<String>| {
            let text = Zeroizing::new(secret.take()?);
            Some(Secret::from(text.trim())).filter(|secret| !secret.is_empty())
        };
        let (access_key, secret_key) = (given(&mut setup.access_key), given(&mut setup.secret_key));
        let aws_profile = setup
            .aws_profile
            .as_deref()
            .map(|name| name.trim().to_owned())
            .filter(|name| !name.is_empty());
        let secrets = match (&aws_profile, access_key, secret_key) {
            (Some(_), None, None) => None,
            (Some(_), _, _) => {
                return Err(CoreError::bad_request(
                    "Keys and an AWS profile were given for the bucket.",
                    "Give one of them.",
                ));
            }
            (None, Some(access_key), Some(secret_key)) => Some(BucketSecrets {
                access_key,
                secret_key,
            }),
            (None, access_key, secret_key) => {
                let held = self.bucket_secrets()?.ok_or_else(|| {
                    CoreError::bad_request(
                        "The bucket needs its access key and its secret key.",
                        "Your storage provider shows or makes them.",
                    )
                })?;
                Some(BucketSecrets {
                    access_key: access_key.unwrap_or(held.access_key),
                    secret_key: secret_key.unwrap_or(held.secret_key),
                })
            }
        };
        let mut settings = BucketSettings {
            bucket: setup.bucket.trim().to_owned(),
            region: setup.region.trim().to_owned(),
            endpoint_url: setup
                .endpoint_url
                .map(|url| url.trim().to_owned())
                .filter(|url| !url.is_empty()),
            aws_profile,
            server_encryption: match setup.server_encryption {
                Some(encryption) => encryption,
                None => self
                    .bucket_settings()?
                    .map(|held| held.server_encryption)
                    .unwrap_or_default(),
            },
            checks: Vec::new(),
            checked_at: None,
        };
        let passphrase = setup.recovery_passphrase.take();
        self.take_place_of_profile(&mut settings)?;
        let keys = match (&settings.aws_profile, &secrets) {
            (Some(name), _) => self.profile_keys(name)?,
            (None, Some(secrets)) => secrets.signing(),
            (None, None) => return Err(no_secrets()),
        };
        let report = self.probe(&settings, keys.clone())?;
        note_checks(&mut settings, &report);
        if report.ok {
            let bucket = self.connect_to(&settings, keys)?;
            self.encrypt_from_the_start(&settings, &bucket, passphrase)?;
            self.keep_bucket(&settings, secrets.as_ref())?;
            self.tell(Event::Backup);
        }
        Ok(settings.view(report.ok))
    }

    /// The same from a `.env` file, or without one from the environment.
    pub fn set_bucket_from_env_file(
        &self,
        path: Option<&Path>,
        server_encryption: Option<ServerEncryption>,
        recovery_passphrase: Option<String>,
    ) -> Result<BucketView, CoreError> {
        let mut found = match path {
            Some(path) => read_env_file(path)?,
            None => s3_from_environment()?,
        };
        let view = self.set_bucket(BucketSetup {
            bucket: std::mem::take(&mut found.bucket),
            region: std::mem::take(&mut found.region),
            endpoint_url: found.endpoint_url.take(),
            access_key: found.access_key.take(),
            secret_key: found.secret_key.take(),
            aws_profile: found.aws_profile.take(),
            server_encryption,
            recovery_passphrase,
        });
        found.zeroize();
        view
    }

    /// Tries the bucket again with what is held, and keeps what was found.
    pub fn probe_bucket(&self) -> Result<BucketView, CoreError> {
        let mut settings = self.bucket_settings()?.ok_or_else(no_bucket)?;
        let keys = self.keys_of(&settings)?;
        let report = self.probe(&settings, keys)?;
        note_checks(&mut settings, &report);
        self.keep_settings(Some(&settings))?;
        self.tell(Event::Backup);
        Ok(settings.view(true))
    }

    /// Forgets the bucket and its secrets on this machine. What is in it stays.
    pub fn clear_bucket(&self) -> Result<(), CoreError> {
        self.forget_secrets()?;
        self.keep_settings(None)?;
        self.tell(Event::Backup);
        Ok(())
    }

    /// A profile's region and endpoint, where the person gave none.
    fn take_place_of_profile(&self, settings: &mut BucketSettings) -> Result<(), CoreError> {
        let Some(name) = &settings.aws_profile else {
            return Ok(());
        };
        let place = self.profile_place(name)?;
        if settings.region.is_empty() {
            settings.region = place.region.unwrap_or_else(|| DEFAULT_REGION.to_owned());
        }
        if settings.endpoint_url.is_none() {
            settings.endpoint_url = place.endpoint_url;
        }
        Ok(())
    }

    fn forget_secrets(&self) -> Result<(), CoreError> {
        let (place, name) = self.secrets()?;
        for secret in [SecretName::S3AccessKey, SecretName::S3SecretKey] {
            place.delete(&redline_license::SecretId::new(name.clone(), secret))?;
        }
        Ok(())
    }

    fn probe(&self, settings: &BucketSettings, keys: AccessKeys) -> Result<ProbeReport, CoreError> {
        let bucket = self.connect_to(settings, keys)?;
        self.0.core.block_on(async move { bucket.probe().await })
    }

    /// Ready to use; sends nothing yet.
    pub(crate) fn connect(&self) -> Result<(Bucket, BucketSettings), CoreError> {
        let settings = self.bucket_settings()?.ok_or_else(no_bucket)?;
        let keys = self.keys_of(&settings)?;
        let bucket = self.connect_to(&settings, keys)?;
        self.renew_keys_of(&bucket);
        Ok((bucket, settings))
    }

    fn connect_to(&self, settings: &BucketSettings, keys: AccessKeys) -> Result<Bucket, CoreError> {
        let mut config = BucketConfig::new(
            settings.bucket.clone(),
            settings.region.clone(),
            settings.endpoint_url.clone(),
            keys.access_key,
            keys.secret_key,
            self.store_name(),
        );
        config.session_token = keys.session_token;
        config.keys_expire_at = keys.expires_at;
        config.encryption = match &settings.server_encryption {
            ServerEncryption::BucketDefault => redline_backup::ServerEncryption::BucketDefault,
            ServerEncryption::SseS3 => redline_backup::ServerEncryption::SseS3,
            ServerEncryption::SseKms { key_id } => redline_backup::ServerEncryption::SseKms {
                key_id: key_id.clone(),
            },
        };
        let bucket = Bucket::connect(config)?;
        self.equip(&bucket);
        let keys = self.data_keys()?;
        if !keys.keys.is_empty() {
            bucket.seal_with(keys);
        }
        Ok(bucket)
    }

    /// What signs requests from now on.
    fn keys_of(&self, settings: &BucketSettings) -> Result<AccessKeys, CoreError> {
        match &settings.aws_profile {
            Some(name) => self.profile_keys(name),
            None => Ok(self.bucket_secrets()?.ok_or_else(no_secrets)?.signing()),
        }
    }

    /// The same in the middle of a run whose keys have expired; a locked keyring has none.
    pub(crate) fn renewed_keys(&self) -> Result<Option<AccessKeys>, BackupError> {
        let settings = self.bucket_settings().ok().flatten();
        if let Some(name) = settings.and_then(|settings| settings.aws_profile) {
            return self.renewed_profile_keys(&name);
        }
        let held = self.bucket_secrets().ok().flatten();
        Ok(held.map(|held| held.signing()))
    }

    pub(crate) fn bucket_view(&self) -> Result<Option<BucketView>, CoreError> {
        let Some(settings) = self.bucket_settings()? else {
            return Ok(None);
        };
        // Whether they are held is all; a locked keyring is no reason to show nothing.
        let has_secrets = match self.owner() {
            Owner::Environment => matches!(self.bucket_secrets(), Ok(Some(_))),
            Owner::Profile(_) => true,
        };
        Ok(Some(settings.view(has_secrets)))
    }

    pub(crate) fn bucket_settings(&self) -> Result<Option<BucketSettings>, CoreError> {
        match self.owner() {
            Owner::Environment => {
                if let Some(settings) = self.0.backup.bucket.lock().clone() {
                    return Ok(Some(settings));
                }
                let Ok(mut found) = s3_from_environment() else {
                    return Ok(None);
                };
                let mut settings = BucketSettings {
                    bucket: found.bucket.clone(),
                    region: found.region.clone(),
                    endpoint_url: found.endpoint_url.clone(),
                    aws_profile: found.aws_profile.clone(),
                    server_encryption: ServerEncryption::default(),
                    checks: Vec::new(),
                    checked_at: None,
                };
                found.zeroize();
                self.take_place_of_profile(&mut settings)?;
                Ok(Some(settings))
            }
            Owner::Profile(name) => {
                let kept = self
                    .0
                    .core
                    .book()?
                    .get(&name)?
                    .and_then(|profile| profile.backup);
                kept.map(serde_json::from_value).transpose().map_err(|_| {
                    CoreError::new(
                        Code::Damaged,
                        "The settings of the bucket cannot be read.",
                        "Set the bucket up again under Backup.",
                    )
                })
            }
        }
    }

    fn bucket_secrets(&self) -> Result<Option<BucketSecrets>, CoreError> {
        let (place, name) = self.secrets()?;
        let vault = &self.0.core.vault;
        let access_key = vault.get(&*place, &name, SecretName::S3AccessKey)?;
        let secret_key = vault.get(&*place, &name, SecretName::S3SecretKey)?;
        if let (Some(access_key), Some(secret_key)) = (access_key, secret_key) {
            return Ok(Some(BucketSecrets {
                access_key,
                secret_key,
            }));
        }
        if !self.owner().is_environment() {
            return Ok(None);
        }
        Ok(s3_from_environment()
            .ok()
            .and_then(|mut found: S3Settings| {
                Some(BucketSecrets {
                    access_key: found.access_key.take()?.into(),
                    secret_key: found.secret_key.take()?.into(),
                })
            }))
    }

    /// Secrets first: settings without them would look set up and fail at night. Where a
    /// profile has them now, those of before are of no more use and go last.
    fn keep_bucket(
        &self,
        settings: &BucketSettings,
        secrets: Option<&BucketSecrets>,
    ) -> Result<(), CoreError> {
        let Some(secrets) = secrets else {
            self.keep_settings(Some(settings))?;
            return self.forget_secrets();
        };
        let (place, name) = self.secrets()?;
        let vault = &self.0.core.vault;
        vault.set(&*place, &name, SecretName::S3AccessKey, &secrets.access_key)?;
        vault.set(&*place, &name, SecretName::S3SecretKey, &secrets.secret_key)?;
        self.keep_settings(Some(settings))
    }

    fn keep_settings(&self, settings: Option<&BucketSettings>) -> Result<(), CoreError> {
        match self.owner() {
            Owner::Environment => *self.0.backup.bucket.lock() = settings.cloned(),
            Owner::Profile(name) => {
                let value =
                    settings.map(|settings| serde_json::to_value(settings).unwrap_or_default());
                self.0
                    .core
                    .book()?
                    .update(&name, |profile| profile.backup = value)?;
            }
        }
        Ok(())
    }
}

fn note_checks(settings: &mut BucketSettings, report: &ProbeReport) {
    settings.checks = report
        .checks
        .iter()
        .map(|check| ProbeCheckView {
            name: check.name.to_owned(),
            ok: check.ok,
            required: !check.informational,
            detail: text::sentence(&crate::error::scrub(&check.detail)),
            permission: check.permission.clone(),
        })
        .collect();
    settings.checked_at = Some(text::now());
}

pub(crate) fn no_bucket() -> CoreError {
    CoreError::new(
        Code::BucketMissing,
        "No bucket is set up for this store.",
        "Set one up under Backup, or with `redline backup setup`.",
    )
}

fn no_secrets() -> CoreError {
    CoreError::new(
        Code::BucketMissing,
        "The keys of the bucket are not held on this machine.",
        "Enter the access key and the secret key again under Backup.",
    )
}

/// What a session remembers of its backups between calls.
#[derive(Default)]
pub(crate) struct Remembered {
    /// Catalog version and manifest that `waiting` belongs to.
    pub(crate) of: Option<(u64, String)>,
    pub(crate) waiting: (u64, u64),
}

pub(crate) type SharedProgress = Arc<dyn redline_backup::Progress>;
