//! Opening a Parquet file: what it is made of, and which type each column is handed on as.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::basic::{ConvertedType, LogicalType, Type as Physical};
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData};
use parquet::file::reader::Length;
use parquet::schema::types::{SchemaDescriptor, Type, TypePtr};

use super::file::Positioned;
use super::int96;
use super::read::Reading;
use super::{parquet_error, unreadable};
use crate::error::Result;
use crate::format::Format;
use crate::names;
use crate::options::Options;
use crate::profile::{ColumnProfile, Rejects, TableProfile};
use crate::source::Source;
use crate::table::{BATCH_BYTES, BATCH_ROWS, Depth, Job, Table, TableReader};
use crate::types;

/// Rows in a batch for someone who looks at a window: few, so that it is there at once.
const WINDOW_ROWS: usize = 2_048;

pub(super) struct ParquetTable {
    pub file: Positioned,
    pub meta: ArrowReaderMetadata,
    /// The columns as the library gives them, with what the file says of them beside.
    pub fields: Fields,
    /// As they are handed on.
    pub schema: SchemaRef,
    profile: TableProfile,
    depth: Depth,
}

pub(crate) fn open(
    source: &Source,
    _options: &Options,
    depth: Depth,
    job: Job<'_>,
) -> Result<Box<dyn Table>> {
    let file = looked_at(&source.path)?;
    let meta = guarded(|| load(&file, None))?;
    // As the schema is written; the one in use may have its intervals taken out.
    let original = leaves_of(meta.parquet_schema());
    let meta = match without_intervals(meta.parquet_schema()) {
        Some(schema) => guarded(|| load(&file, Some(Arc::clone(&schema))))?,
        None => meta,
    };
    guarded(|| sound(meta.metadata(), file.len()))?;
    let meta = with_units(meta, &file, &original, depth, job)?;

    let mut leaves = original.iter();
    let fields: Fields = meta
        .schema()
        .fields()
        .iter()
        .map(|field| annotated(field, &mut leaves))
        .collect::<Vec<Field>>()
        .into();
    if fields.is_empty() {
        return Err(unreadable("a file without columns"));
    }
    let said: Vec<String> = fields.iter().map(|f| f.name().clone()).collect();
    let (unique, renamed) = names::unique(&said);
    let plain = fields
        .iter()
        .zip(&unique)
        .map(|(field, name)| Ok(types::plain(field)?.with_name(name).with_nullable(true)))
        .collect::<Result<Vec<Field>>>()?;
    let schema = Arc::new(Schema::new(plain));
    let profile = profile(meta.metadata(), &schema, &renamed);
    Ok(Box::new(ParquetTable {
        file,
        meta,
        fields,
        schema,
        profile,
        depth,
    }))
}

/// The first and the last bytes say what it is, and whether it is whole.
fn looked_at(path: &Path) -> Result<Positioned> {
    let file = Positioned::open(path)?;
    let length = file.len();
    if length < 12 {
        return Err(unreadable(format!(
            "{length} bytes, which is too short for one"
        )));
    }
    let (head, tail) = (file.bytes(0, 4)?, file.bytes(length - 4, 4)?);
    match (head.as_slice(), tail.as_slice()) {
        (b"PARE", _) | (_, b"PARE") => Err(unreadable("an encrypted file; its key is needed")),
        (b"PAR1", b"PAR1") => Ok(file),
        (b"PAR1", _) => Err(unreadable(
            "its end is missing; it was cut off while it was written",
        )),
        _ => Err(unreadable("a file of another kind")),
    }
}

fn load(file: &Positioned, schema: Option<Arc<SchemaDescriptor>>) -> Result<ArrowReaderMetadata> {
    let options = |hints: bool| {
        let mut options = ArrowReaderOptions::new()
            .with_skip_arrow_metadata(!hints)
            .with_column_index_policy(PageIndexPolicy::Skip)
            .with_offset_index_policy(PageIndexPolicy::Optional);
        if let Some(schema) = &schema {
            options = options.with_parquet_schema(Arc::clone(schema));
        }
        options
    };
    // What the writer noted of its own types can be damaged where the file is not.
    ArrowReaderMetadata::load(file, options(true))
        .or_else(|_| ArrowReaderMetadata::load(file, options(false)))
        .map_err(parquet_error)
}

/// Malformed files can make the library panic; that is a fact about the file.
pub(super) fn guarded<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        Err(unreadable(
            "it is damaged in a way that cannot be read past",
        ))
    })
}

