//! Requests on a clock that makes a second pass in a few milliseconds, over real sockets.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

use super::*;
use crate::RetryPolicy;

/// Answers so many requests with a refusal before it takes one.
struct Server {
    refusal: &'static str,
    left: AtomicUsize,
    seen: AtomicUsize,
}

impl Server {
    async fn start(refusal: &'static str, times: usize) -> (Arc<Self>, String) {
        let server = Arc::new(Self {
            refusal,
            left: AtomicUsize::new(times),
            seen: AtomicUsize::new(0),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let here = server.clone();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let here = here.clone();
                tokio::spawn(async move { here.serve(socket).await });
            }
        });
        (server, endpoint)
    }

    async fn serve(&self, mut socket: TcpStream) -> Option<()> {
        loop {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(socket.read_u8().await.ok()?);
            }
            let head = String::from_utf8_lossy(&head).to_ascii_lowercase();
            let length = head.split("content-length: ").nth(1)?.lines().next()?;
            let mut body = vec![0; length.trim().parse().ok()?];
            socket.read_exact(&mut body).await.ok()?;
            self.seen.fetch_add(1, Ordering::SeqCst);
            let refused = self
                .left
                .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1));
            let answer = match refused {
                Ok(_) if self.refusal.is_empty() => return None,
                Ok(_) => self.refusal.to_owned(),
                Err(_) => "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_owned(),
            };
            socket.write_all(answer.as_bytes()).await.ok()?;
        }
    }
}

const SLOW_DOWN: &str =
    "HTTP/1.1 503 Slow Down\r\ncontent-length: 41\r\n\r\n<Error><Code>SlowDown</Code></Error>     ";

fn connect(endpoint: String, retry: RetryPolicy) -> Bucket {
    let hash = "0123456789abcdef";
    let config = BucketConfig::new("b", "r", Some(endpoint), "AK", "secret", hash);
    let tuning = Tuning {
        retry,
        // The clock runs while a request is on the line, too.
        stall_after: Duration::from_secs(36_000),
        ..Tuning::default()
    };
    Bucket::connect_with(config, tuning).unwrap()
}

/// Makes time pass as long as it lives.
fn hurry() -> tokio_util::task::AbortOnDropHandle<()> {
    tokio_util::task::AbortOnDropHandle::new(tokio::spawn(async {
        loop {
            // Work on another thread also keeps the clock from jumping by itself.
            let real = || std::thread::sleep(Duration::from_millis(2));
            tokio::task::spawn_blocking(real).await.unwrap();
            tokio::time::advance(Duration::from_secs(1)).await;
        }
    }))
}

#[tokio::test(start_paused = true)]
async fn ten_minutes_of_slow_down_are_sat_out_with_few_requests() {
    let (server, endpoint) = Server::start(SLOW_DOWN, 45).await;
    let bucket = connect(endpoint, RetryPolicy::default());
    let _clock = hurry();
    let began = Instant::now();
    bucket
        .put("key", Bytes::from_static(b"body"), "00")
        .await
        .unwrap();
    let took = began.elapsed();
    assert!(took > Duration::from_secs(600), "{took:?}");
    assert_eq!(server.seen.load(Ordering::SeqCst), 46);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_never_stops_asking_is_named_in_the_end() {
    let (_server, endpoint) = Server::start(SLOW_DOWN, usize::MAX).await;
    let bucket = connect(endpoint, RetryPolicy::default());
    let _clock = hurry();
    let began = Instant::now();
    let error = bucket
        .put("key", Bytes::from_static(b"body"), "00")
        .await
        .err()
        .unwrap();
    assert!(matches!(error, BackupError::Throttled { .. }), "{error}");
    assert!(began.elapsed() >= RetryPolicy::default().throttle_patience);
}

#[tokio::test(start_paused = true)]
async fn hours_without_a_network_are_sat_out_by_who_has_the_patience() {
    let (server, endpoint) = Server::start("", 0).await;
    let bucket = connect(endpoint, RetryPolicy::patient());
    let put = || bucket.put("key", Bytes::from_static(b"body"), "00");
    let _clock = hurry();
    put().await.unwrap();
    // Cut off without a word, again and again.
    server.left.store(100, Ordering::SeqCst);
    let began = Instant::now();
    put().await.unwrap();
    let hours = began.elapsed().as_secs_f64() / 3600.0;
    assert!((1.0..2.0).contains(&hours), "{hours}");
}
