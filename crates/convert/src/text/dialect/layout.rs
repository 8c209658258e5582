//! Layouts of text that are known by their columns: Stooq's price tables.

use super::Layout;
use super::cells::{Kind, kind};
use crate::text::repair::Field;

/// Stooq's columns, in its order.
pub(crate) const STOOQ: [&str; 10] = [
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

/// By the names: all of Stooq's, or some of them with a date and a closing price.
pub(crate) fn by_names(names: &[String]) -> Option<Layout> {
    let known = |n: &String| STOOQ.contains(&n.trim().to_ascii_uppercase().as_str());
    if names.len() < 3 || !names.iter().all(known) {
        return None;
    }
    let has = |name: &str| names.iter().any(|n| n.trim().eq_ignore_ascii_case(name));
    if names.len() == STOOQ.len() {
        return Some(Layout::Stooq);
    }
    (has("<DATE>") && has("<CLOSE>")).then_some(Layout::StooqShort)
}

/// By a row, where nothing names the columns: ticker, period, date, time, and numbers.
pub(crate) fn by_row(cells: &[Field<'_>]) -> bool {
    let digits = |i: usize, n: usize| {
        cells[i].text.len() == n && cells[i].text.iter().all(u8::is_ascii_digit)
    };
    cells.len() == STOOQ.len()
        && kind(&cells[0].text).is_text()
        && matches!(&*cells[1].text, b"D" | b"W" | b"M" | b"5" | b"60" | b"H")
        && digits(2, 8)
        && digits(3, 6)
        && cells[4..]
            .iter()
            .all(|c| matches!(kind(&c.text), Kind::Integer | Kind::Number))
}
