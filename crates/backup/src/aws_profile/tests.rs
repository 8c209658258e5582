//! Profiles as people write them, and what comes of those that give no keys.

use std::fs;

use super::*;
use crate::bucket::AccessKeys;
use crate::{BackupError, Result};

/// A machine with these two files; never the real ones.
struct Machine {
    _dir: tempfile::TempDir,
    files: AwsFiles,
}

fn machine(config: impl AsRef<[u8]>, credentials: impl AsRef<[u8]>) -> Machine {
    let dir = tempfile::tempdir().unwrap();
    let files = AwsFiles {
        config: dir.path().join("config"),
        credentials: dir.path().join("credentials"),
    };
    fs::write(&files.config, config).unwrap();
    fs::write(&files.credentials, credentials).unwrap();
    Machine { _dir: dir, files }
}

impl Machine {
    async fn keys(&self, profile: &str) -> Result<AccessKeys> {
        profile_keys(&self.files, profile).await
    }

    async fn problem(&self, profile: &str) -> ProfileProblem {
        match self.keys(profile).await {
            Err(BackupError::AwsProfile {
                profile: named,
                problem,
            }) => {
                assert_eq!(named, profile);
                problem
            }
            other => panic!("{other:?}"),
        }
    }
}

/// Access key, secret key and token, in one line.
fn shown(keys: &AccessKeys) -> String {
    let token = keys.session_token.as_ref().map_or("", |t| t.expose());
    format!(
        "{} {} {token}",
        keys.access_key.expose(),
        keys.secret_key.expose()
    )
}

