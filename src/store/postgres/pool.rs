//! A bounded number of connections, and a bounded wait for one.
//!
//! Where the database can't be reached, calls fail at once, without a try of their own: one task tries until it answers again.

use std::{
    collections::VecDeque,
    mem,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{Mutex as AsyncMutex, Semaphore, SemaphorePermit},
    time::{sleep, timeout},
};

use super::{connection::Connection, failure::Failure, location::PostgresLocation, retry::pause};

/// So long a call waits for a connection; more would only make the wait longer for all.
const WAIT: Duration = Duration::from_secs(2);

/// So many calls wait for each connection; one more is refused at once.
const WAITING_EACH: usize = 64;

/// The longest pause between two tries to reach the database.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// The connections.
pub(super) struct Pool {
    location: PostgresLocation,
    permits: Semaphore,
    waiting: AtomicUsize,
    idle: Mutex<VecDeque<Connection>>,
    /// Why the database can't be reached, while it can't.
    down: Mutex<Option<Failure>>,
    migrated: AsyncMutex<bool>,
    closed: AtomicBool,
}

/// A connection on loan; it goes back when this value goes.
pub(super) struct Lease<'a> {
    pool: &'a Pool,
    connection: Option<Connection>,
    _permit: SemaphorePermit<'a>,
}

impl Pool {
    pub(super) fn new(location: PostgresLocation) -> Arc<Self> {
        Arc::new(Self {
            permits: Semaphore::new(location.pool_max),
            location,
            waiting: AtomicUsize::new(0),
            idle: Mutex::default(),
            down: Mutex::default(),
            migrated: AsyncMutex::new(false),
            closed: AtomicBool::new(false),
        })
    }

    pub(super) fn location(&self) -> &PostgresLocation {
        &self.location
    }

    /// A connection that works, as far as is known.
    pub(super) async fn get(self: &Arc<Self>) -> Result<Lease<'_>, Failure> {
        self.check_up()?;
        let permit = self.permit().await?;
        let idle = loop {
            match lock(&self.idle).pop_back() {
                Some(connection) if !connection.is_alive() => {}
                found => break found,
            }
        };
        let connection = match idle {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        Ok(Lease { pool: self, connection: Some(connection), _permit: permit })
    }

    async fn permit(&self) -> Result<SemaphorePermit<'_>, Failure> {
        if let Ok(permit) = self.permits.try_acquire() {
            return Ok(permit);
        }
        let place = Place(&self.waiting);
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= self.location.pool_max.saturating_mul(WAITING_EACH) {
            return Err(busy());
        }
        let acquired = timeout(WAIT, self.permits.acquire()).await;
        drop(place);
        acquired.map_err(|_| busy())?.map_err(|_| Failure::closed())
    }

    async fn connect(self: &Arc<Self>) -> Result<Connection, Failure> {
        // Whoever waited for a place may find the database gone meanwhile.
        self.check_up()?;
        let opened = self.open(|| self.check_up()).await;
        if let Err(failure) = &opened
            && !self.is_full(failure)
        {
            self.goes_down(failure.clone());
        }
        opened
    }

    /// True where the server has no room for another connection, but others of ours are at work.
    fn is_full(&self, failure: &Failure) -> bool {
        let others = self.location.pool_max.saturating_sub(self.permits.available_permits()) > 1;
        others && matches!(failure, Failure::Unavailable(text) if text.contains("(53"))
    }

    async fn open(&self, still: impl Fn() -> Result<(), Failure>) -> Result<Connection, Failure> {
        // The tables come first, and only one of us sees to them.
        let mut migrated = self.migrated.lock().await;
        still()?;
        if *migrated {
            drop(migrated);
            return Box::pin(Connection::open(&self.location, false)).await;
        }
        let connection = Box::pin(Connection::open(&self.location, true)).await?;
        *migrated = true;
        Ok(connection)
    }

    fn check_up(&self) -> Result<(), Failure> {
        if self.closed.load(Ordering::Acquire) {
            return Err(Failure::closed());
        }
        lock(&self.down).as_ref().map_or(Ok(()), |failure| Err(failure.clone()))
    }

    fn goes_down(self: &Arc<Self>, failure: Failure) {
        let reason = text(&failure);
        if lock(&self.down).replace(failure).is_none() {
            tracing::warn!(store = %self.location, reason, "the store's database can't be reached");
            tokio::spawn(heal(Arc::downgrade(self)));
        }
    }

    /// Waits for what is under way, and lets all connections go.
    pub(super) async fn close(&self) {
        self.closed.store(true, Ordering::Release);
        let all = u32::try_from(self.location.pool_max).unwrap_or(u32::MAX);
        // In vain where it was closed before, or something hangs.
        let _ = timeout(Duration::from_secs(10), self.permits.acquire_many(all)).await;
        self.permits.close();
        let idle = mem::take(&mut *lock(&self.idle));
        futures::future::join_all(idle.into_iter().map(Connection::close)).await;
    }

    fn give_back(&self, connection: Connection) {
        if connection.is_alive() && !self.permits.is_closed() {
            lock(&self.idle).push_back(connection);
        }
    }
}

/// Tries until the database answers.
async fn heal(pool: Weak<Pool>) {
    for attempt in 1.. {
        sleep(pause(attempt, LONGEST_PAUSE)).await;
        let Some(pool) = pool.upgrade().filter(|pool| !pool.closed.load(Ordering::Acquire)) else { return };
        let Ok(_permit) = pool.permits.acquire().await else { return };
        match pool.open(|| Ok(())).await {
            Ok(connection) => {
                pool.give_back(connection);
                lock(&pool.down).take();
                tracing::info!(store = %pool.location, "the store's database answers");
                return;
            }
            Err(failure) => {
                let reason = text(&failure);
                if lock(&pool.down).replace(failure).is_none_or(|former| text(&former) != reason) {
                    tracing::warn!(store = %pool.location, reason, "the store's database can't be reached");
                }
            }
        }
    }
}

impl Lease<'_> {
    /// Judges what came of its use: one that broke is not given back.
    pub(super) fn settle<T>(&mut self, outcome: Result<T, Failure>) -> Result<T, Failure> {
        if matches!(outcome, Err(Failure::Lost(_)))
            && let Some(connection) = self.connection.take()
        {
            connection.abandon();
        }
        outcome
    }

    pub(super) fn connection(&self) -> Result<&Connection, Failure> {
        self.connection.as_ref().ok_or_else(Failure::closed)
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            self.pool.give_back(connection);
        }
    }
}

/// A place among those who wait.
struct Place<'a>(&'a AtomicUsize);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn busy() -> Failure {
    Failure::Unavailable("every connection to the database is busy".into())
}

fn text(failure: &Failure) -> String {
    super::super::StoreError::from(failure.clone()).to_string()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing panics while it holds one of these.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
