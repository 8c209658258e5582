//! Any table of any text goes there and back. The CSV is written here by hand, so
//! that the writer under test is not its own judge.

use crate::common::{Bench, cells, cells_with};
use proptest::prelude::*;
use redline_convert::*;

fn field() -> impl Strategy<Value = Option<String>> {
    prop_oneof![
        1 => Just(None),
        1 => Just(Some(String::new())),
        2 => "-?[0-9]{1,20}(\\.[0-9]{1,4})?".prop_map(Some),
        1 => "(true|false|nan|inf|-0\\.0|1e400|007|2024-0[1-9]-[0-3][0-9]( 10:00:00)?)".prop_map(Some),
        3 => "[ \",;\t\r\na-c'#\\\\|é🦆\0]{0,6}".prop_map(Some),
    ]
}

fn csv(table: &[Vec<Option<String>>]) -> String {
    let mut text = String::new();
    for i in 0..table[0].len() {
        text += &format!("{}name{i}", if i > 0 { "," } else { "" });
    }
    text.push('\n');
    for row in table {
        for (i, field) in row.iter().enumerate() {
            if i > 0 {
                text.push(',');
            }
            if let Some(value) = field {
                text += &format!("\"{}\"", value.replace('"', "\"\""));
            }
        }
        text.push('\n');
    }
    text
}

/// Everything about the text that could be taken for something else.
const STATED: &[(&str, &str)] = &[
    ("header", "yes"),
    ("delimiter", ","),
    ("quote", "\""),
    ("escape", "\""),
    ("skip", "0"),
    ("footnotes", "0"),
    ("blank_rows", "keep"),
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn any_table_comes_back(
        table in (2usize..5).prop_flat_map(|w| prop::collection::vec(prop::collection::vec(field(), w), 1..12))
    ) {
        let bench = Bench::new();
        let source = bench.file("t.csv", csv(&table));
        // So much of it can be control characters that it would be taken for binary data.
        let run = |to, name| {
            let from = Source::new(&source).as_format(Format::Csv);
            let options = Options::parse(STATED.iter().copied()).unwrap();
            let plan = plan(&from, to, &options, &bench.limits, &()).unwrap();
            bench.run(&plan, name).unwrap()
        };
        let (parquet, there) = run(Format::Parquet, "t.parquet");
        prop_assert_eq!(there.certificate.verdict, Verdict::Proved);
        prop_assert_eq!(cells(&parquet).len(), table.len());
        let (back, _) = bench.to(&parquet, Format::Csv, "back.csv").unwrap();
        prop_assert_eq!(&cells_with(&back, STATED), &table);
        let (_, json) = run(Format::Ndjson, "t.ndjson");
        prop_assert_ne!(json.certificate.verdict, Verdict::Failed);
    }
}
