//! What options decide, what is said, and what only a whole look shows.

use super::{Dialect, Layout, Look, guess, settle};
use crate::error::ConvertError;
use crate::format::Format;
use crate::options::Options;

fn settled(text: &[u8], pairs: &[(&str, &str)]) -> Result<Dialect, ConvertError> {
    let look = Look {
        head: text,
        tail: b"",
        whole: true,
        size: text.len() as u64,
        format: Format::Csv,
    };
    settle(&look, &Options::parse(pairs.iter().copied()).unwrap())
}

fn plain(text: &str) -> Dialect {
    settled(text.as_bytes(), &[]).unwrap()
}

fn says(dialect: &Dialect, what: &str) -> Option<String> {
    let choice = dialect.choices.iter().find(|c| c.what == what)?;
    Some(choice.otherwise.clone().unwrap_or_default())
}

#[test]
fn options_go_before_what_is_found() {
    let text = b"a;b,c\n1;2,3\n4;5,6\n";
    assert_eq!(
        settled(text, &[("delimiter", ";")]).unwrap().names,
        ["a", "b,c"]
    );
    assert_eq!(
        settled(text, &[("delimiter", "none")]).unwrap().names,
        ["a;b,c"]
    );
    let unnamed = settled(b"a,b\nx,y\n", &[("header", "no")]).unwrap();
    assert_eq!((unnamed.header_rows, unnamed.start), (0, 0));
    assert_eq!(unnamed.names, ["column1", "column2"]);
    let named = settled(b"1,2\n3,4\n5,6\n", &[("header", "yes")]).unwrap();
    assert_eq!((named.header_rows, named.start), (1, 4));
    let two = settled(b"a,b\nx,y\n1,2\n", &[("header", "2")]).unwrap();
    assert_eq!(two.names, ["a x", "b y"]);
    let skipped = settled(b"z,z\n\na,b\n1,2\n3,4\n", &[("skip", "2")]).unwrap();
    assert_eq!(
        (skipped.names.join(","), skipped.start, skipped.start_line),
        ("a,b".to_owned(), 9, 4)
    );
    let noted = settled(b"a,b\n1,2\n3,4\n5,6\n", &[("footnotes", "1")]).unwrap();
    assert_eq!(
        (noted.end, noted.footnotes.join("|")),
        (Some(12), "5,6".to_owned())
    );
    let kept = settled(b"a,b,c\n1,2,3\n4,5,6\nSource: us\n", &[("footnotes", "0")]).unwrap();
    assert_eq!(kept.end, None);
    let latin = settled(b"caf\xE9,b\n1,2\n", &[("encoding", "latin1")]).unwrap();
    assert_eq!(latin.names[0], "café");
    for (key, value) in [
        ("header", "perhaps"),
        ("quote", "''"),
        ("escape", "x"),
        ("encoding", "klingon"),
    ] {
        assert!(
            matches!(
                settled(text, &[(key, value)]),
                Err(ConvertError::BadOption { .. })
            ),
            "{key}"
        );
    }
}

#[test]
fn what_was_open_is_said_with_the_way_back() {
    assert_eq!(
        says(&plain("name,town\nAnn,Rome\nBob,Paris\n"), "header").unwrap(),
        "header=no"
    );
    assert_eq!(says(&plain("1,2\n3,4\n"), "header").unwrap(), "header=yes");
    assert_eq!(says(&plain("id,n\n1,2\n3,4\n"), "header"), None);
    assert_eq!(
        says(&plain("one\ntwo\nthree\n"), "delimiter").unwrap(),
        "delimiter=,"
    );
    assert!(says(&plain("A title\n\na,b\n1,2\n3,4\n"), "preamble").is_some());
    let latin = settled(b"id,name\n1,caf\xE9\n2,th\xE9\n", &[]).unwrap();
    assert!(says(&latin, "encoding").is_some());
}

#[test]
fn each_table_of_a_file_can_be_had() {
    let text = b"First\na,b\n1,2\n3,4\n5,6\n\nSecond\nc,d,e\nx,7,8\ny,9,10\nz,11,12\n";
    let first = settled(text, &[]).unwrap();
    assert_eq!(first.names, ["a", "b"]);
    let tables: Vec<&str> = first.tables.iter().map(|t| t.name.as_str()).collect();
    assert_eq!(tables, ["First", "Second"]);
    assert_eq!(first.tables[1].rows, Some(3));
    assert!(says(&first, "table").is_some());
    for told in ["2", "Second"] {
        let second = settled(text, &[("table", told)]).unwrap();
        assert_eq!(second.names, ["c", "d", "e"]);
        assert_eq!(&text[second.start as usize..][..5], b"x,7,8");
    }
    assert!(matches!(
        settled(text, &[("table", "3")]),
        Err(ConvertError::NoTable { .. })
    ));
}

#[test]
fn an_empty_file_is_a_table_without_columns() {
    for text in [b"".as_slice(), b"\n\n", b"\xEF\xBB\xBF"] {
        let dialect = settled(text, &[]).unwrap();
        assert!(dialect.names.is_empty() && dialect.warnings.len() == 1);
        assert_eq!(dialect.syntax.width, 0);
    }
}

#[test]
fn stooq_is_known_by_its_names_and_by_its_rows() {
    let names = "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>\n";
    let rows =
        "A.US,D,20200102,000000,1,2,0.5,1.5,100,0\nA.US,D,20200103,000000,1.5,2,1,1.75,90,0\n";
    assert_eq!(plain(&format!("{names}{rows}")).layout, Some(Layout::Stooq));
    let bare = plain(rows);
    assert_eq!((bare.layout, bare.header_rows), (Some(Layout::Stooq), 0));
    assert_eq!(bare.names[7], "<CLOSE>");
    let short = plain("<DATE>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>\n20200102,1,2,0.5,1.5,100\n");
    assert_eq!(short.layout, Some(Layout::StooqShort));
    assert_eq!(plain("a,b\n1,2\n").layout, None);
}

#[test]
fn the_end_of_a_large_file_is_looked_at_too() {
    let mut text = String::from("id,when,amount\n");
    while text.len() < 600 << 10 {
        text.push_str("1,2020-01-01,2.50\n2,2020-01-02,3.75\n");
    }
    let rows_end = text.len() as u64;
    text.push_str("\nSource: the register\n");
    let bytes = text.as_bytes();
    let look = Look {
        head: &bytes[..400 << 10],
        tail: &bytes[bytes.len() - (100 << 10)..],
        whole: false,
        size: bytes.len() as u64,
        format: Format::Csv,
    };
    let dialect = settle(&look, &Options::default()).unwrap();
    assert_eq!(dialect.footnotes, ["Source: the register"]);
    assert_eq!(dialect.end, Some(rows_end));
    assert_eq!(dialect.start, 15);
}

#[test]
fn delimited_text_is_told_from_prose() {
    assert_eq!(guess(b"a,b\n1,2\n3,4\n", "x", true), Some(Format::Csv));
    assert_eq!(guess(b"a\tb\n1\t2\n", "x", true), Some(Format::Tsv));
    assert_eq!(guess(b"a;b\n1;2\n", "x", true), Some(Format::Csv));
    assert_eq!(guess(b"a|b|c\n1|2|3\n", "x", true), Some(Format::Txt));
    assert_eq!(
        guess(b"just words, and a comma\nno\nmore, or\nless\n", "x", true),
        None
    );
    assert_eq!(guess(b"one\ntwo\n", "x", true), None);
    assert_eq!(guess(b"", "x", true), None);
}
