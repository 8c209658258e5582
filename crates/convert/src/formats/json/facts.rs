//! What people want to know of a column besides its type: how many different values,
//! the ends, the longest, a few examples. Bounded, whatever the column holds.

use xxhash_rust::xxh3::xxh3_64;

use super::number::integer_as_double;
use super::token::Number;
use crate::sketch::Sketch;

const EXAMPLES: usize = 5;

/// Longest text that is kept, in bytes.
const KEPT: usize = 120;

#[derive(Debug, Default)]
pub(crate) struct Facts {
    distinct: Distinct,
    /// By place in the file.
    examples: Vec<(u64, String)>,
    pub longest: u64,
    low_text: Option<Vec<u8>>,
    high_text: Option<Vec<u8>>,
    low_number: Option<(f64, String)>,
    high_number: Option<(f64, String)>,
}

impl Facts {
    #[inline]
    pub(crate) fn see_text(&mut self, value: &[u8], at: u64) {
        self.any(value, at);
        if self.low_text.as_deref().is_none_or(|low| value < low) {
            self.low_text = Some(cut(value).to_vec());
        }
        if self.high_text.as_deref().is_none_or(|high| value > high) {
            self.high_text = Some(cut(value).to_vec());
        }
    }

    #[inline]
    pub(crate) fn see_number(&mut self, number: &Number<'_>, at: u64) {
        self.any(number.raw, at);
        let value = integer_as_double(number).unwrap_or_else(|| number.double());
        if value.is_nan() {
            return;
        }
        if self.low_number.as_ref().is_none_or(|(low, _)| value < *low) {
            self.low_number = Some((value, shown(number.raw)));
        }
        if self
            .high_number
            .as_ref()
            .is_none_or(|(high, _)| value > *high)
        {
            self.high_number = Some((value, shown(number.raw)));
        }
    }

    pub(crate) fn see_word(&mut self, word: &str, at: u64) {
        self.any(word.as_bytes(), at);
    }

    pub(crate) fn see_nested(&mut self, raw: &[u8], at: u64) {
        self.any(raw, at);
    }

    #[inline]
    fn any(&mut self, raw: &[u8], at: u64) {
        self.distinct.see(xxh3_64(raw));
        self.longest = self.longest.max(raw.len() as u64);
        if self.examples.len() < EXAMPLES {
            self.example(shown(raw), at);
        }
    }

    fn example(&mut self, text: String, at: u64) {
        match self.examples.iter_mut().find(|(_, seen)| *seen == text) {
            Some((first, _)) => *first = at.min(*first),
            None => self.examples.push((at, text)),
        }
    }

    pub(crate) fn merge(&mut self, other: Facts) {
        self.distinct.merge(&other.distinct);
        self.longest = self.longest.max(other.longest);
        for (at, text) in other.examples {
            self.example(text, at);
        }
        self.examples.sort();
        self.examples.truncate(EXAMPLES);
        for text in [other.low_text, other.high_text].into_iter().flatten() {
            if self.low_text.as_ref().is_none_or(|low| text < *low) {
                self.low_text = Some(text.clone());
            }
            if self.high_text.as_ref().is_none_or(|high| text > *high) {
                self.high_text = Some(text);
            }
        }
        for (value, text) in [other.low_number, other.high_number].into_iter().flatten() {
            if self.low_number.as_ref().is_none_or(|(low, _)| value < *low) {
                self.low_number = Some((value, text.clone()));
            }
            if self
                .high_number
                .as_ref()
                .is_none_or(|(high, _)| value > *high)
            {
                self.high_number = Some((value, text));
            }
        }
    }

    pub(crate) fn distinct(&self) -> u64 {
        self.distinct.estimate()
    }

    pub(crate) fn examples(&self) -> Vec<String> {
        let mut examples = self.examples.clone();
        examples.sort();
        examples.into_iter().map(|(_, text)| text).collect()
    }

    /// Smallest and largest text, by bytes; long ones are cut.
    pub(crate) fn text_ends(&self) -> (Option<String>, Option<String>) {
        let text = |end: &Option<Vec<u8>>| end.as_deref().map(shown);
        (text(&self.low_text), text(&self.high_text))
    }

    /// Smallest and largest number, as they are spelled.
    pub(crate) fn number_ends(&self) -> (Option<String>, Option<String>) {
        let text = |end: &Option<(f64, String)>| end.as_ref().map(|(_, text)| text.clone());
        (text(&self.low_number), text(&self.high_number))
    }
}

fn cut(value: &[u8]) -> &[u8] {
    &value[..value.len().min(KEPT)]
}

/// For reading; a cut ends in `…`.
fn shown(value: &[u8]) -> String {
    if value.len() <= KEPT {
        return String::from_utf8_lossy(value).into_owned();
    }
    let mut end = KEPT;
    while end > 0 && value[end] & 0xC0 == 0x80 {
        end -= 1;
    }
    String::from_utf8_lossy(&value[..end]).into_owned() + "…"
}

/// How many different values there were: a plain set while there are few, since nobody knows
/// yet how many columns there will be, an estimate afterwards.
#[derive(Debug, Default)]
struct Distinct {
    few: Vec<u64>,
    many: Option<Sketch>,
}

/// 2,048 registers: within some 2 %.
const PRECISION: u32 = 11;
const FEW: usize = 64;

impl Distinct {
    #[inline]
    fn see(&mut self, hash: u64) {
        if self.many.is_none() {
            if self.few.contains(&hash) {
                return;
            }
            if self.few.len() < FEW {
                self.few.push(hash);
                return;
            }
        }
        self.many().add(hash);
    }

    fn many(&mut self) -> &mut Sketch {
        self.many.get_or_insert_with(|| {
            let mut sketch = Sketch::new(PRECISION);
            for hash in std::mem::take(&mut self.few) {
                sketch.add(hash);
            }
            sketch
        })
    }

    fn merge(&mut self, other: &Distinct) {
        for hash in &other.few {
            self.see(*hash);
        }
        if let Some(many) = &other.many {
            self.many().merge(many);
        }
    }

    fn estimate(&self) -> u64 {
        match &self.many {
            Some(many) => many.estimate(),
            None => self.few.len() as u64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_are_counted_and_many_estimated() {
        for n in [0u64, 1, 64, 65, 3_000, 200_000] {
            let (mut a, mut b) = (Distinct::default(), Distinct::default());
            for i in 0..n {
                if i % 2 == 0 { &mut a } else { &mut b }.see(xxh3_64(&i.to_le_bytes()));
                a.see(xxh3_64(&(i / 2).to_le_bytes()));
            }
            a.merge(&b);
            let (seen, n) = (a.estimate() as f64, n as f64);
            assert!((seen - n).abs() <= n * 0.06, "{seen} of {n}");
        }
    }

    #[test]
    fn examples_are_the_first_by_place() {
        let (mut a, mut b) = (Facts::default(), Facts::default());
        for (i, v) in ["x", "x", "y"].iter().enumerate() {
            b.see_text(v.as_bytes(), 100 + i as u64);
        }
        a.see_text(b"y", 5);
        a.see_text(b"a", 6);
        b.merge(a);
        assert_eq!(b.examples(), ["y", "a", "x"]);
        assert_eq!(b.text_ends(), (Some("a".to_owned()), Some("y".to_owned())));
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let text = "é".repeat(200);
        let mut facts = Facts::default();
        facts.see_text(format!("a{text}").as_bytes(), 0);
        assert!(facts.examples()[0].ends_with("é…"));
        assert_eq!(facts.longest, 401);
    }
}
