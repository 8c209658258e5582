//! A sheet as a table.

use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};

use super::super::cells::Column;
use super::hint::Hint;
use super::package::Ahead;
use super::sheet::{Context, Row, Rows};
use super::survey::{self, Survey};
use super::workbook::{Sheet, Strings, Workbook};
use crate::error::{ConvertError, Result};
use crate::format::Format;
use crate::names;
use crate::options::Options;
use crate::profile::{Choice, ColumnProfile, Rejects, TableEntry, TableProfile};
use crate::sql::grouped;
use crate::table::{BATCH_BYTES, BATCH_ROWS, Depth, Job, Table, TableReader};
use crate::types;

/// Cells in a batch at most: a sheet may be 16,384 columns wide.
const BATCH_CELLS: usize = 1 << 20;

pub(super) struct SheetTable {
    workbook: Workbook,
    sheet: Sheet,
    strings: Strings,
    schema: SchemaRef,
    /// For each column of the sheet, from A on, its place in the schema.
    places: Vec<Option<usize>>,
    first_row: u32,
    last_row: u32,
    /// The last row of the sheet, a note below the table too.
    sheet_end: u32,
    whole: bool,
    profile: TableProfile,
}

impl SheetTable {
    pub(super) fn open(
        mut workbook: Workbook,
        options: &Options,
        depth: Depth,
        job: Job<'_>,
    ) -> Result<Self> {
        let strings = workbook.strings()?;
        let (index, chosen) = choose(&workbook, &strings, options)?;
        let sheet = workbook.sheets[index].clone();
        let mut tables: Vec<TableEntry> = workbook
            .sheets
            .iter()
            .map(|s| TableEntry {
                name: s.name.clone(),
                rows: None,
                columns: None,
            })
            .collect();
        let mut choices: Vec<Choice> = chosen.into_iter().collect();
        let mut warnings = Vec::new();
        let hidden: Vec<String> = workbook
            .sheets
            .iter()
            .filter(|s| s.hidden)
            .map(|s| format!("{:?}", s.name))
            .collect();
        if !hidden.is_empty() {
            warnings.push(format!("hidden in the workbook: {}", hidden.join(", ")));
        }
        let plain = !["header", "skip", "footnotes", "types"]
            .iter()
            .any(|key| options.get(key).is_some());
        let hint = if plain {
            Hint::find(&mut workbook, &sheet.part)?
        } else {
            None
        };

        let found = match hint {
            Some(hint) => Found::stated(&hint)?,
            None => {
                job.phase("scan", sheet.part.packed);
                let rows = Rows::new(workbook.package.ahead(&sheet.part)?, &sheet.name);
                let context = Context {
                    strings: &strings,
                    classes: &workbook.classes,
                    is_1904: workbook.is_1904,
                };
                let survey = survey::survey(rows, context, options, depth, job)?;
                choices.extend(survey.header.choices.iter().cloned());
                warnings.extend(survey.header.warnings.iter().cloned());
                if survey.whole {
                    say(&survey, &workbook, &mut warnings);
                    choices.extend(unresolved(&survey));
                }
                let as_text = depth == Depth::Head || options.is("types", "text");
                Found::surveyed(survey, as_text)
            }
        };
        if found.fields.is_empty() {
            return Err(ConvertError::Unreadable {
                what: format!("the sheet {:?}", sheet.name),
                seen: "no cell with anything in it".to_owned(),
            });
        }
        let rows = u64::from((found.last_row + 1).saturating_sub(found.first_row));
        if found.whole {
            tables[index].rows = Some(rows);
            tables[index].columns = Some(found.fields.len() as u64);
        }
        let profile = TableProfile {
            format: Format::Xlsx,
            compression: None,
            table: Some(sheet.name.clone()),
            tables,
            text: None,
            rows,
            columns: found.columns,
            choices,
            repairs: Vec::new(),
            rejects: Rejects::default(),
            warnings,
        };
        Ok(SheetTable {
            workbook,
            sheet,
            strings,
            schema: Arc::new(Schema::new(found.fields)),
            places: found.places,
            first_row: found.first_row,
            last_row: found.last_row,
            sheet_end: found.sheet_end,
            whole: found.whole,
            profile,
        })
    }
}

