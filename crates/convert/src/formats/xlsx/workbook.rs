//! What a workbook says of itself: its sheets in order, its calendar, which cell styles
//! are dates, and the texts that its sheets share.

use super::package::{Package, Part};
use super::serial::{Class, built_in, of_code};
use super::xml::{Attributes, Event, Xml, attribute, attribute_text, unescape_controls};
use crate::error::{ConvertError, Result};

/// A worksheet; charts and macros are not tables and not here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sheet {
    pub name: String,
    pub hidden: bool,
    pub part: Part,
}

pub(super) struct Workbook {
    pub package: Package,
    pub sheets: Vec<Sheet>,
    pub is_1904: bool,
    /// By a cell's style number.
    pub classes: Vec<Class>,
    shared: Option<Part>,
    /// Custom XML parts, which other programs leave as they are.
    pub custom: Vec<String>,
}

const MOST_SHEETS: usize = 10_000;
/// Styles of cells that a workbook may have, sixteen times what Excel allows.
const MOST_STYLES: usize = 1 << 20;

impl Workbook {
    pub(super) fn read(mut package: Package) -> Result<Self> {
        let root = relations(&mut package, "_rels/.rels", "")?;
        let office = root.iter().find(|r| r.kind == "officeDocument");
        let main = match office {
            Some(r) => r.target.clone(),
            None => "xl/workbook.xml".to_owned(),
        };
        if main.to_ascii_lowercase().ends_with(".bin") || package.find("xl/workbook.bin")?.is_some()
        {
            return Err(refused("a binary workbook (.xlsb): save it as .xlsx"));
        }
        let Some(xml) = package.small(&main)? else {
            return Err(refused(if package.find("content.xml")?.is_some() {
                "an OpenDocument file (.ods): save it as .xlsx"
            } else if package.find("word/document.xml")?.is_some() {
                "a Word document"
            } else if package.find("ppt/presentation.xml")?.is_some() {
                "a PowerPoint presentation"
            } else {
                "a ZIP archive without a workbook in it"
            }));
        };
        let (folder, file) = main.rsplit_once('/').unwrap_or(("", &main));
        let links = relations(&mut package, &format!("{folder}/_rels/{file}.rels"), folder)?;
        let by_kind = |kind: &str| {
            links
                .iter()
                .find(|r| r.kind == kind)
                .map(|r| r.target.clone())
        };

        let mut workbook = Workbook {
            package,
            sheets: Vec::new(),
            is_1904: false,
            classes: Vec::new(),
            shared: None,
            custom: links
                .iter()
                .filter(|r| r.kind == "customXml")
                .map(|r| r.target.clone())
                .collect(),
        };
        let mut doc = Xml::new(&xml[..], main.as_str());
        loop {
            match doc.next()? {
                Event::Open {
                    name: b"workbookPr",
                    attributes,
                    ..
                } => {
                    workbook.is_1904 = attribute(attributes, b"date1904").is_some_and(yes);
                }
                Event::Open {
                    name: b"sheet",
                    attributes,
                    ..
                } => {
                    let name = attribute_text(attributes, b"name").unwrap_or_default();
                    let state = attribute(attributes, b"state").unwrap_or_default();
                    let hidden = matches!(state, b"hidden" | b"veryHidden");
                    let id = attribute_text(attributes, b"id").unwrap_or_default();
                    let link = links.iter().find(|r| r.id == id);
                    if link.is_some_and(|r| r.kind != "worksheet") {
                        continue;
                    }
                    let target = link.map_or_else(
                        || format!("{folder}/worksheets/sheet{}.xml", workbook.sheets.len() + 1),
                        |r| r.target.clone(),
                    );
                    let Some(part) = workbook.package.find(&target)? else {
                        return Err(refused(format!("a workbook without its sheet {name:?}")));
                    };
                    if workbook.sheets.len() >= MOST_SHEETS {
                        return Err(refused("a workbook of more than 10,000 sheets"));
                    }
                    workbook.sheets.push(Sheet { name, hidden, part });
                }
                Event::End => break,
                _ => {}
            }
        }
        if workbook.sheets.is_empty() {
            return Err(refused("a workbook without a sheet of cells"));
        }
        let styles = by_kind("styles").unwrap_or_else(|| format!("{folder}/styles.xml"));
        if let Some(xml) = workbook.package.small(&styles)? {
            workbook.classes = classes(&xml)?;
        }
        let shared =
            by_kind("sharedStrings").unwrap_or_else(|| format!("{folder}/sharedStrings.xml"));
        workbook.shared = workbook.package.find(&shared)?;
        Ok(workbook)
    }

