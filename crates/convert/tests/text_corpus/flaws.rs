//! Files with one flaw each, made from tables of several kinds, with the table that a
//! careful person would make of each. The same files every time.

use super::score::Rows;

/// A file, and what it should become.
pub struct Case {
    /// The kind of flaw, for the report.
    pub kind: &'static str,
    /// Base, kind and place.
    pub name: String,
    pub bytes: Vec<u8>,
    pub wanted: Rows,
}

/// Numbers that look random and are the same every time.
pub struct Draw(pub u64);

impl Draw {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    pub fn of<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[self.below(words.len() as u64) as usize]
    }
}

struct Base {
    name: &'static str,
    rows: Rows,
    /// All cells stand in quotes.
    quoted: bool,
}

const FIRST: &[&str] = &[
    "Ann", "Bob", "Carla", "Dmitri", "Eve", "Farid", "Grace", "Hugo", "Ines", "Jürgen",
];
const LAST: &[&str] = &[
    "Lee",
    "O'Neill",
    "van Dyk",
    "Moe",
    "Sørensen",
    "Ruiz",
    "Kim",
    "Abbott",
    "Wu",
    "Bauer",
];
const TOWNS: &[&str] = &[
    "Leeds",
    "York",
    "Hull",
    "New Mills",
    "Stoke-on-Trent",
    "Kraków",
    "Saint-Malo",
    "Bath",
];
const TRADES: &[&str] = &[
    "baker",
    "civil engineer",
    "nurse",
    "clerk",
    "bus driver",
    "teacher, maths",
    "cook",
];
const GOODS: &[&str] = &[
    "Tea",
    "Green tea, loose",
    "Rice 5kg",
    "Salt",
    "Oat milk",
    "Bread \"Farmer\"",
    "Eggs",
];
const FLAGS: &[&str] = &["yes", "no", "n/a"];

