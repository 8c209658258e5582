//! The type that a text column has been given, and what its texts look like: together
//! they say how a value is read and how it is written again.

use std::collections::HashMap;

use arrow::datatypes::{DataType, Field, TimeUnit};

use super::lenient::{Asked, Scalar};
use super::times::{DateForm, StampForm, TimeForm, Zone};

/// The key of a field's metadata under which its form stands, where it is not the one in
/// which values are printed anyway: `short` (doubles without `.0`), `dd/mm/yyyy`,
/// `yyyy-mm-ddThh:mm:ssZ`, and `,` as the decimal mark.
pub(crate) const FORM: &str = "redline:form";

/// The key of a schema's metadata under which a known layout stands: `stooq`, `stooq_short`.
pub(crate) const LAYOUT: &str = "redline:layout";

/// The key of a schema's metadata that is there where nothing named the columns: a text
/// made from such a table does not begin with names that were made up for it.
pub(crate) const HEADLESS: &str = "redline:headless";

/// The key of a field's metadata under which stands what a text's header said, where the
/// field had to be called otherwise, for being a twin or without a name.
pub(crate) const SAID: &str = "redline:said";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Bool,
    Whole,
    Decimal {
        precision: u8,
        scale: u8,
        point: u8,
    },
    /// `short`: whole numbers stand without `.0`.
    Double {
        short: bool,
        point: u8,
    },
    Date(DateForm),
    Time {
        form: TimeForm,
        nanos: bool,
    },
    Stamp {
        form: StampForm,
        nanos: bool,
    },
    /// As was asked for, whatever the texts look like.
    Asked(Asked),
}

impl Kind {
    pub(crate) fn data_type(self) -> DataType {
        let unit = |nanos| {
            if nanos {
                TimeUnit::Nanosecond
            } else {
                TimeUnit::Microsecond
            }
        };
        match self {
            Kind::Text => DataType::Utf8,
            Kind::Bool => DataType::Boolean,
            Kind::Whole => DataType::Int64,
            Kind::Decimal {
                precision, scale, ..
            } => DataType::Decimal128(precision, scale as i8),
            Kind::Double { .. } => DataType::Float64,
            Kind::Date(_) => DataType::Date32,
            Kind::Time { nanos, .. } => DataType::Time64(unit(nanos)),
            Kind::Stamp { form, nanos } => {
                let zone = match form.zone {
                    Zone::None => None,
                    zone if zone.minutes() == 0 => Some("UTC".into()),
                    zone => {
                        let minutes = zone.minutes();
                        let sign = if minutes < 0 { '-' } else { '+' };
                        let minutes = minutes.unsigned_abs();
                        Some(format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60).into())
                    }
                };
                DataType::Timestamp(unit(nanos), zone)
            }
            Kind::Asked(asked) => asked.data_type(),
        }
    }

    /// For reading what this crate wrote from such a field; text where a value's text
    /// does not say all of it.
    pub(crate) fn of_field(field: &Field) -> Self {
        let scalar = match field.data_type() {
            DataType::Boolean => return Kind::Bool,
            DataType::Int64 => return Kind::Whole,
            DataType::Int8 => Scalar::Int(true, 8),
            DataType::Int16 => Scalar::Int(true, 16),
            DataType::Int32 => Scalar::Int(true, 32),
            DataType::UInt8 => Scalar::Int(false, 8),
            DataType::UInt16 => Scalar::Int(false, 16),
            DataType::UInt32 => Scalar::Int(false, 32),
            DataType::UInt64 => Scalar::Int(false, 64),
            DataType::Float32 => Scalar::Float,
            DataType::Float64 => Scalar::Double,
            DataType::Decimal128(precision, scale @ 0..) => {
                Scalar::Decimal(*precision, *scale as u8)
            }
            DataType::Date32 => Scalar::Date,
            _ => return Kind::Text,
        };
        match field.metadata().get(FORM) {
            None => Kind::Asked(Asked {
                scalar,
                point: b'.',
                order: None,
            }),
            Some(_) => Kind::Text,
        }
    }

    /// In SQL's words.
    pub(crate) fn name(self) -> String {
        match self {
            Kind::Text => "VARCHAR".to_owned(),
            Kind::Bool => "BOOLEAN".to_owned(),
            Kind::Whole => "BIGINT".to_owned(),
            Kind::Decimal {
                precision, scale, ..
            } => format!("DECIMAL({precision},{scale})"),
            Kind::Double { .. } => "DOUBLE".to_owned(),
            Kind::Date(_) => "DATE".to_owned(),
            Kind::Time { .. } => "TIME".to_owned(),
            Kind::Stamp { form, .. } if form.zone != Zone::None => {
                "TIMESTAMP WITH TIME ZONE".to_owned()
            }
            Kind::Stamp { nanos: true, .. } => "TIMESTAMP_NS".to_owned(),
            Kind::Stamp { .. } => "TIMESTAMP".to_owned(),
            Kind::Asked(asked) => asked.name(),
        }
    }

    /// What [`FORM`] says; none where the usual form is the column's.
    fn form(self) -> Option<String> {
        match self {
            Kind::Decimal {
                point: b',',
                scale: 1..,
                ..
            } => Some(",".to_owned()),
            Kind::Double { short, point } => match (short, point) {
                (false, b'.') => None,
                (true, b'.') => Some("short".to_owned()),
                (false, _) => Some(",".to_owned()),
                (true, _) => Some("short,".to_owned()),
            },
            Kind::Date(form) => form.pattern(),
            Kind::Time { form, .. } => form.pattern(),
            Kind::Stamp { form, .. } => form.pattern(),
            _ => None,
        }
    }

    pub(crate) fn field(self, name: &str) -> Field {
        let field = Field::new(name, self.data_type(), true);
        match self.form() {
            Some(form) => field.with_metadata(HashMap::from([(FORM.to_owned(), form)])),
            None => field,
        }
    }
}
