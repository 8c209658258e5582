//! What is logged, at its most talkative: never a key, never a query string.

mod support;

use std::io::{self, Write};
use std::sync::Arc;

use parking_lot::Mutex;
use support::{Api, KEY_A, KEY_B, KEY_C};
use tracing_subscriber::fmt::MakeWriter;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[test]
fn no_key_and_no_query_reaches_a_log() {
    let log = Log::default();
    // The test's own client logs its own requests; only it is left out.
    let filter = tracing_subscriber::EnvFilter::new("trace,reqwest=off,hyper_util=off");
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(log.clone())
        .with_ansi(false)
        .init();

    let api = Api::start();
    let private = "private-search-words";
    for key in [KEY_A, KEY_B, KEY_C, "nonsense-key-text"] {
        for path in [
            "/user-data/files",
            "/user-data/stats",
            "/user-data/files/1",
            "/user-data/files/1/download",
        ] {
            let with_query = api.url(&format!("{path}?license_key={key}&search={private}"));
            api.client.get(with_query).send().unwrap();
            api.client
                .get(api.url(path))
                .header("X-License-Key", key)
                .send()
                .unwrap();
            api.client
                .get(api.url(path))
                .header("Authorization", format!("Bearer {key}"))
                .send()
                .unwrap();
        }
        api.raw(&format!("GET /user-data/files?license_key={key} HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n"));
    }
    let text = String::from_utf8_lossy(&log.0.lock()).into_owned();
    assert!(
        text.contains("request refused") && text.contains("route=/user-data/files"),
        "{text}"
    );
    assert!(text.contains("host_refused"));
    for secret in [
        KEY_A,
        KEY_B,
        KEY_C,
        "nonsense-key-text",
        private,
        "license_key=",
    ] {
        let line = text.lines().find(|line| line.contains(secret));
        assert!(line.is_none(), "{secret} in: {line:?}");
    }
}
