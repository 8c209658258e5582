//! backup and restore: the bucket, what would go there, what is there.
//!
//! Secrets are read from a file, the environment or a hidden prompt; they are never
//! arguments and never shown.

use std::io::IsTerminal;

use redline_core::{
    BucketSetup, BucketView, EncryptionState, FailedFile, KeptIn, OwnRule, RestoreRequest,
    ServerEncryption, SkippedPointView,
};
use serde_json::json;

use super::{aws_profiles, encryption, json as to_json, keep, proof, rules, versions};
use crate::app::{App, asked, hidden};
use crate::args::{BackupAction, Line, OnOff, RestoreAction, What};
use crate::failure::{Failure, Outcome, status};
use crate::interrupt::Interrupt;
use crate::progress::Bar;
use crate::table::{Align, Table, pairs};
use crate::words;

pub fn backup(app: &App, action: BackupAction, line: &Line) -> Outcome {
    hold_back(app, line)?;
    let of_the_key = matches!(
        action,
        BackupAction::Setup { .. } | BackupAction::Unlock | BackupAction::Policy { .. }
    );
    if !of_the_key {
        encryption::open_for_once(&app.session()?)?;
    }
    match action {
        BackupAction::Setup {
            sse, aws, encrypt, ..
        } if aws.aws_profile.is_some() => aws_profiles::setup(app, aws, sse.as_deref(), encrypt),
        BackupAction::Setup {
            env, sse, encrypt, ..
        } => setup(app, env.as_deref(), sse.as_deref(), encrypt),
        BackupAction::AwsProfiles => aws_profiles::list(app),
        BackupAction::Encrypt { apply } => encryption::encrypt(app, apply),
        BackupAction::Unlock => encryption::unlock(app),
        BackupAction::Passphrase => encryption::change(app),
        BackupAction::Probe => {
            let session = app.session()?;
            let bucket = session.probe_bucket()?;
            checked(app, &bucket)
        }
        BackupAction::Plan => plan_backup(app),
        BackupAction::Run { confirm_removals } => run_backup(app, confirm_removals),
        BackupAction::List => list(app),
        BackupAction::Show { id } => proof::show(app, &id),
        BackupAction::Versions { id } => versions::versions(app, id),
        BackupAction::Verify { due: true, .. } => proof::due(app),
        BackupAction::Verify { deep, at, .. } => proof::verify(app, deep, at.as_deref()),
        BackupAction::Drill => proof::drill(app),
        BackupAction::Schedule { quick, deep, drill } => proof::schedule(app, [quick, deep, drill]),
        BackupAction::Keep { run: true, .. } => keep::run(app),
        BackupAction::Keep { all: true, .. } => keep::all(app),
        BackupAction::Keep {
            last,
            daily,
            weekly,
            monthly,
            apply,
            ..
        } => keep::rules(app, [last, daily, weekly, monthly], apply),
        BackupAction::Rules => rules::show(app),
        BackupAction::Versioning { state } => rules::versioning(app, matches!(state, OnOff::On)),
        BackupAction::Rule {
            abort_uploads,
            archive_versions,
            expire_versions,
            remove,
            apply,
        } => {
            let rule = OwnRule {
                abort_uploads_days: abort_uploads,
                archive_versions_days: archive_versions,
                expire_versions_days: expire_versions,
            };
            rules::rule(app, (!remove).then_some(rule), apply)
        }
        BackupAction::Policy { bucket } => rules::policy(app, bucket.as_deref()),
        BackupAction::Status => show_status(app),
    }
}

/// A session is one in this process, so what is set now holds for the command.
fn hold_back(app: &App, line: &Line) -> Result<(), Failure> {
    if line.limit.is_some() {
        app.session()?.limit_transfers(line.limit);
    }
    Ok(())
}

