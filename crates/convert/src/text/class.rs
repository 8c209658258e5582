//! The classes that a column's texts fall into, narrow enough that a type can be told from
//! which of them were seen.

/// What a text can be. Each is noted with the first text that was it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Class {
    Bool,
    /// Whole, up to 18 digits.
    Whole,
    /// Whole, up to 38.
    Wide,
    /// With a decimal point, as a DECIMAL prints.
    Decimal,
    /// `12.0`: as a DOUBLE it is printed so only where all whole numbers are.
    PointZero,
    /// A decimal that no DOUBLE prints: zeros at the end, or too many digits.
    NotDouble,
    /// Only a DOUBLE prints it: `1e+20`, `nan`.
    Double,
    /// Only a DOUBLE whose whole numbers stand without `.0` prints it: `-0`.
    ShortDouble,
    Date,
    /// `13/02/2026` and the like.
    OtherDate,
    Stamp,
    Time,
    /// Anything else, and `""`.
    Text,
    /// `""` itself.
    Empty,
    /// Two forms of a kind that has one for the whole column.
    Mixed,
}

impl Class {
    pub(crate) const COUNT: usize = 15;

    #[inline]
    pub(crate) fn bit(self) -> u16 {
        1 << self as u8
    }
}

/// The bits of all classes that are numbers.
pub(crate) const NUMBERS: u16 = 0b1111_1110;