/// The file's own numbers must fit each other before anything is built on them.
fn sound(meta: &ParquetMetaData, length: u64) -> Result<()> {
    let mut rows = 0i64;
    for group in meta.row_groups() {
        if group.num_rows() < 0 {
            return Err(unreadable("a row group with fewer than no rows"));
        }
        rows = rows.saturating_add(group.num_rows());
        for column in group.columns() {
            let (start, size) = column.byte_range();
            if start.checked_add(size).is_none_or(|end| end > length) {
                return Err(unreadable("a column that goes on past the file's end"));
            }
        }
    }
    if rows != meta.file_metadata().num_rows() {
        return Err(unreadable(
            "a count of rows that is not the sum of its parts",
        ));
    }
    Ok(())
}

/// What a leaf column is, in the file's own words.
pub(super) struct Leaf {
    pub physical: Physical,
    word: Option<&'static str>,
}

fn leaves_of(schema: &SchemaDescriptor) -> Vec<Leaf> {
    let word = |of: &parquet::schema::types::ColumnDescriptor| match of.logical_type_ref() {
        Some(LogicalType::Uuid) => Some("UUID"),
        Some(LogicalType::Json) => Some("JSON"),
        Some(LogicalType::Enum) => Some("ENUM"),
        _ => match of.converted_type() {
            ConvertedType::INTERVAL => Some("INTERVAL"),
            ConvertedType::JSON => Some("JSON"),
            ConvertedType::ENUM => Some("ENUM"),
            _ => None,
        },
    };
    let leaves = schema.columns().iter();
    leaves
        .map(|c| Leaf {
            physical: c.physical_type(),
            word: word(c),
        })
        .collect()
}

/// The library reads an interval as days and milliseconds, and drops the months. As plain
/// bytes it keeps all of it. None where there are no intervals.
fn without_intervals(schema: &SchemaDescriptor) -> Option<Arc<SchemaDescriptor>> {
    let any = schema
        .columns()
        .iter()
        .any(|c| c.converted_type() == ConvertedType::INTERVAL);
    if !any {
        return None;
    }
    let root = stripped(&schema.root_schema_ptr())?;
    Some(Arc::new(SchemaDescriptor::new(root)))
}

fn stripped(of: &TypePtr) -> Option<TypePtr> {
    match of.as_ref() {
        Type::PrimitiveType {
            basic_info,
            type_length,
            ..
        } if basic_info.converted_type() == ConvertedType::INTERVAL => {
            let built = Type::primitive_type_builder(of.name(), Physical::FIXED_LEN_BYTE_ARRAY)
                .with_repetition(basic_info.repetition())
                .with_length(*type_length)
                .build();
            built.ok().map(Arc::new)
        }
        Type::PrimitiveType { .. } => Some(Arc::clone(of)),
        Type::GroupType { basic_info, fields } => {
            let fields = fields.iter().map(stripped).collect::<Option<Vec<_>>>()?;
            let mut built = Type::group_type_builder(of.name())
                .with_fields(fields)
                .with_logical_type(basic_info.logical_type_ref().cloned())
                .with_converted_type(basic_info.converted_type());
            if basic_info.has_repetition() {
                built = built.with_repetition(basic_info.repetition());
            }
            built.build().ok().map(Arc::new)
        }
    }
}

/// Has the 96-bit times read in units that hold them.
fn with_units(
    meta: ArrowReaderMetadata,
    file: &Positioned,
    leaves: &[Leaf],
    depth: Depth,
    job: Job<'_>,
) -> Result<ArrowReaderMetadata> {
    let physical: Vec<Physical> = leaves.iter().map(|leaf| leaf.physical).collect();
    let units = guarded(|| int96::units(file, &physical, depth == Depth::Whole, job))?;
    if units.is_empty() {
        return Ok(meta);
    }
    let mut leaf = 0;
    let fields: Vec<Field> = meta
        .schema()
        .fields()
        .iter()
        .map(|f| in_unit(f, &mut leaf, &units))
        .collect();
    let schema = Arc::new(Schema::new_with_metadata(
        fields,
        meta.schema().metadata().clone(),
    ));
    let options = ArrowReaderOptions::new().with_schema(schema);
    ArrowReaderMetadata::try_new(Arc::clone(meta.metadata()), options).map_err(parquet_error)
}

fn in_unit(field: &Field, leaf: &mut usize, units: &[(usize, TimeUnit)]) -> Field {
    each_leaf(field, &mut |of: &Field| {
        let at = *leaf;
        *leaf += 1;
        match units.iter().find(|(leaf, _)| *leaf == at) {
            Some((_, unit)) => of.clone().with_data_type(DataType::Timestamp(*unit, None)),
            None => of.clone(),
        }
    })
}

