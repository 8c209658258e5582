//! Where restored bytes go: the trait that a store stands behind, and the care
//! that every call is finished and every temporary file is handed over or gone.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;
use tokio_util::task::TaskTracker;

use crate::{BackupError, Result};

/// One file to bring back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestoreItem {
    pub uid: String,
    /// The row id it had where it was backed up.
    pub id: i64,
    /// Checked: it stays below whatever folder it is joined to.
    pub relative_path: String,
    pub size: u64,
    pub sha256: String,
    pub mtime_ns: i64,
    /// The local file under this name has other bytes.
    pub replaces: bool,
    /// The id of the data key that its bytes are sealed with in the bucket.
    pub seal: Option<String>,
}

/// Where restored bytes go. Called from threads that may block, several at once.
///
/// The order: `begin`, then the bytes are written into the file it named and
/// verified, then `commit`. The file handed over is closed but not synced: the
/// sink syncs it, renames it and records it by its own import rules. After a
/// failure `discard` is called instead of `commit`.
pub trait RestoreSink: Send + Sync {
    /// A path for the bytes of `item`: a new file, or what `interrupted` kept of the same
    /// bytes. Anything else that lies there is overwritten.
    fn begin(&self, item: &RestoreItem) -> io::Result<PathBuf>;
    /// The bytes at `temp` are the ones in the restore point.
    fn commit(&self, item: &RestoreItem, temp: PathBuf) -> io::Result<()>;
    /// As `commit`, for what came through while the last was being committed; an answer
    /// for each. For a sink to which many at once are cheaper.
    fn commit_all(&self, done: Vec<(RestoreItem, PathBuf)>) -> Vec<io::Result<()>> {
        done.into_iter()
            .map(|(item, temp)| self.commit(&item, temp))
            .collect()
    }
    fn discard(&self, _item: &RestoreItem, temp: PathBuf) {
        let _ = std::fs::remove_file(temp);
    }
    /// The run stopped in the middle of `item`. What is at `temp` may be kept, for a later
    /// `begin` of the same bytes to go on with.
    fn interrupted(&self, item: &RestoreItem, temp: PathBuf) {
        self.discard(item, temp);
    }
    /// As `begin`, for the catalog.
    fn begin_catalog(&self) -> io::Result<PathBuf>;
    /// The verified catalog, handed over before any file, so that the sink can
    /// look up what it says about each. Swapping it in is for the caller, later.
    fn catalog(&self, temp: PathBuf) -> io::Result<()>;
}

/// The sink, and its calls that are still running.
#[derive(Clone)]
pub(crate) struct Handover {
    sink: Arc<dyn RestoreSink>,
    calls: TaskTracker,
    waiting: Arc<Mutex<Waiting>>,
}

/// Files whose bytes are right and that are not committed yet.
#[derive(Default)]
struct Waiting {
    files: Vec<Verified>,
    /// Somebody commits, and takes whatever waits when that is done.
    committing: bool,
}

struct Verified {
    item: RestoreItem,
    temp: PathBuf,
    done: oneshot::Sender<io::Result<()>>,
}

/// So that the first of very many is not told as late as the last.
const TOGETHER: usize = 512;

impl Handover {
    pub(crate) fn new(sink: Arc<dyn RestoreSink>) -> Self {
        Self {
            sink,
            calls: TaskTracker::new(),
            waiting: Arc::default(),
        }
    }

    /// Work that [`Handover::settle`] waits for. Who is told to stop is gone only a moment
    /// later, and until then has its temporary file.
    pub(crate) fn until_dropped<F: Future>(
        &self,
        work: F,
    ) -> impl Future<Output = F::Output> + use<F> {
        self.calls.track_future(work)
    }

    /// Waits until no call is running any more, and none will be made.
    pub(crate) async fn settle(&self) {
        self.calls.close();
        self.calls.wait().await;
    }

