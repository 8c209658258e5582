//! The bucket of a session: its settings with the profile, its secrets with the
//! profile's secrets, and what the last probe found. It never sends a secret
//! anywhere but to the bucket.

use std::path::Path;
use std::sync::Arc;

use redline_backup::{Bucket, BucketConfig, ProbeReport, SecretText};
use redline_license::{Secret, SecretName};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

use crate::contract::{BucketSetup, BucketView, Event, ProbeCheckView, ServerEncryption};
use crate::env_file::{S3Settings, read_env_file, s3_from_environment};
use crate::error::{Code, CoreError};
use crate::session::{Owner, Session};
use crate::text;

/// As kept with the profile; no secret belongs here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BucketSettings {
    pub(crate) bucket: String,
    pub(crate) region: String,
    pub(crate) endpoint_url: Option<String>,
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
            has_secrets,
            checks: self.checks.clone(),
            checked_at: self.checked_at.clone(),
            server_encryption: self.server_encryption.clone(),
        }
    }
}

/// The two keys of a bucket.
struct BucketSecrets {
    access_key: Secret,
    secret_key: Secret,
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
        let secrets = match (access_key, secret_key) {
            (Some(access_key), Some(secret_key)) => BucketSecrets {
                access_key,
                secret_key,
            },
            (access_key, secret_key) => {
                let held = self.bucket_secrets()?.ok_or_else(|| {
                    CoreError::bad_request(
                        "The bucket needs its access key and its secret key.",
                        "Your storage provider shows or makes them.",
                    )
                })?;
                BucketSecrets {
                    access_key: access_key.unwrap_or(held.access_key),
                    secret_key: secret_key.unwrap_or(held.secret_key),
                }
            }
        };
        let mut settings = BucketSettings {
            bucket: setup.bucket.trim().to_owned(),
            region: setup.region.trim().to_owned(),
            endpoint_url: setup
                .endpoint_url
                .map(|url| url.trim().to_owned())
                .filter(|url| !url.is_empty()),
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
        let report = self.probe(&settings, &secrets)?;
        note_checks(&mut settings, &report);
        if report.ok {
            let bucket = self.connect_to(&settings, &secrets)?;
            self.encrypt_from_the_start(&settings, &bucket, passphrase)?;
            self.keep_bucket(&settings, &secrets)?;
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
            server_encryption,
            recovery_passphrase,
        });
        found.zeroize();
        view
    }

    /// Tries the bucket again with what is held, and keeps what was found.
    pub fn probe_bucket(&self) -> Result<BucketView, CoreError> {
        let mut settings = self.bucket_settings()?.ok_or_else(no_bucket)?;
        let secrets = self.bucket_secrets()?.ok_or_else(no_secrets)?;
        let report = self.probe(&settings, &secrets)?;
        note_checks(&mut settings, &report);
        self.keep_settings(Some(&settings))?;
        self.tell(Event::Backup);
        Ok(settings.view(true))
    }

    /// Forgets the bucket and its secrets on this machine. What is in it stays.
    pub fn clear_bucket(&self) -> Result<(), CoreError> {
        let (place, name) = self.secrets()?;
        for secret in [SecretName::S3AccessKey, SecretName::S3SecretKey] {
            place.delete(&redline_license::SecretId::new(name.clone(), secret))?;
        }
        self.keep_settings(None)?;
        self.tell(Event::Backup);
        Ok(())
    }

    fn probe(
        &self,
        settings: &BucketSettings,
        secrets: &BucketSecrets,
    ) -> Result<ProbeReport, CoreError> {
        let bucket = self.connect_to(settings, secrets)?;
        self.0.core.block_on(async move { bucket.probe().await })
    }

    /// Ready to use; sends nothing yet.
    pub(crate) fn connect(&self) -> Result<(Bucket, BucketSettings), CoreError> {
        let settings = self.bucket_settings()?.ok_or_else(no_bucket)?;
        let secrets = self.bucket_secrets()?.ok_or_else(no_secrets)?;
        Ok((self.connect_to(&settings, &secrets)?, settings))
    }

    fn connect_to(
        &self,
        settings: &BucketSettings,
        secrets: &BucketSecrets,
    ) -> Result<Bucket, CoreError> {
        let mut config = BucketConfig::new(
            settings.bucket.clone(),
            settings.region.clone(),
            settings.endpoint_url.clone(),
            SecretText::from(secrets.access_key.expose()),
            SecretText::from(secrets.secret_key.expose()),
            self.store_name(),
        );
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

    /// What signs requests now, for a bucket whose keys have expired; a locked keyring
    /// has none.
    pub(crate) fn held_keys(&self) -> Option<(Secret, Secret)> {
        let held = self.bucket_secrets().ok()??;
        Some((held.access_key, held.secret_key))
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
                Ok(s3_from_environment().ok().map(|mut found| {
                    let settings = BucketSettings {
                        bucket: found.bucket.clone(),
                        region: found.region.clone(),
                        endpoint_url: found.endpoint_url.clone(),
                        server_encryption: ServerEncryption::default(),
                        checks: Vec::new(),
                        checked_at: None,
                    };
                    found.zeroize();
                    settings
                }))
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

    /// Secrets first: settings without them would look set up and fail at night.
    fn keep_bucket(
        &self,
        settings: &BucketSettings,
        secrets: &BucketSecrets,
    ) -> Result<(), CoreError> {
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
