use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{AcquireError, OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use super::password::{Check, hash};
use crate::{realm::HashFunction, secret::Secret};

/// Where passwords are checked: as many at once as there are cores, a bounded queue before them, and bounded memory. What does not
/// fit is refused at once, so that a flood of sign-ins costs the sign-ins and not the process.
#[derive(Debug)]
pub struct PasswordPool {
    /// One permit for each check that runs or waits.
    admitted: Arc<Semaphore>,
    /// One permit for each check that runs.
    running: Arc<Semaphore>,
    /// One permit a MiB.
    memory: Arc<Semaphore>,
    patience: Duration,
}

/// The bounds of a [`PasswordPool`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolLimits {
    /// Checks that run at once; one at least.
    pub running: usize,
    /// Checks that wait beside them.
    pub waiting: usize,
    /// Memory of all that run, in MiB; what one check may take ([`crate::realm::MAX_MEMORY_KIB`]) at least.
    pub memory_mib: usize,
    /// How long one waits at the most.
    pub patience: Duration,
}

/// Why a password was not checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PoolError {
    /// Too many are waiting, or waited for too long: answer 503 with Retry-After.
    #[error("too many sign-ins at once")]
    Overloaded,
    /// The hash could not be computed.
    #[error("the password could not be checked")]
    Failed,
}

/// The memory of the largest check that is accepted, in MiB.
const LARGEST_MIB: usize = (crate::realm::MAX_MEMORY_KIB / 1024) as usize;

impl PoolLimits {
    /// For a machine of this many cores: 32 wait for each core, and each core has 64 MiB (256 MiB together at least).
    pub fn for_cores(cores: usize) -> Self {
        Self {
            running: cores,
            waiting: cores * 32,
            memory_mib: (cores * 64).max(LARGEST_MIB),
            patience: Duration::from_secs(5),
        }
    }
}

impl Default for PasswordPool {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self::new(PoolLimits::for_cores(cores))
    }
}

impl PasswordPool {
    /// A pool within these limits.
    pub fn new(limits: PoolLimits) -> Self {
        let running = limits.running.max(1);
        Self {
            admitted: Arc::new(Semaphore::new(running + limits.waiting)),
            running: Arc::new(Semaphore::new(running)),
            memory: Arc::new(Semaphore::new(limits.memory_mib.max(LARGEST_MIB))),
            patience: limits.patience,
        }
    }

    /// Waits until a check can run. Who goes away leaves the queue.
    ///
    /// # Errors
    /// [`PoolError::Overloaded`].
    pub async fn place(&self, check: Check) -> Result<Place, PoolError> {
        let permits = self.permits(check.memory_kib()).await?;
        Ok(Place { check, permits })
    }

    /// Hashes a new password: a PHC string, which costs as much as a check.
    ///
    /// # Errors
    /// [`PoolError`].
    pub async fn hash(&self, password: Secret) -> Result<Secret, PoolError> {
        let permits = self.permits(HashFunction::OWASP.memory_kib()).await?;
        let hashed = tokio::task::spawn_blocking(move || {
            let outcome = hash(&password);
            drop(permits);
            outcome
        });
        hashed.await.map_err(|_| PoolError::Failed)?.map_err(|_| PoolError::Failed)
    }

    async fn permits(&self, memory_kib: u32) -> Result<[OwnedSemaphorePermit; 3], PoolError> {
        let admitted = self.admitted.clone().try_acquire_owned().map_err(|_| PoolError::Overloaded)?;
        let mib = memory_kib.div_ceil(1024);
        // Memory first: who waits for it keeps no core idle.
        let permits = async {
            let memory = self.memory.clone().acquire_many_owned(mib).await?;
            Ok::<_, AcquireError>([admitted, memory, self.running.clone().acquire_owned().await?])
        };
        let permits = timeout(self.patience, permits).await.map_err(|_| PoolError::Overloaded)?;
        permits.map_err(|_| PoolError::Failed)
    }
}

