//! The parts of a written workbook that are the same for every table: its frame, its
//! links, and its few cell styles.

/// How a cell is shown. The numbers are places in `cellXfs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    General,
    Whole,
    Date,
    DateTime,
    DateTimeMillis,
    Time,
    TimeMillis,
    Header,
    Text,
    /// With so many digits behind the point, from 0 to 15.
    Decimal(u8),
}

const FORMATS: [(&str, Style); 6] = [
    ("yyyy\\-mm\\-dd", Style::Date),
    ("yyyy\\-mm\\-dd\\ hh:mm:ss", Style::DateTime),
    ("yyyy\\-mm\\-dd\\ hh:mm:ss.000", Style::DateTimeMillis),
    ("hh:mm:ss", Style::Time),
    ("hh:mm:ss.000", Style::TimeMillis),
    ("0", Style::Whole),
];
const MOST_DECIMALS: u8 = 15;

impl Style {
    pub(super) fn decimal(scale: i8) -> Style {
        Style::Decimal(u8::try_from(scale).unwrap_or(0).min(MOST_DECIMALS))
    }

    /// The end of a cell's reference, and its style.
    pub(super) fn attribute(self) -> &'static [u8] {
        const DECIMALS: [&[u8]; 16] = [
            b"\" s=\"9\"",
            b"\" s=\"10\"",
            b"\" s=\"11\"",
            b"\" s=\"12\"",
            b"\" s=\"13\"",
            b"\" s=\"14\"",
            b"\" s=\"15\"",
            b"\" s=\"16\"",
            b"\" s=\"17\"",
            b"\" s=\"18\"",
            b"\" s=\"19\"",
            b"\" s=\"20\"",
            b"\" s=\"21\"",
            b"\" s=\"22\"",
            b"\" s=\"23\"",
            b"\" s=\"24\"",
        ];
        match self {
            Style::General => b"\"",
            Style::Whole => b"\" s=\"1\"",
            Style::Date => b"\" s=\"2\"",
            Style::DateTime => b"\" s=\"3\"",
            Style::DateTimeMillis => b"\" s=\"4\"",
            Style::Time => b"\" s=\"5\"",
            Style::TimeMillis => b"\" s=\"6\"",
            Style::Header => b"\" s=\"7\"",
            Style::Text => b"\" s=\"8\"",
            Style::Decimal(scale) => DECIMALS[usize::from(scale.min(MOST_DECIMALS))],
        }
    }
}

pub(super) const SHEET_HEAD: &[u8] = br#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetViews><sheetView workbookViewId="0"><pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews><sheetFormatPr defaultRowHeight="15"/><sheetData>"#;

pub(super) const CONTENT_TYPES: &str = r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/><Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/><Override PartName="/xl/worksheets/sheet1.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/><Override PartName="/xl/styles.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.styles+xml"/><Override PartName="/customXml/itemProps1.xml" ContentType="application/vnd.openxmlformats-officedocument.customXmlProperties+xml"/></Types>"#;

pub(super) const ROOT_LINKS: &str = r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>"#;

pub(super) const WORKBOOK_LINKS: &str = r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="rId2" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/styles" Target="styles.xml"/><Relationship Id="rId3" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/customXml" Target="../customXml/item1.xml"/></Relationships>"#;

pub(super) const CUSTOM_LINKS: &str = r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/customXmlProps" Target="itemProps1.xml"/></Relationships>"#;

pub(super) const CUSTOM_PROPERTIES: &str = r#"<?xml version="1.0" encoding="UTF-8" standalone="no"?>
<ds:datastoreItem ds:itemID="{5D1B7B4E-3C0A-4E6B-9C57-2A6E7D0C9F11}" xmlns:ds="http://schemas.openxmlformats.org/officeDocument/2006/customXml"><ds:schemaRefs><ds:schemaRef ds:uri="urn:redline:columns"/></ds:schemaRefs></ds:datastoreItem>"#;

pub(super) fn workbook(sheet: &str) -> String {
    let name = sheet
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;");
    format!(
        r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><bookViews><workbookView xWindow="0" yWindow="0" windowWidth="24000" windowHeight="12000"/></bookViews><sheets><sheet name="{name}" sheetId="1" r:id="rId1"/></sheets></workbook>"#
    )
}

/// In the order of [`Style`].
pub(super) fn styles() -> String {
    let mut formats = String::new();
    let id = |style: Style| {
        FORMATS
            .iter()
            .position(|(_, s)| *s == style)
            .map_or(0, |i| 164 + i)
    };
    for (i, (code, _)) in FORMATS.iter().enumerate() {
        formats.push_str(&format!(
            r#"<numFmt numFmtId="{}" formatCode="{code}"/>"#,
            164 + i
        ));
    }
    let first_decimal = 164 + FORMATS.len();
    for scale in 1..=usize::from(MOST_DECIMALS) {
        formats.push_str(&format!(
            r#"<numFmt numFmtId="{}" formatCode="0.{}"/>"#,
            first_decimal + scale,
            "0".repeat(scale)
        ));
    }
    let mut cells = String::new();
    let mut cell = |format: usize, font: usize| {
        cells.push_str(&format!(
            r#"<xf numFmtId="{format}" fontId="{font}" fillId="0" borderId="0" xfId="0" applyNumberFormat="1" applyFont="1"/>"#
        ));
    };
    cell(0, 0);
    for style in [
        Style::Whole,
        Style::Date,
        Style::DateTime,
        Style::DateTimeMillis,
        Style::Time,
        Style::TimeMillis,
    ] {
        cell(id(style), 0);
    }
    // The header is bold, and like all text is text to Excel however it looks: 49 is `@`.
    cell(49, 1);
    cell(49, 0);
    cell(id(Style::Whole), 0);
    for scale in 1..=usize::from(MOST_DECIMALS) {
        cell(first_decimal + scale, 0);
    }
    format!(
        r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<styleSheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><numFmts count="{}">{formats}</numFmts><fonts count="2"><font><sz val="11"/><name val="Calibri"/><family val="2"/></font><font><b/><sz val="11"/><name val="Calibri"/><family val="2"/></font></fonts><fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill></fills><borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders><cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs><cellXfs count="25">{cells}</cellXfs><cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>"#,
        FORMATS.len() + usize::from(MOST_DECIMALS)
    )
}
