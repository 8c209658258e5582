//! An S3 server for tests: real HTTP on loopback, real signatures, objects as
//! files in a folder, faults on request, and a log of every request. It is
//! strict where AWS is (signatures, checksums, part sizes) and can be told to
//! be as odd as others are. Never for anything but tests.

mod assemble;
mod body;
mod disk;
mod faults;
mod parts;
mod service;
mod settings;
mod versions;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use s3s::auth::SimpleAuth;
use s3s::config::{S3Config, StaticConfigProvider};
use s3s::service::S3ServiceBuilder;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

pub use faults::{Fault, FaultKind, Seen};

use disk::Disk;
use faults::Front;
use service::Service;

pub const ACCESS_KEY: &str = "REDLINETESTACCESS";
pub const SECRET_KEY: &str = "redline-test-secret-not-a-real-one";
pub const REGION: &str = "us-east-1";

/// A second key that every server accepts, for keys that change in the middle.
pub const NEXT_ACCESS_KEY: &str = "REDLINETESTACCESS2";

/// Ways in which servers differ from AWS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Personality {
    /// As Backblaze B2: a checksum header is an error.
    pub refuses_checksums: bool,
    /// No server-side copy at all.
    pub refuses_copy: bool,
    /// As Garage: `If-None-Match` is not looked at.
    pub ignores_conditions: bool,
    /// As Backblaze B2: `If-None-Match` is an error.
    pub refuses_conditions: bool,
    /// As Cloudflare R2: an ETag of a part says nothing about its bytes.
    pub random_etags: bool,
    /// As Cloudflare R2: all parts but the last have one size.
    pub equal_parts: bool,
    /// As Cloudflare R2: answers carry a version id that nothing stands behind.
    pub fake_versions: bool,
    /// Versioning can be switched on, and works.
    pub versions: bool,
    /// No part but the last may be smaller, in bytes.
    pub smallest_part: u64,
    /// Parts of one upload at most.
    pub most_parts: i32,
}

impl Default for Personality {
    fn default() -> Self {
        Self::AWS
    }
}

impl Personality {
    pub const AWS: Self = Self {
        refuses_checksums: false,
        refuses_copy: false,
        ignores_conditions: false,
        refuses_conditions: false,
        random_etags: false,
        equal_parts: false,
        fake_versions: false,
        versions: true,
        smallest_part: 5 << 20,
        most_parts: 10_000,
    };
    pub const MINIO: Self = Self::AWS;
    pub const R2: Self = Self {
        random_etags: true,
        equal_parts: true,
        fake_versions: true,
        versions: false,
        ..Self::AWS
    };
    pub const B2: Self = Self {
        refuses_checksums: true,
        refuses_conditions: true,
        ..Self::AWS
    };
    pub const GARAGE: Self = Self {
        ignores_conditions: true,
        versions: false,
        ..Self::AWS
    };

    /// Each by its name.
    pub const ALL: [(&str, Self); 5] = [
        ("aws", Self::AWS),
        ("r2", Self::R2),
        ("b2", Self::B2),
        ("garage", Self::GARAGE),
        ("minio", Self::MINIO),
    ];
}

/// How to start one.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where objects go; a temporary folder if not given.
    pub dir: Option<PathBuf>,
    /// 0 for any free one.
    pub port: u16,
    pub bucket: String,
    pub personality: Personality,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            dir: None,
            port: 0,
            bucket: "redline-test".to_owned(),
            personality: Personality::default(),
        }
    }
}

/// A running server. Stops when dropped.
pub struct TestS3 {
    port: u16,
    bucket: String,
    disk: Arc<Disk>,
    front: Arc<Front>,
    settings: Arc<settings::Settings>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    _temp: Option<tempfile::TempDir>,
}

