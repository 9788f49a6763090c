//! The one thread that writes, with group commit: whatever has queued up while the disk was busy goes into one transaction, each
//! commit in a savepoint of its own, and is acknowledged when the transaction is on the disk. One wait for the disk serves
//! all of them.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::super::{Artifact, Change, Counter, IdHash, Kind, StoreError};
use super::changes::{self, run};
use super::{file::Claim, row::failure};

/// At most so many jobs share a transaction, so that none waits long for its neighbours.
const MAX_BATCH: usize = 512;

/// Where an answer goes.
pub(super) type Reply<T> = oneshot::Sender<Result<T, StoreError>>;

/// What the writer can be asked: the calls of `Store` that change something.
pub(super) enum Job {
    Commit { changes: Vec<Change>, now: Timestamp, reply: Reply<()> },
    Count { realm: String, key: IdHash, ends: Timestamp, now: Timestamp, reply: Reply<Counter> },
    Reset { key: IdHash, reply: Reply<()> },
    Sweep { now: Timestamp, limit: usize, reply: Reply<usize> },
    Close { reply: Reply<()> },
}

/// Sends a job's outcome, or the failure of the transaction that it was in.
type Acknowledge = Box<dyn FnOnce(Result<(), StoreError>)>;

fn hold<T: 'static>(reply: Reply<T>, outcome: Result<T, StoreError>) -> Acknowledge {
    // A caller that has gone away does not want to know.
    Box::new(move |committed| drop(reply.send(committed.and(outcome))))
}

/// The thread's state. The claim comes last: it is let go when the connection is closed.
pub(super) struct Writer {
    pub(super) connection: Connection,
    pub(super) jobs: mpsc::Receiver<Job>,
    pub(super) interactions: Interactions,
    pub(super) claim: Arc<Claim>,
}

impl Writer {
    /// Works until it is closed or nobody is left to ask.
    pub(super) fn run(mut self) {
        let mut batch = Vec::with_capacity(MAX_BATCH);
        while self.jobs.blocking_recv_many(&mut batch, MAX_BATCH) > 0 {
            if let Some(reply) = self.work_off(&mut batch) {
                // Those who have asked after that see their reply dropped, which means closed.
                drop(self.jobs);
                drop(batch);
                let closed = close(self.connection);
                drop(self.claim);
                drop(reply.send(closed));
                return;
            }
        }
    }

    /// One transaction; gives the reply of a `Close`, whose followers are left undone.
    fn work_off(&mut self, batch: &mut Vec<Job>) -> Option<Reply<()>> {
        let mut closing = None;
        let mut acknowledgements = Vec::with_capacity(batch.len());
        let mut sound = self.control("BEGIN IMMEDIATE");
        for job in batch.drain(..) {
            if let Job::Close { reply } = job {
                closing = Some(reply);
                break;
            }
            acknowledgements.push(self.perform(job, sound.is_ok()));
            if sound.is_ok() && self.connection.is_autocommit() {
                // Some failures (a full disk) make SQLite roll back everything; what comes next would stand alone.
                sound = Err("the transaction was rolled back".into());
            }
        }
        let committed = sound.and_then(|()| self.control("COMMIT"));
        if let Err(error) = &committed {
            tracing::error!(store = %self.claim.path().display(), error, jobs = acknowledgements.len(), "nothing was written");
            self.roll_back();
        }
        for acknowledge in acknowledgements {
            acknowledge(committed.clone().map_err(StoreError::Unavailable));
        }
        closing
    }

    fn perform(&mut self, job: Job, sound: bool) -> Acknowledge {
        match job {
            Job::Commit { changes, now, reply } => hold(reply, when(sound, || self.commit(&changes, now))),
            Job::Count { realm, key, ends, now, reply } => {
                hold(reply, when(sound, || changes::count(&self.connection, &realm, &key, ends, now)))
            }
            Job::Reset { key, reply } => hold(reply, when(sound, || changes::reset(&self.connection, &key))),
            Job::Sweep { now, limit, reply } => {
                hold(reply, when(sound, || changes::sweep(&self.connection, now, limit)))
            }
            Job::Close { reply } => hold(reply, Ok(())),
        }
    }

    fn commit(&mut self, changes: &[Change], now: Timestamp) -> Result<(), StoreError> {
        run(&self.connection, "SAVEPOINT job", [])?;
        let applied = changes.iter().try_for_each(|change| {
            if let Change::Insert(artifact) | Change::Put(artifact) = change {
                self.interactions.admit(&self.connection, artifact, now)?;
            }
            changes::apply(&self.connection, change, now)
        });
        let settled = match &applied {
            Ok(()) => run(&self.connection, "RELEASE job", []),
            Err(_) => {
                run(&self.connection, "ROLLBACK TO job", []).and_then(|_| run(&self.connection, "RELEASE job", []))
            }
        };
        if settled.is_err() {
            // Half a commit must not stay: the whole transaction goes (if SQLite has not ended it already), which `work_off` sees.
            self.roll_back();
        }
        applied.and(settled.map(drop))
    }

    fn control(&self, sql: &str) -> Result<(), String> {
        self.connection.execute_batch(sql).map_err(|error| error.to_string())
    }

    fn roll_back(&self) {
        if !self.connection.is_autocommit()
            && let Err(error) = self.control("ROLLBACK")
        {
            tracing::error!(store = %self.claim.path().display(), error, "a transaction could not be rolled back");
        }
    }
}

/// In a transaction that has failed already nothing is tried; its failure is then the answer, not this one.
fn when<T>(sound: bool, work: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
    if sound { work() } else { Err(StoreError::Unavailable("not tried".into())) }
}

/// Moves the log into the file. Where that fails the log stays, and nothing is lost.
fn close(connection: Connection) -> Result<(), StoreError> {
    let emptied = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
    connection.close().map_err(|(_, error)| failure(error))?;
    emptied.map_err(failure)
}

/// The bound on sign-ins under way. To count at each would cost too much, so it adds up, and counts what is really left when
/// the sum reaches the bound, at most once a second.
pub(super) struct Interactions {
    most: usize,
    at_most: usize,
    counted_at: Option<Timestamp>,
}

impl Interactions {
    pub(super) fn new(most: usize) -> Self {
        // As if it were full: the first one makes it count.
        Self { most, at_most: most, counted_at: None }
    }

    fn admit(&mut self, connection: &Connection, artifact: &Artifact, now: Timestamp) -> Result<(), StoreError> {
        if artifact.kind != Kind::Interaction {
            return Ok(());
        }
        let due = |at: Timestamp| now.duration_since(at).abs() >= SignedDuration::from_secs(1);
        if self.at_most >= self.most && self.counted_at.is_none_or(due) {
            self.at_most = changes::interactions(connection, now, self.most)?;
            self.counted_at = Some(now);
        }
        if self.at_most >= self.most {
            return Err(StoreError::Unavailable("too many sign-ins are under way".into()));
        }
        self.at_most += 1;
        Ok(())
    }
}
