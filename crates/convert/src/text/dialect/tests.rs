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
fn no_delimiter_is_said_by_its_name() {
    match settled(b"a,b\n1,2\n", &[("delimiter", "")]) {
        Err(ConvertError::BadOption { key, .. }) => assert_eq!(key, "delimiter"),
        other => panic!("{other:?}"),
    }
    let one = settled(b"a,b\n1,2\n", &[("delimiter", "none")]).unwrap();
    assert_eq!(one.names, ["a,b"]);
}

#[test]
fn a_few_uneven_rows_keep_their_delimiter() {
    let few = plain("a,b\n1,2,3\n4,5\n6\n");
    assert_eq!(few.names, ["a", "b", "column3"]);
    assert!(says(&few, "delimiter").is_some());
    let noted = settled(b"a,b\n1,2\nfoot\n", &[("footnotes", "1")]).unwrap();
    assert_eq!(
        (noted.names.join("|"), noted.footnotes.join("|")),
        ("a|b".to_owned(), "foot".to_owned())
    );
    // A value in two, a number's thousands, and sentences: no columns by that.
    assert_eq!(plain("a,b\n1,2,x\n4,5\n6,7\n").names, ["a", "b"]);
    assert_eq!(plain("a,b\n1,2,300\n4,5\n6,7\n").names, ["a", "b"]);
    let prose = plain("Dear all,\nthe gauge was moved, at last,\nand works.\n");
    assert_eq!(prose.syntax.delimiter, b"");
    assert_eq!(plain("tags\nred,green\nblue\nred\n").syntax.delimiter, b"");
}

#[test]
fn two_characters_part_where_one_is_text() {
    let delimiter = |text: &str| String::from_utf8(plain(text).syntax.delimiter).unwrap();
    assert_eq!(delimiter("a||b||c\n1||x|y||3\n2||p||4\n"), "||");
    assert_eq!(delimiter("lat::lon\n1,5::2,5\n3,5::4,5\n"), "::");
    // An empty column, addresses and names in parts.
    assert_eq!(delimiter("a|b|c\n1||3\n2||4\n3|x|5\n"), "|");
    assert_eq!(delimiter("ip\nfe80::1\nfe80::2\nfe80::3\n"), "");
    assert_eq!(delimiter("ip,n\nfe80::1,5\nfe80::2,6\n"), ",");
}

#[test]
fn remarks_below_are_no_rows_and_values_with_a_mark_are() {
    let noted = plain("# one\n# two, of\na,b\n1,2\n3,4\n# tail\n");
    assert_eq!(
        (noted.names.join("|"), noted.preamble.len()),
        ("a|b".to_owned(), 2)
    );
    assert_eq!(noted.footnotes, ["# tail"]);
    for rows in [
        "tag,n\n#a,1\n#b,2\n#c\n",
        "place,n\nFlat,1\nHouse,2\n#12,3\n",
        "name,town\nAnn,Rome\n#3,Paris\n",
    ] {
        assert!(plain(rows).footnotes.is_empty(), "{rows}");
    }
    // A line of names may begin so.
    assert_eq!(plain("#id,n\n1,2\n3,4\n").names, ["#id", "n"]);
    assert_eq!(plain("# x,y\n1,2\n3,4\n").names, ["# x", "y"]);
}

#[test]
fn notes_with_delimiters_in_their_words() {
    let rows = "year,region,value\n2018,North,10\n2019,South,12\n2020,East,13\n";
    let note = "Note: data are, provisional, 2020\n";
    for gap in ["", "\n", "\n\n"] {
        assert_eq!(plain(&format!("{rows}{gap}{note}")).footnotes.len(), 1);
    }
    for row in [
        "2021,West,14\n",
        "2021,\"Note, Isle of\",14\n",
        "2021, West, 14\n",
        "Note,West,14\n",
    ] {
        assert!(
            plain(&format!("{rows}\n\n{row}")).footnotes.is_empty(),
            "{row}"
        );
    }
    // A table whose values all begin so.
    let spaced = "kind, place, n\nSource, Aire, 1\nMouth, Ouse, 2\n\nSource, Nidd, 3\n";
    assert!(plain(spaced).footnotes.is_empty());
}

#[test]
fn a_key_without_values_is_a_row() {
    let keys = "id,a,b\nx1,1,2\nx2,3,4\n";
    assert!(plain(&format!("{keys}x3,,\n")).footnotes.is_empty());
    assert!(
        plain("region,a,b\nNorth,1,2\nSouth,3,4\nTotal,,\n")
            .footnotes
            .is_empty()
    );
    for note in [
        "Source: us,,\n",
        "x3\n",
        "provisional figures only,,\n",
        ",,\nprovisional,,\n",
    ] {
        assert_eq!(plain(&format!("{keys}{note}")).footnotes.len(), 1, "{note}");
    }
}

#[test]
fn groups_over_letters_are_names_and_letters_for_values_are_rows() {
    let groups = plain("Year,2019,,2020,\n,M,F,M,F\nA,1,2,3,4\nB,5,6,7,8\n");
    assert_eq!(
        groups.names,
        ["Year", "2019 M", "2019 F", "2020 M", "2020 F"]
    );
    assert!(says(&groups, "header").is_some());
    for rows in [
        "Area,2019,2020,2021,2022\nAbbey,c,c,c,c\nBourne,1,2,3,4\nColne,5,6,7,8\n",
        "Area,2019,,2021,2022\nAbbey,c,,c,c\nBourne,1,,3,4\nColne,5,,7,8\n",
    ] {
        assert_eq!(plain(rows).header_rows, 1, "{rows}");
    }
}

#[test]
fn tables_below_each_other_may_count_the_same_years() {
    let two = plain(
        "Budget,2014,2015\nPay,100,110\nRent,50,52\n\nIncome,2014,2015\nFees,80,85\nSales,95,90\n",
    );
    assert_eq!(two.tables.len(), 2);
    assert_eq!(two.names, ["Budget", "2014", "2015"]);
    // Rows of the same table go on, whatever they count.
    let one = plain(
        "Budget,2014,2015\nPay,100,110\nRent,50,52\n\nFounded,2013,2015\nFees,80,85\nSales,95,90\n",
    );
    assert!(one.tables.is_empty());
}

#[test]
fn empty_rows_above_the_names_are_told() {
    let text = b",\n,\na,b\n1,2\n";
    assert_eq!(
        says(&settled(text, &[]).unwrap(), "empty rows").unwrap(),
        "blank_rows=keep"
    );
    let kept = settled(text, &[("blank_rows", "keep")]).unwrap();
    assert_eq!(
        (kept.header_rows, says(&kept, "empty rows").unwrap()),
        (1, "header=no".to_owned())
    );
    let all = settled(text, &[("blank_rows", "keep"), ("header", "no")]).unwrap();
    assert_eq!((all.start, says(&all, "empty rows")), (0, None));
    assert_eq!(says(&plain("\n\na,b\n1,2\n"), "empty rows"), None);
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
