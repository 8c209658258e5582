//! Delimiters and quotes in a stretch of text: where a field begins, which quote closes it,
//! what was written between the two.

use std::borrow::Cow;
use std::ops::Range;

use memchr::{memchr, memchr2, memmem};

use super::QUOTED_LIMIT;
use crate::text::dialect::{Escape, Syntax};

/// Where the opening quote of a field is, if it has one: past spaces that stand before it.
/// `at` itself where there is none.
pub(super) fn field_start(text: &[u8], at: usize, end: usize, quote: u8, syntax: &Syntax) -> usize {
    let mut start = at;
    while start < end && text[start] == b' ' && !text[start..].starts_with(&syntax.delimiter) {
        start += 1;
    }
    if start < end && text[start] == quote {
        start
    } else {
        at
    }
}

/// Past the spaces behind a closing quote.
pub(super) fn behind(text: &[u8], mut at: usize, end: usize, syntax: &Syntax) -> usize {
    while at < end && text[at] == b' ' && !at_delimiter(text, at, syntax) {
        at += 1;
    }
    at
}

fn at_delimiter(text: &[u8], at: usize, syntax: &Syntax) -> bool {
    !syntax.delimiter.is_empty() && text[at..].starts_with(&syntax.delimiter)
}

/// Of the delimiter at `at`; of the run of them, where runs count as one.
pub(super) fn delimiter_length(text: &[u8], at: usize, syntax: &Syntax) -> usize {
    let one = syntax.delimiter.len();
    if !syntax.collapses {
        return one;
    }
    let mut to = at;
    while at_delimiter(text, to, syntax) {
        to += one;
    }
    to - at
}

/// The next delimiter from `from` on, or `end`.
pub(super) fn find_delimiter(text: &[u8], from: usize, end: usize, syntax: &Syntax) -> usize {
    if from >= end {
        return end;
    }
    let found = match syntax.delimiter.as_slice() {
        [] => None,
        [one] => memchr(*one, &text[from..end]),
        many => memmem::find(&text[from..end], many),
    };
    found.map_or(end, |i| from + i)
}

/// What was found behind an opening quote.
pub(super) struct Closing {
    /// The first unescaped quote with a delimiter or a line's end behind it.
    pub quote: Option<usize>,
    /// Every quote before that one is escaped.
    pub clean: bool,
    /// Some are, by doubling.
    pub doubled: bool,
    /// The second of a pair with a field's end behind it: one of the two may be stray, and
    /// the other close.
    pub pair: Option<usize>,
}

/// A stretch of text without a quote that closes, found while one was looked for: of very many
/// quotes that only open, each would look at all the others again.
#[derive(Debug, Default)]
pub(super) struct Unclosed {
    /// No run of quotes that begins in here closes.
    stretch: Range<usize>,
    /// Of the pairs in it, those with a field's end behind them: where their second quote is.
    pairs: Vec<usize>,
}

impl Unclosed {
    /// What [`closing`] finds, by what is known. `base` is where `text` begins in the text that
    /// this is about.
    pub(super) fn closing(
        &mut self,
        text: &[u8],
        base: usize,
        open: usize,
        quote: u8,
        syntax: &Syntax,
    ) -> Closing {
        let limit = text.len().min(open.saturating_add(QUOTED_LIMIT));
        // An escaped quote is another one for whoever begins to read in the middle.
        let known = syntax.escape != Escape::Backslash;
        // Those right behind the opening one are a run of their own from here alone.
        let run = run_of(text, open + 1, limit, quote);
        let next = open + 1 + run;
        let ends = run > 0 && ends_field(text, next, syntax);
        let paired = run.is_multiple_of(2) && syntax.escape == Escape::Doubled;
        if known && (paired || !ends) {
            let covered = self.stretch.start <= base + next && base + limit <= self.stretch.end;
            if covered {
                let own = ends.then(|| next - 1);
                let later = self.pairs.partition_point(|at| *at < base + next);
                return Closing {
                    quote: None,
                    clean: false,
                    doubled: false,
                    pair: own.or_else(|| self.pairs.get(later).map(|at| at - base)),
                };
            }
        }
        let mut pairs = Vec::new();
        let found = closing(text, open, quote, false, syntax, &mut pairs);
        if known && found.quote.is_none() {
            self.stretch = base + open + 1..base + limit;
            self.pairs.clear();
            self.pairs.extend(pairs.iter().map(|at| base + at));
        }
        found
    }
}

