//! Results as a Markdown table.

use std::fmt::Write;

/// One line: a figure of ours, what it is held against, and the most it may be.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    pub what: String,
    pub ours: String,
    pub peer: String,
    /// Ours over the peer's, or for figures without a peer our own figure over the most it may be.
    pub ratio: f64,
    pub at_most: Option<f64>,
}

impl Row {
    /// Ours against a peer, both in seconds.
    pub fn seconds(
        what: impl Into<String>,
        ours: f64,
        peer: (&str, f64),
        at_most: Option<f64>,
    ) -> Self {
        Self {
            what: what.into(),
            ours: seconds(ours),
            peer: format!("{} ({})", seconds(peer.1), peer.0),
            ratio: ours / peer.1,
            at_most,
        }
    }

    /// A figure of ours that has a ceiling of its own, both in `unit`.
    pub fn ceiling(what: impl Into<String>, ours: f64, most: f64, unit: &str) -> Self {
        Self {
            what: what.into(),
            ours: format!("{ours:.0} {unit}"),
            peer: format!("at most {most:.0} {unit}"),
            ratio: ours / most,
            at_most: Some(1.0),
        }
    }

    /// A ratio that is not a number meets nothing.
    pub fn misses(&self) -> bool {
        self.at_most
            .is_some_and(|most| self.ratio.is_nan() || self.ratio > most)
    }
}

pub fn seconds(value: f64) -> String {
    if value < 1.0 {
        format!("{:.0} ms", value * 1000.0)
    } else {
        format!("{value:.2} s")
    }
}

pub fn markdown(rows: &[Row]) -> String {
    let mut text = String::from(
        "| measured | Redline | against | ratio | at most | |\n|---|---:|---:|---:|---:|---|\n",
    );
    for row in rows {
        let most = row
            .at_most
            .map_or_else(String::new, |most| format!("{most:.2}"));
        let verdict = match row.at_most {
            None => "",
            Some(_) if row.misses() => "missed",
            Some(_) => "met",
        };
        let _ = writeln!(
            text,
            "| {} | {} | {} | {:.2} | {most} | {verdict} |",
            row.what, row.ours, row.peer, row.ratio
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_says_whether_it_is_met() {
        let met = Row::seconds("import", 1.1, ("cp", 1.0), Some(1.15));
        let missed = Row::seconds("import", 1.2, ("cp", 1.0), Some(1.15));
        let unknown = Row::seconds("import", f64::NAN, ("cp", 1.0), Some(1.15));
        assert!(!met.misses() && missed.misses() && unknown.misses());
        assert!(
            markdown(&[met]).ends_with("| import | 1.10 s | 1.00 s (cp) | 1.10 | 1.15 | met |\n")
        );
    }
}
