//! The main job through core alone: sign in, import, list, convert, look back,
//! delete, undelete; and what must not cross from one key to another.

use std::fs;
use std::path::{Path, PathBuf};

use redline_core::*;

const OTHER: &str = "RL-AAAAAAAA-BBBBBBBB-CCCCCCCC";

struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn options(&self, front_end: FrontEnd) -> Options {
        Options {
            data_dir: Some(self.0.path().join("data")),
            config_dir: Some(self.0.path().join("config")),
            front_end,
            env_key: None,
            aws_files: None,
        }
    }

    fn open(&self) -> Redline {
        Redline::open(self.options(FrontEnd::CommandLine)).unwrap()
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.path().join("sources").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

fn for_this_session(key: Option<&str>) -> SignInRequest {
    SignInRequest {
        key: key.map(str::to_owned),
        label: Some("Research desk".into()),
        keep: KeptIn::SessionOnly,
        passphrase: None,
    }
}

fn prices() -> Vec<u8> {
    let mut text = String::from("symbol,price,day,note\n");
    for row in 0..500 {
        text += &format!(
            "00{row},{}.25,2026-11-{:02},{}\n",
            row * 3,
            row % 28 + 1,
            if row % 7 == 0 { "" } else { "ok" }
        );
    }
    text.into_bytes()
}

#[derive(Default)]
struct Told {
    imported: Vec<FileView>,
    skipped: Vec<SkippedFile>,
    failed: Vec<FailedFile>,
}

impl ImportEvents for Told {
    fn imported(&mut self, file: FileView) {
        self.imported.push(file);
    }
    fn skipped(&mut self, file: SkippedFile) {
        self.skipped.push(file);
    }
    fn failed(&mut self, file: FailedFile) {
        self.failed.push(file);
    }
}

#[test]
fn the_thread_from_sign_in_to_undelete() {
    let home = Home::new();
    let redline = home.open();
    let session = redline.sign_in(for_this_session(None)).unwrap();
    let view = session.view();
    assert!(view.new_key && view.profile.current);
    assert_eq!(
        (view.profile.name.as_str(), view.profile.tier),
        ("research-desk", Tier::Free)
    );
    let mut events = redline.events();

    let csv = home.file("in/prices.csv", &prices());
    home.file("in/deeper/notes.txt", b"remember\n");
    let gone = home.path().join("sources/never.csv");
    let mut told = Told::default();
    let report = session
        .import_now(
            vec![csv.parent().unwrap().to_owned(), gone],
            None,
            &mut told,
        )
        .unwrap();
    assert_eq!(
        (
            report.imported_count,
            report.skipped_count,
            report.failed_count
        ),
        (2, 0, 1)
    );
    assert_eq!(told.imported.len(), 2);
    assert_eq!(
        told.failed[0].error.code,
        Code::SourceVanished,
        "{:?}",
        told.failed
    );
    assert!(
        !serde_json::to_string(&report)
            .unwrap()
            .contains(home.path().to_str().unwrap())
    );
    let states: Vec<JobState> = std::iter::from_fn(|| {
        loop {
            match events.try_recv().ok()? {
                Event::Job(job) => return Some(job.state),
                _ => continue,
            }
        }
    })
    .collect();
    assert_eq!(
        (states.first(), states.last()),
        (Some(&JobState::Running), Some(&JobState::Partial))
    );

    // The same bytes again, under another name: told, not stored.
    let again = home.file("copy of prices.csv", &prices());
    let mut told = Told::default();
    session
        .import_now(vec![again.clone()], None, &mut told)
        .unwrap();
    assert_eq!(
        told.skipped[0].already.as_ref().unwrap().filename,
        "prices.csv"
    );
    let kept = session
        .import_now(vec![again], Some(OnDuplicate::Keep), &mut ())
        .unwrap();
    assert_eq!(kept.imported_count, 1);

    let page = session
        .list(&FileQuery {
            search: Some("PRICES".into()),
            ..FileQuery::default()
        })
        .unwrap();
    assert_eq!(page.total, 2);
    let source = page
        .files
        .iter()
        .find(|file| file.filename == "prices.csv")
        .unwrap()
        .clone();
    assert_eq!(
        (source.file_type.as_str(), source.size_bytes),
        ("csv", prices().len() as u64)
    );

    let parquet = ConversionRequest::to("parquet");
    let plan = session.plan_conversion(source.id, &parquet).unwrap();
    assert_eq!(
        (plan.profile.rows, plan.output_name.as_str()),
        (500, "prices.parquet")
    );
    let symbol = &plan.profile.columns[0];
    assert_eq!(
        (symbol.name.as_str(), symbol.type_name.as_str()),
        ("symbol", "VARCHAR"),
        "leading zeros are kept"
    );
    let conversion = session.convert_now(source.id, &parquet).unwrap().remove(0);
    assert_eq!(
        (
            conversion.rows_in,
            conversion.rows_out,
            conversion.rows_rejected
        ),
        (500, 500, 0)
    );
    assert_eq!(
        conversion.certificate.verdict, "proved",
        "{:?}",
        conversion.certificate
    );
    assert_eq!(session.history(10, 0).unwrap(), vec![conversion.clone()]);
    let output = session.file(conversion.output_id.unwrap()).unwrap();
    assert_eq!(
        (output.file_type.as_str(), output.relative_path.as_str()),
        ("parquet", "in/prices.parquet")
    );
    let csv = ConversionRequest::to("csv");
    let back = session.convert_now(output.id, &csv).unwrap().remove(0);
    assert_eq!(back.rows_out, 500);

    let out = home.path().join("out");
    fs::create_dir(&out).unwrap();
    assert_eq!(
        session.export_now(source.id, &out).unwrap(),
        source.size_bytes
    );
    assert_eq!(fs::read(out.join("prices.csv")).unwrap(), prices());
    let refused = session
        .export_now(source.id, &out.join("prices.csv"))
        .unwrap_err();
    assert_eq!(refused.code(), Code::AlreadyExists);

    let before = session.stats().unwrap();
    assert_eq!(session.delete(&[source.id]).unwrap(), 1);
    assert_eq!(session.stats().unwrap().trash_files, 1);
    let trash = session
        .list(&FileQuery {
            trash: true,
            ..FileQuery::default()
        })
        .unwrap();
    assert_eq!(trash.files[0].id, source.id);
    assert_eq!(trash.files[0].status, FileStatus::Trashed);
    let back = session.undelete(&[source.id]).unwrap();
    assert_eq!(
        (back[0].id, back[0].status),
        (source.id, FileStatus::Stored)
    );
    assert_eq!(session.stats().unwrap().total_files, before.total_files);

    let verified = session.verify_now(None).unwrap();
    assert_eq!(
        (verified.ok, verified.missing.len(), verified.changed.len()),
        (before.total_files, 0, 0)
    );
    let kinds: Vec<JobKind> = session.jobs().iter().map(|job| job.kind).collect();
    assert!(
        kinds.contains(&JobKind::Import)
            && kinds.contains(&JobKind::Convert)
            && kinds.contains(&JobKind::Verify)
    );

    // Another process sees the same jobs, from their records.
    let id = session.jobs()[0].id.clone();
    assert_eq!(session.wait(&id).state, session.job(&id).unwrap().state);
    assert_eq!(session.wait("nonsense").error.unwrap().code, Code::NotFound);
}

#[test]
fn what_is_one_keys_is_not_found_by_another() {
    let home = Home::new();
    let redline = home.open();
    let a = redline.sign_in(for_this_session(None)).unwrap();
    let file = home.file("a.csv", b"a,b\n1,2\n");
    let id = a.import_now(vec![file], None, &mut ()).unwrap().imported[0].id;
    let b = redline.sign_in(for_this_session(Some(OTHER))).unwrap();
    assert_eq!(b.view().profile.tier, Tier::Standard);
    let parquet = ConversionRequest::to("parquet");
    let foreign: Vec<CoreError> = vec![
        b.file(id).unwrap_err(),
        b.open_file(id).unwrap_err(),
        b.delete(&[id]).unwrap_err(),
        b.undelete(&[id]).unwrap_err(),
        b.export_now(id, home.path()).unwrap_err(),
        b.convert_now(id, &parquet).unwrap_err(),
        b.convert(id, &parquet).unwrap_err(),
        b.plan_conversion(id, &parquet).unwrap_err(),
        b.plan_merge(&[id, id], &parquet, MergeBy::Name, &[])
            .unwrap_err(),
        b.merge_now(&[id, id], &parquet, MergeBy::Name, &[])
            .unwrap_err(),
        b.inspect(id, &Default::default(), &()).unwrap_err(),
        b.preview(id, &Default::default(), 10, 0).unwrap_err(),
        b.open_grid(&GridTarget::File(id), &Default::default())
            .unwrap_err(),
        b.add_table(id, None, &Default::default(), &()).unwrap_err(),
        b.verify_now(Some(vec![id])).unwrap_err(),
    ];
    let unknown = b.file(987_654).unwrap_err().report();
    for error in foreign {
        assert_eq!(
            error.report(),
            unknown,
            "a foreign id is told apart from an unknown one"
        );
    }
    assert_eq!(b.list(&FileQuery::default()).unwrap().total, 0);
    assert_eq!(a.list(&FileQuery::default()).unwrap().total, 1);
    assert_eq!(redline.session().unwrap().masked_key(), b.masked_key());
}

#[test]
fn a_request_needs_a_key_that_was_signed_in_here() {
    let home = Home::new();
    let redline = home.open();
    assert_eq!(
        redline.session_for_key("RL-x").err().unwrap().code(),
        Code::KeyMalformed
    );
    let stranger = redline.session_for_key(OTHER).err().unwrap();
    assert_eq!(
        (stranger.code(), stranger.http_status()),
        (Code::NotSignedInHere, 401)
    );
    assert!(
        !home.path().join("data/users").exists(),
        "a key that merely looks right makes nothing"
    );
    redline.sign_in(for_this_session(Some(OTHER))).unwrap();
    let pasted = OTHER.to_lowercase();
    assert_eq!(
        redline
            .session_for_key(&pasted)
            .unwrap()
            .view()
            .profile
            .name,
        "research-desk"
    );
    // Once forgotten, no more.
    let state = redline.forget_profile("research-desk").unwrap();
    assert_eq!((state.profiles.len(), state.session), (0, None));
    assert_eq!(
        redline.session_for_key(OTHER).err().unwrap().code(),
        Code::NotSignedInHere
    );
    assert_eq!(redline.session().err().unwrap().code(), Code::NotSignedIn);
}

#[test]
fn a_passphrase_profile_opens_after_a_restart() {
    let home = Home::new();
    let file = home.file("a.csv", b"a,b\n1,2\n");
    {
        let redline = home.open();
        let request = SignInRequest {
            key: None,
            label: Some("Lab".into()),
            keep: KeptIn::PassphraseFile,
            passphrase: Some("open sesame".into()),
        };
        let session = redline.sign_in(request).unwrap();
        session.import_now(vec![file], None, &mut ()).unwrap();
    }
    let redline = home.open();
    assert_eq!(
        redline.session_for(None).err().unwrap().code(),
        Code::PassphraseNeeded
    );
    assert_eq!(
        redline
            .use_profile("lab", Some("guess"))
            .err()
            .unwrap()
            .code(),
        Code::WrongPassphrase
    );
    let session = redline.use_profile("lab", Some("open sesame")).unwrap();
    assert_eq!(session.list(&FileQuery::default()).unwrap().total, 1);
    assert!(!session.view().new_key);
    let state = redline.rename_profile("lab", "  Laboratory ").unwrap();
    assert_eq!(state.session.unwrap().profile.label, "Laboratory");
    let state = redline.sign_out();
    assert_eq!((state.session, state.profiles.len()), (None, 1));
    assert_eq!(
        redline.session_for(None).err().unwrap().code(),
        Code::NotSignedIn
    );
    for entry in walk(home.path()) {
        let text = fs::read(&entry).unwrap();
        assert!(
            !contains(&text, session_key(&session).as_bytes()),
            "the key lies in {}",
            entry.display()
        );
    }
}

#[test]
fn the_key_of_the_environment_counts_as_signed_in() {
    let home = Home::new();
    let mut options = home.options(FrontEnd::CommandLine);
    options.env_key = Some(OTHER.to_lowercase());
    let redline = Redline::open(options).unwrap();
    let session = redline.session_for(None).unwrap();
    let profile = session.view().profile;
    assert_eq!(
        (
            profile.kept_in,
            profile.masked_key.as_str(),
            profile.current
        ),
        (KeptIn::Environment, "RL-AAAA····-····CCCC", true)
    );
    assert_eq!(
        redline.session_for_key(OTHER).unwrap().masked_key(),
        session.masked_key()
    );
    // The same key signed in and kept, in the same process.
    let kept = redline.sign_in(for_this_session(Some(OTHER))).unwrap();
    assert_eq!(kept.view().profile.kept_in, KeptIn::SessionOnly);

    let mut options = home.options(FrontEnd::CommandLine);
    options.env_key = Some("RL-nonsense".into());
    let redline = Redline::open(options).unwrap();
    assert_eq!(
        redline.session_for(None).err().unwrap().code(),
        Code::KeyMalformed
    );
}

#[test]
fn a_window_import_offers_what_it_skipped_again() {
    let home = Home::new();
    let redline = Redline::open(home.options(FrontEnd::Window)).unwrap();
    let session = redline.sign_in(for_this_session(None)).unwrap();
    let one = home.file("folder/one.csv", b"a\n1\n");
    session
        .import_now(vec![one.clone()], None, &mut ())
        .unwrap();
    home.file("folder/two.csv", b"a\n2\n");
    let folder = SourcePath {
        path: one.parent().unwrap().to_owned(),
        token: Some("of-the-drop".into()),
    };
    let id = session.import(vec![folder], None).unwrap();
    let Some(JobResult::Import(report)) = session.wait(&id).result else {
        panic!("no report")
    };
    assert_eq!((report.imported_count, report.skipped_count), (1, 1));
    let token = report.skipped[0].token.clone().unwrap();
    assert_ne!(
        token, "of-the-drop",
        "a token stands for the file, not for its folder"
    );
    let source = session.source_of(&token).unwrap();
    let id = session
        .import(vec![source], Some(OnDuplicate::Keep))
        .unwrap();
    let Some(JobResult::Import(report)) = session.wait(&id).result else {
        panic!("no report")
    };
    assert_eq!(report.imported_count, 1);
    assert_eq!(session.list(&FileQuery::default()).unwrap().total, 3);
    session.dismiss_job(&id).unwrap();
    assert_eq!(session.job(&id).unwrap_err().code(), Code::NotFound);
}

#[test]
fn what_cannot_be_done_says_why() {
    let home = Home::new();
    let redline = home.open();
    assert_eq!(redline.session_for(None).err().unwrap().exit_status(), 3);
    let keep = SignInRequest {
        key: None,
        label: None,
        keep: KeptIn::PassphraseFile,
        passphrase: None,
    };
    assert_eq!(
        redline.sign_in(keep).err().unwrap().code(),
        Code::PassphraseNeeded
    );
    assert!(!home.path().join("data/users").exists());
    let session = redline.sign_in(for_this_session(None)).unwrap();
    let id = session
        .upload("picture.png", &mut &b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"[..])
        .unwrap()
        .id;
    assert_eq!(session.file(id).unwrap().file_type, "image");
    let error = session
        .convert_now(id, &ConversionRequest::to("parquet"))
        .unwrap_err();
    assert!(
        matches!(error.code(), Code::Malformed | Code::Unsupported),
        "{error:?}"
    );
    assert_eq!(
        session
            .convert_now(id, &ConversionRequest::to("docx"))
            .unwrap_err()
            .code(),
        Code::BadRequest
    );
    assert_eq!(
        session
            .import_now(vec![], None, &mut ())
            .unwrap_err()
            .exit_status(),
        2
    );
    assert_eq!(session.backup().unwrap_err().code(), Code::BucketMissing);
    assert_eq!(session.backup_status().unwrap().waiting_files, 1);
    let kit = session.recovery_kit();
    assert!(kit.contains("RL-") && kit.contains("None is set up"));
    assert!(
        redline
            .doctor()
            .iter()
            .any(|check| check.name == "Store" && check.ok)
    );
}

#[cfg(unix)]
#[test]
fn everything_made_is_private() {
    use std::os::unix::fs::PermissionsExt;
    let home = Home::new();
    let redline = home.open();
    let session = redline.sign_in(for_this_session(None)).unwrap();
    let file = home.file("a.csv", b"a\n1\n");
    session.import_now(vec![file], None, &mut ()).unwrap();
    redline
        .save_settings(Settings {
            theme: Theme::Dark,
            ..Settings::default()
        })
        .unwrap();
    for top in ["data", "config"] {
        let top = home.path().join(top);
        assert_eq!(fs::metadata(&top).unwrap().permissions().mode() & 0o077, 0);
        for path in walk(&top) {
            // The engine makes its log by the umask; the folder keeps others out.
            if path.extension().is_some_and(|extension| extension == "wal") {
                continue;
            }
            let folder = fs::metadata(path.parent().unwrap())
                .unwrap()
                .permissions()
                .mode();
            let mode = fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(
                (folder & 0o077, mode & 0o077),
                (0, 0),
                "{} is {mode:o} in {folder:o}",
                path.display()
            );
        }
    }
}

fn session_key(session: &Session) -> String {
    let kit = session.recovery_kit();
    kit.lines()
        .map(str::trim)
        .find(|line| line.starts_with("RL-"))
        .unwrap()
        .to_owned()
}

fn contains(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle)
}

fn walk(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(walk(&path));
        } else {
            found.push(path);
        }
    }
    found
}