/// A core and the memory for one check.
#[derive(Debug)]
pub struct Place {
    check: Check,
    permits: [OwnedSemaphorePermit; 3],
}

impl Place {
    /// Runs the check off the async threads: true for the right password. Once it runs it runs to its end, whether or not somebody still
    /// waits for it, and keeps its place until then.
    ///
    /// # Errors
    /// [`PoolError::Failed`].
    pub async fn verify(self, password: Secret) -> Result<bool, PoolError> {
        let checked = tokio::task::spawn_blocking(move || {
            let outcome = self.check.run(&password);
            drop(self.permits);
            outcome
        });
        match checked.await {
            Ok(Ok(right)) => Ok(right),
            Ok(Err(_)) | Err(_) => Err(PoolError::Failed),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures::future::join_all;

    use super::{PasswordPool, PoolError, PoolLimits};
    use crate::{
        account::Check,
        realm::{Password, PasswordHash},
        secret::Secret,
    };

    /// Right for "hunter2"; about a tenth of a second.
    fn check(function: &str) -> Check {
        let hash = format!("{function}$c2FsdHNhbHRzYWx0c2FsdA$RilxBxnvGa3JIyaXwlUUKmvuPzxjHerJeqIuhiIvKNU");
        Check::against(&Password::Phc(hash.parse::<PasswordHash>().unwrap()))
    }

    async fn verify(pool: &PasswordPool, function: &str, password: &str) -> Result<bool, PoolError> {
        pool.place(check(function)).await?.verify(Secret::new(password)).await
    }

    fn pool(running: usize, waiting: usize, patience: Duration) -> PasswordPool {
        PasswordPool::new(PoolLimits { running, waiting, memory_mib: 0, patience })
    }

    #[tokio::test]
    async fn what_does_not_fit_the_queue_is_refused_at_once_and_the_rest_is_answered() {
        let pool = pool(1, 2, Duration::from_secs(60));
        let verify = || verify(&pool, "$pbkdf2-sha256$i=1000", "hunter2");
        let answers = join_all((0..10).map(|_| verify())).await;
        assert_eq!(answers.iter().filter(|answer| **answer == Ok(true)).count(), 3);
        assert_eq!(answers.iter().filter(|answer| **answer == Err(PoolError::Overloaded)).count(), 7);
        assert_eq!(verify().await, Ok(true), "places come free again");
    }

    #[tokio::test]
    async fn who_waits_longer_than_the_patience_is_refused() {
        let pool = pool(1, 10, Duration::from_millis(1));
        let slow = || verify(&pool, "$pbkdf2-sha256$i=300000", "x");
        let answers = join_all((0..3).map(|_| slow())).await;
        assert_eq!(answers, [Ok(false), Err(PoolError::Overloaded), Err(PoolError::Overloaded)]);
    }

    #[tokio::test]
    async fn a_caller_that_goes_away_leaves_no_hole() {
        let pool = pool(1, 1, Duration::from_secs(60));
        for _ in 0..5 {
            let running = verify(&pool, "$pbkdf2-sha256$i=300000", "x");
            let gone = tokio::time::timeout(Duration::from_millis(1), running).await;
            assert!(gone.is_err());
            let next = verify(&pool, "$pbkdf2-sha256$i=1000", "hunter2").await;
            assert_eq!(next, Ok(true));
        }
    }

    #[tokio::test]
    async fn large_hashes_share_the_memory_one_after_the_other() {
        let pool = pool(4, 8, Duration::from_secs(60));
        let large = || verify(&pool, "$argon2id$v=19$m=200000,t=1,p=1", "x");
        let mut both = Box::pin(async { tokio::join!(large(), large()) });
        tokio::select! {
            _ = &mut both => {}
            () = tokio::time::sleep(Duration::from_millis(5)) => {
                assert_eq!(pool.running.available_permits(), 3, "there is memory for one of them only");
            }
        }
        assert_eq!(both.await, (Ok(false), Ok(false)));
    }
}
