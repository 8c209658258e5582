//! What is damaged, no workbook at all, or more than there is room for: an error that says
//! so, and never a panic.

use std::fs::File;
use std::io::Write;

use arrow::array::RecordBatch;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::super::{create, open};
use super::{made, one, rows};
use crate::error::ConvertError;
use crate::formats::cells::samples::{self, many, read};

#[test]
fn damage_is_an_error_and_never_a_panic() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.xlsx");
    samples::write(create, &path, &[many(300)]).unwrap();
    samples::survives_damage(open, &path);
}

#[test]
fn damage_inside_the_parts_is_an_error_and_never_a_panic() {
    let dir = tempfile::tempdir().unwrap();
    let data = rows(&["s:a|s:b", "n:1|1:45000", "b:1|e:#N/A"]);
    // Stored, not packed, and with checksums that are right: what is read is the damage.
    for at in (0..data.len()).step_by(2) {
        for change in [b'<', b'"', 0xFF] {
            let mut bytes = data.clone().into_bytes();
            bytes[at] = change;
            let data = String::from_utf8_lossy(&bytes).into_owned();
            let path = one(dir.path(), &data);
            let _ = read(open, &path, &[]);
        }
    }
}

#[test]
fn sheets_that_are_not_in_order_are_refused_with_their_place() {
    let dir = tempfile::tempdir().unwrap();
    for (data, row) in [
        (
            "<row r=\"2\"><c><v>1</v></c></row><row r=\"2\"><c><v>1</v></c></row>",
            2,
        ),
        ("<row r=\"1048577\"><c><v>1</v></c></row>", 1_048_577),
        ("<row r=\"1\"><c r=\"XFE1\"><v>1</v></c></row>", 1),
        (
            "<row r=\"1\"><c r=\"A1\"><v>1</v></c><c r=\"A1\"><v>1</v></c></row>",
            1,
        ),
    ] {
        match read(open, &one(dir.path(), data), &[]) {
            Err(ConvertError::Malformed { line, .. }) => assert_eq!(line, row, "{data}"),
            other => panic!("{data}: {other:?}"),
        }
    }
}

#[test]
fn what_is_no_workbook_says_what_it_seems_to_be() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.xlsx");
    let wide = |name: &str| -> Vec<u8> { name.encode_utf16().flat_map(u16::to_le_bytes).collect() };
    let mut encrypted = b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1".to_vec();
    encrypted.resize(1024, 0);
    let mut old = encrypted.clone();
    encrypted.extend(wide("EncryptedPackage"));
    old.extend(wide("Workbook"));
    for (bytes, expected) in [
        (encrypted, "encrypted"),
        (old, ".xls"),
        (b"<html>".to_vec(), "web page"),
        (Vec::new(), "empty"),
        (b"PK\x03\x04".to_vec(), "damaged"),
    ] {
        std::fs::write(&path, bytes).unwrap();
        match read(open, &path, &[]) {
            Err(ConvertError::Unreadable { seen, .. }) => {
                assert!(seen.contains(expected), "{seen}")
            }
            other => panic!("{expected}: {other:?}"),
        }
    }
    for (part, expected) in [
        ("xl/workbook.bin", ".xlsb"),
        ("content.xml", ".ods"),
        ("word/document.xml", "Word"),
        ("x", "ZIP"),
    ] {
        let mut zip = ZipWriter::new(File::create(&path).unwrap());
        zip.start_file(part, SimpleFileOptions::default()).unwrap();
        zip.finish().unwrap();
        match read(open, &path, &[]) {
            Err(ConvertError::Unreadable { seen, .. }) => {
                assert!(seen.contains(expected), "{seen}")
            }
            other => panic!("{expected}: {other:?}"),
        }
    }
}

