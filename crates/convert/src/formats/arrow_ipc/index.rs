//! Where each message of a file or a stream lies. A stream gets the index here that it
//! does not have itself, without its values being read.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow::buffer::{Buffer, MutableBuffer};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::ipc::convert::fb_to_schema;
use arrow::ipc::reader::read_footer_length;
use arrow::ipc::{
    Block, Message, MessageHeader, MetadataVersion, root_as_footer_with_opts, root_as_message,
};
use flatbuffers::VerifierOptions;

use super::{arrow_unreadable, unreadable};
use crate::error::Result;
use crate::table::Job;

/// No schema that anybody made needs more than this.
const LONGEST_MESSAGE: u64 = 256 << 20;

/// One message with a body.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part {
    pub block: Block,
    /// Of a dictionary, 0.
    pub rows: u64,
    pub dictionary: bool,
}

impl Part {
    pub(super) fn length(&self) -> u64 {
        self.block.bodyLength() as u64 + self.block.metaDataLength() as u64
    }
}

pub(super) struct Index {
    pub file: Arc<File>,
    pub length: u64,
    pub schema: Arc<Schema>,
    pub version: MetadataVersion,
    /// In the order in which they hold: dictionaries before what refers to them.
    pub parts: Vec<Part>,
    pub rows: u64,
    /// Nulls of each column.
    pub nulls: Vec<u64>,
}

impl Index {
    pub(super) fn of(path: &Path, job: Job<'_>) -> Result<Self> {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        let mut head = [0; 8];
        let seen = read_some(&file, 0, &mut head)?;
        let head = &head[..seen];
        let mut index = Index {
            file: Arc::new(file),
            length,
            schema: Arc::new(Schema::empty()),
            version: MetadataVersion::V5,
            parts: Vec::new(),
            rows: 0,
            nulls: Vec::new(),
        };
        if head.starts_with(b"FEA1") {
            return Err(unreadable(
                "Feather of version 1, which no program has written since 2020; \
                 one that reads it can save it as version 2",
            ));
        } else if head.starts_with(b"ARROW1") {
            index.read_footer(job)?;
        } else {
            index.walk(job)?;
        }
        index.rows = index.parts.iter().map(|part| part.rows).sum();
        Ok(index)
    }

    /// Bytes that the file says are there, or the word that they are not.
    pub(super) fn bytes(&self, at: u64, length: u64) -> Result<Buffer> {
        if at.checked_add(length).is_none_or(|end| end > self.length) {
            return Err(unreadable("it ends too early; it may be cut off"));
        }
        let mut buffer = MutableBuffer::from_len_zeroed(length as usize);
        let got = read_some(&self.file, at, &mut buffer)?;
        if (got as u64) < length {
            return Err(unreadable("it got shorter while it was read"));
        }
        Ok(buffer.into())
    }

    fn read_footer(&mut self, job: Job<'_>) -> Result<()> {
        if self.length < 18 {
            return Err(unreadable("it ends too early; it may be cut off"));
        }
        let tail = self.bytes(self.length - 10, 10)?;
        let tail: [u8; 10] = tail.as_slice().try_into().unwrap_or_default();
        let footer_length = read_footer_length(tail)
            .map_err(|_| unreadable("its end is missing; it was cut off while it was written"))?
            as u64;
        let at = (self.length - 10)
            .checked_sub(footer_length)
            .filter(|_| footer_length <= LONGEST_MESSAGE)
            .ok_or_else(|| unreadable("an index that is longer than the file"))?;
        let footer = self.bytes(at, footer_length)?;
        let footer = root_as_footer_with_opts(&lenient(), &footer)
            .map_err(|e| unreadable(format!("its index is damaged ({e})")))?;
        let schema = footer
            .schema()
            .ok_or_else(|| unreadable("an index without a schema"))?;
        self.take_schema(schema)?;
        self.version = footer.version();
        for block in footer.dictionaries().iter().flatten() {
            self.take_block(*block)?;
        }
        for block in footer.recordBatches().iter().flatten() {
            job.check()?;
            self.take_block(*block)?;
        }
        Ok(())
    }

    fn take_schema(&mut self, schema: arrow::ipc::Schema<'_>) -> Result<()> {
        if !schema.endianness().equals_to_target_endianness() {
            return Err(unreadable(
                "numbers in the byte order of another kind of machine",
            ));
        }
        self.schema = Arc::new(fb_to_schema(schema));
        self.nulls = vec![0; self.schema.fields().len()];
        Ok(())
    }

    fn take_block(&mut self, block: Block) -> Result<()> {
        let sound = block.offset() >= 0 && block.metaDataLength() >= 8 && block.bodyLength() >= 0;
        if !sound {
            return Err(unreadable("an index that points nowhere"));
        }
        let meta = self.bytes(block.offset() as u64, block.metaDataLength() as u64)?;
        let message = message_of(&meta)?;
        if message.bodyLength() != block.bodyLength() {
            return Err(unreadable("an index that disagrees with what it points to"));
        }
        self.take_message(message, block)
    }

