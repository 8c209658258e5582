//! Writing: batches are packed on several threads and go into the file in order.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::ipc::convert::IpcSchemaEncoder;
use arrow::ipc::writer::{
    CompressionContext, DictionaryTracker, IpcDataGenerator, IpcWriteOptions, write_message,
};
use arrow::ipc::{Block, CompressionType, FooterBuilder, MetadataVersion};
use flatbuffers::FlatBufferBuilder;

use crate::error::{ConvertError, Result};
use crate::options::Options;
use crate::parallel::Pool;
use crate::table::{Job, TableWriter};
use crate::types;

const MAGIC: &[u8; 6] = b"ARROW1";
/// The end of all messages: a marker, and a length of 0.
const END: [u8; 8] = [0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0];

struct ArrowWriter {
    file: BufWriter<File>,
    pool: Pool<RecordBatch, Packed>,
    schema: SchemaRef,
    /// None for a stream, which has no index.
    blocks: Option<Vec<Block>>,
    at: u64,
}

/// A message as it stands in the file, and how long its two parts are.
struct Packed {
    bytes: Vec<u8>,
    meta: usize,
    body: usize,
}

pub(crate) fn create<'a>(
    path: &Path,
    schema: SchemaRef,
    options: &Options,
    job: Job<'a>,
) -> Result<Box<dyn TableWriter + 'a>> {
    let compression = match options.get("codec") {
        Some("none") => None,
        Some("zstd") => Some(CompressionType::ZSTD),
        None | Some("lz4") => Some(CompressionType::LZ4_FRAME),
        Some(other) => {
            return Err(ConvertError::BadOption {
                key: "codec".to_owned(),
                value: other.to_owned(),
                expected: "lz4, zstd or none for Feather".to_owned(),
            });
        }
    };
    let form = IpcWriteOptions::default()
        .try_with_compression(compression)
        .map_err(types::arrow_error)?;
    let file = File::options().write(true).open(path)?;
    let mut file = BufWriter::with_capacity(1 << 20, file);
    let stream = options.is("stream", "yes");
    let mut at = 0;
    if !stream {
        file.write_all(MAGIC)?;
        file.write_all(&[0; 2])?;
        at = 8;
    }
    let mut tracker = DictionaryTracker::new(true);
    let encoded = IpcDataGenerator::default().schema_to_bytes_with_dictionary_tracker(
        &schema,
        &mut tracker,
        &form,
    );
    let (meta, body) = write_message(&mut file, encoded, &form).map_err(types::arrow_error)?;
    at += (meta + body) as u64;
    let threads = job.limits.threads;
    let pool = Pool::new("arrow", threads, threads + 1, move |batch| {
        pack(&batch, &form)
    })?;
    let blocks = (!stream).then(Vec::new);
    Ok(Box::new(ArrowWriter {
        file,
        pool,
        schema,
        blocks,
        at,
    }))
}

fn pack(batch: &RecordBatch, form: &IpcWriteOptions) -> Result<Packed> {
    // No dictionaries reach a writer, so that a batch depends on no other.
    let mut tracker = DictionaryTracker::new(true);
    let (_, encoded) = IpcDataGenerator::default()
        .encode(
            batch,
            &mut tracker,
            form,
            &mut CompressionContext::default(),
        )
        .map_err(types::arrow_error)?;
    let mut bytes = Vec::with_capacity(encoded.arrow_data.len() + encoded.ipc_message.len() + 128);
    let (meta, body) = write_message(&mut bytes, encoded, form).map_err(types::arrow_error)?;
    Ok(Packed { bytes, meta, body })
}

impl ArrowWriter {
    fn put(&mut self) -> Result<bool> {
        let Some(packed) = self.pool.next() else {
            return Ok(false);
        };
        let packed = packed?;
        self.file.write_all(&packed.bytes)?;
        if let Some(blocks) = &mut self.blocks {
            blocks.push(Block::new(
                self.at as i64,
                packed.meta as i32,
                packed.body as i64,
            ));
        }
        self.at += packed.bytes.len() as u64;
        Ok(true)
    }
}

impl TableWriter for ArrowWriter {
    fn write(&mut self, batch: RecordBatch) -> Result<()> {
        while self.pool.is_full() && self.put()? {}
        self.pool.submit(batch);
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        while self.put()? {}
        self.file.write_all(&END)?;
        if let Some(blocks) = &self.blocks {
            let mut builder = FlatBufferBuilder::new();
            let dictionaries = builder.create_vector::<Block>(&[]);
            let batches = builder.create_vector(blocks);
            let mut tracker = DictionaryTracker::new(true);
            let schema = IpcSchemaEncoder::new()
                .with_dictionary_tracker(&mut tracker)
                .schema_to_fb_offset(&mut builder, &self.schema);
            let mut footer = FooterBuilder::new(&mut builder);
            footer.add_version(MetadataVersion::V5);
            footer.add_schema(schema);
            footer.add_dictionaries(dictionaries);
            footer.add_recordBatches(batches);
            let root = footer.finish();
            builder.finish(root, None);
            let footer = builder.finished_data();
            self.file.write_all(footer)?;
            self.file.write_all(&(footer.len() as i32).to_le_bytes())?;
            self.file.write_all(MAGIC)?;
        }
        self.file.flush()?;
        Ok(())
    }
}