fn run_of(text: &[u8], at: usize, limit: usize, quote: u8) -> usize {
    let behind = text.get(at..limit).unwrap_or_default();
    behind.iter().take_while(|b| **b == quote).count()
}

/// `nested`: a bare quote that opens inside has to close inside first. Every pair with a field's
/// end behind it goes to `pairs`.
pub(super) fn closing(
    text: &[u8],
    open: usize,
    quote: u8,
    nested: bool,
    syntax: &Syntax,
    pairs: &mut Vec<usize>,
) -> Closing {
    let mut found = Closing {
        quote: None,
        clean: true,
        doubled: false,
        pair: None,
    };
    let mut inside = false;
    let mut at = open + 1;
    let limit = text.len().min(open.saturating_add(QUOTED_LIMIT));
    let backslash = syntax.escape == Escape::Backslash && quote != b'\\';
    while at < limit {
        let rest = &text[at..limit];
        let next = if backslash {
            memchr2(quote, b'\\', rest)
        } else {
            memchr(quote, rest)
        };
        let Some(i) = next else { break };
        let here = at + i;
        if text[here] != quote {
            at = here + 2;
            continue;
        }
        let run = run_of(text, here, limit, quote);
        at = here + run;
        let ends = ends_field(text, at, syntax);
        let closes = match syntax.escape {
            Escape::Doubled => run % 2 == 1,
            Escape::Backslash | Escape::None => true,
        };
        if closes && ends && !(nested && inside) {
            found.clean &= run == 1 || syntax.escape != Escape::Backslash;
            found.doubled |= run > 1;
            found.quote = Some(at - 1);
            break;
        }
        inside ^= closes;
        match syntax.escape {
            Escape::Doubled if closes => found.clean = false,
            Escape::Doubled => {
                found.doubled = true;
                if ends {
                    found.pair.get_or_insert(at - 1);
                    pairs.push(at - 1);
                }
            }
            Escape::Backslash => found.clean = false,
            Escape::None => {}
        }
    }
    found
}

/// Whether a field ends at `at`, spaces aside.
fn ends_field(text: &[u8], mut at: usize, syntax: &Syntax) -> bool {
    loop {
        if at >= text.len() || at_delimiter(text, at, syntax) {
            return true;
        }
        match text[at] {
            b'\n' => return true,
            b'\r' => {
                return syntax.cr_ends || matches!(text.get(at + 1), None | Some(b'\n' | b'\r'));
            }
            b' ' => at += 1,
            _ => return false,
        }
    }
}

/// The value that was written between quotes. Bare quotes among them stay.
pub(super) fn unescaped<'a>(
    inner: &'a [u8],
    quote: u8,
    doubled: bool,
    syntax: &Syntax,
) -> Cow<'a, [u8]> {
    match syntax.escape {
        Escape::Doubled if doubled => Cow::Owned(undoubled(inner, quote)),
        Escape::Backslash if memchr(b'\\', inner).is_some() => {
            let mut out = Vec::with_capacity(inner.len());
            let mut at = 0;
            while at < inner.len() {
                let escaped = inner[at] == b'\\'
                    && inner
                        .get(at + 1)
                        .is_some_and(|b| *b == quote || *b == b'\\');
                at += usize::from(escaped);
                out.push(inner[at]);
                at += 1;
            }
            Cow::Owned(out)
        }
        _ => Cow::Borrowed(inner),
    }
}

pub(super) fn undoubled(inner: &[u8], quote: u8) -> Vec<u8> {
    let mut out = Vec::with_capacity(inner.len());
    let mut at = 0;
    while at < inner.len() {
        out.push(inner[at]);
        let pair = inner[at] == quote && inner.get(at + 1) == Some(&quote);
        at += 1 + usize::from(pair);
    }
    out
}

pub(super) fn trim_spaces(mut text: &[u8]) -> &[u8] {
    while let [b' ', rest @ ..] = text {
        text = rest;
    }
    while let [rest @ .., b' '] = text {
        text = rest;
    }
    text
}