impl TestS3 {
    pub fn start(options: Options) -> io::Result<Self> {
        let temp = match options.dir {
            Some(_) => None,
            None => Some(tempfile::tempdir()?),
        };
        let dir = options
            .dir
            .clone()
            .or_else(|| temp.as_ref().map(|t| t.path().to_owned()))
            .unwrap_or_default();
        let disk = Arc::new(Disk::open(&dir)?);
        disk.create_bucket(&options.bucket)?;
        let front = Arc::new(Front::default());
        let settings = Arc::new(settings::Settings::default());
        let service = {
            let mut builder = S3ServiceBuilder::new(Service {
                disk: disk.clone(),
                personality: options.personality,
                settings: settings.clone(),
            });
            let mut auth = SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY);
            auth.register(NEXT_ACCESS_KEY.to_owned(), SECRET_KEY.into());
            builder.set_auth(auth);
            // The front checks the time, against the clock that the test gave it.
            let mut config = S3Config::default();
            config.presigned_url_max_skew_time_secs = u32::MAX;
            builder.set_config(Arc::new(StaticConfigProvider::new(Arc::new(config))));
            builder.build()
        };
        let (stop, stopped) = oneshot::channel();
        let (ready, started) = std::sync::mpsc::channel::<io::Result<u16>>();
        let at_the_front = front.clone();
        let thread = std::thread::Builder::new()
            .name("test-s3".into())
            .spawn(move || {
                let runtime = match tokio::runtime::Builder::new_multi_thread()
                    .worker_threads(2)
                    .enable_all()
                    .build()
                {
                    Ok(runtime) => runtime,
                    Err(error) => {
                        let _ = ready.send(Err(error));
                        return;
                    }
                };
                runtime.block_on(async move {
                    // Loopback only, whatever the caller says.
                    let listener = match TcpListener::bind(("127.0.0.1", options.port)).await {
                        Ok(listener) => listener,
                        Err(error) => {
                            let _ = ready.send(Err(error));
                            return;
                        }
                    };
                    let _ = ready.send(listener.local_addr().map(|a| a.port()));
                    tokio::select! {
                        () = serve(listener, service, at_the_front) => {}
                        _ = stopped => {}
                    }
                });
                runtime.shutdown_background();
            })?;
        let port = started.recv().map_err(io::Error::other)??;
        Ok(Self {
            port,
            bucket: options.bucket,
            disk,
            front,
            settings,
            stop: Some(stop),
            thread: Some(thread),
            _temp: temp,
        })
    }

    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// From now on, until its count is used up.
    pub fn inject(&self, fault: Fault) {
        self.front.inject(fault);
    }

    pub fn clear_faults(&self) {
        self.front.clear_faults();
    }

    /// Every request since the start or the last [`TestS3::forget_requests`], refused ones included.
    pub fn requests(&self) -> Vec<Seen> {
        self.front.seen()
    }

    pub fn count(&self, operation: &str) -> usize {
        self.front
            .seen()
            .iter()
            .filter(|s| s.operation == operation)
            .count()
    }

    /// Restore points that somebody began to store, whatever came of it.
    pub fn manifests_begun(&self) -> usize {
        let is_one = |s: &&Seen| s.operation == "PutObject" && s.path.contains("/manifests/");
        self.front.seen().iter().filter(is_one).count()
    }

    pub fn forget_requests(&self) {
        self.front.forget();
    }

    /// Lifecycle rules that its owner made: id, prefix, and the days after which objects go.
    pub fn set_lifecycle(&self, rules: &[(&str, &str, i32)]) {
        self.settings.make_rules(rules);
    }

    /// The server's clock against this machine's. It says so in the `Date` of every
    /// answer, and refuses what is signed more than 15 minutes off.
    pub fn set_clock_offset(&self, seconds: i64) {
        self.front.set_clock_offset(seconds);
    }

    /// From now on this access key has expired.
    pub fn expire_key(&self, access_key: &str) {
        self.front.expire(access_key);
    }

    /// From now on this access key is a temporary one: nothing signed with it is taken
    /// without its token.
    pub fn require_token(&self, access_key: &str, token: &str) {
        self.front.require_token(access_key, token);
    }

    /// The bucket is there and nowhere else; `None`: wherever one asks.
    pub fn move_to_region(&self, region: Option<&str>) {
        self.front.move_to_region(region);
    }

    /// As its owner could, in the provider's console.
    pub fn remove_bucket(&self) {
        self.disk.remove_bucket(&self.bucket);
    }

    /// Ends all unfinished uploads, as a lifecycle rule would. How many there were.
    pub fn end_uploads(&self) -> usize {
        let open = self.disk.uploads(&self.bucket);
        for (id, _) in &open {
            self.disk.end_upload(&self.bucket, id);
        }
        open.len()
    }

    /// Keys and sizes, in order.
    pub fn objects(&self) -> Vec<(String, u64)> {
        self.disk
            .list(&self.bucket, "")
            .into_iter()
            .map(|(key, object)| (key, object.size))
            .collect()
    }

    pub fn object(&self, key: &str) -> Option<Vec<u8>> {
        let object = self.disk.get(&self.bucket, key)?;
        std::fs::read(self.disk.path_of(&self.bucket, &object)).ok()
    }

    /// As anyone with write access could.
    pub fn plant(&self, key: &str, bytes: &[u8]) -> io::Result<()> {
        self.disk.put_bytes(&self.bucket, key, bytes)
    }

    /// As a lifecycle rule ends an object and all it was before: for good, whatever
    /// versions there are.
    pub fn expire(&self, key: &str) {
        self.disk.expire(&self.bucket, key);
    }

    /// As a lifecycle rule ends what objects were before. How many versions there were.
    pub fn expire_noncurrent(&self) -> usize {
        self.disk.expire_noncurrent(&self.bucket)
    }

    /// Flips one bit of an object at rest, behind the server's back.
    pub fn rot(&self, key: &str, offset: usize) -> io::Result<()> {
        let object = self
            .disk
            .get(&self.bucket, key)
            .ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        let path = self.disk.path_of(&self.bucket, &object);
        let mut bytes = std::fs::read(&path)?;
        *bytes
            .get_mut(offset)
            .ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))? ^= 1;
        std::fs::write(path, bytes)
    }

    pub fn remove(&self, key: &str) {
        self.disk.remove(&self.bucket, key);
    }

    /// [`TestS3::remove`] for a thread that outlives this borrow.
    pub fn remover(&self) -> impl Fn(&str) + Send + Sync + 'static {
        let (disk, bucket) = (self.disk.clone(), self.bucket.clone());
        move |key| disk.remove(&bucket, key)
    }

    pub fn open_uploads(&self) -> usize {
        self.disk.uploads(&self.bucket).len()
    }

    /// Where a bucket's objects are, each under its own name where the file system takes it.
    pub fn dir(&self) -> &Path {
        self.disk.root()
    }
}

impl Drop for TestS3 {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn serve(listener: TcpListener, service: s3s::service::S3Service, front: Arc<Front>) {
    loop {
        let Ok((socket, _)) = listener.accept().await else {
            continue;
        };
        let _ = socket.set_nodelay(true);
        let (service, front) = (service.clone(), front.clone());
        tokio::spawn(async move {
            let answer = service_fn(move |request| {
                let (service, front) = (service.clone(), front.clone());
                async move { front.answer(request, service).await }
            });
            // A connection that a fault cut off ends in an error; that is its purpose.
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(socket), answer)
                .await;
        });
    }
}
