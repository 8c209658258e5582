//! What opening a store, or looking through it, found and mended: one sentence for
//! each thing, none for an ordinary day.

use redline_store::{OpenReport, ReconcileReport};

use crate::text::counted;

pub(crate) fn of_opening(report: &OpenReport) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some((files, conversions, tables)) = report.migrated {
        lines.push(format!(
            "The store of the earlier version was taken over: {}, {} and {}. Its catalog is kept beside the new one.",
            counted(files, "file"),
            counted(conversions, "conversion"),
            counted(tables, "table"),
        ));
    }
    if report.catalog_set_aside {
        lines.push(
            "The catalog could not be read. It was set aside, not deleted, and a new one was made from the journal and the files; what only the old one knew, such as the history, is in the last backup."
                .to_owned(),
        );
    } else if report.wal_set_aside {
        lines.push(
            "The catalog's log was cut short or damaged. It was set aside, not deleted, and its rows were rebuilt from the journal and the files."
                .to_owned(),
        );
    }
    if report.rows_recovered > 0 {
        lines.push(format!(
            "{} brought back after an interruption.",
            were(report.rows_recovered, "entry", "entries")
        ));
    }
    if report.partials_swept > 0 {
        lines.push(format!(
            "{} left by an interrupted import removed; add what was not stored again.",
            were(report.partials_swept, "unfinished file", "unfinished files")
        ));
    }
    if let Some(report) = &report.reconciled {
        lines.extend(of_reconciling(report));
    }
    lines
}

pub(crate) fn of_reconciling(report: &ReconcileReport) -> Vec<String> {
    let mut lines = Vec::new();
    let mut say = |count: u64, one: &str, many: &str| {
        if count > 0 {
            let is = if count == 1 { one } else { many };
            lines.push(format!("{} {is}", counted(count, "file")));
        }
    };
    say(
        report.adopted,
        "was found in the store's folder and is listed now.",
        "were found in the store's folder and are listed now.",
    );
    say(
        report.missing,
        "is gone from the store's folder and is shown as missing; a backup may have it.",
        "are gone from the store's folder and are shown as missing; a backup may have them.",
    );
    say(
        report.returned,
        "that was missing is back.",
        "that were missing are back.",
    );
    say(
        report.edited,
        "was edited by another program; the list shows it as it is now.",
        "were edited by another program; the list shows them as they are now.",
    );
    say(
        report.trash_recovered,
        "was found in the trash and is listed there again.",
        "were found in the trash and are listed there again.",
    );
    say(
        report.unreadable,
        "could not be read and will be looked at again next time.",
        "could not be read and will be looked at again next time.",
    );
    lines
}

/// `1 entry was`, `3 entries were`
fn were(count: u64, one: &str, many: &str) -> String {
    let (noun, verb) = if count == 1 {
        (one, "was")
    } else {
        (many, "were")
    };
    format!("{} {noun} {verb}", crate::text::grouped(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ordinary_day_says_nothing() {
        let quiet = ReconcileReport {
            links: 3,
            postponed: 9,
            ..ReconcileReport::default()
        };
        let report = OpenReport {
            created: true,
            reconciled: Some(quiet),
            ..OpenReport::default()
        };
        assert_eq!(of_opening(&report), Vec::<String>::new());
    }

    #[test]
    fn each_thing_found_is_said_once() {
        let report = OpenReport {
            rows_recovered: 1,
            partials_swept: 2,
            wal_set_aside: true,
            reconciled: Some(ReconcileReport {
                adopted: 1,
                missing: 1200,
                ..ReconcileReport::default()
            }),
            ..OpenReport::default()
        };
        let lines = of_opening(&report);
        assert_eq!(lines.len(), 5, "{lines:#?}");
        assert_eq!(lines[1], "1 entry was brought back after an interruption.");
        assert!(lines[3].starts_with("1 file was found"));
        assert!(lines[4].starts_with("1,200 files are gone"));
    }
}
