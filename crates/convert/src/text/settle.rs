//! From what was seen of a column to its type, with the evidence: the narrowest type for
//! which every value prints back to the same text. Without proof it stays text, and the
//! value that stands in the way is named. Never looks at a file.

use super::infer::{Class, Column, First, NUMBERS, ORDERS, Place, Range, Terms};
use super::kind::Kind;
use super::lenient::Scalar;
use super::stooq::Expected;
use super::times::{DateForm, Fraction, Order, StampForm, TimeForm};
use super::values;
use crate::profile::Choice;

/// A column's type, and why.
pub(crate) struct Settled {
    pub kind: Kind,
    pub evidence: String,
    pub choice: Option<Choice>,
}

/// A number with `,` between thousands.
pub(crate) fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() * 4 / 3);
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// A value in quotes, cut where it is long.
pub(crate) fn quoted(value: &[u8]) -> String {
    let text = String::from_utf8_lossy(value);
    let cut: String = text.chars().take(60).collect();
    let dots = if cut.len() < text.len() { "…" } else { "" };
    format!("{:?}", format!("{cut}{dots}"))
}

fn bits(classes: &[Class]) -> u16 {
    classes.iter().fold(0, |all, c| all | c.bit())
}

fn digits_of(value: i128) -> u8 {
    value
        .unsigned_abs()
        .checked_ilog10()
        .map_or(1, |n| n as u8 + 1)
}

/// Decides for `column`; `line` tells the line of the file for a place.
pub(crate) fn settle(
    column: &Column,
    name: &str,
    terms: &Terms,
    order: Option<Order>,
    line: &dyn Fn(Place) -> u64,
) -> Settled {
    if let Some(asked) = column.asked.filter(|a| a.scalar != Scalar::Text) {
        return Settled {
            kind: Kind::Asked(asked),
            evidence: "as asked".to_owned(),
            choice: None,
        };
    }
    let text = |evidence: String| Settled {
        kind: Kind::Text,
        evidence,
        choice: None,
    };
    if !terms.types || column.asked.is_some() {
        return text("left text, as asked".to_owned());
    }
    if column.values == 0 {
        return text("no values".to_owned());
    }
    let proved = |kind: Kind| Settled {
        kind,
        evidence: format!("0 of {} values altered", grouped(column.values)),
        choice: None,
    };
    match column.expected.filter(|_| !column.unexpected) {
        Some(Expected::Date) => return proved(Kind::Date(DateForm::Compact)),
        Some(Expected::Time) => {
            return proved(Kind::Time {
                form: TimeForm::COMPACT,
                nanos: false,
            });
        }
        None => {}
    }
    let seen = column.seen;
    let only = |classes: &[Class]| seen & !bits(classes) == 0;
    if only(&[Class::Bool]) {
        return proved(Kind::Bool);
    }
    if seen & !NUMBERS == 0 {
        return match number(column, terms.point) {
            Ok(kind) => proved(kind),
            Err(why) => text(why.told(column, line)),
        };
    }
    if only(&[Class::Date]) {
        return proved(Kind::Date(DateForm::Iso));
    }
    if only(&[Class::OtherDate]) {
        return other_date(column, name, order, proved, text);
    }
    if only(&[Class::Stamp])
        && let Some(kind) = stamp(column)
    {
        return proved(kind);
    }
    if only(&[Class::Time])
        && let Some(kind) = time(column)
    {
        return proved(kind);
    }
    text(obstacle(column, line))
}

/// What keeps numbers from being a number's type.
enum Why {
    /// This class's first value would be printed otherwise.
    Altered(Class),
    /// Whole numbers past 2^53 among others, or decimals of over 38 digits.
    TooLong,
    NotFinite,
}

impl Why {
    fn told(&self, column: &Column, line: &dyn Fn(Place) -> u64) -> String {
        match self {
            Why::Altered(class) => match column.first(*class) {
                Some(first) => becomes(first, line),
                None => "text: values are written in several ways".to_owned(),
            },
            Why::TooLong => "text: some numbers have more digits than any type keeps".to_owned(),
            Why::NotFinite => "text: no value is a finite number".to_owned(),
        }
    }
}

