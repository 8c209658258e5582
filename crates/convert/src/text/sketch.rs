//! How many different texts a column has, within 1.6 %, in four kilobytes (HyperLogLog).

use super::values;

/// Registers for one column.
#[derive(Debug, Clone)]
pub(crate) struct Sketch {
    /// How many, as a power of two.
    precision: u32,
    registers: Vec<u8>,
}

impl Sketch {
    pub(crate) fn new(precision: u32) -> Self {
        Sketch {
            precision,
            registers: vec![0; 1 << precision],
        }
    }

    /// Takes a text in; `head` is its first eight bytes as a word, zeros past its end.
    #[inline(always)]
    pub(crate) fn add(&mut self, head: u64, text: &[u8]) {
        let hash = if text.len() <= 8 {
            fold(head ^ ((text.len() as u64) << 56), 0xE703_7ED1_A0B4_28DB)
        } else {
            hash_long(text)
        };
        // Digits differ in few bits: one multiplication does not spread them enough.
        let hash = fold(hash, 0x9E37_79B9_7F4A_7C15);
        // The bit put in bounds the count of zeros where all others are.
        let rest = (hash << self.precision) | (1 << (self.precision - 1));
        let rank = rest.leading_zeros() as u8 + 1;
        let register = &mut self.registers[(hash >> (64 - self.precision)) as usize];
        *register = (*register).max(rank);
    }

    pub(crate) fn merge(&mut self, from: &Sketch) {
        for (a, b) in self.registers.iter_mut().zip(&from.registers) {
            *a = (*a).max(*b);
        }
    }

    /// Next to exact below a thousand, where empty registers tell more than full ones.
    pub(crate) fn estimate(&self) -> u64 {
        let m = self.registers.len() as f64;
        let sum: f64 = self.registers.iter().map(|r| (-f64::from(*r)).exp2()).sum();
        let empty = self.registers.iter().filter(|r| **r == 0).count() as f64;
        let raw = 0.7213 / (1.0 + 1.079 / m) * m * m / sum;
        let estimate = if raw <= 2.5 * m && empty > 0.0 {
            m * (m / empty).ln()
        } else {
            raw
        };
        estimate.round() as u64
    }
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