    /// All shared strings. What they take is bounded before and while they are read.
    pub(super) fn strings(&mut self) -> Result<Strings> {
        let Some(part) = self.shared.clone() else {
            return Ok(Strings::default());
        };
        let memory = self.package.memory();
        let most = memory / 2;
        let too_large = |detail: String| ConvertError::OutOfMemory {
            limit: memory,
            detail,
        };
        // Each text stands in at least `<si><t></t></si>`; sixteen times is no text at all.
        if part.unpacked / 16 > most {
            return Err(too_large(format!(
                "the shared strings unpack to {} bytes, and the setting memory leaves {most} for them",
                part.unpacked
            )));
        }
        let declared = part.unpacked;
        let (mut text, mut ends) = (Vec::new(), Vec::new());
        let mut doc = Xml::new(
            Bounded::new(self.package.stream(&part)?, declared),
            "shared strings",
        );
        loop {
            match doc.next()? {
                Event::Open {
                    name: b"si", empty, ..
                } => {
                    if !empty {
                        rich_text(&mut doc, &mut text)?;
                    }
                    if text.len() > u32::MAX as usize || (text.len() + ends.len() * 4) as u64 > most
                    {
                        return Err(too_large(format!(
                            "the shared strings take more than the {most} bytes that the setting memory leaves for them"
                        )));
                    }
                    ends.push(text.len() as u32);
                }
                Event::End => break,
                _ => {}
            }
        }
        let Ok(mut text) = String::from_utf8(text) else {
            return Err(doc.broken("text that is not UTF-8"));
        };
        text.shrink_to_fit();
        ends.shrink_to_fit();
        Ok(Strings { text, ends })
    }
}

/// Stops where a part unpacks to more than it declares.
struct Bounded<R> {
    inner: R,
    left: u64,
}

impl<R> Bounded<R> {
    fn new(inner: R, declared: u64) -> Self {
        Bounded {
            inner,
            left: declared,
        }
    }
}

impl<R: std::io::Read> std::io::Read for Bounded<R> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let n = self.inner.read(out)?;
        self.left = self.left.checked_sub(n as u64).ok_or_else(|| {
            std::io::Error::new(
                std::io::ErrorKind::InvalidData,
                "it unpacks to more than it declares",
            )
        })?;
        Ok(n)
    }
}

/// The text of an `si` or an `is` that was just opened: its runs in order, without the
/// reading aids (`rPh`) that East Asian texts carry along.
pub(super) fn rich_text<R: std::io::Read>(doc: &mut Xml<R>, out: &mut Vec<u8>) -> Result<()> {
    loop {
        match doc.next()? {
            Event::Open { empty: true, .. } | Event::Text(_) | Event::Raw(_) => {}
            Event::Open { name: b"t", .. } => {
                let from = out.len();
                doc.text_into(out)?;
                unescape_controls(out, from);
            }
            Event::Open { name: b"r", .. } => rich_text(doc, out)?,
            Event::Open { .. } => doc.skip()?,
            Event::Close(_) => return Ok(()),
            Event::End => return Err(doc.broken("XML that ends inside a text")),
        }
    }
}

/// The texts of a workbook, end to end.
#[derive(Default)]
pub(super) struct Strings {
    text: String,
    ends: Vec<u32>,
}

