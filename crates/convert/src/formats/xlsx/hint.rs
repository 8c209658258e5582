//! What our writer leaves in a workbook of its own about the types of the columns, in a
//! custom XML part, which other programs carry along untouched. It counts only while the
//! sheet is, by its checksum, the very one it was written with; an edited sheet is read
//! like any other.

use arrow::datatypes::{DataType, Field};
use serde::{Deserialize, Serialize};

use super::holds;
use super::package::Part;
use super::workbook::Workbook;
use super::xml::{Event, Xml};
use crate::error::Result;
use crate::types;

pub(super) const PART: &str = "customXml/item1.xml";
const NAMESPACE: &str = "urn:redline:columns";

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Hint {
    /// Of the unpacked sheet.
    pub crc: u32,
    pub bytes: u64,
    pub rows: u64,
    pub columns: Vec<HintColumn>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct HintColumn {
    pub name: String,
    /// As Arrow writes the type.
    #[serde(rename = "type")]
    pub data_type: String,
    /// The source's word for it (`redline:type`).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub said: Option<String>,
    pub nulls: u64,
    pub nullable: bool,
}

impl Hint {
    pub(super) fn part(&self) -> String {
        let json = serde_json::to_string(self).unwrap_or_default();
        let mut out = String::with_capacity(json.len() + 128);
        out.push_str("<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n");
        out.push_str(&format!("<columns xmlns=\"{NAMESPACE}\">"));
        for c in json.chars() {
            match c {
                '&' => out.push_str("&amp;"),
                '<' => out.push_str("&lt;"),
                '>' => out.push_str("&gt;"),
                // JSON has its own way for what XML cannot hold.
                '\u{7F}'.. if !c.is_ascii() && matches!(c, '\u{FFFE}' | '\u{FFFF}') => {
                    out.push_str(&format!("\\u{:04x}", c as u32));
                }
                c => out.push(c),
            }
        }
        out.push_str("</columns>");
        out
    }

    /// The hint for this sheet, where there is one that still holds.
    pub(super) fn find(workbook: &mut Workbook, sheet: &Part) -> Result<Option<Hint>> {
        for part in workbook.custom.clone() {
            let Some(xml) = workbook.package.small(&part)? else {
                continue;
            };
            let Some(hint) = parse(&xml) else {
                continue;
            };
            if hint.crc == sheet.crc
                && hint.bytes == sheet.unpacked
                && hint.columns.len() <= super::MAX_COLUMNS as usize
                && hint.columns.iter().all(|c| c.data_type().is_some())
            {
                return Ok(Some(hint));
            }
        }
        Ok(None)
    }
}

impl HintColumn {
    pub(super) fn new(field: &Field, nulls: u64) -> Self {
        HintColumn {
            name: field.name().clone(),
            data_type: field.data_type().to_string(),
            said: types::tag(field).map(str::to_owned),
            nulls,
            nullable: field.is_nullable(),
        }
    }

    pub(super) fn data_type(&self) -> Option<DataType> {
        self.data_type.parse().ok().filter(holds)
    }
}

fn parse(xml: &[u8]) -> Option<Hint> {
    let mut doc = Xml::new(xml, PART);
    loop {
        match doc.next().ok()? {
            Event::Open {
                name: b"columns",
                attributes,
                empty: false,
            } => {
                let ours = super::xml::attribute(attributes, b"xmlns")? == NAMESPACE.as_bytes();
                let mut text = Vec::new();
                doc.text_into(&mut text).ok()?;
                return if ours {
                    serde_json::from_slice(&text).ok()
                } else {
                    None
                };
            }
            Event::Open { .. } | Event::End => return None,
            _ => {}
        }
    }
}
