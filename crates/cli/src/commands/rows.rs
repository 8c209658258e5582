//! Rows of a table on their way out: aligned text with every value exact, or JSON.

use std::io;

use redline_core::GridColumn;

use crate::out::Out;
use crate::table::{Align, Table};
use crate::words;

pub struct Rows<'a> {
    out: &'a Out,
    table: Table,
    null: String,
    count: u64,
}

impl<'a> Rows<'a> {
    pub fn new(out: &'a Out, columns: &[GridColumn]) -> io::Result<Self> {
        let heads: Vec<(String, Align)> = columns
            .iter()
            .map(|column| {
                let align = if column.numeric {
                    Align::Right
                } else {
                    Align::Left
                };
                (words::name(&column.name), align)
            })
            .collect();
        let heads: Vec<(&str, Align)> = heads
            .iter()
            .map(|(name, align)| (name.as_str(), *align))
            .collect();
        if out.json {
            out.raw("{\"columns\":")?;
            out.value(&columns)?;
            out.raw(",\"rows\":[")?;
        }
        Ok(Self {
            out,
            table: Table::new(&heads, out.colour()),
            null: "NULL".to_owned(),
            count: 0,
        })
    }

    pub fn add(&mut self, rows: &[Vec<Option<String>>]) -> io::Result<()> {
        for row in rows {
            if self.out.json {
                if self.count > 0 {
                    self.out.raw(",")?;
                }
                self.out.value(row)?;
            } else {
                let cells = row
                    .iter()
                    .map(|cell| match cell {
                        Some(text) => words::name(text),
                        None => self.null.clone(),
                    })
                    .collect();
                self.out.write(|to| self.table.row(cells, to))?;
            }
            self.count += 1;
        }
        Ok(())
    }

    /// `more` fields of the JSON object; `summary` for people.
    pub fn end(mut self, more: &str, summary: &str) -> io::Result<()> {
        if self.out.json {
            self.out.raw(&format!("],\"count\":{}{more}", self.count))?;
            if let Some(notice) = self.out.take_notice() {
                self.out.raw(",\"notice\":")?;
                self.out.value(&notice)?;
            }
            return self.out.raw("}\n");
        }
        self.out.write(|to| self.table.end(to))?;
        self.out.summary(self.out.dim(summary))
    }
}
