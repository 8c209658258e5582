//! The type of a text column: the narrowest for which every value prints back to
//! the same text. A sample can only rule types out; only the whole file rules one in.

use crate::certificate::Row;
use crate::error::Result;
use crate::sql::{grouped, literal};

/// How many rows the ruling-out looks at.
pub(crate) const SAMPLE_ROWS: u64 = 5_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Candidate {
    Boolean,
    BigInt,
    Date,
    Timestamp,
    TimestampTz,
    Time,
    Decimal { scale: u8 },
    Double,
}

/// From narrow to wide; DECIMAL comes before DOUBLE, since it is exact.
const PLAIN: [Candidate; 6] = [
    Candidate::Boolean,
    Candidate::BigInt,
    Candidate::Date,
    Candidate::Timestamp,
    Candidate::TimestampTz,
    Candidate::Time,
];

impl Candidate {
    fn sql(self) -> String {
        match self {
            Candidate::Boolean => "BOOLEAN".into(),
            Candidate::BigInt => "BIGINT".into(),
            Candidate::Date => "DATE".into(),
            Candidate::Timestamp => "TIMESTAMP".into(),
            Candidate::TimestampTz => "TIMESTAMP WITH TIME ZONE".into(),
            Candidate::Time => "TIME".into(),
            Candidate::Decimal { scale } => format!("DECIMAL(38,{scale})"),
            Candidate::Double => "DOUBLE".into(),
        }
    }

    fn is_number(self) -> bool {
        matches!(
            self,
            Candidate::BigInt | Candidate::Decimal { .. } | Candidate::Double
        )
    }

    /// True for each value of `c` that this type would alter. NULL is never altered.
    fn alters(self, c: &str) -> String {
        let printed = format!(
            "CAST(TRY_CAST({c} AS {}) AS VARCHAR) IS DISTINCT FROM {c}",
            self.sql()
        );
        match self {
            // The engine prints these back, but most readers of a Parquet file cannot.
            Candidate::Date | Candidate::Timestamp | Candidate::TimestampTz => {
                format!("({printed} OR {c} IN ('infinity', '-infinity'))")
            }
            // A cast to a wide decimal takes 57 us a value; what one prints is as plain
            // as this pattern. Should the two ever differ, the certificate shows it.
            Candidate::Decimal { scale } => {
                let (fraction, point) = if scale > 0 {
                    (format!("\\.[0-9]{{{scale}}}"), 1)
                } else {
                    (String::new(), 0)
                };
                format!(
                    "(NOT regexp_full_match({c}, '-?(0|[1-9][0-9]*){fraction}') \
                     OR regexp_full_match({c}, '-0(\\.0*)?') OR strlen(ltrim({c}, '-')) > {})",
                    38 + point
                )
            }
            _ => format!("({printed})"),
        }
    }
}

fn count_where(condition: &str) -> String {
    format!("CAST(count(*) FILTER (WHERE {condition}) AS VARCHAR)")
}

/// What is still possible for a column after the sample.
#[derive(Debug, Clone)]
pub(crate) struct Survivors {
    candidates: Vec<Candidate>,
    /// Where none is possible: the type that came closest, to say why it is not.
    near: Option<Candidate>,
}

/// Aggregates over a sample, for the text column `c`.
pub(crate) fn sample_items(c: &str) -> Vec<String> {
    let mut items = vec![format!("CAST(count({c}) AS VARCHAR)")];
    items.extend(PLAIN.iter().map(|t| count_where(&t.alters(c))));
    items.push(count_where(&Candidate::Double.alters(c)));
    for loose in ["DOUBLE", "TIMESTAMP"] {
        items.push(count_where(&format!(
            "{c} IS NOT NULL AND TRY_CAST({c} AS {loose}) IS NULL"
        )));
    }
    items.push(count_where(&format!("contains({c}, '.')")));
    items.push(format!(
        "CAST(min(strlen(split_part({c}, '.', 2))) AS VARCHAR)"
    ));
    items.push(format!(
        "CAST(max(strlen(split_part({c}, '.', 2))) AS VARCHAR)"
    ));
    items
}