/// `text: "007" in line 25,001 would become 7`
fn becomes(first: &First, line: &dyn Fn(Place) -> u64) -> String {
    let at = grouped(line(first.at));
    let shown = quoted(&first.text);
    match as_number(&first.text) {
        Some(number) if number.as_bytes() != &*first.text => {
            format!("text: {shown} in line {at} would become {number}")
        }
        _ => format!("text: {shown} in line {at} is written unlike the other numbers"),
    }
}

/// What a program that takes a text for a number would make of it.
fn as_number(text: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(text).ok()?.trim();
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if !digits.is_empty()
        && digits.bytes().all(|b| b.is_ascii_digit())
        && let Ok(whole) = text.parse::<i64>()
    {
        return Some(whole.to_string());
    }
    if !digits.bytes().any(|b| b.is_ascii_digit()) {
        return None;
    }
    let number: f64 = text.parse().ok()?;
    let mut out = Vec::new();
    values::print_double(number, true, b'.', &mut out);
    String::from_utf8(out).ok()
}

/// Why a column with something else than one kind of value stays text.
fn obstacle(column: &Column, line: &dyn Fn(Place) -> u64) -> String {
    let first = |class: Class| column.first(class);
    let others = bits(&[Class::Text, Class::Empty, Class::Mixed]);
    if let Some(mixed) = first(Class::Mixed) {
        return format!(
            "text: {} in line {} is written in another form than the values before it",
            quoted(&mixed.text),
            grouped(line(mixed.at))
        );
    }
    let typed = column.seen & !others;
    if let Some(empty) = first(Class::Empty)
        && (first(Class::Text).is_none_or(|t| t.text.is_empty()))
    {
        return format!(
            "text: \"\" in line {} is an empty text, which is not null",
            grouped(line(empty.at))
        );
    }
    if let Some(odd) = first(Class::Text) {
        let numbers = column.seen & NUMBERS != 0;
        if as_number(&odd.text).is_some() && (numbers || typed == 0) {
            return becomes(odd, line);
        }
        if typed != 0 {
            let what = if numbers {
                "a number"
            } else if column.seen & Class::Bool.bit() != 0 {
                "true or false"
            } else {
                "a time"
            };
            return format!(
                "text: {} in line {} is not {what}",
                quoted(&odd.text),
                grouped(line(odd.at))
            );
        }
        return "text".to_owned();
    }
    // Several kinds; the one that came last broke the rule.
    match column.last_first() {
        Some(last) => format!(
            "text: {} in line {} is of another kind than the values before it",
            quoted(&last.text),
            grouped(line(last.at))
        ),
        None => "text".to_owned(),
    }
}

fn number(column: &Column, point: u8) -> Result<Kind, Why> {
    let has = |class: Class| column.seen & class.bit() != 0;
    let fraction = has(Class::Decimal) || has(Class::Double) || has(Class::ShortDouble);
    if !fraction {
        let Some(wide) = column.wide.filter(|_| has(Class::Wide)) else {
            return Ok(Kind::Whole);
        };
        let fits = i64::try_from(wide.low).is_ok() && i64::try_from(wide.high).is_ok();
        return Ok(if fits {
            Kind::Whole
        } else {
            Kind::Decimal {
                precision: 38,
                scale: 0,
                point,
            }
        });
    }
    let whole = has(Class::Whole) || has(Class::Wide);
    if !whole
        && !has(Class::Double)
        && !has(Class::ShortDouble)
        && let Some((scale, digits)) = one_scale(column)
    {
        let precision = digits.max(scale + 1);
        if precision <= 38 {
            return Ok(Kind::Decimal {
                precision,
                scale,
                point,
            });
        }
    }
    if has(Class::Wide) {
        return Err(Why::TooLong);
    }
    if has(Class::NotDouble) {
        return Err(Why::Altered(Class::NotDouble));
    }
    if !has(Class::Decimal) && !has(Class::Double) {
        return Err(Why::Altered(Class::ShortDouble));
    }
    const EXACT: i64 = 1 << 53;
    if column
        .whole
        .is_some_and(|r| r.low < -EXACT || r.high > EXACT)
    {
        return Err(Why::TooLong);
    }
    let short = has(Class::Whole) || has(Class::ShortDouble);
    if short && has(Class::PointZero) {
        return Err(Why::Altered(Class::PointZero));
    }
    if !column.finite && !has(Class::Decimal) && !has(Class::Whole) {
        return Err(Why::NotFinite);
    }
    Ok(Kind::Double { short, point })
}

