//! The program that a profile names for its keys (`credential_process`), started here
//! rather than by the SDK, which leaves one that hangs behind when it stops waiting.

use std::borrow::Cow;
use std::io::{self, IsTerminal};
use std::process::{ExitStatus, Stdio};
use std::time::SystemTime;

use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use zeroize::Zeroizing;

use super::problem::ProfileProblem;
use crate::SecretText;
use crate::bucket::AccessKeys;

/// No keys are longer, in bytes.
const LONGEST_ANSWER: usize = 64 << 10;

/// Runs `line` in the system's shell, as the AWS command line does. Whoever stops waiting
/// ends the program, and what it started in turn.
pub(super) async fn keys_of(line: &str) -> Result<AccessKeys, ProfileProblem> {
    // In a terminal it may ask a person there, which a group of its own could not.
    keys_of_program(line, !io::stdin().is_terminal()).await
}

async fn keys_of_program(line: &str, in_own_group: bool) -> Result<AccessKeys, ProfileProblem> {
    let mut program =
        Program::start(line, in_own_group).map_err(|_| ProfileProblem::ProcessFailed {
            status: "it could not be started".to_owned(),
        })?;
    let (answer, status) = program.finish().await.map_err(|error| match error.kind() {
        io::ErrorKind::FileTooLarge => ProfileProblem::ProcessAnswer,
        kind => ProfileProblem::ProcessFailed {
            status: kind.to_string(),
        },
    })?;
    if !status.success() {
        return Err(ProfileProblem::ProcessFailed {
            status: status.to_string(),
        });
    }
    keys_in(&answer).ok_or(ProfileProblem::ProcessAnswer)
}

#[cfg(not(windows))]
fn shell(line: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", line]);
    command
}

/// The line as it stands: this shell does not read quotes as they are escaped for others.
#[cfg(windows)]
fn shell(line: &str) -> Command {
    let mut command = Command::new("cmd.exe");
    command.raw_arg("/S /C").raw_arg(format!("\"{line}\""));
    command
}

/// The desktop app has no console, and one that flashes up tells nobody anything.
#[cfg(windows)]
const CREATE_NO_WINDOW: u32 = 0x0800_0000;

/// Ended when dropped before it has ended by itself.
struct Program {
    child: Child,
    in_own_group: bool,
    ended: bool,
}

impl Program {
    fn start(line: &str, in_own_group: bool) -> io::Result<Self> {
        let mut command = shell(line);
        command
            .stdout(Stdio::piped())
            // Nobody is shown it: it may hold a secret.
            .stderr(Stdio::null())
            .kill_on_drop(true);
        if in_own_group {
            // What is piped into Redline, a passphrase for one, is not for this program.
            command.stdin(Stdio::null());
        }
        #[cfg(unix)]
        if in_own_group {
            command.process_group(0);
        }
        #[cfg(windows)]
        if in_own_group {
            command.creation_flags(CREATE_NO_WINDOW);
        }
        Ok(Self {
            child: command.spawn()?,
            in_own_group,
            ended: false,
        })
    }

    /// What it wrote, and how it ended.
    async fn finish(&mut self) -> io::Result<(Zeroizing<Vec<u8>>, ExitStatus)> {
        let answer = match self.child.stdout.take() {
            Some(stdout) => read_whole(stdout).await?,
            None => Zeroizing::default(),
        };
        // After the reading: until it was waited for, its number is nobody else's.
        let status = self.child.wait().await?;
        self.ended = true;
        Ok((answer, status))
    }
}

impl Drop for Program {
    /// The shell itself is ended by `kill_on_drop`; this is for what it started.
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        let Some(id) = self.child.id() else {
            return;
        };
        #[cfg(unix)]
        if self.in_own_group
            && let Some(group) = i32::try_from(id)
                .ok()
                .and_then(rustix::process::Pid::from_raw)
        {
            // Gone already is as good.
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
        // Windows has no groups; who belongs to whom is known as long as the shell lives,
        // so this is waited for.
        #[cfg(windows)]
        if self.in_own_group {
            use std::os::windows::process::CommandExt;
            let _ = std::process::Command::new("taskkill")
                .creation_flags(CREATE_NO_WINDOW)
                .args(["/F", "/T", "/PID", &id.to_string()])
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status();
        }
    }
}

