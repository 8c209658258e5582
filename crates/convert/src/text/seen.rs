//! What the values of a column have in common: ranges, and the form of dates and times.

use super::times::{Order, StampSeen, Zone};

/// Least and most of something.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Range<T> {
    pub low: T,
    pub high: T,
}

pub(crate) fn widen<T: PartialOrd + Copy>(range: &mut Option<Range<T>>, value: T) {
    match range {
        None => {
            *range = Some(Range {
                low: value,
                high: value,
            })
        }
        Some(r) => {
            if value < r.low {
                r.low = value;
            }
            if value > r.high {
                r.high = value;
            }
        }
    }
}

pub(crate) fn join<T: PartialOrd + Copy>(into: &mut Option<Range<T>>, from: Option<Range<T>>) {
    if let Some(r) = from {
        widen(into, r.low);
        widen(into, r.high);
    }
}

/// What a column's dates and times have in common.
#[derive(Debug, Clone, Default)]
pub(crate) struct Times {
    /// Between date and time, seconds told, zone: one for all, or the column is mixed.
    pub stamp: Option<(u8, bool, Zone)>,
    pub time_seconds: Option<bool>,
    pub digits: Option<Range<u8>>,
    /// A fraction ends in 0.
    pub zero_ended: bool,
    pub mark: Option<u8>,
    pub year_first: Option<bool>,
    pub padded_zero: bool,
    pub single: bool,
    /// Under each order: still possible, and the days.
    pub impossible: [bool; 3],
    pub days: [Option<Range<i32>>; 3],
    pub nanos: Option<Range<i128>>,
}

pub(crate) const ORDERS: [Order; 3] = [Order::Dmy, Order::Mdy, Order::Ymd];

impl Times {
    #[inline(always)]
    pub(crate) fn note_stamp(&mut self, stamp: &StampSeen, value: &[u8]) {
        widen(&mut self.nanos, stamp.nanos());
        widen(&mut self.digits, stamp.time.digits);
        if stamp.time.digits > 0 {
            // The date, `T`, `hh:mm:ss.` and the digits.
            let end = 20 + usize::from(stamp.time.digits);
            self.zero_ended |= value[end - 1] == b'0';
        }
    }

    /// False where the two have different forms.
    pub(crate) fn merge(&mut self, from: Times) -> bool {
        fn same<T: PartialEq>(a: &mut Option<T>, b: Option<T>) -> bool {
            match (&*a, b) {
                (Some(x), Some(y)) => *x == y,
                (None, b) => {
                    *a = b;
                    true
                }
                _ => true,
            }
        }
        let one = same(&mut self.stamp, from.stamp)
            & same(&mut self.time_seconds, from.time_seconds)
            & same(&mut self.mark, from.mark)
            & same(&mut self.year_first, from.year_first);
        join(&mut self.digits, from.digits);
        self.zero_ended |= from.zero_ended;
        self.padded_zero |= from.padded_zero;
        self.single |= from.single;
        for i in 0..3 {
            self.impossible[i] |= from.impossible[i];
            join(&mut self.days[i], from.days[i]);
        }
        join(&mut self.nanos, from.nanos);
        one
    }
}
