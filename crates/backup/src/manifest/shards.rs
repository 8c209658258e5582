//! The lists of files that a head names: JSON lines, zstd, each with the files whose
//! path hashes into it.

use std::io::{self, Read, Write};

use sha2::{Digest, Sha256};

use super::{FileEntry, MAX_SHARD, MAX_SHARDS, ManifestHead, ShardRef};
use crate::{BackupError, Result};

const FILES_PER_SHARD: usize = 4096;

/// A shard ready to be stored.
pub(crate) struct EncodedShard {
    pub(crate) reference: ShardRef,
    pub(crate) bytes: Vec<u8>,
}

/// Deterministic: the same files give the same shards, which then need no upload.
pub(crate) fn encode_shards(files: &[FileEntry]) -> Result<Vec<EncodedShard>> {
    let count = shard_count(files.len());
    let mut buckets: Vec<Vec<&FileEntry>> = vec![Vec::new(); count];
    for file in files {
        buckets[bucket_of(&file.path, count)].push(file);
    }
    buckets
        .into_iter()
        .filter(|b| !b.is_empty())
        .map(encode_shard)
        .collect()
}

fn shard_count(files: usize) -> usize {
    files
        .div_ceil(FILES_PER_SHARD)
        .next_power_of_two()
        .min(MAX_SHARDS)
}

fn bucket_of(path: &str, count: usize) -> usize {
    usize::from(Sha256::digest(path.as_bytes())[0]) % count
}

/// Which shard of a restore point has a path, if any has it. `None` where that cannot be
/// told from outside: empty ones are left out.
pub(crate) fn shard_of(head: &ManifestHead, path: &str) -> Option<usize> {
    let count = shard_count(usize::try_from(head.files).ok()?);
    (head.shards.len() == count).then(|| bucket_of(path, count))
}

fn encode_shard(mut files: Vec<&FileEntry>) -> Result<EncodedShard> {
    files.sort_by(|a, b| a.path.cmp(&b.path));
    let encode = || -> io::Result<(Vec<u8>, u64)> {
        let mut writer = zstd::Encoder::new(Vec::new(), 3)?;
        writer.include_checksum(true)?;
        let mut raw_size = 0u64;
        let mut line = Vec::new();
        for file in &files {
            line.clear();
            serde_json::to_writer(&mut line, file)?;
            line.push(b'\n');
            raw_size += line.len() as u64;
            writer.write_all(&line)?;
        }
        Ok((writer.finish()?, raw_size))
    };
    let (bytes, raw_size) = encode().map_err(|e| BackupError::io("write the list of files", e))?;
    if raw_size > MAX_SHARD {
        return Err(BackupError::io(
            "write the list of files",
            io::Error::other("a shard would pass 256 MiB"),
        ));
    }
    let reference = ShardRef {
        sha256: hex::encode(Sha256::digest(&bytes)),
        size: bytes.len() as u64,
        raw_size,
        files: files.len() as u64,
    };
    Ok(EncodedShard { reference, bytes })
}

/// Checks the hash, unpacks no more than the head said, and refuses names one by one.
pub(crate) fn decode_shard(reference: &ShardRef, bytes: &[u8]) -> Result<Vec<FileEntry>> {
    let damaged = || BackupError::Damaged {
        what: format!("The list of files {}", &reference.sha256[..12]),
    };
    if bytes.len() as u64 != reference.size
        || hex::encode(Sha256::digest(bytes)) != reference.sha256
    {
        return Err(damaged());
    }
    let mut raw = Vec::new();
    zstd::Decoder::new(bytes)
        .and_then(|reader| reader.take(reference.raw_size + 1).read_to_end(&mut raw))
        .map_err(|_| damaged())?;
    if raw.len() as u64 != reference.raw_size {
        return Err(damaged());
    }
    let files: Vec<FileEntry> = raw
        .split(|b| *b == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).map_err(|_| damaged()))
        .collect::<Result<_>>()?;
    if files.len() as u64 != reference.files {
        Err(damaged())
    } else {
        Ok(files)
    }
}
