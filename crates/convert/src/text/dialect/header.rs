//! What the columns are called: the cells of the header's lines, brought to the table's
//! width, put together from the top down, and made unique.

use std::collections::HashSet;

use super::Syntax;
use super::cells::{ColumnShape, Kind, kind, trim};
use super::frame::Frame;
use super::rows::Grid;
use crate::names;
use crate::text::repair::{Field, fit_columns, fit_names};

/// Wider tables than this are not believed of a few long rows.
const WIDEST: usize = 16_384;

/// The names of a table's columns.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Names {
    /// Unique without regard to case, none empty, without NUL.
    pub names: Vec<String>,
    /// What the header said, where that differs.
    pub said: Vec<(usize, String)>,
    /// The header had one name less than there are columns, and the first is the one
    /// without: names of rows.
    pub shifted: bool,
}

/// How many columns the table has: as many as its widest plausible row.
pub(crate) fn width(grid: &Grid<'_>, frame: &Frame) -> usize {
    let rows = &grid.rows;
    let body: Vec<_> = frame
        .body
        .clone()
        .map(|r| rows[r])
        .filter(|r| !r.is_blank())
        .collect();
    let usual = frame.width;
    let header = frame
        .header
        .clone()
        .map(|r| header_width(grid, r, usual))
        .max()
        .unwrap_or(0);
    if body.is_empty() {
        return header.max(if frame.header.is_empty() { usual } else { 1 });
    }
    let last = body.iter().map(|r| usize::from(r.last)).max().unwrap_or(0);
    let mut width = usual;
    if header > 0 && header < usual && last <= header {
        // A delimiter at the end of each row, and none at the header's.
        return header;
    }
    width = width.max(header);
    // Rows that are longer, and not by mishap: a twentieth of all, and more than one.
    let beyond = |width: usize| body.iter().filter(|r| usize::from(r.last) > width).count();
    let many = |n: usize| n >= 2 && n * 20 >= body.len();
    let named = header == width && !frame.header.is_empty();
    let long = beyond(width);
    if long == 1 && body.len() < 20 && goes_on(grid, frame, width) {
        return last.min(WIDEST);
    }
    if many(long) && !(named && long * 2 < body.len() && are_joints(grid, frame, width)) {
        while width < last.min(WIDEST) && beyond(width) * 100 >= body.len() {
            width += 1;
        }
    }
    width
}

/// Whether the one row longer than `width`, of few, has values in all of its columns that are
/// of them, and values behind those: a column that nothing names, not one value in two.
fn goes_on(grid: &Grid<'_>, frame: &Frame, width: usize) -> bool {
    let long = |r: &usize| usize::from(grid.rows[*r].last) > width;
    let Some(row) = frame.body.clone().find(long) else {
        return false;
    };
    if frame.shapes.len() != width || !frame.shapes.iter().all(ColumnShape::is_typed) {
        return false;
    }
    let cells = grid.cells(row);
    let of_columns = cells.iter().zip(&frame.shapes).all(|(cell, shape)| {
        let kind = kind(&cell.text);
        kind.is_typed() && shape.affinity(kind) >= 0.5
    });
    // `12,345` may be one number.
    let thousands = cells[1..].iter().any(|c| {
        let text = trim(&c.text);
        text.len() == 3 && text.iter().all(u8::is_ascii_digit)
    });
    of_columns && !thousands && cells[width..].iter().all(|c| kind(&c.text).is_typed())
}

/// Whether rows longer than `width` are rows of it once neighbours are joined: every value
/// then stands in a column that it can be of.
fn are_joints(grid: &Grid<'_>, frame: &Frame, width: usize) -> bool {
    if frame.shapes.len() != width || !frame.shapes.iter().any(ColumnShape::is_typed) {
        return false;
    }
    let syntax = Syntax {
        width,
        ..grid.syntax.clone()
    };
    let (mut fit, mut all) = (0, 0);
    for row in frame
        .body
        .clone()
        .filter(|r| usize::from(grid.rows[*r].last) > width)
        .take(50)
    {
        let mut cells = grid.cells(row);
        fit_columns(grid.record(row), &syntax, &frame.shapes, &mut cells);
        let stands = cells.iter().zip(&frame.shapes).all(|(cell, shape)| {
            let kind = kind(&cell.text);
            !shape.is_typed() || kind.is_blank() || shape.affinity(kind) >= 0.5
        });
        fit += usize::from(stands);
        all += 1;
    }
    fit * 10 >= all * 8
}

/// Columns that a line of names speaks of.
fn header_width(grid: &Grid<'_>, row: usize, usual: usize) -> usize {
    let r = grid.rows[row];
    let (fields, filled, last) = (
        usize::from(r.fields),
        usize::from(r.filled),
        usize::from(r.last),
    );
    if fields > usual && filled <= usual {
        // Delimiters too many, no names.
        return usual;
    }
    if fields < usual {
        fields
    } else {
        last.max(usual)
    }
}

/// The names that the header's lines give.
pub(crate) fn names(grid: &Grid<'_>, frame: &Frame, width: usize) -> Names {
    let mut lines: Vec<Vec<String>> = Vec::new();
    let mut shifted = false;
    for row in frame.header.clone() {
        let mut cells = grid.cells(row);
        let syntax = Syntax {
            width,
            ..grid.syntax.clone()
        };
        if cells.len() + 1 == width && frame.header.len() == 1 && names_rows(grid, frame) {
            cells.insert(0, Field::NULL);
            shifted = true;
        } else {
            fit_names(grid.record(row), &syntax, &mut cells);
        }
        cells.resize(width.max(cells.len()), Field::NULL);
        let mut line: Vec<String> = cells
            .iter()
            .map(|c| String::from_utf8_lossy(&c.text).into_owned())
            .collect();
        // What is too much stays in the last name.
        if line.len() > width && width > 0 {
            let rest = line.split_off(width - 1);
            let joint = String::from_utf8_lossy(&grid.syntax.delimiter).into_owned();
            line.push(rest.join(&joint));
        }
        lines.push(line);
    }
    let said = together(lines, width);
    let (names, said) = unique(&said, frame.header.is_empty());
    Names {
        names,
        said,
        shifted,
    }
}

