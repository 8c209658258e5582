//! Arrays as a table: streamed, each from its own place in the archive.

use std::collections::HashMap;
use std::io::{self, Read};
use std::sync::Arc;

use arrow::array::cast::AsArray;
use arrow::array::{
    Array as _, ArrayRef, BooleanArray, RecordBatch, RecordBatchOptions, StringArray,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};

use super::MASK;
use super::archive::{Archive, Stream, unreadable};
use super::array::{Array, Kind, Leaf, array, is_refusal};
use super::decode::{decode, masked};
use crate::error::{ConvertError, Result};
use crate::format::Format;
use crate::formats::pick;
use crate::names::unique;
use crate::options::Options;
use crate::profile::{Choice, ColumnProfile, TableEntry, TableProfile};
use crate::source::Source;
use crate::sql::grouped;
use crate::table::{BATCH_BYTES, BATCH_ROWS, Depth, Job, Table, TableReader};
use crate::types::{arrow_error, name};

/// Most arrays that are read at a time: each takes some memory to unpack.
const LANES: usize = 4_096;

pub(crate) struct NpzTable {
    archive: Archive,
    arrays: Vec<Array>,
    columns: Vec<Column>,
    schema: SchemaRef,
    profile: TableProfile,
    rows: u64,
}

/// A column of the table: which array, and which value of its rows.
#[derive(Debug, Clone)]
struct Column {
    array: usize,
    leaf: usize,
    /// The array that says where it is null.
    mask: Option<usize>,
}

impl NpzTable {
    pub(crate) fn open(
        source: &Source,
        options: &Options,
        depth: Depth,
        job: Job<'_>,
    ) -> Result<Self> {
        let archive = Archive::open(&source.path)?;
        let mut arrays = Vec::new();
        let mut refused = Vec::new();
        for entry in 0..archive.entries.len() {
            match array(&archive, entry) {
                Ok(array) => arrays.push(array),
                Err(error) if is_refusal(&error) => {
                    let file = &archive.entries[entry].name;
                    refused.push((file.strip_suffix(".npy").unwrap_or(file).to_owned(), error));
                }
                Err(error) => return Err(error),
            }
        }
        let masks = masks(&arrays);
        let data: Vec<usize> = (0..arrays.len())
            .filter(|i| !masks.values().any(|m| m == i))
            .collect();
        let mut profile = blank();
        let chosen = choose(&arrays, &data, refused, options, &mut profile)?;
        let mut columns = Vec::new();
        let mut said = Vec::new();
        for index in &chosen {
            let array = &arrays[*index];
            profile.warnings.extend(array.notes.iter().cloned());
            if array.stride as u64 > job.limits.memory_bytes / 8 {
                return Err(ConvertError::OutOfMemory {
                    limit: job.limits.memory_bytes,
                    detail: format!("one row of {:?} has {} bytes", array.name, array.stride),
                });
            }
            for (leaf, of) in array.leaves.iter().enumerate() {
                said.push(of.name.clone());
                columns.push(Column {
                    array: *index,
                    leaf,
                    mask: masks.get(index).copied(),
                });
            }
        }
        if columns.is_empty() {
            return Err(unreadable("no arrays".to_owned()));
        }
        let (names, renamed) = unique(&said);
        let fields: Vec<Field> = columns
            .iter()
            .zip(names)
            .map(|(c, name)| Field::new(name, arrays[c.array].leaves[c.leaf].data_type(), true))
            .collect();
        let mut table = NpzTable {
            rows: chosen.first().map_or(0, |i| arrays[*i].rows),
            archive,
            arrays,
            columns,
            schema: Arc::new(Schema::new(fields)),
            profile,
        };
        table.profile.rows = table.rows;
        let mut nulls = vec![0; table.columns.len()];
        if depth == Depth::Whole {
            nulls = table.count(job)?;
        }
        let stated = table.schema.fields().iter().zip(&nulls);
        table.profile.columns = stated
            .map(|(f, nulls)| ColumnProfile {
                nulls: *nulls,
                ..ColumnProfile::stated(f.name().clone(), name(f))
            })
            .collect();
        for (index, said) in renamed {
            table.profile.columns[index].said = Some(said);
        }
        Ok(table)
    }

