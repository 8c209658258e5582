//! Records into batches, once the types are settled. Owns which key goes into which
//! column, and that a record which is a reject leaves nothing behind.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::{FieldRef, Schema, SchemaRef};

use super::column::{Column, find};
use super::input::Input;
use super::records::{Record, Visit, each, not_a, twice};
use super::scan::fatal;
use super::split::Chunk;
use super::token::{Cursor, Fault, FaultKind, Parsed, Text, fault};
use crate::error::{ConvertError, Result};
use crate::table::{BATCH_BYTES, BATCH_ROWS};
use crate::types::arrow_error;

/// Which values of a record are taken, and as what.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub record: Record,
    /// The key of each column of the table, as it stands in the file.
    keys: Vec<String>,
    by_key: HashMap<Vec<u8>, usize>,
    fields: Vec<FieldRef>,
    /// For each column of the table, its place in the batch; none if it is not wanted.
    places: Vec<Option<usize>>,
    /// What is handed out.
    pub schema: SchemaRef,
    /// Types and keys are open: whatever comes is text.
    loose: bool,
}

impl Plan {
    pub(crate) fn new(record: Record, keys: Vec<String>, schema: &SchemaRef, loose: bool) -> Self {
        let places = (0..keys.len()).map(Some).collect();
        let by_key = keys
            .iter()
            .enumerate()
            .map(|(i, k)| (k.clone().into_bytes(), i))
            .collect();
        Plan {
            record,
            keys,
            by_key,
            fields: schema.fields().iter().cloned().collect(),
            places,
            schema: Arc::clone(schema),
            loose,
        }
    }

    /// The same for some of the columns, in this order.
    pub(crate) fn only(&self, columns: &[usize]) -> Self {
        let mut plan = self.clone();
        plan.places = vec![None; self.keys.len()];
        let mut fields = Vec::new();
        for (place, column) in columns.iter().enumerate() {
            plan.places[*column] = Some(place);
            fields.push(Arc::clone(&self.fields[*column]));
        }
        plan.schema = Arc::new(Schema::new(fields));
        plan
    }

    fn columns(&self, rows: usize) -> Result<Vec<Column>> {
        let fields = self.schema.fields().iter();
        fields
            .map(|f| match self.loose {
                true => Column::loose(f.name(), rows),
                false => Column::new(f, rows),
            })
            .collect()
    }
}

/// The rows of a chunk.
pub(crate) struct Decoded {
    pub batches: Vec<RecordBatch>,
    /// Bytes of text that they came from.
    pub bytes: usize,
}

pub(crate) fn decode(input: &Input, plan: &Plan, chunk: &Chunk) -> Result<Decoded> {
    // Room for as many rows as short records would be; grows where it must. A value takes six
    // bytes and more with its key.
    let width = plan.schema.fields().len().max(1);
    let room = (chunk.bytes.len() / (6 * width).max(256)).min(BATCH_ROWS);
    let mut decoder = Decoder {
        plan,
        columns: plan.columns(room)?,
        rows: 0,
        look: (LOOK / width).clamp(1, 1_024),
        record: 0,
        seen: vec![0; plan.keys.len()],
        batches: Vec::new(),
        failed: None,
    };
    let outcome = each(chunk, plan.record, false, &mut decoder);
    if let Some(error) = decoder.failed {
        return Err(error);
    }
    outcome.map_err(|fault| fatal(input, chunk, *fault))?;
    decoder.flush(Vec::new())?;
    Ok(Decoded {
        batches: decoder.batches,
        bytes: chunk.bytes.len(),
    })
}

/// Values between two looks at how many bytes there are.
const LOOK: usize = 65_536;

struct Decoder<'a> {
    plan: &'a Plan,
    columns: Vec<Column>,
    /// In the columns, whole.
    rows: usize,
    /// After so many rows their bytes are counted.
    look: usize,
    /// A number for each record, so that a key seen twice in one shows.
    record: u64,
    seen: Vec<u64>,
    batches: Vec<RecordBatch>,
    failed: Option<ConvertError>,
}

