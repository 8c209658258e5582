//! The bucket doctor: does each thing a backup needs, once, on objects of its
//! own, and says which of them failed and which permission that was.

use bytes::Bytes;
use sha2::{Digest, Sha256};
use ulid::Ulid;

use crate::{BackupError, Bucket};

/// One capability, tried.
#[derive(Clone, Debug)]
pub struct ProbeCheck {
    /// `write`, `read`, `range`, `list`, `multipart`, `copy`, `conditional_put`,
    /// `versioning`, `clock`, `delete`.
    pub name: &'static str,
    pub ok: bool,
    /// Good to know; a backup does without.
    pub informational: bool,
    pub detail: String,
    /// The permission whose lack made it fail, as a policy names it.
    pub permission: Option<String>,
}

#[derive(Clone, Debug)]
pub struct ProbeReport {
    pub checks: Vec<ProbeCheck>,
    /// Every check that is not informational passed.
    pub ok: bool,
    /// The first failure, for callers that want the error itself.
    pub error: Option<std::sync::Arc<BackupError>>,
}

const BODY: &[u8] = b"redline probe: safe to delete\n0123456789abcdefghijklmnopqrstuvwxyz\n";
/// Servers refuse requests whose clock is off by more than 15 minutes.
const MAX_SKEW: i64 = 15 * 60;
const LIMIT: u64 = 64 << 10;

struct Probe<'a> {
    bucket: &'a Bucket,
    report: ProbeReport,
    /// Keys and versions that this probe made.
    made: Vec<(String, Option<String>)>,
}

impl Bucket {
    /// Tries what a backup needs, in a second or so, and removes what it made.
    /// Never fails as a whole: what does not work is in the report.
    pub async fn probe(&self) -> ProbeReport {
        let mut probe = Probe {
            bucket: self,
            report: ProbeReport {
                checks: Vec::new(),
                ok: true,
                error: None,
            },
            made: Vec::new(),
        };
        probe.run().await;
        probe.report
    }
}

impl Bucket {
    /// Whether a replaced version can in fact be read back, tried on an object of our
    /// own, which is removed again.
    pub async fn prove_versioning(&self) -> Result<bool, BackupError> {
        let mut probe = Probe {
            bucket: self,
            report: ProbeReport {
                checks: Vec::new(),
                ok: true,
                error: None,
            },
            made: Vec::new(),
        };
        let key = format!("{}{}", self.layout().probe_prefix(), Ulid::new());
        let proven = probe.read_replaced(&key).await;
        probe.delete().await;
        proven
    }
}

