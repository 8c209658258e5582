//! What a value looks like by itself, and what the values of a column look like together.
//! A look, not a type: types are proved elsewhere, from every value of the file.

/// From the bytes of one value, quotes taken off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub(crate) enum Kind {
    Empty,
    /// A word for "no value": `-`, `n/a`, `..`.
    Mark,
    Integer,
    /// With a fraction, thousands, an exponent, a currency or a percent sign.
    Number,
    /// A date, with or without a time.
    Date,
    /// A time of day, or a span of it.
    Time,
    /// Letters and digits in one piece: `E07000223`, `A-12`.
    Code,
    /// Letters in one piece.
    Word,
    Prose,
}

const KINDS: usize = 9;

impl Kind {
    /// A number or a point in time: what a name of a column seldom is.
    pub(crate) fn is_typed(self) -> bool {
        matches!(self, Kind::Integer | Kind::Number | Kind::Date | Kind::Time)
    }

    pub(crate) fn is_text(self) -> bool {
        matches!(self, Kind::Code | Kind::Word | Kind::Prose)
    }

    pub(crate) fn is_blank(self) -> bool {
        matches!(self, Kind::Empty | Kind::Mark)
    }

    /// Kinds that stand for each other in a column.
    fn family(self) -> u8 {
        match self {
            Kind::Empty | Kind::Mark => 0,
            Kind::Integer | Kind::Number => 1,
            Kind::Date => 2,
            Kind::Time => 3,
            Kind::Code => 4,
            Kind::Word | Kind::Prose => 5,
        }
    }
}

/// Longer values are prose: nobody writes a number like that.
const LONGEST_TYPED: usize = 48;

pub(crate) fn kind(value: &[u8]) -> Kind {
    let value = trim(value);
    if value.is_empty() {
        return Kind::Empty;
    }
    if is_mark(value) {
        return Kind::Mark;
    }
    if value.len() <= LONGEST_TYPED && value.iter().any(u8::is_ascii_digit) {
        // A note's asterisk behind a number.
        let value = value.strip_suffix(b"*").unwrap_or(value).trim_ascii_end();
        if let Some(kind) = number(value) {
            return kind;
        }
        if is_when(value) {
            let clock = value.contains(&b':') && !value.iter().any(|b| b"-/".contains(b));
            return if clock && value.len() <= 18 {
                Kind::Time
            } else {
                Kind::Date
            };
        }
    }
    let (mut digits, mut spaces, mut others) = (false, false, false);
    for b in value {
        match b {
            b'0'..=b'9' => digits = true,
            b' ' | b'\t' | b'\n' | b'\r' => spaces = true,
            b'a'..=b'z' | b'A'..=b'Z' | 0x80.. | b'_' | b'-' | b'\'' | b'.' => {}
            _ => others = true,
        }
    }
    match (spaces, digits, others) {
        (false, true, _) => Kind::Code,
        (false, false, false) => Kind::Word,
        _ => Kind::Prose,
    }
}

/// Blanks off both ends, no-break spaces among them.
pub(crate) fn trim(mut value: &[u8]) -> &[u8] {
    loop {
        value = value.trim_ascii();
        if let Some(rest) = value.strip_prefix(b"\xC2\xA0") {
            value = rest;
        } else if let Some(rest) = value.strip_suffix(b"\xC2\xA0") {
            value = rest;
        } else {
            return value;
        }
    }
}

fn is_mark(value: &[u8]) -> bool {
    const MARKS: [&[u8]; 11] = [
        b"na", b"n/d", b"n/a", b"n.a.", b"nan", b"null", b"none", b"nil", b"#n/a", b"nd", b"-9999",
    ];
    value.len() <= 5
        && (value.iter().all(|b| b"-.*:?~".contains(b))
            || value == "–".as_bytes()
            || value == "—".as_bytes()
            || MARKS.iter().any(|mark| value.eq_ignore_ascii_case(mark)))
}

/// A number as people write it, or none.
fn number(value: &[u8]) -> Option<Kind> {
    let mut rest = value;
    let mut plain = true;
    if rest.starts_with(b"(") && rest.ends_with(b")") {
        rest = &rest[1..rest.len() - 1];
        plain = false;
    }
    let signs: [&[u8]; 5] = [b"-", b"+", "−".as_bytes(), b"<", b">"];
    let money: [&[u8]; 6] = [
        b"$",
        "£".as_bytes(),
        "€".as_bytes(),
        "¥".as_bytes(),
        b"GBP",
        b"EUR",
    ];
    for _ in 0..3 {
        if let Some(r) = signs.iter().find_map(|s| rest.strip_prefix(*s)) {
            plain &= !matches!(rest[0], b'<' | b'>');
            rest = r;
        } else if let Some(r) = money.iter().find_map(|s| rest.strip_prefix(*s)) {
            rest = r.trim_ascii_start();
            plain = false;
        }
    }
    let tails: [&[u8]; 4] = [b"%", "€".as_bytes(), "£".as_bytes(), b"$"];
    if let Some(r) = tails.iter().find_map(|s| rest.strip_suffix(*s)) {
        rest = r.trim_ascii_end();
        plain = false;
    }
    // A unit: thousands of pounds.
    let unit = !plain && rest.len() >= 3 && rest.iter().all(|b| *b == b'0');
    if rest.is_empty() || unit {
        return None;
    }
    if plain && rest.iter().all(u8::is_ascii_digit) {
        return Some(Kind::Integer);
    }
    mantissa(rest).then_some(Kind::Number)
}

