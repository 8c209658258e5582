//! The bucket's own settings through core: shown, switched, and our rule beside others'.

mod backup_home;

use backup_home::{Home, setup};
use redline_core::{BucketSetup, Code, OwnRule, ServerEncryption, VersioningState};
use redline_tests::s3::{Fault, FaultKind, Options as Server, TestS3};

#[test]
fn our_rule_stands_beside_the_buckets_own() {
    let server = TestS3::start(Server::default()).unwrap();
    server.set_lifecycle(&[("logs", "logs/", 30), ("all", "", 365)]);
    let home = Home::with_bucket(&server);
    let rules = home.session.bucket_rules().unwrap();
    assert_eq!(rules.versioning, VersioningState::Off);
    assert_eq!(
        rules
            .lifecycle
            .iter()
            .map(|r| (r.id.as_str(), r.endangers_backup, r.does.join(" ")))
            .collect::<Vec<_>>(),
        [
            ("logs", false, "Deletes objects after 30 days.".to_owned()),
            ("all", true, "Deletes objects after 365 days.".to_owned())
        ]
    );
    let rule = OwnRule {
        abort_uploads_days: Some(7),
        archive_versions_days: None,
        expire_versions_days: Some(90),
    };
    let plan = home.session.plan_own_rule(Some(rule)).unwrap();
    assert!(
        plan.effects[0].contains("No restore point"),
        "{:?}",
        plan.effects
    );
    assert_eq!(plan.after.len(), 3);
    assert_eq!(
        home.session.bucket_rules().unwrap(),
        rules,
        "a plan changes nothing"
    );

    let after = home.session.set_own_rule(Some(rule)).unwrap();
    assert_eq!(after.own_rule, Some(rule));
    let ours = after.lifecycle.iter().find(|r| r.ours).unwrap();
    assert!(
        ours.prefix.starts_with("users/") && !ours.endangers_backup,
        "{ours:?}"
    );
    assert_eq!(&after.lifecycle[..2], &rules.lifecycle[..]);
    // Again with other days: changed, not doubled.
    let rule = OwnRule {
        expire_versions_days: None,
        ..rule
    };
    assert_eq!(
        home.session
            .set_own_rule(Some(rule))
            .unwrap()
            .lifecycle
            .len(),
        3
    );
    assert_eq!(home.session.set_own_rule(None).unwrap(), rules);
    let nothing = OwnRule {
        abort_uploads_days: None,
        ..rule
    };
    assert_eq!(
        home.session.set_own_rule(Some(nothing)).unwrap_err().code(),
        Code::BadRequest
    );
}

#[test]
fn versioning_is_switched_and_what_may_not_be_asked_is_named() {
    let server = TestS3::start(Server::default()).unwrap();
    let home = Home::with_bucket(&server);
    assert_eq!(
        home.session.set_versioning(true).unwrap().versioning,
        VersioningState::On
    );
    let rules = home.session.set_versioning(false).unwrap();
    assert_eq!(rules.versioning, VersioningState::Suspended);
    server.inject(Fault::new(FaultKind::ACCESS_DENIED).on("GetBucketLifecycleConfiguration"));
    let rules = home.session.bucket_rules().unwrap();
    assert!(
        rules
            .unknown
            .iter()
            .any(|why| why.contains("s3:GetLifecycleConfiguration")),
        "{:?}",
        rules.unknown
    );
}

#[test]
fn the_policy_names_this_stores_keys_alone() {
    let server = TestS3::start(Server::default()).unwrap();
    let home = Home::with_bucket(&server);
    let policy = home.session.bucket_policy(None).unwrap();
    let value: serde_json::Value = serde_json::from_str(&policy).unwrap();
    let statements = value["Statement"].as_array().unwrap();
    assert!(policy.contains("s3:PutObject") && !policy.contains("\"s3:*\""));
    for statement in statements {
        let resource = statement["Resource"].as_str().unwrap();
        let of_bucket = format!("arn:aws:s3:::{}", server.bucket());
        assert!(
            resource == of_bucket || resource.starts_with(&format!("{of_bucket}/users/")),
            "{resource}"
        );
    }
    assert!(
        home.session
            .bucket_policy(Some("other"))
            .unwrap()
            .contains("arn:aws:s3:::other")
    );
}

/// Everything that was stored since the requests were forgotten.
fn all_encrypted(server: &TestS3, with: &str, key: Option<&str>) {
    let stored: Vec<_> = server
        .requests()
        .into_iter()
        .filter(|seen| ["PutObject", "CopyObject"].contains(&seen.operation))
        .collect();
    assert!(stored.len() > 3, "{stored:?}");
    for seen in stored {
        let expected = Some((with.to_owned(), key.map(str::to_owned)));
        assert_eq!(seen.encryption, expected, "{}", seen.path);
    }
}

#[test]
fn the_server_is_asked_to_encrypt() {
    let server = TestS3::start(Server::default()).unwrap();
    let home = Home::new();
    let view = home
        .session
        .set_bucket(BucketSetup {
            server_encryption: Some(ServerEncryption::SseKms {
                key_id: Some("key-1".into()),
            }),
            ..setup(&server)
        })
        .unwrap();
    assert_eq!(
        view.server_encryption,
        ServerEncryption::SseKms {
            key_id: Some("key-1".into())
        }
    );
    home.import(&[("a.csv", b"a\n1\n")]);
    server.forget_requests();
    home.backup();
    all_encrypted(&server, "aws:kms", Some("key-1"));
    // Kept where nothing else is said, and changed where it is.
    home.session.set_bucket(setup(&server)).unwrap();
    home.import(&[("b.csv", b"b\n1\n")]);
    server.forget_requests();
    home.backup();
    all_encrypted(&server, "aws:kms", Some("key-1"));
    home.session
        .set_bucket(BucketSetup {
            server_encryption: Some(ServerEncryption::SseS3),
            ..setup(&server)
        })
        .unwrap();
    home.import(&[("c.csv", b"c\n1\n")]);
    server.forget_requests();
    home.backup();
    all_encrypted(&server, "AES256", None);
}
