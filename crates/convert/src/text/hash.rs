//! A text's hash, made of the eight bytes that were loaded for other reasons already.

use super::values;

/// `head` is the first eight bytes as a word, zeros past the end.
#[inline(always)]
pub(crate) fn hash(head: u64, text: &[u8]) -> u64 {
    let hash = if text.len() <= 8 {
        fold(head ^ ((text.len() as u64) << 56), 0xE703_7ED1_A0B4_28DB)
    } else {
        hash_long(text)
    };
    // Digits differ in few bits: one multiplication does not spread them enough.
    fold(hash, 0x9E37_79B9_7F4A_7C15)
}

#[inline(always)]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a ^ 0xA076_1D64_78BD_642F) * u128::from(b);
    (product >> 64) as u64 ^ product as u64
}

/// Of more than eight bytes.
#[inline]
fn hash_long(text: &[u8]) -> u64 {
    let mut hash = text.len() as u64;
    let mut at = 0;
    while at + 8 < text.len() {
        hash = fold(hash ^ values::load8(text, at), 0xE703_7ED1_A0B4_28DB);
        at += 8;
    }
    fold(
        hash ^ values::load8(text, text.len() - 8),
        0x9E37_79B9_7F4A_7C15,
    )
}
