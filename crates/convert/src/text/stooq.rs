//! Price tables as Stooq hands them out. Their dates and times have no marks between the
//! parts (`20260102`, `000000`); they are typed, and written back as they were.

use super::dialect::{Dialect, Layout};
use super::times;

/// What a column of a known layout holds, where its texts alone would not say so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expected {
    /// `20260102`
    Date,
    /// `220000`
    Time,
}

impl Expected {
    pub(crate) fn holds(self, text: &[u8]) -> bool {
        match self {
            Expected::Date => times::compact_date(text).is_some(),
            Expected::Time => compact_time(text).is_some(),
        }
    }
}

/// As the option `layout` calls it.
pub(crate) fn name(layout: Layout) -> &'static str {
    match layout {
        Layout::Stooq => "stooq",
        Layout::StooqShort => "stooq_short",
    }
}

/// By column; none for all of them where the layout is not a known one.
pub(crate) fn expected(dialect: &Dialect) -> Vec<Option<Expected>> {
    let bare = |name: &String| name.trim_matches(['<', '>']).to_ascii_lowercase();
    let of = |name: String| match name.as_str() {
        "date" => Some(Expected::Date),
        "time" => Some(Expected::Time),
        _ => None,
    };
    match dialect.layout {
        Some(_) => dialect.names.iter().map(|n| of(bare(n))).collect(),
        None => vec![None; dialect.names.len()],
    }
}

/// `hhmmss`, in nanoseconds from midnight.
pub(crate) fn compact_time(text: &[u8]) -> Option<i64> {
    if text.len() != 6 || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let two = |at: usize| i64::from(text[at] - b'0') * 10 + i64::from(text[at + 1] - b'0');
    let (h, m, s) = (two(0), two(2), two(4));
    (h < 24 && m < 60 && s < 60).then_some((h * 3600 + m * 60 + s) * 1_000_000_000)
}

/// The names under which the full layout is written.
pub(crate) const FULL: [&str; 10] = [
    "<TICKER>",
    "<PER>",
    "<DATE>",
    "<TIME>",
    "<OPEN>",
    "<HIGH>",
    "<LOW>",
    "<CLOSE>",
    "<VOL>",
    "<OPENINT>",
];