fn setup(app: &App, env: Option<&std::path::Path>, sse: Option<&str>, encrypt: bool) -> Outcome {
    let session = app.session()?;
    let encryption = sse.map(server_encryption).transpose()?;
    let passphrase = encryption::asked_for(app, &session, encrypt)?;
    let in_environment = ["S3_BUCKET", "S3_ACCESS_KEY", "S3_SECRET_KEY"]
        .iter()
        .any(|v| std::env::var_os(v).is_some());
    let bucket = if env.is_none() && !in_environment && std::io::stdin().is_terminal() {
        session.set_bucket(BucketSetup {
            server_encryption: encryption,
            recovery_passphrase: passphrase,
            ..ask_for_bucket()?
        })?
    } else {
        session.set_bucket_from_env_file(env, encryption, passphrase)?
    };
    let outcome = checked(app, &bucket)?;
    if outcome == status::DONE {
        match (session.view().profile.kept_in, env) {
            (KeptIn::Environment | KeptIn::SessionOnly, _) => app.out.note(
                "The secrets were not kept, since the key is not either. Other commands need S3_BUCKET, S3_ACCESS_KEY and S3_SECRET_KEY in the environment; `redline login` keeps both.",
            ),
            (_, Some(file)) => app.out.note(&format!(
                "The secrets are kept safely now. Delete \"{}\", which still has them in the clear.",
                words::name(&file.to_string_lossy())
            )),
            (_, None) => {}
        }
    }
    Ok(outcome)
}

pub(super) fn server_encryption(how: &str) -> Result<ServerEncryption, Failure> {
    match how.split_once(':').unwrap_or((how, "")) {
        ("bucket", "") => Ok(ServerEncryption::BucketDefault),
        ("s3", "") => Ok(ServerEncryption::SseS3),
        ("kms", key) => Ok(ServerEncryption::SseKms {
            key_id: (!key.is_empty()).then(|| key.to_owned()),
        }),
        _ => Err(Failure::usage(
            format!(
                "\"{}\" is no way for a server to encrypt.",
                words::name(how)
            ),
            "Give bucket, s3, kms or kms:KEY.",
        )),
    }
}

fn ask_for_bucket() -> Result<BucketSetup, Failure> {
    let needed = |what: &str, value: String| {
        if value.is_empty() {
            Err(Failure::usage(
                format!("A bucket needs {what}."),
                "Run the command again.",
            ))
        } else {
            Ok(value)
        }
    };
    let bucket = needed("a name", asked("Bucket", "")?)?;
    let region = asked("Region", "us-east-1")?;
    let endpoint = asked("Endpoint URL (empty for Amazon)", "")?;
    let access_key = needed("an access key", hidden("Access key: ")?.trim().to_owned())?;
    let secret_key = needed("a secret key", hidden("Secret key: ")?.trim().to_owned())?;
    Ok(BucketSetup {
        bucket,
        region,
        endpoint_url: (!endpoint.is_empty()).then_some(endpoint),
        access_key: Some(access_key),
        secret_key: Some(secret_key),
        aws_profile: None,
        server_encryption: None,
        recovery_passphrase: None,
    })
}

/// A bucket with what was found out about it; fails if a backup could not work.
pub(super) fn checked(app: &App, bucket: &BucketView) -> Outcome {
    let usable = bucket
        .checks
        .iter()
        .all(|check| check.ok || !check.required);
    let outcome = if usable { status::DONE } else { status::FAILED };
    if app.out.json {
        app.out.object([("bucket", to_json(bucket)?)])?;
        return Ok(outcome);
    }
    app.out.line(format!(
        "Bucket \"{}\" in {}",
        words::name(&bucket.bucket),
        words::name(&bucket.region)
    ))?;
    for check in &bucket.checks {
        let word = match (check.ok, check.required) {
            (true, _) => app.out.green("ok     "),
            (false, true) => app.out.red("failed "),
            (false, false) => app.out.dim("without"),
        };
        app.out.line(format!(
            "  {word}  {}  {}",
            check.name,
            words::name(&check.detail)
        ))?;
    }
    app.out.summary(if usable {
        "A backup can work here."
    } else {
        "A backup cannot work here until this is mended."
    })?;
    Ok(outcome)
}

fn plan_backup(app: &App) -> Outcome {
    let plan = app.session()?.plan_backup()?;
    if app.out.json {
        app.out.object([("plan", to_json(&plan)?)])?;
        return Ok(status::DONE);
    }
    app.out.line(format!(
        "Would send {} ({}); {} already in the bucket.",
        words::count(plan.upload_files, "file", "files"),
        words::size(plan.upload_bytes),
        words::count(plan.unchanged_files, "is", "are"),
    ))?;
    if plan.removed_files > 0 {
        app.out.line(format!(
            "{} deleted since the last restore point, and not in the next.",
            words::count(plan.removed_files, "file was", "files were")
        ))?;
    }
    if plan.absent_files > 0 {
        app.out.line(format!(
            "{} not here though nobody deleted them, and stay in the backup.",
            words::count(plan.absent_files, "file is", "files are")
        ))?;
    }
    if plan.mass_delete.is_some() {
        app.out.line(
            app.out
                .red("That is a large part of the store: a backup asks for --confirm-removals."),
        )?;
    }
    Ok(status::DONE)
}