/// `1234`, `1.5`, `1,5`, `.5`, `1,234.50`, `1.234,50`, `1 234`, `12'345`, `1.5e-7`.
fn mantissa(rest: &[u8]) -> bool {
    let rest = match rest.iter().position(|b| matches!(b, b'e' | b'E')) {
        Some(at) => {
            let power = &rest[at + 1..];
            let power = power
                .strip_prefix(b"-")
                .or(power.strip_prefix(b"+"))
                .unwrap_or(power);
            if at == 0 || power.is_empty() || !power.iter().all(u8::is_ascii_digit) {
                return false;
            }
            &rest[..at]
        }
        None => rest,
    };
    // Runs of digits, and what stands between them.
    let mut runs = [0usize; 12];
    let mut marks = [0u8; 12];
    let mut n = 0;
    let mut i = 0;
    while i < rest.len() {
        match rest[i] {
            b'0'..=b'9' => runs[n] += 1,
            mark @ (b'.' | b',' | b'\'' | b' ') => {
                if n == runs.len() - 1 {
                    return false;
                }
                marks[n] = mark;
                n += 1;
            }
            0xC2 if rest.get(i + 1) == Some(&0xA0) && n < runs.len() - 1 => {
                i += 1;
                marks[n] = b' ';
                n += 1;
            }
            _ => return false,
        }
        i += 1;
    }
    let groups = &runs[..=n];
    let marks = &marks[..n];
    if groups.iter().sum::<usize>() == 0 {
        return false;
    }
    match marks {
        [] => true,
        [b'.' | b','] => groups[0] + groups[1] > 0,
        [b'\'' | b' '] => groups[1] == 3 && (1..=3).contains(&groups[0]),
        [first, .., last] => {
            let grouped = if first == last {
                groups.len()
            } else {
                groups.len() - 1
            };
            let same = marks[..grouped - 1].iter().all(|m| m == first);
            let threes = groups[1..grouped].iter().all(|g| *g == 3 || *g == 2);
            let fraction = first == last || matches!(last, b'.' | b',');
            same && threes && fraction && (1..=3).contains(&groups[0])
        }
        _ => false,
    }
}

const MONTHS: [&[u8]; 12] = [
    b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec",
];

/// Groups of digits (one to four, or eight at once) with marks of time between them, and of
/// letters only names of months and days, and the few that times are written with.
fn is_when(value: &[u8]) -> bool {
    let (mut groups, mut longest, mut marks, mut month) = (0, 0, 0, false);
    let mut i = 0;
    while i < value.len() {
        let start = i;
        match value[i] {
            b'0'..=b'9' => {
                while i < value.len() && value[i].is_ascii_digit() {
                    i += 1;
                }
                groups += 1;
                // A fraction of a second may be longer.
                if start == 0 || value[start - 1] != b'.' || groups < 4 {
                    longest = longest.max(i - start);
                }
            }
            b'A'..=b'Z' | b'a'..=b'z' => {
                while i < value.len() && value[i].is_ascii_alphabetic() {
                    i += 1;
                }
                let word = &value[start..i];
                if is_month(word) {
                    month = true;
                } else if !is_time_word(word) {
                    return false;
                }
            }
            b'-' | b'/' | b':' => {
                marks += 1;
                i += 1;
            }
            b'.' => {
                marks += usize::from(groups > 0);
                i += 1;
            }
            b' ' | b',' | b'+' => i += 1,
            _ => return false,
        }
    }
    // Dots alone make a date only of three groups in one piece: 31.12.2019.
    let dots = value.iter().all(|b| b.is_ascii_digit() || *b == b'.');
    let dated = if dots {
        groups == 3 && marks == 2 && value.len() >= 6
    } else {
        value.iter().any(|b| b"-/:".contains(b)) && groups >= 2 && marks + 4 >= groups
    };
    longest <= 4 && groups <= 9 && (month || dated)
}

fn is_month(word: &[u8]) -> bool {
    word.len() >= 3
        && word.len() <= 9
        && MONTHS.iter().any(|m| word[..3].eq_ignore_ascii_case(m))
        && (word.len() <= 4
            || word.ends_with(b"y")
            || word.ends_with(b"h")
            || word.ends_with(b"r")
            || word.ends_with(b"l")
            || word.ends_with(b"e")
            || word.ends_with(b"t"))
}

fn is_time_word(word: &[u8]) -> bool {
    const WORDS: [&[u8]; 18] = [
        b"t", b"z", b"am", b"pm", b"utc", b"gmt", b"st", b"nd", b"rd", b"th", b"q", b"mon", b"tue",
        b"wed", b"thu", b"fri", b"sat", b"sun",
    ];
    WORDS.iter().any(|w| word.eq_ignore_ascii_case(w))
}

