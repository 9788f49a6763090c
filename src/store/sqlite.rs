//! Runtime state in one file: SQLite with a write-ahead log, synchronised at each commit, so that what was acknowledged outlives
//! `kill -9` and a power failure. One process at a time.

mod changes;
mod file;
#[cfg(test)]
mod kill;
mod reader;
mod row;
mod schema;
#[cfg(test)]
mod tests;
mod writer;

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::sync::{
    mpsc::{self, error::TrySendError},
    oneshot,
};

use self::{
    file::Claim,
    reader::{Query, Reader, closed},
    writer::{Interactions, Job, Reply, Writer},
};
use super::{Artifact, Change, Counter, IdHash, Kind, OpenError, Owned, Store, StoreError, window_end};

/// How many jobs may wait for the writer, and questions for each reader; one more is refused at once.
const QUEUE: usize = 4096;

/// More readers than this gain nothing: an answer takes microseconds.
const MAX_READERS: usize = 4;

/// The engine `sqlite:PATH`.
///
/// Beside `PATH` stand SQLite's `PATH-wal` and `PATH-shm` while it is open, and `PATH-lock`, which keeps a second process out; all of
/// them have mode 0600. Times are kept as whole microseconds. The file does not shrink: what is freed is used again.
pub struct SqliteStore {
    path: PathBuf,
    jobs: mpsc::Sender<Job>,
    readers: Vec<mpsc::Sender<Query>>,
    next_reader: AtomicUsize,
}

impl SqliteStore {
    /// Opens the file, or makes it (in a folder that is there, or can be made in one that is), and starts its threads.
    /// `max_interactions`: [`super::MAX_INTERACTIONS`].
    ///
    /// # Errors
    /// [`OpenError`]: another process has it, it is something else's or a later version's, the file system refuses.
    pub fn open(path: &Path, max_interactions: usize) -> Result<Self, OpenError> {
        let claim = Arc::new(Claim::new(path)?);
        let mut connection = claim.writer()?;
        schema::migrate(&mut connection, claim.path())?;
        let readers = thread::available_parallelism().map_or(1, |cores| cores.get().min(MAX_READERS));
        let readers = (0..readers).map(|_| start_reader(&claim)).collect::<Result<_, _>>()?;
        let (jobs, receiver) = mpsc::channel(QUEUE);
        let interactions = Interactions::new(max_interactions);
        let writer = Writer { connection, jobs: receiver, interactions, claim: claim.clone() };
        start(&claim, "store-writer", move || writer.run())?;
        // The claim itself is the threads': it ends when they do.
        Ok(Self { path: claim.path().into(), jobs, readers, next_reader: AtomicUsize::new(0) })
    }

    async fn ask<T>(&self, query: impl FnOnce(Reply<T>) -> Query) -> Result<T, StoreError> {
        let turn = self.next_reader.fetch_add(1, Ordering::Relaxed) % self.readers.len().max(1);
        send(self.readers.get(turn).ok_or_else(closed)?, query).await
    }
}

fn start_reader(claim: &Arc<Claim>) -> Result<mpsc::Sender<Query>, OpenError> {
    let (sender, queries) = mpsc::channel(QUEUE);
    let reader = Reader { connection: claim.reader()?, queries, claim: claim.clone() };
    start(claim, "store-reader", move || reader.run())?;
    Ok(sender)
}

fn start(claim: &Claim, name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), OpenError> {
    let started = thread::Builder::new().name(name.into()).spawn(work);
    started.map(drop).map_err(OpenError::io(claim.path(), "starting a thread"))
}

async fn send<M, T>(queue: &mpsc::Sender<M>, message: impl FnOnce(Reply<T>) -> M) -> Result<T, StoreError> {
    let (reply, answer) = oneshot::channel();
    queue.try_send(message(reply)).map_err(|error| match error {
        TrySendError::Full(_) => StoreError::Unavailable("too much is waiting for the disk".into()),
        TrySendError::Closed(_) => closed(),
    })?;
    answer.await.map_err(|_| closed())?
}

/// Waits for a place in the queue, and lets one that is closed already be.
async fn send_close<M>(queue: &mpsc::Sender<M>, message: impl FnOnce(Reply<()>) -> M) -> Result<(), StoreError> {
    let (reply, answer) = oneshot::channel();
    match queue.send(message(reply)).await {
        Ok(()) => answer.await.unwrap_or(Ok(())),
        Err(_) => Ok(()),
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore").field("path", &self.path).finish_non_exhaustive()
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn commit(&self, changes: Vec<Change>, now: Timestamp) -> Result<(), StoreError> {
        send(&self.jobs, |reply| Job::Commit { changes, now, reply }).await
    }

    async fn find(&self, kind: Kind, id: &IdHash, now: Timestamp) -> Result<Option<Artifact>, StoreError> {
        self.ask(|reply| Query::Find { kind, id: *id, now, reply }).await
    }

    async fn owned(&self, owned: Owned, now: Timestamp) -> Result<Vec<Artifact>, StoreError> {
        self.ask(|reply| Query::Owned { owned, now, reply }).await
    }

    async fn due(&self, kind: Kind, now: Timestamp, limit: usize) -> Result<Vec<Artifact>, StoreError> {
        self.ask(|reply| Query::Due { kind, now, limit, reply }).await
    }

    async fn count(&self, realm: &str, key: &IdHash, window: Duration, now: Timestamp) -> Result<Counter, StoreError> {
        let (realm, key, ends) = (realm.into(), *key, window_end(now, window));
        send(&self.jobs, |reply| Job::Count { realm, key, ends, now, reply }).await
    }

    async fn counter(&self, key: &IdHash, now: Timestamp) -> Result<Option<Counter>, StoreError> {
        self.ask(|reply| Query::Counter { key: *key, now, reply }).await
    }

    async fn reset(&self, key: &IdHash) -> Result<(), StoreError> {
        send(&self.jobs, |reply| Job::Reset { key: *key, reply }).await
    }

    async fn sweep(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        send(&self.jobs, |reply| Job::Sweep { now, limit, reply }).await
    }

    async fn close(&self) -> Result<(), StoreError> {
        // The writer last: only the last connection to the file can empty its log.
        for reader in &self.readers {
            send_close(reader, |reply| Query::Close { reply }).await?;
        }
        send_close(&self.jobs, |reply| Job::Close { reply }).await
    }
}