fn run_backup(app: &App, confirm_removals: bool) -> Outcome {
    let session = app.session()?;
    let interrupt = Interrupt::arm(&session)?;
    let mut bar = Bar::follow(&app.out, &session);
    let result = if confirm_removals {
        session.backup_confirmed_now()
    } else {
        session.backup_now()
    };
    interrupt.end();
    bar.end();
    let report = result?;
    let outcome = if report.left_out.is_empty() {
        status::DONE
    } else {
        status::IN_PART
    };
    if app.out.json {
        let mut object = to_json(&report)?;
        object["left_out"] = failures(&report.left_out);
        app.out.object([("backup", object)])?;
        return Ok(outcome);
    }
    tell_failures(app, "left out", &report.left_out)?;
    app.out.summary(format!(
        "Backed up: sent {} ({}) in {}. Restore point {}.",
        words::count(report.uploaded_files, "file", "files"),
        words::size(report.uploaded_bytes),
        words::duration((report.seconds * 1000.0) as u64),
        report.generation,
    ))?;
    if let Some(clear) = &report.in_the_clear {
        app.out.note(clear);
    }
    if let Some(without) = &report.without_copy {
        app.out.note(&words::name(&without.note));
    }
    Ok(outcome)
}

fn list(app: &App) -> Outcome {
    let points = app.session()?.restore_points()?;
    if app.out.json {
        app.out.object([("restore_points", to_json(&points)?)])?;
        return Ok(status::DONE);
    }
    if points.is_empty() {
        app.out
            .summary("No restore point yet. Make one with: redline backup run")?;
        return Ok(status::DONE);
    }
    let columns = [
        ("GEN", Align::Right),
        ("WHEN", Align::Left),
        ("FILES", Align::Right),
        ("SIZE", Align::Right),
        ("NEW", Align::Right),
        ("CHANGED", Align::Right),
        ("REMOVED", Align::Right),
        ("DEVICE", Align::Left),
        ("ID", Align::Left),
    ];
    let mut table = Table::new(&columns, app.out.colour());
    app.out.write(|to| {
        for point in &points {
            let id = words::name(&point.id);
            table.row(
                vec![
                    point.generation.to_string(),
                    words::when(&point.created_at),
                    words::number(point.files),
                    words::size(point.bytes),
                    words::number(point.new_files),
                    words::number(point.changed_files),
                    words::number(point.removed_files),
                    words::name(&point.device),
                    match &point.problem {
                        None => id,
                        Some(problem) => {
                            format!("{id}  {}", app.out.red(&words::name(problem)))
                        }
                    },
                ],
                to,
            )?;
        }
        table.end(to)
    })?;
    Ok(status::DONE)
}

fn show_status(app: &App) -> Outcome {
    let now = app.session()?.backup_status()?;
    if app.out.json {
        app.out.object([("backup_status", to_json(&now)?)])?;
        return Ok(status::DONE);
    }
    let time = |time: &Option<String>| {
        time.as_deref()
            .map_or_else(|| "never".to_owned(), words::when)
    };
    let bucket = now.bucket.as_ref().map_or_else(
        || "none yet: redline backup setup".to_owned(),
        |b| words::name(&b.bucket),
    );
    let encrypted = match now.encryption {
        EncryptionState::Off => "no",
        EncryptionState::On => "yes",
        EncryptionState::Locked => "yes, and not open on this machine: redline backup unlock",
    };
    app.out.write(|to| {
        pairs(
            &[
                ("Proven restorable", time(&now.last_proven_at)),
                ("Last backup", time(&now.last_backup_at)),
                (
                    "Waiting",
                    format!(
                        "{}, {}",
                        words::count(now.waiting_files, "file", "files"),
                        words::size(now.waiting_bytes)
                    ),
                ),
                ("Bucket", bucket),
                ("Encrypted before sending", encrypted.to_owned()),
            ],
            to,
        )
    })?;
    Ok(status::DONE)
}

