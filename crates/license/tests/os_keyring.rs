//! The operating system's keyring, for real: GNOME Keyring in each of its states, and a Secret
//! Service of our own for what only a person at the screen could bring about.
//! Each test has a session, a HOME and a bus to itself.
#![cfg(target_os = "linux")]

#[path = "support/conformance.rs"]
mod conformance;
#[path = "support/fake_keyring.rs"]
mod fake_keyring;
#[path = "support/session.rs"]
mod session;

use std::time::{Duration, Instant};

use fake_keyring::{FakeKeyring, Mood};
use redline_license::{
    KeyringState, KeyringTimeouts, OsKeyring, SecretError, SecretId, SecretName, SecretStore,
    SecretStoreKind,
};
use session::{Bus, inside, lock_keyring, log_in, type_password};

const SERVICE: &str = "redline-test";

fn id() -> SecretId {
    SecretId::new("desk", SecretName::LicenseKey)
}

fn state(store: &OsKeyring) -> KeyringState {
    store.status().state
}

/// Short enough to wait for, long enough for a busy machine to answer in.
fn quick() -> OsKeyring {
    let timeouts = KeyringTimeouts {
        probe: Duration::from_secs(1),
        call: Duration::from_millis(1500),
    };
    OsKeyring::with_timeouts(SERVICE, timeouts)
}

#[test]
fn ready() {
    inside("ready", Bus::WithServices, || {
        log_in("a password");
        let store = OsKeyring::new(SERVICE);
        assert_eq!(store.kind(), SecretStoreKind::Keyring);
        conformance::conforms(&store);

        // Another program with another name does not see it; one with the same does.
        store.set(&id(), &"mine".into()).unwrap();
        assert_eq!(OsKeyring::new("someone-else").get(&id()).unwrap(), None);
        assert_eq!(
            OsKeyring::new(SERVICE).get(&id()).unwrap(),
            Some("mine".into())
        );
    });
}

#[test]
fn locked_and_unlocked_again() {
    inside("locked_and_unlocked_again", Bus::WithServices, || {
        log_in("a password");
        let store = OsKeyring::new(SERVICE);
        store.set(&id(), &"kept".into()).unwrap();
        lock_keyring();

        // No display, so that the prompt cannot be answered: never `None`, never a new item.
        assert_eq!(state(&store), KeyringState::Locked);
        let read = store.get(&id());
        assert!(matches!(read, Err(SecretError::Locked { .. })), "{read:?}");
        let written = store.set(&id(), &"other".into());
        assert!(
            matches!(written, Err(SecretError::Locked { .. })),
            "{written:?}"
        );
        let removed = store.delete(&id());
        assert!(
            matches!(removed, Err(SecretError::Locked { .. })),
            "{removed:?}"
        );

        type_password("a password");
        assert_eq!(state(&store), KeyringState::Ready);
        assert_eq!(store.get(&id()).unwrap(), Some("kept".into()));
    });
}

#[test]
fn locked_since_login_and_never_used() {
    inside(
        "locked_since_login_and_never_used",
        Bus::WithServices,
        || {
            // The bus starts the daemon by itself, without a collection.
            let store = OsKeyring::new(SERVICE);
            assert_eq!(state(&store), KeyringState::Locked);
            assert_eq!(store.get(&id()).unwrap(), None);
            let written = store.set(&id(), &"new".into());
            assert!(
                matches!(written, Err(SecretError::Locked { .. })),
                "{written:?}"
            );

            // The same store object, after the person unlocked: no failure was remembered.
            type_password("a password");
            assert_eq!(state(&store), KeyringState::Ready);
            store.set(&id(), &"new".into()).unwrap();
            assert_eq!(store.get(&id()).unwrap(), Some("new".into()));
        },
    );
}

fn is_absent(store: &OsKeyring) {
    let started = Instant::now();
    assert_eq!(
        state(store),
        KeyringState::Absent,
        "{}",
        store.status().detail
    );
    for error in [
        store.get(&id()).unwrap_err(),
        store.set(&id(), &"x".into()).unwrap_err(),
        store.delete(&id()).unwrap_err(),
    ] {
        assert!(matches!(error, SecretError::Absent { .. }), "{error:?}");
        assert!(!error.hint().is_empty());
    }
    assert!(
        started.elapsed() < Duration::from_secs(3),
        "took {:?}",
        started.elapsed()
    );
}

#[test]
fn no_bus() {
    inside("no_bus", Bus::Missing, || {
        is_absent(&OsKeyring::new(SERVICE))
    });
}

