//! The description of the API, for people and for programs that make clients.

use axum::Json;
use serde_json::{Value, json};

/// Written by hand; a test holds it against the router and the contract.
const DOCUMENT: &str = include_str!("../openapi.json");

pub(crate) async fn openapi() -> Json<Value> {
    Json(document())
}

pub(crate) fn document() -> Value {
    // The file is part of the program, and a test reads it.
    let mut document: Value = serde_json::from_str(DOCUMENT).unwrap_or_default();
    document["info"]["version"] = json!(redline_core::version());
    document
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use redline_core::{
        CertificateView, ConversionView, DataTableView, FileStatus, FileView, ProfileReport,
        RejectsView, StoreStats,
    };

    use super::*;
    use crate::router::endpoints;

    #[test]
    fn every_endpoint_is_described_and_nothing_else() {
        let document = document();
        let mut described = BTreeSet::new();
        for (path, methods) in document["paths"].as_object().expect("paths") {
            for method in methods
                .as_object()
                .expect("methods")
                .keys()
                .filter(|m| *m != "parameters")
            {
                described.insert((method.clone(), path.clone()));
            }
        }
        let routed: BTreeSet<_> = endpoints()
            .iter()
            .map(|e| (e.method.to_owned(), e.path.to_owned()))
            .collect();
        assert_eq!(described, routed);
    }

    #[test]
    fn every_reference_leads_somewhere() {
        fn references(value: &Value, found: &mut Vec<String>) {
            match value {
                Value::Object(map) => {
                    for (name, value) in map {
                        match value {
                            Value::String(target) if name == "$ref" => found.push(target.clone()),
                            _ => references(value, found),
                        }
                    }
                }
                Value::Array(list) => list.iter().for_each(|v| references(v, found)),
                _ => {}
            }
        }
        let document = document();
        let mut found = Vec::new();
        references(&document, &mut found);
        assert!(!found.is_empty());
        for target in found {
            assert!(
                document.pointer(target.trim_start_matches('#')).is_some(),
                "{target}"
            );
        }
    }

    fn names(value: &Value) -> BTreeSet<String> {
        value
            .as_object()
            .expect("an object")
            .keys()
            .cloned()
            .collect()
    }

    /// One of each, empty.
    fn conversions() -> Vec<(&'static str, Value)> {
        let certificate = CertificateView::default();
        let conversion = ConversionView {
            id: 1,
            kind: String::new(),
            source_id: None,
            source_name: String::new(),
            sources: Vec::new(),
            output_id: None,
            output_name: String::new(),
            from: String::new(),
            to: String::new(),
            options: Default::default(),
            size_bytes: 0,
            rows_in: 0,
            rows_out: 0,
            rows_rejected: 0,
            rows_left_out: 0,
            repairs: Vec::new(),
            rejects: RejectsView::default(),
            duration_ms: 0,
            converted_at: String::new(),
            certificate: certificate.clone(),
            command: String::new(),
        };
        let profile = ProfileReport {
            format: String::new(),
            compression: None,
            table: None,
            tables: Vec::new(),
            text: None,
            rows: 0,
            columns: Vec::new(),
            choices: Vec::new(),
            repairs: Vec::new(),
            rejects: RejectsView::default(),
            warnings: Vec::new(),
        };
        let table = DataTableView {
            id: 1,
            uid: String::new(),
            table_name: String::new(),
            file_id: None,
            file_name: None,
            ticker: None,
            format: None,
            row_count: None,
            columns: Vec::new(),
            created_at: None,
            last_accessed: None,
            missing: false,
            metadata: json!({}),
        };
        vec![
            ("Certificate", json!(certificate)),
            ("Conversion", json!(conversion)),
            ("Profile", json!(profile)),
            ("Rejects", json!(RejectsView::default())),
            ("Table", json!(table)),
        ]
    }

    #[test]
    fn the_schemas_have_the_fields_of_the_contract() {
        let file = FileView {
            id: 1,
            uid: String::new(),
            filename: String::new(),
            relative_path: String::new(),
            original_filename: String::new(),
            file_type: String::new(),
            format: String::new(),
            size_bytes: 0,
            sha256: String::new(),
            uploaded_at: String::new(),
            status: FileStatus::Stored,
            metadata: json!({}),
        };
        let document = document();
        let schemas = &document["components"]["schemas"];
        assert_eq!(names(&schemas["File"]["properties"]), names(&json!(file)));
        assert_eq!(
            names(&schemas["Stats"]["properties"]),
            names(&json!(StoreStats::default()))
        );
        for (schema, value) in conversions() {
            assert_eq!(
                names(&schemas[schema]["properties"]),
                names(&value),
                "{schema}"
            );
        }
    }
}
