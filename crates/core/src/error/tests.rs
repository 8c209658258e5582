use std::io;
use std::path::PathBuf;

use proptest::prelude::*;
use redline_backup::{BackupError, NameProblem, ProfileProblem};
use redline_convert::{Certificate, CertificateColumn, ConvertError, Reject, Rejects, Verdict};
use redline_license::{LicenseKey, ProfileError, SecretError};
use redline_store::StoreError;

use super::*;

/// One of each error of the store, with `text` wherever a text from outside goes.
fn store_errors(text: &str) -> Vec<StoreError> {
    let text = || text.to_owned();
    vec![
        StoreError::Busy {
            pid: Some(4711),
            holder: "the Redline window".into(),
        },
        StoreError::Busy {
            pid: None,
            holder: String::new(),
        },
        StoreError::NoStore,
        StoreError::Gone,
        StoreError::PartOfAStore { name: text() },
        StoreError::NoFolder { name: text() },
        StoreError::WrongOwner,
        StoreError::NotFound,
        StoreError::DiskFull {
            name: text(),
            needed: 1_200_000_000,
            free: 300_000_000,
        },
        StoreError::DiskFull {
            name: text(),
            needed: 0,
            free: 0,
        },
        StoreError::ReadOnly {
            what: "the store's folder".into(),
        },
        StoreError::SourceVanished { name: text() },
        StoreError::SourceChanged { name: text() },
        StoreError::SourceUnreadable {
            name: text(),
            detail: text(),
        },
        StoreError::NotAFile {
            name: text(),
            kind: "a named pipe",
        },
        StoreError::BadName {
            name: text(),
            why: "it is empty",
        },
        StoreError::DestExists { name: text() },
        StoreError::Damaged {
            what: "the catalog".into(),
            detail: text(),
        },
        StoreError::LinkInStore { name: text() },
        StoreError::Cancelled,
        StoreError::TooNew { found: 9, known: 3 },
        StoreError::Io {
            what: format!("could not write {}", text()),
            source: io::Error::other(text()),
        },
        StoreError::Io {
            what: text(),
            source: io::Error::from_raw_os_error(5),
        },
        StoreError::ReadOnly { what: text() },
        StoreError::Damaged {
            what: text(),
            detail: "its bytes are not the ones that were stored".into(),
        },
        StoreError::DiskFull {
            name: "the catalog".into(),
            needed: 0,
            free: 0,
        },
        StoreError::Catalog {
            what: "list the files",
            detail: text(),
        },
    ]
}

fn certificate() -> Box<Certificate> {
    let column = |name: &str, hash_out: &str| CertificateColumn {
        name: name.into(),
        type_in: "BIGINT".into(),
        type_out: "BIGINT".into(),
        nulls_in: 0,
        nulls_out: 0,
        hash_in: "aa".into(),
        hash_out: hash_out.into(),
    };
    Box::new(Certificate {
        verdict: Verdict::Failed,
        losses: Vec::new(),
        columns: vec![column("price", "bb"), column("day", "aa")],
        rows_in: 3,
        rows_out: 3,
        row_hash_in: "aa".into(),
        row_hash_out: "bb".into(),
        changes: Vec::new(),
    })
}

