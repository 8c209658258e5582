//! Records of another length than the table's are brought to it, by what their values look
//! like beside the columns. No text is lost: what is too much is joined, what is empty and
//! too much is left out, what is missing is null.

use std::borrow::Cow;

use super::{Field, Fitted, split};
use crate::text::dialect::{ColumnShape, Dialect, Escape, Kind, Syntax, kind};

/// Delimiters that a single row may have instead of the file's.
const OTHERS: [&[u8]; 6] = [b";", b"\t", b"|", b",", b" ", b":"];

/// Fields times columns above which nobody looks at values any more.
const ALIGNED_MOST: usize = 250_000;

/// Brings a record to the table's width. `record` is what [`split`] took `fields` from.
pub(crate) fn fit<'a>(record: &'a [u8], dialect: &Dialect, fields: &mut Vec<Field<'a>>) -> Fitted {
    fit_columns(record, &dialect.syntax, &dialect.columns, fields)
}

/// As [`fit`], before there is a dialect.
pub(crate) fn fit_columns<'a>(
    record: &'a [u8],
    syntax: &Syntax,
    columns: &[ColumnShape],
    fields: &mut Vec<Field<'a>>,
) -> Fitted {
    let width = syntax.width;
    if fields.len() == width {
        return Fitted::Regular;
    }
    if fields.len() > width {
        return shorten(syntax, columns, fields);
    }
    if let Some(split) = by_other_delimiter(record, syntax, columns, fields) {
        *fields = split;
        return Fitted::OtherDelimiter;
    }
    if part(syntax, columns, fields) {
        return Fitted::Parted;
    }
    lengthen(width, columns, fields)
}

/// Brings a line of names to `width`: an empty name too many goes, a line under another
/// delimiter is taken apart by it. Gives whether the length is right now.
pub(crate) fn fit_names<'a>(
    record: &'a [u8],
    syntax: &Syntax,
    fields: &mut Vec<Field<'a>>,
) -> bool {
    let width = syntax.width;
    if fields.len() == 1 && width >= 3 {
        for other in OTHERS {
            if other == syntax.delimiter.as_slice() {
                continue;
            }
            let pieces = pieces(record, other, syntax);
            if pieces.len() == width && pieces.iter().all(|p| !p.text.trim_ascii().is_empty()) {
                *fields = pieces;
                return true;
            }
        }
    }
    while fields.len() > width {
        let Some(empty) = fields.iter().rposition(|f| f.text.trim_ascii().is_empty()) else {
            return false;
        };
        fields.remove(empty);
    }
    if fields.len() < width && fields.len() + junctions(syntax, fields) == width {
        part_all(syntax, fields);
    }
    fields.len() == width
}

fn look(field: &Field<'_>) -> Kind {
    kind(&field.text)
}

fn affinity(columns: &[ColumnShape], column: usize, kind: Kind) -> f32 {
    columns
        .get(column)
        .map_or(0.5, |shape| shape.affinity(kind))
}

fn total(columns: &[ColumnShape], fields: &[Field<'_>]) -> f32 {
    fields
        .iter()
        .enumerate()
        .map(|(i, f)| affinity(columns, i, look(f)))
        .sum()
}

fn pieces<'a>(record: &'a [u8], delimiter: &[u8], syntax: &Syntax) -> Vec<Field<'a>> {
    let other = Syntax {
        delimiter: delimiter.to_vec(),
        ..syntax.clone()
    };
    let mut out = Vec::new();
    split(record, &other, &mut out);
    out
}

