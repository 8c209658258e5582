//! A bucket whose keys a profile of the AWS configuration has: which there are, and set up
//! with one. Its keys never come here.

use std::env;
use std::io::IsTerminal;

use redline_core::{BucketSetup, KeptIn};

use super::backup::{checked, server_encryption};
use super::{encryption, json as to_json};
use crate::app::{App, asked};
use crate::args::AwsBucket;
use crate::failure::{Failure, Outcome, status};
use crate::table::{Align, Table};
use crate::words;

pub fn list(app: &App) -> Outcome {
    let profiles = app.session()?.aws_profiles()?;
    if app.out.json {
        app.out.object([("aws_profiles", to_json(&profiles)?)])?;
        return Ok(status::DONE);
    }
    if profiles.is_empty() {
        app.out
            .summary("The AWS configuration of this machine has no profiles.")?;
        return Ok(status::DONE);
    }
    let columns = [
        ("PROFILE", Align::Left),
        ("REGION", Align::Left),
        ("ENDPOINT", Align::Left),
    ];
    let mut table = Table::new(&columns, app.out.colour());
    app.out.write(|to| {
        for profile in &profiles {
            let shown = |value: &Option<String>| words::name(value.as_deref().unwrap_or(""));
            table.row(
                vec![
                    words::name(&profile.name),
                    shown(&profile.region),
                    shown(&profile.endpoint_url),
                ],
                to,
            )?;
        }
        table.end(to)
    })?;
    Ok(status::DONE)
}

pub fn setup(app: &App, aws: AwsBucket, sse: Option<&str>, encrypt: bool) -> Outcome {
    let session = app.session()?;
    let server_encryption = sse.map(server_encryption).transpose()?;
    let recovery_passphrase = encryption::asked_for(app, &session, encrypt)?;
    let given = |argument: Option<String>, variable: &str| {
        argument
            .or_else(|| env::var(variable).ok())
            .filter(|value| !value.trim().is_empty())
    };
    let bucket = match given(aws.bucket, "S3_BUCKET") {
        Some(bucket) => bucket,
        None if std::io::stdin().is_terminal() => asked("Bucket", "")?,
        None => String::new(),
    };
    if bucket.is_empty() {
        return Err(Failure::usage(
            "A bucket needs a name.",
            "Give it with --bucket.",
        ));
    }
    let bucket = session.set_bucket(BucketSetup {
        bucket,
        region: given(aws.region, "S3_REGION").unwrap_or_default(),
        endpoint_url: given(aws.endpoint_url, "S3_ENDPOINT_URL"),
        access_key: None,
        secret_key: None,
        aws_profile: aws.aws_profile,
        server_encryption,
        recovery_passphrase,
    })?;
    let outcome = checked(app, &bucket)?;
    if outcome == status::DONE && session.view().profile.kept_in == KeptIn::Environment {
        app.out.note(
            "The bucket was not kept, since the key is not either. Other commands need S3_BUCKET and AWS_PROFILE in the environment; `redline login` keeps the bucket and the profile's name.",
        );
    }
    Ok(outcome)
}