/// Where a table is in its sheet, and what its columns are.
struct Found {
    fields: Vec<Field>,
    columns: Vec<ColumnProfile>,
    places: Vec<Option<usize>>,
    first_row: u32,
    last_row: u32,
    sheet_end: u32,
    whole: bool,
}

impl Found {
    fn stated(hint: &Hint) -> Result<Self> {
        let mut found = Found {
            fields: Vec::new(),
            columns: Vec::new(),
            places: (0..hint.columns.len()).map(Some).collect(),
            first_row: 2,
            last_row: u32::try_from(hint.rows)
                .unwrap_or(u32::MAX - 1)
                .saturating_add(1)
                .min(super::MAX_ROWS),
            sheet_end: 0,
            whole: true,
        };
        found.sheet_end = found.last_row;
        for column in &hint.columns {
            let data_type = column.data_type().unwrap_or(DataType::Utf8);
            let mut field = Field::new(&column.name, data_type, column.nullable);
            if let Some(said) = &column.said {
                field = types::tagged(field, said);
            }
            let mut profile = ColumnProfile::stated(column.name.clone(), types::name(&field));
            profile.nulls = column.nulls;
            found.fields.push(field);
            found.columns.push(profile);
        }
        Ok(found)
    }

    fn surveyed(survey: Survey, as_text: bool) -> Self {
        let rows = u64::from((survey.last_row + 1).saturating_sub(survey.first_row));
        let used = |i: usize| !survey.header.names[i].is_empty() || survey.columns[i].values() > 0;
        let width = survey.columns.len();
        let first = (0..width).find(|i| used(*i)).unwrap_or(width);
        let last = (0..width).rfind(|i| used(*i)).map_or(first, |i| i + 1);
        let (names, _) = names::unique(&survey.header.names[first..last]);
        let mut found = Found {
            fields: Vec::new(),
            columns: Vec::new(),
            places: vec![None; last],
            first_row: survey.first_row,
            last_row: survey.last_row,
            sheet_end: survey.sheet_end,
            whole: survey.whole,
        };
        for (place, i) in (first..last).enumerate() {
            let evidence = &survey.columns[i];
            let wanted = &survey.header.names[i];
            let name = names[place].clone();
            let (data_type, said, why) = evidence.settle(as_text);
            let mut field = Field::new(&name, data_type, true);
            if let Some(said) = said {
                field = types::tagged(field, said);
            }
            let renamed = (survey.header.rows > 0 && *wanted != name).then(|| wanted.clone());
            found
                .columns
                .push(evidence.profile(name, renamed, types::name(&field), why, rows));
            found.fields.push(field);
            found.places[i] = Some(place);
        }
        found
    }
}

/// Programs that only write workbooks leave the results of formulas to Excel.
fn unresolved(survey: &Survey) -> Option<Choice> {
    let cells = match survey.unresolved {
        0 => return None,
        1 => "1 cell has a formula without a stored result, and is null".to_owned(),
        n => format!(
            "{} cells have formulas without a stored result, and are null",
            grouped(n)
        ),
    };
    let why = format!("{cells}: Excel stores one when it saves the workbook");
    Some(Choice {
        what: "formulas".to_owned(),
        chosen: "null".to_owned(),
        told: Some(format!("{why}.")),
        why,
        otherwise: None,
    })
}

