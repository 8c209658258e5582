//! Which rows of a sheet name its columns: what a careful person would take for the
//! header, from the first rows that hold something. Says why, and how to have it otherwise.

use super::sheet::Value;
use crate::error::{ConvertError, Result};
use crate::options::Options;
use crate::profile::Choice;

/// Rows that the choice is made from.
pub(super) const LOOKED_AT: usize = 64;
/// Or fewer, where they are as large as this: they are held in memory.
pub(super) const LOOKED_AT_BYTES: usize = 8 << 20;

/// What a cell is, as far as a header is concerned.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Seen {
    pub column: u32,
    pub text: String,
    kind: SeenKind,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum SeenKind {
    Text,
    Year(i64),
    Other,
}

impl Seen {
    pub(super) fn of(column: u32, value: &Value<'_>) -> Self {
        let mut text = Vec::new();
        value.push_text(&mut text);
        let text = String::from_utf8_lossy(&text).into_owned();
        let kind = match value {
            Value::Text(t) if !t.trim().is_empty() => SeenKind::Text,
            Value::Int(n @ 1800..=2200) => SeenKind::Year(*n),
            _ => SeenKind::Other,
        };
        Seen { column, text, kind }
    }
}

/// A row that holds something.
pub(super) struct SeenRow {
    pub number: u32,
    pub cells: Vec<Seen>,
}

pub(super) struct Header {
    /// Rows of `SeenRow`s before the data: those before the header, and the header's.
    pub before: usize,
    pub rows: usize,
    /// Per column of the sheet, from A on; empty where nothing names it.
    pub names: Vec<String>,
    pub choices: Vec<Choice>,
    pub warnings: Vec<String>,
}

/// `rows` are the first that hold something, those that are to be skipped left out.
pub(super) fn settle(rows: &[SeenRow], options: &Options) -> Result<Header> {
    let asked = match options.get("header") {
        None => None,
        Some("yes") => Some(1),
        Some("no") => Some(0),
        Some(n) => Some(n.parse::<usize>().map_err(|_| ConvertError::BadOption {
            key: "header".to_owned(),
            value: n.to_owned(),
            expected: "yes, no or a number of rows".to_owned(),
        })?),
    };
    let mut choices = Vec::new();
    let mut warnings = Vec::new();
    let found = match asked {
        Some(count) => Found {
            before: 0,
            rows: count,
            why: None,
        },
        None => find(rows),
    };
    let before = found.before;
    let count = found.rows.min(rows.len() - before);
    if let (Some(why), None) = (found.why, asked) {
        let numbers: Vec<String> = rows[before..before + count]
            .iter()
            .map(|r| r.number.to_string())
            .collect();
        choices.push(Choice {
            what: "header".to_owned(),
            chosen: match numbers.len() {
                0 => "none".to_owned(),
                1 => format!("row {}", numbers[0]),
                _ => format!("rows {}", numbers.join(" and ")),
            },
            why: why.to_owned(),
            otherwise: Some(if count == 0 {
                "header=yes".to_owned()
            } else {
                "header=no".to_owned()
            }),
            told: None,
        });
    }
    if found.before > 0 {
        let said: Vec<String> = rows[..before]
            .iter()
            .map(|r| {
                r.cells
                    .iter()
                    .map(|c| c.text.as_str())
                    .collect::<Vec<_>>()
                    .join(" ")
            })
            .collect();
        let why = outside("above", &said);
        choices.push(Choice {
            what: "rows above".to_owned(),
            chosen: "left out".to_owned(),
            why: why.clone(),
            otherwise: Some("header=no".to_owned()),
            told: Some(format!("{why}.")),
        });
        warnings.push(why);
    }
    let header = &rows[before..before + count];
    let width = header
        .iter()
        .flat_map(|r| &r.cells)
        .map(|c| c.column + 1)
        .max()
        .unwrap_or(0);
    let mut names = vec![String::new(); width as usize];
    for (i, row) in header.iter().enumerate() {
        let last = i + 1 == header.len();
        let mut line = vec![String::new(); width as usize];
        for cell in &row.cells {
            line[cell.column as usize] = cell.text.trim().to_owned();
        }
        if !last {
            // What stands above several columns is said once, over the first of them.
            for j in 1..line.len() {
                if line[j].is_empty() {
                    line[j] = line[j - 1].clone();
                }
            }
        }
        for (name, part) in names.iter_mut().zip(line) {
            if !part.is_empty() {
                if !name.is_empty() {
                    name.push(' ');
                }
                name.push_str(&part);
            }
        }
    }
    Ok(Header {
        before,
        rows: count,
        names,
        choices,
        warnings,
    })
}