fn bases() -> Vec<Base> {
    let names = |names: &[&str]| -> Vec<String> { names.iter().map(|n| (*n).to_owned()).collect() };
    let mut draw = Draw(20_260_101);
    let mut out = Vec::new();

    let mut rows = vec![names(&[
        "Date", "Time", "Shop", "Clerk", "Item", "Qty", "Price", "Paid", "Ref",
    ])];
    for i in 0..40 {
        let qty = draw.below(12) + 1;
        let cents = draw.below(2000) + 50;
        rows.push(vec![
            format!("{:02}/{:02}/2018", draw.below(28) + 1, draw.below(12) + 1),
            format!("{:02}:{:02}", draw.below(24), draw.below(60)),
            draw.of(TOWNS).to_owned(),
            format!("{} {}", draw.of(FIRST), draw.of(LAST)),
            draw.of(GOODS).to_owned(),
            qty.to_string(),
            format!("{}.{:02}", cents / 100, cents % 100),
            draw.of(FLAGS).to_owned(),
            format!("R{:05}", 400 + i),
        ]);
    }
    out.push(Base {
        name: "sales",
        rows,
        quoted: false,
    });

    let mut rows = vec![names(&["first name", "surname", "town", "trade", "remark"])];
    for _ in 0..25 {
        let remark = if draw.below(3) == 0 {
            String::new()
        } else {
            format!("{} since {}", draw.of(TRADES), draw.of(TOWNS))
        };
        rows.push(vec![
            draw.of(FIRST).to_owned(),
            draw.of(LAST).to_owned(),
            draw.of(TOWNS).to_owned(),
            draw.of(TRADES).to_owned(),
            remark,
        ]);
    }
    out.push(Base {
        name: "people",
        rows,
        quoted: false,
    });

    let mut rows = vec![names(&["t", "x", "y", "z", "temp", "volt", "state"])];
    for i in 0..50 {
        let mut row = vec![format!("{}.{}", i / 10, i % 10)];
        for _ in 0..5 {
            row.push(format!(
                "{:.3}",
                draw.below(200_000) as f64 / 1000.0 - 100.0
            ));
        }
        row.push(draw.below(3).to_string());
        rows.push(row);
    }
    out.push(Base {
        name: "readings",
        rows,
        quoted: false,
    });

    let mut rows = vec![names(&[
        "Department",
        "Entity",
        "Paid on",
        "Expense type",
        "Supplier",
        "Transaction",
        "Amount",
        "Postcode",
    ])];
    for i in 0..30 {
        rows.push(vec![
            "Dept for Rivers".to_owned(),
            format!("Agency {}", draw.of(TOWNS)),
            format!(
                "{:04}-{:02}-{:02}",
                2015 + draw.below(3),
                draw.below(12) + 1,
                draw.below(28) + 1
            ),
            draw.of(&["Rent", "IT, hardware", "Travel", "Training and development"])
                .to_owned(),
            format!("{} & Sons", draw.of(LAST)),
            (90_000 + i * 7).to_string(),
            format!(
                "{},{:03}.{:02}",
                draw.below(90) + 1,
                draw.below(1000),
                draw.below(100)
            ),
            format!("LS{} {}AB", draw.below(20) + 1, draw.below(9) + 1),
        ]);
    }
    out.push(Base {
        name: "spending",
        rows,
        quoted: true,
    });

    let mut rows = vec![names(&["code", "label", "count"])];
    for i in 0..15 {
        rows.push(vec![
            format!("C{:02}", i + 1),
            format!("{} house", draw.of(TOWNS)),
            draw.below(500).to_string(),
        ]);
    }
    out.push(Base {
        name: "small",
        rows,
        quoted: false,
    });

    let mut rows = vec![names(&[
        "id", "a", "b", "c", "d", "e", "f", "g", "h", "when", "who", "note",
    ])];
    for i in 0..20 {
        let mut row = vec![(i + 1).to_string()];
        for _ in 0..8 {
            row.push(if draw.below(3) == 0 {
                String::new()
            } else {
                draw.below(1000).to_string()
            });
        }
        row.push(format!(
            "2020-{:02}-{:02} {:02}:00:00",
            draw.below(12) + 1,
            draw.below(28) + 1,
            draw.below(24)
        ));
        row.push(draw.of(FIRST).to_owned());
        row.push(if draw.below(2) == 0 {
            String::new()
        } else {
            draw.of(TRADES).to_owned()
        });
        rows.push(row);
    }
    out.push(Base {
        name: "sparse",
        rows,
        quoted: false,
    });
    let mut rows = vec![names(&[
        "YEAR", "MONTH", "PORT", "SHIP", "FLAG", "TONS", "CREW", "LOADED", "AGENT",
    ])];
    for i in 0..60 {
        rows.push(vec![
            (1990 + i / 12).to_string(),
            (i % 12 + 1).to_string(),
            draw.of(TOWNS).to_owned(),
            format!("MV {}", draw.of(LAST)),
            draw.of(&["UK", "NO", "PA", "LR"]).to_owned(),
            draw.below(90_000).to_string(),
            draw.below(40).to_string(),
            draw.of(&["TRUE", "FALSE"]).to_owned(),
            format!("{} {}", draw.of(FIRST), draw.of(LAST)),
        ]);
    }
    out.push(Base {
        name: "ships",
        rows,
        quoted: false,
    });

    let mut rows = vec![names(&[
        "day",
        "clock",
        "n",
        "article",
        "cost",
        "group",
        "described as",
        "link",
        "remarks",
    ])];
    for i in 0..45 {
        rows.push(vec![
            format!(
                "{}/{}/20{:02}",
                draw.below(28) + 1,
                draw.below(12) + 1,
                draw.below(20)
            ),
            format!("{}:{:02}:00 PM", draw.below(12) + 1, draw.below(60)),
            draw.below(50).to_string(),
            format!("P{}-{}", i, draw.below(900)),
            format!("£{}.{:02}", draw.below(100), draw.below(100)),
            draw.of(&["Food", "Garden", "Toys"]).to_owned(),
            format!(
                "{} of {}, {}",
                draw.of(TRADES),
                draw.of(TOWNS),
                draw.of(FIRST)
            ),
            format!("http://example.org/p?id={i}"),
            if draw.below(4) == 0 {
                "said \"fine\", once".to_owned()
            } else {
                draw.of(TRADES).to_owned()
            },
        ]);
    }
    out.push(Base {
        name: "articles",
        rows,
        quoted: false,
    });
    out
}