#[test]
fn shared_strings_past_the_memory_setting_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let shared = format!("<si><t>{}</t></si>", "x".repeat(3 << 20));
    let path = made(
        dir.path(),
        &[("s", "visible", "<row><c t=\"s\"><v>0</v></c></row>", "")],
        &shared,
        "",
    );
    assert!(read(open, &path, &[]).is_ok());
    match read(open, &path, &[("memory", "4")]) {
        Err(ConvertError::OutOfMemory { detail, .. }) => {
            assert!(detail.contains("setting memory"), "{detail}")
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_bomb_is_refused_by_what_it_declares_and_by_what_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("bomb.xlsx");
    // 80 MiB of spaces in a sheet, packed to 80 KiB.
    let mut zip = ZipWriter::new(File::create(&path).unwrap());
    zip.start_file("xl/workbook.xml", SimpleFileOptions::default())
        .unwrap();
    zip.write_all(b"<workbook><sheets><sheet name=\"s\"/></sheets></workbook>")
        .unwrap();
    zip.start_file("xl/worksheets/sheet1.xml", SimpleFileOptions::default())
        .unwrap();
    zip.write_all(b"<worksheet><sheetData>").unwrap();
    for _ in 0..80 {
        zip.write_all(&[b' '; 1 << 20]).unwrap();
    }
    zip.finish().unwrap();
    match read(open, &path, &[("memory", "1")]) {
        Err(ConvertError::OutOfMemory { detail, .. }) => {
            assert!(detail.contains("setting memory"), "{detail}")
        }
        other => panic!("{other:?}"),
    }
    // Within what the setting allows, a text without end is what it is.
    assert!(matches!(
        read(open, &path, &[]),
        Err(ConvertError::Unreadable { .. })
    ));
    // A declared size that is too small is found out as it unpacks.
    let mut bytes = std::fs::read(&path).unwrap();
    let size = (80u32 << 20) + 22;
    let places: Vec<usize> = bytes
        .windows(4)
        .enumerate()
        .filter(|(_, w)| *w == size.to_le_bytes())
        .map(|(i, _)| i)
        .collect();
    assert!(!places.is_empty());
    for place in places {
        bytes[place..place + 4].copy_from_slice(&1000u32.to_le_bytes());
    }
    std::fs::write(&path, bytes).unwrap();
    assert!(matches!(
        read(open, &path, &[]),
        Err(ConvertError::Unreadable { .. })
    ));
}

#[test]
fn what_a_sheet_has_no_room_for_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.xlsx");
    let long = RecordBatch::try_from_iter([(
        "t",
        std::sync::Arc::new(arrow::array::StringArray::from(vec![
            "x".repeat(32_767),
            "é".repeat(32_768),
        ])) as _,
    )])
    .unwrap();
    assert!(samples::write(create, &path, &[long.slice(0, 1)]).is_ok());
    assert!(matches!(
        samples::write(create, &path, &[long]),
        Err(ConvertError::NoRoom { .. })
    ));
    let flags = arrow::array::BooleanArray::from(vec![true; 65_536]);
    let rows = RecordBatch::try_from_iter([("f", std::sync::Arc::new(flags) as _)]).unwrap();
    let batches = vec![rows; 16];
    assert!(matches!(
        samples::write(create, &path, &batches),
        Err(ConvertError::NoRoom { .. })
    ));
}

#[test]
fn a_value_in_the_last_corner_makes_no_table_of_billions_of_nulls() {
    let dir = tempfile::tempdir().unwrap();
    let corner = |far: &str, row: u32| {
        let data = format!(
            "<row r=\"1\"><c r=\"A1\"><v>1</v></c></row><row r=\"{row}\"><c r=\"{far}{row}\"><v>2</v></c></row>"
        );
        read(open, &one(dir.path(), &data), &[("header", "no")])
    };
    let said = corner("XFD", 1_048_576).unwrap_err();
    assert_eq!(
        said.to_string(),
        "the work does not fit in 536870912 bytes of memory: the sheet spans 1,048,576 rows and \
         16,384 columns, of whose cells 2 hold a value"
    );
    assert_eq!(corner("C", 1_048_576).unwrap().num_rows(), 1_048_576);
    assert_eq!(corner("XFD", 9).unwrap().num_columns(), 16_384);
}