#[tokio::test]
async fn files_are_read_as_people_and_editors_leave_them() {
    let machine = machine(
        "\u{FEFF}# ours\r\n[default]\r\nregion=eu-central-1\r\n\r\n[profile  wide ]\r\n  region = eu-west-1  \r\n  \
         aws_access_key_id = WIDE\r\n  aws_secret_access_key = wide/+==\r\n[profile s3]\ns3 =\n    endpoint_url = http://127.0.0.1:9\n    \
         max_bandwidth = 5MB/s\nendpoint_url = http://127.0.0.1:8\n[no-prefix]\nregion = x\n[sso-session corp]\nsso_region = us-east-1\n",
        "\u{FEFF}[default]\r\naws_access_key_id=PLAIN\r\naws_secret_access_key = a=b#c\r\naws_session_token=tok==\r\n\
         [ cred ]\n\taws_access_key_id\t=\tCRED\n\taws_secret_access_key = s\n; gone\n#[profile x]\n[profile x]\naws_access_key_id = NO\n",
    );
    let profiles = aws_profiles(&machine.files).await.unwrap();
    let told: Vec<_> = profiles
        .iter()
        .map(|p| {
            (
                &*p.name,
                p.region.as_deref().unwrap_or("-"),
                p.endpoint_url.as_deref().unwrap_or("-"),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("cred", "-", "-"),
            ("default", "eu-central-1", "-"),
            ("s3", "-", "http://127.0.0.1:9"),
            ("wide", "eu-west-1", "-"),
        ]
    );
    for (profile, keys) in [
        ("default", "PLAIN a=b#c tok=="),
        ("wide", "WIDE wide/+== "),
        ("cred", "CRED s "),
    ] {
        assert_eq!(shown(&machine.keys(profile).await.unwrap()), keys);
    }
}

#[tokio::test]
async fn the_endpoint_of_s3_is_the_one_that_is_meant_for_it() {
    let machine = machine(
        "[services local]\r\ns3 =\r\n  endpoint_url = http://127.0.0.1:1\r\nsts =\r\n  endpoint_url = http://127.0.0.1:2\r\n\
         [services other]\n\ts3=\n\t\taddressing_style = path\n\t\tendpoint_url=http://127.0.0.1:3\n\
         [services without]\nsts =\n  endpoint_url = http://127.0.0.1:2\n\
         [profile a]\nservices = local\nendpoint_url = http://127.0.0.1:8\ns3 =\n  endpoint_url = http://127.0.0.1:9\n\
         [profile b]\nservices = other\n\
         [profile c]\nservices = without\nendpoint_url = http://127.0.0.1:8\n\
         [profile d]\nservices = nowhere\n\
         [profile e]\nservices = local\nignore_configured_endpoint_urls = true\n",
        "[f]\naws_access_key_id = A\naws_secret_access_key = s\nendpoint_url = http://127.0.0.1:7\n",
    );
    let profiles = aws_profiles(&machine.files).await.unwrap();
    let told: Vec<_> = profiles
        .iter()
        .map(|p| (&*p.name, p.endpoint_url.as_deref().unwrap_or("-")))
        .collect();
    assert_eq!(
        told,
        [
            ("a", "http://127.0.0.1:1"),
            ("b", "http://127.0.0.1:3"),
            ("c", "http://127.0.0.1:8"),
            ("d", "-"),
            ("e", "-"),
            ("f", "http://127.0.0.1:7"),
        ]
    );
}

#[tokio::test]
async fn no_files_are_no_profiles() {
    let dir = tempfile::tempdir().unwrap();
    let files = AwsFiles {
        config: dir.path().join("config"),
        credentials: dir.path().join("credentials"),
    };
    assert_eq!(aws_profiles(&files).await.unwrap(), []);
    let machine = Machine { _dir: dir, files };
    assert_eq!(
        machine.problem("work").await,
        ProfileProblem::NotThere { others: Vec::new() }
    );
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_named_and_nothing_of_it_is_told() {
    for (config, credentials, file, why) in [
        (
            &b"[default]\nhush-hush\n"[..],
            &b""[..],
            "config",
            "line 2: expected an '=' sign defining a property",
        ),
        (
            b"",
            b"aws_secret_access_key = hush-hush\n",
            "credentials",
            "line 1: expected a profile definition",
        ),
        (
            b"",
            b"[hush-hush\n",
            "credentials",
            "line 1: profile definition must end with ']'",
        ),
        // As PowerShell writes by default.
        (b"\xff\xfe[\0d\0", b"", "config", "it is not UTF-8 text"),
    ] {
        let machine = machine(config, credentials);
        let error = aws_profiles(&machine.files).await.unwrap_err();
        assert!(!format!("{error:?}{error}").contains("hush"), "{error:?}");
        match error {
            BackupError::AwsFile { file: f, why: w } => assert_eq!((&*f, &*w), (file, why)),
            other => panic!("{other:?}"),
        }
    }
    let folder = machine("", "");
    fs::remove_file(&folder.files.config).unwrap();
    fs::create_dir(&folder.files.config).unwrap();
    assert!(matches!(
        aws_profiles(&folder.files).await,
        Err(BackupError::AwsFile { .. })
    ));
}

#[tokio::test]
async fn a_profile_without_keys_says_what_it_lacks() {
    let machine = machine(
        "[profile bare]\nregion = eu-west-1\n\
         [profile half]\naws_access_key_id = A\naws_secret_access_key =\n\
         [profile lost]\nrole_arn = arn:r\nsource_profile = nowhere\n\
         [profile a]\nrole_arn = arn:r\nsource_profile = b\n[profile b]\nrole_arn = arn:r\nsource_profile = a\n\
         [profile alone]\nrole_arn = arn:r\n\
         [profile both]\nrole_arn = arn:r\nsource_profile = a\ncredential_source = Environment\n\
         [profile code]\nrole_arn = arn:r\nsource_profile = bare\nmfa_serial = arn:m\n\
         [profile login]\nlogin_session = arn:l\n\
         [profile sso]\nsso_session = gone\nsso_account_id = 1\nsso_role_name = r\n\
         [profile sso-half]\nsso_start_url = https://x\nsso_region = us-east-1\n",
        "",
    );
    let source = |source: &str| ProfileProblem::SourceNotThere {
        source: source.to_owned(),
    };
    for (profile, problem) in [
        ("bare", ProfileProblem::NoKeys),
        ("half", ProfileProblem::HalfKeys),
        ("lost", source("nowhere")),
        ("a", ProfileProblem::Circle),
        ("alone", ProfileProblem::RoleWithoutSource),
        ("both", ProfileProblem::RoleWithoutSource),
        ("code", ProfileProblem::Mfa),
        ("login", ProfileProblem::AwsLogin),
        ("sso", ProfileProblem::SignInIncomplete),
        ("sso-half", ProfileProblem::SignInIncomplete),
    ] {
        assert_eq!(machine.problem(profile).await, problem, "{profile}");
    }
    match machine.problem("Bare").await {
        ProfileProblem::NotThere { others } => assert!(others.contains(&"bare".to_owned())),
        other => panic!("{other:?}"),
    }
}

#[cfg(unix)]
mod processes {
    use std::time::{Duration, SystemTime};

    use super::super::keys::keys_within;
    use super::*;

    /// A profile whose program is this line of a shell.
    fn process(line: &str) -> Machine {
        machine(format!("[profile p]\ncredential_process = {line}\n"), "")
    }

    #[tokio::test]
    async fn a_program_gives_keys_and_their_end() {
        let answer = r#"{"Version":1,"AccessKeyId":"P","SecretAccessKey":"s","SessionToken":"t","Expiration":"2999-01-01T00:00:00Z"}"#;
        let keys = process(&format!("echo '{answer}'"))
            .keys("p")
            .await
            .unwrap();
        assert_eq!(shown(&keys), "P s t");
        assert!(
            keys.expires_at.unwrap() > SystemTime::now() + Duration::from_secs(365 * 24 * 3600)
        );
    }

    #[tokio::test]
    async fn a_program_that_fails_is_told_without_what_it_wrote() {
        let failed = |status: &str| ProfileProblem::ProcessFailed {
            status: status.to_owned(),
        };
        let over = r#"echo '{"Version":1,"AccessKeyId":"P","SecretAccessKey":"hush","Expiration":"2001-01-01T00:00:00Z"}'"#;
        for (line, problem) in [
            ("echo hush >&2; exit 3", failed("exit status: 3")),
            ("kill -9 $$", failed("signal: 9 (SIGKILL)")),
            ("/nowhere/at/all hush", failed("exit status: 127")),
            ("echo hush", ProfileProblem::ProcessAnswer),
            ("true", ProfileProblem::ProcessAnswer),
            (
                r#"echo '{"Version":1,"SecretAccessKey":"hush"}'"#,
                ProfileProblem::ProcessAnswer,
            ),
            (
                r#"echo '{"Version":2,"AccessKeyId":"P","SecretAccessKey":"hush"}'"#,
                ProfileProblem::ProcessAnswer,
            ),
            (r"printf '\377\376hush'", ProfileProblem::ProcessAnswer),
            (over, ProfileProblem::Expired),
        ] {
            let error = process(line).keys("p").await.unwrap_err();
            assert!(!format!("{error:?}{error}").contains("hush"), "{error:?}");
            match error {
                BackupError::AwsProfile { problem: p, .. } => assert_eq!(p, problem, "{line}"),
                other => panic!("{other:?}"),
            }
        }
    }

    #[tokio::test]
    async fn a_program_that_hangs_is_not_waited_for() {
        let machine = process("exec sleep 5");
        let error = keys_within(&machine.files, "p", Duration::from_millis(200))
            .await
            .unwrap_err();
        assert!(
            matches!(
                error,
                BackupError::AwsProfile {
                    problem: ProfileProblem::TooSlow { .. },
                    ..
                }
            ),
            "{error:?}"
        );
    }
}

mod roles {
    use std::sync::{Arc, Mutex};

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    const TAKEN: &str = r#"<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials><AccessKeyId>ROLE</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>2999-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"#;
    const REFUSED: &str = r#"<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>User x is not authorized to perform: sts:AssumeRole</Message></Error></ErrorResponse>"#;

    const BY_TOKEN: &str = r#"<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>WEB</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>2999-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"#;
    const TOKEN_OVER: &str = r#"<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>ExpiredTokenException</Code><Message>Token expired: current date/time must be before the expiration date/time</Message></Error></ErrorResponse>"#;

    /// A service for roles that says one thing to everybody; its address and what it was asked.
    async fn service(status: &'static str, body: &'static str) -> (String, Arc<Mutex<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(String::new()));
        let seen = asked.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = Vec::new();
                let mut buffer = [0; 4096];
                while !is_whole(&String::from_utf8_lossy(&request)) {
                    match stream.read(&mut buffer).await {
                        Ok(read) if read > 0 => request.extend_from_slice(&buffer[..read]),
                        _ => break,
                    }
                }
                seen.lock()
                    .unwrap()
                    .push_str(&String::from_utf8_lossy(&request));
                let answer = format!(
                    "HTTP/1.1 {status}\r\nContent-Type: text/xml\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                    body.len()
                );
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        (address, asked)
    }

    /// Head and as much of a body as it promises.
    fn is_whole(request: &str) -> bool {
        let Some((head, body)) = request.split_once("\r\n\r\n") else {
            return false;
        };
        let promised = head.to_lowercase();
        let promised = promised
            .lines()
            .find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
        body.len() >= promised.unwrap_or(0)
    }

    fn role(address: &str) -> Machine {
        machine(
            format!(
                "[profile r]\nrole_arn = arn:aws:iam::1:role/backup\nsource_profile = base\nservices = local\nregion = eu-west-1\n\
                 [services local]\nsts =\n  endpoint_url = {address}\n"
            ),
            "[base]\naws_access_key_id = BASE\naws_secret_access_key = base-secret\n",
        )
    }

    #[tokio::test]
    async fn a_role_is_taken_on_with_the_keys_of_its_source() {
        let (address, asked) = service("200 OK", TAKEN).await;
        let keys = role(&address).keys("r").await.unwrap();
        assert_eq!(shown(&keys), "ROLE s t");
        assert!(keys.expires_at.is_some());
        let asked = asked.lock().unwrap().clone();
        assert!(asked.contains("Credential=BASE/"), "{asked}");
        assert!(asked.contains("/eu-west-1/sts/"), "{asked}");
        assert!(asked.contains("role%2Fbackup"), "{asked}");
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_role_is_taken_on_with_the_keys_of_a_program() {
        let (address, asked) = service("200 OK", TAKEN).await;
        let answer = r#"{"Version":1,"AccessKeyId":"PROGRAM","SecretAccessKey":"s","SessionToken":"its-token"}"#;
        let machine = machine(
            format!(
                "[profile r]\nrole_arn = arn:aws:iam::1:role/backup\nsource_profile = p\nservices = local\nregion = eu-west-1\n\
                 [profile p]\ncredential_process = echo '{answer}'\n\
                 [profile self]\nrole_arn = arn:aws:iam::1:role/own\nsource_profile = self\nservices = local\n\
                 credential_process = echo '{answer}'\n\
                 [services local]\nsts =\n  endpoint_url = {address}\n"
            ),
            "",
        );
        for (profile, role) in [("r", "role%2Fbackup"), ("self", "role%2Fown")] {
            asked.lock().unwrap().clear();
            assert_eq!(shown(&machine.keys(profile).await.unwrap()), "ROLE s t");
            let asked = asked.lock().unwrap().clone();
            for part in ["Credential=PROGRAM/", "its-token", role] {
                assert!(asked.contains(part), "{profile}: {asked}");
            }
        }
    }

    #[tokio::test]
    async fn a_role_that_is_refused_is_told_as_the_service_says_it() {
        let (address, _) = service("403 Forbidden", REFUSED).await;
        assert_eq!(
            role(&address).problem("r").await,
            ProfileProblem::RoleRefused {
                role: "arn:aws:iam::1:role/backup".into(),
                why: "User x is not authorized to perform: sts:AssumeRole".into()
            }
        );
    }

    /// A profile with a web identity, and where its token belongs.
    fn web_identity(address: &str) -> (Machine, std::path::PathBuf) {
        let machine = machine("", "");
        let token = machine.files.config.with_file_name("token");
        let config = format!(
            "[profile w]\nweb_identity_token_file = {}\nrole_arn = arn:aws:iam::1:role/web\nrole_session_name = desk\n\
             services = local\nregion = eu-west-1\n[services local]\nsts =\n  endpoint_url = {address}\n",
            token.display()
        );
        fs::write(&machine.files.config, config).unwrap();
        (machine, token)
    }

    #[tokio::test]
    async fn a_role_is_taken_on_with_a_token_and_no_keys() {
        let (address, asked) = service("200 OK", BY_TOKEN).await;
        let (machine, token) = web_identity(&address);
        assert_eq!(
            machine.problem("w").await,
            ProfileProblem::NoneGiven {
                source: "web_identity_token_file".into()
            }
        );
        assert_eq!(*asked.lock().unwrap(), "", "nothing to ask with");
        fs::write(&token, "header.claims.signature").unwrap();
        let keys = machine.keys("w").await.unwrap();
        assert_eq!(shown(&keys), "WEB s t");
        assert!(keys.expires_at.is_some());
        let asked = asked.lock().unwrap().clone();
        for part in [
            "Action=AssumeRoleWithWebIdentity",
            "WebIdentityToken=header.claims.signature",
            "RoleSessionName=desk",
            "role%2Fweb",
        ] {
            assert!(asked.contains(part), "{asked}");
        }
        assert!(!asked.to_lowercase().contains("authorization:"), "{asked}");
    }

    #[tokio::test]
    async fn a_token_that_is_refused_is_told_as_the_service_says_it() {
        let (address, _) = service("400 Bad Request", TOKEN_OVER).await;
        let (machine, token) = web_identity(&address);
        fs::write(&token, "hush").unwrap();
        let problem = machine.problem("w").await;
        match &problem {
            ProfileProblem::RoleRefused { why, .. } => {
                assert!(why.starts_with("Token expired"), "{why}");
            }
            other => panic!("{other:?}"),
        }
        assert!(!format!("{problem:?}").contains("hush"));
    }

    #[tokio::test]
    async fn a_service_that_is_not_reached_is_a_matter_of_the_network() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        let error = role(&address).keys("r").await.unwrap_err();
        assert!(
            matches!(error, BackupError::Unreachable { .. }) && error.retryable(),
            "{error:?}"
        );
    }
}