/// Into memory that is wiped, and that never moves on the way.
async fn read_whole(from: impl AsyncRead + Unpin) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(vec![0; LONGEST_ANSWER + 1]);
    let mut from = from;
    let mut filled = 0;
    loop {
        let read = from.read(&mut bytes[filled..]).await?;
        filled += read;
        if read == 0 {
            bytes.truncate(filled);
            return Ok(bytes);
        }
        if filled > LONGEST_ANSWER {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer<'a> {
    version: u32,
    #[serde(borrow)]
    access_key_id: Cow<'a, str>,
    #[serde(borrow)]
    secret_access_key: Cow<'a, str>,
    #[serde(borrow, default)]
    session_token: Option<Cow<'a, str>>,
    #[serde(default)]
    expiration: Option<jiff::Timestamp>,
}

fn keys_in(answer: &[u8]) -> Option<AccessKeys> {
    let answer: Answer<'_> = serde_json::from_slice(answer).ok()?;
    let secret = |text: &str| SecretText::from(text);
    let whole = answer.version == 1
        && !answer.access_key_id.is_empty()
        && !answer.secret_access_key.is_empty();
    whole.then(|| AccessKeys {
        access_key: secret(&answer.access_key_id),
        secret_key: secret(&answer.secret_access_key),
        session_token: answer
            .session_token
            .as_deref()
            .filter(|token| !token.is_empty())
            .map(secret),
        expires_at: answer.expiration.map(SystemTime::from),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_keys_only_if_it_is_whole() {
        let keys = keys_in(br#"{"Version":1,"AccessKeyId":"A\u002f","SecretAccessKey":"s","SessionToken":null,"Expiration":"2026-05-02T18:36:00+02:00","AccountId":"1"}"#).unwrap();
        assert_eq!(keys.access_key.expose(), "A/");
        assert!(keys.session_token.is_none());
        let ends: jiff::Timestamp = "2026-05-02T16:36:00Z".parse().unwrap();
        assert_eq!(keys.expires_at, Some(ends.into()));
        for broken in [
            &br#"{"Version":1,"AccessKeyId":"","SecretAccessKey":"s"}"#[..],
            br#"{"Version":1,"AccessKeyId":"A","SecretAccessKey":""}"#,
            br#"{"Version":1,"AccessKeyId":"A","SecretAccessKey":"s","Expiration":"soon"}"#,
            br#"{"Version":1,"AccessKeyId":"A","SecretAccessKey":"s"} and more"#,
            br#"{"AccessKeyId":"A","SecretAccessKey":"s"}"#,
        ] {
            assert!(keys_in(broken).is_none());
        }
    }

    #[cfg(unix)]
    mod programs {
        use std::time::Duration;

        use super::*;

        /// Long enough for a program that was not ended to be heard of.
        const LATER: Duration = Duration::from_millis(1500);

        /// Whether `line`, with `{late}` for a file to write, gets as far as writing it
        /// after nobody waits for it any more.
        async fn goes_on(line: &str, in_own_group: bool) -> bool {
            let dir = tempfile::tempdir().unwrap();
            let late = dir.path().join("late");
            let line = line.replace("{late}", &late.to_string_lossy());
            let asked = keys_of_program(&line, in_own_group);
            let waited = tokio::time::timeout(Duration::from_millis(300), asked).await;
            assert!(waited.is_err(), "it hangs");
            tokio::time::sleep(LATER).await;
            late.exists()
        }

        #[tokio::test]
        async fn one_that_hangs_is_ended_with_what_it_started() {
            let (alone, with_others) = tokio::join!(
                goes_on("sleep 1; touch '{late}'", false),
                goes_on("(sleep 1; touch '{late}') & wait", true),
            );
            assert!(!alone && !with_others);
        }

        #[tokio::test]
        async fn what_outlives_one_that_answered_is_left_alone() {
            let dir = tempfile::tempdir().unwrap();
            let late = dir.path().join("late");
            let line = format!(
                r#"(sleep 1; touch '{}') >&- & echo '{{"Version":1,"AccessKeyId":"A","SecretAccessKey":"s"}}'"#,
                late.display()
            );
            assert!(keys_of_program(&line, true).await.is_ok());
            tokio::time::sleep(LATER).await;
            assert!(late.exists(), "an agent that it left running");
        }

        #[tokio::test]
        async fn one_that_writes_without_end_is_not_read_to_it() {
            let asked = keys_of_program("yes", true);
            let problem = tokio::time::timeout(Duration::from_secs(20), asked)
                .await
                .expect("not waited for")
                .unwrap_err();
            assert_eq!(problem, ProfileProblem::ProcessAnswer);
        }
    }
}
