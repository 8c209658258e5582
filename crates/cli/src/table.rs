//! Aligned columns of text: widths are settled by the first rows, so that a list of a
//! million files is written as it is read. It never cuts a cell.

use std::io::{self, Write};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    Left,
    Right,
}

/// Rows that are looked at before the first is written.
const LOOK_AHEAD: usize = 1000;

pub struct Table {
    columns: Vec<(String, Align)>,
    waiting: Vec<Vec<String>>,
    widths: Option<Vec<usize>>,
    bold: bool,
}

impl Table {
    /// `bold` headers are for terminals. Put the widest, least regular column last.
    pub fn new(columns: &[(&str, Align)], bold: bool) -> Self {
        Self {
            columns: columns
                .iter()
                .map(|(name, align)| ((*name).to_owned(), *align))
                .collect(),
            waiting: Vec::new(),
            widths: None,
            bold,
        }
    }

    /// Adds a row, which is written at once or held back until the widths are known.
    pub fn row(&mut self, cells: Vec<String>, to: &mut dyn Write) -> io::Result<()> {
        match &self.widths {
            Some(widths) => self.write(&cells, widths, to),
            None => {
                self.waiting.push(cells);
                if self.waiting.len() >= LOOK_AHEAD {
                    self.settle(to)
                } else {
                    Ok(())
                }
            }
        }
    }

    /// Writes what was held back. A table without rows writes nothing.
    pub fn end(&mut self, to: &mut dyn Write) -> io::Result<()> {
        if self.widths.is_none() && !self.waiting.is_empty() {
            self.settle(to)
        } else {
            Ok(())
        }
    }

    fn settle(&mut self, to: &mut dyn Write) -> io::Result<()> {
        let mut widths: Vec<usize> = self
            .columns
            .iter()
            .map(|(name, _)| name.chars().count())
            .collect();
        for row in &self.waiting {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let header: Vec<String> = self.columns.iter().map(|(name, _)| name.clone()).collect();
        let mut line = Vec::new();
        self.write(&header, &widths, &mut line)?;
        if self.bold {
            let text = String::from_utf8_lossy(&line);
            writeln!(to, "\u{1b}[1m{}\u{1b}[0m", text.trim_end_matches('\n'))?;
        } else {
            to.write_all(&line)?;
        }
        for row in std::mem::take(&mut self.waiting) {
            self.write(&row, &widths, to)?;
        }
        self.widths = Some(widths);
        Ok(())
    }

    fn write(&self, cells: &[String], widths: &[usize], to: &mut dyn Write) -> io::Result<()> {
        let mut line = String::new();
        for (i, ((cell, width), (_, align))) in
            cells.iter().zip(widths).zip(&self.columns).enumerate()
        {
            if i > 0 {
                line.push_str("  ");
            }
            let padding = " ".repeat(width.saturating_sub(cell.chars().count()));
            match align {
                Align::Right => {
                    line.push_str(&padding);
                    line.push_str(cell);
                }
                Align::Left => {
                    line.push_str(cell);
                    line.push_str(&padding);
                }
            }
        }
        writeln!(to, "{}", line.trim_end())
    }
}

/// Names and values, one pair a line, the values aligned.
pub fn pairs(rows: &[(&str, String)], to: &mut dyn Write) -> io::Result<()> {
    let width = rows
        .iter()
        .map(|(name, _)| name.chars().count())
        .max()
        .unwrap_or(0);
    for (name, value) in rows {
        writeln!(to, "{name:<width$}  {value}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(rows: &[[&str; 3]]) -> String {
        let mut out = Vec::new();
        let mut table = Table::new(
            &[
                ("ID", Align::Right),
                ("SIZE", Align::Right),
                ("NAME", Align::Left),
            ],
            false,
        );
        for row in rows {
            table
                .row(row.iter().map(ToString::to_string).collect(), &mut out)
                .unwrap();
        }
        table.end(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn columns_line_up_and_lines_have_no_trailing_blanks() {
        assert_eq!(
            rendered(&[["7", "1.2 kB", "a.csv"], ["1000", "3 B", "zü.csv"]]),
            "  ID    SIZE  NAME\n   7  1.2 kB  a.csv\n1000     3 B  zü.csv\n"
        );
        assert_eq!(rendered(&[]), "");
    }

    #[test]
    fn later_rows_keep_the_widths_and_are_never_cut() {
        let rows: Vec<[&str; 3]> = std::iter::repeat_n(["1", "1 B", "n"], LOOK_AHEAD)
            .chain([["123456", "1 B", "n"]])
            .collect();
        let text = rendered(&rows);
        assert_eq!(text.lines().count(), LOOK_AHEAD + 2);
        assert!(
            text.ends_with("123456   1 B  n\n"),
            "{}",
            text.lines().last().unwrap()
        );
    }
}
