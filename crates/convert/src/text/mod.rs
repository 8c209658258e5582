//! Delimited text, both ways. Opening a file settles its dialect and goes through all of
//! it once, so that types are proved and every row has its place; reading and writing keep
//! both cores busy. Never changes a text in silence: what is no row of the table is a
//! reject, and what had to be mended is listed.

mod build;
mod cells;
mod class;
mod clock;
mod cut;
pub(crate) mod dialect;
mod encode;
pub(crate) mod encoding;
mod forms;
mod hash;
mod index;
mod infer;
mod kind;
mod lenient;
mod reader;
pub(crate) mod repair;
mod seen;
mod settle;
mod shown;
pub(crate) mod stooq;
mod times;
mod unpack;
mod values;
mod whole;
mod writer;

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::datatypes::{DataType, Schema, SchemaRef};
use encoding_rs::UTF_8;

use crate::error::{ConvertError, Result};
use crate::format::Format;
use crate::options::Options;
use crate::profile::{ColumnProfile, Rejects, Repair, TableProfile, TextForm, WIDE};
use crate::sketch::Sketch;
use crate::source::Source;
use crate::stamp::Stamp;
use crate::table::{Depth, Job, Table, TableReader, TableWriter};
use cells::{Mend, Mends};
use dialect::{Dialect, Escape, Look, Syntax};
use index::Index;
use infer::Terms;
use kind::Kind;
use lenient::{Asked, Scalar};
use unpack::{Ends, Origin};

pub(crate) use dialect::begins_note;
pub(crate) use encode::formed;
pub(crate) use kind::{FORM, HEADLESS, LAYOUT, SAID};
use unpack::Packing;

/// A file of this size is gone through even for a preview: it takes no time.
const SMALL: u64 = 4 << 20;
/// Of a packed file that is only looked at.
const LOOK: usize = 4 << 20;

/// A text table that is open, for its readers on every thread.
struct Shared {
    origin: Origin,
    stamp: Stamp,
    dialect: Dialect,
    terms: Terms,
    kinds: Vec<Kind>,
    asked: Vec<Option<Asked>>,
    schema: SchemaRef,
    /// Grows with what is read, where the file was not gone through before.
    index: Mutex<Arc<Index>>,
    /// The index has every chunk.
    complete: bool,
    /// There are rejects, which readers leave out.
    damaged: bool,
    /// Bytes that are no text are shown as U+FFFD.
    lossy: bool,
}

impl Shared {
    fn index(&self) -> Arc<Index> {
        Arc::clone(&self.index.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Adds the place of a chunk that follows the last known one.
    fn learn(&self, span: index::Span) {
        let mut index = self.index.lock().unwrap_or_else(PoisonError::into_inner);
        if span.offset == index.end().unwrap_or(self.dialect.start) {
            Arc::make_mut(&mut index).push(span);
        }
    }
}

/// A table of a text file.
pub(crate) struct TextTable {
    shared: Arc<Shared>,
    profile: TableProfile,
}

impl Table for TextTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.shared.schema)
    }

    fn profile(&self) -> &TableProfile {
        &self.profile
    }

    fn rows(&self) -> Option<u64> {
        self.shared.complete.then_some(self.profile.rows)
    }

    fn read<'a>(
        &'a self,
        columns: Option<&[usize]>,
        first: u64,
        job: Job<'a>,
    ) -> Result<Box<dyn TableReader + 'a>> {
        self.shared.stamp.holds(&self.shared.origin.path)?;
        Ok(Box::new(reader::Reader::new(
            &self.shared,
            columns,
            first,
            job,
        )?))
    }
}

