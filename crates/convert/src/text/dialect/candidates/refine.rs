//! What is decided once the delimiter is found: quotes, escapes, spaces beside the delimiter,
//! quotes around whole lines.

use super::DELIMITERS;
use super::sample::{RECORDS, Sample};
use crate::text::dialect::{Escape, Syntax};
use crate::text::repair::{line_end, split};

impl Sample<'_> {
    /// An apostrophe instead of `"`, where fields stand in it that need to.
    pub(super) fn quoting(&self, syntax: Syntax) -> Syntax {
        let usual = self.trial(&syntax);
        let single = Syntax {
            quote: Some(b'\''),
            ..syntax.clone()
        };
        let other = self.trial(&single);
        let orderly = other.quoted > 0 && other.strays * 5 <= other.quoted;
        let needed = other.enclosing > 0 && other.pairs >= usual.pairs;
        let everywhere = other.quoted * 3 > other.cells;
        if orderly && usual.quoted * 4 < other.quoted && (needed || everywhere) {
            return single;
        }
        syntax
    }

    /// Runs of spaces as one, where single ones leave most fields empty and runs do not make
    /// the rows uneven.
    pub(super) fn lining_up(&self, syntax: Syntax) -> Syntax {
        let usual = self.trial(&syntax);
        let joint = Syntax {
            collapses: true,
            ..syntax.clone()
        };
        let other = self.trial(&joint);
        let even = other.pairs * 10 >= other.records.saturating_sub(1) * 9;
        if usual.cells * 2 < usual.fields && even && other.width > 1 {
            joint
        } else {
            syntax
        }
    }

    /// A backslash before quotes, where more quotes have one than are doubled.
    pub(super) fn escaping(&self, syntax: Syntax) -> Syntax {
        let Some(quote) = syntax.quote else {
            return syntax;
        };
        let (mut slashed, mut doubled) = (0, 0);
        for part in &self.parts {
            slashed += memchr::memmem::find_iter(part, &[b'\\', quote]).count();
            doubled += memchr::memmem::find_iter(part, &[quote, quote])
                .filter(|at| {
                    let text = |i: usize| {
                        part.get(i).is_some_and(|b| {
                            !b.is_ascii_whitespace() && !syntax.delimiter.contains(b)
                        })
                    };
                    *at > 0 && text(at - 1) && text(at + 2)
                })
                .count();
        }
        if slashed <= doubled {
            return syntax;
        }
        let other = Syntax {
            escape: Escape::Backslash,
            ..syntax.clone()
        };
        let (usual, tried) = (self.trial(&syntax), self.trial(&other));
        if tried.strays <= usual.strays && tried.pairs >= usual.pairs {
            other
        } else {
            syntax
        }
    }

    /// A delimiter of more than one character: spaces that always stand beside it, or two
    /// where one leaves every second field empty.
    pub(super) fn widened(&self, mut syntax: Syntax) -> Syntax {
        let [one] = syntax.delimiter.as_slice() else {
            return syntax;
        };
        let one = *one;
        if one == b' ' {
            return syntax;
        }
        let mut gaps = Gaps::default();
        let mut every_second = true;
        let mut widest = 0;
        self.each(&syntax, |record, fields, _| {
            gaps.see(record, one, &syntax);
            widest = widest.max(fields.len());
            every_second &= fields.len() % 2 == 1
                && fields
                    .iter()
                    .skip(1)
                    .step_by(2)
                    .all(|f| f.text.is_empty() && !f.quoted);
        });
        if every_second && widest >= if one == b',' || one == b'\t' { 5 } else { 3 } {
            syntax.delimiter = vec![one, one];
            return syntax;
        }
        match gaps.verdict() {
            Some((before, after)) => {
                let mut delimiter = vec![b' '; before];
                delimiter.push(one);
                delimiter.extend(std::iter::repeat_n(b' ', after));
                syntax.delimiter = delimiter;
            }
            None => syntax.trims = gaps.lined_up(),
        }
        syntax
    }

    /// Lines that stand in quotes as a whole, and hold a table once those are off.
    pub(super) fn unwrapping(&self, syntax: Syntax, base: &Syntax) -> Syntax {
        let Some(quote) = syntax.quote else {
            return syntax;
        };
        let (mut lines, mut whole) = (0, 0);
        let mut inner = Vec::new();
        for part in &self.parts {
            let mut at = 0;
            while at < part.len() && lines < RECORDS {
                let Some(end) = line_end(part, at, true, &syntax) else {
                    break;
                };
                let line = part[at..end.end].trim_ascii();
                at = end.next;
                if line.is_empty() {
                    continue;
                }
                lines += 1;
                let mut fields = Vec::new();
                split(
                    line,
                    &Syntax {
                        width: 1,
                        ..syntax.clone()
                    },
                    &mut fields,
                );
                let told = fields.iter().filter(|f| !f.text.is_empty()).count();
                if line.first() == Some(&quote) && told == 1 && fields[0].quoted {
                    whole += 1;
                    inner.extend_from_slice(&fields[0].text);
                    inner.push(b'\n');
                }
            }
        }
        if lines < 2 || whole * 10 < lines * 9 {
            return syntax;
        }
        let sample = Sample {
            parts: vec![&inner],
        };
        let best = DELIMITERS
            .iter()
            .filter(|(d, _)| !d.starts_with(b" ") && !d.starts_with(b":"))
            .map(|(d, prior)| {
                let tried = Syntax {
                    delimiter: d.to_vec(),
                    ..base.clone()
                };
                (sample.trial(&tried).score(*prior), tried)
            })
            .max_by(|a, b| a.0.total_cmp(&b.0));
        match best {
            Some((score, tried)) if score > 0.5 => Syntax {
                wrapped: true,
                ..tried
            },
            _ => syntax,
        }
    }
}