impl Strings {
    pub(super) fn get(&self, index: usize) -> Option<&str> {
        let end = *self.ends.get(index)? as usize;
        let start = match index {
            0 => 0,
            i => self.ends[i - 1] as usize,
        };
        self.text.get(start..end)
    }
}

fn refused(seen: impl Into<String>) -> ConvertError {
    ConvertError::Unreadable {
        what: "an Excel workbook".to_owned(),
        seen: seen.into(),
    }
}

fn yes(value: &[u8]) -> bool {
    matches!(value, b"1" | b"true" | b"on")
}

struct Relation {
    id: String,
    /// The last part of its type, which both of the standard's namespaces share.
    kind: String,
    /// From the package's root.
    target: String,
}

fn relations(package: &mut Package, part: &str, folder: &str) -> Result<Vec<Relation>> {
    let Some(xml) = package.small(part)? else {
        return Ok(Vec::new());
    };
    let mut doc = Xml::new(&xml[..], "relationships");
    let mut out = Vec::new();
    loop {
        match doc.next()? {
            Event::Open {
                name: b"Relationship",
                attributes,
                ..
            } => {
                let text = |name| attribute_text(attributes, name).unwrap_or_default();
                if text(b"TargetMode") == "External" {
                    continue;
                }
                let kind = text(b"Type");
                if out.len() >= 4 * MOST_SHEETS {
                    return Err(refused("a workbook of more links than sheets can have"));
                }
                out.push(Relation {
                    id: text(b"Id"),
                    kind: kind.rsplit('/').next().unwrap_or_default().to_owned(),
                    target: resolve(folder, &text(b"Target")),
                });
            }
            Event::End => return Ok(out),
            _ => {}
        }
    }
}

/// `../customXml/item1.xml` seen from `xl` as `customXml/item1.xml`.
fn resolve(folder: &str, target: &str) -> String {
    let target = target.replace('\\', "/");
    if let Some(absolute) = target.strip_prefix('/') {
        return absolute.to_owned();
    }
    let mut parts: Vec<&str> = folder.split('/').filter(|p| !p.is_empty()).collect();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            other => parts.push(other),
        }
    }
    parts.join("/")
}

/// The class of each cell style: `cellXfs` names a number format each, and formats from
/// 164 on say in `numFmts` what they are.
fn classes(xml: &[u8]) -> Result<Vec<Class>> {
    let mut doc = Xml::new(xml, "styles");
    let mut custom: Vec<(u32, Class)> = Vec::new();
    let mut ids = Vec::new();
    let mut in_cells = false;
    let number = |tag: &[u8], name: &[u8]| {
        Attributes::of(tag)
            .find(|(n, _)| *n == name)
            .and_then(|(_, v)| std::str::from_utf8(v).ok()?.trim().parse::<u32>().ok())
    };
    loop {
        match doc.next()? {
            Event::Open {
                name: b"numFmt",
                attributes,
                ..
            } => {
                if let (Some(id), Some(code)) = (
                    number(attributes, b"numFmtId"),
                    attribute_text(attributes, b"formatCode"),
                ) && custom.len() < MOST_STYLES
                {
                    custom.push((id, of_code(&code)));
                }
            }
            Event::Open {
                name: b"cellXfs",
                empty,
                ..
            } => in_cells = !empty,
            Event::Close(b"cellXfs") => in_cells = false,
            Event::Open {
                name: b"xf",
                attributes,
                ..
            } if in_cells && ids.len() < MOST_STYLES => {
                ids.push(number(attributes, b"numFmtId").unwrap_or(0));
            }
            Event::End => break,
            _ => {}
        }
    }
    custom.sort_by_key(|(id, _)| *id);
    Ok(ids
        .into_iter()
        .map(|id| match custom.binary_search_by_key(&id, |(i, _)| *i) {
            Ok(i) => custom[i].1,
            Err(_) => built_in(id),
        })
        .collect())
}