/// Opens delimited text of the format that was told from its bytes; with [`Depth::Whole`]
/// all of it is gone through, and types are proved. Goes on in the phase `scan`.
pub(crate) fn open(
    format: Format,
    source: &Source,
    options: &Options,
    depth: Depth,
    job: Job<'_>,
) -> Result<Box<dyn Table>> {
    let stamp = Stamp::of(&source.path)?;
    let whole = depth == Depth::Whole;
    let most = if whole { usize::MAX } else { LOOK };
    let ends = unpack::ends(&source.path, most, whole.then_some(job))?;
    let look = Look {
        head: &ends.head,
        tail: &ends.tail,
        whole: ends.whole,
        size: ends.size,
        format,
    };
    let dialect = dialect::settle(&look, options)?;
    let origin = Origin {
        path: source.path.clone(),
        packing: ends.packing,
        encoding: dialect.encoding,
        mixed: dialect.mixed,
        bom: dialect.bom,
    };
    let whole = whole || (ends.whole && stamp.size <= SMALL);
    let terms = terms(&dialect, options, whole);
    let asked = asked(&dialect, options, &terms)?;
    let table = if whole {
        gone_through(
            format, origin, stamp, dialect, terms, asked, &ends, options, depth, job,
        )?
    } else {
        looked_at(format, origin, stamp, dialect, terms)
    };
    table.shared.stamp.holds(&table.shared.origin.path)?;
    Ok(Box::new(table))
}

fn terms(dialect: &Dialect, options: &Options, whole: bool) -> Terms {
    let width = dialect.names.len().max(1);
    Terms {
        null: options
            .get("null")
            .map(|n| n.as_bytes().to_vec())
            .filter(|n| !n.is_empty()),
        point: if options.is("decimal", ",") {
            b','
        } else {
            b'.'
        },
        precision: Sketch::precision(width),
        sample: if width <= WIDE {
            (400_000 / width).min(4_096)
        } else {
            0
        },
        types: whole && !options.is("types", "text"),
    }
}

/// The types that were asked for, by position.
fn asked(dialect: &Dialect, options: &Options, terms: &Terms) -> Result<Vec<Option<Asked>>> {
    let mut asked = vec![None; dialect.names.len()];
    let order = lenient::order(options.get("date_order"));
    for (column, said) in options.by_column("type.") {
        let key = format!("type.{column}");
        let scalar = Scalar::parse(&key, said)?;
        let at = dialect
            .names
            .iter()
            .position(|n| n == column)
            .or_else(|| {
                dialect
                    .names
                    .iter()
                    .position(|n| n.to_lowercase() == column.to_lowercase())
            })
            .ok_or_else(|| ConvertError::NoColumn {
                column: column.to_owned(),
                columns: dialect.names.clone(),
            })?;
        asked[at] = Some(Asked {
            scalar,
            point: terms.point,
            order,
        });
    }
    Ok(asked)
}

fn schema_of(dialect: &Dialect, kinds: &[Kind]) -> SchemaRef {
    let fields: Vec<_> = dialect
        .names
        .iter()
        .zip(kinds)
        .enumerate()
        .map(|(i, (name, kind))| {
            let mut field = kind.field(name);
            if let Some(said) = said(dialect, i) {
                field.metadata_mut().insert(SAID.to_owned(), said);
            }
            field
        })
        .collect();
    let mut metadata = HashMap::new();
    if dialect.header_rows == 0 && !fields.is_empty() {
        metadata.insert(HEADLESS.to_owned(), String::new());
    }
    if let Some(layout) = dialect.layout {
        metadata.insert(LAYOUT.to_owned(), stooq::name(layout).to_owned());
    }
    Arc::new(Schema::new_with_metadata(fields, metadata))
}