impl Decoder<'_> {
    /// Makes a batch of what is in the columns, and goes on with these.
    fn flush(&mut self, next: Vec<Column>) -> Result<()> {
        if self.rows == 0 {
            return Ok(());
        }
        let columns = std::mem::replace(&mut self.columns, next);
        let arrays = columns
            .into_iter()
            .map(Column::finish)
            .collect::<Result<Vec<_>>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows));
        let schema = Arc::clone(&self.plan.schema);
        let batch = RecordBatch::try_new_with_options(schema, arrays, &options);
        self.batches.push(batch.map_err(arrow_error)?);
        self.rows = 0;
        Ok(())
    }

    #[inline]
    fn find(&self, key: Text<'_>, next: &mut usize) -> Option<usize> {
        if let Some(expected) = self.plan.keys.get(*next)
            && !key.escaped
            && expected.as_bytes() == key.raw
        {
            *next += 1;
            return Some(*next - 1);
        }
        let index = find(&self.plan.by_key, key)?;
        *next = index + 1;
        Some(index)
    }

    fn object(&mut self, cursor: &mut Cursor<'_>) -> Parsed<()> {
        self.record += 1;
        let mut next = 0;
        let mut found = 0;
        let mut unknown = None;
        cursor.at += 1;
        if !cursor.take(b'}') {
            loop {
                cursor.space();
                let at = cursor.at;
                let key = cursor.key()?;
                match self.find(key, &mut next) {
                    Some(index) => {
                        if self.seen[index] == self.record {
                            return twice(at, key.raw);
                        }
                        self.seen[index] = self.record;
                        found += 1;
                        match self.plan.places[index] {
                            Some(place) => self.columns[place].push(cursor)?,
                            None => {
                                cursor.skip()?;
                            }
                        }
                    }
                    None => {
                        unknown = unknown.or(Some(at));
                        cursor.skip()?;
                    }
                }
                if cursor.take(b',') {
                    continue;
                }
                if cursor.take(b'}') {
                    break;
                }
                return cursor.unexpected("a comma or }");
            }
        }
        if found < self.plan.keys.len() {
            self.pad();
        }
        match unknown {
            Some(at) if !self.plan.loose => fault(
                at,
                FaultKind::Type,
                "a key that was not there when the file was profiled",
            ),
            _ => Ok(()),
        }
    }

    fn list(&mut self, cursor: &mut Cursor<'_>) -> Parsed<()> {
        let mut index = 0;
        cursor.at += 1;
        if !cursor.take(b']') {
            loop {
                cursor.space();
                match self.plan.places.get(index) {
                    Some(Some(place)) => self.columns[*place].push(cursor)?,
                    Some(None) => {
                        cursor.skip()?;
                    }
                    None if self.plan.loose => {
                        cursor.skip()?;
                    }
                    None => {
                        return fault(
                            cursor.at,
                            FaultKind::Type,
                            "an array longer than all before",
                        );
                    }
                }
                index += 1;
                if cursor.take(b']') {
                    break;
                }
                if !cursor.take(b',') {
                    return cursor.unexpected("a comma or ]");
                }
            }
        }
        self.pad();
        Ok(())
    }

    fn pad(&mut self) {
        for column in &mut self.columns {
            if column.len() == self.rows {
                column.push_null();
            }
        }
    }
}

impl Visit for Decoder<'_> {
    #[inline]
    fn record(&mut self, cursor: &mut Cursor<'_>) -> Parsed<()> {
        let begin = cursor.at;
        match (self.plan.record, cursor.peek()) {
            (Record::Object, Some(b'{')) => self.object(cursor),
            (Record::List, Some(b'[')) => self.list(cursor),
            (Record::Value, _) => match self.columns.first_mut() {
                Some(column) => column.push(cursor),
                None => cursor.skip().map(|_| ()),
            },
            (record, _) => {
                cursor.skip()?;
                not_a(begin, cursor.bytes, record)
            }
        }
    }

    #[inline]
    fn keep(&mut self) {
        self.rows += 1;
        let full = self.rows.is_multiple_of(self.look)
            && (self.rows >= BATCH_ROWS
                || self.columns.iter().map(Column::bytes).sum::<usize>() > BATCH_BYTES);
        if full && self.failed.is_none() {
            let next = self.plan.columns(self.rows);
            self.failed = next.and_then(|next| self.flush(next)).err();
        }
    }

    #[cold]
    fn reject(&mut self, _: usize, _: usize, _: Fault) {
        for column in &mut self.columns {
            column.roll_back(self.rows);
        }
    }
}
