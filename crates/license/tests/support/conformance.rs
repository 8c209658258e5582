//! What every place for secrets must do, whichever it is.

use redline_license::{KeyringState, Secret, SecretId, SecretName, SecretStore};

/// Leaves the store as empty as it was.
pub fn conforms(store: &dyn SecretStore) {
    assert_eq!(
        store.status().state,
        KeyringState::Ready,
        "{}",
        store.status().detail
    );
    knows_nothing_at_first(store);
    keeps_and_replaces(store);
    tells_profiles_and_names_apart(store);
    keeps_any_text(store);
    serves_several_threads(store);
    assert_eq!(
        store.status().state,
        KeyringState::Ready,
        "{}",
        store.status().detail
    );
}

fn key(profile: &str) -> SecretId {
    SecretId::new(profile, SecretName::LicenseKey)
}

fn knows_nothing_at_first(store: &dyn SecretStore) {
    assert_eq!(store.get(&key("desk")).unwrap(), None);
    store.delete(&key("desk")).unwrap();
}

fn keeps_and_replaces(store: &dyn SecretStore) {
    store.set(&key("desk"), &"first".into()).unwrap();
    assert_eq!(store.get(&key("desk")).unwrap(), Some("first".into()));
    store.set(&key("desk"), &"second".into()).unwrap();
    assert_eq!(store.get(&key("desk")).unwrap(), Some("second".into()));
    store.delete(&key("desk")).unwrap();
    assert_eq!(store.get(&key("desk")).unwrap(), None);
}

fn tells_profiles_and_names_apart(store: &dyn SecretStore) {
    let all: Vec<SecretId> = ["desk", "desk-2", "archive"]
        .into_iter()
        .flat_map(|profile| SecretName::ALL.map(|name| SecretId::new(profile, name)))
        .collect();
    for id in &all {
        store.set(id, &Secret::from(format!("of {id}"))).unwrap();
    }
    let (gone, kept) = all.split_at(1);
    store.delete(&gone[0]).unwrap();
    assert_eq!(store.get(&gone[0]).unwrap(), None);
    for id in kept {
        assert_eq!(store.get(id).unwrap(), Some(format!("of {id}").into()));
        store.delete(id).unwrap();
    }
}

fn keeps_any_text(store: &dyn SecretStore) {
    for text in [
        "RL-0566ABCD-EFGH1234-XYZ9CC32",
        "ü \"'\\\n\t€ 🔑",
        &"long ".repeat(400),
    ] {
        store.set(&key("desk"), &text.into()).unwrap();
        assert_eq!(store.get(&key("desk")).unwrap(), Some(text.into()));
    }
    store.delete(&key("desk")).unwrap();
}

fn serves_several_threads(store: &dyn SecretStore) {
    std::thread::scope(|scope| {
        for n in 0..4 {
            scope.spawn(move || {
                let id = key(&format!("thread-{n}"));
                let secret = Secret::from(format!("secret {n}"));
                for _ in 0..3 {
                    store.set(&id, &secret).unwrap();
                    assert_eq!(store.get(&id).unwrap().as_ref(), Some(&secret));
                    store.delete(&id).unwrap();
                }
            });
        }
    });
}