#[allow(clippy::too_many_arguments)] // Each is settled by another step of `open`.
fn gone_through(
    format: Format,
    origin: Origin,
    stamp: Stamp,
    dialect: Dialect,
    terms: Terms,
    asked: Vec<Option<Asked>>,
    ends: &Ends,
    options: &Options,
    depth: Depth,
    job: Job<'_>,
) -> Result<TextTable> {
    let expected = stooq::expected(&dialect);
    let found = whole::pass(&origin, &dialect, &terms, &asked, &expected, job)?;
    stamp.holds(&origin.path)?;
    let stops = depth == Depth::Whole && !options.is("on_reject", "report");
    if found.rejects.count > 0 && stops {
        return Err(ConvertError::Rejected {
            rejects: Box::new(found.rejects),
        });
    }
    let order = lenient::order(options.get("date_order"));
    let line = |(chunk, line)| found.index.line(chunk, line);
    let mut choices = dialect.choices.clone();
    let mut kinds = Vec::with_capacity(dialect.names.len());
    let mut columns = Vec::with_capacity(dialect.names.len());
    // The notes about a column go when its profile is there.
    for (i, (column, name)) in found.columns.into_iter().zip(&dialect.names).enumerate() {
        let mut settled = settle::settle(&column, name, &terms, order, &line);
        choices.extend(settled.choice.take());
        let said = said(&dialect, i);
        columns.push(shown::profile(
            &column,
            &settled,
            name,
            said,
            &terms,
            found.sample_step,
        ));
        kinds.push(settled.kind);
    }
    let mut warnings = dialect.warnings.clone();
    if found.nul_bytes > 0 {
        let n = settle::grouped(found.nul_bytes);
        warnings.push(format!("NUL characters are kept as text: {n}."));
    }
    if depth == Depth::Head && found.rejects.count > 0 {
        warnings.push(format!(
            "Rows that are no row of this table: {}.",
            found.rejects.count
        ));
    }
    let damaged = found.rejects.count > 0;
    let profile = TableProfile {
        rows: found.index.rows(),
        columns,
        choices,
        repairs: repairs(&found.mends, &found.index, &dialect),
        rejects: found.rejects,
        warnings,
        ..described(format, &dialect, ends.packing)
    };
    let shared = Shared {
        schema: schema_of(&dialect, &kinds),
        damaged: damaged || asked.iter().any(Option::is_some),
        index: Mutex::new(Arc::new(found.index)),
        origin,
        stamp,
        dialect,
        terms,
        kinds,
        asked,
        complete: true,
        lossy: false,
    };
    Ok(TextTable {
        shared: Arc::new(shared),
        profile,
    })
}

fn looked_at(
    format: Format,
    origin: Origin,
    stamp: Stamp,
    dialect: Dialect,
    terms: Terms,
) -> TextTable {
    let kinds = vec![Kind::Text; dialect.names.len()];
    let columns = dialect
        .names
        .iter()
        .enumerate()
        .map(|(i, name)| ColumnProfile {
            said: said(&dialect, i),
            evidence: "not read to the end".to_owned(),
            ..ColumnProfile::stated(name.clone(), "VARCHAR".to_owned())
        });
    let profile = TableProfile {
        columns: columns.collect(),
        choices: dialect.choices.clone(),
        repairs: end_mark(&dialect).into_iter().collect(),
        warnings: dialect.warnings.clone(),
        ..described(format, &dialect, origin.packing)
    };
    let shared = Shared {
        schema: schema_of(&dialect, &kinds),
        asked: vec![None; kinds.len()],
        index: Mutex::new(Arc::new(Index::new(Vec::new(), dialect.start_line))),
        origin,
        stamp,
        dialect,
        terms,
        kinds,
        complete: false,
        damaged: false,
        lossy: true,
    };
    TextTable {
        shared: Arc::new(shared),
        profile,
    }
}

fn said(dialect: &Dialect, column: usize) -> Option<String> {
    dialect
        .said
        .iter()
        .find(|(at, _)| *at == column)
        .map(|(_, said)| said.clone())
}

/// What is known of a table before its rows.
fn described(format: Format, dialect: &Dialect, packing: Option<Packing>) -> TableProfile {
    let syntax = &dialect.syntax;
    let text = TextForm {
        encoding: dialect.encoding.name().to_owned(),
        byte_order_mark: dialect.bom > 0,
        delimiter: (!syntax.delimiter.is_empty())
            .then(|| String::from_utf8_lossy(&syntax.delimiter).into_owned()),
        quote: syntax.quote.map(char::from),
        escape: syntax.quote.and_then(|quote| match syntax.escape {
            Escape::Doubled => Some(char::from(quote)),
            Escape::Backslash => Some('\\'),
            Escape::None => None,
        }),
        line_end: dialect.line_end.to_owned(),
        header_rows: dialect.header_rows,
        preamble: dialect.preamble.clone(),
        footnotes: dialect.footnotes.clone(),
        layout: dialect.layout.map(|l| stooq::name(l).replace('_', " ")),
    };
    TableProfile {
        format,
        compression: packing.map(|p| p.name().to_owned()),
        table: None,
        tables: dialect.tables.clone(),
        text: Some(text),
        rows: 0,
        columns: Vec::new(),
        choices: Vec::new(),
        repairs: Vec::new(),
        rejects: Rejects::default(),
        warnings: Vec::new(),
    }
}

