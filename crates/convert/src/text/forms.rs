//! The forms in which a column's dates and times are written, one for all of its values. A
//! form is kept as a pattern (`dd/mm/yyyy`, `yyyy-mm-ddThh:mm:ss.fffZ`), so that a writer can
//! say again what a reader saw.

use super::clock;
use super::times;

/// The order of the parts of a date that is not ISO.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Dmy,
    Mdy,
    Ymd,
}

/// How a column's dates are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DateForm {
    Iso,
    /// `yyyymmdd`
    Compact,
    Parts {
        order: Order,
        mark: u8,
        padded: bool,
    },
}

/// Digits behind the seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fraction {
    /// As many as the value needs.
    Needed,
    Fixed(u8),
}

/// What follows a time: nothing, or one offset for the whole column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Zone {
    None,
    /// `Z`
    Utc,
    /// `+02`, in minutes
    Hours(i16),
    /// `+02:00`
    Colon(i16),
    /// `+0200`
    Plain(i16),
}

impl Zone {
    pub(crate) fn minutes(self) -> i16 {
        match self {
            Zone::None | Zone::Utc => 0,
            Zone::Hours(m) | Zone::Colon(m) | Zone::Plain(m) => m,
        }
    }
}

/// How a column's times of day are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TimeForm {
    /// `hhmmss` without marks.
    pub compact: bool,
    pub seconds: bool,
    pub fraction: Fraction,
}

impl TimeForm {
    pub(crate) const PLAIN: TimeForm = TimeForm {
        compact: false,
        seconds: true,
        fraction: Fraction::Needed,
    };

    /// `hhmmss`
    pub(crate) const COMPACT: TimeForm = TimeForm {
        compact: true,
        seconds: true,
        fraction: Fraction::Fixed(0),
    };
}

/// How a column's timestamps are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StampForm {
    /// Between date and time: a space or `T`.
    pub between: u8,
    pub time: TimeForm,
    pub zone: Zone,
}

impl StampForm {
    pub(crate) const PLAIN: StampForm = StampForm {
        between: b' ',
        time: TimeForm::PLAIN,
        zone: Zone::None,
    };
}

impl DateForm {
    /// None for ISO, which needs no saying.
    pub(crate) fn pattern(self) -> Option<String> {
        Some(match self {
            DateForm::Iso => return None,
            DateForm::Compact => "yyyymmdd".to_owned(),
            DateForm::Parts {
                order,
                mark,
                padded,
            } => {
                let (d, m) = if padded { ("dd", "mm") } else { ("d", "m") };
                let mark = char::from(mark);
                match order {
                    Order::Dmy => format!("{d}{mark}{m}{mark}yyyy"),
                    Order::Mdy => format!("{m}{mark}{d}{mark}yyyy"),
                    Order::Ymd => format!("yyyy{mark}{m}{mark}{d}"),
                }
            }
        })
    }

    pub(crate) fn from_pattern(pattern: &str) -> Option<Self> {
        if pattern == "yyyymmdd" {
            return Some(DateForm::Compact);
        }
        let mark = pattern.bytes().find(|b| !b.is_ascii_alphabetic())?;
        let padded = pattern.contains("dd");
        let order = match pattern.as_bytes().first()? {
            b'd' => Order::Dmy,
            b'm' => Order::Mdy,
            b'y' => Order::Ymd,
            _ => return None,
        };
        Some(DateForm::Parts {
            order,
            mark,
            padded,
        })
    }
}

impl TimeForm {
    fn body(self) -> String {
        if self.compact {
            return "hhmmss".to_owned();
        }
        let mut body = "hh:mm".to_owned();
        if self.seconds {
            body.push_str(":ss");
            match self.fraction {
                Fraction::Needed => body.push_str("[.f]"),
                Fraction::Fixed(0) => {}
                Fraction::Fixed(n) => {
                    body.push('.');
                    body.extend(std::iter::repeat_n('f', usize::from(n)));
                }
            }
        }
        body
    }

    pub(crate) fn pattern(self) -> Option<String> {
        (self != TimeForm::PLAIN).then(|| self.body())
    }

    /// The form, and what of the pattern comes after it.
    fn parse(pattern: &str) -> Option<(Self, &str)> {
        if let Some(rest) = pattern.strip_prefix("hhmmss") {
            return Some((TimeForm::COMPACT, rest));
        }
        let rest = pattern.strip_prefix("hh:mm")?;
        let Some(rest) = rest.strip_prefix(":ss") else {
            let form = TimeForm {
                compact: false,
                seconds: false,
                fraction: Fraction::Fixed(0),
            };
            return Some((form, rest));
        };
        let (fraction, rest) = if let Some(rest) = rest.strip_prefix("[.f]") {
            (Fraction::Needed, rest)
        } else if let Some(tail) = rest.strip_prefix('.') {
            let digits = tail.len() - tail.trim_start_matches('f').len();
            (Fraction::Fixed(digits.min(9) as u8), &tail[digits..])
        } else {
            (Fraction::Fixed(0), rest)
        };
        Some((
            TimeForm {
                compact: false,
                seconds: true,
                fraction,
            },
            rest,
        ))
    }

    pub(crate) fn from_pattern(pattern: &str) -> Option<Self> {
        TimeForm::parse(pattern).map(|(form, _)| form)
    }
}

impl StampForm {
    /// None for what every reader of this crate takes: `2026-01-02 03:04:05`, with a
    /// fraction where there is one, and `+00` where it is told in UTC.
    pub(crate) fn pattern(self) -> Option<String> {
        let plain = StampForm {
            zone: Zone::None,
            ..self
        } == StampForm::PLAIN;
        if plain && matches!(self.zone, Zone::None | Zone::Hours(0)) {
            return None;
        }
        let mut zone = Vec::new();
        clock::print_zone(self.zone, &mut zone);
        Some(format!(
            "yyyy-mm-dd{}{}{}",
            char::from(self.between),
            self.time.body(),
            String::from_utf8_lossy(&zone)
        ))
    }

    pub(crate) fn from_pattern(pattern: &str) -> Option<Self> {
        let rest = pattern.strip_prefix("yyyy-mm-dd")?;
        let between = *rest.as_bytes().first()?;
        let (time, rest) = TimeForm::parse(rest.get(1..)?)?;
        Some(StampForm {
            between,
            time,
            zone: times::zone(rest.as_bytes())?,
        })
    }
}
