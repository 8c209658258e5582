//! The store's audit log: append-only JSON lines, not a catalog table, so that
//! noting an access costs no database commit and leaves the catalog unchanged.

use crate::durable;
use parking_lot::Mutex;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::PathBuf;

pub(crate) struct AuditLog {
    path: PathBuf,
    file: Mutex<Option<File>>,
}

impl AuditLog {
    pub fn new(path: PathBuf) -> Self {
        Self {
            path,
            file: Mutex::new(None),
        }
    }

    /// One line, written at once; a log that cannot be written is said in the
    /// program's own log and stops nothing.
    pub fn note(&self, event: &str, detail: serde_json::Value) {
        let line = serde_json::json!({
            "at": jiff::Timestamp::now().to_string(),
            "event": event,
            "detail": detail,
        });
        let mut slot = self.file.lock();
        let result = (|| {
            let file = match &mut *slot {
                Some(file) => file,
                none => none.insert(open(&self.path)?),
            };
            // One write a line: lines of several processes do not interleave.
            file.write_all(format!("{line}\n").as_bytes())
        })();
        if let Err(e) = result {
            tracing::warn!(error = %e, "the audit log could not be written");
        }
    }
}

fn open(path: &std::path::Path) -> std::io::Result<File> {
    if !path.exists() {
        match durable::private_new().open(path) {
            Err(e) if e.kind() != std::io::ErrorKind::AlreadyExists => return Err(e),
            _ => {}
        }
    }
    OpenOptions::new().append(true).open(path)
}
