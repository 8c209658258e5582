//! Reads how many tests passed and failed out of what the runners print: cargo test, nextest,
//! Vitest. Never guesses: a run without a closing line has no count.

/// Totals of one or several runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    pub passed: u64,
    pub failed: u64,
    /// Closing lines seen.
    pub reports: u64,
}

impl Tally {
    /// Takes in one line of a runner's output, with or without colours.
    pub fn read(&mut self, line: &str) {
        let line = without_colours(line);
        // Flush left: nextest shows a failed test's own output indented, closing line and all.
        if let Some(rest) = line.strip_prefix("test result:") {
            self.add(rest.split(['.', ';']));
        }
        let line = line.trim();
        if line.starts_with("Summary [")
            && let Some((head, counts)) = line.split_once(" run: ")
            && head.ends_with(['t', 's'])
        {
            self.add(without_brackets(counts).split(','));
        } else if let Some(rest) = line.strip_prefix("Tests ")
            && rest.ends_with(')')
        {
            self.add(without_brackets(rest).split('|'));
        }
    }

    fn add<'a>(&mut self, counts: impl Iterator<Item = &'a str>) {
        self.reports += 1;
        for count in counts {
            let mut words = count.split_whitespace();
            let Some(number) = words.next().and_then(|word| word.parse::<u64>().ok()) else {
                continue;
            };
            match words.collect::<Vec<_>>().join(" ").as_str() {
                "passed" => self.passed += number,
                "failed" | "exec failed" | "timed out" => self.failed += number,
                _ => {}
            }
        }
    }
}

fn without_colours(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        if c == '\u{1b}' {
            // ESC [ … letter
            for c in chars.by_ref() {
                if c.is_ascii_alphabetic() {
                    break;
                }
            }
        } else {
            plain.push(c);
        }
    }
    plain
}

fn without_brackets(text: &str) -> String {
    let mut depth = 0_usize;
    text.chars()
        .filter(|c| match c {
            '(' => {
                depth += 1;
                false
            }
            ')' => {
                depth = depth.saturating_sub(1);
                false
            }
            _ => depth == 0,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Tally {
        let mut tally = Tally::default();
        text.lines().for_each(|line| tally.read(line));
        tally
    }

    #[test]
    fn cargo_test_prints_one_line_for_each_binary() {
        let tally = read(
            "running 2 tests\n\
             test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.01s\n\
             test result: FAILED. 4 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.20s",
        );
        assert_eq!((tally.passed, tally.failed, tally.reports), (16, 2, 2));
    }

    #[test]
    fn a_failed_tests_own_output_is_not_counted_again() {
        let tally = read(
            "    test result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 10 filtered out\n     Summary [   1.0s] 2 tests run: 1 passed, 1 failed, 0 skipped",
        );
        assert_eq!((tally.passed, tally.failed, tally.reports), (1, 1, 1));
    }

    #[test]
    fn nextest_counts_timeouts_as_failed() {
        let tally = read(
            "     Summary [   0.341s] 57 tests run: 53 passed (1 slow, 2 flaky), 2 failed, 1 exec failed, 1 timed out, 3 skipped",
        );
        assert_eq!((tally.passed, tally.failed, tally.reports), (53, 4, 1));
        assert_eq!(
            read("     Summary [   0.005s] 1 test run: 1 passed, 0 skipped").passed,
            1
        );
    }

    #[test]
    fn vitest_colours_and_totals_are_left_out() {
        let tally = read(
            "\u{1b}[2m Test Files \u{1b}[22m \u{1b}[1m\u{1b}[32m9 passed\u{1b}[39m\u{1b}[22m\u{1b}[90m (9)\u{1b}[39m\n\
             \u{1b}[2m      Tests \u{1b}[22m \u{1b}[31m1 failed\u{1b}[39m\u{1b}[2m | \u{1b}[22m\u{1b}[32m11 passed\u{1b}[39m\u{1b}[90m (12)\u{1b}[39m",
        );
        assert_eq!((tally.passed, tally.failed, tally.reports), (11, 1, 1));
    }

    #[test]
    fn other_output_is_no_report() {
        let tally = read("Tests are good\n  Summary of nothing\n3 passed, 4 failed");
        assert_eq!(tally, Tally::default());
    }
}