/// The record taken apart by another delimiter, if that gives a row whose typed values stand
/// in their columns. Pieces of a text with spaces are put together again by the same measure.
fn by_other_delimiter<'a>(
    record: &'a [u8],
    syntax: &Syntax,
    columns: &[ColumnShape],
    fields: &[Field<'a>],
) -> Option<Vec<Field<'a>>> {
    let width = syntax.width;
    if width < 3 || fields.len() * 2 > width || record.len() > 64 << 10 {
        return None;
    }
    let typed = columns.iter().filter(|c| c.is_typed()).count();
    let mut best: Option<(f32, Vec<Field<'a>>)> = None;
    for other in OTHERS {
        if other == syntax.delimiter.as_slice() {
            continue;
        }
        let mut split = pieces(record, other, syntax);
        let found = split.len();
        if found < width || (found > width && (other != b" " || found > width * 8)) {
            continue;
        }
        if found > width {
            let parted = Syntax {
                delimiter: other.to_vec(),
                ..syntax.clone()
            };
            shorten(&parted, columns, &mut split);
        }
        let matched = split
            .iter()
            .zip(columns)
            .filter(|(f, c)| c.is_typed() && look(f).is_typed() && c.affinity(look(f)) >= 0.8)
            .count();
        let told = split
            .iter()
            .zip(columns)
            .filter(|(f, c)| c.is_typed() && !look(f).is_blank())
            .count();
        let fits = total(columns, &split) / width as f32;
        let filled = split.iter().filter(|f| !f.is_null()).count();
        // Text alone, under spaces, could be a sentence.
        let proof = if other == b" " {
            matched == told && (matched >= 2 || matched == typed)
        } else {
            matched >= 1 || (typed == 0 && found == width)
        };
        let convincing = proof && matched * 3 >= told * 2 && fits >= 0.5 && filled * 3 > width;
        if convincing && best.as_ref().is_none_or(|(b, _)| fits > *b) {
            best = Some((fits, split));
        }
    }
    best.map(|(_, split)| split)
}

/// Places where a value in quotes could be two.
fn junctions(syntax: &Syntax, fields: &[Field<'_>]) -> usize {
    fields
        .iter()
        .map(|f| usize::from(junction(syntax, f).is_some()))
        .sum()
}

/// A quote inside a quoted value that has text on both sides: `"b""c"`, read as `b"c`.
fn junction(syntax: &Syntax, field: &Field<'_>) -> Option<usize> {
    let quote = syntax.quote.filter(|_| syntax.escape == Escape::Doubled)?;
    let mut quotes = field.text.iter().enumerate().filter(|(_, b)| **b == quote);
    let (at, _) = quotes.next()?;
    (field.quoted && quotes.next().is_none()).then_some(at)
}

fn parted<'a>(field: &Field<'a>, at: usize) -> [Field<'a>; 2] {
    let piece = |text: &[u8]| Field {
        text: Cow::Owned(text.to_vec()),
        quoted: true,
    };
    [piece(&field.text[..at]), piece(&field.text[at + 1..])]
}

fn part_all(syntax: &Syntax, fields: &mut Vec<Field<'_>>) {
    let mut i = 0;
    while i < fields.len() {
        if let Some(at) = junction(syntax, &fields[i]) {
            let two = parted(&fields[i], at);
            fields.splice(i..=i, two);
            i += 1;
        }
        i += 1;
    }
}

/// Takes values apart where a doubled quote must have been two ends without a delimiter
/// between them: the record is short by just as many fields, and fits its columns then.
fn part(syntax: &Syntax, columns: &[ColumnShape], fields: &mut Vec<Field<'_>>) -> bool {
    let missing = syntax.width - fields.len();
    if junctions(syntax, fields) != missing {
        return false;
    }
    let mut split = fields.clone();
    part_all(syntax, &mut split);
    let mut padded = fields.clone();
    lengthen(syntax.width, columns, &mut padded);
    if total(columns, &split) <= total(columns, &padded) {
        return false;
    }
    *fields = split;
    true
}

/// Puts nulls in. They go to the end, unless values would then stand in columns that they
/// cannot be of, and there is a place for the nulls where they do not.
fn lengthen(width: usize, columns: &[ColumnShape], fields: &mut Vec<Field<'_>>) -> Fitted {
    let have = fields.len();
    if have * width > ALIGNED_MOST || have < 2 {
        fields.resize(width, Field::NULL);
        return Fitted::Padded;
    }
    let kinds: Vec<Kind> = fields.iter().map(look).collect();
    let padded: f32 = (0..width)
        .map(|c| affinity(columns, c, kinds.get(c).copied().unwrap_or(Kind::Empty)))
        .sum();
    // best[f][g]: the first f fields and g nulls, in columns 0 .. f + g.
    let gaps = width - have;
    let mut best = vec![vec![f32::NEG_INFINITY; gaps + 1]; have + 1];
    best[0][0] = 0.0;
    for f in 0..=have {
        for g in 0..=gaps {
            let column = f + g;
            let here = best[f][g];
            if here == f32::NEG_INFINITY {
                continue;
            }
            if f < have {
                let score = here + affinity(columns, column, kinds[f]);
                best[f + 1][g] = best[f + 1][g].max(score);
            }
            if g < gaps {
                let score = here + affinity(columns, column, Kind::Empty);
                best[f][g + 1] = best[f][g + 1].max(score);
            }
        }
    }
    if best[have][gaps] < padded + 0.9 {
        fields.resize(width, Field::NULL);
        return Fitted::Padded;
    }
    // Back from the end; of equal ways the one with nulls last.
    let (mut f, mut g) = (have, gaps);
    while g > 0 {
        let column = f + g - 1;
        let null = best[f][g - 1] + affinity(columns, column, Kind::Empty);
        if f == 0 || null >= best[f][g] - 1e-4 {
            fields.insert(f, Field::NULL);
            g -= 1;
        } else {
            f -= 1;
        }
    }
    Fitted::Aligned
}