    /// Asks for a place and makes the file there. `item` is `None` for the catalog. The
    /// file is made before anybody writes, and never by the one who does: who comes late,
    /// after the run was given up, finds none.
    pub(crate) async fn begin(&self, item: Option<RestoreItem>) -> Result<io::Result<Begun>> {
        let holder = self.sink.clone();
        self.call(move |sink| {
            let temp = match &item {
                Some(item) => sink.begin(item)?,
                None => sink.begin_catalog()?,
            };
            make_private(&temp)?;
            // Dropped, and so given back, if nobody waits for it any more.
            Ok(Begun {
                sink: holder,
                item,
                temp: Some(temp),
            })
        })
        .await
    }

    /// Hands a verified file over, together with those that came through meanwhile. Once
    /// this was called the file is committed even if nobody waits for the answer.
    pub(crate) async fn commit(&self, item: RestoreItem, temp: PathBuf) -> Result<io::Result<()>> {
        let (done, answer) = oneshot::channel();
        let busy = {
            let mut waiting = lock(&self.waiting);
            waiting.files.push(Verified { item, temp, done });
            std::mem::replace(&mut waiting.committing, true)
        };
        if !busy {
            let (sink, waiting) = (self.sink.clone(), self.waiting.clone());
            self.calls
                .spawn_blocking(move || commit_waiting(sink.as_ref(), &waiting));
        }
        answer
            .await
            .map_err(|e| BackupError::io("hand over a restored file", io::Error::other(e)))
    }

    pub(crate) async fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn RestoreSink) -> T + Send + 'static,
    ) -> Result<T> {
        let sink = self.sink.clone();
        let call = self.calls.spawn_blocking(move || work(sink.as_ref()));
        call.await
            .map_err(|e| BackupError::io("hand over a restored file", io::Error::other(e)))
    }
}

fn commit_waiting(sink: &dyn RestoreSink, waiting: &Mutex<Waiting>) {
    let _torn = Torn(waiting);
    loop {
        let files: Vec<Verified> = {
            let mut waiting = lock(waiting);
            let most = waiting.files.len().min(TOGETHER);
            if most == 0 {
                waiting.committing = false;
                return;
            }
            waiting.files.drain(..most).collect()
        };
        let (told, files): (Vec<_>, Vec<_>) = files
            .into_iter()
            .map(|file| (file.done, (file.item, file.temp)))
            .unzip();
        for (told, answer) in told.into_iter().zip(sink.commit_all(files)) {
            // Nobody waits any more where the run was cancelled.
            let _ = told.send(answer);
        }
    }
}

/// If the sink panics, those that wait are told rather than left waiting.
struct Torn<'a>(&'a Mutex<Waiting>);

impl Drop for Torn<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            *lock(self.0) = Waiting::default();
        }
    }
}

fn lock(waiting: &Mutex<Waiting>) -> MutexGuard<'_, Waiting> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes the file, if it is not there, for the eyes of its owner alone.
pub(crate) fn make_private(path: &std::path::Path) -> io::Result<()> {
    let mut options = std::fs::File::options();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options.open(path).map(drop)
}

/// A temporary file that goes back to the sink unless it is handed over, whether the
/// run fails, is cancelled or is dropped.
pub(crate) struct Begun {
    sink: Arc<dyn RestoreSink>,
    /// `None` for the catalog.
    item: Option<RestoreItem>,
    temp: Option<PathBuf>,
}

impl Begun {
    pub(crate) fn path(&self) -> Option<PathBuf> {
        self.temp.clone()
    }

    /// What is there is of no use to a later run.
    pub(crate) fn discard(mut self) {
        if let (Some(item), Some(temp)) = (&self.item, self.temp.take()) {
            self.sink.discard(item, temp);
        }
    }

    pub(crate) fn done(mut self) -> PathBuf {
        self.temp.take().unwrap_or_default()
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        let Some(temp) = self.temp.take() else { return };
        match &self.item {
            Some(item) => self.sink.interrupted(item, temp),
            None => {
                let _ = std::fs::remove_file(temp);
            }
        }
    }
}