    /// Goes through all of it: that it can be read to its end, how many nulls there are,
    /// and which columns of bytes are text.
    fn count(&mut self, job: Job<'_>) -> Result<Vec<u64>> {
        job.phase("scan", self.archive.size);
        let bytes = |c: &Column| self.arrays[c.array].leaves[c.leaf].kind == Kind::Bytes;
        let mut text: Vec<bool> = self.columns.iter().map(bytes).collect();
        let mut nulls = vec![0; self.columns.len()];
        let mut reader = self.read(None, 0, job)?;
        let mut told = 0;
        while let Some(batch) = reader.next_batch()? {
            for (i, column) in batch.columns().iter().enumerate() {
                nulls[i] += column.null_count() as u64;
                if text[i] {
                    let values = column.as_binary::<i32>();
                    text[i] = values
                        .iter()
                        .flatten()
                        .all(|v| std::str::from_utf8(v).is_ok());
                }
            }
            let position = reader.position();
            job.progress.advance(position - told);
            told = position;
        }
        job.progress.advance(self.archive.size - told);
        drop(reader);
        let fields = self.schema.fields().iter().zip(text);
        let fields: Vec<Field> = fields
            .map(|(field, text)| match text {
                true => field.as_ref().clone().with_data_type(DataType::Utf8),
                false => field.as_ref().clone(),
            })
            .collect();
        self.schema = Arc::new(Schema::new(fields));
        Ok(nulls)
    }
}

fn blank() -> TableProfile {
    TableProfile {
        format: Format::Npz,
        compression: None,
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

/// For each array with nulls beside it, the array that holds them.
fn masks(arrays: &[Array]) -> HashMap<usize, usize> {
    let by_name: HashMap<&str, usize> = arrays
        .iter()
        .enumerate()
        .map(|(i, a)| (a.name.as_str(), i))
        .collect();
    let mut masks = HashMap::new();
    for (index, mask) in arrays.iter().enumerate() {
        let plain = mask.leaves.len() == 1 && mask.leaves[0].kind == Kind::Bool && mask.stride == 1;
        if let (true, Some(of)) = (
            plain,
            mask.name.strip_suffix(MASK).and_then(|n| by_name.get(n)),
        ) && arrays[*of].rows == mask.rows
            && arrays[*of].leaves.len() == 1
        {
            masks.insert(*of, index);
        }
    }
    masks
}

/// The arrays that are the table: all of them where they have the same length, else one.
fn choose(
    arrays: &[Array],
    data: &[usize],
    refused: Vec<(String, ConvertError)>,
    options: &Options,
    profile: &mut TableProfile,
) -> Result<Vec<usize>> {
    let mut names: Vec<&str> = data.iter().map(|i| arrays[*i].name.as_str()).collect();
    names.extend(refused.iter().map(|(name, _)| name.as_str()));
    let same = data.iter().all(|i| arrays[*i].rows == arrays[data[0]].rows);
    let asked = pick(&names, options)?;
    if names.len() > 1 && (!same || !refused.is_empty() || asked.is_some()) {
        profile.tables = data
            .iter()
            .map(|i| TableEntry {
                name: arrays[*i].name.clone(),
                rows: Some(arrays[*i].rows),
                columns: Some(arrays[*i].leaves.len() as u64),
            })
            .collect();
        let entry = |(name, _): &(String, ConvertError)| TableEntry {
            name: name.clone(),
            rows: None,
            columns: None,
        };
        profile.tables.extend(refused.iter().map(entry));
    }
    if let Some(index) = asked {
        let Some(array) = data.get(index) else {
            return Err(match refused.into_iter().nth(index - data.len()) {
                Some((_, error)) => error,
                None => unreadable("no arrays".to_owned()),
            });
        };
        profile.table = Some(arrays[*array].name.clone());
        return Ok(vec![*array]);
    }
    if !refused.is_empty() {
        if !options.is("on_reject", "report") || data.is_empty() {
            return Err(refused
                .into_iter()
                .next()
                .map_or_else(|| unreadable("no arrays".to_owned()), |(_, error)| error));
        }
        let said = refused.iter().map(|(_, error)| error.to_string());
        profile
            .warnings
            .extend(said.map(|error| format!("Left out: {error}.")));
    }
    if same {
        return Ok(data.to_vec());
    }
    let first = data
        .iter()
        .copied()
        .find(|i| arrays[*i].rows > 0)
        .unwrap_or(data[0]);
    let array = &arrays[first];
    profile.table = Some(array.name.clone());
    profile.choices.push(Choice {
        what: "table".to_owned(),
        chosen: array.name.clone(),
        why: format!(
            "the {} arrays differ in length, so that each is a table; this is the first with rows",
            grouped(data.len() as u64)
        ),
        otherwise: Some("table=NAME".to_owned()),
        told: None,
    });
    Ok(vec![first])
}

impl Table for NpzTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn profile(&self) -> &TableProfile {
        &self.profile
    }

    fn rows(&self) -> Option<u64> {
        Some(self.rows)
    }

    fn read<'a>(
        &'a self,
        columns: Option<&[usize]>,
        first: u64,
        job: Job<'a>,
    ) -> Result<Box<dyn TableReader + 'a>> {
        let wanted: Vec<usize> = match columns {
            Some(columns) => columns.to_vec(),
            None => (0..self.columns.len()).collect(),
        };
        let first = first.min(self.rows);
        let mut lanes: Vec<Lane> = Vec::new();
        for (place, index) in wanted.iter().enumerate() {
            let column = &self.columns[*index];
            self.lane(
                &mut lanes,
                column.array,
                column.leaf,
                Target::Column(place),
                first,
            )?;
            if let Some(mask) = column.mask {
                self.lane(&mut lanes, mask, 0, Target::Mask(place), first)?;
            }
        }
        if lanes.len() > LANES {
            return Err(unreadable(format!(
                "{} arrays at a time",
                grouped(lanes.len() as u64)
            )));
        }
        let row: usize = lanes.iter().map(|l| l.stride).sum();
        let fields: Vec<_> = wanted
            .iter()
            .map(|i| Arc::clone(&self.schema.fields()[*i]))
            .collect();
        Ok(Box::new(Reader {
            table: self,
            schema: Arc::new(Schema::new(fields)),
            lanes,
            at: first,
            batch: (BATCH_BYTES / row.max(1)).clamp(1, BATCH_ROWS),
            job,
        }))
    }
}