#[test]
fn a_bus_without_a_keyring_then_with_one() {
    inside("a_bus_without_a_keyring_then_with_one", Bus::Bare, || {
        let store = OsKeyring::new(SERVICE);
        is_absent(&store);
        // Started while we watch: a retry finds it.
        log_in("a password");
        assert_eq!(state(&store), KeyringState::Ready);
        store.set(&id(), &"kept".into()).unwrap();
        assert_eq!(store.get(&id()).unwrap(), Some("kept".into()));
    });
}

#[test]
fn refuses() {
    inside("refuses", Bus::Bare, || {
        let keyring = FakeKeyring::start(Mood::Refuses);
        let store = OsKeyring::new(SERVICE);
        let status = store.status();
        assert_eq!(
            (status.state, &*status.detail),
            (KeyringState::Denied, "not for this program")
        );
        for error in [
            store.get(&id()).unwrap_err(),
            store.set(&id(), &"hunter2".into()).unwrap_err(),
            store.delete(&id()).unwrap_err(),
        ] {
            assert!(matches!(error, SecretError::Denied { .. }), "{error:?}");
            assert!(!format!("{error} {error:?}").contains("hunter2"));
        }

        keyring.become_(Mood::Empty);
        assert_eq!(state(&store), KeyringState::Ready);
        assert_eq!(store.get(&id()).unwrap(), None);
    });
}

#[test]
fn the_person_says_no() {
    inside("the_person_says_no", Bus::Bare, || {
        let keyring = FakeKeyring::start(Mood::SaysNoToEntries);
        let store = OsKeyring::new(SERVICE);
        assert_eq!(state(&store), KeyringState::Ready);
        assert_eq!(keyring.prompts(), 0, "looking at the state must not prompt");
        let error = store.get(&id()).unwrap_err();
        assert!(matches!(error, SecretError::Denied { .. }), "{error:?}");
        assert_eq!(keyring.prompts(), 1);
    });
}

#[test]
fn a_keyring_that_hangs_holds_nobody_up() {
    inside("a_keyring_that_hangs_holds_nobody_up", Bus::Bare, || {
        let keyring = FakeKeyring::start(Mood::Hangs);
        let store = quick();
        let started = Instant::now();
        assert_eq!(state(&store), KeyringState::Locked);
        assert!(matches!(
            store.get(&id()),
            Err(SecretError::TimedOut { .. })
        ));
        assert!(matches!(
            store.set(&id(), &"x".into()),
            Err(SecretError::TimedOut { .. })
        ));
        assert!(
            started.elapsed() < Duration::from_secs(6),
            "took {:?}",
            started.elapsed()
        );

        // It comes to its senses: the next call is served, though the first ones still hang.
        keyring.become_(Mood::Empty);
        assert_eq!(state(&store), KeyringState::Ready);
        assert_eq!(store.get(&id()).unwrap(), None);

        // However often a person retries, the threads left behind stay few.
        keyring.become_(Mood::Hangs);
        let limit = Duration::from_millis(400);
        let store = OsKeyring::with_timeouts(
            SERVICE,
            KeyringTimeouts {
                probe: limit,
                call: limit,
            },
        );
        let answered_at_once = (0..20).any(|_| {
            let asked = Instant::now();
            assert!(matches!(
                store.get(&id()),
                Err(SecretError::TimedOut { .. })
            ));
            asked.elapsed() < limit / 2
        });
        assert!(answered_at_once, "20 calls were left hanging");
        keyring.stop();
        // Its end frees them all.
        let freed = (0..50).any(|_| {
            std::thread::sleep(Duration::from_millis(100));
            matches!(store.get(&id()), Err(SecretError::Absent { .. }))
        });
        assert!(freed, "calls still wait for a keyring that is gone");
    });
}

#[test]
fn one_prompt_at_a_time_and_nothing_written_behind_the_callers_back() {
    let name = "one_prompt_at_a_time_and_nothing_written_behind_the_callers_back";
    inside(name, Bus::Bare, || {
        let keyring = FakeKeyring::start(Mood::Prompts);
        let store = quick();
        assert_eq!(state(&store), KeyringState::Locked);
        assert_eq!(keyring.prompts(), 0, "looking at the state must not prompt");

        let written = store.set(&id(), &"late".into());
        assert!(
            matches!(written, Err(SecretError::Locked { .. })),
            "{written:?}"
        );
        let read = store.get(&id());
        assert!(matches!(read, Err(SecretError::Locked { .. })), "{read:?}");
        assert_eq!(keyring.prompts(), 1);

        // The password comes after the caller was told "locked".
        keyring.type_password();
        assert_eq!(store.get(&id()).unwrap(), None);
        std::thread::sleep(Duration::from_millis(300));
        assert_eq!(
            keyring.items_made(),
            0,
            "the first call wrote after it was given up"
        );

        store.set(&id(), &"now".into()).unwrap();
        assert_eq!(keyring.items_made(), 1);
    });
}