/// That rows `above` or `below` a table are none of it, with what they say.
pub(super) fn outside(side: &str, said: &[String]) -> String {
    let count = match said.len() {
        1 => "1 row".to_owned(),
        n => format!("{n} rows"),
    };
    let is = if said.len() == 1 { "is" } else { "are" };
    let texts: Vec<String> = said.iter().map(|s| format!("{:?}", shortened(s))).collect();
    format!(
        "{count} {side} the table {is} not part of it: {}",
        texts.join(", ")
    )
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((i, _)) => format!("{}…", &text[..i]),
        None => text.to_owned(),
    }
}

struct Found {
    before: usize,
    rows: usize,
    /// None where there was nothing to choose.
    why: Option<&'static str>,
}

fn find(rows: &[SeenRow]) -> Found {
    let none = |why| Found {
        before: 0,
        rows: 0,
        why: Some(why),
    };
    if rows.is_empty() {
        return Found {
            before: 0,
            rows: 0,
            why: None,
        };
    }
    // How many columns a row of the table fills, usually.
    let mut filled: Vec<usize> = rows.iter().map(|r| r.cells.len()).collect();
    filled.sort_unstable();
    let usual = filled[filled.len() / 2];
    // Titles and notes fill a column or two of a table that is wider.
    let titles = match usual {
        0..=2 => rows
            .iter()
            .take_while(|r| usual == 2 && r.cells.len() == 1)
            .count(),
        usual => rows
            .iter()
            .take_while(|r| r.cells.len() * 2 < usual + 1)
            .count(),
    };
    let mut before = if titles < rows.len() { titles } else { 0 };
    // A first line of groups over several columns is short as well, and is text alone;
    // but only where it stands right above the line of names, over the table.
    let mut top = &rows[before];
    let mut grouped = false;
    if before > 0 {
        let above = &rows[before - 1];
        if above.cells.len() >= 2 && above.number + 1 == top.number && words(above) && words(top) {
            before -= 1;
            top = &rows[before];
            grouped = true;
        }
    }
    let below = &rows[before + 1..];
    if !words(top) {
        return if years(top) && !below.is_empty() && numbers_below(top, below) {
            Found {
                before,
                rows: 1,
                why: Some("the first row has words, and years that count up"),
            }
        } else {
            Found {
                before,
                rows: 0,
                why: Some(
                    "the first row holds numbers, dates or other values as the rows below it do",
                ),
            }
        };
    }
    if below.is_empty() {
        return Found {
            before,
            rows: 1,
            why: Some("it is the only row, and text"),
        };
    }
    let next = &below[0];
    let rest = &below[1..];
    let two = grouped
        || (top.cells.len() < next.cells.len()
            && next.number == top.number + 1
            && words(next)
            && rest.iter().any(|r| !words(r))
            && covers(top, next));
    if two && !rest.is_empty() && words(next) {
        return Found {
            before,
            rows: 2,
            why: Some("the first of these rows groups the names in the second"),
        };
    }
    if below
        .iter()
        .any(|r| r.cells.iter().any(|c| c.kind != SeenKind::Text))
    {
        return Found {
            before,
            rows: 1,
            why: Some("it is text, and the rows below it hold other values too"),
        };
    }
    let mut names: Vec<&str> = top.cells.iter().map(|c| c.text.as_str()).collect();
    names.sort_unstable();
    let distinct = names.windows(2).all(|w| w[0] != w[1]);
    let repeated = below
        .iter()
        .any(|r| r.cells.iter().any(|c| top.cells.contains(c)));
    if distinct && !repeated {
        Found {
            before,
            rows: 1,
            why: Some(
                "all cells are text, and its texts are different from each other and from those below",
            ),
        }
    } else {
        none("all cells are text, and those of the first row stand in the rows below it as well")
    }
}

fn words(row: &SeenRow) -> bool {
    !row.cells.is_empty() && row.cells.iter().all(|c| c.kind == SeenKind::Text)
}

/// `Country | 2019 | 2020 | 2021`
fn years(row: &SeenRow) -> bool {
    let mut last = None;
    let (mut texts, mut count) = (0, 0);
    for cell in &row.cells {
        match cell.kind {
            SeenKind::Text => texts += 1,
            SeenKind::Year(year) => {
                if last.is_some_and(|l| year != l + 1 && year != l - 1) {
                    return false;
                }
                last = Some(year);
                count += 1;
            }
            SeenKind::Other => return false,
        }
    }
    texts >= 1 && count >= 2
}

/// Under each year something that is no year in sequence: values, not names.
fn numbers_below(top: &SeenRow, below: &[SeenRow]) -> bool {
    !below
        .iter()
        .any(|r| years(r) && r.cells.len() == top.cells.len() && r.cells == top.cells)
}

/// The upper row's cells all stand over cells of the lower, but for the row's own labels.
fn covers(top: &SeenRow, next: &SeenRow) -> bool {
    let first = next.cells.first().map_or(0, |c| c.column);
    let last = next.cells.last().map_or(0, |c| c.column);
    top.cells.iter().all(|c| (first..=last).contains(&c.column)) && top.cells.len() >= 2
}
