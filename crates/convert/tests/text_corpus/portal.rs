//! Files put together as statistical offices and laboratories do: a table, and by chance
//! titles, notes, groups of columns, units, totals, labels, blank rows and columns, in
//! several dialects and encodings. The same files every time.

use super::flaws::{Case, Draw};
use super::score::Rows;

const REGIONS: &[&str] = &[
    "North East",
    "North West",
    "Yorkshire",
    "East Midlands",
    "West Midlands",
    "London",
    "South East",
    "South West",
    "Wales",
    "Scotland",
];
const THINGS: &[&str] = &[
    "Dwellings",
    "Vehicles",
    "Pupils",
    "Farms",
    "Journeys",
    "Patients",
    "Loans",
    "Permits",
    "Visits",
    "Claims",
];
const ENDS: &[&str] = &["total", "rate", "share", "change", "target", "index"];
const NOTES: &[&str] = &[
    "Source: annual return",
    "Note: figures are rounded, and may not sum",
    "* provisional",
    "Contact: stats@example.org",
    "Last updated: 3 June 2016",
];
const TITLES: &[&str] = &[
    "Table 3: Returns by region, 2015",
    "Quarterly summary of returns",
    "Appendix B",
    "Returns by region and tenure (England)",
];

/// Of `count` files.
pub fn cases(count: usize) -> Vec<Case> {
    (0..count).map(|i| case(i as u64)).collect()
}

