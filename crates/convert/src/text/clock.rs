//! Dates, times and timestamps as text, in the form of their column.

use super::forms::{DateForm, Fraction, Order, StampForm, TimeForm, Zone};

/// The year, month and day of a day from 1970-01-01.
pub(crate) fn civil(days: i64) -> (i64, u32, u32) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let of_era = z.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let m = (5 * of_year + 2) / 153;
    let day = (of_year - (153 * m + 2) / 5 + 1) as u32;
    let month = if m < 10 { m + 3 } else { m - 9 } as u32;
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

struct Line {
    bytes: [u8; 64],
    len: usize,
}

impl Line {
    #[inline(always)]
    fn push(&mut self, byte: u8) {
        self.bytes[self.len] = byte;
        self.len += 1;
    }

    #[inline(always)]
    fn two(&mut self, n: u32) {
        self.push(b'0' + (n / 10 % 10) as u8);
        self.push(b'0' + (n % 10) as u8);
    }

    #[inline(always)]
    fn four(&mut self, n: u32) {
        self.two(n / 100);
        self.two(n % 100);
    }

    fn short(&mut self, n: u32, padded: bool) {
        if padded || n > 9 {
            self.two(n);
        } else {
            self.push(b'0' + n as u8);
        }
    }

    /// Years outside four digits, as all exact texts here have them.
    #[cold]
    fn odd_year(&mut self, year: i64) {
        let text = if year < 0 {
            format!("-{:04}", year.unsigned_abs())
        } else {
            year.to_string()
        };
        for byte in text.bytes() {
            self.push(byte);
        }
    }

    #[inline(always)]
    fn date(&mut self, days: i64, form: DateForm) {
        let (year, month, day) = civil(days);
        let year_of = |line: &mut Line| match u32::try_from(year) {
            Ok(y) if y <= 9999 => line.four(y),
            _ => line.odd_year(year),
        };
        match form {
            DateForm::Iso => {
                year_of(self);
                self.push(b'-');
                self.two(month);
                self.push(b'-');
                self.two(day);
            }
            DateForm::Compact => {
                year_of(self);
                self.two(month);
                self.two(day);
            }
            DateForm::Parts {
                order,
                mark,
                padded,
            } => {
                if order == Order::Ymd {
                    year_of(self);
                    self.push(mark);
                }
                let (a, b) = if order == Order::Dmy {
                    (day, month)
                } else {
                    (month, day)
                };
                self.short(a, padded);
                self.push(mark);
                self.short(b, padded);
                if order != Order::Ymd {
                    self.push(mark);
                    year_of(self);
                }
            }
        }
    }

    #[inline(always)]
    fn time(&mut self, nanos: i64, form: TimeForm) {
        let seconds = (nanos / 1_000_000_000) as u32;
        let mut rest = (nanos % 1_000_000_000) as u32;
        self.two(seconds / 3600);
        if !form.compact {
            self.push(b':');
        }
        self.two(seconds / 60 % 60);
        if !form.seconds && seconds.is_multiple_of(60) && rest == 0 {
            return;
        }
        if !form.compact {
            self.push(b':');
        }
        self.two(seconds % 60);
        let least = match form.fraction {
            Fraction::Fixed(n) => usize::from(n),
            Fraction::Needed => 0,
        };
        if rest == 0 && least == 0 {
            return;
        }
        self.push(b'.');
        // A value with more digits than its column's form keeps them.
        let mut unit = 100_000_000;
        let mut written = 0;
        while unit > 0 && (rest > 0 || written < least) {
            self.push(b'0' + (rest / unit) as u8);
            rest %= unit;
            unit /= 10;
            written += 1;
        }
    }

    fn zone(&mut self, zone: Zone) {
        let minutes = zone.minutes();
        let mark = match zone {
            Zone::None => return,
            Zone::Utc => return self.push(b'Z'),
            Zone::Hours(_) => None,
            Zone::Colon(_) => Some(true),
            Zone::Plain(_) => Some(false),
        };
        self.push(if minutes < 0 { b'-' } else { b'+' });
        let minutes = u32::from(minutes.unsigned_abs());
        self.two(minutes / 60);
        let Some(colon) = mark else { return };
        if colon {
            self.push(b':');
        }
        self.two(minutes % 60);
    }
}

fn line(write: impl FnOnce(&mut Line), out: &mut Vec<u8>) {
    let mut line = Line {
        bytes: [0; 64],
        len: 0,
    };
    write(&mut line);
    out.extend_from_slice(&line.bytes[..line.len]);
}

#[inline(always)]
pub(crate) fn print_date(days: i32, form: DateForm, out: &mut Vec<u8>) {
    line(|l| l.date(i64::from(days), form), out);
}

/// `nanos` from midnight.
#[inline(always)]
pub(crate) fn print_time(nanos: i64, form: TimeForm, out: &mut Vec<u8>) {
    line(|l| l.time(nanos, form), out);
}

/// Seconds from 1970 in UTC, and nanoseconds beside them; told in the form's own zone.
#[inline(always)]
pub(crate) fn print_stamp(seconds: i64, nanos: u32, form: StampForm, out: &mut Vec<u8>) {
    let local = seconds + i64::from(form.zone.minutes()) * 60;
    let days = local.div_euclid(86_400);
    let of_day = local.rem_euclid(86_400) * 1_000_000_000 + i64::from(nanos);
    line(
        |l| {
            l.date(days, DateForm::Iso);
            l.push(form.between);
            l.time(of_day, form.time);
            l.zone(form.zone);
        },
        out,
    );
}

pub(super) fn print_zone(zone: Zone, out: &mut Vec<u8>) {
    line(|l| l.zone(zone), out);
}