fn convert_errors(text: &str) -> Vec<ConvertError> {
    let text = || text.to_owned();
    vec![
        ConvertError::Unreadable {
            what: "a table".into(),
            seen: text(),
        },
        ConvertError::Unsupported {
            from: "xlsx".into(),
            to: "npz".into(),
        },
        ConvertError::Unsupported {
            from: "parquet".into(),
            to: "xlsx".into(),
        },
        ConvertError::Malformed {
            line: 1_204_331,
            column: 3,
            detail: text(),
        },
        ConvertError::Cancelled,
        ConvertError::DiskFull { needed: 0 },
        ConvertError::DiskFull {
            needed: 2_000_000_000,
        },
        ConvertError::SourceChanged,
        ConvertError::DestExists,
        ConvertError::OutOfMemory {
            limit: 512 << 20,
            detail: text(),
        },
        ConvertError::NotProved {
            certificate: certificate(),
        },
        ConvertError::Io(io::Error::other(text())),
        ConvertError::Engine { detail: text() },
        ConvertError::BadOption {
            key: "codec".into(),
            value: text(),
            expected: "snappy or zstd".into(),
        },
        ConvertError::Rejected {
            rejects: Box::new(Rejects {
                count: 1_204,
                examples: vec![Reject {
                    line: 1_204_331,
                    column: Some(3),
                    reason: text(),
                    text: text(),
                }],
            }),
        },
        ConvertError::Rejected {
            rejects: Box::new(Rejects {
                count: 1,
                examples: vec![Reject {
                    line: 17,
                    column: None,
                    reason: text(),
                    text: text(),
                }],
            }),
        },
        ConvertError::Rejected {
            rejects: Box::default(),
        },
        ConvertError::NoTable {
            table: text(),
            tables: vec!["Q3".into(), text()],
        },
        ConvertError::NoTable {
            table: text(),
            tables: Vec::new(),
        },
        ConvertError::NoColumn {
            column: text(),
            columns: (0..22).map(|n| format!("c{n}")).collect(),
        },
        ConvertError::Query {
            detail: format!("Only SELECT statements can be run! {}\nLINE 1: x", text()),
        },
        ConvertError::Filter {
            detail: format!("Binder Error! {}", text()),
        },
        ConvertError::NoRoom {
            to: "xlsx".into(),
            limit: "1,048,575 rows".into(),
            seen: "1,204,331".into(),
        },
    ]
}

fn backup_errors(text: &str) -> Vec<BackupError> {
    let text = || text.to_owned();
    vec![
        BackupError::NoSuchBucket {
            bucket: "desk".into(),
            endpoint: "http://127.0.0.1:9000".into(),
        },
        BackupError::AccessDenied {
            operation: "s3:PutObject".into(),
        },
        BackupError::WrongCredentials,
        BackupError::CredentialsExpired,
        BackupError::AwsFile {
            file: "~/.aws/config".into(),
            why: "line 3: expected an '=' sign defining a property".into(),
        },
        BackupError::WrongRegion {
            expected: Some("eu-west-1".into()),
        },
        BackupError::Unreachable {
            endpoint: "http://127.0.0.1:9000".into(),
            detail: text(),
        },
        BackupError::ClockSkew {
            seconds: Some(-1200),
        },
        BackupError::ClockSkew { seconds: Some(42) },
        BackupError::ClockSkew { seconds: None },
        BackupError::Throttled {
            operation: "PutObject".into(),
        },
        BackupError::NotFound {
            what: "A restore point of this store".into(),
        },
        BackupError::Damaged {
            what: format!("\"{}\"", text()),
        },
        BackupError::Forged {
            what: format!("\"{}\"", text()),
        },
        BackupError::TooNew {
            what: "The restore point".into(),
            version: 9,
        },
        BackupError::Locked {
            what: "This backup".into(),
            key: "0123456789abcdef".into(),
        },
        BackupError::WrongPassphrase,
        BackupError::NoWrappedKey,
        BackupError::CrowdedKeys { files: 1_002 },
        BackupError::SourceChanged { path: text() },
        BackupError::BadName {
            what: "A file in the restore point".into(),
            problem: NameProblem::Dots,
        },
        BackupError::BadConfig {
            what: "the region is empty".into(),
        },
        BackupError::Unsupported {
            operation: "multipart uploads".into(),
        },
        BackupError::Service {
            operation: "PutObject".into(),
            status: 500,
            message: text(),
        },
        BackupError::Cancelled,
        BackupError::Io {
            what: format!("place {}", text()),
            source: io::Error::other(text()),
        },
    ]
}