/// One text for each column: the lines' cells with a space between; a group's name stands
/// for all of its columns, and what two lines say alike is said once.
fn together(mut lines: Vec<Vec<String>>, width: usize) -> Vec<String> {
    match lines.len() {
        0 => return vec![String::new(); width],
        1 => return lines.remove(0),
        _ => {}
    }
    let last = lines.len() - 1;
    for i in 0..last {
        let below: Vec<bool> = (0..width)
            .map(|c| lines[i + 1..].iter().any(|l| !l[c].trim().is_empty()))
            .collect();
        let line = &mut lines[i];
        let gaps = line.iter().filter(|c| c.trim().is_empty()).count();
        // Where the groups before it are all as wide, the last one is no wider.
        let starts: Vec<usize> = (0..width).filter(|c| !line[*c].trim().is_empty()).collect();
        let even = match starts.as_slice() {
            [first, second, rest @ ..] => {
                let span = second - first;
                let mut before = *second;
                let same = rest.iter().all(|s| {
                    let step = s - before;
                    before = *s;
                    step == span
                });
                same.then_some(span)
            }
            _ => None,
        };
        let mut group: Option<(String, usize)> = None;
        for (column, cell) in line.iter_mut().enumerate() {
            if !cell.trim().is_empty() {
                group = Some((cell.clone(), column));
            } else if let Some((name, from)) = &group
                && gaps > 0
                && below[column]
                && even.is_none_or(|span| column - from < span)
            {
                *cell = name.clone();
            }
        }
    }
    (0..width)
        .map(|column| {
            let mut parts: Vec<&str> = lines
                .iter()
                .map(|l| l[column].trim())
                .filter(|p| !p.is_empty())
                .collect();
            parts.dedup();
            parts.join(" ")
        })
        .collect()
}

/// Whether the first column holds the names of rows, which no header names: they differ from
/// row to row, and the last column's values do not, or they count.
fn names_rows(grid: &Grid<'_>, frame: &Frame) -> bool {
    let rows: Vec<usize> = frame
        .body
        .clone()
        .filter(|r| usize::from(grid.rows[*r].fields) == frame.width && !grid.rows[*r].is_blank())
        .take(200)
        .collect();
    if rows.len() < 2 {
        return false;
    }
    let distinct = |column: usize| {
        let mut seen = HashSet::new();
        rows.iter().all(|r| {
            grid.cells(*r)
                .get(column)
                .is_some_and(|c| !c.text.is_empty() && seen.insert(c.text.to_vec()))
        })
    };
    let counts = rows.windows(2).all(|w| {
        let number = |r: usize| -> Option<i64> {
            std::str::from_utf8(trim(&grid.cells(r).first()?.text.clone()))
                .ok()?
                .parse()
                .ok()
        };
        matches!((number(w[0]), number(w[1])), (Some(a), Some(b)) if b == a + 1)
    });
    let last: &ColumnShape = match frame.shapes.last() {
        Some(shape) => shape,
        None => return false,
    };
    let empty_last = last.count(Kind::Empty) * 2 > last.total();
    counts
        || (!empty_last
            && distinct(0)
            && (frame.shapes[0].count(Kind::Prose)
                + frame.shapes[0].count(Kind::Word)
                + frame.shapes[0].count(Kind::Code)
                > 0)
            && last.is_typed())
}

/// Makes names unique without regard to case, and none empty. Gives them, and what was said
/// where that differs; made-up names for columns that nothing names differ from nothing.
pub(crate) fn unique(said: &[String], unnamed: bool) -> (Vec<String>, Vec<(usize, String)>) {
    let given: Vec<String> = said
        .iter()
        .map(|name| match name.trim().is_empty() {
            true => String::new(),
            false => name.clone(),
        })
        .collect();
    let (names, renamed) = names::unique(&given);
    let renamed = renamed.into_iter().filter(|_| !unnamed);
    (names, renamed.map(|(i, _)| (i, said[i].clone())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(lines: &[&[&str]]) -> Vec<String> {
        let width = lines[0].len();
        together(
            lines
                .iter()
                .map(|l| l.iter().map(|s| (*s).to_owned()).collect())
                .collect(),
            width,
        )
    }

    #[test]
    fn groups_name_all_of_their_columns() {
        let two: &[&[&str]] = &[&["", "2019", "", "2020", ""], &["Area", "M", "F", "M", "F"]];
        assert_eq!(lines(two), ["Area", "2019 M", "2019 F", "2020 M", "2020 F"]);
        let units: &[&[&str]] = &[&["Site", "Depth", "Note"], &["", "(m)", ""]];
        assert_eq!(lines(units), ["Site", "Depth (m)", "Note"]);
    }

    #[test]
    fn names_become_unique_and_say_so() {
        let said: Vec<String> = ["a", "A", "", "a_2", "a", "x"].map(str::to_owned).into();
        let (names, renamed) = unique(&said, false);
        assert_eq!(names, ["a", "A_3", "column3", "a_2", "a_4", "x"]);
        assert_eq!(renamed.len(), 3);
        let (names, renamed) = unique(&vec![String::new(); 2], true);
        assert_eq!(names, ["column1", "column2"]);
        assert!(renamed.is_empty());
    }
}
