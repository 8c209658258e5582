//! Why a profile of the AWS configuration gave no keys, in words.

use redline_backup::ProfileProblem;

use super::{Code, CoreError};

pub(super) fn profile_error(profile: &str, problem: &ProfileProblem) -> CoreError {
    let (code, message, hint) = match problem {
        ProfileProblem::NotThere { others } if others.is_empty() => (
            Code::BucketDenied,
            format!("There is no AWS profile \"{profile}\": the AWS configuration of this machine has none."),
            "Make it with `aws configure`, or enter keys under Backup.".to_owned(),
        ),
        ProfileProblem::NotThere { others } => (
            Code::BucketDenied,
            format!("There is no AWS profile \"{profile}\" on this machine; there {} {}.", if others.len() == 1 { "is" } else { "are" }, listed(others)),
            "Choose another one under Backup, or make it with `aws configure`.".to_owned(),
        ),
        ProfileProblem::NoKeys => (
            Code::BucketDenied,
            format!("The AWS profile \"{profile}\" has no keys, and nothing that leads to some."),
            format!("Add them with `aws configure --profile {profile}`, or choose another profile."),
        ),
        ProfileProblem::HalfKeys => (
            Code::BucketDenied,
            format!("The AWS profile \"{profile}\" has only one of its two keys."),
            "It needs both aws_access_key_id and aws_secret_access_key.".to_owned(),
        ),
        ProfileProblem::SourceNotThere { source } => (
            Code::BucketDenied,
            format!("The AWS profile \"{profile}\" builds on \"{source}\", which is not there."),
            "Correct its source_profile.".to_owned(),
        ),
        ProfileProblem::Circle => (
            Code::BucketDenied,
            format!("The AWS profile \"{profile}\" builds on itself in a circle."),
            "Correct its source_profile.".to_owned(),
        ),
        ProfileProblem::RoleWithoutSource => (
            Code::BucketDenied,
            format!("The AWS profile \"{profile}\" has a role, but does not say whose keys may take it on."),
            "Give it either a source_profile or a credential_source.".to_owned(),
        ),
        ProfileProblem::SignInIncomplete => (
            Code::BucketDenied,
            format!("The single sign-on of the AWS profile \"{profile}\" is not complete."),
            format!("Set it up again with `aws configure sso --profile {profile}`."),
        ),
        ProfileProblem::Mfa => (
            Code::Unsupported,
            format!("The AWS profile \"{profile}\" asks for the code of an MFA device, which a backup at night cannot give."),
            "Choose a profile without mfa_serial, or one with single sign-on or a credential_process.".to_owned(),
        ),
        ProfileProblem::AwsLogin => (
            Code::Unsupported,
            format!("The AWS profile \"{profile}\" has its keys from `aws login`, which this version cannot read."),
            format!("Make a profile with credential_process = aws configure export-credentials --profile {profile} --format process, and choose that."),
        ),
        ProfileProblem::RoleRefused { role, why } if role.is_empty() => (
            Code::BucketDenied,
            format!("The AWS profile \"{profile}\" was refused its keys: {why}."),
            "Ask whoever manages the account, or choose another profile.".to_owned(),
        ),
        ProfileProblem::RoleRefused { role, why } => (
            Code::BucketDenied,
            format!("The AWS profile \"{profile}\" may not take on the role {role}: {why}."),
            "Let the role's trust policy name these keys, or choose another profile.".to_owned(),
        ),
        ProfileProblem::SignInExpired { source } => (
            Code::BucketDenied,
            format!("The single sign-on of the AWS profile \"{profile}\" has ended."),
            format!("Sign in again with: `aws sso login --profile {source}`."),
        ),
        ProfileProblem::ProcessFailed { status } => (
            Code::BucketDenied,
            format!("The credential_process of the AWS profile \"{profile}\" failed: {status}."),
            "Run it in a terminal to see what it says.".to_owned(),
        ),
        ProfileProblem::ProcessAnswer => (
            Code::BucketDenied,
            format!("The credential_process of the AWS profile \"{profile}\" answered with something that is no keys."),
            "It has to write JSON with Version 1, AccessKeyId and SecretAccessKey.".to_owned(),
        ),
        ProfileProblem::TooSlow { seconds } => (
            Code::BucketDenied,
            format!("The AWS profile \"{profile}\" gave no keys within {seconds} s."),
            "If it waits for an answer from you, choose a profile that does not.".to_owned(),
        ),
        ProfileProblem::Expired => (
            Code::BucketDenied,
            format!("The AWS profile \"{profile}\" gave keys that have expired."),
            "Renew them where they come from, and check this machine's date and time.".to_owned(),
        ),
        ProfileProblem::NoneGiven { source } => (
            Code::BucketDenied,
            format!("The AWS profile \"{profile}\" takes its keys from {source}, where there are none now."),
            "Check that it gives keys on this machine, or choose another profile.".to_owned(),
        ),
        _ => (
            Code::BucketDenied,
            format!("The AWS profile \"{profile}\" gives no keys."),
            "Choose another one under Backup, or enter keys.".to_owned(),
        ),
    };
    // What a service said may go over several lines.
    let message: Vec<_> = message.split_whitespace().collect();
    CoreError::new(code, message.join(" "), hint)
}

/// Enough to recognise the one that was meant.
const NAMED: usize = 8;

/// `"a", "b" and "c"`; many are cut short.
fn listed(names: &[String]) -> String {
    let quoted = |name: &String| format!("\"{name}\"");
    let shown: Vec<_> = names.iter().take(NAMED).map(quoted).collect();
    match (names.len().saturating_sub(NAMED), shown.split_last()) {
        (0, Some((last, []))) => last.clone(),
        (0, Some((last, first))) => format!("{} and {last}", first.join(", ")),
        (more, _) => format!("{} and {more} more", shown.join(", ")),
    }
}
