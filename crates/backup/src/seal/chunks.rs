//! Bytes in the form in which they lie in the bucket: chunks of one constant size, each
//! sealed with its number and whether it is the last. So a chunk that was changed, moved,
//! left out or taken from elsewhere does not open, and any chunk opens by itself.

use aes_gcm_siv::aead::AeadInPlace;
use aes_gcm_siv::{Aes256GcmSiv, Nonce};

/// Bytes of the content in a chunk; the last may have fewer.
pub(crate) const CHUNK: u64 = 1 << 20;
const TAG: u64 = 16;
const SEALED: u64 = CHUNK + TAG;

/// How many bytes a content of `size` has in the bucket. One without bytes has a chunk, too.
pub(crate) fn sealed_size(size: u64) -> u64 {
    size.saturating_add(TAG * size.div_ceil(CHUNK).max(1))
}

/// Bytes of a content of `size` among the first `sealed` of the bucket's.
pub(crate) fn plain_before(sealed: u64, size: u64) -> u64 {
    (sealed / SEALED * CHUNK + (sealed % SEALED).min(CHUNK)).min(size)
}

/// Where a run of whole chunks lies in the bucket, as start and length. `start` is at a
/// chunk's beginning; the run ends with one or with the content.
pub(crate) fn sealed_range(start: u64, length: u64) -> (u64, u64) {
    (start / CHUNK * SEALED, sealed_size(length))
}

fn nonce(index: u64, last: bool) -> Nonce {
    let mut bytes = [0u8; 12];
    bytes[..8].copy_from_slice(&index.to_be_bytes());
    bytes[8] = u8::from(last);
    bytes.into()
}

/// Which chunk comes next, of how many bytes.
struct Position {
    index: u64,
    size: u64,
}

impl Position {
    /// Number, length, and whether it is the last; `None` after that.
    fn next(&mut self) -> Option<(u64, u64, bool)> {
        let start = self.index * CHUNK;
        if start >= self.size && self.index > 0 {
            return None;
        }
        let length = CHUNK.min(self.size - start);
        let chunk = (self.index, length, start + length >= self.size);
        self.index += 1;
        Some(chunk)
    }
}

/// A content on its way out.
pub(crate) struct Sealing {
    cipher: Aes256GcmSiv,
    position: Position,
    /// Sealed, and not taken yet.
    ready: Vec<u8>,
    taken: usize,
}

impl Sealing {
    pub(super) fn new(cipher: Aes256GcmSiv, size: u64) -> Self {
        Self {
            cipher,
            position: Position { index: 0, size },
            ready: Vec::new(),
            taken: 0,
        }
    }

    /// The next `length` bytes of the sealed form, fewer at its end. `read` answers
    /// exactly so many of the content's next bytes.
    pub(crate) fn take<E>(
        &mut self,
        length: usize,
        mut read: impl FnMut(usize) -> Result<Vec<u8>, E>,
    ) -> Result<Vec<u8>, E> {
        let mut out = Vec::with_capacity(length);
        loop {
            let left = &self.ready[self.taken..];
            let now = left.len().min(length - out.len());
            out.extend_from_slice(&left[..now]);
            self.taken += now;
            if out.len() == length {
                return Ok(out);
            }
            let Some((index, bytes, last)) = self.position.next() else {
                return Ok(out);
            };
            self.ready = read(bytes as usize)?;
            self.taken = 0;
            let tag =
                self.cipher
                    .encrypt_in_place_detached(&nonce(index, last), b"", &mut self.ready);
            let Ok(tag) = tag else {
                // It refuses only more than 64 GiB.
                unreachable!("a chunk is within what the cipher takes");
            };
            self.ready.extend_from_slice(&tag);
        }
    }
}

/// A content on its way back.
pub(crate) struct Opening {
    cipher: Aes256GcmSiv,
    position: Position,
}

/// Not what was sealed, or not here.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NotSealed;

impl Opening {
    pub(super) fn new(cipher: Aes256GcmSiv, size: u64, from: u64) -> Self {
        Self {
            cipher,
            position: Position {
                index: from / CHUNK,
                size,
            },
        }
    }

