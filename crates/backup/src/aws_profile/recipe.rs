//! How a profile comes by its keys, as its settings say it. The SDK follows the same way;
//! its errors are texts, so that what can be told beforehand is told here.

use aws_config::profile::{Profile, ProfileSet};

use super::problem::ProfileProblem;
use crate::SecretText;
use crate::bucket::AccessKeys;

/// Where the first keys come from.
pub(super) enum Base {
    Static(AccessKeys),
    /// A program's, by the line that starts it.
    Process(String),
    SignIn,
    WebIdentity,
    /// Of the environment or the machine, by AWS's name for it.
    Named(String),
}

pub(super) struct Recipe {
    pub(super) base: Base,
    /// The profile that has it.
    pub(super) source: String,
    /// What is taken on with it, the last one first.
    pub(super) roles: Vec<String>,
    /// The profile of the first role that is taken on.
    pub(super) first_role_of: Option<String>,
}

impl Recipe {
    pub(super) fn of(set: &ProfileSet, name: &str) -> Result<Self, ProfileProblem> {
        let mut roles = Vec::new();
        let mut first_role_of = None;
        let mut seen = Vec::new();
        let mut at = name.to_owned();
        loop {
            let Some(profile) = set.get_profile(&at) else {
                return Err(not_there(set, at, seen.is_empty()));
            };
            if seen.contains(&at) {
                return Err(ProfileProblem::Circle);
            }
            seen.push(at.clone());
            // A profile that another one builds on gives its own keys, if it has any.
            let own = if seen.len() > 1 {
                static_keys(profile)?
            } else {
                None
            };
            if let Some(base) = own {
                return Ok(Self {
                    base,
                    source: at,
                    roles,
                    first_role_of,
                });
            }
            if let Some(role) = value(profile, "role_arn")
                && value(profile, "web_identity_token_file").is_none()
            {
                if value(profile, "mfa_serial").is_some() {
                    return Err(ProfileProblem::Mfa);
                }
                roles.push(role.to_owned());
                first_role_of = Some(at.clone());
                let (source, named) = (
                    value(profile, "source_profile"),
                    value(profile, "credential_source"),
                );
                match (source, named) {
                    (Some(source), None) if source == at => {}
                    (Some(source), None) => {
                        at = source.to_owned();
                        continue;
                    }
                    (None, Some(_)) => {}
                    (Some(_), Some(_)) | (None, None) => {
                        return Err(ProfileProblem::RoleWithoutSource);
                    }
                }
            }
            return Ok(Self {
                base: base(set, profile)?,
                source: at,
                roles,
                first_role_of,
            });
        }
    }
}

fn not_there(set: &ProfileSet, name: String, asked_for: bool) -> ProfileProblem {
    if !asked_for {
        return ProfileProblem::SourceNotThere { source: name };
    }
    let mut others: Vec<_> = set.profiles().map(str::to_owned).collect();
    others.sort();
    ProfileProblem::NotThere { others }
}

fn value<'a>(profile: &'a Profile, key: &str) -> Option<&'a str> {
    profile.get(key).map(str::trim).filter(|v| !v.is_empty())
}

/// In the SDK's order.
fn base(set: &ProfileSet, profile: &Profile) -> Result<Base, ProfileProblem> {
    let value = |key| value(profile, key);
    if let Some(name) = value("credential_source") {
        return Ok(Base::Named(name.to_owned()));
    }
    if value("web_identity_token_file").is_some() && value("role_arn").is_some() {
        return Ok(Base::WebIdentity);
    }
    let session = value("sso_session");
    if session.is_some() || value("sso_start_url").is_some() {
        let known = session.is_none_or(|name| set.sso_session(name).is_some());
        let whole = value("sso_account_id").is_some() && value("sso_role_name").is_some();
        return if known && whole {
            Ok(Base::SignIn)
        } else {
            Err(ProfileProblem::SignInIncomplete)
        };
    }
    if value("login_session").is_some() {
        return Err(ProfileProblem::AwsLogin);
    }
    if let Some(line) = value("credential_process") {
        return Ok(Base::Process(line.to_owned()));
    }
    static_keys(profile)?.ok_or(ProfileProblem::NoKeys)
}

fn static_keys(profile: &Profile) -> Result<Option<Base>, ProfileProblem> {
    let pair = (
        value(profile, "aws_access_key_id"),
        value(profile, "aws_secret_access_key"),
    );
    match pair {
        (Some(access_key), Some(secret_key)) => Ok(Some(Base::Static(AccessKeys {
            access_key: access_key.into(),
            secret_key: secret_key.into(),
            session_token: value(profile, "aws_session_token").map(SecretText::from),
            expires_at: None,
        }))),
        (None, None) => Ok(None),
        _ => Err(ProfileProblem::HalfKeys),
    }
}
