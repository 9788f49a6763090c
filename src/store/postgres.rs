//! Runtime state in PostgreSQL, or an engine that speaks its protocol: for any number of replicas at once.
//!
//! Every call is one round trip. What a commit asks for is decided by the statements themselves, at whatever isolation the engine has:
//! at READ COMMITTED each of them looks at a row only once it holds it, and what SERIALIZABLE refuses is tried again.

mod changes;
mod connection;
mod failure;
mod interactions;
mod location;
mod pool;
mod retry;
mod row;
mod schema;
mod statements;
#[cfg(test)]
mod tests;
mod tls;
mod value;

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use jiff::Timestamp;
use tokio_postgres::Row;

use self::{
    changes::{Expect, Step},
    connection::Pick,
    failure::Failure,
    interactions::Interactions,
    pool::Pool,
    retry::Attempts,
    value::Value,
};
pub use self::{failure::SchemaError, location::PostgresLocation};
use super::{Artifact, Change, Counter, IdHash, Kind, OpenError, Owned, Store, StoreError, window_end};

/// The engine `postgres://…`. Times are kept as whole microseconds; texts hold no NUL.
pub struct PostgresStore {
    pool: Arc<Pool>,
    interactions: Interactions,
}

impl PostgresStore {
    /// Connects, and makes the tables or brings them up to date. A database that can't be reached is no error: until it can, every call
    /// is [`StoreError::Unavailable`]. `max_interactions`: [`super::MAX_INTERACTIONS`], for all replicas together.
    ///
    /// # Errors
    /// [`OpenError`]: the tables are something else's or a later version's.
    pub async fn open(location: PostgresLocation, max_interactions: usize) -> Result<Self, OpenError> {
        let place = location.to_string();
        let store = Self { pool: Pool::new(location), interactions: Interactions::new(max_interactions) };
        match store.pool.get().await.map(drop) {
            Err(Failure::Schema(source)) => Err(OpenError::Postgres { place, source }),
            _ => Ok(store),
        }
    }