    /// The next whole chunks.
    pub(crate) fn open(&mut self, mut sealed: &[u8]) -> Result<Vec<u8>, NotSealed> {
        let mut out = Vec::with_capacity(sealed.len());
        while !sealed.is_empty() {
            let (index, length, last) = self.position.next().ok_or(NotSealed)?;
            let (chunk, rest) = sealed
                .split_at_checked((length + TAG) as usize)
                .ok_or(NotSealed)?;
            sealed = rest;
            let (body, tag) = chunk.split_at(length as usize);
            let begin = out.len();
            out.extend_from_slice(body);
            self.cipher
                .decrypt_in_place_detached(&nonce(index, last), b"", &mut out[begin..], tag.into())
                .map_err(|_| NotSealed)?;
        }
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{DataKey, ObjectSeal};
    use super::*;

    const K: usize = CHUNK as usize;

    fn content(size: usize) -> Vec<u8> {
        (0..size).map(|n| (n * 31 % 251) as u8).collect()
    }

    fn seal(key: u8, content: &[u8]) -> ObjectSeal {
        use sha2::Digest as _;
        ObjectSeal {
            key: DataKey::of(&[key; 32]),
            sha256: hex::encode(sha2::Sha256::digest(content)),
            size: content.len() as u64,
        }
    }

    /// Read in steps of `step`.
    fn sealed(seal: &ObjectSeal, content: &[u8], step: usize) -> Vec<u8> {
        let (mut sealing, mut at, mut out) = (seal.sealing(), 0, Vec::new());
        loop {
            let part = sealing.take(step, |length| {
                at += length;
                Ok::<_, ()>(content[at - length..at].to_vec())
            });
            let part = part.unwrap();
            out.extend_from_slice(&part);
            if part.len() < step {
                return out;
            }
        }
    }

    fn opened(seal: &ObjectSeal, sealed: &[u8]) -> Result<Vec<u8>, NotSealed> {
        seal.opening(0).open(sealed)
    }

    #[test]
    fn it_comes_back_whatever_the_steps_and_is_the_same_each_time() {
        for size in [0, 1, K - 1, K, K + 1, 2 * K, 2 * K + 70_000] {
            let content = content(size);
            let seal = seal(1, &content);
            let whole = sealed(&seal, &content, size + K);
            assert_eq!(whole.len() as u64, sealed_size(size as u64), "{size}");
            let all = plain_before(whole.len() as u64, size as u64);
            assert_eq!(all, size as u64);
            for step in [7_777, K, K + 16, 5 * K / 3] {
                assert_eq!(sealed(&seal, &content, step), whole, "{size} by {step}");
            }
            assert_eq!(opened(&seal, &whole).unwrap(), content);
            assert!(size < 64 || !whole.windows(64).any(|w| content.starts_with(w)));
        }
    }

    #[test]
    fn it_opens_from_any_chunk_on() {
        let content = content(3 * K + 5);
        let seal = seal(1, &content);
        let whole = sealed(&seal, &content, K);
        for start in [0, K, 2 * K, 3 * K] {
            let (from, length) = sealed_range(start as u64, (content.len() - start) as u64);
            let (from, to) = (from as usize, (from + length) as usize);
            assert_eq!(to, whole.len());
            let rest = seal.opening(start as u64).open(&whole[from..to]).unwrap();
            assert_eq!(rest, content[start..]);
        }
        let (from, length) = sealed_range(K as u64, K as u64);
        let middle = &whole[from as usize..(from + length) as usize];
        assert_eq!(
            seal.opening(K as u64).open(middle).unwrap(),
            content[K..2 * K]
        );
    }

    #[test]
    fn what_was_touched_does_not_open() {
        let content = content(2 * K + 9);
        let seal_of = seal(1, &content);
        let whole = sealed(&seal_of, &content, K);
        let chunk = K + 16;
        let refused = |what: &str, bytes: &[u8]| {
            assert_eq!(opened(&seal_of, bytes), Err(NotSealed), "{what}");
        };
        for at in [0, 5, K, chunk - 1, chunk, whole.len() - 1] {
            let mut flipped = whole.clone();
            flipped[at] ^= 0x40;
            refused("a bit flipped", &flipped);
        }
        let swapped = [
            &whole[chunk..2 * chunk],
            &whole[..chunk],
            &whole[2 * chunk..],
        ]
        .concat();
        refused("chunks swapped", &swapped);
        let twice = [&whole[..chunk], &whole[..chunk], &whole[2 * chunk..]].concat();
        refused("a chunk twice", &twice);
        refused("cut within a chunk", &whole[..whole.len() - 1]);
        refused("more behind it", &[&whole[..], b"more"].concat());
        assert_eq!(
            opened(&seal(2, &content), &whole),
            Err(NotSealed),
            "another key"
        );
        let other = seal(1, &content[1..]);
        assert_eq!(
            opened(&other, &whole[..chunk]),
            Err(NotSealed),
            "another content's"
        );
        // Cut at a chunk's end, by somebody who makes the size fit: the last chunk is marked.
        let shorter = ObjectSeal {
            size: 2 * K as u64,
            ..seal_of.clone()
        };
        assert_eq!(opened(&shorter, &whole[..2 * chunk]), Err(NotSealed));
    }
}
