//! A JSON file as a table: settled once, read any number of times, from any row.

use std::collections::VecDeque;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};

use super::decode::{Decoded, Plan, decode};
use super::form::{Form, form};
use super::infer::{infer, padded, profiled};
use super::input::{Input, Place};
use super::records::Record;
use super::scan::{Entry, IN_FLIGHT, Scanned, scan};
use super::split::{Chunk, Layout, Range, Splitter};
use crate::error::{ConvertError, Result};
use crate::format::Format;
use crate::names::unique;
use crate::options::Options;
use crate::parallel::Pool;
use crate::profile::{ColumnProfile, Repair, TableProfile};
use crate::sql::grouped;
use crate::table::{Depth, Job, Table, TableReader};
use crate::types::name;

/// As much is profiled for a preview.
const HEAD: u64 = 4 << 20;

pub(crate) struct JsonTable {
    input: Input,
    range: Range,
    plan: Plan,
    profile: TableProfile,
    rows: Option<u64>,
    /// Where chunks begin, for reading from the middle; empty where that is not possible.
    index: Vec<Entry>,
}

impl JsonTable {
    pub(crate) fn open(
        input: Input,
        options: &Options,
        depth: Depth,
        lines: bool,
        job: Job<'_>,
    ) -> Result<Self> {
        let form = form(&input, options, lines, job)?;
        let most = (depth == Depth::Head).then_some(HEAD);
        let scanned = scan(&input, &form.range, form.record, most, job)?;
        let loose = depth == Depth::Head;
        settle(input, form, scanned, loose)
    }

    /// With the types that are stated, without a look at the values.
    pub(crate) fn stated(input: Input, schema: &SchemaRef) -> Result<Self> {
        let mut head = Vec::new();
        let read = input.stream(0)?.fill(&mut head, 64 << 10);
        read.map_err(|e| input.broken(e))?;
        let begin = head
            .iter()
            .position(|b| !b.is_ascii_whitespace())
            .unwrap_or(0);
        let (layout, begin) = match head.get(begin) {
            Some(b'[') => (Layout::Elements, begin as u64 + 1),
            _ => (Layout::Lines, 0),
        };
        let keys = schema.fields().iter().map(|f| f.name().clone()).collect();
        let columns = schema.fields().iter();
        Ok(JsonTable {
            profile: TableProfile {
                columns: columns
                    .map(|f| ColumnProfile::stated(f.name().clone(), name(f)))
                    .collect(),
                ..blank(&input, layout)
            },
            input,
            range: Range {
                layout,
                begin,
                end: None,
            },
            plan: Plan::new(Record::Object, keys, schema, false),
            rows: None,
            index: Vec::new(),
        })
    }
}

fn blank(input: &Input, layout: Layout) -> TableProfile {
    TableProfile {
        format: match layout {
            Layout::Lines => Format::Ndjson,
            _ => Format::Json,
        },
        compression: input.packed.map(str::to_owned),
        table: None,
        tables: Vec::new(),
        text: None,
        rows: 0,
        columns: Vec::new(),
        choices: Vec::new(),
        repairs: Vec::new(),
        rejects: Default::default(),
        warnings: Vec::new(),
    }
}

fn settle(input: Input, form: Form, scanned: Scanned, loose: bool) -> Result<JsonTable> {
    let mut profile = TableProfile {
        rows: scanned.rows,
        rejects: scanned.rejects.clone(),
        table: form.table,
        tables: form.tables,
        choices: form.choices,
        warnings: form.warnings,
        ..blank(&input, form.range.layout)
    };
    if input.encoding != encoding_rs::UTF_8 {
        profile
            .warnings
            .push(format!("The text is {}.", input.encoding.name()));
    }
    if scanned.keys.nodes.is_empty() {
        return Err(no_columns(profile));
    }
    let said: Vec<String> = scanned
        .keys
        .nodes
        .iter()
        .enumerate()
        .map(|(i, (key, _))| match (form.record, &form.header) {
            (Record::Value, _) => "value".to_owned(),
            (_, Some(header)) => header.get(i).unwrap_or(key).clone(),
            _ => key.clone(),
        })
        .collect();
    let (names, renamed) = unique(&said);
    let mut fields = Vec::new();
    let mut keys = Vec::new();
    for ((key, node), name) in scanned.keys.nodes.iter().zip(names) {
        let inferred = infer(&name, node);
        let column = profiled(&inferred, node, scanned.rows);
        let missing = scanned.rows.saturating_sub(node.values() + node.nulls);
        if missing > 0 && node.nulls > 0 && form.record == Record::Object {
            profile.warnings.push(format!(
                "{name:?} is null in {} records and not there in {}: both are null here.",
                grouped(node.nulls),
                grouped(missing)
            ));
        }
        let (spelled, example) = padded(node, &inferred.field);
        if spelled > 0 {
            profile.warnings.push(format!(
                "{name:?} has {} numbers with zeros at the end, such as {}: the same numbers are held without them.",
                grouped(spelled),
                example.unwrap_or_default()
            ));
        }
        profile.columns.push(column);
        fields.push(match loose {
            true => Field::new(name, DataType::Utf8, true),
            false => inferred.field,
        });
        keys.push(key.clone());
    }
    for (index, said) in renamed {
        profile.columns[index].said = Some(said);
    }
    repairs(&input, &scanned, &mut profile)?;
    if scanned.blank_lines > 0 {
        profile.warnings.push(format!(
            "{} empty lines are passed over.",
            grouped(scanned.blank_lines)
        ));
    }
    let schema: SchemaRef = Arc::new(Schema::new(fields));
    Ok(JsonTable {
        plan: Plan::new(form.record, keys, &schema, loose),
        rows: (!loose).then_some(scanned.rows),
        index: if input.seeks() {
            scanned.index
        } else {
            Vec::new()
        },
        range: form.range,
        profile,
        input,
    })
}