/// Reads what [`sample_items`] selected.
pub(crate) fn survivors(row: &mut Row) -> Result<Survivors> {
    let values = row.number()?;
    let mut candidates = Vec::new();
    for candidate in PLAIN {
        if row.number()? == 0 {
            candidates.push(candidate);
        }
    }
    let double = row.number()? == 0;
    let (not_numbers, not_times) = (row.number()?, row.number()?);
    let (dotted, least, most) = (row.number()?, row.number()?, row.number()?);
    if not_numbers == 0 && values > 0 {
        if dotted == 0 {
            candidates.push(Candidate::Decimal { scale: 0 });
        } else if dotted == values && least == most && (1..=37).contains(&least) {
            candidates.push(Candidate::Decimal { scale: least as u8 });
        }
    }
    if double {
        candidates.push(Candidate::Double);
    }
    let mostly = |misses: u64| misses * 10 <= values;
    let near = if values == 0 {
        None
    } else if mostly(not_numbers) {
        Some(if dotted == 0 {
            Candidate::BigInt
        } else {
            Candidate::Double
        })
    } else if mostly(not_times) {
        Some(Candidate::Timestamp)
    } else {
        None
    };
    Ok(Survivors { candidates, near })
}

/// Aggregates over the whole file, for the text column `c`.
pub(crate) fn proof_items(c: &str, survivors: &Survivors) -> Vec<String> {
    let mut items = Vec::new();
    let tried = survivors.candidates.iter().chain(&survivors.near);
    let mut number = false;
    for candidate in tried {
        let alters = candidate.alters(c);
        items.push(count_where(&alters));
        items.push(format!("min(left({c}, 40)) FILTER (WHERE {alters})"));
        number |= candidate.is_number();
    }
    if number {
        items.push(count_where(&format!("regexp_matches({c}, '^[+-]?0[0-9]')")));
        items.push(format!("CAST(max(strlen(ltrim({c}, '-'))) AS VARCHAR)"));
        items.push(count_where(&format!(
            "{c} IN ('nan', '-nan', 'inf', '-inf')"
        )));
        items.push(count_where(&format!(
            "contains({c}, '.') AND {c} LIKE '%0'"
        )));
    }
    items
}

/// What the whole file says about a column.
#[derive(Debug, Clone)]
pub(crate) struct Proven {
    /// For a CAST that alters nothing.
    pub sql_type: String,
    pub evidence: String,
    pub non_finite: u64,
    pub trailing_zeros: u64,
}

/// Reads what [`proof_items`] selected. `values` are not null; `empties` are `""`.
pub(crate) fn proven(
    row: &mut Row,
    survivors: &Survivors,
    values: u64,
    empties: u64,
) -> Result<Proven> {
    let mut altered = Vec::new();
    for candidate in survivors.candidates.iter().chain(&survivors.near) {
        altered.push((*candidate, row.number()?, row.text()));
    }
    let number = altered.iter().any(|(c, _, _)| c.is_number());
    let (zeros, longest, non_finite, trailing_zeros) = if number {
        (row.number()?, row.number()?, row.number()?, row.number()?)
    } else {
        (0, 0, 0, 0)
    };
    let text = |evidence: String| Proven {
        sql_type: "VARCHAR".to_owned(),
        evidence,
        non_finite: 0,
        trailing_zeros: 0,
    };
    if values == 0 {
        return Ok(text("no values".to_owned()));
    }
    let fits = altered
        .iter()
        .filter(|(c, n, _)| *n == 0 && !(*c == Candidate::Double && non_finite == values))
        .map(|(c, _, _)| *c)
        .next();
    if let Some(candidate) = fits {
        let sql_type = match candidate {
            Candidate::Decimal { scale } => {
                let digits = longest - u64::from(scale > 0);
                format!(
                    "DECIMAL({},{scale})",
                    digits.clamp(u64::from(scale), 38).max(1)
                )
            }
            other => other.sql(),
        };
        return Ok(Proven {
            sql_type,
            evidence: format!("0 of {} values altered", grouped(values)),
            non_finite,
            trailing_zeros,
        });
    }
    let closest = altered.into_iter().min_by_key(|(_, n, _)| *n);
    Ok(text(match closest {
        None => "text".to_owned(),
        Some(_) if zeros == 1 => "1 value begins with 0".to_owned(),
        Some(_) if zeros > 0 => format!("{} values begin with 0", grouped(zeros)),
        Some((_, n, _)) if n == empties => {
            format!(
                "{} of {} values are quoted empty text, which is not null",
                grouped(n),
                grouped(values)
            )
        }
        Some((candidate, n, example)) => format!(
            "as {}, {} of {} values would be altered, such as {}",
            candidate.sql(),
            grouped(n),
            grouped(values),
            literal(&example.unwrap_or_default()),
        ),
    }))
}
