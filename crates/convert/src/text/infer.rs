//! What a column's texts are, seen over a whole file: for every value the narrow kinds
//! that would print it back are noted, and so are counts, extremes, an estimate of how
//! many are different, and a sample. [`super::settle`] makes a type of it. Each core has
//! notes of its own, put together at the end.

use super::cells::Block;
pub(crate) use super::class::{Class, NUMBERS};
use super::hash::hash;
use super::lenient::{Asked, Scalar, Value};
pub(crate) use super::seen::ORDERS;
pub(crate) use super::seen::Range;
use super::seen::{Times, join, widen};
use super::stooq::Expected;
use super::{times, values};
use crate::sketch::Sketch;

/// A place in the file: chunk, and line in it. Lines of the file are known at the end.
pub(crate) type Place = (u32, u32);

#[derive(Debug, Clone)]
pub(crate) struct First {
    pub at: Place,
    pub text: Box<[u8]>,
}

/// The first value of each class that came. Few come in one column, and there may be very
/// many columns.
#[derive(Debug, Clone, Default)]
struct Firsts(Vec<(Class, First)>);

impl Firsts {
    fn of(&self, class: Class) -> Option<&First> {
        let mut all = self.0.iter();
        all.find(|(c, _)| *c == class).map(|(_, first)| first)
    }

    /// Keeps the earlier of two.
    fn note(&mut self, class: Class, first: First) {
        match self.0.iter_mut().find(|(c, _)| *c == class) {
            Some((_, kept)) if kept.at <= first.at => {}
            Some((_, kept)) => *kept = first,
            None => self.0.push((class, first)),
        }
    }
}

/// What the next value probably is, so that it is tried first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Likely {
    Unknown,
    Whole,
    Decimal,
    Date,
    Stamp,
    /// No type is possible any more, or none is looked for.
    Text,
}

/// How all columns are to be looked at.
#[derive(Debug, Clone)]
pub(crate) struct Terms {
    pub null: Option<Vec<u8>>,
    pub point: u8,
    /// Registers of the estimate, as a power of two.
    pub precision: u32,
    /// Texts kept of each column for a histogram; 0 for none.
    pub sample: usize,
    /// Types are looked for at all.
    pub types: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct Column {
    pub values: u64,
    pub nulls: u64,
    pub empties: u64,
    pub longest: u32,
    pub seen: u16,
    pub counts: [u64; Class::COUNT],
    firsts: Firsts,
    pub whole: Option<Range<i64>>,
    /// All digits of the decimals of up to 18, by how many stand behind the point; as long as
    /// the most of those.
    pub scaled: Vec<Option<Range<i64>>>,
    /// Numbers of more digits, with theirs.
    pub wide: Option<Range<i128>>,
    pub wide_scales: Option<Range<u8>>,
    /// Digits before the point, of the wide ones.
    pub wide_head: u8,
    pub doubles: Option<Range<f64>>,
    pub finite: bool,
    pub nan: bool,
    pub times: Times,
    pub dates: Option<Range<i32>>,
    /// Of all values as text, by their bytes.
    pub least: Vec<u8>,
    pub most: Vec<u8>,
    least_head: u64,
    most_head: u64,
    sketch: Sketch,
    pub examples: Vec<(Place, Box<[u8]>)>,
    example_tries: u32,
    pub sample: Vec<Option<Box<[u8]>>>,
    likely: Likely,
    /// A type that was asked for, and values that are printed otherwise than they stand.
    pub asked: Option<Asked>,
    pub asked_range: Option<Range<f64>>,
    /// What a known layout has here, and whether a value was something else.
    pub expected: Option<Expected>,
    pub unexpected: bool,
}

/// Different texts kept as examples.
const EXAMPLES: usize = 5;
const EXAMPLE_TRIES: u32 = 2_000;
/// Bytes kept of a text that is shown.
pub(crate) const SHOWN: usize = 1024;

impl Column {
    pub(crate) fn new(terms: &Terms, asked: Option<Asked>, expected: Option<Expected>) -> Self {
        let likely = if terms.types && asked.is_none() {
            Likely::Unknown
        } else {
            Likely::Text
        };
        Column {
            values: 0,
            nulls: 0,
            empties: 0,
            longest: 0,
            seen: 0,
            counts: [0; Class::COUNT],
            firsts: Firsts::default(),
            whole: None,
            scaled: Vec::new(),
            wide: None,
            wide_scales: None,
            wide_head: 0,
            doubles: None,
            finite: false,
            nan: false,
            times: Times::default(),
            dates: None,
            least: Vec::new(),
            most: Vec::new(),
            least_head: u64::MAX,
            most_head: 0,
            sketch: Sketch::new(terms.precision),
            examples: Vec::new(),
            example_tries: 0,
            sample: Vec::new(),
            likely,
            asked,
            asked_range: None,
            expected,
            unexpected: false,
        }
    }

