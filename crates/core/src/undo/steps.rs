//! What the log of a restore says about each file.

use std::collections::HashMap;

use redline_store::Restored;

/// Of one file, in the order of the log.
pub(super) struct Step {
    pub(super) restored: Restored,
    /// Else it was about to be done, and only the disk tells whether it was.
    pub(super) done: bool,
}

/// Which intentions have no outcome: each is settled by the next outcome of the same file
/// that puts the same bytes aside.
#[derive(Default)]
pub(super) struct Steps {
    all: Vec<Step>,
    open: HashMap<(String, Option<String>), Vec<usize>>,
}

impl Steps {
    pub(super) fn intended(&mut self, restored: Restored) {
        let key = (restored.uid.clone(), restored.replaced.clone());
        self.open.entry(key).or_default().push(self.all.len());
        self.all.push(Step {
            restored,
            done: false,
        });
    }

    pub(super) fn done(&mut self, restored: Restored) {
        let key = (restored.uid.clone(), restored.replaced.clone());
        // The others said the same, under names that were taken.
        let mut settled = self.open.remove(&key).unwrap_or_default();
        if let Some(last) = settled.pop() {
            self.all[last] = Step {
                restored,
                done: true,
            };
        } else {
            self.all.push(Step {
                restored,
                done: true,
            });
        }
        for n in settled {
            self.all[n].done = true;
            self.all[n].restored.same = true;
        }
    }

    pub(super) fn into_steps(self) -> Vec<Step> {
        let all = self.all.into_iter();
        all.filter(|step| !step.restored.same).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(uid: &str, path: &str, replaced: Option<&str>) -> Restored {
        Restored {
            relative_path: path.into(),
            uid: uid.into(),
            sha256: String::new(),
            same: false,
            was: None,
            replaced: replaced.map(str::to_owned),
        }
    }

    fn told(steps: Steps) -> Vec<(String, bool)> {
        let steps = steps.into_steps().into_iter();
        steps
            .map(|step| (step.restored.relative_path, step.done))
            .collect()
    }

    #[test]
    fn an_intention_without_an_outcome_stays_open() {
        let mut steps = Steps::default();
        steps.intended(file("a", "a.csv", Some("local")));
        // Gone on with: its local bytes have made room already.
        steps.intended(file("a", "a.csv", None));
        steps.done(file("a", "a.csv", None));
        steps.intended(file("b", "b.csv", None));
        assert_eq!(
            told(steps),
            [
                ("a.csv".to_owned(), false),
                ("a.csv".to_owned(), true),
                ("b.csv".to_owned(), false)
            ]
        );
    }

    #[test]
    fn an_outcome_settles_all_that_was_told_of_its_file_before() {
        let mut steps = Steps::default();
        steps.intended(file("a", "a.csv", None));
        steps.intended(file("a", "a (2).csv", None));
        steps.done(file("a", "a (2).csv", None));
        assert_eq!(told(steps), [("a (2).csv".to_owned(), true)]);
    }

    #[test]
    fn a_log_without_intentions_is_read_as_before() {
        let mut steps = Steps::default();
        steps.done(file("a", "a.csv", None));
        steps.done(file("a", "a.csv", None));
        assert_eq!(
            told(steps),
            [("a.csv".to_owned(), true), ("a.csv".to_owned(), true)]
        );
    }
}