fn annotated<'a>(field: &Field, leaves: &mut impl Iterator<Item = &'a Leaf>) -> Field {
    each_leaf(field, &mut |of: &Field| {
        match leaves.next().and_then(|leaf| leaf.word) {
            // What we noted ourselves says more: `ENUM('a', 'b')`.
            Some(word) if types::tag(of).is_none() => types::tagged(of.clone(), word),
            _ => of.clone(),
        }
    })
}

/// The field with each of its leaves mapped, in the order in which a file has them.
fn each_leaf(field: &Field, leaf: &mut dyn FnMut(&Field) -> Field) -> Field {
    let mut inner = |f: &Arc<Field>| Arc::new(each_leaf(f, leaf));
    let data_type = match field.data_type() {
        DataType::List(item) => DataType::List(inner(item)),
        DataType::LargeList(item) => DataType::LargeList(inner(item)),
        DataType::ListView(item) => DataType::ListView(inner(item)),
        DataType::LargeListView(item) => DataType::LargeListView(inner(item)),
        DataType::FixedSizeList(item, size) => DataType::FixedSizeList(inner(item), *size),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(inner).collect()),
        DataType::Map(entries, sorted) => DataType::Map(inner(entries), *sorted),
        _ => return leaf(field),
    };
    field.clone().with_data_type(data_type)
}

/// What the footer says, without reading a value.
fn profile(
    meta: &ParquetMetaData,
    schema: &SchemaRef,
    renamed: &[(usize, String)],
) -> TableProfile {
    let descriptor = meta.file_metadata().schema_descr();
    // Of a nested column the leaves' nulls are not its own; such a column is not asked for.
    let leaf_of: HashMap<usize, usize> = (0..descriptor.num_columns())
        .map(|leaf| (descriptor.get_column_root_idx(leaf), leaf))
        .collect();
    let nulls = |column: usize| -> u64 {
        let Some(leaf) = leaf_of.get(&column) else {
            return 0;
        };
        let groups = meta.row_groups().iter();
        groups
            .filter_map(|group| group.column(*leaf).statistics()?.null_count_opt())
            .sum()
    };
    let said: HashMap<usize, &String> = renamed.iter().map(|(at, said)| (*at, said)).collect();
    let columns = schema
        .fields()
        .iter()
        .enumerate()
        .map(|(at, field)| {
            let mut column = ColumnProfile::stated(field.name().clone(), types::name(field));
            column.said = said.get(&at).map(|said| (*said).clone());
            if !types::is_nested(field.data_type()) {
                column.nulls = nulls(at);
            }
            column
        })
        .collect();
    TableProfile {
        format: Format::Parquet,
        compression: None,
        table: None,
        tables: Vec::new(),
        text: None,
        rows: meta.file_metadata().num_rows().max(0) as u64,
        columns,
        choices: Vec::new(),
        repairs: Vec::new(),
        rejects: Rejects::default(),
        warnings: Vec::new(),
    }
}

impl ParquetTable {
    /// How many rows make a batch of these columns, by what the footer says of their size.
    pub(super) fn batch_rows(&self, columns: &[usize]) -> usize {
        let meta = self.meta.metadata();
        let descriptor = meta.file_metadata().schema_descr();
        let mut wanted = vec![false; self.fields.len()];
        columns.iter().for_each(|at| wanted[*at] = true);
        let mut bytes = 0u64;
        for group in meta.row_groups() {
            for (leaf, column) in group.columns().iter().enumerate() {
                if wanted[descriptor.get_column_root_idx(leaf)] {
                    let stated = column.uncompressed_size().max(0) as u64;
                    let values =
                        column.unencoded_byte_array_data_bytes().unwrap_or(0).max(0) as u64;
                    bytes = bytes.saturating_add(stated.max(values));
                }
            }
        }
        let each = (bytes / self.profile.rows.max(1)).max(1);
        let most = match self.depth {
            Depth::Whole => BATCH_ROWS,
            Depth::Head => WINDOW_ROWS,
        };
        usize::try_from(BATCH_BYTES as u64 / each)
            .unwrap_or(most)
            .clamp(1, most)
    }
}

impl Table for ParquetTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn profile(&self) -> &TableProfile {
        &self.profile
    }

    fn rows(&self) -> Option<u64> {
        Some(self.profile.rows)
    }

    fn read<'a>(
        &'a self,
        columns: Option<&[usize]>,
        first: u64,
        job: Job<'a>,
    ) -> Result<Box<dyn TableReader + 'a>> {
        let all: Vec<usize> = (0..self.fields.len()).collect();
        let threads = match self.depth {
            Depth::Whole => job.limits.threads,
            Depth::Head => 1,
        };
        let reading = Reading::begin(self, columns.unwrap_or(&all), first, threads, job)?;
        Ok(Box::new(reading))
    }
}