/// How a table is written down.
#[derive(Clone)]
struct Style {
    delimiter: String,
    quote: char,
    escape: String,
    end: &'static str,
    quoted: bool,
}

impl Style {
    fn of(base: &Base) -> Self {
        Style {
            delimiter: ",".to_owned(),
            quote: '"',
            escape: "\"".to_owned(),
            end: "\r\n",
            quoted: base.quoted,
        }
    }

    fn cell(&self, cell: &str) -> String {
        let needs = self.quoted
            || cell.contains(&self.delimiter)
            || cell.contains(',')
            || cell.contains(self.quote);
        if !needs {
            return cell.to_owned();
        }
        let q = self.quote;
        format!("{q}{}{q}", cell.replace(q, &format!("{}{q}", self.escape)))
    }

    /// Cells and delimiters in turn, so that a flaw can be put in.
    fn tokens(&self, row: &[String]) -> Vec<String> {
        let mut out = Vec::new();
        for (i, cell) in row.iter().enumerate() {
            if i > 0 {
                out.push(self.delimiter.clone());
            }
            out.push(self.cell(cell));
        }
        out
    }

    fn text(&self, rows: &Rows) -> String {
        rows.iter()
            .map(|r| self.tokens(r).concat() + self.end)
            .collect()
    }
}

/// Every flaw, at every place of every base.
pub fn cases() -> Vec<Case> {
    let mut out = Vec::new();
    for base in bases() {
        whole_file(&base, &mut out);
        for row in 0..base.rows.len() {
            single_rows(&base, row, &mut out);
        }
    }
    out
}

