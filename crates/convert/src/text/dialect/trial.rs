//! The dialect against files whose tables are known: those made by hand in `tests/corpus`,
//! and generated ones with one flaw each. A file is loaded here in the plainest way, so that
//! what is measured is what was decided.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use super::{Dialect, Look, settle};
use crate::format::Format;
use crate::options::Options;
use crate::text::encoding::{self, decoded};
use crate::text::repair::{Field, fit, record_end, split};

#[path = "../../../tests/text_corpus/flaws.rs"]
mod flaws;
#[path = "../../../tests/text_corpus/portal.rs"]
mod portal;
#[path = "../../../tests/text_corpus/score.rs"]
mod score;

use score::{Rows, Score, plain, score};

/// Names, where the file has any, and rows.
fn load(bytes: &[u8]) -> (Dialect, Rows) {
    let look = Look {
        head: bytes,
        tail: b"",
        whole: true,
        size: bytes.len() as u64,
        format: Format::Csv,
    };
    let dialect = settle(&look, &Options::default()).unwrap();
    let found = encoding::Found {
        encoding: dialect.encoding,
        bom: dialect.bom,
        guessed: false,
        mixed: dialect.mixed,
        first_broken: None,
    };
    let text = decoded(&bytes[dialect.bom as usize..], &found, true);
    let end = dialect.end.map_or(text.len(), |e| e as usize);
    let body = &text[(dialect.start as usize).min(end)..end];
    let mut rows = Rows::new();
    if dialect.header_rows > 0 {
        let mut names = dialect.names.clone();
        for (i, said) in &dialect.said {
            names[*i].clone_from(said);
        }
        rows.push(names);
    }
    let mut at = 0;
    let mut fields: Vec<Field<'_>> = Vec::new();
    while at < body.len() {
        let Some(record) = record_end(&body[at..], true, &dialect.syntax) else {
            break;
        };
        let text = &body[at..at + record.end];
        at += record.next;
        let skipped = text.is_empty() && dialect.syntax.width > 1;
        if skipped || dialect.page_header.as_deref() == Some(text) {
            continue;
        }
        split(text, &dialect.syntax, &mut fields);
        fit(text, &dialect, &mut fields);
        assert_eq!(fields.len(), dialect.syntax.width);
        rows.push(
            fields
                .iter()
                .map(|f| String::from_utf8_lossy(&f.text).into_owned())
                .collect(),
        );
    }
    (dialect, rows)
}

/// Prints what differs, for whoever looks into a low score.
fn difference(wanted: &Rows, got: &Rows) -> String {
    let mut out = String::new();
    for (what, a, b) in [("wanted", wanted, got), ("got", got, wanted)] {
        for row in a.iter().filter(|r| !b.contains(r)).take(4) {
            let _ = writeln!(out, "    {what:>6} {row:?}");
        }
    }
    out
}

#[test]
fn tables_made_by_hand_come_out_of_their_files() {
    let folder = Path::new(CORPUS);
    let mut total = (0.0, 0);
    let mut report = String::new();
    let mut names: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    names.sort();
    for path in names {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.ends_with(".clean.csv") || name.ends_with(".md") {
            continue;
        }
        let clean = path.with_extension("clean.csv");
        let wanted = plain(&std::fs::read_to_string(&clean).unwrap());
        let (_, got) = load(&std::fs::read(&path).unwrap());
        let s = score(&wanted, &got);
        total.0 += s.total();
        total.1 += 1;
        if s.total() < 9.999 {
            let _ = writeln!(
                report,
                "{name} {:.3} {s:?}\n{}",
                s.total(),
                difference(&wanted, &got)
            );
        }
    }
    let mean = total.0 / f64::from(total.1);
    println!("{report}corpus: {mean:.4} of 10 over {} files", total.1);
    assert!(total.1 >= 40);
    assert!(mean >= 9.9, "{report}{mean}");
}