/// The scale that all decimals have, and the digits of the longest.
fn one_scale(column: &Column) -> Option<(u8, u8)> {
    let mut scales: Vec<u8> = (0u8..19)
        .filter(|s| matches!(column.scaled.get(usize::from(*s)), Some(Some(_))))
        .collect();
    if let Some(wide) = column.wide_scales {
        if wide.low != wide.high {
            return None;
        }
        scales.push(wide.low);
    }
    scales.dedup();
    let [scale] = scales[..] else { return None };
    let mut digits = column
        .wide_head
        .checked_add(scale)
        .filter(|_| column.wide.is_some())
        .unwrap_or(0);
    if let Some(Some(range)) = column.scaled.get(usize::from(scale)) {
        digits = digits
            .max(digits_of(range.low.into()))
            .max(digits_of(range.high.into()));
    }
    Some((scale, digits))
}

fn fraction(column: &Column) -> Option<(Fraction, bool)> {
    let digits = column.times.digits.unwrap_or(Range { low: 0, high: 0 });
    let form = if !column.times.zero_ended {
        Fraction::Needed
    } else if digits.low == digits.high {
        Fraction::Fixed(digits.high)
    } else {
        return None;
    };
    Some((form, digits.high > 6))
}

fn stamp(column: &Column) -> Option<Kind> {
    let (between, seconds, zone) = column.times.stamp?;
    let (fraction, nanos) = fraction(column)?;
    let fraction = if seconds {
        fraction
    } else {
        Fraction::Fixed(0)
    };
    if nanos {
        let range = column.times.nanos?;
        i64::try_from(range.low).ok()?;
        i64::try_from(range.high).ok()?;
    }
    let form = StampForm {
        between,
        time: TimeForm {
            compact: false,
            seconds,
            fraction,
        },
        zone,
    };
    Some(Kind::Stamp { form, nanos })
}

fn time(column: &Column) -> Option<Kind> {
    let seconds = column.times.time_seconds?;
    let (fraction, nanos) = fraction(column)?;
    let fraction = if seconds {
        fraction
    } else {
        Fraction::Fixed(0)
    };
    Some(Kind::Time {
        form: TimeForm {
            compact: false,
            seconds,
            fraction,
        },
        nanos,
    })
}

fn other_date(
    column: &Column,
    name: &str,
    asked: Option<Order>,
    proved: impl Fn(Kind) -> Settled,
    text: impl Fn(String) -> Settled,
) -> Settled {
    let times = &column.times;
    let possible: Vec<Order> = ORDERS
        .into_iter()
        .zip(times.impossible)
        .filter(|(_, out)| !out)
        .map(|(order, _)| order)
        .collect();
    let mark = times.mark.unwrap_or(b'/');
    // No value shows whether a short number would have a zero: both forms print all back.
    let kind = |order| {
        Kind::Date(DateForm::Parts {
            order,
            mark,
            padded: !times.single,
        })
    };
    let word = |order| match order {
        Order::Dmy => "dmy",
        Order::Mdy => "mdy",
        Order::Ymd => "ymd",
    };
    match possible[..] {
        [only] if asked.is_none_or(|a| a == only || only == Order::Ymd) => {
            let mut settled = proved(kind(only));
            if only != Order::Ymd {
                settled.choice = Some(Choice {
                    what: "date order".to_owned(),
                    chosen: word(only).to_owned(),
                    why: format!("every date in {name:?} is one only in this order"),
                    otherwise: Some(format!("type.{name}=VARCHAR")),
                    told: None,
                });
            }
            settled
        }
        _ => match asked.filter(|a| possible.contains(a)) {
            Some(order) => proved(kind(order)),
            None => {
                let shown = column
                    .first(Class::OtherDate)
                    .map_or_else(String::new, |f| quoted(&f.text));
                let mut settled = text(match asked {
                    Some(order) => format!("text: not all dates are in the order {}", word(order)),
                    None => format!("text: dates such as {shown} can be read in two orders"),
                });
                if asked.is_none() {
                    settled.choice = Some(Choice {
                        what: "date order".to_owned(),
                        chosen: "text".to_owned(),
                        why: format!("no value of {name:?} tells the day from the month"),
                        otherwise: Some("date_order=dmy".to_owned()),
                        told: None,
                    });
                }
                settled
            }
        },
    }
}