/// Spaces beside the delimiters of a sample, outside quotes.
#[derive(Debug, Default)]
struct Gaps {
    delimiters: usize,
    /// How many have 0, 1, and more spaces before them and behind them.
    before: [usize; 3],
    after: [usize; 3],
    /// A field in quotes with spaces before it.
    quoted: usize,
    /// Records that begin with a space.
    led: usize,
    /// Delimiters with an empty field behind them.
    bare: usize,
}

impl Gaps {
    fn see(&mut self, record: &[u8], delimiter: u8, syntax: &Syntax) {
        let mut inside = false;
        self.led += usize::from(record.first() == Some(&b' '));
        for (i, b) in record.iter().enumerate() {
            if Some(*b) == syntax.quote {
                inside = !inside;
            }
            if *b != delimiter || inside {
                continue;
            }
            if matches!(record.get(i + 1), None | Some(b'\r'))
                || record.get(i + 1) == Some(&delimiter)
            {
                // Nothing behind it that a space could stand before.
                self.bare += 1;
                continue;
            }
            self.delimiters += 1;
            let before = record[..i].iter().rev().take_while(|b| **b == b' ').count();
            let behind = &record[i + 1..];
            let after = behind.iter().take_while(|b| **b == b' ').count();
            self.before[before.min(2)] += 1;
            self.after[after.min(2)] += 1;
            self.quoted += usize::from(after > 0 && behind.get(after).copied() == syntax.quote);
        }
    }

    /// Exactly one space at every delimiter, on one side or both.
    fn verdict(&self) -> Option<(usize, usize)> {
        let always = |side: &[usize; 3]| side[1] == self.delimiters;
        let never = |side: &[usize; 3]| side[1] + side[2] == 0;
        if self.delimiters < 2 || self.led > 0 || self.bare > 0 {
            return None;
        }
        match (always(&self.before), always(&self.after)) {
            (true, true) => Some((1, 1)),
            (false, true) if never(&self.before) || self.before[0] * 2 > self.delimiters => {
                Some((0, 1))
            }
            _ => None,
        }
    }

    /// Values lined up with spaces, on either side and of any number.
    fn lined_up(&self) -> bool {
        let some = |side: &[usize; 3]| side[1] + side[2];
        let padded = some(&self.after).max(some(&self.before)) * 10 > self.delimiters * 9
            && self.after[2] + self.before[2] + self.led + self.bare > 0;
        self.delimiters > 1 && (padded || self.quoted * 10 > self.delimiters * 9)
    }
}