    /// Looks at column `col` of every row.
    pub(crate) fn take(
        &mut self,
        text: &[u8],
        block: &Block,
        col: usize,
        chunk: u32,
        terms: &Terms,
    ) {
        let cells = block.cells.iter().skip(col).step_by(block.width);
        for (cell, line) in cells.zip(&block.lines) {
            let (at, len) = (cell.start(), cell.len());
            if !cell.quoted() && (len == 0 || terms.null.as_deref() == Some(cell.of(text))) {
                self.nulls += 1;
                continue;
            }
            self.values += 1;
            self.longest = self.longest.max(len as u32);
            let head = values::low(values::load8(text, at), len);
            self.sketch.add(hash(head, &text[at..at + len]));
            // As big-endian numbers, eight bytes compare as their text does.
            let order = head.swap_bytes();
            let tie = len > 8 || self.least.len() > 8;
            if order < self.least_head
                || order > self.most_head
                || (tie && (order == self.least_head || order == self.most_head))
                || self.values == 1
            {
                self.extremes(&text[at..at + len], order);
            }
            if self.examples.len() < EXAMPLES && self.example_tries < EXAMPLE_TRIES {
                self.example(&text[at..at + len], (chunk, *line));
            }
            if let Some(expected) = self.expected {
                self.unexpected |= !expected.holds(&text[at..at + len]);
            }
            match self.likely {
                Likely::Text => {
                    if len == 0 {
                        self.empties += 1;
                        if self.seen & Class::Empty.bit() == 0 {
                            self.note(Class::Empty, (chunk, *line), b"");
                        }
                    }
                    continue;
                }
                Likely::Whole => {
                    if len > 0
                        && let Some(value) = values::whole(text, at, len)
                    {
                        widen(&mut self.whole, value);
                        self.counts[Class::Whole as usize] += 1;
                        continue;
                    }
                }
                Likely::Decimal => {
                    if len > 0
                        && let Some((value, scale)) = values::decimal(text, at, len, terms.point)
                    {
                        // Values of classes that are noted already need no second look.
                        let noted = if text[at + len - 1] == b'0' {
                            let class = if scale == 1 {
                                Class::PointZero
                            } else {
                                Class::NotDouble
                            };
                            self.seen & class.bit() != 0
                        } else {
                            short_double(value, scale)
                        };
                        if noted {
                            self.scaled(scale, value);
                            self.counts[Class::Decimal as usize] += 1;
                            continue;
                        }
                    }
                }
                Likely::Date => {
                    if let Some(days) = times::iso_date(&text[at..at + len]) {
                        widen(&mut self.dates, days);
                        self.counts[Class::Date as usize] += 1;
                        continue;
                    }
                }
                Likely::Stamp => {
                    let value = &text[at..at + len];
                    if let Some(stamp) = times::stamp(value)
                        && self.times.stamp == Some((stamp.between, stamp.time.seconds, stamp.zone))
                    {
                        self.times.note_stamp(&stamp, value);
                        self.counts[Class::Stamp as usize] += 1;
                        continue;
                    }
                }
                Likely::Unknown => {}
            }
            self.classify(text, at, len, (chunk, *line), terms.point);
        }
    }

