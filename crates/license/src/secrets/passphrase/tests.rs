use super::super::SecretName;
use super::*;

/// Enough to be scrypt, fast enough to try every damage.
const QUICK: u8 = 4;

fn file(dir: &tempfile::TempDir) -> (PathBuf, PassphraseFile) {
    let path = dir.path().join("deeper/secrets.age");
    let store = PassphraseFile::create_with_work(&path, &"open sesame".into(), QUICK).unwrap();
    (path, store)
}

fn id() -> SecretId {
    SecretId::new("desk", SecretName::S3SecretKey)
}

#[test]
fn opens_again_with_its_passphrase_only() {
    let dir = tempfile::tempdir().unwrap();
    let (path, store) = file(&dir);
    store.set(&id(), &"wJalr/\"quoted\"\n".into()).unwrap();
    let again = PassphraseFile::open(&path, &"open sesame".into()).unwrap();
    assert_eq!(again.get(&id()).unwrap(), Some("wJalr/\"quoted\"\n".into()));
    for wrong in ["", "Open sesame", "open sesame "] {
        let error = PassphraseFile::open(&path, &wrong.into()).err().unwrap();
        assert!(
            matches!(error, SecretError::WrongPassphrase { .. }),
            "{wrong:?}: {error}"
        );
    }
}

#[test]
fn nothing_in_the_folder_shows_a_secret() {
    let dir = tempfile::tempdir().unwrap();
    let (path, store) = file(&dir);
    store.set(&id(), &"s3cr3t-value".into()).unwrap();
    for entry in fs::read_dir(path.parent().unwrap()).unwrap() {
        let bytes = fs::read(entry.unwrap().path()).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        assert!(
            !text.contains("s3cr3t-value") && !text.contains("sesame"),
            "{text}"
        );
    }
}

#[test]
fn a_file_that_is_there_is_never_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let (path, store) = file(&dir);
    store.set(&id(), &"kept".into()).unwrap();
    let error = PassphraseFile::create_with_work(&path, &"other".into(), QUICK)
        .err()
        .unwrap();
    let SecretError::Io { source, .. } = error else {
        panic!("{error}")
    };
    assert_eq!(source.kind(), io::ErrorKind::AlreadyExists);
    assert_eq!(store.get(&id()).unwrap(), Some("kept".into()));
    assert!(PassphraseFile::create_with_work(&dir.path().join("e"), &"".into(), QUICK).is_err());
}

#[test]
fn changing_the_passphrase_shuts_the_old_one_and_other_holders_out() {
    let dir = tempfile::tempdir().unwrap();
    let (path, store) = file(&dir);
    store.set(&id(), &"kept".into()).unwrap();
    let other = PassphraseFile::open(&path, &"open sesame".into()).unwrap();

    let wrong = store
        .change_passphrase(&"guess".into(), &"new".into())
        .unwrap_err();
    assert!(matches!(wrong, SecretError::WrongPassphrase { .. }));
    store
        .change_passphrase(&"open sesame".into(), &"new".into())
        .unwrap();

    assert_eq!(store.get(&id()).unwrap(), Some("kept".into()));
    let old = PassphraseFile::open(&path, &"open sesame".into())
        .err()
        .unwrap();
    assert!(matches!(old, SecretError::WrongPassphrase { .. }));
    assert!(matches!(
        other.get(&id()),
        Err(SecretError::WrongPassphrase { .. })
    ));
    assert!(matches!(
        other.set(&id(), &"x".into()),
        Err(SecretError::WrongPassphrase { .. })
    ));
    let new = PassphraseFile::open(&path, &"new".into()).unwrap();
    assert_eq!(new.get(&id()).unwrap(), Some("kept".into()));
}

#[test]
fn two_holders_see_each_others_changes() {
    let dir = tempfile::tempdir().unwrap();
    let (path, one) = file(&dir);
    let two = PassphraseFile::open(&path, &"open sesame".into()).unwrap();
    std::thread::scope(|scope| {
        for (store, profile) in [(&one, "a"), (&two, "b")] {
            scope.spawn(move || {
                for n in 0..10 {
                    let id = SecretId::new(format!("{profile}{n}"), SecretName::LicenseKey);
                    store.set(&id, &"x".into()).unwrap();
                }
            });
        }
    });
    for profile in ["a", "b"] {
        for n in 0..10 {
            let id = SecretId::new(format!("{profile}{n}"), SecretName::LicenseKey);
            assert_eq!(one.get(&id).unwrap(), Some("x".into()), "{id}");
        }
    }
}

#[test]
fn every_flipped_or_missing_byte_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let (path, store) = file(&dir);
    store.set(&id(), &"kept".into()).unwrap();
    let whole = fs::read(&path).unwrap();
    for at in (HEADING.len()..whole.len() - 1).step_by(3) {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        fs::write(&path, &bytes).unwrap();
        match PassphraseFile::open(&path, &"open sesame".into()) {
            Err(SecretError::Damaged { .. } | SecretError::WrongPassphrase { .. }) => {}
            Err(other) => panic!("byte {at}: {other:?}"),
            // Base64 ignores nothing, but armor allows white space to differ.
            Ok(store) => {
                assert_eq!(store.get(&id()).unwrap(), Some("kept".into()), "byte {at}")
            }
        }
        fs::write(&path, &whole[..at]).unwrap();
        let cut = PassphraseFile::open(&path, &"open sesame".into()).err();
        assert!(
            matches!(cut, Some(SecretError::Damaged { .. })),
            "cut at {at}: {cut:?}"
        );
    }
}

#[test]
fn a_planted_file_cannot_ask_for_hours_of_work() {
    let dir = tempfile::tempdir().unwrap();
    let (path, _) = file(&dir);
    let text = fs::read_to_string(&path).unwrap();
    let sealed = Sealed::read(&path).unwrap();
    let mut heavy = scrypt::Recipient::new(SecretString::from("x".to_owned()));
    heavy.set_work_factor(5);
    let armored = age::encrypt_and_armor(&heavy, b"x").unwrap();
    // Rewrites the header's "5" as "40" in the armor's decoded form.
    let mut binary = Vec::new();
    let mut reader = age::armor::ArmoredReader::new(armored.as_bytes());
    io::Read::read_to_end(&mut reader, &mut binary).unwrap();
    let at = binary.windows(3).position(|w| w == b" 5\n").unwrap();
    binary.splice(at..at + 3, *b" 40\n");
    let mut planted = Vec::new();
    let mut writer =
        age::armor::ArmoredWriter::wrap_output(&mut planted, age::armor::Format::AsciiArmor)
            .unwrap();
    io::Write::write_all(&mut writer, &binary).unwrap();
    writer.finish().unwrap();
    let planted = String::from_utf8(planted).unwrap();
    fs::write(
        &path,
        text.replace(sealed.key.trim_end(), planted.trim_end()),
    )
    .unwrap();
    let error = PassphraseFile::open(&path, &"open sesame".into())
        .err()
        .unwrap();
    assert!(matches!(error, SecretError::Damaged { .. }), "{error}");
}

#[test]
fn a_file_taken_away_is_absent() {
    let dir = tempfile::tempdir().unwrap();
    let (path, store) = file(&dir);
    assert_eq!(store.status().state, KeyringState::Ready);
    fs::remove_file(&path).unwrap();
    assert_eq!(store.status().state, KeyringState::Absent);
    assert!(matches!(store.get(&id()), Err(SecretError::NoFile { .. })));
    assert!(matches!(
        store.set(&id(), &"x".into()),
        Err(SecretError::NoFile { .. })
    ));
}