fn case(seed: u64) -> Case {
    let mut draw = Draw(seed.wrapping_mul(0x1_0000_01B3) ^ 77);
    let chance = |draw: &mut Draw, percent: u64| draw.below(100) < percent;
    let mut features: Vec<&'static str> = Vec::new();

    // The table itself.
    let values = 2 + draw.below(6) as usize;
    let codes = chance(&mut draw, 40);
    let comma_decimals = chance(&mut draw, 25);
    let delimiter = if comma_decimals {
        ";"
    } else {
        *[",", ",", ",", "\t", ";", "|"]
            .get(draw.below(6) as usize)
            .unwrap_or(&",")
    };
    let years = chance(&mut draw, 20);
    let mut names: Vec<String> = Vec::new();
    if codes {
        names.push("Code".to_owned());
    }
    names.push("Region".to_owned());
    let lead = names.len();
    for i in 0..values {
        names.push(if years {
            (2008 + i).to_string()
        } else {
            format!(
                "{} {}",
                THINGS[(i + seed as usize) % THINGS.len()],
                draw.of(ENDS)
            )
        });
    }
    if years {
        features.push("years");
    }
    let width = names.len();
    let mut header: Rows = vec![names.clone()];
    let mut wanted_names = names;
    match draw.below(5) {
        0 if !years && values >= 4 && values.is_multiple_of(2) => {
            features.push("groups");
            let mut above = vec![String::new(); width];
            for i in 0..values {
                let group = format!("{}", 2014 + i / 2);
                let below = ["All", "Women"][i % 2].to_owned();
                if i % 2 == 0 {
                    above[lead + i].clone_from(&group);
                }
                header[0][lead + i].clone_from(&below);
                wanted_names[lead + i] = format!("{group} {below}");
            }
            header.insert(0, above);
        }
        1 if !years => {
            features.push("units");
            let mut below = vec![String::new(); width];
            for i in 0..values {
                let unit = ["(%)", "(000s)", "(m)"][i % 3];
                below[lead + i] = unit.to_owned();
                wanted_names[lead + i] = format!("{} {unit}", header[0][lead + i]);
            }
            header.push(below);
        }
        _ => {}
    }
    let mut body: Rows = Vec::new();
    let count = 6 + draw.below(20) as usize;
    let places: Vec<u64> = (0..values).map(|_| draw.below(3)).collect();
    let marks = chance(&mut draw, 20);
    for i in 0..count {
        let mut row = Vec::new();
        if codes {
            row.push(format!("E12{:06}", i + 1));
        }
        let region = REGIONS[i % REGIONS.len()];
        row.push(if i < REGIONS.len() {
            region.to_owned()
        } else {
            format!("{region}, part {}", i / REGIONS.len())
        });
        for place in &places {
            if marks && draw.below(6) == 0 {
                row.push(draw.of(&["..", "-", "c", "n/a"]).to_owned());
                continue;
            }
            let value = draw.below(90_000) as f64 / 7.0;
            let text = format!("{value:.*}", *place as usize);
            row.push(if comma_decimals {
                text.replace('.', ",")
            } else {
                text
            });
        }
        body.push(row);
    }
    if marks {
        features.push("marks");
    }
    if chance(&mut draw, 20) {
        features.push("total");
        let mut total = vec![String::new(); width];
        total[lead - 1] = "Total".to_owned();
        for cell in &mut total[lead..] {
            *cell = draw.below(1_000_000).to_string();
        }
        body.push(total);
    }
    let padded = chance(&mut draw, 50);
    if chance(&mut draw, 12) && padded {
        features.push("labels");
        for at in [count / 2, 0] {
            let mut label = vec![String::new(); width];
            label[0] = format!("Group {}", at + 1);
            body.insert(at, label);
        }
    }
    let blanks = padded && chance(&mut draw, 12);
    if blanks {
        features.push("blank rows");
        body.insert(count / 2, vec![String::new(); width]);
    }
    let spare = if padded && chance(&mut draw, 15) {
        1 + draw.below(3) as usize
    } else {
        0
    };
    if spare > 0 {
        features.push("spare columns");
    }

    // What stands around it.
    let mut above: Vec<Vec<String>> = Vec::new();
    let blank = vec![String::new()];
    let line = |cells: &[&str]| -> Vec<String> { cells.iter().map(|c| (*c).to_owned()).collect() };
    match draw.below(8) {
        0 => above.push(line(&[draw.of(TITLES)])),
        1 => above.extend([line(&[draw.of(TITLES)]), blank.clone()]),
        2 => above.extend([
            line(&["Published:", "12/03/2015"]),
            line(&["Contact:", "stats@example.org"]),
            line(&["Next release:", "June 2015"]),
            blank.clone(),
        ]),
        3 => above.extend([
            line(&[draw.of(TITLES)]),
            line(&["All figures are provisional, and rounded to the nearest ten"]),
            blank.clone(),
        ]),
        4 => above.extend([blank.clone(), line(&[draw.of(TITLES)]), blank.clone()]),
        _ => {}
    }
    if !above.is_empty() {
        features.push("preamble");
    }
    let mut below: Vec<Vec<String>> = Vec::new();
    match draw.below(6) {
        0 => below.push(line(&[draw.of(NOTES)])),
        1 => below.extend([blank.clone(), line(&[draw.of(NOTES)])]),
        2 => below.extend([
            blank.clone(),
            line(&["Notes"]),
            line(&["1. Regions as of 2011."]),
            line(&["2. Rates are per 1,000 people."]),
        ]),
        _ => {}
    }
    if !below.is_empty() {
        features.push("footnotes");
    }
    if padded && chance(&mut draw, 20) {
        features.push("blank end");
        for _ in 0..3 {
            below.push(blank.clone());
        }
    }

    // Written down.
    let end = if chance(&mut draw, 50) { "\r\n" } else { "\n" };
    let quoted = chance(&mut draw, 15);
    let mut text = String::new();
    let rows = above.iter().chain(&header).chain(&body).chain(&below);
    let table = above.len()..above.len() + header.len() + body.len();
    for (i, row) in rows.enumerate() {
        let mut row = row.clone();
        if padded || table.contains(&i) {
            row.resize(width + spare, String::new());
        }
        let cells: Vec<String> = row
            .iter()
            .map(|c| {
                let needs = c.contains(delimiter) || c.contains('"') || (quoted && !c.is_empty());
                if needs {
                    format!("\"{}\"", c.replace('"', "\"\""))
                } else {
                    c.clone()
                }
            })
            .collect();
        text.push_str(&cells.join(delimiter));
        text.push_str(end);
    }
    let bytes = match draw.below(8) {
        0 => {
            features.push("mark");
            [b"\xEF\xBB\xBF".as_slice(), text.as_bytes()].concat()
        }
        1 => {
            features.push("UTF-16");
            std::iter::once(0xFEFF)
                .chain(text.encode_utf16())
                .flat_map(u16::to_le_bytes)
                .collect()
        }
        _ => text.into_bytes(),
    };
    let mut wanted: Rows = vec![wanted_names];
    wanted.extend(body);
    for row in &mut wanted {
        row.resize(width + spare, String::new());
    }
    Case {
        kind: "portal",
        name: format!(
            "{seed} {delimiter:?}{} {}",
            if padded { " padded" } else { "" },
            features.join(", ")
        ),
        bytes,
        wanted,
    }
}