    async fn rows(&self, pick: Pick, values: &[Value<'_>], mut attempts: Attempts) -> Result<Vec<Row>, StoreError> {
        loop {
            match self.try_rows(pick, values).await {
                Ok(rows) => return Ok(rows),
                Err(failure) => attempts.again(failure).await?,
            }
        }
    }

    async fn try_rows(&self, pick: Pick, values: &[Value<'_>]) -> Result<Vec<Row>, Failure> {
        let mut lease = self.pool.get().await?;
        let outcome = lease.connection()?.rows(pick, values).await;
        lease.settle(outcome)
    }

    async fn execute(&self, pick: Pick, values: &[Value<'_>]) -> Result<u64, StoreError> {
        let mut attempts = Attempts::writing();
        loop {
            match self.try_execute(pick, values).await {
                Ok(touched) => return Ok(touched),
                Err(failure) => attempts.again(failure).await?,
            }
        }
    }

    async fn try_execute(&self, pick: Pick, values: &[Value<'_>]) -> Result<u64, Failure> {
        let mut lease = self.pool.get().await?;
        let outcome = lease.connection()?.execute(pick, values).await;
        lease.settle(outcome)
    }

    async fn transact(&self, steps: &[Step<'_>]) -> Result<(), StoreError> {
        let mut attempts = Attempts::writing();
        loop {
            match self.try_transact(steps).await {
                Ok(()) => return Ok(()),
                Err(failure) => attempts.again(failure).await?,
            }
        }
    }

    async fn try_transact(&self, steps: &[Step<'_>]) -> Result<(), Failure> {
        let mut lease = self.pool.get().await?;
        let outcome = lease.connection()?.transact(steps).await;
        lease.settle(outcome)
    }

    async fn count_interactions(&self, now: Timestamp, most: usize) -> Result<usize, StoreError> {
        let values = [now.as_microsecond().into(), limit(most)];
        let rows = self.rows(|all| &all.interactions, &values, Attempts::reading()).await?;
        rows.first().map_or(Ok(0), row::number)
    }

    async fn find_all(&self, pick: Pick, values: &[Value<'_>]) -> Result<Vec<Artifact>, StoreError> {
        self.rows(pick, values, Attempts::reading()).await?.iter().map(row::artifact).collect()
    }
}

fn limit(most: usize) -> Value<'static> {
    Value::Number(i64::try_from(most).unwrap_or(i64::MAX))
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore").field("location", self.pool.location()).finish_non_exhaustive()
    }
}

#[async_trait]
impl Store for PostgresStore {
    async fn commit(&self, changes: Vec<Change>, now: Timestamp) -> Result<(), StoreError> {
        let interactions = changes::interactions(&changes);
        if interactions > 0 {
            self.interactions.admit(interactions, now, |most| self.count_interactions(now, most)).await?;
        }
        let steps = changes::steps(&changes, now);
        match steps.as_slice() {
            [] => Ok(()),
            // A transaction by itself, without BEGIN.
            [only] => match self.execute(only.plain, &only.values).await? {
                0 if only.expect == Expect::Row => Err(StoreError::Conflict),
                _ => Ok(()),
            },
            several => self.transact(several).await,
        }
    }

    async fn find(&self, kind: Kind, id: &IdHash, now: Timestamp) -> Result<Option<Artifact>, StoreError> {
        let values = [id.into(), kind.into(), now.as_microsecond().into()];
        Ok(self.find_all(|all| &all.find, &values).await?.pop())
    }

    async fn owned(&self, owned: Owned, now: Timestamp) -> Result<Vec<Artifact>, StoreError> {
        // Every id is longer than no bytes, and so above them.
        let after = owned.after.as_ref().map_or(Value::Bytes(&[]), Value::from);
        let (realm, subject) = ((&*owned.realm).into(), (&*owned.subject).into());
        let values = [realm, subject, owned.kind.into(), after, now.as_microsecond().into(), limit(owned.limit)];
        self.find_all(|all| &all.owned, &values).await
    }

    async fn due(&self, kind: Kind, now: Timestamp, most: usize) -> Result<Vec<Artifact>, StoreError> {
        self.find_all(|all| &all.due, &[kind.into(), now.as_microsecond().into(), limit(most)]).await
    }

    async fn count(&self, realm: &str, key: &IdHash, window: Duration, now: Timestamp) -> Result<Counter, StoreError> {
        let ends = window_end(now, window).as_microsecond();
        let values = [key.into(), realm.into(), ends.into(), now.as_microsecond().into()];
        let rows = self.rows(|all| &all.count, &values, Attempts::writing()).await?;
        row::counter(rows.first().ok_or_else(|| StoreError::Corrupt("a counter did not count".into()))?)
    }

    async fn counter(&self, key: &IdHash, now: Timestamp) -> Result<Option<Counter>, StoreError> {
        let values = [key.into(), now.as_microsecond().into()];
        self.rows(|all| &all.counter, &values, Attempts::reading()).await?.first().map(row::counter).transpose()
    }

    async fn reset(&self, key: &IdHash) -> Result<(), StoreError> {
        self.execute(|all| &all.reset, &[key.into()]).await.map(drop)
    }

    async fn sweep(&self, now: Timestamp, most: usize) -> Result<usize, StoreError> {
        let swept = |touched| usize::try_from(touched).unwrap_or(usize::MAX);
        let now = now.as_microsecond().into();
        let artifacts = swept(self.execute(|all| &all.sweep_artifacts, &[now, limit(most)]).await?);
        if artifacts >= most {
            return Ok(artifacts);
        }
        let counters = self.execute(|all| &all.sweep_counters, &[now, limit(most - artifacts)]).await?;
        Ok(artifacts + swept(counters))
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.rows(|all| &all.ping, &[], Attempts::reading()).await.map(drop)
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.pool.close().await;
        Ok(())
    }
}