/// Rejects that leave nothing are the reason; otherwise there is none to give but this.
fn no_columns(profile: TableProfile) -> ConvertError {
    if profile.rejects.count > 0 {
        return ConvertError::Rejected {
            rejects: Box::new(profile.rejects),
        };
    }
    ConvertError::Unreadable {
        what: "a table".to_owned(),
        seen: format!("{} records without a key", grouped(profile.rows)),
    }
}

fn repairs(input: &Input, scanned: &Scanned, profile: &mut TableProfile) -> Result<()> {
    for (kind, detail, (places, count)) in [
        (
            "control character",
            "a control character stands in a string as it is, which JSON forbids; it is kept",
            &scanned.controls,
        ),
        (
            "not a number",
            "NaN and Infinity are not JSON; each is taken as the value that it names",
            &scanned.words,
        ),
    ] {
        if *count == 0 {
            continue;
        }
        // Each place is looked up by reading up to it: a few are enough.
        let lines: Result<Vec<u64>> = places
            .iter()
            .take(5)
            .map(|at| Ok(input.place(*at)?.line))
            .collect();
        profile.repairs.push(Repair {
            kind: kind.to_owned(),
            detail: detail.to_owned(),
            count: *count,
            lines: lines?,
        });
    }
    Ok(())
}

impl Table for JsonTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.plan.schema)
    }

    fn profile(&self) -> &TableProfile {
        &self.profile
    }

    fn rows(&self) -> Option<u64> {
        self.rows
    }

    fn read<'a>(
        &'a self,
        columns: Option<&[usize]>,
        first: u64,
        job: Job<'a>,
    ) -> Result<Box<dyn TableReader + 'a>> {
        let plan = Arc::new(match columns {
            Some(columns) => self.plan.only(columns),
            None => self.plan.clone(),
        });
        let after = self.index.partition_point(|e| e.first_row <= first);
        let entry = after.checked_sub(1).map(|i| self.index[i]);
        let mut range = self.range.clone();
        let mut place = Place::START;
        if let Some(entry) = &entry {
            (range.begin, place) = (entry.at, entry.place);
        } else if range.begin > 0 {
            place = self.input.place(range.begin)?;
        }
        let mut splitter = Splitter::new(&self.input, &range, place, job.limits.memory_bytes)?;
        if let Some(entry) = &entry {
            splitter.resume(entry.number, entry.after_comma);
        }
        let threads = job.limits.threads.clamp(1, 16);
        let (input, shared) = (self.input.clone(), Arc::clone(&plan));
        let pool = Pool::new("json-read", threads, threads * 2, move |chunk: Chunk| {
            decode(&input, &shared, &chunk)
        })?;
        Ok(Box::new(Reader {
            table: self,
            schema: Arc::clone(&plan.schema),
            splitter,
            pool,
            in_flight: 0,
            skip: first - entry.map_or(0, |e| e.first_row),
            ready: VecDeque::new(),
            ended: false,
            position: 0,
            job,
        }))
    }
}

struct Reader<'a> {
    table: &'a JsonTable,
    schema: SchemaRef,
    splitter: Splitter,
    pool: Pool<Chunk, Decoded>,
    in_flight: usize,
    /// Rows before the first that is wanted.
    skip: u64,
    ready: VecDeque<RecordBatch>,
    ended: bool,
    position: u64,
    job: Job<'a>,
}

impl Reader<'_> {
    fn feed(&mut self) -> Result<()> {
        while !self.ended && !self.pool.is_full() && self.in_flight < IN_FLIGHT {
            match self.splitter.next(&self.table.input)? {
                Some(chunk) => {
                    self.in_flight += chunk.bytes.len();
                    self.pool.submit(chunk);
                }
                None => self.ended = true,
            }
        }
        Ok(())
    }
}

impl TableReader for Reader<'_> {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            self.job.check()?;
            if let Some(batch) = self.ready.pop_front() {
                let rows = batch.num_rows() as u64;
                if self.skip >= rows {
                    self.skip -= rows;
                    continue;
                }
                debug_assert_eq!(batch.schema(), self.schema);
                let from = std::mem::take(&mut self.skip) as usize;
                return Ok(Some(batch.slice(from, batch.num_rows() - from)));
            }
            self.feed()?;
            let Some(decoded) = self.pool.next() else {
                if let Some(broken) = self.splitter.broken() {
                    return Err(self.table.input.malformed(broken.at, broken.detail));
                }
                self.position = self.table.input.size;
                return Ok(None);
            };
            let decoded = decoded?;
            self.in_flight -= decoded.bytes;
            self.ready.extend(decoded.batches);
            self.position = self
                .position
                .max(self.splitter.passed().min(self.table.input.size));
        }
    }

    fn position(&self) -> u64 {
        self.position
    }
}