    /// Notes what a value is that was not what it was expected to be.
    fn classify(&mut self, text: &[u8], at: usize, len: usize, place: Place, point: u8) {
        let value = &text[at..at + len];
        let class = self.class(text, at, len, place, point);
        self.counts[class as usize] += 1;
        if self.seen & class.bit() == 0 {
            self.note(class, place, value);
        }
        self.likely = match class {
            _ if self.hopeless() => Likely::Text,
            Class::Whole => Likely::Whole,
            Class::Decimal => Likely::Decimal,
            Class::Date => Likely::Date,
            Class::Stamp => Likely::Stamp,
            _ => self.likely,
        };
    }

    fn note(&mut self, class: Class, at: Place, text: &[u8]) {
        self.seen |= class.bit();
        let text = text[..text.len().min(SHOWN)].into();
        self.firsts.note(class, First { at, text });
    }

    /// The first value that was of a class.
    pub(crate) fn first(&self, class: Class) -> Option<&First> {
        self.firsts.of(class)
    }

    /// Of the first values of their classes, the one that came last.
    pub(crate) fn last_first(&self) -> Option<&First> {
        self.firsts.0.iter().map(|(_, f)| f).max_by_key(|f| f.at)
    }

    #[inline(always)]
    fn scaled(&mut self, scale: usize, digits: i64) {
        if scale >= self.scaled.len() {
            self.scaled.resize(scale + 1, None);
        }
        widen(&mut self.scaled[scale], digits);
    }

    /// Whether no type can come of it any more.
    fn hopeless(&self) -> bool {
        let text = Class::Text.bit() | Class::Mixed.bit() | Class::Empty.bit();
        let groups = [
            Class::Bool.bit(),
            NUMBERS,
            Class::Date.bit(),
            Class::OtherDate.bit(),
            Class::Stamp.bit(),
            Class::Time.bit(),
        ];
        self.seen & text != 0 || groups.iter().filter(|g| self.seen & **g != 0).count() > 1
    }

    fn class(&mut self, text: &[u8], at: usize, len: usize, place: Place, point: u8) -> Class {
        let value = &text[at..at + len];
        let Some(first) = value.first() else {
            self.empties += 1;
            if self.seen & Class::Empty.bit() == 0 {
                self.note(Class::Empty, place, b"");
            }
            return Class::Text;
        };
        match first {
            b'0'..=b'9' | b'-' => {
                if let Some(whole) = values::whole(text, at, len) {
                    widen(&mut self.whole, whole);
                    return Class::Whole;
                }
                if let Some((digits, scale)) = values::decimal(text, at, len, point) {
                    return self.decimal(value, digits, scale, place, point);
                }
                if let Some(time) = self.time(value, place) {
                    return time;
                }
                self.odd_number(value, place, point)
            }
            b't' if value == b"true" => Class::Bool,
            b'f' if value == b"false" => Class::Bool,
            b'n' | b'i' => self.odd_number(value, place, point),
            _ => Class::Text,
        }
    }

    fn decimal(
        &mut self,
        value: &[u8],
        digits: i64,
        scale: usize,
        place: Place,
        point: u8,
    ) -> Class {
        self.scaled(scale, digits);
        let zero = value.ends_with(b"0");
        let printed = if zero {
            scale == 1 && digits.unsigned_abs() < 1_000_000_000_000_000
        } else {
            short_double(digits, scale)
        } || double_prints(value, false, point);
        let class = if !printed {
            Class::NotDouble
        } else if zero {
            Class::PointZero
        } else {
            return Class::Decimal;
        };
        if self.seen & class.bit() == 0 {
            self.note(class, place, value);
        }
        Class::Decimal
    }

