//! What a backup leaves out, and why, in words: files that could not be read or named, or
//! that have no copy for other programs, and deletes that are too many to be believed
//! without asking.

use redline_backup::{RefusedFile, SkipReason, SkippedFile};

use crate::contract::{FailedFile, MassDeleteView, WithoutCopyView};
use crate::error::{Code, CoreError};
use crate::text;

/// Files listed by name; more are counted nowhere else, so this is generous.
pub(crate) const LISTED: usize = 500;
/// Files named where many were deleted.
const EXAMPLES: usize = 5;

pub(crate) fn refused(file: RefusedFile) -> FailedFile {
    let why = CoreError::new(
        Code::BadName,
        format!(
            "\"{}\" cannot be backed up under its name: {}.",
            file.relative_path, file.problem
        ),
        "Rename the file and run the backup again.",
    );
    FailedFile {
        path: file.relative_path,
        error: why.report(),
        token: None,
    }
}

pub(crate) fn skipped(file: SkippedFile) -> FailedFile {
    FailedFile {
        error: skipped_error(&file.relative_path, &file.reason, file.earlier_kept).report(),
        path: file.relative_path,
        token: None,
    }
}

/// Files that are in the bucket by their hash alone.
pub(crate) fn without_copy(mut paths: Vec<String>) -> Option<WithoutCopyView> {
    let files = paths.len() as u64;
    paths.sort();
    let first = paths.first()?;
    let note = match files {
        1 => format!(
            "\"{first}\" has no readable copy under its name in the bucket, since the server did not take one. It is in the restore point all the same, and a restore brings it back."
        ),
        n => format!(
            "{}, \"{first}\" among them, have no readable copies under their names in the bucket, since the server did not take them. They are in the restore point all the same, and a restore brings them back.",
            text::counted(n, "file")
        ),
    };
    paths.truncate(LISTED);
    Some(WithoutCopyView { files, paths, note })
}

/// Deleting this much at once is more often an accident, or somebody else's doing, than
/// what a person wants their next restore point to be like.
pub(crate) fn mass_delete(removed: &[String], of: u64) -> Option<MassDeleteView> {
    let count = removed.len() as u64;
    let many = count >= 5 && count.saturating_mul(4) >= of;
    let all = count >= 2 && count >= of;
    (many || all).then(|| MassDeleteView {
        removed_files: count,
        of_files: of,
        examples: removed.iter().take(EXAMPLES).cloned().collect(),
    })
}

pub(crate) fn confirm_first(mass: &MassDeleteView) -> CoreError {
    CoreError::new(
        Code::ConfirmationNeeded,
        format!(
            "{} of {} were deleted since the last restore point, \"{}\" among them, so nothing was backed up.",
            text::grouped(mass.removed_files),
            text::counted(mass.of_files, "file"),
            mass.examples.first().map_or("", String::as_str),
        ),
        "If that is meant, back up with the removals confirmed (`redline backup run --confirm-removals`); else bring them back from the trash or the last restore point.",
    )
}

fn skipped_error(path: &str, reason: &SkipReason, earlier_kept: bool) -> CoreError {
    let kept = if earlier_kept {
        " The restore point has the revision before."
    } else {
        ""
    };
    let could_not = format!("Could not back up \"{path}\"");
    match reason {
        SkipReason::Changed => CoreError::new(
            Code::SourceChanged,
            format!("{could_not}: it changed since it was stored.{kept}"),
            "Check the file with Verify, then run the backup again.",
        ),
        SkipReason::Missing => CoreError::new(
            Code::SourceVanished,
            format!("{could_not}: it is gone from the store's folder.{kept}"),
            "Put it back or delete it from the list, then run the backup again.",
        ),
        SkipReason::Unreadable { detail } => CoreError::new(
            Code::Unreadable,
            format!(
                "{could_not}: it cannot be read ({}).{kept}",
                detail.trim_end_matches('.')
            ),
            "Check the disk, then run the backup again.",
        ),
        _ => CoreError::new(
            Code::Unreadable,
            format!("{could_not}.{kept}"),
            "Run the backup again.",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_without_a_copy_are_named_and_said_to_be_safe() {
        assert_eq!(without_copy(Vec::new()), None);
        let one = without_copy(vec!["a.csv".to_owned()]).unwrap();
        insta::assert_snapshot!(one.note, @r#""a.csv" has no readable copy under its name in the bucket, since the server did not take one. It is in the restore point all the same, and a restore brings it back."#);
        let many = without_copy((0..1_204).rev().map(|n| format!("{n:04}")).collect()).unwrap();
        assert_eq!(
            (many.files, many.paths.len(), &*many.paths[0]),
            (1_204, LISTED, "0000")
        );
        insta::assert_snapshot!(many.note, @r#"1,204 files, "0000" among them, have no readable copies under their names in the bucket, since the server did not take them. They are in the restore point all the same, and a restore brings them back."#);
    }
}
