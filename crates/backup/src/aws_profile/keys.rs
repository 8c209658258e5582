//! The keys of a profile, from wherever it has them.

use std::error::Error;
use std::time::{Duration, SystemTime};

use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::config::{Credentials, ProvideCredentials, Region};
use aws_sdk_s3::error::{ConnectorError, ProvideErrorMetadata, SdkError};
use aws_sdk_sso::operation::get_role_credentials::GetRoleCredentialsError;
use aws_sdk_sts::operation::assume_role::AssumeRoleError;
use aws_sdk_sts::operation::assume_role_with_web_identity::AssumeRoleWithWebIdentityError;
use tracing::instrument::WithSubscriber;
use tracing::subscriber::NoSubscriber;

use super::files::{AwsFiles, HANDED_IN, Sections};
use super::problem::ProfileProblem;
use super::process;
use super::recipe::{Base, Recipe};
use crate::bucket::AccessKeys;
use crate::{BackupError, Result};

/// For a program that asks its own service, or a person.
const PATIENCE: Duration = Duration::from_secs(60);
/// Of the service that gives roles, where no profile names one.
const DEFAULT_REGION: &str = "us-east-1";

/// Reads the files anew, each time; may start the profile's own program and ask the
/// services that it names.
///
/// # Errors
/// [`BackupError::AwsProfile`], [`BackupError::AwsFile`], and [`BackupError::Unreachable`]
/// where a service did not answer.
pub async fn profile_keys(files: &AwsFiles, profile: &str) -> Result<AccessKeys> {
    keys_within(files, profile, PATIENCE).await
}

pub(super) async fn keys_within(
    files: &AwsFiles,
    profile: &str,
    patience: Duration,
) -> Result<AccessKeys> {
    let problem = |problem| BackupError::AwsProfile {
        profile: profile.to_owned(),
        problem,
    };
    let sections = Sections::read(files, profile).await?;
    let recipe = Recipe::of(&sections.set, profile).map_err(problem)?;
    if let Base::Static(keys) = &recipe.base
        && recipe.roles.is_empty()
    {
        return Ok(keys.clone());
    }
    let provider = |files| {
        let region = [profile, &recipe.source]
            .into_iter()
            .find_map(|name| sections.describe(name).region)
            .unwrap_or_else(|| DEFAULT_REGION.to_owned());
        let config = ProviderConfig::without_region().with_region(Some(Region::new(region)));
        ProfileFileCredentialsProvider::builder()
            .configure(&config)
            .profile_files(files)
            .profile_name(profile)
    };
    let asked = async {
        let Base::Process(line) = &recipe.base else {
            return ask(&provider(sections.files()).build(), profile, &recipe).await;
        };
        let keys = process::keys_of(line).await.map_err(problem)?;
        let Some(taker) = &recipe.first_role_of else {
            return Ok(keys);
        };
        let provider = provider(sections.files_for_handed_in(taker))
            .with_custom_provider(HANDED_IN, credentials(&keys))
            .build();
        ask(&provider, profile, &recipe).await
    };
    // What is not waited for any more is dropped, and a program of the profile with it.
    let keys = tokio::time::timeout(patience, asked).await.map_err(|_| {
        let seconds = patience.as_secs();
        problem(ProfileProblem::TooSlow { seconds })
    })??;
    if keys.expires_at.is_some_and(|end| end <= SystemTime::now()) {
        return Err(problem(ProfileProblem::Expired));
    }
    Ok(keys)
}

async fn ask(
    provider: &ProfileFileCredentialsProvider,
    profile: &str,
    recipe: &Recipe,
) -> Result<AccessKeys> {
    // In silence: it would log whose keys it found.
    let asked = provider
        .provide_credentials()
        .with_subscriber(NoSubscriber::default());
    match asked.await {
        Ok(credentials) => Ok(access_keys(&credentials)),
        Err(error) => Err(named(&error, profile, recipe)),
    }
}

fn credentials(keys: &AccessKeys) -> Credentials {
    let token = keys.session_token.as_ref().map(|t| t.expose().to_owned());
    Credentials::new(
        keys.access_key.expose(),
        keys.secret_key.expose(),
        token,
        keys.expires_at,
        HANDED_IN,
    )
}

fn access_keys(credentials: &Credentials) -> AccessKeys {
    AccessKeys {
        access_key: credentials.access_key_id().into(),
        secret_key: credentials.secret_access_key().into(),
        session_token: credentials.session_token().map(Into::into),
        expires_at: credentials.expiry(),
    }
}

/// What the SDK's chain of causes means for a person.
fn named(error: &CredentialsError, profile: &str, recipe: &Recipe) -> BackupError {
    let mut problem = None;
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.is::<ConnectorError>() {
            return unreachable(profile, error);
        }
        let answer = answer_of::<AssumeRoleError>(error, recipe)
            .or_else(|| answer_of::<AssumeRoleWithWebIdentityError>(error, recipe))
            .or_else(|| answer_of::<GetRoleCredentialsError>(error, recipe));
        match answer {
            Some(Answer::None) => return unreachable(profile, error),
            Some(Answer::SignInAgain) => break,
            Some(Answer::Refused(refused)) => problem = Some(refused),
            None => {}
        }
        cause = error.source();
    }
    let problem = problem.unwrap_or_else(|| match &recipe.base {
        Base::SignIn => ProfileProblem::SignInExpired {
            source: recipe.source.clone(),
        },
        Base::Named(name) => ProfileProblem::NoneGiven {
            source: name.clone(),
        },
        Base::WebIdentity => ProfileProblem::NoneGiven {
            source: "web_identity_token_file".to_owned(),
        },
        // With keys at hand only the service of the roles is left.
        Base::Static(_) | Base::Process(_) => ProfileProblem::RoleRefused {
            role: recipe.roles.first().cloned().unwrap_or_default(),
            why: "no answer that can be read".to_owned(),
        },
    });
    BackupError::AwsProfile {
        profile: profile.to_owned(),
        problem,
    }
}

/// Worth another try later, as any network is.
fn unreachable(profile: &str, error: &(dyn Error + 'static)) -> BackupError {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    BackupError::Unreachable {
        endpoint: format!("the service that gives the AWS profile \"{profile}\" its keys"),
        detail: cause.to_string().trim_end_matches('.').to_owned(),
    }
}

enum Answer {
    None,
    SignInAgain,
    Refused(ProfileProblem),
}

/// What the service said that was asked with this operation, if it was that one.
fn answer_of<E>(error: &(dyn Error + 'static), recipe: &Recipe) -> Option<Answer>
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let service = match error.downcast_ref::<SdkError<E, HttpResponse>>()? {
        SdkError::ServiceError(service) => service.err(),
        SdkError::ConstructionFailure(_) => return None,
        _ => return Some(Answer::None),
    };
    let code = service.code().unwrap_or_default();
    if matches!(recipe.base, Base::SignIn) && code == "UnauthorizedException" {
        return Some(Answer::SignInAgain);
    }
    let why = service.message().unwrap_or(code);
    Some(Answer::Refused(ProfileProblem::RoleRefused {
        role: recipe.roles.first().cloned().unwrap_or_default(),
        why: why.trim_end_matches('.').to_owned(),
    }))
}
