//! The two labelled fallbacks do what the keyring does.

#[path = "support/conformance.rs"]
mod conformance;

use redline_license::{PassphraseFile, SecretStore, SecretStoreKind, SessionOnly};

#[test]
fn this_session_only() {
    let store = SessionOnly::new();
    assert_eq!(store.kind(), SecretStoreKind::SessionOnly);
    conformance::conforms(&store);
}

#[test]
fn a_passphrase_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("secrets.age");
    assert!(!PassphraseFile::exists(&path));
    let store = PassphraseFile::create(&path, &"correct horse".into()).unwrap();
    assert!(PassphraseFile::exists(&path));
    assert_eq!(store.kind(), SecretStoreKind::PassphraseFile);
    conformance::conforms(&store);
    let opened = PassphraseFile::open(&path, &"correct horse".into()).unwrap();
    conformance::conforms(&opened);
}