#[test]
fn one_flaw_does_not_spoil_a_table() {
    let mut kinds: BTreeMap<&str, (f64, u32, f64, String)> = BTreeMap::new();
    let (mut sum, mut count) = (0.0, 0u32);
    for case in flaws::cases() {
        let (_, got) = load(&case.bytes);
        let s: Score = score(&case.wanted, &got);
        let entry = kinds
            .entry(case.kind)
            .or_insert((0.0, 0, 11.0, String::new()));
        entry.0 += s.total();
        entry.1 += 1;
        if s.total() < entry.2 {
            entry.2 = s.total();
            entry.3 = format!("{} {s:?}\n{}", case.name, difference(&case.wanted, &got));
        }
        sum += s.total();
        count += 1;
    }
    let mut report = String::new();
    for (kind, (sum, count, worst, where_)) in &kinds {
        let _ = writeln!(
            report,
            "{:8.4} {count:5} {kind} (worst {worst:.3})",
            sum / f64::from(*count)
        );
        if *worst < 9.999 {
            let _ = writeln!(report, "         {where_}");
        }
    }
    let mean = sum / f64::from(count);
    println!("{report}flaws: {mean:.4} of 10 over {count} files");
    assert!(mean >= 9.98, "{report}{mean}");
}

/// Where the files are, whatever crate these sources are built in.
const CORPUS: &str = match option_env!("TEXT_CORPUS") {
    Some(path) => path,
    None => concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus"),
};

#[test]
fn tables_stand_out_from_what_is_around_them() {
    let mut report = String::new();
    let (mut sum, mut count, mut shown) = (0.0, 0u32, 0);
    for case in portal::cases(1000) {
        let (_, got) = load(&case.bytes);
        let s = score(&case.wanted, &got);
        sum += s.total();
        count += 1;
        if let (true, Some(folder)) = (s.total() < 9.99, option_env!("TEXT_DUMP")) {
            let _ = std::fs::write(
                format!("{folder}/{}.csv", case.name.split(" ").next().unwrap_or("")),
                &case.bytes,
            );
        }
        if s.total() < 9.99 && shown < 40 {
            shown += 1;
            let _ = writeln!(
                report,
                "{} {:.3} {s:?}\n{}",
                case.name,
                s.total(),
                difference(&case.wanted, &got)
            );
        }
    }
    let mean = sum / f64::from(count);
    println!("{report}portal: {mean:.4} of 10 over {count} files");
    assert!(mean >= 9.9, "{report}{mean}");
}

/// How long a head of 16 MiB takes. Printed, not asserted: machines differ.
#[test]
fn a_large_head_is_settled_in_a_moment() {
    let mut plain = String::from("id,when,name,amount,note\n");
    let mut quoted = plain.clone();
    let mut i = 0;
    while plain.len() < 16 << 20 {
        let _ = writeln!(
            plain,
            "{i},2019-01-{:02} 10:00:00,name {i},{}.25,some words here",
            i % 28 + 1,
            i * 7
        );
        let _ = writeln!(
            quoted,
            "\"{i}\",\"2019-01-01\",\"name, {i}\",\"{i}.5\",\"a \"\"b\"\" c\""
        );
        i += 1;
    }
    for (what, text) in [("plain", plain), ("quoted", quoted)] {
        let head = &text.as_bytes()[..text.len().min(16 << 20)];
        for whole in [false, true] {
            let look = Look {
                head,
                tail: &head[head.len() - (256 << 10)..],
                whole,
                size: head.len() as u64,
                format: Format::Csv,
            };
            let start = std::time::Instant::now();
            let dialect = settle(&look, &Options::default()).unwrap();
            println!(
                "{what}, whole {whole}: {:?} for {} MiB",
                start.elapsed(),
                head.len() >> 20
            );
            assert_eq!(dialect.names.len(), 5);
        }
    }
}

mod any {
    use proptest::prelude::*;

