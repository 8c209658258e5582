//! A line between a client and a server on loopback, as bad as one likes: slow, dead,
//! or cut off. It knows nothing of what crosses it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::oneshot;

const NONE: u64 = u64::MAX;

struct Weather {
    /// Bytes a second of each connection in each direction; [`NONE`] for no limit.
    speed: AtomicU64,
    /// Half a round trip, in milliseconds.
    delay_ms: AtomicU64,
    /// Nothing moves any more, and nobody is told.
    dead: AtomicBool,
    /// The next connection that has sent so many bytes is reset; [`NONE`] for never.
    reset_at: AtomicU64,
    resets: AtomicU64,
    connections: AtomicU64,
}

/// A running proxy. Stops when dropped.
pub struct Proxy {
    address: SocketAddr,
    weather: Arc<Weather>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Proxy {
    /// In front of `http://127.0.0.1:PORT`.
    pub fn start(endpoint: &str) -> io::Result<Self> {
        let to: SocketAddr = endpoint
            .trim_start_matches("http://")
            .parse()
            .map_err(io::Error::other)?;
        let weather = Arc::new(Weather {
            speed: AtomicU64::new(NONE),
            delay_ms: AtomicU64::new(0),
            dead: AtomicBool::new(false),
            reset_at: AtomicU64::new(NONE),
            resets: AtomicU64::new(0),
            connections: AtomicU64::new(0),
        });
        let (stop, stopped) = oneshot::channel();
        let (ready, started) = std::sync::mpsc::channel::<io::Result<SocketAddr>>();
        let here = weather.clone();
        let thread = std::thread::Builder::new()
            .name("test-proxy".into())
            .spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build();
                let runtime = match runtime {
                    Ok(runtime) => runtime,
                    Err(error) => {
                        let _ = ready.send(Err(error));
                        return;
                    }
                };
                runtime.block_on(async move {
                    let listener = match listen() {
                        Ok(listener) => listener,
                        Err(error) => {
                            let _ = ready.send(Err(error));
                            return;
                        }
                    };
                    let _ = ready.send(listener.local_addr());
                    tokio::select! {
                        () = accept(listener, to, here) => {}
                        _ = stopped => {}
                    }
                });
            })?;
        let address = started.recv().map_err(io::Error::other)??;
        Ok(Self {
            address,
            weather,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Bytes a second of each connection; `None` for as fast as it goes.
    pub fn set_speed(&self, bytes_per_second: Option<u64>) {
        let speed = bytes_per_second.unwrap_or(NONE).max(1);
        self.weather.speed.store(speed, Ordering::SeqCst);
    }

    /// A round trip takes so much longer.
    pub fn set_round_trip(&self, time: Duration) {
        let half = u64::try_from(time.as_millis() / 2).unwrap_or(0);
        self.weather.delay_ms.store(half, Ordering::SeqCst);
    }

    /// A black hole: connections stay open and nothing crosses them.
    pub fn set_dead(&self, dead: bool) {
        self.weather.dead.store(dead, Ordering::SeqCst);
    }

    /// The first connection that has sent so many bytes is reset, once.
    pub fn reset_after(&self, bytes: u64) {
        self.weather.reset_at.store(bytes, Ordering::SeqCst);
    }

    pub fn resets(&self) -> u64 {
        self.weather.resets.load(Ordering::SeqCst)
    }

    pub fn connections(&self) -> u64 {
        self.weather.connections.load(Ordering::SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// With a small window, so that what a dead or slow line swallows is little.
fn listen() -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(64 << 10)?;
    socket.bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
    socket.listen(256)
}

async fn accept(listener: TcpListener, to: SocketAddr, weather: Arc<Weather>) {
    loop {
        let Ok((client, _)) = listener.accept().await else {
            continue;
        };
        weather.connections.fetch_add(1, Ordering::SeqCst);
        let weather = weather.clone();
        tokio::spawn(async move {
            let Ok(server) = TcpStream::connect(to).await else {
                return;
            };
            let _ = client.set_nodelay(true);
            let _ = server.set_nodelay(true);
            // A reset needs no lingering: what is on its way is lost.
            let _ = client.set_zero_linger();
            let (from_client, to_client) = client.into_split();
            let (from_server, to_server) = server.into_split();
            tokio::select! {
                () = carry(from_client, to_server, &weather, true) => {}
                () = carry(from_server, to_client, &weather, false) => {}
            }
        });
    }
}

async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, weather: &Weather, up: bool) {
    let mut buffer = vec![0; 16 << 10];
    let mut carried = 0u64;
    let (sender, mut pieces) = tokio::sync::mpsc::channel::<(tokio::time::Instant, Vec<u8>)>(4096);
    let read = async {
        loop {
            let Ok(n @ 1..) = from.read(&mut buffer).await else {
                return;
            };
            while weather.dead.load(Ordering::SeqCst) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            carried += n as u64;
            if up && carried >= weather.reset_at.load(Ordering::SeqCst) {
                weather.reset_at.store(NONE, Ordering::SeqCst);
                weather.resets.fetch_add(1, Ordering::SeqCst);
                return;
            }
            let speed = weather.speed.load(Ordering::SeqCst);
            if speed != NONE {
                tokio::time::sleep(Duration::from_secs_f64(n as f64 / speed as f64)).await;
            }
            let delay = Duration::from_millis(weather.delay_ms.load(Ordering::SeqCst));
            let due = tokio::time::Instant::now() + delay;
            if sender.send((due, buffer[..n].to_vec())).await.is_err() {
                return;
            }
        }
    };
    let write = async {
        while let Some((due, piece)) = pieces.recv().await {
            tokio::time::sleep_until(due).await;
            if to.write_all(&piece).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = read => {}
        () = write => {}
    }
}