    fn take_message(&mut self, message: Message<'_>, block: Block) -> Result<()> {
        let end = (block.offset() as u64)
            .checked_add(block.metaDataLength() as u64)
            .and_then(|at| at.checked_add(block.bodyLength() as u64));
        if end.is_none_or(|end| end > self.length) {
            return Err(unreadable("it ends too early; it may be cut off"));
        }
        if let Some(batch) = message.header_as_record_batch() {
            let rows =
                u64::try_from(batch.length()).map_err(|_| unreadable("fewer than no rows"))?;
            let nodes = batch.nodes();
            let mut at = 0;
            for (column, field) in self.schema.fields().iter().enumerate() {
                let node = nodes.filter(|n| at < n.len()).map(|n| *n.get(at));
                let nulls = node.map_or(0, |n| n.null_count());
                self.nulls[column] = self.nulls[column].saturating_add(nulls.max(0) as u64);
                at += node_count(field);
            }
            self.parts.push(Part {
                block,
                rows,
                dictionary: false,
            });
            return Ok(());
        }
        match message.header_type() {
            MessageHeader::DictionaryBatch => {
                self.parts.push(Part {
                    block,
                    rows: 0,
                    dictionary: true,
                });
                Ok(())
            }
            other => Err(unreadable(format!("a message of the kind {other:?}"))),
        }
    }

    /// Goes from message to message of a stream.
    fn walk(&mut self, job: Job<'_>) -> Result<()> {
        let mut at = 0u64;
        let mut begun = false;
        while at + 4 <= self.length {
            job.check()?;
            let word = |at: u64| -> Result<[u8; 4]> {
                Ok(self.bytes(at, 4)?.as_slice().try_into().unwrap_or_default())
            };
            let mut prefix = 4;
            let mut size = word(at)?;
            if size == [0xFF; 4] {
                prefix = 8;
                size = word(at + 4)?;
            }
            let size = i32::from_le_bytes(size);
            if size == 0 {
                return self.begun(begun);
            }
            let size = u64::try_from(size)
                .ok()
                .filter(|size| *size <= LONGEST_MESSAGE)
                .ok_or_else(|| unreadable("a message of an impossible length"))?;
            let meta = self.bytes(at, prefix + size)?;
            let message = message_of(&meta)?;
            let body = u64::try_from(message.bodyLength())
                .map_err(|_| unreadable("a message of an impossible length"))?;
            if let Some(schema) = message.header_as_schema() {
                if begun {
                    return Err(unreadable("a second schema in one stream"));
                }
                begun = true;
                self.version = message.version();
                self.take_schema(schema)?;
            } else if begun {
                let block = Block::new(at as i64, (prefix + size) as i32, body as i64);
                self.take_message(message, block)?;
            } else {
                return Err(unreadable("a stream that begins without a schema"));
            }
            at = (at + prefix + size)
                .checked_add(body)
                .ok_or_else(|| unreadable("a message of an impossible length"))?;
        }
        // A stream may just end; a piece of a message may not.
        if at != self.length {
            return Err(unreadable("it ends too early; it may be cut off"));
        }
        self.begun(begun)
    }

    fn begun(&self, begun: bool) -> Result<()> {
        if begun {
            Ok(())
        } else {
            Err(unreadable("a stream without a schema"))
        }
    }

    /// How many bytes a part takes once it is unpacked, by what its buffers say.
    pub(super) fn unpacked(&self, part: &Part) -> Result<u64> {
        let body_at = part.block.offset() as u64 + part.block.metaDataLength() as u64;
        let body = part.block.bodyLength() as u64;
        let meta = self.bytes(
            part.block.offset() as u64,
            part.block.metaDataLength() as u64,
        )?;
        let message = message_of(&meta)?;
        let batch = message
            .header_as_record_batch()
            .or_else(|| message.header_as_dictionary_batch().and_then(|d| d.data()));
        let Some(batch) = batch.filter(|b| b.compression().is_some()) else {
            return Ok(body);
        };
        let mut total = body;
        for buffer in batch.buffers().iter().flatten() {
            let (at, length) = (buffer.offset(), buffer.length());
            let inside =
                at >= 0 && length >= 0 && (at as u64).saturating_add(length as u64) <= body;
            if !inside {
                return Err(unreadable("a buffer outside of its message"));
            }
            if length >= 8 {
                let size = self.bytes(body_at + at as u64, 8)?;
                let size = i64::from_le_bytes(size.as_slice().try_into().unwrap_or_default());
                total = total.saturating_add(size.max(0) as u64);
            }
        }
        Ok(total)
    }
}

fn lenient() -> VerifierOptions {
    VerifierOptions {
        max_tables: 10_000_000,
        ..VerifierOptions::default()
    }
}

fn message_of(meta: &[u8]) -> Result<Message<'_>> {
    let skip = if meta.starts_with(&[0xFF; 4]) { 8 } else { 4 };
    let body = meta.get(skip..).unwrap_or_default();
    root_as_message(body).map_err(|e| unreadable(format!("a damaged message ({e})")))
}

fn read_some(file: &File, at: u64, buffer: &mut [u8]) -> Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        let n = crate::formats::parquet::read_at(file, &mut buffer[filled..], at + filled as u64)?;
        if n == 0 {
            break;
        }
        filled += n;
    }
    Ok(filled)
}

/// How many nodes a column has in a batch: its own and those of all below it.
fn node_count(field: &Field) -> usize {
    let below = |fields: &[&Field]| -> usize { fields.iter().map(|f| node_count(f)).sum() };
    1 + match field.data_type() {
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::ListView(item)
        | DataType::LargeListView(item)
        | DataType::FixedSizeList(item, _)
        | DataType::Map(item, _) => node_count(item),
        DataType::Struct(fields) => below(&fields.iter().map(AsRef::as_ref).collect::<Vec<_>>()),
        DataType::Union(fields, _) => fields.iter().map(|(_, f)| node_count(f)).sum(),
        DataType::RunEndEncoded(ends, values) => below(&[ends, values]),
        _ => 0,
    }
}

pub(super) fn checked<T>(result: std::result::Result<T, arrow::error::ArrowError>) -> Result<T> {
    result.map_err(arrow_unreadable)
}