/// What a careful person would want to read about the sheet.
fn say(survey: &Survey, workbook: &Workbook, warnings: &mut Vec<String>) {
    let count = |n: u64, one: &str, many: &str| match n {
        1 => format!("1 {one}"),
        n => format!("{} {many}", grouped(n)),
    };
    if survey.formulas > survey.unresolved {
        warnings.push(format!(
            "{}: the results that the workbook holds are read, and nothing is calculated anew",
            count(survey.formulas, "cell has a formula", "cells have formulas")
        ));
    }
    let errors = survey.columns.iter().filter(|c| c.has_errors()).count() as u64;
    if errors > 0 {
        warnings.push(format!(
            "{} error cells such as #N/A, which are kept as text",
            count(errors, "column has", "columns have")
        ));
    }
    if survey.columns.iter().any(|c| c.has_odd_days()) {
        warnings.push(
            "there are cells of the day 0 or of 1900-02-29, which only Excel has; they are kept as text".to_owned(),
        );
    }
    if survey.merged > 0 {
        warnings.push(format!(
            "{}: the value stands in the first cell, and the others are null",
            count(
                survey.merged,
                "range of cells is merged",
                "ranges of cells are merged"
            )
        ));
    }
    if survey.hidden_rows > 0 {
        warnings.push(format!(
            "{} read like the others",
            count(survey.hidden_rows, "hidden row is", "hidden rows are")
        ));
    }
    if survey.empty_rows > 0 {
        warnings.push(format!(
            "{} null in every column",
            count(
                survey.empty_rows,
                "empty row between others is",
                "empty rows between others are"
            )
        ));
    }
    if workbook.is_1904 {
        warnings.push("dates are counted from 1904, and read so".to_owned());
    }
}

/// The sheet that is asked for, or the first that holds anything.
fn choose(
    workbook: &Workbook,
    strings: &Strings,
    options: &Options,
) -> Result<(usize, Option<Choice>)> {
    let sheets = &workbook.sheets;
    let names: Vec<&str> = sheets.iter().map(|s| s.name.as_str()).collect();
    if let Some(asked) = crate::formats::pick(&names, options)? {
        return Ok((asked, None));
    }
    if sheets.len() == 1 {
        return Ok((0, None));
    }
    let context = Context {
        strings,
        classes: &workbook.classes,
        is_1904: workbook.is_1904,
    };
    let mut order: Vec<usize> = (0..sheets.len()).collect();
    order.sort_by_key(|i| sheets[*i].hidden);
    for i in order {
        let mut rows = Rows::new(workbook.package.ahead(&sheets[i].part)?, &sheets[i].name);
        let mut row = Row::default();
        // A sheet that cannot be read is not passed over: the error shows when it is.
        let holds = match rows.next(&mut row) {
            Ok(true) => row.cells.iter().any(|c| row.value(c, context).is_ok()),
            Ok(false) => false,
            Err(_) => true,
        };
        if holds {
            return Ok((
                i,
                Some(Choice {
                    what: "table".to_owned(),
                    chosen: sheets[i].name.clone(),
                    why: format!(
                        "it is the first of {} sheets that holds anything",
                        sheets.len()
                    ),
                    otherwise: Some("table=NAME".to_owned()),
                    told: None,
                }),
            ));
        }
    }
    Ok((0, None))
}

impl Table for SheetTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn profile(&self) -> &TableProfile {
        &self.profile
    }

    fn rows(&self) -> Option<u64> {
        self.whole.then_some(self.profile.rows)
    }

    fn read<'a>(
        &'a self,
        columns: Option<&[usize]>,
        first: u64,
        job: Job<'a>,
    ) -> Result<Box<dyn TableReader + 'a>> {
        let (schema, wanted) = match columns {
            None => (self.schema(), (0..self.schema.fields().len()).collect()),
            Some(columns) => {
                let schema = self
                    .schema
                    .project(columns)
                    .map_err(|e| ConvertError::Engine {
                        detail: e.to_string(),
                    })?;
                (Arc::new(schema), columns.to_vec())
            }
        };
        // One builder for each column that is wanted, however often it is.
        let mut needed = wanted.clone();
        needed.sort_unstable();
        needed.dedup();
        let builder_of = |place: usize| needed.binary_search(&place).ok();
        let order = wanted
            .iter()
            .filter_map(|place| builder_of(*place))
            .collect();
        let routes = self
            .places
            .iter()
            .map(|place| builder_of((*place)?))
            .collect();
        let width = needed.len().max(1);
        let batch_rows = (BATCH_CELLS / width).clamp(16, BATCH_ROWS);
        let builders = needed
            .iter()
            .map(|place| Column::new(self.schema.field(*place).data_type(), batch_rows.min(8192)))
            .collect();
        let first = u32::try_from(first).unwrap_or(u32::MAX);
        Ok(Box::new(SheetReader {
            rows: Rows::new(
                self.workbook.package.ahead(&self.sheet.part)?,
                &self.sheet.name,
            ),
            table: self,
            schema,
            order,
            routes,
            builders,
            batch_rows,
            next_row: self.first_row.saturating_add(first),
            row: Row::default(),
            scratch: Vec::new(),
            waiting: false,
            done: false,
            job,
        }))
    }
}