/// What a step costs beside how well its values fit.
const DROP: f32 = 0.05;
const JOIN: f32 = 0.3;

/// Leaves empty fields out and joins neighbours, so that what remains fits its columns best.
fn shorten(syntax: &Syntax, columns: &[ColumnShape], fields: &mut Vec<Field<'_>>) -> Fitted {
    let width = syntax.width;
    let have = fields.len();
    let surplus = have - width;
    if fields[width..].iter().all(|f| f.is_null()) {
        fields.truncate(width);
        return Fitted::EmptyDropped;
    }
    if width == 0 || have * (surplus + 1) > ALIGNED_MOST || surplus > 64 {
        return join_last(syntax, fields);
    }
    let kinds: Vec<Kind> = fields.iter().map(look).collect();
    // best[i][s]: the first i fields, of which s are gone, in columns 0 .. i - s.
    let mut best = vec![vec![f32::NEG_INFINITY; surplus + 1]; have + 1];
    let mut step = vec![vec![0usize; surplus + 1]; have + 1];
    best[0][0] = 0.0;
    for i in 0..have {
        for s in 0..=surplus {
            let here = best[i][s];
            if here == f32::NEG_INFINITY || i - s > width {
                continue;
            }
            let column = i - s;
            // A field left out: step 0.
            if s < surplus && fields[i].is_null() {
                let score = here - DROP;
                if score > best[i + 1][s + 1] {
                    best[i + 1][s + 1] = score;
                    step[i + 1][s + 1] = 0;
                }
            }
            if column == width {
                continue;
            }
            // n fields as one value: step n.
            for n in 1..=(surplus - s + 1).min(have - i) {
                // Nothing is joined to an empty field: that one goes.
                if n > 1 && (fields[i].is_null() || fields[i + n - 1].is_null()) {
                    continue;
                }
                let kind = if n == 1 {
                    kinds[i]
                } else {
                    kind(&joined(syntax, &fields[i..i + n]))
                };
                let bond = columns.get(column).map_or(0.0, bond);
                let cost = (JOIN - bond) * (n - 1) as f32;
                let score = here + affinity(columns, column, kind) - cost;
                let to = (i + n, s + n - 1);
                // Of equal ways the one that joins later.
                if score > best[to.0][to.1] + 1e-4
                    || (score > best[to.0][to.1] - 1e-4 && n > step[to.0][to.1])
                {
                    best[to.0][to.1] = best[to.0][to.1].max(score);
                    step[to.0][to.1] = n;
                }
            }
        }
    }
    let mut out = Vec::with_capacity(width);
    let (mut i, mut s) = (have, surplus);
    let mut how = Fitted::EmptyDropped;
    while i > 0 {
        match step[i][s] {
            0 => {
                i -= 1;
                s -= 1;
            }
            n => {
                i -= n;
                s -= n - 1;
                out.push(if n == 1 {
                    fields[i].clone()
                } else {
                    how = Fitted::Joined;
                    Field {
                        text: Cow::Owned(joined(syntax, &fields[i..i + n])),
                        quoted: false,
                    }
                });
            }
        }
    }
    out.reverse();
    if out.len() != width {
        return join_last(syntax, fields);
    }
    *fields = out;
    how
}

/// How readily values of a column hold the delimiter as text: where others do, inside
/// quotes, and where they are sentences.
fn bond(shape: &ColumnShape) -> f32 {
    let parted = shape.parted as f32 / shape.told().max(1) as f32;
    let prose = shape.count(Kind::Prose) as f32 / shape.told().max(1) as f32;
    0.1 * parted.min(1.0) + 0.1 * prose + (shape.mean_length() / 1000.0).min(0.05)
}