    use super::*;
    use crate::text::dialect::{Escape, Syntax};

    /// Text of the characters that mean something, and a few that do not.
    fn noise() -> impl Strategy<Value = String> {
        proptest::string::string_regex("[\"',;|\t\r\n \\\\a1é.-]{0,120}").unwrap()
    }

    fn letters(text: &str) -> usize {
        text.chars()
            .filter(|c| matches!(c, 'a' | '1' | 'é'))
            .count()
    }

    fn cell() -> impl Strategy<Value = String> {
        prop_oneof![
            3 => "[a-z]{1,8}",
            3 => "-?[0-9]{1,6}(\\.[0-9]{1,3})?",
            1 => Just(String::new()),
            1 => "[a-z]{1,5}[,\"\n ][a-z ,\"]{0,8}[a-z]",
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn whatever_the_bytes_a_table_comes_out(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let look = Look { head: &bytes, tail: b"", whole: true, size: bytes.len() as u64, format: Format::Txt };
            let _ = settle(&look, &Options::default());
            let _ = crate::text::dialect::guess(&bytes, "x", true);
        }

        #[test]
        fn no_letter_is_lost(text in noise()) {
            let (dialect, rows) = load(text.as_bytes());
            // Other tables, footnotes and preamble are somewhere else, and pages are told.
            prop_assume!(dialect.tables.is_empty() && dialect.page_header.is_none());
            let mut got: usize = rows.iter().flatten().map(|c| letters(c)).sum();
            got += dialect.preamble.iter().chain(&dialect.footnotes).map(|l| letters(l)).sum::<usize>();
            // Names that several lines make together may say a thing twice, or once for two.
            if dialect.header_rows <= 1 && dialect.line_end != "CR" {
                prop_assert_eq!(got, letters(&text), "{:?} {:?}", dialect, rows);
            }
        }

        #[test]
        fn records_go_on_to_the_end(text in noise(), width in 0usize..5, cr in any::<bool>(), backslash in any::<bool>()) {
            let syntax = Syntax {
                width,
                cr_ends: cr,
                escape: if backslash { Escape::Backslash } else { Escape::Doubled },
                ..Syntax::default()
            };
            let bytes = text.as_bytes();
            let mut at = 0;
            let mut out = Vec::new();
            while at < bytes.len() {
                let end = record_end(&bytes[at..], true, &syntax).unwrap();
                prop_assert!(end.next > 0 && end.end <= end.next && at + end.next <= bytes.len());
                split(&bytes[at..at + end.end], &syntax, &mut out);
                prop_assert!(!out.is_empty());
                // What more text makes of it, once there is enough, is the same.
                for more in [at + end.next, bytes.len()] {
                    if let Some(again) = record_end(&bytes[at..more], false, &syntax) {
                        prop_assert!(again.next <= bytes.len() - at);
                    }
                }
                at += end.next;
            }
        }

        #[test]
        fn a_table_in_order_is_read_as_it_was_written(
            rows in proptest::collection::vec(proptest::collection::vec(cell(), 4), 3..12)
        ) {
            // Names, and a column of numbers, so that nothing is left to choose.
            let mut wanted: Rows = vec![["name one", "second", "third", "fourth"].map(str::to_owned).to_vec()];
            for (i, mut row) in rows.into_iter().enumerate() {
                row[0] = (i * 7 + 1).to_string();
                row[1] = format!("{}.5", i);
                wanted.push(row);
            }
            let text: String = wanted
                .iter()
                .map(|row| {
                    let cells: Vec<String> = row
                        .iter()
                        .map(|c| if c.contains([',', '"', '\n']) { format!("\"{}\"", c.replace('"', "\"\"")) } else { c.clone() })
                        .collect();
                    cells.join(",") + "\n"
                })
                .collect();
            let (_, got) = load(text.as_bytes());
            prop_assert_eq!(got, wanted);
        }
    }
}