    fn time(&mut self, value: &[u8], place: Place) -> Option<Class> {
        let times = &mut self.times;
        let (class, seen, mixed) = if let Some(stamp) = times::stamp(value) {
            let form = (stamp.between, stamp.time.seconds, stamp.zone);
            let mixed = *times.stamp.get_or_insert(form) != form;
            times.note_stamp(&stamp, value);
            if mixed && self.seen & Class::Mixed.bit() == 0 {
                self.note(Class::Mixed, place, value);
            }
            return Some(Class::Stamp);
        } else if let Some(days) = times::iso_date(value) {
            widen(&mut self.dates, days);
            return Some(Class::Date);
        } else if let Some((time, used)) =
            times::time_prefix(value).filter(|(_, n)| *n == value.len())
        {
            debug_assert_eq!(used, value.len());
            let mixed = *times.time_seconds.get_or_insert(time.seconds) != time.seconds;
            widen(&mut times.nanos, i128::from(time.nanos));
            (Class::Time, time, mixed)
        } else {
            return self.other_date(value, place);
        };
        widen(&mut times.digits, seen.digits);
        times.zero_ended |= seen.digits > 0 && value.ends_with(b"0");
        if mixed && self.seen & Class::Mixed.bit() == 0 {
            self.note(Class::Mixed, place, value);
        }
        Some(class)
    }

    fn other_date(&mut self, value: &[u8], place: Place) -> Option<Class> {
        let parts = times::date_parts(value)?;
        let days = ORDERS.map(|order| parts.days(order));
        if days.iter().all(Option::is_none) {
            return None;
        }
        let times = &mut self.times;
        let mixed = *times.mark.get_or_insert(parts.mark) != parts.mark
            || *times.year_first.get_or_insert(parts.year_first) != parts.year_first;
        times.padded_zero |= parts.zero;
        times.single |= parts.single;
        for (i, days) in days.into_iter().enumerate() {
            match days {
                Some(d) => widen(&mut times.days[i], d),
                None => times.impossible[i] = true,
            }
        }
        let mixed = mixed || (times.padded_zero && times.single) || times.impossible == [true; 3];
        if mixed && self.seen & Class::Mixed.bit() == 0 {
            self.note(Class::Mixed, place, value);
        }
        Some(Class::OtherDate)
    }

    /// A number that is neither short nor plain.
    fn odd_number(&mut self, value: &[u8], place: Place, point: u8) -> Class {
        let digits = value.iter().filter(|b| b.is_ascii_digit()).count();
        if let Some(whole) = values::whole_wide(value) {
            widen(&mut self.wide, whole);
            widen(&mut self.wide_scales, 0);
            self.wide_head = self.wide_head.max(digits as u8);
            return Class::Wide;
        }
        if let Some((all, scale)) = values::decimal_wide(value, point) {
            widen(&mut self.wide, all);
            widen(&mut self.wide_scales, scale as u8);
            self.wide_head = self.wide_head.max((digits - scale) as u8);
            if let Some(number) = values::double(value, point) {
                widen(&mut self.doubles, number);
            }
            if !double_prints(value, false, point) && self.seen & Class::NotDouble.bit() == 0 {
                self.note(Class::NotDouble, place, value);
            }
            return Class::Decimal;
        }
        let (long, short) = (
            double_prints(value, false, point),
            double_prints(value, true, point),
        );
        if !long && !short {
            return Class::Text;
        }
        if let Some(number) = values::double(value, point) {
            if number.is_finite() {
                self.finite = true;
            }
            self.nan |= number.is_nan();
            if !number.is_nan() {
                widen(&mut self.doubles, number);
            }
        }
        match (long, short) {
            (true, false) => {
                if self.seen & Class::PointZero.bit() == 0 {
                    self.note(Class::PointZero, place, value);
                }
                Class::Double
            }
            (false, true) => Class::ShortDouble,
            _ => Class::Double,
        }
    }

