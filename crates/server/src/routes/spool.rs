//! Bytes on their way from a request to core.
//!
//! Normally straight through a short channel. Only where an older script sends its
//! key after the file do bytes wait, in a temporary file that has no name, up to a
//! limit: nothing is stored for anyone before it is known who asks.

use std::io::{self, Read, Seek};

use axum::body::Bytes;
use axum::extract::multipart::{Field, MultipartError};
use axum::http::StatusCode;
use redline_core::{CoreError, FileView, Session};
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;

use crate::error::ApiError;

/// The largest file that may come before its key.
pub(crate) const SPOOL_LIMIT: u64 = 256 * 1024 * 1024;

enum Piece {
    Data(Bytes),
    End,
}

/// The reading end. A channel that closes without an end is an upload that broke off,
/// which must not look like a shorter file.
struct Incoming {
    pieces: mpsc::Receiver<Piece>,
    current: Bytes,
    ended: bool,
}

impl Read for Incoming {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() && !self.ended {
            match self.pieces.blocking_recv() {
                Some(Piece::Data(data)) => self.current = data,
                Some(Piece::End) => self.ended = true,
                None => {
                    return Err(io::Error::new(
                        io::ErrorKind::ConnectionAborted,
                        "the upload broke off",
                    ));
                }
            }
        }
        let n = buffer.len().min(self.current.len());
        buffer[..n].copy_from_slice(&self.current.split_to(n));
        Ok(n)
    }
}

/// Streams one part of the form into the store.
pub(crate) async fn store(
    session: Session,
    name: String,
    mut field: Field<'_>,
) -> Result<FileView, ApiError> {
    let (to, pieces) = mpsc::channel(8);
    let storing = tokio::task::spawn_blocking(move || {
        session.upload(
            &name,
            &mut Incoming {
                pieces,
                current: Bytes::new(),
                ended: false,
            },
        )
    });
    let broke_off = loop {
        match field.chunk().await {
            Ok(Some(data)) => {
                if to.send(Piece::Data(data)).await.is_err() {
                    break None; // Core stopped reading, and says why below.
                }
            }
            Ok(None) => {
                // Core may have stopped reading; then it says why below.
                let _ = to.send(Piece::End).await;
                break None;
            }
            Err(error) => break Some(error),
        }
    };
    drop(to);
    let stored: Result<FileView, CoreError> = storing.await.map_err(|_| ApiError::internal())?;
    match broke_off {
        Some(error) => Err(malformed(&error)),
        None => stored.map_err(ApiError::from),
    }
}

pub(crate) fn malformed(error: &MultipartError) -> ApiError {
    if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
        return ApiError::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too_large",
            "The form is too large.",
            "Send the file as the field file, and the other fields short.",
        );
    }
    ApiError::bad_request(
        "The upload broke off or is not a form; nothing of its last part was stored.",
        "Send it again as multipart/form-data.",
    )
}

/// A file that came before its key.
pub(crate) struct Held {
    pub name: String,
    file: std::fs::File,
}

impl Held {
    pub async fn take(name: String, mut field: Field<'_>) -> Result<Self, ApiError> {
        let lost = |error: io::Error| {
            tracing::error!(kind = %error.kind(), "an upload could not be spooled");
            ApiError::new(
                StatusCode::INSUFFICIENT_STORAGE,
                "disk_full",
                "The file could not be held until its key came.",
                "Send the key in the header X-License-Key.",
            )
        };
        let file = tokio::task::spawn_blocking(tempfile::tempfile)
            .await
            .map_err(|_| ApiError::internal())?
            .map_err(lost)?;
        let mut file = tokio::fs::File::from_std(file);
        let mut size = 0_u64;
        while let Some(data) = field.chunk().await.map_err(|e| malformed(&e))? {
            size += data.len() as u64;
            if size > SPOOL_LIMIT {
                return Err(ApiError::new(
                    StatusCode::PAYLOAD_TOO_LARGE,
                    "key_after_file",
                    format!(
                        "The form has a file of more than {} MiB before its license key; nothing was stored.",
                        SPOOL_LIMIT / 1024 / 1024
                    ),
                    "Send the key in the header X-License-Key, or put license_key before file.",
                ));
            }
            file.write_all(&data).await.map_err(lost)?;
        }
        file.flush().await.map_err(lost)?;
        Ok(Self {
            name,
            file: file.into_std().await,
        })
    }

    pub async fn store(self, session: Session) -> Result<FileView, ApiError> {
        let Self { name, mut file } = self;
        crate::state::blocking(move || {
            // Rewinding a regular file cannot fail; if it did, core would store what is left.
            file.rewind().map_err(|_| {
                CoreError::new(
                    redline_core::Code::Internal,
                    "The upload could not be read again.",
                    "Send it again.",
                )
            })?;
            session.upload(&name, &mut file)
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pieces: Vec<Piece>) -> io::Result<Vec<u8>> {
        let (to, from) = mpsc::channel(8);
        for piece in pieces {
            to.try_send(piece)
                .unwrap_or_else(|_| panic!("room for all"));
        }
        drop(to);
        let mut out = Vec::new();
        Incoming {
            pieces: from,
            current: Bytes::new(),
            ended: false,
        }
        .read_to_end(&mut out)
        .map(|_| out)
    }

    #[test]
    fn an_upload_ends_only_where_it_says_so() {
        let data = |text: &'static str| Piece::Data(Bytes::from_static(text.as_bytes()));
        assert_eq!(
            read(vec![data("ab"), data(""), data("c"), Piece::End]).unwrap(),
            b"abc"
        );
        assert_eq!(read(vec![Piece::End]).unwrap(), b"");
        assert_eq!(
            read(vec![data("ab")]).unwrap_err().kind(),
            io::ErrorKind::ConnectionAborted
        );
        assert_eq!(
            read(vec![]).unwrap_err().kind(),
            io::ErrorKind::ConnectionAborted
        );
    }
}
