//! The threads that read, each with its own connection: the log lets them work beside the writer, and what was committed before
//! a question was asked is in the answer.

use std::sync::Arc;

use jiff::Timestamp;
use rusqlite::Connection;
use tokio::sync::mpsc;

use super::super::{Artifact, Counter, IdHash, Kind, Owned, StoreError};
use super::{file::Claim, row, writer::Reply};

/// At most so many questions are answered from one snapshot.
const MAX_BATCH: usize = 64;

/// What a reader can be asked.
pub(super) enum Query {
    Find { kind: Kind, id: IdHash, now: Timestamp, reply: Reply<Option<Artifact>> },
    Owned { owned: Owned, now: Timestamp, reply: Reply<Vec<Artifact>> },
    Due { kind: Kind, now: Timestamp, limit: usize, reply: Reply<Vec<Artifact>> },
    Counter { key: IdHash, now: Timestamp, reply: Reply<Option<Counter>> },
    Close { reply: Reply<()> },
}

/// The thread's state. The claim comes last: it is let go when the connection is closed.
pub(super) struct Reader {
    pub(super) connection: Connection,
    pub(super) queries: mpsc::Receiver<Query>,
    pub(super) claim: Arc<Claim>,
}

impl Reader {
    /// Works until it is closed or nobody is left to ask.
    pub(super) fn run(mut self) {
        let mut batch = Vec::with_capacity(MAX_BATCH);
        while self.queries.blocking_recv_many(&mut batch, MAX_BATCH) > 0 {
            if let Some(reply) = self.answer(&mut batch) {
                drop(self.queries);
                drop(batch);
                drop(self.connection);
                drop(self.claim);
                drop(reply.send(Ok(())));
                return;
            }
        }
    }

    /// Gives the reply of a `Close`, whose followers are left unanswered.
    fn answer(&self, batch: &mut Vec<Query>) -> Option<Reply<()>> {
        // One snapshot for several: it is taken at the first, when all of them had been asked. Without it (the error comes again
        // at the questions) each would take its own.
        let _snapshot = if batch.len() > 1 { self.connection.unchecked_transaction().ok() } else { None };
        for query in batch.drain(..) {
            match query {
                Query::Find { kind, id, now, reply } => drop(reply.send(row::find(&self.connection, kind, &id, now))),
                Query::Owned { owned, now, reply } => drop(reply.send(row::owned(&self.connection, &owned, now))),
                Query::Due { kind, now, limit, reply } => {
                    drop(reply.send(row::due(&self.connection, kind, now, limit)));
                }
                Query::Counter { key, now, reply } => drop(reply.send(row::find_counter(&self.connection, &key, now))),
                Query::Close { reply } => return Some(reply),
            }
        }
        None
    }
}

/// What a caller is told whose question or job has met a closed engine.
pub(super) fn closed() -> StoreError {
    StoreError::Unavailable("it is closed".into())
}
