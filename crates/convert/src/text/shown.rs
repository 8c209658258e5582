//! What a column looks like to a person: least and most, examples, a small histogram.
//! Made from what the pass over the file noted; never looks at a file.

use std::collections::HashMap;

use super::infer::{Column, ORDERS, Range, Terms};
use super::kind::Kind;
use super::settle::Settled;
use super::times::{self, DateForm};
use super::values;
use crate::profile::{Bucket, ColumnProfile};

const BUCKETS: usize = 20;

/// A profile of a column of this name. `step` rows stand behind each row of its sample.
pub(crate) fn profile(
    column: &Column,
    settled: &Settled,
    name: &str,
    said: Option<String>,
    terms: &Terms,
    step: u64,
) -> ColumnProfile {
    let (min, max) = range(column, settled.kind);
    ColumnProfile {
        name: name.to_owned(),
        said,
        type_name: settled.kind.name(),
        evidence: settled.evidence.clone(),
        mixed: false,
        nulls: column.nulls,
        empties: column.empties,
        distinct: Some(column.distinct()),
        min,
        max,
        longest: (column.values > 0).then_some(u64::from(column.longest)),
        examples: column
            .examples
            .iter()
            .map(|(_, text)| lossy(text))
            .collect(),
        histogram: histogram(column, settled.kind, terms, step),
    }
}

fn lossy(text: &[u8]) -> String {
    String::from_utf8_lossy(text).into_owned()
}

fn printed(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    write(&mut out);
    lossy(&out)
}

/// A value's place on the number line of its kind, and the way back for its ends.
fn number(kind: Kind, text: &[u8], point: u8) -> Option<f64> {
    match kind {
        Kind::Whole | Kind::Decimal { .. } | Kind::Double { .. } => {
            values::double(text, point).filter(|n| n.is_finite())
        }
        Kind::Date(form) => times::read_date(text, form).map(f64::from),
        Kind::Stamp { .. } => times::stamp(text).map(|s| s.nanos() as f64),
        Kind::Time { form, .. } if form.compact => {
            super::stooq::compact_time(text).map(|n| n as f64)
        }
        Kind::Time { .. } => times::time_prefix(text).map(|(t, _)| t.nanos as f64),
        _ => None,
    }
}

fn print(kind: Kind, at: f64) -> String {
    printed(|out| match kind {
        Kind::Whole | Kind::Decimal { scale: 0, .. } => {
            out.extend_from_slice(format!("{:.0}", at.round()).as_bytes());
        }
        Kind::Decimal { scale, .. } => {
            out.extend_from_slice(format!("{at:.0$}", usize::from(scale)).as_bytes());
        }
        Kind::Date(form) => times::print_date(at.round() as i32, form, out),
        Kind::Stamp { form, .. } => {
            times::print_stamp((at / 1e9).round() as i64, 0, form, out);
        }
        Kind::Time { form, .. } => {
            let seconds = (at / 1e9).round().clamp(0.0, 86_399.0) as i64;
            times::print_time(seconds * 1_000_000_000, form, out);
        }
        _ => values::print_double(at, true, b'.', out),
    })
}

