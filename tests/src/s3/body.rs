//! Bodies on their way in, checked against every claim made about them, and on
//! their way out.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use futures::StreamExt;
use s3s::checksum::ChecksumHasher;
use s3s::crypto::{Checksum as _, Crc32, Crc32c, Crc64Nvme, Md5, Sha1, Sha256};
use s3s::dto::{Checksum, StreamingBlob};
use s3s::{S3Error, S3Result, s3_error};

const CHUNK: usize = 256 << 10;

pub(super) fn internal(error: io::Error) -> S3Error {
    s3_error!(error, InternalError)
}

/// What a request says about its body.
#[derive(Default)]
pub(super) struct Claims {
    pub(super) md5: Option<String>,
    pub(super) sums: Checksum,
}

/// Streams a body into a file and checks it against every claim. Removes the file if it does not hold.
pub(super) async fn receive(
    body: Option<StreamingBlob>,
    claims: Claims,
    temp: &Path,
) -> S3Result<[u8; 16]> {
    let received = receive_into(body, claims, temp).await;
    if received.is_err() {
        let _ = std::fs::remove_file(temp);
    }
    received
}

async fn receive_into(
    body: Option<StreamingBlob>,
    claims: Claims,
    temp: &Path,
) -> S3Result<[u8; 16]> {
    let mut file = File::create(temp).map_err(internal)?;
    let mut md5 = Md5::new();
    let mut hasher = ChecksumHasher {
        crc32: claims.sums.checksum_crc32.is_some().then(Crc32::new),
        crc32c: claims.sums.checksum_crc32c.is_some().then(Crc32c::new),
        sha1: claims.sums.checksum_sha1.is_some().then(Sha1::new),
        sha256: claims.sums.checksum_sha256.is_some().then(Sha256::new),
        crc64nvme: claims
            .sums
            .checksum_crc64nvme
            .is_some()
            .then(Crc64Nvme::new),
    };
    if let Some(mut body) = body {
        while let Some(chunk) = body.next().await {
            let chunk = chunk.map_err(|_| s3_error!(IncompleteBody))?;
            md5.update(&chunk);
            hasher.update(&chunk);
            file.write_all(&chunk).map_err(internal)?;
        }
    }
    let md5: [u8; 16] = md5.finalize();
    let sums = hasher.finalize();
    let claimed = claims.sums;
    let holds = sums.checksum_crc32 == claimed.checksum_crc32
        && sums.checksum_crc32c == claimed.checksum_crc32c
        && sums.checksum_sha1 == claimed.checksum_sha1
        && sums.checksum_sha256 == claimed.checksum_sha256
        && sums.checksum_crc64nvme == claimed.checksum_crc64nvme
        && claims.md5.is_none_or(|m| m == BASE64.encode(md5));
    if holds {
        Ok(md5)
    } else {
        Err(s3_error!(BadDigest))
    }
}

/// `length` bytes of a file from `start`, read as they are asked for.
pub(super) fn send(path: &Path, start: u64, length: u64) -> S3Result<StreamingBlob> {
    let mut file = File::open(path).map_err(internal)?;
    file.seek(SeekFrom::Start(start)).map_err(internal)?;
    let mut left = length;
    let chunks = std::iter::from_fn(move || {
        if left == 0 {
            return None;
        }
        let mut chunk = vec![0; CHUNK.min(usize::try_from(left).unwrap_or(CHUNK))];
        match file.read(&mut chunk) {
            Ok(0) => {
                left = 0;
                Some(Err(io::Error::from(io::ErrorKind::UnexpectedEof)))
            }
            Ok(n) => {
                chunk.truncate(n);
                left -= n as u64;
                Some(Ok(Bytes::from(chunk)))
            }
            Err(error) => {
                left = 0;
                Some(Err(error))
            }
        }
    });
    Ok(StreamingBlob::wrap(futures::stream::iter(chunks)))
}