impl Probe<'_> {
    async fn run(&mut self) {
        let key = format!("{}{}", self.bucket.layout().probe_prefix(), Ulid::new());
        let wrote = self.write(&key).await;
        self.clock();
        if !wrote {
            return;
        }
        self.read(&key).await;
        self.list(&key).await;
        self.multipart(&format!("{key}-parts")).await;
        self.copy(&key).await;
        self.conditional(&key).await;
        self.versioning(&key).await;
        self.delete().await;
    }

    async fn put(&mut self, key: &str, body: &'static [u8]) -> Result<Option<String>, BackupError> {
        let sha256 = hex::encode(Sha256::digest(body));
        let done = self
            .bucket
            .put(key, Bytes::from_static(body), &sha256)
            .await?;
        self.made.push((key.to_owned(), done.version_id.clone()));
        Ok(done.version_id)
    }

    async fn write(&mut self, key: &str) -> bool {
        let outcome = self
            .put(key, BODY)
            .await
            .map(|_| "an object was stored".to_owned());
        self.note("write", false, outcome)
    }

    async fn read(&mut self, key: &str) {
        let whole = self
            .bucket
            .get_small(key, "The probe object", LIMIT)
            .await
            .and_then(|got| same(&got, BODY));
        self.note(
            "read",
            false,
            whole.map(|()| "read back the same".to_owned()),
        );
        let range = self
            .bucket
            .get_range(key, "The probe object", 8, 16)
            .await
            .and_then(|got| same(&got, &BODY[8..24]));
        self.note(
            "range",
            false,
            range.map(|()| "16 bytes out of the middle".to_owned()),
        );
    }

    async fn list(&mut self, key: &str) {
        let listed = self.bucket.list(key).await.and_then(|all| {
            if all
                .iter()
                .any(|o| o.key == key && o.size == BODY.len() as u64)
            {
                Ok("the new object is listed".to_owned())
            } else {
                Err(unexpected(
                    "the list does not have an object that was just stored",
                ))
            }
        });
        self.note("list", false, listed);
    }

    async fn multipart(&mut self, key: &str) {
        let outcome = self
            .multipart_and_abort(key)
            .await
            .map(|()| "a part was stored and taken back".to_owned());
        self.note("multipart", false, outcome);
    }

    async fn multipart_and_abort(&self, key: &str) -> Result<(), BackupError> {
        let sha256 = hex::encode(Sha256::digest(BODY));
        let upload = self
            .bucket
            .create_upload(key, &sha256, &Ulid::new().to_string())
            .await?;
        let part = self
            .bucket
            .upload_part(key, &upload, 1, Bytes::from_static(BODY))
            .await;
        // Ended either way: an upload left open costs its owner money.
        self.bucket.abort_upload(key, &upload).await?;
        part.map(|_| ())
    }

    async fn copy(&mut self, key: &str) {
        let to = format!("{key}-copy");
        let outcome = self.bucket.copy(key, &to, BODY.len() as u64).await;
        if outcome.is_ok() {
            self.made.push((to, None));
        }
        self.note(
            "copy",
            true,
            outcome.map(|()| "copies on the server: bytes travel once".to_owned()),
        );
    }

    async fn conditional(&mut self, key: &str) {
        let outcome = self
            .bucket
            .put_if_absent(key, Bytes::from_static(BODY))
            .await
            .map(|written| {
                if written {
                    "ignored (no step of a backup needs it)"
                } else {
                    "honoured"
                }
                .to_owned()
            });
        self.note("conditional_put", true, outcome);
    }

    /// The setting, and whether an overwritten version can in fact be read.
    async fn versioning(&mut self, key: &str) {
        let outcome = self.try_versioning(key).await;
        self.note("versioning", true, outcome);
    }

    async fn try_versioning(&mut self, key: &str) -> Result<String, BackupError> {
        let setting = self
            .bucket
            .versioning()
            .await?
            .unwrap_or_else(|| "off".to_owned());
        Ok(match self.read_replaced(key).await? {
            true => format!("{setting}; an overwritten version was read back"),
            false => format!("{setting}; every revision is kept by its hash instead"),
        })
    }

    /// `Ok(false)`: the server keeps no versions.
    async fn read_replaced(&mut self, key: &str) -> Result<bool, BackupError> {
        let versioned = format!("{key}-versions");
        let first = self.put(&versioned, BODY).await?;
        self.put(&versioned, b"another").await?;
        let Some(first) = first else {
            return Ok(false);
        };
        let got = self.bucket.get_version(&versioned, &first, LIMIT).await?;
        same(&got, BODY).map(|()| true)
    }

    fn clock(&mut self) {
        let outcome = match self.bucket.clock_skew() {
            None => Ok("the server does not say its time".to_owned()),
            Some(skew) if skew.abs() > MAX_SKEW => Err(BackupError::ClockSkew {
                seconds: Some(skew),
            }),
            Some(skew) => Ok(format!("within {} s of the server's", skew.abs())),
        };
        // Good to know: once a server refuses the time, requests are signed by its clock.
        self.note("clock", true, outcome);
    }

    async fn delete(&mut self) {
        let mut outcome = Ok("the probe's own objects were removed".to_owned());
        for (key, version) in std::mem::take(&mut self.made) {
            if let Err(error) = self.bucket.delete_probe(&key, version).await {
                outcome = Err(error);
            }
        }
        // A bucket that forbids deleting is a fine place for a backup.
        self.note("delete", true, outcome);
    }

    fn note(
        &mut self,
        name: &'static str,
        informational: bool,
        outcome: Result<String, BackupError>,
    ) -> bool {
        let ok = outcome.is_ok();
        let permission = match &outcome {
            Err(BackupError::AccessDenied { operation }) => Some(operation.clone()),
            _ => None,
        };
        let detail = match outcome {
            Ok(detail) => detail,
            Err(error) => {
                let detail = format!("{error} hint: {}", error.hint());
                if !informational {
                    self.report.ok = false;
                    self.report
                        .error
                        .get_or_insert_with(|| std::sync::Arc::new(error));
                }
                detail
            }
        };
        self.report.checks.push(ProbeCheck {
            name,
            ok,
            informational,
            detail,
            permission,
        });
        ok
    }
}

fn same(got: &[u8], expected: &[u8]) -> Result<(), BackupError> {
    if got == expected {
        Ok(())
    } else {
        Err(BackupError::Damaged {
            what: "The probe object".to_owned(),
        })
    }
}

fn unexpected(message: &str) -> BackupError {
    BackupError::Service {
        operation: "s3:ListBucket".to_owned(),
        status: 200,
        message: message.to_owned(),
    }
}
