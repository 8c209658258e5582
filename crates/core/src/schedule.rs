//! Checks of the backup that come round by themselves, while the window is open or the
//! server runs: which one is due, and making it. Due times are the store's, so that
//! whoever runs next knows.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use jiff::{Timestamp, ToSpan};

use crate::contract::{CheckKind, CheckNote, CheckSchedule, Event};
use crate::error::{Code, CoreError};
use crate::notes::Notes;
use crate::session::Session;

/// How often it is looked whether something is due; costs the reading of a small file.
const EVERY: Duration = Duration::from_secs(60);
/// A check that could not be made is not tried again before this.
const AGAIN_AFTER_HOURS: i64 = 1;
const KINDS: [CheckKind; 3] = [CheckKind::Quick, CheckKind::Drill, CheckKind::Deep];

impl Session {
    /// Changes how often the backup is checked.
    pub fn set_check_schedule(&self, schedule: CheckSchedule) -> Result<(), CoreError> {
        const LONGEST: u32 = 3650;
        let days = [schedule.quick_days, schedule.deep_days, schedule.drill_days];
        if days.iter().any(|days| *days > LONGEST) {
            return Err(CoreError::bad_request(
                format!("A check is at most {LONGEST} days away."),
                "0 switches one off.",
            ));
        }
        self.change_notes(|notes| notes.schedule = schedule)?;
        self.tell(Event::Backup);
        Ok(())
    }

    /// Makes the checks that are due at `now`, one after the other; answers their
    /// outcomes. One that cannot be made now (offline, say) stays due, and is the error.
    pub fn run_due_checks(&self, now: Timestamp) -> Result<Vec<CheckNote>, CoreError> {
        let mut made = Vec::new();
        for kind in KINDS {
            if !is_due(&self.backup_notes(), kind, now) {
                continue;
            }
            let done = match kind {
                CheckKind::Quick => self.check_backup_now(false, None).map(drop),
                CheckKind::Deep => self.check_backup_now(true, None).map(drop),
                CheckKind::Drill => self.drill_backup_now().map(drop),
            };
            if let Err(error) = done {
                self.note(|notes| {
                    notes.tried_at.retain(|(other, _)| *other != kind);
                    notes.tried_at.push((kind, now.to_string()));
                });
                return Err(error);
            }
            let notes = self.backup_notes();
            made.extend(notes.checks.into_iter().find(|note| note.kind == kind));
        }
        Ok(made)
    }
}

/// Notes of checks with the time of the next, for showing.
pub(crate) fn with_due(notes: &Notes) -> Vec<CheckNote> {
    let mut checks = notes.checks.clone();
    for check in &mut checks {
        check.due = next(&notes.schedule, check).map(|at| at.to_string());
    }
    checks
}

fn days(schedule: &CheckSchedule, kind: CheckKind) -> u32 {
    match kind {
        CheckKind::Quick => schedule.quick_days,
        CheckKind::Deep => schedule.deep_days,
        CheckKind::Drill => schedule.drill_days,
    }
}

fn next(schedule: &CheckSchedule, check: &CheckNote) -> Option<Timestamp> {
    let days = days(schedule, check.kind);
    if days == 0 {
        return None;
    }
    let at: Timestamp = check.at.parse().ok()?;
    at.checked_add((24 * i64::from(days)).hours()).ok()
}

fn is_due(notes: &Notes, kind: CheckKind, now: Timestamp) -> bool {
    if days(&notes.schedule, kind) == 0 || notes.last_backup_at.is_none() {
        return false;
    }
    let tried = notes
        .tried_at
        .iter()
        .find(|(tried, _)| *tried == kind)
        .and_then(|(_, at)| at.parse::<Timestamp>().ok());
    if tried.is_some_and(|at| now < at + AGAIN_AFTER_HOURS.hours() && at <= now) {
        return false;
    }
    match notes.checks.iter().find(|check| check.kind == kind) {
        // Never made: with the first backup it is.
        None => true,
        Some(check) => next(&notes.schedule, check).is_none_or(|at| at <= now),
    }
}

/// Once a day is often enough for rules that count days.
fn retention_is_due(notes: &Notes, now: Timestamp) -> bool {
    notes.retention.is_some()
        && notes.last_backup_at.is_some()
        && notes
            .retention_ran_at
            .as_deref()
            .and_then(|at| at.parse::<Timestamp>().ok())
            .is_none_or(|at| now >= at + 24.hours())
}

/// Looks for what is due as long as the session lives, in processes that stay.
pub(crate) fn keep_checking(session: &Session) {
    if !session.0.core.front_end.stays() {
        return;
    }
    let checked = Arc::downgrade(&session.0);
    let started = thread::Builder::new()
        .name("backup checks".into())
        .spawn(move || {
            loop {
                // First the wait: whoever opens the window has other things to do.
                thread::sleep(EVERY);
                let Some(inner) = checked.upgrade() else {
                    return;
                };
                let session = Session(inner);
                if !session.0.core.holds(&session) || session.refuse_while_transferring().is_err() {
                    continue;
                }
                let now = Timestamp::now();
                if retention_is_due(&session.backup_notes(), now)
                    && let Err(error) = session.run_retention_now(now)
                {
                    tracing::info!(code = ?error.code(), "the restore points were not tidied");
                }
                if let Err(error) = session.free_by_rule_now(now) {
                    tracing::info!(code = ?error.code(), "no files were made cloud-only by the rule");
                }
                match session.run_due_checks(now) {
                    Ok(_) => {}
                    Err(error) if error.code() == Code::BucketMissing => {}
                    Err(error) => tracing::info!(code = ?error.code(), "a check of the backup that was due could not be made"),
                }
            }
        });
    if started.is_err() {
        tracing::warn!("the backup will not be checked by itself");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_check_is_due_by_its_own_days_and_waits_after_a_failure() {
        let mut notes = Notes::default();
        let now = at("2026-03-02T12:00:00Z");
        assert!(
            !is_due(&notes, CheckKind::Quick, now),
            "nothing to check yet"
        );
        notes.last_backup_at = Some("2026-03-01T00:00:00Z".into());
        assert!(is_due(&notes, CheckKind::Quick, now) && is_due(&notes, CheckKind::Drill, now));
        assert!(
            !is_due(&notes, CheckKind::Deep, now),
            "off unless switched on"
        );
        notes
            .tried_at
            .push((CheckKind::Quick, "2026-03-02T11:30:00Z".into()));
        assert!(!is_due(&notes, CheckKind::Quick, now));
        assert!(is_due(&notes, CheckKind::Quick, at("2026-03-02T12:31:00Z")));
        notes.note_check(CheckNote {
            kind: CheckKind::Quick,
            at: "2026-03-02T12:31:00Z".into(),
            point: "p".into(),
            ok: true,
            findings: 0,
            due: None,
        });
        assert!(!is_due(
            &notes,
            CheckKind::Quick,
            at("2026-03-03T12:30:00Z")
        ));
        assert!(is_due(&notes, CheckKind::Quick, at("2026-03-03T12:31:00Z")));
        assert_eq!(
            with_due(&notes)[0].due.as_deref(),
            Some("2026-03-03T12:31:00Z")
        );
    }
}
