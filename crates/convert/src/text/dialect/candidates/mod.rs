//! Which characters part fields and enclose them. Each candidate reads a sample, and the
//! one whose records agree best in length, and whose cells look most like values, is it.

mod refine;
mod sample;

use super::{Escape, Syntax};
use sample::Sample;

/// Delimiters, and how much each is believed where all else is equal.
const DELIMITERS: [(&[u8], f32); 15] = [
    (b",", 1.0),
    (b"\t", 1.0),
    (b";", 1.0),
    (b"|", 0.97),
    (b"\x1F", 0.97),
    (b"\x01", 0.97),
    (b"^", 0.8),
    (b"~", 0.8),
    (b" ", 0.75),
    (b"#", 0.6),
    (b"&", 0.6),
    ("¦".as_bytes(), 0.9),
    (b":", 0.5),
    (b"||", 0.97),
    (b"::", 0.5),
];

/// How much `::` is believed where it parts values and nothing speaks for names in parts or
/// for addresses: `std::map`, `fe80::1`.
const COLONS: f32 = 0.97;

/// What is known of the syntax before looking.
#[derive(Debug, Clone, Default)]
pub(crate) struct Given {
    pub delimiter: Option<Vec<u8>>,
    pub quote: Option<Option<u8>>,
    pub escape: Option<Escape>,
    /// The file calls itself tab-separated.
    pub tabs: bool,
}

/// The syntax, and how sure it is: its own score and that of the next best delimiter.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub syntax: Syntax,
    pub score: f32,
    /// Fields of the commonest record.
    pub width: usize,
    pub next: Option<(Vec<u8>, f32)>,
}

/// Chooses for `text`, whose line ends are known.
pub(crate) fn choose(text: &[u8], cr_ends: bool, given: &Given) -> Found {
    let sample = Sample::of(text, cr_ends);
    let base = Syntax {
        cr_ends,
        quote: given.quote.unwrap_or(Some(b'"')),
        escape: given.escape.unwrap_or(Escape::Doubled),
        ..Syntax::default()
    };
    let mut tried: Vec<(f32, Syntax)> = Vec::new();
    match &given.delimiter {
        Some(delimiter) => {
            let syntax = Syntax {
                delimiter: delimiter.clone(),
                ..base.clone()
            };
            tried.push((sample.trial(&syntax).score(1.0), syntax));
        }
        None => {
            for (delimiter, prior) in DELIMITERS {
                if memchr::memmem::find(text, delimiter).is_none() {
                    continue;
                }
                let prior = if delimiter == b"\t" && given.tabs {
                    1.15
                } else {
                    prior
                };
                let mut syntax = Syntax {
                    delimiter: delimiter.to_vec(),
                    ..base.clone()
                };
                let trial = sample.trial(&syntax);
                let prior = if delimiter == b"::" && trial.parts_values() {
                    COLONS
                } else {
                    prior
                };
                tried.push((trial.score(prior), syntax.clone()));
                if delimiter == b" " {
                    syntax.collapses = true;
                    // Single spaces are no reason to think of columns that are lined up.
                    if memchr::memmem::find(text, b"  ").is_some() {
                        tried.push((sample.trial(&syntax).score(prior), syntax));
                    }
                }
            }
            let single = Syntax {
                delimiter: Vec::new(),
                ..base.clone()
            };
            tried.push((sample.trial(&single).score(1.0), single));
        }
    }
    tried.sort_by(|a, b| b.0.total_cmp(&a.0));
    let ragged = tried[0].1.delimiter.is_empty() && given.delimiter.is_none();
    let table = tried
        .iter()
        .find(|(_, s)| ragged && sample.trial(s).is_ragged_table(s));
    let (score, mut syntax) = table.unwrap_or(&tried[0]).clone();
    if syntax.delimiter == b" " && !syntax.collapses && given.delimiter.is_none() {
        syntax = sample.lining_up(syntax);
    }
    let next = tried
        .iter()
        .find(|(_, s)| s.delimiter != syntax.delimiter)
        .map(|(score, s)| (s.delimiter.clone(), *score));
    if given.quote.is_none() {
        syntax = sample.quoting(syntax);
    }
    if given.escape.is_none() {
        syntax = sample.escaping(syntax);
    }
    if given.delimiter.is_none() {
        syntax = sample.widened(syntax);
    }
    syntax = sample.unwrapping(syntax, &base);
    let width = sample.trial(&syntax).width;
    Found {
        syntax,
        score,
        width,
        next,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Syntax {
        choose(text.as_bytes(), false, &Given::default()).syntax
    }

    fn delimiter(text: &str) -> String {
        String::from_utf8(found(text).delimiter).unwrap()
    }

    #[test]
    fn delimiters_are_found() {
        assert_eq!(delimiter("a;b\n1,5;2\n2,5;3\n"), ";");
        assert_eq!(delimiter("a\tb\nx, y\t2\nz, w\t3\n"), "\t");
        assert_eq!(delimiter("a|b|c\n1|2|3\n"), "|");
        assert_eq!(delimiter("a||b||c\n1||2||3\n"), "||");
        assert_eq!(delimiter("a, b, c\n1, \"x, y\", 3\n"), ", ");
        assert_eq!(delimiter("a | b | c\n1 | 2 | 3\n"), " | ");
        assert_eq!(delimiter("a,b\n\"x;y;z\",2\n"), ",");
        assert_eq!(
            delimiter(
                "when,what,how many\n2019-01-01 10:00:00,fire,3\n2019-01-02 11:00:00,flood,4\n"
            ),
            ","
        );
        assert_eq!(delimiter("id name size\n1 ann 3.5\n2 bob 4.5\n"), " ");
        assert_eq!(delimiter("a^b^c\n1^x^2\n"), "^");
    }

    #[test]
    fn one_column_stays_one() {
        for text in [
            "just\none\ncolumn\n",
            "Ann Lee\nBob Moe\nCarl Roe\nDee Poe\n",
            "2019-01-01 10:00:00\n2019-01-02 11:00:00\n2019-01-03 12:30:00\n",
            "10:30\n11:30\n12:45\n",
            "A sentence, with a comma.\nAnother one.\nAnd, at last, a third.\n",
        ] {
            assert_eq!(delimiter(text), "", "{text}");
        }
    }

    #[test]
    fn quotes_and_escapes() {
        assert_eq!(found("a,b\n'x, y',2\nz,3\n").quote, Some(b'\''));
        assert_eq!(found("a,b\nit's,2\n'tis,3\n").quote, Some(b'"'));
        assert_eq!(
            found("a,b\n\"say \\\"x\\\" now\",2\n").escape,
            Escape::Backslash
        );
        assert_eq!(
            found("a,b\n\"say \"\"x\"\" now\",2\n").escape,
            Escape::Doubled
        );
        assert!(found("\"a,b,c\"\n\"1,\"\"x, y\"\",3\"\n\"4,z,5\"\n").wrapped);
        assert!(!found("\"a\"\n\"b, c\"\n").wrapped);
    }

    #[test]
    fn columns_lined_up_with_spaces() {
        let lined = found("name   size\nann     3.5\nbob    14.5\nlongest 4.0\n");
        assert!(lined.collapses && lined.delimiter == b" ");
        assert!(found("a,   b,  c\n1,  22,  3\n").trims);
    }
}
