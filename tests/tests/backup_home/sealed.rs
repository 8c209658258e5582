//! Encryption before sending in the tests of core: what is on, what is refused while it
//! is locked, and what the bucket tells of a store.

use redline_core::{Code, CoreError, EncryptionState, RestoreRequest};
use redline_tests::s3::TestS3;

use super::Home;

pub const PASSPHRASE: &str = "four plain words here";

pub fn everything() -> RestoreRequest {
    RestoreRequest::default()
}

pub fn state(home: &Home) -> EncryptionState {
    home.session.backup_status().unwrap().encryption
}

pub fn locked<T: std::fmt::Debug>(what: &str, result: Result<T, CoreError>) {
    let error = result.expect_err(what);
    assert_eq!(error.code(), Code::BackupLocked, "{what}: {error:?}");
    let report = error.report();
    assert!(report.message.contains("is encrypted"), "{report:?}");
    assert!(report.hint.contains("backup unlock"), "{report:?}");
}

pub fn listed(home: &Home) -> Vec<(String, String, u64)> {
    home.files()
        .into_iter()
        .map(|f| (f.relative_path, f.sha256, f.size_bytes))
        .collect()
}

/// Whether the server's disk has these bytes anywhere, in a file or in a name.
pub fn is_told(server: &TestS3, needle: &str) -> bool {
    fn below(folder: &std::path::Path, needle: &str) -> bool {
        std::fs::read_dir(folder).unwrap().any(|entry| {
            let path = entry.unwrap().path();
            if path.is_dir() {
                return below(&path, needle);
            }
            let bytes = std::fs::read(&path).unwrap();
            path.to_string_lossy().contains(needle)
                || memchr::memmem::find(&bytes, needle.as_bytes()).is_some()
        })
    }
    below(server.dir(), needle) || server.objects().iter().any(|(key, _)| key.contains(needle))
}