enum Target {
    Column(usize),
    Mask(usize),
}

/// One place in the archive that is read along.
struct Lane {
    array: usize,
    /// For arrays that lie column after column: which.
    column: usize,
    stream: Stream,
    stride: usize,
    buffer: Vec<u8>,
    leaves: Vec<(Leaf, Target)>,
}

impl NpzTable {
    /// Adds a value to the lane of its array, which is made if it is new.
    fn lane(
        &self,
        lanes: &mut Vec<Lane>,
        index: usize,
        leaf: usize,
        target: Target,
        first: u64,
    ) -> Result<()> {
        let array = &self.arrays[index];
        let of = array.leaves[leaf].clone();
        let column = if array.by_column { leaf } else { 0 };
        if let Some(lane) = lanes
            .iter_mut()
            .find(|l| l.array == index && l.column == column)
        {
            lane.leaves.push((of, target));
            return Ok(());
        }
        let stride = array.stride as u64;
        let at = array.begin + column as u64 * array.rows * stride + first * stride;
        let stream = self
            .archive
            .stream(array.entry, at)
            .map_err(|e| self.broken(index, e))?;
        lanes.push(Lane {
            array: index,
            column,
            stream,
            stride: array.stride,
            buffer: Vec::new(),
            leaves: vec![(of, target)],
        });
        Ok(())
    }

    fn broken(&self, array: usize, error: io::Error) -> ConvertError {
        let damage = matches!(
            error.kind(),
            io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput
        );
        if !damage {
            return error.into();
        }
        let why = match error.kind() {
            io::ErrorKind::UnexpectedEof => "it ends early".to_owned(),
            _ => error.to_string(),
        };
        unreadable(format!("{:?}: {why}", self.arrays[array].name))
    }
}

struct Reader<'a> {
    table: &'a NpzTable,
    schema: SchemaRef,
    lanes: Vec<Lane>,
    at: u64,
    batch: usize,
    job: Job<'a>,
}

impl TableReader for Reader<'_> {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        self.job.check()?;
        let left = self.table.rows - self.at;
        let rows = left.min(self.batch as u64) as usize;
        if rows == 0 {
            return Ok(None);
        }
        let width = self.schema.fields().len();
        let mut columns: Vec<Option<ArrayRef>> = vec![None; width];
        let mut masks: Vec<Option<BooleanArray>> = vec![None; width];
        for lane in &mut self.lanes {
            lane.buffer.clear();
            lane.buffer.resize(rows * lane.stride, 0);
            let read = lane.stream.read_exact(&mut lane.buffer);
            read.map_err(|e| self.table.broken(lane.array, e))?;
            for (leaf, target) in &lane.leaves {
                let array =
                    decode(leaf, &lane.buffer, lane.stride, rows).map_err(|(row, what)| {
                        unreadable(format!(
                            "row {} of {:?}: {what}",
                            self.at + row as u64 + 1,
                            leaf.name
                        ))
                    })?;
                match target {
                    Target::Column(place) => columns[*place] = Some(array),
                    Target::Mask(place) => masks[*place] = Some(array.as_boolean().clone()),
                }
            }
        }
        let mut arrays = Vec::with_capacity(width);
        for ((array, mask), field) in columns.into_iter().zip(masks).zip(self.schema.fields()) {
            let Some(mut array) = array else {
                return Err(unreadable("no values".to_owned()));
            };
            if let Some(mask) = mask {
                array = masked(&array, &mask)?;
            }
            if *field.data_type() == DataType::Utf8 && *array.data_type() == DataType::Binary {
                let text = StringArray::try_from_binary(array.as_binary::<i32>().clone());
                array = Arc::new(text.map_err(arrow_error)?);
            }
            arrays.push(array);
        }
        self.at += rows as u64;
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&self.schema), arrays, &options);
        batch.map(Some).map_err(arrow_error)
    }

    /// By rows: the arrays are gone through side by side.
    fn position(&self) -> u64 {
        let share = u128::from(self.table.archive.size) * u128::from(self.at);
        (share / u128::from(self.table.rows.max(1))) as u64
    }
}