fn whole_file(base: &Base, out: &mut Vec<Case>) {
    let style = Style::of(base);
    let rows = &base.rows;
    let width = rows[0].len();
    let text = style.text(rows);
    let mut add = |kind: &'static str, text: String, wanted: Rows| {
        out.push(Case {
            kind,
            name: format!("{} {kind}", base.name),
            bytes: text.into_bytes(),
            wanted,
        });
    };
    add("regular", text.clone(), rows.clone());
    add("no last line end", text.trim_end().to_owned(), rows.clone());
    add("two last line ends", format!("{text}\r\n"), rows.clone());
    add("empty", String::new(), Vec::new());
    add(
        "no header",
        style.text(&rows[1..].to_vec()),
        rows[1..].to_vec(),
    );
    add(
        "header only",
        style.text(&rows[..1].to_vec()),
        rows[..1].to_vec(),
    );
    add(
        "one row",
        style.text(&rows[..2].to_vec()),
        rows[..2].to_vec(),
    );
    add(
        "preamble",
        format!(
            "PREAMBLE{}\r\n{}\r\n{text}",
            ",".repeat(width - 1),
            ",".repeat(width - 1)
        ),
        rows.clone(),
    );
    add(
        "preamble unpadded",
        format!("A title of the table\r\n\r\n{text}"),
        rows.clone(),
    );
    add(
        "footnote",
        format!("{text}\r\nSource: own survey\r\n"),
        rows.clone(),
    );
    for times in [2, 3] {
        let repeated: String =
            std::iter::repeat_n(style.text(&rows[..1].to_vec()), times - 1).collect();
        add(
            "header repeated at once",
            format!("{repeated}{text}"),
            rows.clone(),
        );
    }
    let half = rows.len() / 2;
    for columns in [width - 1, width, width + 1] {
        let plain = Style {
            quoted: false,
            ..style.clone()
        };
        let second: Rows = rows[..half + 1]
            .iter()
            .enumerate()
            .map(|(i, r)| {
                let mut r = r.clone();
                if columns > width {
                    r.push(if i == 0 {
                        "col1".to_owned()
                    } else {
                        r[width - 1].clone()
                    });
                }
                r.truncate(columns);
                r
            })
            .collect();
        if columns >= 2 {
            add(
                "second table",
                format!("{text}{}", plain.text(&second)),
                rows.clone(),
            );
        }
    }
    for (delimiter, kind) in [
        (";", "semicolons"),
        ("\t", "tabs"),
        ("|", "pipes"),
        (", ", "comma and space"),
        (" ", "spaces"),
    ] {
        let other = Style {
            delimiter: delimiter.to_owned(),
            ..style.clone()
        };
        add(kind, other.text(rows), rows.clone());
    }
    for (end, kind) in [("\n", "LF"), ("\r", "CR")] {
        add(
            kind,
            Style {
                end,
                ..style.clone()
            }
            .text(rows),
            rows.clone(),
        );
    }
    let apostrophes: Rows = rows
        .iter()
        .map(|r| r.iter().map(|c| c.replace('\'', "")).collect())
        .collect();
    add(
        "apostrophes as quotes",
        Style {
            quote: '\'',
            ..style.clone()
        }
        .text(&apostrophes),
        apostrophes,
    );
    add(
        "backslash as escape",
        Style {
            escape: "\\".to_owned(),
            ..style.clone()
        }
        .text(rows),
        rows.clone(),
    );
    add(
        "no escape",
        Style {
            escape: String::new(),
            ..style.clone()
        }
        .text(rows),
        rows.clone(),
    );
}

fn single_rows(base: &Base, row: usize, out: &mut Vec<Case>) {
    let style = Style::of(base);
    let rows = &base.rows;
    let mut add = |kind: &'static str, column: usize, line: String, wanted: Rows| {
        let before = style.text(&rows[..row].to_vec());
        let after = style.text(&rows[row + 1..].to_vec());
        let text = format!("{before}{line}{}{after}", style.end);
        out.push(Case {
            kind,
            name: format!("{} {kind} {row},{column}", base.name),
            bytes: text.into_bytes(),
            wanted,
        });
    };
    let cells: Vec<String> = rows[row].iter().map(|c| style.cell(c)).collect();
    for column in 0..cells.len() {
        let mut tokens = style.tokens(&rows[row]);
        tokens.insert((column * 2).saturating_sub(1), style.delimiter.clone());
        add("delimiter more", column, tokens.concat(), rows.clone());
        if column > 0 {
            let mut tokens = style.tokens(&rows[row]);
            tokens.remove(column * 2 - 1);
            add("delimiter less", column, tokens.concat(), rows.clone());
        }
        // A quote before the value, inside the quotes where there are any.
        let mut quoted = cells.clone();
        let cell = &cells[column];
        quoted[column] = match cell.strip_prefix('"') {
            Some(rest) => format!("\"\"{rest}"),
            None => format!("\"{cell}"),
        };
        let mut wanted = rows.clone();
        wanted[row][column].insert(0, '"');
        add("quote more", column, quoted.join(&style.delimiter), wanted);
    }
    add("row under spaces", 0, cells.join(" "), rows.clone());
    add("row under semicolons", 0, cells.join(";"), rows.clone());
    if row + 1 < rows.len() {
        let before = style.text(&rows[..row].to_vec());
        let text = format!(
            "{before}{}\n{}",
            style.tokens(&rows[row]).concat(),
            style.text(&rows[row + 1..].to_vec())
        );
        out.push(Case {
            kind: "row under LF",
            name: format!("{} row under LF {row}", base.name),
            bytes: text.into_bytes(),
            wanted: rows.clone(),
        });
    }
}