/// Over all values, exactly.
fn range(column: &Column, kind: Kind) -> (Option<String>, Option<String>) {
    fn both<T: Copy>(
        range: Option<Range<T>>,
        print: impl Fn(T, &mut Vec<u8>),
    ) -> (Option<String>, Option<String>) {
        match range {
            Some(r) => (
                Some(printed(|o| print(r.low, o))),
                Some(printed(|o| print(r.high, o))),
            ),
            None => (None, None),
        }
    }
    if column.values == 0 {
        return (None, None);
    }
    match kind {
        Kind::Whole | Kind::Decimal { scale: 0, .. } => {
            let mut all = column.wide;
            if let Some(narrow) = column.whole {
                let wide = all.get_or_insert(Range {
                    low: narrow.low.into(),
                    high: narrow.high.into(),
                });
                wide.low = wide.low.min(narrow.low.into());
                wide.high = wide.high.max(narrow.high.into());
            }
            both(all, |value, out| values::print_decimal(value, 0, b'.', out))
        }
        Kind::Decimal { scale, point, .. } => {
            let scale = usize::from(scale);
            let mut all = column.wide;
            if let Some(Some(narrow)) = column.scaled.get(scale) {
                let wide = all.get_or_insert(Range {
                    low: narrow.low.into(),
                    high: narrow.high.into(),
                });
                wide.low = wide.low.min(narrow.low.into());
                wide.high = wide.high.max(narrow.high.into());
            }
            both(all, |value, out| {
                values::print_decimal(value, scale, point, out)
            })
        }
        Kind::Double { short, point } => {
            let mut all = column.doubles;
            let mut take = |value: f64| match &mut all {
                Some(r) => {
                    r.low = r.low.min(value);
                    r.high = r.high.max(value);
                }
                none => {
                    *none = Some(Range {
                        low: value,
                        high: value,
                    })
                }
            };
            if let Some(whole) = column.whole {
                take(whole.low as f64);
                take(whole.high as f64);
            }
            for (scale, range) in column.scaled.iter().enumerate() {
                if let Some(r) = range {
                    for digits in [r.low, r.high] {
                        let mut text = Vec::new();
                        values::print_decimal(digits.into(), scale, b'.', &mut text);
                        take(values::double(&text, b'.').unwrap_or(f64::NAN));
                    }
                }
            }
            let (low, high) = both(all, |value, out| {
                values::print_double(value, short, point, out);
            });
            // What is no number counts as the greatest.
            (
                low,
                if column.nan {
                    Some("nan".to_owned())
                } else {
                    high
                },
            )
        }
        Kind::Date(DateForm::Compact) => both(column.whole, |value, out| {
            values::print_decimal(value.into(), 0, b'.', out)
        }),
        Kind::Time { form, .. } if form.compact => {
            (Some(lossy(&column.least)), Some(lossy(&column.most)))
        }
        Kind::Date(form) => {
            let days = match form {
                DateForm::Parts { order, .. } => {
                    let at = ORDERS.iter().position(|o| *o == order).unwrap_or(0);
                    column.times.days[at]
                }
                _ => column.dates,
            };
            both(days, |value, out| times::print_date(value, form, out))
        }
        Kind::Stamp { form, .. } => both(column.times.nanos, |value, out| {
            let seconds = value.div_euclid(1_000_000_000) as i64;
            times::print_stamp(seconds, value.rem_euclid(1_000_000_000) as u32, form, out);
        }),
        Kind::Time { form, .. } => both(column.times.nanos, |value, out| {
            times::print_time(value as i64, form, out)
        }),
        Kind::Text | Kind::Bool | Kind::Asked(_) => {
            (Some(lossy(&column.least)), Some(lossy(&column.most)))
        }
    }
}

/// Of the sample, counts raised to the whole.
fn histogram(column: &Column, kind: Kind, terms: &Terms, step: u64) -> Vec<Bucket> {
    let texts = column.sample.iter().flatten();
    let numbers: Vec<f64> = texts
        .clone()
        .filter_map(|t| number(kind, t, terms.point))
        .collect();
    if numbers.is_empty() {
        return commonest(texts, step);
    }
    let low = numbers.iter().copied().fold(f64::INFINITY, f64::min);
    let high = numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if low == high {
        let only = print(kind, low);
        return vec![Bucket {
            low: only.clone(),
            high: only,
            count: numbers.len() as u64 * step,
        }];
    }
    let whole = !matches!(kind, Kind::Double { .. } | Kind::Decimal { scale: 1.., .. });
    let buckets = if whole {
        BUCKETS.min((high - low).min(1e6) as usize + 1)
    } else {
        BUCKETS
    };
    let width = (high - low) / buckets as f64;
    let mut counts = vec![0u64; buckets];
    for n in &numbers {
        let at = ((n - low) / width) as usize;
        counts[at.min(buckets - 1)] += step;
    }
    let edge = |i: usize| {
        print(
            kind,
            if i == buckets {
                high
            } else {
                low + width * i as f64
            },
        )
    };
    counts
        .into_iter()
        .enumerate()
        .map(|(i, count)| Bucket {
            low: edge(i),
            high: edge(i + 1),
            count,
        })
        .collect()
}

/// The commonest texts, where some come more than once.
fn commonest<'a>(texts: impl Iterator<Item = &'a Box<[u8]>>, step: u64) -> Vec<Bucket> {
    let mut counts: HashMap<&[u8], u64> = HashMap::new();
    for text in texts {
        *counts.entry(text).or_default() += 1;
    }
    let mut counts: Vec<(&[u8], u64)> = counts.into_iter().collect();
    counts.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    if counts.first().is_none_or(|c| c.1 < 2 && counts.len() > 1) {
        return Vec::new();
    }
    counts
        .into_iter()
        .take(BUCKETS)
        .map(|(text, n)| Bucket {
            low: lossy(text),
            high: lossy(text),
            count: n * step,
        })
        .collect()
}