    #[cold]
    fn extremes(&mut self, value: &[u8], order: u64) {
        let first = self.values == 1;
        let value = &value[..value.len().min(SHOWN)];
        if first || value < self.least.as_slice() {
            self.least.clear();
            self.least.extend_from_slice(value);
            self.least_head = order;
        }
        if first || value > self.most.as_slice() {
            self.most.clear();
            self.most.extend_from_slice(value);
            self.most_head = order;
        }
    }

    #[cold]
    fn example(&mut self, value: &[u8], at: Place) {
        self.example_tries += 1;
        let value = &value[..value.len().min(SHOWN)];
        if !value.is_empty() && self.examples.iter().all(|(_, e)| **e != *value) {
            self.examples.push((at, value.into()));
        }
    }

    /// A value under the type that was asked for; none where it has none.
    pub(crate) fn asked_value(&mut self, asked: Asked, value: &[u8]) -> bool {
        let number = match asked.read(value) {
            // Every text is one.
            None => return asked.scalar == Scalar::Text,
            Some(Value::Bool(b)) => f64::from(u8::from(b)),
            Some(Value::Int(i)) => i as f64,
            Some(Value::Double(d)) => d,
        };
        if !number.is_nan() {
            widen(&mut self.asked_range, number);
        }
        true
    }

    /// Takes another core's notes in.
    pub(crate) fn merge(&mut self, from: Column) {
        self.values += from.values;
        self.nulls += from.nulls;
        self.empties += from.empties;
        self.longest = self.longest.max(from.longest);
        self.seen |= from.seen;
        for (a, b) in self.counts.iter_mut().zip(from.counts) {
            *a += b;
        }
        for (class, first) in from.firsts.0 {
            self.firsts.note(class, first);
        }
        join(&mut self.whole, from.whole);
        if self.scaled.len() < from.scaled.len() {
            self.scaled.resize(from.scaled.len(), None);
        }
        for (a, b) in self.scaled.iter_mut().zip(from.scaled) {
            join(a, b);
        }
        join(&mut self.wide, from.wide);
        join(&mut self.wide_scales, from.wide_scales);
        self.wide_head = self.wide_head.max(from.wide_head);
        join(&mut self.doubles, from.doubles);
        self.finite |= from.finite;
        self.nan |= from.nan;
        self.unexpected |= from.unexpected;
        join(&mut self.dates, from.dates);
        join(&mut self.asked_range, from.asked_range);
        if from.values > 0 {
            let first = self.values == from.values;
            if first || from.least < self.least {
                self.least = from.least;
            }
            if first || from.most > self.most {
                self.most = from.most;
            }
        }
        self.sketch.merge(&from.sketch);
        self.examples.extend(from.examples);
        self.examples.sort();
        let mut kept: Vec<(Place, Box<[u8]>)> = Vec::new();
        for example in std::mem::take(&mut self.examples) {
            if kept.len() < EXAMPLES && kept.iter().all(|(_, e)| *e != example.1) {
                kept.push(example);
            }
        }
        self.examples = kept;
        if !self.times.merge(from.times) && self.seen & Class::Mixed.bit() == 0 {
            self.seen |= Class::Mixed.bit();
        }
    }

    /// How many different values there are, estimated.
    pub(crate) fn distinct(&self) -> u64 {
        self.sketch.estimate().min(self.values)
    }
}

/// Whether a decimal that does not end in 0 is what its double prints: up to 15 digits come
/// back from a double as they are, and from 1e-4 on it prints no exponent.
#[inline(always)]
fn short_double(digits: i64, scale: usize) -> bool {
    let size = digits.unsigned_abs();
    size < 1_000_000_000_000_000 && (scale < 5 || size >= values::TEN[scale - 4])
}

/// Whether a text is what a double prints.
fn double_prints(value: &[u8], short: bool, point: u8) -> bool {
    if value.len() > 32 {
        return false;
    }
    let Some(number) = values::double(value, point) else {
        return false;
    };
    let mut printed = Vec::with_capacity(32);
    values::print_double(number, short, point, &mut printed);
    printed == value
}