/// The mark that DOS programs put behind a text.
fn end_mark(dialect: &Dialect) -> Option<Repair> {
    dialect.end_mark.map(|mark| Repair {
        kind: "end-of-file mark".to_owned(),
        detail: "the byte 1A, by which DOS programs end a text; no row".to_owned(),
        count: 1,
        lines: mark.line.into_iter().collect(),
    })
}

fn repairs(mends: &Mends, index: &Index, dialect: &Dialect) -> Vec<Repair> {
    let told = mends.iter().map(|(mend, mended)| {
        let (kind, detail) = match mend {
            Mend::Fitted(fitted) => (fitted.kind(), fitted.detail()),
            Mend::StrayQuote => (
                "stray quote",
                "quotes that open nothing, or stand undoubled inside quotes; kept as text",
            ),
            Mend::EmptyLine => ("empty line", "lines without a value; no rows"),
            Mend::PageHeader => (
                "repeated header",
                "lines that name the columns again; no rows",
            ),
        };
        Repair {
            kind: kind.to_owned(),
            detail: detail.to_owned(),
            count: mended.count,
            lines: mended
                .first
                .iter()
                .map(|(chunk, line)| index.line(*chunk, *line))
                .collect(),
        }
    });
    told.chain(end_mark(dialect)).collect()
}

/// Whether a table with these columns can be written as the options want it.
pub(crate) fn suits(to: Format, schema: &SchemaRef, options: &Options) -> Result<()> {
    writer::layout(to, schema, options).map(|_| ())
}

/// Begins a text file at `path`, which exists and is empty.
pub(crate) fn create<'a>(
    to: Format,
    path: &Path,
    schema: SchemaRef,
    options: &Options,
    job: Job<'a>,
) -> Result<Box<dyn TableWriter + 'a>> {
    Ok(Box::new(writer::Writer::new(
        to, path, schema, options, job,
    )?))
}

/// Reads what [`create`] made with the same schema and options, for its proof: the dialect
/// is the writer's, nothing is guessed, and columns come back as the types that `schema`
/// states.
pub(crate) fn reopen(
    to: Format,
    path: &Path,
    schema: SchemaRef,
    options: &Options,
    _job: Job<'_>,
) -> Result<Box<dyn Table>> {
    let stamp = Stamp::of(path)?;
    let style = writer::Style::new(to, &schema, options)?;
    let dialect = style.dialect(&schema);
    let ends = unpack::ends(path, 64, None)?;
    let origin = Origin {
        path: path.to_owned(),
        packing: ends.packing,
        encoding: UTF_8,
        mixed: false,
        bom: dialect.bom,
    };
    let mut terms = terms(&dialect, options, false);
    terms.null = style.null.clone();
    let mut table = looked_at(to, origin, stamp, dialect, terms);
    let kinds = schema.fields().iter().map(|f| Kind::of_field(f)).collect();
    let fields = schema.fields().iter().map(|f| match Kind::of_field(f) {
        Kind::Text => f.as_ref().clone().with_data_type(DataType::Utf8),
        _ => f.as_ref().clone(),
    });
    let schema = Schema::new_with_metadata(fields.collect::<Vec<_>>(), schema.metadata().clone());
    let shared = Arc::get_mut(&mut table.shared);
    if let Some(shared) = shared {
        shared.kinds = kinds;
        shared.schema = Arc::new(schema);
        shared.lossy = false;
    }
    Ok(Box::new(table))
}

/// The syntax in which this crate writes.
fn own_syntax(delimiter: u8, width: usize) -> Syntax {
    Syntax {
        delimiter: vec![delimiter],
        width,
        ..Syntax::default()
    }
}

#[cfg(test)]
mod tests;