struct SheetReader<'a> {
    table: &'a SheetTable,
    rows: Rows<Ahead>,
    schema: SchemaRef,
    /// The builder behind each column of `schema`.
    order: Vec<usize>,
    /// The builder for each column of the sheet.
    routes: Vec<Option<usize>>,
    builders: Vec<Column>,
    batch_rows: usize,
    /// The row of the sheet that is to be handed on next.
    next_row: u32,
    row: Row,
    scratch: Vec<u8>,
    /// `row` is read, but not yet handed on.
    waiting: bool,
    done: bool,
    job: Job<'a>,
}

impl SheetReader<'_> {
    fn push_row(&mut self) -> Result<()> {
        let table = self.table;
        let context = Context {
            strings: &table.strings,
            classes: &table.workbook.classes,
            is_1904: table.workbook.is_1904,
        };
        let mut next = 0;
        for cell in &self.row.cells {
            let column = cell.column as usize;
            if column >= self.routes.len() {
                // A preview settles its columns by the head; more than that is not shown.
                if table.whole {
                    return Err(ConvertError::SourceChanged);
                }
                break;
            }
            for route in self.routes[next..column].iter().flatten() {
                self.builders[*route].null();
            }
            next = column + 1;
            if let Some(route) = self.routes[column] {
                let value = self.row.value(cell, context)?;
                if !self.builders[route].push(&value.cell(&mut self.scratch)) {
                    return Err(ConvertError::Malformed {
                        line: u64::from(self.row.number),
                        column: column as u64 + 1,
                        detail: "a value that is not of its column's type".to_owned(),
                    });
                }
            }
        }
        for route in self.routes[next..].iter().flatten() {
            self.builders[*route].null();
        }
        Ok(())
    }
}

impl TableReader for SheetReader<'_> {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        self.job.check()?;
        let mut count = 0;
        let mut passed = 0u32;
        // In a preview the last row is not known.
        let last = if self.table.whole {
            self.table.last_row
        } else {
            u32::MAX
        };
        while count < self.batch_rows {
            if self.next_row > last {
                break;
            }
            if !self.waiting {
                if self.done || !self.rows.next(&mut self.row)? {
                    self.done = true;
                    if !self.table.whole {
                        break;
                    }
                } else if self.row.number < self.next_row {
                    passed += 1;
                    if passed.is_multiple_of(8192) {
                        self.job.check()?;
                    }
                    continue;
                } else {
                    self.waiting = true;
                }
            }
            if self.waiting && self.row.number == self.next_row {
                self.push_row()?;
                self.waiting = false;
            } else {
                self.builders.iter_mut().for_each(Column::null);
            }
            self.next_row += 1;
            count += 1;
            if count.is_multiple_of(256)
                && self.builders.iter().map(Column::bytes).sum::<usize>() > BATCH_BYTES
            {
                break;
            }
        }
        if count == 0 {
            // Reading on to the end of the part is what shows that it is whole.
            while !self.done {
                self.done = !self.rows.next(&mut self.row)?;
                if !self.done && self.table.whole && self.row.number > self.table.sheet_end {
                    return Err(ConvertError::SourceChanged);
                }
            }
            return Ok(None);
        }
        let arrays = self
            .builders
            .iter_mut()
            .map(Column::finish)
            .collect::<Result<Vec<_>>>()?;
        let columns = self.order.iter().map(|i| Arc::clone(&arrays[*i])).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(count));
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)
            .map(Some)
            .map_err(|e| ConvertError::Engine {
                detail: e.to_string(),
            })
    }

    fn position(&self) -> u64 {
        self.rows.source().place()
    }
}