pub fn restore(app: &App, action: RestoreAction, line: &Line) -> Outcome {
    hold_back(app, line)?;
    let session = app.session()?;
    encryption::open_for_once(&session)?;
    match action {
        RestoreAction::Plan(a) => {
            let plan = session.plan_restore(&wanted(a))?;
            if app.out.json {
                app.out.object([("plan", to_json(&plan)?)])?;
                return Ok(status::DONE);
            }
            let files = |n| words::count(n, "file", "files");
            app.out.write(|to| {
                pairs(
                    &[
                        (
                            "Restore point",
                            format!(
                                "{} of {}",
                                words::name(&plan.point.id),
                                words::when(&plan.point.created_at)
                            ),
                        ),
                        ("New here", files(plan.new_files)),
                        ("The same here", files(plan.same_files)),
                        (
                            "Differing here",
                            format!(
                                "{}, the local ones to the trash",
                                files(plan.differing_files)
                            ),
                        ),
                        (
                            "Only here",
                            format!("{}, untouched", files(plan.kept_files)),
                        ),
                        ("To fetch", words::size(plan.bytes)),
                        ("Free space", words::size(plan.free_bytes)),
                    ],
                    to,
                )
            })?;
            tell_skipped(app, &plan.skipped_points)?;
            if plan.bytes > plan.free_bytes {
                app.out
                    .line(app.out.red("There is not enough free space."))?;
            }
            Ok(status::DONE)
        }
        RestoreAction::Run(a) => {
            let interrupt = Interrupt::arm(&session)?;
            let mut bar = Bar::follow(&app.out, &session);
            let result = session.restore_now(&wanted(a));
            interrupt.end();
            bar.end();
            let report = result?;
            let outcome = if report.failed.is_empty() {
                status::DONE
            } else {
                status::IN_PART
            };
            if app.out.json {
                let mut object = to_json(&report)?;
                object["failed"] = failures(&report.failed);
                app.out.object([("restore", object)])?;
                return Ok(outcome);
            }
            tell_failures(app, "failed", &report.failed)?;
            tell_skipped(app, &report.skipped_points)?;
            app.out.summary(format!(
                "Restored {} ({}); {} here already.",
                words::count(report.restored_files, "file", "files"),
                words::size(report.restored_bytes),
                words::count(report.same_files, "was", "were"),
            ))?;
            if let Some(until) = &report.undo_until {
                app.out.note(&format!(
                    "Until {}, `redline restore undo` takes this back.",
                    words::when(until)
                ));
            }
            Ok(outcome)
        }
        RestoreAction::Undo => {
            let report = session.undo_restore_now()?;
            let outcome = if report.failed.is_empty() {
                status::DONE
            } else {
                status::IN_PART
            };
            if app.out.json {
                let mut object = to_json(&report)?;
                object["failed"] = failures(&report.failed);
                app.out.object([("restore", object)])?;
                return Ok(outcome);
            }
            tell_failures(app, "left", &report.failed)?;
            app.out.summary(format!(
                "Took the restore back: {} as before, {} to the trash.",
                words::count(report.returned_files, "file is", "files are"),
                words::count(
                    report.removed_files,
                    "restored file went",
                    "restored files went"
                ),
            ))?;
            Ok(outcome)
        }
    }
}

fn wanted(what: What) -> RestoreRequest {
    RestoreRequest {
        at: what.at,
        only: what.only,
        paths: Vec::new(),
    }
}

pub(super) fn tell_skipped(app: &App, points: &[SkippedPointView]) -> std::io::Result<()> {
    for point in points {
        app.out.line(format!(
            "{}  {}  {}",
            app.out.red("passed over"),
            words::name(&point.id),
            words::name(&point.why)
        ))?;
    }
    Ok(())
}

pub(super) fn failures(failed: &[FailedFile]) -> serde_json::Value {
    failed
        .iter()
        .map(|f| json!({ "path": f.path, "error": f.error }))
        .collect()
}

pub(super) fn tell_failures(app: &App, word: &str, failed: &[FailedFile]) -> std::io::Result<()> {
    for file in failed {
        app.out.line(format!(
            "{}  {}  {}",
            app.out.red(word),
            words::name(&file.path),
            words::name(&file.error.message)
        ))?;
    }
    Ok(())
}