fn license_errors(text: &str) -> Vec<CoreError> {
    let detail = || text.to_owned();
    let path = || PathBuf::from("/home/ann lee/.config/redline/secrets/desk.age");
    let mut errors: Vec<CoreError> = vec![
        SecretError::Locked { detail: detail() }.into(),
        SecretError::Absent { detail: detail() }.into(),
        SecretError::Denied { detail: detail() }.into(),
        SecretError::WrongPassphrase { path: path() }.into(),
        SecretError::Damaged { detail: detail() }.into(),
        SecretError::Io {
            action: "read",
            path: path(),
            source: io::ErrorKind::PermissionDenied.into(),
        }
        .into(),
        SecretError::TimedOut { detail: detail() }.into(),
        SecretError::NoFile {
            name: "desk.age".into(),
        }
        .into(),
        SecretError::Other { detail: detail() }.into(),
        ProfileError::NotFound {
            name: "desk".into(),
        }
        .into(),
        ProfileError::BadName { name: "a b".into() }.into(),
        ProfileError::SameKey {
            existing: "desk".into(),
        }
        .into(),
        ProfileError::Incomplete {
            name: "desk".into(),
            what: "its store is not 16 hex digits",
        }
        .into(),
        ProfileError::Busy { path: path() }.into(),
        ProfileError::Newer {
            path: path(),
            found: 9,
        }
        .into(),
        ProfileError::Io {
            action: "write",
            path: path(),
            source: io::ErrorKind::StorageFull.into(),
        }
        .into(),
    ];
    for pasted in [
        "",
        "hello",
        "RL-0566ABCD-EFGH123-XYZ9CC32",
        "RL-0566ABCD-EFGH1234",
    ] {
        errors.extend(LicenseKey::parse(pasted).err().map(CoreError::from));
    }
    errors
}

fn all(text: &str, name: &str) -> Vec<CoreError> {
    let mut errors = license_errors(text);
    for doing in [
        Doing::Storing,
        Doing::Copying,
        Doing::Checking,
        Doing::Restoring,
    ] {
        errors.extend(
            store_errors(text)
                .into_iter()
                .map(|error| store_error(error, doing)),
        );
    }
    errors.extend(
        convert_errors(text)
            .into_iter()
            .map(|error| convert_error(error, name)),
    );
    errors.extend(backup_errors(text).into_iter().map(CoreError::from));
    errors.extend(profile_errors(text).into_iter().map(CoreError::from));
    errors
}

fn rendered(errors: impl IntoIterator<Item = CoreError>) -> String {
    let mut out = String::new();
    for error in errors {
        let ErrorReport {
            code,
            message,
            hint,
            retryable,
        } = error.report();
        let code = serde_json::to_value(code).unwrap();
        let again = if retryable { ", again later" } else { "" };
        out += &format!(
            "{} (exit {}, HTTP {}{again})\n  {message}\n  {hint}\n",
            code.as_str().unwrap(),
            error.exit_status(),
            error.http_status()
        );
    }
    out
}

#[test]
fn store_errors_read_well() {
    insta::assert_snapshot!(rendered(
        store_errors("q3.csv").into_iter().map(CoreError::from)
    ));
}

#[test]
fn convert_errors_read_well() {
    let errors = convert_errors("gzip-compressed data");
    insta::assert_snapshot!(rendered(
        errors
            .into_iter()
            .map(|error| convert_error(error, "q3.csv"))
    ));
}

#[test]
fn backup_errors_read_well() {
    insta::assert_snapshot!(rendered(
        backup_errors("q3.csv").into_iter().map(CoreError::from)
    ));
}

fn profile_errors(text: &str) -> Vec<BackupError> {
    let text = || text.to_owned();
    [
        ProfileProblem::NotThere { others: Vec::new() },
        ProfileProblem::NotThere {
            others: vec![text()],
        },
        ProfileProblem::NotThere {
            others: vec!["default".into(), "home".into(), "work".into()],
        },
        ProfileProblem::NotThere {
            others: (0..12).map(|n| format!("p{n}")).collect(),
        },
        ProfileProblem::NoKeys,
        ProfileProblem::HalfKeys,
        ProfileProblem::SourceNotThere { source: text() },
        ProfileProblem::Circle,
        ProfileProblem::RoleWithoutSource,
        ProfileProblem::SignInIncomplete,
        ProfileProblem::Mfa,
        ProfileProblem::AwsLogin,
        ProfileProblem::RoleRefused {
            role: String::new(),
            why: "No access".into(),
        },
        ProfileProblem::RoleRefused {
            role: "arn:aws:iam::123456789012:role/backup".into(),
            why: text(),
        },
        ProfileProblem::SignInExpired {
            source: "work-base".into(),
        },
        ProfileProblem::ProcessFailed {
            status: "exit status: 3".into(),
        },
        ProfileProblem::ProcessAnswer,
        ProfileProblem::TooSlow { seconds: 60 },
        ProfileProblem::Expired,
        ProfileProblem::NoneGiven {
            source: "Ec2InstanceMetadata".into(),
        },
    ]
    .map(|problem| BackupError::AwsProfile {
        profile: "work".into(),
        problem,
    })
    .into()
}

