//! The ways in which a record is brought to a table's width, in words.

/// What [`super::fit`] did to a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Fitted {
    /// It was as long as the table is wide.
    Regular,
    /// Too short; nulls were put behind its last value.
    Padded,
    /// Too short; nulls were put where the values around them fit their columns.
    Aligned,
    /// Too short, since a delimiter was missing between two quoted values.
    Parted,
    /// Its fields stood apart by another delimiter.
    OtherDelimiter,
    /// Too long by empty fields, which were left out.
    EmptyDropped,
    /// Too long; neighbours were joined by the delimiter that had parted them.
    Joined,
}

impl Fitted {
    /// `short row` and the like: the `kind` of a [`crate::profile::Repair`].
    pub(crate) fn kind(self) -> &'static str {
        match self {
            Fitted::Regular => "regular",
            Fitted::Padded | Fitted::Aligned => "short row",
            Fitted::Parted => "missing delimiter",
            Fitted::OtherDelimiter => "other delimiter",
            Fitted::EmptyDropped => "surplus delimiter",
            Fitted::Joined => "long row",
        }
    }

    /// What was done, for the same.
    pub(crate) fn detail(self) -> &'static str {
        match self {
            Fitted::Regular => "nothing had to be done",
            Fitted::Padded => "rows with too few fields: the missing ones are null, at the end",
            Fitted::Aligned => {
                "rows with too few fields: the missing ones are null, where the values around them fit their columns"
            }
            Fitted::Parted => {
                "rows with too few fields, values in quotes without a delimiter between them: taken apart there"
            }
            Fitted::OtherDelimiter => {
                "rows whose fields stand apart by another delimiter: taken apart by it"
            }
            Fitted::EmptyDropped => {
                "rows with too many fields, some of them empty: those were left out"
            }
            Fitted::Joined => {
                "rows with too many fields: neighbours that make one value are one, with the delimiter between them"
            }
        }
    }
}
