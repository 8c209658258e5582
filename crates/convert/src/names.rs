//! Names of columns: made unique, made tidy. Every change is said.

use std::collections::{HashMap, HashSet};

/// Makes names unique without regard to case (SQL has none), and never empty or with a
/// NUL. Gives the names, and what they were where that differs.
pub(crate) fn unique(said: &[String]) -> (Vec<String>, Vec<(usize, String)>) {
    let mut taken: HashSet<String> = said.iter().map(|n| n.to_lowercase()).collect();
    let mut seen = HashSet::new();
    let mut counted: HashMap<String, u32> = HashMap::new();
    let mut names = Vec::with_capacity(said.len());
    let mut renamed = Vec::new();
    for (i, original) in said.iter().enumerate() {
        let plain = original.replace('\0', "");
        let fits = !plain.is_empty() && plain == *original && seen.insert(plain.to_lowercase());
        if fits {
            names.push(plain);
            continue;
        }
        let base = if plain.is_empty() {
            format!("column{}", i + 1)
        } else {
            plain
        };
        // Where the last of its twins left off: of 60,000 twins, none is tried twice.
        let n = counted.entry(base.to_lowercase()).or_insert(2);
        let mut candidate = base.clone();
        while !taken.insert(candidate.to_lowercase()) {
            candidate = format!("{base}_{n}");
            *n += 1;
        }
        seen.insert(candidate.to_lowercase());
        names.push(candidate);
        renamed.push((i, original.clone()));
    }
    (names, renamed)
}

/// `Unit Price (€)` as `unit_price`: letters and digits in lower case, one `_` between
/// words, none around them; a name that begins with a digit gets one in front.
pub(crate) fn tidy(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut before: Option<char> = None;
    let mut rest = name.chars().peekable();
    while let Some(c) = rest.next() {
        if !c.is_alphanumeric() {
            if !out.is_empty() && !out.ends_with('_') {
                out.push('_');
            }
            before = None;
            continue;
        }
        // `unitPrice` and `HTTPCode` have words, too.
        let begins = c.is_uppercase()
            && before.is_some_and(|b| {
                b.is_lowercase()
                    || b.is_numeric()
                    || (b.is_uppercase() && rest.peek().is_some_and(|n| n.is_lowercase()))
            });
        if begins && !out.is_empty() && !out.ends_with('_') {
            out.push('_');
        }
        out.extend(c.to_lowercase());
        before = Some(c);
    }
    let kept = out.trim_end_matches('_').len();
    out.truncate(kept);
    if out.is_empty() {
        return "column".to_owned();
    }
    if out.starts_with(|c: char| c.is_numeric()) {
        out.insert(0, '_');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_unique_and_say_so() {
        let said: Vec<String> = ["a", "A", "", "a_2", "a", "x"].map(str::to_owned).into();
        let (names, renamed) = unique(&said);
        assert_eq!(names, ["a", "A_3", "column3", "a_2", "a_4", "x"]);
        assert_eq!(renamed.len(), 3);
        let lower: HashSet<_> = names.iter().map(|n| n.to_lowercase()).collect();
        assert_eq!(lower.len(), names.len());
    }

    #[test]
    fn tidy_names_are_what_people_type() {
        for (name, tidied) in [
            ("Unit Price (€)", "unit_price"),
            ("unitPrice", "unit_price"),
            ("HTTPCode", "http_code"),
            ("  A--B  ", "a_b"),
            ("2024 Q1", "_2024_q1"),
            ("Straße Nr.", "straße_nr"),
            ("ID", "id"),
            ("%", "column"),
            ("col1A", "col1_a"),
        ] {
            assert_eq!(tidy(name), tidied, "{name}");
        }
    }
}