fn joined(syntax: &Syntax, fields: &[Field<'_>]) -> Vec<u8> {
    let mut text = fields[0].text.to_vec();
    for field in &fields[1..] {
        text.extend_from_slice(&syntax.delimiter);
        text.extend_from_slice(&field.text);
    }
    text
}

fn join_last(syntax: &Syntax, fields: &mut Vec<Field<'_>>) -> Fitted {
    let width = syntax.width.max(1);
    let last = joined(syntax, &fields[width - 1..]);
    fields.truncate(width - 1);
    fields.push(Field {
        text: Cow::Owned(last),
        quoted: false,
    });
    Fitted::Joined
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Columns as the rows of `sample` show them.
    fn columns(sample: &[&[&str]]) -> Vec<ColumnShape> {
        let mut shapes = vec![ColumnShape::default(); sample[0].len()];
        for row in sample {
            for (shape, value) in shapes.iter_mut().zip(*row) {
                shape.add(kind(value.as_bytes()), value.len());
            }
        }
        shapes
    }

    fn fitted(record: &str, sample: &[&[&str]]) -> (Fitted, Vec<String>) {
        let syntax = Syntax {
            width: sample[0].len(),
            ..Syntax::default()
        };
        let mut fields = Vec::new();
        split(record.as_bytes(), &syntax, &mut fields);
        let how = fit_columns(record.as_bytes(), &syntax, &columns(sample), &mut fields);
        assert_eq!(fields.len(), syntax.width);
        (
            how,
            fields
                .iter()
                .map(|f| String::from_utf8_lossy(&f.text).into_owned())
                .collect(),
        )
    }

    const SALES: &[&[&str]] = &[
        &["2019-01-01", "10:30", "Ann Lee", "12", "3.50"],
        &["2019-01-02", "11:30", "Bob", "7", "1.25"],
        &["2019-01-03", "12:30", "Carl Moe", "9", "2.00"],
    ];

    #[test]
    fn an_empty_field_too_many_goes() {
        for record in [
            "2019-01-04,,10:00,Dan,1,2.5",
            ",2019-01-04,10:00,Dan,1,2.5",
            "2019-01-04,10:00,Dan,1,2.5,",
        ] {
            let (how, row) = fitted(record, SALES);
            assert_eq!(how, Fitted::EmptyDropped, "{record}");
            assert_eq!(row, ["2019-01-04", "10:00", "Dan", "1", "2.5"]);
        }
    }

    #[test]
    fn a_value_that_held_the_delimiter_is_one_again() {
        let (how, row) = fitted("2019-01-04,10:00,Lee, Ann,1,2.5", SALES);
        assert_eq!(how, Fitted::Joined);
        assert_eq!(row[2], "Lee, Ann");
    }

    #[test]
    fn what_is_missing_is_null() {
        let (how, row) = fitted("2019-01-04,10:00,Dan", SALES);
        assert_eq!((how, row[4].as_str()), (Fitted::Padded, ""));
        let (how, row) = fitted("2019-01-04,10:00,1,2.5", SALES);
        assert_eq!(how, Fitted::Padded, "{row:?}");
        let (how, row) = fitted("10:00,Dan Moe,1,2.5", SALES);
        assert_eq!(how, Fitted::Aligned);
        assert_eq!(row, ["", "10:00", "Dan Moe", "1", "2.5"]);
        let (how, row) = fitted(r#""2019-01-04""10:00","Dan",1,2.5"#, SALES);
        assert_eq!(how, Fitted::Parted);
        assert_eq!(row[..2], ["2019-01-04", "10:00"]);
    }

    #[test]
    fn a_row_under_another_delimiter_is_taken_apart() {
        let wanted = ["2019-01-04", "10:00", "Dan Moe", "1", "2.5"];
        for record in [
            "2019-01-04 10:00 Dan Moe 1 2.5",
            "2019-01-04;10:00;Dan Moe;1;2.5",
        ] {
            let (how, row) = fitted(record, SALES);
            assert_eq!(how, Fitted::OtherDelimiter, "{record}");
            assert_eq!(row, wanted);
        }
        let (how, _) = fitted("a note of just five words", SALES);
        assert_eq!(how, Fitted::Padded);
    }

    #[test]
    fn nothing_is_lost_where_nothing_fits() {
        let (_, row) = fitted("a,b,c,d,e,f,g,h", SALES);
        assert_eq!(row.join(","), "a,b,c,d,e,f,g,h");
    }
}