#[test]
fn aws_profile_errors_read_well() {
    insta::assert_snapshot!(rendered(
        profile_errors("q3").into_iter().map(CoreError::from)
    ));
}

#[test]
fn license_errors_read_well() {
    insta::assert_snapshot!(rendered(license_errors("it waits for its password")));
}

#[test]
fn the_example_of_the_style_guide_is_what_is_said() {
    let error = StoreError::DiskFull {
        name: "q3.csv".into(),
        needed: 1_200_000_000,
        free: 300_000_000,
    };
    let report = CoreError::from(error).report();
    assert_eq!(
        report.message,
        "Could not store \"q3.csv\": the disk is full (needs 1.2 GB, 300 MB free)."
    );
    assert_eq!(
        report.hint,
        "Free some space, or move the data folder and point REDLINE_DATA_DIR at it."
    );
}

#[test]
fn every_message_is_a_sentence() {
    for error in all("q3.csv", "q3.csv") {
        let ErrorReport { message, hint, .. } = error.report();
        for text in [&message, &hint] {
            assert!(text.is_empty() || text.ends_with('.'), "{text}");
            assert!(
                !text.contains('!') && !text.contains("..") && !text.contains('\n'),
                "{text}"
            );
            assert!(
                text.chars()
                    .next()
                    .is_none_or(|first| !first.is_lowercase()),
                "{text}"
            );
        }
        assert!(!message.is_empty());
    }
}

#[test]
fn codes_have_names_of_their_own() {
    let names: std::collections::HashSet<String> = Code::ALL
        .iter()
        .map(|code| serde_json::to_string(code).unwrap())
        .collect();
    assert_eq!(names.len(), Code::ALL.len());
    for code in Code::ALL {
        assert!(
            (1..=6).contains(&code.exit_status()) && (400..600).contains(&code.http_status()),
            "{code:?}"
        );
    }
}

proptest! {
    /// Whatever a library below puts into a text, neither a path nor a key comes out.
    #[test]
    fn no_path_and_no_key_in_any_error(
        before in prop_oneof![Just(""), Just("IO Error: "), Just("open("), Just("at "), Just("file=")],
        quote in prop_oneof![Just(""), Just("\""), Just("'"), Just("`")],
        root in prop_oneof![
            Just("/"), Just("//"), Just("C:\\"), Just("c:/"), Just("\\\\server\\"), Just("file:///")
        ],
        folders in prop::collection::vec("[a-z]{6,9}(é|_| )?[a-z]{0,3}", 1..5),
        file in "[a-z]{1,8}\\.csv",
        groups in prop::array::uniform3("[A-Z0-9]{8}"),
        after in prop_oneof![Just(""), Just(": No such file or directory"), Just(".")],
    ) {
        let slash = if root.contains('\\') { "\\" } else { "/" };
        // Without quotes nothing tells where a path with a space in it ends.
        let folders: Vec<String> =
            folders.iter().map(|f| if quote.is_empty() { f.replace(' ', "") } else { f.clone() }).collect();
        let path = format!("{root}{}{slash}{file}", folders.join(slash));
        let key = format!("RL-{}", groups.join("-"));
        let text = format!("{before}{quote}{path}{quote}{after} ({key})");
        for error in all(&text, &text) {
            let said = serde_json::to_string(&error.report()).unwrap() + &error.to_string() + &format!("{error:?}");
            for folder in &folders {
                let parent = format!("{folder}{slash}");
                prop_assert!(!said.contains(&parent), "{said}");
                prop_assert!(!said.contains(&parent.replace('\\', "\\\\")), "{said}");
            }
            prop_assert!(!said.contains(&key), "{said}");
            prop_assert!(!said.contains(&groups[1]), "{said}");
        }
    }
}