/// What a sample showed of a column's values.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ColumnShape {
    kinds: [u32; KINDS],
    /// Bytes of all values, for how long they are.
    bytes: u64,
    /// Values with a delimiter inside quotes.
    pub parted: u32,
}

impl ColumnShape {
    pub(crate) fn add(&mut self, kind: Kind, length: usize) {
        self.kinds[kind as usize] += 1;
        self.bytes += length as u64;
    }

    pub(crate) fn count(&self, kind: Kind) -> u32 {
        self.kinds[kind as usize]
    }

    pub(crate) fn total(&self) -> u32 {
        self.kinds.iter().sum()
    }

    /// Values that say something.
    pub(crate) fn told(&self) -> u32 {
        self.total() - self.count(Kind::Empty) - self.count(Kind::Mark)
    }

    pub(crate) fn mean_length(&self) -> f32 {
        self.bytes as f32 / (self.total() - self.count(Kind::Empty)).max(1) as f32
    }

    fn family(&self, of: Kind) -> u32 {
        const ALL: [Kind; KINDS] = [
            Kind::Empty,
            Kind::Mark,
            Kind::Integer,
            Kind::Number,
            Kind::Date,
            Kind::Time,
            Kind::Code,
            Kind::Word,
            Kind::Prose,
        ];
        ALL.iter()
            .filter(|k| k.family() == of.family())
            .map(|k| self.count(*k))
            .sum()
    }

    /// Share of the telling values that are numbers or times; 0 where none tells.
    pub(crate) fn typed_share(&self) -> f32 {
        let numbers = self.family(Kind::Integer);
        let times = self.count(Kind::Date).max(self.count(Kind::Time));
        numbers.max(times) as f32 / self.told().max(1) as f32
    }

    /// Numbers or times, four of five and more.
    pub(crate) fn is_typed(&self) -> bool {
        self.told() > 0 && self.typed_share() >= 0.8
    }

    /// How well a value of this kind stands in this column: 0 (never seen) to 1.
    pub(crate) fn affinity(&self, kind: Kind) -> f32 {
        let total = self.total();
        if total == 0 {
            return 0.5;
        }
        match kind {
            Kind::Empty => 0.15 + 0.85 * self.count(Kind::Empty) as f32 / total as f32,
            Kind::Mark => 0.6,
            _ => {
                let told = self.told();
                if told == 0 {
                    return 0.2;
                }
                let same = self.family(kind) as f32 / told as f32;
                // Text takes anything in, if not gladly.
                let texts = (self.count(Kind::Code)
                    + self.count(Kind::Word)
                    + self.count(Kind::Prose)) as f32
                    / told as f32;
                let lenient = if kind.is_text() { 0.7 } else { 0.25 };
                same.max(texts * lenient)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_told_by_their_look() {
        let cases: &[(&str, Kind)] = &[
            ("", Kind::Empty),
            ("  ", Kind::Empty),
            ("-", Kind::Mark),
            ("n/a", Kind::Mark),
            ("..", Kind::Mark),
            ("007", Kind::Integer),
            ("-12", Kind::Integer),
            ("1.5", Kind::Number),
            ("1,5", Kind::Number),
            ("1,234,567", Kind::Number),
            ("1.234.567,89", Kind::Number),
            ("12 345", Kind::Number),
            ("£1,200.00", Kind::Number),
            ("(1,200)", Kind::Number),
            ("12%", Kind::Number),
            ("1.2e-7", Kind::Number),
            ("2019-01-31", Kind::Date),
            ("31/01/2019", Kind::Date),
            ("2019-01-31T10:00:00.123456Z", Kind::Date),
            ("10:30", Kind::Time),
            ("Jan-19", Kind::Date),
            ("12 March 2014", Kind::Date),
            ("E07000223", Kind::Code),
            ("A-12", Kind::Code),
            ("Rome", Kind::Word),
            ("São", Kind::Word),
            ("New York", Kind::Prose),
            ("5;2", Kind::Code),
            ("10:00:00,5,abc", Kind::Code),
            ("31.12.2019", Kind::Date),
            ("£000", Kind::Code),
            ("120*", Kind::Integer),
            ("0.000   12.50    181.2", Kind::Prose),
            ("Total for 2019", Kind::Prose),
            ("Marketing", Kind::Word),
        ];
        for (value, wanted) in cases {
            assert_eq!(kind(value.as_bytes()), *wanted, "{value:?}");
        }
    }

    #[test]
    fn a_column_prefers_what_it_is_made_of() {
        let mut shape = ColumnShape::default();
        for value in ["1", "2.5", "", "3"] {
            shape.add(kind(value.as_bytes()), value.len());
        }
        assert!(shape.is_typed());
        assert!(shape.affinity(Kind::Number) > 0.9);
        assert!(shape.affinity(Kind::Word) < 0.1);
        assert!(shape.affinity(Kind::Empty) > 0.3);
    }
}
